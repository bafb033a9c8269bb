"""The layers of a file and those of a model, described alike.

The file is a list of Groups: the arrays of one layer there, each in its role, such as ``weight`` or
``bias``. The model is a list of Targets: its layers with weights, and rules that say of which roles
each parameter is made. Most are made of one group; a SeparableConv2D is two convolutions in
PyTorch, so it has two Parts.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from axon.backend import Array, Shape
from axon.layers.model_like import ModelLike
from axon.layers.module import Module, snake_case
from axon.parameter import Parameter


class ArrayGroup(NamedTuple):
    """The arrays of one layer of a file."""

    name: str  # what its arrays' names begin with
    key: tuple[str, ...]  # its path, without what Keras inserts
    layer_type: str | None  # its class, if the file says so and AXON has one of that name
    arrays: dict[str, Array]  # by role

    @property
    def shapes(self) -> dict[str, Shape]:
        """The shapes of the arrays, by role."""
        return {role: array.shape for role, array in self.arrays.items()}

    def __str__(self) -> str:
        shapes = ", ".join(f"{role} {shape}" for role, shape in self.shapes.items())
        return f"{self.name}: {shapes}" if self.name else shapes


def natural(name: str) -> list[tuple[int, str]]:
    """What to sort by, so that 10 comes after 2.

    >>> sorted(["conv10", "conv2", "bn"], key=natural)
    ['bn', 'conv2', 'conv10']
    """
    pieces = re.split(r"(\d+)", name)
    return [(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in pieces]


def ordered(groups: Iterable[ArrayGroup]) -> list[ArrayGroup]:
    """Sort groups by their paths."""
    return sorted(groups, key=lambda group: [natural(name) for name in group.key])


class Need(NamedTuple):
    """An array that a parameter is made of: its role, its shape, and in which part it lies."""

    role: str
    shape: Shape
    part: int = 0
    optional: bool = False


def as_is(array: Array) -> Array:
    """Nothing has to be done."""
    return array


class LayerRule(NamedTuple):
    """A parameter: what it is made of, and how; ``make`` gets None for what is not there."""

    needs: tuple[Need, ...]
    make: Callable[..., Array] = as_is


Rules = dict[str, LayerRule]  # by parameter, such as "weights" or "forward_layer/bias"


Recipes = Mapping[type[Module], Callable[[Any], Rules]]  # how layers of a class are made


def shape_of(layer: Module, name: str) -> Shape:
    """The shape of a parameter of a layer."""
    return tuple(getattr(layer, name).shape)


def at_role(layer: Module, roles: Mapping[str, str]) -> Rules:
    """Rules for parameters that lie there as they do here; those left out have no role."""
    tensors = {name: getattr(layer, name) for name in roles}
    return {
        name: LayerRule((Need(roles[name], tensor.shape),))
        for name, tensor in tensors.items()
        if tensor is not None
    }


def within(rules: Rules, path: str, role: str = "{}") -> Rules:
    """The rules of a layer inside another one: other paths here, other roles there.

    >>> rules = {"bias": LayerRule((Need("bias", (3,)),))}
    >>> within(rules, "network/0", "linear1.{}")["network/0/bias"]
    LayerRule(needs=(Need(role='linear1.bias', shape=(3,), part=0, optional=False),), make=...)
    """
    return {
        f"{path}/{name}".lstrip("/"): rule._replace(
            needs=tuple(need._replace(role=role.format(need.role)) for need in rule.needs)
        )
        for name, rule in rules.items()
    }


class Target(NamedTuple):
    """A layer with weights: where it is, how they are made, what the other library calls it."""

    path: str
    layer: Module
    rules: Rules
    key: tuple[str, ...]  # the path there, as far as that can be said
    chosen: tuple[bool, ...]  # which names in the path somebody has thought of

    def parts(self) -> "list[Part]":
        """What is to be filled by a group each."""
        needs = [need for rule in self.rules.values() for need in rule.needs]
        return [
            Part(
                self,
                number,
                {n.role: n.shape for n in needs if n.part == number and not n.optional},
                {n.role: n.shape for n in needs if n.part == number},
            )
            for number in sorted({n.part for n in needs})
        ]


class Part(NamedTuple):
    """What one group fills: a layer of the model, or a part of one."""

    target: Target
    number: int
    wants: dict[str, Shape]  # by role
    takes: dict[str, Shape]  # these, and what can be used if it is there

    @property
    def path(self) -> str:
        """Where the layer is in the model."""
        return self.target.path

    @property
    def id(self) -> tuple[str, int]:
        """What it is called among all parts."""
        return self.path, self.number

    def __str__(self) -> str:
        shapes = ", ".join(f"{role} {shape}" for role, shape in self.wants.items())
        return f"{self.path} ({type(self.target.layer).__name__}): {shapes}"


# ------------------------------------------------------------------------------------ targets


def targets_of(model: ModelLike, recipes: Recipes, by_type: bool) -> list[Target]:
    """All layers with weights, each once, in the order of definition.

    Args:
        model: built already.
        recipes: how the parameters of its layers are made.
        by_type: what is in a list is called dense, dense_1, conv2d there, as Keras does.

    >>> from axon.layers import Dense, Flatten
    >>> from axon.models import Sequential
    >>> model = Sequential([Flatten(), Dense(4, 3), Dense(3, 2)])
    >>> from axon.convert.keras import RECIPES
    >>> [(target.path, target.key) for target in targets_of(model, RECIPES, by_type=True)]
    [('dense', ('dense',)), ('dense_1', ('dense_1',))]
    """
    children = _children_by_type if by_type else _children
    seen: set[int] = set()

    def visit(
        module: ModelLike | Module, path: str, key: tuple[str, ...], chosen: tuple[bool, ...]
    ) -> Iterator[Target]:
        if id(module) in seen:
            return
        seen.add(id(module))
        recipe = next((recipes[t] for t in type(module).__mro__ if t in recipes), None)
        if recipe is not None and isinstance(module, Module):
            yield Target(path, module, recipe(module), key, chosen)
            return
        if isinstance(module, Module):
            yield from _own(module, path, key, chosen, by_type)
        for name, child, names, thought in children(module):
            yield from visit(child, f"{path}/{name}".lstrip("/"), key + names, chosen + thought)

    return list(visit(model, "", (), ()))


PLAIN = ("weight", "bias", "running_mean", "running_var")  # what PyTorch's layers have most often


def _own(
    module: Module, path: str, key: tuple[str, ...], chosen: tuple[bool, ...], numbered: bool
) -> Iterator[Target]:
    """A layer that no rule knows, such as a user's own: its parameters are what they are there.

    Keras numbers them. In PyTorch one that is called otherwise than those of its layers stands for
    itself.
    """
    own = {n: v for n, v in vars(module).items() if isinstance(v, Parameter)}
    if numbered or not own:
        needs = {name: Need(str(i), p.shape) for i, (name, p) in enumerate(own.items())}
        if needs:
            yield Target(path, module, _as_they_are(needs), key, chosen)
        return
    plain = {name: Need(name, p.shape) for name, p in own.items() if name in PLAIN}
    if plain:
        yield Target(path, module, _as_they_are(plain), key, chosen)
    for i, name in enumerate(n for n in own if n not in plain):
        alone = {name: Need("weight", own[name].shape, part=i + 1)}
        yield Target(path, module, _as_they_are(alone), (*key, name), (*chosen, True))


def _as_they_are(needs: Mapping[str, Need]) -> Rules:
    return {name: LayerRule((need,)) for name, need in needs.items()}


def type_name(layer_type: type) -> str:
    """What Keras calls layers of a class that are given no name.

    >>> from axon.layers import Conv2D, GroupQueryAttention
    >>> type_name(Conv2D), type_name(GroupQueryAttention)
    ('conv2d', 'grouped_query_attention')
    """
    name = snake_case(layer_type.__name__)
    return "grouped_query_attention" if name == "group_query_attention" else name


Child = tuple[str, Module, tuple[str, ...], tuple[bool, ...]]  # path, module, key, chosen


def _children(module: ModelLike | Module) -> list[Child]:
    """The modules in a module, by their own names, and who chose these."""
    return [
        (name, child, tuple(names), (child.chosen or _is_attribute(module, name),) * len(names))
        for name, child in module.children()
        for names in [name.split("/")]
    ]


def _is_attribute(module: ModelLike | Module, name: str) -> bool:
    """Whether a child is an attribute, or in one: a Sequential names its layers by itself."""
    return "/" in name or name in vars(module)


def _children_by_type(module: ModelLike | Module) -> list[Child]:
    """Keras calls attributes as they are called, and what is in a list dense, dense_1, conv2d."""
    count: dict[tuple[str, str], int] = {}
    found = []
    for name, child, key, chosen in _children(module):
        where, listed, _ = name.rpartition("/")
        if listed or not _is_attribute(module, name):
            called = type_name(type(child))
            number = count[where, called] = count.get((where, called), -1) + 1
            key = (*key[:-1], f"{called}_{number}" if number else called)
        found.append((name, child, key, chosen))
    return found
