"""Nodes that are more than a function: dropout, batch normalization, and graphs within graphs."""

from collections import ChainMap
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np

from axon import ops
from axon.core import Tensor
from axon.onnx.run.operators.node import Node, NodeError
from axon.onnx.run.operators.table import OPERATORS, operator
from axon.onnx.run.operators.values import Value, room, same_tensor, spend, whole_axis
from axon.parameter import Buffer
from axon.random import stream

WORDS = 2**32  # seeds are random words
ONE_MORE = Tensor(np.array([0, 1], np.uint32))
MOST_STEPS = 2**15  # nodes of all turns of a loop together


class DropoutNode(Node):
    """Leaves out numbers at random while training; its key is a buffer, as that of a layer."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        seed = int(stream("dropout").integers(WORDS))
        self.seed_state = Buffer(np.array([seed, 0], np.uint32))

    def own(self, kind: Any) -> dict[str, Any]:
        """The key."""
        return {"seed_state": self.seed_state} if isinstance(self.seed_state, kind) else {}

    def disturbed(self, x: Any, a: dict[str, Any]) -> Any:
        """x, some of its numbers left out while training.

        Raises:
            ValueError: the share that is left out is not at least 0 and less than 1.
        """
        rate = float(np.ravel(a.get("ratio", 0.5))[0])
        if not 0 <= rate < 1:
            raise ValueError(f"the ratio must be at least 0 and less than 1, got {rate}.")
        if not self.training or rate == 0:
            return x
        key = ops.copy(self.seed_state)
        ops.add_in_place(self.seed_state, ONE_MORE)
        return x * ops.keep_mask(key, shape=x.shape, dtype=x.dtype, rate=rate)


class BatchNode(Node):
    """Batch normalization, which needs several values for each channel to be trained on."""

    rank = 0

    def _values(self, given: Any, a: dict[str, Any]) -> list[Value]:
        self.rank = given[0].data.ndim
        return super()._values(given, a)

    @property
    def least_batch(self) -> int:
        """Two samples, if one brings a single value for each channel."""
        return 2 if self.rank == 2 and self.trainable else 1


# ------------------------------------------------------------------------------------ inner graphs


class Inner:
    """A graph inside a node: it reads the values around it, too."""

    def __init__(self, described: Mapping[str, Any], prefix: str) -> None:
        self.inputs = [str(name) for name in described["inputs"]]
        self.outputs = [str(name) for name in described["outputs"]]
        nodes = enumerate(described["nodes"])
        self.nodes = [made_node(node, f"{prefix}_{i}") for i, node in nodes]
        given = set(self.inputs)
        self.captured: dict[str, None] = {}
        for node in self.nodes:
            read = [n for n in (*node.inputs, *node.captures()) if n and n not in given]
            self.captured.update(dict.fromkeys(read))
            given |= set(node.outputs)
        self.captured.update(dict.fromkeys(n for n in self.outputs if n not in given))

    def run(
        self, env: Mapping[str, Value], given: list[Value], hints: dict[str, Any]
    ) -> list[Value]:
        """The outputs, from the inputs and the values around."""
        if len(given) != len(self.inputs):
            raise ValueError(f"a graph of {len(self.inputs)} inputs got {len(given)}.")
        spend("turns", len(self.nodes))
        inside: dict[str, Value] = dict(zip(self.inputs, given, strict=True))
        both = ChainMap(inside, env)  # type: ignore[arg-type]
        for node in self.nodes:
            inside.update(zip(node.outputs, node.step(both, hints), strict=False))
        return [both[name] for name in self.outputs]


class Control(Node):
    """A node with graphs inside. It is written out while the network is recorded."""

    graphs: tuple[str, ...] = ()

    def __init__(
        self, op: str, inputs: list[str], outputs: list[str], attributes: Any, name: Any = None
    ) -> None:
        super().__init__(op, inputs, outputs, attributes, name)
        self.bodies = {key: Inner(attributes[key], f"{self.name}_{key}") for key in self.graphs}

    def inner(self) -> list[Node]:
        """The nodes of all graphs inside."""
        return [node for body in self.bodies.values() for node in body.nodes]

    def captures(self) -> list[str]:
        """What the graphs read from around them."""
        return [name for body in self.bodies.values() for name in body.captured]

    def step(self, env: Mapping[str, Value], hints: dict[str, Any]) -> list[Value]:
        """Run the graphs inside as often as it takes."""
        try:
            return self.written_out(env, hints)
        except (ValueError, TypeError, LookupError) as error:
            if isinstance(error, NodeError):
                raise
            raise NodeError(f"{self.op} (node {self.name!r}): {error}") from error

    def written_out(self, env: Mapping[str, Value], hints: dict[str, Any]) -> list[Value]:
        """What comes of it; subclasses say."""
        raise NotImplementedError

    def decided(self, value: Value) -> Any:
        """A number that has to be known.

        Raises:
            ValueError: it depends on the data.
        """
        if not value.known or not value.data.size:
            raise ValueError("its course depends on the data: that cannot be recorded.")
        return value.data.flat[0]


class BranchNode(Control):
    """One of two graphs."""

    graphs = ("then_branch", "else_branch")

    def written_out(self, env: Mapping[str, Value], hints: dict[str, Any]) -> list[Value]:
        """The results of one of them."""
        chosen = self.graphs[not self.decided(env[self.inputs[0]])]
        return self.bodies[chosen].run(env, [], hints)


class LoopNode(Control):
    """One graph, again and again: each turn hands its results to the next."""

    graphs = ("body",)

    def passed_in(self) -> dict[str, str]:
        """Names inside -> the inputs that they are at first."""
        return dict(zip(self.bodies["body"].inputs, self.inputs, strict=False))

    def written_out(self, env: Mapping[str, Value], hints: dict[str, Any]) -> list[Value]:
        """The last of what is handed on, then what all turns gave, along a new first axis."""
        body, held = self.bodies["body"], [env[name] for name in self.inputs[2:]]
        gathered: list[list[Value]] = [[] for _ in body.outputs[1 + len(held) :]]
        going = env[self.inputs[1]] if len(self.inputs) > 1 and self.inputs[1] else None
        for number in self._rounds(env, len(body.nodes)):
            if going is not None and not self.decided(going):
                break
            count = Value(np.array(number, np.int64))
            goes_on = going or Value(np.array(True))
            going, *after = body.run(env, [count, goes_on, *held], hints)
            held, results = after[: len(held)], after[len(held) :]
            for place, value in zip(gathered, results, strict=True):
                place.append(value)
        return [*held, *map(_stacked, gathered)]

    def _rounds(self, env: Mapping[str, Value], nodes: int) -> Iterator[int]:
        most = MOST_STEPS // max(nodes, 1)
        limit = self.decided(env[self.inputs[0]]) if self.inputs[0] else None
        for number in range(most + 1):
            if limit is not None and number >= limit:
                return
            yield number
        raise ValueError(f"more than {most} turns are not written out.")


class ScanNode(Control):
    """One graph for each step of some sequences: states go on, results are gathered."""

    graphs = ("body",)

    def passed_in(self) -> dict[str, str]:
        """Names inside -> the inputs that they are at first."""
        return dict(zip(self.bodies["body"].inputs, self.inputs, strict=False))

    def written_out(self, env: Mapping[str, Value], hints: dict[str, Any]) -> list[Value]:
        """The last states, then what all steps gave, along a new axis."""
        body, a = self.bodies["body"], self.attributes
        given, count = [env[name] for name in self.inputs], int(a["num_scan_inputs"])
        held, read = given[: len(given) - count], given[len(given) - count :]
        axes, back = (a.get(f"scan_input_{k}") or [0] * count for k in ("axes", "directions"))
        steps = [_steps(v, axis, turned) for v, axis, turned in zip(read, axes, back, strict=True)]
        if len({len(s) for s in steps}) != 1 or len(steps[0]) * len(body.nodes) > MOST_STEPS:
            raise ValueError("its sequences differ in length, or are too long to be written out.")
        gathered: list[list[Value]] = [[] for _ in body.outputs[len(held) :]]
        for now in zip(*steps, strict=True):
            made = body.run(env, [*held, *now], hints)
            held = made[: len(held)]
            for place, value in zip(gathered, made[len(held) :], strict=True):
                place.append(value)
        turned = a.get("scan_output_directions") or [0] * len(gathered)
        axes = a.get("scan_output_axes") or [0] * len(gathered)
        pairs = zip(gathered, axes, turned, strict=True)
        return [*held, *(_moved(_stacked(v[::-1] if t else v), axis) for v, axis, t in pairs)]


def _steps(value: Value, axis: int, turned: int) -> list[Value]:
    """The slices along an axis."""
    tensor, axis = value.natural(), whole_axis(axis, value.data.ndim)
    index = (slice(None),) * axis
    parts = [Value(tensor[(*index, i)]) for i in range(tensor.shape[axis])]
    return parts[::-1] if turned else parts


def _moved(value: Value, axis: int) -> Value:
    """The first axis at another place."""
    rank = value.data.ndim
    order = list(range(1, rank))
    order.insert(whole_axis(axis, rank), 0)
    return value.permuted(tuple(order))


def _stacked(values: list[Value]) -> Value:
    if not values:
        raise ValueError("a loop without a turn has no results to gather.")
    room((len(values), *values[0].shape))
    spend("room", len(values) * values[0].data.size)
    if all(v.known for v in values):
        return Value(np.stack([v.data for v in values]))
    return Value(ops.stack([same_tensor(v.natural()) for v in values]))


def _by_the_node(a: dict[str, Any], *inputs: Any) -> Any:
    """Run by the node itself."""
    raise ValueError("a graph inside a node is run by the node.")


operator("Loop", "If", "Scan", quiet=True)(_by_the_node)

# ------------------------------------------------------------------------------------ making them

BASES: dict[str, type[Node]] = {
    "Dropout": DropoutNode,
    "BatchNormalization": BatchNode,
    "If": BranchNode,
    "Loop": LoopNode,
    "Scan": ScanNode,
}


@cache
def node_class(op: str) -> type[Node]:
    """The class of the nodes of one operator, which bears its name.

    Raises:
        ValueError: there is no such operator.

    >>> node_class("Loop").__mro__[1].__name__
    'LoopNode'
    """
    if op not in OPERATORS:
        raise ValueError(f"unknown operator {op!r}.")
    entry = OPERATORS[op]
    described: dict[str, Any] = {
        "operator": entry,
        "__module__": entry.chapter,
        "__doc__": entry.run.__doc__,
    }
    described["__reduce__"] = _reduced
    return type(op, (BASES.get(op, Node),), described)


def _reduced(node: Node) -> Any:
    """How a node is copied and pickled: its class is made again by name."""
    return blank, (node.op,), vars(node)


def blank(op: str) -> Node:
    """A node before it is told anything."""
    return node_class(op).__new__(node_class(op))


def made_node(described: Mapping[str, Any], number: Any) -> Node:
    """Make a node of what a file says of it."""
    op = str(described["op"])
    inputs, outputs = ([str(n) for n in described[k]] for k in ("inputs", "outputs"))
    name = str(described.get("name") or f"{op.lower()}_{number}")
    return node_class(op)(op, inputs, outputs, dict(described.get("attributes", {})), name)
