"""Layers that change the colours of images at random while training, each image in its own way.

Images are (n, height, width, channels); three channels are red, green and blue. Otherwise the
layers pass on what comes. ``value_range`` says between which numbers colours lie.
"""

from collections.abc import Sequence
from typing import ClassVar, Unpack

import numpy as np

from axon.backend import Shape
from axon.checks import demand, finite, is_number
from axon.core import Tensor
from axon.layers import masks
from axon.layers.augmentation import _Augmentation
from axon.layers.options import LayerOptions
from axon.layers.windows import Windowed
from axon.ops.compare import less, where
from axon.ops.convolution import conv2d
from axon.ops.elementwise import maximum, minimum, power
from axon.ops.join import stack

Range = tuple[float, float]
Factor = float | Sequence[float]  # f, or (low, high)
BYTES: Range = (0.0, 255.0)
GREY = (0.2989, 0.5870, 0.1140)  # how bright red, green and blue are


def limits(owner: str, name: str, value: object, low: float, high: float) -> Range:
    """Read a factor, as Keras does: f is (-f, f), or as much of that as there may be.

    >>> limits("RandomHue", "factor", 0.5, 0, 1), limits("RandomBrightness", "factor", 0.5, -1, 1)
    ((0.0, 0.5), (-0.5, 0.5))
    """
    given = value if isinstance(value, tuple | list) else (value, value)
    fits = len(given) == 2 and all(is_number(v) and low <= v <= high for v in given)
    demand(fits, owner, name, f"a number from {low} to {high}, or two of them", value)
    if given is value:
        return float(min(given)), float(max(given))
    end = abs(float(given[1]))
    return float(max(-end, low)), end


