"""Sums and maxima; normalization, by operators of its own where the numbers come from a layer."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from axon.backend import DType
from axon.onnx.export.rules.elementwise import BOOL, INT64
from axon.onnx.export.rules.sizes import Sizes, count, divided
from axon.onnx.export.rules.values import Value, View
from axon.onnx.export.rules.writer import Rule, Writer
from axon.onnx.ir import inverse
from axon.ops.reduce import Axis, axes_of

AXES_ARE_INPUTS = {"ReduceSum": 13}  # since which version; for the others since 18


def reduced(graph: Writer, op: str, x: Value, axes: Sequence[int], keepdims: bool = False) -> Value:
    """A reduction along some axes, beneath a transpose."""
    if not axes:
        return x
    if view := x.beneath("transpose"):
        return _beneath(graph, op, view, axes, keepdims)
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


def _beneath(graph: Writer, op: str, view: View, axes: Sequence[int], keepdims: bool) -> Value:
    base, order = view.base, view.axes
    y = reduced(graph, op, base, [order[a] for a in axes], keepdims)
    if keepdims:
        return y.transposed(order)
    left = [order[a] for a in range(base.ndim) if a not in axes]
    return y.transposed([sorted(left).index(a) for a in left])


def sum_(graph: Writer, x: Value, axis: Axis = None, keepdims: bool = False) -> Value:
    """The sum; truth values count as 0 and 1."""
    axes = axes_of(axis, x.ndim)
    return reduced(graph, "ReduceSum", graph.cast(x, graph.result.dtype), axes, keepdims)


def max_(graph: Writer, x: Value, axis: Axis = None, keepdims: bool = False) -> Value:
    """The largest element."""
    dtype, axes = graph.result.dtype, axes_of(axis, x.ndim)
    comparable = np.dtype(np.int32) if dtype == BOOL else dtype
    y = reduced(graph, "ReduceMax", graph.cast(x, comparable), axes, keepdims)
    return graph.cast(y, dtype)


def argmax(graph: Writer, x: Value, axis: int = -1) -> Value:
    """The place of the first largest element."""
    shape, _ = graph.result
    return graph.op("ArgMax", x, axis=axis, keepdims=0, shape=shape, dtype=INT64)


def argsort(graph: Writer, x: Value, axis: int = -1) -> Value:
    """The places of all elements in rising order: the smallest as many as there are."""
    shape, _ = graph.result
    k = graph.sizes((x.shape[axis],))
    results = [(shape, x.dtype), (shape, INT64)]
    return graph.ops("TopK", x, k, results=results, axis=axis, largest=0, sorted=1)[1]


def cumsum(graph: Writer, x: Value, axis: int) -> Value:
    """The sum of all up to here."""
    shape, dtype = graph.result
    place = graph.constant(axis % x.ndim, INT64)
    return graph.op("CumSum", graph.cast(x, dtype), place, shape=shape, dtype=dtype)


def sum_to(graph: Writer, x: Value, shape: Sizes) -> Value:
    """The sum over what broadcasting would repeat."""
    new = x.ndim - len(shape)
    stretched = [i for i in range(new, x.ndim) if shape[i - new] != x.shape[i]]
    axes = [*range(new), *stretched]
    return reduced(graph, "ReduceSum", x, axes, keepdims=True).reshaped(shape)


# ------------------------------------------------------------------------------------ channels


class Moments(NamedTuple):
    """What a BatchNormalization learned."""

    gamma: Value
    variance: Value
    epsilon: float


def channel_affine(graph: Writer, p: Value, x: Value) -> Value:
    """(x - center) slope + offset, channel by channel."""
    center, slope, offset = _rows(graph, p)
    moments = _moments(slope)
    if moments is not None and (x.view or x.ndim != 3):
        return _batch_normalization(graph, x, center, offset, moments)
    for op, row, nothing in (("Sub", center, 0), ("Mul", slope, 1), ("Add", offset, 0)):
        if row.array is None or np.any(row.array != nothing):
            x = graph.elementwise(op, x, row)
    return x


def _rows(graph: Writer, p: Value) -> Sequence[Value]:
    """Center, slope and offset: as they were stacked, or cut out of p."""
    stacked = p.made if p.constant else None
    if stacked and stacked.name == "concatenate" and len(stacked.inputs) == 3:
        return [_unstacked(row, p.shape[1:]) for row in stacked.inputs]
    places = [graph.constant(i, np.int64) for i in range(3)]
    return [graph.op("Gather", p, i, axis=0, shape=p.shape[1:]) for i in places]


def _unstacked(value: Value, shape: Sizes) -> Value:
    """A row as it was before it was given one more axis."""
    step = value.made
    found = step.inputs[0] if step and step.name == "slice" else value
    return found if found.shape == shape else found.reshaped(shape)


def _moments(slope: Value) -> Moments | None:
    """Read gamma (1 / sqrt(variance + epsilon)), or gamma / sqrt(variance + epsilon)."""
    product = _maker(slope, "multiply")
    quotient = _maker(product[1] if product else slope, "divide")
    root = quotient and _maker(quotient[1], "sqrt")
    total = root and _maker(root[0], "add")
    if not quotient or not total or total[1].array is None or total[1].ndim:
        return None
    if product and np.any(quotient[0].array != 1):
        return None
    gamma, variance = (product or quotient)[0], total[0]
    if gamma.shape != slope.shape or variance.shape != slope.shape:
        return None
    return Moments(gamma, variance, float(total[1].array))


def _maker(value: Value, name: str) -> Sequence[Value] | None:
    """The inputs of what made a constant, if it was a primitive of this name."""
    step = value.made if value.constant else None
    return step.inputs if step and step.name == name else None


def _batch_normalization(
    graph: Writer, x: Value, mean: Value, beta: Value, moments: Moments
) -> Value:
    """With channels first, as convolutions have them."""
    order = (0, x.ndim - 1, *range(1, x.ndim - 1))
    given = {"gamma": moments.gamma, "beta": beta, "mean": mean, "variance": moments.variance}
    rows = [_named(graph, name, row) for name, row in given.items()]
    first, epsilon = x.transposed(order), moments.epsilon
    y = graph.op("BatchNormalization", first, *rows, epsilon=epsilon, shape=first.shape)
    return y.transposed(inverse(order))


def _named(graph: Writer, name: str, row: Value) -> Value:
    """A constant by the name that it has in its layer."""
    label = row.label or (f"{graph.scope}/{name}" if graph.scope else name)
    return Value(row.shape, row.dtype, array=row.array, label=label)


def channel_scale(graph: Writer, x: Value, slope: Value) -> Value:
    """x times the slope of its channel."""
    return graph.elementwise("Mul", x, slope)


def channel_moments(graph: Writer, x: Value) -> Value:
    """Mean and variance of each channel, over all other axes."""
    others = range(x.ndim - 1)
    mean = reduced(graph, "ReduceMean", x, others, keepdims=True)
    apart = graph.op("Sub", x, mean)
    variance = reduced(graph, "ReduceMean", graph.op("Mul", apart, apart), others, keepdims=True)
    rows = [row.reshaped((1, x.shape[-1])) for row in (mean, variance)]
    return graph.op("Concat", *rows, axis=0, shape=graph.result.shape)


# ------------------------------------------------------------------------------------ rows


def standardize(graph: Writer, x: Value, epsilon: float, centered: bool = True) -> Value:
    """(x - mean) / sqrt(variance + epsilon) along the last axis."""
    learned = graph.read_by == ("channel_affine",)  # a number for each place: no groups of channels
    rows = x.ndim == 3 and x.beneath("reshape")
    if centered and rows and not learned and count(x.shape[1:]) is not None:
        return _groups(graph, x, epsilon)
    if count(x.shape[-1:]) is None or not (centered or graph.opset >= 23):
        return graph.op("Mul", *_factor(graph, x, epsilon, centered))
    op = "LayerNormalization" if centered else "RMSNormalization"
    ones = _filled(graph, x.shape[-1], 1, x.dtype)
    return graph.op(op, x, ones, axis=-1, epsilon=float(epsilon), shape=x.shape)


def _filled(graph: Writer, size: Any, number: int, dtype: DType) -> Value:
    return graph.constant(np.full(size, number, dtype))


def _groups(graph: Writer, x: Value, epsilon: float) -> Value:
    """Rows (n, groups, places) are series of as many channels.

    In what order their places come makes no difference, so those of images stay channels-first.
    """
    images = _images(x)
    if images is None:
        return _each_row(graph, x, epsilon)
    order = (0, images.ndim - 1, *range(1, images.ndim - 1))
    first = images.transposed(order)
    y = _each_row(graph, first.reshaped(x.shape), epsilon)
    back = y.reshaped(first.shape).transposed(inverse(order))
    N, groups, _ = x.shape
    G: Any = groups
    grouped = back.reshaped((N, count(images.shape[1:-1]), G, divided(images.shape[-1], G)))
    return grouped.transposed((0, 2, 1, 3)).reshaped(x.shape)


def _images(x: Value) -> Value | None:
    """The images (N, ..., C) whose groups of channels were brought into rows (N, G, ...)."""
    rows = x.shape
    for op in ("reshape", "transpose", "reshape"):
        if x.view is None or x.view.op != op:
            return None
        if op == "transpose" and x.view.axes != (0, 2, 1, 3):
            return None
        grouped, x = x, x.view.base
    N, places, G, _ = grouped.shape
    alike = rows[:2] == (N, G) and x.shape[0] == N  # and so all channels are there, if all places
    return x if alike and count(x.shape[1:-1]) == places else None


def _each_row(graph: Writer, x: Value, epsilon: float) -> Value:
    ones, zeros = (_filled(graph, x.shape[1], number, x.dtype) for number in (1, 0))
    op = "InstanceNormalization"
    return graph.op(op, x, ones, zeros, epsilon=float(epsilon), shape=x.shape)


def row_scale(graph: Writer, x: Value, epsilon: float, centered: bool = True) -> Value:
    """1 / sqrt(variance + epsilon) of each row."""
    return _factor(graph, x, epsilon, centered)[1]


def _factor(graph: Writer, x: Value, epsilon: float, centered: bool) -> tuple[Value, Value]:
    """x, minus the mean of its row if asked for, and what to multiply it with."""
    last = [x.ndim - 1]
    if centered:
        x = graph.op("Sub", x, reduced(graph, "ReduceMean", x, last, keepdims=True))
    mean = reduced(graph, "ReduceMean", graph.op("Mul", x, x), last, keepdims=True)
    root = graph.op("Sqrt", graph.op("Add", mean, float(epsilon)))
    return x, graph.op("Reciprocal", root)


RULES: dict[str, Rule] = {
    "sum": sum_,
    "max": max_,
    "argmax": argmax,
    "argsort": argsort,
    "cumsum": cumsum,
    "sum_to": sum_to,
    "channel_affine": channel_affine,
    "channel_scale": channel_scale,
    "channel_moments": channel_moments,
    "standardize": standardize,
    "row_scale": row_scale,
}
