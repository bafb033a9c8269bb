"""The training loop: for each epoch, for each batch, a step. Testing goes over batches likewise.

Read it top to bottom: ``Fit.run`` goes over epochs, ``Pass.batches`` over the batches of one, and
``Pass.steps`` runs the step (program/step.py) on some of them while it holds the locks of all that
takes part. User's code, callbacks and whatever yields batches, runs between that, never inside.
"""

import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from functools import cached_property
from itertools import islice
from time import perf_counter
from types import FrameType
from typing import Any, TypeVar

from axon._moved import renamed
from axon.blas import one_blas_thread
from axon.callbacks import Callbacks, Logs, State, backup_of
from axon.locks import Lock, hold
from axon.metrics import Metric
from axon.models.feeds import AnyFeed, ArrayFeed, Batch
from axon.models.first_batch import first_look
from axon.models.network import Network
from axon.models.training import AnySums, Shards, Trainer
from axon.optimizers import Optimizer
from axon.program import Step
from axon.random import get_state, set_state

T = TypeVar("T")
SLICE = 0.05  # seconds of steps: after that, others may have the locks
_under_way: "list[Fit]" = []
_beginning = Lock()


class Fit:
    """One call of ``fit``, where it stands, and all it takes to go on from there elsewhere.

    Args:
        trainer: what ``compile`` made.
        predicting: the step that predicts: its shapes are part of the state.
        feed: what to learn from.
        validation: what to validate on, or None.
        epochs: the numbers of the epochs.
        callbacks: whom to tell; one of them may keep backups.
        validation_freq: validate every so many epochs.
        sharded: the steps, if each batch is cut into shards.

    Attributes:
        epoch, batch: how many epochs, and batches of the next one, are done.
    """

    def __init__(
        self,
        trainer: Trainer,
        predicting: Step,
        feed: AnyFeed,
        validation: AnyFeed | None,
        epochs: range,
        callbacks: Callbacks,
        validation_freq: int = 1,
        sharded: Shards | None = None,
    ) -> None:
        self.trainer, self.model = trainer, trainer.model
        self.feed, self.validation = feed, validation
        self.epochs, self.callbacks, self.validation_freq = epochs, callbacks, validation_freq
        self.backup, self.sharded = backup_of(callbacks), sharded
        if sharded:
            sharded.begin()
        self.epoch, self.batch = epochs.start, 0
        self._steps = [trainer.train, trainer.test, predicting]
        self._steps += sharded.steps if sharded else []
        self._steps += [trainer.trying] if trainer.trying else []
        self._resumed: State | None = None  # what has still to be put back
        self._sums = Sums.of(trainer, sharded)
        self._began = self._updates()

    def run(self) -> None:
        """Train, telling the callbacks; the model stays usable whatever happens.

        Raises:
            RuntimeError: the model, or its optimizer, is being trained already.
        """
        logs: Logs = {}
        with self._alone(), self.backup.guarding(self):
            self._demand_alike()
            try:
                self.callbacks.on_train_begin(None)
                self.backup.demand_storable(self)
                stopped = self._resumed is not None and not self.batch and self._put_back()
                while self.epoch < self.epochs.stop and not stopped:
                    training = self._begin_epoch()
                    one_blas_thread.run(training.batches)
                    logs = self._end_epoch(training.results())
                    stopped = self.model.stop_training
                if self._began == self._updates():
                    self.trainer.complete()
                self.trainer.optimizer.finalize()
            except BaseException as error:
                self.callbacks.on_exception(error)
                raise
            finally:
                self.trainer.optimizer.zero_grad()
                self.callbacks.on_train_end(logs)

    def _begin_epoch(self) -> "Pass":
        self.callbacks.on_epoch_begin(self.epoch, None)
        self._put_back()
        ahead = self.epochs.stop * len(self.feed)  # also if it did not begin at 0
        step = self.sharded.shard if self.sharded else self.trainer.train
        return Pass(self.trainer, step, self.feed, self.callbacks, ahead, self, self.sharded)

    def _end_epoch(self, logs: Logs) -> Logs:
        epoch = self.epoch
        if self.validation is not None and (epoch + 1) % self.validation_freq == 0:
            times = self.epochs.stop // self.validation_freq
            of_test = (self.trainer, self.validation, self.callbacks, times, self.sharded)
            results = evaluate(*of_test)
            logs.update((f"val_{name}", value) for name, value in results.items())
        self.callbacks.on_epoch_end(epoch, logs)
        if self.sharded:
            self.sharded.end_epoch(epoch, logs)
            self.model.stop_training = self.sharded.any(self.model.stop_training)
        self.epoch, self.batch = epoch + 1, 0
        self.backup.after_epoch(self)
        return logs

    def after_batches(self, count: int) -> bool:
        """So many more batches of this epoch are done; whether training is to end."""
        self.batch += count
        self.backup.after_batches(self, count)
        if self.sharded and self._told_of_batches:  # only then somebody may have stopped it
            self.model.stop_training = self.sharded.any(self.model.stop_training)
        return self.model.stop_training

    @property
    def _told_of_batches(self) -> bool:
        return any(self.callbacks.listens(f"on_train_batch_{when}") for when in ("begin", "end"))

    def shared(self, value: T) -> T:
        """What the process that leads has, of those that learn together."""
        return self.sharded.shared(value) if self.sharded else value

    def sums(self) -> AnySums:
        """What the epoch under way has measured so far; nothing if it begins now."""
        if not self.batch:
            self._sums = Sums.of(self.trainer, self.sharded)
        return self._sums

    def _updates(self) -> float:
        """How many updates the optimizer has made."""
        return float(self.trainer.optimizer.iterations.data)

    # -------------------------------------------------------------------- one at a time

    def _demand_alike(self) -> None:
        """Let ranks that learn together compare what they begin with."""
        if self.sharded:
            feeds = {"data": self.feed, "validation data": self.validation}
            wanted = {"epochs": f"{self.epochs.start} to {self.epochs.stop}"}
            self.sharded.demand_alike(feeds, self.callbacks, {**self.identity, **wanted})

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Be the only one that trains this model, or with this optimizer."""
        try:
            _beginning.run(self._begin)
            self._demand_possible()
            self.model.stop_training, self.trainer.warned = False, False
            yield
        finally:
            _under_way[:] = [fit for fit in _under_way if fit is not self]
            self.trainer.keep_order(self.feed)

    def _begin(self) -> None:
        demand_untrained("fit", self.model, self.trainer.optimizer)
        _under_way.append(self)

    def _demand_possible(self) -> None:
        """Let callbacks say before training begins what will not work; then nothing has changed."""
        measured = [m.name for m in (self.trainer.mean_loss, *self.trainer.metrics) if m.scalar]
        if self.validation is not None:
            measured += [f"val_{name}" for name in measured]
        try:
            self.callbacks.demand_possible(measured)
        except BaseException:
            if self.feed.back is not None:
                self.feed.back()
            raise

    @property
    def under_way(self) -> bool:
        """Whether some thread is in ``run``: its stack tells, whatever became of notes about it."""
        for top in sys._current_frames().values():
            frame: FrameType | None = top
            while frame is not None:
                if frame.f_code is Fit.run.__code__ and frame.f_locals.get("self") is self:
                    return True
                frame = frame.f_back
        return False

    # -------------------------------------------------------------------- its state

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do."""
        return self.epoch >= self.epochs.stop or (self.model.stop_training and not self.batch)

    @cached_property
    def identity(self) -> dict[str, str]:
        """What must be the same for a state to fit, each in words that people can compare."""
        from axon.models.identity import identity  # asked for where runs are resumed or compared

        found = identity(self.trainer, self.feed, self.validation, self.validation_freq)
        return {**found, "shards": str(self.sharded.count)} if self.sharded else found

    def state(self, begun: bool = True) -> State:
        """All that the rest of the run depends on, besides the data and the program that calls.

        Args:
            begun: callbacks know already that training has begun.
        """
        return hold(self.trainer.locks(), self._state, begun)

    def _state(self, begun: bool) -> State:
        return {
            **{"epoch": self.epoch, "batch": self.batch, "begun": begun},
            "weights": self.model.state_dict(),
            "trainable": [module.trainable for module in self.model.modules()],
            "learns": [p.requires_grad for p in self.model.parameters()],
            "optimizer": self.trainer.optimizer.state_dict(),
            "metrics": self._sums.state_dict() if self.batch else [],
            "callbacks": self.callbacks.state_dict() if begun else {},
            "source": self.feed.state_dict(),
            "validation": {} if self.validation is None else self.validation.state_dict(),
            "random": get_state(others=True),
            "updates": self._began,
            "shapes": [step.cache.state_dict() for step in self._steps],
            **{"stop_training": self.model.stop_training, "warned": self.trainer.warned},
        }

    def restore(self, state: State) -> None:
        """Go on from ``state``.

        Callbacks are told that training, and the epoch, begin. What this leads them to do was done
        before the state was kept, so everything is put back once more after that.
        """
        self.epoch, self.batch = state["epoch"], state["batch"]
        self.feed.load_state_dict(state["source"], self.batch)
        if self.validation is not None:
            self.validation.load_state_dict(state["validation"], 0)
        self._resumed = state if state["begun"] else None
        self.callbacks.load_state_dict(state["callbacks"])
        hold(self.trainer.locks(), self._restore, state)
        self._began = state.get("updates", -1.0)  # unknown in older backups

    def _put_back(self) -> bool:
        """Undo what callbacks did when training and the epoch began: they had done it already.

        Returns:
            Whether training had been stopped.
        """
        if self._resumed is not None:
            state, self._resumed = self._resumed, None
            hold(self.trainer.locks(), self._restore, state)
            self.callbacks.load_state_dict(state["callbacks"], again=True)
            self.model.stop_training = state["stop_training"]
        return self.model.stop_training

    def _restore(self, state: State) -> None:
        self.model.load_state_dict(state["weights"])
        for module, trainable in zip(self.model.modules(), state["trainable"], strict=True):
            module._trainable = trainable
        for p, learns in zip(self.model.parameters(), state["learns"], strict=True):
            p.requires_grad = learns
        self.trainer.optimizer.load_state_dict(state["optimizer"])
        self.trainer.follow()
        if self.batch:
            self._sums.load_state_dict(state["metrics"])
        for step, shapes in zip(self._steps, state.get("shapes", ()), strict=False):
            step.cache.load_state_dict(shapes)
        self.trainer.warned = state["warned"]
        set_state(state["random"])


