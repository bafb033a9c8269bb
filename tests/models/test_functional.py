"""Models in the functional style: Model(inputs, outputs) of symbolic values."""

import copy
import pickle
import zipfile

import numpy as np
import pytest

import axon
from axon import Model, Sequential, Tensor, ops
from axon.layers import (
    LSTM,
    Add,
    BatchNormalization,
    Bidirectional,
    Concatenate,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    Hashing,
    Input,
    Layer,
    Normalization,
    StringLookup,
    TextVectorization,
)
from axon.layers.module import Module
from axon.layers.symbolic import Symbolic
from axon.models import clone_model
from axon.models.loading import ModelFileError

random = np.random.default_rng(0)
X = random.normal(size=(23, 4)).astype("float32")
Y = random.normal(size=(23, 2)).astype("float32")


def branches():
    """Two branches, a shared layer, an operator and a function."""
    x, twice = Input((4,)), Dense(4, "tanh", name="twice")
    a = twice(twice(x))
    b = ops.exp(-abs(x)) + a[:, ::-1] * 2
    pool = Concatenate(name="pool")([a, b, x])
    return Model(x, Dense(2, name="head")(Dropout(0.3, seed=1)(pool)))


class Same(Model):
    """What ``branches`` gives, as a forward."""

    def __init__(self):
        super().__init__()
        self.twice, self.pool, self.head = Dense(4, "tanh"), Concatenate(), Dense(2)
        self.drop = Dropout(0.3, seed=1)

    def forward(self, x):
        a = self.twice(self.twice(x))
        b = ops.exp(-abs(x)) + a[:, ::-1] * 2
        return self.head(self.drop(self.pool([a, b, x])))


def fitted(model, **options):
    model.compile("mse", "adam", metrics=["mae"])
    model.fit(X, Y, 8, epochs=3, verbose=0, shuffle=False, **options)
    return model


# ------------------------------------------------------------------------------------ one model


@pytest.mark.parametrize("eager", [False, True])
def test_it_is_the_model_that_a_forward_writes_bit_for_bit(eager):
    graph, own = branches(), Same()
    own.build((4,))
    for name in ("twice", "head"):
        for p, q in zip(
            getattr(own, name).parameters(), graph.get_layer(name).parameters(), strict=True
        ):
            p.assign(q)
    for model in (graph, own):
        model.compile("mse", "adam", metrics=["mae"], eager=eager)
    told = [m.fit(X, Y, 8, epochs=3, verbose=0, shuffle=False).history for m in (graph, own)]
    assert told[0] == told[1]
    assert np.array_equal(graph.predict(X), own.predict(X))
    if not eager:  # the same program, but for what layers are called
        assert [len(m.trainer.programs) for m in (graph, own)] == [2, 2]
        assert len(graph.trainer.programs[0].calls) == len(own.trainer.programs[0].calls)


def test_arrays_tensors_lists_and_predict_agree():
    model = branches()
    wanted = model.predict(X)
    assert np.array_equal(model(X), wanted)
    assert np.array_equal(model(Tensor(X)).numpy(), wanted)
    assert np.array_equal(model([X]), wanted)
    assert np.array_equal(model(X.tolist()), wanted)


def test_it_is_saved_copied_and_pickled_and_trained_on(tmp_path):
    model = fitted(branches())
    model.save(tmp_path / "net.axon")
    twins = [
        axon.load_model(tmp_path / "net.axon"),
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
    ]
    wanted = model.predict(X)
    model.fit(X, Y, 8, epochs=2, verbose=0, shuffle=False)
    for twin in twins:
        assert np.array_equal(twin.predict(X), wanted)
        assert list(twin.named_parameters()) == list(model.named_parameters())
        twin.fit(X, Y, 8, epochs=2, verbose=0, shuffle=False)
        assert np.array_equal(twin.predict(X), model.predict(X))
        cut = Model(twin.input, twin.get_layer("pool").output)
        assert cut.layers[1] is twin.get_layer("twice")
        assert cut.predict(X).shape == (23, 12)


