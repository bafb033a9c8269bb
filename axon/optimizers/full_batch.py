"""Rprop, which looks at signs alone; and averaged gradient descent."""

from collections.abc import Callable, Sequence
from typing import Unpack

from axon.backend import DType
from axon.checks import demand, number, positive
from axon.core import Tensor
from axon.ops import maximum, minimum, sign, where
from axon.optimizers.base import Optimizer
from axon.optimizers.options import Options


class Rprop(Optimizer):
    """Resilient backpropagation (Riedmiller and Braun, 1993): for whole data sets in one batch.

    Each weight has a step of its own, which grows where its gradient keeps its sign and shrinks
    where it turns, in which case the weight waits for one update.

    Args:
        learning_rate: how large steps begin. Where it changes later, by a schedule or by
            ``multipliers``, steps are so many times as large.
        etas: what a step is multiplied by when the sign turns, and when it stays.
        step_sizes: the smallest and the largest step.
        options: clipping and more, see ``Optimizer``.

    >>> Rprop(0.01).etas
    (0.5, 1.2)
    """

    state_names = ("before", "step_size")

    def __init__(
        self,
        learning_rate: float | Callable[[int], float] = 0.01,
        etas: Sequence[float] = (0.5, 1.2),
        step_sizes: Sequence[float] = (1e-6, 50.0),
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.etas = _pair("etas", etas, 1.0)
        self.step_sizes = _pair("step_sizes", step_sizes, None)
        self._begin = positive("Rprop", "the first learning_rate", self.learning_rate)
        self.state_begins = {"step_size": self._begin}

    def rule(self, values: Tensor, gradients: Tensor, *rest: Tensor) -> None:
        """See above."""
        before, step, rate = rest
        turn = sign(gradients * before)
        factor = where(turn > 0.0, self.etas[1], where(turn < 0.0, self.etas[0], 1.0))
        least, most = self.step_sizes
        step.assign(maximum(minimum(step * factor.astype(step.dtype), most), least))
        moving = where(turn < 0.0, 0.0, gradients)
        values.assign(values - sign(moving) * step * (rate / self._begin))
        before.assign(moving)


class ASGD(Optimizer):
    """Averaged stochastic gradient descent (Polyak and Juditsky, 1992).

    w <- w (1 - lambd eta) - eta g, with eta = rate / (1 + lambd rate (t - 1))^alpha. The state
    ``averaged`` is the mean of the weights from update t0 on, which nobody reads: let ``use_ema``
    replace the weights by an average.

    Args:
        learning_rate: where the rate begins; a number or a schedule.
        lambd: how fast weights, and the rate, decay.
        alpha: the power by which the rate falls.
        t0: from which update on weights are averaged.
        options: weight decay, clipping and more, see ``Optimizer``.

    >>> ASGD(0.01).alpha
    0.75
    """

    state_names = ("averaged",)

    def __init__(
        self,
        learning_rate: float | Callable[[int], float] = 0.01,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.lambd, self.alpha = (
            number("ASGD", "lambd", lambd, 0),
            number("ASGD", "alpha", alpha, 0),
        )
        self.t0 = number("ASGD", "t0", t0, 0)

    def per_step(self, dtype: DType) -> tuple[Tensor, ...]:
        """The rate of this step, and the share of the new weights in their mean."""
        done = self.iterations - 1.0
        eta = self._rate / (1.0 + self._rate * self.lambd * done) ** self.alpha
        share = 1.0 / maximum(done - self.t0, 1.0)
        return eta.astype(dtype), share.astype(dtype)

    def rule(self, values: Tensor, gradients: Tensor, *rest: Tensor) -> None:
        """See above."""
        averaged, eta, share = rest
        values.assign(values * (1.0 - eta * self.lambd) - eta * gradients)
        averaged.assign(averaged + (values - averaged) * share)


def _pair(name: str, given: Sequence[float], between: float | None) -> tuple[float, float]:
    several = isinstance(given, list | tuple) and len(given) == 2
    given = given if several else (0.0, 0.0)
    low, high = (number("Rprop", f"{name}[{i}]", x, 0) for i, x in enumerate(given))
    fits = several and 0 < low <= high and (between is None or low < between < high)
    expected = "two numbers, the smaller one first" + (", on both sides of 1" if between else "")
    demand(fits, "Rprop", name, expected, given)
    return low, high
