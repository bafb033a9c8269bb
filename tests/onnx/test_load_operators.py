"""Every operator that axon.onnx.load knows: single nodes, against onnxruntime."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import axon
from axon import Tensor
from axon.onnx.run.operators.lists import LISTS
from axon.onnx.run.operators.noise import DRAWING
from axon.onnx.run.operators.table import OPERATORS

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from axon.onnx.load.load import made  # noqa: E402
from axon.onnx.load.read import parse  # noqa: E402
from tests.onnx.node_files import FILES  # noqa: E402

RNG = np.random.default_rng(3)
ML, MS = "ai.onnx.ml", "com.microsoft."
some = settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


START = RNG.bit_generator.state


@pytest.fixture(autouse=True)
def _drawn_anew() -> None:
    """Whatever runs before, a test draws the same numbers."""
    RNG.bit_generator.state = START


def floats(*shape: int) -> Any:
    return RNG.normal(size=shape).astype("f4")


def ints(*values: Any) -> Any:
    return np.array(values, "i8")


class One:
    """A network of one node: ``more`` are its other inputs, arrays or None."""

    def __init__(
        self,
        op: str,
        *more: Any,
        shape: Any = (3, 4),
        opset: int = 20,
        domain: str = "",
        outputs: int = 1,
        used: int = 0,
        dtype: Any = "f4",
        positive: bool = False,
        spread: float = 1.0,
        batch: Any = "n",
        result: int = TensorProto.FLOAT,
        **attributes: Any,
    ) -> None:
        self.op, self.shape, self.dtype, self.positive = op, shape, np.dtype(dtype), positive
        self.batch, self.spread = batch, spread
        names = [f"w{i}" if m is not None else "" for i, m in enumerate(more)]
        results = [f"y{i}" for i in range(outputs)]
        node = helper.make_node(op, ["x", *names], results, name="one", domain=domain, **attributes)
        kind = helper.np_dtype_to_tensor_dtype(self.dtype)
        x = helper.make_tensor_value_info("x", kind, [batch, *shape])
        y = helper.make_tensor_value_info(results[used], result, None)
        given = [
            numpy_helper.from_array(np.asarray(m), n) for m, n in zip(more, names, strict=True) if n
        ]
        graph = helper.make_graph([node], "one", [x], [y], given)
        imports = [helper.make_opsetid("", opset)]
        imports += [helper.make_opsetid(domain, 3)] if domain else []
        self.proto = helper.make_model(graph, opset_imports=imports, ir_version=10)

    def __repr__(self) -> str:
        node = self.proto.graph.node[0]
        told = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        version = self.proto.opset_import[0].version
        return f"{self.op}-{version}-{self.shape}-{told}"

    def data(self, n: int) -> Any:
        if self.dtype.kind == "f":
            x = RNG.normal(size=(n, *self.shape)) * self.spread
            return (np.abs(x) + 0.5 if self.positive else x).astype(self.dtype)
        return RNG.integers(0, 3, (n, *self.shape)).astype(self.dtype)

    def model(self) -> Any:
        return made(parse(self.proto.SerializeToString(), None), None, "one")

    def graph_model(self) -> Any:
        """Without the shapes: so it is not tried out with a single sample."""
        del self.proto.graph.input[0].type.tensor_type.shape.dim[:]
        for _ in range(1 + len(self.shape)):
            self.proto.graph.input[0].type.tensor_type.shape.dim.add()
        return self.model()

    def check(self, sizes: Any = (1, 3)) -> None:
        options = ort.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = ort.InferenceSession(self.proto.SerializeToString(), options)
        model = self.graph_model() if self.batch == "t" else self.model()
        for n in sizes:
            x = self.data(n)
            (want,) = session.run(None, {"x": x})
            got = model.forward(x)
            assert got.shape == want.shape
            assert got.dtype == want.dtype
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)

    def check_gradient(self) -> None:
        """In float64, along a random direction, by central differences."""
        proto = onnx.ModelProto.FromString(self.proto.SerializeToString())
        proto.graph.input[0].type.tensor_type.elem_type = TensorProto.DOUBLE
        for tensor in proto.graph.initializer:
            if tensor.data_type == TensorProto.FLOAT:
                array = numpy_helper.to_array(tensor).astype("f8")
                tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
        model = made(parse(proto.SerializeToString(), None), None, "one")
        x = Tensor(self.data(2).astype("f8"), requires_grad=True)
        leaves = [x, *model.parameters()]
        y = model(x)
        direction = Tensor(RNG.normal(size=y.shape))
        slopes = axon.grad((y * direction).sum(), leaves)
        step = 1e-6
        for leaf, slope in zip(leaves, slopes, strict=True):
            way = RNG.normal(size=leaf.shape)
            start = leaf.data.copy()
            ends = []
            for sign in (1, -1):
                leaf.data[...] = start + sign * step * way
                ends.append(float((model(x) * direction).sum().item()))
            leaf.data[...] = start
            expected = (ends[0] - ends[1]) / (2 * step)
            assert (slope.data * way).sum() == pytest.approx(expected, rel=1e-4, abs=1e-6)


IMAGES = {"shape": (4, 7, 6)}
SERIES = {"shape": (4, 9)}
BOOL = {"result": TensorProto.BOOL}
LONG = {"result": TensorProto.INT64}

SMOOTH = [  # those with a gradient
    *(One(op) for op in ("Relu", "Sigmoid", "Tanh", "Softplus", "Softsign", "Mish", "Elu", "Selu")),
    *(One(op) for op in ("LeakyRelu", "Celu", "Gelu", "HardSigmoid", "HardSwish", "Neg", "Abs")),
    *(
        One(op)
        for op in ("Exp", "Erf", "Identity", "ThresholdedRelu", "Shrink", "Flatten", "Sin", "Cos")
    ),
    *(One(op, positive=True) for op in ("Sqrt", "Log", "Reciprocal")),
    *(One(op, spread=40.0) for op in ("Sin", "Cos")),
    One("Elu", alpha=0.4),
    One("LeakyRelu", alpha=0.3),
    One("Celu", alpha=1.7),
    One("Selu", alpha=1.5, gamma=1.2),
    One("HardSigmoid", alpha=0.4, beta=0.3),
    One("ThresholdedRelu", alpha=0.2),
    One("Shrink", bias=0.1, lambd=0.3),
    One("Gelu", approximate="tanh"),
    One("PRelu", floats(4)),
    One("PRelu", np.abs(floats(4, 1, 1)), **IMAGES),
    One("Softmax"),
    One("Softmax", axis=1),
    One("Softmax", axis=1, opset=11, shape=(3, 2)),
    One("Softmax", axis=2, opset=11, shape=(3, 2)),
    One("Softmax", opset=11, shape=(5,)),
    One("LogSoftmax", axis=1),
    One("LogSoftmax", opset=11),
    One("Clip", np.float32(-0.5), np.float32(0.5)),
    One("Clip", None, np.float32(0.5)),
    One("Clip", opset=7, min=-0.5, max=0.25),
    *(One(op, floats(4)) for op in ("Add", "Sub", "Mul", "Max", "Min", "Sum", "Mean")),
    *(One(op, floats(3, 1)) for op in ("Add", "Sub", "Mul")),
    One("Div", np.abs(floats(3, 1)) + 1),
    One("Pow", np.float32(2)),
    One("Pow", np.float32(3)),
    One("Pow", np.abs(floats(4)), positive=True),
    One("Max", floats(4), floats(3, 1)),
    One("Mean", floats(4), floats(3, 1)),
    One("MatMul", floats(4, 5)),
    One("MatMul", floats(2, 4, 2), shape=(2, 3, 4)),
    One("MatMul", floats(4)),
    One("Gemm", floats(4, 5), shape=(4,)),
    One("Gemm", floats(5, 4), floats(5), shape=(4,), transB=1, alpha=0.5, beta=2.0),
    One("Einsum", floats(4, 5), equation="nij,jk->nik"),
    One("Einsum", floats(3, 4), equation="nij,ij->n"),
    One("Einsum", floats(3, 5), equation="...ij,ik->...jk"),
    One("Einsum", equation="nij->nji"),
    One("Einsum", equation="nij->ni"),
    One("Einsum", floats(4), floats(3), equation="nij,j,i->n"),
    *(One(f"Reduce{op}", ints(1)) for op in ("Sum", "Mean", "Max", "Min", "Prod", "L1", "L2")),
    *(One(f"Reduce{op}", ints(-1, 1), keepdims=0) for op in ("SumSquare", "LogSumExp", "Mean")),
    One("ReduceLogSum", ints(2), positive=True),
    One("ReduceSum", opset=11, axes=[1], keepdims=0),
    One("ReduceMean", opset=13, axes=[2]),
    One("ReduceSum", noop_with_empty_axes=1),
    One("ReduceMax", ints(1, 2), keepdims=0),
    One("CumSum", np.array(1)),
    One("CumSum", np.array(2), reverse=1, exclusive=1),
    One("LpNormalization", axis=1),
    One("LpNormalization", p=1),
    One("LayerNormalization", floats(4), floats(4)),
    One("LayerNormalization", floats(3, 4), floats(3, 4), axis=1, epsilon=1e-3),
    One("LayerNormalization", floats(4), shape=(4,)),
    One("SimplifiedLayerNormalization", floats(4), epsilon=1e-3),
    One("InstanceNormalization", floats(4), floats(4), **IMAGES),
    One("GroupNormalization", floats(4), floats(4), num_groups=2, opset=21, **IMAGES),
    One("MeanVarianceNormalization", **IMAGES),
    One("LRN", size=3, **IMAGES),
    One("LRN", size=5, alpha=0.2, beta=0.6, bias=1.5, **IMAGES),
    One("BatchNormalization", floats(4), floats(4), floats(4), np.abs(floats(4)) + 1, **IMAGES),
    One("BatchNormalization", floats(4), floats(4), floats(4), np.abs(floats(4)) + 1, shape=(4,)),
    One("BatchNormalization", *(np.abs(floats(4)) + 1 for _ in range(4)), opset=8, **SERIES),
    One("Conv", floats(5, 4, 3, 3), floats(5), **IMAGES),
    One("Conv", floats(6, 2, 3, 2), group=2, pads=[1, 0, 2, 1], strides=[2, 1], **IMAGES),
    One("Conv", floats(4, 1, 3, 3), group=4, dilations=[2, 2], pads=[1, 2, 2, 1], **IMAGES),
    One("Conv", floats(5, 4, 2, 2), auto_pad="SAME_LOWER", strides=[2, 2], **IMAGES),
    One("Conv", floats(5, 4, 3), floats(5), pads=[2, 0], **SERIES),
    One("Conv", floats(5, 4, 2, 2), auto_pad="SAME_UPPER", strides=[2, 2], **IMAGES),
    One("ConvTranspose", floats(4, 3, 3, 3), floats(3), strides=[2, 2], **IMAGES),
    One("ConvTranspose", floats(4, 3, 3, 3), strides=[2, 2], pads=[1, 1, 1, 1], **IMAGES),
    One("ConvTranspose", floats(4, 3, 2), strides=[3], output_padding=[1], **SERIES),
    One("ConvTranspose", floats(4, 2, 3, 3), group=2, dilations=[2, 1], **IMAGES),
    One("ConvTranspose", floats(4, 2, 3, 3), strides=[2, 2], output_shape=[14, 12], **IMAGES),
    One("ConvTranspose", floats(4, 2, 3, 3), strides=[2, 2], auto_pad="SAME_UPPER", **IMAGES),
    One("MaxPool", kernel_shape=[2, 2], strides=[2, 2], **IMAGES),
    One("MaxPool", kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2], ceil_mode=1, **IMAGES),
    One("MaxPool", kernel_shape=[2, 2], dilations=[2, 3], **IMAGES),
    One("MaxPool", kernel_shape=[2, 2], dilations=[2, 3], pads=[1, 1, 1, 1], **IMAGES),
    One("MaxPool", kernel_shape=[3], strides=[2], **SERIES),
    One("AveragePool", kernel_shape=[2, 2], strides=[2, 2], **IMAGES),
    One("AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1, **IMAGES),
    One("AveragePool", kernel_shape=[3, 3], pads=[1, 0, 1, 1], strides=[2, 2], **IMAGES),
    One("AveragePool", kernel_shape=[4], auto_pad="SAME_UPPER", strides=[3], **SERIES),
    *(
        One(
            "AveragePool",
            kernel_shape=[2, 2],
            dilations=[2, 3],
            pads=[1, 1, 1, 1],
            count_include_pad=padding,
            **IMAGES,
        )
        for padding in (0, 1)
    ),
    One("GlobalAveragePool", **IMAGES),
    One("GlobalMaxPool", **SERIES),
    One("Transpose", perm=[0, 2, 1]),
    One("Reshape", ints(0, -1)),
    One("Reshape", ints(-1, 2, 6)),
    One("Squeeze", ints(1), shape=(1, 4)),
    One("Squeeze", opset=11, axes=[2], shape=(3, 1)),
    One("Unsqueeze", ints(1, -1)),
    One("Unsqueeze", opset=11, axes=[0, 2]),
    One("Concat", floats(1, 3, 2), axis=2, batch=1),
    One("Expand", ints(1, 3, 4), shape=(1, 4)),
    One("Tile", ints(1, 2, 3)),
    One("Pad", ints(0, 1, 2, 0, 0, 1)),
    One("Pad", ints(0, 1, -1, 0, 2, -1), np.float32(1.5)),
    One("Pad", ints(1, 1, 1, 1), None, ints(1, -1), mode="edge", opset=19),
    One("Pad", ints(0, 1, 2, 0, 2, 1), mode="reflect"),
    One("Pad", ints(0, 1, 2, 0, 2, 1), mode="wrap"),
    One("Pad", opset=10, pads=[0, 0, 1, 0, 0, 1], value=2.0),
    One("Slice", ints(1), ints(3), ints(2)),
    One("Slice", ints(-1), ints(-(2**62)), ints(2), ints(-2)),
    One("Slice", ints(0, 1), ints(2**62, -1), ints(1, 2)),
    One("Slice", opset=9, starts=[1], ends=[2], axes=[1]),
    One("Gather", ints(2, 0), axis=1),
    One("Gather", np.array(-1), axis=2),
    One("Gather", ints([0, 1], [2, 2]), axis=1),
    One("GatherElements", RNG.integers(-3, 3, (1, 2, 4)), axis=1, batch=1),
    One("GatherND", ints([[0, 1], [0, -1]]), batch=1),
    One("Split", ints(1, 2), outputs=2, used=1, axis=1),
    One("Split", outputs=3, axis=1, num_outputs=3),
    One("Split", outputs=2, opset=11, axis=2, split=[1, 3]),
    One("Trilu"),
    One("Trilu", np.array(1), upper=0),
    One("DepthToSpace", blocksize=2, shape=(8, 2, 3)),
    One("DepthToSpace", blocksize=2, mode="CRD", shape=(8, 2, 3)),
    One("SpaceToDepth", blocksize=2, shape=(3, 4, 6)),
    One("Resize", None, np.array([1, 1, 2, 3], "f4"), **IMAGES),
    One("Resize", None, None, ints(1, 4, 5, 9), mode="linear", batch=1, **IMAGES),
    One("Resize", None, np.array([1, 1, 1.7, 0.6], "f4"), mode="cubic", **IMAGES),
    One("Upsample", np.array([1, 1, 2, 2], "f4"), opset=9, **IMAGES),
    One("Upsample", opset=7, scales=[1.0, 1.0, 2.0, 2.0], mode="linear", **IMAGES),
    One("Resize", np.array([1, 1, 2, 2], "f4"), opset=10, **IMAGES),
    One("Dropout", np.float32(0.4)),
    One("Scaler", domain=ML, offset=[1.0, 2.0], scale=[0.5, 3.0], shape=(2,)),
    One("Scaler", domain=ML, offset=[1.0], scale=[0.5], shape=(2,)),
    *(One("Normalizer", domain=ML, norm=norm, positive=True, shape=(4,)) for norm in ("L1", "L2")),
    One("Normalizer", domain=ML, norm="MAX", positive=True, shape=(4,)),
    One("ArrayFeatureExtractor", ints(2, 0), domain=ML, shape=(4,)),
]

OTHERS = [  # those without, or with whole numbers
    *(One(op) for op in ("Floor", "Ceil", "Round", "Sign")),
    *(One(op, **BOOL) for op in ("IsNaN", "IsInf")),
    One("IsInf", **BOOL, detect_negative=0),
    *(One(op, floats(4), **BOOL) for op in ("Less", "Greater", "LessOrEqual", "GreaterOrEqual")),
    One("Equal", ints(1), dtype="i8", **BOOL),
    *(One(op, np.array([True, False]), dtype="?", shape=(2,), **BOOL) for op in ("And", "Or")),
    One("Xor", np.array([True, False]), dtype="?", shape=(2,), **BOOL),
    One("Not", dtype="?", **BOOL),
    One("Where", floats(3, 4), floats(4), dtype="?"),
    One("Cast", to=TensorProto.INT64, **LONG),
    One("Cast", to=TensorProto.BOOL, **BOOL),
    One("Cast", to=TensorProto.FLOAT, dtype="i4"),
    One("CastLike", ints(1), **LONG),
    One("ArgMax", axis=2, **LONG),
    One("ArgMin", axis=1, keepdims=0, **LONG),
    One("ArgMax", axis=-1, select_last_index=1, dtype="i8", **LONG),
    One("OneHot", np.array(5), np.array([0, 1], "f4"), dtype="i8"),
    One("OneHot", np.array(5), np.array([2, 3], "f4"), dtype="i8", axis=1),
    One("Div", ints(2), dtype="i8", **LONG),
    One("Div", ints(-2), dtype="i8", **LONG),
    One("Mod", ints(2), dtype="i8", **LONG),
    One("Mod", ints(-2), dtype="i8", **LONG),
    One("Mod", np.float32(0.7), fmod=1),
    One("Pow", ints(3), dtype="i8", **LONG),
    One("Add", ints(3), dtype="i8", **LONG),
    One("ReduceSum", ints(1), dtype="i4", result=TensorProto.INT32),
    One("ReduceProd", ints(1), dtype="i8", **LONG),
    One("LinearRegressor", domain=ML, coefficients=[1.0, 2.0, 3.0, 4.0], targets=2, shape=(2,)),
    One("GlobalLpPool", shape=(3, 4, 5)),
    One("Binarizer", domain=ML, threshold=0.3),
    One("Imputer", domain=ML, imputed_value_floats=[1.0, 2.0], shape=(2,)),
]


def id_of(one: One) -> str:
    return repr(one)


@pytest.mark.parametrize("one", [*SMOOTH, *OTHERS], ids=id_of)
def test_an_operator_is_what_onnxruntime_computes(one: One) -> None:
    one.check((1,) if one.batch == 1 else (1, 3))


@pytest.mark.parametrize("one", [one for one in SMOOTH if one.batch == "n"], ids=id_of)
def test_an_operator_has_the_right_gradients(one: One) -> None:
    one.check_gradient()


ELSEWHERE = {  # tried in tests/onnx/test_load_hostile.py, inside larger networks, or below
    *("Loop", "If", "Shape", "Size", "ConstantOfShape", "Range", "NonZero", "EyeLike"),
    *("RNN", "GRU", "RMSNormalization", "Swish"),
    *("com.microsoft.QLinearConcat", "com.microsoft.TransposeMatMul"),
    "com.microsoft.DynamicQuantizeLSTM",
    *LISTS,
    *DRAWING,
    *(f"{d}{op}" for d in ("", MS) for op in ("LinearAttention", "CausalConvWithState")),
}


def test_every_operator_is_tried() -> None:
    tried = {one.op for one in (*SMOOTH, *OTHERS)} | {op for op in OPERATORS if op.lower() in FILES}
    text = Path(__file__).with_name("test_microsoft.py").read_text(encoding="utf-8")
    cases = text.partition("\nCASES = [")[2].partition("\n]\n")[0]
    tried |= {f"com.microsoft.{op}" for op in re.findall(r'Case\(\s*"(\w+)"', cases)}
    assert set(OPERATORS) - tried == ELSEWHERE


def known_network(*nodes: Any, **arrays: Any) -> Any:
    """x + a number that nodes compute of constants or of the shape of x."""
    last = helper.make_node("Add", ["x", "k"], ["y"])
    given = [numpy_helper.from_array(np.asarray(v), n) for n, v in arrays.items()]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph([*nodes, last], "g", [x], [y], given)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


value_2 = numpy_helper.from_array(np.array([2.0], "f4"))
KNOWN = {
    "Size": [
        helper.make_node("Size", ["x"], ["s"]),
        helper.make_node("Cast", ["s"], ["k"], to=TensorProto.FLOAT),
    ],
    "ConstantOfShape": [helper.make_node("ConstantOfShape", ["three"], ["k"], value=value_2)],
    "Range": [helper.make_node("Range", ["one", "four", "one"], ["k"])],
    "NonZero": [
        helper.make_node("NonZero", ["row"], ["z"]),
        helper.make_node("Squeeze", ["z"], ["f"]),
        helper.make_node("Cast", ["f"], ["k"], to=TensorProto.FLOAT),
    ],
    "EyeLike": [
        helper.make_node("EyeLike", ["square"], ["e"], k=1),
        helper.make_node("ReduceMean", ["e"], ["k"]),
    ],
    "Shape": [
        helper.make_node("Shape", ["x"], ["s"], start=1),
        helper.make_node("Cast", ["s"], ["k"], to=TensorProto.FLOAT),
    ],
}


@pytest.mark.parametrize("op", KNOWN)
def test_what_is_known_before_is_computed_before(op: str) -> None:
    arrays = {"three": ints(3), "one": np.float32(1), "four": np.float32(4)}
    arrays |= {"row": np.array([1, 0, 2, 5], "f4"), "square": floats(3, 3)}
    proto = known_network(*KNOWN[op], **arrays)
    model = made(parse(proto.SerializeToString(), None), None, "known")
    for n in (1, 4):
        x = floats(n, 3)
        (want,) = ort.InferenceSession(proto.SerializeToString()).run(None, {"x": x})
        np.testing.assert_allclose(model.predict(x), want, rtol=1e-6)
    assert [layer.op for layer in model.layers] == ["Add"]


def test_newer_operators_by_their_definition() -> None:
    """Those that onnxruntime does not have in all versions."""
    x, g = floats(2, 3, 4), floats(4)
    got = One("RMSNormalization", g, opset=23, epsilon=1e-3).model().forward(x)
    want = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-3) * g
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
    for alpha in (1.0, 0.6):
        got = One("Swish", opset=24, alpha=alpha).model().forward(x)
        np.testing.assert_allclose(got, x / (1 + np.exp(-alpha * x)), rtol=1e-5, atol=1e-6)
    for one in (One("RMSNormalization", g, opset=23), One("Swish", opset=24, alpha=0.6)):
        one.check_gradient()


def test_all_results_of_a_recurrence_at_once() -> None:
    for direction, count in (("forward", 1), ("bidirectional", 2)):
        nodes = [
            helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
            helper.make_node(
                "LSTM", ["t", "w", "r"], ["a", "h", "c"], direction=direction, hidden_size=3
            ),
            helper.make_node("ReduceSum", ["a", "zero"], ["s"], keepdims=0),
            helper.make_node("Sum", ["s", "h", "c"], ["z"]),
            helper.make_node("Transpose", ["z"], ["y"], perm=[1, 0, 2]),
        ]
        arrays = {"w": floats(count, 12, 4), "r": floats(count, 12, 3), "zero": ints(0)}
        given = [numpy_helper.from_array(np.asarray(v), n) for n, v in arrays.items()]
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 5, 4])
        y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
        graph = helper.make_graph(nodes, "g", [x], [y], given)
        imports = [helper.make_opsetid("", 20)]
        proto = helper.make_model(graph, opset_imports=imports, ir_version=10)
        model = made(parse(proto.SerializeToString(), None), None, "all")
        data = floats(2, 5, 4)
        (want,) = ort.InferenceSession(proto.SerializeToString()).run(None, {"x": data})
        np.testing.assert_allclose(model.predict(data), want, rtol=1e-5, atol=1e-5)


# ------------------------------------------------------------------------------------ properties

small = st.integers(0, 2)


@some
@given(
    axes=st.integers(1, 2),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dilations=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    pads=st.tuples(small, small, small, small),
    groups=st.sampled_from([1, 2]),
    transposed=st.booleans(),
)
def test_convolutions(
    axes: int, kernel: Any, strides: Any, dilations: Any, pads: Any, groups: int, transposed: bool
) -> None:
    options = {"strides": strides[:axes], "dilations": dilations[:axes], "group": groups}
    options["pads"] = [*pads[:axes], *pads[2 : 2 + axes]]
    shape = (4, *(7, 6)[:axes])
    w = floats(*((4, 3) if transposed else (6, 4 // groups)), *kernel[:axes])
    op = "ConvTranspose" if transposed else "Conv"
    one = One(op, w, floats(3 * groups if transposed else 6), shape=shape, **options)
    one.check()
    one.check_gradient()


@some
@given(
    op=st.sampled_from(["MaxPool", "AveragePool"]),
    axes=st.integers(1, 2),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    strides=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    pads=st.tuples(small, small, small, small),
    ceil_mode=st.booleans(),
    include=st.booleans(),
    auto_pad=st.sampled_from(["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"]),
)
def test_pooling(
    op: str,
    axes: int,
    kernel: Any,
    strides: Any,
    pads: Any,
    ceil_mode: bool,
    include: bool,
    auto_pad: str,
) -> None:
    options = {"kernel_shape": kernel[:axes], "strides": strides[:axes], "auto_pad": auto_pad}
    if auto_pad == "NOTSET":
        options["pads"] = [*pads[:axes], *pads[2 : 2 + axes]]
        assume(all(p < k for p, k in zip(pads[:axes], kernel, strict=False)))
        assume(all(p < k for p, k in zip(pads[2 : 2 + axes], kernel, strict=False)))
        options["ceil_mode"] = int(ceil_mode)
    else:
        assume(all(s <= k for s, k in zip(strides, kernel, strict=True)))
    if op == "AveragePool":
        options["count_include_pad"] = int(include)
        assume(auto_pad == "NOTSET" or not include)
    one = One(op, shape=(2, *(8, 7)[:axes]), **options)
    one.check()
    one.check_gradient()


@some
@given(
    starts=st.lists(st.integers(-7, 7), min_size=2, max_size=2),
    ends=st.lists(st.integers(-9, 9), min_size=2, max_size=2),
    steps=st.lists(st.sampled_from([-3, -2, -1, 1, 2]), min_size=2, max_size=2),
)
def test_slices(starts: Any, ends: Any, steps: Any) -> None:
    One("Slice", ints(*starts), ints(*ends), ints(-1, 1), ints(*steps), shape=(5, 4)).check()


@some
@given(
    mode=st.sampled_from(["nearest", "linear", "cubic"]),
    way=st.sampled_from(
        ["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel", "half_pixel_symmetric"]
    ),
    rounding=st.sampled_from(["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]),
    sizes=st.tuples(st.integers(1, 9), st.integers(1, 9)),
)
def test_resizing(mode: str, way: str, rounding: str, sizes: Any) -> None:
    options = {"mode": mode, "coordinate_transformation_mode": way, "nearest_mode": rounding}
    one = One("Resize", None, None, ints(1, 2, *sizes), shape=(2, 4, 5), batch=1, **options)
    one.check((1,))


@some
@given(
    op=st.sampled_from(["ReduceSum", "ReduceMean", "ReduceMax", "ReduceLogSumExp"]),
    axes=st.sets(st.integers(1, 3), min_size=1),
    keepdims=st.booleans(),
    behind_images=st.booleans(),
)
def test_reductions(op: str, axes: Any, keepdims: bool, behind_images: bool) -> None:
    """Behind a pooling axes lie in AXON's order: they are found nonetheless."""
    one = One(op, ints(*axes), shape=(2, 5, 4), keepdims=int(keepdims))
    if behind_images:
        graph = one.proto.graph
        pool = helper.make_node("MaxPool", ["x"], ["p"], kernel_shape=[2, 1])
        graph.node[0].input[0] = "p"
        graph.node.insert(0, pool)
    one.check()


