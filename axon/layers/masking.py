"""Masking: find the padding in sequences of numbers."""

from typing import Any

from axon.backend import Shape, as_array
from axon.core import Tensor
from axon.layers import masks
from axon.layers.base import Layer


class Masking(Layer):
    """Call those steps padding whose features all are ``mask_value``: layers behind skip them.

    Args:
        mask_value: what padding was filled with.
        options: name, dtype.

    Shapes: (n, time, features) -> the same, padding set to 0.

    >>> import numpy as np
    >>> Masking(-1.0).compute_mask(np.array([[[2.0, -1.0], [-1.0, -1.0]]]))
    array([[ True, False]])
    """

    passes_on = True
    on_mask = masks.EACH
    mask_axes = 1

    def __init__(self, mask_value: float = 0.0, **options: Any) -> None:
        super().__init__(**options)
        self.mask_value = float(mask_value)

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Sequences may have any length and any number of features."""
        if len(shape) != 3:
            raise self.misfit("(n, time, features)", shape)

    def call(self, x: Tensor) -> Tensor:
        """Set padding to 0."""
        real = (x != self.mask_value).sum(axis=-1, keepdims=True) > 0
        y: Tensor = x * real.astype(x.dtype)
        return y

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        """Steps with a feature that is something else."""
        given = x if isinstance(x, Tensor) else as_array(x, self.dtype)
        real = (given != self.mask_value).sum(axis=-1) > 0
        return real if mask is None else masks.joined(masks.as_mask(mask), masks.as_mask(real))
