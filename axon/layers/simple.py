"""Small layers: functions of one's own, costs, products by Einstein's rule, moved pixels, noise."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Unpack

import numpy as np

from axon import activations, initializers
from axon.activations import Activation
from axon.activations.selu import ALPHA, SCALE
from axon.backend import Shape
from axon.checks import Integers, demand, integer, integers
from axon.core import Tensor
from axon.initializers import InitializerLike
from axon.layers import masks
from axon.layers.base import Layer
from axon.layers.noise import Dropout, SpatialDropout1D, _share
from axon.layers.options import LayerOptions
from axon.layers.windows import PaddingLike, Windowed, demand_fitting, ends_of
from axon.ops.edges import dilated
from axon.ops.join import concatenate
from axon.ops.pad import pad
from axon.ops.random import dropout_mask, threshold_of
from axon.parameter import Parameter
from axon.program.changing import ChangingNumber
from axon.regularizers import L1L2


class Identity(Layer):
    """y = x.

    >>> Identity()([[1.0, 2.0]])
    array([[1., 2.]], dtype=float32)
    """

    on_mask = masks.EACH

    def __init__(self, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Inputs may have any shape."""

    def call(self, x: Tensor) -> Tensor:
        """Pass it on."""
        return x[...]


class ActivityRegularization(Identity):
    """y = x, and the loss grows by l1 sum |x| + l2 sum x^2, of which each sample has a share.

    Args:
        l1: the cost of absolute values.
        l2: the cost of squares.
        options: name, dtype.

    >>> ActivityRegularization(l1=0.1)([[1.0, -2.0]])
    array([[ 1., -2.]], dtype=float32)
    """

    on_mask = masks.EACH

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **options: Unpack[LayerOptions]) -> None:
        options["activity_regularizer"] = L1L2(l1, l2)
        super().__init__(**options)
        self.l1, self.l2 = float(l1), float(l2)


def _named(function: object) -> Any:
    """Find the activation of that name, which files name alone; all else stays what it is."""
    known = {**activations.ACTIVATIONS, **activations.COMBINED}
    return known.get(function, function) if isinstance(function, str) else function


