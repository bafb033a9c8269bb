"""Metrics, which say how good a model is in terms that people care about.

Most are summed up inside the recorded step, in float64, and are exact over an epoch.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from axon.core import Tensor
from axon.losses import Hinge, Loss, PackedLoss, SquaredHinge
from axon.metrics.accuracy import Accuracy, BinaryAccuracy, TopKCategoricalAccuracy
from axon.metrics.auc import AUC
from axon.metrics.base import Accumulator, FunctionMetric, Mean, MeanMetric, Metric
from axon.metrics.confusion import ConfusionMatrix
from axon.metrics.packed import PackedMetric
from axon.metrics.precision import F1Score, Precision, Recall
from axon.metrics.regression import (
    MeanAbsoluteError,
    MeanSquaredError,
    R2Score,
    RootMeanSquaredError,
)
from axon.names import choose, missing

METRICS: dict[str, Callable[..., Metric]] = {
    "accuracy": Accuracy,
    "acc": Accuracy,
    "categorical_accuracy": Accuracy,
    "sparse_categorical_accuracy": Accuracy,
    "binary_accuracy": BinaryAccuracy,
    "top_k_categorical_accuracy": TopKCategoricalAccuracy,
    "sparse_top_k_categorical_accuracy": TopKCategoricalAccuracy,
    "precision": Precision,
    "recall": Recall,
    "f1_score": F1Score,
    "f1": F1Score,
    "auc": AUC,
    "roc_auc": AUC,
    "pr_auc": partial(AUC, curve="PR"),
    "mae": MeanAbsoluteError,
    "mean_absolute_error": MeanAbsoluteError,
    "mse": MeanSquaredError,
    "mean_squared_error": MeanSquaredError,
    "rmse": RootMeanSquaredError,
    "root_mean_squared_error": RootMeanSquaredError,
    "r2_score": R2Score,
    "r2": R2Score,
}

# which argument says where yes begins: 0.5 for probabilities, 0 for logits
THRESHOLDS: dict[Callable[..., Metric], str] = {
    BinaryAccuracy: "threshold",
    Precision: "thresholds",
    Recall: "thresholds",
    F1Score: "threshold",
}


def get(metric: "str | type[Metric] | Metric | Callable[..., Tensor]", loss: Loss) -> Metric:
    """Return a metric by its name; the right kind of accuracy is chosen from the loss.

    A function of (y_true, y_pred) becomes a mean of what it returns for each sample.

    Beside a binary loss of logits, or a hinge, what is yes begins at 0 instead of 0.5. Beside a
    ``PackedLoss``, a name means a ``PackedMetric``.

    Raises:
        ValueError: no such name; the nearest one is suggested.
        TypeError: neither a name nor a Metric.

    >>> from axon.losses import BinaryCrossEntropy
    >>> get("accuracy", BinaryCrossEntropy(from_logits=True))
    BinaryAccuracy(threshold=0.0)
    """
    table = {name: partial(_named, name, loss) for name in METRICS}
    expected = "a name or a Metric"
    return choose("metric", metric, table, Metric, expected, function=FunctionMetric)


def _named(name: str, loss: Loss) -> Metric:
    if isinstance(loss, PackedLoss):
        return PackedMetric(_named(name, loss.loss_of_each))
    make = METRICS[name]
    binary = loss.soft or isinstance(loss, Hinge | SquaredHinge)  # each output for itself
    options: dict[str, object] = {}
    if binary and name in ("accuracy", "acc"):
        make, options = BinaryAccuracy, {"name": "accuracy"}
    if binary and make in THRESHOLDS and loss.yes_from == 0:
        options[THRESHOLDS[make]] = 0.0
    return make(**options)


_ELSEWHERE = {
    "SparseCategoricalAccuracy": "Accuracy, which takes labels and one-hot rows",
    "CategoricalAccuracy": "Accuracy, which takes labels and one-hot rows",
}


def __getattr__(name: str) -> Any:
    raise missing(__name__, name, globals(), _ELSEWHERE)
