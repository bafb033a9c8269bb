"""What data come in, such as tables and tensors of other libraries, as NumPy arrays.

None of these libraries is imported: who hands over one of their objects has done that.
"""

import sys
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

NUMBERS = "fiub"  # the kinds of types that are numbers
_SIMPLE = (int, float, str, np.generic, list, tuple)  # what np.asarray reads in lists as it is


class Ragged(ValueError):
    """Rows of different lengths."""


def plain(value: object) -> Array:
    """An array of what ``value`` holds, of any type; nothing is dropped or filled on the way.

    Raises:
        TypeError: it holds gaps, text, times or categories, or is no container of values at all.
        Ragged: a list whose rows have different lengths.
        ValueError: a table with gaps, or an array with values behind a mask.

    >>> plain([np.ones(2), [3, 4]]).tolist()
    [[1.0, 1.0], [3.0, 4.0]]
    """
    if isinstance(value, list | tuple):
        return _of_list(value)
    for library, read in _READERS.items():
        if library in sys.modules and (found := read(sys.modules[library], value)) is not None:
            return found
    if has(value, "__dlpack__") and not has(value, "__array__"):
        return np.from_dlpack(value)  # type: ignore[arg-type]  # has said so
    if has(value, "toarray") and not has(value, "__array__"):
        raise TypeError(
            f"a sparse {type(value).__name__} is no array: pass x.toarray(), some rows at a time."
        )
    return _asked(value)


def arraylike(value: object) -> bool:
    """Whether something says itself that it is an array, a table or a tensor.

    >>> arraylike(np.ones(2)), arraylike([1, 2]), arraylike(x for x in [1, 2])
    (True, False, False)
    """
    ways = ("__array__", "__array_interface__", "__dlpack__", "__dataframe__", "toarray", "collect")
    return any(has(value, way) for way in ways) or _has_buffer(value)


def has(value: object, method: str) -> bool:
    """Whether an object of another library has a method, as Python looks for special ones.

    >>> has([1, 2], "__len__"), has(1.5, "__len__")
    (True, False)
    """
    return any(method in vars(cls) for cls in type(value).__mro__)


def _has_buffer(value: object) -> bool:
    try:
        memoryview(value)  # type: ignore[arg-type]  # that is the question
    except TypeError:
        return False
    return True


def _asked(value: object) -> Array:
    """Let NumPy make the array; errors of other libraries become TypeErrors."""
    try:
        return np.asarray(value)
    except Exception as error:
        raise TypeError(
            f"a {type(value).__name__} cannot be turned into an array: {error}"
        ) from error


def _of_list(value: "list[object] | tuple[object, ...]") -> Array:
    """What lies in lists is read by the same rules: masked arrays, tensors, columns of tables."""
    if all(issubclass(cls, _SIMPLE) for cls in set(map(type, value))):
        inner = next((v for v in value if isinstance(v, list | tuple)), ())
        if all(issubclass(cls, _SIMPLE) for cls in set(map(type, inner))):
            return _joined(value)
    return _joined([v if isinstance(v, _SIMPLE[:4]) else plain(v) for v in value])


def _joined(rows: object) -> Array:
    try:
        return np.asarray(rows)
    except ValueError as error:
        raise Ragged(error) from None


# ------------------------------------------------------------------------------------ masked


def demand_unmasked(*values: object) -> None:
    """Raise ValueError if one is a masked array with masked values, which others would drop."""
    if "numpy.ma" in sys.modules:
        for value in values:
            _of_masked(sys.modules["numpy.ma"], value)


def _of_masked(masked: ModuleType, value: object) -> Array | None:
    """A masked array, if nothing in it is masked."""
    if not isinstance(value, masked.MaskedArray):
        return None
    if masked.is_masked(value):
        count = int(masked.count_masked(value))
        raise ValueError(
            f"{count} values of a masked array are behind its mask, where there is no number. Say "
            "what stands for them, such as x.filled(0.0), or remove those rows."
        )
    return np.asarray(value.data)


# ------------------------------------------------------------------------------------ tables


def _of_pandas(pandas: ModuleType, value: object) -> Array | None:
    """A DataFrame, a Series, an Index or one of pandas' own arrays."""
    if isinstance(value, pandas.DataFrame):
        types = {*value.dtypes}
        if len(types) == 1 and all(_numeric(t) for t in types):
            return np.asarray(value)
        return _side_by_side(((name, _pandas(name, c)) for name, c in value.items()), len(value))
    if isinstance(value, pandas.Series | pandas.Index):
        return _pandas(value.name, value)
    if isinstance(value, pandas.api.extensions.ExtensionArray):
        return _pandas(None, pandas.Series(value))
    return None


