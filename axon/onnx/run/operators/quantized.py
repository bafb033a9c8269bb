"""Numbers in 8 bits: real = (stored - zero) scale. Products are exact, in floats.

Weights that are known are made floats while the network is recorded.
"""

from functools import partial
from typing import Literal

import numpy as np

from axon import ops
from axon.backend import FLOAT, Array, DType, Shape
from axon.core import Tensor
from axon.onnx.run.operators.matrices import product
from axon.onnx.run.operators.operand import (
    Attributes,
    Laid,
    Operand,
    Operands,
    as_tensor,
    axis_from_front,
    channels_last,
)
from axon.onnx.run.operators.table import operator
from axon.onnx.run.operators.windows import Ints, Spacing, conv

EXACT = 2**11  # products of two bytes whose sum float32 holds to a few units in the last place
TYPES = {0: None, 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 12: "uint32"}
FLOATS = {0: None, 1: "float32", 10: "float32", 11: "float64"}
Number = Array | Tensor
MaybeNumber = Array | Tensor | None


def real(x: Number, scale: Number, zero: MaybeNumber = None) -> Tensor:
    """(x - zero) scale."""
    return centered(x, zero, _dtype(scale)) * scale


def centered(x: Number, zero: MaybeNumber, dtype: DType = FLOAT) -> Tensor:
    """x - zero, in floats; of what is known, computed now."""
    if isinstance(x, np.ndarray) and not isinstance(zero, Tensor):
        return Tensor(x.astype(dtype) - (0 if zero is None else zero.astype(dtype)))
    floats = as_tensor(x).astype(dtype)
    if zero is None or (isinstance(zero, np.ndarray) and not zero.any()):
        return floats
    return floats - (zero.astype(dtype))


def _dtype(x: Number) -> DType:
    return x.dtype if x.dtype.kind == "f" else FLOAT


def stored(y: Tensor, scale: Number, zero: MaybeNumber, dtype: DType | None = None) -> Tensor:
    """The nearest stored number of y: round(y / scale) + zero, within what the type holds."""
    if dtype is None:
        dtype = np.dtype(np.uint8) if zero is None else zero.dtype
    limits = np.iinfo(dtype)
    near = ops.rint(y / scale)
    if zero is not None and not (isinstance(zero, np.ndarray) and not zero.any()):
        near = near + zero.astype(near.dtype)
    return near.clip(float(limits.min), float(limits.max)).astype(dtype)


# ------------------------------------------------------------------------------------ to and fro


def _by_axis(given: Operands, attributes: Attributes) -> Laid:
    """The first as it lies; scales of an axis, or of blocks along it, so that they broadcast."""
    x, *rest = given
    if x is None or not rest or rest[0] is None:
        raise ValueError("expected numbers and their scale.")
    count = rest[0].ndim
    if count == 0 or rest[0].shape == (1,):
        return Laid([x.data, *(v and v.natural().reshape(()) for v in rest)], attributes, x.order)
    axis = axis_from_front(attributes["axis"], x.ndim)
    if count > 1:
        wide = [v and _repeated(v, axis, attributes["block_size"], x.shape) for v in rest]
        return Laid([x.natural(), *wide], attributes, None)
    shape = [1] * x.ndim
    shape[x.lying(axis)] = rest[0].shape[0]
    if rest[0].shape[0] != x.shape[axis]:
        raise ValueError(f"{rest[0].shape[0]} scales do not fit an axis of {x.shape[axis]}.")
    return Laid([x.data, *(v and v.natural().reshape(shape) for v in rest)], attributes, x.order)


def _repeated(v: Operand, axis: int, block: int, shape: Shape) -> Array:
    """Scales of blocks, one for each number."""
    scales = v.value()
    if scales is None or block < 1 or v.ndim != len(shape):
        raise ValueError(f"scales of shape {v.shape} need blocks, and to be known.")
    return np.repeat(scales, block, axis)[(*(slice(None),) * axis, slice(shape[axis]))]


@operator("QuantizeLinear", layout=_by_axis)
def quantize(
    x: Tensor,
    y_scale: Array | Tensor,
    y_zero_point: Array | Tensor | None = None,
    /,
    *,
    axis: int = 1,
    block_size: int = 0,
    output_dtype: int = 0,
    precision: int = 0,
    saturate: int = 1,
) -> Tensor:
    """round(x / y_scale) + y_zero_point; ``saturate`` is about types of 8-bit floats."""
    if output_dtype not in TYPES or precision not in FLOATS:
        raise ValueError(f"output_dtype={output_dtype}, precision={precision} are not supported.")
    x = x if x.dtype.kind == "f" else x.astype(np.float32)
    named = TYPES[output_dtype]
    dtype = np.dtype(named) if named and y_zero_point is None else None
    return stored(x, y_scale, y_zero_point, dtype)


@operator("DequantizeLinear", layout=_by_axis)
def dequantize(
    x: Array | Tensor,
    x_scale: Array | Tensor,
    x_zero_point: Array | Tensor | None = None,
    /,
    *,
    axis: int = 1,
    block_size: int = 0,
    output_dtype: int = 0,
) -> Tensor:
    """(x - x_zero_point) x_scale."""
    if output_dtype not in FLOATS:
        raise ValueError(f"output_dtype={output_dtype} is not supported.")
    return real(x, x_scale, x_zero_point)


