"""Sums, means, largest and others along some axes; and what is divided by such."""

from collections.abc import Callable
from math import inf, prod
from typing import Literal

import numpy as np

from axon import ops
from axon.backend import DType, Shape
from axon.core import Tensor
from axon.onnx.run.operators.budget import STEP, allowed, spend
from axon.onnx.run.operators.elementwise import as_floats, is_integer
from axon.onnx.run.operators.operand import (
    Attributes,
    Laid,
    Operands,
    as_read,
    axis_from_front,
    channels_last,
)
from axon.onnx.run.operators.table import Context, operator
from axon.parameter import Buffer

Reduction = Callable[[Tensor, Shape, bool], Tensor]


def _as_it_lies(given: Operands, attributes: Attributes) -> Laid:
    """Axes are found where they lie; those that remain keep their order of reading."""
    first = given[0]
    assert first is not None
    rank, named = first.ndim, attributes["axes"]
    if not named:
        named = [] if attributes["noop_with_empty_axes"] else list(range(rank))
    axes = [axis_from_front(i, rank) for i in named]
    told = {**attributes, "axes": [first.lying(i) for i in axes], "noop_with_empty_axes": 1}
    order = first.order
    if order is None:
        return as_read(given, told)
    if not attributes["keepdims"]:
        left = [order[i] for i in range(rank) if i not in axes]
        order = tuple(np.argsort(np.argsort(left)).tolist())
    return Laid([first.data], told, None if order == tuple(range(len(order))) else order)


def _mean(x: Tensor, axes: Shape, keep: bool) -> Tensor:
    return x.mean(axes, keep) if not is_integer(x) else (x * 1.0).mean(axes, keep)


def _prod(x: Tensor, axes: Shape, keep: bool) -> Tensor:
    """In so many rounds as halves can be taken."""
    spend("work", 2 * x.size + STEP)
    return ops.prod(x, axes, keep)


REDUCTIONS: dict[str, Reduction] = {
    "ReduceSum": lambda x, axes, keep: x.sum(axes, keep),
    "ReduceMean": _mean,
    "ReduceMax": lambda x, axes, keep: x.max(axes, keep),
    "ReduceMin": lambda x, axes, keep: x.min(axes, keep),
    "ReduceProd": _prod,
    "ReduceL1": lambda x, axes, keep: ops.absolute(x).sum(axes, keep),
    "ReduceL2": lambda x, axes, keep: ops.sqrt(ops.square(x).sum(axes, keep)),
    "ReduceSumSquare": lambda x, axes, keep: ops.square(x).sum(axes, keep),
    "ReduceLogSum": lambda x, axes, keep: ops.log(x.sum(axes, keep)),
    "ReduceLogSumExp": lambda x, axes, keep: ops.logsumexp(x, axes, keep),
}


EMPTY: dict[str, Callable[[DType], float]] = {  # of no numbers at all
    "ReduceMax": lambda dtype: (
        -inf if dtype.kind == "f" else np.iinfo(dtype).min if dtype.kind != "b" else 0
    ),
    "ReduceMin": lambda dtype: (
        inf if dtype.kind == "f" else np.iinfo(dtype).max if dtype.kind != "b" else 1
    ),
    "ReduceLogSumExp": lambda dtype: -inf,
}


def _reduction(name: str, function: Reduction) -> Callable[..., Tensor]:
    def along(
        x: Tensor,
        /,
        axes: list[int] | None = None,
        *,
        keepdims: int = 1,
        noop_with_empty_axes: int = 0,
    ) -> Tensor:
        """Along some axes; of integers, the result is of their type."""
        if not axes and x.ndim:
            return x
        if not x.size and name in EMPTY:
            shape = np.zeros(x.shape, bool).any(tuple(axes or ()), keepdims=bool(keepdims)).shape
            return Tensor(np.full(allowed(shape), EMPTY[name](x.dtype), x.dtype))
        y = function(x, tuple(axes or ()), bool(keepdims))
        return y.astype(x.dtype) if is_integer(x) and y.dtype != x.dtype else y

    return along


for _name, _function in REDUCTIONS.items():
    operator(_name, layout=_as_it_lies)(_reduction(_name, _function))


