"""Small habits of Keras's users: lists of one target, what a graph's layers read, own functions."""

import warnings

import numpy as np
import pytest

import axon
from axon import Model, Sequential
from axon.activations import relu as theirs
from axon.layers import Concatenate, Dense, Embedding, Flatten, Input, StringLookup
from axon.models.loading import ModelFileError

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(12, 4)), rng.normal(size=(12, 2))


def graph():
    axon.set_random_seed(0)
    x = Input((4,), name="x")
    h = Dense(3, "relu", name="hidden")(x)
    net = Model(x, [Dense(2, name="out")(Concatenate(name="both")([h, x * 2.0]))])
    net.compile("mse", "sgd")
    return net


def test_targets_and_weights_of_one_output_may_come_in_a_list():
    listed, alone = graph(), graph()
    for net, y, w in ((listed, [Y], [np.arange(12.0)]), (alone, Y, np.arange(12.0))):
        options = {"validation_data": (X, y, w), "verbose": 0, "shuffle": False}
        net.fit(X, y, epochs=2, sample_weight=w, **options)
    assert listed.history.history == alone.history.history
    found = listed.evaluate(X, [Y], verbose=0, sample_weight=[np.arange(12.0)])
    assert found == alone.evaluate(X, Y, verbose=0, sample_weight=np.arange(12.0))
    assert found != alone.evaluate(X, Y, verbose=0)
    with pytest.raises(ValueError, match="x has 12, y has 11"):
        listed.fit(X, [Y[:11]], verbose=0)


@pytest.mark.parametrize("form", ["array", "list", "series"])
def test_columns_of_a_table_are_flat(form):
    pd = pytest.importorskip("pandas")
    names, ages = np.array(["a", "b", "a", "c"]), np.array([1.0, 2, 3, 4])
    turned = {"array": lambda x: x, "list": list, "series": pd.Series}[form]
    flat = {"name": turned(names), "age": turned(ages)}
    rows = {"name": names[:, None], "age": ages[:, None]}
    name, age = Input((1,), "string", name="name"), Input((1,), name="age")
    ids = StringLookup(vocabulary=["a", "b"])(name)
    out = Dense(1)(Concatenate()([Flatten()(Embedding(3, 2)(ids)), age]))
    net = Model({"name": name, "age": age}, [out, ids])
    net.compile(["mse", None], "sgd")
    for method in (net.predict, net.forward, net.predict_on_batch):
        for a, b in zip(method(flat), method(rows), strict=True):
            assert a.shape == (4, 1)
            assert np.array_equal(a, b)
    y = [ages[:, None], None]
    assert net.evaluate(flat, y, verbose=0) == net.evaluate(rows, y, verbose=0)
    assert net.fit(flat, y, verbose=0, epochs=2, validation_data=(flat, y)).history
    alone = Model(age, Dense(2)(age))
    assert np.array_equal(alone.predict(flat["age"]), alone.predict(rows["age"]))
    with pytest.raises(ValueError, match=r"expected inputs of shape \(n, 1\)"):
        alone.predict(np.ones((2, 3)))


def test_a_summary_tells_what_each_layer_of_a_graph_reads():
    lines = []
    graph().summary(lines.append)
    table = {row.split()[0]: row for row in lines[0].splitlines() if "(None" in row}
    assert lines[0].splitlines()[2].rstrip().endswith("Param #  Connected to")
    assert table["hidden"].rstrip().endswith("  x")
    assert table["both"].rstrip().endswith("  hidden, mul")
    x = Input((4,))
    Model(x, Dense(2)(x)).summary(lines.append)  # a plain chain says nothing new
    assert "Connected" not in lines[1]


def relu(x):
    return x * 0.0 + 3.0


def test_a_function_of_ones_own_is_not_taken_for_axons(tmp_path):
    net = Sequential([Dense(4, 3, relu)])
    net.save(tmp_path / "own.axon")
    with pytest.raises(ModelFileError, match=r"'relu' is one of your own, not AXON's activation"):
        axon.load_model(tmp_path / "own.axon")
    for function in (relu, theirs):
        again = axon.load_model(tmp_path / "own.axon", {"relu": function})
        assert again.layers[0].activation is function
    for function in (theirs, np.tanh):  # these are what their names say
        Sequential([Dense(4, 3, function)]).save(tmp_path / "theirs.axon")
        assert axon.load_model(tmp_path / "theirs.axon").layers[0].input_size == 4


def test_lbfgs_warns_of_small_batches():
    net = Sequential([Dense(4, 2)])
    net.compile("mse", "lbfgs")
    with pytest.warns(UserWarning, match="batches of 4 of 12 samples .* Use batch_size=12"):
        net.fit(X, Y, batch_size=4, verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net.fit(X, Y, batch_size=12, verbose=0)
