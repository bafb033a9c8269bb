"""FTRL: follow the leader, who is regularized; weights that hardly matter become exactly 0."""

from collections.abc import Callable
from typing import Unpack

from axon.checks import demand, is_number, number
from axon.core import Tensor
from axon.ops import maximum, minimum, square
from axon.optimizers.base import Optimizer
from axon.optimizers.options import Options


class Ftrl(Optimizer):
    """FTRL-proximal (McMahan et al., "Ad Click Prediction: a View from the Trenches", 2013).

    n <- n + g^2; z <- z + g + 2 shrinkage w - (n_new^-p - n_old^-p) w / rate; w <- (clip(z, -l1,
    l1) - z) / (n^-p / rate + 2 l2 + beta / rate), with p the ``learning_rate_power``.

    Args:
        learning_rate: the size of a step; a number or a schedule.
        learning_rate_power: at most 0; 0 keeps the rate fixed.
        initial_accumulator_value: what n begins with; at least 0.
        l1_regularization_strength: what drives weights to 0.
        l2_regularization_strength: what keeps weights small.
        l2_shrinkage_regularization_strength: likewise, as a part of the gradient.
        beta: makes early steps smaller.
        options: clipping and more, see ``Optimizer``.

    >>> Ftrl(0.1).learning_rate_power
    -0.5
    """

    state_names = ("accumulator", "linear")

    def __init__(
        self,
        learning_rate: float | Callable[[int], float] = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        fits = is_number(learning_rate_power) and learning_rate_power <= 0
        demand(fits, "Ftrl", "learning_rate_power", "at most 0", learning_rate_power)
        self.learning_rate_power = float(learning_rate_power)
        begin = number("Ftrl", "initial_accumulator_value", initial_accumulator_value, 0)
        self.initial_accumulator_value, self.state_begins = begin, {"accumulator": begin}
        l1, l2, shrinkage = (
            number("Ftrl", name, value, 0)
            for name, value in (
                ("l1_regularization_strength", l1_regularization_strength),
                ("l2_regularization_strength", l2_regularization_strength),
                ("l2_shrinkage_regularization_strength", l2_shrinkage_regularization_strength),
            )
        )
        self.l1_regularization_strength, self.l2_regularization_strength = l1, l2
        self.l2_shrinkage_regularization_strength = shrinkage
        self.beta = number("Ftrl", "beta", beta, 0)

    def rule(self, values: Tensor, gradients: Tensor, *rest: Tensor) -> None:
        """See above."""
        accumulator, linear, rate = rest
        more = accumulator + square(gradients)
        power = -self.learning_rate_power
        new, old = more**power, maximum(accumulator, 0.0) ** power
        shrunk = gradients + values * (2.0 * self.l2_shrinkage_regularization_strength)
        linear.assign(linear + shrunk - (new - old) / rate * values)
        l1, l2 = self.l1_regularization_strength, self.l2_regularization_strength
        kept = maximum(minimum(linear, l1), -l1) - linear
        values.assign(kept / (new / rate + self.beta / rate + 2.0 * l2))
        accumulator.assign(more)
