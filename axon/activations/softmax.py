"""Softmax: turns scores into probabilities that add up to 1."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from axon.backend import Array, DType, Shape, as_array, known, ones, tiny
from axon.bounds import between_along_axis
from axon.core import Tensor, TensorLike, primitive
from axon.pieces import each_row

BLOCK = 2**15  # numbers in a block of rows


def one_per_row(*xs: Array, axis: int = -1) -> list[tuple[Shape, DType]]:
    """Workspace: a number for each row of arrays of one shape."""
    shape = list(xs[-1].shape)
    shape[axis] = 1
    return [(tuple(shape), xs[-1].dtype)]


def softmax_workspace(x: Array, *, axis: int = -1) -> list[tuple[Shape, DType]]:
    """Workspace: two numbers for each row."""
    ((shape, dtype),) = one_per_row(x, axis=axis)
    return [((2, *shape), dtype)]


def softmax_shape(x: Array, *, axis: int = -1) -> tuple[Shape, DType]:
    """The shape of x, which must have the axis."""
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(f"axis {axis} is out of range for {x.ndim} axes.")
    return x.shape, x.dtype


def along_rows(out: Array, *_: Array, axis: int = -1) -> bool:
    """Whether the axis is not the first."""
    return axis % out.ndim > 0


softmax_rows = each_row(4, when=along_rows)


def _blocks(axis: int, *arrays: Array) -> Iterator[tuple[Any, ...]]:
    """The same rows (n, classes) of all arrays, a block at a time, so that they stay in the cache.

    Arrays whose rows do not lie in one piece come as they are, all at once. First comes the axis.
    """
    size = arrays[0].shape[axis] if arrays[0].ndim else 0
    last = size and axis % arrays[0].ndim == arrays[0].ndim - 1
    if not last or not all(a.flags.c_contiguous for a in arrays):
        yield (axis, *arrays)
        return
    rows = [a.reshape(-1, a.shape[-1]) for a in arrays]
    step = max(1, BLOCK // size)
    for start in range(0, len(rows[0]), step):
        yield (-1, *(a[start : start + step] for a in rows))


def _total(out: Array, x: Array, axis: int, xp: Any) -> None:
    """The sum along the axis, which is kept; of rows it is a product with ones, each alone."""
    if axis == -1:
        xp.vecdot(x, ones(x.shape[-1], x.dtype, xp), out=out[..., 0])
    else:
        xp.add.reduce(x, axis=axis, out=out, keepdims=True)


def near_of(dtype: DType) -> float:
    """How far from 0 a score is near: e^32 is far from the end of float32; float16 has no room."""
    return 16.0 if dtype.itemsize > 2 else 0.0


def _near_zero(x: Array, xp: Any) -> bool:
    """Whether no quotient of any e^x comes near the limits of the type; NaN does."""
    if not x.size:
        return False
    low, high = xp.minimum.reduce(x, axis=None), xp.maximum.reduce(x, axis=None)
    return known(-low < near_of(x.dtype)) and known(high < near_of(x.dtype))


def _shift(row: Array, low: Array, x: Array, axis: int, xp: Any) -> None:
    """The maximum of each row, but 0 for one near 0: it does not depend on the rows beside it."""
    xp.maximum.reduce(x, axis=axis, out=row, keepdims=True)
    xp.minimum.reduce(x, axis=axis, out=low, keepdims=True)
    xp.negative(low, out=low)
    xp.maximum(row, low, out=low)
    xp.greater_equal(low, near_of(x.dtype), out=low)
    xp.multiply(row, low, out=row)


@primitive(
    result=softmax_shape,
    workspace=softmax_workspace,
    floats=True,
    over=(0,),
    rows=softmax_rows,
    flops=5,
    places=True,
    bounds=between_along_axis(0.0, 1.0, single=1.0),
)
def softmax(out: Array, x: Array, *, xp: Any, workspace: list[Array], axis: int = -1) -> None:
    """e^x_i / sum_j e^x_j along ``axis``, shifted by the maximum so that nothing overflows.

    No probability falls below the smallest normal number: log(p) and 1/p stay finite, so that the
    gradient of a loss taken from p is right even where p would round to 0. Neither the shift nor
    this limit is needed, and both are left out, where all scores are near 0.

    >>> softmax(np.array([1.0, 1.0, 1.0, 1.0]))
    array([0.25, 0.25, 0.25, 0.25])
    """
    for along, y, scores, row, low in _blocks(axis, out, x, *workspace[0]):
        near = _near_zero(scores, xp)
        if not near:
            _shift(row, low, scores, along, xp)
            scores = xp.subtract(scores, row, out=y)
        xp.exp(scores, out=y)
        _total(row, y, along, xp)
        xp.divide(y, row, out=y)
        if not near:
            xp.maximum(y, tiny(y.dtype), out=y)


def softmax_gradient_shape(g: Array, y: Array, *, axis: int = -1) -> tuple[Shape, DType]:
    """The shape of both."""
    if g.shape != y.shape:
        raise ValueError("Both must have the same shape.")
    return softmax_shape(y, axis=axis)


@primitive(result=softmax_gradient_shape, workspace=one_per_row, floats=True, rows=softmax_rows)
def softmax_gradient(
    out: Array, g: Array, y: Array, *, xp: Any, workspace: list[Array], axis: int = -1
) -> None:
    """y (g - sum_j g_j y_j) along ``axis``, where y = softmax(x)."""
    for along, d, slope, p, row in _blocks(axis, out, g, y, workspace[0]):
        xp.multiply(slope, p, out=d)
        _total(row, d, along, xp)
        xp.subtract(slope, row, out=d)
        xp.multiply(d, p, out=d)


def _bend(h: Tensor, d: Tensor, g: Tensor, y: Tensor, *, axis: int = -1) -> Tensor:
    """Of y (g - sum_j g_j y_j) for y: h (g - sum_j g_j y_j) - g sum_j h_j y_j."""
    along = (g * y).sum(axis, keepdims=True)
    return h * (g - along) - g * (h * y).sum(axis, keepdims=True)


softmax.gradient(lambda g, y, x, axis=-1: softmax_gradient(g, y, axis=axis))
softmax_gradient.gradient(
    lambda h, d, g, y, axis=-1: softmax_gradient(h, y, axis=axis),
    _bend,
)


def softmax_derivative(y: TensorLike) -> Tensor | Array:
    """Return the derivative in terms of the *output* y = softmax(x): the matrix dy_i / dx_j.

    >>> softmax_derivative(np.array([0.25, 0.75]))
    array([[ 0.1875, -0.1875],
           [-0.1875,  0.1875]])
    """
    y = y if isinstance(y, Tensor) else as_array(y)
    identity = np.eye(y.shape[-1], dtype=y.dtype)
    return y[..., :, None] * (identity - y[..., None, :])
