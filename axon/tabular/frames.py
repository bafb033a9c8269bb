"""Frames: tables of pandas, polars and Arrow, taken apart into plain columns.

None of these libraries is imported but for Parquet: who holds a frame has imported it.
"""

import re
import sys
from collections import Counter
from pathlib import Path
from typing import IO, Any

import numpy as np

from axon.backend import Array
from axon.tabular.cells import AnyColumn, lengths_of_time, of_objects, plain_column, plain_text
from axon.tabular.words import TextColumn, objects

# The arguments of a Table: names, columns, levels, names of ordered ones, and what is to be said.
FrameParts = tuple[list[str], list[AnyColumn], dict[str, list[str]], frozenset[str], list[str]]
Leveled = tuple[
    AnyColumn, list[str] | None, bool
]  # a column, its values in order, whether they have one


def taken_apart(data: Any) -> FrameParts | None:
    """The parts of a frame; None if it is none."""
    for library, name, take in (
        ("pandas", "DataFrame", _of_pandas),
        ("polars", "DataFrame", _of_polars),
        ("polars", "LazyFrame", _of_lazy),
        ("pyarrow", "Table", _of_arrow),
    ):
        module = sys.modules.get(library)
        if module is not None and isinstance(data, vars(module).get(name, ())):
            return take(data)
    if getattr(data, "__dataframe__", None) is not None:
        raise TypeError(
            f"table: frames of {type(data).__module__.partition('.')[0]} are not known. Give a "
            "frame of pandas or polars, or a table of Arrow."
        )
    return None


def labels_of(frame: object) -> Array | None:
    """What a frame calls its rows (rows,): pandas's index; None where it has no names for them."""
    pandas = sys.modules.get("pandas")
    if pandas is None or not isinstance(frame, pandas.DataFrame):
        return None
    return np.asarray(frame.index)


def demand_apart(names: list[str]) -> list[str]:
    """Names, if no two are the same.

    Raises:
        ValueError: two are.
    """
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:
        raise ValueError(f"table: two columns are called {twice[0]!r}. Rename one of them.")
    return names


def _together(names: list[str], found: list[Leveled], said: list[str]) -> FrameParts:
    columns = [cells for cells, _, _ in found]
    levels = {n: values for n, (_, values, _) in zip(names, found, strict=True) if values}
    ordered = frozenset(n for n, (_, _, order) in zip(names, found, strict=True) if order)
    return names, columns, levels, ordered, said


def _levels(values: list[Any], codes: Array, ordered: bool) -> Leveled:
    """Words that a column knows beforehand, and those that its rows say; -1 is a gap."""
    known = [plain_text(value).strip() for value in values]
    words = TextColumn.of(list(known))
    places = np.append(words.codes, np.int32(-1))
    cells = TextColumn(words.distinct, places[codes])[:]
    return cells, list(dict.fromkeys(known)), ordered


def _nested(name: str, what: object) -> TypeError:
    return TypeError(
        f"table: column {name!r} holds {what}: argument must be a string or a number in each cell. "
        "Make plain columns of it, or leave it out before."
    )


# ------------------------------------------------------------------------------------ pandas


def _of_pandas(frame: Any) -> FrameParts:
    names = demand_apart([_name(given) for given in frame.columns])
    found = [_of_series(frame.iloc[:, i], name) for i, name in enumerate(names)]
    said = [
        f"The frame's index {str(name)!r} is no column; reset_index() makes it one."
        for name in frame.index.names
        if name is not None
    ]
    return _together(names, found, said)


def _name(given: Any) -> str:
    """The name of a column; of several levels, joined."""
    return " / ".join(map(str, given)) if isinstance(given, tuple) else str(given)


def _of_series(series: Any, name: str) -> Leveled:
    pandas, dtype = sys.modules["pandas"], series.dtype
    if isinstance(dtype, pandas.CategoricalDtype):
        codes = series.cat.codes.to_numpy().astype(np.int32)
        return _levels(list(series.cat.categories), codes, bool(series.cat.ordered))
    if isinstance(dtype, pandas.ArrowDtype):
        return _of_chunks(series.array.__arrow_array__(), name)
    return _of_plain_series(series, name), None, False


def _of_plain_series(series: Any, name: str) -> AnyColumn:
    pandas = sys.modules["pandas"]
    series = _dense(series)
    if isinstance(series.dtype, pandas.StringDtype):
        codes, distinct = series.factorize()
        return TextColumn(objects(distinct), codes.astype(np.int32))
    if isinstance(series.dtype, np.dtype) and series.dtype.kind == "c":
        raise ValueError("table: Complex data not supported. Give real and imaginary parts apart.")
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "fiubMm":
        return plain_column(series.to_numpy(), name)
    if getattr(series.dtype, "kind", "O") in "fiub":  # nullable
        if series.isna().any():
            return plain_column(series.to_numpy(np.float64, na_value=np.nan), name)
        return plain_column(series.to_numpy(series.dtype.numpy_dtype), name)
    values = series.to_numpy(dtype=object, copy=True)
    values[series.isna().to_numpy()] = None
    return of_objects(values.tolist(), name)


