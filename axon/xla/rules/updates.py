"""What optimizers and metrics compute from Python's numbers."""

from jax import numpy as jnp

from axon.xla.rules.values import Rule, Traced


def adam_scalars(
    out: Traced, rate: Traced, iterations: Traced, *, beta_1: float, beta_2: float, epsilon: float
) -> tuple[Traced]:
    """Rate and epsilon times the bias corrections, in float64 as Python computes them."""
    t = iterations.astype(jnp.float64)
    slow = (1.0 - beta_1) / (1.0 - beta_1**t)
    root = jnp.sqrt((1.0 - beta_2**t) / (1.0 - beta_2))
    both = jnp.stack([rate.astype(jnp.float64) * slow * root, root * epsilon])
    return (both.astype(out.dtype),)


def add_mean(total: Traced, number: Traced, mean: Traced, *, count: int) -> tuple[Traced, Traced]:
    """Count and the sum of so many values, in float64 as Python computes them."""
    return total + mean.astype(total.dtype) * count, number + count


RULES: dict[str, Rule] = {"adam_scalars": adam_scalars, "add_mean": add_mean}
