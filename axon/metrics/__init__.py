"""Metrics, which say how good a model is in terms that people care about.

Most are summed up inside the recorded step, in float64, and are exact over an epoch.
"""

import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from axon import losses
from axon.config import Deserialize, serialize
from axon.core import Tensor
from axon.losses import Loss, PackedLoss
from axon.losses.cross_entropy import CrossEntropy
from axon.metrics.accuracy import Accuracy, BinaryAccuracy, TopKCategoricalAccuracy
from axon.metrics.auc import AUC
from axon.metrics.base import Accumulator, FunctionMetric, Mean, MeanMetric, Metric
from axon.metrics.confusion import ConfusionMatrix
from axon.metrics.packed import PackedMetric
from axon.metrics.precision import F1Score, FBetaScore, Precision, Recall
from axon.metrics.regression import (
    MeanAbsoluteError,
    MeanSquaredError,
    R2Score,
    RootMeanSquaredError,
)
from axon.names import LateTable, choose, load, missing

if TYPE_CHECKING:
    from axon.metrics.agreement import BalancedAccuracy, CohenKappa, MatthewsCorrelation
    from axon.metrics.correlation import (
        ConcordanceCorrelation,
        ExplainedVariance,
        PearsonCorrelation,
        SpearmanCorrelation,
    )
    from axon.metrics.costs import (
        BinaryCrossEntropy,
        BinaryFocalCrossEntropy,
        CategoricalCrossEntropy,
        CategoricalFocalCrossEntropy,
        CategoricalHinge,
        CosineSimilarity,
        Huber,
        KLDivergence,
        LogCoshError,
        MeanAbsolutePercentageError,
        MeanSquaredLogarithmicError,
        Poisson,
        Sum,
    )
    from axon.metrics.overlap import BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU
    from axon.metrics.thresholds import (
        FalseNegatives,
        FalsePositives,
        PrecisionAtRecall,
        RecallAtPrecision,
        SensitivityAtSpecificity,
        SpecificityAtSensitivity,
        TrueNegatives,
        TruePositives,
    )

LATER = {  # file -> the metrics in it, which are loaded when one of them is asked for
    "agreement": ("BalancedAccuracy", "CohenKappa", "MatthewsCorrelation"),
    "correlation": (
        *("ConcordanceCorrelation", "ExplainedVariance", "PearsonCorrelation"),
        "SpearmanCorrelation",
    ),
    "costs": (
        *("BinaryCrossEntropy", "BinaryFocalCrossEntropy", "CategoricalCrossEntropy"),
        *("CategoricalFocalCrossEntropy", "CategoricalHinge", "CosineSimilarity", "Hinge", "Huber"),
        *("KLDivergence", "LogCoshError", "MeanAbsolutePercentageError"),
        *("MeanSquaredLogarithmicError", "Poisson", "SquaredHinge", "Sum"),
    ),
    "overlap": ("BinaryIoU", "IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU"),
    "thresholds": (
        *("FalseNegatives", "FalsePositives", "PrecisionAtRecall", "RecallAtPrecision"),
        *("SensitivityAtSpecificity", "SpecificityAtSensitivity", "TrueNegatives"),
        "TruePositives",
    ),
}
HOMES = {name: home for home, names in LATER.items() for name in names}

