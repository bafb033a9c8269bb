"""Layers that bring what passes to mean 0 and deviation 1, then scale and shift it as learned."""

from collections.abc import Sequence
from math import prod
from typing import ClassVar, Unpack

import numpy as np

from axon import initializers
from axon.backend import Shape
from axon.checks import demand, finite, integer, is_integer
from axon.core import Tensor
from axon.initializers import InitializerLike
from axon.layers import masks
from axon.layers.base import Layer
from axon.layers.module import ANY
from axon.layers.options import LayerOptions
from axon.ops.channels import channel_affine, channel_moments
from axon.ops.compare import where
from axon.ops.elementwise import maximum, sqrt, square
from axon.ops.join import stack
from axon.ops.memory import assign
from axon.ops.reduce import axes_of, broadcast_to
from axon.ops.standardize import standardize
from axon.parameter import Buffer, Parameter


class _ScaledNormalization(Layer):
    """What the normalizations share: gamma and beta, one number each for every channel.

    ``axis`` is the channels': they are moved to the end and back where they lie elsewhere.
    """

    several: ClassVar[bool] = False  # whether ``axis`` may be several

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        owner = type(self).__name__
        given = tuple(axis) if self.several and isinstance(axis, tuple | list) else (axis,)
        if not given or not all(map(is_integer, given)):  # True is none
            raise TypeError(f"{owner}: axis must be a whole number, got {axis!r}.")
        self.axis: int | Shape = int(given[0]) if len(given) == 1 else given
        self._channels_axis = self.axis if isinstance(self.axis, int) else -1
        self.epsilon = finite(owner, "epsilon", epsilon)
        hint = " It keeps constant inputs from being divided by 0."
        demand(self.epsilon > 0, owner, "epsilon", "greater than 0", epsilon, hint)
        self.center, self.scale = bool(center), bool(scale)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.gamma: Parameter | None = None
        self.beta: Parameter | None = None

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Only the axis of the channels has to fit."""
        channels = self._channels
        if len(shape) < 2:
            hint = " Use x.reshape(1, -1) for one sample, x.reshape(-1, 1) for one number each."
            raise self.misfit(f"(n, ..., {channels or 'channels'})", shape, hint)
        axes = (self.axis,) if isinstance(self.axis, int) else self.axis
        if not all(0 < a % len(shape) and -len(shape) <= a < len(shape) for a in axes):
            hint = f" axis={self.axis} is none of its axes but that of the samples."
            raise self.misfit("(n, ..., channels)", shape, hint)
        if channels is not None and shape[-1] != channels:
            raise self.misfit(f"(n, ..., {channels})", shape)

    def create(self, *input_shapes: Shape) -> None:
        """Create gamma and beta, unless left out."""
        channels = input_shapes[0][-1:]
        if self.scale:
            self.gamma = self.parameter("gamma", self.gamma_initializer, channels)
        if self.center:
            self.beta = self.parameter("beta", self.beta_initializer, channels)

    def scaled(
        self, y: Tensor, center: Tensor | None = None, factor: Tensor | float = 1.0
    ) -> Tensor:
        """(y - center) factor gamma + beta, channel by channel, in one pass."""
        if self.gamma is None and self.beta is None and center is None:
            return y
        one, zero = np.ones(y.shape[-1:], y.dtype), np.zeros(y.shape[-1:], y.dtype)
        gamma = one if self.gamma is None else _row(self.gamma)
        beta = zero if self.beta is None else _row(self.beta)
        rows = zero if center is None else center, gamma * factor, beta
        return channel_affine(stack(rows), y)


def _row(p: Tensor) -> Tensor:
    """One number for each place, one behind the other."""
    return p if p.ndim == 1 else p.reshape(p.size)


class BatchNormalization(_ScaledNormalization):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, channel by channel.

    While training, mean and variance are those of the batch, over all axes but the last, of what a
    mask does not call padding; running
    ones follow them, moving = momentum moving + (1 - momentum) batch, and are used otherwise, and
    by a frozen layer (Ioffe and Szegedy, 2015).

    Args:
        momentum: how slowly the running statistics follow, from 0 to 1.
        scale: learn gamma; not needed if the next layer is linear.
        moving_mean_initializer: how the running mean begins.
        moving_variance_initializer: how the running variance begins.

    The other arguments are those of LayerNormalization.

    Shapes: (n, ..., channels), unchanged. Parameters: ``gamma``, ``beta`` (channels,). Buffers:
    ``moving_mean``, ``moving_variance`` (channels,).

    Raises:
        ValueError: while training, a batch with a single value for each channel.

    >>> layer = BatchNormalization(epsilon=1e-9)
    >>> layer(np.array([[1.0, 5.0], [3.0, 5.0]]), training=True)
    array([[-1.,  0.],
           [ 1.,  0.]], dtype=float32)
    >>> layer.moving_mean.numpy()
    array([0.02, 0.05], dtype=float32)
    """

    on_mask = masks.USED

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        moving_mean_initializer: InitializerLike = "zeros",
        moving_variance_initializer: InitializerLike = "ones",
        **options: Unpack[LayerOptions],
    ) -> None:
        starts = (beta_initializer, gamma_initializer)
        super().__init__(axis, epsilon, center, scale, *starts, **options)
        self.momentum = finite("BatchNormalization", "momentum", momentum)
        fits = 0 <= self.momentum <= 1
        demand(fits, "BatchNormalization", "momentum", "from 0 to 1", momentum)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.moving_mean: Buffer | None = None
        self.moving_variance: Buffer | None = None

    def create(self, *input_shapes: Shape) -> None:
        """Create gamma, beta and the running statistics."""
        super().create(*input_shapes)
        channels = input_shapes[0][-1:]
        mean = self.parameter("moving_mean", self.moving_mean_initializer, channels)
        variance = self.parameter("moving_variance", self.moving_variance_initializer, channels)
        self.moving_mean, self.moving_variance = Buffer(mean.data), Buffer(variance.data)

    def call(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Normalize by the batch while training, by the running statistics otherwise."""
        assert self.moving_mean is not None
        assert self.moving_variance is not None
        if not self.training:
            return self.scaled(x, self.moving_mean, self._factor(self.moving_variance))
        self._demand_several(x)
        if mask is None:
            statistics = channel_moments(x)
            mean, variance, some = statistics[0], statistics[1], None
        else:
            mean, variance, some = _real_moments(x, mask)
        self._follow(self.moving_mean, mean.detach(), some)
        self._follow(self.moving_variance, variance.detach(), some)
        return self.scaled(x, mean, self._factor(variance))

    def _factor(self, variance: Tensor) -> Tensor:
        return 1.0 / sqrt(variance + self.epsilon)

    def _follow(self, moving: Buffer, batch: Tensor, some: Tensor | None) -> None:
        """Move the running statistics, in place, a little towards those of the batch, if any."""
        moved = moving * self.momentum + batch * (1 - self.momentum)
        assign(moving, moved if some is None else where(some, moved, moving))

    @property
    def least_batch(self) -> int:
        """Two samples, if one brings a single value for each channel."""
        alone = self.trainable and self.input_shape is not None and len(self.input_shape) == 1
        return 2 if alone else 1

    def _demand_several(self, x: Tensor) -> None:
        if x.size == x.shape[-1]:
            raise ValueError(
                f"layer {self.name!r} ({self!r}): got a batch of shape {x.shape} to train on: a "
                "single value for each channel, which minus its mean is always 0. Use larger "
                "batches, so that the last one of an epoch is no single sample either; or "
                "LayerNormalization; or freeze the layer with trainable=False."
            )


def _real_moments(x: Tensor, real: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and variance of each channel over what is real; and whether anything is."""
    axes = tuple(range(x.ndim - 1))
    number = real.astype(x.dtype).sum() * (prod(x.shape[:-1]) / max(real.size, 1))
    count = maximum(number, 1.0)
    mean = masks.without_padding(x, real).sum(axis=axes) / count
    off = masks.without_padding(x - mean, real)
    return mean, square(off).sum(axis=axes) / count, number > 0.0


class LayerNormalization(_ScaledNormalization):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, over the channels of each place.

    Each sample, and each time step or pixel of it, is normalized alone (Ba et al., 2016).

    Args:
        axis: the channels' axis, the last one unless told otherwise; or several axes, which are
            normalized together, and have a gamma and beta for each of their places.
        epsilon: added to the variance, so that constant inputs do not divide by 0.
        center: learn beta.
        scale: learn gamma.
        beta_initializer: how beta begins; a name or a function (shape, dtype) -> array.
        gamma_initializer: how gamma begins.
        options: name, dtype, trainable, gamma_regularizer, beta_constraint and the like.

    Shapes: (n, ..., channels), unchanged. Parameters: ``gamma``, ``beta`` (channels,).

    >>> LayerNormalization(epsilon=1e-9)(np.array([[1.0, 3.0], [5.0, 9.0]]))
    array([[-1.,  1.],
           [-1.,  1.]], dtype=float32)
    """

    several = True

    @property
    def on_mask(self) -> str:  # type: ignore[override]
        """Several axes may mix steps."""
        return masks.STEPS if isinstance(self.axis, int) else masks.REFUSED

    def accept(self, shape: Shape, *more: Shape) -> None:
        """The axes have to be as long as they were."""
        super().accept(shape, *more)
        known = self.input_shape
        if not isinstance(self.axis, int) and known is not None:
            sizes = [(shape[a], (0, *known)[a]) for a in self.axis if len(known) + 1 == len(shape)]
            if not sizes or any(n != m for n, m in sizes):
                raise self.misfit(f"(n, {', '.join(map(str, known))})", shape)

    def create(self, *input_shapes: Shape) -> None:
        """Create gamma and beta, unless left out."""
        if isinstance(self.axis, int):
            super().create(*input_shapes)
            return
        sizes = tuple((0, *input_shapes[0])[a] for a in self._axes(len(input_shapes[0]) + 1))
        if self.scale:
            self.gamma = self.parameter("gamma", self.gamma_initializer, sizes)
        if self.center:
            self.beta = self.parameter("beta", self.beta_initializer, sizes)

    def _axes(self, ndim: int) -> Shape:
        return tuple(sorted(axes_of(self.axis, ndim)))

    def call(self, x: Tensor) -> Tensor:
        """Normalize, scale and shift."""
        if isinstance(self.axis, int):
            return self.scaled(standardize(x, epsilon=self.epsilon))
        axes = self._axes(x.ndim)
        order = (*(i for i in range(x.ndim) if i not in axes), *axes)
        moved = x.transpose(*order)
        rows = moved.reshape(*moved.shape[: x.ndim - len(axes)], prod(x.shape[a] for a in axes))
        y = self.scaled(standardize(rows, epsilon=self.epsilon)).reshape(moved.shape)
        return y.transpose(*np.argsort(order).tolist())


class RMSNormalization(_ScaledNormalization):
    """y = gamma x / sqrt(mean(x^2) + epsilon), over the channels of each place.

    A LayerNormalization without mean and beta, which costs less (Zhang and Sennrich, 2019).

    Args:
        axis: the channels' axis; the last one.
        epsilon: added to the mean square, so that zeros do not divide by 0.
        scale: learn gamma.
        gamma_initializer: how gamma begins; a name or a function (shape, dtype) -> array.
        options: name, dtype, trainable, gamma_regularizer and the like.

    Shapes: (n, ..., channels), unchanged. Parameter: ``gamma`` (channels,).

    >>> RMSNormalization()(np.array([[3.0, -3.0], [0.0, 0.0]])).round(3)
    array([[ 1., -1.],
           [ 0.,  0.]], dtype=float32)
    """

    on_mask = masks.STEPS

    def __init__(
        self,
        axis: int = -1,
        epsilon: float = 1e-6,
        scale: bool = True,
        gamma_initializer: InitializerLike = "ones",
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(axis, epsilon, False, scale, "zeros", gamma_initializer, **options)

    def call(self, x: Tensor) -> Tensor:
        """Divide by the root of the mean square, and scale."""
        return self.scaled(standardize(x, epsilon=self.epsilon, centered=False))


class GroupNormalization(_ScaledNormalization):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, over groups of channels.

    Mean and variance are taken over all places that no mask calls padding and over the channels of
    a group, in each sample alone: so they do not depend on the size of the batch (Wu and He, 2018).

    Args:
        groups: how many groups of equally many channels; -1: each channel is one (instance
            normalization).

    The other arguments are those of LayerNormalization.

    Shapes: (n, ..., channels), unchanged. Parameters: ``gamma``, ``beta`` (channels,).

    >>> GroupNormalization(groups=2, epsilon=1e-9)(np.array([[1.0, 3.0, 5.0, 5.0]]))
    array([[-1.,  1.,  0.,  0.]], dtype=float32)
    """

    on_mask = masks.USED

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        **options: Unpack[LayerOptions],
    ) -> None:
        starts = (beta_initializer, gamma_initializer)
        super().__init__(axis, epsilon, center, scale, *starts, **options)
        self.groups = -1 if groups == -1 else integer("GroupNormalization", "groups", groups)

    def accept(self, shape: Shape, *more: Shape) -> None:
        """The groups have to divide the channels."""
        super().accept(shape, *more)
        if self.groups > 0 and shape[-1] % self.groups:
            hint = (
                f" {self.groups} groups do not divide {shape[-1]} channels: choose groups= among "
                "its divisors, or -1 for one group for each channel."
            )
            raise self.misfit("(n, ..., channels)", (ANY, *shape[1:]), hint)

    def call(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Bring the groups into rows, normalize them, and bring them back."""
        N, C = x.shape[0], x.shape[-1]
        G = C if self.groups == -1 else self.groups
        places = prod(x.shape[1:-1])
        grouped = x.reshape(N, places, G, C // G).transpose(0, 2, 1, 3)
        if mask is None:
            rows = grouped.reshape(N, G, places * (C // G))
            y = standardize(rows, epsilon=self.epsilon).reshape(N, G, places, C // G)
        else:
            real = broadcast_to(masks.over_steps(mask, x), shape=(*x.shape[:-1], 1))
            y = self._standardized(grouped, real.reshape(N, 1, places, 1))
        return self.scaled(y.transpose(0, 2, 1, 3).reshape(x.shape))

    def _standardized(self, x: Tensor, real: Tensor) -> Tensor:
        """Groups (N, G, places, size) by the moments of what is real, (N, 1, places, 1)."""
        axes, size = (2, 3), x.shape[3]
        count = maximum(real.astype(x.dtype).sum(axis=axes, keepdims=True) * float(size), 1.0)
        off = x - where(real, x, 0.0).sum(axis=axes, keepdims=True) / count
        variance = where(real, square(off), 0.0).sum(axis=axes, keepdims=True) / count
        return off / sqrt(variance + self.epsilon)
