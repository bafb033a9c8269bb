"""Images made larger or smaller, along one axis after another."""

from functools import lru_cache
from math import ceil
from typing import Literal, NamedTuple

import numpy as np

from axon import ops
from axon.backend import Array, Shape
from axon.core import Tensor
from axon.onnx.ir import inverse
from axon.onnx.run.operators.budget import allowed, spend
from axon.onnx.run.operators.operand import (
    Attributes,
    Laid,
    Operands,
    axis_from_front,
    channels_last,
)
from axon.onnx.run.operators.table import operator

Floats = Array | list[float] | None
Nearest = Literal["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]
Ratio = Literal["stretch", "not_larger", "not_smaller"]


CROP = "tf_crop_and_resize"


class ResizedAxis(NamedTuple):
    """One axis that changes: from how many pixels to how many, and how the new ones are found."""

    old: int
    new: int
    scale: float
    mode: str
    transformation: str
    nearest_mode: str
    cubic_coeff_a: float
    exclude_outside: int
    antialias: int = 0
    part: tuple[float, float] = (0.0, 1.0)  # of the old pixels that is shown

    def places(self) -> Array:
        """Where each new pixel lies among the old ones."""
        way, old, new = self.transformation, self.old, self.new
        i = np.arange(new, dtype=np.float64)
        if way == "asymmetric":
            return i / self.scale
        if way == "align_corners":
            return i * (old - 1) / (new - 1) if new > 1 else i * 0.0
        if way == "pytorch_half_pixel" and new <= 1:
            return i * 0.0
        if way == CROP:
            start, end = self.part
            if new == 1:
                return i + (start + end) / 2 * (old - 1)
            return start * (old - 1) + i * (end - start) * (old - 1) / (new - 1)
        if way == "tf_half_pixel_for_nn":
            return (i + 0.5) / self.scale
        if way == "half_pixel_symmetric":
            return old / 2 * (1 - new / (old * self.scale)) + (i + 0.5) / self.scale - 0.5
        if way not in ("half_pixel", "pytorch_half_pixel"):
            raise ValueError(f"coordinate_transformation_mode={way!r} is not supported.")
        return (i + 0.5) / self.scale - 0.5


def _by_names(given: Operands, attributes: Attributes) -> Laid:
    """Channels last; the axes that change are found by what they were called before."""
    x = given[0]
    assert x is not None
    inputs, attributes, order = channels_last(given, attributes)
    axes = range(x.ndim) if attributes["axes"] is None else attributes["axes"]
    axes = [axis_from_front(i, x.ndim) for i in axes]
    lying = axes if order is None else [order[i] for i in axes]
    return Laid(inputs, {**attributes, "axes": lying}, order)


@operator("Resize", layout=_by_names)
def resize(
    x: Tensor,
    roi: Array | None = None,
    /,
    scales: Floats = None,
    sizes: list[int] | None = None,
    *,
    antialias: int = 0,
    axes: list[int] | None = None,
    coordinate_transformation_mode: str = "half_pixel",
    cubic_coeff_a: float = -0.75,
    exclude_outside: int = 0,
    extrapolation_value: float = 0.0,
    keep_aspect_ratio_policy: Ratio = "stretch",
    mode: str = "nearest",
    nearest_mode: Nearest = "round_prefer_floor",
) -> Tensor:
    """Other numbers of pixels: the nearest ones, or what lies between them.

    Only with tf_crop_and_resize, ``roi`` has the ends of the part that is shown, all starts before
    all ends, and ``extrapolation_value`` is what lies beyond the images.
    """
    places = axes or []
    old = [x.shape[i] for i in places]
    new, factors = _wanted(old, scales, sizes, keep_aspect_ratio_policy)
    shape = list(x.shape)
    for place, size in zip(places, new, strict=True):
        shape[place] = size
    allowed(shape)
    parts = _parts(roi, len(places)) if coordinate_transformation_mode == CROP else []
    how = mode, coordinate_transformation_mode, nearest_mode, cubic_coeff_a, exclude_outside
    for i, (place, n, size, scale) in enumerate(zip(places, old, new, factors, strict=True)):
        part = parts[i] if parts else (0.0, 1.0)
        axis = ResizedAxis(n, size, scale, *how, antialias, part)
        if axis.new != axis.old or axis.scale != 1.0 or part != (0.0, 1.0):
            x = _along(x, place, axis)
            x = _beyond(x, place, axis, extrapolation_value) if parts else x
    return x


def _parts(roi: Array | None, axes: int) -> list[tuple[float, float]]:
    """Start and end of the part that is shown, for each axis."""
    if roi is None or roi.size != 2 * axes:
        raise ValueError(f"tf_crop_and_resize needs a roi of {2 * axes} numbers.")
    return [(float(roi[i]), float(roi[axes + i])) for i in range(axes)]


def _beyond(x: Tensor, place: int, axis: ResizedAxis, value: float) -> Tensor:
    """What lies beyond the images is of one value."""
    at = axis.places()
    inside = (at >= 0) & (at <= axis.old - 1)
    if inside.all():
        return x
    return ops.where(inside.reshape(*(-1 if i == place else 1 for i in range(x.ndim))), x, value)


def _wanted(
    old: list[int], scales: Floats, sizes: list[int] | None, policy: str
) -> tuple[list[int], list[float]]:
    """The new sizes and the scales."""
    if not sizes:
        factors = [float(f) for f in np.ravel(np.asarray(scales))]
        if not all(0 < f < 2**16 for f in factors):
            raise ValueError(f"scales={factors} are out of range.")
        return [int(n * f) for n, f in zip(old, factors, strict=True)], factors
    factors = [n / max(m, 1) for m, n in zip(old, sizes, strict=True)]
    if policy == "stretch":
        return sizes, factors
    factor = (min if policy == "not_larger" else max)(factors)
    return [int(np.floor(n * factor + 0.5)) for n in old], [factor] * len(old)


def _along(x: Tensor, place: int, axis: ResizedAxis) -> Tensor:
    if axis.mode == "nearest":
        return ops.take(x, nearest(axis), place)
    matrix = shares(axis).astype(x.dtype)
    spend("work", x.size * axis.new)
    order: Shape = (*(i for i in range(x.ndim) if i != place), place)
    return ops.matmul(x.transpose(order), matrix.T).transpose(inverse(order))


@lru_cache(maxsize=64)
def nearest(axis: ResizedAxis) -> Array:
    """The old pixel that each new one shows."""
    places = axis.places()
    chosen = {
        "round_prefer_floor": np.ceil(places - 0.5),
        "round_prefer_ceil": np.floor(places + 0.5),
        "floor": np.floor(places),
        "ceil": np.ceil(places),
    }[axis.nearest_mode]
    return np.clip(chosen, 0, axis.old - 1).astype(np.int64)


@lru_cache(maxsize=16)
def shares(axis: ResizedAxis) -> Array:
    """The matrix (new, old) of the shares that the old pixels have in the new ones."""
    if axis.mode not in ("linear", "cubic"):
        raise ValueError(f"mode={axis.mode!r} is not supported.")
    spend("results", axis.new * axis.old)
    matrix = np.zeros(allowed((axis.new, axis.old)))
    places, rows, linear = axis.places(), np.arange(axis.new), axis.mode == "linear"
    left = np.floor(places).astype(int)
    narrow = min(axis.scale, 1.0) if axis.antialias else 1.0  # smaller images: wider windows
    reach = ceil((1 if linear else 2) / narrow)
    spend("work", 2 * reach * axis.new)
    for step in range(1 - reach, reach + 1):
        distance = np.abs(places - (left + step)) * narrow
        share = np.maximum(1 - distance, 0) if linear else _cubic(distance, axis.cubic_coeff_a)
        if axis.exclude_outside:
            share = np.where((left + step < 0) | (left + step >= axis.old), 0.0, share)
        np.add.at(matrix, (rows, np.clip(left + step, 0, axis.old - 1)), share)
    uneven = axis.exclude_outside or axis.antialias
    return matrix / matrix.sum(1, keepdims=True) if uneven else matrix


def _cubic(d: Array, a: float) -> Array:
    near = (a + 2) * d**3 - (a + 3) * d**2 + 1
    far = a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
    made: Array = np.where(d <= 1, near, np.where(d < 2, far, 0.0))
    return made
