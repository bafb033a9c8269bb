"""Columns in reports and notebooks: how their values are distributed, cells, and what they do."""

import numpy as np

from axon.backend import Array
from axon.html.marks import spark
from axon.names import readable
from axon.tabular.column import DAY, FIRST, GAP, Column
from axon.tabular.columns import Columns, Values
from axon.tabular.inline import cut
from axon.tabular.table import Table

BINS, NAMED = 16, 16  # of a distribution: columns, and categories
EDGES = (0.005, 0.995)  # quantiles of numbers between which they are counted


def _own(columns: Columns, place: int, values: Values) -> Array:
    """The numbers, or codes, of a used column: of a date its time."""
    numbers, codes = (np.flatnonzero(part == place) for part in columns.owners())
    return values.codes[:, codes[0]] if len(codes) else values.numbers[:, numbers[0]]


def distribution(columns: Columns, place: int, values: Values) -> str:
    """How the values of a used column are distributed, as a small chart; of text nothing.

    Args:
        columns: of the table.
        place: which of those that are used.
        values: rows.
    """
    column, own = columns.used[place], _own(columns, place, values)
    if column.role == "text" or not len(own):
        return ""
    if column.role == "category":
        counts = np.bincount(own, minlength=FIRST + len(column.values))
        most = np.argsort(-counts, kind="stable")[:NAMED]
        said = [f"{_word(column, c)}: {counts[c]:,} rows" for c in most.tolist()]
        return spark(counts[most].tolist(), said)
    real = own[~np.isnan(own)]
    if not len(real):
        return ""
    low, high = np.quantile(real, EDGES)
    few = np.unique(real)
    if len(few) <= BINS:
        often = [int((real == v).sum()) for v in few]
        pairs = zip(few.tolist(), often, strict=True)
        return spark(often, [f"{_said(column, v)}: {n:,} rows" for v, n in pairs])
    counts, edges = np.histogram(real, BINS, (low, high) if high > low else None)
    ends = [_said(column, e) for e in edges.tolist()]
    between = zip(ends[:-1], ends[1:], counts.tolist(), strict=True)
    return spark(counts.tolist(), [f"{a} to {b}: {n:,} rows" for a, b, n in between])


def _word(column: Column, code: int) -> str:
    """What a code of a category means."""
    if code >= FIRST:
        return column.values[code - FIRST]
    return "(gap)" if code == GAP else "(never seen)"


def _said(column: Column, number: float) -> str:
    """What a number of a column means."""
    if np.isnan(number):
        return ""
    if column.role == "ordered":
        return column.values[int(np.clip(round(number), 0, len(column.values) - 1))]
    if column.role == "date":
        moment = np.datetime64(round(column.since + number * DAY), "s")
        return str(moment).removesuffix("T00:00:00").replace("T", " ")
    return readable(float(number), 6)


def cells_of(
    columns: Columns, place: int, values: Values, rows: Array, table: Table | None
) -> list[str]:
    """The cells of some rows of a used column, as text.

    Args:
        columns: of the table.
        place: which of those that are used.
        values: of all rows.
        rows: which of them.
        table: the rows as they came; None: they are told from the numbers.
    """
    column = columns.used[place]
    if table is not None and column.name in table.names:
        return table.cells(column.name, rows)
    own = _own(columns, place, values)[rows]
    if column.role == "category":
        return [cut("" if c == GAP else _word(column, c)) for c in own.tolist()]
    return [cut(_said(column, v)) for v in own.tolist()]
