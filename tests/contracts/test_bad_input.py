"""Bad input to layers, batches and callbacks: what the errors say, and that nothing has changed.

``test_errors.py`` does the same for features, targets and weights of plain networks.
"""

import re

import numpy as np
import pytest

import axon
from axon import layers as parts
from axon.callbacks import Callback, EarlyStopping, ReduceLROnPlateau
from axon.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Bidirectional,
    Conv1D,
    Conv2D,
    Dense,
    Embedding,
    Flatten,
    GaussianNoise,
    GlobalAveragePooling1D,
    LayerNormalization,
    MultiHeadAttention,
    Normalization,
    RandomErasing,
    Rescaling,
    TransformerBlock,
)
from axon.models import Model, Sequential
from axon.optimizers import SGD

random = np.random.default_rng(0)
IMAGES = random.random((6, 8, 8, 3)).astype("float32")
SERIES = random.normal(size=(6, 5, 3)).astype("float32")
TABLE = random.normal(size=(9, 4)).astype("float32")
LABELS = np.arange(9) % 3


def network(*layers, loss="categorical_crossentropy", optimizer="sgd", eager=False):
    """A network of these layers and a Dense of 3; its weights are drawn when it is first used."""
    axon.set_random_seed(0)
    model = Sequential([*layers, Dense(3, "softmax")] if loss != "mse" else [*layers, Dense(3)])
    model.compile(loss, optimizer, eager=eager)
    return model


def state(model):
    """Weights, running statistics and random keys; what the optimizer knows."""
    kept = {**model.named_parameters(), **model.named_buffers()}
    known = {name: t.numpy().tobytes() for name, t in kept.items()}
    numbers = {name: a.tobytes() for name, a in model.optimizer.state().items()}
    return known, numbers, [layer.output_shape for layer in model.layers]


def refused(model, way, error, *words):
    """``way()`` raises an error with these words, leaves no gradient, and changes nothing."""
    before = state(model)
    with pytest.raises(error) as caught:
        way()
    for word in words:
        assert word in str(caught.value), str(caught.value)
    assert state(model) == before
    assert all(p.grad is None for p in model.parameters())
    return str(caught.value)


# ------------------------------------------------------------------------------------ arguments

ARGUMENTS = [
    (lambda: Conv2D(2, 0), "Conv2D: kernel_size must be a whole number of at least 1, got 0"),
    (lambda: Conv2D(2, (3,)), "Conv2D: kernel_size must be one whole number or 2 of them"),
    (lambda: Conv2D(2, 3, 0), "Conv2D: strides must be a whole number of at least 1, got 0"),
    (lambda: Conv2D(2, 3, (1, -1)), "Conv2D: strides must be a whole number of at least 1"),
    (lambda: Conv2D(0, 3), "Conv2D: filters must be a whole number of at least 1, got 0"),
    (lambda: Conv2D(3, 3, groups=2), "Conv2D: groups=2 must divide filters=3"),
    (lambda: Conv2D(2, 3, padding="smae"), "Did you mean 'same'? Known: same, valid"),
    (lambda: Conv2D(2, 3, dilation_rate=0), "dilation_rate must be a whole number of at least 1"),
    (lambda: parts.MaxPooling2D(0), "MaxPooling2D: pool_size must be a whole number"),
    (lambda: parts.MaxPooling1D((2, 2, 2)), "pool_size must be one whole number or 1 of them"),
    (lambda: parts.AveragePooling2D(2, 0), "strides must be a whole number of at least 1, got 0"),
    (lambda: parts.ZeroPadding2D(-1), "padding must be a whole number of at least 0, got -1"),
    (lambda: parts.UpSampling2D(0), "UpSampling2D: size must be a whole number of at least 1"),
    (lambda: parts.Reshape((-1, -1)), "Reshape: only one size may be -1"),
    (lambda: LSTM(-1), "LSTM: units must be a whole number of at least 1, got -1"),
    (lambda: GRU(2.5), "GRU: units must be a whole number of at least 1, got 2.5"),
    (lambda: MultiHeadAttention(2, 0), "key_dim must be a whole number of at least 1, got 0"),
    (lambda: Embedding(0, 3), "Embedding: input_dim must be a whole number of at least 1, got 0"),
    (lambda: parts.Dropout(2), "Dropout: rate must be at least 0 and less than 1"),
    (lambda: GaussianNoise("x"), "GaussianNoise: stddev must be a finite number of at least 0"),
    (lambda: GaussianNoise(None), "stddev must be a finite number of at least 0, got None"),
    (lambda: GaussianNoise(True), "stddev must be a finite number of at least 0, got True"),
    (lambda: Rescaling("x"), "Rescaling: scale must be a finite number, got 'x'"),
    (lambda: Rescaling(np.nan), "Rescaling: scale must be a finite number, got nan"),
    (lambda: Rescaling(1, -np.inf), "Rescaling: offset must be a finite number, got -inf"),
    (lambda: RandomErasing("x"), "RandomErasing: factor must be a finite number, got 'x'"),
    (lambda: RandomErasing(0.5, fill_value="x"), "fill_value must be a finite number, got 'x'"),
    (lambda: parts.RandomRotation(0.1, fill_value=None), "RandomRotation: fill_value must be a fi"),
    (lambda: parts.RandomZoom(2), "got 2. A number f of at least 0 stands for (-f, f)."),
    (lambda: BatchNormalization(momentum="x"), "momentum must be a finite number, got 'x'"),
    (lambda: BatchNormalization(epsilon="x"), "epsilon must be a finite number, got 'x'"),
    (lambda: LayerNormalization(epsilon=0), "LayerNormalization: epsilon must be greater than 0"),
    (lambda: Normalization(axis="x"), "Normalization: axis must be a whole number"),
    (lambda: Normalization(axis=(1, 1.5)), "Normalization: axis must be a whole number"),
    (lambda: EarlyStopping(min_delta="x"), "EarlyStopping: min_delta must be a finite number"),
    (lambda: ReduceLROnPlateau(min_delta=[]), "ReduceLROnPlateau: min_delta must be a finite num"),
    (lambda: EarlyStopping(patience=-1), "patience must be a whole number of at least 0, got -1"),
]


