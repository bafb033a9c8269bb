"""PyTorch: the layers in a ``state_dict``, and what their arrays become here.

PyTorch stores the weights of outputs in rows, (out, in) and (out, in, height, width), and has the
gates of a GRU in another order. It adds two biases in each recurrent step where one would do.
"""

import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

import numpy as np

from axon import layers
from axon.backend import Array, Shape
from axon.convert.rules import (
    ArrayGroup,
    LayerRule,
    Need,
    Recipes,
    Rules,
    at_role,
    ordered,
    shape_of,
    within,
)
from axon.convert.separate import fold
from axon.layers.cells import Gates, GRUGates
from axon.layers.heads import Heads
from axon.layers.model_like import ModelLike
from axon.layers.module import Module
from axon.layers.recurrent import Recurrent
from axon.layers.separable import Separable
from axon.names import printable

ROLES = {
    *("weight", "bias", "running_mean", "running_var"),
    *("weight_ih", "weight_hh", "bias_ih", "bias_hh", "bias_k", "bias_v"),
    *("in_proj_weight", "in_proj_bias", "q_proj_weight", "k_proj_weight", "v_proj_weight"),
}
RECURRENT = re.compile(r"((?:weight|bias)_(?:ih|hh|hr))_l(\d+)(_reverse)?")
ENCODER = ("self_attn", "linear1", "linear2", "norm1", "norm2")  # inside a TransformerEncoderLayer
DECODER = (*ENCODER, "multihead_attn", "norm3")  # inside a TransformerDecoderLayer
HERE, THERE = 1e-3, 1e-5  # the epsilon of normalizations by default: AXON's and Keras's; PyTorch's

# ------------------------------------------------------------------------------------ the file


def wrote(names: Iterable[str]) -> bool:
    """Whether names are those of a ``state_dict``."""
    last = [name.rpartition(".")[2] for name in names if "/" not in name]
    return any(name in ROLES or RECURRENT.fullmatch(name) for name in last)


def groups(
    arrays: Mapping[str, Array], encoders: bool = False, attention: bool = False
) -> list[ArrayGroup]:
    """Put the arrays of a ``state_dict`` together into layers.

    Args:
        arrays: by name.
        encoders: whether a TransformerEncoderLayer is one layer, or several.
        attention: whether projections of queries, keys and values belong to one layer.

    >>> print(*groups({"fc.bias": np.zeros(2), "fc.weight": np.zeros((2, 3))}))
    fc: bias (2,), weight (2, 3)
    """
    found: dict[str, dict[str, Array]] = {}
    for name, array in _parametrized(arrays):
        path, role = _place(name)
        if role != "num_batches_tracked":
            found.setdefault(path, {})[role] = _alone(array) if path == name else array
    if attention:
        fold(found, encoders)
    _fold_attention(found)
    if encoders:
        _fold_encoders(found)
    for path in [p for p in found if p.endswith("l0")]:  # an LSTM of one layer has no numbers
        stem = path.removesuffix("l0").removesuffix(".")
        alone = f"{stem}.l1".strip(".") not in found
        if alone and any(role.startswith("weight_ih") for role in found[path]):
            found[stem] = found.pop(path)
    return ordered(
        ArrayGroup(path, tuple(filter(None, path.split("."))), None, roles)
        for path, roles in found.items()
    )


def _place(name: str) -> tuple[str, str]:
    """Of ``lstm.weight_ih_l1_reverse``: the layer ``lstm.l1`` and the role in it."""
    path, marked, rest = f".{name}".partition(f".{PARAMETRIZED}.")
    if marked:
        return path.lstrip("."), f"{PARAMETRIZED}.{rest}"
    path, _, last = name.rpartition(".")
    recurrent = RECURRENT.fullmatch(last)
    if recurrent:
        role, number, back = recurrent.groups()
        return f"{path}.l{number}".lstrip("."), f"{role}{back or ''}"
    if last in ROLES or last == "num_batches_tracked":
        return path, last
    return name, "weight"


