"""Convolutions whose taps are moved: where each of them looks is computed from the data."""

from itertools import product as combinations
from math import prod

import numpy as np

from axon import ops
from axon.backend import Array
from axon.core import Tensor
from axon.onnx.run.operators.budget import allowed, spend
from axon.onnx.run.operators.table import operator

Ints = list[int] | None


@operator("DeformConv")
def deform_conv(
    x: Tensor,
    w: Tensor,
    offset: Tensor,
    b: Tensor | None = None,
    mask: Tensor | None = None,
    /,
    *,
    dilations: Ints = None,
    group: int = 1,
    kernel_shape: Ints = None,
    offset_group: int = 1,
    pads: Ints = None,
    strides: Ints = None,
) -> Tensor:
    """A convolution of images, each tap of which looks ``offset`` pixels from where it would.

    What it sees between pixels is between them, and beyond the images 0; ``mask`` says how much it
    counts. Channels fall into ``offset_group`` groups that are moved alike.
    """
    if x.ndim != 4 or w.ndim != 4 or group < 1 or offset_group < 1:
        raise ValueError("expected images, a kernel and numbers of groups.")
    (n, channels), (filters, _, KH, KW), (OH, OW) = x.shape[:2], w.shape, offset.shape[2:]
    taps, size = KH * KW, OH * OW
    if channels != w.shape[1] * group or filters % group or channels % offset_group:
        raise ValueError(f"{group} groups do not fit {channels} channels and {filters} filters.")
    if offset.shape[:2] != (n, 2 * offset_group * taps):
        raise ValueError(f"offsets {offset.shape} do not fit {offset_group} groups of {taps} taps.")
    allowed((4, n, channels, taps, size))
    spend("work", n * size * w.size)
    moved = offset.reshape(n, offset_group, taps, 2, OH, OW)
    start = _places((KH, KW), (OH, OW), pads or [0] * 4, strides or [1, 1], dilations or [1, 1])
    share = None if mask is None else mask.reshape(n, offset_group, taps, OH, OW)
    seen = _between(x, moved[:, :, :, 0] + start[0], moved[:, :, :, 1] + start[1], share)
    columns = seen.transpose(0, 1, 5, 2, 3, 4).reshape(n, group, channels // group * taps, size)
    kernel = w.reshape(group, filters // group, channels // group * taps)
    y = ops.matmul(kernel, columns).reshape(n, filters, OH, OW)
    return y if b is None else y + b.reshape(filters, 1, 1)


def _places(
    kernel: tuple[int, int],
    counts: tuple[int, ...],
    pads: list[int],
    strides: list[int],
    dilations: list[int],
) -> list[Array]:
    """Rows and columns (taps, OH, OW) of the pixels that would be looked at."""
    found = []
    for axis, (size, count) in enumerate(zip(kernel, counts, strict=True)):
        tap = np.arange(size) * dilations[axis]
        window = np.arange(count) * strides[axis] - pads[axis]
        shape = [size, 1, 1, 1] if axis == 0 else [1, size, 1, 1]
        line = window.reshape(-1, 1) if axis == 0 else window.reshape(1, -1)
        full = np.broadcast_to(tap.reshape(shape) + line, (*kernel, *counts))
        found.append(full.reshape(prod(kernel), *counts).astype(np.float32))
    return found


def _between(x: Tensor, rows: Tensor, columns: Tensor, share: Tensor | None) -> Tensor:
    """What lies at these places of images (n, groups of channels, ...): their channels last."""
    (n, channels, H, W), groups = x.shape, rows.shape[1]
    each = channels // groups
    pixels = x.reshape(n, groups, each, H * W).transpose(0, 1, 3, 2)
    pixels = pixels.reshape(n * groups * H * W, each)
    first = np.arange(n * groups, dtype=np.int64).reshape(n, groups, 1, 1, 1) * (H * W)
    total: Tensor | None = None
    for down, right in combinations((0, 1), (0, 1)):
        (row, near), (column, close) = _side(rows, down, H), _side(columns, right, W)
        weight = near * close if share is None else near * close * share
        seen = ops.take(pixels, row * W + column + first)
        seen = seen * weight.reshape(*weight.shape, 1)
        total = seen if total is None else total + seen
    assert total is not None
    return total


def _side(at: Tensor, step: int, size: int) -> tuple[Tensor, Tensor]:
    """The pixel before or behind each place, and its share; none of what lies beyond."""
    steps = ops.floor(at) + float(step)
    near = 1.0 - ops.absolute(at - steps)
    inside = ops.logical_and(
        ops.greater_equal(steps, Tensor(np.zeros((), at.dtype))),
        ops.less(steps, Tensor(np.array(size, at.dtype))),
    )
    return steps.clip(0.0, size - 1.0).astype(np.int64), ops.where(inside, near, 0.0)
