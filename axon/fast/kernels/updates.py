"""The optimizers' updates, each in one pass over the parameters."""

import numpy as np

from axon.fast.kernels.declare import kernel
from axon.fast.kernels.intrinsics import doubles, floats, words

ZERO, ONE = np.float32(0), np.float32(1)


@kernel
def sgd_update(address: int) -> None:
    """w <- w - rate g. Words: numbers per row, w, g, rate."""
    a = words(address, 6)
    n = a[0] * a[2]
    w, g, rate = floats(a[3], n), floats(a[4], n), floats(a[5], 1)[0]
    for i in range(n):
        w[i] -= rate * g[i]


@kernel
def adam_update(address: int) -> None:
    """m <- b1 m + g; v <- b2 v + g^2; w <- w - rate m / (sqrt(v) + epsilon).

    Words: numbers per row, w, m, v, g, rate, epsilon, bits of b1 and of b2.
    """
    a = words(address, 11)
    n = a[0] * a[2]
    w, m, v, g = floats(a[3], n), floats(a[4], n), floats(a[5], n), floats(a[6], n)
    rate, epsilon = floats(a[7], 1)[0], floats(a[8], 1)[0]
    b1, b2 = floats(address + 72, 1)[0], floats(address + 80, 1)[0]
    for i in range(n):
        m[i] = b1 * m[i] + g[i]
        v[i] = b2 * v[i] + g[i] * g[i]
        w[i] -= rate * m[i] / (np.sqrt(v[i]) + epsilon)


# ------------------------------------------------------------------------------------ others


@kernel
def momentum_update(address: int) -> None:
    """v <- momentum v + g; w <- w - rate v, or with nesterov w <- w - rate (g + momentum v).

    Words: numbers per row, w, v, g, rate, bits of momentum, nesterov.
    """
    a = words(address, 9)
    n = a[0] * a[2]
    w, v, g = floats(a[3], n), floats(a[4], n), floats(a[5], n)
    rate, momentum = floats(a[6], 1)[0], floats(address + 56, 1)[0]
    if a[8]:
        for i in range(n):
            v[i] = momentum * v[i] + g[i]
            w[i] -= rate * (g[i] + momentum * v[i])
    else:
        for i in range(n):
            v[i] = momentum * v[i] + g[i]
            w[i] -= rate * v[i]


@kernel
def amsgrad_update(address: int) -> None:
    """As adam_update, but divides by the root of the largest v so far.

    Words: numbers per row, w, m, v, largest, g, rate, epsilon, bits of b1 and of b2.
    """
    a = words(address, 12)
    n = a[0] * a[2]
    w, m, v, largest, g = (
        floats(a[3], n), floats(a[4], n), floats(a[5], n), floats(a[6], n), floats(a[7], n)
    )  # fmt: skip
    rate, epsilon = floats(a[8], 1)[0], floats(a[9], 1)[0]
    b1, b2 = floats(address + 80, 1)[0], floats(address + 88, 1)[0]
    for i in range(n):
        m[i] = b1 * m[i] + g[i]
        v[i] = b2 * v[i] + g[i] * g[i]
        old, new = largest[i], v[i]
        top = old if old >= new or old != old else new
        largest[i] = top
        w[i] -= rate * m[i] / (np.sqrt(top) + epsilon)


@kernel
def nadam_update(address: int) -> None:
    """m, v as in adam_update; w <- w - (slow m + fast g) / (sqrt(v) + epsilon).

    Words: numbers per row, w, m, v, g, slow, fast, epsilon, bits of b1 and of b2.
    """
    a = words(address, 12)
    n = a[0] * a[2]
    w, m, v, g = floats(a[3], n), floats(a[4], n), floats(a[5], n), floats(a[6], n)
    slow, fast, epsilon = floats(a[7], 1)[0], floats(a[8], 1)[0], floats(a[9], 1)[0]
    b1, b2 = floats(address + 80, 1)[0], floats(address + 88, 1)[0]
    for i in range(n):
        m[i] = b1 * m[i] + g[i]
        v[i] = b2 * v[i] + g[i] * g[i]
        w[i] -= (slow * m[i] + fast * g[i]) / (np.sqrt(v[i]) + epsilon)


@kernel
def adamax_update(address: int) -> None:
    """m <- b1 m + g; u <- max(b2 u, |g|); w <- w - rate m / (u + epsilon).

    Words: numbers per row, w, m, u, g, rate, bits of b1, b2 and epsilon.
    """
    a = words(address, 11)
    n = a[0] * a[2]
    w, m, u, g = floats(a[3], n), floats(a[4], n), floats(a[5], n), floats(a[6], n)
    rate, b1 = floats(a[7], 1)[0], floats(address + 64, 1)[0]
    b2, epsilon = floats(address + 72, 1)[0], floats(address + 80, 1)[0]
    for i in range(n):
        m[i] = b1 * m[i] + g[i]
        old, new = b2 * u[i], abs(g[i])
        u[i] = old if old >= new or old != old else new
        w[i] -= rate * m[i] / (u[i] + epsilon)