OLD = {  # names of parametrized weights, before PyTorch 1.12, beside what stands with them
    "weight_g": {"weight_g": "original0", "weight_v": "original1"},
    "weight_orig": {"weight_orig": "original", "weight_u": "0._u", "weight_v": "0._v"},
}


def _parametrized(arrays: Mapping[str, Array]) -> Iterator[tuple[str, Array]]:
    """Arrays by their names, the old ones of parametrized weights as PyTorch calls them now."""
    for name, array in arrays.items():
        path, dot, last = name.rpartition(".")
        sign = next((s for s in OLD if last in OLD[s] and f"{path}{dot}{s}" in arrays), None)
        yield (f"{path}{dot}{PARAMETRIZED}.{OLD[sign][last]}" if sign else name), array


def _alone(array: Array) -> Array:
    """A parameter by itself, such as learned positions, often has an axis for the samples."""
    return array[0] if array.ndim > 2 and len(array) == 1 else array


def _fold_attention(found: dict[str, dict[str, Array]]) -> None:
    """A MultiheadAttention keeps its last projection in a layer inside it."""
    for path, roles in list(found.items()):
        inner = f"{path}.out_proj".lstrip(".")
        if any("_proj_" in role for role in roles) and inner in found:
            roles.update((f"out_proj.{role}", array) for role, array in found.pop(inner).items())


def _fold_encoders(found: dict[str, dict[str, Array]]) -> None:
    marked = [path.removesuffix("self_attn") for path in found if path.endswith("self_attn")]
    for stem in marked:
        parts = DECODER if all(f"{stem}{part}" in found for part in DECODER) else ENCODER
        if all(f"{stem}{part}" in found for part in parts):
            found[stem.rstrip(".")] = {
                f"{part}.{role}": array
                for part in parts
                for role, array in found.pop(f"{stem}{part}").items()
            }


# ------------------------------------------------------------------------------------ the rules


def turned(array: Array) -> Array:
    """(out, in, ...) -> (..., in, out).

    >>> turned(np.zeros((8, 3, 5, 5))).shape
    (5, 5, 3, 8)
    """
    return np.moveaxis(array, (0, 1), (-1, -2))


def as_here(**roles: str) -> Callable[[Module], Rules]:
    """The recipe of a layer whose parameters have the same shape on both sides."""
    return partial(at_role, roles=roles)


BIAS = {"bias": "bias"}
SCALED = as_here(gamma="weight", beta="bias")


def weighted(layer: Module) -> Rules:
    """Dense, convolutions, and convolutions run backwards."""
    *sizes, inputs, outputs = shape_of(layer, "weights")
    need = Need("weight", (outputs, inputs, *sizes))
    return {"weights": LayerRule((need,), turned), **at_role(layer, BIAS)}


def by_channel(layer: Module, name: str) -> Rules:
    """A kernel of a convolution with as many groups as channels."""
    *sizes, C, m = shape = shape_of(layer, name)

    def lie_as_ours(array: Array) -> Array:
        return turned(array).reshape(shape)  # (C m, 1, KH, KW) -> (KH, KW, C, m)

    return {name: LayerRule((Need("weight", (C * m, 1, *sizes)),), lie_as_ours)}


def depthwise(layer: Module) -> Rules:
    """A convolution of each channel alone."""
    return by_channel(layer, "weights") | at_role(layer, BIAS)


def separable(layer: Separable) -> Rules:
    """Two convolutions; a bias of the first, which has no place here, goes through the second."""
    *ones, inputs, filters = shape_of(layer, "pointwise_weights")
    second = Need("weight", (filters, inputs, *ones), part=1)
    rules = by_channel(layer, "depthwise_weights")
    rules["pointwise_weights"] = LayerRule((second,), turned)
    if layer.bias is not None:
        biases = Need("bias", (filters,), part=1), Need("bias", (inputs,), optional=True)
        rules["bias"] = LayerRule((*biases, second), bias_of_both)
    return rules


def bias_of_both(bias: Array, first: Array | None, weights: Array) -> Array:
    """W (x + b) + c = W x + (W b + c)."""
    return bias if first is None else bias + weights.reshape(weights.shape[:2]) @ first


