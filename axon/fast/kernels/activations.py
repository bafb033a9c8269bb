"""Activation functions and their gradients."""

import numpy as np
from numba import njit

from axon.fast.kernels.arithmetic import of_one, of_two
from axon.fast.kernels.declare import kernel
from axon.fast.kernels.functions import (
    CLOSE,
    END,
    OVER_ROOT2,
    OVER_ROOT_2PI,
    ROOT2,
    erfc,
    exp,
    expm1,
    log1p,
    sigmoid_of,
)
from axon.fast.kernels.functions import (
    erf as erf_of,
)
from axon.fast.kernels.intrinsics import floats
from axon.fast.kernels.walk import triples

F = np.float32
ZERO, HALF, ONE, TWO, THREE, FOUR, SIX = F(0), F(0.5), F(1), F(2), F(3), F(4), F(6)
LOW, HIGH = F(-87.33654), F(87.33654)  # sigmoid is 0 or 1 beyond
ALPHA, SCALE = F(1.6732632423543772848), F(1.0507009873554804935)
SLOPE, CUBE = F(1.5957691216057307), F(0.07135481282553977)  # of the tanh form of gelu
STRAIGHT, START = F(20), F(-80)  # mish is x above, 0 below

# ------------------------------------------------------------------------------------ straight


@kernel
def relu6(address: int) -> None:
    """x, but from 0 to 6."""
    of_one(_relu6, address)


@kernel
def relu6_gradient(address: int) -> None:
    """g where y is between 0 and 6, else 0."""
    of_two(_relu6_gradient, address)


@kernel
def hard_sigmoid(address: int) -> None:
    """relu6(x + 3) / 6."""
    of_one(_hard_sigmoid, address)


@kernel
def hard_sigmoid_gradient(address: int) -> None:
    """g / 6 where y is between 0 and 1, else 0."""
    of_two(_hard_sigmoid_gradient, address)


@kernel
def leaky_relu(address: int) -> None:
    """The larger of x and slope x; the second input is the slope."""
    of_two(_leaky_relu, address)


@kernel
def leaky_relu_gradient(address: int) -> None:
    """g where y is positive, else slope g."""
    triples(_leaky_relu_gradient, floats, floats, 4, 4, address)


@njit(forceinline=True, fastmath=CLOSE)
def _relu6(x: float) -> float:
    y = x if not x <= ZERO else ZERO
    return y if not y >= SIX else SIX


@njit(forceinline=True, fastmath=CLOSE)
def _relu6_gradient(g: float, y: float) -> float:
    return g * (ONE if (SIX - y) * y > ZERO else ZERO)


@njit(forceinline=True, fastmath=CLOSE)
def _hard_sigmoid(x: float) -> float:
    return _relu6(x + THREE) / SIX


@njit(forceinline=True, fastmath=CLOSE)
def _hard_sigmoid_gradient(g: float, y: float) -> float:
    return g * (ONE / SIX if (ONE - y) * y > ZERO else ZERO)


@njit(forceinline=True, fastmath=CLOSE)
def _leaky_relu(x: float, slope: float) -> float:
    y = slope * x
    return x if not x < y else y


@njit(forceinline=True, fastmath=CLOSE)
def _leaky_relu_gradient(g: float, y: float, slope: float) -> float:
    return g * (ONE if y > ZERO else slope)


# ------------------------------------------------------------------------------------ bent


@kernel
def elu(address: int) -> None:
    """x above 0, alpha (e^x - 1) below; the second input is alpha."""
    of_two(_elu, address)


@kernel
def elu_gradient(address: int) -> None:
    """g where y is positive, else g (y + alpha)."""
    triples(_elu_gradient, floats, floats, 4, 4, address)


@kernel
def selu(address: int) -> None:
    """scale elu(x)."""
    of_one(_selu, address)


@kernel
def selu_gradient(address: int) -> None:
    """g scale where y is positive, else g (y + scale alpha)."""
    of_two(_selu_gradient, address)


@kernel
def softplus(address: int) -> None:
    """log(1 + e^x)."""
    of_one(_softplus, address)


@kernel
def softplus_gradient(address: int) -> None:
    """g (1 - e^-y)."""
    of_two(_softplus_gradient, address)


@kernel
def softsign(address: int) -> None:
    """x / (1 + |x|)."""
    of_one(_softsign, address)


@kernel
def softsign_gradient(address: int) -> None:
    """g (1 - |y|)^2."""
    of_two(_softsign_gradient, address)


@njit(forceinline=True, fastmath=CLOSE)
def _elu(x: float, alpha: float) -> float:
    return x if x > ZERO else alpha * expm1(x)


@njit(forceinline=True, fastmath=CLOSE)
def _elu_gradient(g: float, y: float, alpha: float) -> float:
    return g * (ONE if y > ZERO else y + alpha)


@njit(forceinline=True, fastmath=CLOSE)
def _selu(x: float) -> float:
    return SCALE * _elu(x, ALPHA)


@njit(forceinline=True, fastmath=CLOSE)
def _selu_gradient(g: float, y: float) -> float:
    return g * (SCALE if y > ZERO else y + SCALE * ALPHA)


