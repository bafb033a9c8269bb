"""Sums and softmax along rows, sums over rows.

Lines have n numbers each; a row has some lines.
"""

from typing import Any

import numpy as np
from numba import njit

from axon.fast.kernels.arguments import Address, Floats, Integers
from axon.fast.kernels.declare import kernel
from axon.fast.kernels.functions import TINY, exp, log
from axon.fast.kernels.intrinsics import floats
from axon.fast.kernels.vectors import LANES, by_vectors, load, store, vector, where_greater

ZERO, ONE = np.float32(0), np.float32(1)
TOGETHER = 2048  # numbers


@kernel
def sum_rows(rows: int, lines: int, n: int, out: Floats, x: Floats) -> None:
    """The sum of each line."""
    for i in range(rows * lines):
        s = ZERO
        for j in range(n):
            s += x[i * n + j]
        out[i] = s


@kernel
def sum_columns(rows: int, first: bool, lines: int, n: int, out: Floats, x: Floats) -> None:
    """The sum of all lines."""
    if first:
        for j in range(n):
            out[j] = ZERO
    for i in range(rows * lines):
        for j in range(n):
            out[j] += x[i * n + j]


@kernel
def sum_all(rows: int, first: bool, n: int, out: Floats, x: Floats) -> None:
    """The sum of everything, n numbers a row."""
    s = ZERO
    for i in range(rows * n):
        s += x[i]
    out[0] = s if first else out[0] + s


@njit(inline="always")
def _sums(like: Any, at: int, given: Any) -> None:
    """Some columns of n lines, ``step`` bytes apart, added up in registers, line by line."""
    out, x, n, step = given
    total = load(x + at, like)
    for j in range(1, n):
        total = total + load(x + at + j * step, like)
    store(out + at, total)


@kernel
def sum_between(rows: int, lines: int, n: int, after: int, out: Address, x: Address) -> None:
    """Sums over lines: (lines, n, after) -> (lines, after)."""
    full = after // LANES * LANES
    for i in range(rows * lines):
        into, start = out + 4 * i * after, x + 4 * i * n * after
        by_vectors(_sums, full, (into, start, n, 4 * after))
        y, a = floats(into, after), floats(start, n * after)
        for k in range(full, after):
            y[k] = a[k]
        for j in range(1, n):
            for k in range(full, after):
                y[k] += a[j * after + k]


@kernel
def max_between(rows: int, lines: int, n: int, after: int, out: Address, x: Address) -> None:
    """The largest, or NaN: (lines, n, after) -> (lines, after)."""
    for i in range(rows * lines):
        y, a = floats(out + 4 * i * after, after), floats(x + 4 * i * n * after, n * after)
        for k in range(after):
            y[k] = a[k]
        for j in range(1, n):
            for k in range(after):
                b = a[j * after + k]
                y[k] = y[k] if y[k] >= b or y[k] != y[k] else b


@kernel
def argmax(rows: int, lines: int, n: int, out: Integers, x: Floats) -> None:
    """Where the first largest, or the first NaN, of a line is."""
    for i in range(rows * lines):
        top, at = x[i * n], 0
        for j in range(1, n):
            y = x[i * n + j]
            if y > top or (y != y and top == top):
                top, at = y, j
        out[i] = at


@kernel
def combine(rows: int, pieces: int, piece_bytes: int, out: Floats, parts: Address) -> None:
    """Add up what pieces have left."""
    start = floats(parts, rows)
    for i in range(rows):
        out[i] = start[i]
    for p in range(1, pieces):
        x = floats(parts + p * piece_bytes, rows)
        for i in range(rows):
            out[i] += x[i]


@njit(inline="always")
def largest(x: int, workspace: int, n: int) -> float:
    """The largest of n numbers; the workspace has room for n; a NaN may be passed over."""
    a = floats(x, n)
    if n < LANES:
        top = a[0]
        for j in range(1, n):
            top = a[j] if a[j] > top else top
        return top
    some = load(x, vector())
    for j in range(LANES, n, LANES):
        more = load(x + 4 * min(j, n - LANES), vector())
        some = where_greater(more, some, more, some)
    store(workspace, some)
    b = floats(workspace, LANES)
    p, q = b[0], b[1]
    for j in range(2, LANES, 2):
        p = b[j] if b[j] > p else p
        q = b[j + 1] if b[j + 1] > q else q
    return p if p > q else q


@kernel
def softmax(rows: int, lines: int, n: int, out: Address, x: Address) -> None:
    """e^x / sum of e^x, but no subnormal number, line by line."""
    lines *= rows
    some = max(1, TOGETHER // n)  # lines, short as they may be, as one run of exponentials
    for start in range(0, lines, some):
        count = min(some, lines - start)
        for i in range(start, start + count):
            y, a = floats(out + 4 * i * n, n), floats(x + 4 * i * n, n)
            top = largest(x + 4 * i * n, out + 4 * i * n, n)
            for j in range(n):
                y[j] = a[j] - top
        run = floats(out + 4 * start * n, count * n)
        for j in range(count * n):
            run[j] = exp(run[j])
        for i in range(start, start + count):
            y = floats(out + 4 * i * n, n)
            s = ZERO
            for j in range(n):
                s += y[j]
            s = ONE / s
            for j in range(n):
                share = y[j] * s
                y[j] = share if not share < TINY else TINY


@kernel
def softmax_gradient(rows: int, lines: int, n: int, out: Address, g: Address, y: Address) -> None:
    """y (g - sum of g y), line by line."""
    for i in range(rows * lines):
        at = 4 * i * n
        dx, a, b = floats(out + at, n), floats(g + at, n), floats(y + at, n)
        s = ZERO
        for j in range(n):
            s += a[j] * b[j]
        for j in range(n):
            dx[j] = b[j] * (a[j] - s)


@kernel
def log_softmax(rows: int, lines: int, n: int, out: Address, x: Address) -> None:
    """(x - m) - log of the sum of e^(x - m), m the largest x of a line."""
    for i in range(rows * lines):
        y, a = floats(out + 4 * i * n, n), floats(x + 4 * i * n, n)
        top = largest(x + 4 * i * n, out + 4 * i * n, n)
        for j in range(n):
            y[j] = a[j] - top  # kept, so that m and the logarithm are not added up first
        s = ZERO
        for j in range(n):
            s += exp(y[j])
        s = log(s)
        for j in range(n):
            y[j] -= s
