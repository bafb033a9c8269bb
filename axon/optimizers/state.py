"""The state of an optimizer as a tree that a file can hold, and back."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, Protocol

import numpy as np

from axon.backend import Array, ArraySpec
from axon.checks import is_number, positive
from axon.core import Tensor
from axon.layers.state import converted, side_by_side
from axon.optimizers.group import Group
from axon.parameter import Parameter

COUNTS = ("learning_rate", "iterations")
Tree = Mapping[str, Any]  # of texts, numbers, lists and arrays, as ``axon.files.archive`` writes it


class Stateful(Protocol):
    """What is asked of an optimizer here."""

    parameters: tuple[Parameter, ...]
    groups: tuple[Group, ...]
    numbers: dict[str, Tensor]
    iterations: Tensor
    schedule: Callable[[int], float] | None
    _rate: Tensor
    _averaging: bool

    def _follow(self) -> None: ...


def tree_of(optimizer: Stateful) -> dict[str, Any]:
    """Everything that updates have changed, and whose it is: ``state`` has an array for each."""
    return {
        "class": type(optimizer).__name__,
        **{name: float(counter(optimizer, name)) for name in COUNTS},
        "averaging": optimizer._averaging,
        "numbers": {name: float(tensor.data) for name, tensor in optimizer.numbers.items()},
        "parameters": [
            {"name": p.name, "shape": list(p.shape), "dtype": p.dtype.name}
            for p in optimizer.parameters
        ],
        "state": {
            name: [part.copy() for part in parts] for name, parts in parts_of(optimizer).items()
        },
    }


def named_arrays(optimizer: Stateful) -> dict[str, Array]:
    """The state arrays by name: where there are several groups, by type, or number, as well."""
    places = [f"/{group.parameters[0].dtype}" for group in optimizer.groups]
    if len(set(places)) < len(places):  # models share layers: several groups of one type
        places = [f"/{number}" for number in range(len(places))]
    arrays = {
        f"{name}{place}" if len(places) > 1 else name: tensor.data
        for group, place in zip(optimizer.groups, places, strict=True)
        for name, tensor in group.state.items()
    }
    return {**arrays, **{name: tensor.data for name, tensor in optimizer.numbers.items()}}


def counter(optimizer: Stateful, name: str) -> Array:
    """The array behind one of COUNTS."""
    return (optimizer._rate if name == "learning_rate" else optimizer.iterations).data


def parts_of(optimizer: Stateful) -> dict[str, list[Array]]:
    """The state arrays by name, cut at the parameters; views, in the order of the parameters."""
    found: dict[str, dict[int, Array]] = {}
    for group in optimizer.groups:
        for name, tensor in group.state.items():
            found.setdefault(name, {}).update(_cut(group.parameters, tensor.data))
    order = [id(p) for p in optimizer.parameters]
    return {name: [parts[i] for i in order] for name, parts in found.items()}


def _cut(parameters: list[Parameter], flat: Array) -> Iterator[tuple[int, Array]]:
    start = 0
    for p in parameters:
        yield id(p), flat[start : start + p.size].reshape(p.shape)
        start += p.size


def restore(optimizer: Stateful, tree: Tree) -> None:
    """Put back what ``tree_of`` gave; all is checked first, so that an error changes nothing.

    Raises:
        RuntimeError: the optimizer has no parameters yet.
        ValueError: the tree is that of another optimizer, or of other parameters.
    """
    owner = f"{type(optimizer).__name__}.load_state_dict"
    if not optimizer.parameters:
        raise RuntimeError(
            f"{owner}: no parameters to keep a state for. Call model.compile(loss, optimizer) or "
            "optimizer.build(model.parameters()) first."
        )
    parts = parts_of(optimizer)
    _demand_tree(owner, optimizer, parts, tree)
    _demand_parameters(owner, optimizer, tree["parameters"])
    counts = {name: abs(_finite(owner, name, tree[name])) for name in COUNTS}
    _demand_schedule(owner, optimizer, counts["iterations"])
    numbers = {name: _finite(owner, name, value) for name, value in tree["numbers"].items()}
    ready = [pair for name in parts for pair in _ready(owner, name, parts[name], tree["state"])]
    for name, value in counts.items():
        counter(optimizer, name)[...] = value
    for name, value in numbers.items():
        optimizer.numbers[name].data[...] = value
    for part, values in ready:
        part[...] = values
    optimizer._averaging = bool(tree["averaging"])
    optimizer._follow()


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
    """Ask the schedule for its rate now: once numbers have changed, it would be too late."""
    try:
        if optimizer.schedule is not None:
            positive(owner, "the rate of the schedule", optimizer.schedule(int(iterations)) or 1.0)
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
