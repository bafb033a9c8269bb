"""Recurrences that are not the usual ones: peepholes, other gates, clipping, linear attention."""

from itertools import product
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

import axon  # noqa: E402
from axon import Tensor  # noqa: E402
from axon.onnx.load.load import made  # noqa: E402
from axon.onnx.load.read import parse  # noqa: E402

RNG = np.random.default_rng(3)
UNITS, TIME, SAMPLES, FEATURES = 3, 5, 2, 4
LSTMS: list[dict[str, Any]] = [
    {"peepholes": True},
    {"peepholes": True, "input_forget": 1},
    {"input_forget": 1},
    {"clip": 0.5},
    {"clip": 0.5, "peepholes": True},
    {"activations": ["Sigmoid", "Tanh", "Relu"]},
    {"activations": ["HardSigmoid", "Softsign", "Tanh"], "peepholes": True},
    {
        "activations": ["Sigmoid", "ThresholdedRelu", "Affine"],
        "activation_alpha": [0.3, 0.4],
        "activation_beta": [0.1],
    },
]


def floats(*shape: int) -> Any:
    return RNG.normal(size=shape).astype("f4")


def file(
    op: str, inputs: list[Any], outputs: int, flowing: int = 1, domain: str = "", **told: Any
) -> tuple[bytes, list[Any]]:
    """A network of one node, and what flows through it: the first of its inputs."""
    names = ["" if a is None else f"x{i}" for i, a in enumerate(inputs)]
    node = helper.make_node(op, names, [f"y{i}" for i in range(outputs)], domain=domain, **told)
    given = [(n, np.asarray(a)) for n, a in zip(names, inputs, strict=True) if n]
    kinds = [helper.np_dtype_to_tensor_dtype(a.dtype) for _, a in given]
    infos = [
        helper.make_tensor_value_info(n, kind, a.shape)
        for (n, a), kind in zip(given[:flowing], kinds, strict=False)
    ]
    ends = [helper.make_tensor_value_info(y, TensorProto.FLOAT, None) for y in node.output]
    constants = [numpy_helper.from_array(a, n) for n, a in given[flowing:]]
    graph = helper.make_graph([node], "g", infos, ends, constants)
    imports = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    proto = helper.make_model(graph, opset_imports=imports, ir_version=10)
    return proto.SerializeToString(), [a for _, a in given[:flowing]]


def demand_equal(data: bytes, given: list[Any], case: object) -> None:
    """AXON's results are ONNX Runtime's."""
    options = ort.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    names = [value.name for value in onnx.ModelProto.FromString(data).graph.input]
    want = ort.InferenceSession(data, options).run(None, dict(zip(names, given, strict=True)))
    results = made(parse(data, None), None, "net").forward(*given)
    for y, wanted in zip(results, want, strict=True):
        np.testing.assert_allclose(y, wanted, rtol=1e-5, atol=1e-5, err_msg=str(case))


def lstm(count: int, told: dict[str, Any]) -> tuple[bytes, list[Any]]:
    told = {k: v * count if isinstance(v, list) else v for k, v in told.items()}
    peepholes = floats(count, 3 * UNITS) if told.pop("peepholes", False) else None
    inputs = [floats(TIME, SAMPLES, FEATURES), floats(count, 4 * UNITS, FEATURES)]
    inputs += [floats(count, 4 * UNITS, UNITS), floats(count, 8 * UNITS), None]
    inputs += [floats(count, SAMPLES, UNITS), floats(count, SAMPLES, UNITS), peepholes]
    direction = "forward" if count == 1 else "bidirectional"
    return file("LSTM", inputs, 3, hidden_size=UNITS, direction=direction, **told)


def test_lstms_of_other_gates() -> None:
    for told, count in product(LSTMS, (1, 2)):
        demand_equal(*lstm(count, told), (told, count))


def test_clipping_in_other_recurrences() -> None:
    for op, gates, told in (("GRU", 3, {"linear_before_reset": 1}), ("GRU", 3, {}), ("RNN", 1, {})):
        inputs = [floats(TIME, SAMPLES, FEATURES), floats(1, gates * UNITS, FEATURES)]
        inputs += [floats(1, gates * UNITS, UNITS), floats(1, 2 * gates * UNITS)]
        demand_equal(*file(op, inputs, 2, hidden_size=UNITS, clip=0.4, **told), (op, told))


def test_peepholes_are_learned() -> None:
    data, (x,) = lstm(1, {"peepholes": True})
    net = made(parse(data, None), None, "net")
    weights = dict(net.named_parameters())
    assert set(weights) == {"x1", "x2", "x3", "x7"}
    x = Tensor(x.astype("f8"))
    for weight in weights.values():
        weight.data = weight.data.astype("f8")
    peepholes = weights["x7"]
    (slope,) = axon.grad(net(x)[0].sum(), [peepholes])
    way, step = RNG.normal(size=peepholes.shape), 1e-6
    start, ends = peepholes.data.copy(), []
    for sign in (1, -1):
        peepholes.data[...] = start + sign * step * way
        ends.append(float(net(x)[0].sum().item()))
    expected = (ends[0] - ends[1]) / (2 * step)
    assert (slope.data * way).sum() == pytest.approx(expected, rel=1e-3)


def test_peepholes_of_another_size_are_named() -> None:
    inputs = [floats(TIME, SAMPLES, FEATURES), floats(1, 12, FEATURES), floats(1, 12, UNITS)]
    data, _ = file("LSTM", [*inputs, None, None, None, None, floats(1, 7)], 3, hidden_size=UNITS)
    with pytest.raises(ValueError, match=r"peepholes \(1, 7\) do not fit 3 units"):
        made(parse(data, None), None, "net")


def test_linear_attention() -> None:
    """Four rules; a decay of each head, or of each number of a key; heads that are shared."""
    rules = ("linear", "gated", "delta", "gated_delta")
    for rule, wide, domain in product(rules, (False, True), ("com.microsoft",)):
        decay = -np.abs(floats(2, TIME, 8 if wide else 2)) if "gated" in rule else None
        beta = np.abs(floats(2, TIME, 2)) % 1 if "delta" in rule else None
        past = floats(2, 2, 4, 3) if wide else None
        inputs = [floats(2, TIME, 16), floats(2, TIME, 8), floats(2, TIME, 6), past, decay, beta]
        while inputs[-1] is None:
            inputs.pop()
        told = {"q_num_heads": 4, "kv_num_heads": 2, "update_rule": rule, "scale": 0.3 * wide}
        demand_equal(*file("LinearAttention", inputs, 2, domain=domain, **told), (rule, wide))


def test_linear_attention_without_what_its_rule_needs() -> None:
    inputs = [floats(2, TIME, 4), floats(2, TIME, 4), floats(2, TIME, 4)]
    told = {"q_num_heads": 2, "kv_num_heads": 2, "update_rule": "gated"}
    data, _ = file("LinearAttention", inputs, 2, domain="com.microsoft", **told)
    with pytest.raises(ValueError, match="needs decay"):
        made(parse(data, None), None, "net")


def test_causal_convolutions() -> None:
    for act, dilation, given in product(("none", "silu"), (1, 2), (False, True)):
        inputs = [floats(2, 3, 6), floats(3, 1, 4)]
        inputs += [floats(3), floats(2, 3, 3 * dilation)] if given else []
        told = {"activation": act, "dilation": dilation, "domain": "com.microsoft"}
        demand_equal(*file("CausalConvWithState", inputs, 2, **told), told)
