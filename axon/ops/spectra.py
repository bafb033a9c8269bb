"""Fourier's transform, by products of matrices; and what overlaps in a series.

A row of n = a b numbers is a table of a rows and b columns: what is done along its columns, turned,
and done along its rows, is the transform of the row. So n log n products are enough where n has
small factors, and all is made of differentiable parts. (Cooley and Tukey, 1965.)
"""

import math
from collections.abc import Sequence
from functools import lru_cache, reduce

import numpy as np

from axon.backend import Array, DType
from axon.core import Tensor
from axon.ops.arithmetic import floats
from axon.ops.compare import where
from axon.ops.composite import composite
from axon.ops.elementwise import absolute, add, exp, log, sign, sqrt
from axon.ops.error_function import erf
from axon.ops.join import concatenate, stack
from axon.ops.layout import flip
from axon.ops.matmul import matmul
from axon.ops.pad import pad, pad_

Complex = tuple[Tensor, Tensor]  # the real parts, and the imaginary ones
DIRECT = 64  # numbers that one product of matrices transforms


@lru_cache(maxsize=64)
def _circle(rows: int, columns: int, n: int, dtype: DType) -> tuple[Array, Array]:
    """Cosine and sine of -2 pi i k / n, for each row i and column k."""
    turns = np.outer(np.arange(rows), np.arange(columns)) % n
    angles = turns * (-2 * np.pi / n)
    return np.cos(angles).astype(dtype), np.sin(angles).astype(dtype)


def _factor(n: int) -> int:
    """The largest factor that is no larger than the root of n."""
    return next(a for a in range(math.isqrt(n), 0, -1) if n % a == 0)


def _transform(re: Tensor, im: Tensor | None) -> Complex:
    """Along the last axis; ``im`` is None where all is real."""
    n = re.shape[-1]
    a = _factor(n) if n > DIRECT else 1
    if a == 1:
        return _turned(re, im, *_circle(n, n, n, re.dtype), product=True)
    b, before = n // a, re.shape[:-1]
    table = (*before, a, b)
    other = None if im is None else _swap(im.reshape(table))
    columns = _transform(_swap(re.reshape(table)), other)  # (..., b, a)
    y = _turned(*columns, *_circle(b, a, n, re.dtype))
    rows = _transform(_swap(y[0]), _swap(y[1]))  # (..., a, b)
    return _swap(rows[0]).reshape(*before, n), _swap(rows[1]).reshape(*before, n)


def _swap(t: Tensor) -> Tensor:
    return t.transpose(*range(t.ndim - 2), t.ndim - 1, t.ndim - 2)


def _turned(
    re: Tensor, im: Tensor | None, cos: Array, sin: Array, product: bool = False
) -> Complex:
    """Numbers times e^(i angle), one by one or as a product of matrices."""
    times = matmul if product else Tensor.__mul__
    c, s = Tensor(cos), Tensor(sin)
    if im is None:
        return times(re, c), times(re, s)
    return times(re, c) - times(im, s), times(re, s) + times(im, c)


