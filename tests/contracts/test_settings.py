"""Settings that are changed after a step was recorded: the next step follows, or they are refused.

Whatever is changed on a model that replays is changed on one that computes eagerly as well, and on
a third that was made so from the beginning; all three must agree, and the change must show.
"""

import copy

import numpy as np
import pytest

import axon
from axon import constraints, regularizers
from axon.layers import (
    LSTM,
    Activation,
    AveragePooling2D,
    BatchNormalization,
    Bidirectional,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    Layer,
    LayerNormalization,
    MaxPooling2D,
    MultiHeadAttention,
    Normalization,
    RandomFlip,
    RandomTranslation,
    Rescaling,
    TransformerBlock,
)
from axon.losses import BinaryCrossEntropy, Huber, MeanSquaredError
from axon.metrics import BinaryAccuracy, Precision
from axon.models import Model, Sequential
from axon.optimizers import SGD, Adam, AdamW, RMSprop
from axon.program import step

rng = np.random.default_rng(0)
ROWS = rng.normal(1.0, 2.0, size=(12, 4)).astype("float32")
SERIES = rng.normal(size=(12, 5, 4)).astype("float32")
IMAGES = rng.normal(1.0, size=(12, 6, 6, 2)).astype("float32")
YES = (ROWS[:, :1] > 1).astype("float32")


class Scaled(Layer):
    """A layer of a user's own, with a setting of its own."""

    def __init__(self, factor, **options):
        super().__init__(**options)
        self.factor = factor

    def call(self, x):
        return x * self.factor


LAYERS = {  # what is changed: the layer, its inputs, attribute, value
    "epsilon": (lambda **k: LayerNormalization(**k), ROWS, "epsilon", 1.0),
    "activation": (lambda **k: Dense(4, **k), ROWS, "activation", "tanh"),
    "activation of an activation": (
        lambda activation="relu": Activation(activation),
        ROWS,
        "activation",
        "tanh",
    ),
    "scale": (lambda scale=0.5, **k: Rescaling(scale, **k), ROWS, "scale", 2.0),
    "moving momentum": (lambda **k: BatchNormalization(**k), ROWS, "momentum", 0.1),
    "strides": (lambda **k: Conv2D(3, 3, **k), IMAGES, "strides", 2),
    "padding": (
        lambda **k: Conv2D(3, 3, padding=k.get("padding", "same")),
        IMAGES,
        "padding",
        "valid",
    ),
    "pool": (
        lambda **k: AveragePooling2D(**{"pool_size": 2, "strides": 2, **k}),
        IMAGES,
        "pool_size",
        3,
    ),
    "return_sequences": (
        lambda **k: LSTM(3, **{"return_sequences": True, **k}),
        SERIES,
        "return_sequences",
        False,
    ),
    "go_backwards": (lambda **k: LSTM(3, **k), SERIES, "go_backwards", True),
    "causal": (lambda **k: TransformerBlock(2, 8, **k), SERIES, "causal", True),
    "epsilon of parts": (lambda **k: TransformerBlock(2, 8, **k), SERIES, "epsilon", 1.0),
    "activation of parts": (lambda **k: TransformerBlock(2, 8, **k), SERIES, "activation", "tanh"),
    "mean": (lambda **k: Normalization(**{"mean": 0.0, "variance": 1.0, **k}), ROWS, "mean", 3.0),
    "own": (lambda factor=1.0: Scaled(factor), ROWS, "factor", 3.0),
}
IN_TRAINING = {
    "rate": (lambda rate=0.1: Dropout(rate, seed=1), ROWS, "rate", 0.7),
    "stddev": (lambda stddev=0.1: GaussianNoise(stddev, seed=1), ROWS, "stddev", 3.0),
    "flip": (lambda mode="horizontal": RandomFlip(mode, seed=1), IMAGES, "mode", "vertical"),
    "shift": (
        lambda height_factor=0.1: RandomTranslation(height_factor, 0.1, seed=1),
        IMAGES,
        "height_factor",
        (0.5, 0.9),
    ),
    "seed": (lambda seed=1: Dropout(0.5, seed=seed), ROWS, "seed", 2),
    "dropout of parts": (
        lambda **k: MultiHeadAttention(2, **{"dropout": 0.1, **k}),
        SERIES,
        "dropout",
        0.9,
    ),
}


def network(layer, eager=False, **options):
    axon.set_random_seed(7)
    model = Sequential([layer, Flatten(), Sum()])
    model.compile(**{"loss": "mse", "optimizer": SGD(1e-3), "eager": eager, **options})
    return model


