"""Arguments that every layer has, or every layer of images: activity_regularizer, data_format."""

import numpy as np
import pytest

import axon
from axon import layers
from axon.layers import Activation, Conv2D, Dense, Flatten, MaxPooling2D
from axon.models import Sequential

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(6, 3)).astype("f4"), rng.normal(size=(6, 2)).astype("f4")


def model(eager=False):
    axon.set_random_seed(0)
    made = Sequential([Dense(4, "tanh", activity_regularizer="l1"), Dense(2), Activation("relu")])
    made.layers[1].activity_regularizer = axon.regularizers.L2(0.5)
    made.compile("mse", "sgd", eager=eager)
    return made


def test_costs_of_outputs_are_added_to_the_loss_sample_by_sample():
    net = model()
    hidden = net.layers[0].forward(X)
    z = net.layers[1].forward(hidden)
    error = np.mean((np.maximum(z, 0) - Y) ** 2)
    wanted = error + 0.01 * np.abs(hidden).sum() / 6 + 0.5 * (z**2).sum() / 6
    assert net.evaluate(X, Y, verbose=0) == pytest.approx(wanted, rel=1e-5)
    assert net.fit(X, Y, batch_size=6, verbose=0).history["loss"][0] == pytest.approx(wanted, 1e-5)


def test_costs_are_learned_from_and_recorded():
    found = []
    for eager in (False, True):
        net = model(eager)
        net.fit(X, Y, batch_size=4, epochs=3, verbose=0)
        found.append(net.predict(X).tobytes())
    assert found[0] == found[1]
    axon.set_random_seed(0)
    plain = Sequential([Dense(4, "tanh"), Dense(2), Activation("relu")])
    plain.compile("mse", "sgd")
    plain.fit(X, Y, batch_size=4, epochs=3, verbose=0)
    assert plain.predict(X).tobytes() != found[0]


def test_channels_that_come_first():
    x = rng.normal(size=(2, 3, 5, 6)).astype("f4")
    layer = Conv2D(4, 2, data_format="channels_first")
    assert layer.build((3, 5, 6)) == (4, 4, 5)
    assert (layer.input_shape, layer.output_shape) == ((3, 5, 6), (4, 4, 5))
    last = Conv2D(4, 2)
    last.build((5, 6, 3)), last.weights.assign(layer.weights)
    moved = np.moveaxis(last.forward(np.moveaxis(x, 1, -1)), -1, 1)
    assert np.array_equal(layer.forward(x), moved)
    with pytest.raises(ValueError, match="The number of channels is fixed by the first input"):
        layer.forward(np.ones((2, 4, 5, 6)))
    net = Sequential([layer, MaxPooling2D(data_format="channels_first"), Flatten(), Dense(2)])
    assert net.predict(x).shape == (2, 2)


def test_words_for_wrong_formats():
    with pytest.raises(ValueError, match="data_format must be"):
        Conv2D(2, 3, data_format="first")
    with pytest.raises(TypeError, match=r"argument 'data_format'\. It is for layers of image"):
        Dense(3, data_format="channels_first")
    with pytest.raises(ValueError, match="units must be the only size"):
        Dense(3, units=4)
    x = axon.Tensor(np.ones((1, 2, 4)))
    x.mask = axon.Tensor(np.ones((1, 2), bool))
    with pytest.raises(ValueError, match="cannot tell them apart"):
        layers.MaxPooling1D(data_format="channels_first")(x)


def test_a_layer_and_an_initializer_of_one_name_are_told_apart(tmp_path):
    net = Sequential([layers.Identity(), Dense(3, kernel_initializer=axon.initializers.Identity())])
    net.build((3,)), net.save(tmp_path / "m.axon")
    loaded = axon.load_model(tmp_path / "m.axon")
    assert np.array_equal(loaded.predict(X), X)
    assert type(loaded.layers[0]) is layers.Identity
    assert type(loaded.layers[1].kernel_initializer) is axon.initializers.Identity
