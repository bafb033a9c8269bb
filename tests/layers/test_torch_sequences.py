"""Layers for sequences against PyTorch: forward and every gradient, to 1e-5."""

import numpy as np
import pytest

from axon import Tensor
from axon.core import grad
from axon.layers import (
    GRU,
    LSTM,
    Bidirectional,
    Embedding,
    MultiHeadAttention,
    SimpleRNN,
    TransformerBlock,
)

torch = pytest.importorskip("torch")
F = torch.nn.functional

rng = np.random.default_rng(0)
PAIRS = {
    "simple_rnn": (SimpleRNN, torch.nn.RNN, [0]),
    "lstm": (LSTM, torch.nn.LSTM, [0, 1, 2, 3]),
    "gru": (GRU, torch.nn.GRU, [1, 0, 2]),  # PyTorch: r, z, n
}
SIZES = [(4, 5, 3, 6), (1, 7, 2, 5), (3, 1, 4, 2), (1, 1, 1, 1), (33, 9, 17, 13)]


def normal(*shape):
    return rng.normal(size=shape).astype("f4")


def close(ours, theirs, rtol=1e-5):
    theirs = theirs.detach().numpy() if isinstance(theirs, torch.Tensor) else theirs
    ours = ours.data if isinstance(ours, Tensor) else ours
    largest = np.abs(theirs).max() if theirs.size else 0
    near_zero = rtol * max(largest, 0.3)  # what should be 0 is the rounding of numbers of about 1
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=near_zero)


def reordered(weights, order, units):
    """The gates of PyTorch, which are rows, as columns in our order; and back, being a swap."""
    blocks = weights.reshape(len(order), units, -1)[order]
    return blocks.reshape(len(order) * units, -1).T


def twin(layer, torch_class, order, x):
    """PyTorch's layer with the weights of ours."""
    layer.build(x.shape[1:])
    theirs = torch_class(x.shape[2], layer.units, batch_first=True)
    copy_weights(layer, theirs, order, "")
    return theirs


def copy_weights(layer, theirs, order, suffix):
    back = np.argsort(order)
    state = theirs.state_dict()
    for ours, name in (
        (layer.weights, "weight_ih_l0"),
        (layer.recurrent_weights, "weight_hh_l0"),
    ):
        ours.assign(normal(*ours.shape) * 0.5)
        rows = ours.numpy().T.reshape(len(order), layer.units, -1)[back]
        state[name + suffix].copy_(torch.tensor(rows.reshape(-1, rows.shape[-1]).copy()))
    layer.bias.assign(normal(*layer.bias.shape))
    biases = np.atleast_2d(layer.bias.numpy())
    for i, name in enumerate(("bias_ih_l0", "bias_hh_l0")):
        row = biases[i] if i < len(biases) else np.zeros_like(biases[0])
        state[name + suffix].copy_(torch.tensor(row.reshape(len(order), -1)[back].reshape(-1)))


def compare_gradients(layer, theirs, order, suffix=""):
    units = layer.units
    named = dict(theirs.named_parameters())
    for ours, name in (
        (layer.weights, "weight_ih_l0"),
        (layer.recurrent_weights, "weight_hh_l0"),
    ):
        close(ours.grad, reordered(named[name + suffix].grad.numpy(), order, units))
    rows = [named[f"bias_{kind}_l0{suffix}"].grad.numpy() for kind in ("ih", "hh")]
    wanted = np.stack([reordered(row, order, units)[0] for row in rows])
    close(layer.bias.grad, wanted if layer.bias.ndim == 2 else wanted[0])


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("sizes", SIZES)
def test_recurrent_layers(name, sequences, sizes):
    ours, torch_class, order = PAIRS[name]
    n, time, features, units = sizes
    x = normal(n, time, features)
    layer = ours(units, return_sequences=sequences)
    theirs = twin(layer, torch_class, order, x)
    inputs, leaf = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    wanted = theirs(leaf)[0] if sequences else theirs(leaf)[0][:, -1]
    slope = normal(*wanted.shape)
    wanted.backward(torch.tensor(slope))
    got = layer.forward(inputs)
    close(got, wanted)
    got.backward(slope)
    close(inputs.grad, leaf.grad)
    compare_gradients(layer, theirs, order)


@pytest.mark.parametrize("name", PAIRS)
def test_initial_states(name):
    ours, torch_class, order = PAIRS[name]
    x = normal(3, 4, 2)
    layer = ours(5)
    theirs = twin(layer, torch_class, order, x)
    states = [normal(3, 5) for _ in range(layer.equations.states)]
    leaves = [torch.tensor(s[None], requires_grad=True) for s in states]
    wanted = theirs(torch.tensor(x), tuple(leaves) if len(leaves) > 1 else leaves[0])[0][:, -1]
    wanted.sum().backward()
    starts = [Tensor(s, requires_grad=True) for s in states]
    got = layer.forward(Tensor(x), initial_state=starts if len(starts) > 1 else starts[0])
    close(got, wanted)
    for ours_, leaf in zip(grad(got.sum(), starts), leaves, strict=True):
        close(ours_, leaf.grad[0])


