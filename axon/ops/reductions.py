"""Means, spreads, norms and ends along some axes."""

from math import inf

import numpy as np

from axon.core import Tensor
from axon.ops.arithmetic import floats
from axon.ops.compare import where
from axon.ops.composite import composite
from axon.ops.cumulative import prod
from axon.ops.elementwise import absolute, exp, log, maximum, sqrt, square
from axon.ops.logic import all, isnan, logical_not
from axon.ops.reduce import Axis, argmax, axes_of, broadcast_to
from axon.ops.reduce import max as max_


@composite
def mean(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The average of the elements along ``axis`` (all of them by default).

    >>> mean([[1.0, 3.0], [2.0, 6.0]], axis=1)
    array([2., 4.])
    """
    return x.mean(axis, keepdims)


@composite
def var(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The variance along ``axis``: the mean squared distance from the mean.

    >>> float(var([1.0, 3.0]))
    1.0
    """
    return floats(x).var(axis, keepdims)


@composite
def std(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The standard deviation along ``axis``; its gradient is infinite where it is 0.

    >>> float(std([1.0, 3.0]))
    1.0
    """
    return floats(x).std(axis, keepdims)


@composite
def min(
    x: Tensor, axis: Axis = None, keepdims: bool = False, initial: float | None = None
) -> Tensor:
    """The smallest element along ``axis``; equal ones share the gradient.

    >>> min([[1, 3], [4, 2]], axis=0)
    array([1, 2])
    """
    found = x.min(axis, keepdims)
    return found if initial is None else where(found > initial, initial, found)


@composite
def argmin(x: Tensor, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The position of the (first) smallest element along ``axis``; None counts through all.

    >>> argmin([[1, 3], [4, 2]], axis=1)
    array([0, 1])
    """
    if x.dtype.kind == "f":
        return argmax(-x, axis, keepdims)
    last = np.iinfo(x.dtype).max if x.dtype.kind == "u" else -1
    return argmax(logical_not(x) if x.dtype.kind == "b" else last - x, axis, keepdims)


@composite
def ptp(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The largest element less the smallest.

    >>> ptp([[1, 3], [4, 9]], axis=1)
    array([2, 5])
    """
    return max_(x, axis=axis, keepdims=keepdims) - x.min(axis, keepdims)


@composite
def logsumexp(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """log sum e^x along ``axis``, in which nothing overflows: the largest is taken out first.

    >>> logsumexp([[1000.0, 1000.0]], axis=1).round(4)
    array([1000.6931])
    """
    x = floats(x)
    if not x.ndim:
        return x
    top = max_(x, axis=axis, keepdims=True).detach()
    top = where(absolute(top) == inf, 0.0, top)  # inf - inf would be NaN
    y = log(exp(x - top).sum(axis, True)) + top
    return y if keepdims else y.reshape([n for n, k in _left(x, axis) if k])


def _left(x: Tensor, axis: Axis) -> list[tuple[int, bool]]:
    """Each size, and whether it stays."""
    gone = axes_of(axis, x.ndim)
    return [(n, i not in gone) for i, n in enumerate(x.shape)]


@composite
def average(x: Tensor, axis: Axis = None, weights: Tensor | None = None) -> Tensor:
    """The mean along ``axis``, each element counted as often as its weight says.

    >>> float(average([1.0, 4.0], weights=[2.0, 1.0]))
    2.0
    """
    if weights is None:
        return x.mean(axis)
    weights = floats(weights)
    if weights.shape != x.shape:
        if not isinstance(axis, int) or weights.shape != (x.shape[axis],):
            raise ValueError(
                f"average: weights of shape {weights.shape} fit neither all of {x.shape} nor its "
                f"axis {axis}."
            )
        shape = [-1 if i == axis % x.ndim else 1 for i in range(x.ndim)]
        weights = broadcast_to(weights.reshape(shape), shape=x.shape)
    return (x * weights).sum(axis) / weights.sum(axis)


@composite
def moments(
    x: Tensor, axes: Axis = None, keepdims: bool = False, synchronized: bool = False
) -> tuple[Tensor, ...]:
    """Mean and variance along some axes; ``synchronized`` changes nothing.

    >>> [float(m) for m in moments([1.0, 3.0])]
    [2.0, 1.0]
    """
    axes = tuple(axes) if isinstance(axes, list) else axes
    return mean(x, axes, keepdims), var(x, axes, keepdims)


@composite
def norm(
    x: Tensor, ord: float | str | None = None, axis: Axis = None, keepdims: bool = False
) -> Tensor:
    """The length of vectors, or the size of matrices.

    Args:
        x: of any shape.
        ord: of vectors the power p in (sum |x|^p)^(1/p), infinity for the largest, 0 for how many
            are not 0; of matrices "fro" for the root of the sum of squares, 1 and infinity for the
            largest sum of a column and a row; None is the root of the sum of squares.
        axis: one axis for vectors, two for matrices; all of them by default.
        keepdims: keep the axes, with size 1.

    >>> float(norm([3.0, 4.0])), float(norm([3.0, -4.0], 1))
    (5.0, 7.0)
    """
    x = floats(x)
    if axis is None and ord is None:
        total = sqrt(square(x).sum())
        return total.reshape((1,) * x.ndim) if keepdims else total
    axes = axes_of(axis, x.ndim)
    if len(axes) == 1:
        return _vector_norm(x, ord, axes[0], keepdims)
    if len(axes) != 2:
        raise ValueError(f"norm: expected one axis or two, got {axis} of shape {x.shape}.")
    return _matrix_norm(x, ord, *axes, keepdims)


def _vector_norm(x: Tensor, ord: float | str | None, axis: int, keepdims: bool) -> Tensor:
    if isinstance(ord, str):
        raise ValueError(f"norm: ord={ord!r} is for matrices; of vectors it is a number.")
    if ord in (None, 2):
        return sqrt(square(x).sum(axis, keepdims))
    size = absolute(x)
    if ord in (inf, -inf):
        return max_(size, axis=axis, keepdims=keepdims) if ord == inf else size.min(axis, keepdims)
    if ord == 0:
        return (x != 0.0).astype(x.dtype).sum(axis, keepdims)
    if ord == 1:
        return size.sum(axis, keepdims)
    return (size**ord).sum(axis, keepdims) ** (1.0 / ord)


def _matrix_norm(x: Tensor, ord: float | str | None, i: int, j: int, keepdims: bool) -> Tensor:
    if ord in (None, "fro"):
        return sqrt(square(x).sum((i, j), keepdims))
    if ord not in (1, -1, inf, -inf):
        raise ValueError(
            f"norm: ord={ord!r} of matrices needs singular values, which AXON does not have. "
            "Possible: 'fro', 1, -1, inf, -inf."
        )
    along, other = (i, j) if ord in (1, -1) else (j, i)
    sums = absolute(x).sum(along, True)
    found = max_(sums, axis=other, keepdims=True) if ord in (1, inf) else sums.min(other, True)
    return found if keepdims else found.reshape([n for n, k in _left(x, (i, j)) if k])


@composite
def normalize(x: Tensor, axis: int = -1, order: float = 2, epsilon: float | None = None) -> Tensor:
    """x divided by its length along ``axis``, which is taken to be at least ``epsilon`` (1e-12).

    >>> normalize([[3.0, 4.0], [0.0, 0.0]])
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    x, least = floats(x), 1e-12 if epsilon is None else epsilon
    if order == 2:  # the square root comes last: its slope at 0 is infinite
        return x / sqrt(maximum(square(x).sum(axis, True), least**2))
    return x / maximum(norm(x, order, axis, True), least)


@composite
def corrcoef(x: Tensor) -> Tensor:
    """How rows go together: the matrix of correlations, from -1 to 1.

    >>> corrcoef([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]).round(4)
    array([[ 1., -1.],
           [-1.,  1.]])
    """
    x = floats(x)
    rows = x.reshape(1, x.size) if x.ndim < 2 else x
    d = rows - rows.mean(-1, True)
    unit = d / sqrt(square(d).sum(-1, True))
    y = unit @ unit.T
    return y if x.ndim > 1 else y.reshape(())


# ------------------------------------------------------------------------------------ without NaN


def _in_place_of_nan(x: Tensor, number: float) -> Tensor:
    return where(x != x, number, x) if x.dtype.kind == "f" else x


@composite
def nansum(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The sum of what is not NaN.

    >>> float(nansum([1.0, np.nan]))
    1.0
    """
    return _in_place_of_nan(x, 0.0).sum(axis, keepdims)


@composite
def nanprod(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The product of what is not NaN.

    >>> float(nanprod([2.0, np.nan]))
    2.0
    """
    return prod(_in_place_of_nan(x, 1.0), axis, keepdims)


@composite
def nanmax(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The largest of what is not NaN; of nothing else, NaN.

    >>> float(nanmax([1.0, np.nan]))
    1.0
    """
    found = max_(_in_place_of_nan(x, -inf), axis=axis, keepdims=keepdims)
    return found if x.dtype.kind != "f" else where(all(isnan(x), axis, keepdims), np.nan, found)


@composite
def nanmin(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The smallest of what is not NaN; of nothing else, NaN.

    >>> float(nanmin([1.0, np.nan]))
    1.0
    """
    return -nanmax(-x, axis, keepdims) if x.dtype.kind == "f" else x.min(axis, keepdims)


@composite
def nanmean(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The average of what is not NaN; of nothing else, NaN.

    >>> float(nanmean([1.0, np.nan, 3.0]))
    2.0
    """
    return nansum(floats(x), axis, keepdims) / _counted(floats(x), axis, keepdims)


def _counted(x: Tensor, axis: Axis, keepdims: bool) -> Tensor:
    """How many are not NaN: NaN if none is."""
    count = (x == x).astype(x.dtype).sum(axis, keepdims)
    return where(count == 0.0, np.nan, count)


@composite
def nanvar(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The variance of what is not NaN; of nothing else, NaN.

    >>> float(nanvar([1.0, np.nan, 3.0]))
    1.0
    """
    d = floats(x) - nanmean(x, axis, True)
    return nanmean(square(d), axis, keepdims)


@composite
def nanstd(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The standard deviation of what is not NaN; of nothing else, NaN.

    >>> float(nanstd([1.0, np.nan, 3.0]))
    1.0
    """
    return sqrt(nanvar(x, axis, keepdims))


@composite
def nanargmax(x: Tensor, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The position of the largest of what is not NaN; of nothing else, -1.

    >>> int(nanargmax([np.nan, 1.0, 3.0]))
    2
    """
    found = argmax(_in_place_of_nan(x, -inf), axis, keepdims)
    return where(all(isnan(x), axis, keepdims), -1, found)


@composite
def nanargmin(x: Tensor, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The position of the smallest of what is not NaN; of nothing else, -1.

    >>> int(nanargmin([np.nan, 1.0, 3.0]))
    1
    """
    found = argmin(_in_place_of_nan(x, inf), axis, keepdims)
    return where(all(isnan(x), axis, keepdims), -1, found)
