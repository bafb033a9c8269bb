"""Numbers put into places, chosen by rank, by truth values or by bits."""

from collections.abc import Callable
from math import prod
from typing import Any, Literal

import numpy as np

from axon import ops
from axon.backend import Array
from axon.core import Tensor
from axon.onnx.ir import inverse
from axon.onnx.run.operators.budget import allowed
from axon.onnx.run.operators.indexing import flat_places, from_front, one_hot
from axon.onnx.run.operators.operand import Operand, axis_from_front
from axon.onnx.run.operators.table import enter, operator

Reduction = Literal["none", "add", "mul", "max", "min"]
REDUCING: dict[str, Any] = {"mul": np.multiply, "max": np.maximum, "min": np.minimum}


def placed(x: Tensor, places: Tensor, updates: Tensor, reduction: str) -> Tensor:
    """Rows of x (rows, width), replaced or met by updates at some of their numbers.

    Where several updates meet in one place without a reduction, the standard leaves the result
    open.
    """
    if reduction in REDUCING:
        return _reduced(x, places, updates, reduction)
    dtype, shape = x.dtype, x.shape
    if dtype.kind == "b":
        x, updates = x.astype(np.uint8), updates.astype(np.uint8)
    added = ops.take_gradient(updates, places, shape=shape)
    if reduction == "add":
        return x + added
    ones = Tensor(np.ones((*places.shape, *(1,) * (len(shape) - 1)), np.uint8))
    met = ops.take_gradient(ones, places, shape=(shape[0], *(1,) * (len(shape) - 1)))
    y = ops.where(ops.not_equal(met, Tensor(np.zeros((), np.uint8))), added, x)
    return y if y.dtype == dtype else y.astype(dtype)


def _reduced(x: Tensor, places: Tensor, updates: Tensor, reduction: str) -> Tensor:
    """By values, for reductions that no primitive has."""
    known = [Operand(t).value() for t in (x, places, updates)]
    if known[0] is None or known[1] is None:
        raise ValueError(f"reduction={reduction!r} of what is computed cannot be recorded.")
    y = known[0].copy()
    REDUCING[reduction].at(y, known[1], known[2])
    return Tensor(y)


@operator("ScatterElements", "Scatter")
def scatter_elements(
    x: Tensor, places: Tensor, updates: Tensor, /, *, axis: int = 0, reduction: Reduction = "none"
) -> Tensor:
    """For each update, where along ``axis`` it goes in its row."""
    axis = axis_from_front(axis, x.ndim)
    flat = flat_places(x.shape, places, axis).reshape(places.size)
    made = placed(x.reshape(x.size, 1), flat, updates.reshape(updates.size, 1), reduction)
    return made.reshape(x.shape)


@operator("ScatterND")
def scatter_nd(
    x: Tensor, places: Tensor, updates: Tensor, /, *, reduction: Reduction = "none"
) -> Tensor:
    """For each slice of updates, the numbers along the first axes where it goes."""
    depth = places.shape[-1]
    if not 1 <= depth <= x.ndim:
        raise ValueError(f"places of {depth} numbers do not fit {x.ndim} axes.")
    row: Tensor | int = 0
    for i, size in enumerate(x.shape[:depth]):
        row = row * size + from_front(places[..., i].astype(np.int64), size)
    assert isinstance(row, Tensor)
    width = prod(x.shape[depth:])
    flat = x.reshape(prod(x.shape[:depth]), width)
    made = placed(flat, row.reshape(row.size), updates.reshape(row.size, width), reduction)
    return made.reshape(x.shape)


# ------------------------------------------------------------------------------------ by rank


