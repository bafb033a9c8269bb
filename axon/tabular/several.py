"""Several columns of targets at once: numbers, or answers of yes or no."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from axon.backend import Array
from axon.tabular.table import Table
from axon.tabular.tasks import demand_column, known_rows, question

LABELS = "labels"  # the task, where each target is a yes or no
YES = ("1", "yes", "true", "y", "t", "ja", "oui", "si", "sí")  # what needs no saying


class Targets(NamedTuple):
    """A table to learn from, and several targets.

    Attributes:
        table: the rows whose targets are all known, without them.
        names: what each target is called: its column, and which value counts as 1, where that is
            no "yes".
        columns: the columns that they stand in.
        y: (rows, targets) amounts in float64, or labels of 0 and 1 in int64.
        task: "regression" or "labels".
        known: (rows of the whole table,) where all are known.
        values: of each label the two values, of which the last one counts as 1; of numbers none.
    """

    table: Table
    names: list[str]
    columns: list[str]
    y: Array
    task: str
    known: Array
    values: list[list[str]]


def several(
    table: Table,
    columns: Sequence[str],
    task: str = "auto",
    learned: Sequence[Sequence[str]] | None = None,
) -> Targets:
    """Part a table from several targets, columns as they stand in a file.

    Args:
        table: all of it.
        columns: names of the targets.
        task: "regression"; "classification", where each has two values; "auto": as they look.
        learned: these rows are a test of what was learned: there need not be several values, and
            those of labels are these, as ``Targets.values`` has them.

    Raises:
        ValueError: a column is missing or said twice; some are numbers and others are not; one has
            more than two classes.

    >>> from axon.tabular import read
    >>> found = several(read({"size": [1, 2, 3], "wet": ["no", "yes", "no"], "hot": [1, 0, 1]}),
    ...     ["wet", "hot"])
    >>> found.names, found.y.tolist(), found.task
    (['wet', 'hot'], [[0, 1], [1, 0], [0, 1]], 'labels')
    """
    for name in columns:
        demand_column(table.names, name)
    if len(set(columns)) < len(columns):
        raise ValueError(f"a target is named twice: {', '.join(columns)}.")
    known = np.all([known_rows(table.column(name)) for name in columns], axis=0)
    if not known.any():
        raise ValueError(f"no row has a value in all of {', '.join(columns)}.")
    rest = table.without(*columns)
    kept = table if known.all() else table.taken(known)
    found = {name: question(kept, name, task, strict=learned is None) for name in columns}
    given = rest.taken(known), list(columns)
    if all(f.task == "regression" for f in found.values()):
        y = np.stack([f.y for f in found.values()], axis=1)
        return Targets(given[0], given[1], given[1], y, "regression", known, [])
    values = [list(pair) for pair in learned or (_values(n, f.y, f.task) for n, f in found.items())]
    labels = [_label(n, f.y, v) for (n, f), v in zip(found.items(), values, strict=True)]
    names, y = [name for name, _ in labels], np.stack([truth for _, truth in labels], axis=1)
    return Targets(given[0], names, given[1], y, LABELS, known, values)


def _values(name: str, y: Array, task: str) -> list[str]:
    """The two values of a target, the one that counts as 1 last."""
    values = sorted({str(v) for v in y.tolist()}) if task == "classification" else []
    if len(values) != 2:
        what = f"{len(values)} classes" if values else "numbers"
        raise ValueError(
            f"several targets are all numbers, or each a yes or no; {name!r} holds {what}. Train "
            "a model for each; or say the task regression, if all hold numbers."
        )
    meant = next((value for value in values if value.lower() in YES), values[1])
    return [value for value in values if value != meant] + [meant]


def _label(name: str, y: Array, values: Sequence[str]) -> tuple[str, Array]:
    """What a target of two values is called, and where it has the last one."""
    words = y.astype(str)
    strange = words[~np.isin(words, list(values))]
    if len(strange):
        raise ValueError(
            f"{name!r} holds {str(strange[0])!r}, which is neither {values[0]!r} nor "
            f"{values[1]!r}, as the model learned it."
        )
    meant = values[1]
    spelled = name if meant.lower() in YES else f"{name}={meant}"
    return spelled, (words == meant).astype(np.int64)
