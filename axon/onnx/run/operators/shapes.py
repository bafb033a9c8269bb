"""Shapes: most of these are views; sizes may be computed from those of the data."""

from math import ceil, prod
from typing import Literal

import numpy as np

from axon import ops
from axon.backend import Array
from axon.core import Tensor
from axon.onnx.run.operators.budget import allowed
from axon.onnx.run.operators.operand import (
    Attributes,
    Laid,
    Operand,
    Operands,
    along_axes,
    along_axis,
    as_read,
    axis_from_front,
    broadcast,
)
from axon.onnx.run.operators.table import Context, operator

Ints = list[int]


@operator("Transpose", quiet=True)
def transpose(x: Operand, /, *, perm: Ints | None = None) -> Operand:
    """Only the order of reading changes."""
    axes = tuple(range(x.ndim))[::-1] if perm is None else tuple(perm)
    if sorted(axes) != list(range(x.ndim)):
        raise ValueError(f"perm={axes} does not fit {x.ndim} axes.")
    return x.permuted(axes)


@operator("Identity", quiet=True)
def identity(x: Operand, /) -> Operand:
    """The same."""
    return x


@operator("Shape", quiet=True)
def shape_of(x: Operand, /, *, start: int = 0, end: int | None = None) -> Operand:
    """The sizes of the axes from ``start`` to ``end``."""
    return Operand(np.array(x.shape[start:end], np.int64))


@operator("Size", quiet=True)
def size_of(x: Operand, /) -> Operand:
    """How many numbers there are."""
    return Operand(np.array(prod(x.shape), np.int64))


@operator("Reshape")
def reshape(x: Tensor, shape: Ints, /, *, allowzero: int = 0, context: Context) -> Tensor:
    """The same elements in another shape: 0 keeps a size, one may be -1."""
    wanted = shape
    if not allowzero:
        if any(n == 0 and i >= x.ndim for i, n in enumerate(wanted)):
            raise ValueError(f"{x.ndim} axes have no size to keep for shape {wanted}.")
        wanted = [x.shape[i] if n == 0 else n for i, n in enumerate(wanted)]
    return x.reshape(_for_samples(wanted, x, context))


def _for_samples(wanted: Ints, x: Tensor, context: Context) -> Ints:
    """A shape that was written down for the file's number of samples, for today's number.

    A file that was made for one sample says ``reshape to (1, 64)`` where (n, 64) is meant.
    """
    allowed(max(n, 0) for n in wanted)
    n = context.samples
    if not context.other_samples or wanted[:1] != [context.made_for] or x.shape[:1] != (n,):
        return wanted
    rest = prod(wanted[1:])
    fits = n is not None and (rest < 0 or rest * n == x.size)
    return [n, *wanted[1:]] if fits and n is not None else wanted


@operator("Flatten")
def flatten(x: Tensor, /, *, axis: int = 1) -> Tensor:
    """Two axes: those before ``axis``, and the others."""
    axis = axis if axis == x.ndim else axis_from_front(axis, x.ndim)
    return x.reshape(prod(x.shape[:axis]), prod(x.shape[axis:]))


@operator("Squeeze", quiet=True)
def squeeze(
    x: Tensor,
    /,
    axes: Ints | None = None,
    *,
    samples_first: int = 1,
    context: Context,
) -> Tensor:
    """Leave out axes of size 1: those named, or all but that of the samples.

    Whether the first axis is that of the samples, a batch of one does not tell: ``samples_first``
    says so, which the model finds out with more.
    """
    if axes is None:
        kept = samples_first and not context.known
        gone = [i for i, n in enumerate(x.shape) if n == 1 and (i > 0 or not kept)]
    else:
        gone = [axis_from_front(i, x.ndim) for i in axes]
    if any(x.shape[i] != 1 for i in gone):
        raise ValueError(f"axes {gone} of shape {x.shape} are not all of size 1.")
    return x.reshape([n for i, n in enumerate(x.shape) if i not in gone])


