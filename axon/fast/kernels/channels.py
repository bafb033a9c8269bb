"""Batch statistics: mean and variance of each channel, shift and scale by them."""

from typing import Any

import numpy as np
from numba import njit

from axon.fast.kernels.arguments import Address, Floats
from axon.fast.kernels.declare import kernel
from axon.fast.kernels.intrinsics import doubles, floats
from axon.fast.kernels.vectors import by_vectors, fill, load, multiply_add, store

F = np.float32
ZERO, ONE = F(0), F(1)


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
def _moments(like: Any, c: int, arguments: Any) -> None:
    n, wide, part, x, first = arguments
    count, part, x = part + 2 * wide, part + c, x + c
    mean = _sum(like, x, n, wide) * fill(ONE / F(n), like)
    squares = _squares(like, x, n, wide, mean)
    if not first:
        before = doubles(count, 1)[0]
        share = F(n / (before + n))
        old = load(part, like)
        away = mean - old
        mean = multiply_add(away, fill(share, like), old)
        squares = multiply_add(away * away, fill(F(before) * share, like), squares)
        squares = squares + load(part + wide, like)
    store(part, mean)
    store(part + wide, squares)


@kernel
def channel_moments(rows: int, first: bool, pixels: int, C: int, part: Address, x: Address) -> None:
    """Mean, sum of squares around it, and number of pixels, joined to those of before.

    Of two sets the mean is m + (m' - m) n' / (n + n'), and the squares are those of both and
    (m' - m)^2 n n' / (n + n'). A row has so many pixels.
    """
    n = rows * pixels
    by_vectors(_moments, C, (n, C * 4, part, x, first))
    count = doubles(part + 8 * C, 1)
    count[0] = n + (0.0 if first else count[0])


@kernel
def join_moments(C: int, pieces: int, piece_bytes: int, out: Floats, parts: Address) -> None:
    """Mean and variance of all pieces."""
    total = 0.0
    for piece in range(pieces):
        place = parts + piece * piece_bytes
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
def _affine(like: Any, c: int, arguments: Any) -> None:
    n, wide, out, p, x = arguments
    out, p, x = out + c, p + c, x + c
    center, slope, offset = load(p, like), load(p + wide, like), load(p + 2 * wide, like)
    for at in range(0, n * wide, wide):
        store(out + at, multiply_add(load(x + at, like) - center, slope, offset))


@kernel
def channel_affine(rows: int, pixels: int, C: int, out: Address, p: Address, x: Address) -> None:
    """(x - p[0]) p[1] + p[2]."""
    by_vectors(_affine, C, (rows * pixels, C * 4, out, p, x))


@njit(inline="always")
def _scale(like: Any, c: int, arguments: Any) -> None:
    n, wide, out, x, slopes = arguments
    slope = load(slopes + c, like)
    for at in range(c, n * wide + c, wide):
        store(out + at, load(x + at, like) * slope)


@kernel
def channel_scale(rows: int, pixels: int, C: int, out: Address, x: Address, slope: Address) -> None:
    """x times the slope of its channel."""
    by_vectors(_scale, C, (rows * pixels, C * 4, out, x, slope))


@njit(inline="always")
def _slopes(like: Any, c: int, arguments: Any) -> None:
    n, wide, part, g, x, p, first = arguments
    part, g, x, p = part + c, g + c, x + c, p + c
    center, minus = load(p, like), fill(ZERO, like) - load(p + wide, like)
    slope, total = fill(ZERO, like), fill(ZERO, like)
    for at in range(0, n * wide, wide):
        v = load(g + at, like)
        slope, total = multiply_add(load(x + at, like) - center, v, slope), total + v
    if not first:
        slope, total = slope + load(part + wide, like), total + load(part + 2 * wide, like)
    store(part, minus * total)
    store(part + wide, slope)
    store(part + 2 * wide, total)


@kernel
def channel_affine_gradient(
    rows: int, first: bool, pixels: int, C: int, part: Address, g: Address, x: Address, p: Address
) -> None:
    """-p[1] sum g, sum g (x - p[0]), sum g."""
    by_vectors(_slopes, C, (rows * pixels, C * 4, part, g, x, p, first))
