"""What bears a name of Keras's means what it means there, argument by argument, or is refused.

The differences that remain are listed here, and in the table "Same name, same number" of the guide.
"""

import inspect
import json
import os
import subprocess
import sys
from ast import literal_eval
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import axon
from axon import (
    Tensor,
    callbacks,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
)
from axon.optimizers import schedules
from axon.parameter import Parameter
from tests.samples.loops import looped

ROOMS = {
    "layers": layers,
    "losses": losses,
    "metrics": metrics,
    "optimizers": optimizers,
    "schedules": schedules,
    "callbacks": callbacks,
    "initializers": initializers,
    "regularizers": regularizers,
    "constraints": constraints,
}
ALIKE = {"CategoricalGeneralizedCrossEntropy"}  # Keras writes others Crossentropy


def as_keras_writes(name):
    """What Keras calls it, if it has it."""
    return name if name in ALIKE else name.replace("CrossEntropy", "Crossentropy")


# a positional argument that is another in Keras -> why that can't be mistaken without a word
POSITIONAL = {
    "layers.Dense": "one size, as in Dense(10, 'relu'), is the number of neurons; more is refused",
    "layers.Normalization": "mean and variance belong together: an axis alone is refused",
    **dict.fromkeys(
        (f"layers.Conv{n}DTranspose" for n in (1, 2, 3)),
        "dilation_rate must be whole numbers: a data_format is refused",
    ),
    "layers.UpSampling2D": "interpolation has two names: a data_format is refused",
    **dict.fromkeys(
        (f"layers.Global{kind}Pooling{n}D" for kind in ("Average", "Max") for n in (1, 2, 3)),
        "keepdims must be True or False: a data_format is refused",
    ),
    "metrics.AUC": "curve must be 'ROC' or 'PR': a number of thresholds is refused",
    "metrics.BinaryAccuracy": "threshold must be a number: a name is refused",
    "metrics.Metric": "a base class: what it is given is a name, in Keras a dtype",
}

# a default that is another in Keras -> why; each stands in the guide's table, too
DEFAULTS = {
    "layers.AveragePooling1D.pool_size": "has one here, that of MaxPooling",
    "layers.AveragePooling2D.pool_size": "has one here, that of MaxPooling",
    "layers.MaxPooling2D.pool_size": "2 means (2, 2)",
    "layers.MaxPooling3D.pool_size": "2 means (2, 2, 2)",
    "layers.PReLU.alpha_initializer": "another name of the same",
    "layers.AveragePooling3D.pool_size": "has one here, that of MaxPooling",
    "layers.Dense.units": "another name of num_neurons",
    "layers.Embedding.embeddings_initializer": "another name of the same",
    "layers.MultiHeadAttention.key_dim": "has one here: the size of the input, by heads",
    "optimizers.LossScaleOptimizer.inner_optimizer": "has one here: Adam",
    "layers.RandomErasing.fill_value": "0 here, noise there",
}


def namesakes():
    """(room, our name, Keras's name) of every public class, whether Keras has it or not."""
    for room, module in ROOMS.items():
        for name in sorted(dir(module)):
            found = getattr(module, name)
            ours = inspect.isclass(found) and found.__module__.startswith("axon.")
            if ours and not name.startswith("_"):
                yield room, name, as_keras_writes(name)


NAMES = list(namesakes())
rng = np.random.default_rng(0)
N, K = 40, 4
LABELS = rng.integers(0, K, N)
HOT = np.eye(K)[LABELS]
SHARES = rng.dirichlet(np.ones(K), N).round(3) * 0.98 + 0.005
YES, CHANCE = rng.integers(0, 2, (N, 1)), rng.random((N, 1)).round(3)
LOGITS, NUMBERS = rng.normal(size=(N, K)).round(3), rng.normal(size=(N, K)).round(3)
UNIT = SHARES / np.linalg.norm(SHARES, axis=1, keepdims=True)
WEIGHTS = rng.random(N).round(3) * (rng.random(N) > 0.3)
IMAGE = rng.random((1, 6, 7, 2)).round(3)


