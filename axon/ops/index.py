"""Selecting parts of a tensor: by slices, which are views, and by arrays of row numbers."""

from math import prod
from typing import Any

import numpy as np

from axon.backend import Array, DType, Shape, counted, known
from axon.bounds import anything, same
from axon.core import Tensor, primitive
from axon.ops.composite import IntegerTensor, composite
from axon.pieces import BYTE, Cut

AT_ONCE = 4096  # numbers whose places are worked out together: they fit into the cache
FREE: Any = "unsafe"  # casting
INDEX = np.dtype(np.intp)
_VIEWS = (int, np.integer, type(np.s_[:]), type(...), type(None))


def take_shape(x: Array, indices: Array) -> tuple[Shape, DType]:
    """Shape of the rows taken."""
    if indices.dtype.kind not in "iu":
        raise TypeError(
            f"expected whole-number indices, got dtype {indices.dtype}. The size of a selection "
            "by truth values depends on the values: use axon.ops.where(condition, x, 0.0)."
        )
    if not x.ndim:
        raise IndexError("a tensor of shape () has no rows to take.")
    return indices.shape + x.shape[1:], x.dtype


def outside(indices: Array, first: int, last: int) -> int | None:
    """The first index that is not one of ``first`` to ``last``, if there is one.

    Kernels ask, and not the rules for shapes: a replayed program has to find it, too.

    >>> outside(np.array([0, 7, 9]), 0, 5)
    7
    """
    if not indices.size or not (known(indices.min() < first) or known(indices.max() > last)):
        return None
    return int(indices[(indices < first) | (indices > last)].flat[0])


def gradient_shape(g: Array, *other: Array, shape: Shape, **_: object) -> tuple[Shape, DType]:
    """The shape of the tensor that was selected from."""
    return shape, g.dtype


def take_workspace(x: Array, indices: Array) -> list[tuple[Shape, DType]]:
    """Workspace: the indices, counted from the start."""
    return [(indices.shape, INDEX)]


def by_indices(out: Array, x: Array, indices: Array) -> Cut | None:
    """Pieces are some of the indices."""
    return Cut(len(out), (True, False, True), 2 * BYTE * out.nbytes) if indices.ndim else None


@primitive(
    result=take_shape,
    workspace=take_workspace,
    rows=by_indices,
    chooses=True,
    can_fail=True,
    bounds=same,
)
def take_(out: Array, x: Array, indices: Array, *, xp: Any, workspace: list[Array]) -> None:
    """The rows of x with these numbers; negative ones count from the end.

    >>> take_(np.array([10.0, 20.0, 30.0]), [2, -3])
    array([30., 10.])
    """
    wrong = outside(indices, -len(x), len(x) - 1)
    if wrong is not None:
        raise IndexError(f"index {wrong} is out of range for {len(x)} rows.")
    xp.remainder(indices, len(x), out=workspace[0], dtype=INDEX, casting=FREE)
    xp.take(x, workspace[0], axis=0, out=out, mode="clip")  # the only mode that does not allocate


