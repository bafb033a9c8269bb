"""Packed members learn what they would learn as models of their own."""

from copy import deepcopy
from itertools import pairwise

import numpy as np
import pytest

from axon.initializers import GlorotUniform
from axon.layers import (
    LSTM,
    Activation,
    BatchNormalization,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Input,
    LayerNormalization,
    Normalization,
    PackedBatchNormalization,
    PackedDense,
    PackedLayerNormalization,
    Rescaling,
    Reshape,
)
from axon.losses import CategoricalCrossEntropy, PackedLoss
from axon.metrics import AUC, Accuracy, PackedMetric
from axon.models import Sequential, load_model, pack, unpack
from axon.optimizers import SGD, Adam
from axon.program.lowerings import Kernels

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
    "layer normalization": (
        lambda: [Dense(6, "tanh"), LayerNormalization(), Dense(4), LayerNormalization(), Dense(1)],
        *("mse", X, YES),
    ),
    "batch normalization": (
        lambda: [
            Dense(6, use_bias=False),
            BatchNormalization(momentum=0.7),
            Activation("relu"),
            Dense(1),
        ],
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
        (lambda: pack(Sequential([BatchNormalization(), Dense(1)]), 2), "in front of the first"),
        (lambda: PackedBatchNormalization(2, gamma_constraint="non_neg"), "gamma_constraint"),
        (lambda: PackedBatchNormalization(2).build((3, 4)), "expected inputs of shape"),
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


# ------------------------------------------------------------------------------------ metrics

MEASURED = {
    "labels": ("softmax", 3, "categorical_cross_entropy", LABELS, ["accuracy"]),
    "yes or no": ("sigmoid", 1, "binary_cross_entropy", YES, ["accuracy", "binary_accuracy"]),
    "logits": (None, 1, "hinge", 2 * YES - 1, ["mae", "mse"]),
    "numbers": (None, 1, "mse", YES, ["mae", "mse"]),
}


@pytest.mark.parametrize("weighed", [None, "samples", "members"])
@pytest.mark.parametrize("name", MEASURED)
def test_metrics_are_the_means_of_the_members(name, weighed):
    ends, outputs, loss, y, names = MEASURED[name]
    rows = (random.random((83, 2)) + 0.1).astype("float32")
    rows *= 83 / rows.sum(axis=0)  # so that members weigh alike
    rows = {None: None, "samples": rows[:, 0], "members": rows}[weighed]
    models = [single(lambda: on_numbers(ends, outputs), (7,)) for _ in range(2)]
    packed = pack(models)
    packed.compile(PackedLoss(loss), SGD(0.05), names)
    packed.fit(X, y, epochs=2, shuffle=False, verbose=0, sample_weight=rows)
    found = packed.evaluate(X, y, sample_weight=rows, return_dict=True)
    alone = []
    for i, model in enumerate(models):
        model.compile(loss, SGD(0.05), names)
        own = rows[:, i] if weighed == "members" else rows
        model.fit(X, y, epochs=2, shuffle=False, verbose=0, sample_weight=own)
        alone.append(model.evaluate(X, y, sample_weight=own, return_dict=True))
    assert list(found) == ["loss", *names]
    for key in names:
        assert found[key] == pytest.approx(np.mean([a[key] for a in alone]), rel=1e-4)


def test_other_metrics_pool_the_members_and_are_kept_in_files(tmp_path):
    packed = pack(single(lambda: on_numbers("sigmoid", 1), (7,)), members=2)
    metrics = [PackedMetric(AUC()), "precision"]
    packed.compile(PackedLoss("binary_cross_entropy"), "adam", metrics)
    packed.fit(X, YES, verbose=0, validation_split=0.2)
    found = packed.evaluate(X, YES, return_dict=True)
    auc = AUC()
    auc.update(np.repeat(YES, 2, axis=0), packed.predict(X).reshape(-1, 1))
    assert found["auc"] == pytest.approx(auc.result())
    packed.save(tmp_path / "net.axon")
    again = load_model(tmp_path / "net.axon")
    assert again.evaluate(X, YES, return_dict=True) == found
    assert deepcopy(packed).evaluate(X, YES, return_dict=True) == found
    cut = pack(single(lambda: on_numbers("sigmoid", 1), (7,)), members=2)
    cut.compile(PackedLoss("binary_cross_entropy"), "adam", ["accuracy"])
    assert cut.fit(X, YES, verbose=0, shards=2).history["accuracy"][0] > 0


def test_what_no_packed_metric_takes():
    with pytest.raises(TypeError, match="PackedMetric: expected a Metric, such as Accuracy"):
        PackedMetric("accuracy")
    with pytest.raises(ValueError, match=r"accuracy: packed predictions have shape \(n, members"):
        PackedMetric(Accuracy()).update([1], [[0.5, 0.5]])
    with pytest.raises(ValueError, match="sample_weight must have shape"):
        PackedMetric(Accuracy()).update([1, 0], np.ones((2, 2, 3)), [1.0, 2.0, 3.0])


# ------------------------------------------------------------------------------------ elsewhere


@pytest.mark.parametrize("kernels", ["fast", "jax"])
def test_members_learn_alike_by_compiled_kernels(kernels):
    pytest.importorskip({"fast": "numba", "jax": "jax"}[kernels])
    models = [single(lambda: on_numbers("softmax", 3), (7,)) for _ in range(2)]
    packs = [pack(models) for _ in range(2)]
    for packed, chosen in zip(packs, ("numpy", kernels), strict=True):
        with Kernels(chosen):
            packed.compile(PackedLoss("categorical_cross_entropy"), Adam(0.01), ["accuracy"])
            packed.fit(X, LABELS, batch_size=16, epochs=2, shuffle=False, verbose=0)
    for a, b in zip(*(p.get_weights() for p in packs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


def test_packed_models_are_exported_and_looked_at(tmp_path, capsys):
    runtime = pytest.importorskip("onnxruntime")
    from axon import onnx

    for layers, x in ((lambda: on_numbers("softmax", 3), X), (WAYS["ids"][0], IDS)):
        packed = pack(single(layers, x.shape[1:]), members=3)
        onnx.export(packed, tmp_path / "net.onnx")
        session = runtime.InferenceSession(str(tmp_path / "net.onnx"))
        (given,) = session.get_inputs()
        kind = {"tensor(int64)": "i8", "tensor(float)": "f4"}[given.type]
        (y,) = session.run(None, {given.name: x.astype(kind)})
        np.testing.assert_allclose(y, packed.predict(x), rtol=1e-5, atol=1e-6)
        packed.summary()
        total = sum(p.size for p in packed.parameters())
        assert f"{total:,}" in capsys.readouterr().out
        assert packed.output_shape == (3, 3)


@pytest.mark.parametrize("regularizer", ["l1", "l2", "l1_l2"])
def test_regularizers_cost_each_member_what_it_would_alone(regularizer):
    def layers():
        return [Dense(5, "tanh", kernel_regularizer=regularizer, bias_regularizer="l2"), Dense(1)]

    models = [single(layers, (7,)) for _ in range(2)]
    packed = pack(models)
    packed.compile(PackedLoss("mse"), SGD(0.1))
    packed.fit(X, YES, epochs=2, shuffle=False, verbose=0)
    for member, model in zip(unpack(packed), models, strict=True):
        model.compile("mse", SGD(0.1))
        model.fit(X, YES, epochs=2, shuffle=False, verbose=0)
        for own, alone in zip(member.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_allclose(own, alone, rtol=1e-4, atol=1e-6)


def test_what_was_measured_before_is_shared_and_kept():
    first = Normalization()
    first.adapt(X)
    models = [single(lambda: [Dense(3, "tanh"), BatchNormalization(), Dense(1)], (7,))] * 2
    models = [Sequential([deepcopy(first), *deepcopy(m).layers]) for m in models]
    for i, model in enumerate(models):
        model.build((7,))
        model.layers[2].moving_mean = np.full(3, 0.5 + i)
    packed = pack(models)
    expected = np.stack([m.predict(X) for m in models], axis=1)
    np.testing.assert_allclose(packed.predict(X), expected, rtol=1e-5, atol=1e-6)
    for member, model in zip(unpack(packed), models, strict=True):
        np.testing.assert_allclose(member.predict(X), model.predict(X), rtol=1e-6)


def test_normalizations_of_images_are_those_of_each_member():
    x = random.normal(size=(4, 2, 3, 5, 6)).astype("f4")
    for kind, packed in (
        (LayerNormalization(), PackedLayerNormalization(2)),
        (BatchNormalization(), PackedBatchNormalization(2)),
    ):
        found = packed(x, training=True)
        for i in range(2):
            np.testing.assert_allclose(found[:, i], kind(x[:, i], training=True), atol=1e-5)
