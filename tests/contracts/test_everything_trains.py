"""Every layer, loss, optimizer and metric in training: recorded, eager, and without an array made.

The tables in tests/samples name them all; a class that is missing fails.
"""

import copy
import pickle
import sys
import tempfile
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import axon
from axon import constraints, layers, losses, metrics, optimizers, regularizers
from axon.layers import (
    LSTM,
    BatchNormalization,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling1D,
    Layer,
)
from axon.metrics import Metric
from axon.models import Sequential, inputs
from axon.models.loop import Pass
from tests.samples.layers import (
    CELLS,
    GRAPHS,
    ON_INTEGERS,
    POLICIES,
    PREPARING,
    SAMPLES,
    TEXTS,
    around,
    ids,
)
from tests.samples.losses import APART, LABELS, LOSSES, NUMBERS, X
from tests.samples.metrics import METRICS
from tests.samples.optimizers import OPTIONS, OWN

random = np.random.default_rng(0)


def trained(make, x, y, eager, **options):
    """Train with a last batch that is short, then with one of a single sample."""
    axon.set_random_seed(3)
    model = make(eager)
    histories = [
        model.fit(x, y, size, epochs=3, verbose=0, **options).history for size in (4, len(x) // 2)
    ]
    seen = np.asarray(model.evaluate(x, y, batch_size=4))
    return model, histories, [*model.get_weights(), seen, model.predict(x, batch_size=4)]


def same_bits(make, x, y, learns=True, **options):
    """Recorded and eager training end with the same bits, which are not those of the beginning."""
    assert len(x) % 4 not in (0, 1)
    assert len(x) % 2 == 1  # a last batch of a single sample
    axon.set_random_seed(3)
    fresh = make(False)
    fresh.build(x.shape[1:])
    model, histories, found = trained(make, x, y, False, **options)
    other, others, wanted = trained(make, x, y, True, **options)
    assert len(model.programs) > 2
    assert not other.programs
    assert histories == others or repr(histories) == repr(others)  # NaN is not NaN
    for a, b in zip(found, wanted, strict=True):
        assert a.dtype == b.dtype
        assert np.array_equal(a, b, equal_nan=True)
    assert all(np.isfinite(history["loss"]).all() for history in histories)
    changed = [not np.array_equal(a, b) for a, b in zip(fresh.get_weights(), found, strict=False)]
    assert all(changed) or not learns
    return model


def peak(model, x, y, n, steps):
    """What the replays of ``steps`` steps on n samples take at most, in bytes."""
    rows = np.resize(np.arange(len(x)), n)
    trainer = model.trainer
    batch = inputs.array_feed(model, inputs.columns(trainer, x[rows], y[rows]))
    trainer.prepare(batch)
    learning = Pass(trainer, trainer.train, batch)
    for measured in (False, False, True):  # recorded, compared, replayed
        if measured:
            assert len(trainer.train.programs) > 0
            tracemalloc.start()
        for _ in range(steps):
            learning.steps((batch, 0, n))
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return taken


def allocates_nothing(model, x, y, n=9000):
    """Twice as many samples take no more: even one truth value for each would show.

    NumPy converts up to 8192 numbers at a time, so that fewer samples would show, too.
    """
    model.compile(model.loss, "sgd", model.trainer.metrics)
    assert peak(model, x, y, 2 * n, 1) - peak(model, x, y, n, 1) < n // 2


# ------------------------------------------------------------------------------------ layers


@pytest.mark.parametrize("layer", SAMPLES.values(), ids=SAMPLES)
def test_every_layer_trains(layer):
    x = random.normal(size=(11, *layer[1])).astype("float32")
    y = random.normal(size=(11, 2)).astype("float32")
    model = same_bits(lambda eager: around(layer, eager), x, y)
    allocates_nothing(model, x, y)


@pytest.mark.parametrize("make", TEXTS.values(), ids=TEXTS)
def test_every_layer_on_whole_numbers_trains(make):
    def network(eager):
        model = Sequential(make())
        model.compile("mse", optimizers.SGD(0.01, momentum=0.9), eager=eager)
        return model

    x, y = ids(9, 11, 5), random.normal(size=(11, 2)).astype("float32")
    x[3] = 0  # a sample without a single real step
    allocates_nothing(same_bits(network, x, y), x, y)


@pytest.mark.parametrize("make", GRAPHS.values(), ids=GRAPHS)
def test_every_graph_trains(make):
    def network(eager):
        model = make()
        model.compile("mse", optimizers.SGD(0.01, momentum=0.9), eager=eager)
        return model

    x = random.normal(size=(11, 3)).astype("float32")
    y = random.normal(size=(11, 2)).astype("float32")
    allocates_nothing(same_bits(network, x, y), x, y)


def test_no_layer_is_missing():
    named = (getattr(layers, name) for name in dir(layers))
    public = {c for c in named if isinstance(c, type) and issubclass(c, Layer)}
    inside = {type(layer) for make in TEXTS.values() for layer in make()}
    inside |= {type(make()) for make, _ in SAMPLES.values()}
    inside |= {type(layer) for make in GRAPHS.values() for layer in make().modules()}
    assert (
        public - {Layer, layers.Wrapper} - POLICIES - PREPARING - CELLS <= inside
    )  # cells train in RNN
    assert inside >= ON_INTEGERS


# ------------------------------------------------------------------------------------ losses


def small(loss, last=None, optimizer="sgd", watched=(), eager=False, units=3, wide=6, **options):
    model = Sequential([Dense(wide, "tanh", **options), Dense(units, last)])
    model.compile(loss, optimizer, watched, eager)
    return model


@pytest.mark.parametrize(("make", "last", "y"), [way for ways in LOSSES.values() for way in ways])
@pytest.mark.parametrize("weighted", [False, True])
def test_every_loss_trains(make, last, y, weighted):
    options = {"sample_weight": np.linspace(0, 2, 11)} if weighted else {}
    model = same_bits(
        lambda eager: small(make(), last, optimizers.SGD(0.05), eager=eager), X, y, **options
    )
    allocates_nothing(model, X, y)


@pytest.mark.parametrize("loss", ["categorical_crossentropy", "mse", "binary_crossentropy"])
def test_losses_of_sequences_train(loss):
    """A prediction for each step: (n, time, classes)."""
    last = {"mse": None, "binary_crossentropy": "sigmoid"}.get(loss, "softmax")
    x = random.normal(size=(11, 4, 5)).astype("float32")
    y = np.arange(44).reshape(11, 4) % 3
    if last != "softmax":
        y = np.eye(3, dtype="float32")[y]
    watched = ["accuracy"] if last else ["mae"]
    model = same_bits(lambda eager: small(loss, last, "adam", watched, eager), x, y)
    allocates_nothing(model, x, y)


def test_no_loss_is_missing():
    assert set(losses.LOSSES.values()) == set(LOSSES) | APART
    assert all(type(make()) is kind for kind, ways in LOSSES.items() for make, *_ in ways)


# ------------------------------------------------------------------------------------ optimizers


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        pytest.param(k, options, marks=pytest.mark.slow if k is optimizers.LBFGS and n > 2 else ())
        for k, own in OWN.items()
        for n, options in enumerate(OPTIONS + own)
    ],
)
def test_every_optimizer_trains(kind, options):
    def make(eager, wide=6):
        settings = {"learning_rate": 0.01, **options}
        return small("mse", None, kind(**settings), eager=eager, wide=wide)

    same_bits(make, X, NUMBERS)
    narrow, wide = (peak(make(False, n), X, NUMBERS, 2, steps=6) for n in (9000, 18000))
    assert wide - narrow < 9000  # a byte for each of the new units would show