def recurrent(layer: Gates, suffix: str = "") -> Rules:
    """A cell, or an RNN, LSTM or GRU in one direction: all its layers, a part for each."""
    rules = _cell(layer, suffix)
    above = layer.above if isinstance(layer, Recurrent) else []
    for i, cell in enumerate(above):
        for name, rule in _cell(cell, suffix).items():
            needs = tuple(need._replace(part=i + 1) for need in rule.needs)
            rules[f"above/{i}/{name}"] = rule._replace(needs=needs)
    return rules


def _cell(layer: Gates, suffix: str) -> Rules:
    """One layer of these."""
    is_gru = isinstance(layer, GRUGates)
    if isinstance(layer, GRUGates) and not layer.reset_after:
        raise ValueError(
            f"layer {layer.name!r}: PyTorch's GRU applies the reset gate after the product, so its "
            "weights do not suit GRU(reset_after=False). Leave reset_after out."
        )

    def gates(array: Array) -> Array:
        """In our order: those of a GRU are r, z, n in PyTorch."""
        r, z, n = np.split(array, 3) if is_gru else (array[:0], array, array[:0])
        return np.concatenate([z, r, n])

    def rows(array: Array) -> Array:
        return gates(array).T

    def bias(inputs: Array, states: Array) -> Array:
        both = np.stack([gates(inputs), gates(states)])
        return both if is_gru else both.sum(axis=0)

    rules: Rules = {}
    for name, role in (("weights", "weight_ih"), ("recurrent_weights", "weight_hh")):
        rules[name] = LayerRule((Need(f"{role}{suffix}", shape_of(layer, name)[::-1]),), rows)
    if layer.use_bias:
        width = shape_of(layer, "weights")[1:]
        needs = Need(f"bias_ih{suffix}", width), Need(f"bias_hh{suffix}", width)
        rules["bias"] = LayerRule(needs, bias)
    return rules


def bidirectional(layer: layers.Bidirectional) -> Rules:
    """Both directions of one layer; what goes backwards there goes backwards here."""
    rules: Rules = {}
    for name in ("forward_layer", "backward_layer"):
        way = getattr(layer, name)
        if not isinstance(way, Recurrent):
            return {}  # PyTorch has none
        rules |= within(recurrent(way, "_reverse" if way.go_backwards else ""), name)
    return rules


def attention(layer: Heads) -> Rules:
    """Query, key and value one above the other, or three matrices if their sizes differ."""
    names = "query", "key", "value"
    shapes = [shape_of(layer, f"{name}_weights")[::-1] for name in names]
    ends = np.cumsum([0, *(shape[0] for shape in shapes)]).tolist()
    height = ends[-1]
    rules: Rules = {}
    for i, (name, (size, inputs)) in enumerate(zip(names, shapes, strict=True)):
        third = partial(third_of, slice(*ends[i : i + 2]))
        together = LayerRule((Need("in_proj_weight", (height, inputs)),), third)
        alone = LayerRule((Need(f"{name[0]}_proj_weight", (size, inputs)),), turned)
        rules[f"{name}_weights"] = together if len(set(shapes)) == 1 else alone
        if layer.use_bias:
            rules[f"{name}_bias"] = LayerRule((Need("in_proj_bias", (height,)),), third)
    out = Need("out_proj.weight", shape_of(layer, "output_weights")[::-1])
    rules["output_weights"] = LayerRule((out,), turned)
    return rules | at_role(layer, {"output_bias": "out_proj.bias"} if layer.use_bias else {})


def third_of(third: slice, array: Array) -> Array:
    """The query's, key's or value's part of what lies one above the other, turned."""
    return array[third].T


def transformer_block(layer: layers.TransformerBlock) -> Rules:
    """A TransformerEncoderLayer; with ``norm_first`` it is the one that normalizes first."""
    return {
        **within(attention(layer.attention), "attention", "self_attn.{}"),
        **within(SCALED(layer.attention_norm), "attention_norm", "norm1.{}"),
        **within(SCALED(layer.network_norm), "network_norm", "norm2.{}"),
        **within(weighted(layer.network[0]), "network/0", "linear1.{}"),
        **within(weighted(layer.network[1]), "network/1", "linear2.{}"),
    }


