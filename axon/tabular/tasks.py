"""What a column of targets asks for: which class, or how much."""

from typing import NamedTuple

import numpy as np

from axon.backend import Array
from axon.datasets.labels import LABELS, MAX_CLASSES
from axon.datasets.table import TARGETS
from axon.names import suggestion
from axon.tabular import reading
from axon.tabular.table import Table

FEW = 20  # from so many rows on, a text that is another one in each is no class


class Question(NamedTuple):
    """A table to learn from, and what is asked of it.

    Attributes:
        table: the rows whose target is known, without it.
        target: the name of its column.
        y: (rows,) classes as text (objects), or amounts in float64.
        task: "classification" or "regression".
        known: (rows of the whole table,) where the target is known.
    """

    table: Table
    target: str
    y: Array
    task: str
    known: Array


def question(
    table: Table, target: str | None = None, task: str = "auto", strict: bool = True
) -> Question:
    """Part a table from its target, a column as it stands in a file.

    Numbers with a fraction are amounts, and so are more than 20 different whole ones, unless the
    column is called label, class or the like. Rows without a target are left out.

    Args:
        table: all of it.
        target: the name of the column; None: the first one called target, label, class or the
            like, else the last one.
        task: "classification", "regression", or "auto": as the column looks.
        strict: whether there must be something to learn: more than one class, different numbers.

    Raises:
        ValueError: there is no such column, or it cannot be a target.

    >>> from axon.tabular import read
    >>> found = question(read({"size": [1, 2, 3], "price": ["1,5", None, "2,5"]}))
    >>> found.target, found.task, found.y, found.table.names
    ('price', 'regression', array([1.5, 2.5]), ['size'])
    """
    name = usual_target(table) if target is None else target
    demand_column(table.names, name)
    column = table.column(name)
    known = known_rows(column)
    if not known.any():
        raise ValueError(f"target {name!r}: no row has a value there; {table.rows} rows.")
    words, amounts = _read(column[known])
    if task == "auto":
        task = "regression" if _are_amounts(name, amounts) else "classification"
    if task == "regression":
        y = _amounts(name, words, amounts)
    else:
        y = np.empty(len(words), object)
        y[:] = words
    if strict:
        _demand_different(name, words, task, int((~known).sum()))
    rest = table.without(name)
    return Question(rest if known.all() else rest.taken(known), name, y, task, known)


def usual_target(table: Table) -> str:
    """The column that is predicted if nobody says which.

    >>> from axon.tabular import read
    >>> usual_target(read({"Label": [1], "size": [2]})), usual_target(read({"a": [1], "b": [2]}))
    ('Label', 'b')
    """
    lower = [name.lower() for name in table.names]
    named = [table.names[lower.index(name)] for name in TARGETS if name in lower]
    filled = [name for name in table.names if not _gaps(table.column(name)).all()]
    if not filled:
        raise ValueError(f"the table has no column with a value; {table.rows} rows.")
    return [*named, filled[-1]][0]


def demand_column(names: list[str], name: str) -> None:
    """Demand that there is such a column.

    Raises:
        ValueError: there is none; the nearest one and the known ones are named.

    >>> demand_column(["Price", "size"], "prize")
    Traceback (most recent call last):
    ValueError: there is no column 'prize'. Did you mean 'Price'? There are: Price, size.
    """
    if name in names:
        return
    lower = {known.lower(): known for known in names}
    hint = suggestion(name, list(lower))
    for near, known in lower.items():
        hint = hint.replace(f"{near!r}", f"{known!r}")
    more = f", and {len(names) - 30} more" if len(names) > 30 else ""
    raise ValueError(
        f"there is no column {name!r}.{hint} There are: {', '.join(names[:30])}{more}."
    )


def known_rows(column: Array) -> Array:
    """Where a column (rows,) has a value."""
    return ~_gaps(column)


def _gaps(column: Array) -> Array:
    if column.dtype.kind == "O":
        return np.array([v is None for v in column.tolist()], bool)
    return column != column if column.dtype.kind in "fM" else np.zeros(len(column), bool)


def _read(column: Array) -> tuple[list[str], Array | None]:
    """A column without gaps as text; and as numbers, if it is that."""
    if column.dtype.kind == "O":
        words = column.tolist()
        style = reading.number_style(list(dict.fromkeys(words)))
        return words, None if style is None else reading.numbers(words, style)
    if column.dtype.kind == "f":
        words = [f"{v:.0f}" if v == int(v) else repr(v) for v in np.clip(column, *FINITE).tolist()]
        return words, column.astype(np.float64)
    amounts = column.astype(np.float64) if column.dtype.kind in "iu" else None
    return [str(v) for v in column.tolist()], amounts


FINITE = (-1e300, 1e300)  # infinite ones are refused later
LARGEST = 1e100  # the squares of such targets are finite


def _are_amounts(name: str, amounts: Array | None) -> bool:
    if amounts is None:
        return False
    different = np.unique(amounts)
    fractions = bool((different % 1 != 0).any())
    return fractions or (len(different) > MAX_CLASSES and name.lower() not in LABELS)


def _amounts(name: str, words: list[str], amounts: Array | None) -> Array:
    if amounts is None:
        strange = next((w for w in words if not reading.is_float(w)), words[0])
        raise ValueError(
            f"target {name!r}: to predict numbers, it must hold numbers, and {strange!r} is none. "
            "Mend it; or predict classes: the task classification."
        )
    if not (np.abs(amounts) < LARGEST).all():
        raise ValueError(
            f"target {name!r} holds numbers as large as {np.abs(amounts).max():.2g}, which cannot "
            "be predicted. Divide them by a power of ten, or leave these rows out."
        )
    return amounts


def _demand_different(name: str, words: list[str], task: str, gaps: int) -> None:
    if len(words) < 2:
        raise ValueError("there is only 1 row with a target; at least 2 are needed.")
    different = len(set(words))
    if different == 1:
        beside = f"; {gaps} rows more have a gap there" if gaps else ""
        raise ValueError(_all_the_same(name, words, task, beside))
    if task == "classification" and len(words) >= FEW and different > 0.9 * len(words):
        _demand_no_stray_word(name, words)
        raise ValueError(
            f"target {name!r} holds {different} different values in {len(words)} rows, such as "
            f"{words[0]!r}: these are no classes. Choose another target; numbers are predicted "
            "by the task regression."
        )


def _all_the_same(name: str, words: list[str], task: str, beside: str) -> str:
    rows = f"in all {len(words)} rows"
    if task == "regression":
        return f"target {name!r} is {words[0]} {rows}: there is nothing to learn{beside}."
    return (
        f"target {name!r} holds one class, {words[0]!r}, {rows}{beside}. At least two are needed."
    )


def _demand_no_stray_word(name: str, words: list[str]) -> None:
    """Name the word that makes classes of a target that was meant as numbers."""
    good = ~np.isnan(reading.numbers(words, reading.best_style(words)))
    if 0.9 < good.mean() < 1:
        raise ValueError(
            f"target {name!r} holds numbers, but {words[int(good.argmin())]!r} in one of "
            f"{len(words)} rows. Mend it; or empty the cell, and that row is not learned from."
        )