def test_deep_graphs_are_copied_without_recursion():
    x = y = Input((2,))
    for _ in range(400):
        y = y + 1.0
    model = Model(x, y)
    assert np.array_equal(copy.deepcopy(model).predict(X[:, :2]), model.predict(X[:, :2]))
    assert np.allclose(pickle.loads(pickle.dumps(model)).predict(X[:, :2]), X[:, :2] + 400)


# ------------------------------------------------------------------------------------ cutting


def test_a_model_cut_at_an_inner_value_shares_its_weights():
    net = Sequential([Input((4,)), Dense(6, "relu", name="body"), Dense(2, name="head")])
    fitted(net)
    body = Model(net.input, net.get_layer("body").output)
    assert np.array_equal(body.predict(X), net.layers[1].forward(X))
    body.trainable = False
    before = net.layers[1].weights.data.copy()
    tuned = Model(body.input, Dense(2)(body.output))
    fitted(tuned)
    assert np.array_equal(net.layers[1].weights.data, before)
    assert body.layers[1] is tuned.layers[1] is net.layers[1]
    top = Model(net.get_layer("body").output, net.output)
    assert np.array_equal(top.predict(body.predict(X)), net.predict(X))


def test_a_frozen_model_inside_another_one_does_not_learn():
    base = Sequential([Dense(4, 6, "relu"), BatchNormalization()])
    base.build((4,))
    base.trainable = False
    x = Input((4,))
    model = Model(x, Dense(2)(base(x)))
    before = base.state_dict()
    fitted(model)
    assert all(np.array_equal(before[k], v) for k, v in base.state_dict().items())
    assert model.layers[1] is base


def test_a_sequential_that_changed_has_other_symbolic_values():
    net = Sequential([Input((4,)), Dense(6, name="body"), Dense(2)])
    assert net.output.shape == (None, 2)
    net.pop()
    net.add(Dense(3, name="head"))
    assert net.output.shape == net.get_layer("head").output.shape == (None, 3)
    assert net.inputs == [net.input]
    assert [y.name for y in net.outputs] == ["head"]


def test_layers_know_their_calls():
    x, twice, once = Input((4,), name="ids"), Dense(4), Dense(3)
    y = once(twice(twice(x)))
    assert once.output is y
    assert twice.get_output_at(1) is once.input
    assert (x.output.shape, y.shape, y.ndim, y.dtype, y.name) == (
        (None, 4),
        (None, 3),
        2,
        "float32",
        "dense",
    )
    with pytest.raises(
        AttributeError, match=r"'dense' has no \.output: it was called 2 times.*get_output_at"
    ):
        twice.output  # noqa: B018
    with pytest.raises(AttributeError, match=r"Model\(model.input, layer.output\)"):
        Dense(3).output  # noqa: B018
    model = Model(x, y)
    assert model.input is x.output
    assert (model.inputs, model.outputs) == ([x.output], [y])
    assert model.get_layer(index=2) is once
    assert model.get_layer("dense_1") is once


# ------------------------------------------------------------------------------------ inputs


def wide(make=tuple):
    a, b = Input((4,), name="a"), Input((2,), name="b")
    y = Dense(1)(Concatenate()([a, b]))
    return Model({"left": a, "right": b} if make is dict else make([a, b]), y)


