"""Table: whatever holds rows and columns, as named columns in one of four plain forms.

A column is an array of numbers or truth values, of dates (datetime64), or of text (objects, str or
None for a gap). What a text means, a number perhaps, or a date, is decided in ``columns``.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from axon.backend import Array
from axon.tabular.reading import GAPS
from axon.tabular.sheets import read_sheet


class Table(NamedTuple):
    """Named columns.

    Attributes:
        names: of the columns.
        columns: (rows,) each: numbers, truth values, dates, or text with None for gaps.
        levels: the values of columns that say them, in order: pandas's categories.
        ordered: names of those whose values are smaller and larger.
        said: what had to be decided on the way, in sentences.
        named: whether names were given, and not made up as x0, x1, ...
    """

    names: list[str]
    columns: list[Array]
    levels: dict[str, list[str]]
    ordered: frozenset[str]
    said: list[str]
    named: bool = True

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.columns[0]) if self.columns else 0

    def column(self, name: str) -> Array:
        """The column of this name."""
        return self.columns[self.names.index(name)]

    def without(self, *names: str) -> "Table":
        """The table but for some columns."""
        kept = [i for i, name in enumerate(self.names) if name not in names]
        columns = [self.columns[i] for i in kept]
        return self._replace(names=[self.names[i] for i in kept], columns=columns)

    def taken(self, rows: Array) -> "Table":
        """Some of the rows."""
        return self._replace(columns=[column[rows] for column in self.columns])


def read(data: Any, *, header: bool | None = None, gaps: Iterable[str] = GAPS) -> Table:
    """Take a table as it comes.

    Args:
        data: a pandas or polars frame, a path of a CSV, TSV or Parquet file (also .gz, .bz2, .xz),
            a list of dicts, a dict of columns, or an array (rows, columns), also a structured one.
        header: of a CSV file: whether its first line holds names; None finds out.
        gaps: words that mean a gap, however they are capitalized, instead of the usual ones.

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
    words = frozenset(word.strip().lower() for word in gaps) | {""}
    if isinstance(data, str | Path):
        return read_file(Path(data), header, words)
    return _spaced(_of_memory(data), words)


def _spaced(table: Table, gaps: frozenset[str]) -> Table:
    """The table with None where a word means a gap."""
    return table._replace(columns=[_with_gaps(column, gaps) for column in table.columns])


def _with_gaps(column: Array, gaps: frozenset[str]) -> Array:
    if column.dtype.kind != "O":
        return column
    found = {word for word in set(column.tolist()) if word is not None and word.lower() in gaps}
    return _objects(None if w in found else w for w in column.tolist()) if found else column


def _of_memory(data: Any) -> Table:
    """A table of what is no file."""
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(data, pandas.DataFrame):
        return _of_pandas(data)
    if getattr(data, "get_columns", None) is not None:  # polars
        return _of_columns({s.name: s.to_list() for s in data.get_columns()})
    if isinstance(data, Mapping):
        return _of_columns(data)
    if isinstance(data, Sequence) and len(data) and all(isinstance(r, Mapping) for r in data):
        names = list(dict.fromkeys(name for row in data for name in row))
        return _of_columns({name: [row.get(name) for row in data] for name in names})
    return _of_array(data)


def _of_columns(columns: Mapping[Any, Any], said: list[str] | None = None) -> Table:
    """A table of columns by name."""
    names = [str(name) for name in columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"table: two columns are called {twice[0]!r}. Rename one of them.")
    found = [plain_column(c) for c in columns.values()]
    sizes = dict(zip(names, map(len, found), strict=True))
    if len(set(sizes.values())) > 1:
        raise ValueError(f"table: columns must have as many rows each; got {sizes}.")
    return Table(names, found, {}, frozenset(), said or [])


def _of_array(data: Any) -> Table:
    """A table of an array: its columns are called x0, x1, ..."""
    if getattr(data, "toarray", None) is not None:
        raise TypeError(
            "table: sparse matrices are not supported. Give x.toarray(), or use AxonClassifier or "
            "AxonRegressor, which take them."
        )
    array = np.asarray(data)
    if array.dtype.names:
        return _of_columns({name: array[name] for name in array.dtype.names})
    if array.dtype.kind == "c":
        raise ValueError("table: Complex data not supported. Give real and imaginary parts apart.")
    if array.ndim != 2:
        raise ValueError(
            f"table: expected rows and columns, a 2D array or a frame; got {type(data).__name__} "
            f"of shape {array.shape}. Reshape your data: x.reshape(-1, 1) for one column."
        )
    return _of_columns({f"x{i}": array[:, i] for i in range(array.shape[1])})._replace(named=False)


