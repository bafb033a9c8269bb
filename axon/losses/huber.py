"""Huber loss: squared for small errors, absolute for large ones."""

from axon.checks import demand
from axon.core import Tensor
from axon.losses.base import Loss, over_features
from axon.ops import maximum, minimum


class Huber(Loss):
    """L = e^2 / 2 where |e| <= delta, else delta (|e| - delta / 2), with e = y_pred - y_true.

    Averaged over outputs and samples. Huber, "Robust Estimation of a Location Parameter" (1964).

    Args:
        delta: the error from which on the loss is a straight line.

    ``y_true`` and ``y_pred`` have the same shape, (n,) or (n, outputs).

    Raises:
        ValueError: delta is not positive.

    >>> Huber().loss([[1.0], [2.0]], [[2.0], [5.0]])  # (1 / 2 + 3 - 1 / 2) / 2
    1.5
    """

    name = "huber"

    def __init__(self, delta: float = 1.0) -> None:
        hint = " It is the error from which on the loss is a straight line, 1.0 by default."
        demand(delta > 0, self.name, "delta", "positive", delta, hint)
        self.delta = float(delta)

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The loss of each sample, averaged over its outputs."""
        e = y_pred - y_true
        c = maximum(minimum(e, self.delta), -self.delta)
        return over_features(c * (e - 0.5 * c))  # both pieces at once: no square of a large error
