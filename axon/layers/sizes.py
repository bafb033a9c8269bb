"""Layers that bring images to a size: by drawing lines between pixels, or by cutting."""

from functools import lru_cache
from typing import Unpack

import numpy as np

from axon.backend import Array, DType, Shape
from axon.checks import boolean, finite, integer, one_of
from axon.core import Tensor
from axon.layers import masks
from axon.layers.options import LayerOptions
from axon.layers.windows import Windowed
from axon.ops.index import take_
from axon.ops.pad import pad

INTERPOLATIONS = ("bilinear", "nearest", "bicubic")
Weighed = list[tuple[Array, Array]]  # places, and their shares
BEND = -0.75  # of the cubic, as PyTorch has it


@lru_cache(maxsize=64)
def resampling(n: int, m: int, how: str, dtype: DType) -> Weighed:
    """Which of n numbers each of m looks at, and what share of it: centers lie at i + 1/2.

    >>> [(places.tolist(), shares.tolist()) for places, shares in resampling(2, 3, "nearest", "f4")]
    [([0, 1, 1], [1.0, 1.0, 1.0])]
    """
    centers = (np.arange(m) + 0.5) * (n / m) - 0.5
    first = np.floor(centers + 0.5 if how == "nearest" else centers).astype(np.int64)
    t = centers - first
    taps = {
        "nearest": [(0, np.ones(m))],
        "bilinear": [(0, 1 - t), (1, t)],
        "bicubic": [(k, _cubic(np.abs(t - k))) for k in (-1, 0, 1, 2)],
    }[how]
    return [(np.clip(first + k, 0, n - 1), share.astype(dtype)) for k, share in taps]


def _cubic(d: Array) -> Array:
    """The weight of a pixel at this distance (Keys, 1981)."""
    a = BEND
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    found: Array = np.where(d <= 1, near, np.where(d < 2, far, 0))
    return found


def resized(x: Tensor, size: tuple[int, int], how: str) -> Tensor:
    """Images (N, H, W, C) of another size: a few pixels are weighed, so no other is looked at."""
    for axis, m in ((2, size[1]), (1, size[0])):
        if m != x.shape[axis]:
            x = _along(x, axis, resampling(x.shape[axis], m, how, x.dtype))
    return x


def _along(x: Tensor, axis: int, taps: Weighed) -> Tensor:
    """Numbers along an axis, each a sum of others with their shares."""
    order = (axis, *(i for i in range(x.ndim) if i != axis))
    front = x.transpose(*order)
    rows = front.reshape(front.shape[0], x.size // max(front.shape[0], 1))
    total: Tensor | None = None
    for places, shares in taps:
        seen = take_(rows, places)
        seen = seen if len(taps) == 1 else seen * Tensor(shares.reshape(-1, 1))
        total = seen if total is None else total + seen
    assert total is not None
    made = total.reshape(len(total), *front.shape[1:])
    return made.transpose(*(order.index(i) for i in range(x.ndim)))


class Resizing(Windowed):
    """Bring images to one size.

    Args:
        height: of the result.
        width: of the result.
        interpolation: "bilinear", "nearest" or "bicubic"; centers of pixels lie at i + 1/2.
        crop_to_aspect_ratio: cut off what does not fit, instead of stretching.
        pad_to_aspect_ratio: put ``fill_value`` around, instead of stretching.
        fill_mode: "constant".
        fill_value: what is put around.
        options: name, dtype.

    Shapes: (n, H, W, channels) -> (n, height, width, channels). Images that become much smaller are
    not blurred before, as in Keras.

    >>> Resizing(1, 4)(np.array([[[[0.0], [4.0]]]])).ravel()
    array([0., 1., 3., 4.], dtype=float32)
    """

    on_mask = masks.REFUSED
    axes = 2

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        self.height = integer("Resizing", "height", height)
        self.width = integer("Resizing", "width", width)
        one_of("Resizing", "interpolation", interpolation, INTERPOLATIONS)
        one_of("Resizing", "fill_mode", fill_mode, ("constant",))
        self.interpolation, self.fill_mode = interpolation, fill_mode
        self.crop_to_aspect_ratio = boolean(
            "Resizing", "crop_to_aspect_ratio", crop_to_aspect_ratio
        )
        self.pad_to_aspect_ratio = boolean("Resizing", "pad_to_aspect_ratio", pad_to_aspect_ratio)
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            raise ValueError("Resizing: choose crop_to_aspect_ratio or pad_to_aspect_ratio.")
        self.fill_value = finite("Resizing", "fill_value", fill_value)

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Images must have pixels."""
        super().accept(shape)
        if 0 in shape[1:3]:
            raise self.misfit("images with pixels", shape)

    def call(self, x: Tensor) -> Tensor:
        """Cut or put around, if asked for, and resize."""
        H, W = x.shape[1:3]
        if self.crop_to_aspect_ratio:
            h = min(H, max(int(W * self.height / self.width), 1))
            w = min(W, max(int(H * self.width / self.height), 1))
            top, left = (H - h) // 2, (W - w) // 2
            x = x[:, top : top + h, left : left + w]
        if self.pad_to_aspect_ratio:
            h = max(H, int(W * self.height / self.width))
            w = max(W, int(H * self.width / self.height))
            ends = (h - H) // 2, (w - W) // 2  # the same on both sides, as in Keras
            sides = ((0, 0), (ends[0], ends[0]), (ends[1], ends[1]), (0, 0))
            x = pad(x, sides, constant_values=self.fill_value)
        return resized(x, (self.height, self.width), self.interpolation)


class CenterCrop(Windowed):
    """Cut the middle out of images; smaller ones are made larger first, and keep their ratio.

    Args:
        height: of the result.
        width: of the result.
        options: name, dtype.

    Shapes: (n, H, W, channels) -> (n, height, width, channels).

    >>> CenterCrop(1, 2)(np.arange(4.0).reshape(1, 1, 4, 1)).ravel()
    array([1., 2.], dtype=float32)
    """

    on_mask = masks.REFUSED
    axes = 2

    def __init__(self, height: int, width: int, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.height = integer("CenterCrop", "height", height)
        self.width = integer("CenterCrop", "width", width)

    def call(self, x: Tensor) -> Tensor:
        """Cut."""
        H, W = x.shape[1:3]
        if self.height > H or self.width > W:
            cut = Resizing(self.height, self.width, crop_to_aspect_ratio=True, dtype=self.dtype)
            return cut.call(x)
        top, left = (H - self.height) // 2, (W - self.width) // 2
        return x[:, top : top + self.height, left : left + self.width]
