"""Convolutions that run backwards, and make images larger."""

from collections.abc import Callable
from typing import ClassVar, Unpack

from axon import initializers
from axon.activations import Activation
from axon.backend import Shape
from axon.checks import Integers, demand, integer, integers
from axon.core import Tensor
from axon.initializers import InitializerLike
from axon.layers.convolution import Convolution
from axon.layers.options import LayerOptions
from axon.layers.windows import PaddingLike, lifted
from axon.ops.convolution import conv2d_input
from axon.ops.windows import Pair
from axon.parameter import Parameter


def _of_images(w: Tensor) -> Tensor:
    """A kernel of series (K, C, F) as one of images; others as they are."""
    return w if w.ndim > 3 else w.reshape(1, *w.shape)


class Transposed(Convolution):
    """Conv1DTranspose to Conv3DTranspose, which differ in the number of axes alone."""

    conv_input: ClassVar[Callable[..., Tensor]] = conv2d_input

    def __init__(
        self,
        filters: int,
        kernel_size: Integers,
        strides: Integers = 1,
        padding: PaddingLike = "valid",
        output_padding: Integers | None = None,
        dilation_rate: Integers = 1,
        activation: str | Activation | None = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        **options: Unpack[LayerOptions],
    ) -> None:
        windows = (kernel_size, strides, padding, dilation_rate)
        super().__init__(*windows, activation, use_bias, bias_initializer, **options)
        owner, mode = type(self).__name__, self.padding_mode
        demand(mode == "zeros", owner, "padding_mode", "'zeros', nothing else is cut off", mode)
        self.filters = integer(owner, "filters", filters)
        self.output_padding = _rest(type(self).__name__, output_padding, self.strides)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.weights: Parameter | None = None
        self.bias = None

    def fit(self, shape: Shape) -> None:
        """Something must be left of what is painted."""
        sizes = self._sizes(shape[1:-1])
        if min(sizes) < 1:
            result = " x ".join(map(str, sizes))
            hint = f" The result would be {result}: give a larger output_padding, or none."
            expected = ", ".join(["larger"] * self.axes)
            raise self.misfit(f"(n, {expected}, channels)", shape, hint)

    def create(self, *input_shapes: Shape) -> None:
        """Create the kernel and the bias."""
        shape = (*self.kernel_size, self.filters, input_shapes[0][-1])
        self.weights = self.parameter("weights", self.kernel_initializer, shape)
        self.add_bias(self.filters)

    def convolve(self, x: Tensor) -> Tensor:
        """Run the convolution backwards."""
        assert self.weights is not None
        given = x.shape[1:-1][-self.axes :]
        sizes = self._sizes(given)
        cut = tuple(self._cut(i, n, m) for i, (n, m) in enumerate(zip(given, sizes, strict=True)))
        return type(self).conv_input(
            x,
            _of_images(self.weights),
            shape=(len(x), *lifted(sizes), self.filters),
            strides=lifted(self.strides),
            padding=((0, 0), *cut) if self.axes == 1 else cut,
            dilation=lifted(self.dilation_rate),
        )

    def _painted(self, axis: int, n: int) -> int:
        """The size of all that n pixels paint along an axis."""
        return (n - 1) * self.strides[axis] + self.spans[axis]

    def _sizes(self, sizes: Shape) -> Shape:
        """Height and width of the result."""
        return tuple(self._size(axis, n) for axis, n in enumerate(sizes))

    def _size(self, axis: int, n: int) -> int:
        span, stride = self.spans[axis], self.strides[axis]
        valid, rest = self.padding == "valid", self.output_padding
        if not isinstance(self.padding, str):
            more = 0 if rest is None else rest[axis]
            return self._painted(axis, n) - sum(self.padding[axis]) + more
        if rest is None:
            return self._painted(axis, n) + max(stride - span, 0) if valid else n * stride
        return (n - 1) * stride + (span if valid else span % 2) + rest[axis]

    def _cut(self, axis: int, n: int, size: int) -> Pair:
        """How much of what is painted is cut off before and after the result."""
        painted = self._painted(axis, n)
        named = isinstance(self.padding, str)
        before = max(painted - size, 0) // 2 if named else int(self.padding[axis][0])
        return before, max(painted - before - size, 0)


class Conv2DTranspose(Transposed):
    """A convolution run backwards: each pixel paints a kernel, so that images grow by the strides.

    It is the gradient of a Conv2D with these arguments with respect to its images.

    Args:
        filters: the channels of the result.
        kernel_size: height and width of the kernels; one number for squares.
        strides: how far apart the kernels are painted.
        padding: "valid", all that is painted; "same", cut to the size of the input times strides;
            or how much is cut off, as in PyTorch: one number, one for each axis, or pairs.
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
        padding: PaddingLike = "valid",
        output_padding: Integers | None = None,
        dilation_rate: Integers = (1, 1),
        activation: str | Activation | None = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(
            filters,
            kernel_size,
            strides,
            padding,
            output_padding,
            dilation_rate,
            activation,
            use_bias,
            kernel_initializer,
            bias_initializer,
            **options,
        )


def _rest(owner: str, value: Integers | None, strides: Shape) -> Shape | None:
    """Read ``output_padding``."""
    if value is None:
        return None
    extra = integers(owner, "output_padding", value, len(strides), least=0)
    if any(e >= s for e, s in zip(extra, strides, strict=True)):
        raise ValueError(
            f"{owner}: output_padding={value!r} must be smaller than strides={strides}: "
            "nothing is painted so far beyond the end."
        )
    return extra
