"""Bad input: the error names what is wrong, what was expected, what came, and how to mend it.

Each is raised before anything is changed: weights, optimizer, random numbers and inputs are the
same afterwards, and the model can be used.
"""

import re

import numpy as np
import pytest

import axon
from axon import RecordingError, Tensor, activations, initializers
from axon.layers import Dense, Flatten, Normalization
from axon.layers.base import Neuron
from axon.losses import BinaryCrossEntropy
from axon.models import Sequential
from axon.optimizers import SGD, Adam
from axon.random import stream

X = np.random.default_rng(0).normal(size=(12, 4))
Y = np.arange(12) % 3
HOT, YES, NUMBERS = np.eye(3)[Y], (Y[:, None] > 0) * 1.0, X[:, :2].copy()

NETWORKS = {
    "classes": (lambda n: Dense(*n, 3, "softmax"), "categorical_crossentropy", Y),
    "yes or no": (lambda n: Dense(*n, 1, "sigmoid"), "binary_crossentropy", YES),
    "numbers": (lambda n: Dense(*n, 2), "mse", NUMBERS),
}


def network(kind="classes", built=True, **options):
    last, loss, y = NETWORKS[kind]
    layers = [Dense(4, 8, "relu"), last([8])] if built else [Dense(8, "relu"), last([])]
    model = Sequential(layers)
    model.compile(loss, options.pop("optimizer", None) or Adam(0.01), **options)
    return model, y


def snapshot(model):
    """All that bad input must not change, as bytes."""
    parameters = [(name, p.numpy().tobytes()) for name, p in model.named_parameters().items()]
    shapes = [(layer.name, layer.input_shape, layer.output_shape) for layer in model.layers]
    state = (
        [] if model._trainer is None else [a.tobytes() for a in model.optimizer.state().values()]
    )
    streams = [str(stream(name).bit_generator.state) for name in ("init", "shuffle")]
    return parameters, shapes, state, streams


def refuses(model, way, error, *words, inputs=()):
    """``way()`` raises an error with these words, and nothing is changed by it."""
    before, copies = snapshot(model), [np.array(a, copy=True) for a in inputs]
    with pytest.raises(error) as caught:
        way()
    message = str(caught.value)
    for word in words:
        assert word in message, message
    assert snapshot(model) == before
    for array, copy in zip(inputs, copies, strict=True):
        assert np.array_equal(array, copy, equal_nan=copy.dtype.kind == "f")
    return message


def still_works(model, y):
    assert np.isfinite(model.fit(X, y, epochs=2, verbose=0).history["loss"]).all()
    assert np.isfinite(model.predict(X)).all()


every_network = pytest.mark.parametrize("kind", NETWORKS)
both = pytest.mark.parametrize("built", [True, False], ids=["built", "not built yet"])


def every_door(model, x, y):
    """All ways by which samples and targets come in together."""
    yield "fit", lambda: model.fit(x, y, verbose=0)
    yield "evaluate", lambda: model.evaluate(x, y)
    yield "train", lambda: model.train(x, y)
    yield "train_on_batch", lambda: model.train_on_batch(x, y)
    good = np.asarray(model.trainer.loss.targets(YS[id(model)], (12, OUT[id(model)])))
    yield "validation_data", lambda: model.fit(X, good, verbose=0, validation_data=(x, y))


YS, OUT = {}, {}


def bad_data(kind, x, y, error, *words, built=True):
    """Refused at every door, for each model the same; afterwards the model works."""
    model, good = network(kind, built)
    YS[id(model)], OUT[id(model)] = good, {"classes": 3, "yes or no": 1, "numbers": 2}[kind]
    inputs = [a for a in (x, y) if isinstance(a, np.ndarray) and a.dtype.kind in "fiub"]
    messages = {}
    for door, way in every_door(model, x, y):
        messages[door] = refuses(model, way, error, *words, inputs=inputs)
        assert messages[door].startswith("validation_data: ") == (door == "validation_data")
    still_works(model, good)
    return messages["fit"]


# ------------------------------------------------------------------------------------ features


