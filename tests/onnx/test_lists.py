"""Lists of tensors, which files call sequences."""

from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from axon.onnx.load.load import made  # noqa: E402
from axon.onnx.load.read import parse  # noqa: E402
from tests.onnx.graphs import node, value  # noqa: E402


def file(nodes: list[Any], **constants: Any) -> bytes:
    arrays = [numpy_helper.from_array(np.asarray(v), n) for n, v in constants.items()]
    ends = [helper.make_empty_tensor_value_info("y")]
    graph = helper.make_graph(nodes, "g", [value("x", [2, 6])], ends, arrays)
    imports = [helper.make_opsetid("", 21)]
    data: bytes = helper.make_model(graph, opset_imports=imports, ir_version=10).SerializeToString()
    return data


def loop() -> Any:
    body = [node("SequenceInsert", ["s", "x"], ["s2"]), node("Identity", ["c"], ["c2"])]
    lists = [
        helper.make_tensor_sequence_value_info(n, TensorProto.FLOAT, None) for n in ("s", "s2")
    ]
    inside = [value("i", [], TensorProto.INT64), value("c", [], TensorProto.BOOL), lists[0]]
    graph = helper.make_graph(body, "b", inside, [value("c2", [], TensorProto.BOOL), lists[1]])
    return node("Loop", ["n", "t", "e"], ["q"], body=graph)


FILES = {
    "pieces of a size": file(
        [
            node("SplitToSequence", ["x", "s"], ["q"], axis=1),
            node("SequenceAt", ["q", "i"], ["y"]),
        ],
        s=4,
        i=-1,
    ),
    "pieces of sizes": file(
        [
            node("SplitToSequence", ["x", "s"], ["q"], axis=1),
            node("SequenceAt", ["q", "i"], ["y"]),
        ],
        s=[1, 3, 2],
        i=1,
    ),
    "inserted and erased": file(
        [
            node("SplitToSequence", ["x"], ["q"], axis=1, keepdims=0),
            node("SequenceInsert", ["q", "row", "p"], ["r"]),
            node("SequenceErase", ["r", "i"], ["t"]),
            node("SequenceErase", ["t"], ["u"]),
            node("Identity", ["u"], ["v"]),
            node("ConcatFromSequence", ["v"], ["y"], axis=1, new_axis=1),
        ],
        p=-2,
        i=0,
        row=np.array([1, 2], "f4"),
    ),
    "joined": file(
        [
            node("SequenceConstruct", ["x", "x"], ["q"]),
            node("ConcatFromSequence", ["q"], ["y"], axis=-1),
        ]
    ),
    "counted": file(
        [
            node("SequenceEmpty", [], ["e"]),
            node("SequenceInsert", ["e", "x"], ["q"]),
            node("SequenceInsert", ["q", "x"], ["r"]),
            node("SequenceLength", ["r"], ["l"]),
            node("Cast", ["l"], ["f"], to=TensorProto.FLOAT),
            node("Mul", ["x", "f"], ["y"]),
        ]
    ),
    "in order": file(
        [
            node("SequenceConstruct", ["x"], ["q"]),
            node("Neg", ["x"], ["z"]),
            node("SequenceInsert", ["q", "z"], ["r"]),
            node("ConcatFromSequence", ["r"], ["y"], axis=1),
        ]
    ),
    "gathered by a loop": file(
        [
            node("SequenceEmpty", [], ["e"]),
            loop(),
            node("ConcatFromSequence", ["q"], ["y"], axis=1),
        ],
        n=3,
        t=True,
    ),
    "of constants": file(
        [
            node("SequenceConstruct", ["a", "b"], ["q"]),
            node("ConcatFromSequence", ["q"], ["c"], axis=0),
            node("Add", ["x", "c"], ["y"]),
        ],
        a=np.array([1, 2], "f4"),
        b=np.array([3, 4, 5, 6], "f4"),
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_lists_are_what_onnxruntime_makes_of_them(name: str) -> None:
    data = FILES[name]
    x = np.random.default_rng(0).normal(size=(2, 6)).astype("f4")
    (want,) = ort.InferenceSession(data).run(None, {"x": x})
    net = made(parse(data, None), None, "net")
    for y in (net.predict(x), net.forward(x)):
        np.testing.assert_allclose(y, want, rtol=1e-6)


WRONG = {
    "takes tensors, not lists": [
        node("SequenceConstruct", ["x"], ["q"]),
        node("Relu", ["q"], ["y"]),
    ],
    "'y' is a list: choose another": [node("SequenceConstruct", ["x"], ["y"])],
    "there is no place 2 in a list of 1": [
        node("SequenceConstruct", ["x"], ["q"]),
        node("SequenceAt", ["q", "two"], ["y"]),
    ],
    "there is no place 2 in a list of 0": [
        node("SequenceConstruct", ["x"], ["p"]),
        node("SequenceErase", ["p"], ["q"]),
        node("SequenceAt", ["q", "two"], ["y"]),
    ],
    "there is no place -1 in a list of 0": [
        node("SequenceConstruct", ["x"], ["p"]),
        node("SequenceErase", ["p"], ["q"]),
        node("SequenceErase", ["q"], ["r"]),
        node("ConcatFromSequence", ["r"], ["y"], axis=0),
    ],
    r"pieces of \[1, 1\] do not fit an axis of 6": [
        node("SplitToSequence", ["x", "ones"], ["q"], axis=1),
        node("SequenceAt", ["q", "two"], ["y"]),
    ],
    "pieces of 0 cannot be made": [
        node("SplitToSequence", ["x", "none"], ["q"], axis=1),
        node("SequenceAt", ["q", "two"], ["y"]),
    ],
    "it takes a list of tensors": [node("SequenceAt", ["x", "two"], ["y"])],
}


@pytest.mark.parametrize("message", WRONG)
def test_lists_that_cannot_be(message: str) -> None:
    data = file(WRONG[message], two=2, ones=[1, 1], none=0)
    with pytest.raises(ValueError, match=message):
        made(parse(data, None), None, "net")
