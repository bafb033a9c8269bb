"""The array library that the kernels run on, and how its memory is taken.

Every other file says ``xp`` where it computes, and takes what this one gives. Today that is NumPy.
"""

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from math import prod
from typing import Any, NamedTuple, Protocol

import numpy as np

from axon.containers import plain

xp: Any = np

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]
DType = np.dtype[Any]
DTypeLike = DType | type[Any] | str | None  # what ``np.dtype`` reads


class Arrayable(Protocol):
    """What turns itself into an array, such as the tables of other libraries."""

    def __array__(self) -> Array:
        """The values."""


ArrayLike = Array | np.generic | float | Sequence[Any] | Arrayable  # what ``as_array`` reads


class HasDType(Protocol):
    """What has a type of its elements: arrays, NumPy's numbers, Tensors."""

    @property
    def dtype(self) -> DType:
        """The type."""


class ArraySpec(NamedTuple):
    """What is known of an array before it is read."""

    shape: Shape
    dtype: DType

    def __str__(self) -> str:
        return f"{self.shape} {self.dtype.name}"


FLOAT = np.dtype(np.float32)  # what a model computes in unless told otherwise
NATIVE = frozenset(map(np.dtype, "?bBhHiIlLqQefdg"))  # numbers, in this machine's byte order
_AS_THEY_ARE = frozenset([np.ndarray, int, float, bool])  # what needs no look at what it holds
_NUMBER = (int, float, np.number, np.bool_)  # what is not an array, but may become one
_TRUTH = (bool, np.bool_)
ALIGNMENT = 64  # bytes: one cache line, one AVX-512 register


def as_array(value: object, dtype: DType | None = None) -> Array:
    """Turn numbers, lists, arrays and tables into an array; one of the right type is not copied.

    Raises:
        TypeError: the value holds text, times or Python objects, so it is not numeric.
        ValueError: rows of different lengths; gaps, or values behind a mask.

    >>> as_array([1, 2]).shape
    (2,)
    """
    array: Array = np.asarray(value) if type(value) in _AS_THEY_ARE else plain(value)
    if array.dtype in NATIVE and dtype is None:
        return array
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"expected numbers, got an array of dtype {array.dtype} (first: {_first(array)!r}). "
            f"{numbers_from(array.dtype)}"
        )
    if dtype is None:
        return array.astype(array.dtype.newbyteorder("="), copy=False)
    if dtype.kind in "iu":
        demand_fitting(array, dtype)
    return array.astype(dtype, copy=False)


def demand_fitting(array: Array, dtype: DType) -> None:
    """Demand that numbers lie within what whole numbers of a type reach; fractions may be cut off.

    Raises:
        ValueError: one does not; converted, it would be another number.

    >>> demand_fitting(np.array([2**63], np.uint64), np.dtype("int64"))
    Traceback (most recent call last):
    ValueError: 9223372036854775808 does not fit int64, which ends at 9223372036854775807.
    """
    if not array.size or np.can_cast(array.dtype, dtype):
        return
    least, most, ends = array.min().item(), array.max().item(), np.iinfo(dtype)
    if ends.min - 1 < least and most < ends.max + 1:  # Python's numbers compare exactly; NaN never
        return
    if least != least:
        raise ValueError(f"{least} is no whole number, which {dtype} holds.")
    wrong, end = (most, ends.max) if most > ends.max else (least, ends.min)
    raise ValueError(f"{wrong} does not fit {dtype}, which ends at {end}.")


def numbers_from(dtype: DType) -> str:
    """How values of a type that are no numbers become some."""
    ways = {
        "c": " Of complex numbers, take the parts: np.stack([x.real, x.imag], axis=-1).",
        "M": " Of times, count from some moment: (x - x.min()) / np.timedelta64(1, 's').",
        "m": " Of times, count in some unit: x / np.timedelta64(1, 's').",
        "V": " Of fields, make columns: numpy.lib.recfunctions.structured_to_unstructured(x).",
    }
    usual = (
        "Turn text or mixed columns into numbers first, for example with np.asarray(values, "
        "dtype='float32')."
    )
    return usual + ways.get(dtype.kind, "")


