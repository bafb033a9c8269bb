"""One training, written three ways; recorded or not; again and again: the same weights come out."""

import contextlib
import hashlib
import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import axon
from axon import Tensor
from axon.callbacks import Callback
from axon.layers import Dense, Flatten, Normalization, Rescaling
from axon.losses import BinaryCrossEntropy, CategoricalCrossEntropy, MeanSquaredError
from axon.models import Sequential
from axon.optimizers import SGD, Adam

N, BATCH = 22, 8  # the last batch is short
rng = np.random.default_rng(0)
X = rng.normal(size=(N, 5))
LABELS, YES, NUMBERS = rng.integers(0, 3, N), rng.integers(0, 2, (N, 1)), rng.normal(size=(N, 2))
W = rng.random(N) + 0.5

# name -> (how the last layer looks, loss, targets)
TASKS = {
    "classes": ((3, "softmax"), CategoricalCrossEntropy, LABELS),
    "one-hot": ((3, "softmax"), CategoricalCrossEntropy, np.eye(3)[LABELS]),
    "yes or no": ((1, "sigmoid"), BinaryCrossEntropy, YES),
    "numbers": ((2, "linear"), MeanSquaredError, NUMBERS),
}
OPTIMIZERS = {
    "sgd": lambda: SGD(0.1),
    "momentum": lambda: SGD(0.05, momentum=0.9),
    "nesterov": lambda: SGD(0.05, momentum=0.9, nesterov=True),
    "adam": lambda: Adam(0.01),
}
every_task = pytest.mark.parametrize(("last", "loss", "y"), TASKS.values(), ids=TASKS)
every_optimizer = pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)


def summary_of(model: Sequential) -> str:
    """What ``summary`` prints."""
    printed: list[str] = []
    model.summary(printed.append)
    return "\n".join(printed)


def network(last, dtype="float64", seed=0):
    axon.set_random_seed(seed)
    units, activation = last
    return Sequential(
        [
            Dense(5, 7, "tanh", dtype=dtype),
            Dense(7, 6, "relu", dtype=dtype),
            Dense(6, units, activation, dtype=dtype),
        ]
    )


def weights(model):
    return [p.numpy().copy() for p in model.parameters()]


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def batches(*columns):
    for start in range(0, N, BATCH):
        yield [c[start : start + BATCH] for c in columns]


# ------------------------------------------------------------------------------------ three ways


@every_optimizer
@every_task
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("weighted", [False, True])
def test_by_hand_by_autograd_and_by_fit_agree(last, loss, y, make, dtype, weighted):
    columns = (X, y, W) if weighted else (X, y)
    by_hand, by_graph, by_fit = (network(last, dtype) for _ in range(3))
    criterion, first, second = loss(), make(), make()
    second.build(by_graph.parameters())
    for _ in range(3):
        for x, *targets in batches(*columns):
            t, *w = targets
            p = by_hand.forward(x)
            first.update(by_hand.layers, criterion.gradient(t, p, *w))

            criterion(t, by_graph(Tensor(x.astype(dtype))), *w).backward()
            second.step()
            second.zero_grad()
    by_fit.compile(loss(), make())
    weight = {"sample_weight": W} if weighted else {}
    by_fit.fit(X, y, BATCH, epochs=3, shuffle=False, verbose=0, **weight)

    tolerance = 2e-4 if dtype == "float32" else 1e-8
    for other in (by_graph, by_fit):
        for a, b in zip(weights(by_hand), weights(other), strict=True):
            assert np.allclose(a, b, rtol=tolerance, atol=tolerance)
    assert same(weights(by_graph), weights(by_fit))  # the very same operations