@operator("CumSum")
def cumulated(x: Tensor, axis: int, /, *, exclusive: int = 0, reverse: int = 0) -> Tensor:
    """The sum of all up to here along ``axis``; of integers, in their type."""
    axis = axis_from_front(axis, x.ndim)
    turned = ops.flip(x, axis) if reverse else x
    y = ops.cumsum(turned, axis)
    y = y if y.dtype == x.dtype else y.astype(x.dtype)
    if exclusive:  # 0 in front, and the last one cut off
        ends = [(int(i == axis), 0) for i in range(x.ndim)]
        y = ops.pad(y, ends)[(*(slice(None),) * axis, slice(0, -1))]
    return ops.flip(y, axis) if reverse else y


def _over(x: Tensor, total: Tensor) -> Tensor:
    return x / ops.where(total == 0.0, 1.0, total)


def _length(x: Tensor, axis: int) -> Tensor:
    return ops.sqrt(ops.square(x).sum(axis, True))


@operator("Normalizer")
def normalizer(x: Tensor, /, *, norm: Literal["MAX", "L1", "L2"] = "MAX") -> Tensor:
    """Each row divided by its largest, by its sum or by its length."""
    x = as_floats(x)
    if norm == "MAX":
        return _over(x, x.max(-1, True))
    return lp_normalization(x, p=1 if norm == "L1" else 2)


@operator("LpNormalization")
def lp_normalization(x: Tensor, /, *, axis: int = -1, p: int = 2) -> Tensor:
    """Divided by its length along ``axis``."""
    axis = axis_from_front(axis, x.ndim)
    return _over(x, ops.absolute(x).sum(axis, True) if p == 1 else _length(x, axis))


# ------------------------------------------------------------------------------------ normalization


def _affine(x: Tensor, center: Tensor, slope: Tensor, offset: Tensor) -> Tensor:
    """(x - center) slope + offset, channel by channel; the channels come last."""
    rows = [row if row.dtype == x.dtype else row.astype(x.dtype) for row in (center, slope, offset)]
    return ops.channel_affine(ops.stack(rows), x)


def _scaled(x: Tensor, slope: Tensor, offset: Tensor) -> Tensor:
    return _affine(x, Tensor(np.zeros(x.shape[-1], x.dtype)), slope, offset)


@operator("BatchNormalization", layout=channels_last)
def batch_normalization(
    x: Tensor,
    scale: Tensor,
    bias: Tensor,
    mean: Tensor,
    variance: Tensor,
    /,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    spatial: Literal[1] = 1,
    training_mode: int = 0,
    context: Context,
) -> list[Tensor | None]:
    """By the statistics of the batch while training, which the running ones follow; else by those.

    moving = momentum moving + (1 - momentum) batch. Whether it trains is for AXON to say, unless
    the file reads what they become: then ``training_mode`` is 1, and those are further results.
    """
    if training_mode:
        found = ops.channel_moments(x)
        pairs = ((mean, found[0]), (variance, found[1]))
        after = [old * momentum + batch * (1 - momentum) for old, batch in pairs]
        return [_affine(x, found[0], scale / ops.sqrt(found[1] + epsilon), bias), *after]
    if context.training and isinstance(mean, Buffer):
        if x.size == x.shape[-1]:
            raise ValueError(
                "a single value for each channel, which minus its mean is always 0, cannot be "
                "trained on. Use larger batches."
            )
        found = ops.channel_moments(x)
        for moving, batch in ((mean, found[0]), (variance, found[1])):
            ops.assign(moving, moving * momentum + batch.detach() * (1 - momentum))
        mean, variance = found[0], found[1]
    return [_affine(x, mean, scale / ops.sqrt(variance + epsilon), bias)]


def standard_rows(x: Tensor, epsilon: float, centered: bool = True) -> Tensor:
    """Rows along the last axis, whatever stands before it."""
    rows = x if x.ndim > 1 else x.reshape(1, x.size)
    y = ops.standardize(rows, epsilon=epsilon, centered=centered)
    return y if x.ndim > 1 else y.reshape(x.shape)


