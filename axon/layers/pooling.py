"""Pooling layers: images and series made smaller, channel by channel, with nothing to learn."""

from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any, ClassVar, Unpack

import numpy as np

from axon.activations import relu
from axon.backend import Array, Shape
from axon.checks import Integers, boolean, demand, integers
from axon.core import Tensor
from axon.layers import masks
from axon.layers.base import LayerResult, of_each
from axon.layers.options import LayerOptions
from axon.layers.windows import (
    AXES,
    Ends,
    PaddingLike,
    Windowed,
    demand_fitting,
    lifted,
    padding_given,
    padding_of,
    spans_of,
)
from axon.ops import add, maximum, where
from axon.ops.pad import pad
from axon.ops.pool import average_pool2d, max_pool2d
from axon.ops.views import reshape_
from axon.ops.windows import Pair


class Pooling(Windowed):
    """What pooling layers share; subclasses say along how many axes, and what is done."""

    on_mask = masks.REFUSED
    pool: ClassVar[Callable[..., Any]]
    dilation: Shape | None = None  # of one that was pickled before there was any

    def __init__(
        self,
        pool_size: Integers = 2,
        strides: Integers | None = None,
        padding: PaddingLike = "valid",
        *,
        ceil_mode: bool = False,
        dilation: Integers = 1,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        owner = type(self).__name__
        self.dilation = integers(owner, "dilation", dilation, self.axes)
        self.pool_size = integers(owner, "pool_size", pool_size, self.axes)
        apart = self.pool_size if strides is None else strides
        self.strides = integers(owner, "strides", apart, self.axes)
        self.padding = padding_given(owner, padding, ["valid", "same"], self.axes)
        self.ceil_mode = boolean(owner, "ceil_mode", ceil_mode)
        if not isinstance(self.padding, str):
            pairs = zip(self.padding, self.spans, strict=True)
            fits = all(2 * max(ends) <= size for ends, size in pairs)
            expected = f"at most half of pool_size={self.pool_size}"
            demand(fits, owner, "padding", expected, padding, " Windows would see nothing else.")

    @property
    def spans(self) -> Shape:
        """How many pixels a window covers along each axis."""
        return spans_of(self.pool_size, self.dilation or (1,) * self.axes)

    def _current(self, name: str, given: object) -> object:
        """How far apart windows lie follows from how large they are, unless it was said."""
        follows = name == "strides" and given is None and self.strides == self.pool_size
        return None if follows else super()._current(name, given)

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Images may have any size that the windows fit into, and any number of channels."""
        super().accept(shape)
        beyond = (n - 1 if self.ceil_mode else 0 for n in self.strides)  # where windows may end
        spans = tuple(max(size - n, 1) for size, n in zip(self.spans, beyond, strict=True))
        demand_fitting(self, shape, spans, "pool_size", self.padding)

    def call(self, x: Tensor) -> LayerResult:
        """Pool; a series is an image of height 1."""
        N, *sizes, C = x.shape
        image, spans, strides = lifted(tuple(sizes)), lifted(self.spans), lifted(self.strides)
        padding = padding_of(self.padding, image, spans, strides)
        if self.ceil_mode and self.padding != "same":
            padding = tuple(map(_begun, image, padding, spans, strides))
        y = self.pooled(x.reshape(N, *image, C), lifted(self.pool_size), strides, padding)
        start = len(image) + 1 - self.axes
        return of_each(y, lambda one: one.reshape(N, *one.shape[start:-1], C))

    def pooled(self, x: Tensor, size: Shape, strides: Shape, padding: Ends) -> LayerResult:
        """Pool images, or volumes."""
        return self.of_windows(x, pool_size=size, strides=strides, padding=padding)

    def of_windows(self, x: Tensor, **windows: Any) -> Tensor:
        """What is made of each window."""
        pool: Callable[..., Tensor] = type(self).pool
        if self.axes == 3:
            from axon.ops.volumes import pool3d

            pool = partial(pool3d, pool)
        return pool(x, **windows)


def _begun(n: int, ends: Pair, size: int, stride: int) -> Pair:
    """Padding with which a window that begins on the image counts, though it ends beyond."""
    before, after = ends
    places = -(-(n + before + after - size) // stride)
    if places * stride >= n + before:
        places -= 1
    return before, max(places * stride + size - n - before, after)


def lifted_apart(x: Tensor) -> tuple[Tensor, list[Callable[[Tensor], Tensor]]]:
    """What x was before relu and a bias for each channel, and these as functions to apply later.

    Neither changes which number is the largest, so after pooling they have the same results, and
    fewer numbers to work on.
    """
    source = x
    later: list[Callable[[Tensor], Tensor]] = []
    while (creator := source.creator) is not None and source.shape[-1:] == x.shape[-1:]:
        first, *others = creator.inputs
        if creator.primitive is relu:
            later.append(relu)
        elif creator.primitive is add and others[0].shape == x.shape[-1:] == first.shape[-1:]:
            later.append(partial(_raised, bias=others[0]))
        elif creator.primitive is not reshape_ or first.shape[-1:] != x.shape[-1:]:
            break
        source = first
    if not later or source.dtype != x.dtype:
        return x, []
    return source.reshape(x.shape), later[::-1]


def _raised(y: Tensor, bias: Tensor) -> Tensor:
    rows = y.reshape(prod(y.shape[:-1]), y.shape[-1]) + bias  # as rows: its gradient is a product
    return rows.reshape(y.shape)


class MaxPooling(Pooling):
    """What takes the largest number of each window."""

    on_mask = masks.REFUSED
    pool = max_pool2d
    return_indices = False  # of one that was pickled before it could say where

    def __init__(
        self,
        pool_size: Integers = 2,
        strides: Integers | None = None,
        padding: PaddingLike = "valid",
        *,
        ceil_mode: bool = False,
        return_indices: bool = False,
        dilation: Integers = 1,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(
            pool_size, strides, padding, ceil_mode=ceil_mode, dilation=dilation, **options
        )
        self.return_indices = boolean(type(self).__name__, "return_indices", return_indices)

    def call(self, x: Tensor) -> LayerResult:
        """Pool; a relu and a bias just before it are applied to what remains."""
        if self.return_indices:  # relu makes numbers equal, of which the first counts
            return super().call(x)
        source, later = lifted_apart(x)
        y = super().call(source)
        assert isinstance(y, Tensor)
        for function in later:
            y = function(y)
        return y

    def pooled(self, x: Tensor, size: Shape, strides: Shape, padding: Ends) -> LayerResult:
        """Pool images, or volumes; and say where the largest stand, if that is wanted."""
        gaps: dict[str, Any] = {}
        if self.spans != self.pool_size:
            assert self.dilation is not None
            gaps = {"dilation": lifted(self.dilation)}
        windows = {"pool_size": size, "strides": strides, "padding": padding, **gaps}
        if not self.return_indices:
            return self.of_windows(x, **windows)
        from axon.ops.unpooling import largest2d, largest3d

        return (largest3d if self.axes == 3 else largest2d)(x, **windows)


class MaxPooling2D(MaxPooling):
    """The largest number in each window, channel by channel.

    Args:
        pool_size: height and width of the windows; one number for squares.
        strides: how far they lie apart; as far as they are large unless told otherwise.
        padding: "valid", only windows that lie within; or "same": the result has the size of the
            images divided by the strides, rounded up, and windows may reach over the edges; or, as
            in PyTorch, by how much they may: one number, one for each axis, or (before, after).
        ceil_mode: a window that begins on the image counts, though it ends beyond it.
        return_indices: return (numbers, places): where in its image each stands, counted row by
            row, channel by channel, which is what MaxUnpooling2D takes.
        dilation: how far the pixels that a window looks at lie apart.
        options: name, dtype.

    Shapes: (n, height, width, channels) -> (n, new height, new width, channels).

    Of equal numbers the first receives the gradient.

    >>> import numpy as np
    >>> MaxPooling2D().forward(np.arange(16.0).reshape(1, 4, 4, 1))[0, :, :, 0]
    array([[ 5.,  7.],
           [13., 15.]], dtype=float32)
    """

    axes = 2


class _OverTime(Pooling):
    """Pooling of series, of which some steps may be padding."""

    on_mask = masks.USED
    axes = 1

    def call(self, x: Tensor, mask: Tensor | None = None) -> LayerResult:
        """Pool what is real."""
        if mask is None or self.padding == "valid":  # of which only whole windows are real
            return super().call(x)
        y = self._of_real(x, masks.demand_steps(self.name, mask, x))
        if isinstance(y, tuple):
            return masks.without_padding(y[0], self._real_windows(mask)), *y[1:]
        return masks.without_padding(y, self._real_windows(mask))

    @abstractmethod
    def _of_real(self, x: Tensor, real: Tensor) -> LayerResult: ...

    def compute_mask(self, x: Tensor | Array, mask: masks.Mask = None) -> masks.Mask:
        """Which windows are real."""
        return None if mask is None else self._real_windows(mask)

    def _real_windows(self, mask: Tensor | Array) -> Tensor:
        name = masks.demand_name(self.name, None if self.ceil_mode else self.padding)
        (apart,) = self.dilation or (1,)
        return masks.of_windows(mask, name, self.pool_size[0], self.strides[0], apart)


class MaxPooling1D(_OverTime, MaxPooling):
    """The largest number in each stretch of time; the arguments are those of MaxPooling2D.

    With a mask (n, time) only real steps count. A result is real if all its steps are; of "same"
    windows, if one of the steps is that lie as far as the next window.

    Shapes: (n, time, channels) -> (n, new time, channels).

    >>> import numpy as np
    >>> MaxPooling1D(2).forward(np.array([[[1.0], [4.0], [3.0], [2.0]]]))[0, :, 0]
    array([4., 3.], dtype=float32)
    """

    def _of_real(self, x: Tensor, real: Tensor) -> LayerResult:
        lowest = float(np.finfo(x.dtype).min)
        return super().call(masks.without_padding(x, real, lowest))


class AveragePooling(Pooling):
    """What takes the mean of each window."""

    on_mask = masks.REFUSED
    pool = average_pool2d

    def __init__(
        self,
        pool_size: Integers = 2,
        strides: Integers | None = None,
        padding: PaddingLike = "valid",
        *,
        ceil_mode: bool = False,
        count_include_pad: bool | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(pool_size, strides, padding, ceil_mode=ceil_mode, **options)
        if count_include_pad is not None:
            boolean(type(self).__name__, "count_include_pad", count_include_pad)
        self.count_include_pad = count_include_pad

    def pooled(self, x: Tensor, size: Shape, strides: Shape, padding: Ends) -> Tensor:
        """Pool images; zeros around them count where that is meant."""
        named = isinstance(self.padding, str)
        if self.count_include_pad if self.count_include_pad is not None else not named:
            meant = padding_of(self.padding, x.shape[1:-1], size, strides)
            x = pad(x, padding=((0, 0), *meant, (0, 0)))
            beyond = (after - some for (_, after), (_, some) in zip(padding, meant, strict=True))
            padding = tuple((0, rest) for rest in beyond)
        return self.of_windows(x, pool_size=size, strides=strides, padding=padding)


class AveragePooling2D(AveragePooling):
    """The mean of each window, channel by channel; the arguments are those of MaxPooling2D.

    What lies beyond the edges does not count with a padding that has a name, as in Keras; zeros of
    a padding in numbers do, as in PyTorch. ``count_include_pad=`` True or False says so.

    Shapes: (n, height, width, channels) -> (n, new height, new width, channels).

    >>> import numpy as np
    >>> AveragePooling2D().forward(np.arange(16.0).reshape(1, 4, 4, 1))[0, :, :, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]], dtype=float32)
    """

    axes = 2


class AveragePooling1D(_OverTime, AveragePooling):
    """The mean of each stretch of time; the arguments are those of MaxPooling2D.

    With a mask (n, time) only real steps count, as for MaxPooling1D.

    Shapes: (n, time, channels) -> (n, new time, channels).

    >>> import numpy as np
    >>> AveragePooling1D(2).forward(np.array([[[1.0], [4.0], [3.0], [2.0]]]))[0, :, 0]
    array([2.5, 2.5], dtype=float32)
    """

    def _of_real(self, x: Tensor, real: Tensor) -> Tensor:
        share = super().call(real.astype(x.dtype)[..., None])  # of a window, that is real
        mean = super().call(masks.without_padding(x, real))
        assert isinstance(share, Tensor)
        assert isinstance(mean, Tensor)
        return mean / where(share > 0.0, share, 1.0)


class GlobalPooling(Windowed):
    """What layers share that leave one number of each channel."""

    on_mask = masks.REFUSED
    reduce: ClassVar[Callable[..., Tensor]]  # of a Tensor, over axes

    def __init__(self, keepdims: bool = False, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        hint = " data_format= is given by name."
        self.keepdims = boolean(type(self).__name__, "keepdims", keepdims, hint)

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Images may have any size but 0, and any number of channels."""
        super().accept(shape)
        if 0 in shape[1:-1]:
            raise self.misfit(AXES[self.axes], shape, " These have no elements.")

    def call(self, x: Tensor) -> Tensor:
        """Leave one number of each channel, over all places."""
        places = tuple(range(1, self.axes + 1))
        return type(self).reduce(x, places, self.keepdims)


