"""Scores of a confusion matrix in one number: fair to rare classes, or beside mere chance."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np

from axon.backend import Array, Shape
from axon.checks import one_number, one_of
from axon.core import Tensor
from axon.losses.base import Loss, same_shape
from axon.metrics.accuracy import compete, labels
from axon.metrics.base import Accumulator, added, spread_over, zero
from axon.metrics.overlap import add_cells
from axon.metrics.targets import demand_classes, demand_cut, demand_yes_or_no
from axon.ops import argmax


class _OfMatrix(Accumulator):
    """A number made of how often class i was taken for class j."""

    def __init__(self, name: str | None = None, *, threshold: float = 0.5) -> None:
        super().__init__(name)
        self.threshold = one_number(type(self).__name__, "threshold", threshold)
        self._matrix = zero()

    def _add_batch(self, y_true: Tensor, y_pred: Tensor, w: Tensor | None) -> None:
        """Add each weight to its cell; the first batch tells how many classes there are."""
        several = compete(y_pred)
        n = y_pred.shape[-1] if several else 2
        self.resize((n, n), self._matrix)
        if several:
            true, guess = labels(self.name, y_true, y_pred), argmax(y_pred)
        else:
            same_shape(self.name, y_true.data, y_pred.shape)
            true, guess = y_true > 0.5, y_pred > self.threshold
        each = spread_over(self.name, w, true) + (true != true).astype(np.float64)
        add_cells(self._matrix, true.astype(np.int64), guess.astype(np.int64), each)

    def accept(self, y_true: Array, output_shape: Shape, loss: Loss | None = None) -> None:
        """Labels or one-hot rows for several outputs, 0 and 1 for a single one."""
        if output_shape[1:] and output_shape[-1] > 1:
            demand_classes(self.name, y_true, output_shape)
        else:
            demand_cut(self.name, self.threshold, loss, f"{type(self).__name__}(threshold=0.0)")
            demand_yes_or_no(self.name, y_true, output_shape, loss)

    def merge(self, states: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
        """The counts together."""
        return added(states)

    def result(self) -> float:
        """The score so far; NaN before the first sample."""
        matrix = self._matrix.data
        return self._score(matrix) if matrix.sum() else float("nan")

    @abstractmethod
    def _score(self, matrix: Array) -> float:
        """The score of a confusion matrix (classes, classes) that is not empty."""


class BalancedAccuracy(_OfMatrix):
    """The mean over classes of how many of each are found: rare ones count as much as others.

    Classes that do not occur are left out.

    Args:
        name: what logs call it.
        threshold: a single output above it means yes.

    >>> score = BalancedAccuracy()
    >>> score.update([1, 0, 0, 0], [0.9, 0.1, 0.2, 0.8])  # (1 + 2 / 3) / 2
    >>> score.result()
    0.8333333...
    """

    name = "balanced_accuracy"

    def _score(self, matrix: Array) -> float:
        there = matrix.sum(axis=1)
        return float(np.mean(np.diag(matrix)[there > 0] / there[there > 0]))


class MatthewsCorrelation(_OfMatrix):
    """The correlation of classes and guesses, from -1 to 1; 0 is as good as chance.

    Of several classes as Gorodkin has it (2004); 0 where there is one class, or one guess, only.
    Matthews, "Comparison of the predicted and observed secondary structure" (1975).

    Args:
        name: what logs call it.
        threshold: a single output above it means yes.

    >>> score = MatthewsCorrelation()
    >>> score.update([1, 0, 1, 0], [0.9, 0.1, 0.8, 0.7])
    >>> score.result()
    0.5773502...
    """

    name = "matthews_correlation"

    def _score(self, matrix: Array) -> float:
        there, guessed, n = matrix.sum(axis=1), matrix.sum(axis=0), matrix.sum()
        both = np.trace(matrix) * n - there @ guessed
        below = (n**2 - guessed @ guessed) * (n**2 - there @ there)
        return float(both / np.sqrt(below)) if below > 0 else 0.0


class CohenKappa(_OfMatrix):
    """How much two agree beyond what chance explains, at most 1 (Cohen, 1960).

    Args:
        weights: None: all mistakes are alike. "linear" or "quadratic": of classes in an order, a
            mistake counts by how many classes it is off, or by the square of that.
        name: what logs call it.
        threshold: a single output above it means yes.

    >>> score = CohenKappa()
    >>> score.update([1, 0, 1, 0], [0.9, 0.1, 0.8, 0.7])
    >>> score.result()
    0.5
    """

    name = "cohen_kappa"

    def __init__(
        self, weights: str | None = None, name: str | None = None, *, threshold: float = 0.5
    ) -> None:
        super().__init__(name, threshold=threshold)
        one_of(self.name, "weights", weights, ("linear", "quadratic", None))
        self.weights = weights

    def _score(self, matrix: Array) -> float:
        off = np.abs(np.subtract.outer(np.arange(len(matrix)), np.arange(len(matrix))))
        cost = {None: off > 0, "linear": off, "quadratic": off**2}[self.weights]
        chance = np.outer(matrix.sum(axis=1), matrix.sum(axis=0)) / matrix.sum()
        below = float((cost * chance).sum())
        return 1.0 - float((cost * matrix).sum()) / below if below else float("nan")
