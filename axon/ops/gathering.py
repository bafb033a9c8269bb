"""Elements taken from places, and put into places, that are numbers themselves."""

import math
from math import inf
from typing import Any

import numpy as np

from axon.backend import Array, DType, Shape
from axon.core import Tensor, primitive
from axon.modes import refuse_while_recording
from axon.ops.compare import equal, where
from axon.ops.composite import IntegerTensor, composite
from axon.ops.elementwise import maximum, minimum
from axon.ops.index import INDEX, slice_gradient, take, take_gradient
from axon.ops.layout import one_axis
from axon.ops.reduce import broadcast_to


def from_front(places: Tensor, size: int) -> Tensor:
    """IntegerTensor counted from the front, also those that were counted from the end.

    Raises:
        IndexError: one is out of range; at every run, so also when a program is replayed.
    """
    return take(Tensor(np.arange(size)), places)


def flat_places(places: Tensor, sizes: Shape) -> Tensor:
    """Of places (..., axes), one number along each axis, their number when counted through."""
    row: Tensor | None = None
    for i, size in enumerate(sizes):
        place = from_front(places[..., i], size)
        row = place if row is None else row * size + place
    assert row is not None
    return row


@composite
def take_along_axis(x: Tensor, indices: IntegerTensor, axis: int | None = None) -> Tensor:
    """For each place a number along ``axis``, where to look in its row.

    Args:
        x: what is taken from.
        indices: whole numbers; of the shape of x but along ``axis``, or one that broadcasts to it.
        axis: None counts through all of x.

    >>> take_along_axis([[10, 20], [30, 40]], [[1], [0]], axis=1)
    array([[20],
           [30]])
    """
    if axis is None:
        return take(x.reshape(x.size), indices)
    axis = one_axis("take_along_axis", axis, x.ndim)
    if indices.ndim != x.ndim:
        raise ValueError(
            f"take_along_axis: indices of shape {indices.shape} must have as many axes as x of "
            f"shape {x.shape}."
        )
    sizes = list(zip(indices.shape, x.shape, strict=True))
    if any(m not in (1, n) and n != 1 for m, n in sizes[:axis] + sizes[axis + 1 :]):
        raise ValueError(
            f"take_along_axis: indices of shape {indices.shape} do not fit x of shape {x.shape} "
            f"along axis {axis}."
        )
    shape = tuple(m if i == axis or n == 1 else n for i, (m, n) in enumerate(sizes))
    return gathered(x, broadcast_to(indices, shape=shape), axis)


def gathered(x: Tensor, places: Tensor, axis: int) -> Tensor:
    """The same for places of any sizes: number i along another axis looks into row i."""
    steps = [math.prod(x.shape[i + 1 :]) for i in range(x.ndim)]
    grids = np.indices(places.shape, sparse=True)
    others: Any = 0
    for i, (grid, step) in enumerate(zip(grids, steps, strict=True)):
        if i != axis and x.shape[i] > 1:
            others = others + grid * step
    counted = from_front(places, x.shape[axis]) * steps[axis]
    return take(x.reshape(x.size), counted + np.asarray(others, np.int64))


@composite
def gather_nd(x: Tensor, places: IntegerTensor) -> Tensor:
    """The slices whose numbers along the first axes are the last axis of ``places``.

    >>> gather_nd([[10, 20], [30, 40]], [[1, 0], [0, 1]])
    array([30, 20])
    """
    depth = places.shape[-1] if places.ndim else 0
    if not 1 <= depth <= x.ndim:
        raise ValueError(f"gather_nd: places of {depth} numbers do not fit {x.ndim} axes.")
    sizes, rest = x.shape[:depth], x.shape[depth:]
    return take(x.reshape((math.prod(sizes), *rest)), flat_places(places, sizes))


# ------------------------------------------------------------------------------------ put