def dynamic(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """x in bytes, and the scale and zero that its smallest and largest ask for."""
    low, high = ops.minimum(x.min(), 0.0), ops.maximum(x.max(), 0.0)
    scale = (high - low) / 255.0
    scale = ops.where(scale == 0.0, 1.0, scale)
    zero = ops.rint((-low / scale).clip(0.0, 255.0)).astype(np.uint8)
    return stored(x, scale, zero), scale, zero


@operator("DynamicQuantizeLinear")
def dynamic_quantize(x: Tensor, /) -> list[Tensor | None]:
    """Bytes, scale and zero."""
    return list(dynamic(x))


# ------------------------------------------------------------------------------------ products


def _floats(inner: int) -> DType:
    """In what a product of bytes is exact, or as good as."""
    return np.dtype(np.float32 if inner <= EXACT else np.float64)


def _column(zero: MaybeNumber) -> MaybeNumber:
    """A zero for each row of the first matrix, as a column."""
    if zero is None or zero.ndim != 1 or zero.size == 1:
        return zero if zero is None or zero.ndim > 1 else zero.reshape(())
    return zero.reshape(-1, 1)


def integer_product(a: Number, a_zero: MaybeNumber, b: Number, b_zero: MaybeNumber) -> Tensor:
    """(a - a_zero) (b - b_zero), near numbers in floats."""
    dtype = _floats(a.shape[-1])
    b_zero = b_zero.reshape(()) if b_zero is not None and b_zero.size == 1 else b_zero
    return product(centered(a, _column(a_zero), dtype), centered(b, b_zero, dtype))


@operator("MatMulInteger")
def matmul_integer(
    a: Array | Tensor,
    b: Array | Tensor,
    a_zero_point: Array | Tensor | None = None,
    b_zero_point: Array | Tensor | None = None,
    /,
) -> Tensor:
    """(a - a_zero_point) (b - b_zero_point), in int32."""
    return integer_product(a, a_zero_point, b, b_zero_point).astype(np.int32)


@operator("QLinearMatMul")
def qlinear_matmul(
    a: Array | Tensor,
    a_scale: Array | Tensor,
    a_zero_point: Array | Tensor,
    b: Array | Tensor,
    b_scale: Array | Tensor,
    b_zero_point: Array | Tensor,
    y_scale: Array | Tensor,
    y_zero_point: Array | Tensor,
    /,
) -> Tensor:
    """The product of what a and b stand for, stored again."""
    y = integer_product(a, a_zero_point, b, b_zero_point).astype(np.float32)
    a_scale = _column(a_scale)  # type: ignore[assignment]
    return stored(y, as_tensor(y_scale) / as_tensor(b_scale) / as_tensor(a_scale), y_zero_point)


def _with_kernel(given: Operands, attributes: Attributes, place: int) -> Laid:
    """Images with channels last; the kernel at a place among the inputs, as AXON's lie."""
    image, kernel = given[0], given[place] if len(given) > place else None
    if image is None or kernel is None:
        raise ValueError("expected images and a kernel.")
    laid = channels_last([image], attributes)
    rest = [v and v.natural() for v in given[1:]]
    rest[place - 1] = kernel.permuted((*range(2, kernel.ndim), 1, 0)).natural()
    return Laid([*laid.inputs, *rest], attributes, laid.order)


@operator("ConvInteger", layout=partial(_with_kernel, place=1))
def conv_integer(
    x: Array | Tensor,
    w: Array | Tensor,
    x_zero_point: Array | Tensor | None = None,
    w_zero_point: Array | Tensor | None = None,
    /,
    *,
    group: int = 1,
    kernel_shape: Ints = None,
    spacing: Spacing,
) -> Tensor:
    """The convolution of (x - x_zero_point) with (w - w_zero_point), in int32."""
    image, kernel = centered(x, x_zero_point), centered(w, w_zero_point)
    made = conv(image, kernel, group=group, kernel_shape=None, spacing=spacing)
    return ops.rint(made).astype(np.int32)


@operator("QLinearConv", "com.microsoft.QLinearConv", layout=partial(_with_kernel, place=3))
def qlinear_conv(
    x: Array | Tensor,
    x_scale: Array | Tensor,
    x_zero_point: Array | Tensor,
    w: Array | Tensor,
    w_scale: Array | Tensor,
    w_zero_point: Array | Tensor,
    y_scale: Array | Tensor,
    y_zero_point: Array | Tensor,
    b: Array | Tensor | None = None,
    /,
    *,
    channels_last: Literal[0] = 0,
    group: int = 1,
    kernel_shape: Ints = None,
    spacing: Spacing,
) -> Tensor:
    """The convolution of what x and w stand for, stored again; the bias is in int32."""
    image, kernel = centered(x, x_zero_point), centered(w, w_zero_point)
    bias = None if b is None else as_tensor(b).astype(np.float32)
    made = conv(image, kernel, bias, group=group, kernel_shape=None, spacing=spacing)
    return stored(made, as_tensor(y_scale) / (as_tensor(x_scale) * w_scale), y_zero_point)