@every_network
@pytest.mark.parametrize("width", [3, 5, 1])
def test_a_wrong_feature_count(kind, width):
    x = np.ones((12, width))
    _, good = network(kind)
    message = bad_data(
        *(kind, x, good, ValueError),
        *(f"x of shape (12, {width})", "layer 'dense' (Dense(4, 8, relu))"),
        *("expected inputs of shape (n, 4)", f"got shape (n, {width})", "Give it 4 features"),
        f"or make the layer with input_size={width}.",
    )
    model, _ = network(kind)
    assert refuses(model, lambda: model.predict(x), ValueError) == message


@every_network
@both
def test_one_axis_too_few(kind, built):
    words = ("layer 'dense'", "got shape (n,)", "x.reshape(1, -1) for one sample")
    bad_data(kind, X[:, 0], NETWORKS[kind][2], ValueError, "x of shape (12,)", *words, built=built)
    model, y = network(kind, built)
    refuses(model, lambda: model.predict(X[0]), ValueError, "x of shape (4,)", *words)
    still_works(model, y)


@both
def test_forward_names_the_layer_and_the_shape(built):
    model, _ = network()
    words = "layer 'dense' (Dense(4, 8, relu)): expected inputs of shape (n, 4), got shape (7, 5)"
    for x in (np.ones((7, 5)), Tensor(np.ones((7, 5)))):
        refuses(model, lambda x=x: model.forward(x), ValueError, words)


@every_network
@both
@pytest.mark.parametrize(("n", "m"), [(12, 11), (11, 12), (1, 12), (12, 1)])
def test_x_and_y_of_different_lengths(kind, built, n, m):
    bad_data(
        *(kind, X[:n], NETWORKS[kind][2][:m], ValueError, f"x has {n}, y has {m}"),
        *("Different numbers of samples", "Each sample needs one of each"),
        built=built,
    )


@every_network
@both
@pytest.mark.parametrize(
    "empty", [[], np.ones((0, 4)), np.ones(0), np.ones((12, 0))], ids=lambda a: str(np.shape(a))
)
def test_no_samples(kind, built, empty):
    shape = str(np.shape(empty))
    words = ("x: expected at least one sample, shape (n, ...)", f"got shape {shape}")
    bad_data(kind, empty, empty, ValueError, *words, built=built)
    model, y = network(kind, built)
    refuses(model, lambda: model.predict(empty), ValueError, *words)
    still_works(model, y)


@every_network
@both
def test_x_is_a_single_number(kind, built):
    words = ("x: expected at least one sample", "got shape ()")
    bad_data(kind, 3.0, NETWORKS[kind][2], ValueError, *words, built=built)


@every_network
@both
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_or_infinity_in_x(kind, built, value, dtype):
    x = X.astype(dtype)
    x[7, 2] = value
    words = (f"x: sample 7 holds {value}", "Remove such rows or fill the gaps", "np.nan_to_num")
    bad_data(kind, x, NETWORKS[kind][2], ValueError, *words, built=built)
    model, y = network(kind, built)
    refuses(model, lambda: model.predict(x), ValueError, *words, inputs=[x])
    still_works(model, y)


@every_network
@both
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_or_infinity_in_y(kind, built, value):
    y = NETWORKS[kind][2].astype(float)
    y[5] = value
    words = ("y holds NaN or infinity", "first in sample 5", "Remove it")
    bad_data(kind, X, y, ValueError, *words, built=built)


@every_network
@both
def test_numbers_too_large_for_the_model(kind, built):
    words = ("the size of the largest number is 1e+300", "float32, which ends at 3.4e+38", "Scale")
    x = X.copy()
    x[3, 1] = -1e300
    bad_data(kind, x, NETWORKS[kind][2], ValueError, "x: ", *words, built=built)
    if kind == "numbers":
        y = NUMBERS.copy()
        y[2, 0] = 1e300
        bad_data(kind, X, y, ValueError, "mean_squared_error: y: ", *words, built=built)


