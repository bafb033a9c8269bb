"""Packed members learn what they would learn as models of their own."""

from itertools import pairwise

import numpy as np
import pytest

from axon.initializers import GlorotUniform
from axon.layers import (
    LSTM,
    Activation,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Input,
    PackedDense,
    Rescaling,
    Reshape,
)
from axon.losses import CategoricalCrossEntropy, PackedLoss
from axon.models import Sequential, load_model, pack, unpack
from axon.optimizers import SGD, Adam

random = np.random.default_rng(0)
X = random.normal(size=(83, 7)).astype("float32")
LABELS = random.integers(0, 3, 83)
YES = (LABELS > 0)[:, None].astype("float32")
IDS = random.integers(0, 9, (83, 4))


def on_numbers(ends, outputs):
    return [Rescaling(0.5), Dense(11, "relu"), Reshape((11,)), Dense(outputs, ends)]


WAYS = {
    "softmax": (lambda: on_numbers("softmax", 3), "categorical_cross_entropy", X, LABELS),
    "logits": (lambda: on_numbers(None, 3), CategoricalCrossEntropy(from_logits=True), X, LABELS),
    "sigmoid": (lambda: on_numbers("sigmoid", 1), "binary_cross_entropy", X, YES),
    "numbers": (lambda: on_numbers(None, 1), "mse", X, YES),
    "regularized": (
        lambda: [Dense(5, "tanh", kernel_regularizer="l2"), Activation("relu"), Dense(1)],
        *("mse", X, YES),
    ),
    "ids": (
        lambda: [Embedding(9, 3), Flatten(), Dense(3, "softmax")],
        *("categorical_cross_entropy", IDS, LABELS),
    ),
}
every_way = pytest.mark.parametrize(("layers", "loss", "x", "y"), WAYS.values(), ids=WAYS)


def single(layers, shape):
    model = Sequential(layers())
    model.build(shape)
    return model


@every_way
@pytest.mark.parametrize("optimizer", [lambda: SGD(0.1, 0.9), lambda: Adam(0.01)])
def test_members_learn_as_if_alone(layers, loss, x, y, optimizer):
    models = [single(layers, x.shape[1:]) for _ in range(3)]
    packed = pack(models)
    packed.compile(PackedLoss(loss), optimizer())
    history = packed.fit(x, y, epochs=3, batch_size=16, shuffle=False, verbose=0).history["loss"]
    losses = []
    for model in models:
        model.compile(loss, optimizer())
        losses += [model.fit(x, y, epochs=3, batch_size=16, shuffle=False, verbose=0)]
    for member, model in zip(unpack(packed), models, strict=True):
        for own, alone in zip(member.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_allclose(own, alone, rtol=2e-4, atol=2e-6)
        np.testing.assert_allclose(member.predict(x), model.predict(x), rtol=2e-4, atol=2e-6)
    if not any(p.regularizer for p in packed.parameters()):
        means = np.mean([h.history["loss"] for h in losses], axis=0)
        np.testing.assert_allclose(history, means, rtol=1e-5)


def test_each_member_learns_from_rows_of_its_own():
    models = [single(lambda: on_numbers("softmax", 3), (7,)) for _ in range(2)]
    packed = pack(models)
    rows = (random.random((83, 2)) < 0.7).astype("float32")
    packed.compile(PackedLoss("categorical_cross_entropy"), SGD(0.1))
    packed.fit(X, LABELS, epochs=2, shuffle=False, verbose=0, sample_weight=rows)
    for i, (member, model) in enumerate(zip(unpack(packed), models, strict=True)):
        model.compile("categorical_cross_entropy", SGD(0.1))
        model.fit(X, LABELS, epochs=2, shuffle=False, verbose=0, sample_weight=rows[:, i])
        for own, alone in zip(member.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_allclose(own, alone, rtol=1e-4, atol=1e-6)


def test_members_begin_each_with_weights_of_their_own_of_the_size_of_a_single_layer():
    packed = pack(Sequential([Input((40,)), Dense(60, "relu"), Dropout(0.5), Dense(2)]), members=5)
    weights = packed.layers[1].weights.data
    limit = np.sqrt(6 / 100)
    assert np.abs(weights).max() <= limit
    assert all(np.abs(w).max() > 0.95 * limit for w in weights)
    assert not any(np.array_equal(a, b) for a, b in pairwise(weights))
    y = packed(np.ones((1, 40)), training=True)
    assert y.shape == (1, 5, 2)


def test_packed_models_are_saved_and_loaded(tmp_path):
    packed = pack(single(WAYS["ids"][0], (4,)), members=3)
    packed.compile(PackedLoss("categorical_cross_entropy"), "adam")
    packed.fit(IDS, LABELS, verbose=0)
    packed.save(tmp_path / "net.axon")
    again = load_model(tmp_path / "net.axon")
    np.testing.assert_array_equal(again.predict(IDS), packed.predict(IDS))
    assert again.evaluate(IDS, LABELS) == packed.evaluate(IDS, LABELS)
    again.fit(IDS, LABELS, verbose=0)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: pack(Sequential([LSTM(4), Dense(1)]), 2), "layer 'lstm' .* cannot be packed"),
        (lambda: pack(Sequential([Dense(4), Rescaling(2.0)]), 2), "behind the first layer"),
        (lambda: pack(Sequential([Activation("relu")]), 2), "no Dense or Embedding"),
        (lambda: pack([Sequential([Dense(4)])]), "have no weights yet"),
        (lambda: pack([single(lambda n=n: [Dense(n)], (3,)) for n in (2, 3)]), "must be alike"),
        (lambda: pack(Sequential([Embedding(9, 2, mask_zero=True)]), 2), "mask_zero"),
        (
            lambda: pack(Sequential([Dense(4, kernel_initializer=GlorotUniform(seed=1))]), 2).build(
                (3,)
            ),
            "would begin, and learn, alike",
        ),
        (lambda: PackedDense(2, 3, kernel_constraint="non_neg"), "kernel_constraint"),
        (lambda: PackedDense(2, 3).build((3, 4)), "expected inputs of shape"),
        (lambda: unpack(Sequential([Dense(3)])), "no model that pack made"),
        (lambda: PackedLoss("mse").loss([[1.0]], [[1.0]]), "packed predictions have shape"),
        (lambda: PackedLoss(CategoricalCrossEntropy(ignore_index=-1)), "ignore_index"),
    ],
)
def test_what_cannot_be_packed_is_refused_by_name(make, says):
    with pytest.raises(ValueError, match=says):
        make()


def test_only_chains_of_layers_are_packed():
    with pytest.raises(TypeError, match="expected a Sequential"):
        pack([Dense(3)], 1)
