"""Weights of another library become a model's own."""

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from axon.backend import Array
from axon.convert import keras, torch
from axon.convert.flattening import READS_ROWS, UNKNOWN, flattened, foreign_order
from axon.convert.match import (
    Entry,
    ForeignWeightsError,
    NameMap,
    Pairs,
    entries,
    fits,
    groups_at,
    matched,
    parts_at,
)
from axon.convert.rules import ArrayGroup, LayerRule, Part, Target, targets_of
from axon.core import Tensor
from axon.layers.attention import TransformerBlock
from axon.layers.heads import Heads
from axon.layers.model_like import ModelLike
from axon.layers.preprocessing import Normalization
from axon.layers.state import Loaded
from axon.names import resolve, suggestion
from axon.parameter import Parameter

LIBRARIES = {"torch": "torch", "pytorch": "torch", "keras": "keras"}


def translate(
    model: ModelLike,
    arrays: Mapping[str, Any],
    name_map: NameMap | None = None,
    source: str | None = None,
    strict: bool = True,
) -> dict[str, Array]:
    """Turn weights of PyTorch or Keras into those of a model, which is not changed.

    Layers are matched by name where both sides use the same names; otherwise by the order of the
    numbers in the foreign names, or, where these say nothing, by class and shape. What is not
    clear is an error, never a guess.

    Args:
        model: built already.
        arrays: the weights, by their names in the other library.
        name_map: what belongs where: a dict AXON's path -> foreign name, or a function of a layer's
            path that returns the foreign name, or None to leave it to the matching. Instead of a
            name: ``[name, name]`` for a layer that is two there; ``(name, (C, H, W))`` for one
            whose inputs were flattened from that shape, ``(name, None)`` if they were flattened in
            AXON's order; ``(name, function)`` for a parameter that function makes of the array.
        source: "torch" or "keras"; None to tell it from the names.
        strict: False leaves out what finds no partner.

    Returns:
        AXON's names and layouts, as ``model.load_state_dict`` takes them.

    Raises:
        ForeignWeightsError: they do not fit, or it is not clear what belongs where; both sides are
            shown. A ValueError.
        RuntimeError: the sizes of the model are not known yet.

    >>> from axon.layers import Dense
    >>> from axon.models import Sequential
    >>> linear = {"0.weight": np.ones((2, 3)), "0.bias": np.zeros(2)}  # (out, in)
    >>> {name: a.shape for name, a in translate(Sequential([Dense(3, 2)]), linear).items()}
    {'dense/weights': (3, 2), 'dense/bias': (2,)}
    """
    return translated(model, arrays, name_map, source, strict)[0]


def translated(
    model: ModelLike,
    arrays: Mapping[str, Any],
    name_map: NameMap | None = None,
    source: str | None = None,
    strict: bool = True,
) -> tuple[dict[str, Array], list[str], list[str]]:
    """What ``translate`` returns; the names of what is left of the file; what was reordered."""
    if model.input_shape is None:
        raise RuntimeError(
            f"model {model.name!r} is not built: its weights have no shapes yet. Call "
            "model.build(shape) with the shape of one sample."
        )
    wanted: dict[str, Tensor] = {**model.named_parameters(), **model.named_buffers()}
    given = {name: np.asarray(array) for name, array in arrays.items()}
    ours = all(name in given and given[name].shape == t.shape for name, t in wanted.items())
    if source is None and name_map is None and ours:
        left = [n for n in given if n not in wanted]
        return {name: given[name] for name in wanted}, left, []
    source = resolve("source", source, LIBRARIES) if source else _told_source(given)
    translation = Translation(model, source, given, wanted)
    made = translation.run(name_map, strict)
    if source == "torch":
        torch.warn(model)
    return translation.completed(made, strict), translation.unexpected(), translation.reordered()


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
    if keras.wrote(names):
        return "keras"
    return "torch" if torch.wrote(names) else None


def _told_source(arrays: Mapping[str, Array]) -> str:
    found = source_of(arrays)
    if found is None:
        raise ForeignWeightsError(
            "these weights have neither AXON's names for this model nor those of a library that it "
            f"knows: {', '.join(map(repr, list(arrays)[:5]))}. Say where they are from: "
            "source='torch' or source='keras'."
        )
    return found


class LoadedFromElsewhere(Loaded):
    """What did not fit, and what lies otherwise in the other library than here.

    Attributes:
        reordered: a line of words for each layer whose numbers stand in another order there.
    """

    reordered: list[str]

    @classmethod
    def of(cls, loaded: Loaded, reordered: list[str]) -> "LoadedFromElsewhere":
        """The same, and what was reordered."""
        made = cls(*loaded)
        made.reordered = reordered
        return made

    def __repr__(self) -> str:
        return f"{super().__repr__()[:-1]}, reordered={self.reordered})"


