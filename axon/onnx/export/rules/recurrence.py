"""Recurrent layers: ONNX's own LSTM, GRU and RNN; with a mask, a Scan over the steps.

ONNX's operators know sequences that end early, but none with gaps, or that begin late. AXON's masks
may have both, so what has one becomes a Scan whose body is the cell.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from axon.onnx.export.rules.elementwise import BOOL
from axon.onnx.export.rules.sizes import Size, Sizes, divided, total
from axon.onnx.export.rules.values import Value
from axon.onnx.export.rules.writer import AxisIndex, FromBool, Rule, Writer
from axon.onnx.ir import Graph, ValueInfo
from axon.ops.cells import CELLS

OPERATORS = {  # name, order of the gates
    "simple_rnn": ("RNN", (0,)),
    "lstm": ("LSTM", (0, 3, 1, 2)),  # i, f, g, o -> i, o, f, g
    "gru": ("GRU", (0, 1, 2)),
}


class RecurrentInput(NamedTuple):
    """The matrix that a recurrence reads: x W + b, R, perhaps a bias, and the states at first."""

    scope: str
    x: Value
    w: Value
    b: Value
    rows: Sequence[Value]  # R, perhaps the bias of the product with h, the states at first
    shape: Sizes

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

    def part(self, graph: Writer, index: Sequence[AxisIndex]) -> Value | None:
        """One of its parts, which a cell with other activations reads by itself."""
        rows, columns = index
        assert rows is not None  # new axes come after
        begin, end = _ends(rows, self.shape[0])
        at: Size = 0
        for value in (self._z(graph), *self.rows):
            until = total([at, value.shape[0]])
            if (begin, end) == (at, until):
                return _columns(value, rows, columns)
            at = until
        return None

    def full(self, graph: Writer) -> Value:
        """All of it, its narrower rows filled up with zeros."""
        width, rows = self.w.shape[1], []
        for value in (self._z(graph), *self.rows):
            missing: Any = width
            missing -= value.shape[1]
            ends = graph.constant([0, 0, 0, missing], np.int64)
            rows.append(graph.op("Pad", value, ends, shape=(value.shape[0], width)))
        return graph.op("Concat", *rows, axis=0, shape=self.shape)

    def _z(self, graph: Writer) -> Value:
        """What the inputs contribute."""
        shape = (self.x.shape[0], self.w.shape[1])
        product = graph.op("MatMul", self.x, self.w, shape=shape)
        return graph.op("Add", product, self.b)


def _ends(rows: Size | slice, size: Size) -> tuple[Size, Size]:
    """The first row of a selection, and the one behind its last."""
    if not isinstance(rows, slice):
        return rows, total([rows, 1])
    if rows.step not in (None, 1):
        return 0, 0
    return (0 if rows.start is None else rows.start), (size if rows.stop is None else rows.stop)


def _columns(value: Value, rows: AxisIndex, columns: AxisIndex) -> Value | None:
    """A part of which all columns are wanted; a single row without that axis."""
    every = [slice(None), slice(None, value.shape[1])]
    if not isinstance(columns, slice) or columns not in every:
        return None
    return value if isinstance(rows, slice) else value.reshaped(value.shape[1:])


def recurrent_input(graph: Writer, x: Value, w: Value, b: Value, *rows: Value) -> Value:
    """Nothing yet: the recurrence that reads it says what for."""
    shape, dtype = graph.result
    return Value(shape, dtype, made=RecurrentInput(graph.scope, x, w, b, rows, shape))


class States(NamedTuple):
    """The result of a recurrence, of which states are read: all of them, or the last."""

    scope: str
    all: Sequence[Value | None]  # (time, n, units) of each kind of state, None where not known
    last: Sequence[Value]  # likewise, (n, units)
    saved: int  # how many gates come before the states

    def full(self, graph: Writer) -> Value:
        """Gates are not known to ONNX."""
        raise NotImplementedError("of a recurrence, ONNX knows the states, but not the gates.")

    def part(self, graph: Writer, index: Sequence[AxisIndex]) -> Value | None:
        """One kind of state."""
        number, *rest = index
        which = number - self.saved if isinstance(number, int) else -1
        if not 0 <= which < len(self.all) or any(p != slice(None) for p in rest):
            return None
        state = CellState(self.scope, self.all[which], self.last[which])
        dtype = self.last[which].dtype
        return Value(graph.result.shape, dtype, made=state)


class CellState(NamedTuple):
    """One kind of state, of which all after the first are read, or the last alone."""

    scope: str
    all: Value | None
    last: Value

    def full(self, graph: Writer) -> Value:
        """The first of them is what the recurrence began with, which ONNX does not repeat."""
        raise NotImplementedError("of a recurrence, ONNX knows h after each step, and the last c.")

    def part(self, graph: Writer, index: Sequence[AxisIndex]) -> Value | None:
        """All steps, or the last."""
        first, *rest = index
        if all(p == slice(None) for p in rest):
            if first == slice(1, None) and self.all is not None:
                return self.all
            if first == -1:
                return self.last
        return None


def recurrence(graph: Writer, p: Value, mask: Value, cell: str, time: int) -> Value:
    """A cell, applied to one time step after another."""
    given = p.made
    if not isinstance(given, RecurrentInput):
        raise NotImplementedError("recurrence: its matrix was not made by recurrent_input.")
    shape, dtype = graph.result
    _, _, n, units = shape
    assert isinstance(units, int)
    x = given.x.reshaped((time, n, given.x.shape[1]))
    masked = mask.shape[1] != 0
    states = (scanned if masked else _operator)(graph, cell, x, mask, given, units)
    return Value(shape, dtype, made=States(graph.scope, *states, CELLS[cell].saved))


def _operator(
    graph: Writer, cell: str, x: Value, _: Value, given: RecurrentInput, units: int
) -> tuple[list[Value | None], list[Value]]:
    """LSTM, GRU or RNN: (all states, last ones)."""
    op, order = OPERATORS[cell]
    view = x.beneath("reverse")
    backwards = view is not None and view.axes == (0,)
    steps = view.base if view and backwards else x
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


def _gates(w: Value, order: Sequence[int], units: int) -> Value:
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


def _first(graph: Writer, start: Value, count: int) -> list[Value]:
    """The states at first, (1, n, units) each; none if they are 0."""
    if start.array is not None and not start.array.any():
        return []
    return [s.reshaped((1, *s.shape)) for s in beside(graph, start, count)]


# ------------------------------------------------------------------------------------ with a mask


def beside(graph: Writer, value: Value, count: int) -> list[Value]:
    """Blocks of columns of equal width."""
    if count == 1:
        return [value]
    rows, width = value.shape
    each = divided(width, count)
    if value.array is not None:
        parts = np.split(value.array, count, axis=1)
        return [Value((rows, each), value.dtype, array=part) for part in parts]
    sizes = graph.constant([each] * count, np.int64)
    results = [((rows, each), value.dtype)] * count
    return graph.ops("Split", value, sizes, axis=1, results=results)


def scanned(
    graph: Writer, cell: str, x: Value, mask: Value, given: RecurrentInput, units: int
) -> tuple[list[Value | None], list[Value]]:
    """A cell that keeps its states where the mask (n, time) is false: (all states, last ones)."""
    time, n, _ = x.shape
    count, state = CELLS[cell].states, ((n, units), x.dtype)
    product = graph.op("MatMul", x, given.w, shape=(time, n, given.w.shape[1]))
    z = graph.op("Add", product, given.b)
    real = _truth(graph, mask).transposed((1, 0)).reshaped((time, n, 1))
    starts = beside(graph, given.start, count)
    outputs = [state] * count + [((time, n, units), x.dtype)] * count
    for weights in (given.r, *given.bias):
        graph.name(weights)  # written here, outside the body that reads them
    body = _body(graph, cell, given, starts, z)
    inputs = (*starts, z, real)
    made = graph.ops("Scan", *inputs, results=outputs, body=body, num_scan_inputs=2)
    return [*made[count:]], made[:count]


def _truth(graph: Writer, mask: Value) -> Value:
    """The mask as truth values."""
    if mask.dtype == BOOL:
        return mask
    if mask.view is not None:
        return graph.through(mask, lambda beneath: _truth(graph, beneath))
    if isinstance(mask.made, FromBool):
        return mask.made.value
    return graph.op("Not", graph.op("Equal", mask, 0, dtype=BOOL))


def _body(graph: Writer, cell: str, given: RecurrentInput, starts: list[Value], z: Value) -> Graph:
    """One step: states, z (n, width) and whether it is real (n, 1) -> new states, twice."""
    n = z.shape[1]
    states = [_entering(graph, "state", s) for s in starts]
    step = _entering(graph, "z", Value((n, z.shape[2]), z.dtype))
    real = _entering(graph, "real", Value((n, 1), BOOL))
    outside, graph.nodes, same = graph.nodes, [], dict(graph.same)
    after = CELL[cell](graph, step, given, *states)
    kept = [graph.op("Where", real, *pair) for pair in zip(after, states, strict=True)]
    kept = [Value(v.shape, z.dtype, v.name) for v in kept]
    every = [graph.op("Identity", v) for v in kept]
    nodes, graph.nodes, graph.same = graph.nodes, outside, same  # these are seen inside alone
    enters, leaves = (
        [ValueInfo(v.name or "", v.dtype, v.shape) for v in side]
        for side in ([*states, step, real], [*kept, *every])
    )
    return Graph(nodes, enters, leaves)


def _entering(graph: Writer, name: str, like: Value) -> Value:
    return Value(like.shape, like.dtype, graph.scoped(f"Scan/{name}"))


def _simple(graph: Writer, z: Value, given: RecurrentInput, h: Value) -> list[Value]:
    """h' = tanh(z + h R)."""
    return [graph.op("Tanh", graph.op("Add", z, _product(graph, h, given)))]


