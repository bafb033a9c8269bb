"""What a foreign file holds: its arrays, put together into layers, each array in its role."""

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import NamedTuple

from axon.backend import Array
from axon.convert.keras_rules import KINDS

TORCH_ROLES = {
    *("weight", "bias", "running_mean", "running_var"),
    *("weight_ih", "weight_hh", "bias_ih", "bias_hh", "bias_k", "bias_v"),
    *("in_proj_weight", "in_proj_bias", "q_proj_weight", "k_proj_weight", "v_proj_weight"),
}
RECURRENT = re.compile(r"((?:weight|bias)_(?:ih|hh|hr))_l(\d+)(_reverse)?")
ENCODER = ("self_attn", "linear1", "linear2", "norm1", "norm2")  # inside a TransformerEncoderLayer
KERAS_ORDER = (  # how Keras 2 calls what Keras 3 numbers, in that order
    *("kernel", "depthwise_kernel", "pointwise_kernel", "recurrent_kernel", "embeddings", "gamma"),
    *("scale", "bias", "beta", "moving_mean", "moving_variance", "mean", "variance", "count"),
)
KERAS_CHILD = re.compile(
    r"(.*?)(?:^|/)((?:(?:forward_layer|backward_layer)/)?cell|\w+_dense|layer)"
)
OLD_CHILDREN = {
    **{part: f"{part}_dense" for part in ("query", "key", "value")},
    "attention_output": "output_dense",
}
OLD_CELL = re.compile(r"(simple_rnn|lstm|gru)_cell(_\d+)?")
OLD_WAY = re.compile(r"(forward|backward)_")


class Unit(NamedTuple):
    """A layer in a foreign file."""

    name: str  # what its arrays' names begin with
    key: tuple[str, ...]  # its path, without what Keras inserts
    kind: str | None  # its class, if the file says so and AXON has one of that name
    arrays: dict[str, Array]  # by role

    def __str__(self) -> str:
        shapes = ", ".join(f"{role} {array.shape}" for role, array in self.arrays.items())
        return f"{self.name}: {shapes}" if self.name else shapes


