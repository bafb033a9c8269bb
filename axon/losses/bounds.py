"""Between which numbers a result lies, whatever the inputs: found from the operations behind it."""

import math
from collections.abc import Callable
from math import inf
from typing import NamedTuple

from axon.backend import Array
from axon.core import Tensor
from axon.parameter import Parameter

DEPTH = 20  # operations that are looked back at: what matters is how a model ends


class Bounds(NamedTuple):
    """What a result is at least and at most.

    Attributes:
        low, high: the ends.
        exact: the ends can be reached, or come near to; if not, all that is known is "no further".
        by: in words, what made it so.
    """

    low: float
    high: float
    exact: bool = True
    by: str = ""


UNKNOWN = Bounds(-inf, inf, False)

FREE = {  # the primitives with weights: whatever comes in, anything can come out
    **dict.fromkeys(("matmul", "conv2d", "conv2d_input", "depthwise_conv2d"), "a linear layer"),
    **dict.fromkeys(("channel_affine", "standardize", "row_scale"), "a normalization"),
    "lookup": "an embedding",
}
RISING: dict[str, Callable[[float], float]] = {  # they keep the order of numbers, and so the ends
    "relu": lambda x: max(x, 0.0),
    "relu6": lambda x: min(max(x, 0.0), 6.0),
    "leaky_relu": lambda x: x,
    "elu": lambda x: max(x, -1.0),
    "selu": lambda x: x if x > 0 else max(2 * x, -2.0),
    "softplus": lambda x: x if x > 30 else math.log1p(math.exp(x)),
    "sigmoid": lambda x: (1 + math.tanh(x / 2)) / 2,
    "hard_sigmoid": lambda x: min(max(x / 6 + 0.5, 0.0), 1.0),
    "tanh": math.tanh,
    "softsign": lambda x: math.copysign(1.0, x) if abs(x) == inf else x / (1 + abs(x)),
    "exp": lambda x: inf if x > 700 else math.exp(x),
    "sqrt": lambda x: math.sqrt(max(x, 0.0)),
    "log": lambda x: -inf if x <= 0 else math.log(x),
}
FIXED = {  # whatever comes in
    **dict.fromkeys(("softmax", "equal", "not_equal"), (0.0, 1.0)),
    **dict.fromkeys(("less", "less_equal", "greater", "greater_equal"), (0.0, 1.0)),
    "log_softmax": (-inf, 0.0),
    "gelu": (-0.17, inf),
    "silu": (-0.28, inf),
    "mish": (-0.31, inf),
}
SAME = (  # they choose among their inputs, or average them
    *("copy", "cast", "reshape", "transpose", "slice", "broadcast_to", "max", "take"),
    *("max_pool2d", "average_pool2d", "concatenate", "where"),
)


def bounds(tensor: Tensor) -> Bounds:
    """Between which numbers a result lies, by the operations that made it.

    >>> from axon.activations import sigmoid
    >>> w = Parameter([[-1.0, 3.0]])
    >>> bounds((sigmoid(Tensor([[2.0]]) @ w) + 1.0) * 5.0)[:3]
    (5.0, 10.0, True)
    """
    return _Look().at(tensor, DEPTH)


