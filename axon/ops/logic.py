"""Truth values: made of numbers, put together, counted. None of them has a gradient."""

import numpy as np

from axon.core import Tensor
from axon.ops.compare import equal, greater, less, less_equal, not_equal, where
from axon.ops.composite import composite
from axon.ops.elementwise import absolute, maximum, minimum
from axon.ops.reduce import Axis


def truth(x: Tensor) -> Tensor:
    """Whether each number is not 0."""
    return x if x.dtype.kind == "b" else not_equal(x, Tensor(np.zeros((), x.dtype)))


@composite
def logical_and(x1: Tensor, x2: Tensor) -> Tensor:
    """Whether both are true, which every number but 0 is.

    >>> logical_and([True, True], [True, False])
    array([ True, False])
    """
    return minimum(truth(x1), truth(x2))


@composite
def logical_or(x1: Tensor, x2: Tensor) -> Tensor:
    """Whether one of both is true, or both.

    >>> logical_or([False, True], [False, False])
    array([False,  True])
    """
    return maximum(truth(x1), truth(x2))


@composite
def logical_xor(x1: Tensor, x2: Tensor) -> Tensor:
    """Whether one of both is true, and only one.

    >>> logical_xor([True, True], [True, False])
    array([False,  True])
    """
    return not_equal(truth(x1), truth(x2))


@composite
def logical_not(x: Tensor) -> Tensor:
    """Whether it is not true.

    >>> logical_not([0.0, 2.0])
    array([ True, False])
    """
    return equal(x, Tensor(np.zeros((), x.dtype)))


@composite
def isnan(x: Tensor) -> Tensor:
    """Whether it is NaN, not a number.

    >>> isnan([np.nan, 1.0])
    array([ True, False])
    """
    return not_equal(x, x)


@composite
def isinf(x: Tensor) -> Tensor:
    """Whether it is infinite.

    >>> isinf([-np.inf, 1.0, np.nan])
    array([ True, False, False])
    """
    return equal(absolute(x), np.inf) if x.dtype.kind == "f" else not_equal(x, x)


@composite
def isposinf(x: Tensor) -> Tensor:
    """Whether it is infinite and positive.

    >>> isposinf([-np.inf, np.inf])
    array([False,  True])
    """
    return equal(x, np.inf) if x.dtype.kind == "f" else not_equal(x, x)


@composite
def isneginf(x: Tensor) -> Tensor:
    """Whether it is infinite and negative.

    >>> isneginf([-np.inf, np.inf])
    array([ True, False])
    """
    return equal(x, -np.inf) if x.dtype.kind == "f" else not_equal(x, x)


@composite
def isfinite(x: Tensor) -> Tensor:
    """Whether it is a number, and not infinite.

    >>> isfinite([np.nan, np.inf, 1.0])
    array([False, False,  True])
    """
    return less(absolute(x), np.inf) if x.dtype.kind == "f" else equal(x, x)


@composite
def isreal(x: Tensor) -> Tensor:
    """Whether it is a real number, which all numbers here are.

    >>> isreal([1.0, 2.0])
    array([ True,  True])
    """
    return logical_or(equal(x, x), True)


@composite
def signbit(x: Tensor) -> Tensor:
    """Whether it is less than 0, or the 0 that is written -0.0.

    >>> signbit([-1.0, -0.0, 0.0])
    array([ True,  True, False])
    """
    if x.dtype.kind != "f":
        return less(x, Tensor(np.zeros((), x.dtype)))
    from axon.ops.functions import arctan2

    return less(arctan2(x, -1.0), 0.0)  # which tells -0.0 from 0.0


@composite
def isclose(
    x1: Tensor, x2: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Whether |x1 - x2| is at most atol + rtol |x2|; equal infinite numbers are close.

    >>> isclose([1.0, 1.0], [1.000001, 1.1])
    array([ True, False])
    """
    x1, x2 = (x.astype(np.float64) for x in (x1, x2))
    finite = minimum(isfinite(x1), isfinite(x2))
    a, b = where(finite, x1, 0.0), where(finite, x2, 0.0)  # inf - inf would be NaN
    near = less_equal(absolute(a - b), absolute(b) * rtol + atol)
    close = maximum(minimum(near, finite), equal(x1, x2))
    return maximum(close, minimum(isnan(x1), isnan(x2))) if equal_nan else close


@composite
def allclose(
    x1: Tensor, x2: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Whether all numbers are close, as ``isclose`` has it.

    >>> bool(allclose([1.0, 1.0], [1.000001, 1.1]))
    False
    """
    return all(isclose(x1, x2, rtol, atol, equal_nan))


@composite
def all(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether all are true along ``axis``; of none, they are.

    >>> all([[True, False], [True, True]], axis=1)
    array([False,  True])
    """
    return equal(count_nonzero(logical_not(x), axis, keepdims), 0)


@composite
def any(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether one is true along ``axis``; of none, none is.

    >>> any([[True, False], [False, False]], axis=1)
    array([ True, False])
    """
    return greater(count_nonzero(x, axis, keepdims), 0)


@composite
def count_nonzero(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """How many are not 0 along ``axis``.

    >>> int(count_nonzero([1.0, 0.0, 2.0]))
    2
    """
    return truth(x).sum(axis, keepdims)


@composite
def isin(x1: Tensor, x2: Tensor, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Whether each number of x1 is one of x2; ``assume_unique`` changes nothing.

    >>> isin([1, 2, 3], [3, 1])
    array([ True, False,  True])
    """
    found = any(equal(x1[..., None], x2.reshape(-1)), axis=-1)
    return logical_not(found) if invert else found
