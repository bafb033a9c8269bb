"""Learning-rate schedules: the size of a step as a function of the number of updates made so far.

They run between steps, on plain numbers; recorded programs read the rate that they give. A function
of one's own may be asked ahead of its step, for some steps in one go: let it depend on the step
alone. Where it raises an error, the steps before are done, as if it had been asked one by one.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import ClassVar

from axon.checks import demand, fraction, integer, number, one_of, positive
from axon.config import Configurable
from axon.names import Choice, missing, remade

RATE = "initial_learning_rate"


class LearningRateSchedule(Configurable, ABC):
    """A learning rate that changes with the number of updates: ``Adam(CosineDecay(0.001, 5000))``.

    Subclasses write ``__call__``.

    >>> class Halving(LearningRateSchedule):
    ...     def __call__(self, step):
    ...         return 0.1 / 2 ** (step // 100)
    >>> Halving()(200)
    0.025
    """

    @abstractmethod
    def __call__(self, step: int) -> float:
        """The learning rate of the update that comes after ``step`` others; at least 0."""


class _Periods:
    """Arguments of what decays by a rate with each period of so many updates."""

    rate_check: ClassVar[Callable[[str, str, object], float]] = staticmethod(positive)

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
    ) -> None:
        owner = type(self).__name__
        self.initial_learning_rate = positive(owner, RATE, initial_learning_rate)
        self.decay_steps = integer(owner, "decay_steps", decay_steps)
        self.decay_rate = type(self).rate_check(owner, "decay_rate", decay_rate)
        self.staircase = bool(staircase)

    def periods(self, step: int) -> float:
        """How many have gone by, whole ones only on a staircase."""
        return step // self.decay_steps if self.staircase else step / self.decay_steps


class ExponentialDecay(_Periods, LearningRateSchedule):
    """rate = initial_learning_rate * decay_rate^(step / decay_steps).

    Args:
        initial_learning_rate: where it begins.
        decay_steps: after how many updates it has been multiplied by ``decay_rate``.
        decay_rate: the factor; larger than 0.
        staircase: change every ``decay_steps`` updates only.

    >>> ExponentialDecay(0.1, decay_steps=100, decay_rate=0.5)(200)
    0.025
    """

    def __call__(self, step: int) -> float:
        """The learning rate after ``step`` updates."""
        return float(self.initial_learning_rate * self.decay_rate ** self.periods(step))


class InverseTimeDecay(_Periods, LearningRateSchedule):
    """rate = initial_learning_rate / (1 + decay_rate * step / decay_steps).

    Args:
        initial_learning_rate: where it begins.
        decay_steps: the number of updates that counts as one period.
        decay_rate: how much the divisor grows with each period; at least 0.
        staircase: change every ``decay_steps`` updates only.

    >>> InverseTimeDecay(0.1, decay_steps=10, decay_rate=1.0)(30)
    0.025
    """

    rate_check = staticmethod(partial(number, least=0))

    def __call__(self, step: int) -> float:
        """The learning rate after ``step`` updates."""
        return self.initial_learning_rate / (1.0 + self.decay_rate * self.periods(step))


class PiecewiseConstantDecay(LearningRateSchedule):
    """One rate up to and including the first boundary, the next one up to the second, and so on.

    Args:
        boundaries: numbers of updates, increasing.
        values: the rates; one more than there are boundaries.

    >>> schedule = PiecewiseConstantDecay([100, 200], [0.1, 0.01, 0.001])
    >>> schedule(100), schedule(101), schedule(500)
    (0.1, 0.01, 0.001)
    """

    def __init__(self, boundaries: Sequence[int], values: Sequence[float]) -> None:
        owner = type(self).__name__
        self.boundaries = [integer(owner, "each boundary", b, least=0) for b in boundaries]
        self.values = [number(owner, "each value", v, 0) for v in values]
        if len(values) != len(boundaries) + 1:
            raise ValueError(
                f"{owner}: expected one value more than boundaries, got {len(values)} values and "
                f"{len(boundaries)} boundaries."
            )
        if any(a >= b for a, b in pairwise(self.boundaries)):
            raise ValueError(f"{owner}: boundaries must increase, got {self.boundaries}.")

    def __call__(self, step: int) -> float:
        """The learning rate after ``step`` updates."""
        return self.values[sum(step > b for b in self.boundaries)]


class PolynomialDecay(LearningRateSchedule):
    """rate = (initial - end) * (1 - step / decay_steps)^power + end; constant from then on.

    Args:
        initial_learning_rate: where it begins.
        decay_steps: after how many updates it has reached the end.
        end_learning_rate: where it ends.
        power: 1 is a straight line; larger falls faster at first.
        cycle: begin again at the end, each time towards the next multiple of ``decay_steps``.

    >>> PolynomialDecay(0.1, decay_steps=100, end_learning_rate=0.0)(75)
    0.025
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
    ) -> None:
        self.initial_learning_rate = positive("PolynomialDecay", RATE, initial_learning_rate)
        self.decay_steps = integer("PolynomialDecay", "decay_steps", decay_steps)
        self.end_learning_rate = number(
            "PolynomialDecay", "end_learning_rate", end_learning_rate, 0
        )
        self.power = positive("PolynomialDecay", "power", power)
        self.cycle = bool(cycle)

    def __call__(self, step: int) -> float:
        """The learning rate after ``step`` updates."""
        cycles = max(1, math.ceil(step / self.decay_steps)) if self.cycle else 1
        left = max(0.0, 1.0 - step / (self.decay_steps * cycles))
        span = self.initial_learning_rate - self.end_learning_rate
        return float(span * left**self.power + self.end_learning_rate)


