"""Table: whatever holds rows and columns, as named columns in one of four plain forms.

A column is an array of numbers or truth values, of dates (datetime64), or a ``TextColumn``. What a
word means, a number perhaps, or a date, is decided in ``columns``. What other libraries hold is
taken apart in ``frames``.
"""

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from axon.backend import Array
from axon.tabular import frames
from axon.tabular.cells import AnyColumn, plain_column
from axon.tabular.reading import GAPS
from axon.tabular.sheets import read_sheet
from axon.tabular.words import TextColumn, cleaned, numbers_among


class Table(NamedTuple):
    """Named columns.

    Attributes:
        names: of the columns.
        columns: (rows,) each: numbers, truth values, dates, or words.
        levels: the values of columns that say them, in order: pandas's categories.
        ordered: names of those whose values are smaller and larger.
        said: what had to be decided on the way, in sentences.
        named: whether names were given, and not made up as x0, x1, ...
        header: of a file: whether its first line held names.
        gaps: words that meant a gap, in small letters.
        encoding: of a file: how its letters are written, if that was said.
        labels: (rows,) what the rows are called: by a frame's index, else by their numbers from 1
            in the table that these are some rows of; None: all rows, numbered from 1.
    """

    names: list[str]
    columns: list[AnyColumn]
    levels: dict[str, list[str]]
    ordered: frozenset[str]
    said: list[str]
    named: bool = True
    header: bool | None = None
    gaps: frozenset[str] = GAPS
    encoding: str | None = None
    labels: Array | None = None

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.columns[0]) if self.columns else 0

    def column(self, name: str) -> Array:
        """The column of this name; words as objects, None for gaps."""
        found = self.columns[self.names.index(name)]
        return found.array() if isinstance(found, TextColumn) else found

    def _repr_html_(self) -> str:
        """What a notebook shows: the first rows, and what each column holds."""
        from axon.tabular.inline import table_html

        return table_html(self.names, self.columns, self.said)

    def cells(self, name: str, rows: Array) -> list[str]:
        """Some cells of the column of this name, as text; a gap is none."""
        from axon.tabular.inline import column_cells

        return column_cells(self.columns[self.names.index(name)][rows])

    def without(self, *names: str) -> "Table":
        """The table but for some columns."""
        kept = [i for i, name in enumerate(self.names) if name not in names]
        columns = [self.columns[i] for i in kept]
        return self._replace(names=[self.names[i] for i in kept], columns=columns)

    def taken(self, rows: Array) -> "Table":
        """Some of the rows, by their numbers or by truth values.

        >>> some = read({"size": [1, 2, 3]}).taken(np.array([2, 0]))
        >>> some.columns, some.row_labels()
        ([array([3, 1])], array([3, 1]))
        """
        columns = [column[rows] for column in self.columns]
        return self._replace(columns=columns, labels=self.row_labels()[rows])

    def row_labels(self) -> Array:
        """What each row is called (rows,), see ``labels``."""
        return np.arange(1, self.rows + 1) if self.labels is None else self.labels


def read(
    data: Any,
    *,
    header: bool | None = None,
    gaps: Iterable[str] = GAPS,
    encoding: str | None = None,
) -> Table:
    """Take a table as it comes.

    Args:
        data: a frame of pandas or polars, a table of Arrow, a path of a CSV, TSV or Parquet file
            (also .gz, .bz2, .xz) or an open file, a list of dicts or of rows, a dict of columns,
            or an array (rows, columns), also a structured or a masked one.
        header: of a CSV file: whether its first line holds names; None finds out.
        gaps: words that mean a gap, however they are capitalized, instead of the usual ones; of
            numbers such as "-999", also the numbers.
        encoding: of a CSV or TSV file, such as "latin-1", "cp1251" or "shift_jis"; None finds out
            UTF-8, UTF-16 and Windows-1252.

    Raises:
        TypeError: it is nothing of these.
        ValueError: it has no columns, or columns of different lengths, or a line of a file has more
            cells than its head; the message says which.
        FileNotFoundError: there is no such file.

    >>> table = read([{"size": 1.5, "kind": "a"}, {"size": None, "kind": "b"}])
    >>> table.names, table.columns[0]
    (['size', 'kind'], array([1.5, nan]))
    """
    if isinstance(data, Table):
        return data
    words = frozenset(word.strip().lower() for word in _several(gaps)) | {""}
    if isinstance(data, str | Path):
        return _of_file(*_opened(data), header, words, encoding)
    if isinstance(data, io.IOBase):
        raw = data.read()
        encoding = None if isinstance(raw, str) else encoding  # text is written in none
        raw = raw.encode() if isinstance(raw, str) else raw
        return _of_file(raw, str(getattr(data, "name", "the file")), header, words, encoding)
    return _spaced(_of_memory(data), words)


def _several(gaps: Iterable[str]) -> list[str]:
    if isinstance(gaps, str):
        raise TypeError(f"read: gaps are several words: gaps=[{gaps!r}], not {gaps!r}.")
    return [str(gap) for gap in gaps]


def _spaced(table: Table, gaps: frozenset[str]) -> Table:
    """The table with gaps where a word or a number means one."""
    numbers = numbers_among(gaps)
    columns: list[AnyColumn] = []
    for column in table.columns:
        if isinstance(column, TextColumn):
            column = cleaned(column.distinct, column.codes, gaps)
        elif numbers and column.dtype.kind in "fiu":
            gone = np.isin(column, numbers)
            column = np.where(gone, np.nan, column) if gone.any() else column
        columns.append(column)
    return table._replace(columns=columns, gaps=gaps)


