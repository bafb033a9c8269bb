"""Embedding, PositionalEmbedding and Masking: what they look up, what they refuse, and masks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import axon
from axon import Tensor, ops
from axon.layers import LSTM, Dense, Embedding, Masking, PositionalEmbedding
from axon.models import Sequential
from axon.program import Step
from axon.testing import check_gradient

rng = np.random.default_rng(0)


def text_model(**options):
    """Embedding, LSTM, Dense: the usual way from ids to a class."""
    axon.set_random_seed(0)
    model = Sequential([Embedding(12, 4, **options), LSTM(5), Dense(1, activation="sigmoid")])
    model.compile("binary_cross_entropy", "adam")
    return model


def test_each_id_has_its_row():
    layer = Embedding(5, 3)
    ids = np.array([[0, 4], [2, 2]])
    out = layer.forward(ids)
    assert out.dtype == np.float32
    assert layer.embeddings.shape == (5, 3)
    assert list(layer.named_parameters()) == ["embeddings"]
    np.testing.assert_array_equal(out, layer.embeddings.numpy()[ids])
    np.testing.assert_array_equal(layer.forward([3]), layer.embeddings.numpy()[[3]])
    assert layer.build((7,)) == (7, 3)


@pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "u8", "f4", "f8"])
def test_ids_of_any_type(dtype):
    layer = Embedding(200, 2)
    ids = np.array([[199, 0, 7]], dtype)
    for given_ids in (ids, Tensor(ids)):
        got = np.asarray(layer.forward(given_ids))
        np.testing.assert_array_equal(got, layer.embeddings.numpy()[[[199, 0, 7]]])


@pytest.mark.parametrize("wrong", [-1, 12, 10**9])
def test_ids_outside_the_vocabulary_are_found_in_replays_before_anything_is_learned(wrong):
    model = text_model()
    x, y = rng.integers(0, 12, (8, 3)), np.ones((8, 1))
    for _ in range(2):
        model.train_on_batch(x, y)
    before, recorded = model.get_weights(), len(model.trainer.programs)
    bad = x.copy()
    bad[3, 1] = wrong
    for run in (lambda: model.train_on_batch(bad, y), lambda: model.fit(bad, y, verbose=0)):
        with pytest.raises(IndexError, match=f"id {wrong} is outside the vocabulary, whose 12 ids"):
            run()
    assert len(model.trainer.programs) == recorded, "it was found in a replay"
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    model.predict(x)
    with pytest.raises(IndexError, match="0 to 11"):
        model.predict(bad)
    model.train_on_batch(x, y)


def test_take_finds_wrong_indices_in_replays_too():
    step = Step("take", lambda x, i: [ops.take(x, i)], ["x", "i"])
    x, i = step.inputs(((3, 2), np.dtype("f4")), ((2,), np.dtype("i8")))
    x[...], i[...] = 1, 2
    step.run([x, i])
    for wrong in (3, -4):
        i[1] = wrong
        with pytest.raises(IndexError, match=f"index {wrong} is out of range for 3 rows"):
            step.run([x, i])


@settings(deadline=None, max_examples=25, derandomize=True)
@given(st.integers(1, 9), st.integers(0, 40), st.integers(0, 5), st.integers(0, 2**32))
def test_gradients_of_equal_ids_add_up(rows, count, width, seed):
    random = np.random.default_rng(seed)
    table = Tensor(random.normal(size=(rows, width)), requires_grad=True)
    ids, slope = random.integers(0, rows, count), random.normal(size=(count, width))
    ops.lookup(table, ids).backward(slope)
    wanted = np.zeros((rows, width))
    for i, row in zip(ids, slope, strict=True):
        wanted[i] += row
    np.testing.assert_allclose(table.grad.numpy(), wanted, rtol=1e-12, atol=1e-12)


def test_many_ids_are_added_in_several_pieces():
    ids, g = rng.integers(0, 50, 3000), rng.normal(size=(3000, 7))
    wanted = np.zeros((50, 7))
    np.add.at(wanted, ids, g)
    np.testing.assert_array_equal(ops.take_gradient(g, ids, shape=(50, 7)), wanted)


def test_second_derivatives():
    ids = rng.integers(0, 4, (2, 3))
    check_gradient(lambda t: ops.lookup(t, ids) * ops.lookup(t, ids), rng.normal(size=(4, 2)))


def test_mask_zero():
    ids = np.array([[3, 1, 0], [0, 0, 0]])
    assert Embedding(5, 3).compute_mask(ids) is None
    mask = Embedding(5, 3, mask_zero=True).compute_mask(ids)
    assert mask.tolist() == [[True, True, False], [False] * 3]
    assert isinstance(Embedding(5, 3, mask_zero=True).compute_mask(Tensor(ids)), Tensor)


def test_padding_changes_nothing_behind_an_embedding():
    short, model = rng.integers(1, 12, (6, 4)), text_model(mask_zero=True)
    padded = np.pad(short, ((0, 0), (0, 3)))
    np.testing.assert_array_equal(model.predict(padded), model.predict(short))
    unmasked = text_model()
    assert abs(unmasked.predict(padded) - unmasked.predict(short)).max() > 1e-4
    y = rng.integers(0, 2, (6, 1))
    twin = text_model(mask_zero=True)
    for _ in range(4):
        assert model.train_on_batch(padded, y) == pytest.approx(twin.train_on_batch(short, y))
    (table, *rest), (other, *others) = model.get_weights(), twin.get_weights()
    for a, b in zip([table[1:], *rest], [other[1:], *others], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_masks_follow_the_data_in_replays():
    model = text_model(mask_zero=True)
    x = rng.integers(1, 12, (4, 5))
    model.predict(x)
    x[:, 3:] = 0
    np.testing.assert_array_equal(model.predict(x), model.forward(x))
    assert len(model._predictor.step.programs) == 1


def test_masking():
    x = np.array([[[1.0, -1.0], [-1.0, -1.0]], [[-1.0, -1.0], [0.0, 0.0]]])
    layer = Masking(-1.0)
    assert layer.compute_mask(x).tolist() == [[True, False], [False, True]]
    np.testing.assert_array_equal(layer.forward(x)[:, :, 0], [[1, 0], [0, 0]])
    model = Sequential([Masking(-1.0), LSTM(3)])
    np.testing.assert_array_equal(model.forward(x)[:1], model.layers[1].forward(x[:1, :1]))
    with pytest.raises(ValueError, match=r"expected inputs of shape \(n, time, features\)"):
        layer.forward(np.ones((2, 3)))


# ------------------------------------------------------------------------------------ places


def test_learned_places():
    layer = PositionalEmbedding(6)
    x = rng.normal(size=(2, 4, 3)).astype("f4")
    out = layer.forward(x)
    assert layer.embeddings.shape == (6, 3)
    np.testing.assert_array_equal(out, x + layer.embeddings.numpy()[:4])
    assert PositionalEmbedding().build((5, 3)) == (5, 3)
    with pytest.raises(ValueError, match=r"has learned 6 places: make it with sequence_length=7"):
        layer.forward(np.ones((2, 7, 3)))
    with pytest.raises(ValueError, match=r"\(n, time, 3\)"):
        layer.forward(np.ones((2, 4, 5)))


@pytest.mark.parametrize("features", [1, 4, 5])
def test_waves(features):
    layer = PositionalEmbedding(kind="sinusoidal")
    out = layer.forward(np.zeros((1, 7, features)))[0]
    half = (features + 1) // 2
    for t in range(7):
        for i in range(features):
            wave = np.sin if i < half else np.cos
            angle = t / 10000 ** (2 * (i % half) / features)
            assert out[t, i] == pytest.approx(wave(angle), abs=1e-6)
    assert layer.parameters() == []
    layer.forward(np.zeros((1, 9, features)))  # longer ones go on


def test_masks_pass_places():
    model = Sequential([Embedding(9, 4, mask_zero=True), PositionalEmbedding(8), LSTM(3)])
    ids = np.array([[4, 2, 1, 0, 0]])
    np.testing.assert_array_equal(model.forward(ids), model.forward(ids[:, :3]))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Embedding(0, 3), ValueError, "input_dim must be a whole number of at least 1"),
        (lambda: Embedding(3, 2.5), ValueError, "output_dim must be a whole number"),
        (lambda: PositionalEmbedding(0), ValueError, "sequence_length must be a whole number"),
        (lambda: PositionalEmbedding(kind="x"), ValueError, "'learned' or 'sinusoidal', got 'x'"),
        (lambda: Embedding(3, 2).forward(1), ValueError, r"Use \[id\] for a single one"),
        (
            lambda: ops.lookup(np.ones((2, 2)), np.array([0.5])),
            TypeError,
            "expected whole-number ids, got dtype float64",
        ),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_files(tmp_path):
    ids = rng.integers(0, 9, (3, 5))
    model = Sequential(
        [
            Embedding(9, 4, mask_zero=True, embeddings_regularizer="l2"),
            PositionalEmbedding(7),
            PositionalEmbedding(kind="sinusoidal"),
            Masking(2.0),
            LSTM(3),
        ]
    )
    expected = model.predict(ids)
    model.save(tmp_path / "net.axon")
    loaded = axon.load_model(tmp_path / "net.axon")
    np.testing.assert_array_equal(loaded.predict(ids), expected)
    assert loaded.layers[0].mask_zero
    assert loaded.layers[3].mask_value == 2
