"""Rectified linear unit: lets positive numbers pass and stops the others."""

from typing import Any

from axon.backend import Array, floating
from axon.core import primitive


@primitive(result=floating, over=(0,))
def relu(out: Array, x: Array, *, xp: Any) -> None:
    """max(x, 0); the derivative at 0 is 0.

    >>> relu(np.array([-2.0, 0.0, 3.0]))
    array([0., 0., 3.])
    """
    xp.maximum(x, 0, out=out)


@primitive(result=floating, over=(1,))
def relu_gradient(out: Array, g: Array, y: Array, *, xp: Any) -> None:
    """g where y = relu(x) is positive, else 0."""
    xp.greater(y, 0, out=out)
    xp.multiply(out, g, out=out)


relu.gradient(lambda g, y, x: relu_gradient(g, y))
relu_gradient.gradient(lambda gg, z, g, y: relu_gradient(gg, y), None)


def relu_derivative(y: Any) -> Any:
    """Return the derivative in terms of the *output* y = relu(x): 1 where y > 0, else 0.

    >>> relu_derivative(relu(np.array([-2.0, 3.0])))
    array([0., 1.])
    """
    return relu_gradient(1.0, y)
