"""Elements by rank: sorted, the largest of them, those in the middle; and where numbers belong."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from axon.backend import Array, DType, Shape
from axon.core import Tensor, primitive
from axon.ops.arithmetic import floats
from axon.ops.compare import where
from axon.ops.composite import IntegerTensor, composite
from axon.ops.elementwise import maximum
from axon.ops.gathering import gathered, take_along_axis
from axon.ops.join import stack
from axon.ops.layout import moveaxis, one_axis
from axon.ops.reduce import Axis, axes_of, kept
from axon.ops.rounding import ceil, floor, rint


def argsort_shape(x: Array, *, axis: int = -1) -> tuple[Shape, DType]:
    """The shape of x; the type of an index."""
    one_axis("argsort", axis, x.ndim)
    return x.shape, np.dtype(np.intp)


@primitive(result=argsort_shape)
def argsort_(out: Array, x: Array, *, xp: Any, axis: int = -1) -> None:
    """The places of the elements along ``axis`` in rising order; of equal ones, the first first."""
    xp.copyto(out, x.argsort(axis=axis, kind="stable"))


argsort_.gradient(None)


@composite
def argsort(x: Tensor, axis: int | None = -1) -> Tensor:
    """The places of the elements in rising order along ``axis``; None sorts all of them.

    Of equal ones the first comes first, and NaN comes last.

    >>> argsort([30, 10, 20])
    array([1, 2, 0])
    """
    return argsort_(x.reshape(x.size), axis=0) if axis is None else argsort_(x, axis=axis)


@composite
def sort(x: Tensor, axis: int | None = -1) -> Tensor:
    """The elements in rising order along ``axis``; None sorts all of them.

    >>> sort([[3, 1, 2]])
    array([[1, 2, 3]])
    """
    x, axis = (x.reshape(x.size), 0) if axis is None else (x, axis)
    return take_along_axis(x, argsort_(x, axis=axis), axis=axis)


@composite
def top_k(x: Tensor, k: int, sorted: bool = True) -> tuple[Tensor, ...]:
    """The k largest along the last axis, the largest first, and their places.

    They are sorted also if ``sorted`` does not ask for it; of equal ones the first comes first.

    >>> top_k([1.0, 3.0, 2.0], 2)
    (array([3., 2.]), array([1, 2]))
    """
    axis = one_axis("top_k", -1, x.ndim)
    if not 0 <= k <= x.shape[-1]:
        raise ValueError(
            f"top_k: expected 0 to {x.shape[-1]} elements of shape {x.shape}, got {k}."
        )
    places = argsort_(_backwards(x), axis=axis)[..., :k]
    return gathered(x, places, axis), places


def _backwards(x: Tensor) -> Tensor:
    """Numbers in the opposite order."""
    if x.dtype.kind == "f":
        return -x
    return np.iinfo(x.dtype).max - x if x.dtype.kind == "u" else -1 - x.astype(np.int64)


@composite
def in_top_k(targets: IntegerTensor, predictions: Tensor, k: int) -> Tensor:
    """Whether fewer than k predictions of a row are larger than that of its target.

    >>> in_top_k([1, 0], [[0.1, 0.9, 0.0], [0.1, 0.2, 0.3]], 1)
    array([ True, False])
    """
    theirs = take_along_axis(predictions, targets[..., None], axis=-1)
    return (predictions > theirs).sum(-1) < k


@composite
def argpartition(x: Tensor, kth: int, axis: int | None = -1) -> Tensor:
    """Places such that none before number ``kth`` is of a larger element than those from it on.

    >>> int(argpartition([3, 1, 2], 1)[1])
    2
    """
    size = x.size if axis is None else x.shape[one_axis("argpartition", axis, x.ndim)]
    one_axis("argpartition: kth", kth, size)
    return argsort(x, axis)


# ------------------------------------------------------------------------------------ quantiles

METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


@composite
def quantile(
    x: Tensor,
    q: float | Sequence[float],
    axis: Axis = None,
    method: str = "linear",
    keepdims: bool = False,
) -> Tensor:
    """Numbers that a share q of the elements along ``axis`` does not exceed.

    Args:
        x: of any shape.
        q: from 0 to 1: one, or a row of them, which becomes the first axis of the result.
        axis: one or several; all of them by default.
        method: what is taken between two elements: "linear", "lower", "higher", "midpoint",
            "nearest".
        keepdims: keep the axes, with size 1.

    >>> quantile([1.0, 2.0, 3.0, 4.0], [0.5, 1.0])
    array([2.5, 4. ])
    """
    rows = _ordered(floats(x), axis)
    last = rows[..., -1:]
    found = [_between(rows, share, method) for share in _shares(q)]
    found = [where(last[..., 0] != last[..., 0], np.nan, y) for y in found]  # NaN comes last
    return _stacked(found, q, x.shape, axis, keepdims)


def _shares(q: float | Sequence[float]) -> list[float]:
    shares = [float(share) for share in np.ravel(q)]
    if np.ndim(q) > 1 or not all(0 <= share <= 1 for share in shares):
        raise ValueError(f"quantile: expected q from 0 to 1, one or a row of them, got {q}.")
    return shares


def _ordered(x: Tensor, axis: Axis) -> Tensor:
    """The elements along some axes in rising order, as the last axis."""
    gone = axes_of(axis, x.ndim)
    rest = [n for i, n in enumerate(x.shape) if i not in gone]
    y = moveaxis(x, gone, tuple(range(x.ndim - len(gone), x.ndim)))
    if not x.size:
        raise ValueError(f"quantile: shape {x.shape} holds no elements.")
    return sort(y.reshape(*rest, -1), -1)


def _between(rows: Tensor, share: float, method: str) -> Tensor:
    place = share * (rows.shape[-1] - 1)
    low, high = math.floor(place), math.ceil(place)
    if method not in METHODS:
        raise ValueError(f"quantile: method must be one of {', '.join(METHODS)}, got {method!r}.")
    if method in ("lower", "higher", "nearest"):
        return rows[..., {"lower": low, "higher": high, "nearest": round(place)}[method]]
    part = 0.5 * (low != high) if method == "midpoint" else place - low
    if not part:
        return rows[..., low]
    return rows[..., low] + (rows[..., high] - rows[..., low]) * part


def _stacked(
    found: list[Tensor], q: float | Sequence[float], shape: Shape, axis: Axis, keepdims: bool
) -> Tensor:
    if keepdims:
        found = [y.reshape(kept(shape, axis)) for y in found]
    return stack(found) if np.ndim(q) else found[0]


@composite
def percentile(
    x: Tensor,
    q: float | Sequence[float],
    axis: Axis = None,
    method: str = "linear",
    keepdims: bool = False,
) -> Tensor:
    """As ``quantile``, with q from 0 to 100.

    >>> float(percentile([1.0, 2.0, 3.0], 50))
    2.0
    """
    share = np.asarray(q) / 100.0
    return quantile(x, share if share.ndim else float(share), axis, method, keepdims)


@composite
def median(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The element in the middle; of an even number, the mean of two.

    >>> float(median([3.0, 1.0, 2.0]))
    2.0
    """
    return quantile(x, 0.5, axis, keepdims=keepdims)


