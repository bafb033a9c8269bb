"""All the data on the device, which picks batches itself: they go there once, not once an epoch.

They stay as long as they are the same: whenever Python may have changed them, it is looked whether
it has. For that, sums of all numbers are kept, by their places in blocks and by blocks.
"""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax import Array as Traced
from jax import numpy as jnp

from axon.backend import Array
from axon.xla.sharding import Sharding

SHARE = 2  # of a device's memory that is free, data may take one part in so many
UNKNOWN = 2**30  # bytes that they may take where a device does not say what it has
BLOCK = 512  # words of 8 bytes


class DeviceColumns:
    """Columns of samples on the device.

    Args:
        specs: what is made of them: (steps, rows, ...) for each.
        sharding: where they lie: all of them on each device.
    """

    def __init__(self, specs: Sequence[jax.ShapeDtypeStruct], sharding: Sharding) -> None:
        self.specs, self.sharding = specs, sharding
        self._seen: list[tuple[Any, ...]] = []
        self._values: list[Traced] = []
        where = [spec.sharding for spec in specs]
        self._pick = jax.jit(self._picked, out_shardings=where)

    def hold(self, columns: Sequence[Array], anew: bool) -> bool:
        """Have these columns there; whether that is possible.

        Args:
            columns: the data.
            anew: Python may have changed them since the last time.
        """
        same = len(self._seen) == len(columns) and all(
            seen[0] == _name(c) for seen, c in zip(self._seen, columns, strict=True)
        )
        if same and not anew:
            return True
        if not self._fit(columns, same):
            self._seen, self._values = [], []
            return False
        seen = [(_name(c), *fingerprint(c)) for c in columns]
        if seen != self._seen:
            self._values = []  # before others take its place
            self._values = [self.sharding.put(c, self.sharding.state) for c in columns]
            self._seen = seen
        return True

    def pick(self, numbers: Array) -> list[Traced]:
        """The batches of samples with these numbers; behind them, what is there."""
        steps, rows = self.specs[0].shape[:2]
        padded = np.zeros(steps * rows, np.int32)
        padded[: len(numbers)] = numbers
        values: list[Traced] = self._pick(
            self._values, self.sharding.put(padded, self.sharding.state)
        )
        return values

    def _picked(self, columns: list[Traced], numbers: Traced) -> list[Traced]:
        pairs = zip(columns, self.specs, strict=True)
        taken = [(jnp.take(c, numbers, axis=0, mode="clip"), spec) for c, spec in pairs]
        return [rows.astype(spec.dtype).reshape(spec.shape) for rows, spec in taken]

    def _fit(self, columns: Sequence[Array], there: bool) -> bool:
        """Whether they lie as they can be looked at, and there is room."""
        if self.sharding.several_hosts:  # which may have different room, and have to do the same
            return False
        if any(isinstance(c, np.memmap) or not c.flags.c_contiguous for c in columns):
            return False
        if len(columns[0]) > np.iinfo(np.int32).max:
            return False
        told = self.sharding.devices[0].memory_stats() or {}
        free = told.get("bytes_limit", SHARE * UNKNOWN) - told.get("bytes_in_use", 0)
        return there or sum(c.nbytes for c in columns) <= free // SHARE


def _name(column: Array) -> tuple[Any, ...]:
    return (column.__array_interface__["data"][0], column.shape, column.dtype.str)


def fingerprint(array: Array) -> tuple[bytes, ...]:
    """Sums that tell whether numbers have changed or moved, at the pace of memory.

    >>> x = np.arange(4096.0)
    >>> before = fingerprint(x)
    >>> x[[7, 3000]] = x[[3000, 7]]
    >>> fingerprint(x) == before
    False
    """
    flat = array.reshape(-1).view(np.uint8)
    words = flat[: flat.size // 8 * 8].view(np.uint64)
    blocks = words[: words.size // BLOCK * BLOCK].reshape(-1, BLOCK)
    sums = blocks.sum(axis=0), blocks.sum(axis=1)
    rest = words[blocks.size :], flat[words.nbytes :]
    return tuple(part.tobytes() for part in (*sums, *rest))
