"""The compiled product of rows of bins: any number of outputs, columns in parts, any threads."""

from typing import Any

import numpy as np
import pytest

from axon import ops
from axon.core import Tensor
from axon.program.plan import Plan
from axon.program.trace import trace

pytest.importorskip("numba")

from axon.fast import builder, lower, machine
from axon.fast.rules import piecewise
from axon.fast.workers import Workers

ROWS, SIZES = 23, (3, 1, 17, 2, 8, 16, 5)
ACROSS = piecewise.ACROSS


def given(outputs: int, kind: str, rows: int = ROWS) -> dict[str, list[Any]]:
    """What the two primitives take; places from before the first bin to beyond the last one."""
    rng = np.random.default_rng(outputs)
    bins = rng.integers(0 if kind == "u1" else -3, 21, (rows, len(SIZES))).astype(kind)
    fractions = rng.random(bins.shape, np.float32)
    weights, g = (rng.normal(size=(n, outputs)).astype("f4") for n in (sum(SIZES), rows))
    shared = [bins, fractions]
    return {
        "piecewise_matmul": [*shared, weights],
        "piecewise_matmul_gradient": [*shared, g],
    }


def compiled(name: str, arrays: list[Any]) -> Any:
    """What the compiled kernel says, which does it all."""
    tensors = [Tensor(a.copy()) for a in arrays]
    primitive = getattr(ops, name)
    instructions, outs = trace(lambda *ts: [primitive(*ts, sizes=SIZES)], tensors)
    made = lower(Plan(instructions, outs), tensors[:2], outs)
    assert not made.names
    for tensor, array in zip(tensors, arrays, strict=True):
        tensor.data[...] = array
    made.run()
    return made.outputs[0].copy()


@pytest.mark.parametrize("kind", ["u1", "i4", "i8"])
@pytest.mark.parametrize("together", [1, 20, 1000])
def test_any_number_of_outputs_and_columns_in_parts(
    kind: str, together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(piecewise, "TOGETHER", together)
    for outputs in (1, ACROSS - 1, ACROSS, 2 * ACROSS + ACROSS // 4 + 3):
        for name, arrays in given(outputs, kind).items():
            wide = [a.astype("f8") if a.dtype.kind == "f" else a for a in arrays]
            wanted = getattr(ops, name)(*wide, sizes=SIZES)
            np.testing.assert_allclose(compiled(name, arrays), wanted, rtol=1e-5, atol=1e-5)


def test_any_number_of_threads_gives_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builder, "PIECE", 1.0)
    monkeypatch.setattr(builder, "TOGETHER", 0.0)
    found = []
    crews = [Workers(0), Workers(2)]
    for crew in crews:
        monkeypatch.setattr(machine, "workers", lambda parallel, crew=crew: crew)
        found.append([compiled(*each) for each in given(7 * ACROSS + 5, "i4").items()])
    for one, three in zip(*found, strict=True):
        np.testing.assert_array_equal(one, three)


def test_a_batch_without_rows() -> None:
    back = compiled(
        "piecewise_matmul_gradient", given(5, "i4", rows=0)["piecewise_matmul_gradient"]
    )
    assert back.shape == (sum(SIZES), 5)
    assert not back.any()
