"""Convolution, and the two ways back, by XLA's own; the layouts are AXON's."""

from functools import partial
from typing import Any

import jax
from jax import lax
from jax import numpy as jnp

from axon.backend import Shape
from axon.ops.windows import UNPADDED, Padding, Pair
from axon.xla.rules.values import Rule, Traced, empty, like, together

LAYOUT = ("NHWC", "HWIO", "NHWC")


def _convolve(
    x: Traced,
    w: Traced,
    strides: Pair = (1, 1),
    padding: Padding = UNPADDED,
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> Traced:
    return lax.conv_general_dilated(
        x,
        w,
        strides,
        padding,
        rhs_dilation=dilation,
        dimension_numbers=LAYOUT,
        feature_group_count=groups,
    )


def _counts(shape: Shape, kernel: Shape, meta: dict[str, Any]) -> Shape:
    """The shape of the result, if there is nothing to compute."""
    given = like(shape, jnp.float32), like(kernel, jnp.float32)
    return jax.eval_shape(partial(_convolve, **meta), *given).shape


def conv2d(x: Traced, w: Traced, **meta: Any) -> Traced:
    """Images (N, H, W, C) with a kernel (KH, KW, C / groups, F)."""
    x, w = together(x, w)
    if empty(x.shape) or empty(w.shape):
        return jnp.zeros(_counts((max(len(x), 1), *x.shape[1:]), w.shape, meta), x.dtype)[: len(x)]
    return _convolve(x, w, **meta)


def conv2d_input(g: Traced, w: Traced, *, shape: Shape, **meta: Any) -> Traced:
    """What a convolution is to its images, the other way round."""
    g, w = together(g, w)
    if empty(g.shape) or empty(w.shape):
        return jnp.zeros(shape, g.dtype)
    (x,) = jax.linear_transpose(lambda x: _convolve(x, w, **meta), like(shape, g.dtype))(g)
    return x


def conv2d_weight(x: Traced, g: Traced, *, shape: Shape, **meta: Any) -> Traced:
    """What a convolution is to its kernel, the other way round."""
    x, g = together(x, g)
    if empty(x.shape) or empty(g.shape):
        return jnp.zeros(shape, x.dtype)
    (w,) = jax.linear_transpose(lambda w: _convolve(x, w, **meta), like(shape, x.dtype))(g)
    return w


RULES: dict[str, Rule] = {
    "conv2d": conv2d,
    "conv2d_input": conv2d_input,
    "conv2d_weight": conv2d_weight,
}
