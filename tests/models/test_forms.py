"""One door for data: each form that data come in means the same to fit, evaluate and predict."""

from array import array

import numpy as np
import pytest

import axon
from axon import Tensor, metrics
from axon.callbacks import Callback
from axon.layers import Dense, Embedding, Flatten
from axon.models import Model, Sequential, forms

rng = np.random.default_rng(0)
X = rng.normal(size=(20, 3)).astype("f4")
Y = rng.integers(0, 2, 20)
W = rng.uniform(0.5, 2, 20).astype("f4")
Z = rng.integers(0, 5, (20, 2))
SIZE = 8


def network(built=True):
    axon.set_random_seed(0)
    model = Sequential([Dense(4, "relu"), Dense(2, "softmax")])
    if built:
        model.build((3,))
    model.compile("categorical_cross_entropy", axon.optimizers.Adam(0.05), ["accuracy"])
    return model


class Two(Model):
    def __init__(self):
        super().__init__()
        self.head = Dense(2, "softmax")

    def forward(self, a, b):
        return self.head(axon.ops.concatenate([a, b], axis=-1))


def pair():
    axon.set_random_seed(0)
    model = Two()
    model.build((3,), (2,))
    model.compile("categorical_cross_entropy", axon.optimizers.Adam(0.05), ["accuracy"])
    return model


def cut(*columns):
    return [tuple(c[i : i + SIZE] for c in columns) for i in range(0, len(columns[0]), SIZE)]


class Loader:
    """Begins anew each time."""

    def __init__(self, items):
        self.items = items

    def __iter__(self):
        return iter(self.items)


class Numbered:
    """As Keras's Sequence; some of it inherited."""

    ended = 0

    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)


class Sequenced(Numbered):
    def __getitem__(self, i):
        return self.items[i]

    def on_epoch_end(self):
        self.ended += 1


class Unsized:
    """Ends with an IndexError, as sequences did before there were iterators."""

    def __init__(self, items):
        self.items = items

    def __getitem__(self, i):
        return self.items[i]


def torch_loader(items):
    torch = pytest.importorskip("torch")
    x, y = (
        torch.as_tensor(np.concatenate(column)) for column in list(zip(*items, strict=True))[:2]
    )
    data = torch.utils.data.TensorDataset(x, y)
    return torch.utils.data.DataLoader(data, batch_size=SIZE)


def torch_list(items):
    return list(torch_loader(items))


STREAMS = {
    "list": list,
    "tuple": tuple,
    "lists": lambda items: [list(item) for item in items],
    "loader": Loader,
    "numbered": Sequenced,
    "unsized": Unsized,
    "DataLoader": torch_loader,
    "DataLoader's batches": torch_list,
    "Tensors": lambda items: [tuple(map(Tensor, item)) for item in items],
    "dict's values": lambda items: dict(enumerate(items)).values(),
}
each_stream = pytest.mark.parametrize("form", list(STREAMS))


@each_stream
def test_batches_in_each_form_teach_and_tell_the_same(form):
    ours, theirs = network(), network()
    history = ours.fit(X, Y, SIZE, 2, verbose=0, shuffle=False, validation_data=(X, Y))
    data = STREAMS[form](cut(X, Y))
    held_out = cut(X, Y) if form == "tuple" else data  # a tuple there is (x, y)
    again = theirs.fit(data, epochs=2, verbose=0, validation_data=held_out)
    assert again.history.keys() == history.history.keys()
    np.testing.assert_allclose(again.history["loss"], history.history["loss"], rtol=1e-6)
    np.testing.assert_allclose(theirs.evaluate(data), ours.evaluate(X, Y), rtol=1e-6)
    np.testing.assert_allclose(theirs.predict(data), ours.predict(X), rtol=1e-6)
    assert np.array_equal(theirs.predict(data, steps=2), theirs.predict(X)[: 2 * SIZE])


