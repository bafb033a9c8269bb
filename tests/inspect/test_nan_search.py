"""fit(debug="nan"): the first operation whose result is not finite is named; nothing is lost."""

import warnings

import numpy as np
import pytest

import axon
from axon import Tensor, modes, ops
from axon.inspect.nan_search import Finder
from axon.layers import Dense
from axon.layers.base import Layer
from axon.models import Model, Sequential
from axon.optimizers import SGD, Adam

X = np.random.default_rng(0).normal(size=(24, 4)).astype("f4")
Y = (X @ np.ones((4, 1), "f4")).astype("f4")


class Log(Layer):
    """Not defined below 0."""

    def call(self, x):
        return ops.log(x)


class Length(Layer):
    """Not smooth at 0."""

    def call(self, x):
        return ops.sqrt((x * x).sum(axis=-1, keepdims=True))


class Masked(Layer):
    """Softmax over some of its inputs, as attention does it: the others are -inf."""

    def __init__(self, shown=(1.0, 1.0, 0.0, 0.0), **options):
        super().__init__(**options)
        self.shown = shown

    def call(self, x):
        hidden = ops.where(Tensor(self.shown) > 0.5, 0.0, Tensor(np.float32(-np.inf)))
        return axon.activations.softmax(x + hidden)


class Picky(Layer):
    """Asks for a value, which a recording refuses."""

    seen = None

    def call(self, x):
        Picky.seen = float(x.sum())
        return x


def model_of(*layers, optimizer=None, **options):
    axon.set_random_seed(0)
    model = Sequential(layers)
    model.build((4,))
    model.compile("mse", optimizer or SGD(0.01), **options)
    return model


def failure(model, x=X, y=Y, **options):
    options = {"batch_size": 8, "verbose": 0, "shuffle": False, **options}
    with pytest.raises(FloatingPointError) as caught:
        model.fit(x, y, debug="nan", **options)
    assert modes.modes.recorder is None
    assert model.trainer.search is None
    return str(caught.value)


def weights(model):
    return [w.tobytes() for w in model.get_weights()]


# ------------------------------------------------------------------------------------ where


def test_forward():
    x = X.copy()
    x[:16] = 1.0
    positive = Dense(4, 4, kernel_initializer="ones", name="positive")
    model = model_of(positive, Log(name="curve"), Dense(1))
    message = failure(model, x)
    assert message.startswith(
        "epoch 1, batch 3 of training: log made nan in the forward pass, in layer 'curve'.\n"
        "  result: shape (8, 4); "
    )
    first = np.argwhere((x[16:] @ np.ones((4, 4), "f4")) < 0)[0]
    assert f"the first at ({first[0]}, {first[1]})\n" in message
    assert "  input 0: what add made in 'positive', shape (8, 4), -" in message
    assert "above 0 for log" in message
    assert message.endswith("The weights are those before this step.")


def test_counts_and_ranges():
    x = np.ones((8, 4), "f4")
    x[3, 2] = x[5, 0] = -2.0
    message = failure(model_of(Log(), Dense(4, 1)), x, Y[:8])
    assert "shape (8, 4); 2 of 32 elements are not finite, the first at (3, 2)" in message
    assert "input 0: x, shape (8, 4), -2 to 1" in message
    x[5, 0] = 1.0
    message = failure(model_of(Log(), Dense(4, 1)), x, Y[:8])
    assert "1 of 32 elements is not finite" in message


def test_backward():
    model = model_of(Dense(4, 3, name="first"), Length(name="length"))
    before = weights(model)
    x = X.copy()
    x[9] = 0.0  # through a bias of 0 to the one point where sqrt has no slope
    x[:8] = 1.0
    message = failure(model, x, batch_size=12)
    assert "batch 1 of training: " in message
    assert "in the backward pass, in layer 'length'." in message
    assert "A slope is not finite" in message
    assert weights(model) == before


@pytest.mark.parametrize("optimizer", [SGD(3e38), SGD(3e38, momentum=0.9)])
def test_update(optimizer):
    model = model_of(Dense(4, 1), optimizer=optimizer)
    before = weights(model)
    state = {k: v.copy() for k, v in model.optimizer.state().items()}
    message = failure(model, 10 * X, 1e3 * Y)
    assert " in the update.\n" in message
    assert "_update made " in message
    assert "parameters, shape (5,), -" in message
    changed = [line[:18] for line in message.splitlines() if "before it was changed" in line]
    assert changed == ["  input 0: paramet", "  input 1: velocit"][: len(state) + 1]
    assert "A smaller learning_rate" in message
    assert "The weights are those before this step." in message
    assert weights(model) == before
    assert float(model.optimizer.iterations.data) == 0
    assert all(np.array_equal(v, model.optimizer.state()[k]) for k, v in state.items())


