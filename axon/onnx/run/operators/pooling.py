"""Pooling: the largest, or the mean, of what each window sees."""

from functools import reduce
from math import prod
from typing import Any

import numpy as np

from axon import ops
from axon.core import Tensor
from axon.onnx.run.operators.convolution import lifted, lowered, padding, rounded_up, several
from axon.onnx.run.operators.table import operator
from axon.onnx.run.operators.values import STEP, channels_last, room, same_tensor, spend
from axon.ops.windows import Padding, Pair, Windows

A = dict[str, Any]


def _windows(a: A, x: Tensor, axes: int) -> tuple[Windows, Padding]:
    """The windows, and the padding that the attributes name, without what rounding up adds."""
    if axes not in (1, 2):
        raise ValueError(f"pooling along {axes} axes is not supported.")
    size, strides = several(a, "kernel_shape", axes), several(a, "strides", axes)
    dilation = several(a, "dilations", axes)
    spans = Windows(size, strides, dilation=dilation).spans()
    around = padding(a, axes, x.shape[1:3], spans, strides)
    sizes: Pair = x.shape[1:3]
    room((x.shape[0], *(n + sum(p) for n, p in zip(sizes, around, strict=True)), x.shape[3]))
    up = a.get("ceil_mode") and a.get("auto_pad", "NOTSET") == "NOTSET"
    reach = rounded_up(around, sizes, spans, strides) if up else around
    spend("work", prod(size) * (x.size + STEP))
    return Windows(size, strides, reach, dilation), around


@operator("MaxPool", arrange=channels_last)
def max_pool(a: A, x: Any) -> Tensor:
    """The largest number in each window."""
    axes = x.ndim - 2
    x = lifted(same_tensor(x))
    windows, _ = _windows(a, x, axes)
    size, strides, around, dilation = windows
    if dilation != (1, 1):
        return lowered(_dilated(x, windows), axes)
    return lowered(ops.max_pool2d(x, pool_size=size, strides=strides, padding=around), axes)


def _dilated(x: Tensor, windows: Windows) -> Tensor:
    """The larger of what the taps see, one tap after another."""
    around = ((0, 0), *windows.padding, (0, 0))
    inside = np.pad(np.ones(x.shape[1:], bool), around[1:])
    wide = ops.where(inside, ops.pad(x, padding=around), -np.inf)
    (OH, OW), (SH, SW) = windows.counts(x.shape), windows.strides
    seen = []
    for kh, kw in windows.taps():
        top, left = kh * windows.dilation[0], kw * windows.dilation[1]
        down, across = (
            slice(top, top + (OH - 1) * SH + 1, SH),
            slice(left, left + (OW - 1) * SW + 1, SW),
        )
        seen.append(wide[:, down, across])
    return reduce(ops.maximum, seen)


@operator("AveragePool", arrange=channels_last)
def average_pool(a: A, x: Any) -> Tensor:
    """The mean of each window; padding counts if ``count_include_pad`` says so."""
    axes = x.ndim - 2
    x = lifted(same_tensor(x))
    windows, around = _windows(a, x, axes)
    size, strides, reach, dilation = windows
    if dilation != (1, 1):
        raise ValueError("dilations of an average are not supported.")
    if a.get("count_include_pad") and around != ((0, 0), (0, 0)):
        x = ops.pad(x, padding=((0, 0), *around, (0, 0)))
        more = [(0, after - known) for (_, after), (_, known) in zip(reach, around, strict=True)]
        reach = (more[0], more[1])
    return lowered(ops.average_pool2d(x, pool_size=size, strides=strides, padding=reach), axes)


def _places(x: Any) -> tuple[int, ...]:
    return tuple(range(1, x.ndim - 1))


@operator("GlobalAveragePool", arrange=channels_last)
def global_average_pool(a: A, x: Any) -> Any:
    """The mean of each channel."""
    return same_tensor(x).mean(_places(x), keepdims=True)


@operator("GlobalMaxPool", arrange=channels_last)
def global_max_pool(a: A, x: Any) -> Any:
    """The largest of each channel."""
    return same_tensor(x).max(_places(x), keepdims=True)


@operator("LRN", arrange=channels_last)
def local_response(a: A, x: Any) -> Any:
    """Divided by what the channels next to it hold."""
    x, size = same_tensor(x), int(a["size"])
    channels = np.arange(x.shape[-1])
    apart = channels[:, None] - channels[None]  # the channel that is read, minus the one that asks
    room((channels.size, channels.size))
    near = (apart >= -((size - 1) // 2)) & (apart <= size // 2)
    total = ops.matmul(ops.square(x), near.astype(x.dtype)) * (a.get("alpha", 1e-4) / size)
    return x / ops.power(total + a.get("bias", 1.0), np.array(a.get("beta", 0.75), x.dtype))