@pytest.mark.parametrize(("make", "words"), ARGUMENTS, ids=[words for _, words in ARGUMENTS])
def test_arguments_of_the_wrong_kind(make, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        make()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Dense(3, activaton="relu"), "Dense: unexpected argument 'activaton'. Did you"),
        (lambda: Dense(3, activaton="relu"), "mean 'activation'?"),
        (lambda: Conv2D(2, 3, use_bais=False), "Did you mean 'use_bias'?"),
        (lambda: LSTM(3, return_sequence=True), "Did you mean 'return_sequences'?"),
        (lambda: LSTM(3, nmae="reader"), "Did you mean 'name'?"),
        (lambda: Dense(3, kernel_regulariser="l2"), "Did you mean 'kernel_regularizer'?"),
        (lambda: Flatten(zzz=1), "Flatten: unexpected argument 'zzz'."),
    ],
)
def test_misspelt_arguments_of_layers(make, words):
    with pytest.raises(TypeError, match=re.escape(words)):
        make()


# ------------------------------------------------------------------------------------ shapes

FIVE, THREE = np.ones((6, 5), bool), np.eye(3)[np.arange(6) % 3]
SHAPES = {
    "kernel larger than the image": (
        *([Conv2D(2, 9), Flatten()], IMAGES),
        *("layer 'conv2d'", "expected inputs of shape (n, at least 9, at least 9, channels)"),
        "got shape (n, 8, 8, 3). The windows are larger: use padding='same' or a smaller kernel",
    ),
    "image grown too small on the way": (
        *([Conv2D(2, 5), parts.MaxPooling2D(3), Conv2D(2, 3, name="last"), Flatten()], IMAGES),
        *("layer 'last'", "got shape (n, 1, 1, 2)"),
    ),
    "window larger than the series": (
        *([parts.MaxPooling1D(6), Flatten()], SERIES, "(n, at least 6, channels)"),
        "a smaller pool_size",
    ),
    "groups that do not divide": (
        *([Conv2D(2, 3, groups=2), Flatten()], IMAGES),
        *(
            "expected inputs of shape (n, ..., a multiple of 2)",
            "groups=2 must divide the channels",
        ),
    ),
    "images without channels": (
        *([Conv2D(2, 3), Flatten()], IMAGES[..., 0]),
        *("got shape (n, 8, 8)", "Use x[..., None] to add an axis of one channel"),
    ),
    "pooling without channels": (
        *([parts.MaxPooling2D(), Flatten()], IMAGES[..., 0]),
        "Use x[..., None] to add an axis of one channel",
    ),
    "a table for an LSTM": (
        *([LSTM(2)], TABLE[:6], "(n, time, features)", "got shape (n, 4)"),
        "One number for each step is x[..., None]",
    ),
    "sequences of length 0": (
        *([LSTM(2)], SERIES[:, :0], "got shape (6, 0, 3). There are samples, but without a single"),
    ),
    "a reshape that does not work out": (
        *([parts.Reshape((4, 4)), Flatten()], SERIES),
        "A sample has 15 numbers, target_shape=(4, 4) needs 16",
    ),
    "axis that there is not": (
        *([BatchNormalization(axis=3), Flatten()], SERIES),
        *("layer 'batch_normalization'", "axis=3 is none of its axes but that of the samples"),
    ),
    "axis of the samples": (
        *([BatchNormalization(axis=0), Flatten()], SERIES),
        "axis=0 is none of its axes but that of the samples",
    ),
    "heads that do not share": (
        *([TransformerBlock(2, 4), Flatten()], SERIES),
        "3 features cannot be shared out among 2 heads. Give key_dim",
    ),
}


