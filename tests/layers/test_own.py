"""Layers of one's own, written as Keras has them: training=, lists of inputs, build, add_weight."""

from pathlib import Path

import numpy as np
import pytest

import axon
from axon import Tensor, layers, ops

X = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)


class Sampling(layers.Layer):
    def call(self, inputs):
        mean, log_var = inputs
        return mean + ops.exp(0.5 * log_var)


class Linear(layers.Layer):
    def __init__(self, units=4, **options):
        super().__init__(**options)
        self.units = units

    def build(self, input_shape):
        assert input_shape[0] is None
        self.w = self.add_weight(
            (input_shape[-1], self.units), "glorot_uniform", constraint="max_norm"
        )
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", dtype="float32")
        self.built = True

    def call(self, inputs):
        return ops.matmul(inputs, self.w) + self.b


class Larger(Linear):
    """One that builds on another's ``build``."""

    def build(self, input_shape):
        super().build(input_shape)
        self.seen = self.add_weight(initializer="zeros", trainable=False)

    def call(self, inputs, training=None):
        if training:
            self.seen.assign(self.seen + 1.0)
        return super().call(inputs)


class Joined(layers.Layer):
    """Several inputs as one list; parameters by their shapes."""

    def build(self, input_shape):
        (_, first), (_, second) = input_shape
        self.w = self.add_weight((first, second), "ones")

    def call(self, inputs):
        first, second = inputs
        return ops.matmul(first, self.w) + second


def net() -> axon.Model:
    x = layers.Input((3,))
    mean, log_var = layers.Dense(2)(x), layers.Dense(4)(x)
    y = Joined()([mean, log_var])
    return axon.Model(x, layers.Dense(1)(Larger()(Sampling()((y, log_var)))))


OWN = {one.__name__: one for one in (Sampling, Linear, Larger, Joined)}


def test_a_list_of_inputs_reaches_a_call_with_one_parameter():
    arrays = np.ones((2, 2)), np.zeros((2, 2))
    np.testing.assert_array_equal(Sampling()([*arrays]), np.full((2, 2), 2.0))
    made = Sampling()([Tensor(a) for a in arrays])
    np.testing.assert_array_equal(made.data, np.full((2, 2), 2.0))
    rows = Linear(2)([np.ones(3), np.zeros(3)])  # a list of samples stays one input
    assert rows.shape == (2, 2)


def test_they_train_recorded_as_eagerly_and_are_saved(tmp_path: Path):
    made = []
    for eager in (False, True):
        axon.set_random_seed(1)
        model = net()
        model.compile(optimizer="adam", loss="mse", eager=eager)
        model.fit(X, X[:, :1], epochs=3, batch_size=4, verbose=0)
        made.append([p.data for p in model.parameters()])
        assert float(model.get_layer("larger").seen.data) == 6  # steps
    for one, other in zip(*made, strict=True):
        np.testing.assert_array_equal(one, other)
    model.save(tmp_path / "net.axon")
    again = axon.load_model(tmp_path / "net.axon", custom_objects=OWN)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert float(again.get_layer("larger").seen.data) == 6


def test_parameters_and_rules_of_add_weight():
    layer = Larger(2)
    layer(X)
    assert [*layer.named_parameters()] == ["w", "b"]
    assert [*layer.named_buffers()] == ["seen"]
    assert layer.w.constraint is not None
    assert layer.b.constraint is None


def test_training_is_told_to_layers_and_models():
    told = []

    class Part(layers.Layer):
        def call(self, x, training):
            told.append(training)
            return x * 2.0 if training else x

    class Net(axon.Model):
        def __init__(self):
            super().__init__()
            self.part = Part()
            self.last = layers.Dense(3, use_bias=False, kernel_initializer="identity")

        def forward(self, x, training=None):
            told.append(training)
            return self.last(self.part(x))

    model = Net()
    for given, wanted in ((None, False), (True, True), (False, False)):
        told.clear()
        model(X, training=given)
        assert told[-2:] == [wanted, wanted]
    told.clear()
    model.forward(X, training=True)
    assert told == [True, True]
    model.part.trainable = False  # frozen: it never acts as while training
    np.testing.assert_array_equal(model(X, training=True), X)
    model.part.trainable = True
    model.compile("mse")
    model.fit(X, X, epochs=1, verbose=0)
    assert True in told


def test_shapes_and_types_can_be_asked_for():
    x = layers.Input((3,))
    y = layers.Dense(2)(x)
    assert ops.shape(x) == (None, 3)
    assert ops.shape(y) == (None, 2)
    assert ops.ndim(y) == 2
    assert ops.dtype(y) == np.float32
    assert ops.shape([[1, 2]]) == (1, 2)
    assert ops.dtype(Tensor(X)) == np.float32
    with pytest.raises(TypeError, match="expected numbers"):
        ops.shape("text")
