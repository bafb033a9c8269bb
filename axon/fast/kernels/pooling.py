"""Pooling: the largest or the mean of what each window sees, several channels at once."""

from typing import Any

import numpy as np
from numba import njit

from axon.fast.kernels.convolution import clear
from axon.fast.kernels.declare import kernel
from axon.fast.kernels.intrinsics import words
from axon.fast.kernels.vectors import (
    LANES,
    fill,
    load,
    load_bytes,
    store,
    store_bytes,
    vector,
    where_equal,
    where_greater,
    where_nan,
)

F = np.float32
ZERO, ONE = F(0), F(1)


@njit
def reach(start: int, taps: int, size: int) -> Any:
    """The first and the last tap that lie on the image, of a window that begins at ``start``."""
    return max(0, -start), min(taps, size - start)


@njit(inline="always")
def windows(each: Any, address: int) -> None:
    """each(out, index, images, bounds, bytes...) for every window and some channels.

    Words: images x, H, W, C, OH, OW, KH, KW, SH, SW, above, left, result y, index; 0: none.
    """
    w = words(address, 16)
    H, W, C, OH, OW = w[3], w[4], w[5], w[6], w[7]
    KH, KW, SH, SW = w[8], w[9], w[10], w[11]
    whole = C // LANES * LANES
    for n in range(w[0]):
        for i in range(OH):
            top = i * SH - w[12]
            kh, stop_h = reach(top, KH, H)
            for j in range(OW):
                left = j * SW - w[13]
                kw, stop_w = reach(left, KW, W)
                x = w[2] + (((n * H + top) * W + left) * C) * 4
                o = ((n * OH + i) * OW + j) * C
                y, index = w[14] + o * 4, w[15] + o
                for c in range(0, whole, LANES):
                    each(vector(), x + 4 * c, y + 4 * c, index + c, w, kh, stop_h, kw, stop_w)
                for c in range(whole, C):
                    each(ZERO, x + 4 * c, y + 4 * c, index + c, w, kh, stop_h, kw, stop_w)


@njit(inline="always")
def _largest(
    like: Any, x: int, y: int, index: int, w: Any, kh: int, stop_h: int, kw: int, stop_w: int
) -> None:
    wide, line = w[5] * 4, w[4] * w[5] * 4
    first = fill(F(kh * w[9] + kw), like)
    best, number = load(x + kh * line + kw * wide, like), first
    for h in range(kh, stop_h):
        for k in range(kw, stop_w):
            v = load(x + h * line + k * wide, like)
            here = fill(F(h * w[9] + k), like)
            number = where_greater(v, best, here, number)
            best = where_nan(v, v, v, where_greater(v, best, v, best))
    if w[14]:
        store(y, best)
    if w[15]:
        store_bytes(index, where_nan(best, best, first, number))


@kernel
def largest(address: int) -> None:
    """The largest number that each window sees, and which tap sees it (the first of them)."""
    windows(_largest, address)


@kernel
def largest_back(address: int) -> None:
    """Each g goes to the tap with its number. Words: as above, with dx for x and g for y."""
    w = words(address, 18)
    if w[16]:
        clear(w[2], w[0] * w[3] * w[4] * w[5] * 4)
    if w[17]:
        windows(_send_alone, address)
    else:
        windows(_send, address)


@njit(inline="always")
def _send(
    like: Any, x: int, y: int, index: int, w: Any, kh: int, stop_h: int, kw: int, stop_w: int
) -> None:
    wide, line = w[5] * 4, w[4] * w[5] * 4
    g, number = load(y, like), load_bytes(index, like)
    for h in range(kh, stop_h):
        for k in range(kw, stop_w):
            place = x + h * line + k * wide
            here = fill(F(h * w[9] + k), like)
            store(place, load(place, like) + where_equal(number, here, g, fill(ZERO, like)))


@njit(inline="always")
def _send_alone(
    like: Any, x: int, y: int, index: int, w: Any, kh: int, stop_h: int, kw: int, stop_w: int
) -> None:
    wide, line = w[5] * 4, w[4] * w[5] * 4
    g, number = load(y, like), load_bytes(index, like)
    for h in range(kh, stop_h):
        for k in range(kw, stop_w):
            here = fill(F(h * w[9] + k), like)
            store(x + h * line + k * wide, where_equal(number, here, g, fill(ZERO, like)))


@kernel
def mean(address: int) -> None:
    """The mean of what each window sees on the image."""
    windows(_mean, address)


@njit(inline="always")
def _mean(
    like: Any, x: int, y: int, index: int, w: Any, kh: int, stop_h: int, kw: int, stop_w: int
) -> None:
    wide, line = w[5] * 4, w[4] * w[5] * 4
    total = fill(ZERO, like)
    for h in range(kh, stop_h):
        for k in range(kw, stop_w):
            total = total + load(x + h * line + k * wide, like)
    store(y, total * fill(ONE / F((stop_h - kh) * (stop_w - kw)), like))


@kernel
def mean_back(address: int) -> None:
    """Each g is shared by the pixels that its window saw. Words: as for ``largest_back``."""
    w = words(address, 18)
    if w[16]:
        clear(w[2], w[0] * w[3] * w[4] * w[5] * 4)
    windows(_share, address)


@njit(inline="always")
def _share(
    like: Any, x: int, y: int, index: int, w: Any, kh: int, stop_h: int, kw: int, stop_w: int
) -> None:
    wide, line = w[5] * 4, w[4] * w[5] * 4
    share = load(y, like) * fill(ONE / F((stop_h - kh) * (stop_w - kw)), like)
    for h in range(kh, stop_h):
        for k in range(kw, stop_w):
            place = x + h * line + k * wide
            store(place, share if w[17] else load(place, like) + share)
