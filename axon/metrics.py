"""Floor 4: metrics, which say how good a model is in terms that people care about.

A metric is a weighted mean over samples, summed up inside the recorded step: exact over an epoch.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from axon.backend import as_array
from axon.core import Tensor
from axon.losses import Loss
from axon.losses.base import over_features, same_shape
from axon.names import resolve
from axon.ops import absolute, add_in_place, argmax, square


class Metric(ABC):
    """A running mean. Leaves say what one sample scores."""

    name: str

    def __init__(self) -> None:
        self._total = Tensor(np.zeros((), np.float64))
        self._count = Tensor(np.zeros((), np.float64))

    @abstractmethod
    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The score of each sample, (n,)."""

    def update(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch of arrays or Tensors into account; can be recorded.

        Args:
            y_true: targets, as the loss wants them.
            y_pred: predictions (n, ...).
            sample_weight: (n,); how much each sample counts.
        """
        y_true, y_pred = _tensor(y_true), _tensor(y_pred)
        scores = self.per_sample(y_true, y_pred)
        if sample_weight is None:
            self.add(scores)
        else:
            weight = _tensor(sample_weight)
            same_shape(f"{self.name}, sample_weight", weight.data, scores.shape)
            self.add(scores * weight, weight)

    def add(self, scores: Tensor, sample_weight: Tensor | None = None) -> None:
        """Add scores (n,) that were computed already."""
        add_in_place(self._total, scores.sum())
        count = float(scores.size) if sample_weight is None else sample_weight.sum()
        add_in_place(self._count, count)

    def result(self) -> float:
        """The mean so far; NaN before the first sample."""
        count = float(self._count.data)
        return float(self._total.data) / count if count else float("nan")

    def reset(self) -> None:
        """Forget everything."""
        self._total.data[...] = 0
        self._count.data[...] = 0

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def _tensor(values: Any) -> Tensor:
    return values if isinstance(values, Tensor) else Tensor(as_array(values))


class Mean(Metric):
    """The mean of values that are handed in: the loss, for example."""

    def __init__(self, name: str = "loss") -> None:
        super().__init__()
        self.name = name

    def add_mean(self, mean: Tensor, count: int) -> None:
        """Take the mean of ``count`` values into account."""
        add_in_place(self._total, mean * float(count))
        add_in_place(self._count, float(count))

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Not used: values come in through ``add_mean``."""
        raise NotImplementedError(f"{self.name}: use add_mean(mean, count).")


class Accuracy(Metric):
    """How many predictions are right: the largest of several outputs, or a single one over 0.5."""

    name = "accuracy"

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """1 for a right prediction, 0 for a wrong one."""
        several = y_pred.ndim > 1 and y_pred.shape[-1] > 1
        if several and y_true.ndim < y_pred.ndim:
            same_shape(self.name, y_true.data, y_pred.shape[:-1])
            right = argmax(y_pred) == y_true
        elif several:
            same_shape(self.name, y_true.data, y_pred.shape)
            right = argmax(y_pred) == argmax(y_true)
        else:
            right = _same_side(self.name, y_true, y_pred)
        return over_features(right.astype(np.float64))


class BinaryAccuracy(Metric):
    """How many outputs are on the right side of 0.5, each output for itself."""

    name = "accuracy"

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The share of right outputs of each sample."""
        return over_features(_same_side(self.name, y_true, y_pred).astype(np.float64))


def _same_side(name: str, y_true: Tensor, y_pred: Tensor) -> Tensor:
    same_shape(name, y_true.data, y_pred.shape)
    right: Any = (y_pred > 0.5) == (y_true > 0.5)
    return right


class MeanAbsoluteError(Metric):
    """The mean of |y_pred - y_true|."""

    name = "mae"

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The absolute error of each sample, averaged over its outputs."""
        same_shape(self.name, y_true.data, y_pred.shape)
        return over_features(absolute(y_pred - y_true))


class MeanSquaredErrorMetric(Metric):
    """The mean of (y_pred - y_true)^2."""

    name = "mse"

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The squared error of each sample, averaged over its outputs."""
        same_shape(self.name, y_true.data, y_pred.shape)
        return over_features(square(y_pred - y_true))


METRICS: dict[str, Callable[[], Metric]] = {
    "accuracy": Accuracy,
    "acc": Accuracy,
    "binary_accuracy": BinaryAccuracy,
    "mae": MeanAbsoluteError,
    "mean_absolute_error": MeanAbsoluteError,
    "mse": MeanSquaredErrorMetric,
    "mean_squared_error": MeanSquaredErrorMetric,
}


def get(metric: str | Metric, loss: Loss) -> Metric:
    """Return a metric by its name; the right kind of accuracy is chosen from the loss.

    >>> from axon.losses import BinaryCrossEntropy
    >>> type(get("accuracy", BinaryCrossEntropy())).__name__
    'BinaryAccuracy'
    """
    if isinstance(metric, str):
        binary = metric.lower() in ("accuracy", "acc") and loss.name.startswith("binary")
        return resolve("metric", "binary_accuracy" if binary else metric, METRICS)()
    if not isinstance(metric, Metric):
        raise TypeError(
            f"metric: expected a name or a Metric, got {metric!r}. Known: {', '.join(METRICS)}."
        )
    return metric
