"""ModelCheckpoint: save the model while it is trained."""

import os
from collections import ChainMap, defaultdict
from collections.abc import Mapping, Sequence
from typing import ClassVar

from axon.callbacks.base import Callback, Logs
from axon.callbacks.monitor import Monitor
from axon.callbacks.output import demand_name, prepare
from axon.checks import integer
from axon.names import suggestion


class ModelCheckpoint(Callback):
    """Save the model, or its weights, after each epoch or so many batches.

    Args:
        filepath: where to; ``{epoch:02d}`` (from 1), ``{batch}`` and the names of the logs, such as
            ``{val_loss:.2f}``, are filled in. Folders are created.
        monitor: the number that ``save_best_only`` watches.
        verbose: 1 prints a line for each file.
        save_best_only: save only when the number has improved.
        save_weights_only: ``model.save_weights`` instead of ``model.save``.
        mode: "min", "max" or "auto", which tells from the name.
        save_freq: "epoch", or a number of batches.
        initial_value_threshold: what the first file has to improve on.
        max_to_keep: how many of the files stay; older ones are removed. None: all of them.

    Raises:
        OSError: nothing can be written there, before training begins.
        ValueError: an unknown name, or one of another format, before training begins.

    >>> ModelCheckpoint("models/{epoch:02d}-{val_loss:.2f}.axon").path_of(3, 0, {"val_loss": 0.5})
    'models/04-0.50.axon'
    """

    state_names: ClassVar[tuple[str, ...]] = ("best", "batches")
    writes: ClassVar[bool] = True

    def __init__(
        self,
        filepath: "str | os.PathLike[str]",
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: int | str = "epoch",
        initial_value_threshold: float | None = None,
        max_to_keep: int | None = None,
    ) -> None:
        self.filepath = os.fspath(filepath)
        self.monitor = monitor
        self._monitor = Monitor("ModelCheckpoint", monitor, mode) if save_best_only else None
        self.verbose, self.save_weights_only = verbose, save_weights_only
        self.best = initial_value_threshold
        few = (
            None if max_to_keep is None else integer("ModelCheckpoint", "max_to_keep", max_to_keep)
        )
        self.max_to_keep, self._written = few, list[str]()
        self.save_freq, self.batches, self._epoch = save_freq, 0, 0
        if save_freq == "epoch":
            return
        self.save_freq = integer("ModelCheckpoint", 'save_freq, if not "epoch",', save_freq)
        if save_best_only and monitor.startswith("val_"):
            raise ValueError(
                f"ModelCheckpoint: {monitor!r} is known only after an epoch, so save_freq must be "
                f'"epoch", got {save_freq}. Or monitor {monitor[4:]!r}.'
            )
        # an attribute, so that nobody listens to batches where epochs are counted
        self.on_train_batch_end = self._count  # type: ignore[method-assign]

    def demand_possible(self, measured: Sequence[str] | None) -> None:
        """Make sure that there is something to watch, and that files of this name can be written.

        Raises:
            ValueError, TypeError, OSError: the model cannot be saved, at all or under this name.
        """
        if self._monitor is not None:
            self._monitor.demand(measured)
        self._demand_place()
        known: Logs = defaultdict(float) if measured is None else dict.fromkeys(measured, 0.0)
        if measured is not None and not self._after_validation():
            known = {name: 0.0 for name in measured if not name.startswith("val_")}
        self.model.demand_savable(self.path_of(0, 0, known), self.save_weights_only)

    def _after_validation(self) -> bool:
        """Whether it saves only when there are new numbers of validation."""
        watched = self._monitor is not None and self.monitor.startswith("val_")
        return self.save_freq == "epoch" and (watched or self.params.get("validation_freq", 1) == 1)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Make sure that files can be written, before time is spent on training."""
        self.starts_anew()  # the best model stays the best in a further run, loaded or not
        self._demand_place()

    def _demand_place(self) -> None:
        try:
            prepare("ModelCheckpoint", self.filepath)
            demand_name("ModelCheckpoint", self.path_of(0, 0, defaultdict(float)))
        except (ValueError, IndexError, AttributeError) as error:
            raise ValueError(
                f"ModelCheckpoint: filepath {self.filepath!r} cannot be filled in: {error}. Write "
                "{name:format}, such as {epoch:02d} or {val_loss:.2f}."
            ) from None

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Take note of the epoch that batches belong to."""
        self._epoch = epoch

    def _count(self, batch: int, logs: Logs | None = None) -> None:
        self.batches += 1
        if self.batches >= int(self.save_freq):
            self.batches = 0
            self._save(self._epoch, batch, logs or {})

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Save, if it is epochs that count."""
        if self.save_freq == "epoch":
            self._save(epoch, -1, logs or {})

    def _save(self, epoch: int, batch: int, logs: Logs) -> None:
        if self._monitor is not None:
            value = self._monitor.value(epoch, logs, self.params)
            if value is None or not self._monitor.better(value, self.best):
                return
        path = self.path_of(epoch, batch, logs)
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path)
        else:
            self.model.save(path)
        self._forget(path)
        if self._monitor is not None:
            self.best = float(logs[self._monitor.name])
        if self.verbose:
            why = f"{self._monitor.name} improved to {self.best:.4f}, " if self._monitor else ""
            print(f"Epoch {epoch + 1}: {why}saved {path}", flush=True)

    def _forget(self, path: str) -> None:
        """Remove the oldest files of this run, if there are more than wanted."""
        self._written = [*(p for p in self._written if p != path), path]
        while self.max_to_keep is not None and len(self._written) > self.max_to_keep:
            oldest = self._written.pop(0)
            if os.path.exists(oldest):
                os.remove(oldest)

    def path_of(self, epoch: int, batch: int, logs: Mapping[str, float]) -> str:
        """The file for an epoch and a batch, both counted from 0."""
        counted = {"epoch": epoch + 1, "batch": batch + 1}
        try:
            return self.filepath.format_map(ChainMap(counted, logs))  # type: ignore[arg-type]
        except KeyError as error:
            known = ["epoch", "batch", *logs]
            raise ValueError(
                f"ModelCheckpoint: filepath {self.filepath!r} asks for {error}, which is not in "
                f"the logs.{suggestion(str(error.args[0]), known)} Known: {', '.join(known)}."
            ) from None
