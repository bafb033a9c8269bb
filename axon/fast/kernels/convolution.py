"""Convolution: tiles of the result in registers, or the matrices that BLAS multiplies.

    y = cols W        dW = cols^T dy        dcols = dy W^T

With filters by whole vectors nothing is copied: a tile's rows are the windows as they lie on the
images. Otherwise what each window sees is copied into one row of a matrix, image by image.
"""

from typing import Any

import numpy as np
from numba import njit

from axon.fast.kernels.declare import kernel
from axon.fast.kernels.intrinsics import floats, sgemm, words
from axon.fast.kernels.tiles import HEIGHTS, PLACES, TILES, WIDTHS, places
from axon.fast.kernels.vectors import LANES, WIDE, load, multiply_add, store, vector

ZERO, ONE = np.float32(0), np.float32(1)
FAR = 1 << 40
HALF = PLACES // 2
H4, H2, H1 = HEIGHTS.get(4, 0), HEIGHTS[2], HEIGHTS[1]
T2, T1, T4 = TILES[H2, 2], TILES[H1, 1], TILES.get((H4, 4), TILES[H2, 2])
M2, M1, M4 = TILES[3, 2], TILES[3, 1], TILES.get((3, 4), TILES[3, 2])
S2, S1, S4 = TILES[1, 2], TILES[1, 1], TILES.get((1, 4), TILES[1, 2])
WIDEST = WIDTHS[0]


# ------------------------------------------------------------------------------------ images


@kernel
def pad_images(address: int) -> None:
    """Images with zeros around them.

    Words: out, x, rows above, below, in an image; bytes left, right, in a row.
    """
    w = words(address, 10)
    out, x, above, below, lines = w[2], w[3], w[4], w[5], w[6]
    left, right, size = w[7], w[8], w[9]
    wide = left + size + right
    for _ in range(w[0]):
        clear(out, above * wide)
        out += above * wide
        for _ in range(lines):
            clear(out, left)
            move(out + left, x, size)
            clear(out + left + size, right)
            out, x = out + wide, x + size
        clear(out, below * wide)
        out += below * wide


@njit
def clear(address: int, size: int) -> None:
    """Zeros, so many bytes of them."""
    end = address + size
    while address + WIDE <= end:
        store(address, vector())
        address += WIDE
    while address < end:
        store(address, ZERO)
        address += 4


@njit
def move(out: int, x: int, size: int) -> None:
    """Copy so many bytes of floats."""
    end = out + size
    while out + WIDE <= end:
        store(out, load(x, vector()))
        out, x = out + WIDE, x + WIDE
    while out < end:
        store(out, load(x, ZERO))
        out, x = out + 4, x + 4


@njit
def finite(address: int, size: int) -> bool:
    """Whether so many bytes of floats hold neither infinity nor NaN: 0 times them is 0."""
    whole, end = address + size // WIDE * WIDE, address + size
    sums, total, room = vector(), ZERO, places()
    for at in range(address, whole, WIDE):
        sums = multiply_add(load(at, vector()), vector(), sums)
    store(room, sums)
    for at in range(room, room + WIDE, 4):
        total += load(at, ZERO)
    for at in range(whole, end, 4):
        total += load(at, ZERO) * ZERO
    return total == ZERO


# ------------------------------------------------------------------------------------ tiles


@njit
def lay(where: Any, count: int, first: int, w: Any, out: int, wide: int) -> None:
    """Where the windows from number ``first`` on begin, and where their answers go.

    The words of ``w``: images x, bytes of an image, of a step down, of a step right, OH, OW.
    """
    n, rest = divmod(first, w[4] * w[5])
    i, j = divmod(rest, w[5])
    for k in range(count):
        where[k] = w[0] + n * w[1] + i * w[2] + j * w[3]
        where[HALF + k] = out + (first + k) * wide
        j += 1
        if j == w[5]:
            i, j = i + 1, 0
            if i == w[4]:
                n, i = n + 1, 0


@njit
def seen(first: int, count: int, w: Any) -> Any:
    """The first and the last line of taps that see any of the lines that are not padding.

    The words of ``w`` go on: lines of padding above, lines of an image, lines of taps, lines
    from window to window, from tap to tap.
    """
    begin, end = first // w[5], (first + count - 1) // w[5]
    if begin // w[4] != end // w[4]:
        return 0, w[8]
    top, bottom = begin % w[4] * w[9] - w[6], end % w[4] * w[9] - w[6]
    kh, stop = 0, w[8]
    while kh < stop - 1 and bottom + kh * w[10] < 0:
        kh += 1
    while stop > kh + 1 and top + (stop - 1) * w[10] >= w[7]:
        stop -= 1
    return kh, stop


