"""Layers of two inputs: how alike or how far apart they are, and products of both with weights."""

from typing import Unpack

import numpy as np

from axon import activations, initializers
from axon.activations import Activation
from axon.backend import Shape
from axon.checks import boolean, demand, finite, integer, number
from axon.core import Tensor
from axon.initializers import InitializerLike
from axon.layers import masks
from axon.layers.base import Layer
from axon.layers.merge import Merge
from axon.layers.options import LayerOptions
from axon.ops.compare import where
from axon.ops.elementwise import absolute, maximum, power, sqrt
from axon.parameter import Parameter


class CosineSimilarity(Merge):
    """The cosine of the angle between two vectors: 1 where they point the same way, -1 opposite.

    y = sum a b / (max(|a|, eps) max(|b|, eps)), along an axis.

    Args:
        axis: along which the vectors lie; 1 unless told otherwise, as in PyTorch.
        eps: the least length that a vector counts as.
        options: name, dtype.

    >>> CosineSimilarity()([np.array([[1.0, 0.0]]), np.ones((1, 2))]).round(4)
    array([0.7071], dtype=float32)
    """

    on_mask = masks.EACH
    inputs_needed = range(2, 3)

    def __init__(self, axis: int = 1, eps: float = 1e-8, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        demand(axis != 0, "CosineSimilarity", "axis", "another than 0, the samples'", axis)
        self.axis = integer("CosineSimilarity", "axis", axis, least=-9)
        self.eps = finite("CosineSimilarity", "eps", eps, least=0)

    def merge(self, xs: list[Tensor]) -> Tensor:
        """Compute it."""
        a, b = xs
        return ((a / self._length(a)) * (b / self._length(b))).sum(self.axis)

    def _length(self, x: Tensor) -> Tensor:
        """How long vectors are, at least eps; the slope is that of the length, as in PyTorch."""
        total = (x * x).sum(self.axis, keepdims=True)
        some = total > 0.0  # the root of 0 has no slope
        length = where(some, sqrt(where(some, total, 1.0)), 0.0)
        return length + (maximum(length, self.eps) - length).detach()

    def incoming(self, *inputs: Tensor) -> None:
        """No steps are told apart in the result: no mask."""


class PairwiseDistance(Merge):
    """How far two vectors lie apart: (sum |a - b + eps|^p)^(1 / p), along the last axis.

    Args:
        p: 2 is the distance along a straight line, 1 that along the axes, infinity the largest
            along one of them.
        eps: added to each difference, so that equal vectors have a slope.
        keepdim: keep the last axis, as one of size 1.
        options: name, dtype.

    >>> PairwiseDistance()([np.zeros((1, 2)), np.array([[3.0, 4.0]])]).round(4)
    array([5.], dtype=float32)
    """

    on_mask = masks.EACH
    inputs_needed = range(2, 3)

    def __init__(
        self,
        p: float = 2.0,
        eps: float = 1e-6,
        keepdim: bool = False,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        self.p = float(p) if p in (np.inf, "inf") else number("PairwiseDistance", "p", p, least=0)
        self.eps = finite("PairwiseDistance", "eps", eps, least=0)
        self.keepdim = boolean("PairwiseDistance", "keepdim", keepdim)

    def merge(self, xs: list[Tensor]) -> Tensor:
        """Compute it."""
        a, b = xs
        apart = absolute(a - b + self.eps)
        if self.p == np.inf:
            return apart.max(-1, keepdims=self.keepdim)
        if self.p == 0:
            return where(apart > 0.0, 1.0, apart * 0.0).sum(-1, keepdims=self.keepdim)
        total = power(apart, self.p).sum(-1, keepdims=self.keepdim)
        some = total > 0.0
        return where(some, power(where(some, total, 1.0), 1 / self.p), 0.0)

    def incoming(self, *inputs: Tensor) -> None:
        """No steps are told apart in the result: no mask."""


class Bilinear(Layer):
    """y_k = f(a W_k b + c_k): products of each number of one input with each of another.

    Args:
        units: how many results k.
        activation: a function or its name; None is linear.
        use_bias: False leaves c out.
        kernel_initializer: how W begins.
        bias_initializer: how c begins.
        options: name, dtype, trainable, kernel_regularizer, bias_constraint and the like.

    Shapes: (n, ..., A) and (n, ..., B) -> (n, ..., units). Parameters: ``weights`` (A, B, units),
    ``bias`` (units,).

    >>> layer = Bilinear(1, kernel_initializer="ones")
    >>> layer([np.array([[1.0, 2.0]]), np.array([[3.0]])])
    array([[9.]], dtype=float32)
    """

    on_mask = masks.STEPS

    def __init__(
        self,
        units: int,
        activation: str | Activation | None = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        self.units = integer("Bilinear", "units", units)
        self.activation = activations.get(activation)
        self.use_bias = boolean("Bilinear", "use_bias", use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.weights: Parameter | None = None
        self.bias: Parameter | None = None

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Two inputs that differ in the last axis alone, of the sizes that the first ones had."""
        if len(more) != 1:
            raise ValueError(
                f"layer {self.name!r} ({self!r}): expected 2 inputs, got {1 + len(more)}: "
                f"{self.name}([a, b])."
            )
        sizes = None if self.weights is None else self.weights.shape[:2]
        wanted = sizes or ("features", "others")
        for given, other, size in ((shape, more[0], wanted[0]), (more[0], shape, wanted[1])):
            fits = len(given) > 1 and len(given) == len(other) and given[:-1] == other[:-1]
            if not fits or (sizes and given[-1] != size):
                raise self.misfit(f"(n, ..., {size}), the same but for the last axis", given)

    def create(self, *input_shapes: Shape) -> None:
        """Create W and, unless left out, c."""
        shape = (input_shapes[0][-1], input_shapes[1][-1], self.units)
        self.weights = self.parameter("weights", self.kernel_initializer, shape)
        if self.use_bias:
            self.bias = self.parameter("bias", self.bias_initializer, (self.units,))

    def call(self, *inputs: Tensor) -> Tensor:
        """Compute it."""
        assert self.weights is not None
        a, b = inputs
        A, B, units = self.weights.shape
        rows = a.reshape(-1, A) @ self.weights.reshape(A, B * units)
        y = (b.reshape(-1, 1, B) @ rows.reshape(-1, B, units)).reshape(*a.shape[:-1], units)
        return self.activation(y if self.bias is None else y + self.bias)
