"""Models as people use them: Keras-shaped, shared, nested, frozen, recompiled, self-written."""

import inspect
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest

import axon
from axon import RecordingError, Tensor, ops
from axon.activations import relu, softmax
from axon.layers import Dense, Dropout, Flatten, Normalization, Rescaling
from axon.losses import CategoricalCrossEntropy, MeanSquaredError
from axon.models import Model, Sequential
from axon.optimizers import SGD, Adam
from axon.parameter import Parameter

X = np.random.default_rng(0).normal(size=(20, 4))
Y = np.arange(20) % 3
OPTIMIZERS = {
    "sgd": lambda: SGD(0.1),
    "momentum": lambda: SGD(0.1, momentum=0.9),
    "adam": lambda: Adam(0.01),
}
every_optimizer = pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)


def summary_of(model: Model) -> str:
    """What ``summary`` prints."""
    printed: list[str] = []
    model.summary(printed.append)
    return "\n".join(printed)


def classifier(**options):
    axon.set_random_seed(0)
    model = Sequential([Dense(4, 8, "relu"), Dense(8, 3, "softmax")])
    options.setdefault("optimizer", SGD(0.1))
    model.compile("categorical_crossentropy", **options)
    return model


def values(model):
    return [p.numpy().copy() for p in model.parameters()]


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def eager_and_replay(story):
    """Run a story both ways; it returns arrays, which must be the same bits."""
    results = []
    for eager in (False, True):
        axon.set_random_seed(0)
        results.append(story(eager))
    assert same(*results)
    return results[0]


# ------------------------------------------------------------------------------------ the names


def test_the_first_users_names():
    model = Sequential()
    model.add(Dense(784, 128, activation=relu))
    model.add(Dense(128, 10, activation=softmax))
    model.compile(loss=CategoricalCrossEntropy(), optimizer=SGD(learning_rate=0.01))
    x, y = np.zeros((3, 784)), np.array([1, 2, 3])
    assert model.forward(x).shape == (3, 10)
    assert model.train(x, y, epochs=1).epoch == [0]
    assert model.count_params() == 784 * 128 + 128 + 128 * 10 + 10


def test_the_signatures_are_kerass():
    def names(method, n):
        return list(inspect.signature(method).parameters)[1 : n + 1]

    assert names(Model.fit, 7) == [
        *("x", "y", "batch_size", "epochs", "verbose", "callbacks", "validation_split")
    ]
    assert names(Model.evaluate, 5) == ["x", "y", "batch_size", "verbose", "sample_weight"]
    assert names(Model.predict, 3) == ["x", "batch_size", "verbose"]
    assert names(Model.compile, 3) == ["loss", "optimizer", "metrics"]
    assert names(Model.train, 3) == ["x", "y", "epochs"]


def test_compile_takes_names_classes_and_objects():
    model = classifier()
    for loss in ("categorical_cross_entropy", CategoricalCrossEntropy, CategoricalCrossEntropy()):
        for optimizer in ("adam", Adam, Adam(0.1)):
            model.compile(loss, optimizer)
            assert type(model.loss) is CategoricalCrossEntropy
            assert type(model.optimizer) is Adam
    assert model.optimizer.learning_rate == 0.1


# ------------------------------------------------------------------------------------ predict


@pytest.mark.parametrize("n", [1, 2, 5, 1024, 1025, 2500])
def test_predict_of_any_number_of_samples(n):
    model, x = classifier(), np.random.default_rng(0).normal(size=(n, 4))
    p = model.predict(x)
    assert type(p) is np.ndarray
    assert p.shape == (n, 3)
    assert p.dtype == np.float32
    assert np.allclose(p, model.forward(x), rtol=1e-5, atol=1e-7)
    assert np.allclose(p, model.predict(x, batch_size=7), rtol=1e-5, atol=1e-7)


def test_predict_before_compile_and_before_build():
    model = Sequential([Dense(8, "relu"), Dense(3, "softmax")])
    assert model.predict(X).shape == (20, 3)
    assert model.predict(X.astype(int)).shape == (20, 3)


def test_what_predict_returns_is_the_callers_own():
    model = classifier()
    first = model.predict(X)
    kept = first.copy()
    model.predict(-X)
    model.fit(X, Y, verbose=0)
    assert np.array_equal(first, kept)
    first[:] = 0
    assert model.predict(X).any()


