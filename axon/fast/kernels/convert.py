"""Comparisons, choices, and other types than float32."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from axon.fast.kernels.arguments import Doubles
from axon.fast.kernels.declare import kernel
from axon.fast.kernels.walk import walks


def _typed(name: str, out: str, x: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The kernel that does this to numbers of other types (walk.py)."""

    def note(function: Callable[..., Any]) -> Callable[..., Any]:
        compiled: Callable[..., Any] = njit(forceinline=True)(function)
        walks(name, compiled, out, x)
        return compiled

    return note


# ------------------------------------------------------------------------------------ comparisons


def _truth_of(compare: Any) -> Any:
    return njit(forceinline=True)(lambda x, y: np.uint8(compare(x, y)))


COMPARISONS = {
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "equal": operator.eq,
    "not_equal": operator.ne,
}
COMPARED = ("f4", "f8", "i8", "b1")  # types
for _name, _compare in COMPARISONS.items():
    _function = _truth_of(_compare)
    for _type in COMPARED:
        walks(f"{_name}_{_type}", _function, "b1", _type)


@_typed("where", "f4", "b1")
def _where(x: int, y: float, z: float) -> float:
    """y where x is true, else z."""
    return y if x else z


@_typed("times_truth", "f4", "b1")
def _times_truth(x: int, y: float, z: float) -> float:
    """y where x is true, else y z, with z = 0."""
    return y if x else y * z


@_typed("both", "b1", "b1")
def _both(x: int, y: int) -> int:
    """Whether both are true."""
    return x & y


# ------------------------------------------------------------------------------------ conversions


@njit(forceinline=True)
def _single(x: Any) -> float:
    return np.float32(x)


@njit(forceinline=True)
def _double(x: Any) -> float:
    return np.float64(x)


@njit(forceinline=True)
def _integer(x: Any) -> int:
    return np.int64(x)


@njit(forceinline=True)
def _truth(x: Any) -> int:
    return np.uint8(x != 0)


@njit(forceinline=True)
def _same(x: Any) -> Any:
    return x


for _out, _function, _sources in (
    ("f4", _single, ("f4", "f8", "i8", "i4", "u1")),
    ("f8", _double, ("f4", "f8", "i8", "i4", "u1")),
    ("i8", _integer, ("i8", "i4", "u1")),
    ("u1", _same, ("u1",)),
    ("b1", _truth, ("f4",)),
):
    for _source in _sources:
        walks(f"{_source}_to_{_out}", _function, _out, _source)


# ------------------------------------------------------------------------------------ long floats


def _applied(function: Any) -> Any:
    return njit(forceinline=True)(lambda x, y: function(x, y))


walks("add_f8", _applied(operator.add), "f8", "f8")
walks("subtract_f8", _applied(operator.sub), "f8", "f8")
walks("multiply_f8", _applied(operator.mul), "f8", "f8")
walks("divide_f8", _applied(operator.truediv), "f8", "f8")


@_typed("absolute_f8", "f8", "f8")
def _absolute(x: float) -> float:
    return abs(x)


@_typed("square_f8", "f8", "f8")
def _square(x: float) -> float:
    return x * x


@kernel
def sum_rows_f8(rows: int, lines: int, n: int, out: Doubles, x: Doubles) -> None:
    """The sum of each line of n numbers."""
    for i in range(rows * lines):
        s = 0.0
        for j in range(n):
            s += x[i * n + j]
        out[i] = s


@kernel
def sum_f8(rows: int, first: bool, n: int, out: Doubles, x: Doubles) -> None:
    """The sum of everything, in order."""
    s = 0.0
    for i in range(rows * n):
        s += x[i]
    out[0] = s if first else out[0] + s


# ------------------------------------------------------------------------------------ integers


@_typed("add_i4", "i4", "i4")
def _add_integers(x: int, y: int) -> int:
    """x + y, counted round."""
    return np.int32(x + y)
