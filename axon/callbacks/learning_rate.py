"""Callbacks that change the learning rate between epochs."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from axon.callbacks.base import Callback, Logs
from axon.callbacks.monitor import Monitor
from axon.callbacks.output import say
from axon.checks import integer, is_number


class ReduceLROnPlateau(Callback):
    """Lower the learning rate when a number has not improved for some epochs.

    Args:
        monitor: the number to watch, such as "val_loss".
        factor: what the learning rate is multiplied by, between 0 and 1.
        patience: how many epochs without improvement to wait for.
        verbose: 1 prints a line for each change.
        mode: "min", "max" or "auto", which tells from the name.
        min_delta: a change of no more than this is no improvement.
        cooldown: for how many epochs after a change nothing is counted.
        min_lr: the learning rate does not fall below this.

    Raises:
        ValueError: factor does not lie between 0 and 1; or the number will not be there, before
            training begins, or, where callbacks of your own may add to the logs, at the end of
            the first epoch.

    >>> ReduceLROnPlateau(factor=0.5, patience=3).wait
    0
    """

    state_names: ClassVar[tuple[str, ...]] = ("wait", "best", "cooldown_counter")

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        if not 0 < factor < 1:
            raise ValueError(
                f"ReduceLROnPlateau: factor must lie between 0 and 1, such as 0.1, got {factor!r}."
            )
        self.monitor = monitor
        self._monitor = Monitor("ReduceLROnPlateau", monitor, mode, min_delta)
        self.factor, self.min_lr, self.verbose = factor, min_lr, verbose
        self.patience = integer("ReduceLROnPlateau", "patience", patience, least=0)
        self.cooldown = integer("ReduceLROnPlateau", "cooldown", cooldown, least=0)
        self._forget()

    def _forget(self) -> None:
        self.wait, self.cooldown_counter = 0, 0
        self.best: float | None = None

    def demand_possible(self, measured: Sequence[str] | None) -> None:
        """Raise ValueError if there will be nothing to watch, or a schedule sets the rate."""
        self._monitor.demand(measured)
        self._demand_free()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Start anew, unless a state was loaded.

        Raises:
            ValueError: a schedule sets the learning rate already.
        """
        self._demand_free()
        if self.starts_anew():
            self._forget()

    def _demand_free(self) -> None:
        if self.model.optimizer.schedule is not None:
            raise ValueError(
                "ReduceLROnPlateau: the optimizer's learning rate follows a schedule, "
                f"{self.model.optimizer.schedule!r}. Leave one of the two out."
            )

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare with the best epoch so far."""
        value = self._monitor.value(epoch, logs or {}, self.params)
        if value is None:
            return
        if self.cooldown_counter:
            self.cooldown_counter -= 1
        if self._monitor.better(value, self.best):
            self.best, self.wait = float(value), 0
        elif not self.cooldown_counter:
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        before = float(self.model.optimizer.learning_rate)
        after = max(before * self.factor, self.min_lr)
        if after >= before:
            return
        self.model.optimizer.learning_rate = after
        self.wait, self.cooldown_counter = 0, self.cooldown
        if self.verbose:
            say(f"Epoch {epoch + 1}: learning rate reduced to {after:.4g}.")


class LearningRateScheduler(Callback):
    """Set the learning rate at the beginning of each epoch.

    Args:
        schedule: ``schedule(epoch, learning_rate)`` or ``schedule(epoch)``, epochs counted from 0,
            returns the new one.
        verbose: 1 prints a line for each epoch.

    Raises:
        TypeError: what the schedule returns is not a number.

    >>> halve = LearningRateScheduler(lambda epoch, learning_rate: learning_rate * 0.5)
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        if not callable(schedule):
            raise TypeError(
                "LearningRateScheduler: expected a function schedule(epoch, learning_rate), got "
                f"{schedule!r}."
            )
        self.schedule, self.verbose = schedule, verbose
        self._both = _takes_two(schedule)

    def demand_possible(self, measured: Sequence[str] | None) -> None:
        """Raise TypeError if the optimizer follows a schedule already."""
        self.model.optimizer.learning_rate = self.model.optimizer.learning_rate

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Ask the schedule."""
        now = float(self.model.optimizer.learning_rate)
        rate: Any = self.schedule(epoch, now) if self._both else self.schedule(epoch)
        if not is_number(rate):
            raise TypeError(
                f"LearningRateScheduler: the schedule must return a number, got {rate!r} for epoch "
                f"{epoch}."
            )
        self.model.optimizer.learning_rate = float(rate)
        if self.verbose:
            say(f"Epoch {epoch + 1}: learning rate {float(rate):.4g}.")


def _takes_two(schedule: Callable[..., Any]) -> bool:
    """Whether it takes the learning rate, too, after the epoch."""
    from inspect import Parameter, signature

    places = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    parameters = signature(schedule).parameters.values()
    if any(p.kind is Parameter.VAR_POSITIONAL for p in parameters):
        return True
    return sum(p.kind in places for p in parameters) > 1