class Sum(Layer):
    """Any features to one number, whatever their count, with something to learn."""

    def accept(self, shape, *more):
        """Any number of features will do."""

    def create(self, shape):
        self.scale = self.parameter("scale", "ones", ())

    def call(self, x):
        places = np.linspace(0, 1, x.shape[1], dtype=np.float32)
        return (x * places).mean(axis=1, keepdims=True) * self.scale


def outcome(model, x):
    """Everything there is to see: outputs, loss, and weights after some steps."""
    found = [model.predict(x), np.asarray(model.evaluate(x, YES))]
    model.fit(x, YES, batch_size=6, epochs=2, verbose=0, shuffle=False)
    return [*found, model.predict(x), *model.get_weights()]


def agree(these, those, exact=False):
    exact = exact and axon.get_kernels() == "numpy"
    close = np.array_equal if exact else lambda a, b: np.allclose(a, b, rtol=1e-3, atol=1e-4)
    return len(these) == len(those) and all(map(close, these, those))


@pytest.mark.parametrize("name", [*LAYERS, *IN_TRAINING])
def test_a_layer_follows(name):
    make, x, attribute, value = {**LAYERS, **IN_TRAINING}[name]
    found = []
    for eager, change in ((False, True), (True, True), (False, False)):
        axon.set_random_seed(7)
        layer = make()
        model = network(layer, eager)
        outcome(model, x)
        if change:
            setattr(layer, attribute, value)
        found.append(outcome(model, x))
    replayed, eager, unchanged = found
    assert agree(replayed, eager, exact=True)
    assert not all(map(np.array_equal, replayed, unchanged))
    fresh = make(**{attribute: value})
    model = network(fresh)
    model.build(x.shape[1:])
    model.set_weights(found[0][3:]) if name != "seed" else None
    if name in LAYERS:
        assert np.allclose(model.predict(x), replayed[2], rtol=1e-3, atol=1e-4), "made so"
    changed = layer_of(make, attribute, value, x)
    assert changed.describe() == layer_of_fresh(make, attribute, value, x).describe()


def layer_of(make, attribute, value, x):
    layer = make()
    model = network(layer)
    model.predict(x)
    setattr(layer, attribute, value)
    return layer


def layer_of_fresh(make, attribute, value, x):
    layer = make(**{attribute: value})
    network(layer).predict(x)
    return layer