def test_threads_may_predict_together():
    model = Sequential([Dense(200, 300, "relu"), Dense(300, 3, "softmax")])
    data = [np.random.default_rng(i).normal(size=(64, 200)) for i in range(8)]
    expected = [model.predict(x) for x in data]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(20):
            for found, right in zip(pool.map(model.predict, data), expected, strict=True):
                assert np.array_equal(found, right)


def test_predictions_follow_the_weights():
    model = classifier()
    for change in (
        lambda: model.fit(X, Y, verbose=0),
        lambda: model.layers[0].weights.assign(np.ones((4, 8))),
        lambda: setattr(model.layers[1], "bias", [1, 2, 3]),
    ):
        before = model.predict(X)
        change()
        assert not np.array_equal(before, model.predict(X))
        assert np.allclose(model.predict(X), model.forward(X), rtol=1e-5, atol=1e-7)


def test_a_model_called_on_arrays_and_on_tensors():
    model = classifier()
    assert type(model(X)) is np.ndarray
    assert type(model(Tensor(X))) is Tensor
    assert np.array_equal(model(X), model(Tensor(X)).numpy())
    assert model(X.tolist()).shape == (20, 3)


# ------------------------------------------------------------------------------------ evaluate


def test_evaluate_returns_the_loss_and_then_the_metrics():
    assert type(classifier().evaluate(X, Y)) is float
    model = classifier(metrics=["accuracy"])
    loss, accuracy = model.evaluate(X, Y)
    assert accuracy == np.mean(model.predict(X).argmax(axis=1) == Y)
    assert model.evaluate(X, Y, return_dict=True) == {"loss": loss, "accuracy": accuracy}
    assert model.evaluate(X, Y, batch_size=7) == pytest.approx([loss, accuracy])


def test_evaluate_changes_nothing():
    model = classifier(metrics=["accuracy"])
    before = values(model)
    assert model.evaluate(X, Y) == model.evaluate(X, Y)
    assert same(before, values(model))


def test_train_on_batch_returns_the_loss_before_the_update():
    model, twin = classifier(), classifier()
    expected = twin.evaluate(X, Y)
    assert model.train_on_batch(X, Y) == pytest.approx(expected)
    twin.fit(X, Y, batch_size=20, shuffle=False, verbose=0)
    assert same(values(model), values(twin))
    assert all(p.grad is None for p in model.parameters())


# ------------------------------------------------------------------------------------ looking


def test_summary_is_a_table():
    model = classifier()
    assert summary_of(model).splitlines() == [
        "Model: sequential",
        "-" * 72,
        "Layer (type)                      Output Shape                   Param #",
        "-" * 72,
        "dense (Dense)                     (None, 8)                           40",
        "dense_1 (Dense)                   (None, 3)                           27",
        "-" * 72,
        "Total params: 67 (268 B)",
        "Trainable params: 67 (268 B)",
        "Non-trainable params: 0 (0 B)",
        "Optimizer params: 0 (0 B)",
    ]
    model.layers[0].trainable = False
    totals = "Trainable params: 27 (108 B)\nNon-trainable params: 40 (160 B)"
    assert totals in summary_of(model)


def test_summary_of_what_is_not_built_and_of_long_names():
    model = Sequential([Dense(3, name="a_very_long_name_" * 3), Flatten()])
    assert "not built" in summary_of(model)
    assert "…" in summary_of(model)
    assert all(len(line) <= 72 for line in summary_of(model).splitlines())


def test_repr_of_a_model():
    assert repr(classifier()) == "Sequential([Dense(4, 8, relu), Dense(8, 3, softmax)])"
    assert repr(Sequential()) == "Sequential([])"


# ------------------------------------------------------------------------------------ Sequential


def test_names_within_a_model_are_unique():
    model = Sequential([Dense(4, 4), Dense(4, 4, name="mine"), Dense(4, 4), Dense(4, 4)])
    assert [layer.name for layer in model.layers] == ["dense", "mine", "dense_1", "dense_2"]
    assert list(model.named_parameters())[2:4] == ["mine/weights", "mine/bias"]


def test_sizes_are_learned_from_the_first_data():
    model = Sequential([Flatten(), Dense(8, "relu"), Dense(3, "softmax")])
    assert model.output_shape is None
    assert model.count_params() == 0
    model.compile("categorical_crossentropy", SGD(0.1))
    model.fit(X.reshape(20, 2, 2), Y, verbose=0)
    assert model.count_params() == 67
    assert (model.input_shape, model.output_shape) == ((2, 2), (3,))


