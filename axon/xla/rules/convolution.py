"""Convolution, and the two ways back.

GPUs and TPUs have libraries for all of it. On CPUs XLA is fast at one thing: images without groups,
with kernels in their plain layout; anything else runs up to a hundred times as long, above all
inside of loops. There the ways back are written as such convolutions or as matrix products, groups
are convolved one by one, and channels that are alone are multiplied tap by tap. Where several CPUs
share a batch it is left to XLA, too: each of the products would be a sum over devices of its own.
"""

from collections.abc import Callable
from typing import Any

import jax
from jax import lax
from jax import numpy as jnp

from axon.backend import Shape
from axon.ops.windows import UNPADDED, ConvolutionSizes, Windows, convolution
from axon.xla.rules.taps import ends_of, framed, over_taps, seen
from axon.xla.rules.values import SEVERAL, Rule, Traced, empty, like, together, zeros_around

LAYOUT = ("NHWC", "HWIO", "NHWC")
NARROW = 16  # channels: for fewer the taps of a row make one product together

Convolve = Callable[[Traced, Traced, ConvolutionSizes], Traced]


def conv2d(x: Traced, w: Traced, **meta: Any) -> Traced:
    """Images (N, H, W, C) with a kernel (KH, KW, C / groups, F)."""
    x, w = together(x, w)
    c = convolution(x.shape, w.shape, x.dtype, **meta)
    return _by_platform(x, w, c, c.out, _forward, _grouped(_forward, _forward_alone))


def conv2d_input(g: Traced, w: Traced, *, shape: Shape, **meta: Any) -> Traced:
    """What a convolution is to its images, the other way round."""
    g, w = together(g, w)
    c = convolution(shape, w.shape, g.dtype, **meta)
    return _by_platform(g, w, c, shape, _input, _grouped(_input_forward, _input_alone))


def conv2d_weight(x: Traced, g: Traced, *, shape: Shape, **meta: Any) -> Traced:
    """What a convolution is to its kernel, the other way round."""
    x, g = together(x, g)
    c = convolution(x.shape, shape, x.dtype, **meta)
    return _by_platform(x, g, c, shape, _weight, _grouped(_weight_products, _weight_alone))


def _by_platform(
    a: Traced, b: Traced, c: ConvolutionSizes, out: Shape, libraries: Convolve, cpu: Convolve
) -> Traced:
    if empty(a.shape) or empty(b.shape):
        return jnp.zeros(out, a.dtype)
    if SEVERAL.get():
        return libraries(a, b, c)
    return lax.platform_dependent(
        a, b, cpu=lambda a, b: cpu(a, b, c), default=lambda a, b: libraries(a, b, c)
    )


# ------------------------------------------------------------------------------------ XLA's own


def _forward(x: Traced, w: Traced, c: ConvolutionSizes) -> Traced:
    return lax.conv_general_dilated(
        x,
        w,
        c.windows.strides,
        c.windows.padding,
        rhs_dilation=c.windows.dilation,
        dimension_numbers=LAYOUT,
        feature_group_count=c.G,
    )


def _input(g: Traced, w: Traced, c: ConvolutionSizes) -> Traced:
    return jax.linear_transpose(lambda x: _forward(x, w, c), like(c.shape, c.dtype))(g)[0]


def _weight(x: Traced, g: Traced, c: ConvolutionSizes) -> Traced:
    return jax.linear_transpose(lambda w: _forward(x, w, c), like(c.kernel, c.dtype))(g)[0]


# ------------------------------------------------------------------------------------ on CPUs


