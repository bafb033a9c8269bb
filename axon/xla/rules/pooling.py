"""Pooling, tap by tap as the kernels do it: a tap is a strided slice, and XLA fuses them.

Windows of many taps become a loop, or the program would be long and slow to compile.
"""

from collections.abc import Callable
from math import inf
from typing import Any

import numpy as np
from jax import lax
from jax import numpy as jnp

from axon.backend import Array, Shape
from axon.ops.pool import answers, windows_of
from axon.ops.windows import Windows
from axon.xla.rules.values import Rule, Traced, zeros_around

FEW = 16  # taps that are written down one after another

Tap = Any  # (kh, kw), numbers or values
TapStep = Callable[[Traced, Tap], Traced]


def _over_taps(windows: Windows, step: TapStep, start: Traced) -> Traced:
    """Go through all taps, row by row."""
    taps = windows.taps()
    if len(taps) <= FEW:
        for tap in taps:
            start = step(start, tap)
        return start
    KW = windows.size[1]
    return lax.fori_loop(0, len(taps), lambda k, state: step(state, (k // KW, k % KW)), start)


def _framed(x: Traced, windows: Windows, value: float) -> Traced:
    """The images within the padding."""
    if not windows.padded:
        return x
    ends = [(a, b, 0) for a, b in ((0, 0), *windows.padding, (0, 0))]
    return lax.pad(x, jnp.asarray(value, x.dtype), ends)


def _seen(framed: Traced, tap: Tap, windows: Windows, counts: Shape) -> Traced:
    """What a tap of each window sees, (N, OH, OW, C)."""
    spans = [(n - 1) * s + 1 for n, s in zip(counts, windows.strides, strict=True)]
    if isinstance(tap[0], int):
        corner = [a + n for a, n in zip(tap, spans, strict=True)]
        limits = (framed.shape[0], *corner, framed.shape[3])
        return lax.slice(framed, (0, *tap, 0), limits, (1, *windows.strides, 1))
    region = lax.dynamic_slice(framed, (0, *tap, 0), (framed.shape[0], *spans, framed.shape[3]))
    return region[:, :: windows.strides[0], :: windows.strides[1]]


def _inside(windows: Windows, shape: Shape) -> Array | None:
    """Whether a tap of a window lies on the images, (KH, KW, OH, OW, 1), if not all do."""
    if not windows.padded:
        return None
    axes = []
    for axis, count in enumerate(windows.counts(shape)):
        taps = np.arange(windows.size[axis])[:, None]
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
    framed, counts = _framed(x, windows, -inf), windows.counts(x.shape)
    start = jnp.full(answers(x.shape, windows), -inf, x.dtype)
    return _over_taps(
        windows, lambda y, tap: jnp.maximum(y, _seen(framed, tap, windows, counts)), start
    )


def max_pool2d_argmax(x: Traced, y: Traced, **meta: Any) -> Traced:
    """The number of the first tap on the images that does not see less than y."""
    windows = windows_of(**meta)
    framed, counts = _framed(x, windows, -inf), windows.counts(x.shape)
    inside, taps = _inside(windows, x.shape), len(windows.taps())

    def look(state: tuple[Traced, Traced], tap: Tap) -> tuple[Traced, Traced]:
        index, searching = state
        smaller = _seen(framed, tap, windows, counts) < y
        if inside is not None:
            smaller |= ~jnp.asarray(inside)[tap]
        searching &= smaller
        return index + searching.astype(index.dtype), searching

    start = jnp.zeros(y.shape, np.min_scalar_type(taps)), jnp.ones(y.shape, bool)
    return _over_taps(windows, look, start)[0]


def max_pool2d_gradient(g: Traced, index: Traced, *, shape: Shape, **meta: Any) -> Traced:
    """Each g goes to the tap with this number; where windows overlap they add up."""
    windows = windows_of(**meta)
    if _alone(windows):
        return _spread(g, windows, shape, lambda numbers: _stretched(index) == numbers)
    return _sent(windows, shape, g, lambda tap: jnp.where(index == _number(tap, windows), g, 0))


def max_pool2d_pick(x: Traced, index: Traced, **meta: Any) -> Traced:
    """What the tap with this number sees; 0 if that lies in the padding."""
    windows = windows_of(**meta)
    framed, counts = _framed(x, windows, 0.0), windows.counts(x.shape)
    return _over_taps(
        windows,
        lambda y, tap: jnp.where(
            index == _number(tap, windows), _seen(framed, tap, windows, counts), y
        ),
        jnp.zeros(index.shape, x.dtype),
    )


# ------------------------------------------------------------------------------------ mean


def average_pool2d(x: Traced, **meta: Any) -> Traced:
    """The mean of what each window sees; taps in the padding do not count."""
    windows = windows_of(**meta)
    framed, counts = _framed(x, windows, 0.0), windows.counts(x.shape)
    start = jnp.zeros(answers(x.shape, windows), x.dtype)
    total = _over_taps(windows, lambda y, tap: y + _seen(framed, tap, windows, counts), start)
    return _shared(total, windows, x.shape)


def average_pool2d_gradient(g: Traced, *, shape: Shape, **meta: Any) -> Traced:
    """Each g is shared equally by the pixels that its window saw."""
    windows = windows_of(**meta)
    share = _shared(g, windows, shape)
    if _alone(windows):
        taps = len(windows.taps())
        return _spread(share, windows, shape, lambda numbers: numbers < taps)
    return _sent(windows, shape, g, lambda tap: share)


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
    return all(s >= k for s, k in zip(windows.strides, windows.size, strict=True))


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


def _sent(windows: Windows, shape: Shape, g: Traced, part: Callable[[Tap], Traced]) -> Traced:
    """The sum of what goes back to each tap, of windows that overlap."""
    H, W = windows.padded_size(shape)
    gaps = [0, *(s - 1 for s in windows.strides), 0]
    spans = [(n - 1) * s + 1 for n, s in zip(g.shape[1:3], windows.strides, strict=True)]

    def send(total: Traced, tap: Tap) -> Traced:
        if isinstance(tap[0], int):
            rest = [(a, n - a - span) for a, n, span in zip(tap, (H, W), spans, strict=True)]
            return total + zeros_around(part(tap), [(0, 0), *rest, (0, 0)], gaps)
        place = (0, *tap, 0)
        wide = zeros_around(part(tap), [(0, 0)] * 4, gaps)
        before = lax.dynamic_slice(total, place, wide.shape)
        return lax.dynamic_update_slice(total, before + wide, place)

    total = _over_taps(windows, send, jnp.zeros((shape[0], H, W, shape[3]), g.dtype))
    (above, _), (left, _) = windows.padding
    return total[:, above : above + shape[1], left : left + shape[2]]


RULES: dict[str, Rule] = {
    "max_pool2d": max_pool2d,
    "max_pool2d_argmax": max_pool2d_argmax,
    "max_pool2d_gradient": max_pool2d_gradient,
    "max_pool2d_pick": max_pool2d_pick,
    "average_pool2d": average_pool2d,
    "average_pool2d_gradient": average_pool2d_gradient,
}
