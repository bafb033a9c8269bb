"""Text and categories: the numbers of Keras, in models, files and with wrong input."""

import copy
import json
import pickle
from pathlib import Path

import numpy as np
import pytest

import axon
from axon.layers import (
    CategoryEncoding,
    Dense,
    Discretization,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    HashedCrossing,
    Hashing,
    IntegerLookup,
    StringLookup,
    TextVectorization,
)
from axon.models import Sequential

# Made by Keras 3.15.1 with TensorFlow 2.21: what was asked, the vocabulary, the result.
KERAS = json.loads(Path(__file__).with_name("keras_text.json").read_text(encoding="utf-8"))
TEXTS = [
    "The cat sat on the mat.",
    "A DOG, the dog!  barked",
    "",
    "mat mat cat -- it's 3 o'clock",
    "ünïcode the über CAT",
]
NEW = ["the über dog sat", "unknown words only", "", "cat; the mat?"]
WORDS = [["red", "blue"], ["red", "green"], ["", "red"], ["green", "red"]]
NEW_WORDS = [["red", "pink"], ["", "blue"], ["green", "green"]]
NUMBERS = [[5, 9], [5, 7], [0, 5], [7, 5]]
NEW_NUMBERS = [[5, 4], [0, 9], [7, 7]]


def texts(standardize, split, ngrams, mode, most, pad, length):
    layer = TextVectorization(most, standardize, split, ngrams, mode, length, pad)
    layer.adapt(TEXTS)
    return layer, NEW


def looked_up(cls, data, new, mode, mask, most, unknown):
    layer = cls(most, unknown, mask, output_mode=mode)
    layer.adapt(data)
    return layer, [row[:1] for row in new] if mode == "one_hot" else new


KINDS = {
    "text": texts,
    "words": lambda *a: looked_up(StringLookup, WORDS, NEW_WORDS, *a),
    "numbers": lambda *a: looked_up(IntegerLookup, NUMBERS, NEW_NUMBERS, *a),
}


def test_vocabularies_and_numbers_are_those_of_keras():
    assert len(KERAS) > 60
    for (kind, *asked), vocabulary, result in KERAS:
        layer, new = KINDS[kind](*asked)
        assert layer.get_vocabulary() == vocabulary, asked
        got = layer(new)
        assert got.shape == np.shape(result), asked
        assert got.dtype == ("int64" if layer.output_mode == "int" else "float32")
        np.testing.assert_allclose(got, result, atol=1e-4, err_msg=str(asked))


def test_encodings_of_ids():
    ids = [[0, 1], [1, 1], [3, 0]]
    one = CategoryEncoding(4, "one_hot")(ids)
    np.testing.assert_array_equal(one, np.eye(4)[ids])
    np.testing.assert_array_equal(CategoryEncoding(4)(ids), one.max(axis=1))
    np.testing.assert_array_equal(CategoryEncoding(4, "count")(ids), one.sum(axis=1))
    weights = np.array([[0.5, 2], [1, 3], [0.25, 0]])
    weighted = CategoryEncoding(4, "count")(ids, weights)
    np.testing.assert_allclose(weighted, (one * weights[..., None]).sum(axis=1))
    assert CategoryEncoding(4, "one_hot")([3, 0]).shape == (2, 4)
    assert CategoryEncoding(4, "one_hot")([[3], [0]]).shape == (2, 4)
    with pytest.raises(IndexError, match="id 4 is outside"):
        CategoryEncoding(4)([[0, 4]])


def test_ranges_are_those_of_searchsorted():
    x = np.random.default_rng(0).normal(size=(50, 3)).round(1)
    layer = Discretization([-0.5, 0.1, 1.0])
    ids = np.searchsorted([-0.5, 0.1, 1.0], x, side="right")
    np.testing.assert_array_equal(layer(x), ids)
    for mode in ("one_hot", "multi_hot", "count"):
        got = Discretization([-0.5, 0.1, 1.0], output_mode=mode)(x)
        np.testing.assert_array_equal(got, CategoryEncoding(4, mode)(ids))
    found = Discretization(num_bins=5)
    found.adapt(x)
    assert np.bincount(found(x).ravel(), minlength=5) == pytest.approx(30, abs=8)


def test_hashes_depend_on_value_and_salt_alone():
    layer = Hashing(1000)
    assert layer(["a", "b", "a"]).tolist() == [928, 668, 928]
    assert layer([[7], [8]]).shape == (2, 1)
    assert Hashing(1000, salt=3)(["a"]) != layer(["a"])
    masked = Hashing(3, mask_value="")(["", *"abcdefgh"])
    assert masked[0] == 0
    assert set(masked[1:].tolist()) == {1, 2}
    counts = np.bincount(Hashing(10)(np.arange(5000)))
    assert counts == pytest.approx(500, abs=90)  # four standard deviations
    crossed = HashedCrossing(50, "one_hot")(["a", "b", "a"], [1, 1, 1])
    assert crossed.shape == (3, 50)
    np.testing.assert_array_equal(crossed[0], crossed[2])


