"""Group: parameters of one type, side by side in memory, and an optimizer's state beside them."""

from collections.abc import Iterable, Mapping

from axon.backend import DType, xp
from axon.core import Tensor
from axon.ops import add_in_place
from axon.optimizers.primitives import approach, complete_mean, shrink
from axon.parameter import Parameter, gather


class Group:
    """Parameters of one type, neighbours in memory, and the optimizer's state beside them.

    Args:
        parameters: those of the group.
        state: name of each state -> what its elements begin with; None for the parameters' values.
    """

    def __init__(self, parameters: list[Parameter], state: Mapping[str, float | None]) -> None:
        self.parameters = parameters
        self.memory, self.start, self.stop = gather(parameters)
        self.dtype: DType = parameters[0].dtype
        size, dtype = self.stop - self.start, self.dtype
        values = self.memory.values.data[self.start : self.stop]
        self.state = {
            name: Tensor(values.copy() if begin is None else xp.full(size, begin, dtype))
            for name, begin in state.items()
        }

    def claim(self) -> None:
        """Count on the parameters to stay where they are."""
        self.memory.users.add(self)

    def release(self) -> None:
        """Let others move the parameters."""
        self.memory.users.discard(self)

    def retire(self) -> None:
        """Make way for other groups: programs that are bound to this one's state notice."""
        self.release()
        for tensor in self.state.values():
            tensor.data = tensor.data.view()

    def with_gradients(self) -> list[Parameter]:
        """The parameters that have a gradient; it is brought home if it lies elsewhere."""
        found = [p for p in self.parameters if p.grad is not None]
        for p in found:
            if p.grad is not p.home and p.home is not None:
                p.home.assign(p.grad)
        return found

    def waiting(self) -> list[Parameter]:
        """The parameters of which gradients were gathered."""
        gathered = (
            (p, self.kept("accumulated", p.start, p.start + p.size)) for p in self.parameters
        )
        return [p for p, total in gathered if p.requires_grad and total.data.any()]

    def gather(self, parameters: list[Parameter], count: int = 0) -> None:
        """Add gradients to those that wait; the last of ``count`` summands makes them a mean."""
        for start, stop in runs(parameters):
            total = self.kept("accumulated", start, stop)
            fresh = self.fresh(start, stop)
            if count:
                complete_mean(total, fresh, count=count)
            else:
                add_in_place(total, fresh)

    def decay(self, parameters: list[Parameter], share: Tensor) -> None:
        """Make parameters smaller by a share of them."""
        for start, stop in runs(parameters):
            shrink(self.values(start, stop), share)

    def average(self, parameters: list[Parameter], share: Tensor, overwrites: bool) -> None:
        """Bring the averages nearer to the parameters, and let them replace these if asked to."""
        for start, stop in runs(parameters):
            average, values = self.kept("average", start, stop), self.values(start, stop)
            approach(average, values, share)
            if overwrites:
                values.assign(average)

    def values(self, start: int, stop: int) -> Tensor:
        """Values between two elements of the memory."""
        return _part(self.memory.values, start, stop)

    def gradients(self, start: int, stop: int) -> Tensor:
        """Gradients between two elements of the memory: means of several, if they are gathered."""
        if "accumulated" in self.state:
            return self.kept("accumulated", start, stop)
        return _part(self.memory.gradients, start, stop)

    def fresh(self, start: int, stop: int) -> Tensor:
        """What the latest backward pass left between two elements of the memory."""
        return _part(self.memory.gradients, start, stop)

    def kept(self, name: str, start: int, stop: int) -> Tensor:
        """One state between two elements of the memory."""
        return _part(self.state[name], start - self.start, stop - self.start)


def _part(flat: Tensor, start: int, stop: int) -> Tensor:
    return flat if stop - start == flat.size else flat[start:stop]


def runs(parameters: Iterable[Parameter]) -> list[tuple[int, int]]:
    """Stretches of memory in which parameters are neighbours: usually one, all of them.

    >>> parameters = [Parameter([1.0, 2.0]), Parameter([3.0]), Parameter([4.0])]
    >>> _ = gather(parameters)
    >>> runs(parameters), runs([parameters[0], parameters[2]])
    ([(0, 4)], [(0, 2), (3, 4)])
    """
    found: list[tuple[int, int]] = []
    for p in parameters:
        before = found.pop() if found and found[-1][1] == p.start else (p.start, p.start)
        found.append((before[0], p.start + p.size))
    return found
