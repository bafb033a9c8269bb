"""A node of a graph as a layer: what ``summary`` and ``plot`` show, with its parameters.

Most run one operator. Dropout has a key, and a node with graphs inside runs these: loops are
written out while the network is recorded.
"""

from collections import ChainMap
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NoReturn

import numpy as np

from axon import ops
from axon.backend import FLOAT, DType, Shape
from axon.core import Tensor
from axon.layers.module import Module
from axon.modes import Mode, no_grad
from axon.names import printable
from axon.onnx.ir import Graph, Node, ValueInfo
from axon.onnx.run.operators.budget import TooMuchError, allowed, spend
from axon.onnx.run.operators.lists import LISTS
from axon.onnx.run.operators.noise import DRAWING
from axon.onnx.run.operators.operand import Data, Operand, as_tensor, axis_from_front
from axon.onnx.run.operators.table import OPERATORS, Context, Operator
from axon.parameter import Buffer
from axon.random import stream

MAX_STEPS = 2**15  # nodes of all turns of a loop together
BOTH = 128  # nodes of two graphs, up to which both are computed where the data choose one
Env = Mapping[str, Operand]  # operands by the names of values
Batch = tuple[int | None, int | None]  # samples that the file was made for (None: any); given now


class NodeError(ValueError):
    """A node cannot be computed; the message names it."""


class NodeLayer(Module):
    """A node, as a layer.

    Args:
        node: what it computes; its name is that of the layer.

    Raises:
        ValueError: its attributes are not those of its operator.
    """

    operator: Operator
    draws = False  # whether it gives other numbers each time

    def __init__(self, node: Node) -> None:
        super().__init__(node.name)
        self.node = node
        self.placed = True  # names are unique already
        self.output_shape: Shape | None = None  # as it lies: the channels of images come last
        self.seen_known = False  # whether all was known before the network ran
        self.used = [i for i, output in enumerate(node.outputs) if output]
        try:
            self.operator.bound(node.attributes)
        except ValueError as error:
            self._fail(error)

    @property
    def op(self) -> str:
        """The name of the operator."""
        return self.node.op_type

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

    @property
    def key(self) -> Buffer | None:
        """The key of its random numbers, a tensor that is no weight of the graph."""
        return None

    def inner(self) -> "list[NodeLayer]":
        """The layers of a graph inside this node."""
        return []

    def passed_in(self) -> dict[str, str]:
        """Names in a graph inside this node -> the inputs that they are at first."""
        return {}

    @property
    def input_dtype(self) -> DType:
        """Inputs are taken as they come."""
        return FLOAT

    @property
    def least_batch(self) -> int:
        """Two samples, if statistics are taken over a single value of each."""
        rows = self.output_shape is not None and len(self.output_shape) == 1
        return 2 if self.op == "BatchNormalization" and rows and self.trainable else 1

    def build(self, *input_shapes: Shape) -> Shape:
        """Not for a node alone: its graph is built with all of them."""
        raise NotImplementedError(f"node {self.name!r} is built with its graph.")

    def backward(self, dL_dout: object, input_gradient: bool = True) -> NoReturn:
        """Not for a node alone: autograd goes back through a graph."""
        raise NotImplementedError(
            f"node {self.name!r}: let autograd go back: loss(y, model(Tensor(x))).backward()."
        )

    def step(self, env: Env, batch: Batch) -> list[Operand]:
        """Compute what this node gives, from the operands by name.

        Raises:
            ValueError: the inputs do not fit; the node is named.
        """
        try:
            return self._results(env, batch)
        except NodeError:
            raise
        except (ValueError, TypeError, LookupError, ArithmeticError) as error:
            self._fail(error)

    def _fail(self, error: Exception) -> NoReturn:
        text = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        said = text if text.endswith(".") else f"{text}."
        raise NodeError(f"{self.op} (node {self.name!r}): {said}") from error

    def _results(self, env: Env, batch: Batch) -> list[Operand]:
        operator = self.operator
        everything = [env[name] if name else None for name in self.node.inputs]
        if any(v is not None and v.parts is not None for v in everything):
            if self.op == "Identity":
                return [v for v in everything if v is not None]
            raise ValueError("it takes tensors, not lists of them.")
        told = {**operator.defaults, **self.node.attributes}
        given, told = operator.separated(everything, told)
        if operator.lazy:
            return [operator.look(given, told)]
        known = not self.draws and all(v is None or v.known for v in everything)
        outputs = len(self.node.outputs)
        context = Context(*batch, self.used, outputs, self.training, known, self.key)
        inputs, told, order = operator.layout(given, told)
        if known:
            self.seen_known = True
            with Mode("recorder", None), no_grad():
                made = operator.run(inputs, told, context)
            results = [_array(_lying(v, order)) for v in map(_read, made)]
        else:
            made = self(*inputs, told=told, context=context)
            results = [_lying(v, order) for v in map(_read, made)]
        spend("results", sum(operand.data.size for operand in results))
        return results

    def forward(self, *inputs: Any, told: Any = None, context: Any = None) -> list[Data | None]:
        """Run the operator on tensors that lie as it wants them."""
        made = self.operator.run(inputs, told, context)
        results = [None if y is None else as_tensor(y) for y in made]
        self.output_shape = next(y.shape[1:] for y in results if y is not None)
        return list(results)

    def __repr__(self) -> str:
        return printable(f"{self.op}({', '.join(self.node.inputs)})")


