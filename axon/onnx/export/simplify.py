"""Simplify the graph: nodes that belong together become one, and what nobody reads goes."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from axon.onnx.export.rules.sizes import count
from axon.onnx.export.rules.values import Value
from axon.onnx.export.rules.writer import Writer
from axon.onnx.ir import Node, every

Fusion = Callable[["Simplifier", Node, Node], bool]


def simplified(graph: Writer, outputs: Sequence[Value]) -> list[Value]:
    """Simplify a graph that is written, and give its results their names."""
    graph.scope = ""
    names = Simplifier(graph, [graph.name(output) for output in outputs]).run()
    ends = list(zip(names, graph.outputs, strict=True))
    made = {name for node in graph.nodes for name in node.outputs}
    named: dict[str, str] = {}
    for name, end in ends:
        if name in made and name not in named:
            named[name] = end
    for node in every(graph.nodes if named else []):
        node.inputs = [named.get(n, n) for n in node.inputs]
        node.outputs = [named.get(n, n) for n in node.outputs]
    for name, end in ends:  # an input, a constant, or what is another output, too, is passed on
        if named.get(name) != end:
            passed, label = named.get(name, name), graph.unique("Identity")
            graph.nodes.append(Node("Identity", [passed], [end], name=label))
    pairs = zip(outputs, graph.outputs, strict=True)
    return [Value(output.shape, output.dtype, end) for output, end in pairs]


class Simplifier:
    """The nodes of a graph, and who reads what."""

    def __init__(self, graph: Writer, outputs: list[str]) -> None:
        self.graph, self.outputs = graph, outputs
        self.readers: dict[str, list[Node]] = {}
        self.turned: dict[tuple[str, tuple[int, ...]], str] = {}
        for node in every(graph.nodes):
            for name in node.inputs:
                self.readers.setdefault(name, []).append(node)

    def run(self) -> list[str]:
        """Join nodes until nothing changes; returns the names of the outputs."""
        for node in list(self.graph.nodes):
            while node.op_type in FUSIONS and self._joined(node):
                pass
        self._drop_unread()
        return self.outputs

    def _joined(self, node: Node) -> bool:
        """Join a node with the one that reads it, if that is alone and the two belong together."""
        readers = self.readers.get(node.outputs[0], [])
        if len(readers) != 1 or node.outputs[0] in self.outputs or len(node.outputs) > 1:
            return False
        (reader,) = readers
        if reader.op_type not in FUSIONS[node.op_type] or reader not in self.graph.nodes:
            return False
        if reader.inputs[-1] == node.outputs[0]:  # of a sum or a product, either may come first
            reader.inputs = reader.inputs[::-1]
        return FUSIONS[node.op_type][reader.op_type](self, node, reader)

    def absorb(self, node: Node, reader: Node, op: str = "") -> bool:
        """The node does its reader's work, too, and is read in its place."""
        if op and op != node.op_type:
            node.op_type, node.name = op, self.graph.unique(_renamed(node, op))
        result, before = node.name, reader.outputs[0]
        self.graph.shapes[result] = self.graph.shapes[before]
        node.outputs = [result]
        self.readers[result] = self.readers.pop(before, [])
        for other in self.readers[result]:
            other.inputs = [result if name == before else name for name in other.inputs]
        self.outputs = [result if name == before else name for name in self.outputs]
        self.graph.nodes.remove(reader)
        return True

    def constant(self, name: str) -> Any:
        """The array of an initializer, or None."""
        return self.graph.initializers.get(name)

    def rearranged(self, name: str, shape: tuple[int, ...]) -> str:
        """An initializer in another shape, under the same name if nobody else reads it."""
        if (name, shape) in self.turned:
            return self.turned[name, shape]
        alone = len(self.readers.get(name, ())) == 1
        stored = name if alone else self.graph.unique(name)
        self.graph.initializers[stored] = self.graph.initializers[name].reshape(shape)
        self.graph.shapes[stored] = shape
        self.turned[name, shape] = stored
        return stored

    def _drop_unread(self) -> None:
        """Drop nodes and initializers that do not lead to an output."""
        wanted, kept = {*self.outputs}, []
        for node in reversed(self.graph.nodes):
            if wanted.intersection(node.outputs):
                kept.append(node)
                wanted.update(name for inner in every([node]) for name in inner.inputs)
                if node.op_type == "Scan":
                    _drop_pieces(node, wanted)
                else:
                    if node.op_type == "MaxPool":  # whose first output may not be left out
                        wanted.add(node.outputs[0])
                    if node.op_type != "TopK":  # neither of whose outputs may be left out
                        node.outputs = _trimmed([n if n in wanted else "" for n in node.outputs])
        self.graph.nodes = kept[::-1]
        for name in [n for n in self.graph.initializers if n not in wanted]:
            del self.graph.initializers[name]