def test_no_optimizer_is_missing():
    assert set(optimizers.OPTIMIZERS.values()) == set(OWN)
    named = {option for options in OPTIONS for option in options} - {"learning_rate"}
    assert named == set(optimizers.options.DEFAULTS)


# ------------------------------------------------------------------------------------ metrics


@pytest.mark.parametrize(("metric", "task"), METRICS)
@pytest.mark.parametrize("weighted", [False, True])
def test_every_metric_is_measured_while_training(metric, task, weighted):
    loss, last, units, y = task
    options = {"sample_weight": np.linspace(0, 2, 11)} if weighted else {}

    def make(eager):
        watched = metric if isinstance(metric, str) else metric()
        return small(loss, last, optimizers.SGD(0.1), [watched], eager, units)

    model = same_bits(make, X, y, **options)
    (watched,) = model.trainer.metrics
    assert not watched.scalar or watched.name in model.history.history
    if watched.recorded:
        allocates_nothing(model, X, y)


def test_no_metric_is_missing():
    found = [getattr(metrics, name) for name in dir(metrics)]
    public = {c for c in found if isinstance(c, type) and issubclass(c, Metric)}
    bases = {Metric, metrics.MeanMetric, metrics.Accumulator, metrics.Mean, metrics.FunctionMetric}
    bases.add(metrics.Sum)  # of what is handed in
    bases.add(
        metrics.PackedMetric
    )  # of predictions of several members: tests/models/test_packing.py
    some = losses.get("mse")
    tested = [metrics.get(m, some) if isinstance(m, str) else m() for m, _ in METRICS]
    assert public - bases <= {type(metric) for metric in tested}


