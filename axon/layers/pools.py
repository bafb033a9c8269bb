"""Further pooling: of volumes, to a given size, and by the p-norm."""

from collections.abc import Callable, Sequence
from typing import ClassVar, Unpack

import numpy as np

from axon.backend import Shape
from axon.checks import Integers, demand, integer, positive
from axon.core import Tensor
from axon.layers import masks
from axon.layers.options import LayerOptions
from axon.layers.pooling import AveragePooling, GlobalPooling, MaxPooling, Pooling
from axon.layers.windows import Ends, PaddingLike, Windowed
from axon.ops.compare import where
from axon.ops.elementwise import absolute, power, sign
from axon.ops.pool import average_pool2d
from axon.ops.sliding import adaptive_average_pool, adaptive_max_pool

# ------------------------------------------------------------------------------------ volumes


class MaxPooling3D(MaxPooling):
    """The largest number in each window of volumes; the arguments are those of MaxPooling2D.

    Shapes: (n, depth, height, width, channels) -> (n, new depth, new height, new width, channels).

    >>> MaxPooling3D().forward(np.arange(8.0).reshape(1, 2, 2, 2, 1)).ravel()
    array([7.], dtype=float32)
    """

    axes = 3


class AveragePooling3D(AveragePooling):
    """The mean of each window of volumes; the arguments are those of AveragePooling2D.

    Shapes: (n, depth, height, width, channels) -> (n, new depth, new height, new width, channels).

    >>> AveragePooling3D().forward(np.arange(8.0).reshape(1, 2, 2, 2, 1)).ravel()
    array([3.5], dtype=float32)
    """

    axes = 3


class GlobalAveragePooling3D(GlobalPooling):
    """The mean of each channel: (n, depth, height, width, channels) -> (n, channels).

    Args:
        keepdims: keep the axes, as (n, 1, 1, 1, channels).
        options: name, dtype.

    >>> GlobalAveragePooling3D().forward(np.arange(8.0).reshape(1, 2, 2, 2, 1))
    array([[3.5]], dtype=float32)
    """

    axes = 3
    reduce = staticmethod(Tensor.mean)


class GlobalMaxPooling3D(GlobalPooling):
    """The largest number of each channel: (n, depth, height, width, channels) -> (n, channels).

    The arguments are those of GlobalAveragePooling3D. Equal numbers share the gradient.

    >>> GlobalMaxPooling3D().forward(np.arange(8.0).reshape(1, 2, 2, 2, 1))
    array([[7.]], dtype=float32)
    """

    axes = 3
    reduce = staticmethod(Tensor.max)


# ------------------------------------------------------------------------------------ to a size