@kernel
def convolve(address: int) -> None:
    """y = start + the convolution of images with a kernel, by tiles.

    Words: those of ``lay`` and ``seen``, table of taps, taps in a line, steps of a tap, kernel,
    filters, start (one number for each filter), out; whether it is there already if it is finite.
    """
    w = words(address, 21)
    at = places()
    where, g = words(at, PLACES), words(address + 16, 11)
    wide, total = w[17] * 4, w[0] * w[6] * w[7]
    taps, length, start, out = w[14], w[15], w[18], w[19]
    if w[20] and finite(out, total * wide):
        return
    f = 0
    while f < w[17]:
        left = (w[17] - f) // LANES
        width = 4 if left >= 4 and WIDEST >= 4 else 2 if left >= 2 else 1
        height = H4 if width == 4 else H2 if width == 2 else H1
        height = height if total >= height else 1
        for tile in range(0, total, height):
            first = min(tile, total - height)
            lay(where, height, first, g, out + f * 4, wide)
            kh, stop = seen(first, height, g)
            table, runs = w[13] + kh * taps * 8, (stop - kh) * taps
            b = w[16] + f * 4 + kh * taps * length * wide
            answer(width, height, at, 4, table, runs, length, b, wide, start + f * 4, 0)
        f += width * LANES


@njit
def answer(
    width: int, height: int, at: int, step: int, table: int, runs: int, length: int,
    b: int, wide: int, start: int, step_start: int,
) -> None:  # fmt: skip
    """One tile, of a size that there is a loop for."""
    if width == 2:
        if height == H2:
            T2(at, step, table, runs, length, b, wide, start, step_start)
        elif height == 3:
            M2(at, step, table, runs, length, b, wide, start, step_start)
        else:
            S2(at, step, table, runs, length, b, wide, start, step_start)
    elif width == 1:
        if height == H1:
            T1(at, step, table, runs, length, b, wide, start, step_start)
        elif height == 3:
            M1(at, step, table, runs, length, b, wide, start, step_start)
        else:
            S1(at, step, table, runs, length, b, wide, start, step_start)
    elif WIDEST >= 4:
        if height == H4:
            T4(at, step, table, runs, length, b, wide, start, step_start)
        elif height == 3:
            M4(at, step, table, runs, length, b, wide, start, step_start)
        else:
            S4(at, step, table, runs, length, b, wide, start, step_start)


@kernel
def convolve_weight(address: int) -> None:
    """dW += what each tap saw, times g; each tile is some taps and channels by some filters.

    Words: x, bytes of an image, step right, OH, OW, table of lines, table of taps and channels,
    how many of them, g, filters, dW; where the sum is already, if it is finite.
    """
    w = words(address, 14)
    at = places()
    where, taps = words(at, PLACES), words(w[8], w[9])
    x, g, OH, OW, K, F, out = w[2], w[10], w[5], w[6], w[9], w[11], w[12]
    wide = F * 4
    if w[1]:
        clear(out, K * wide)
    if w[13] and finite(w[13], K * wide):
        add_to(out, w[13], K * wide)
        return
    for n in range(w[0]):
        f = 0
        while f < F:
            left = (F - f) // LANES
            width = 4 if left >= 4 and WIDEST >= 4 else 2 if left >= 2 else 1
            most = H4 if width == 4 else H2 if width == 2 else H1
            k = 0
            while k < K:
                height = most if K - k >= most else 3 if K - k >= 3 else 1
                place = out + k * wide + f * 4
                for i in range(height):
                    where[i] = x + n * w[3] + taps[k + i]
                    where[HALF + i] = place + i * wide
                b = g + n * OH * OW * wide + f * 4
                answer(width, height, at, w[4], w[7], OH, OW, b, wide, place, wide)
                k += height
            f += width * LANES


@kernel
def turn_kernel(address: int) -> None:
    """The kernel that leads back: taps in reverse order, channels and filters exchanged.

    Words: taps, channels, filters, out, kernel.
    """
    w = words(address, 7)
    T, C, F = w[2], w[3], w[4]
    out, x = floats(w[5], T * C * F), floats(w[6], T * C * F)
    for t in range(T):
        o, s = t * C * F, (T - 1 - t) * C * F
        for f in range(F):
            for c in range(C):
                out[o + f * C + c] = x[s + c * F + f]