@kernel
def lion_update(address: int) -> None:
    """w <- w - rate sign(b1 m + (1 - b1) g); m <- b2 m + (1 - b2) g.

    Words: numbers per row, w, m, g, rate, bits of b1, 1 - b1, b2 and 1 - b2.
    """
    a = words(address, 11)
    n = a[0] * a[2]
    w, m, g, rate = floats(a[3], n), floats(a[4], n), floats(a[5], n), floats(a[6], 1)[0]
    b1, c1 = floats(address + 56, 1)[0], floats(address + 64, 1)[0]
    b2, c2 = floats(address + 72, 1)[0], floats(address + 80, 1)[0]
    for i in range(n):
        t = b1 * m[i] + c1 * g[i]
        s = ONE if t > ZERO else (-ONE if t < ZERO else t * ZERO)
        w[i] -= rate * s
        m[i] = b2 * m[i] + c2 * g[i]


@kernel
def rmsprop_update(address: int) -> None:
    """v <- rho v + (1 - rho) g^2; w <- w - rate g / sqrt(v + epsilon).

    Words: numbers per row, w, v, g, rate, bits of rho, 1 - rho and epsilon; adagrad: 1, 1, epsilon.
    """
    a = words(address, 10)
    n = a[0] * a[2]
    w, v, g, rate = floats(a[3], n), floats(a[4], n), floats(a[5], n), floats(a[6], 1)[0]
    rho, rest = floats(address + 56, 1)[0], floats(address + 64, 1)[0]
    epsilon = floats(address + 72, 1)[0]
    for i in range(n):
        v[i] = rho * v[i] + rest * (g[i] * g[i])
        w[i] -= rate * (g[i] / np.sqrt(v[i] + epsilon))


@kernel
def rmsprop_momentum_update(address: int) -> None:
    """As rmsprop_update, with momentum, and with v - mean^2 in the place of v if centered.

    Words: numbers per row, w, v, mean, velocity, g, rate, bits of rho, 1 - rho, epsilon and
    momentum, centered.
    """
    a = words(address, 14)
    n = a[0] * a[2]
    w, v, mean, velocity, g = (
        floats(a[3], n), floats(a[4], n), floats(a[5], n), floats(a[6], n), floats(a[7], n)
    )  # fmt: skip
    rate, rho, rest = floats(a[8], 1)[0], floats(address + 72, 1)[0], floats(address + 80, 1)[0]
    epsilon, momentum = floats(address + 88, 1)[0], floats(address + 96, 1)[0]
    for i in range(n):
        v[i] = rho * v[i] + rest * (g[i] * g[i])
        t = v[i]
        if a[13]:
            mean[i] = rho * mean[i] + rest * g[i]
            t = v[i] - mean[i] * mean[i]
            t = t if not t < ZERO else ZERO
        velocity[i] = momentum * velocity[i] + rate * (g[i] / np.sqrt(t + epsilon))
        w[i] -= velocity[i]


@kernel
def shrink(address: int) -> None:
    """w <- w - share w. Words: numbers per row, w, share."""
    a = words(address, 5)
    n = a[0] * a[2]
    w, share = floats(a[3], n), floats(a[4], 1)[0]
    for i in range(n):
        w[i] -= share * w[i]


@kernel
def approach(address: int) -> None:
    """a <- a + share (w - a). Words: numbers per row, a, w, share."""
    a = words(address, 6)
    n = a[0] * a[2]
    x, w, share = floats(a[3], n), floats(a[4], n), floats(a[5], 1)[0]
    for i in range(n):
        x[i] += share * (w[i] - x[i])


@kernel
def complete_mean(address: int) -> None:
    """total <- (total + x) / count. Words: numbers per row, total, x, bits of count."""
    a = words(address, 6)
    n = a[0] * a[2]
    total, x, count = floats(a[3], n), floats(a[4], n), floats(address + 40, 1)[0]
    for i in range(n):
        total[i] = (total[i] + x[i]) / count


@kernel
def limit_value(address: int) -> None:
    """x <- x, from -limit to limit. Words: numbers per row, x, bits of limit."""
    a = words(address, 5)
    n = a[0] * a[2]
    x, limit = floats(a[3], n), floats(address + 32, 1)[0]
    for i in range(n):
        y = x[i] if not x[i] > limit else limit
        x[i] = y if not y < -limit else -limit


@kernel
def limit_norm(address: int) -> None:
    """x <- x min(1, limit / norm). Words: numbers per row, x, norm (64 bits), bits of limit."""
    a = words(address, 6)
    n = a[0] * a[2]
    x, norm, limit = floats(a[3], n), doubles(a[4], 1)[0], doubles(address + 40, 1)[0]
    factor = np.float32(limit / (norm if not norm < limit else limit))
    for i in range(n):
        x[i] *= factor


@kernel
def add_norm(address: int) -> None:
    """total <- sqrt(total^2 + sum of x^2), in 64 bits. Words: numbers, total, x."""
    a = words(address, 5)
    total, x = doubles(a[3], 1), floats(a[4], a[2])
    s = 0.0
    for i in range(a[2]):
        y = np.float64(x[i])
        s += y * y
    s = s if s < np.inf else np.nan
    total[0] = np.sqrt(total[0] * total[0] + s)
