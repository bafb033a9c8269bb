"""Binary focal cross-entropy: yes or no, where most answers are easy."""

import numpy as np

from axon.activations import sigmoid
from axon.backend import Array, ArrayLike, Shape
from axon.checks import between
from axon.core import Tensor
from axon.losses.base import over_features
from axon.losses.binary_cross_entropy import bernoulli, chances
from axon.losses.cross_entropy import CrossEntropy, logits_of, smoothed
from axon.ops import maximum


class BinaryFocalCrossEntropy(CrossEntropy):
    """L = (1 - p_t)^gamma (-y log p - (1 - y) log(1 - p)), averaged over outputs and samples.

    Here p_t = y p + (1 - y)(1 - p) is the probability given to what is true: what is predicted well
    hardly counts. Predictions that come out of sigmoid are computed from its logits. Lin et al.,
    "Focal Loss for Dense Object Detection" (2017).

    Args:
        gamma: how little the easy ones count; 0 is BinaryCrossEntropy.
        alpha: from 0 to 1; with ``apply_class_balancing`` yes counts alpha, no 1 - alpha.
        apply_class_balancing: use ``alpha``.
        from_logits: the predictions are logits, not probabilities.
        label_smoothing: s from 0 to 1: targets become (1 - s) y + s / 2, less sure.

    ``y_true`` and ``y_pred`` have the same shape, (n,) or (n, outputs); targets lie in [0, 1].

    >>> BinaryFocalCrossEntropy().loss([1, 0], [0.5, 0.5])  # log 2 / 4
    0.1732867...
    """

    name = "binary_focal_cross_entropy"
    probabilities, logits = "numbers in [0, 1]", "logits of yes or no"
    soft = True

    def __init__(
        self,
        *,
        gamma: float = 2.0,
        alpha: float = 0.25,
        apply_class_balancing: bool = False,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
    ) -> None:
        self.gamma = between(self.name, "gamma", gamma, 0, np.inf)
        self.alpha = between(self.name, "alpha", alpha, 0, 1)
        self.apply_class_balancing = apply_class_balancing
        super().__init__(from_logits, label_smoothing)

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The loss of each sample, averaged over its outputs."""
        y = smoothed(y_true, self.label_smoothing, classes=2)
        losses = self._doubt(y, y_pred) * bernoulli(y, y_pred, self.from_logits)
        if self.apply_class_balancing:
            losses = losses * (y * self.alpha + (1.0 - y) * (1.0 - self.alpha))
        return over_features(losses)

    def _doubt(self, y: Tensor, y_pred: Tensor) -> Tensor:
        """(1 - p_t)^gamma, where 1 - p_t = y (1 - p) + (1 - y) p."""
        logits = y_pred if self.from_logits else logits_of(y_pred, sigmoid)
        p, no = (y_pred, 1.0 - y_pred) if logits is None else (sigmoid(logits), sigmoid(-logits))
        return focus(y * no + (1.0 - y) * p, self.gamma)

    def targets(self, y_true: ArrayLike, output_shape: Shape) -> Array:
        """Targets between 0 and 1, of exactly the shape of the output."""
        return chances(self.name, y_true, output_shape)


def focus(doubt: Tensor, gamma: float) -> Tensor:
    """doubt^gamma; where there is no doubt the loss is 0, so that its slope there plays no part.

    It stops at the smallest normal number: for gamma < 1 the slope at 0 would be infinite.
    """
    return maximum(doubt, float(np.finfo(doubt.dtype).tiny)) ** gamma
