"""Floor 4: metrics, which say how good a model is in terms that people care about.

A metric is a weighted mean over samples, summed up inside the recorded step: exact over an epoch.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from axon.core import Tensor
from axon.losses import Loss
from axon.losses.base import over_features
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

    def update(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> None:
        """Take a batch into account; all in primitives, so that it can be recorded."""
        scores = self.per_sample(y_true, y_pred)
        self.add(scores if sample_weight is None else scores * sample_weight, sample_weight)

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


class Mean(Metric):
    """The mean of values that are handed in: the loss, for example."""

    def __init__(self, name: str = "loss") -> None:
        super().__init__()
        self.name = name

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Not used: values come in through ``add``."""
        raise NotImplementedError(f"{self.name}: use add(values).")


class Accuracy(Metric):
    """How many predictions are right: the largest of several outputs, or a single one over 0.5."""

    name = "accuracy"

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """1 for a right prediction, 0 for a wrong one."""
        if y_true.ndim < y_pred.ndim:
            right = argmax(y_pred) == y_true
        elif y_pred.ndim > 1 and y_pred.shape[-1] > 1:
            right = argmax(y_pred) == argmax(y_true)
        else:
            right = (y_pred > 0.5) == (y_true > 0.5)
        return over_features(right.astype(np.float64))


class BinaryAccuracy(Metric):
    """How many outputs are on the right side of 0.5, each output for itself."""

    name = "accuracy"

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The share of right outputs of each sample."""
        right: Any = (y_pred > 0.5) == (y_true > 0.5)
        return over_features(right.astype(np.float64))


class MeanAbsoluteError(Metric):
    """The mean of |y_pred - y_true|."""

    name = "mae"

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The absolute error of each sample, averaged over its outputs."""
        return over_features(absolute(y_pred - y_true))


class MeanSquaredErrorMetric(Metric):
    """The mean of (y_pred - y_true)^2."""

    name = "mse"

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The squared error of each sample, averaged over its outputs."""
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