@pytest.mark.parametrize("make", [tuple, list, dict])
def test_several_inputs_by_place_and_by_name(make, tmp_path):
    model, b = wide(make), X[:, :2] + 1
    names = ["left", "right"] if make is dict else ["a", "b"]
    wanted = model.predict((X, b))
    assert model.input_names == names
    for given in ([X, b], dict(zip(names, (X, b), strict=True))):
        assert np.array_equal(model.predict(given), wanted)
        assert np.array_equal(model(given), wanted)
    model.compile("mse")
    model.fit({names[1]: b, names[0]: X}, Y[:, :1], verbose=0)
    model.save(tmp_path / "net.axon")
    twin = axon.load_model(tmp_path / "net.axon")
    assert twin.input_names == names
    assert np.array_equal(twin.predict((X, b)), model.predict((X, b)))
    assert type(twin.input) is (dict if make is dict else list)
    with pytest.raises(ValueError, match=rf"expected a dict with the keys \['{names[0]}'"):
        model.predict({"a": X, "c": b})
    with pytest.raises(ValueError, match="takes 2 inputs"):
        model.predict(X)


def test_a_whole_model_is_called_with_symbolic_values():
    inner, x = wide(), Input((4,))
    model = Model(x, inner([x, x[:, :2]]) + inner(x, x[:, 2:]))
    wanted = inner.predict((X, X[:, :2])) + inner.predict((X, X[:, 2:]))
    assert np.allclose(model.predict(X), wanted, rtol=1e-6)
    assert [type(m).__name__ for m in model.layers] == ["Input", "Functional"]


def test_whole_numbers_and_floats_side_by_side():
    ids, x = Input((3,), dtype="int64"), Input((4,))
    model = Model([ids, x], Dense(2)(Concatenate()([Flatten()(Embedding(2**25, 1)(ids)), x])))
    far, dense = np.full((23, 3), 2**24 + 1), model.layers[-1]
    row = model.get_layer("embedding").embeddings.data[2**24 + 1]
    wanted = dense.forward(np.hstack([np.tile(row, (23, 3)), X]))
    assert np.allclose(model.predict((far, X)), wanted, atol=1e-6)


# ------------------------------------------------------------------------------------ masks


def test_masks_go_through_the_graph():
    ids = np.array([[1, 2, 0, 0], [3, 0, 0, 0], [1, 2, 3, 4]])
    x = Input((4,), dtype="int64")
    steps = Embedding(5, 3, mask_zero=True)(x)
    both = Add()([steps, Dense(3, "tanh")(steps)]) * 2.0
    model = Model(x, LSTM(2)(both), name="masked")
    short = Model(x, GlobalAveragePooling1D()(both))
    for n, row in zip((2, 1, 4), ids, strict=True):
        alone = Model(y := Input((n,), dtype="int64"), model.layers[-1](_again(model, y)))
        assert np.allclose(model.predict(row[None]), alone.predict(row[None, :n]), atol=1e-6)
    wanted = [short.layers[1].embeddings.data[r[r > 0]] for r in ids]
    wanted = [((e + short.layers[2].forward(e)) * 2).mean(axis=0) for e in wanted]
    assert np.allclose(short.predict(ids), wanted, atol=1e-6)


def _again(model, y):
    embed, dense = model.layers[1], model.layers[2]
    steps = embed(y)
    return (steps + dense(steps)) * 2.0


def test_a_layer_that_cannot_use_a_mask_says_so_where_it_is_called():
    class Mixing(Layer):
        on_mask = "refused"

        def call(self, x):
            return x

    x = Embedding(5, 3, mask_zero=True)(Input((4,), dtype="int64"))
    with pytest.raises(ValueError, match=r"'mixing'.*has a mask"):
        Mixing()(x)


def test_a_function_at_which_a_mask_ends_is_told():
    x = Embedding(5, 3, mask_zero=True)(Input((4,), dtype="int64"))
    with pytest.warns(UserWarning, match="the mask of a sequence ends.*reshape"):
        x.reshape(-1, 12)


# ------------------------------------------------------------------------------------ text


