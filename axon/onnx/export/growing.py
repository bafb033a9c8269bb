"""Constants that are other ones for each size: numbers, places in a row, bands, and waves.

Layers make them in NumPy from the length of what they read. A recording has those of a few lengths;
here it is recognized what they are for any.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from axon.backend import Array
from axon.layers.embedding import waves
from axon.onnx.export.rules.sizes import NotAffineError, Size, Sizes, Trials, is_batch, merged
from axon.onnx.export.rules.values import Value
from axon.onnx.export.rules.writer import INT64, Writer

FLOAT64 = np.dtype(np.float64)


class Grown(NamedTuple):
    """How a constant is computed: by what, and from which sizes or numbers."""

    how: Callable[..., Value]  # (graph, *told)
    told: tuple[Size | None, ...]


def grown(arrays: Sequence[Array], shape: Sizes, trials: Trials) -> Grown | None:
    """Recognize what arrays are that hold other numbers for each size; None if they do not."""
    if set(trials) <= {"batch"} or _alike(arrays, shape):
        return None
    if all(a.size == 1 for a in arrays):
        return _number([a.item() for a in arrays], trials)
    if arrays[0].ndim == 1:
        same = all(np.array_equal(a, np.arange(len(a))) for a in arrays)
        return Grown(places, shape) if same else None
    if arrays[0].ndim != 2:
        return None
    return _band(arrays, shape) if arrays[0].dtype == bool else _waves(arrays, shape)


def _alike(arrays: Sequence[Array], shape: Sizes) -> bool:
    """Whether they differ in size alone, and only repeat themselves."""
    first = arrays[0][tuple(slice(0, 1) if is_batch(n) else slice(None) for n in shape)]
    return all(np.array_equal(np.broadcast_to(first, a.shape), a) for a in arrays)


def _number(numbers: Sequence[float], trials: Trials) -> Grown | None:
    """A size, one that it is divided by, or a product."""
    for how, found in ((number, numbers), (share, [1 / n if n else 0.0 for n in numbers])):
        integers = [round(n) for n in found]
        if np.allclose(found, integers, rtol=1e-6, atol=0):
            try:
                return Grown(how, (merged(integers, trials),))
            except NotAffineError:
                return None
    return None


def _band(arrays: Sequence[Array], shape: Sizes) -> Grown | None:
    """True where row - column lies between two numbers, either of which may be missing."""
    away = [np.subtract.outer(*(np.arange(n) for n in a.shape)) for a in arrays]
    if not all(a.any() for a in arrays):
        return None
    least = {int(d[a].min()) for d, a in zip(away, arrays, strict=True)}
    most = {int(d[a].max()) for d, a in zip(away, arrays, strict=True)}
    low, high = (min(ends) if len(ends) == 1 else None for ends in (least, most))
    for d, a in zip(away, arrays, strict=True):
        within = (d >= (d.min() if low is None else low)) & (
            d <= (d.max() if high is None else high)
        )
        if not np.array_equal(within, a):
            return None
    return Grown(band, (*shape, low, high))


def _waves(arrays: Sequence[Array], shape: Sizes) -> Grown | None:
    same = all(np.allclose(a, waves(*a.shape), rtol=0, atol=1e-6) for a in arrays)
    return Grown(sines, shape) if same and not is_batch(shape[1]) else None


# ------------------------------------------------------------------------------------ as nodes


def number(graph: Writer, size: Size) -> Value:
    """A size as a number."""
    return graph.sizes((size,)).reshaped(())


def share(graph: Writer, size: Size) -> Value:
    """1 / size."""
    return graph.op("Reciprocal", graph.cast(number(graph, size), FLOAT64))


def places(graph: Writer, size: Size) -> Value:
    """0, 1, 2 and so on."""
    ends = graph.constant(0, INT64), number(graph, size), graph.constant(1, INT64)
    return graph.op("Range", *ends, shape=(size,), dtype=INT64)


def band(graph: Writer, rows: Size, columns: Size, low: int | None, high: int | None) -> Value:
    """True where row - column is at least ``low`` and at most ``high``."""
    row, column = places(graph, rows), places(graph, columns)
    standing = graph.op("Unsqueeze", row, graph.constant([1], INT64), shape=(rows, 1))
    away = graph.op("Sub", standing, column, shape=(rows, columns))
    ends = [("GreaterOrEqual", low), ("LessOrEqual", high)]
    tests = [graph.op(op, away, n, dtype=np.bool_) for op, n in ends if n is not None]
    return graph.op("And", *tests) if len(tests) > 1 else tests[0]


def sines(graph: Writer, time: Size, features: int) -> Value:
    """Sines, then cosines, of places, in float64: a cosine is a sine, a quarter ahead."""
    half = -(-features // 2)
    lengths = np.tile(10_000.0 ** (np.arange(half) * 2 / features), 2)[:features]
    ahead = np.repeat([0, np.pi / 2], half)[:features]
    row = graph.cast(places(graph, time), FLOAT64)
    standing = graph.op("Unsqueeze", row, graph.constant([1], INT64), shape=(time, 1))
    angles = graph.op("Div", standing, graph.constant(lengths), shape=(time, features))
    return graph.op("Sin", graph.op("Add", angles, graph.constant(ahead)))
