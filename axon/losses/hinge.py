"""Yes or no by a margin, as in a support vector machine; squared, without a corner."""

import numpy as np

from axon.activations import relu
from axon.backend import Array, ArrayLike, Shape
from axon.core import Tensor
from axon.losses.base import Loss, numbers_of_shape, over_features
from axon.ops import square, where


class MarginLoss(Loss):
    """What outputs lack to the margin: predictions are numbers of either sign."""

    yes_from = 0.0
    expects = "numbers of either sign"

    def targets(self, y_true: ArrayLike, output_shape: Shape) -> Array:
        """-1 and 1, or 0 and 1, of exactly the shape of the output.

        Raises:
            ValueError: they are others.
        """
        return sides(self.name, numbers_of_shape(self.name, y_true, output_shape))


def sides(name: str, given: Array) -> Array:
    """Targets as they are, if they are -1 and 1, or 0 and 1.

    Raises:
        ValueError: they are others.
    """
    wrong = (given != 1) & (given != -1) & (given != 0)
    if wrong.any():
        raise ValueError(
            f"{name}: targets must be -1 and 1, or 0 and 1, got {given[wrong][0]}. For "
            "more than two classes use CategoricalCrossEntropy with softmax."
        )
    if np.any(given == -1) and np.any(given == 0):
        raise ValueError(f"{name}: targets must be -1 and 1, or 0 and 1, got both -1 and 0.")
    return given


class Hinge(MarginLoss):
    """L = max(1 - y y_pred, 0), averaged over outputs and samples; the gradient at the edge is 0.

    ``y_true`` and ``y_pred`` have the same shape, (n,) or (n, outputs); targets are -1 and 1, or 0
    and 1, of which 0 is taken for -1. Predictions are any numbers: end the model without an
    activation, or with tanh.

    >>> Hinge().loss([1, -1], [0.5, -2.0])  # (0.5 + 0) / 2
    0.25
    """

    name = "hinge"

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """What each sample lacks to the margin, averaged over its outputs."""
        return over_features(shortfall(y_true, y_pred))


class SquaredHinge(MarginLoss):
    """L = max(1 - y y_pred, 0)^2, averaged over outputs and samples.

    ``y_true`` and ``y_pred`` have the same shape, (n,) or (n, outputs); targets are -1 and 1, or 0
    and 1, of which 0 is taken for -1.

    >>> SquaredHinge().loss([1, -1], [0.5, -2.0])  # (0.5^2 + 0) / 2
    0.125
    """

    name = "squared_hinge"

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The square of what each sample lacks to the margin, averaged over its outputs."""
        return over_features(square(shortfall(y_true, y_pred)))


def shortfall(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """max(1 - y y_pred, 0), where y is 1 or -1."""
    return relu(1.0 - signs(y_true, y_pred) * y_pred)


def signs(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """1 for yes and -1 for no, in the type of the predictions."""
    return where(y_true > 0, 1.0, -1.0).astype(y_pred.dtype)
