"""Files whose arrays have no axis of samples: states, single numbers, time first, what is found."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import axon

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

from onnx import TensorProto, numpy_helper  # noqa: E402

import axon.onnx  # noqa: E402
from tests.onnx.graphs import FLOAT, INT64, net, node, tensor, value  # noqa: E402

RNG = np.random.default_rng(0)
HALF = TensorProto.FLOAT16


def floats(*shape: int) -> Any:
    return RNG.normal(size=shape).astype("f4")


def constant(name: str, numbers: Any, dtype: Any = np.int64) -> Any:
    return numpy_helper.from_array(np.array(numbers, dtype), name)


def assert_same(proto: Any, path: Path, *feeds: dict[str, Any]) -> Any:
    """AXON's model gives what ONNX Runtime does, for one set of inputs after another."""
    onnx.save(proto, path)
    model = axon.onnx.load(path)
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(str(path), options)
    for feed in (*feeds, *feeds):  # recorded, then replayed
        want = session.run(model.outputs, feed)
        got = model.predict(feed if len(feed) > 1 else next(iter(feed.values())))
        got = got if isinstance(got, tuple) else (got,)
        for y, wanted in zip(got, want, strict=True):
            assert (y.shape, y.dtype) == (wanted.shape, wanted.dtype)
            np.testing.assert_allclose(y, wanted, rtol=1e-4, atol=1e-5)
    return model


def listening() -> Any:
    """As those that find voices: samples, a state (layers, n, units), and the rate."""
    low, high = (
        onnx.helper.make_graph(
            [node("Constant", [], [f"k{rate}"], value_float=float(rate))],
            f"of_{rate}",
            [],
            [value(f"k{rate}", [])],
        )
        for rate in (1, 2)
    )
    nodes = [
        node("Equal", ["rate", "low"], ["is_low"]),
        node("If", ["is_low"], ["factor"], then_branch=low, else_branch=high),
        node("Mul", ["x", "factor"], ["scaled"]),
        node("Unsqueeze", ["scaled", "zero"], ["steps"]),
        node("GRU", ["steps", "w", "r", "", "", "state"], ["", "after"], hidden_size=3),
        node("Squeeze", ["after", "zero"], ["y"]),
    ]
    tensors = [tensor("w", 1, 9, 4), tensor("r", 1, 9, 3), constant("low", 8000)]
    tensors.append(constant("zero", [0]))
    inputs = [value("x", ["n", 4]), value("state", [1, "n", 3]), value("rate", [], INT64)]
    return net(nodes, tensors, inputs, [value("y", ["n", 3]), value("after", [1, "n", 3])])


def test_states_and_single_numbers(tmp_path: Path) -> None:
    feeds = [
        {"x": floats(n, 4), "state": floats(1, n, 3), "rate": np.array(rate)}
        for n, rate in ((2, 8000), (2, 16000), (5, 8000))
    ]
    model = assert_same(listening(), tmp_path / "net.onnx", *feeds)
    assert (model.by_samples, model.graph["eager"]) == (False, False)
    assert len(model._at_once.step.programs) == 3  # one for each shape and rate
    model.save(tmp_path / "net.axon")
    again = axon.load_model(tmp_path / "net.axon")
    for y, want in zip(again.predict(feeds[0]), model.predict(feeds[0]), strict=True):
        np.testing.assert_array_equal(y, want)
    with pytest.raises(ValueError, match=r"'state' must have shape \(1, any, 3\), got \(2, 2, 3\)"):
        model.predict({**feeds[0], "state": floats(2, 2, 3)})
    with pytest.raises(ValueError, match="'rate' holds int64, and some of what was given"):
        model.predict({**feeds[0], "rate": np.array(8000.5)})
    with pytest.raises(ValueError, match="cannot be compiled: the first axes"):
        model.compile("mse")


def test_time_first(tmp_path: Path) -> None:
    nodes = [node("LSTM", ["x", "w", "r"], ["y", "h", ""], hidden_size=3)]
    tensors = [tensor("w", 1, 12, 4), tensor("r", 1, 12, 3)]
    outputs = [value("y", ["t", 1, "n", 3]), value("h", [1, "n", 3])]
    proto = net(nodes, tensors, [value("x", ["t", "n", 4])], outputs)
    assert not assert_same(proto, tmp_path / "net.onnx", {"x": floats(6, 2, 4)}).by_samples


