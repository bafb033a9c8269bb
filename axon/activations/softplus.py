"""Softplus: a rectified linear unit without the corner; always positive."""

import math
from typing import Any

from axon.backend import Array, constant, floating, like_result
from axon.bounds import rising
from axon.core import Tensor, TensorLike, primitive
from axon.ops import exp


@primitive(
    result=floating,
    workspace=like_result(1),
    over=(0,),
    bounds=rising(lambda x: x if x > 30 else math.log1p(math.exp(x))),
)
def softplus(out: Array, x: Array, *, xp: Any, workspace: list[Array]) -> None:
    """log(1 + e^x), computed as max(x, 0) + log(1 + e^-|x|), in which nothing overflows.

    Dugas et al., "Incorporating Second-Order Functional Knowledge for Better Option Pricing"
    (2000).

    >>> softplus(np.array([-1.0, 0.0, 1000.0])).round(4)
    array([3.133e-01, 6.931e-01, 1.000e+03])
    """
    xp.maximum(x, constant(0, out.dtype, xp), out=workspace[0])
    xp.absolute(x, out=out)
    xp.negative(out, out=out)
    xp.exp(out, out=out)
    xp.log1p(out, out=out)
    xp.add(out, workspace[0], out=out)


@primitive(result=floating, over=(1,))
def softplus_gradient(out: Array, g: Array, y: Array, *, xp: Any) -> None:
    """g (1 - e^-y), where y = softplus(x): that is g sigmoid(x)."""
    xp.negative(y, out=out)
    xp.expm1(out, out=out)
    xp.negative(out, out=out)
    xp.multiply(out, g, out=out)


softplus.gradient(lambda g, y, x: softplus_gradient(g, y))
softplus_gradient.gradient(
    lambda gg, z, g, y: softplus_gradient(gg, y),
    lambda gg, z, g, y: gg * g * exp(-y),
)


def softplus_derivative(y: TensorLike) -> Tensor | Array:
    """Return the derivative in terms of the *output* y = softplus(x): 1 - e^-y.

    >>> float(softplus_derivative(softplus(0.0)))
    0.5
    """
    return softplus_gradient(1.0, y)