@every_task
def test_the_loss_that_fit_reports_is_the_one_that_is_measured(last, loss, y):
    model, criterion, seen = network(last), loss(), []
    for x, t in batches(X, y):
        p = model.forward(x)
        seen.append((len(x), criterion.loss(t, p)))
    model.compile(criterion, SGD(1e-12))
    history = model.fit(X, y, BATCH, shuffle=False, verbose=0)
    expected = sum(n * value for n, value in seen) / N
    assert history.history["loss"] == pytest.approx([expected], rel=1e-7)
    assert model.evaluate(X, y) == pytest.approx(expected, rel=1e-7)
    assert model.evaluate(X, y, batch_size=5) == pytest.approx(expected, rel=1e-7)


# ------------------------------------------------------------------------------------ replay


@every_optimizer
@every_task
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_eager_and_replay_give_the_same_bits(last, loss, y, make, dtype):
    """Several epochs, shuffled, with a short last batch, metrics, validation and weights."""
    found = []
    for eager in (False, True):
        model = network(last, dtype)
        model.compile(loss(), make(), metrics=["accuracy"] if len(last[1]) > 6 else [], eager=eager)
        history = model.fit(
            *(X, y, BATCH),
            **{"epochs": 4, "verbose": 0, "validation_split": 0.25, "sample_weight": W},
        )
        more = model.fit(X, y, batch_size=5, epochs=2, verbose=0)  # other signatures
        history = {**history.history, "more": more.history["loss"]}
        found.append((weights(model), history, model.predict(X), model.evaluate(X, y)))
    (a, b), (ha, hb), (pa, pb), (ea, eb) = zip(*found, strict=True)
    assert same(a, b)
    assert ha == hb
    assert np.array_equal(pa, pb)
    assert ea == eb


def test_eager_records_nothing_and_replay_records_each_signature_once():
    for eager in (True, False):
        model = network((3, "softmax"))
        model.compile("categorical_crossentropy", "adam", eager=eager)
        model.fit(X, LABELS, BATCH, epochs=3, verbose=0)
        model.fit(X, LABELS, BATCH, epochs=3, verbose=0)
        shapes = [p.inputs["x"].shape for p in model.programs]
        assert shapes == ([] if eager else [(8, 5), (6, 5)])
    assert "for the first time" in model.programs[0].why()
    assert "x has shape (6, 5)" in model.programs[1].why()
    model.compile("mse", eager=True)
    with pytest.raises(RuntimeError, match=r"no program yet.*eager=True, which records nothing"):
        _ = model.program


def test_a_recorded_step_can_be_read():
    model = network((3, "softmax"), "float32")
    model.compile("categorical_crossentropy", Adam())
    model.fit(X, LABELS, BATCH, verbose=0)
    text = str(model.program)
    assert text.startswith("program train(x (6, 5) float32, y (6,) int64)")
    for word in (
        "dense_1/weights",
        "learning_rate",
        "adam_update(parameters",
        "view of",
        "planned",
    ):
        assert word in text


@every_optimizer
def test_a_learning_rate_that_changes_reaches_the_recorded_program(make):
    class Decay(Callback):
        def on_train_batch_end(self, batch, logs):
            self.model.optimizer.learning_rate *= 0.9

    found = []
    for eager in (False, True):
        model = network((3, "softmax"))
        model.compile("categorical_crossentropy", make(), eager=eager)
        model.fit(X, LABELS, BATCH, epochs=2, verbose=0)
        before = weights(model)
        model.optimizer.learning_rate = 1e-30
        model.fit(X, LABELS, BATCH, epochs=2, verbose=0)
        assert same(before, weights(model))
        model.optimizer.learning_rate = 0.5
        model.fit(X, LABELS, BATCH, epochs=2, verbose=0, callbacks=[Decay()])
        assert not same(before, weights(model))
        found.append(weights(model))
        if not eager:
            assert len(model.programs) == 2
    assert same(*found)


def test_other_settings_of_an_optimizer_are_recorded_anew():
    found = []
    for eager in (False, True):
        model = network((3, "softmax"))
        model.compile("categorical_crossentropy", SGD(0.1, momentum=0.9), eager=eager)
        model.fit(X, LABELS, BATCH, epochs=2, verbose=0)
        model.optimizer.momentum = 0.1
        model.fit(X, LABELS, BATCH, epochs=2, verbose=0)
        found.append(weights(model))
    assert same(*found)


