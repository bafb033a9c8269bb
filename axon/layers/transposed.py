"""The convolution layer that makes images larger."""

from typing import Unpack

from axon import initializers
from axon.activations import Activation
from axon.backend import Shape
from axon.checks import Integers, integer, integers
from axon.core import Tensor
from axon.initializers import InitializerLike
from axon.layers.convolution import Convolution
from axon.layers.options import LayerOptions
from axon.ops.conv import conv2d_input
from axon.ops.windows import Pair
from axon.parameter import Parameter


class Conv2DTranspose(Convolution):
    """A convolution run backwards: each pixel paints a kernel, so that images grow by the strides.

    It is the gradient of a Conv2D with these arguments with respect to its images.

    Args:
        filters: the channels of the result.
        kernel_size: height and width of the kernels; one number for squares.
        strides: how far apart the kernels are painted.
        padding: "valid", all that is painted; "same", cut to the size of the input times strides.
        output_padding: rows and columns to add at the end, fewer than the strides; None chooses
            the size as said under ``padding``.

    The other arguments are those of Conv2D.

    Shapes: (n, height, width, channels) -> (n, new height, new width, filters).

    Parameters: ``weights`` (kernel height, kernel width, filters, channels), ``bias`` (filters,).

    >>> import numpy as np
    >>> Conv2DTranspose(8, 3, strides=2, padding="same").forward(np.zeros((1, 7, 7, 4))).shape
    (1, 14, 14, 8)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Integers,
        strides: Integers = (1, 1),
        padding: str = "valid",
        output_padding: Integers | None = None,
        dilation_rate: Integers = (1, 1),
        activation: str | Activation | None = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        **options: Unpack[LayerOptions],
    ) -> None:
        windows = (kernel_size, strides, padding, dilation_rate)
        super().__init__(*windows, activation, use_bias, bias_initializer, **options)
        self.filters = integer("Conv2DTranspose", "filters", filters)
        self.output_padding = _rest(output_padding, self.strides)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.weights: Parameter | None = None
        self.bias = None

    def fit(self, shape: Shape) -> None:
        """Something must be left of what is painted."""
        H, W = self._sizes(shape)
        if min(H, W) < 1:
            hint = f" The result would be {H} x {W}: give a larger output_padding, or none."
            raise self.misfit("(n, larger, larger, channels)", shape, hint)

    def create(self, *input_shapes: Shape) -> None:
        """Create the kernel and the bias."""
        shape = (*self.kernel_size, self.filters, input_shapes[0][-1])
        self.weights = self.parameter("weights", self.kernel_initializer, shape)
        self.add_bias(self.filters)

    def convolve(self, x: Tensor) -> Tensor:
        """Run the convolution backwards."""
        H, W = self._sizes(x.shape)
        assert self.weights is not None
        y: Tensor = conv2d_input(
            x,
            self.weights,
            shape=(len(x), H, W, self.filters),
            strides=self.strides,
            padding=(self._cut(0, x.shape[1], H), self._cut(1, x.shape[2], W)),
            dilation=self.dilation_rate,
        )
        return y

    def _painted(self, axis: int, n: int) -> int:
        """The size of all that n pixels paint along an axis."""
        return (n - 1) * self.strides[axis] + self.spans[axis]

    def _sizes(self, shape: Shape) -> Shape:
        """Height and width of the result."""
        return tuple(self._size(axis, shape[1 + axis]) for axis in (0, 1))

    def _size(self, axis: int, n: int) -> int:
        span, stride = self.spans[axis], self.strides[axis]
        valid, rest = self.padding == "valid", self.output_padding
        if rest is None:
            return self._painted(axis, n) + max(stride - span, 0) if valid else n * stride
        return (n - 1) * stride + (span if valid else span % 2) + rest[axis]

    def _cut(self, axis: int, n: int, size: int) -> Pair:
        """How much of what is painted is cut off before and after the result."""
        painted = self._painted(axis, n)
        before = max(painted - size, 0) // 2
        return before, max(painted - before - size, 0)


def _rest(value: Integers | None, strides: Shape) -> Shape | None:
    """Read ``output_padding``."""
    if value is None:
        return None
    extra = integers("Conv2DTranspose", "output_padding", value, 2, least=0)
    if any(e >= s for e, s in zip(extra, strides, strict=True)):
        raise ValueError(
            f"Conv2DTranspose: output_padding={value!r} must be smaller than strides={strides}: "
            "nothing is painted so far beyond the end."
        )
    return extra
