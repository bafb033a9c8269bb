"""How parameters begin. Each initializer is a function of a shape and a type.

Named in small letters with their usual settings, ``glorot_uniform`` or "glorot_uniform"; made with
others by the class of that name, ``TruncatedNormal(stddev=0.02)``.

The scaled ones keep the size of signals steady from layer to layer: ``fan_in`` is the number of
inputs of a neuron, ``fan_out`` the number of neurons that read an input.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from axon.backend import Array, DType, Shape, xp
from axon.checks import demand, integer, number, one_of
from axon.config import Configurable, Deserialize, serialize  # noqa: F401
from axon.names import choose, itself, resolve
from axon.random import stream

CUT = 2.0  # deviations at which truncated normals end
CUT_DEVIATION = 0.87962566103423978  # the deviation of what is left of a standard normal


def fans(shape: Shape) -> tuple[int, int]:
    """Return (fan_in, fan_out) of weights stored (..., inputs, outputs).

    >>> fans((784, 128)), fans((3, 3, 1, 32))
    ((784, 128), (9, 288))
    """
    if len(shape) < 2:
        return prod(shape), prod(shape)
    receptive = prod(shape[:-2])
    return receptive * shape[-2], receptive * shape[-1]


class _Initializer(Configurable, ABC):
    """Makes an array of a shape and a type."""

    def __call__(self, shape: Shape, dtype: DType) -> Array:
        """Make the array: the same one again only after the same seed."""
        return xp.asarray(self._values(tuple(shape)), dtype)

    @abstractmethod
    def _values(self, shape: Shape) -> Array:
        """The numbers, of any type."""


class Zeros(_Initializer):
    """All 0."""

    def _values(self, shape: Shape) -> Array:
        return np.zeros(shape)


class Ones(_Initializer):
    """All 1."""

    def _values(self, shape: Shape) -> Array:
        return np.ones(shape)


class Constant(_Initializer):
    """All of one value.

    >>> Constant(0.5)((2,), "float32")
    array([0.5, 0.5], dtype=float32)
    """

    def __init__(self, value: float = 0.0) -> None:
        self.value = number("Constant", "value", value)

    def _values(self, shape: Shape) -> Array:
        return np.full(shape, self.value)


class Identity(_Initializer):
    """The identity matrix times ``gain``; cut off if the shape is not square.

    Raises:
        ValueError: the shape does not have two axes.

    >>> Identity(2.0)((2, 3), "float32")
    array([[2., 0., 0.],
           [0., 2., 0.]], dtype=float32)
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = number("Identity", "gain", gain)

    def _values(self, shape: Shape) -> Array:
        if len(shape) != 2:
            raise ValueError(f"Identity: expected a shape of two axes, got {shape}.")
        return self.gain * np.eye(*shape)


class _Random(_Initializer):
    """Draws from the stream of random numbers called "init", or from a seed of its own."""

    def __init__(self, seed: int | None = None) -> None:
        owner = type(self).__name__
        self.seed = None if seed is None else integer(owner, "seed", seed, least=0)

    def generator(self) -> "np.random.Generator":
        """Where the numbers come from; with a seed the same ones at every call."""
        return stream("init") if self.seed is None else np.random.default_rng(self.seed)

    def truncated(self, shape: Shape) -> Array:
        """Standard normals, drawn again until they lie within two deviations."""
        generator = self.generator()
        x = np.asarray(generator.standard_normal(shape))
        while (outside := np.abs(x) > CUT).any():
            x[outside] = generator.standard_normal(int(outside.sum()))
        return x


