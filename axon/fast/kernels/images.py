"""Images as they come: pixels anywhere in memory, and channels that are convolved alone."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from axon.fast.kernels.arguments import Address
from axon.fast.kernels.convolution import ImagePadding, ImageWindows, clear, move
from axon.fast.kernels.declare import kernel
from axon.fast.kernels.intrinsics import words
from axon.fast.kernels.vectors import by_vectors, load, multiply_add, store

ZERO = np.float32(0)


class Pixels(NamedTuple):
    """How many pixels a line has, of how many channels, and how many bytes from one to the next.

    ``image``, ``line``, ``pixel`` and ``channel`` are these steps.
    """

    width: int
    channels: int
    image: int
    line: int
    pixel: int
    channel: int


@njit
def lay_line(out: int, x: int, p: Pixels) -> None:
    """The pixels of a line, one behind another."""
    if p.channel == 4 or p.channels == 1:
        size = p.channels * 4
        for j in range(p.width):
            move(out + j * size, x + j * p.pixel, size)
        return
    for c in range(p.channels):
        place, here = out + 4 * c, x + c * p.channel
        for j in range(p.width):
            store(place + 4 * j * p.channels, load(here + j * p.pixel, ZERO))


@kernel
def lay_images(rows: int, padding: ImagePadding, pixels: Pixels, out: Address, x: Address) -> None:
    """Images that lie anywhere, in one piece, with zeros around them."""
    p = padding
    wide = p.left + p.size + p.right
    for n in range(rows):
        clear(out, p.above * wide)
        out += p.above * wide
        for i in range(p.lines):
            clear(out, p.left)
            lay_line(out + p.left, x + n * pixels.image + i * pixels.line, pixels)
            clear(out + p.left + p.size, p.right)
            out += wide
        clear(out, p.below * wide)
        out += p.below * wide


# ---------------------------------------------------------------------------- channels alone


@njit(inline="always")
def _alone(like: Any, c: int, arguments: Any) -> None:
    """A few channels: four windows side by side share what is read of the kernel."""
    rows, w, table, taps, weights, bias, out, wide = arguments
    start, weights, right = load(bias + c, like), weights + c, w.right
    for n in range(rows):
        for i in range(w.OH):
            x = w.x + n * w.image + i * w.down + c
            y = out + (n * w.OH + i) * w.OW * wide + c
            end, rest = y + w.OW // 4 * 4 * wide, y + w.OW * wide
            while y < end:
                a, b, d, e = start, start, start, start
                for t in range(taps):
                    k, at = load(weights + t * wide, like), x + table[t]
                    a = multiply_add(load(at, like), k, a)
                    b = multiply_add(load(at + right, like), k, b)
                    d = multiply_add(load(at + 2 * right, like), k, d)
                    e = multiply_add(load(at + 3 * right, like), k, e)
                store(y, a)
                store(y + wide, b)
                store(y + 2 * wide, d)
                store(y + 3 * wide, e)
                x, y = x + 4 * right, y + 4 * wide
            while y < rest:
                a = start
                for t in range(taps):
                    a = multiply_add(load(x + table[t], like), load(weights + t * wide, like), a)
                store(y, a)
                x, y = x + right, y + wide


@kernel
def convolve_alone(
    rows: int, windows: ImageWindows, table: Address, taps: int, weights: Address, C: int,
    bias: Address, out: Address,
) -> None:  # fmt: skip
    """y = bias + the convolution of each channel with its own kernel (KH, KW, C).

    The table says where taps begin.
    """
    places = words(table, taps)
    by_vectors(_alone, C, (rows, windows, places, taps, weights, bias, out, C * 4))
