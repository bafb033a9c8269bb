"""Losses: how wrong a prediction is, as one number to be made small.

What most networks learn by is there at once, the rest when it is asked for.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from axon.config import Deserialize, serialize
from axon.core import Tensor
from axon.losses.base import FunctionLoss, Loss, numbers
from axon.losses.binary_cross_entropy import BinaryCrossEntropy, BinaryFocalCrossEntropy
from axon.losses.categorical_cross_entropy import (
    CategoricalCrossEntropy,
    CategoricalFocalCrossEntropy,
    CategoricalGeneralizedCrossEntropy,
)
from axon.losses.cosine_similarity import CosineSimilarity
from axon.losses.errors import Huber, LogCosh, MeanAbsoluteError, MeanSquaredError, SmoothL1
from axon.losses.hinge import Hinge, SquaredHinge
from axon.losses.kl_divergence import KLDivergence
from axon.losses.packed import PackedLoss
from axon.losses.poisson import Poisson
from axon.names import LateTable, choose, load, missing

if TYPE_CHECKING:
    from axon.losses.ctc import CTC
    from axon.losses.embeddings import Circle, CosineEmbedding, MarginRanking, TripletMargin
    from axon.losses.likelihood import NLL, GaussianNLL, PoissonNLL
    from axon.losses.margins import (
        CategoricalHinge,
        HingeEmbedding,
        MultiLabelMargin,
        MultiMargin,
        SoftMargin,
    )
    from axon.losses.overlap import Dice, Tversky
    from axon.losses.relative import (
        MeanAbsolutePercentageError,
        MeanSquaredLogarithmicError,
        Quantile,
    )

LATER = {  # file -> the losses in it, which are loaded when one of them is asked for
    "ctc": ("CTC",),
    "embeddings": ("Circle", "CosineEmbedding", "MarginRanking", "TripletMargin"),
    "likelihood": ("NLL", "GaussianNLL", "PoissonNLL"),
    "margins": (
        *("CategoricalHinge", "HingeEmbedding", "MultiLabelMargin", "MultiMargin", "SoftMargin"),
    ),
    "overlap": ("Dice", "Tversky"),
    "relative": ("MeanAbsolutePercentageError", "MeanSquaredLogarithmicError", "Quantile"),
}
HOMES = {name: home for home, names in LATER.items() for name in names}

_LOSSES: dict[str, type[Loss] | str] = {
    "binary_cross_entropy": BinaryCrossEntropy,
    "bce": BinaryCrossEntropy,
    "binary_crossentropy": BinaryCrossEntropy,
    "binary_focal_cross_entropy": BinaryFocalCrossEntropy,
    "binary_focal_crossentropy": BinaryFocalCrossEntropy,
    "categorical_cross_entropy": CategoricalCrossEntropy,
    "categorical_crossentropy": CategoricalCrossEntropy,
    "sparse_categorical_crossentropy": CategoricalCrossEntropy,
    "categorical_focal_cross_entropy": CategoricalFocalCrossEntropy,
    "categorical_focal_crossentropy": CategoricalFocalCrossEntropy,
    "categorical_generalized_cross_entropy": CategoricalGeneralizedCrossEntropy,
    "categorical_hinge": "CategoricalHinge",
    "circle": "Circle",
    "cosine_embedding": "CosineEmbedding",
    "cosine_similarity": CosineSimilarity,
    "ctc": "CTC",
    "dice": "Dice",
    "gaussian_nll": "GaussianNLL",
    "hinge": Hinge,
    "hinge_embedding": "HingeEmbedding",
    "huber": Huber,
    "kl_divergence": KLDivergence,
    "kld": KLDivergence,
    "log_cosh": LogCosh,
    "logcosh": LogCosh,
    "margin_ranking": "MarginRanking",
    "mean_absolute_error": MeanAbsoluteError,
    "mae": MeanAbsoluteError,
    "mean_absolute_percentage_error": "MeanAbsolutePercentageError",
    "mape": "MeanAbsolutePercentageError",
    "mean_squared_error": MeanSquaredError,
    "mse": MeanSquaredError,
    "mean_squared_logarithmic_error": "MeanSquaredLogarithmicError",
    "msle": "MeanSquaredLogarithmicError",
    "multi_label_margin": "MultiLabelMargin",
    "multi_margin": "MultiMargin",
    "nll": "NLL",
    "poisson": Poisson,
    "poisson_nll": "PoissonNLL",
    "quantile": "Quantile",
    "pinball": "Quantile",
    "smooth_l1": SmoothL1,
    "soft_margin": "SoftMargin",
    "squared_hinge": SquaredHinge,
    "triplet_margin": "TripletMargin",
    "tversky": "Tversky",
}
LOSSES: LateTable[type[Loss]] = LateTable(__name__, HOMES, _LOSSES)


def get(loss: "str | type[Loss] | Loss | Callable[..., Tensor]") -> Loss:
    """Return a loss by its name, AXON's or Keras's; a Loss is returned as it is.

    A function of (y_true, y_pred) becomes a loss, too: it returns what each sample costs.

    Raises:
        ValueError: no such name; the nearest one is suggested.

    >>> get("mse").name
    'mean_squared_error'
    """
    return choose("loss", loss, LOSSES, Loss, "a name or a Loss", function=FunctionLoss)


deserialize = Deserialize("loss", lambda: (*LOSSES.values(), PackedLoss), get)
PackedLoss.by_name = staticmethod(get)

_ELSEWHERE = {
    "SparseCategoricalCrossentropy": "CategoricalCrossEntropy, which takes labels, too",
    "SparseCategoricalCrossEntropy": "CategoricalCrossEntropy, which takes labels, too",
    "AdaptiveLogSoftmaxWithLoss": "CategoricalCrossEntropy(from_logits=True) for all classes",
    "BCELoss": "BinaryCrossEntropy",
    "BCEWithLogitsLoss": "BinaryCrossEntropy(from_logits=True)",
    "CosineEmbeddingLoss": "CosineEmbedding, of pairs (n, 2, size)",
    "CrossEntropyLoss": "CategoricalCrossEntropy(from_logits=True)",
    "CTCLoss": "CTC, of logits (n, steps, classes)",
    "GaussianNLLLoss": "GaussianNLL, of means and variances (n, 2)",
    "HingeEmbeddingLoss": "HingeEmbedding",
    "HuberLoss": "Huber",
    "KLDivLoss": "KLDivergence, of probabilities",
    "L1Loss": "MeanAbsoluteError",
    "LinearCrossEntropyLoss": "Dense(classes) and CategoricalCrossEntropy(from_logits=True)",
    "MarginRankingLoss": "MarginRanking, of pairs (n, 2)",
    "MSELoss": "MeanSquaredError",
    "MultiLabelMarginLoss": "MultiLabelMargin, of rows of 0 and 1",
    "MultiLabelSoftMarginLoss": "BinaryCrossEntropy(from_logits=True)",
    "MultiMarginLoss": "MultiMargin",
    "NLLLoss": "NLL",
    "PoissonNLLLoss": "PoissonNLL",
    "SmoothL1Loss": "SmoothL1",
    "SoftMarginLoss": "SoftMargin",
    "TripletMarginLoss": "TripletMargin, of (n, 3, size)",
    "TripletMarginWithDistanceLoss": "a Loss of your own, as TripletMargin is written",
}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise missing(__name__, name, {**globals(), **HOMES}, _ELSEWHERE)
    return globals().setdefault(name, load(__name__, HOMES, name))


def __dir__() -> list[str]:
    return sorted({*globals(), *HOMES})