def loss_cases():
    for smoothing in (0.0, 0.2):
        yes, of = {"label_smoothing": smoothing}, f"smoothing {smoothing}"
        yield f"bce, {of}", "BinaryCrossEntropy", yes, YES, CHANCE
        yield (
            f"bce of logits, {of}",
            "BinaryCrossEntropy",
            {**yes, "from_logits": True},
            HOT,
            LOGITS,
        )
        yield f"cce, {of}", "CategoricalCrossEntropy", yes, HOT, SHARES / SHARES.sum(1)[:, None]
        logits = {**yes, "from_logits": True}
        yield f"cce of logits, {of}", "CategoricalCrossEntropy", logits, HOT, LOGITS
    yield "binary focal", "BinaryFocalCrossEntropy", {"gamma": 1.5}, YES, CHANCE
    balanced = {"apply_class_balancing": True, "alpha": 0.3}
    yield "balanced focal", "BinaryFocalCrossEntropy", balanced, YES, CHANCE
    yield "focal", "CategoricalFocalCrossEntropy", {}, HOT, SHARES / SHARES.sum(1)[:, None]
    yield "kl", "KLDivergence", {}, SHARES / SHARES.sum(1)[:, None], np.full((N, K), 1 / K)
    yield "huber", "Huber", {"delta": 0.5}, NUMBERS, LOGITS
    for name in ("MeanSquaredError", "MeanAbsoluteError", "LogCosh", "CosineSimilarity"):
        yield name, name, {}, NUMBERS, LOGITS
    yield "poisson", "Poisson", {}, YES * 3, CHANCE + 0.1
    for name in ("MeanAbsolutePercentageError", "MeanSquaredLogarithmicError"):
        yield name, name, {}, HOT * 3, SHARES
    for axis in (None, 1):
        yield f"dice {axis}", "Dice", {"axis": axis}, HOT, SHARES
        options = {"axis": axis, "alpha": 0.3, "beta": 0.8}
        yield f"tversky {axis}", "Tversky", options, HOT, SHARES
    yield "categorical hinge", "CategoricalHinge", {}, HOT, LOGITS
    shares = SHARES / SHARES.sum(1)[:, None]
    yield "generalized", "CategoricalGeneralizedCrossEntropy", {"q": 0.3}, LABELS, shares
    yield "circle", "Circle", {"gamma": 3.0}, LABELS, UNIT
    yield "ctc", "CTC", {}, np.array([[1, 2], [3, 3], [2, 0]] * 4), LOGITS[:36].reshape(12, 3, K)
    for reduction in ("sum", "mean_with_sample_weight"):
        yield f"mse {reduction}", "MeanSquaredError", {"reduction": reduction}, NUMBERS, LOGITS
    for name in ("Hinge", "SquaredHinge"):
        yield name, name, {}, 2 * YES - 1, LOGITS[:, :1]
        yield f"{name} of 0 and 1", name, {}, YES, LOGITS[:, :1]