@pytest.mark.parametrize("case", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("way", ["fit", "train_on_batch", "evaluate", "predict"])
def test_inputs_that_layers_cannot_read(case, way):
    layers, x, *words = case
    model = network(*(type(layer)(**layer.config()) for layer in layers))
    given = (x,) if way == "predict" else (x, THREE)
    refused(model, lambda: getattr(model, way)(*given), ValueError, *words)
    assert all(layer.output_shape is None for layer in model.layers)


MASKED = {
    "LSTM": (lambda: LSTM(2), "layer 'lstm': mask must have a truth value for each step"),
    "Bidirectional": (lambda: Bidirectional(GRU(2)), "mask must have a truth value for each step"),
    "attention": (lambda: MultiHeadAttention(1, 2), "layer 'multi_head_attention': mask must have"),
    "block": (lambda: TransformerBlock(1, 2), "mask must have the shape (6, 5)"),
    "pooling": (GlobalAveragePooling1D, "'global_average_pooling1d': expected a mask of shape"),
}


@pytest.mark.parametrize(("make", "words"), MASKED.values(), ids=MASKED)
@pytest.mark.parametrize("shape", [(6, 4), (5,), (6, 5, 1), (4, 5)])
def test_masks_of_the_wrong_shape(make, words, shape):
    layer = make()
    wanted = layer(SERIES)
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        layer(SERIES, mask=np.ones(shape, bool))
    assert "(6, 5)" in str(caught.value)
    assert str(caught.value).endswith(f"{shape}.")
    assert np.allclose(layer(SERIES, mask=FIVE), wanted)


def test_sequences_of_labels():
    """Predictions (n, time, classes): the targets that do not fit, and what to do."""
    model = network()
    for y, words in (
        (LABELS[:6], "y has shape (6,), but the predictions have shape (6, 5, 3)"),
        (np.ones((6, 4), int), "y has shape (6, 4), but the predictions have shape (6, 5, 3)"),
        (np.full((6, 5, 1), 0.5), "labels must be whole numbers, got"),
        (np.ones((6, 5, 4)), "Expected y of shape (6, 5, 3), got (6, 5, 4)"),
        (np.full((6, 5), 3), "label 3 of sample 0 is out of range"),
        (THREE, "y has shape (6, 3)"),
    ):
        refused(model, lambda y=y: model.fit(SERIES, y, verbose=0), ValueError, words)
    with_one = network(loss="mse")
    wrong = np.ones((6, 5, 3, 1))
    words = "Use y[..., 0]."
    refused(with_one, lambda: with_one.fit(SERIES, wrong, verbose=0), ValueError, words)
    y = np.ones((6, 5), int)
    with_weights = {"sample_weight": np.ones((6, 4)), "verbose": 0}
    words = "shape (6,), or one per step, shape (6, 5), got shape (6, 4)"
    refused(model, lambda: model.fit(SERIES, y, **with_weights), ValueError, words)
    with_classes = {"class_weight": {3: 1.0}, "verbose": 0}
    words = "no class 3, they are 0 to 2"
    refused(model, lambda: model.fit(SERIES, y, **with_classes), ValueError, words)
    assert np.isfinite(model.fit(SERIES, y, verbose=0).history["loss"]).all()


# ------------------------------------------------------------------------------------ ids


def reader():
    return network(Embedding(7, 2), Flatten())


@pytest.mark.parametrize("wrong", [7, -1, 1000])
def test_ids_outside_the_vocabulary_while_an_epoch_runs(wrong):
    """Found in the batch that holds it, in a replay; what was learned before stays."""
    model, ids = reader(), random.integers(0, 7, (9, 4))
    model.fit(ids, LABELS, 3, verbose=0)
    ids[8, 2] = wrong
    words = (f"id {wrong} is outside the vocabulary", "0 to 6", "a larger input_dim")
    steps = float(model.optimizer.iterations)
    with pytest.raises(IndexError) as caught:
        model.fit(ids, LABELS, 3, verbose=0, shuffle=False)
    assert all(word in str(caught.value) for word in words)
    assert float(model.optimizer.iterations) == steps + 2
    assert all(p.grad is None for p in model.parameters())
    for way in (model.predict, lambda x: model.evaluate(x, LABELS), model.predict_on_batch):
        refused(model, lambda way=way: way(ids), IndexError, *words)
    assert np.isfinite(model.fit(ids[:8], LABELS[:8], verbose=0).history["loss"]).all()


def test_ids_that_are_no_whole_numbers():
    model, ids = reader(), random.integers(0, 7, (9, 4)).astype("float32")
    model.fit(ids, LABELS, verbose=0)
    whole = model.predict(ids)
    assert np.array_equal(whole, model.predict(ids.astype(int)))
    ids[4, 1] = 1.5
    words = ("x: the first layer takes whole numbers", "sample 4 holds 1.5")
    for way in (model.predict, lambda x: model.fit(x, LABELS, verbose=0)):
        refused(model, lambda way=way: way(ids), ValueError, *words)
    ids[4, 1] = np.nan
    refused(model, lambda: model.predict(ids), ValueError, "x: sample 4 holds nan")


# ------------------------------------------------------------------------------------ one sample


def normalized(**options):
    return network(Dense(5), BatchNormalization(**options))


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("built", [False, True])
def test_a_last_batch_of_one_is_refused_before_the_first_step(eager, built):
    """Not after most of an epoch has been learned."""
    model = network(Dense(5), BatchNormalization(), eager=eager)
    if built:
        model.fit(TABLE[:8], LABELS[:8], 4, verbose=0)
    words = (
        *("layer 'batch_normalization' (BatchNormalization()): the last batch of an epoch, 9 samp"),
        *("in batches of 4, is a single sample", "Use larger batches", "leaves no rest of 1"),
        *("LayerNormalization", "trainable=False"),
    )
    refused(model, lambda: model.fit(TABLE, LABELS, 4, verbose=0), ValueError, *words)
    refused(model, lambda: model.fit(TABLE, LABELS, 1, verbose=0), ValueError, *words[-3:])
    refused(model, lambda: model.train_on_batch(TABLE[:1], LABELS[:1]), ValueError, *words[-3:])
    inside = Sequential([model, Dense(3, "softmax")])
    inside.compile("categorical_crossentropy")
    refused(inside, lambda: inside.fit(TABLE, LABELS, 4, verbose=0), ValueError, "layer 'batch_n")
    model.fit(TABLE, LABELS, 5, verbose=0)  # the last batch is of 4
    model.fit(TABLE, LABELS, 4, verbose=0, steps_per_epoch=2)  # it is not reached
    model.fit(TABLE, LABELS, 3, verbose=0, validation_data=(TABLE[:1], LABELS[:1]))
    assert model.predict(TABLE[:1]).shape == (1, 3)


def test_a_batch_of_one_where_it_brings_several_values():
    series = Sequential([BatchNormalization(), Flatten(), Dense(2)])
    frozen = Sequential([Dense(5), BatchNormalization(trainable=False), Dense(2)])
    for model, x in ((series, SERIES), (frozen, TABLE)):
        model.compile("mse")
        model.fit(x, np.ones((len(x), 2)), len(x) - 1, epochs=2, verbose=0)


def test_a_batch_of_one_that_an_iterable_or_a_model_of_ones_own_brings():
    """It cannot be foreseen: the layer itself says so."""

    class Own(Model):
        def __init__(self):
            super().__init__()
            self.norm, self.last = BatchNormalization(), Dense(3, "softmax")

        def forward(self, x):
            return self.last(self.norm(x))

    words = "layer 'batch_normalization'|layer 'norm'.*single value for each channel.*Use larger"
    for model in (normalized(), Own()):
        model.compile("categorical_crossentropy")
        batches = [(TABLE[:8], LABELS[:8]), (TABLE[8:], LABELS[8:])]
        with pytest.raises(ValueError, match=words):
            model.fit(batches, verbose=0)
        assert all(p.grad is None for p in model.parameters())
        assert axon.modes.modes.recorder is None
        assert np.isfinite(model.fit(TABLE, LABELS, 3, verbose=0).history["loss"]).all()


# ------------------------------------------------------------------------------------ iterables


def stream(bad, at=2, n=4):
    return [bad if i == at else (TABLE, LABELS) for i in range(n)]


@pytest.mark.parametrize(
    ("bad", "error", "words"),
    [
        ((TABLE[:, :3], LABELS), ValueError, "batch 2 of the iterable: x of shape (9, 3) does not"),
        ((TABLE * np.nan, LABELS), ValueError, "batch 2 of the iterable: x: sample 0 holds nan"),
        (
            (TABLE, LABELS + 1),
            ValueError,
            "batch 2 of the iterable: categorical_cross_entropy: lab",
        ),
        ((TABLE[:0], LABELS[:0]), ValueError, "batch 2 of the iterable: x: expected at least one"),
        (
            (TABLE, LABELS, TABLE),
            ValueError,
            "batch 2 of the iterable: sample_weight: expected one",
        ),
        ((TABLE, LABELS[:5]), ValueError, "batch 2 of the iterable: Different numbers of samples"),
        (TABLE, TypeError, "batch 2 of the iterable: expected batches (x, y)"),
        (None, TypeError, "batch 2 of the iterable: expected batches (x, y)"),
    ],
)
def test_a_batch_that_does_not_fit(bad, error, words):
    """What the batches before it taught stays; nothing else does."""
    twin = network()
    twin.fit(stream(None)[:2], verbose=0)
    model = network()
    with pytest.raises(error) as caught:
        model.fit(stream(bad), verbose=0)
    assert words in str(caught.value)
    assert state(model) == state(twin)
    assert all(p.grad is None for p in model.parameters())
    model.fit(stream(None)[:2], verbose=0)
    with pytest.raises(error):
        model.fit(TABLE, LABELS, verbose=0, validation_data=stream(bad))


def test_iterables_that_end_early():
    model = network(Dense(4, 4))
    refused(model, lambda: model.fit([], verbose=0), ValueError, "An epoch needs at least one.")
    words = "ended after 0 batches. It can be read only once"
    refused(model, lambda: model.fit(iter([]), verbose=0), ValueError, words)
    words = "predict: the iterator yields no batches. It can be read only once: make a new one."
    refused(model, lambda: model.predict(iter([])), ValueError, words)
    with pytest.raises(ValueError, match=r"ended after 2 batches, but 5 were .* Lower steps_per_e"):
        model.fit(stream(None)[:2], steps_per_epoch=5, verbose=0)
    with pytest.raises(ZeroDivisionError):
        model.fit((1 / 0 for _ in range(2)), verbose=0)
    assert np.isfinite(model.fit(stream(None)[:2], verbose=0).history["loss"]).all()


# ------------------------------------------------------------------------------------ interrupted


class Raises(Callback):
    def __init__(self, error, hook, after):
        self.error, self.after = error, after
        setattr(self, hook, self.count)

    def count(self, *args, **options):
        self.after -= 1
        if self.after < 0:
            raise self.error


HOOKS = ("on_train_batch_begin", "on_train_batch_end", "on_epoch_end", "on_test_batch_end")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), KeyError("mine")], ids=repr)
@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("eager", [False, True])
def test_a_callback_that_raises_leaves_the_model_as_it_was_then(error, hook, eager):

    def fresh():
        model = network(BatchNormalization(), parts.Dropout(0.3), optimizer="adam", eager=eager)
        model.build((4,))
        return model

    model, twin = fresh(), fresh()
    raises = Raises(error, hook, after=2 if hook == "on_train_batch_begin" else 1)
    options = {"shuffle": False, "verbose": 0, "validation_data": (TABLE, LABELS)}
    with pytest.raises(type(error)):
        model.fit(TABLE, LABELS, 3, epochs=3, callbacks=[raises], **options)
    assert all(p.grad is None for p in model.parameters())
    modes = axon.modes.modes
    assert (modes.recorder, modes.training, modes.grad, modes.scope) == (None, False, True, "")
    steps = {"on_epoch_end": 6, "on_test_batch_end": 6}.get(hook, 2)
    for step in range(steps):
        rows = np.arange(3) + 3 * (step % 3)
        twin.train_on_batch(TABLE[rows], LABELS[rows])
    assert state(model)[:2] == state(twin)[:2]
    first, second = (m.fit(TABLE, LABELS, 3, **options).history for m in (model, twin))
    assert first == second


