"""Texts and categories at the inputs of graphs, and behind an Input of a Sequential."""

import copy
import pickle

import numpy as np
import pytest

import axon
from axon import Model
from axon.layers import (
    CategoryEncoding,
    Concatenate,
    Dense,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    HashedCrossing,
    Hashing,
    Input,
    IntegerLookup,
    Lambda,
    StringLookup,
    TextVectorization,
)
from axon.models import Sequential, clone_model

TEXTS = np.array(["good film", "bad film", "very good", "very bad indeed"] * 3)
COLORS = np.array([["red"], ["green"], ["blue"], ["red"]] * 3)
NUMBERS = np.linspace(-1.0, 1.0, 24, dtype="float32").reshape(12, 2)
Y = np.array([[1.0], [0.0], [1.0], [0.0]] * 3, "float32")


def words(**options):
    layer = TextVectorization(**{"output_sequence_length": 4, **options})
    layer.adapt(TEXTS)
    return layer


def table():
    text, color = Input((1,), dtype="string", name="text"), Input((1,), "string", name="color")
    numbers = Input((2,), name="numbers")
    read = GlobalAveragePooling1D()(Embedding(9, 3, mask_zero=True)(words()(text)))
    known = StringLookup(vocabulary=["red", "green"], output_mode="one_hot")(color)
    hidden = Concatenate()([read, known, numbers])
    return Model([text, color, numbers], Dense(1, "sigmoid")(hidden))


def test_a_graph_of_texts_categories_and_numbers(tmp_path):
    model, data = table(), {"text": TEXTS, "color": COLORS, "numbers": NUMBERS}
    by_hand = (
        words()(TEXTS),
        StringLookup(vocabulary=["red", "green"], output_mode="one_hot")(COLORS),
    )
    behind = model.forward(*(axon.Tensor(x) for x in (*by_hand, NUMBERS))).data
    assert np.array_equal(model.predict(data), behind)
    assert np.array_equal(model.forward(data), behind)
    model.compile("binary_crossentropy", "adam", metrics=["accuracy"])
    model.fit(data, Y, epochs=2, verbose=0, validation_split=0.25)
    model.evaluate(data, Y, verbose=0)
    learned = model.predict([TEXTS, COLORS, NUMBERS])
    model.save(tmp_path / "model.axon")
    again = clone_model(model)
    again.set_weights(model.get_weights())
    copies = axon.load_model(tmp_path / "model.axon"), copy.deepcopy(model), again
    for other in (*copies, pickle.loads(pickle.dumps(model))):
        assert np.array_equal(other.predict(data), learned)
    assert model.predict(
        {"text": ["a", "bad"], "color": ["red", "pink"], "numbers": NUMBERS[:2]}
    ).shape == (2, 1)


def test_one_input_of_a_graph_may_be_texts():
    text = Input((1,), dtype="string")
    layer = words()
    counted = words(output_mode="count")
    ids = Model(text, layer(text))
    assert np.array_equal(ids.predict(TEXTS), layer(TEXTS))
    assert np.array_equal(ids.predict(TEXTS.tolist()), layer(TEXTS))
    assert np.array_equal(Model(text, counted(text)).predict(TEXTS), counted(TEXTS))
    numbers = Input((1,), dtype="int64")
    lookup = IntegerLookup(vocabulary=[5, 7], num_oov_indices=0)
    assert Model(numbers, lookup(numbers)).predict(np.array([[7], [5]])).tolist() == [[1], [0]]
    chain = Sequential([layer, Embedding(9, 2)])
    assert np.array_equal(Model(text, chain(text)).predict(TEXTS), chain.predict(TEXTS))


@pytest.mark.parametrize("mode", ["int", "one_hot"])
def test_two_inputs_of_a_graph_are_crossed(mode, tmp_path):
    sizes = np.arange(12).reshape(12, 1) % 5
    color, size = Input((1,), "string"), Input((1,), "int64")
    cross = HashedCrossing(7, mode)
    for made in (cross(color, size), cross([color, size]), cross((color, size))):
        model = Model([size, color], made)
        assert np.array_equal(model.predict([sizes, COLORS]), cross(COLORS, sizes))
        assert np.array_equal(model.forward(sizes, COLORS), cross([COLORS, sizes]))
    assert len(np.unique(cross(COLORS, sizes), axis=0)) > 2
    numbers, ids = Input((2,), name="n"), cross(color, size)
    read = Flatten()(Embedding(7, 3)(ids)) if mode == "int" else ids
    model = Model([size, numbers, color], Dense(1)(Concatenate()([read, numbers])))
    behind = model.forward(*map(axon.Tensor, (cross(COLORS, sizes), NUMBERS, cross(COLORS, sizes))))
    assert np.array_equal(model.predict([sizes, NUMBERS, COLORS]), behind.data)
    model.compile("mse", "adam")
    model.fit([sizes, NUMBERS, COLORS], Y, epochs=2, verbose=0)
    model.save(tmp_path / "model.axon")
    learned = model.predict([sizes, NUMBERS, COLORS])
    for other in (axon.load_model(tmp_path / "model.axon"), copy.deepcopy(model)):
        assert np.array_equal(other.predict([sizes, NUMBERS, COLORS]), learned)


