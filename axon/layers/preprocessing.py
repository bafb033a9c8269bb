"""Layers without anything to learn, which make raw data fit for a network and travel with it."""

from math import prod
from typing import Any, Unpack

import numpy as np

from axon.backend import Array, ArrayLike, DType, Shape, as_array
from axon.checks import Integers, finite, integer
from axon.core import Tensor
from axon.layers import masks
from axon.layers.base import LONG, Layer
from axon.layers.options import LayerOptions
from axon.ops.compare import both
from axon.ops.reduce import axes_of

MOST_AXES = 64  # of a NumPy array
FAR = 256  # deviations: features that lie so far from 0 lose digits in float32 that tell them apart
REACH = 1e30  # and so do those that float32 hardly reaches, in either direction


class Flatten(Layer):
    """Make one row of each sample: (n, a, b, ...) -> (n, a b ...).

    A row has no time steps any more: of steps that a mask calls padding, it holds zeros.

    >>> Flatten().forward(np.zeros((2, 28, 28))).shape
    (2, 784)
    """

    passes_on = True
    has_format = True
    on_mask = masks.USED

    def __init__(self, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Samples may have any shape."""
        if not shape:
            raise self.misfit("(n, ...)", shape)

    def call(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Reshape; no work is done."""
        x = x if mask is None else masks.without_padding(x, mask)
        return x.reshape(len(x), prod(x.shape[1:]))

    def compute_mask(self, x: Tensor | Array, mask: masks.Mask = None) -> None:
        """There are no time steps any more."""


class Masking(Layer):
    """Call those steps padding whose features all are ``mask_value``: layers behind skip them.

    Args:
        mask_value: what padding was filled with.
        options: name, dtype.

    Shapes: (n, time, features) -> the same, padding set to 0.

    >>> Masking(-1.0).compute_mask(np.array([[[2.0, -1.0], [-1.0, -1.0]]]))
    array([[ True, False]])
    """

    passes_on = True
    on_mask = masks.EACH
    mask_axes = 1

    def __init__(self, mask_value: float = 0.0, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.mask_value = float(mask_value)

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Sequences may have any length and any number of features."""
        if len(shape) != 3:
            raise self.misfit("(n, time, features)", shape)

    def call(self, x: Tensor) -> Tensor:
        """Set padding to 0."""
        real = (x != self.mask_value).sum(axis=-1, keepdims=True) > 0
        return x * real.astype(x.dtype)

    def compute_mask(self, x: Tensor | Array, mask: masks.Mask = None) -> masks.Mask:
        """Steps with a feature that is something else."""
        given = x if isinstance(x, Tensor) else as_array(x, self.dtype)
        real = (given != self.mask_value).sum(axis=-1) > 0
        return real if mask is None else both(masks.as_mask(mask), masks.as_mask(real))


class Rescaling(Layer):
    """y = scale x + offset: ``Rescaling(1 / 255)`` takes images of bytes to [0, 1].

    Where the offset is so large that float32 would round what it takes away, such as times in
    seconds since 1970, inputs are taken, and shifted, in float64.

    >>> Rescaling(1 / 255).forward(np.array([[0, 255]], np.uint8))
    array([[0., 1.]], dtype=float32)
    """

    passes_on = True
    on_mask = masks.EACH

    def __init__(self, scale: float, offset: float = 0.0, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.scale = finite("Rescaling", "scale", scale)
        self.offset = finite("Rescaling", "offset", offset)
        self.exact = self.dtype != LONG and abs(self.offset) > FAR  # type: ignore[misc]

    @property
    def input_dtype(self) -> DType:
        """What inputs are converted to: float64 where shorter numbers would lose digits."""
        return LONG if self.exact else self.dtype

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Inputs may have any shape."""

    def call(self, x: Tensor) -> Tensor:
        """Scale, then shift."""
        scaled = x * self.scale
        shifted = scaled + self.offset if self.offset else scaled
        return shifted.astype(self.dtype) if self.exact else shifted

    def __repr__(self) -> str:
        return f"Rescaling({self.scale:.6g}, {self.offset:.6g})"


class Normalization(Layer):
    """y = (x - mean) / sqrt(variance), feature by feature; a constant feature becomes 0.

    Args:
        mean: one number for each feature, or one for all; or nothing, to be found by ``adapt``.
        variance: likewise.
        axis: the features' axis, or axes; the others are averaged over. None: one mean for all.
        invert: compute x sqrt(variance) + mean instead, the way back.
        options: name, dtype.

    Times in seconds since 1970 lie so far from 0 that float32 cannot tell an hour's minutes apart.
    Where a feature lies far from 0, or is very large or small, inputs are taken, and the mean is
    subtracted, in float64.

    >>> layer = Normalization()
    >>> layer.adapt(np.array([[1.0, 5.0], [3.0, 5.0]]))
    >>> layer.forward([[1.0, 5.0], [3.0, 5.0]])
    array([[-1.,  0.],
           [ 1.,  0.]], dtype=float32)
    """

    on_mask = masks.EACH

    def __init__(
        self,
        mean: ArrayLike | None = None,
        variance: ArrayLike | None = None,
        axis: Integers | None = -1,
        invert: bool = False,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        for one in () if axis is None else np.atleast_1d(np.asarray(axis, object)):
            integer("Normalization", "axis", one, least=-MOST_AXES)
        self.axis, self.invert = axis, bool(invert)
        self.mean, self.variance = mean, variance
        self._center, self._slope = (Tensor(np.zeros(0, self.dtype)) for _ in range(2))
        if (mean is None) != (variance is None):
            raise ValueError("Normalization: mean and variance belong together: pass both or none.")
        if mean is not None:
            given = as_array(mean, np.dtype("f8")), as_array(variance, np.dtype("f8"))
            self._set(*np.broadcast_arrays(*given))

    def adapt(self, data: ArrayLike) -> None:
        """Take mean and variance from data (n, ..., features)."""
        x = as_array(data, np.dtype("f8"))
        if x.ndim < 2 or not x.size:
            raise ValueError(f"Normalization: expected data of shape (n, features), got {x.shape}.")
        kept = self._kept(x.ndim)
        others = tuple(i for i in range(x.ndim) if i not in kept)
        with np.errstate(over="ignore", invalid="ignore"):
            mean, variance = x.mean(axis=others), x.var(axis=others)
        if np.isfinite(x).all() and not np.isfinite(variance).all():
            raise ValueError(
                f"Normalization: numbers as large as {np.abs(x).max():.2g} have no variance that "
                "fits float64. Divide them by a power of ten first."
            )
        self._set(mean, variance)

    def _kept(self, ndim: int) -> Shape:
        """The features' axes, in order."""
        if self.axis is None:
            return ()
        kept = tuple(sorted(axes_of(tuple(np.atleast_1d(self.axis).tolist()), ndim)))
        if 0 in kept:
            raise ValueError(f"Normalization: axis={self.axis} counts samples, not features.")
        return kept

    def _set(self, mean: Array, variance: Array) -> None:
        vars(self).update(mean=mean.tolist(), variance=variance.tolist())  # what follows, follows
        deviation = np.sqrt(np.where(variance > 0, variance, 1))
        self.exact = self._lose_digits(mean, deviation)  # type: ignore[misc]
        values = mean, deviation if self.invert else 1 / deviation
        dtype = LONG if self.exact else self.dtype
        for tensor, found in zip((self._center, self._slope), values, strict=True):
            if (tensor.shape, tensor.dtype) == (mean.shape, dtype):
                tensor.assign(found)  # in place, so that recorded programs follow
            else:
                tensor.data = np.array(found, dtype)  # elsewhere, so that they are recorded anew

    def _lose_digits(self, mean: Array, deviation: Array) -> bool:
        """Whether features would be rounded, in the layer's type, before the mean is subtracted."""
        if self.dtype == LONG:
            return False
        far = (np.abs(mean) > FAR * deviation) | (np.abs(mean) > REACH)
        return bool((far | (deviation > REACH) | (deviation < 1 / REACH)).any())

    @property
    def input_dtype(self) -> DType:
        """What inputs are converted to: float64 where shorter numbers would lose digits."""
        return LONG if self.exact else self.dtype

    def accept(self, shape: Shape, *more: Shape) -> None:
        """The features' axes have to be as long as the mean's."""
        if self.mean is None:
            raise RuntimeError(f"layer {self.name!r}: call adapt(data) before use.")
        if self._center.ndim == 0:
            return
        kept = self._kept(len(shape)) if self._fits_axes(len(shape)) else ()
        if tuple(shape[i] for i in kept) != self._center.shape:
            sizes = ", ".join(map(str, self._center.shape))
            raise self.misfit(f"(n, {sizes})", shape)

    def _fits_axes(self, ndim: int) -> bool:
        return all(-ndim <= a < ndim for a in np.atleast_1d(np.asarray(self.axis)))

    def _spread(self, t: Tensor, ndim: int) -> Tensor:
        """Give mean or factor the axes that inputs have."""
        if t.ndim == 0:
            return t
        sizes = dict(zip(self._kept(ndim), t.shape, strict=True))
        return t.reshape(tuple(sizes.get(i, 1) for i in range(ndim)))

    def call(self, x: Tensor) -> Tensor:
        """Shift, then scale; or scale, then shift."""
        center, slope = (self._spread(t, x.ndim) for t in (self._center, self._slope))
        y = x * slope + center if self.invert else (x - center) * slope
        return y.astype(self.dtype) if self.exact else y

    def config(self) -> dict[str, Any]:
        """The arguments that make this layer again, as JSON can hold them."""
        return {**super().config(), "mean": self.mean, "variance": self.variance}

    def __repr__(self) -> str:
        sizes = "" if self.mean is None else " x ".join(map(str, self._center.shape)) or "1"
        return f"Normalization({sizes})"