class _Look:
    """One look back from a result: what was found already is not looked for again."""

    def __init__(self) -> None:
        self.found: dict[int, Bounds] = {}

    def at(self, tensor: Tensor, depth: int) -> Bounds:
        if id(tensor) not in self.found:
            self.found[id(tensor)] = self._look(tensor, depth)
        return self.found[id(tensor)]

    def _look(self, tensor: Tensor, depth: int) -> Bounds:
        creator = tensor.creator
        if creator is None:
            return _of_values(tensor)
        name, inputs = creator.primitive.name, creator.inputs
        if name in FREE:
            known = name != "matmul" or any(map(_learned, inputs))
            return Bounds(-inf, inf, True, FREE[name]) if known else UNKNOWN
        if "softmax" in name and inputs[0].shape[creator.meta.get("axis", -1)] == 1:
            same = float(name == "softmax")
            return Bounds(same, same, True, f"{name} over a single output")
        if name in FIXED:
            return Bounds(*FIXED[name], True, name)
        if name == "recurrence":
            return Bounds(-1.0, 1.0, True, "a recurrent layer")
        if name == "keep_mask":
            return Bounds(0.0, 1 / (1 - creator.meta["rate"]), True, "dropout")
        if not depth:
            return UNKNOWN
        given = [self.at(x, depth - 1) for x in inputs[name == "where" :]]
        if name in RISING:
            return _through(name, given[0])
        if name in SAME:
            return _union(given if name in ("concatenate", "where") else given[:1])
        if name == "sum":
            return _sum(given[0], inputs[0].size // max(tensor.size, 1))
        rule = RULES.get(name)
        return UNKNOWN if rule is None else rule(*_with_leaves(given, inputs))


def _learned(tensor: Tensor) -> bool:
    """Whether it is a parameter, or another view of one."""
    while (creator := tensor.creator) and creator.primitive.name in (
        "reshape",
        "transpose",
        "cast",
    ):
        tensor = creator.inputs[0]
    return isinstance(tensor, Parameter) or (tensor.creator is None and tensor.requires_grad)


def _of_values(tensor: Tensor) -> Bounds:
    """A number that was written down lies where it lies; parameters and data may be anything."""
    if isinstance(tensor, Parameter) or tensor.requires_grad or not tensor.size:
        return UNKNOWN
    low, high = float(tensor.data.min()), float(tensor.data.max())
    return UNKNOWN if math.isnan(low + high) else Bounds(low, high)


def _through(name: str, x: Bounds) -> Bounds:
    rule = RISING[name]
    return Bounds(rule(x.low), rule(x.high), x.exact, name)


def _union(given: list[Bounds]) -> Bounds:
    low, high = min(b.low for b in given), max(b.high for b in given)
    return Bounds(low, high, all(b.exact for b in given), given[0].by)


def _sum(x: Bounds, count: int) -> Bounds:
    exact = x.exact and (count == 1 or x.low == -x.high == -inf)
    return Bounds(_times(x.low, count), _times(x.high, count), exact, x.by)


def _times(a: float, b: float) -> float:
    return 0.0 if 0.0 in (a, b) else a * b


def _with_leaves(given: list[Bounds], inputs: tuple[Tensor, ...]) -> list[tuple[Bounds, bool]]:
    """What is known of each input, and whether it is a leaf, which depends on no other input."""
    alone = (x.creator is None or x.creator.primitive.name == "keep_mask" for x in inputs)
    return list(zip(given, alone, strict=True))


Side = tuple[Bounds, bool]


def _joined(a: Side, b: Side, low: float, high: float) -> Bounds:
    """The result of two inputs; two that were computed may depend on each other."""
    (x, x_leaf), (y, y_leaf) = a, b
    anything = (x.exact and x.low == -x.high == -inf and y_leaf) or (
        y.exact and y.low == -y.high == -inf and x_leaf
    )
    exact = anything or (x.exact and y.exact and (x_leaf or y_leaf))
    return Bounds(low, high, exact, x.by or y.by)


def _add(a: Side, b: Side) -> Bounds:
    return _joined(a, b, a[0].low + b[0].low, a[0].high + b[0].high)


def _subtract(a: Side, b: Side) -> Bounds:
    return _joined(a, b, a[0].low - b[0].high, a[0].high - b[0].low)


def _multiply(a: Side, b: Side) -> Bounds:
    ends = [_times(x, y) for x in a[0][:2] for y in b[0][:2]]
    return _joined(a, b, min(ends), max(ends))


def _divide(a: Side, b: Side) -> Bounds:
    y, leaf = b
    if y.low <= 0 <= y.high or -inf in y or inf in y:
        return UNKNOWN
    return _multiply(a, (Bounds(1 / y.high, 1 / y.low, y.exact), leaf))


def _square(a: Side) -> Bounds:
    ends = (a[0].low ** 2, a[0].high ** 2)
    inside = a[0].low <= 0 <= a[0].high
    return Bounds(0.0 if inside else min(ends), max(ends), a[0].exact, "square")


def _absolute(a: Side) -> Bounds:
    ends = (abs(a[0].low), abs(a[0].high))
    inside = a[0].low <= 0 <= a[0].high
    return Bounds(0.0 if inside else min(ends), max(ends), a[0].exact, "absolute")


def _power(a: Side, b: Side) -> Bounds:
    (x, _), (p, leaf) = a, b
    if not leaf or p.low != p.high or p.low < 0 or x.low < 0:
        return UNKNOWN
    return Bounds(x.low**p.low, x.high**p.low, x.exact, x.by)


RULES: dict[str, Callable[..., Bounds]] = {
    "add": _add,
    "subtract": _subtract,
    "multiply": _multiply,
    "divide": _divide,
    "negative": lambda a: Bounds(-a[0].high, -a[0].low, a[0].exact, a[0].by),
    "square": _square,
    "absolute": _absolute,
    "power": _power,
    "maximum": lambda a, b: _joined(a, b, max(a[0].low, b[0].low), max(a[0].high, b[0].high)),
    "minimum": lambda a, b: _joined(a, b, min(a[0].low, b[0].low), min(a[0].high, b[0].high)),
    "pad": lambda a: Bounds(min(a[0].low, 0.0), max(a[0].high, 0.0), a[0].exact, a[0].by),
}


def of_array(values: Array) -> tuple[float, float]:
    """The smallest and the largest of some numbers; NaN where there is one, 0 where there is none.

    >>> import numpy as np
    >>> of_array(np.array([3.0, 1.0]))
    (1.0, 3.0)
    """
    return (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