class Translation:
    """Makes the parameters of a model from the arrays of a file.

    Args:
        model: built already.
        source: "torch" or "keras".
        arrays: the weights by foreign name.
        tensors: those of the model by path.
    """

    def __init__(
        self,
        model: ModelLike,
        source: str,
        arrays: Mapping[str, Array],
        tensors: Mapping[str, Tensor],
    ) -> None:
        self.source, self.arrays, self.tensors = source, arrays, tensors
        library = keras if source == "keras" else torch
        self.targets = targets_of(model, library.RECIPES, by_type=source == "keras")
        self.flattened = flattened(model) if source == "torch" else {}
        self.groups: list[ArrayGroup] = []
        self.used: list[Array] = []

    def run(self, name_map: NameMap | None, strict: bool) -> dict[str, Array]:
        """Make all parameters, by path, as the name map and the matching say."""
        given = entries(name_map, [target.path for target in self.targets])
        alone = {path: given.pop(path) for path in list(given) if path in self.tensors}
        made = {path: self._parameter(path, entry) for path, entry in alone.items()}
        self.groups = self._groups({name for entry in alone.values() for name in entry.names})
        targets = [
            t._replace(rules={n: r for n, r in t.rules.items() if f"{t.path}/{n}" not in alone})
            for t in self.targets
        ]
        if not any(group.layer_type == "normalization" for group in self.groups):
            targets = [t for t in targets if not isinstance(t.layer, Normalization)]  # arguments
        pairs = self._pairs([part for t in targets for part in t.parts()], given, strict)
        for target in targets:
            made |= self._layer(target, pairs)
        return made

    def completed(self, made: Mapping[str, Array], strict: bool) -> dict[str, Array]:
        """All that the model has, in its types; layers that stand in it twice have several paths.

        What no other library has, such as the random keys of Dropout, stays as it is.
        """
        by_tensor = {id(self.tensors[path]): array for path, array in made.items()}
        found = {}
        for path, tensor in self.tensors.items():
            if id(tensor) in by_tensor:
                with np.errstate(over="ignore"):
                    found[path] = np.array(by_tensor[id(tensor)], tensor.dtype, order="C")
            elif not isinstance(tensor, Parameter):
                found[path] = tensor.data.copy()
            elif strict:
                known = ", ".join(target.path for target in self.targets)
                raise ForeignWeightsError(
                    f"{path!r} belongs to a layer that has no counterpart in other libraries "
                    f"(those with one: {known}). Say what it is made of: "
                    f"name_map={{{path!r}: (name, function)}}."
                )
        return found

    def reordered(self) -> list[str]:
        """What lies otherwise there than here, in words, a line for each layer."""
        lines = []
        for target in self.targets:
            shape = self.flattened.get(id(target.layer)) or ()
            if shape and shape != UNKNOWN:
                lines.append(f"{target.path}: rows from {shape}, channels first, to channels last")
            if self.source == "torch" and (said := torch.reordered(target.layer)):
                lines.append(f"{target.path}: {said}")
        return lines

    def unexpected(self) -> list[str]:
        """The names of arrays, in layers of the file, of which no parameter was made."""
        used = {id(array) for array in self.used}
        held = [array for group in self.groups for array in group.arrays.values()]
        left = [array for array in held if id(array) not in used]
        return [
            name
            for name, array in self.arrays.items()
            if any(np.may_share_memory(array, other) for other in left)
        ]

    def _groups(self, given_away: set[str]) -> list[ArrayGroup]:
        """The layers of the file, without the arrays that were given away one by one."""
        arrays = {name: array for name, array in self.arrays.items() if name not in given_away}
        if self.source == "keras":
            return keras.groups(arrays)
        types = {type(target.layer) for target in self.targets}
        blocks = any(issubclass(t, TransformerBlock) for t in types)
        attention = blocks or any(issubclass(t, Heads) for t in types)
        return torch.groups(arrays, blocks, attention)

    def _pairs(self, parts: list[Part], given: Mapping[str, Entry], strict: bool) -> Pairs:
        """The group of each part: first those that the name map speaks of, the deepest first."""
        groups = self.groups
        pairs: Pairs = {}
        for path in sorted(given, key=len, reverse=True):
            inside, there = parts_at(path, parts), groups_at(given[path].names, groups)
            self._note(path, given[path], inside)
            pairs |= _listed(inside, there) or matched(inside, there, strict)
            ids, names = {part.id for part in inside}, {group.name for group in there}
            parts = [part for part in parts if part.id not in ids]
            groups = [group for group in groups if group.name not in names]
        return pairs | matched(parts, groups, strict)

    def _note(self, path: str, entry: Entry, parts: Sequence[Part]) -> None:
        """Take note of what the map says about a layer."""
        if entry.function is not None:
            known = ", ".join(repr(name) for name in self.tensors if name.startswith(path))
            raise ForeignWeightsError(
                f"name_map: a function makes one parameter, but {path!r} is a layer. Name the "
                f"parameter: {known}."
            )
        if entry.flattened is not None:
            if len(parts) != 1 or not isinstance(parts[0].target.layer, READS_ROWS):
                raise ForeignWeightsError(
                    f"name_map: a shape before flattening says how the rows of one Dense (or "
                    f"normalization) lie, but {path!r} is something else."
                )
            self.flattened[id(parts[0].target.layer)] = entry.flattened

    def _layer(self, target: Target, pairs: Pairs) -> dict[str, Array]:
        """The parameters of one layer, as far as its parts were found."""
        made = {}
        for name, rule in target.rules.items():
            groups = [pairs.get((target.path, need.part)) for need in rule.needs]
            given = [g and g.arrays.get(n.role) for g, n in zip(groups, rule.needs, strict=True)]
            if all(groups):
                self.used += [array for array in given if array is not None]
                made[f"{target.path}/{name}"] = self._in_our_order(target, name, rule.make(*given))
        if isinstance(target.layer, Normalization) and made:
            _demand_same(target, made)
            return {}
        return made

    def _in_our_order(self, target: Target, name: str, values: Array) -> Array:
        """Rows that were flattened from C, H, W."""
        shape = self.flattened.get(id(target.layer))
        if not shape or name == "bias":  # the order of a Dense's neurons is not touched
            return values
        if shape == UNKNOWN:
            parameter = f"{target.path}/{name}"
            raise ForeignWeightsError(
                f"{target.path!r} reads images that were flattened, and then cut, joined or turned:"
                f" which of its rows is which in PyTorch, where channels come first, is not known. "
                f"Say name_map={{{parameter!r}: (name, function)}}, or, if the order is the same "
                f"on both sides, name_map={{{target.path!r}: (name, None)}}."
            )
        if prod(shape) != len(values):
            raise ForeignWeightsError(
                f"name_map: {target.path!r} reads {len(values)} numbers, which cannot have been "
                f"flattened from {shape}."
            )
        return foreign_order(values, shape)

    def _parameter(self, path: str, entry: Entry) -> Array:
        """One parameter, from the arrays that the map names for it."""
        given = [self._array(name) for name in entry.names]
        rules = {f"{t.path}/{n}": (t, n, rule) for t in self.targets for n, rule in t.rules.items()}
        if entry.function:
            values = np.asarray(entry.function(*given))
        elif path in rules:
            target, name, rule = rules[path]
            if entry.flattened is not None:
                self.flattened[id(target.layer)] = entry.flattened
            values = self._in_our_order(target, name, _by_rule(path, rule, entry, given))
        else:
            values = given[0]
        wanted = self.tensors[path].shape
        if values.shape != wanted:
            shapes = ", ".join(str(array.shape) for array in given)
            raise ForeignWeightsError(
                f"name_map: {path!r} has shape {wanted}, but {', '.join(entry.names)}, of shape "
                f"{shapes}, becomes {values.shape}. A function can change that: "
                f"{{{path!r}: ({entry.names[0]!r}, function)}}."
            )
        return values

    def _array(self, name: str) -> Array:
        if name not in self.arrays:
            hint = suggestion(name, list(self.arrays))
            raise ForeignWeightsError(f"name_map: the file has no array {name!r}.{hint}")
        return self.arrays[name]


