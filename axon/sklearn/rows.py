"""Rows on their way into training: weighed, ordered, and handed out by batches if X is sparse."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from axon.backend import Array, DType
from axon.models.data import demand_finite
from axon.random import stream
from axon.sklearn.settings import Sparse, dense


class Rows(NamedTuple):
    """Samples with their targets; ``weights`` is None if all weigh the same, else of mean 1.

    ``total`` is the sum of the weights as they were given: how many rows these stand for.
    """

    x: Array | Sparse
    y: Array
    weights: Array | None
    total: float

    @property
    def n(self) -> int:
        """How many there are."""
        return int(self.x.shape[0])

    def batch(self) -> tuple[Any, ...]:
        """(x, y), or (x, y, weights)."""
        return self[:2] if self.weights is None else self[:3]

    def taken(self, numbers: Array) -> "Rows":
        """Some of the rows, or all in another order."""
        weights = None if self.weights is None else self.weights[numbers]
        return Rows(self.x[numbers], self.y[numbers], weights, self.total)


def weighed(x: Array | Sparse, y: Array, weights: Array | None, most: int) -> Rows:
    """Rows that weigh nothing are left out; those that fit into one batch are repeated.

    So a row of weight 2 is the same as two rows, and a weight of 0 the same as none, to the last
    bit, if all rows fit into a batch of ``most``.

    >>> x = np.array([[1.0], [2.0], [3.0]])
    >>> weighed(x, x, np.array([0, 2, 1]), most=10).x.ravel()
    array([2., 2., 3.])
    """
    if weights is None:
        return Rows(x, y, None, float(x.shape[0]))
    if not weights.any():
        raise ValueError(
            "sample_weight: all weights are zero, so there is nothing to learn from. At least one "
            "must be larger than 0."
        )
    rows = Rows(x, y, weights, float(weights.sum()))
    if not weights.all():
        rows = rows.taken(np.flatnonzero(weights))
    given = rows.weights
    assert given is not None
    if rows.total <= most and (given == np.floor(given)).all():
        repeated = np.repeat(np.arange(rows.n), given.astype(np.int64))
        return rows.taken(repeated)._replace(weights=None)
    return rows


def scaled(rows: Rows, factors: Array | None) -> Rows:
    """The weights times those of the classes, brought to mean 1: only their ratios matter."""
    if factors is None and rows.weights is None:
        return rows
    ones = np.ones(rows.n) if factors is None else factors
    weights = ones if rows.weights is None else ones * rows.weights
    total = float(weights.sum())
    if not total:
        raise ValueError(
            "class_weight: all rows weigh zero, so there is nothing to learn from. At least one "
            "class must weigh more."
        )
    return rows._replace(weights=weights * (rows.n / total), total=total)


def in_order(rows: Rows, dtype: DType) -> Rows:
    """All rows of a single batch, in an order of their own, so that the given one is no matter.

    A sum over all rows does not depend on their order but for rounding; so it does not at all.

    >>> def ordered(*x):
    ...     return in_order(Rows(np.array(x), np.zeros((3, 1)), None, 3.0), np.dtype("float32")).x
    >>> bool((ordered([1.0], [3.0], [2.0]) == ordered([2.0], [1.0], [3.0])).all())
    True
    """
    x = dense(rows.x)
    demand_finite("X", x, dtype)
    x = np.ascontiguousarray(x, dtype if x.dtype.kind == "f" else x.dtype)
    columns = [x, rows.y, *([] if rows.weights is None else [rows.weights])]
    n = len(x)
    bytes_of = [np.ascontiguousarray(c).reshape(n, -1).view(np.uint8) for c in columns]
    joined = np.concatenate(bytes_of, axis=1)
    keys = joined.view(np.dtype((np.void, joined.shape[1]))).reshape(n)
    return rows._replace(x=x).taken(keys.argsort(kind="stable"))


class SparseBatches:
    """Batches of a sparse matrix, made dense one at a time, in a fresh order each epoch.

    The order is the one in which ``Model.fit`` takes rows of an array.

    Args:
        rows: X in CSR format.
        size: rows in each batch; the last one may be smaller.
        shuffle: draw a new order for each epoch.
        steps: batches in an epoch.
    """

    def __init__(self, rows: Rows, size: int, shuffle: bool, steps: int) -> None:
        self.rows, self.size, self.shuffle, self.steps = rows, size, shuffle, steps
        self.order = np.arange(rows.n)

    def __iter__(self) -> Iterator[tuple[Array, ...]]:
        if self.shuffle:  # when the first batch is fetched, not before
            stream("shuffle").shuffle(self.order)
        order = self.order.copy()
        for start in range(0, self.steps * self.size, self.size):
            yield self._batch(order[start : start + self.size])

    def _batch(self, numbers: Array) -> tuple[Array, ...]:
        part = self.rows.taken(numbers)
        return part._replace(x=dense(part.x)).batch()
