"""Columns of every type, byte order and layout, through every door: the numbers stay themselves."""

import numpy as np
import pytest

import axon
from axon import Tensor, losses, metrics
from axon.backend import as_array
from axon.layers import Dense, Embedding, Flatten, Input, Masking, Normalization, Rescaling, Reshape
from axon.models import Model, Sequential, load_model
from axon.program.lowerings import Kernels

rng = np.random.default_rng(0)
WHOLE = rng.integers(0, 4, (48, 3))  # fits every type of numbers
LABELS = (WHOLE[:, 0] > 1).astype("i8") + (WHOLE[:, 1] > 1)
SIMPLE = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "g"]
TYPES = list(dict.fromkeys(np.dtype(order + t) for t in SIMPLE for order in "<>"))
each_type = pytest.mark.parametrize("dtype", TYPES, ids=lambda t: t.str)
both_kernels = pytest.mark.parametrize("kernels", ["numpy", "fast"])


@pytest.fixture
def kernel(kernels):
    if kernels == "fast":
        pytest.importorskip("numba")
    with Kernels(kernels):
        yield


def compiled(last, loss, *layers):
    axon.set_random_seed(0)
    model = Sequential([*layers, Dense(8, "relu"), last])
    model.compile(loss, axon.optimizers.Adam(0.05), ["accuracy"] if loss != "mse" else ["mae"])
    return model


KNOWN = {}


def usual(kernels, name, *case, **more):
    """The outcome for columns as they usually are, worked out once."""
    if (kernels, name) not in KNOWN:
        KNOWN[kernels, name] = outcome(*case, **more)
    return KNOWN[kernels, name]


def outcome(last, loss, x, y, w=None, layers=()):
    """What training, testing and predicting give, bit by bit."""
    model = compiled(last(), loss, *[make() for make in layers])
    given = {"sample_weight": w, "batch_size": 8}
    history = model.fit(x, y, epochs=2, verbose=0, validation_data=(x, y), **given).history
    found = [history[name] for name in history]
    found += [model.evaluate(x, y, **given), model.predict(x).tolist()]
    found += [model.train_on_batch(x, y), model.test_on_batch(x, y)]
    return [*found, model.predict_on_batch(x).tolist(), np.asarray(model.forward(x)).tolist()]


@both_kernels
@each_type
def test_labels_of_every_type(kernel, kernels, dtype):
    y = LABELS if dtype.kind != "b" else LABELS > 0
    x = WHOLE.astype("f4")
    loss = "categorical_cross_entropy"
    want = usual(kernels, str(y.max()), lambda: Dense(3, "softmax"), loss, x, y.astype("i8"))
    assert outcome(lambda: Dense(3, "softmax"), loss, x, y.astype(dtype)) == want


@both_kernels
@each_type
def test_inputs_numbers_and_weights_of_every_type(kernel, kernels, dtype):
    x, w = (
        WHOLE % 2 if dtype.kind == "b" else WHOLE,
        np.ones(48) + (LABELS > 0) * (dtype.kind != "b"),
    )
    y = x.sum(axis=1, keepdims=True) % 2
    plain = x.astype("f4"), y.astype("f4"), w.astype("f4")
    want = usual(kernels, f"numbers {dtype.kind == 'b'}", lambda: Dense(1), "mse", *plain)
    got = outcome(lambda: Dense(1), "mse", x.astype(dtype), y.astype(dtype), w.astype(dtype))
    assert got == want


@both_kernels
@pytest.mark.parametrize("dtype", [t for t in TYPES if t.kind != "b"], ids=lambda t: t.str)
def test_ids_of_every_type(kernel, kernels, dtype):
    layers = [lambda: Embedding(4, 2), Flatten]
    end = lambda: Dense(3, "softmax")  # noqa: E731
    loss = "categorical_cross_entropy"
    want = usual(kernels, "ids", end, loss, WHOLE, LABELS, layers=layers)
    got = outcome(end, loss, WHOLE.astype(dtype), LABELS, layers=layers)
    assert got == want