def _of_pandas(frame: Any) -> Table:
    """A table of a pandas frame, whatever the types of its columns."""
    columns: dict[str, Any] = {}
    levels: dict[str, list[str]] = {}
    ordered = set()
    for number, given in enumerate(frame.columns):
        series, name = frame.iloc[:, number], str(given)
        if name in columns:
            raise ValueError(f"table: two columns are called {name!r}. Rename one of them.")
        if str(series.dtype) == "category":
            levels[name] = [str(v) for v in series.cat.categories]
            if series.cat.ordered:
                ordered.add(name)
            codes = series.cat.codes.to_numpy()
            values = np.array([*levels[name], None], object)
            columns[name] = values[codes]
            continue
        if getattr(series.dtype, "tz", None) is not None:
            series = series.dt.tz_convert("UTC").dt.tz_localize(None)
        letter = series.dtype.kind if isinstance(series.dtype, np.dtype) else "O"
        if letter in "fiubMm":
            columns[name] = series.to_numpy()
        else:  # nullable types, Arrow's, objects
            gaps = series.isna().to_numpy()
            values = series.to_numpy(dtype=object, copy=True)
            values[gaps] = None
            columns[name] = values
    return _of_columns(columns)._replace(levels=levels, ordered=frozenset(ordered))


def plain_column(values: Any) -> Array:
    """A column in one of the plain forms: numbers, truth values, dates, or text with None.

    >>> plain_column([1, None, 2.5])
    array([1. , nan, 2.5])
    >>> plain_column(["a", " ", None, 3])
    array(['a', None, None, '3'], dtype=object)
    """
    if getattr(values, "to_numpy", None) is not None and not isinstance(values, np.ndarray):
        values = values.to_numpy()
    array = values if isinstance(values, np.ndarray) else _objects(values)
    if array.ndim != 1:
        raise ValueError(f"table: a column is one value for each row; got shape {array.shape}.")
    if array.dtype.kind in "fiub":
        return array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.dtype.kind == "M":
        return array.astype("datetime64[s]")
    if array.dtype.kind == "m":  # lengths of time, in seconds
        return np.where(np.isnat(array), np.nan, array / np.timedelta64(1, "s"))
    return _of_objects(array.astype(object).tolist())


def _objects(values: Iterable[Any]) -> Array:
    """Values as an array of objects, whatever they are."""
    listed = list(values)
    array = np.empty(len(listed), object)
    array[:] = listed
    return array


def _of_objects(values: list[Any]) -> Array:
    """The plain form of Python's objects, by what they are."""
    types = {type(v) for v in values if v is not None and v is not _NAT and v == v}
    if types and all(issubclass(k, bool | np.bool_) for k in types):
        if all(isinstance(v, bool | np.bool_) for v in values):
            return np.array(values, bool)
        return np.array([np.nan if is_gap(v) else float(v) for v in values])
    if types and all(issubclass(k, _NUMBERS) and not issubclass(k, bool) for k in types):
        integers = all(issubclass(k, int | np.integer) for k in types)
        if integers and not any(map(is_gap, values)) and max(map(abs, values)) < 2**62:
            return np.array(values, np.int64)
        return np.array([np.nan if is_gap(v) else float(v) for v in values])
    if types and all(issubclass(k, date | np.datetime64) for k in types):
        return np.array([np.datetime64("NaT") if is_gap(v) else _moment(v) for v in values])
    strange = next((k for k in types if issubclass(k, _NO_CELLS)), None)
    if strange is not None:
        raise TypeError(
            f"table: argument must be a string or a number in each cell, not {strange.__name__!r}."
        )
    out = np.empty(len(values), object)
    out[:] = [None if is_gap(v) else str(v).strip() or None for v in values]
    return out


_NUMBERS = (int, float, np.integer, np.floating, Decimal)
_NO_CELLS = (dict, list, tuple, set, complex, np.ndarray)
_NAT = np.datetime64("NaT")


def is_gap(value: Any) -> bool:
    """Whether a value stands for none: None, NaN, NaT, pandas's NA."""
    return value is None or type(value).__name__ in ("NAType", "NaTType") or bool(value != value)


def _moment(value: Any) -> np.datetime64:
    if isinstance(value, datetime) and value.tzinfo is not None:
        value = (value - value.utcoffset()).replace(tzinfo=None)  # type: ignore[operator]
    return np.datetime64(value, "s")


# ------------------------------------------------------------------------------------ files


def read_file(path: Path, header: bool | None = None, gaps: frozenset[str] = GAPS) -> Table:
    """A table of a file: CSV, TSV, text of any usual separator and encoding, or Parquet.

    Raises:
        FileNotFoundError: there is none.
        ImportError: Parquet needs pyarrow.
        ValueError: a line does not fit the head, or it holds no table.
    """
    if not path.exists():
        raise FileNotFoundError(f"table: there is no file {str(path)!r}.")
    if path.suffix in (".parquet", ".pq"):
        return _spaced(_of_parquet(path), gaps)
    cells = read_sheet(path, header, gaps)
    return Table(cells.names, cells.columns, {}, frozenset(), cells.said)


def _of_parquet(path: Path) -> Table:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise ImportError(
            f"table: {str(path)!r} is a Parquet file, and reading it needs pyarrow: "
            "pip install pyarrow. Or give it as CSV."
        ) from error
    found = parquet.read_table(path)
    return _of_columns({n: found.column(n).to_pylist() for n in found.column_names})
