"""How each parameter of a layer is made of another library's arrays, and what those must look like.

A foreign layer is a group of arrays, each in a role: ``weight``, ``bias``. Most layers of AXON are
made of one such group; SeparableConv2D is two convolutions in PyTorch, so it has two parts.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from axon.backend import Array, Shape


class Source(NamedTuple):
    """An array that a parameter is made of: its role, its shape, and in which part it lies."""

    role: str
    shape: Shape
    part: int = 0
    optional: bool = False


def as_is(array: Array) -> Array:
    """Nothing has to be done."""
    return array


class Rule(NamedTuple):
    """A parameter: what it is made of, and how; ``make`` gets None for what is not there."""

    sources: tuple[Source, ...]
    make: Callable[..., Array] = as_is


Rules = dict[str, Rule]  # by parameter, such as "weights" or "forward_layer/bias"
Recipes = Mapping[type, Callable[[Any], Rules]]


def recipe_of(layer: Any, recipes: Recipes) -> "Callable[[Any], Rules] | None":
    """The recipe of a layer's class, or of the nearest class that it inherits from."""
    return next((recipes[kind] for kind in type(layer).__mro__ if kind in recipes), None)


def within(rules: Rules, path: str, role: str = "{}") -> Rules:
    """The rules of a layer inside another one.

    >>> within({"bias": Rule((Source("bias", (3,)),))}, "network/0", "linear1.{}")["network/0/bias"]
    Rule(sources=(Source(role='linear1.bias', shape=(3,), part=0, optional=False),), make=...)
    """
    return {
        f"{path}/{name}": rule._replace(
            sources=tuple(s._replace(role=role.format(s.role)) for s in rule.sources)
        )
        for name, rule in rules.items()
    }


class Slot(NamedTuple):
    """A layer of the model, or a part of one, that is to be filled by a group of arrays."""

    path: str
    layer: Any
    part: int
    wants: dict[str, Shape]
    may: dict[str, Shape]  # what can be used if it is there
    key: tuple[str, ...]  # what the foreign library would call it, as far as that can be said
    chosen: tuple[bool, ...] = ()  # which names in the path somebody has thought of

    def __str__(self) -> str:
        kind = type(self.layer).__name__
        shapes = ", ".join(f"{role} {shape}" for role, shape in self.wants.items())
        return f"{self.path} ({kind}): {shapes}"


class Place(NamedTuple):
    """A layer with weights: where it is, how they are made, what the other library calls it."""

    path: str
    layer: Any
    rules: Rules
    key: tuple[str, ...]
    chosen: tuple[bool, ...]


def slots_of(place: Place) -> list[Slot]:
    """The groups of arrays that the rules of a layer ask for."""
    sources = [s for rule in place.rules.values() for s in rule.sources]
    return [
        Slot(
            place.path,
            place.layer,
            part,
            {s.role: s.shape for s in sources if s.part == part and not s.optional},
            {s.role: s.shape for s in sources if s.part == part and s.optional},
            place.key,
            place.chosen,
        )
        for part in sorted({s.part for s in sources})
    ]
