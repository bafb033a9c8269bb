"""Sums, maxima, and stretching."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from axon.onnx.export.rules.elementwise import BOOL, INT64, Rule
from axon.onnx.export.rules.graph import Graph
from axon.onnx.export.rules.sizes import Sizes
from axon.onnx.export.rules.values import Value
from axon.ops.reduce import Axis, axes_of

AXES_ARE_INPUTS = {"ReduceSum": 13}  # since which version; for the others since 18


def reduced(graph: Graph, op: str, x: Value, axes: Sequence[int], keepdims: bool = False) -> Value:
    """A reduction along some axes, beneath a transpose."""
    if not axes:
        return x
    if x.view and x.view.kind == "transpose":
        return _beneath(graph, op, x, axes, keepdims)
    gone = tuple(sorted(axes))
    shape = _left(x.shape, gone, keepdims)
    if graph.opset >= AXES_ARE_INPUTS.get(op, 18):
        places = graph.constant(list(gone), INT64)
        return graph.op(op, x, places, keepdims=int(keepdims), shape=shape, dtype=x.dtype)
    return graph.op(op, x, axes=list(gone), keepdims=int(keepdims), shape=shape)


def _left(shape: Sizes, gone: Sequence[int], keepdims: bool) -> Sizes:
    if keepdims:
        return tuple(1 if i in gone else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in gone)


def _beneath(graph: Graph, op: str, x: Value, axes: Sequence[int], keepdims: bool) -> Value:
    assert x.view
    base, order = x.view.base, x.view.axes
    y = reduced(graph, op, base, [order[a] for a in axes], keepdims)
    if keepdims:
        return y.transposed(order)
    left = [order[a] for a in range(x.ndim) if a not in axes]
    return y.transposed([sorted(left).index(a) for a in left])


def sum_(graph: Graph, x: Value, axis: Axis = None, keepdims: bool = False) -> Value:
    """The sum; truth values count as 0 and 1."""
    axes = axes_of(axis, x.ndim)
    return reduced(graph, "ReduceSum", graph.cast(x, graph.out.dtype), axes, keepdims)


def max_(graph: Graph, x: Value, axis: Axis = None, keepdims: bool = False) -> Value:
    """The largest element."""
    dtype, axes = graph.out.dtype, axes_of(axis, x.ndim)
    comparable = np.dtype(np.int32) if dtype == BOOL else dtype
    y = reduced(graph, "ReduceMax", graph.cast(x, comparable), axes, keepdims)
    return graph.cast(y, dtype)


def argmax(graph: Graph, x: Value, axis: int = -1) -> Value:
    """The place of the first largest element."""
    shape, _ = graph.out
    return graph.op("ArgMax", x, axis=axis, keepdims=0, shape=shape, dtype=INT64)


def sum_to(graph: Graph, x: Value, shape: Sizes) -> Value:
    """The sum over what broadcasting would repeat."""
    new = x.ndim - len(shape)
    stretched = [i for i in range(new, x.ndim) if shape[i - new] != x.shape[i]]
    axes = [*range(new), *stretched]
    return reduced(graph, "ReduceSum", x, axes, keepdims=True).reshaped(shape)


def broadcast_to(graph: Graph, x: Value, shape: Sizes) -> Value:
    """Repeat x until it has this shape."""
    if x.shape == tuple(shape):
        return x
    larger = _larger_images(graph, x, shape)
    if larger is not None:
        return larger
    missing = len(shape) - x.ndim
    stays = [n if i < missing or x.shape[i - missing] != n else 1 for i, n in enumerate(shape)]
    return graph.op("Expand", x, graph.sizes(stays), shape=tuple(shape))


def _larger_images(graph: Graph, x: Value, shape: Sizes) -> Value | None:
    """Repeated pixels, (N, H, 1, W, 1, C) -> (N, H, KH, W, KW, C): an operator of its own."""
    if x.ndim != 6 or (x.shape[2], x.shape[4]) != (1, 1) or not x.view:
        return None
    N, H, KH, W, KW, C = shape
    if x.view.kind != "reshape" or x.shape != (N, H, 1, W, 1, C):
        return None
    flat = x.view.base.ndim == 3 and H == 1 == KH
    images: Any = x.reshaped((N, W, C) if flat else (N, H, W, C))
    times = (KW,) if flat else (KH, KW)
    return resized(graph, images, times).reshaped(shape)


def resized(graph: Graph, x: Value, times: Sequence[Any], mode: str = "nearest") -> Value:
    """Images (N, ..., C), larger by whole factors."""
    axes = range(1, x.ndim - 1)
    first = x.transposed((0, x.ndim - 1, *axes))
    sizes = tuple(n * k for n, k in zip(first.shape[2:], times, strict=True))
    scales = graph.constant([1.0, 1.0, *map(float, times)], np.float32)
    nearest = mode == "nearest"
    y = graph.op(
        "Resize",
        *(first, None, scales),
        mode=mode,
        coordinate_transformation_mode="asymmetric" if nearest else "half_pixel",
        nearest_mode="floor" if nearest else None,
        shape=(*first.shape[:2], *sizes),
    )
    return y.transposed((0, *(a + 1 for a in axes), 1))


RULES: dict[str, Rule] = {
    "sum": sum_,
    "max": max_,
    "argmax": argmax,
    "sum_to": sum_to,
    "broadcast_to": broadcast_to,
}
