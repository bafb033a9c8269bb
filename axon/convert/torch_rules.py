"""The layers of PyTorch: what their arrays become here.

PyTorch stores the weights of outputs in rows, (out, in) and (out, in, height, width), and has the
gates of a GRU in another order. It adds two biases in each recurrent step where one would do.
"""

from functools import partial
from typing import Any

import numpy as np

from axon.backend import Array
from axon.convert.rules import Recipes, Rule, Rules, Source, within
from axon.layers.attention import MultiHeadAttention
from axon.layers.bidirectional import Bidirectional
from axon.layers.convolution import Conv1D, Conv2D
from axon.layers.dense import Dense
from axon.layers.embedding import Embedding, PositionalEmbedding
from axon.layers.normalization import (
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    RMSNormalization,
)
from axon.layers.recurrent import GRU, LSTM, SimpleRNN
from axon.layers.separable import DepthwiseConv2D, SeparableConv2D
from axon.layers.transformer import TransformerBlock
from axon.layers.transposed import Conv2DTranspose


def turned(array: Array) -> Array:
    """(out, in, ...) -> (..., in, out).

    >>> turned(np.zeros((8, 3, 5, 5))).shape
    (5, 5, 3, 8)
    """
    return np.moveaxis(array, (0, 1), (-1, -2))


def one_to_one(layer: Any, **roles: str) -> Rules:
    """Rules for parameters that have the same shape on both sides."""
    tensors = {name: getattr(layer, name) for name in roles}
    return {
        name: Rule((Source(roles[name], tensor.shape),))
        for name, tensor in tensors.items()
        if tensor is not None
    }


def weighted(layer: Any) -> Rules:
    """Dense, convolutions, and convolutions run backwards."""
    *sizes, inputs, outputs = layer.weights.shape
    source = Source("weight", (outputs, inputs, *sizes))
    return {"weights": Rule((source,), turned), **one_to_one(layer, bias="bias")}


def by_channel(weights: Any, array: Array) -> Array:
    """(C m, 1, KH, KW) -> (KH, KW, C, m)."""
    return turned(array).reshape(weights.shape)


def depthwise(layer: Any) -> Rules:
    """A convolution with as many groups as channels."""
    KH, KW, C, m = layer.weights.shape
    source = Source("weight", (C * m, 1, KH, KW))
    made = {"weights": Rule((source,), partial(by_channel, layer.weights))}
    return {**made, **one_to_one(layer, bias="bias")}


def separable(layer: Any) -> Rules:
    """Two convolutions; a bias of the first, which has no place here, goes through the second."""
    KH, KW, C, m = layer.depthwise_weights.shape
    filters = layer.filters
    first = Source("weight", (C * m, 1, KH, KW))
    second = Source("weight", (filters, C * m, 1, 1), part=1)
    rules = {
        "depthwise_weights": Rule((first,), partial(by_channel, layer.depthwise_weights)),
        "pointwise_weights": Rule((second,), turned),
    }
    if layer.bias is not None:
        biases = Source("bias", (filters,), part=1), Source("bias", (C * m,), optional=True)
        rules["bias"] = Rule((*biases, second), bias_of_both)
    return rules


def bias_of_both(bias: Array, first: Array | None, weights: Array) -> Array:
    """W (x + b) + c = W x + (W b + c)."""
    return bias if first is None else bias + weights[:, :, 0, 0] @ first


def gates(layer: Any, array: Array) -> Array:
    """The gates, along the first axis, in our order: those of a GRU are r, z, n in PyTorch."""
    if not isinstance(layer, GRU):
        return array
    r, z, n = np.split(array, 3)
    return np.concatenate([z, r, n])


