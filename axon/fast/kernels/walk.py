"""How kernels walk over the elements of one, two or three tensors.

The result lies in one piece; each operand has steps of its own, in elements. If the first of the
loops has no turn, the operands lie in one piece, too: so many numbers for each row.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from numba import njit

from axon.fast.kernels.arguments import ARRAYS, FAR, Address
from axon.fast.kernels.declare import declare
from axon.fast.kernels.functions import CLOSE


class Loops(NamedTuple):
    """How many turns the loops take that each row needs, the innermost last."""

    i: int
    j: int
    k: int
    inner: int


class Strided(NamedTuple):
    """Where a tensor begins, and its steps from row to row and along the loops."""

    place: Address
    by_row: int
    by_i: int
    by_j: int
    by_k: int
    step: int


@njit(forceinline=True)
def start_of(x: Strided, size: int, r: int, i: int, j: int, k: int) -> int:
    """The address of a run of numbers, ``size`` bytes each."""
    return x.place + (r * x.by_row + i * x.by_i + j * x.by_j + k * x.by_k) * size


def each(
    function: Any, out_of: Any, so: int, x_of: Any, sx: int,
    rows: int, loops: Loops, out: Address, x: Strided,
) -> None:  # fmt: skip
    """out = function(x), ``so`` and ``sx`` bytes each."""
    if loops.i == 0:
        n = rows * loops.inner
        one(function, out_of(out, n), x_of(x.place, n), n, x.step)
        return
    for r in range(rows):
        for i in range(loops.i):
            for j in range(loops.j):
                for k in range(loops.k):
                    start = start_of(x, sx, r, i, j, k)
                    one(function, out_of(out, FAR), x_of(start, FAR), loops.inner, x.step)
                    out += loops.inner * so


@njit(inline="always")
def one(function: Any, out: Any, x: Any, n: int, dx: int) -> None:
    """One run of numbers."""
    if dx == 1:
        for k in range(n):
            out[k] = function(x[k])
    else:
        for k in range(n):
            out[k] = function(x[k * dx])


@njit(forceinline=True)
def turns(rows: int, loops: Loops) -> tuple[int, int]:
    """How many rows are walked over, and how long a run is: all of it, if it lies in one piece.

    Both cases go through the same loops, so that a run is compiled once: half the time. (Functions
    of one operand, which are longer ones, became a fifth slower by it: ``each`` has two.)
    """
    return (1, rows * loops.inner) if loops.i == 0 else (rows, loops.inner)


def pairs(
    function: Any, out_of: Any, so: int, in_of: Any, si: int,
    rows: int, loops: Loops, out: Address, x: Strided, y: Strided,
) -> None:  # fmt: skip
    """out = function(x, y), both of one type."""
    runs, inner = turns(rows, loops)
    for r in range(runs):
        for i in range(max(loops.i, 1)):
            for j in range(max(loops.j, 1)):
                for k in range(max(loops.k, 1)):
                    a, b = start_of(x, si, r, i, j, k), start_of(y, si, r, i, j, k)
                    result = out_of(out, FAR)
                    two(function, result, in_of(a, FAR), in_of(b, FAR), inner, x.step, y.step)
                    out += inner * so


@njit(inline="always")
def two(function: Any, out: Any, x: Any, y: Any, n: int, dx: int, dy: int) -> None:
    """One run of numbers, x and y with steps of 1, 0 or any other."""
    if dx == 1 and dy == 1:
        for k in range(n):
            out[k] = function(x[k], y[k])
    elif dx == 1 and dy == 0:
        c = y[0]
        for k in range(n):
            out[k] = function(x[k], c)
    elif dx == 0 and dy == 1:
        c = x[0]
        for k in range(n):
            out[k] = function(c, y[k])
    else:
        for k in range(n):
            out[k] = function(x[k * dx], y[k * dy])


def triples(
    function: Any, in_of: Any, si: int, x_of: Any, sx: int,
    rows: int, loops: Loops, out: Address, x: Strided, y: Strided, z: Strided,
) -> None:  # fmt: skip
    """out = function(x, y, z), all of one type but x."""
    runs, inner = turns(rows, loops)
    for r in range(runs):
        for i in range(max(loops.i, 1)):
            for j in range(max(loops.j, 1)):
                for k in range(max(loops.k, 1)):
                    a, b = in_of(out, FAR), x_of(start_of(x, sx, r, i, j, k), FAR)
                    c = in_of(start_of(y, si, r, i, j, k), FAR)
                    d = in_of(start_of(z, si, r, i, j, k), FAR)
                    three(function, a, b, c, d, inner, x.step, y.step, z.step)
                    out += inner * si


@njit(inline="always")
def three(
    function: Any, out: Any, x: Any, y: Any, z: Any, n: int, dx: int, dy: int, dz: int
) -> None:
    """One run of numbers, z most often a single one."""
    if dx == 1 and dy == 1 and dz == 0:
        c = z[0]
        for k in range(n):
            out[k] = function(x[k], y[k], c)
    elif dx == 1 and dy == 1 and dz == 1:
        for k in range(n):
            out[k] = function(x[k], y[k], z[k])
    elif dx == 1 and dy == 0 and dz == 1:
        c = y[0]
        for k in range(n):
            out[k] = function(x[k], c, z[k])
    else:
        for k in range(n):
            out[k] = function(x[k * dx], y[k * dy], z[k * dz])


WALKS = {1: each, 2: pairs, 3: triples}  # by the number of operands


COSTS: dict[str, float] = {}  # of those that take float32s: nanoseconds for each number
OPERANDS: dict[str, int] = {}  # how many they take


def walks(
    name: str, function: Callable[..., Any], out: str = "f4", x: str = "f4", cost: float = 0.0
) -> None:
    """Declare the kernel that applies a compiled function to each number, or to each pair or three.

    Args:
        name: of the kernel.
        function: of numbers, compiled so that it is inlined.
        out: the type of the result, and of the second and third of three operands.
        x: the type of one or two operands, and of the first of three.
        cost: nanoseconds that a number takes, if the kernel does what the primitive of its name
            does, and all are float32.
    """
    count = function.py_func.__code__.co_argcount  # type: ignore[attr-defined]
    declare(name, WALKS[count], function, *ARRAYS[out], *ARRAYS[x])
    if cost:
        COSTS[name], OPERANDS[name] = cost, count


def elementwise(cost: float) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A function of one, two or three float32s, and the kernel of the primitive of its name.

    Args:
        cost: nanoseconds that a number takes, about.
    """

    def note(function: Callable[..., Any]) -> Callable[..., Any]:
        compiled: Callable[..., Any] = njit(forceinline=True, fastmath=CLOSE)(function)
        walks(function.__name__, compiled, cost=cost)
        return compiled

    return note