def _trimmed(names: list[str]) -> list[str]:
    while names and not names[-1]:
        names = names[:-1]
    return names


def _drop_pieces(node: Node, wanted: set[str]) -> None:
    """Drop what a Scan collects in vain; its last states have to stay."""
    body = node.attributes["body"]
    states = len(node.inputs) - node.attributes["num_scan_inputs"]
    read = [k for k, name in enumerate(node.outputs) if k < states or name in wanted]
    node.outputs = [node.outputs[k] for k in read]
    body.outputs = [body.outputs[k] for k in read]
    leaving = {value.name for value in body.outputs}
    body.nodes = [n for n in body.nodes if n.op_type != "Identity" or n.outputs[0] in leaving]


def _renamed(node: Node, op: str) -> str:
    folder, slash, _ = node.name.rpartition("/")
    return f"{folder}{slash}{op}"


# ------------------------------------------------------------------------------------ fusions


def convolution_bias(simplifier: Simplifier, node: Node, reader: Node) -> bool:
    """A convolution and a number for each filter."""
    bias, (_, filters, *places) = simplifier.constant(reader.inputs[1]), _shape(simplifier, node)
    if bias is None or len(node.inputs) > 2:
        return False
    if bias.size != filters or bias.shape[-1 - len(places) :] != (filters, *[1] * len(places)):
        return False
    node.inputs.append(simplifier.rearranged(reader.inputs[1], (filters,)))
    return simplifier.absorb(node, reader)


def matrix_bias(simplifier: Simplifier, node: Node, reader: Node) -> bool:
    """A product of matrices and a row."""
    bias, shape = simplifier.constant(reader.inputs[1]), _shape(simplifier, node)
    two = all(len(simplifier.graph.shapes[name]) == 2 for name in node.inputs)
    if bias is None or not two or bias.dtype.kind != "f" or bias.shape != shape[1:]:
        return False
    node.inputs.append(reader.inputs[1])
    return simplifier.absorb(node, reader, "Gemm")


def mean(simplifier: Simplifier, node: Node, reader: Node) -> bool:
    """A sum, divided by how many there are."""
    share, places = simplifier.constant(reader.inputs[1]), simplifier.constant(node.inputs[1])
    if share is None or share.size != 1 or share.dtype.kind != "f":
        return False
    given = simplifier.graph.shapes[node.inputs[0]]
    many = count([given[axis] for axis in places])
    if not many or abs(float(share.reshape(())) * many - 1) > np.finfo(share.dtype).eps:
        return False
    if simplifier.graph.opset < 18:
        node.attributes["axes"] = places.tolist()
        node.inputs = node.inputs[:1]
    return simplifier.absorb(node, reader, "ReduceMean")


def row_slope(simplifier: Simplifier, node: Node, reader: Node) -> bool:
    """A normalization of rows, and a slope for each place."""
    slope, ones = simplifier.constant(reader.inputs[1]), simplifier.constant(node.inputs[1])
    if slope is None or slope.shape != ones.shape or np.any(ones != 1) or len(node.inputs) > 2:
        return False
    node.inputs[1] = reader.inputs[1]
    return simplifier.absorb(node, reader)


def row_offset(simplifier: Simplifier, node: Node, reader: Node) -> bool:
    """A normalization of rows, and an offset for each place."""
    offset, slope = simplifier.constant(reader.inputs[1]), simplifier.constant(node.inputs[1])
    if offset is None or offset.shape != slope.shape or len(node.inputs) > 2:
        return False
    node.inputs.append(reader.inputs[1])
    return simplifier.absorb(node, reader)


def _shape(simplifier: Simplifier, node: Node) -> Any:
    return simplifier.graph.shapes[node.outputs[0]]


FUSIONS: dict[str, dict[str, Fusion]] = {
    "Conv": {"Add": convolution_bias},
    "ConvTranspose": {"Add": convolution_bias},
    "MatMul": {"Add": matrix_bias},
    "ReduceSum": {"Mul": mean},
    "LayerNormalization": {"Mul": row_slope, "Add": row_offset},
    "RMSNormalization": {"Mul": row_slope},
}
