"""Images looked at between their pixels, and windows put back together."""

from itertools import product as combinations
from math import prod
from typing import Literal

import numpy as np

from axon import ops
from axon.backend import Array
from axon.core import Tensor
from axon.onnx.run.operators.budget import allowed, spend
from axon.onnx.run.operators.operand import channels_last
from axon.onnx.run.operators.placing import placed
from axon.onnx.run.operators.table import operator

Ints = list[int]
Between = Literal["linear", "nearest", "cubic", "bilinear", "bicubic"]
Beyond = Literal["zeros", "border", "reflection"]
CUBIC = -0.75  # what PyTorch computes with, too
Neighbours = list[tuple[Tensor, Tensor | float]]  # whole places along one axis, and their shares


@operator("GridSample")
def grid_sample(
    x: Tensor,
    grid: Tensor,
    /,
    *,
    align_corners: int = 0,
    mode: Between = "linear",
    padding_mode: Beyond = "zeros",
) -> Tensor:
    """What lies at the places of a grid, -1 to 1 along each axis, the last axis of x first."""
    sizes = x.shape[2:]
    axes = len(sizes)
    if grid.ndim != x.ndim or grid.shape[-1] != axes or grid.shape[0] != x.shape[0]:
        raise ValueError(f"a grid of shape {grid.shape} does not fit {x.shape}.")
    n, channels = x.shape[:2]
    allowed((2**axes, *grid.shape[:-1], channels))
    taps = [
        _taps(
            grid[..., axes - 1 - i],
            size,
            bool(align_corners),
            mode.removeprefix("bi"),
            padding_mode,
        )
        for i, size in enumerate(sizes)
    ]
    rows = x.transpose(0, *range(2, x.ndim), 1).reshape(n * prod(sizes), channels)
    first = Tensor(np.arange(n, dtype=np.int64).reshape(n, *(1,) * axes) * prod(sizes))
    total: Tensor | None = None
    for corner in combinations(*taps):
        place: Tensor = first
        share: Tensor | None = None
        for (where, weight), step in zip(corner, _steps(sizes), strict=True):
            place = place + where * step
            share = _times(share, weight)
        seen = ops.take(rows, place)
        seen = seen if share is None else seen * share.reshape(*share.shape, 1)
        total = seen if total is None else total + seen
    assert total is not None
    return total.transpose(0, axes + 1, *range(1, axes + 1))


def _times(share: Tensor | None, weight: Tensor | float) -> Tensor | None:
    if not isinstance(weight, Tensor):
        return share
    return weight if share is None else share * weight


def _steps(sizes: tuple[int, ...]) -> list[int]:
    return [prod(sizes[i + 1 :]) for i in range(len(sizes))]


def _taps(g: Tensor, size: int, aligned: bool, mode: str, beyond: str) -> Neighbours:
    """The pixels along an axis that a place looks at."""
    at = (g + 1.0) * ((size - 1) / 2) if aligned else (g + 1.0) * (size / 2) - 0.5
    ends = (0.0, size - 1.0) if aligned else (-0.5, size - 0.5)
    if beyond == "border" and mode != "cubic":
        at = at.clip(0.0, size - 1.0)
    elif beyond == "reflection" and mode != "cubic":
        at = _reflected(at, *ends).clip(0.0, size - 1.0)
    if mode == "nearest":
        return [_tap(ops.rint(at), None, size, beyond, ends)]
    low = ops.floor(at)
    part = at - low
    if mode == "linear":
        shares = [1.0 - part, part]
        return [_tap(low + float(i), w, size, beyond, ends) for i, w in enumerate(shares)]
    far = [
        _cubic(part + 1.0, far=True),
        _cubic(part),
        _cubic(1.0 - part),
        _cubic(2.0 - part, far=True),
    ]
    return [_tap(low + float(i - 1), w, size, beyond, ends) for i, w in enumerate(far)]


