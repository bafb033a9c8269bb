"""Layers for the steps of a sequence: each by itself, repeated, or with axes in another order."""

from typing import Unpack

from axon.backend import Array, Shape
from axon.checks import demand, integer, integers
from axon.core import Tensor
from axon.layers import masks
from axon.layers.base import Layer, LayerResult, of_each
from axon.layers.options import LayerOptions
from axon.layers.wrappers import Wrapper
from axon.ops.reduce import broadcast_to


class TimeDistributed(Wrapper):
    """Apply a layer to each step by itself: (n, time, ...) -> (n, time, ...).

    The steps are but more samples to it, so that it runs once, on (n * time, ...). Dense, and all
    layers that compute along the last axis, do so anyway.

    Args:
        layer: what is applied.
        options: name, dtype, trainable.

    A mask (n, time) goes on as it is; one of more axes, (n, time, inner), is the layer's, too.

    >>> import numpy as np
    >>> from axon.layers import Conv2D
    >>> TimeDistributed(Conv2D(2, 3))(np.ones((4, 5, 8, 8, 1))).shape
    (4, 5, 6, 6, 2)
    """

    on_mask = masks.USED

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Each step must be what the layer accepts."""
        if len(shape) < 3:
            raise self.misfit("(n, time, ...)", shape, " One number for each step is x[..., None].")
        self.layer.accept((shape[0], *shape[2:]))

    def create(self, *input_shapes: Shape) -> None:
        """Create the parameters of the layer."""
        self.layer.build(input_shapes[0][1:])

    def call(self, x: Tensor, mask: Tensor | None = None) -> LayerResult:
        """Apply the layer to all steps at once."""
        n, time, *inner = x.shape
        rows = x.reshape(n * time, *inner)
        given = {}
        if mask is not None and mask.ndim > 2 and self.layer.takes_mask:
            given["mask"] = mask.reshape(n * time, *mask.shape[2:])
        made = self.layer.forward(rows, **given)
        apart: LayerResult = of_each(made, lambda y: y.reshape(n, time, *y.shape[1:]))
        return apart

    def compute_mask(self, x: Tensor | Array, mask: masks.Mask = None) -> masks.Mask:
        """Which steps are real; inner ones end in the layer."""
        del x
        return mask if mask is None or mask.ndim == 2 else None


class RepeatVector(Layer):
    """The same vector at each step: (n, features) -> (n, times, features).

    Args:
        n: how many steps.
        options: name, dtype.

    >>> import numpy as np
    >>> RepeatVector(2)(np.array([[1.0, 2.0]]))
    array([[[1., 2.],
            [1., 2.]]], dtype=float32)
    """

    on_mask = masks.REFUSED

    def __init__(self, n: int, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.n = integer("RepeatVector", "n", n)

    def accept(self, shape: Shape, *more: Shape) -> None:
        """A vector for each sample."""
        if len(shape) != 2:
            raise self.misfit("(n, features)", shape)

    def call(self, x: Tensor) -> Tensor:
        """Repeat it."""
        n, features = x.shape
        y: Tensor = broadcast_to(x.reshape(n, 1, features), shape=(n, self.n, features))
        return y


class Permute(Layer):
    """The axes of each sample in another order.

    Args:
        dims: which axis comes first, which second, and so on; that of the samples, 0, stays and is
            left out: (2, 1) exchanges two.
        options: name, dtype.

    A mask (n, time) stays where the first axis does.

    >>> import numpy as np
    >>> Permute((2, 1))(np.ones((4, 5, 3))).shape
    (4, 3, 5)
    """

    on_mask = masks.USED
    passes_on = True

    def __init__(self, dims: "tuple[int, ...]", **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        given = integers("Permute", "dims", tuple(dims), len(dims))
        every = sorted(given) == list(range(1, len(given) + 1))
        demand(every, "Permute", "dims", f"each of 1 to {len(given)} once", tuple(dims))
        self.dims = given

    def accept(self, shape: Shape, *more: Shape) -> None:
        """As many axes as were named."""
        if len(shape) != len(self.dims) + 1:
            raise self.misfit(f"(n, and {len(self.dims)} axes more)", shape)

    def call(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Put the axes in order; no work is done."""
        if mask is not None and self.compute_mask(x, mask) is None:
            x = masks.without_padding(x, mask)
        return x.transpose(0, *self.dims)

    def compute_mask(self, x: Tensor | Array, mask: masks.Mask = None) -> masks.Mask:
        """The same, if the axis of the steps stays where it is."""
        stays = mask is not None and self.dims[: mask.ndim - 1] == tuple(range(1, mask.ndim))
        return mask if stays else None
