"""Run: one call of ``fit``, where it stands, and all it takes to go on from there elsewhere."""

import re
from typing import Any
from zlib import crc32

import numpy as np

from axon.backend import Array
from axon.callbacks import Callbacks, Logs
from axon.described import Described
from axon.models.data import Batches
from axon.models.stream import Stream
from axon.models.training import Source, Trainer
from axon.random import get_state, set_state

ROWS = 64  # samples by which data are told from others


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

    def go(self) -> None:
        """Train, telling the callbacks; the model stays usable whatever happens."""
        self.model.stop_training, self.trainer.warned = False, False
        if self.backup is None:
            return self._train()
        with self.backup.guarding(self):
            self._train()

    def _train(self) -> None:
        logs: Logs = {}
        try:
            self.callbacks.on_train_begin()
            if self.backup:
                self.backup.demand_storable(self)
            logs = self._all_epochs()
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
    def finished(self) -> bool:
        """Whether there is nothing left to do."""
        return self.epoch >= self.epochs.stop or (self.model.stop_training and not self.batch)

    def state_dict(self, begun: bool = True) -> dict[str, Any]:
        """All that the rest of the run depends on, besides the data and the program that calls.

        Args:
            begun: callbacks know already that training has begun.
        """
        trainer, optimizer = self.trainer, self.trainer.optimizer
        watched = (trainer.mean_loss, *trainer.metrics) if self.batch else ()
        return {
            **{"epoch": self.epoch, "batch": self.batch, "begun": begun},
            "weights": self.model.state_dict(),
            "trainable": [module.trainable for module in self.model.modules()],
            "learns": [p.requires_grad for p in self.model.parameters()],
            "optimizer": optimizer.state_dict(),
            "metrics": [metric.state_dict() for metric in watched],
            "callbacks": self.callbacks.state_dict() if begun else {},
            "source": self.source.state_dict(),
            "validation": {} if self.validation is None else self.validation.state_dict(),
            "random": get_state(others=True),
            **{"stop_training": self.model.stop_training, "warned": trainer.warned},
        }

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
        trainer, optimizer = self.trainer, self.trainer.optimizer
        self.model.load_state_dict(state["weights"])
        for module, trainable in zip(self.model.modules(), state["trainable"], strict=True):
            module._trainable = trainable
        for p, learns in zip(self.model.parameters(), state["learns"], strict=True):
            p.requires_grad = learns
        optimizer.load_state_dict(state["optimizer"])
        watched = (trainer.mean_loss, *trainer.metrics) if self.batch else ()
        for metric, seen in zip(watched, state["metrics"], strict=True):
            metric.load_state_dict(seen)
        trainer.warned = state["warned"]
        set_state(state["random"])

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


def _words(thing: Any) -> str:
    """Class and arguments, as they were given; changes during training do not matter."""
    return _without_address(Described.__repr__(thing))


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
