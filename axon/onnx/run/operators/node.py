"""One operator of a graph, with its parameters: what ``summary`` and ``plot`` show as a layer."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from axon.backend import FLOAT, DType, Shape
from axon.core import Tensor
from axon.layers.module import Module
from axon.modes import Mode, no_grad
from axon.names import printable
from axon.onnx.run.operators.table import Operator
from axon.onnx.run.operators.values import Value, Values, as_ints, same_tensor, spend


class Node(Module):
    """An operator, the names of what it reads and of what it gives, and its attributes.

    Args:
        op: its name in the table.
        inputs: names of values; "" for one that is left out.
        outputs: likewise.
        attributes: numbers, strings and lists of them.
        name: what summaries call it.
    """

    operator: Operator

    def __init__(
        self,
        op: str,
        inputs: list[str],
        outputs: list[str],
        attributes: dict[str, Any],
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.op, self.inputs, self.outputs, self.attributes = op, inputs, outputs, attributes
        self.placed = True  # names are unique already
        self.output_shape: Shape | None = None  # as it lies: the channels of images come last
        self.first: Shape = ()  # how long the first axis of its input was, of a Squeeze
        self.seen_known = False  # whether all was known before the network ran
        self.used = [i for i, output in enumerate(outputs) if output]

    @property
    def shown(self) -> bool:
        """Whether this is a part of the network, and not the arithmetic of sizes."""
        return not (self.operator.quiet or self.seen_known)

    def hold(self, path: str, tensor: Tensor) -> None:
        """Take a weight of the graph: it counts as this node's, and is frozen with it."""
        key = path.rpartition("/")[2].rpartition(".")[2] or path
        while key in dir(self):
            key += "_"
        setattr(self, key, tensor)

    def own(self, kind: Any) -> dict[str, Any]:
        """Tensors that are this node's alone, and not weights of the graph."""
        del kind
        return {}

    def inner(self) -> "list[Node]":
        """The nodes of a graph inside this one."""
        return []

    def passed_in(self) -> dict[str, str]:
        """Names in a graph inside this node -> the inputs that they are at first."""
        return {}

    def captures(self) -> list[str]:
        """Names that are read besides the inputs, by a graph inside this node."""
        return []

    @property
    def input_dtype(self) -> DType:
        """Inputs are taken as they come."""
        return FLOAT

    @property
    def least_batch(self) -> int:
        """The number of samples that a batch needs for this node to be trained on it."""
        return 1

    def build(self, *input_shapes: Shape) -> Shape:
        """Not for a node alone: its graph is built as a whole."""
        raise NotImplementedError(f"node {self.name!r} is built with its graph.")

    def backward(self, dL_dout: Any, input_gradient: bool = True) -> Any:
        """Not for a node alone: autograd goes back through a graph."""
        raise NotImplementedError(
            f"node {self.name!r}: let autograd go back: loss(y, model(Tensor(x))).backward()."
        )

    def step(self, env: Mapping[str, Value], hints: dict[str, Any]) -> list[Value]:
        """Compute what this node gives, from the values by name.

        Args:
            env: the values so far.
            hints: what the graph tells all nodes.

        Raises:
            ValueError: the inputs do not fit; the node is named.
        """
        try:
            given = [env[name] if name else None for name in self.inputs]
            made = self._values(given, {**hints, **self.attributes, "node": self})
            if self.operator.name not in LAZY:
                spend("room", sum(value.data.size for value in made))
            return made
        except (ValueError, TypeError, LookupError, ArithmeticError) as error:
            if isinstance(error, NodeError):
                raise
            raise NodeError(f"{self.op} (node {self.name!r}): {_said(error)}") from error

    def _values(self, given: Values, a: dict[str, Any]) -> list[Value]:
        given, a = self._settled(given, a)
        if self.operator.name in LAZY:
            return LAZY[self.operator.name](given, a)
        if all(v is None or v.known for v in given):
            self.seen_known = True
            return self._known(given, a)
        inputs, a, order = self.operator.arrange(given, a)
        return self._picked(self(*inputs, attributes=a), a, order)

    def _settled(self, given: Values, a: dict[str, Any]) -> tuple[Values, dict[str, Any]]:
        """Inputs that have to be known go among the attributes, as Python's numbers."""
        static = self.operator.static
        for place, name in static.items():
            value = given[place] if place < len(given) else None
            if value is None:
                continue
            if not value.known:
                raise ValueError(
                    f"{name!r} is computed from the data. A recorded network needs to know it "
                    "before it runs."
                )
            a = {**a, name: value.data}
        return [v for i, v in enumerate(given) if i not in static], a

    def _known(self, given: Values, a: dict[str, Any]) -> list[Value]:
        """Numbers that do not depend on the data: computed at once, and not recorded."""
        a["known"] = True
        arrays, a, order = self.operator.arrange(given, a)
        if self.operator.host is not None:
            return [Value(np.asarray(self.operator.host(a, *arrays)))]
        with Mode("recorder", None), no_grad():
            made = self.operator.run(a, *(None if x is None else Tensor(x) for x in arrays))
            return [Value(v.natural().data) for v in self._picked(made, a, order)]

    def _picked(self, made: Tensor, a: dict[str, Any], order: Shape | None) -> list[Value]:
        pick = self.operator.pick
        if pick is None:
            return [Value(made, order)]
        numbers = range(len(self.outputs))
        return [Value(pick(a, made, i), order) for i in numbers]

    def forward(self, *inputs: Any, attributes: Any = None) -> Tensor:
        """Run the operator on tensors that are arranged already."""
        made = same_tensor(self.operator.run(attributes, *inputs))
        self.output_shape = made.shape[1:]
        return made

    def __repr__(self) -> str:
        return printable(f"{self.op}({', '.join(self.inputs)})")


class NodeError(ValueError):
    """A node cannot be computed; the message names it."""


def _said(error: Exception) -> str:
    text = str(error) if not isinstance(error, KeyError) else f"{error} is missing"
    return text if text.endswith(".") else f"{text}."


def _transposed(given: Values, a: dict[str, Any]) -> list[Value]:
    """Only the order of reading changes."""
    value = _first(given)
    rank = value.data.ndim
    axes = tuple(as_ints(a["perm"])) if a.get("perm") is not None else tuple(range(rank))[::-1]
    if sorted(axes) != list(range(rank)):
        raise ValueError(f"perm={axes} does not fit {rank} axes.")
    return [value.permuted(axes)]


def _first(given: Values) -> Value:
    if not given or given[0] is None:
        raise ValueError("the input is missing.")
    return given[0]


def _shape(given: Values, a: dict[str, Any]) -> list[Value]:
    sizes = _first(given).shape[a.get("start", 0) : a.get("end")]
    return [Value(np.array(sizes, np.int64))]


def _size(given: Values, a: dict[str, Any]) -> list[Value]:
    return [Value(np.array(np.prod(_first(given).shape, dtype=np.int64)))]


LAZY: dict[str, Any] = {  # what is answered without computing anything
    "Transpose": _transposed,
    "Identity": lambda given, a: [_first(given)],
    "Shape": _shape,
    "Size": _size,
}