@pytest.mark.parametrize(
    "make", [iter, lambda items: (item for item in items)], ids=["iter", "gen"]
)
@pytest.mark.parametrize(
    "items",
    [
        cut(X, Y, W),
        cut(X, Y),
        cut(X),
        [x for (x,) in cut(X)],
        [x.tolist() for (x,) in cut(X)],
    ],
    ids=["(x, y, w)", "(x, y)", "(x,)", "x", "lists of numbers"],
)
def test_iterators_are_predicted_whatever_they_bring(make, items):
    model = network()
    want = model.predict(X)
    assert np.array_equal(model.predict(make(items)), want)
    assert np.array_equal(network(built=False).predict(make(items)), want)


@each_stream
def test_batches_are_predicted_before_the_model_is_built(form):
    data = STREAMS[form](cut(X, Y))
    assert np.array_equal(network(built=False).predict(data), network().predict(X))


@pytest.mark.parametrize(
    "item",
    [
        lambda a, b, y: ((a, b), y),
        lambda a, b, y: ((a, b), y, np.ones(len(y))),
        lambda a, b, y: ([a, b], y),
        lambda a, b, y: [[a, b], y],
        lambda a, b, y: ({"b": b, "a": a}, y),
        lambda a, b, y: ((a.tolist(), b.tolist()), y),
    ],
    ids=["tuple", "weights", "list", "lists", "dict", "numbers"],
)
@pytest.mark.parametrize("form", ["list", "loader", "numbered"])
def test_two_inputs_and_their_targets(form, item):
    """Targets are not taken for an input."""
    ours, theirs = pair(), pair()
    ours.fit((X, Z), Y, SIZE, verbose=0, shuffle=False)
    data = STREAMS[form]([item(*part) for part in cut(X, Z, Y)])
    theirs.fit(data, verbose=0)
    want = ours.predict((X, Z))
    assert np.array_equal(theirs.predict(data), want)
    assert np.array_equal(theirs.predict(iter(list(data))), want) if form == "list" else True
    np.testing.assert_allclose(theirs.evaluate(data), ours.evaluate((X, Z), Y), rtol=1e-6)


@pytest.mark.parametrize(
    "item",
    [
        lambda a, b: (a, b),
        lambda a, b: ((a, b),),
        lambda a, b: {"a": a, "b": b},
        lambda a, b: [a, b],
    ],
    ids=["(a, b)", "((a, b),)", "dict", "[a, b]"],
)
def test_two_inputs_without_targets(item):
    model = pair()
    want = model.predict((X, Z))
    items = [item(*part) for part in cut(X, Z)]
    assert np.array_equal(model.predict(iter(items)), want)
    assert np.array_equal(model.predict(Loader(items)), want)
    assert np.array_equal(model.predict(items), want)
    assert np.array_equal(model.predict([X, Z]), want)
    assert np.array_equal(model.predict({"a": X, "b": Z}), want)


def test_lists_of_samples_stay_samples():
    model = network()
    want = model.predict(X)
    for samples in (
        X.tolist(),
        list(X),
        tuple(X),
        [row.tolist() for row in X],
        list(map(tuple, X)),
    ):
        assert np.array_equal(model.predict(samples), want)
        assert np.array_equal(network(built=False).predict(samples), want)
    assert np.array_equal(model.predict([X[:8], X[8:]]), want)  # one axis more: batches
    two = model.predict([list(X[0].astype("f8")), list(X[1])])
    np.testing.assert_allclose(two, want[:2], rtol=1e-6)


def test_lists_of_arrays_that_are_sequences():
    """Samples (time, features): what has as many axes is one."""
    axon.set_random_seed(0)
    model = Sequential([axon.layers.GRU(2)])
    series = rng.normal(size=(6, 4, 3)).astype("f4")
    want = model.predict(series)
    assert np.array_equal(model.predict(list(series)), want)
    assert np.array_equal(model.predict([list(s) for s in series]), want)
    assert np.array_equal(model.predict([series[:3], series[3:]]), want)
    assert np.array_equal(model.predict([(series[:3], Y[:3]), (series[3:], Y[:3])]), want)
    assert np.array_equal(model.predict([[series[:3], series[:3]], [series[3:], series[3:]]]), want)


