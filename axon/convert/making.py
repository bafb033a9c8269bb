"""The arrays of a foreign file become parameters."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from axon.backend import Array, Shape
from axon.convert.flattening import READS_ROWS, UNKNOWN, flattened, foreign_order
from axon.convert.matching import matched
from axon.convert.mismatch import ForeignWeightsError
from axon.convert.name_map import Entry, chosen, scoped
from axon.convert.rules import Place, Rule, Slot, slots_of
from axon.convert.units import Unit, keras_units, torch_units
from axon.layers.preprocessing import Normalization
from axon.layers.transformer import TransformerBlock
from axon.names import suggestion

Assigned = dict[tuple[str, int], Unit]  # by path of the layer, and part


class Making:
    """Makes the parameters of a model.

    Args:
        model: built already.
        source: "torch" or "keras".
        places: its layers.
        arrays: the weights by foreign name.
        strict: False leaves out what finds no partner.
    """

    def __init__(
        self,
        model: Any,
        source: str,
        places: Sequence[Place],
        arrays: Mapping[str, Array],
        strict: bool,
    ) -> None:
        self.places, self.arrays, self.strict, self.source = places, arrays, strict, source
        self.flat: dict[int, Shape] = flattened(model) if source == "torch" else {}
        self.units: list[Unit] = []
        self.taken: list[Array] = []  # of which parameters were made
        self.named = {**model.named_parameters(), **model.named_buffers()}

    def run(self, given: dict[str, Entry]) -> dict[str, Array]:
        """Make all parameters, by path, as the name map and the matching say."""
        alone = {path: entry for path, entry in given.items() if path in self.named}
        made = {path: self._single(path, entry) for path, entry in alone.items()}
        used = {name for entry in alone.values() for name in entry.names}
        places = [
            p._replace(rules={n: r for n, r in p.rules.items() if f"{p.path}/{n}" not in alone})
            for p in self.places
        ]
        self.units = units = self._units(used)
        if not any(unit.kind == "normalization" for unit in units):  # given as arguments there
            places = [p for p in places if not isinstance(p.layer, Normalization)]
        slots = [slot for p in places for slot in slots_of(p)]
        more = {path: entry for path, entry in given.items() if path not in alone}
        pairs = self._assigned(slots, units, more)
        for place in places:
            made |= self._layer(place, pairs)
        return made

    def unexpected(self) -> list[str]:
        """The names of arrays, in layers of the file, of which no parameter was made."""
        taken = {id(array) for array in self.taken}
        held = [array for unit in self.units for array in unit.arrays.values()]
        left = [array for array in held if id(array) not in taken]
        return [
            name
            for name, array in self.arrays.items()
            if any(np.may_share_memory(array, other) for other in left)
        ]

    def _units(self, used: set[str]) -> list[Unit]:
        """The layers of the file, without the arrays that were given away one by one."""
        arrays = {name: array for name, array in self.arrays.items() if name not in used}
        if self.source == "keras":
            return keras_units(arrays)
        blocks = any(isinstance(p.layer, TransformerBlock) for p in self.places)
        return torch_units(arrays, blocks)

    def _assigned(
        self, slots: list[Slot], units: list[Unit], given: Mapping[str, Entry]
    ) -> Assigned:
        """The unit of each slot: first those that the name map speaks of, the deepest first."""
        pairs: Assigned = {}
        for key in sorted(given, key=len, reverse=True):
            inside, there = scoped(key, slots), chosen(given[key], units)
            self._note(key, given[key], inside)
            pairs |= self._matched(inside, there)
            slots = [s for s in slots if s not in inside]
            units = [u for u in units if u not in there]
        return pairs | self._matched(slots, units)

    def _matched(self, slots: list[Slot], units: list[Unit]) -> Assigned:
        found = matched(slots, units, self.strict)
        return {(slots[i].path, slots[i].part): unit for i, unit in found.items()}

    def _note(self, key: str, entry: Entry, slots: list[Slot]) -> None:
        """Take note of what the map says about a layer."""
        if entry.function is not None:
            raise ForeignWeightsError(
                f"name_map: a function makes one parameter, but {key!r} is a layer. Name the "
                f"parameter: {', '.join(repr(n) for n in self.named if n.startswith(key))}."
            )
        if entry.flattened is not None:
            readers = [s for s in slots if isinstance(s.layer, READS_ROWS)]
            if len(slots) != 1 or not readers:
                raise ForeignWeightsError(
                    f"name_map: a shape before flattening says how the rows of one Dense (or "
                    f"normalization) lie, but {key!r} is something else."
                )
            self.flat[id(slots[0].layer)] = entry.flattened

    # -------------------------------------------------------------------------- one layer

    def _layer(self, place: Place, pairs: Assigned) -> dict[str, Array]:
        """The parameters of one layer, as far as its parts were found."""
        made = {}
        for name, rule in place.rules.items():
            units = [pairs.get((place.path, s.part)) for s in rule.sources]
            if all(unit is not None for unit in units):
                parts = zip(rule.sources, units, strict=True)
                given = [unit.arrays.get(s.role) for s, unit in parts if unit]
                self.taken += [array for array in given if array is not None]
                values = rule.make(*given)
                made[f"{place.path}/{name}"] = self._in_our_order(place, name, values)
        if isinstance(place.layer, Normalization) and made:
            _demand_same(place, made)
            return {}
        return made

    def _in_our_order(self, place: Place, name: str, values: Array) -> Array:
        """Rows that were flattened from C, H, W."""
        shape = self.flat.get(id(place.layer))
        if not shape or name == "bias":  # the order of a Dense's neurons is not touched
            return values
        if shape == UNKNOWN:
            parameter = f"{place.path}/{name}"
            raise ForeignWeightsError(
                f"{place.path!r} reads images that were flattened, and then cut, joined or turned: "
                f"which of its rows is which in PyTorch, where channels come first, is not known. "
                f"Say name_map={{{parameter!r}: (name, function)}}, or, if the order is the same "
                f"on both sides, name_map={{{place.path!r}: (name, None)}}."
            )
        if prod(shape) != len(values):
            raise ForeignWeightsError(
                f"name_map: {place.path!r} reads {len(values)} numbers, which cannot have been "
                f"flattened from {shape}."
            )
        return foreign_order(values, shape)

    def _single(self, path: str, entry: Entry) -> Array:
        """One parameter, from the arrays that the map names for it."""
        given = [self._array(name) for name in entry.names]
        values = entry.function(*given) if entry.function else self._by_rule(path, entry, given)
        values, wanted = np.asarray(values), self.named[path].shape
        if values.shape != wanted:
            shapes = ", ".join(str(a.shape) for a in given)
            raise ForeignWeightsError(
                f"name_map: {path!r} has shape {wanted}, but {', '.join(entry.names)}, of shape "
                f"{shapes}, becomes {values.shape}. A function can change that: "
                f"{{{path!r}: ({entry.names[0]!r}, function)}}."
            )
        return values

    def _by_rule(self, path: str, entry: Entry, given: list[Array]) -> Array:
        """What the layer's rule makes of arrays, if they are those that it is for."""
        place, rule = self._rule(path)
        if rule is None or place is None:
            return given[0]
        needed = [s for s in rule.sources if not s.optional]
        if [s.shape for s in needed] != [a.shape for a in given]:
            roles = ", ".join(f"{s.role} {s.shape}" for s in needed)
            shapes = ", ".join(f"{n} {a.shape}" for n, a in zip(entry.names, given, strict=True))
            raise ForeignWeightsError(
                f"name_map: {path!r} is made of {roles}, got {shapes}. Otherwise give a function "
                f"that makes it: {{{path!r}: ({entry.names[0]!r}, function)}}."
            )
        values = iter(given)
        made = rule.make(*(None if s.optional else next(values) for s in rule.sources))
        if entry.flattened is not None:
            self.flat[id(place.layer)] = entry.flattened
        return self._in_our_order(place, path.rpartition("/")[2], made)

    def _rule(self, path: str) -> tuple[Place | None, Rule | None]:
        for place in self.places:
            for name, rule in place.rules.items():
                if f"{place.path}/{name}" == path:
                    return place, rule
        return None, None

    def _array(self, name: str) -> Array:
        if name not in self.arrays:
            hint = suggestion(name, list(self.arrays))
            raise ForeignWeightsError(f"name_map: the file has no array {name!r}.{hint}")
        return self.arrays[name]


def _demand_same(place: Place, made: Mapping[str, Array]) -> None:
    """Mean and variance are arguments here, and cannot be loaded: they have to be equal."""
    layer = place.layer
    for name in ("mean", "variance"):
        if not np.allclose(made[f"{place.path}/{name}"], getattr(layer, name), 1e-4, 1e-6):
            raise ForeignWeightsError(
                f"{place.path!r} has another {name} than the file. In AXON mean and variance are "
                "arguments, Normalization(mean, variance), not weights: take them from "
                "axon.convert.read_keras(path)."
            )
