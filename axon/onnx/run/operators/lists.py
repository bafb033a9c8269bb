"""Lists of tensors, which files call sequences: split, chosen from, put together again.

A list is known as such while the network runs; of what stands in it, nothing is computed.
"""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from axon import ops
from axon.onnx.run.operators.budget import allowed, spend
from axon.onnx.run.operators.operand import Operand, as_ints, as_tensor, axis_from_front
from axon.onnx.run.operators.table import operator

MAX_PARTS = 2**12


def listed(parts: Iterable[Operand]) -> Operand:
    """A list."""
    return Operand(np.zeros(0), None, tuple(parts))


def _place(at: Operand | None, count: int, last: int) -> int:
    """Where in a list, up to a last place: a known number, negative ones from the end."""
    array = np.array(last) if at is None else at.value()
    if array is None:
        raise ValueError("the place in a list depends on the data: that cannot be recorded.")
    place = as_ints(array)[0]
    if not -count <= place <= last or last < 0:
        raise ValueError(f"there is no place {place} in a list of {count}.")
    return place + count if place < 0 else place


def parts_of(given: Operand) -> tuple[Operand, ...]:
    """What stands in a list."""
    if given.parts is None:
        raise ValueError("it takes a list of tensors.")
    return given.parts


@operator("SequenceEmpty", quiet=True)
def empty(*, dtype: int = 1) -> Operand:
    """A list of none."""
    return listed(())


@operator("SequenceConstruct", quiet=True)
def construct(*xs: Operand) -> Operand:
    """A list of these."""
    return listed(xs)


@operator("SequenceInsert", quiet=True)
def insert(given: Operand, x: Operand, at: Operand | None = None, /) -> Operand:
    """A list with one more, at its end or before another."""
    parts = parts_of(given)
    if len(parts) >= MAX_PARTS:
        raise ValueError(f"a list of more than {MAX_PARTS} tensors is not made.")
    place = _place(at, len(parts), len(parts))
    return listed((*parts[:place], x, *parts[place:]))


@operator("SequenceErase", quiet=True)
def erase(given: Operand, at: Operand | None = None, /) -> Operand:
    """A list without one of them: the last, or that at a place."""
    parts = parts_of(given)
    place = _place(at, len(parts), len(parts) - 1)
    return listed((*parts[:place], *parts[place + 1 :]))


@operator("SequenceAt", quiet=True)
def at_place(given: Operand, at: Operand, /) -> Operand:
    """One of a list."""
    parts = parts_of(given)
    return parts[_place(at, len(parts), len(parts) - 1)]


@operator("SequenceLength", quiet=True)
def length(given: Operand, /) -> Operand:
    """How many stand in a list."""
    return Operand(np.array(len(parts_of(given)), np.int64))


@operator("SplitToSequence", quiet=True)
def split(
    x: Operand, sizes: Operand | None = None, /, *, axis: int = 0, keepdims: int = 1
) -> Operand:
    """Pieces along an axis: of one size, of several, or single ones."""
    axis, data = axis_from_front(axis, x.ndim), x.natural()
    full = data.shape[axis]
    if sizes is None:
        pieces = [1] * full
    else:
        told = sizes.value()
        if told is None:
            raise ValueError("the sizes of pieces depend on the data: that cannot be recorded.")
        pieces = as_ints(told) if told.ndim else _even(full, int(told))
    if min(pieces, default=0) < 0 or sum(pieces) != full or len(pieces) > MAX_PARTS:
        raise ValueError(f"pieces of {pieces[:8]} do not fit an axis of {full}.")
    ends = np.cumsum([0, *pieces]).tolist()
    before = (slice(None),) * axis
    if sizes is None and not keepdims:
        return listed(Operand(data[(*before, i)]) for i in range(full))
    return listed(Operand(data[(*before, slice(a, b))]) for a, b in pairwise(ends))


def _even(full: int, size: int) -> list[int]:
    if size < 1:
        raise ValueError(f"pieces of {size} cannot be made.")
    return [min(size, full - start) for start in range(0, full, size)]


@operator("ConcatFromSequence", quiet=True)
def concatenated(given: Operand, /, *, axis: int, new_axis: int = 0) -> Operand:
    """All of a list along an axis, or beside one another along a new one."""
    parts = parts_of(given)
    if not parts:
        raise ValueError("the list is empty.")
    axis = axis_from_front(axis, parts[0].ndim + bool(new_axis))
    total = sum(part.data.size for part in parts)
    spend("results", total)
    allowed((total,))
    if all(part.known for part in parts):
        join = np.stack if new_axis else np.concatenate
        return Operand(join([np.asarray(part.data) for part in parts], axis=axis))
    tensors = [as_tensor(part.natural()) for part in parts]
    return Operand(ops.stack(tensors, axis) if new_axis else ops.concatenate(tensors, axis=axis))


LISTS = (
    *("SequenceEmpty", "SequenceConstruct", "SequenceInsert", "SequenceErase", "SequenceAt"),
    *("SequenceLength", "SplitToSequence", "ConcatFromSequence"),
)