# ------------------------------------------------------------------------------------ rules


@pytest.mark.parametrize("name", sorted(regularizers.REGULARIZERS))
def test_every_regularizer_trains(name):
    def make(eager):
        options = {"kernel_regularizer": name, "bias_regularizer": name}
        if name == "orthogonal_regularizer":  # of matrices
            del options["bias_regularizer"]
        return small("mse", optimizer="adam", eager=eager, **options)

    allocates_nothing(same_bits(make, X, NUMBERS), X, NUMBERS)


@pytest.mark.parametrize("name", sorted(constraints.CONSTRAINTS))
def test_every_constraint_trains(name):
    def make(eager):
        return small("mse", optimizer="adam", eager=eager, kernel_constraint=name)

    allocates_nothing(same_bits(make, X, NUMBERS), X, NUMBERS)


# ------------------------------------------------------------------------------------ the measure


def test_the_measurement_would_notice(monkeypatch):
    kernel = axon.activations.tanh.kernel

    def leaking(out, x, *, xp):
        (x[:, 0] > 0).sum()
        kernel(out, x, xp=xp)

    monkeypatch.setattr(axon.activations.tanh, "kernel", leaking)
    model = small("mse")
    with pytest.raises(AssertionError):
        allocates_nothing(model, X, NUMBERS)


# ------------------------------------------------------------------------------------ copies


def copied_by_pickle(thing):
    return pickle.loads(pickle.dumps(thing))


HOW = pytest.mark.parametrize("how", [copy.deepcopy, copied_by_pickle])


@HOW
@pytest.mark.parametrize("layer", SAMPLES.values(), ids=SAMPLES)
def test_every_layer_is_copied(layer, how):
    """Built or not; what is learned by one is not learned by the other."""
    make, shape = layer
    x = random.normal(size=(3, *shape)).astype("float32")
    fresh = how(make())
    assert repr(fresh) == repr(make())
    assert fresh(x).shape == make()(x).shape
    first = make()
    wanted = first(x)
    second = how(first)
    for p in first.parameters():
        p.assign(0.5)
    assert np.array_equal(second(x), wanted)


@HOW
def test_every_loss_optimizer_and_metric_is_copied(how):
    for make in [make for ways in LOSSES.values() for make, *_ in ways]:
        assert repr(how(make())) == repr(make())
    for kind, own in OWN.items():
        for options in OPTIONS + own:
            optimizer = kind(**{"learning_rate": 0.01, **options})
            assert how(optimizer).config() == optimizer.config()
    for metric, (loss, *_) in METRICS:
        watched = metrics.get(metric, losses.get(loss)) if isinstance(metric, str) else metric()
        assert repr(how(watched)) == repr(watched)


def eventful(eager=False, optimizer="adam"):
    """Running statistics, random masks, state carried through time, in both directions."""
    model = Sequential(
        [
            *(BatchNormalization(), Dropout(0.3), LSTM(4, return_sequences=True)),
            *(layers.Bidirectional(layers.GRU(3)), Dense(2)),
        ]
    )
    model.compile("mse", optimizer, ["mae"], eager=eager)
    return model


SERIES = random.normal(size=(11, 5, 3)).astype("float32")
PAIRS = random.normal(size=(11, 2)).astype("float32")


@HOW
@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("name", sorted(optimizers.OPTIMIZERS))
def test_a_trained_copy_goes_on_as_the_model_does(how, eager, name):
    model = eventful(eager, name)
    options = {"batch_size": 4, "epochs": 2, "verbose": 0, "shuffle": False}
    model.fit(SERIES, PAIRS, **options)
    twin = how(model)
    before = twin.get_weights()
    first = model.fit(SERIES, PAIRS, **options).history
    assert all(map(np.array_equal, before, twin.get_weights()))
    assert twin.fit(SERIES, PAIRS, **options).history == first
    assert all(map(np.array_equal, model.get_weights(), twin.get_weights()))
    assert np.array_equal(model.predict(SERIES), twin.predict(SERIES))


# ------------------------------------------------------------------------------------ threads


