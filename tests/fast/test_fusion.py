"""What is done in one pass: the same bits as step by step."""

from typing import Any

import numpy as np
import pytest

from axon.core import PRIMITIVES, Tensor, grad
from axon.program.plan import Plan
from axon.program.trace import trace

pytest.importorskip("numba")

from axon.fast import fusion, lower
from axon.fast.kernels.activations import BENT

N = 37


def bent(activation: str, z: Tensor, a: Tensor, g: Tensor) -> list[Tensor]:
    """z + a (f(z) - z) and its gradients."""
    y = z * 1.0
    out = y + a * (PRIMITIVES[activation](y) - y)
    return [out.detach(), *(t.detach() for t in grad(out, [z, a], gradient=g))]


def outcome(activation: str, shapes: Any, fused: bool, monkeypatch: Any) -> tuple[Any, list[str]]:
    """Results, and what the program does."""
    rng = np.random.default_rng(0)
    arrays = [3 * rng.normal(size=shape).astype("f4") for shape in (*shapes, shapes[0])]
    tensors = [Tensor(a, requires_grad=True) for a in arrays]
    instructions, outs = trace(lambda *ts: bent(activation, *ts), tensors)
    plan = Plan(instructions, outs)
    with monkeypatch.context() as patch:
        if not fused:
            for name in ("between", "bent"):
                patch.setattr(fusion.Rewriter, name, lambda *_: None)
        names = [i.primitive.name for i in fusion.fused(plan, outs).instructions]
        machine = lower(plan, [tensors[0], tensors[2]], outs)
    machine.run()
    return [np.array(a) for a in machine.outputs], names


SHAPES = {
    "rows": ((N, 50), (1, 50)),
    "members": ((3, N, 20), (3, 1, 20)),
    "single": ((N, 7), ()),
    "full": ((N, 33), (N, 33)),
}


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("activation", ["selu", "mish", "relu", "tanh"])
def test_parametric_activations_keep_their_bits(
    activation: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, _ = outcome(activation, SHAPES[kind], False, monkeypatch)
    got, names = outcome(activation, SHAPES[kind], True, monkeypatch)
    assert {"between", "times_difference"} <= set(names)
    assert "subtract" not in names
    whole = f"{activation}_gradient" in BENT
    assert (f"bent_{activation}_gradient" in names) == whole == ("negative" not in names)
    for one, other in zip(got, plain, strict=True):
        assert one.tobytes() == other.tobytes()


def names_of(function: Any, *shapes: Any) -> list[str]:
    tensors = [Tensor(np.ones(s, "f4")) for s in shapes]
    instructions, outs = trace(function, tensors)
    return [i.primitive.name for i in fusion.fused(Plan(instructions, outs), outs).instructions]


def test_what_others_read_is_worked_out() -> None:
    a, x = (5,), (4, 5)
    plain = names_of(lambda a, x, y: [x * 1 + a * (y * 1 - x * 1)], a, x, x)
    assert "between" not in plain  # three different x

    def shown(a: Tensor, x: Tensor, y: Tensor, d_too: bool, sum_too: bool) -> list[Tensor]:
        x, y = x * 1, y * 1
        d = y - x
        m = a * d
        return [x + m, *([d] if d_too else []), *([m * 2] if sum_too else [])]

    assert "between" in names_of(lambda *t: shown(*t, False, False), a, x, x)
    assert "between" not in names_of(lambda *t: shown(*t, True, False), a, x, x)
    assert "between" not in names_of(lambda *t: shown(*t, False, True), a, x, x)
    assert "between" not in names_of(lambda a, x, y: [x + a * (y - x)], a, x, x)  # not made here


def test_what_is_changed_meanwhile_is_read_before() -> None:
    def change(a: Tensor, x: Tensor, y: Tensor) -> list[Tensor]:
        x, y = x * 1, y * 1
        d = y - x
        y.assign(x * 5)
        return [x + a * d, y]

    assert "between" not in names_of(change, (5,), (4, 5), (4, 5))
