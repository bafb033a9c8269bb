"""Layers that change the shape of what passes: reshape, zeros around, images made larger."""

from collections.abc import Sequence
from math import prod
from typing import Unpack

from axon.backend import Array, Shape
from axon.checks import Integers, demand, integer, integers
from axon.core import Tensor
from axon.layers import masks
from axon.layers.base import Layer
from axon.layers.options import LayerOptions
from axon.layers.windows import Windowed
from axon.names import resolve
from axon.ops.pad import pad, upsample_bilinear, upsample_nearest
from axon.ops.windows import Pair


class Reshape(Layer):
    """Give each sample another shape, row by row: (n, ...) -> (n, *target_shape).

    Args:
        target_shape: sizes without the batch axis; one may be -1 and is then found.
        options: name, dtype.

    A mask (n, time) stays where the first new axis is time, as before. Otherwise what it calls
    padding becomes 0.

    >>> import numpy as np
    >>> Reshape((4, -1)).forward(np.zeros((2, 12))).shape
    (2, 4, 3)
    """

    passes_on = True
    on_mask = masks.USED

    def __init__(self, target_shape: Integers, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        given = target_shape if isinstance(target_shape, tuple | list) else (target_shape,)
        sizes = tuple(n if n == -1 else integer("Reshape", "target_shape", n) for n in given)
        if sizes.count(-1) > 1:
            raise ValueError(f"Reshape: only one size may be -1, got target_shape={sizes}.")
        self.target_shape = sizes

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Samples may have any shape with the right number of elements."""
        size, known = prod(shape[1:]), prod(n for n in self.target_shape if n != -1)
        if size == known or (-1 in self.target_shape and size and size % known == 0):
            return
        times = "a multiple of " if -1 in self.target_shape else ""
        hint = f" A sample has {size} numbers, target_shape={self.target_shape} needs "
        raise self.misfit("(n, ...)", shape, f"{hint}{times}{known}.")

    def call(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Reshape; no work is done."""
        if mask is not None and self.compute_mask(x, mask) is None:
            x = masks.without_padding(x, mask)
        return x.reshape(len(x), *self._sizes(x.shape))

    def _sizes(self, shape: Shape) -> Shape:
        size, known = prod(shape[1:]), prod(n for n in self.target_shape if n != -1)
        return tuple(size // known if n == -1 else n for n in self.target_shape)

    def compute_mask(self, x: Tensor | Array, mask: masks.Mask = None) -> masks.Mask:
        """The same, if the steps are still there."""
        if mask is None or mask.shape[1:] != self._sizes(x.shape)[: mask.ndim - 1]:
            return None
        return mask


class ZeroPadding2D(Windowed):
    """Zeros around images.

    Args:
        padding: how many rows and columns: one number, (above and below, left and right), or
            ((above, below), (left, right)).
        options: name, dtype.

    Shapes: (n, height, width, channels) -> the same, larger.

    >>> import numpy as np
    >>> ZeroPadding2D(((1, 0), (2, 2))).forward(np.ones((1, 3, 3, 1))).shape
    (1, 4, 7, 1)
    """

    on_mask = masks.REFUSED
    axes = 2

    def __init__(
        self, padding: Integers | Sequence[Sequence[int]] = (1, 1), **options: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**options)
        given = padding if isinstance(padding, tuple | list) else (padding, padding)
        expected = "a whole number, two of them, or ((above, below), (left, right))"
        demand(len(given) == 2, "ZeroPadding2D", "padding", expected, padding)
        self.padding = _ends("ZeroPadding2D", given[0]), _ends("ZeroPadding2D", given[1])

    def call(self, x: Tensor) -> Tensor:
        """Put zeros around."""
        return pad(x, padding=((0, 0), *self.padding, (0, 0)))


class ZeroPadding1D(Windowed):
    """Zeros before and after series.

    Args:
        padding: how many steps: one number, or (before, after).
        options: name, dtype.

    Shapes: (n, time, channels) -> (n, longer, channels).

    >>> import numpy as np
    >>> ZeroPadding1D((2, 0)).forward(np.ones((1, 3, 1)))[0, :, 0]
    array([0., 0., 1., 1., 1.], dtype=float32)
    """

    on_mask = masks.STEPS
    axes = 1

    def __init__(self, padding: Integers = 1, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.padding = _ends("ZeroPadding1D", padding)

    def call(self, x: Tensor) -> Tensor:
        """Put zeros before and after."""
        return pad(x, padding=((0, 0), self.padding, (0, 0)))

    def compute_mask(self, x: Tensor | Array, mask: masks.Mask = None) -> masks.Mask:
        """The new steps are real: zeros that are meant."""
        return mask if mask is None else masks.with_ends(mask, self.padding)


def _ends(owner: str, value: Integers) -> Pair:
    """Read one number of zeros for both ends, or one for each."""
    before, after = integers(owner, "padding", value, 2, least=0)
    return before, after


INTERPOLATIONS = {"nearest": upsample_nearest, "bilinear": upsample_bilinear}


class UpSampling2D(Windowed):
    """Images made larger by whole factors.

    Args:
        size: factors of height and width; one number for both.
        interpolation: "nearest" repeats pixels, "bilinear" draws straight lines between them.
        options: name, dtype.

    Shapes: (n, height, width, channels) -> (n, height size[0], width size[1], channels).

    >>> import numpy as np
    >>> UpSampling2D((1, 2), "bilinear").forward(np.array([[[[0.0], [4.0]]]]))[0, 0, :, 0]
    array([0., 1., 3., 4.], dtype=float32)
    """

    on_mask = masks.REFUSED
    axes = 2

    def __init__(
        self,
        size: Integers = (2, 2),
        interpolation: str = "nearest",
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        height, width = integers("UpSampling2D", "size", size, 2)
        self.size = height, width
        resolve("interpolation", str(interpolation), INTERPOLATIONS)
        self.interpolation = interpolation.lower()

    def call(self, x: Tensor) -> Tensor:
        """Repeat pixels, or draw lines between them."""
        return INTERPOLATIONS[self.interpolation](x, size=self.size)


class UpSampling1D(Windowed):
    """Series made longer: each step is repeated.

    Args:
        size: how often.
        options: name, dtype.

    Shapes: (n, time, channels) -> (n, time size, channels).

    >>> import numpy as np
    >>> UpSampling1D(2).forward(np.array([[[1.0], [2.0]]]))[0, :, 0]
    array([1., 1., 2., 2.], dtype=float32)
    """

    on_mask = masks.STEPS
    axes = 1

    def __init__(self, size: int = 2, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.size = integer("UpSampling1D", "size", size)

    def call(self, x: Tensor) -> Tensor:
        """Repeat each step."""
        N, T, C = x.shape
        y: Tensor = upsample_nearest(x.reshape(N, 1, T, C), size=(1, self.size))
        return y.reshape(N, T * self.size, C)

    def compute_mask(self, x: Tensor | Array, mask: masks.Mask = None) -> masks.Mask:
        """Padding is repeated, too."""
        return mask if mask is None else masks.repeated(mask, self.size)
