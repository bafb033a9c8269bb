"""Read a table of numbers with labels, or numbers to predict, from a CSV file."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from axon.backend import Array
from axon.datasets.column import is_integer, is_number
from axon.datasets.labels import Labels
from axon.datasets.sheet import CsvFile, Row, Sheet, is_unnamed

TARGETS = ("diagnosis", "label", "target", "class", "species", "y")
TASKS = ("classification", "regression", "auto")
EXACT = 2**53  # from here on, neighbouring whole numbers are one and the same float64


class Table(NamedTuple):
    """Numbers with labels, and the names of both.

    Args:
        x: the features, (n, k) float64, finite.
        y: the class of each row, (n,) int64, an index into ``class_names``; for regression the
            numbers to predict, (n,) float64, finite.
        feature_names: the names of the k columns.
        class_names: the labels as text, sorted; none for regression.
        target_name: the name of the column the labels came from.

    >>> table = Table(np.zeros((1, 1)), np.zeros(1, np.int64), ("a",), ("no", "yes"), "b")
    >>> table.class_names[table.y[0]]
    'no'
    """

    x: Array
    y: Array
    feature_names: tuple[str, ...]
    class_names: tuple[str, ...]
    target_name: str

    def _repr_html_(self) -> str:
        """What a notebook shows: the first rows."""
        from axon.html.parts import framed, table
        from axon.names import readable

        names = self.class_names
        rows = [
            [names[int(y)] if names else readable(y, 6), *(readable(v, 6) for v in x[:40])]
            for x, y in zip(self.x[:8], self.y[:8], strict=True)
        ]
        note = f"{len(self.x):,} rows, {len(self.feature_names):,} features, {len(names)} classes"
        heads = [self.target_name, *self.feature_names[:40]]
        return framed("Table", table(heads, rows), note=note)


def load_csv(
    path: CsvFile,
    target: str | None = None,
    *,
    features: Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
    task: str = "classification",
) -> Table:
    """Read a CSV file with a header line, one column of labels and columns of numbers.

    Labels are text or whole numbers, as they are written ("00501" is not "501"); their classes are
    sorted, whole numbers by value. Left out are columns named ``id``, and columns without any
    value. What a column holds is decided by all its cells. A label that says nothing (an empty
    cell, "NA", "?") is an error, and so are labels most of which occur once, unless ``classes``
    names them.

    Args:
        path: the file, in UTF-8, parted by commas (or semicolons, tabs, bars); or an open one.
        target: the name of the label column. None is the first present of ``diagnosis``, ``label``,
            ``target``, ``class``, ``species``, ``y`` (capitals do not count), else the last column.
        features: the names of the feature columns, in this order. None is all others.
        classes: the labels that may occur, in the order of their indices. None is those found.
        task: "classification"; "regression": the target holds numbers; or "auto": these are
            numbers if some are no whole numbers, or if there are more than 20 different ones in
            a column that is not called ``diagnosis``, ``label``, ``class`` or ``species``. Whole
            numbers with leading zeros are labels.

    Raises:
        DatasetUnavailable: the file cannot be read.
        ValueError: its content is wrong; the message names the line and the column.

    >>> from axon.datasets import breast_cancer
    >>> table = load_csv(breast_cancer.DATA)
    >>> table.x.shape, table.feature_names[0], table.target_name, table.class_names
    ((569, 30), 'radius_mean', 'diagnosis', ('B', 'M'))
    """
    if task not in TASKS:
        raise ValueError(f"task: expected {', '.join(TASKS)}, got {task!r}")
    _check_classes(classes)
    sheet = Sheet(path)
    if target not in sheet.names:
        _demand_header(sheet)
    sheet.check_unique()
    column, chosen = _target_column(sheet, target)
    columns = _feature_columns(sheet, column) if features is None else sheet.positions(features)
    lines, labels, x = _read_rows(sheet, columns, column)
    found = Labels(sheet, column, chosen, lines, labels)
    amounts = task == "regression" or (task == "auto" and classes is None and found.are_amounts())
    y, class_names = (_amounts(found), ()) if amounts else found.index(classes)
    names = tuple(sheet.names[c] for c in columns)
    return Table(x, y, names, class_names, sheet.names[column])


def read_features(path: CsvFile, feature_names: Sequence[str]) -> Array:
    """Read the features alone, as a model that is to predict wants them.

    Columns are matched by name, in any order, and others (the labels, if there are any) are left
    out. A file without a header line must hold exactly these columns, in this order.

    Args:
        path: the CSV file, or an open one.
        feature_names: the names of the k columns, as in ``Table.feature_names``.

    Returns:
        (n, k) float64, finite.

    Raises:
        DatasetUnavailable: the file cannot be read.
        ValueError: its content is wrong; the message names the line and the column.

    >>> from axon.datasets import breast_cancer
    >>> read_features(breast_cancer.DATA, ["area_mean", "radius_mean"])[0]
    array([1001.  ,   17.99])
    """
    sheet = Sheet(path)
    named = any(name in sheet.names for name in feature_names)
    if named or not sheet.header_is_numbers():
        sheet.check_unique()
        return _read_rows(sheet, sheet.positions(feature_names))[2]
    if len(sheet.names) != len(feature_names):
        raise ValueError(
            f"{sheet.path}: no header line, so expected {len(feature_names)} columns, "
            f"found {len(sheet.names)}; add a header line with the names"
        )
    sheet.names = list(feature_names)
    return _read_rows(sheet, range(len(feature_names)), header=False)[2]


def _check_classes(classes: Sequence[str] | None) -> None:
    names = [] if classes is None else list(classes)
    if len(set(names)) < len(names) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"classes: expected the labels as texts, each once, got {classes!r}")


def _demand_header(sheet: Sheet) -> None:
    if sheet.header_is_data():
        found = "numbers only" if sheet.header_is_numbers() else "what looks like a row of data"
        raise ValueError(
            f"{sheet.path}, line {sheet.header_line}: expected a header line with the names of "
            f"the columns, found {found}; add one"
        )


def _target_column(sheet: Sheet, target: str | None) -> tuple[int, str]:
    """Return the label column, and how it was chosen."""
    if target is not None:
        return sheet.positions([target])[0], ""
    lower = [name.lower() for name in sheet.names]
    for name in TARGETS:
        if name in lower:
            return lower.index(name), ""
    filled = [c for c in sheet.filled() if not is_unnamed(sheet.names[c])]
    if not filled:
        raise ValueError(f"{sheet.path}: no column has a name and a value")
    return filled[-1], " (taken for the labels as the last column; name another as the target)"


def _feature_columns(sheet: Sheet, target: int) -> list[int]:
    columns = [c for c in sheet.filled() if c != target and sheet.names[c].lower() != "id"]
    for column in columns:
        if is_unnamed(sheet.names[column]):
            raise ValueError(
                f"{sheet.path}: column {column + 1} has values but no name; name it if it is a "
                "feature, else remove it (pandas writes such an index unless index=False)"
            )
    if not columns:
        raise ValueError(
            f"{sheet.path}: no columns of features besides {sheet.names[target]!r} and id"
        )
    return columns


def _read_rows(
    sheet: Sheet, columns: Sequence[int], target: int | None = None, *, header: bool = True
) -> tuple[list[int], list[str], Array]:
    """Return the line of each row, its label, and the numbers of some columns, (n, k)."""
    from array import array

    lines: list[int] = []
    labels: list[str] = []
    values = array("d")
    for line, cells in sheet.rows(header=header):
        lines.append(line)
        labels.append("" if target is None else cells[target])
        values.extend(_numbers(sheet, (line, cells), columns, header))
    x = np.frombuffer(values, dtype=np.float64).reshape(len(lines), len(columns))
    _check_finite(sheet, x, lines, columns)
    _check_exact(sheet, x, columns, header)
    return lines, labels, x


def _numbers(sheet: Sheet, row: Row, columns: Sequence[int], header: bool) -> list[float]:
    line, cells = row
    chosen = [cells[column] for column in columns]
    text = "".join(chosen)
    try:
        if text.isascii() and "_" not in text:  # else float() reads what is no number, too
            return list(map(float, chosen))
    except ValueError:
        pass
    column = next(c for c in columns if not is_number(cells[c]))
    raise sheet.no_number(line, column, cells[column], header=header)


def _amounts(labels: Labels) -> Array:
    """Return the number of each row, to be predicted."""
    sheet, column, texts = labels.sheet, labels.column, labels.texts
    for line, text in zip(labels.lines, texts, strict=True):
        if not is_number(text):
            raise sheet.no_number(line, column, text)
    y = np.array([float(text) for text in texts], dtype=np.float64)
    _check_finite(sheet, y[:, None], labels.lines, [column])
    _check_exact(sheet, y[:, None], [column], header=True)
    if (y == y[0]).all():
        raise ValueError(
            f"{sheet.path}, column {sheet.names[column]!r}: expected numbers to predict, found "
            f"only {texts[0]!r}{labels.chosen}"
        )
    return y


def _check_finite(sheet: Sheet, x: Array, lines: Sequence[int], columns: Sequence[int]) -> None:
    finite = np.isfinite(x)
    if not finite.all():
        row, k = np.argwhere(~finite)[0]
        raise sheet.error(lines[row], columns[k], f"expected a finite number, found {x[row, k]}")


def _check_exact(sheet: Sheet, x: Array, columns: Sequence[int], header: bool) -> None:
    """Raise if whole numbers are so large that different ones became the same."""
    for k in np.flatnonzero(np.abs(x).max(axis=0, initial=0) >= EXACT).tolist():
        cells = {row[columns[k]] for _, row in sheet.rows(header=header)}
        integers = {text.lstrip("+0") for text in cells if is_integer(text)}
        if len({float(text or 0) for text in integers}) < len(integers):
            raise ValueError(
                f"{sheet.path}, column {sheet.names[columns[k]]!r}: whole numbers beyond 2**53, of "
                "which different ones become the same number; if they are names, such as ids, "
                "leave out the column or make it the labels"
            )
