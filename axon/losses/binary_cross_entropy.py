"""Binary cross-entropy: yes or no, once per output."""

from axon.activations import sigmoid
from axon.backend import Array, ArrayLike, Shape
from axon.core import Tensor
from axon.losses.base import numbers_of_shape, over_features
from axon.losses.cross_entropy import (
    CrossEntropy,
    log_probability,
    logits_of,
    sigmoid_cross_entropy,
    smoothed,
)


class BinaryCrossEntropy(CrossEntropy):
    """L = -y log p - (1 - y) log(1 - p), averaged over outputs and samples.

    Predictions that come out of sigmoid are computed from its logits by one fused primitive.

    Args:
        from_logits: the predictions are logits, not probabilities.
        label_smoothing: s from 0 to 1: targets become (1 - s) y + s / 2, less sure.

    ``y_true`` and ``y_pred`` have the same shape, (n,) or (n, outputs); targets lie in [0, 1].

    >>> BinaryCrossEntropy().loss([1, 0], [0.5, 0.25])  # (log 2 - log 0.75) / 2
    0.4904146...
    """

    name = "binary_cross_entropy"
    probabilities, logits = "numbers in [0, 1]", "logits of yes or no"
    soft = True

    def __init__(self, from_logits: bool = False, label_smoothing: float = 0.0) -> None:
        super().__init__(from_logits, label_smoothing)

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """-y log p - (1 - y) log(1 - p) of each sample, averaged over its outputs."""
        y_true = smoothed(y_true, self.label_smoothing, classes=2)
        return over_features(bernoulli(y_true, y_pred, self.from_logits))

    def targets(self, y_true: ArrayLike, output_shape: Shape) -> Array:
        """Targets between 0 and 1, of exactly the shape of the output."""
        return chances(self.name, y_true, output_shape)


def bernoulli(y_true: Tensor, y_pred: Tensor, from_logits: bool) -> Tensor:
    """-y log p - (1 - y) log(1 - p) of each output, from the logits if they are known."""
    logits = y_pred if from_logits else logits_of(y_pred, sigmoid)
    if logits is not None:
        return sigmoid_cross_entropy(logits, y_true)
    yes, no = log_probability(y_pred), log_probability(1.0 - y_pred)
    return -(y_true * yes + (1.0 - y_true) * no)


def chances(name: str, y_true: ArrayLike, output_shape: Shape) -> Array:
    """Targets between 0 and 1, of exactly the shape of the output."""
    given = numbers_of_shape(name, y_true, output_shape)
    wrong = (given < 0) | (given > 1)
    if wrong.any():
        raise ValueError(
            f"{name}: targets must lie between 0 and 1, got {given[wrong][0]}. "
            + (
                "Use (y + 1) / 2, or Hinge."
                if (abs(given) == 1).all()
                else "For more than two classes use CategoricalCrossEntropy with softmax."
            )
        )
    return given