def _lstm(graph: Writer, z: Value, given: RecurrentInput, h: Value, c: Value) -> list[Value]:
    """c' = k c + i g and h' = o tanh(c'), of the gates i, k, g, o."""
    parts = beside(graph, graph.op("Add", z, _product(graph, h, given)), 4)
    i, k, o = (graph.op("Sigmoid", parts[p]) for p in (0, 1, 3))
    g = graph.op("Tanh", parts[2])
    kept, new = graph.op("Mul", k, c), graph.op("Mul", i, g)
    after = graph.op("Add", kept, new)
    return [graph.op("Mul", o, graph.op("Tanh", after)), after]


def _gru(graph: Writer, z: Value, given: RecurrentInput, h: Value) -> list[Value]:
    """h' = u h + (1 - u) g, with g = tanh(z + v m) and m = h R + b."""
    m = beside(graph, graph.op("Add", _product(graph, h, given), given.bias[0]), 3)
    parts = beside(graph, z, 3)
    u, v = (graph.op("Sigmoid", graph.op("Add", parts[p], m[p])) for p in (0, 1))
    g = graph.op("Tanh", graph.op("Add", parts[2], graph.op("Mul", v, m[2])))
    return [graph.op("Add", g, graph.op("Mul", u, graph.op("Sub", h, g)))]


def _product(graph: Writer, h: Value, given: RecurrentInput) -> Value:
    return graph.op("MatMul", h, given.r, shape=(h.shape[0], given.r.shape[1]))


CELL: dict[str, Callable[..., list[Value]]] = {"simple_rnn": _simple, "lstm": _lstm, "gru": _gru}


RULES: dict[str, Rule] = {"recurrent_input": recurrent_input, "recurrence": recurrence}
