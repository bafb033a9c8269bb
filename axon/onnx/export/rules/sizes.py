"""Sizes that depend on the batch: what is 3 for one sample and 6 for two is 3 * batch."""

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple


class BatchSize(NamedTuple):
    """``times * batch + more``: a size that follows the number of samples."""

    times: int
    more: int = 0

    def __str__(self) -> str:
        factor = "" if self.times == 1 else f"{self.times} * "
        return f"{factor}batch{f' + {self.more}' if self.more else ''}"


Size = int | BatchSize
Sizes = tuple[Size, ...]


class NotAffineError(ValueError):
    """What differs between two recordings is no multiple of the batch size."""


def merged(values: Sequence[Any], batches: Sequence[int]) -> Any:
    """Say what a size, or a slice or tuple of them, is for any batch, given what it is for some.

    Raises:
        NotAffineError: it is not ``times * batch + more``.

    >>> merged([(2, 7), (3, 7), (5, 7)], [2, 3, 5])
    (BatchSize(times=1, more=0), 7)
    >>> merged([4, 9, 25], [2, 3, 5])
    Traceback (most recent call last):
    axon.onnx.export.rules.sizes.NotAffineError: 4, 9, 25
    """
    first = values[0]
    if all(type(v) is type(first) for v in values):
        if isinstance(first, tuple) and len({len(v) for v in values}) == 1:
            return tuple(merged(parts, batches) for parts in zip(*values, strict=True))
        if isinstance(first, slice):
            ends = [merged([getattr(v, e) for v in values], batches) for e in _ENDS]
            return slice(*ends)
        if all(v == first for v in values[1:]):
            return first
        if type(first) is int:
            return _affine(values, batches)
    raise NotAffineError(", ".join(map(str, values)))


_ENDS = ("start", "stop", "step")


def _affine(values: Sequence[int], batches: Sequence[int]) -> BatchSize:
    times, rest = divmod(values[1] - values[0], batches[1] - batches[0])
    size = BatchSize(times, values[0] - times * batches[0])
    same = all(size.times * n + size.more == v for n, v in zip(batches, values, strict=True))
    if rest or not same:
        raise NotAffineError(", ".join(map(str, values)))
    return size


def is_batch(size: Any) -> bool:
    """Whether a size follows the number of samples."""
    return isinstance(size, BatchSize)


def divided(size: Size, by: int) -> Size:
    """A size divided by a number that divides it.

    >>> divided(BatchSize(6), 3), divided(6, 3)
    (BatchSize(times=2, more=0), 2)
    """
    if not isinstance(size, BatchSize):
        return size // by
    return BatchSize(size.times // by, size.more // by)


def broadcast(*shapes: Sizes) -> Sizes:
    """The shape that several broadcast to; they are known to fit.

    >>> broadcast((BatchSize(1), 1, 3), (4, 1))
    (BatchSize(times=1, more=0), 4, 3)
    """
    rank = max(map(len, shapes))
    padded = [(1,) * (rank - len(shape)) + tuple(shape) for shape in shapes]
    return tuple(next((n for n in sizes if n != 1), 1) for sizes in zip(*padded, strict=True))


def count(shape: Sequence[Size]) -> int | None:
    """How many elements there are, if that does not follow the batch."""
    fixed = [n for n in shape if not isinstance(n, BatchSize)]
    return prod(fixed) if len(fixed) == len(shape) else None


def total(sizes: Sequence[Size]) -> Size:
    """The sum of sizes.

    >>> total([BatchSize(2), 3, BatchSize(1, 1)]), total([2, 3])
    (BatchSize(times=3, more=4), 5)
    """
    parts = [n if isinstance(n, BatchSize) else BatchSize(0, n) for n in sizes]
    times, more = sum(n.times for n in parts), sum(n.more for n in parts)
    return BatchSize(times, more) if times else more
