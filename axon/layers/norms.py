"""Further normalizations: of instances, to length 1, and by neighbouring channels."""

from typing import Unpack

from axon.backend import Shape
from axon.checks import demand, finite, integer
from axon.core import Tensor
from axon.initializers import InitializerLike
from axon.layers import masks
from axon.layers.base import Layer
from axon.layers.normalization import GroupNormalization
from axon.layers.options import LayerOptions
from axon.ops.elementwise import maximum, power, sqrt, square
from axon.ops.pad import pad
from axon.ops.pool import average_pool2d
from axon.ops.reduce import axes_of

LEAST = 1e-12  # of a squared length, so that zeros stay zeros


class InstanceNormalization(GroupNormalization):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, over the places of each channel.

    A GroupNormalization of which each channel is a group (Ulyanov et al., 2016). The arguments are
    those of LayerNormalization; PyTorch's has no gamma and beta (scale=False, center=False), and an
    epsilon of 1e-5.

    Shapes: (n, ..., channels), unchanged. Parameters: ``gamma``, ``beta`` (channels,).

    >>> import numpy as np
    >>> InstanceNormalization(epsilon=1e-9)(np.array([[[1.0, 5.0], [3.0, 5.0]]]))[0, :, 0]
    array([-1.,  1.], dtype=float32)
    """

    def __init__(
        self,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        **options: Unpack[LayerOptions],
    ) -> None:
        starts = (beta_initializer, gamma_initializer)
        super().__init__(-1, axis, epsilon, center, scale, *starts, **options)


class UnitNormalization(Layer):
    """y = x / |x|: each row along ``axis`` gets the length 1; zeros stay zeros.

    Args:
        axis: one axis, or several, along which the length is taken.
        options: name, dtype.

    >>> UnitNormalization()([[3.0, 4.0]]).round(3)
    array([[0.6, 0.8]], dtype=float32)
    """

    def __init__(
        self, axis: int | tuple[int, ...] | list[int] = -1, **options: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**options)
        given = axis if isinstance(axis, tuple | list) else (axis,)
        axes = tuple(integer("UnitNormalization", "axis", a, least=-64) for a in given)
        self.axis: int | Shape = axes if isinstance(axis, tuple | list) else axes[0]

    @property
    def on_mask(self) -> str:  # type: ignore[override]
        """The last axis is that of features; others may be steps."""
        return masks.STEPS if self.axis == -1 else masks.REFUSED

    def accept(self, shape: Shape, *more: Shape) -> None:
        """The axes have to be there."""
        axes = (self.axis,) if isinstance(self.axis, int) else self.axis
        if not all(-len(shape) <= a < len(shape) and a % len(shape) for a in axes):
            hint = f" axis={self.axis} is none of its axes but that of the samples."
            raise self.misfit("(n, ..., features)", shape, hint)

    def call(self, x: Tensor) -> Tensor:
        """Divide by the length."""
        length = square(x).sum(axis=axes_of(self.axis, x.ndim), keepdims=True)
        return x / sqrt(maximum(length, LEAST))


class LocalResponseNormalization(Layer):
    """y = x / (k + alpha m)^beta, where m is the mean square of ``size`` neighbouring channels.

    Channels beyond the first and the last count as 0 (Krizhevsky et al., 2012).

    Args:
        size: how many channels.
        alpha: how much they weigh.
        beta: the exponent.
        k: what is added, so that zeros do not divide by 0.
        options: name, dtype.

    Shapes: (n, ..., channels), unchanged.

    >>> LocalResponseNormalization(2, alpha=1.0, beta=1.0)([[2.0, 2.0]]).round(3)
    array([[0.667, 0.4  ]], dtype=float32)
    """

    on_mask = masks.STEPS

    def __init__(
        self,
        size: int,
        alpha: float = 1e-4,
        beta: float = 0.75,
        k: float = 1.0,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        owner = type(self).__name__
        self.size = integer(owner, "size", size)
        self.alpha, self.beta = finite(owner, "alpha", alpha, 0), finite(owner, "beta", beta)
        self.k = finite(owner, "k", k)
        demand(self.k > 0, owner, "k", "greater than 0", k)

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Anything with channels."""
        if len(shape) < 2:
            raise self.misfit("(n, ..., channels)", shape)

    def call(self, x: Tensor) -> Tensor:
        """Divide by a power of what the neighbours are."""
        C = x.shape[-1]
        rows = square(x).reshape(x.size // max(C, 1), C, 1, 1)
        around = (self.size // 2, (self.size - 1) // 2)
        wide = pad(rows, padding=((0, 0), around, (0, 0), (0, 0)))
        means = average_pool2d(wide, pool_size=(self.size, 1), strides=(1, 1))
        return x / power(means.reshape(x.shape) * self.alpha + self.k, self.beta)
