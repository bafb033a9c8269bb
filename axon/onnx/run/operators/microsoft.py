"""Operators of ONNX Runtime itself, the domain com.microsoft, which its optimizer writes.

Most are several of the standard's, fused.
"""

from itertools import pairwise
from typing import Literal

import numpy as np

from axon import activations, ops
from axon.backend import Array
from axon.core import Tensor
from axon.onnx.run.operators.elementwise import FUSED, gelu, swish
from axon.onnx.run.operators.matrices import gemm, product
from axon.onnx.run.operators.matrices import matrices as as_stored
from axon.onnx.run.operators.operand import as_tensor, axis_from_front, elementwise
from axon.onnx.run.operators.quantized import (
    dynamic,
    integer_product,
    real,
    stored,
)
from axon.onnx.run.operators.reductions import standard_rows
from axon.onnx.run.operators.table import operator
from axon.onnx.run.operators.windows import Ints, Spacing, conv, with_kernel

DOMAIN = "com.microsoft"
Number = Array | Tensor
MaybeNumber = Array | Tensor | None
MaybeTensor = Tensor | None


def _of(*names: str) -> list[str]:
    return [f"{DOMAIN}.{name}" for name in names]


def _activated(y: Tensor, name: str, numbers: list[float] | None) -> Tensor:
    if not name:
        return y
    if name not in FUSED:
        raise ValueError(f"activation {name!r} is not supported.")
    return FUSED[name](y, *(numbers or ()))


# ------------------------------------------------------------------------------------ fused


@operator(*_of("FusedConv"), layout=with_kernel)
def fused_conv(
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    z: Tensor | None = None,
    /,
    *,
    activation: str = "",
    activation_params: list[float] | None = None,
    group: int = 1,
    kernel_shape: Ints = None,
    spacing: Spacing,
) -> Tensor:
    """A convolution, plus z, through an activation."""
    y = conv(x, w, b, group=group, kernel_shape=None, spacing=spacing)
    y = y if z is None else y + z.transpose(0, *range(2, z.ndim), 1)
    return _activated(y, activation, activation_params)


@operator(*_of("FusedGemm"), layout=as_stored)
def fused_gemm(
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    /,
    *,
    activation: str = "",
    activation_alpha: float = 0.0,
    activation_beta: float = 0.0,
    activation_gamma: float = 0.0,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,
    transB: int = 0,
) -> Tensor:
    """alpha x w + beta b, through an activation."""
    numbers = [activation_alpha, activation_beta, activation_gamma]
    y = gemm(x, w, b, alpha=alpha, beta=beta)
    return _activated(y, activation, numbers if activation in ("LeakyRelu", "Clip") else None)


def _last_two(x: Tensor, turned: int) -> Tensor:
    return x.transpose(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2) if turned else x


@operator(*_of("FusedMatMul", "TransposeMatMul"))
def fused_matmul(
    x: Tensor,
    w: Tensor,
    /,
    *,
    alpha: float = 1.0,
    transA: int = 0,
    transB: int = 0,
    transBatchA: Literal[0] = 0,
    transBatchB: Literal[0] = 0,
) -> Tensor:
    """alpha x w, of matrices that may lie on their side."""
    y = product(_last_two(x, transA), _last_two(w, transB))
    return y if alpha == 1 else y * alpha


@operator(*_of("Gelu"), layout=elementwise)
def plain_gelu(x: Tensor, /) -> Tensor:
    """x P(x), with P of the normal distribution."""
    return gelu(x)


@operator(*_of("BiasGelu"))
def bias_gelu(x: Tensor, b: Tensor, /) -> Tensor:
    """gelu(x + b)."""
    return gelu(x + b)


@operator(*_of("FastGelu"))
def fast_gelu(x: Tensor, b: Tensor | None = None, /) -> Tensor:
    """gelu(x + b) by tanh."""
    return gelu(x if b is None else x + b, approximate="tanh")


@operator(*_of("QuickGelu"), layout=elementwise)
def quick_gelu(x: Tensor, /, *, alpha: float = 1.702) -> Tensor:
    """x sigmoid(alpha x)."""
    return swish(x, alpha)


# ------------------------------------------------------------------------------------ rows


def _scaled(x: Tensor, scale: Tensor, bias: MaybeTensor, epsilon: float, centered: bool) -> Tensor:
    y = standard_rows(x, epsilon, centered) * scale
    return y if bias is None else y + bias


def _skipped(x: Tensor, skip: Tensor, bias: MaybeTensor) -> Tensor:
    total = x + skip
    return total if bias is None else total + bias


