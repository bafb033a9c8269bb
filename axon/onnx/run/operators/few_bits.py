"""Weights in a few bits, with a scale for each block of a row, of com.microsoft.

The numbers of a byte begin with its lowest bits. Weights that are known are made floats while the
network is recorded.
"""

from typing import Literal

import numpy as np

from axon import ops
from axon.backend import Array, Shape
from axon.core import Tensor
from axon.onnx.run.operators.budget import allowed
from axon.onnx.run.operators.matrices import product
from axon.onnx.run.operators.operand import axis_from_front
from axon.onnx.run.operators.table import of_microsoft as _of
from axon.onnx.run.operators.table import operator

FP4 = (0.0, 0.0052083333, 0.6666667, 1.0, 0.3333333, 0.5, 0.1666667, 0.25)
FP4_TABLE = np.array([*FP4, *(-x for x in FP4)], np.float32)
NF4 = (-1.0, -0.6961928, -0.52507305, -0.39491749, -0.28444138, -0.18477343, -0.09105004, 0.0)
NF4_TABLE = np.array(
    [*NF4, 0.0795803, 0.1609302, 0.2461123, 0.33791524, 0.44070983, 0.562617, 0.72295684, 1.0],
    np.float32,
)


def _unpacked(packed: Array, bits: int, shape: Shape) -> Array:
    """Numbers of a few bits, of which each byte holds several; each row begins with a byte."""
    allowed(shape)
    rows = packed.reshape(shape[0], -1)
    parts = [(rows >> shift) & (2**bits - 1) for shift in range(0, 8, bits)]
    flat = np.stack(parts, -1).reshape(shape[0], -1)
    if flat.shape[1] < shape[1]:
        raise ValueError(f"{packed.shape} bytes do not hold {shape} numbers of {bits} bits.")
    made: Array = flat[:, : shape[1]]
    return made


@operator(*_of("MatMulNBits"))
def matmul_bits(
    x: Tensor,
    w: Array,
    scales: Array,
    zeros: Array | None = None,
    order: Array | None = None,
    bias: Tensor | None = None,
    /,
    *,
    K: int,
    N: int,
    accuracy_level: int = 0,
    bits: Literal[2, 4, 8] = 4,
    block_size: int,
    weight_prepacked: Literal[0] = 0,
) -> Tensor:
    """x W' + bias, of weights (N, K) in few bits, with a scale for each block of a row.

    ``order`` (K,) names the block of each column. ``accuracy_level`` says what else might be
    rounded, and nothing is.
    """
    blocks = -(-K // block_size)
    numbers = _unpacked(w, bits, (N, blocks * block_size))[:, :K]
    if zeros is None:
        middle = np.full((N, blocks), 2 ** (bits - 1), np.float32)
    elif zeros.dtype == np.uint8:
        middle = _unpacked(zeros, bits, (N, blocks)).astype(np.float32)
    else:
        middle = zeros.reshape(N, blocks).astype(np.float32)
    of_column = np.arange(K) // block_size if order is None else order[:K]
    if of_column.shape != (K,) or of_column.min() < 0 or of_column.max() >= blocks:
        raise ValueError(f"g_idx of shape {of_column.shape} does not name {blocks} blocks.")
    matrix = (numbers - middle[:, of_column]) * scales.reshape(N, blocks)[:, of_column]
    y = product(x, Tensor(np.ascontiguousarray(matrix.astype(x.dtype).T)))
    return y if bias is None else y + bias


@operator(*_of("MatMulBnb4"))
def matmul_bnb4(
    x: Tensor,
    w: Array,
    largest: Array,
    /,
    *,
    K: int,
    N: int,
    block_size: int,
    quant_type: Literal[0, 1],
    training_mode: Literal[0] = 0,
    transB: Literal[1] = 1,
) -> Tensor:
    """x W' of weights (N, K) in 4 bits of a table, times the largest of each block of numbers.

    Of a byte, the higher bits come first.
    """
    rows = w.reshape(1, -1)
    allowed((N, K))
    places = np.stack([rows >> 4, rows & 15], -1).reshape(-1)[: N * K]
    if places.size < N * K or largest.size * block_size < N * K:
        raise ValueError(f"{w.size} bytes and {largest.size} scales do not hold {(N, K)} numbers.")
    scale = np.repeat(largest, block_size)[: N * K]
    matrix = ((NF4_TABLE if quant_type else FP4_TABLE)[places] * scale).reshape(N, K)
    return product(x, Tensor(np.ascontiguousarray(matrix.astype(x.dtype).T)))


@operator(*_of("GatherBlockQuantized"))
def gather_blocks(
    w: Array,
    places: Tensor,
    scales: Array,
    zeros: Array | None = None,
    /,
    *,
    bits: Literal[2, 4, 8] = 4,
    block_size: int = 128,
    gather_axis: int = 0,
    quantize_axis: int = 1,
) -> Tensor:
    """Rows of a table in few bits, whose last axis is in blocks with a scale each."""
    if w.dtype != np.uint8 or axis_from_front(gather_axis, w.ndim) != 0:
        raise ValueError(
            "tables of other types than uint8, or along other axes, are not supported."
        )
    if axis_from_front(quantize_axis, w.ndim) != w.ndim - 1 or block_size < 1:
        raise ValueError(f"blocks along axis {quantize_axis} are not supported.")
    rows, width = int(np.prod(w.shape[:-1])), w.shape[-1] * (8 // bits)
    blocks = scales.shape[-1]
    numbers = _unpacked(w, bits, (rows, width)).astype(np.float32)
    if zeros is None:
        middle = np.full((rows, blocks), 2.0 ** (bits - 1), np.float32)
    else:
        middle = _unpacked(zeros, bits, (rows, blocks)).astype(np.float32)
    of_column = np.arange(width) // block_size
    table = (numbers - middle[:, of_column]) * scales.reshape(rows, blocks)[:, of_column]
    return ops.take(Tensor(table.astype(scales.dtype).reshape(*w.shape[:-1], width)), places)