def decoder_block(layer: layers.TransformerDecoderBlock) -> Rules:
    """A TransformerDecoderLayer, whose last normalization is the network's."""
    rules = {n: r for n, r in transformer_block(layer).items() if not n.startswith("network_norm")}
    return {
        **rules,
        **within(attention(layer.cross_attention), "cross_attention", "multihead_attn.{}"),
        **within(SCALED(layer.cross_norm), "cross_norm", "norm2.{}"),
        **within(SCALED(layer.network_norm), "network_norm", "norm3.{}"),
    }


def one_for_each_channel(layer: layers.PReLU) -> Rules:
    """A row of slopes, which may have axes of size 1 before it here."""
    shape = shape_of(layer, "alpha")
    alone = all(n == 1 for n in shape[:-1])
    return {"alpha": LayerRule((Need("weight", shape[-1:] if alone else shape),), shaped(shape))}


def shaped(shape: Shape) -> Callable[[Array], Array]:
    """What gives arrays this shape."""
    return lambda array: array.reshape(shape)


def bilinear(layer: Module) -> Rules:
    """The outputs first."""
    first, second, outputs = shape_of(layer, "weights")
    need = Need("weight", (outputs, first, second))
    return {"weights": LayerRule((need,), outputs_last), **at_role(layer, BIAS)}


def outputs_last(array: Array) -> Array:
    """(out, ...) -> (..., out)."""
    return np.moveaxis(array, 0, -1)


PARAMETRIZED = "parametrizations.weight"  # where PyTorch keeps what a weight is made of


def reweighted(layer: layers.Wrapper, original: str) -> Rules:
    """The rules of the layer inside, whose weight is called otherwise; its name is that of both."""
    inner = layer.layer
    recipe = next((RECIPES[t] for t in type(inner).__mro__ if t in RECIPES), None)
    rules = {} if recipe is None else recipe(inner)
    return within(
        {
            name: rule._replace(
                needs=tuple(
                    need._replace(role=f"{PARAMETRIZED}.{original}")
                    if need.role == "weight"
                    else need
                    for need in rule.needs
                )
            )
            for name, rule in rules.items()
        },
        "layer",
    )


def spectral(layer: layers.SpectralNormalization) -> Rules:
    """W, and the two vectors: PyTorch's u is a row of W as it lies there, (out, in ...)."""
    rules = reweighted(layer, "original")
    for ours, theirs in (("vector_u", "_u"), ("vector_v", "_v")):
        shape = shape_of(layer, ours)
        make = shaped(shape)
        if ours == "vector_v":
            make = in_our_order(shape_of(layer.layer, layer._kernel[0])[:-1])
        rules[ours] = LayerRule((Need(f"{PARAMETRIZED}.0.{theirs}", shape[1:]),), make)
    return rules


def in_our_order(sizes: Shape) -> Callable[[Array], Array]:
    """Of numbers that stand in the order (in, KH, KW), a row in that of (KH, KW, in)."""
    *places, inputs = sizes
    return lambda row: np.moveaxis(row.reshape(inputs, *places), 0, -1).reshape(1, -1)


def lengths_and_directions(layer: layers.WeightNormalization) -> Rules:
    """One length for each output, (out, 1, ...), and V."""
    rules, kernel = reweighted(layer, "original1"), layer._kernel[1]
    outputs = shape_of(layer, "g")
    shape = (*outputs, *(1,) * (kernel.ndim - 1)) if layer.axis is not None else ()
    rules["g"] = LayerRule((Need(f"{PARAMETRIZED}.original0", shape),), shaped(outputs))
    return rules


