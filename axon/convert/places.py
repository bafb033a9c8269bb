"""The layers of a model that have weights, and what another library would call them."""

from collections.abc import Iterator
from typing import NamedTuple

from axon.convert.keras_rules import KERAS
from axon.convert.rules import Place, recipe_of
from axon.convert.torch_rules import TORCH
from axon.layers.module import Module, snake_case
from axon.layers.normalization import BatchNormalization, GroupNormalization, LayerNormalization
from axon.layers.transformer import TransformerBlock
from axon.layers.transposed import Conv2DTranspose
from axon.names import printable

RECIPES = {"torch": TORCH, "keras": KERAS}
HERE, THERE = 1e-3, 1e-5  # the epsilon of normalizations by default: AXON's and Keras's; PyTorch's


def places_of(model: Module, source: str) -> Iterator[Place]:
    """All layers with weights, each once, in the order of definition.

    >>> from axon.layers import Dense, Flatten
    >>> from axon.models import Sequential
    >>> model = Sequential([Flatten(), Dense(4, 3), Dense(3, 2)])
    >>> [(place.path, place.key) for place in places_of(model, "keras")]
    [('dense', ('dense',)), ('dense_1', ('dense_1',))]
    """
    seen: set[int] = set()
    waiting = [Child(model)]
    while waiting:
        here = waiting.pop()
        if id(here.module) in seen:
            continue
        seen.add(id(here.module))
        recipe = recipe_of(here.module, RECIPES[source])
        if recipe is not None:
            yield Place(here.path, here.module, recipe(here.module), here.key, here.chosen)
            continue
        inside = _children(here.module) if source == "torch" else _children_by_kind(here.module)
        waiting += [here.followed_by(child) for child in reversed(inside)]


class Child(NamedTuple):
    """A module inside others: its path, what the other library calls it, who chose these names."""

    module: Module
    path: str = ""
    key: tuple[str, ...] = ()
    chosen: tuple[bool, ...] = ()

    def followed_by(self, child: "Child") -> "Child":
        """The place of a child of this one."""
        path = f"{self.path}/{child.path}".strip("/")
        return Child(child.module, path, self.key + child.key, self.chosen + child.chosen)


def _children(module: Module) -> list[Child]:
    return [
        Child(child, name, names, (child.chosen or not _counted(module, name, child),) * len(names))
        for name, child in module.children()
        for names in [tuple(name.split("/"))]
    ]


def _counted(module: Module, name: str, child: Module) -> bool:
    """Whether a child is no attribute, nor in one: a Sequential names its layers by itself."""
    return "/" not in name and vars(module).get(name) is not child


def _children_by_kind(module: Module) -> list[Child]:
    """Keras calls attributes as they are called, and what is in a list dense, dense_1, conv2d."""
    count: dict[tuple[str, str], int] = {}
    found = []
    for child in _children(module):
        where, listed, _ = child.path.rpartition("/")
        if not listed and not _counted(module, child.path, child.module):
            found.append(child)
            continue
        kind = snake_case(type(child.module).__name__)
        number = count[where, kind] = count.get((where, kind), -1) + 1
        called = f"{kind}_{number}" if number else kind
        found.append(child._replace(key=(where, called) if where else (called,)))
    return found


def warn_of_epsilon(model: Module) -> None:
    """Warn of normalizations whose epsilon was left at AXON's default: PyTorch has another one."""
    kinds = (BatchNormalization, LayerNormalization, GroupNormalization, TransformerBlock)
    blocks = [m for m in model.modules() if isinstance(m, TransformerBlock)]
    inside = {id(part) for block in blocks for _, part in block.children()}  # told by the block
    norms = [m for m in model.modules() if isinstance(m, kinds) and id(m) not in inside]
    left = [m.name for m in norms if m.epsilon == HERE and "epsilon" not in m._given[1]]
    if left:
        import warnings

        warnings.warn(
            f"epsilon of {', '.join(map(printable, dict.fromkeys(left)))} is {HERE:g}, AXON's "
            "default. PyTorch's "
            f"is {THERE:g}, and a file of weights does not tell it: if it was, pass "
            f"epsilon={THERE:g} to these layers, or set it.",
            stacklevel=4,
        )


def warn_of_same(model: Module) -> None:
    """Warn of transposed convolutions that cut unequal ends: PyTorch cuts the other one."""
    layers = [m for m in model.modules() if isinstance(m, Conv2DTranspose)]
    uneven = [m.name for m in layers if m.padding == "same" and _uneven(m)]
    if uneven:
        import warnings

        warnings.warn(
            f"{', '.join(map(printable, dict.fromkeys(uneven)))}: padding='same' of an odd number "
            "of pixels cuts one more at the end, as Keras does, but PyTorch's padding= with "
            "output_padding=1 one more at the beginning: its images would lie one pixel off. Use "
            "padding='valid', and cut as it does: x[:, 1:, 1:].",
            stacklevel=4,
        )


def _uneven(layer: Conv2DTranspose) -> bool:
    beyond = (span - stride for span, stride in zip(layer.spans, layer.strides, strict=True))
    return any(n > 0 and n % 2 for n in beyond)