NOTHING = np.zeros(0)  # in place of a result that nobody reads


def _read(data: Data | None) -> Data:
    return NOTHING if data is None else data


def _lying(data: Data, order: Shape | None) -> Operand:
    """A result; such as have fewer axes than the first, as statistics of channels, lie as read."""
    return Operand(data, order if order is not None and len(order) == data.ndim else None)


def _array(operand: Operand) -> Operand:
    """Known numbers as they are read."""
    data = operand.natural()
    return Operand(data.data if isinstance(data, Tensor) else np.asarray(data))


class DropoutLayer(NodeLayer):
    """Leaves out numbers at random while training; its key is a buffer, as that of a layer."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        seed = int(stream("dropout").integers(2**32))  # a random word
        self.seed_state = Buffer(np.array([seed, 0], np.uint32))

    @property
    def key(self) -> Buffer:
        """Where its random numbers are."""
        return self.seed_state


class ListLayer(NodeLayer):
    """An operator on lists of tensors."""

    def _results(self, env: Env, batch: Batch) -> list[Operand]:
        given = [env[name] if name else None for name in self.node.inputs]
        told = {**self.operator.defaults, **self.node.attributes}
        return [self.operator.compute(*given, **{k: told[k] for k in self.operator.attributes})]


class DrawingLayer(DropoutLayer):
    """Draws random numbers at every run, even where all that it is given is known before."""

    draws = True

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        if "seed" in node.attributes:
            self.seed_state.data[0] = np.float32(node.attributes["seed"]).view(np.uint32)


# ------------------------------------------------------------------------------------ graphs inside


class Body:
    """A graph inside a node: it reads the values around it, too."""

    def __init__(self, graph: Graph, prefix: str) -> None:
        self.inputs = [value.name for value in graph.inputs]
        self.outputs = [value.name for value in graph.outputs]
        self.layers = [layer_of(node, f"{prefix}_{i}") for i, node in enumerate(graph.nodes)]

    def run(self, env: Env, given: list[Operand], batch: Batch) -> list[Operand]:
        """The outputs, from the inputs and the values around."""
        if len(given) != len(self.inputs):
            raise ValueError(f"a graph of {len(self.inputs)} inputs got {len(given)}.")
        spend("turns", len(self.layers))
        inside: dict[str, Operand] = dict(zip(self.inputs, given, strict=True))
        both = ChainMap(inside, env)  # type: ignore[arg-type]
        for layer in self.layers:
            inside.update(zip(layer.node.outputs, layer.step(both, batch), strict=False))
        return [both[name] for name in self.outputs]


class ControlLayer(NodeLayer):
    """A node with graphs inside."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        graphs = node.graphs.items()
        self.bodies = {key: Body(graph, f"{self.name}_{key}") for key, graph in graphs}

    def inner(self) -> list[NodeLayer]:
        """The layers of all graphs inside."""
        return [layer for body in self.bodies.values() for layer in body.layers]


