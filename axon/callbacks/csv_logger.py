"""CSVLogger: one line of a table per epoch."""

import os
from collections.abc import Sequence
from typing import IO, Any, ClassVar

from axon.callbacks.base import Callback, Logs, State
from axon.callbacks.output import prepare
from axon.names import guarded, unguarded


class CSVLogger(Callback):
    """Write epoch, loss and metrics to a file, one line per epoch, readable while training runs.

    Args:
        filename: where to; folders are created.
        separator: what stands between two numbers.
        append: go on with a file that is there, in its columns.

    The first epoch decides about the columns; what a later one lacks is left empty.

    Raises:
        OSError: the file cannot be written, before training begins.
        ValueError: the columns of a file that is to be continued are others.
    """

    state_names: ClassVar[tuple[str, ...]] = ("columns", "written")
    writes: ClassVar[bool] = True

    def __init__(
        self, filename: "str | os.PathLike[str]", separator: str = ",", append: bool = False
    ) -> None:
        if not isinstance(separator, str) or len(separator) != 1:
            raise ValueError(f"CSVLogger: separator must be a single character, got {separator!r}.")
        self.filename, self.separator, self.append = os.fspath(filename), separator, append
        self.columns: list[str] | None = None
        self.written = 0  # bytes: what comes after them was logged by a run that broke off
        self._file: IO[str] | None = None
        self._writer: Any = None
        self._over = False

    def demand_possible(self, measured: Sequence[str] | None) -> None:
        """Make sure that the file can be written, and has columns for what will be measured."""
        prepare("CSVLogger", self.filename)
        columns = self._header(keep=True) if self.append else None
        if measured is not None and columns is not None:
            self._demand_columns(["epoch", *measured], columns)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Open the file."""
        import csv

        prepare("CSVLogger", self.filename)
        resumed = not self.starts_anew()
        if resumed and os.path.exists(self.filename):  # the epochs after the backup come again
            os.truncate(self.filename, min(self.written, os.path.getsize(self.filename)))
        go_on = resumed or self.append
        self.columns = self._header() if go_on else None
        self._file = open(self.filename, "a", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, delimiter=self.separator, lineterminator="\n")
        self._over = not go_on  # what is there stays until there is something to log
        self.written = os.path.getsize(self.filename) if go_on else 0

    def load_state_dict(self, state: State) -> None:
        """Go on from a state; the open file itself tells where a run under way stands."""
        if self._file is None:
            super().load_state_dict(state)

    def _header(self, keep: bool = False) -> list[str] | None:
        """The columns of the file that is there; a last line that was cut off is taken away.

        Args:
            keep: leave the file as it is.
        """
        import csv
        import io

        if not os.path.exists(self.filename):
            return None
        with open(self.filename, "rb" if keep else "r+b") as file:
            text = file.read()
            if not keep:
                file.truncate(text.rfind(b"\n") + 1)
        lines = io.StringIO(text.decode("utf-8"), newline="")
        names = next(csv.reader(lines, delimiter=self.separator), []) if b"\n" in text else []
        return [unguarded(name) for name in names] or None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write a line, whole, and before anything else happens."""
        assert self._file is not None
        if self._over:
            self._file.truncate(0)
            self._over = False
        values = {"epoch": epoch, **(logs or {})}
        names = self._columns_of(values)
        if self.columns is None:
            self.columns = names
            self._writer.writerow(map(guarded, names))
        if not set(values) <= set(self.columns):
            self._demand_columns(names, self.columns)
        self._writer.writerow([values.get(name, "") for name in self.columns])
        self._file.flush()
        self.written = os.path.getsize(self.filename)

    def _demand_columns(self, names: Sequence[str], columns: Sequence[str]) -> None:
        if not set(names) <= set(columns):
            raise ValueError(
                f"CSVLogger: {self.filename} has the columns {', '.join(columns)}, but now "
                f"there are {', '.join(names)}. Each epoch must log the same; choose another file "
                "to log others."
            )

    def _columns_of(self, values: dict[str, float]) -> list[str]:
        """Names of the columns; those of a validation that comes only in later epochs, too."""
        names = list(values)
        if self.params.get("validation_freq", 1) > 1:
            names += [f"val_{n}" for n in names if n != "epoch" and not n.startswith("val_")]
        return list(dict.fromkeys(names))

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = self._writer = None