LENGTHS = {
    "some": [5, 2, 4, 1],
    "all": [5, 5, 5, 5],
    "least": [1, 1, 1, 1],
}


def packed(theirs, leaf, lengths):
    """PyTorch's outputs (n, time, ...) of sequences of these lengths, and the last states."""
    rows = torch.nn.utils.rnn.pack_padded_sequence(
        leaf, torch.tensor(lengths), batch_first=True, enforce_sorted=False
    )
    outputs, last = theirs(rows)
    last = last[0] if isinstance(last, tuple) else last
    padded, _ = torch.nn.utils.rnn.pad_packed_sequence(
        outputs, batch_first=True, total_length=leaf.shape[1]
    )
    return padded, last


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
def test_padding_is_skipped_as_in_packed_sequences(name, lengths):
    ours, torch_class, order = PAIRS[name]
    x, mask = normal(4, 5, 3), np.arange(5) < np.array(lengths)[:, None]
    layer = ours(6)
    theirs = twin(layer, torch_class, order, x)
    inputs, leaf = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    wanted = packed(theirs, leaf, lengths)[1][0]
    slope = normal(4, 6)
    wanted.backward(torch.tensor(slope))
    got = layer.forward(inputs, mask=mask)
    close(got, wanted)
    got.backward(slope)
    close(inputs.grad, leaf.grad)
    compare_gradients(layer, theirs, order)


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("sequences", [False, True])
def test_bidirectional_with_padding(name, sequences):
    ours, torch_class, order = PAIRS[name]
    lengths = LENGTHS["some"]
    x, mask = normal(4, 5, 3), np.arange(5) < np.array(lengths)[:, None]
    both = Bidirectional(ours(6, return_sequences=sequences))
    both.build((5, 3))
    theirs = torch_class(3, 6, batch_first=True, bidirectional=True)
    copy_weights(both.forward_layer, theirs, order, "")
    copy_weights(both.backward_layer, theirs, order, "_reverse")
    inputs, leaf = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    outputs, last = packed(theirs, leaf, lengths)
    wanted = outputs if sequences else torch.cat([last[0], last[1]], 1)
    slope = normal(*wanted.shape) * (mask[..., None] if sequences else 1)
    wanted.backward(torch.tensor(slope.astype("f4")))
    got = both.forward(inputs, mask=mask)
    real = mask[..., None] if sequences else True
    close(np.where(real, got.data, 0), wanted)
    got.backward(slope.astype("f4"))
    close(inputs.grad, leaf.grad)
    compare_gradients(both.forward_layer, theirs, order)
    compare_gradients(both.backward_layer, theirs, order, "_reverse")


@pytest.mark.parametrize("shape", [(7,), (4, 5), (1, 1), (2, 3, 4)])
def test_embedding(shape):
    ids = rng.integers(0, 11, shape)
    layer = Embedding(11, 6)
    layer.build(shape[1:])
    weights = torch.tensor(layer.embeddings.numpy().copy(), requires_grad=True)
    wanted = F.embedding(torch.tensor(ids), weights)
    slope = normal(*wanted.shape)
    wanted.backward(torch.tensor(slope))
    got = layer.forward(Tensor(ids))
    close(got, wanted)
    got.backward(slope)
    close(layer.embeddings.grad, weights.grad)


# ------------------------------------------------------------------------------------ attention


def attention_twin(layer, features):
    """torch.nn.MultiheadAttention with the weights of ours."""
    theirs = torch.nn.MultiheadAttention(features, layer.num_heads, batch_first=True)
    for p in layer.parameters():
        p.assign(normal(*p.shape) * 0.4)
    names = ("query", "key", "value")
    state = theirs.state_dict()
    weights = np.concatenate([getattr(layer, f"{n}_weights").numpy().T for n in names])
    state["in_proj_weight"].copy_(torch.tensor(weights))
    biases = np.concatenate([getattr(layer, f"{n}_bias").numpy() for n in names])
    state["in_proj_bias"].copy_(torch.tensor(biases))
    state["out_proj.weight"].copy_(torch.tensor(layer.output_weights.numpy().T.copy()))
    state["out_proj.bias"].copy_(torch.tensor(layer.output_bias.numpy()))
    return theirs


