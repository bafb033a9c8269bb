"""Pooling: the largest or the mean of what each window sees, channel by channel.

Windows are walked over tap by tap, so that every pass is over whole rows of pixels; a few images
are worked on at a time, so that they stay in the processor's cache.
"""

from collections.abc import Iterator
from math import inf
from typing import Any

import numpy as np

from axon.backend import Array, DType, Shape
from axon.bounds import same
from axon.core import Tensor, primitive
from axon.ops.windows import (
    ONE,
    UNPADDED,
    Meeting,
    Padding,
    Pair,
    Unbuffered,
    Windows,
    chunk,
    images,
    matches,
    parts,
)
from axon.pieces import each_row

TRUTH = np.dtype(np.bool_)
Specs = list[tuple[Shape, DType]]


def windows_of(
    pool_size: Pair, strides: Pair, padding: Padding = UNPADDED, dilation: Pair = ONE
) -> Windows:
    """The windows; each must reach the images.

    Raises:
        ValueError: one may lie in the padding altogether.
    """
    windows = Windows(pool_size, strides, padding, dilation)
    for span, reach in zip(windows.spans(), padding, strict=True):
        if max(reach) >= span:
            raise ValueError(f"Padding {reach} must be smaller than the window of {pool_size}.")
    return windows


def pool2d_shape(x: Array, **meta: Any) -> tuple[Shape, DType]:
    """Shape and type of pooled images: (N, OH, OW, C)."""
    return answers(images(x), windows_of(**meta)), x.dtype


def answers(shape: Shape, windows: Windows) -> Shape:
    """Shape of what comes of pooling images of this shape."""
    return (shape[0], *windows.counts(shape), shape[3])


def max_pool2d_argmax_shape(x: Array, y: Array, **meta: Any) -> tuple[Shape, DType]:
    """The shape of the pooled images; a type that can count the taps."""
    matches("The second", y.shape, pool2d_shape(x, **meta)[0])
    return y.shape, np.min_scalar_type(meta["pool_size"][0] * meta["pool_size"][1])


def max_pool2d_pick_shape(x: Array, index: Array, **meta: Any) -> tuple[Shape, DType]:
    """Shape and type of pooled images."""
    shape, dtype = pool2d_shape(x, **meta)
    matches("The second", index.shape, shape)
    return shape, dtype


def pool2d_gradient_shape(g: Array, *_: Array, shape: Shape, **meta: Any) -> tuple[Shape, DType]:
    """Shape of the images, type of the gradient."""
    matches("The first", g.shape, answers(shape, windows_of(**meta)))
    return shape, g.dtype


# ------------------------------------------------------------------------------------ chunks