def test_names_that_are_not_there_to_monitor():
    model = network()
    for callback, words in (
        (
            EarlyStopping(),
            "there is no 'val_loss' to monitor, because there are no validation data",
        ),
        (ReduceLROnPlateau("accuracy"), "there is no 'accuracy' to monitor"),
    ):
        with pytest.raises(ValueError, match=words):
            model.fit(TABLE, LABELS, epochs=2, verbose=0, callbacks=[callback])
    assert np.isfinite(model.fit(TABLE, LABELS, verbose=0).history["loss"]).all()


# ------------------------------------------------------------------------------------ numbers


@pytest.mark.parametrize("loss", ["hinge", "squared_hinge"])
def test_targets_that_hinges_do_not_know(loss):
    model = Sequential([Dense(4, 3)])
    model.compile(loss, SGD(0.1))
    hot = np.eye(3)[LABELS]
    for y, words in (
        (hot * 2, "targets must be -1 and 1, or 0 and 1, got 2.0"),
        (hot * 0.5, "targets must be -1 and 1, or 0 and 1, got 0.5"),
        (LABELS, "y has shape (9,), but the predictions have shape (9, 3)"),
    ):
        refused(model, lambda y=y: model.fit(TABLE, y, verbose=0), ValueError, loss, words)
    text = np.array([["a"] * 3] * 9)
    words = "y holds text or objects"
    refused(model, lambda: model.fit(TABLE, text, verbose=0), TypeError, words)
    for y in (hot > 0, hot.astype(np.uint8), 2 * hot - 1, hot.astype(">f8")):
        assert np.isfinite(model.fit(TABLE, y, verbose=0).history["loss"]).all()


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered:RuntimeWarning")
def test_a_learning_rate_that_is_far_too_large_is_named_once(eager):
    model = network(Dense(8, "relu"), loss="mse", optimizer=SGD(1e30), eager=eager)
    y = np.ones((9, 3))
    with pytest.warns(RuntimeWarning, match="the loss became .*smaller learning rate") as seen:
        model.fit(TABLE, y, 3, epochs=3, verbose=0)
    assert len([w for w in seen if "the loss became" in str(w.message)]) == 1
    assert not np.isfinite(model.evaluate(TABLE, y))


