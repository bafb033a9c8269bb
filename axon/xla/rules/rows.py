"""What is done along an axis: softmax, and rows with mean 0 and deviation 1."""

from jax import lax
from jax import numpy as jnp

from axon.backend import Shape, tiny
from axon.ops.reduce import axes_of
from axon.xla.rules.values import Rule, Traced, empty


def softmax(x: Traced, *, axis: int = -1) -> Traced:
    """Always shifted by the maximum.

    That a kernel does without where scores are near 0 changes no more than how the last digit is
    rounded, and a look at all scores would cost XLA another pass.
    """
    if empty(x.shape):
        return x
    powers = jnp.exp(x - x.max(axis, keepdims=True))
    y = powers / powers.sum(axis, keepdims=True)
    return jnp.maximum(y, tiny(y.dtype))


def softmax_gradient(g: Traced, y: Traced, *, axis: int = -1) -> Traced:
    """y (g - sum_j g_j y_j)."""
    return y * (g - (g * y).sum(axis, keepdims=True))


def _mean(x: Traced) -> Traced:
    """The mean of each row; of an empty one it is 0."""
    return x.sum(-1, keepdims=True) * (1 / max(x.shape[-1], 1))


def _centered(x: Traced, centered: bool) -> Traced:
    return x - _mean(x) if centered else x


def _scale(d: Traced, epsilon: float) -> Traced:
    return lax.rsqrt(_mean(d * d) + epsilon)


def standardize(x: Traced, *, epsilon: float, centered: bool = True) -> Traced:
    """(x - mean) / sqrt(variance + epsilon)."""
    d = _centered(x, centered)
    return d * _scale(d, epsilon)


def row_scale(x: Traced, *, epsilon: float, centered: bool = True) -> Traced:
    """1 / sqrt(variance + epsilon)."""
    return _scale(_centered(x, centered), epsilon)


def standardize_gradient(g: Traced, y: Traced, s: Traced, *, centered: bool = True) -> Traced:
    """s (g - mean(g) - y mean(g y))."""
    d = g - y * _mean(g * y)
    return (d - _mean(g) if centered else d) * s


def sum_to(x: Traced, *, shape: Shape) -> Traced:
    """A sum, not the product with ones that NumPy is faster with."""
    new = x.ndim - len(shape)
    stretched = [new + i for i, n in enumerate(shape) if n != x.shape[new + i]]
    axes = axes_of((*range(new), *stretched), x.ndim)
    return x.sum(axes, dtype=x.dtype, keepdims=True).reshape(shape) if axes else x


RULES: dict[str, Rule] = {
    "softmax": softmax,
    "softmax_gradient": softmax_gradient,
    "standardize": standardize,
    "row_scale": row_scale,
    "standardize_gradient": standardize_gradient,
    "sum_to": sum_to,
}
