"""Scaled exponential linear unit: keeps mean 0 and variance 1 from layer to layer."""

from typing import Any

from axon.activations.elu import bent, elu
from axon.backend import Array, constant, floating, like_result
from axon.bounds import rising
from axon.core import Tensor, TensorLike, primitive

ALPHA = 1.6732632423543772  # with SCALE: numbers of mean 0 and variance 1 come out as such
SCALE = 1.0507009873554805


@primitive(
    result=floating,
    workspace=like_result(1),
    over=(0,),
    bounds=rising(lambda x: x if x > 0 else max(2 * x, -2.0)),
)
def selu(out: Array, x: Array, *, xp: Any, workspace: list[Array]) -> None:
    """scale elu(x, alpha), with alpha = 1.6733 and scale = 1.0507.

    Klambauer, Unterthiner, Mayr and Hochreiter, "Self-Normalizing Neural Networks" (2017).

    >>> selu(np.array([-1.0, 0.0, 2.0])).round(4)
    array([-1.1113,  0.    ,  2.1014])
    """
    elu.kernel(out, x, xp=xp, workspace=workspace, alpha=ALPHA)
    xp.multiply(out, constant(SCALE, out.dtype, xp), out=out)


@primitive(result=floating, workspace=like_result(1), over=(1,))
def selu_gradient(out: Array, g: Array, y: Array, *, xp: Any, workspace: list[Array]) -> None:
    """g scale where y = selu(x) is positive, else g (y + scale alpha)."""
    bent(out, y, SCALE, SCALE * ALPHA, workspace[0], xp)
    xp.multiply(out, g, out=out)


selu.gradient(lambda g, y, x: selu_gradient(g, y))
selu_gradient.gradient(
    lambda gg, z, g, y: selu_gradient(gg, y),
    lambda gg, z, g, y: gg * g * (y <= 0.0),
)


def selu_derivative(y: TensorLike) -> Tensor | Array:
    """Return the derivative in terms of the *output* y = selu(x).

    That is scale above 0, else y + scale alpha.

    >>> selu_derivative(selu(np.array([-1.0, 2.0]))).round(4)
    array([0.6468, 1.0507])
    """
    return selu_gradient(1.0, y)