def _cubic(d: Tensor, far: bool = False) -> Tensor:
    if far:
        return ((d - 5.0) * d + 8.0) * d * CUBIC - 4 * CUBIC
    return ((CUBIC + 2) * d - (CUBIC + 3)) * d * d + 1.0


def _tap(
    at: Tensor, share: Tensor | None, size: int, beyond: str, ends: tuple[float, float]
) -> tuple[Tensor, Tensor | float]:
    """A whole place inside the image, and its share; none of what lies beyond."""
    if beyond == "reflection":
        at = _reflected(at, *ends)
    inside = at.clip(0.0, size - 1.0)
    place = inside.detach().astype(np.int64)
    if beyond != "zeros":
        return place, 1.0 if share is None else share
    there = ops.equal(inside, at).astype(at.dtype)
    return place, there if share is None else share * there


def _reflected(at: Tensor, low: float, high: float) -> Tensor:
    """Places beyond the ends, mirrored as often as it takes."""
    span = high - low
    if span <= 0:
        return at * 0.0
    away = ops.absolute(at - low)
    turns = ops.floor(away * (1 / span))
    rest = away - turns * span
    odd = turns - ops.floor(turns * 0.5) * 2.0
    return ops.where(odd == 0.0, rest + low, high - rest)


# ------------------------------------------------------------------------------------ regions


@operator("RoiAlign")
def roi_align(
    x: Array,
    rois: Array,
    batch_indices: Array,
    /,
    *,
    coordinate_transformation_mode: Literal["half_pixel", "output_half_pixel"] = "half_pixel",
    mode: Literal["avg", "max"] = "avg",
    output_height: int = 1,
    output_width: int = 1,
    sampling_ratio: int = 0,
    spatial_scale: float = 1.0,
) -> Array:
    """Of each region the mean, or the largest, of points in each of its cells."""
    shift = 0.5 if coordinate_transformation_mode == "half_pixel" else 0.0
    out = np.zeros(allowed((len(rois), x.shape[1], output_height, output_width)), x.dtype)
    for i, (image, roi) in enumerate(zip(batch_indices, rois, strict=True)):
        left, top, right, bottom = roi.astype(np.float64) * spatial_scale - shift
        w, h = right - left, bottom - top
        if not shift:
            w, h = max(w, 1.0), max(h, 1.0)
        rows, columns = (
            _points(start, length, count, sampling_ratio)
            for start, length, count in ((top, h, output_height), (left, w, output_width))
        )
        spend("work", rows.size * columns.size * x.shape[1])
        seen = _between(x[int(image)], rows.ravel(), columns.ravel(), mode)
        cells = seen.reshape(x.shape[1], *rows.shape, *columns.shape)
        out[i] = cells.mean((2, 4)) if mode == "avg" else cells.max((2, 4))
    return out


def _points(start: float, length: float, count: int, ratio: int) -> Array:
    """(cells, points in each)."""
    each = length / count
    points = ratio if ratio > 0 else max(int(np.ceil(each)), 1)
    allowed((count, points))
    inside = (np.arange(points) + 0.5) * each / points
    return np.asarray(start + np.arange(count)[:, None] * each + inside)


def _between(image: Array, rows: Array, columns: Array, mode: str) -> Array:
    """(channels, rows, columns) of bilinear points; 0 where they lie outside."""
    (y0, y1, fy, in_y), (x0, x1, fx, in_x) = (
        _sides(at, size) for at, size in ((rows, image.shape[1]), (columns, image.shape[2]))
    )
    corners = [
        image[:, y][:, :, x] * (wy[:, None] * wx)
        for y, wy in ((y0, 1 - fy), (y1, fy))
        for x, wx in ((x0, 1 - fx), (x1, fx))
    ]
    made = np.maximum.reduce(corners) if mode == "max" else np.add.reduce(corners)
    return np.asarray(made * (in_y[:, None] & in_x))


def _sides(at: Array, size: int) -> tuple[Array, Array, Array, Array]:
    inside = (at >= -1) & (at <= size)
    at = np.clip(at, 0, size - 1)
    low = np.floor(at).astype(int)
    return low, np.minimum(low + 1, size - 1), at - low, inside


