"""Rows of a table by number, as an Embedding reads them: the numbers are checked at every run."""

from typing import Any

import numpy as np

from axon.backend import Array, DType, Shape
from axon.core import primitive
from axon.ops.index import outside, take_gradient
from axon.pieces import BYTE, Cut


def found(table: Array, ids: Array) -> tuple[Shape, DType]:
    """A row for each id."""
    if ids.dtype.kind not in "iu":
        raise TypeError(f"lookup: expected whole-number ids, got dtype {ids.dtype}.")
    return ids.shape + table.shape[1:], table.dtype


def as_indices(table: Array, ids: Array) -> list[tuple[Shape, DType]]:
    """Workspace: the ids in the type that NumPy takes without allocating, unless they have it."""
    index = np.dtype(np.intp)
    return [] if ids.dtype == index else [(ids.shape, index)]


def by_ids(out: Array, table: Array, ids: Array) -> Cut | None:
    """Pieces are some of the ids."""
    return Cut(len(out), (True, False, True), 2 * BYTE * out.nbytes) if ids.ndim else None


@primitive(result=found, workspace=as_indices, rows=by_ids)
def lookup(out: Array, table: Array, ids: Array, *, xp: Any, work: list[Array]) -> None:
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
    for place in work:
        xp.copyto(place, ids, casting="unsafe")
        ids = place
    xp.take(table, ids, axis=0, out=out, mode="clip")  # the only mode that does not allocate


lookup.gradient(lambda g, y, table, ids: take_gradient(g, ids, shape=table.shape), None)
