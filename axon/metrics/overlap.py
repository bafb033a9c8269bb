"""Intersection over union: how well found regions cover those that are there."""

from collections.abc import Mapping, Sequence

import numpy as np

from axon.backend import Array, Shape
from axon.checks import boolean, demand, integer, is_integer, one_number
from axon.core import Tensor
from axon.losses.base import Loss, same_shape
from axon.metrics.base import Accumulator, added, spread_over, zero
from axon.ops import add_in_place, argmax, take_gradient, where


def add_cells(matrix: Tensor, true: Tensor, guess: Tensor, w: Tensor) -> Tensor:
    """Add weights to the cells (true, guess) of a matrix; what none of them is has its weights."""
    n = matrix.shape[0]
    known = (true >= 0) * (true < n) * (guess >= 0) * (guess < n)
    cell = where(known, true.astype(np.int64) * n + guess.astype(np.int64), 0)
    counted = where(known, w, 0.0)
    add_in_place(matrix.reshape(n * n), take_gradient(counted, cell, shape=(n * n,)))
    return where(known, 0.0, w).sum()


class _Union(Accumulator):
    """Counts which classes are taken for which; the result is a mean of shares TP / union."""

    def __init__(
        self, num_classes: int, target_class_ids: Sequence[int] | None, name: str | None
    ) -> None:
        super().__init__(name)
        owner = type(self).__name__
        self.num_classes = integer(owner, "num_classes", num_classes, least=2)
        chosen = range(self.num_classes) if target_class_ids is None else target_class_ids
        fits = all(is_integer(i) and 0 <= i < self.num_classes for i in chosen) and len(chosen) > 0
        expected = f"numbers of classes, from 0 to {self.num_classes - 1}"
        demand(fits, owner, "target_class_ids", expected, target_class_ids)
        self._chosen = [int(i) for i in chosen]
        self._ignored: int | None = None
        self._matrix, self._outside = zero((self.num_classes, self.num_classes)), zero()

    def _classes(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        """The class that each is, and the one it is taken for."""
        raise NotImplementedError(f"{self.name}: write _classes.")

    def _add_batch(self, y_true: Tensor, y_pred: Tensor, w: Tensor | None) -> None:
        """Add each weight to its cell."""
        true, guess = self._classes(y_true, y_pred)
        each = spread_over(self.name, w, true)
        each = each + where(true == true, 0.0, 0.0)  # the shape of what it weighs
        if self._ignored is not None:
            each = where(true == self._ignored, 0.0, each)
        add_in_place(self._outside, add_cells(self._matrix, true, guess, each))

    def merge(self, states: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
        """The counts together."""
        return added(states)

    def result(self) -> float:
        """The mean over the classes that occur, in truth or in guesses; 0 where none does."""
        if self._outside.data:
            raise ValueError(
                f"{self.name}: {float(self._outside.data):g} labels or predictions are not of the "
                f"classes 0 to {self.num_classes - 1}."
            )
        matrix = self._matrix.data
        hits, union = np.diag(matrix), matrix.sum(axis=0) + matrix.sum(axis=1) - np.diag(matrix)
        occurring = [i for i in self._chosen if union[i] > 0]
        return float(np.mean(hits[occurring] / union[occurring])) if occurring else 0.0


class IoU(_Union):
    """The mean over some classes of TP / (TP + FP + FN).

    Args:
        num_classes: how many classes there are.
        target_class_ids: those that count.
        name: what logs call it.
        ignore_class: a label that does not count.
        sparse_y_true: targets are labels (n, ...). False: one-hot rows (n, ..., classes).
        sparse_y_pred: predictions are labels, too. False: scores (n, ..., classes), of which the
            largest is the guess: what a model gives.

    >>> score = IoU(2, [0])
    >>> score.update([0, 0, 1, 1], [0, 1, 0, 1])
    >>> score.result()
    0.3333333...
    """

    name = "iou"

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        *,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
    ) -> None:
        super().__init__(num_classes, target_class_ids, name)
        self.target_class_ids = self._chosen
        self._set(ignore_class, sparse_y_true, sparse_y_pred)

    def _set(self, ignore_class: int | None, sparse_y_true: bool, sparse_y_pred: bool) -> None:
        owner = type(self).__name__
        fits = ignore_class is None or is_integer(ignore_class)
        demand(fits, owner, "ignore_class", "a whole number, or None", ignore_class)
        self.ignore_class = self._ignored = ignore_class
        self.sparse_y_true = boolean(owner, "sparse_y_true", sparse_y_true)
        self.sparse_y_pred = boolean(owner, "sparse_y_pred", sparse_y_pred)

    def _classes(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        true = y_true if self.sparse_y_true else argmax(y_true)
        guess = y_pred if self.sparse_y_pred else argmax(y_pred)
        if true.shape == (*guess.shape, 1):
            true = true.reshape(guess.shape)
        if true.shape != guess.shape:
            raise ValueError(
                f"{self.name}: targets of shape {y_true.shape} and predictions of shape "
                f"{y_pred.shape} do not fit with sparse_y_true={self.sparse_y_true} and "
                f"sparse_y_pred={self.sparse_y_pred}. For scores (n, ..., classes), such as "
                "a model gives, use sparse_y_pred=False; for one-hot rows sparse_y_true=False."
            )
        return true, guess


class MeanIoU(IoU):
    """The mean over all classes of TP / (TP + FP + FN).

    Args:
        num_classes: how many classes there are.
        name: what logs call it.
        ignore_class: a label that does not count.
        sparse_y_true: targets are labels (n, ...). False: one-hot rows (n, ..., classes).
        sparse_y_pred: predictions are labels, too. False: scores (n, ..., classes).

    >>> score = MeanIoU(2)
    >>> score.update([0, 0, 1, 1], [0, 1, 0, 1])
    >>> score.result()
    0.3333333...
    """

    name = "mean_iou"

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        *,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
    ) -> None:
        _Union.__init__(self, num_classes, None, name)
        self._set(ignore_class, sparse_y_true, sparse_y_pred)


class OneHotIoU(IoU):
    """As IoU, for one-hot targets and scores, both (n, ..., classes).

    Args:
        num_classes: how many classes there are.
        target_class_ids: those that count.
        name: what logs call it.
        ignore_class: a label that does not count.
        sparse_y_pred: predictions are labels (n, ...).

    >>> score = OneHotIoU(2, [0])
    >>> score.update([[1, 0], [0, 1]], [[0.9, 0.1], [0.6, 0.4]])
    >>> score.result()
    0.5
    """

    name = "one_hot_iou"

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        *,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
    ) -> None:
        _Union.__init__(self, num_classes, target_class_ids, name)
        self.target_class_ids = self._chosen
        self._set(ignore_class, False, sparse_y_pred)