# ------------------------------------------------------------------------------------ matrices


@njit
def gather(out: int, x: int, lines: int, w: Any) -> None:
    """What some lines of windows on an image see, a row for each window.

    The words of ``w``: OW, bytes of a step down, of a step right, table of taps, taps, bytes of a
    tap.
    """
    taps = words(w[3], w[4])
    for i in range(lines):
        for j in range(w[0]):
            here = x + i * w[1] + j * w[2]
            for t in range(w[4]):
                move(out, here + taps[t], w[5])
                out += w[5]


@kernel
def convolve_matrix(address: int) -> None:
    """y = cols W.

    Words: those of ``gather``, OH, lines at a time, cols, x, bytes of an image, W, F, y,
    cblas_sgemm, start (one number for each filter).
    """
    w = words(address, 18)
    g, K, F, wide = words(address + 16, 6), w[6] * w[7] // 4, w[14], w[2] * w[14] * 4
    for n in range(w[0]):
        for line in range(0, w[8], w[9]):
            lines = min(w[9], w[8] - line)
            gather(w[10], w[11] + n * w[12] + line * w[3], lines, g)
            y, P = w[15] + (n * w[8] + line) * wide, lines * w[2]
            for p in range(P):
                move(y + p * F * 4, w[17], F * 4)
            sgemm(w[16], 111, 111, P, F, K, ONE, w[10], K, w[13], F, ONE, y, F)


@kernel
def convolve_matrix_weight(address: int) -> None:
    """dW += cols^T g. Words: as for ``convolve_matrix``, with g in the place of W, dW of y."""
    w = words(address, 17)
    g, K, F, wide = words(address + 16, 6), w[6] * w[7] // 4, w[14], w[2] * w[14] * 4
    beta = ZERO if w[1] else ONE
    for n in range(w[0]):
        for line in range(0, w[8], w[9]):
            lines = min(w[9], w[8] - line)
            gather(w[10], w[11] + n * w[12] + line * w[3], lines, g)
            slope, P = w[13] + (n * w[8] + line) * wide, lines * w[2]
            sgemm(w[16], 112, 111, K, F, P, ONE, w[10], K, slope, F, beta, w[15], F)
            beta = ONE


@kernel
def convolve_matrix_input(address: int) -> None:
    """dx = g W^T, sent back to all that each window saw.

    Words: dx in the place of x, g of y; at last whether dx is there already if it is finite.
    """
    w = words(address, 18)
    K, F, wide = w[6] * w[7] // 4, w[14], w[2] * w[14] * 4
    if w[17] and finite(w[11], w[0] * w[12]):
        return
    clear(w[11], w[0] * w[12])
    for n in range(w[0]):
        for line in range(0, w[8], w[9]):
            lines = min(w[9], w[8] - line)
            g, P = w[15] + (n * w[8] + line) * wide, lines * w[2]
            sgemm(w[16], 111, 112, P, K, F, ONE, g, F, w[13], F, ZERO, w[10], K)
            scatter(w[11] + n * w[12] + line * w[3], w[10], lines, words(address + 16, 6))


@njit
def scatter(out: int, cols: int, lines: int, w: Any) -> None:
    """Add what belongs to windows to the pixels that they see; words as for ``gather``."""
    taps = words(w[3], w[4])
    for i in range(lines):
        for j in range(w[0]):
            here = out + i * w[1] + j * w[2]
            for t in range(w[4]):
                add_to(here + taps[t], cols, w[5])
                cols += w[5]


@njit
def add_to(out: int, x: int, size: int) -> None:
    """Add so many bytes of floats."""
    end = out + size
    while out + WIDE <= end:
        store(out, load(out, vector()) + load(x, vector()))
        out, x = out + WIDE, x + WIDE
    while out < end:
        store(out, load(out, ZERO) + load(x, ZERO))
        out, x = out + 4, x + 4


@kernel
def crop_images(address: int) -> None:
    """Images without what lies around them. Words: those of ``pad_images``."""
    w = words(address, 10)
    out, x, above, below, lines = w[2], w[3], w[4], w[5], w[6]
    left, right, size = w[7], w[8], w[9]
    wide = left + size + right
    for _ in range(w[0]):
        x += above * wide
        for _ in range(lines):
            move(out, x + left, size)
            out, x = out + size, x + wide
        x += below * wide