def test_many_settings_and_many_batch_sizes_one_after_another():
    """More than a step keeps programs for: the oldest are forgotten and recorded again."""
    found = []
    for eager in (False, True):
        model = network((3, "softmax"))
        model.compile("categorical_crossentropy", SGD(0.01, momentum=0.9), eager=eager)
        for i in range(40):
            model.optimizer.momentum = 0.9 - i / 100
            model.fit(X, LABELS, BATCH, verbose=0)
        for i in range(1, 40):
            model.fit(X, LABELS, batch_size=i, verbose=0)
            model.predict(X[: i % N + 1])
        model.fit(X, LABELS, BATCH, epochs=2, verbose=0)
        found.append((*weights(model), model.predict(X)))
    assert same(*found)


def test_training_inside_no_grad_is_training():
    """What is recorded does not depend on what surrounds the call."""
    found = []
    for surround in (axon.no_grad, contextlib.nullcontext):
        for eager in (False, True):
            model = network((3, "softmax"))
            model.layers[-1].weights *= 1e4  # too large for probabilities
            model.compile("categorical_crossentropy", SGD(0.1), eager=eager)
            with surround():
                before = model.evaluate(X, LABELS)
                model.fit(X, LABELS, BATCH, epochs=2, verbose=0)
                model.train_on_batch(X, LABELS)
            found.append([*weights(model), before, model.evaluate(X, LABELS)])
    assert all(same(found[0], other) for other in found[1:])