def demand_untrained(what: str, model: Network, optimizer: Optimizer) -> None:
    """Demand that no ``fit`` of this model, or with this optimizer, is under way in any thread.

    Raises:
        RuntimeError: there is one.
    """
    for fit in [f for f in _under_way if f.model is model or f.trainer.optimizer is optimizer]:
        if not fit.under_way:  # an interrupt has ended it, or it went on in another process
            continue
        whose = "it" if fit.model is model else f"its optimizer, which {fit.model.name!r} shares,"
        raise RuntimeError(
            f"{what}: model {model.name!r} cannot be had now: {whose} is being trained by a fit "
            "that has not ended, in another thread or around this callback. Wait until that has "
            "ended; or train a copy, copy.deepcopy(model). Meanwhile evaluate, predict and "
            "train_on_batch take turns with it."
        )


# ------------------------------------------------------------------------------------ one epoch


class Pass:
    """A step on each batch of a feed: an epoch of training, or a test.

    Args:
        trainer: what ``compile`` made.
        step: what to do on each.
        feed: the batches.
        callbacks: whom to tell, if there is anybody.
        ahead: how many steps the present call makes, all in all; 0 if that is not known.
        fit: whose epoch it is, which may be half done; None for a test.
        sharded: who does the step, if each batch is cut into shards.
    """

    def __init__(
        self,
        trainer: Trainer,
        step: Step,
        feed: AnyFeed,
        callbacks: Callbacks | None = None,
        ahead: int = 0,
        fit: Fit | None = None,
        sharded: Shards | None = None,
    ) -> None:
        self.trainer, self.step, self.feed = trainer, step, feed
        self.ahead, self.fit, self.sharded = ahead, fit, sharded
        self.sums = Sums.of(trainer, sharded) if fit is None else fit.sums()
        phase = "train" if fit is not None else "test"
        self.begins, self.ends = (
            callbacks.listeners(f"on_{phase}_batch_{when}") if callbacks else []
            for when in ("begin", "end")
        )
        self.together = not callbacks or callbacks.together(f"on_{phase}_batch_end")
        watched = fit is not None and fit.backup.keeps  # by a clock, perhaps
        self.seconds = 0.0 if watched else SLICE

    def batches(self) -> None:
        """Go over all batches, telling whoever listens."""
        trainer, number = self.trainer, self.fit.batch if self.fit else 0
        stopped = number and trainer.model.stop_training
        coming = iter(() if stopped else self.feed.batches(number))
        for batch in coming:
            for tell in self.begins:
                tell(number, None)
            done = hold(trainer.locks(), self.steps, batch)
            logs = hold(trainer.locks(), self.sums.logs, True) if self.ends else {}
            for tell in self.ends:
                for n in range(number, number + done):
                    tell(n, logs)
            if done > 1:
                deque(islice(coming, done - 1), maxlen=0)
            number += done
            if self.fit and self.fit.after_batches(done):
                break

    def steps(self, batch: Batch) -> int:
        """Run the step on a batch, and on those after it until it is time to look around.

        Returns:
            on how many.
        """
        trainer, step, (feed, start, stop) = self.trainer, self.step, batch
        self.sums.take()
        trainer.take(feed)
        if not (trainer.looking or (step.name in trainer.looked and step.heeds_all)):
            with first_look(trainer, step, self.feed.back):
                return self.steps(batch)
        if self.sharded is not None:
            return self._shards(self.sharded, batch)
        variant = trainer.variant(step)  # whoever was told, or yields batches, may freeze a layer
        step.expect(self.ahead)
        inputs, busy = step.inputs(*feed.specs(stop - start)), trainer.busy(step)
        done, most = 0, self._most(batch)
        until = perf_counter() + (self.seconds and max(self.seconds, step.patience))
        lock, learns = trainer.locks()[0], step is trainer.train
        lock.changing = learns
        try:
            while not done or (done < most and perf_counter() < until):
                at = start + done * (stop - start)
                key = (*variant, trainer.optimizer.phase) if learns else variant
                if trainer.search is None:
                    count, coming = 1 if busy else most - done, trainer.coming(step)
                    outputs = step.run(inputs, key, feed, at, count, True, coming)
                else:
                    outputs = trainer.search.run(step, inputs, feed, at)
                done += step.done
                trainer.after(step, inputs, outputs)
            step.flush()
        except BaseException:
            step.flush()
            raise
        finally:
            lock.changing = False
        return done

    def _shards(self, sharded: Shards, batch: Batch) -> int:
        """Run the step on a batch that is cut into shards, or on one that is one shard's."""
        lock = self.trainer.locks()[0]
        lock.changing = self.fit is not None
        try:
            work = sharded.measure if self.fit is None else sharded.learn
            work(batch, self.sums, self.ahead)
        finally:
            lock.changing = False
        return 1

    def _most(self, batch: Batch) -> int:
        """How many of the coming steps may be made before anybody has to look around."""
        feed, start, stop = batch
        if self.begins or (self.ends and not self.together) or self.trainer.looking:
            return 1
        alike = feed.alike(start, stop)
        if self.fit is None:
            return alike
        return 1 if self.fit.model.stop_training else min(alike, self.fit.backup.batches_left)

    def results(self) -> Logs:
        """What was measured on all of them."""
        return hold(self.trainer.locks(), self.sums.results)


