"""While an ensemble learns: what is shown of it, and when its time is over."""

import time
from collections.abc import Callable
from typing import Any

from axon.callbacks.live_chart import LiveChart
from axon.callbacks.progress import ProgressBar, printer


class EpochWatch:
    """Is told of each epoch: shows it, and says when there is no time for another one.

    Args:
        epochs: there will be, at most.
        time_limit: seconds from now on, after which no other epoch begins; None: no limit.
        verbose: 0 nothing; 2 a line for each epoch; 1 and "auto" a bar, or lines where there is
            neither a terminal nor a notebook; "notebook", and "auto" in a notebook, curves.
        callback: is told, too; what it says counts like time that is over.

    >>> watch = EpochWatch(10, time_limit=1e-9)
    >>> watch(0, 0.5)
    True
    """

    def __init__(
        self,
        epochs: int,
        time_limit: float | None = None,
        verbose: int | str = 0,
        callback: Callable[[int, float], bool | None] | None = None,
    ) -> None:
        self.callback = callback
        self.end = None if time_limit is None else time.monotonic() + time_limit
        self.shown: Any = next(iter(printer(verbose)), None)
        if self.shown is not None:
            self._begin(epochs)

    def _begin(self, epochs: int) -> None:
        if isinstance(self.shown, ProgressBar):
            self.shown = _Bar()
        self.shown.params = {"epochs": epochs, "steps": epochs}
        if isinstance(self.shown, LiveChart):
            self.shown.params["steps"] = None
            self.shown.on_train_begin()
            self.shown.history.on_epoch_begin(0)
        self.shown.on_epoch_begin(0)

    def __call__(self, epoch: int, loss: float) -> bool:
        """Whether time is over after this epoch, or the callback says that it is enough."""
        if self.shown is not None:
            self._show(epoch, {"val_loss": loss})
        if self.callback is not None and self.callback(epoch, loss):
            return True
        return self.end is not None and time.monotonic() >= self.end

    def _show(self, epoch: int, logs: dict[str, float]) -> None:
        if isinstance(self.shown, _Bar):
            self.shown.on_train_batch_end(epoch, logs)
            return
        shown = [self.shown]
        if isinstance(self.shown, LiveChart):
            shown.insert(0, self.shown.history)
        for callback in shown:
            callback.on_epoch_end(epoch, logs)
            callback.on_epoch_begin(epoch + 1)

    def close(self) -> None:
        """Leave the terminal in order."""
        if isinstance(self.shown, _Bar | LiveChart):
            self.shown.on_train_end()


class _Bar(ProgressBar):
    """A bar for all epochs together; nothing of it stays: the losses are kept elsewhere."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        super().on_epoch_begin(epoch, logs)
        self._name = "Epoch"
