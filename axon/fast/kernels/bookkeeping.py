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
    out: Floats, rate: Double, t: Double, b1: LongReal, b2: LongReal, epsilon: LongReal
) -> None:
    """Rate and epsilon with bias correction, after t steps."""
    slow = (1.0 - b1) / (1.0 - b1**t)
    root = np.sqrt((1.0 - b2**t) / (1.0 - b2))
    out[0], out[1] = np.float32(rate * slow * root), np.float32(root * epsilon)
