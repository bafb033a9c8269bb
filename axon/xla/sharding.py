"""Sharding: a batch is shared out among devices, and each of them holds all of the state.

The program is not changed by it: XLA is told where arrays lie, computes on each device what it has
the rows for, and adds one sum over all devices where gradients are needed.
"""

from collections.abc import Sequence
from hashlib import sha256
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
        factors = _primes(len(devices))  # one mesh for all: a program may know of one only
        self.mesh = Mesh(self.devices.reshape(factors), [f"axis {i}" for i in range(len(factors))])
        self.state = NamedSharding(self.mesh, PartitionSpec())
        self.several_hosts = len({d.process_index for d in devices}) > 1

    def batch(self, rows: int, axis: int = 0) -> NamedSharding:
        """Where a batch lies that has so many rows along an axis: as many parts as there can be."""
        parts, names = gcd(rows, self.devices.size), []
        for name, size in self.mesh.shape.items():
            if parts % size == 0:
                parts //= size
                names.append(name)
        return NamedSharding(self.mesh, PartitionSpec(*[None] * axis, tuple(names)))

    def demand_same(self, what: str, arrays: Sequence[Array], program: str = "") -> None:
        """Demand that all hosts hold the same numbers, of which each then takes its part.

        Raises:
            ValueError: one of them differs; on all of them.
        """
        if not self.several_hosts:
            return
        digest = sha256(program.encode())
        for array in arrays:
            digest.update(f"{array.shape} {array.dtype}".encode() + array.tobytes())
        told = process_allgather(np.frombuffer(digest.digest(), np.uint8))
        others = [host for host, row in enumerate(told) if not np.array_equal(row, told[0])]
        if others:
            raise ValueError(
                f"{len(told)} hosts compute together, and {what} is not the same on host "
                f"{others[0]} as on host 0. All have to do the same: the same script and data, "
                "and axon.set_random_seed(...) before the model is made."
            )

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


def _primes(number: int) -> list[int]:
    """The prime factors of a number, the smallest first; of 1 itself.

    >>> _primes(12)
    [2, 2, 3]
    """
    factors, divisor = [], 2
    while number > 1:
        while number % divisor == 0:
            factors.append(divisor)
            number //= divisor
        divisor += 1
    return factors or [1]
