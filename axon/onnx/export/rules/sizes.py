"""Sizes that depend on the batch: what is 3 for one sample and 6 for two is 3 * batch.

Other axes may be free as well. Their names stand for them; what is no multiple of such a name, nor
of a product of several, is known by what it was in each trial.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import gcd, prod
from typing import Any, NamedTuple


class BatchSize(NamedTuple):
    """``times * of + more``: a size that follows the number of samples, or a free axis.

    ``of`` is the name of what it follows, or of a product, such as "batch*length"; or what it was
    in each trial, beginning at 0, in steps that have no common factor.
    """

    times: int
    more: int = 0
    of: str | tuple[int, ...] = "batch"

    def __str__(self) -> str:
        name = self.of if isinstance(self.of, str) else "size_" + "_".join(map(str, self.of))
        factor = "" if self.times == 1 else f"{self.times} * "
        return f"{factor}{name}{f' + {self.more}' if self.more else ''}"


Size = int | BatchSize
Sizes = tuple[Size, ...]
Trials = Mapping[str, Sequence[int]]  # what each free size was in each of several recordings


class NotAffineError(ValueError):
    """What differs between two recordings is no multiple of the batch size."""


def merged(values: Sequence[Any], trials: Trials) -> Any:
    """Say what a size, or a slice or tuple of them, is for any batch, given what it is for some.

    Raises:
        NotAffineError: it is not ``times * batch + more``, and nothing else is free.

    >>> merged([(2, 7), (3, 7), (5, 7)], {"batch": [2, 3, 5]})
    (BatchSize(times=1, more=0, of='batch'), 7)
    >>> merged([4, 9, 25], {"batch": [2, 3, 5]})
    Traceback (most recent call last):
    axon.onnx.export.rules.sizes.NotAffineError: 4, 9, 25
    """
    first = values[0]
    if all(type(v) is type(first) for v in values):
        if isinstance(first, tuple) and len({len(v) for v in values}) == 1:
            return tuple(merged(parts, trials) for parts in zip(*values, strict=True))
        if isinstance(first, slice):
            ends = [merged([getattr(v, e) for v in values], trials) for e in _ENDS]
            return slice(*ends)
        if all(v == first for v in values[1:]):
            return first
        if type(first) is int:
            return _found(values, trials)
    raise NotAffineError(", ".join(map(str, values)))


_ENDS = ("start", "stop", "step")


def _found(values: Sequence[int], trials: Trials) -> BatchSize:
    """A multiple of what is free, or of a product of it; or itself, known by its values."""
    for many in range(1, len(trials) + 1):
        for names in combinations(trials, many):
            sizes = [prod(row) for row in zip(*(trials[name] for name in names), strict=True)]
            found = _affine(values, sizes, "*".join(names))
            if found is not None:
                return found
    if set(trials) <= {"batch"}:
        raise NotAffineError(", ".join(map(str, values)))
    apart = [v - values[0] for v in values]
    step = gcd(*apart) * (1 if next(filter(None, apart)) > 0 else -1)
    return BatchSize(step, values[0], tuple(n // step for n in apart))


def _affine(values: Sequence[int], sizes: Sequence[int], of: str) -> BatchSize | None:
    pairs = [(v, n) for v, n in zip(values, sizes, strict=True) if n != sizes[0]]
    times, rest = divmod(pairs[0][0] - values[0], pairs[0][1] - sizes[0])
    size = BatchSize(times, values[0] - times * sizes[0], of)
    same = all(size.times * n + size.more == v for n, v in zip(sizes, values, strict=True))
    return size if same and times and not rest else None


def values_of(size: Size, trials: Trials) -> list[int]:
    """What a size was in each trial.

    >>> values_of(BatchSize(2, 1), {"batch": [2, 3, 5]})
    [5, 7, 11]
    """
    if not isinstance(size, BatchSize):
        return [size] * len(next(iter(trials.values()), ()))
    columns = [trials[n] for n in size.of.split("*")] if isinstance(size.of, str) else [size.of]
    return [size.times * prod(row) + size.more for row in zip(*columns, strict=True)]


def is_batch(size: Any) -> bool:
    """Whether a size follows the number of samples."""
    return isinstance(size, BatchSize)


def divided(size: Size, by: int) -> Size:
    """A size divided by a number that divides it.

    >>> divided(BatchSize(6), 3), divided(6, 3)
    (BatchSize(times=2, more=0, of='batch'), 2)
    """
    if not isinstance(size, BatchSize):
        return size // by
    if size.times % by or size.more % by:
        raise NotImplementedError(f"{size} is cut into {by} parts, whose size no formula says.")
    return size._replace(times=size.times // by, more=size.more // by)


def scaled(size: Size, by: int, trials: Trials) -> Size:
    """A size times a number.

    >>> scaled(BatchSize(2, 1), 3, {"batch": [2, 3, 5]}), scaled(2, 3, {})
    (BatchSize(times=6, more=3, of='batch'), 6)
    """
    if not isinstance(size, BatchSize):
        return size * by
    return _found([n * by for n in values_of(size, trials)], trials)


def broadcast(*shapes: Sizes) -> Sizes:
    """The shape that several broadcast to; they are known to fit.

    >>> broadcast((BatchSize(1), 1, 3), (4, 1))
    (BatchSize(times=1, more=0, of='batch'), 4, 3)
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
    (BatchSize(times=3, more=4, of='batch'), 5)
    """
    free = [n for n in sizes if isinstance(n, BatchSize)]
    fixed = sum(n for n in sizes if not isinstance(n, BatchSize))
    if len({n.of for n in free}) > 1:
        raise NotImplementedError(f"the sum of {', '.join(map(str, sizes))} is no multiple of one.")
    times, more = sum(n.times for n in free), fixed + sum(n.more for n in free)
    return BatchSize(times, more, free[0].of) if times else more


def product(sizes: Sequence[BatchSize], trials: Trials) -> BatchSize:
    """The product of sizes.

    >>> product([BatchSize(2), BatchSize(1, 0, "t")], {"batch": [2, 3, 5], "t": [7, 4, 5]})
    BatchSize(times=2, more=0, of='batch*t')
    """
    rows = zip(*(values_of(n, trials) for n in sizes), strict=True)
    return _found([prod(row) for row in rows], trials)