def test_what_cannot_be_told_is_asked():
    with pytest.raises(TypeError, match=r"2 arrays of shape \(3, 3\) may be \(x, y\), or samples"):
        Sequential([Dense(2)]).predict(iter([[X[:3], X[3:6]]]))


def test_ids_in_lists_of_batches():
    model = Sequential([Embedding(5, 2), Flatten()])
    want = model.predict(Z)
    assert np.array_equal(model.predict([(Z[:9],), (Z[9:],)]), want)
    assert np.array_equal(model.predict([Z[:9], Z[9:]]), want)
    assert np.array_equal(model.predict(Z.tolist()), want)


class Witness(Callback):
    def __init__(self):
        self.seen = []

    def on_predict_begin(self, logs=None):
        self.seen.append("begin")

    def on_predict_batch_end(self, batch, logs=None):
        self.seen.append((batch, len(logs["outputs"])))

    def on_predict_end(self, logs=None):
        self.seen.append("end")


def test_callbacks_hear_of_each_batch_of_a_stream():
    witness = Witness()
    network().predict(cut(X, Y), callbacks=[witness])
    assert witness.seen == ["begin", (0, 8), (1, 8), (2, 4), "end"]


def test_endless_batches_and_steps():
    def endless():
        while True:
            yield X[:SIZE], Y[:SIZE]

    model = network()
    assert model.predict(endless(), steps=3).shape == (24, 2)
    assert len(model.evaluate(endless(), steps=3)) == 2
    h = model.fit(
        endless(),
        steps_per_epoch=2,
        epochs=2,
        validation_data=endless(),
        validation_steps=2,
        verbose=0,
    )
    assert len(h.history["val_loss"]) == 2
    before = model.get_weights()
    with pytest.raises(
        ValueError, match=r"a generator, can be read only once, .* validation_steps"
    ):
        model.fit(X, Y, verbose=0, validation_data=endless())
    assert all(map(np.array_equal, before, model.get_weights()))


def test_streams_that_end_too_early():
    model = network()
    used = (item for item in cut(X, Y))
    model.predict(used)
    with pytest.raises(ValueError, match=r"predict: the iterator yields no batches\. It can"):
        model.predict(used)
    with pytest.raises(ValueError, match="predict: the iterator yields no batches"):
        model.predict(Loader([]))
    with pytest.raises(ValueError, match=r"ended after 3 batches, but 4 were .* Lower steps,"):
        model.predict(cut(X, Y), steps=4)
    with pytest.raises(ValueError, match=r"ended after 3 batches, but 4 were .* Lower steps,"):
        model.evaluate(cut(X, Y), steps=4)
    with pytest.raises(ValueError, match="batch 1 of the iterable: x of shape"):
        model.predict([(X,), (X[:, :2],)])
    with pytest.raises(ValueError, match=r"shape \(2,\) in one batch and \(1, 2\)"):
        Sequential([Dense(2)]).predict(iter([X, X[:, None]]))


def test_numbered_batches_are_told_when_an_epoch_is_over():
    data = Sequenced(cut(X, Y))
    network().fit(data, epochs=3, verbose=0)
    assert data.ended == 3


def test_an_error_inside_numbered_batches_is_not_their_end():
    class Broken(Sequenced):
        def __getitem__(self, i):
            return [self.items[0]][i]

    with pytest.raises(IndexError):
        network().predict(Broken(cut(X, Y)))


def test_batches_with_targets_beside_them_are_refused():
    for given in (iter(cut(X, Y)), Loader(cut(X, Y)), Sequenced(cut(X, Y))):
        with pytest.raises(TypeError, match="yields batches, which bring their targets themselves"):
            network().fit(given, Y, verbose=0)
    for given in (X, {"x": X}, Tensor(X), "text"):
        with pytest.raises(TypeError, match=r"y is missing"):
            network().evaluate(given)
    with pytest.raises(TypeError, match="Inputs by name go into the batch as its x"):
        network().fit([{"x": X}], verbose=0)