def compare_attention(layer, theirs, rtol=1e-5):
    for i, name in enumerate(("query", "key", "value")):
        weights = np.split(theirs.in_proj_weight.grad.numpy(), 3)[i].T
        close(getattr(layer, f"{name}_weights").grad, weights, rtol)
        if name != "key":  # its gradient is 0: a shift of all scores of a row changes nothing
            bias = np.split(theirs.in_proj_bias.grad.numpy(), 3)[i]
            close(getattr(layer, f"{name}_bias").grad, bias, rtol)
    close(layer.output_weights.grad, theirs.out_proj.weight.grad.numpy().T, rtol)
    close(layer.output_bias.grad, theirs.out_proj.bias.grad, rtol)


@pytest.mark.parametrize("kind", ["none", "causal", "padding", "all of them", "pairs"])
@pytest.mark.parametrize(("n", "q", "k"), [(3, 5, 5), (1, 1, 1), (2, 7, 7), (2, 6, 9)])
def test_attention(kind, n, q, k):
    features, heads = 12, 3
    query, value, key = normal(n, q, features), normal(n, k, features), normal(n, k, features)
    layer = MultiHeadAttention(heads)
    layer.build((q, features), (k, features), (k, features))
    theirs = attention_twin(layer, features)
    pairs = rng.random((n, q, k)) < 0.6
    pairs[..., 0] = True
    padding = rng.random((n, k)) < 0.6
    padding[:, 0] = True
    causal = np.tri(q, k, dtype=bool)
    ours = {
        "none": {},
        "causal": {"use_causal_mask": True},
        "padding": {"mask": padding},
        "pairs": {"attention_mask": pairs},
        "all of them": {"use_causal_mask": True, "mask": padding, "attention_mask": pairs},
    }[kind]
    allowed = np.ones((n, q, k), bool)
    allowed &= causal if "use_causal_mask" in ours else True
    allowed &= padding[:, None] if "mask" in ours else True
    allowed &= pairs if "attention_mask" in ours else True
    forbidden = torch.tensor(np.repeat(~allowed, heads, axis=0))
    leaves = [torch.tensor(a, requires_grad=True) for a in (query, key, value)]
    wanted, _ = theirs(*leaves, attn_mask=forbidden, need_weights=False)
    slope = normal(n, q, features)
    wanted.backward(torch.tensor(slope))
    inputs = [Tensor(a, requires_grad=True) for a in (query, value, key)]
    got = layer.forward(*inputs, **ours)
    close(got, wanted)
    got.backward(slope)
    for tensor, leaf in zip(inputs, (leaves[0], leaves[2], leaves[1]), strict=True):
        close(tensor.grad, leaf.grad)
    compare_attention(layer, theirs)


@pytest.mark.parametrize("normalize_first", [False, True])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_transformer_block(normalize_first, activation):
    features, heads, inner = 8, 2, 20
    x, slope = normal(3, 5, features), normal(3, 5, features)
    padding = np.arange(5) < np.array([5, 2, 4])[:, None]
    block = TransformerBlock(heads, inner, activation=activation, normalize_first=normalize_first)
    block.build((5, features))
    attention = attention_twin(block.attention, features)
    theirs = torch.nn.TransformerEncoderLayer(
        features, heads, inner, 0.0, activation, block.attention_norm.epsilon,
        batch_first=True, norm_first=normalize_first,
    )  # fmt: skip
    theirs.self_attn = attention
    state = theirs.state_dict()
    pairs = {"linear1": block.network[0], "linear2": block.network[1]}
    for name, dense in pairs.items():
        dense.bias.assign(normal(*dense.bias.shape))
        state[f"{name}.weight"].copy_(torch.tensor(dense.weights.numpy().T.copy()))
        state[f"{name}.bias"].copy_(torch.tensor(dense.bias.numpy()))
    norms = {"norm1": block.attention_norm, "norm2": block.network_norm}
    for name, norm in norms.items():
        norm.gamma.assign(1 + 0.3 * normal(features))
        norm.beta.assign(normal(features))
        state[f"{name}.weight"].copy_(torch.tensor(norm.gamma.numpy()))
        state[f"{name}.bias"].copy_(torch.tensor(norm.beta.numpy()))
    leaf, inputs = torch.tensor(x, requires_grad=True), Tensor(x, requires_grad=True)
    wanted = theirs(leaf, src_key_padding_mask=torch.tensor(~padding))
    wanted.backward(torch.tensor(slope))
    got = block.forward(inputs, mask=padding)
    close(got, wanted)
    got.backward(slope)
    close(inputs.grad, leaf.grad)
    compare_attention(block.attention, attention)
    for name, dense in pairs.items():
        close(dense.weights.grad, getattr(theirs, name).weight.grad.numpy().T)
        close(dense.bias.grad, getattr(theirs, name).bias.grad)
    for name, norm in norms.items():
        close(norm.gamma.grad, getattr(theirs, name).weight.grad)
        close(norm.beta.grad, getattr(theirs, name).bias.grad)
