"""Sigmoid: squashes any number into (0, 1)."""

import math
from functools import cache
from typing import Any

import numpy as np

from axon.backend import Array, DType, constant, floating
from axon.bounds import rising
from axon.core import Tensor, TensorLike, primitive


@cache
def largest(dtype: DType) -> float:
    """The x for which e^-x is just above the smallest normal number, whose reciprocal is finite."""
    return float(-np.log(np.finfo(dtype).tiny)) - 0.005


@primitive(result=floating, over=(0,), flops=4, bounds=rising(lambda x: (1 + math.tanh(x / 2)) / 2))
def sigmoid(out: Array, x: Array, *, xp: Any) -> None:
    """1 / (1 + e^-x), accurate to rounding in both tails.

    Below about -87 (float32) e^-x would overflow, so x stops there: the result is then the smallest
    normal number, whose reciprocal is finite, and not 0: log(sigmoid(x)) stays finite.

    >>> sigmoid(np.array([-1.0, 0.0, 1.0])).round(4)
    array([0.2689, 0.5   , 0.7311])
    """
    xp.negative(x, out=out)
    xp.minimum(out, constant(largest(out.dtype), out.dtype, xp), out=out)
    xp.exp(out, out=out)
    xp.add(out, constant(1, out.dtype, xp), out=out)
    xp.reciprocal(out, out=out)


@primitive(result=floating, flops=3)
def sigmoid_gradient(out: Array, g: Array, y: Array, *, xp: Any) -> None:
    """g y (1 - y), where y = sigmoid(x)."""
    xp.subtract(1, y, out=out)
    xp.multiply(out, y, out=out)
    xp.multiply(out, g, out=out)


sigmoid.gradient(lambda g, y, x: sigmoid_gradient(g, y))
sigmoid_gradient.gradient(
    lambda gg, z, g, y: sigmoid_gradient(gg, y),
    lambda gg, z, g, y: gg * g * (1.0 - 2.0 * y),
)


def sigmoid_derivative(y: TensorLike) -> Tensor | Array:
    """Return the derivative in terms of the *output* y = sigmoid(x): y (1 - y).

    >>> float(sigmoid_derivative(sigmoid(0.0)))
    0.25
    """
    return sigmoid_gradient(1.0, y)
