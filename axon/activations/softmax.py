"""Softmax: turns scores into probabilities that add up to 1."""

from typing import Any

import numpy as np

from axon.backend import Array, DType, Shape, as_array
from axon.core import Tensor, primitive


def one_per_row(x: Array, *, axis: int = -1) -> list[tuple[Shape, DType]]:
    """Workspace: a number for each row, for its maximum and then its sum."""
    shape = list(x.shape)
    shape[axis] = 1
    return [(tuple(shape), x.dtype)]


def per_axis(x: Array, *, axis: int = -1) -> tuple[Shape, DType]:
    """The shape of x, which must have the axis."""
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(f"axis {axis} is out of range for {x.ndim} axes.")
    return x.shape, x.dtype


@primitive(result=per_axis, workspace=one_per_row, floats=True, over=(0,))
def softmax(out: Array, x: Array, *, xp: Any, work: list[Array], axis: int = -1) -> None:
    """e^x_i / sum_j e^x_j along ``axis``, shifted by the maximum so that nothing overflows.

    No probability falls below the smallest normal number: log(p) and 1/p stay finite, so that the
    gradient of a loss taken from p is right even where p would round to 0.

    >>> softmax(np.array([1.0, 1.0, 1.0, 1.0]))
    array([0.25, 0.25, 0.25, 0.25])
    """
    row = work[0]
    xp.maximum.reduce(x, axis=axis, out=row, keepdims=True)
    xp.subtract(x, row, out=out)
    xp.exp(out, out=out)
    xp.add.reduce(out, axis=axis, out=row, keepdims=True)
    xp.divide(out, row, out=out)
    xp.maximum(out, np.finfo(out.dtype).tiny, out=out)


def _pull(g: Tensor, y: Tensor, x: Tensor, *, axis: int = -1) -> Any:
    """y (g - sum_j g_j y_j)."""
    return y * (g - (g * y).sum(axis, keepdims=True))


softmax.gradient(_pull)


def softmax_derivative(y: Any) -> Any:
    """Return the derivative in terms of the *output* y = softmax(x): the matrix dy_i / dx_j.

    >>> softmax_derivative(np.array([0.25, 0.75]))
    array([[ 0.1875, -0.1875],
           [-0.1875,  0.1875]])
    """
    y = y if isinstance(y, Tensor) else as_array(y)
    identity = np.eye(y.shape[-1], dtype=y.dtype)
    return y[..., :, None] * (identity - y[..., None, :])
