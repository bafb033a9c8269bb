"""Exports in 8 bits: they run in ONNX Runtime, are smaller, and as good as those in floats."""

from typing import Any

import numpy as np
import pytest

import axon
from axon.layers import Conv2D, ConvLSTM1D, Dense, Flatten, MaxPooling2D
from axon.models import Sequential

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

import axon.onnx  # noqa: E402


def bars(n: int) -> tuple[Any, Any]:
    """Noisy images of a bar, which stands or lies, in one of two halves."""
    rng = np.random.default_rng(n)
    x, y = rng.normal(0, 0.4, (n, 12, 12, 1)).astype("f4"), rng.integers(0, 4, n)
    for image, label in zip(x, y, strict=True):
        at = rng.integers(0, 5) + 6 * (label % 2)
        image[(at,) if label < 2 else (slice(None), at)] += 1.0
    return x, y


@pytest.fixture(scope="module")
def trained() -> Any:
    axon.set_random_seed(0)
    layers = [Conv2D(8, 3, activation="relu"), MaxPooling2D(2), Conv2D(8, 3, activation="relu")]
    model = Sequential([*layers, Flatten(), Dense(16, "relu"), Dense(4, "softmax")])
    x, y = bars(400)
    model.build(x.shape[1:])
    model.compile("categorical_cross_entropy", axon.optimizers.Adam(0.01))
    model.fit(x, y, epochs=6, verbose=0)
    return model


def run(made: Any, x: Any) -> Any:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(made.SerializeToString(), options)
    return session.run(None, {session.get_inputs()[0].name: x})[0]


@pytest.mark.parametrize("how", ["dynamic", "static"])
def test_a_trained_model_in_8_bits_is_as_good(how: str, trained: Any, tmp_path: Any) -> None:
    x, y = bars(300)
    rows = {"calibration": bars(64)[0]} if how == "static" else {}
    made = axon.onnx.export(trained, tmp_path / "net.onnx", quantize=how, **rows)
    operators = {node.op_type for node in made.graph.node}
    expected = {"dynamic": {"ConvInteger", "MatMulInteger"}, "static": {"QuantizeLinear"}}[how]
    assert expected <= operators
    weights = [t for t in made.graph.initializer if t.data_type in (2, 3) and len(t.dims) > 1]
    assert len(weights) == 4
    got, floats = run(made, x), trained.predict(x)
    assert np.abs(got - floats).max() < 0.12
    right = [(p.argmax(1) == y).mean() for p in (got, floats)]
    assert right[1] > 0.85
    assert right[0] > right[1] - 0.02
    again = axon.onnx.load(tmp_path / "net.onnx")
    np.testing.assert_allclose(again.predict(x), got, atol=0.03)


def test_products_alone_are_quantized_column_by_column() -> None:
    model = Sequential([Dense(6, 3, use_bias=False)])
    model.layers[0].weights.assign(np.diag([1.0, 1e-3, 100.0]).repeat(2, 0))
    x = np.random.default_rng(0).normal(size=(5, 6)).astype("f4")
    got = run(axon.onnx.export(model, quantize="dynamic"), x)
    want = x @ model.layers[0].weights.numpy()
    assert (np.abs(got - want).max(0) / np.abs(want).max(0)).max() < 0.02


def test_what_cannot_be_quantized_is_said(trained: Any) -> None:
    with pytest.raises(ValueError, match="quantize must be 'dynamic' or 'static', got 'int4'"):
        axon.onnx.export(trained, quantize="int4")
    with pytest.raises(ValueError, match="needs calibration="):
        axon.onnx.export(trained, quantize="static")
    with pytest.raises(ValueError, match="needs calibration="):
        axon.onnx.export(trained, quantize="dynamic", calibration=bars(4)[0])
    pools = Sequential([MaxPooling2D(2)])
    pools.build((4, 4, 1))
    with pytest.raises(ValueError, match="nothing to quantize"):
        axon.onnx.export(pools, quantize="dynamic")


@pytest.mark.parametrize("how", ["dynamic", "static"])
def test_single_numbers_stay_single_numbers(how: str) -> None:
    """Steps of a sequence are taken by a place, which must not become a list of one."""
    model = Sequential([ConvLSTM1D(3, 2, padding="same"), Flatten(), Dense(2)])
    model.build((3, 4, 2))
    x = np.random.default_rng(0).normal(size=(40, 3, 4, 2)).astype("f4")
    rows = {"calibration": x} if how == "static" else {}
    got = run(axon.onnx.export(model, quantize=how, **rows), x)
    want = model.predict(x)
    assert np.abs(got - want).max() < 0.05 * np.abs(want).max()
