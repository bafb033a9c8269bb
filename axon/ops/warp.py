"""Images moved, turned and zoomed: each pixel of the result looks up a place in the image.

A map says for each image where: row = m[0, 0] i + m[0, 1] j + m[0, 2], and column likewise with
m[1], for pixel (i, j) of the result. Its numbers are whole: counted in 2^-24 of a pixel, so that
adding them up is exact, and a shift parts the pixel from the fraction. Maps are drawn, not learned.
"""

from collections.abc import Iterator
from functools import cache
from math import pi
from typing import Any

import numpy as np

from axon.backend import Array, DType, Shape, counted
from axon.core import primitive

BITS = 24  # of the fraction
ONE = 1 << BITS
FAR = 2**20  # pixels: no place lies farther away
CHUNK = 2**15  # pixels that are worked on at a time
INDEX, SINGLE, DOUBLE = np.dtype(np.int64), np.dtype(np.float32), np.dtype(np.float64)
FILL_MODES = ("constant", "nearest", "reflect")

Specs = list[tuple[Shape, DType]]
Pair = tuple[int, int]


# ------------------------------------------------------------------------------------ maps


def affine_maps_shape(moves: Array, *, size: Pair) -> tuple[Shape, DType]:
    """A map for each row of ``moves``."""
    if moves.ndim != 2 or moves.shape[1] != 5:
        raise ValueError("Expected (n, 5): down, right, turn, height, width.")
    return (len(moves), 2, 3), INDEX


def affine_maps_workspace(moves: Array, *, size: Pair) -> Specs:
    """Workspace: five numbers for each map, the map in floats, and two more numbers."""
    n = len(moves)
    return [((5, n), DOUBLE), ((2, 3, n), DOUBLE), ((2, n), DOUBLE)]


@primitive(result=affine_maps_shape, workspace=affine_maps_workspace)
def affine_maps(out: Array, moves: Array, *, xp: Any, workspace: list[Array], size: Pair) -> None:
    """Maps that move, turn and stretch images of this size about their middle.

    A row of ``moves`` says how far down and to the right (shares of height and width), how far to
    turn against the clock (shares of a circle), and how much larger the field of view becomes
    (0.5: half as high again, so that what is seen shrinks).

    >>> affine_maps([[0.5, 0.0, 0.0, 0.0, 0.0]], size=(4, 4))[0] // 2**24
    array([[ 1,  0, -2],
           [ 0,  1,  0]])
    """
    (down, right, turn, high, wide), m, (cos, sin) = workspace
    xp.copyto(workspace[0], moves.T)
    xp.multiply(turn, 2 * pi, out=turn)
    xp.cos(turn, out=cos)
    xp.sin(turn, out=sin)
    xp.add(high, 1, out=high)
    xp.add(wide, 1, out=wide)
    xp.multiply(cos, high, out=m[0, 0])
    xp.multiply(sin, high, out=m[0, 1])
    xp.multiply(sin, wide, out=m[1, 0])
    xp.negative(m[1, 0], out=m[1, 0])
    xp.multiply(cos, wide, out=m[1, 1])
    for axis, share in ((0, down), (1, right)):
        _about_middle(m[axis], share, axis, size, cos, xp)
    xp.multiply(m, ONE, out=m)
    xp.clip(m, -FAR * ONE, FAR * ONE, out=m)
    xp.rint(m, out=m)
    xp.copyto(out, m.transpose(2, 0, 1), casting="unsafe")


def _about_middle(m: Array, share: Array, axis: int, size: Pair, product: Array, xp: Any) -> None:
    """Choose m[2] so that the middle stays where it is, but for the way that images move."""
    middle = [(n - 1) / 2 for n in size]
    xp.multiply(share, -size[axis], out=m[2])
    xp.add(m[2], middle[axis], out=m[2])
    for k in (0, 1):
        xp.multiply(m[k], middle[k], out=product)
        xp.subtract(m[2], product, out=m[2])


