"""Sums, maxima, and the two ways of stretching and shrinking that broadcasting needs."""

from typing import Any

import numpy as np

from axon.backend import Array, DType, Shape, ones
from axon.bounds import same, summed
from axon.core import Tensor, primitive
from axon.ops.composite import composite
from axon.pieces import BYTE, Cut, by_rows, in_pieces

Axis = int | Shape | None


def axes_of(axis: Axis, ndim: int) -> Shape:
    """Normalize an axis argument: None means all, negative ones count from the end.

    >>> axes_of(-1, 3), axes_of(None, 2)
    ((2,), (0, 1))
    """
    if axis is None:
        return tuple(range(ndim))
    given = axis if isinstance(axis, tuple) else (axis,)
    for a in given:
        if not -ndim <= a < ndim:
            raise ValueError(f"axis {a} is out of range for {ndim} axes.")
    return tuple(a % ndim for a in given)


def kept(shape: Shape, axis: Axis) -> Shape:
    """The shape with the reduced axes kept at size 1."""
    gone = axes_of(axis, len(shape))
    return tuple(1 if i in gone else n for i, n in enumerate(shape))


def max_shape(x: Array, *, axis: Axis = None, keepdims: bool = False) -> tuple[Shape, DType]:
    """Shape and type of a reduction along ``axis``."""
    if keepdims:
        return kept(x.shape, axis), x.dtype
    gone = axes_of(axis, x.ndim)
    return tuple(n for i, n in enumerate(x.shape) if i not in gone), x.dtype


def sum_shape(x: Array, *, axis: Axis = None, keepdims: bool = False) -> tuple[Shape, DType]:
    """Shape and type of a sum: small integers and truth values add up to large integers."""
    shape, dtype = max_shape(x, axis=axis, keepdims=keepdims)
    if dtype.kind != "f":
        dtype = np.result_type(dtype, np.uint if dtype.kind == "u" else np.int_)
    return shape, dtype


def argmax_shape(x: Array, *, axis: int = -1) -> tuple[Shape, DType]:
    """Shape of a reduction along ``axis``; the type of an index."""
    return max_shape(x, axis=axis)[0], np.dtype(np.intp)


def argmax_workspace(x: Array, *, axis: int = -1) -> list[tuple[Shape, DType]]:
    """Workspace: a copy with ``axis`` last, unless x lies like that; NumPy would allocate it."""
    if x.flags.c_contiguous and axis % x.ndim == x.ndim - 1:
        return []
    return [(np.moveaxis(x, axis, -1).shape, x.dtype)]


def broadcast_to_shape(x: Array, *, shape: Shape) -> tuple[Shape, DType]:
    """The shape asked for, which x must broadcast to."""
    _demand(x.shape, shape)
    return shape, x.dtype


def sum_to_shape(x: Array, *, shape: Shape) -> tuple[Shape, DType]:
    """The shape asked for, which must broadcast to that of x."""
    _demand(shape, x.shape)
    return shape, x.dtype


def first_stays(out: Array, x: Array, *, axis: Axis = None, **_: object) -> Cut | None:
    """Pieces are rows, unless these are what is reduced."""
    if not out.ndim or x.ndim < 2 or 0 in axes_of(axis, x.ndim):
        return None
    return Cut(len(x), (True, True), 2 * BYTE * x.nbytes)


def in_sums(out: Array, x: Array, *, shape: Shape) -> Cut | None:
    """Each piece is a sum over some rows, if these are what is summed."""
    if x.ndim != 2 or len(shape) != 1 or shape[0] == 1:
        return None
    cost = 4 * BYTE * x.nbytes  # far less alone, but in a chain it comes nearly free
    return Cut(len(x), (False, True), cost, sums=True, least=64)


def _demand(small: Shape, large: Shape) -> None:
    if np.broadcast_shapes(small, large) != tuple(large):
        raise ValueError(f"{small} does not broadcast to {large}.")


@primitive(result=sum_shape, rows=first_stays, flops=1, bounds=summed)
def sum(out: Array, x: Array, *, xp: Any, axis: Axis = None, keepdims: bool = False) -> None:
    """The sum of the elements along ``axis`` (all of them by default)."""
    xp.add.reduce(x, axis=axis, out=out, keepdims=keepdims)


@primitive(result=max_shape, rows=first_stays, flops=1, bounds=same)
def max(out: Array, x: Array, *, xp: Any, axis: Axis = None, keepdims: bool = False) -> None:
    """The largest element along ``axis``; equal ones share the gradient."""
    xp.maximum.reduce(x, axis=axis, out=out, keepdims=keepdims)


@primitive(result=argmax_shape, workspace=argmax_workspace, rows=first_stays, flops=1)
def argmax_(out: Array, x: Array, *, xp: Any, workspace: list[Array], axis: int = -1) -> None:
    """The position of the (first) largest element along ``axis``."""
    for rows in workspace:
        xp.copyto(rows, xp.moveaxis(x, axis, -1))
        x = rows
    xp.argmax(x, axis=-1, out=out)


@primitive(result=broadcast_to_shape, rows=by_rows, bounds=same)
def broadcast_to(out: Array, x: Array, *, xp: Any, shape: Shape) -> None:
    """Repeat x until it has ``shape``, by NumPy's broadcasting."""
    xp.copyto(out, x)


@primitive(result=sum_to_shape, rows=in_sums, eagerly=in_pieces, flops=1)
def sum_to(out: Array, x: Array, *, xp: Any, shape: Shape) -> None:
    """Sum x down to ``shape``: the reverse of broadcasting, and of it alone."""
    if x.ndim == 2 and shape == x.shape[1:] and x.dtype.kind == "f":  # a bias: BLAS is faster
        xp.matmul(ones(len(x), x.dtype, xp), x, out=out)
        return
    new = x.ndim - len(shape)
    axes = (*range(new), *(new + i for i, n in enumerate(shape) if n != x.shape[new + i]))
    xp.add.reduce(x, axis=axes, out=out.reshape((1,) * new + shape), keepdims=True)


def _restore(t: Tensor, x: Tensor, axis: Axis) -> Tensor:
    """Give a reduced tensor its lost axes back, each of size 1."""
    return t.reshape(kept(x.shape, axis))


def _max_gradient(g: Tensor, y: Tensor, x: Tensor, *, axis: Axis = None, **_: object) -> Tensor:
    largest = (x == _restore(y, x, axis)).astype(x.dtype)
    return largest * _restore(g, x, axis) / largest.sum(axis, keepdims=True)


sum.gradient(lambda g, y, x, axis=None, **_: broadcast_to(_restore(g, x, axis), shape=x.shape))
max.gradient(_max_gradient)
argmax_.gradient(None)
broadcast_to.gradient(lambda g, y, x, shape: sum_to(g, shape=x.shape))
sum_to.gradient(lambda g, y, x, shape: broadcast_to(g, shape=x.shape))


@composite
def argmax(x: Tensor, axis: int | None = -1, keepdims: bool = False) -> Tensor:
    """The position of the (first) largest element along ``axis``; None counts through all of them.

    >>> argmax([[1, 3], [4, 2]]), int(argmax([[1, 3], [4, 2]], axis=None))
    (array([1, 0]), 2)
    """
    if axis is None:
        found = argmax_(x.reshape(x.size), axis=0)
        return found.reshape((1,) * x.ndim) if keepdims else found
    found = argmax_(x, axis=axis)
    return _restore(found, x, axis) if keepdims else found
