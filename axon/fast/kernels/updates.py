"""The optimizers' updates, each in one pass over the parameters.

Arguments have the names that they have where the primitive is declared: the rule gives them so.
"""

from typing import Any

import numpy as np
from numba import njit

from axon.fast.kernels.arguments import Double, Doubles, Float, Floats, LongReal, Real
from axon.fast.kernels.declare import kernel

ZERO, ONE = np.float32(0), np.float32(1)


@kernel
def sgd_update(rows: int, w: Floats, g: Floats, rate: Float) -> None:
    """w <- w - rate g."""
    for i in range(rows):
        w[i] -= rate * g[i]


@kernel
def adam_update(
    rows: int, w: Floats, m: Floats, v: Floats, g: Floats,
    rate: Float, epsilon: Float, beta_1: Real, beta_2: Real,
) -> None:  # fmt: skip
    """m <- b1 m + g; v <- b2 v + g^2; w <- w - rate m / (sqrt(v) + epsilon)."""
    for i in range(rows):
        m[i] = beta_1 * m[i] + g[i]
        v[i] = beta_2 * v[i] + g[i] * g[i]
        w[i] -= rate * m[i] / (np.sqrt(v[i]) + epsilon)


# ------------------------------------------------------------------------------------ others


@njit(inline="always")
def by_momentum(
    rows: int, w: Any, v: Any, g: Any, rate: float, momentum: float, nesterov: bool
) -> None:
    """v <- momentum v + g; w <- w - rate v, or with nesterov w <- w - rate (g + momentum v)."""
    if nesterov:
        for i in range(rows):
            v[i] = momentum * v[i] + g[i]
            w[i] -= rate * (g[i] + momentum * v[i])
    else:
        for i in range(rows):
            v[i] = momentum * v[i] + g[i]
            w[i] -= rate * v[i]


@kernel
def momentum_update(
    rows: int, w: Floats, v: Floats, g: Floats, rate: Float, momentum: Real, nesterov: bool
) -> None:
    """With one momentum for all steps."""
    by_momentum(rows, w, v, g, rate, momentum, nesterov)


@kernel
def changing_momentum_update(
    rows: int, w: Floats, v: Floats, g: Floats, rate: Float, momentum: Float, nesterov: bool
) -> None:
    """With a momentum that lies in memory."""
    by_momentum(rows, w, v, g, rate, momentum, nesterov)


@kernel
def amsgrad_update(
    rows: int, w: Floats, m: Floats, v: Floats, largest: Floats, g: Floats,
    rate: Float, epsilon: Float, beta_1: Real, beta_2: Real,
) -> None:  # fmt: skip
    """As adam_update, but divides by the root of the largest v so far."""
    for i in range(rows):
        m[i] = beta_1 * m[i] + g[i]
        v[i] = beta_2 * v[i] + g[i] * g[i]
        old, new = largest[i], v[i]
        top = old if old >= new or old != old else new
        largest[i] = top
        w[i] -= rate * m[i] / (np.sqrt(top) + epsilon)


@kernel
def nadam_update(
    rows: int, w: Floats, m: Floats, v: Floats, g: Floats,
    slow: Float, fast: Float, epsilon: Float, beta_1: Real, beta_2: Real,
) -> None:  # fmt: skip
    """m, v as in adam_update; w <- w - (slow m + fast g) / (sqrt(v) + epsilon)."""
    for i in range(rows):
        m[i] = beta_1 * m[i] + g[i]
        v[i] = beta_2 * v[i] + g[i] * g[i]
        w[i] -= (slow * m[i] + fast * g[i]) / (np.sqrt(v[i]) + epsilon)


@kernel
def adamax_update(
    rows: int, w: Floats, m: Floats, u: Floats, g: Floats,
    rate: Float, beta_1: Real, beta_2: Real, epsilon: Real,
) -> None:  # fmt: skip
    """m <- b1 m + g; u <- max(b2 u, |g|); w <- w - rate m / (u + epsilon)."""
    for i in range(rows):
        m[i] = beta_1 * m[i] + g[i]
        old, new = beta_2 * u[i], abs(g[i])
        u[i] = old if old >= new or old != old else new
        w[i] -= rate * m[i] / (u[i] + epsilon)


