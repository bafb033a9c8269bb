"""Element by element."""

from typing import Any

import numpy as np
from numba import njit

from axon.fast.kernels.declare import kernel
from axon.fast.kernels.functions import CLOSE, TINY, exp, expm1, log, log1p, sigmoid_of, tanh_of
from axon.fast.kernels.intrinsics import bytes_, doubles, floats, words
from axon.fast.kernels.walk import each, pairs

ZERO, ONE, HALF, TWO = np.float32(0), np.float32(1), np.float32(0.5), np.float32(2)
REST = np.float32(1 / (np.exp(2.0) + 1))


@njit(inline="always")
def of_one(function: Any, address: int) -> None:
    """out = function(x), floats."""
    each(function, floats, floats, 4, 4, address)


@njit(inline="always")
def of_two(function: Any, address: int) -> None:
    """out = function(x, y), floats."""
    pairs(function, floats, floats, 4, 4, address)


# ------------------------------------------------------------------------------------ one input


@kernel
def copy(address: int) -> None:
    """Numbers as they are."""
    of_one(_same, address)


@kernel
def negative(address: int) -> None:
    """-x."""
    of_one(_negative, address)


@kernel
def exponential(address: int) -> None:
    """e^x."""
    of_one(exp, address)


@kernel
def relu(address: int) -> None:
    """The larger of x and 0."""
    of_one(_relu, address)


@kernel
def sigmoid(address: int) -> None:
    """1 / (1 + e^-x)."""
    of_one(sigmoid_of, address)


@kernel
def tanh(address: int) -> None:
    """(e^2x - 1) / (e^2x + 1)."""
    of_one(tanh_of, address)


@kernel
def absolute(address: int) -> None:
    """|x|."""
    of_one(_absolute, address)


@kernel
def sign(address: int) -> None:
    """-1, 0 or 1."""
    of_one(_sign, address)


@kernel
def square(address: int) -> None:
    """x^2."""
    of_one(_square, address)


@kernel
def square_root(address: int) -> None:
    """The square root of x."""
    of_one(_root, address)


@kernel
def logarithm(address: int) -> None:
    """log x."""
    of_one(log, address)


@kernel
def log_probability(address: int) -> None:
    """log x, of the smallest normal number where x is less."""
    of_one(_log_probability, address)


@kernel
def log_cosh(address: int) -> None:
    """log((e^x + e^-x) / 2)."""
    of_one(_log_cosh, address)


@njit(forceinline=True, fastmath=CLOSE)
def _absolute(x: float) -> float:
    return abs(x)


@njit(forceinline=True, fastmath=CLOSE)
def _sign(x: float) -> float:
    return x if x != x else (ONE if x > ZERO else (-ONE if x < ZERO else ZERO))


@njit(forceinline=True, fastmath=CLOSE)
def _square(x: float) -> float:
    return x * x


@njit(forceinline=True, fastmath=CLOSE)
def _root(x: float) -> float:
    return np.sqrt(x)


@njit(forceinline=True, fastmath=CLOSE)
def _log_probability(x: float) -> float:
    return log(x if not x < TINY else TINY)


@njit(forceinline=True, fastmath=CLOSE)
def _log_cosh(x: float) -> float:
    """log(1 + sinh(a)^2) / 2 up to a = 1, and what is beyond."""
    a = abs(x)
    near = a if not a > ONE else ONE
    d = (a if not a < ONE else ONE) - ONE
    e = expm1(near)
    sinh = HALF * (e + e / (e + ONE))
    return HALF * log1p(sinh * sinh) + d + log1p(expm1(-TWO * d) * REST)


@njit(forceinline=True, fastmath=CLOSE)
def _same(x: float) -> float:
    return x


@njit(forceinline=True, fastmath=CLOSE)
def _negative(x: float) -> float:
    return -x


@njit(forceinline=True, fastmath=CLOSE)
def _relu(x: float) -> float:
    return x if not x <= ZERO else ZERO


# ------------------------------------------------------------------------------------ two inputs


@kernel
def add(address: int) -> None:
    """x + y."""
    of_two(_add, address)


@kernel
def subtract(address: int) -> None:
    """x - y."""
    of_two(_subtract, address)


@kernel
def multiply(address: int) -> None:
    """x y."""
    of_two(_multiply, address)


@kernel
def divide(address: int) -> None:
    """x / y."""
    of_two(_divide, address)


