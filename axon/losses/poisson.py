"""Poisson: counts, and the rates at which they are expected."""

from axon.backend import Array, ArrayLike, Shape
from axon.core import Tensor
from axon.losses.base import Loss, numbers_of_shape, over_features
from axon.losses.cross_entropy import log_probability


class Poisson(Loss):
    """L = y_pred - y log y_pred, averaged over outputs and samples.

    That is -log of the probability of the count y if y_pred are expected, but for a constant. A
    prediction of 0 costs y log of the smallest normal number, which is finite.

    ``y_true`` and ``y_pred`` have the same shape, (n,) or (n, outputs). Neither is negative: end
    the model with softplus.

    >>> Poisson().loss([[0.0], [2.0]], [[1.0], [1.0]])
    1.0
    """

    name = "poisson"
    expects = "numbers of 0 or more"

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """y_pred - y log y_pred of each sample, averaged over its outputs."""
        return over_features(y_pred - y_true * log_probability(y_pred))

    def targets(self, y_true: ArrayLike, output_shape: Shape) -> Array:
        """Counts of 0 or more, of exactly the shape of the output."""
        given = numbers_of_shape(self.name, y_true, output_shape)
        if (given < 0).any():
            raise ValueError(
                f"{self.name}: targets are counts, 0 or more, got {given[given < 0][0]}. For "
                "numbers of either sign use MeanSquaredError."
            )
        return given
