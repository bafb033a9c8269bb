"""Squared hinge: yes or no by a margin, without a corner."""

from axon.backend import Array, ArrayLike, Shape
from axon.core import Tensor
from axon.losses.base import Loss, over_features
from axon.losses.hinge import shortfall, sides
from axon.ops import square


class SquaredHinge(Loss):
    """L = max(1 - y y_pred, 0)^2, averaged over outputs and samples.

    ``y_true`` and ``y_pred`` have the same shape, (n,) or (n, outputs); targets are -1 and 1, or 0
    and 1, of which 0 is taken for -1.

    >>> SquaredHinge().loss([1, -1], [0.5, -2.0])  # (0.5^2 + 0) / 2
    0.125
    """

    name = "squared_hinge"
    yes_from = 0.0
    expects = "numbers of either sign"

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The square of what each sample lacks to the margin, averaged over its outputs."""
        return over_features(square(shortfall(y_true, y_pred)))

    def targets(self, y_true: ArrayLike, output_shape: Shape) -> Array:
        """-1 and 1, or 0 and 1, of exactly the shape of the output."""
        return sides(self.name, y_true, output_shape)
