"""Scales, costs and attention of networks, as functions with Keras's names."""

import math

import numpy as np

from axon.backend import Shape
from axon.core import PRIMITIVES, Tensor
from axon.ops.arithmetic import clip, floats
from axon.ops.compare import where
from axon.ops.composite import IntegerTensor, composite
from axon.ops.cumulative import cumsum
from axon.ops.elementwise import log, sqrt, square
from axon.ops.gathering import one_hot
from axon.ops.layout import flip, moveaxis, one_axis, repeat
from axon.ops.matmul import matmul
from axon.ops.ordering import sort
from axon.ops.reduce import Axis, axes_of

EPSILON = 1e-7  # Keras's: how near to 0 and 1 probabilities may come in a cost

# ------------------------------------------------------------------------------------ scales


@composite
def batch_normalization(
    x: Tensor,
    mean: Tensor,
    variance: Tensor,
    axis: int,
    offset: Tensor | None = None,
    scale: Tensor | None = None,
    epsilon: float = 1e-3,
) -> Tensor:
    """(x - mean) / sqrt(variance + epsilon) scale + offset, one number each along ``axis``.

    >>> batch_normalization([[3.0]], [1.0], [4.0], -1, epsilon=0.0)
    array([[1.]])
    """
    axis = one_axis("batch_normalization", axis, x.ndim)
    shape = [-1 if i == axis else 1 for i in range(x.ndim)]
    slope = 1.0 / sqrt(variance.reshape(shape) + epsilon)
    slope = slope if scale is None else slope * scale.reshape(shape)
    y = (x - mean.reshape(shape)) * slope
    return y if offset is None else y + offset.reshape(shape)


@composite
def layer_normalization(
    x: Tensor,
    gamma: Tensor | None = None,
    beta: Tensor | None = None,
    axis: Axis = -1,
    epsilon: float | None = None,
) -> Tensor:
    """x less its mean, divided by its spread, along some axes; times gamma, plus beta.

    ``epsilon``, 1e-7 unless told otherwise, is added to the variance.

    >>> layer_normalization([[1.0, 3.0]], epsilon=0.0)
    array([[-1.,  1.]])
    """
    axes = axes_of(tuple(axis) if isinstance(axis, list) else axis, x.ndim)
    d = x - x.mean(axes, True)
    y = d / sqrt(square(d).mean(axes, True) + (EPSILON if epsilon is None else epsilon))
    shape = [n if i in axes else 1 for i, n in enumerate(x.shape)]
    y = y if gamma is None else y * gamma.reshape(shape)
    return y if beta is None else y + beta.reshape(shape)


@composite
def rms_normalization(
    x: Tensor, scale: Tensor | None = None, axis: Axis = -1, epsilon: float | None = None
) -> Tensor:
    """x divided by the root of its mean square along some axes, times ``scale``.

    ``epsilon``, 1e-7 unless told otherwise, is added to the mean square.

    >>> rms_normalization([[3.0, 4.0]], epsilon=0.0).round(4)
    array([[0.8485, 1.1314]])
    """
    axes = axes_of(tuple(axis) if isinstance(axis, list) else axis, x.ndim)
    x = floats(x)
    y = x / sqrt(square(x).mean(axes, True) + (EPSILON if epsilon is None else epsilon))
    return y if scale is None else y * scale


# ------------------------------------------------------------------------------------ costs


@composite
def sparsemax(x: Tensor, axis: int = -1) -> Tensor:
    """The probabilities nearest to x: some are 0.

    Martins and Astudillo, "From Softmax to Sparsemax" (2016).

    >>> sparsemax([1.0, 0.5, -2.0])
    array([0.75, 0.25, 0.  ])
    """
    rows = moveaxis(floats(x), axis, -1)
    falling = flip(sort(rows, -1), -1)
    count = np.arange(1, rows.shape[-1] + 1).astype(rows.dtype)
    sums = cumsum(falling, -1)
    kept = (falling * count + 1.0 > sums).astype(rows.dtype).detach()
    many = kept.sum(-1, True)
    threshold = ((falling * kept).sum(-1, True) - 1.0) / many
    return moveaxis(PRIMITIVES["relu"](rows - threshold), -1, axis)


@composite
def binary_crossentropy(target: Tensor, output: Tensor, from_logits: bool = False) -> Tensor:
    """-t log p - (1 - t) log(1 - p), number by number; of logits without the detour through p.

    >>> binary_crossentropy([1.0, 0.0], [0.5, 0.5]).round(4)
    array([0.6931, 0.6931])
    """
    _demand_alike("binary_crossentropy", target, output)
    target = floats(target)
    if from_logits:
        softplus = PRIMITIVES["softplus"]
        return target * softplus(-output) + (1.0 - target) * softplus(output)
    p = clip(output, EPSILON, 1.0 - EPSILON)
    return -(target * log(p) + (1.0 - target) * log(1.0 - p))


