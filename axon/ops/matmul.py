"""The matrix product, where nearly all the time of a network goes."""

from typing import Any

import numpy as np

from axon.backend import Array, DType, Shape, promote
from axon.core import Tensor, primitive


def product(a: Array, b: Array) -> tuple[Shape, DType]:
    """Shape and type of ``a @ b``: rows of a, columns of b, the axes before them broadcast."""
    if not a.ndim or not b.ndim or a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0]:
        raise ValueError("The last axis of the first must be as long as the rows of the second.")
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    rows = a.shape[-2:-1]  # () for a vector
    columns = b.shape[-1:] if b.ndim > 1 else ()
    return batch + rows + columns, promote(a.dtype, b.dtype)


@primitive(result=product)
def matmul(out: Array, a: Array, b: Array, *, xp: Any) -> None:
    """C = A B; further axes in front are batches, a vector is a single row or column.

    dA = dC B^T and dB = A^T dC.

    >>> matmul(np.eye(2), np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([[1., 2.],
           [3., 4.]])
    """
    xp.matmul(a, b, out=out)


def _swap(t: Tensor) -> Tensor:
    """Transpose the last two axes."""
    return t.transpose(*range(t.ndim - 2), t.ndim - 1, t.ndim - 2)


def _gradient_a(g: Tensor, c: Tensor, a: Tensor, b: Tensor) -> Tensor:
    if b.ndim == 1:
        return g[..., None] * b
    if a.ndim == 1:
        return (b @ g[..., None])[..., 0]
    return g @ _swap(b)


def _gradient_b(g: Tensor, c: Tensor, a: Tensor, b: Tensor) -> Tensor:
    if a.ndim == 1:
        return a[:, None] * g[..., None, :] if b.ndim > 1 else g * a
    if b.ndim == 1:
        return (_swap(a) @ g[..., None])[..., 0]
    return _swap(a) @ g


matmul.gradient(_gradient_a, _gradient_b)
