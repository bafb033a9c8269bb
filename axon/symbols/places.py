"""Places told in words that functional languages have: reshape, slice, reverse, transpose, repeat.

NumPy counts bytes: a place is an offset, a shape and strides, so that views cost nothing. Elsewhere
arrays have shapes only. ``way_to`` finds how the numbers of a place come out of an array of the
whole memory, and ``indices_of`` tells their numbers in it, where no such way exists.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import Any, NamedTuple

import numpy as np

from axon.backend import Shape


class Cells(NamedTuple):
    """A place in memory of one type, counted in numbers instead of bytes."""

    offset: int
    shape: Shape
    strides: Shape


class Way(NamedTuple):
    """How to come to the numbers of a place: do this to the whole memory, one after another.

    Attributes:
        grid: reshape the memory to this.
        slices: of each axis.
        flipped: reverse these axes.
        order: transpose.
        shape: reshape to this, which broadcasts to the shape of the place.
    """

    grid: Shape
    slices: tuple[slice, ...]
    flipped: Shape
    order: Shape
    shape: Shape

    @property
    def everything(self) -> bool:
        """Whether nothing is left out."""
        spans = zip(self.grid, self.slices, strict=True)
        return all((s.start, s.stop, s.step) == (0, n, 1) for n, s in spans)

    @property
    def sliced(self) -> Shape:
        """The shape of what is left after slicing."""
        return tuple(len(range(s.start, s.stop, s.step)) for s in self.slices)


class PlaceAxis(NamedTuple):
    """An axis of a place: its number, how many steps it makes, how far each goes, and if back."""

    number: int
    size: int
    stride: int
    back: bool


def way_to(cells: Cells, home: Shape) -> Way | None:
    """How to come to a place in memory that is laid out as ``home``, row by row; None if not so.

    >>> x = np.arange(12).reshape(3, 4)
    >>> way = way_to(Cells(1, (3, 2), (4, 2)), x.shape)  # x[:, 1::2]
    >>> way.grid, way.slices, way.order
    ((3, 4), (slice(0, 3, 1), slice(1, 4, 2)), (0, 1))
    """
    axes, offset = _upwards(cells)
    if len({axis.stride for axis in axes}) < len(axes):
        return None  # two axes go along the same numbers: a diagonal, or windows
    cuts = _cuts(axes, offset, home)
    slices = _slices(axes, offset, cuts) if cuts else None
    if slices is None:
        return None
    grid = tuple(above // below for above, below in pairwise(cuts))
    at = {axis.number: _block(axis.stride, cuts) for axis in axes}
    shape = tuple(n if i in at else 1 for i, n in enumerate(cells.shape))
    rest = [i for i in range(len(grid)) if i not in at.values()]
    flipped = tuple(at[axis.number] for axis in axes if axis.back)
    return Way(grid, tuple(slices), flipped, (*rest, *(at[i] for i in sorted(at))), shape)


def indices_of(cells: Cells, xp: Any = np) -> Any:
    """Which numbers of the flat memory lie at a place; ``xp`` says by which library.

    >>> indices_of(Cells(0, (2, 3), (1, 1)))
    array([[0, 1, 2],
           [1, 2, 3]])
    """
    total = xp.full(cells.shape, cells.offset)
    for axis, (size, stride) in enumerate(zip(cells.shape, cells.strides, strict=True)):
        behind = len(cells.shape) - axis - 1
        total = total + (xp.arange(size) * stride).reshape(-1, *(1,) * behind)
    return total


def _upwards(cells: Cells) -> tuple[list[PlaceAxis], int]:
    """The axes along which something lies, farthest strides first, and the first number of all."""
    axes, offset = [], cells.offset
    for i, (size, stride) in enumerate(zip(cells.shape, cells.strides, strict=True)):
        if size > 1 and stride:
            axes.append(PlaceAxis(i, size, abs(stride), stride < 0))
            offset += min(0, (size - 1) * stride)
    return sorted(axes, key=lambda axis: -axis.stride), offset


def _cuts(axes: Sequence[PlaceAxis], offset: int, home: Shape) -> list[int]:
    """How far apart neighbours are along each axis of the grid, the whole memory first.

    Those of the home that no axis of the place crosses, and those of the place where two of its
    axes would lie along one of the grid.
    """
    total = prod(home)
    strides = [prod(home[i:]) for i in range(len(home))]
    kept = [s for s in strides if not _crossed(s, axes, offset)]
    outer = [a.stride for a, b in pairwise(axes) if not _parted(a, b, kept)]
    cuts = sorted({total, 1, *kept, *outer}, reverse=True)
    divide = all(above % below == 0 for above, below in pairwise(cuts))
    return cuts if divide and cuts[0] == total else []


def _crossed(cut: int, axes: Sequence[PlaceAxis], offset: int) -> bool:
    """Whether the numbers along an axis begin below a cut and end above it."""
    inner = [axis for axis in axes if axis.stride < cut]
    last = offset % cut + sum((axis.size - 1) * axis.stride for axis in inner)
    return bool(inner) and last >= cut


def _parted(a: PlaceAxis, b: PlaceAxis, cuts: Sequence[int]) -> bool:
    """Whether there is a cut between two axes."""
    return any(b.stride < cut <= a.stride for cut in cuts)


def _block(stride: int, cuts: Sequence[int]) -> int:
    """Along which axis of the grid steps of that length go."""
    return next(i for i, cut in enumerate(cuts[1:]) if cut <= stride)


def _slices(axes: Sequence[PlaceAxis], offset: int, cuts: Sequence[int]) -> list[slice] | None:
    """What of each axis of the grid lies at the place; None if that is no slice."""
    slices = []
    for above, below in pairwise(cuts):
        first, size = offset % above // below, above // below
        slices.append(slice(first, first + 1, 1))
        for axis in axes:
            if below <= axis.stride < above:
                step, odd = divmod(axis.stride, below)
                last = first + (axis.size - 1) * step
                if odd or last >= size:
                    return None
                slices[-1] = slice(first, last + 1, step)
    return slices
