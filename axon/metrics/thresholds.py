"""What is called yes at each of many thresholds: counts, and the best one within a limit."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from axon.backend import Array, Shape
from axon.checks import between, demand, integer, is_number
from axon.core import TensorLike
from axon.losses.base import Loss, same_shape
from axon.metrics.base import Metric, spread_over, weights
from axon.metrics.targets import demand_classes, demand_yes_or_no


class Counts:
    """Weights of yes and of no in the scores, cut at thresholds: (thresholds,) each."""

    def __init__(self, yes: Array, no: Array) -> None:
        above = [np.cumsum(x[::-1])[::-1] for x in (yes, no)]
        self.true_positives, self.false_positives = (x[1:] for x in above)
        self.false_negatives = yes.sum() - self.true_positives
        self.true_negatives = no.sum() - self.false_positives

    def sensitivity(self) -> Array:
        """TP / (TP + FN)."""
        return _share(self.true_positives, self.false_negatives)

    def specificity(self) -> Array:
        """TN / (TN + FP)."""
        return _share(self.true_negatives, self.false_positives)

    def precision(self) -> Array:
        """TP / (TP + FP)."""
        return _share(self.true_positives, self.false_positives)


def _share(part: Array, rest: Array) -> Array:
    total = part + rest
    return np.asarray(part / np.where(total == 0, 1.0, total))


class _AtThresholds(Metric):
    """Counts yes and no between thresholds: a score above one means yes there."""

    recorded: ClassVar[bool] = False
    class_id: int | None = None

    def __init__(self, cuts: Sequence[float], name: str | None) -> None:
        super().__init__(name)
        self._cuts = np.asarray(cuts, np.float64)
        self._yes, self._no = np.zeros(len(cuts) + 1), np.zeros(len(cuts) + 1)

    def accept(self, y_true: Array, output_shape: Shape, loss: Loss | None = None) -> None:
        """0 and 1 for each output; with ``class_id`` labels or one-hot rows, too."""
        if self.class_id is None:
            demand_yes_or_no(self.name, y_true, output_shape, loss, sides=True)
            return
        if len(output_shape) < 2 or self.class_id >= output_shape[-1]:
            raise ValueError(
                f"{self.name}: class_id={self.class_id}, but predictions have shape "
                f"{output_shape}. Choose an output from 0 to {output_shape[-1] - 1}."
            )
        if y_true.ndim < len(output_shape):
            demand_classes(self.name, y_true, output_shape)

    def update(
        self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None
    ) -> None:
        """Count a batch of arrays or Tensors."""
        true, predicted = self.accepted(y_true, y_pred)
        y, p = self._chosen(true.data, predicted.data)
        given = weights(self.name, sample_weight, predicted)
        w = np.ones(y.shape)
        if given is not None:
            w = w * spread_over(self.name, given, predicted).data.reshape(
                *given.shape, *(1,) * (y.ndim - given.ndim)
            )
        between_cuts = self._between(p.reshape(-1))
        y, w, n = y.reshape(-1), w.reshape(-1), len(self._yes)
        self._yes = self._yes + np.bincount(between_cuts, np.where(y, w, 0.0), n)
        self._no = self._no + np.bincount(between_cuts, np.where(y, 0.0, w), n)

    def _between(self, p: Array) -> Array:
        """How many thresholds each score is above, as ``p > threshold`` says; NaN is above none."""
        cuts = self._cuts.astype(p.dtype) if p.dtype.kind == "f" else self._cuts
        return np.asarray(np.where(np.isnan(p), 0, np.searchsorted(cuts, p, side="left")))

    def _chosen(self, y: Array, p: Array) -> tuple[Array, Array]:
        """Truth values and scores of one shape: of all outputs, or of one class."""
        if self.class_id is None:
            return same_shape(self.name, y, p.shape) > 0.5, p
        if y.ndim < p.ndim:
            return y == self.class_id, p[..., self.class_id]
        y = same_shape(self.name, y, p.shape)
        return y[..., self.class_id] > 0.5, p[..., self.class_id]

    def reset(self) -> None:
        """Forget everything."""
        self._yes, self._no = np.zeros_like(self._yes), np.zeros_like(self._no)

    def counts(self) -> Counts:
        """What was seen so far."""
        return Counts(self._yes, self._no)


class _Count(_AtThresholds):
    """How many are so, by weight: a float, or an array of one for each of several thresholds."""

    counted: ClassVar[str]

    def __init__(
        self, thresholds: float | Sequence[float] | None = None, name: str | None = None
    ) -> None:
        several = isinstance(thresholds, list | tuple)
        cuts: list[Any] = list(np.ravel(0.5 if thresholds is None else np.asarray(thresholds)))
        fits = len(cuts) > 0 and all(map(is_number, cuts)) and cuts == sorted(cuts)
        expected = "a number, or several that increase"
        alone = several or thresholds is None or is_number(thresholds)
        demand(fits and alone, type(self).__name__, "thresholds", expected, thresholds)
        super().__init__(cuts, name)
        self.thresholds = thresholds

    @property
    def scalar(self) -> bool:  # type: ignore[override]
        """Whether there is a single threshold."""
        return len(self._cuts) == 1

    def result(self) -> float | Array:
        """The number so far."""
        found = getattr(self.counts(), self.counted)
        return float(found[0]) if self.scalar else np.array(found)


class TruePositives(_Count):
    """How many are yes, and called so.

    Args:
        thresholds: outputs above it are called yes, 0.5 by default; several give an array.
        name: what logs call it.

    >>> count = TruePositives()
    >>> count.update([0, 1, 1, 1], [1.0, 0.0, 1.0, 1.0])
    >>> count.result()
    2.0
    """

    name = counted = "true_positives"


class TrueNegatives(_Count):
    """How many are no, and called so; the arguments are those of ``TruePositives``.

    >>> count = TrueNegatives()
    >>> count.update([0, 1, 0, 0], [1.0, 1.0, 0.0, 0.0])
    >>> count.result()
    2.0
    """

    name = counted = "true_negatives"


class FalsePositives(_Count):
    """How many are no, but called yes; the arguments are those of ``TruePositives``.

    >>> count = FalsePositives([0.1, 0.5])
    >>> count.update([0, 1, 0, 0], [0.9, 0.4, 0.2, 0.0])
    >>> count.result()
    array([2., 1.])
    """

    name = counted = "false_positives"


class FalseNegatives(_Count):
    """How many are yes, but called no; the arguments are those of ``TruePositives``.

    >>> count = FalseNegatives()
    >>> count.update([0, 1, 1, 1], [0.0, 1.0, 0.0, 0.1])
    >>> count.result()
    2.0
    """

    name = counted = "false_negatives"


class _Best(_AtThresholds):
    """The best of one share among the thresholds where another one is large enough; 0 if none is.

    As in Keras, thresholds lie evenly between 0 and 1, ends included.
    """

    limited: ClassVar[str]

    def __init__(
        self, least: float, num_thresholds: int, class_id: int | None, name: str | None
    ) -> None:
        owner = type(self).__name__
        count = integer(owner, "num_thresholds", num_thresholds)
        inner = (np.arange(count - 2) + 1.0) / (count - 1) if count > 1 else np.array([])
        super().__init__([0.0, *inner, 1.0] if count > 1 else [0.5], name)
        self.num_thresholds = count
        self.class_id = None if class_id is None else integer(owner, "class_id", class_id, 0)
        self._least = between(owner, self.limited, least, 0, 1)

    def result(self) -> float:
        """The best so far."""
        counts = self.counts()
        fits = getattr(counts, LIMITS[self.limited])() >= self._least
        return float(self._shares(counts)[fits].max()) if fits.any() else 0.0

    @abstractmethod
    def _shares(self, counts: Counts) -> Array:
        """What is to be large."""


LIMITS = {
    "specificity": "specificity",
    "sensitivity": "sensitivity",
    "recall": "sensitivity",
    "precision": "precision",
}


class SensitivityAtSpecificity(_Best):
    """The best TP / (TP + FN) where TN / (TN + FP) is at least ``specificity``.

    Args:
        specificity: the least, from 0 to 1.
        num_thresholds: how many are tried.
        class_id: of several outputs, the one that counts.
        name: what logs call it.

    >>> score = SensitivityAtSpecificity(0.5)
    >>> score.update([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8])
    >>> score.result()
    0.5
    """

    name = "sensitivity_at_specificity"
    limited = "specificity"

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(specificity, num_thresholds, class_id, name)
        self.specificity = self._least

    def _shares(self, counts: Counts) -> Array:
        return counts.sensitivity()


class SpecificityAtSensitivity(_Best):
    """The best TN / (TN + FP) where TP / (TP + FN) is at least ``sensitivity``.

    Args:
        sensitivity: the least, from 0 to 1.
        num_thresholds: how many are tried.
        class_id: of several outputs, the one that counts.
        name: what logs call it.

    >>> score = SpecificityAtSensitivity(0.5)
    >>> score.update([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8])
    >>> score.result()
    0.6666666...
    """

    name = "specificity_at_sensitivity"
    limited = "sensitivity"

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(sensitivity, num_thresholds, class_id, name)
        self.sensitivity = self._least

    def _shares(self, counts: Counts) -> Array:
        return counts.specificity()


class PrecisionAtRecall(_Best):
    """The best TP / (TP + FP) where TP / (TP + FN) is at least ``recall``.

    Args:
        recall: the least, from 0 to 1.
        num_thresholds: how many are tried.
        class_id: of several outputs, the one that counts.
        name: what logs call it.

    >>> score = PrecisionAtRecall(0.5)
    >>> score.update([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8])
    >>> score.result()
    0.5
    """

    name = "precision_at_recall"
    limited = "recall"

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(recall, num_thresholds, class_id, name)
        self.recall = self._least

    def _shares(self, counts: Counts) -> Array:
        return counts.precision()


class RecallAtPrecision(_Best):
    """The best TP / (TP + FN) where TP / (TP + FP) is at least ``precision``.

    Args:
        precision: the least, from 0 to 1.
        num_thresholds: how many are tried.
        class_id: of several outputs, the one that counts.
        name: what logs call it.

    >>> score = RecallAtPrecision(0.8)
    >>> score.update([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9])
    >>> score.result()
    0.5
    """

    name = "recall_at_precision"
    limited = "precision"

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(precision, num_thresholds, class_id, name)
        self.precision = self._least

    def _shares(self, counts: Counts) -> Array:
        return counts.sensitivity()
