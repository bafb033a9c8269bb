"""Activations that are a line or two of others: no kernel, no gradient rule of their own."""

from math import isfinite
from typing import Any, TypeVar

import numpy as np

from axon.activations.elu import elu
from axon.activations.hard_sigmoid import hard_sigmoid
from axon.activations.sigmoid import sigmoid
from axon.activations.softmax import softmax
from axon.activations.softplus import softplus
from axon.activations.tanh import tanh
from axon.backend import Array
from axon.core import Tensor
from axon.ops.compare import where
from axon.ops.elementwise import absolute, exp, sign, sqrt, square
from axon.ops.reduce import max as ops_max
from axon.ops.reduce import sum as ops_sum

ENDS = -100.0  # where elu is -1 to the last digit
FAR = 1e9  # whose square float32 still holds: from here on sqrt(x^2 + b) is |x|


V = TypeVar("V", Tensor, Array)  # of a Tensor comes a Tensor, of an array or a list an array


def given(x: V) -> V:
    """A Tensor as it is; numbers and lists as an array."""
    return x if isinstance(x, Tensor) else np.asarray(x, None if isinstance(x, np.ndarray) else "f")


def celu(x: V, alpha: float = 1.0) -> V:
    """x above 0, alpha (e^(x / alpha) - 1) up to there; smooth for any ``alpha`` above 0.

    Barron, "Continuously Differentiable Exponential Linear Units" (2017).

    >>> celu(np.array([-1.0, 0.0, 2.0]), alpha=2.0).round(4)
    array([-0.7869,  0.    ,  2.    ])
    """
    if not alpha > 0:
        raise ValueError(f"celu: alpha must be greater than 0, got {alpha}.")
    x = given(x)
    below = hard_tanh(x, ENDS * alpha, 0.0) / alpha  # no further, where x / alpha may overflow
    return where(x >= 0.0, x, elu(below) * alpha)


def exponential(x: V) -> V:
    """e^x.

    >>> float(exponential(0.0))
    1.0
    """
    return exp(x)


def glu(x: V, axis: int = -1) -> V:
    """a sigmoid(b), where a and b are the two halves of x along ``axis``.

    Dauphin, Fan, Auli and Grangier, "Language Modeling with Gated Convolutional Networks" (2017).

    >>> glu(np.array([1.0, 2.0, 0.0, 0.0]))
    array([0.5, 1. ])
    """
    x = given(x)
    if not -x.ndim <= axis < x.ndim or x.shape[axis] % 2:
        raise ValueError(
            f"glu: expected an even number along axis {axis}, got shape {x.shape}. The second "
            "half of the numbers there decides how much of the first passes."
        )
    half = x.shape[axis] // 2
    before: tuple[Any, ...] = (slice(None),) * (axis % x.ndim)
    return x[(*before, slice(half))] * sigmoid(x[(*before, slice(half, None))])


def hard_shrink(x: V, threshold: float = 0.5) -> V:
    """x where it lies further from 0 than ``threshold``, else 0.

    >>> hard_shrink(np.array([-1.0, 0.3, 2.0]))
    array([-1.,  0.,  2.])
    """
    x = given(x)
    return where(absolute(x) > threshold, x, 0.0)


def soft_shrink(x: V, threshold: float = 0.5) -> V:
    """x brought nearer to 0 by ``threshold``; 0 where it lies nearer than that.

    >>> soft_shrink(np.array([-1.0, 0.3, 2.0]))
    array([-0.5,  0. ,  1.5])
    """
    if not 0 <= threshold or not isfinite(threshold):
        raise ValueError(f"soft_shrink: threshold must be 0 or more, got {threshold}.")
    x = given(x)
    return where(absolute(x) > threshold, x - sign(x) * threshold, 0.0)


def tanh_shrink(x: V) -> V:
    """x - tanh(x).

    >>> float(tanh_shrink(0.0))
    0.0
    """
    x = given(x)
    return x - tanh(x)


def hard_silu(x: V) -> V:
    """x hard_sigmoid(x); ``hard_swish`` is the same.

    Howard et al., "Searching for MobileNetV3" (2019).

    >>> hard_silu(np.array([-4.0, 0.0, 3.0]))
    array([-0.,  0.,  3.])
    """
    x = given(x)
    return x * hard_sigmoid(x)


