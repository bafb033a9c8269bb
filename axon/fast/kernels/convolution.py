"""Convolution: tiles of the result in registers, or the matrices that BLAS multiplies.

    y = cols W        dW = cols^T dy        dcols = dy W^T

With filters by whole vectors nothing is copied: a tile's rows are the windows as they lie on the
images. Otherwise what each window sees is copied into one row of a matrix, image by image.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from axon.fast.kernels.arguments import Address, Floats, Integers, OptionalAddress
from axon.fast.kernels.declare import kernel
from axon.fast.kernels.intrinsics import sgemm, words
from axon.fast.kernels.tiles import HEIGHTS, PLACES, TILES, WIDTHS, places
from axon.fast.kernels.vectors import LANES, WIDE, load, multiply_add, store, vector

ZERO, ONE = np.float32(0), np.float32(1)
HALF = PLACES // 2
H4, H2, H1 = HEIGHTS.get(4, 0), HEIGHTS[2], HEIGHTS[1]
T2, T1, T4 = TILES[H2, 2], TILES[H1, 1], TILES.get((H4, 4), TILES[H2, 2])
M2, M1, M4 = TILES[3, 2], TILES[3, 1], TILES.get((3, 4), TILES[3, 2])
S2, S1, S4 = TILES[1, 2], TILES[1, 1], TILES.get((1, 4), TILES[1, 2])
WIDEST = WIDTHS[0]


# ------------------------------------------------------------------------------------ images


class ImagePadding(NamedTuple):
    """What lies around images: lines above and below, bytes left and right.

    An image has so many lines, of so many bytes.
    """

    above: int
    below: int
    lines: int
    left: int
    right: int
    size: int


@kernel
def pad_images(rows: int, padding: ImagePadding, out: Address, x: Address) -> None:
    """Images with zeros around them."""
    p = padding
    wide = p.left + p.size + p.right
    for _ in range(rows):
        clear(out, p.above * wide)
        out += p.above * wide
        for _ in range(p.lines):
            clear(out, p.left)
            move(out + p.left, x, p.size)
            clear(out + p.left + p.size, p.right)
            out, x = out + wide, x + p.size
        clear(out, p.below * wide)
        out += p.below * wide


@kernel
def crop_images(rows: int, padding: ImagePadding, out: Address, x: Address) -> None:
    """Images without what lies around them."""
    p = padding
    wide = p.left + p.size + p.right
    for _ in range(rows):
        x += p.above * wide
        for _ in range(p.lines):
            move(out, x + p.left, p.size)
            out, x = out + p.size, x + wide
        x += p.below * wide


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
    rest, end = address + size // WIDE * WIDE, address + size
    sums, total, workspace = vector(), ZERO, places()
    for at in range(address, rest, WIDE):
        sums = multiply_add(load(at, vector()), vector(), sums)
    store(workspace, sums)
    for at in range(workspace, workspace + WIDE, 4):
        total += load(at, ZERO)
    for at in range(rest, end, 4):
        total += load(at, ZERO) * ZERO
    return total == ZERO


# ------------------------------------------------------------------------------------ tiles


class ImageWindows(NamedTuple):
    """Where windows lie: on which images, of how many bytes; the steps between them; how many."""

    x: Address
    image: int
    down: int
    right: int
    OH: int
    OW: int


class Lines(NamedTuple):
    """How many lines of padding lie above an image, of pixels are in it, of taps in a window.

    Then: how many from window to window, and from tap to tap.
    """

    above: int
    lines: int
    taps: int
    by_window: int
    by_tap: int


@njit
def lay(where: Any, count: int, start: int, w: ImageWindows, out: int, wide: int) -> None:
    """Where the windows from number ``start`` on begin, and where their answers go."""
    n, rest = divmod(start, w.OH * w.OW)
    i, j = divmod(rest, w.OW)
    for k in range(count):
        where[k] = w.x + n * w.image + i * w.down + j * w.right
        where[HALF + k] = out + (start + k) * wide
        j += 1
        if j == w.OW:
            i, j = i + 1, 0
            if i == w.OH:
                n, i = n + 1, 0


@njit
def seen(start: int, count: int, w: ImageWindows, lines: Lines) -> Any:
    """The lines of taps, from one to before another, that see any line that is not padding."""
    begin, end = start // w.OW, (start + count - 1) // w.OW
    if begin // w.OH != end // w.OH:
        return 0, lines.taps
    top = begin % w.OH * lines.by_window - lines.above
    bottom = end % w.OH * lines.by_window - lines.above
    kh, stop = 0, lines.taps
    while kh < stop - 1 and bottom + kh * lines.by_tap < 0:
        kh += 1
    while stop > kh + 1 and top + (stop - 1) * lines.by_tap >= lines.lines:
        stop -= 1
    return kh, stop


@kernel
def convolve(
    rows: int, windows: ImageWindows, lines: Lines, table: Address, in_line: int, length: int,
    weights: Address, filters: int, bias: Address, out: Address, done: bool,
) -> None:  # fmt: skip
    """y = bias + the convolution of images with a kernel, by tiles.

    The table says where runs of taps begin, so many in a line, each of so many numbers; ``done``:
    y is there already if it is finite.
    """
    at = places()
    where = words(at, PLACES)
    wide, total = filters * 4, rows * windows.OH * windows.OW
    if done and finite(out, total * wide):
        return
    f = 0
    while f < filters:
        left = (filters - f) // LANES
        if left == 0:  # the last filters once more, with those before them: the same numbers
            f, left = filters - LANES, 1
        width = 4 if left >= 4 and WIDEST >= 4 else 2 if left >= 2 else 1
        height = H4 if width == 4 else H2 if width == 2 else H1
        height = height if total >= height else 1
        for tile in range(0, total, height):
            start = min(tile, total - height)
            lay(where, height, start, windows, out + f * 4, wide)
            kh, stop = seen(start, height, windows, lines)
            here, runs = table + kh * in_line * 8, (stop - kh) * in_line
            b = weights + f * 4 + kh * in_line * length * wide
            answer(width, height, at, 4, here, runs, length, b, wide, bias + f * 4, 0)
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
def convolve_weight(
    rows: int, first: bool, windows: ImageWindows, lines: Address, taps: Integers, K: int,
    g: Address, filters: int, out: Address, done: OptionalAddress,
) -> None:  # fmt: skip
    """dW += what each tap saw, times g; each tile is some taps and channels by some filters.

    Tables say where lines begin, and the K taps and channels; ``done`` is where the sum is already,
    if it is finite.
    """
    at = places()
    where, w = words(at, PLACES), windows
    wide, size = filters * 4, w.OH * w.OW * filters * 4
    if first:
        clear(out, K * wide)
    if done and finite(done, K * wide):
        add_to(out, done, K * wide)
        return
    for n in range(rows):
        f = 0
        while f < filters:
            left = (filters - f) // LANES
            width = 4 if left >= 4 and WIDEST >= 4 else 2 if left >= 2 else 1
            most = H4 if width == 4 else H2 if width == 2 else H1
            k = 0
            while k < K:
                height = most if K - k >= most else 3 if K - k >= 3 else 1
                place = out + k * wide + f * 4
                for i in range(height):
                    where[i] = w.x + n * w.image + taps[k + i]
                    where[HALF + i] = place + i * wide
                b = g + n * size + f * 4
                answer(width, height, at, w.right, lines, w.OH, w.OW, b, wide, place, wide)
                k += height
            f += width * LANES


@kernel
def turn_kernel(taps: int, C: int, F: int, out: Floats, x: Floats) -> None:
    """The kernel that leads back: taps in reverse order, channels and filters exchanged."""
    for t in range(taps):
        o, s = t * C * F, (taps - 1 - t) * C * F
        for f in range(F):
            for c in range(C):
                out[o + f * C + c] = x[s + c * F + f]


# ------------------------------------------------------------------------------------ matrices


class Taps(NamedTuple):
    """A table of where taps begin, how many they are, and the bytes of each."""

    table: Address
    count: int
    size: int


class Columns(NamedTuple):
    """What some lines of windows see, a row for each window; K and F are the sizes of W."""

    workspace: Address
    lines: int
    K: int
    F: int


@njit
def gather(out: int, x: int, lines: int, w: ImageWindows, taps: Taps) -> None:
    """What some lines of windows on an image see, a row for each window."""
    table = words(taps.table, taps.count)
    for i in range(lines):
        for j in range(w.OW):
            here = x + i * w.down + j * w.right
            for t in range(taps.count):
                move(out, here + table[t], taps.size)
                out += taps.size


@kernel
def convolve_matrix(
    rows: int, windows: ImageWindows, taps: Taps, columns: Columns, blas: int,
    weights: Address, bias: Address, out: Address,
) -> None:  # fmt: skip
    """y = cols W + bias."""
    w, cols, K, F = windows, columns.workspace, columns.K, columns.F
    for n in range(rows):
        for line in range(0, w.OH, columns.lines):
            lines = min(columns.lines, w.OH - line)
            gather(cols, w.x + n * w.image + line * w.down, lines, w, taps)
            y, P = out + (n * w.OH + line) * w.OW * F * 4, lines * w.OW
            for p in range(P):
                move(y + p * F * 4, bias, F * 4)
            sgemm(blas, 111, 111, P, F, K, ONE, cols, K, weights, F, ONE, y, F)


@kernel
def convolve_matrix_weight(
    rows: int, first: bool, windows: ImageWindows, taps: Taps, columns: Columns, blas: int,
    g: Address, out: Address,
) -> None:  # fmt: skip
    """dW += cols^T g."""
    w, cols, K, F = windows, columns.workspace, columns.K, columns.F
    beta = ZERO if first else ONE
    for n in range(rows):
        for line in range(0, w.OH, columns.lines):
            lines = min(columns.lines, w.OH - line)
            gather(cols, w.x + n * w.image + line * w.down, lines, w, taps)
            slope, P = g + (n * w.OH + line) * w.OW * F * 4, lines * w.OW
            sgemm(blas, 112, 111, K, F, P, ONE, cols, K, slope, F, beta, out, F)
            beta = ONE


@kernel
def convolve_matrix_input(
    rows: int, windows: ImageWindows, taps: Taps, columns: Columns, blas: int,
    weights: Address, g: Address, done: bool,
) -> None:  # fmt: skip
    """dx = g W^T, sent back to all that each window saw; dx are the images that windows lie on.

    ``done``: dx is there already if it is finite.
    """
    w, cols, K, F = windows, columns.workspace, columns.K, columns.F
    if done and finite(w.x, rows * w.image):
        return
    clear(w.x, rows * w.image)
    for n in range(rows):
        for line in range(0, w.OH, columns.lines):
            lines = min(columns.lines, w.OH - line)
            slope, P = g + (n * w.OH + line) * w.OW * F * 4, lines * w.OW
            sgemm(blas, 111, 112, P, K, F, ONE, slope, F, weights, F, ZERO, cols, K)
            scatter(w.x + n * w.image + line * w.down, cols, lines, w, taps)


@njit
def scatter(out: int, cols: int, lines: int, w: ImageWindows, taps: Taps) -> None:
    """Add what belongs to windows to the pixels that they see."""
    table = words(taps.table, taps.count)
    for i in range(lines):
        for j in range(w.OW):
            here = out + i * w.down + j * w.right
            for t in range(taps.count):
                add_to(here + table[t], cols, taps.size)
                cols += taps.size


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
