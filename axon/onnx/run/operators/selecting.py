"""Parts of a tensor: by numbers, by slices, by their place among the largest."""

from typing import Any

import numpy as np

from axon import ops
from axon.core import Tensor
from axon.onnx.run.operators.reshaping import taken_along
from axon.onnx.run.operators.table import operator
from axon.onnx.run.operators.values import Value, as_ints, by_axes, room, same_tensor, whole_axis

A = dict[str, Any]


def _slices_arranged(given: Any, a: A) -> Any:
    first: Value = given[0]
    count = len(as_ints(a["starts"]))
    axes = list(range(count)) if a.get("axes") is None else as_ints(a["axes"])
    axes = [whole_axis(i, first.data.ndim) for i in axes]
    if len(axes) != count or len(set(axes)) < count or len(as_ints(a["ends"])) != count:
        raise ValueError("starts, ends and axes must name each axis once.")
    return by_axes(given, {**a, "axes": axes})


SLICE = {1: "starts", 2: "ends", 3: "axes", 4: "steps"}


@operator("Slice", arrange=_slices_arranged, static=SLICE, quiet=True)
def sliced(a: A, x: Tensor) -> Tensor:
    """From ``starts`` to ``ends``, along some axes: a view."""
    starts, ends = as_ints(a["starts"]), as_ints(a["ends"])
    steps = as_ints(a["steps"]) if a.get("steps") is not None else [1] * len(starts)
    index = [slice(None)] * x.ndim
    for axis, start, end, step in zip(a["axes"], starts, ends, steps, strict=True):
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


def _is_number(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.ndim == 0


@operator("Gather")
def gather(a: A, x: Any, places: Any) -> Any:
    """The slices with these numbers along ``axis``."""
    x = same_tensor(x)
    axis = whole_axis(a.get("axis", 0), x.ndim)
    if not _is_number(places):
        room((*places.shape, *x.shape[:axis], *x.shape[axis + 1 :]))
        return ops.take(x, places) if axis == 0 else taken_along(x, places, axis)
    number = int(places)
    if not -x.shape[axis] <= number < x.shape[axis]:
        raise ValueError(f"number {number} is out of range for {x.shape[axis]} slices.")
    return x[(*(slice(None),) * axis, number)]


@operator("ArrayFeatureExtractor")
def features(a: A, x: Any, places: Any) -> Any:
    """Some columns."""
    return gather({"axis": -1}, x, np.ravel(places) if isinstance(places, np.ndarray) else places)


@operator("GatherElements")
def gather_elements(a: A, x: Any, places: Any) -> Any:
    """For each place a number along ``axis``, where to look in its row."""
    x, places = same_tensor(x), same_tensor(places)
    axis = whole_axis(a.get("axis", 0), x.ndim)
    steps = [int(np.prod(x.shape[i + 1 :])) for i in range(x.ndim)]
    grids = np.indices(room(places.shape), sparse=True)
    others = sum(g * s for i, (g, s) in enumerate(zip(grids, steps, strict=True)) if i != axis)
    counted = _from_front(places.astype(np.int64), x.shape[axis])
    return ops.take(x.reshape(x.size), counted * steps[axis] + np.asarray(others, np.int64))


def _from_front(places: Tensor, size: int) -> Tensor:
    return ops.where(places < 0, places + size, places)


@operator("GatherND")
def gather_nd(a: A, x: Any, places: Any) -> Any:
    """The slices whose numbers along the first axes are the last axis of ``places``."""
    x, places = same_tensor(x), same_tensor(places)
    depth = places.shape[-1]
    if a.get("batch_dims") or not 1 <= depth <= x.ndim:
        raise ValueError(f"places of {depth} numbers, or batch_dims, do not fit {x.ndim} axes.")
    sizes, rest = x.shape[:depth], x.shape[depth:]
    row: Any = 0
    room((*places.shape[:-1], *rest))
    for i, size in enumerate(sizes):
        number = places[..., i].astype(np.int64)
        row = row * size + _from_front(number, size)
    return ops.take(x.reshape((int(np.prod(sizes)), *rest)), row)


# ------------------------------------------------------------------------------------ by rank


def _arg(a: A, x: Any, sign: int) -> Any:
    x = same_tensor(x)
    axis = whole_axis(a.get("axis", 0), x.ndim)
    x = x if sign > 0 else -x
    last = bool(a.get("select_last_index"))
    if last:
        x = x[(*(slice(None),) * axis, slice(None, None, -1))]
    found = ops.argmax(x, axis=axis).astype(np.int64)
    found = x.shape[axis] - 1 - found if last else found
    if not a.get("keepdims", 1):
        return found
    return found.reshape([1 if i == axis else n for i, n in enumerate(x.shape)])


@operator("ArgMax")
def argmax(a: A, x: Any) -> Any:
    """Where the largest stands along ``axis``."""
    return _arg(a, x, 1)


@operator("ArgMin")
def argmin(a: A, x: Any) -> Any:
    """Where the smallest stands along ``axis``."""
    return _arg(a, x, -1)


def _non_zero(a: A, x: Any) -> Any:
    return np.array(np.nonzero(x), np.int64).reshape(max(x.ndim, 1), -1)


@operator("NonZero", host=_non_zero, quiet=True)
def non_zero(a: A, x: Any) -> Any:
    """Where something other than 0 stands: as many as there are, so it has to be known."""
    raise ValueError("how many numbers are not 0 depends on the data.")


@operator("OneHot", static={1: "depth"})
def one_hot(a: A, numbers: Any, values: Any) -> Any:
    """A new axis, with one value at a number's place and the other elsewhere."""
    numbers, values = same_tensor(numbers), same_tensor(values)
    depth = as_ints(a["depth"])[0]
    axis = whole_axis(a.get("axis", -1), numbers.ndim + 1)
    room((*numbers.shape, depth))
    counted = ops.where(numbers < 0, numbers + depth, numbers)
    index = (*(slice(None),) * axis, None)
    places = np.arange(depth).reshape((depth,) + (1,) * (numbers.ndim - axis))
    return ops.where(ops.equal(counted[index], places), values[1], values[0])


def _kept(a: A, shape: Any) -> Any:
    shift = as_ints(a["k"])[0] if a.get("k") is not None else 0
    rows, columns = shape[-2:]
    if a.get("upper", 1):
        return ~np.tri(rows, columns, shift - 1, dtype=bool)
    return np.tri(rows, columns, shift, dtype=bool)


@operator("Trilu", static={1: "k"})
def trilu(a: A, x: Any) -> Any:
    """What lies on one side of the diagonal; 0 elsewhere."""
    x = same_tensor(x)
    if x.ndim < 2:
        raise ValueError("expected matrices.")
    return ops.where(_kept(a, x.shape), x, Tensor(np.zeros((), x.dtype)))


def _eye(a: A, x: Any) -> Any:
    rows, columns = room(x.shape)
    return np.eye(rows, columns, a.get("k", 0), dtype=np.dtype(a.get("dtype", "float32")))


@operator("EyeLike", host=_eye, quiet=True)
def eye(a: A, x: Any) -> Any:
    """1 on a diagonal, 0 elsewhere."""
    return _eye(a, x)
