"""Where the largest numbers of windows stand, numbers put back to there, and windows of any size.

Places are counted row by row within one image or volume, channel by channel, as in PyTorch.
"""

import math
from typing import Any

import numpy as np

from axon.backend import Array, DType, Shape, counted
from axon.core import Tensor, primitive
from axon.ops.compare import where
from axon.ops.composite import IntegerTensor, composite
from axon.ops.gathering import from_front, take_along_axis
from axon.ops.index import INDEX, take
from axon.ops.join import concatenate
from axon.ops.layout import moveaxis
from axon.ops.pad import pad
from axon.ops.pool import max_pool2d, max_pool2d_argmax
from axon.ops.reduce import argmax
from axon.ops.rounding import floor
from axon.ops.volumes import Around, Triple
from axon.ops.windows import Padding, Pair

# ------------------------------------------------------------------------------------ put back


def put_shape(x: Array, places: Array, *, size: int) -> tuple[Shape, DType]:
    """As many numbers of each channel as ``size`` says."""
    if x.ndim != 3 or x.shape != places.shape or places.dtype.kind not in "iu":
        raise ValueError(
            f"put: expected numbers (n, some, channels) and a whole number for each, got shapes "
            f"{x.shape} and {places.shape}, dtype {places.dtype}."
        )
    return (len(x), size, x.shape[2]), x.dtype


def put_workspace(x: Array, places: Array, *, size: int) -> list[tuple[Shape, DType]]:
    """Workspace: where numbers go; their order; the last at each place, or none; x in a piece."""
    after = (len(x), size, x.shape[2])
    moved = [] if x.flags.c_contiguous else [(x.shape, x.dtype)]
    return [(x.shape, INDEX)] * 2 + [(after, INDEX), (after, np.dtype(bool)), *moved]


@primitive(result=put_shape, workspace=put_workspace, chooses=True)
def put(out: Array, x: Array, places: Array, *, xp: Any, workspace: list[Array], size: int) -> None:
    """Zeros (n, size, channels), with numbers at places; where several come, the last stays.

    >>> put([[[5.0], [7.0]]], [[[2], [0]]], size=3).ravel()
    array([7., 0., 5.])
    """
    flat, number, last, none, *moved = workspace
    for copy in moved:
        xp.copyto(copy, x)
        x = copy
    out.fill(0)
    if not x.size:
        return
    N, _, C = x.shape
    xp.copyto(flat, places, casting="unsafe")
    xp.multiply(counted(N, INDEX, xp), size, out=number[:, 0, 0])
    xp.add(flat, number[:, :1, :1], out=flat)
    xp.multiply(flat, C, out=flat)
    xp.add(flat, counted(C, INDEX, xp), out=flat)
    last.fill(0)
    number.fill(1)
    xp.add.accumulate(number.reshape(-1), out=number.reshape(-1))
    xp.maximum.at(last.reshape(-1), flat.reshape(-1), number.reshape(-1))
    xp.less(last, 1, out=none)
    xp.maximum(last, 1, out=last)
    xp.subtract(last, 1, out=last)
    xp.take(x.reshape(-1), last, out=out, mode="clip")
    xp.copyto(out, 0, where=none)


put.gradient(lambda g, y, x, places, size: take_along_axis(g, places, 1), None)


@composite
def max_unpool(
    x: Tensor, indices: IntegerTensor, output_size: Shape, data_format: str | None = None
) -> Tensor:
    """Numbers put back to where max pooling found them, and 0 elsewhere.

    Args:
        x: (n, places..., channels).
        indices: of its shape: places counted row by row in one image of the result; negative ones
            count from the end.
        output_size: sizes of the result, without samples and channels.
        data_format: "channels_last", or "channels_first" for (n, channels, places...).

    Raises:
        IndexError: a place lies outside.

    >>> max_unpool([[[5.0], [7.0]]], [[[1], [2]]], (4,)).ravel()
    array([0., 5., 7., 0.])
    """
    first = data_format == "channels_first"
    x, places = (moveaxis(t, 1, -1) if first else t for t in (x, indices))
    N, *sizes, C = x.shape
    rows, marks = x.reshape(N, math.prod(sizes), C), places.reshape(N, math.prod(sizes), C)
    size = math.prod(output_size)
    y: Tensor = put(rows, from_front(marks, size), size=size).reshape(N, *output_size, C)
    return moveaxis(y, -1, 1) if first else y


