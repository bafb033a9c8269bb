"""Other shapes and orders of the same elements: most of these are views, or one copy."""

import math
from collections.abc import Sequence

import numpy as np

from axon.backend import Shape
from axon.core import Tensor
from axon.ops.compare import where
from axon.ops.composite import composite
from axon.ops.index import slice_gradient, take
from axon.ops.join import concatenate
from axon.ops.reduce import Axis, axes_of, broadcast_to
from axon.ops.reduce import sum as sum_

ALL = slice(None)
BACK = slice(None, None, -1)


def one_axis(function: str, axis: int, ndim: int) -> int:
    """The axis, counted from the front.

    Raises:
        ValueError: there is no such axis.
    """
    if not isinstance(axis, int | np.integer) or not -ndim <= axis < ndim:
        raise ValueError(f"{function}: axis {axis} is out of range for {ndim} axes.")
    return int(axis) % ndim


def along(axis: int, part: object) -> tuple[object, ...]:
    """The index that takes a part along one axis, and all along others."""
    return (*(ALL,) * axis, part)


# ------------------------------------------------------------------------------------ axes


@composite
def expand_dims(x: Tensor, axis: int | Shape) -> Tensor:
    """Put in axes of size 1, which are then at these places.

    >>> expand_dims(np.ones((2, 3)), 1).shape, expand_dims(np.ones(3), (0, -1)).shape
    ((2, 1, 3), (1, 3, 1))
    """
    wanted = axis if isinstance(axis, tuple | list) else (axis,)
    rank = x.ndim + len(wanted)
    new = {one_axis("expand_dims", a, rank) for a in wanted}
    if len(new) < len(wanted):
        raise ValueError(f"expand_dims: axes {tuple(wanted)} name one twice.")
    return x[(*(None if i in new else ALL for i in range(rank)), ...)]


@composite
def squeeze(x: Tensor, axis: int | Shape | None = None) -> Tensor:
    """Leave out axes of size 1: these, or all of them.

    >>> squeeze(np.ones((1, 3, 1))).shape, squeeze(np.ones((1, 3, 1)), 0).shape
    ((3,), (3, 1))
    """
    if axis is None:
        return x.reshape([n for n in x.shape if n != 1])
    given = axis if isinstance(axis, tuple | list) else (axis,)
    gone = [one_axis("squeeze", a, x.ndim) for a in given]
    if any(x.shape[a] != 1 for a in gone):
        raise ValueError(f"squeeze: axes {gone} of shape {x.shape} are not all of size 1.")
    return x.reshape([n for i, n in enumerate(x.shape) if i not in gone])


@composite
def ravel(x: Tensor) -> Tensor:
    """All elements in one row.

    >>> ravel([[1, 2], [3, 4]])
    array([1, 2, 3, 4])
    """
    return x.reshape(x.size)


