"""Run: one call of ``fit``, where it stands, and all it takes to go on from there elsewhere."""

import re
import sys
from collections.abc import Callable
from typing import Any
from zlib import crc32

import numpy as np

from axon.backend import Array
from axon.callbacks import Callbacks, Logs
from axon.config import Configurable
from axon.locks import Lock
from axon.metrics import Metric
from axon.models import inputs as intake
from axon.models.data import Batches
from axon.models.inputs import all_or_nothing
from axon.models.loop import Source, Tally
from axon.models.stream import Stream
from axon.models.training import Trainer
from axon.program import Step
from axon.random import get_state, set_state

ROWS = 64  # samples by which data are told from others
_under_way: "list[Run]" = []
_beginning = Lock()


class Run:
    """One call of ``fit``, from where it stands to its end.

    Args:
        trainer: what ``compile`` made.
        source: what to learn from.
        validation: what to validate on, or None.
        epochs: the numbers of the epochs.
        callbacks: whom to tell; one of them may keep backups.
        validation_freq: validate every so many epochs.

    Attributes:
        epoch, batch: how many epochs, and batches of the next one, are done.
    """

    def __init__(
        self,
        trainer: Trainer,
        source: Source,
        validation: Source | None,
        epochs: range,
        callbacks: Callbacks,
        validation_freq: int = 1,
    ) -> None:
        self.trainer, self.model = trainer, trainer.model
        self.source, self.validation = source, validation
        self.epochs, self.callbacks, self.validation_freq = epochs, callbacks, validation_freq
        self.backup = callbacks.backup
        self.epoch, self.batch = epochs.start, 0
        self.identity = self._identity() if self.backup else {}
        self._resumed: dict[str, Any] | None = None  # what has still to be put back
        self._tally: Tally | None = None
        self.began = self._updates()

    def _updates(self) -> float:
        """How many updates the optimizer has made."""
        return float(self.trainer.optimizer.iterations.data)

    def go(self) -> None:
        """Train, telling the callbacks; the model stays usable whatever happens.

        Raises:
            RuntimeError: the model, or its optimizer, is being trained already.
        """
        try:
            _beginning.run(self._begin)
            self._demand_possible()
            self.model.stop_training, self.trainer.warned = False, False
            if self.backup is None:
                return self._train()
            with self.backup.guarding(self):
                self._train()
        finally:
            _under_way[:] = [run for run in _under_way if run is not self]
            self.trainer.keep_order(self.source)

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
            if self.source.back is not None:
                self.source.back()
            raise

    def _train(self) -> None:
        logs: Logs = {}
        try:
            self.callbacks.on_train_begin()
            if self.backup:
                self.backup.demand_storable(self)
            logs = self._all_epochs()
            if self.began == self._updates():
                self.trainer.complete()
            self.trainer.optimizer.finalize()
        except BaseException as error:
            self.callbacks.on_exception(error)
            raise
        finally:
            self.trainer.optimizer.zero_grad()
            self.callbacks.on_train_end(logs)

    def _all_epochs(self) -> Logs:
        logs: Logs = {}
        stopped = self._resumed is not None and not self.batch and self._put_back()
        while self.epoch < self.epochs.stop and not stopped:
            logs = self._one_epoch(self.epoch)
            stopped = self.model.stop_training
        return logs

    def _one_epoch(self, epoch: int) -> Logs:
        self.callbacks.on_epoch_begin(epoch)
        self._put_back()
        trainer, times = self.trainer, self.epochs.stop  # also if it did not begin at 0
        logs = trainer.epoch(trainer.train, self.source, self.callbacks, "train", self, times)
        if self.validation is not None and (epoch + 1) % self.validation_freq == 0:
            times = times // self.validation_freq
            results = trainer.evaluate(self.validation, self.callbacks, times)
            logs.update((f"val_{name}", value) for name, value in results.items())
        self.callbacks.on_epoch_end(epoch, logs)
        self.epoch, self.batch = epoch + 1, 0
        if self.backup:
            self.backup.after_epoch(self)
        return logs

    # -------------------------------------------------------------------- within an epoch

    def measures(self) -> Tally:
        """What the epoch under way has measured so far; nothing if it begins now."""
        if self._tally is None or not self.batch:
            self._tally = self.trainer.tally()
        return self._tally

    @property
    def room(self) -> int:
        """How many of the coming batches may be done before anybody has to look."""
        return self.backup.room if self.backup else 2**62

    def after(self, batches: int) -> None:
        """So many more batches of this epoch are done."""
        self.batch += batches
        if self.backup:
            self.backup.after_batches(self, batches)

    # -------------------------------------------------------------------- its state

    @property
    def under_way(self) -> bool:
        """Whether some thread is in ``go``: its stack tells, whatever became of notes about it."""
        for frame in sys._current_frames().values():
            place: Any = frame
            while place is not None:
                if place.f_code is Run.go.__code__ and place.f_locals.get("self") is self:
                    return True
                place = place.f_back
        return False

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do."""
        return self.epoch >= self.epochs.stop or (self.model.stop_training and not self.batch)

    def state_dict(self, begun: bool = True) -> dict[str, Any]:
        """All that the rest of the run depends on, besides the data and the program that calls.

        Args:
            begun: callbacks know already that training has begun.
        """
        state: dict[str, Any] = self.trainer.hold(self._state, begun)
        return state

    def _state(self, begun: bool) -> dict[str, Any]:
        trainer, optimizer = self.trainer, self.trainer.optimizer
        return {
            **{"epoch": self.epoch, "batch": self.batch, "begun": begun},
            "weights": self.model.state_dict(),
            "trainable": [module.trainable for module in self.model.modules()],
            "learns": [p.requires_grad for p in self.model.parameters()],
            "optimizer": optimizer.state_dict(),
            "metrics": [metric.state_dict() for metric in self._watched()],
            "callbacks": self.callbacks.state_dict() if begun else {},
            "source": self.source.state_dict(),
            "validation": {} if self.validation is None else self.validation.state_dict(),
            "random": get_state(others=True),
            "updates": self.began,
            "shapes": [step.shelf.state_dict() for step in self._steps()],
            **{"stop_training": self.model.stop_training, "warned": trainer.warned},
        }

    def _watched(self) -> tuple[Metric, ...]:
        """The metrics, with what the epoch under way has measured so far; none between epochs."""
        if not self.batch:
            return ()
        tally = self.measures()
        tally.take()
        return tally.metrics

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from ``state_dict``.

        Callbacks are told that training, and the epoch, begin. What this leads them to do was done
        before the state was kept, so everything is put back once more after that.
        """
        self.epoch, self.batch = state["epoch"], state["batch"]
        self.source.load_state_dict(state["source"], self.batch)
        if self.validation is not None:
            self.validation.load_state_dict(state["validation"], 0)
        self._resumed = state if state["begun"] else None
        self.callbacks.load_state_dict(state["callbacks"])
        self._load(state)
        self.began = state.get("updates", -1.0)  # unknown in older backups

    def _put_back(self) -> bool:
        """Undo what callbacks did when training and the epoch began: they had done it already.

        Returns:
            Whether training had been stopped.
        """
        if self._resumed is not None:
            state, self._resumed = self._resumed, None
            self._load(state)
            self.callbacks.load_state_dict(state["callbacks"], again=True)
            self.model.stop_training = state["stop_training"]
        return self.model.stop_training

    def _load(self, state: dict[str, Any]) -> None:
        self.trainer.hold(self._put, state)

    def _put(self, state: dict[str, Any]) -> None:
        trainer, optimizer = self.trainer, self.trainer.optimizer
        self.model.load_state_dict(state["weights"])
        for module, trainable in zip(self.model.modules(), state["trainable"], strict=True):
            module._trainable = trainable
        for p, learns in zip(self.model.parameters(), state["learns"], strict=True):
            p.requires_grad = learns
        optimizer.load_state_dict(state["optimizer"])
        for metric, seen in zip(self._watched(), state["metrics"], strict=True):
            metric.load_state_dict(seen)
        for step, shapes in zip(self._steps(), state.get("shapes", ()), strict=False):
            step.shelf.load_state_dict(shapes)
        trainer.warned = state["warned"]
        set_state(state["random"])

    def _steps(self) -> tuple[Step, ...]:
        return self.trainer.train, self.trainer.test, self.model._predictor.step

    # -------------------------------------------------------------------- whose state it is

    def _identity(self) -> dict[str, str]:
        """What must be the same for a state to fit, each in words that people can compare."""
        trainer = self.trainer
        named = {**self.model.named_parameters(), **self.model.named_buffers()}
        return {
            **_described("data", self.source),
            **_described("validation data", self.validation),
            "validation_freq": str(self.validation_freq),
            "loss": _words(trainer.loss),
            "optimizer": _words(trainer.optimizer),
            "schedule": _without_address(repr(trainer.optimizer.schedule)),
            "metrics": ", ".join(map(_words, trainer.metrics)),
            **{f"layer {path}": text for path, text in _layers(self.model, "")},
            **{path: f"{t.shape} {t.dtype}" for path, t in named.items()},
        }


