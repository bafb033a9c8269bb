"""Arguments of compiled kernels: named once, by the kernel, and compared with each call."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

pytest.importorskip("numba")

import axon.fast
from axon import ops
from axon.core import Tensor
from axon.fast import lower
from axon.fast.kernels import KERNELS, declare
from axon.fast.kernels.arguments import (
    LONG as LONG_REAL,
)
from axon.fast.kernels.arguments import (
    SHORT,
    Address,
    Argument,
    CompiledKernel,
    Double,
    Doubles,
    Float,
    Floats,
    Integers,
    LongReal,
    OptionalAddress,
    Real,
)
from axon.fast.kernels.intrinsics import doubles
from axon.fast.kernels.walk import Strided
from axon.fast.processes.edition import digest
from axon.fast.rules.calls import At, Call, Word, Workspace, _word
from axon.program.lowerings import LoweredPlan
from axon.program.plan import Plan
from axon.program.trace import trace

HERE = Path(axon.fast.__file__).parent


def test_no_kernel_and_no_rule_counts_words() -> None:
    files = [*HERE.glob("kernels/*.py"), *HERE.glob("rules/*.py")]
    files.remove(HERE / "kernels" / "arguments.py")  # which reads those that are told
    counted = re.compile(r"\bw\[\d|\baddress \+ \d|\barguments\[-?\d")
    found = [(f.name, m) for f in files for m in counted.findall(f.read_text(encoding="utf-8"))]
    assert len(files) > 30
    assert not found


def test_machine_code_is_given_up_when_numbers_from_another_room_change() -> None:
    found = re.compile(
        r"^from (axon\.(?!fast|backend|clock|locks|threads)[\w.]+) import", re.MULTILINE
    )
    files = (HERE / "kernels").glob("*.py")
    elsewhere = {m for f in files for m in found.findall(f.read_text(encoding="utf-8"))}
    assert elsewhere == {"axon.ops.error_function"}
    here = sorted([*HERE.glob("*.py"), *HERE.glob("kernels/*.py")])
    numbers = HERE.parent / "ops" / "error_function.py"
    assert declare.EDITION == digest(sorted([*here, numbers])) != digest(here)


def machine_of_relu() -> LoweredPlan:
    x = Tensor(np.ones((4, 3), np.float32))
    instructions, outputs = trace(lambda a: [ops.exp(a) * 2.0], [x])
    return lower(Plan(instructions, outputs), [x], outputs)


def changed(name: str, change: dict[str, Any], new: dict[str, Any]) -> CompiledKernel:
    """A kernel with some arguments renamed (or left out, if they become None), and new ones."""
    kernel = KERNELS[name]
    old = kernel.parameters.items()
    renamed = {change.get(n, n): annotation for n, annotation in old if change.get(n, n)}
    heads = ", ".join([f"given_{k}" for k, _ in enumerate(kernel.given)] + [*renamed, *new])
    names: dict[str, Any] = {}
    exec(f"def function({heads}): pass", names)
    names["function"].__annotations__ = {**renamed, **new}
    return CompiledKernel(name, names["function"], kernel.given)


@pytest.mark.parametrize(
    ("change", "new", "said"),
    [
        ({"x": "source"}, {}, "is not given 'source' and has no argument 'x'"),
        ({}, {"slope": Real}, "is not given 'slope'"),
        ({"out": None}, {}, "has no argument 'out'"),
    ],
)
def test_what_a_kernel_alone_changes_is_an_error_when_a_program_is_lowered(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], new: dict[str, Any], said: str
) -> None:
    machine_of_relu()
    monkeypatch.setitem(KERNELS, "exp", changed("exp", change, new))
    with pytest.raises(TypeError, match=f"kernel 'exp' {said}"):
        machine_of_relu()


SINGLE, LONG = Tensor(np.ones(3, np.float32)), Tensor(np.ones(3))
WELL = {"x": At(SINGLE), "norm": At(LONG), "limit": 2.0}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"y": At(SINGLE)}, "has no argument 'y'"),
        ({"x": At(LONG)}, "'x': expected the place of float32 numbers, got At"),
        ({"x": 3}, "'x': expected the place of float32 numbers, got 3"),
        ({"x": None}, "'x': expected the place of float32 numbers, got None"),
        ({"norm": At(SINGLE)}, "'norm': expected the place of a float64, got At"),
        ({"limit": At(SINGLE)}, "'limit': expected a number, got At"),
        ({"limit": True}, "'limit': expected a number, got True"),
        ({"x": Word(5)}, "'x': expected the place of float32 numbers, got Word"),
    ],
)
def test_what_a_call_alone_changes_is_an_error(given: dict[str, Any], said: str) -> None:
    Call("limit_norm", **WELL)
    with pytest.raises(TypeError, match=f"kernel 'limit_norm',? {said}"):
        Call("limit_norm", **(WELL | given))
    with pytest.raises(TypeError, match="kernel 'limit_norm' is not given 'limit'"):
        Call("limit_norm", x=At(SINGLE), norm=At(LONG))


def test_integers_truth_and_groups_are_told_apart() -> None:
    out = At(Workspace(by_row=4))
    for n in (2.0, True, 2**63):
        with pytest.raises(TypeError, match=f"an integer, got {n}"):
            Call("zeros", n=n, out=out)
    assert Call("zeros", n=Word(1, by_row=1), out=out).arguments[0] == Word(1, by_row=1)
    with pytest.raises(TypeError, match="kernel 'relu', 'loops': expected a Loops, got 3"):
        Call("relu", loops=3, out=out, x=Strided(out, 0, 0, 0, 0, 0))


@pytest.mark.parametrize("number", [1e39, -1e39, 10**40, np.float64(1e300), 3, np.inf])
def test_a_number_that_its_type_cannot_hold_is_infinite_as_in_numpy(number: Any) -> None:
    for form, dtype, same in ((SHORT, np.float32, np.int32), (LONG_REAL, np.float64, np.int64)):
        with np.errstate(over="ignore"):
            as_numpy = dtype(number)
        word = _word(KERNELS["limit_norm"], Argument("limit", form), number)
        assert isinstance(word, Word)
        assert word.value == as_numpy.view(same)


def test_a_layer_with_a_number_that_no_float32_holds_is_compiled() -> None:
    x = Tensor(np.ones((4, 3), np.float32))
    layer = axon.layers.LayerNormalization(epsilon=1e39)
    layer.build((3,))
    with np.errstate(over="ignore"):
        instructions, outputs = trace(lambda a: [layer(a)], [x])
    expected = outputs[0].data.copy()
    machine = lower(Plan(instructions, outputs), [x], outputs)
    machine.run()
    np.testing.assert_array_equal(outputs[0].data, expected)


def test_all_that_fetch_batches_are_called_alike() -> None:
    fetching = [k for name, k in KERNELS.items() if name.startswith("gather_")]
    assert len(fetching) == 6
    for kernel in fetching:
        assert [a.name for a in kernel.arguments] == KERNELS["nothing"].names


class Pair(NamedTuple):
    """Two words."""

    place: Address
    step: int


def all_forms(
    rows: int, first: bool, out: Doubles, a: Float, b: Double, c: Floats, d: Doubles, e: Integers,
    f: Real, g: LongReal, h: int, i: bool, pair: Pair, nowhere: OptionalAddress,
) -> None:  # fmt: skip
    """Leave what was read."""
    out[0], out[1], out[2], out[3], out[4] = rows, first, a, b, c[1]
    out[5], out[6], out[7], out[8], out[9] = d[1], e[1], f, g, h
    out[10], out[11], out[12], out[13] = i, doubles(pair.place, 1)[0], pair.step, nowhere


def test_each_form_of_argument_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KERNELS, "all_forms", CompiledKernel("all_forms", all_forms))
    monkeypatch.setattr(declare, "_compiled", {})
    out = np.zeros(14)
    numbers = {
        "a": np.array([1.5], "f4"),
        "b": np.array([2.5]),
        "c": np.array([0, 3.5], "f4"),
        "d": np.array([0, 4.5]),
        "e": np.array([0, -5]),
    }
    place = np.array([6.5])
    tensors = {name: At(Tensor(array)) for name, array in numbers.items()}
    call = Call(
        "all_forms", out=At(Tensor(out)), **tensors, f=0.1, g=0.1, h=-8, i=True,
        pair=Pair(At(Tensor(place)), 9), nowhere=None,
    )  # fmt: skip
    words = [7, 1]
    for a in call.arguments:
        words.append(a.tensor.data.ctypes.data if isinstance(a, At) else a.value)
    table = np.array(words, np.int64)
    declare.address("all_forms")
    declare._compiled["all_forms"].ctypes(table.ctypes.data)
    read = [7, 1, 1.5, 2.5, 3.5, 4.5, -5, np.float32(0.1), 0.1, -8, 1, 6.5, 9, 0]
    assert out.tolist() == [float(number) for number in read]