class _AllTime(GlobalPooling):
    """What leaves one number of each channel of a series, of which some steps may be padding."""

    on_mask = masks.USED
    axes = 1

    def call(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Leave one number of each channel, over all real steps."""
        if mask is None:
            return super().call(x)
        return self._of_real(x, masks.demand_steps(self.name, mask, x))

    @abstractmethod
    def _of_real(self, x: Tensor, real: Tensor) -> Tensor: ...

    def compute_mask(self, x: Tensor | Array, mask: masks.Mask = None) -> None:
        """There are no time steps any more."""


class GlobalAveragePooling2D(GlobalPooling):
    """The mean of each channel: (n, height, width, channels) -> (n, channels).

    Args:
        keepdims: keep the axes, as (n, 1, 1, channels).
        options: name, dtype.

    >>> import numpy as np
    >>> GlobalAveragePooling2D().forward(np.arange(8.0).reshape(1, 2, 2, 2))
    array([[3., 4.]], dtype=float32)
    """

    axes = 2
    reduce = staticmethod(Tensor.mean)


class GlobalAveragePooling1D(_AllTime):
    """The mean of each channel over time: (n, time, channels) -> (n, channels).

    With a mask (n, time) only real steps count; the mean of no steps is 0.

    Args:
        keepdims: keep the axis, as (n, 1, channels).
        options: name, dtype.

    >>> import numpy as np
    >>> GlobalAveragePooling1D().forward(np.arange(6.0).reshape(1, 3, 2))
    array([[2., 3.]], dtype=float32)
    """

    reduce = staticmethod(Tensor.mean)

    def _of_real(self, x: Tensor, real: Tensor) -> Tensor:
        kept = real.astype(x.dtype)[..., None]
        counts = maximum(kept.sum(axis=1, keepdims=self.keepdims), 1.0)
        return (x * kept).sum(axis=1, keepdims=self.keepdims) / counts


class GlobalMaxPooling2D(GlobalPooling):
    """The largest number of each channel: (n, height, width, channels) -> (n, channels).

    The arguments are those of GlobalAveragePooling2D.

    Equal numbers share the gradient.

    >>> import numpy as np
    >>> GlobalMaxPooling2D().forward(np.arange(8.0).reshape(1, 2, 2, 2))
    array([[6., 7.]], dtype=float32)
    """

    axes = 2
    reduce = staticmethod(Tensor.max)


class GlobalMaxPooling1D(_AllTime):
    """The largest number of each channel over time: (n, time, channels) -> (n, channels).

    With a mask (n, time) only real steps count; of no steps the result is 0. The
    arguments are those of GlobalAveragePooling1D.

    >>> import numpy as np
    >>> GlobalMaxPooling1D().forward(np.arange(6.0).reshape(1, 3, 2))
    array([[4., 5.]], dtype=float32)
    """

    reduce = staticmethod(Tensor.max)

    def _of_real(self, x: Tensor, real: Tensor) -> Tensor:
        lowest = float(np.finfo(x.dtype).min)
        largest = masks.without_padding(x, real, lowest).max(1, self.keepdims)
        some = real.max(1, True) if self.keepdims else real.max(1)
        return masks.without_padding(largest, some)