def layouts():
    """The same numbers, lying in all the ways there are."""
    x = WHOLE.astype("f4")
    yield "Fortran", np.asfortranarray(x)
    yield "backwards", np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1]
    yield "every second", np.repeat(np.repeat(x, 2, axis=0), 2, axis=1)[::2, ::2]
    raw = np.zeros(x.nbytes + 1, np.uint8)
    raw[1:] = np.frombuffer(x.tobytes(), np.uint8)
    yield "not aligned", raw[1:].view("f4").reshape(x.shape)
    fixed = x.copy()
    fixed.flags.writeable = False
    yield "read-only", fixed
    table = np.zeros(48, [("name", "S3"), ("x", "f4", 3)])
    table["x"] = x
    yield "a field", table["x"]
    yield "matrix", x.view(np.matrix)
    yield "nothing masked", np.ma.array(x, mask=np.zeros(x.shape, bool))
    yield "list", x.tolist()
    yield "list of arrays", list(x)
    yield "Tensor", Tensor(x)


@both_kernels
@pytest.mark.parametrize("name", list(dict(layouts())))
def test_inputs_and_labels_however_they_lie(kernel, kernels, name):
    x = dict(layouts())[name]
    y = LABELS[::-1].copy()[::-1] if name == "backwards" else LABELS
    end, loss = lambda: Dense(3, "softmax"), "categorical_cross_entropy"
    want = usual(kernels, "2", end, loss, WHOLE.astype("f4"), LABELS)
    assert outcome(end, loss, x, y) == want


def test_memory_maps_in_another_byte_order(tmp_path):
    WHOLE.astype(">f8").tofile(tmp_path / "x")
    LABELS.astype(">i4").tofile(tmp_path / "y")
    x = np.memmap(tmp_path / "x", ">f8", "r", shape=WHOLE.shape)
    y = np.memmap(tmp_path / "y", ">i4", "r")
    want = outcome(lambda: Dense(3, "softmax"), "categorical_cross_entropy", WHOLE, LABELS)
    assert outcome(lambda: Dense(3, "softmax"), "categorical_cross_entropy", x, y) == want


@each_type
def test_losses_metrics_and_layers_take_every_type(dtype):
    p = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    y = np.array([0, 1, 1]).astype(dtype)
    loss, accuracy = losses.CategoricalCrossEntropy(), metrics.Accuracy()
    assert loss.loss(y, p) == loss.loss([0, 1, 1], p)
    assert np.array_equal(loss.gradient(y, p), loss.gradient([0, 1, 1], p))
    accuracy.update(y, p)
    assert accuracy.result() == 2 / 3
    assert Tensor(y).dtype.isnative
    assert Tensor(y).numpy().tolist() == y.tolist()
    assert np.array_equal(Flatten()(y[:, None]), [[0], [1], [1]])
    assert Tensor(np.ones(2)).astype(dtype).dtype.isnative


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (np.ones((48, 3)) + 1j, "complex128 .* take the parts"),
        (np.full((48, 3), "2020-01-01", "M8[D]"), "datetime64.* count from some moment"),
        (np.ones((48, 3), "m8[s]"), "timedelta64.* count in some unit"),
        (np.ones(48, [("a", "f4"), ("b", "f4")]), "structured_to_unstructured"),
        (np.ones((48, 3)).astype(object), "object.*Turn text or mixed columns"),
        (np.ones((48, 3)).astype(str), "<U32.*Turn text"),
    ],
    ids=["complex", "times", "spans", "fields", "objects", "text"],
)
def test_what_is_no_number_says_how_to_make_it_one(bad, words):
    model = compiled(Dense(3, "softmax"), "categorical_cross_entropy")
    for call in (lambda: model.fit(bad, LABELS), lambda: model.predict(bad), lambda: as_array(bad)):
        with pytest.raises(TypeError, match=words):
            call()
    with pytest.raises(TypeError, match="y"):
        model.fit(WHOLE, bad)


