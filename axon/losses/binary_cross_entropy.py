"""Binary cross-entropy: yes or no, once per output; and where most answers are easy."""

from collections.abc import Sequence
from typing import Unpack

import numpy as np

from axon.activations import sigmoid, softplus
from axon.backend import Array, ArrayLike, Shape
from axon.checks import between
from axon.core import Tensor
from axon.losses.base import LossOptions, numbers_of_shape, over_features
from axon.losses.cross_entropy import (
    CrossEntropy,
    demand_fitting,
    factors,
    focus,
    log_probability,
    logits_of,
    sigmoid_cross_entropy,
    smoothed,
)


class _Binary(CrossEntropy):
    """Each output, or its logit, is the probability of one yes."""

    probabilities, logits = "numbers in [0, 1]", "logits of yes or no"
    soft = True

    def targets(self, y_true: ArrayLike, output_shape: Shape) -> Array:
        """Targets between 0 and 1, of exactly the shape of the output."""
        given = numbers_of_shape(self.name, y_true, output_shape)
        wrong = (given < 0) | (given > 1)
        if wrong.any():
            raise ValueError(
                f"{self.name}: targets must lie between 0 and 1, got {given[wrong][0]}. "
                + (
                    "Use (y + 1) / 2, or Hinge."
                    if (abs(given) == 1).all()
                    else "For more than two classes use CategoricalCrossEntropy with softmax."
                )
            )
        return given


class BinaryCrossEntropy(_Binary):
    """L = -y log p - (1 - y) log(1 - p), averaged over outputs and samples.

    Predictions that come out of sigmoid are computed from its logits by one fused primitive.

    Args:
        from_logits: the predictions are logits, not probabilities.
        label_smoothing: s from 0 to 1: targets become (1 - s) y + s / 2, less sure.
        pos_weight: how much more a yes counts than a no: -y log p is multiplied by it; one number,
            or one for each output. Where yes is rare, noes / yeses.
        options: ``reduction`` and ``name``, see ``Loss``.

    ``y_true`` and ``y_pred`` have the same shape, (n,) or (n, outputs); targets lie in [0, 1].

    >>> BinaryCrossEntropy().loss([1, 0], [0.5, 0.25])  # (log 2 - log 0.75) / 2
    0.4904146...
    """

    name = "binary_cross_entropy"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        *,
        pos_weight: float | Sequence[float] | None = None,
        **options: Unpack[LossOptions],
    ) -> None:
        super().__init__(from_logits, label_smoothing, **options)
        self.pos_weight = factors(self.name, "pos_weight", pos_weight)

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """-y log p - (1 - y) log(1 - p) of each sample, averaged over its outputs."""
        y = smoothed(y_true, self.label_smoothing, classes=2)
        losses = bernoulli(y, y_pred, self.from_logits)
        if self.pos_weight is not None:
            more = np.asarray(self.pos_weight) - 1.0
            losses = losses + y * surprise(y_pred, self.from_logits) * more
        return over_features(losses)

    def targets(self, y_true: ArrayLike, output_shape: Shape) -> Array:
        """Targets between 0 and 1, of exactly the shape of the output."""
        demand_fitting(self.name, "pos_weight", self.pos_weight, output_shape)
        return super().targets(y_true, output_shape)


class BinaryFocalCrossEntropy(_Binary):
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
        options: ``reduction`` and ``name``, see ``Loss``.

    ``y_true`` and ``y_pred`` have the same shape, (n,) or (n, outputs); targets lie in [0, 1].

    >>> BinaryFocalCrossEntropy().loss([1, 0], [0.5, 0.5])  # log 2 / 4
    0.1732867...
    """

    name = "binary_focal_cross_entropy"

    def __init__(
        self,
        *,
        gamma: float = 2.0,
        alpha: float = 0.25,
        apply_class_balancing: bool = False,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        **options: Unpack[LossOptions],
    ) -> None:
        self.gamma = between(self.name, "gamma", gamma, 0, np.inf)
        self.alpha = between(self.name, "alpha", alpha, 0, 1)
        self.apply_class_balancing = apply_class_balancing
        super().__init__(from_logits, label_smoothing, **options)

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


def bernoulli(y_true: Tensor, y_pred: Tensor, from_logits: bool) -> Tensor:
    """-y log p - (1 - y) log(1 - p) of each output, from the logits if they are known."""
    logits = y_pred if from_logits else logits_of(y_pred, sigmoid)
    if logits is not None:
        return sigmoid_cross_entropy(logits, y_true)
    yes, no = log_probability(y_pred), log_probability(1.0 - y_pred)
    return -(y_true * yes + (1.0 - y_true) * no)


def surprise(y_pred: Tensor, from_logits: bool) -> Tensor:
    """-log p of each output, from the logits if they are known."""
    logits = y_pred if from_logits else logits_of(y_pred, sigmoid)
    return -log_probability(y_pred) if logits is None else softplus(-logits)
