"""Arithmetic, comparisons and activations: one ONNX operator each, or what it is made of."""

from collections.abc import Callable
from math import pi, sqrt
from typing import Any

import numpy as np

from axon.activations.selu import ALPHA, SCALE
from axon.backend import DType, promote
from axon.onnx.export.rules.values import Value
from axon.onnx.export.rules.writer import Rule, Writer

BOOL, INT64 = np.dtype(np.bool_), np.dtype(np.int64)
TRUTHS = {"Add": "Or", "Mul": "And", "Max": "Or", "Min": "And"}  # what arithmetic is for bools


def unary(op: str) -> Rule:
    """An operator with one input."""
    return lambda graph, x: graph.through(x, lambda y: graph.op(op, y))


def binary(op: str) -> Rule:
    """An operator with two inputs, in the type of the result."""

    def rule(graph: Writer, x: Value, y: Value) -> Value:
        dtype = graph.result.dtype
        name = TRUTHS.get(op, op) if dtype == BOOL else op
        return graph.elementwise(name, graph.cast(x, dtype), graph.cast(y, dtype))

    return rule


def comparison(op: str, negated: bool = False) -> Rule:
    """An operator whose result is a truth value."""

    def rule(graph: Writer, x: Value, y: Value) -> Value:
        dtype = _comparable(promote(x.dtype, y.dtype), op)
        truth = graph.elementwise(op, graph.cast(x, dtype), graph.cast(y, dtype), dtype=BOOL)
        return graph.through(truth, lambda z: graph.op("Not", z)) if negated else truth

    return rule


def _comparable(dtype: DType, op: str) -> DType:
    """A type that can be compared everywhere."""
    small = dtype.kind in "iu" and dtype.itemsize < 4
    return INT64 if small or (dtype == BOOL and op != "Equal") else dtype


def square(graph: Writer, x: Value) -> Value:
    """x x."""
    return graph.through(x, lambda y: graph.op("Mul", y, y))


def where(graph: Writer, condition: Value, x: Value, y: Value) -> Value:
    """x where the condition holds, y elsewhere."""
    shape, dtype = graph.result
    chosen = graph.cast(x, dtype), graph.cast(y, dtype)
    return graph.op("Where", condition, *chosen, shape=shape, dtype=dtype)


# ------------------------------------------------------------------------------------ activations


def _through(function: Callable[..., Value]) -> Rule:
    """A rule that works element by element."""
    return lambda graph, x, **meta: graph.through(x, lambda y: function(graph, y, **meta))


def relu6(graph: Writer, x: Value) -> Value:
    """Between 0 and 6."""
    return graph.op("Clip", x, 0.0, 6.0)


def silu(graph: Writer, x: Value) -> Value:
    """x sigmoid(x); an operator of its own from version 24."""
    if graph.opset >= 24:
        return graph.op("Swish", x)
    return graph.op("Mul", x, graph.op("Sigmoid", x))


def mish(graph: Writer, x: Value) -> Value:
    """x tanh(softplus(x)); an operator of its own from version 18."""
    if graph.opset >= 18:
        return graph.op("Mish", x)
    return graph.op("Mul", x, graph.op("Tanh", graph.op("Softplus", x)))


def gelu(graph: Writer, x: Value, approximate: bool = False) -> Value:
    """x P(x); an operator of its own from version 20."""
    if graph.opset >= 20:
        return graph.op("Gelu", x, approximate="tanh" if approximate else None)
    if approximate:
        cube = graph.op("Mul", graph.op("Mul", x, x), x)
        inner = graph.op("Add", x, graph.op("Mul", cube, 0.044715))
        bell = graph.op("Tanh", graph.op("Mul", inner, sqrt(2 / pi)))
    else:
        bell = graph.op("Erf", graph.op("Div", x, sqrt(2.0)))
    return graph.op("Mul", graph.op("Mul", x, graph.op("Add", bell, 1.0)), 0.5)


def along_axis(op: str) -> Rule:
    """An operator along one axis, beneath a transpose."""

    def rule(graph: Writer, x: Value, axis: int = -1) -> Value:
        if view := x.beneath("transpose"):
            return graph.op(op, view.base, axis=view.axes[axis]).transposed(view.axes)
        return graph.op(op, x, axis=axis)

    return rule


def _with(op: str, **fixed: Any) -> Rule:
    return _through(lambda graph, x: graph.op(op, x, **fixed))


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
    "sin": unary("Sin"),
    "cos": unary("Cos"),
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
    "relu": unary("Relu"),
    "sigmoid": unary("Sigmoid"),
    "tanh": unary("Tanh"),
    "softplus": unary("Softplus"),
    "softsign": unary("Softsign"),
    "relu6": _through(relu6),
    "silu": _through(silu),
    "mish": _through(mish),
    "gelu": _through(gelu),
    "elu": _through(lambda graph, x, alpha=1.0: graph.op("Elu", x, alpha=float(alpha))),
    "selu": _with("Selu", alpha=ALPHA, gamma=SCALE),
    "hard_sigmoid": _with("HardSigmoid", alpha=1 / 6, beta=0.5),
    "leaky_relu": _through(
        lambda graph, x, negative_slope=0.2: graph.op("LeakyRelu", x, alpha=float(negative_slope))
    ),
    "softmax": along_axis("Softmax"),
    "log_softmax": along_axis("LogSoftmax"),
}
