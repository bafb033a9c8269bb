"""Samples of the metrics, each with a task: (loss, last activation, outputs, targets)."""

from axon import losses, metrics
from tests.samples.losses import LABELS, NUMBERS

YES = LABELS[:, None] % 2
BINARY, CLASSES, VALUES = (
    ("binary_crossentropy", "sigmoid", 1, YES),
    ("categorical_crossentropy", "softmax", 3, LABELS),
    ("mse", None, 3, NUMBERS),
)


def distance(y_true, y_pred):
    return abs(y_true - y_pred)


METRICS = [
    *((name, CLASSES) for name in ("accuracy", "categorical_accuracy")),
    *((name, BINARY) for name in ("accuracy", "binary_accuracy", "precision", "recall", "f1")),
    *((name, BINARY) for name in ("auc", "pr_auc")),
    *((name, VALUES) for name in ("mae", "mse", "rmse", "r2")),
    (lambda: metrics.TopKCategoricalAccuracy(2), CLASSES),
    (lambda: metrics.F1Score("macro"), CLASSES),
    (lambda: metrics.Precision(class_id=1), CLASSES),
    (lambda: metrics.Recall(average="weighted"), CLASSES),
    (lambda: metrics.ConfusionMatrix(3), CLASSES),
    (lambda: metrics.ConfusionMatrix(2), BINARY),
    (metrics.AUC, CLASSES),
    (lambda: metrics.get(distance, losses.get("mse")), VALUES),
]