class _Colours(_Augmentation):
    """What the changes of colour share: a factor for each image, and a range.

    Args:
        factor: how much: f, or (low, high).
        value_range: between which numbers colours lie.
        seed: a whole number, for the same changes each time.
        options: name, dtype.
    """

    bounds: ClassVar[Range] = (0.0, 1.0)
    coloured: ClassVar[bool] = False  # whether images must have three channels

    def __init__(
        self,
        factor: Factor,
        value_range: Sequence[float] = BYTES,
        *,
        seed: int | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(seed, **options)
        owner = type(self).__name__
        self.factor = limits(owner, "factor", factor, *self.bounds)
        self.value_range = range_of(owner, value_range)

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Some need three colours."""
        super().accept(shape)
        if self.coloured and shape[-1] != 3:
            raise self.misfit("(n, height, width, 3): red, green and blue", shape)

    def drawn(self, x: Tensor) -> Tensor:
        """A factor for each image: (n, 1, 1, 1)."""
        low, high = self.factor
        return self.shares(x, 1, 1, 1) * (high - low) + low

    def kept(self, x: Tensor) -> Tensor:
        """Colours, those beyond the range moved to its ends."""
        low, high = self.value_range
        return minimum(maximum(x, low), high)


def range_of(owner: str, value: Sequence[float]) -> Range:
    """Read ``value_range``.

    >>> range_of("RandomHue", (0, 1))
    (0.0, 1.0)
    """
    given = tuple(value) if isinstance(value, tuple | list) else ()
    fits = len(given) == 2 and all(map(is_number, given)) and given[0] < given[1]
    demand(fits, owner, "value_range", "(low, high)", value)
    return float(given[0]), float(given[1])


def grey(x: Tensor) -> Tensor:
    """How bright each pixel is: (n, H, W, 3) -> (n, H, W, 1)."""
    weights = np.array(GREY, x.dtype)
    return (x * weights).sum(axis=-1, keepdims=True)


class RandomBrightness(_Colours):
    """Make images brighter or darker while training: y = x + factor (high - low).

    Args:
        factor: f for -f to f, or (low, high), from -1 to 1.
        value_range: between which numbers colours lie, and stay.
        seed: a whole number, for the same changes each time.
        options: name, dtype.

    >>> layer = RandomBrightness((0.5, 0.5), value_range=(0, 1))
    >>> layer(np.full((1, 1, 1, 1), 0.25), training=True).ravel()
    array([0.75], dtype=float32)
    """

    bounds = (-1.0, 1.0)

    def disturb(self, x: Tensor) -> Tensor:
        """Add."""
        low, high = self.value_range
        return self.kept(x + self.drawn(x) * (high - low))


class RandomContrast(_Colours):
    """Bring colours nearer to their mean, or further from it, while training.

    y = mean + c (x - mean), with the mean of each channel of each image.

    Args:
        factor: (a, b) for c from 1 - a to 1 + b, each from 0 to 1; f, as in Keras, is (0, f).
        value_range: between which numbers colours lie, and stay.
        seed: a whole number, for the same changes each time.
        options: name, dtype.

    >>> layer = RandomContrast((0, 0), value_range=(0, 1))
    >>> layer(np.array([[[[0.25], [0.75]]]]), training=True).ravel()
    array([0.25, 0.75], dtype=float32)
    """

    def disturb(self, x: Tensor) -> Tensor:
        """Stretch about the mean."""
        less_, more = self.factor
        c = self.shares(x, 1, 1, 1) * (less_ + more) + (1.0 - less_)
        mean = x.mean(axis=(1, 2), keepdims=True)
        return self.kept((x - mean) * c + mean)


class RandomColorDegeneration(_Colours):
    """Bring colours nearer to grey while training: y = x + factor (grey - x).

    Args:
        factor: f for 0 to f, or (low, high), from 0 to 1.
        value_range: between which numbers colours lie, and stay.
        seed: a whole number, for the same changes each time.
        options: name, dtype.

    >>> layer = RandomColorDegeneration((1.0, 1.0))
    >>> layer(np.array([[[[100.0, 0.0, 0.0]]]]), training=True).ravel().round(2)
    array([29.89, 29.89, 29.89], dtype=float32)
    """

    coloured = True

    def disturb(self, x: Tensor) -> Tensor:
        """Mix with grey."""
        return self.kept(x + self.drawn(x) * (grey(x) - x))


class RandomGrayscale(_Augmentation):
    """Make some images grey while training.

    Args:
        factor: share of the images.
        seed: a whole number, for the same changes each time.
        options: name, dtype.

    >>> RandomGrayscale(1.0)(np.array([[[[100.0, 0.0, 0.0]]]]), training=True).ravel().round(2)
    array([29.89, 29.89, 29.89], dtype=float32)
    """

    def __init__(
        self, factor: float = 0.5, *, seed: int | None = None, **options: Unpack[LayerOptions]
    ) -> None:
        super().__init__(seed, **options)
        self.factor = finite("RandomGrayscale", "factor", factor)
        demand(0 <= self.factor <= 1, "RandomGrayscale", "factor", "from 0 to 1", factor)

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Three colours."""
        super().accept(shape)
        if shape[-1] != 3:
            raise self.misfit("(n, height, width, 3): red, green and blue", shape)

    def disturb(self, x: Tensor) -> Tensor:
        """Choose images, and make them grey."""
        return where(less(self.shares(x, 1, 1, 1), self.factor), grey(x) + x * 0.0, x)


def to_hsv(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Hue (0 to 1), saturation (0 to 1) and value of red, green and blue: each (n, H, W)."""
    r, g, b = (x[..., i] for i in range(3))
    value = x.max(axis=-1)
    width = value - x.min(axis=-1)
    some = where(width > 0.0, width, 1.0)
    red = (g - b) / some
    red = where(red < 0.0, red + 6.0, red)
    hue = where(value == r, red, where(value == g, (b - r) / some + 2.0, (r - g) / some + 4.0))
    hue = where(width > 0.0, hue / 6.0, 0.0)
    return hue, width / where(value > 0.0, value, 1.0), value


def from_hsv(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """Red, green and blue again: (n, H, W, 3)."""
    parts = []
    for n in (5.0, 3.0, 1.0):
        k = hue * 6.0 + n
        k = where(k >= 6.0, k - 6.0, k)
        share = maximum(minimum(minimum(k, 4.0 - k), 1.0), 0.0)
        parts.append(value - value * saturation * share)
    return stack(parts, axis=-1)


class RandomSaturation(_Colours):
    """Make colours stronger or weaker while training.

    Saturation is multiplied by factor / (1 - factor), and stays from 0 to 1: 0.5 changes nothing.

    Args:
        factor: f for 0 to f, or (low, high), from 0 to 1.
        value_range: between which numbers colours lie.
        seed: a whole number, for the same changes each time.
        options: name, dtype.

    >>> layer = RandomSaturation((0.0, 0.0))
    >>> layer(np.array([[[[100.0, 0.0, 0.0]]]]), training=True).ravel()
    array([100., 100., 100.], dtype=float32)
    """

    coloured = True

    def disturb(self, x: Tensor) -> Tensor:
        """Multiply the saturation."""
        factor = self.drawn(x)[..., 0]
        hue, saturation, value = to_hsv(x)
        stronger = saturation * (factor / (1.0 - factor + 1e-7))
        return from_hsv(hue, minimum(stronger, 1.0), value)


class RandomHue(_Colours):
    """Turn colours round the circle while training, either way, by up to half of it.

    Args:
        factor: f for 0 to f, or (low, high), of half the circle, from 0 to 1.
        value_range: between which numbers colours lie.
        seed: a whole number, for the same changes each time.
        options: name, dtype.

    >>> layer = RandomHue((1.0, 1.0), value_range=(0, 1))
    >>> layer(np.array([[[[1.0, 0.0, 0.0]]]]), training=True).ravel()
    array([0., 1., 1.], dtype=float32)
    """

    coloured = True

    def disturb(self, x: Tensor) -> Tensor:
        """Add to the hue."""
        low, high = self.value_range
        way = where(less(self.shares(x, 1, 1), 0.5), 0.5, -0.5)
        hue, saturation, value = to_hsv((x - low) * (1 / (high - low)))
        turned = hue + self.drawn(x)[..., 0] * way
        turned = where(turned > 1.0, turned - 1.0, turned)
        turned = where(turned < 0.0, turned + 1.0, turned)
        y = minimum(maximum(from_hsv(turned, saturation, value), 0.0), 1.0)
        return y * (high - low) + low


class RandomInvert(_Colours):
    """Turn some images into their negatives while training: y = low + high - x.

    Args:
        factor: share of the images: f for 0 to f, or (low, high), from 0 to 1.
        value_range: between which numbers colours lie.
        seed: a whole number, for the same changes each time.
        options: name, dtype.

    >>> RandomInvert((1.0, 1.0))(np.full((1, 1, 1, 1), 55.0), training=True).ravel()
    array([200.], dtype=float32)
    """

    def __init__(
        self,
        factor: Factor = 1.0,
        value_range: Sequence[float] = BYTES,
        seed: int | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(factor, value_range, seed=seed, **options)

    def disturb(self, x: Tensor) -> Tensor:
        """Choose images, and invert them."""
        low, high = self.value_range
        chosen = less(self.shares(x, 1, 1, 1), self.drawn(x))
        return where(chosen, (low + high) - x, x)


class RandomPosterization(_Colours):
    """Leave only some bits of each colour while training; the gradient passes as it comes.

    Args:
        factor: how many bits of eight are left, 1 to 8: (low, high) for as many as low and fewer
            than high, or just as many if both are the same; f, as in Keras, is (1, f).
        value_range: between which numbers colours lie.
        seed: a whole number, for the same changes each time.
        options: name, dtype.

    >>> RandomPosterization(1)(np.array([[[[100.0], [200.0]]]]), training=True).ravel()
    array([  0., 128.], dtype=float32)
    """

    bounds = (1.0, 8.0)

    def disturb(self, x: Tensor) -> Tensor:
        """Cut bits off."""
        from axon.ops.rounding import floor

        low, high = self.value_range
        scale = 255 / (high - low)
        step = power(2.0, 8.0 - floor(self.drawn(x)))
        coarse = floor(floor((x - low) * scale) / step) * step
        return coarse * (1 / scale) + low + (x - x.detach())  # the slope is that of x


class Solarization(_Augmentation):
    """Invert what is brighter than a threshold while training.

    y = x + addition, kept from 0 to 255; what is not below the threshold becomes 255 - y.

    Args:
        addition_factor: of 255: f for 0 to f, or (low, high), from 0 to 1.
        threshold_factor: of 255, likewise.
        value_range: between which numbers colours lie.
        seed: a whole number, for the same changes each time.
        options: name, dtype.

    >>> layer = Solarization(threshold_factor=(0.0, 0.0))
    >>> layer(np.full((1, 1, 1, 1), 55.0), training=True).ravel()
    array([200.], dtype=float32)
    """

    def __init__(
        self,
        addition_factor: Factor = 0.0,
        threshold_factor: Factor = 0.0,
        value_range: Sequence[float] = BYTES,
        seed: int | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(seed, **options)
        owner = type(self).__name__
        self.addition_factor = limits(owner, "addition_factor", addition_factor, 0, 1)
        self.threshold_factor = limits(owner, "threshold_factor", threshold_factor, 0, 1)
        self.value_range = range_of(owner, value_range)

    def disturb(self, x: Tensor) -> Tensor:
        """Add, and invert what is bright."""
        low, high = self.value_range
        scale = 255 / (high - low)
        shares = self.shares(x, 2, 1, 1, 1)
        ends = self.addition_factor, self.threshold_factor
        added, threshold = (
            shares[:, i] * ((b - a) * 255) + a * 255 for i, (a, b) in enumerate(ends)
        )
        y = minimum(maximum((x - low) * scale + added, 0.0), 255.0)
        return where(y < threshold, y, 255.0 - y) * (1 / scale) + low


class RandomSharpness(_Colours):
    """Sharpen images, or blur them, while training: 0 is blurred, 0.5 as it was, 1 sharp.

    y = x + (1 - 2 factor) (smooth - x), where smooth is a mean of 3 x 3 pixels, the middle one
    counting five times.

    Args:
        factor: f for 0 to f, or (low, high), from 0 to 1.
        value_range: between which numbers colours lie, and stay.
        seed: a whole number, for the same changes each time.
        options: name, dtype.

    >>> RandomSharpness((0.5, 0.5))(np.full((1, 2, 2, 1), 9.0), training=True).ravel()
    array([9., 9., 9., 9.], dtype=float32)
    """

    def disturb(self, x: Tensor) -> Tensor:
        """Mix with what is smooth, or take away from it."""
        C = x.shape[-1]
        kernel = np.full((3, 3, 1, C), 1 / 13, x.dtype)
        kernel[1, 1] = 5 / 13
        smooth = conv2d(x, Tensor(kernel), groups=C, padding=((1, 1), (1, 1)))
        return self.kept(x + (1.0 - self.drawn(x) * 2.0) * (smooth - x))


class AutoContrast(Windowed):
    """Stretch the colours of each channel of each image over all the range.

    Args:
        value_range: between which numbers colours lie.
        options: name, dtype.

    >>> AutoContrast()(np.array([[[[10.0], [20.0]]]])).ravel()
    array([  0., 255.], dtype=float32)
    """

    on_mask = masks.REFUSED
    axes = 2

    def __init__(
        self, value_range: Sequence[float] = BYTES, **options: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**options)
        self.value_range = range_of("AutoContrast", value_range)

    def call(self, x: Tensor) -> Tensor:
        """Stretch; an image of one colour stays as it is."""
        low, high = self.value_range
        least = x.min(axis=(1, 2), keepdims=True)
        width = x.max(axis=(1, 2), keepdims=True) - least
        some = width > 0.0
        stretched = (x - least) * ((high - low) / where(some, width, 1.0)) + low
        return where(some, stretched, x)


class RandomColorJitter(Windowed):
    """Change brightness, contrast, saturation and hue, one after another, while training.

    Args:
        value_range: between which numbers colours lie.
        brightness_factor: of RandomBrightness; None leaves it out.
        contrast_factor: of RandomContrast; None leaves it out.
        saturation_factor: of RandomSaturation; None leaves it out.
        hue_factor: of RandomHue; None leaves it out.
        seed: a whole number, for the same changes each time.
        options: name, dtype.

    >>> layer = RandomColorJitter((0, 1), brightness_factor=(0.5, 0.5))
    >>> layer(np.full((1, 1, 1, 3), 0.25), training=True).ravel()
    array([0.75, 0.75, 0.75], dtype=float32)
    """

    on_mask = masks.REFUSED
    axes = 2

    def __init__(
        self,
        value_range: Sequence[float] = BYTES,
        brightness_factor: Factor | None = None,
        contrast_factor: Factor | None = None,
        saturation_factor: Factor | None = None,
        hue_factor: Factor | None = None,
        seed: int | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        self.value_range = range_of("RandomColorJitter", value_range)
        self.brightness_factor, self.contrast_factor = brightness_factor, contrast_factor
        self.saturation_factor, self.hue_factor = saturation_factor, hue_factor
        self.seed = seed
        made: list[tuple[type[_Colours], Factor | None]] = [
            (RandomBrightness, brightness_factor),
            (RandomContrast, contrast_factor),
            (RandomSaturation, saturation_factor),
            (RandomHue, hue_factor),
        ]
        seeds = [None if seed is None else seed + i for i in range(len(made))]
        self.parts = [
            change(factor, self.value_range, seed=own, dtype=self.dtype)
            for (change, factor), own in zip(made, seeds, strict=True)
            if factor is not None
        ]

    def call(self, x: Tensor) -> Tensor:
        """Change them."""
        for part in self.parts:
            x = part(x)
        return x[...] if not self.parts else x
