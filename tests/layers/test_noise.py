"""Layers that draw random numbers: how much, how independently, and always the same again."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import axon
from axon import Tensor
from axon.layers import (
    Dense,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    RandomCrop,
    RandomErasing,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
    SpatialDropout1D,
    SpatialDropout2D,
)
from axon.models import Sequential
from axon.program import Step

KINDS = {
    "Dropout": lambda **s: Dropout(0.4, **s),
    "SpatialDropout1D": lambda **s: SpatialDropout1D(0.4, **s),
    "SpatialDropout2D": lambda **s: SpatialDropout2D(0.4, **s),
    "GaussianNoise": lambda **s: GaussianNoise(0.5, **s),
    "GaussianDropout": lambda **s: GaussianDropout(0.4, **s),
    "RandomFlip": lambda **s: RandomFlip(**s),
    "RandomTranslation": lambda **s: RandomTranslation(0.3, (-0.2, 0.4), **s),
    "RandomRotation": lambda **s: RandomRotation(0.3, **s),
    "RandomZoom": lambda **s: RandomZoom((-0.5, 1.0), **s),
    "RandomCrop": lambda **s: RandomCrop(2, 3, **s),
    "RandomErasing": lambda **s: RandomErasing(**s),
}
each_kind = pytest.mark.parametrize("kind", KINDS)


def inputs(kind, n=12):
    shape = (n, 9, 5) if kind.endswith("1D") else (n, 6, 7, 3)
    return (np.random.default_rng(0).normal(size=shape) + 3).astype("f4")


# ------------------------------------------------------------------------------------ the base


@each_kind
def test_only_training_disturbs(kind):
    layer, x = KINDS[kind](seed=1), inputs(kind)
    y = layer(x)
    assert kind == "RandomCrop" or np.array_equal(y, x)
    assert np.array_equal(layer(x), y)
    assert layer.seed_state.numpy().tolist() == [1, 0]
    first, second = (layer(x, training=True) for _ in range(2))
    assert not np.array_equal(first, y)
    assert not np.array_equal(first, second)
    layer.trainable = False
    assert np.array_equal(layer(x, training=True), y)


@each_kind
def test_the_same_seed_draws_the_same(kind):
    x = inputs(kind)
    one, other, third = (KINDS[kind](seed=s) for s in (5, 5, 6))
    for _ in range(2):
        y = one(x, training=True)
        assert np.array_equal(y, other(x, training=True))
        assert not np.array_equal(y, third(x, training=True))
    state = one.get_weights()
    wanted = one(x, training=True)
    one.set_weights(state)
    assert np.array_equal(one(x, training=True), wanted)


@each_kind
def test_without_a_seed_the_global_one_decides(kind):
    x, found = inputs(kind), []
    for seed in (3, 3, 4):
        axon.set_random_seed(seed)
        a, b = KINDS[kind](), KINDS[kind]()
        found.append(a(x, training=True))
        assert not np.array_equal(found[-1], b(x, training=True)), "layers draw independently"
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


@each_kind
def test_tensors_and_types(kind):
    x = inputs(kind)
    for dtype in ("float32", "float64"):
        array = KINDS[kind](seed=1, dtype=dtype)(x, training=True)
        tensor = KINDS[kind](seed=1, dtype=dtype)(Tensor(x), training=True)
        assert type(tensor) is Tensor
        assert array.dtype == tensor.dtype == dtype
        assert np.array_equal(array, tensor.numpy())


@each_kind
def test_replayed_steps_draw_what_eager_ones_draw(kind):
    layer, twin, x = KINDS[kind](seed=2), KINDS[kind](seed=2), inputs(kind)

    def twice(x):
        with axon.modes.TrainingMode(True):
            return [layer(x) * 1.0, layer(x) * 2.0]

    step = Step("twice", twice, ["x"])
    (slot,) = step.inputs((x.shape, x.dtype))
    slot[...] = x
    seen = []
    for _ in range(3):
        for factor, y in zip((1, 2), step.run([slot]), strict=True):
            wanted = twin(x, training=True) * np.float32(factor)
            assert y.tobytes() == wanted.tobytes()
            seen.append(y / factor)
    assert len(step.programs) == 1
    assert not any(np.array_equal(a, b) for i, a in enumerate(seen) for b in seen[:i])


@each_kind
def test_backward_uses_what_forward_drew(kind):
    """Used twice before one backward; these layers are affine, so differences are exact."""
    layer = KINDS[kind](seed=3, dtype="float64")
    x, v = inputs(kind).astype("f8"), np.random.default_rng(1).normal(size=inputs(kind).shape)
    state = layer.get_weights()

    def total(x):
        layer.set_weights(state)
        y = layer(layer(x)) if kind != "RandomCrop" else layer(x) + layer(x)
        return (y * np.cos(np.arange(y.size)).reshape(y.shape)).sum()

    with axon.modes.TrainingMode(True):
        leaf = Tensor(x, requires_grad=True)
        slope = (axon.grad(total(leaf), leaf).numpy() * v).sum()
        difference = (total(Tensor(x + v)) - total(Tensor(x - v))).item() / 2
    assert slope == pytest.approx(difference, rel=1e-9)


def test_a_key_stays_what_it_was_when_the_next_is_drawn():
    layer = Dropout(0.5, seed=9)
    first, second = layer.key(), layer.key()
    assert [key.numpy().tolist() for key in (first, second)] == [[9, 0], [9, 1]]


@each_kind
def test_state_is_saved_and_restored(kind, tmp_path):
    x = inputs(kind)
    model = Sequential([KINDS[kind]()])
    model.build(x.shape[1:])
    model(x, training=True)
    model.save(tmp_path / "model.axon")
    loaded = axon.load_model(tmp_path / "model.axon")
    assert loaded.layers[0].config() == model.layers[0].config()
    assert np.array_equal(loaded.predict(x), model.predict(x))
    assert np.array_equal(loaded(x, training=True), model(x, training=True))


@pytest.mark.parametrize("seed", [-1, 1.5, "x", True])
def test_seeds_are_checked(seed):
    with pytest.raises(ValueError, match="Dropout: seed must be a whole number of at least 0"):
        Dropout(0.5, seed=seed)


# ------------------------------------------------------------------------------------ dropout


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.floats(0.05, 0.95), st.integers(0, 2**32 - 1))
def test_dropout_leaves_out_the_share_and_keeps_the_mean(rate, seed):
    y = Dropout(rate, seed=seed, dtype="float64")(np.ones((200, 100)), training=True)
    kept = y != 0
    assert np.allclose(y[kept], 1 / (1 - rate))
    spread = 5 * np.sqrt(rate * (1 - rate) / y.size)
    assert abs(kept.mean() - (1 - rate)) < spread
    for one in (kept[:, 1:] & kept[:, :-1], kept[1:] & kept[:-1]):  # neighbours are independent
        assert abs(one.mean() - (1 - rate) ** 2) < 3 * spread


def test_steps_and_layers_are_independent():
    first, second = (Dropout(0.5, seed=s) for s in (1, 2))
    x = np.ones((300, 100))
    masks = [layer(x, training=True) - 1 for layer in (first, first, second)]
    for i, a in enumerate(masks):
        for b in masks[:i]:
            assert abs((a * b).mean()) < 5 / np.sqrt(x.size)


def test_a_rate_of_0_does_nothing_and_others_are_checked():
    x = np.ones((3, 3), "f4")
    for layer in (Dropout(0), GaussianDropout(0.0), GaussianNoise(0)):
        assert np.array_equal(layer(x, training=True), x)
        assert layer.seed_state.numpy()[1] == 0
    for kind in (Dropout, SpatialDropout1D, SpatialDropout2D, GaussianDropout):
        for rate in (1, -0.1, 1.5, float("nan")):
            with pytest.raises(
                ValueError, match=f"{kind.__name__}: rate must be at least 0 and le"
            ):
                kind(rate)
        with pytest.raises(TypeError, match="rate must be a number or a schedule, got 'half'"):
            kind("half")
    for wrong in (-1, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="stddev must be a finite number of at least 0"):
            GaussianNoise(wrong)
    assert np.isfinite(Dropout(1 - 1e-12, dtype="float64")(x, training=True)).all()


def test_noise_shape_repeats_the_mask():
    x = np.ones((40, 3, 50))
    y = Dropout(0.5, noise_shape=(None, 1, 50), seed=0)(x, training=True)
    assert (y == y[:, :1]).all()
    assert 0.4 < (y[:, 0] != 0).mean() < 0.6
    for wrong in ((40, 3), (40, 2, 50)):
        with pytest.raises(ValueError, match=r"noise_shape=.* does not fit inputs of shape"):
            Dropout(0.5, noise_shape=wrong)(x, training=True)


@pytest.mark.parametrize(
    ("kind", "shape"), [(SpatialDropout1D, (30, 4, 50)), (SpatialDropout2D, (30, 2, 2, 50))]
)
def test_spatial_dropout_leaves_out_whole_channels(kind, shape):
    y = kind(0.3, seed=0)(np.ones(shape), training=True).reshape(30, 4, 50)
    assert (y == y[:, :1]).all()
    assert abs((y != 0).mean() - 0.7) < 0.06
    with pytest.raises(ValueError, match="expected inputs of shape"):
        kind(0.3)(np.ones((2, 3)))


def test_gaussian_layers_have_the_deviation_asked_for():
    x = np.full((300, 200), 2.0)
    noise = GaussianNoise(0.5, seed=0, dtype="float64")(x, training=True) - x
    assert abs(noise.mean()) < 0.01
    assert abs(noise.std() - 0.5) < 0.01
    scale = GaussianDropout(0.2, seed=0, dtype="float64")(x, training=True) / x
    assert abs(scale.mean() - 1) < 0.01
    assert abs(scale.std() - 0.5) < 0.01


def test_training_with_dropout_goes_on_after_saving(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(16, 4)), rng.integers(0, 2, 16)

    def fresh():
        axon.set_random_seed(1)
        model = Sequential([Dense(4, 8, "relu"), Dropout(0.5), Dense(8, 2, "softmax")])
        model.compile("categorical_crossentropy", "sgd")
        return model

    whole, part = fresh(), fresh()
    whole.fit(x, y, batch_size=16, epochs=4, shuffle=False, verbose=0)
    part.fit(x, y, batch_size=16, epochs=2, shuffle=False, verbose=0)
    part.save(tmp_path / "half.axon")
    rest = axon.load_model(tmp_path / "half.axon")
    rest.compile("categorical_crossentropy", "sgd")
    rest.fit(x, y, batch_size=16, epochs=2, shuffle=False, verbose=0)
    for a, b in zip(rest.get_weights(), whole.get_weights(), strict=True):
        assert np.array_equal(a, b)
