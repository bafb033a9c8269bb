"""Elementary functions, rounding, and the bits of whole numbers."""

from math import pi

import numpy as np

from axon.backend import promote
from axon.onnx.export.rules.elementwise import unary
from axon.onnx.export.rules.values import Value
from axon.onnx.export.rules.writer import Rule, Writer


def expm1(graph: Writer, x: Value) -> Value:
    """2 e^(x / 2) sinh(x / 2), in which nothing cancels."""
    half = graph.op("Mul", x, 0.5)
    return graph.op("Mul", graph.op("Mul", graph.op("Exp", half), graph.op("Sinh", half)), 2.0)


def log1p(graph: Writer, x: Value) -> Value:
    """2 artanh(x / (x + 2)), in which nothing cancels."""
    inner = graph.op("Div", x, graph.op("Add", x, 2.0))
    return graph.op("Mul", graph.op("Atanh", inner), 2.0)


def arctan2(graph: Writer, y: Value, x: Value) -> Value:
    """The arctangent of y / x, moved by half a turn where x is negative."""
    shape, dtype = graph.result
    y, x = graph.cast(y, dtype), graph.cast(x, dtype)
    near = graph.elementwise("Div", y, x)
    zero, half = graph.constant(0.0, dtype), graph.constant(pi, dtype)
    below = graph.elementwise("Less", y, zero, dtype=np.dtype(np.bool_))
    turn = graph.op("Where", below, graph.constant(-pi, dtype), half, shape=y.shape, dtype=dtype)
    left = graph.elementwise("Less", x, zero, dtype=np.dtype(np.bool_))
    kept = graph.through(near, lambda z: graph.op("Atan", z))
    moved = graph.elementwise("Add", kept, turn)
    return graph.op("Where", left, moved, kept, shape=shape, dtype=dtype)


def _rounded(op: str) -> Rule:
    """Of whole numbers, they themselves."""
    return lambda graph, x: unary(op)(graph, x) if x.dtype.kind == "f" else x


def floor_divide(graph: Writer, x: Value, y: Value) -> Value:
    """The quotient without its fraction; of whole numbers in float64, whose quotients are exact."""
    dtype, real = graph.result.dtype, graph.result.dtype
    real = real if real.kind == "f" else np.dtype(np.float64)
    quotient = graph.elementwise("Div", graph.cast(x, real), graph.cast(y, real), dtype=real)
    return graph.cast(graph.through(quotient, lambda z: graph.op("Floor", z)), dtype)


def mod(graph: Writer, x: Value, y: Value) -> Value:
    """What is left of x without its whole number of y."""
    dtype = graph.result.dtype
    x, y = graph.cast(x, dtype), graph.cast(y, dtype)
    if dtype.kind != "f":
        return graph.elementwise("Mod", x, y)
    times = graph.elementwise("Mul", y, floor_divide(graph, x, y))
    return graph.elementwise("Sub", x, times)


def _bits(op: str) -> Rule:
    """Of truth values by logic; of whole numbers from version 18 on."""

    def rule(graph: Writer, x: Value, y: Value) -> Value:
        dtype = promote(x.dtype, y.dtype)
        name = op if dtype.kind == "b" else f"Bitwise{op}"
        return graph.elementwise(name, graph.cast(x, dtype), graph.cast(y, dtype))

    return rule


RULES: dict[str, Rule] = {
    **{"expm1": lambda graph, x: graph.through(x, lambda y: expm1(graph, y))},
    **{"log1p": lambda graph, x: graph.through(x, lambda y: log1p(graph, y))},
    **{"tan": unary("Tan"), "arcsin": unary("Asin"), "arccos": unary("Acos")},
    **{"arctan": unary("Atan"), "arctan2": arctan2, "sinh": unary("Sinh"), "cosh": unary("Cosh")},
    **{"arcsinh": unary("Asinh"), "arccosh": unary("Acosh"), "arctanh": unary("Atanh")},
    **{"floor": _rounded("Floor"), "ceil": _rounded("Ceil"), "rint": _rounded("Round")},
    **{"mod": mod, "floor_divide": floor_divide},
    **{"bitwise_and": _bits("And"), "bitwise_or": _bits("Or"), "bitwise_xor": _bits("Xor")},
}
