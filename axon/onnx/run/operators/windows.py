"""Convolutions and pooling: what windows see of images, or of series, which are images of height 1.

Kernels are stored as AXON's are, (height, width, channels, filters).
"""

from math import ceil, prod
from typing import Literal, NamedTuple

import numpy as np

from axon import ops
from axon.backend import Shape
from axon.core import Tensor
from axon.onnx.run.operators import gaps, volumes
from axon.onnx.run.operators.budget import STEP, allowed, spend
from axon.onnx.run.operators.operand import Attributes, Laid, Operands, channels_last
from axon.onnx.run.operators.table import Context, operator
from axon.ops.windows import UNPADDED, Padding, Pair, Windows, same

Ints = list[int] | None
ONE: Pair = (1, 1)
DENSE = Windows(ONE, ONE)


def kernel_order(rank: int) -> Shape:
    """How AXON's kernel is read by a file: (filters, channels, height, width).

    >>> kernel_order(4), kernel_order(3)
    ((3, 2, 0, 1), (2, 1, 0))
    """
    return (rank - 1, rank - 2, *range(rank - 2))


def pair(name: str, given: Ints, axes: int, usual: int = 1) -> Pair:
    """A number for each of two axes; a series is an image of height 1."""
    numbers = [usual] * axes if given is None else given
    if len(numbers) != axes or min(numbers) < 0 or (usual and min(numbers) < 1):
        raise ValueError(f"{name}={numbers} does not fit {axes} axes.")
    return (usual, numbers[0]) if axes == 1 else (numbers[0], numbers[1])


class Spacing(NamedTuple):
    """The attributes that say where windows lie."""

    auto_pad: Literal["NOTSET", "SAME_LOWER", "SAME_UPPER", "VALID"] = "NOTSET"
    dilations: Ints = None
    pads: Ints = None
    strides: Ints = None

    @property
    def same(self) -> bool:
        """Whether the result is to be of the size of the images, divided by the strides."""
        return self.auto_pad.startswith("SAME")

    def windows(self, size: Pair, axes: int) -> Windows:
        """Windows of this size, without padding yet."""
        apart = pair("dilations", self.dilations, axes)
        return Windows(size, pair("strides", self.strides, axes), dilation=apart)

    def padding(self, axes: int, sizes: Pair, windows: Windows) -> Padding:
        """What is said of padding: ((above, below), (left, right))."""
        if self.same:
            around = [same(*n) for n in zip(sizes, windows.spans(), windows.strides, strict=True)]
            if self.auto_pad == "SAME_LOWER":
                around = [(after, before) for before, after in around]
            return around[0], around[1]
        given = None if self.auto_pad == "VALID" else self.pads
        pads = [0] * 2 * axes if given is None else given
        if len(pads) != 2 * axes or min(pads) < 0 or max(pads) > 2**16:
            raise ValueError(f"pads={pads} do not fit {axes} axes, or are out of range.")
        around = [(pads[i], pads[axes + i]) for i in range(axes)]
        return ((0, 0), around[0]) if axes == 1 else (around[0], around[1])

    def on(self, x: Tensor, size: Pair, axes: int) -> Windows:
        """The windows on images (N, H, W, C), which may be made as large as the padding wants."""
        windows = self.windows(size, axes)
        windows = windows._replace(padding=self.padding(axes, (x.shape[1], x.shape[2]), windows))
        allowed((x.shape[0], *windows.padded_size(x.shape), x.shape[3]))
        return windows


def as_images(x: Tensor) -> Tensor:
    """A series (n, time, channels) as images of height 1."""
    return x if x.ndim == 4 else x.reshape(x.shape[0], 1, *x.shape[1:])


def as_given(y: Tensor, axes: int) -> Tensor:
    """Images of height 1 as the series that they were."""
    return y if axes == 2 else y.reshape(y.shape[0], *y.shape[2:])


# ------------------------------------------------------------------------------------ convolution


def with_kernel(given: Operands, attributes: Attributes) -> Laid:
    """Images with channels last, the kernel as AXON's lie, and what belongs to channels."""
    image, kernel, *bias = given
    if image is None or kernel is None or image.ndim not in (3, 4, 5):
        raise ValueError("expected series (n, channels, time), images or volumes, and a kernel.")
    if kernel.ndim != image.ndim:
        raise ValueError(f"a kernel of {kernel.ndim} axes does not fit {image.ndim}.")
    (x, *rest), _, order = channels_last([image, *bias], attributes)
    w = kernel.permuted((*range(2, kernel.ndim), 1, 0)).natural()
    size, said = list(w.shape[:-2]), attributes["kernel_shape"]
    if said is not None and said != size:
        raise ValueError(f"kernel_shape={said} does not fit a kernel of {size}.")
    return Laid([x, w, *rest], attributes, order)


def _kernel(w: Tensor, axes: int) -> Tensor:
    return w if axes == 2 else w.reshape(1, *w.shape)