def corner_maps_shape(shares: Array, *, room: Pair) -> tuple[Shape, DType]:
    """A map for each row of ``shares``."""
    if shares.ndim != 2 or shares.shape[1] != 2:
        raise ValueError("Expected (n, 2): how far down and to the right.")
    return (len(shares), 2, 3), INDEX


def corner_maps_workspace(shares: Array, *, room: Pair) -> Specs:
    """Workspace: two numbers for each map."""
    return [(shares.shape, DOUBLE)]


@primitive(result=corner_maps_shape, workspace=corner_maps_workspace)
def corner_maps(out: Array, shares: Array, *, xp: Any, workspace: list[Array], room: Pair) -> None:
    """Maps that move by whole pixels, from 0 to ``room``, as the shares in [0, 1) say.

    >>> corner_maps([[0.0, 0.99]], room=(4, 4))[0] // 2**24
    array([[1, 0, 0],
           [0, 1, 4]])
    """
    place = workspace[0]
    xp.multiply(shares, (room[0] + 1, room[1] + 1), out=place)
    xp.floor(place, out=place)
    xp.minimum(place, room, out=place)
    xp.maximum(place, 0, out=place)
    xp.multiply(place, ONE, out=place)
    out.fill(0)
    out[:, 0, 0] = out[:, 1, 1] = ONE
    xp.copyto(out[:, :, 2], place, casting="unsafe")


# ------------------------------------------------------------------------------------ looking up


def warp_shape(x: Array, maps: Array, *, size: Pair, **_: object) -> tuple[Shape, DType]:
    """Images (N, OH, OW, C)."""
    _demand_maps(x, maps)
    return (len(x), *size, x.shape[3]), _float(x)


def warp_adjoint_shape(g: Array, maps: Array, *, shape: Shape, **_: object) -> tuple[Shape, DType]:
    """The images that were looked at."""
    _demand_maps(g, maps)
    return shape, _float(g)


def _demand_maps(x: Array, maps: Array) -> None:
    if x.ndim != 4 or maps.shape != (len(x), 2, 3) or maps.dtype != INDEX:
        raise ValueError("Expected images (n, height, width, channels) and whole maps (n, 2, 3).")


def _float(x: Array) -> DType:
    """The type of x, or float32 for whole numbers."""
    return x.dtype if x.dtype.kind == "f" else SINGLE


