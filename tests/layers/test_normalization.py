"""Normalization layers in training: running statistics, errors, files; and a few simple layers."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import axon
from axon import Tensor, layers
from axon.callbacks import Callback
from axon.layers import (
    Activation,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GroupNormalization,
    Input,
    LayerNormalization,
    Normalization,
    RandomErasing,
    RandomFlip,
    RandomRotation,
    RMSNormalization,
)
from axon.models import Sequential
from axon.testing import check_gradient

rng = np.random.default_rng(0)
KINDS = [
    BatchNormalization,
    LayerNormalization,
    RMSNormalization,
    lambda **s: GroupNormalization(groups=3, **s),
]
each_kind = pytest.mark.parametrize("make", KINDS, ids=["batch", "layer", "rms", "group"])


# ------------------------------------------------------------------------------------ batches


def test_running_statistics_follow_the_batches():
    layer = BatchNormalization(momentum=0.75, dtype="float64")
    layer.build((3, 2))
    mean, variance = np.zeros(2), np.ones(2)
    memory = layer.moving_mean.data
    for seed in range(3):
        x = np.random.default_rng(seed).normal(3, 2, (5, 3, 2))
        layer(x, training=True)
        mean = 0.75 * mean + 0.25 * x.mean(axis=(0, 1))
        variance = 0.75 * variance + 0.25 * x.var(axis=(0, 1))
        assert np.allclose(layer.moving_mean.numpy(), mean)
        assert np.allclose(layer.moving_variance.numpy(), variance)
    assert layer.moving_mean.data is memory
    layer(x)
    assert np.allclose(layer.moving_mean.numpy(), mean), "only training moves them"
    assert np.allclose(layer(x), (x - mean) / np.sqrt(variance + 1e-3))


def test_a_frozen_batch_normalization_uses_and_keeps_the_running_statistics():
    layer, x = BatchNormalization(), rng.normal(5, 3, (6, 2)).astype("f4")
    layer.trainable = False
    assert np.allclose(layer(x, training=True), x / np.sqrt(1.001), rtol=1e-5)
    assert layer.moving_mean.numpy().tolist() == [0, 0]


@pytest.mark.parametrize("shape", [(1, 4), (1, 1, 4), (1, 1, 1, 2)])
def test_a_single_value_for_each_channel_cannot_be_trained_on(shape):
    layer = BatchNormalization()
    with pytest.raises(ValueError, match=r"layer 'batch_normalization'.*single value.*Use larger"):
        layer(np.ones(shape), training=True)
    assert layer(np.ones(shape)).shape == shape
    assert np.isfinite(layer(rng.normal(size=(1, 2, *shape[1:])), training=True)).all()


@each_kind
def test_gradients_of_first_and_second_order(make):
    layer, x = make(dtype="float64"), rng.normal(size=(3, 2, 6))
    layer.build((2, 6))
    for p in layer.parameters():
        p.assign(rng.normal(size=p.shape))
    check_gradient(lambda x, *_: layer(x, training=True), x, *layer.parameters(), tolerance=1e-5)
    check_gradient(lambda x, *_: layer(x), x, *layer.parameters(), tolerance=1e-5)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(st.integers(1, 9), min_size=2, max_size=4), st.integers(0, 5))
def test_batches_come_out_with_mean_0_and_variance_1(shape, seed):
    x = np.random.default_rng(seed).normal(2, 3, shape)
    n = x.size // shape[-1]
    if n < 2:
        return
    y = BatchNormalization(dtype="float64", epsilon=1e-12)(x, training=True).reshape(n, -1)
    assert np.allclose(y.mean(axis=0), 0, atol=1e-9)
    assert np.allclose(y.var(axis=0), 1, atol=1e-4)


@each_kind
def test_constant_inputs_stay_finite(make):
    layer = make()
    y = layer(np.full((4, 6), 3.0), training=True)
    assert np.isfinite(y).all()
    assert np.isfinite(layer.backward(np.ones((4, 6)))).all() if layer._last else True


@each_kind
def test_parameters_may_be_left_out(make):
    x, plain = rng.normal(size=(5, 6)).astype("f4"), make(scale=False)
    y = plain(x, training=True)
    assert [p.name for p in plain.parameters()] in ([], ["beta"])
    full = make()
    assert np.allclose(y, full(x, training=True), atol=1e-6)
    assert [p.name for p in full.parameters()] in (["gamma", "beta"], ["gamma"])


@each_kind
def test_the_axis_of_the_channels(make):
    x = np.random.default_rng(0).normal(size=(2, 6, 3))
    moved = np.swapaxes(make()(np.swapaxes(x, 1, 2)), 1, 2)
    np.testing.assert_array_equal(make(axis=1)(x), moved)
    np.testing.assert_array_equal(make(axis=-2)(x), moved)
    for axis in (0, 3, -3, -4):
        with pytest.raises(ValueError, match=f"axis={axis} is none of its axes"):
            make(axis=axis)(x)
    assert make(axis=2)(np.ones((2, 3, 6))).shape == (2, 3, 6)
    for wrong in ("last", True):
        with pytest.raises(TypeError, match=f"axis must be a whole number, got {wrong!r}"):
            make(axis=wrong)
    with pytest.raises(ValueError, match="epsilon must be greater than 0, got 0"):
        make(epsilon=0)
    layer = make()
    layer(np.ones((2, 3, 6)))
    assert layer(np.ones((2, 5, 4, 6))).shape == (2, 5, 4, 6)
    with pytest.raises(
        ValueError, match=r"expected inputs of shape \(n, ..., 6\), got shape \(2, 3"
    ):
        layer(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"Use x.reshape\(1, -1\) for one sample"):
        layer(np.ones(6))


def test_arguments_are_checked():
    with pytest.raises(ValueError, match=r"momentum must be from 0 to 1, got 1\.5"):
        BatchNormalization(momentum=1.5)
    with pytest.raises(ValueError, match="4 groups do not divide 6 channels: choose groups="):
        GroupNormalization(4)(np.ones((2, 6)))
    with pytest.raises(ValueError, match="groups must be a whole number of at least 1, got 0"):
        GroupNormalization(0)


def test_initializers():
    layer = BatchNormalization(
        beta_initializer="ones",
        gamma_initializer="zeros",
        moving_mean_initializer="ones",
        moving_variance_initializer="zeros",
    )
    layer.build((2,))
    values = [t.tolist() for t in layer.get_weights()]
    assert values == [[0, 0], [1, 1], [1, 1], [0, 0]]
    assert list(layer.named_buffers()) == ["moving_mean", "moving_variance"]


# ------------------------------------------------------------------------------------ models


def network():
    return Sequential(
        [
            RandomFlip("horizontal"),
            RandomRotation(0.1),
            RandomErasing(0.5),
            Conv2D(4, 3),
            BatchNormalization(momentum=0.8),
            Activation("relu"),
            GroupNormalization(2),
            Flatten(),
            Dropout(0.3),
            Dense(8),
            LayerNormalization(),
            RMSNormalization(),
            Dense(3, "softmax"),
        ]
    )


X, Y = rng.random((22, 7, 6, 2)).astype("f4"), rng.integers(0, 3, 22)


def trained(eager, epochs=3):
    axon.set_random_seed(3)
    model = network()
    model.compile("categorical_crossentropy", "adam", eager=eager)
    history = model.fit(X, Y, batch_size=8, epochs=epochs, verbose=0)
    return model, history.history["loss"]


def test_a_replayed_training_is_the_eager_one_bit_for_bit():
    (replayed, losses), (eager, wanted) = trained(False), trained(True)
    assert losses == wanted
    for a, b in zip(replayed.get_weights(), eager.get_weights(), strict=True):
        assert a.tobytes() == b.tobytes()
    assert np.array_equal(replayed.predict(X), eager.predict(X))


def test_a_saved_model_predicts_and_goes_on_the_same(tmp_path):
    model, _ = trained(False)
    model.save(tmp_path / "model.axon")
    loaded = axon.load_model(tmp_path / "model.axon")
    assert np.array_equal(loaded.predict(X), model.predict(X))
    assert list(loaded.named_buffers()) == list(model.named_buffers())
    for each in (model, loaded):
        each.compile("categorical_crossentropy", "sgd")
        each.fit(X, Y, batch_size=22, shuffle=False, verbose=0)
    assert np.array_equal(loaded.predict(X), model.predict(X))


class Measure(Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            tracemalloc.start()

    def on_epoch_end(self, epoch, logs):
        if epoch == 1:
            self.peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()


def test_a_replayed_epoch_allocates_no_array():
    """A batch alone is 512 kB, behind the convolution 2 MB: any copy of one would show."""
    images = np.random.default_rng(0).random((128, 32, 32, 2)).astype("f4")
    model = network()
    model.compile("categorical_crossentropy", "adam")
    measure = Measure()
    labels = np.arange(128) % 3
    model.fit(images, labels, 64, epochs=2, verbose=0, callbacks=[measure], shuffle=False)
    assert measure.peak < 250_000


# ------------------------------------------------------------------------------------ simple layers


def test_activation():
    x = np.array([[-1.0, 2.0]])
    assert Activation("relu")(x).tolist() == [[0, 2]]
    assert Activation(axon.activations.tanh).config()["activation"] == "tanh"
    assert isinstance(Activation("tanh")(Tensor(x)), Tensor)
    with pytest.raises(ValueError, match="Did you mean 'relu'"):
        Activation("rellu")


def test_input_fixes_the_shape_at_once(tmp_path):
    model = Sequential([Input((4, 3)), Dense(2)])
    assert model.count_params() == 8
    assert model.input_shape == (4, 3)
    assert model.output_shape == (4, 2)
    with pytest.raises(ValueError, match=r"expected inputs of shape \(n, 4, 3\), got shape"):
        model.predict(np.ones((2, 3, 3)))
    model.save(tmp_path / "model.axon")
    assert axon.load_model(tmp_path / "model.axon").input_shape == (4, 3)
    assert Input(5).output_shape == (5,)


def test_input_of_whole_numbers():
    layer = Input((2,), dtype="int64")
    assert layer.input_dtype == layer(np.ones((1, 2))).dtype == np.int64
    assert layer.config()["dtype"] == "int64"
    assert type(layer)(**layer.config()).input_dtype == np.int64
    assert Input((2,), dtype="float64")(np.ones((1, 2))).dtype == np.float64


def test_normalization_of_images():
    x = rng.normal(3, [1, 2, 5], (20, 4, 5, 3))
    layer = Normalization(dtype="float64")
    layer.adapt(x)
    y = layer(x)
    assert np.allclose(y.mean(axis=(0, 1, 2)), 0)
    assert np.allclose(y.var(axis=(0, 1, 2)), 1)
    twin = Normalization(**layer.config())
    assert np.array_equal(twin(x), y)


@pytest.mark.parametrize("axis", [None, -1, 1, (1, 2), (1, 2, 3), (-1, 1)])
def test_normalization_along_any_axes(axis):
    x = rng.normal(3, 2, (50, 2, 3, 4))
    layer = Normalization(axis=axis, dtype="float64")
    layer.adapt(x)
    kept = () if axis is None else tuple(a % 4 for a in np.atleast_1d(axis))
    others = tuple(i for i in range(4) if i not in kept)
    wanted = (x - x.mean(axis=others, keepdims=True)) / x.std(axis=others, keepdims=True)
    assert np.allclose(layer(x), wanted)
    back = Normalization(layer.mean, layer.variance, axis=axis, invert=True, dtype="float64")
    assert np.allclose(back(wanted), x)
    twin = Normalization(**layer.config())
    assert np.array_equal(twin(x), layer(x))


def test_normalization_by_given_numbers():
    assert Normalization(1.0, 4.0)([[3.0, 5.0]]).tolist() == [[1, 2]]
    assert Normalization([1.0, 2.0], 4.0)([[3.0, 6.0]]).tolist() == [[1, 2]]
    with pytest.raises(ValueError, match="mean and variance belong together"):
        Normalization(mean=1.0)
    with pytest.raises(ValueError, match="axis=0 counts samples, not features"):
        Normalization(axis=0).adapt(np.ones((3, 2)))
    layer = Normalization([1.0, 2.0], [1.0, 1.0], axis=1)
    with pytest.raises(
        ValueError, match=r"expected inputs of shape \(n, 2\), got shape \(4, 3, 2\)"
    ):
        layer(np.ones((4, 3, 2)))


def test_names_are_public():
    for name in ("Activation", "BatchNormalization", "Input", "MixUp", "RandomFlip"):
        assert name in dir(layers)


@pytest.mark.parametrize("axis", [1, -2, (1, 2), (-1, 1), (3, 1), (1, 2, 3)])
def test_a_layer_normalization_along_any_axes(axis):
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    layer = LayerNormalization(axis, epsilon=0.1, dtype="float64")
    layer.build(x.shape[1:])
    axes = tuple(sorted(a % 4 for a in np.atleast_1d(axis)))
    sizes = [n if i in axes else 1 for i, n in enumerate(x.shape)]
    gamma, beta = (np.random.default_rng(i).normal(size=layer.gamma.shape) for i in (1, 2))
    assert gamma.shape == tuple(x.shape[a] for a in axes)
    layer.gamma.assign(gamma), layer.beta.assign(beta)
    mean, variance = x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True)
    wanted = (x - mean) / np.sqrt(variance + 0.1) * gamma.reshape(sizes) + beta.reshape(sizes)
    np.testing.assert_allclose(layer(x), wanted, rtol=1e-10, atol=1e-12)
    if not isinstance(axis, int):
        with pytest.raises(ValueError, match=r"expected inputs of shape \(n, 3, 4, 5\)"):
            layer(np.ones((2, 2, 4, 5)))
