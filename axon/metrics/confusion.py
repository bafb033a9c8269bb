"""Which classes are taken for which."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from axon.backend import Array, Shape
from axon.checks import integer, one_number
from axon.core import Tensor
from axon.losses.base import Loss, same_shape
from axon.metrics.accuracy import compete, labels
from axon.metrics.base import Accumulator, added, spread_over, zero
from axon.metrics.targets import demand_classes, demand_cut, demand_yes_or_no
from axon.ops import add_in_place, argmax, take_gradient, where


class ConfusionMatrix(Accumulator):
    """How often class i was taken for class j: row i, column j of (classes, classes).

    Args:
        num_classes: how many classes there are.
        threshold: a single output above it means class 1; several outputs compete.
        name: what errors call it; an array does not appear in logs.

    Targets are labels (n, ...) or one-hot rows; for a single output, of its shape.

    Raises:
        ValueError: the model has another number of outputs, or a label was not 0 to classes - 1.

    >>> matrix = ConfusionMatrix(2)
    >>> matrix.update([0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])
    >>> matrix.result()
    array([[1., 0.],
           [1., 1.]])
    """

    name = "confusion_matrix"
    scalar: ClassVar[bool] = False

    def __init__(self, num_classes: int, threshold: float = 0.5, name: str | None = None) -> None:
        super().__init__(name)
        self.num_classes = integer(type(self).__name__, "num_classes", num_classes, least=2)
        self.threshold = one_number(self.name, "threshold", threshold)
        self._matrix, self._outside = zero((self.num_classes, self.num_classes)), zero()

    def _add_batch(self, y_true: Tensor, y_pred: Tensor, w: Tensor | None) -> None:
        """Add each weight to its cell; labels that name no class are kept apart."""
        true, guess = self._classes(y_true, y_pred)
        w = spread_over(self.name, w, true)
        n = self.num_classes
        known = (true >= 0) * (true < n)
        cell = where(known, true.astype(np.int64) * n + guess, 0)
        counted = where(known, w, 0.0)
        add_in_place(self._matrix.reshape(n * n), take_gradient(counted, cell, shape=(n * n,)))
        add_in_place(self._outside, where(known, 0.0, w).sum())

    def merge(self, states: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
        """The counts together."""
        return added(states)

    def accept(self, y_true: Array, output_shape: Shape, loss: Loss | None = None) -> None:
        """One-hot rows for several outputs, 0 and 1 for a single one; ``result`` judges labels."""
        if output_shape[1:] and output_shape[-1] > 1 and y_true.ndim == len(output_shape):
            demand_classes(self.name, y_true, output_shape)
        elif output_shape[-1] == 1 or not output_shape[1:]:
            use = f"ConfusionMatrix({self.num_classes}, threshold=0.0)"
            demand_cut(self.name, self.threshold, loss, use)
            demand_yes_or_no(self.name, y_true, output_shape, loss)

    def _classes(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        outputs = y_pred.shape[-1] if compete(y_pred) else 2
        if outputs != self.num_classes:
            raise ValueError(
                f"{self.name}: made for num_classes={self.num_classes}, but the predictions, of "
                f"shape {y_pred.shape}, tell {outputs} classes apart. Use "
                f"ConfusionMatrix({outputs})."
            )
        if compete(y_pred):
            return labels(self.name, y_true, y_pred), argmax(y_pred)
        same_shape(self.name, y_true.data, y_pred.shape)
        return (y_true > 0.5).astype(np.int64), (y_pred > self.threshold).astype(np.int64)

    def result(self) -> Array:
        """The (weighted) counts so far, an array of your own."""
        if self._outside.data:
            raise ValueError(
                f"{self.name}: {float(self._outside.data):g} labels are not of the classes 0 to "
                f"{self.num_classes - 1}. Number the classes with "
                "np.unique(y, return_inverse=True)."
            )
        return self._matrix.data.copy()