@composite
def nanquantile(
    x: Tensor,
    q: float | Sequence[float],
    axis: Axis = None,
    method: str = "linear",
    keepdims: bool = False,
) -> Tensor:
    """As ``quantile``, of what is not NaN; of nothing else, NaN.

    >>> float(nanquantile([1.0, np.nan, 3.0], 0.5))
    2.0
    """
    rows = _ordered(floats(x), axis)
    count = (rows == rows).astype(rows.dtype).sum(-1, True)
    found = [_among(rows, count, share, method) for share in _shares(q)]
    return _stacked(found, q, x.shape, axis, keepdims)


def _among(rows: Tensor, count: Tensor, share: float, method: str) -> Tensor:
    """The quantile of the first so many of each row."""
    place = maximum(count - 1.0, 0.0) * share
    low, high = floor(place), ceil(place)
    if method in ("lower", "higher", "nearest"):
        low = high = {"lower": low, "higher": high, "nearest": rint(place)}[method]
    elif method not in METHODS:
        raise ValueError(f"quantile: method must be one of {', '.join(METHODS)}, got {method!r}.")
    axis = rows.ndim - 1
    a, b = (gathered(rows, end.astype(np.int64), axis)[..., 0] for end in (low, high))
    part = (place - low)[..., 0] if method == "linear" else 0.5
    return a + where(a == b, 0.0, b - a) * part


@composite
def nanpercentile(
    x: Tensor,
    q: float | Sequence[float],
    axis: Axis = None,
    method: str = "linear",
    keepdims: bool = False,
) -> Tensor:
    """As ``nanquantile``, with q from 0 to 100.

    >>> float(nanpercentile([1.0, np.nan, 3.0], 50))
    2.0
    """
    share = np.asarray(q) / 100.0
    return nanquantile(x, share if share.ndim else float(share), axis, method, keepdims)


@composite
def nanmedian(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The median of what is not NaN; of nothing else, NaN.

    >>> float(nanmedian([1.0, np.nan, 3.0]))
    2.0
    """
    return nanquantile(x, 0.5, axis, keepdims=keepdims)


# ------------------------------------------------------------------------------------ places


@composite
def searchsorted(sorted_sequence: Tensor, values: Tensor, side: str = "left") -> Tensor:
    """Where in a rising row each value belongs: before its equals, or behind them ("right").

    NaN belongs behind all numbers.

    >>> searchsorted([1.0, 2.0, 3.0], [2.0, 9.0])
    array([1, 3])
    """
    if side not in ("left", "right") or sorted_sequence.ndim != 1:
        raise ValueError(
            f"searchsorted: expected one axis and side 'left' or 'right', got shape "
            f"{sorted_sequence.shape} and {side!r}."
        )
    v, missing = values[..., None], (values != values)[..., None]
    if side == "left":
        before = where(missing, sorted_sequence == sorted_sequence, sorted_sequence < v)
    else:
        before = where(missing, True, sorted_sequence <= v)
    return before.sum(-1)


@composite
def digitize(x: Tensor, bins: Tensor) -> Tensor:
    """The number of the bin that each element lies in: how many edges are not above it.

    Of edges that fall it is how many are above it.

    >>> digitize([0.5, 1.0, 9.0], [0.0, 1.0, 2.0])
    array([1, 2, 3])
    """
    below = searchsorted(bins, x, side="right")
    n = bins.shape[0]
    return where(bins[0] > bins[-1], n - below, below) if n else below