@composite
def fft(x: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Fourier's transform along the last axis, of (real parts, imaginary parts).

    >>> [part.round(4).tolist() for part in fft((np.array([1.0, 0.0]), np.zeros(2)))]
    [[1.0, 1.0], [0.0, 0.0]]
    """
    re, im = x
    return _transform(floats(re), floats(im))


@composite
def fft2(x: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Fourier's transform along the last two axes, of (real parts, imaginary parts).

    >>> fft2((np.ones((2, 2)), np.zeros((2, 2))))[0].round(4)[0, 0]
    np.float64(4.0)
    """
    re, im = _transform(floats(x[0]), floats(x[1]))
    re, im = _transform(_swap(re), _swap(im))
    return _swap(re), _swap(im)


@composite
def ifft2(x: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The way back of ``fft2``.

    >>> ifft2((np.ones((2, 2)), np.zeros((2, 2))))[0].round(4)[0, 0]
    np.float64(1.0)
    """
    re, im = fft2((x[0], -floats(x[1])))
    size = re.shape[-1] * re.shape[-2]
    return re * (1.0 / size), im * (-1.0 / size)


def _long(x: Tensor, n: int) -> Tensor:
    """The last axis cut, or with zeros behind."""
    short = n - x.shape[-1]
    return pad_(x, padding=(*((0, 0),) * (x.ndim - 1), (0, short))) if short > 0 else x[..., :n]


@composite
def rfft(x: Tensor, fft_length: int | None = None) -> tuple[Tensor, ...]:
    """The first half of Fourier's transform of real numbers: of the other half it is the mirror.

    Args:
        x: (..., n).
        fft_length: x is cut to this length, or zeros are put behind it; n unless told otherwise.

    >>> [part.round(4).tolist() for part in rfft([1.0, 0.0, 0.0])]
    [[1.0, 1.0], [0.0, 0.0]]
    """
    n = x.shape[-1] if fft_length is None else fft_length
    re, im = _transform(_long(floats(x), n), None)
    return re[..., : n // 2 + 1], im[..., : n // 2 + 1]


@composite
def irfft(x: Sequence[Tensor], fft_length: int | None = None) -> Tensor:
    """The way back of ``rfft``, to ``fft_length`` numbers: an even number unless told otherwise.

    >>> irfft((np.ones(2), np.zeros(2))).round(4)
    array([1., 0.])
    """
    n = 2 * (x[0].shape[-1] - 1) if fft_length is None else fft_length
    re, im = (_long(floats(part), n // 2 + 1) for part in x)
    last = (n + 1) // 2  # from where on the other half is the mirror
    ends = [(re, 1.0), (im, -1.0)]
    both = [concatenate([t, flip(t[..., 1:last], -1) * sign], axis=-1) for t, sign in ends]
    edge = np.ones(n)
    edge[0] = 0.0  # the imaginary parts of the ends count for nothing
    edge[n // 2] = edge[n // 2] if n % 2 else 0.0
    re, im = both[0], both[1] * Tensor(edge.astype(re.dtype))
    return _transform(re, -im)[0] * (1.0 / n)


@composite
def extract_sequences(x: Tensor, sequence_length: int, sequence_stride: int) -> Tensor:
    """Runs of a series that overlap: (..., n) -> (..., runs, sequence_length).

    >>> extract_sequences([1, 2, 3, 4], 3, 1)
    array([[1, 2, 3],
           [2, 3, 4]])
    """
    if not 1 <= sequence_length <= x.shape[-1] or sequence_stride < 1:
        raise ValueError(
            f"extract_sequences: runs of {sequence_length}, {sequence_stride} apart, do not fit "
            f"series of {x.shape[-1]}."
        )
    count = (x.shape[-1] - sequence_length) // sequence_stride + 1
    stop = (count - 1) * sequence_stride + 1
    steps = [x[..., i : i + stop : sequence_stride] for i in range(sequence_length)]
    return stack(steps, axis=-1)


@composite
def stft(
    x: Tensor,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    window: object = "hann",
    center: bool = True,
) -> tuple[Tensor, ...]:
    """Fourier's transform of each of some runs of a series: its sound over time.

    Args:
        x: (..., n).
        sequence_length: of a run.
        sequence_stride: how far runs lie apart.
        fft_length: of the transform: zeros are put behind shorter runs.
        window: "hann", "hamming", ``sequence_length`` numbers that runs are multiplied by, or None.
        center: mirror the ends, so that the middle of the first run is the start of the series.

    Returns:
        Real and imaginary parts, (..., runs, fft_length // 2 + 1) each.

    >>> stft(np.ones(8), 4, 2, 4, center=False)[0].shape
    (3, 3)
    """
    if sequence_length > fft_length:
        raise ValueError(f"stft: runs of {sequence_length} are longer than {fft_length}.")
    x = floats(x)
    if center:
        half = fft_length // 2
        x = pad(x, (*((0, 0),) * (x.ndim - 1), (half, half)), mode="reflect")
    weights = _window(window, sequence_length, x.dtype)
    before = (fft_length - sequence_length) // 2
    ends = ((before, fft_length - sequence_length - before),)
    runs = extract_sequences(x, fft_length, sequence_stride)
    return rfft(runs if weights is None else runs * pad_(weights, padding=ends))


@composite
def istft(
    x: Sequence[Tensor],
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: object = "hann",
    center: bool = True,
) -> Tensor:
    """The way back of ``stft``: runs are added up where they lie, by how much each weighs there.

    Args:
        x: real and imaginary parts, (..., runs, fft_length // 2 + 1) each.
        sequence_length: of a run.
        sequence_stride: how far runs lie apart.
        fft_length: of the transform.
        length: of the series; by default what the runs tell.
        window: see ``stft``.
        center: whether ``stft`` had mirrored the ends.

    >>> istft(stft(np.arange(8.0), 4, 2, 4), 4, 2, 4).round(4)
    array([0., 1., 2., 3., 4., 5., 6., 7.])
    """
    runs = irfft(x, fft_length)  # (..., runs, fft_length)
    before = (fft_length - sequence_length) // 2
    ends = ((before, fft_length - sequence_length - before),)
    weights = _window(window, sequence_length, runs.dtype)
    if weights is None:
        weights = Tensor(np.ones(sequence_length, runs.dtype))
    weights = pad_(weights, padding=ends)
    count = runs.shape[-2]
    size = fft_length + sequence_stride * (count - 1)
    total = _laid(runs * weights, sequence_stride, size)
    weight = _laid(
        Tensor(np.ones((count, 1), runs.dtype)) * (weights * weights), sequence_stride, size
    )
    found = total / where(weight > 1e-10, weight, 1.0)
    start = fft_length // 2 if center else 0
    usual = size - fft_length // 2 if center else size
    return found[..., start : usual if length is None else start + length]


def _laid(runs: Tensor, stride: int, size: int) -> Tensor:
    """Runs added up, ``stride`` apart: (..., runs, n) -> (..., size)."""
    front = ((0, 0),) * (runs.ndim - 2)
    parts = [
        pad_(runs[..., i, :], padding=(*front, (i * stride, size - i * stride - runs.shape[-1])))
        for i in range(runs.shape[-2])
    ]
    return reduce(add, parts)


def _window(window: object, length: int, dtype: DType) -> Tensor | None:
    if window is None or isinstance(window, Tensor):
        return window
    names = {"hann": np.hanning, "hamming": np.hamming}
    if isinstance(window, str) and window in names:  # of one more number: it goes round
        return Tensor(names[window](length + 1)[:-1].astype(dtype))
    made = Tensor(np.asarray(window, dtype)) if not isinstance(window, str) else None
    if made is None or made.shape != (length,):
        raise ValueError(f"stft: window must be 'hann', 'hamming' or {length} numbers.")
    return made


@composite
def cdist(x1: Tensor, x2: Tensor) -> Tensor:
    """The distance of each row of x1 from each of x2.

    >>> cdist([[0.0, 0.0]], [[3.0, 4.0]])
    array([[5.]])
    """
    d = floats(x1)[..., :, None, :] - floats(x2)[..., None, :, :]
    total = (d * d).sum(-1)
    near = total == 0.0  # where the slope of the root is infinite
    return where(near, 0.0, sqrt(where(near, 1.0, total)))


@composite
def erfinv(x: Tensor) -> Tensor:
    """The number whose error function is x, between -1 and 1.

    It begins with a formula of Winitzki (2008), and is made better four times, by Halley's way.

    >>> erfinv([0.0, 0.5]).round(4)
    array([0.    , 0.4769])
    """
    x = floats(x)
    size = log((1.0 - x) * (1.0 + x))
    t = size * 0.5 + 2.0 / (np.pi * 0.147)
    y = (sign(x) * sqrt(absolute(sqrt(t * t - size / 0.147) - t))).detach()
    for _ in range(4):
        error = (erf(y) - x) * exp(y * y) * (math.sqrt(np.pi) / 2)
        y = y - error / (1.0 + y * error)
    return y
