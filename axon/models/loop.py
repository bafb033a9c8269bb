"""The loop over batches: an epoch of training, or an evaluation; and what it has measured."""

from collections import deque
from collections.abc import Sequence
from copy import deepcopy
from itertools import islice
from time import perf_counter
from typing import Any

from axon.blas import one_blas_thread
from axon.callbacks import Callbacks, Logs
from axon.metrics import Metric
from axon.models.data import Batches
from axon.models.stream import Stream
from axon.program import Step

Source = Batches | Stream
SLICE = 0.05  # seconds: after that, others may have their turn


class Tally:
    """What one measuring has seen. Metrics hold the sums of one at a time: whoever goes on.

    An evaluation inside an epoch, by a callback or another thread, puts the sums of the epoch
    aside. When the epoch goes on it finds them again.

    Args:
        metrics: who measures.
    """

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self.metrics = tuple(metrics)
        self.done = False  # nobody will ask again
        self._aside: dict[int, dict[str, Any]] = {}

    def take(self) -> None:
        """Let the metrics hold what this one has seen: nothing, at first."""
        for metric in self.metrics:
            if metric._tally is not self:
                self._take(metric)

    def _take(self, metric: Metric) -> None:
        if metric._tally is not None:
            metric._tally._put_aside(metric)
        vars(metric)["_tally"] = (
            None  # if an interrupt comes now, nobody takes what is there for theirs
        )
        metric.reset()
        if id(metric) in self._aside:
            metric.load_state_dict(self._aside.pop(id(metric)))
        vars(metric)["_tally"] = self  # no setting: programs need not know

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


class Loop:
    """A step, run on every batch of a source. User's code runs between turns, never in one.

    Args:
        trainer: what ``compile`` made.
        step: what to do.
        source: the batches.
        callbacks: whom to tell.
        kind: the hooks to call, "train" or "test".
        run: whose epoch it is, if it is one of training, which may be half done.
        ahead: how many steps the present call makes, all in all; 0 if that is not known.
    """

    def __init__(
        self,
        trainer: Any,
        step: Step,
        source: Source,
        callbacks: Callbacks,
        kind: str,
        run: Any,
        ahead: int,
    ) -> None:
        self.trainer, self.step, self.source = trainer, step, source
        self.run, self.ahead = run, ahead
        self.begin = getattr(callbacks, f"on_{kind}_batch_begin")
        self.end = getattr(callbacks, f"on_{kind}_batch_end")
        self.begins = callbacks.listens(f"on_{kind}_batch_begin")
        self.ends = callbacks.listens(f"on_{kind}_batch_end")
        self.tally: Tally = trainer.tally() if run is None else run.measures()

    def go(self) -> Logs:
        """Go over all batches and return the means."""
        arrays = isinstance(self.source, Batches)
        if self.run is None and arrays and not (self.begins or self.ends):
            one_blas_thread.run(self.trainer.hold, self._all)  # with the same weights
        else:
            one_blas_thread.run(self._all)
        logs: Logs = self.trainer.hold(self.tally.results)
        return logs

    def _all(self) -> None:
        """Each batch, told to whoever listens."""
        frozen, number = self.trainer.frozen(self.step), self.run.batch if self.run else 0
        stopped = number and self.trainer.model.stop_training
        pieces = iter(() if stopped else self.source.pieces(number))
        for batch in pieces:
            if self.begins:
                self.begin(number)
            done = self.trainer.hold(self._next, batch, frozen)
            if self.ends:
                self.end(number, self.trainer.hold(self.tally.logs, True))
            if self.begins or self.ends:
                frozen = self.trainer.frozen(self.step)  # they may have frozen a layer
            if done > 1:
                deque(islice(pieces, done - 1), maxlen=0)
            number += done
            if self._over(done):
                break

    def _next(self, batch: tuple[Batches, int, int], frozen: tuple[Any, ...]) -> int:
        self.tally.take()
        self.trainer.back = self.source.back
        if self.begins or self.ends:
            room = 0  # one by one
        else:
            room = self.run.room if self.run else batch[0].size
        clock = self.run is not None and self.run.backup is not None  # which may go by time
        alone = 1 if clock else room
        done: int = self.trainer.next(self.step, batch, frozen, room, self.ahead, alone)
        return done

    def _over(self, done: int) -> bool:
        """Whether training has been stopped, now that so many more batches are done."""
        if self.run is None:
            return False
        self.run.after(done)
        stopped: bool = self.trainer.model.stop_training
        return stopped


def several(
    trainer: Any,
    step: Step,
    batches: Batches,
    start: int,
    stop: int,
    frozen: tuple[Any, ...],
    room: int,
) -> int:
    """Run the coming steps, ``room`` at most, in one go, if nothing is to be done between them.

    Returns:
        how many were done.
    """
    if not step.compiled:
        return 0
    busy = trainer.search is not None or not all(m.recorded for m in trainer.metrics)
    optimizer = trainer.optimizer
    if busy or (step is trainer.train and (optimizer.phase or optimizer.schedule is not None)):
        return 0
    variant = (*frozen, ()) if step is trainer.train else frozen
    slots = step.inputs(*batches.specs(stop - start))
    alike = min(batches.alike(start, stop), room)
    done = step.several(slots, variant, batches.columns, batches.numbers, start, alike)
    if done:
        if step is trainer.train:
            optimizer.advance()
        trainer.watched(trainer.mean_loss.result())
    return done


def one_by_one(
    trainer: Any,
    step: Step,
    batches: Batches,
    start: int,
    stop: int,
    frozen: tuple[Any, ...],
    room: int,
) -> int:
    """Run the coming steps, one at least, until it is time to look around; how many."""
    size, done, until = stop - start, 0, perf_counter() + SLICE
    most = min(batches.alike(start, stop), room or 1)
    while True:
        first = start + done * size
        trainer.batch(step, batches, first, first + size, frozen)
        done += 1
        if done >= most or step.compiled or perf_counter() > until:
            return done