def test_what_is_masked_is_not_learned():
    masked = np.ma.array(WHOLE.astype("f4"), mask=WHOLE > 2)
    model = compiled(Dense(3, "softmax"), "categorical_cross_entropy")
    labels = np.ma.array(LABELS, mask=LABELS > 1)
    for call in (
        lambda: model.fit(masked, LABELS),
        lambda: model.fit(WHOLE, labels),
        lambda: model.fit(WHOLE, LABELS, sample_weight=labels),
        lambda: model.evaluate(list(masked), LABELS),
        lambda: model.predict(masked),
        lambda: Tensor(masked),
        lambda: Dense(3, 2)(masked),
        lambda: losses.MeanSquaredError().loss(masked, masked),
        lambda: Normalization().adapt(masked),
    ):
        with pytest.raises(ValueError, match=r"behind its mask.*\.filled\(0\.0\)"):
            call()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_estimators_do_not_learn_what_is_masked():
    pytest.importorskip("sklearn")
    from axon.sklearn import AxonClassifier

    masked = np.ma.array(WHOLE.astype("f4"), mask=WHOLE > 2)
    learned = AxonClassifier(max_iter=1).fit(WHOLE, LABELS)
    for call in (
        lambda: AxonClassifier(max_iter=1).fit(masked, LABELS),
        lambda: AxonClassifier(max_iter=1).fit(WHOLE, np.ma.array(LABELS, mask=LABELS > 1)),
        lambda: learned.predict(masked),
    ):
        with pytest.raises(ValueError, match=r"behind its mask.*\.filled\(0\.0\)"):
            call()


def test_whole_numbers_that_do_not_fit_are_refused():
    model = compiled(Dense(3, "softmax"), "mse", Embedding(4, 2), Flatten())
    huge = np.array([[2**64 - 3, 1, 2]], np.uint64)
    with pytest.raises(ValueError, match="x: 18446744073709551613 does not fit int64"):
        model.predict(huge)
    with pytest.raises(ValueError, match="18446744073709551613 does not fit int64"):
        Embedding(4, 2)(huge)
    with pytest.raises(ValueError, match=r"1e\+20 does not fit int64"):
        model.predict(np.array([[1e20, 1, 2]]))
    other = Sequential([Dense(1)])
    other.compile(lambda y, p: abs(p - (y > 2)))
    with pytest.raises(ValueError, match="y: 18446744073709551615 does not fit int64"):
        other.fit(WHOLE, np.full((48, 1), 2**64 - 1, np.uint64), verbose=0)


def test_labels_beyond_the_exact_floats_are_out_of_range():
    model = compiled(Dense(3, "softmax"), "categorical_cross_entropy")
    with pytest.raises(ValueError, match=f"label {2**53 + 1} of sample 0 is out of range"):
        model.fit(WHOLE, np.full(48, 2**53 + 1), verbose=0)


def test_ids_in_floats_keep_all_digits():
    """2^24 + 1 is no float32."""
    model = Sequential([Embedding(2**24 + 2, 1)])
    ids = np.array([[2**24 + 1.0]])
    model.build((1,))
    model.layers[0].embeddings.data[-1] = 7
    assert model.predict(ids).item() == 7


def test_whole_targets_keep_all_digits_in_float64():
    model = Sequential([Dense(1, dtype="float64", kernel_initializer="zeros")])
    model.compile("mae")
    y = np.full((4, 1), 2**24 + 1)
    assert model.evaluate(np.ones((4, 1)), y) == 2**24 + 1
    assert losses.MeanAbsoluteError().loss(y, np.zeros((4, 1))) == 2**24 + 1


def test_long_doubles_beyond_float64():
    if np.finfo("g").max <= np.finfo("d").max:
        pytest.skip("long doubles are doubles here")
    with pytest.raises(ValueError, match="the size of the largest number is"):
        Sequential([Dense(1)]).predict(np.full((1, 2), 10, "g") ** 400)


# ------------------------------------------------------------------------------------ (n, 1)


@both_kernels
def test_a_column_of_labels_and_of_weights(kernel):
    x, w = WHOLE, 1.0 + LABELS
    loss = "categorical_cross_entropy"
    want = outcome(lambda: Dense(3, "softmax"), loss, x, LABELS, w)
    got = outcome(lambda: Dense(3, "softmax"), loss, x, LABELS[:, None], w[:, None])
    assert got == want


