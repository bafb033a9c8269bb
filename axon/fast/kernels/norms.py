"""Rows with mean 0 and deviation 1."""

import numpy as np

from axon.fast.kernels.declare import kernel
from axon.fast.kernels.intrinsics import floats, words

ZERO, ONE = np.float32(0), np.float32(1)


@kernel
def standardize(address: int) -> None:
    """(x - mean) / sqrt(variance + epsilon). Words: lines per row, n, centered, epsilon, out, x."""
    w = words(address, 8)
    lines, n = w[0] * w[2], w[3]
    epsilon, share = floats(address + 40, 1)[0], ONE / np.float32(w[3])
    for i in range(lines):
        out, x = floats(w[6] + 4 * i * n, n), floats(w[7] + 4 * i * n, n)
        mean = ZERO
        if w[4]:
            for j in range(n):
                mean += x[j]
            mean *= share
        s = ZERO
        for j in range(n):
            s += (x[j] - mean) * (x[j] - mean)
        s = ONE / np.sqrt(s * share + epsilon)
        for j in range(n):
            out[j] = (x[j] - mean) * s


@kernel
def row_scale(address: int) -> None:
    """1 / sqrt(variance + epsilon). Words as for standardize."""
    w = words(address, 8)
    lines, n = w[0] * w[2], w[3]
    epsilon, share = floats(address + 40, 1)[0], ONE / np.float32(w[3])
    out = floats(w[6], lines)
    for i in range(lines):
        x = floats(w[7] + 4 * i * n, n)
        mean = ZERO
        if w[4]:
            for j in range(n):
                mean += x[j]
            mean *= share
        s = ZERO
        for j in range(n):
            s += (x[j] - mean) * (x[j] - mean)
        out[i] = ONE / np.sqrt(s * share + epsilon)


@kernel
def standardize_gradient(address: int) -> None:
    """s (g - mean(g) - y mean(g y)). Words: lines per row, n, centered, out, g, y, s."""
    w = words(address, 9)
    lines, n = w[0] * w[2], w[3]
    s, share = floats(w[8], lines), ONE / np.float32(w[3])
    for i in range(lines):
        at = 4 * i * n
        out, g, y = floats(w[5] + at, n), floats(w[6] + at, n), floats(w[7] + at, n)
        mean, along = ZERO, ZERO
        for j in range(n):
            mean += g[j]
            along += g[j] * y[j]
        mean = mean * share if w[4] else ZERO
        along *= share
        for j in range(n):
            out[j] = (g[j] - y[j] * along - mean) * s[i]