def metric_cases():
    for name in ("MeanSquaredError", "MeanAbsoluteError", "RootMeanSquaredError", "R2Score"):
        yield name, name, {}, NUMBERS, LOGITS
    for cut in (0.5, 0.3):
        yield f"binary accuracy {cut}", "BinaryAccuracy", {"threshold": cut}, YES, CHANCE
        yield f"precision {cut}", "Precision", {"thresholds": cut}, YES, CHANCE
        yield f"recall {cut}", "Recall", {"thresholds": cut}, YES, CHANCE
    for name in ("Precision", "Recall"):
        for y, of in ((YES * 0, "no"), (YES * 0 + 1, "yes")):
            yield f"{name} of {of} alone", name, {}, y, CHANCE
        yield f"{name} of a class", name, {"class_id": 1}, HOT, SHARES
        yield f"{name} of a class, largest", name, {"class_id": 1, "top_k": 1}, HOT, SHARES
        yield f"{name}, largest", name, {"top_k": 1}, HOT, SHARES
        several = (LOGITS > 0.3) * 1  # labels for each sample
        yield f"{name}, largest 2", name, {"top_k": 2}, several, SHARES
        options = {"top_k": 3, "class_id": 1, "thresholds": 0.2}
        yield f"{name} of a class, largest 3 over 0.2", name, options, several, SHARES
        yield f"{name} at several", name, {"thresholds": [0.2, 0.3, 0.6]}, YES, CHANCE
        options = {"top_k": 2, "thresholds": [0.1, 0.4]}
        yield f"{name}, largest 2 at several", name, options, several, SHARES
        yield f"{name} of all", name, {}, HOT, SHARES
    for average in ("macro", "micro", "weighted"):
        yield f"f1 {average}", "F1Score", {"average": average}, HOT, SHARES
        options = {"average": average, "threshold": 0.4}
        yield f"f1 {average} over 0.4", "F1Score", options, HOT, SHARES
    yield "top 2", "TopKCategoricalAccuracy", {"k": 2}, HOT, SHARES
    shares = SHARES / SHARES.sum(1)[:, None]
    yield "bce", "BinaryCrossEntropy", {"label_smoothing": 0.1}, YES, CHANCE
    yield "cce", "CategoricalCrossEntropy", {"from_logits": True}, HOT, LOGITS
    yield "kl", "KLDivergence", {}, shares, shares[::-1]
    for name in ("MeanAbsolutePercentageError", "MeanSquaredLogarithmicError", "Poisson"):
        yield name, name, {}, HOT * 3, SHARES
    for name in ("LogCoshError", "CosineSimilarity", "PearsonCorrelation"):
        yield name, name, {}, NUMBERS, LOGITS
    yield "concordance", "ConcordanceCorrelation", {}, NUMBERS, LOGITS
    for name in ("Hinge", "SquaredHinge", "CategoricalHinge"):
        yield name, name, {}, HOT, LOGITS
    guesses = SHARES.argmax(1)
    for ignored in (None, 2):
        options = {"num_classes": K, "ignore_class": ignored}
        yield f"mean iou {ignored}", "MeanIoU", options, LABELS, guesses
        options = {**options, "target_class_ids": [0, 2, 3]}
        yield f"iou {ignored}", "IoU", options, LABELS, guesses
    yield "iou of shares", "IoU", {**options, "sparse_y_pred": False}, LABELS, SHARES
    yield "one-hot iou", "OneHotIoU", options, HOT, SHARES
    yield "one-hot mean iou", "OneHotMeanIoU", {"num_classes": K}, HOT, SHARES
    yield "binary iou", "BinaryIoU", {"threshold": 0.3}, YES, CHANCE
    for name in ("TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives"):
        yield name, name, {"thresholds": 0.4}, YES, CHANCE
        yield f"{name} of several", name, {"thresholds": [0.2, 0.6]}, HOT, SHARES
    for name, limit in (
        *(("SensitivityAtSpecificity", "specificity"), ("RecallAtPrecision", "precision")),
        *(("SpecificityAtSensitivity", "sensitivity"), ("PrecisionAtRecall", "recall")),
    ):
        yield name, name, {limit: 0.55}, YES, CHANCE
        yield f"{name}, few", name, {limit: 0.4, "num_thresholds": 7, "class_id": 1}, HOT, SHARES
    for average in ("macro", "micro", "weighted"):
        yield f"f2 {average}", "FBetaScore", {"average": average, "beta": 2.0}, HOT, SHARES