def test_lists_that_are_handed_out_cannot_be_changed():
    model = classifier()
    model.fit(X, Y, verbose=0)
    for handed in (
        *(model.layers, Residual().layers, model.layers[0].neurons),
        *(model.optimizer.groups, model.optimizer.parameters),
    ):
        assert type(handed) is tuple
    with pytest.raises(TypeError):
        model.layers[-1] = Dense(5, "softmax")


def test_layers_are_taken_out_and_put_in():
    axon.set_random_seed(0)
    model = Sequential([Dense(4, "relu"), Dense(3, "relu"), Dense(3, "softmax")])
    model.compile("categorical_crossentropy", "adam")
    model.fit(X, Y, verbose=0)
    first, middle, last = model.layers
    assert model.pop() is last
    assert model.layers == (first, middle)
    assert np.allclose(model.predict(X), middle(first(X)))
    model.insert(1, Dropout(0.5))
    assert [layer.name for layer in model.layers] == ["dense", "dropout", "dense_1"]
    assert np.allclose(model.predict(X), middle(first(X)))
    model.add(Dense(3, "softmax"))
    before = [w.copy() for w in model.get_weights()]
    model.fit(X, Y, verbose=0)
    assert not any(map(np.array_equal, before, model.get_weights()))
    assert model.pop(1).name == "dropout"
    assert np.allclose(model.predict(X), model.layers[2](middle(first(X))), atol=1e-6)
    model.insert(-1, Dense(3, "tanh"))
    assert [layer.name for layer in model.layers] == ["dense", "dense_1", "dense_3", "dense_2"]
    assert model.evaluate(X, Y) > 0
    assert next(iter(model.named_parameters())) == "dense/weights"


def test_a_layer_that_does_not_fit_is_neither_put_in_nor_taken_out():
    model = classifier()
    model.fit(X, Y, verbose=0)
    before, want = model.layers, model.predict(X)
    new = Dense(7)
    for change in (lambda: model.pop(0), lambda: model.insert(1, new)):
        with pytest.raises(ValueError, match="expected inputs of shape"):
            change()
        assert model.layers == before
        assert np.array_equal(model.predict(X), want)
    assert new.output_shape is None
    with pytest.raises(TypeError, match="expected a layer"):
        model.insert(0, "relu")
    with pytest.raises(IndexError, match="there is no layer 2, the model has 2"):
        model.pop(2)
    while model.layers:
        model.pop()
    with pytest.raises(RuntimeError, match="has no layers"):
        model.predict(X)


def test_a_layer_added_later_takes_part():
    model = classifier()
    model.predict(X)
    model.evaluate(X, Y)
    model.fit(X, Y, verbose=0)
    model.add(Rescaling(0.5))
    assert np.allclose(model.predict(X).sum(axis=1), 0.5)
    model.add(Dense(3, "softmax"))
    before = values(model)
    assert np.allclose(model.predict(X), model.forward(X), rtol=1e-5, atol=1e-7)
    model.fit(X, Y, verbose=0)
    assert len(before) == 6
    assert not any(np.array_equal(a, b) for a, b in zip(before, values(model), strict=True))
    assert np.allclose(model.predict(X), model.forward(X), rtol=1e-5, atol=1e-7)


def test_a_sequential_inside_a_sequential():
    def story(eager):
        inner = Sequential([Dense(4, 5, "tanh"), Dense(5, 5, "tanh")], name="body")
        model = Sequential([Rescaling(0.5), inner, Dense(5, 3, "softmax")])
        model.compile("categorical_crossentropy", Adam(0.01), eager=eager)
        model.fit(X, Y, batch_size=8, epochs=3, verbose=0)
        assert list(model.named_parameters())[:2] == ["body/dense/weights", "body/dense/bias"]
        assert "body (Sequential)" in summary_of(model)
        return [*values(model), model.predict(X)]

    eager_and_replay(story)


def test_by_hand_through_a_sequential_inside_a_sequential():
    inner = Sequential([Dense(4, 5, "tanh", dtype="float64")])
    model = Sequential([inner, Dense(5, 2, dtype="float64")])
    y, loss = np.ones((20, 2)), MeanSquaredError()
    slope = model.backward(loss.gradient(y, model.forward(X)))
    found = [p.grad.numpy().copy() for p in model.parameters()]
    for p in model.parameters():
        p.grad = None
    x = Tensor(X, requires_grad=True)
    loss(y, model(x)).backward()
    assert np.allclose(slope, x.grad.numpy())
    assert all(np.allclose(a, p.grad.numpy()) for a, p in zip(found, model.parameters(), strict=1))