@njit(forceinline=True, fastmath=CLOSE)
def _softplus(x: float) -> float:
    return (x if not x <= ZERO else ZERO) + log1p(exp(-abs(x)))


@njit(forceinline=True, fastmath=CLOSE)
def _softplus_gradient(g: float, y: float) -> float:
    return -expm1(-y) * g


@njit(forceinline=True, fastmath=CLOSE)
def _softsign(x: float) -> float:
    return x / (ONE + abs(x))


@njit(forceinline=True, fastmath=CLOSE)
def _softsign_gradient(g: float, y: float) -> float:
    d = ONE - abs(y)
    return g * (d * d)


# ------------------------------------------------------------------------------------ gates


@kernel
def silu(address: int) -> None:
    """x / (1 + e^-x)."""
    of_one(_silu, address)


@kernel
def silu_gradient(address: int) -> None:
    """g s (1 + x (1 - s)), where s = sigmoid(x)."""
    of_two(_silu_gradient, address)


@kernel
def mish(address: int) -> None:
    """x m / (m + 2), where e = e^x and m = e (e + 2)."""
    of_one(_mish, address)


@kernel
def mish_gradient(address: int) -> None:
    """g (m / d + 4 x e (e + 1) / d^2), where d = m + 2."""
    of_two(_mish_gradient, address)


@kernel
def erf(address: int) -> None:
    """The error function."""
    of_one(erf_of, address)


@kernel
def gelu(address: int) -> None:
    """x P(x), where P(x) = (1 + erf(x / sqrt(2))) / 2."""
    of_one(_gelu, address)


@kernel
def gelu_gradient(address: int) -> None:
    """g (P(x) + x P'(x))."""
    of_two(_gelu_gradient, address)


@kernel
def gelu_by_tanh(address: int) -> None:
    """x sigmoid(z), where z = SLOPE x + CUBE x^3."""
    of_one(_gelu_by_tanh, address)


@kernel
def gelu_by_tanh_gradient(address: int) -> None:
    """g (s + x z' s (1 - s)), where s = sigmoid(z)."""
    of_two(_gelu_by_tanh_gradient, address)


@njit(forceinline=True, fastmath=CLOSE)
def _silu(x: float) -> float:
    y = x if not x < LOW else LOW
    return y / (ONE + exp(-y))


@njit(forceinline=True, fastmath=CLOSE)
def _silu_gradient(g: float, x: float) -> float:
    y = x if not x < LOW else LOW
    y = y if not y > HIGH else HIGH
    s = sigmoid_of(y)
    return g * (s * (ONE + y * (ONE - s)))


@njit(forceinline=True, fastmath=CLOSE)
def _mish(x: float) -> float:
    y = x if not x < START else START
    e = exp(y if not y > STRAIGHT else STRAIGHT)
    m = e * (e + TWO)
    return y * (m / (m + TWO))


@njit(forceinline=True, fastmath=CLOSE)
def _mish_gradient(g: float, x: float) -> float:
    y = x if not x < START else START
    y = y if not y > STRAIGHT else STRAIGHT
    e = exp(y)
    m = e * (e + TWO)
    d = m + TWO
    return g * (m / d + FOUR * (y * e / d) * ((e + ONE) / d))


@njit(forceinline=True, fastmath=CLOSE)
def _below(a: float) -> float:
    """P(-a)."""
    b = a * OVER_ROOT2
    return HALF * erfc(b if not b > END else END)


@njit(forceinline=True, fastmath=CLOSE)
def _gelu(x: float) -> float:
    a = abs(x)
    a = a if not a > END * ROOT2 else END * ROOT2
    return (x if not x <= ZERO else ZERO) - a * _below(a)


@njit(forceinline=True, fastmath=CLOSE)
def _gelu_gradient(g: float, x: float) -> float:
    a = abs(x)
    a = a if not a > END * ROOT2 else END * ROOT2
    u = _below(a) - a * OVER_ROOT_2PI * exp(-HALF * (a * a))
    return g * (ONE - u if x > ZERO else u)


@njit(forceinline=True, fastmath=CLOSE)
def _tail(a: float) -> float:
    """sigmoid(-z)."""
    e = exp(-a * (SLOPE + CUBE * (a * a)))
    return e / (ONE + e)


@njit(forceinline=True, fastmath=CLOSE)
def _gelu_by_tanh(x: float) -> float:
    a = abs(x)
    a = a if not a > END else END
    return (x if not x <= ZERO else ZERO) - a * _tail(a)


@njit(forceinline=True, fastmath=CLOSE)
def _gelu_by_tanh_gradient(g: float, x: float) -> float:
    a = abs(x)
    a = a if not a > END else END
    q = _tail(a)
    u = q - a * (SLOPE + THREE * CUBE * (a * a)) * q * (ONE - q)
    return g * (ONE - u if x > ZERO else u)


@kernel
def sigmoid_cross_entropy_gradient(address: int) -> None:
    """g (sigmoid(x) - t)."""
    triples(_sigmoid_cross_entropy_gradient, floats, floats, 4, 4, address)


@njit(forceinline=True, fastmath=CLOSE)
def _sigmoid_cross_entropy_gradient(g: float, x: float, t: float) -> float:
    return g * (sigmoid_of(x) - t)