def test_numbers_too_large_for_float32_fit_into_float64():
    model = Sequential([Dense(4, 1, dtype="float64")])
    assert np.isfinite(model.predict(X * 1e100)).all()


@every_network
@both
@pytest.mark.parametrize(
    ("x", "words"),
    [
        (X.astype(str), ("<U", "np.asarray(values, dtype='float32')")),
        (np.array([["red", 1.0, 2.0, 3.0]] * 12, object), ("dtype object", "(first: 'red')")),
        (np.full((12, 4), None), ("dtype object", "(first: None)")),
        (X * 1j, ("complex128",)),
        (np.full((12, 4), np.datetime64("2020-01-01")), ("datetime64",)),
    ],
    ids=["text", "objects", "None", "complex", "dates"],
)
def test_x_that_is_not_numbers(kind, built, x, words):
    message = ("x: expected numbers, got an array of dtype", *words)
    bad_data(kind, x, NETWORKS[kind][2], TypeError, *message, built=built)
    model, y = network(kind, built)
    refuses(model, lambda: model.predict(x), TypeError, *message)
    still_works(model, y)


@every_network
@both
def test_rows_of_different_lengths(kind, built):
    x = [[1.0, 2.0, 3.0, 4.0], [1.0, 2.0]]
    bad_data(kind, x, [0, 1], ValueError, "x: the rows do not form an array", built=built)
    y = [[1.0], [1.0, 2.0], *[[1.0]] * 10]
    bad_data(kind, X, y, ValueError, ": the rows of y do not form an array", built=built)


# ------------------------------------------------------------------------------------ targets


@both
@pytest.mark.parametrize(
    ("y", "words"),
    [
        (Y + 1, ("label 3 of sample 2 is out of range", "3 outputs", "from 0 to 2", "np.unique")),
        (Y - 1, ("label -1 of sample 0 is out of range", "from 0 to 2")),
        (Y.astype(np.uint8) + 200, ("label 200 of sample 0 is out of range",)),
        (Y * 0.5, ("labels must be whole numbers, got", "0.5")),
        ((Y + 1)[:, None], ("label 3 of sample 2 is out of range", "3 outputs")),
        (np.eye(4)[Y], ("one-hot for 4 classes", "3 outputs", "Expected y of shape (12, 3)")),
        (np.eye(3)[Y][:, :2], ("one-hot for 2 classes", "got (12, 2)")),
        (HOT * 2, ("row 0 adds up to 2", "must be one-hot, or probabilities that add up to 1")),
        (HOT[..., None], ("y has shape (12, 3, 1)", "predictions have shape (12, 3)")),
    ],
    ids=[
        *("out of range", "negative", "bytes", "fractions", "(n, 1)", "too wide", "too narrow"),
        *("not one-hot", "one axis too many"),
    ],
)
def test_labels_that_do_not_fit(built, y, words):
    bad_data("classes", X, y, ValueError, "categorical_cross_entropy: ", *words, built=built)