hard_swish = hard_silu


def hard_tanh(x: V, min_value: float = -1.0, max_value: float = 1.0) -> V:
    """x, moved to ``min_value`` or ``max_value`` where it lies beyond; the slope is 0 there.

    >>> hard_tanh(np.array([-4.0, 0.5, 3.0]))
    array([-1. ,  0.5,  1. ])
    """
    if not min_value < max_value:
        raise ValueError(f"hard_tanh: {min_value} to {max_value} is no range.")
    x = given(x)
    return where(x >= max_value, max_value, where(x <= min_value, min_value, x))


def log_sigmoid(x: V) -> V:
    """log(sigmoid(x)), which is -softplus(-x): finite for every x.

    >>> log_sigmoid(np.array([-1000.0, 0.0])).round(4)
    array([-1.000e+03, -6.931e-01])
    """
    return -softplus(-given(x))


def softmin(x: V, axis: int = -1) -> V:
    """softmax(-x): the smallest score becomes the largest probability.

    >>> softmin(np.array([0.0, 0.0]))
    array([0.5, 0.5])
    """
    return softmax(-given(x), axis=axis)


def sparse_plus(x: V) -> V:
    """0 up to -1, x from 1 on, (x + 1)^2 / 4 in between.

    >>> sparse_plus(np.array([-2.0, 0.0, 3.0]))
    array([0.  , 0.25, 3.  ])
    """
    x = given(x)
    return where(x >= 1.0, x, square(sparse_sigmoid(x)))


def sparse_sigmoid(x: V) -> V:
    """(x + 1) / 2, but 0 up to -1 and 1 from 1 on.

    >>> sparse_sigmoid(np.array([-2.0, 0.0, 3.0]))
    array([0. , 0.5, 1. ])
    """
    return (hard_tanh(x) + 1.0) * 0.5


def sparsemax(x: V, axis: int = -1) -> V:
    """The probabilities nearest to x along ``axis``, by their squared distance: many are 0.

    Martins and Astudillo, "From Softmax to Sparsemax" (2016).

    >>> sparsemax(np.array([2.0, 1.5, -1.0]))
    array([0.75, 0.25, 0.  ])
    """
    from axon.ops.cumulative import cumsum
    from axon.ops.ordering import sort

    x = given(x)
    values: Any = x.detach() if isinstance(x, Tensor) else x
    falling = -sort(-values, axis=axis)
    sizes = [1] * x.ndim
    sizes[axis] = x.shape[axis]
    counts = np.arange(1.0, x.shape[axis] + 1).astype(x.dtype).reshape(sizes)
    line = (cumsum(falling, axis=axis) - 1.0) / counts
    last = ops_max(where(falling > line, line, -np.inf), axis=axis, keepdims=True)
    chosen = values > last
    number = ops_sum(where(chosen, 1.0, values * 0.0), axis=axis, keepdims=True)
    cut = (ops_sum(where(chosen, x, 0.0), axis=axis, keepdims=True) - 1.0) / number
    return where(chosen, x - cut, 0.0)


def squareplus(x: V, b: float = 4.0) -> V:
    """(x + sqrt(x^2 + b)) / 2, without cancellation below 0 or overflow beyond.

    Barron, "Squareplus: A Softplus-Like Algebraic Rectifier" (2021).

    >>> squareplus(np.array([-1e9, 0.0, 1e9]))
    array([1.e-09, 1.e+00, 1.e+09])
    """
    if not b > 0:
        raise ValueError(f"squareplus: b must be greater than 0, got {b}.")
    x = given(x)
    size = absolute(x)
    near = size < FAR
    root = where(near, sqrt(square(where(near, x, 0.0)) + b), size)
    below = where(x > 0.0, 0.0, x)
    return where(x > 0.0, x * 0.5 + root * 0.5, b * 0.25 / (root * 0.5 - below * 0.5))


def threshold(x: V, threshold: float = 0.0, default_value: float = 0.0) -> V:
    """x where it is greater than ``threshold``, else ``default_value``.

    >>> threshold(np.array([0.5, 2.0]), threshold=1.0, default_value=-7.0)
    array([-7.,  2.])
    """
    x = given(x)
    return where(x > threshold, x, default_value)
