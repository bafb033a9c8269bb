"""SiLU, also called swish: each number times its own sigmoid."""

from math import inf
from typing import Any

from axon.activations.sigmoid import largest, sigmoid
from axon.backend import Array, constant, floating, like_result
from axon.bounds import between
from axon.core import Tensor, TensorLike, primitive
from axon.ops import absolute, minimum


@primitive(result=floating, workspace=like_result(1), over=(0,), bounds=between(-0.28, inf))
def silu(out: Array, x: Array, *, xp: Any, workspace: list[Array]) -> None:
    """x sigmoid(x) = x / (1 + e^-x).

    Below about -87 (float32) e^-x would overflow, so x stops there: the result is then -1e-36.
    Elfwing, Uchibe and Doya, "Sigmoid-Weighted Linear Units" (2017); Ramachandran, Zoph and Le,
    "Searching for Activation Functions" (2017).

    >>> silu(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.2689,  0.    ,  0.7311])
    """
    t = workspace[0]
    xp.maximum(x, constant(-largest(out.dtype), out.dtype, xp), out=t)
    xp.negative(t, out=out)
    xp.exp(out, out=out)
    xp.add(out, constant(1, out.dtype, xp), out=out)
    xp.divide(t, out, out=out)


@primitive(result=floating, workspace=like_result(2), over=(1,))
def silu_gradient(out: Array, g: Array, x: Array, *, xp: Any, workspace: list[Array]) -> None:
    """g s (1 + x (1 - s)), where s = sigmoid(x)."""
    t, rest = workspace
    one, end, start = (
        constant(c, out.dtype, xp) for c in (1, largest(out.dtype), -largest(out.dtype))
    )
    xp.minimum(x, end, out=t)
    xp.maximum(t, start, out=t)
    sigmoid.kernel(out, t, xp=xp)
    xp.subtract(one, out, out=rest)
    xp.multiply(t, rest, out=t)
    xp.add(t, one, out=t)
    xp.multiply(out, t, out=out)
    xp.multiply(out, g, out=out)


def _bend(x: Tensor) -> Tensor:
    """The second derivative, s (1 - s) (2 + x (1 - 2 s)): even, and 0 in both tails."""
    a = minimum(absolute(x), largest(x.dtype))
    s = sigmoid(-a)
    return s * (1.0 - s) * (2.0 - a * (1.0 - 2.0 * s))


silu.gradient(lambda g, y, x: silu_gradient(g, x))
silu_gradient.gradient(
    lambda gg, z, g, x: silu_gradient(gg, x),
    lambda gg, z, g, x: gg * g * _bend(x),
)
swish = silu


def silu_derivative(x: TensorLike) -> Tensor | Array:
    """Return the derivative in terms of the *input* x: the output does not tell it.

    silu falls and rises again, so that two inputs share an output. It is s (1 + x (1 - s)), where
    s = sigmoid(x).

    >>> silu_derivative(np.array([-1.0, 0.0, 1.0])).round(4)
    array([0.0723, 0.5   , 0.9277])
    """
    return silu_gradient(1.0, x)
