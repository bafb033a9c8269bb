"""Export with free axes beside the batch: several lengths and sizes in ONNX Runtime."""

import numpy as np
import pytest

from axon import ops
from axon.layers import (
    LSTM,
    AveragePooling2D,
    BatchNormalization,
    Bidirectional,
    Concatenate,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Conv3D,
    Dense,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
    GroupNormalization,
    MaxPooling1D,
    MaxPooling2D,
    Softmax,
    UpSampling2D,
)
from axon.models import Model, Sequential

pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

from axon.onnx import BatchError, export  # noqa: E402


def running(model, shapes, axes, **options):
    model.build(*shapes)
    made = export(model, dynamic_axes=axes, **options)
    given = runtime.SessionOptions()
    given.intra_op_num_threads, given.log_severity_level = 1, 3
    data = made.SerializeToString()
    return runtime.InferenceSession(data, given, providers=["CPUExecutionProvider"])


def agrees(model, session, *arrays, tolerance=1e-5):
    names = [entry.name for entry in session.get_inputs()]
    (found,) = session.run(None, dict(zip(names, arrays, strict=True)))
    wanted = model.predict(arrays if len(arrays) > 1 else arrays[0])
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=tolerance)


def series():
    return {
        "conv": [Conv1D(4, 3, padding="same"), MaxPooling1D(2), Conv1D(2, 3, strides=2)],
        "mean": [Conv1D(4, 3), GlobalAveragePooling1D(), Dense(2)],
        "lstm": [LSTM(4, return_sequences=True), Dense(2)],
        "both": [Bidirectional(LSTM(4)), Dense(2)],
        "dense": [Dense(4, "relu"), Dense(2, "softmax")],
    }


@pytest.mark.parametrize("name", series())
def test_series_of_any_length(name):
    model = Sequential(series()[name])
    session = running(model, [(11, 3)], {"x": {1: "length"}})
    assert session.get_inputs()[0].shape == ["batch", "length", 3]
    rng = np.random.default_rng(0)
    for n, length in ((1, 11), (2, 16), (3, 7), (2, 40)):
        agrees(model, session, rng.normal(size=(n, length, 3)).astype("f4"))


class Cut(Model):
    """A U with a bridge: twice smaller, twice larger."""

    def __init__(self):
        super().__init__()
        self.down, self.deep = Conv2D(4, 3, padding="same"), Conv2D(4, 3, padding="same")
        self.pool, self.up, self.join = MaxPooling2D(2), UpSampling2D(2), Concatenate()
        self.back, self.out = Conv2DTranspose(4, 2, strides=2), Conv2D(2, 1)

    def forward(self, x):
        y = self.down(x).relu()
        z = self.deep(self.pool(y))
        return self.out(self.join([y, self.up(z), self.back(z)]))


def images():
    same = {"padding": "same"}
    return {
        "steps": [Conv2D(4, 3, strides=2, **same), BatchNormalization(), Conv2D(2, 3)],
        "pools": [Conv2D(4, 3, **same), MaxPooling2D(3, 2, **same), AveragePooling2D(2, 2)],
        "mean": [Conv2D(4, 3), GlobalAveragePooling2D(), Dense(2, "softmax")],
        "groups": [Conv2D(4, 3), GroupNormalization(2)],
    }


@pytest.mark.parametrize("name", images())
def test_images_of_any_size(name):
    model = Sequential(images()[name])
    session = running(model, [(14, 14, 3)], {"x": {0: "batch", 1: "height", 2: "width"}})
    for shape in ((1, 14, 14, 3), (2, 9, 20, 3), (1, 33, 16, 3), (1, 15, 15, 3)):
        agrees(model, session, np.random.default_rng(0).random(shape).astype("f4"))


def test_a_network_that_takes_even_sizes_alone():
    model = Cut()
    session = running(model, [(8, 12, 3)], {"x": {1: "height", 2: "width"}})
    for shape in ((1, 8, 12, 3), (2, 10, 22, 3)):
        agrees(model, session, np.random.default_rng(0).random(shape).astype("f4"))
    with pytest.raises(runtime.capi.onnxruntime_pybind11_state.Fail):
        session.run(None, {"x": np.zeros((1, 9, 12, 3), "f4")})


