"""Hard sigmoid: straight lines in the place of sigmoid's curve."""

from typing import Any

from axon.backend import Array, constant, floating
from axon.bounds import rising
from axon.core import Tensor, TensorLike, primitive


@primitive(result=floating, over=(0,), bounds=rising(lambda x: min(max(x / 6 + 0.5, 0.0), 1.0)))
def hard_sigmoid(out: Array, x: Array, *, xp: Any) -> None:
    """relu6(x + 3) / 6: 0 up to -3, 1 from 3 on, straight in between.

    The derivative at -3 and at 3 is 0. Howard et al., "Searching for MobileNetV3" (2019).

    >>> hard_sigmoid(np.array([-4.0, 0.0, 1.5, 4.0]))
    array([0.  , 0.5 , 0.75, 1.  ])
    """
    xp.add(x, constant(3, out.dtype, xp), out=out)
    xp.maximum(out, constant(0, out.dtype, xp), out=out)
    xp.minimum(out, constant(6, out.dtype, xp), out=out)
    xp.divide(out, constant(6, out.dtype, xp), out=out)


@primitive(result=floating)
def hard_sigmoid_gradient(out: Array, g: Array, y: Array, *, xp: Any) -> None:
    """g / 6 where y = hard_sigmoid(x) lies between 0 and 1, else 0."""
    xp.subtract(1, y, out=out)
    xp.multiply(out, y, out=out)  # positive in between, and there alone
    xp.greater(out, 0, out=out)
    xp.divide(out, constant(6, out.dtype, xp), out=out)
    xp.multiply(out, g, out=out)


hard_sigmoid.gradient(lambda g, y, x: hard_sigmoid_gradient(g, y))
hard_sigmoid_gradient.gradient(lambda gg, z, g, y: hard_sigmoid_gradient(gg, y), None)


def hard_sigmoid_derivative(y: TensorLike) -> Tensor | Array:
    """Return the derivative in terms of the *output* y = hard_sigmoid(x): 1/6 where 0 < y < 1.

    >>> hard_sigmoid_derivative(hard_sigmoid(np.array([-4.0, 1.0]))).round(4)
    array([0.    , 0.1667])
    """
    return hard_sigmoid_gradient(1.0, y)
