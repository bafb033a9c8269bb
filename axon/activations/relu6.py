"""ReLU6: a rectified linear unit that stops at 6."""

from typing import Any

from axon.backend import Array, constant, floating
from axon.bounds import rising
from axon.core import Tensor, TensorLike, primitive


@primitive(result=floating, over=(0,), bounds=rising(lambda x: min(max(x, 0.0), 6.0)))
def relu6(out: Array, x: Array, *, xp: Any) -> None:
    """min(max(x, 0), 6); the derivative at 0 and at 6 is 0.

    Krizhevsky, "Convolutional Deep Belief Networks on CIFAR-10" (2010).

    >>> relu6(np.array([-2.0, 3.0, 8.0]))
    array([0., 3., 6.])
    """
    xp.maximum(x, constant(0, out.dtype, xp), out=out)
    xp.minimum(out, constant(6, out.dtype, xp), out=out)


@primitive(result=floating)
def relu6_gradient(out: Array, g: Array, y: Array, *, xp: Any) -> None:
    """g where y = relu6(x) lies between 0 and 6, else 0."""
    xp.subtract(6, y, out=out)
    xp.multiply(out, y, out=out)  # positive in between, and there alone
    xp.greater(out, 0, out=out)
    xp.multiply(out, g, out=out)


relu6.gradient(lambda g, y, x: relu6_gradient(g, y))
relu6_gradient.gradient(lambda gg, z, g, y: relu6_gradient(gg, y), None)


def relu6_derivative(y: TensorLike) -> Tensor | Array:
    """Return the derivative in terms of the *output* y = relu6(x): 1 where 0 < y < 6, else 0.

    >>> relu6_derivative(relu6(np.array([-2.0, 3.0, 8.0])))
    array([0., 1., 0.])
    """
    return relu6_gradient(1.0, y)