class _Normal(_Random):
    """Around a mean, with a standard deviation."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        owner = type(self).__name__
        self.mean = number(owner, "mean", mean)
        self.stddev = number(owner, "stddev", stddev, least=0.0)


class RandomNormal(_Normal):
    """Normal with this mean and standard deviation.

    Args:
        mean: the centre.
        stddev: the standard deviation; at least 0.
        seed: for the same numbers at every call; None draws on from ``axon.set_random_seed``.
    """

    def _values(self, shape: Shape) -> Array:
        return self.generator().normal(self.mean, self.stddev, shape)


class TruncatedNormal(_Normal):
    """Normal, but what lies more than two deviations from the mean is drawn again.

    Args:
        mean: the centre.
        stddev: the standard deviation before cutting, at least 0; 0.88 of it is left.
        seed: for the same numbers at every call; None draws on from ``axon.set_random_seed``.

    >>> bool(abs(TruncatedNormal(stddev=0.02)((1000,), "float32")).max() <= 0.04)
    True
    """

    def _values(self, shape: Shape) -> Array:
        return self.mean + self.stddev * self.truncated(shape)


class RandomUniform(_Random):
    """Uniform between ``minval`` and ``maxval``.

    Args:
        minval: the smallest.
        maxval: the largest; not less than ``minval``.
        seed: for the same numbers at every call; None draws on from ``axon.set_random_seed``.
    """

    def __init__(
        self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None
    ) -> None:
        super().__init__(seed)
        self.minval = number("RandomUniform", "minval", minval)
        self.maxval = number("RandomUniform", "maxval", maxval, least=self.minval)

    def _values(self, shape: Shape) -> Array:
        return self.generator().uniform(self.minval, self.maxval, shape)


class Orthogonal(_Random):
    """Columns (or rows, if they are fewer) of length ``gain`` at right angles (Saxe et al., 2014).

    The axes before the last count as one. The Q of a QR decomposition, with signs that make it
    uniform over all orthogonal matrices.

    Args:
        gain: the length; negative turns all around.
        seed: for the same numbers at every call; None draws on from ``axon.set_random_seed``.

    Raises:
        ValueError: the shape has fewer than two axes.

    >>> q = Orthogonal()((3, 2), "float64")
    >>> bool(np.allclose(q.T @ q, np.eye(2)))
    True
    """

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        super().__init__(seed)
        self.gain = number("Orthogonal", "gain", gain)

    def _values(self, shape: Shape) -> Array:
        if len(shape) < 2:
            raise ValueError(f"Orthogonal: expected a shape of two axes or more, got {shape}.")
        short, long = sorted((prod(shape[:-1]), shape[-1]))
        q, r = np.linalg.qr(self.generator().standard_normal((long, short)))
        q *= np.copysign(1.0, np.diag(r))
        return self.gain * (q if long != shape[-1] or long == short else q.T).reshape(shape)


class _Scaled(_Random):
    """Mean 0 and variance scale / n, where n is a fan, or the mean of both."""

    scale: float
    mode: str
    distribution: str

    def _values(self, shape: Shape) -> Array:
        fan_in, fan_out = fans(shape)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        deviation = math.sqrt(self.scale / max(1.0, n))
        if self.distribution == "uniform":
            limit = deviation * math.sqrt(3)
            return self.generator().uniform(-limit, limit, shape)
        if self.distribution == "untruncated_normal":
            return self.generator().normal(0.0, deviation, shape)
        return deviation / CUT_DEVIATION * self.truncated(shape)


class VarianceScaling(_Scaled):
    """Mean 0 and variance scale / n.

    Args:
        scale: larger than 0.
        mode: what n is: "fan_in", "fan_out", or "fan_avg", the mean of both.
        distribution: "truncated_normal", cut at two deviations and widened again, so that the
            variance holds; "untruncated_normal" or "uniform".
        seed: for the same numbers at every call; None draws on from ``axon.set_random_seed``.

    >>> VarianceScaling(2.0, mode="fan_out", distribution="uniform")((3, 2), "float32").shape
    (3, 2)
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
    ) -> None:
        super().__init__(seed)
        self.scale = number("VarianceScaling", "scale", scale)
        demand(self.scale > 0, "VarianceScaling", "scale", "larger than 0", scale)
        modes = dict.fromkeys(("fan_in", "fan_out", "fan_avg"))
        distributions = dict.fromkeys(("truncated_normal", "untruncated_normal", "uniform"))
        resolve("VarianceScaling mode", mode, modes)
        resolve("VarianceScaling distribution", distribution, distributions)
        self.mode, self.distribution = mode.lower(), distribution.lower()


class GlorotUniform(_Scaled):
    """Uniform with variance 2 / (fan_in + fan_out) (Glorot and Bengio, 2010)."""

    scale, mode, distribution = 1.0, "fan_avg", "uniform"


class GlorotNormal(_Scaled):
    """Truncated normal with variance 2 / (fan_in + fan_out) (Glorot and Bengio, 2010)."""

    scale, mode, distribution = 1.0, "fan_avg", "truncated_normal"


class HeUniform(_Scaled):
    """Uniform with variance 2 / fan_in, for relu (He et al., 2015)."""

    scale, mode, distribution = 2.0, "fan_in", "uniform"


class HeNormal(_Scaled):
    """Truncated normal with variance 2 / fan_in, for relu (He et al., 2015)."""

    scale, mode, distribution = 2.0, "fan_in", "truncated_normal"


class LecunUniform(_Scaled):
    """Uniform with variance 1 / fan_in, for selu (LeCun et al., 1998; Klambauer et al., 2017)."""

    scale, mode, distribution = 1.0, "fan_in", "uniform"


class LecunNormal(_Scaled):
    """Truncated normal with variance 1 / fan_in, for selu (LeCun et al., 1998)."""

    scale, mode, distribution = 1.0, "fan_in", "truncated_normal"


WINDOWS: dict[str, Callable[[int], Array]] = {
    "hann": np.hanning,
    "hamming": np.hamming,
    "blackman": np.blackman,
    "bartlett": np.bartlett,
    "boxcar": np.ones,
}