def evaluate(
    trainer: Trainer,
    feed: AnyFeed,
    callbacks: Callbacks,
    times: int = 1,
    sharded: Shards | None = None,
) -> Logs:
    """Loss and metrics on data that nothing is learned from; once of so many times."""
    callbacks.on_test_begin(None)
    step = sharded.test if sharded else trainer.test
    testing = Pass(trainer, step, feed, callbacks, times * len(feed), sharded=sharded)
    if isinstance(feed, ArrayFeed) and not (testing.begins or testing.ends):
        one_blas_thread.run(hold, trainer.locks(), testing.batches)  # with the same weights
    else:
        one_blas_thread.run(testing.batches)
    logs = testing.results()
    callbacks.on_test_end(logs)
    return logs


def once(trainer: Trainer, step: Step, feed: ArrayFeed) -> Logs:
    """Run a step on a single batch and return what was measured on it."""
    single = Pass(trainer, step, feed)
    one_blas_thread.run(single.steps, (feed, 0, feed.size))
    return single.sums.results()


class Sums:
    """What one measuring has seen. Metrics hold the sums of one at a time: whoever goes on.

    An evaluation inside an epoch, by a callback or another thread, puts the sums of the epoch
    aside. When the epoch goes on it finds them again.

    Args:
        metrics: who measures.
    """

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self.metrics = tuple(metrics)
        self.done = False  # nobody will ask again
        self._aside: dict[int, State] = {}

    @staticmethod
    def of(trainer: Trainer, sharded: Shards | None = None) -> AnySums:
        """A fresh one, for what is to be measured next."""
        return sharded.sums() if sharded else Sums((trainer.mean_loss, *trainer.metrics))

    def take(self) -> None:
        """Let the metrics hold what this one has seen: nothing, at first."""
        for metric in self.metrics:
            if metric._held_by is not self:
                self._take(metric)

    def _take(self, metric: Metric) -> None:
        if metric._held_by is not None:
            metric._held_by._put_aside(metric)
        vars(metric)["_held_by"] = None  # after an interrupt now, nobody takes it for theirs
        metric.reset()
        self._bring_back(metric)
        vars(metric)["_held_by"] = self  # no setting: programs need not know

    def _bring_back(self, metric: Metric) -> None:
        if id(metric) in self._aside:
            metric.load_state_dict(self._aside.pop(id(metric)))

    def _put_aside(self, metric: Metric) -> None:
        if not self.done:
            self._aside[id(metric)] = deepcopy(metric.state_dict())

    def logs(self, recorded: bool = False) -> Logs:
        """The results so far, by name; if asked, only of those that are cheap at any time."""
        self.take()
        shown = (m for m in self.metrics if m.scalar and (m.recorded or not recorded))
        return {m.name: m.result() for m in shown}

    def results(self) -> Logs:
        """The results in the end."""
        logs = self.logs()
        self.done = True
        return logs

    def state_dict(self) -> list[Any]:
        """What was seen so far, by each metric."""
        self.take()
        return [metric.state_dict() for metric in self.metrics]

    def load_state_dict(self, states: list[Any]) -> None:
        """Go on from there."""
        self.take()
        for metric, seen in zip(self.metrics, states, strict=True):
            metric.load_state_dict(seen)


def __getattr__(name: str) -> object:
    return renamed(__name__, name)