def test_the_same_layer_twice_in_one_model():
    """Tied weights: trained by fit; by hand it says that autograd is needed."""

    def story(eager):
        tied = Dense(4, 4, "tanh")
        model = Sequential([tied, Dense(4, 4, "tanh"), tied, Dense(4, 3, "softmax")])
        assert [name for name, _ in model.children()] == ["dense", "dense_1", "dense", "dense_2"]
        assert len(model.parameters()) == 6
        model.compile("categorical_crossentropy", SGD(0.1), eager=eager)
        model.fit(X, Y, epochs=2, verbose=0)
        return values(model)

    eager_and_replay(story)
    tied = Dense(4, 4)
    model = Sequential([tied, Dense(4, 4), tied])
    slope = np.ones_like(model.forward(X))
    with pytest.raises(RuntimeError, match="A layer that stands in a model twice needs autograd"):
        SGD(0.1).update(model.layers, slope)


# ------------------------------------------------------------------------------------ sharing


def test_models_that_share_layers_keep_all_their_parameters():
    a, b = Dense(4, 4), Dense(4, 4)
    first, second = Sequential([a, b]), Sequential([Dense(4, 4), b, a])
    assert list(first.named_parameters()) == [
        *("dense/weights", "dense/bias", "dense_1/weights", "dense_1/bias")
    ]
    assert len(second.named_parameters()) == 6
    assert [name for name, _ in second.children()] == ["dense", "dense_1", "dense_2"]
    assert (a.name, b.name) == ("dense", "dense_1")


@every_optimizer
def test_overlapping_models_trained_in_turn(make):
    """Each training moves parameters from one flat buffer to the other: nothing may go stale."""

    def story(eager):
        shared, other = Dense(4, 6, "tanh"), Dense(6, 6, "tanh")
        first = Sequential([shared, Dense(6, 3, "softmax")])
        second = Sequential([shared, other, Dense(6, 4)])
        part = Sequential([shared])
        first.compile("categorical_crossentropy", make(), eager=eager)
        second.compile("mse", make(), eager=eager)
        part.compile("mse", make(), eager=eager)
        results = []
        for _ in range(3):
            before = shared.weights.numpy().copy()
            first.fit(X, Y, batch_size=8, epochs=2, verbose=0)
            assert not np.array_equal(before, shared.weights.numpy())
            results += [second.predict(X), part.predict(X)]
            second.fit(X, X, batch_size=8, epochs=2, verbose=0)
            results += [first.predict(X), part.predict(X)]
            part.fit(X, X @ np.ones((4, 6)), batch_size=8, verbose=0)
            results += [first.predict(X), second.predict(X), np.array(first.evaluate(X, Y))]
            assert np.allclose(first.predict(X), first.forward(X), rtol=1e-5, atol=1e-7)
        return [*results, *values(first), *values(second)]

    eager_and_replay(story)


@every_optimizer
def test_one_network_trains_through_another_that_is_frozen_meanwhile(make):
    """The way of generative adversarial networks."""

    def story(eager):
        judge = Sequential([Dense(4, 8, "relu"), Dense(8, 1, "sigmoid")])
        maker = Sequential([Dense(2, 8, "relu"), Dense(8, 4)])
        both = Sequential([maker, judge])
        judge.compile("binary_crossentropy", make(), eager=eager)
        both.compile("binary_crossentropy", make(), eager=eager)
        noise, ones = np.random.default_rng(0).normal(size=(20, 2)), np.ones((20, 1))
        for _ in range(5):
            judge.trainable = True
            judge.train_on_batch(X, ones)
            judge.train_on_batch(maker.predict(noise), 0 * ones)
            judge.trainable = False
            kept, changing = values(judge), values(maker)
            both.train_on_batch(noise, ones)
            assert same(kept, values(judge))
            assert not same(changing, values(maker))
        if not eager:
            assert len(both.trainer.programs) == 1
            assert len(judge.trainer.programs) == 1
        return values(both)

    eager_and_replay(story)


def test_two_models_with_one_optimizer():
    def story(eager):
        optimizer = Adam(0.05)
        first, second = Sequential([Dense(4, 2)]), Sequential([Dense(4, 3)])
        for model in (first, second):
            model.compile("mse", optimizer, eager=eager)
        for _ in range(3):
            first.fit(X, X[:, :2], verbose=0)
            second.fit(X, X[:, :3], verbose=0)
        return [*values(first), *values(second)]

    eager_and_replay(story)


