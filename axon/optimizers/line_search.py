"""How far to go along a direction: to where the loss has fallen, and its slope is flatter, too."""

from collections.abc import Callable
from math import inf, sqrt
from typing import NamedTuple

from axon.backend import Array

FALLS, FLATTENS = 1e-4, 0.9  # c1 and c2 of Wolfe's conditions, as quasi-Newton methods have them
LOOKS = 25  # at most
NEAR = 0.1  # of a bracket: so close to its ends is no new place, unless it was tried before


class LinePoint(NamedTuple):
    """What was seen at w + t d: the loss, its gradient, and its slope along d."""

    t: float
    loss: float
    gradient: Array
    slope: float


def strong_wolfe(
    look: Callable[[float], LinePoint], start: LinePoint, t: float, size: float, tolerance: float
) -> LinePoint:
    """A place along a direction that fulfils the strong Wolfe conditions, if one is found.

    loss(t) <= loss(0) + c1 t slope(0) and |slope(t)| <= -c2 slope(0) (Nocedal and Wright, 2006,
    algorithms 3.5 and 3.6, by cubic interpolation), with PyTorch's bounds and limits.

    Args:
        look: what there is at t.
        start: what there is at 0; its slope is negative.
        t: where to look first.
        size: of the largest number in the direction.
        tolerance: weights that change by less are as good as equal.

    >>> def parabola(t):
    ...     return LinePoint(t, (t - 1.0) ** 2, np.array([2 * (t - 1.0)]), 2 * (t - 1.0))
    >>> strong_wolfe(parabola, parabola(0.0), 3.0, 1.0, 1e-9).t
    1.0
    """
    a, b, looked = _bracket(look, start, t)
    if b is None:
        return a
    return _zoom(look, start, a, b, looked, size, tolerance)


def _falls(start: LinePoint, at: LinePoint) -> bool:
    """Whether the loss has fallen enough; a loss that is no number has not."""
    return at.loss <= start.loss + FALLS * at.t * start.slope


def _flat(start: LinePoint, at: LinePoint) -> bool:
    """Whether the slope is flat enough."""
    return abs(at.slope) <= -FLATTENS * start.slope


def _bracket(
    look: Callable[[float], LinePoint], start: LinePoint, t: float
) -> tuple[LinePoint, LinePoint | None, int]:
    """Go on, ever further, until a good place lies between two others; or one was met."""
    before, now = start, look(t)
    for count in range(LOOKS):
        if not _falls(start, now) or (count > 1 and now.loss >= before.loss):
            return before, now, count
        if _flat(start, now):
            return now, None, count
        if now.slope >= 0:
            return before, now, count
        bounds = now.t + 0.01 * (now.t - before.t), now.t * 10
        before, now = now, look(cubic(before, now, bounds))
    return start, now, LOOKS


def _zoom(
    look: Callable[[float], LinePoint],
    start: LinePoint,
    a: LinePoint,
    b: LinePoint,
    looked: int,
    size: float,
    tolerance: float,
) -> LinePoint:
    """Make the bracket smaller, keeping the better end, until that is good enough."""
    low, high = _ordered(a, b)
    stuck = False
    while looked < LOOKS and abs(high.t - low.t) * size >= tolerance:
        ends = min(low.t, high.t), max(low.t, high.t)
        t, stuck = _inside(cubic(low, high), ends, stuck)
        at, looked = look(t), looked + 1
        if not _falls(start, at) or at.loss >= low.loss:
            low, high = _ordered(low, at)
            continue
        if _flat(start, at):
            return at
        low, high = at, low if at.slope * (high.t - low.t) >= 0 else high
    return low


def _ordered(a: LinePoint, b: LinePoint) -> tuple[LinePoint, LinePoint]:
    """The one of the lower loss first; one that is no number is never lower."""
    return (b, a) if b.loss < a.loss else (a, b)


def _inside(t: float, ends: tuple[float, float], stuck: bool) -> tuple[float, bool]:
    """A place that is not too close to the ends for a second time."""
    least, most = ends
    near = NEAR * (most - least)
    if min(most - t, t - least) >= near:
        return t, False
    if not (stuck or t >= most or t <= least):
        return t, True
    return (most - near if abs(t - most) < abs(t - least) else least + near), False


def cubic(a: LinePoint, b: LinePoint, bounds: tuple[float, float] | None = None) -> float:
    """Where the cubic through two places, with their slopes, is lowest, within bounds.

    >>> places = [LinePoint(t, (t - 2.0) ** 2, np.zeros(1), 2 * (t - 2.0)) for t in (0.0, 5.0)]
    >>> cubic(*places)
    2.0
    """
    least, most = bounds or (min(a.t, b.t), max(a.t, b.t))
    bend = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = bend * bend - a.slope * b.slope
    if not 0 <= square < inf:  # also if something is no number
        return (least + most) / 2
    root = sqrt(square)
    left, right = (a, b) if a.t <= b.t else (b, a)
    below = right.slope - left.slope + 2 * root
    if not below:
        return (least + most) / 2
    lowest = right.t - (right.t - left.t) * ((right.slope + root - bend) / below)
    return min(max(lowest, least), most)
