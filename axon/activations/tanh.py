"""Hyperbolic tangent: squashes any number into (-1, 1)."""

import math
from typing import Any

from axon.backend import Array, floating
from axon.bounds import rising
from axon.core import Tensor, TensorLike, primitive


@primitive(result=floating, over=(0,), bounds=rising(math.tanh))
def tanh(out: Array, x: Array, *, xp: Any) -> None:
    """(e^x - e^-x) / (e^x + e^-x).

    >>> float(tanh(0.0))
    0.0
    """
    xp.tanh(x, out=out)


@primitive(result=floating, over=(1,), flops=3)
def tanh_gradient(out: Array, g: Array, y: Array, *, xp: Any) -> None:
    """g (1 - y^2), where y = tanh(x)."""
    xp.multiply(y, y, out=out)
    xp.subtract(1, out, out=out)
    xp.multiply(out, g, out=out)


tanh.gradient(lambda g, y, x: tanh_gradient(g, y))
tanh_gradient.gradient(
    lambda gg, z, g, y: tanh_gradient(gg, y),
    lambda gg, z, g, y: gg * g * (-2.0 * y),
)


def tanh_derivative(y: TensorLike) -> Tensor | Array:
    """Return the derivative in terms of the *output* y = tanh(x): 1 - y^2.

    >>> float(tanh_derivative(tanh(0.0)))
    1.0
    """
    return tanh_gradient(1.0, y)
