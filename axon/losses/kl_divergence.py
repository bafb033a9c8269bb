"""Kullback-Leibler divergence: how far one distribution is from another."""

from axon.backend import Array, ArrayLike, Shape
from axon.core import Tensor
from axon.losses.base import Loss, demand_axis, numbers, over_features, same_shape
from axon.losses.categorical_cross_entropy import distributions, log_probabilities
from axon.losses.cross_entropy import log_probability


class KLDivergence(Loss):
    """L = sum_j y_j log(y_j / p_j), averaged over samples.

    Where predictions come out of softmax, their logarithms are computed from its logits. Kullback
    and Leibler, "On Information and Sufficiency" (1951).

    ``y_true`` and ``y_pred`` are distributions (n, size): each row adds up to 1.

    >>> KLDivergence().loss([[0.5, 0.5], [0.0, 1.0]], [[0.5, 0.5], [0.5, 0.5]])  # (0 + log 2) / 2
    0.3465735...
    """

    name = "kl_divergence"
    together = True
    expects = "rows that add up to 1"

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """sum_j y_j log(y_j / p_j) of each sample; further axes between are averaged."""
        beyond = log_probability(y_true) - log_probabilities(y_pred)
        return over_features((y_true * beyond).sum(axis=-1))

    def targets(self, y_true: ArrayLike, output_shape: Shape) -> Array:
        """Rows that add up to 1, of exactly the shape of the output."""
        given = numbers(self.name, y_true)
        demand_axis(self.name, output_shape, "distributions are compared")
        return distributions(self.name, same_shape(self.name, given, output_shape))