class CosineDecay(LearningRateSchedule):
    """Half a cosine wave down to ``alpha`` times the rate, after an optional linear warm-up.

    rate = r * ((1 - alpha) * (1 + cos(pi * step / decay_steps)) / 2 + alpha), constant from then
    on (Loshchilov and Hutter, 2017). With a warm-up, r is ``warmup_target``, the rate climbs there
    from ``initial_learning_rate`` in ``warmup_steps`` updates, and the wave begins after them.

    Args:
        initial_learning_rate: where it begins.
        decay_steps: how many updates the decay takes.
        alpha: where it ends, as a share of r.
        warmup_target: where the warm-up ends; None for none.
        warmup_steps: how many updates the warm-up takes.

    >>> CosineDecay(0.1, decay_steps=100)(50)
    0.05
    >>> CosineDecay(0.0, 100, warmup_target=0.1, warmup_steps=10)(5)
    0.05
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        alpha: float = 0.0,
        *,
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ) -> None:
        owner = type(self).__name__
        self.initial_learning_rate = number(owner, RATE, initial_learning_rate, 0)
        self.decay_steps = integer(owner, "decay_steps", decay_steps)
        self.alpha = number(owner, "alpha", alpha, 0)
        self.warmup_steps = integer(owner, "warmup_steps", warmup_steps, least=0)
        if (warmup_target is None) != (not warmup_steps):
            raise ValueError(
                f"{owner}: warmup_target and warmup_steps belong together, got {warmup_target!r} "
                f"and {warmup_steps!r}. Give both, or neither."
            )
        given = warmup_target is not None
        self.warmup_target = number(owner, "warmup_target", warmup_target, 0) if given else None

    def __call__(self, step: int) -> float:
        """The learning rate after ``step`` updates."""
        rate = self.initial_learning_rate
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                return rate + (self.warmup_target - rate) * step / self.warmup_steps
            rate = self.warmup_target
        done = min(1.0, (step - self.warmup_steps) / self.decay_steps)
        return rate * _wave(done, 1.0, self.alpha)


class CosineDecayRestarts(LearningRateSchedule):
    """Cosine decay that begins again, in longer and longer periods (Loshchilov and Hutter, 2017).

    Args:
        initial_learning_rate: where it begins.
        first_decay_steps: how many updates the first period takes.
        t_mul: each period is this much longer than the one before; at least 1.
        m_mul: each period begins at this share of where the one before began.
        alpha: where a period ends, as a share of ``initial_learning_rate``.

    >>> schedule = CosineDecayRestarts(0.1, first_decay_steps=100)
    >>> schedule(50), schedule(100), schedule(200)
    (0.05, 0.1, 0.05)
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: int,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
    ) -> None:
        owner = type(self).__name__
        self.initial_learning_rate = positive(owner, RATE, initial_learning_rate)
        self.first_decay_steps = integer(owner, "first_decay_steps", first_decay_steps)
        self.t_mul = number(owner, "t_mul", t_mul, 0)
        demand(self.t_mul >= 1, owner, "t_mul", "at least 1", t_mul)
        self.m_mul = number(owner, "m_mul", m_mul, 0)
        self.alpha = number(owner, "alpha", alpha, 0)

    def __call__(self, step: int) -> float:
        """The learning rate after ``step`` updates."""
        period, done = self._place(step / self.first_decay_steps)
        wave = self.m_mul**period * _wave(done, 1.0, 0.0)
        return float(self.initial_learning_rate * ((1.0 - self.alpha) * wave + self.alpha))

    def _place(self, periods: float) -> tuple[int, float]:
        """The number of the period, and how much of it is over, from first periods gone by."""
        if self.t_mul == 1:
            return int(periods), periods % 1
        grown = self.t_mul - 1.0
        period = round(math.log1p(periods * grown) / math.log(self.t_mul))
        if (self.t_mul**period - 1.0) / grown > periods:  # the logarithm is rounded: it may be off
            period -= 1
        begun = (self.t_mul**period - 1.0) / grown
        return period, (periods - begun) / self.t_mul**period