def test_what_is_crossed_may_be_prepared_before_and_behind():
    sizes = np.arange(12).reshape(12, 1) % 5
    color, size = Input((1,), "string"), Input((1,), "int64")
    before, cross, after = Hashing(3), HashedCrossing(7), IntegerLookup(vocabulary=[1, 2, 3])
    model = Model([size, color], after(cross(size, before(color))))
    expected = after(cross(sizes, before(COLORS)))
    assert len(np.unique(expected)) > 1
    assert np.array_equal(model.predict([sizes, COLORS]), expected)


def test_ids_and_their_weights_are_two_inputs():
    ids, weights = Input((3,), "int64"), Input((3,))
    layer = CategoryEncoding(4, "count")
    model = Model([ids, weights], layer(ids, count_weights=weights))
    given = np.array([[0, 1, 1], [3, 3, 3]]), np.array([[0.5, 1, 2], [1, 1, 4]], "f4")
    assert model.predict([*given]).tolist() == [[0.5, 3, 0, 0], [0, 0, 0, 6]]


def test_texts_behind_an_input_of_a_sequential(tmp_path):
    layer = words()
    model = Sequential(
        [Input((1,), dtype="string"), layer, Embedding(9, 2), GlobalAveragePooling1D()]
    )
    model.add(Dense(1))
    plain = Sequential(model.layers[1:])
    assert np.array_equal(model.predict(TEXTS), plain.predict(TEXTS))
    assert np.array_equal(model.forward(TEXTS), plain.forward(TEXTS))
    model.save(tmp_path / "model.axon")
    assert np.array_equal(
        axon.load_model(tmp_path / "model.axon").predict(TEXTS), plain.predict(TEXTS)
    )
    counted = Sequential(
        [Input((1,), "int64"), IntegerLookup(vocabulary=[5, 7], output_mode="one_hot")]
    )
    assert counted.predict(np.array([[7], [5], [1]])).tolist() == [[0, 0, 1], [0, 1, 0], [1, 0, 0]]


WRONG = {
    "text_meets_numbers": (lambda x: Dense(2)(x), TypeError, "stands for text.*TextVectorization"),
    "text_meets_operators": (lambda x: x + 1.0, TypeError, "stands for text"),
    "no_length": (
        lambda x: words(output_sequence_length=None)(x),
        ValueError,
        "output_sequence_length=",
    ),
    "crossed_alone": (lambda x: HashedCrossing(3)(x), ValueError, "turns 2 Inputs, as data"),
    "crossed_inside": (
        lambda x: HashedCrossing(3)(x, Dense(2)(Input((3,)))),
        ValueError,
        "cannot stand behind.*'dense'",
    ),
    "no_vocabulary": (lambda x: StringLookup()(x), RuntimeError, "adapt"),
    "inside_a_graph": (
        lambda _: Hashing(4)(Dense(2)(Input((3,)))),
        ValueError,
        "cannot stand behind.*'dense'",
    ),
    "two_readers": (
        lambda x: Model(x, [Hashing(4)(x), Hashing(5)(x)]),
        ValueError,
        "another Input",
    ),
    "inside_a_sequential": (
        lambda _: Sequential([Dense(2), Hashing(4)]),
        TypeError,
        "first layers.*'dense'",
    ),
    "function": (lambda x: Lambda(lambda y: y)(x), TypeError, "stands for text"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_raw_and_read_elsewhere_is_told(wrong):
    made, error, told = WRONG[wrong]
    with pytest.raises(error, match=told):
        made(Input((1,), dtype="string"))


class Own(Model):
    def __init__(self):
        super().__init__()
        self.look, self.read = IntegerLookup(vocabulary=[5, 7]), Embedding(9, 2)

    def forward(self, x):
        return self.read(self.look(x))


def test_a_forward_of_ones_own_cannot_prepare():
    with pytest.raises(TypeError, match=r"'look'.*in the forward of model 'own'"):
        Own().predict(np.array([[5], [7]]))
