"""Assembly: from the nodes of a file to what a GraphModel is made of, nested dicts and arrays."""

import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from axon.backend import Array, Shape
from axon.onnx.ir import Graph, Node, ValueInfo, every
from axon.onnx.load.batch_size import MAX_SAMPLE
from axon.onnx.load.read import SEQUENCE, TEXT, File
from axon.onnx.load.tensors import OnnxFileError
from axon.onnx.load.versions import NodeRewriter
from axon.onnx.load.weights import Roles
from axon.onnx.run.layers import layer_of
from axon.onnx.run.operators.budget import Budget
from axon.onnx.run.operators.lists import LISTS
from axon.onnx.run.operators.noise import DRAWING
from axon.onnx.run.operators.operand import Operand
from axon.onnx.run.operators.windows import kernel_order

INLINE = 64  # numbers of a constant that are written into the graph itself
FOLDED = 2**24  # numbers that all constants together may become that are computed while loading,
AGAIN = 16  # besides so many times the numbers in the file


class Assembly:
    """The graph of a model: its nodes rewritten, its constants computed, its weights found.

    Args:
        file: what was read.
        nodes: those that lead to the outputs.
        outputs: their names.
    """

    def __init__(self, file: File, nodes: list[Node], outputs: Sequence[str]) -> None:
        self.file, self.outputs = file, list(outputs)
        self.arrays: dict[str, Array] = {}
        self.initializers: set[str] = set()
        self.lent: set[str] = set()
        self._take(file.graph, {n for node in nodes for n in node.reads()} | {*outputs}, "")
        self.nodes = self._rewritten(nodes, "")
        read = self._read()
        entering = [value for value in file.graph.inputs if value.name in read]
        leaving = [value for value in file.graph.outputs if value.name in self.outputs]
        self.first = (entering[0].shape or [None])[0] if entering and entering[0].shape else None
        self.by_samples = may_be_by_samples(entering, leaving)
        self.inputs = self._inputs(file.graph.inputs)
        self._copy_shared()
        self.roles = Roles(list(every(self.nodes)), self.arrays, self.initializers, self.lent)
        self._fold()
        read = self._read()
        for node in every(self.nodes):
            node.outputs = [name if name in read else "" for name in node.outputs]

    def _read(self) -> set[str]:
        """All names that somebody reads."""
        read = {name for node in every(self.nodes) for name in node.reads()}
        graphs = (graph for node in every(self.nodes) for graph in node.graphs.values())
        return read | {v.name for graph in graphs for v in graph.outputs} | {*self.outputs}

    def _take(self, graph: Graph, read: Collection[str], prefix: str) -> None:
        for name, tensor in graph.initializers.items():
            if name in read:
                self.arrays[prefix + name] = tensor.array()
                self.initializers.add(prefix + name)

    def _rewritten(self, nodes: list[Node], prefix: str) -> list[Node]:
        """Nodes rewritten; graphs inside them, too, under names of their own."""
        read = {name for node in every(nodes) for name in node.reads()} | {*self.outputs}
        rewriter = NodeRewriter(self.file.opset, read)
        for node in nodes:
            for key, graph in node.graphs.items():
                inside = self._inside(graph, f"{prefix}{node.name or node.outputs[0]}/{key}/")
                node.attributes[key] = inside
            rewriter.add(node)
        self.arrays |= rewriter.arrays
        self.lent |= rewriter.lent
        return rewriter.nodes

    def _inside(self, graph: Graph, prefix: str) -> Graph:
        """A graph inside a node, whose names must not meet those around it."""
        own = graph.own()
        self._take(graph, own, prefix)

        def renamed(name: str) -> str:
            return prefix + name if name in own else name

        for node in graph.nodes:
            node.inputs, node.outputs = (list(map(renamed, n)) for n in (node.inputs, node.outputs))
            node.name = f"{prefix}{node.name}" if node.name else ""
            for inner in node.graphs.values():
                _rename_captured(inner, renamed)
        enters, leaves = (
            [ValueInfo(renamed(v.name)) for v in side] for side in (graph.inputs, graph.outputs)
        )
        return Graph(self._rewritten(graph.nodes, prefix), enters, leaves)

    def _inputs(self, given: list[ValueInfo]) -> list[dict[str, Any]]:
        read = self._read()
        inputs = []
        for value in (v for v in given if v.name in read):
            shape = value.shape
            if value.dtype in (None, TEXT, SEQUENCE):
                raise OnnxFileError(f"input {value.name!r} holds no numbers.")
            if np.prod([float(n or 1) for n in (shape or ())[1:]]) > MAX_SAMPLE:
                raise OnnxFileError(f"input {value.name!r} claims the shape {shape}.")
            sizes = None if shape is None else [None, *shape[1:]] if self.by_samples else shape
            inputs.append({"name": value.name, "dtype": value.dtype, "shape": sizes})
        if not inputs:
            raise OnnxFileError(f"the output {self.outputs[0]!r} does not depend on any input.")
        return inputs

    def _copy_shared(self) -> None:
        """An Identity of an initializer is a weight of its own, that happened to be equal."""
        kept = []
        left = FOLDED + AGAIN * sum(array.size for array in self.arrays.values())
        for node in self.nodes:
            name = node.inputs[0] if node.op_type == "Identity" and node.inputs else ""
            if name not in self.initializers or node.outputs[0] in self.outputs:
                kept.append(node)
                continue
            left -= self.arrays[name].size
            if left < 0:
                raise OnnxFileError("it has far more copies of weights than weights.")
            self.arrays[node.outputs[0]] = self.arrays[name]
            self.initializers.add(node.outputs[0])
        self.nodes = kept

    def _fold(self) -> None:
        """Compute what depends on constants alone, and on no weight, once and for all."""
        weights = {*self.roles.parameters, *self.roles.buffers}
        known = {name: Operand(a) for name, a in self.arrays.items() if name not in weights}
        held = sum(array.size for array in self.arrays.values())
        with Budget(FOLDED + AGAIN * held, held):
            self.nodes = [node for node in self.nodes if not self._became_known(node, known)]

    def _became_known(self, node: Node, known: dict[str, Operand]) -> bool:
        """Whether the results of a node are constants, which then are among the known values."""
        open_ = node.graphs or node.op_type in (*LISTS, *DRAWING)
        if open_ or any(name not in known for name in node.reads()):
            return False
        named = node.op_type, node.inputs, node.outputs, node.attributes, node.name or "folded"
        results = layer_of(Node(*named), 0).step(known, (None, None))
        known.update(zip(node.outputs, results, strict=False))
        arrays = (np.asarray(operand.data) for operand in results)
        self.arrays.update(zip(node.outputs, arrays, strict=False))
        return True

    def graph(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """The graph, and the values of its weights by path."""
        weights, constants, values = self._numbers()
        halves = [v.name for v in self.file.graph.outputs if v.stored and v.name in self.outputs]
        names: set[str] = set()
        return {
            "inputs": self.inputs,
            "output": self.outputs[0],
            **({"outputs": self.outputs} if len(self.outputs) > 1 else {}),
            **({"halves": halves} if halves else {}),
            **({} if self.by_samples else {"by_samples": False}),
            "batch": self.first if self.by_samples else None,
            "declared": self._declared(),
            "nodes": [node_description(node, i, names) for i, node in enumerate(self.nodes)],
            "weights": weights,
            "constants": constants,
        }, values

    def _numbers(self) -> tuple[dict[str, Any], dict[str, Any], dict[str, Array]]:
        """What is read: descriptions of weights, small constants, and the weights' values."""
        weights: dict[str, Any] = {}
        constants: dict[str, Any] = {}
        values: dict[str, Array] = {}
        read, orders, paths = self._read(), _orders(self.nodes), set[str]()
        for name, array in ((n, a) for n, a in self.arrays.items() if n in read):
            role, told = self._role(name), {"dtype": array.dtype.name, "shape": list(array.shape)}
            if role == "constant" and array.size <= INLINE:
                constants[name] = {**told, "values": array.ravel().tolist()}
                continue
            path, order = _unique(safe(name), paths), orders.get(name)
            weights[name] = {"name": path, "kind": role, **told}
            if role == "parameter" and order and len(order) == array.ndim:
                weights[name]["order"] = list(order)
                array = array.transpose(np.argsort(order))
            values[path] = array
        return weights, constants, values

    def _declared(self) -> dict[str, Sequence[int | None]]:
        """The shapes that the file tells of what its nodes make."""
        made = {name for node in self.nodes for name in node.outputs if name}
        told = [*self.file.graph.values, *self.file.graph.outputs]
        return {v.name: v.shape for v in told if v.name in made and v.shape is not None}

    def _role(self, name: str) -> str:
        if name in self.roles.parameters:
            return "parameter"
        return "buffer" if name in self.roles.buffers else "constant"


def may_be_by_samples(entering: Sequence[ValueInfo], leaving: Sequence[ValueInfo]) -> bool:
    """Whether the first axis of all that enters and leaves may be that of the samples.

    It is not where some have no axis, or first axes of other sizes than others, such as states
    (layers, batch, units) beside samples (batch, features).
    """
    shapes = [value.shape for value in (*entering, *leaving) if value.shape is not None]
    if [] in shapes:
        return False
    enter = {value.shape[0] for value in entering if value.shape is not None}
    leave = {value.shape[0] for value in leaving if value.shape is not None} - {None}
    return len(enter) < 2 and (None in enter or len(enter | leave) < 2)


def _rename_captured(graph: Graph, renamed: Callable[[str], str]) -> None:
    """What a graph inside a graph reads from around it goes by its new name."""
    captured = set(graph.captured())
    for node in graph.nodes:
        node.inputs = [renamed(n) if n in captured else n for n in node.inputs]
        for inner in node.graphs.values():
            _rename_captured(inner, renamed)
    outputs = ((v, renamed(v.name) if v.name in captured else v.name) for v in graph.outputs)
    graph.outputs = [value._replace(name=name) for value, name in outputs]


def _orders(nodes: list[Node]) -> dict[str, Shape]:
    """How weights lie in memory: as the first node that reads them wants them."""
    orders: dict[str, Shape] = {}
    for node in every(nodes):
        if len(node.inputs) > 1 and node.op_type in ("Conv", "ConvTranspose"):
            rank = 2 + len(node.attributes.get("kernel_shape") or (1, 1))
            orders.setdefault(node.inputs[1], kernel_order(rank))
        elif len(node.inputs) > 1 and node.op_type == "Gemm" and node.attributes.get("transB"):
            orders.setdefault(node.inputs[1], (1, 0))
        elif node.op_type in ("LSTM", "GRU", "RNN"):  # (directions, features, gates * units)
            orders.update((name, (0, 2, 1)) for name in node.inputs[1:3] if name not in orders)
    return orders


def node_description(node: Node, number: int, names: set[str]) -> dict[str, Any]:
    """A node as JSON holds it, under a name that is none of ``names``."""
    attributes = dict(node.attributes)
    for key, graph in node.graphs.items():
        inside = [node_description(inner, i, names) for i, inner in enumerate(graph.nodes)]
        enters, leaves = ([v.name for v in side] for side in (graph.inputs, graph.outputs))
        attributes[key] = {"inputs": enters, "outputs": leaves, "nodes": inside}
    called = node.name or next(filter(None, node.outputs), f"{node.op_type}_{number}")
    told: dict[str, Any] = {"op": node.op_type, "name": _unique(safe(called), names)}
    told |= {"inputs": node.inputs, "outputs": node.outputs}
    return {**told, "attributes": attributes} if attributes else told


def safe(name: str) -> str:
    """A name as a path that leads nowhere else.

    >>> safe("/conv1/Conv"), safe("onnx::MatMul_7"), safe("../../etc/passwd"), safe("fc.weight")
    ('conv1/Conv', 'onnx_MatMul_7', 'etc/passwd', 'fc.weight')
    """
    parts = re.sub(r"[^A-Za-z0-9_.\-/]+", "_", name).split("/")
    kept = [part for part in parts if part.strip(".")]
    return "/".join(kept)[:200] or "unnamed"


def _unique(name: str, taken: set[str]) -> str:
    numbered = (f"{name}_{i}" for i in range(1, len(taken) + 1))
    found = name if name not in taken else next(n for n in numbered if n not in taken)
    taken.add(found)
    return found