def test_images_of_bytes_are_what_they_are_as_floats():
    images = (IMAGES * 255).astype(np.uint8)
    first = network(Conv2D(2, 3), Flatten())
    first.fit(images, THREE, 4, verbose=0)
    second = network(Conv2D(2, 3), Flatten())
    second.fit(images.astype("float32"), THREE, 4, verbose=0)
    assert state(first) == state(second)
    assert np.array_equal(first.predict(images), second.predict(images.astype(float)))


# ------------------------------------------------------------------------------------ not errors


def test_layers_without_weights_take_any_shape_at_any_time():
    for layer in (Flatten(), Rescaling(0.5), parts.Activation("tanh"), parts.Dropout(0.1)):
        for x in (TABLE, SERIES, IMAGES):
            assert layer.forward(x).shape[0] == len(x)
    between = Sequential([Dense(3, 4), Rescaling(0.5), Dense(2)])
    assert between.predict(SERIES).shape == (6, 5, 2)
    with pytest.raises(ValueError, match=r"layer 'flatten'.*expected inputs of shape \(n, ...\)"):
        Flatten().forward(np.float32(1))


def test_convolutions_read_series_of_any_length_but_not_of_other_channels():
    layer = Conv1D(2, 3)
    assert layer(SERIES).shape == (6, 3, 2)
    assert layer(SERIES[:, :3]).shape == (6, 1, 2)
    with pytest.raises(ValueError, match=r"expected inputs of shape \(n, ..., 3\)"):
        layer(SERIES[..., :2])
