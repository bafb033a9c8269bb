"""Which layers of a file belong to which layers of a model: by name, by order, or by shape.

Where this does not tell, a *name map* does. Its keys are AXON's names, its values foreign ones:

    {"dense": "fc1"}                            a layer: the foreign layer
    {"encoder": "model.enc"}                    a model inside: what is matched among itself
    {"conv": ["depthwise", "pointwise"]}        a layer that is several there
    {"dense": ("fc1", (64, 7, 7))}              its inputs were flattened from C, H, W there
    {"dense": ("fc1", None)}                    they were flattened as they are here
    {"dense/weights": "fc1.weight"}             a parameter: the foreign array
    {"dense/weights": ("w1", function)}         what function(array) makes of it
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, pairwise, takewhile, zip_longest
from typing import Any, NamedTuple, TypeVar

from axon.backend import Shape
from axon.convert.rules import ArrayGroup, Part, ordered, type_name
from axon.names import printable, suggestion

T = TypeVar("T")
NameMap = Mapping[str, Any] | Callable[[str], Any]
MOST_ROWS, WIDTH = 8, 58  # of the table in an error, at most


class ForeignWeightsError(ValueError):
    """Weights of another library do not fit the model; the message shows both side by side."""

    def __init__(self, message: str = "") -> None:
        super().__init__(printable(message, keep="\n"))


# ------------------------------------------------------------------------------------ matching


def fits(group: ArrayGroup, part: Part) -> bool:
    """Whether a group has the arrays that a part needs, and no others."""
    if group.layer_type not in (None, type_name(type(part.target.layer))):
        return False
    return part.wants.items() <= group.shapes.items() <= part.takes.items()


def orderly(groups: Sequence[ArrayGroup]) -> bool:
    """Whether names tell the order: where two of them differ first, they differ in a number.

    Files of weights do not keep the order of the layers: names are sorted as they are written.
    """
    return all(_numbered(a.key, b.key) for a, b in pairwise(ordered(groups)))


def _numbered(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    differing = next(((x, y) for x, y in zip(a, b, strict=False) if x != y), None)
    return differing is not None and len({re.sub(r"_?\d+$", "", x) for x in differing}) == 1


Pairs = dict[tuple[str, int], ArrayGroup]  # by the id of a part


def matched(parts: Sequence[Part], groups: Sequence[ArrayGroup], strict: bool = True) -> Pairs:
    """Find the group of each part: by names where both sides use the same, otherwise by order.

    Args:
        parts: what the model wants, in the order of its layers.
        groups: what the file has.
        strict: False takes what belongs together beyond doubt, and leaves the rest alone.

    Raises:
        ForeignWeightsError: something is left over on either side, or it is not clear which is
            which.
    """
    return _by_names(parts, groups, strict, 0, 0)


def _by_names(
    parts: Sequence[Part], groups: Sequence[ArrayGroup], strict: bool, depth: int, skip: int
) -> Pairs:
    """Go down as long as both sides have parts of the same names; the rest is left to the order.

    A name that only this side thought of, such as dense_1 in a Sequential, counts if all agree.
    ``depth`` names of the parts' paths are behind us, and ``skip`` of the groups'.
    """
    skip += _shared([group.key[skip:] for group in groups])
    theirs = _grouped(groups, lambda group: group.key[skip:])
    ours = _grouped(parts, lambda part: part.target.key[depth:])
    if ours.keys() != theirs.keys():  # not called as the other library would do by itself
        ours = _grouped(parts, lambda part: tuple(part.path.split("/"))[depth:])
    alike = ours.keys() == theirs.keys()
    both = [
        name
        for name in ours
        if name in theirs and (alike or all(part.target.chosen[depth] for part in ours[name]))
    ]
    if "" in ours or "" in theirs or not both:
        if len(ours) == 1 and "" not in ours:  # a model inside a model
            return _by_names(parts, groups, strict, depth + 1, skip)
        return _by_order(parts, groups, strict)
    found: Pairs = {}
    for name in both:
        found |= _by_names(ours.pop(name), theirs.pop(name), strict, depth + 1, skip + 1)
    parts, groups = list(chain(*ours.values())), list(chain(*theirs.values()))
    return found | _by_order(parts, groups, strict)


def _grouped(items: Iterable[T], key: Callable[[T], tuple[str, ...]]) -> dict[str, list[T]]:
    groups: dict[str, list[T]] = defaultdict(list)
    for item in items:
        groups[next(iter(key(item)), "")].append(item)
    return groups


def _shared(keys: list[tuple[str, ...]]) -> int:
    """How many names all keys begin with: what a wrapper has put before them."""
    depth = 0
    while len({key[: depth + 1] for key in keys}) == 1 and all(len(k) > depth + 1 for k in keys):
        depth += 1
    return depth


def _by_order(parts: Sequence[Part], groups: Sequence[ArrayGroup], strict: bool) -> Pairs:
    """One after another, if numbers in the names tell the order; otherwise by class and shape."""
    groups = ordered(groups)
    if not (parts and groups and orderly(groups)):
        return _by_shape(parts, groups, strict)
    pairs = takewhile(lambda pair: fits(pair[1], pair[0]), zip(parts, groups, strict=False))
    found = {part.id: group for part, group in pairs}
    if strict and not len(found) == len(parts) == len(groups):
        what = "the layers of the file, in the order of their numbers, are not those of the model:"
        if len(parts) == len(groups) == 1:
            what = f"{groups[0].name!r} does not fit {parts[0].path!r}:"
        raise misfit(what, groups, parts, len(found))
    return found


def _by_shape(parts: Sequence[Part], groups: Sequence[ArrayGroup], strict: bool) -> Pairs:
    """What only one can be, it is; of several alike, numbers in the names tell the order."""
    found: Pairs = {}
    left, waiting = list(groups), list(parts)
    while sure := [(a, b) for a, b in _candidates(waiting, left) if len(a) == len(b)]:
        for alike, options in sure:
            waiting = [part for part in waiting if all(part is not other for other in alike)]
            if len(options) == 1 or orderly(options):
                found |= {p.id: group for p, group in zip(alike, options, strict=True)}
                names = {group.name for group in options}
                left = [group for group in left if group.name not in names]
            elif strict:
                raise _unclear(options, alike)
    if strict and (waiting or left):
        raise misfit("these layers of the file and of the model find no partner:", left, waiting)
    return found


def _candidates(
    parts: list[Part], groups: list[ArrayGroup]
) -> list[tuple[list[Part], list[ArrayGroup]]]:
    """Parts that the same groups fit, with these."""
    alike: dict[tuple[str, ...], list[Part]] = defaultdict(list)
    for part in parts:
        alike[tuple(group.name for group in groups if fits(group, part))].append(part)
    return [(some, [g for g in groups if g.name in names]) for names, some in alike.items()]


# ------------------------------------------------------------------------------------ misfits


def misfit(
    what: str, groups: Sequence[ArrayGroup], parts: Sequence[Part], first: int = 0, hint: str = ""
) -> ForeignWeightsError:
    """Make the error that shows what is left of both.

    Args:
        what: what went wrong.
        groups: layers of the file.
        parts: layers of the model.
        first: the first pair that differs; some before it are shown, too.
        hint: how to mend it; otherwise it is looked for.
    """
    rows = list(zip_longest(groups, parts))[max(first - 2, 0) :]
    if first < min(len(groups), len(parts)):
        hint = _reason(groups[first], parts[first]) or hint
    header = "in the file"
    width = max(len(header), *(len(_short(group)) for group, _ in rows[:MOST_ROWS]))
    lines = [
        f"  {'!' if i >= min(first, 2) else ' '} {_short(group):{width}} | {_short(part)}"
        for i, (group, part) in enumerate(rows[:MOST_ROWS])
    ]
    if len(rows) > MOST_ROWS:
        lines.append(f"    and {len(rows) - MOST_ROWS} more")
    lines.append(hint or _other_way(groups[first:], parts[first:]))
    return ForeignWeightsError(
        "\n".join([what, f"    {header:{width}} | wanted by the model", *lines])
    )


def _short(thing: object) -> str:
    text = "-" if thing is None else str(thing)
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 3]}..."


def _reason(group: ArrayGroup, part: Part) -> str:
    """What may be the reason why these two differ."""
    shapes = group.shapes
    missing, more = part.wants.keys() - shapes.keys(), shapes.keys() - part.takes.keys()
    alike = all(part.takes.get(role, shape) == shape for role, shape in shapes.items())
    if alike and missing and not more and all("bias" in role for role in missing):
        return f"The file has no bias for {part.path!r}: make it with use_bias=False."
    if alike and more and not missing and all("bias" in role for role in more):
        return f"The file has a bias for {part.path!r}, which was made with use_bias=False."
    turned = all(sorted(shape) == sorted(part.wants.get(r, ())) for r, shape in shapes.items())
    if turned and not missing and shapes != part.wants:
        return (
            f"The shapes of {part.path!r} differ in their order only: were the arrays transposed "
            "before they were saved? A function in name_map can turn them back."
        )
    return ""


def _other_way(groups: Sequence[ArrayGroup], parts: Sequence[Part]) -> str:
    if not any(fits(group, part) for group in groups for part in parts):
        return "strict=False loads what fits, and leaves out the rest."
    names = pasted(groups, parts)
    mend = ", with names of the file for the question marks" if '"?"' in names else ""
    return f"If they belong together in another way, say which{mend}: name_map={names}."


def _unclear(groups: Sequence[ArrayGroup], parts: Sequence[Part]) -> ForeignWeightsError:
    hint = (
        "Files of weights are sorted by name, so that the order of the layers is lost. Say which "
        f"belongs to which, for example name_map={pasted(groups, parts)}, if that is so."
    )
    return misfit("it is not clear which of these layers is which:", groups, parts, hint=hint)


# ------------------------------------------------------------------------------------ name maps


def pasted(groups: Iterable[ArrayGroup], parts: Iterable[Part]) -> str:
    """A name map to paste: for each layer the first group that fits, or a question mark."""
    import json

    left = list(groups)
    names: dict[str, list[str]] = {}
    for part in parts:
        number = next((i for i, group in enumerate(left) if fits(group, part)), None)
        name = "?" if number is None else left.pop(number).name
        names[part.path] = [*names.get(part.path, ()), name]
    short = {path: found[0] if len(found) == 1 else found for path, found in names.items()}
    return json.dumps(short, ensure_ascii=False)


class Entry(NamedTuple):
    """One entry: the foreign names; the foreign shape before flattening; a function."""

    names: tuple[str, ...]
    flattened: Shape | None = None  # () is: as here; None: nothing was said
    function: Callable[..., Any] | None = None


def entries(name_map: NameMap | None, paths: Iterable[str]) -> dict[str, Entry]:
    """Read a name map; a function is asked for each layer, and says None to leave it alone.

    Raises:
        TypeError: a value is none of those that the notation knows.

    >>> entries({"dense": ("fc1", (64, 7, 7))}, [])
    {'dense': Entry(names=('fc1',), flattened=(64, 7, 7), function=None)}
    """
    if name_map is None:
        return {}
    if isinstance(name_map, Mapping):
        return {str(key).strip("/"): _entry(key, value) for key, value in name_map.items()}
    answers = {path: name_map(path) for path in paths}
    return {path: _entry(path, value) for path, value in answers.items() if value is not None}


def _entry(key: str, value: object) -> Entry:
    given, *more = value if isinstance(value, tuple) and value else (value,)
    names = [given] if isinstance(given, str) else given
    if isinstance(names, list | tuple) and names and all(isinstance(n, str) for n in names):
        match more:
            case []:
                return Entry(tuple(names))
            case [None]:
                return Entry(tuple(names), ())
            case [function] if callable(function):
                return Entry(tuple(names), None, function)
            case [tuple() | list() as shape] if all(type(n) is int and n > 0 for n in shape):
                return Entry(tuple(names), tuple(shape))
    raise TypeError(
        f"name_map: {key!r} must be the name of what belongs there, a list of names, or (name, "
        f"shape before flattening) or (name, function), got {value!r:.99}."
    )


def parts_at(key: str, parts: Sequence[Part]) -> list[Part]:
    """The parts at a path or below it.

    Raises:
        ForeignWeightsError: there are none; the nearest path is suggested.
    """
    inside = [part for part in parts if not key or f"{part.path}/".startswith(f"{key}/")]
    if not inside:
        paths = [part.path for part in parts]
        raise ForeignWeightsError(
            f"name_map: the model has no layer {key!r} with weights to be filled."
            f"{suggestion(key, paths)} Keys are AXON's names, values foreign ones. There are "
            f"{_listed(paths)}."
        )
    return inside


def groups_at(names: Iterable[str], groups: Sequence[ArrayGroup]) -> list[ArrayGroup]:
    """The groups of these names, or below them.

    Raises:
        ForeignWeightsError: there are none; the nearest name is suggested.
    """
    found: dict[str, ArrayGroup] = {}
    for name in names:
        here = [g for g in groups if _below(name, g.name) or _below(name, "/".join(g.key))]
        if not here:
            known = [group.name for group in groups]
            raise ForeignWeightsError(
                f"name_map: the file has no layer {name!r}, or it was given away already."
                f"{suggestion(name, known)} There are {_listed(known)}."
            )
        found |= {group.name: group for group in here}
    return list(found.values())


def _below(name: str, path: str) -> bool:
    return path == name or path.startswith((f"{name}.", f"{name}/")) or not name


def _listed(names: Iterable[str]) -> str:
    every = list(dict.fromkeys(map(repr, names)))
    more = f" and {len(every) - 12} more" if len(every) > 12 else ""
    return ", ".join(every[:12]) + more
