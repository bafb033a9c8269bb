"""Batches on the device: some at a time, so that one compiled loop goes over them."""

from collections.abc import Sequence
from math import prod

import jax
import numpy as np
from jax import lax
from jax.sharding import NamedSharding

from axon.backend import Array, aligned_bytes, carve
from axon.xla.sharding import Sharding


class Batches:
    """Room for the batches of some steps, for each input.

    On a CPU NumPy picks the rows, in memory that the device reads as it is. Elsewhere the device
    has all the data, and picks them itself, if there is room.

    Attributes:
        values: what the loop is handed: (steps, rows, ...) for each input.
    """

    def __init__(self, inputs: Sequence[Array], ahead: int, sharding: Sharding) -> None:
        self.inputs, self.ahead, self.sharding = inputs, ahead, sharding
        self.shapes = [((ahead, *a.shape), a.dtype) for a in inputs]
        self.nbytes = sum(prod(shape) * dtype.itemsize for shape, dtype in self.shapes)
        self.host: list[Array] = []
        self.values: list[jax.Array] = []

    @property
    def specs(self) -> list[jax.ShapeDtypeStruct]:
        """What the values are."""
        pairs = zip(self.shapes, self._where(), strict=True)
        return [jax.ShapeDtypeStruct(*spec, sharding=where) for spec, where in pairs]

    def batch(self, values: Sequence[jax.Array], k: jax.Array) -> list[jax.Array]:
        """The batch of one step, while the loop is traced."""
        found = [lax.dynamic_index_in_dim(v, k, keepdims=False) for v in values]
        if self.sharding.devices.size == 1:
            return found
        where = [self.sharding.batch(a.shape[0]) if a.ndim else self.sharding.state for a in found]
        return [lax.with_sharding_constraint(a, w) for a, w in zip(found, where, strict=True)]

    def _where(self) -> list[NamedSharding]:
        """Where they lie, for each input: a device is handed its own rows of each batch."""
        state, rows = self.sharding.state, [a.shape[0] if a.ndim else 0 for a in self.inputs]
        return [self.sharding.batch(n, axis=1) if n else state for n in rows]

    def suit(self, columns: Sequence[Array]) -> bool:
        """Whether batches can be picked from these columns."""
        pairs = zip(columns, self.inputs, strict=True)
        return all(c.shape[1:] == a.shape[1:] for c, a in pairs)

    def one(self, inputs: Sequence[Array]) -> None:
        """A single batch is there."""
        self._make()
        for into, array in zip(self.host, inputs, strict=True):
            into[0] = array
        self._hand_over(1)

    def pick(self, columns: Sequence[Array], order: Array, start: int, steps: int) -> None:
        """The batches of so many steps: which samples, ``order`` tells from ``start`` on."""
        self._make()
        for column, into in zip(columns, self.host, strict=True):
            rows = into.shape[1]
            numbers = order[start : start + steps * rows]
            flat = into[:steps].reshape(-1, *into.shape[2:])
            if column.dtype == into.dtype and column.flags.c_contiguous:
                np.take(column, numbers, axis=0, out=flat, mode="clip")
            else:
                for k in range(steps):
                    part = slice(k * rows, (k + 1) * rows)
                    np.copyto(flat[part], column[numbers[part]], casting="unsafe")
        self._hand_over(steps)

    def _make(self) -> None:
        if self.host:
            return
        nbytes = [prod(shape) * dtype.itemsize for shape, dtype in self.shapes]
        pairs = zip(nbytes, self.shapes, strict=True)
        self.host = [carve(aligned_bytes(size), 0, *spec) for size, spec in pairs]
        self.values = []

    def _hand_over(self, steps: int) -> None:
        """Let the device have so many of them; nothing to do where it reads the same memory."""
        if self.sharding.devices.size > 1:
            if not self.values:
                self.sharding.demand_same("the first batch", [a[:steps] for a in self.host])
            pairs = zip(self.host, self._where(), strict=True)
            self.values = [self.sharding.put(a, where) for a, where in pairs]
        elif not self.values:
            self.values = [jax.device_put(a, self.sharding.state) for a in self.host]
            self.shared = all(
                v.unsafe_buffer_pointer() == a.ctypes.data
                for v, a in zip(self.values, self.host, strict=True)
                if a.size
            )
        elif not self.shared:
            self.values = [self.sharding.put(a, self.sharding.state) for a in self.host]
