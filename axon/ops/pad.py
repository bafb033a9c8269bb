"""Making images larger: zeros around them, pixels repeated, or pixels in between."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, overload

import numpy as np

from axon.backend import Array, DType, Shape
from axon.bounds import with_zeros
from axon.core import Tensor, TensorLike, primitive
from axon.names import resolve
from axon.ops.composite import composite
from axon.ops.join import concatenate
from axon.ops.matmul import matmul
from axon.ops.reduce import broadcast_to
from axon.ops.windows import Pair, images
from axon.pieces import each_row


def pad_shape(x: Array, *, padding: tuple[Pair, ...]) -> tuple[Shape, DType]:
    """The shape with the padding of each axis added."""
    if len(padding) != x.ndim:
        raise ValueError(f"Padding needs one (before, after) for each of {x.ndim} axes.")
    return tuple(n + sum(ends) for n, ends in zip(x.shape, padding, strict=True)), x.dtype


def _middle(shape: Shape, padding: tuple[Pair, ...]) -> tuple[slice, ...]:
    """Where the elements lie within the padding."""
    return tuple(slice(a, a + n) for n, (a, _) in zip(shape, padding, strict=True))


def not_above(out: Array, x: Array, *, padding: tuple[Pair, ...]) -> bool:
    """Whether nothing is added along the first axis."""
    return out.shape[:1] == x.shape[:1]


@primitive(result=pad_shape, rows=each_row(when=not_above), bounds=with_zeros)
def pad_(out: Array, x: Array, *, xp: Any, padding: tuple[Pair, ...]) -> None:
    """x with zeros around it: ``padding`` has (before, after) for each axis.

    >>> pad_(np.ones((1, 2)), padding=((0, 1), (1, 1)))
    array([[0., 1., 1., 0.],
           [0., 0., 0., 0.]])
    """
    out.fill(0)
    middle: Any = (*_middle(x.shape, padding), ...)  # ... keeps a single number an array
    xp.copyto(out[middle], x)


pad_.gradient(lambda g, y, x, padding: g[_middle(x.shape, padding)])

MODES = {  # by the names of NumPy and Keras, and of PyTorch
    **{"reflect": "reflect", "symmetric": "symmetric", "edge": "edge", "wrap": "wrap"},
    **{"replicate": "edge", "circular": "wrap"},
}


@composite
def pad(
    x: Tensor,
    padding: int | Pair | Sequence[Pair],
    mode: str = "constant",
    constant_values: float | None = None,
) -> Tensor:
    """x with something around it.

    Args:
        x: of any shape.
        padding: (before, after) for each axis; one pair, or one number, for all of them.
        mode: "constant"; "reflect" mirrors at the outer elements, "symmetric" behind them, "edge"
            (or "replicate") repeats them, "wrap" (or "circular") goes on at the other end.
        constant_values: what stands around it in mode "constant": 0 unless told otherwise.

    >>> pad([1.0, 2.0], (1, 2)), pad([1, 2, 3], (2, 0), mode="reflect")
    (array([0., 1., 2., 0., 0.]), array([3, 2, 1, 2, 3]))
    """
    ends = _ends(padding, x.ndim)
    if constant_values is not None and mode != "constant":
        raise ValueError(f"pad: constant_values are for mode='constant', not for mode={mode!r}.")
    if mode == "constant" and not constant_values:
        return pad_(x, padding=ends)
    how = None if mode == "constant" else resolve("mode", mode, MODES)
    for axis, (before, after) in enumerate(ends):
        if before or after:
            parts = _parts(x, axis, before, after, how, constant_values or 0.0)
            x = concatenate(parts, axis=axis)
    return x


def _parts(
    x: Tensor, axis: int, before: int, after: int, how: str | None, value: float
) -> list[Tensor]:
    if how is None:
        ends = [_filled(x, axis, count, value) for count in (before, after)]
        return [ends[0], x, ends[1]]
    size = x.shape[axis]
    if not size:
        raise ValueError(f"pad: shape {x.shape} has nothing along axis {axis} to repeat.")
    lead = (slice(None),) * axis
    places = np.pad(np.arange(size), (before, after), how)  # type: ignore[call-overload]
    return [x[(*lead, run)] for run in _runs(places.tolist())]


def _filled(x: Tensor, axis: int, count: int, value: float) -> Tensor:
    shape: Shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
    return broadcast_to(Tensor(np.full((1,) * x.ndim, value, x.dtype)), shape=shape)


def _runs(places: list[int]) -> Iterator[slice]:
    """Slices that read these places one after another, as few as there can be.

    >>> list(_runs([2, 1, 0, 1, 2]))
    [slice(2, 0, -1), slice(0, 3, 1)]
    """
    while places:
        step = places[1] - places[0] if len(places) > 1 else 1
        step = step if step in (1, -1) else 1
        count = 1
        while count < len(places) and places[count] == places[0] + count * step:
            count += 1
        if step < 0 and 0 < count < len(places) and places[count - 1] == 0:
            count -= 1  # the turning point belongs to what goes up: -1 would end no slice
        stop = places[0] + count * step
        yield slice(places[0], stop if stop >= 0 else None, step)
        places = places[count:]


def _ends(padding: int | Pair | Sequence[Pair], ndim: int) -> tuple[Pair, ...]:
    """(before, after) for each axis."""
    given = np.asarray(padding)
    try:
        before, after = np.broadcast_to(given, (ndim, 2)).T.tolist()
    except ValueError:
        raise ValueError(
            f"Padding needs one (before, after) for each of {ndim} axes, got {padding}."
        ) from None
    if given.dtype.kind not in "iu" or (given.size and given.min() < 0):
        raise ValueError(f"pad: expected whole numbers that are not negative, got {padding}.")
    return tuple(zip(before, after, strict=True))


@overload
def upsample_nearest(x: Tensor, *, size: Pair) -> Tensor: ...
@overload
def upsample_nearest(x: TensorLike, *, size: Pair) -> Tensor | Array: ...
def upsample_nearest(x: TensorLike, *, size: Pair) -> Tensor | Array:
    """Repeat each pixel: (N, H, W, C) -> (N, H KH, W KW, C), where ``size`` is (KH, KW).

    >>> upsample_nearest(np.array([[[[1.0], [2.0]]]]), size=(1, 2))[0, 0, :, 0]
    array([1., 1., 2., 2.])
    """
    if not isinstance(x, Tensor):
        return upsample_nearest(Tensor(x), size=size).data
    (N, H, W, C), (KH, KW) = images(x.data), size
    many = broadcast_to(x.reshape(N, H, 1, W, 1, C), shape=(N, H, KH, W, KW, C))
    return many.reshape(N, H * KH, W * KW, C)


@overload
def upsample_bilinear(x: Tensor, *, size: Pair) -> Tensor: ...
@overload
def upsample_bilinear(x: TensorLike, *, size: Pair) -> Tensor | Array: ...
def upsample_bilinear(x: TensorLike, *, size: Pair) -> Tensor | Array:
    """Draw straight lines between the centers of pixels: (N, H, W, C) -> (N, H KH, W KW, C).

    Pixel i covers i to i + 1, its center is at i + 1/2; beyond the outer centers nothing changes.

    >>> upsample_bilinear(np.array([[[[0.0], [4.0]]]]), size=(1, 2))[0, 0, :, 0]
    array([0., 1., 3., 4.])
    """
    if not isinstance(x, Tensor):
        return upsample_bilinear(Tensor(x), size=size).data
    (N, H, W, C), (KH, KW) = images(x.data), size
    dtype = x.dtype if x.dtype.kind == "f" else np.dtype(np.float32)
    if KW > 1:
        x = matmul(interpolation(W, KW, dtype), x)
    if KH > 1:
        x = matmul(interpolation(H, KH, dtype), x.reshape(N, H, W * KW * C))
    return x.reshape(N, H * KH, W * KW, C)


@lru_cache(maxsize=64)
def interpolation(size: int, times: int, dtype: DType) -> Array:
    """Return the matrix (size times, size) that interpolates ``times`` numbers for each one.

    >>> interpolation(2, 2, np.dtype("f4"))
    array([[1.  , 0.  ],
           [0.75, 0.25],
           [0.25, 0.75],
           [0.  , 1.  ]], dtype=float32)
    """
    matrix = np.zeros((size * times, size), dtype)
    if size == 0:
        return matrix
    centers = np.clip((np.arange(size * times) + 0.5) / times - 0.5, 0, size - 1)
    left = np.minimum(centers.astype(int), max(size - 2, 0))
    rows = np.arange(size * times)
    matrix[rows, left] = 1 - (centers - left)
    matrix[rows, np.minimum(left + 1, size - 1)] += centers - left
    return matrix