def _demand_alike(function: str, target: Tensor, output: Tensor) -> None:
    if target.shape != output.shape:
        raise ValueError(
            f"{function}: target of shape {target.shape} and output of shape {output.shape} must "
            "have the same shape."
        )


@composite
def categorical_crossentropy(
    target: Tensor, output: Tensor, from_logits: bool = False, axis: int = -1
) -> Tensor:
    """- sum t log p along ``axis``; probabilities are first divided by their sum.

    >>> categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).round(4)
    array([0.6931])
    """
    _demand_alike("categorical_crossentropy", target, output)
    return -(target * _log_shares(output, from_logits, axis)).sum(axis)


def _log_shares(output: Tensor, from_logits: bool, axis: int) -> Tensor:
    if from_logits:
        return PRIMITIVES["log_softmax"](output, axis=axis)
    return log(clip(output / output.sum(axis, True), EPSILON, 1.0 - EPSILON))


@composite
def sparse_categorical_crossentropy(
    target: IntegerTensor, output: Tensor, from_logits: bool = False, axis: int = -1
) -> Tensor:
    """- log p of the class that each target names.

    >>> sparse_categorical_crossentropy([1], [[0.5, 0.5]]).round(4)
    array([0.6931])
    """
    axis = one_axis("sparse_categorical_crossentropy", axis, output.ndim)
    if target.ndim == output.ndim and target.shape[-1] == 1:
        target = target.reshape(target.shape[:-1])
    wanted = output.shape[:axis] + output.shape[axis + 1 :]
    if target.shape != wanted:
        raise ValueError(
            f"sparse_categorical_crossentropy: expected targets of shape {wanted} for output of "
            f"shape {output.shape}, got {target.shape}."
        )
    hot = one_hot(target, output.shape[axis], axis, output.dtype)
    return -(hot * _log_shares(output, from_logits, axis)).sum(axis)


@composite
def psnr(x1: Tensor, x2: Tensor, max_val: float) -> Tensor:
    """How near two images are, in decibels: 10 log10(max_val^2 / mean squared difference).

    >>> float(psnr([0.0, 1.0], [0.1, 0.9], 1.0).round(4))
    20.0
    """
    _demand_alike("psnr", x1, x2)
    error = square(floats(x1) - floats(x2)).mean()
    return (log(error) * -1.0 + 2.0 * math.log(max_val)) * (10.0 / math.log(10.0))


# ------------------------------------------------------------------------------------ attention


@composite
def dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor | None = None,
    mask: Tensor | None = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Tensor:
    """Means of values, weighted by how well queries and keys go together, head by head.

    Args:
        query: (n, to, heads, size).
        key: (n, from, heads or fewer, size); each of fewer heads serves a group of queries.
        value: (n, from, heads or fewer, size of values).
        bias: added to the scores (n, heads, to, from).
        mask: true where a query may look; it broadcasts to the scores.
        scale: of the scores; 1 / sqrt(size) unless told otherwise.
        is_causal: whether no query looks at what comes later.
        flash_attention: of no concern here.
        attn_logits_soft_cap: scores c become s tanh(c / s).

    >>> x = np.ones((1, 2, 1, 4))
    >>> dot_product_attention(x, x, x).shape
    (1, 2, 1, 4)
    """
    if query.ndim != 4 or key.ndim != 4 or value.ndim != 4 or query.shape[2] % key.shape[2]:
        raise ValueError(
            "dot_product_attention: expected (n, steps, heads, size) three times, got "
            f"{query.shape}, {key.shape} and {value.shape}."
        )
    groups = query.shape[2] // key.shape[2]
    q = query.transpose(0, 2, 1, 3) * (query.shape[-1] ** -0.5 if scale is None else scale)
    k, v = (_for_groups(t.transpose(0, 2, 1, 3), groups) for t in (key, value))
    scores = matmul(q, k.transpose(0, 1, 3, 2))
    if attn_logits_soft_cap is not None:
        scores = PRIMITIVES["tanh"](scores / attn_logits_soft_cap) * attn_logits_soft_cap
    scores = scores if bias is None else scores + bias
    seen = _seen(mask, is_causal, scores.shape)
    if seen is not None:
        scores = where(seen, scores, float(np.finfo(scores.dtype).min) * 0.7)
    return matmul(PRIMITIVES["softmax"](scores), v).transpose(0, 2, 1, 3)


def _for_groups(t: Tensor, groups: int) -> Tensor:
    """Each head as often as there are queries of its group."""
    return t if groups == 1 else repeat(t, groups, axis=1)


def _seen(mask: Tensor | None, is_causal: bool, shape: Shape) -> Tensor | None:
    if not is_causal:
        return mask
    past = Tensor(np.tri(shape[-2], shape[-1], dtype=bool))
    return past if mask is None else PRIMITIVES["minimum"](mask, past)
