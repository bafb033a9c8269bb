"""Comparisons, choices, and other types than float32."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from axon.fast.kernels.arguments import ARRAYS, FAR, Address, Doubles
from axon.fast.kernels.declare import declare, kernel
from axon.fast.kernels.intrinsics import bytes_
from axon.fast.kernels.walk import Loops, Operand, start_of, walks

# ------------------------------------------------------------------------------------ comparisons


def compare(
    in_of: Any, size: int, rows: int, loops: Loops, out: Address, x: Operand, y: Operand,
    less: bool, same: bool, more: bool, none: bool,
) -> None:  # fmt: skip
    """1 or 0: whether x < y, x = y, x > y, and neither, give 1."""
    one_piece = loops.i == 0
    inner = rows * loops.inner if one_piece else loops.inner
    turns = min(rows, 1) if one_piece else rows
    for r in range(turns):
        for i in range(max(loops.i, 1)):
            for j in range(max(loops.j, 1)):
                for k in range(max(loops.k, 1)):
                    a = in_of(start_of(x, size, r, i, j, k), FAR)
                    b, result = in_of(start_of(y, size, r, i, j, k), FAR), bytes_(out, inner)
                    for n in range(inner):
                        u, v = a[n * x.step], b[n * y.step]
                        below, equal, above = u < v, u == v, u > v
                        apart = not (below or equal or above)
                        yes = (below & less) | (equal & same) | (above & more) | (apart & none)
                        result[n] = np.uint8(yes)
                    out += inner


for _type in ("f4", "f8", "i8", "b1"):
    declare(f"compare_{_type}", compare, *ARRAYS[_type])


def _typed(name: str, out: str, x: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The kernel that does this to numbers of other types (walk.py)."""

    def note(function: Callable[..., Any]) -> Callable[..., Any]:
        compiled: Callable[..., Any] = njit(forceinline=True)(function)
        walks(name, compiled, out, x)
        return compiled

    return note


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


@_typed("add_f8", "f8", "f8")
def _add(x: float, y: float) -> float:
    return x + y


@_typed("subtract_f8", "f8", "f8")
def _subtract(x: float, y: float) -> float:
    return x - y


@_typed("multiply_f8", "f8", "f8")
def _multiply(x: float, y: float) -> float:
    return x * y


@_typed("divide_f8", "f8", "f8")
def _divide(x: float, y: float) -> float:
    return x / y


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
