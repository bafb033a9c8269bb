"""Operators of ONNX Runtime itself, the domain com.microsoft, which its optimizer writes.

Most are several of the standard's, fused.
"""

from typing import Literal

import numpy as np

from axon import activations, ops
from axon.backend import Array
from axon.core import Tensor
from axon.onnx.run.operators.budget import allowed
from axon.onnx.run.operators.elementwise import FUSED, gelu, swish
from axon.onnx.run.operators.matrices import gemm, product
from axon.onnx.run.operators.matrices import matrices as as_stored
from axon.onnx.run.operators.operand import (
    Attributes,
    Laid,
    Operands,
    as_read,
    as_tensor,
    axis_from_front,
    channels_last,
    elementwise,
)
from axon.onnx.run.operators.quantized import (
    dynamic,
    integer_product,
    real,
    stored,
)
from axon.onnx.run.operators.reductions import standard_rows
from axon.onnx.run.operators.table import Context, operator
from axon.onnx.run.operators.table import of_microsoft as _of
from axon.onnx.run.operators.windows import (
    Ints,
    Spacing,
    average_pool,
    conv,
    max_pool,
    with_kernel,
)

Number = Array | Tensor
MaybeTensor = Tensor | None


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


def _images(given: Operands, attributes: Attributes) -> Laid:
    """Images whose channels are last already, or are moved there."""
    return (as_read if attributes["channels_last"] else channels_last)(given, attributes)


@operator(*_of("QLinearAveragePool"), layout=_images)
def qlinear_average_pool(
    x: Array | Tensor,
    x_scale: Array | Tensor,
    x_zero: Array | Tensor | None,
    y_scale: Array | Tensor,
    y_zero: Array | Tensor | None = None,
    /,
    *,
    ceil_mode: int = 0,
    channels_last: int = 0,
    count_include_pad: int = 0,
    kernel_shape: list[int],
    spacing: Spacing,
) -> Tensor:
    """The mean of each window of what x stands for, stored again."""
    told = {"kernel_shape": kernel_shape, "ceil_mode": ceil_mode, "spacing": spacing}
    made = average_pool(real(x, x_scale, x_zero), count_include_pad=count_include_pad, **told)
    return stored(made, y_scale, y_zero)


@operator(*_of("NhwcMaxPool"))
def last_max_pool(
    x: Tensor,
    /,
    *,
    ceil_mode: int = 0,
    kernel_shape: list[int],
    spacing: Spacing,
    context: Context,
) -> list[Tensor | None]:
    """The largest in each window, of images with channels last."""
    told = {"ceil_mode": ceil_mode, "spacing": spacing, "context": context}
    return max_pool(x, kernel_shape=kernel_shape, **told)


@operator(*_of("QLinearWhere"))
def qlinear_where(
    condition: Tensor,
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
    """One of what a and b stand for, stored again."""
    made = ops.where(condition, real(a, a_scale, a_zero), real(b, b_scale, b_zero))
    return stored(made, y_scale, y_zero)


# ------------------------------------------------------------------------------------ arrays


@operator(*_of("ExpandDims"))
def expand_dims(x: Tensor, axis: int, /) -> Tensor:
    """An axis of size 1 more."""
    place = axis_from_front(axis, x.ndim + 1)
    return x.reshape(*x.shape[:place], 1, *x.shape[place:])


@operator(*_of("CDist"))
def distances(
    a: Tensor, b: Tensor, /, *, metric: Literal["euclidean", "sqeuclidean"] = "sqeuclidean"
) -> Tensor:
    """How far each row of a (m, width) is from each of b (n, width), or the square of it."""
    allowed((a.shape[0], b.shape[0], a.shape[1]))
    apart = ops.square(a[:, None] - b[None]).sum(2)
    return apart if metric == "sqeuclidean" else ops.sqrt(apart)
