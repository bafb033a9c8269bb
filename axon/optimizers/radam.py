"""RAdam: Adam that waits until it knows how large gradients are, instead of a warm-up."""

from collections.abc import Callable
from typing import Unpack

from axon.backend import DType
from axon.checks import fraction, positive
from axon.core import Tensor
from axon.ops import maximum, sqrt, square, where
from axon.optimizers.base import Optimizer
from axon.optimizers.options import Options

SURE = 5.0  # from how many samples' worth on the variance is trusted


class RAdam(Optimizer):
    """Rectified Adam (Liu et al., "On the Variance of the Adaptive Learning Rate", 2020).

    rho = rho_inf - 2 t b2^t / (1 - b2^t), rho_inf = 2 / (1 - b2) - 1. Where rho > 5, Adam's step
    times sqrt((rho - 4)(rho - 2) rho_inf / ((rho_inf - 4)(rho_inf - 2) rho)); before that w <- w -
    rate m'.

    Args:
        learning_rate: the size of a step; a number or a schedule.
        beta_1: how slowly the mean of the gradients forgets, in [0, 1).
        beta_2: how slowly the mean of their squares forgets, in [0, 1).
        epsilon: keeps the division finite; larger than 0.
        options: weight decay, clipping and more, see ``Optimizer``.

    >>> RAdam()
    RAdam(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-07)
    """

    state_names = ("m", "v")

    def __init__(
        self,
        learning_rate: float | Callable[[int], float] = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.beta_1 = fraction("RAdam", "beta_1", beta_1)
        self.beta_2 = fraction("RAdam", "beta_2", beta_2)
        self.epsilon = positive("RAdam", "epsilon", epsilon)

    def per_step(self, dtype: DType) -> tuple[Tensor, ...]:
        """The factors of m over the root of v, and of m alone: one of the two is 0."""
        t, most = self.iterations, 2.0 / (1.0 - self.beta_2) - 1.0
        unbiased = 1.0 - self.beta_2**t
        rho = most - 2.0 * t * self.beta_2**t / unbiased
        sure = rho > SURE
        known = maximum(rho, SURE)  # so that no root is of a negative number
        share = (known - 4.0) * (known - 2.0) * most / ((most - 4.0) * (most - 2.0) * known)
        rate = self._rate / (1.0 - self.beta_1**t)
        adaptive = where(sure, rate * sqrt(maximum(share, 0.0) * unbiased), 0.0)
        return adaptive.astype(dtype), where(sure, 0.0, rate).astype(dtype)

    def rule(self, values: Tensor, gradients: Tensor, *rest: Tensor) -> None:
        """See above."""
        m, v, adaptive, plain = rest
        m.assign(m * self.beta_1 + gradients * (1.0 - self.beta_1))
        v.assign(v * self.beta_2 + square(gradients) * (1.0 - self.beta_2))
        values.assign(values - m * (adaptive / (sqrt(v) + self.epsilon) + plain))