@operator(*_of("SkipLayerNormalization"))
def skip_layer_normalization(
    x: Tensor,
    skip: Tensor,
    gamma: Tensor,
    beta: Tensor | None = None,
    bias: Tensor | None = None,
    /,
    *,
    epsilon: float = 1e-12,
) -> list[Tensor | None]:
    """Rows of x + skip + bias normalized; the last result is that sum."""
    total = _skipped(x, skip, bias)
    return [_scaled(total, gamma, beta, epsilon, True), None, None, total]


@operator(*_of("SkipSimplifiedLayerNormalization"))
def skip_rms_normalization(
    x: Tensor,
    skip: Tensor,
    gamma: Tensor,
    bias: Tensor | None = None,
    /,
    *,
    epsilon: float = 1e-12,
) -> list[Tensor | None]:
    """Rows of x + skip + bias divided by their length; the last result is that sum."""
    total = _skipped(x, skip, bias)
    return [_scaled(total, gamma, None, epsilon, False), None, None, total]


@operator(*_of("EmbedLayerNormalization"))
def embed_layer_normalization(
    ids: Tensor,
    segments: Tensor | None,
    words: Tensor,
    places: Tensor,
    types: Tensor | None,
    gamma: Tensor,
    beta: Tensor,
    mask: Tensor | None = None,
    position_ids: Tensor | None = None,
    /,
    *,
    epsilon: float = 1e-12,
    mask_index_type: int = 0,
) -> list[Tensor | None]:
    """Embeddings of words, places and segments together, normalized; and how many are real."""
    time = ids.shape[1]
    total = ops.take(words, ids)
    total = total + (places[:time] if position_ids is None else ops.take(places, position_ids))
    if segments is not None and types is not None:
        total = total + ops.take(types, segments)
    real_steps = None if mask is None else mask.sum(1).astype(np.int32)
    index = Tensor(np.zeros(ids.shape[0], np.int32)) if real_steps is None else real_steps
    return [_scaled(total, gamma, beta, epsilon, True), index, total]


# ------------------------------------------------------------------------------------ attention


