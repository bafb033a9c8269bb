"""Batches on the device: those of some steps, so that one compiled loop goes over them."""

from collections.abc import Sequence
from math import prod

import jax
import numpy as np
from jax import Array as Traced
from jax import lax
from jax import numpy as jnp

from axon.backend import Array, aligned_bytes, carve
from axon.xla.columns import DeviceColumns
from axon.xla.sharding import Sharding

SHARES = ("cpu",)  # platforms whose devices read NumPy's memory as it is


class Batches:
    """The batches of some steps, for each input.

    On a CPU NumPy picks the rows, in memory that the device reads as it is. Elsewhere the device
    has all the data, if there is room for it, and picks them itself.

    Args:
        inputs: the arrays that hold one batch.
        ahead: how many steps.
        sharding: where they lie.

    Attributes:
        values: what the loop is handed: (steps, rows, ...) for each input.
        nbytes: what they take.
    """

    def __init__(self, inputs: Sequence[Array], ahead: int, sharding: Sharding) -> None:
        self.inputs, self.ahead, self.sharding = inputs, ahead, sharding
        self.shapes = [((ahead, *a.shape), a.dtype) for a in inputs]
        self.nbytes = sum(prod(shape) * dtype.itemsize for shape, dtype in self.shapes)
        self.specs = [
            jax.ShapeDtypeStruct(*spec, sharding=self._where(a))
            for spec, a in zip(self.shapes, inputs, strict=True)
        ]
        self.values: list[Traced] = []
        self._host: list[Array] = []
        self._other: tuple[list[Array], list[Traced]] = [], []  # room where the next are laid
        first = sharding.devices[0]
        self._shares = sharding.devices.size == 1 and first.platform in SHARES
        self._columns = DeviceColumns(self.specs, sharding)
        lies = [spec.sharding for spec in self.specs]
        self._lay = jax.jit(_first_laid, donate_argnums=0, out_shardings=lies)

    def batch(self, values: Sequence[Traced], k: Traced) -> list[Traced]:
        """The batch of one step, while the loop is traced."""
        found = [lax.dynamic_index_in_dim(v, k, keepdims=False) for v in values]
        if self.sharding.devices.size == 1:
            return found
        where = [self.sharding.batch(a.shape[0]) if a.ndim else self.sharding.state for a in found]
        return [lax.with_sharding_constraint(a, w) for a, w in zip(found, where, strict=True)]

    def suit(self, columns: Sequence[Array]) -> bool:
        """Whether batches can be picked from these columns."""
        pairs = zip(columns, self.inputs, strict=True)
        return all(c.shape[1:] == a.shape[1:] for c, a in pairs)

    def one(self, inputs: Sequence[Array]) -> None:
        """A single batch is there."""
        if self._shares:
            for into, array in zip(self._buffers(), inputs, strict=True):
                into[0] = array
            self._share()
            return
        if not self.values:
            self.sharding.demand_same("the first batch", inputs)
            self.values = [
                self._put(a, s) for a, s in zip(self._buffers(), self.specs, strict=True)
            ]
        alone = [self.sharding.put(a, self._where(a, 0)) for a in inputs]
        self.values = self._lay(self.values, alone)

    def pick(
        self, columns: Sequence[Array], order: Array, start: int, steps: int, anew: bool
    ) -> None:
        """The batches of so many steps; those before may still be read meanwhile.

        Args:
            columns: one array of samples for each input.
            order: which samples, in turn.
            start: where in ``order`` the first batch begins.
            steps: how many.
            anew: Python may have changed the columns since the last time.
        """
        numbers = order[start : start + steps * self.inputs[0].shape[0]]
        if not self._shares and self._columns.hold(columns, anew):
            self.values = self._columns.pick(numbers)
            return
        if self._shares:
            (self._host, self.values), self._other = self._other, (self._host, self.values)
        for column, into in zip(columns, self._buffers(), strict=True):
            _picked(column, numbers, into[:steps])
        if self._shares:
            self._share()
        else:
            if not self.values:
                self.sharding.demand_same("the first batch", [a[:steps] for a in self._host])
            pairs = zip(self._host, self.specs, strict=True)
            self.values = [self._put(a, spec) for a, spec in pairs]

    def _where(self, array: Array, axis: int = 1) -> jax.sharding.NamedSharding:
        """Where batches of an input lie: each device has its own rows."""
        if not array.ndim:
            return self.sharding.state
        return self.sharding.batch(array.shape[0], axis=axis)

    def _put(self, array: Array, spec: jax.ShapeDtypeStruct) -> Traced:
        return self.sharding.put(array, spec.sharding)

    def _buffers(self) -> list[Array]:
        """Where NumPy lays the rows that it picks."""
        if not self._host:
            sizes = [prod(shape) * dtype.itemsize for shape, dtype in self.shapes]
            pairs = zip(sizes, self.shapes, strict=True)
            self._host = [carve(aligned_bytes(size), 0, *spec) for size, spec in pairs]
        return self._host

    def _share(self) -> None:
        """Let the device have them: once, if it reads the same memory."""
        if not self.values or not self._shares:
            self.values = [jax.device_put(a, self.sharding.state) for a in self._host]
            self._shares = all(
                v.unsafe_buffer_pointer() == a.ctypes.data
                for v, a in zip(self.values, self._host, strict=True)
                if a.size
            )


def _picked(column: Array, numbers: Array, into: Array) -> None:
    """Copy rows of a column, converting their type on the way."""
    flat, rows = into.reshape(-1, *into.shape[2:]), into.shape[1]
    if column.dtype == into.dtype and column.flags.c_contiguous:
        np.take(column, numbers, axis=0, out=flat, mode="clip")
        return
    for start in range(0, len(flat), rows):  # a batch at a time, for the sake of memory
        part = slice(start, start + rows)
        np.copyto(flat[part], column[numbers[part]], casting="unsafe")


def _first_laid(values: list[Traced], batch: list[Traced]) -> list[Traced]:
    """The values, with this batch as that of the first step."""
    put = lax.dynamic_update_index_in_dim
    return [put(v, b, jnp.int32(0), 0) for v, b in zip(values, batch, strict=True)]
