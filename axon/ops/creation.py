"""New arrays, in the types that models compute in; ``..._like`` a Tensor makes a Tensor."""

from collections.abc import Sequence

import numpy as np

from axon.backend import FLOAT, Array, DTypeLike, Shape, as_array
from axon.core import Tensor
from axon.ops.composite import composite

Sizes = int | Shape | Sequence[int]


def array(x: object, dtype: DTypeLike = None) -> Array:
    """Numbers and lists as an array; Python's floats become float32, as in a Tensor.

    >>> array([1.0, 2.0])
    array([1., 2.], dtype=float32)
    """
    return np.array(Tensor(x, dtype).data)


def zeros(shape: Sizes, dtype: DTypeLike = FLOAT) -> Array:
    """An array of zeros.

    >>> zeros((2,))
    array([0., 0.], dtype=float32)
    """
    return np.zeros(shape, np.dtype(dtype or FLOAT))


def ones(shape: Sizes, dtype: DTypeLike = FLOAT) -> Array:
    """An array of ones.

    >>> ones(2, "int32")
    array([1, 1], dtype=int32)
    """
    return np.ones(shape, np.dtype(dtype or FLOAT))


def empty(shape: Sizes, dtype: DTypeLike = FLOAT) -> Array:
    """An array to be filled; it begins with zeros.

    >>> empty((1, 2))
    array([[0., 0.]], dtype=float32)
    """
    return zeros(shape, dtype)


def full(shape: Sizes, fill_value: object, dtype: DTypeLike = FLOAT) -> Array:
    """An array of one number.

    >>> full(2, 7.0)
    array([7., 7.], dtype=float32)
    """
    return np.full(shape, as_array(fill_value), np.dtype(dtype or FLOAT))


def arange(
    start: float, stop: float | None = None, step: float = 1, dtype: DTypeLike = None
) -> Array:
    """Numbers from ``start`` up to ``stop``; with one argument, from 0 up to it.

    >>> arange(3), arange(0.0, 1.0, 0.5)
    (array([0, 1, 2]), array([0. , 0.5], dtype=float32))
    """
    ends = (0, start, step) if stop is None else (start, stop, step)
    wanted = FLOAT if dtype is None and any(isinstance(n, float) for n in ends) else dtype
    return np.arange(*ends, dtype=None if wanted is None else np.dtype(wanted))


def linspace(
    start: float,
    stop: float,
    num: int = 50,
    endpoint: bool = True,
    dtype: DTypeLike = FLOAT,
) -> Array:
    """So many numbers at equal distances from ``start`` to ``stop``.

    >>> linspace(0.0, 1.0, 3)
    array([0. , 0.5, 1. ], dtype=float32)
    """
    return np.asarray(np.linspace(start, stop, num, endpoint), np.dtype(dtype or FLOAT))


def logspace(
    start: float,
    stop: float,
    num: int = 50,
    endpoint: bool = True,
    base: float = 10,
    dtype: DTypeLike = FLOAT,
) -> Array:
    """So many powers of ``base``, whose exponents lie at equal distances.

    >>> logspace(0.0, 2.0, 3)
    array([  1.,  10., 100.], dtype=float32)
    """
    return np.asarray(np.logspace(start, stop, num, endpoint, base), np.dtype(dtype or FLOAT))


def geomspace(
    start: float,
    stop: float,
    num: int = 50,
    endpoint: bool = True,
    dtype: DTypeLike = FLOAT,
) -> Array:
    """So many numbers from ``start`` to ``stop``, each the same multiple of the one before.

    >>> geomspace(1.0, 100.0, 3)
    array([  1.,  10., 100.], dtype=float32)
    """
    return np.asarray(np.geomspace(start, stop, num, endpoint), np.dtype(dtype or FLOAT))


def eye(N: int, M: int | None = None, k: int = 0, dtype: DTypeLike = FLOAT) -> Array:
    """Ones along a diagonal, zeros elsewhere.

    >>> eye(2)
    array([[1., 0.],
           [0., 1.]], dtype=float32)
    """
    return np.eye(N, M, k, np.dtype(dtype or FLOAT))


def identity(n: int, dtype: DTypeLike = FLOAT) -> Array:
    """The matrix that changes nothing.

    >>> identity(1)
    array([[1.]], dtype=float32)
    """
    return eye(n, dtype=dtype)


def tri(N: int, M: int | None = None, k: int = 0, dtype: DTypeLike = FLOAT) -> Array:
    """Ones below a diagonal, and on it; zeros elsewhere.

    >>> tri(2)
    array([[1., 0.],
           [1., 1.]], dtype=float32)
    """
    return np.tri(N, M, k, np.dtype(dtype or FLOAT))


@composite
def full_like(x: Tensor, fill_value: float, dtype: DTypeLike = None) -> Tensor:
    """One number in the shape of x, and in its type.

    >>> full_like([1.0, 2.0], 7.0)
    array([7., 7.])
    """
    return Tensor(np.full(x.shape, fill_value, np.dtype(dtype or x.dtype)))


@composite
def zeros_like(x: Tensor, dtype: DTypeLike = None) -> Tensor:
    """Zeros in the shape of x, and in its type.

    >>> zeros_like([1.0, 2.0])
    array([0., 0.])
    """
    return full_like(x, 0, dtype)


@composite
def ones_like(x: Tensor, dtype: DTypeLike = None) -> Tensor:
    """Ones in the shape of x, and in its type.

    >>> ones_like([1.0, 2.0])
    array([1., 1.])
    """
    return full_like(x, 1, dtype)


@composite
def empty_like(x: Tensor, dtype: DTypeLike = None) -> Tensor:
    """Something to be filled in the shape of x, and in its type; it begins with zeros.

    >>> empty_like([1.0, 2.0])
    array([0., 0.])
    """
    return full_like(x, 0, dtype)


# ------------------------------------------------------------------------------------ windows


def bartlett(x: int) -> Array:
    """A window of x numbers that rises straight from 0 to 1, and falls.

    >>> bartlett(3)
    array([0., 1., 0.], dtype=float32)
    """
    return np.bartlett(x).astype(FLOAT)


def blackman(x: int) -> Array:
    """Blackman's window of x numbers.

    >>> blackman(3).round(4)
    array([-0.,  1., -0.], dtype=float32)
    """
    return np.blackman(x).astype(FLOAT)


def hamming(x: int) -> Array:
    """Hamming's window of x numbers.

    >>> hamming(3)
    array([0.08, 1.  , 0.08], dtype=float32)
    """
    return np.hamming(x).astype(FLOAT)


def hanning(x: int) -> Array:
    """Von Hann's window of x numbers.

    >>> hanning(3)
    array([0., 1., 0.], dtype=float32)
    """
    return np.hanning(x).astype(FLOAT)


def kaiser(x: int, beta: float) -> Array:
    """Kaiser's window of x numbers; the larger ``beta``, the narrower it is.

    >>> kaiser(3, 0.0)
    array([1., 1., 1.], dtype=float32)
    """
    return np.kaiser(x, float(beta)).astype(FLOAT)