def test_a_free_length_and_a_single_batch_size():
    model = Sequential([Dense(4), GlobalAveragePooling1D()])
    session = running(model, [(6, 3)], {"x": [1]}, batch_size=2)
    assert session.get_inputs()[0].shape == [2, "x_axis_1", 3]
    agrees(model, session, np.random.default_rng(0).normal(size=(2, 9, 3)).astype("f4"))


class Crossed(Model):
    """Two series of lengths of their own, and a number that NumPy makes of each length."""

    def __init__(self):
        super().__init__()
        self.q, self.k = Dense(4), Dense(4)

    def forward(self, a, b):
        scores = ops.matmul(self.q(a), self.k(b).transpose(0, 2, 1)) / float(b.shape[1])
        seen = np.tri(a.shape[1], b.shape[1], 1, dtype=bool)
        masked = ops.where(seen, scores, -1e9) + np.arange(b.shape[1], dtype="f4")
        return ops.matmul(Softmax()(masked), ops.concatenate([b, b], axis=2))


def test_two_lengths_and_what_is_computed_from_them():
    model = Crossed()
    session = running(model, [(5, 3), (6, 3)], {"a": {1: "one"}, "b": {1: "other"}})
    rng = np.random.default_rng(0)
    for n, one, other in ((2, 5, 6), (1, 9, 3), (3, 4, 12)):
        agrees(model, session, *(rng.normal(size=(n, t, 3)).astype("f4") for t in (one, other)))


def test_volumes_of_any_size():
    """Three free axes: none of them must seem to follow another."""
    model = Sequential([Conv3D(3, 2, padding="same"), GlobalAveragePooling3D(), Dense(2)])
    session = running(model, [(4, 5, 6, 2)], {"x": {1: "depth", 2: "height", 3: "width"}})
    assert session.get_inputs()[0].shape[1:4] == ["depth", "height", "width"]
    for shape in ((5, 4, 3, 2), (4, 5, 6, 2)):
        agrees(model, session, np.random.default_rng(0).normal(size=(2, *shape)).astype("f4"))


def test_one_name_is_one_size():
    model = Crossed()
    session = running(model, [(5, 3), (5, 3)], {"a": {1: "length"}, "b": {1: "length"}})
    assert [entry.shape[1] for entry in session.get_inputs()] == ["length"] * 2
    rng = np.random.default_rng(0)
    agrees(model, session, *(rng.normal(size=(2, 8, 3)).astype("f4") for _ in range(2)))
    with pytest.raises(ValueError, match="axes of one name have one size, but 'length' is 5 and 6"):
        running(Crossed(), [(5, 3), (6, 3)], {"a": {1: "length"}, "b": {1: "length"}})


def test_attention_with_places_and_a_causal_mask():
    from axon.layers import PositionalEmbedding, TransformerBlock

    waves, learned = PositionalEmbedding(kind="sinusoidal"), PositionalEmbedding(9)
    for places, longest in ((waves, 30), (learned, 9)):
        model = Sequential([Embedding(9, 8), places, TransformerBlock(2, 16, causal=True)])
        session = running(model, [(9,)], {"x": {1: "length"}})
        rng = np.random.default_rng(0)
        for n, length in ((1, 6), (2, 3), (2, longest)):
            agrees(model, session, rng.integers(0, 9, (n, length)))


def test_shapes_that_were_frozen_are_named():
    with pytest.raises(BatchError, match=r"does not take 2 samples of shape \(\d+, 3\)"):
        running(Sequential([Flatten(), Dense(2)]), [(6, 3)], {"x": {1: "length"}})

    class Looks(Model):
        def __init__(self):
            super().__init__()
            self.weights = Dense(3)

        def forward(self, x):
            table = np.random.default_rng(1).normal(size=(x.shape[1], 3)).astype("f4")
            return self.weights(x) + table

    message = "cannot be exported for any batch, length: the model's forward computes with a const"
    with pytest.raises(BatchError, match=message):
        running(Looks(), [(6, 3)], {"x": {1: "length"}})


def test_axes_that_are_not_there_are_refused():
    model = Sequential([Dense(2)])
    for axes, message in (
        ({"y": [1]}, "there is no input 'y'"),
        ({"x": [3]}, r"input 'x' has axes 0 \(the batch\) to 2, got 3"),
        ({"x": {1: "batch"}}, "a free axis needs a name such as 'length'"),
        ({"x": {1: "a b"}}, "a free axis needs a name such as 'length'"),
    ):
        with pytest.raises(ValueError, match=message):
            running(model, [(4, 3)], axes)
