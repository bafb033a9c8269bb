"""Whole numbers near others, what is left of a division, and the bits of whole numbers.

None of these has a gradient but ``mod``: a step is flat on both sides.
"""

import math
from typing import Any

import numpy as np

from axon.backend import Array, DType, Shape, elementwise
from axon.bounds import rising
from axon.core import primitive
from axon.ops.elementwise import ANY


def numeric(*arrays: Array) -> tuple[Shape, DType]:
    """Shape and type of an element-by-element result of numbers: of truth values, int8."""
    shape, dtype = elementwise(*arrays)
    return shape, dtype if dtype.kind != "b" else np.dtype(np.int8)


def integers(*arrays: Array) -> tuple[Shape, DType]:
    """Shape and type of an element-by-element result of whole numbers, or of truth values."""
    shape, dtype = elementwise(*arrays)
    if dtype.kind == "f":
        raise ValueError(f"Only whole numbers and truth values have bits, not {dtype}.")
    return shape, dtype


def shifted(*arrays: Array) -> tuple[Shape, DType]:
    """The same for bits that are moved: of truth values, int8."""
    shape, dtype = integers(*arrays)
    return shape, dtype if dtype.kind != "b" else np.dtype(np.int8)


@primitive(over=ANY, bounds=rising(lambda x: _end(math.floor, x)))
def floor(out: Array, x: Array, *, xp: Any) -> None:
    """The largest whole number that is not above x."""
    _as_integers(xp.floor, out, x, xp)


@primitive(over=ANY, bounds=rising(lambda x: _end(math.ceil, x)))
def ceil(out: Array, x: Array, *, xp: Any) -> None:
    """The smallest whole number that is not below x."""
    _as_integers(xp.ceil, out, x, xp)


@primitive(over=ANY, bounds=rising(lambda x: _end(round, x)))
def rint(out: Array, x: Array, *, xp: Any) -> None:
    """The nearest whole number; of two, the even one."""
    _as_integers(xp.rint, out, x, xp)


def _as_integers(function: Any, out: Array, x: Array, xp: Any) -> None:
    """Of numbers that are whole already, the same."""
    if x.dtype.kind == "f":
        function(x, out=out)
    else:
        xp.copyto(out, x)


def _end(function: Any, x: float) -> float:
    return float(function(x)) if math.isfinite(x) else x


@primitive(result=numeric, alone=True, over=ANY)
def mod(out: Array, x: Array, y: Array, *, xp: Any) -> None:
    """x - y floor(x / y): the rest of a division, with the sign of y; of whole numbers by 0, 0."""
    xp.remainder(x, y, out=out)


@primitive(result=numeric, alone=True, over=ANY)
def floor_divide(out: Array, x: Array, y: Array, *, xp: Any) -> None:
    """floor(x / y): how often y goes into x; of whole numbers by 0, 0."""
    xp.floor_divide(x, y, out=out)


@primitive(result=integers, alone=True, over=ANY)
def bitwise_and(out: Array, x: Array, y: Array, *, xp: Any) -> None:
    """The bits that are set in both."""
    xp.bitwise_and(x, y, out=out)


@primitive(result=integers, alone=True, over=ANY)
def bitwise_or(out: Array, x: Array, y: Array, *, xp: Any) -> None:
    """The bits that are set in either."""
    xp.bitwise_or(x, y, out=out)


@primitive(result=integers, alone=True, over=ANY)
def bitwise_xor(out: Array, x: Array, y: Array, *, xp: Any) -> None:
    """The bits that are set in one of both."""
    xp.bitwise_xor(x, y, out=out)


@primitive(result=shifted, alone=True, over=ANY)
def left_shift(out: Array, x: Array, y: Array, *, xp: Any) -> None:
    """x 2^y: the bits moved up."""
    xp.left_shift(x, y, out=out)


@primitive(result=shifted, alone=True, over=ANY)
def right_shift(out: Array, x: Array, y: Array, *, xp: Any) -> None:
    """floor(x / 2^y): the bits moved down."""
    xp.right_shift(x, y, out=out)


floor.gradient(None)
ceil.gradient(None)
rint.gradient(None)
mod.gradient(lambda g, z, x, y: g, lambda g, z, x, y: -g * floor_divide(x, y))
floor_divide.gradient(None, None)
bitwise_and.gradient(None, None)
bitwise_or.gradient(None, None)
bitwise_xor.gradient(None, None)
left_shift.gradient(None, None)
right_shift.gradient(None, None)
