"""Images moved, turned and zoomed: places in whole numbers, as the kernels count them."""

from typing import Any

import jax
import numpy as np
from jax import numpy as jnp

from axon.backend import Shape
from axon.ops.warp import BITS, ONE, Pair
from axon.xla.rules.values import Rule, Traced, empty, like

BORDER = ((0, 0), (1, 2), (1, 2), (0, 0))  # a pixel before, two behind


def warp(
    x: Traced,
    maps: Traced,
    *,
    size: Pair,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    smooth: bool = True,
) -> Traced:
    """What each pixel of the result sees: between four pixels, first across, then down."""
    x = x if x.dtype.kind == "f" else x.astype(jnp.float32)
    N, H, W, C = x.shape
    if empty((*x.shape, *size)):
        return jnp.zeros((N, *size, C), x.dtype)
    framed = jnp.pad(x, BORDER, constant_values=fill_value).reshape(N, -1, C)
    (rows, down), (columns, across) = (
        _places(maps[:, axis], size, n, fill_mode, smooth, x.dtype) for axis, n in ((0, H), (1, W))
    )
    index = (rows * (W + 3) + columns).reshape(N, -1, 1)

    def seen(further: int) -> Traced:
        pixels = jnp.take_along_axis(framed, index + further, axis=1, mode="clip")
        return pixels.reshape(N, *size, C)

    if not smooth:
        return seen(0)
    above, below = (_between(seen(n), seen(n + 1), across) for n in (0, W + 3))
    return _between(above, below, down)


def _between(a: Traced, b: Traced, share: Traced) -> Traced:
    return a + (b - a) * share[..., None]


def _places(
    m: Traced, size: Pair, length: int, fill_mode: str, smooth: bool, dtype: Any
) -> tuple[Traced, Traced]:
    """Along one axis: which pixel of the framed images, and how far to the next; (N, OH, OW)."""
    i, j = (jnp.arange(n, dtype=jnp.int64) for n in size)
    place = (m[:, :1] * i + m[:, 2:])[:, :, None] + (m[:, 1:2] * j)[:, None]
    if not smooth:
        place = (place + (ONE >> 1)) & -ONE
    beyond = ONE if fill_mode == "constant" else 0
    if fill_mode == "reflect":  # with period 2 length, mirrored about -1/2 and length - 1/2
        place = jnp.remainder(place + (ONE >> 1), 2 * length * ONE)
        place = jnp.minimum(place, 2 * length * ONE - place) - (ONE >> 1)
    place = jnp.minimum(jnp.maximum(place, -beyond), (length - 1) * ONE + beyond)
    kept = min(BITS, int(np.finfo(dtype).nmant) + 1)
    fraction = ((place & (ONE - 1)) >> (BITS - kept)).astype(dtype) * 2.0**-kept
    return ((place >> BITS) + 1).astype(jnp.int32), fraction


def warp_adjoint(g: Traced, maps: Traced, *, shape: Shape, **meta: Any) -> Traced:
    """Each g goes back to the pixels that it was made of."""
    g = g if g.dtype.kind == "f" else g.astype(jnp.float32)
    if empty(g.shape) or empty(shape):
        return jnp.zeros(shape, g.dtype)
    size = (g.shape[1], g.shape[2])
    look = jax.linear_transpose(lambda x: warp(x, maps, size=size, **meta), like(shape, g.dtype))
    (x,) = look(g)
    return x


RULES: dict[str, Rule] = {"warp": warp, "warp_adjoint": warp_adjoint}
