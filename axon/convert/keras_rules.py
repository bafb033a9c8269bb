"""The layers of Keras: their arrays lie as ours do, and are numbered in the order of creation."""

from typing import Any

from axon.backend import Array, Shape
from axon.convert.rules import Recipes, Rule, Rules, Source, within
from axon.layers.attention import MultiHeadAttention
from axon.layers.bidirectional import Bidirectional
from axon.layers.convolution import Conv1D, Conv2D
from axon.layers.dense import Dense
from axon.layers.embedding import Embedding, PositionalEmbedding
from axon.layers.module import snake_case
from axon.layers.normalization import (
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    RMSNormalization,
)
from axon.layers.preprocessing import Normalization
from axon.layers.recurrent import GRU, LSTM, SimpleRNN
from axon.layers.separable import DepthwiseConv2D, SeparableConv2D
from axon.layers.transposed import Conv2DTranspose


def numbered(layer: Any, *names: str, inside: str = "") -> Rules:
    """Rules for parameters that are stored one after another; those left out have no number."""
    there = [name for name in names if getattr(layer, name) is not None]
    return {
        name: Rule((Source(f"{inside}{i}", getattr(layer, name).shape),))
        for i, name in enumerate(there)
    }


def weighted(layer: Any) -> Rules:
    """Dense and convolutions."""
    return numbered(layer, "weights", "bias")


def separable(layer: Any) -> Rules:
    """Both kernels and the bias."""
    return numbered(layer, "depthwise_weights", "pointwise_weights", "bias")


def recurrent(layer: Any) -> Rules:
    """The arrays belong to the cell; the gates stand in our order."""
    return numbered(layer, "weights", "recurrent_weights", "bias", inside="cell/")


def bidirectional(layer: Any) -> Rules:
    """A layer for each direction."""
    return {
        name: rule
        for way in ("forward_layer", "backward_layer")
        for name, rule in within(recurrent(getattr(layer, way)), way, way + "/{}").items()
    }


def attention(layer: Any) -> Rules:
    """Four projections, which keep heads and sizes of a head as axes of their own."""
    heads, keys, values = layer.num_heads, layer.key_dim, layer.value_dim
    rules: Rules = {}
    for part, size in (("query", keys), ("key", keys), ("value", values)):
        features = getattr(layer, f"{part}_weights").shape[0]
        rules |= _projection(layer, part, (features, heads, size), (heads, size))
    width = layer.output_weights.shape[1]
    return rules | _projection(layer, "output", (heads, values, width), (width,))


def _projection(layer: Any, part: str, weights: Shape, bias: Shape) -> Rules:
    rules = {f"{part}_weights": _reshaped(layer, f"{part}_weights", f"{part}_dense/0", weights)}
    if layer.use_bias:
        rules[f"{part}_bias"] = _reshaped(layer, f"{part}_bias", f"{part}_dense/1", bias)
    return rules


def _reshaped(layer: Any, name: str, role: str, shape: Shape) -> Rule:
    ours = getattr(layer, name).shape

    def flat(array: Array) -> Array:
        return array.reshape(ours)

    return Rule((Source(role, shape),), flat)


def batch_normalization(layer: Any) -> Rules:
    """Learned numbers first, then the statistics."""
    return numbered(layer, "gamma", "beta", "moving_mean", "moving_variance")


def scaled(layer: Any) -> Rules:
    """The other normalizations."""
    return numbered(layer, "gamma", "beta")


def embedding(layer: Any) -> Rules:
    """A vector for each id, or place."""
    return numbered(layer, "embeddings")


def normalization(layer: Any) -> Rules:
    """Mean, variance, and how many samples they were taken from."""
    shape = layer._center.shape
    return {
        "mean": Rule((Source("0", shape),)),
        "variance": Rule((Source("1", shape),)),
        "count": Rule((Source("2", (), optional=True),)),
    }


KERAS: Recipes = {
    Dense: weighted,
    Conv1D: weighted,
    Conv2D: weighted,
    Conv2DTranspose: weighted,
    DepthwiseConv2D: weighted,
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
    Normalization: normalization,
}
KINDS = {snake_case(kind.__name__) for kind in KERAS}  # what Keras calls layers of these classes
