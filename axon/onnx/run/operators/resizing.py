"""Images made larger or smaller, along one axis after another."""

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from axon import ops
from axon.backend import Array
from axon.core import Tensor
from axon.onnx.run.operators.reshaping import taken_along
from axon.onnx.run.operators.table import operator
from axon.onnx.run.operators.values import (
    Values,
    as_ints,
    channels_last,
    inverse,
    room,
    same_tensor,
    spend,
    whole_axis,
)

A = dict[str, Any]


def _arranged(given: Values, a: A) -> Any:
    inputs, a, order = channels_last(given, a)
    return inputs[:1], {**a, "lying": None if order is None else inverse(order)}, order


STATIC = {1: "roi", 2: "scales", 3: "sizes"}


@operator("Resize", arrange=_arranged, static=STATIC)
def resize(a: A, x: Any) -> Any:
    """Other numbers of pixels: the nearest ones, or what lies between them."""
    x = same_tensor(x)
    lying = a["lying"] or tuple(range(x.ndim))  # axis i of x is axis lying[i] as it is read
    read = tuple(x.shape[i] for i in inverse(lying))
    for axis, scale, size in _wanted(a, read):
        if size != read[axis] or scale != 1.0:
            x = _along(x, inverse(lying)[axis], _setting(a, read[axis], scale, size))
    return x


def _wanted(a: A, shape: tuple[int, ...]) -> list[tuple[int, float, int]]:
    """For each axis that changes: its scale and its new size."""
    axes = as_ints(a["axes"]) if a.get("axes") is not None else list(range(len(shape)))
    axes = [whole_axis(i, len(shape)) for i in axes]
    sizes, scales = a.get("sizes"), a.get("scales")
    if sizes is not None and np.size(sizes):
        new = as_ints(sizes)
        factors = [n / max(shape[i], 1) for i, n in zip(axes, new, strict=True)]
        new, factors = _kept_ratio(a, axes, shape, new, factors)
    else:
        factors = [float(f) for f in np.ravel(np.asarray(scales))]
        if not all(0 < f < 2**16 for f in factors):
            raise ValueError(f"scales={factors} are out of range.")
        new = [int(shape[i] * f) for i, f in zip(axes, factors, strict=True)]
    full = list(shape)
    for axis, n in zip(axes, new, strict=True):
        full[axis] = n
    room(full)
    return list(zip(axes, factors, new, strict=True))


def _kept_ratio(a: A, axes: Any, shape: Any, new: Any, factors: Any) -> tuple[list[int], Any]:
    policy = a.get("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch":
        return new, factors
    factor = (min if policy == "not_larger" else max)(factors)
    return [int(np.floor(shape[i] * factor + 0.5)) for i in axes], [factor] * len(axes)


Setting = tuple[str, str, str, float, bool, int, float, int]


def _setting(a: A, old: int, scale: float, new: int) -> Setting:
    return (
        a.get("mode", "nearest"),
        a.get("coordinate_transformation_mode", "half_pixel"),
        a.get("nearest_mode", "round_prefer_floor"),
        float(a.get("cubic_coeff_a", -0.75)),
        bool(a.get("exclude_outside", 0)),
        old,
        scale,
        new,
    )


def _along(x: Tensor, axis: int, setting: Setting) -> Tensor:
    if setting[0] == "nearest":
        return taken_along(x, nearest(setting), axis)
    matrix = weights(setting).astype(x.dtype)
    spend("work", x.size * setting[-1])
    order = (*(i for i in range(x.ndim) if i != axis), axis)
    wide = ops.matmul(x.transpose(order), matrix.T)
    return wide.transpose(inverse(order))


def _places(setting: Setting) -> Array:
    """Where each new pixel lies among the old ones."""
    _, way, _, _, _, old, scale, new = setting
    i = np.arange(new, dtype=np.float64)
    if way == "asymmetric":
        return i / scale
    if way == "align_corners":
        return i * (old - 1) / (new - 1) if new > 1 else i * 0.0
    if way == "pytorch_half_pixel" and new <= 1:
        return i * 0.0
    if way == "tf_half_pixel_for_nn":
        return (i + 0.5) / scale
    if way == "half_pixel_symmetric":
        whole = old * scale
        return old / 2 * (1 - new / whole) + (i + 0.5) / scale - 0.5
    if way not in ("half_pixel", "pytorch_half_pixel"):
        raise ValueError(f"coordinate_transformation_mode={way!r} is not supported.")
    return (i + 0.5) / scale - 0.5


@lru_cache(maxsize=64)
def nearest(setting: Setting) -> Array:
    """The old pixel that each new one shows."""
    places, way = _places(setting), setting[2]
    chosen = {
        "round_prefer_floor": np.ceil(places - 0.5),
        "round_prefer_ceil": np.floor(places + 0.5),
        "floor": np.floor(places),
        "ceil": np.ceil(places),
    }[way]
    return np.clip(chosen, 0, setting[5] - 1).astype(np.int64)


@lru_cache(maxsize=16)
def weights(setting: Setting) -> Array:
    """The matrix (new, old) of the shares that the old pixels have in the new ones."""
    mode, _, _, a, outside, old, _, new = setting
    spend("room", prod(room((new, old))))
    places, matrix = _places(setting), np.zeros((new, old))
    left = np.floor(places).astype(int)
    reach = (0, 1) if mode == "linear" else (-1, 0, 1, 2)
    if mode not in ("linear", "cubic"):
        raise ValueError(f"mode={mode!r} is not supported.")
    rows = np.arange(new)
    for step in reach:
        distance = np.abs(places - (left + step))
        share = 1 - distance if mode == "linear" else _cubic(distance, a)
        if outside:
            share = np.where((left + step < 0) | (left + step >= old), 0.0, share)
        np.add.at(matrix, (rows, np.clip(left + step, 0, old - 1)), share)
    return matrix / matrix.sum(1, keepdims=True) if outside else matrix


def _cubic(d: Array, a: float) -> Array:
    near = (a + 2) * d**3 - (a + 3) * d**2 + 1
    far = a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
    made: Array = np.where(d <= 1, near, np.where(d < 2, far, 0.0))
    return made
