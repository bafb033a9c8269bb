"""Shapes: most of these are views; sizes may be computed from those of the data."""

from typing import Any

import numpy as np

from axon import ops
from axon.core import Tensor
from axon.onnx.run.operators.table import operator
from axon.onnx.run.operators.values import (
    along,
    as_ints,
    broadcast,
    by_axes,
    plain,
    room,
    same_tensor,
    whole_axis,
)

A = dict[str, Any]


@operator("Reshape", static={1: "shape"})
def reshape(a: A, x: Tensor) -> Tensor:
    """The same elements in another shape: 0 keeps a size, one may be -1."""
    wanted = as_ints(a["shape"])
    if not a.get("allowzero"):
        if any(n == 0 and i >= x.ndim for i, n in enumerate(wanted)):
            raise ValueError(f"{x.ndim} axes have no size to keep for shape {wanted}.")
        wanted = [x.shape[i] if n == 0 else n for i, n in enumerate(wanted)]
    return x.reshape(_for_batch(wanted, x, a))


def _for_batch(wanted: list[int], x: Tensor, a: A) -> list[int]:
    """A shape that was written down for the file's number of samples, for today's number.

    A file that was made for one sample says ``reshape to (1, 64)`` where (n, 64) is meant.
    """
    room([max(n, 0) for n in wanted])
    made_for, n = a.get("batch", (None, None))
    if made_for in (None, n) or not wanted or wanted[0] != made_for or x.shape[:1] != (n,):
        return wanted
    rest = int(np.prod(wanted[1:]))
    fits = rest < 0 or rest * n == x.size
    return [n, *wanted[1:]] if fits else wanted


@operator("Flatten")
def flatten(a: A, x: Tensor) -> Tensor:
    """Two axes: those before ``axis``, and the others."""
    axis = a.get("axis", 1)
    axis = axis if axis == x.ndim else whole_axis(axis, x.ndim)
    return x.reshape(int(np.prod(x.shape[:axis])), int(np.prod(x.shape[axis:])))


@operator("Squeeze", static={1: "axes"}, quiet=True)
def squeeze(a: A, x: Tensor) -> Tensor:
    """Leave out axes of size 1: those named, or all but that of the samples.

    Whether the first axis is that of the samples, a batch of one does not tell: ``samples_first``
    says so, which the model finds out with more.
    """
    if a.get("axes") is None:
        kept = not a.get("known") and a.get("samples_first", 1)
        gone = [i for i, n in enumerate(x.shape) if n == 1 and (i > 0 or not kept)]
        a["node"].first = x.shape[:1]
    else:
        gone = [whole_axis(i, x.ndim) for i in as_ints(a["axes"])]
    if any(x.shape[i] != 1 for i in gone):
        raise ValueError(f"axes {gone} of shape {x.shape} are not all of size 1.")
    return x.reshape([n for i, n in enumerate(x.shape) if i not in gone])


@operator("Unsqueeze", static={1: "axes"}, quiet=True)
def unsqueeze(a: A, x: Tensor) -> Tensor:
    """Put in axes of size 1."""
    given = as_ints(a["axes"])
    rank = x.ndim + len(given)
    new = {whole_axis(i, rank) for i in given}
    if len(new) < len(given):
        raise ValueError(f"axes {given} are named twice.")
    sizes = iter(x.shape)
    return x.reshape([1 if i in new else next(sizes) for i in range(rank)])


# ------------------------------------------------------------------------------------ joining


@operator("Concat", arrange=along)
def concat(a: A, *xs: Any) -> Any:
    """One behind another along ``axis``."""
    room((sum(x.size for x in xs),))
    return ops.concatenate([same_tensor(x) for x in xs], axis=a["axis"])


def _split_arranged(given: Any, a: A) -> Any:
    return along(given, {**a, "axis": a.get("axis", 0)})