def as_arrays(values: Sequence[object], floats: bool = False) -> list[Array]:
    """Turn each into an array; a Python float takes the precision of the arrays that it meets.

    Args:
        values: numbers, lists and arrays.
        floats: turn whole numbers and truth values into floats, too.

    >>> [a.dtype.name for a in as_arrays([np.ones(2, "float32"), 0.5])]
    ['float32', 'float32']
    """
    if len(values) == 1:  # nothing to agree with: functions of one number are called in loops
        array = as_array(values[0])
        return [array if not floats or array.dtype.kind == "f" else array.astype(FLOAT)]
    like = float_type([v for v in values if isinstance(v, np.ndarray | np.generic)], np.float64)
    arrays = [np.asarray(v, like) if type(v) is float else as_array(v) for v in values]
    if not floats:
        return arrays
    like = float_type(arrays)
    return [a if a.dtype.kind == "f" else a.astype(like) for a in arrays]


def tensor_data(value: object, dtype: DTypeLike = None) -> Array:
    """Return the array of a new tensor: arrays keep their type, Python floats become float32."""
    if type(value) is np.ndarray and dtype is None and value.dtype in NATIVE:
        return value
    array = as_array(value, None if dtype is None else np.dtype(dtype))
    if isinstance(value, np.ndarray | np.generic) or dtype is not None:
        return array
    return array.astype(FLOAT) if array.dtype.kind == "f" else array


def joining(value: object, like: DType) -> Array:
    """Turn what meets a tensor of type ``like`` into an array of that type, if it can be one.

    Floats take the tensor's precision. Python numbers take its type, or their own if that one
    cannot hold them.

    >>> joining(2, FLOAT), joining(-1, np.dtype("uint8"))
    (array(2., dtype=float32), array(-1))
    """
    number = isinstance(value, _NUMBER)
    array: Array = np.asarray(value, like) if number and like.kind == "f" else as_array(value)
    if array.dtype.kind == "f" and (number or like.kind == "f"):
        return array.astype(like if like.kind == "f" else FLOAT, copy=False)
    fits = number and like.kind in "iu" and np.iinfo(like).min <= array <= np.iinfo(like).max
    return array.astype(like) if fits else array


def float_type(tensors: Sequence[HasDType], otherwise: DTypeLike = FLOAT) -> DType:
    """The type of the first that holds floats."""
    return next((t.dtype for t in tensors if t.dtype.kind == "f"), np.dtype(otherwise))


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


@lru_cache(maxsize=64)
def ones(size: int, dtype: DType, xp: Any) -> Array:
    """Return a row of ones, made once for each size: a product with it is a sum.

    >>> ones(3, FLOAT, np)
    array([1., 1., 1.], dtype=float32)
    """
    array: Array = xp.ones(size, dtype)
    return array


@lru_cache(maxsize=64)
def counted(size: int, dtype: DType, xp: Any) -> Array:
    """Return 0, 1, 2 and so on, made once for each size.

    >>> counted(3, FLOAT, np)
    array([0., 1., 2.], dtype=float32)
    """
    array: Array = xp.arange(size, dtype=dtype)
    return array


def known(condition: object) -> bool:
    """Whether a condition holds that spares work or finds wrong input; of symbols none is known to.

    Kernels decide nothing else by values: so they can be run on symbols, which have none.

    >>> known(np.float32(1) < 2)
    True
    """
    return isinstance(condition, _TRUTH) and bool(condition)


@cache
def tiny(dtype: DType) -> float:
    """The smallest normal number of a type, whose reciprocal is finite."""
    return float(np.finfo(dtype).tiny)


def elementwise(*arrays: Array, **meta: object) -> tuple[Shape, DType]:
    """Shape and type of an element-by-element result: broadcast; floats win over integers.

    The metadata do not count.

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


def floating(*arrays: Array, **meta: object) -> tuple[Shape, DType]:
    """Like elementwise, for functions whose values are not whole: they are handed floats only."""
    return elementwise(*arrays)


def like_result(count: int) -> Callable[..., list[ArraySpec]]:
    """The rule for workspace of as many arrays as the result would be, element by element."""
    return lambda *arrays, **meta: [ArraySpec(*elementwise(*arrays))] * count


def like_first(count: int) -> Callable[..., list[ArraySpec]]:
    """The rule for workspace of as many arrays like the first."""
    return lambda x, *rest, **meta: [ArraySpec(x.shape, x.dtype)] * count


def promote(a: DType, b: DType) -> DType:
    """The type that a and b meet in: a float if either is one, of that one's precision."""
    if (a.kind == "f") != (b.kind == "f"):
        return a if a.kind == "f" else b
    return np.result_type(a, b)
