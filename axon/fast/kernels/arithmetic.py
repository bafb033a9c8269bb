"""Element by element."""

import numpy as np
from numba import njit

from axon.fast.kernels.arguments import Address
from axon.fast.kernels.declare import kernel
from axon.fast.kernels.functions import (
    CLOSE,
    TINY,
    cos,
    exp,
    expm1,
    log,
    log1p,
    sigmoid_of,
    sin,
    tanh_of,
)
from axon.fast.kernels.intrinsics import bytes_, doubles, floats, words
from axon.fast.kernels.walk import elementwise, walks

ZERO, ONE, HALF, TWO = np.float32(0), np.float32(1), np.float32(0.5), np.float32(2)
REST = np.float32(1 / (np.exp(2.0) + 1))


# ------------------------------------------------------------------------------------ one input


@elementwise(cost=0.1)
def absolute(x: float) -> float:
    """|x|."""
    return abs(x)


@elementwise(cost=0.1)
def sign(x: float) -> float:
    """-1, 0 or 1."""
    return x if x != x else (ONE if x > ZERO else (-ONE if x < ZERO else ZERO))


@elementwise(cost=0.1)
def square(x: float) -> float:
    """x^2."""
    return x * x


@elementwise(cost=0.3)
def sqrt(x: float) -> float:
    """The square root of x."""
    return np.sqrt(x)


@elementwise(cost=0.2)
def floor(x: float) -> float:
    """The largest integer that is not above x."""
    return np.floor(x)


@elementwise(cost=0.2)
def ceil(x: float) -> float:
    """The smallest integer that is not below x."""
    return np.ceil(x)


@elementwise(cost=0.2)
def rint(x: float) -> float:
    """The nearest integer; of two, the even one."""
    return np.rint(x)


@elementwise(cost=1.0)
def log_probability(x: float) -> float:
    """log x, of the smallest normal number where x is less."""
    return log(x if not x < TINY else TINY)


@elementwise(cost=3.0)
def log_cosh(x: float) -> float:
    """log((e^x + e^-x) / 2): log(1 + sinh(a)^2) / 2 up to a = 1, and what is beyond."""
    a = abs(x)
    near = a if not a > ONE else ONE
    d = (a if not a < ONE else ONE) - ONE
    e = expm1(near)
    sinh = HALF * (e + e / (e + ONE))
    return HALF * log1p(sinh * sinh) + d + log1p(expm1(-TWO * d) * REST)


@elementwise(cost=0.1)
def negative(x: float) -> float:
    """-x."""
    return -x


@elementwise(cost=0.1)
def relu(x: float) -> float:
    """The larger of x and 0."""
    return x if not x <= ZERO else ZERO


walks("exp", exp, cost=0.4)
walks("log", log, cost=0.6)
walks("sigmoid", sigmoid_of, cost=0.6)
walks("tanh", tanh_of, cost=0.7)
walks("expm1", expm1, cost=1.0)
walks("log1p", log1p, cost=2.0)
walks("sin", sin, cost=6.0)
walks("cos", cos, cost=6.0)

# ------------------------------------------------------------------------------------ two inputs


@elementwise(cost=15.0)
def power(x: float, y: float) -> float:
    """x^y."""
    return np.float32(np.float64(x) ** np.float64(y))


@elementwise(cost=0.3)
def over_probability(g: float, p: float) -> float:
    """x / y, where y is at least the smallest normal number."""
    return g / (p if not p < TINY else TINY)


@elementwise(cost=1.0)
def sigmoid_cross_entropy(x: float, t: float) -> float:
    """max(x, 0) - x y + log(1 + e^-|x|)."""
    return log1p(exp(-abs(x))) + (x if not x <= ZERO else ZERO) - x * t


@elementwise(cost=0.15)
def add(x: float, y: float) -> float:
    """x + y."""
    return x + y


@elementwise(cost=0.15)
def subtract(x: float, y: float) -> float:
    """x - y."""
    return x - y


@elementwise(cost=0.15)
def multiply(x: float, y: float) -> float:
    """x y."""
    return x * y


@elementwise(cost=0.15)
def divide(x: float, y: float) -> float:
    """x / y."""
    return x / y


@elementwise(cost=0.15)
def maximum(x: float, y: float) -> float:
    """The larger one."""
    return x if x >= y or x != x else y


@elementwise(cost=0.15)
def minimum(x: float, y: float) -> float:
    """The smaller one."""
    return x if x <= y or x != x else y


@elementwise(cost=0.2)
def relu_gradient(g: float, y: float) -> float:
    """g where y is positive, else 0."""
    return g if y > ZERO else g * ZERO


@elementwise(cost=0.2)
def sigmoid_gradient(g: float, y: float) -> float:
    """g y (1 - y)."""
    return g * (y * (ONE - y))


@elementwise(cost=0.2)
def tanh_gradient(g: float, y: float) -> float:
    """g (1 - y^2)."""
    return g * (ONE - y * y)


# ------------------------------------------------------------------------------------ other types


CODES = {"f4": 0, "f8": 1, "i8": 2, "b1": 3}  # of the types of a number
ADD, SUBTRACT, MULTIPLY, DIVIDE, POWER, SQRT, NEGATIVE, COPY = range(8)


@njit(forceinline=True, fastmath=CLOSE)
def _read(code: int, place: int) -> float:
    if code == 0:
        return np.float64(floats(place, 1)[0])
    if code == 1:
        return doubles(place, 1)[0]
    if code == 2:
        return np.float64(words(place, 1)[0])
    return np.float64(bytes_(place, 1)[0])


@kernel
def number(
    operation: int, out: Address, out_type: int, x: Address, x_type: int, y: Address, y_type: int
) -> None:
    """One number from two, in 64 bits."""
    a, b = _read(x_type, x), _read(y_type, y)
    if operation == ADD:
        z = a + b
    elif operation == SUBTRACT:
        z = a - b
    elif operation == MULTIPLY:
        z = a * b
    elif operation == DIVIDE:
        z = a / b
    elif operation == POWER:
        z = a**b
    elif operation == SQRT:
        z = np.sqrt(a)
    elif operation == NEGATIVE:
        z = -a
    else:
        z = a
    if out_type == 0:
        floats(out, 1)[0] = np.float32(z)
    elif out_type == 1:
        doubles(out, 1)[0] = z
    else:
        words(out, 1)[0] = np.int64(z)
