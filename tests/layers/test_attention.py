"""MultiHeadAttention and TransformerBlock: masks, replay, files, errors; numbers are PyTorch's."""

import tracemalloc

import numpy as np
import pytest

import axon
from axon import Tensor
from axon.layers import (
    Dense,
    Embedding,
    GlobalAveragePooling1D,
    MultiHeadAttention,
    PositionalEmbedding,
    TransformerBlock,
)
from axon.models import Sequential
from axon.testing import check_gradient

rng = np.random.default_rng(0)
X = rng.normal(size=(2, 5, 6)).astype("f4")


def attention(**options):
    layer = MultiHeadAttention(2, **{"key_dim": 3, **options})
    layer.build(X.shape[1:])
    return layer


# ------------------------------------------------------------------------------------ what it says


def test_the_formula():
    layer = attention(value_dim=4, output_dim=7)
    for p in layer.parameters():
        p.assign(rng.normal(size=p.shape))
    weights = {name: p.numpy() for name, p in layer.named_parameters().items()}
    q, k, v = (
        X @ weights[f"{n}_weights"] + weights[f"{n}_bias"] for n in ("query", "key", "value")
    )
    heads = []
    for h in range(2):
        qh, kh, vh = q[..., 3 * h : 3 * h + 3], k[..., 3 * h : 3 * h + 3], v[..., 4 * h : 4 * h + 4]
        scores = np.einsum("nqd,nkd->nqk", qh, kh) / np.sqrt(3)
        shares = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
        heads.append(shares @ vh)
    wanted = np.concatenate(heads, -1) @ weights["output_weights"] + weights["output_bias"]
    np.testing.assert_allclose(layer.forward(X), wanted, rtol=1e-4, atol=1e-5)
    assert layer.output_shape == (5, 7)


def test_parameters():
    shapes = {name: p.shape for name, p in attention().named_parameters().items()}
    assert shapes == {
        **{"query_weights": (6, 6), "query_bias": (6,), "key_weights": (6, 6), "key_bias": (6,)},
        **{"value_weights": (6, 6), "value_bias": (6,), "output_weights": (6, 6)},
        "output_bias": (6,),
    }
    assert [p.name for p in attention().parameters()] == list(shapes)
    assert not any("bias" in name for name in attention(use_bias=False).named_parameters())
    assert attention(use_bias=False).forward(X).shape == X.shape
    shared = MultiHeadAttention(3)
    shared.build((5, 6))
    assert shared.key_dim == 2


def test_rules_are_those_of_kernels_and_biases():
    layer = attention(kernel_regularizer="l2", bias_constraint="non_neg")
    assert layer.query_weights.regularizer is not None
    assert layer.output_bias.constraint is not None
    assert layer.query_bias.regularizer is None


def test_other_sequences_are_looked_at():
    layer = MultiHeadAttention(2, 3)
    value, key = rng.normal(size=(2, 4, 5)), rng.normal(size=(2, 4, 8))
    out = layer.forward(X, value, key)
    assert out.shape == (2, 5, 6)
    assert layer.value_weights.shape == (5, 6)
    assert layer.key_weights.shape == (8, 6)
    both = MultiHeadAttention(2, 3)
    np.testing.assert_array_equal(both.forward(X, value), both.forward(X, value, value))


# ------------------------------------------------------------------------------------ masks


def test_masks_that_allow_everything_change_nothing():
    layer = attention()
    plain = layer.forward(X)
    for options in (
        {"mask": np.ones((2, 5), bool)},
        {"attention_mask": np.ones((2, 5, 5), bool)},
        {"attention_mask": np.ones((5, 5), bool)},
        {"attention_mask": np.ones((2, 2, 5, 5))},
        {"attention_mask": np.ones((1, 5, 5), int)},
    ):
        np.testing.assert_array_equal(layer.forward(X, **options), plain)


def test_padding_is_as_if_it_were_not_there():
    layer = attention()
    got = layer.forward(X, mask=np.arange(5) < 3 * np.ones((2, 1)))
    np.testing.assert_allclose(got[:, :3], layer.forward(X[:, :3]), rtol=1e-5, atol=1e-6)


