"""Trainable tensors, and the flat memory in which they lie one behind another.

All values of a model's parameters share one buffer, all their gradients another. So an optimizer
updates everything in one call, and saving or exchanging everything is one walk over memory.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import prod
from typing import Any
from weakref import WeakSet

from axon.backend import Array, aligned_bytes, carve
from axon.core import Tensor
from axon.modes import count_up

Rule = Callable[[Tensor], Tensor]


class Memory:
    """Two flat buffers of equal length: the values of some parameters, and their gradients.

    Attributes:
        users: whoever counts on its parameters to stay: a group of an optimizer. Several do where
            models share layers; programs would be recorded anew each time these were moved.
    """

    def __init__(self, size: int, like: Array) -> None:
        nbytes = size * like.dtype.itemsize
        self.values = Tensor(carve(aligned_bytes(nbytes), 0, (size,), like.dtype))
        self.gradients = Tensor(carve(aligned_bytes(nbytes), 0, (size,), like.dtype))
        self.gradients.data.fill(0)
        self.users: WeakSet[Any] = WeakSet()

    def __getstate__(self) -> dict[str, Any]:
        """Copy or pickle the numbers; a copy's users are others."""
        return {"values": self.values, "gradients": self.gradients}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.users = WeakSet()


class Buffer(Tensor):
    """A tensor that belongs to a layer and is saved with it, but is not learned: a running mean."""

    __slots__ = ()


class Parameter(Tensor):
    """A trainable tensor with a name, for example ``dense/weights``.

    Once an optimizer has gathered the parameters, ``data`` is a view into a Memory, beginning at
    element ``start``, and gradients are written to ``home``, the view at the same place beside it.
    """

    __slots__ = ("_constraint", "_regularizer", "home", "memory", "name", "start", "view")

    def __init__(self, data: object, name: str = "", requires_grad: bool = True) -> None:
        super().__init__(data, requires_grad=requires_grad)
        self.name = name
        self._regularizer: Rule | None = None
        self._constraint: Rule | None = None
        self.memory: Memory | None = None
        self.home: Tensor | None = None
        self.view: Array | None = None
        self.start = 0

    @property
    def regularizer(self) -> Rule | None:
        """What its size costs."""
        return self._regularizer

    @regularizer.setter
    def regularizer(self, rule: Rule | None) -> None:
        self._regularizer = rule
        count_up()

    @property
    def constraint(self) -> Rule | None:
        """What is applied to it after each update."""
        return self._constraint

    @constraint.setter
    def constraint(self, rule: Rule | None) -> None:
        self._constraint = rule
        count_up()

    def move(self, memory: Memory, start: int) -> None:
        """Let the values live in ``memory`` from now on, and the gradients beside them."""
        stop, shape = start + prod(self.shape), self.shape
        values = memory.values.data[start:stop].reshape(shape)
        values[...] = self.data
        self.data = self.view = values
        self.memory, self.start = memory, start
        self.home = Tensor(memory.gradients.data[start:stop].reshape(shape))
        if self.grad is not None:
            self.home.assign(self.grad)
            self.grad = self.home

    @property
    def settled(self) -> bool:
        """Whether the values still are the view into the memory, and not an array put in place."""
        return self.memory is not None and self.data is self.view

    @property
    def awaited(self) -> bool:
        """Whether somebody counts on the values to be found where they are."""
        return self.settled and self.memory is not None and bool(self.memory.users)

    def accumulate(self, gradient: Tensor) -> None:
        """Add to ``.grad``, in its home if it has one."""
        if self.home is None or gradient.requires_grad:
            super().accumulate(gradient)
        else:
            self.home.assign(gradient if self.grad is None else self.grad + gradient)
            self.grad = self.home

    def __getstate__(self) -> Any:
        """Copy or pickle the values and the name; a copy lies in memory of its own."""
        _, slots = super().__getstate__()
        return None, {
            **slots,
            "name": self.name,
            "_regularizer": self._regularizer,
            "_constraint": self._constraint,
            "memory": None,
            "home": None,
            "view": None,
            "start": 0,
        }


def gather(parameters: Sequence[Parameter]) -> tuple[Memory, int, int]:
    """Let parameters of one type lie one behind another; those that do already stay where they are.

    Returns:
        The memory and the first and last-but-one element in it.

    >>> memory, start, stop = gather([Parameter([1.0, 2.0]), Parameter([[3.0]])])
    >>> memory.values.data[start:stop]
    array([1., 2., 3.], dtype=float32)
    """
    size = sum(p.size for p in parameters)
    first = parameters[0]
    if first.memory is None or not _adjacent(parameters):
        memory, start = Memory(size, first.data), 0
        for p in parameters:
            p.move(memory, start)
            start += p.size
    assert first.memory
    return first.memory, first.start, first.start + size


def stretches(parameters: Sequence[Parameter]) -> list[list[Parameter]]:
    """Part parameters into lists that can each lie one behind another.

    It is one for each type, unless somebody counts on some parameters to stay where they are.
    """
    found: list[list[Parameter]] = []
    for dtype in dict.fromkeys(p.dtype for p in parameters):
        alike = [p for p in parameters if p.dtype == dtype]
        found += _staying([p for p in alike if p.awaited])
        moving = [p for p in alike if not p.awaited]
        found += [moving] if moving else []
    return found


def _staying(parameters: Sequence[Parameter]) -> list[list[Parameter]]:
    """Stretches of neighbours, memory by memory."""
    homes = list(dict.fromkeys(id(p.memory) for p in parameters))
    found: list[list[Parameter]] = []
    for p in sorted(parameters, key=lambda p: (homes.index(id(p.memory)), p.start)):
        if found and _adjacent([found[-1][-1], p]):
            found[-1].append(p)
        else:
            found.append([p])
    return found


def _adjacent(parameters: Sequence[Parameter]) -> bool:
    return all(p.settled for p in parameters) and all(
        b.memory is a.memory and b.start == a.start + a.size for a, b in pairwise(parameters)
    )
