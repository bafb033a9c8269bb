"""Attention whose projections are layers of their own, as most published transformers have it.

PyTorch's MultiheadAttention keeps query, key and value in one array. BERT, ViT, CLIP, Llama and
the others of the Hugging Face libraries, and timm, keep them apart, or call them otherwise. Here
their arrays get the names and the layout that PyTorch's own layers have.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from axon.backend import Array

Layers = dict[str, dict[str, Array]]  # path -> role -> array


class Projections(NamedTuple):
    """What the projections of an attention are called, from where it begins."""

    parts: tuple[str, ...]  # query, key and value; or one for all three
    out: str
    turned: bool = False  # whether arrays are (in, out), as GPT-2 has them


ATTENTION = (
    Projections(("self.query", "self.key", "self.value"), "output.dense"),  # BERT
    Projections(("attention.query", "attention.key", "attention.value"), "output.dense"),  # ViT
    Projections(("q_lin", "k_lin", "v_lin"), "out_lin"),  # DistilBERT
    Projections(("q_proj", "k_proj", "v_proj"), "out_proj"),  # BART, CLIP, OPT, Whisper
    Projections(("q_proj", "k_proj", "v_proj"), "o_proj"),  # Llama, Mistral, Qwen
    Projections(("q", "k", "v"), "o"),  # T5
    Projections(("query", "key", "value"), "dense"),
    Projections(("query", "key", "value"), "out"),
    Projections(("qkv",), "proj"),  # timm
    Projections(("c_attn",), "c_proj", turned=True),  # GPT-2
)
BLOCKS = (  # attention, its norm, the two layers behind it, their norm
    (
        *("attention", "attention.output.LayerNorm", "intermediate.dense", "output.dense"),
        "output.LayerNorm",
    ),
    ("attention", "layernorm_before", "intermediate.dense", "output.dense", "layernorm_after"),
    ("attention", "layernorm_before", "mlp.fc1", "mlp.fc2", "layernorm_after"),
    ("attention", "sa_layer_norm", "ffn.lin1", "ffn.lin2", "output_layer_norm"),
    ("self_attn", "self_attn_layer_norm", "fc1", "fc2", "final_layer_norm"),
    ("self_attn", "layer_norm1", "mlp.fc1", "mlp.fc2", "layer_norm2"),
    ("attn", "norm1", "mlp.fc1", "mlp.fc2", "norm2"),
    ("attn", "ln_1", "mlp.c_fc", "mlp.c_proj", "ln_2"),
)
ENCODER = ("self_attn", "norm1", "linear1", "linear2", "norm2")  # PyTorch's names of these


def fold(found: Layers, blocks: bool) -> None:
    """Put projections together, and the layers of a block if it is one layer in the model.

    Args:
        found: the layers of a file, which is changed.
        blocks: whether the model has TransformerBlocks.
    """
    folded = set()
    for stem, names in list(_attentions(found)):
        found[stem.rstrip(".")] = _together(found, stem, names)
        folded.add(stem.rstrip("."))
    if blocks:
        for stem in folded:
            _name_block(found, stem)


def _attentions(found: Layers) -> Iterator[tuple[str, Projections]]:
    """Where an attention begins, and what its parts are called there."""
    for names in ATTENTION:
        for path in list(found):
            stem = path.removesuffix(names.parts[0])
            there = [f"{stem}{name}" for name in (*names.parts, names.out)]
            if stem != path and (not stem or stem.endswith(".")) and all(p in found for p in there):
                if all("weight" in found[p] and found[p]["weight"].ndim == 2 for p in there):
                    yield stem, names


def _together(found: Layers, stem: str, names: Projections) -> dict[str, Array]:
    """The arrays of an attention, as PyTorch's MultiheadAttention has them."""
    *parts, out = (found.pop(f"{stem}{name}") for name in (*names.parts, names.out))
    if names.turned:
        parts, out = [_turned(p) for p in parts], _turned(out)
    weights = [p["weight"] for p in parts]
    roles = {f"out_proj.{role}": array for role, array in out.items()}
    if len({w.shape for w in weights}) == 1:
        roles["in_proj_weight"] = np.concatenate(weights)
    else:
        letters = zip("qkv", weights, strict=True)
        roles |= {f"{letter}_proj_weight": array for letter, array in letters}
    if any("bias" in p for p in parts):  # Whisper's keys have none
        biases = [p.get("bias", np.zeros(len(p["weight"]), p["weight"].dtype)) for p in parts]
        roles["in_proj_bias"] = np.concatenate(biases)
    return roles


def _turned(roles: dict[str, Array]) -> dict[str, Array]:
    return {role: array.T for role, array in roles.items()}


def _name_block(found: Layers, attention: str) -> None:
    """Call the layers of a block as those of PyTorch's TransformerEncoderLayer are called."""
    for names in BLOCKS:
        stem = attention.removesuffix(names[0])
        inside = {f"{stem}{name}": there for name, there in zip(names, ENCODER, strict=True)}
        if stem != attention and all(path in found for path in inside):
            turned = names[2] == "mlp.c_fc"
            for path, there in inside.items():
                roles = found.pop(path)
                found[f"{stem}{there}"] = _turned(roles) if turned and "linear" in there else roles
            return
