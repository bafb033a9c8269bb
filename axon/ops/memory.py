"""Copies and conversions, and the primitives that change memory in place."""

from typing import Any

from axon.backend import Array, DType, Shape
from axon.bounds import same
from axon.core import primitive
from axon.pieces import by_rows


def copy_shape(x: Array) -> tuple[Shape, DType]:
    """The shape and type of x."""
    return x.shape, x.dtype


def cast_shape(x: Array, *, dtype: DType) -> tuple[Shape, DType]:
    """The shape of x; the type asked for."""
    return x.shape, dtype


@primitive(result=copy_shape, alone=True, hands_on=True, bounds=same)
def copy(out: Array, x: Array, *, xp: Any) -> None:
    """The same elements in memory of their own, row by row."""
    xp.copyto(out, x)


@primitive(result=cast_shape, alone=True, hands_on=True, bounds=same)
def cast(out: Array, x: Array, *, xp: Any, dtype: DType) -> None:
    """The elements converted to another type."""
    xp.copyto(out, x, casting="unsafe")


@primitive(kind="writes", writes=1, rows=by_rows, overwrites=True)
def assign(target: Array, value: Array, *, xp: Any) -> None:
    """target <- value."""
    xp.copyto(target, value, casting="unsafe")


@primitive(kind="writes", writes=1, rows=by_rows)
def add_in_place(target: Array, value: Array, *, xp: Any) -> None:
    """target <- target + value."""
    xp.add(target, value, out=target, casting="unsafe")


copy.gradient(lambda g, y, x: g)
cast.gradient(lambda g, y, x, dtype: g.astype(x.dtype))
