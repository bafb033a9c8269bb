"""Layers that shear, bend and blur images at random while training, each image in its own way."""

from collections.abc import Sequence
from typing import Unpack

import numpy as np

from axon.checks import demand, finite, integer, is_integer, one_of
from axon.core import Tensor
from axon.layers.augmentation import SMOOTH, Factor, Range, _Augmentation
from axon.layers.colors import BYTES, limits, range_of
from axon.layers.options import LayerOptions
from axon.names import resolve
from axon.ops.compare import where
from axon.ops.elementwise import exp, maximum, minimum, square
from axon.ops.matmul import matmul
from axon.ops.places import FILL_MODES, seen_at
from axon.ops.random import normal

LEAST_WIDTH = 1e-6  # of a bell: narrower ones are single pixels
Corners = tuple[Tensor, Tensor]  # x and y


def grid(x: Tensor) -> tuple[Tensor, Tensor]:
    """The places of the pixels of images (N, H, W, C): down (1, H, 1) and right (1, 1, W)."""
    H, W = x.shape[1:3]
    down, right = np.arange(H, dtype=x.dtype), np.arange(W, dtype=x.dtype)
    return Tensor(down.reshape(1, H, 1)), Tensor(right.reshape(1, 1, W))


class _Bend(_Augmentation):
    """What the layers share that look up pixels at computed places.

    Args:
        interpolation: "bilinear" draws straight lines between pixels, "nearest" takes the nearest.
        fill_mode: what appears at the edge: "reflect", the "nearest" pixel, "wrap" or "constant".
        fill_value: the constant.
        seed: a whole number, for the same changes each time.
        options: name, dtype.
    """

    def __init__(
        self,
        interpolation: str,
        fill_mode: str,
        fill_value: float,
        seed: int | None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(seed, **options)
        owner = type(self).__name__
        self.interpolation = interpolation
        self._smooth = resolve(f"{owner}: interpolation", interpolation, SMOOTH)
        one_of(owner, "fill_mode", fill_mode, FILL_MODES)
        self.fill_mode = fill_mode
        self.fill_value = finite(owner, "fill_value", fill_value)

    def seen(self, x: Tensor, down: Tensor, right: Tensor) -> Tensor:
        """What lies at these places."""
        beyond = {"fill_mode": self.fill_mode, "fill_value": self.fill_value}
        return seen_at(x, down, right, smooth=self._smooth, **beyond)  # type: ignore[arg-type]


class RandomShear(_Bend):
    """Shear images at random while training: each row is moved further than the one above it.

    A pixel (x, y) looks at (x + a y, y + b x).

    Args:
        x_factor: a, as (low, high) from 0 to 1, of either sign by chance; f is (-f, f).
        y_factor: b, likewise; both have the same sign.
        interpolation: "bilinear" draws straight lines between pixels, "nearest" takes the nearest.
        fill_mode: what appears at the edge: "reflect", the "nearest" pixel, "wrap" or "constant".
        fill_value: the constant.
        seed: a whole number, for the same changes each time.
        options: name, dtype.

    >>> layer = RandomShear((1.0, 1.0), fill_mode="wrap")
    >>> layer(np.array([[[[1.0], [2.0]], [[3.0], [4.0]]]]), training=True)[0, :, :, 0]
    array([[1., 2.],
           [4., 3.]], dtype=float32)
    """

    def __init__(
        self,
        x_factor: Factor = 0.0,
        y_factor: Factor = 0.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        *,
        seed: int | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(interpolation, fill_mode, fill_value, seed, **options)
        self.x_factor, self.y_factor = x_factor, y_factor
        self._ends = [self._range("x_factor", x_factor), self._range("y_factor", y_factor)]

    def _range(self, name: str, value: Factor) -> Range:
        low, high = limits("RandomShear", name, value, 0, 1)
        return (low, high) if isinstance(value, tuple | list) else (-high, high)

    def disturb(self, x: Tensor) -> Tensor:
        """Draw how far, and look up."""
        shares = self.shares(x, 3, 1, 1)
        way = where(shares[:, 2] > 0.5, -1.0, 1.0)
        ends = enumerate(self._ends)
        a, b = ((shares[:, i] * (high - low) + low) * way for i, (low, high) in ends)
        down, right = grid(x)
        return self.seen(x, down + b * right, right + a * down)


class RandomPerspective(_Bend):
    """Look at images from other places while training: their corners are moved.

    Args:
        factor: how probable a change is: f for a probability from 0 to f, or (low, high).
        scale: how far corners move, of their distance from the first one, from 0 to 1.
        interpolation: "bilinear" draws straight lines between pixels, "nearest" takes the nearest.
        fill_value: what appears beyond the edge.
        seed: a whole number, for the same changes each time.
        options: name, dtype.

    >>> layer = RandomPerspective((1.0, 1.0), scale=0.0)
    >>> layer(np.array([[[[1.0], [2.0]], [[3.0], [4.0]]]]), training=True)[0, :, :, 0]
    array([[1., 2.],
           [3., 4.]], dtype=float32)
    """

    def __init__(
        self,
        factor: Factor = 1.0,
        scale: float = 1.0,
        interpolation: str = "bilinear",
        fill_value: float = 0.0,
        seed: int | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(interpolation, "constant", fill_value, seed, **options)
        self.factor = limits("RandomPerspective", "factor", factor, 0, 1)
        self.scale = finite("RandomPerspective", "scale", scale, least=0)
        demand(self.scale <= 1, "RandomPerspective", "scale", "from 0 to 1", scale)

    def disturb(self, x: Tensor) -> Tensor:
        """Move the corners of some images, and look up."""
        H, W = x.shape[1:3]
        if min(H, W) < 2:
            return x[...]  # a line has no corners
        moves = (self.shares(x, 2, 4, 1, 1) - 0.5) * self.scale + 1.0
        corners = [
            (moves[:, 0, i] * float(right * (W - 1)), moves[:, 1, i] * float(down * (H - 1)))
            for i, (right, down) in enumerate(((0, 0), (1, 0), (0, 1), (1, 1)))
        ]
        down, right = grid(x)
        u, v = from_corners(corners, right, down)
        return where(self.some_of(x, self.factor), self.seen(x, v * (H - 1.0), u * (W - 1.0)), x)


def from_corners(corners: Sequence[Corners], x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Where points lie in a square whose corners are seen there, from 0 to 1 (Heckbert, 1989).

    Args:
        corners: left above, right above, left below, right below; x and y of each.
        x: of points.
        y: of points.
    """
    (x0, y0), (x1, y1), (x3, y3), (x2, y2) = corners
    dx1, dx2, sx = x1 - x2, x3 - x2, x0 - x1 + x2 - x3
    dy1, dy2, sy = y1 - y2, y3 - y2, y0 - y1 + y2 - y3
    area = dx1 * dy2 - dx2 * dy1
    g, h = (sx * dy2 - dx2 * sy) / area, (dx1 * sy - sx * dy1) / area
    a, b, d, e = x1 - x0 + g * x1, x3 - x0 + h * x3, y1 - y0 + g * y1, y3 - y0 + h * y3
    depth = (d * h - e * g) * x + (b * g - a * h) * y + (a * e - b * d)
    u = (e - y0 * h) * x + (x0 * h - b) * y + (b * y0 - x0 * e)
    v = (y0 * g - d) * x + (a - x0 * g) * y + (x0 * d - a * y0)
    return u / depth, v / depth


class RandomElasticTransform(_Bend):
    """Bend images while training, as if they were drawn on rubber (Simard et al., 2003).

    Each pixel looks at a place nearby: normal numbers, blurred by a bell of width s, times a;
    with a = 0.1 f max(height, width) and s = 0.05 f min(height, width).

    Args:
        factor: how probable a change is: f for a probability from 0 to f, or (low, high).
        scale: f: s for 0 to s, or (low, high), from 0 to 1.
        interpolation: "bilinear" draws straight lines between pixels, "nearest" takes the nearest.
        fill_mode: what appears at the edge: "reflect", the "nearest" pixel, "wrap" or "constant".
        fill_value: the constant.
        value_range: between which numbers colours lie, and stay.
        seed: a whole number, for the same changes each time.
        options: name, dtype.

    >>> layer = RandomElasticTransform(seed=1)
    >>> layer(np.full((1, 9, 9, 1), 7.0), training=True).ravel()[:2].round(3)
    array([7., 7.], dtype=float32)
    """

    def __init__(
        self,
        factor: Factor = 1.0,
        scale: Factor = 1.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        value_range: Sequence[float] = BYTES,
        seed: int | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(interpolation, fill_mode, fill_value, seed, **options)
        owner = "RandomElasticTransform"
        self.factor = limits(owner, "factor", factor, 0, 1)
        self.scale = limits(owner, "scale", scale, 0, 1)
        self.value_range = range_of(owner, value_range)

    def disturb(self, x: Tensor) -> Tensor:
        """Draw how far each pixel moves, and look up."""
        N, H, W, _ = x.shape
        low, high = self.scale
        f = self.shares(x, 1, 1) * (high - low) + low
        width, size = f * (0.05 * min(H, W)), int(0.3 * high * min(H, W)) | 1
        moves = normal(self.key(), shape=(2, N, H, W), dtype=x.dtype)
        far = width * f * (0.1 * max(H, W))
        down, right = (smoothed(moves[i], (width, width), (size, size)) * far for i in (0, 1))
        rows, columns = grid(x)
        found = where(self.some_of(x, self.factor), self.seen(x, rows + down, columns + right), x)
        return minimum(maximum(found, self.value_range[0]), self.value_range[1])


def smoothed(x: Tensor, widths: tuple[Tensor, Tensor], sizes: tuple[int, int]) -> Tensor:
    """Planes (N, H, W) blurred by bells along both axes, with zeros around.

    Args:
        x: the planes.
        widths: the deviation of the bells along height and width, (N, 1, 1) each.
        sizes: at how many pixels they end, odd numbers.
    """
    H, W = x.shape[1:]
    rows, columns = (
        _bells(n, width, size, x) for n, width, size in zip((H, W), widths, sizes, strict=True)
    )
    blurred: Tensor = matmul(matmul(rows, x), columns)  # bells are symmetric
    return blurred


def _bells(n: int, width: Tensor, size: int, x: Tensor) -> Tensor:
    """Matrices (N, n, n) that blur n numbers."""
    width = width + LEAST_WIDTH
    kernel = np.square(np.arange(size, dtype=x.dtype) - size // 2).reshape(1, 1, size)
    total = exp(Tensor(kernel) / square(width) * -0.5).sum(axis=-1, keepdims=True)
    apart = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    near, distance = (apart <= size // 2).astype(x.dtype), np.square(apart.astype(x.dtype))
    return exp(Tensor(distance[None]) / square(width) * -0.5) * Tensor(near[None]) / total


class RandomGaussianBlur(_Augmentation):
    """Blur images at random while training: each pixel becomes a mean of those around it.

    Args:
        factor: how probable a change is: f for a probability from 0 to f, or (low, high).
        kernel_size: how many pixels a mean is of, an odd number, or (height, width).
        sigma: the deviation of the bell by which they are weighed: s for 0 to s, or (low, high);
            drawn along height and width for itself.
        value_range: between which numbers colours lie, and stay.
        seed: a whole number, for the same changes each time.
        options: name, dtype.

    >>> layer = RandomGaussianBlur((1.0, 1.0), 3, (0.0, 0.0))
    >>> layer(np.array([[[[1.0], [2.0]]]]), training=True).ravel()
    array([1., 2.], dtype=float32)
    """

    def __init__(
        self,
        factor: Factor = 1.0,
        kernel_size: int | Sequence[int] = 3,
        sigma: Factor = 1.0,
        value_range: Sequence[float] = BYTES,
        *,
        seed: int | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(seed, **options)
        owner = "RandomGaussianBlur"
        self.factor = limits(owner, "factor", factor, 0, 1)
        given = (kernel_size,) * 2 if is_integer(kernel_size) else tuple(kernel_size)  # type: ignore[arg-type]
        sizes = [integer(owner, "kernel_size", size) for size in given]
        fits = len(sizes) == 2 and all(size % 2 for size in sizes)
        demand(fits, owner, "kernel_size", "an odd number, or two", kernel_size)
        self.kernel_size = (sizes[0], sizes[1])
        self.sigma = limits(owner, "sigma", sigma, 0, 1000)
        self.value_range = range_of(owner, value_range)

    def disturb(self, x: Tensor) -> Tensor:
        """Blur some images."""
        N, H, W, C = x.shape
        low, high = self.sigma
        shares = self.shares(x, 2, 1, 1) * (high - low) + low
        widths = shares[:, 0].reshape(N, 1, 1), shares[:, 1].reshape(N, 1, 1)
        rows, columns = (
            _bells(n, width, size, x)
            for n, width, size in zip((H, W), widths, self.kernel_size, strict=True)
        )
        down = matmul(rows, x.reshape(N, H, W * C)).reshape(N, H, W, C)
        blurred = matmul(columns.reshape(N, 1, W, W), down)
        found = where(self.some_of(x, self.factor), blurred, x)
        return minimum(maximum(found, self.value_range[0]), self.value_range[1])