@composite
def flatten(x: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The axes from ``start_dim`` to ``end_dim`` as one.

    >>> flatten(np.ones((2, 3, 4))).shape, flatten(np.ones((2, 3, 4)), 1).shape
    ((24,), (2, 12))
    """
    if not x.ndim:
        return x.reshape(1)
    first, last = (one_axis("flatten", a, x.ndim) for a in (start_dim, end_dim))
    if first > last:
        raise ValueError(f"flatten: axis {start_dim} comes behind axis {end_dim}.")
    return x.reshape(*x.shape[:first], math.prod(x.shape[first : last + 1]), *x.shape[last + 1 :])


@composite
def moveaxis(x: Tensor, source: int | Shape, destination: int | Shape) -> Tensor:
    """Some axes at other places, the others in their order.

    >>> moveaxis(np.ones((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    pair = [a if isinstance(a, tuple | list) else (a,) for a in (source, destination)]
    here, there = ([one_axis("moveaxis", a, x.ndim) for a in given] for given in pair)
    if len(here) != len(there) or len(set(here)) < len(here) or len(set(there)) < len(there):
        raise ValueError(f"moveaxis: {source} and {destination} must name as many axes, each once.")
    order = [i for i in range(x.ndim) if i not in here]
    for place, axis in sorted(zip(there, here, strict=True)):
        order.insert(place, axis)
    return x.transpose(*order)


@composite
def swapaxes(x: Tensor, axis1: int, axis2: int) -> Tensor:
    """Two axes in each other's place.

    >>> swapaxes(np.ones((2, 3, 4)), 0, 2).shape
    (4, 3, 2)
    """
    order = list(range(x.ndim))
    i, j = (one_axis("swapaxes", a, x.ndim) for a in (axis1, axis2))
    order[i], order[j] = j, i
    return x.transpose(*order)


# ------------------------------------------------------------------------------------ order


@composite
def flip(x: Tensor, axis: Axis = None) -> Tensor:
    """The elements backwards along some axes, or all of them: a view.

    >>> flip([[1, 2], [3, 4]], 1)
    array([[2, 1],
           [4, 3]])
    """
    turned = axes_of(axis, x.ndim)
    return x[(*(BACK if i in turned else ALL for i in range(x.ndim)), ...)]


@composite
def fliplr(x: Tensor) -> Tensor:
    """The columns backwards.

    >>> fliplr([[1, 2], [3, 4]])
    array([[2, 1],
           [4, 3]])
    """
    return flip(x, 1)


@composite
def flipud(x: Tensor) -> Tensor:
    """The rows backwards.

    >>> flipud([1, 2, 3])
    array([3, 2, 1])
    """
    return flip(x, 0)


@composite
def rot90(array: Tensor, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Tensor:
    """Turned by k quarters, from the first of two axes towards the second: a view.

    >>> rot90([[1, 2], [3, 4]])
    array([[2, 4],
           [1, 3]])
    """
    i, j = (one_axis("rot90", a, array.ndim) for a in axes)
    if i == j:
        raise ValueError(f"rot90: expected two axes, got {axes}.")
    if k % 4 == 2:
        return flip(array, (i, j))
    if k % 4 == 1:
        return swapaxes(flip(array, j), i, j)
    return flip(swapaxes(array, i, j), j) if k % 4 else array


@composite
def roll(x: Tensor, shift: int | Shape, axis: Axis = None) -> Tensor:
    """The elements moved on by ``shift``; what leaves at one end comes back at the other.

    >>> roll([1, 2, 3, 4], 1)
    array([4, 1, 2, 3])
    """
    if axis is None:
        return roll(x.reshape(x.size), shift, 0).reshape(x.shape)
    axes = axis if isinstance(axis, tuple | list) else (axis,)
    for by, a in zip(np.broadcast_to(shift, len(axes)).tolist(), axes, strict=True):
        place = one_axis("roll", a, x.ndim)
        n = x.shape[place]
        if n and by % n:
            cut = n - by % n
            parts = [x[along(place, slice(cut, n))], x[along(place, slice(0, cut))]]
            x = concatenate(parts, axis=place)
    return x


# ------------------------------------------------------------------------------------ repeating


@composite
def tile(x: Tensor, repeats: int | Shape) -> Tensor:
    """x beside itself, so often along each of the last axes.

    >>> tile([1, 2], 2), tile([1, 2], (2, 1))
    (array([1, 2, 1, 2]), array([[1, 2],
           [1, 2]]))
    """
    times = [int(n) for n in np.ravel(repeats)]
    rank = max(x.ndim, len(times))
    times = [1] * (rank - len(times)) + times
    shape = (1,) * (rank - x.ndim) + x.shape
    if min(times, default=0) < 0:
        raise ValueError(f"tile: expected numbers that are not negative, got {repeats}.")
    apart = x.reshape([m for n in shape for m in (1, n)])
    wanted = tuple(m for pair in zip(times, shape, strict=True) for m in pair)
    wide = broadcast_to(apart, shape=wanted)
    return wide.reshape([n * t for n, t in zip(shape, times, strict=True)])


@composite
def repeat(x: Tensor, repeats: int | Sequence[int], axis: int | None = None) -> Tensor:
    """Each element so often, all alike or each by its number; along ``axis``, or all in a row.

    >>> repeat([1, 2], 2), repeat([[1, 2], [3, 4]], [1, 2], axis=0)
    (array([1, 1, 2, 2]), array([[1, 2],
           [3, 4],
           [3, 4]]))
    """
    x, axis = (x.reshape(x.size), 0) if axis is None else (x, axis)
    axis = one_axis("repeat", axis, x.ndim)
    n = x.shape[axis]
    counts = np.asarray(repeats)
    if counts.dtype.kind not in "iu" or counts.size not in (1, n) or (counts < 0).any():
        raise ValueError(
            f"repeat: expected a whole number, or one for each of {n} elements, got {repeats}."
        )
    if counts.size != 1:
        return take(x, np.repeat(np.arange(n), counts.ravel()), axis=axis)
    often = int(counts.ravel()[0])
    shape = (*x.shape[: axis + 1], often, *x.shape[axis + 1 :])
    wide = broadcast_to(x[along(axis + 1, None)], shape=shape)
    return wide.reshape(*x.shape[:axis], n * often, *x.shape[axis + 1 :])


# ------------------------------------------------------------------------------------ parts


@composite
def split(x: Tensor, indices_or_sections: int | Sequence[int], axis: int = 0) -> tuple[Tensor, ...]:
    """Several parts along ``axis``, each a view: so many equal ones, or cut before these places.

    >>> split([1, 2, 3, 4], 2), split([1, 2, 3, 4], [1])
    ((array([1, 2]), array([3, 4])), (array([1]), array([2, 3, 4])))
    """
    axis = one_axis("split", axis, x.ndim)
    n = x.shape[axis]
    if not isinstance(indices_or_sections, int | np.integer):
        return _cut(x, [int(i) for i in indices_or_sections], axis)
    if indices_or_sections < 1 or n % indices_or_sections:
        raise ValueError(
            f"split: {n} elements make no {indices_or_sections} equal parts. array_split makes "
            "some that differ by one."
        )
    size = n // int(indices_or_sections)
    return _cut(x, list(range(size, n, size)) if size else [0] * (indices_or_sections - 1), axis)


def _cut(x: Tensor, places: Sequence[int], axis: int) -> tuple[Tensor, ...]:
    starts, stops = [0, *places], [*places, x.shape[axis]]
    return tuple(x[along(axis, slice(*ends))] for ends in zip(starts, stops, strict=True))


@composite
def array_split(
    x: Tensor, indices_or_sections: int | Sequence[int], axis: int = 0
) -> tuple[Tensor, ...]:
    """As ``split``, but parts may differ by one: the first ones are the longer ones.

    >>> array_split([1, 2, 3], 2)
    (array([1, 2]), array([3]))
    """
    axis = one_axis("array_split", axis, x.ndim)
    if not isinstance(indices_or_sections, int | np.integer):
        return split(x, indices_or_sections, axis)
    if indices_or_sections < 1:
        raise ValueError(f"array_split: expected at least one part, got {indices_or_sections}.")
    each, longer = divmod(x.shape[axis], int(indices_or_sections))
    sizes = [each + (i < longer) for i in range(int(indices_or_sections))]
    return _cut(x, np.cumsum(sizes)[:-1].tolist(), axis)


@composite
def hsplit(x: Tensor, indices_or_sections: int | Sequence[int]) -> tuple[Tensor, ...]:
    """Parts beside each other: along the second axis, or the only one.

    >>> [part.shape for part in hsplit(np.ones((2, 4)), 2)]
    [(2, 2), (2, 2)]
    """
    return split(x, indices_or_sections, min(1, x.ndim - 1))


@composite
def vsplit(x: Tensor, indices_or_sections: int | Sequence[int]) -> tuple[Tensor, ...]:
    """Parts above each other: along the first axis.

    >>> [part.shape for part in vsplit(np.ones((2, 4)), 2)]
    [(1, 4), (1, 4)]
    """
    return split(x, indices_or_sections, 0)


@composite
def dsplit(x: Tensor, indices_or_sections: int | Sequence[int]) -> tuple[Tensor, ...]:
    """Parts behind each other: along the third axis.

    >>> [part.shape for part in dsplit(np.ones((1, 2, 4)), 2)]
    [(1, 2, 2), (1, 2, 2)]
    """
    return split(x, indices_or_sections, 2)


@composite
def unstack(x: Tensor, num: int | None = None, axis: int = 0) -> tuple[Tensor, ...]:
    """The slices along ``axis``, each without it; ``num`` says how many there are.

    >>> unstack([[1, 2], [3, 4]])
    (array([1, 2]), array([3, 4]))
    """
    axis = one_axis("unstack", axis, x.ndim)
    if num not in (None, x.shape[axis]):
        raise ValueError(f"unstack: axis {axis} of shape {x.shape} has no {num} slices.")
    return tuple(x[along(axis, i)] for i in range(x.shape[axis]))


# ------------------------------------------------------------------------------------ joining


@composite
def append(x1: Tensor, x2: Tensor, axis: int | None = None) -> Tensor:
    """x2 behind x1 along ``axis``; without one, all elements in a row.

    >>> append([1, 2], [[3, 4]])
    array([1, 2, 3, 4])
    """
    if axis is None:
        x1, x2, axis = x1.reshape(x1.size), x2.reshape(x2.size), 0
    return concatenate([x1, x2], axis=axis)


@composite
def hstack(xs: Sequence[Tensor]) -> Tensor:
    """Beside each other: along the second axis, or the only one.

    >>> hstack([[1, 2], [3]])
    array([1, 2, 3])
    """
    given = [x if x.ndim else x.reshape(1) for x in xs]
    return concatenate(given, axis=min(1, given[0].ndim - 1))


@composite
def vstack(xs: Sequence[Tensor]) -> Tensor:
    """Above each other: along the first axis; rows are made matrices of one row.

    >>> vstack([[1, 2], [3, 4]])
    array([[1, 2],
           [3, 4]])
    """
    return concatenate([x if x.ndim > 1 else x.reshape(1, x.size) for x in xs], axis=0)


@composite
def dstack(xs: Sequence[Tensor]) -> Tensor:
    """Behind each other: along the third axis.

    >>> dstack([[1, 2], [3, 4]])
    array([[[1, 3],
            [2, 4]]])
    """
    given = [x if x.ndim > 1 else x.reshape(1, x.size) for x in xs]
    return concatenate([x if x.ndim > 2 else x[..., None] for x in given], axis=2)


@composite
def meshgrid(*x: Tensor, indexing: str = "xy") -> tuple[Tensor, ...]:
    """Each of some rows along an axis of its own, repeated along those of the others.

    With ``indexing="xy"`` the first lies along the second axis, as in pictures; with "ij" along
    the first.

    >>> meshgrid([1, 2, 3], [4, 5])[1]
    array([[4, 4, 4],
           [5, 5, 5]])
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing must be 'xy' or 'ij', got {indexing!r}.")
    order = list(range(len(x)))
    if indexing == "xy" and len(x) > 1:
        order[:2] = [1, 0]
    shape = tuple(x[order.index(i)].size for i in range(len(x)))
    alone = [[-1 if i == place else 1 for i in range(len(x))] for place in order]
    rows = [row.reshape(wanted) for row, wanted in zip(x, alone, strict=True)]
    return tuple(broadcast_to(row, shape=shape) for row in rows)


# ------------------------------------------------------------------------------------ diagonals


@composite
def diagonal(x: Tensor, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The diagonal of two axes, which becomes the last one; ``offset`` counts to the right.

    >>> diagonal([[1, 2], [3, 4]]), diagonal([[1, 2], [3, 4]], 1)
    (array([1, 4]), array([2]))
    """
    if x.ndim < 2:
        raise ValueError(f"diagonal: expected at least two axes, got shape {x.shape}.")
    y = moveaxis(x, (axis1, axis2), (-2, -1))
    start, size = _places(y.shape[-2], y.shape[-1], offset)
    columns = y.shape[-1]
    flat = y.reshape(*y.shape[:-2], y.shape[-2] * columns)
    return flat[..., start : start + size * (columns + 1) : columns + 1][..., :size]


def _places(rows: int, columns: int, offset: int) -> tuple[int, int]:
    """Where a diagonal begins, row by row, and how long it is."""
    start = offset if offset >= 0 else -offset * columns
    return start, max(0, min(rows + min(offset, 0), columns - max(offset, 0)))


@composite
def trace(x: Tensor, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The sum along a diagonal.

    >>> int(trace([[1, 2], [3, 4]]))
    5
    """
    return sum_(diagonal(x, offset, axis1, axis2), axis=-1)


@composite
def diagflat(x: Tensor, k: int = 0) -> Tensor:
    """All elements along a diagonal of a square, zeros elsewhere.

    >>> diagflat([1, 2])
    array([[1, 0],
           [0, 2]])
    """
    n = x.size + abs(k)
    start, size = _places(n, n, k)
    index = (slice(start, start + size * (n + 1), n + 1),)
    return slice_gradient(x.reshape(x.size), shape=(n * n,), index=index).reshape(n, n)


@composite
def diag(x: Tensor, k: int = 0) -> Tensor:
    """The diagonal of a matrix, or the matrix with this diagonal.

    >>> diag([[1, 2], [3, 4]]), diag([1, 2])
    (array([1, 4]), array([[1, 0],
           [0, 2]]))
    """
    if x.ndim not in (1, 2):
        raise ValueError(f"diag: expected one axis or two, got shape {x.shape}.")
    return diagonal(x, k) if x.ndim == 2 else diagflat(x, k)


@composite
def tril(x: Tensor, k: int = 0) -> Tensor:
    """What lies below a diagonal, and on it; 0 elsewhere.

    >>> tril([[1, 2], [3, 4]])
    array([[1, 0],
           [3, 4]])
    """
    return _half("tril", x, k, True)


@composite
def triu(x: Tensor, k: int = 0) -> Tensor:
    """What lies above a diagonal, and on it; 0 elsewhere.

    >>> triu([[1, 2], [3, 4]])
    array([[1, 2],
           [0, 4]])
    """
    return _half("triu", x, k - 1, False)


def _half(function: str, x: Tensor, k: int, below: bool) -> Tensor:
    if x.ndim < 2:
        raise ValueError(f"{function}: expected matrices, got shape {x.shape}.")
    rows, columns = x.shape[-2:]
    kept = np.tri(rows, columns, k, dtype=bool) == below
    return where(kept, x, Tensor(np.zeros((), x.dtype)))


@composite
def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """The powers of each number in a row: from x^(N-1) down to 1, or up.

    >>> vander([2, 3], 3)
    array([[4, 2, 1],
           [9, 3, 1]])
    """
    if x.ndim != 1:
        raise ValueError(f"vander: expected one axis, got shape {x.shape}.")
    columns = [broadcast_to(Tensor(np.ones(1, x.dtype)), shape=x.shape)]
    count = x.size if N is None else N
    while len(columns) < count:
        columns.append(columns[-1] * x)
    table = (
        concatenate([c[:, None] for c in columns[:count]], axis=1) if count else x[:, None][:, :0]
    )
    return table if increasing else flip(table, 1)
