"""Operators of ONNX Runtime's own, which its optimizer and its quantizer write, against itself."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

from onnx import helper, numpy_helper  # noqa: E402

import axon.onnx  # noqa: E402
from axon.onnx.load.load import made  # noqa: E402
from axon.onnx.load.read import parse  # noqa: E402

RNG = np.random.default_rng(0)


def floats(*shape: int) -> Any:
    return RNG.normal(size=shape).astype("f4")


def small(*shape: int, low: int = 0, high: int = 200, dtype: str = "u1") -> Any:
    return RNG.integers(low, high, shape).astype(dtype)


def f(number: float) -> Any:
    return np.float32(number)


B, S = np.uint8(120), np.int8(3)
S8 = np.uint8(9)
LAST = np.array([2, 2], "i4")
HEADS = {"num_heads": 4, "kv_num_heads": 2}
GROUPED = [floats(2, 3, 32), floats(2, 3, 16), floats(2, 3, 16), None, None, LAST, np.int32(3)]
BLOCKS = np.random.default_rng(1).permutation(np.arange(40) // 16).astype("i4")
SEEN = np.array([[[1, 1, 0, 1], [1, 0, 0, 0], [1, 1, 1, 1], [0, 1, 1, 0]]] * 2, "i4")
TRUTH = np.array([[True, False, True]])
METRICS = ("euclidean", "sqeuclidean")


class Case(NamedTuple):
    """A node, its inputs (those behind the first are constants), and attributes."""

    op: str
    inputs: list[Any]
    attributes: dict[str, Any] = {}  # noqa: RUF012
    outputs: int = 1
    flowing: int = 1  # how many inputs are no constants,
    behind: int = 0  # after so many that are


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
    *(
        Case("GroupQueryAttention", [*GROUPED, *more], {**HEADS, **told}, outputs=3, flowing=3)
        for more, told in (
            ([None] * 4 + [floats(4)], {}),  # a sink
            ([], {"smooth_softmax": 1}),
            ([], {"causal": 0}),
            ([], {"softcap": 0.7}),
            ([None] * 3 + [floats(1, 4, 3, 3)], {}),  # a bias
        )
    ),
    *(
        Case(
            "GroupQueryAttention",
            [
                *(floats(2, 1, 32), floats(2, 1, 16), floats(2, 1, 16), past, past),
                *(np.array([5, 3], "i4"), np.int32(6), *[None] * 5, scale, scale),
            ],
            {**HEADS, "kv_cache_bit_width": bits, "k_quant_type": way, "v_quant_type": way},
            outputs=3,
            flowing=5,
        )
        for bits, past, coarse in (
            (8, small(2, 2, 5, 8, low=-99, high=99, dtype="i1"), 0.05),
            (4, small(2, 2, 5, 4, high=255), 0.4),
        )
        for way, scale in (
            ("PER_TENSOR", np.array([coarse], "f4")),
            ("PER_CHANNEL", (coarse * (1 + RNG.random((1, 2, 1, 8)))).astype("f4")),
        )
    ),
    Case(
        "GroupQueryAttention",
        [
            *(floats(2, 1, 64), None, None, floats(2, 1, 4, 16), floats(2, 1, 4, 16)),
            *(np.array([4, 4], "i4"), np.int32(5), floats(9, 8), floats(9, 8)),
            np.array([[7], [2]]),  # places that are not those in the cache
        ],
        {"num_heads": 2, "kv_num_heads": 1, "do_rotary": 1},
        outputs=3,
        flowing=3,
    ),
    Case(
        "Attention",
        [floats(2, 4, 8), floats(8, 24), floats(24), None, floats(2, 2, 2, 3, 4)],
        {"num_heads": 2, "unidirectional": 1},
        outputs=2,
    ),
    Case(
        "Attention",
        [floats(2, 4, 8), floats(8, 16), floats(16)],
        {"num_heads": 2, "qkv_hidden_sizes": [4, 4, 8]},
    ),
    *(
        Case("Attention", [floats(2, 4, 8), floats(8, 24), floats(24), mask], {"num_heads": 2})
        for mask in (SEEN[:, 0], SEEN)
    ),
    Case(
        "MultiHeadAttention",
        [floats(2, 4, 8), floats(2, 3, 8), floats(2, 3, 8), None, None, floats(1, 2, 4, 3)],
        {"num_heads": 2},
        flowing=3,
    ),
    Case(
        "MatMulNBits",
        [floats(2, 3, 40), small(5, 3, 8, high=255), floats(15), None, BLOCKS],
        {"K": 40, "N": 5, "bits": 4, "block_size": 16},
    ),
    *(
        Case(
            "MatMulBnb4",
            [floats(2, 64), small(6 * 32, high=255), np.abs(floats(24))],
            {"K": 64, "N": 6, "block_size": 16, "quant_type": table},
        )
        for table in (0, 1)
    ),
    *(
        Case(
            "GatherBlockQuantized",
            [small(7, 4 * bits, high=255), np.array([[0, 3], [6, 2]]), floats(7, 2), *zeros],
            {"bits": bits, "block_size": 16},
            behind=1,
        )
        for bits, zeros in ((2, []), (4, [small(7, 1, high=255)]), (8, [small(7, 2, high=255)]))
    ),
    *(
        Case(
            "QAttention",
            [
                *(small(2, 4, 8), small(8, 24, low=-99, high=99, dtype="i1"), floats(24)),
                *(f(0.02), f(0.01), mask, B, np.int8(0)),
            ],
            {"num_heads": 2, **told},
        )
        for mask, told in ((None, {}), (np.array([4, 2], "i4"), {"unidirectional": 1}))
    ),
    *(
        Case(
            "QLinearAveragePool",
            [small(2, 6, 6, 3), f(0.1), B, f(0.05), np.uint8(90)],
            {"kernel_shape": [2, 3], "pads": [1, 1, 0, 1], "channels_last": last, **told},
        )
        for last, told in ((0, {"strides": [2, 1]}), (1, {"count_include_pad": 1}))
    ),
    Case("NhwcMaxPool", [small(2, 6, 6, 3)], {"kernel_shape": [2, 3], "pads": [1, 1, 0, 1]}),
    Case(
        "QLinearConv",
        [
            *(small(2, 3, 6, 6), f(0.1), B, small(4, 3, 2, 2), f(0.02), B, f(0.4), B),
            small(4, low=-99, high=99, dtype="i4"),
        ],
        {"pads": [1, 0, 1, 0]},
    ),
    Case(
        "QLinearWhere",
        [TRUTH, small(2, 3), f(0.1), S8, small(2, 3), f(0.2), B, f(0.3), np.uint8(30)],
    ),
    *(Case("ExpandDims", [floats(2, 3), np.int32(axis)]) for axis in (1, -1)),
    *(Case("CDist", [floats(4, 3), floats(5, 3)], {"metric": m}, flowing=2) for m in METRICS),
    Case("Trilu", [floats(3, 4), np.array(1)], {"upper": 0}),
    Case("GatherND", [floats(3, 4), np.array([[0, 1], [2, 2]])]),
]
CONCATENATED = [f(0.3), B, small(2, 3), f(0.1), B, small(2, 2), f(0.2), B]  # scales come first


def run(case: Case, path: Path) -> tuple[list[Any], Any]:
    """What ONNX Runtime and AXON make of a case."""
    arrays = [i for i, x in enumerate(case.inputs) if x is not None and np.ndim(x)]
    flowing = arrays[case.behind : case.behind + case.flowing]
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
    results = axon.onnx.load(path, outputs).forward(*given.values())
    return want, results if isinstance(results, tuple) else (results,)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.op)
def test_an_operator_is_what_onnxruntime_computes(case: Case, tmp_path: Path) -> None:
    want, results = run(case, tmp_path / "net.onnx")
    for y, wanted in zip(results, want, strict=True):
        assert (y.shape, y.dtype) == (wanted.shape, wanted.dtype)
        if y.dtype.kind == "f":
            np.testing.assert_allclose(y, wanted, rtol=1e-4, atol=1e-5)
        else:  # a half is rounded either way
            assert np.abs(y.astype(int) - wanted.astype(int)).max() <= 1


def network(op: str, inputs: list[Any], **told: Any) -> Any:
    """A network of one node, whose first input flows; the others are constants."""
    names = ["" if x is None else f"x{i}" for i, x in enumerate(inputs)]
    node = helper.make_node(op, names, ["y"], domain="com.microsoft", **told)
    x = helper.make_tensor_value_info("x0", onnx.TensorProto.FLOAT, inputs[0].shape)
    y = helper.make_empty_tensor_value_info("y")
    pairs = [pair for pair in zip(inputs, names, strict=True) if pair[0] is not None][1:]
    constants = [numpy_helper.from_array(np.asarray(a), n) for a, n in pairs]
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    graph = helper.make_graph([node], "g", [x], [y], constants)
    proto = helper.make_model(graph, opset_imports=imports, ir_version=8)
    return made(parse(proto.SerializeToString(), None), None, "net")


def test_blocks_in_another_order_have_the_scales_that_they_name() -> None:
    """ONNX Runtime reads other zeros in that case, and so is no oracle."""
    x, scales = floats(2, 40), floats(5, 3)
    for bits in (2, 4, 8):
        w = small(5, 3, 2 * bits, high=255)
        zeros = floats(5, 3)
        told = {"K": 40, "N": 5, "bits": bits, "block_size": 16}
        y = network("MatMulNBits", [x, w, scales.ravel(), zeros, BLOCKS], **told).forward(x)
        numbers = np.unpackbits(w.reshape(5, -1), axis=1, bitorder="little").reshape(5, -1, bits)
        numbers = (numbers * 2 ** np.arange(bits)).sum(-1)[:, :40]
        matrix = (numbers - zeros[:, BLOCKS]) * scales[:, BLOCKS]
        np.testing.assert_allclose(y, x @ matrix.T, rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match=r"g_idx of shape \(40,\) does not name 3 blocks"):
        network("MatMulNBits", [x, w, scales.ravel(), None, BLOCKS + 1], **told)


def test_queries_and_keys_may_be_divided_by_their_lengths() -> None:
    """ONNX Runtime does so on other processors: it is what a normalization before would do."""
    q, k, v = GROUPED[:3]
    weights = [floats(8), floats(8)]
    told = {**HEADS, "qk_norm_epsilon": 0.1, "k_norm_epsilon": 0.2}
    inside = network("GroupQueryAttention", [*GROUPED, *[None] * 7, *weights], **told).forward(q)
    heads = [x.reshape(2, 3, -1, 8) for x in (q, k)]
    pairs = zip(heads, weights, (0.1, 0.2), strict=True)
    normal = [x / np.sqrt((x**2).mean(-1, keepdims=True) + e) * w for x, w, e in pairs]
    before = [x.reshape(2, 3, -1).astype("f4") for x in normal]
    outside = network("GroupQueryAttention", [*before, v, *GROUPED[3:]], **HEADS)
    np.testing.assert_allclose(inside, outside.forward(before[0]), rtol=1e-4, atol=1e-5)


def test_quantized_parts_are_put_together(tmp_path: Path) -> None:
    case = Case("QLinearConcat", CONCATENATED, {"axis": 1})
    (want,), (result,) = run(case, tmp_path / "net.onnx")
    assert np.abs(result.astype(int) - want.astype(int)).max() <= 1


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
    results = axon.onnx.load(path).predict(x)
    for y, wanted in zip(results, want, strict=True):
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
        for result, wanted in zip(net.forward(x), session.run(None, {"x": x}), strict=True):
            np.testing.assert_array_equal(result, wanted)
