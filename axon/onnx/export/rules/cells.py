"""Cells of recurrent layers, written out: the body of a Scan over the steps."""

from typing import Any

import numpy as np

from axon.onnx.export.rules.graph import Graph, Node, Truth
from axon.onnx.export.rules.sizes import divided
from axon.onnx.export.rules.values import Value
from axon.ops.cells import CELLS

BOOL = np.dtype(np.bool_)


def beside(graph: Graph, value: Value, count: int) -> list[Value]:
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
    graph: Graph, cell: str, x: Value, mask: Value, given: Any, units: Any
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


def _truth(graph: Graph, mask: Value) -> Value:
    """The mask as truth values."""
    if mask.dtype == BOOL:
        return mask
    if mask.view is not None:
        return graph.through(mask, lambda beneath: _truth(graph, beneath))
    if isinstance(mask.made, Truth):
        return mask.made.value
    return graph.op("Not", graph.op("Equal", mask, 0, dtype=BOOL))


class Body:
    """The graph inside a Scan: its nodes, what enters, what leaves."""

    def __init__(self, nodes: list[Node], inputs: list[Value], outputs: list[Value]) -> None:
        self.nodes, self.inputs, self.outputs = nodes, inputs, outputs


def _body(graph: Graph, cell: str, given: Any, starts: list[Value], z: Value) -> Body:
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
    return Body(nodes, [*states, step, real], [*kept, *every])


def _entering(graph: Graph, name: str, like: Value) -> Value:
    return Value(like.shape, like.dtype, graph.scoped(f"Scan/{name}"))


def _simple(graph: Graph, z: Value, given: Any, h: Value) -> list[Value]:
    """h' = tanh(z + h R)."""
    return [graph.op("Tanh", graph.op("Add", z, _product(graph, h, given)))]


def _lstm(graph: Graph, z: Value, given: Any, h: Value, c: Value) -> list[Value]:
    """c' = k c + i g and h' = o tanh(c'), of the gates i, k, g, o."""
    parts = beside(graph, graph.op("Add", z, _product(graph, h, given)), 4)
    i, k, o = (graph.op("Sigmoid", parts[p]) for p in (0, 1, 3))
    g = graph.op("Tanh", parts[2])
    kept, new = graph.op("Mul", k, c), graph.op("Mul", i, g)
    after = graph.op("Add", kept, new)
    return [graph.op("Mul", o, graph.op("Tanh", after)), after]


def _gru(graph: Graph, z: Value, given: Any, h: Value) -> list[Value]:
    """h' = u h + (1 - u) g, with g = tanh(z + v m) and m = h R + b."""
    m = beside(graph, graph.op("Add", _product(graph, h, given), given.bias[0]), 3)
    parts = beside(graph, z, 3)
    u, v = (graph.op("Sigmoid", graph.op("Add", parts[p], m[p])) for p in (0, 1))
    g = graph.op("Tanh", graph.op("Add", parts[2], graph.op("Mul", v, m[2])))
    return [graph.op("Add", g, graph.op("Mul", u, graph.op("Sub", h, g)))]


def _product(graph: Graph, h: Value, given: Any) -> Value:
    return graph.op("MatMul", h, given.r, shape=(h.shape[0], given.r.shape[1]))


CELL: dict[str, Any] = {"simple_rnn": _simple, "lstm": _lstm, "gru": _gru}