# ------------------------------------------------------------------------------------ recompiling


def test_compiling_again_starts_the_optimizer_and_keeps_the_weights():
    def story(eager):
        model = classifier(optimizer=Adam(0.01), eager=eager)
        model.fit(X, Y, epochs=2, verbose=0)
        before = values(model)
        model.compile("categorical_crossentropy", SGD(0.1, 0.9), metrics=["acc"], eager=eager)
        assert same(before, values(model))
        model.fit(X, Y, epochs=2, verbose=0)
        model.compile("mse", "adam", eager=eager)
        model.fit(X, np.eye(3)[Y], epochs=2, verbose=0)
        return [*values(model), model.predict(X)]

    eager_and_replay(story)


def test_fit_goes_on_where_the_last_one_ended():
    """Optimizer state included: 2 + 2 epochs are 4."""
    for make in OPTIMIZERS.values():
        once, twice = classifier(optimizer=make()), classifier(optimizer=make())
        once.fit(X, Y, epochs=4, verbose=0, shuffle=False)
        for _ in range(2):
            twice.fit(X, Y, epochs=2, verbose=0, shuffle=False)
        assert same(values(once), values(twice))


def test_by_hand_and_by_fit_in_turn():
    def story(eager):
        model = classifier(optimizer=Adam(0.01), eager=eager)
        for _ in range(3):
            model.fit(X, Y, verbose=0)
            slope = model.loss.gradient(Y, model.forward(X))
            model.optimizer.update(model.layers, slope)
            model.loss(Y, model(Tensor(X))).backward()
            model.optimizer.step()
            model.optimizer.zero_grad()
        return values(model)

    eager_and_replay(story)


# ------------------------------------------------------------------------------------ freezing


@every_optimizer
@pytest.mark.parametrize("moment", ["before build", "before compile", "after compile"])
def test_frozen_layers_stay_as_they_are(make, moment):
    def story(eager):
        layers = [Dense(8, "relu"), Dense(8, "tanh"), Dense(3, "softmax")]
        model = Sequential(layers)
        if moment == "before build":
            layers[1].trainable = False
        model.build((4,))
        if moment == "before compile":
            layers[1].trainable = False
        model.compile("categorical_crossentropy", make(), eager=eager)
        if moment == "after compile":
            model.fit(X, Y, verbose=0)
            layers[1].trainable = False
        before = values(model)
        model.fit(X, Y, batch_size=8, epochs=2, verbose=0)
        changed = [not np.array_equal(a, b) for a, b in zip(before, values(model), strict=True)]
        assert changed == [True, True, False, False, True, True]
        return values(model)

    eager_and_replay(story)


@every_optimizer
def test_freezing_to_and_fro(make):
    """Each selection has its own program, and the optimizer's state survives."""

    def story(eager):
        model = classifier(optimizer=make(), eager=eager)
        first, last = model.layers
        for frozen in ([], [first], [last], [first], []):
            for layer in model.layers:
                layer.trainable = layer not in frozen
            before = [values(layer) for layer in model.layers]
            model.fit(X, Y, batch_size=8, verbose=0)
            for layer, old in zip(model.layers, before, strict=True):
                assert same(old, values(layer)) == (layer in frozen)
        return values(model)

    eager_and_replay(story)


def test_freezing_inside_a_callback():
    class Freeze(axon.callbacks.Callback):
        def on_epoch_end(self, epoch, logs):
            self.model.layers[0].trainable = epoch == 1
            kept.append(values(self.model.layers[0]))

    def story(eager):
        kept.clear()
        model = classifier(optimizer=Adam(0.05), eager=eager)
        model.fit(X, Y, batch_size=8, epochs=4, verbose=0, callbacks=[Freeze()])
        changed = [not same(a, b) for a, b in pairwise(kept)]
        assert changed == [False, True, False]
        return values(model)

    kept = []
    eager_and_replay(story)


def test_freezing_between_two_batches():
    class Freeze(axon.callbacks.Callback):
        def on_train_batch_end(self, batch, logs):
            self.model.layers[0].trainable = batch % 2 == 0

    def story(eager):
        model = classifier(optimizer=Adam(0.05), eager=eager)
        model.fit(X, Y, batch_size=4, epochs=2, verbose=0, callbacks=[Freeze()])
        return values(model)

    eager_and_replay(story)


