"""Small ONNX files, written by hand."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def value(name: str, shape: Any, kind: int = FLOAT) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


def tensor(name: str, *shape: int) -> Any:
    values = np.random.default_rng(0).normal(size=shape).astype("f4")
    return numpy_helper.from_array(values, name)


def net(
    nodes: Any = None,
    tensors: Any = None,
    inputs: Any = None,
    outputs: Any = None,
    opset: int = 20,
    more: Any = (),
) -> Any:
    """A small network: two layers, unless told otherwise."""
    nodes = nodes or [
        helper.make_node("Gemm", ["x", "w1", "b1"], ["h"], name="first"),
        helper.make_node("Relu", ["h"], ["a"], name="middle"),
        helper.make_node("MatMul", ["a", "w2"], ["y"], name="last"),
    ]
    tensors = tensors or [tensor("w1", 4, 5), tensor("b1", 5), tensor("w2", 5, 3)]
    inputs = inputs or [value("x", ["n", 4])]
    graph = helper.make_graph(nodes, "g", inputs, outputs or [value("y", None)], tensors)
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in more)]
    return helper.make_model(graph, opset_imports=imports, ir_version=10)


def node(op: str, inputs: Any, outputs: Any, **options: Any) -> Any:
    return helper.make_node(op, inputs, outputs, **options)


def loop(turns: Any, body: Any = None) -> Any:
    body = body or [
        node("Identity", ["going"], ["on"]),
        node("MatMul", ["h", "w"], ["hw"], name="inner"),
        node("Tanh", ["hw"], ["after"]),
        node("Identity", ["after"], ["seen"]),
    ]
    names = ["i", "going", "h"]
    kinds = [INT64, TensorProto.BOOL, FLOAT]
    shapes: list[Any] = [[], [], None]
    inside = [value(*told) for told in zip(names, shapes, kinds, strict=True)]
    outside = [value("on", None, TensorProto.BOOL), value("after", None), value("seen", None)]
    graph = helper.make_graph(body, "body", inside, outside)
    nodes = [
        node("Loop", [turns, "true", "x"], ["last", "all"], name="loop", body=graph),
        node("ReduceSum", ["all", "zero"], ["sum"], keepdims=0),
        node("Add", ["last", "sum"], ["y"]),
    ]
    tensors = [tensor("w", 4, 4)]
    told = {"three": 3, "zero": [0], "many": 10**9}
    tensors += [numpy_helper.from_array(np.array(v), n) for n, v in told.items()]
    tensors.append(numpy_helper.from_array(np.array(True), "true"))
    return net(nodes, tensors)


def seeds() -> list[bytes]:
    """Small networks with much in them."""
    conv = [
        node("Conv", ["x", "w", "b"], ["c"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        node("BatchNormalization", ["c", "b", "b", "m", "v"], ["n"]),
        node("MaxPool", ["n"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Shape", ["p"], ["s"]),
        node("Gather", ["s", "i"], ["g"], axis=0),
        node("Concat", ["g", "rest"], ["t"], axis=0),
        node("Reshape", ["p", "t"], ["r"]),
        node("Pad", ["r", "pads"], ["q"]),
        node("Gemm", ["q", "u"], ["z"], transB=1),
        node("Softmax", ["z"], ["y"], axis=1),
    ]
    tensors = [tensor("w", 3, 2, 3, 3), *(tensor(n, 3) for n in "bmv"), tensor("u", 4, 13)]
    told = {"i": [0], "rest": [-1], "pads": [0, 0, 0, 1]}
    tensors += [numpy_helper.from_array(np.array(v), n) for n, v in told.items()]
    images = net(conv, tensors, [value("x", ["n", 2, 4, 4])])
    cells = [
        node("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
        node("LSTM", ["t", "w", "r", "b"], ["a", "h", ""], hidden_size=2, name="lstm"),
        node("Resize", ["h", "", "scales"], ["z"], mode="linear"),
        node("Slice", ["z", "from", "to"], ["c"]),
        node("Expand", ["c", "shape"], ["e"]),
        node("Tile", ["e", "repeats"], ["f"]),
        node("Squeeze", ["f", "from"], ["y"]),
    ]
    tensors = [tensor("w", 1, 8, 3), tensor("r", 1, 8, 2), tensor("b", 1, 16)]
    tensors.append(numpy_helper.from_array(np.array([1, 1, 2], "f4"), "scales"))
    told = {"from": [0], "to": [1], "shape": [1, 1, 4], "repeats": [1, 1, 2]}
    tensors += [numpy_helper.from_array(np.array(v), n) for n, v in told.items()]
    series = net(cells, tensors, [value("x", ["n", 5, 3])])
    return [p.SerializeToString() for p in (net(), images, series, loop("three"))]
