"""Ways into training: iterables, several inputs, memory maps, tables, single batches."""

import warnings

import numpy as np
import pytest

import axon
from axon import Tensor, ops
from axon.callbacks import Callback
from axon.layers import Dense
from axon.metrics import Metric
from axon.models import Model, Sequential

rng = np.random.default_rng(5)
X = rng.normal(size=(20, 4)).astype("f4")
Y = rng.integers(0, 3, 20)
W = rng.random(20).astype("f4")


def network(**options) -> Sequential:
    axon.set_random_seed(3)
    model = Sequential([Dense(4, 6, "tanh"), Dense(6, 3, "softmax")])
    model.compile("categorical_crossentropy", "sgd", metrics=["accuracy"], **options)
    return model


def same(a: Model, b: Model) -> bool:
    pairs = zip(a.get_weights(), b.get_weights(), strict=True)
    return all(np.array_equal(x, y) for x, y in pairs)


def pieces(*columns: np.ndarray, size: int = 8) -> list:
    return [tuple(c[i : i + size] for c in columns) for i in range(0, len(columns[0]), size)]


# ------------------------------------------------------------------------------------ iterables


class Loader:
    """A data loader of somebody else's: begins anew for each epoch."""

    def __init__(self, *columns: np.ndarray) -> None:
        self.columns = columns

    def __iter__(self):
        yield from pieces(*self.columns)


def generator(*columns: np.ndarray, times: int = 2):
    for _ in range(times):
        yield from pieces(*columns)


@pytest.mark.parametrize("columns", [(X, Y), (X, Y, W)], ids=["x, y", "with weights"])
@pytest.mark.parametrize(
    ("make", "options"),
    [
        (lambda *c: pieces(*c), {}),
        (Loader, {}),
        (generator, {"steps_per_epoch": 3}),
        (lambda *c: generator(*c, times=9), {"steps_per_epoch": 3}),
        (lambda *c: [list(p) for p in pieces(*c)], {}),
    ],
    ids=["list", "loader", "generator", "endless", "lists"],
)
def test_an_iterable_of_batches_trains_like_the_arrays(make, options, columns):
    ours, theirs = network(), network()
    weights = {"sample_weight": W} if len(columns) == 3 else {}
    a = ours.fit(X, Y, batch_size=8, epochs=2, shuffle=False, verbose=0, **weights)
    b = theirs.fit(make(*columns), epochs=2, verbose=0, **options)
    assert same(ours, theirs)
    assert a.history == b.history
    assert ours.evaluate(X, Y, batch_size=8) == theirs.evaluate(pieces(X, Y))


def test_validation_on_an_iterable():
    ours, theirs = network(), network()
    kept = (X[:9], Y[:9])
    a = ours.fit(X, Y, verbose=0, validation_data=kept, shuffle=False, validation_batch_size=8)
    b = theirs.fit(X, Y, verbose=0, validation_data=pieces(*kept), shuffle=False)
    assert a.history == b.history


def test_predicting_from_an_iterator():
    model = network()
    wanted = model.predict(X, batch_size=8)
    np.testing.assert_array_equal(model.predict(iter([X[:8], X[8:16], X[16:]])), wanted)
    np.testing.assert_array_equal(model.predict(generator(X, Y, times=1)), wanted)
    np.testing.assert_array_equal(model.predict(generator(X, Y), steps=2), wanted[:16])
    np.testing.assert_array_equal(model.predict(X, batch_size=8, steps=2), wanted[:16])


def test_an_iterable_that_ends_early():
    model = network()
    with pytest.raises(
        ValueError, match=r"ended after 3 batches, but 5 were expected.*steps_per_ep"
    ):
        model.fit(Loader(X, Y), steps_per_epoch=5, verbose=0)
    with pytest.raises(ValueError, match=r"ended after 0 batches.*can be read only once"):
        model.fit(generator(X, Y), epochs=3, verbose=0)
    with pytest.raises(ValueError, match="ended after 0 batches"):
        model.fit([], verbose=0)
    model.fit(X, Y, verbose=0)  # still usable


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ((X[:, :3], Y), r"batch 1 of the iterable: x of shape \(20, 3\) does not fit"),
        ((X[:3], Y), "batch 1 of the iterable: Different numbers of samples: x has 3, y has 20"),
        ((X, Y + 3), "batch 1 of the iterable: .*label 4 of sample 0"),
        (X, "batch 1 of the iterable: expected batches .x, y. or .x, y, sample_weight., got ndarr"),
        ((X,), "got tuple of 1"),
        ((X * np.nan, Y), "batch 1 of the iterable: x: sample 0 holds nan"),
    ],
)
def test_an_iterable_whose_second_batch_is_wrong(wrong, words):
    model = network()
    with pytest.raises((ValueError, TypeError), match=words):
        model.fit([(X, Y), wrong], verbose=0)
    good = network()
    good.train_on_batch(X, Y)
    assert same(model, good), "what came before it was learned"
    model.fit(X, Y, verbose=0)