def _with_bias(y: Tensor, b: Tensor | None) -> Tensor:
    """As rows: so the gradient of the bias is a product."""
    if b is None:
        return y
    return (y.reshape(y.size // max(y.shape[-1], 1), y.shape[-1]) + b).reshape(y.shape)


@operator("Conv", layout=with_kernel)
def conv(
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    /,
    *,
    group: int = 1,
    kernel_shape: Ints = None,
    spacing: Spacing,
) -> Tensor:
    """The convolution of images or series with a kernel."""
    axes = x.ndim - 2
    if axes == 3:
        spend("work", x.size * w.size)
        return _with_bias(volumes.convolved(x, w, group, *spacing), b)
    x, w = as_images(x), _kernel(w, axes)
    windows = spacing.on(x, (w.shape[0], w.shape[1]), axes)
    if group < 1:
        raise ValueError(f"group={group} is not a number of groups.")
    _spend_work(x, w, windows)
    _, strides, padding, dilation = windows
    meta = {"strides": strides, "padding": padding, "dilation": dilation, "groups": group}
    return as_given(_with_bias(ops.conv2d(x, w, **meta), b), axes)


def _spend_work(x: Tensor, w: Tensor, windows: Windows) -> None:
    """A product with the complete kernel at each place where it lies."""
    sides = zip(windows.padded_size(x.shape), windows.strides, strict=True)
    places = prod(n // step + 1 for n, step in sides)
    spend("work", w.shape[0] * w.shape[1] * STEP + x.shape[0] * places * w.size)


@operator("ConvTranspose", layout=with_kernel)
def conv_transpose(
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    /,
    *,
    group: int = 1,
    kernel_shape: Ints = None,
    output_padding: Ints = None,
    output_shape: Ints = None,
    spacing: Spacing,
) -> Tensor:
    """A convolution run backwards: each number paints the kernel, times itself."""
    axes = x.ndim - 2
    if axes == 3:
        spend("work", x.size * w.size)
        told = group, *spacing, output_padding, output_shape
        return _with_bias(volumes.painted(x, w, *told), b)
    x, w = as_images(x), _kernel(w, axes)
    windows, more = (
        spacing.windows((w.shape[0], w.shape[1]), axes),
        pair("output_padding", output_padding, axes, 0),
    )
    steps = windows.strides
    sides = zip(x.shape[1:3], steps, windows.spans(), more, strict=True)
    painted = [(n - 1) * s + k + e for n, s, k, e in sides]
    if output_shape is None and not spacing.same:
        around = spacing.padding(axes, (0, 0), DENSE)
        sizes = (painted[0] - sum(around[0]), painted[1] - sum(around[1]))
    else:
        sizes = (x.shape[1] * steps[0], x.shape[2] * steps[1])
        if output_shape is not None:
            sizes = pair("output_shape", output_shape[-axes:], axes)
        around = _cut_off(painted, sizes, spacing.auto_pad == "SAME_UPPER")
    shape = allowed((x.shape[0], *sizes, w.shape[2] * group))
    _spend_work(x, w, DENSE)
    meta = {"strides": steps, "padding": around, "dilation": windows.dilation, "groups": group}
    return as_given(_with_bias(ops.conv2d_input(x, w, shape=shape, **meta), b), axes)


def _cut_off(painted: list[int], wanted: Pair, more_behind: bool) -> Padding:
    """How much of what is painted goes on each side, so that the wanted size remains."""
    cuts = [max(0, full - n) for full, n in zip(painted, wanted, strict=True)]
    ends = [(c // 2, c - c // 2) if more_behind else (c - c // 2, c // 2) for c in cuts]
    return ends[0], ends[1]


# ------------------------------------------------------------------------------------ pooling


def _pooling_windows(
    x: Tensor, kernel_shape: list[int], ceil_mode: int, spacing: Spacing
) -> tuple[Windows, Padding]:
    """The windows, and the padding that the attributes name, without what rounding up adds."""
    axes = x.ndim - 2
    if axes not in (1, 2):
        raise ValueError(f"pooling along {axes} axes is not supported.")
    images = as_images(x)
    windows = spacing.on(images, pair("kernel_shape", kernel_shape, axes), axes)
    around = windows.padding
    if ceil_mode and spacing.auto_pad == "NOTSET":
        windows = _rounded_up(windows, (images.shape[1], images.shape[2]))
    spend("work", prod(windows.size) * (x.size + STEP))
    return windows, around


def _rounded_up(windows: Windows, sizes: Pair) -> Windows:
    """With padding so that the last window, if it begins on the image, is counted as well."""
    ends = []
    sides = zip(windows.padding, sizes, windows.spans(), windows.strides, strict=True)
    for (before, after), n, k, s in sides:
        count = ceil((n + before + after - k) / s) + 1
        if (count - 1) * s >= n + before:
            count -= 1
        ends.append((before, max(after, (count - 1) * s + k - n - before)))
    return windows._replace(padding=(ends[0], ends[1]))


@operator("MaxPool", layout=channels_last)
def max_pool(
    x: Tensor,
    /,
    *,
    kernel_shape: list[int],
    ceil_mode: int = 0,
    storage_order: int = 0,
    spacing: Spacing,
    context: Context,
) -> list[Tensor | None]:
    """The largest number in each window, and where it stands among all numbers."""
    dtype, axes = x.dtype, x.ndim - 2
    x = x if dtype.kind == "f" else x.astype(np.float64 if dtype.itemsize > 2 else np.float32)
    if axes == 3:
        _demand_unread(context)
        y = volumes.pooled(ops.max_pool2d, x, kernel_shape, ceil_mode, *spacing)
        return [y if y.dtype == dtype else y.astype(dtype)]
    windows, _ = _pooling_windows(x, kernel_shape, ceil_mode, spacing)
    images = as_images(x)
    size, strides, around, apart = windows
    if apart != ONE:
        _demand_unread(context)
        made = as_given(gaps.largest(images, size, strides, apart, around), axes)
        return [made if made.dtype == dtype else made.astype(dtype)]
    meta = {"pool_size": size, "strides": strides, "padding": around}
    y = ops.max_pool2d(images, **meta)
    made = as_given(y, axes)
    results: list[Tensor | None] = [made if made.dtype == dtype else made.astype(dtype)]
    if max(context.used) > 0:
        taps = ops.max_pool2d_argmax(images.detach(), y.detach(), **meta).astype(np.int64)
        results.append(as_given(_places_of(taps, windows, images.shape, storage_order), axes))
    return results


def _demand_unread(context: Context) -> None:
    if max(context.used) > 0:
        raise ValueError("places of the largest in volumes, or with dilations, are not supported.")


def _places_of(taps: Tensor, windows: Windows, shape: Shape, by_columns: int) -> Tensor:
    """Where the tap of each window lies among the numbers (n, channels, height, width)."""
    (N, OH, OW, C), (H, W) = taps.shape, shape[1:3]
    down = ops.floor_divide(taps, windows.size[1])
    across = taps - down * windows.size[1]
    top, left = (
        np.arange(count) * step - before
        for count, step, (before, _) in zip((OH, OW), windows.strides, windows.padding, strict=True)
    )
    row, column = down + top.reshape(1, OH, 1, 1), across + left.reshape(1, 1, OW, 1)
    image = (np.arange(N).reshape(N, 1, 1, 1) * C + np.arange(C)) * (H * W)
    return (column * H + row if by_columns else row * W + column) + image


@operator("AveragePool", layout=channels_last)
def average_pool(
    x: Tensor,
    /,
    *,
    kernel_shape: list[int],
    ceil_mode: int = 0,
    count_include_pad: int = 0,
    spacing: Spacing,
) -> Tensor:
    """The mean of each window; padding counts if ``count_include_pad`` says so."""
    if x.ndim == 5:
        told = kernel_shape, ceil_mode, *spacing, count_include_pad
        return volumes.pooled(ops.average_pool2d, x, *told)
    windows, around = _pooling_windows(x, kernel_shape, ceil_mode, spacing)
    images, axes = as_images(x), x.ndim - 2
    size, strides, reach, dilation = windows
    if dilation != ONE:
        counted = around if count_include_pad else UNPADDED
        return as_given(gaps.mean(images, size, strides, dilation, reach, counted), axes)
    if count_include_pad and around != UNPADDED:
        images = ops.pad(images, padding=((0, 0), *around, (0, 0)))
        more = [(0, after - known) for (_, after), (_, known) in zip(reach, around, strict=True)]
        reach = (more[0], more[1])
    made = ops.average_pool2d(images, pool_size=size, strides=strides, padding=reach)
    return as_given(made, axes)


@operator("LpPool", layout=channels_last)
def lp_pool(
    x: Tensor,
    /,
    *,
    kernel_shape: list[int],
    ceil_mode: int = 0,
    p: int = 2,
    spacing: Spacing,
) -> Tensor:
    """The p-th root of the sum of p-th powers in each window."""
    powers = ops.power(ops.absolute(x), np.array(p, x.dtype))
    told = {"kernel_shape": kernel_shape, "ceil_mode": ceil_mode, "count_include_pad": 1}
    mean = average_pool(powers, **told, spacing=spacing)
    return ops.power(mean * float(prod(kernel_shape)), np.array(1 / p, x.dtype))


def _places(x: Tensor) -> tuple[int, ...]:
    return tuple(range(1, x.ndim - 1))


@operator("GlobalAveragePool", layout=channels_last)
def global_average_pool(x: Tensor, /) -> Tensor:
    """The mean of each channel."""
    return x.mean(_places(x), keepdims=True)


@operator("GlobalMaxPool", layout=channels_last)
def global_max_pool(x: Tensor, /) -> Tensor:
    """The largest of each channel."""
    return x.max(_places(x), keepdims=True)


@operator("LRN", layout=channels_last)
def local_response(
    x: Tensor, /, *, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0
) -> Tensor:
    """Divided by what the channels next to it hold."""
    channels = np.arange(x.shape[-1])
    apart = channels[:, None] - channels[None]  # the channel that is read, minus the one that asks
    allowed((channels.size, channels.size))
    near = (apart >= -((size - 1) // 2)) & (apart <= size // 2)
    total = ops.matmul(ops.square(x), near.astype(x.dtype)) * (alpha / size)
    return x / ops.power(total + bias, np.array(beta, x.dtype))
