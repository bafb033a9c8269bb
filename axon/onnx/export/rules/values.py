"""Values of the graph that is being written, and views of them that are written only when read.

A view is another arrangement of a value: its shape, the order of its axes, or their direction. It
becomes a node when something reads it as it is. Two transposes that undo each other never become
any: so channels-last images, of which every convolution transposes its own, pass through a network
of them in the order that ONNX wants.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from axon.backend import Array, DType
from axon.onnx.export.rules.sizes import Sizes


class View(NamedTuple):
    """How a value lies within another one."""

    op: str  # reshape, transpose or reverse
    base: "Value"
    axes: tuple[int, ...] = ()  # the order of a transpose; the axis that a reverse turns around


class Value:
    """One array that flows through the graph.

    Attributes:
        shape: its sizes; a ``Batch`` follows the number of samples.
        dtype: the type of its elements.
        name: what the graph calls it; None while nothing reads it.
        view: what it is a view of, if it is one.
        array: its numbers, if they are known; of size 1 along axes that follow the batch.
        label: what to call its numbers in the file.
        made: what else is known of it, by the operation that made it.
    """

    def __init__(
        self,
        shape: Sequence[Any],
        dtype: DType,
        name: str | None = None,
        view: View | None = None,
        array: Array | None = None,
        label: str = "",
        made: Any = None,
    ) -> None:
        self.shape: Sizes = tuple(shape)
        self.dtype, self.name, self.view = dtype, name, view
        self.array, self.label, self.made = array, label, made
        self._views: dict[tuple[str, Any], Value] = {}

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def constant(self) -> bool:
        """Whether its numbers are known."""
        return self.array is not None

    @property
    def fixed(self) -> bool:
        """Whether it is a constant whose shape does not follow the batch."""
        return self.array is not None and self.array.shape == self.shape

    def beneath(self, op: str) -> View | None:
        """What it is a view of and how, if it is such a view."""
        return self.view if self.view and self.view.op == op else None

    def transposed(self, axes: Sequence[int]) -> "Value":
        """The axes in another order."""
        order = tuple(a % self.ndim for a in axes)
        if order == tuple(range(self.ndim)):
            return self
        if self.array is not None:
            turned = self.array.transpose(order)
            return self._kept("transpose", order, array=turned)
        if view := self.beneath("transpose"):
            return view.base.transposed([view.axes[a] for a in order])
        if view := self.beneath("reverse"):
            return view.base.transposed(order).reversed(order.index(view.axes[0]))
        return self._kept("transpose", order)

    def reversed(self, axis: int) -> "Value":
        """The other way round along an axis."""
        view = self.beneath("reverse")
        if view and view.axes == (axis,):
            return view.base
        return self._kept("reverse", (axis,))

    def reshaped(self, shape: Sequence[Any]) -> "Value":
        """The same elements, row by row, in another shape."""
        wanted = tuple(shape)
        if wanted == self.shape:
            return self
        if view := self.beneath("reshape"):
            return view.base.reshaped(wanted)
        if self.array is not None and self.fixed:
            return self._kept("reshape", wanted, array=self.array.reshape(wanted))
        return self._kept("reshape", wanted)

    def _kept(self, op: str, how: tuple[Any, ...], array: Array | None = None) -> "Value":
        """A view, made once."""
        key = (op, how)
        if key not in self._views:
            shape = _arranged(self.shape, op, how)
            view = None if array is not None else View(op, self, how)
            self._views[key] = Value(shape, self.dtype, None, view, array, self.label)
        return self._views[key]


def _arranged(shape: Sizes, op: str, how: tuple[Any, ...]) -> Sizes:
    if op == "reshape":
        return how
    return tuple(shape[a] for a in how) if op == "transpose" else shape


def lifted(value: Value, ndim: int) -> Value:
    """The same with axes of size 1 in front, as broadcasting sees it."""
    missing = ndim - value.ndim
    if not missing:
        return value
    shape = (1,) * missing + value.shape
    if value.array is not None:  # reshaping keeps it a constant, whatever follows the batch
        array = value.array.reshape((1,) * missing + value.array.shape)
        return Value(shape, value.dtype, array=array, label=value.label)
    return value.reshaped(shape)