REFUSED = {
    "neurons": (lambda: Dense(4), ROWS, "num_neurons", 7),
    "filters": (lambda: Conv2D(3, 3), IMAGES, "filters", 5),
    "kernel": (lambda: Conv2D(3, 3), IMAGES, "kernel_size", (1, 1)),
    "units": (lambda: LSTM(3), SERIES, "units", 4),
    "bias": (lambda: Dense(4), ROWS, "use_bias", False),
    "heads": (lambda: TransformerBlock(2, 8), SERIES, "intermediate_dim", 9),
    "scale": (lambda: LayerNormalization(), ROWS, "scale", False),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_parameters_were_made_for_stays(name):
    make, x, attribute, value = REFUSED[name]
    layer = make()
    model = network(layer)
    before = outcome(model, x)[2:]
    with pytest.raises(ValueError, match="Make a new"):
        setattr(layer, attribute, value)
    assert getattr(layer, attribute) != value
    assert agree(before, [model.predict(x), *model.get_weights()], exact=True)


def test_a_value_that_the_constructor_refuses_is_refused_later_too():
    layer = Dropout(0.5)
    network(layer).fit(ROWS, YES, verbose=0)
    with pytest.raises(ValueError, match="rate must be at least 0 and less than 1"):
        layer.rate = 5
    network(dense := Dense(3)).predict(ROWS)
    with pytest.raises(ValueError, match="tanh"):
        dense.activation = "tanhh"
    assert layer.rate == 0.5


def test_rules_belong_to_the_parameters():
    layer = Dense(3)
    network(layer).fit(ROWS, YES, verbose=0)
    with pytest.raises(AttributeError, match=r"kernel_regularizer is given.*weights\.regularizer"):
        layer.kernel_regularizer = "l2"
    with pytest.raises(AttributeError, match="keep their type"):
        layer.dtype = np.dtype("float64")


def rate(optimizer, name, value):
    return {"optimizer": optimizer}, lambda m: setattr(m.optimizer, name, value)


PARTS = {  # of training: how the model is compiled, what is changed
    "loss": ({"loss": Huber(1.0)}, lambda m: setattr(m.loss, "delta", 0.01)),
    "smoothing": (
        {"loss": BinaryCrossEntropy(from_logits=True)},
        lambda m: setattr(m.loss, "label_smoothing", 0.5),
    ),
    "metric": (
        {"metrics": [BinaryAccuracy(0.5)]},
        lambda m: setattr(m.trainer.metrics[0], "threshold", 0.0),
    ),
    "momentum": rate(SGD(0.01, 0.9), "momentum", 0.1),
    "momentum from 0": rate(SGD(0.01), "momentum", 0.9),
    "momentum to 0": rate(SGD(0.01, 0.9), "momentum", 0.0),
    "beta": rate(Adam(0.01), "beta_1", 0.1),
    "amsgrad": rate(Adam(0.01, beta_2=0.3), "amsgrad", True),
    "centered": rate(RMSprop(0.01), "centered", True),
    "decay": rate(AdamW(0.01), "weight_decay", 5.0),
    "decay from none": rate(SGD(0.01), "weight_decay", 5.0),
    "clipping": rate(SGD(0.01), "clipnorm", 1e-4),
    "averages": rate(SGD(0.01), "use_ema", True),
    "gathering": rate(SGD(0.01), "gradient_accumulation_steps", 2),
    "regularizer": ({}, lambda m: setattr(m.layers[0].weights.regularizer, "l2", 9.0)),
    "another regularizer": ({}, lambda m: setattr(m.layers[0].weights, "regularizer", None)),
    "constraint": ({}, lambda m: setattr(m.layers[0].weights.constraint, "max_value", 0.01)),
    "no constraint": ({}, lambda m: setattr(m.layers[0].weights, "constraint", None)),
}


@pytest.mark.parametrize("name", PARTS)
def test_training_follows(name):
    options, change = PARTS[name]
    found = []
    for eager, changed in ((False, True), (True, True), (False, False)):
        rules = {"kernel_regularizer": regularizers.L2(0.1)}
        rules["kernel_constraint"] = constraints.MaxNorm(0.1)
        model = network(Dense(3, **rules), eager, **copy.deepcopy(options))
        outcome(model, ROWS)
        if changed:
            change(model)
        found.append([*outcome(model, ROWS), np.asarray(model.evaluate(ROWS, YES))])
    assert agree(*found[:2], exact=True)
    assert not agree(found[0], found[2])


@pytest.mark.parametrize("name", PARTS)
def test_a_change_in_the_middle_of_an_epoch(name):
    """By a callback, as schedules of one's own do it."""
    options, change = PARTS[name]
    found = []
    for eager in (False, True):
        rules = {"kernel_regularizer": regularizers.L2(0.1)}
        rules["kernel_constraint"] = constraints.MaxNorm(0.1)
        model = network(Dense(3, **rules), eager, **copy.deepcopy(options))

        class Change(axon.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                if batch == 3:
                    change(self.model)

        model.fit(ROWS, YES, 2, 1, 0, [Change()], shuffle=False)
        found.append(model.get_weights())
    assert agree(*found, exact=True)


@pytest.mark.parametrize("layer", [AveragePooling2D, MaxPooling2D])
def test_windows_of_another_size_lie_as_far_apart_as_they_are_large(layer):
    found = []
    for change in (True, False):
        pooling = layer() if change else layer(3)
        model = network(pooling)
        model.predict(IMAGES)
        pooling.pool_size = 3
        found.append(model.predict(IMAGES))
        assert pooling.strides == (3, 3)
        pooling.strides = 1
        pooling.pool_size = 2
        assert pooling.strides == (1, 1), "who says how far is obeyed"
        assert model.predict(IMAGES).shape == (12, 1)
    assert np.array_equal(*found)


def test_a_way_to_join_that_does_not_exist_is_refused_later_too():
    layer = Bidirectional(LSTM(3))
    model = network(layer)
    before = model.predict(SERIES)
    for wrong in (1, "summ"):  # None keeps both apart
        with pytest.raises(ValueError, match="merge_mode"):
            layer.merge_mode = wrong
    assert np.array_equal(model.predict(SERIES), before)
    layer.merge_mode = "SUM"
    assert layer.merge_mode == layer.config()["merge_mode"] == "sum"
    assert not np.array_equal(model.predict(SERIES), before)


@pytest.mark.parametrize("door", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
@pytest.mark.parametrize("eager", [False, True])
def test_what_is_changed_is_looked_at_as_the_first_batch_was(eager, door):
    model = network(Dense(3), eager, loss=BinaryCrossEntropy(from_logits=True))
    model.fit(ROWS, YES, batch_size=6, verbose=0)
    model.evaluate(ROWS, YES)
    before = model.get_weights()
    model.loss.from_logits = False
    with pytest.raises(ValueError, match="binary_cross_entropy"):
        getattr(model, door)(ROWS, YES)
    assert all(map(np.array_equal, before, model.get_weights()))
    model.loss.from_logits = True
    getattr(model, door)(ROWS, YES)


def test_a_setting_that_is_kept_under_another_name_follows():
    metric, model = Precision(), Sequential([Rescaling(1.0), Dense(1, "sigmoid")])
    model.compile("binary_cross_entropy", "sgd", [metric])
    ones = np.ones((12, 1), np.float32)
    model.evaluate(ROWS, ones)
    metric.thresholds = 0.0
    assert model.evaluate(ROWS, ones)[1] == 1.0
    metric.thresholds = 0.999999
    assert model.evaluate(ROWS, ones)[1] == 0.0
    assert metric.config()["thresholds"] == 0.999999


def test_an_optimizer_by_hand_follows():
    found = []
    for before in (0.0, 0.9):
        axon.set_random_seed(0)
        layer, optimizer = Dense(4, 1), SGD(0.01, before)
        optimizer.build(layer.parameters())
        optimizer.momentum = 0.9
        for _ in range(3):
            optimizer.update([layer], MeanSquaredError().gradient(YES, layer.forward(ROWS)))
        found.append(layer.get_weights())
    assert agree(*found, exact=True)


class Switched(Model):
    """A model of a user's own, with a switch, a list of layers, and a layer in a dict."""

    def __init__(self):
        super().__init__()
        self.first, self.rest = Dense(4), [Dense(4)]
        self.named, self.double = {"last": Dense(1)}, False

    def forward(self, x):
        x = self.named["last"](self.rest[0](self.first(x)))
        return x * 2.0 if self.double else x


@pytest.mark.parametrize(
    "change",
    [
        lambda m: setattr(m, "double", True),
        lambda m: setattr(m.rest[0], "activation", axon.activations.tanh),
        lambda m: setattr(m.named["last"], "activation", axon.activations.tanh),
    ],
)
def test_a_model_of_ones_own_follows(change):
    found = []
    for eager in (False, True):
        axon.set_random_seed(1)
        model = Switched()
        model.compile("mse", SGD(1e-3), eager=eager)
        before = outcome(model, ROWS)
        change(model)
        found.append(outcome(model, ROWS))
    assert agree(*found, exact=True)
    assert not agree(before[2:3], found[0][:1])


def test_nothing_is_recorded_anew_for_nothing(monkeypatch):
    """Training, predicting, freezing, other rates, equal values: no setting changes."""
    calls = []
    monkeypatch.setattr(step, "trace", lambda *a, trace=step.trace: calls.append(1) or trace(*a))
    model = network(Dense(3, "tanh"), metrics=["mae", BinaryAccuracy()], optimizer=Adam(0.01))
    for _ in range(3):
        outcome(model, ROWS)
    recorded = len(calls)
    for turn in range(4):
        model.optimizer.learning_rate = 0.01 / (turn + 1)
        model.loss.name  # noqa: B018
        model.layers[0].activation = model.layers[0].activation
        model.optimizer.beta_1 = 0.9
        model.metadata = {"turn": turn}
        model.trainable = True
        outcome(model, ROWS)
        model.forward(ROWS)
        Sequential([Dense(3)]).build((2,))
    assert len(calls) == recorded
    model.layers[0].name = "other"
    outcome(model, ROWS)
    assert len(calls) == recorded


def test_random_streams_do_not_notice_a_change():
    found = []
    for change in (False, True):
        layer = Dropout(0.5, seed=1)
        model = network(layer)
        model.predict(ROWS)
        if change:
            layer.rate = 0.2
        found.append(Dense(3, 3).weights.data)
    assert np.array_equal(*found)


# ------------------------------------------------------------------------------------ gathering


@pytest.mark.parametrize("eager", [True, False])
@pytest.mark.parametrize("make", [lambda n: SGD(0.1, 0.9, gradient_accumulation_steps=n), Adam])
def test_too_few_batches_for_an_update_are_learned_from_all_the_same(make, eager):
    """Three batches of four: as one step on all, by the mean of their gradients."""
    found = []
    for gathers, size in ((16, 4), (1, 12)):
        axon.set_random_seed(0)
        optimizer = make(gathers) if make is not Adam else Adam(gradient_accumulation_steps=gathers)
        model = Sequential([Dense(4, 1)])
        model.compile("mse", optimizer, eager=eager)
        model.fit(ROWS, YES, batch_size=size, verbose=0, shuffle=False)
        assert optimizer.iterations.item() == 1
        assert not any(tensor.item() for tensor in optimizer.numbers.values())
        found.append(model.get_weights())
    assert all(np.allclose(a, b, atol=1e-6) for a, b in zip(*found, strict=True))


def test_what_is_left_over_after_an_update_waits_for_the_next_fit():
    model = Sequential([Dense(4, 1)])
    model.compile("mse", SGD(0.1, gradient_accumulation_steps=2))
    model.fit(ROWS, YES, batch_size=4, verbose=0)
    assert model.optimizer.numbers["waiting"].item() == 1
    model.fit(ROWS, YES, batch_size=4, verbose=0)
    assert model.optimizer.iterations.item() == 3
