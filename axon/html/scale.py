"""Axes of charts: which numbers are written beside them, and where a value lies."""

from collections.abc import Callable, Iterable
from math import ceil, floor, isfinite, log10

from axon.names import readable

Saying = Callable[[float], str]


def finite(values: Iterable[float]) -> list[float]:
    """Those that can be drawn."""
    return [v for v in values if isfinite(v)]


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers between two ends, about so many.

    >>> ticks(0.13, 0.92), ticks(0, 50_000, 4)
    ([0.2, 0.4, 0.6, 0.8], [0.0, 20000.0, 40000.0])
    """
    span = high - low
    if not span > 0:
        return [low]
    power = 10.0 ** floor(log10(span / count))
    step = next(power * f for f in (1, 2, 5, 10, 20) if span / (power * f) <= count)
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    digits = max(0, -floor(log10(step)))
    return [round(i * step, digits) for i in range(first, last + 1)]


def decades(low: float, high: float) -> list[float]:
    """Powers of ten between two ends; with fewer than two of them, other numbers, too.

    >>> decades(0.02, 30), decades(2, 9)
    ([0.1, 1.0, 10.0], [2.0, 5.0])
    """
    powers = [10.0**e for e in range(floor(log10(low)), ceil(log10(high)) + 1)]
    found = [p for p in powers if low <= p <= high]
    if len(found) > 1:
        return found[:: 1 + len(found) // 6]
    return [v for p in powers for v in (p, 2 * p, 5 * p) if low <= v <= high] or [low]


def plainly(value: float) -> str:
    """A number beside an axis, as short as it can be.

    >>> plainly(0.2), plainly(20000.0), plainly(0.0)
    ('0.2', '20,000', '0')
    """
    return f"{value:,.6g}" if 1000 <= abs(value) < 1e15 else readable(value)


class Scale:
    """One axis: from numbers to places.

    Args:
        values: what has to be seen.
        start, end: places of the smallest and the largest number.
        log: a logarithmic scale, if all are above 0.
        pad: a share of the span that is left free at both ends.
        say: what is written at a tick.
        given: the ends, instead of those of the values.

    >>> scale = Scale([0, 10], 0, 100)
    >>> scale(5), scale.ticks
    (50.0, [0.0, 5.0, 10.0])
    """

    def __init__(
        self,
        values: Iterable[float],
        start: float,
        end: float,
        log: bool = False,
        pad: float = 0.0,
        say: Saying = plainly,
        given: tuple[float, float] | None = None,
    ) -> None:
        found = list(given) if given else finite(values) or [0.0, 1.0]
        self.start, self.end, self.say = start, end, say
        self.log = log and min(found) > 0
        low, high = (self._of(v) for v in (min(found), max(found)))
        if high == low:
            wide = abs(low) / 2 or 0.5
            low, high = low - wide, high + wide
        self.low, self.high = low - pad * (high - low), high + pad * (high - low)

    def _of(self, value: float) -> float:
        return log10(value) if self.log else value

    def __call__(self, value: float) -> float:
        """The place of a number; at an end, if it lies beyond."""
        share = (self._of(value) - self.low) / (self.high - self.low)
        return self.start + min(max(share, -0.02), 1.02) * (self.end - self.start)

    @property
    def ticks(self) -> list[float]:
        """The numbers that are written."""
        if self.log:
            return decades(10**self.low, 10**self.high)
        return ticks(self.low, self.high, 6 if abs(self.end - self.start) > 150 else 4)

    @property
    def labels(self) -> list[tuple[float, str]]:
        """Places and what is written there."""
        return [(self(v), self.say(v)) for v in self.ticks]
