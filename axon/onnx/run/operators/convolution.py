"""Convolutions. Kernels are stored as AXON's are, (height, width, channels, filters)."""

from math import ceil, prod
from typing import Any

from axon import ops
from axon.backend import Shape
from axon.core import Tensor
from axon.onnx.run.operators.table import operator
from axon.onnx.run.operators.values import (
    STEP,
    Values,
    as_ints,
    channels_last,
    room,
    same_tensor,
    spend,
)
from axon.ops.windows import Padding, Pair, same

A = dict[str, Any]


def kernel_order(rank: int) -> Shape:
    """How AXON's kernel is read by a file: (filters, channels, height, width).

    >>> kernel_order(4), kernel_order(3)
    ((3, 2, 0, 1), (2, 1, 0))
    """
    return (rank - 1, rank - 2, *range(rank - 2))


def _arranged(given: Values, a: A) -> Any:
    image, kernel, *bias = given
    if image is None or kernel is None or image.data.ndim not in (3, 4):
        raise ValueError("expected series (n, channels, time) or images, and a kernel.")
    if kernel.data.ndim != image.data.ndim:
        raise ValueError(f"a kernel of {kernel.data.ndim} axes does not fit {image.data.ndim}.")
    (x, *rest), a, order = channels_last([image, *bias], a)
    w = kernel.permuted((*range(2, kernel.data.ndim), 1, 0)).natural()
    size, said = list(w.data.shape[:-2]), a.get("kernel_shape")
    if said is not None and as_ints(said) != size:
        raise ValueError(f"kernel_shape={as_ints(said)} does not fit a kernel of {size}.")
    return [x, w, *rest], a, order


def several(a: A, key: str, axes: int, usual: int = 1) -> Pair:
    """A number for each of two axes; a series is an image of height 1."""
    given = as_ints(a[key]) if a.get(key) is not None else [usual] * axes
    if len(given) != axes or min(given) < 0 or (usual and min(given) < 1):
        raise ValueError(f"{key}={given} does not fit {axes} axes.")
    return (usual, given[0]) if axes == 1 else (given[0], given[1])


def padding(a: A, axes: int, sizes: Pair, spans: Pair, strides: Pair) -> Padding:
    """What the attributes say of padding: ((above, below), (left, right))."""
    way = a.get("auto_pad", "NOTSET")
    if way in ("SAME_UPPER", "SAME_LOWER"):
        pairs = [same(*n) for n in zip(sizes, spans, strides, strict=True)]
        if way == "SAME_LOWER":
            pairs = [(after, before) for before, after in pairs]
        return pairs[0], pairs[1]
    pads = as_ints(a["pads"]) if a.get("pads") is not None and way == "NOTSET" else [0] * 2 * axes
    if len(pads) != 2 * axes or min(pads) < 0 or max(pads) > 2**16:
        raise ValueError(f"pads={pads} do not fit {axes} axes, or are out of range.")
    pairs = [(pads[i], pads[axes + i]) for i in range(axes)]
    return ((0, 0), pairs[0]) if axes == 1 else (pairs[0], pairs[1])


def lifted(x: Tensor) -> Tensor:
    """A series (n, time, channels) as images of height 1."""
    return x if x.ndim == 4 else x.reshape(x.shape[0], 1, *x.shape[1:])


def lowered(y: Tensor, axes: int) -> Tensor:
    """Images of height 1 as the series that they were."""
    return y if axes == 2 else y.reshape(y.shape[0], *y.shape[2:])


def _kernel(w: Any, axes: int) -> Tensor:
    w = same_tensor(w)
    return w if axes == 2 else w.reshape(1, *w.shape)