class Measure(Callback):
    """The largest amount of memory taken in one epoch, in bytes."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            tracemalloc.start()

    def on_epoch_end(self, epoch, logs):
        if epoch == self.epoch:
            self.peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()


@pytest.mark.parametrize("kind", ["float32", "float64", "uint8"])
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("make", [lambda: SGD(0.01, 0.9), Adam], ids=["momentum", "adam"])
def test_a_replayed_epoch_allocates_no_array(kind, shuffle, make):
    """A batch alone is 400 kB in float32: any copy of one would show."""
    images = (np.random.default_rng(0).random((700, 28, 28)) * 255).astype(kind)
    model = Sequential([Rescaling(1 / 255), Flatten(), Dense(64, "relu"), Dense(10, "softmax")])
    model.compile("categorical_crossentropy", make(), metrics=["accuracy"])
    measure = Measure(epoch=2)  # the first two of each size are recorded
    model.fit(
        *(images, np.arange(700) % 10, 128),
        epochs=3,
        **{"verbose": 0, "shuffle": shuffle, "callbacks": [measure]},
        **{"validation_data": (images[:200], np.arange(200) % 10), "sample_weight": np.ones(700)},
    )
    assert measure.peak < 150_000


def test_the_measurement_would_notice():
    images = np.random.default_rng(0).random((256, 784)).astype("f4")
    model = Sequential([Dense(784, 64, "relu"), Dense(64, 10, "softmax")])
    model.compile("categorical_crossentropy", eager=True)
    measure = Measure(epoch=1)
    model.fit(images, np.arange(256) % 10, 128, 2, verbose=0, callbacks=[measure])
    assert measure.peak > 150_000


# ------------------------------------------------------------------------------------ seeds


def trained(seed=7):
    axon.set_random_seed(seed)
    model = Sequential([Dense(8, "relu"), Dense(3, "softmax")])
    model.compile("categorical_crossentropy", "adam")
    model.fit(X, LABELS, BATCH, epochs=3, verbose=0)
    return b"".join(w.tobytes() for w in weights(model))


def test_the_same_seed_gives_the_same_bits():
    assert trained() == trained()
    assert trained(7) != trained(8)


def test_the_same_seed_gives_the_same_bits_in_another_process():
    code = "import hashlib, test_training as t; print(hashlib.sha256(t.trained()).hexdigest())"
    here = os.path.dirname(__file__)
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            **{"cwd": here, "capture_output": True, "text": True, "check": True, "timeout": 100},
        ).stdout.strip()
        for _ in range(2)
    }
    assert found == {hashlib.sha256(trained()).hexdigest()}


def test_looking_at_the_data_does_not_change_the_training():
    def run(look):
        axon.set_random_seed(0)
        model = network((3, "softmax"))
        model.compile("categorical_crossentropy", "adam", metrics=["accuracy"])
        for _ in range(2):
            options = {"validation_data": (X, LABELS)} if look else {}
            model.fit(X, LABELS, BATCH, verbose=0, **options)
            if look:
                model.predict(X)
                model.evaluate(X, LABELS)
                np.random.default_rng().random()
                assert model.layers[0].neurons
                assert summary_of(model)
        return weights(model)

    assert same(run(look=False), run(look=True))


def test_shuffle_changes_the_order_and_nothing_else():
    x = np.arange(20.0)[:, None]
    orders = []

    class Watch(Callback):
        def on_train_batch_end(self, batch, logs):
            (slots,) = self.model.trainer.train.slots.values()
            orders.append(slots[0].copy())

    model = Sequential([Dense(1, 1)])
    model.compile("mse", SGD(1e-9))
    for shuffle in (True, False):
        orders.clear()
        before = x.copy()
        model.fit(x, x, 5, epochs=2, shuffle=shuffle, verbose=0, callbacks=[Watch()])
        first, second = np.concatenate(orders[:4]).ravel(), np.concatenate(orders[4:]).ravel()
        assert sorted(first) == sorted(second) == x.ravel().tolist()
        assert np.array_equal(first, x.ravel()) != shuffle
        assert np.array_equal(first, second) != shuffle
        assert np.array_equal(x, before)


def test_features_labels_and_weights_stay_together_when_shuffled():
    """Each sample's target is its own feature, so the loss of the identity is 0."""
    x = np.random.default_rng(0).random((50, 1))
    model = Sequential([Dense(1, 1, kernel_initializer="ones")])
    model.compile("mse", SGD(0.1))
    history = model.fit(x, x, 7, epochs=3, verbose=0, sample_weight=1 + x[:, 0])
    assert history.history["loss"] == [0, 0, 0]


# ------------------------------------------------------------------------------------ weights


@every_task
def test_a_weight_of_2_is_the_sample_twice_and_0_is_without_it(last, loss, y):
    """The loss is a sum over samples divided by their number."""
    w = np.ones(N)
    w[3], w[5] = 2, 0
    rows = [*range(5), *range(6, N), 3]
    a, b = network(last), network(last)
    for model in (a, b):
        model.compile(loss(), SGD(0.1))
    a.fit(X, y, batch_size=N, verbose=0, shuffle=False, sample_weight=w)
    b.fit(X[rows], y[rows], batch_size=N, verbose=0, shuffle=False)
    for p, q in zip(weights(a), weights(b), strict=True):
        assert np.allclose(p, q, rtol=1e-10, atol=1e-12)
    assert a.evaluate(X, y, sample_weight=w) == pytest.approx(b.evaluate(X[rows], y[rows]))


@pytest.mark.parametrize("y", [LABELS, np.eye(3)[LABELS]], ids=["labels", "one-hot"])
def test_class_weights_are_sample_weights(y):
    table = np.array([1.0, 0.5, 3.0])
    by_class, by_sample = network((3, "softmax")), network((3, "softmax"))
    for model in (by_class, by_sample):
        model.compile("categorical_crossentropy", SGD(0.1), metrics=["accuracy"])
    options = {"batch_size": 8, "epochs": 2, "verbose": 0, "shuffle": False}
    ha = by_class.fit(X, y, class_weight={2: 3.0, 1: 0.5}, sample_weight=W, **options)
    hb = by_sample.fit(X, y, sample_weight=W * table[LABELS], **options)
    assert same(weights(by_class), weights(by_sample))
    assert ha.history == hb.history