def natural(key: Iterable[str]) -> list[list[tuple[int, str]]]:
    """What to sort by, so that 10 comes after 2.

    >>> sorted(["conv10", "conv2", "bn"], key=lambda name: natural([name]))
    ['bn', 'conv2', 'conv10']
    """
    return [
        [(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in re.split(r"(\d+)", k)]
        for k in key
    ]


def orderly(units: list[Unit]) -> bool:
    """Whether names tell the order: where two of them differ first, they differ in a number.

    Files of weights do not keep the order of the layers: names are sorted as they are written.
    """
    ordered = sorted(units, key=lambda unit: natural(unit.key))
    return all(_numbered(a.key, b.key) for a, b in pairwise(ordered))


def _numbered(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    differing = next(((x, y) for x, y in zip(a, b, strict=False) if x != y), None)
    if differing is None:
        return False
    stems = [re.sub(r"_?\d+$", "", name) for name in differing]
    return stems[0] == stems[1]


# ------------------------------------------------------------------------------------ PyTorch


def torch_units(arrays: Mapping[str, Array], encoders: bool = False) -> list[Unit]:
    """Put the arrays of a ``state_dict`` together into layers.

    Args:
        arrays: by name.
        encoders: whether a TransformerEncoderLayer is one layer, or several.

    >>> import numpy as np
    >>> print(*torch_units({"fc.bias": np.zeros(2), "fc.weight": np.zeros((2, 3))}))
    fc: bias (2,), weight (2, 3)
    """
    found: dict[str, dict[str, str]] = {}
    for name in arrays:
        path, role = _torch_place(name)
        if role != "num_batches_tracked":
            found.setdefault(path, {})[role] = name
    _fold_attention(found)
    if encoders:
        _fold_encoders(found)
    for path in [p for p in found if p.endswith("l0")]:  # an LSTM of one layer has no numbers
        stem = path.removesuffix("l0").removesuffix(".")
        alone = f"{stem}.l1".strip(".") not in found
        if alone and any(role.startswith("weight_ih") for role in found[path]):
            found[stem] = found.pop(path)
    units = [_unit(p, tuple(p.split(".")), None, roles, arrays) for p, roles in found.items()]
    for unit in (u for u in units if u.name in arrays):  # parameters by themselves
        array = unit.arrays["weight"]
        unit.arrays["weight"] = array[0] if array.ndim > 2 and len(array) == 1 else array
    return sorted(units, key=lambda unit: natural(unit.key))


def _torch_place(name: str) -> tuple[str, str]:
    """Of ``lstm.weight_ih_l1_reverse``: the layer ``lstm.l1`` and the role in it."""
    path, _, last = name.rpartition(".")
    recurrent = RECURRENT.fullmatch(last)
    if recurrent:
        role, number, back = recurrent.groups()
        return f"{path}.l{number}".lstrip("."), f"{role}{back or ''}"
    if last in TORCH_ROLES or last == "num_batches_tracked":
        return path, last
    return name, "weight"  # a parameter by itself


def _fold_attention(found: dict[str, dict[str, str]]) -> None:
    """A MultiheadAttention keeps its last projection in a layer inside it."""
    for path, roles in list(found.items()):
        inner = f"{path}.out_proj".lstrip(".")
        if any("_proj_" in role for role in roles) and inner in found:
            roles.update((f"out_proj.{role}", name) for role, name in found.pop(inner).items())


def _fold_encoders(found: dict[str, dict[str, str]]) -> None:
    marked = [path.removesuffix("self_attn") for path in found if path.endswith("self_attn")]
    for stem in marked:
        if all(f"{stem}{part}" in found for part in ENCODER):
            found[stem.rstrip(".")] = {
                f"{part}.{role}": name
                for part in ENCODER
                for role, name in found.pop(f"{stem}{part}").items()
            }


def _unit(
    name: str,
    key: tuple[str, ...],
    kind: str | None,
    roles: Mapping[str, str],
    arrays: Mapping[str, Array],
) -> Unit:
    key = tuple(k for k in key if k)
    return Unit(name, key, kind, {role: arrays[n] for role, n in roles.items()})


# ------------------------------------------------------------------------------------ Keras


def keras_units(arrays: Mapping[str, Array]) -> list[Unit]:
    """Put the arrays of a Keras file together into layers; the optimizer's are left out.

    >>> import numpy as np
    >>> names = "layers/lstm/cell/vars/0", "optimizer/vars/0", "layers/dense/vars/0"
    >>> print(*keras_units({name: np.zeros((2, 8)) for name in names}), sep=", ")
    layers/dense: 0 (2, 8), layers/lstm: cell/0 (2, 8)
    """
    new = any("vars" in name.split("/")[-2:-1] for name in arrays)
    found: dict[str, dict[str, str]] = {}
    for name in arrays:
        if name.startswith(("optimizer", "_optimizer")) or "seed_generator" in name:
            continue
        path, role = _keras_place(name) if new else _old_place(name)
        found.setdefault(path, {})[role] = name
    if not new:
        found = {path: _renumbered(roles) for path, roles in found.items()}
    units = [
        _unit(path, *_keras_key(path, new), roles, arrays) for path, roles in sorted(found.items())
    ]
    return sorted(units, key=lambda unit: natural(unit.key))


def _keras_place(name: str) -> tuple[str, str]:
    """Of ``layers/lstm/cell/vars/0``: the layer ``layers/lstm`` and the role ``cell/0`` in it."""
    path, _, number = f"/{name}".rpartition("/vars/")
    path = path.lstrip("/")
    inner = KERAS_CHILD.fullmatch(path)
    if inner is None:
        return path, number
    child = "" if inner[2] == "layer" else f"{inner[2]}/"  # of TimeDistributed
    return inner[1], f"{child}{number}"


def _keras_key(path: str, new: bool) -> tuple[tuple[str, ...], str | None]:
    """The path without ``layers``, and the class, which the names of layers in there begin with."""
    parts = path.split("/")
    listed = not new or parts[-2:-1] == ["layers"]
    kind = re.sub(r"_\d+$", "", parts[-1])
    key = tuple(p for p in parts if p != "layers")
    return key, kind if listed and kind in KINDS else None


def _old_place(name: str) -> tuple[str, str]:
    """Of ``lstm/lstm/lstm_cell/kernel:0``: the layer ``lstm``, and the role ``cell/kernel``."""
    whole = name.removeprefix("model_weights/").partition(":")[0]
    layer, *inside, last = [part for part in whole.split("/") if part] + [""] * ("/" not in whole)
    child = ""
    if inside and OLD_CELL.fullmatch(inside[-1]):
        inside.pop()
        way = OLD_WAY.match(inside[-1]) if inside else None
        if way:
            inside.pop()
        child = f"{way[1]}_layer/cell/" if way else "cell/"
    elif inside and inside[-1] in OLD_CHILDREN:
        child = f"{OLD_CHILDREN[inside.pop()]}/"
    while layer in inside:  # what stands before it are the names of models around it
        inside = inside[inside.index(layer) + 1 :]
    return "/".join([layer, *inside]), f"{child}{last}"


def _renumbered(roles: Mapping[str, str]) -> dict[str, str]:
    """Roles by number, as Keras 3 writes them."""
    by_group: dict[str, list[str]] = {}
    for role in sorted(roles, key=_place_in_order):
        group = role.rpartition("/")[0]
        by_group.setdefault(group, []).append(role)
    return {
        f"{group}/{i}".lstrip("/"): roles[role]
        for group, members in by_group.items()
        for i, role in enumerate(members)
    }


def _place_in_order(role: str) -> int:
    last = role.rpartition("/")[2]
    return KERAS_ORDER.index(last) if last in KERAS_ORDER else len(KERAS_ORDER)


# ------------------------------------------------------------------------------------ which


def source_of(arrays: Iterable[str]) -> str | None:
    """Whose names these are: "torch", "keras", or None: AXON's own, or nobody knows.

    Args:
        arrays: the names, or a dict by name.

    >>> source_of(["0.weight", "0.bias"]), source_of(["layers/dense/vars/0"])
    ('torch', 'keras')
    >>> source_of(["dense/weights", "dense/bias"]) is None
    True
    """
    names = list(arrays)
    if any(re.search(r"(^|/)vars/\d+$", n) or re.search(r"/\w+:0$", n) for n in names):
        return "keras"
    if any(n.startswith("model_weights/") or n.endswith("/kernel") for n in names):
        return "keras"
    lasts = [n.rpartition(".")[2] for n in names if "/" not in n]
    known = [x for x in lasts if x in TORCH_ROLES or RECURRENT.fullmatch(x)]
    return "torch" if known else None
