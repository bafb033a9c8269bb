"""Mean squared error: numbers that should come close to other numbers."""

from axon.core import Tensor
from axon.losses.base import Loss, over_features
from axon.ops import square


class MeanSquaredError(Loss):
    """L = (y_pred - y_true)^2, averaged over outputs and samples.

    ``y_true`` and ``y_pred`` have the same shape, (n,) or (n, outputs).

    >>> MeanSquaredError().loss([[1.0], [2.0]], [[1.0], [4.0]])
    2.0
    """

    name = "mean_squared_error"

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The squared error of each sample, averaged over its outputs."""
        return over_features(square(y_pred - y_true))
