"""Pools whose windows have gaps (dilations), along any number of axes: one tap after another."""

from collections.abc import Sequence
from functools import reduce

import numpy as np

from axon import ops
from axon.backend import Shape
from axon.core import Tensor
from axon.onnx.run.operators.budget import allowed, spend

Around = Sequence[tuple[int, int]]


def _seen(x: Tensor, size: Shape, strides: Shape, apart: Shape) -> list[Tensor]:
    """What each tap sees of (n, ..., channels), padded already."""
    spans = [(k - 1) * d + 1 for k, d in zip(size, apart, strict=True)]
    sides = list(zip(x.shape[1:-1], spans, strides, strict=True))
    if any(span > n for n, span, _ in sides):
        raise ValueError(f"windows that span {spans} are larger than {list(x.shape[1:-1])}.")
    reach = [(n - span) // step * step + 1 for n, span, step in sides]
    spend("work", x.size * int(np.prod(size)))
    views = []
    for tap in np.ndindex(*size):
        starts = [t * d for t, d in zip(tap, apart, strict=True)]
        cuts = (slice(a, a + r, s) for a, r, s in zip(starts, reach, strides, strict=True))
        views.append(x[(slice(None), *cuts)])
    return views


def _padded(x: Tensor, around: Around, value: float) -> Tensor:
    if not any(map(any, around)):
        return x
    sides = zip(x.shape[1:-1], around, strict=True)
    allowed((x.shape[0], *(n + sum(pair) for n, pair in sides), x.shape[-1]))
    return ops.pad(x, ((0, 0), *around, (0, 0)), constant_values=value)


def largest(x: Tensor, size: Shape, strides: Shape, apart: Shape, around: Around) -> Tensor:
    """The largest number that each window sees of (n, ..., channels).

    >>> x = Tensor(np.array([1.0, 5.0, 2.0, 3.0]).reshape(1, 4, 1))
    >>> largest(x, (2,), (1,), (2,), [(0, 0)]).numpy().ravel()
    array([2., 5.])
    """
    return reduce(ops.maximum, _seen(_padded(x, around, -np.inf), size, strides, apart))


def mean(
    x: Tensor, size: Shape, strides: Shape, apart: Shape, around: Around, counted: Around
) -> Tensor:
    """The mean of what each window sees of (n, ..., channels), with ``counted`` of the padding.

    >>> x = Tensor(np.array([1.0, 5.0, 2.0, 3.0]).reshape(1, 4, 1))
    >>> mean(x, (2,), (1,), (2,), [(0, 0)], [(0, 0)]).numpy().ravel()
    array([1.5, 4. ])
    """
    total = reduce(ops.add, _seen(_padded(x, around, 0.0), size, strides, apart))
    inside = np.pad(np.ones(x.shape[1:-1], x.dtype), counted, constant_values=1)
    rest = [(a - c, b - d) for (a, b), (c, d) in zip(around, counted, strict=True)]
    one = Tensor(np.pad(inside, rest)[None, ..., None])
    counts = reduce(ops.add, _seen(one, size, strides, apart))
    return total / np.maximum(counts.data, 1)