def test_causal_attention_does_not_see_what_comes():
    layer = attention()
    y = layer.forward(X, use_causal_mask=True)
    changed = X.copy()
    changed[:, 3:] = 9
    z = layer.forward(changed, use_causal_mask=True)
    np.testing.assert_array_equal(y[:, :3], z[:, :3])
    assert abs(y[:, 3:] - z[:, 3:]).min() > 0
    np.testing.assert_allclose(y[:, :1], layer.forward(X[:, :1]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("scale", [1.0, 1e15])
def test_who_may_look_at_nothing_gets_the_mean_of_the_values(scale):
    layer = attention()
    mask = np.array([[True] * 5, [False] * 5])
    inputs = Tensor(X * np.float32(scale), requires_grad=True)
    y = layer.forward(inputs, mask=mask)
    values = inputs.data @ layer.value_weights.numpy()
    mean = values.mean(axis=1, keepdims=True) @ layer.output_weights.numpy()
    np.testing.assert_allclose(y.data[1], np.tile(mean[1], (5, 1)), rtol=1e-4, atol=scale * 1e-6)
    y.sum().backward()
    assert np.isfinite(inputs.grad.data).all()


def test_masks_of_huge_scores():
    layer = attention()
    layer.query_weights.assign(np.eye(6))
    layer.key_weights.assign(np.eye(6))
    x = Tensor(np.full((2, 5, 6), 5e17, "f4"), requires_grad=True)  # scores of about 1e36
    y = layer.forward(x, use_causal_mask=True)
    assert np.isfinite(y.data).all()
    y.sum().backward()
    assert np.isfinite(x.grad.data).all()


def test_rows_without_anything_to_look_at_among_others():
    pairs = np.ones((2, 5, 5), bool)
    pairs[0, 2] = False
    layer = attention()
    got, plain = layer.forward(X, attention_mask=pairs), layer.forward(X)
    others = np.ones((2, 5), bool)
    others[0, 2] = False
    np.testing.assert_array_equal(got[others], plain[others])
    assert np.isfinite(got).all()


# ------------------------------------------------------------------------------------ gradients


@pytest.mark.parametrize("options", [{}, {"use_causal_mask": True}, {"mask": X[:, :4, 0] > -0.5}])
def test_derivatives_of_first_and_second_order(options):
    layer = MultiHeadAttention(2, 2, dtype="float64")
    x = rng.normal(size=(2, 4, 3))
    layer.build((4, 3))
    check_gradient(lambda t, *_: layer.forward(t, **options), x, *layer.parameters())


@pytest.mark.parametrize("first", [True, False])
def test_derivatives_of_a_block(first):
    block = TransformerBlock(1, 3, activation="tanh", normalize_first=first, dtype="float64")
    x = rng.normal(size=(2, 3, 4))
    block.build((3, 4))
    check_gradient(lambda t, *_: block.forward(t), x, *block.parameters())


# ------------------------------------------------------------------------------------ the block


def test_parts_of_a_block():
    block = TransformerBlock(2, 16)
    block.build((5, 6))
    names = list(block.named_parameters())
    assert names[:2] == ["attention_norm/gamma", "attention_norm/beta"]
    assert names[2] == "attention/query_weights"
    assert names[-4:] == [
        "network/0/weights",
        "network/0/bias",
        "network/1/weights",
        "network/1/bias",
    ]
    block.trainable = False
    assert not any(p.requires_grad for p in block.parameters())
    frozen = TransformerBlock(2, 16, trainable=False)
    frozen.build((5, 6))
    assert not any(p.requires_grad for p in frozen.parameters())


def test_a_causal_block_does_not_see_what_comes():
    block = TransformerBlock(2, 16, causal=True)
    changed = X.copy()
    changed[:, 3:] = 9
    np.testing.assert_array_equal(block.forward(X)[:, :3], block.forward(changed)[:, :3])


def test_dropout_acts_while_training_only():
    block = TransformerBlock(2, 16, dropout=0.5)
    np.testing.assert_array_equal(block.forward(X), block.forward(X))
    once, again = block(X, training=True), block(X, training=True)
    assert abs(once - again).max() > 0
    layer = attention(dropout=0.5)
    assert abs(layer(X, training=True) - layer.forward(X)).max() > 0
    draws = {name: int(key.data[1]) for name, key in block.named_buffers().items()}
    assert sorted(draws) == [
        "attention/dropping/seed_state",
        "attention_dropping/seed_state",
        "network_dropping/seed_state",
    ]
    assert set(draws.values()) == {2}, "each drew in both runs"
    block.attention.dropout = 0.0
    assert abs(block(X, training=True) - block.forward(X)).max() > 0


def classifier(eager=False, dropout=0.1):
    axon.set_random_seed(0)
    model = Sequential(
        [
            Embedding(9, 8, mask_zero=True),
            PositionalEmbedding(5),
            TransformerBlock(2, 16, dropout=dropout, activation="gelu"),
            TransformerBlock(2, 16, causal=True),
            GlobalAveragePooling1D(),
            Dense(3, activation="softmax"),
        ]
    )
    model.compile("categorical_cross_entropy", "adam", eager=eager)
    return model


def test_replay_gives_the_same_bits_as_eager():
    outcomes = []
    for eager in (True, False):
        model, random = classifier(eager), np.random.default_rng(1)
        losses = [
            model.train_on_batch(random.integers(0, 9, (7, 5)), random.integers(0, 3, 7))
            for _ in range(4)
        ]
        outcomes.append((losses, model.get_weights()))
    (losses, weights), (same_losses, same_weights) = outcomes
    assert losses == same_losses
    for a, b in zip(weights, same_weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_replayed_step_allocates_nothing():
    axon.set_random_seed(0)
    model = Sequential([TransformerBlock(4, 128, dropout=0.1), Dense(3)])
    model.compile("mse", "adam")
    x, y = rng.normal(size=(32, 20, 32)).astype("f4"), rng.normal(size=(32, 20, 3))
    model.train_on_batch(x, y)
    program = model.trainer.train.latest
    program.run()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    program.run()
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    assert peak < 80_000


def test_files(tmp_path):
    model, ids = classifier(), rng.integers(0, 9, (4, 5))
    model.train_on_batch(ids, [0, 1, 2, 0])
    model.save(tmp_path / "net.axon")
    loaded = axon.load_model(tmp_path / "net.axon")
    np.testing.assert_array_equal(loaded.predict(ids), model.predict(ids))


def test_reversing_a_sequence_is_learned():
    axon.set_random_seed(0)
    random = np.random.default_rng(0)
    x = random.integers(0, 6, (256, 5))
    model = Sequential(
        [
            Embedding(6, 16),
            PositionalEmbedding(5),
            TransformerBlock(2, 32),
            Dense(6, activation="softmax"),
        ]
    )
    model.compile("categorical_cross_entropy", axon.optimizers.Adam(0.01))
    targets = np.eye(6, dtype="f4")[x[:, ::-1]]
    model.fit(x, targets, batch_size=64, epochs=30, verbose=0)
    unseen = random.integers(0, 6, (64, 5))
    assert (model.predict(unseen).argmax(-1) == unseen[:, ::-1]).mean() > 0.95


# ------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: MultiHeadAttention(0), ValueError, "num_heads must be a whole number"),
        (lambda: MultiHeadAttention(2, 0), ValueError, "key_dim must be a whole number"),
        (lambda: MultiHeadAttention(2, 2, 0), ValueError, "value_dim must be a whole number"),
        (
            lambda: MultiHeadAttention(4).forward(X),
            ValueError,
            "6 features cannot be shared out among 4 heads. Give key_dim, or another num_heads",
        ),
        (lambda: attention().forward(X[0]), ValueError, r"\(n, time, 6\)"),
        (lambda: attention().forward(X[:, :0]), ValueError, r"got shape \(2, 0, 6\)"),
        (lambda: attention().forward(X, X[:1]), ValueError, r"\(n, q, ...\), \(n, k, ...\)"),
        (lambda: attention().forward(X, X, X[:, :4]), ValueError, r"\(n, q, ...\), \(n, k, ...\)"),
        (lambda: attention().forward(X, X[..., :5]), ValueError, r"got shape \(2, 5, 5\)"),
        (lambda: attention().forward(X, X, X, X), TypeError, "takes query, value and key, got 4"),
        (
            lambda: attention().forward(X, mask=np.ones((2, 4), bool)),
            ValueError,
            r"mask must have the shape \(2, 5\), got \(2, 4\)",
        ),
        (
            lambda: attention().forward(X, attention_mask=np.ones((3, 5, 5), bool)),
            ValueError,
            r"shape \(2, 2, 5, 5\) or \(2, 5, 5\) or \(5, 5\), got \(3, 5, 5\)",
        ),
        (lambda: TransformerBlock(2, 0), ValueError, "intermediate_dim must be a whole number"),
        (lambda: TransformerBlock(2, 4).forward(X[0]), ValueError, r"\(n, time, features\)"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
