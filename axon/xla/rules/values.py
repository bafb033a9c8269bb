"""What the rules share: types, and a few ways to shape values."""

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

import jax
from jax import Array as Traced
from jax import lax
from jax import numpy as jnp

from axon.backend import Shape, promote

Rule = Callable[..., Any]  # of values and metadata: a value, or a tuple of them
Ends = tuple[int, int]
SEVERAL: ContextVar[bool] = ContextVar("several devices share each batch", default=False)


def together(*values: Traced) -> list[Traced]:
    """The same values, all of the type that their kernel promotes them to."""
    dtype = values[0].dtype
    for value in values[1:]:
        dtype = promote(dtype, value.dtype)
    return [value.astype(dtype) for value in values]


def zeros_around(x: Traced, ends: Sequence[Ends], inside: Sequence[int] | None = None) -> Traced:
    """Put zeros before and behind along each axis, negative ones cut; ``inside``: between too."""
    gaps = inside or [0] * x.ndim
    config = [(a, b, gap) for (a, b), gap in zip(ends, gaps, strict=True)]
    return lax.pad(x, jnp.zeros((), x.dtype), config)


def like(shape: Shape, dtype: Any) -> Any:
    """What stands for values of which nothing but shape and type counts."""
    return jax.ShapeDtypeStruct(shape, dtype)


def empty(shape: Shape) -> bool:
    """Whether there are no numbers at all; XLA's windows and products want some."""
    return 0 in shape
