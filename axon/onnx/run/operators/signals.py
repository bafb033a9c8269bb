"""Fourier transforms, as products with matrices of cosines and sines; and windows for them."""

from collections.abc import Sequence
from math import pi
from typing import Literal

import numpy as np

from axon import ops
from axon.backend import Array
from axon.core import Tensor
from axon.onnx.run.operators.budget import allowed, spend
from axon.onnx.run.operators.operand import axis_from_front
from axon.onnx.run.operators.table import operator


def _waves(count: int, given: int, rows: int, sign: float) -> tuple[Array, Array]:
    """Cosines and sines (given, rows) of ``count`` points."""
    allowed((given, rows))
    angles = (np.outer(np.arange(given), np.arange(rows)) % count) * (sign * 2 * pi / count)
    return np.cos(angles), np.sin(angles)


def _transformed(
    real: Tensor, imaginary: Tensor | None, rows: int, count: int, back: bool
) -> Tensor:
    """Rows (..., given) as (..., rows, 2)."""
    spend("work", real.size * rows)
    cos, sin = (
        w.astype(real.dtype) for w in _waves(count, real.shape[-1], rows, 1 if back else -1)
    )
    y, z = ops.matmul(real, cos), ops.matmul(real, sin)
    if imaginary is not None:
        y, z = y - ops.matmul(imaginary, sin), z + ops.matmul(imaginary, cos)
    made = ops.stack([y, z], axis=-1)
    return made * (1 / count) if back else made


@operator("DFT")
def dft(
    x: Tensor, length: int | None = None, /, axis: int = -2, *, inverse: int = 0, onesided: int = 0
) -> Tensor:
    """The discrete Fourier transform along an axis; the last one holds real and imaginary parts."""
    axis = axis_from_front(axis, x.ndim)
    size = x.shape[axis]
    full_size = 2 * (size - 1) if inverse and onesided else size
    count = full_size if length is None else length
    if axis == x.ndim - 1 or count < 1 or x.shape[-1] not in (1, 2):
        raise ValueError(f"a transform of {count} points along axis {axis} of {x.shape} cannot be.")
    index = (*(slice(None),) * axis, slice(min(count, size)))
    order = (*(i for i in range(x.ndim - 1) if i != axis), axis)
    parts = [x[index][..., i].transpose(order) for i in range(x.shape[-1])]
    imaginary = parts[1] if len(parts) > 1 else None
    if inverse and onesided:
        return _real_again(parts[0], imaginary, count, axis, order)
    rows = count // 2 + 1 if onesided else count
    made = _transformed(parts[0], imaginary, rows, count, bool(inverse))
    back = [order.index(i) for i in range(x.ndim - 1)]
    return made.transpose(*back, x.ndim - 1)


def _real_again(
    real: Tensor, imaginary: Tensor | None, count: int, axis: int, order: tuple[int, ...]
) -> Tensor:
    """Real numbers from one half of their transform; the other half mirrors it."""
    given = real.shape[-1]
    cos, sin = (w.astype(real.dtype) for w in _waves(count, given, count, 1))
    k = np.arange(given)
    twice = np.where((k == 0) | (2 * k == count), 1, 2).astype(real.dtype)[:, None]
    y = ops.matmul(real, cos * twice)
    y = y if imaginary is None else y - ops.matmul(imaginary, sin * twice)
    made = (y * (1 / count))[..., None]
    back = [order.index(i) for i in range(len(order))]
    return made.transpose(*back, len(order))


@operator("STFT")
def stft(
    signal: Tensor,
    frame_step: int,
    window: Tensor | None = None,
    frame_length: int | None = None,
    /,
    *,
    onesided: int = 1,
) -> Tensor:
    """Transforms of frames, one every ``frame_step`` numbers: (n, frames, rows, 2)."""
    flat = signal if signal.ndim == 2 else signal[..., 0]
    imaginary = signal[..., 1] if signal.ndim == 3 and signal.shape[-1] == 2 else None
    count = frame_length or (0 if window is None else window.shape[0])
    if not 0 < count <= flat.shape[1] or frame_step < 1:
        raise ValueError(f"frames of {count}, every {frame_step}, do not fit {flat.shape}.")
    starts = np.arange(0, flat.shape[1] - count + 1, frame_step)
    allowed((flat.shape[0], len(starts), count))
    places = starts[:, None] + np.arange(count)
    frames = [None if p is None else _framed(p, places, window) for p in (flat, imaginary)]
    rows = count // 2 + 1 if onesided else count
    assert frames[0] is not None
    return _transformed(frames[0], frames[1], rows, count, False)


def _framed(x: Tensor, places: Array, window: Tensor | None) -> Tensor:
    """(n, time) as (n, frames, length), through a window."""
    made = ops.take(x.transpose(1, 0), places).transpose(2, 0, 1)
    return made if window is None else made * window


@operator("MelWeightMatrix")
def mel_weights(
    bins: int,
    length: int,
    rate: int,
    lower: float,
    upper: float,
    /,
    *,
    output_datatype: Literal[1] = 1,
) -> Array:
    """The shares (rows of a transform, bins) of triangles that are even in mel."""
    rows = length // 2 + 1
    allowed((rows, bins + 2))
    low, high = (2595 * np.log10(1 + f / 700) for f in (lower, upper))
    mels = np.arange(bins + 2) * ((high - low) / (bins + 2)) + low
    edges = ((length + 1) * (700 * (10 ** (mels / 2595) - 1)) // rate).astype(int)
    made = np.zeros((rows, bins))
    for i, (left, middle, right) in enumerate(zip(edges, edges[1:], edges[2:], strict=False)):
        if middle == left:
            made[middle, i] = 1
        else:
            made[left : middle + 1, i] = (np.arange(left, middle + 1) - left) / (middle - left)
        if right > middle:
            made[middle:right, i] = (right - np.arange(middle, right)) / (right - middle)
    return made.astype(np.float32)


# ------------------------------------------------------------------------------------ windows

WINDOWS = {  # sums of cosines of 0, 1, 2 periods
    "HannWindow": (0.5, -0.5),
    "HammingWindow": (25 / 46, -21 / 46),
    "BlackmanWindow": (0.42, -0.5, 0.08),
}
WINDOW_TYPES = {1: "float32", 10: "float32", 11: "float64"}


def _enter_window(name: str, parts: Sequence[float]) -> None:
    @operator(name)
    def window(size: int, /, *, output_datatype: int = 1, periodic: int = 1) -> Tensor:
        """A sum of cosines over ``size`` places, the period of which is that or one less."""
        if output_datatype not in WINDOW_TYPES:
            raise ValueError(f"output_datatype={output_datatype} is not supported.")
        allowed((size,))
        angles = 2 * pi * np.arange(size) / max(size - (not periodic), 1)
        made = sum(part * np.cos(k * angles) for k, part in enumerate(parts))
        return Tensor(np.asarray(made, WINDOW_TYPES[output_datatype]))


for _name, _parts in WINDOWS.items():
    _enter_window(_name, _parts)
