"""Optimizers without a schedule: the average of all points is learned from, and is what stays."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Unpack

from axon.backend import DType
from axon.checks import demand, fraction, integer, positive
from axon.core import Tensor
from axon.modes import no_grad
from axon.ops import minimum, sqrt, square, where
from axon.optimizers.base import Optimizer
from axon.optimizers.options import Options
from axon.parameter import Parameter


class _ScheduleFree(Optimizer):
    """z takes the steps; x is the mean of all z; weights are y = (1 - b1) z + b1 x in training.

    When ``fit`` ends, weights become x and the state ``y`` keeps what they were; the next ``fit``
    goes on from there, bit for bit, but where weights were changed in between.
    """

    stands_alone: ClassVar[bool] = True
    state_begins: Mapping[str, float] = {}
    number_begins: ClassVar[Mapping[str, float]] = {"resting": 0.0}  # 1: weights are x
    beta_1: float
    warmup_steps: int

    def _states(self) -> dict[str, float | None]:
        """z begins where the weights do; y is what they were before they became x."""
        return {**super()._states(), "z": None, "y": 0.0}

    def _set(self, owner: str, beta_1: float, warmup_steps: int) -> None:
        self.beta_1 = fraction(owner, "beta_1", beta_1)
        demand(self.beta_1 > 0, owner, "beta_1", "larger than 0", beta_1)
        self.warmup_steps = integer(owner, "warmup_steps", warmup_steps, least=0)

    def _rate_now(self) -> Tensor:
        """The rate, which climbs in the first ``warmup_steps`` updates."""
        if not self.warmup_steps:
            return self._rate
        return self._rate * minimum(self.iterations / float(self.warmup_steps), 1.0)

    def _moved(self, y: Tensor, z: Tensor, step: Tensor, share: Tensor) -> None:
        """z <- z - step; x <- (1 - share) x + share z; y between the two."""
        x = self._mean(y, z)
        z.assign(z - step)
        mean = (1.0 - share) * x + share * z
        y.assign((1.0 - self.beta_1) * z + self.beta_1 * mean)

    @abstractmethod
    def rule(self, values: Tensor, gradients: Tensor, *rest: Tensor) -> None:
        """Update a stretch of values in place."""

    def build(
        self, parameters: Sequence[Parameter], names: Mapping[str, Parameter] | None = None
    ) -> None:
        """Take charge of these parameters; they become y again, if they are x."""
        super().build(parameters, names)
        if self.numbers["resting"].data:
            self._turn(self._awake)
            self.numbers["resting"].data[...] = 0.0

    def finalize(self) -> None:
        """At the end of training, weights become x."""
        super().finalize()
        if self.iterations.data and not self.numbers["resting"].data:
            self._turn(self._rest)
            self.numbers["resting"].data[...] = 1.0

    def _mean(self, y: Tensor, z: Tensor) -> Tensor:
        return (y - (1.0 - self.beta_1) * z) / self.beta_1

    def _rest(self, w: Tensor, z: Tensor, y: Tensor) -> None:
        """Let weights be x."""
        y.assign(w)
        w.assign(self._mean(w, z))

    def _awake(self, w: Tensor, z: Tensor, y: Tensor) -> None:
        """Let weights be what they were; of those changed since, what lies between them and z."""
        anew = (1.0 - self.beta_1) * z + self.beta_1 * w
        w.assign(where(w == self._mean(y, z), y, anew))

    def _turn(self, rule: Callable[[Tensor, Tensor, Tensor], None]) -> None:
        with no_grad():
            for group in self.groups:
                for p in (p for p in group.parameters if p.requires_grad):
                    place = p.start, p.start + p.size
                    kept = (group.kept(name, *place) for name in ("z", "y"))
                    rule(group.values(*place), *kept)


class ScheduleFreeSGD(_ScheduleFree):
    """Schedule-free gradient descent (Defazio et al., "The Road Less Scheduled", 2024).

    z <- z - rate g; x <- x + (z - x) / t; weights are (1 - b1) z + b1 x while training, x after it.

    Args:
        learning_rate: the size of a step, larger than SGD's.
        beta_1: how near to the mean gradients are taken, in (0, 1).
        warmup_steps: how many updates the rate climbs for.
        options: weight decay, clipping and more, see ``Optimizer``.

    >>> ScheduleFreeSGD(1.0).beta_1
    0.9
    """

    state_names = ("z",)

    def __init__(
        self,
        learning_rate: float | Callable[[int], float] = 1.0,
        beta_1: float = 0.9,
        warmup_steps: int = 0,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        self._set("ScheduleFreeSGD", beta_1, warmup_steps)

    def per_step(self, dtype: DType) -> tuple[Tensor, ...]:
        """The rate, and the share of the newest point in the mean."""
        return self._rate_now().astype(dtype), (1.0 / self.iterations).astype(dtype)

    def rule(self, values: Tensor, gradients: Tensor, *rest: Tensor) -> None:
        """See above."""
        z, rate, share = rest
        self._moved(values, z, rate * gradients, share)


class ScheduleFreeAdamW(_ScheduleFree):
    """Schedule-free AdamW (Defazio et al., "The Road Less Scheduled", 2024).

    v <- b2 v + (1 - b2) g^2; z <- z - rate g / (sqrt(v / (1 - b2^t)) + epsilon); x <- x + (z - x) /
    t; weights are (1 - b1) z + b1 x while training, x after it.

    Args:
        learning_rate: the size of a step.
        beta_1: how near to the mean gradients are taken, in (0, 1).
        beta_2: how slowly the mean of the squares forgets, in [0, 1).
        epsilon: keeps the division finite; larger than 0.
        warmup_steps: how many updates the rate climbs for.
        options: weight decay, clipping and more, see ``Optimizer``.

    >>> ScheduleFreeAdamW().learning_rate
    0.0025
    """

    state_names = ("z", "v")

    def __init__(
        self,
        learning_rate: float | Callable[[int], float] = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        warmup_steps: int = 0,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        self._set("ScheduleFreeAdamW", beta_1, warmup_steps)
        self.beta_2 = fraction("ScheduleFreeAdamW", "beta_2", beta_2)
        self.epsilon = positive("ScheduleFreeAdamW", "epsilon", epsilon)

    def per_step(self, dtype: DType) -> tuple[Tensor, ...]:
        """The rate, what corrects v for beginning with 0, and the share of the newest point."""
        t = self.iterations
        scalars = (self._rate_now(), 1.0 / (1.0 - self.beta_2**t), 1.0 / t)
        return tuple(x.astype(dtype) for x in scalars)

    def rule(self, values: Tensor, gradients: Tensor, *rest: Tensor) -> None:
        """See above."""
        z, v, rate, correction, share = rest
        v.assign(v * self.beta_2 + square(gradients) * (1.0 - self.beta_2))
        step = rate * gradients / (sqrt(v * correction) + self.epsilon)
        self._moved(values, z, step, share)
