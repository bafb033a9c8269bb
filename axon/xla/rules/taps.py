"""Windows on images, tap by tap: what a tap of each window sees is a strided slice.

Windows of many taps become a loop, or the program would be long and slow to compile.
"""

from collections.abc import Callable, Sequence
from typing import Any

from jax import lax
from jax import numpy as jnp

from axon.backend import Shape
from axon.ops.windows import Pair, Windows
from axon.xla.rules.values import Traced

FEW = 16  # taps that are written down one after another

Tap = Any  # (kh, kw), numbers or values


def over_taps(windows: Windows, step: Callable[[Any, Tap], Any], start: Any) -> Any:
    """Go through all taps, row by row."""
    taps = windows.taps()
    if len(taps) <= FEW:
        for tap in taps:
            start = step(start, tap)
        return start
    KW = windows.size[1]
    return lax.fori_loop(0, len(taps), lambda k, state: step(state, (k // KW, k % KW)), start)


def framed(x: Traced, windows: Windows, value: float = 0.0) -> Traced:
    """The images within the padding."""
    if not windows.padded:
        return x
    ends = [(a, b, 0) for a, b in ((0, 0), *windows.padding, (0, 0))]
    return lax.pad(x, jnp.asarray(value, x.dtype), ends)


def seen(framed: Traced, tap: Tap, windows: Windows, counts: Sequence[int]) -> Traced:
    """What a tap of each window sees, (N, OH, OW, C)."""
    corner = [k * d for k, d in zip(tap, windows.dilation, strict=True)]
    spans = [(n - 1) * s + 1 for n, s in zip(counts, windows.strides, strict=True)]
    N, C = framed.shape[0], framed.shape[3]
    if isinstance(tap[0], int):
        limits = (N, *(a + n for a, n in zip(corner, spans, strict=True)), C)
        return lax.slice(framed, (0, *corner, 0), limits, (1, *windows.strides, 1))
    start = [jnp.asarray(n, jnp.int32) for n in (0, *corner, 0)]
    region = lax.dynamic_slice(framed, start, (N, *spans, C))
    return region[:, :: windows.strides[0], :: windows.strides[1]]


def ends_of(
    windows: Windows, shape: Shape, counts: Sequence[int]
) -> tuple[tuple[Pair, Pair], Pair]:
    """How many zeros around and between results of windows make the way back a way there.

    Each pixel of the images then has a window on them, one pixel after the other.
    """
    ends = []
    for axis in (0, 1):
        before = windows.spans()[axis] - 1 - windows.padding[axis][0]
        reached = (counts[axis] - 1) * windows.strides[axis] + 1
        ends.append((before, shape[1 + axis] - reached - before + windows.spans()[axis] - 1))
    return (ends[0], ends[1]), (windows.strides[0] - 1, windows.strides[1] - 1)
