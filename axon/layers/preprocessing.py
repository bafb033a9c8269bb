"""Layers without anything to learn, which make raw data fit for a network and travel with it."""

from math import prod
from typing import Any

import numpy as np

from axon.backend import Shape, as_array
from axon.core import Tensor
from axon.layers.base import Layer


class Flatten(Layer):
    """Make one row of each sample: (n, a, b, ...) -> (n, a b ...).

    >>> Flatten().forward(np.zeros((2, 28, 28))).shape
    (2, 784)
    """

    def call(self, x: Tensor) -> Tensor:
        """Reshape; no work is done."""
        return x.reshape(len(x), prod(x.shape[1:]))

    def __repr__(self) -> str:
        return "Flatten()"


class Rescaling(Layer):
    """y = scale x + offset: ``Rescaling(1 / 255)`` takes images of bytes to [0, 1].

    >>> Rescaling(1 / 255).forward(np.array([[0, 255]], np.uint8))
    array([[0., 1.]], dtype=float32)
    """

    def __init__(
        self, scale: float, offset: float = 0.0, *, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(name, dtype)
        self.scale, self.offset = float(scale), float(offset)

    def call(self, x: Tensor) -> Tensor:
        """Scale, then shift."""
        scaled = x * self.scale
        return scaled + self.offset if self.offset else scaled

    def config(self) -> dict[str, Any]:
        """The arguments that make this layer again, as JSON can hold them."""
        return {"scale": self.scale, "offset": self.offset, **super().config()}

    def __repr__(self) -> str:
        return f"Rescaling({self.scale:.6g}, {self.offset:.6g})"


class Normalization(Layer):
    """y = (x - mean) / sqrt(variance), feature by feature; a constant feature becomes 0.

    Args:
        mean: (features,), or nothing, to be found by ``adapt``.
        variance: (features,).

    >>> layer = Normalization()
    >>> layer.adapt(np.array([[1.0, 5.0], [3.0, 5.0]]))
    >>> layer.forward([[1.0, 5.0], [3.0, 5.0]])
    array([[-1.,  0.],
           [ 1.,  0.]], dtype=float32)
    """

    def __init__(
        self,
        mean: Any = None,
        variance: Any = None,
        *,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name, dtype)
        self.mean, self.variance = mean, variance
        self._center = self._slope = Tensor(np.zeros(0, self.dtype))
        if mean is not None:
            self._set(as_array(mean, np.dtype("f8")), as_array(variance, np.dtype("f8")))

    def adapt(self, data: Any) -> None:
        """Take mean and variance from data (n, features)."""
        x = as_array(data, np.dtype("f8"))
        if x.ndim != 2 or not len(x):
            raise ValueError(f"Normalization: expected data of shape (n, features), got {x.shape}.")
        self._set(x.mean(axis=0), x.var(axis=0))

    def _set(self, mean: Any, variance: Any) -> None:
        self.mean, self.variance = mean.tolist(), variance.tolist()
        slope = 1 / np.sqrt(np.where(variance > 0, variance, 1))
        if self._center.shape != mean.shape:
            self._center = Tensor(np.empty(mean.shape, self.dtype))
            self._slope = Tensor(np.empty(mean.shape, self.dtype))
        self._center.assign(mean)  # in place, so that recorded programs follow
        self._slope.assign(slope)

    def accept(self, shape: Shape) -> None:
        """The last axis has to be as long as the mean."""
        if self.mean is None:
            raise RuntimeError(f"layer {self.name!r}: call adapt(data) before use.")
        if shape[-1:] != (len(self.mean),):
            raise self.misfit(f"(n, {len(self.mean)})", shape)

    def call(self, x: Tensor) -> Tensor:
        """Shift, then scale."""
        return (x - self._center) * self._slope

    def config(self) -> dict[str, Any]:
        """The arguments that make this layer again, as JSON can hold them."""
        return {"mean": self.mean, "variance": self.variance, **super().config()}

    def __repr__(self) -> str:
        return f"Normalization({len(self.mean) if self.mean else ''})"
