"""History: what ``fit`` returns."""

import time
from typing import Any, ClassVar

from axon.callbacks.base import Callback, Logs


class History(Callback):
    """What ``fit`` returns: the loss and the metrics of every epoch.

    Attributes:
        history: name -> list of values, one per epoch.
        epoch: the numbers of the epochs, from 0.
        params: the settings of the run.
        seconds: how long each epoch took.
    """

    state_names: ClassVar[tuple[str, ...]] = ("history", "epoch", "seconds")

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []
        self.seconds: list[float] = []
        self.params: dict[str, Any] = {}

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Start the clock."""
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Keep what was measured."""
        self.epoch.append(epoch)
        self.seconds.append(time.perf_counter() - self._began)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)

    def __repr__(self) -> str:
        last = ", ".join(f"{name}={values[-1]:.4f}" for name, values in self.history.items())
        return f"History({len(self.epoch)} epochs{', last: ' if last else ''}{last})"