PERMS = [(0, 2, 3, 1), (0, 3, 1, 2), (0, 1, 3, 2), (0, 3, 2, 1), (0, 2, 1, 3)]


@some
@given(
    first=st.lists(st.sampled_from(PERMS), max_size=3),
    second=st.lists(st.sampled_from(PERMS), max_size=3),
    end=st.sampled_from(["Add", "Concat", "Softmax", "MatMul", "GlobalMaxPool", "Reshape"]),
    gone=st.integers(1, 3),
)
def test_orders_of_axes(first: Any, second: Any, end: str, gone: int) -> None:
    """Images that were read in other orders meet each other, constants, and other operators."""
    nodes = [helper.make_node("AveragePool", ["x"], ["p"], kernel_shape=[2, 2])]
    ends = []
    for side, perms in (("a", first), ("b", second)):
        before = "p"
        for i, perm in enumerate(perms):
            nodes.append(helper.make_node("Transpose", [before], [f"{side}{i}"], perm=perm))
            before = f"{side}{i}"
        ends.append(before)
    nodes.append(helper.make_node("Mul", [ends[0], "row"], ["m"]))
    nodes.append(helper.make_node("Add", ["m", ends[1]], ["s"]))
    more = {"Concat": ["s", ends[1]], "MatMul": ["s", "square"], "Add": ["s", ends[0]]}
    more |= {"Reshape": ["s", "flat"]}
    options = {"axis": 2} if end in ("Concat", "Softmax") else {}
    nodes.append(helper.make_node(end, more.get(end, ["s"]), ["e"], **options))
    if end == "Reshape":
        nodes.append(helper.make_node("Identity", ["e"], ["y"]))
    else:
        nodes.append(helper.make_node("ReduceSum", ["e", "gone"], ["y"], keepdims=0))
    arrays = {"row": floats(4), "square": floats(4, 4), "gone": ints(gone), "flat": ints(0, -1)}
    given = [numpy_helper.from_array(np.asarray(v), n) for n, v in arrays.items()]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4, 5, 5])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "g", [x], [y], given)
    imports = [helper.make_opsetid("", 20)]
    proto = helper.make_model(graph, opset_imports=imports, ir_version=10)
    model = made(parse(proto.SerializeToString(), None), None, "orders")
    data = floats(3, 4, 5, 5)
    (want,) = ort.InferenceSession(proto.SerializeToString()).run(None, {"x": data})
    np.testing.assert_allclose(model.predict(data), want, rtol=1e-5, atol=1e-5)


