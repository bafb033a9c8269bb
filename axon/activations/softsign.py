"""Softsign: squashes any number into (-1, 1), and reaches the ends slowly."""

from math import copysign, inf
from typing import Any

from axon.backend import Array, constant, floating
from axon.bounds import rising
from axon.core import Tensor, TensorLike, primitive
from axon.ops import absolute, sign


@primitive(
    result=floating,
    bounds=rising(lambda x: copysign(1.0, x) if abs(x) == inf else x / (1 + abs(x))),
)
def softsign(out: Array, x: Array, *, xp: Any) -> None:
    """x / (1 + |x|).

    Turian, Bergstra and Bengio, "Quadratic Features and Deep Architectures for Chunking" (2009).

    >>> softsign(np.array([-1.0, 0.0, 3.0]))
    array([-0.5 ,  0.  ,  0.75])
    """
    xp.absolute(x, out=out)
    xp.add(out, constant(1, out.dtype, xp), out=out)
    xp.divide(x, out, out=out)


@primitive(result=floating, over=(1,))
def softsign_gradient(out: Array, g: Array, y: Array, *, xp: Any) -> None:
    """g (1 - |y|)^2, where y = softsign(x)."""
    xp.absolute(y, out=out)
    xp.subtract(constant(1, out.dtype, xp), out, out=out)
    xp.multiply(out, out, out=out)
    xp.multiply(out, g, out=out)


softsign.gradient(lambda g, y, x: softsign_gradient(g, y))
softsign_gradient.gradient(
    lambda gg, z, g, y: softsign_gradient(gg, y),
    lambda gg, z, g, y: gg * g * -2.0 * (1.0 - absolute(y)) * sign(y),
)


def softsign_derivative(y: TensorLike) -> Tensor | Array:
    """Return the derivative in terms of the *output* y = softsign(x): (1 - |y|)^2.

    >>> float(softsign_derivative(softsign(1.0)))
    0.25
    """
    return softsign_gradient(1.0, y)
