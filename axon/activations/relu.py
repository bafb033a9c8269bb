"""Rectified linear unit: lets positive numbers pass and stops the others."""

from functools import cache
from typing import Any

from axon.backend import Array, DType, constant, floating
from axon.bounds import rising
from axon.core import Tensor, TensorLike, primitive

MANY = 2**14  # numbers: a part of an array that stays in the cache


@primitive(result=floating, over=(0,), bounds=rising(lambda x: max(x, 0.0)))
def relu(out: Array, x: Array, *, xp: Any) -> None:
    """max(x, 0); the derivative at 0 is 0.

    >>> relu(np.array([-2.0, 0.0, 3.0]))
    array([0., 0., 3.])
    """
    if out.size < MANY or not x.flags.c_contiguous:
        xp.maximum(x, constant(0, out.dtype, xp), out=out)
        return
    y, x, zero = out.reshape(-1), x.reshape(-1), zeros(out.dtype, xp)
    for start in range(0, y.size, MANY):  # two arrays are compared 3 times as fast as one with 0
        part = y[start : start + MANY]
        xp.maximum(x[start : start + MANY], zero[: part.size], out=part)


@cache
def zeros(dtype: DType, xp: Any) -> Array:
    """Return MANY zeros, made once."""
    array: Array = xp.zeros(MANY, dtype)
    return array


@primitive(result=floating, over=(1,))
def relu_gradient(out: Array, g: Array, y: Array, *, xp: Any) -> None:
    """g where y = relu(x) is positive, else 0."""
    xp.greater(y, constant(0, y.dtype, xp), out=out)
    xp.multiply(out, g, out=out)


relu.gradient(lambda g, y, x: relu_gradient(g, y))
relu_gradient.gradient(lambda gg, z, g, y: relu_gradient(gg, y), None)


def relu_derivative(y: TensorLike) -> Tensor | Array:
    """Return the derivative in terms of the *output* y = relu(x): 1 where y > 0, else 0.

    >>> relu_derivative(relu(np.array([-2.0, 3.0])))
    array([0., 1.])
    """
    return relu_gradient(1.0, y)
