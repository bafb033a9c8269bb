"""Pooling, tap by tap as the kernels do it, in passes that XLA fuses."""

from collections.abc import Callable
from math import inf
from typing import Any

import numpy as np
from jax import lax
from jax import numpy as jnp

from axon.backend import Array, Shape
from axon.ops.pool import answers, windows_of
from axon.ops.windows import Windows
from axon.xla.rules.taps import Tap, ends_of, framed, over_taps, seen
from axon.xla.rules.values import Rule, Traced, zeros_around


def _inside(windows: Windows, shape: Shape) -> Array | None:
    """Whether a tap of a window lies on the images, (KH, KW, OH, OW, 1), if not all do."""
    if not windows.padded:
        return None
    axes = []
    for axis, count in enumerate(windows.counts(shape)):
        taps = np.arange(windows.size[axis])[:, None] * windows.dilation[axis]
        places = np.arange(count) * windows.strides[axis] + taps - windows.padding[axis][0]
        axes.append((places >= 0) & (places < shape[1 + axis]))
    down, across = axes
    return (down[:, None, :, None] & across[None, :, None, :])[..., None]


def _number(tap: Tap, windows: Windows) -> Any:
    return tap[0] * windows.size[1] + tap[1]


# ------------------------------------------------------------------------------------ maximum


def max_pool2d(x: Traced, **meta: Any) -> Traced:
    """The largest number that each window sees."""
    windows = windows_of(**meta)
    images, counts = framed(x, windows, -inf), windows.counts(x.shape)
    start = jnp.full(answers(x.shape, windows), -inf, x.dtype)
    return over_taps(
        windows, lambda y, tap: jnp.maximum(y, seen(images, tap, windows, counts)), start
    )


def max_pool2d_argmax(x: Traced, y: Traced, **meta: Any) -> Traced:
    """The number of the first tap on the images that does not see less than y."""
    windows = windows_of(**meta)
    images, counts = framed(x, windows, -inf), windows.counts(x.shape)
    inside, taps = _inside(windows, x.shape), len(windows.taps())

    def look(state: tuple[Traced, Traced], tap: Tap) -> tuple[Traced, Traced]:
        index, searching = state
        smaller = seen(images, tap, windows, counts) < y
        if inside is not None:
            smaller |= ~jnp.asarray(inside)[tap]
        searching &= smaller
        return index + searching.astype(index.dtype), searching

    start = jnp.zeros(y.shape, np.min_scalar_type(taps)), jnp.ones(y.shape, bool)
    return over_taps(windows, look, start)[0]


def max_pool2d_gradient(g: Traced, index: Traced, *, shape: Shape, **meta: Any) -> Traced:
    """Each g goes to the tap with this number; where windows overlap they add up."""
    windows = windows_of(**meta)
    if _alone(windows):
        return _spread(g, windows, shape, lambda numbers: _stretched(index) == numbers)
    return _back(g, windows, shape, index)


def max_pool2d_pick(x: Traced, index: Traced, **meta: Any) -> Traced:
    """What the tap with this number sees; 0 if that lies in the padding."""
    windows = windows_of(**meta)
    images, counts = framed(x, windows, 0.0), windows.counts(x.shape)
    return over_taps(
        windows,
        lambda y, tap: jnp.where(
            index == _number(tap, windows), seen(images, tap, windows, counts), y
        ),
        jnp.zeros(index.shape, x.dtype),
    )


# ------------------------------------------------------------------------------------ mean


def average_pool2d(x: Traced, **meta: Any) -> Traced:
    """The mean of what each window sees; taps in the padding do not count."""
    windows = windows_of(**meta)
    images, counts = framed(x, windows, 0.0), windows.counts(x.shape)
    start = jnp.zeros(answers(x.shape, windows), x.dtype)
    total = over_taps(windows, lambda y, tap: y + seen(images, tap, windows, counts), start)
    return _shared(total, windows, x.shape)


def average_pool2d_gradient(g: Traced, *, shape: Shape, **meta: Any) -> Traced:
    """Each g is shared equally by the pixels that its window saw."""
    windows = windows_of(**meta)
    share = _shared(g, windows, shape)
    if _alone(windows):
        taps = len(windows.taps())
        return _spread(share, windows, shape, lambda numbers: numbers < taps)
    return _back(share, windows, shape)


def _shared(x: Traced, windows: Windows, shape: Shape) -> Traced:
    """Divided by the number of pixels that each window sees."""
    inside = _inside(windows, shape)
    taps = len(windows.taps())
    if inside is None:
        return x * (1.0 / taps)
    return x * jnp.asarray(1.0 / inside.sum((0, 1)), x.dtype)


# ------------------------------------------------------------------------------------ back


def _alone(windows: Windows) -> bool:
    """Whether no two windows overlap."""
    apart = all(s >= k for s, k in zip(windows.strides, windows.size, strict=True))
    return apart and windows.spans() == windows.size


def _stretched(x: Traced) -> Traced:
    """(N, OH, OW, C) -> (N, OH, 1, OW, 1, C), for the taps of each window."""
    return x[:, :, None, :, None]


def _spread(
    g: Traced, windows: Windows, shape: Shape, chosen: Callable[[Array], Traced | Array]
) -> Traced:
    """Each g at the chosen taps of its window, of windows that do not overlap: in one pass."""
    (SH, SW), (KH, KW) = windows.strides, windows.size
    numbers = np.full((SH, SW), KH * KW, np.int32)  # between windows: no tap's
    numbers[:KH, :KW] = np.arange(KH * KW).reshape(KH, KW)
    where = chosen(numbers[:, None, :, None])
    N, OH, OW, C = g.shape
    full = jnp.where(where, _stretched(g), 0)
    full = jnp.broadcast_to(full, (N, OH, SH, OW, SW, C)).reshape(N, OH * SH, OW * SW, C)
    ends = [
        (-before, size + before - reached)
        for (before, _), size, reached in zip(
            windows.padding, shape[1:3], (OH * SH, OW * SW), strict=True
        )
    ]
    return zeros_around(full, [(0, 0), *ends, (0, 0)]) if any(map(any, ends)) else full


def _back(g: Traced, windows: Windows, shape: Shape, index: Traced | None = None) -> Traced:
    """The sum of what comes back to each pixel: by the tap with the number in ``index``, or all."""
    ends, gaps = ends_of(windows, shape, g.shape[1:3])
    config = [(0, 0, 0), *((*pair, gap) for pair, gap in zip(ends, gaps, strict=True)), (0, 0, 0)]
    there, taps = windows._replace(strides=(1, 1)), len(windows.taps())
    slopes = lax.pad(g, jnp.zeros((), g.dtype), config)
    numbers = None if index is None else lax.pad(index, jnp.asarray(taps, index.dtype), config)

    def add(total: Traced, tap: Tap) -> Traced:
        part = seen(slopes, tap, there, shape[1:3])
        if numbers is not None:
            number = taps - 1 - _number(tap, windows)  # seen from behind
            part = jnp.where(seen(numbers, tap, there, shape[1:3]) == number, part, 0)
        return total + part

    return over_taps(windows, add, jnp.zeros(shape, g.dtype))


RULES: dict[str, Rule] = {
    "max_pool2d": max_pool2d,
    "max_pool2d_argmax": max_pool2d_argmax,
    "max_pool2d_gradient": max_pool2d_gradient,
    "max_pool2d_pick": max_pool2d_pick,
    "average_pool2d": average_pool2d,
    "average_pool2d_gradient": average_pool2d_gradient,
}