def test_update_that_squares_what_is_large():
    message = failure(model_of(Dense(4, 1), optimizer=Adam()), 1e9 * X, 1e11 * Y)
    assert "adam_update made inf in the update.\n" in message
    assert "gradients, shape (5,), " in message


def test_infinite_loss():
    message = failure(model_of(Dense(4, 1)), X, np.full_like(Y, 1e30))
    assert "square made inf in the forward pass, outside all layers." in message
    assert "batch 1 of training" in message


def test_layers_inside_layers_and_names_of_parameters():
    class Outer(Layer):
        def __init__(self, **options):
            super().__init__(**options)
            self.inner = Dense(4, kernel_initializer="ones")

        def call(self, x):
            return ops.exp(1000.0 * self.inner(x))

    message = failure(model_of(Outer(name="outer"), Dense(1)), abs(X))
    assert "exp made inf in the forward pass, in layer 'outer'." in message
    assert "input 0: what multiply made in 'outer', shape" in message
    big = Dense(4, 4, kernel_initializer="ones", name="big")
    model = model_of(big, Dense(1))
    big.weights.data[...] = 3e38
    message = failure(model, abs(X))
    assert "matmul made inf in the forward pass, in layer 'big'." in message
    assert "input 0: x, shape (8, 4)" in message
    assert "input 1: big/weights, shape (4, 4), 3e+38" in message


