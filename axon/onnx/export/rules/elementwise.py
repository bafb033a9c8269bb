"""Arithmetic, comparisons and the elementary functions: one ONNX operator each, or two."""

from collections.abc import Callable

import numpy as np

from axon.backend import DType, promote
from axon.onnx.export.rules.graph import Graph
from axon.onnx.export.rules.values import Value

Rule = Callable[..., Value]
BOOL, INT64 = np.dtype(np.bool_), np.dtype(np.int64)
TRUTHS = {"Add": "Or", "Mul": "And", "Max": "Or", "Min": "And"}  # what arithmetic is for bools


def unary(op: str) -> Rule:
    """An operator with one input."""
    return lambda graph, x: graph.through(x, lambda y: graph.op(op, y))


def binary(op: str) -> Rule:
    """An operator with two inputs, in the type of the result."""

    def rule(graph: Graph, x: Value, y: Value) -> Value:
        dtype = graph.out.dtype
        name = TRUTHS.get(op, op) if dtype == BOOL else op
        return graph.elementwise(name, graph.cast(x, dtype), graph.cast(y, dtype))

    return rule


def comparison(op: str, negated: bool = False) -> Rule:
    """An operator whose result is a truth value."""

    def rule(graph: Graph, x: Value, y: Value) -> Value:
        dtype = _comparable(promote(x.dtype, y.dtype), op)
        truth = graph.elementwise(op, graph.cast(x, dtype), graph.cast(y, dtype), dtype=BOOL)
        return graph.through(truth, lambda z: graph.op("Not", z)) if negated else truth

    return rule


def _comparable(dtype: DType, op: str) -> DType:
    """A type that can be compared everywhere."""
    small = dtype.kind in "iu" and dtype.itemsize < 4
    return INT64 if small or (dtype == BOOL and op != "Equal") else dtype


def square(graph: Graph, x: Value) -> Value:
    """x x."""
    return graph.through(x, lambda y: graph.op("Mul", y, y))


def where(graph: Graph, condition: Value, x: Value, y: Value) -> Value:
    """x where the condition holds, y elsewhere."""
    shape, dtype = graph.out
    chosen = graph.cast(x, dtype), graph.cast(y, dtype)
    return graph.op("Where", condition, *chosen, shape=shape, dtype=dtype)


RULES: dict[str, Rule] = {
    "add": binary("Add"),
    "subtract": binary("Sub"),
    "multiply": binary("Mul"),
    "divide": binary("Div"),
    "power": binary("Pow"),
    "maximum": binary("Max"),
    "minimum": binary("Min"),
    "negative": unary("Neg"),
    "absolute": unary("Abs"),
    "sign": unary("Sign"),
    "sqrt": unary("Sqrt"),
    "exp": unary("Exp"),
    "log": unary("Log"),
    "erf": unary("Erf"),
    "square": square,
    "equal": comparison("Equal"),
    "not_equal": comparison("Equal", negated=True),
    "less": comparison("Less"),
    "less_equal": comparison("LessOrEqual"),
    "greater": comparison("Greater"),
    "greater_equal": comparison("GreaterOrEqual"),
    "where": where,
    "cast": lambda graph, x, dtype: graph.cast(x, dtype),
    "copy": lambda graph, x: x,
}
