"""What the cross-entropies share: a logarithm that stays finite, and fused forms from logits."""

from typing import Any

import numpy as np

from axon.activations import sigmoid, softmax
from axon.backend import Array, DType, Shape, elementwise, floating, promote
from axon.core import Primitive, Tensor, primitive
from axon.ops import log


@primitive(result=floating)
def log_probability(out: Array, p: Array, *, xp: Any) -> None:
    """The logarithm of a probability; of 0 it is that of the smallest normal number, not -inf.

    The gradient there is the one from above, so nothing is cut off.
    """
    xp.maximum(p, np.finfo(out.dtype).tiny, out=out)
    xp.log(out, out=out)


@primitive(result=floating)
def over_probability(out: Array, g: Array, p: Array, *, xp: Any) -> None:
    """G / p, for a p of at least the smallest normal number."""
    xp.maximum(p, np.finfo(out.dtype).tiny, out=out)
    xp.divide(g, out, out=out)


log_probability.gradient(lambda g, y, p: over_probability(g, p))
over_probability.gradient(
    lambda gg, z, g, p: over_probability(gg, p),
    lambda gg, z, g, p: -over_probability(gg * z, p),
)


def _rows(x: Array, t: Array) -> tuple[Shape, DType]:
    if x.shape != t.shape:
        raise ValueError("Logits and targets must have the same shape.")
    return x.shape[:-1], promote(x.dtype, t.dtype)


def _row_work(x: Array, t: Array) -> list[tuple[Shape, DType]]:
    dtype = promote(x.dtype, t.dtype)
    return [(x.shape, dtype), (x.shape, dtype), ((*x.shape[:-1], 1), dtype)]


@primitive(result=_rows, workspace=_row_work)
def softmax_cross_entropy(out: Array, x: Array, t: Array, *, xp: Any, work: list[Array]) -> None:
    """-sum_j t_j log softmax(x)_j along the last axis, for targets t that add up to 1.

    Computed from the logits x, without the detour through probabilities: log softmax(x)_j is
    x_j - m - log sum_k e^(x_k - m) with m = max x, so nothing overflows or rounds to 0.
    """
    surprise, powers, row = work
    xp.maximum.reduce(x, axis=-1, out=row, keepdims=True)
    xp.subtract(x, row, out=surprise)
    xp.exp(surprise, out=powers)
    xp.add.reduce(powers, axis=-1, out=row, keepdims=True)
    xp.log(row, out=row)
    xp.subtract(row, surprise, out=surprise)  # -log softmax(x)
    xp.multiply(surprise, t, out=surprise)
    xp.add.reduce(surprise, axis=-1, out=out)


softmax_cross_entropy.gradient(
    lambda g, y, x, t: g[..., None] * (softmax(x) - t),
    lambda g, y, x, t: g[..., None] * -log(softmax(x)),
)


def _one_more(x: Array, t: Array) -> list[tuple[Shape, DType]]:
    return [elementwise(x, t)]


@primitive(result=floating, workspace=_one_more)
def sigmoid_cross_entropy(out: Array, x: Array, t: Array, *, xp: Any, work: list[Array]) -> None:
    """-t log s - (1 - t) log(1 - s) with s = sigmoid(x), computed from the logits x.

    That is max(x, 0) - x t + log(1 + e^-|x|), in which nothing overflows or rounds to 0.
    """
    (part,) = work
    xp.absolute(x, out=out)
    xp.negative(out, out=out)
    xp.exp(out, out=out)
    xp.log1p(out, out=out)
    xp.maximum(x, 0, out=part)
    xp.add(out, part, out=out)
    xp.multiply(x, t, out=part)
    xp.subtract(out, part, out=out)


sigmoid_cross_entropy.gradient(
    lambda g, y, x, t: g * (sigmoid(x) - t),
    lambda g, y, x, t: -g * x,
)


def logits_of(y_pred: Tensor, activation: Primitive) -> Tensor | None:
    """The tensor that ``activation`` made ``y_pred`` from, if that is where it came from."""
    creator = y_pred.creator
    if creator is None or creator.primitive is not activation:
        return None
    axis = creator.meta.get("axis", -1)
    return creator.inputs[0] if axis in (-1, y_pred.ndim - 1) else None


def demand_probabilities(name: str, y_pred: Tensor, last: str) -> None:
    """Raise ValueError if predictions lie outside [0, 1]: most likely they are logits."""
    values = y_pred.data
    if values.size and (values.min() < -1e-3 or values.max() > 1 + 1e-3):
        raise ValueError(
            f"{name}: expected probabilities between 0 and 1, got values from {values.min():.4g} "
            f"to {values.max():.4g}. End the model with activation={last!r}, or use "
            f"from_logits=True."
        )
