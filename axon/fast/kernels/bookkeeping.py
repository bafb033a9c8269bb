"""The few numbers that a step counts: means so far, the rate of an optimizer."""

import numpy as np

from axon.fast.kernels.declare import kernel
from axon.fast.kernels.intrinsics import doubles, floats, words


@kernel
def add_mean(address: int) -> None:
    """total <- total + count mean; number <- number + count. Words: total, number, mean, count."""
    w = words(address, 6)
    total, number, mean = doubles(w[2], 1), doubles(w[3], 1), floats(w[4], 1)
    total[0] += np.float64(mean[0]) * w[5]
    number[0] += w[5]


@kernel
def adam_scalars(address: int) -> None:
    """Rate and epsilon with bias correction. Words: out, rate, iterations, b1, b2, epsilon."""
    w = words(address, 8)
    out, rate, t = floats(w[2], 2), doubles(w[3], 1)[0], doubles(w[4], 1)[0]
    b1, b2, epsilon = (
        doubles(address + 40, 1)[0],
        doubles(address + 48, 1)[0],
        doubles(address + 56, 1)[0],
    )
    slow = (1.0 - b1) / (1.0 - b1**t)
    root = np.sqrt((1.0 - b2**t) / (1.0 - b2))
    out[0], out[1] = np.float32(rate * slow * root), np.float32(root * epsilon)
