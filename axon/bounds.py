"""Between which numbers the result of a primitive lies, said by rules it declares.

A rule is handed what was asked, and for each input an operand. It returns ``Bounds``; what it does
not look at is not looked for. ``axon/losses/bounds.py`` goes back from a prediction, rule by rule.
"""

from collections.abc import Callable, Iterable
from math import inf
from typing import Any, NamedTuple, Protocol

from axon.backend import Shape


class Bounds(NamedTuple):
    """What a result is at least and at most.

    Attributes:
        low, high: the ends.
        exact: the ends can be reached, or come near to; if not, all that is known is "no further".
        by: in words, what made it so.
    """

    low: float
    high: float
    exact: bool = True
    by: str = ""


UNKNOWN = Bounds(-inf, inf, False)


class Asked(NamedTuple):
    """Which result it is about: its primitive's name, its shape, the metadata."""

    name: str
    shape: Shape
    meta: dict[str, Any]


class Bounded(Protocol):
    """What may be known of an input: its shape and bounds, and what it depends on."""

    @property
    def shape(self) -> Shape:
        """The size along each axis."""

    @property
    def bounds(self) -> Bounds:
        """Between which numbers it lies; found when it is asked for."""

    @property
    def learned(self) -> bool:
        """Whether it is a parameter, or another view of one."""

    @property
    def alone(self) -> bool:
        """Whether it depends on no other input."""


Rule = Callable[..., Bounds]  # of Asked and an Operand for each input


# ------------------------------------------------------------------------------------ functions


def rising(function: Callable[[float], float]) -> Rule:
    """Functions that keep the order of numbers, and so the ends.

    Args:
        function: of an end, which may be infinite.
    """

    def rule(asked: Asked, x: Bounded, *_: Bounded) -> Bounds:
        low, high, exact, _by = x.bounds
        return Bounds(function(low), function(high), exact, asked.name)

    return rule


def between(low: float, high: float) -> Rule:
    """Results that lie between two numbers, whatever comes in."""
    return lambda asked, *_: Bounds(low, high, True, asked.name)


def anything(by: str) -> Rule:
    """Primitives with weights: whatever comes in, anything can come out."""
    return lambda asked, *_: Bounds(-inf, inf, True, by)


def between_along_axis(low: float, high: float, single: float) -> Rule:
    """Functions of rows, which have but one value, ``single``, over a row of one number."""

    def rule(asked: Asked, x: Bounded, *_: Bounded) -> Bounds:
        if x.shape[asked.meta.get("axis", -1)] == 1:
            return Bounds(single, single, True, f"{asked.name} over a single output")
        return Bounds(low, high, True, asked.name)

    return rule


def product_of_weights(asked: Asked, *operands: Bounded) -> Bounds:
    """A product with something learned can give any number."""
    known = any(x.learned for x in operands)
    return Bounds(-inf, inf, True, "a linear layer") if known else UNKNOWN


# ------------------------------------------------------------------------------------ choosing


def same(asked: Asked, x: Bounded, *_: Bounded) -> Bounds:
    """Primitives that choose among the numbers of their first input, or average them."""
    return x.bounds


def any_of(asked: Asked, *operands: Bounded) -> Bounds:
    """Primitives that put their inputs together."""
    return _union([x.bounds for x in operands])


def either(asked: Asked, condition: Bounded, x: Bounded, y: Bounded) -> Bounds:
    """One of two, by a condition."""
    return any_of(asked, x, y)


def with_zeros(asked: Asked, x: Bounded) -> Bounds:
    """The numbers of an input, and zeros."""
    low, high, exact, by = x.bounds
    return Bounds(min(low, 0.0), max(high, 0.0), exact, by)


def _union(given: list[Bounds]) -> Bounds:
    low, high = min(b.low for b in given), max(b.high for b in given)
    return Bounds(low, high, all(b.exact for b in given), given[0].by)


# ------------------------------------------------------------------------------------ arithmetic


def _times(a: float, b: float) -> float:
    return 0.0 if 0.0 in (a, b) else a * b


def _anything(x: Bounds) -> bool:
    return x.exact and x.low == -x.high == -inf


def _joined(a: Bounded, b: Bounded, ends: Iterable[float]) -> Bounds:
    """The result of two inputs; two that were computed may depend on each other."""
    x, y = a.bounds, b.bounds
    anything = (_anything(x) and b.alone) or (_anything(y) and a.alone)
    exact = anything or (x.exact and y.exact and (a.alone or b.alone))
    low, high = ends
    return Bounds(low, high, exact, x.by or y.by)


def added(asked: Asked, a: Bounded, b: Bounded) -> Bounds:
    """x + y."""
    return _joined(a, b, (p + q for p, q in _pairs(a, b)))


def subtracted(asked: Asked, a: Bounded, b: Bounded) -> Bounds:
    """x - y."""
    x, y = a.bounds, b.bounds
    return _joined(a, b, (x.low - y.high, x.high - y.low))


def larger(asked: Asked, a: Bounded, b: Bounded) -> Bounds:
    """The larger of two."""
    return _joined(a, b, (max(pair) for pair in _pairs(a, b)))


def smaller(asked: Asked, a: Bounded, b: Bounded) -> Bounds:
    """The smaller of two."""
    return _joined(a, b, (min(pair) for pair in _pairs(a, b)))


def _pairs(a: Bounded, b: Bounded) -> Iterable[tuple[float, float]]:
    """The lower ends, and the upper ones."""
    x, y = a.bounds, b.bounds
    return ((x.low, y.low), (x.high, y.high))


def multiplied(asked: Asked, a: Bounded, b: Bounded) -> Bounds:
    """x y."""
    products = [_times(p, q) for p in a.bounds[:2] for q in b.bounds[:2]]
    return _joined(a, b, (min(products), max(products)))


def divided(asked: Asked, a: Bounded, b: Bounded) -> Bounds:
    """x / y, where y stays away from 0."""
    y = b.bounds
    if y.low <= 0 <= y.high or -inf in y or inf in y:
        return UNKNOWN
    quotients = [_times(p, q) for p in a.bounds[:2] for q in (1 / y.high, 1 / y.low)]
    return _joined(a, b, (min(quotients), max(quotients)))


def negated(asked: Asked, x: Bounded) -> Bounds:
    """-x."""
    low, high, exact, by = x.bounds
    return Bounds(-high, -low, exact, by)


def even(function: Callable[[float], float]) -> Rule:
    """Functions that are 0 at 0 and rise from there to both sides."""

    def rule(asked: Asked, x: Bounded) -> Bounds:
        low, high, exact, _by = x.bounds
        ends = (function(low), function(high))
        return Bounds(0.0 if low <= 0 <= high else min(ends), max(ends), exact, asked.name)

    return rule


def powered(asked: Asked, a: Bounded, b: Bounded) -> Bounds:
    """x^p, for x of at least 0 and a p that is known."""
    x, p = a.bounds, b.bounds
    if not b.alone or p.low != p.high or p.low < 0 or x.low < 0:
        return UNKNOWN
    return Bounds(x.low**p.low, x.high**p.low, x.exact, x.by)


def summed(asked: Asked, x: Bounded) -> Bounds:
    """The sum of as many numbers as a result is made of."""
    count = _size(x.shape) // max(_size(asked.shape), 1)
    low, high, exact, by = x.bounds
    exact = exact and (count == 1 or low == -high == -inf)
    return Bounds(_times(low, count), _times(high, count), exact, by)


def _size(shape: Shape) -> int:
    size = 1
    for n in shape:
        size *= n
    return size
