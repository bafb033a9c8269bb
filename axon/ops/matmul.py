"""The matrix product, where nearly all the time of a network goes."""

from math import prod
from typing import Any

import numpy as np

from axon.backend import Array, DType, Shape, promote
from axon.bounds import product_of_weights
from axon.core import Tensor, primitive
from axon.pieces import NARROW, Cut, cost, in_pieces


def matmul_shape(a: Array, b: Array) -> tuple[Shape, DType]:
    """Shape and type of ``a @ b``: rows of a, columns of b, the axes before them broadcast."""
    if not a.ndim or not b.ndim or a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0]:
        raise ValueError("The last axis of the first must be as long as the rows of the second.")
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    rows = a.shape[-2:-1]  # () for a vector
    columns = b.shape[-1:] if b.ndim > 1 else ()
    return batch + rows + columns, promote(a.dtype, b.dtype)


def matmul_workspace(a: Array, b: Array) -> list[tuple[Shape, DType]]:
    """Workspace: a copy of each input that BLAS could not read; NumPy would allocate it."""
    dtype = promote(a.dtype, b.dtype)
    return [(x.shape, dtype) for x in (a, b) if not readable(x, dtype)]


def readable(x: Array, dtype: DType) -> bool:
    """Whether x has the type of the result, and rows or columns that lie in one piece."""
    if x.dtype != dtype:
        return False
    if x.ndim < 2 or dtype.kind != "f":
        return True
    (n, m), (down, across), item = x.shape[-2:], x.strides[-2:], x.itemsize
    return (across == item and down >= m * item) or (down == item and across >= n * item)


def matmul_multiply_adds(a: Shape, b: Shape, out: Shape) -> int:
    """As many for each number of the result as a row is long."""
    return prod(out) * a[-1]


def matmul_rows(out: Array, a: Array, b: Array) -> Cut | None:
    """Pieces are rows of the result, or matrices of a batch; a product with a vector is whole."""
    if a.ndim < 2 or b.ndim < 2 or a.ndim < out.ndim or len(a) != len(out) or b.shape[-1] == 1:
        return None
    together = b.ndim == out.ndim > 2 and len(b) == len(out)
    products = matmul_multiply_adds(a.shape, b.shape, out.shape)
    work = cost(products, out.nbytes + a.nbytes)
    return Cut(len(out), (True, True, together), work, least=NARROW if out.ndim == 2 else 1)


@primitive(
    result=matmul_shape,
    workspace=matmul_workspace,
    rows=matmul_rows,
    eagerly=in_pieces,
    bounds=product_of_weights,
    multiply_adds=matmul_multiply_adds,
)
def matmul(out: Array, a: Array, b: Array, *, xp: Any, workspace: list[Array]) -> None:
    """C = A B; further axes in front are batches, a vector is a single row or column.

    dA = dC B^T and dB = A^T dC.

    >>> matmul(np.eye(2), np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([[1., 2.],
           [3., 4.]])
    """
    if workspace:
        spare = iter(workspace)
        a, b = (x if readable(x, out.dtype) else _moved(x, next(spare), xp) for x in (a, b))
    xp.matmul(a, b, out=out)


def _moved(x: Array, place: Array, xp: Any) -> Array:
    xp.copyto(place, x)
    return place


def _swap(t: Tensor) -> Tensor:
    """Transpose the last two axes."""
    return t.transpose(*range(t.ndim - 2), t.ndim - 1, t.ndim - 2)


def _rows(t: Tensor) -> Tensor:
    """(..., n, m) -> (... * n, m)."""
    return t.reshape(prod(t.shape[:-1]), t.shape[-1]) if t.ndim > 2 else t


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
    if b.ndim == 2:  # the batches are but more rows: one product, not one for each and their sum
        return _swap(_rows(a)) @ _rows(g)
    return _swap(a) @ g


matmul.gradient(_gradient_a, _gradient_b)
