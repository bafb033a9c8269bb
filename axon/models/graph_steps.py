"""The steps of a graph, as JSON can hold them, and made again of that."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from axon.layers.module import Module
from axon.layers.symbolic import NamedFunction, Tree, called

Description = dict[str, Any]
PLAIN = (str, bool, int, float, type(None), np.ndarray)


class Ref(NamedTuple):
    """Where a value comes from while a graph runs: of which step, and where in what that gave."""

    step: int
    path: tuple[Any, ...] = ()

    def of(self, made: Sequence[Tree]) -> Tree:
        """The value, among what the steps gave."""
        value = made[self.step]
        for key in self.path:
            value = value[key]
        return value


class GraphStep(NamedTuple):
    """A call of a graph; where symbolic values were, it has a Ref."""

    target: Any  # a Module, or a NamedFunction
    inputs: tuple[Any, ...]
    options: dict[str, Any]
    specs: Tree  # of what it gives


def call_as_json(step: GraphStep, places: dict[int, int]) -> Description:
    """Who is called, and with what; layers by their places."""
    target = step.target
    who = [*target] if isinstance(target, NamedFunction) else places[id(target)]
    given = [as_json(target.name, x) for x in step.inputs]
    return {"call": who, "inputs": given, "options": as_json(target.name, step.options)["dict"]}


def as_json(name: str, value: Tree) -> Tree:
    """A value in a call; what JSON has no word for becomes a dict with one key."""
    if isinstance(value, Ref):
        return {"from": [value.step, *value.path]}
    if isinstance(value, slice):
        return {"slice": [value.start, value.stop, value.step]}
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        return {"dtype": np.dtype(value).name}
    if isinstance(value, dict):
        return {"dict": {str(k): as_json(name, v) for k, v in value.items()}}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [as_json(name, v) for v in value]}
    if value is Ellipsis:
        return {"ellipsis": True}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, PLAIN):
        return value
    raise TypeError(f"the call of {name!r} in the graph was given {value!r:.99}.")


# ------------------------------------------------------------------------------------ made again


def made_of_calls(
    calls: Sequence[Description], layers: Sequence[Module], entries: Sequence[Tree]
) -> list[Tree]:
    """Make the calls again that ``call_as_json`` wrote; returns what each gave, entries first.

    Raises:
        ValueError: one reads what nothing before it gives, or calls what is not known.
    """
    made: list[Tree] = [*entries]
    for call in calls:
        inputs = tuple(from_json(x, made) for x in call["inputs"])
        options = {str(k): from_json(x, made) for k, x in call["options"].items()}
        made.append(called(_target(call["call"], layers), inputs, options))
    return made


def _target(who: Tree, layers: Sequence[Module]) -> Module | NamedFunction:
    if isinstance(who, list):
        function = NamedFunction(str(who[0]), str(who[1]))
        function.resolved()
        return function
    return layers[place(who, layers)]


def place(number: object, found: Sequence[Tree]) -> int:
    """A number that a file gives for a place in a list.

    Raises:
        ValueError: there is no such place.
    """
    if type(number) is not int or not 0 <= number < len(found):
        raise ValueError(f"a graph goes in a circle, or ends: there is no {number!r} before it.")
    return number


def from_json(value: Tree, made: Sequence[Tree]) -> Tree:
    """What ``as_json`` wrote."""
    if not isinstance(value, dict):
        return value
    ((word, inner),) = value.items()
    if word == "from":
        found = made[place(inner[0], made)]
        for key in inner[1:]:
            found = found[key]
        return found
    if word in ("list", "tuple"):
        read = [from_json(v, made) for v in inner]
        return tuple(read) if word == "tuple" else read
    if word == "dict":
        return {str(k): from_json(v, made) for k, v in inner.items()}
    readers: dict[str, Callable[[Any], Any]] = {
        "slice": lambda ends: slice(*ends),
        "dtype": np.dtype,
        "ellipsis": lambda _: Ellipsis,
    }
    return readers[word](inner)