@some
@given(
    op=st.sampled_from(["RNN", "LSTM", "GRU"]),
    direction=st.sampled_from(["forward", "reverse", "bidirectional"]),
    bias=st.booleans(),
    lengths=st.booleans(),
    states=st.booleans(),
    reset=st.booleans(),
    used=st.integers(0, 2),
    activation=st.sampled_from(["", "HardSigmoid", "Softsign"]),
)
def test_recurrent(
    op: str,
    direction: str,
    bias: bool,
    lengths: bool,
    states: bool,
    reset: bool,
    used: int,
    activation: str,
) -> None:
    """The batch is the second axis: the file is made for three samples, one for each state."""
    gates, count = {"RNN": 1, "LSTM": 4, "GRU": 3}[op], 2 if direction == "bidirectional" else 1
    units, time, n = 3, 5, 2
    assume(op == "LSTM" or used < 2)
    more = [floats(count, gates * units, 4), floats(count, gates * units, units)]
    more += [floats(count, 2 * gates * units) if bias else None]
    more += [np.array([3, 5], "i4") if lengths else None]
    first = floats(count, n, units) if states else None
    more += [first, first] if op == "LSTM" else [first]
    options: dict[str, Any] = {"direction": direction, "hidden_size": units}
    if op == "GRU":
        options["linear_before_reset"] = int(reset)
    if activation:
        names = {"RNN": [activation], "LSTM": [activation, *["Softsign"] * 2]}
        options["activations"] = names.get(op, [activation, "Tanh"]) * count
    while more[-1] is None:
        more.pop()
    outputs = 3 if op == "LSTM" else 2
    one = One(op, *more, shape=(n, 4), outputs=outputs, used=used, batch="t", **options)
    if used == 0:  # the time comes first, as the samples of others do
        one.check((time,))
        return
    session = ort.InferenceSession(one.proto.SerializeToString())
    x = one.data(time)
    graph = one.graph_model()
    want = session.run(None, {"x": x})[0]
    np.testing.assert_allclose(graph.forward(x), want, rtol=1e-5, atol=1e-5)
