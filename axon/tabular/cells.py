"""Cells: the values of a column, whatever they are, in one of the plain forms."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from axon.backend import Array
from axon.tabular.words import TextColumn, objects

AnyColumn = Array | TextColumn  # numbers, truth values or datetime64; or words
NAT = np.datetime64("NaT")
_NUMBERS = (int, float, np.integer, np.floating, Decimal)
_TRUTHS = (bool, np.bool_)
_NO_CELLS = (dict, list, tuple, set, complex, np.ndarray)


def plain_column(values: Any, name: str = "") -> AnyColumn:
    """A column in one of the plain forms: numbers, truth values, dates, or words.

    Args:
        values: one for each row.
        name: of the column, for messages.

    Raises:
        ValueError: it is not one value for each row.
        TypeError: values are lists, dicts and the like.

    >>> plain_column([1, None, 2.5])
    array([1. , nan, 2.5])
    >>> plain_column(["a", None, 3]).tolist()
    ['a', None, '3']
    """
    if isinstance(values, np.ma.MaskedArray):
        return _of_masked(values, name)
    if getattr(values, "to_numpy", None) is not None and not isinstance(values, np.ndarray):
        values = values.to_numpy()
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise ValueError(f"table: column {name!r} must be one value for each row; got {values!r}.")
    array = values if isinstance(values, np.ndarray) else objects(values)
    if array.ndim != 1:
        raise ValueError(
            f"table: column {name!r} is one value for each row; got shape {array.shape}."
        )
    if array.dtype.kind in "fiub":
        plain = array.astype(array.dtype.newbyteorder("="), copy=False)
        return plain.astype(np.float64) if plain.dtype.itemsize > 8 else plain
    if array.dtype.kind == "M":
        return array.astype("datetime64[s]")
    if array.dtype.kind == "m":
        return lengths_of_time(array)
    return of_objects(array.tolist(), name)


def lengths_of_time(array: Array) -> Array:
    """Lengths of time in seconds."""
    return np.where(np.isnat(array), np.nan, array / np.timedelta64(1, "s"))


def _of_masked(values: Any, name: str) -> AnyColumn:
    """A masked array: what is masked is a gap."""
    mask = np.ma.getmaskarray(values)
    if values.ndim != 1 or not mask.any():
        return plain_column(np.asarray(values), name)
    if values.dtype.kind in "fiu":
        return np.where(mask, np.nan, np.asarray(values.data, np.float64))
    kept = objects(values.data.tolist() if values.dtype.kind != "M" else list(values.data))
    kept[mask] = None
    return of_objects(kept.tolist(), name)


def of_objects(values: list[Any], name: str = "") -> AnyColumn:
    """The plain form of Python's objects, by what they are."""
    types = {type(v) for v in values if v is not None and not (v.__class__ in _OPEN and is_gap(v))}
    types = {k for k in types if k.__name__ not in _GAPS}
    if types and all(issubclass(k, _TRUTHS) for k in types):
        return _numbers(values) if any(map(is_gap, values)) else np.array(values, bool)
    if types and all(issubclass(k, _NUMBERS) and not issubclass(k, bool) for k in types):
        integers = all(issubclass(k, int | np.integer) for k in types)
        if integers and not any(map(is_gap, values)) and max(map(abs, values)) < 2**62:
            return np.array(values, np.int64)
        return _numbers(values)
    if types and all(issubclass(k, date | np.datetime64) for k in types):
        return np.array([NAT if is_gap(v) else _moment(v) for v in values], "datetime64[s]")
    if types and all(issubclass(k, timedelta | np.timedelta64) for k in types):
        return lengths_of_time(np.array([None if is_gap(v) else v for v in values], "m8[us]"))
    strange = next((k for k in types if issubclass(k, _NO_CELLS) or _is_bare(k)), None)
    if strange is not None:
        raise TypeError(
            f"table: argument must be a string or a number in each cell, not {strange.__name__!r}, "
            f"as in column {name!r}. Make plain columns of it, or leave it out."
        )
    if all(type(v) is str or v is None for v in values):
        return TextColumn.of(values)
    return TextColumn.of([None if is_gap(v) else plain_text(v) for v in values])


def _is_bare(found: type) -> bool:
    """Whether nothing of such an object can be read: only where it lies."""
    return not any({"__str__", "__repr__"} & vars(base).keys() for base in found.__mro__[:-1])


_GAPS = ("NAType", "NaTType")
_OPEN = (float, np.float64, np.float32, np.float16, np.datetime64, Decimal)  # may be NaN, NaT


def is_gap(value: Any) -> bool:
    """Whether a value is none: None, NaN, NaT, pandas's NA."""
    return value is None or type(value).__name__ in _GAPS or bool(value != value)


def _numbers(values: list[Any]) -> Array:
    return np.array([np.nan if is_gap(v) else float(v) for v in values], np.float64)


def plain_text(value: Any) -> str:
    """A value as text, as a file would say it; a number without a fraction where there is none.

    >>> plain_text(3.0), plain_text(0.5), plain_text(b"word")
    ('3', '0.5', 'word')
    """
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float | np.floating):
        number = float(value)
        return f"{number:.0f}" if number.is_integer() else repr(number)
    return str(value)


def _moment(value: Any) -> np.datetime64:
    if isinstance(value, datetime) and value.tzinfo is not None:
        value = (value - value.utcoffset()).replace(tzinfo=None)  # type: ignore[operator]
    return np.datetime64(value, "s")