@operator("Unsqueeze", quiet=True)
def unsqueeze(x: Tensor, /, axes: Ints) -> Tensor:
    """Put in axes of size 1."""
    rank = x.ndim + len(axes)
    new = {axis_from_front(i, rank) for i in axes}
    if len(new) < len(axes):
        raise ValueError(f"axes {axes} are named twice.")
    sizes = iter(x.shape)
    return x.reshape([1 if i in new else next(sizes) for i in range(rank)])


# ------------------------------------------------------------------------------------ joining


@operator("Concat", layout=along_axis)
def concat(*xs: Tensor, axis: int) -> Tensor:
    """One behind another along ``axis``."""
    allowed((sum(x.size for x in xs),))
    return ops.concatenate(list(xs), axis=axis)


@operator("Split", layout=along_axis, quiet=True)
def split(
    x: Tensor,
    /,
    split: Ints | None = None,
    *,
    axis: int = 0,
    num_outputs: int | None = None,
    pieces: int = 0,
    context: Context,
) -> list[Tensor | None]:
    """Several pieces along ``axis``; each is a view. ``pieces`` is what older AXON wrote."""
    axis = axis_from_front(axis, x.ndim)
    size, count = x.shape[axis], context.outputs
    if split is None:
        if num_outputs not in (None, count):
            raise ValueError(f"num_outputs={num_outputs}, but there are {count} outputs.")
        each = -(-size // count)
        split = [max(0, min(each, size - i * each)) for i in range(count)]
    if sum(split) != size or count > len(split) or min(split) < 0:
        raise ValueError(f"pieces of {split} do not make up {size}.")
    index, ends = (slice(None),) * axis, np.cumsum([0, *split]).tolist()
    return [x[(*index, slice(ends[i], ends[i + 1]))] for i in range(count)]


@operator("Expand")
def expand(x: Tensor, shape: Ints, /, *, context: Context) -> Tensor:
    """Repeat until there is this shape, by broadcasting."""
    wanted, n = shape, context.samples
    if context.other_samples and wanted[:1] == [context.made_for] and not context.known:
        wanted = [n or 0, *wanted[1:]]
    ends = zip(x.shape[::-1], wanted[::-1], strict=False)
    clash = context.other_samples and any(1 not in ab and ab[0] != ab[1] for ab in ends)
    if clash and context.known and x.size and (x.data == x.data.flat[0]).all():
        x = x.reshape(x.size)[:1]  # a state at the start, for the file's number of samples
    made = broadcast(x.shape, allowed(wanted))
    return x if made == x.shape else ops.broadcast_to(x, shape=made)


@operator("Tile")
def tile(x: Tensor, repeats: Ints, /) -> Tensor:
    """Repeat along each axis."""
    if len(repeats) != x.ndim:
        raise ValueError(f"{len(repeats)} repeats do not fit {x.ndim} axes.")
    sizes = list(zip(repeats, x.shape, strict=True))
    shape = allowed(r * n for r, n in sizes)
    many = x.reshape([m for _, n in sizes for m in (1, n)])
    wide = ops.broadcast_to(many, shape=allowed(m for pair in sizes for m in pair))
    return wide.reshape(shape)


# ------------------------------------------------------------------------------------ padding


def _named_axes(given: Operands, attributes: Attributes) -> Laid:
    """All axes are named, and found where they lie."""
    first, pads, axes = given[0], attributes["pads"], attributes["axes"]
    assert first is not None
    axes = [axis_from_front(i, first.ndim) for i in (range(first.ndim) if axes is None else axes)]
    if len(pads) != 2 * len(axes):
        raise ValueError(f"pads {pads} need a start and an end for each of the axes {axes}.")
    return (as_read if first.known else along_axes)(given, {**attributes, "axes": axes})


@operator("Pad", layout=_named_axes)
def pad(
    x: Tensor,
    /,
    pads: Ints,
    value: Tensor | float = 0.0,
    axes: Ints | None = None,
    *,
    mode: Literal["constant", "edge", "reflect", "wrap"] = "constant",
) -> Tensor:
    """Put something around it: a number, its edge, or its mirror image; negative pads cut off."""
    count = len(axes or ())
    ends = {axis: (pads[i], pads[i + count]) for i, axis in enumerate(axes or ())}
    around = [ends.get(i, (0, 0)) for i in range(x.ndim)]
    sides = list(zip(x.shape, around, strict=True))
    allowed(n + max(b, 0) + max(c, 0) for n, (b, c) in sides)
    x = x[tuple(slice(max(-b, 0), max(n - max(-c, 0), 0)) for n, (b, c) in sides)]
    around = [(max(b, 0), max(c, 0)) for b, c in around]
    if mode == "constant":
        return _with_constant(x, around, value)
    for axis, padding in enumerate(around):
        if any(padding):
            x = ops.take(x, np.pad(np.arange(x.shape[axis]), padding, mode=mode), axis)
    return x


def _with_constant(x: Tensor, around: list[tuple[int, int]], value: Tensor | float) -> Tensor:
    number = np.asarray(value.data if isinstance(value, Tensor) else value)
    y = ops.pad(x, padding=tuple(around)) if any(map(any, around)) else x
    if not number.size or number.flat[0] == 0 or y is x:
        return y
    alike = not any(around[0])  # for all samples
    inside = np.pad(np.ones(x.shape[alike:], bool), around[alike:])
    return ops.where(inside, y, float(number.flat[0]))


@operator("DepthToSpace")
def depth_to_space(x: Tensor, /, *, blocksize: int, mode: Literal["DCR", "CRD"] = "DCR") -> Tensor:
    """Channels become blocks of pixels."""
    n, channels, height, width = x.shape
    b = blocksize
    if b < 1 or channels % (b * b):
        raise ValueError(f"blocks of {b} x {b} do not divide {channels} channels.")
    if mode == "DCR":
        y = x.reshape(n, b, b, channels // b**2, height, width).transpose(0, 3, 4, 1, 5, 2)
    else:
        y = x.reshape(n, channels // b**2, b, b, height, width).transpose(0, 1, 4, 2, 5, 3)
    return y.reshape(n, channels // b**2, height * b, width * b)


@operator("SpaceToDepth")
def space_to_depth(x: Tensor, /, *, blocksize: int, mode: Literal["DCR", "CRD"] = "DCR") -> Tensor:
    """Blocks of pixels become channels."""
    n, channels, height, width = x.shape
    b = blocksize
    if b < 1 or height % b or width % b:
        raise ValueError(f"blocks of {b} x {b} do not divide images of {height} x {width}.")
    order = (0, 3, 5, 1, 2, 4) if mode == "DCR" else (0, 1, 3, 5, 2, 4)
    y = x.reshape(n, channels, height // b, b, width // b, b).transpose(order)
    return y.reshape(n, channels * b * b, height // b, width // b)


# ------------------------------------------------------------------------------------ known numbers


@operator("ConstantOfShape", quiet=True)
def constant_of_shape(shape: Ints, /, *, value: float = 0.0, dtype: str = "float32") -> Array:
    """A number, repeated."""
    return np.full(allowed(shape), value, np.dtype(dtype))


@operator("Range", quiet=True)
def ranged(start: Array, limit: Array, delta: Array, /, *, stash_type: int = 1) -> Array:
    """Numbers from ``start`` up to ``limit``; ``stash_type`` is about types of 16 bits."""
    ends = tuple(np.ravel(end)[0] for end in (start, limit, delta))
    if not ends[2]:
        raise ValueError("a range needs steps other than 0.")
    allowed([max(0, ceil((float(ends[1]) - float(ends[0])) / float(ends[2])))])
    return np.arange(*ends, dtype=start.dtype)


@operator("EyeLike", quiet=True)
def eye_like(x: Tensor, /, *, dtype: str | None = None, k: int = 0) -> Array:
    """1 on a diagonal, 0 elsewhere."""
    rows, columns = allowed(x.shape)
    return np.eye(rows, columns, k, dtype=np.dtype(dtype or x.dtype))