# ------------------------------------------------------------------------------------ how it begins


def to_fit(model: Any, feed: intake.Feed, given: Any, held_out: Any) -> tuple[Any, Any]:
    """What to learn from, and what to validate on; if any of it does not fit, nothing changes.

    Args:
        model: compiled.
        feed: how samples reach it.
        given: x, y, weights, and the share to hold out.
        held_out: data for validation, how many samples at a time, and how many batches.
    """
    arrays = given[1] is not None and isinstance(held_out[0], tuple | None)
    found: tuple[Any, Any] = _in_turn(model, arrays, _to_fit, feed, given, held_out)
    return found


def _to_fit(model: Any, feed: intake.Feed, given: Any, held_out: Any) -> tuple[Any, Any]:
    data, size, steps = held_out
    if data is not None and given[3]:
        raise ValueError(
            "fit: validation_data and validation_split both say what to validate on, and samples "
            "that are split off would be lost. Pass one of the two."
        )
    with all_or_nothing(model) as back:
        source, rest = feed.source(*given)
        validation = intake.validation(model, data, rest, size, steps)
        model.trainer.prepare(source)
    source.back = back
    return source, validation


def to_evaluate(model: Any, feed: intake.Feed, given: Any) -> Source:
    """What to look at, from x, y and weights."""
    found: Source = _in_turn(model, given[1] is not None, _to_evaluate, feed, given)
    return found