def test_what_is_no_iterable_of_batches():
    model = network()
    with pytest.raises(TypeError, match=r"fit: y is missing. Pass x and y, .* got ndarray alone"):
        model.fit(X)
    with pytest.raises(ValueError, match="cannot be split"):
        model.fit(pieces(X, Y), validation_split=0.5)
    with pytest.raises(ValueError, match="brings its weights itself"):
        model.fit(pieces(X, Y), sample_weight=W)


def test_the_first_batch_of_an_iterable_builds_the_model_or_leaves_it_alone():
    model = Sequential([Dense(5, activation="relu"), Dense(3, activation="softmax")])
    model.compile("categorical_crossentropy")
    with pytest.raises(ValueError, match="label"):
        model.fit([(X, Y + 7)], verbose=0)
    assert model.layers[0].weights is None
    model.fit([(X, Y)], verbose=0)
    assert model.count_params() == 25 + 18


# ------------------------------------------------------------------------------------ steps


def test_steps_per_epoch_limits_arrays_too():
    ours, theirs = network(), network()
    ours.fit(X, Y, 8, verbose=0, shuffle=False, steps_per_epoch=2)
    theirs.fit(X[:16], Y[:16], 8, verbose=0, shuffle=False)
    assert same(ours, theirs)
    with pytest.raises(
        ValueError, match=r"4 steps of 8 samples need 32, but there are 20.*3 steps"
    ):
        ours.fit(X, Y, 8, verbose=0, steps_per_epoch=4)
    assert ours.evaluate(X, Y, 8, steps=1) == ours.evaluate(X[:8], Y[:8])


def test_validation_steps_and_frequency():
    model = network()
    kept = {"validation_data": (X, Y), "validation_batch_size": 5, "validation_steps": 1}
    history = model.fit(X, Y, epochs=5, verbose=0, validation_freq=2, **kept).history
    assert len(history["loss"]) == 5
    assert len(history["val_loss"]) == 2
    ours = network()
    ours.fit(X, Y, epochs=2, verbose=0, shuffle=True)


# ------------------------------------------------------------------------------------ data