def test_text_comes_in_through_layers_that_prepare_it(tmp_path):
    texts = np.array([["the cat sat"], ["a dog ran off"], ["the dog sat down"]])
    kinds, x = np.array([["a"], ["b"], ["a"]]), X[:3, :2]
    words = TextVectorization(output_sequence_length=5)
    words.adapt(texts[:, 0])
    look = StringLookup(output_mode="one_hot")
    look.adapt(kinds)
    text, kind, row = Input((1,), dtype="string"), Input((1,), dtype="string"), Input((2,))
    mean = GlobalAveragePooling1D()(Embedding(20, 3)(words(text)))
    model = Model([text, kind, row], Dense(1)(Concatenate()([mean, Flatten()(look(kind)), row])))
    model.compile("mse")
    model.fit([texts, kinds, x], Y[:3, :1], epochs=2, verbose=0)
    wanted = model.predict([texts, kinds, x])
    assert np.allclose(model([texts, kinds, x]), wanted, atol=1e-6)
    assert not np.allclose(model.predict([texts[::-1], kinds, x]), wanted)
    model.save(tmp_path / "net.axon")
    assert np.array_equal(axon.load_model(tmp_path / "net.axon").predict([texts, kinds, x]), wanted)
    with pytest.raises(TypeError, match=r"stands for text\. Call a layer that turns it"):
        Dense(3)(text)
    with pytest.raises(ValueError, match="cannot stand behind other layers"):
        words(Dense(1)(row))
    with pytest.raises(ValueError, match="must be the only one that reads them"):
        Model(row, Concatenate()([Hashing(5)(row), row]))


# ------------------------------------------------------------------------------------ operators


def test_every_operator_and_method_is_a_step(tmp_path):
    x = Input((4,))
    y = x + 0.5
    parts = [
        2 - x, x / 2, 1 / (y * y + 1), x @ np.eye(4, 3, dtype="f"), -x, abs(x), y**2, 2**x,
        x.sum(axis=1, keepdims=True), y.mean(axis=-1, keepdims=True), y.max(axis=1, keepdims=True),
        y.clip(-0.5, 0.5), x[:, 1:3], x[:, None, 0], x[..., ::-1], y.reshape(-1, 2, 2)[:, :, 1],
        ops.where(y > 0.0, y, 0.1 * y), ops.maximum(y, x), np.exp(x), np.ones(4, "f") + x,
        ops.concatenate([x, y], axis=1), ops.stack([x, y], axis=1)[:, 0],
        ops.sum(x * y, axis=(1,), keepdims=True),
        y.astype("float64").astype(np.float32), y.T.transpose(1, 0),
    ]  # fmt: skip
    model = Model(x, Concatenate()(parts))
    t = X + np.float32(0.5)
    with np.errstate(all="ignore"):
        wanted = [
            2 - X, X / 2, 1 / (t * t + 1), X @ np.eye(4, 3, dtype="f"), -X, abs(X), t**2, 2**X,
            X.sum(1, keepdims=True), t.mean(-1, keepdims=True), t.max(1, keepdims=True),
            t.clip(-0.5, 0.5), X[:, 1:3], X[:, None, 0], X[..., ::-1], t.reshape(-1, 2, 2)[:, :, 1],
            np.where(t > 0, t, 0.1 * t), np.maximum(t, X), np.exp(X), 1 + X,
            np.concatenate([X, t], 1), X, (X * t).sum(1, keepdims=True), t, t,
        ]  # fmt: skip
    assert np.allclose(model.predict(X), np.concatenate(wanted, axis=1), rtol=1e-5, atol=1e-6)
    model.save(tmp_path / "net.axon")
    assert np.array_equal(axon.load_model(tmp_path / "net.axon").predict(X), model.predict(X))