class CosineLogarithmic(LearningRateSchedule):
    """Cosine waves that grow longer and longer, down to 0 at both ends ("coslog").

    rate = initial_learning_rate (1 - cos(2 pi log2(1 + (2^cycles - 1) step / decay_steps))) / 2, 0
    from then on (Holzmüller, Grinsztajn and Steinwart, "Better by default", 2024). The first of 4
    cycles takes 1/15 of the updates, the last one 8/15.

    Args:
        initial_learning_rate: the top of each wave.
        decay_steps: how many updates all of them take.
        cycles: how many waves.

    >>> schedule = CosineLogarithmic(0.1, decay_steps=150)
    >>> schedule(0), schedule(10), schedule(150), round(schedule(4), 3)
    (0.0, 0.0, 0.0, 0.1)
    """

    def __init__(self, initial_learning_rate: float, decay_steps: int, cycles: int = 4) -> None:
        owner = "CosineLogarithmic"
        self.initial_learning_rate = positive(owner, RATE, initial_learning_rate)
        self.decay_steps = integer(owner, "decay_steps", decay_steps)
        self.cycles = integer(owner, "cycles", cycles)

    def __call__(self, step: int) -> float:
        """The learning rate after ``step`` updates."""
        done = min(1.0, step / self.decay_steps)
        wave = math.log2(1.0 + (2.0**self.cycles - 1.0) * done)
        return self.initial_learning_rate * _wave(2.0 * (wave % 1.0), 0.0, 1.0)


class OneCycle(LearningRateSchedule):
    """Up to a high rate and down again to nearly nothing, once (Smith and Topin, 2018).

    From ``max_learning_rate / div_factor`` up in the first ``pct_start`` of the updates, then down
    to that divided by ``final_div_factor``.

    Args:
        max_learning_rate: the top.
        total_steps: how many updates it all takes; the rate is constant from then on.
        pct_start: the share of the updates on which it climbs, in [0, 1).
        anneal_strategy: "cos" for half waves, "linear" for straight lines.
        div_factor: the top divided by the beginning.
        final_div_factor: the beginning divided by the end.
        three_phase: come down to the beginning as fast as it went up, and only then to the end.

    >>> schedule = OneCycle(0.1, total_steps=101, pct_start=0.5, anneal_strategy="linear")
    >>> round(schedule(0), 6), round(schedule(100), 9)
    (0.004, 4e-07)
    """

    def __init__(
        self,
        max_learning_rate: float,
        total_steps: int,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
    ) -> None:
        self.max_learning_rate = positive("OneCycle", "max_learning_rate", max_learning_rate)
        self.total_steps = integer("OneCycle", "total_steps", total_steps)
        self.pct_start = fraction("OneCycle", "pct_start", pct_start)
        self.anneal_strategy = anneal_strategy
        self.div_factor = positive("OneCycle", "div_factor", div_factor)
        self.final_div_factor = positive("OneCycle", "final_div_factor", final_div_factor)
        self.three_phase = bool(three_phase)
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"OneCycle: anneal_strategy must be 'cos' or 'linear', got {anneal_strategy!r}."
            )
        if self.three_phase and self.pct_start > 0.5:
            raise ValueError(
                "OneCycle: with three_phase=True the rate comes down as long as it went up, so "
                f"pct_start must be at most 0.5, got {pct_start!r}."
            )

    def __call__(self, step: int) -> float:
        """The learning rate after ``step`` updates."""
        way = _wave if self.anneal_strategy == "cos" else _line
        phases = self._phases()
        for (begin, low), (end, high) in pairwise(phases):
            if step <= end and end > begin:
                return way((step - begin) / (end - begin), low, high)
        return phases[-1][1]

    def _phases(self) -> list[tuple[float, float]]:
        """Updates and the rates that are reached by them."""
        begin = self.max_learning_rate / self.div_factor
        top = self.pct_start * self.total_steps - 1.0
        down = [(2.0 * top, begin)] if self.three_phase else []
        end = (self.total_steps - 1.0, begin / self.final_div_factor)
        return [(0.0, begin), (top, self.max_learning_rate), *down, end]