def _listed(parts: Sequence[Part], groups: Sequence[ArrayGroup]) -> Pairs:
    """The groups of one layer's parts in the order in which they were listed, if they fit."""
    alone = len({part.path for part in parts}) == 1 and len(parts) == len(groups)
    pairs = list(zip(parts, groups, strict=True)) if alone else []
    return {p.id: group for p, group in pairs} if all(fits(g, p) for p, g in pairs) else {}


def _by_rule(path: str, rule: LayerRule, entry: Entry, given: Sequence[Array]) -> Array:
    """What the layer's rule makes of arrays, if they are those that it is for."""
    needed = [need for need in rule.needs if not need.optional]
    if [need.shape for need in needed] != [array.shape for array in given]:
        roles = ", ".join(f"{need.role} {need.shape}" for need in needed)
        shapes = ", ".join(f"{n} {a.shape}" for n, a in zip(entry.names, given, strict=True))
        raise ForeignWeightsError(
            f"name_map: {path!r} is made of {roles}, got {shapes}. Otherwise give a function "
            f"that makes it: {{{path!r}: ({entry.names[0]!r}, function)}}."
        )
    values = iter(given)
    return rule.make(*(None if need.optional else next(values) for need in rule.needs))


def _demand_same(target: Target, made: Mapping[str, Array]) -> None:
    """Mean and variance are arguments here, and cannot be loaded: they have to be equal."""
    for name in ("mean", "variance"):
        here = getattr(target.layer, name)
        if not np.allclose(made[f"{target.path}/{name}"], here, 1e-4, 1e-6):
            raise ForeignWeightsError(
                f"{target.path!r} has another {name} than the file. In AXON mean and variance are "
                "arguments, Normalization(mean, variance), not weights: take them from "
                "axon.convert.read_keras(path)."
            )
