"""The state of an optimizer as a tree that a file can hold, and back."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

import numpy as np

from axon.backend import Array, ArraySpec
from axon.checks import is_number
from axon.core import Tensor
from axon.layers.state import converted, side_by_side
from axon.optimizers.group import Group
from axon.parameter import Parameter

COUNTS = ("learning_rate", "iterations")
Tree = Mapping[str, Any]  # of texts, numbers, lists and arrays, as ``axon.files.archive`` writes it


class Stateful:
    """What an optimizer has to remember, and how it is taken out and put back."""

    parameters: tuple[Parameter, ...]
    groups: tuple[Group, ...]
    numbers: dict[str, Tensor]
    iterations: Tensor
    _schedule: Callable[[int], float] | None
    _rate: Tensor
    _averaging: bool

    def _follow(self) -> None: ...

    def _scheduled(self, step: int) -> list[float]:
        return []

    def state(self) -> dict[str, Array]:
        """The state arrays by name; writing into them changes the optimizer.

        Where there are several groups, by type, or number, as well.
        """
        places = [f"/{group.parameters[0].dtype}" for group in self.groups]
        if len(set(places)) < len(places):  # models share layers: several groups of one type
            places = [f"/{number}" for number in range(len(places))]
        arrays = {
            f"{name}{place}" if len(places) > 1 else name: tensor.data
            for group, place in zip(self.groups, places, strict=True)
            for name, tensor in group.state.items()
        }
        return {**arrays, **{name: tensor.data for name, tensor in self.numbers.items()}}

    def state_dict(self) -> dict[str, Any]:
        """All that updates have changed: learning rate, iterations, numbers, a copy of each state.

        And whose it is. A tree that ``axon.files.archive.write`` can write.
        """
        return {
            "class": type(self).__name__,
            **{name: float(self._counter(name)) for name in COUNTS},
            "averaging": self._averaging,
            "numbers": {name: float(tensor.data) for name, tensor in self.numbers.items()},
            "parameters": [
                {"name": p.name, "shape": list(p.shape), "dtype": p.dtype.name}
                for p in self.parameters
            ],
            "state": {
                name: [part.copy() for part in parts] for name, parts in self._parts().items()
            },
        }

    def load_state_dict(self, tree: Tree) -> None:
        """Put back what ``state_dict`` gave; a schedule goes on at its place.

        Raises:
            RuntimeError: the optimizer has no parameters yet.
            ValueError: it is the state of another optimizer, or of other parameters, of which the
                first are listed; nothing has been changed then.
        """
        owner = f"{type(self).__name__}.load_state_dict"
        if not self.parameters:
            raise RuntimeError(
                f"{owner}: no parameters to keep a state for. Call model.compile(loss, optimizer) "
                "or optimizer.build(model.parameters()) first."
            )
        parts = self._parts()
        _demand_tree(owner, self, parts, tree)
        _demand_parameters(owner, self, tree["parameters"])
        counts = {name: abs(_finite(owner, name, tree[name])) for name in COUNTS}
        _demand_schedule(owner, self, counts["iterations"])
        numbers = {name: _finite(owner, name, value) for name, value in tree["numbers"].items()}
        ready = [pair for name in parts for pair in _ready(owner, name, parts[name], tree["state"])]
        for name, value in counts.items():
            self._counter(name)[...] = value
        for name, value in numbers.items():
            self.numbers[name].data[...] = value
        for part, values in ready:
            part[...] = values
        self._averaging = bool(tree["averaging"])
        self._follow()

    def _parts(self) -> dict[str, list[Array]]:
        """The state arrays by name, cut at the parameters; views, in the parameters' order."""
        found: dict[str, dict[int, Array]] = {}
        for group in self.groups:
            for name, tensor in group.state.items():
                found.setdefault(name, {}).update(_cut(group.parameters, tensor.data))
        order = [id(p) for p in self.parameters]
        return {name: [parts[i] for i in order] for name, parts in found.items()}

    def _counter(self, name: str) -> Array:
        """The array behind one of COUNTS."""
        return (self._rate if name == "learning_rate" else self.iterations).data


def _cut(parameters: list[Parameter], flat: Array) -> Iterator[tuple[int, Array]]:
    start = 0
    for p in parameters:
        yield id(p), flat[start : start + p.size].reshape(p.shape)
        start += p.size


def _demand_tree(owner: str, optimizer: Stateful, parts: Mapping[str, object], tree: Tree) -> None:
    """The tree has the parts that a tree has, and they are this optimizer's."""
    types = {"parameters": list, "numbers": dict, "state": dict, "averaging": bool}
    if not isinstance(tree, Mapping) or not {*types, *COUNTS, "class"} <= set(tree):
        raise ValueError(f"{owner}: expected what state_dict gave, got {tree!r:.99}.")
    if tree["class"] != type(optimizer).__name__:
        raise ValueError(f"{owner}: this is the state of another optimizer, {tree['class']!r:.99}.")
    for key, type_ in types.items():
        if not isinstance(tree[key], type_):
            raise ValueError(f"{owner}: {key!r} must be a {type_.__name__}, got {tree[key]!r:.99}.")
    mine, given = {*parts, *optimizer.numbers}, {*tree["state"], *tree["numbers"]}
    if mine != given or set(parts) != set(tree["state"]):
        raise ValueError(
            f"{owner}: with its settings it keeps {_listed(mine)}, but the state holds "
            f"{_listed(given)}. Were momentum, use_ema or gradient_accumulation_steps others?"
        )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(map(str, names))) or "nothing"


def _demand_parameters(owner: str, optimizer: Stateful, given: Sequence[Any]) -> None:
    mine = [f"{p.name}  {ArraySpec(p.shape, p.dtype)}" for p in optimizer.parameters]
    theirs = [_spec_of(owner, item) for item in given]
    if mine != theirs:
        rows = [(a, b) for a, b in zip_longest(mine, theirs, fillvalue="-") if a != b]
        raise ValueError(
            f"{owner}: the state is that of other parameters.\n"
            f"{side_by_side('optimizer', 'state', rows)}"
        )


def _spec_of(owner: str, item: Any) -> str:
    try:
        return f"{item['name']}  {tuple(item['shape'])} {item['dtype']}"
    except (TypeError, LookupError):
        raise ValueError(f"{owner}: {item!r:.99} describes no parameter.") from None


def _finite(owner: str, name: str, value: Any) -> float:
    if not is_number(value) or not abs(value) < 2**1023:
        raise ValueError(f"{owner}: {name!r} must be a finite number, got {value!r:.99}.")
    return float(value)


def _demand_schedule(owner: str, optimizer: Stateful, iterations: float) -> None:
    """Ask the schedules for their rates now: once numbers have changed, it would be too late."""
    try:
        optimizer._scheduled(int(iterations))
    except ArithmeticError as error:
        raise ValueError(f"{owner}: no schedule reaches {iterations:g}: {error}.") from None


def _ready(owner: str, name: str, parts: list[Array], state: Tree) -> Iterator[tuple[Array, Array]]:
    """What takes the values of one state, and the values."""
    given = state[name]
    if not isinstance(given, list) or len(given) != len(parts):
        raise ValueError(f"{owner}: {name!r} must be a list of {len(parts)} arrays.")
    for part, value in zip(parts, given, strict=True):
        values = np.asarray(value)
        if values.shape != part.shape or values.dtype.kind != "f":
            raise ValueError(
                f"{owner}: {name!r} needs an array of shape {part.shape} and type {part.dtype}, "
                f"got {values.shape} and {values.dtype}."
            )
        yield part, converted(name, values, part.dtype)
