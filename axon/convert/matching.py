"""Which layer of a file belongs to which layer of a model."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from axon.convert.mismatch import fits, misfit
from axon.convert.rules import Slot
from axon.convert.units import Unit, natural, orderly
from axon.layers.module import snake_case

Pairs = dict[int, Unit]  # by the number of the slot
Numbered = list[tuple[int, Slot]]


def fitting(unit: Unit, slot: Slot) -> bool:
    """Whether the arrays of a layer are those that the other needs."""
    return fits(unit, slot, snake_case(type(slot.layer).__name__))


def matched(slots: Sequence[Slot], units: Sequence[Unit], strict: bool = True) -> Pairs:
    """Find the unit of each slot: by names where both sides use the same, otherwise by order.

    Args:
        slots: what the model wants, in the order of its layers.
        units: what the file has.
        strict: False takes what belongs together beyond doubt, and leaves the rest alone.

    Raises:
        ForeignWeightsError: something is left over on either side, or it is not clear which is
            which.
    """
    return _by_names(list(enumerate(slots)), list(units), strict)


def _by_names(slots: Numbered, units: list[Unit], strict: bool, depth: int = 0) -> Pairs:
    """Go down as long as both sides have parts of the same names; the rest is left to the order.

    A name that only this side thought of, such as dense_1 in a Sequential, counts if all agree.
    """
    skip = _shared([unit.key for unit in units])
    theirs = _grouped(units, lambda unit: unit.key[skip:])
    ours = _grouped(slots, lambda item: item[1].key[depth:])
    if ours.keys() != theirs.keys():  # not called as the other library would do by itself
        ours = _grouped(slots, lambda item: tuple(item[1].path.split("/"))[depth:])
    alike = ours.keys() == theirs.keys()
    both = [n for n in ours if n in theirs and (alike or _chosen(ours[n], depth))]
    if "" in ours or "" in theirs or not both:
        if len(ours) == 1 and "" not in ours:  # a model inside a model
            return _by_names(slots, units, strict, depth + 1)
        return _by_order(slots, units, strict)
    found: Pairs = {}
    for name in both:
        deeper = [u._replace(key=u.key[skip + 1 :]) for u in theirs.pop(name)]
        found |= _by_names(ours.pop(name), deeper, strict, depth + 1)
    others = [u for group in theirs.values() for u in group]
    return found | _by_order([slot for group in ours.values() for slot in group], others, strict)


def _chosen(group: Numbered, depth: int) -> bool:
    return all(slot.chosen[depth] for _, slot in group)


def _grouped(items: Sequence[Any], key: Callable[[Any], tuple[str, ...]]) -> dict[str, list[Any]]:
    groups: dict[str, list[Any]] = defaultdict(list)
    for item in items:
        groups[next(iter(key(item)), "")].append(item)
    return groups


def _shared(keys: list[tuple[str, ...]]) -> int:
    """How many names all keys begin with: what a wrapper has put before them."""
    depth = 0
    while len({key[: depth + 1] for key in keys}) == 1 and all(len(k) > depth + 1 for k in keys):
        depth += 1
    return depth


def _by_order(slots: Numbered, units: list[Unit], strict: bool) -> Pairs:
    """One after another, if numbers in the names tell the order; otherwise by kinds and shapes."""
    ordered = sorted(units, key=lambda unit: natural(unit.key))
    if not (slots and units and orderly(units)):
        return _by_shape(slots, ordered, strict)
    wanted = [slot for _, slot in slots]
    pairs = zip(slots, ordered, strict=False)
    same = next(
        (i for i, ((_, slot), unit) in enumerate(pairs) if not fitting(unit, slot)),
        min(len(slots), len(units)),
    )
    if strict and not same == len(slots) == len(units):
        alone = len(slots) == len(units) == 1
        many = "the layers of the file, in the order of their numbers, are not those of the model:"
        what = f"{ordered[0].name!r} does not fit {wanted[0].path!r}:" if alone else many
        raise misfit(what, ordered, wanted, same, MAP)
    return {i: unit for (i, _), unit in list(zip(slots, ordered, strict=False))[:same]}


MAP = 'If they belong together in another way, say which: name_map={"dense": "fc1", ...}.'


def _by_shape(slots: Numbered, units: list[Unit], strict: bool) -> Pairs:
    """What only one can be, it is; of several alike, numbers in the names tell the order."""
    found: Pairs = {}
    left, waiting = list(units), list(slots)
    while True:
        groups: dict[tuple[str, ...], Numbered] = defaultdict(list)
        for i, slot in waiting:
            groups[tuple(u.name for u in left if fitting(u, slot))].append((i, slot))
        sure = [(names, group) for names, group in groups.items() if len(names) == len(group)]
        if not sure:
            break
        for names, group in sure:
            alike = [u for u in left if u.name in names]
            if len(alike) > 1 and not orderly(alike):
                if not strict:
                    groups.pop(names)
                    waiting = [item for item in waiting if item not in group]
                    continue
                raise _unclear(alike, [slot for _, slot in group])
            found |= {i: unit for (i, _), unit in zip(group, alike, strict=True)}
            left = [u for u in left if u.name not in names]
            waiting = [item for item in waiting if item not in group]
    if strict and (waiting or left):
        what = "these layers of the file and of the model find no partner:"
        raise misfit(what, left, [slot for _, slot in waiting], hint=MAP)
    return found


def _unclear(units: list[Unit], slots: list[Slot]) -> Exception:
    names = ", ".join(
        f'"{slot.path}": "{unit.name}"' for slot, unit in zip(slots, units, strict=True)
    )
    hint = (
        "Files of weights are sorted by name, so that the order of the layers is lost. Say which "
        f"belongs to which, for example name_map={{{names}}}, if that is so."
    )
    return misfit("it is not clear which of these layers is which:", units, slots, hint=hint)