@both
@pytest.mark.parametrize(
    ("y", "words"),
    [
        (YES.ravel(), ("y has shape (12,)", "predictions have shape (12, 1)", "y.reshape(-1, 1)")),
        (np.eye(2)[Y // 2], ("y has shape (12, 2)", "Give each output of the model its target")),
        (YES * 2, ("targets must lie between 0 and 1, got 2.0", "CategoricalCrossEntropy")),
        (-YES, ("targets must lie between 0 and 1, got -1.0",)),
        (YES[..., None], ("y has shape (12, 1, 1)",)),
    ],
    ids=["(n,)", "one-hot", "2", "-1", "one axis too many"],
)
def test_answers_of_yes_or_no_that_do_not_fit(built, y, words):
    bad_data("yes or no", X, y, ValueError, "binary_cross_entropy: ", *words, built=built)


@both
@pytest.mark.parametrize("shape", [(12,), (12, 1), (12, 3), (12, 2, 1)])
def test_numbers_that_do_not_fit(built, shape):
    words = (f"mean_squared_error: y has shape {shape}", "the predictions have shape (12, 2)")
    bad_data("numbers", X, np.ones(shape), ValueError, *words, built=built)


@every_network
@both
@pytest.mark.parametrize(
    "y",
    [["cat", "dog"] * 6, np.array(["cat", 1] * 6, object), np.array([b"cat"] * 12)],
    ids=["text", "objects", "bytes"],
)
def test_text_labels(kind, built, y):
    words = ("y holds text or objects", "cat", "classes, y = np.unique(y, return_inverse=True)")
    bad_data(kind, X, y, TypeError, *words, built=built)


@every_network
@both
def test_no_targets_and_complex_ones(kind, built):
    bad_data(kind, X, None, TypeError, "y is missing. Pass ", built=built)
    bad_data(kind, X, X * 1j, TypeError, "y must hold real numbers, got dtype complex", built=built)
    for single in (1.0, np.float32(1), np.array(1)):
        words = ("y must hold one target per sample, got",)
        bad_data(kind, X, single, ValueError, *words, built=built)


def test_a_single_output_with_categorical_cross_entropy():
    model = Sequential([Dense(4, 1, "sigmoid")])
    model.compile("categorical_crossentropy")
    words = ("a single output cannot tell classes apart", "Use BinaryCrossEntropy with sigmoid")
    refuses(model, lambda: model.fit(X, Y % 2, verbose=0), ValueError, *words)


@pytest.mark.parametrize(
    ("units", "loss", "y", "last"),
    [
        (3, "categorical_crossentropy", Y, "softmax"),
        (1, "binary_crossentropy", YES, "sigmoid"),
    ],
)
def test_a_last_activation_that_was_forgotten(units, loss, y, last):
    model = Sequential([Dense(4, units)])
    model.compile(loss, SGD(0.1))
    before = [p.numpy().copy() for p in model.parameters()]
    for way in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match="expected probabilities between 0 and 1") as caught:
            way(X, y, verbose=0)
        assert f"End the model with activation='{last}'" in str(caught.value)
    assert all(
        np.array_equal(a, p.numpy()) for a, p in zip(before, model.parameters(), strict=True)
    )


# ------------------------------------------------------------------------------------ weights


@every_network
@both
@pytest.mark.parametrize(
    ("w", "error", "words"),
    [
        (np.ones(11), ValueError, ("expected one weight per sample, shape (12,)", "shape (11,)")),
        (np.ones((12, 5)), ValueError, ("shape (12,)", "got shape (12, 5)")),
        (1.0, ValueError, ("expected at least one sample", "got shape ()")),
        (-np.ones(12), ValueError, ("weights must be at least 0, got -1.0",)),
        (np.full(12, np.nan), ValueError, ("sample 0 holds nan",)),
        (np.full(12, 1e300), ValueError, ("largest number is 1e+300",)),
        (["a"] * 12, TypeError, ("expected numbers, got an array of dtype <U1",)),
    ],
    ids=["too few", "(n, 5)", "a number", "negative", "NaN", "huge", "text"],
)
def test_sample_weights_that_do_not_fit(kind, built, w, error, words):
    model, y = network(kind, built)
    for way in (model.fit, model.evaluate):
        refuses(
            *(model, lambda way=way: way(X, y, verbose=0, sample_weight=w), error),
            *("sample_weight: ", *words),
        )
    still_works(model, y)


@both
@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ("equal", TypeError, ("expected a dict from class to weight", "got 'equal'")),
        ([1.0, 2.0, 3.0], TypeError, ("expected a dict from class to weight",)),
        ({3: 1.0}, ValueError, ("no class 3, they are 0 to 2",)),
        ({-1: 1.0}, ValueError, ("no class -1",)),
        ({"1": 1.0}, ValueError, ("no class '1'",)),
        (
            {1: -2.0},
            ValueError,
            ("the weight of class 1 must be a number of at least 0, got -2.0",),
        ),
        ({1: np.nan}, ValueError, ("the weight of class 1",)),
        ({1: "2"}, ValueError, ("the weight of class 1", "got '2'")),
    ],
)
def test_class_weights_that_do_not_fit(built, given, error, words):
    model, y = network("classes", built)
    way = lambda: model.fit(X, y, verbose=0, class_weight=given)  # noqa: E731
    refuses(model, way, error, "class_weight: ", *words)
    still_works(model, y)