@composite
def scatter(indices: IntegerTensor, values: Tensor, shape: Shape) -> Tensor:
    """Zeros of a shape, with values added at places.

    Args:
        indices: (n, axes) whole numbers: the place along each of the first axes.
        values: (n, ...) what is added there; of places that come twice, both are.
        shape: of the result.

    >>> scatter([[0], [2], [2]], [1.0, 2.0, 3.0], (4,))
    array([1., 0., 5., 0.])
    """
    depth = indices.shape[-1]
    rows = flat_places(indices, shape[:depth]).reshape(-1)
    flat = segments(values.reshape(rows.size, *shape[depth:]), rows, math.prod(shape[:depth]))
    return flat.reshape(shape)


@composite
def scatter_update(
    inputs: Tensor, indices: IntegerTensor, updates: Tensor, reduction: str | None = None
) -> Tensor:
    """``inputs`` with other values at some places; of a place that comes twice, the last one.

    Args:
        inputs: of any shape.
        indices: (n, axes) whole numbers: the place along each of the first axes.
        updates: (n, ...) the values.
        reduction: "add" adds them to what is there; "mul", "max" and "min" likewise.

    >>> scatter_update([1.0, 2.0, 3.0], [[0], [2]], [9.0, 8.0])
    array([9., 2., 8.])
    """
    depth = indices.shape[-1]
    sizes, rest = inputs.shape[:depth], inputs.shape[depth:]
    rows = flat_places(indices, sizes).reshape(-1)
    x = inputs.reshape(math.prod(sizes), *rest)
    new = updates.astype(x.dtype) if updates.dtype != x.dtype else updates
    return _put(x, rows, new.reshape(rows.size, *rest), reduction).reshape(inputs.shape)


def _put(x: Tensor, rows: Tensor, new: Tensor, reduction: str | None) -> Tensor:
    n = len(x)
    if reduction == "add":
        return x + segments(new, rows, n)
    if reduction == "mul":
        return x * segment_prod(new, rows, num_segments=n)
    if reduction == "max":
        return maximum(x, segment_max(new, rows, num_segments=n))
    if reduction == "min":
        return minimum(x, segment_min(new, rows, num_segments=n))
    if reduction is not None:
        raise ValueError(
            f"scatter_update: reduction must be None, 'add', 'mul', 'max' or 'min', got "
            f"{reduction!r}."
        )
    return _last_of_each(x, rows, new) if rows.size else x


def _last_of_each(x: Tensor, rows: Tensor, new: Tensor) -> Tensor:
    """Rows replaced by the last one that is meant for each."""
    order = Tensor(np.arange(1, rows.size + 1))
    last = segment_max(order, rows, num_segments=len(x))
    taken = take(new, maximum(last, 1) - 1)
    touched = (last > 0).reshape(len(x), *(1,) * (x.ndim - 1))
    return where(touched, taken, x)


@composite
def slice_update(inputs: Tensor, start_indices: Shape, updates: Tensor) -> Tensor:
    """``inputs`` with a block of other values, which begins at these numbers along each axis.

    >>> slice_update([1.0, 2.0, 3.0], (1,), [9.0])
    array([1., 9., 3.])
    """
    ends = zip(start_indices, updates.shape, strict=True)
    index = tuple(slice(int(start), int(start) + n) for start, n in ends)
    outside = np.ones(inputs.shape, bool)
    outside[index] = False
    if outside.size - outside.sum() != updates.size:
        raise ValueError(
            f"slice_update: updates of shape {updates.shape} from {tuple(start_indices)} on do not "
            f"fit into shape {inputs.shape}."
        )
    placed = slice_gradient(updates.astype(inputs.dtype), shape=inputs.shape, index=index)
    return where(outside, inputs, placed)


# ------------------------------------------------------------------------------------ segments


def segment_max_shape(x: Array, ids: Array, *, segments: int) -> tuple[Shape, DType]:
    """A row for each segment."""
    if ids.dtype.kind not in "iu" or x.shape[:1] != ids.shape:
        raise ValueError("Each row needs a whole number, that of its segment.")
    return (segments, *x.shape[1:]), x.dtype


def segment_max_workspace(x: Array, ids: Array, *, segments: int) -> list[tuple[Shape, DType]]:
    """Workspace: the numbers of segments, the place of a number of each row; x, if it is moved."""
    moved = [] if x.flags.c_contiguous else [(x.shape, x.dtype)]
    return [(ids.shape, INDEX), (ids.shape, INDEX), *moved]