@pytest.mark.parametrize("eager", [True, False])
def test_freezing_a_whole_model(eager):
    """Its loss is measured as before, from the logits: these are too large for probabilities."""
    model = classifier(eager=eager)
    model.layers[1].weights *= 1e4
    before = model.evaluate(X, Y)
    assert before > 100
    model.trainable = False
    assert not any(p.requires_grad for p in model.parameters())
    assert not model.layers[0].trainable
    assert model.evaluate(X, Y) == before
    model.compile("categorical_crossentropy", eager=eager)
    assert model.evaluate(X, Y) == before


def test_a_parameter_without_a_gradient():
    class Partly(Model):
        """One layer takes no part in the result, one only in values that carry no gradient."""

        def __init__(self):
            super().__init__()
            self.first, self.unused = Dense(4, 8, "relu"), Dense(4, 4)
            self.blocked, self.last = Dense(8, 8), Dense(8, 3, "softmax")

        def forward(self, x):
            h = self.first(x)
            return self.last(h + self.blocked(h).detach())

    def story(eager):
        model = Partly()
        model.compile("categorical_crossentropy", Adam(0.05), eager=eager)
        before = values(model)
        model.fit(X, Y, batch_size=8, epochs=2, verbose=0)
        moved = [not np.array_equal(a, b) for a, b in zip(before, values(model), strict=True)]
        assert moved == [True, True, False, False, False, False, True, True]
        return values(model)

    eager_and_replay(story)


# ------------------------------------------------------------------------------------ types


def test_layers_of_different_precision():
    def story(eager):
        model = Sequential(
            [
                Dense(4, 8, "tanh", dtype="float64"),
                Dense(8, 8, "tanh"),
                Dense(8, 3, "softmax", dtype="float64"),
            ]
        )
        model.compile("categorical_crossentropy", Adam(0.05), metrics=["acc"], eager=eager)
        before = values(model)
        model.fit(X, Y, batch_size=8, epochs=2, verbose=0)
        assert [p.dtype.name for p in model.parameters()] == [
            *("float64", "float64", "float32", "float32", "float64", "float64")
        ]
        assert not any(np.array_equal(a, b) for a, b in zip(before, values(model), strict=True))
        assert model.predict(X).dtype == np.float64
        return [*values(model), model.predict(X)]

    eager_and_replay(story)


@pytest.mark.parametrize(("first", "last"), [("float32", "float64"), ("float64", "float32")])
def test_predictions_have_the_precision_of_the_last_layer(first, last):
    model = Sequential([Dense(4, 8, dtype=first), Dense(8, 3, dtype=last)])
    assert model.input_dtype == first
    assert model.predict(X).dtype == last
    assert np.array_equal(model.predict(X), model.forward(X))


@pytest.mark.parametrize("kind", ["uint8", "int64", "bool", "float16", "float32", "float64", ">f8"])
@pytest.mark.parametrize("shuffle", [True, False])
def test_data_of_all_types_are_cast_silently_and_never_modified(kind, shuffle):
    x = (np.random.default_rng(0).random((20, 4)) * 9).astype(kind)
    y, w = Y.copy(), np.ones(20)
    for array in (x, y, w):
        array.flags.writeable = False
    before = x.copy()
    model = classifier()
    model.fit(x, y, 8, 2, 0, shuffle=shuffle, sample_weight=w, validation_split=0.2)
    model.evaluate(x, y, sample_weight=w)
    model.predict(x)
    axon.set_random_seed(0)
    twin = classifier()
    ones = np.ones(20)
    as_float = x.astype("f4")
    twin.fit(as_float, y, 8, 2, 0, shuffle=shuffle, sample_weight=ones, validation_split=0.2)
    assert same(values(model), values(twin))
    assert np.array_equal(x, before)


def test_data_in_any_order_of_memory():
    model = classifier()
    model.fit(np.asfortranarray(X), Y, verbose=0)
    axon.set_random_seed(0)
    twin = classifier()
    twin.fit(np.repeat(X, 2, axis=0)[::2], np.repeat(Y, 2)[::2], verbose=0)
    assert same(values(model), values(twin))


def test_lists_tensors_and_what_turns_into_arrays():
    class Frame:
        """As a data frame shows itself to NumPy."""

        def __init__(self, array):
            self.array = array

        def __array__(self, dtype=None, copy=None):
            return self.array if dtype is None else self.array.astype(dtype)

        def __len__(self):
            return len(self.array)

    expected = None
    for wrap in (np.asarray, np.ndarray.tolist, Tensor, Frame):
        axon.set_random_seed(0)
        model = classifier()
        model.fit(wrap(X), wrap(Y), verbose=0, sample_weight=wrap(np.ones(20)))
        expected = expected or values(model)
        assert same(expected, values(model))
        assert model.predict(wrap(X)).shape == (20, 3)
        assert model.evaluate(wrap(X), wrap(Y)) == model.evaluate(X, Y)


