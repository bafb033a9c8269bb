"""Arithmetic that is made of the primitives of ``elementwise``, ``functions`` and ``rounding``."""

from math import inf, pi
from math import log as log_of

import numpy as np

from axon.backend import DTypeLike
from axon.core import PRIMITIVES, Tensor
from axon.ops.compare import where
from axon.ops.composite import composite
from axon.ops.elementwise import (
    absolute,
    log,
    maximum,
    minimum,
    sign,
    sin,
    sqrt,
)
from axon.ops.rounding import ceil, floor, mod, rint


def floats(x: Tensor) -> Tensor:
    """Whole numbers and truth values as numbers with a fraction."""
    return x if x.dtype.kind == "f" else x.astype(np.float32)


def numbers(x: Tensor) -> Tensor:
    """Truth values as numbers 0 and 1."""
    return x if x.dtype.kind != "b" else x.astype(np.int32)


@composite
def reciprocal(x: Tensor) -> Tensor:
    """1 / x.

    >>> reciprocal([2.0, 4.0])
    array([0.5 , 0.25])
    """
    return 1.0 / floats(x)


@composite
def rsqrt(x: Tensor) -> Tensor:
    """1 / sqrt(x).

    >>> rsqrt([4.0, 16.0])
    array([0.5 , 0.25])
    """
    return 1.0 / sqrt(x)


@composite
def cbrt(x: Tensor) -> Tensor:
    """The cube root of x, of negative numbers a negative one.

    >>> cbrt([-8.0, 27.0]).round(6)
    array([-2.,  3.])
    """
    x = floats(x)
    return sign(x) * absolute(x) ** (1.0 / 3.0)


@composite
def exp2(x: Tensor) -> Tensor:
    """2^x.

    >>> exp2([3.0, -1.0])
    array([8. , 0.5])
    """
    return 2.0 ** floats(x)


@composite
def log2(x: Tensor) -> Tensor:
    """The logarithm of x to base 2.

    >>> log2([8.0, 0.5])
    array([ 3., -1.])
    """
    return log(x) * (1.0 / log_of(2.0))


@composite
def log10(x: Tensor) -> Tensor:
    """The logarithm of x to base 10.

    >>> log10([100.0, 0.1]).round(6)
    array([ 2., -1.])
    """
    return log(x) * (1.0 / log_of(10.0))


@composite
def logaddexp(x1: Tensor, x2: Tensor) -> Tensor:
    """log(e^x1 + e^x2), in which nothing overflows.

    >>> logaddexp(1000.0, [1000.0, 0.0]).round(4)
    array([1000.6931, 1000.    ])
    """
    x1, x2 = floats(x1), floats(x2)
    finite = maximum(absolute(x1), absolute(x2)) < inf
    a, b = where(finite, x1, 0.0), where(finite, x2, 0.0)  # inf - inf would be NaN
    softplus = PRIMITIVES["softplus"]
    y = where(a > b, a + softplus(b - a), b + softplus(a - b))
    return where(finite, y, maximum(x1, x2))


@composite
def logaddexp2(x1: Tensor, x2: Tensor) -> Tensor:
    """log2(2^x1 + 2^x2), in which nothing overflows.

    >>> logaddexp2(3.0, [3.0, 0.0]).round(4)
    array([4.    , 3.1699])
    """
    two = log_of(2.0)
    return logaddexp(floats(x1) * two, floats(x2) * two) * (1.0 / two)


@composite
def round(x: Tensor, decimals: int = 0) -> Tensor:
    """The nearest number with so many decimals; of two, the one whose last digit is even.

    >>> round([1.234, 2.5]), round([1.234, 5.678], 1)
    (array([1., 2.]), array([1.2, 5.7]))
    """
    if not decimals or (x.dtype.kind != "f" and decimals > 0):
        return rint(x)
    scale = 10.0 ** abs(decimals)
    if x.dtype.kind != "f":
        return (rint(x.astype(np.float64) / scale) * scale).astype(x.dtype)
    return rint(x * scale) / scale if decimals > 0 else rint(x / scale) * scale


@composite
def trunc(x: Tensor) -> Tensor:
    """x without its fraction: the next whole number towards 0.

    >>> trunc([-1.7, 1.7])
    array([-1.,  1.])
    """
    return where(x < 0, ceil(x), floor(x))


@composite
def fmod(x1: Tensor, x2: Tensor) -> Tensor:
    """The rest of a division, with the sign of x1; ``mod`` has that of x2.

    >>> fmod([-7.0, 7.0], 3.0), mod([-7.0, 7.0], 3.0)
    (array([-1.,  1.]), array([2., 1.]))
    """
    rest = mod(absolute(numbers(x1)), absolute(numbers(x2)))
    return where(x1 < 0, -rest, rest)


@composite
def true_divide(x1: Tensor, x2: Tensor) -> Tensor:
    """x1 / x2.

    >>> true_divide([3], [2])
    array([1.5], dtype=float32)
    """
    return x1 / x2


@composite
def divide_no_nan(x1: Tensor, x2: Tensor) -> Tensor:
    """x1 / x2, and 0 where x2 is 0; its gradient is 0 there, too.

    >>> divide_no_nan([1.0, 1.0], [0.0, 2.0])
    array([0. , 0.5])
    """
    x1, x2 = floats(x1), floats(x2)
    return where(x2 == 0.0, 0.0, x1 / where(x2 == 0.0, 1.0, x2))