class OneHotMeanIoU(IoU):
    """As MeanIoU, for one-hot targets and scores, both (n, ..., classes).

    Args:
        num_classes: how many classes there are.
        name: what logs call it.
        ignore_class: a label that does not count.
        sparse_y_pred: predictions are labels (n, ...).

    >>> score = OneHotMeanIoU(2)
    >>> score.update([[1, 0], [0, 1]], [[0.9, 0.1], [0.6, 0.4]])
    >>> score.result()
    0.25
    """

    name = "one_hot_mean_iou"

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        *,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
    ) -> None:
        _Union.__init__(self, num_classes, None, name)
        self._set(ignore_class, False, sparse_y_pred)


class BinaryIoU(_Union):
    """The mean of TP / (TP + FP + FN) of yes and of no, outputs above a threshold being yes.

    Args:
        target_class_ids: which count, of 0, no, and 1, yes.
        threshold: outputs of at least this mean yes, as in Keras.
        name: what logs call it.

    >>> score = BinaryIoU()
    >>> score.update([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7])
    >>> score.result()
    0.5833333...
    """

    name = "binary_iou"

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
    ) -> None:
        super().__init__(2, target_class_ids, name)
        self.target_class_ids = tuple(self._chosen)
        self.threshold = one_number(type(self).__name__, "threshold", threshold)

    def _classes(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        same_shape(self.name, y_true.data, y_pred.shape)
        return (y_true > 0.5).astype(np.int64), (y_pred >= self.threshold).astype(np.int64)

    def accept(self, y_true: Array, output_shape: Shape, loss: Loss | None = None) -> None:
        """0 and 1, one for each output."""
        from axon.metrics.targets import demand_yes_or_no

        demand_yes_or_no(self.name, y_true, output_shape, loss)