_METRICS: dict[str, Callable[..., Metric] | str] = {
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
    "balanced_accuracy": "BalancedAccuracy",
    "bce": "BinaryCrossEntropy",
    "binary_crossentropy": "BinaryCrossEntropy",
    "binary_focal_crossentropy": "BinaryFocalCrossEntropy",
    "binary_iou": "BinaryIoU",
    "categorical_crossentropy": "CategoricalCrossEntropy",
    "sparse_categorical_crossentropy": "CategoricalCrossEntropy",
    "categorical_focal_crossentropy": "CategoricalFocalCrossEntropy",
    "categorical_hinge": "CategoricalHinge",
    "cohen_kappa": "CohenKappa",
    "concordance_correlation": "ConcordanceCorrelation",
    "cosine_similarity": "CosineSimilarity",
    "explained_variance": "ExplainedVariance",
    "false_negatives": "FalseNegatives",
    "false_positives": "FalsePositives",
    "fbeta_score": FBetaScore,
    "hinge": "Hinge",
    "huber": "Huber",
    "kl_divergence": "KLDivergence",
    "kld": "KLDivergence",
    "log_cosh": "LogCoshError",
    "logcosh": "LogCoshError",
    "matthews_correlation": "MatthewsCorrelation",
    "mcc": "MatthewsCorrelation",
    "mape": "MeanAbsolutePercentageError",
    "mean_absolute_percentage_error": "MeanAbsolutePercentageError",
    "msle": "MeanSquaredLogarithmicError",
    "mean_squared_logarithmic_error": "MeanSquaredLogarithmicError",
    "pearson_correlation": "PearsonCorrelation",
    "poisson": "Poisson",
    "spearman_correlation": "SpearmanCorrelation",
    "squared_hinge": "SquaredHinge",
    "true_negatives": "TrueNegatives",
    "true_positives": "TruePositives",
}
METRICS: LateTable[Callable[..., Metric]] = LateTable(__name__, HOMES, _METRICS)

# which argument says where yes begins: 0.5 for probabilities, 0 for logits
THRESHOLDS: dict[Callable[..., Metric], str] = {
    BinaryAccuracy: "threshold",
    Precision: "thresholds",
    Recall: "thresholds",
    F1Score: "threshold",
    FBetaScore: "threshold",
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
    if isinstance(metric, str):
        _demand_a_name_will_do(metric)
    return choose("metric", metric, table, Metric, expected, function=FunctionMetric)


def _classes() -> list[type]:
    found = [globals().get(n) or load(__name__, HOMES, n) for n in (*HOMES, "Mean")]
    others = [m for m in METRICS.values() if isinstance(m, type)]
    return [*found, *others, ConfusionMatrix, PackedMetric]


deserialize = Deserialize("metric", _classes, lambda name: get(name, losses.get("mse")))


def _demand_a_name_will_do(metric: str) -> None:
    """Raise ValueError for a metric that has to be told more than its name, such as "MeanIoU"."""
    plain = metric.lower().replace("_", "")
    classes = {n.lower(): n for n in (*HOMES, "ConfusionMatrix")}
    if plain in classes and not any(plain == n.replace("_", "") for n in METRICS):
        from inspect import signature  # only an error pays for it

        name = classes[plain]
        takes = signature(getattr(sys.modules[__name__], name).__init__).parameters.values()
        first = ", ".join(f"{p.name}=..." for p in list(takes)[1:] if p.default is p.empty)
        raise ValueError(
            f"metric {metric!r} has to be told more than its name: pass "
            f"axon.metrics.{name}({first}) instead of the text."
        )


def _named(name: str, loss: Loss) -> Metric:
    if isinstance(loss, PackedLoss):
        return PackedMetric(_named(name, loss.loss_of_each))
    make = METRICS[name]
    each = loss.soft or isinstance(loss, losses.Hinge | losses.SquaredHinge)  # output for itself
    options: dict[str, object] = {}
    if (name == "bce" or name.endswith("_crossentropy")) and isinstance(loss, CrossEntropy):
        options["from_logits"] = loss.from_logits
    if each and name in ("accuracy", "acc"):
        make, options = BinaryAccuracy, {"name": "accuracy"}
    if each and make in THRESHOLDS and loss.yes_from == 0:
        options[THRESHOLDS[make]] = 0.0
    return make(**options)


_ELSEWHERE = {
    "SparseCategoricalAccuracy": "Accuracy, which takes labels and one-hot rows",
    "CategoricalAccuracy": "Accuracy, which takes labels and one-hot rows",
    "SparseCategoricalCrossentropy": "CategoricalCrossEntropy, which takes labels, too",
    "MeanMetricWrapper": "FunctionMetric",
    "RSquared": "R2Score",
}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise missing(__name__, name, {**globals(), **HOMES}, _ELSEWHERE)
    return globals().setdefault(name, load(__name__, HOMES, name))


def __dir__() -> list[str]:
    return sorted({*globals(), *HOMES})
