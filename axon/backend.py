"""Floor 0: the array library that the kernels run on, and how its memory is taken.

Every other file says ``xp`` where it computes, and takes what this one gives. Today that is NumPy.
"""

from collections.abc import Sequence
from functools import cache
from math import prod
from typing import Any

import numpy as np

xp: Any = np

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]
DType = np.dtype[Any]

FLOAT = np.dtype(np.float32)  # what a model computes in unless told otherwise
ALIGNMENT = 64  # bytes: one cache line, one AVX-512 register


def as_array(value: object, dtype: DType | None = None) -> Array:
    """Turn numbers, lists and arrays into an array; an array of the right type is not copied.

    Raises:
        TypeError: the value holds text or Python objects, so it is not numeric.

    >>> as_array([1, 2]).shape
    (2,)
    """
    array: Array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"expected numbers, got an array of dtype {array.dtype} (first: {_first(array)!r}). "
            "Turn text or mixed columns into numbers first, for example with "
            "np.asarray(values, dtype='float32')."
        )
    return array if dtype is None or array.dtype == dtype else array.astype(dtype)


def _first(array: Array) -> object:
    return array.flat[0] if array.size else None


def aligned_bytes(size: int) -> Array:
    """Take ``size`` bytes of memory that start on a cache line."""
    raw = np.empty(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size]


def carve(memory: Array, offset: int, shape: Sequence[int], dtype: DType) -> Array:
    """Return an array of this shape and type over ``memory``, beginning ``offset`` bytes in.

    >>> carve(aligned_bytes(64), 0, (2, 3), FLOAT).shape
    (2, 3)
    """
    size = prod(shape) * dtype.itemsize
    view: Array = memory[offset : offset + size].view(dtype).reshape(tuple(shape))
    return view


@cache
def constant(value: float, dtype: DType, xp: Any) -> Array:
    """Return a number as an array, made once: half the cost of a Python number in a small kernel.

    >>> constant(1, FLOAT, np)
    array(1., dtype=float32)
    """
    array: Array = xp.asarray(value, dtype)
    return array


def elementwise(*arrays: Array) -> tuple[Shape, DType]:
    """Shape and type of an element-by-element result: broadcast; floats win over integers.

    >>> elementwise(np.ones((2, 1)), np.ones(3, int))
    ((2, 3), dtype('float64'))
    """
    shape, dtype = arrays[0].shape, arrays[0].dtype
    for array in arrays[1:]:
        if array.shape != shape:
            shape = np.broadcast_shapes(shape, array.shape)
        if array.dtype != dtype:
            dtype = promote(dtype, array.dtype)
    return shape, dtype


def floating(*arrays: Array) -> tuple[Shape, DType]:
    """Like elementwise, for functions whose values are not whole: they are handed floats only."""
    return elementwise(*arrays)


def promote(a: DType, b: DType) -> DType:
    """The type that a and b meet in: a float if either is one, of that one's precision."""
    if (a.kind == "f") != (b.kind == "f"):
        return a if a.kind == "f" else b
    return np.result_type(a, b)
