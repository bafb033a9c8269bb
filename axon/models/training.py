"""Trainer: the steps that models replay to learn and to be tested, and what they measure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np

from axon import optimizers
from axon._moved import pickled
from axon.backend import Array
from axon.blas import one_blas_thread
from axon.callbacks import Callbacks, Logs
from axon.core import Tensor
from axon.locks import Lock, change, locks_of
from axon.losses import Loss
from axon.metrics import Mean, Metric
from axon.models.before_training import demand_large, demand_learning, warn_of_small
from axon.models.feeds import AnyFeed, ArrayFeed, Batch
from axon.models.heads import Head, Losses, OutputsWanted, Seen, number_of, show, weighing
from axon.models.network import Network, changing_in, kept_by
from axon.modes import GradMode, Mode, TrainingMode, modes, no_grad
from axon.optimizers import Optimizer
from axon.optimizers.group import runs
from axon.program import Feed, Program, Step
from axon.program.changing import Changing, Coming, together
from axon.settings import versions

T = TypeVar("T")
Variant = tuple[object, ...]  # what a recording freezes, besides shapes and types
Reduction = Callable[[list[Tensor]], None]


class Search(Protocol):
    """Who runs a step in its stead, to look at all that it makes: ``inspect/nan_search.py``."""

    def run(self, step: Step, inputs: list[Array], feed: Feed, start: int) -> list[Array]:
        """Run it on the batch of a feed that begins at ``start``."""


class AnySums(Protocol):
    """What one measuring has seen: ``loop.Sums``, or of each shard alone, ``shards.ShardSums``."""

    def take(self) -> None:
        """Let the metrics hold what this one has seen."""

    def logs(self, recorded: bool = False) -> Logs:
        """The results so far, by name; if asked, only of those that are cheap at any time."""

    def results(self) -> Logs:
        """The results in the end."""

    def state_dict(self) -> list[Any]:
        """What was seen so far."""

    def load_state_dict(self, states: list[Any]) -> None:
        """Go on from there."""


class Shards(Protocol):
    """Steps on batches that are cut into shards: ``shards.py``, which few runs need."""

    count: int
    outside: list[Metric]
    shard: Step
    test: Step

    @property
    def steps(self) -> list[Step]:
        """All of them."""

    def backward(self, scored: "Scored") -> list[Tensor]:
        """What follows a forward pass; the results of the program."""

    def begin(self) -> None:
        """Get ready for a fit."""

    def demand_alike(
        self, feeds: Mapping[str, AnyFeed | None], callbacks: Callbacks, identity: Mapping[str, str]
    ) -> None:
        """Demand that all ranks begin alike."""

    def end_epoch(self, epoch: int, logs: Logs) -> None:
        """Demand that all ranks have come to the same."""

    def any(self, wish: bool) -> bool:
        """Whether one of the ranks has this wish."""

    def shared(self, value: T) -> T:
        """What the rank that leads has."""

    def sums(self) -> AnySums:
        """Fresh sums for what is to be measured next."""

    def learn(self, batch: Batch, sums: Any, ahead: int) -> None:
        """Learn from one batch."""

    def measure(self, batch: Batch, sums: Any, ahead: int) -> None:
        """See how good the model is on one batch."""


class Scored(NamedTuple):
    """What comes of a forward pass: the loss, of how many it is the mean, what is kept of it."""

    loss: Tensor
    number: int | Tensor
    kept: list[Tensor]  # predictions, perhaps weights, for metrics that are not recorded
    masked: bool = False  # whether something does not count, of one of several outputs


class Trainer:
    """What ``compile`` makes: loss, optimizer and metrics, joined with a model into steps.

    Attributes:
        train, test: the steps. ``loop.py`` runs them.
        reduction: is given the gradients, as few flat Tensors, between the backward pass and the
            update, and changes them in place: several processes would take their mean. What it
            does is recorded with the rest of the step, and anew when another is set; None does
            nothing, and records nothing.
        looked: the steps whose first batch was looked at.
        looking: whether this is a first batch: does what the model makes of it fit?
        changing: numbers in layers that may change between steps, such as rates of Dropout.
        width: how many of the columns at hand are inputs of the model.
        sharded: the steps of the latest ``fit(shards=...)``, or None.
        search: who watches each step (``inspect/nan_search.py``), or None.
    """

    def __init__(
        self,
        model: Network,
        wanted: OutputsWanted,
        optimizer: Optimizer,
        eager: bool,
    ) -> None:
        self.model, self.optimizer = model, optimizer
        self.mean_loss, self.wanted = Mean("loss"), wanted
        self._order: Array = np.arange(0)
        self.warned = False
        self._reduction: Reduction | None = None
        self.looked: set[str] = set()
        self.looking = False
        self.search: Search | None = None
        self.sharded: Shards | None = None
        self.changing: list[Changing] = []
        self.width = 1
        self._locks: tuple[tuple[Lock, ...], ...] = ((), ())  # of the model; of all that takes part
        common = (eager, True, self._changes, self._versions, self.locks)
        self.train = Step("train", self._train, [], self._labels, *common)
        self.test = Step("evaluate", self._test, [], self._labels, *common)
        self.trying = Step("try", self._try, [], self._labels, *common) if self._searches else None
        self.names: tuple[str, ...] | None = None  # of the outputs, if there are several
        self.heads: list[Head] = []  # known when the outputs are
        self.metrics: list[Metric] = []
        self.unrecorded: list[Metric] = []
        self.loss: Loss | Losses = Losses({}, {})
        if model.output_shape is not None or not wanted.several:
            self._choose(tuple(model.output_names) if model.several_outputs else None)

    def settle(self) -> None:
        """Find out who watches which output, now that the outputs are known."""
        names = tuple(self.model.output_names) if self.model.several_outputs else None
        if names != self.names or not self.heads:
            change(self.locks(), self._choose, names)

    def _choose(self, names: tuple[str, ...] | None) -> None:
        heads = self.wanted.heads(names)
        self.heads, self.names = heads, names
        self.metrics = [head.mean for head in heads if head.mean is not None]
        self.metrics += [metric for head in heads for metric in head.metrics]
        self.unrecorded = [metric for metric in self.metrics if not metric.recorded]
        self.loss = heads[0].loss
        if names is not None:
            costs = {head.name: head.loss for head in heads}
            self.loss = Losses(costs, {head.name: head.weight for head in heads})
        self._locks = (), ()
        self.looked.clear()
        for step in self.steps:
            step.forget()

    @property
    def reduction(self) -> Reduction | None:
        """What is done to the gradients before the update."""
        return self._reduction

    @reduction.setter
    def reduction(self, reduction: Reduction | None) -> None:
        if reduction is not self._reduction:
            self._reduction = reduction
            for step in self.steps:
                change(self.locks(), step.forget)

    def locks(self) -> tuple[Lock, ...]:
        """The locks that a step needs: of each layer, the optimizer and each metric."""
        of_model, found = self._locks
        if of_model is not self.model._all_locks() or not found:
            of_model = self.model._all_locks()
            found = locks_of((*self.model.modules(), self.optimizer, *self.metrics))
            self._locks = of_model, found
        return found

    turns = locks  # what a step that was pickled once asks for

    def __setstate__(self, state: dict[str, Any]) -> None:
        usual = {"_reduction": None, "sharded": None, "changing": list[Changing](), "width": 1}
        vars(self)["trying"] = None
        vars(self).update({**usual, **pickled(state)})
        if "heads" not in state:  # pickled before a model could have several outputs
            self.names, self.wanted = None, OutputsWanted(self.loss, None, self.metrics)
            self.heads = [Head(0, "", self.loss, 1.0, self.metrics)]  # type: ignore[arg-type]
        self.unrecorded = [metric for metric in self.metrics if not metric.recorded]

    @classmethod
    def of(
        cls,
        model: Network,
        loss: Any,
        optimizer: Any,
        watched: Any,
        eager: bool,
        loss_weights: Any = None,
    ) -> "Trainer":
        """Look up what ``compile`` was given by name."""
        if isinstance(loss, str) and loss.lower() in optimizers.OPTIMIZERS:
            raise ValueError(
                f"compile: {loss!r} is an optimizer, but the loss comes first: "
                f"compile(loss, optimizer={loss!r})."
            )
        return cls(
            model, OutputsWanted(loss, loss_weights, watched), optimizers.get(optimizer), eager
        )

    # -------------------------------------------------------------------- what is recorded

    def _train(self, *columns: Tensor, sharded: Shards | None = None) -> list[Tensor]:
        """Forward, backward and update, in one program; of a shard all but the update."""
        self.optimizer.zero_grad()
        width, outside = self.width, sharded.outside if sharded else self.unrecorded
        with GradMode(True), TrainingMode(True), Mode("costs", []):  # whatever surrounds the call
            y_pred = self.model.forward(*columns[:width])
            scored = self._scored(outside, y_pred, *columns[width:])
        with Mode("phase", "backward"):
            if sharded is not None:
                return sharded.backward(scored)
            self.optimizer.scale_loss(scored.loss).backward()
            self.reduce()
        if self.optimizer.looks_twice:
            self._look_again(*columns)
        with Mode("phase", "update"):
            self.optimizer.apply()
            self.constrain()
        return [scored.loss, *scored.kept]

    def _look_again(self, *columns: Tensor) -> None:
        """Gradients where the optimizer has gone to look; nothing is measured there."""
        self.optimizer.first_step()  # type: ignore[attr-defined]
        self._gradients(*columns)

    def _gradients(self, *columns: Tensor) -> Tensor:
        """The loss, and its gradients; nothing is measured."""
        with GradMode(True), TrainingMode(True), Mode("costs", []), Mode("checked", True):
            y_pred = self.model.flat(self.model.forward(*columns[: self.width]))
            seen = self._seen(y_pred, columns[self.width :])
            losses = [one.head.loss.loss(one.y, one.y_pred, *one.w) for one in seen]
            loss = self._sum(seen, losses)
        with Mode("phase", "backward"):
            loss.backward()
            self.reduce()
        return loss

    def _try(self, *columns: Tensor) -> list[Tensor]:
        """The loss where the optimizer tries weights, which keeps the gradients."""
        self.optimizer.zero_grad()
        loss = self._gradients(*columns)
        with Mode("phase", "update"), no_grad():
            self.optimizer.keep_slopes()
        return [loss]

    @property
    def _searches(self) -> bool:
        return self.optimizer.searches

    def _search(self, inputs: list[Array], loss: float) -> None:
        """Let the optimizer try weights on a batch until it has better ones."""
        step, variant = self.trying, self.variant(self.train)
        assert step is not None
        step.names = self.train.names
        step.expect(self.train.ahead)
        arrays = step.inputs(*((array.shape, array.dtype) for array in inputs))

        def look() -> float:
            for array, given in zip(arrays, inputs, strict=True):
                np.copyto(array, given)
            return float(step.run(arrays, variant)[0])

        self.train.flush()
        self.optimizer.search(look, loss)
        with no_grad():
            self.constrain()

    def reduce(self) -> None:
        """Let the reduction, if there is one, change the gradients: neighbours as one Tensor."""
        if self.reduction is not None:
            pairs = [(group, runs(group.with_gradients())) for group in self.optimizer.groups]
            with no_grad():
                self.reduction([group.gradients(*ends) for group, found in pairs for ends in found])

    def constrain(self) -> None:
        """Let parameters keep to their constraints."""
        for p in self.optimizer.parameters:
            if p.constraint is not None and p.requires_grad:
                p.assign(p.constraint(p.detach()))

    def complete(self) -> None:
        """Learn from the gradients that wait, if there were too few batches for an update."""
        if one_blas_thread.run(self.optimizer.complete):
            self.follow()
            with no_grad():
                self.constrain()

    def _test(self, *columns: Tensor, sharded: Shards | None = None) -> list[Tensor]:
        """Forward only."""
        width, outside = self.width, sharded.outside if sharded else self.unrecorded
        for x in columns[:width]:
            x.requires_grad = x.dtype.kind == "f"  # a graph: by it the loss finds the logits
        with GradMode(True), TrainingMode(False), Mode("costs", []):
            y_pred = self.model.forward(*columns[:width])
            scored = self._scored(outside, y_pred, *columns[width:])
        return [scored.loss, *scored.kept]

    def _scored(self, outside: Sequence[Metric], made: Any, *columns: Tensor) -> Scored:
        """The loss, and the predictions if a metric wants them after the step."""
        seen = self._seen(self.model.flat(made), columns)
        losses: list[Tensor] = []
        for head, y, y_pred, w in seen:
            if self.looking:
                head.loss.demand(y, y_pred)
            with Mode("checked", True):
                losses.append(head.loss.loss(y, y_pred, *w))
        with Mode("checked", True):
            real = [one.head.loss.real(one.y, one.y_pred) for one in seen]
            loss = self._sum(seen, losses)
            numbers = [number_of(*pair) for pair in zip(seen, real, strict=True)]
            number = numbers[0] if self.names is None else len(columns[0])
            self.mean_loss.add_mean(loss, number)
            for one, cost, count in zip(seen, losses, numbers, strict=True):
                if one.head.mean is not None:
                    one.head.mean.add_mean(cost, count)
            kept: list[Tensor] = []
            for one, mask in zip(seen, real, strict=True):
                kept += self._watched(outside, one, mask)
        return Scored(loss, number, kept if outside else [], any(m is not None for m in real))

    def _sum(self, seen: Sequence[Seen], losses: Sequence[Tensor]) -> Tensor:
        """The loss of the model: that of all outputs, and what regularizers add."""
        first, *others = (one.head.cost(c) for one, c in zip(seen, losses, strict=True))
        loss = sum(others, start=first)
        for p in self.model.parameters():
            if p.regularizer is not None:
                loss = loss + p.regularizer(p)
        for cost in modes.costs:
            loss = loss + cost
        return loss

    def _seen(self, made: Sequence[Tensor], columns: Sequence[Tensor]) -> list[Seen]:
        """What each head sees of a batch."""
        count = len(self.heads)
        weights = [columns[i : i + 1] for i in range(count, 2 * count)]
        pairs = zip(self.heads, columns, weights, strict=False)
        return [Seen(head, y, made[head.number], tuple(w)) for head, y, w in pairs]

    def _watched(self, outside: Sequence[Metric], one: Seen, real: Tensor | None) -> list[Tensor]:
        """Show it to the metrics; what those outside the program will want."""
        seen, weights = one.y_pred.detach(), one.w if real is None else (weighing(real, *one.w),)
        seen.mask = None  # the weights tell it
        for metric in one.head.metrics:
            if metric not in outside:
                metric.update(one.y, seen, *weights)
            elif self.looking:
                show(metric, one.y, seen, *weights)
        if self.names is None:
            return [seen] if real is None else [seen, *weights]
        if not any(metric in outside for metric in one.head.metrics):
            return []
        return [seen, *(weights or (Tensor(np.ones(len(seen), seen.dtype)),))]

    def prepare(self, feed: AnyFeed, shards: int = 1) -> None:
        """Let the optimizer take charge of the parameters.

        It moves them, so nobody else works with them meanwhile.

        Args:
            feed: what is learned from.
            shards: into how many parts each batch is cut.

        Raises:
            ValueError: there is nothing that training could change, or a batch is too small.
        """
        if isinstance(feed, ArrayFeed):
            demand_large(self.model, feed, shards)
            warn_of_small(self.optimizer, feed)
        width = len(feed.entry) if isinstance(feed, ArrayFeed) else self.model.width
        change(self.locks(), self._prepare, width)

    def _prepare(self, width: int) -> None:
        demand_learning(self.model)
        parameters = self.model.parameters()
        self.optimizer.build(parameters, self.model.named_parameters())
        self.optimizer.demand_named()
        self.changing = changing_in(self.model.modules())
        self.follow()
        self._name_columns(width)

    def _name_columns(self, width: int) -> None:
        inputs = ["x"] if width == 1 else [f"x{i}" for i in range(width)]
        ends = [f"_{head.name}" if head.name else "" for head in self.heads]
        targets = [f"{letter}{end}" for letter in "yw" for end in ends]
        self.train.names = self.test.names = [*inputs, *targets]
        self.width = width

    def take(self, feed: ArrayFeed) -> None:
        """Get ready for batches of a feed: inputs that may be left out are there, or are not."""
        if self.width != len(feed.entry):
            self._name_columns(len(feed.entry))

    def _changes(self) -> list[Tensor]:
        """What a step may change: its state, and tensors that parts of the user's own may keep."""
        parts = (*self.model.modules(), *self.metrics, self.loss, self.optimizer)
        return [*self.state(), *kept_by(parts)]

    def state(self) -> list[Tensor]:
        """All that a step changes: weights, buffers, the optimizer's memory, running means."""
        optimizer = self.optimizer
        return [
            *(p for p in self.model.parameters() if p.memory is None),
            *self.model.named_buffers().values(),
            *(t for g in optimizer.groups for t in (g.memory.values, *g.state.values())),
            *(optimizer.iterations, *optimizer.numbers.values()),
            *(t for m in (self.mean_loss, *self.metrics) for t in m.tensors().values()),
        ]

    def _versions(self) -> tuple[int, ...]:
        """The latest changes of all settings that a recording freezes."""
        if self.optimizer.parameters:
            self.optimizer.build(self.optimizer.parameters)  # others may need another state
        recorded = (metric for metric in self.metrics if metric.recorded)
        return versions((self.model, self.loss, self.optimizer, *recorded))

    def _labels(self) -> dict[int, str]:
        """Names for the tensors that outlive a step, for printing programs."""
        labels = {id(self.optimizer._rate): "learning_rate"}
        labels[id(self.optimizer.iterations)] = "iterations"
        for path, p in self.model.named_parameters().items():
            labels[id(p)] = path
            if p.home is not None:
                labels[id(p.home)] = f"{path}.grad"
        labels.update((id(b), path) for path, b in self.model.named_buffers().items())
        for group in self.optimizer.groups:
            labels[id(group.memory.values)] = "parameters"
            labels[id(group.memory.gradients)] = "gradients"
            labels.update((id(t), name) for name, t in group.state.items())
        labels.update((id(t), name) for name, t in self.optimizer.numbers.items())
        for metric in (self.mean_loss, *self.metrics):
            labels.update((id(t), f"{metric.name}.{key}") for key, t in metric.tensors().items())
        return labels

    # -------------------------------------------------------------------- while it runs

    def variant(self, step: Step) -> Variant:
        """What a recording of a step freezes, besides shapes and types."""
        width = (self.width,) if self.model.takes.optional else ()
        if step is not self.train:
            return width
        layers = tuple(module.trainable for module in self.model.modules())
        return (*width, layers, *(p.requires_grad for p in self.optimizer.parameters))

    def busy(self, step: Step) -> bool:
        """Whether Python has something to do between two runs of a step."""
        learns = step is self.train
        waits = learns and bool(self.optimizer.phase or self.optimizer.searches)
        return waits or self.search is not None or bool(self.unrecorded)

    def coming(self, step: Step) -> Coming | None:
        """The rates of the steps ahead, of the optimizer and of layers that follow a schedule."""
        if step is not self.train:
            return None
        if not self.changing:
            return self.optimizer.coming()
        now = int(self.optimizer.iterations.data)
        return together((self.optimizer.coming(), *(c.coming(now) for c in self.changing)))

    def follow(self) -> None:
        """Let rates in layers be those of the coming update, where they follow a schedule."""
        for changing in self.changing:
            changing.follow(int(self.optimizer.iterations.data))

    def after(self, step: Step, inputs: list[Array], outputs: list[Array]) -> None:
        """Do what is not recorded, when a step has run: count, hand on, and look at the loss."""
        if step is self.train:
            if self.optimizer.searches:
                outputs = [array.copy() for array in outputs]
                self._search(inputs, float(outputs[0]))
            self.optimizer.advance()
            self.follow()
        loss, *kept = outputs
        if kept:
            self.hand_on(self.unrecorded, self.to_hand_on(inputs, kept, self.unrecorded))
        value = float(loss) if step.done == 1 else self.mean_loss.result()
        if value - value != 0.0 and not self.warned:  # NaN or infinite
            self.warn(value)

    def to_hand_on(
        self, inputs: list[Array], kept: Sequence[Array], outside: Sequence[Metric]
    ) -> list[list[Array]]:
        """What metrics that are not recorded are given, by head: copies, as memory is reused."""
        if self.names is None:
            y, *w = inputs[self.width :]
            y_pred, *weight = kept
            return [[array.copy() for array in (y, y_pred, *(weight or w))]]
        heads = self._watched_from(outside)
        found = zip(heads, kept[::2], kept[1::2], strict=True)
        places = {id(head): self.width + i for i, head in enumerate(self.heads)}
        return [[a.copy() for a in (inputs[places[id(h)]], *pair)] for h, *pair in found]

    def hand_on(self, outside: Sequence[Metric], columns: Sequence[Sequence[Array]]) -> None:
        """Hand what a batch gave to the metrics that are not part of the program."""
        with Mode("checked", True):
            for head, given in zip(self._watched_from(outside), columns, strict=True):
                for metric in head.metrics:
                    if metric in outside:
                        metric.update(*given)

    def _watched_from(self, outside: Sequence[Metric]) -> list[Head]:
        """The heads that metrics outside the program want to see."""
        return [head for head in self.heads if any(m in outside for m in head.metrics)]

    def warn(self, value: float) -> None:
        """Say once that the loss is no number."""
        from warnings import warn

        self.warned = True
        warn(
            f"model {self.model.name!r}: the loss became {value}. A smaller learning rate or "
            'gradient clipping may help; fit(..., debug="nan") names the first operation whose '
            "result is not finite.",
            RuntimeWarning,
            stacklevel=2,
        )

    def order(self, size: int) -> Array:
        """0 to size - 1, to be shuffled, in memory that is kept from one fit to the next.

        Whoever has it is its only owner, until it comes back by ``keep_order``.
        """
        kept = vars(self).pop("_order", None)
        order: Array = np.arange(size) if kept is None or kept.size != size else kept
        order.sort()
        return order

    def keep_order(self, feed: AnyFeed) -> None:
        """Take back what a feed does not need any more."""
        if isinstance(feed, ArrayFeed) and feed.order is not None:
            self._order = feed.order

    @property
    def steps(self) -> list[Step]:
        """The steps, those of the latest fit first."""
        own = [self.train, *([self.trying] if self.trying else []), self.test]
        return [*(self.sharded.steps if self.sharded else ()), *own]

    @property
    def programs(self) -> list[Program]:
        """Every program recorded so far."""
        return [program for step in self.steps for program in step.programs.values()]


def shaped(results: Logs, return_dict: bool) -> Any:
    """The loss, or the loss and the metrics; by name if asked for."""
    if return_dict:
        return results
    values = list(results.values())
    return values if len(values) > 1 else values[0]