def test_memory_mapped_data_are_read_batch_by_batch(tmp_path):
    import tracemalloc

    big = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.uint8, (2000, 5000))
    big[:] = rng.integers(0, 255, (1, 5000), dtype=np.uint8)
    labels = np.arange(2000) % 2
    x = np.load(tmp_path / "x.npy", mmap_mode="r")
    model = Sequential([Dense(5000, 2, "softmax")])
    model.compile("categorical_crossentropy")
    model.fit(x, labels, 64, verbose=0)
    tracemalloc.start()
    model.fit(x, labels, 64, verbose=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < x.nbytes / 4, "the whole of it was copied"


def test_tables_of_pandas():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(X, columns=list("abcd"))
    ours, theirs = network(), network()
    ours.fit(X, Y, verbose=0, shuffle=False)
    theirs.fit(table, pandas.Series(Y), verbose=0, shuffle=False)
    assert same(ours, theirs)
    np.testing.assert_array_equal(theirs.predict(table), ours.predict(X))


# ----------------------------------------------------------------------------------- several inputs


class Two(Model):
    """Reads a row of numbers and a row of whole numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.left = Dense(5, activation="tanh")
        self.right = Dense(3, activation="tanh")
        self.head = Dense(3, activation="softmax")

    def forward(self, numbers, counts):
        both = ops.concatenate([self.left(numbers), self.right(counts)])
        return self.head(both)


COUNTS = rng.integers(0, 9, (20, 2)).astype(np.uint8)


def two(**options) -> Two:
    axon.set_random_seed(1)
    model = Two()
    model.build((4,), (2,))
    model.compile("categorical_crossentropy", "adam", metrics=["accuracy"], **options)
    return model


def test_two_inputs_in_every_form():
    models = [two() for _ in range(5)]
    forms = [
        (X, COUNTS),
        [X, COUNTS],
        {"numbers": X, "counts": COUNTS},
        {"counts": COUNTS, "numbers": X},
    ]
    for model, x in zip(models, forms, strict=False):
        model.fit(x, Y, 8, epochs=2, verbose=0, shuffle=False, validation_split=0.25)
    batches = [((a, b), y) for a, b, y in pieces(X[:15], COUNTS[:15], Y[:15])]
    models[-1].fit(batches, epochs=2, verbose=0)
    assert all(same(models[0], model) for model in models[1:])
    wanted = models[0].predict((X, COUNTS))
    assert wanted.shape == (20, 3)
    np.testing.assert_array_equal(models[0].predict(forms[2], batch_size=7), wanted)
    np.testing.assert_allclose(models[0](X, COUNTS.astype("f4")), wanted, rtol=1e-6)
    assert models[0].input_shape == ((4,), (2,))
    assert models[0].output_shape == (3,)
    assert models[0].evaluate((X, COUNTS), Y) == models[1].evaluate([X, COUNTS], Y)


def test_two_inputs_replay_like_eager():
    recorded, eager = two(), two(eager=True)
    for model in (recorded, eager):
        axon.set_random_seed(9)
        model.fit((X, COUNTS), Y, 8, epochs=3, verbose=0, class_weight={0: 2.0})
    assert "x0" in str(recorded.program)
    assert same(recorded, eager)


def test_two_inputs_that_do_not_fit():
    model = two()
    with pytest.raises(ValueError, match=r"takes 2 inputs, \(numbers, counts\), got one array"):
        model.fit(X, Y, verbose=0)
    with pytest.raises(ValueError, match="got tuple of 3"):
        model.fit((X, X, X), Y, verbose=0)
    with pytest.raises(ValueError, match=r"keys \['numbers', 'counts'\], got \['a'\]"):
        model.fit({"a": X}, Y, verbose=0)
    with pytest.raises(ValueError, match=r"x\[0\] has 20, x\[1\] has 19"):
        model.fit((X, COUNTS[1:]), Y, verbose=0)
    bad = COUNTS.astype(float)
    bad[3] = np.inf
    with pytest.raises(ValueError, match=r"x\[1\]: sample 3 holds inf"):
        model.fit((X, bad), Y, verbose=0)
    assert np.isfinite(model.fit((X, COUNTS), Y, verbose=0).history["loss"]).all()


def test_two_inputs_are_saved_and_loaded(tmp_path):
    model = two()
    model.fit((X, COUNTS), Y, verbose=0)
    model.save(tmp_path / "two.axon")
    loaded = axon.load_model(tmp_path / "two.axon", custom_objects={"Two": Two})
    np.testing.assert_array_equal(loaded.predict((X, COUNTS)), model.predict((X, COUNTS)))


# ----------------------------------------------------------------------------------- single batches


def test_single_batches():
    model, other = network(), network()
    first = model.test_on_batch(X, Y)
    assert same(model, other)
    assert first == model.evaluate(X, Y)
    assert model.train_on_batch(X, Y) == first
    assert not same(model, other)
    named = model.train_on_batch(X, Y, return_dict=True)
    assert list(named) == ["loss", "accuracy"]
    assert named["loss"] < first[0]
    np.testing.assert_array_equal(model.predict_on_batch(X), model.predict(X))
    weighted = network()
    weighted.train_on_batch(X, Y, class_weight={1: 3.0})
    other.train_on_batch(X, Y, sample_weight=np.where(Y == 1, 3.0, 1.0))
    assert same(weighted, other)
    with pytest.raises(TypeError, match="y is missing"):
        model.train_on_batch(X, None)


def test_a_class_that_does_not_exist():
    model = network()
    for way in (model.fit, model.train_on_batch):
        with pytest.raises(ValueError, match="no class 7, they are 0 to 2"):
            way(X, Y, class_weight={7: 2.0})


# ------------------------------------------------------------------------------------ freezing


def frozen_part(model: Sequential) -> list[np.ndarray]:
    return [p.data.copy() for p in model.layers[0].parameters()]


@pytest.mark.parametrize("when", ["before compile", "after compile", "between fits"])
def test_freezing(when):
    model = Sequential([Dense(4, 6, "tanh"), Dense(6, 3, "softmax")])
    if when == "before compile":
        model.layers[0].trainable = False
    model.compile("categorical_crossentropy", "adam")
    if when == "between fits":
        model.fit(X, Y, verbose=0)
    model.layers[0].trainable = False
    before, head = frozen_part(model), model.layers[1].weights.numpy().copy()
    model.fit(X, Y, verbose=0, epochs=2)
    for a, b in zip(before, frozen_part(model), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(head, model.layers[1].weights.numpy())
    model.layers[0].trainable = True
    model.fit(X, Y, verbose=0)
    assert not np.array_equal(before[0], model.layers[0].weights.numpy())


# ------------------------------------------------------------------------------------ rules


def test_a_regularizer_is_part_of_the_loss():
    axon.set_random_seed(0)
    plain = Sequential([Dense(4, 3, "softmax")])
    plain.compile("categorical_crossentropy", "sgd")
    axon.set_random_seed(0)
    costly = Sequential([Dense(4, 3, "softmax", kernel_regularizer="l2", bias_regularizer="l1")])
    costly.compile("categorical_crossentropy", "sgd")
    w = plain.layers[0].weights.numpy().copy()
    extra = 0.01 * (w**2).sum()
    assert costly.evaluate(X, Y) == pytest.approx(plain.evaluate(X, Y) + extra, rel=1e-5)
    plain.fit(X, Y, 20, verbose=0)
    costly.fit(X, Y, 20, verbose=0)
    got = costly.layers[0].weights.numpy()
    np.testing.assert_allclose(got, plain.layers[0].weights.numpy() - 0.01 * 0.02 * w, atol=1e-7)


@pytest.mark.parametrize("eager", [False, True])
def test_a_constraint_holds_after_every_step(eager):
    norms = []

    class Look(Callback):
        def on_train_batch_end(self, batch, logs=None):
            norms.append(np.linalg.norm(self.model.layers[0].weights.numpy(), axis=0))

    model = Sequential([Dense(4, 3, "softmax", kernel_constraint="unit_norm")])
    model.compile("categorical_crossentropy", axon.optimizers.SGD(0.5), eager=eager)
    model.fit(X, Y, 8, epochs=3, verbose=0, callbacks=[Look()])
    np.testing.assert_allclose(norms, np.ones((9, 3)), rtol=1e-5)


def test_an_option_that_no_layer_knows():
    with pytest.raises(
        TypeError, match=r"Dense: unexpected argument 'kernel_regulariser'. Did you mea"
    ):
        Dense(3, kernel_regulariser="l2")


# ------------------------------------------------------------------------------------ metrics


class Kept(Metric):
    """Keeps what it is shown, as an exact AUC does."""

    name = "kept"
    recorded = False

    def __init__(self) -> None:
        super().__init__()
        self.seen: list = []

    def update(self, y_true, y_pred, sample_weight=None):
        self.seen.append((y_true, y_pred, sample_weight))

    def per_sample(self, y_true, y_pred):
        raise NotImplementedError

    def result(self):
        return float(sum(len(y) for y, _, _ in self.seen))

    def reset(self):
        self.seen.clear()


@pytest.mark.parametrize("eager", [False, True])
def test_metrics_that_keep_scores_are_handed_copies_of_every_batch(eager):
    kept = Kept()
    model = Sequential([Dense(4, 3, "softmax")])
    model.compile("categorical_crossentropy", "sgd", metrics=[kept, "accuracy"], eager=eager)
    logs = model.evaluate(X, Y, 8, sample_weight=W, return_dict=True)
    assert logs["kept"] == 20
    np.testing.assert_array_equal(np.concatenate([p for _, p, _ in kept.seen]), model.predict(X, 8))
    np.testing.assert_array_equal(np.concatenate([y for y, _, _ in kept.seen]), Y)
    np.testing.assert_array_equal(np.concatenate([w for _, _, w in kept.seen]), W)
    model.fit(X, Y, 8, verbose=0)
    assert kept.result() == 20


# ------------------------------------------------------------------------------------ trouble


def test_a_loss_that_is_not_finite_is_reported_once():
    model = Sequential([Dense(4, 1)])
    model.compile("mse", axon.optimizers.SGD(1e30))
    with warnings.catch_warnings(record=True) as seen, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        model.fit(X, Y.reshape(-1, 1), 4, epochs=3, verbose=0)
    told = [w for w in seen if "the loss became" in str(w.message)]
    assert len(told) == 1
    assert 'debug="nan"' in str(told[0].message)


@pytest.mark.parametrize("hook", ["on_train_batch_end", "on_epoch_end", "on_test_end"])
def test_a_callback_that_raises_leaves_a_usable_model(hook):
    heard = []

    class Witness(Callback):
        def on_exception(self, exception):
            heard.append(exception)

        def on_train_end(self, logs=None):
            heard.append("end")

    def fail(self, *details, **more):
        raise KeyError("mine")

    model = network()
    bad = type("Bad", (Callback,), {hook: fail})()
    with pytest.raises(KeyError, match="mine"):
        model.fit(X, Y, verbose=0, validation_data=(X, Y), callbacks=[bad, Witness()])
    assert [type(h) for h in heard] == [KeyError, str]
    assert np.isfinite(model.fit(X, Y, verbose=0).history["loss"]).all()


def test_stop_training_ends_the_epoch_at_once():
    class Stop(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 1

    model, two_steps = network(), network()
    history = model.fit(X, Y, 5, epochs=4, shuffle=False, verbose=0, callbacks=[Stop()])
    assert history.epoch == [0]
    two_steps.fit(X[:10], Y[:10], 5, shuffle=False, verbose=0)
    assert same(model, two_steps)


# ------------------------------------------------------------------------------------ weights


def test_weights_in_a_file_of_their_own(tmp_path):
    model, other = network(), network()
    model.fit(X, Y, verbose=0)
    model.save_weights(tmp_path / "w.npz")
    other.load_weights(tmp_path / "w.npz")
    assert same(model, other)
    before = other.get_weights()
    narrow = Sequential([Dense(4, 5, "tanh"), Dense(5, 3, "softmax")])
    with pytest.raises(ValueError, match=r"weights  \(4, 5\) float32 +\| dense/weights  \(4, 6\)"):
        narrow.load_weights(tmp_path / "w.npz")
    deeper = Sequential([Dense(4, 6), Dense(6, 6), Dense(6, 3)])
    with pytest.raises(ValueError, match=r"dense_2/weights  \(6, 3\) float32 +\| -"):
        deeper.load_weights(tmp_path / "w.npz")
    with pytest.raises(ValueError, match=r"- +\| dense_1/weights  \(6, 3\)"):
        Sequential([Dense(4, 6)]).load_weights(tmp_path / "w.npz")
    (tmp_path / "w.npz").write_bytes((tmp_path / "w.npz").read_bytes()[:200])
    with pytest.raises(ValueError, match=r"is damaged, or no AXON file"):
        other.load_weights(tmp_path / "w.npz")
    assert all(np.array_equal(a, b) for a, b in zip(before, other.get_weights(), strict=True))


def test_set_weights_checks_shapes_first():
    model = network()
    before = model.get_weights()
    with pytest.raises(ValueError, match="expected arrays of shapes"):
        model.set_weights([*before[:-1], np.ones(7)])
    model.set_weights([w * 0 for w in before])
    assert not any(w.any() for w in model.get_weights())


# ------------------------------------------------------------------------------------ names


def test_layers_are_called_as_their_model_calls_them():
    class Tower(Model):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = [Dense(4), Dense(4)]
            self.head = Dense(2)
            self.other = Dense(2, name="mine")

        def forward(self, x):
            for block in self.blocks:
                x = block(x)
            return self.head(x) + self.other(x)

    model = Tower()
    assert [layer.name for layer in model.layers] == ["blocks_0", "blocks_1", "head", "mine"]
    model.compile("mse")
    model.fit(X, X[:, :2], verbose=0)
    scopes = {i for p in model.programs for i in (line.call for line in p.lines)}
    assert scopes


def test_training_is_told_by_the_mode():
    seen = []

    class Spy(Model):
        def __init__(self) -> None:
            super().__init__()
            self.head = Dense(3, activation="softmax")

        def forward(self, x):
            seen.append(self.head.training)
            return self.head(x)

    model = Spy()
    model.compile("categorical_crossentropy", eager=True)
    model.fit(X, Y, 20, verbose=0, validation_data=(X, Y))
    assert seen == [False, True, False], "built, trained, validated"
    seen.clear()
    model.predict(X)
    model(Tensor(X))
    model(X, training=True)
    model.head.trainable = False
    model(X, training=True)
    assert seen == [False, False, True, False]


def test_two_metrics_of_one_name():
    model = Sequential([Dense(4, 3, "softmax")])
    with pytest.raises(ValueError, match="two metrics are called 'accuracy': give one name="):
        model.compile("categorical_crossentropy", metrics=["accuracy", "acc"])


def test_validating_now_and_then_goes_with_what_watches_validation():
    stop = axon.callbacks.EarlyStopping("val_loss", patience=9)
    kept = {"validation_data": (X, Y), "validation_freq": 2}
    history = network().fit(X, Y, epochs=4, verbose=0, callbacks=[stop], **kept)
    assert len(history.history["val_loss"]) == 2


def test_instructions_know_the_layer_that_they_belong_to():
    from axon.program.trace import trace

    class Outer(Model):
        def __init__(self) -> None:
            super().__init__()
            self.body = Sequential([Dense(3, activation="tanh")])
            self.head = Dense(2)

        def forward(self, x):
            return self.head(self.body(x)) * 2.0

    model = Outer()
    model.build((4,))
    leaf = Tensor(X, requires_grad=True)
    instructions, _ = trace(lambda x: [axon.grad(model.forward(x).sum(), x)], [leaf])
    products = [i.scope for i in instructions if i.primitive.name == "matmul"]
    assert products == ["body/dense", "head", "head", "body/dense"], "forward, then backward"
    assert {i.scope for i in instructions} == {"body/dense", "head", ""}


# ---------------------------------------------------------------------------------- habits


def test_functions_as_loss_and_metric():
    def quartic(y_true, y_pred):
        return (y_pred - y_true) ** 4

    def distance(y_true, y_pred):
        return abs(y_pred - y_true).max(axis=-1)

    targets = rng.normal(size=(20, 2)).astype("f4")
    models = []
    for eager in (False, True):
        axon.set_random_seed(0)
        model = Sequential([Dense(4, 2)])
        model.compile(quartic, "sgd", metrics=[distance], eager=eager)
        history = model.fit(X, targets, 8, epochs=3, verbose=0).history
        models.append(model)
        assert list(history) == ["loss", "distance"]
    assert same(*models)
    p = models[0].predict(X).astype(float)
    loss, far = models[0].evaluate(X, targets, sample_weight=W)
    assert loss == pytest.approx((((p - targets) ** 4).mean(axis=1) * W).mean(), rel=1e-5)
    far_by_hand = (abs(p - targets).max(axis=1) * W).sum() / W.sum()
    assert far == pytest.approx(far_by_hand, rel=1e-5)
    model.compile(lambda y, p: ((p - y) ** 2).mean(), "sgd")
    with pytest.raises(
        ValueError, match=r"expected a Tensor with what each sample costs.*shape \(\)"
    ):
        model.fit(X, targets, verbose=0)


def test_numbered_batches_of_other_libraries():
    class Numbered:
        def __len__(self):
            return 3

        def __getitem__(self, i):
            return X[8 * i : 8 * i + 8], Y[8 * i : 8 * i + 8]

    ours, theirs = network(), network()
    ours.fit(X, Y, 8, epochs=2, verbose=0, shuffle=False)
    theirs.fit(Numbered(), epochs=2, verbose=0, validation_data=Numbered())
    assert same(ours, theirs)


def test_arguments_in_another_order():
    with pytest.raises(ValueError, match="'adam' is an optimizer, but the loss comes first"):
        Sequential([Dense(2)]).compile("adam", "mse")


def test_methods_that_would_never_be_called():
    with pytest.raises(TypeError, match=r"Keras.call: a model writes forward\(self, x\)"):
        type("Keras", (Model,), {"call": lambda self, x: x})
    with pytest.raises(TypeError, match=r"Own.train_step: it would not be called"):
        type("Own", (Model,), {"train_step": lambda self, x: x})
    with pytest.raises(TypeError, match=r"Own.forward: a layer writes call\(self, x\)"):
        type("Own", (axon.layers.Layer,), {"forward": lambda self, x: x})


def test_a_forward_that_returns_no_tensor():
    class Told(Model):
        def forward(self, x):
            return x, "x"

    model = Told()
    model.compile("mse")
    with pytest.raises(TypeError, match="expected a Tensor to come out, got str"):
        model.fit(X, X, verbose=0)


def test_layers_by_name_and_place():
    model = Sequential([Dense(4, 3), Sequential([Dense(3, 2, name="inner")])])
    assert model.get_layer("inner") is model.layers[1].layers[0]
    assert model.get_layer(index=0) is model.layers[0]
    with pytest.raises(ValueError, match=r"no layer 'iner'. Did you mean 'inner'"):
        model.get_layer("iner")


@pytest.mark.parametrize(
    ("module", "name", "hint"),
    [
        (axon.layers, "Conv2d", "Use Conv2D"),
        (axon, "optim", "Use axon.optimizers"),
        (axon, "Sequental", "Did you mean 'Sequential'"),
        (axon.layers, "InputLayer", r"Use Input\(shape\)"),
        (axon.layers, "Linear", "Use Dense"),
        (axon.losses, "BinaryCrossentropy", "Did you mean 'BinaryCrossEntropy'"),
        (axon.losses, "SparseCategoricalCrossentropy", "Use CategoricalCrossEntropy, which tak"),
        (axon.metrics, "CategoricalAccuracy", "Use Accuracy"),
        (axon.metrics, "Qqq", "has no attribute 'Qqq'."),
    ],
)
def test_names_of_other_libraries(module, name, hint):
    with pytest.raises(AttributeError, match=hint):
        getattr(module, name)


def test_arguments_of_other_libraries():
    with pytest.raises(TypeError, match=r"'input_shape'. Put axon.layers.Input\(shape\) first"):
        Dense(3, input_shape=(4,))
    assert Dense(units=3).num_neurons == 3


def test_logits_are_not_what_a_softmax_leaves():
    for loss, last in (("Categorical", "softmax"), ("Binary", "sigmoid")):
        kind = getattr(axon.losses, f"{loss}CrossEntropy")
        model = Sequential([Dense(4, 3, last)])
        model.compile(kind(from_logits=True))
        targets = np.eye(3)[Y]
        with pytest.raises(ValueError, match=f"from_logits=True, but the model ends with '{last}'"):
            model.fit(X, targets, verbose=0)


def test_large_images_are_predicted_a_few_at_a_time():
    seen = []

    class Look(Callback):
        def on_predict_batch_end(self, batch, logs=None):
            seen.append(len(logs["outputs"]))

    model = Sequential([axon.layers.Conv2D(64, 3), axon.layers.GlobalMaxPooling2D()])
    images = np.zeros((100, 40, 40, 1), "f4")
    model.predict(images, callbacks=[Look()])
    assert seen == [32, 32, 32, 4]
    small = Sequential([Dense(4, 3)])
    seen.clear()
    small.predict(np.zeros((2000, 4)), callbacks=[Look()])
    assert seen == [1024, 976]


def test_weights_for_a_model_without_any():
    model = Two()
    with pytest.raises(RuntimeError, match=r"model 'two' has no parameters yet. Call model.build"):
        model.load_weights("nowhere.npz")


def test_an_initializer_by_its_name_in_a_layer_of_ones_own():
    class Own(axon.layers.Layer):
        def create(self, *shapes):
            self.w = self.parameter("w", "ones", shapes[0])

        def call(self, x):
            return x * self.w

    np.testing.assert_array_equal(Own().forward(X), X)


def test_numpy_functions_do_not_leave_autograd_silently():
    t = Tensor(X, requires_grad=True)
    for function in (np.concatenate, np.stack):
        with pytest.raises(
            TypeError, match=f"np.{function.__name__} on a Tensor that requires grad"
        ):
            function([t, t])
    with pytest.raises(TypeError, match=r"np.where on a Tensor that requires gradients"):
        np.where(X > 0, t, 0)
    np.testing.assert_array_equal(np.where(X > 0, t.detach(), 0), np.where(X > 0, X, 0))
    assert np.mean(Tensor(X)) == X.mean()


def test_a_plateau_beside_a_schedule_is_refused_at_once():
    model = Sequential([Dense(4, 3, "softmax")])
    rate = axon.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    model.compile("categorical_crossentropy", axon.optimizers.SGD(rate))
    plateau = axon.callbacks.ReduceLROnPlateau("loss")
    with pytest.raises(ValueError, match="learning rate follows a schedule"):
        model.fit(X, Y, verbose=0, callbacks=[plateau])