def _part(a: A, x: Tensor, number: int) -> Tensor:
    """One of the pieces."""
    sizes = _sizes(a, x)
    if sum(sizes) != x.shape[a["axis"]] or number >= len(sizes) or min(sizes) < 0:
        raise ValueError(f"pieces of {sizes} do not make up {x.shape[a['axis']]}.")
    start = sum(sizes[:number])
    index = (slice(None),) * whole_axis(a["axis"], x.ndim)
    return x[(*index, slice(start, start + sizes[number]))]


def _sizes(a: A, x: Tensor) -> list[int]:
    if a.get("split") is not None:
        return as_ints(a["split"])
    size, count = x.shape[a["axis"]], a["pieces"]
    if a.get("num_outputs", count) != count:
        raise ValueError(f"num_outputs={a['num_outputs']}, but there are {count} outputs.")
    each = -(-size // count)
    return [max(0, min(each, size - i * each)) for i in range(count)]


@operator("Split", arrange=_split_arranged, static={1: "split"}, pick=_part, quiet=True)
def split(a: A, x: Tensor) -> Tensor:
    """Several pieces along ``axis``; each is a view."""
    return x


@operator("Expand", static={1: "shape"})
def expand(a: A, x: Tensor) -> Any:
    """Repeat until there is this shape, by broadcasting."""
    wanted = as_ints(a["shape"])
    made_for, n = a.get("batch", (None, None))
    if made_for not in (None, n) and wanted[:1] == [made_for] and not a.get("known"):
        wanted = [n, *wanted[1:]]
    ends = zip(x.shape[::-1], wanted[::-1], strict=False)
    clash = made_for not in (None, n) and any(1 not in ab and ab[0] != ab[1] for ab in ends)
    if clash and a.get("known") and x.size and (x.data == x.data.flat[0]).all():
        x = x.reshape(x.size)[:1]  # a state at the start, for the file's number of samples
    shape = broadcast(x.shape, room(wanted))
    return x if shape == x.shape else ops.broadcast_to(x, shape=shape)


@operator("Tile", static={1: "repeats"})
def tile(a: A, x: Tensor) -> Any:
    """Repeat along each axis."""
    repeats = as_ints(a["repeats"])
    if len(repeats) != x.ndim:
        raise ValueError(f"{len(repeats)} repeats do not fit {x.ndim} axes.")
    sizes = list(zip(repeats, x.shape, strict=True))
    shape = room(r * n for r, n in sizes)
    many = x.reshape([m for _, n in sizes for m in (1, n)])
    wide = ops.broadcast_to(many, shape=room(m for pair in sizes for m in pair))
    return wide.reshape(shape)


# ------------------------------------------------------------------------------------ padding


def _pads_by_axes(given: Any, a: A) -> Any:
    first = given[0]
    axes = a.get("axes")
    rank = first.data.ndim
    axes = list(range(rank)) if axes is None else [whole_axis(i, rank) for i in as_ints(axes)]
    pads = as_ints(a["pads"])
    if len(pads) != 2 * len(axes):
        raise ValueError(f"pads {pads} need a start and an end for each of the axes {axes}.")
    if first.known:
        return plain(given, {**a, "axes": axes})
    return by_axes(given, {**a, "axes": axes})


@operator("Pad", arrange=_pads_by_axes, static={1: "pads", 3: "axes"})
def pad(a: A, x: Any, value: Any = None) -> Any:
    """Put something around it: a number, its edge, or its mirror image; negative pads cut off."""
    pads, axes = as_ints(a["pads"]), a["axes"]
    ends = {axis: (pads[i], pads[i + len(axes)]) for i, axis in enumerate(axes)}
    around = tuple(ends.get(i, (0, 0)) for i in range(x.ndim))
    room(n + max(b, 0) + max(c, 0) for n, (b, c) in zip(x.shape, around, strict=True))
    x = x[
        tuple(
            slice(max(-b, 0), max(n - max(-c, 0), 0))
            for n, (b, c) in zip(x.shape, around, strict=True)
        )
    ]
    around = tuple((max(b, 0), max(c, 0)) for b, c in around)
    mode = a.get("mode", "constant")
    if mode == "constant":
        return _with_constant(x, around, a.get("value", 0.0) if value is None else value)
    for axis, (before, after) in enumerate(around):
        if before or after:
            places = np.pad(np.arange(x.shape[axis]), (before, after), mode=mode)
            x = taken_along(x, places, axis)
    return x


def _with_constant(x: Tensor, around: Any, value: Any) -> Any:
    number = np.asarray(value.data if isinstance(value, Tensor) else value)
    y = ops.pad(x, padding=around) if any(map(any, around)) else x
    if not number.size or number.flat[0] == 0 or y is x:
        return y
    inside = np.pad(np.ones(x.shape[1:], bool), around[1:]) if not any(around[0]) else None
    if inside is None:
        inside = np.pad(np.ones(x.shape, bool), around)
    return ops.where(inside, y, float(number.flat[0]))


def taken_along(x: Tensor, places: Any, axis: int) -> Tensor:
    """The elements at these places along an axis."""
    order = (axis, *(i for i in range(x.ndim) if i != axis))
    rows = ops.take(x.transpose(order), places)
    extra = rows.ndim - x.ndim + 1  # axes of the places
    moved = rows.transpose((*range(extra), *(extra + i for i in range(x.ndim - 1))))
    back = (*range(extra, extra + axis), *range(extra), *range(extra + axis, rows.ndim))
    return moved.transpose(back)


@operator("DepthToSpace")
def depth_to_space(a: A, x: Tensor) -> Tensor:
    """Channels become blocks of pixels."""
    n, channels, height, width = x.shape
    b = int(a["blocksize"])
    if b < 1 or channels % (b * b):
        raise ValueError(f"blocks of {b} x {b} do not divide {channels} channels.")
    if a.get("mode", "DCR") == "DCR":
        y = x.reshape(n, b, b, channels // b**2, height, width).transpose(0, 3, 4, 1, 5, 2)
    else:
        y = x.reshape(n, channels // b**2, b, b, height, width).transpose(0, 1, 4, 2, 5, 3)
    return y.reshape(n, channels // b**2, height * b, width * b)


@operator("SpaceToDepth")
def space_to_depth(a: A, x: Tensor) -> Tensor:
    """Blocks of pixels become channels."""
    n, channels, height, width = x.shape
    b = int(a["blocksize"])
    if b < 1 or height % b or width % b:
        raise ValueError(f"blocks of {b} x {b} do not divide images of {height} x {width}.")
    y = x.reshape(n, channels, height // b, b, width // b, b).transpose(0, 3, 5, 1, 2, 4)
    return y.reshape(n, channels * b * b, height // b, width // b)


# ------------------------------------------------------------------------------------ known numbers


def _filled(a: A) -> Any:
    value = a.get("value", 0.0)
    return np.full(room(as_ints(a["shape"])), value, np.dtype(a.get("dtype", "float32")))


@operator("ConstantOfShape", static={0: "shape"}, host=_filled, quiet=True)
def constant_of_shape(a: A) -> Any:
    """A number, repeated."""
    return _filled(a)


def _ranged(a: A) -> Any:
    start, limit, delta = (np.ravel(a[key])[0] for key in ("start", "limit", "delta"))
    if not delta:
        raise ValueError("a range needs steps other than 0.")
    room([max(0, int(np.ceil((float(limit) - float(start)) / float(delta))))])
    return np.arange(start, limit, delta, dtype=np.asarray(a["start"]).dtype)


RANGE = {0: "start", 1: "limit", 2: "delta"}


@operator("Range", static=RANGE, host=_ranged, quiet=True)
def ranged(a: A) -> Any:
    """Numbers from ``start`` up to ``limit``."""
    return _ranged(a)


for _name in ("Transpose", "Identity", "Shape", "Size"):  # answered by the node itself

    @operator(_name, quiet=True)
    def as_it_is(a: A, x: Tensor) -> Tensor:
        """Nothing is computed."""
        return x