@pytest.mark.parametrize("layer", [StringLookup, IntegerLookup])
def test_ids_are_inverted(layer):
    data = WORDS if layer is StringLookup else NUMBERS
    there = layer()
    there.adapt(data)
    back = layer(vocabulary=there.get_vocabulary(), invert=True)
    np.testing.assert_array_equal(back(there(data)), data)
    with pytest.raises(ValueError, match="expected ids, whole numbers from 0 to"):
        back([[99]])


# ------------------------------------------------------------------------------------ in models


def reviews(count=200):
    """Texts whose words tell whether they please."""
    random = np.random.default_rng(0)
    tells = ["bad awful poor sad".split(), "good great fine nice".split()]
    made = [
        " ".join(random.permutation([*random.choice([*"abcdefg"], 5), random.choice(tells[i % 2])]))
        for i in range(count)
    ]
    return made, np.arange(count)[:, None] % 2


def network(x, **options):
    axon.set_random_seed(0)
    prepared = TextVectorization(**options)
    prepared.adapt(x)
    size = prepared.vocabulary_size()
    behind = [Embedding(size, 8, mask_zero=True), GlobalAveragePooling1D()]
    model = Sequential([prepared, *([] if options else behind), Dense(1, "sigmoid")])
    model.compile("binary_crossentropy", axon.optimizers.Adam(0.03), ["accuracy"])
    return model


@pytest.mark.parametrize("options", [{}, {"output_mode": "tf_idf"}])
def test_a_model_learns_from_texts(options, tmp_path):
    x, y = reviews()
    model = network(x, **options)
    history = model.fit(x, y, epochs=8, validation_split=0.2, verbose=0).history
    assert history["val_accuracy"][-1] > 0.9
    new = ["a good b", "something awful"]
    wanted = model.predict(new)
    assert (wanted > 0.5).tolist() == [[True], [False]]
    model.save(tmp_path / "model.axon")
    for other in (
        axon.load_model(tmp_path / "model.axon"),
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
    ):
        np.testing.assert_array_equal(other.predict(new), wanted)
    np.testing.assert_array_equal(model.predict(iter([new[:1], new[1:]])), wanted)
    np.testing.assert_allclose(model.forward(new), wanted, rtol=1e-6)
    assert model.evaluate(x, y, verbose=0)[1] > 0.9


def test_texts_in_a_model_are_what_they_are_before_it():
    x, y = reviews()
    inside, outside = network(x), network(x)
    ids = outside.layers[0](x)
    outside = Sequential(outside.layers[1:])
    outside.compile("binary_crossentropy", axon.optimizers.Adam(0.03), ["accuracy"])
    histories = []
    for model, data in ((inside, x), (outside, ids)):
        axon.set_random_seed(1)
        histories.append(model.fit(data, y, epochs=2, batch_size=16, verbose=0).history["loss"])
    assert histories[0] == histories[1]


def test_texts_are_prepared_once_a_fit(monkeypatch):
    x, y = reviews(60)
    model, calls = network(x), []
    prepare = TextVectorization.prepare
    monkeypatch.setattr(
        TextVectorization, "prepare", lambda self, x: calls.append(len(x)) or prepare(self, x)
    )
    model.fit(x, y, epochs=5, verbose=0)
    assert calls == [60]


def test_layers_follow_one_another():
    model = Sequential([Discretization([0.0, 1.0]), Embedding(3, 2), Flatten(), Dense(1)])
    assert model.predict(np.array([[-1.0, 2.0], [0.5, 0.5]])).shape == (2, 1)
    lookup = StringLookup(vocabulary=["a", "b"])
    model = Sequential([lookup, CategoryEncoding(3), Dense(2)])
    assert model.predict(np.array([["a", "z"], ["b", "b"]])).shape == (2, 2)


def test_a_data_frame_of_words():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": ["red", "blue"], "b": ["blue", "pink"]})
    layer = StringLookup(vocabulary=["red", "blue"])
    assert layer(frame).tolist() == [[1, 2], [2, 0]]
    assert layer(frame["a"]).tolist() == [1, 2]