def decided(operand: Operand) -> Any:
    """A number by which the course of the network is chosen.

    Raises:
        ValueError: it is computed from the data, or it is none or several.
    """
    if operand.data.size != 1:
        raise ValueError(f"its course is chosen by one number, and there are {operand.data.size}.")
    array = operand.value()
    if array is None:
        raise ValueError("its course depends on the data: that cannot be recorded.")
    return array.flat[0]


class IfLayer(ControlLayer):
    """One of two graphs; both, if the data choose and they are short and give alike.

    So the network is recorded, and what the graph gives that was not chosen is dropped.
    """

    joins = True  # as far as is known

    def _results(self, env: Env, batch: Batch) -> list[Operand]:
        condition = env[self.node.inputs[0]]
        if not condition.known and self.joins and condition.data.size == 1:
            made = self._both(condition, env, batch)
            self.joins = bool(made)
            if made:
                return made
        chosen = "then_branch" if decided(condition) else "else_branch"
        return self.bodies[chosen].run(env, [], batch)

    def _both(self, condition: Operand, env: Env, batch: Batch) -> list[Operand]:
        """What is chosen among the results of both; nothing if these differ in shape or type."""
        inner = self.inner()
        if len(inner) > BOTH or any(v.inner() for v in inner):
            return []
        try:
            sides = [self.bodies[k].run(env, [], batch) for k in ("then_branch", "else_branch")]
        except ValueError:
            return []
        if any(v.parts is not None for side in sides for v in side):
            return []
        pairs = [[as_tensor(v.natural()) for v in pair] for pair in zip(*sides, strict=True)]
        if any((a.shape, a.dtype) != (b.shape, b.dtype) for a, b in pairs):
            return []
        truth = as_tensor(condition.natural()).reshape(()).astype(bool)
        return [Operand(ops.where(truth, a, b)) for a, b in pairs]


class LoopLayer(ControlLayer):
    """One graph, again and again: each turn hands its results to the next."""

    def passed_in(self) -> dict[str, str]:
        """Names inside -> the inputs that they are at first."""
        return dict(zip(self.bodies["body"].inputs, self.node.inputs, strict=False))

    def _results(self, env: Env, batch: Batch) -> list[Operand]:
        """The last of what is handed on, then what all turns gave, along a new first axis."""
        names, body = self.node.inputs, self.bodies["body"]
        held = [env[name] for name in names[2:]]
        gathered: list[list[Operand]] = [[] for _ in body.outputs[1 + len(held) :]]
        going = env[names[1]] if len(names) > 1 and names[1] else None
        for number in self._turns(env, len(body.layers)):
            if going is not None and not decided(going):
                break
            count, goes_on = Operand(np.array(number, np.int64)), Operand(np.array(True))
            going, *after = body.run(env, [count, going or goes_on, *held], batch)
            held = after[: len(held)]
            gather(gathered, after[len(held) :])
        return [*held, *map(stacked, gathered)]

    def _turns(self, env: Env, layers: int) -> Iterator[int]:
        most = MAX_STEPS // max(layers, 1)
        limit = decided(env[self.node.inputs[0]]) if self.node.inputs[0] else None
        for number in range(most + 1):
            if limit is not None and number >= limit:
                return
            yield number
        raise TooMuchError(f"more than {most} turns are not written out.")


class ScanLayer(LoopLayer):
    """One graph for each step of some sequences: states go on, results are gathered."""

    def _results(self, env: Env, batch: Batch) -> list[Operand]:
        """The last states, then what all steps gave, along a new axis."""
        given = [env[name] for name in self.node.inputs]
        if not self.node.attributes.get("by_sample"):
            return self._scanned(env, given, batch)
        parts = [slices(v, 0, 0) for v in given]
        rows = [self._scanned(env, list(one), batch) for one in zip(*parts, strict=True)]
        return [stacked(list(one)) for one in zip(*rows, strict=True)]

    def _scanned(self, env: Env, given: list[Operand], batch: Batch) -> list[Operand]:
        body, a = self.bodies["body"], self.node.attributes
        count = int(a["num_scan_inputs"])
        held, read = given[: len(given) - count], given[len(given) - count :]
        axes, back = (a.get(f"scan_input_{k}") or [0] * count for k in ("axes", "directions"))
        steps = [slices(v, axis, turned) for v, axis, turned in zip(read, axes, back, strict=True)]
        if len({len(s) for s in steps}) != 1 or len(steps[0]) * len(body.layers) > MAX_STEPS:
            raise ValueError("its sequences differ in length, or are too long to be written out.")
        gathered: list[list[Operand]] = [[] for _ in body.outputs[len(held) :]]
        for now in zip(*steps, strict=True):
            made = body.run(env, [*held, *now], batch)
            held = made[: len(held)]
            gather(gathered, made[len(held) :])
        turned = a.get("scan_output_directions") or [0] * len(gathered)
        axes = a.get("scan_output_axes") or [0] * len(gathered)
        pairs = zip(gathered, axes, turned, strict=True)
        return [*held, *(stacked(v[::-1] if t else v, axis) for v, axis, t in pairs)]


