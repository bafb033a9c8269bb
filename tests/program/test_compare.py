"""What a replay would freeze without a word is found out on the second batch."""

import numpy as np
import pytest

import axon
from axon import RecordingError, Tensor
from axon.layers import Dense, Dropout
from axon.models import Model, Sequential

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(24, 4)).astype("f4"), rng.integers(0, 3, 24)


def training(forward, x=X, **options):
    """Train a model with this way of going forward; five batches and a short one."""

    class Net(Model):
        def __init__(self) -> None:
            super().__init__()
            self.body = Dense(5, activation="tanh")
            self.head = Dense(3, activation="softmax")
            self.count = 0

        def forward(self, x):
            return forward(self, x)

    axon.set_random_seed(0)
    model = Net()
    model.compile("categorical_crossentropy", "sgd", **options)
    return model, lambda: model.fit(x, Y, 5, epochs=2, verbose=0, shuffle=False)


def by_data(net, x):
    h = net.body(x)
    return net.head(h * (h.data > 0.1))


def by_rewrapping(net, x):
    return net.head(Tensor(net.body(x).data))


def by_chance(net, x):
    return net.head(net.body(x) * np.random.default_rng().normal())


def by_counting(net, x):
    net.count += 1
    return net.head(net.body(x) * float(net.count))


def by_branching(net, x):
    net.count += 1
    h = net.body(x)
    return net.head(h * 2.0 if net.count % 2 else -h)


@pytest.mark.parametrize(
    ("forward", "words"),
    [
        (by_data, "'multiply' was given numbers of shape .5, 5. on the first batch, other"),
        (by_rewrapping, "'matmul' was given numbers of shape .5, 5. .* in layer 'head'"),
        (by_chance, "'multiply' was given .* on the first batch, other .* on the second"),
        (by_counting, "'multiply' was given 2 on the first batch, other 3 on the second"),
        (by_branching, "went through 'negative' where the second went through 'multiply'"),
    ],
)
def test_what_cannot_be_replayed_is_refused(forward, words):
    _, fit = training(forward)
    with pytest.raises(RecordingError, match=f"step 'train' cannot be replayed: .*{words}"):
        fit()
    _, eager = training(forward, eager=True)
    assert np.isfinite(eager().history["loss"]).all(), "and eagerly it may do what it likes"


def test_a_number_of_operations_that_changes():
    def forward(net, x):
        net.count += 1
        h = net.body(x)
        return net.head(h) if net.count < 3 else net.head(h) * 1.0

    _, fit = training(forward)
    with pytest.raises(RecordingError, match="cannot be replayed"):
        fit()


def test_predictions_are_watched_too():
    model, _ = training(by_chance)
    model.predict(X)
    with pytest.raises(RecordingError, match="step 'predict' cannot be replayed"):
        model.predict(X)


def test_constants_that_stay_are_welcome():
    table = np.arange(5, dtype="f4")

    def forward(net, x):
        noise = Dropout(0.5, seed=1) if net.count else None
        assert noise is None
        return net.head(net.body(x) * table + Tensor(table * 2.0) - 0.5)

    model, fit = training(forward)
    fit()
    recorded = model.get_weights()
    model, fit = training(forward, eager=True)
    fit()
    for a, b in zip(recorded, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_memory_that_is_changed_in_place_is_followed():
    """A table that somebody fills between steps is no constant: a replay sees what it holds."""
    table = np.ones(5, "f4")
    window = Tensor(table)

    class Fill(axon.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            table[:] = batch

    def run(eager):
        table[:] = 1
        model, _ = training(lambda net, x: net.head(net.body(x) * window), eager=eager)
        model.fit(X, Y, 5, epochs=2, verbose=0, shuffle=False, callbacks=[Fill()])
        return model.get_weights()

    for a, b in zip(run(False), run(True), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_second_batch_is_the_last_that_runs_python():
    calls = []

    def forward(net, x):
        calls.append(x.shape)
        return net.head(net.body(x))

    _, fit = training(forward)
    fit()
    assert calls == [(1, 4), (5, 4), (5, 4), (4, 4), (4, 4)]
    model = Sequential([Dense(4, 3)])
    for _ in range(3):
        model.predict(X)