def test_class_weights_of_yes_and_no():
    by_class, by_sample = network((1, "sigmoid")), network((1, "sigmoid"))
    options = {"batch_size": 8, "epochs": 2, "verbose": 0, "shuffle": False}
    for model in (by_class, by_sample):
        model.compile("binary_crossentropy", SGD(0.1))
    by_class.fit(X, YES, class_weight={0: 0.25, 1: 2}, **options)
    by_sample.fit(X, YES, sample_weight=np.where(YES[:, 0], 2, 0.25), **options)
    assert same(weights(by_class), weights(by_sample))


def test_class_weights_do_not_touch_validation():
    model = network((3, "softmax"))
    model.compile("categorical_crossentropy", SGD(1e-12))
    history = model.fit(X, LABELS, verbose=0, class_weight={0: 9.0}, validation_split=0.5)
    assert history.history["val_loss"] == pytest.approx([model.evaluate(X[11:], LABELS[11:])])
    assert history.history["loss"][0] > model.evaluate(X[:11], LABELS[:11]) + 0.1


def test_validation_data_may_carry_weights():
    model = network((3, "softmax"))
    model.compile("categorical_crossentropy", SGD(1e-12))
    history = model.fit(X, LABELS, verbose=0, validation_data=(X, LABELS, W))
    assert history.history["val_loss"] == pytest.approx(
        [model.evaluate(X, LABELS, sample_weight=W)]
    )


def test_the_last_samples_are_kept_for_validation():
    model = network((3, "softmax"))
    model.compile("categorical_crossentropy", SGD(1e-12))
    for share, n in ((0.5, 11), (0.1, 2), (np.float32(0.25), 6), (0.9, 20)):
        history = model.fit(X, LABELS, verbose=0, validation_split=share)
        expected = model.evaluate(X[N - n :], LABELS[N - n :])
        assert history.history["val_loss"] == pytest.approx([expected])
        expected = model.evaluate(X[: N - n], LABELS[: N - n])
        assert history.history["loss"] == pytest.approx([expected])


# ------------------------------------------------------------------------------------ learning


def test_a_network_learns_what_a_line_cannot():
    """Exclusive or, by each optimizer."""
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    y = np.array([[0], [1], [1], [0]])
    for make in (lambda: SGD(0.5, 0.9), lambda: SGD(0.5, 0.9, nesterov=True), lambda: Adam(0.05)):
        axon.set_random_seed(1)
        model = Sequential([Dense(2, 8, "tanh"), Dense(8, 1, "sigmoid")])
        model.compile("binary_crossentropy", make(), metrics=["accuracy"])
        history = model.fit(x, y, epochs=300, verbose=0)
        assert history.history["accuracy"][-1] == 1
        assert history.history["loss"][-1] < 0.05