@primitive(result=segment_max_shape, workspace=segment_max_workspace, flops=1)
def segment_max_(
    out: Array, x: Array, ids: Array, *, xp: Any, workspace: list[Array], segments: int
) -> None:
    """The largest row of each segment; of one without rows, the least number of the type."""
    first, place, *moved = workspace
    for copy in moved:
        xp.copyto(copy, x)
        x = copy
    least = -inf if x.dtype.kind == "f" else np_least(x.dtype)
    out.fill(least)
    if not x.size:
        return
    xp.copyto(first, ids, casting="unsafe")
    width = math.prod(x.shape[1:])
    xp.multiply(first, width, out=first)
    flat, columns = out.reshape(-1), x.reshape(len(ids), width)
    for i in range(width):
        xp.add(first, i, out=place)
        xp.maximum.at(flat, place, columns[:, i])


def np_least(dtype: DType) -> int:
    """The least number that a type of whole numbers holds."""
    return 0 if dtype.kind == "b" else int(np.iinfo(dtype).min)


def _share(g: Tensor, y: Tensor, x: Tensor, ids: Tensor, *, segments: int) -> Tensor:
    """Equal ones share the gradient."""
    hits = (x == take(y, ids)).astype(g.dtype)
    count = take_gradient(hits, ids, shape=y.shape)
    return hits * take(g / maximum(count, 1.0), ids)


segment_max_.gradient(_share, None)


def _number(num_segments: int | None, ids: Tensor) -> int:
    """How many segments there are: told, or seen, which a program that is recorded can't."""
    if num_segments is not None:
        return num_segments
    refuse_while_recording("num_segments=None")
    return int(ids.data.max(initial=-1)) + 1


def segments(data: Tensor, ids: Tensor, number: int) -> Tensor:
    """The sum of the rows of each segment; those of no segment go to one more, which is cut off."""
    kept = _or_last(ids, number)
    return take_gradient(data, kept, shape=(number + 1, *data.shape[1:]))[:number]


def _or_last(ids: Tensor, number: int) -> Tensor:
    """The numbers of segments; those of no segment go to one more."""
    ids = ids.astype(np.int64)
    return where(minimum(ids >= 0, ids < number), ids, number)


def _of_segments(function: str, data: Tensor, ids: Tensor, number: int | None) -> int:
    if ids.ndim != 1 or data.shape[:1] != ids.shape:
        raise ValueError(
            f"{function}: expected a segment for each row of data of shape {data.shape}, got "
            f"segment_ids of shape {ids.shape}."
        )
    return _number(number, ids)


