"""A table as a notebook shows it."""

from collections.abc import Sequence

import numpy as np

from axon.backend import Array
from axon.html.parts import SHOWN, details, escape, framed, table
from axon.names import readable
from axon.tabular.cells import AnyColumn
from axon.tabular.words import TextColumn

FIRST = 8  # rows
WIDE = 40  # columns, and characters of a cell


def table_html(names: Sequence[str], columns: Sequence[AnyColumn], said: Sequence[str]) -> str:
    """The first rows; below them, for each column, what it holds, and how many gaps.

    Args:
        names: of the columns.
        columns: of the table.
        said: what had to be decided when it was read.
    """
    shown = [column_cells(column[:FIRST]) for column in columns[:WIDE]]
    rows = [[i + 1, *cells] for i, cells in enumerate(zip(*shown, strict=True))]
    about = [[name, *_about(column)] for name, column in zip(names[:SHOWN], columns, strict=False)]
    sentences = "".join(f"<p>{escape(s)}</p>" for s in said)
    more = f"<p>… and {len(names) - WIDE:,} more columns</p>" * (len(names) > WIDE)
    note = f"{len(columns[0]) if columns else 0:,} rows, {len(names):,} columns"
    heads = ["column", "holds", "gaps", "different"]
    return framed(
        *("Table", table(["", *names[:WIDE]], rows), more),
        *(details("Columns", table(heads, about, text=2)), sentences),
        note=note,
    )


def column_cells(column: AnyColumn) -> list[str]:
    """Cells as text, a gap as nothing."""
    if isinstance(column, TextColumn):
        return [cut(word or "") for word in column.tolist()]
    return [_cell(value) for value in column]


def _cell(value: object) -> str:
    if isinstance(value, np.datetime64):
        return "" if np.isnat(value) else str(value).replace("T00:00:00", "").replace("T", " ")
    if isinstance(value, np.floating | float):
        return "" if np.isnan(value) else readable(float(value), 6)
    return str(value)


def cut(text: str) -> str:
    """A text with an ellipsis, if it is long."""
    return text if len(text) <= WIDE else f"{text[: WIDE - 1]}…"


def _about(column: AnyColumn) -> Sequence[object]:
    if isinstance(column, TextColumn):
        return ["text", f"{column.gaps():,}", f"{len(column.distinct):,}"]
    gaps = _gaps(column)
    types = {"M": "dates", "b": "yes or no", "i": "integers", "u": "integers"}
    distinct = len(np.unique(column[~gaps]))
    return [types.get(column.dtype.kind, "numbers"), f"{int(gaps.sum()):,}", f"{distinct:,}"]


def _gaps(column: Array) -> Array:
    if column.dtype.kind == "M":
        return np.isnat(column)
    return np.isnan(column) if column.dtype.kind == "f" else np.zeros(len(column), bool)
