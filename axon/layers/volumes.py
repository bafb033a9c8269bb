"""Convolutions along one axis and along three: of what Conv2D, Conv2DTranspose and others are."""

from typing import Unpack

from axon.activations import Activation
from axon.checks import Integers
from axon.initializers import InitializerLike
from axon.layers import masks
from axon.layers.convolution import Filters, OverTime
from axon.layers.options import LayerOptions
from axon.layers.separable import Depthwise, Separable
from axon.layers.transposed import Transposed
from axon.layers.windows import PaddingLike
from axon.ops.volumes import conv3d, conv3d_input


class Conv3D(Filters):
    """Convolution of volumes, such as films or scans: small kernels look for patterns everywhere.

    The arguments are those of Conv2D, with three numbers where that has two.

    Shapes: (n, depth, height, width, channels) -> (n, new depth, new height, new width, filters).

    Parameters: ``weights`` (kernel depth, height, width, channels / groups, filters), ``bias``
    (filters,).

    >>> import numpy as np
    >>> Conv3D(4, 3, padding="same").forward(np.zeros((1, 5, 6, 7, 2))).shape
    (1, 5, 6, 7, 4)
    """

    axes = 3
    conv = staticmethod(conv3d)

    def __init__(
        self,
        filters: int,
        kernel_size: Integers,
        strides: Integers = (1, 1, 1),
        padding: PaddingLike = "valid",
        *,
        dilation_rate: Integers = (1, 1, 1),
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


class DepthwiseConv1D(OverTime, Depthwise):
    """Convolution of each channel of series alone; the arguments are those of DepthwiseConv2D.

    ``padding`` may also be "causal", and masks count, as for Conv1D.

    Shapes: (n, time, channels) -> (n, new time, channels m).

    Parameters: ``weights`` (kernel size, channels, m), ``bias`` (channels m,).

    >>> import numpy as np
    >>> DepthwiseConv1D(3, depth_multiplier=2).forward(np.zeros((1, 8, 4))).shape
    (1, 6, 8)
    """

    paddings = ("valid", "same", "causal")


class SeparableConv1D(OverTime, Separable):
    """A convolution of each channel of series alone, then a mixing; as SeparableConv2D.

    ``padding`` may also be "causal", and masks count, as for Conv1D.

    Shapes: (n, time, channels) -> (n, new time, filters).

    Parameters: ``depthwise_weights`` (kernel size, channels, m), ``pointwise_weights`` (1,
    channels m, filters), ``bias`` (filters,).

    >>> import numpy as np
    >>> SeparableConv1D(16, 3).forward(np.zeros((1, 8, 4))).shape
    (1, 6, 16)
    """

    paddings = ("valid", "same", "causal")


class Conv1DTranspose(Transposed):
    """A convolution of series run backwards, so that they grow by the strides.

    The arguments are those of Conv2DTranspose.

    Shapes: (n, time, channels) -> (n, new time, filters).

    Parameters: ``weights`` (kernel size, filters, channels), ``bias`` (filters,).

    >>> import numpy as np
    >>> Conv1DTranspose(8, 3, strides=2, padding="same").forward(np.zeros((1, 7, 4))).shape
    (1, 14, 8)
    """

    on_mask = masks.REFUSED
    axes = 1


class Conv3DTranspose(Transposed):
    """A convolution of volumes run backwards, so that they grow by the strides.

    The arguments are those of Conv2DTranspose.

    Shapes: (n, depth, height, width, channels) -> (n, new depth, new height, new width, filters).

    Parameters: ``weights`` (kernel depth, height, width, filters, channels), ``bias`` (filters,).

    >>> import numpy as np
    >>> Conv3DTranspose(2, 2, strides=2).forward(np.zeros((1, 2, 3, 4, 1))).shape
    (1, 4, 6, 8, 2)
    """

    axes = 3
    conv_input = staticmethod(conv3d_input)

    def __init__(
        self,
        filters: int,
        kernel_size: Integers,
        strides: Integers = (1, 1, 1),
        padding: PaddingLike = "valid",
        output_padding: Integers | None = None,
        dilation_rate: Integers = (1, 1, 1),
        activation: str | Activation | None = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        **options: Unpack[LayerOptions],
    ) -> None:
        windows = (kernel_size, strides, padding, output_padding, dilation_rate)
        starts = (activation, use_bias, kernel_initializer, bias_initializer)
        super().__init__(filters, *windows, *starts, **options)
