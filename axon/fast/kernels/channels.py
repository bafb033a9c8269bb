"""Batch statistics: mean and variance of each channel, shift and scale by them."""

from typing import Any

import numpy as np
from numba import njit

from axon.fast.kernels.declare import kernel
from axon.fast.kernels.intrinsics import doubles, floats, words
from axon.fast.kernels.vectors import LANES, fill, load, multiply_add, store, vector

F = np.float32
ZERO, ONE = F(0), F(1)


@njit(inline="always")
def by_channel(each: Any, C: int, w: Any) -> None:
    """each(like, channel, w): several channels at a time, then one."""
    whole = C // LANES * LANES
    for c in range(0, whole, LANES):
        each(vector(), 4 * c, w)
    for c in range(whole, C):
        each(ZERO, 4 * c, w)


# ------------------------------------------------------------------------------------ statistics


@njit(inline="always")
def _sum(like: Any, x: int, n: int, wide: int) -> Any:
    """The sum of n numbers, ``wide`` bytes apart, in four parts."""
    a, b, c, d = fill(ZERO, like), fill(ZERO, like), fill(ZERO, like), fill(ZERO, like)
    end = x + n // 4 * 4 * wide
    for at in range(x, end, 4 * wide):
        a, b = a + load(at, like), b + load(at + wide, like)
        c, d = c + load(at + 2 * wide, like), d + load(at + 3 * wide, like)
    for at in range(end, x + n * wide, wide):
        a = a + load(at, like)
    return (a + b) + (c + d)


@njit(inline="always")
def _squares(like: Any, x: int, n: int, wide: int, mean: Any) -> Any:
    """The sum of (x - mean)^2."""
    a, b = fill(ZERO, like), fill(ZERO, like)
    end = x + n // 2 * 2 * wide
    for at in range(x, end, 2 * wide):
        p, q = load(at, like) - mean, load(at + wide, like) - mean
        a, b = multiply_add(p, p, a), multiply_add(q, q, b)
    if n % 2:
        p = load(end, like) - mean
        a = multiply_add(p, p, a)
    return a + b


@njit(inline="always")
def _moments(like: Any, c: int, w: Any) -> None:
    n, wide = w[0] * w[2], w[3] * 4
    part, x = w[4] + c, w[5] + c
    mean = _sum(like, x, n, wide) * fill(ONE / F(n), like)
    squares = _squares(like, x, n, wide, mean)
    if not w[1]:
        before = doubles(w[4] + 2 * wide, 1)[0]
        share = F(n / (before + n))
        old = load(part, like)
        away = mean - old
        mean = multiply_add(away, fill(share, like), old)
        squares = multiply_add(away * away, fill(F(before) * share, like), squares)
        squares = squares + load(part + wide, like)
    store(part, mean)
    store(part + wide, squares)


@kernel
def channel_moments(address: int) -> None:
    """Mean, sum of squares around it, and number of pixels, joined to those of before.

    Of two sets the mean is m + (m' - m) n' / (n + n'), and the squares are those of both and
    (m' - m)^2 n n' / (n + n'). Words: pixels in a row, C, part, x.
    """
    w = words(address, 6)
    by_channel(_moments, w[3], w)
    count = doubles(w[4] + 8 * w[3], 1)
    count[0] = w[0] * w[2] + (0.0 if w[1] else count[0])


@kernel
def join_moments(address: int) -> None:
    """Mean and variance of all pieces. Words: C, pieces, bytes of a piece, out, parts."""
    w = words(address, 7)
    C = w[2]
    out = floats(w[5], 2 * C)
    total = 0.0
    for piece in range(w[3]):
        place = w[6] + piece * w[4]
        part, count = floats(place, 2 * C), doubles(place + 8 * C, 1)[0]
        share = F(count / (total + count))
        for c in range(C):
            if piece == 0:
                out[c], out[C + c] = part[c], part[C + c]
            else:
                away = part[c] - out[c]
                out[c] += away * share
                out[C + c] += part[C + c] + away * away * share * F(total)
        total += count
    for c in range(C):
        out[C + c] *= F(1 / total)


# ------------------------------------------------------------------------------------ shift, scale


@njit(inline="always")
def _affine(like: Any, c: int, w: Any) -> None:
    wide = w[3] * 4
    out, p, x = w[4] + c, w[5] + c, w[6] + c
    center, slope, offset = load(p, like), load(p + wide, like), load(p + 2 * wide, like)
    for at in range(0, w[0] * w[2] * wide, wide):
        store(out + at, multiply_add(load(x + at, like) - center, slope, offset))


@kernel
def channel_affine(address: int) -> None:
    """(x - p[0]) p[1] + p[2]. Words: pixels in a row, C, out, p, x."""
    w = words(address, 7)
    by_channel(_affine, w[3], w)


@njit(inline="always")
def _scale(like: Any, c: int, w: Any) -> None:
    wide, slope = w[3] * 4, load(w[6] + c, like)
    for at in range(c, w[0] * w[2] * wide + c, wide):
        store(w[4] + at, load(w[5] + at, like) * slope)


@kernel
def channel_scale(address: int) -> None:
    """x times the slope of its channel. Words: pixels in a row, C, out, x, slope."""
    w = words(address, 7)
    by_channel(_scale, w[3], w)


@njit(inline="always")
def _slopes(like: Any, c: int, w: Any) -> None:
    n, wide = w[0] * w[2], w[3] * 4
    part, g, x = w[4] + c, w[5] + c, w[6] + c
    center, minus = load(w[7] + c, like), fill(ZERO, like) - load(w[7] + c + wide, like)
    slope, total = fill(ZERO, like), fill(ZERO, like)
    for at in range(0, n * wide, wide):
        v = load(g + at, like)
        slope, total = multiply_add(load(x + at, like) - center, v, slope), total + v
    if not w[1]:
        slope, total = slope + load(part + wide, like), total + load(part + 2 * wide, like)
    store(part, minus * total)
    store(part + wide, slope)
    store(part + 2 * wide, total)


@kernel
def channel_affine_gradient(address: int) -> None:
    """-p[1] sum g, sum g (x - p[0]), sum g. Words: pixels in a row, C, part, g, x, p."""
    w = words(address, 8)
    by_channel(_slopes, w[3], w)