RECIPES: Recipes = {
    **dict.fromkeys((layers.Dense, layers.Conv1D, layers.Conv2D, layers.Conv3D), weighted),
    **dict.fromkeys(
        (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose), weighted
    ),
    **dict.fromkeys((layers.DepthwiseConv1D, layers.DepthwiseConv2D), depthwise),
    **dict.fromkeys((layers.SeparableConv1D, layers.SeparableConv2D), separable),
    layers.PReLU: one_for_each_channel,
    layers.Bilinear: bilinear,
    layers.SpectralNormalization: spectral,
    layers.WeightNormalization: lengths_and_directions,
    layers.BatchNormalization: as_here(
        gamma="weight", beta="bias", moving_mean="running_mean", moving_variance="running_var"
    ),
    **dict.fromkeys((layers.LayerNormalization, layers.GroupNormalization), SCALED),
    layers.RMSNormalization: SCALED,
    **dict.fromkeys((layers.Embedding, layers.PositionalEmbedding), as_here(embeddings="weight")),
    **dict.fromkeys((layers.SimpleRNN, layers.LSTM, layers.GRU), recurrent),
    **dict.fromkeys((layers.SimpleRNNCell, layers.LSTMCell, layers.GRUCell), recurrent),
    layers.Bidirectional: bidirectional,
    **dict.fromkeys((layers.MultiHeadAttention, layers.GroupQueryAttention), attention),
    layers.TransformerBlock: transformer_block,
    layers.TransformerDecoderBlock: decoder_block,
}


def reordered(layer: Module) -> str | None:
    """What lies in another order in PyTorch, beside (out, in) for (in, out); None if nothing."""
    way = layer.forward_layer if isinstance(layer, layers.Bidirectional) else layer
    if isinstance(way, layers.GRU):
        return "gates from r, z, n to z, r, n"
    if isinstance(way, layers.LSTM | layers.SimpleRNN):
        return "two biases added up"
    if isinstance(layer, Heads | layers.TransformerBlock):
        return "queries, keys and values taken apart"
    return None


# ------------------------------------------------------------------------------------ warnings


def warn(model: ModelLike) -> None:
    """Warn of what may have been otherwise in PyTorch, which a file of weights does not tell."""
    epsilon, uneven = _with_our_epsilon(model), _cut_unevenly(model)
    if epsilon:
        warnings.warn(
            f"epsilon of {epsilon} is {HERE:g}, AXON's default. PyTorch's is {THERE:g}, and a file "
            f"of weights does not tell it: if it was, pass epsilon={THERE:g} to these layers, or "
            "set it.",
            stacklevel=4,
        )
    if uneven:
        warnings.warn(
            f"{uneven}: padding='same' of an odd number of pixels cuts one more at the end, as "
            "Keras does, but PyTorch's padding= with output_padding=1 one more at the beginning: "
            "its images would lie one pixel off. Use padding='valid', and cut as it does: "
            "x[:, 1:, 1:].",
            stacklevel=4,
        )


def _with_our_epsilon(model: ModelLike) -> str:
    """The normalizations whose epsilon was left at AXON's default; a block tells for its own."""
    normalizations = (
        *(layers.BatchNormalization, layers.LayerNormalization),
        *(layers.GroupNormalization, layers.TransformerBlock),
    )
    blocks = [m for m in model.modules() if isinstance(m, layers.TransformerBlock)]
    inside = {id(part) for block in blocks for _, part in block.children()}
    found = [m for m in model.modules() if isinstance(m, normalizations) and id(m) not in inside]
    return _names(m for m in found if m.epsilon == HERE and "epsilon" not in m._given[1])


def _cut_unevenly(model: ModelLike) -> str:
    """The transposed convolutions that cut unequal ends: PyTorch cuts the other one."""
    found = [m for m in model.modules() if isinstance(m, layers.Conv2DTranspose)]
    return _names(m for m in found if m.padding == "same" and _uneven(m.spans, m.strides))


def _uneven(spans: Shape, strides: Shape) -> bool:
    beyond = [span - stride for span, stride in zip(spans, strides, strict=True)]
    return any(n > 0 and n % 2 for n in beyond)


def _names(found: Iterable[Module]) -> str:
    return ", ".join(map(printable, dict.fromkeys(m.name for m in found)))