def test_a_column_of_labels_for_losses_and_metrics():
    p = rng.dirichlet(np.ones(3), 6).astype("f4")
    y = np.arange(6) % 3
    for name in ("categorical_cross_entropy", "categorical_focal_cross_entropy"):
        loss = losses.get(name)
        for column in (y[:, None], Tensor(y[:, None])):
            assert loss.loss(column, p) == loss.loss(y, p)
            assert np.array_equal(loss.gradient(column, p), loss.gradient(y, p))
    for metric in (metrics.Accuracy, metrics.TopKCategoricalAccuracy):
        a, b = (metric(k=2) if "TopK" in metric.__name__ else metric() for _ in range(2))
        a.update(y, p)
        b.update(y[:, None], p)
        assert a.result() == b.result()
    tokens = rng.dirichlet(np.ones(3), (2, 5)).astype("f4")
    labels = rng.integers(0, 3, (2, 5))
    loss = losses.CategoricalCrossEntropy()
    assert loss.loss(labels[..., None], tokens) == loss.loss(labels, tokens)


# ------------------------------------------------------------------------------------ times


SECONDS = np.arange(323)[:, None] + 1.7e9
WANT = (SECONDS - SECONDS.mean()) / SECONDS.std()


class Behind(Model):
    """A model that defines something else first."""

    def __init__(self, layer):
        super().__init__()
        self.head, self.layer = Dense(1, 1), layer

    def forward(self, x):
        return self.layer(x)


@both_kernels
@pytest.mark.parametrize("dtype", ["i8", ">i8", "u4", "f8", ">f8"])
def test_normalization_of_unix_times(kernel, dtype):
    data, layer = SECONDS.astype(dtype), Normalization()
    layer.adapt(data)
    for model in (
        Sequential([layer]),
        Sequential([Input((1,)), layer]),
        Sequential([Flatten(), Sequential([Reshape((1,)), layer])]),
        Behind(layer),
    ):
        for made in (model.predict(data), model.forward(data)):
            assert made.dtype == np.float32
            assert np.abs(made - WANT).max() < 1e-6
    assert np.abs(layer(Tensor(data)).numpy() - WANT).max() < 1e-6


@both_kernels
def test_training_behind_a_normalization_of_unix_times(kernel, tmp_path):
    layer = Normalization()
    layer.adapt(SECONDS)
    model = compiled(Dense(1), "mse", layer)
    loss = model.fit(SECONDS, np.sin(WANT), epochs=30, verbose=0).history["loss"][-1]
    assert loss < 0.01
    assert model.predict(SECONDS).dtype == np.float32
    model.save(tmp_path / "m.axon")
    kept = load_model(tmp_path / "m.axon")
    assert np.array_equal(kept.predict(SECONDS), model.predict(SECONDS))


def test_adapting_anew_changes_what_was_recorded():
    layer = Normalization()
    layer.adapt(WHOLE)
    model = Sequential([layer])
    first = model.predict(WHOLE)
    for shift in (1e9, 1, 0):
        layer.adapt(WHOLE + shift)
        assert np.abs(model.predict(WHOLE + shift) - first).max() < 1e-6


# ------------------------------------------------------------------------------------ reductions


@pytest.mark.parametrize("dtype", [t for t in SIMPLE if t != "g"])
def test_the_smallest_of_every_type(dtype):
    if np.dtype(dtype).kind in "iu":
        ends = np.iinfo(dtype)
        x = np.array([[ends.max, ends.min, 5], [ends.max, 1, ends.max]], dtype)
    else:
        x = np.array([[1, 0, 1], [1, 1, 1]], dtype)
    assert Tensor(x).min().dtype == x.dtype
    assert Tensor(x).min().item() == x.min()
    assert Tensor(x).min(axis=1).numpy().tolist() == x.min(axis=1).tolist()
    assert Tensor(x).max(axis=0).numpy().tolist() == x.max(axis=0).tolist()