def test_class_weights_where_there_are_no_classes():
    model, y = network("numbers")
    words = ("class_weight: every sample must be of one class, 0 to 1", "Use sample_weight instead")
    refuses(model, lambda: model.fit(X, y, verbose=0, class_weight={0: 2.0}), ValueError, *words)


# ------------------------------------------------------------------------------------ settings


@both
@pytest.mark.parametrize("argument", ["batch_size", "epochs"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "3", None, True, np.float64(2), np.nan])
def test_batch_size_and_epochs_below_1(built, argument, value):
    model, y = network("classes", built)
    words = (f"{argument} must be a whole number of at least 1, got {value!r}",)
    options = {argument: value, "verbose": 0}
    refuses(model, lambda: model.fit(X, y, **options), ValueError, "fit: ", *words)
    refuses(model, lambda: model.train(X, y, **options), ValueError, "fit: ", *words)
    if argument == "batch_size" and value is not None:  # None: as many as are fast
        way = lambda: model.evaluate(X, y, batch_size=value)  # noqa: E731
        refuses(model, way, ValueError, "evaluate: ", *words)
        refuses(model, lambda: model.predict(X, value), ValueError, "predict: ", *words)
    still_works(model, y)


def test_initial_epoch_below_0():
    model, y = network()
    words = ("fit: initial_epoch must be a whole number of at least 0, got -1",)
    refuses(model, lambda: model.fit(X, y, initial_epoch=-1), ValueError, *words)


@pytest.mark.parametrize("value", [np.int64(2), np.uint8(2), 2])
def test_whole_numbers_of_all_types_are_taken(value):
    model, y = network()
    assert len(model.fit(X, y, batch_size=value, epochs=value, verbose=0).epoch) == 2


@both
@pytest.mark.parametrize("share", [-0.1, 1.0, 1, 1.5, np.nan, "0.2", None, True, [0.2]])
def test_a_validation_split_outside_0_and_1(built, share):
    model, y = network("classes", built)
    words = ("fit: validation_split must lie between 0 and 1, such as 0.2", f"got {share!r}")
    way = lambda: model.fit(X, y, verbose=0, validation_split=share)  # noqa: E731
    refuses(model, way, ValueError, *words)
    still_works(model, y)


@both
@pytest.mark.parametrize(("share", "what"), [(0.01, "validation"), (0.99, "training")])
def test_a_validation_split_that_leaves_nothing(built, share, what):
    model, y = network("classes", built)
    words = (f"validation_split={share} of 12 samples leaves none for {what}", "validation_data")
    way = lambda: model.fit(X, y, verbose=0, validation_split=share)  # noqa: E731
    refuses(model, way, ValueError, *words)
    still_works(model, y)


@both
@pytest.mark.parametrize("given", [X, (X,), (X, Y, Y, Y), {"x": X, "y": Y}, 3, ()])
def test_validation_data_that_are_no_pair(built, given):
    model, y = network("classes", built)
    words = ("validation_data must be a tuple (x, y) or (x, y, sample_weight), got",)
    way = lambda: model.fit(X, y, verbose=0, validation_data=given)  # noqa: E731
    refuses(model, way, TypeError, *words, type(given).__name__)
    still_works(model, y)


@pytest.mark.parametrize("make", [SGD, Adam])
@pytest.mark.parametrize("rate", [0, -0.01, np.nan])
def test_a_learning_rate_that_is_not_positive(make, rate):
    words = f"{make.__name__}: learning_rate must be a number larger than 0, got {rate!r}. Common"
    with pytest.raises(ValueError, match=re.escape(words)):
        make(learning_rate=rate)
    model, y = network(optimizer=make())
    words = ("learning_rate must be a number larger than 0",)
    refuses(model, lambda: setattr(model.optimizer, "learning_rate", rate), ValueError, *words)
    still_works(model, y)


# ------------------------------------------------------------------------------------ names


