"""The other elementary functions: logarithms and powers near 0 and 1, angles, hyperbolas."""

import math
from math import inf, pi
from typing import Any

from axon.backend import Array, floating
from axon.bounds import between, rising
from axon.core import Tensor, primitive
from axon.ops.elementwise import ANY, exp, sqrt


@primitive(result=floating, over=ANY, bounds=rising(lambda x: inf if x > 700 else math.expm1(x)))
def expm1(out: Array, x: Array, *, xp: Any) -> None:
    """e^x - 1, exact where x is near 0."""
    xp.expm1(x, out=out)


@primitive(result=floating, over=ANY, bounds=rising(lambda x: -inf if x <= -1 else math.log1p(x)))
def log1p(out: Array, x: Array, *, xp: Any) -> None:
    """log(1 + x), exact where x is near 0."""
    xp.log1p(x, out=out)


@primitive(result=floating, over=ANY)
def tan(out: Array, x: Array, *, xp: Any) -> None:
    """The tangent of an angle in radians."""
    xp.tan(x, out=out)


@primitive(result=floating, over=ANY, bounds=between(-pi / 2, pi / 2))
def arcsin(out: Array, x: Array, *, xp: Any) -> None:
    """The angle, from -pi / 2 to pi / 2, whose sine is x."""
    xp.arcsin(x, out=out)


@primitive(result=floating, over=ANY, bounds=between(0.0, pi))
def arccos(out: Array, x: Array, *, xp: Any) -> None:
    """The angle, from 0 to pi, whose cosine is x."""
    xp.arccos(x, out=out)


@primitive(result=floating, over=ANY, bounds=between(-pi / 2, pi / 2))
def arctan(out: Array, x: Array, *, xp: Any) -> None:
    """The angle, from -pi / 2 to pi / 2, whose tangent is x."""
    xp.arctan(x, out=out)


@primitive(result=floating, over=ANY, bounds=between(-pi, pi))
def arctan2(out: Array, y: Array, x: Array, *, xp: Any) -> None:
    """The angle, from -pi to pi, of the point (x, y): its tangent is y / x."""
    xp.arctan2(y, x, out=out)


@primitive(result=floating, over=ANY)
def sinh(out: Array, x: Array, *, xp: Any) -> None:
    """The hyperbolic sine (e^x - e^-x) / 2."""
    xp.sinh(x, out=out)


@primitive(result=floating, over=ANY)
def cosh(out: Array, x: Array, *, xp: Any) -> None:
    """The hyperbolic cosine (e^x + e^-x) / 2."""
    xp.cosh(x, out=out)


@primitive(result=floating, over=ANY)
def arcsinh(out: Array, x: Array, *, xp: Any) -> None:
    """The number whose hyperbolic sine is x."""
    xp.arcsinh(x, out=out)


@primitive(result=floating, over=ANY)
def arccosh(out: Array, x: Array, *, xp: Any) -> None:
    """The number, at least 0, whose hyperbolic cosine is x >= 1."""
    xp.arccosh(x, out=out)


@primitive(result=floating, over=ANY)
def arctanh(out: Array, x: Array, *, xp: Any) -> None:
    """The number whose hyperbolic tangent is x, between -1 and 1."""
    xp.arctanh(x, out=out)


def _beside(x: Tensor) -> Tensor:
    """sqrt(1 - x^2), where nothing cancels."""
    return sqrt((1.0 - x) * (1.0 + x))


expm1.gradient(lambda g, y, x: g * exp(x))
log1p.gradient(lambda g, y, x: g / (1.0 + x))
tan.gradient(lambda g, y, x: g * (1.0 + y * y))
arcsin.gradient(lambda g, y, x: g / _beside(x))
arccos.gradient(lambda g, y, x: -g / _beside(x))
arctan.gradient(lambda g, y, x: g / (1.0 + x * x))
arctan2.gradient(
    lambda g, z, y, x: g * x / (x * x + y * y), lambda g, z, y, x: -g * y / (x * x + y * y)
)
sinh.gradient(lambda g, y, x: g * cosh(x))
cosh.gradient(lambda g, y, x: g * sinh(x))
arcsinh.gradient(lambda g, y, x: g / sqrt(1.0 + x * x))
arccosh.gradient(lambda g, y, x: g / (sqrt(x - 1.0) * sqrt(x + 1.0)))
arctanh.gradient(lambda g, y, x: g / ((1.0 - x) * (1.0 + x)))