def test_predicting_a_batch_takes_what_predict_takes():
    model = network()
    want = model.predict(X)
    assert np.array_equal(model.predict_on_batch(X.tolist()), want)
    assert np.array_equal(model.predict_on_batch({"x": X}), want)
    assert np.array_equal(pair().predict_on_batch([X, Z]), pair().predict((X, Z)))
    with pytest.raises(ValueError, match="expected at least one sample"):
        model.predict_on_batch(np.float32(3))


# ------------------------------------------------------------------------------------ tables


def pandas_tables():
    pandas = pytest.importorskip("pandas")
    truth = X[:, 0] > 0
    columns = {"a": truth, "b": X[:, 1], "c": Y}
    yield pandas.DataFrame(columns)
    yield pandas.DataFrame(columns).convert_dtypes()
    yield pandas.DataFrame(columns).astype({"a": "boolean", "b": "Float32", "c": "Int8"})
    yield pandas.DataFrame({"b": X[:, 1], "c": Y, "a": np.where(truth, "x", "w")}).pipe(
        lambda t: pandas.get_dummies(t).rename(columns={"a_x": "a"})[["a", "b", "c"]]
    )
    yield pandas.DataFrame({**columns, "a": pandas.arrays.SparseArray(truth)})
    yield pandas.DataFrame(columns, index=range(100, 120))
    yield {"x": pandas.DataFrame(columns)}


def polars_tables():
    polars = pytest.importorskip("polars")
    yield polars.DataFrame({"a": X[:, 0] > 0, "b": X[:, 1], "c": Y})
    yield polars.DataFrame({"a": X[:, 0] > 0, "b": X[:, 1], "c": Y.astype("i1")})


@pytest.mark.parametrize("tables", [pandas_tables, polars_tables])
def test_tables_of_numbers(tables):
    x = np.stack([X[:, 0] > 0, X[:, 1], Y], axis=1).astype("f4")
    ours = network()
    ours.fit(x, Y, SIZE, verbose=0, shuffle=False)
    for table in tables():
        theirs = network()
        theirs.fit(table, Y, SIZE, verbose=0, shuffle=False, validation_data=(table, Y))
        assert np.array_equal(theirs.predict(table), ours.predict(x))
        assert theirs.evaluate(table, Y) == ours.evaluate(x, Y)
        assert np.array_equal(theirs.predict_on_batch(table), ours.predict(x))


def test_series_as_targets_and_weights():
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    ours = network()
    ours.fit(X, Y, SIZE, verbose=0, shuffle=False, sample_weight=W)
    for y, w in (
        (pandas.Series(Y, index=range(5, 25)), pandas.Series(W)),
        (pandas.Series(Y, dtype="Int64"), pandas.Series(W, dtype="Float32")),
        (pandas.DataFrame({"y": Y}), pandas.DataFrame({"w": W})),
        (polars.Series("y", Y), polars.Series("w", W)),
        (polars.DataFrame({"y": Y}), polars.DataFrame({"w": W})),
        (pandas.array(Y, "Int8"), W.tolist()),
        (array("q", Y.tolist()), array("f", W.tolist())),
    ):
        theirs = network()
        theirs.fit(X, y, SIZE, verbose=0, shuffle=False, sample_weight=w)
        assert np.array_equal(theirs.predict(X), ours.predict(X))
        accuracy = metrics.Accuracy()
        accuracy.update(y, ours.predict(X))
        assert accuracy.result() == pytest.approx((ours.predict(X).argmax(1) == Y).mean())


