"""Trainer: the steps that models replay to learn and to be tested, and what they measure."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from axon import losses, metrics, optimizers
from axon.backend import Array
from axon.blas import one_blas_thread
from axon.callbacks import Callbacks, Logs
from axon.core import Tensor
from axon.inspect import nan_search
from axon.locks import Lock, change, hold, locks_of
from axon.losses import Loss
from axon.losses.base import both
from axon.metrics import Mean, Metric
from axon.models.data import Batches
from axon.models.first_batch import first_look, show
from axon.models.loop import Loop, Source, Tally, one_by_one, several
from axon.modes import GradMode, Mode, TrainingMode, no_grad
from axon.optimizers import Optimizer
from axon.program import Program, Step
from axon.settings import versions


class Trainer:
    """What ``compile`` makes: loss, optimizer and metrics, joined with a model into steps."""

    def __init__(
        self, model: Any, loss: Loss, optimizer: Optimizer, metrics: Sequence[Metric], eager: bool
    ) -> None:
        self.model, self.loss, self.optimizer = model, loss, optimizer
        self.metrics, self.mean_loss = list(metrics), Mean("loss")
        self._order: Array = np.arange(0)
        self.warned = False
        self.looked: set[str] = set()  # the steps whose first batch was looked at
        self.looking = False  # this is a first batch: does what the model makes of it fit?
        self.back: Callable[[], None] | None = None  # undoes what was built for a first batch
        self.search: Any = None  # whoever watches each step (nan_search.py), or None
        self._locks: tuple[tuple[Lock, ...], ...] = ((), ())  # of the model; of all that takes part
        common = (eager, True, self._changes, self._versions, self.locks)
        self.train = Step("train", self._train, [], self._labels, *common)
        self.test = Step("evaluate", self._test, [], self._labels, *common)

    def locks(self) -> tuple[Lock, ...]:
        """The locks that a step needs: of each layer, the optimizer and each metric."""
        of_model, found = self._locks
        if of_model is not self.model._all_locks() or not found:
            of_model = self.model._all_locks()
            found = locks_of((*self.model.modules(), self.optimizer, *self.metrics))
            self._locks = of_model, found
        return found

    @classmethod
    def of(cls, model: Any, loss: Any, optimizer: Any, watched: Any, eager: bool) -> "Trainer":
        """Look up what ``compile`` was given by name."""
        if isinstance(loss, str) and loss.lower() in optimizers.OPTIMIZERS:
            raise ValueError(
                f"compile: {loss!r} is an optimizer, but the loss comes first: "
                f"compile(loss, optimizer={loss!r})."
            )
        chosen = losses.get(loss)
        named = [watched] if isinstance(watched, str | Metric) else watched or []
        found = [metrics.get(m, chosen) for m in named]
        names = [m.name for m in found]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"compile: two metrics are called {twice[0]!r}: give one name=.")
        return cls(model, chosen, optimizers.get(optimizer), found, eager)

    def __getstate__(self) -> dict[str, Any]:
        """Copy or pickle it; what could be undone is another's."""
        return {**vars(self), "back": None}

    # -------------------------------------------------------------------- what is recorded

    def _train(self, *columns: Tensor) -> list[Tensor]:
        """Forward, backward and update, in one program."""
        self.optimizer.zero_grad()
        with GradMode(True), TrainingMode(True):  # whatever surrounds the call
            loss, *outputs = self._measure(*columns)
        with Mode("phase", "backward"):
            loss.backward()
        with Mode("phase", "update"):
            self.optimizer.apply()
            self._constrain()
        return [loss, *outputs]

    def _constrain(self) -> None:
        for p in self.optimizer.parameters:
            if p.constraint is not None and p.requires_grad:
                p.assign(p.constraint(p.detach()))

    def complete(self) -> None:
        """Learn from the gradients that wait, if there were too few batches for an update."""
        if one_blas_thread.run(self.optimizer.complete):
            with no_grad():
                self._constrain()

    def _test(self, *columns: Tensor) -> list[Tensor]:
        """Forward only."""
        for x in columns[: self.model.width]:
            x.requires_grad = x.dtype.kind == "f"  # a graph: by it the loss finds the logits
        with GradMode(True), TrainingMode(False):
            return self._measure(*columns)

    def _measure(self, *columns: Tensor) -> list[Tensor]:
        """The loss, and the predictions if a metric wants them after the step."""
        inputs, (y, *w) = columns[: self.model.width], columns[self.model.width :]
        y_pred = self.model.forward(*inputs)
        if self.looking:
            self.loss.demand(y, y_pred)
        with Mode("checked", True):
            return self._scored(y, y_pred, w)

    def _scored(self, y: Tensor, y_pred: Tensor, w: Sequence[Tensor]) -> list[Tensor]:
        """The loss and the metrics of predictions."""
        loss: Tensor = self.loss.loss(y, y_pred, *w)
        real = self.loss.real(y, y_pred)
        for p in self.model.parameters():
            if p.regularizer is not None:
                loss = loss + p.regularizer(p)
        self.mean_loss.add_mean(loss, len(y) if real is None else real.astype(np.float64).sum())
        seen, w = y_pred.detach(), w if real is None else [weighing(real, *w)]
        seen.mask = None  # the weights tell it
        for metric in self.metrics:
            if metric.recorded:
                metric.update(y, seen, *w)
            elif self.looking:
                show(metric, y, seen, *w)
        if all(m.recorded for m in self.metrics):
            return [loss]
        return [loss, seen] if real is None else [loss, seen, *w]

    def prepare(self, source: Source) -> None:
        """Let the optimizer take charge of the parameters.

        It moves them, so nobody else works with them meanwhile.

        Raises:
            ValueError: there is nothing that training could change, or a batch is too small.
        """
        if isinstance(source, Batches):
            self._demand_large(source)
        change(self.locks(), self._prepare)

    def _prepare(self) -> None:
        parameters = self.model.parameters()
        if not any(p.requires_grad for p in parameters):
            why = "all its layers are frozen" if parameters else "its layers have no parameters"
            fix = "Set layer.trainable = True" if parameters else "Add one, such as Dense(10)"
            raise ValueError(f"model {self.model.name!r} has nothing to train: {why}. {fix}.")
        self.optimizer.build(parameters)
        width = self.model.width
        inputs = ["x"] if width == 1 else [f"x{i}" for i in range(width)]
        self.train.names = self.test.names = [*inputs, "y", "w"]

    def _demand_large(self, source: Batches) -> None:
        """Say before the first step, and not in the last one, that a batch is too small."""
        least = self.model.least_batch
        if source.smallest < least:
            layer = next(
                m for m in self.model.modules() if not list(m.children()) and m.least_batch == least
            )
            raise ValueError(
                f"layer {layer.name!r} ({layer!r}): the last batch of an epoch, {source.size} "
                f"samples in batches of {source.batch_size}, is a single sample, hence a single "
                "value for each channel, which minus its mean is always 0. Use larger batches, "
                "or another batch_size that leaves no rest of 1; or LayerNormalization; or freeze "
                "the layer with trainable=False."
            )

    def _changes(self) -> list[Tensor]:
        """What a step may change: its state, and tensors that parts of the user's own may keep."""
        parts = (*self.model.modules(), *self.metrics, self.loss, self.optimizer)
        kept = [t for part in parts for t in dict(vars(part)).values() if isinstance(t, Tensor)]
        return [*nan_search.state(self), *kept]

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

    # -------------------------------------------------------------------- running it

    def batch(
        self, step: Step, batches: Batches, start: int, stop: int, frozen: tuple[Any, ...]
    ) -> float:
        """Run one step on one batch; at first, and after changes, with a look at what comes out."""
        if step.name in self.looked:
            if step.heeds_all:
                return self._batch(step, batches, start, stop, frozen)
            self.back = None  # it was built before
        with first_look(self, step):
            return self._batch(step, batches, start, stop, frozen)

    def _batch(
        self, step: Step, batches: Batches, start: int, stop: int, frozen: tuple[Any, ...]
    ) -> float:
        slots = step.inputs(*batches.specs(stop - start))
        batches.fill(start, stop, slots)
        if step is self.train:
            loss, *outputs = self._run(step, slots, (*frozen, self.optimizer.phase))
            self.optimizer.advance()
        else:
            loss, *outputs = self._run(step, slots, frozen)
        if outputs:
            self._gather(slots, *outputs)
        return self.watched(float(loss))

    def watched(self, loss: float) -> float:
        """The loss, with a warning if it is not a number."""
        if loss - loss != 0.0 and not self.warned:  # NaN or infinite
            self._warn(loss)
        return loss

    def _run(self, step: Step, slots: list[Array], variant: tuple[Any, ...]) -> list[Array]:
        if self.search is None:
            return step.run(slots, variant)
        found: list[Array] = one_blas_thread.run(self.search.run, step, slots)
        return found

    def _gather(self, slots: list[Array], y_pred: Array, *weight: Array) -> None:
        """Hand what the batch gave to the metrics that keep it; the memory is used again."""
        y, *w = slots[self.model.width :]
        kept = [array.copy() for array in (y, y_pred, *(weight or w))]
        with Mode("checked", True):
            for metric in self.metrics:
                if not metric.recorded:
                    metric.update(*kept)

    def _warn(self, value: float) -> None:
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

    def keep_order(self, source: Source) -> None:
        """Take back what a source does not need any more."""
        if isinstance(source, Batches) and source.order is not None:
            self._order = source.order

    def frozen(self, step: Step) -> tuple[Any, ...]:
        """What a recording of the step freezes, besides shapes and types."""
        if step is not self.train:
            return ()
        layers = tuple(module.trainable for module in self.model.modules())
        return (layers, *(p.requires_grad for p in self.optimizer.parameters))

    def epoch(
        self,
        step: Step,
        source: Source,
        callbacks: Callbacks,
        kind: str,
        run: Any = None,
        times: int = 1,
    ) -> Logs:
        """Run a step on every batch and return the means.

        Args:
            step: what to do.
            source: the batches.
            callbacks: whom to tell.
            kind: the hooks to call, "train" or "test".
            run: whose epoch it is, if it is one of training, which may be half done.
            times: how often the present call goes over the batches, all in all.
        """
        return Loop(self, step, source, callbacks, kind, run, times * len(source)).go()

    def next(
        self,
        step: Step,
        batch: tuple[Batches, int, int],
        frozen: tuple[Any, ...],
        room: int,
        ahead: int | None,
        alone: int = 1,
    ) -> int:
        """Do the next batch, and those after it; how many were done.

        Args:
            step: what to do.
            batch: the next one.
            frozen: what a recording freezes.
            room: how many may be done in one go.
            ahead: how many steps the present call makes; None if that is not known.
            alone: how many may be done one by one, before anybody has to look.
        """
        step.expect(ahead)
        lock = self.locks()[0]
        lock.changing = step is self.train
        try:
            done = several(self, step, *batch, frozen, room) if room else 0
            return done or one_by_one(self, step, *batch, frozen, alone)
        finally:
            lock.changing = False

    def hold(self, function: Any, *given: Any) -> Any:
        """Call a function while nobody else works with the model, its metrics or its optimizer."""
        return hold(self.locks(), function, *given)

    def tally(self) -> Tally:
        """A fresh one, for what is to be measured next."""
        return Tally((self.mean_loss, *self.metrics))

    def once(self, step: Step, batch: Batches) -> Logs:
        """Run a step on a single batch and return what was measured on it."""
        tally = self.tally()
        tally.take()
        self.back = batch.back
        self.next(step, (batch, 0, batch.size), self.frozen(step), 0, None)
        return tally.results()

    def evaluate(self, source: Source, callbacks: Callbacks, times: int = 1) -> Logs:
        """Loss and metrics on data that nothing is learned from; once of so many times."""
        callbacks.on_test_begin()
        logs = self.epoch(self.test, source, callbacks, "test", times=times)
        callbacks.on_test_end(logs)
        return logs

    @property
    def programs(self) -> list[Program]:
        """Every program recorded so far."""
        return [*self.train.programs.values(), *self.test.programs.values()]


def weighing(real: Tensor, w: Tensor | None = None) -> Tensor:
    """What metrics are given as weights: 0 for what does not count, else those of the samples."""
    weight = real.astype(np.float64 if w is None else w.dtype)
    joined: Tensor = weight if w is None else both(weight, w)  # type: ignore[assignment]
    alone = joined.ndim == 2 and joined.shape[1] == 1  # one step is as good as none
    return joined.reshape(len(joined)) if alone else joined


def shaped(results: dict[str, float], return_dict: bool) -> Any:
    """The loss, or the loss and the metrics; by name if asked for."""
    if return_dict:
        return results
    values = list(results.values())
    return values if len(values) > 1 else values[0]
