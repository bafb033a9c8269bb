"""Heads: what ``compile`` says of each output of a model: its loss, what that weighs, its metrics.

A model of one output has one head. Of several outputs, those that have a loss have one each; what
is given for them, targets, weights, losses, metrics, comes by name (a dict), or by place (a list).
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from axon import losses, metrics
from axon.checks import finite
from axon.config import Configurable
from axon.core import Tensor
from axon.losses import Loss
from axon.losses.base import demand_one
from axon.metrics import Mean, Metric
from axon.models.data import Data
from axon.modes import Mode
from axon.names import suggestion
from axon.ops.compare import both

OutputNames = Sequence[str]
Given = Any  # what the user says of all outputs, or of each by name or place


class Losses(Configurable):
    """The losses of several outputs: L = sum_k weight_k loss_k.

    Args:
        losses: output -> its loss.
        weights: output -> what that counts.
    """

    ignored = None

    def __init__(self, losses: dict[str, Loss], weights: dict[str, float]) -> None:
        self.losses, self.weights = losses, weights

    @property
    def name(self) -> str:
        """The names of all, for errors."""
        return ", ".join(loss.name for loss in self.losses.values())


class Head(NamedTuple):
    """An output that has a loss.

    Attributes:
        number: its place among the outputs of the model.
        name: what it is called; "" if it is the only output.
        loss: what it costs.
        weight: what that counts in the loss of the model.
        metrics: who watches it.
        mean: measures the loss of this output alone, if there are several.
    """

    number: int
    name: str
    loss: Loss
    weight: float
    metrics: list[Metric]
    mean: Mean | None = None

    def cost(self, loss: Tensor) -> Tensor:
        """Its part in the loss of the model."""
        return loss if self.weight == 1 else loss * self.weight


class OutputsWanted(NamedTuple):
    """What ``compile`` was given, before the outputs of the model are known."""

    loss: Given
    weights: Given
    metrics: Given

    @property
    def several(self) -> bool:
        """Whether this can only be meant for several outputs."""
        nested = isinstance(self.metrics, Mapping) or (
            isinstance(self.metrics, list | tuple)
            and any(isinstance(m, list | tuple | None) for m in self.metrics)
        )
        return (
            any(isinstance(g, Mapping | list | tuple) for g in (self.loss, self.weights)) or nested
        )

    def heads(self, names: OutputNames | None) -> list[Head]:
        """A head for each output that has a loss.

        Args:
            names: of the outputs; None for a single one.

        Raises:
            ValueError, TypeError: unknown names, other numbers, or no loss at all.
        """
        if names is None:
            return [self._only()]
        found = by_output("loss", self.loss, names)
        weights = by_output("loss_weights", self.weights, names)
        watched = by_output("metrics", self.metrics, names)
        made = [
            _head(i, name, *given)
            for i, (name, *given) in enumerate(zip(names, found, weights, watched, strict=True))
            if given[0] is not None or _demand_nothing(name, given[2])
        ]
        if not made:
            raise ValueError(f"compile: no output has a loss, of {', '.join(map(repr, names))}.")
        _demand_once([m for head in made for m in head.metrics])
        return made if len(made) > 1 else [made[0]._replace(mean=None)]

    def _only(self) -> Head:
        loss = _chosen(_sole("loss", self.loss))
        watched = _sole("metrics", self.metrics) if self.several else self.metrics
        found = _found(watched, loss)
        names = [m.name for m in found]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"compile: two metrics are called {twice[0]!r}: give one name=.")
        return Head(
            0, "", loss, _weight("loss_weights", _sole("loss_weights", self.weights)), found
        )


def _head(number: int, name: str, loss: Given, weight: Given, watched: Given) -> Head:
    chosen = _chosen(loss)
    found = _found(watched, chosen)
    for metric in found:
        if not metric.name.startswith(f"{name}_"):
            metric.name = f"{name}_{metric.name}"
    names = [f"{name}_loss", *(m.name for m in found)]
    if twice := [n for n in names if names.count(n) > 1]:
        raise ValueError(f"compile: two metrics are called {twice[0]!r}: give one name=.")
    return Head(number, name, chosen, _weight(name, weight), found, Mean(f"{name}_loss"))


def _chosen(loss: Given) -> Loss:
    found = losses.get(loss)
    demand_one(found, "compile")
    return found


def _demand_nothing(name: str, watched: Given) -> bool:
    if watched:
        raise ValueError(
            f"compile: output {name!r} has metrics, but no loss. Give it one, with the "
            "loss_weights 0.0 if nothing is to be learned from it."
        )
    return False


def _demand_once(watched: Sequence[Metric]) -> None:
    if len({id(metric) for metric in watched}) < len(watched):
        raise ValueError(
            "compile: one metric stands at two outputs, and would mix what it sees of them. Give "
            "each its own, or a name such as 'accuracy'."
        )


def _found(watched: Given, loss: Loss) -> list[Metric]:
    named = [watched] if isinstance(watched, str | Metric) or callable(watched) else watched or []
    return [metrics.get(m, loss) for m in named]


def _weight(what: str, given: Given) -> float:
    return 1.0 if given is None else finite("compile", f"loss_weights of {what}", given, -np.inf)


def _sole(what: str, given: Given) -> Given:
    """What is meant for the only output, perhaps in a list or dict of one."""
    several = isinstance(given, Mapping) or (what != "metrics" and isinstance(given, list | tuple))
    nested = what == "metrics" and isinstance(given, list | tuple) and len(given) == 1
    if not several:
        return given[0] if nested and isinstance(given[0], list | tuple) else given
    if len(given) != 1:
        raise ValueError(
            f"compile: {what} is given for {len(given)} outputs, but the model has one."
        )
    return next(iter(given.values())) if isinstance(given, Mapping) else given[0]


def by_output(what: str, given: Given, names: OutputNames) -> list[Given]:
    """What is said of each output, by name or place; one thing alone is meant for all.

    Raises:
        ValueError: unknown names, or another number than that of the outputs.

    >>> by_output("loss", {"b": "mse"}, ["a", "b"])
    [None, 'mse']
    """
    listed = ", ".join(map(repr, names))
    if isinstance(given, Mapping):
        for key in given:
            if key not in names:
                hint = suggestion(str(key), list(names))
                raise ValueError(f"{what}: no output {key!r}.{hint} The outputs are {listed}.")
        return [given.get(name) for name in names]
    if not isinstance(given, list | tuple):
        return [given] * len(names)
    if len(given) != len(names):
        raise ValueError(
            f"{what}: expected one for each of {len(names)} outputs, ({listed}), got {len(given)}. "
            "A dict by name may leave some out."
        )
    return list(given)


# ------------------------------------------------------------------------------------ of data


def targets_by_head(y: Data, names: OutputNames, heads: Sequence[Head]) -> list[Data]:
    """The targets of each head, by name or place.

    Raises:
        ValueError: unknown or missing names; another number of targets.
    """
    wanted = [head.name for head in heads]
    listed = ", ".join(map(repr, names))
    if isinstance(y, Mapping):
        found = by_output("y", y, names)
        missing = [head.name for head in heads if found[head.number] is None]
        if missing:
            raise ValueError(f"y: no targets for the output {missing[0]!r}. It has a loss.")
        return [found[head.number] for head in heads]
    if isinstance(y, list | tuple) and len(y) == len(names):
        if missing := [head.name for head in heads if y[head.number] is None]:
            raise ValueError(f"y: no targets for the output {missing[0]!r}. It has a loss.")
        return [y[head.number] for head in heads]
    if isinstance(y, list | tuple) and len(y) == len(heads):
        return list(y)
    if len(heads) == 1 and not isinstance(y, list | tuple):
        return [y]
    got = f"{type(y).__name__} of {len(y)}" if isinstance(y, list | tuple) else "one array"
    raise ValueError(
        f"y: the model has {len(names)} outputs, ({listed}), of which {wanted} have a loss: pass "
        f"y=({', '.join(wanted)}), or a dict by name; got {got}."
    )


def weights_by_head(given: Data, names: OutputNames, heads: Sequence[Head]) -> list[Data]:
    """The weights of samples for each head: those of all, or by name or place."""
    listed = isinstance(given, list | tuple) and any(w is None or np.ndim(w) for w in given)
    if isinstance(given, Mapping) or listed:
        found = by_output("sample_weight", given, names)
        return [found[head.number] for head in heads]
    return [given] * len(heads)


def classes_by_head(given: Data, names: OutputNames, heads: Sequence[Head]) -> list[Data]:
    """The weights of classes for each head; of several outputs they come by name."""
    if isinstance(given, Mapping) and any(
        not isinstance(v, Mapping | None) for v in given.values()
    ):
        raise ValueError(
            f"class_weight: the model has {len(names)} outputs: say whose classes these are, such "
            f"as class_weight={{{heads[0].name!r}: {dict(given)!r}}}."
        )
    found = by_output("class_weight", given, names)
    return [found[head.number] for head in heads]


class Seen(NamedTuple):
    """What a head sees of a batch: targets, predictions, and perhaps weights."""

    head: Head
    y: Tensor
    y_pred: Tensor
    w: tuple[Tensor, ...]


def number_of(one: Seen, real: Tensor | None) -> int | Tensor:
    """Of how many the loss of a head is the mean."""
    return len(one.y) if real is None else real.astype(np.float64).sum()


def show(metric: Metric, *columns: Tensor) -> None:
    """Hand a batch to another metric of this kind, to see whether it can be measured."""
    from copy import deepcopy  # few metrics need it

    try:
        other = deepcopy(metric)
    except TypeError:  # it keeps something that has no copy
        return
    with Mode("recorder", None):
        other.update(*(column.data for column in columns))


def weighing(real: Tensor, w: Tensor | None = None) -> Tensor:
    """What metrics are given as weights: 0 for what does not count, else those of the samples."""
    weight = real.astype(np.float64 if w is None else w.dtype)
    joined: Tensor = weight if w is None else both(weight, w)  # type: ignore[assignment]
    alone = joined.ndim == 2 and joined.shape[1] == 1  # one step is as good as none
    return joined.reshape(len(joined)) if alone else joined
