"""Sums, means, largest and others along some axes."""

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from axon import ops
from axon.core import Tensor
from axon.onnx.run.operators.elementwise import whole
from axon.onnx.run.operators.table import operator
from axon.onnx.run.operators.values import (
    STEP,
    Value,
    Values,
    as_ints,
    inverse,
    plain,
    room,
    same_tensor,
    spend,
    whole_axis,
)

A = dict[str, Any]


def _arranged(given: Values, a: A) -> Any:
    """Axes are found where they lie; those that remain keep their order of reading."""
    first: Value = given[0]  # type: ignore[assignment]
    axes, rank = _axes(a, first.data.ndim), first.data.ndim
    if first.order is None:
        return plain(given, {**a, "axes": axes})
    lying = tuple(first.order[i] for i in axes)
    order = first.order
    if not a.get("keepdims", 1):
        left = [first.order[i] for i in range(rank) if i not in axes]
        order = tuple(np.argsort(np.argsort(left)).tolist())
    plain_order = order == tuple(range(len(order)))
    return [first.data], {**a, "axes": lying}, None if plain_order else order


def _axes(a: A, rank: int) -> tuple[int, ...]:
    given = a.get("axes")
    if given is None or not len(as_ints(given)):
        return () if a.get("noop_with_empty_axes") else tuple(range(rank))
    return tuple(whole_axis(i, rank) for i in as_ints(given))


Reduction = Callable[[Tensor, tuple[int, ...], bool], Any]


def _mean(x: Tensor, axes: tuple[int, ...], keep: bool) -> Any:
    return x.mean(axes, keep) if not whole(x) else (x * 1.0).mean(axes, keep).astype(x.dtype)


def _prod(x: Tensor, axes: tuple[int, ...], keep: bool) -> Any:
    """Along each axis a product of slices."""
    for axis in sorted(axes, reverse=True):
        index = (slice(None),) * axis
        spend("work", x.size + x.shape[axis] * STEP)
        parts = [x[(*index, slice(i, i + 1))] for i in range(x.shape[axis])]
        x = reduce(ops.multiply, parts) if parts else x.sum(axis, True) + 1
    if keep:
        return x
    return x.reshape([n for i, n in enumerate(x.shape) if i not in axes])


def _log_sum_exp(x: Tensor, axes: tuple[int, ...], keep: bool) -> Any:
    """The largest is taken out first, so that nothing overflows."""
    top = x.max(axes, True).detach()
    y = ops.log(ops.exp(x - top).sum(axes, True)) + top
    return y if keep else y.sum(axes, False)


def _typed(function: Reduction) -> Reduction:
    """Sums of whole numbers stay of their type."""
    return lambda x, axes, keep: (
        y if (y := function(x, axes, keep)).dtype == x.dtype else y.astype(x.dtype)
    )


REDUCTIONS: dict[str, Reduction] = {
    "ReduceSum": _typed(lambda x, axes, keep: x.sum(axes, keep)),
    "ReduceMean": _mean,
    "ReduceMax": lambda x, axes, keep: x.max(axes, keep),
    "ReduceMin": lambda x, axes, keep: x.min(axes, keep),
    "ReduceProd": _typed(_prod),
    "ReduceL1": _typed(lambda x, axes, keep: ops.absolute(x).sum(axes, keep)),
    "ReduceL2": lambda x, axes, keep: ops.sqrt(ops.square(x).sum(axes, keep)),
    "ReduceSumSquare": _typed(lambda x, axes, keep: ops.square(x).sum(axes, keep)),
    "ReduceLogSum": lambda x, axes, keep: ops.log(x.sum(axes, keep)),
    "ReduceLogSumExp": _log_sum_exp,
}


def _reduction(function: Reduction) -> Callable[..., Any]:
    def run(a: A, x: Any) -> Any:
        """Along some axes."""
        tensor = same_tensor(x)
        axes = _axes(a, tensor.ndim) if not isinstance(a.get("axes"), tuple) else a["axes"]
        if not axes and tensor.ndim:
            return tensor
        return function(tensor, tuple(axes), bool(a.get("keepdims", 1)))

    return run


for _name, _function in REDUCTIONS.items():
    operator(_name, arrange=_arranged, static={1: "axes"})(_reduction(_function))


@operator("CumSum", static={1: "axis"})
def cumulated(a: A, x: Any) -> Any:
    """The sum of all up to here along ``axis``: a product with a triangle of ones."""
    x = same_tensor(x)
    axis = whole_axis(as_ints(a["axis"])[0], x.ndim)
    n = x.shape[axis]
    room((n, n))
    spend("work", x.size * n)
    ones = np.tri(n, k=-1 if a.get("exclusive") else 0, dtype=x.dtype)
    ones = ones[::-1, ::-1] if a.get("reverse") else ones
    order = (*(i for i in range(x.ndim) if i != axis), axis)
    return ops.matmul(x.transpose(order), np.ascontiguousarray(ones.T)).transpose(inverse(order))


@operator("Normalizer")
def normalizer(a: A, x: Any) -> Any:
    """Each row divided by its largest, by its sum or by its length."""
    x = same_tensor(x)
    x = x.astype(np.float32) if whole(x) else x
    sums = {
        "MAX": lambda: x.max(-1, True),
        "L1": lambda: ops.absolute(x).sum(-1, True),
        "L2": lambda: ops.sqrt(ops.square(x).sum(-1, True)),
    }
    total = sums[a.get("norm", "MAX")]()
    return x / ops.where(total == 0.0, 1.0, total)


@operator("LpNormalization")
def lp_normalization(a: A, x: Any) -> Any:
    """Divided by its length along ``axis``."""
    x = same_tensor(x)
    axis, p = whole_axis(a.get("axis", -1), x.ndim), a.get("p", 2)
    total = ops.absolute(x).sum(axis, True) if p == 1 else ops.sqrt(ops.square(x).sum(axis, True))
    return x / ops.where(total == 0.0, 1.0, total)