def _dense(series: Any) -> Any:
    """Sparse columns with all their numbers, periods by their start, moments in UTC."""
    pandas, dtype = sys.modules["pandas"], series.dtype
    if isinstance(dtype, pandas.SparseDtype):
        return series.sparse.to_dense()
    if isinstance(dtype, pandas.PeriodDtype):
        return series.dt.to_timestamp()
    if isinstance(dtype, pandas.DatetimeTZDtype):
        return series.dt.tz_convert("UTC").dt.tz_localize(None)
    return series


# ------------------------------------------------------------------------------------ polars


def _of_polars(frame: Any) -> FrameParts:
    names = demand_apart(list(frame.columns))
    found = [_of_polars_series(series, name) for series, name in zip(frame, names, strict=True)]
    return _together(names, found, [])


def _of_lazy(frame: Any) -> FrameParts:
    raise TypeError("table: this frame of polars is not read yet. Give frame.collect().")


PLAIN = ("Int8 Int16 Int32 Int64 UInt8 UInt16 UInt32 UInt64 Float32 Float64 Boolean").split()


def _of_polars_series(series: Any, name: str) -> Leveled:
    polars = sys.modules["polars"]
    dtype = series.dtype
    if dtype == polars.Enum:
        codes = series.to_physical().cast(polars.Int32).fill_null(-1).to_numpy()
        return _levels(list(dtype.categories), codes, False)
    if dtype.is_nested():
        raise _nested(name, dtype)
    if dtype.is_numeric() or dtype == polars.Boolean:
        if series.null_count() or str(dtype) not in PLAIN:
            series = series.cast(polars.Float64)
        return plain_column(series.to_numpy(), name), None, False
    if dtype in (polars.Date, polars.Datetime):
        return _moments(series), None, False
    if dtype == polars.Duration:
        return lengths_of_time(series.to_numpy()), None, False
    if dtype in (polars.Categorical, polars.Time):
        series = series.cast(polars.String)
    return of_objects(series.to_list(), name), None, False


def _moments(series: Any) -> Array:
    """Dates of polars, in UTC."""
    polars = sys.modules["polars"]
    if series.dtype == polars.Datetime and series.dtype.time_zone:
        series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    found: Array = series.cast(polars.Datetime("us")).to_numpy().astype("datetime64[s]")
    return found


# ------------------------------------------------------------------------------------ Arrow


def of_parquet(given: Path | IO[bytes]) -> FrameParts:
    """The parts of a Parquet file.

    Raises:
        ImportError: pyarrow is missing.
        ValueError: it is damaged.
    """
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise ImportError(
            f"table: {str(given)!r} is a Parquet file, and reading it needs pyarrow: "
            "pip install pyarrow. Or give it as CSV."
        ) from error
    try:
        return _of_arrow(parquet.read_table(given))
    except (ArrowException, OSError) as error:
        raise ValueError(
            f"table: {str(given)!r} cannot be read as Parquet: {str(error).rstrip('.')}."
        ) from error


def _of_arrow(table: Any) -> FrameParts:
    kept = [i for i, n in enumerate(table.column_names) if not INDEX.fullmatch(n)]
    names = demand_apart([table.column_names[i] for i in kept])
    found = [_of_chunks(table.column(i), name) for i, name in zip(kept, names, strict=True)]
    gone = len(table.column_names) - len(kept)
    return _together(names, found, ["The frame's index is no column, and left out."] * bool(gone))


INDEX = re.compile(r"__index_level_\d+__")  # a frame's row numbers, as pandas keeps them in files


def _of_chunks(column: Any, name: str) -> Leveled:
    """A column of Arrow, in one piece or several."""
    pyarrow = sys.modules["pyarrow"]
    types, kept = pyarrow.types, column.type
    if types.is_nested(kept):
        raise _nested(name, kept)
    if types.is_string(kept) or types.is_large_string(kept) or types.is_string_view(kept):
        encoded = pyarrow.chunked_array(column.cast(pyarrow.string())).dictionary_encode()
        words, _, _ = _of_dictionary(encoded)
        return words, None, False
    if types.is_dictionary(kept):
        return _of_dictionary(pyarrow.chunked_array(column))
    return _of_plain_chunks(column, name), None, False


def _of_dictionary(column: Any) -> Leveled:
    pyarrow = sys.modules["pyarrow"]
    column = column.unify_dictionaries()
    if not column.num_chunks:
        return _levels([], np.empty(0, np.int32), False)
    known = column.chunk(0).dictionary.to_pylist()
    indices = [chunk.indices.cast(pyarrow.int32()).fill_null(-1) for chunk in column.chunks]
    codes = np.concatenate([part.to_numpy() for part in indices])
    return _levels(known, codes, column.type.ordered)


def _of_plain_chunks(column: Any, name: str) -> AnyColumn:
    pyarrow = sys.modules["pyarrow"]
    types, kept = pyarrow.types, column.type
    if types.is_decimal(kept) or types.is_integer(kept) or types.is_boolean(kept):
        if column.null_count or types.is_decimal(kept):
            column = column.cast(pyarrow.float64())
    elif not (types.is_floating(kept) or types.is_duration(kept) or _is_date(kept)):
        return of_objects(column.to_pylist(), name)
    chunked = pyarrow.chunked_array(column)
    return plain_column(chunked.to_numpy(), name)


def _is_date(kept: Any) -> bool:
    types = sys.modules["pyarrow"].types
    return bool(types.is_timestamp(kept) or types.is_date(kept))
