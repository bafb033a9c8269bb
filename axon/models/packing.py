"""Several models of one kind in one program: k networks for the price of a wider one."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import numpy as np

from axon.backend import Array
from axon.checks import integer
from axon.core import Tensor
from axon.layers import (
    Activation,
    BatchNormalization,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GaussianDropout,
    GaussianNoise,
    Input,
    LayerNormalization,
    Normalization,
    PackedBatchNormalization,
    PackedDense,
    PackedEmbedding,
    PackedLayerNormalization,
    Rescaling,
    Reshape,
)
from axon.layers.module import Module
from axon.models.sequential import Sequential

SHARED = (Input, Normalization, Rescaling)  # alike for all members
EACH = (Activation, Dropout, GaussianDropout, GaussianNoise)  # each number for itself
AXES = {"embeddings": 1}  # where the members lie in a parameter, if not first
# those in which each member's numbers lie behind those of the one before, on one axis
BEHIND = ("gamma", "beta", "moving_mean", "moving_variance")
NORMALIZATIONS: dict[type, type] = {
    LayerNormalization: PackedLayerNormalization,
    BatchNormalization: PackedBatchNormalization,
}


def pack(model: "Sequential | Sequence[Sequential]", members: int | None = None) -> Sequential:
    """Make several models of one: they learn side by side in one recorded program.

    Args:
        model: a Sequential of layers that can be packed (below), which stays as it is; or a
            sequence of models that differ in their weights alone, which the members begin with.
        members: how many, if it is one model. Each begins with weights of its own.

    Returns:
        A Sequential that gives (n, members, ...). Compile it with ``PackedLoss(loss)``: then each
        member learns what it would learn alone. ``unpack`` makes models of the members again.

    Dense, Embedding, LayerNormalization and BatchNormalization become PackedDense and so on, the
    normalizations behind the first layer that has weights; Flatten and Reshape keep the members
    apart; Input, Rescaling, Normalization, Activation, Dropout, GaussianDropout and
    GaussianNoise stay, so that each member draws for itself what is left out, except of what they
    share, in front of the first layer that has weights.

    Raises:
        ValueError: a layer cannot be packed; or the models differ.
        TypeError: it is no Sequential.

    >>> model = Sequential([Dense(5, 16, "relu"), Dense(16, 1)])
    >>> pack(model, members=4).output_shape
    (4, 1)
    """
    given = [model] if isinstance(model, Sequential) else list(model)
    for one in given:
        _demand_sequential(one)
    if isinstance(model, Sequential):
        count = integer("pack", "members", members)
    elif members not in (None, len(given)) or not given:
        raise ValueError(f"pack: got {len(given)} models, but members={members}. Leave it out.")
    else:
        count = len(given)
    packed = _packed(given[0], count)
    if not isinstance(model, Sequential):
        _take_over(packed, given)
    return packed


def unpack(packed: Sequential) -> list[Sequential]:
    """Make a model of each member of what ``pack`` made, with copies of its weights.

    >>> model = Sequential([Dense(5, 16, "relu"), Dense(16, 1)])
    >>> unpack(pack(model, members=2))[1].output_shape
    (1,)
    """
    _demand_sequential(packed)
    counts = {x.members for x in packed.layers if isinstance(x, PackedDense | PackedEmbedding)}
    if len(counts) != 1 or packed.input_shape is None:
        raise ValueError(f"unpack: {packed.name!r} is no model that pack made, or is not built.")
    made = [_single(packed) for _ in range(counts.pop())]
    for path, p in packed.named_parameters().items():
        for i, one in enumerate(made):
            one.named_parameters()[path].assign(_of_member(path, p, i, len(made)))
    for path, b in _measured(packed).items():
        for i, one in enumerate(made):
            one.named_buffers()[path].assign(_of_member(path, b, i, len(made)))
    return made


def _demand_sequential(model: object) -> None:
    if not isinstance(model, Sequential):
        raise TypeError(
            f"pack: expected a Sequential, or several, got {type(model).__name__}. A forward of "
            "your own can use PackedDense and PackedEmbedding, which give (n, members, ...)."
        )


def _packed(model: Sequential, members: int) -> Sequential:
    made: list[Module] = []
    packing = False
    for layer in model.layers:
        made.append(_turned(layer, members, packing))
        packing = packing or isinstance(layer, Dense | Embedding)
    if not packing:
        raise ValueError(f"pack: model {model.name!r} has no Dense or Embedding: nothing learns.")
    packed = Sequential(made, name=f"{model.name}_packed")
    if model.input_shape is not None:
        packed.build(model.input_shape)
    return packed


def _turned(layer: Module, members: int, packing: bool) -> Module:
    """The layer for all members; ``packing`` says whether its input has an axis of them."""
    if type(layer) in PACKERS:
        return PACKERS[type(layer)](layer, members, packing)
    if type(layer) in EACH or (type(layer) in SHARED and not packing):
        return _again(layer)
    known = ", ".join(sorted(c.__name__ for c in (*PACKERS, *EACH, *SHARED)))
    where = " behind the first layer with weights" if type(layer) in SHARED else ""
    raise ValueError(
        f"pack: layer {layer.name!r} ({layer!r}) cannot be packed{where}. Those that can: {known}. "
        "Train the members as models of their own."
    )


def _dense(layer: Any, members: int, packing: bool) -> Module:
    given = layer._present()
    for own in ("input_size", "activation_function", "units"):
        given.pop(own, None)
    return PackedDense(members, **{**given, "name": layer.name})


def _embedding(layer: Any, members: int, packing: bool) -> Module:
    given = layer._present()
    given.pop("weights", None)
    if given.pop("mask_zero") or packing:
        what = "has mask_zero" if layer.mask_zero else "reads what members have computed"
        raise ValueError(f"pack: layer {layer.name!r} {what}; a packed embedding cannot.")
    return PackedEmbedding(members, **{**given, "name": layer.name})


def _flatten(layer: Any, members: int, packing: bool) -> Module:
    return Reshape((members, -1), name=layer.name) if packing else _again(layer)


def _reshape(layer: Any, members: int, packing: bool) -> Module:
    return Reshape((members, *layer.target_shape), name=layer.name) if packing else _again(layer)


def _again(layer: Any) -> Module:
    """Another layer like it: what it holds that was not learned, it keeps; chance is drawn anew."""
    if type(layer) in SHARED:
        return deepcopy(layer)
    made: Module = type(layer)(**{**layer._present(), "name": layer.name})
    return made


def _single(packed: Sequential) -> Sequential:
    """A model like each member."""
    made = Sequential(name=packed.name.removesuffix("_packed"))
    packing = False
    for layer in packed.layers:
        given = layer._present() if type(layer) in UNPACKERS else {}
        given.pop("members", None)
        if isinstance(layer, Reshape) and packing:
            made.add(Reshape(layer.target_shape[1:], name=layer.name))
        elif type(layer) in UNPACKERS:
            made.add(UNPACKERS[type(layer)](**{**given, "name": layer.name}))
        else:
            made.add(_again(layer))
        packing = packing or type(layer) in UNPACKERS
    if packed.input_shape is not None:
        made.build(packed.input_shape)
    return made


def _take_over(packed: Sequential, models: Sequence[Sequential]) -> None:
    """Let members begin with the weights of models."""
    shape = next((m.input_shape for m in models if m.input_shape), None)
    if shape is None:
        raise ValueError("pack: the models have no weights yet. Call model.build(input_shape).")
    packed.build(shape)
    made_as = [[_made_as(layer) for layer in m.layers] for m in models]
    if any(m.input_shape != shape for m in models) or any(d != made_as[0] for d in made_as):
        raise ValueError("pack: the models must be alike but for their weights, and built.")
    for path, t in {**packed.named_parameters(), **_measured(packed)}.items():
        values = [{**m.named_parameters(), **m.named_buffers()}[path].data for m in models]
        name = path.rpartition("/")[2]
        t.assign(
            np.concatenate(values) if name in BEHIND else np.stack(values, axis=AXES.get(name, 0))
        )


def _made_as(layer: Module) -> tuple[str, dict[str, Any]]:
    config = layer.describe()
    own = {k: v for k, v in config.get("config", {}).items() if k not in ("name", "seed")}
    return config["class"], own


def _of_member(path: str, t: Tensor, member: int, members: int) -> Array:
    """The part of a packed tensor that belongs to one member."""
    name = path.rpartition("/")[2]
    if name in BEHIND:
        found: Array = t.data.reshape(members, -1)[member]
        return found
    return t.data.take(member, axis=AXES.get(name, 0))


def _measured(packed: Sequential) -> dict[str, Tensor]:
    """What packed normalizations have measured, by path."""
    inside = [x.name for x in packed.layers if type(x) in UNPACKERS]
    named = packed.named_buffers()
    return {p: b for p, b in named.items() if p.partition("/")[0] in inside}


def _normalization(layer: Any, members: int, packing: bool) -> Module:
    if not packing:
        raise ValueError(
            f"pack: layer {layer.name!r} ({layer!r}) cannot be packed in front of the first layer "
            "with weights, where members read the same. Normalization() can, once it has adapted."
        )
    made: Module = NORMALIZATIONS[type(layer)](members, **{**layer._present(), "name": layer.name})
    return made


PACKERS: dict[type, Callable[[Any, int, bool], Module]] = {
    Dense: _dense,
    Embedding: _embedding,
    Flatten: _flatten,
    Reshape: _reshape,
    **dict.fromkeys(NORMALIZATIONS, _normalization),
}
UNPACKERS: dict[type, Callable[..., Module]] = {
    **{PackedDense: Dense, PackedEmbedding: Embedding},
    **{packed: single for single, packed in NORMALIZATIONS.items()},
}