@kernel
def lion_update(
    rows: int, w: Floats, m: Floats, g: Floats, rate: Float, beta_1: LongReal, beta_2: LongReal
) -> None:
    """w <- w - rate sign(b1 m + (1 - b1) g); m <- b2 m + (1 - b2) g."""
    b1, c1 = np.float32(beta_1), np.float32(1.0 - beta_1)
    b2, c2 = np.float32(beta_2), np.float32(1.0 - beta_2)
    for i in range(rows):
        t = b1 * m[i] + c1 * g[i]
        s = ONE if t > ZERO else (-ONE if t < ZERO else t * ZERO)
        w[i] -= rate * s
        m[i] = b2 * m[i] + c2 * g[i]


@kernel
def adagrad_update(
    rows: int, w: Floats, total: Floats, g: Floats, rate: Float, epsilon: Real, one: Real
) -> None:
    """total <- total + g^2; w <- w - rate g / sqrt(total + epsilon).

    The compiler must not know that ``one`` is 1: it would not round g^2 before it is added.
    """
    for i in range(rows):
        total[i] += one * (g[i] * g[i])
        w[i] -= rate * (g[i] / np.sqrt(total[i] + epsilon))


@kernel
def rmsprop_update(
    rows: int, w: Floats, v: Floats, g: Floats, rate: Float, rho: LongReal, epsilon: Real
) -> None:
    """v <- rho v + (1 - rho) g^2; w <- w - rate g / sqrt(v + epsilon)."""
    keep, rest = np.float32(rho), np.float32(1.0 - rho)
    for i in range(rows):
        v[i] = keep * v[i] + rest * (g[i] * g[i])
        w[i] -= rate * (g[i] / np.sqrt(v[i] + epsilon))


@njit(inline="always")
def rms_by_momentum(
    rows: int, w: Any, v: Any, mean: Any, velocity: Any, g: Any, rate: float,
    rho: float, momentum: float, epsilon: float, centered: bool,
) -> None:  # fmt: skip
    """As rmsprop_update, with momentum, and with v - mean^2 in the place of v if centered."""
    keep, rest = np.float32(rho), np.float32(1.0 - rho)
    for i in range(rows):
        v[i] = keep * v[i] + rest * (g[i] * g[i])
        t = v[i]
        if centered:
            mean[i] = keep * mean[i] + rest * g[i]
            t = v[i] - mean[i] * mean[i]
            t = t if not t < ZERO else ZERO
        velocity[i] = momentum * velocity[i] + rate * (g[i] / np.sqrt(t + epsilon))
        w[i] -= velocity[i]


@kernel
def rmsprop_momentum_update(
    rows: int, w: Floats, v: Floats, mean: Floats, velocity: Floats, g: Floats, rate: Float,
    rho: LongReal, momentum: Real, epsilon: Real, centered: bool,
) -> None:  # fmt: skip
    """With one momentum for all steps."""
    rms_by_momentum(rows, w, v, mean, velocity, g, rate, rho, momentum, epsilon, centered)


@kernel
def changing_rmsprop_update(
    rows: int, w: Floats, v: Floats, mean: Floats, velocity: Floats, g: Floats, rate: Float,
    momentum: Float, rho: LongReal, epsilon: Real, centered: bool,
) -> None:  # fmt: skip
    """With a momentum that lies in memory."""
    rms_by_momentum(rows, w, v, mean, velocity, g, rate, rho, momentum, epsilon, centered)


@kernel
def shrink(rows: int, w: Floats, share: Float) -> None:
    """w <- w - share w."""
    for i in range(rows):
        w[i] -= share * w[i]


@kernel
def approach(rows: int, a: Floats, w: Floats, share: Float) -> None:
    """a <- a + share (w - a)."""
    for i in range(rows):
        a[i] += share * (w[i] - a[i])


@kernel
def complete_mean(rows: int, total: Floats, x: Floats, count: Real) -> None:
    """total <- (total + x) / count."""
    for i in range(rows):
        total[i] = (total[i] + x[i]) / count


@kernel
def limit_value(rows: int, x: Floats, limit: Real) -> None:
    """x <- x, from -limit to limit."""
    for i in range(rows):
        y = x[i] if not x[i] > limit else limit
        x[i] = y if not y < -limit else -limit


@kernel
def limit_norm(rows: int, x: Floats, norm: Double, limit: LongReal) -> None:
    """x <- x min(1, limit / norm)."""
    factor = np.float32(limit / (norm if not norm < limit else limit))
    for i in range(rows):
        x[i] *= factor


@kernel
def add_norm(n: int, total: Doubles, x: Floats) -> None:
    """total <- sqrt(total^2 + sum of x^2), in 64 bits."""
    s = 0.0
    for i in range(n):
        y = np.float64(x[i])
        s += y * y
    s = s if s < np.inf else np.nan
    total[0] = np.sqrt(total[0] * total[0] + s)