def _chunk(number: int, pixels: int) -> int:
    """How many images are worked on at a time."""
    return max(1, min(number, CHUNK // max(pixels, 1)))


def _specs(number: int, image: Shape, size: Pair, dtype: DType) -> Specs:
    """Workspace: places and fractions, four neighbours, the images with a border."""
    n, (OH, OW), (H, W, C) = _chunk(number, size[0] * size[1]), size, image
    grid = (n, OH, OW)
    framed = (n, C, H + 3, W + 3)
    lines = [((n, OH), INDEX), ((n, OW), INDEX)]
    return [*lines, *[(grid, INDEX)] * 3, *[(grid, dtype)] * 5, (framed, dtype)]


def warp_workspace(x: Array, maps: Array, *, size: Pair, **_: object) -> Specs:
    """Workspace of ``warp``."""
    return _specs(len(x), x.shape[1:], size, _float(x))


def warp_adjoint_workspace(g: Array, maps: Array, *, shape: Shape, **_: object) -> Specs:
    """Workspace of ``warp_adjoint``."""
    return _specs(len(g), shape[1:], (g.shape[1], g.shape[2]), _float(g))


@primitive(result=warp_shape, workspace=warp_workspace)
def warp(
    out: Array,
    x: Array,
    maps: Array,
    *,
    xp: Any,
    workspace: list[Array],
    size: Pair,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    smooth: bool = True,
) -> None:
    """Images (N, OH, OW, C) of which each pixel looks up a place in x, as its map says.

    x is (N, H, W, C), maps are (N, 2, 3), as ``affine_maps`` makes them, and ``size`` is (OH, OW).
    ``fill_mode`` says what lies beyond the edge: "constant", the ``fill_value``; the "nearest"
    pixel; or "reflect" (b a | a b). ``smooth`` draws straight lines between pixels (bilinear);
    otherwise the nearest one is taken.

    >>> x = np.arange(4.0).reshape(1, 2, 2, 1)
    >>> half_down = affine_maps([[0.25, 0.0, 0.0, 0.0, 0.0]], size=(2, 2))
    >>> warp(x, half_down, size=(2, 2))[0, :, :, 0]
    array([[0. , 0.5],
           [1. , 2. ]])
    """
    for images, y, some, framed, parts in _chunks(workspace, x, out, maps):
        _frame(framed, images, fill_value, xp)
        index, fractions = _places(some, images, parts, fill_mode, smooth, xp)
        for c in range(x.shape[3]):
            xp.copyto(y[..., c], _blend(framed[:, c], index, fractions, parts, smooth, xp))


@primitive(result=warp_adjoint_shape, workspace=warp_adjoint_workspace)
def warp_adjoint(
    out: Array,
    g: Array,
    maps: Array,
    *,
    xp: Any,
    workspace: list[Array],
    shape: Shape,
    fill_mode: str = "constant",
    smooth: bool = True,
) -> None:
    """Each g goes back to the pixels that it was made of, in images of this shape."""
    for slope, images, some, framed, parts in _chunks(workspace, g, out, maps):
        framed.fill(0)
        index, fractions = _places(some, images, parts, fill_mode, smooth, xp)
        for c in range(shape[3]):
            _scatter(framed[:, c], slope[..., c], index, fractions, parts, smooth, xp)
        xp.copyto(images, framed[:, :, 1:-2, 1:-2].transpose(0, 2, 3, 1))


def _chunks(
    workspace: list[Array], *arrays: Array
) -> Iterator[tuple[Array, Array, Array, Array, list[Array]]]:
    """A few images at a time, of each array, with as much of the framed images and the rest."""
    *grids, frames = workspace
    for start in range(0, len(arrays[0]), len(frames)):
        x, y, maps = (a[start : start + len(frames)] for a in arrays)
        yield x, y, maps, frames[: len(x)], [w[: len(x)] for w in grids]


def _frame(framed: Array, images: Array, value: float, xp: Any) -> None:
    """The images, channel by channel, within a border: one pixel before, two behind."""
    framed.fill(value)
    xp.copyto(framed[:, :, 1:-2, 1:-2], images.transpose(0, 3, 1, 2))


def _places(
    maps: Array, images: Array, parts: list[Array], fill_mode: str, smooth: bool, xp: Any
) -> tuple[Array, tuple[Array, Array]]:
    """Which pixel of the framed images each one looks at, and how far to the next ones."""
    down, across, index, column, spare, *fractions = parts[:7]
    H, W, C = images.shape[1:]
    for axis, place, length in ((0, index, H), (1, column, W)):
        m = maps[:, axis]
        xp.multiply(m[:, :1], counted(down.shape[1], INDEX, xp), out=down)
        xp.multiply(m[:, 1:2], counted(across.shape[1], INDEX, xp), out=across)
        xp.add(down, m[:, 2:], out=down)
        xp.copyto(place, down[:, :, None])  # one at a time: NumPy would buffer both
        xp.add(place, across[:, None, :], out=place)
        if not smooth:
            _round(place, xp)
        _bring_back(place, length, spare, fill_mode, xp)
        _part(place, fractions[axis], spare, xp)
    xp.multiply(index, W + 3, out=index)
    xp.add(index, column, out=index)
    first = counted(len(maps), INDEX, xp)[:, None, None]
    xp.multiply(first, C * (H + 3) * (W + 3), out=spare[:, :1, :1])
    xp.add(index, spare[:, :1, :1], out=index)
    return index, (fractions[0], fractions[1])


def _round(place: Array, xp: Any) -> None:
    """To the nearest whole pixel."""
    xp.add(place, ONE >> 1, out=place)
    xp.bitwise_and(place, -ONE, out=place)


def _bring_back(place: Array, size: int, spare: Array, fill_mode: str, xp: Any) -> None:
    """Places beyond the edges, as the fill mode says; all then lie on the image or its border."""
    beyond = ONE if fill_mode == "constant" else 0
    if fill_mode == "reflect":  # with period 2 size, mirrored about -1/2 and size - 1/2
        xp.add(place, ONE >> 1, out=place)
        xp.remainder(place, 2 * size * ONE, out=place)
        xp.subtract(2 * size * ONE, place, out=spare)
        xp.minimum(place, spare, out=place)
        xp.subtract(place, ONE >> 1, out=place)
    xp.maximum(place, -beyond, out=place)
    xp.minimum(place, (size - 1) * ONE + beyond, out=place)


def _part(place: Array, fraction: Array, spare: Array, xp: Any) -> None:
    """Part the pixel, counted from the border's, from the fraction."""
    kept = min(BITS, _digits(fraction.dtype))  # as many bits as the type holds
    xp.bitwise_and(place, ONE - 1, out=spare)
    if kept < BITS:
        xp.right_shift(spare, BITS - kept, out=spare)
    xp.copyto(fraction, spare, casting="unsafe")
    xp.multiply(fraction, 2.0**-kept, out=fraction)
    xp.right_shift(place, BITS, out=place)
    xp.add(place, 1, out=place)


def _blend(
    plane: Array, index: Array, fractions: Any, parts: list[Array], smooth: bool, xp: Any
) -> Array:
    """What is seen of one channel: between four pixels, first across, then down."""
    place, (a, b, c) = parts[4], parts[7:10]
    pixels, below = _reach(plane, xp), plane.shape[2]
    xp.take(pixels, index, out=a, mode="clip")
    if not smooth:
        return a
    for row, target in ((0, a), (below, b)):
        xp.add(index, row, out=place)
        xp.take(pixels, place, out=target, mode="clip")
        xp.add(place, 1, out=place)
        xp.take(pixels, place, out=c, mode="clip")
        _between(target, c, fractions[1], xp)
    _between(a, b, fractions[0], xp)
    return a


def _between(a: Array, b: Array, share: Array, xp: Any) -> None:
    """a <- a + share (b - a)."""
    xp.subtract(b, a, out=b)
    xp.multiply(b, share, out=b)
    xp.add(a, b, out=a)


def _scatter(
    plane: Array, g: Array, index: Array, fractions: Any, parts: list[Array], smooth: bool, xp: Any
) -> None:
    """Add g to the pixels of one channel that it was made of, each with its share."""
    place, a, b = parts[4], parts[7], parts[8]
    pixels, below = _reach(plane, xp), plane.shape[2]
    for row in (0, below) if smooth else (0,):
        _share(a, g, fractions[0], row > 0, smooth, xp)
        for right in (0, 1) if smooth else (0,):
            _share(b, a, fractions[1], right > 0, smooth, xp)
            xp.add(index, row + right, out=place)
            xp.add.at(pixels, place.reshape(-1), b.reshape(-1))


def _share(out: Array, g: Array, fraction: Array, farther: bool, smooth: bool, xp: Any) -> None:
    """The part of g for the nearer or the farther pixel."""
    if not smooth:
        xp.copyto(out, g)
    elif farther:
        xp.multiply(g, fraction, out=out)
    else:
        xp.multiply(g, fraction, out=out)
        xp.subtract(g, out, out=out)


def _reach(plane: Array, xp: Any) -> Array:
    """One channel of some framed images, up to the end of the last one, as flat memory."""
    n, H, W = plane.shape
    length = (n - 1) * (plane.strides[0] // plane.itemsize) + H * W
    flat: Array = xp.lib.stride_tricks.as_strided(plane, (length,), (plane.itemsize,))
    return flat


@cache
def _digits(dtype: DType) -> int:
    """How many bits of a number this type holds."""
    return int(np.finfo(dtype).nmant) + 1


affine_maps.gradient(None)
corner_maps.gradient(None)
warp.gradient(
    lambda g, y, x, maps, size, fill_value=0.0, **meta: warp_adjoint(
        g, maps, shape=x.shape, **meta
    ),
    None,
)
warp_adjoint.gradient(
    lambda h, y, g, maps, shape, **meta: warp(h, maps, size=g.shape[1:3], **meta), None
)
