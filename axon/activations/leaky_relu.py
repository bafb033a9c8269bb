"""Leaky ReLU: lets positive numbers pass, and a little of the others."""

from typing import Any

from axon.backend import Array, constant, floating
from axon.bounds import rising
from axon.core import Tensor, TensorLike, primitive


@primitive(result=floating, bounds=rising(lambda x: x))
def leaky_relu(out: Array, x: Array, *, xp: Any, negative_slope: float = 0.2) -> None:
    """max(x, negative_slope x); the derivative at 0 is ``negative_slope``, from 0 to 1.

    Maas, Hannun and Ng, "Rectifier Nonlinearities Improve Neural Network Acoustic Models" (2013).

    >>> leaky_relu(np.array([-2.0, 3.0]))
    array([-0.4,  3. ])
    >>> leaky_relu(np.array([-2.0, 3.0]), negative_slope=0.01)
    array([-0.02,  3.  ])
    """
    if not 0 <= negative_slope <= 1:
        raise ValueError(
            f"leaky_relu: negative_slope must lie between 0 and 1, got {negative_slope}. "
            "It is the slope below 0, as in leaky_relu(x, negative_slope=0.2)."
        )
    xp.multiply(x, constant(negative_slope, out.dtype, xp), out=out)
    xp.maximum(x, out, out=out)


@primitive(result=floating, over=(1,))
def leaky_relu_gradient(
    out: Array, g: Array, y: Array, *, xp: Any, negative_slope: float = 0.2
) -> None:
    """g where y = leaky_relu(x) is positive, else ``negative_slope`` g."""
    xp.greater(y, 0, out=out)
    xp.maximum(out, constant(negative_slope, out.dtype, xp), out=out)
    xp.multiply(out, g, out=out)


leaky_relu.gradient(lambda g, y, x, **slope: leaky_relu_gradient(g, y, **slope))
leaky_relu_gradient.gradient(
    lambda gg, z, g, y, **slope: leaky_relu_gradient(gg, y, **slope),
    None,
)


def leaky_relu_derivative(y: TensorLike, *, negative_slope: float = 0.2) -> Tensor | Array:
    """Return the derivative in terms of the *output* y = leaky_relu(x): 1 or ``negative_slope``.

    >>> leaky_relu_derivative(leaky_relu(np.array([-2.0, 3.0])))
    array([0.2, 1. ])
    """
    return leaky_relu_gradient(1.0, y, negative_slope=negative_slope)