LAYERS = {
    "RandomTranslation": ((0.3, 0.3), (0.2, 0.2)),
    "RandomRotation": ((0.1, 0.1),),
    "RandomZoom": ((0.3, 0.3), (-0.2, -0.2)),
}
WAYS = {
    "improves": [3.0, 2.0, 1.0, 0.5, 0.4],
    "too high": [9.0, 8.0, 7.0, 6.0, 5.0, 4.0],
    "up and down": [5.0, 4.0, 4.5, 3.0, 3.5, 3.6, 2.9, 3.0, 3.0, 3.0, 3.0],
    "flat": [1.0] * 6,
}
STOPS = [
    *({"patience": p} for p in (0, 1, 2)),
    *({"patience": p, "baseline": b} for p in (0, 1, 2) for b in (0.45, 3.0, 4.2)),
    {"patience": 1, "min_delta": 0.2, "start_from_epoch": 2},
]
OPTIMIZERS = {
    "SGD": {"momentum": 0.9, "nesterov": True},
    "Adagrad": {"epsilon": 0.1},
    "RMSprop": {"epsilon": 0.1, "momentum": 0.5, "centered": True},
    "Adam": {"amsgrad": True},
    "AdamW": {"weight_decay": 0.1},
    "Adamax": {"epsilon": 0.1},
    "Nadam": {"epsilon": 0.1},
    "Lion": {"clipnorm": 0.5},
    "Muon": {},
    "Adadelta": {"learning_rate": 1.0, "rho": 0.8},
    "Adafactor": {"learning_rate": 0.1, "clip_threshold": 0.5},
    "Ftrl": {"l1_regularization_strength": 0.1, "beta": 0.2, "learning_rate": 0.1},
    "Lamb": {"weight_decay": 0.1},
}
VALUES = [rng.normal(size=shape).round(3) for shape in ((4, 3), (3,))]
GRADIENTS = [[rng.normal(size=v.shape).round(3) for v in VALUES] for _ in range(5)]
SHAPES = {  # of the inputs of layers that take several, and the axes of Dot
    "alike": [(2, 3), (2, 3)],
    "broadcast": [(2, 4, 3), (2, 1, 3)],
    "fewer axes": [(2, 3), (2, 4, 3)],
}
MERGES = [
    *((name, [], {}, shapes) for name in ("Add", "Subtract", "Multiply", "Average", "Maximum")
      for shapes in SHAPES.values()),
    *((name, [], {}, [(2, 4, 3)] * 3) for name in ("Add", "Multiply", "Average", "Minimum")),
    *(("Concatenate", [axis], {}, [(2, 4, 3), (2, 4, 3)]) for axis in (-1, 1, 2)),
    ("Concatenate", [], {"axis": -2}, [(2, 4, 3), (2, 1, 3)]),
    *(("Dot", [axes], {"normalize": unit}, shapes) for unit in (False, True) for axes, shapes in (
        (1, [(2, 3), (2, 3)]), (-1, [(2, 3), (2, 4, 3)]), ((1, 2), [(2, 3, 4), (2, 5, 3)]),
        (2, [(2, 4, 3), (2, 5, 3)]), ((2, 1), [(2, 4, 3), (2, 3)]), (1, [(2, 3, 2, 2), (2, 3, 4)]),
    )),
]  # fmt: skip
STEPS = [[[True, False, True, True], [True, True, False, False]], None, [[True] * 4, [False] * 4]]


def merge_case(number):
    """The layer, what it is given, and masks where its inputs are series of one length."""
    name, args, options, shapes = MERGES[number]
    numbers = np.random.default_rng(number)
    xs = [numbers.normal(size=shape).round(3) for shape in shapes]
    masked = len({s[:2] for s in shapes}) == 1 and len(shapes[0]) == 3
    return name, args, options, xs, STEPS[: len(xs)] if masked else [None] * len(xs)


ENDS = [  # what compile is given of two outputs, "price" and "kind"
    {"loss": ["mse", "CE"], "metrics": [["mae"], ["accuracy"]]},
    {"loss": {"price": "mae", "kind": "CE"}, "loss_weights": {"price": 0.3, "kind": 2.0},
     "metrics": {"kind": ["accuracy"]}},
    {"loss": ["mse", "CE"], "loss_weights": [0.5, 1.0]},
    {"loss": ["mse", None]},
]  # fmt: skip
SMALL = [rng.normal(size=shape).round(3) for shape in ((5, 4), (4,), (4, 2), (2,), (4, 3), (3,))]
ROWS = rng.normal(size=(10, 5)).round(3)
TARGETS = [rng.normal(size=(10, 2)).round(3), rng.integers(0, 3, 10)]
WEIGHS = rng.uniform(0.5, 1.5, 10).round(3)