@pytest.fixture
def impatient():
    """Threads change as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def in_threads(functions):
    """The results of functions that begin together."""
    together = threading.Barrier(len(functions))

    def begin(function):
        together.wait()
        return function()

    with ThreadPoolExecutor(len(functions)) as pool:
        return [future.result() for future in [pool.submit(begin, f) for f in functions]]


@pytest.mark.usefixtures("impatient")
def test_threads_that_predict_at_once_with_a_model_that_was_never_used():
    """Only one of them may create the parameters."""
    for _ in range(15):
        model = Sequential([Dense(8, "tanh"), Dense(5, "tanh"), Dense(3)])
        found = in_threads([lambda m=model: [m.predict(X), m.predict(X[:3])]] * 4)
        for whole, few in found:
            assert np.array_equal(whole, model.predict(X))
            assert np.array_equal(few, model.predict(X[:3]))


@pytest.mark.usefixtures("impatient")
def test_models_that_train_in_threads_do_as_they_would_alone():
    def training(number):
        model = eventful()
        model.pop(1)
        model.insert(1, Dropout(0.3, seed=number))
        model.build((5, 3))
        for i, p in enumerate(model.parameters()):
            p.assign(np.random.default_rng([number, i]).normal(size=p.shape) * 0.3)
        for i, b in enumerate(model.named_buffers().values()):
            b.data[...] = np.random.default_rng([number, i]).integers(1, 9, b.shape)
        options = {"epochs": 4, "verbose": 0, "shuffle": False, "validation_split": 0.3}
        model.fit(SERIES, PAIRS, 3, **options)
        return [*model.get_weights(), model.predict(SERIES)]

    alone = [training(i) for i in range(4)]
    together = in_threads([lambda i=i: training(i) for i in range(4)])
    for wanted, found in zip(alone, together, strict=True):
        assert all(map(np.array_equal, wanted, found))


# ------------------------------------------------------------------------------------ sharing


def test_models_that_share_a_layer_train_in_turns():
    found = []
    for eager in (False, True):
        axon.set_random_seed(3)
        shared = Dense(5, 4, "tanh")
        first, second = Sequential([shared, Dense(3)]), Sequential([shared, Dense(3, "softmax")])
        first.compile("mse", "adam", eager=eager)
        second.compile("categorical_crossentropy", optimizers.SGD(0.1, 0.9), eager=eager)
        before = []
        for _ in range(3):
            for model, y in ((first, NUMBERS), (second, LABELS)):
                model.fit(X, y, 4, verbose=0, shuffle=False)
                assert all(np.any(b != shared.weights.numpy()) for b in before)
                before.append(shared.weights.numpy().copy())
                for m in (first, second):
                    assert m.layers[0] is shared
                    assert np.allclose(m.predict(X), m.forward(X), atol=1e-6)
        found.append([*first.get_weights(), *second.get_weights()])
    assert all(map(np.array_equal, *found))


@pytest.mark.parametrize("eager", [False, True])
def test_a_frozen_batch_normalization_keeps_what_it_knows(eager):
    model = Sequential([Dense(4), BatchNormalization(), Dense(3)])
    model.compile("mse", "sgd", eager=eager)
    norm = model.layers[1]
    model.fit(X, NUMBERS, 4, epochs=2, verbose=0)
    norm.trainable = False
    known, others = norm.get_weights(), model.layers[0].get_weights()
    model.fit(X, NUMBERS, 5, verbose=0)  # a last batch of one: it does as in predict
    assert all(map(np.array_equal, known, norm.get_weights()))
    assert not any(map(np.array_equal, others, model.layers[0].get_weights()))
    norm.trainable = True
    model.fit(X, NUMBERS, 4, verbose=0)
    assert not any(map(np.array_equal, known, norm.get_weights()))


def test_forty_batch_sizes_in_a_row():
    """More than there are programs: the oldest are forgotten, and the results stay right."""
    x, y = (np.resize(a, (41, *a.shape[1:])) for a in (SERIES, PAIRS))
    found = []
    for eager in (False, True):
        axon.set_random_seed(3)
        model = eventful(eager)
        outputs = []
        for n in [*range(2, 41), *range(40, 1, -3)]:
            outputs.append(model.train_on_batch(x[:n], y[:n])[0])
            outputs.append(model.predict(x[: n - 1]).sum())
        found.append([*model.get_weights(), np.array(outputs)])
        for step in (model.trainer.train, model._predictor.step):
            assert len(step.programs) == len(step.slots) == (0 if eager else 39)
    assert all(map(np.array_equal, *found))


# ------------------------------------------------------------------------------------ any stack

ROWS = {  # after which inputs are (n, features)
    "dense": lambda k: Dense(k, "tanh"),
    "relu": lambda k: layers.Activation("relu"),
    "dropout": lambda k: Dropout(0.1 * k),
    "noise": lambda k: layers.GaussianNoise(0.1),
    "batch": lambda k: BatchNormalization(),
    "layer": lambda k: layers.LayerNormalization(),
    "rms": lambda k: layers.RMSNormalization(),
}
STEPS = {  # (n, time, features) -> the same
    **ROWS,
    "conv": lambda k: layers.Conv1D(k, 2, padding="causal"),
    "lstm": lambda k: LSTM(k, return_sequences=True),
    "gru": lambda k: layers.GRU(k, return_sequences=True, go_backwards=True),
    "both": lambda k: layers.Bidirectional(layers.SimpleRNN(k, return_sequences=True), "sum"),
    "block": lambda k: layers.TransformerBlock(1, k, dropout=0.1),
    "places": lambda k: layers.PositionalEmbedding(),
    "pool": lambda k: layers.AveragePooling1D(2, 1, "same"),
    "pad": lambda k: layers.ZeroPadding1D(1),
}
IMAGES = {  # (n, height, width, channels) -> the same
    **ROWS,
    "conv": lambda k: layers.Conv2D(k, 3, padding="same"),
    "strides": lambda k: layers.Conv2D(k, 2, 2, padding="same", activation="relu"),
    "depthwise": lambda k: layers.DepthwiseConv2D(2, padding="same"),
    "separable": lambda k: layers.SeparableConv2D(k, 2, padding="same"),
    "transposed": lambda k: layers.Conv2DTranspose(k, 2, padding="same"),
    "max": lambda k: layers.MaxPooling2D(2, 1, "same"),
    "up": lambda k: layers.UpSampling2D((1, 2)),
    "flip": lambda k: layers.RandomFlip(),
    "turn": lambda k: layers.RandomRotation(0.1),
}
KINDS = {"rows": (ROWS, (4,)), "steps": (STEPS, (3, 2)), "images": (IMAGES, (3, 4, 2))}


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=6, derandomize=True)
@given(data=st.data())
def test_any_stack(kind, data):
    """Forward, predict and saving agree; recorded and eager training give the same bits."""
    table, shape = KINDS[kind]
    chosen = data.draw(
        st.lists(st.tuples(st.sampled_from(sorted(table)), st.integers(1, 4)), max_size=5)
    )
    batch_size, optimizer = data.draw(st.integers(2, 6)), data.draw(st.sampled_from(sorted(NAMES)))
    n = data.draw(st.integers(1, 3)) * batch_size + data.draw(st.sampled_from([0, 2]))
    draw = np.random.default_rng(data.draw(st.integers(0, 99)))
    x = draw.normal(size=(n, *shape)).astype("float32")
    y = draw.integers(0, 3, n)
    found = []
    for eager in (False, True):
        axon.set_random_seed(5)
        model = Sequential([*(table[name](k) for name, k in chosen), Flatten()])
        model.add(Dense(3, "softmax"))
        model.compile("categorical_crossentropy", NAMES[optimizer](0.001), eager=eager)
        history = model.fit(x, y, batch_size, epochs=2, verbose=0).history
        found.append([*model.get_weights(), np.array(history["loss"]), model.predict(x)])
    assert all(map(np.array_equal, *found))
    array, tensor = model.forward(x), model.forward(axon.Tensor(x))
    assert np.array_equal(array, tensor.numpy())
    assert np.array_equal(array, model.predict(x))
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/model.axon")
        again = axon.load_model(f"{folder}/model.axon")
    assert np.array_equal(again.predict(x), array)
    assert [layer.config() for layer in again.layers] == [m.config() for m in model.layers]


NAMES = optimizers.OPTIMIZERS


@pytest.mark.parametrize("make", [lambda: LSTM(2), Flatten, GlobalAveragePooling1D])
def test_a_dense_that_read_series_is_loaded(make, tmp_path):
    """Its description tells its input size, but not how many axes come before."""
    model = Sequential([Sequential([Dense(4, "tanh")]), Dense(3), make(), Dense(2)])
    wanted = model.predict(SERIES)
    model.save(tmp_path / "model.axon")
    assert np.array_equal(axon.load_model(tmp_path / "model.axon").predict(SERIES), wanted)