class STFT(_Initializer):
    """Kernels of a convolution that gives one side of a Fourier transform of short frames.

    k[t, 0, f] = w[t] cos(-2 pi t f / (2 (F - 1))) / s, or sin, for kernels of shape (frame length,
    1, F); w is the window, and s its length: sqrt(sum w^2) by "density", sum |w| by "spectrum".

    Args:
        side: "real" or "imag".
        window: "hann", "hamming", "blackman", "bartlett" or "boxcar"; any name that
            ``scipy.signal.get_window`` knows, where SciPy is installed; the numbers themselves; or
            None.
        scaling: "density", "spectrum" or None.
        periodic: the window goes on after its end, without its last number twice.

    >>> STFT("real", "hann", None, periodic=True)((4, 1, 3), "float32")[:, 0].round(3)
    array([[ 0. ,  0. ,  0. ],
           [ 0.5,  0. , -0.5],
           [ 1. , -1. ,  1. ],
           [ 0.5, -0. , -0.5]], dtype=float32)
    """

    def __init__(
        self,
        side: str = "real",
        window: "str | Sequence[float] | Array | None" = "hann",
        scaling: str | None = "density",
        periodic: bool = False,
    ) -> None:
        one_of("STFT", "side", side, ("real", "imag"))
        one_of("STFT", "scaling", scaling, ("density", "spectrum", None))
        self.side, self.scaling = side, scaling
        self.window, self.periodic = window, bool(periodic)
        self._window(2)

    def _window(self, length: int) -> Array | None:
        if self.window is None or not isinstance(self.window, str):
            return None if self.window is None else np.asarray(self.window, np.float64)
        if self.window in WINDOWS:
            return np.asarray(WINDOWS[self.window](length + self.periodic)[:length])
        try:
            from scipy.signal import get_window
        except ImportError:
            raise ValueError(
                f"STFT: unknown window {self.window!r}. Known without SciPy: {', '.join(WINDOWS)}."
            ) from None
        return np.asarray(get_window(self.window, length, self.periodic))

    def _values(self, shape: Shape) -> Array:
        length, bands = shape[0], shape[-1]
        demand(len(shape) == 3 and bands > 1, "STFT", "the shape", "(length, 1, bands > 1)", shape)
        angles = -np.pi * np.outer(np.arange(length), np.arange(bands)) / (bands - 1)
        kernel = np.cos(angles) if self.side == "real" else np.sin(angles)
        window = self._window(length)
        if window is not None:
            fits = window.shape == (length,)
            demand(fits, "STFT", "window", f"of {length} numbers, as frames are", window.shape)
            kernel = kernel * window[:, None]
            if self.scaling is not None:
                square = self.scaling == "density"
                kernel /= np.sqrt((window**2).sum()) if square else np.abs(window).sum()
        return np.array(np.broadcast_to(kernel[:, None], shape))


Initializer = Callable[[Shape, DType], Array]
InitializerLike = str | Mapping[str, Any] | Initializer  # what ``get`` reads

zeros, ones, constant, identity = Zeros(), Ones(), Constant(), Identity()
random_normal, random_uniform, truncated_normal = RandomNormal(), RandomUniform(), TruncatedNormal()
glorot_uniform, glorot_normal = GlorotUniform(), GlorotNormal()
he_uniform, he_normal = HeUniform(), HeNormal()
lecun_uniform, lecun_normal = LecunUniform(), LecunNormal()
variance_scaling, orthogonal = VarianceScaling(), Orthogonal()

INITIALIZERS: dict[str, Initializer] = {  # all that have a name here
    name: found for name, found in globals().items() if isinstance(found, _Initializer)
}
stft = STFT()  # for kernels of one form alone, so not among the above
_SPELLINGS = {name.replace("_", ""): name for name in INITIALIZERS}  # GlorotUniform
_SPELLINGS |= {"uniform": "random_uniform", "normal": "random_normal"}  # Keras's short names


def get(initializer: InitializerLike) -> Initializer:
    """Return the initializer with this name or description; a function is kept as it is.

    Args:
        initializer: a name such as "he_normal" or "HeNormal"; a description, as ``describe`` gives
            it; or a function ``(shape, dtype) -> array``.

    Raises:
        ValueError: no such name; the nearest one is suggested.
        TypeError: none of these.

    >>> get("zeros")((2,), "float32")
    array([0., 0.], dtype=float32)
    >>> get(TruncatedNormal(stddev=0.02).describe())
    TruncatedNormal(stddev=0.02)
    """
    if isinstance(initializer, str):
        initializer = _SPELLINGS.get(initializer.lower(), initializer)
    expected = "a name or a function (shape, dtype) -> array"
    known = {**INITIALIZERS, "stft": stft}
    return choose("initializer", initializer, known, _Initializer, expected, True, itself)


deserialize = Deserialize("initializer", lambda: [STFT, *map(type, INITIALIZERS.values())], get)
