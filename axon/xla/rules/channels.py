"""Statistics of channels, which lie along the last axis, and what shifts and scales them."""

from jax import numpy as jnp

from axon.xla.rules.values import Rule, Traced


def _total(x: Traced) -> Traced:
    """The sum of each channel, over all other axes."""
    return x.reshape(-1, x.shape[-1]).sum(0) if x.size else jnp.zeros(x.shape[-1], x.dtype)


def channel_moments(x: Traced) -> Traced:
    """Mean and variance, (2, C); the mean is found before: nothing cancels."""
    share = 1 / max(x.size // max(x.shape[-1], 1), 1)
    mean = _total(x) * share
    d = x - mean
    return jnp.stack([mean, _total(d * d) * share])


def channel_affine(p: Traced, x: Traced) -> Traced:
    """(x - p[0]) p[1] + p[2]."""
    p = p.astype(x.dtype)
    return (x - p[0]) * p[1] + p[2]


def channel_affine_gradient(g: Traced, x: Traced, p: Traced) -> Traced:
    """-p[1] sum g, sum g (x - p[0]), and sum g."""
    p, x = p.astype(g.dtype), x.astype(g.dtype)
    total = _total(g)
    return jnp.stack([-p[1] * total, _total(g * (x - p[0])), total])


RULES: dict[str, Rule] = {
    "channel_moments": channel_moments,
    "channel_affine": channel_affine,
    "channel_affine_gradient": channel_affine_gradient,
}
