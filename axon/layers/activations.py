"""Activation functions with settings or weights, as layers: ReLU, LeakyReLU, PReLU and others."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Unpack

import numpy as np

from axon import activations, initializers
from axon.backend import Shape
from axon.checks import Integers, demand, finite, integer
from axon.core import Tensor
from axon.initializers import InitializerLike
from axon.layers import masks
from axon.layers.base import Layer
from axon.layers.noise import Noise
from axon.layers.options import LayerOptions
from axon.ops.compare import where
from axon.ops.elementwise import maximum, minimum
from axon.ops.random import uniform
from axon.ops.reduce import axes_of
from axon.parameter import Parameter


class _Elementwise(Layer):
    """A function of each number alone: inputs may have any shape."""

    on_mask = masks.EACH

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Inputs may have any shape."""

    def call(self, x: Tensor) -> Tensor:
        """Compute the function."""
        return self.function(x)

    @abstractmethod
    def function(self, x: Tensor) -> Tensor:
        """Compute the function of each number."""


class ReLU(_Elementwise):
    """y = x from ``threshold`` on, but not above ``max_value``; below, a line of a small slope.

    y = max_value for x >= max_value, x from threshold on, negative_slope (x - threshold) below.

    Args:
        max_value: where the line ends; None: nowhere.
        negative_slope: of the line below ``threshold``, at least 0.
        threshold: where the line begins, at least 0.
        options: name, dtype.

    >>> ReLU(max_value=6)([[-1.0, 3.0, 9.0]])
    array([[0., 3., 6.]], dtype=float32)
    """

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        self.max_value = None if max_value is None else finite("ReLU", "max_value", max_value)
        fits = self.max_value is None or self.max_value >= 0
        demand(fits, "ReLU", "max_value", "0 or more, or None", max_value)
        self.negative_slope = finite("ReLU", "negative_slope", negative_slope, least=0)
        self.threshold = finite("ReLU", "threshold", threshold, least=0)

    def function(self, x: Tensor) -> Tensor:
        """Compute the function of each number."""
        if not self.threshold and not self.negative_slope:
            return self._limited(activations.relu(x))
        below = (x - self.threshold) * self.negative_slope
        return self._limited(where(x > self.threshold, x, below))

    def _limited(self, y: Tensor) -> Tensor:
        limit = self.max_value
        return y if limit is None else where(y >= limit, limit, y)


