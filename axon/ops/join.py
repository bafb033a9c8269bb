"""Joining tensors into one."""

import builtins
from collections.abc import Sequence
from typing import Any, overload

import numpy as np

from axon.backend import Array, DType, Shape, as_arrays, promote
from axon.bounds import any_of
from axon.core import Tensor, TensorLike, primitive
from axon.ops.index import slice


def concatenate_shape(*xs: Array, axis: int = -1) -> tuple[Shape, DType]:
    """The shape of the first, with the sizes along ``axis`` added up."""
    first, dtype = xs[0], xs[0].dtype
    if not -first.ndim <= axis < first.ndim:
        raise ValueError(f"axis {axis} is out of range for {first.ndim} axes.")
    axis %= first.ndim
    for x in xs[1:]:
        dtype = promote(dtype, x.dtype)
        if x.ndim != first.ndim or _without(x.shape, axis) != _without(first.shape, axis):
            raise ValueError(f"All sizes but those along axis {axis} must be the same.")
    total = sum(x.shape[axis] for x in xs)
    return (*first.shape[:axis], total, *first.shape[axis + 1 :]), dtype


def _without(shape: Shape, axis: int) -> Shape:
    return shape[:axis] + shape[axis + 1 :]


extent = builtins.slice  # the name is that of a primitive here
EVERY = extent(None)


@primitive(result=concatenate_shape, bounds=any_of)
def concatenate_(out: Array, *xs: Array, xp: Any, axis: int = -1) -> None:
    """The inputs one behind another along ``axis``."""
    start, before = 0, (EVERY,) * (axis % out.ndim)
    for x in xs:
        stop = start + x.shape[axis]
        xp.copyto(out[(*before, extent(start, stop))], x)
        start = stop


def _part(number: int, g: Tensor, y: Tensor, *xs: Tensor, axis: int = -1) -> Tensor:
    """The part of g that came from one of the inputs."""
    start = sum(x.shape[axis] for x in xs[:number])
    along = np.s_[start : start + xs[number].shape[axis]]
    return slice(g, index=(np.s_[:],) * (axis % g.ndim) + (along,))


concatenate_.gradient(each=_part)


@overload
def concatenate(xs: Sequence[Tensor], axis: int = -1) -> Tensor: ...
@overload
def concatenate(xs: Sequence[TensorLike], axis: int = -1) -> Tensor | Array: ...
def concatenate(xs: Sequence[TensorLike], axis: int = -1) -> Tensor | Array:
    """Join arrays or Tensors one behind another along ``axis``.

    Args:
        xs: at least one; of equal sizes but along ``axis``.
        axis: negative ones count from the end.

    >>> concatenate([np.ones((1, 2)), np.zeros((1, 1))])
    array([[1., 1., 0.]])
    """
    if not len(xs):
        raise ValueError("concatenate: expected at least one array or Tensor, got none.")
    return concatenate_(*xs, axis=axis)


@overload
def stack(xs: Sequence[Tensor], axis: int = 0) -> Tensor: ...
@overload
def stack(xs: Sequence[TensorLike], axis: int = 0) -> Tensor | Array: ...
def stack(xs: Sequence[TensorLike], axis: int = 0) -> Tensor | Array:
    """Join arrays or Tensors of one shape along a new axis.

    >>> stack([np.array([1.0, 2.0]), np.array([3.0, 4.0])], axis=1)
    array([[1., 3.],
           [2., 4.]])
    """
    arrays = list(xs) if any(isinstance(x, Tensor) for x in xs) else as_arrays(list(xs))
    given = [x if isinstance(x, Tensor) else np.asarray(x) for x in arrays]
    if len({x.shape for x in given}) != 1:
        shapes = ", ".join(str(x.shape) for x in given) or "none"
        raise ValueError(f"stack: expected arrays of one shape, got {shapes}.")
    if not -given[0].ndim - 1 <= axis <= given[0].ndim:
        raise ValueError(f"stack: axis {axis} is out of range for {given[0].ndim + 1} axes.")
    index = (np.s_[:],) * (axis % (given[0].ndim + 1)) + (None, ...)
    return concatenate([x[index] for x in given], axis=axis)
