"""Sizes that Input leaves open: any length comes in, and all that asks for it is told."""

import copy
import pickle

import numpy as np
import pytest

import axon
from axon.layers import (
    LSTM,
    Bidirectional,
    Concatenate,
    Conv1D,
    Conv2D,
    Dense,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    GlobalMaxPooling2D,
    Input,
    Layer,
    MaxPooling2D,
    PositionalEmbedding,
    TimeDistributed,
    UpSampling2D,
)
from axon.models import Model, Sequential, clone_model, load_model

RNG = np.random.default_rng(0)


class Scaled(Layer):
    """A layer of a user's own, which says nothing of sizes."""

    def create(self, *shapes):
        self.scale = self.parameter("scale", "ones", shapes[0][-1:])

    def call(self, x):
        return x * self.scale


class Own(Model):
    def __init__(self):
        super().__init__()
        self.conv, self.scaled, self.last = Conv1D(4, 3), Scaled(), Dense(2)

    def forward(self, x):
        return self.last(self.scaled(self.conv(x)))


def chain(length):
    conv = Conv1D(4, 3, padding="same")
    return Sequential([Input((length, 3)), conv, Bidirectional(LSTM(2)), Dense(2)])


def steps(length):
    return Sequential([Input((length, 3)), Scaled(), TimeDistributed(Dense(4)), Dense(2)])


def graph(length):
    x = Input((length, 3))
    h = Conv1D(4, 3, padding="same")(x) + Dense(4)(x)
    return Model(x, Dense(2)(Concatenate()([h, Scaled()(x)])))


def unet(length):
    x = Input((length, length, 3))
    h = Conv2D(4, 3, padding="same")(x)
    joined = Concatenate()([UpSampling2D()(MaxPooling2D()(h)), h])
    return Model(x, [Conv2D(2, 1)(joined), Dense(2)(GlobalMaxPooling2D()(h))])


def own(length):
    model = Own()
    model.build(Input((length, 3)))
    return model


def words(length):
    x = Input((length,), dtype="int64")
    return Model(x, Dense(2)(LSTM(3)(Embedding(9, 4, mask_zero=True)(x))))


MODELS = {
    chain: ((3,), "(None, 2)"),
    steps: ((3,), "(None, None, 2)"),
    graph: ((3,), "(None, None, 2)"),
    unet: (None, "(None, None, None, 2)"),
    own: ((3,), "(None, None, 2)"),
    words: ((), "(None, 2)"),
}


def samples(make, length):
    if make is words:
        return RNG.integers(0, 9, (6, length))
    inner = MODELS[make][0]
    return RNG.normal(size=(6, length, *((length, 3) if inner is None else inner)))


@pytest.mark.parametrize("make", MODELS)
def test_any_length_is_as_if_it_had_been_said(make, tmp_path):
    model, printed = make(None), []
    model.summary(printed.append)
    assert MODELS[make][1] in printed[0]
    model.compile("mse", axon.optimizers.SGD(0.1))
    for length in (6, 10, 6):
        x, said = samples(make, length), make(length)
        said.set_weights(model.get_weights())
        said.compile("mse", axon.optimizers.SGD(0.1))
        y = said.predict(x)
        for one, other in zip(model.flat(model.predict(x)), said.flat(y), strict=True):
            np.testing.assert_array_equal(one, other)
        goal = [np.ones_like(part) for part in said.flat(y)]
        goal = goal if len(goal) > 1 else goal[0]
        model.fit(x, goal, verbose=0, shuffle=False)
        said.fit(x, goal, verbose=0, shuffle=False)
        for one, other in zip(model.get_weights(), said.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
        assert model.evaluate(x, goal) == said.evaluate(x, goal)
    assert None in model.input_shape
    model.save(tmp_path / "open.axon")
    others = [load_model(tmp_path / "open.axon", {"Own": Own, "Scaled": Scaled})]
    others += [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    others += [] if make is own else [clone_model(model)]
    for other in others:
        other.set_weights(model.get_weights())
        assert (other.input_shape, other.output_shape) == (model.input_shape, model.output_shape)
        for one, two in zip(
            model.flat(model.predict(x)), other.flat(other.predict(x)), strict=True
        ):
            np.testing.assert_array_equal(one, two)


def test_batches_of_many_lengths_replay_recordings():
    model = graph(None)
    model.compile("mse")
    batches = [(x := samples(graph, 5 + i % 3), x[..., :2]) for i in range(9)]
    model.fit(batches, epochs=2, verbose=0)
    assert len(model.trainer.train.programs) == 3
    with pytest.raises(ValueError, match=r"output.*have the shape \(5, 2\) in one batch"):
        model.predict([x for x, _ in batches])


def test_shapes_are_known_before_there_are_data():
    x = Input((None, 8))
    assert x.symbolic.shape == (None, None, 8)
    assert Conv1D(4, 3)(x).shape == (None, None, 4)
    assert Conv1D(4, 3)(x)[:, -1].shape == (None, 4)
    assert (x @ x.transpose(0, 2, 1)).shape == (None, None, None)
    assert LSTM(3)(x).shape == (None, 3)
    assert x.symbolic[:, 100].shape == (None, 8)  # longer than what is tried first
    assert PositionalEmbedding(20)(x).shape == (None, None, 8)  # shorter
    model = Model(x, Conv1D(4, 3)(x))
    assert (model.input_shape, model.output_shape) == ((None, 8), (None, 4))
    again = Input((None, 8))
    assert Model(again, model(again)).output_shape == (None, 4)
    assert model.build((7, 8)) == (5, 4)
    assert model.output_shape == (None, 4)


def test_a_layer_that_needs_the_size_begins_as_it_would_have(tmp_path):
    axon.set_random_seed(3)
    first = chain(7).get_weights()
    axon.set_random_seed(3)
    for one, other in zip(chain(None).get_weights(), first, strict=True):
        np.testing.assert_array_equal(one, other)
    dense = Dense(2)
    with pytest.raises(ValueError, match="would have the shape") as error:
        dense(Flatten()(Input((None, 8))))
    assert "(None, None), leaves the size along axis 1 open" in str(error.value)
    assert not dense.parameters()
    assert dense(Input((5,))).shape == (None, 2)
    ten = Input((10, 8))
    fixed = Model(ten, GlobalAveragePooling1D()(ten))
    with pytest.raises(ValueError, match=r"expected.*\(n, 10, 8\)"):
        fixed(Input((None, 8)))
    with pytest.raises(ValueError, match=r"expected inputs of shape \(n, None, 3\)"):
        chain(None).predict(np.ones((2, 5, 4)))
    with pytest.raises(ValueError, match=r"build\(Input\(\(None, 8\)\)\)"):
        Sequential([Dense(2)]).build((None, 8))


def test_the_axis_is_free_in_onnx(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    from axon.onnx import export

    model = graph(None)
    export(model, tmp_path / "open.onnx")
    session = runtime.InferenceSession(tmp_path / "open.onnx")
    for length in (4, 19):
        x = samples(graph, length).astype(np.float32)
        (made,) = session.run(None, {session.get_inputs()[0].name: x})
        np.testing.assert_allclose(made, model.predict(x), atol=1e-5)
