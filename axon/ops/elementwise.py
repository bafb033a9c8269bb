"""Arithmetic and the elementary functions, element by element, with broadcasting as in NumPy."""

import math
from math import inf
from typing import Any

from axon.backend import Array, floating
from axon.bounds import (
    added,
    between,
    divided,
    even,
    larger,
    multiplied,
    negated,
    powered,
    rising,
    smaller,
    subtracted,
)
from axon.core import Tensor, primitive
from axon.ops.compare import where

ANY = (0, 1)  # one pass over the elements: the result may be written over either input


@primitive(over=ANY, bounds=added)
def add(out: Array, x: Array, y: Array, *, xp: Any) -> None:
    """x + y."""
    xp.add(x, y, out=out)


@primitive(over=ANY, bounds=subtracted)
def subtract(out: Array, x: Array, y: Array, *, xp: Any) -> None:
    """x - y."""
    xp.subtract(x, y, out=out)


@primitive(over=ANY, bounds=multiplied)
def multiply(out: Array, x: Array, y: Array, *, xp: Any) -> None:
    """x y."""
    xp.multiply(x, y, out=out)


@primitive(result=floating, over=ANY, bounds=divided)
def divide(out: Array, x: Array, y: Array, *, xp: Any) -> None:
    """x / y."""
    xp.divide(x, y, out=out)


@primitive(result=floating, over=ANY, bounds=powered)
def power(out: Array, x: Array, p: Array, *, xp: Any) -> None:
    """x^p, for x > 0, or for any x if p is whole."""
    xp.power(x, p, out=out)


@primitive(over=ANY, bounds=negated)
def negative(out: Array, x: Array, *, xp: Any) -> None:
    """-x."""
    xp.negative(x, out=out)


@primitive(over=ANY, bounds=even(abs))
def absolute(out: Array, x: Array, *, xp: Any) -> None:
    """|x|; the gradient at 0 is 0."""
    xp.absolute(x, out=out)


@primitive(over=ANY)
def sign(out: Array, x: Array, *, xp: Any) -> None:
    """-1, 0 or 1."""
    xp.sign(x, out=out)


@primitive(over=ANY, bounds=even(lambda x: x * x))
def square(out: Array, x: Array, *, xp: Any) -> None:
    """x^2."""
    xp.square(x, out=out)


@primitive(result=floating, over=ANY, bounds=rising(lambda x: math.sqrt(max(x, 0.0))))
def sqrt(out: Array, x: Array, *, xp: Any) -> None:
    """The square root of x."""
    xp.sqrt(x, out=out)


@primitive(result=floating, over=ANY, bounds=between(-1, 1))
def sin(out: Array, x: Array, *, xp: Any) -> None:
    """The sine of an angle in radians."""
    xp.sin(x, out=out)


@primitive(result=floating, over=ANY, bounds=between(-1, 1))
def cos(out: Array, x: Array, *, xp: Any) -> None:
    """The cosine of an angle in radians."""
    xp.cos(x, out=out)


@primitive(result=floating, over=ANY, bounds=rising(lambda x: inf if x > 700 else math.exp(x)))
def exp(out: Array, x: Array, *, xp: Any) -> None:
    """e^x."""
    xp.exp(x, out=out)


@primitive(result=floating, over=ANY, bounds=rising(lambda x: -inf if x <= 0 else math.log(x)))
def log(out: Array, x: Array, *, xp: Any) -> None:
    """The natural logarithm of x."""
    xp.log(x, out=out)


@primitive(over=ANY, bounds=larger)
def maximum(out: Array, x: Array, y: Array, *, xp: Any) -> None:
    """The larger of x and y; where they are equal, each receives half the gradient."""
    xp.maximum(x, y, out=out)


@primitive(over=ANY, bounds=smaller)
def minimum(out: Array, x: Array, y: Array, *, xp: Any) -> None:
    """The smaller of x and y; where they are equal, each receives half the gradient."""
    xp.minimum(x, y, out=out)


def _share(x: Tensor, y: Tensor) -> Tensor:
    """1 where x > y, 0 where x < y, a half where they are equal; x - y could overflow."""
    return 0.5 * (x > y) + 0.5 * (x >= y)


def _power_slope(x: Tensor, p: Tensor) -> Tensor:
    """p x^(p-1), and 0 (not 0/0) where p is 0."""
    return p * x ** (p - (p != 0.0).astype(p.dtype))


def _power_slope_p(g: Tensor, z: Tensor, x: Tensor, p: Tensor) -> Tensor:
    """g x^p log x, and 0 (not 0 times infinity) where x is 0."""
    return g * z * log(where(x == 0.0, 1.0, x))


add.gradient(lambda g, z, x, y: g, lambda g, z, x, y: g)
subtract.gradient(lambda g, z, x, y: g, lambda g, z, x, y: -g)
multiply.gradient(lambda g, z, x, y: g * y, lambda g, z, x, y: g * x)
divide.gradient(lambda g, z, x, y: g / y, lambda g, z, x, y: -g * z / y)
power.gradient(lambda g, z, x, p: g * _power_slope(x, p), _power_slope_p)
negative.gradient(lambda g, y, x: -g)
absolute.gradient(lambda g, y, x: g * sign(x))
sign.gradient(None)
square.gradient(lambda g, y, x: g * x * 2.0)
sqrt.gradient(lambda g, y, x: g * 0.5 / y)
exp.gradient(lambda g, y, x: g * y)
sin.gradient(lambda g, y, x: g * cos(x))
cos.gradient(lambda g, y, x: -g * sin(x))
log.gradient(lambda g, y, x: g / x)
maximum.gradient(lambda g, z, x, y: g * _share(x, y), lambda g, z, x, y: g * _share(y, x))
minimum.gradient(lambda g, z, x, y: g * _share(y, x), lambda g, z, x, y: g * _share(x, y))
