"""Sharding: a batch is shared out among devices, and each of them holds all of the state.

The program is not changed by it: XLA is told where arrays lie, computes on each device what it has
the rows for, and adds one sum over all devices where gradients are needed.
"""

from collections.abc import Sequence
from math import gcd

import jax
import numpy as np
from jax.experimental.multihost_utils import process_allgather
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from axon.backend import Array


class Sharding:
    """Where the arrays of programs lie.

    A batch whose rows do not divide by the devices is cut into as many parts as divides both; each
    part is then computed by several devices at once: 6 rows on 4 devices are 2 parts of 3 rows,
    each on 2 devices. No row is padded or left out, and all devices hold the same state afterwards.

    Args:
        devices: all that compute, in order; those of other processes too.

    Attributes:
        state: where parameters and the like lie, and data of which batches are picked: all of it
            on each device.

    >>> sharding = Sharding(jax.devices("cpu"))
    >>> sharding.read(sharding.put(np.ones(3, np.float32), sharding.state))
    array([1., 1., 1.], dtype=float32)
    """

    def __init__(self, devices: Sequence[jax.Device]) -> None:
        self.devices = np.array(devices)
        self.state = self._over(1, PartitionSpec())
        self.several_hosts = len({d.process_index for d in devices}) > 1

    def batch(self, rows: int) -> NamedSharding:
        """Where a batch of so many rows lies: each part on one device, if it can be."""
        return self._over(gcd(rows, self.devices.size), PartitionSpec("data"))

    def _over(self, parts: int, spec: PartitionSpec) -> NamedSharding:
        return NamedSharding(Mesh(self.devices.reshape(parts, -1), ("data", "copies")), spec)

    def put(self, array: Array, where: NamedSharding) -> jax.Array:
        """A copy of an array on the devices: JAX on a CPU would otherwise share NumPy's memory."""
        copy = np.array(array)
        if self.several_hosts:  # each process has all of it, and hands on what its devices need
            return jax.make_array_from_callback(copy.shape, where, lambda part: copy[part])
        return jax.device_put(copy, where)

    def read(self, array: jax.Array) -> Array:
        """What an array on the devices holds, in memory of its own."""
        if array.is_fully_addressable:
            return np.array(array)
        if array.is_fully_replicated:
            return np.array(array.addressable_data(0))
        return np.array(process_allgather(array, tiled=True))
