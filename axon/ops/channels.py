"""Batch statistics: mean and variance of each channel, and each channel shifted and scaled by them.

A channel is a place along the last axis. Many samples are laid side by side in one long row, so
that NumPy works on long runs even where there are few channels, and a block of long rows at a time,
so that what lies between two steps stays in the processor's cache. Sums are products with ones.
"""

from collections.abc import Iterator
from typing import Any

from axon.backend import Array, DType, Shape, ones
from axon.bounds import anything
from axon.core import Tensor, primitive
from axon.ops.join import stack
from axon.pieces import BYTE, Cut

LONG = 8192  # numbers in a long row, about
BLOCK = 2**17  # numbers in a block of them

Specs = list[tuple[Shape, DType]]


# ------------------------------------------------------------------------------------ long rows


def _repeats(size: int, channels: int) -> int:
    """How many samples lie side by side in a long row."""
    samples = size // channels if channels else 0
    return max(1, min(samples, LONG // max(channels, 1)))


def _long(x: Array) -> list[Array]:
    """All of x as long rows, and the samples left over as a shorter one."""
    C = x.shape[-1]
    width = _repeats(x.size, C) * C
    flat = x.reshape(-1)
    end = x.size - x.size % width if width else 0
    full, rest = flat[:end].reshape(-1, max(width, 1)), flat[end:]
    return [part for part in (full, rest[None]) if part.size]


def _blocks(x: Array) -> Iterator[Array]:
    """The long rows, a block of them at a time."""
    for part in _long(x):
        step = max(1, BLOCK // part.shape[1])
        for start in range(0, len(part), step):
            yield part[start : start + step]


def _row(x: Array) -> Specs:
    """Workspace: one long row, by channel: (samples, C)."""
    C = x.shape[-1]
    return [((_repeats(x.size, C), C), x.dtype)]


def _block(x: Array) -> Specs:
    """Workspace: one block of long rows."""
    C = x.shape[-1]
    width = max(_repeats(x.size, C) * C, 1)
    return [((min(x.size, max(1, BLOCK // width) * width),), x.dtype)]


def _unbroken(*xs: Array) -> Specs:
    """Workspace: a copy of each that does not lie in memory row by row."""
    return [(x.shape, x.dtype) for x in xs if not x.flags.c_contiguous]


def _laid(x: Array, spare: list[Array], xp: Any) -> Array:
    """The same numbers, row by row: x itself, or a copy in the first spare array."""
    if x.flags.c_contiguous:
        return x
    place = spare.pop(0)
    xp.copyto(place, x)
    return place


def _add_rows(total: Array, block: Array, sums: Array, xp: Any) -> None:
    """Add all rows of a block to a long row."""
    width = block.shape[1]
    part = sums.reshape(-1)[:width]
    xp.matmul(ones(len(block), block.dtype, xp), block, out=part)
    xp.add(total.reshape(-1)[:width], part, out=total.reshape(-1)[:width])


def _apart(block: Array, center: Array, spare: Array, xp: Any) -> Array:
    """The numbers of a block minus those of a long row."""
    d = spare[: block.size].reshape(block.shape)
    xp.subtract(block, center.reshape(-1)[: block.shape[1]], out=d)
    return d


def _has_channels(x: Array) -> int:
    if x.ndim < 2:
        raise ValueError("Expected samples with channels along the last axis: (n, ..., channels).")
    return int(x.shape[-1])


# ------------------------------------------------------------------------------------ statistics


def channel_moments_shape(x: Array) -> tuple[Shape, DType]:
    """Two numbers for each channel."""
    return (2, _has_channels(x)), x.dtype


def channel_moments_workspace(x: Array) -> Specs:
    """Workspace: a block, three long rows, perhaps a copy."""
    return [*_block(x), *_row(x) * 3, *_unbroken(x)]


@primitive(result=channel_moments_shape, workspace=channel_moments_workspace, floats=True, flops=4)
def channel_moments(out: Array, x: Array, *, xp: Any, workspace: list[Array]) -> None:
    """Mean and variance of each channel, over all other axes: (n, ..., C) -> (2, C).

    The variance is the mean of (x - mean)^2, with the mean found before: nothing cancels.

    >>> channel_moments([[1.0, 5.0], [3.0, 5.0]])
    array([[2., 5.],
           [1., 0.]])
    """
    spare, center, total, sums, *rest = workspace
    x = _laid(x, rest, xp)
    share = 1 / max(x.size // max(x.shape[-1], 1), 1)
    total.fill(0)
    for part in _long(x):
        _add_rows(total, part, sums, xp)
    _fold(out[0], total, share, xp)
    xp.copyto(center, out[0])
    total.fill(0)
    for block in _blocks(x):
        d = _apart(block, center, spare, xp)
        xp.multiply(d, d, out=d)
        _add_rows(total, d, sums, xp)
    _fold(out[1], total, share, xp)


def _fold(out: Array, total: Array, share: float, xp: Any) -> None:
    """Add up the samples of a long row (samples, C), times a share."""
    xp.add.reduce(total, axis=0, out=out)
    xp.multiply(out, share, out=out)


# ------------------------------------------------------------------------------------ shift, scale


def channel_affine_shape(p: Array, x: Array) -> tuple[Shape, DType]:
    """The shape of x; p has three rows."""
    if p.shape != (3, _has_channels(x)):
        raise ValueError(f"The first must have shape (3, {x.shape[-1]}).")
    return x.shape, x.dtype


def channel_affine_workspace(p: Array, x: Array) -> Specs:
    """Workspace: three long rows, perhaps a copy."""
    return [*_row(x) * 3, *_unbroken(x)]


def behind_p(out: Array, p: Array, x: Array) -> Cut:
    """Pieces are samples; p is for all."""
    return Cut(len(x), (True, False, True), 2 * BYTE * x.nbytes)


@primitive(
    result=channel_affine_shape,
    workspace=channel_affine_workspace,
    floats=True,
    over=(1,),
    rows=behind_p,
    flops=2,
    places=True,
    bounds=anything("a normalization"),
)
def channel_affine(out: Array, p: Array, x: Array, *, xp: Any, workspace: list[Array]) -> None:
    """(x - p[0]) p[1] + p[2], channel by channel: p (3, C) holds center, slope and offset.

    The gradient of p, first in line, reads the one that arrives; that of x may be written over it.

    >>> channel_affine([[2.0, 5.0], [10.0, 1.0], [0.0, 7.0]], [[1.0, 5.0], [3.0, 5.0]])
    array([[-10.,   7.],
           [ 10.,   7.]])
    """
    center, slope, offset, *rest = workspace
    x = _laid(x, rest, xp)
    for row, values in zip((center, slope, offset), p, strict=True):
        xp.copyto(row, values)
    rows = [row.reshape(-1) for row in (center, slope, offset)]
    for block, y in zip(_blocks(x), _blocks(out), strict=True):
        a, b, c = (row[: y.shape[1]] for row in rows)
        xp.subtract(block, a, out=y)
        xp.multiply(y, b, out=y)
        xp.add(y, c, out=y)


def channel_affine_gradient_shape(g: Array, x: Array, p: Array) -> tuple[Shape, DType]:
    """Three numbers for each channel."""
    if g.shape != x.shape:
        raise ValueError("The first two must have the same shape.")
    channel_affine_shape(p, x)
    return p.shape, g.dtype


def channel_affine_gradient_workspace(g: Array, x: Array, p: Array) -> Specs:
    """Workspace: a block, four long rows, perhaps copies."""
    return [*_block(x), *_row(x) * 4, *_unbroken(g, x)]


@primitive(
    result=channel_affine_gradient_shape,
    workspace=channel_affine_gradient_workspace,
    floats=True,
    flops=3,
)
def channel_affine_gradient(
    out: Array, g: Array, x: Array, p: Array, *, xp: Any, workspace: list[Array]
) -> None:
    """What g says about p in ``channel_affine``: -p[1] sum g, sum g (x - p[0]), and sum g."""
    spare, center, total, product, sums, *rest = workspace
    g, x = _laid(g, rest, xp), _laid(x, rest, xp)
    xp.copyto(center, p[0])
    total.fill(0)
    product.fill(0)
    for slope, block in zip(_blocks(g), _blocks(x), strict=True):
        d = _apart(block, center, spare, xp)
        xp.multiply(d, slope, out=d)
        _add_rows(product, d, sums, xp)
        _add_rows(total, slope, sums, xp)
    _fold(out[1], product, 1.0, xp)
    _fold(out[2], total, 1.0, xp)
    xp.multiply(out[2], p[1], out=out[0])
    xp.negative(out[0], out=out[0])


def channel_scale_shape(x: Array, slope: Array) -> tuple[Shape, DType]:
    """The shape of x; one slope for each channel."""
    if slope.shape != (_has_channels(x),):
        raise ValueError(f"The second must have shape ({x.shape[-1]},).")
    return x.shape, x.dtype


def channel_scale_workspace(x: Array, slope: Array) -> Specs:
    """Workspace: a long row, perhaps a copy."""
    return [*_row(x), *_unbroken(x)]


def before_slope(out: Array, x: Array, slope: Array) -> Cut:
    """Pieces are samples; the slopes are for all."""
    return Cut(len(x), (True, True, False), 2 * BYTE * x.nbytes)


@primitive(
    result=channel_scale_shape,
    workspace=channel_scale_workspace,
    floats=True,
    over=(0,),
    rows=before_slope,
)
def channel_scale(out: Array, x: Array, slope: Array, *, xp: Any, workspace: list[Array]) -> None:
    """x times the slope of its channel; what broadcasting gives, but over longer runs.

    >>> channel_scale([[1.0, 5.0], [3.0, 5.0]], [2.0, 10.0])
    array([[ 2., 50.],
           [ 6., 50.]])
    """
    row, *rest = workspace
    x = _laid(x, rest, xp)
    xp.copyto(row, slope)
    for part, y in zip(_long(x), _long(out), strict=True):
        xp.multiply(part, row.reshape(-1)[: y.shape[1]], out=y)


# ------------------------------------------------------------------------------------ gradients


def _moments_gradient(g: Tensor, m: Tensor, x: Tensor) -> Tensor:
    """(g[0] + 2 (x - mean) g[1]) / n."""
    each = g * (1 / max(x.size // max(x.shape[-1], 1), 1))
    return channel_affine(stack([m[0], each[1] * 2.0, each[0]]), x)


def _affine_gradient_p(h: Tensor, y: Tensor, g: Tensor, x: Tensor, p: Tensor) -> Tensor:
    """The slope is multiplied with sums of g, the center is subtracted from x; y[2] = sum g."""
    return stack([-h[1] * y[2], -h[0] * y[2], y[2] * 0.0])


channel_moments.gradient(_moments_gradient)
channel_affine.gradient(
    lambda g, y, p, x: channel_affine_gradient(g, x, p),
    lambda g, y, p, x: channel_scale(g, p[1]),
)
channel_affine_gradient.gradient(
    lambda h, y, g, x, p: channel_affine(stack([p[0], h[1], h[2] - h[0] * p[1]]), x),
    lambda h, y, g, x, p: channel_scale(g, h[1]),
    _affine_gradient_p,
)
channel_scale.gradient(
    lambda g, y, x, slope: channel_scale(g, slope),
    lambda g, y, x, slope: g * x,
)
