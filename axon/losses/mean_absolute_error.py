"""Mean absolute error: numbers that should come close to other numbers, outliers forgiven."""

from axon.core import Tensor
from axon.losses.base import Loss, over_features
from axon.ops import absolute


class MeanAbsoluteError(Loss):
    """L = |y_pred - y_true|, averaged over outputs and samples; the gradient at 0 is 0.

    ``y_true`` and ``y_pred`` have the same shape, (n,) or (n, outputs).

    >>> MeanAbsoluteError().loss([[1.0], [2.0]], [[1.0], [4.0]])
    1.0
    """

    name = "mean_absolute_error"

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The absolute error of each sample, averaged over its outputs."""
        return over_features(absolute(y_pred - y_true))
