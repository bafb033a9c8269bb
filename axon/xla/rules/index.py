"""Rows looked up, parts cut out and put back, values joined."""

from collections.abc import Callable
from typing import Any

from jax import numpy as jnp

from axon.backend import Shape
from axon.ops.pad import Pair
from axon.xla.rules.values import Rule, Traced, empty, together, zeros_around

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


def slice_gradient(g: Traced, *, shape: Shape, index: Any) -> Traced:
    """Zeros around g, and between its numbers if only every other was cut out."""
    if empty(g.shape):
        return jnp.zeros(shape, g.dtype)
    ends, gaps, flipped = [], [], []
    for axis, (part, size) in enumerate(zip(_parts(index, len(shape)), shape, strict=True)):
        places = range(size)[part]
        first, last = min(places[0], places[-1]), max(places[0], places[-1])
        ends.append((first, size - 1 - last))
        gaps.append(abs(places.step) - 1 if len(places) > 1 else 0)
        flipped += [axis] if places.step < 0 else []
    kept = [len(range(n)[p]) for p, n in zip(_parts(index, len(shape)), shape, strict=True)]
    full = g.reshape(kept)
    return zeros_around(jnp.flip(full, flipped) if flipped else full, ends, gaps)


def _parts(index: Any, ndim: int) -> list[slice]:
    """A slice for each axis; a number is a slice of one."""
    given = [p for p in (index if isinstance(index, tuple) else (index,)) if p is not None]
    if Ellipsis not in given:
        given.append(Ellipsis)
    place = given.index(Ellipsis)
    given[place : place + 1] = [slice(None)] * (ndim - len(given) + 1)
    return [p if isinstance(p, slice) else slice(p, p + 1 or None) for p in given]


def concatenate(*xs: Traced, axis: int = -1) -> Traced:
    """One behind another."""
    return jnp.concatenate(together(*xs), axis)


def pad(x: Traced, *, padding: tuple[Pair, ...]) -> Traced:
    """Zeros around x."""
    return zeros_around(x, padding)


RULES: dict[str, Rule] = {
    "take": take,
    "lookup": lookup,
    "take_gradient": take_gradient,
    "slice_gradient": slice_gradient,
    "concatenate": concatenate,
    "pad": pad,
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
