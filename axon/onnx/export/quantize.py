"""Products and convolutions of an exported file in 8 bits.

Weights are stored as int8, with a scale for each of their filters or columns. What they meet is
stored in bytes while the file runs: by the smallest and the largest of each batch ("dynamic"), or
by those of some rows that are known beforehand ("static", as QuantizeLinear and DequantizeLinear
around what they are about, which ONNX Runtime fuses).
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from axon.backend import Array
from axon.onnx.export.protobuf import Proto

AT_A_TIME = 32  # rows of those that are known beforehand
HALF = 128  # what stands for 0 in bytes of kernels, since ONNX Runtime wants them without a sign
Ranges = dict[str, tuple[float, float]]


class Quantizer:
    """A graph of a file, whose nodes are rewritten one by one.

    Args:
        made: the file; it is changed.
    """

    def __init__(self, made: Proto) -> None:
        from onnx import numpy_helper

        self.graph = made.graph
        tensors = {tensor.name: tensor for tensor in self.graph.initializer}
        self.arrays = {name: numpy_helper.to_array(tensor) for name, tensor in tensors.items()}
        self.nodes: list[Proto] = []
        self.more: dict[str, Array] = {}
        self.done: dict[str, list[str]] = {}

    def weight(self, node: Proto) -> Array | None:
        """The weight of a node, if it is one of those that are quantized."""
        if node.op_type not in ("MatMul", "Gemm", "Conv") or node.domain:
            return None
        w = self.arrays.get(node.input[1])
        told = {a.name: a.f if a.type == 1 else a.i for a in node.attribute}
        plain = told.get("alpha", 1) == told.get("beta", 1) == 1 and not told.get("transA")
        shaped = w is not None and (node.op_type == "Conv" or w.ndim == 2)
        return w if shaped and plain and w is not None and w.dtype == np.float32 else None

    def axis(self, node: Proto) -> int:
        """The axis of a weight along which its filters, or columns, lie."""
        turned = any(a.name == "transB" and a.i for a in node.attribute)
        return 0 if node.op_type == "Conv" or turned else 1

    def constant(self, name: str, array: Array) -> str:
        """Store an array under a name of its own."""
        while name in self.arrays or name in self.more:
            name += "_"
        self.more[name] = array
        return name

    def node(self, op: str, inputs: Sequence[str], name: str, **attributes: Any) -> str:
        """Add a node; gives the name of its result."""
        from onnx import helper

        self.nodes.append(helper.make_node(op, list(inputs), [name], name=name, **attributes))
        return name

    def finish(self) -> None:
        """Put the nodes in place; what nobody reads any more goes."""
        from onnx import numpy_helper

        del self.graph.node[:]
        self.graph.node.extend(self.nodes)
        read = {name for node in self.nodes for name in node.input}
        kept = {**self.arrays, **self.more}
        del self.graph.initializer[:]
        del self.graph.value_info[:]
        self.graph.initializer.extend(
            numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name)
            for name, array in kept.items()
            if name in read
        )


def stored(w: Array, axis: int) -> tuple[Array, Array]:
    """Weights in int8, and the scale of each filter or column.

    >>> stored(np.array([[1.0, 0.0], [-2.0, 0.0]], np.float32), 1)[0].tolist()
    [[64, 0], [-127, 0]]
    """
    others = tuple(i for i in range(w.ndim) if i != axis)
    top = np.abs(w).max(axis=others, keepdims=True)
    scale = np.where(top > 0, top / 127, 1).astype(np.float32)
    return np.rint(w / scale).astype(np.int8), scale.reshape(-1)


def bytes_of(low: float, high: float) -> tuple[Array, Array]:
    """The scale of bytes between two numbers, and what stands for 0.

    >>> [value.item() for value in bytes_of(-1.0, 1.55)][1]
    100
    """
    low, high = min(low, 0.0), max(high, 0.0)
    scale = (high - low) / 255 or 1.0
    zero = np.clip(np.rint(-low / scale), 0, 255)
    return np.array(scale, np.float32), np.array(zero, np.uint8)


# ------------------------------------------------------------------------------------ dynamic


def dynamic(made: Proto) -> int:
    """Quantize by the numbers of each batch; gives how many nodes were."""
    q, count = Quantizer(made), 0
    for node in list(q.graph.node):
        w = q.weight(node)
        if w is None:
            q.nodes.append(node)
            continue
        count += 1
        _dynamic_node(q, node, w)
    q.finish()
    return count


def _bytes(q: Quantizer, x: str) -> list[str]:
    """x in bytes, its scale and what stands for 0: once for all who read x."""
    from onnx import helper

    if x not in q.done:
        q.done[x] = [f"{x}/bytes", f"{x}/scale", f"{x}/zero"]
        q.nodes.append(helper.make_node("DynamicQuantizeLinear", [x], q.done[x], name=f"{x}/bytes"))
    return q.done[x]


def _dynamic_node(q: Quantizer, node: Proto, w: Array) -> None:
    from onnx import helper

    x, scale, zero = _bytes(q, node.input[0])
    weights, scales = stored(w, q.axis(node))
    name, y = node.name or node.output[0], node.output[0]
    bias = node.input[2] if len(node.input) > 2 else ""
    if node.op_type == "Conv":
        places = (-1, *(1,) * (w.ndim - 2))
        kernel = q.constant(
            f"{node.input[1]}/bytes", (weights.astype(np.int16) + HALF).astype("u1")
        )
        half = q.constant(f"{node.input[1]}/zero", np.array(HALF, np.uint8))
        inner = helper.make_node(
            "ConvInteger", [x, kernel, zero, half], [f"{name}/sums"], name=f"{name}/sums"
        )
        inner.attribute.extend(node.attribute)
        q.nodes.append(inner)
        scales = scales.reshape(places)
        if bias:
            q_bias = q.arrays[bias].reshape(places) if bias in q.arrays else None
            bias = bias if q_bias is None else q.constant(f"{bias}/wide", q_bias)
    else:
        weights = weights.T if q.axis(node) == 0 else weights
        matrix = q.constant(f"{node.input[1]}/bytes", weights)
        q.node("MatMulInteger", [x, matrix, zero], f"{name}/sums")
    floats = q.node("Cast", [f"{name}/sums"], f"{name}/floats", to=1)
    factor = q.constant(f"{node.input[1]}/scale", scales)
    both = q.node("Mul", [scale, factor], f"{name}/factor")
    if not bias:
        q.node("Mul", [floats, both], y)
        return
    product = q.node("Mul", [floats, both], f"{name}/product")
    q.node("Add", [product, bias], y)


# ------------------------------------------------------------------------------------ static


def static(made: Proto, ranges: Callable[[set[str]], Ranges]) -> int:
    """Quantize by numbers that are known beforehand; gives how many nodes were.

    Args:
        made: the file.
        ranges: the smallest and largest numbers of values, by their names.
    """
    q = Quantizer(made)
    found = [node for node in q.graph.node if q.weight(node) is not None]
    known = ranges({node.input[0] for node in found} | _results(q, found))
    told = {name: bytes_of(*ends) for name, ends in known.items()}
    for value in q.graph.input:
        _around(q, value.name, told)
    for node in list(q.graph.node):
        w, given = q.weight(node), node.input[0] if node.input else ""
        if w is not None and given in told:
            _static_node(q, node, w, told[given][0])
        for i, name in enumerate(node.input):
            node.input[i] = f"{name}/real" if name in told else name
        q.nodes.append(node)
        for name in node.output:
            _around(q, name, told)
    q.finish()
    return len(found)


def _results(q: Quantizer, found: list[Proto]) -> set[str]:
    """What comes out of nodes, or of the Relu behind each; not what leaves the file."""
    readers: dict[str, list[Proto]] = {}
    for node in q.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    leaving = {value.name for value in q.graph.output}
    results = set()
    for node in found:
        y = node.output[0]
        behind = readers.get(y, [])
        relu = len(behind) == 1 and behind[0].op_type == "Relu"
        results.add(behind[0].output[0] if relu else y)
    return results - leaving


def _around(q: Quantizer, name: str, told: dict[str, tuple[Array, Array]]) -> None:
    """Bytes of a value, and what they stand for, which all read in its place."""
    if name not in told:
        return
    scale, zero = (
        q.constant(f"{name}/{k}", v) for k, v in zip(("scale", "zero"), told[name], strict=True)
    )
    q.node("QuantizeLinear", [name, scale, zero], f"{name}/bytes")
    q.node("DequantizeLinear", [f"{name}/bytes", scale, zero], f"{name}/real")


def _static_node(q: Quantizer, node: Proto, w: Array, scale: Array) -> None:
    axis = q.axis(node)
    weights, scales = stored(w, axis)
    name = node.input[1]
    if name not in q.done:
        stored_as = q.constant(f"{name}/bytes", weights)
        factor = q.constant(f"{name}/scale", scales)
        q.done[name] = [q.node("DequantizeLinear", [stored_as, factor], f"{name}/real", axis=axis)]
    node.input[1] = q.done[name][0]
    bias = q.arrays.get(node.input[2]) if len(node.input) > 2 else None
    if bias is None or bias.shape != scales.shape:
        return
    steps = (scales * scale).astype(np.float32)
    limit = 2**31 - 128
    sums = np.clip(np.rint(bias / steps), -limit, limit).astype(np.int32)
    told = q.constant(f"{node.input[2]}/sums", sums), q.constant(f"{node.input[2]}/scale", steps)
    node.input[2] = q.node("DequantizeLinear", told, f"{node.name}/bias", axis=0)


def ranges_of(made: Proto, inputs: dict[str, Array], names: set[str]) -> Ranges:
    """The smallest and largest numbers of values, for some rows."""
    from axon.onnx.load.load import made as model_of
    from axon.onnx.load.read import parse

    model = model_of(parse(made.SerializeToString(), None), None, "calibration")
    ends: Ranges = {}
    rows = len(next(iter(inputs.values())))
    for start in range(0, rows, AT_A_TIME):
        block = [inputs[entry.name][start : start + AT_A_TIME] for entry in model.entries]
        env = model.tried(block)
        for name in names & set(env):
            data = np.asarray(getattr(env[name].data, "data", env[name].data))
            low, high = ends.get(name, (0.0, 0.0))
            ends[name] = min(low, float(data.min())), max(high, float(data.max()))
    return ends
