"""Activations: ONNX's operator of that name, or what it is made of."""

from collections.abc import Callable
from math import pi, sqrt
from typing import Any

from axon.activations.selu import ALPHA, SCALE
from axon.onnx.export.rules.elementwise import Rule, unary
from axon.onnx.export.rules.graph import Graph
from axon.onnx.export.rules.values import Value


def _through(function: Callable[..., Value]) -> Rule:
    """A rule that works element by element."""
    return lambda graph, x, **meta: graph.through(x, lambda y: function(graph, y, **meta))


def relu6(graph: Graph, x: Value) -> Value:
    """Between 0 and 6."""
    return graph.op("Clip", x, 0.0, 6.0)


def silu(graph: Graph, x: Value) -> Value:
    """x sigmoid(x); an operator of its own from version 24."""
    if graph.opset >= 24:
        return graph.op("Swish", x)
    return graph.op("Mul", x, graph.op("Sigmoid", x))


def mish(graph: Graph, x: Value) -> Value:
    """x tanh(softplus(x)); an operator of its own from version 18."""
    if graph.opset >= 18:
        return graph.op("Mish", x)
    return graph.op("Mul", x, graph.op("Tanh", graph.op("Softplus", x)))


def gelu(graph: Graph, x: Value, approximate: bool = False) -> Value:
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

    def rule(graph: Graph, x: Value, axis: int = -1) -> Value:
        if x.view and x.view.kind == "transpose":
            base, order = x.view.base, x.view.axes
            return graph.op(op, base, axis=order[axis]).transposed(order)
        return graph.op(op, x, axis=axis)

    return rule


def _with(op: str, **fixed: Any) -> Rule:
    return _through(lambda graph, x: graph.op(op, x, **fixed))


RULES: dict[str, Rule] = {
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