# ------------------------------------------------------------------------------------ no parameters


def test_a_model_without_parameters_predicts_and_is_evaluated():
    model = Sequential([Rescaling(2.0), Flatten()])
    model.compile("mse", metrics=["mae"])
    assert model.predict(X).shape == (20, 4)
    assert model.evaluate(X, 2 * X)[0] == pytest.approx(0, abs=1e-12)
    assert model.count_params() == 0
    assert "Total params: 0 (0 B)" in summary_of(model)


# ------------------------------------------------------------------------------------ your own


class Residual(Model):
    """A model as a user writes one: a shortcut around a block, sizes partly unknown."""

    def __init__(self):
        super().__init__()
        self.stem = Dense(6, "tanh")
        self.blocks = [Dense(6, "tanh"), Dense(6)]
        self.head = Dense(3, "softmax")

    def forward(self, x):
        h = self.stem(x)
        shortcut = h
        for block in self.blocks:
            h = block(h)
        return self.head(h + shortcut)


@every_optimizer
def test_a_model_of_your_own_trains_predicts_and_is_summed_up(make):
    def story(eager):
        model = Residual()
        model.compile("categorical_crossentropy", make(), metrics=["accuracy"], eager=eager)
        history = model.fit(X, Y, batch_size=8, epochs=5, verbose=0, validation_split=0.2)
        assert set(history.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
        return [*values(model), model.predict(X), np.array(model.evaluate(X, Y))]

    eager_and_replay(story)


def test_what_a_model_of_your_own_knows_of_itself():
    model = Residual()
    assert model.name == "residual"
    assert (model.input_shape, model.output_shape) == (None, None)
    assert model.predict(X).shape == (20, 3)
    assert (model.input_shape, model.output_shape) == ((4,), (3,))
    assert list(model.named_parameters()) == [
        *("stem/weights", "stem/bias", "blocks/0/weights", "blocks/0/bias"),
        *("blocks/1/weights", "blocks/1/bias", "head/weights", "head/bias"),
    ]
    assert "Total params: 135" in summary_of(model)
    assert type(model(X)) is np.ndarray
    assert np.allclose(model(X), model.predict(X), rtol=1e-5)
    assert type(model(Tensor(X))) is Tensor


def test_a_model_of_your_own_learns_by_autograd_as_by_fit():
    found = []
    for by_fit in (True, False):
        axon.set_random_seed(0)
        model = Residual()
        model.build((4,))
        if by_fit:
            model.compile("categorical_crossentropy", SGD(0.1))
            model.fit(X, Y, batch_size=20, epochs=3, verbose=0, shuffle=False)
        else:
            loss, optimizer = CategoricalCrossEntropy(), SGD(0.1)
            optimizer.build(model.parameters())
            for _ in range(3):
                loss(Y, model(Tensor(X.astype("f4")))).backward()
                optimizer.step()
                optimizer.zero_grad()
        found.append(values(model))
    assert same(*found)


def test_going_back_by_hand_through_a_forward_of_ones_own_says_what_to_do():
    model = Residual()
    slope = np.ones_like(model.forward(X))
    with pytest.raises(NotImplementedError, match=r"model 'residual'.*Let autograd do it: loss\(y"):
        model.backward(slope)
    with pytest.raises(NotImplementedError, match="Let autograd do it"):
        SGD(0.1).update([model], slope)


def test_a_model_of_your_own_inside_a_sequential():
    def story(eager):
        model = Sequential([Rescaling(0.5), Residual(), Dense(3, "softmax")])
        model.compile("categorical_crossentropy", SGD(0.1), eager=eager)
        model.fit(X, Y, epochs=2, verbose=0)
        return [*values(model), model.predict(X)]

    eager_and_replay(story)


def test_a_head_that_is_replaced_is_noticed():
    def story(eager):
        model = Residual()
        model.compile("categorical_crossentropy", Adam(0.01), eager=eager)
        model.fit(X, Y, verbose=0)
        model.predict(X)
        model.head = Dense(5, "softmax")
        assert model.predict(X).shape == (20, 5)
        model.fit(X, Y + 2, verbose=0)
        assert model.evaluate(X, Y + 2) > 0
        return [*values(model), model.predict(X)]

    eager_and_replay(story)


def test_parameters_of_ones_own_in_a_model():
    class Line(Model):
        def __init__(self):
            super().__init__()
            self.a = Parameter(np.zeros((), np.float32))
            self.b = Parameter(np.zeros((), np.float32))

        def forward(self, x):
            return x * self.a + self.b

    model, x = Line(), np.linspace(-1, 1, 50)[:, None]
    model.compile("mse", SGD(0.5))
    model.fit(x, 3 * x - 2, epochs=50, verbose=0)
    assert float(model.a) == pytest.approx(3, abs=1e-3)
    assert float(model.b) == pytest.approx(-2, abs=1e-3)
    assert list(model.named_parameters()) == ["a", "b"]


def test_a_model_of_your_own_with_operations_and_float64():
    class Distance(Model):
        def __init__(self):
            super().__init__()
            self.map = Dense(4, 3, use_bias=False, dtype="float64")

        def forward(self, x):
            return ops.sqrt((self.map(x) ** 2).sum(axis=1, keepdims=True) + 1e-6)

    model = Distance()
    model.compile("mse", Adam(0.05))
    y = np.linalg.norm(X, axis=1, keepdims=True)
    history = model.fit(X, y, epochs=100, verbose=0)
    assert model.predict(X).dtype == np.float64
    assert history.history["loss"][-1] < 0.1 * history.history["loss"][0]


def test_zeros_are_no_trouble_while_shapes_are_found():
    class Shares(Model):
        def forward(self, x):
            return x / x.sum(axis=1, keepdims=True)

    assert np.allclose(Shares().predict(np.array([[1.0, 3.0]])), [[0.25, 0.75]])


def test_a_decision_on_a_value_cannot_be_recorded_and_says_what_to_do():
    class Deciding(Model):
        def __init__(self):
            super().__init__()
            self.map = Dense(4, 3, "softmax")

        def forward(self, x):
            y = self.map(x)
            return y * 2 if float(y.sum()) > 1e9 else y

    model = Deciding()
    model.compile("categorical_crossentropy", SGD(0.1))
    before = values(model)
    for way in (lambda: model.fit(X, Y, verbose=0), lambda: model.predict(X)):
        with pytest.raises(RecordingError, match="float") as caught:
            way()
        message = str(caught.value)
        assert "test_models.py" in message
        assert "return y * 2 if float(y.sum()) > 1e9 else y" in message
        assert "axon.ops.where" in message
        assert "compile(..., eager=True)" in message
    assert same(before, values(model))
    model.compile("categorical_crossentropy", SGD(0.1), eager=True)
    model.fit(X, Y, verbose=0)
    assert not same(before, values(model))
    assert model.predict(X).shape == (20, 3)


def test_a_model_without_forward_cannot_be_made():
    with pytest.raises(TypeError, match="abstract"):
        Model()


def test_a_model_that_forgets_to_call_its_base_says_so():
    class Forgetful(Model):
        def __init__(self):
            self.map = Dense(4, 3)

        def forward(self, x):
            return self.map(x)

    with pytest.raises(RuntimeError, match=r"Forgetful: call super\(\).__init__\(\) before assig"):
        Forgetful()


def test_metadata_and_adapted_layers_belong_to_the_model():
    normalization = Normalization()
    normalization.adapt(X)
    model = Sequential([normalization, Dense(3, "softmax")], name="flowers")
    model.metadata["classes"] = ["a", "b", "c"]
    assert model.predict(X).shape == (20, 3)
    assert summary_of(model).startswith("Model: flowers")


class Rows(Model):
    """Answers with as many rows as samples for one sample only."""

    def __init__(self, how):
        super().__init__()
        self.how = how

    def forward(self, x):
        return x[::2] if self.how == "half" else x.mean(axis=0, keepdims=True)


@pytest.mark.parametrize("how", ["one", "half"])
@pytest.mark.parametrize("batch_size", [2, 6])
def test_predict_answers_each_sample_or_not_at_all(how, batch_size):
    x = np.arange(24.0).reshape(6, 4)
    said = f"{batch_size} samples went in, but the result has shape"
    with pytest.raises(ValueError, match=said):
        Rows(how).predict(x, batch_size=batch_size)
    with pytest.raises(ValueError, match="3 samples went in"):
        Rows(how).predict([(x[:3],), (x[3:],)])
