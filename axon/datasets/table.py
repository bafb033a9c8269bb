"""Read a table of numbers with labels, or numbers to predict, from a CSV file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from axon.datasets.sheet import Row, Sheet, Source, is_number, is_unnamed

if TYPE_CHECKING:
    from numpy.typing import NDArray

LABELS = ("diagnosis", "label", "class", "species")  # columns of these names hold classes
TARGETS = ("diagnosis", "label", "target", "class", "species", "y")
TASKS = ("classification", "regression", "auto")
MOST_CLASSES = 20  # more different whole numbers are taken for amounts, not for classes


class Table(NamedTuple):
    """Numbers with labels, and the names of both.

    Args:
        x: the features, (n, k) float64, finite.
        y: the class of each row, (n,) int64, an index into `class_names`; for regression the
            numbers to predict, (n,) float64, finite.
        feature_names: the names of the k columns.
        class_names: the labels as text, sorted; none for regression.
        target_name: the name of the column the labels came from.

    Example:
        >>> table = Table(np.zeros((1, 1)), np.zeros(1, np.int64), ("a",), ("no", "yes"), "b")
        >>> table.class_names[table.y[0]]
        'no'
    """

    x: NDArray[np.float64]
    y: NDArray[Any]
    feature_names: tuple[str, ...]
    class_names: tuple[str, ...]
    target_name: str


def load_csv(
    path: Source,
    target: str | None = None,
    *,
    features: Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
    task: str = "classification",
) -> Table:
    """Read a CSV file with a header line, one column of labels and columns of numbers.

    Labels are text or whole numbers; their classes are sorted, whole numbers by value. Left out
    are columns named `id`, and columns without any value.

    Args:
        path: the file, in UTF-8, parted by commas (or semicolons or tabs); or an open one.
        target: the name of the label column. None is the first present of `diagnosis`, `label`,
            `target`, `class`, `species`, `y` (capitals do not count), else the last column.
        features: the names of the feature columns, in this order. None is all others.
        classes: the labels that may occur, in the order of their indices. None is those found.
        task: "classification"; "regression": the target holds numbers; or "auto": these are
            numbers if some are no whole numbers, or if there are more than 20 different ones in
            a column that is not called `diagnosis`, `label`, `class` or `species`.

    Raises:
        DatasetUnavailable: the file cannot be read.
        ValueError: its content is wrong; the message names the line and the column.

    Example:
        >>> from axon.datasets import breast_cancer
        >>> table = load_csv(breast_cancer.DATA)
        >>> table.x.shape, table.feature_names[0], table.target_name, table.class_names
        ((569, 30), 'radius_mean', 'diagnosis', ('B', 'M'))
    """
    if task not in TASKS:
        raise ValueError(f"task: expected {', '.join(TASKS)}, got {task!r}")
    sheet = Sheet(path)
    if sheet.header_is_numbers() and target not in sheet.names:
        raise ValueError(
            f"{sheet.path}, line {sheet.header_line}: expected a header line with the names of "
            "the columns, found numbers only; add one"
        )
    sheet.check_unique()
    column, chosen = _target_column(sheet, target)
    columns = _feature_columns(sheet, column) if features is None else sheet.positions(features)
    lines, labels, x = _read_rows(sheet, columns, column)
    found = _Labels(sheet, column, chosen, lines, labels)
    amounts = task == "regression" or (task == "auto" and classes is None and found.are_amounts())
    y, class_names = (found.numbers(), ()) if amounts else found.index(classes)
    names = tuple(sheet.names[c] for c in columns)
    return Table(x, y, names, class_names, sheet.names[column])


def read_features(path: Source, feature_names: Sequence[str]) -> NDArray[np.float64]:
    """Read the features alone, as a model that is to predict wants them.

    Columns are matched by name, in any order, and others (the labels, if there are any) are left
    out. A file without a header line must hold exactly these columns, in this order.

    Args:
        path: the CSV file, or an open one.
        feature_names: the names of the k columns, as in `Table.feature_names`.

    Returns:
        (n, k) float64, finite.

    Raises:
        DatasetUnavailable: the file cannot be read.
        ValueError: its content is wrong; the message names the line and the column.

    Example:
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


def _target_column(sheet: Sheet, target: str | None) -> tuple[int, str]:
    """Return the label column, and how it was chosen."""
    if target is not None:
        return sheet.position(target), ""
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
) -> tuple[list[int], list[str], NDArray[np.float64]]:
    """Return the line of each row, its label, and the numbers of some columns, (n, k)."""
    from array import array

    lines: list[int] = []
    labels: list[str] = []
    values = array("d")
    for line, cells in sheet.rows(header=header):
        lines.append(line)
        labels.append("" if target is None else cells[target])
        values.extend(_numbers(sheet, (line, cells), columns))
    x = np.frombuffer(values, dtype=np.float64).reshape(len(lines), len(columns))
    _check_finite(sheet, x, lines, columns)
    return lines, labels, x


