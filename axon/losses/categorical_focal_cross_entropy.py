"""Categorical focal cross-entropy: one class out of several, where most samples are easy."""

from collections.abc import Sequence

import numpy as np

from axon.backend import Array, ArrayLike, Shape
from axon.checks import between
from axon.core import Tensor
from axon.losses.base import over_features
from axon.losses.binary_focal_cross_entropy import focus
from axon.losses.categorical_cross_entropy import classes_of, log_probabilities, one_hot
from axon.losses.cross_entropy import CrossEntropy, smoothed
from axon.ops import exp


class CategoricalFocalCrossEntropy(CrossEntropy):
    """L = -sum_j alpha (1 - p_j)^gamma y_j log p_j, averaged over samples.

    What is predicted well hardly counts. Where predictions come out of softmax, their logarithms
    are computed from its logits. Lin et al., "Focal Loss for Dense Object Detection" (2017).

    Args:
        alpha: how much a class counts, from 0 to 1: one number, or one for each class.
        gamma: how little the easy ones count; 0 is alpha times CategoricalCrossEntropy.
        from_logits: the predictions are logits, not probabilities.
        label_smoothing: s from 0 to 1: targets become (1 - s) y + s / classes, less sure.

    ``y_true`` is one-hot (n, classes) or whole-number labels (n,); ``y_pred`` is (n, classes).

    >>> CategoricalFocalCrossEntropy().loss([0, 1], [[0.5, 0.5], [0.5, 0.5]])  # log 2 / 16
    0.0433216...
    """

    name = "categorical_focal_cross_entropy"
    probabilities, logits = "rows that add up to 1", "logits of classes"
    together = True

    def __init__(
        self,
        *,
        alpha: float | Sequence[float] = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
    ) -> None:
        given = np.asarray(alpha, float)
        for one in given.ravel():
            between(self.name, "alpha", float(one), 0, 1)
        self.alpha = given.tolist()
        self.gamma = between(self.name, "gamma", gamma, 0, np.inf)
        super().__init__(from_logits, label_smoothing)

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The loss of each sample; further axes between are averaged."""
        y = smoothed(one_hot(y_true, y_pred), self.label_smoothing, y_pred.shape[-1])
        logarithms = log_probabilities(y_pred, self.from_logits)
        losses = focus(1.0 - exp(logarithms), self.gamma) * y * logarithms
        return over_features(-(losses * np.asarray(self.alpha)).sum(axis=-1))

    def targets(self, y_true: ArrayLike, output_shape: Shape) -> Array:
        """Labels as whole numbers, one-hot rows as floats."""
        given = classes_of(self.name, y_true, output_shape)
        if isinstance(self.alpha, list) and len(self.alpha) != output_shape[-1]:
            raise ValueError(
                f"{self.name}: alpha has {len(self.alpha)} numbers, but the model has "
                f"{output_shape[-1]} outputs. Give one for each class, or a single number."
            )
        return given
