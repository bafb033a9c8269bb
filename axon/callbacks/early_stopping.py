"""Callbacks that end training: when it no longer helps, or when the model is lost."""

from collections.abc import Sequence
from math import isfinite
from typing import Any, ClassVar

from axon.backend import Array
from axon.callbacks.base import Callback, Logs
from axon.callbacks.monitor import Monitor
from axon.callbacks.output import say
from axon.checks import finite, integer


class EarlyStopping(Callback):
    """End training when a number has not improved for some epochs.

    Args:
        monitor: the number to watch, such as "val_loss" or "val_accuracy".
        min_delta: a change of no more than this is no improvement.
        patience: training ends after so many epochs without improvement (at least one), but never
            after the first epoch.
        verbose: 1 prints why training ended.
        mode: "min", "max" or "auto", which tells from the name.
        baseline: an epoch takes away the wait only if it beats this value, too; one that is better
            than all before does not end training, though.
        restore_best_weights: at the end, put back the weights of the best epoch.
        start_from_epoch: do not watch the epochs (counted from 0) before this one.

    Raises:
        ValueError: the number will not be there, before training begins; or, where callbacks of
            your own may add to the logs, at the end of the first epoch.

    >>> EarlyStopping(monitor="val_accuracy", patience=3, restore_best_weights=True).best is None
    True
    """

    state_names: ClassVar[tuple[str, ...]] = (
        *("wait", "best", "best_epoch", "best_weights", "stopped_epoch"),
    )

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        self.monitor = monitor
        self._monitor = Monitor("EarlyStopping", monitor, mode, min_delta)
        self.patience = integer("EarlyStopping", "patience", patience, least=0)
        self.verbose = verbose
        self.baseline = None if baseline is None else finite("EarlyStopping", "baseline", baseline)
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self._running = False
        self._forget()

    def _forget(self) -> None:
        self.wait = 0
        self.best: float | None = None
        self.best_epoch: int | None = None
        self.best_weights: list[Array] | None = None
        self.stopped_epoch: int | None = None

    def demand_possible(self, measured: Sequence[str] | None) -> None:
        """Raise ValueError if there will be nothing to watch."""
        self._monitor.demand(measured)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Start anew, unless a state was loaded."""
        self._running = True
        if self.starts_anew():
            self._forget()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare with the best epoch so far."""
        value = self._monitor.value(epoch, logs or {}, self.params)
        if value is None or epoch < self.start_from_epoch:
            return
        self.wait += 1
        improved = self._monitor.better(value, self.best)
        if improved:
            self.best = float(value)
        if improved or self.best_epoch is None:  # of nothing but NaN, the first is kept
            self._keep(epoch)
        if improved and (self.baseline is None or self._monitor.better(value, self.baseline)):
            self.wait = 0
        if self.wait >= self.patience and epoch > 0 and not improved:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def _keep(self, epoch: int) -> None:
        self.best_epoch = epoch
        if self.restore_best_weights:
            self.best_weights = self.model.get_weights()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Put the best weights back."""
        if not self._running:  # training broke off before it began: the weights are of another run
            return
        self._running = False
        if self.verbose and self.stopped_epoch is not None:
            say(self._report())
        if self.best_weights is not None:
            self.model.set_weights(self.best_weights)

    def _report(self) -> str:
        assert self.stopped_epoch is not None
        number = "none" if self.best is None else f"{self.best:.4f}"
        best: Any = None if self.best_epoch is None else self.best_epoch + 1
        restored = " Its weights are restored." if self.best_weights is not None else ""
        return (
            f"Epoch {self.stopped_epoch + 1}: stopped early. The best {self._monitor.name} was "
            f"{number}, in epoch {best}.{restored}"
        )


class TerminateOnNaN(Callback):
    """End training as soon as the loss is NaN or infinite.

    Args:
        raise_error: raise an error instead of stopping quietly.

    Raises:
        RuntimeError: with ``raise_error``, the loss is not finite.
    """

    def __init__(self, raise_error: bool = False) -> None:
        self.raise_error = raise_error

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Look at the loss."""
        loss = (logs or {}).get("loss", 0.0)
        if isfinite(loss):
            return
        text = f"Batch {batch + 1}: the loss is {loss}"
        if self.raise_error:
            raise RuntimeError(
                f"{text}. Try a smaller learning rate, or look for huge values in x and y."
            )
        say(f"{text}, training ends.")
        self.model.stop_training = True
