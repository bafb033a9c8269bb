"""Sums and softmax along rows, sums over rows."""

import numpy as np
from numba import njit

from axon.fast.kernels.declare import kernel
from axon.fast.kernels.functions import TINY, exp, log
from axon.fast.kernels.intrinsics import floats, words
from axon.fast.kernels.vectors import LANES, load, store, vector, where_greater

ZERO, ONE = np.float32(0), np.float32(1)
TOGETHER = 2048  # numbers


@kernel
def sum_rows(address: int) -> None:
    """The sum of each row. Words: lines per row, n, out, x."""
    w = words(address, 6)
    lines, n = w[0] * w[2], w[3]
    out, x = floats(w[4], lines), floats(w[5], lines * n)
    for i in range(lines):
        s = ZERO
        for j in range(n):
            s += x[i * n + j]
        out[i] = s


@kernel
def sum_columns(address: int) -> None:
    """The sum of all rows. Words: lines per row, n, out, x."""
    w = words(address, 6)
    lines, n = w[0] * w[2], w[3]
    out, x = floats(w[4], n), floats(w[5], lines * n)
    if w[1]:
        for j in range(n):
            out[j] = ZERO
    for i in range(lines):
        for j in range(n):
            out[j] += x[i * n + j]


@kernel
def sum_all(address: int) -> None:
    """The sum of everything. Words: numbers per row, out, x."""
    w = words(address, 5)
    n = w[0] * w[2]
    out, x = floats(w[3], 1), floats(w[4], n)
    s = ZERO
    for i in range(n):
        s += x[i]
    out[0] = s if w[1] else out[0] + s


@kernel
def sum_between(address: int) -> None:
    """Sums over lines: (lines, n, after) -> (lines, after).

    Words: lines per row, n, after, out, x.
    """
    w = words(address, 7)
    lines, n, after = w[0] * w[2], w[3], w[4]
    for i in range(lines):
        out, x = floats(w[5] + 4 * i * after, after), floats(w[6] + 4 * i * n * after, n * after)
        for k in range(after):
            out[k] = x[k]
        for j in range(1, n):
            for k in range(after):
                out[k] += x[j * after + k]


@kernel
def max_between(address: int) -> None:
    """The largest, or NaN: (lines, n, after) -> (lines, after). Words as for sum_between."""
    w = words(address, 7)
    lines, n, after = w[0] * w[2], w[3], w[4]
    for i in range(lines):
        out, x = floats(w[5] + 4 * i * after, after), floats(w[6] + 4 * i * n * after, n * after)
        for k in range(after):
            out[k] = x[k]
        for j in range(1, n):
            for k in range(after):
                y = x[j * after + k]
                out[k] = out[k] if out[k] >= y or out[k] != out[k] else y


@kernel
def argmax(address: int) -> None:
    """Where the first largest, or the first NaN, of a line is. Words: lines per row, n, out, x."""
    w = words(address, 6)
    lines, n = w[0] * w[2], w[3]
    out, x = words(w[4], lines), floats(w[5], lines * n)
    for i in range(lines):
        top, at = x[i * n], 0
        for j in range(1, n):
            y = x[i * n + j]
            if y > top or (y != y and top == top):
                top, at = y, j
        out[i] = at


@kernel
def combine(address: int) -> None:
    """Add up what pieces have left. Words: numbers per row, pieces, bytes of a piece, out, x."""
    w = words(address, 7)
    n, pieces, size = w[0] * w[2], w[3], w[4]
    out = floats(w[5], n)
    first = floats(w[6], n)
    for i in range(n):
        out[i] = first[i]
    for p in range(1, pieces):
        x = floats(w[6] + p * size, n)
        for i in range(n):
            out[i] += x[i]


@njit(inline="always")
def largest(x: int, room: int, n: int) -> float:
    """The largest of n numbers; ``room`` may be written to; a NaN may be passed over."""
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
    store(room, some)
    b = floats(room, LANES)
    p, q = b[0], b[1]
    for j in range(2, LANES, 2):
        p = b[j] if b[j] > p else p
        q = b[j + 1] if b[j + 1] > q else q
    return p if p > q else q


@kernel
def softmax(address: int) -> None:
    """e^x / sum of e^x, but no subnormal number, row by row. Words: lines per row, n, out, x."""
    w = words(address, 6)
    lines, n = w[0] * w[2], w[3]
    some = max(1, TOGETHER // n)  # lines, short as they may be, as one run of exponentials
    for start in range(0, lines, some):
        count = min(some, lines - start)
        for i in range(start, start + count):
            out, x = floats(w[4] + 4 * i * n, n), floats(w[5] + 4 * i * n, n)
            top = largest(w[5] + 4 * i * n, w[4] + 4 * i * n, n)
            for j in range(n):
                out[j] = x[j] - top
        run = floats(w[4] + 4 * start * n, count * n)
        for j in range(count * n):
            run[j] = exp(run[j])
        for i in range(start, start + count):
            out = floats(w[4] + 4 * i * n, n)
            s = ZERO
            for j in range(n):
                s += out[j]
            s = ONE / s
            for j in range(n):
                y = out[j] * s
                out[j] = y if not y < TINY else TINY


@kernel
def softmax_gradient(address: int) -> None:
    """y (g - sum of g y), row by row. Words: lines per row, n, out, g, y."""
    w = words(address, 7)
    lines, n = w[0] * w[2], w[3]
    for i in range(lines):
        at = 4 * i * n
        out, g, y = floats(w[4] + at, n), floats(w[5] + at, n), floats(w[6] + at, n)
        s = ZERO
        for j in range(n):
            s += g[j] * y[j]
        for j in range(n):
            out[j] = y[j] * (g[j] - s)


@kernel
def log_softmax(address: int) -> None:
    """(x - m) - log of the sum of e^(x - m), m the largest x. Words: lines per row, n, out, x."""
    w = words(address, 6)
    lines, n = w[0] * w[2], w[3]
    for i in range(lines):
        out, x = floats(w[4] + 4 * i * n, n), floats(w[5] + 4 * i * n, n)
        top = largest(w[5] + 4 * i * n, w[4] + 4 * i * n, n)
        for j in range(n):
            out[j] = x[j] - top  # kept, so that m and the logarithm are not added up first
        s = ZERO
        for j in range(n):
            s += exp(out[j])
        s = log(s)
        for j in range(n):
            out[j] -= s
