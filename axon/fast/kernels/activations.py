"""Activation functions and their gradients."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from axon.fast.kernels.arithmetic import relu_gradient
from axon.fast.kernels.functions import (
    CLOSE,
    END,
    OVER_ROOT2,
    OVER_ROOT_2PI,
    ROOT2,
    erf,
    erfc,
    exp,
    expm1,
    log1p,
    sigmoid_of,
)
from axon.fast.kernels.walk import COSTS, elementwise, walks

F = np.float32
ZERO, HALF, ONE, TWO, THREE, FOUR, SIX = F(0), F(0.5), F(1), F(2), F(3), F(4), F(6)
LOW, HIGH = F(-87.33654), F(87.33654)  # sigmoid is 0 or 1 beyond
ALPHA, SCALE = F(1.6732632423543772848), F(1.0507009873554804935)
SLOPE, CUBE = F(1.5957691216057307), F(0.07135481282553977)  # of the tanh form of gelu
STRAIGHT, START = F(20), F(-80)  # mish is x above, 0 below

# ------------------------------------------------------------------------------------ straight


@elementwise(cost=0.1)
def relu6(x: float) -> float:
    """x, but from 0 to 6."""
    y = x if not x <= ZERO else ZERO
    return y if not y >= SIX else SIX


@elementwise(cost=0.2)
def relu6_gradient(g: float, y: float) -> float:
    """g where y is between 0 and 6, else 0."""
    return g * (ONE if (SIX - y) * y > ZERO else ZERO)


@elementwise(cost=0.15)
def hard_sigmoid(x: float) -> float:
    """relu6(x + 3) / 6."""
    return relu6(x + THREE) / SIX


@elementwise(cost=0.2)
def hard_sigmoid_gradient(g: float, y: float) -> float:
    """g / 6 where y is between 0 and 1, else 0."""
    return g * (ONE / SIX if (ONE - y) * y > ZERO else ZERO)


@elementwise(cost=0.15)
def leaky_relu(x: float, slope: float) -> float:
    """The larger of x and slope x; the second input is the slope."""
    y = slope * x
    return x if not x < y else y


@elementwise(cost=0.2)
def leaky_relu_gradient(g: float, y: float, slope: float) -> float:
    """g where y is positive, else slope g."""
    return g * (ONE if y > ZERO else slope)


# ------------------------------------------------------------------------------------ bent


@elementwise(cost=0.7)
def elu(x: float, alpha: float) -> float:
    """x above 0, alpha (e^x - 1) below; the second input is alpha."""
    return x if x > ZERO else alpha * expm1(x)


@elementwise(cost=0.2)
def elu_gradient(g: float, y: float, alpha: float) -> float:
    """g where y is positive, else g (y + alpha)."""
    return g * (ONE if y > ZERO else y + alpha)


@elementwise(cost=1.0)
def selu(x: float) -> float:
    """scale elu(x)."""
    return SCALE * elu(x, ALPHA)


@elementwise(cost=0.2)
def selu_gradient(g: float, y: float) -> float:
    """g scale where y is positive, else g (y + scale alpha)."""
    return g * (SCALE if y > ZERO else y + SCALE * ALPHA)


@elementwise(cost=1.0)
def softplus(x: float) -> float:
    """log(1 + e^x)."""
    return (x if not x <= ZERO else ZERO) + log1p(exp(-abs(x)))


@elementwise(cost=1.0)
def softplus_gradient(g: float, y: float) -> float:
    """g (1 - e^-y)."""
    return -expm1(-y) * g


@elementwise(cost=0.1)
def softsign(x: float) -> float:
    """x / (1 + |x|)."""
    return x / (ONE + abs(x))


@elementwise(cost=0.2)
def softsign_gradient(g: float, y: float) -> float:
    """g (1 - |y|)^2."""
    d = ONE - abs(y)
    return g * (d * d)


# ------------------------------------------------------------------------------------ gates


@elementwise(cost=1.0)
def silu(x: float) -> float:
    """x / (1 + e^-x)."""
    y = x if not x < LOW else LOW
    return y / (ONE + exp(-y))


@elementwise(cost=1.0)
def silu_gradient(g: float, x: float) -> float:
    """g s (1 + x (1 - s)), where s = sigmoid(x)."""
    y = x if not x < LOW else LOW
    y = y if not y > HIGH else HIGH
    s = sigmoid_of(y)
    return g * (s * (ONE + y * (ONE - s)))


@elementwise(cost=1.0)
def mish(x: float) -> float:
    """x m / (m + 2), where e = e^x and m = e (e + 2)."""
    y = x if not x < START else START
    e = exp(y if not y > STRAIGHT else STRAIGHT)
    m = e * (e + TWO)
    return y * (m / (m + TWO))


@elementwise(cost=1.0)
def mish_gradient(g: float, x: float) -> float:
    """g (m / d + 4 x e (e + 1) / d^2), where d = m + 2."""
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


@elementwise(cost=1.0)
def gelu(x: float) -> float:
    """x P(x), where P(x) = (1 + erf(x / sqrt(2))) / 2."""
    a = abs(x)
    a = a if not a > END * ROOT2 else END * ROOT2
    return (x if not x <= ZERO else ZERO) - a * _below(a)


@elementwise(cost=1.0)
def gelu_gradient(g: float, x: float) -> float:
    """g (P(x) + x P'(x))."""
    a = abs(x)
    a = a if not a > END * ROOT2 else END * ROOT2
    u = _below(a) - a * OVER_ROOT_2PI * exp(-HALF * (a * a))
    return g * (ONE - u if x > ZERO else u)


@njit(forceinline=True, fastmath=CLOSE)
def _tail(a: float) -> float:
    """sigmoid(-z)."""
    e = exp(-a * (SLOPE + CUBE * (a * a)))
    return e / (ONE + e)


@elementwise(cost=1.0)
def gelu_by_tanh(x: float) -> float:
    """x sigmoid(z), where z = SLOPE x + CUBE x^3."""
    a = abs(x)
    a = a if not a > END else END
    return (x if not x <= ZERO else ZERO) - a * _tail(a)


@elementwise(cost=1.0)
def gelu_by_tanh_gradient(g: float, x: float) -> float:
    """g (s + x z' s (1 - s)), where s = sigmoid(z)."""
    a = abs(x)
    a = a if not a > END else END
    q = _tail(a)
    u = q - a * (SLOPE + THREE * CUBE * (a * a)) * q * (ONE - q)
    return g * (ONE - u if x > ZERO else u)


@elementwise(cost=0.8)
def sigmoid_cross_entropy_gradient(g: float, x: float, t: float) -> float:
    """g (sigmoid(x) - t)."""
    return g * (sigmoid_of(x) - t)


walks("erf", erf, cost=1.0)

# ------------------------------------------------------------------------------------ parametric
# y = x + a (f(x) - x) in one go, and its gradients; each number is rounded as if step by step


@njit(forceinline=True, fastmath=False)
def between(x: float, y: float, a: float) -> float:
    """x + a (y - x)."""
    return x + a * (y - x)


@njit(forceinline=True, fastmath=False)
def times_difference(g: float, y: float, x: float) -> float:
    """g (y - x)."""
    return g * (y - x)


def _bent(gradient: Callable[..., Any]) -> Callable[..., Any]:
    @njit(forceinline=True, fastmath=False)
    def bent(g: float, a: float, y: float) -> float:
        """g - g a, and what comes back through f; y is what its gradient is told by."""
        p = g * a
        return (g - p) + gradient(p, y)

    return bent


walks("between", between, cost=0.2)
walks("times_difference", times_difference, cost=0.2)
BENT = {  # by the primitive that is the gradient of f; nothing in them can be rounded otherwise
    "selu_gradient": selu_gradient,
    "relu_gradient": relu_gradient,
    "relu6_gradient": relu6_gradient,
    "hard_sigmoid_gradient": hard_sigmoid_gradient,
}
for _name, _gradient in BENT.items():
    walks(f"bent_{_name}", _bent(_gradient), cost=COSTS[_name] + 0.1)