class LeakyReLU(_Elementwise):
    """y = x above 0, ``negative_slope`` x below (Maas et al., 2013).

    Args:
        negative_slope: at least 0.
        options: name, dtype.

    >>> LeakyReLU(0.5)([[-1.0, 3.0]])
    array([[-0.5,  3. ]], dtype=float32)
    """

    def __init__(self, negative_slope: float = 0.3, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.negative_slope = finite("LeakyReLU", "negative_slope", negative_slope, least=0)

    def function(self, x: Tensor) -> Tensor:
        """Compute the function of each number."""
        if self.negative_slope > 1:
            return where(x > 0.0, x, x * self.negative_slope)
        return activations.leaky_relu(x, negative_slope=self.negative_slope)


class PReLU(Layer):
    """y = x above 0, alpha x below, where alpha is learned (He et al., 2015).

    Args:
        alpha_initializer: how alpha begins; a name or a function (shape, dtype) -> array.
        shared_axes: axes, counted with the batch as 0, along which alpha is the same: (1, 2) for
            one alpha per channel of images.
        options: name, dtype, trainable, alpha_regularizer, alpha_constraint.

    Shapes: (n, ...), unchanged. Parameter: ``alpha``, of the shape of a sample, 1 along shared
    axes.

    >>> PReLU("ones")([[-1.0, 3.0]])
    array([[-1.,  3.]], dtype=float32)
    """

    on_mask = masks.STEPS

    def __init__(
        self,
        alpha_initializer: InitializerLike = "zeros",
        *,
        shared_axes: Integers | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        self.alpha_initializer = initializers.get(alpha_initializer)
        given = shared_axes if isinstance(shared_axes, tuple | list) else [shared_axes]
        axes = [] if shared_axes is None else [integer("PReLU", "shared_axes", a) for a in given]
        self.shared_axes = tuple(axes) or None
        self.alpha: Parameter | None = None

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Samples have the shape of the first, but along shared axes."""
        axes = self.shared_axes or ()
        if len(shape) < 2 or any(a >= len(shape) for a in axes):
            raise self.misfit("(n, ...), with the shared axes", shape)
        known = () if self.input_shape is None else (0, *self.input_shape)
        same = (i in (0, *axes) or n == known[i] for i, n in enumerate(shape) if known)
        if known and (len(known) != len(shape) or not all(same)):
            raise self.misfit(f"(n, {', '.join(map(str, known[1:]))})", shape)

    def create(self, *input_shapes: Shape) -> None:
        """Create alpha."""
        shared = self.shared_axes or ()
        shape = tuple(1 if i in shared else n for i, n in enumerate(input_shapes[0], 1))
        self.alpha = self.parameter("alpha", self.alpha_initializer, shape)

    def call(self, x: Tensor) -> Tensor:
        """Compute the function."""
        assert self.alpha is not None
        return where(x > 0.0, x, x * self.alpha)


class ELU(_Elementwise):
    """y = x above 0, ``alpha`` (e^x - 1) below (Clevert et al., 2015).

    Args:
        alpha: what y tends to below 0, with the sign turned.
        options: name, dtype.

    >>> ELU()([[-1.0, 3.0]]).round(3)
    array([[-0.632,  3.   ]], dtype=float32)
    """

    def __init__(self, alpha: float = 1.0, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.alpha = finite("ELU", "alpha", alpha, least=0)

    def function(self, x: Tensor) -> Tensor:
        """Compute the function of each number."""
        return activations.elu(x, alpha=self.alpha)


class CELU(ELU):
    """y = x above 0, ``alpha`` (e^(x / alpha) - 1) below (Barron, 2017).

    Args:
        alpha: what y tends to below 0, with the sign turned; greater than 0.
        options: name, dtype.

    >>> CELU(2.0)([[-1.0, 3.0]]).round(3)
    array([[-0.787,  3.   ]], dtype=float32)
    """

    def __init__(self, alpha: float = 1.0, **options: Unpack[LayerOptions]) -> None:
        super().__init__(alpha, **options)
        demand(self.alpha > 0, "CELU", "alpha", "greater than 0", alpha)

    def function(self, x: Tensor) -> Tensor:
        """Compute the function of each number."""
        return activations.celu(x, self.alpha)


class Hardtanh(_Elementwise):
    """y = x, moved to ``min_value`` or ``max_value`` where it lies beyond.

    >>> Hardtanh(0, 2)([[-1.0, 1.5, 3.0]])
    array([[0. , 1.5, 2. ]], dtype=float32)
    """

    def __init__(
        self, min_value: float = -1.0, max_value: float = 1.0, **options: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**options)
        self.min_value = finite("Hardtanh", "min_value", min_value)
        self.max_value = finite("Hardtanh", "max_value", max_value)
        fits = self.min_value < self.max_value
        demand(fits, "Hardtanh", "max_value", f"greater than {min_value}", max_value)

    def function(self, x: Tensor) -> Tensor:
        """Compute the function of each number."""
        return activations.hard_tanh(x, self.min_value, self.max_value)


class Hardshrink(_Elementwise):
    """y = x where it lies further from 0 than ``threshold``, else 0.

    >>> Hardshrink()([[-1.0, 0.3]])
    array([[-1.,  0.]], dtype=float32)
    """

    def __init__(self, threshold: float = 0.5, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.threshold = finite(type(self).__name__, "threshold", threshold, least=0)

    def function(self, x: Tensor) -> Tensor:
        """Compute the function of each number."""
        return activations.hard_shrink(x, self.threshold)


class Softshrink(Hardshrink):
    """y = x brought nearer to 0 by ``threshold``; 0 where it lies nearer than that.

    >>> Softshrink()([[-1.0, 0.3]])
    array([[-0.5,  0. ]], dtype=float32)
    """

    def function(self, x: Tensor) -> Tensor:
        """Compute the function of each number."""
        return activations.soft_shrink(x, self.threshold)


class Threshold(_Elementwise):
    """y = x where it is greater than ``threshold``, else ``value``.

    >>> Threshold(0.5, -7.0)([[0.3, 2.0]])
    array([[-7.,  2.]], dtype=float32)
    """

    def __init__(self, threshold: float, value: float, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.threshold = finite("Threshold", "threshold", threshold)
        self.value = finite("Threshold", "value", value)

    def function(self, x: Tensor) -> Tensor:
        """Compute the function of each number."""
        return activations.threshold(x, self.threshold, self.value)


class Softmax(Layer):
    """Scores become probabilities that add up to 1 along ``axis``, or along several.

    Args:
        axis: one axis, or several, counted with the batch as 0.
        options: name, dtype.

    ``call`` takes ``mask=``, truth values of the shape of x, or of its first axes: what is not
    true gets the probability 0.

    >>> Softmax()([[0.0, 0.0]])
    array([[0.5, 0.5]], dtype=float32)
    """

    on_mask = masks.USED

    def __init__(self, axis: int | Sequence[int] = -1, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        given = axis if isinstance(axis, tuple | list) else (axis,)
        for a in given:
            integer("Softmax", "axis", a, least=-64)
        self.axis: int | Shape = tuple(given) if isinstance(axis, tuple | list) else given[0]

    def accept(self, shape: Shape, *more: Shape) -> None:
        """The axes have to be there, and be no samples."""
        axes = self.axis if isinstance(self.axis, tuple) else (self.axis,)
        if not all(-len(shape) < a < len(shape) and a for a in axes):
            raise self.misfit(f"(n, ...) with axis {self.axis}", shape)

    def call(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Compute the function."""
        if mask is not None:
            x = self._without(x, mask)
        axes = sorted(axes_of(self.axis, x.ndim))
        if len(axes) == 1:
            return activations.softmax(x, axis=axes[0])
        others = [i for i in range(x.ndim) if i not in axes]
        moved = x.transpose(*others, *axes)
        rows = moved.reshape(*(x.shape[i] for i in others), -1)
        back = np.argsort([*others, *axes]).tolist()
        return activations.softmax(rows).reshape(moved.shape).transpose(*back)

    def _without(self, x: Tensor, mask: Tensor) -> Tensor:
        """Scores so low that nothing is left of them, but where the mask is true."""
        return masks.without_padding(x, mask, float(np.finfo(x.dtype).min) / 2)


class GLU(Layer):
    """a sigmoid(b), where a and b are the two halves of x along ``axis`` (Dauphin et al., 2017).

    >>> GLU()([[1.0, 2.0, 0.0, 0.0]])
    array([[0.5, 1. ]], dtype=float32)
    """

    on_mask = masks.REFUSED

    def __init__(self, axis: int = -1, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.axis = integer("GLU", "axis", axis, least=-64)

    def accept(self, shape: Shape, *more: Shape) -> None:
        """The axis has to be there, be no samples, and have two halves."""
        there = -len(shape) < self.axis < len(shape) and self.axis
        if not there or shape[self.axis] % 2:
            raise self.misfit(f"(n, ...), of an even size along axis {self.axis}", shape)

    def call(self, x: Tensor) -> Tensor:
        """Compute the function."""
        return activations.glu(x, self.axis)


class RReLU(Noise):
    """y = x above 0, a x below: a is drawn while training, else the middle (Xu et al., 2015).

    Args:
        lower: the least that a may be.
        upper: the most.
        seed: a whole number, for the same numbers each time.
        options: name, dtype.

    >>> RReLU(0.2, 0.4)([[-1.0, 3.0]]).round(3)
    array([[-0.3,  3. ]], dtype=float32)
    """

    def __init__(
        self,
        lower: float = 1 / 8,
        upper: float = 1 / 3,
        seed: int | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(seed, **options)
        self.lower = finite("RReLU", "lower", lower, least=0)
        self.upper = finite("RReLU", "upper", upper, least=0)
        demand(self.lower <= self.upper, "RReLU", "upper", f"at least lower={lower}", upper)

    def disturb(self, x: Tensor) -> Tensor:
        """Draw a slope for each number."""
        drawn = uniform(self.key(), shape=x.shape, dtype=x.dtype)
        slope = drawn * (self.upper - self.lower) + self.lower
        return maximum(x, 0.0) + minimum(x, 0.0) * slope

    def undisturbed(self, x: Tensor) -> Tensor:
        """The middle slope."""
        return where(x > 0.0, x, x * ((self.lower + self.upper) / 2))