def test_vocabularies_from_files(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("red\nblüe\n", encoding="utf-8")
    assert StringLookup(vocabulary=path).get_vocabulary() == ["[UNK]", "red", "blüe"]
    assert TextVectorization(vocabulary=str(path)).get_vocabulary(False) == ["red", "blüe"]


def test_vectors_of_a_matrix():
    matrix = np.arange(6, dtype="f4").reshape(3, 2)
    layer = Embedding.from_pretrained(matrix)
    np.testing.assert_array_equal(layer([[2, 0]]), [matrix[[2, 0]]])
    assert not layer.trainable
    assert Embedding.from_pretrained(matrix, freeze=False).trainable
    model = Sequential([Embedding(3, 2, weights=matrix), Flatten(), Dense(1)])
    model.build((2,))
    np.testing.assert_array_equal(model.layers[0].embeddings, matrix)
    with pytest.raises(ValueError, match=r"weights .* \(3, 2\)"):
        Embedding(3, 2, weights=np.ones((2, 3)))


# ------------------------------------------------------------------------------------ wrong input

WRONG = {
    "a gap": (lambda: TextVectorization(vocabulary=["a"])(["a", None]), TypeError, "got a gap"),
    "a number": (lambda: StringLookup(vocabulary=["a"])([1.5, 2]), TypeError, "got 1.5, float"),
    "whole": (lambda: StringLookup(vocabulary=["a"])([1]), TypeError, "IntegerLookup"),
    "words": (lambda: IntegerLookup(vocabulary=[1])(["a"]), TypeError, "StringLookup"),
    "two texts": (
        lambda: TextVectorization(vocabulary=["a"])([["a", "b"]]),
        TypeError,
        r"expected texts \(n,\) or \(n, 1\)",
    ),
    "no vocabulary": (lambda: TextVectorization()(["a"]), RuntimeError, r"call adapt\(data\)"),
    "nothing found": (lambda: TextVectorization().adapt(["", "!"]), ValueError, "no token"),
    "twice": (lambda: StringLookup(vocabulary=["a", "a"]), ValueError, "'a' stands more than once"),
    "special": (lambda: StringLookup(vocabulary=["a", "[UNK]"]), ValueError, "special token"),
    "too many": (lambda: StringLookup(2, vocabulary=["a", "b"]), ValueError, "max_tokens=2"),
    "weights": (
        lambda: StringLookup(vocabulary=["a", "b"], output_mode="tf_idf", idf_weights=[1]),
        ValueError,
        "2 numbers, one for each token, got 1",
    ),
    "unknown": (
        lambda: StringLookup(num_oov_indices=0, vocabulary=["a"])(["b"]),
        ValueError,
        "'b' is not in the vocabulary",
    ),
    "mode": (lambda: TextVectorization(output_mode="tfidf"), ValueError, "output_mode must be"),
    "split": (lambda: TextVectorization(split="words"), ValueError, "split must be"),
    "most": (lambda: TextVectorization(2), ValueError, "max_tokens must be"),
    "room": (lambda: StringLookup(pad_to_max_tokens=True), ValueError, "max_tokens must be given"),
    "bins": (lambda: Discretization([1.0, 0.0]), ValueError, "each greater than the one before"),
    "both": (lambda: Discretization([1.0], num_bins=3), ValueError, "either bin_boundaries"),
    "features": (lambda: HashedCrossing(3)(["a"]), ValueError, "two features of one shape"),
    "mixed": (lambda: StringLookup(vocabulary=["a"])([["a"], [b"\xff"]]), ValueError, "decode"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_input_is_told(wrong):
    function, error, message = WRONG[wrong]
    with pytest.raises(error, match=message):
        function()


def test_a_vocabulary_that_cannot_be_taken_leaves_the_one_before():
    layer = StringLookup(vocabulary=["a", "b"])
    for vocabulary in (["a", "a"], ["c", "[UNK]"]):
        with pytest.raises(ValueError, match="layer 'string_lookup'"):
            layer.set_vocabulary(vocabulary)
    with pytest.raises(ValueError, match="no token"):
        layer.adapt([])
    assert layer.get_vocabulary() == ["[UNK]", "a", "b"]


def test_an_edited_vocabulary_in_a_file_is_told(tmp_path):
    x, _ = reviews(20)
    model = network(x)
    model.layers[0].vocabulary[1] = model.layers[0].vocabulary[0]
    model.predict(x)
    model.save(tmp_path / "edited.axon")
    with pytest.raises(ValueError, match="stands more than once in the vocabulary"):
        axon.load_model(tmp_path / "edited.axon")


def test_texts_without_any_word():
    layer = TextVectorization(vocabulary=["a", "b"], output_mode="count")
    assert layer(["", " "]).tolist() == [[0, 0, 0], [0, 0, 0]]