@operator("LayerNormalization")
def layer_normalization(
    x: Tensor,
    scale: Tensor,
    bias: Tensor | None = None,
    /,
    *,
    axis: int = -1,
    epsilon: float = 1e-5,
    stash_type: Literal[1] = 1,
    context: Context,
) -> list[Tensor | None]:
    """Over all axes from ``axis`` on; computed in float32, which is stash_type=1.

    The mean of each row, and 1 / its deviation, are further results.
    """
    gone = tuple(range(axis_from_front(axis, x.ndim), x.ndim))
    y = _over_rows(x, scale, bias, axis, epsilon, True)
    if max(context.used) == 0:
        return [y]
    mean = x.mean(gone, keepdims=True)
    variance = ops.square(x - mean).mean(gone, keepdims=True)
    return [y, mean, 1.0 / ops.sqrt(variance + epsilon)]


@operator("RMSNormalization", "SimplifiedLayerNormalization")  # the second is ONNX Runtime's
def rms_normalization(
    x: Tensor,
    scale: Tensor,
    /,
    *,
    axis: int = -1,
    epsilon: float = 1e-5,
    stash_type: Literal[1] = 1,
) -> Tensor:
    """Over all axes from ``axis`` on, without the mean."""
    return _over_rows(x, scale, None, axis, epsilon, False)


def _over_rows(
    x: Tensor, scale: Tensor, bias: Tensor | None, axis: int, epsilon: float, centered: bool
) -> Tensor:
    axis = axis_from_front(axis, x.ndim)
    width = prod(x.shape[axis:])
    rows = x.reshape(*x.shape[:axis], width) if axis < x.ndim - 1 else x
    y = standard_rows(rows, epsilon, centered)
    if y.ndim > 1 and scale.size == width and (bias is None or bias.size == width):
        flat = Tensor(np.zeros(width, y.dtype)) if bias is None else bias.reshape(width)
        return _scaled(y, scale.reshape(width), flat).reshape(x.shape)
    y = y.reshape(x.shape) * scale
    return y if bias is None else y + bias


@operator("InstanceNormalization", layout=channels_last)
def instance_normalization(
    x: Tensor, scale: Tensor, bias: Tensor, /, *, epsilon: float = 1e-5
) -> Tensor:
    """Each channel of each sample alone."""
    return _scaled(_by_groups(x, x.shape[-1], epsilon), scale, bias)


@operator("GroupNormalization", layout=channels_last)
def group_normalization(
    x: Tensor,
    scale: Tensor,
    bias: Tensor,
    /,
    *,
    num_groups: int,
    epsilon: float = 1e-5,
    stash_type: Literal[1] = 1,
) -> Tensor:
    """Each group of channels of each sample alone."""
    channels = x.shape[-1]
    if num_groups < 1 or channels % num_groups:
        raise ValueError(f"{num_groups} groups do not divide {channels} channels.")
    y = _by_groups(x, num_groups, epsilon)
    return _scaled(y, _for_channels(scale, channels), _for_channels(bias, channels))


def _for_channels(p: Tensor, channels: int) -> Tensor:
    """One number for each channel; early versions have one for each group."""
    if p.size == channels:
        return p
    wide = ops.broadcast_to(p.reshape(p.size, 1), shape=(p.size, channels // p.size))
    return wide.reshape(channels)


def _by_groups(x: Tensor, groups: int, epsilon: float) -> Tensor:
    """(n, ..., channels), where the places and the channels of a group are one row."""
    n, channels, places = x.shape[0], x.shape[-1], prod(x.shape[1:-1])
    each = channels // groups
    grouped = x.reshape(n, places, groups, each).transpose(0, 2, 1, 3)
    rows = grouped.reshape(n, groups, places * each)
    y = standard_rows(rows, epsilon).reshape(n, groups, places, each)
    return y.transpose(0, 2, 1, 3).reshape(x.shape)


@operator("MeanVarianceNormalization")
def mean_variance(x: Tensor, /, *, axes: list[int] | None = None) -> Tensor:
    """Over some axes, those of the samples and places by default."""
    gone = tuple(axis_from_front(i, x.ndim) for i in ([0, 2, 3] if axes is None else axes))
    d = x - x.mean(gone, keepdims=True)
    return d / (ops.sqrt(ops.square(d).mean(gone, keepdims=True)) + 1e-9)