def recurrent(layer: Any, suffix: str = "") -> Rules:
    """One layer of an RNN, LSTM or GRU, in one direction."""
    if isinstance(layer, GRU) and not layer.reset_after:
        raise ValueError(
            f"layer {layer.name!r}: PyTorch's GRU applies the reset gate after the product, so its "
            "weights do not suit GRU(reset_after=False). Leave reset_after out."
        )

    def rows(array: Array) -> Array:
        return gates(layer, array).T

    def bias(inputs: Array, states: Array) -> Array:
        both = np.stack([gates(layer, inputs), gates(layer, states)])
        return both if isinstance(layer, GRU) else both.sum(axis=0)

    width = (layer.weights.shape[1],)
    inputs, states = layer.weights.shape[::-1], layer.recurrent_weights.shape[::-1]
    rules = {
        "weights": Rule((Source(f"weight_ih{suffix}", inputs),), rows),
        "recurrent_weights": Rule((Source(f"weight_hh{suffix}", states),), rows),
    }
    if layer.bias is not None:
        sources = Source(f"bias_ih{suffix}", width), Source(f"bias_hh{suffix}", width)
        rules["bias"] = Rule(sources, bias)
    return rules


def bidirectional(layer: Any) -> Rules:
    """Both directions of one layer; what goes backwards there goes backwards here."""
    ways = {"forward_layer": layer.forward_layer, "backward_layer": layer.backward_layer}
    rules: Rules = {}
    for path, way in ways.items():
        rules |= within(recurrent(way, "_reverse" if way.go_backwards else ""), path)
    return rules


def attention(layer: Any) -> Rules:
    """Query, key and value one above the other, or three matrices if their sizes differ."""
    parts = ("query", "key", "value")
    shapes = [getattr(layer, f"{part}_weights").shape[::-1] for part in parts]
    rules: Rules = {}
    for i, part in enumerate(parts):
        size = shapes[i][0]
        third = slice(i * size, (i + 1) * size)
        whole = Source("in_proj_weight", (3 * size, shapes[i][1]))
        alone = Source(f"{part[0]}_proj_weight", shapes[i])
        together = len(set(shapes)) == 1
        made = Rule((whole,), partial(third_of, third)) if together else Rule((alone,), turned)
        rules[f"{part}_weights"] = made
        if layer.use_bias:
            source = Source("in_proj_bias", (sum(shape[0] for shape in shapes),))
            rules[f"{part}_bias"] = Rule((source,), partial(third_of, third))
    out = Source("out_proj.weight", layer.output_weights.shape[::-1])
    rules["output_weights"] = Rule((out,), turned)
    if layer.use_bias:
        rules["output_bias"] = Rule((Source("out_proj.bias", layer.output_bias.shape),))
    return rules


def third_of(third: slice, array: Array) -> Array:
    """The query's, key's or value's part of what lies one above the other, turned."""
    return array[third].T


def scaled(layer: Any) -> Rules:
    """LayerNorm, GroupNorm, InstanceNorm, RMSNorm."""
    return one_to_one(layer, gamma="weight", beta="bias")


def batch_normalization(layer: Any) -> Rules:
    """BatchNorm; its num_batches_tracked has no counterpart."""
    statistics = {"moving_mean": "running_mean", "moving_variance": "running_var"}
    return one_to_one(layer, gamma="weight", beta="bias", **statistics)


def embedding(layer: Any) -> Rules:
    """A vector for each id, or place."""
    return one_to_one(layer, embeddings="weight")


def transformer_block(layer: Any) -> Rules:
    """A TransformerEncoderLayer; with ``norm_first`` it is the one that normalizes first."""
    return {
        **within(attention(layer.attention), "attention", "self_attn.{}"),
        **within(scaled(layer.attention_norm), "attention_norm", "norm1.{}"),
        **within(scaled(layer.network_norm), "network_norm", "norm2.{}"),
        **within(weighted(layer.network[0]), "network/0", "linear1.{}"),
        **within(weighted(layer.network[1]), "network/1", "linear2.{}"),
    }


TORCH: Recipes = {
    Dense: weighted,
    Conv1D: weighted,
    Conv2D: weighted,
    Conv2DTranspose: weighted,
    DepthwiseConv2D: depthwise,
    SeparableConv2D: separable,
    BatchNormalization: batch_normalization,
    LayerNormalization: scaled,
    GroupNormalization: scaled,
    RMSNormalization: scaled,
    Embedding: embedding,
    PositionalEmbedding: embedding,
    SimpleRNN: recurrent,
    LSTM: recurrent,
    GRU: recurrent,
    Bidirectional: bidirectional,
    MultiHeadAttention: attention,
    TransformerBlock: transformer_block,
}