def _rows(shape: Shape, pooled: Shape, dtype: DType) -> tuple[int, int, int]:
    """Images, rows of windows, and the bytes of pixels that belong to one of these rows."""
    return shape[0], pooled[1], -(-shape[1] * shape[2] * shape[3] * dtype.itemsize // pooled[1])


def _chunk(shape: Shape, pooled: Shape, dtype: DType) -> Shape:
    """The shape of the pooled images of the largest chunk."""
    return (*chunk(*_rows(shape, pooled, dtype)), *pooled[2:])


def _walk(
    windows: Windows, shape: Shape, pooled: Shape, dtype: DType
) -> Iterator[tuple[slice, slice, tuple[Meeting, ...]]]:
    """Chunk by chunk: which images, which rows of windows, and where their taps lie."""
    for n, rows in parts(*_rows(shape, pooled, dtype)):
        yield n, rows, windows.meetings(shape, rows)


def _disjoint(windows: Windows) -> bool:
    """Whether no two windows overlap."""
    return all(s >= k for s, k in zip(windows.strides, windows.spans(), strict=True))


def _covering(windows: Windows, shape: Shape) -> bool:
    """Whether every pixel is seen, and by one window only."""
    covered = tuple(n * k for n, k in zip(windows.counts(shape), windows.size, strict=True))
    side_by_side = windows.strides == windows.size == windows.spans()
    return side_by_side and covered == shape[1:3] and not windows.padded


def _fold(combine: Any, start: float, out: Array, x: Array, windows: Windows, xp: Any) -> Any:
    """Combine what each window sees, beginning with ``start``; hand out each finished chunk."""
    for n, rows, meetings in _walk(windows, x.shape, out.shape, out.dtype):
        seen, y = x[n], out[n, rows]
        if windows.padded or len(meetings) == 1:
            y.fill(start)
            before = y
        else:
            before, meetings = seen[meetings[0].pixels], meetings[1:]
        for _, here, there in meetings:
            combine(before[here], seen[there], out=y[here])
            before = y
        yield y, rows


# ------------------------------------------------------------------------------------ maximum


@primitive(result=pool2d_shape, floats=True, rows=each_row(2), flops=1, bounds=same)
def max_pool2d(
    out: Array,
    x: Array,
    *,
    xp: Any,
    pool_size: Pair,
    strides: Pair,
    padding: Padding = UNPADDED,
    dilation: Pair = ONE,
) -> None:
    """The largest number that each window sees; the first of equal ones receives the gradient.

    >>> x = np.arange(16.0).reshape(1, 4, 4, 1)
    >>> max_pool2d(x, pool_size=(2, 2), strides=(2, 2))[0, :, :, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    """
    windows = windows_of(pool_size, strides, padding, dilation)
    with Unbuffered(xp):
        for _ in _fold(xp.maximum, -inf, out, x, windows, xp):
            pass


def max_pool2d_argmax_workspace(x: Array, y: Array, **_: object) -> Specs:
    """Workspace: two truth values for each window of a chunk."""
    shape = _chunk(x.shape, y.shape, x.dtype)
    return [(shape, TRUTH), (shape, TRUTH)]


@primitive(result=max_pool2d_argmax_shape, workspace=max_pool2d_argmax_workspace, rows=each_row(3))
def max_pool2d_argmax(
    out: Array, x: Array, y: Array, *, xp: Any, workspace: list[Array], **meta: Any
) -> None:
    """Which tap of each window sees the (first) largest number y, counted row by row."""
    windows = windows_of(**meta)
    with Unbuffered(xp):
        for n, rows, meetings in _walk(windows, x.shape, y.shape, x.dtype):
            largest, index = y[n, rows], out[n, rows]
            smaller, searching = (w[: len(index), : index.shape[1]] for w in workspace)
            index.fill(0)
            searching.fill(True)
            where = {meeting.tap: meeting for meeting in meetings}
            for tap in windows.taps():
                if tap in where:
                    _, here, there = where[tap]
                    xp.less(x[n][there], largest[here], out=smaller[here])
                    xp.logical_and(searching[here], smaller[here], out=searching[here])
                xp.add(index, searching, out=index)


def max_pool2d_gradient_workspace(g: Array, index: Array, *, shape: Shape, **_: object) -> Specs:
    """Workspace: for each window of a chunk a truth value, a mask, and a part of the gradient."""
    part = _chunk(shape, g.shape, g.dtype)
    return [(part, np.dtype(np.int8)), (part, _bits(g.dtype)), (part, g.dtype)]


@primitive(
    result=pool2d_gradient_shape,
    workspace=max_pool2d_gradient_workspace,
    rows=each_row(3, shape=True),
)
def max_pool2d_gradient(
    out: Array,
    g: Array,
    index: Array,
    *,
    xp: Any,
    workspace: list[Array],
    shape: Shape,
    **meta: Any,
) -> None:
    """Each g goes to the tap with this number; where windows overlap they add up.

    The bits of g are kept or cleared, not multiplied by 1 or 0: so infinity reaches one pixel only.
    """
    windows = windows_of(**meta)
    alone, covering = _disjoint(windows), _covering(windows, shape)
    with Unbuffered(xp):
        for n, rows, meetings in _walk(windows, shape, g.shape, g.dtype):
            if rows.start == 0 and not covering:
                out[n].fill(0)
            slope, number = g[n, rows], index[n, rows]
            for tap, here, there in meetings:
                place = [w[: len(slope)][here] for w in workspace]
                target = out[n][there]
                part = target if alone else place[2]
                _mask(number[here], tap[0] * windows.size[1] + tap[1], place, xp)
                xp.bitwise_and(
                    slope[here].view(place[1].dtype), place[1], out=part.view(_bits(g.dtype))
                )
                if not alone:
                    xp.add(target, part, out=target)


def _mask(index: Array, k: int, place: list[Array], xp: Any) -> None:
    """All bits 1 where the index is k, else 0: minus truth, widened with its sign."""
    truth, mask = place[:2]
    xp.equal(index, k, out=truth.view(TRUTH))
    xp.negative(truth, out=truth)
    xp.copyto(mask, truth)


def _bits(dtype: DType) -> DType:
    """Whole numbers of the same size."""
    return np.dtype(f"i{dtype.itemsize}")


def max_pool2d_pick_workspace(x: Array, index: Array, **_: object) -> Specs:
    """Workspace: a truth value for each window of a chunk."""
    return [(_chunk(x.shape, index.shape, x.dtype), TRUTH)]


@primitive(
    result=max_pool2d_pick_shape,
    workspace=max_pool2d_pick_workspace,
    rows=each_row(3),
    chooses=True,
)
def max_pool2d_pick(
    out: Array, x: Array, index: Array, *, xp: Any, workspace: list[Array], **meta: Any
) -> None:
    """What the tap with this number sees, in each window; 0 if that lies in the padding."""
    windows = windows_of(**meta)
    for n, rows, meetings in _walk(windows, x.shape, index.shape, x.dtype):
        y, number = out[n, rows], index[n, rows]
        y.fill(0)
        for tap, here, there in meetings:
            truth = workspace[0][: len(y)][here]
            xp.equal(number[here], tap[0] * windows.size[1] + tap[1], out=truth)
            xp.copyto(y[here], x[n][there], where=truth)


def _max_gradient(g: Tensor, y: Tensor, x: Tensor, **meta: Any) -> Tensor:
    return max_pool2d_gradient(g, max_pool2d_argmax(x, y, **meta), shape=x.shape, **meta)


max_pool2d.gradient(_max_gradient)
max_pool2d_argmax.gradient(None, None)
max_pool2d_gradient.gradient(
    lambda gx, x, g, index, shape, **meta: max_pool2d_pick(gx, index, **meta), None
)
max_pool2d_pick.gradient(
    lambda g, y, x, index, **meta: max_pool2d_gradient(g, index, shape=x.shape, **meta), None
)

# ------------------------------------------------------------------------------------ mean


@primitive(result=pool2d_shape, floats=True, rows=each_row(2), flops=1, bounds=same)
def average_pool2d(
    out: Array, x: Array, *, xp: Any, pool_size: Pair, strides: Pair, padding: Padding = UNPADDED
) -> None:
    """The mean of what each window sees; taps in the padding do not count.

    >>> x = np.arange(16.0).reshape(1, 4, 4, 1)
    >>> average_pool2d(x, pool_size=(2, 2), strides=(2, 2))[0, :, :, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]])
    """
    windows = windows_of(pool_size, strides, padding)
    with Unbuffered(xp):
        for y, rows in _fold(xp.add, 0.0, out, x, windows, xp):
            _divide(y, y, windows, x.shape, rows, xp)


def average_pool2d_gradient_workspace(g: Array, *, shape: Shape, **_: object) -> Specs:
    """Workspace: the gradient of a chunk, divided by the number of taps."""
    return [(_chunk(shape, g.shape, g.dtype), g.dtype)]


@primitive(
    result=pool2d_gradient_shape,
    workspace=average_pool2d_gradient_workspace,
    floats=True,
    rows=each_row(3, shape=True),
)
def average_pool2d_gradient(
    out: Array, g: Array, *, xp: Any, workspace: list[Array], shape: Shape, **meta: Any
) -> None:
    """Each g is shared equally by the pixels that its window saw."""
    windows = windows_of(**meta)
    covering = _covering(windows, shape)
    with Unbuffered(xp):
        for n, rows, meetings in _walk(windows, shape, g.shape, g.dtype):
            if rows.start == 0 and not covering:
                out[n].fill(0)
            slope = workspace[0][: n.stop - n.start, : rows.stop - rows.start]
            _divide(slope, g[n, rows], windows, shape, rows, xp)
            for _, here, there in meetings:
                if covering:
                    xp.copyto(out[n][there], slope[here])
                else:
                    xp.add(out[n][there], slope[here], out=out[n][there])


def _divide(out: Array, x: Array, windows: Windows, shape: Shape, rows: slice, xp: Any) -> None:
    """Divide by the number of pixels that each window sees: fewer at padded edges."""
    KH, KW = windows.size
    xp.multiply(x, 1.0 / (KH * KW), out=out)
    for row, factor in _edges(windows, 0, shape[1], rows.start, rows.stop):
        xp.multiply(out[:, row], factor, out=out[:, row])
    for column, factor in _edges(windows, 1, shape[2], 0, out.shape[2]):
        xp.multiply(out[:, :, column], factor, out=out[:, :, column])


def _edges(
    windows: Windows, axis: int, size: int, first: int, last: int
) -> Iterator[tuple[int, float]]:
    """Windows, counted from the first, that reach over an edge; taps in all for one inside."""
    if windows.padding[axis] == (0, 0):
        return
    taps, stride, before = windows.size[axis], windows.strides[axis], windows.padding[axis][0]
    for i in range(first, last):
        start = i * stride - before
        inside = min(start + taps, size) - max(start, 0)
        if inside < taps:
            yield i - first, taps / inside


average_pool2d.gradient(lambda g, y, x, **meta: average_pool2d_gradient(g, shape=x.shape, **meta))
average_pool2d_gradient.gradient(lambda gx, x, g, shape, **meta: average_pool2d(gx, **meta))
