"""Bessel's function, the bytes of numbers, and what complex numbers would have beside real ones."""

from functools import cache
from typing import Any

import numpy as np

from axon.backend import DTypeLike, as_array
from axon.core import Tensor, TensorLike
from axon.modes import refuse_while_recording
from axon.ops.compare import where
from axon.ops.composite import composite
from axon.ops.elementwise import absolute, exp, maximum, minimum, sqrt
from axon.ops.reductions import floats

NEAR = 8.0  # where one series ends and the other begins


@cache
def _series(far: bool) -> tuple[float, ...]:
    """Chebyshev's coefficients of e^-x I0(x) between 0 and 8; or times sqrt(x), of 16 / x - 1."""

    def wanted(t: np.ndarray) -> np.ndarray:
        if not far:
            x = (t + 1.0) * NEAR / 2
            return np.asarray(np.i0(x) * np.exp(-x))
        x = 2 * NEAR / np.maximum(t + 1.0, 1e-300)
        y = 1 / (8 * np.maximum(x, 500.0))  # from there on, some terms for large x will do
        tail = (1 + y + 4.5 * y**2 + 37.5 * y**3 + 11025 / 24 * y**4) / np.sqrt(2 * np.pi)
        x = np.minimum(x, 500.0)
        return np.where(x < 500.0, np.i0(x) * np.exp(-x) * np.sqrt(x), tail)

    fit: Any = np.polynomial.chebyshev.chebinterpolate
    return tuple(fit(wanted, 24 if far else 29).tolist())


def _sum(t: Tensor, coefficients: tuple[float, ...]) -> Tensor:
    """Clenshaw's way."""
    after = last = t * 0.0
    for c in coefficients[:0:-1]:
        after, last = t * (2.0 * after) - last + c, after
    return t * after - last + coefficients[0]


@composite
def i0(x: Tensor) -> Tensor:
    """Bessel's function I0, of the first sort with an imaginary argument.

    >>> i0([0.0, 1.0]).round(4)
    array([1.    , 1.2661])
    """
    size = absolute(floats(x))
    near = _sum(minimum(size, NEAR) * (2.0 / NEAR) - 1.0, _series(False))
    apart = maximum(size, NEAR)
    far = _sum((2.0 * NEAR) / apart - 1.0, _series(True)) / sqrt(apart)
    return where(size <= NEAR, near, far) * exp(size)


def view(x: TensorLike, dtype: DTypeLike) -> TensorLike:
    """The same bytes, read as numbers of another type; there are no gradients.

    Raises:
        RecordingError: in a step that is recorded, which would repeat the first ones for ever.

    >>> view(np.array([1.0], np.float32), "int32")
    array([1065353216], dtype=int32)
    """
    if isinstance(x, Tensor):
        refuse_while_recording("axon.ops.view, which reads bytes,")
        return Tensor(x.data.view(np.dtype(dtype)))
    return as_array(x).view(np.dtype(dtype))


@composite
def real(x: Tensor) -> Tensor:
    """The real part: all of it, as there are no complex numbers.

    >>> real([1.0, -2.0])
    array([ 1., -2.])
    """
    return x * 1


@composite
def imag(x: Tensor) -> Tensor:
    """The imaginary part: 0, as there are no complex numbers.

    >>> imag([1.0, -2.0])
    array([0., 0.])
    """
    return x * 0 + 0


@composite
def conj(x: Tensor) -> Tensor:
    """The conjugate: x itself, as there are no complex numbers.

    >>> conj([1.0, -2.0])
    array([ 1., -2.])
    """
    return x * 1


@composite
def angle(x: Tensor) -> Tensor:
    """The angle of a number: 0, or pi where it is negative.

    >>> angle([1.0, -2.0]).round(4)
    array([0.    , 3.1416])
    """
    x = floats(x)
    return where(x < 0.0, np.pi, x * 0.0 + 0.0)
