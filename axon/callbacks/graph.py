"""The graph of a model for TensorBoard: what one sample passes through, grouped by layers."""

import re
from typing import Any

import numpy as np

from axon.core import Tensor
from axon.modes import Mode, TrainingMode, no_grad
from axon.program.trace import Instruction, Trace

TYPES = {"float32": 1, "float64": 2, "int32": 3, "uint8": 4, "int64": 9, "bool": 10, "float16": 19}


def graph_of(model: Any) -> bytes:
    """Record one prediction of a model that is built, and give it as a GraphDef of TensorFlow.

    Nodes are the primitives, their names begin with the path of the layer (``dense/matmul``), so
    that TensorBoard shows a box for each layer; shapes are those of a single sample.
    """
    shapes = model.input_shape if model.width > 1 else (model.input_shape,)
    inputs = [Tensor(np.zeros((1, *shape), model.input_dtype)) for shape in shapes]
    recorder = Trace()
    recorder.freezes = False  # it is not replayed: Python may ask for values
    with Mode("recorder", recorder), no_grad(), TrainingMode(False), np.errstate(all="ignore"):
        output = model.forward(*inputs)
    graph = TensorBoardGraph(model.labels())
    for name, tensor in zip(model.input_names, inputs, strict=True):
        graph.add(name, "Placeholder", tensor)
    for instruction in recorder.instructions:
        graph.follow(instruction)
    graph.add("output", "Identity", output, [graph.source(output)])
    made: bytes = graph.definition.SerializeToString()
    return made


class TensorBoardGraph:
    """Nodes, and which of them made which Tensor.

    Args:
        labels: what parameters and buffers are called: id of a Tensor -> path.
    """

    def __init__(self, labels: dict[int, str]) -> None:
        from tensorboardX.proto.graph_pb2 import GraphDef

        self.definition = GraphDef()
        self._labels = labels
        self._source: dict[int, str] = {}  # id of a Tensor -> the node it comes from
        self._kept: list[Tensor] = []  # so that no other Tensor is given one of these ids
        self._taken: set[str] = set()

    def follow(self, instruction: Instruction) -> None:
        """Add one application of a primitive, reading what others made."""
        primitive, inputs, out, meta, scope, _ = instruction
        sources = [self.source(tensor, scope) for tensor in inputs]
        name = f"{scope}/{primitive.name}" if scope else primitive.name
        self.add(name, primitive.name, out, sources, meta)

    def source(self, tensor: Tensor, scope: str = "") -> str:
        """The node that made a Tensor; what nothing made is a parameter, a buffer or a constant."""
        if id(tensor) not in self._source:
            label = self._labels.get(id(tensor))
            constant = f"{scope}/constant" if scope else "constant"
            op = "Const" if label is None else "VariableV2"
            self.add(label or constant, op, tensor)
        return self._source[id(tensor)]

    def add(
        self,
        name: str,
        op: str,
        tensor: Tensor,
        sources: list[str] | None = None,
        meta: dict[str, Any] | None = None,
    ) -> None:
        """Add a node that makes a Tensor; a second one of a name is numbered."""
        chosen = self._unique(re.sub(r"[^A-Za-z0-9_./-]", "_", name).lstrip("_/-") or "node")
        node = self.definition.node.add(name=chosen, op=op, input=sources or [])
        node.attr["T"].type = TYPES.get(tensor.dtype.name, 0)
        shape = node.attr["_output_shapes"].list.shape.add()
        for size in tensor.shape:
            shape.dim.add(size=size)
        for key, value in (meta or {}).items():
            node.attr[key].s = repr(value).encode()[:1000]
        self._source[id(tensor)] = chosen
        self._kept.append(tensor)

    def _unique(self, name: str) -> str:
        number, chosen = 0, name
        while chosen in self._taken:
            number += 1
            chosen = f"{name}_{number}"
        self._taken.add(chosen)
        return chosen
