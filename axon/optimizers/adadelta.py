"""Adadelta: steps as large as those before them, whatever the unit of the gradients."""

from collections.abc import Callable
from typing import Unpack

from axon.checks import fraction, positive
from axon.core import Tensor
from axon.ops import sqrt, square
from axon.optimizers.base import Optimizer
from axon.optimizers.options import Options


class Adadelta(Optimizer):
    """Adadelta (Zeiler, 2012).

    s <- rho s + (1 - rho) g^2; d = g sqrt(e + epsilon) / sqrt(s + epsilon); w <- w - rate d;
    e <- rho e + (1 - rho) d^2.

    Args:
        learning_rate: what a step is multiplied by; the paper's is 1.0. A number or a schedule.
        rho: how slowly the means of the squares forget, in [0, 1).
        epsilon: keeps the division finite, and begins the steps; larger than 0.
        options: weight decay, clipping and more, see ``Optimizer``.

    >>> Adadelta(1.0)
    Adadelta(learning_rate=1.0, rho=0.95, epsilon=1e-07)
    """

    state_names = ("squares", "steps")

    def __init__(
        self,
        learning_rate: float | Callable[[int], float] = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.rho = fraction("Adadelta", "rho", rho)
        self.epsilon = positive("Adadelta", "epsilon", epsilon)

    def rule(self, values: Tensor, gradients: Tensor, *rest: Tensor) -> None:
        """See above."""
        squares, steps, rate = rest
        squares.assign(squares * self.rho + square(gradients) * (1.0 - self.rho))
        step = gradients * sqrt(steps + self.epsilon) / sqrt(squares + self.epsilon)
        values.assign(values - rate * step)
        steps.assign(steps * self.rho + square(step) * (1.0 - self.rho))