def of_ours(options, name):
    """What ``compile`` is given, with the name of the cross-entropy of labels."""
    text = json.dumps(options).replace('"CE"', json.dumps(name))
    return json.loads(text)


def every_case():
    """Label -> what Keras is asked."""
    found = {}
    for weighs, w in (("", None), (", weighted", WEIGHTS)):
        for label, name, options, y, p in loss_cases():
            weights = None if w is None else w[: len(p)]
            found[f"loss {label}{weighs}"] = ("loss", name, options, y, p, weights)
        for label, name, options, y, p in metric_cases():
            if weighs and "IoU" in name:
                continue  # Keras takes whole numbers of a weight there
            halves = [
                (y[:N // 2], p[:N // 2], None if w is None else w[:N // 2]),
                (y[N // 2:], p[N // 2:], None if w is None else w[N // 2:]),
            ]  # fmt: skip
            found[f"metric {label}{weighs}"] = ("metric", name, options, halves)
    for name, given in LAYERS.items():
        for options in ({}, {"fill_mode": "nearest"}, {"fill_mode": "constant", "fill_value": 0.5}):
            for how in ("bilinear", "nearest"):
                filled = {**options, "interpolation": how}
                found[f"layer {name} {filled}"] = ("layer", name, given, filled, IMAGE)
    for options in STOPS:
        for way, values in WAYS.items():
            found[f"stop {options} {way}"] = ("stop", options, values)
    for name, options in OPTIMIZERS.items():
        found[f"steps {name}"] = ("steps", name, options, VALUES, GRADIENTS)
    for number, (name, *given) in enumerate(MERGES):
        found[f"merge {number}: {name} {given}"] = ("merge", *merge_case(number))
    for number, options in enumerate(ENDS):
        asked = of_ours(options, "sparse_categorical_crossentropy")
        for w in (None, WEIGHS):
            if w is None or "metrics" not in options:  # Keras does not weigh these
                label = f"outputs {number}{'' if w is None else ', weighted'}"
                found[label] = ("outputs", SMALL, asked, ROWS, TARGETS, w)
    return found


CASES = every_case()


def _plain(array):
    return array.tolist()


@pytest.fixture(scope="module")
def keras(tmp_path_factory):
    """What Keras, in a process of its own, says to all of that."""
    if not (find_spec("keras") and find_spec("torch")):
        pytest.skip("Keras or PyTorch is missing")
    folder = tmp_path_factory.mktemp("facts")
    asked = {
        label: [as_keras_writes(name) if isinstance(name, str) else name for name in case]
        for label, case in CASES.items()
    }  # fmt: skip
    named = [(room, theirs) for room, _, theirs in NAMES]
    text = json.dumps({"names": named, "cases": asked}, default=_plain)
    (folder / "cases.json").write_text(text)
    script = Path(__file__).with_name("keras_facts.py")
    env = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "KERAS_HOME": str(folder)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(script), str(folder)],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr
    facts = json.loads((folder / "facts.json").read_text())
    return SimpleNamespace(**facts)


def parameters(found):
    """Name -> parameter, of what a class is made with."""
    given = list(inspect.signature(found.__init__).parameters.values())[1:]
    return {p.name: p for p in given if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}


@looped("names", NAMES)
def test_an_argument_by_place_is_that_of_keras_or_by_name_alone(keras, names):
    room, name, theirs = names
    wanted = keras.signatures[f"{room}.{theirs}"]
    if wanted is None or f"{room}.{name}" in POSITIONAL:
        return
    wanted = [p for p, kind, _ in wanted if kind == "POSITIONAL_OR_KEYWORD"]
    found = parameters(getattr(ROOMS[room], name)).values()
    by_place = [p.name for p in found if p.kind is not p.KEYWORD_ONLY]
    assert by_place[: len(wanted)] == wanted[: len(by_place)]


@looped("names", NAMES)
def test_a_default_is_that_of_keras(keras, names):
    room, name, theirs = names
    wanted = {p: value for p, _, value in keras.signatures[f"{room}.{theirs}"] or ()}
    for p in parameters(getattr(ROOMS[room], name)).values():
        if p.name == "name" or p.name not in wanted or f"{room}.{name}.{p.name}" in DEFAULTS:
            continue
        text = wanted[p.name]
        if repr(p.default) != text:
            assert p.default == (literal_eval(text) if text[0] == "(" else float(text)), p.name


def test_the_exceptions_are_needed(keras):
    known = {f"{room}.{name}" for room, name, _ in NAMES}
    assert {*POSITIONAL} <= known
    assert {key.rsplit(".", 1)[0] for key in DEFAULTS} <= known


@looped("label", [label for label in CASES if label.startswith("loss")])
def test_a_loss_is_that_of_keras(keras, label):
    _, name, options, y, p, w = CASES[label]
    found = getattr(losses, name)(**options)(y, p.astype(np.float32), w)
    assert found == pytest.approx(keras.answers[label], rel=2e-5, abs=1e-6)


@looped("label", [label for label in CASES if label.startswith("metric")])
def test_a_metric_is_that_of_keras(keras, label):
    _, name, options, batches = CASES[label]
    metric = getattr(metrics, name)(**options)
    for y, p, w in batches:
        metric.update(y, p.astype(np.float32), w)
    assert metric.result() == pytest.approx(keras.answers[label], rel=2e-5, abs=1e-6)


@looped("label", [label for label in CASES if label.startswith("layer")])
def test_an_augmented_image_is_that_of_keras(keras, label):
    _, name, given, options, x = CASES[label]
    made = getattr(layers, name)(*given, **options)(x.astype(np.float32), training=True)
    assert np.allclose(made, keras.answers[label], atol=1e-5)


def test_a_layer_of_several_inputs_is_that_of_keras(keras):
    for label in [label for label in CASES if label.startswith("merge")]:
        _, name, args, options, xs, masks = CASES[label]
        layer = getattr(layers, name)(*args, **options)
        given = [Tensor(x.astype(np.float32), requires_grad=True) for x in xs]
        for x, mask in zip(given, masks, strict=True):
            x.mask = None if mask is None else Tensor(np.array(mask))
        y, (numbers, slopes, mask) = layer(given), keras.answers[label]
        assert y.shape == np.shape(numbers), label
        assert np.allclose(y.numpy(), numbers, rtol=1e-5, atol=1e-6), label
        (y * y * np.arange(1, y.size + 1, dtype=np.float32).reshape(y.shape)).sum().backward()
        for x, slope in zip(given, slopes, strict=True):
            assert np.allclose(x.grad.numpy(), slope, rtol=1e-4, atol=1e-5), label
        assert (y.mask is None) == (mask is None), label
        assert mask is None or np.array_equal(y.mask.numpy(), mask), label


def test_several_outputs_learn_as_in_keras(keras):
    for label in [label for label in CASES if label.startswith("outputs")]:
        _, weights, options, x, targets, w = CASES[label]
        x_in = layers.Input((5,))
        h = layers.Dense(4, "tanh")(x_in)
        ends = [layers.Dense(2, name="price")(h), layers.Dense(3, "softmax", name="kind")(h)]
        model = axon.Model(x_in, ends)
        model.set_weights([np.float32(w) for w in weights])
        model.compile(optimizer=optimizers.SGD(0.1), **of_ours(options, "categorical_crossentropy"))
        given = {"shuffle": False, "verbose": 0, "sample_weight": w}
        told = model.fit(x, targets, 4, epochs=3, **given).history
        history, predictions = keras.answers[label]
        assert told.keys() == history.keys(), label
        for name, values in history.items():
            assert told[name] == pytest.approx(values, rel=2e-5), (label, name)
        for found, wanted in zip(model.predict(x), predictions, strict=True):
            assert np.allclose(found, wanted, atol=1e-5), label


@looped("label", [label for label in CASES if label.startswith("stop")])
def test_training_is_stopped_where_keras_stops(keras, label):
    _, options, values = CASES[label]
    callback = callbacks.EarlyStopping("loss", mode="min", **options)
    callback.set_model(SimpleNamespace(stop_training=False, get_weights=list))
    callback.set_params({})
    callback.on_train_begin()
    for epoch, value in enumerate(values):
        callback.on_epoch_end(epoch, {"loss": value})
        if callback.model.stop_training:
            break
    assert callback.stopped_epoch == keras.answers[label]


@looped("label", [label for label in CASES if label.startswith("steps")])
def test_steps_are_those_of_keras(keras, label):
    _, name, options, values, gradients = CASES[label]
    weights = [Parameter(v.astype(np.float32), f"w{i}") for i, v in enumerate(values)]
    optimizer = getattr(optimizers, name)(**options)
    optimizer.build(weights)
    for one in gradients:
        optimizer.zero_grad()
        for p, g in zip(weights, one, strict=True):
            p.accumulate(Tensor(g.astype(np.float32)))
        optimizer.step()
    for p, wanted in zip(weights, keras.answers[label], strict=True):
        assert np.allclose(p.numpy(), wanted, atol=2e-6)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: layers.GlobalAveragePooling2D("channels_last"),
        lambda: layers.GlobalMaxPooling1D("channels_first"),
        lambda: layers.Flatten("channels_first"),
        lambda: layers.Conv2D(4, 3, 1, "same", "channels_last"),
        lambda: layers.UpSampling2D(2, "channels_last"),
        lambda: layers.UpSampling2D(2, None),
        lambda: layers.Conv2DTranspose(4, 3, 1, "same", None, "channels_last"),
        lambda: layers.Conv2DTranspose(4, 3, 1, "same", None, None, 2),
        lambda: layers.Normalization(-1),
        lambda: layers.SpatialDropout2D(0.5, "channels_last"),
        lambda: layers.Normalization(-1, [0.0], [1.0]),
        lambda: layers.Dense(10, "relu", False),
        lambda: layers.Dense(10, units=10),
        lambda: metrics.Precision(0.5, 2.5),
        lambda: metrics.AUC(200),
        lambda: metrics.BinaryAccuracy("acc"),
        lambda: metrics.R2Score("uniform_average"),
        lambda: losses.CategoricalCrossEntropy(False, 0.0, -1),
        lambda: losses.MeanSquaredError("sum"),
        lambda: optimizers.Muon(0.001, 0.9),
        lambda: schedules.CosineDecay(0.1, 100, 0.0, "name"),
    ],
)
def test_what_would_mean_something_else_is_refused(wrong):
    with pytest.raises((TypeError, ValueError)):
        wrong()


def test_a_word_of_keras_is_answered_with_ours():
    with pytest.raises(TypeError, match=r"'data_format'\. It is for layers of images"):
        layers.Dense(4, data_format="channels_last")
    with pytest.raises(ValueError, match="top_k=5 of 4 outputs"):
        metrics.Precision(top_k=5).update(HOT, SHARES)
    with pytest.raises(ValueError, match=r"4 outputs have as many scores. Choose average='macro'"):
        metrics.F1Score().update(HOT, SHARES)


def test_the_differences_that_remain_are_those_of_the_table():
    """Adam's epsilon as in the paper and PyTorch; Muon's scale without ``rms_rate`` likewise."""
    p = Parameter(np.ones(1, np.float32))
    adam = optimizers.Adam(0.1, epsilon=1.0)
    adam.build([p])
    p.accumulate(Tensor(np.ones(1, np.float32)))
    adam.step()
    assert p.numpy()[0] == pytest.approx(1 - 0.1 / 2, rel=1e-5)  # Keras: 1 - 0.1 / (1 + 31.6)
    with pytest.raises(ValueError, match="must add up to 1"):
        losses.CategoricalCrossEntropy()(HOT, SHARES * 2 / 3)
    assert axon.layers.RandomErasing().fill_value == 0
