"""Losses: how wrong a prediction is, as one number to be made small."""

from collections.abc import Callable
from typing import Any

from axon.core import Tensor
from axon.losses.base import FunctionLoss, Loss, numbers
from axon.losses.binary_cross_entropy import BinaryCrossEntropy, BinaryFocalCrossEntropy
from axon.losses.categorical_cross_entropy import (
    CategoricalCrossEntropy,
    CategoricalFocalCrossEntropy,
)
from axon.losses.cosine_similarity import CosineSimilarity
from axon.losses.errors import Huber, LogCosh, MeanAbsoluteError, MeanSquaredError
from axon.losses.hinge import Hinge, SquaredHinge
from axon.losses.kl_divergence import KLDivergence
from axon.losses.packed import PackedLoss
from axon.losses.poisson import Poisson
from axon.names import choose, missing

LOSSES: dict[str, type[Loss]] = {
    "binary_cross_entropy": BinaryCrossEntropy,
    "binary_crossentropy": BinaryCrossEntropy,
    "binary_focal_cross_entropy": BinaryFocalCrossEntropy,
    "binary_focal_crossentropy": BinaryFocalCrossEntropy,
    "categorical_cross_entropy": CategoricalCrossEntropy,
    "categorical_crossentropy": CategoricalCrossEntropy,
    "sparse_categorical_crossentropy": CategoricalCrossEntropy,
    "categorical_focal_cross_entropy": CategoricalFocalCrossEntropy,
    "categorical_focal_crossentropy": CategoricalFocalCrossEntropy,
    "cosine_similarity": CosineSimilarity,
    "hinge": Hinge,
    "huber": Huber,
    "kl_divergence": KLDivergence,
    "kld": KLDivergence,
    "log_cosh": LogCosh,
    "logcosh": LogCosh,
    "mean_absolute_error": MeanAbsoluteError,
    "mae": MeanAbsoluteError,
    "mean_squared_error": MeanSquaredError,
    "mse": MeanSquaredError,
    "poisson": Poisson,
    "squared_hinge": SquaredHinge,
}


def get(loss: "str | type[Loss] | Loss | Callable[..., Tensor]") -> Loss:
    """Return a loss by its name, AXON's or Keras's; a Loss is returned as it is.

    A function of (y_true, y_pred) becomes a loss, too: it returns what each sample costs.

    Raises:
        ValueError: no such name; the nearest one is suggested.

    >>> get("mse").name
    'mean_squared_error'
    """
    return choose("loss", loss, LOSSES, Loss, "a name or a Loss", function=FunctionLoss)


PackedLoss.by_name = staticmethod(get)

_ELSEWHERE = {
    "SparseCategoricalCrossentropy": "CategoricalCrossEntropy, which takes labels, too",
    "SparseCategoricalCrossEntropy": "CategoricalCrossEntropy, which takes labels, too",
    "CrossEntropyLoss": "CategoricalCrossEntropy(from_logits=True)",
    "BCEWithLogitsLoss": "BinaryCrossEntropy(from_logits=True)",
}


def __getattr__(name: str) -> Tensor:
    raise missing(__name__, name, globals(), _ELSEWHERE)