@composite
def clip(x: Tensor, x_min: Tensor | None = None, x_max: Tensor | None = None) -> Tensor:
    """The elements, those beyond ``x_min`` or ``x_max`` moved there.

    >>> clip([-1.0, 0.5, 3.0], 0.0, 1.0)
    array([0. , 0.5, 1. ])
    """
    x = x if x_min is None else maximum(x, x_min)
    return x if x_max is None else minimum(x, x_max)


@composite
def nan_to_num(
    x: Tensor, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """Other numbers for NaN and the infinite ones: 0, and the ends of the type.

    >>> nan_to_num([np.nan, np.inf, 1.0], posinf=9.0)
    array([0., 9., 1.])
    """
    if x.dtype.kind != "f":
        return x
    ends = np.finfo(x.dtype)
    x = where(x != x, nan, x)
    x = where(x == np.inf, float(ends.max) if posinf is None else posinf, x)
    return where(x == -np.inf, float(ends.min) if neginf is None else neginf, x)


@composite
def heaviside(x1: Tensor, x2: Tensor) -> Tensor:
    """0 where x1 is negative, 1 where it is positive, x2 where it is 0.

    >>> heaviside([-2.0, 0.0, 2.0], 0.5)
    array([0. , 0.5, 1. ])
    """
    x1 = floats(x1)
    return where(x1 == 0.0, x2, where(x1 != x1, x1, (x1 > 0.0).astype(x1.dtype)))


@composite
def hypot(x1: Tensor, x2: Tensor) -> Tensor:
    """sqrt(x1^2 + x2^2), the length of a hypotenuse, in which nothing overflows.

    >>> hypot([3.0, 0.0], [4.0, 0.0])
    array([5., 0.])
    """
    x1, x2 = floats(x1), floats(x2)
    unit = maximum(absolute(x1), absolute(x2)).detach()
    ready = where(unit == 0.0, True, unit == inf)
    scale = where(ready, 1.0, unit)
    total = (x1 / scale) ** 2 + (x2 / scale) ** 2
    return where(ready, unit, scale * sqrt(where(ready, 1.0, total)))


@composite
def deg2rad(x: Tensor) -> Tensor:
    """Degrees as radians: x pi / 180.

    >>> deg2rad([180.0]).round(4)
    array([3.1416])
    """
    return floats(x) * (pi / 180.0)


@composite
def rad2deg(x: Tensor) -> Tensor:
    """Radians as degrees: 180 x / pi.

    >>> rad2deg([np.pi])
    array([180.])
    """
    return floats(x) * (180.0 / pi)


@composite
def sinc(x: Tensor) -> Tensor:
    """sin(pi x) / (pi x), which is 1 at 0.

    >>> sinc([0.0, 0.5]).round(4)
    array([1.    , 0.6366])
    """
    x = floats(x) * pi
    far = where(x == 0.0, 1.0, x)
    return where(x == 0.0, 1.0 - x * x / 6.0, sin(far) / far)


@composite
def fmax(x1: Tensor, x2: Tensor) -> Tensor:
    """The larger of x1 and x2; of a NaN and a number, the number.

    >>> fmax([np.nan, 1.0], [2.0, 3.0])
    array([2., 3.])
    """
    return where(x1 != x1, x2, where(x2 != x2, x1, maximum(x1, x2)))


@composite
def fmin(x1: Tensor, x2: Tensor) -> Tensor:
    """The smaller of x1 and x2; of a NaN and a number, the number.

    >>> fmin([np.nan, 1.0], [2.0, 3.0])
    array([2., 1.])
    """
    return where(x1 != x1, x2, where(x2 != x2, x1, minimum(x1, x2)))


@composite
def ldexp(x1: Tensor, x2: Tensor) -> Tensor:
    """x1 2^x2.

    >>> ldexp([1.5, 1.0], [2, -1])
    array([6. , 0.5])
    """
    x1 = floats(x1)
    return x1 * 2.0 ** x2.astype(x1.dtype)


@composite
def erfc(x: Tensor) -> Tensor:
    """1 - erf(x), the share of the bell beyond.

    >>> erfc([0.0, 1.0]).round(4)
    array([1.    , 0.1573])
    """
    from axon.ops.error_function import erf

    return 1.0 - erf(x)


@composite
def saturate_cast(x: Tensor, dtype: DTypeLike) -> Tensor:
    """The elements in another type, those beyond its ends moved there.

    >>> saturate_cast([-5.0, 300.0], "uint8")
    array([  0, 255], dtype=uint8)
    """
    wanted = np.dtype(dtype)
    if wanted.kind not in "iu":
        return x.astype(wanted)
    low, high = np.iinfo(wanted).min, np.iinfo(wanted).max
    if x.dtype.kind == "f":
        top = x.dtype.type(high)
        top = top if int(top) <= high else np.nextafter(top, x.dtype.type(0))
        return x.clip(float(low), float(top)).astype(wanted)
    here = np.iinfo(x.dtype if x.dtype.kind != "b" else np.uint8)
    return x.clip(max(low, here.min), min(high, here.max)).astype(wanted)