@operator("TopK")
def top_k(
    x: Tensor, k: int, /, *, axis: int = -1, largest: int = 1, sorted: int = 1
) -> list[Tensor | None]:
    """The k largest or smallest along ``axis``, and where they stood; of equal ones the first."""
    axis = axis_from_front(axis, x.ndim)
    if not 0 <= k <= x.shape[axis]:
        raise ValueError(f"{k} of {x.shape[axis]} numbers cannot be chosen.")
    order = (*(i for i in range(x.ndim) if i != axis), axis)
    rows = x.transpose(order)
    if largest:
        values, places = ops.top_k(rows, k)
    else:
        places = ops.argsort(rows)[..., :k]
        values = ops.take_along_axis(rows, places, axis=-1)
    back = inverse(order)
    return [values.transpose(back), places.astype(np.int64).transpose(back)]


@operator("Hardmax")
def hardmax(x: Tensor, /, *, axis: int = -1) -> Tensor:
    """1 where the largest along ``axis`` stands first, 0 elsewhere."""
    axis = axis_from_front(axis, x.ndim)
    places = ops.argmax(x, axis=axis).astype(np.int64)
    return one_hot(places, x.shape[axis], Tensor(np.array([0, 1], x.dtype)), axis=axis)


@operator("Unique")
def unique(x: Array, /, *, axis: int | None = None, sorted: int = 1) -> list[Array]:
    """The different ones, where each stood first, which of them each is, and how often."""
    found = np.unique(x, True, True, True, axis=axis)
    values, first, inverse, counts = (np.asarray(part) for part in found)
    inverse = inverse.reshape(-1)
    if not sorted:
        order = np.argsort(first, kind="stable")
        values = np.take(values, order, axis or 0)
        first, counts = first[order], counts[order]
        inverse = np.argsort(order, kind="stable")[inverse]
    return [values, *(part.astype(np.int64) for part in (first, inverse, counts))]


@operator("Compress")
def compress(x: Array, condition: Array, /, *, axis: int | None = None) -> Array:
    """The slices for which a condition holds."""
    return np.compress(condition.ravel(), x, axis)


@operator("NonMaxSuppression")
def non_max_suppression(
    boxes: Array,
    scores: Array,
    most: int = 0,
    iou_threshold: float = 0.0,
    score_threshold: float | None = None,
    /,
    *,
    center_point_box: int = 0,
) -> Array:
    """Of boxes that overlap those of the highest scores: (image, class, box) of each."""
    corners = _corners(boxes, bool(center_point_box))
    found = []
    for image in range(scores.shape[0]):
        for group in range(scores.shape[1]):
            kept = _kept(corners[image], scores[image, group], most, iou_threshold, score_threshold)
            found += [(image, group, box) for box in kept]
    return np.array(found, np.int64).reshape(-1, 3)


def _corners(boxes: Array, centered: bool) -> Array:
    """Each box as its least and its largest corner, (image, box, 4)."""
    if centered:
        x, y, w, h = np.moveaxis(boxes, -1, 0)
        return np.stack([y - h / 2, x - w / 2, y + h / 2, x + w / 2], -1)
    a, b = boxes[..., :2], boxes[..., 2:]
    return np.concatenate([np.minimum(a, b), np.maximum(a, b)], -1)


def _kept(boxes: Array, scores: Array, most: int, overlap: float, least: float | None) -> list[int]:
    order = np.argsort(-scores, kind="stable")
    order = order if least is None else order[scores[order] > least]
    kept: list[int] = []
    while len(order) and len(kept) < most:
        best, order = order[0], order[1:]
        kept.append(int(best))
        low = np.maximum(boxes[best, :2], boxes[order, :2])
        high = np.minimum(boxes[best, 2:], boxes[order, 2:])
        common = np.prod(np.maximum(high - low, 0), -1)
        area = np.prod(boxes[..., 2:] - boxes[..., :2], -1)
        union = area[best] + area[order] - common
        order = order[~(common > overlap * union)]
    return kept


# ------------------------------------------------------------------------------------ order


