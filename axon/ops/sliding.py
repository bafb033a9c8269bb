"""Windows that slide over images, series and volumes, as functions with Keras's names."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from axon.backend import Shape
from axon.core import Tensor
from axon.ops.composite import composite
from axon.ops.convolution import conv2d, conv2d_input
from axon.ops.index import slice_gradient
from axon.ops.join import stack
from axon.ops.layout import along, moveaxis
from axon.ops.pad import pad_
from axon.ops.pool import average_pool2d, max_pool2d
from axon.ops.volumes import conv3d, conv3d_input, pool3d
from axon.ops.windows import Pair, same, spans_of

Sizes = int | Sequence[int]


def _each(what: str, given: Sizes, axes: int) -> Shape:
    """One number for each axis."""
    sizes: tuple[Any, ...] = tuple(np.ravel(given).tolist())
    sizes = sizes * axes if np.ndim(given) == 0 else sizes
    if len(sizes) != axes or not all(isinstance(n, int) and n > 0 for n in sizes):
        raise ValueError(f"{what}: expected a whole number, or {axes} of them, got {given!r}.")
    return sizes


def _last(function: str, x: Tensor, data_format: str | None) -> Tensor:
    """The channels as the last axis."""
    if data_format not in (None, "channels_last", "channels_first"):
        raise ValueError(
            f"{function}: data_format must be 'channels_last' or 'channels_first', got "
            f"{data_format!r}."
        )
    return moveaxis(x, 1, -1) if data_format == "channels_first" else x


def _back(x: Tensor, data_format: str | None) -> Tensor:
    return moveaxis(x, -1, 1) if data_format == "channels_first" else x


def _around(function: str, padding: str, sizes: Shape, spans: Shape, strides: Shape) -> Any:
    """How much zero lies around, along each axis."""
    if padding not in ("valid", "same"):
        raise ValueError(f"{function}: padding must be 'valid' or 'same', got {padding!r}.")
    each = zip(sizes, spans, strides, strict=True)
    return tuple(same(*sizes) if padding == "same" else (0, 0) for sizes in each)


def _demand_axes(function: str, inputs: Tensor, axes: int) -> None:
    if not 1 <= axes <= 3 or inputs.ndim != axes + 2:
        raise ValueError(
            f"{function}: expected (n, places..., channels) along 1 to 3 axes of places, "
            f"{axes} by the other argument, got shape {inputs.shape}."
        )


def convolved(
    function: str,
    x: Tensor,
    w: Tensor,
    strides: Sizes,
    padding: str,
    dilation_rate: Sizes,
    groups: int,
) -> Tensor:
    """Series are images of height 1; volumes are done slice by slice."""
    axes = w.ndim - 2
    _demand_axes(function, x, axes)
    apart, dilation = _each("strides", strides, axes), _each("dilation_rate", dilation_rate, axes)
    ends = _around(function, padding, x.shape[1:-1], spans_of(w.shape[:-2], dilation), apart)
    if axes == 3:
        return conv3d(x, w, strides=apart, padding=ends, dilation=dilation, groups=groups)
    if axes == 2:
        return conv2d(x, w, strides=apart, padding=ends, dilation=dilation, groups=groups)
    flat = {"strides": (1, *apart), "padding": ((0, 0), *ends), "dilation": (1, *dilation)}
    y: Tensor = conv2d(x[:, None], w[None], groups=groups, **flat)
    return y[:, 0]


@composite
def conv(
    inputs: Tensor,
    kernel: Tensor,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Tensor:
    """Convolve series, images or volumes.

    Args:
        inputs: (n, places..., channels), along one, two or three axes of places.
        kernel: (sizes..., channels / groups, filters).
        strides: how far windows lie apart.
        padding: "valid" or "same".
        data_format: "channels_last", or "channels_first" for (n, channels, places...).
        dilation_rate: how far the taps of a window lie apart.

    >>> conv(np.ones((1, 3, 3, 1)), np.ones((2, 2, 1, 1)))[0, :, :, 0]
    array([[4., 4.],
           [4., 4.]])
    """
    x = _last("conv", inputs, data_format)
    groups = x.shape[-1] // max(kernel.shape[-2], 1)
    y = convolved("conv", x, kernel, strides, padding, dilation_rate, groups)
    return _back(y, data_format)


@composite
def depthwise_conv(
    inputs: Tensor,
    kernel: Tensor,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Tensor:
    """Convolve each channel alone; the kernel is (sizes..., channels, filters of each).

    >>> depthwise_conv(np.ones((1, 2, 2, 3)), np.ones((2, 2, 3, 1))).ravel()
    array([4., 4., 4.])
    """
    x, (*sizes, C, M) = _last("depthwise_conv", inputs, data_format), kernel.shape
    w = kernel.reshape(*sizes, 1, C * M)
    y = convolved("depthwise_conv", x, w, strides, padding, dilation_rate, C)
    return _back(y, data_format)


@composite
def separable_conv(
    inputs: Tensor,
    depthwise_kernel: Tensor,
    pointwise_kernel: Tensor,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Tensor:
    """``depthwise_conv``, and then ``conv`` with a kernel of size 1.

    >>> separable_conv(np.ones((1, 2, 3)), np.ones((2, 3, 1)), np.ones((1, 3, 1))).ravel()
    array([6.])
    """
    y = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(y, pointwise_kernel, 1, "valid", data_format)


def _painted(padding: str, n: int, span: int, stride: int, rest: int | None) -> tuple[int, Pair]:
    """How many places are painted along an axis, and how much is cut off at its ends."""
    if rest is None:
        size = n * stride + (max(span - stride, 0) if padding == "valid" else 0)
        before = max(span - stride, 0) // 2 if padding == "same" else 0
    else:
        before = span // 2 if padding == "same" else 0
        size = (n - 1) * stride + span + rest - 2 * before
    return size, (before, max((n - 1) * stride + span - before - size, 0))


@composite
def conv_transpose(
    inputs: Tensor,
    kernel: Tensor,
    strides: Sizes = 1,
    padding: str = "valid",
    output_padding: Sizes | None = None,
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Tensor:
    """The way back of a convolution: each input paints a kernel (sizes..., filters, channels).

    >>> conv_transpose(np.ones((1, 2, 1)), np.ones((2, 1, 1)), strides=2).ravel()
    array([1., 1., 1., 1.])
    """
    x, axes = _last("conv_transpose", inputs, data_format), kernel.ndim - 2
    _demand_axes("conv_transpose", x, axes)
    apart, dilation = _each("strides", strides, axes), _each("dilation_rate", dilation_rate, axes)
    _around("conv_transpose", padding, x.shape[1:-1], apart, apart)
    more = output_padding if isinstance(output_padding, tuple | list) else (output_padding,) * axes
    each = zip(x.shape[1:-1], spans_of(kernel.shape[:-2], dilation), apart, more, strict=True)
    sizes, ends = zip(*(_painted(padding, *numbers) for numbers in each), strict=True)
    return _back(_paint(x, kernel, sizes, apart, ends, dilation), data_format)


def _paint(
    x: Tensor, w: Tensor, sizes: Shape, strides: Shape, ends: Any, dilation: Shape
) -> Tensor:
    shape = (x.shape[0], *sizes, w.shape[-2])
    how: dict[str, Any] = {"strides": strides, "padding": ends, "dilation": dilation}
    if len(sizes) == 3:
        return conv3d_input(x, w, shape=shape, **how)
    if len(sizes) == 2:
        return conv2d_input(x, w, shape=shape, **how)
    how = {"strides": (1, *strides), "padding": ((0, 0), *ends), "dilation": (1, *dilation)}
    y: Tensor = conv2d_input(x[:, None], w[None], shape=(shape[0], 1, *shape[1:]), **how)
    return y[:, 0]


def _pooled(
    function: str,
    pool: Callable[..., Tensor],
    inputs: Tensor,
    pool_size: Sizes,
    strides: Sizes | None,
    padding: str,
    data_format: str | None,
) -> Tensor:
    x = _last(function, inputs, data_format)
    axes = x.ndim - 2
    _demand_axes(function, x, axes)
    size = _each("pool_size", pool_size, axes)
    apart = size if strides is None else _each("strides", strides, axes)
    ends = _around(function, padding, x.shape[1:-1], size, apart)
    if axes == 3:
        y = pool3d(pool, x, pool_size=size, strides=apart, padding=ends)
    elif axes == 2:
        y = pool(x, pool_size=size, strides=apart, padding=ends)
    else:
        flat: dict[str, Any] = {"pool_size": (1, *size), "strides": (1, *apart)}
        y = pool(x[:, None], padding=((0, 0), *ends), **flat)[:, 0]
    return _back(y, data_format)


@composite
def max_pool(
    inputs: Tensor,
    pool_size: Sizes,
    strides: Sizes | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """The largest number in each window of series, images or volumes.

    >>> max_pool([[[1.0], [3.0], [2.0], [0.0]]], 2).ravel()
    array([3., 2.])
    """
    return _pooled("max_pool", max_pool2d, inputs, pool_size, strides, padding, data_format)


@composite
def average_pool(
    inputs: Tensor,
    pool_size: Sizes,
    strides: Sizes | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """The mean of each window of series, images or volumes; what lies around does not count.

    >>> average_pool([[[1.0], [3.0], [2.0], [0.0]]], 2).ravel()
    array([2., 1.])
    """
    return _pooled("average_pool", average_pool2d, inputs, pool_size, strides, padding, data_format)


def _to_size(
    function: str,
    reduce: Callable[[Tensor, int], Tensor],
    inputs: Tensor,
    output_size: Sizes,
    data_format: str | None,
) -> Tensor:
    """Along an axis of n places, window i of m covers floor(i n / m) to ceil((i + 1) n / m)."""
    x = _last(function, inputs, data_format)
    for axis, m in enumerate(_each("output_size", output_size, x.ndim - 2), 1):
        n = x.shape[axis]
        if m == n:
            continue
        windows = [slice(i * n // m, -(-(i + 1) * n // m)) for i in range(m)]
        x = stack([reduce(x[along(axis, part)], axis) for part in windows], axis=axis)
    return _back(x, data_format)


@composite
def adaptive_average_pool(
    inputs: Tensor, output_size: Sizes, data_format: str | None = None
) -> Tensor:
    """The means of so many windows along each axis of places, whose sizes follow from it.

    >>> adaptive_average_pool([[[1.0], [3.0], [2.0], [0.0]]], 2).ravel()
    array([2., 1.])
    """
    mean = Tensor.mean
    return _to_size("adaptive_average_pool", mean, inputs, output_size, data_format)


@composite
def adaptive_max_pool(inputs: Tensor, output_size: Sizes, data_format: str | None = None) -> Tensor:
    """The largest of so many windows along each axis of places, whose sizes follow from it.

    >>> adaptive_max_pool([[[1.0], [3.0], [2.0], [0.0]]], 2).ravel()
    array([3., 2.])
    """
    return _to_size("adaptive_max_pool", Tensor.max, inputs, output_size, data_format)


def _taps(
    size: Shape, kernel: Sizes, dilation: Sizes, padding: Sizes, stride: Sizes
) -> tuple[list[tuple[slice, slice]], Shape, Shape]:
    """Where each tap of the windows meets padded images; how many windows, how much padding."""
    K, D, S = (_each("unfold", v, 2) for v in (kernel, dilation, stride))
    P = tuple(padding) if isinstance(padding, tuple | list) else (padding, padding)
    spans = spans_of(K, D)
    counts = tuple((n + 2 * p - k) // s + 1 for n, p, k, s in zip(size, P, spans, S, strict=True))
    if min(counts) < 1:
        raise ValueError(f"unfold: windows of {spans} are larger than images of {tuple(size)}.")
    parts = [
        [slice(i * d, i * d + (c - 1) * s + 1, s) for i in range(k)]
        for k, d, c, s in zip(K, D, counts, S, strict=True)
    ]
    return [(rows, columns) for rows in parts[0] for columns in parts[1]], counts, P


@composite
def unfold(
    inputs: Tensor,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
) -> Tensor:
    """The windows on images, each as a column: (N, C, H, W) -> (N, C KH KW, windows), as PyTorch.

    >>> unfold(np.arange(4.0).reshape(1, 1, 2, 2), 2).ravel()
    array([0., 1., 2., 3.])
    """
    N, C, H, W = inputs.shape
    taps, counts, (p, q) = _taps((H, W), kernel_size, dilation, padding, stride)
    x = pad_(inputs, padding=((0, 0), (0, 0), (p, p), (q, q))) if p or q else inputs
    seen = stack([x[:, :, rows, columns] for rows, columns in taps], axis=2)
    return seen.reshape(N, C * len(taps), math.prod(counts))


@composite
def fold(
    inputs: Tensor,
    output_size: Sizes,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
) -> Tensor:
    """The way back of ``unfold``: windows added up where they lie; (N, C KH KW, windows).

    >>> fold(np.ones((1, 4, 1)), 2, 2).ravel()
    array([1., 1., 1., 1.])
    """
    H, W = _each("output_size", output_size, 2)
    taps, counts, (p, q) = _taps((H, W), kernel_size, dilation, padding, stride)
    N, many = inputs.shape[:2]
    if many % len(taps) or inputs.shape[2] != math.prod(counts):
        raise ValueError(
            f"fold: expected (n, channels {len(taps)}, {math.prod(counts)}), got {inputs.shape}."
        )
    C = many // len(taps)
    seen = inputs.reshape(N, C, len(taps), *counts)
    shape, every = (N, C, H + 2 * p, W + 2 * q), slice(None)
    total: Any = None
    for i, (rows, columns) in enumerate(taps):
        index = (every, every, rows, columns)
        placed = slice_gradient(seen[:, :, i], shape=shape, index=index)
        total = placed if total is None else total + placed
    image: Tensor = total
    return image[:, :, p : p + H, q : q + W]


@composite
def depth_to_space(x: Tensor, block_size: int, data_format: str | None = None) -> Tensor:
    """Channels as blocks of pixels: (N, H, W, C b b) -> (N, H b, W b, C).

    >>> depth_to_space(np.arange(4.0).reshape(1, 1, 1, 4), 2)[0, :, :, 0]
    array([[0., 1.],
           [2., 3.]])
    """
    y, b = _last("depth_to_space", x, data_format), block_size
    N, H, W, C = y.shape
    if b < 1 or C % (b * b):
        raise ValueError(f"depth_to_space: blocks of {b} x {b} do not divide {C} channels.")
    if data_format == "channels_first":  # where channels come before blocks
        parts = y.reshape(N, H, W, C // b**2, b, b).transpose(0, 1, 4, 2, 5, 3)
    else:
        parts = y.reshape(N, H, W, b, b, C // b**2).transpose(0, 1, 3, 2, 4, 5)
    return _back(parts.reshape(N, H * b, W * b, C // b**2), data_format)


@composite
def space_to_depth(x: Tensor, block_size: int, data_format: str | None = None) -> Tensor:
    """Blocks of pixels as channels: (N, H b, W b, C) -> (N, H, W, C b b).

    >>> space_to_depth(np.arange(4.0).reshape(1, 2, 2, 1), 2).ravel()
    array([0., 1., 2., 3.])
    """
    y, b = _last("space_to_depth", x, data_format), block_size
    N, H, W, C = y.shape
    if b < 1 or H % b or W % b:
        raise ValueError(f"space_to_depth: blocks of {b} x {b} do not divide images of {H} x {W}.")
    parts = y.reshape(N, H // b, b, W // b, b, C)
    order = (0, 1, 3, 5, 2, 4) if data_format == "channels_first" else (0, 1, 3, 2, 4, 5)
    made = parts.transpose(*order).reshape(N, H // b, W // b, C * b * b)
    return _back(made, data_format)