class Linear(LearningRateSchedule):
    """A straight line from start_factor to end_factor times the rate; constant from then on.

    Args:
        initial_learning_rate: the rate that factors are of.
        decay_steps: how many updates the line takes.
        start_factor: where it begins; at least 0.
        end_factor: where it ends; at least 0.

    >>> Linear(0.1, decay_steps=10, start_factor=0.0)(5)
    0.05
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        start_factor: float = 1.0 / 3.0,
        end_factor: float = 1.0,
    ) -> None:
        self.initial_learning_rate = positive("Linear", RATE, initial_learning_rate)
        self.decay_steps = integer("Linear", "decay_steps", decay_steps)
        self.start_factor = number("Linear", "start_factor", start_factor, 0)
        self.end_factor = number("Linear", "end_factor", end_factor, 0)

    def __call__(self, step: int) -> float:
        """The learning rate after ``step`` updates."""
        done = min(1.0, step / self.decay_steps)
        return self.initial_learning_rate * _line(done, self.start_factor, self.end_factor)


class Cyclic(LearningRateSchedule):
    """Up and down between two rates, again and again (Smith, 2017).

    Args:
        base_learning_rate: the lowest.
        max_learning_rate: the highest.
        step_size_up: how many updates a climb takes.
        step_size_down: how many a descent takes; as many as a climb if None.
        mode: "triangular"; "triangular2", each cycle half as high as the one before; "exp_range",
            lower by ``gamma`` with each update.
        gamma: see there.

    >>> schedule = Cyclic(0.1, 0.2, step_size_up=10)
    >>> schedule(0), schedule(10), schedule(20)
    (0.1, 0.2, 0.1)
    """

    def __init__(
        self,
        base_learning_rate: float,
        max_learning_rate: float,
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
    ) -> None:
        self.base_learning_rate = number("Cyclic", "base_learning_rate", base_learning_rate, 0)
        self.max_learning_rate = positive("Cyclic", "max_learning_rate", max_learning_rate)
        self.step_size_up = integer("Cyclic", "step_size_up", step_size_up)
        down = step_size_up if step_size_down is None else step_size_down
        self.step_size_down = integer("Cyclic", "step_size_down", down)
        one_of("Cyclic", "mode", mode, ("triangular", "triangular2", "exp_range"))
        self.mode, self.gamma = mode, positive("Cyclic", "gamma", gamma)

    def __call__(self, step: int) -> float:
        """The learning rate after ``step`` updates."""
        cycle, place = divmod(step, self.step_size_up + self.step_size_down)
        climbing = place <= self.step_size_up
        fallen = (place - self.step_size_up) / self.step_size_down
        height = place / self.step_size_up if climbing else 1.0 - fallen
        scale = {"triangular": 1.0, "triangular2": 0.5**cycle, "exp_range": self.gamma**step}
        span = self.max_learning_rate - self.base_learning_rate
        return self.base_learning_rate + span * height * scale[self.mode]


class InTurn(LearningRateSchedule):
    """One schedule up to a milestone, the next one from there on, beginning anew, and so on.

    Args:
        schedules: two or more; numbers are rates that stay.
        milestones: how many updates have been made when each of the others begins; increasing.

    >>> schedule = InTurn([Linear(0.1, 10), ExponentialDecay(0.1, 5, 0.5)], [10])
    >>> schedule(10), schedule(15)
    (0.1, 0.05)
    """

    def __init__(self, schedules: Sequence[Choice | float], milestones: Sequence[int]) -> None:
        self.milestones = [integer("InTurn", "each milestone", m) for m in milestones]
        if len(schedules) != len(milestones) + 1 or len(schedules) < 2:
            raise ValueError(
                f"InTurn: expected one schedule more than milestones, got {len(schedules)} "
                f"schedules and {len(milestones)} milestones."
            )
        if any(a >= b for a, b in pairwise(self.milestones)):
            raise ValueError(f"InTurn: milestones must increase, got {self.milestones}.")
        self.schedules = [_fixed("InTurn", s) for s in schedules]

    def __call__(self, step: int) -> float:
        """The learning rate after ``step`` updates."""
        place = sum(step >= m for m in self.milestones)
        chosen, begun = self.schedules[place], [0, *self.milestones][place]
        return float(chosen(step - begun)) if callable(chosen) else chosen


class WarmUp(LearningRateSchedule):
    """Up from a low rate to where another schedule begins, in a straight line; then that one.

    Args:
        schedule: what follows; a number is a rate that stays.
        warmup_steps: how many updates the climb takes.
        initial_learning_rate: where it begins.

    >>> schedule = WarmUp(ExponentialDecay(0.1, 5, 0.5), warmup_steps=10)
    >>> schedule(0), schedule(5), schedule(10), schedule(15)
    (0.0, 0.05, 0.1, 0.05)
    """

    def __init__(
        self, schedule: Choice | float, warmup_steps: int, initial_learning_rate: float = 0.0
    ) -> None:
        self.schedule = _fixed("WarmUp", schedule)
        self.warmup_steps = integer("WarmUp", "warmup_steps", warmup_steps)
        self.initial_learning_rate = number("WarmUp", RATE, initial_learning_rate, 0)

    def __call__(self, step: int) -> float:
        """The learning rate after ``step`` updates."""
        after = max(0, step - self.warmup_steps)
        rate = float(self.schedule(after)) if callable(self.schedule) else self.schedule
        return _line(min(1.0, step / self.warmup_steps), self.initial_learning_rate, rate)


def _fixed(owner: str, given: Choice | float) -> Callable[[int], float] | float:
    """A schedule, or a rate that stays."""
    return (
        get(given)
        if isinstance(given, str | dict) or callable(given)
        else number(owner, "a rate", given, 0)
    )


def _wave(done: float, begin: float, end: float) -> float:
    """Half a cosine wave from ``begin`` to ``end``."""
    return end + (begin - end) * 0.5 * (1.0 + math.cos(math.pi * done))


def _line(done: float, begin: float, end: float) -> float:
    """A straight line from ``begin`` to ``end``."""
    return begin + (end - begin) * done


SCHEDULES: tuple[type[LearningRateSchedule], ...] = (
    ExponentialDecay,
    InverseTimeDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
    CosineDecay,
    CosineDecayRestarts,
    CosineLogarithmic,
    OneCycle,
    Linear,
    Cyclic,
    InTurn,
    WarmUp,
)


def get(schedule: Choice) -> Callable[[int], float]:
    """Return a schedule: one from its description, a function ``(step) -> rate`` as it is.

    Raises:
        TypeError: it is neither.

    >>> get(InverseTimeDecay(0.1, 10, 1.0).describe())(10)
    0.05
    >>> get(lambda step: 0.1)(7)
    0.1
    """
    if isinstance(schedule, dict):
        return remade("schedule", schedule, SCHEDULES)
    if not callable(schedule) or isinstance(schedule, type):
        raise TypeError(
            f"schedule: expected a function of the step number, such as CosineDecay(0.001, 5000), "
            f"got {schedule!r}."
        )
    return schedule


_ELSEWHERE = {
    "ChainedScheduler": "a function of one's own, the product of several",
    "ConstantLR": "PiecewiseConstantDecay",
    "CosineAnnealingLR": "CosineDecay",
    "CosineAnnealingWarmRestarts": "CosineDecayRestarts",
    "CyclicLR": "Cyclic",
    "ExponentialLR": "ExponentialDecay",
    "LambdaLR": "any function of the step",
    "LinearLR": "Linear",
    "MultiStepLR": "PiecewiseConstantDecay",
    "MultiplicativeLR": "any function of the step",
    "OneCycleLR": "OneCycle",
    "PolynomialLR": "PolynomialDecay",
    "ReduceLROnPlateau": "callbacks.ReduceLROnPlateau",
    "SequentialLR": "InTurn",
    "StepLR": "ExponentialDecay(staircase=True)",
}


def __getattr__(name: str) -> object:
    raise missing(__name__, name, globals(), _ELSEWHERE)
