"""Recurrent layers: ONNX's own LSTM, GRU and RNN; with a mask, a Scan over the steps.

ONNX's operators know sequences that end early, but none with gaps, or that begin late. AXON's masks
may have both, so what has one becomes a Scan whose body is the cell.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from axon.onnx.export.rules.cells import beside, scanned
from axon.onnx.export.rules.elementwise import Rule
from axon.onnx.export.rules.graph import Graph
from axon.onnx.export.rules.sizes import Size, Sizes, total
from axon.onnx.export.rules.values import Value
from axon.ops.cells import CELLS

OPERATORS = {  # name, order of the gates
    "simple_rnn": ("RNN", (0,)),
    "lstm": ("LSTM", (0, 3, 1, 2)),  # i, f, g, o -> i, o, f, g
    "gru": ("GRU", (0, 1, 2)),
}


class RecurrentInput:
    """The matrix that a recurrence reads: x W + b, R, perhaps a bias, and the states at first."""

    def __init__(
        self, scope: str, x: Value, w: Value, b: Value, rows: Sequence[Value], shape: Sizes
    ) -> None:
        self.scope = scope
        self.x, self.w, self.b = x, w, b
        self.rows, self.shape = rows, shape

    @property
    def r(self) -> Value:
        """The recurrent weights."""
        return self.rows[0]

    @property
    def bias(self) -> Sequence[Value]:
        """The bias of the product with h, if there is one."""
        return self.rows[1:-1]

    @property
    def start(self) -> Value:
        """The states at first, beside one another."""
        return self.rows[-1]

    def part(self, graph: Graph, index: Sequence[Any]) -> Value | None:
        """One of its parts, which a cell with other activations reads by itself."""
        rows, columns = index
        begin, end = _ends(rows, self.shape[0])
        at: Size = 0
        for value in (self._z(graph), *self.rows):
            until = total([at, value.shape[0]])
            if (begin, end) == (at, until):
                return _columns(value, rows, columns)
            at = until
        return None

    def whole(self, graph: Graph) -> Value:
        """All of it, its narrower rows filled up with zeros."""
        width, rows = self.w.shape[1], []
        for value in (self._z(graph), *self.rows):
            missing: Any = width
            missing -= value.shape[1]
            ends = graph.constant([0, 0, 0, missing], np.int64)
            rows.append(graph.op("Pad", value, ends, shape=(value.shape[0], width)))
        return graph.op("Concat", *rows, axis=0, shape=self.shape)

    def _z(self, graph: Graph) -> Value:
        """What the inputs contribute."""
        shape = (self.x.shape[0], self.w.shape[1])
        product = graph.op("MatMul", self.x, self.w, shape=shape)
        return graph.op("Add", product, self.b)


def _ends(rows: Any, size: Size) -> tuple[Size, Size]:
    """The first row of a selection, and the one behind its last."""
    if not isinstance(rows, slice):
        return rows, total([rows, 1])
    if rows.step not in (None, 1):
        return 0, 0
    return (0 if rows.start is None else rows.start), (size if rows.stop is None else rows.stop)


def _columns(value: Value, rows: Any, columns: Any) -> Value | None:
    """A part of which all columns are wanted; a single row without that axis."""
    every = [slice(None), slice(None, value.shape[1])]
    if not isinstance(columns, slice) or columns not in every:
        return None
    return value if isinstance(rows, slice) else value.reshaped(value.shape[1:])


def recurrent_input(graph: Graph, x: Value, w: Value, b: Value, *rows: Value) -> Value:
    """Nothing yet: the recurrence that reads it says what for."""
    shape, dtype = graph.out
    return Value(shape, dtype, made=RecurrentInput(graph.scope, x, w, b, rows, shape))


class States:
    """The result of a recurrence, of which states are read: all of them, or the last.

    Attributes:
        all: one value (time, n, units) for each kind of state; None if it is not known.
        last: likewise, (n, units).
        saved: how many gates come before the states.
    """

    def __init__(
        self, scope: str, every: Sequence[Value | None], last: Sequence[Value], saved: int
    ) -> None:
        self.scope, self.all, self.last, self.saved = scope, every, last, saved

    def whole(self, graph: Graph) -> Value:
        """Gates are not known to ONNX."""
        raise NotImplementedError("of a recurrence, ONNX knows the states, but not the gates.")

    def part(self, graph: Graph, index: Sequence[Any]) -> Value | None:
        """One kind of state."""
        number, *rest = index
        which = number - self.saved if isinstance(number, int) else -1
        if not 0 <= which < len(self.all) or any(p != slice(None) for p in rest):
            return None
        state = State(self.scope, self.all[which], self.last[which])
        dtype = self.last[which].dtype
        return Value(graph.out.shape, dtype, made=state)


class State:
    """One kind of state, of which all after the first are read, or the last alone."""

    def __init__(self, scope: str, every: Value | None, last: Value) -> None:
        self.scope, self.all, self.last = scope, every, last

    def whole(self, graph: Graph) -> Value:
        """The first of them is what the recurrence began with, which ONNX does not repeat."""
        raise NotImplementedError("of a recurrence, ONNX knows h after each step, and the last c.")

    def part(self, graph: Graph, index: Sequence[Any]) -> Value | None:
        """All steps, or the last."""
        first, *rest = index
        if all(p == slice(None) for p in rest):
            if first == slice(1, None) and self.all is not None:
                return self.all
            if first == -1:
                return self.last
        return None


def recurrence(graph: Graph, p: Value, mask: Value, cell: str, time: int) -> Value:
    """A cell, applied to one time step after another."""
    given = p.made
    if not isinstance(given, RecurrentInput):
        raise NotImplementedError("recurrence: its matrix was not made by recurrent_input.")
    shape, dtype = graph.out
    _, _, n, units = shape
    x = given.x.reshaped((time, n, given.x.shape[1]))
    masked = mask.shape[1] != 0
    states = (scanned if masked else _operator)(graph, cell, x, mask, given, units)
    return Value(shape, dtype, made=States(graph.scope, *states, CELLS[cell].saved))


def _operator(
    graph: Graph, cell: str, x: Value, _: Value, given: RecurrentInput, units: Any
) -> tuple[list[Value | None], list[Value]]:
    """LSTM, GRU or RNN: (all states, last ones)."""
    op, order = OPERATORS[cell]
    backwards = x.view is not None and x.view.kind == "reverse" and x.view.axes == (0,)
    steps = x.view.base if x.view and backwards else x
    time, n, _features = x.shape
    count = CELLS[cell].states
    end = ((1, n, units), x.dtype)
    made = graph.ops(
        op,
        *(steps, _gates(given.w, order, units), _gates(given.r, order, units)),
        *(_biases(given, order), None, *_first(graph, given.start, count)),
        hidden_size=units,
        direction="reverse" if backwards else None,
        linear_before_reset=1 if cell == "gru" else None,
        results=[((time, 1, n, units), x.dtype), *[end] * count],
    )
    every = graph.op("Squeeze", made[0], graph.constant([1]), shape=(time, n, units))
    last = [graph.op("Squeeze", y, graph.constant([0]), shape=(n, units)) for y in made[1:]]
    return [every.reversed(0) if backwards else every, *[None] * (count - 1)], last


def _gates(w: Value, order: Sequence[int], units: Any) -> Value:
    """Weights (rows, gates * units) as (1, gates * units, rows), gates in ONNX's order."""
    if w.array is None:
        raise NotImplementedError("recurrence: its weights are computed from its inputs.")
    rows = w.array.shape[0]
    blocks = w.array.T.reshape(len(order), units, rows)[list(order)]
    array = blocks.reshape(1, len(order) * units, rows)
    return Value(array.shape, w.dtype, array=array, label=w.label)


def _biases(given: RecurrentInput, order: Sequence[int]) -> Value | None:
    """Both biases beside one another, (1, 2 * gates * units); None if they are 0."""
    dtype = given.w.dtype
    rows = [given.b, *given.bias]
    if any(row.array is None for row in rows):
        raise NotImplementedError("recurrence: its bias is computed from its inputs.")
    arrays = [np.asarray(row.array, dtype) for row in rows]
    arrays += [np.zeros_like(arrays[0])] * (2 - len(arrays))
    if not any(a.any() for a in arrays):
        return None
    turned = [a.reshape(len(order), -1)[list(order)].reshape(1, -1) for a in arrays]
    both = np.concatenate(turned, axis=1)
    label = next((row.label for row in rows if row.label), "")
    return Value(both.shape, dtype, array=both, label=label)


def _first(graph: Graph, start: Value, count: int) -> list[Value]:
    """The states at first, (1, n, units) each; none if they are 0."""
    if start.array is not None and not start.array.any():
        return []
    return [s.reshaped((1, *s.shape)) for s in beside(graph, start, count)]


RULES: dict[str, Rule] = {"recurrent_input": recurrent_input, "recurrence": recurrence}