@composite
def segment_sum(
    data: Tensor, segment_ids: IntegerTensor, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """The sum of the rows of each segment.

    Args:
        data: (n, ...).
        segment_ids: (n,) whole numbers, in any order; rows with others than 0 to
            ``num_segments`` - 1 count nowhere.
        num_segments: the largest number and one, if it is not told: recorded steps need it told.
        sorted: whether they are in order, which changes nothing.

    >>> segment_sum([1.0, 2.0, 3.0], [0, 0, 2], 3)
    array([3., 0., 3.])
    """
    return segments(data, segment_ids, _of_segments("segment_sum", data, segment_ids, num_segments))


@composite
def segment_max(
    data: Tensor, segment_ids: IntegerTensor, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """The largest row of each segment, as ``segment_sum``; of none, the least number there is.

    >>> segment_max([1.0, 2.0, 3.0], [0, 0, 1])
    array([2., 3.])
    """
    number = _of_segments("segment_max", data, segment_ids, num_segments)
    return segment_max_(data, _or_last(segment_ids, number), segments=number + 1)[:number]


@composite
def segment_min(
    data: Tensor, segment_ids: IntegerTensor, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """The smallest row of each segment, as ``segment_sum``; of none, the largest number there is.

    >>> segment_min([1.0, 2.0, 3.0], [0, 0, 1])
    array([1., 3.])
    """
    if data.dtype.kind == "f":
        return -segment_max(-data, segment_ids, num_segments)
    return -1 - segment_max(-1 - data, segment_ids, num_segments)


@composite
def segment_prod(
    data: Tensor, segment_ids: IntegerTensor, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """The product of the rows of each segment, as ``segment_sum``; of none, 1.

    It takes memory for each row and each segment.

    >>> segment_prod([2.0, 3.0, 4.0], [0, 0, 1])
    array([6., 4.])
    """
    from axon.ops.cumulative import prod as product

    number = _of_segments("segment_prod", data, segment_ids, num_segments)
    inside = equal(Tensor(np.arange(number))[:, None], segment_ids.astype(np.int64))
    shaped = inside.reshape(number, len(data), *(1,) * (data.ndim - 1))
    return product(where(shaped, data[None], Tensor(np.ones((), data.dtype))), axis=1).astype(
        data.dtype
    )


@composite
def bincount(
    x: IntegerTensor, weights: Tensor | None = None, minlength: int = 0, sparse: bool = False
) -> Tensor:
    """How often each whole number comes, or the sum of its weights.

    Args:
        x: (n,) or (m, n) whole numbers that are not negative; each row is counted alone.
        weights: of the shape of x.
        minlength: how many numbers are counted at least; in a recorded step, exactly so many.
        sparse: not supported.

    >>> bincount([0, 2, 2]), bincount([0, 2], weights=[0.5, 1.0], minlength=4)
    (array([1, 0, 2]), array([0.5, 0. , 1. , 0. ]))
    """
    if sparse or x.ndim not in (1, 2) or x.dtype.kind not in "iu":
        raise ValueError(
            f"bincount: expected one or two axes of whole numbers, and sparse=False, got shape "
            f"{x.shape} of {x.dtype}."
        )
    from axon.modes import modes

    fixed = modes.recorder is not None and minlength > 0
    size = minlength if fixed else max(minlength, _number(None, x))
    ones = Tensor(np.ones(x.shape, np.int64)) if weights is None else weights
    if x.ndim == 1:
        return segments(ones, x, size)
    rows = np.arange(len(x))[:, None] * size
    inside = minimum(x >= 0, x < size)
    ids = where(inside, x.astype(np.int64) + rows, -1).reshape(-1)
    return segments(ones.reshape(-1), ids, size * len(x)).reshape(len(x), size)


# ------------------------------------------------------------------------------------ one of many


@composite
def one_hot(
    x: IntegerTensor,
    num_classes: int,
    axis: int = -1,
    dtype: str | None = None,
    sparse: bool = False,
) -> Tensor:
    """A new axis with 1 at a number's place and 0 elsewhere; all 0 for numbers out of range.

    >>> one_hot([0, 2, -1], 3)
    array([[1., 0., 0.],
           [0., 0., 1.],
           [0., 0., 0.]], dtype=float32)
    """
    if sparse:
        raise ValueError("one_hot: AXON has no sparse tensors: leave out sparse=True.")
    axis = one_axis("one_hot", axis, x.ndim + 1)
    places = np.arange(num_classes).reshape((num_classes,) + (1,) * (x.ndim - axis))
    index = (*(slice(None),) * axis, None)
    return equal(x.astype(np.int64)[index], places).astype(dtype or np.float32)


@composite
def multi_hot(
    inputs: Tensor,
    num_classes: int,
    axis: int = -1,
    dtype: str | None = None,
    sparse: bool = False,
) -> Tensor:
    """1 at the place of each number along an axis, 0 elsewhere: a set as a row.

    >>> multi_hot([[0, 2], [1, 1]], 3)
    array([[1., 0., 1.],
           [0., 1., 0.]], dtype=float32)
    """
    hot = one_hot(inputs, num_classes, axis, dtype, sparse)
    members = max(inputs.ndim - 1, 0)  # the axis that the numbers lie along
    place = one_axis("multi_hot", axis, inputs.ndim + 1)
    return hot.max(members if members < place else members + 1) if inputs.ndim else hot
