"""Several classes for each row: one of its own set in each column of y, as forests learn them.

The network has a logit for each class of each column, side by side; each column is a softmax.
"""

from collections.abc import Sequence

import numpy as np

from axon.backend import Array, ArrayLike, Shape
from axon.core import Tensor
from axon.losses import CategoricalCrossEntropy, Loss

ColumnClasses = list[Array]  # of each column, in order


def columns_of(made: Array, classes: ColumnClasses) -> list[Array]:
    """The part of what the network makes (n, all classes) that belongs to each column of y.

    >>> [part.shape for part in columns_of(np.zeros((5, 5)), [np.arange(2), np.arange(3)])]
    [(5, 2), (5, 3)]
    """
    return np.split(made, np.cumsum([len(c) for c in classes])[:-1], axis=1)


def encoded(y: Array, classes: ColumnClasses) -> Array:
    """The number of each row's class (n, columns).

    Raises:
        ValueError: another number of columns, or a class that is not known.

    >>> encoded(np.array([["b", "x"], ["a", "x"]]), [np.array(["a", "b"]), np.array(["x", "y"])])
    array([[1, 0],
           [0, 0]])
    """
    if y.ndim != 2 or y.shape[1] != len(classes):
        raise ValueError(
            f"AxonClassifier: y has shape {y.shape}, but held {len(classes)} columns before, with "
            "a class in each. Begin anew: warm_start=False and fit."
        )
    for i, (column, known) in enumerate(zip(y.T, classes, strict=True)):
        if len(strange := np.setdiff1d(column, known)):
            raise ValueError(
                f"AxonClassifier: column {i} of y has classes not in classes_[{i}], {known}: "
                f"{strange}. Pass all to the first partial_fit, or begin anew with fit."
            )
    pairs = zip(y.T, classes, strict=True)
    return np.stack([np.searchsorted(known, column) for column, known in pairs], axis=1)


def decoded(codes: Array, classes: ColumnClasses) -> Array:
    """The classes (n, columns) of such numbers."""
    return np.stack([known[c] for known, c in zip(classes, codes.T, strict=True)], axis=1)


def listed(classes: object) -> ColumnClasses | None:
    """The classes of each column, if this is a list of them, as ``partial_fit`` is given.

    >>> listed([0, 1]), listed([[1, 0], ["b"]])
    (None, [array([0, 1]), array(['b'], dtype='<U1')])
    """
    if not isinstance(classes, list | tuple) or any(np.ndim(c) != 1 for c in classes):
        return None
    return [np.unique(np.asarray(c)) for c in classes]


class ColumnsCrossEntropy(Loss):
    """The cross-entropy of each column, summed over columns, from logits side by side.

    Args:
        sizes: how many classes each column has.

    >>> loss = ColumnsCrossEntropy([2, 3])
    >>> loss.loss([[0, 2]], np.zeros((1, 5)))  # log 2 + log 3
    1.791759...
    """

    name = "log_loss"
    from_logits = True

    def __init__(self, sizes: Sequence[int]) -> None:
        super().__init__()
        self.sizes = [int(n) for n in sizes]
        self._of_column = CategoricalCrossEntropy(from_logits=True)

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The loss of each row, (n,)."""
        ends = np.cumsum([0, *self.sizes]).tolist()
        costs = [
            self._of_column.per_sample(y_true[:, i], y_pred[:, ends[i] : ends[i + 1]])
            for i in range(len(self.sizes))
        ]
        return sum(costs[1:], start=costs[0])

    def targets(self, y_true: ArrayLike, output_shape: Shape) -> Array:
        """The number of a class in each column."""
        given = np.asarray(y_true)
        most = np.array(self.sizes)
        if (
            given.shape != (output_shape[0], len(most))
            or (given < 0).any()
            or (given >= most).any()
        ):
            raise ValueError(
                f"{self.name}: y must hold the number of a class in each of {len(most)} columns, "
                f"0 to {(most - 1).tolist()}, got shape {given.shape}."
            )
        return given.astype(np.int64)