def bad_pandas():
    pandas = pytest.importorskip("pandas")
    day = pandas.Timestamp("2020-01-01")
    yield (
        {"b": pandas.array([1, None] * 10, "Int64")},
        r"column 'b' has gaps \(NA\), 10 in all, the",
    )
    yield {"b": pandas.Categorical(["u", "v"] * 10)}, r"column 'b' holds categories .*cat\.codes"
    yield {"b": [day] * 20}, r"column 'b' holds times .*astype\('int64'\)"
    yield {"b": ["u", "v"] * 10}, r"column 'b' holds text or objects .*pd\.to_numeric\(df\['b'\]\)"
    yield {"b": pandas.Series([1, 2] * 10, dtype=object)}, r"column 'b' holds text or objects"
    yield {"b": np.ones(20) * 1j}, r"column 'b' holds complex numbers"


def bad_polars():
    pytest.importorskip("polars")
    from datetime import date

    yield {"b": [1, None] * 10}, r"column 'b' has gaps \(NA\), 10 in all, the first in row 1\. "
    yield {"b": ["u", "v"] * 10}, r"column 'b' holds text or objects .*to_dummies\('b'\)"
    yield {"b": [date(2020, 1, 1)] * 20}, r"column 'b' holds times .*epoch"


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_columns_that_hold_no_numbers_are_named(library):
    module = pytest.importorskip(library)
    for columns, words in bad_pandas() if library == "pandas" else bad_polars():
        table = module.DataFrame({"a": X[:, 0], "c": X[:, 2], **columns})
        model = network()
        for call in (lambda: model.fit(table, Y), lambda: model.predict(table)):  # noqa: B023
            with pytest.raises((TypeError, ValueError), match=words):
                call()
        with pytest.raises((TypeError, ValueError), match=words):
            model.fit(X, table["b"], verbose=0)


def test_tensors_of_other_libraries():
    torch = pytest.importorskip("torch")
    sparse = pytest.importorskip("scipy.sparse")
    want = network().predict(X)
    for x in (
        torch.as_tensor(X),
        torch.as_tensor(X).requires_grad_(),
        list(torch.as_tensor(X)),
        torch.as_tensor(X).t().contiguous().t(),
        Foreign(X),
    ):
        assert np.array_equal(network().predict(x), want)
    half = torch.as_tensor(X).bfloat16()
    assert np.array_equal(network().predict(half), network().predict(half.float()))
    with pytest.raises(TypeError, match=r"sparse csr_array is no array: pass x\.toarray\(\)"):
        network().predict(sparse.csr_array(X))
    with pytest.raises(TypeError, match="LazyFrame holds no numbers yet"):
        network().predict(pytest.importorskip("polars").DataFrame({"a": [1.0]}).lazy())


class Foreign:
    """A tensor that speaks DLPack alone."""

    def __init__(self, values):
        self.values = values

    def __dlpack__(self, **options):
        return self.values.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.values.__dlpack_device__()


def test_what_is_no_stream():
    for x in (
        X,
        Tensor(X),
        X.tolist,
        "text",
        b"text",
        {"x": X},
        range(3),
        3,
        None,
        array("f", [1]),
    ):
        assert forms.readable(x) is None


@pytest.mark.parametrize("built", [True, False])
@pytest.mark.parametrize("wrap", [lambda a: (a,), lambda a: [a]])
def test_the_only_input_may_come_in_a_tuple_or_a_list(wrap, built):
    expected = network().fit(X, Y, SIZE, shuffle=False, verbose=0).history
    for y in (Y, [Y]):
        model = network(built)
        history = model.fit(
            wrap(X), y, SIZE, shuffle=False, verbose=0, validation_data=(wrap(X), y)
        )
        assert history.history["loss"] == expected["loss"]
        assert model.input_shape == (3,)
        assert model.evaluate(wrap(X), y) == model.evaluate(X, Y)
        assert model.test_on_batch(wrap(X), y) == model.test_on_batch(X, Y)


def test_one_sample_in_a_list_is_one_sample():
    model = network()
    assert model.test_on_batch([X[0]], [Y[0]]) == model.test_on_batch(X[:1], Y[:1])
    with pytest.raises(ValueError, match="x has 1, y has 20"):
        model.fit([X[0]], Y, verbose=0)