class _Adaptive(Windowed):
    """Windows as large, and as far apart, as the wanted size asks for.

    Along an axis of n places, window i of m covers those from floor(i n / m) to
    ceil((i + 1) n / m).

    Args:
        output_size: of the result, one number for all axes, or one each; None keeps an axis.
        options: name, dtype.
    """

    on_mask = masks.REFUSED
    pool: ClassVar[Callable[..., Tensor]]

    def __init__(
        self, output_size: int | Sequence[int | None], **options: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**options)
        owner = type(self).__name__
        several = isinstance(output_size, tuple | list)
        given = tuple(output_size) if several else (output_size,) * self.axes  # type: ignore[arg-type]
        expected = f"one whole number or {self.axes} of them"
        demand(len(given) == self.axes, owner, "output_size", expected, output_size)
        sizes = (None if n is None else integer(owner, "output_size", n) for n in given)
        self.output_size: tuple[int | None, ...] = tuple(sizes)

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Images may have any size but 0."""
        super().accept(shape)
        if 0 in shape[1:-1]:
            raise self.misfit("images with elements", shape)

    def call(self, x: Tensor) -> Tensor:
        """Pool one axis after another."""
        sizes = (size or n for size, n in zip(self.output_size, x.shape[1:-1], strict=True))
        return type(self).pool(x, tuple(sizes))


class _AdaptiveAverage(_Adaptive):
    pool = staticmethod(adaptive_average_pool)


class _AdaptiveMax(_Adaptive):
    pool = staticmethod(adaptive_max_pool)


class AdaptiveAveragePooling1D(_AdaptiveAverage):
    """The means of as many stretches of time as ``output_size`` says.

    Args:
        output_size: steps of the result; None keeps them.
        options: name, dtype.

    Shapes: (n, time, channels) -> (n, output_size, channels).

    >>> AdaptiveAveragePooling1D(2).forward(np.arange(5.0).reshape(1, 5, 1)).ravel()
    array([1., 3.], dtype=float32)
    """

    axes = 1


class AdaptiveAveragePooling2D(_AdaptiveAverage):
    """The means of as many windows as ``output_size`` says.

    Args:
        output_size: height and width of the result; one number for squares, None keeps one.
        options: name, dtype.

    Shapes: (n, height, width, channels) -> (n, *output_size, channels).

    >>> AdaptiveAveragePooling2D(1).forward(np.arange(4.0).reshape(1, 2, 2, 1)).ravel()
    array([1.5], dtype=float32)
    """

    axes = 2


class AdaptiveAveragePooling3D(_AdaptiveAverage):
    """The means of as many windows of volumes as ``output_size`` says.

    The argument is that of AdaptiveAveragePooling2D, with three numbers.

    Shapes: (n, depth, height, width, channels) -> (n, *output_size, channels).

    >>> AdaptiveAveragePooling3D(1).forward(np.arange(8.0).reshape(1, 2, 2, 2, 1)).ravel()
    array([3.5], dtype=float32)
    """

    axes = 3


class AdaptiveMaxPooling1D(_AdaptiveMax):
    """The largest numbers of as many stretches of time as ``output_size`` says.

    The argument is that of AdaptiveAveragePooling1D. Equal numbers share the gradient.

    >>> AdaptiveMaxPooling1D(2).forward(np.arange(5.0).reshape(1, 5, 1)).ravel()
    array([2., 4.], dtype=float32)
    """

    axes = 1


class AdaptiveMaxPooling2D(_AdaptiveMax):
    """The largest numbers of as many windows as ``output_size`` says.

    The argument is that of AdaptiveAveragePooling2D. Equal numbers share the gradient.

    >>> AdaptiveMaxPooling2D(1).forward(np.arange(4.0).reshape(1, 2, 2, 1)).ravel()
    array([3.], dtype=float32)
    """

    axes = 2


class AdaptiveMaxPooling3D(_AdaptiveMax):
    """The largest numbers of as many windows of volumes as ``output_size`` says.

    The argument is that of AdaptiveAveragePooling3D. Equal numbers share the gradient.

    >>> AdaptiveMaxPooling3D(1).forward(np.arange(8.0).reshape(1, 2, 2, 2, 1)).ravel()
    array([7.], dtype=float32)
    """

    axes = 3


# ------------------------------------------------------------------------------------ p-norm


class _LPPooling(Pooling):
    """(sum of x^p)^(1/p) of each window: p = 1 is the sum, large p the maximum.

    Args:
        norm_type: p, greater than 0.
        pool_size: sizes of the windows; one number for all axes.
        strides: how far they lie apart; as far as they are large unless told otherwise.
        ceil_mode: a window that begins on the image counts, though it ends beyond it.
        options: name, dtype.

    A sum that is negative, as there may be for odd p, keeps its sign.
    """

    on_mask = masks.REFUSED
    pool: ClassVar = average_pool2d

    def __init__(
        self,
        norm_type: float,
        pool_size: Integers,
        strides: Integers | None = None,
        padding: PaddingLike = "valid",
        *,
        ceil_mode: bool = False,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(pool_size, strides, padding, ceil_mode=ceil_mode, **options)
        self.norm_type = positive(type(self).__name__, "norm_type", norm_type)

    def pooled(self, x: Tensor, size: Shape, strides: Shape, padding: Ends) -> Tensor:
        """The mean of powers, times how many there are, and its root."""
        p = self.norm_type
        windows = {"pool_size": size, "strides": strides, "padding": padding}
        means = self.of_windows(power(x, p), **windows)
        total = means * float(np.prod(size))
        some = where(total != 0.0, absolute(total), 1.0)  # the root of 0 has no slope
        return power(some, 1 / p) * sign(total)


class LPPooling1D(_LPPooling):
    """(sum of x^p)^(1/p) of each stretch of time.

    >>> LPPooling1D(2, 2).forward(np.array([[[3.0], [4.0]]])).ravel()
    array([5.], dtype=float32)
    """

    axes = 1


class LPPooling2D(_LPPooling):
    """(sum of x^p)^(1/p) of each window of images.

    >>> LPPooling2D(2, (1, 2)).forward(np.array([[[[3.0], [4.0]]]])).ravel()
    array([5.], dtype=float32)
    """

    axes = 2


class LPPooling3D(_LPPooling):
    """(sum of x^p)^(1/p) of each window of volumes.

    >>> LPPooling3D(2, (1, 1, 2)).forward(np.array([[[[[3.0], [4.0]]]]])).ravel()
    array([5.], dtype=float32)
    """

    axes = 3