def _grouped(way: Convolve, alone: Convolve) -> Convolve:
    """A way for images without groups, done for each of several; or that for lonely channels."""

    def by_group(a: Traced, b: Traced, c: ConvolutionSizes) -> Traced:
        if c.G == 1:
            return way(a, b, c)
        if c.depthwise:
            return alone(a, b, c)
        *images, C = c.shape
        *taps, F = c.kernel
        one = c._replace(shape=(*images, C // c.G), kernel=(*taps, F // c.G), G=1)
        pairs = zip(jnp.split(a, c.G, -1), jnp.split(b, c.G, -1), strict=True)
        return jnp.concatenate([way(*pair, one) for pair in pairs], -1)

    return by_group


def _input_forward(g: Traced, w: Traced, c: ConvolutionSizes) -> Traced:
    """A convolution with the kernel turned round: as it lies in memory, not as XLA would see it."""
    turned = lax.optimization_barrier(w[::-1, ::-1].swapaxes(2, 3))
    ends, _ = ends_of(c.windows, c.shape, c.counts)
    return lax.conv_general_dilated(
        g,
        turned,
        (1, 1),
        ends,
        lhs_dilation=c.windows.strides,
        rhs_dilation=c.windows.dilation,
        dimension_numbers=LAYOUT,
    )


def _weight_products(x: Traced, g: Traced, c: ConvolutionSizes) -> Traced:
    """What each tap saw, times g: one product for each tap, or for each row of taps.

    In a loop, whose inputs XLA computes once: written down, each product would make them anew.
    """
    KH, KW, C, _ = c.kernel
    images, width = framed(x, c.windows), KW if C < NARROW else 1
    every = (0, 1, 2)

    def product(_: None, first: Traced) -> tuple[None, Traced]:
        taps = [(first // KW, first % KW + k) for k in range(width)]
        row = [seen(images, tap, c.windows, c.counts) for tap in taps]
        left = row[0] if width == 1 else jnp.concatenate(row, -1)
        return None, lax.dot_general(left, g, ((every, every), ((), ())))

    firsts = jnp.arange(0, KH * KW, width, dtype=jnp.int32)
    return lax.scan(product, None, firsts)[1].reshape(c.kernel)


# ------------------------------------------------------------------------------------ channels


def _forward_alone(x: Traced, w: Traced, c: ConvolutionSizes) -> Traced:
    images = framed(_repeated(x, c), c.windows)
    return _multiplied(images, w, c.windows, c.counts)


def _multiplied(images: Traced, w: Traced, windows: Windows, counts: Shape) -> Traced:
    """The sum over taps of what each sees, times its weights."""
    start = jnp.zeros((images.shape[0], *counts, w.shape[3]), images.dtype)
    return over_taps(windows, lambda y, tap: y + seen(images, tap, windows, counts) * w[tap], start)


def _input_alone(g: Traced, w: Traced, c: ConvolutionSizes) -> Traced:
    ends, gaps = ends_of(c.windows, c.shape, c.counts)
    spread = zeros_around(g, [(0, 0), *ends, (0, 0)], [0, *gaps, 0])
    windows = c.windows._replace(strides=(1, 1), padding=UNPADDED)
    many = _multiplied(spread, w[::-1, ::-1], windows, c.shape[1:3])
    if many.shape == c.shape:
        return many
    return many.reshape(*c.shape, -1).sum(-1)


def _weight_alone(x: Traced, g: Traced, c: ConvolutionSizes) -> Traced:
    images = framed(_repeated(x, c), c.windows)

    def add(total: Traced, tap: Any) -> Traced:
        part = (seen(images, tap, c.windows, c.counts) * g).sum((0, 1, 2))
        return total.at[tap[0], tap[1], 0].set(part)

    return over_taps(c.windows, add, jnp.zeros(c.kernel, c.dtype))


def _repeated(x: Traced, c: ConvolutionSizes) -> Traced:
    """Channels repeated, once for each of their filters: (N, H, W, C) -> (N, H, W, F)."""
    times = c.kernel[3] // c.G
    return jnp.repeat(x, times, -1) if times > 1 else x


RULES: dict[str, Rule] = {
    "conv2d": conv2d,
    "conv2d_input": conv2d_input,
    "conv2d_weight": conv2d_weight,
}
