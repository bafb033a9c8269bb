"""History: what ``fit`` returns."""

import os
from typing import Any, ClassVar, NamedTuple

import numpy as np

from axon import clock
from axon.backend import Array
from axon.callbacks.base import Callback, Logs
from axon.callbacks.monitor import Monitor
from axon.files.atomic import atomic
from axon.names import guarded, suggestion

Path = str | os.PathLike[str]


class Best(NamedTuple):
    """The best epoch of a run.

    Attributes:
        epoch: its number, from 0.
        value: what was looked at.
        logs: all that was measured in this epoch.
    """

    epoch: int
    value: float
    logs: Logs


class History(Callback):
    """What ``fit`` returns: the loss and the metrics of every epoch.

    Attributes:
        history: name -> list of values, one per epoch in which it was measured.
        epoch: the numbers of the epochs, from 0.
        measured: name -> the epochs of its values; fewer where validation is not in each epoch.
        params: the settings of the run.
        seconds: how long each epoch took, without the compiling of kernels.

    >>> history = History()
    >>> for epoch, loss in enumerate([0.5, 0.2, 0.3]):
    ...     history.on_epoch_begin(epoch)
    ...     history.on_epoch_end(epoch, {"loss": loss, "accuracy": 1.0 - loss})
    >>> history.best()
    Best(epoch=1, value=0.2, logs={'loss': 0.2, 'accuracy': 0.8})
    """

    state_names: ClassVar[tuple[str, ...]] = ("history", "epoch", "measured", "seconds")

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []
        self.measured: dict[str, list[int]] = {}
        self.seconds: list[float] = []
        self.params: dict[str, Any] = {}

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Start the clock."""
        self._began = clock.seconds()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Keep what was measured."""
        self.epoch.append(epoch)
        self.seconds.append(clock.seconds() - self._began)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
            self.measured.setdefault(name, []).append(epoch)

    # -------------------------------------------------------------------- looking at it

    def best(self, monitor: str | None = None, mode: str = "auto") -> Best:
        """The best epoch: its number, what was looked at, and all that was measured in it.

        Args:
            monitor: such as "val_accuracy"; by default "val_loss", or "loss" without validation.
            mode: "min", "max", or "auto" to tell from the name. The first of equals counts.

        Raises:
            ValueError: it was not measured, or is NaN in each epoch; or the mode is unclear.
        """
        from axon.plot.runs import read

        run = read(self)
        name = monitor or ("val_loss" if "val_loss" in run else "loss")
        if name not in run:
            known = f"Known: {', '.join(run)}." if run else "No epoch has been trained."
            raise ValueError(
                f"history.best: {name!r} was not measured.{suggestion(name, list(run))} {known}"
            )
        watch, found = Monitor("history.best", name, mode), None
        for epoch, value in zip(*run[name], strict=True):
            if watch.better(value, found[1] if found else None):
                found = epoch, value
        if found is None:
            raise ValueError(f"history.best: {name!r} is NaN in each epoch, so none is the best.")
        logs = {key: v for key, s in run.items() for e, v in zip(*s, strict=True) if e == found[0]}
        return Best(*found, logs)

    def plot(self, **options: Any) -> Any:
        """Draw the curves, a matplotlib Figure; takes the options of ``axon.plot.curves``."""
        from axon.plot.curves import curves

        return curves(self, **options)

    def report(self, path: Path, **options: Any) -> Any:
        """Write a report of the run, one HTML file; takes the options of ``model.report``."""
        if self.model is None:
            raise RuntimeError(
                "history.report: this history was read from a file, so its model is not known. "
                "Call model.report(path, history=history)."
            )
        return self.model.report(path, history=self, **options)

    # -------------------------------------------------------------------- files

    def to_csv(self, path: Path) -> None:
        """Write a line per epoch: its number from 0, the seconds, and what was measured.

        What was not measured in an epoch is left empty; "nan" and "inf" stand for themselves.
        """
        from csv import writer
        from io import StringIO

        table, text = self._table(), StringIO()
        lines = writer(text, lineterminator="\n")
        lines.writerow(map(guarded, table))
        lines.writerows(zip(*table.values(), strict=True))  # csv writes None as nothing
        _write(path, text.getvalue())

    def to_json(self, path: Path) -> None:
        """Write epochs, seconds, params and history; lists are all of the same length.

        JSON knows neither NaN nor infinity: they stand there as the strings "NaN", "Infinity" and
        "-Infinity", which ``float`` and JavaScript's ``Number`` read. What was not measured in an
        epoch is null.
        """
        from json import dumps

        table = self._table()
        about = {"epoch": table.pop("epoch"), "seconds": table.pop("seconds", None)}
        columns = {name: [_plain(v) for v in values] for name, values in table.items()}
        complete = {**about, "params": self.params, "history": columns}
        _write(path, dumps(complete, allow_nan=False, default=str) + "\n")

    @classmethod
    def from_csv(cls, path: Path) -> "History":
        """Read what ``to_csv`` or ``CSVLogger`` wrote.

        Raises:
            ValueError: the file holds something else.
        """
        from axon.plot import runs

        return cls._of(runs.from_csv(path), {})

    @classmethod
    def from_json(cls, path: Path) -> "History":
        """Read what ``to_json`` wrote.

        Raises:
            ValueError: the file holds something else.
        """
        from axon.plot import runs

        return cls._of(*runs.from_json(path))

    def to_tree(self) -> dict[str, Any]:
        """What a model's file keeps of it: all but the seconds, which differ from run to run.

        Numbers are arrays; ``measured`` names only what was not measured in each epoch. What is no
        number, such as an array that a metric gives, is left out.

        >>> history = History()
        >>> history.on_epoch_begin(0)
        >>> history.on_epoch_end(0, {"loss": 0.5})
        >>> history.to_tree()["history"], history.to_tree()["measured"]
        ({'loss': array([0.5])}, {})
        """
        at = {k: self.measured.get(k, self.epoch) for k in self.history}
        found = {k: _numbers(v) for k, v in self.history.items() if len(v) == len(at[k])}
        kept = {k: v for k, v in found.items() if v is not None}
        rare = {k: at[k] for k in kept if at[k] != self.epoch}
        simple = int | float | str | None
        return {
            "epoch": np.array(self.epoch, np.int64),
            "params": {k: v for k, v in self.params.items() if isinstance(v, simple)},
            "measured": {k: np.array(v, np.int64) for k, v in rare.items()},
            "history": kept,
        }

    @classmethod
    def from_tree(cls, tree: Any) -> "History":
        """Read what ``to_tree`` gave.

        Raises:
            ValueError: it is something else.
        """
        history = cls()
        try:
            history.params = dict(tree["params"])
            history.epoch = _row(tree["epoch"], "iu")
            for name, values in tree["history"].items():
                at = _row(tree["measured"][name], "iu") if name in tree["measured"] else None
                history.measured[name] = list(history.epoch) if at is None else at
                history.history[name] = _row(values, "f")
                if len(history.history[name]) != len(history.measured[name]):
                    raise ValueError(f"{name!r} has another number of values than of epochs")
        except (LookupError, TypeError, AttributeError) as error:
            raise ValueError(f"it is no history: {error!r}") from None
        return history

    @classmethod
    def _of(cls, table: dict[str, list[Any]], params: dict[str, Any]) -> "History":
        history = cls()
        history.params = params
        history.epoch = [int(epoch) for epoch in table.pop("epoch")]
        history.seconds = table.pop("seconds", [])
        for name, values in table.items():
            pairs = list(zip(history.epoch, values, strict=True))
            history.measured[name] = [e for e, v in pairs if v is not None]
            history.history[name] = [v for v in values if v is not None]
        return history

    def _table(self) -> dict[str, list[Any]]:
        from axon.plot import runs

        columns = runs.table(runs.read(self), self.epoch)
        timed = len(self.seconds) == len(self.epoch)  # unless read from a file without them
        seconds = {"seconds": self.seconds} if timed else {}
        return {"epoch": columns.pop("epoch"), **seconds, **columns}

    def _repr_html_(self) -> str:
        """What a notebook shows: the curves, and all values in a table."""
        from axon.html.parts import details, framed
        from axon.names import duration
        from axon.plot.inline import curve_charts
        from axon.plot.runs import read

        notes = [f"{len(self.epoch)} epoch{'s' * (len(self.epoch) != 1)}"]
        if self.seconds and len(self.seconds) == len(self.epoch):
            notes.append(duration(sum(self.seconds)))
        charts = "".join(curve_charts(read(self))) if self.epoch else ""
        table = details("All values", values_table(self)) if self.epoch else ""
        return framed(
            "History", f'<div class="charts">{charts}</div>', table, note=", ".join(notes)
        )

    def __repr__(self) -> str:
        last = ", ".join(f"{name}={values[-1]:.4f}" for name, values in self.history.items())
        return f"History({len(self.epoch)} epochs{', last: ' if last else ''}{last})"


def values_table(history: History) -> str:
    """All that was measured as a table of HTML, a row for each epoch."""
    from axon.html.parts import beginning
    from axon.names import readable
    from axon.plot import runs

    columns = runs.table(runs.read(history), history.epoch)
    rows = [
        [epoch + 1, *("" if v is None else readable(v, 5) for v in values)]
        for epoch, *values in zip(*columns.values(), strict=True)
    ]
    return beginning(list(columns), rows, text=0)


def _numbers(values: list[Any]) -> Array | None:
    """Values as an array; None if one of them is no number."""
    try:
        made = np.array(values, np.float64)
    except (TypeError, ValueError):
        return None
    return made if made.ndim == 1 else None


def _row(array: Any, types: str) -> list[Any]:
    """The numbers of an array (n,), if they are of these types."""
    if array.ndim != 1 or array.dtype.kind not in types:
        raise TypeError(f"expected numbers in a row, got {array.dtype} of shape {array.shape}")
    return list(array.tolist())


def _plain(value: float | None) -> float | str | None:
    """A number, or what stands for one that JSON does not know."""
    if value is None or value - value == 0.0:
        return value
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"


def _write(path: Path, text: str) -> None:
    with atomic(path) as stream:
        stream.write(text.encode("utf-8"))
