"""The logarithm of softmax, computed without the detour through probabilities."""

from math import inf
from typing import Any

import numpy as np

from axon.activations.softmax import one_per_row, softmax_rows, softmax_shape
from axon.backend import Array, DType, Shape
from axon.bounds import between_along_axis
from axon.core import Tensor, TensorLike, primitive
from axon.ops import exp


def log_softmax_workspace(x: Array, *, axis: int = -1) -> list[tuple[Shape, DType]]:
    """Workspace: e^x, and a number for each row."""
    return [(x.shape, x.dtype), *one_per_row(x, axis=axis)]


@primitive(
    result=softmax_shape,
    workspace=log_softmax_workspace,
    floats=True,
    over=(0,),
    rows=softmax_rows,
    flops=5,
    places=True,
    bounds=between_along_axis(-inf, 0.0, single=0.0),
)
def log_softmax(out: Array, x: Array, *, xp: Any, workspace: list[Array], axis: int = -1) -> None:
    """x_i - m - log sum_j e^(x_j - m) along ``axis``, with m = max x: nothing overflows or is lost.

    >>> log_softmax(np.array([0.0, 1000.0]))
    array([-1000.,     0.])
    """
    powers, row = workspace
    xp.maximum.reduce(x, axis=axis, out=row, keepdims=True)
    xp.subtract(x, row, out=out)
    xp.exp(out, out=powers)
    xp.add.reduce(powers, axis=axis, out=row, keepdims=True)
    xp.log(row, out=row)
    xp.subtract(out, row, out=out)


log_softmax.gradient(lambda g, y, x, axis=-1: g - exp(y) * g.sum(axis, keepdims=True))


def log_softmax_derivative(y: TensorLike) -> Tensor | Array:
    """Return the derivative in terms of the *output* y = log_softmax(x): the matrix dy_i / dx_j.

    >>> log_softmax_derivative(log_softmax(np.array([1.0, 1.0])))
    array([[ 0.5, -0.5],
           [-0.5,  0.5]])
    """
    probabilities = exp(y)
    return np.eye(probabilities.shape[-1], dtype=probabilities.dtype) - probabilities[..., None, :]
