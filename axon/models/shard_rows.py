"""What shards hand on: rows of gradients, and what a forward pass leaves in a model."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import numpy as np

from axon.backend import Array, DType
from axon.core import Tensor
from axon.layers.noise import Noise
from axon.models.network import kept_by
from axon.models.training import Trainer
from axon.optimizers.group import Group, runs
from axon.parameter import Parameter
from axon.ranks import all_reduce

WORDS, APART = 2**32, 0x9E3779B1  # seeds are words; those of two shards are as far apart as can be


class RowsOfType:
    """What a row holds in one type: gradients, changes of other tensors, a loss and a weight.

    Attributes:
        gradients: where in a row, of which group, which stretch of its memory.
        floats: where in a row, which tensor.
        rows: (shards of this process, n).
        total: (n,) the sum over all shards.
    """

    def __init__(
        self, dtype: DType, stretches: list[tuple[Group, int, int]], floats: list[Tensor], own: int
    ) -> None:
        self.gradients: list[tuple[slice, Group, int, int]] = []
        self.floats: list[tuple[slice, Tensor]] = []
        size = 0
        for group, start, stop in stretches:
            self.gradients.append((slice(size, size + stop - start), group, start, stop))
            size += stop - start
        for tensor in floats:
            self.floats.append((slice(size, size + tensor.size), tensor))
            size += tensor.size
        self.rows = Tensor(np.zeros((own, size + 2), dtype))
        self.total = Tensor(np.zeros(size + 2, dtype))

    def put(self, row: int, loss: float, weight: float, carried: "Carried") -> None:
        """Lay down what a shard gave."""
        line = self.rows.data[row]
        for place, group, start, stop in self.gradients:
            line[place] = group.memory.gradients.data[start:stop]
        for place, tensor in self.floats:
            change = line[place].reshape(tensor.shape)
            np.subtract(tensor.data, carried.before(tensor), out=change)
            np.multiply(change, weight, out=change)
        line[-2:] = loss * weight, weight

    def reduce(self, shards: int) -> Tensor:
        """Add up all rows, and hand the means on; returns that of the loss, (1,)."""
        all_reduce(self.total, self.rows, shards=shards)
        weight = self.total[-1:]
        for place, group, start, stop in self.gradients:
            group.fresh(start, stop).assign(self.total[place] / weight)
        for place, tensor in self.floats:
            tensor.assign(tensor + (self.total[place] / weight).reshape(tensor.shape))
        loss: Tensor = self.total[-2:-1] / weight
        return loss


_numbers = count()


class ShardRows:
    """A row for each shard of this process, in each type that parameters have.

    Args:
        reached: the parameters of each group that have a gradient.
        floats: what else a forward pass changes.
        own: how many shards this process has.
    """

    def __init__(
        self,
        reached: list[tuple[Group, list[Parameter]]],
        floats: list[Tensor],
        own: int,
    ) -> None:
        self.number = next(_numbers)  # programs that are bound to others are others
        self.reached = [p for _, parameters in reached for p in parameters]
        self._made_for = _signature(reached, floats)
        types = dict.fromkeys([*(group.dtype for group, _ in reached), *(t.dtype for t in floats)])
        self.parts = [
            RowsOfType(
                dtype,
                [(g, *ends) for g, found in reached if g.dtype == dtype for ends in runs(found)],
                [t for t in floats if t.dtype == dtype],
                own,
            )
            for dtype in types
        ]

    def suit(self, reached: list[tuple[Group, list[Parameter]]], floats: list[Tensor]) -> bool:
        """Whether they were made for these."""
        return self._made_for == _signature(reached, floats)

    def put(self, row: int, loss: float, weight: float, carried: "Carried") -> None:
        """Lay down what a shard gave."""
        for part in self.parts:
            part.put(row, loss, weight, carried)

    def clear(self, row: int) -> None:
        """An empty shard: it counts nothing."""
        for part in self.parts:
            part.rows.data[row] = 0

    def reduce(self, shards: int) -> Tensor:
        """Add up the rows of all shards, and hand on their means; returns the mean loss, (1,)."""
        losses = [part.reduce(shards) for part in self.parts]
        return losses[0]


def _signature(
    reached: list[tuple[Group, list[Parameter]]], floats: list[Tensor]
) -> list[tuple[object, ...]]:
    groups = [(group, *runs(parameters)) for group, parameters in reached]
    return [*groups, *((id(t), t.shape) for t in floats)]


class Carried:
    """What a forward pass leaves in a model: running means, counts, keys of random layers.

    Numbers with a fraction are averaged over the shards. Whole numbers must come out alike.
    """

    def __init__(self, trainer: Trainer) -> None:
        model = trainer.model
        tensors = [*model.named_buffers().values(), *kept_by((*model.modules(), trainer.loss))]
        found = {id(t): t for t in tensors if not isinstance(t, Parameter)}
        self.floats = [t for t in found.values() if t.dtype.kind == "f"]
        self.others = [t for t in found.values() if t.dtype.kind != "f"]
        self._names = {id(t): name for name, t in model.named_buffers().items()}
        keys = (m.seed_state for m in model.modules() if isinstance(m, Noise))
        self._keys = list({id(key): key for key in keys}.values())
        self._before: dict[int, Array] = {}
        self._after: dict[int, Array] = {}

    def before(self, tensor: Tensor) -> Array:
        """What it held before the batch."""
        return self._before[id(tensor)]

    @contextmanager
    def the_same_for_each(self) -> Iterator[None]:
        """Let shards begin from the same values; then all is as it was, but for whole numbers."""
        tensors = (*self.floats, *self.others)
        self._before, self._after = {id(t): t.data.copy() for t in tensors}, {}
        try:
            yield
        except BaseException:
            self._after = {}
            raise
        finally:
            for tensor in tensors:
                tensor.data[...] = self._after.get(id(tensor), self._before[id(tensor)])

    @contextmanager
    def of(self, shard: int) -> Iterator[None]:
        """Let a shard begin; random layers draw other numbers than in any other one."""
        for tensor in (*self.floats, *self.others):
            tensor.data[...] = self._before[id(tensor)]
        for key in self._keys:
            key.data[0] = (int(key.data[0]) + shard * APART) % WORDS
        yield
        for key in self._keys:
            key.data[0] = self._before[id(key)][0]
        for tensor in self.others:
            left = self._after.setdefault(id(tensor), tensor.data.copy())
            if not np.array_equal(left, tensor.data):
                self._demand_alike(tensor, left)

    def _demand_alike(self, tensor: Tensor, left: Array) -> None:
        name = self._names.get(id(tensor), "a Tensor that a layer keeps")
        raise ValueError(
            f"fit(shards=...): {name}, whole numbers, came out of two shards of a batch as {left} "
            f"and {tensor.data}. Numbers with a fraction are averaged over the shards; whole ones "
            "must not depend on the samples. Keep them as floats, or leave shards out."
        )
