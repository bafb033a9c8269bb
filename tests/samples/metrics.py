"""Samples of the metrics, each with a task: (loss, last activation, outputs, targets)."""

from axon import losses, metrics
from tests.samples.losses import HOT, LABELS, NUMBERS, SHARES

YES = LABELS[:, None] % 2
BINARY, CLASSES, VALUES = (
    ("binary_crossentropy", "sigmoid", 1, YES),
    ("categorical_crossentropy", "softmax", 3, LABELS),
    ("mse", None, 3, NUMBERS),
)
HOT_CLASSES = ("categorical_crossentropy", "softmax", 3, HOT)


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
    (lambda: metrics.Recall([0.2, 0.5]), BINARY),
    (lambda: metrics.Precision(top_k=2), CLASSES),
    (metrics.BinaryFocalCrossEntropy, BINARY),
    (metrics.CategoricalFocalCrossEntropy, CLASSES),
    ("huber", VALUES),
    (lambda: metrics.ConfusionMatrix(3), CLASSES),
    (lambda: metrics.ConfusionMatrix(2), BINARY),
    (metrics.AUC, CLASSES),
    *((name, BINARY) for name in ("balanced_accuracy", "binary_crossentropy", "binary_iou")),
    *((name, BINARY) for name in ("mcc", "cohen_kappa", "true_positives", "true_negatives")),
    *((name, BINARY) for name in ("false_positives", "fbeta_score")),
    (lambda: metrics.FalseNegatives([0.2, 0.5]), BINARY),
    *((name, CLASSES) for name in ("categorical_crossentropy", "categorical_hinge", "mcc")),
    *((name, VALUES) for name in ("cosine_similarity", "log_cosh", "mape")),
    *((name, VALUES) for name in ("concordance_correlation", "pearson_correlation")),
    *((name, VALUES) for name in ("explained_variance", "spearman_correlation")),
    ("msle", ("mse", "softplus", 1, YES)),
    ("poisson", ("mse", "softplus", 1, YES)),
    *((name, ("mse", None, 1, YES)) for name in ("hinge", "squared_hinge")),
    ("kl_divergence", ("categorical_crossentropy", "softmax", 3, SHARES)),
    (lambda: metrics.IoU(3, [0, 2], sparse_y_pred=False), CLASSES),
    (lambda: metrics.MeanIoU(3, sparse_y_pred=False), CLASSES),
    (lambda: metrics.OneHotIoU(3, [0, 2]), HOT_CLASSES),
    (lambda: metrics.OneHotMeanIoU(3), HOT_CLASSES),
    (lambda: metrics.SensitivityAtSpecificity(0.4), BINARY),
    (lambda: metrics.SpecificityAtSensitivity(0.4), BINARY),
    (lambda: metrics.PrecisionAtRecall(0.4), BINARY),
    (lambda: metrics.RecallAtPrecision(0.4, class_id=1), CLASSES),
    (lambda: metrics.get(distance, losses.get("mse")), VALUES),
]
# Their numbers are tried in tests/metrics/test_more.py, beside scikit-learn's.
MORE = {getattr(metrics, name) for name in metrics.HOMES} | {metrics.FBetaScore}
