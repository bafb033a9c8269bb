"""Scaled exponential linear unit: keeps mean 0 and variance 1 from layer to layer."""

from typing import Any

from axon.activations.elu import bent, elu, one_more
from axon.backend import Array, constant, floating
from axon.core import primitive

ALPHA = 1.6732632423543772  # with SCALE: numbers of mean 0 and variance 1 come out as such
SCALE = 1.0507009873554805


@primitive(result=floating, workspace=one_more, over=(0,))
def selu(out: Array, x: Array, *, xp: Any, work: list[Array]) -> None:
    """scale elu(x, alpha), with alpha = 1.6733 and scale = 1.0507.

    Klambauer, Unterthiner, Mayr and Hochreiter, "Self-Normalizing Neural Networks" (2017).

    >>> selu(np.array([-1.0, 0.0, 2.0])).round(4)
    array([-1.1113,  0.    ,  2.1014])
    """
    elu.kernel(out, x, xp=xp, work=work, alpha=ALPHA)
    xp.multiply(out, constant(SCALE, out.dtype, xp), out=out)


@primitive(result=floating, workspace=one_more, over=(1,))
def selu_gradient(out: Array, g: Array, y: Array, *, xp: Any, work: list[Array]) -> None:
    """g scale where y = selu(x) is positive, else g (y + scale alpha)."""
    bent(out, y, SCALE, SCALE * ALPHA, work[0], xp)
    xp.multiply(out, g, out=out)


selu.gradient(lambda g, y, x: selu_gradient(g, y))
selu_gradient.gradient(
    lambda gg, z, g, y: selu_gradient(gg, y),
    lambda gg, z, g, y: gg * g * (y <= 0.0),
)


def selu_derivative(y: Any) -> Any:
    """Return the derivative in terms of the *output* y = selu(x).

    That is scale above 0, else y + scale alpha.

    >>> selu_derivative(selu(np.array([-1.0, 2.0]))).round(4)
    array([0.6468, 1.0507])
    """
    return selu_gradient(1.0, y)
