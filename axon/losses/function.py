"""A function as a loss."""

from collections.abc import Callable
from typing import Any

import numpy as np

from axon.backend import Array, Shape
from axon.core import Tensor
from axon.losses.base import Loss, demand_no_broadcast, numbers, over_features
from axon.losses.slips import Slips


class FunctionLoss(Loss):
    """What ``compile(loss=function)`` makes of a function of (y_true, y_pred).

    Args:
        function: takes Tensors and returns what each sample costs, (n,) or (n, ...); further axes
            are averaged. Compute it with AXON's operations.

    >>> loss = FunctionLoss(lambda y, p: abs(p - y))
    >>> loss.loss([[1.0], [2.0]], [[1.5], [2.0]])
    0.25
    """

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor]) -> None:
        self.function = function
        self.name = getattr(function, "__name__", "loss")  # type: ignore[misc]

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Call the function."""
        with Slips(f"loss {self.name!r}", y_true, y_pred):
            cost: Any = self.function(y_true, y_pred)
        if not isinstance(cost, Tensor) or cost.shape[:1] != y_pred.shape[:1]:
            got = f"shape {cost.shape}" if isinstance(cost, Tensor) else type(cost).__name__
            raise ValueError(
                f"loss {self.name!r}: expected a Tensor with what each sample costs, shape "
                f"({len(y_pred)}, ...), got {got}. Leave the mean over the samples to AXON."
            )
        return over_features(cost)

    def targets(self, y_true: Any, output_shape: Shape) -> Array:
        """Any numbers, one or several for each sample: the function knows what it needs.

        Not (n,) for outputs (n, 1): what is computed of both would be (n, n).
        """
        given = numbers(self.name, y_true)
        demand_no_broadcast(f"loss {self.name!r}", given, output_shape)
        return given.astype(np.float32) if given.dtype.kind == "b" else given
