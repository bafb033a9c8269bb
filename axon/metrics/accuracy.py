"""Accuracy in its kinds: how many predictions are right."""

import numpy as np

from axon.backend import Array, Shape
from axon.checks import integer, one_number
from axon.core import Tensor
from axon.losses.base import Loss, over_features, same_shape
from axon.metrics.base import MeanMetric
from axon.metrics.targets import demand_classes, demand_cut, demand_yes_or_no
from axon.ops import argmax, where


class Accuracy(MeanMetric):
    """How many predictions are right: the largest of several outputs, or a single one over 0.5.

    Targets are labels (n, ...) or one-hot rows (n, ..., classes) for several outputs, and of the
    predictions' shape for a single one. Of equal outputs, the first counts as the largest.

    >>> accuracy = Accuracy()
    >>> accuracy.update([1, 0], [[0.2, 0.8], [0.4, 0.6]])
    >>> accuracy.result()
    0.5
    """

    name = "accuracy"

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """1 for a right prediction, 0 for a wrong one; further axes are averaged."""
        if compete(y_pred):
            right = argmax(y_pred) == labels(self.name, y_true, y_pred)
        else:
            right = _same_side(self.name, y_true, y_pred, 0.5)
        return over_features(right.astype(np.float64))

    def accept(self, y_true: Array, output_shape: Shape, loss: Loss | None = None) -> None:
        """Labels or one-hot rows for several outputs, 0 and 1 for a single one."""
        if len(output_shape) > 1 and output_shape[-1] > 1:
            demand_classes(self.name, y_true, output_shape)
        else:
            demand_cut(self.name, 0.5, loss, "'accuracy' or BinaryAccuracy(threshold=0.0)")
            demand_yes_or_no(self.name, y_true, output_shape, loss)


class BinaryAccuracy(MeanMetric):
    """How many outputs are on the right side of a threshold, each output for itself.

    Args:
        threshold: outputs above it mean yes. 0.5 suits probabilities, 0 suits logits.
        name: what logs call it.

    >>> accuracy = BinaryAccuracy()
    >>> accuracy.update([[1, 0], [1, 1]], [[0.9, 0.2], [0.6, 0.4]])
    >>> accuracy.result()
    0.75
    """

    name = "binary_accuracy"

    def __init__(self, threshold: float = 0.5, name: str | None = None) -> None:
        super().__init__(name)
        self.threshold = one_number(self.name, "threshold", threshold)

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The share of right outputs of each sample."""
        right = _same_side(self.name, y_true, y_pred, self.threshold)
        return over_features(right.astype(np.float64))

    def accept(self, y_true: Array, output_shape: Shape, loss: Loss | None = None) -> None:
        """0 and 1, one for each output; -1 and 1 where yes begins at 0."""
        demand_cut(self.name, self.threshold, loss, "BinaryAccuracy(threshold=0.0)")
        demand_yes_or_no(self.name, y_true, output_shape, loss, sides=self.threshold == 0)


class TopKCategoricalAccuracy(MeanMetric):
    """How often the right class is among the k largest outputs.

    Args:
        k: how many guesses each sample has.
        name: what logs call it.

    Targets are labels (n, ...) or one-hot rows (n, ..., classes). Of equal outputs, the first count
    as larger, so that k=1 is ``Accuracy``; an output that is NaN is the last of all.

    Raises:
        ValueError: there are fewer than k classes, or a single output.

    >>> accuracy = TopKCategoricalAccuracy(k=2)
    >>> accuracy.update([2, 0], [[0.5, 0.2, 0.3], [0.1, 0.6, 0.3]])
    >>> accuracy.result()
    0.5
    """

    name = "top_k_categorical_accuracy"

    def __init__(self, k: int = 5, name: str | None = None) -> None:
        super().__init__(name)
        self.k = integer(type(self).__name__, "k", k)

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """1 if fewer than k outputs are larger than that of the right class, else 0."""
        classes = y_pred.shape[-1] if compete(y_pred) else 1
        if classes < max(self.k, 2):
            raise ValueError(
                f"{self.name}: k={self.k} guesses among {classes} outputs are always right. Choose "
                "k smaller than the number of classes."
            )
        columns = Tensor(np.arange(classes))
        label = labels(self.name, y_true, y_pred)[..., None]  # (n, ..., 1)
        hit = where(label == columns, y_pred, -np.inf).max(axis=-1, keepdims=True)
        after = (hit == y_pred) * (columns > label)
        beaten = (hit > y_pred).sum(axis=-1) + after.sum(axis=-1)  # NaN beats nothing
        return over_features((beaten >= classes - self.k).astype(np.float64))

    def accept(self, y_true: Array, output_shape: Shape, loss: Loss | None = None) -> None:
        """Labels or one-hot rows."""
        if len(output_shape) > 1 and output_shape[-1] > 1:
            demand_classes(self.name, y_true, output_shape)


def compete(y_pred: Tensor) -> bool:
    """Whether each sample has several outputs, which compete.

    >>> compete(Tensor([[0.1, 0.9]])), compete(Tensor([[0.9]])), compete(Tensor([0.9]))
    (True, False, False)
    """
    return bool(y_pred.ndim > 1 and y_pred.shape[-1] > 1)


def labels(name: str, y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The number of the right class of each sample: of labels, or of one-hot rows.

    Raises:
        ValueError: the targets do not fit the outputs (n, ..., classes).

    >>> labels("accuracy", Tensor([[0, 1], [1, 0]]), Tensor([[0.1, 0.9], [0.2, 0.8]]))
    Tensor([1, 0], dtype=int64)
    """
    if y_true.ndim < y_pred.ndim:
        same_shape(name, y_true.data, y_pred.shape[:-1])
        return y_true
    if y_true.shape == (*y_pred.shape[:-1], 1):  # a column of labels, as tables hold them
        return y_true.reshape(y_pred.shape[:-1])
    same_shape(name, y_true.data, y_pred.shape)
    return argmax(y_true)


def _same_side(name: str, y_true: Tensor, y_pred: Tensor, threshold: float) -> Tensor:
    same_shape(name, y_true.data, y_pred.shape)
    return (y_pred > threshold) == (y_true > 0.5)