@pytest.mark.parametrize(
    ("what", "way", "near", "known"),
    [
        ("activation", lambda: Dense(3, 2, "rellu"), "relu", "tanh"),
        ("activation", lambda: Neuron(3, "sigmoit"), "sigmoid", "tanh"),
        ("activation", lambda: activations.get("sofmax"), "softmax", "tanh"),
        ("initializer", lambda: Dense(3, kernel_initializer="he_norml"), "he_normal", "zeros"),
        ("initializer", lambda: initializers.get("zeross"), "zeros", "ones"),
        ("loss", lambda: network()[0].compile("mean_squared_eror"), "mean_squared_error", "mse"),
        ("optimizer", lambda: network()[0].compile("mse", "addam"), "adam", "sgd"),
        ("metric", lambda: network()[0].compile("mse", "sgd", ["acuracy"]), "accuracy", "mae"),
    ],
)
def test_unknown_names_with_the_nearest_match(what, way, near, known):
    with pytest.raises(ValueError, match=f"unknown {what} '") as caught:
        way()
    assert f"Did you mean '{near}'? Known: " in str(caught.value)
    assert known in str(caught.value)


@pytest.mark.parametrize(
    ("what", "way"),
    [
        ("activation", lambda: Dense(3, 2, 5)),
        ("initializer", lambda: Dense(3, 2, kernel_initializer=5)),
        ("loss", lambda: network()[0].compile(5)),
        ("optimizer", lambda: network()[0].compile("mse", 5)),
        ("metric", lambda: network()[0].compile("mse", "sgd", [5])),
    ],
)
def test_what_is_no_name_at_all(what, way):
    with pytest.raises(TypeError, match=f"{what}: expected a name or an? .*, got 5. Known"):
        way()


def test_a_compile_that_fails_changes_nothing():
    model, y = network(metrics=["accuracy"])
    trainer, program = model.trainer, (model.fit(X, y, verbose=0), model.program)[1]
    for arguments in (("nonsense",), ("mse", "nonsense"), ("mse", "sgd", ["nonsense"])):
        with pytest.raises(ValueError, match="unknown"):
            model.compile(*arguments)
    assert model.trainer is trainer
    assert model.program is program
    still_works(model, y)


# ------------------------------------------------------------------------------------ models


@pytest.mark.parametrize("way", ["fit", "train", "evaluate", "train_on_batch"])
@both
def test_fit_before_compile(way, built):
    model = Sequential([Dense(4, 3, "softmax") if built else Dense(3, "softmax")], name="net")
    words = ("model 'net' is not compiled", "Call model.compile(loss='categorical_cross_entropy',")
    refuses(model, lambda: getattr(model, way)(X, Y), RuntimeError, *words)
    for name in ("optimizer", "loss", "trainer"):
        refuses(model, lambda name=name: getattr(model, name), RuntimeError, *words)
    model.compile("categorical_crossentropy")
    still_works(model, Y)


def test_a_program_before_there_is_one():
    model, _ = network()
    words = ("model 'sequential' has no program yet: fit or predict first",)
    refuses(model, lambda: model.program, RuntimeError, *words)


def test_layers_whose_sizes_do_not_fit():
    words = (
        r"layer 'dense' \(Dense\(16, 3, softmax\)\): expected inputs of shape \(n, 16\), got shape "
        r"\(n, 8\). Give it 16 features, or make the layer with input_size=8."
    )
    with pytest.raises(ValueError, match=words):
        Sequential([Dense(4, 8), Dense(16, 3, "softmax")])
    model = Sequential([Dense(4, 8)])
    with pytest.raises(ValueError, match=words):
        model.add(Dense(16, 3, "softmax"))
    assert len(model.layers) == 1
    model.add(Dense(8, 3, "softmax"))
    assert model.predict(X).shape == (12, 3)