def test_sums_and_means_of_small_whole_numbers():
    assert Tensor(np.full(1000, 255, "u1")).sum().item() == 255_000
    assert Tensor(np.full(1000, 255, "u1")).mean().item() == 255
    assert Tensor(np.full(1000, -128, "i1")).mean().item() == -128
    assert Tensor(np.array([2**64 - 1, 0], "u8")).mean().item() == 2.0**63
    assert Tensor(np.array([2**63 - 1] * 4)).mean().item() == 2.0**63
    assert Tensor(np.array([True, True])).sum().item() == 2
    assert Tensor(np.array([True, False])).mean().item() == 0.5


def test_what_is_no_number_in_a_table_is_named():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"a": [1.0, 2.0], "b": [1.0, np.nan]})
    with pytest.raises(ValueError, match="x: sample 1 holds nan in column 'b'; NaN and"):
        Sequential([Dense(1)]).predict(table)
    with pytest.raises(TypeError, match=r"holds text or objects.*pd\.to_numeric\(x\).*np\.unique"):
        losses.CategoricalCrossEntropy().loss(pandas.Series(["u", "v"]), np.eye(2))
    with pytest.raises(ValueError, match="nan is no whole number"):
        Embedding(5, 2)(np.array([[np.nan]]))


def test_losses_tell_large_whole_numbers_apart():
    t = 1_700_000_000 + np.arange(5).reshape(-1, 1)
    mse = axon.losses.MeanSquaredError()
    assert mse(t, t + 1) == mse(t, -(-t - 1)) == 1.0
    assert np.allclose(mse.gradient(t, t + 1), 2 / 5)
    assert mse.gradient([[1]], [[2]]).dtype == np.float32


def test_rescaling_of_large_numbers(tmp_path):
    t = 1_700_000_000 + np.arange(50).reshape(-1, 1)
    layer = Rescaling(1 / 25, -1_700_000_000 / 25)
    model = Sequential([layer, Dense(1)])
    assert np.allclose(layer.forward(t), np.arange(50).reshape(-1, 1) / 25)
    assert len(np.unique(model.predict(t))) == 50
    model.save(tmp_path / "m.axon")
    assert (load_model(tmp_path / "m.axon").predict(t) == model.predict(t)).all()
    assert Rescaling(1 / 127.5, -1).input_dtype == np.float32


def test_truth_values_to_the_power_of_two():
    for p in (2, 2.0, 3):
        assert (Tensor(np.array([True, False])) ** p).numpy().tolist() == [1, 0]


def test_figures_do_not_show_what_is_masked():
    pytest.importorskip("matplotlib")
    from axon.plot import confusion_matrix, decision_boundary, mistakes, roc_curve

    y, p = np.array([0, 1, 1, 0]), np.eye(2)[[0, 1, 0, 0]]
    masked = np.ma.masked_equal(y, 1)
    for figure in (
        lambda: confusion_matrix(masked, p),
        lambda: roc_curve(masked, p[:, 1]),
        lambda: roc_curve(y, np.ma.masked_equal(p, 1)[:, 1]),
        lambda: mistakes(np.zeros((4, 2)), masked, p),
        lambda: mistakes(np.zeros((4, 2)), y, np.ma.masked_equal(p, 1)),
        lambda: decision_boundary(lambda x: x[:, :1], np.ma.masked_equal(p, 1), y),
    ):
        with pytest.raises(ValueError, match="behind its mask"):
            figure()


@pytest.mark.parametrize("before", [lambda: Rescaling(1 / 60), lambda: Masking(-1.0)])
def test_what_lies_before_a_normalization_does_not_round(before):
    t = 1_700_000_000 + np.arange(50).reshape(10, 5, 1)
    layer, normal = before(), Normalization()
    normal.adapt(t / 60 if isinstance(layer, Rescaling) else t)
    model = Sequential([layer, normal])
    np.testing.assert_allclose(model.predict(t), (t - t.mean()) / t.std(), atol=1e-4)
    for last in (Reshape((5,)), Rescaling(2.0)):
        longer = Sequential([layer, normal, Dense(1), last])
        assert longer.predict(t).dtype == longer.forward(t).dtype == np.float32