@operator("ReverseSequence")
def reverse_sequence(
    x: Tensor, lengths: Array, /, *, batch_axis: int = 1, time_axis: int = 0
) -> Tensor:
    """Of each sample, so many of the first steps in reverse."""
    if {batch_axis, time_axis} != {0, 1} or x.ndim < 2:
        raise ValueError("batch_axis and time_axis must be 0 and 1.")
    n, time = x.shape[batch_axis], x.shape[time_axis]
    if lengths.shape != (n,) or lengths.min(initial=0) < 0 or lengths.max(initial=0) > time:
        raise ValueError(f"lengths {lengths.tolist()} do not fit {n} samples of {time} steps.")
    steps, ends = np.arange(time), lengths.astype(np.int64)[:, None]
    places = np.where(steps < ends, ends - 1 - steps, steps)  # (n, time)
    rows = np.arange(n)[:, None] * time + places if batch_axis == 0 else places * n
    if batch_axis == 1:
        rows = (rows + np.arange(n)[:, None]).T
    flat = x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])
    return ops.take(flat, rows.astype(np.int64))


@operator("CumProd")
def cumulated_product(x: Array, axis: int, /, *, exclusive: int = 0, reverse: int = 0) -> Array:
    """The product of all up to here along ``axis``."""
    axis = axis_from_front(axis, x.ndim)
    x = np.flip(x, axis) if reverse else x
    made = np.cumprod(x, axis, dtype=x.dtype)
    if exclusive:
        ones = np.ones_like(x[(*(slice(None),) * axis, slice(1))])
        made = np.concatenate([ones, made[(*(slice(None),) * axis, slice(-1))]], axis)
    return np.flip(made, axis) if reverse else made


@operator("TensorScatter")
def tensor_scatter(
    past: Tensor,
    update: Tensor,
    first: Array | None = None,
    /,
    *,
    axis: int = -2,
    mode: Literal["linear", "circular"] = "linear",
) -> Tensor:
    """A cache, with new steps from its own place on for each sample."""
    axis = axis_from_front(axis, past.ndim)
    size, steps = past.shape[axis], update.shape[axis]
    starts = np.zeros(past.shape[0], np.int64) if first is None else first.astype(np.int64)
    places = starts[:, None] + np.arange(steps)
    places = places % size if mode == "circular" else places
    if places.min(initial=0) < 0 or places.max(initial=0) >= size:
        raise ValueError(f"{steps} steps from {starts.tolist()} on do not fit a cache of {size}.")
    shape = [1] * past.ndim
    shape[0], shape[axis] = places.shape
    wide = np.broadcast_to(places.reshape(shape), update.shape)
    return scatter_elements(past, Tensor(np.ascontiguousarray(wide)), update, axis=axis)


# ------------------------------------------------------------------------------------ bits


@operator("BitShift")
def bit_shift(x: Array, y: Array, /, *, direction: Literal["LEFT", "RIGHT"]) -> Array:
    """Bits moved; those that leave are lost."""
    allowed(np.broadcast_shapes(x.shape, y.shape))
    return np.left_shift(x, y) if direction == "LEFT" else np.right_shift(x, y)


@operator("BitCast")
def bit_cast(x: Array, /, *, to: str) -> Array:
    """The same bits, read as numbers of another type of the same size."""
    dtype = np.dtype(to)
    if dtype.itemsize != x.dtype.itemsize:
        raise ValueError(f"numbers of {x.dtype.itemsize} bytes are not of {dtype.itemsize}.")
    return np.ascontiguousarray(x).view(dtype).reshape(x.shape)


def _bits(function: Callable[..., Array]) -> Callable[..., Array]:
    def of_bits(x: Array, y: Array, /) -> Array:
        """Bit by bit."""
        allowed(np.broadcast_shapes(x.shape, y.shape))
        return function(x, y)

    return of_bits


enter(
    {
        "BitwiseAnd": _bits(np.bitwise_and),
        "BitwiseOr": _bits(np.bitwise_or),
        "BitwiseXor": _bits(np.bitwise_xor),
    }
)


@operator("BitwiseNot")
def bitwise_not(x: Array, /) -> Array:
    """Every bit turned."""
    return np.invert(x)


@operator("Det")
def determinant(x: Array, /) -> Array:
    """The determinants of matrices."""
    allowed(x.shape)
    return np.asarray(np.linalg.det(x.astype(np.float64)), x.dtype)