def test_validation_and_later_epochs():
    class Shrinking(axon.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                self.model.layers[0].scale = -1.0

    class Scaled(Log):
        scale = 1.0

        def call(self, x):
            return super().call(x * self.scale)

    model = model_of(Scaled(), Dense(4, 1))
    message = failure(model, abs(X) + 1, epochs=5, callbacks=[Shrinking()])
    assert "epoch 3, batch 1 of training: log made nan" in message
    model = model_of(Log(), Dense(4, 1))
    message = failure(
        model, abs(X) + 1, epochs=2, validation_data=(-X, Y), validation_batch_size=24
    )
    assert "epoch 1, batch 1 of validation: log made nan in the forward pass" in message


# ------------------------------------------------------------------------------------ who is blamed


def test_a_mask_of_infinities_is_not_blamed():
    model = model_of(Masked(), Dense(4, 1))
    history = model.fit(X, Y, verbose=0, debug="nan")
    assert np.isfinite(history.history["loss"]).all()


def test_what_makes_nan_of_infinities_is_blamed():
    message = failure(model_of(Masked(shown=(0.0,) * 4, name="masked"), Dense(4, 1)))
    assert "softmax made nan in the forward pass, in layer 'masked'." in message
    assert "already not finite in 32 places" in message


def test_a_weight_that_is_nan_already_is_named():
    model = model_of(Dense(4, 3, name="first"), Dense(3, 1, name="second"))
    model.layers[1].weights.data[0, 0] = np.nan
    before = weights(model)
    message = failure(model)
    assert "matmul made nan in the forward pass, in layer 'second'." in message
    line = "input 1: second/weights, shape (3, 1), "
    assert line in message
    assert message.split(line)[1].splitlines()[0].endswith("already not finite in 1 places")
    assert weights(model) == before


def test_a_finder_by_itself():
    finder = Finder({})
    with modes.Mode("recorder", finder), np.errstate(all="ignore"):
        x = Tensor([1.0, np.inf])
        y = x * 2.0
        assert finder.suspect.startswith("multiply made inf")
        assert "already not finite in 1 places" in finder.suspect
        first = finder.suspect
        _ = y + 1.0
        assert finder.suspect == first
        assert float(y[0]) == 2.0
        with pytest.raises(FloatingPointError, match="subtract made nan"):
            y - x
        with pytest.raises(FloatingPointError, match=r"input 0: what multiply made, shape \(1,\)"):
            ops.log(x[:1] * 0.0)


def test_views_are_what_they_show():
    x = Tensor([1.0, 0.0, -np.inf])
    finder = Finder({id(x): "x"})
    with modes.Mode("recorder", finder), np.errstate(all="ignore"):
        assert x[2:].shape == (1,)
        assert finder.suspect is None, "a view computes nothing"
        with pytest.raises(FloatingPointError, match=r"input 0: x, shape \(1,\), 0\n"):
            ops.log(x[:2][1:])


def test_memory_that_nobody_knows_is_taken_for_finite():
    total = Tensor([3e38])
    with modes.Mode("recorder", Finder({})), np.errstate(all="ignore"):
        with pytest.raises(FloatingPointError, match="add_in_place made inf") as caught:
            ops.add_in_place(total, 3e38)
    assert "input 0: a constant, shape (1,), before it was changed\n" in str(caught.value)


def test_nan_that_nothing_reads_is_left_alone():
    class Unused(Model):
        def __init__(self):
            super().__init__()
            self.used, self.other = Dense(4, 1), Dense(4, 1)

        def forward(self, x):
            return self.used(x)

    model = Unused()
    model.compile("mse", SGD(0.01))
    model.other.weights.data[...] = np.nan
    assert np.isfinite(model.fit(X, Y, verbose=0, debug="nan").history["loss"]).all()


# ------------------------------------------------------------------------------------ all else


def test_the_model_stays_usable_after_the_error():
    x = np.concatenate([abs(X[:8]) + 1, -abs(X[:8])])
    model = model_of(Log(), Dense(4, 1))
    failure(model, x, Y[:16])
    assert float(model.optimizer.iterations.data) == 1, "the step before the one that failed"
    model.fit(abs(X) + 1, Y, verbose=0)
    assert np.isfinite(model.predict(abs(X) + 1)).all()
    fresh = model_of(Log(), Dense(4, 1))
    fresh.fit(x[:8], Y[:8], batch_size=8, shuffle=False, verbose=0)
    fresh.fit(abs(X) + 1, Y, verbose=0)
    assert all(
        p.shape == q.shape for p, q in zip(model.get_weights(), fresh.get_weights(), strict=True)
    )


@pytest.mark.parametrize("make", [lambda: SGD(0.05, momentum=0.9), lambda: Adam(0.01)])
def test_the_same_training_with_and_without(make):
    results = []
    for debug in (None, "nan"):
        model = model_of(Dense(4, 5, "tanh"), Dense(5, 1), optimizer=make(), metrics=["mae"])
        history = model.fit(X, Y, batch_size=10, epochs=3, verbose=0, debug=debug, shuffle=False)
        model.fit(X, Y, batch_size=10, epochs=1, verbose=0, shuffle=False)
        results.append((weights(model), history.history["loss"], history.history["mae"]))
    assert results[0] == results[1]


def test_the_memory_of_the_model_is_put_back():
    class Counting(Layer):
        """Changes a buffer of its own in each step, then fails."""

        def create(self, *input_shapes):
            from axon.parameter import Buffer

            self.count = Buffer(np.zeros(2, "f4"))

        def call(self, x):
            ops.add_in_place(self.count, 1.0)
            return ops.log(x)

    model = model_of(Counting(), Dense(4, 1))
    failure(model, np.concatenate([abs(X[:8]) + 1, -abs(X[:8])]), Y[:16])
    assert model.layers[0].count.numpy().tolist() == [2.0, 2.0], "one by build, one by batch 1"


def test_values_may_be_asked_for_while_searching():
    model = model_of(Picky(), Dense(4, 1))
    with pytest.raises(axon.RecordingError):
        model.fit(X, Y, verbose=0)
    model.fit(X, Y, batch_size=24, shuffle=False, verbose=0, debug="nan")
    assert Picky.seen == pytest.approx(X.sum(), rel=1e-5)
    assert model.trainer.train.latest is None, "nothing is recorded"
    with pytest.raises(axon.RecordingError):
        model.fit(X, Y, verbose=0)


def test_several_inputs():
    class Ratio(Model):
        def __init__(self):
            super().__init__()
            self.head = Dense(4, 1)

        def forward(self, a, b):
            return self.head(a / b)

    model = Ratio()
    model.compile("mse", SGD(0.1))
    zero = X.copy()
    zero[:, 1] = 0.0
    message = failure(model, (X, zero))
    assert "divide made " in message
    assert "outside all layers" in message
    assert "input 0: x0, shape (8, 4)" in message
    assert "input 1: x1, shape (8, 4)" in message


@pytest.mark.parametrize("wrong", ["inf", "nans", True, "NaN?"])
def test_other_debug_modes_are_refused(wrong):
    model = model_of(Dense(4, 1))
    with pytest.raises(ValueError, match=r"unknown debug mode '.*'\..*Known: nan\."):
        model.fit(X, Y, verbose=0, debug=wrong)


def test_without_it_one_warning_tells_of_it():
    model = model_of(Dense(4, 1))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with np.errstate(all="ignore"):
            model.fit(X, np.full_like(Y, 1e30), epochs=3, batch_size=8, verbose=0)
    lost = [str(w.message) for w in caught]
    assert len(lost) == 1
    assert 'fit(..., debug="nan") names the first operation' in lost[0]