# ------------------------------------------------------------------------------------ windows


@operator("Col2Im")
def col2im(
    x: Tensor,
    image_shape: Ints,
    block_shape: Ints,
    /,
    *,
    dilations: Ints | None = None,
    pads: Ints | None = None,
    strides: Ints | None = None,
) -> Tensor:
    """Columns of windows (n, channels * window, windows), added up where they lay."""
    axes = len(image_shape)
    apart, steps = dilations or [1] * axes, strides or [1] * axes
    around = pads or [0] * 2 * axes
    if len(block_shape) != axes or len(apart) != axes or len(steps) != axes:
        raise ValueError("image_shape, block_shape, dilations and strides must fit each other.")
    padded = allowed(n + around[i] + around[axes + i] for i, n in enumerate(image_shape))
    lines = [
        np.arange(k)[:, None] * d + np.arange((n - d * (k - 1) - 1) // s + 1) * s
        for n, k, d, s in zip(padded, block_shape, apart, steps, strict=True)
    ]  # (window, windows) along each axis
    places = np.zeros((1,) * 2 * axes, np.int64)
    for i, (line, step) in enumerate(zip(lines, _steps(padded), strict=True)):
        shape = [1] * 2 * axes
        shape[i], shape[axes + i] = line.shape
        places = places + line.reshape(shape) * step
    n, channels = x.shape[0], x.shape[1] // prod(block_shape)
    rows = x.reshape(n, channels, places.size).transpose(2, 0, 1).reshape(places.size, n * channels)
    flat = ops.take_gradient(rows, Tensor(places.ravel()), shape=(prod(padded), n * channels))
    image = flat.reshape(*padded, n, channels).transpose(axes, axes + 1, *range(axes))
    inside = (slice(around[i], around[i] + size) for i, size in enumerate(image_shape))
    return image[(slice(None), slice(None), *inside)]


@operator("MaxUnpool")
def max_unpool(
    x: Tensor,
    places: Tensor,
    output_shape: Ints | None = None,
    /,
    *,
    kernel_shape: Ints,
    pads: Ints | None = None,
    strides: Ints | None = None,
) -> Tensor:
    """Numbers put back to where MaxPool found them; 0 elsewhere."""
    axes = x.ndim - 2
    steps, around = strides or [1] * axes, pads or [0] * 2 * axes
    sides = zip(x.shape[2:], kernel_shape, steps, range(axes), strict=True)
    sizes = [(n - 1) * s + k - around[i] - around[axes + i] for n, k, s, i in sides]
    given = [*x.shape[:2], *sizes]
    shape = allowed(output_shape or given)
    flat = places.astype(np.int64)
    if list(shape) != given:  # counted in the smaller image
        flat = _counted_anew(flat, given, list(shape))
    nothing = Tensor(np.zeros((prod(shape), 1), x.dtype))
    made = placed(nothing, flat.reshape(x.size), x.reshape(x.size, 1), "none")
    return made.reshape(shape)


def _counted_anew(places: Tensor, old: Ints, new: Ints) -> Tensor:
    """Flat places of one shape, in another that is as large or larger."""
    total: Tensor | int = 0
    for size, step, wide in zip(old, _steps(tuple(old)), _steps(tuple(new)), strict=True):
        number = ops.floor(places.astype(np.float64) * (1 / step) + 1e-9)
        number = number - ops.floor(number * (1 / size) + 1e-9) * float(size)
        total = number.astype(np.int64) * wide + total
    assert isinstance(total, Tensor)
    return total


@operator("GlobalLpPool", layout=channels_last)
def global_lp_pool(x: Tensor, /, *, p: int = 2) -> Tensor:
    """The p-th root of the sum of p-th powers, of each channel."""
    gone = tuple(range(1, x.ndim - 1))
    total = ops.power(ops.absolute(x), np.array(p, x.dtype)).sum(gone, keepdims=True)
    return ops.power(total, np.array(1 / p, x.dtype))
