"""What training looks like while it runs: lines, or a bar."""

import sys
from collections.abc import Sequence
from math import inf
from typing import Any, ClassVar

from axon import clock
from axon.callbacks.base import Callback, Logs
from axon.callbacks.output import notebook_shell
from axon.names import duration, printable

WIDTH = 20  # of the bar, in characters
PAUSE = 0.1  # seconds between two pictures of the bar, at least


class LossPrinter(Callback):
    """Print ``Epoch 1/50 - Loss: 2.3026``, as ``train`` does."""

    writes: ClassVar[bool] = True

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Print one line."""
        loss = (logs or {})["loss"]
        print(f"Epoch {epoch + 1}/{self.params['epochs']} - Loss: {_decimals(loss)}", flush=True)


class LinePrinter(Callback):
    """Print one line per epoch: time, loss, metrics."""

    writes: ClassVar[bool] = True

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Start the clock."""
        self._began = clock.seconds()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Print the line."""
        seconds = clock.seconds() - self._began
        head = f"Epoch {epoch + 1}/{self.params['epochs']} - {seconds:.1f}s"
        print(fitted(head, measured(logs or {})), flush=True)


class ProgressBar(Callback):
    """A bar that moves while an epoch runs, then the line that stays.

    It shows the steps done, the time that is left (once over: the time per step) and what was
    measured. Where the number of steps is not known, they are counted without a bar.
    """

    writes: ClassVar[bool] = True
    together: ClassVar[bool] = True

    _drawn = 0  # characters on the line, to be wiped out
    _seen = 0  # steps since the clock was started: fewer than are done, if a run goes on

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Start the clock."""
        self._began, self._next, self._done, self._seen = clock.seconds(), -inf, 0, 0
        self._name = f"Epoch {epoch + 1}/{self.params['epochs']}"
        self._strokes = _strokes()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Move the bar, ten times a second at most."""
        self._done, now = batch + 1, clock.seconds()
        self._seen += 1
        if now >= self._next:
            self._next = now + PAUSE
            self._draw(" - ".join([self._progress(now), *measured(logs or {})]))

    def _progress(self, now: float) -> str:
        """Steps done, of how many, and how long they take."""
        spent = now - self._began
        pace, steps = f"{duration(spent / self._seen)}/step", self.params["steps"]
        if steps is None:
            return f"{self._name} {self._done} steps - {duration(spent)} {pace}"
        full = WIDTH * min(self._done, steps) // steps
        bar = self._strokes[0] * full + self._strokes[1] * (WIDTH - full)
        left = duration(spent / self._seen * (steps - self._done))
        return f"{self._name} {self._done}/{steps} {bar} {left} left {pace}"

    def _draw(self, text: str) -> None:
        """Write over the line; a text that is too long would begin another one."""
        text = text[: _columns()]
        sys.stdout.write("\r" + text.ljust(self._drawn))
        sys.stdout.flush()
        self._drawn = len(text)

    def _wipe(self) -> None:
        if self._drawn:
            self._draw("")
            sys.stdout.write("\r")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Take the bar away and print the line."""
        seconds = clock.seconds() - self._began
        self._wipe()
        each = f" {duration(seconds / self._seen)}/step" if self._seen else ""
        print(fitted(f"{self._name} - {seconds:.1f}s{each}", measured(logs or {})), flush=True)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Leave the terminal in order, also after an error."""
        self._wipe()
        sys.stdout.flush()


def _strokes() -> str:
    """What the bar is drawn with: steps done, steps to come; letters if there is nothing better."""
    try:
        "━─".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return "#-"
    return "━─"


def measured(logs: Logs) -> list[str]:
    """Each value with its name: ``loss: 0.2513``; small ones keep four digits that say something.

    >>> measured({"loss": 0.25134, "accuracy": 0.9, "mse": 0.0000123, "mae": 0.0})
    ['loss: 0.2513', 'accuracy: 0.9000', 'mse: 1.2300e-05', 'mae: 0.0000']
    """
    return [f"{printable(name)}: {_decimals(value)}" for name, value in logs.items()]


def _decimals(value: float) -> str:
    usual = value == 0 or not (abs(value) < 1e-3 or abs(value) >= 1e12)
    return f"{value:.4f}" if usual else f"{value:.4e}"


def fitted(head: str, values: Sequence[str]) -> str:
    """What an epoch gave, in one line if the terminal has room for it; what is validated below.

    >>> fitted("Epoch 1/9", ["loss: 0.1235", "val_loss: 0.1342"])
    'Epoch 1/9 - loss: 0.1235 - val_loss: 0.1342'
    """
    space = max(40, _columns())
    full = " - ".join([head, *values])
    if len(full) <= space or not _line_can_change():  # a file keeps one line for each epoch
        return full
    lines, validated = [head], False
    for value in values:
        below = value.startswith("val_") and not validated
        validated |= below
        if below or len(f"{lines[-1]} - {value}") > space:
            lines.append(f"    {_shortened(value, space - 4)}")
        else:
            lines[-1] += f" - {value}"
    return "\n".join(lines)


def _shortened(value: str, space: int) -> str:
    """The value with as much of its name as there is room for."""
    name, _, rest = value.rpartition(":")
    return value if len(value) <= space else f"{name[: max(1, space - len(rest) - 4)]}...:{rest}"


def _columns() -> int:
    from shutil import get_terminal_size

    return get_terminal_size().columns - 1  # some begin a new line when one is full


def printer(verbose: int | str) -> list[Callback]:
    """Choose what reports progress: 0 nothing, 2 a line per epoch, 1 and "auto" a bar.

    In a notebook "auto" is "notebook": curves that grow. Where there is neither a terminal nor a
    notebook, lines take the place of the bar, and of curves.

    >>> printer(0)
    []
    """
    if verbose not in ("auto", "notebook", 0, 1, 2):
        raise ValueError(f'fit: verbose must be "auto", "notebook", 0, 1 or 2, got {verbose!r}.')
    if verbose == 0:
        return []
    if verbose in ("auto", "notebook") and notebook_shell() is not None:
        from axon.callbacks.live_chart import LiveChart

        return [LiveChart()]
    return [ProgressBar()] if verbose != 2 and _line_can_change() else [LinePrinter()]


def _line_can_change() -> bool:
    """Whether what is printed is seen at once, and can be written over."""
    out: Any = sys.stdout  # None in a process without a console
    return out is not None and (out.isatty() or type(out).__module__.startswith("ipykernel."))