# ------------------------------------------------------------------------------------ found

Found = tuple[Tensor, Tensor]  # the largest numbers, and their places


def largest2d(x: Tensor, *, strides: Pair, padding: Padding, **meta: Any) -> Found:
    """``max_pool2d``, and where on the images (N, H, W, C) each number stands.

    >>> y, places = largest2d(Tensor(np.arange(4.0).reshape(1, 2, 2, 1)), pool_size=(2, 2),
    ...                       strides=(2, 2), padding=((0, 0), (0, 0)))
    >>> y.item(), places.item()
    (3.0, 3)
    """
    meta |= {"strides": strides, "padding": padding}
    y = max_pool2d(x, **meta)
    tap = max_pool2d_argmax(x.detach(), y.detach(), **meta)
    (KH, KW), (DH, DW) = meta["pool_size"], meta.get("dilation", (1, 1))
    W, (_, OH, OW, _) = x.shape[2], y.shape
    steps = np.arange(KH)[:, None] * (DH * W) + np.arange(KW) * DW
    beyond = np.zeros(1, np.int64)  # of a window whose taps all lie in the padding
    rows, columns = (
        np.arange(n) * s - before
        for n, s, (before, _) in zip((OH, OW), strides, padding, strict=True)
    )
    corners = (rows[:, None] * W + columns).reshape(1, OH, OW, 1)
    return y, take(Tensor(np.concatenate([steps.ravel(), beyond])), tap) + Tensor(corners)


def largest3d(
    x: Tensor, *, pool_size: Triple, strides: Triple, padding: Around, dilation: Triple = (1, 1, 1)
) -> Found:
    """The same of volumes (N, D, H, W, C): first in each slice, then along the depth."""
    N, D, H, W, C = x.shape
    flat: dict[str, Any] = {"pool_size": pool_size[1:], "strides": strides[1:]}
    flat |= {"padding": padding[1:], "dilation": dilation[1:]}
    y, places = largest2d(x.reshape(N * D, H, W, C), **flat)
    OH, OW = y.shape[1:3]
    slices, places = (t.reshape(N, D, OH * OW, C) for t in (y, places))
    deep: dict[str, Any] = {"pool_size": (pool_size[0], 1), "strides": (strides[0], 1)}
    deep |= {"padding": (padding[0], (0, 0)), "dilation": (dilation[0], 1)}
    z = max_pool2d(slices, **deep)
    tap = max_pool2d_argmax(slices.detach(), z.detach(), **deep)
    (before, after), S, OD = padding[0], strides[0], z.shape[1]
    ends = ((0, 0), (before, after), (0, 0), (0, 0))
    slice_of = np.arange(-before, D + after).reshape(1, -1, 1, 1) * (H * W)
    places = pad(places, ends) + Tensor(slice_of)
    found: Tensor | None = None
    for k in range(pool_size[0]):
        start = k * dilation[0]
        seen = places[:, start : start + (OD - 1) * S + 1 : S]
        found = seen if found is None else where(tap == k, seen, found)
    assert found is not None
    return tuple(t.reshape(N, OD, OH, OW, C) for t in (z, found))  # type: ignore[return-value]


# ------------------------------------------------------------------------------------ drawn windows


