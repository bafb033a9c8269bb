"""Mish: each number times the tanh of its softplus."""

from functools import cache
from math import inf
from typing import Any

import numpy as np

from axon.backend import Array, DType, constant, floating, like_result
from axon.bounds import between
from axon.core import Tensor, TensorLike, primitive
from axon.ops import exp, maximum, minimum

FAR = 800.0  # e^-800 is 0: whatever lies below -800 gives what -800 gives


@cache
def straight(dtype: DType) -> float:
    """An x from which mish(x) is x, in all digits, and at which e^2x does not yet overflow."""
    return float(np.log(np.finfo(dtype).max)) / 2 - 1.0


def _powers(t: Array, e: Array, m: Array, x: Array, xp: Any) -> None:
    """Fill t with x where it counts, e with e^t and m with e (e + 2), in which nothing overflows.

    Then tanh(softplus(x)) is m / (m + 2): no logarithm, and no difference.
    """
    xp.minimum(x, constant(straight(t.dtype), t.dtype, xp), out=t)
    xp.maximum(t, constant(-FAR, t.dtype, xp), out=t)
    xp.exp(t, out=e)
    xp.add(e, constant(2, t.dtype, xp), out=m)
    xp.multiply(m, e, out=m)


@primitive(result=floating, workspace=like_result(3), over=(0,), bounds=between(-0.31, inf))
def mish(out: Array, x: Array, *, xp: Any, workspace: list[Array]) -> None:
    """x tanh(log(1 + e^x)), which is x m / (m + 2), where e = e^x and m = e (e + 2).

    Misra, "Mish: A Self Regularized Non-Monotonic Activation Function" (2019).

    >>> mish(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.3034,  0.    ,  0.8651])
    """
    t, d, m = workspace
    _powers(t, d, m, x, xp)
    xp.add(m, constant(2, out.dtype, xp), out=d)
    xp.divide(m, d, out=m)
    xp.maximum(x, constant(-FAR, out.dtype, xp), out=out)
    xp.multiply(out, m, out=out)


@primitive(result=floating, workspace=like_result(3), over=(1,))
def mish_gradient(out: Array, g: Array, x: Array, *, xp: Any, workspace: list[Array]) -> None:
    """g (m / d + 4 x e (e + 1) / d^2), where e = e^x, m = e (e + 2) and d = m + 2."""
    t, e, m = workspace
    d, one, two, four = (out, *(constant(c, out.dtype, xp) for c in (1, 2, 4)))
    _powers(t, e, m, x, xp)
    xp.add(m, two, out=d)
    xp.divide(m, d, out=m)
    xp.multiply(t, e, out=t)
    xp.divide(t, d, out=t)
    xp.add(e, one, out=e)
    xp.divide(e, d, out=e)
    xp.multiply(t, e, out=t)
    xp.multiply(t, four, out=t)
    xp.add(m, t, out=out)
    xp.multiply(out, g, out=out)


def _bend(x: Tensor) -> Tensor:
    """The second derivative, 2 T' + x T'', where T = m / d; it is 0 in both tails."""
    x = maximum(minimum(x, straight(x.dtype)), -FAR)
    e = exp(x)
    d = e * e + 2.0 * e + 2.0
    q = e / d
    r = 2.0 * q * (e + 1.0)  # d' / d, at most 2: nothing grows faster than d, which is finite
    return (4.0 * r + 4.0 * x * (q * (2.0 * e + 1.0) - r * r)) / d


mish.gradient(lambda g, y, x: mish_gradient(g, x))
mish_gradient.gradient(
    lambda gg, z, g, x: mish_gradient(gg, x),
    lambda gg, z, g, x: gg * g * _bend(x),
)


def mish_derivative(x: TensorLike) -> Tensor | Array:
    """Return the derivative in terms of the *input* x: the output does not tell it.

    mish falls and rises again, so that two inputs share an output.

    >>> mish_derivative(np.array([-1.0, 0.0, 1.0])).round(4)
    array([0.0592, 0.6   , 1.049 ])
    """
    return mish_gradient(1.0, x)
