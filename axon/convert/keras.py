"""Keras: the layers in one of its files, and what their arrays become here.

They lie as ours do, and Keras 3 numbers them in the order of creation. Keras 2 has names for them.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial

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
    type_name,
    within,
)
from axon.layers.cells import Gates
from axon.layers.heads import Heads
from axon.layers.module import Module

NAMES_IN_ORDER = (  # how Keras 2 calls what Keras 3 numbers
    *("kernel", "depthwise_kernel", "pointwise_kernel", "recurrent_kernel", "embeddings", "gamma"),
    *("scale", "bias", "beta", "moving_mean", "moving_variance", "mean", "variance", "count"),
)
CHILD = re.compile(
    r"(.*?)(?:^|/)((?:(?:forward_layer|backward_layer)/)?cell|layer"
    r"|_?(?:query|key|value|output)_dense)"
)
OLD_CHILDREN = {
    **{part: f"{part}_dense" for part in ("query", "key", "value")},
    "attention_output": "output_dense",
}
OLD_CELL = re.compile(r"(simple_rnn|lstm|gru)_cell(_\d+)?")
OLD_DIRECTION = re.compile(r"(forward|backward)_")

# ------------------------------------------------------------------------------------ the file


def wrote(names: Iterable[str]) -> bool:
    """Whether names are those of Keras 3 or 2."""
    return any(
        re.search(r"(^|/)vars/\d+$|/\w+:0$|^model_weights/|/kernel$", name) for name in names
    )


def groups(arrays: Mapping[str, Array]) -> list[ArrayGroup]:
    """Put the arrays of a file together into layers; the optimizer's are left out.

    >>> import numpy as np
    >>> names = "layers/lstm/cell/vars/0", "optimizer/vars/0", "layers/dense/vars/0"
    >>> print(*groups({name: np.zeros((2, 8)) for name in names}), sep=", ")
    layers/dense: 0 (2, 8), layers/lstm: cell/0 (2, 8)
    """
    numbered = any("vars" in name.split("/")[-2:-1] for name in arrays)
    found: dict[str, dict[str, Array]] = {}
    for name, array in arrays.items():
        if name.startswith(("optimizer", "_optimizer")) or "seed_generator" in name:
            continue
        path, role = _place(name) if numbered else _old_place(name)
        found.setdefault(path, {})[role] = array
    for path, roles in found.items():  # of TimeDistributed, which has no arrays beside
        if all(role.startswith("layer/") for role in roles):
            found[path] = {role.removeprefix("layer/"): array for role, array in roles.items()}
    return ordered(
        ArrayGroup(path, *_key(path, numbered), roles if numbered else _renumbered(roles))
        for path, roles in sorted(found.items())
    )


def _place(name: str) -> tuple[str, str]:
    """Of ``layers/lstm/cell/vars/0``: the layer ``layers/lstm`` and the role ``cell/0`` in it."""
    path, _, number = f"/{name}".rpartition("/vars/")
    path = path.lstrip("/")
    inner = CHILD.fullmatch(path)
    if inner is None:
        return path, number
    return inner[1], f"{inner[2]}/{number}"


def _key(path: str, numbered: bool) -> tuple[tuple[str, ...], str | None]:
    """The path without ``layers``, and the class, which the names of layers in there begin with."""
    names = path.split("/")
    layer_type = re.sub(r"_\d+$", "", names[-1])
    told = (not numbered or names[-2:-1] == ["layers"]) and layer_type in LAYER_TYPES
    return tuple(n for n in names if n and n != "layers"), layer_type if told else None


def _old_place(name: str) -> tuple[str, str]:
    """Of ``lstm/lstm/lstm_cell/kernel:0``: the layer ``lstm``, and the role ``cell/kernel``."""
    path = name.removeprefix("model_weights/").partition(":")[0]
    layer, *inside, last = [part for part in path.split("/") if part] + [""] * ("/" not in path)
    child = ""
    if inside and OLD_CELL.fullmatch(inside[-1]):
        inside.pop()
        direction = OLD_DIRECTION.match(inside[-1]) if inside else None
        if direction:
            inside.pop()
        child = f"{direction[1]}_layer/cell/" if direction else "cell/"
    elif inside and inside[-1] in OLD_CHILDREN:
        child = f"{OLD_CHILDREN[inside.pop()]}/"
    while layer in inside:  # what stands before it are the names of models around it
        inside = inside[inside.index(layer) + 1 :]
    return "/".join([layer, *inside]), f"{child}{last}"


def _renumbered(roles: Mapping[str, Array]) -> dict[str, Array]:
    """Roles by number, as Keras 3 writes them."""
    count: dict[str, int] = {}
    found = {}
    for role in sorted(roles, key=_place_in_order):
        child = role.rpartition("/")[0]
        number = count[child] = count.get(child, -1) + 1
        found[f"{child}/{number}".lstrip("/")] = roles[role]
    return found


def _place_in_order(role: str) -> int:
    last = role.rpartition("/")[2]
    return NAMES_IN_ORDER.index(last) if last in NAMES_IN_ORDER else len(NAMES_IN_ORDER)


# ------------------------------------------------------------------------------------ the rules


def numbered(*names: str) -> Callable[[Module], Rules]:
    """The recipe of a layer whose parameters are stored one after another."""
    return partial(at_numbers, names)


def at_numbers(names: Iterable[str], layer: Module) -> Rules:
    """Rules for parameters by number; those left out have none."""
    there = [name for name in names if getattr(layer, name) is not None]
    return at_role(layer, {name: str(i) for i, name in enumerate(there)})


def recurrent(layer: Module, path: str = "", child: str = "cell") -> Rules:
    """The arrays belong to the cell; the gates stand in our order."""
    return within(CELL(layer), path, child + "/{}")


def bidirectional(layer: layers.Bidirectional) -> Rules:
    """A layer for each direction."""
    names = "forward_layer", "backward_layer"
    rules: Rules = {}
    for name in names:
        way = getattr(layer, name)
        if isinstance(way, layers.RNN):
            if isinstance(way.cell, Gates):  # of several one above the other nothing is known
                rules |= recurrent(way.cell, f"{name}/cell", f"{name}/cell")
        else:
            rules |= recurrent(way, name, f"{name}/cell")
    return rules


def attention(layer: Heads) -> Rules:
    """Four projections, which keep heads and sizes of a head as axes of their own."""
    rules: Rules = {}
    for name in ("query", "key", "value"):
        heads = layer.heads if name == "query" else layer.shared_heads
        features, size = shape_of(layer, f"{name}_weights")
        rules |= _projection(layer, name, (features, heads, size // heads), (heads, size // heads))
    heads = layer.heads
    values, width = shape_of(layer, "output_weights")
    return rules | _projection(layer, "output", (heads, values // heads, width), (width,))


def _projection(layer: Heads, name: str, weights: Shape, bias: Shape) -> Rules:
    shapes = {f"{name}_weights": weights, f"{name}_bias": bias}
    hidden = "_" if isinstance(layer, layers.GroupQueryAttention) else ""
    rules: Rules = {}
    for i, (parameter, shape) in enumerate(shapes.items()):
        if i == 0 or layer.use_bias:
            need = Need(f"{hidden}{name}_dense/{i}", shape)
            make = partial(_reshaped, shape_of(layer, parameter))
            rules[parameter] = LayerRule((need,), make)
    return rules


def _reshaped(shape: Shape, array: Array) -> Array:
    return array.reshape(shape)


def spectral(layer: layers.SpectralNormalization) -> Rules:
    """Keras keeps W / sigma in the place of W, twice, and u; v is such that sigma is 1."""
    inner = layer.layer
    recipe = next((RECIPES[t] for t in type(inner).__mro__ if t in RECIPES), None)
    rules = {} if recipe is None else within(recipe(inner), "layer", "layer/{}")
    kernel, u = Need("0", shape_of(inner, layer._kernel[0])), Need("1", shape_of(layer, "vector_u"))
    rules["vector_u"] = LayerRule((u,))
    rules["vector_v"] = LayerRule((kernel, u), _already_divided)
    return rules


def _already_divided(kernel: Array, u: Array) -> Array:
    """v with v W u = 1."""
    row = u @ kernel.reshape(-1, u.shape[-1]).T
    size = float((row * row).sum())
    return row / size if size else row


def normalization(layer: layers.Normalization) -> Rules:
    """Mean, variance, and how many samples they were taken from."""
    shape = layer._center.shape
    return {
        "mean": LayerRule((Need("0", shape),)),
        "variance": LayerRule((Need("1", shape),)),
        "count": LayerRule((Need("2", (), optional=True),)),
    }


WEIGHTED, SCALED = numbered("weights", "bias"), numbered("gamma", "beta")
CELL = numbered("weights", "recurrent_weights", "bias")
RECIPES: Recipes = {
    **dict.fromkeys((layers.Dense, layers.Conv1D, layers.Conv2D, layers.Conv3D), WEIGHTED),
    **dict.fromkeys(
        (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose), WEIGHTED
    ),
    **dict.fromkeys((layers.DepthwiseConv1D, layers.DepthwiseConv2D), WEIGHTED),
    **dict.fromkeys(
        (layers.SeparableConv1D, layers.SeparableConv2D),
        numbered("depthwise_weights", "pointwise_weights", "bias"),
    ),
    layers.SpectralNormalization: spectral,
    layers.ReversibleEmbedding: numbered("embeddings", "reverse_embeddings"),
    layers.BatchNormalization: numbered("gamma", "beta", "moving_mean", "moving_variance"),
    **dict.fromkeys((layers.LayerNormalization, layers.GroupNormalization), SCALED),
    layers.RMSNormalization: SCALED,
    **dict.fromkeys((layers.Embedding, layers.PositionalEmbedding), numbered("embeddings")),
    **dict.fromkeys((layers.SimpleRNN, layers.LSTM, layers.GRU), recurrent),
    **dict.fromkeys((layers.ConvLSTM1D, layers.ConvLSTM2D, layers.ConvLSTM3D), recurrent),
    **dict.fromkeys((layers.SimpleRNNCell, layers.LSTMCell, layers.GRUCell), CELL),
    layers.Bidirectional: bidirectional,
    **dict.fromkeys((layers.MultiHeadAttention, layers.GroupQueryAttention), attention),
    layers.Normalization: normalization,
}
LAYER_TYPES = {type_name(layer_type) for layer_type in RECIPES}
