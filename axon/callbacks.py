"""Floor 4: callbacks, which are told what happens during training and may act on it."""

import sys
import time
from collections.abc import Iterable
from typing import Any

Logs = dict[str, float]


class Callback:
    """Override the hooks that you need; ``self.model`` is the model, ``self.params`` the run.

    Set ``self.model.stop_training = True`` to end training after the current epoch.

    >>> class Stop(Callback):
    ...     def on_epoch_end(self, epoch, logs):
    ...         self.model.stop_training = logs["loss"] < 0.1
    """

    model: Any = None
    params: dict[str, Any]

    def on_train_begin(self) -> None:
        """Training starts."""

    def on_epoch_begin(self, epoch: int) -> None:
        """An epoch (counted from 0) starts."""

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        """A batch (counted from 0) is done; logs hold the means of the epoch so far."""

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """An epoch is done; logs hold its loss, its metrics and the ``val_`` ones."""

    def on_train_end(self) -> None:
        """Training is over, whatever ended it."""


class History(Callback):
    """What ``fit`` returns: the loss and the metrics of every epoch.

    Attributes:
        history: name -> list of values, one per epoch.
        epoch: the numbers of the epochs, from 0.
        params: the settings of the run.
        seconds: how long each epoch took.
    """

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []
        self.seconds: list[float] = []
        self.params: dict[str, Any] = {}

    def on_epoch_begin(self, epoch: int) -> None:
        """Start the clock."""
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Keep what was measured."""
        self.epoch.append(epoch)
        self.seconds.append(time.perf_counter() - self._began)
        for name, value in logs.items():
            self.history.setdefault(name, []).append(value)

    def __repr__(self) -> str:
        last = ", ".join(f"{name}={values[-1]:.4f}" for name, values in self.history.items())
        return f"History({len(self.epoch)} epochs{', last: ' if last else ''}{last})"


class LossPrinter(Callback):
    """Print ``Epoch 1/50 - Loss: 2.3026``, as ``train`` does."""

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Print one line."""
        print(f"Epoch {epoch + 1}/{self.params['epochs']} - Loss: {logs['loss']:.4f}", flush=True)


class LinePrinter(Callback):
    """Print one line per epoch: time, loss, metrics."""

    def on_epoch_begin(self, epoch: int) -> None:
        """Start the clock."""
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Print the line."""
        seconds = time.perf_counter() - self._began
        head = f"Epoch {epoch + 1}/{self.params['epochs']} - {seconds:.1f}s"
        print(" - ".join([head, *measured(logs)]), flush=True)


class ProgressBar(LinePrinter):
    """A bar that moves while an epoch runs, then the line that stays; needs rich (axon-nn[cli])."""

    _bar: Any = None

    def on_epoch_begin(self, epoch: int) -> None:
        """Show the bar."""
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        super().on_epoch_begin(epoch)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        text = TextColumn("{task.fields[measured]}")
        self._bar = Progress(*columns, text, transient=True)
        name = f"Epoch {epoch + 1}/{self.params['epochs']}"
        self._task = self._bar.add_task(name, total=self.params["steps"], measured="")
        self._shown = 0.0
        self._bar.start()

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        """Move the bar, ten times a second at most."""
        now = time.perf_counter()
        if now - self._shown > 0.1:
            self._shown = now
            self._bar.update(self._task, completed=batch + 1, measured=" ".join(measured(logs)))

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Take the bar away and print the line."""
        self._bar.stop()
        super().on_epoch_end(epoch, logs)

    def on_train_end(self) -> None:
        """Leave the terminal in order, also after an error."""
        if self._bar is not None:
            self._bar.stop()


def measured(logs: Logs) -> list[str]:
    """Each value with its name: ``loss: 0.2513``.

    >>> measured({"loss": 0.25134, "accuracy": 0.9})
    ['loss: 0.2513', 'accuracy: 0.9000']
    """
    return [f"{name}: {value:.4f}" for name, value in logs.items()]


def printer(verbose: int | str) -> list[Callback]:
    """Choose what reports progress: 0 nothing, 2 a line per epoch, 1 and "auto" a bar.

    Where there is no terminal, or no rich, lines take the place of the bar.

    >>> printer(0)
    []
    """
    if verbose not in ("auto", 0, 1, 2):
        raise ValueError(f'fit: verbose must be "auto", 0, 1 or 2, got {verbose!r}.')
    if verbose == 0:
        return []
    bar = verbose != 2 and sys.stdout.isatty() and _has_rich()
    return [ProgressBar()] if bar else [LinePrinter()]


def _has_rich() -> bool:
    from importlib.util import find_spec

    return find_spec("rich") is not None


def check(callbacks: Any) -> list[Callback]:
    """Demand that all are callbacks, before training starts."""
    given = list(callbacks) if isinstance(callbacks, Iterable) else [callbacks]
    for callback in given:
        if not isinstance(callback, Callback):
            raise TypeError(
                f"callbacks: expected Callback objects, got {callback!r}. Derive your class from "
                "axon.callbacks.Callback and pass an instance of it."
            )
    return given