def _heads(x: Tensor, heads: int) -> Tensor:
    """(n, time, heads * width) -> (n, heads, time, width)."""
    n, time, width = x.shape
    return x.reshape(n, time, heads, width // heads).transpose(0, 2, 1, 3)


def _masked(scores: Tensor, mask: MaybeTensor, fill: float) -> Tensor:
    """Keys that are no padding: (n,) counts, (n, keys), (n, queries, keys) or (n, 1, a, b)."""
    if mask is None:
        return scores
    keys = scores.shape[-1]
    if mask.ndim == 1:
        if mask.shape[0] != scores.shape[0]:
            raise ValueError(f"a mask of shape {mask.shape} is not supported.")
        real_keys = ops.less(Tensor(np.arange(keys)[None]), mask.reshape(-1, 1).astype(np.int64))
    elif mask.ndim in (2, 3):
        real_keys = ops.not_equal(mask, Tensor(np.zeros((), mask.dtype)))
    else:
        raise ValueError(f"a mask of {mask.ndim} axes is not supported.")
    shape = real_keys.shape
    wide = real_keys.reshape(shape[0], 1, *((1,) * (3 - len(shape))), *shape[1:])
    return scores + ops.where(wide, 0.0, fill).astype(scores.dtype)


def _attended(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: MaybeTensor,
    bias: MaybeTensor,
    causal: int,
    scale: float | None,
    fill: float,
) -> Tensor:
    """softmax(q k' scale + bias) v, joined: (n, time, heads * width)."""
    factor = q.shape[-1] ** -0.5 if not scale else scale
    scores = ops.matmul(q, k.transpose(0, 1, 3, 2)) * factor
    scores = scores if bias is None else scores + bias
    scores = _masked(scores, mask, fill)
    if causal:
        queries, keys = scores.shape[-2:]
        later = Tensor(~np.tri(queries, keys, keys - queries, dtype=bool))
        scores = scores + later.astype(scores.dtype) * fill
    y = ops.matmul(activations.softmax(scores), v).transpose(0, 2, 1, 3)
    return y.reshape(*y.shape[:2], y.shape[2] * y.shape[3])


def _with_past(k: Tensor, v: Tensor, past: MaybeTensor) -> tuple[Tensor, Tensor]:
    """Keys and values behind those of before, (2, n, heads, time, width)."""
    if past is None:
        return k, v
    return ops.concatenate([past[0], k], axis=2), ops.concatenate([past[1], v], axis=2)


@operator(*_of("Attention"))
def attention(
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    mask: Tensor | None = None,
    past: Tensor | None = None,
    bias: Tensor | None = None,
    /,
    *,
    num_heads: int,
    unidirectional: int = 0,
    mask_filter_value: float = -10000.0,
    scale: float = 0.0,
    qkv_hidden_sizes: list[int] | None = None,
    do_rotary: Literal[0] = 0,
    past_present_share_buffer: Literal[0] = 0,
    rotary_embedding_dim: Literal[0] = 0,
) -> list[Tensor | None]:
    """Queries, keys and values by one product, then attention; and keys and values for later."""
    made = product(x, w)
    made = made if b is None else made + b
    third = made.shape[-1] // 3
    sizes = qkv_hidden_sizes or [third] * 3
    ends = np.cumsum([0, *sizes]).tolist()
    q, k, v = (_heads(made[..., a:b], num_heads) for a, b in pairwise(ends))
    k, v = _with_past(k, v, past)
    y = _attended(q, k, v, mask, bias, unidirectional, scale, mask_filter_value)
    return [y, ops.stack([k, v])]


@operator(*_of("MultiHeadAttention"))
def multi_head_attention(
    q: Tensor,
    k: Tensor | None = None,
    v: Tensor | None = None,
    b: Tensor | None = None,
    mask: Tensor | None = None,
    bias: Tensor | None = None,
    past_key: Tensor | None = None,
    past_value: Tensor | None = None,
    /,
    *,
    num_heads: int,
    mask_filter_value: float = -10000.0,
    scale: float = 0.0,
    unidirectional: int = 0,
) -> list[Tensor | None]:
    """Attention of projected queries, keys and values; and keys and values for later."""
    if k is None or v is None:
        raise ValueError("packed queries, keys and values are not supported.")
    width = q.shape[-1]
    if b is not None:
        q, v = q + b[:width], v + b[2 * width :] if v.ndim == 3 else v
        k = k + b[width : 2 * width] if k.ndim == 3 else k
    query = _heads(q, num_heads)
    key, value = (_heads(x, num_heads) if x.ndim == 3 else x for x in (k, v))
    if past_key is not None and past_value is not None:
        key = ops.concatenate([past_key, key], axis=2)
        value = ops.concatenate([past_value, value], axis=2)
    y = _attended(query, key, value, mask, bias, unidirectional, scale, mask_filter_value)
    return [y, key, value]


# ------------------------------------------------------------------------------------ bytes


@operator(*_of("DequantizeLinear"))
def ms_dequantize(
    x: Array | Tensor,
    scale: Array | Tensor,
    zero: Array | Tensor | None = None,
    /,
    *,
    axis: int = 1,
) -> Tensor:
    """(x - zero) scale, of one scale."""
    return real(x, _one(scale), None if zero is None else _one(zero))


@operator(*_of("QuantizeLinear"))
def ms_quantize(
    x: Tensor, scale: Array | Tensor, zero: Array | Tensor | None = None, /, *, axis: int = 1
) -> Tensor:
    """round(x / scale) + zero, of one scale."""
    return stored(x, _one(scale), None if zero is None else _one(zero))


def _one(x: Number) -> Number:
    if x.size != 1:
        raise ValueError("scales of an axis are not supported.")
    return x.reshape(())


@operator(*_of("QLinearAdd"))
def qlinear_add(
    a: Array | Tensor,
    a_scale: Array | Tensor,
    a_zero: Array | Tensor | None,
    b: Array | Tensor,
    b_scale: Array | Tensor,
    b_zero: Array | Tensor | None,
    y_scale: Array | Tensor,
    y_zero: Array | Tensor | None = None,
    /,
) -> Tensor:
    """The sum of what a and b stand for, stored again."""
    return stored(real(a, a_scale, a_zero) + real(b, b_scale, b_zero), y_scale, y_zero)


@operator(*_of("QLinearMul"))
def qlinear_mul(
    a: Array | Tensor,
    a_scale: Array | Tensor,
    a_zero: Array | Tensor | None,
    b: Array | Tensor,
    b_scale: Array | Tensor,
    b_zero: Array | Tensor | None,
    y_scale: Array | Tensor,
    y_zero: Array | Tensor | None = None,
    /,
) -> Tensor:
    """The product, number by number, of what a and b stand for, stored again."""
    return stored(real(a, a_scale, a_zero) * real(b, b_scale, b_zero), y_scale, y_zero)


@operator(*_of("QLinearSigmoid"))
def qlinear_sigmoid(
    x: Array | Tensor,
    x_scale: Array | Tensor,
    x_zero: Array | Tensor | None,
    y_scale: Array | Tensor,
    y_zero: Array | Tensor | None = None,
    /,
) -> Tensor:
    """The sigmoid of what x stands for, stored again."""
    return stored(activations.sigmoid(real(x, x_scale, x_zero)), y_scale, y_zero)


@operator(*_of("QLinearLeakyRelu"))
def qlinear_leaky_relu(
    x: Array | Tensor,
    x_scale: Array | Tensor,
    x_zero: Array | Tensor | None,
    y_scale: Array | Tensor,
    y_zero: Array | Tensor | None = None,
    /,
    *,
    alpha: float = 0.01,
) -> Tensor:
    """LeakyRelu of what x stands for, stored again."""
    return stored(FUSED["LeakyRelu"](real(x, x_scale, x_zero), alpha), y_scale, y_zero)


@operator(*_of("QLinearSoftmax"))
def qlinear_softmax(
    x: Array | Tensor,
    x_scale: Array | Tensor,
    x_zero: Array | Tensor | None,
    y_scale: Array | Tensor,
    y_zero: Array | Tensor | None = None,
    /,
    *,
    axis: int = -1,
    opset: int = 13,
) -> Tensor:
    """Softmax of what x stands for, stored again."""
    made = activations.softmax(real(x, x_scale, x_zero), axis=axis)
    return stored(made, y_scale, y_zero)


@operator(*_of("QLinearGlobalAveragePool"))
def qlinear_global_average_pool(
    x: Array | Tensor,
    x_scale: Array | Tensor,
    x_zero: Array | Tensor,
    y_scale: Array | Tensor,
    y_zero: Array | Tensor,
    /,
    *,
    channels_last: int = 0,
) -> Tensor:
    """The mean of each channel, stored again."""
    places = tuple(range(1, x.ndim - 1) if channels_last else range(2, x.ndim))
    return stored(real(x, x_scale, x_zero).mean(places, keepdims=True), y_scale, y_zero)


@operator(*_of("QLinearConcat"))
def qlinear_concat(*xs: Array | Tensor, axis: int) -> Tensor:
    """One behind another, each with a scale and a zero of its own, stored again."""
    y_scale, y_zero, *rest = xs
    parts = [real(*rest[i : i + 3]) for i in range(0, len(rest), 3)]
    made = ops.concatenate(parts, axis=axis_from_front(axis, parts[0].ndim))
    return stored(made, y_scale, y_zero)


@operator(*_of("QGemm"))
def qgemm(
    a: Array | Tensor,
    a_scale: Array | Tensor,
    a_zero: Array | Tensor,
    b: Array | Tensor,
    b_scale: Array | Tensor,
    b_zero: Array | Tensor,
    c: Array | Tensor | None = None,
    y_scale: Array | Tensor | None = None,
    y_zero: Array | Tensor | None = None,
    /,
    *,
    alpha: float = 1.0,
    transA: int = 0,
    transB: int = 0,
) -> Tensor:
    """alpha a b + c, of bytes; stored again if there is a scale for it."""
    left, right = (x.transpose(1, 0) if t else x for x, t in ((a, transA), (b, transB)))
    total = integer_product(left, a_zero, right, b_zero).astype(np.float32)
    total = total if c is None else total + as_tensor(c).astype(np.float32)
    y = total * (as_tensor(a_scale) * b_scale * alpha)
    return y if y_scale is None else stored(y, y_scale, y_zero)


@operator(*_of("MatMulIntegerToFloat"))
def matmul_integer_to_float(
    a: Array | Tensor,
    b: Array | Tensor,
    a_scale: Array | Tensor,
    b_scale: Array | Tensor,
    a_zero: Array | Tensor | None = None,
    b_zero: Array | Tensor | None = None,
    bias: Array | Tensor | None = None,
    /,
) -> Tensor:
    """What a and b stand for multiplied, plus a bias."""
    y = integer_product(a, a_zero, b, b_zero).astype(np.float32) * (as_tensor(a_scale) * b_scale)
    return y if bias is None else y + bias


@operator(*_of("DynamicQuantizeMatMul"))
def dynamic_quantize_matmul(
    a: Tensor,
    b: Array | Tensor,
    b_scale: Array | Tensor,
    b_zero: Array | Tensor | None = None,
    bias: Array | Tensor | None = None,
    /,
) -> Tensor:
    """a in bytes, times b, plus a bias."""
    numbers, scale, zero = dynamic(a)
    return matmul_integer_to_float(numbers, b, scale, b_scale, zero, b_zero, bias)