def take_gradient_workspace(g: Array, indices: Array, *, shape: Shape) -> list[tuple[Shape, DType]]:
    """Workspace: the indices, counted from the start; for some rows, the place of each number.

    A gradient that does not lie in one piece, such as that of a transpose, is copied into a third.
    """
    width = prod(shape[1:])
    rows_at_once = min(indices.size, -(-AT_ONCE // max(width, 1)))
    moved = [] if g.flags.c_contiguous else [(g.shape, g.dtype)]
    return [((indices.size,), INDEX), ((rows_at_once, width), INDEX), *moved]


@primitive(result=gradient_shape, workspace=take_gradient_workspace)
def take_gradient(
    out: Array, g: Array, indices: Array, *, xp: Any, workspace: list[Array], shape: Shape
) -> None:
    """Add each row of g to the row that it was taken from, in the order of the rows."""
    first, place, *moved = workspace
    for copy in moved:
        xp.copyto(copy, g)
        g = copy
    out.fill(0)
    if not out.size or not indices.size:
        return
    _, width = place.shape
    xp.remainder(indices, len(out), out=first.reshape(indices.shape), dtype=INDEX, casting=FREE)
    xp.multiply(first, width, out=first)
    flat, rows, columns = out.reshape(-1), g.reshape(len(first), width), counted(width, INDEX, xp)
    for start in range(0, len(first), len(place)):
        some = first[start : start + len(place), None]
        at = place[: len(some)]
        xp.add(some, columns, out=at)  # number by number: adding whole rows is 4 times slower
        xp.add.at(flat, at.reshape(-1), rows[start : start + len(some)].reshape(-1))


@primitive(kind="views", bounds=same)
def slice(x: Array, *, xp: Any, index: object) -> Array:
    """x[index], for numbers, slices, ``...`` and None."""
    parts = index if isinstance(index, tuple) else (index,)
    for part in parts:
        if not isinstance(part, _VIEWS) or isinstance(part, bool):
            raise IndexError(
                f"a tensor is indexed by numbers, slices, ... and None, or by one array of row "
                f"numbers; got {part!r} inside an index."
            )
    return x[parts] if Ellipsis in parts else x[(*parts, ...)]  # ... keeps the result an array


@primitive(result=gradient_shape)
def slice_gradient(out: Array, g: Array, *, xp: Any, shape: Shape, index: Any) -> None:
    """Zeros, with g in the place that it was sliced from."""
    out.fill(0)
    out[index] = g


def lookup_shape(table: Array, ids: Array) -> tuple[Shape, DType]:
    """A row for each id."""
    if ids.dtype.kind not in "iu":
        raise TypeError(f"lookup: expected whole-number ids, got dtype {ids.dtype}.")
    return ids.shape + table.shape[1:], table.dtype


def lookup_workspace(table: Array, ids: Array) -> list[tuple[Shape, DType]]:
    """Workspace: the ids in the type that NumPy takes without allocating, unless they have it."""
    return [] if ids.dtype == INDEX else [(ids.shape, INDEX)]


@primitive(
    result=lookup_shape,
    workspace=lookup_workspace,
    rows=by_indices,
    chooses=True,
    can_fail=True,
    bounds=anything("an embedding"),
)
def lookup(out: Array, table: Array, ids: Array, *, xp: Any, workspace: list[Array]) -> None:
    """The rows of a table with these ids, 0 to len(table) - 1.

    Raises:
        IndexError: an id is outside the table; at every run, so also when a program is replayed.

    >>> lookup(np.array([[1.0], [2.0], [3.0]]), np.array([2, 0, 2])).tolist()
    [[3.0], [1.0], [3.0]]
    """
    wrong = outside(ids, 0, len(table) - 1)
    if wrong is not None:
        raise IndexError(
            f"id {wrong} is outside the vocabulary, whose {len(table)} ids are 0 to "
            f"{len(table) - 1}. Give the Embedding a larger input_dim, or map rare ids to one."
        )
    for place in workspace:
        xp.copyto(place, ids, casting="unsafe")
        ids = place
    xp.take(table, ids, axis=0, out=out, mode="clip")  # the only mode that does not allocate


take_.gradient(lambda g, y, x, indices: take_gradient(g, indices, shape=x.shape), None)
take_gradient.gradient(lambda g, y, gy, indices, shape: take_(g, indices), None)
slice.gradient(lambda g, y, x, index: slice_gradient(g, shape=x.shape, index=index))
slice_gradient.gradient(lambda g, y, gy, shape, index: slice(g, index=index))
lookup.gradient(lambda g, y, table, ids: take_gradient(g, ids, shape=table.shape), None)


@composite
def take(x: Tensor, indices: IntegerTensor, axis: int | None = 0) -> Tensor:
    """The elements with these numbers along ``axis``; negative ones count from the end.

    Args:
        x: what is taken from.
        indices: whole numbers in any shape, which takes the place of the axis.
        axis: 0 unless told otherwise, where NumPy's default is None: through all elements.

    Raises:
        IndexError: a number is out of range; at every run, so also when a program is replayed.

    >>> take([10.0, 20.0, 30.0], [2, -3]), take([[1, 2], [3, 4]], 1, axis=1)
    (array([30., 10.]), array([2, 4]))
    """
    if axis is None:
        return take_(x.reshape(x.size), indices)
    if x.ndim and not -x.ndim <= axis < x.ndim:
        raise ValueError(f"take: axis {axis} is out of range for {x.ndim} axes.")
    axis %= max(x.ndim, 1)
    if not axis:
        return take_(x, indices)
    rows = take_(x.transpose(axis, *(i for i in range(x.ndim) if i != axis)), indices)
    many, rest = indices.ndim, rows.ndim
    return rows.transpose(*range(many, many + axis), *range(many), *range(many + axis, rest))
