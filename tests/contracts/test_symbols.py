"""Kernels are straight-line functions of ``xp``: each writes down its own formula, and it is right.

So programs for other devices can be derived from the kernels themselves, also from a user's. For
each primitive these tests say whether it is so; one that is not stands below, with the reason.
"""

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import axon
from axon import ops
from axon.activations import gelu, sigmoid
from axon.core import Primitive, primitive
from axon.operators import PRIMITIVES
from axon.symbols import ValueAskedFor, evaluate, formula_of, symbol
from tests.contracts.primitives import NAMES, OURS, assert_same_bits, every_sample, outcome, sample
from tests.samples.loops import looped

# Primitives whose kernels ask for values, with the reason.
NOT_DERIVED = {
    "adam_scalars": "two numbers a step: powers in float64, which Python rounds alike everywhere",
    "argsort": "NumPy's argsort has no out=: its result is copied",
    **dict.fromkeys(
        ("solve", "slogdet", "cholesky", "eigh", "qr", "svd", "pinv"), "LAPACK's functions"
    ),
    "add_mean": "one number a step, added up in float64, which is quicker in Python",
}
DERIVED = [name for name in NAMES if name not in NOT_DERIVED]

ROOT = Path(axon.__file__).parent


@every_sample(DERIVED)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_formula_gives_the_bits_of_the_kernel(name: str, number: int, dtype: Any) -> None:
    arrays, meta = sample(name, number, dtype)
    formula = formula_of(OURS[name], arrays, meta)
    got = evaluate(formula, arrays)
    assert_same_bits(got, outcome(OURS[name], [a.copy() for a in arrays], meta))
    if OURS[name].facts.alone:
        assert formula.by_number, "declared to compute each number from those at its place alone"


@pytest.mark.parametrize("name", NOT_DERIVED)
def test_what_has_a_reason_not_to_be_derived_is_not(name: str) -> None:
    with pytest.raises(ValueAskedFor):
        formula_of(OURS[name], *sample(name, 0, np.float32))


def test_every_primitive_is_derived_or_has_a_reason() -> None:
    assert set(DERIVED) | set(NOT_DERIVED) == set(OURS)


def test_the_list_of_functions_holds_no_more_than_is_used() -> None:
    """A function that a new kernel needs goes onto the list; one that none needs goes off it."""
    used = {name for tree in KERNELS.values() for name in named_of_xp(tree)}
    assert used - {"lib.stride_tricks.as_strided", "lib.stride_tricks"} == symbol.FUNCTIONS
    assert len(symbol.FUNCTIONS) <= 70


# ------------------------------------------------------------------------------------ the text

KERNELS = {
    f"{path.relative_to(ROOT)}: {node.name}": node
    for room in ("ops", "activations", "losses", "optimizers", "metrics", "backend.py", "pieces.py")
    for path in ([ROOT / room] if room.endswith(".py") else sorted((ROOT / room).rglob("*.py")))
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    if isinstance(node, ast.FunctionDef | ast.ClassDef)
    if any(a.arg == "xp" for a in ast.walk(node) if isinstance(a, ast.arg))
}


def named_of_xp(tree: ast.AST) -> set[str]:
    """Whatever of ``xp`` stands in the text of a kernel: the longest names."""
    found = {ast.unparse(n) for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    names = {t.removeprefix("self.").removeprefix("xp.") for t in found if "xp." in t[:8]}
    return {n for n in names if not any(other.startswith(f"{n}.") for other in names)} | (
        {"lib"} if "lib.stride_tricks.as_strided" in names else set()
    )


@looped("name", KERNELS)
def test_kernels_compute_by_xp_and_ask_it_nothing(name: str) -> None:
    for node in ast.walk(KERNELS[name]):
        if isinstance(node, ast.Attribute):
            assert not ast.unparse(node).startswith("np."), ast.unparse(node)
        if isinstance(node, ast.Compare):
            assert "xp" not in map(ast.unparse, [node.left, *node.comparators]), ast.unparse(node)


# ------------------------------------------------------------------------------------ by hand


def test_a_formula_can_be_read() -> None:
    formula = formula_of(sigmoid, [np.ones(3, np.float32)], {})
    steps = [line.split(" = ")[1].split("(")[0] for line in str(formula).splitlines()]
    assert [s for s in steps if s != "asarray"] == [
        "negative",
        "minimum",
        "exp",
        "add",
        "reciprocal",
    ]
    product = formula_of(ops.multiply, [np.ones(3), np.ones(3)], {})
    assert str(product) == "%0 = multiply(x, y)"
    assert product.by_number


def test_what_looks_at_other_places_is_not_by_number() -> None:
    x = np.ones((2, 3))
    assert not formula_of(ops.sum, [x], {"axis": 0}).by_number
    assert not formula_of(PRIMITIVES["concatenate"], [x, x], {"axis": 0}).by_number
    assert formula_of(gelu, [x], {}).by_number


def mended(kernel: Callable[..., Any], *arrays: np.ndarray) -> Any:
    """The formula of a primitive that is gone afterwards."""
    made: Primitive = primitive(kernel)
    try:
        return formula_of(made, arrays, {})
    finally:
        del PRIMITIVES[made.name]


def test_a_kernel_that_asks_for_values_is_found_out() -> None:
    def branches(out: Any, x: Any, *, xp: Any) -> None:
        if xp.maximum.reduce(x, axis=None) > 0:
            xp.negative(x, out=out)

    def converts(out: Any, x: Any, *, xp: Any) -> None:
        xp.multiply(x, float(x[0]), out=out)

    def leaves(out: Any, x: Any, *, xp: Any) -> None:
        out[...] = np.exp(x)

    for kernel in (branches, converts, leaves):
        with pytest.raises(TypeError):
            mended(kernel, np.ones(2))


def test_a_function_that_is_not_listed_is_refused() -> None:
    def waits(out: Any, x: Any, *, xp: Any) -> None:
        xp.fft(x, out=out)

    with pytest.raises(AttributeError, match=r"xp\.fft: not in the list"):
        mended(waits, np.ones(2))


def test_a_view_that_copies_is_refused() -> None:
    def copies(out: Any, x: Any, *, xp: Any) -> None:
        xp.copyto(out.reshape(-1), x.T.reshape(-1))

    with pytest.raises(ValueError, match="this view copies its numbers"):
        mended(copies, np.ones((2, 3)))


def test_what_is_read_before_it_is_written_shows() -> None:
    def reads(out: Any, x: Any, *, xp: Any) -> None:
        xp.add(out, x, out=out)

    x = np.ones(2)
    assert evaluate(mended(reads, x), [x])[0][0] != 1.0


def test_a_formula_leaves_the_number_of_threads_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(axon.threads._settings, "number", 7)
    seen = []

    def asks(out: Any, x: Any, *, xp: Any) -> None:
        seen.append(axon.get_threads())
        xp.copyto(out, x)

    mended(asks, np.ones(2))
    assert (seen, axon.get_threads()) == ([1], 7)
