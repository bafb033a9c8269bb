"""What flows through a graph: a tensor, and in which order its axes lie.

ONNX puts the channels of images first, AXON last. A value keeps its tensor as an operator left it,
and says how its axes have to be read: they are moved only where an operator needs them to be.
"""

from math import inf, prod
from threading import local
from typing import Any, NamedTuple

import numpy as np

from axon.backend import Array, Shape
from axon.core import Tensor

LARGEST = 2**26  # numbers that one sample may become: more is a damaged file, not a network
WORK = 2**31  # multiplications that a file without weights may ask for
REUSED = 2**20  # how often each number of a file may be multiplied: by a kernel, at each pixel
TURNS = 3 * 2**14  # nodes that all turns of all loops together may run
TOO_MUCH = {
    "room": "results together hold more numbers",
    "work": "nodes together take more time",
    "turns": "loops together have more turns",
}
STEP = 2**10  # multiplications in the time that a turn of a loop in Python takes


class _Trial(local):
    largest: float = inf  # numbers in one result
    room: float = inf  # numbers in all results together that are still to come
    work: float = inf  # multiplications, likewise
    turns: float = inf


_trial = _Trial()


class Trial:
    """While a ``with`` block lasts, what is computed is bounded: each result, and all together.

    What a file says is tried out like that; data may then come in batches of any size.

    Args:
        room: how many numbers all results together may hold.
        numbers: how many the file brings, from which follows how much work it may ask for.
    """

    def __init__(self, room: float, numbers: float = 0) -> None:
        self.now = {"largest": LARGEST, "room": room, "turns": TURNS}
        self.now["work"] = WORK + REUSED * numbers

    def __enter__(self) -> None:
        self.before = {key: getattr(_trial, key) for key in self.now}
        vars(_trial).update(self.now)

    def __exit__(self, *_: object) -> None:
        vars(_trial).update(self.before)


def spend(what: str, amount: float) -> None:
    """Count what a file asks for against what it may.

    Args:
        what: "room", "work" or "turns".
        amount: how much more.

    Raises:
        ValueError: it is too much.
    """
    left = getattr(_trial, what) - amount
    if left < 0:
        raise ValueError(f"all {TOO_MUCH[what]} than a file of this size may ask for.")
    setattr(_trial, what, left)


class Value(NamedTuple):
    """A tensor whose axis ``i`` is axis ``order[i]`` of ``data``; or a constant, an array.

    Attributes:
        data: a Tensor; or an array, which is known before the network runs: a size, an axis.
        order: where the axes lie, or None if they lie as they are read.

    >>> images = Value(Tensor(np.zeros((2, 5, 5, 3))), (0, 3, 1, 2))
    >>> images.shape, images.permuted((0, 2, 3, 1)).order
    ((2, 3, 5, 5), None)
    """

    data: Any
    order: Shape | None = None

    @property
    def known(self) -> bool:
        """Whether the numbers are known before the network runs."""
        return isinstance(self.data, np.ndarray)

    @property
    def shape(self) -> Shape:
        """The sizes, in the order in which the axes are read."""
        sizes: Shape = self.data.shape
        return sizes if self.order is None else tuple(sizes[i] for i in self.order)

    def natural(self) -> Any:
        """The tensor with its axes as they are read: a view."""
        return self.data if self.order is None else self.data.transpose(self.order)

    def permuted(self, axes: Shape) -> "Value":
        """The same numbers, read in another order: nothing is moved."""
        if self.known:
            return Value(self.data.transpose(axes))
        order = tuple(axes) if self.order is None else tuple(self.order[i] for i in axes)
        return Value(self.data, None if order == tuple(range(len(order))) else order)

    def axis(self, number: int) -> int:
        """Where an axis lies; negative ones count from the end.

        Raises:
            ValueError: there is no such axis.
        """
        number = whole_axis(number, self.data.ndim)
        return number if self.order is None else self.order[number]


Values = list[Value | None]