def slices(operand: Operand, axis: int, turned: int) -> list[Operand]:
    """The slices along an axis, from its end if ``turned``."""
    data, axis = operand.natural(), axis_from_front(axis, operand.ndim)
    places: list[Any] = [(*(slice(None),) * axis, i) for i in range(data.shape[axis])]
    parts = [Operand(data[place]) for place in places]
    return parts[::-1] if turned else parts


def gather(lists: list[list[Operand]], operands: list[Operand]) -> None:
    """Put each operand behind those of its list."""
    for one, operand in zip(lists, operands, strict=True):
        one.append(operand)


def stacked(operands: list[Operand], axis: int = 0) -> Operand:
    """The operands beside one another along a new axis."""
    if not operands:
        raise ValueError("a loop without a turn has no results to gather.")
    allowed((len(operands), *operands[0].shape))
    spend("results", len(operands) * operands[0].data.size)
    if all(v.known for v in operands):
        made = Operand(np.stack([np.asarray(v.data) for v in operands]))
    else:
        made = Operand(ops.stack([as_tensor(v.natural()) for v in operands]))
    order = list(range(1, made.ndim))
    order.insert(axis_from_front(axis, made.ndim), 0)
    return made.permuted(tuple(order))


# ------------------------------------------------------------------------------------ making them

LAYERS: dict[str, type[NodeLayer]] = {
    "Dropout": DropoutLayer,
    "If": IfLayer,
    "Loop": LoopLayer,
    "Scan": ScanLayer,
    **dict.fromkeys(LISTS, ListLayer),
    **dict.fromkeys(DRAWING, DrawingLayer),
}


@cache
def layer_class(op: str) -> type[NodeLayer]:
    """The class of the layers of one operator, which bears its name.

    Raises:
        ValueError: there is no such operator.

    >>> layer_class("Loop").__mro__[1].__name__
    'LoopLayer'
    """
    if op not in OPERATORS:
        raise ValueError(f"unknown operator {op!r}.")
    operator = OPERATORS[op]
    namespace: dict[str, Any] = {"operator": operator, "__module__": operator.compute.__module__}
    namespace |= {"__doc__": operator.compute.__doc__, "__reduce__": _reduced}
    return type(op.rpartition(".")[2], (LAYERS.get(op, NodeLayer),), namespace)


def _reduced(layer: NodeLayer) -> Any:
    """How a layer is copied and pickled: its class is made again by name."""
    return blank, (layer.op,), vars(layer)


def blank(op: str) -> NodeLayer:
    """A layer before it is told anything."""
    return layer_class(op).__new__(layer_class(op))


def layer_of(node: Node, number: object) -> NodeLayer:
    """The layer of a node; one without a name is called by its operator and a number."""
    node.name = node.name or f"{node.op_type.lower()}_{number}"
    return layer_class(node.op_type)(node)


def node_from(description: Mapping[str, Any]) -> Node:
    """A node of what a GraphModel's graph says of it, JSON."""
    inputs, outputs = ([str(n) for n in description[k]] for k in ("inputs", "outputs"))
    attributes = dict(description.get("attributes", {}))
    for key, value in attributes.items():
        if isinstance(value, dict):
            inside = [node_from(node) for node in value["nodes"]]
            enters, leaves = ([ValueInfo(str(n)) for n in value[k]] for k in ("inputs", "outputs"))
            attributes[key] = Graph(inside, enters, leaves)
    return Node(str(description["op"]), inputs, outputs, attributes, description.get("name") or "")