def _of_memory(data: Any) -> Table:
    """A table of what is no file."""
    taken = frames.taken_apart(data)
    if taken is not None:
        return Table(*taken, labels=frames.labels_of(data))
    if isinstance(data, Mapping):
        return _of_columns(data)
    if isinstance(data, Sequence) and len(data):
        if all(isinstance(row, Mapping) for row in data):
            return _of_dicts(data)
        if all(isinstance(row, list | tuple) for row in data):
            return _of_rows(data)
    return _of_array(data)


def _of_columns(columns: Mapping[Any, Any], said: list[str] | None = None) -> Table:
    """A table of columns by name."""
    names = frames.demand_apart([str(name) for name in columns])
    found = [plain_column(c, name) for name, c in zip(names, columns.values(), strict=True)]
    sizes = dict(zip(names, map(len, found), strict=True))
    if len(set(sizes.values())) > 1:
        first = len(found[0])
        odd = {name: size for name, size in sizes.items() if size != first}
        shown = dict(list(odd.items())[:5])
        raise ValueError(
            f"table: columns must have as many rows each; {names[0]!r} has {first}, but got "
            f"{shown}."
        )
    return Table(names, found, {}, frozenset(), said or [])


def _of_dicts(rows: Sequence[Mapping[Any, Any]]) -> Table:
    names = list(dict.fromkeys(name for row in rows for name in row))
    said = []
    for name in names:
        lacking = sum(name not in row for row in rows)
        if lacking:
            said.append(f"{lacking} of {len(rows)} rows lack {str(name)!r}: these are gaps.")
    return _of_columns({name: [row.get(name) for row in rows] for name in names}, said)


def _of_rows(rows: Sequence[Sequence[Any]]) -> Table:
    """A table of rows; named tuples bring names."""
    width = len(rows[0])
    odd = next((i for i, row in enumerate(rows) if len(row) != width), None)
    if odd is not None:
        raise ValueError(
            f"table: row {odd + 1} has {len(rows[odd])} values, but the first one has {width}."
        )
    if width and any(isinstance(v, list | tuple | np.ndarray) for v in rows[0]):
        return _of_array(rows)  # which tells what is wrong
    if not width:
        raise ValueError("table: expected rows and columns; the rows have no values.")
    given = getattr(rows[0], "_fields", None)
    names = given or [f"x{i}" for i in range(width)]
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    return _of_columns(columns)._replace(named=given is not None)


def _of_array(data: Any) -> Table:
    """A table of an array: its columns are called x0, x1, ..."""
    if getattr(data, "toarray", None) is not None:
        raise TypeError(
            "table: sparse matrices are not supported. Give x.toarray(), or use AxonClassifier or "
            "AxonRegressor, which take them."
        )
    array = data if isinstance(data, np.ma.MaskedArray) else np.asarray(data)
    if array.ndim == 0 and array.dtype.kind == "O":
        raise TypeError(
            "table: expected a frame, the path of a file, a list of dicts, a dict of columns or an "
            f"array (rows, columns); got {type(data).__name__}."
        )
    if array.dtype.names:
        return _of_columns({name: array[name] for name in array.dtype.names})
    if array.dtype.kind == "c":
        raise ValueError("table: Complex data not supported. Give real and imaginary parts apart.")
    if array.ndim != 2:
        raise ValueError(
            f"table: expected rows and columns, a 2D array or a frame; got {type(data).__name__} "
            f"of shape {array.shape}. Reshape your data: x.reshape(-1, 1) for one column."
        )
    if not array.shape[1]:
        raise ValueError(
            f"table: 0 feature(s) (shape={array.shape}) while a minimum of 1 is required."
        )
    return _of_columns({f"x{i}": array[:, i] for i in range(array.shape[1])})._replace(named=False)


# ------------------------------------------------------------------------------------ files


def _opened(given: str | Path) -> tuple[bytes | Path, str]:
    """What is in a file, and its name; the path where it is a Parquet file.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is an address, a folder, or text.
    """
    if "://" in str(given)[:20]:
        raise ValueError(
            f"table: {str(given)!r} is an address; only files of this computer are read. Download "
            "it first, or give a frame: pandas.read_csv(address)."
        )
    if "\n" in str(given):
        raise ValueError(
            "table: this text is no path of a file. Give the text of a CSV file as "
            "io.StringIO(text)."
        )
    path = Path(given).expanduser()
    if path.is_dir():
        raise ValueError(f"table: {str(path)!r} is a folder; give one of its files.")
    if not path.exists():
        raise FileNotFoundError(f"table: there is no file {str(path)!r}.")
    if path.suffix.lower() in (".parquet", ".pq"):
        return path, str(path)
    return path.read_bytes(), str(path)


def _of_file(
    raw: bytes | Path,
    name: str,
    header: bool | None,
    gaps: frozenset[str],
    encoding: str | None = None,
) -> Table:
    """A table of a file: CSV, TSV, text of any usual separator and encoding, or Parquet."""
    if isinstance(raw, Path):
        return _spaced(Table(*frames.of_parquet(raw)), gaps)
    if raw[:4] == b"PAR1":
        return _spaced(Table(*frames.of_parquet(io.BytesIO(raw))), gaps)
    found = read_sheet(raw, name, header, gaps, encoding)
    columns: list[AnyColumn] = list(found.columns)
    told = found.said, True, found.header, gaps, encoding
    return Table(found.names, columns, {}, frozenset(), *told)
