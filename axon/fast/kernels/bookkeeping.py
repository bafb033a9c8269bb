"""The few numbers that a step counts: means so far, the rate of an optimizer."""

import numpy as np

from axon.fast.kernels.arguments import Double, Doubles, Float, Floats, LongReal
from axon.fast.kernels.declare import kernel


@kernel
def add_mean(total: Doubles, number: Doubles, mean: Float, count: int) -> None:
    """total <- total + count mean; number <- number + count."""
    total[0] += np.float64(mean) * count
    number[0] += count


@kernel
def adam_scalars(
    out: Floats, rate: Double, iterations: Double,
    beta_1: LongReal, beta_2: LongReal, epsilon: LongReal,
) -> None:  # fmt: skip
    """Rate and epsilon with bias correction."""
    slow = (1.0 - beta_1) / (1.0 - beta_1**iterations)
    root = np.sqrt((1.0 - beta_2**iterations) / (1.0 - beta_2))
    out[0], out[1] = np.float32(rate * slow * root), np.float32(root * epsilon)
