"""Random masks: what is kept and what is left out, as a pure function of a key."""

from math import prod
from typing import Any

import numpy as np

from axon.backend import Array, DType, Shape
from axon.core import primitive
from axon.ops.random import asked_for, fill_hashes, hashes

WORDS = 2**32  # as many values has a random word


def mask_of(key: Array, *, shape: Shape, dtype: DType, rate: float) -> tuple[Shape, DType]:
    """The shape and type asked for."""
    return asked_for(key, shape=shape, dtype=dtype)


def for_mask(key: Array, *, shape: Shape, dtype: DType, rate: float) -> list[tuple[Shape, DType]]:
    """Workspace: a hash for each element, and its truth."""
    return [*hashes(key, shape=shape, dtype=dtype), ((prod(shape),), np.dtype(np.bool_))]


@primitive(result=mask_of, workspace=for_mask)
def keep_mask(
    out: Array, key: Array, *, xp: Any, work: list[Array], shape: Shape, dtype: DType, rate: float
) -> None:
    """0 with probability ``rate``, else 1 / (1 - rate), so that the mean is 1.

    The 32 random bits of each element are compared with rate 2^32: no fraction is computed.

    >>> key = np.array([7, 0], np.uint32)
    >>> keep_mask(key, shape=(4,), dtype=np.dtype("f4"), rate=0.5)
    array([0., 2., 0., 2.], dtype=float32)
    """
    *words, kept = work
    fill_hashes(key, words, xp)
    threshold = min(round(rate * WORDS), WORDS - 1)
    xp.greater_equal(words[0], np.uint32(threshold), out=kept)
    flat = out.reshape(-1)  # fresh memory, so this is a view
    xp.copyto(flat, kept)
    xp.multiply(flat, 1 / (1 - rate), out=flat)


keep_mask.gradient(None)
