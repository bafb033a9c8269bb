"""The notation that says which foreign arrays belong to which part of a model.

Keys are AXON's, values foreign:

    {"dense": "fc1"}                            a layer: the foreign layer
    {"encoder": "model.enc"}                    a model inside: what is matched among itself
    {"conv": ["depthwise", "pointwise"]}        a layer that is several there
    {"dense": ("fc1", (64, 7, 7))}              its inputs were flattened from C, H, W there
    {"dense": ("fc1", None)}                    they were flattened as they are here
    {"dense/weights": "fc1.weight"}             a parameter: the foreign array
    {"dense/weights": ("w1", function)}         what function(array) makes of it
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from axon.backend import Shape
from axon.convert.mismatch import ForeignWeightsError
from axon.convert.rules import Slot
from axon.convert.units import Unit
from axon.names import suggestion

NameMap = Mapping[str, Any] | Callable[[str], Any]


class Entry(NamedTuple):
    """One entry: the foreign names; the foreign shape before flattening; a function."""

    names: tuple[str, ...]
    flattened: Shape | None = None  # () is: as here; None: nothing was said
    function: Callable[..., Any] | None = None


def entries(name_map: NameMap | None, layers: Iterable[str]) -> dict[str, Entry]:
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
    answers = {path: name_map(path) for path in layers}
    return {path: _entry(path, value) for path, value in answers.items() if value is not None}


def _entry(key: object, value: Any) -> Entry:
    name, *more = value if isinstance(value, tuple) and value else (value,)
    names = (name,) if isinstance(name, str) else name
    known = isinstance(names, list | tuple) and names and all(isinstance(n, str) for n in names)
    if known and not more:
        return Entry(tuple(names))
    if known and len(more) == 1:
        if callable(more[0]):
            return Entry(tuple(names), None, more[0])
        if more[0] is None or (isinstance(more[0], tuple | list) and _sizes(more[0])):
            return Entry(tuple(names), tuple(more[0] or ()))
    raise TypeError(
        f"name_map: {key!r} must be the name of what belongs there, a list of names, or (name, "
        f"shape before flattening) or (name, function), got {value!r:.99}."
    )


def _sizes(values: Iterable[Any]) -> bool:
    return all(type(n) is int and n > 0 for n in values)


def scoped(key: str, slots: Iterable[Slot]) -> list[Slot]:
    """The slots at a path or below it.

    Raises:
        ForeignWeightsError: there are none; the nearest path is suggested.
    """
    every = list(slots)
    inside = [s for s in every if s.path == key or s.path.startswith(f"{key}/" if key else "")]
    if not inside:
        hint = suggestion(key, [s.path for s in every])
        raise ForeignWeightsError(
            f"name_map: the model has no layer {key!r} with weights to be filled.{hint} Keys are "
            f"AXON's names, values foreign ones. There are {_some(s.path for s in every)}."
        )
    return inside


def chosen(entry: Entry, units: Iterable[Unit]) -> list[Unit]:
    """The foreign layers of these names, or below them.

    Raises:
        ForeignWeightsError: there are none; the nearest name is suggested.
    """
    every, found = list(units), []
    for name in entry.names:
        here = [u for u in every if _below(name, u.name) or _below(name, "/".join(u.key))]
        if not here:
            hint = suggestion(name, [u.name for u in every])
            raise ForeignWeightsError(
                f"name_map: the file has no layer {name!r}, or it was given away already.{hint} "
                f"There are {_some(u.name for u in every)}."
            )
        found += [u for u in here if u not in found]
    return found


def _below(name: str, path: str) -> bool:
    return path == name or path.startswith((f"{name}.", f"{name}/")) or not name


def _some(names: Iterable[str]) -> str:
    every = list(dict.fromkeys(map(repr, names)))
    more = f" and {len(every) - 12} more" if len(every) > 12 else ""
    return ", ".join(every[:12]) + more
