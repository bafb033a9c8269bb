"""Sums and products of all up to here, differences of neighbours, and products of many."""

from typing import Any

import numpy as np

from axon.backend import Array, DType, DTypeLike, Shape
from axon.core import Tensor, primitive
from axon.ops.compare import where
from axon.ops.composite import composite
from axon.ops.elementwise import multiply
from axon.ops.join import concatenate
from axon.ops.layout import BACK, along, moveaxis, one_axis
from axon.ops.reduce import Axis, axes_of, broadcast_to, kept, sum_shape


def cumsum_shape(x: Array, *, axis: int) -> tuple[Shape, DType]:
    """The shape of x; small integers and truth values add up to large integers."""
    one_axis("cumsum", axis, x.ndim)
    return x.shape, sum_shape(x)[1]


@primitive(result=cumsum_shape, flops=1)
def cumsum_(out: Array, x: Array, *, xp: Any, axis: int) -> None:
    """The sum of all elements up to here along ``axis``."""
    xp.add.accumulate(x, axis=axis, dtype=out.dtype, out=out)


def _from_the_end(g: Tensor, y: Tensor, x: Tensor, *, axis: int) -> Tensor:
    back = along(axis % g.ndim, BACK)
    return cumsum_(g[back], axis=axis)[back]


cumsum_.gradient(_from_the_end)


@composite
def cumsum(x: Tensor, axis: int | None = None, dtype: DTypeLike = None) -> Tensor:
    """The sum of all elements up to here along ``axis``; without one, of all in a row.

    >>> cumsum([1, 2, 3])
    array([1, 3, 6])
    """
    x = x if dtype is None else x.astype(dtype)
    return cumsum_(x.reshape(x.size), axis=0) if axis is None else cumsum_(x, axis=axis)


@composite
def cumprod(x: Tensor, axis: int | None = None, dtype: DTypeLike = None) -> Tensor:
    """The product of all elements up to here along ``axis``; without one, of all in a row.

    Each step multiplies by what lies twice as far back: so there are few steps, and nothing is
    divided by what may be 0.

    >>> cumprod([1, 2, 3])
    array([1, 2, 6])
    """
    x = _summable(x) if dtype is None else x.astype(dtype)
    x, axis = (x.reshape(x.size), 0) if axis is None else (x, axis)
    axis = one_axis("cumprod", axis, x.ndim)
    far, n = 1, x.shape[axis]
    while far < n:
        first, others = x[along(axis, slice(0, far))], x[along(axis, slice(far, n))]
        x = concatenate([first, others * x[along(axis, slice(0, n - far))]], axis=axis)
        far *= 2
    return x


def _summable(x: Tensor) -> Tensor:
    """Small integers and truth values as large integers."""
    dtype = sum_shape(x.data)[1]
    return x if x.dtype == dtype else x.astype(dtype)


@composite
def prod(x: Tensor, axis: Axis = None, keepdims: bool = False, dtype: DTypeLike = None) -> Tensor:
    """The product of the elements along ``axis`` (all of them by default).

    Halves are multiplied with each other until one is left: nothing is divided by what may be 0.

    >>> int(prod([2, 3, 4]))
    24
    """
    gone = axes_of(axis, x.ndim)
    shape = kept(x.shape, axis)
    x = _summable(x) if dtype is None else x.astype(dtype)
    rest = [n for i, n in enumerate(x.shape) if i not in gone]
    y = moveaxis(x, gone, tuple(range(x.ndim - len(gone), x.ndim)))
    y = y.reshape(*rest, -1 if x.size else int(np.prod([x.shape[i] for i in gone])))
    if not y.shape[-1]:
        y = broadcast_to(Tensor(np.ones(1, y.dtype)), shape=(*rest, 1))
    while (n := y.shape[-1]) > 1:
        pairs = multiply(y[..., : n // 2], y[..., n // 2 : 2 * (n // 2)])
        y = concatenate([pairs, y[..., n - 1 :]], axis=-1) if n % 2 else pairs
    return y.reshape(shape if keepdims else rest)


@composite
def diff(
    a: Tensor,
    n: int = 1,
    axis: int = -1,
    prepend: Tensor | None = None,
    append: Tensor | None = None,
) -> Tensor:
    """Each element less the one before it along ``axis``, n times.

    >>> diff([1, 4, 9, 16]), diff([1, 4, 9, 16], 2)
    (array([3, 5, 7]), array([2, 2]))
    """
    axis = one_axis("diff", axis, a.ndim)
    ends = [_slab(end, a, axis) for end in (prepend, append)]
    parts = [part for part in (ends[0], a, ends[1]) if part is not None]
    a = concatenate(parts, axis=axis) if len(parts) > 1 else a
    for _ in range(n):
        after, before = a[along(axis, slice(1, None))], a[along(axis, slice(None, -1))]
        a = after != before if a.dtype.kind == "b" else after - before
    return a


def _slab(end: Tensor | None, a: Tensor, axis: int) -> Tensor | None:
    """A number as a slice of a's shape."""
    if end is None or end.ndim:
        return end
    shape = tuple(1 if i == axis else n for i, n in enumerate(a.shape))
    return broadcast_to(end.astype(a.dtype), shape=shape)


@composite
def trapezoid(y: Tensor, x: Tensor | None = None, dx: float = 1.0, axis: int = -1) -> Tensor:
    """The area below a line through these points, which stand at x, or ``dx`` apart.

    >>> float(trapezoid([1.0, 2.0, 3.0]))
    4.0
    """
    axis = one_axis("trapezoid", axis, y.ndim)
    after, before = y[along(axis, slice(1, None))], y[along(axis, slice(None, -1))]
    middle = (after + before) * 0.5
    if x is None:
        return (middle * dx).sum(axis)
    if x.ndim == 1:
        x = x.reshape([-1 if i == axis else 1 for i in range(y.ndim)])
    return (middle * diff(x, axis=axis)).sum(axis)


@composite
def nancumsum(x: Tensor, axis: int | None = None, dtype: DTypeLike = None) -> Tensor:
    """As ``cumsum``, where NaN counts as 0.

    >>> nancumsum([1.0, np.nan, 2.0])
    array([1., 1., 3.])
    """
    return cumsum(where(x != x, Tensor(np.zeros((), x.dtype)), x), axis, dtype)


@composite
def nancumprod(x: Tensor, axis: int | None = None, dtype: DTypeLike = None) -> Tensor:
    """As ``cumprod``, where NaN counts as 1.

    >>> nancumprod([2.0, np.nan, 3.0])
    array([2., 2., 6.])
    """
    return cumprod(where(x != x, Tensor(np.ones((), x.dtype)), x), axis, dtype)
