"""Rotary embeddings: a place in a sequence as an angle by which pairs of features are turned."""

from functools import lru_cache
from typing import Unpack

import numpy as np

from axon.backend import Array, Shape
from axon.checks import positive
from axon.core import Tensor
from axon.layers import masks
from axon.layers.base import Layer
from axon.layers.options import LayerOptions
from axon.modes import modes
from axon.ops.index import lookup
from axon.ops.join import concatenate, stack


@lru_cache(maxsize=16)
def waves_of_pairs(time: int, half: int, wavelength: float, scaling: float) -> tuple[Array, Array]:
    """cos and sin of the angles of each place t and pair i, (time, half) each.

    The angle is t / scaling / wavelength^(i / half).

    >>> [a.round(2).tolist() for a in waves_of_pairs(2, 2, 10_000.0, 1.0)]
    [[[1.0, 1.0], [0.54, 1.0]], [[0.0, 0.0], [0.84, 0.01]]]
    """
    slow = wavelength ** -(np.arange(half) / half)
    angles = np.arange(time)[:, None] / scaling * slow
    return np.cos(angles), np.sin(angles)


def turned(
    x: Tensor, wavelength: float = 10_000.0, scaling: float = 1.0, interleaved: bool = False
) -> Tensor:
    """Turn each pair of features of x (..., time, features) by the angle of its place and pair.

    Args:
        x: (..., time, features), an even number of them.
        wavelength: of the slowest pair, divided by 2 pi.
        scaling: places are divided by this.
        interleaved: pairs are features 2i and 2i + 1; otherwise i and i + features / 2.
    """
    time, features = x.shape[-2:]
    half = features // 2
    cos, sin = _waves(x, time, half, wavelength, scaling)
    if interleaved:
        pairs = x.reshape(*x.shape[:-1], half, 2)
        a, b = pairs[..., 0], pairs[..., 1]
        both: Tensor = stack([a * cos - b * sin, b * cos + a * sin], axis=-1)
        return both.reshape(x.shape)
    a, b = x[..., :half], x[..., half:]
    return concatenate([a * cos - b * sin, b * cos + a * sin])


def _waves(
    x: Tensor, time: int, half: int, wavelength: float, scaling: float
) -> tuple[Tensor, Tensor]:
    """cos and sin at the places of x, (time, half); those go on where it is read step by step."""
    past = modes.past
    longest = time if past is None else past.length
    tables = waves_of_pairs(longest, half, wavelength, scaling)
    cos, sin = (Tensor(np.asarray(table, x.dtype)) for table in tables)
    if past is not None:
        at = past.places(time)
        return lookup(cos, at), lookup(sin, at)
    return cos, sin


class RotaryEmbedding(Layer):
    """Turn pairs of features by an angle that grows with the place in the sequence.

    Pair i at place t is turned by t / max_wavelength^(2 i / features), so that the product of two
    vectors depends on how far apart they are, not on where (Su and others, 2021: RoFormer). It is
    applied to queries and keys; ``MultiHeadAttention(rotary=True)`` does it by itself.

    Args:
        max_wavelength: of the slowest pair, divided by 2 pi.
        scaling_factor: places are divided by it, to reach further than what was learned.
        interleaved: pairs are features 2i and 2i + 1, as in GPT-J; otherwise i and i + features /
            2, as in Llama, GPT-NeoX and KerasHub.
        options: name, dtype.

    Shapes: (n, time, features) or (n, time, heads, features) -> the same; features must be even.

    >>> RotaryEmbedding()(np.ones((1, 3, 2))).round(2)[0]
    array([[ 1.  ,  1.  ],
           [-0.3 ,  1.38],
           [-1.33,  0.49]], dtype=float32)
    """

    on_mask = masks.STEPS

    def __init__(
        self,
        max_wavelength: float = 10_000.0,
        scaling_factor: float = 1.0,
        *,
        interleaved: bool = False,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        self.max_wavelength = positive("RotaryEmbedding", "max_wavelength", max_wavelength)
        self.scaling_factor = positive("RotaryEmbedding", "scaling_factor", scaling_factor)
        self.interleaved = bool(interleaved)

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Sequences of any length, with an even number of features."""
        if len(shape) not in (3, 4) or shape[-1] % 2:
            hint = " Features are turned in pairs." if shape and shape[-1] % 2 else ""
            raise self.misfit("(n, time, features) or (n, time, heads, features)", shape, hint)

    def call(self, x: Tensor) -> Tensor:
        """Turn them."""
        given = self.max_wavelength, self.scaling_factor, self.interleaved
        if x.ndim == 3:
            return turned(x, *given)
        return turned(x.transpose(0, 2, 1, 3), *given).transpose(0, 2, 1, 3)