def _with_bias(y: Tensor, b: Any) -> Tensor:
    """As rows: so the gradient of the bias is a product."""
    if b is None:
        return y
    return (y.reshape(y.size // max(y.shape[-1], 1), y.shape[-1]) + b).reshape(y.shape)


@operator("Conv", arrange=_arranged)
def conv(a: A, x: Any, w: Any, b: Any = None) -> Tensor:
    """The convolution of images or series with a kernel."""
    axes = x.ndim - 2
    x, w = lifted(same_tensor(x)), _kernel(w, axes)
    strides, dilation = several(a, "strides", axes), several(a, "dilations", axes)
    spans = _spans((w.shape[0], w.shape[1]), dilation)
    around = padding(a, axes, x.shape[1:3], spans, strides)
    room((x.shape[0], *(n + sum(p) for n, p in zip(x.shape[1:3], around, strict=True)), x.shape[3]))
    groups = int(a.get("group", 1))
    if groups < 1:
        raise ValueError(f"group={groups} is not a number of groups.")
    _spend_work(x, w, around, strides)
    y = ops.conv2d(x, w, strides=strides, padding=around, dilation=dilation, groups=groups)
    return lowered(_with_bias(y, b), axes)


def _spend_work(
    x: Tensor, w: Tensor, around: Padding = ((0, 0), (0, 0)), strides: Pair = (1, 1)
) -> None:
    """A product with the whole kernel at each place where it lies."""
    sides = zip(x.shape[1:3], around, strides, strict=True)
    places = prod((n + sum(pads)) // step + 1 for n, pads, step in sides)
    spend("work", w.shape[0] * w.shape[1] * STEP + x.shape[0] * places * w.size)


def _spans(size: Pair, dilation: Pair) -> Pair:
    (KH, KW), (DH, DW) = size, dilation
    return (KH - 1) * DH + 1, (KW - 1) * DW + 1


@operator("ConvTranspose", arrange=_arranged)
def conv_transpose(a: A, x: Any, w: Any, b: Any = None) -> Tensor:
    """A convolution run backwards: each number paints the kernel, times itself."""
    axes = x.ndim - 2
    x, w = lifted(same_tensor(x)), _kernel(w, axes)
    strides, dilation = several(a, "strides", axes), several(a, "dilations", axes)
    spans = _spans((w.shape[0], w.shape[1]), dilation)
    sizes, around = _painted(a, axes, x.shape[1:3], spans, strides)
    groups = int(a.get("group", 1))
    meta = {"strides": strides, "padding": around, "dilation": dilation, "groups": groups}
    shape = room((x.shape[0], *sizes, w.shape[2] * groups))
    _spend_work(x, w)
    return lowered(_with_bias(ops.conv2d_input(x, w, shape=shape, **meta), b), axes)


def _painted(a: A, axes: int, counts: Shape, spans: Pair, strides: Pair) -> tuple[Pair, Padding]:
    """The sizes of the result, and how much of what is painted is cut off."""
    extra = several(a, "output_padding", axes, 0)
    full = [(n - 1) * s + k + e for n, s, k, e in zip(counts, strides, spans, extra, strict=True)]
    way, wanted = a.get("auto_pad", "NOTSET"), a.get("output_shape")
    if wanted is not None:
        sizes = several({"output_shape": as_ints(wanted)[-axes:]}, "output_shape", axes)
    elif way in ("SAME_UPPER", "SAME_LOWER"):
        sizes = (counts[0] * strides[0], counts[1] * strides[1])
    else:
        around = padding(a, axes, (0, 0), (1, 1), (1, 1))
        return (full[0] - sum(around[0]), full[1] - sum(around[1])), around
    cuts = [max(0, f - n) for f, n in zip(full, sizes, strict=True)]
    pairs = [(c // 2, c - c // 2) if way == "SAME_UPPER" else (c - c // 2, c // 2) for c in cuts]
    return sizes, (pairs[0], pairs[1])


def rounded_up(around: Padding, sizes: Pair, spans: Pair, strides: Pair) -> Padding:
    """Padding with which the last window, which begins on the image, is counted as well."""
    made = []
    for (before, after), n, k, s in zip(around, sizes, spans, strides, strict=True):
        count = ceil((n + before + after - k) / s) + 1
        if (count - 1) * s >= n + before:
            count -= 1
        made.append((before, max(after, (count - 1) * s + k - n - before)))
    return made[0], made[1]