def whole_axis(number: int, ndim: int) -> int:
    """Count an axis from the front.

    >>> whole_axis(-1, 4)
    3
    """
    if not -ndim <= number < ndim:
        raise ValueError(f"axis {number} is out of range for {ndim} axes.")
    return int(number) % ndim


def inverse(order: Shape) -> Shape:
    """The order that undoes another.

    >>> inverse((0, 3, 1, 2))
    (0, 2, 3, 1)
    """
    return tuple(sorted(range(len(order)), key=order.__getitem__))


def room(shape: Any, largest: float | None = None) -> Shape:
    """Check that a result may be made.

    Raises:
        ValueError: a size is negative, or there would be too many numbers.
    """
    sizes = tuple(int(n) for n in shape)
    most = min(_trial.largest, _trial.room) if largest is None else largest
    if min(sizes, default=0) < 0 or len(sizes) > 32 or prod(sizes) > most:
        raise ValueError(f"a result of shape {sizes} cannot be made.")
    return sizes


def broadcast(*shapes: Shape) -> Shape:
    """The shape that several meet in, if there is room for it."""
    return room(np.broadcast_shapes(*shapes))


# ------------------------------------------------------------------------------------ arrangements

Arranged = tuple[list[Any], dict[str, Any], Shape | None]


def plain(given: Values, a: dict[str, Any]) -> Arranged:
    """Every input as it is read."""
    return [v and v.natural() for v in given], a, None


def together(given: Values, a: dict[str, Any]) -> Arranged:
    """Element by element: the order of the first that has one is that of all."""
    present = [v for v in given if v is not None]
    rank = max(v.data.ndim for v in present)
    broadcast(*(v.shape for v in present))
    order = next((v.order for v in present if v.order and v.data.ndim == rank), None)
    if order is None:
        return plain(given, a)
    return [v and _following(v, order) for v in given], a, order


def _following(value: Value, order: Shape) -> Any:
    """The tensor of a value, with as many axes as ``order``, lying like that."""
    if value.order == order:
        return value.data
    tensor, missing = value.natural(), len(order) - value.data.ndim
    if tensor.size == 1:
        return tensor.reshape(())
    if missing:
        tensor = tensor.reshape((1,) * missing + tuple(tensor.shape))
    return tensor.transpose(inverse(order))


def along(given: Values, a: dict[str, Any]) -> Arranged:
    """Alike in all axes but one, ``axis``: that one is found where it lies."""
    first = next(v for v in given if v is not None)
    ranks = {v.data.ndim for v in given if v is not None}
    if first.order is None or len(ranks) > 1:
        return plain(given, a)
    moved = {**a, "axis": first.axis(a.get("axis", -1))}
    return [v and _following(v, first.order) for v in given], moved, first.order


def by_axes(given: Values, a: dict[str, Any]) -> Arranged:
    """One tensor, and ``axes``, which are found where they lie."""
    first = given[0]
    if first is None or first.order is None or a.get("axes") is None:
        return plain(given, a)
    axes = [first.axis(n) for n in a["axes"]]
    return [first.data, *(v and v.natural() for v in given[1:])], {**a, "axes": axes}, first.order


def channels_last(given: Values, a: dict[str, Any]) -> Arranged:
    """Images (or series) first, with their channels last; whatever follows is for the channels."""
    first = given[0]
    if first is None or first.data.ndim < 2:
        raise ValueError("expected samples with channels.")
    rank = first.data.ndim
    order = (0, *range(2, rank), 1)
    rest = [v and v.natural() for v in given[1:]]
    back = None if rank == 2 else inverse(order)
    return [first.permuted(order).natural(), *rest], a, back


def same_tensor(data: Any) -> Tensor:
    """A Tensor over the same numbers."""
    return data if isinstance(data, Tensor) else Tensor(data)


def as_ints(array: Array) -> list[int]:
    """Numbers of an array, such as axes, as Python's."""
    return [int(n) for n in np.ravel(array)]
