"""Pooling: the largest or the mean of what each window sees, several channels at once."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from axon.fast.kernels.arguments import Address, OptionalAddress
from axon.fast.kernels.convolution import clear
from axon.fast.kernels.declare import kernel
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


class PoolWindows(NamedTuple):
    """How windows lie on images: sizes of images, of results, of windows; steps; padding."""

    H: int
    W: int
    C: int
    OH: int
    OW: int
    KH: int
    KW: int
    SH: int
    SW: int
    above: int
    left: int


@njit
def reach(start: int, taps: int, size: int) -> Any:
    """The taps of a window that lie on the image: from which one, and before which one."""
    return max(0, -start), min(taps, size - start)


@njit(inline="always")
def each_window(
    each: Any, rows: int, w: PoolWindows, x: int, y: int, index: int, switches: Any
) -> None:
    """each(like, places of the window, its result, its index, w, taps, switches).

    It is called for some channels at a time, and then for one.
    """
    rest = w.C // LANES * LANES
    for n in range(rows):
        for i in range(w.OH):
            top = i * w.SH - w.above
            kh, stop_h = reach(top, w.KH, w.H)
            for j in range(w.OW):
                left = j * w.SW - w.left
                kw, stop_w = reach(left, w.KW, w.W)
                a = x + (((n * w.H + top) * w.W + left) * w.C) * 4
                o = ((n * w.OH + i) * w.OW + j) * w.C
                b, k, taps = y + o * 4, index + o, (kh, stop_h, kw, stop_w)
                for c in range(0, rest, LANES):
                    each(vector(), a + 4 * c, b + 4 * c, k + c, w, taps, switches)
                for c in range(rest, w.C):
                    each(ZERO, a + 4 * c, b + 4 * c, k + c, w, taps, switches)


@njit(inline="always")
def _largest(
    like: Any, x: int, y: int, index: int, w: PoolWindows, taps: Any, switches: Any
) -> None:
    wide, line = w.C * 4, w.W * w.C * 4
    kh, stop_h, kw, stop_w = taps
    store_y, store_index = switches
    start = fill(F(kh * w.KW + kw), like)
    best, number = load(x + kh * line + kw * wide, like), start
    for h in range(kh, stop_h):
        for k in range(kw, stop_w):
            v = load(x + h * line + k * wide, like)
            here = fill(F(h * w.KW + k), like)
            number = where_greater(v, best, here, number)
            best = where_nan(v, v, v, where_greater(v, best, v, best))
    if store_y:
        store(y, best)
    if store_index:
        store_bytes(index, where_nan(best, best, start, number))


@kernel
def largest(
    rows: int, windows: PoolWindows, x: Address, y: OptionalAddress, index: OptionalAddress,
    found: OptionalAddress,
) -> None:  # fmt: skip
    """The largest number y that each window sees, and which tap sees it (the first of them).

    ``found`` is y if it is there already: it is found again faster than read.
    """
    each_window(_largest, rows, windows, x, y, index, (y != 0, index != 0))


@kernel
def largest_back(
    rows: int, windows: PoolWindows, dx: Address, g: Address, index: Address,
    zeros: bool, alone: bool,
) -> None:  # fmt: skip
    """Each g goes to the tap with its number.

    ``zeros``: they come before, since not all pixels are seen once; ``alone``: none is seen twice.
    """
    if zeros:
        clear(dx, rows * windows.H * windows.W * windows.C * 4)
    if alone:
        each_window(_send_alone, rows, windows, dx, g, index, ())
    else:
        each_window(_send, rows, windows, dx, g, index, ())


@njit(inline="always")
def _send(like: Any, x: int, y: int, index: int, w: PoolWindows, taps: Any, switches: Any) -> None:
    wide, line = w.C * 4, w.W * w.C * 4
    kh, stop_h, kw, stop_w = taps
    g, number = load(y, like), load_bytes(index, like)
    for h in range(kh, stop_h):
        for k in range(kw, stop_w):
            place = x + h * line + k * wide
            here = fill(F(h * w.KW + k), like)
            store(place, load(place, like) + where_equal(number, here, g, fill(ZERO, like)))


@njit(inline="always")
def _send_alone(
    like: Any, x: int, y: int, index: int, w: PoolWindows, taps: Any, switches: Any
) -> None:
    wide, line = w.C * 4, w.W * w.C * 4
    kh, stop_h, kw, stop_w = taps
    g, number = load(y, like), load_bytes(index, like)
    for h in range(kh, stop_h):
        for k in range(kw, stop_w):
            here = fill(F(h * w.KW + k), like)
            store(x + h * line + k * wide, where_equal(number, here, g, fill(ZERO, like)))


@kernel
def mean(rows: int, windows: PoolWindows, x: Address, y: Address) -> None:
    """The mean of what each window sees on the image."""
    each_window(_mean, rows, windows, x, y, 0, ())


@njit(inline="always")
def _mean(like: Any, x: int, y: int, index: int, w: PoolWindows, taps: Any, switches: Any) -> None:
    wide, line = w.C * 4, w.W * w.C * 4
    kh, stop_h, kw, stop_w = taps
    total = fill(ZERO, like)
    for h in range(kh, stop_h):
        for k in range(kw, stop_w):
            total = total + load(x + h * line + k * wide, like)
    store(y, total * fill(ONE / F((stop_h - kh) * (stop_w - kw)), like))


@kernel
def mean_back(
    rows: int, windows: PoolWindows, dx: Address, g: Address, zeros: bool, alone: bool
) -> None:
    """Each g is shared by the pixels that its window saw; switches as for largest_back."""
    if zeros:
        clear(dx, rows * windows.H * windows.W * windows.C * 4)
    each_window(_share, rows, windows, dx, g, 0, (alone,))


@njit(inline="always")
def _share(like: Any, x: int, y: int, index: int, w: PoolWindows, taps: Any, switches: Any) -> None:
    wide, line = w.C * 4, w.W * w.C * 4
    kh, stop_h, kw, stop_w = taps
    (alone,) = switches
    share = load(y, like) * fill(ONE / F((stop_h - kh) * (stop_w - kw)), like)
    for h in range(kh, stop_h):
        for k in range(kw, stop_w):
            place = x + h * line + k * wide
            store(place, share if alone else load(place, like) + share)