def _numbers(sheet: Sheet, row: Row, columns: Sequence[int]) -> list[float]:
    line, cells = row
    try:
        return [float(cells[column]) for column in columns]
    except ValueError:
        column = next(c for c in columns if not is_number(cells[c]))
    raise sheet.error(line, column, _no_number(sheet, cells[column]))


def _no_number(sheet: Sheet, cell: str) -> str:
    """What is wrong with a cell that should be a number."""
    if "," in cell and is_number(cell.replace(",", ".")) and sheet.delimiter != ",":
        return f"expected a number with a decimal point, found {cell!r}"
    return f"expected a number, found {repr(cell) if cell else 'an empty cell'}"


def _check_finite(
    sheet: Sheet, x: NDArray[np.float64], lines: Sequence[int], columns: Sequence[int]
) -> None:
    finite = np.isfinite(x)
    if not finite.all():
        row, k = np.argwhere(~finite)[0]
        raise sheet.error(lines[row], columns[k], f"expected a finite number, found {x[row, k]}")


class _Labels:
    """The label column of a sheet, on its way to class indices."""

    def __init__(
        self, sheet: Sheet, column: int, chosen: str, lines: list[int], texts: list[str]
    ) -> None:
        self.sheet = sheet
        self.column = column
        self.chosen = chosen  # how the column was chosen, for messages
        self.lines = lines
        self.texts = texts

    def index(self, classes: Sequence[str] | None) -> tuple[NDArray[np.int64], tuple[str, ...]]:
        """Return the class index of each row, and the classes."""
        found = list(dict.fromkeys(self.texts))
        if "" in found:
            raise self._error("", "expected a label, found an empty cell")
        names = self._names(found) if classes is None else self._check(found, classes)
        present = list(dict.fromkeys(names.values()))
        if classes is None:  # else they are known, and one of them may be alone in a test
            self._check_several(present)
        order = _sorted_classes(present) if classes is None else list(classes)
        place = {name: index for index, name in enumerate(order)}
        indices = {text: place[name] for text, name in names.items()}
        return np.array([indices[text] for text in self.texts], dtype=np.int64), tuple(order)

    def are_amounts(self) -> bool:
        """Whether these are numbers to predict rather than names of classes."""
        found = list(dict.fromkeys(self.texts))
        fractions = [t for t in found if is_number(t) and not float(t).is_integer()]
        if len(fractions) > len(found) / 2:
            return True  # a text among them is a mistake, not a class
        if not all(is_number(text) for text in found if text) or not any(found):
            return False
        values = {float(text) for text in found if text}
        if not all(value.is_integer() for value in values):
            return True
        called = self.sheet.names[self.column].lower()
        return len(values) > MOST_CLASSES and called not in LABELS

    def numbers(self) -> NDArray[np.float64]:
        """Return the number of each row."""
        for line, text in zip(self.lines, self.texts, strict=True):
            if not is_number(text):
                raise self.sheet.error(line, self.column, _no_number(self.sheet, text))
        y = np.array(self.texts, dtype=np.float64)
        _check_finite(self.sheet, y[:, None], self.lines, [self.column])
        if (y == y[0]).all():
            raise ValueError(
                f"{self.sheet.path}, column {self.sheet.names[self.column]!r}: expected numbers "
                f"to predict, found only {self.texts[0]!r}{self.chosen}"
            )
        return y

    def _names(self, found: list[str]) -> dict[str, str]:
        """Map each label to its class: itself, or the whole number it stands for ("1.0": "1")."""
        if not all(is_number(text) for text in found):
            return {text: text for text in found}
        return {text: str(self._whole(text)) for text in found}

    def _whole(self, text: str) -> int:
        try:
            return int(text)
        except ValueError:
            number = float(text)
        if number.is_integer():
            return int(number)
        raise self._error(
            text,
            f"expected a label, text or a whole number (classification only), found {text!r}; to "
            'predict numbers pass task="regression"',
        )

    def _check(self, found: list[str], classes: Sequence[str]) -> dict[str, str]:
        for text in found:
            if text not in classes:
                expected = " or ".join(repr(name) for name in classes)
                raise self._error(text, f"expected {expected}, found {text!r}")
        return {text: text for text in found}

    def _check_several(self, names: list[str]) -> None:
        if len(names) < 2:
            name = self.sheet.names[self.column]
            raise ValueError(
                f"{self.sheet.path}, column {name!r}: expected at least two classes, found only "
                f"{names[0]!r}{self.chosen}"
            )

    def _error(self, text: str, what: str) -> ValueError:
        line = self.lines[self.texts.index(text)]
        return self.sheet.error(line, self.column, what + self.chosen)


def _sorted_classes(names: list[str]) -> list[str]:
    numbers = all(is_number(name) for name in names)  # then whole ones
    return sorted(names, key=int) if numbers else sorted(names)