@pytest.mark.parametrize("way", ["fit", "evaluate", "predict"])
def test_layers_whose_sizes_turn_out_not_to_fit(way):
    """Only the data tell; the layers in front are as unbuilt afterwards as they were before."""
    model = Sequential([Dense(8), Dense(16, 3, "softmax")])
    model.compile("categorical_crossentropy")
    words = ("layer 'dense_1'", "expected inputs of shape (n, 16), got shape (n, 8)")
    given = (X,) if way == "predict" else (X, Y)
    refuses(model, lambda: getattr(model, way)(*given), ValueError, *words)
    assert model.layers[0].weights is None


@pytest.mark.parametrize("thing", ["relu", activations.relu, 3, None, np.ones(3), Neuron(3), Dense])
def test_something_in_sequential_that_is_not_a_layer(thing):
    words = r"Sequential: expected a layer, such as Dense\(64, activation='relu'\), got "
    model = Sequential([Dense(4, 3)])
    for way in (lambda: model.add(thing), lambda: Sequential([Dense(4, 3), thing])):
        with pytest.raises(TypeError, match=words) as caught:
            way()
        assert repr(thing) in str(caught.value)
    if thing is Dense:
        assert str(caught.value).endswith("Make one: Dense(...).")
    assert len(model.layers) == 1


def test_layers_without_a_list():
    words = r"Sequential: expected a list of layers: Sequential\(\[layer, ...\]\)."
    with pytest.raises(TypeError, match=words):
        Sequential(Dense(4, 3))
    with pytest.raises(TypeError, match=words):
        Sequential([Dense(4, 3)], Dense(3, 2))


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: Sequential(5), TypeError, "Sequential: expected a list of layers"),
        (lambda: Sequential("relu"), TypeError, "Sequential: expected a list of layers"),
        (
            lambda: axon.layers.Bidirectional(axon.layers.LSTM(2), backward_layer=3),
            TypeError,
            "Bidirectional: backward_layer must be a SimpleRNN, LSTM or GRU, or None, got 3.",
        ),
        (
            lambda: axon.layers.RandomFlip(None),
            TypeError,
            "RandomFlip: mode: expected a name, got None. Known: horizontal",
        ),
        (
            lambda: axon.initializers.VarianceScaling(mode=3),
            TypeError,
            "VarianceScaling mode: expected a name, got 3. Known: fan_avg",
        ),
        (
            lambda: axon.losses.BinaryCrossEntropy(label_smoothing="x"),
            ValueError,
            "binary_cross_entropy: label_smoothing must lie between 0 and 1, got 'x'.",
        ),
        (
            lambda: axon.losses.BinaryFocalCrossEntropy(gamma=None),
            ValueError,
            "binary_focal_cross_entropy: gamma must be 0 or more, got None.",
        ),
        (
            lambda: Sequential([axon.layers.Dense(2)]).build((None, 6)),
            ValueError,
            "build: expected the shape of one sample, without None for their number, such as (6,)",
        ),
    ],
)
def test_arguments_of_no_use_are_named(make, error, said):
    with pytest.raises(error, match=re.escape(said)):
        make()


@pytest.mark.parametrize("weight", [None, np.ones(4)])
@pytest.mark.parametrize(("wrong", "got"), [(lambda e: e.sum(), "shape ()"), (float, "float")])
def test_a_loss_of_ones_own_needs_no_name_but_a_number_for_each_sample(wrong, got, weight):
    class Mine(axon.losses.Loss):
        def per_sample(self, y_true, y_pred):
            return wrong((y_pred - y_true).sum()) if wrong is float else wrong(y_pred - y_true)

    said = f"Mine: per_sample must return a Tensor with what each sample costs, (4,), got {got}."
    with pytest.raises(ValueError, match=re.escape(said)):
        Mine().loss(np.zeros((4, 1)), np.ones((4, 1)), weight)


def test_a_model_without_layers():
    model = Sequential()
    model.compile("mse")
    for way in (
        lambda: model.fit(X, X, verbose=0),
        lambda: model.predict(X),
        lambda: model.evaluate(X, X),
        lambda: model.forward(X),
        lambda: model.forward(Tensor(X)),
        lambda: model.build((4,)),
    ):
        words = ("model 'sequential' has no layers. Add one: model.add(Dense(10)).",)
        refuses(model, way, RuntimeError, *words)


