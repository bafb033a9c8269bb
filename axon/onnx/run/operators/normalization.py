"""Normalizations: what passes is brought to mean 0 and deviation 1, then scaled and shifted."""

from math import prod
from typing import Any

import numpy as np

from axon import ops
from axon.core import Tensor
from axon.onnx.run.operators.table import operator
from axon.onnx.run.operators.values import channels_last, same_tensor, whole_axis
from axon.parameter import Buffer

A = dict[str, Any]


def _affine(x: Tensor, center: Any, slope: Any, offset: Any) -> Any:
    """(x - center) slope + offset, channel by channel; the channels come last."""
    rows = [same_tensor(row) for row in (center, slope, offset)]
    rows = [row if row.dtype == x.dtype else row.astype(x.dtype) for row in rows]
    return ops.channel_affine(ops.stack(rows), x)


@operator("BatchNormalization", arrange=channels_last)
def batch_normalization(a: A, x: Any, scale: Any, bias: Any, mean: Any, variance: Any) -> Any:
    """By the statistics of the batch while training, which the running ones follow; else by those.

    moving = momentum moving + (1 - momentum) batch.
    """
    x, epsilon = same_tensor(x), a.get("epsilon", 1e-5)
    if a["node"].training and isinstance(mean, Buffer):
        _demand_several(x)
        found = ops.channel_moments(x)
        momentum = a.get("momentum", 0.9)
        for moving, batch in ((mean, found[0]), (variance, found[1])):
            now = moving * momentum + batch.detach() * (1 - momentum)
            ops.assign(moving, now)
        mean, variance = found[0], found[1]
    slope = same_tensor(scale) / ops.sqrt(same_tensor(variance) + epsilon)
    return _affine(x, mean, slope, bias)


def _demand_several(x: Tensor) -> None:
    if x.size == x.shape[-1]:
        raise ValueError(
            "a single value for each channel, which minus its mean is always 0, cannot be trained "
            "on. Use larger batches."
        )


def _standard(x: Tensor, epsilon: float, centered: bool = True) -> Any:
    """Rows along the last axis, whatever stands before it."""
    rows = x if x.ndim > 1 else x.reshape(1, x.size)
    y = ops.standardize(rows, epsilon=epsilon, centered=centered)
    return y if x.ndim > 1 else y.reshape(x.shape)


@operator("LayerNormalization")
def layer_normalization(a: A, x: Any, scale: Any, bias: Any = None) -> Any:
    """Over all axes from ``axis`` on."""
    return _over_rows(a, x, scale, bias, True)


@operator("RMSNormalization")
def rms_normalization(a: A, x: Any, scale: Any) -> Any:
    """Over all axes from ``axis`` on, without the mean."""
    return _over_rows(a, x, scale, None, False)


def _over_rows(a: A, x: Any, scale: Any, bias: Any, centered: bool) -> Any:
    x = same_tensor(x)
    axis = whole_axis(a.get("axis", -1), x.ndim)
    width = prod(x.shape[axis:])
    rows = x.reshape(*x.shape[:axis], width) if axis < x.ndim - 1 else x
    y = _standard(rows, a.get("epsilon", 1e-5), centered)
    if y.ndim > 1 and scale.size == width and (bias is None or bias.size == width):
        zeros = np.zeros(width, y.dtype)
        flat = zeros if bias is None else same_tensor(bias).reshape(width)
        return _affine(y, zeros, same_tensor(scale).reshape(width), flat).reshape(x.shape)
    y = y.reshape(x.shape) * scale
    return y if bias is None else y + bias


@operator("InstanceNormalization", arrange=channels_last)
def instance_normalization(a: A, x: Any, scale: Any, bias: Any) -> Any:
    """Each channel of each sample alone."""
    return _affine_rows(_by_groups(same_tensor(x), same_tensor(x).shape[-1], a), scale, bias)


@operator("GroupNormalization", arrange=channels_last)
def group_normalization(a: A, x: Any, scale: Any, bias: Any) -> Any:
    """Each group of channels of each sample alone."""
    x, groups = same_tensor(x), int(a["num_groups"])
    channels = x.shape[-1]
    if groups < 1 or channels % groups:
        raise ValueError(f"{groups} groups do not divide {channels} channels.")
    y = _by_groups(x, groups, a)
    scale, bias = (_for_channels(same_tensor(p), channels) for p in (scale, bias))
    return _affine_rows(y, scale, bias)


def _for_channels(p: Tensor, channels: int) -> Tensor:
    """One number for each channel; early versions have one for each group."""
    if p.size == channels:
        return p
    wide = ops.broadcast_to(p.reshape(p.size, 1), shape=(p.size, channels // p.size))
    return wide.reshape(channels)


def _affine_rows(y: Tensor, scale: Any, bias: Any) -> Any:
    return _affine(y, np.zeros(y.shape[-1], y.dtype), scale, bias)


def _by_groups(x: Tensor, groups: int, a: A) -> Tensor:
    """(n, ..., channels), where the places and the channels of a group are one row."""
    n, channels, places = x.shape[0], x.shape[-1], prod(x.shape[1:-1])
    each = channels // groups
    grouped = x.reshape(n, places, groups, each).transpose(0, 2, 1, 3)
    rows = grouped.reshape(n, groups, places * each)
    y = _standard(rows, a.get("epsilon", 1e-5)).reshape(n, groups, places, each)
    return y.transpose(0, 2, 1, 3).reshape(x.shape)


@operator("MeanVarianceNormalization")
def mean_variance(a: A, x: Any) -> Any:
    """Over some axes, those of the samples and places by default."""
    x = same_tensor(x)
    axes = tuple(whole_axis(i, x.ndim) for i in a.get("axes", (0, 2, 3)))
    d = x - x.mean(axes, keepdims=True)
    return d / (ops.sqrt(ops.square(d).mean(axes, keepdims=True)) + 1e-9)
