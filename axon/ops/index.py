"""Selecting parts of a tensor: by slices, which are views, and by arrays of row numbers."""

from typing import Any

import numpy as np

from axon.backend import Array, DType, Shape
from axon.core import Tensor, primitive

_VIEWS = (int, np.integer, type(np.s_[:]), type(...), type(None))


def rows(x: Array, indices: Array) -> tuple[Shape, DType]:
    """Shape of the rows taken; also the place where wrong indices are found."""
    if indices.dtype.kind not in "iu":
        raise TypeError(
            f"expected whole-number indices, got dtype {indices.dtype}. The size of a selection "
            "by truth values depends on the values: use axon.ops.where(condition, x, 0.0)."
        )
    if not x.ndim:
        raise IndexError("a tensor of shape () has no rows to take.")
    if indices.size and (indices.min() < -len(x) or indices.max() >= len(x)):
        wrong = indices[(indices < -len(x)) | (indices >= len(x))].flat[0]
        raise IndexError(f"index {wrong} is out of range for {len(x)} rows.")
    return indices.shape + x.shape[1:], x.dtype


def as_before(g: Array, *other: Array, shape: Shape, **_: Any) -> tuple[Shape, DType]:
    """The shape of the tensor that was selected from."""
    return shape, g.dtype


def wrapped(x: Array, indices: Array) -> list[tuple[Shape, DType]]:
    """Workspace: the indices, counted from the start."""
    return [(indices.shape, np.dtype(np.intp))]


@primitive(result=rows, workspace=wrapped)
def take(out: Array, x: Array, indices: Array, *, xp: Any, work: list[Array]) -> None:
    """The rows of x with these numbers; negative ones count from the end.

    >>> take(np.array([10.0, 20.0, 30.0]), [2, -3])
    array([30., 10.])
    """
    xp.remainder(indices, len(x), out=work[0], dtype=np.intp, casting="unsafe")
    xp.take(x, work[0], axis=0, out=out, mode="clip")  # the only mode that does not allocate


@primitive(result=as_before)
def take_gradient(out: Array, g: Array, indices: Array, *, xp: Any, shape: Shape) -> None:
    """Add each row of g to the row that it was taken from."""
    out.fill(0)
    xp.add.at(out, indices, g)


@primitive(kind="views")
def slice(x: Array, *, xp: Any, index: Any) -> Array:
    """x[index], for numbers, slices, ``...`` and None."""
    parts = index if isinstance(index, tuple) else (index,)
    for part in parts:
        if not isinstance(part, _VIEWS) or isinstance(part, bool):
            raise IndexError(
                f"a tensor is indexed by numbers, slices, ... and None, or by one array of row "
                f"numbers; got {part!r} inside an index."
            )
    return x[parts] if Ellipsis in parts else x[(*parts, ...)]  # ... keeps the result an array


@primitive(result=as_before)
def slice_gradient(out: Array, g: Array, *, xp: Any, shape: Shape, index: Any) -> None:
    """Zeros, with g in the place that it was sliced from."""
    out.fill(0)
    out[index] = g


def _slice_gradient(g: Tensor, y: Tensor, x: Tensor, *, index: Any) -> Any:
    return slice_gradient(g, shape=x.shape, index=index)


take.gradient(lambda g, y, x, indices: take_gradient(g, indices, shape=x.shape), None)
take_gradient.gradient(lambda g, y, gy, indices, shape: take(g, indices), None)
slice.gradient(_slice_gradient)
slice_gradient.gradient(lambda g, y, gy, shape, index: slice(g, index=index))
