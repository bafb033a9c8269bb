"""Matrix products and convolutions."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from axon.onnx.export.rules.shapes import resized
from axon.onnx.export.rules.sizes import (
    Size,
    Sizes,
    Trials,
    is_batch,
    values_of,
)
from axon.onnx.export.rules.values import Value
from axon.onnx.export.rules.writer import INT64, Rule, Writer
from axon.onnx.ir import inverse
from axon.ops.pad import interpolation
from axon.ops.piecewise import layout_of
from axon.ops.windows import UNPADDED, Padding, Pair

ONE: Pair = (1, 1)
TO_FIRST, TO_LAST = (0, 3, 1, 2), (0, 2, 3, 1)  # images: channels first, channels last
SERIES = (0, 2, 1)  # the same of series, either way
KERNEL = (3, 2, 0, 1)  # (KH, KW, C, F) -> (F, C, KH, KW)


# ------------------------------------------------------------------------------------ matrices


def matmul(graph: Writer, a: Value, b: Value) -> Value:
    """A matrix product; of flattened images in the order that they have in memory."""
    shape, dtype = graph.result
    a, b = graph.cast(a, dtype), graph.cast(b, dtype)
    larger = _interpolated(graph, a, b)
    if larger is not None:
        return larger
    a, b = _flat_images(a, b)
    return graph.op("MatMul", a, b, shape=shape, dtype=dtype)


def _flat_images(a: Value, b: Value) -> tuple[Value, Value]:
    """Flattened channels-first images, and the rows of the weights in that order."""
    rows = a.beneath("reshape")
    if rows is None or not (a.ndim == b.ndim == 2 and b.fixed):
        return a, b
    images, turned = rows.base, rows.base.beneath("transpose")
    if turned is None or turned.axes[0] != 0 or images.shape[0] != a.shape[0]:
        return a, b
    back = inverse(turned.axes)
    order = [axis - 1 for axis in back[1:]]
    blocks = b.reshaped((*images.shape[1:], b.shape[1])).transposed((*order, len(order)))
    return turned.base.reshaped(a.shape), blocks.reshaped(b.shape)


def _interpolated(graph: Writer, a: Value, b: Value) -> Value | None:
    """Lines between pixels, a matrix times images: an operator of its own."""
    if not (a.array is not None and a.fixed and a.ndim == 2):
        return None
    larger, size = a.array.shape
    times = larger // max(size, 1)
    if times < 2 or not np.array_equal(a.array, interpolation(size, times, a.dtype)):
        return None
    if b.ndim == 4:
        return resized(graph, b, (1, times), "linear")
    view = b.beneath("reshape")
    images = view.base if view else b
    if images.ndim != 4 or images.shape[:2] != b.shape[:2]:
        return None
    return resized(graph, images, (times, 1), "linear").reshaped(graph.result.shape)


def piecewise_matmul(
    graph: Writer, bins: Value, fractions: Value, weights: Value, sizes: Sequence[int]
) -> Value:
    """The product of rows of bins, spread out."""
    (shape, dtype), layout = graph.result, layout_of(tuple(sizes))
    wide: Sizes = (*bins.shape[:-1], len(layout.owners))
    owners, places = graph.constant(layout.owners, INT64), graph.constant(layout.places, INT64)
    at, share = (
        graph.op("Gather", graph.cast(x, wanted), owners, axis=-1, shape=wide, dtype=wanted)
        for x, wanted in ((bins, INT64), (fractions, dtype))
    )
    before, here = (graph.op(op, places, at, shape=wide, dtype=bool) for op in ("Less", "Equal"))
    rows = graph.op("Where", here, share, graph.cast(before, dtype), shape=wide, dtype=dtype)
    return graph.op("MatMul", rows, graph.cast(weights, dtype), shape=shape, dtype=dtype)


# ------------------------------------------------------------------------------------ convolution


def conv2d(
    graph: Writer,
    x: Value,
    w: Value,
    strides: Pair = ONE,
    padding: Padding = UNPADDED,
    dilation: Pair = ONE,
    groups: int = 1,
) -> Value:
    """A convolution of images, or of series, which are images of height 1."""
    shape, dtype = graph.result
    flat = is_series(x, w.shape[0], padding)
    sizes = _first(shape, flat)
    y = graph.op(
        "Conv",
        first(graph.cast(x, dtype), flat),
        kernel(graph.cast(w, dtype), flat),
        **geometry(w.shape[:2], strides, padding, flat, _seen_by(graph, x, dilation)),
        dilations=_along(dilation, flat),
        group=groups,
        shape=sizes,
    )
    return last(y, flat)


def conv2d_input(
    graph: Writer,
    g: Value,
    w: Value,
    shape: Sizes,
    strides: Pair = ONE,
    padding: Padding = UNPADDED,
    dilation: Pair = ONE,
    groups: int = 1,
) -> Value:
    """A convolution backwards, as Conv2DTranspose does it."""
    shape, dtype = graph.result
    places = zip(shape[1:3], g.shape[1:3], w.shape, strides, padding, dilation, strict=False)
    rest = [_rest(graph.trials, *place) for place in places]
    y = graph.op(
        "ConvTranspose",
        first(graph.cast(g, dtype), False),
        kernel(graph.cast(w, dtype), False),
        **geometry(w.shape[:2], strides, padding, False, None),
        dilations=list(dilation),
        group=groups,
        output_padding=rest if any(rest) else None,
        shape=_first(shape, False),
    )
    return last(y, False)


def _rest(
    trials: Trials, out: Size, n: Size, taps: Any, stride: int, ends: Pair, apart: int
) -> int:
    """Rows at the end that nothing is painted on."""
    if not (is_batch(out) or is_batch(n)):
        trials = {"batch": [1]}
    pairs = zip(values_of(out, trials), values_of(n, trials), strict=True)
    painted = (taps - 1) * apart + 1 - sum(ends)
    rest = {wanted - ((many - 1) * stride + painted) for wanted, many in pairs}
    if len(rest) > 1:
        raise NotImplementedError(f"{n} pixels become {out}, which ONNX has no words for.")
    return int(rest.pop())


# ------------------------------------------------------------------------------------ layouts


def is_series(x: Value, height: Size, padding: Padding) -> bool:
    """Whether images are series that were given a height of 1, and windows have that, too."""
    return x.beneath("reshape") is not None and x.shape[1] == height == 1 and padding[0] == (0, 0)


def first(x: Value, flat: bool) -> Value:
    """Images (N, H, W, C) as ONNX has them, (N, C, H, W); series as (N, C, T)."""
    if flat:
        N, _, T, C = x.shape
        return x.reshaped((N, T, C)).transposed(SERIES)
    return x.transposed(TO_FIRST)


def last(y: Value, flat: bool) -> Value:
    """And back."""
    if not flat:
        return y.transposed(TO_LAST)
    N, C, T = y.shape
    return y.transposed(SERIES).reshaped((N, 1, T, C))


def kernel(w: Value, flat: bool) -> Value:
    """A kernel (KH, KW, C, F) as (F, C, KH, KW); without the height for series."""
    turned = w.transposed(KERNEL)
    return turned.reshaped((*turned.shape[:2], turned.shape[3])) if flat else turned


def _first(shape: Sizes, flat: bool) -> Sizes:
    N, H, W, C = shape
    return (N, C, W) if flat else (N, C, H, W)


def _along(pair: Sequence[Any], flat: bool) -> list[int]:
    return list(pair[1:] if flat else pair)


class WindowField(NamedTuple):
    """What windows lie in: how large it was in each trial (H, W), and how far taps are apart."""

    sizes: Sequence[Sequence[int]]
    free: bool  # whether that differs
    dilation: Pair
    trials: Trials


def _seen_by(graph: Writer, x: Value, dilation: Pair = ONE) -> WindowField:
    sizes = [values_of(n, graph.trials) for n in x.shape[1:3]]
    return WindowField(sizes, any(map(is_batch, x.shape[1:3])), dilation, graph.trials)


def geometry(
    size: Sequence[Any], strides: Pair, padding: Padding, flat: bool, field: WindowField | None
) -> dict[str, Any]:
    """The attributes that say where windows lie."""
    ends: Any = _along(padding, flat)
    told = {"kernel_shape": _along(size, flat), "strides": _along(strides, flat)}
    if (
        field is not None
        and field.free
        and max(strides) > 1
        and _same(size, strides, padding, field)
    ):
        return {**told, "auto_pad": "SAME_UPPER"}
    if any(is_batch(n) for pair in ends for n in pair):
        raise NotImplementedError("its padding follows a free size, which ONNX has no words for.")
    return {**told, "pads": [before for before, _ in ends] + [after for _, after in ends]}


def _same(size: Sequence[Any], strides: Pair, padding: Any, field: WindowField) -> bool:
    """Whether padding is what makes 1 window for each stride, half of it before."""
    for axis, sizes in enumerate(field.sizes):
        taps = (size[axis] - 1) * field.dilation[axis] + 1
        missing = [max((-(-n // strides[axis]) - 1) * strides[axis] + taps - n, 0) for n in sizes]
        before, after = (values_of(end, field.trials) for end in padding[axis])
        if before != [n // 2 for n in missing] or after != [n - n // 2 for n in missing]:
            return False
    return True


# ------------------------------------------------------------------------------------ pooling


def pooling(op: str, **fixed: Any) -> Rule:
    """Pooling of images or series; taps in the padding do not count."""

    def rule(
        graph: Writer,
        x: Value,
        pool_size: Pair,
        strides: Pair,
        padding: Padding = UNPADDED,
        dilation: Pair = ONE,
    ) -> Value:
        flat = is_series(x, pool_size[0], padding)
        where = geometry(pool_size, strides, padding, flat, _seen_by(graph, x, dilation))
        if dilation != ONE:
            where["dilations"] = _along(dilation, flat)
        sizes = _first(graph.result.shape, flat)
        return last(graph.op(op, first(x, flat), **where, **fixed, shape=sizes), flat)

    return rule


def max_pool2d_argmax(
    graph: Writer,
    x: Value,
    y: Value,
    pool_size: Pair,
    strides: Pair,
    padding: Padding = UNPADDED,
    dilation: Pair = ONE,
) -> Value:
    """Which tap of a window sees the largest number: from its place among all numbers."""
    (_, *counts, _), dtype = graph.result
    H, W = x.shape[1:3]
    windows = [n for n in counts if isinstance(n, int)]
    if not isinstance(H, int) or not isinstance(W, int) or len(windows) < 2:
        raise NotImplementedError("places on images of a free size are not the same in ONNX.")
    flat = is_series(x, pool_size[0], padding)
    told = geometry(pool_size, strides, padding, flat, _seen_by(graph, x, dilation))
    told |= {} if dilation == ONE else {"dilations": _along(dilation, flat)}
    results = [(_first(y.shape, flat), None), (_first(y.shape, flat), INT64)]
    place = last(graph.ops("MaxPool", first(x, flat), **told, results=results)[1], flat)
    place = graph.elementwise("Mod", place, graph.constant(H * W, INT64))
    tap: Value | None = None
    for axis, size in ((0, H), (1, W)):
        along = graph.elementwise("Div", place, graph.constant([W, 1][axis], INT64))
        along = graph.elementwise("Mod", along, graph.constant(size, INT64))
        corner = np.arange(windows[axis]) * strides[axis] - padding[axis][0]
        corner = corner.reshape((1, -1, 1, 1) if axis == 0 else (1, 1, -1, 1))
        steps = graph.elementwise("Sub", along, graph.constant(corner, INT64))
        steps = graph.elementwise("Div", steps, graph.constant(dilation[axis], INT64))
        rows = tap and graph.elementwise("Mul", tap, graph.constant(pool_size[1], INT64))
        tap = graph.elementwise("Add", rows, steps) if rows else steps
    assert tap is not None
    return graph.cast(tap, dtype)


RULES: dict[str, Rule] = {
    "matmul": matmul,
    "piecewise_matmul": piecewise_matmul,
    "conv2d": conv2d,
    "conv2d_input": conv2d_input,
    "max_pool2d": pooling("MaxPool"),
    "max_pool2d_argmax": max_pool2d_argmax,
    "average_pool2d": pooling("AveragePool", count_include_pad=0),
}
