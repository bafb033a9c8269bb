"""Operators of ONNX Runtime's own, which its optimizer and its quantizer write, against itself."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

from onnx import helper, numpy_helper  # noqa: E402

import axon.onnx  # noqa: E402

RNG = np.random.default_rng(0)


def floats(*shape: int) -> Any:
    return RNG.normal(size=shape).astype("f4")


def small(*shape: int, low: int = 0, high: int = 200, dtype: str = "u1") -> Any:
    return RNG.integers(low, high, shape).astype(dtype)


def f(number: float) -> Any:
    return np.float32(number)


B, S = np.uint8(120), np.int8(3)
LAST = np.array([2, 2], "i4")


class Case(NamedTuple):
    """A node, its inputs (those behind the first are constants), and attributes."""

    op: str
    inputs: list[Any]
    attributes: dict[str, Any] = {}  # noqa: RUF012
    outputs: int = 1
    flowing: int = 1  # how many inputs are no constants


CASES = [
    Case("FusedConv", [floats(2, 3, 5, 5), floats(4, 3, 3, 3), floats(4)], {"activation": "Relu"}),
    Case(
        "FusedConv",
        [floats(2, 3, 5, 5), floats(4, 3, 3, 3), floats(4)],
        {"activation": "LeakyRelu", "activation_params": [0.2], "pads": [1, 1, 1, 1]},
    ),
    Case("FusedGemm", [floats(2, 3), floats(3, 4), floats(4)], {"activation": "Tanh"}),
    Case("FusedMatMul", [floats(2, 4, 3), floats(4, 5)], {"transA": 1, "alpha": 0.5}),
    Case("Gelu", [floats(2, 5)]),
    Case("BiasGelu", [floats(2, 5), floats(5)]),
    Case("FastGelu", [floats(2, 5), floats(5)]),
    Case("QuickGelu", [floats(2, 5)], {"alpha": 1.5}),
    Case(
        "SkipLayerNormalization",
        [floats(2, 3, 8), floats(2, 3, 8), floats(8), floats(8), floats(8)],
        {"epsilon": 1e-5},
        flowing=2,
    ),
    Case(
        "SkipSimplifiedLayerNormalization",
        [floats(2, 3, 8), floats(2, 3, 8), floats(8)],
        {"epsilon": 1e-5},
        flowing=2,
    ),
    Case(
        "EmbedLayerNormalization",
        [
            *(small(2, 4, high=3, dtype="i4"), small(2, 4, high=2, dtype="i4")),
            *(floats(3, 8), floats(6, 8), floats(2, 8), floats(8), floats(8)),
            np.array([[1, 1, 1, 0], [1, 1, 0, 0]], "i4"),
        ],
        {"epsilon": 1e-5},
        outputs=2,
        flowing=2,
    ),
    Case("Attention", [floats(2, 4, 8), floats(8, 24), floats(24)], {"num_heads": 2}),
    Case(
        "Attention",
        [floats(2, 4, 8), floats(8, 24), floats(24), np.array([4, 2], "i4")],
        {"num_heads": 2},
    ),
    Case(
        "Attention",
        [floats(2, 4, 8), floats(8, 24), floats(24)],
        {"num_heads": 4, "unidirectional": 1},
    ),
    Case(
        "MultiHeadAttention",
        [floats(2, 4, 8), floats(2, 3, 8), floats(2, 3, 8), floats(24)],
        {"num_heads": 2},
        flowing=3,
    ),
    *(
        Case(
            "GroupQueryAttention",
            [floats(2, 3, 32), floats(2, 3, 16), floats(2, 3, 16), None, None, LAST, np.int32(3)],
            {"num_heads": 4, "kv_num_heads": 2, **more},
            outputs=3,
            flowing=3,
        )
        for more in ({}, {"local_window_size": 2, "scale": 0.3})
    ),
    *(
        Case(
            "GroupQueryAttention",
            [
                *(floats(2, new, 64), None, None, floats(2, 1, past, 16), floats(2, 1, past, 16)),
                *(last, np.int32(total), floats(9, 8), floats(9, 8)),
            ],
            {"num_heads": 2, "kv_num_heads": 1, "do_rotary": 1, "rotary_interleaved": pairs},
            outputs=3,
            flowing=3,
        )
        for new, past, last, total, pairs in (
            (1, 4, np.array([4, 4], "i4"), 5, 0),
            (1, 6, np.array([4, 2], "i4"), 5, 1),  # in memory for six
        )
    ),
    *(
        Case(
            "RotaryEmbedding",
            [floats(2, 3, 16), places, floats(9, 4), floats(9, 4)],
            {"interleaved": pairs},
        )
        for places in (np.array([2]), np.array([[0, 1, 2], [3, 4, 5]]))
        for pairs in (0, 1)
    ),
    *(
        Case(
            "MatMulNBits",
            [
                *(floats(2, 3, 40), small(5, 3, 2 * bits, high=255), floats(5, 3).ravel()),
                small(5 * (2 if bits == 4 else 3), high=255) if zeros else None,
            ],
            {"K": 40, "N": 5, "bits": bits, "block_size": 16},
        )
        for bits, zeros in ((4, False), (4, True), (8, True))
    ),
    Case("QLinearAdd", [small(2, 5), f(0.1), B, small(5), f(0.2), B, f(0.3), B]),
    Case("QLinearMul", [small(2, 5), f(0.1), B, small(5), f(0.2), B, f(3), B]),
    Case("QLinearSigmoid", [small(2, 5), f(0.1), B, f(1 / 256), np.uint8(0)]),
    Case("QLinearLeakyRelu", [small(2, 5), f(0.1), B, f(0.1), B], {"alpha": 0.2}),
    Case(
        "QLinearGlobalAveragePool", [small(2, 3, 4, 4), f(0.1), B, f(0.05), B], {"channels_last": 0}
    ),
    Case(
        "QLinearSoftmax",
        [small(2, 5), f(0.1), B, f(1 / 256), np.uint8(0)],
        {"axis": -1, "opset": 13},
    ),
    Case(
        "QGemm",
        [
            *(small(2, 5), f(0.1), B, small(5, 4, low=-9, high=9, dtype="i1"), f(0.1), S),
            *(small(4, low=-99, high=99, dtype="i4"), f(0.2), B),
        ],
    ),
    Case(
        "MatMulIntegerToFloat",
        [small(2, 5), small(5, 4, low=-9, high=9, dtype="i1"), f(0.1), f(0.2), B, S, floats(4)],
    ),
    Case(
        "DynamicQuantizeMatMul",
        [floats(2, 5), small(5, 4, low=-9, high=9, dtype="i1"), f(0.2), S, floats(4)],
    ),
    Case("QuantizeLinear", [floats(2, 5), f(0.1), B]),
    Case("DequantizeLinear", [small(2, 5), f(0.1), B]),
]
CONCATENATED = [f(0.3), B, small(2, 3), f(0.1), B, small(2, 2), f(0.2), B]  # scales come first


def run(case: Case, path: Path) -> tuple[list[Any], Any]:
    """What ONNX Runtime and AXON make of a case."""
    flowing = [i for i, x in enumerate(case.inputs) if x is not None and np.ndim(x)][: case.flowing]
    infos, constants, names = [], [], []
    for i, x in enumerate(case.inputs):
        names.append("" if x is None else f"x{i}")
        if x is None:
            continue
        kind = helper.np_dtype_to_tensor_dtype(np.asarray(x).dtype)
        if i in flowing:
            infos.append(helper.make_tensor_value_info(names[i], kind, np.shape(x)))
        else:
            constants.append(numpy_helper.from_array(np.asarray(x), names[i]))
    outputs = [f"y{i}" for i in range(case.outputs)]
    node = helper.make_node(case.op, names, outputs, domain="com.microsoft", **case.attributes)
    ends = [helper.make_empty_tensor_value_info(name) for name in outputs]
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    graph = helper.make_graph([node], "g", infos, ends, constants)
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=8), path)
    given = {f"x{i}": case.inputs[i] for i in flowing}
    options = ort.SessionOptions()
    options.log_severity_level = 4
    want = ort.InferenceSession(str(path), options).run(None, given)
    made = axon.onnx.load(path, outputs).forward(*given.values())
    return want, made if isinstance(made, tuple) else (made,)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.op)
def test_an_operator_is_what_onnxruntime_computes(case: Case, tmp_path: Path) -> None:
    want, made = run(case, tmp_path / "net.onnx")
    for y, wanted in zip(made, want, strict=True):
        assert (y.shape, y.dtype) == (wanted.shape, wanted.dtype)
        if y.dtype.kind == "f":
            np.testing.assert_allclose(y, wanted, rtol=1e-4, atol=1e-5)
        else:  # a half is rounded either way
            assert np.abs(y.astype(int) - wanted.astype(int)).max() <= 1


def test_quantized_parts_are_put_together(tmp_path: Path) -> None:
    case = Case("QLinearConcat", CONCATENATED, {"axis": 1})
    (want,), (made,) = run(case, tmp_path / "net.onnx")
    assert np.abs(made.astype(int) - want.astype(int)).max() <= 1


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("columns", [False, True])
def test_an_lstm_of_bytes(direction: str, columns: bool, tmp_path: Path) -> None:
    """Scales of each matrix, or of each column; its three results."""
    time, n, features, units = 4, 2, 3, 5
    many = 2 if direction == "bidirectional" else 1
    scales = (many, 4 * units) if columns else (many,)
    lengths = np.array([4, 4], "i4")
    dtype, low, zero = ("i1", -100, 0) if columns else ("u1", 0, 100)
    given = {
        "W": small(many, features, 4 * units, low=low, high=low + 200, dtype=dtype),
        "R": small(many, units, 4 * units, low=low, high=low + 200, dtype=dtype),
        "B": floats(many, 8 * units),
        "lengths": lengths,
        "h": floats(many, n, units),
        "c": floats(many, n, units),
        "W_scale": (0.01 + 0.001 * RNG.random(scales)).astype("f4"),
        "W_zero": np.full(scales, zero, dtype),
        "R_scale": (0.01 + 0.001 * RNG.random(scales)).astype("f4"),
        "R_zero": np.full(scales, zero, dtype),
    }
    names = ["x", "W", "R", "B", "lengths", "h", "c", "", "W_scale", "W_zero", "R_scale", "R_zero"]
    outputs, told = ["Y", "Y_h", "Y_c"], {"hidden_size": units, "direction": direction}
    op = "DynamicQuantizeLSTM"
    node = helper.make_node(op, names, outputs, domain="com.microsoft", **told)
    x = floats(time, n, features)
    info = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, x.shape)
    ends = [helper.make_tensor_value_info(y, onnx.TensorProto.FLOAT, None) for y in outputs]
    constants = [numpy_helper.from_array(array, name) for name, array in given.items()]
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    graph = helper.make_graph([node], "g", [info], ends, constants)
    path = tmp_path / "net.onnx"
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=8), path)
    options = ort.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    want = ort.InferenceSession(str(path), options).run(None, {"x": x})
    made = axon.onnx.load(path).predict(x)
    for y, wanted in zip(made, want, strict=True):
        np.testing.assert_allclose(y, wanted, rtol=1e-3, atol=1e-4)


def test_the_scale_of_bytes_is_that_of_onnxruntime_to_the_last_bit(tmp_path: Path) -> None:
    """What is rounded by a scale that is off by one bit may be another byte, layers later."""
    node = helper.make_node("DynamicQuantizeLinear", ["x"], ["y", "scale", "zero"])
    info = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None])
    kinds = {"y": "UINT8", "scale": "FLOAT", "zero": "UINT8"}
    ends = [
        helper.make_tensor_value_info(name, getattr(onnx.TensorProto, kind), None)
        for name, kind in kinds.items()
    ]
    graph = helper.make_graph([node], "g", [info], ends)
    imports, path = [helper.make_opsetid("", 17)], tmp_path / "net.onnx"
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=8), path)
    session, net = ort.InferenceSession(str(path)), axon.onnx.load(path)
    for seed in range(20):
        x = np.random.default_rng(seed).normal(size=50).astype("f4")
        for made, wanted in zip(net.forward(x), session.run(None, {"x": x}), strict=True):
            np.testing.assert_array_equal(made, wanted)
