"""Convolution with kernels of 3 x 3 by fewer multiplications, several channels at once.

Winograd's F(4 x 4, 3 x 3): 4 x 4 answers y come from 6 x 6 pixels x by 36 products instead of 144,

    y = A^T [(G w G^T) * (B^T x B)] A

where * goes place by place, and sums over channels: so it is 36 matrix products, over many tiles of
4 x 4 at a time. What leads back are the same steps, transposed, in reverse order. With these points
for interpolation rounding errors are about five times those of the sum itself.

Lavin and Gray, Fast algorithms for convolutional neural networks, https://arxiv.org/abs/1509.09308
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from axon.fast.kernels.arguments import Address
from axon.fast.kernels.convolution import H1, H2, H4, HALF, WIDEST, answer, clear
from axon.fast.kernels.declare import kernel
from axon.fast.kernels.intrinsics import words
from axon.fast.kernels.tiles import PLACES, places
from axon.fast.kernels.vectors import LANES, WIDE, fill, load, multiply_add, store, vector

F = np.float32
TILES = 12  # side by side
SPACE = 80  # vectors for one transformation
TABLE = 64  # bytes at the beginning of the workspace: a table of one run; then zeros
A1, B1 = F(0.5**0.5), F(2**0.5)  # the points: 0, A1, -A1, B1, -B1, infinity
A2, A3, B2, B3 = F(0.5), F(0.5**1.5), F(2), F(2**1.5)  # their powers
AB, BA, SUM = F(2**0.5), F(0.5**0.5), F(2.5)  # A1 B2, A2 B1, A2 + B2; A2 B2 = 1
NA, NB = F(-2 / 3), F(1 / 6)  # 1 / (2 A2 (A2 - B2)), 1 / (2 B2 (B2 - A2))
ZERO = F(0)


@njit(inline="always")
def _plus(x: Any, number: float, y: Any) -> Any:
    """x + number y."""
    return multiply_add(fill(number, vector()), y, x)


@njit(inline="always")
def _times(number: float, x: Any) -> Any:
    return fill(number, vector()) * x


# ------------------------------------------------------------------------------------ one axis


@njit
def pixels(x: int, s: int, o: int, t: int) -> None:
    """B^T x: six vectors, s bytes apart, into six, t bytes apart."""
    a, b, c = load(x, vector()), load(x + s, vector()), load(x + 2 * s, vector())
    d, e, f = load(x + 3 * s, vector()), load(x + 4 * s, vector()), load(x + 5 * s, vector())
    p, q = _plus(e, -B2, c), _plus(_times(A1, d), -AB, b)
    u, v = _plus(e, -A2, c), _plus(_times(B1, d), -BA, b)
    store(o, _plus(a, -SUM, c) + e)
    store(o + t, p + q)
    store(o + 2 * t, p - q)
    store(o + 3 * t, u + v)
    store(o + 4 * t, u - v)
    store(o + 5 * t, _plus(b, -SUM, d) + f)


@njit
def pixels_back(x: int, s: int, o: int, t: int) -> None:
    """B x."""
    a, b, c = load(x, vector()), load(x + s, vector()), load(x + 2 * s, vector())
    d, e, f = load(x + 3 * s, vector()), load(x + 4 * s, vector()), load(x + 5 * s, vector())
    p, q, u, v = b + c, b - c, d + e, d - e
    store(o, a)
    store(o + t, _plus(_plus(f, -AB, q), -BA, v))
    store(o + 2 * t, _plus(_plus(_times(-SUM, a), -B2, p), -A2, u))
    store(o + 3 * t, _plus(_plus(_times(-SUM, f), A1, q), B1, v))
    store(o + 4 * t, a + p + u)
    store(o + 5 * t, f)


@njit
def answers(x: int, s: int, o: int, t: int) -> None:
    """A^T x: six vectors into four."""
    a, b, c = load(x, vector()), load(x + s, vector()), load(x + 2 * s, vector())
    d, e, f = load(x + 3 * s, vector()), load(x + 4 * s, vector()), load(x + 5 * s, vector())
    p, q, u, v = b + c, b - c, d + e, d - e
    store(o, a + p + u)
    store(o + t, _plus(_times(A1, q), B1, v))
    store(o + 2 * t, _plus(_times(A2, p), B2, u))
    store(o + 3 * t, _plus(_plus(f, A3, q), B3, v))


@njit
def answers_back(x: int, s: int, o: int, t: int) -> None:
    """A x: four vectors into six."""
    a, b = load(x, vector()), load(x + s, vector())
    c, d = load(x + 2 * s, vector()), load(x + 3 * s, vector())
    p, q = _plus(a, A2, c), _plus(_times(A1, b), A3, d)
    u, v = _plus(a, B2, c), _plus(_times(B1, b), B3, d)
    store(o, a)
    store(o + t, p + q)
    store(o + 2 * t, p - q)
    store(o + 3 * t, u + v)
    store(o + 4 * t, u - v)
    store(o + 5 * t, d)


@njit
def weights(x: int, s: int, o: int, t: int) -> None:
    """G x: three vectors into six."""
    a, b, c = load(x, vector()), load(x + s, vector()), load(x + 2 * s, vector())
    p, q = _times(NA, _plus(a, A2, c)), _times(NA * A1, b)
    u, v = _times(NB, _plus(a, B2, c)), _times(NB * B1, b)
    store(o, a)
    store(o + t, p + q)
    store(o + 2 * t, p - q)
    store(o + 3 * t, u + v)
    store(o + 4 * t, u - v)
    store(o + 5 * t, c)


@njit
def weights_back(x: int, s: int, o: int, t: int) -> None:
    """G^T x: six vectors into three."""
    a, b, c = load(x, vector()), load(x + s, vector()), load(x + 2 * s, vector())
    d, e, f = load(x + 3 * s, vector()), load(x + 4 * s, vector()), load(x + 5 * s, vector())
    p, q, u, v = b + c, b - c, d + e, d - e
    store(o, _plus(_plus(a, NA, p), NB, u))
    store(o + t, _plus(_times(NA * A1, q), NB * B1, v))
    store(o + 2 * t, _plus(_plus(f, NA * A2, p), NB * B2, u))


@njit(inline="always")
def both(
    along: Any, n: int, m: int, x: int, line: int, step: int, space: int, out: int, d: int
) -> None:
    """Down each of n columns, then along each of m lines; results lie d bytes apart."""
    for j in range(n):
        along(x + j * step, line, space + j * WIDE, n * WIDE)
    for i in range(m):
        along(space + i * n * WIDE, WIDE, out + i * m * d, d)


# ------------------------------------------------------------------------------------ all tiles


class TileGrid(NamedTuple):
    """Tiles downwards and across an image of answers, and how large that is."""

    down: int
    across: int
    OH: int
    OW: int


@njit
def multiply(
    workspace: int,
    a: int,
    row: int,
    step: int,
    depth: int,
    b: int,
    F: int,
    c: int,
    rows: int,
    add: bool,
) -> None:
    """C = A B, or C += A B: rows of A ``row`` bytes apart, numbers in them ``step`` bytes."""
    at = places()
    where = words(at, PLACES)
    f, wide = 0, F * 4
    while f < F:
        left = (F - f) // LANES
        width = 4 if left >= 4 and WIDEST >= 4 else 2 if left >= 2 else 1
        most = H4 if width == 4 else H2 if width == 2 else H1
        i = 0
        while i < rows:
            height = most if rows - i >= most else 3 if rows - i >= 3 else 1
            place = c + i * wide + f * 4
            for k in range(height):
                where[k] = a + (i + k) * row
                where[HALF + k] = place + k * wide
            start, following = (place, wide) if add else (workspace + TABLE, 0)
            answer(width, height, at, step, workspace, 1, depth, b + f * 4, wide, start, following)
            i += height
        f += width * LANES


@njit
def turned(space: int, w: int, tap: int, size: int, out: int) -> None:
    """G w G^T, for all channels and filters; taps lie ``tap`` bytes apart."""
    for i in range(0, size, WIDE):
        both(weights, 3, 6, w + i, 3 * tap, tap, space, out + i, size)


@njit
def tile(number: int, down: int, across: int) -> Any:
    """Image, line and column of a tile."""
    n, rest = divmod(number, down * across)
    i, j = divmod(rest, across)
    return n, i, j


@njit
def take(x: int, n: int, i: int, j: int, OH: int, OW: int, wide: int, out: int) -> None:
    """4 x 4 vectors, with zeros beyond the last line and the last column."""
    for h in range(4):
        for k in range(4):
            y, z = 4 * i + h, 4 * j + k
            inside = y < OH and z < OW
            place = x + ((n * OH + y) * OW + z) * wide
            store(out + (4 * h + k) * WIDE, load(place, vector()) if inside else vector())


@njit
def put(x: int, n: int, i: int, j: int, OH: int, OW: int, wide: int, out: int, bias: int) -> None:
    """The reverse, leaving out what lies beyond, with the bias added."""
    b = load(bias, vector())
    for h in range(min(4, OH - 4 * i)):
        for k in range(min(4, OW - 4 * j)):
            place = out + ((n * OH + 4 * i + h) * OW + 4 * j + k) * wide
            store(place, load(x + (4 * h + k) * WIDE, vector()) + b)


@njit
def see(x: int, start: int, count: int, g: TileGrid, C: int, space: int, out: int, d: int) -> None:
    """B^T x B of some tiles: (36, d bytes: tiles, C)."""
    for k in range(count):
        n, i, j = tile(start + k, g.down, g.across)
        line = (4 * g.across + 2) * C * 4
        place = x + n * (4 * g.down + 2) * line + 4 * i * line + 16 * j * C
        for c in range(0, C * 4, WIDE):
            both(pixels, 6, 6, place + c, line, C * 4, space, out + k * C * 4 + c, d)


@njit
def ask(y: int, start: int, count: int, g: TileGrid, C: int, space: int, out: int, d: int) -> None:
    """A y A^T of some tiles: (36, d bytes: tiles, filters)."""
    wide, four = C * 4, space + 36 * WIDE
    for k in range(count):
        n, i, j = tile(start + k, g.down, g.across)
        for c in range(0, wide, WIDE):
            take(y + c, n, i, j, g.OH, g.OW, wide, four)
            both(answers_back, 4, 6, four, 4 * WIDE, WIDE, space, out + k * wide + c, d)


# ------------------------------------------------------------------------------------ kernels
# The workspace holds a table, zeros, space for one transformation, and the matrices. Images are
# padded to complete tiles.


@njit
def prepare(workspace: int, size: int) -> Any:
    """Clear the table and the zeros; where the space and the matrices begin."""
    clear(workspace, TABLE + size * 4)
    space = workspace + TABLE + size * 4
    return space, space + SPACE * WIDE


@kernel
def winograd(
    rows: int, workspace: Address, grid: TileGrid, C: int, N: int,
    x: Address, weights: Address, bias: Address, out: Address,
) -> None:  # fmt: skip
    """y = bias + conv(x, w), with C channels and N filters."""
    g = grid
    space, U = prepare(workspace, max(C, N))
    V = U + 36 * C * N * 4
    M = V + 36 * TILES * C * 4
    turned(space, weights, C * N * 4, C * N * 4, U)
    total, dv, dm = rows * g.down * g.across, TILES * C * 4, TILES * N * 4
    for start in range(0, total, TILES):
        count = min(TILES, total - start)
        see(x, start, count, g, C, space, V, dv)
        for p in range(36):
            B = U + p * C * N * 4
            multiply(workspace, V + p * dv, C * 4, 4, C, B, N, M + p * dm, count, False)
        for k in range(count):
            n, i, j = tile(start + k, g.down, g.across)
            for f in range(0, N * 4, WIDE):
                back = M + k * N * 4 + f
                both(answers, 6, 4, back, 6 * dm, dm, space, space + 36 * WIDE, WIDE)
                put(space + 36 * WIDE, n, i, j, g.OH, g.OW, N * 4, out + f, bias + f)


@kernel
def winograd_input(
    rows: int, workspace: Address, grid: TileGrid, C: int, N: int,
    out: Address, weights: Address, g: Address,
) -> None:  # fmt: skip
    """dx (padded) from g, by weights with channels and filters exchanged, taps reversed."""
    down, across = grid.down, grid.across
    space, U = prepare(workspace, max(C, N))
    V = U + 36 * C * N * 4
    M = V + 36 * TILES * C * 4
    size, line = C * N * 4, (4 * across + 2) * C * 4
    turned(space, weights + 8 * size, -size, size, U)
    total, dv, dm = rows * down * across, TILES * C * 4, TILES * N * 4
    clear(out, rows * (4 * down + 2) * line)
    for start in range(0, total, TILES):
        count = min(TILES, total - start)
        ask(g, start, count, grid, N, space, M, dm)
        for p in range(36):
            multiply(workspace, M + p * dm, N * 4, 4, N, U + p * size, C, V + p * dv, count, False)
        for k in range(count):
            n, i, j = tile(start + k, down, across)
            place = out + n * (4 * down + 2) * line + 4 * i * line + 16 * j * C
            for c in range(0, C * 4, WIDE):
                back, six = V + k * C * 4 + c, space + 36 * WIDE
                both(pixels_back, 6, 6, back, 6 * dv, dv, space, six, WIDE)
                add_tile(six, place + c, line, C * 4)


@njit
def add_tile(x: int, out: int, line: int, step: int) -> None:
    """Add 6 x 6 vectors to pixels."""
    for i in range(6):
        for j in range(6):
            place = out + i * line + j * step
            store(place, load(place, vector()) + load(x + (6 * i + j) * WIDE, vector()))


@kernel
def winograd_weight(
    rows: int,
    workspace: Address,
    grid: TileGrid,
    C: int,
    N: int,
    x: Address,
    g: Address,
    out: Address,
) -> None:
    """dw of these rows alone, from x and g."""
    space, U = prepare(workspace, max(C, N))
    size = C * N * 4
    V = U + 36 * size
    M = V + 36 * 2 * TILES * C * 4
    total, dv, dm = rows * grid.down * grid.across, 2 * TILES * C * 4, 2 * TILES * N * 4
    for start in range(0, total, 2 * TILES):
        count = min(2 * TILES, total - start)
        see(x, start, count, grid, C, space, V, dv)
        ask(g, start, count, grid, N, space, M, dm)
        for p in range(36):
            A, B = V + p * dv, M + p * dm
            multiply(workspace, A, 4, C * 4, count, B, N, U + p * size, C, start > 0)
    for i in range(0, size, WIDE):
        both(weights_back, 6, 3, U + i, 6 * size, size, space, out + i, size)
