"""What training makes small: the mean loss, as scikit-learn scales it, and the L2 penalty."""

from typing import Any

import numpy as np

from axon.backend import Array, Shape
from axon.core import Tensor
from axon.losses import Loss
from axon.modes import modes
from axon.ops import square
from axon.ops import sum as sum_of
from axon.parameter import Parameter


class Objective(Loss):
    """mean over rows of (scale L(y_true / spread, y_pred / spread)) + alpha / (2 rows) sum(W^2).

    The penalty is MLPClassifier's: alpha/2 times all squared weights, divided by the number of rows
    in the batch. It counts while training only, so that losses on other data are comparable.

    Args:
        inner: the loss L.
        scale: what it is multiplied by.
        kernels: the weights W that are kept small.
        alpha: how strongly.
        spread: (outputs,) what targets and predictions are divided by; None: by nothing.
    """

    def __init__(
        self,
        inner: Loss,
        scale: float,
        kernels: list[Parameter],
        alpha: float,
        spread: Array | None = None,
    ) -> None:
        self.inner, self.scale, self.kernels = inner, scale, kernels if alpha else []
        self.name = inner.name
        self.yes_from = inner.yes_from
        self.expects, self.soft = inner.expects, inner.soft  # type: ignore[misc]
        dtype = kernels[0].dtype if kernels else np.dtype(np.float32)
        self.factor = Tensor(np.zeros((), dtype))  # an array, which recorded programs follow
        self.alpha = alpha
        self.unit = None if spread is None else Tensor((1 / spread).astype(dtype))

    def weigh(self, rows: int, total: float) -> None:
        """Take note of how many rows these stand for: the penalty of a heavy row is divided."""
        self.factor.data[...] = 0.5 * self.alpha * rows / total

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The loss of each row, (n,), and its share of the penalty."""
        if self.unit is not None:
            y_true, y_pred = y_true * self.unit, y_pred * self.unit
        cost = self.inner.per_sample(y_true, y_pred)
        if self.scale != 1:
            cost = cost * self.scale
        if not self.kernels or not modes.training:
            return cost
        squares = sum_of(square(self.kernels[0]))
        for w in self.kernels[1:]:
            squares = squares + sum_of(square(w))
        return cost + squares * (self.factor * (1.0 / len(y_true)))

    def targets(self, y_true: Any, output_shape: Shape) -> Array:
        """What the loss makes of the targets."""
        return self.inner.targets(y_true, output_shape)