def _numeric(dtype: object) -> bool:
    return isinstance(dtype, np.dtype) and dtype.kind in NUMBERS


def _pandas(name: object, column: Any) -> Array:
    """One column: as it is, or in the type of NumPy that its nullable type stands for."""
    dtype = column.dtype
    if _numeric(dtype):
        return np.asarray(column)
    if getattr(dtype, "kind", "O") not in NUMBERS:
        raise _no_numbers(name, dtype, _first_of(column), _PANDAS)
    gaps = np.asarray(column.isna(), bool)
    if gaps.any():
        raise _gaps(name, gaps, "fillna(0)")
    as_numpy = getattr(dtype, "numpy_dtype", None) or getattr(dtype, "subtype", None)
    return np.asarray(column.to_numpy(dtype=as_numpy))


def _of_polars(polars: ModuleType, value: object) -> Array | None:
    """A DataFrame or a Series."""
    if isinstance(value, polars.LazyFrame):
        raise TypeError("a LazyFrame holds no numbers yet: pass x.collect().")
    if isinstance(value, polars.DataFrame):
        columns = ((c.name, _polars(polars, c)) for c in value.get_columns())
        return _side_by_side(columns, len(value))
    return _polars(polars, value) if isinstance(value, polars.Series) else None


def _polars(polars: ModuleType, column: Any) -> Array:
    dtype = column.dtype
    inner = dtype.inner if isinstance(dtype, polars.Array) else dtype
    if not (inner.is_numeric() or inner == polars.Boolean):
        raise _no_numbers(column.name, dtype, _first_of(column), _POLARS)
    if column.null_count():
        raise _gaps(column.name, column.is_null().to_numpy(), "fill_null(0)")
    if inner.is_decimal():
        column = column.cast(polars.Float64)
    return np.asarray(column.to_numpy())


_PANDAS = {
    "M": "{1}.astype('int64')",
    "complex": "{1}.to_numpy().real",
    "category": "{1}.cat.codes, or a column for each category: pd.get_dummies(df)",
    "else": "pd.to_numeric({1}), or, for text, pd.get_dummies(df)",
}
_POLARS = {
    "M": "{1}.dt.epoch('s')",
    "category": "{1}.to_physical(), or a column for each category: df.to_dummies({0!r})",
    "else": "{1}.cast(pl.Float32), or, for text, df.to_dummies({0!r})",
}
_CALLED = {
    "M": "times",
    "category": "categories",
    "complex": "complex numbers",
    "else": "text or objects",
}
_BEGINNINGS = {  # of the names of types
    "category": ("category", "categorical", "enum"),
    "M": ("date", "time", "duration", "period"),
    "complex": ("complex",),
}


def _no_numbers(name: object, dtype: object, first: object, ways: dict[str, str]) -> TypeError:
    text, one = str(dtype).lower(), "x" if name is None else f"df[{name!r}]"
    what = next((w for w, begins in _BEGINNINGS.items() if text.startswith(begins)), "else")
    return TypeError(
        f"expected numbers, but {_named(name)} holds {_CALLED[what]} (dtype {dtype}, first: "
        f"{first!r}). Turn it into numbers first: {ways[what].format(name, one)}."
    )


def _gaps(name: object, gaps: Array, fill: str) -> ValueError:
    return ValueError(
        f"{_named(name)} has gaps (NA), {int(gaps.sum())} in all, the first in row "
        f"{int(gaps.argmax())}. Fill them, for example with df.{fill}, or remove those rows."
    )


def _named(name: object) -> str:
    return "the column" if name is None else f"column {name!r}"


def _first_of(column: Iterable[object]) -> object:
    return next(iter(column), None)


def _side_by_side(columns: Iterable[tuple[object, Array]], rows: int) -> Array:
    """Columns (rows,) as a table; truth values beside numbers are 0 and 1."""
    arrays = [column for _, column in columns]
    types = {a.dtype for a in arrays}
    if len(types) > 1:
        types = {np.dtype(np.uint8) if t.kind == "b" else t for t in types}
    table = np.empty((rows, len(arrays)), np.result_type(*types) if types else np.float32)
    for number, array in enumerate(arrays):
        table[:, number] = array
    return table


# ------------------------------------------------------------------------------------ tensors


def _of_torch(torch: ModuleType, value: object) -> Array | None:
    """A tensor, apart from its graph and its device."""
    if not isinstance(value, torch.Tensor):
        return None
    tensor = value.detach().cpu()
    return _asked((tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy())


_READERS: dict[str, Callable[[ModuleType, object], Array | None]] = {
    "numpy.ma": _of_masked,
    "pandas": _of_pandas,
    "polars": _of_polars,
    "torch": _of_torch,
}