def test_functions_take_an_input_as_it_is():
    x = Input((4,))
    parts = [
        *(ops.exp(x), ops.sum(x, 1, True), ops.cumsum(x, axis=1), ops.logsumexp(x, 1, True)),
        *(ops.split(x, [2], axis=1)[1], ops.einsum("ij,kj->ik", x, np.ones((3, 4), "f"))),
        *(x.sin(), ops.concatenate([x, x], axis=1), ops.clip(x, 0.0, 1.0)),
    ]
    sums = [X.sum(1, keepdims=True), np.log(np.exp(X).sum(1, keepdims=True))]
    wanted = [np.exp(X), sums[0], X.cumsum(1), sums[1], X[:, 2:], sums[0].repeat(3, 1)]
    wanted += [np.sin(X), X, X, X.clip(0, 1)]
    found = Model(x, Concatenate()(parts)).predict(X)
    assert np.allclose(found, np.hstack(wanted), rtol=1e-5, atol=1e-6)


def test_a_symbolic_value_has_no_numbers():
    x = Input((4,))
    y = Dense(3)(x)
    for ask in (
        float,
        int,
        bool,
        len,
        iter,
        np.asarray,
        np.sum,
        lambda v: v.numpy(),
        lambda v: v.backward(),
    ):
        with pytest.raises(TypeError, match="is a symbolic value"):
            ask(y)
    with pytest.raises(TypeError, match="a graph keeps no Tensors"):
        y + Tensor([1.0])
    with pytest.raises(TypeError, match="is a symbolic value"):
        Tensor([1.0]) + y
    with pytest.raises(TypeError):
        iter(x)


# ------------------------------------------------------------------------------------ errors


def message(error, make):
    with pytest.raises(error) as caught:
        make()
    return str(caught.value)


def test_layers_called_on_arrays_are_no_graph():
    x = Input((4,))
    told = message(TypeError, lambda: Model(x, Dense(3)(X)))
    assert "got ndarray of shape (23, 3)" in told
    assert "Call the layers with Input(...), and not with data" in told
    assert "expected inputs such as Input((6,))" in message(
        TypeError, lambda: Model(X, Dense(3)(x))
    )
    assert "list itself" in message(TypeError, lambda: Model(x, [[x + 1.0]]))
    with pytest.raises(ValueError, match="no inputs"):
        Model([], x + 1.0)


def test_a_graph_that_is_not_connected_is_named():
    a, b = Input((4,), name="a"), Input((4,), name="b")
    y = Add(name="sum")([a, b])
    told = message(ValueError, lambda: Model(a, y))
    assert "'b', of shape (None, 4), is not among the inputs ('a'), but 'sum' reads it" in told
    assert "no output depends on the input 'b'" in message(
        ValueError, lambda: Model([a, b], a + 1.0)
    )
    assert "an input twice" in message(ValueError, lambda: Model([a, a], a + 1.0))


def test_names_that_are_given_twice():
    x = Input((4,))
    one, other = Dense(4, name="dense"), Dense(3, name="dense")
    assert "two layers are called 'dense'" in message(ValueError, lambda: Model(x, other(one(x))))
    model = Model(x, Dense(3)(Dense(4)(x)))
    assert [m.name for m in model.layers] == ["input", "dense", "dense_1"]


def test_what_does_not_fit_is_said_where_the_layer_is_called():
    x = Input((4,))
    with pytest.raises(ValueError, match=r"'dense'.*expected inputs of shape \(n, 3\)"):
        Dense(3, 2)(x)
    with pytest.raises(
        ValueError, match=r"'concatenate'.*do not fit each other: shapes \(n, 4\) and \(n, 2, 2\)"
    ):
        Concatenate()([x, x.reshape(-1, 2, 2)])
    with pytest.raises(ValueError, match="expected 2 inputs, got 3"):
        axon.layers.Subtract()([x, x, x])
    with pytest.raises(ValueError, match="got shape"):
        Model(x, x + 1.0).predict(X[:, :3])

    class Odd(Layer):
        def call(self, x):
            return "x"

    with pytest.raises(TypeError, match="a Tensor to come out, got str"):
        Odd()(x)