def _to_evaluate(model: Any, feed: intake.Feed, given: Any) -> Source:
    with all_or_nothing(model) as back:
        source, _ = feed.source(*given)
    source.back = back
    return source


def _in_turn(model: Any, arrays: bool, function: Callable[..., Any], *given: Any) -> Any:
    """Look at arrays while nobody else works with the model; an iterable may need it meanwhile.

    So may a thread that makes its batches, and asks the model for that.
    """
    if arrays:
        return model.trainer.hold(function, model, *given)
    return function(model, *given)


def demand_untrained(what: str, model: Any, optimizer: Any) -> None:
    """Demand that no ``fit`` of this model, or with this optimizer, is under way in any thread.

    Raises:
        RuntimeError: there is one.
    """
    for run in [r for r in _under_way if r.model is model or r.trainer.optimizer is optimizer]:
        if not run.under_way:  # an interrupt has ended it, or it went on in another process
            continue
        whose = "it" if run.model is model else f"its optimizer, which {run.model.name!r} shares,"
        raise RuntimeError(
            f"{what}: model {model.name!r} cannot be had now: {whose} is being trained by a fit "
            "that has not ended, in another thread or around this callback. Wait until that has "
            "ended; or train a copy, copy.deepcopy(model). Meanwhile evaluate, predict and "
            "train_on_batch take turns with it."
        )


def _words(thing: Any) -> str:
    """Class and arguments, as they were given; changes during training do not matter."""
    return _without_address(Configurable.__repr__(thing))


def _without_address(text: str) -> str:
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)


def _layers(module: Any, path: str) -> Any:
    """Each module inside a model, by path."""
    for name, child in module.children():
        inner = f"{path}/{name}" if path else name
        yield inner, _words(child)
        yield from _layers(child, inner)


def _described(name: str, source: Source | None) -> dict[str, str]:
    """Sizes, types and a checksum of data, as far as they are known before they are read."""
    if isinstance(source, Batches):
        order = {} if source.order is None else {f"{name}, shuffle": "True"}
        return {
            f"{name}, arrays": ", ".join(f"{c.shape} {c.dtype}" for c in source.columns),
            f"{name}, batch_size": str(source.batch_size),
            f"{name}, steps": str(source.steps),
            f"{name}, checksum": f"{_checksum(source.columns):08x}",
            **order,
        }
    if isinstance(source, Stream):
        listed = ", ".join(f"{shape[1:]} {dtype}" for shape, dtype in source.specs)
        return {f"{name}, batches of": listed, f"{name}, steps": str(source.steps)}
    return {}


def _checksum(columns: list[Array]) -> int:
    """A checksum of samples spread over the data: other data will differ in some of them."""
    rows = np.linspace(0, len(columns[0]) - 1, min(ROWS, len(columns[0]))).astype(np.int64)
    found = 0
    for column in columns:
        found = crc32(np.ascontiguousarray(column[rows]).data, found)
    return found
