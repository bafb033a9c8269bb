"""Parts of a tensor: by numbers, by slices, by their place among the largest."""

from math import prod

import numpy as np

from axon import ops
from axon.backend import Array, Shape
from axon.core import Tensor
from axon.onnx.run.operators.budget import allowed
from axon.onnx.run.operators.operand import (
    Attributes,
    Laid,
    Operands,
    along_axes,
    axis_from_front,
)
from axon.onnx.run.operators.table import operator

Ints = list[int]


def _each_once(given: Operands, attributes: Attributes) -> Laid:
    """The axes by name, none of them twice, where they lie."""
    first, count = given[0], len(attributes["starts"])
    assert first is not None
    axes = range(count) if attributes["axes"] is None else attributes["axes"]
    axes = [axis_from_front(i, first.ndim) for i in axes]
    if len(axes) != count or len(set(axes)) < count or len(attributes["ends"]) != count:
        raise ValueError("starts, ends and axes must name each axis once.")
    return along_axes(given, {**attributes, "axes": axes})


@operator("Slice", layout=_each_once, quiet=True)
def sliced(
    x: Tensor,
    /,
    starts: Ints,
    ends: Ints,
    axes: Ints | None = None,
    steps: Ints | None = None,
) -> Tensor:
    """From ``starts`` to ``ends``, along some axes: a view."""
    index = [slice(None)] * x.ndim
    parts = zip(axes or (), starts, ends, steps or [1] * len(starts), strict=True)
    for axis, start, end, step in parts:
        index[axis] = _range(start, end, step, x.shape[axis])
    return x[tuple(index)]


def _range(start: int, end: int, step: int, size: int) -> slice:
    """ONNX's limits as Python's: those beyond the ends are moved there."""
    if step == 0:
        raise ValueError("steps must not be 0.")
    start, end = (n + size if n < 0 else n for n in (start, end))
    if step > 0:
        return slice(min(max(start, 0), size), min(max(end, 0), size), step)
    start, end = min(max(start, 0), size - 1), min(max(end, -1), size - 1)
    return slice(start, None if end < 0 else end, step) if size else slice(0, 0)


@operator("Gather")
def gather(x: Tensor, places: Array | Tensor, /, *, axis: int = 0) -> Tensor:
    """The slices with these numbers along ``axis``."""
    axis = axis_from_front(axis, x.ndim)
    if not (isinstance(places, np.ndarray) and places.ndim == 0):
        allowed((*places.shape, *x.shape[:axis], *x.shape[axis + 1 :]))
        return ops.take(x, places, axis)
    number = int(places)
    if not -x.shape[axis] <= number < x.shape[axis]:
        raise ValueError(f"number {number} is out of range for {x.shape[axis]} slices.")
    return x[(*(slice(None),) * axis, number)]


@operator("ArrayFeatureExtractor")
def features(x: Tensor, places: Array | Tensor, /) -> Tensor:
    """Some columns."""
    return gather(x, np.ravel(places) if isinstance(places, np.ndarray) else places, axis=-1)


@operator("GatherElements")
def gather_elements(x: Tensor, places: Tensor, /, *, axis: int = 0) -> Tensor:
    """For each place a number along ``axis``, where to look in its row."""
    axis = axis_from_front(axis, x.ndim)
    return ops.take(x.reshape(x.size), flat_places(x.shape, places, axis))


def flat_places(shape: Shape, places: Tensor, axis: int) -> Tensor:
    """Numbers along ``axis``, each in its row, as numbers among all."""
    if places.ndim != len(shape):
        raise ValueError(f"places of {places.ndim} axes do not fit {len(shape)}.")
    steps = [prod(shape[i + 1 :]) for i in range(len(shape))]
    grids = np.indices(allowed(places.shape), sparse=True)
    others = sum(g * s for i, (g, s) in enumerate(zip(grids, steps, strict=True)) if i != axis)
    counted = from_front(places.astype(np.int64), shape[axis])
    return counted * steps[axis] + np.asarray(others, np.int64)


def from_front(places: Tensor, size: int) -> Tensor:
    """Places counted from the front; negative ones count from the end."""
    """Places counted from the front; negative ones count from the end."""
    return ops.where(places < 0, places + size, places)


@operator("GatherND")
def gather_nd(x: Tensor, places: Tensor, /, *, batch_dims: int = 0) -> Tensor:
    """The slices whose numbers along the first axes are the last axis of ``places``."""
    depth = places.shape[-1] + batch_dims
    alike = x.shape[:batch_dims] == places.shape[:batch_dims]
    if not alike or not max(batch_dims, 1) <= depth <= x.ndim or batch_dims < 0:
        raise ValueError(f"places of shape {places.shape} do not fit shape {x.shape}.")
    sizes, rest = x.shape[:depth], x.shape[depth:]
    allowed((*places.shape[:-1], *rest))
    row: Tensor | int = 0
    for i, size in enumerate(sizes):
        if i < batch_dims:
            own = np.arange(size).reshape((size,) + (1,) * (places.ndim - 2 - i))
            row = row * size + Tensor(own.astype(np.int64))
        else:
            place = places[..., i - batch_dims].astype(np.int64)
            row = row * size + from_front(place, size)
    return ops.take(x.reshape((prod(sizes), *rest)), row)


# ------------------------------------------------------------------------------------ by rank


@operator("ArgMax")
def arg_max(
    x: Tensor, /, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0
) -> Tensor:
    """Where the largest stands along ``axis``."""
    axis = axis_from_front(axis, x.ndim)
    if select_last_index:
        x = x[(*(slice(None),) * axis, slice(None, None, -1))]
    found = ops.argmax(x, axis=axis).astype(np.int64)
    found = x.shape[axis] - 1 - found if select_last_index else found
    if not keepdims:
        return found
    return found.reshape([1 if i == axis else n for i, n in enumerate(x.shape)])


@operator("ArgMin")
def arg_min(
    x: Tensor, /, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0
) -> Tensor:
    """Where the smallest stands along ``axis``."""
    return arg_max(-x, axis=axis, keepdims=keepdims, select_last_index=select_last_index)


@operator("NonZero", quiet=True)
def non_zero(x: Array, /) -> Array:
    """Where something other than 0 stands: as many as there are, so it has to be known."""
    return np.array(np.nonzero(x), np.int64).reshape(max(x.ndim, 1), -1)


@operator("OneHot")
def one_hot(numbers: Tensor, depth: int, values: Tensor, /, *, axis: int = -1) -> Tensor:
    """A new axis, with one value at a number's place and the other elsewhere."""
    axis = axis_from_front(axis, numbers.ndim + 1)
    allowed((*numbers.shape, depth))
    index = (*(slice(None),) * axis, None)
    places = np.arange(depth).reshape((depth,) + (1,) * (numbers.ndim - axis))
    same = ops.equal(from_front(numbers, depth)[index], places)
    return ops.where(same, values[1], values[0])


@operator("Trilu")
def trilu(x: Tensor, k: int = 0, /, *, upper: int = 1) -> Tensor:
    """What lies on one side of the diagonal; 0 elsewhere."""
    if x.ndim < 2:
        raise ValueError("expected matrices.")
    return (ops.triu if upper else ops.tril)(x, k)
