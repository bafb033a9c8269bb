"""What flows through a graph while it runs: a tensor, and in which order its axes lie.

ONNX puts the channels of images first, AXON last. An operand keeps its tensor as an operator left
it, and says how its axes have to be read: they are moved only where an operator needs them to be.
"""

from collections.abc import Callable
from threading import local
from typing import Any, NamedTuple

import numpy as np

from axon.backend import Array, Shape
from axon.core import Tensor
from axon.modes import modes
from axon.onnx.ir import inverse
from axon.onnx.run.operators.budget import allowed

Data = Array | Tensor
Attributes = dict[str, Any]


class _Looked(local):
    at: bool = False  # whether numbers were looked at that were computed from the data


looked = _Looked()


class Operand(NamedTuple):
    """A tensor whose axis ``i`` is axis ``order[i]`` of ``data``; or a constant, an array.

    Attributes:
        data: a Tensor; or an array, which is known before the network runs: a size, an axis.
        order: where the axes lie, or None if they lie as they are read.
        parts: the operands in a list, which is no tensor itself; None of a tensor.

    >>> images = Operand(Tensor(np.zeros((2, 5, 5, 3))), (0, 3, 1, 2))
    >>> images.shape, images.permuted((0, 2, 3, 1)).order
    ((2, 3, 5, 5), None)
    """

    data: Data
    order: Shape | None = None
    parts: "tuple[Operand, ...] | None" = None

    @property
    def known(self) -> bool:
        """Whether the numbers are known before the network runs."""
        return isinstance(self.data, np.ndarray)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.data.ndim

    @property
    def shape(self) -> Shape:
        """The sizes, in the order in which the axes are read."""
        sizes: Shape = self.data.shape
        return sizes if self.order is None else tuple(sizes[i] for i in self.order)

    def value(self) -> Array | None:
        """The numbers: those that are known, or computed ones, unless a recording would keep them.

        What is looked at while data flow makes a network one that is computed anew each time.
        """
        if isinstance(self.data, np.ndarray):
            return self.data
        if modes.recorder is not None:
            return None
        looked.at = True
        return np.asarray(as_tensor(self.natural()).data)

    def natural(self) -> Data:
        """The tensor with its axes as they are read: a view."""
        return self.data if self.order is None else self.data.transpose(self.order)

    def permuted(self, axes: Shape) -> "Operand":
        """The same numbers, read in another order: nothing is moved."""
        if self.known:
            return Operand(self.data.transpose(axes))
        order = tuple(axes) if self.order is None else tuple(self.order[i] for i in axes)
        return Operand(self.data, None if order == tuple(range(len(order))) else order)

    def lying(self, axis: int) -> int:
        """Where an axis lies; negative ones count from the end.

        Raises:
            ValueError: there is no such axis.
        """
        axis = axis_from_front(axis, self.ndim)
        return axis if self.order is None else self.order[axis]

    def like(self, order: Shape) -> Data:
        """The tensor with as many axes as ``order``, lying like that, for what broadcasts."""
        if self.order == order:
            return self.data
        x = self.natural()
        if x.size == 1:
            return x.reshape(())
        if missing := len(order) - self.ndim:
            x = x.reshape((1,) * missing + tuple(x.shape))
        return x.transpose(inverse(order))


def axis_from_front(axis: int, ndim: int) -> int:
    """Count an axis from the front.

    >>> axis_from_front(-1, 4)
    3
    """
    if not -ndim <= axis < ndim:
        raise ValueError(f"axis {axis} is out of range for {ndim} axes.")
    return int(axis) % ndim


def broadcast(*shapes: Shape) -> Shape:
    """The shape that several meet in, if it may be made."""
    return allowed(np.broadcast_shapes(*shapes))


# ------------------------------------------------------------------------------------ layouts


class Laid(NamedTuple):
    """Inputs as an operator wants them to lie, its attributes, and how the result then lies."""

    inputs: list[Data | None]
    attributes: Attributes
    order: Shape | None


Operands = list[Operand | None]
LayoutRule = Callable[[Operands, Attributes], Laid]


def as_read(given: Operands, attributes: Attributes) -> Laid:
    """Every input as it is read."""
    return Laid([v and v.natural() for v in given], attributes, None)


def elementwise(given: Operands, attributes: Attributes) -> Laid:
    """Element by element: the order of the first that has one is that of all."""
    present = [v for v in given if v is not None]
    rank = max(v.ndim for v in present)
    broadcast(*(v.shape for v in present))
    order = next((v.order for v in present if v.order and v.ndim == rank), None)
    if order is None:
        return as_read(given, attributes)
    return Laid([v and v.like(order) for v in given], attributes, order)


def along_axis(given: Operands, attributes: Attributes) -> Laid:
    """Alike in all axes but one, ``axis``: that one is found where it lies."""
    present = [v for v in given if v is not None]
    order = present[0].order
    if order is None or len({v.ndim for v in present}) > 1:
        return as_read(given, attributes)
    moved = {**attributes, "axis": present[0].lying(attributes["axis"])}
    return Laid([v and v.like(order) for v in given], moved, order)


def along_axes(given: Operands, attributes: Attributes) -> Laid:
    """One tensor, and ``axes``, which are found where they lie."""
    first, *rest = given
    if first is None or first.order is None or attributes["axes"] is None:
        return as_read(given, attributes)
    moved = {**attributes, "axes": [first.lying(n) for n in attributes["axes"]]}
    return Laid([first.data, *as_read(rest, {}).inputs], moved, first.order)


def channels_last(given: Operands, attributes: Attributes) -> Laid:
    """Images (or series) first, with their channels last; whatever follows is for the channels."""
    first, *rest = given
    if first is None or first.ndim < 2:
        raise ValueError("expected samples with channels.")
    order = (0, *range(2, first.ndim), 1)
    back = None if first.ndim == 2 else inverse(order)
    return Laid([first.permuted(order).natural(), *as_read(rest, {}).inputs], attributes, back)


def as_tensor(data: Data) -> Tensor:
    """A Tensor over the same numbers."""
    return data if isinstance(data, Tensor) else Tensor(data)


def as_ints(array: Array) -> list[int]:
    """Numbers of an array, such as axes, as Python's."""
    return [int(n) for n in np.ravel(array)]
