"""What a training run measured, read from a History, a dict, or a file that one was written to."""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from axon.datasets.column import is_integer, is_number
from axon.names import shown, unguarded

UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError)
NOT_MEASURED = ("epoch", "seconds")  # columns about the epochs themselves


class Series(NamedTuple):
    """One measured number: the epochs, from 0, and its value in each of them."""

    epochs: list[int]
    values: list[float]


RunSeries = dict[str, Series]  # by name, in the order in which they were measured


def read(source: Any) -> RunSeries:
    """Read what a run measured, whatever it is kept in.

    Args:
        source: a History; a dict name -> values; or the path of a CSV file (of ``to_csv`` or
            ``CSVLogger``) or of a JSON file (of ``to_json``).

    Raises:
        TypeError: it is something else.
        ValueError: there are more values than epochs, or a file holds something else.

    >>> read({"loss": [0.5, 0.4]})
    {'loss': Series(epochs=[0, 1], values=[0.5, 0.4])}
    """
    if isinstance(source, str | os.PathLike):
        return _file(os.fspath(source))
    if isinstance(source, Mapping):
        return _columns(source)
    kept = getattr(source, "history", None)
    if not isinstance(kept, Mapping):
        raise TypeError(
            "expected a History, a dict of lists such as {'loss': [0.5, 0.4]}, or the path of a "
            f"CSV or JSON file, got {type(source).__name__}."
        )
    return _columns({**kept, "epoch": source.epoch}, getattr(source, "measured", {}))


def _columns(
    columns: Mapping[str, Sequence[float]], measured: Mapping[str, list[int]] | None = None
) -> RunSeries:
    """Of lists by name; ``epoch``, and what ``measured`` says, tell when each value was taken."""
    names = [name for name in columns if name not in NOT_MEASURED]
    longest = max((len(columns[name]) for name in names), default=0)
    epochs = list(columns.get("epoch", range(longest)))
    run = {}
    for name in names:
        values, when = list(columns[name]), (measured or {}).get(name, [])
        run[name] = Series(
            when if len(when) == len(values) else _when(name, epochs, values), values
        )
    return run


def _when(name: str, epochs: Any, values: Any) -> list[int]:
    """The epochs of values that are fewer: every second, every third...; as validation_freq asks.

    >>> _when("val_loss", [0, 1, 2, 3, 4], [0.5, 0.4])
    [1, 3]
    """
    if len(values) > len(epochs):
        raise ValueError(f"{name}: there are {len(values)} values for {len(epochs)} epochs.")
    every = len(epochs) // max(len(values), 1)
    return [int(epoch) for epoch in epochs[every - 1 :: every][: len(values)]]


# ------------------------------------------------------------------------------------ files


def _file(path: str) -> RunSeries:
    table = from_json(path)[0] if path.lower().endswith(".json") else from_csv(path)
    epochs = [int(epoch) for epoch in table["epoch"]]
    run = {}
    for name in (name for name in table if name not in NOT_MEASURED):
        cells = [(e, v) for e, v in zip(epochs, table[name], strict=True) if v is not None]
        run[name] = Series([e for e, _ in cells], [v for _, v in cells])
    return run


RunColumns = dict[str, list[Any]]  # all of one length; None where nothing was measured


def from_csv(path: "str | os.PathLike[str]") -> RunColumns:
    """Read a table with a line per epoch; of lines with the same epoch the last one counts.

    Raises:
        ValueError: a cell is no number (row and column are named), or there is no column "epoch".
    """
    import csv
    import io

    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            text = file.read()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a table in UTF-8: {error}.") from None
    head = text.partition("\n")[0]
    mark = max(",;\t|", key=head.count)
    try:
        lines = [
            cells for cells in csv.reader(io.StringIO(text, newline=""), delimiter=mark) if cells
        ]
    except csv.Error as error:
        raise ValueError(f"{path}: not a table: {error}.") from None
    lines[:1] = [[unguarded(name) for name in names] for names in lines[:1]]
    if not lines or "epoch" not in lines[0]:
        raise ValueError(f'{path}: expected a first line with the column "epoch", got {head!r}.')
    if not text.endswith("\n") and len(lines[-1]) < len(lines[0]):
        del lines[-1]  # cut off when its writer was
    rows: dict[str, list[float | None]] = {}
    for number, line in enumerate(lines[1:], start=2):
        row = _numbers(path, lines[0], number, line)
        rows[line[lines[0].index("epoch")]] = row
    return {name: [row[i] for row in rows.values()] for i, name in enumerate(lines[0])}


def _numbers(path: Any, names: list[str], number: int, line: list[str]) -> list[float | None]:
    if len(line) != len(names):
        raise ValueError(f"{path}, line {number}: expected {len(names)} cells, got {len(line)}.")
    return [_cell(path, n, number, text) for n, text in zip(names, line, strict=True)]


def _cell(path: Any, name: str, number: int, text: str) -> float | None:
    if name == "epoch" and is_integer(text) and len(text) < 19:
        return int(text)
    if name != "epoch" and (is_number(text) or not text):
        return float(text) if text else None
    raise ValueError(
        f"{path}, line {number}, column {name!r}: expected a number, got {shown(text)}."
    )


def from_json(path: "str | os.PathLike[str]") -> tuple[RunColumns, dict[str, Any]]:
    """Read a table, and the params of the run, from a JSON file: numbers, "NaN", "Infinity", null.

    Raises:
        ValueError: the file is not one of those.
    """
    import json

    with open(path, encoding="utf-8") as file:
        try:
            kept = json.load(file)
            columns = {key: kept[key] for key in NOT_MEASURED if kept[key] is not None}
            columns.update(kept["history"])
            table = {
                name: [None if v is None else float(v) for v in values]
                for name, values in columns.items()
            }
            if any(len(values) != len(table["epoch"]) for values in table.values()):
                raise ValueError("its lists differ in length")
            return table, dict(kept["params"])
        except UNREADABLE as error:
            raise ValueError(f"{path}: not a history that to_json wrote ({error!r}).") from None


def table(run: RunSeries, epochs: Iterable[int]) -> RunColumns:
    """Turn series into columns that are all as long as the epochs, for files."""
    rows = list(epochs)
    columns: RunColumns = {"epoch": rows}
    for name, series in run.items():
        when = dict(zip(series.epochs, series.values, strict=True))
        columns[name] = [float(when[e]) if e in when else None for e in rows]
    return columns