@kernel
def maximum(address: int) -> None:
    """The larger one."""
    of_two(_maximum, address)


@kernel
def minimum(address: int) -> None:
    """The smaller one."""
    of_two(_minimum, address)


@kernel
def relu_gradient(address: int) -> None:
    """g where y is positive, else 0."""
    of_two(_relu_gradient, address)


@kernel
def sigmoid_gradient(address: int) -> None:
    """g y (1 - y)."""
    of_two(_sigmoid_gradient, address)


@kernel
def tanh_gradient(address: int) -> None:
    """g (1 - y^2)."""
    of_two(_tanh_gradient, address)


@kernel
def power(address: int) -> None:
    """x^y."""
    of_two(_power, address)


@kernel
def over_probability(address: int) -> None:
    """x / y, where y is at least the smallest normal number."""
    of_two(_over_probability, address)


@kernel
def sigmoid_cross_entropy(address: int) -> None:
    """max(x, 0) - x y + log(1 + e^-|x|)."""
    of_two(_sigmoid_cross_entropy, address)


@njit(forceinline=True, fastmath=CLOSE)
def _power(x: float, y: float) -> float:
    return np.float32(np.float64(x) ** np.float64(y))


@njit(forceinline=True, fastmath=CLOSE)
def _over_probability(g: float, p: float) -> float:
    return g / (p if not p < TINY else TINY)


@njit(forceinline=True, fastmath=CLOSE)
def _sigmoid_cross_entropy(x: float, t: float) -> float:
    return log1p(exp(-abs(x))) + (x if not x <= ZERO else ZERO) - x * t


@njit(forceinline=True, fastmath=CLOSE)
def _add(x: float, y: float) -> float:
    return x + y


@njit(forceinline=True, fastmath=CLOSE)
def _subtract(x: float, y: float) -> float:
    return x - y


@njit(forceinline=True, fastmath=CLOSE)
def _multiply(x: float, y: float) -> float:
    return x * y


@njit(forceinline=True, fastmath=CLOSE)
def _divide(x: float, y: float) -> float:
    return x / y


@njit(forceinline=True, fastmath=CLOSE)
def _maximum(x: float, y: float) -> float:
    return x if x >= y or x != x else y


@njit(forceinline=True, fastmath=CLOSE)
def _minimum(x: float, y: float) -> float:
    return x if x <= y or x != x else y


@njit(forceinline=True, fastmath=CLOSE)
def _relu_gradient(g: float, y: float) -> float:
    return g if y > ZERO else g * ZERO


@njit(forceinline=True, fastmath=CLOSE)
def _sigmoid_gradient(g: float, y: float) -> float:
    return g * (y * (ONE - y))


@njit(forceinline=True, fastmath=CLOSE)
def _tanh_gradient(g: float, y: float) -> float:
    return g * (ONE - y * y)


# ------------------------------------------------------------------------------------ other types


NUMBER_OF = {"f4": 0, "f8": 1, "i8": 2, "b1": 3}


@njit(forceinline=True, fastmath=CLOSE)
def _read(kind: int, place: int) -> float:
    if kind == 0:
        return np.float64(floats(place, 1)[0])
    if kind == 1:
        return doubles(place, 1)[0]
    if kind == 2:
        return np.float64(words(place, 1)[0])
    return np.float64(bytes_(place, 1)[0])


@njit(forceinline=True, fastmath=CLOSE)
def _single(kind_x: int, kind_y: int) -> bool:
    return kind_x == 0 and kind_y == 0


@kernel
def number(address: int) -> None:
    """One number from two. Words: operation, kind of out, out, kind of x, x, kind of y, y."""
    w = words(address, 9)
    operation = w[2]
    x, y = _read(w[5], w[6]), _read(w[7], w[8])
    if operation == 0:
        z = x + y
    elif operation == 1:
        z = x - y
    elif operation == 2:
        z = x * y
    elif operation == 3:
        z = x / y
    elif operation == 4:
        z = x**y
    elif operation == 5:
        z = np.sqrt(x)
    elif operation == 6:
        z = -x
    else:
        z = x
    if w[3] == 0:
        floats(w[4], 1)[0] = np.float32(z)
    elif w[3] == 1:
        doubles(w[4], 1)[0] = z
    else:
        words(w[4], 1)[0] = np.int64(z)
