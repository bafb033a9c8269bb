"""Sounds as pictures: how strong each frequency is over time."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Unpack

import numpy as np

from axon.backend import Array, DType, Shape
from axon.checks import boolean, demand, finite, integer, number, one_of, positive
from axon.core import Tensor
from axon.initializers import STFT
from axon.layers import masks
from axon.layers.base import Layer
from axon.layers.options import LayerOptions
from axon.layers.windows import Windowed, padding_name
from axon.ops.elementwise import log, maximum, power, sqrt
from axon.ops.functions import arctan2
from axon.ops.join import concatenate
from axon.ops.matmul import matmul
from axon.ops.pad import pad
from axon.ops.sliding import conv
from axon.ops.spectra import stft
from axon.parameter import Parameter

MODES = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")
LEAST = 1e-7  # what logarithms and roots are taken of, as in Keras
Window = str | Sequence[float] | None


class STFTSpectrogram(Windowed):
    """Fourier's transform of windows that slide over series, as a convolution that can be learned.

    Args:
        mode: what comes out: "magnitude" sqrt(re^2 + im^2), "log" of that, "psd" (power, with both
            halves counted), "real", "imag", "angle", or "stft": real and imaginary parts.
        frame_length: of a window.
        frame_step: how far windows lie apart; half their length unless told otherwise.
        fft_length: how many frequencies, half of which are kept; the next power of two.
        window: "hann", "hamming", "blackman", "bartlett", ``frame_length`` numbers, or None.
        periodic: the window is one period of a wave, not symmetric.
        scaling: "density" divides by the length of the window as a vector, "spectrum" by its sum.
        padding: "valid" or "same".
        expand_dims: (n, time, frequencies, channels), as images have it.
        options: name, dtype, trainable, data_format.

    Shapes: (n, time, channels) -> (n, windows, channels frequencies). Parameters: ``real_kernel``,
    ``imag_kernel`` (frame_length, 1, frequencies), as far as the mode needs them.

    >>> STFTSpectrogram(frame_length=4)(np.ones((1, 8, 2))).shape
    (1, 3, 6)
    """

    on_mask = masks.REFUSED
    axes = 1

    def __init__(
        self,
        mode: str = "log",
        frame_length: int = 256,
        frame_step: int | None = None,
        fft_length: int | None = None,
        window: Window = "hann",
        periodic: bool = False,
        scaling: str | None = "density",
        padding: str = "valid",
        expand_dims: bool = False,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        owner = type(self).__name__
        one_of(owner, "mode", mode, MODES)
        self.mode = mode
        self.frame_length = integer(owner, "frame_length", frame_length)
        step = max(self.frame_length // 2, 1) if frame_step is None else frame_step
        self.frame_step = integer(owner, "frame_step", step)
        fits = self.frame_step <= self.frame_length
        demand(fits, owner, "frame_step", f"at most frame_length={frame_length}", frame_step)
        length = 2 ** int(np.ceil(np.log2(self.frame_length))) if fft_length is None else fft_length
        self.fft_length = integer(owner, "fft_length", length, least=self.frame_length)
        self.window, self.scaling, self.periodic = window, scaling, bool(periodic)
        self._kernel("real")  # an error here rather than later
        self.padding = padding_name(owner, padding, ["valid", "same"])
        self.expand_dims = boolean(owner, "expand_dims", expand_dims)
        self.real_kernel: Parameter | None = None
        self.imag_kernel: Parameter | None = None

    def _kernel(self, side: str) -> STFT:
        return STFT(side, self.window, self.scaling, self.periodic)

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Series must be as long as a window."""
        super().accept(shape)
        if self.padding == "valid" and shape[1] < self.frame_length:
            hint = " Use padding='same' or a smaller frame_length."
            raise self.misfit(f"(n, at least {self.frame_length}, channels)", shape, hint)

    def create(self, *input_shapes: Shape) -> None:
        """Create cosines and sines."""
        shape = (self.frame_length, 1, self.fft_length // 2 + 1)
        if self.mode != "imag":
            self.real_kernel = self.parameter("real_kernel", self._kernel("real"), shape)
        if self.mode != "real":
            self.imag_kernel = self.parameter("imag_kernel", self._kernel("imag"), shape)

    def call(self, x: Tensor) -> Tensor:
        """Convolve each channel, and put the frequencies in order."""
        n, time, C = x.shape
        series = x.transpose(0, 2, 1).reshape(n * C, time, 1)
        y = self._of_series(series)  # (n C, windows, frequencies)
        y = y.reshape(n, C, *y.shape[1:])
        if self.expand_dims:
            return y.transpose(0, 2, 3, 1)
        return y.transpose(0, 2, 1, 3).reshape(n, y.shape[2], C * y.shape[3])

    def _of_series(self, x: Tensor) -> Tensor:
        kernels = [k for k in (self.real_kernel, self.imag_kernel) if k is not None]
        parts = [conv(x, k, self.frame_step, self.padding) for k in kernels]
        if len(parts) == 1:
            return parts[0]
        re, im = parts
        if self.mode == "angle":
            return arctan2(im, re)
        return concatenate(parts, axis=-1) if self.mode == "stft" else self._strength(re, im)

    def _strength(self, re: Tensor, im: Tensor) -> Tensor:
        both = re * re + im * im
        if self.mode == "psd":
            return both + pad(both[..., 1:-1], ((0, 0), (0, 0), (1, 1)))
        size = sqrt(maximum(both, LEAST))
        return size if self.mode == "magnitude" else log(maximum(size, LEAST))


class MelSpectrogram(Layer):
    """How strong the pitches of a sound are over time, as an ear hears them: on the mel scale.

    mel(f) = 1127 log(1 + f / 700); each band is a triangle around its pitch.

    Args:
        fft_length: of the transform.
        sequence_stride: how far windows lie apart.
        sequence_length: of a window; ``fft_length`` unless told otherwise.
        window: "hann", "hamming", or ``sequence_length`` numbers.
        sampling_rate: samples per second.
        num_mel_bins: how many bands.
        min_freq: the lowest frequency, in Hertz.
        max_freq: the highest frequency; half the sampling rate unless told otherwise.
        power_to_db: give decibels: 10 log10 of the power by ``ref_power``.
        top_db: what is weaker than the strongest of a sound by more decibels counts as if by those.
        mag_exp: 1 for magnitudes, 2 for powers.
        min_power: what is less counts as this.
        ref_power: the power of 0 decibels.
        options: name, dtype.

    Shapes: (n, samples) -> (n, num_mel_bins, windows).

    >>> MelSpectrogram(16, 8, num_mel_bins=3)(np.ones((1, 32))).shape
    (1, 3, 5)
    """

    on_mask = masks.REFUSED

    def __init__(
        self,
        fft_length: int = 2048,
        sequence_stride: int = 512,
        sequence_length: int | None = None,
        window: str | Sequence[float] = "hann",
        sampling_rate: int = 16000,
        num_mel_bins: int = 128,
        min_freq: float = 20.0,
        max_freq: float | None = None,
        power_to_db: bool = True,
        top_db: float = 80.0,
        mag_exp: float = 2.0,
        min_power: float = 1e-10,
        ref_power: float = 1.0,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        owner = "MelSpectrogram"
        self.fft_length = integer(owner, "fft_length", fft_length)
        self.sequence_stride = integer(owner, "sequence_stride", sequence_stride)
        self.sequence_length = integer(owner, "sequence_length", sequence_length or fft_length)
        fits, expected = self.sequence_length <= self.fft_length, f"at most fft_length={fft_length}"
        demand(fits, owner, "sequence_length", expected, sequence_length)
        self.window = window
        self.sampling_rate = integer(owner, "sampling_rate", sampling_rate)
        self.num_mel_bins = integer(owner, "num_mel_bins", num_mel_bins)
        self.min_freq = finite(owner, "min_freq", min_freq, least=0)
        self.max_freq = finite(owner, "max_freq", max_freq or self.sampling_rate // 2)
        demand(self.min_freq < self.max_freq, owner, "max_freq", f"over {min_freq}", max_freq)
        self.power_to_db = boolean(owner, "power_to_db", power_to_db)
        self.top_db = number(owner, "top_db", top_db)
        self.mag_exp = positive(owner, "mag_exp", mag_exp)
        self.min_power = positive(owner, "min_power", min_power)
        self.ref_power = number(owner, "ref_power", ref_power)

    def accept(self, shape: Shape, *more: Shape) -> None:
        """A sound for each sample, long enough to be mirrored at its ends."""
        least = self.fft_length // 2 + 1
        if len(shape) != 2 or shape[1] < least:
            raise self.misfit(f"(n, at least {least} samples)", shape)

    def call(self, x: Tensor) -> Tensor:
        """Transform, gather in bands, take the logarithm."""
        length, stride = self.sequence_length, self.sequence_stride
        re, im = stft(x, length, stride, self.fft_length, self.window)
        both = re * re + im * im
        if self.mag_exp != 2:
            both = power(maximum(both, np.finfo(x.dtype).tiny), self.mag_exp / 2)
        bands = matmul(both, Tensor(self._bands(x.dtype)))
        if self.power_to_db:
            bands = self._decibels(bands)
        return bands.transpose(0, 2, 1)

    def _bands(self, dtype: DType) -> Array:
        limits = self.min_freq, self.max_freq
        return mel_bands(
            self.num_mel_bins, self.fft_length // 2 + 1, self.sampling_rate, *limits, dtype
        )

    def _decibels(self, power: Tensor) -> Tensor:
        reference = 10 * np.log10(max(abs(self.ref_power), self.min_power))
        found = log(maximum(power, self.min_power)) * (10 / np.log(10)) - float(reference)
        strongest = found.max(axis=(1, 2), keepdims=True)
        return maximum(found, strongest - self.top_db)


@lru_cache(maxsize=16)
def mel_bands(bands: int, bins: int, rate: int, low: float, high: float, dtype: DType) -> Array:
    """How much of each frequency belongs to each band: triangles on the mel scale, (bins, bands).

    >>> mel_bands(2, 5, 8, 1.0, 4.0, np.dtype("f4")).round(2)
    array([[0., 0.],
           [0., 0.],
           [1., 0.],
           [0., 1.],
           [0., 0.]], dtype=float32)
    """
    edges = np.linspace(_mel(low), _mel(high), bands + 2)
    lower, middle, upper = edges[:-2], edges[1:-1], edges[2:]
    at = _mel(np.linspace(0, rate / 2, bins))[1:, None]  # the constant part belongs to none
    rising, falling = (at - lower) / (middle - lower), (upper - at) / (upper - middle)
    found = np.maximum(np.minimum(rising, falling), 0)
    made = np.concatenate([np.zeros((1, bands)), found]).astype(dtype)
    made.flags.writeable = False
    return made


def _mel(hertz: float | Array) -> Array:
    return np.asarray(1127.0 * np.log(1.0 + np.asarray(hertz) / 700.0))