@pytest.mark.parametrize("way", ["fit", "train", "train_on_batch"])
def test_nothing_to_train(way):
    model = Sequential([Flatten()])
    model.compile("mse")
    words = ("model 'sequential' has nothing to train: its layers have no parameters. Add one",)
    refuses(model, lambda: getattr(model, way)(X, X), ValueError, *words)
    model, y = network()
    model.trainable = False
    words = ("has nothing to train: all its layers are frozen. Set layer.trainable = True.",)
    refuses(model, lambda: getattr(model, way)(X, y), ValueError, *words)
    model.trainable = True
    still_works(model, y)


def test_normalization_that_was_not_adapted():
    model = Sequential([Normalization(), Dense(3, "softmax")])
    model.compile("categorical_crossentropy")
    words = ("layer 'normalization': call adapt(data) before use",)
    refuses(model, lambda: model.fit(X, Y, verbose=0), RuntimeError, *words)


def test_float_of_a_tensor_while_recording():
    class Curious(BinaryCrossEntropy):
        def per_sample(self, y_true, y_pred):
            losses = super().per_sample(y_true, y_pred)
            self.seen = float(losses.mean())
            return losses

    model = Sequential([Dense(4, 1, "sigmoid")])
    model.compile(Curious(), SGD(0.1))
    before = [p.numpy().copy() for p in model.parameters()]
    with pytest.raises(RecordingError) as caught:
        model.fit(X, YES, verbose=0)
    message = str(caught.value)
    for word in (
        "float() needs a Tensor's value while a training step is being recorded, at ",
        *("test_errors.py:", "self.seen = float(losses.mean())"),
        *("A replay would repeat the value of this first batch for ever", "axon.ops.where"),
        "compile(..., eager=True)",
    ):
        assert word in message
    assert all(
        np.array_equal(a, p.numpy()) for a, p in zip(before, model.parameters(), strict=True)
    )
    model.compile(Curious(), SGD(0.1), eager=True)
    still_works(model, YES)
    assert model.loss.seen > 0


def test_an_error_while_recording_leaves_no_recorder_behind():
    class Broken(BinaryCrossEntropy):
        def per_sample(self, y_true, y_pred):
            raise RuntimeError("broken")

    model = Sequential([Dense(4, 1, "sigmoid")])
    model.compile(Broken())
    with pytest.raises(RuntimeError, match="broken"):
        model.fit(X, YES, verbose=0)
    assert float(Tensor([1.0]).sum()) == 1
    model.compile("binary_crossentropy")
    still_works(model, YES)


def test_a_seed_that_is_none():
    for seed in (-1, 1.5, "7", None, True):
        with pytest.raises(ValueError, match="seed: expected a whole number of at least 0, got"):
            axon.set_random_seed(seed)


# ------------------------------------------------------------------------------------ not errors


@pytest.mark.parametrize(
    "x",
    [X.tolist(), X > 0, X.astype(np.float16), (X * 100).astype(np.int8), X * 1e30, [*X], (*X,)],
    ids=["lists", "truth values", "float16", "int8", "huge", "list of rows", "tuple of rows"],
)
def test_unusual_data_that_are_fine(x):
    model, y = network()
    if isinstance(x, np.ndarray) and float(np.abs(x).max()) > 1e20:
        normalization = Normalization(dtype="float64")
        normalization.adapt(x)
        model = Sequential([normalization, *model.layers])
        model.compile("categorical_crossentropy")
    model.fit(x, y, epochs=2, verbose=0)
    assert model.predict(x).shape == (12, 3)


def test_more_axes_in_front_are_samples_of_samples():
    model = Sequential([Dense(4, 3, "softmax")])
    model.compile("categorical_crossentropy", metrics=["accuracy"])
    x, y = np.ones((6, 5, 4)), np.ones((6, 5), int)
    history = model.fit(x, y, epochs=2, verbose=0, validation_split=0.5)
    assert np.isfinite(history.history["val_loss"]).all()
    assert model.predict(x).shape == (6, 5, 3)