def test_preparation_travels_with_the_model():
    x = np.random.default_rng(0).normal(50, 20, size=(200, 3))
    y = (x[:, 0] > x[:, 1]).astype(int)
    normalization = Normalization()
    normalization.adapt(x)
    model = Sequential([normalization, Dense(2, "softmax")])
    model.compile("categorical_crossentropy", Adam(0.1), metrics=["accuracy"])
    assert model.fit(x, y, epochs=20, verbose=0).history["accuracy"][-1] > 0.95


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    n=st.integers(1, 25),
    features=st.integers(1, 6),
    classes=st.integers(2, 5),
    batch_size=st.integers(1, 30),
    epochs=st.integers(1, 3),
    hidden=st.lists(st.tuples(st.integers(1, 5), st.sampled_from(["relu", "tanh", "sigmoid"]))),
    optimizer=st.sampled_from(list(OPTIMIZERS)),
    kind=st.sampled_from(["float32", "float64", "uint8", "int64"]),
    hot=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_any_small_training_runs_and_replays(
    n, features, classes, batch_size, epochs, hidden, optimizer, kind, hot, seed
):
    draw = np.random.default_rng(seed)
    x = (draw.random((n, features)) * 4).astype(kind)
    y = draw.integers(0, classes, n)
    found = []
    for eager in (False, True):
        axon.set_random_seed(seed)
        layers = [Dense(size, activation) for size, activation in hidden[:3]]
        model = Sequential([*layers, Dense(classes, "softmax")])
        make = OPTIMIZERS[optimizer]
        model.compile("categorical_crossentropy", make(), metrics=["accuracy"], eager=eager)
        targets = np.eye(classes)[y] if hot else y
        history = model.fit(x, targets, batch_size, epochs, verbose=0).history
        assert np.isfinite(history["loss"]).all()
        assert len(history["loss"]) == epochs
        p = model.predict(x, batch_size=batch_size)
        assert p.shape == (n, classes)
        assert np.allclose(p.sum(axis=1), 1, atol=1e-5)
        found.append((weights(model), history, p))
    (a, b), (ha, hb), (pa, pb) = zip(*found, strict=True)
    assert same(a, b)
    assert ha == hb
    assert np.array_equal(pa, pb)


# ------------------------------------------------------------------------------------ found in use


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize(("activation", "got"), [("relu", "relu"), (None, "a linear layer")])
@pytest.mark.parametrize("loss", ["categorical_cross_entropy", "binary_cross_entropy"])
def test_a_model_without_probabilities_is_refused_whatever_the_data(
    eager: bool, activation: str | None, got: str, loss: str
) -> None:
    """By how it ends, not by the values of a first batch, which may lie between 0 and 1."""
    model = Sequential([Dense(6, 3, activation)])
    model.layers[0].weights = np.full((6, 3), 0.05)
    model.compile(loss, "sgd", eager=eager)
    x, y = np.full((8, 6), 0.5), np.eye(3)[np.arange(8) % 3]
    with pytest.raises(ValueError, match=f"expected probabilities between 0 and 1, got .*{got}"):
        model.fit(x, y, verbose=0)
    assert np.array_equal(model.layers[0].weights.numpy(), np.full((6, 3), 0.05, np.float32))


@pytest.mark.parametrize("eager", [False, True])
def test_an_array_put_in_place_of_a_parameter_is_adopted(eager: bool) -> None:
    """Assigning ``.data`` is not the way (``layer.weights = ...`` is), but must not be ignored."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 4)), rng.integers(0, 3, 20)
    model = Sequential([Dense(4, 3, "softmax")])
    model.compile("categorical_cross_entropy", "sgd", eager=eager)
    model.fit(x, y, verbose=0)
    model.layers[0].weights.data = np.full((4, 3), 0.3, np.float32)
    model.fit(x, y, verbose=0)
    moved = model.layers[0].weights.numpy() - np.float32(0.3)
    assert 0 < abs(moved).max() < 0.1
    assert np.allclose(model.predict(x), model.forward(x))


def test_a_second_fit_takes_little_memory() -> None:
    """Not only its epochs: no copy of the labels, and no new order of 60,000 samples."""
    x, y = np.zeros((60_000, 3), np.float32), np.arange(60_000).astype(np.uint8) % 10
    model = Sequential([Dense(3, 10, "softmax")])
    model.compile("categorical_cross_entropy", "sgd")
    model.fit(x, y, batch_size=500, verbose=0)
    tracemalloc.start()
    model.fit(x, y, batch_size=500, verbose=0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 150_000


def test_a_model_of_600_layers_is_planned_and_trained() -> None:
    model = Sequential([Dense(4, 4, "tanh") for _ in range(600)])
    model.compile("mse", "sgd")
    model.fit(np.ones((2, 4)), np.ones((2, 4)), verbose=0)
    homes = sum(line.place.endswith(".grad") for line in model.program.lines)
    assert homes == 1200  # every gradient is written where it belongs