def test_what_is_found_depends_on_the_data(tmp_path: Path) -> None:
    """As many boxes as there are; a model that records nothing, and says why it is not trained."""
    nodes = [
        node("NonMaxSuppression", ["boxes", "scores", "most", "iou"], ["kept"]),
        node("Gather", ["kept", "two"], ["which"], axis=1),
        node("Squeeze", ["boxes", "zero"], ["flat"]),
        node("Gather", ["flat", "which"], ["y"]),
    ]
    tensors = [constant("most", [5]), constant("iou", [0.5], "f4"), constant("two", 2)]
    tensors.append(constant("zero", [0]))
    inputs = [value("boxes", [1, "k", 4]), value("scores", [1, 1, "k"])]
    proto = net(nodes, tensors, inputs, [value("y", ["m", 4])])
    corners = np.abs(floats(1, 20, 2))
    boxes = np.concatenate([corners, corners + 0.7], -1)
    feeds = [{"boxes": boxes, "scores": np.abs(floats(1, 1, 20))} for _ in range(2)]
    model = assert_same(proto, tmp_path / "net.onnx", *feeds)
    assert model.graph["eager"]


def test_several_outputs_for_samples_in_their_types(tmp_path: Path) -> None:
    nodes = [
        node("MatMul", ["x", "w"], ["scores"]),
        node("TopK", ["scores", "two"], ["best", "which"]),
        node("Cast", ["best"], ["short"], to=HALF),
    ]
    tensors = [tensor("w", 4, 6), constant("two", [2])]
    outputs = [value("short", ["n", 2], HALF), value("which", ["n", 2], INT64)]
    proto = net(nodes, tensors, [value("x", ["n", 4])], outputs)
    feeds = [{"x": floats(n, 4)} for n in (3, 70)]
    onnx.save(proto, tmp_path / "net.onnx")
    model = axon.onnx.load(tmp_path / "net.onnx")
    assert (model.by_samples, model.graph["eager"]) == (True, False)
    for feed in feeds:
        short, which = model.predict(feed["x"])
        assert (short.dtype, which.dtype) == (np.float16, np.int64)
        scores = feed["x"] @ numpy_helper.to_array(tensors[0])
        assert np.array_equal(which, np.argsort(-scores, axis=1)[:, :2])


def test_old_sets_of_operators_are_converted(tmp_path: Path) -> None:
    nodes = [node("Add", ["x", "b"], ["s"]), node("Dropout", ["s"], ["y"], ratio=0.5)]
    shape = [2, 3, 4]
    proto = net(nodes, [tensor("b", *shape)], [value("x", shape)], [value("y", shape)], opset=6)
    proto.ir_version = 3
    proto.graph.input.append(value("b", shape, FLOAT))
    onnx.save(proto, tmp_path / "net.onnx")
    x = floats(2, 3, 4)
    b = numpy_helper.to_array(proto.graph.initializer[0])
    made = axon.onnx.load(tmp_path / "net.onnx").forward(x)
    np.testing.assert_allclose(made, x + b, rtol=1e-6)


def test_a_choice_by_the_data_between_short_graphs_is_recorded(tmp_path: Path) -> None:
    """Both are computed, and one is taken; by several numbers nothing can be chosen."""
    twice = onnx.helper.make_graph(
        [node("Mul", ["p", "two"], ["t"])], "twice", [], [value("t", [1, 1])]
    )
    once = onnx.helper.make_graph(
        [node("Identity", ["p"], ["o"])], "once", [], [value("o", [1, 1])]
    )
    nodes = [
        node("GlobalAveragePool", ["x"], ["m"]),
        node("Squeeze", ["m", "last"], ["p"]),
        node("Greater", ["p", "zero"], ["c"]),
        node("If", ["c"], ["y"], then_branch=twice, else_branch=once),
    ]
    tensors = [constant("zero", 0.0, "f4"), constant("two", 2.0, "f4"), constant("last", [2])]
    proto = net(nodes, tensors, [value("x", [1, 1, 3])], [value("y", [1, 1])])
    feeds = [{"x": sign * np.ones((1, 1, 3), "f4")} for sign in (1.0, -1.0)]
    model = assert_same(proto, tmp_path / "net.onnx", *feeds)
    assert not model.graph.get("eager")
    assert model.only_batch == 1