def test_a_module_inside_itself_is_refused():
    class Ring(Model):
        def forward(self, x):
            return x

    ring = Ring()
    with pytest.raises(ValueError, match="'ring' cannot be a part of itself"):
        ring.again = ring
    ring.inner = Sequential([Dense(3)])
    with pytest.raises(ValueError, match="cannot be a part of itself"):
        ring.inner.add(ring)


def test_a_file_whose_graph_was_edited_is_refused(tmp_path):
    import json

    path = tmp_path / "net.axon"
    branches().save(path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    good = json.loads(parts["model.json"])
    last = good["calls"][-1]["inputs"][0]["from"]
    for change, why in (
        (lambda d: d["calls"][0]["inputs"].__setitem__(0, {"from": [99]}), "in a circle"),
        (lambda d: d["calls"][0].update(call=["method", "numpy"]), "is no function of AXON"),
        (lambda d: d["calls"][0].update(call=["os", "system"]), "is no function of AXON"),
        (lambda d: d["calls"][0].update(call=77), "in a circle"),
        (lambda d: d.update(inputs=[1]), "is no Input"),
        (lambda d: d["calls"].pop(), "cannot be made"),
    ):
        told = json.loads(json.dumps(good))
        change(told)
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in parts.items():
                archive.writestr(name, json.dumps(told) if name == "model.json" else data)
        with pytest.raises(ModelFileError, match=why):
            axon.load_model(path)
    assert last


# ------------------------------------------------------------------------------------ the rest


def test_a_summary_and_a_drawing_of_a_graph(capsys, tmp_path):
    model = branches()
    model.summary()
    told = capsys.readouterr().out
    assert "pool (Concatenate)                (None, 12)" in told
    assert "Total params: 46" in told
    assert repr(model) == "Model(input -> output)"


def test_a_clone_begins_anew_and_shares_nothing():
    model = fitted(branches())
    twin = clone_model(model)
    assert list(twin.named_parameters()) == list(model.named_parameters())
    assert {id(m) for m in twin.modules()}.isdisjoint({id(m) for m in model.modules()})
    assert not np.array_equal(twin.predict(X), model.predict(X))
    twin.set_weights(model.get_weights())
    assert np.array_equal(twin.predict(X), model.predict(X))
    chain = Sequential([Input((4, 2)), Bidirectional(LSTM(3)), Dense(2)])
    copied = clone_model(chain)
    assert copied.output_shape == (2,)
    assert {id(m) for m in copied.modules()}.isdisjoint({id(m) for m in chain.modules()})
    shared = clone_model(model, clone_function=lambda layer: layer)
    assert np.array_equal(shared.predict(X), model.predict(X))
    z = Input((4,), name="other")
    assert clone_model(model, input_tensors=z).input_names == ["other"]
    with pytest.raises(TypeError, match="has a forward of its own"):
        clone_model(Same())


def test_a_layer_of_the_users_own_that_takes_keywords_and_lists():
    class Mixed(Module):
        def __init__(self):
            super().__init__()
            self.dense = Dense(3)

        def forward(self, pair, scale=1.0, other=None):
            return self.dense(pair[0] + pair[1] * scale) + (0.0 if other is None else other)

        def build(self, *shapes):
            return (3,)

        def backward(self, dL_dout, input_gradient=True):
            raise NotImplementedError

        input_dtype = np.dtype("float32")

    x, mixed = Input((4,)), Mixed()
    model = Model(x, mixed([x, x], scale=0.5, other=x[:, :3]))
    assert np.allclose(model.predict(X), mixed.dense.forward(X * 1.5) + X[:, :3], atol=1e-6)
    assert isinstance(mixed.output, Symbolic)


def test_normalization_and_float64_in_a_graph():
    layer = Normalization()
    layer.adapt(X.astype("float64") + 1e8)
    x = Input((4,))
    model = Model(x, Dense(2)(layer(x)))
    chain = Sequential([Input((4,)), layer, model.layers[-1]])
    assert np.array_equal(model.predict(X + 1e8), chain.predict(X + 1e8))
