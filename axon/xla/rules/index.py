"""Rows looked up and added to, values joined."""

from collections.abc import Callable

from jax import numpy as jnp

from axon.backend import Shape
from axon.xla.rules.values import Rule, Traced, empty, together

LONG = 2**31  # rows that 32 bits cannot count


def _counted(indices: Traced, rows: int) -> Traced:
    """Row numbers counted from the start, in a type that devices are fast with."""
    wide = indices.astype(jnp.int64)
    return jnp.remainder(wide, rows).astype(jnp.int32 if rows < LONG else jnp.int64)


def take(x: Traced, indices: Traced) -> Traced:
    """The rows with these numbers; those out of range are a fault, and asked for apart."""
    if empty(x.shape) or empty(indices.shape):
        return jnp.zeros(indices.shape + x.shape[1:], x.dtype)
    return jnp.take(x, _counted(indices, len(x)), axis=0, mode="clip")


def lookup(table: Traced, ids: Traced) -> Traced:
    """As ``take``, but no id counts from the end."""
    if empty(table.shape) or empty(ids.shape):
        return jnp.zeros(ids.shape + table.shape[1:], table.dtype)
    return jnp.take(table, ids, axis=0, mode="clip")


def take_gradient(g: Traced, indices: Traced, *, shape: Shape) -> Traced:
    """Each row of g is added to the one that it was taken from."""
    out = jnp.zeros(shape, g.dtype)
    if empty(shape) or empty(indices.shape):
        return out
    return out.at[_counted(indices, shape[0])].add(g, mode="promise_in_bounds")


def argsort(x: Traced, *, axis: int = -1) -> Traced:
    """The places in rising order; of equal ones, the first first."""
    return jnp.argsort(x, axis=axis, stable=True).astype(jnp.int64)


def concatenate(*xs: Traced, axis: int = -1) -> Traced:
    """One behind another."""
    return jnp.concatenate(together(*xs), axis)


RULES: dict[str, Rule] = {
    "take": take,
    "lookup": lookup,
    "take_gradient": take_gradient,
    "argsort": argsort,
    "concatenate": concatenate,
}

# ------------------------------------------------------------------------------------ faults


def _outside(indices: Traced, first: int, last: int) -> tuple[Traced, Traced]:
    """Whether an index is not one of ``first`` to ``last``, and the first that is not."""
    if empty(indices.shape):
        return jnp.zeros((), bool), jnp.zeros((), jnp.int64)
    flat = indices.reshape(-1).astype(jnp.int64)
    wrong = (flat < first) | (flat > last)
    return wrong.any(), flat[jnp.argmax(wrong)]


# Of a primitive that can fail: whether it does, and the index that is to blame. To say so in words,
# run its kernel with this index alone.
FAULTS: dict[str, Callable[..., tuple[Traced, Traced]]] = {
    "take": lambda x, indices: _outside(indices, -len(x), len(x) - 1),
    "lookup": lambda table, ids: _outside(ids, 0, len(table) - 1),
}
