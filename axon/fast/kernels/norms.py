"""Rows with mean 0 and deviation 1."""

import numpy as np
from numba import njit

from axon.fast.kernels.arguments import Address, Floats, Real
from axon.fast.kernels.declare import kernel
from axon.fast.kernels.intrinsics import floats

ZERO, ONE = np.float32(0), np.float32(1)


@njit(inline="always")
def mean_and_scale(x: Floats, n: int, centered: bool, epsilon: float) -> tuple[float, float]:
    """The mean, or 0 if it is not asked for, and 1 / sqrt(variance + epsilon)."""
    share, mean, s = ONE / np.float32(n), ZERO, ZERO
    if centered:
        for j in range(n):
            mean += x[j]
        mean *= share
    for j in range(n):
        s += (x[j] - mean) * (x[j] - mean)
    return mean, ONE / np.sqrt(s * share + epsilon)


@kernel
def standardize(
    rows: int, lines: int, n: int, centered: bool, epsilon: Real, out: Address, x: Address
) -> None:
    """(x - mean) / sqrt(variance + epsilon), line by line."""
    for i in range(rows * lines):
        y, a = floats(out + 4 * i * n, n), floats(x + 4 * i * n, n)
        mean, s = mean_and_scale(a, n, centered, epsilon)
        for j in range(n):
            y[j] = (a[j] - mean) * s


@kernel
def row_scale(
    rows: int, lines: int, n: int, centered: bool, epsilon: Real, out: Floats, x: Address
) -> None:
    """1 / sqrt(variance + epsilon) of each line."""
    for i in range(rows * lines):
        _, out[i] = mean_and_scale(floats(x + 4 * i * n, n), n, centered, epsilon)


@kernel
def standardize_gradient(
    rows: int, lines: int, n: int, centered: bool,
    out: Address, g: Address, y: Address, s: Floats,
) -> None:  # fmt: skip
    """s (g - mean(g) - y mean(g y)), line by line."""
    share = ONE / np.float32(n)
    for i in range(rows * lines):
        at = 4 * i * n
        dx, a, b = floats(out + at, n), floats(g + at, n), floats(y + at, n)
        mean, along = ZERO, ZERO
        for j in range(n):
            mean += a[j]
            along += a[j] * b[j]
        mean = mean * share if centered else ZERO
        along *= share
        for j in range(n):
            dx[j] = (a[j] - b[j] * along - mean) * s[i]