def fractional_starts(share: Tensor, size: int, wanted: int, pool: int) -> Tensor:
    """Where windows begin that lie size / wanted apart on average: (...) -> (..., wanted).

    The first at 0, the last at the end (Graham, 2014): floor((i + u) a) - floor(u a).

    >>> fractional_starts(Tensor(0.5), 8, 4, 2).numpy().tolist()
    [0, 2, 4, 6]
    """
    if wanted == 1:
        return (share * 0.0).astype(np.int64).reshape(*share.shape, 1) + (size - pool)
    apart = np.asarray((size - pool) / (wanted - 1), share.dtype)
    u = share.reshape(*share.shape, 1)
    steps = floor((u + np.arange(wanted - 1, dtype=share.dtype)) * apart) - floor(u * apart)
    last = share.reshape(*share.shape, 1) * 0.0 + float(size - pool)
    return concatenate([steps, last], axis=-1).astype(np.int64)


def largest_from(x: Tensor, starts: list[Tensor], pool_size: Shape) -> Found:
    """The largest number of windows that begin at (n, channels, count) along each axis of x.

    Where all samples and channels have the same windows, (1, 1, count), rows are taken at once.
    """
    alike = all(start.shape[:2] == (1, 1) for start in starts)
    seen = (_seen_by_all if alike else _seen_by_each)(x, starts, pool_size)
    (N, *sizes, C), counts = x.shape, [start.shape[-1] for start in starts]
    seen = seen.reshape(N, *counts, math.prod(pool_size), C)
    steps = _counted_through([np.arange(k).reshape(1, 1, k) for k in pool_size], sizes)
    corners = _counted_through(starts, sizes)
    tap = argmax(seen.detach(), axis=-2)
    return seen.max(axis=-2), corners + take(Tensor(steps.ravel()), tap)


def _counted_through(along: Any, sizes: Any) -> Any:
    """Of a place along each axis, (n, channels, count), all places (n, count, ..., channels)."""
    total: Any = None
    for i, (places, size) in enumerate(zip(along, sizes, strict=True)):
        shape = [places.shape[0], *(1,) * len(along), places.shape[1]]
        shape[1 + i] = places.shape[2]
        each = places.transpose(0, 2, 1).reshape(*shape)
        total = each if total is None else total * size + each
    return total


def _taps(starts: list[Tensor], pool_size: Shape) -> list[Tensor]:
    """Along each axis the places that windows look at: (n, channels, count, taps)."""
    pairs = zip(starts, pool_size, strict=True)
    return [start.reshape(*start.shape, 1) + Tensor(np.arange(k)) for start, k in pairs]


def _seen_by_all(x: Tensor, starts: list[Tensor], pool_size: Shape) -> Tensor:
    """What the same windows see of all images: (n, count, ..., tap, ..., channels)."""
    axes, (N, *_, C) = len(starts), x.shape
    for i, taps in enumerate(_taps(starts, pool_size)):
        x = take(x, taps.reshape(-1), axis=1 + i)
    pairs = zip((start.shape[-1] for start in starts), pool_size, strict=True)
    apart = x.reshape(N, *(n for pair in pairs for n in pair), C)
    counts, within = range(1, 2 * axes, 2), range(2, 2 * axes + 1, 2)
    return apart.transpose(0, *counts, *within, 2 * axes + 1)


def _seen_by_each(x: Tensor, starts: list[Tensor], pool_size: Shape) -> Tensor:
    """The same where each sample and channel has windows of its own: (n, places, channels)."""
    N, *sizes, C = x.shape
    each = _taps(starts, pool_size)
    index: Tensor | None = None
    for i, (taps, size) in enumerate(zip(each, sizes, strict=True)):
        shape = [N, *(1,) * (2 * len(sizes)), C]
        shape[1 + i], shape[1 + len(sizes) + i] = taps.shape[2:]
        along = taps.transpose(0, 2, 3, 1).reshape(*shape)
        index = along if index is None else index * size + along
    assert index is not None
    flat = index.reshape(N, index.size // (N * C), C) if index.size else index.reshape(N, 0, C)
    return take_along_axis(x.reshape(N, math.prod(sizes), C), flat, 1)