class Lambda(Layer):
    """A function of one's own as a layer: y = function(x).

    Args:
        function: from a Tensor to a Tensor, made of AXON's operations, or the name of an
            activation. Of others a file keeps the name alone:
            ``load_model(path, custom_objects={"cube": cube})`` says which function that is. One
            without a name, a ``lambda``, can be trained with, but not saved.
        output_shape: of Keras; the shape is found by itself, and nothing is done with it.
        mask: not known here; write a Layer with ``compute_mask``.
        arguments: keyword arguments of the function.
        options: name, dtype.

    >>> def cube(x):
    ...     return x * x * x
    >>> Lambda(cube)([[2.0]])
    array([[8.]], dtype=float32)
    """

    def __init__(
        self,
        function: str | Callable[..., Tensor],
        output_shape: Any = None,
        mask: None = None,
        arguments: Mapping[str, Any] | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        found = _named(function)
        hint = " A file keeps a name: load_model(path, custom_objects={name: function})."
        demand(callable(found), "Lambda", "function", "a function of a Tensor", function, hint)
        hint = " Write a Layer with a compute_mask of its own."
        demand(mask is None, "Lambda", "mask", "left out", mask, hint)
        self.function: Callable[..., Tensor] = found
        self.output_shape_given = output_shape
        self.arguments = dict(arguments or {})

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Inputs may have any shape."""

    def call(self, x: Tensor) -> Tensor:
        """Call the function."""
        return self.function(x, **self.arguments)

    def config(self) -> dict[str, Any]:
        """The arguments that make this layer again; the shape was found by itself."""
        return {**super().config(), "output_shape": None, "arguments": self.arguments or None}


class EinsumDense(Layer):
    """y = f(einsum(equation, x, W) + b): a Dense along any axes.

    Args:
        equation: such as "abc,cd->abd"; ``...`` stands for any axes before, or behind.
        output_shape: of a sample; one number for one axis, None where an axis is that of x.
        activation: a function or its name; None is linear.
        bias_axes: letters of the output's axes that have a bias of their own, such as "d"; None: no
            bias.
        kernel_initializer: how W begins.
        bias_initializer: how b begins.
        options: name, dtype, trainable, kernel_regularizer, bias_constraint and the like.

    Parameters: ``weights``, of the sizes that its letters have; ``bias``.

    >>> EinsumDense("ab,bc->ac", 4, bias_axes="c")(np.ones((2, 3))).shape
    (2, 4)
    """

    on_mask = masks.REFUSED

    def __init__(
        self,
        equation: str,
        output_shape: int | Sequence[int | None],
        activation: str | Activation | None = None,
        bias_axes: str | None = None,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        self.equation = equation
        self._letters = _letters(equation)
        several = isinstance(output_shape, tuple | list)
        self.wanted = tuple(output_shape) if several else (output_shape,)  # type: ignore[arg-type]
        self.activation = activations.get(activation)
        known = set(self._letters[2])
        fits = bias_axes is None or set(bias_axes) <= known
        demand(fits, "EinsumDense", "bias_axes", f"letters of {self._letters[2]!r}", bias_axes)
        self.bias_axes = bias_axes
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.weights: Parameter | None = None
        self.bias: Parameter | None = None

    def accept(self, shape: Shape, *more: Shape) -> None:
        """As many axes as the equation has letters; those of W have to fit."""
        read, kernel, _ = self._letters
        named = read.replace("...", "")
        if len(shape) < len(named) or ("..." not in read and len(shape) != len(named)):
            raise self.misfit(f"as in {self.equation!r}", shape)
        if self.weights is None:
            return
        sizes = self._sizes_read(shape)
        pairs = zip(kernel, self.weights.shape, strict=True)
        if any(sizes.get(letter, n) != n for letter, n in pairs):
            raise self.misfit(f"as in {self.equation!r}, with W {self.weights.shape}", shape)

    def _sizes_read(self, shape: Shape) -> dict[str, int]:
        """Letter -> size, of what comes in."""
        before, _, behind = self._letters[0].partition("...")
        sizes = dict(zip(before, shape, strict=False))
        return {**sizes, **dict(zip(reversed(behind), reversed(shape), strict=False))}

    def create(self, *input_shapes: Shape) -> None:
        """Create W and, if asked for, b."""
        _, kernel, result = self._letters
        sizes = self._sizes_read((0, *input_shapes[0]))
        before, _, behind = result.partition("...")
        for letter, n in zip(reversed(before + behind), reversed(self.wanted), strict=False):
            if n is not None:
                known = sizes.setdefault(letter, integer("EinsumDense", "output_shape", n))
                expected = f"{known} for {letter!r}, as x has it, or None"
                demand(n == known, "EinsumDense", "output_shape", expected, self.wanted)
        unknown = [letter for letter in kernel if letter not in sizes]
        demand(not unknown, "EinsumDense", "output_shape", f"one with {unknown}", self.wanted)
        shape = tuple(sizes[letter] for letter in kernel)
        self.weights = self.parameter("weights", self.kernel_initializer, shape)
        if self.bias_axes is not None:
            elided = 1 + len(input_shapes[0]) - len(self._letters[0].replace("...", ""))
            axes = result.replace("...", "." * elided)
            first = min(axes.index(a) for a in self.bias_axes)
            shape = tuple(sizes[a] if a in self.bias_axes else 1 for a in axes[first:])
            self.bias = self.parameter("bias", self.bias_initializer, shape)

    def call(self, x: Tensor) -> Tensor:
        """Multiply and add up by the equation."""
        from axon.ops.products import einsum

        y = einsum(self.equation, x, self.weights)
        return self.activation(y if self.bias is None else y + self.bias)

    def config(self) -> dict[str, Any]:
        """The arguments that make this layer again."""
        return {**super().config(), "output_shape": list(self.wanted)}


def _letters(equation: str) -> tuple[str, str, str]:
    """What an equation says of x, W and y."""
    operands, arrow, result = equation.replace(" ", "").partition("->")
    read, comma, kernel = operands.partition(",")
    fits = arrow and comma and "." not in kernel and all((read, kernel, result))
    demand(fits, "EinsumDense", "equation", "such as 'abc,cd->abd'", equation)
    return read, kernel, result


# ------------------------------------------------------------------------------------ pixels


class PixelShuffle(Windowed):
    """Channels become pixels: (n, H, W, C r^2) -> (n, H r, W r, C) (Shi et al., 2016).

    Args:
        upscale_factor: r.
        options: name, dtype.

    >>> PixelShuffle(2)(np.arange(4.0).reshape(1, 1, 1, 4))[0, :, :, 0]
    array([[0., 1.],
           [2., 3.]], dtype=float32)
    """

    on_mask = masks.REFUSED
    axes = 2

    def __init__(self, upscale_factor: int, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.upscale_factor = integer("PixelShuffle", "upscale_factor", upscale_factor)

    def accept(self, shape: Shape, *more: Shape) -> None:
        """There must be enough channels."""
        super().accept(shape)
        if shape[-1] % self.upscale_factor**2:
            expected = f"(n, height, width, a multiple of {self.upscale_factor**2})"
            raise self.misfit(expected, shape)

    def call(self, x: Tensor) -> Tensor:
        """Move them."""
        N, H, W, C = x.shape
        r = self.upscale_factor
        apart = x.reshape(N, H, W, C // r**2, r, r).transpose(0, 1, 4, 2, 5, 3)
        return apart.reshape(N, H * r, W * r, C // r**2)


class PixelUnshuffle(Windowed):
    """Pixels become channels: (n, H r, W r, C) -> (n, H, W, C r^2): PixelShuffle undone.

    Args:
        downscale_factor: r.
        options: name, dtype.

    >>> PixelUnshuffle(2)(np.arange(4.0).reshape(1, 2, 2, 1)).ravel()
    array([0., 1., 2., 3.], dtype=float32)
    """

    on_mask = masks.REFUSED
    axes = 2

    def __init__(self, downscale_factor: int, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.downscale_factor = integer("PixelUnshuffle", "downscale_factor", downscale_factor)

    def accept(self, shape: Shape, *more: Shape) -> None:
        """The factor must divide height and width."""
        super().accept(shape)
        if shape[1] % self.downscale_factor or shape[2] % self.downscale_factor:
            times = f"a multiple of {self.downscale_factor}"
            raise self.misfit(f"(n, {times}, {times}, channels)", shape)

    def call(self, x: Tensor) -> Tensor:
        """Move them."""
        N, H, W, C = x.shape
        r = self.downscale_factor
        apart = x.reshape(N, H // r, r, W // r, r, C).transpose(0, 1, 3, 5, 2, 4)
        return apart.reshape(N, H // r, W // r, C * r**2)


class ChannelShuffle(Layer):
    """The channels of all groups take turns, so that groups hear of each other.

    Zhang, Zhou, Lin and Sun, "ShuffleNet" (2018).

    Args:
        groups: how many groups of neighbouring channels.
        options: name, dtype.

    Shapes: (n, ..., channels), unchanged.

    >>> ChannelShuffle(2)([[1.0, 2.0, 3.0, 4.0]])
    array([[1., 3., 2., 4.]], dtype=float32)
    """

    on_mask = masks.STEPS
    has_format = True

    def __init__(self, groups: int, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.groups = integer("ChannelShuffle", "groups", groups)

    def accept(self, shape: Shape, *more: Shape) -> None:
        """The groups must divide the channels."""
        if len(shape) < 2 or shape[-1] % self.groups:
            raise self.misfit(f"(n, ..., a multiple of {self.groups})", shape)

    def call(self, x: Tensor) -> Tensor:
        """Take turns."""
        *before, C = x.shape
        rows = x.reshape(-1, self.groups, C // self.groups).transpose(0, 2, 1)
        return rows.reshape(*before, C)


class _Columns(Windowed):
    """What Unfold and Fold share: windows on images."""

    on_mask = masks.REFUSED
    axes = 2

    def _windows(
        self, kernel_size: Integers, dilation: Integers, padding: PaddingLike, stride: Integers
    ) -> None:
        owner = type(self).__name__
        self.kernel_size = integers(owner, "kernel_size", kernel_size, 2)
        self.dilation = integers(owner, "dilation", dilation, 2)
        self.padding = ends_of(owner, "padding", padding, 2)
        self.stride = integers(owner, "stride", stride, 2)

    @property
    def _spans(self) -> Shape:
        pairs = zip(self.kernel_size, self.dilation, strict=True)
        return tuple((k - 1) * d + 1 for k, d in pairs)

    def _counts(self, sizes: Shape) -> Shape:
        """How many windows there are on padded images of these sizes."""
        rest = zip(sizes, self._spans, self.stride, strict=True)
        return tuple((n - span) // step + 1 for n, span, step in rest)

    def _padded(self, sizes: Shape) -> Shape:
        return tuple(n + sum(ends) for n, ends in zip(sizes, self.padding, strict=True))

    def _taps(self) -> list[tuple[int, int]]:
        KH, KW = self.kernel_size
        (a, b) = self.dilation
        return [(i * a, j * b) for i in range(KH) for j in range(KW)]


class Unfold(_Columns):
    """What each window of an image sees, as a row: (n, H, W, C) -> (n, windows, C KH KW).

    Args:
        kernel_size: height and width of the windows; one number for squares.
        dilation: how far apart the pixels lie that a window sees.
        padding: how many zeros lie around.
        stride: how far apart the windows are.
        options: name, dtype.

    The numbers of one channel lie side by side, as in PyTorch, which has the rows last.

    >>> Unfold((1, 2))(np.arange(3.0).reshape(1, 1, 3, 1))[0]
    array([[0., 1.],
           [1., 2.]], dtype=float32)
    """

    on_mask = masks.REFUSED

    def __init__(
        self,
        kernel_size: Integers,
        dilation: Integers = 1,
        padding: PaddingLike = 0,
        stride: Integers = 1,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        self._windows(kernel_size, dilation, padding, stride)

    def accept(self, shape: Shape, *more: Shape) -> None:
        """A window must fit."""
        super().accept(shape)
        demand_fitting(self, shape, self._spans, "kernel_size", self.padding)

    def call(self, x: Tensor) -> Tensor:
        """Lay the windows in rows."""
        N, H, W, C = x.shape
        OH, OW = self._counts(self._padded((H, W)))
        (SH, SW), around = self.stride, pad(x, padding=((0, 0), *self.padding, (0, 0)))
        seen = [
            around[:, i : i + (OH - 1) * SH + 1 : SH, j : j + (OW - 1) * SW + 1 : SW]
            for i, j in self._taps()
        ]
        rows = concatenate([t.reshape(N, OH * OW, C, 1) for t in seen], axis=-1)
        return rows.reshape(N, OH * OW, C * len(seen))


class Fold(_Columns):
    """Rows become windows of an image, which add up: (n, windows, C KH KW) -> (n, H, W, C).

    Args:
        output_size: height and width of the images.
        kernel_size: height and width of the windows; one number for squares.
        dilation: how far apart the pixels of a window lie.
        padding: how much is cut off around.
        stride: how far apart the windows are.
        options: name, dtype.

    >>> Fold((1, 3), (1, 2))(np.array([[[0.0, 1.0], [1.0, 2.0]]])).ravel()
    array([0., 2., 2.], dtype=float32)
    """

    on_mask = masks.REFUSED
    axes = 1

    def __init__(
        self,
        output_size: Integers,
        kernel_size: Integers,
        dilation: Integers = 1,
        padding: PaddingLike = 0,
        stride: Integers = 1,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        self.output_size = integers("Fold", "output_size", output_size, 2)
        self._windows(kernel_size, dilation, padding, stride)

    def accept(self, shape: Shape, *more: Shape) -> None:
        """As many rows as there are windows, each as long as they are large."""
        OH, OW = self._counts(self._padded(self.output_size))
        KH, KW = self.kernel_size
        if len(shape) != 3 or shape[1] != OH * OW or shape[2] % (KH * KW):
            raise self.misfit(f"(n, {OH * OW}, a multiple of {KH * KW})", shape)

    def call(self, x: Tensor) -> Tensor:
        """Add the windows up where they lie."""
        H, W = self._padded(self.output_size)
        OH, OW = self._counts((H, W))
        taps = self._taps()
        N, _, C = x.shape[0], x.shape[1], x.shape[2] // len(taps)
        parts = x.reshape(N, OH, OW, C, len(taps))
        total = None
        for k, (i, j) in enumerate(taps):
            part = dilated(dilated(parts[..., k], 1, self.stride[0]), 2, self.stride[1])
            ends = (i, H - i - part.shape[1]), (j, W - j - part.shape[2])
            placed = pad(part, padding=((0, 0), *ends, (0, 0)))
            total = placed if total is None else total + placed
        assert total is not None
        (above, _), (left, _) = self.padding
        return total[:, above : above + self.output_size[0], left : left + self.output_size[1]]


# ------------------------------------------------------------------------------------ noise


class SpatialDropout3D(SpatialDropout1D):
    """Leave out whole channels of volumes at random while training.

    The arguments are those of SpatialDropout1D.

    Shapes: (n, depth, height, width, channels), unchanged.

    >>> SpatialDropout3D(0.5, seed=1)(np.ones((1, 1, 1, 1, 3)), training=True).ravel()
    array([0., 2., 2.], dtype=float32)
    """

    axes = 3

    def __init__(
        self, rate: Any, *, seed: int | None = None, **options: Unpack[LayerOptions]
    ) -> None:
        super().__init__(rate, seed, **options)


LOWEST = -ALPHA * SCALE  # what selu tends to


def _kept_alike(rate: float) -> tuple[float, float, float]:
    """The threshold of random words; and the line that keeps mean 0 and variance 1."""
    slope = ((1 - rate) * (1 + rate * LOWEST**2)) ** -0.5
    return float(threshold_of(rate)), slope, -slope * LOWEST * rate


class AlphaDropout(Dropout):
    """Dropout for selu: what is left out becomes selu's lowest number, mean and variance stay.

    Klambauer, Unterthiner, Mayr and Hochreiter, "Self-Normalizing Neural Networks" (2017). The
    arguments are those of Dropout.

    >>> AlphaDropout(0.5, seed=1)(np.zeros((1, 4)), training=True).round(3)
    array([[-0.779,  0.779,  0.779, -0.779]], dtype=float32)
    """

    on_mask = masks.EACH
    rate = ChangingNumber(_share, _kept_alike)

    def disturb(self, x: Tensor) -> Tensor:
        """Choose, then bring back to mean 0 and variance 1."""
        if not self.draws():
            return x
        threshold, slope, offset = self._changing.tensors
        one = Tensor(np.ones((), x.dtype))
        shape = self.mask_shape(x.shape)
        kept = dropout_mask(self.key(), threshold.astype(np.int64), one, shape=shape)
        y = x * kept + (1.0 - kept) * LOWEST
        return y * slope.astype(x.dtype) + offset.astype(x.dtype)


class FeatureAlphaDropout(AlphaDropout):
    """AlphaDropout of whole channels: (n, ..., channels), the last axis.

    Args:
        rate: share that is left out, at least 0 and less than 1; or a schedule, as for Dropout.
        seed: a whole number, for the same numbers each time.
        options: name, dtype, trainable.

    >>> FeatureAlphaDropout(0.5, seed=1)(np.zeros((1, 2, 3)), training=True).round(3)
    array([[[-0.779,  0.779,  0.779],
            [-0.779,  0.779,  0.779]]], dtype=float32)
    """

    on_mask = masks.EACH
    has_format = True

    def __init__(
        self, rate: Any, *, seed: int | None = None, **options: Unpack[LayerOptions]
    ) -> None:
        super().__init__(rate, seed=seed, **options)

    def mask_shape(self, shape: Shape) -> Shape:
        """One number for each sample and channel."""
        return (shape[0], *(1,) * (len(shape) - 2), *shape[1:][-1:])
