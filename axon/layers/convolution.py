"""Convolution layers: the same small kernel, at every place of an image or a series."""

from abc import abstractmethod
from collections.abc import Callable
from math import prod
from typing import Any, ClassVar, Unpack

from axon import activations, initializers
from axon.activations import Activation
from axon.backend import Array, Shape
from axon.checks import Integers, integer, integers
from axon.core import Tensor
from axon.initializers import InitializerLike
from axon.layers import masks
from axon.layers.base import Layer
from axon.layers.options import LayerOptions
from axon.layers.windows import (
    PaddingLike,
    demand_axes,
    demand_fitting,
    lifted,
    padding_given,
    padding_of,
    spans_of,
)
from axon.names import resolve
from axon.ops.convolution import conv2d
from axon.ops.pad import pad
from axon.parameter import Parameter

MODES = {name: name for name in ("zeros", "reflect", "symmetric", "edge", "circular")}
MODES["replicate"] = "edge"  # as PyTorch calls it


class Convolution(Layer):
    """What all convolutions share: windows, a bias for each filter, an activation.

    Subclasses write ``create``, and ``convolve``, of images: a series is an image of height 1.

    ``padding`` may also be numbers, as in PyTorch: how many zeros lie around, one for all axes, one
    for each, or (before, after) for each. ``padding_mode`` says what lies there instead of zeros:
    "reflect", "symmetric", "edge" (or "replicate") or "circular".
    """

    on_mask = masks.REFUSED
    has_format = True
    axes: ClassVar[int] = 2
    paddings: ClassVar[tuple[str, ...]] = ("valid", "same")
    bias: Parameter | None  # set by subclasses, after the weights: parameters have an order

    def __init__(
        self,
        kernel_size: Integers,
        strides: Integers,
        padding: PaddingLike,
        dilation_rate: Integers,
        activation: str | Activation | None,
        use_bias: bool,
        bias_initializer: InitializerLike,
        padding_mode: str = "zeros",
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        owner = type(self).__name__
        self.kernel_size = integers(owner, "kernel_size", kernel_size, self.axes)
        self.strides = integers(owner, "strides", strides, self.axes)
        self.padding = padding_given(owner, padding, self.paddings, self.axes)
        self.padding_mode = resolve(f"padding_mode of {owner}", padding_mode, MODES)
        self.dilation_rate = integers(owner, "dilation_rate", dilation_rate, self.axes)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.bias_initializer = initializers.get(bias_initializer)

    @abstractmethod
    def convolve(self, x: Tensor) -> Tensor:
        """Compute the convolution of images (N, H, W, C) alone."""

    @property
    def spans(self) -> Shape:
        """How many pixels a window covers along each axis."""
        return spans_of(self.kernel_size, self.dilation_rate)

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Only the channels have to stay as they were: images may have any size."""
        demand_axes(self, shape, self.axes)
        if self._channels not in (None, shape[-1]):
            hint = " The number of channels is fixed by the first input."
            raise self.misfit(f"(n, ..., {self._channels})", shape, hint)
        self.fit(shape)

    def fit(self, shape: Shape) -> None:
        """Raise ValueError if images of this shape cannot be convolved."""
        demand_fitting(self, shape, self.spans, "kernel_size", self.padding)

    def call(self, x: Tensor) -> Tensor:
        """Convolve, add the bias, apply the activation."""
        N, *sizes, C = x.shape
        y = self.convolve(x.reshape(N, *lifted(tuple(sizes)), C))
        N, *sizes, F = y.shape
        if self.bias is not None:
            y = y.reshape(prod(y.shape[:-1]), F) + self.bias  # as rows: its gradient is a product
        return self.activation(y.reshape(N, *sizes[len(sizes) - self.axes :], F))

    def add_bias(self, filters: int) -> None:
        """Create one number for each filter, unless left out."""
        if self.use_bias:
            self.bias = self.parameter("bias", self.bias_initializer, (filters,))

    def windows(self, x: Tensor) -> tuple[Tensor, dict[str, Any]]:
        """These images, and what ``conv2d`` has to know of the windows on them."""
        strides = lifted(self.strides)
        padding = padding_of(self.padding, x.shape[1:-1], lifted(self.spans), strides)
        if self.padding_mode != "zeros":
            x = pad(x, ((0, 0), *padding, (0, 0)), self.padding_mode)
            padding = ((0, 0),) * len(padding)
        dilation = lifted(self.dilation_rate)
        return x, {"strides": strides, "padding": padding, "dilation": dilation}


class OverTime(Convolution):
    """Convolutions of series, of which some steps may be padding."""

    on_mask = masks.USED
    axes = 1

    def call(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Convolve what is real, add the bias, apply the activation."""
        if mask is not None:
            x = masks.without_padding(x, masks.demand_steps(self.name, mask, x))
        return super().call(x)

    def compute_mask(self, x: Tensor | Array, mask: masks.Mask = None) -> masks.Mask:
        """Which results are real."""
        if mask is None:
            return None
        name = masks.demand_name(self.name, self.padding)
        apart = self.dilation_rate[0]
        return masks.of_windows(mask, name, self.kernel_size[0], self.strides[0], apart)


class Filters(Convolution):
    """Conv1D to Conv3D, which differ in the number of axes alone."""

    conv: ClassVar[Callable[..., Tensor]] = conv2d

    def __init__(
        self,
        filters: int,
        kernel_size: Integers,
        strides: Integers = 1,
        padding: PaddingLike = "valid",
        *,
        dilation_rate: Integers = 1,
        groups: int = 1,
        activation: str | Activation | None = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        padding_mode: str = "zeros",
        **options: Unpack[LayerOptions],
    ) -> None:
        windows = (kernel_size, strides, padding, dilation_rate)
        starts = (activation, use_bias, bias_initializer, padding_mode)
        super().__init__(*windows, *starts, **options)
        owner = type(self).__name__
        self.filters = integer(owner, "filters", filters)
        self.groups = integer(owner, "groups", groups)
        if self.filters % self.groups:
            raise ValueError(f"{owner}: groups={groups} must divide filters={filters}.")
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.weights: Parameter | None = None
        self.bias = None

    def fit(self, shape: Shape) -> None:
        """Groups must divide the channels; the windows must fit."""
        if shape[-1] % self.groups:
            expected = f"(n, ..., a multiple of {self.groups})"
            raise self.misfit(expected, shape, f" groups={self.groups} must divide the channels.")
        super().fit(shape)

    def create(self, *input_shapes: Shape) -> None:
        """Create the kernel and the bias."""
        shape = (*self.kernel_size, input_shapes[0][-1] // self.groups, self.filters)
        self.weights = self.parameter("weights", self.kernel_initializer, shape)
        self.add_bias(self.filters)

    def convolve(self, x: Tensor) -> Tensor:
        """Compute the convolution with the kernel."""
        assert self.weights is not None
        kernel = self.weights.reshape(*lifted(self.kernel_size), *self.weights.shape[-2:])
        images, windows = self.windows(x)
        return type(self).conv(images, kernel, groups=self.groups, **windows)


class Conv2D(Filters):
    """Convolution of images: each of ``filters`` small kernels looks for its pattern everywhere.

    y[n, i, j, f] = activation(sum over kh, kw, c of x[n, i + kh, j + kw, c] w[kh, kw, c, f] + b[f])

    Args:
        filters: how many patterns to look for: the channels of the result.
        kernel_size: height and width of the kernels; one number for squares.
        strides: how far apart the kernel is applied.
        padding: "valid", only where the kernel fits; or "same": zeros around the images, so that
            the result has their size, divided by the strides; or how many zeros, as in PyTorch:
            one number, (height, width), or ((above, below), (left, right)).
        dilation_rate: how far apart the pixels that a kernel looks at lie.
        groups: channels and filters fall into this many groups that do not know of each other.
        activation: a function or its name; None is linear.
        use_bias: False leaves b out.
        kernel_initializer: how the kernel begins.
        bias_initializer: how b begins.
        padding_mode: what lies around instead of "zeros": "reflect", "symmetric", "edge" (or
            "replicate"), "circular".
        options: name, dtype, trainable, kernel_regularizer, bias_constraint and the like.

    Shapes: (n, height, width, channels) -> (n, new height, new width, filters).

    Parameters: ``weights`` (kernel height, kernel width, channels / groups, filters), ``bias``
    (filters,).

    >>> import numpy as np
    >>> Conv2D(32, 3, activation="relu").forward(np.zeros((2, 28, 28, 1))).shape
    (2, 26, 26, 32)
    >>> Conv2D(8, 3, strides=2, padding="same").forward(np.zeros((2, 28, 28, 1))).shape
    (2, 14, 14, 8)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Integers,
        strides: Integers = (1, 1),
        padding: PaddingLike = "valid",
        *,
        dilation_rate: Integers = (1, 1),
        groups: int = 1,
        activation: str | Activation | None = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        padding_mode: str = "zeros",
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(
            filters,
            kernel_size,
            strides,
            padding,
            dilation_rate=dilation_rate,
            groups=groups,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            padding_mode=padding_mode,
            **options,
        )


class Conv1D(OverTime, Filters):
    """Convolution of series: each of ``filters`` short kernels looks for its pattern at all times.

    y[n, t, f] = activation(sum over k, c of x[n, t + k, c] w[k, c, f] + b[f])

    The arguments are those of Conv2D, with one number where that has two. ``padding`` may also be
    "causal": zeros before the series, so that the result at t depends on nothing after t.

    With a mask (n, time), padding counts as the zeros around a series do. A result is real where
    that is which it stands for; of "valid" ones, where the whole kernel lies on real steps.

    Shapes: (n, time, channels) -> (n, new time, filters).

    Parameters: ``weights`` (kernel size, channels / groups, filters), ``bias`` (filters,).

    >>> import numpy as np
    >>> Conv1D(32, 5).forward(np.zeros((2, 100, 3))).shape
    (2, 96, 32)
    >>> Conv1D(32, 5, padding="causal").forward(np.zeros((2, 100, 3))).shape
    (2, 100, 32)
    """

    paddings = ("valid", "same", "causal")


ELSEWHERE = {  # what lay here once: old pickles ask for it
    **dict.fromkeys(("Depthwise", "DepthwiseConv2D", "Separable", "SeparableConv2D"), "separable"),
    **dict.fromkeys(("Conv2DTranspose", "Transposed"), "transposed"),
}


def __getattr__(name: str) -> object:
    if name not in ELSEWHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"axon.layers.{ELSEWHERE[name]}"), name)
