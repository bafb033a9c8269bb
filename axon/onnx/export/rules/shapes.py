"""Views, selections, and joining."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from axon.backend import DType
from axon.onnx.export.rules.elementwise import INT64
from axon.onnx.export.rules.sizes import BatchSize, Size, Sizes, count, is_batch, scaled, total
from axon.onnx.export.rules.values import Value
from axon.onnx.export.rules.writer import FIRST, LAST, AxisIndex, Deferred, Rule, Writer
from axon.onnx.ir import inverse


def reshape(graph: Writer, x: Value, shape: Sizes) -> Value:
    """The same elements in another shape."""
    return x.reshaped(graph.result.shape)


def transpose(graph: Writer, x: Value, axes: Sequence[int]) -> Value:
    """The axes in another order."""
    return x.transposed(axes)


# ------------------------------------------------------------------------------------ slices


class Slice(NamedTuple):
    """A slice along one axis."""

    axis: int
    start: Size | None
    stop: Size | None
    step: int


def slice_(graph: Writer, x: Value, index: Any) -> Value:
    """x[index], for numbers, slices, ``...`` and None."""
    several = isinstance(index, tuple) and not isinstance(index, BatchSize)
    parts = _for_each_axis(index if several else (index,), x.ndim)
    found = _of_constant(graph, x, parts)
    if found is None and isinstance(x.made, Deferred) and None not in parts:
        found = x.made.part(graph, parts)
    return found or _selected(graph, x, parts)


def _of_constant(graph: Writer, x: Value, parts: Sequence[AxisIndex]) -> Value | None:
    """A part of known numbers, unless it is cut along an axis that follows the batch."""
    along = zip((p for p in parts if p is not None), x.shape, strict=True)
    if x.array is None or any(isinstance(n, BatchSize) and p != slice(None) for p, n in along):
        return None
    if any(isinstance(p, slice) and (is_batch(p.start) or is_batch(p.stop)) for p in parts):
        return None
    index: Any = tuple(parts)
    array = x.array[index]
    return Value(graph.result.shape, x.dtype, array=array, label=x.label)


def _selected(graph: Writer, x: Value, parts: Sequence[AxisIndex]) -> Value:
    """Slices first, then single numbers, then new axes."""
    along = [p for p in parts if p is not None]
    slices = [(axis, p) for axis, p in enumerate(along) if isinstance(p, slice)]
    cuts = [Slice(axis, p.start, p.stop, p.step or 1) for axis, p in slices]
    cuts = [cut for cut in cuts if cut[1:] != (None, None, 1)]
    kept = [p for p in parts if p is None or isinstance(p, slice)]  # what leaves an axis
    sizes = iter([n for n, p in zip(graph.result.shape, kept, strict=True) if p is not None])
    left = [next(sizes) if isinstance(p, slice) else n for p, n in zip(along, x.shape, strict=True)]
    for cut in cuts:
        if cut[1:] == (None, None, -1):
            x = x.reversed(cut.axis)
    y = _sliced(graph, x, [cut for cut in cuts if cut[1:] != (None, None, -1)], tuple(left))
    for axis, part in reversed(list(enumerate(along))):
        if not isinstance(part, slice):
            y = _row(graph, y, axis, part)
    return y.reshaped(graph.result.shape)


def _for_each_axis(index: tuple[Any, ...], ndim: int) -> list[AxisIndex]:
    """The index with one entry for each axis, and None where one is added."""
    given = sum(p is not None and p is not Ellipsis for p in index)
    rest = [slice(None)] * (ndim - given)
    parts: list[AxisIndex] = []
    for p in index if Ellipsis in index else (*index, Ellipsis):
        parts += rest if p is Ellipsis else [p]
    return parts


def _sliced(graph: Writer, x: Value, cuts: Sequence[Slice], shape: Sizes) -> Value:
    """Apply slices, beneath a transpose."""
    if not cuts:
        return x
    if view := x.beneath("transpose"):
        moved = [cut._replace(axis=view.axes[cut.axis]) for cut in cuts]
        beneath = tuple(shape[a] for a in inverse(view.axes))
        return _sliced(graph, view.base, moved, beneath).transposed(view.axes)
    blocks = _blocks(graph, x, cuts, shape)
    if blocks is not None:
        return blocks
    starts = [_end(cut.start, 0 if cut.step > 0 else LAST) for cut in cuts]
    stops = [_end(cut.stop, LAST if cut.step > 0 else FIRST) for cut in cuts]
    ends = graph.sizes(starts), graph.sizes(stops)
    axes = graph.constant([cut.axis for cut in cuts], INT64)
    steps = [cut.step for cut in cuts]
    last = [graph.constant(steps, INT64)] if set(steps) != {1} else []
    return graph.op("Slice", x, *ends, axes, *last, shape=shape, dtype=x.dtype)


def _end(place: Size | None, otherwise: int) -> Size:
    return otherwise if place is None else place


def _blocks(graph: Writer, x: Value, cuts: Sequence[Slice], shape: Sizes) -> Value | None:
    """Rows a * batch to b * batch of time * batch rows: steps a to b, whatever the batch."""
    if len(cuts) != 1 or cuts[0].axis or cuts[0].step != 1:
        return None
    ends = x.shape[0], cuts[0].start or BatchSize(0), cuts[0].stop or x.shape[0]
    times = [n.times for n in ends if isinstance(n, BatchSize) and n[1:] == (0, "batch")]
    if len(times) < len(ends):
        return None
    steps, start, stop = times
    blocks = x.reshaped((steps, BatchSize(1), *x.shape[1:]))
    some = (stop - start, *blocks.shape[1:])
    return _sliced(graph, blocks, [Slice(0, start, stop, 1)], some).reshaped(shape)


def _row(graph: Writer, x: Value, axis: int, number: Size) -> Value:
    """x[..., number, ...], without that axis."""
    shape = x.shape[:axis] + x.shape[axis + 1 :]
    if x.shape[axis] == 1:
        return x.reshaped(shape)
    if isinstance(number, BatchSize):
        place = graph.sizes((number,)).reshaped(())
    else:
        place = graph.constant(int(number), INT64)
    return graph.op("Gather", x, place, axis=axis, shape=shape, dtype=x.dtype)


# ------------------------------------------------------------------------------------ rows, joining


def take(graph: Writer, x: Value, indices: Value) -> Value:
    """Rows by number."""
    shape, dtype = graph.result
    return graph.op("Gather", x, graph.cast(indices, INT64), axis=0, shape=shape, dtype=dtype)


def concatenate(graph: Writer, *xs: Value, axis: int = -1) -> Value:
    """One behind another; in the order of axes that one of them has beneath its view."""
    shape, dtype = graph.result
    parts, along = [graph.cast(x, dtype) for x in xs], axis % len(shape)
    for x in parts:
        if view := x.beneath("transpose"):
            back, place = inverse(view.axes), view.axes[along]
            beneath = [p.transposed(back) for p in parts]
            sizes = tuple(shape[a] for a in back)
            joined = graph.op("Concat", *beneath, axis=place, shape=sizes, dtype=dtype)
            return joined.transposed(view.axes)
    if len({n.of for x in parts if isinstance(n := x.shape[along], BatchSize)}) > 1:
        return graph.op("Concat", *parts, axis=along, shape=shape, dtype=dtype)
    return Value(shape, dtype, made=Joined(graph.scope, along, parts, dtype))


class Joined:
    """Values one behind another, written as such only if more is read than one of them."""

    def __init__(self, scope: str, axis: int, parts: Sequence[Value], dtype: DType) -> None:
        self.scope, self.axis, self.parts, self.dtype = scope, axis, parts, dtype

    def full(self, graph: Writer) -> Value:
        """All of them."""
        shape = self._shape(self.parts)
        return graph.op("Concat", *self.parts, axis=self.axis, shape=shape, dtype=self.dtype)

    def _shape(self, parts: Sequence[Value]) -> Sizes:
        first, at = parts[0].shape, self.axis
        sizes = [part.shape[at] for part in parts]
        return (*first[:at], total(sizes), *first[at + 1 :])

    def part(self, graph: Writer, index: Sequence[AxisIndex]) -> Value | None:
        """One of them, or some, or the same of each."""
        chosen = [axis for axis, p in enumerate(index) if p != slice(None)]
        if len(chosen) != 1:
            return None
        (axis,) = chosen
        if axis == self.axis:
            return self._along(graph, axis, index[axis])
        return self._across(graph, axis, index)

    def _along(self, graph: Writer, axis: int, wanted: AxisIndex) -> Value | None:
        """Those pieces, each of size 1, that the index names."""
        if any(part.shape[axis] != 1 for part in self.parts) or isinstance(
            wanted, BatchSize | None
        ):
            return None
        if isinstance(wanted, int):
            return self.parts[wanted].reshaped(graph.result.shape)
        try:
            some = self.parts[wanted]
        except TypeError:  # an end that follows the batch
            return None
        made = Joined(self.scope, axis, some, self.dtype)
        return Value(graph.result.shape, self.dtype, made=made) if some else None

    def _across(self, graph: Writer, axis: int, index: Sequence[AxisIndex]) -> Value | None:
        """A single place along another axis, of each piece."""
        if not isinstance(index[axis], int):
            return None
        result, pieces = graph.result, []
        for part in self.parts:
            shape = part.shape[:axis] + part.shape[axis + 1 :]
            graph.result = result._replace(shape=shape)
            pieces.append(slice_(graph, part, tuple(index)))
        graph.result = result
        at = self.axis - (axis < self.axis)
        return Value(result.shape, self.dtype, made=Joined(self.scope, at, pieces, self.dtype))


def pad(graph: Writer, x: Value, padding: Sequence[tuple[int, int]]) -> Value:
    """Zeros around, beneath a transpose."""
    shape = tuple(_more(n, sum(ends)) for n, ends in zip(x.shape, padding, strict=True))
    if view := x.beneath("transpose"):
        beneath = pad(graph, view.base, [padding[a] for a in inverse(view.axes)])
        return beneath.transposed(view.axes)
    ends = [before for before, _ in padding] + [after for _, after in padding]
    return graph.op("Pad", x, graph.constant(ends, INT64), shape=shape) if ends else x


def _more(size: Size, more: int) -> Size:
    return size._replace(more=size.more + more) if isinstance(size, BatchSize) else size + more


# ------------------------------------------------------------------------------------ stretching


def broadcast_to(graph: Writer, x: Value, shape: Sizes) -> Value:
    """Repeat x until it has this shape."""
    if x.shape == tuple(shape):
        return x
    larger = _larger_images(graph, x, shape)
    if larger is not None:
        return larger
    missing = len(shape) - x.ndim
    stays = [n if i < missing or x.shape[i - missing] != n else 1 for i, n in enumerate(shape)]
    return graph.op("Expand", x, graph.sizes(stays), shape=tuple(shape))


def _larger_images(graph: Writer, x: Value, shape: Sizes) -> Value | None:
    """Repeated pixels, (N, H, 1, W, 1, C) -> (N, H, KH, W, KW, C): an operator of its own."""
    view = x.beneath("reshape")
    if x.ndim != 6 or view is None:
        return None
    N, H, KH, W, KW, C = shape
    if x.shape != (N, H, 1, W, 1, C):
        return None
    flat = view.base.ndim == 3 and H == 1 == KH
    images: Any = x.reshaped((N, W, C) if flat else (N, H, W, C))
    times = (KW,) if flat else (KH, KW)
    return resized(graph, images, times).reshaped(shape)


def resized(graph: Writer, x: Value, times: Sequence[Any], mode: str = "nearest") -> Value:
    """Images (N, ..., C), larger by integer factors."""
    axes = range(1, x.ndim - 1)
    first = x.transposed((0, x.ndim - 1, *axes))
    sizes = tuple(scaled(n, k, graph.trials) for n, k in zip(first.shape[2:], times, strict=True))
    scales = graph.constant([1.0, 1.0, *map(float, times)], np.float32)
    nearest = mode == "nearest"
    y = graph.op(
        "Resize",
        *(first, None, scales),
        mode=mode,
        coordinate_transformation_mode="asymmetric" if nearest else "half_pixel",
        nearest_mode="floor" if nearest else None,
        shape=(*first.shape[:2], *sizes),
    )
    return y.transposed((0, *(a + 1 for a in axes), 1))


# ------------------------------------------------------------------------------------ put, added


def put(graph: Writer, x: Value, places: Value, size: Size) -> Value:
    """Zeros, with numbers at places along the second axis."""
    return _scattered(graph, x, places, axis=1, reduction=None)


def take_gradient(graph: Writer, g: Value, indices: Value, shape: Sizes) -> Value:
    """Rows added up where they belong."""
    many = count(indices.shape) if indices.ndim != 1 else indices.shape[0]
    if many is None:
        raise NotImplementedError("rows of several free sizes are added up.")
    rows = g.reshaped((many, *g.shape[indices.ndim :]))
    places = indices.reshaped((many, *(1,) * (rows.ndim - 1)))
    return _scattered(graph, rows, broadcast_to(graph, places, rows.shape), 0, "add")


def _scattered(graph: Writer, x: Value, places: Value, axis: int, reduction: str | None) -> Value:
    (shape, dtype), at = graph.result, graph.cast(places, INT64)
    nothing = graph.op("Expand", graph.constant(0, dtype), graph.sizes(shape), shape=shape)
    return graph.op(
        *("ScatterElements", nothing, at, graph.cast(x, dtype)),
        axis=axis, reduction=reduction, shape=shape, dtype=dtype,
    )  # fmt: skip


RULES: dict[str, Rule] = {
    "put": put,
    "take_gradient": take_gradient,
    "reshape": reshape,
    "transpose": transpose,
    "broadcast_to": broadcast_to,
    "slice": slice_,
    "take": take,
    "lookup": take,
    "concatenate": concatenate,
    "pad": pad,
}
