"""Which numbers of a file are weights, to be learned further, and which are constants."""

from collections.abc import Collection, Mapping

import numpy as np

from axon.backend import Array
from axon.onnx.ir import Node

STRONG: dict[str, tuple[int, ...]] = {  # inputs that are weights wherever they are constant
    "Conv": (1, 2),
    "ConvTranspose": (1, 2),
    "Gemm": (1, 2),
    "MatMul": (0, 1),
    "LSTM": (1, 2, 3, 7),
    "GRU": (1, 2, 3),
    "RNN": (1, 2, 3),
    "BatchNormalization": (1, 2),
    "InstanceNormalization": (1, 2),
    "LayerNormalization": (1, 2),
    "GroupNormalization": (1, 2),
    "RMSNormalization": (1,),
    "PRelu": (1,),
    "Einsum": (0, 1, 2),
}
WEAK = frozenset({"Add", "Sub", "Mul", "Div"})  # weights if the other side has met some already
VIEWS = frozenset(
    {"Reshape", "Transpose", "Squeeze", "Unsqueeze", "Slice", "Expand", "Identity", "Cast"}
    | {"Gather", "Flatten", "Split"}
)
SMOOTH = WEAK | {"Concat", "Neg", "Sqrt", "Square", "Pow", "ReduceSum", "ReduceL2", "MatMul", "Exp"}


class Roles:
    """Walks over the nodes in order and finds the weights.

    Args:
        nodes: those of the graph, and behind each those of graphs inside it.
        arrays: all constants by name.
        initializers: which of them the file lists as such, and did not write into nodes.
        lent: which of them are weights by their origin.
    """

    def __init__(
        self,
        nodes: list[Node],
        arrays: Mapping[str, Array],
        initializers: Collection[str],
        lent: Collection[str],
    ) -> None:
        self.arrays, self.initializers = arrays, initializers
        self.makers = {name: node for node in nodes for name in node.outputs if name}
        self.parameters: dict[str, None] = {}
        self.buffers: dict[str, None] = {}
        self.learned: set[str] = set()  # names that depend on weights
        self.fixed = set(arrays)  # names that depend on nothing else
        self.flowing = {n for node in nodes for n in node.reads()} - set(self.makers) - self.fixed
        self.lent = lent
        for node in nodes:
            self._visit(node)

    def _visit(self, node: Node) -> None:
        read = node.reads()
        if all(name in self.fixed for name in read):
            self.fixed.update(node.outputs)
        if node.op_type not in ("Shape", "Size") and any(name in self.flowing for name in read):
            self.flowing.update(node.outputs)
        inside = [value.name for graph in node.graphs.values() for value in graph.inputs]
        if node.graphs:  # what happens inside comes later: what comes out counts as learned
            self.learned.update(node.outputs, inside)
            self.flowing.update(node.outputs, inside)
        found = self._of(node)
        self.parameters.update(dict.fromkeys(found))
        if node.op_type == "BatchNormalization":
            self.buffers.update((n, None) for n in node.inputs[3:5] if n in self.arrays)
        if found or any(name in self.learned for name in node.reads()):
            self.learned.update(node.outputs)

    def _of(self, node: Node) -> list[str]:
        if node.op_type in STRONG:
            named = [node.inputs[i] for i in STRONG[node.op_type] if i < len(node.inputs)]
            return [root for name in named for root in self._roots(name, False)]
        if node.op_type == "Gather" and node.inputs[1] in self.flowing:
            return self._roots(node.inputs[0], True)
        if node.op_type in ("Loop", "Scan"):
            roots = [root for name in node.inputs for root in self._roots(name, True)]
            return [name for name in roots if np.ptp(self.arrays[name])]  # no zeros to start from
        if node.op_type in WEAK and any(name in self.learned for name in node.inputs):
            return [root for name in node.inputs for root in self._roots(name, True)]
        return [name for name in node.inputs if name in self.lent]

    def _roots(self, name: str, listed: bool) -> list[str]:
        """The constants of which a value is made; with ``listed`` only initializers count."""
        found, stack, seen = [], [name], {name}
        while stack:
            name = stack.pop()
            if name in self.arrays:
                if self._is_weight(name, listed):
                    found.append(name)
                continue
            node = self.makers.get(name)
            before: list[str] = []
            if node is not None and node.op_type in VIEWS:
                before = node.inputs[:1]
            elif node is not None and node.op_type in SMOOTH and name in self.fixed:
                before = node.inputs
            fresh = [i for i in before if i and i not in seen]
            seen.update(fresh)
            stack += fresh
        return found

    def _is_weight(self, name: str, listed: bool) -> bool:
        array = self.arrays[name]
        if array.dtype.kind != "f" or array.size < 2:
            return False
        if not listed or name in self.lent:
            return True
        return name in self.initializers and bool(np.isfinite(array).all())
