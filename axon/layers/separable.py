"""Convolutions with few weights, which convolve each channel alone."""

from typing import Any, Unpack

from axon import initializers
from axon.activations import Activation
from axon.backend import Shape
from axon.checks import Integers, integer
from axon.core import Tensor
from axon.initializers import InitializerLike
from axon.layers.convolution import Convolution
from axon.layers.options import LayerOptions
from axon.layers.windows import PaddingLike, lifted
from axon.ops.convolution import conv2d
from axon.parameter import Parameter


def _by_channel(x: Tensor, weights: Tensor, windows: dict[str, Any]) -> Tensor:
    """Convolve each channel alone with its (KH, KW, C, multiplier) kernels, or (K, C, ...) ones."""
    *sizes, C, multiplier = weights.shape
    kernel = weights.reshape(*lifted(tuple(sizes)), 1, C * multiplier)
    return conv2d(x, kernel, groups=C, **windows)


class Depthwise(Convolution):
    """DepthwiseConv1D and DepthwiseConv2D, which differ in the number of axes alone."""

    def __init__(
        self,
        kernel_size: Integers,
        strides: Integers = 1,
        padding: PaddingLike = "valid",
        depth_multiplier: int = 1,
        *,
        dilation_rate: Integers = 1,
        activation: str | Activation | None = None,
        use_bias: bool = True,
        depthwise_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        **options: Unpack[LayerOptions],
    ) -> None:
        windows = (kernel_size, strides, padding, dilation_rate)
        super().__init__(*windows, activation, use_bias, bias_initializer, **options)
        self.depth_multiplier = integer(type(self).__name__, "depth_multiplier", depth_multiplier)
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.weights: Parameter | None = None
        self.bias = None

    def create(self, *input_shapes: Shape) -> None:
        """Create the kernels and the bias."""
        shape = (*self.kernel_size, input_shapes[0][-1], self.depth_multiplier)
        self.weights = self.parameter("depthwise", self.depthwise_initializer, shape)
        self.weights.name = "weights"  # its rules are called depthwise_regularizer= and so on
        self.add_bias(shape[-2] * shape[-1])

    def convolve(self, x: Tensor) -> Tensor:
        """Compute the convolution of each channel."""
        assert self.weights is not None
        images, windows = self.windows(x)
        return _by_channel(images, self.weights, windows)


class DepthwiseConv2D(Depthwise):
    """Convolution of each channel alone, with ``depth_multiplier`` kernels of its own.

    y[n, i, j, c m + k] = activation(sum over kh, kw of x[n, i + kh, j + kw, c] w[kh, kw, c, k] + b)

    Args:
        kernel_size: height and width of the kernels; one number for squares.
        depth_multiplier: m, how many kernels each channel has.
        depthwise_initializer: how the kernels begin.

    The other arguments are those of Conv2D.

    Shapes: (n, height, width, channels) -> (n, new height, new width, channels m).

    Parameters: ``weights`` (kernel height, kernel width, channels, m), ``bias`` (channels m,).

    >>> import numpy as np
    >>> DepthwiseConv2D(3, depth_multiplier=2).forward(np.zeros((1, 8, 8, 4))).shape
    (1, 6, 6, 8)
    """

    def __init__(
        self,
        kernel_size: Integers,
        strides: Integers = (1, 1),
        padding: PaddingLike = "valid",
        depth_multiplier: int = 1,
        *,
        dilation_rate: Integers = (1, 1),
        activation: str | Activation | None = None,
        use_bias: bool = True,
        depthwise_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(
            kernel_size,
            strides,
            padding,
            depth_multiplier,
            dilation_rate=dilation_rate,
            activation=activation,
            use_bias=use_bias,
            depthwise_initializer=depthwise_initializer,
            bias_initializer=bias_initializer,
            **options,
        )


class Separable(Convolution):
    """SeparableConv1D and SeparableConv2D, which differ in the number of axes alone."""

    def __init__(
        self,
        filters: int,
        kernel_size: Integers,
        strides: Integers = 1,
        padding: PaddingLike = "valid",
        *,
        dilation_rate: Integers = 1,
        depth_multiplier: int = 1,
        activation: str | Activation | None = None,
        use_bias: bool = True,
        depthwise_initializer: InitializerLike = "glorot_uniform",
        pointwise_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        **options: Unpack[LayerOptions],
    ) -> None:
        windows = (kernel_size, strides, padding, dilation_rate)
        super().__init__(*windows, activation, use_bias, bias_initializer, **options)
        self.filters = integer(type(self).__name__, "filters", filters)
        self.depth_multiplier = integer(type(self).__name__, "depth_multiplier", depth_multiplier)
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.pointwise_initializer = initializers.get(pointwise_initializer)
        self.depthwise_weights: Parameter | None = None
        self.pointwise_weights: Parameter | None = None
        self.bias = None

    def create(self, *input_shapes: Shape) -> None:
        """Create both kernels and the bias."""
        C, m = input_shapes[0][-1], self.depth_multiplier
        depthwise = (*self.kernel_size, C, m)
        pointwise = (*(1,) * self.axes, C * m, self.filters)
        self.depthwise_weights = self.parameter("depthwise", self.depthwise_initializer, depthwise)
        self.pointwise_weights = self.parameter("pointwise", self.pointwise_initializer, pointwise)
        self.depthwise_weights.name = "depthwise_weights"
        self.pointwise_weights.name = "pointwise_weights"
        self.add_bias(self.filters)

    def convolve(self, x: Tensor) -> Tensor:
        """Convolve each channel, then mix them."""
        assert self.depthwise_weights is not None
        assert self.pointwise_weights is not None
        images, windows = self.windows(x)
        each = _by_channel(images, self.depthwise_weights, windows)
        return conv2d(
            each, self.pointwise_weights.reshape(1, 1, *self.pointwise_weights.shape[-2:])
        )


class SeparableConv2D(Separable):
    """A convolution of each channel alone, then one of 1 x 1 that mixes the channels.

    Nearly as able as Conv2D, with far fewer weights (Chollet, 2017).

    Args:
        filters: the channels of the result.
        kernel_size: height and width of the kernels; one number for squares.
        depth_multiplier: how many kernels each channel has.
        depthwise_initializer: how the kernels of the channels begin.
        pointwise_initializer: how the mixing begins.

    The other arguments are those of Conv2D.

    Shapes: (n, height, width, channels) -> (n, new height, new width, filters).

    Parameters: ``depthwise_weights`` (kernel height, kernel width, channels, m),
    ``pointwise_weights`` (1, 1, channels m, filters), ``bias`` (filters,).

    >>> import numpy as np
    >>> layer = SeparableConv2D(16, 3)
    >>> layer.forward(np.zeros((1, 8, 8, 4))).shape, layer.count_params()
    ((1, 6, 6, 16), 116)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Integers,
        strides: Integers = (1, 1),
        padding: PaddingLike = "valid",
        *,
        dilation_rate: Integers = (1, 1),
        depth_multiplier: int = 1,
        activation: str | Activation | None = None,
        use_bias: bool = True,
        depthwise_initializer: InitializerLike = "glorot_uniform",
        pointwise_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(
            filters,
            kernel_size,
            strides,
            padding,
            dilation_rate=dilation_rate,
            depth_multiplier=depth_multiplier,
            activation=activation,
            use_bias=use_bias,
            depthwise_initializer=depthwise_initializer,
            pointwise_initializer=pointwise_initializer,
            bias_initializer=bias_initializer,
            **options,
        )
