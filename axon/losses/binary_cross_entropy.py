"""Binary cross-entropy: yes or no, once per output."""

from typing import Any

from axon.activations import sigmoid
from axon.backend import Array, Shape
from axon.core import Tensor
from axon.losses.base import Loss, numbers, over_features, same_shape
from axon.losses.cross_entropy import (
    demand_probabilities,
    log_probability,
    logits_of,
    sigmoid_cross_entropy,
)


class BinaryCrossEntropy(Loss):
    """L = -y log p - (1 - y) log(1 - p), averaged over outputs and samples.

    Predictions that come out of sigmoid are computed from its logits by one fused primitive.

    Args:
        from_logits: the predictions are logits, not probabilities.

    ``y_true`` and ``y_pred`` have the same shape, (n,) or (n, outputs); targets lie in [0, 1].

    >>> BinaryCrossEntropy().loss([1, 0], [0.5, 0.25])  # (log 2 - log 0.75) / 2
    0.4904146...
    """

    name = "binary_cross_entropy"

    def __init__(self, from_logits: bool = False) -> None:
        self.from_logits = from_logits

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """-y log p - (1 - y) log(1 - p) of each sample, averaged over its outputs."""
        logits = y_pred if self.from_logits else logits_of(y_pred, sigmoid)
        if logits is not None:
            return over_features(sigmoid_cross_entropy(logits, y_true))
        demand_probabilities(self.name, y_pred, "sigmoid")
        yes, no = log_probability(y_pred), log_probability(1.0 - y_pred)
        return over_features(-(y_true * yes + (1.0 - y_true) * no))

    def targets(self, y_true: Any, output_shape: Shape) -> Array:
        """Targets between 0 and 1, of exactly the shape of the output."""
        given = same_shape(self.name, numbers(self.name, y_true), output_shape)
        wrong = (given < 0) | (given > 1)
        if wrong.any():
            raise ValueError(
                f"{self.name}: targets must lie between 0 and 1, got {given[wrong][0]}. "
                "For more than two classes use CategoricalCrossEntropy with softmax."
            )
        return given if given.dtype.kind == "f" else given.astype("float32")

    def config(self) -> dict[str, Any]:
        """The arguments that make this loss again, as JSON can hold them."""
        return {"from_logits": self.from_logits}
