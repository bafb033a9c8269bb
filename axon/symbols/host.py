"""What of a plan the host does itself: arithmetic of a few numbers of 64 bits.

Counters, learning rates and the sums of metrics are float64, whatever a model computes in. Not each
device has such numbers, and Python does with one of them what a device would be asked for. Some
depend on no batch: they come before a step. Others read what it gave: they come after it.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from axon.core import Tensor
from axon.program.plan import Plan
from axon.program.trace import Instruction

FEW = 2  # numbers: a counter, or what an optimizer makes of it


class Parted(NamedTuple):
    """Numbers of the instructions of a plan, each part in its order: first, then, in the end."""

    before: list[int]
    device: list[int]
    after: list[int]


def parted(plan: Plan, inputs: Sequence[Tensor], outputs: Sequence[Tensor] = ()) -> Parted:
    """Part a plan: done in that order, it gives the same bits.

    Args:
        plan: the plan.
        inputs: what changes with each batch.
        outputs: the results, which are there when the device is done.

    A model of float64 numbers stays on the device, however small: what the host does first depends
    on nothing that the device changes, and what it does last is read by nobody in the step.
    """
    uses = _Uses(plan, inputs, outputs)
    few = {i for i in range(len(plan.instructions)) if uses.few(i)}
    before = _largest(few, uses.free)
    after = _largest(few - before, uses.last)
    every = range(len(plan.instructions))
    return Parted(
        [i for i in every if i in before],
        [i for i in every if i not in before | after],
        [i for i in every if i in after],
    )


def _largest(some: set[int], holds: Callable[[int, set[int]], bool]) -> set[int]:
    """The largest part of a set each of whose members fits the others."""
    kept = some
    while True:
        fitting = {i for i in kept if holds(i, kept)}
        if fitting == kept:
            return kept
        kept = fitting


class _Uses:
    """Which instruction reads and writes what: memory is told by its root, or where it begins."""

    def __init__(self, plan: Plan, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        self.plan = plan
        self.batch = {self.memory(t) for t in inputs}
        self.wanted = {self.memory(t) for t in outputs}
        self.read: list[set[int]] = []
        self.written: list[set[int]] = []
        for instruction in plan.instructions:
            self.written.append({self.memory(t) for t in self.results(instruction)})
            self.read.append({self.memory(t) for t in instruction.inputs})

    def results(self, instruction: Instruction) -> Iterable[Tensor]:
        """What an instruction writes; a view writes nothing."""
        if instruction.kind == "fills":
            return [self.plan.moved.get(id(instruction.out), instruction.out)]
        return instruction.changed

    def memory(self, tensor: Tensor) -> int:
        """A number for the memory of a tensor, the same for all views of it."""
        root = self.plan.root(tensor)
        outer = self.plan.moved.get(root)
        if root in self.plan.made and outer is None:
            return -root
        array = (outer or tensor).data
        while isinstance(array.base, np.ndarray):
            array = array.base
        return int(array.__array_interface__["data"][0])

    def few(self, number: int) -> bool:
        """Whether an instruction works on a few numbers, and some of 64 bits are among them."""
        instruction = self.plan.instructions[number]
        arrays = [t.data for t in (*instruction.inputs, instruction.out)]
        exact = any(a.dtype.itemsize == 8 and a.dtype.kind in "fiu" for a in arrays)
        return exact and all(a.size <= FEW for a in arrays)

    def free(self, number: int, others: set[int]) -> bool:
        """Whether it needs nothing but the others, and nobody has read what it writes before."""
        elsewhere = [i for i in range(len(self.written)) if i not in others]
        needed = self.read[number] | self.written[number]
        return not needed & self.batch and not any(
            self.written[i] & needed or (i < number and self.read[i] & self.written[number])
            for i in elsewhere
        )

    def last(self, number: int, others: set[int]) -> bool:
        """Whether nobody but the others needs what it gives, and what it reads stays as it is."""
        elsewhere = [i for i in range(len(self.written)) if i not in others]
        gives = self.written[number] or {self.memory(self.plan.instructions[number].out)}
        return (
            not self.read[number] & self.batch
            and not gives & self.wanted
            and not any((self.read[i] | self.written[i]) & gives for i in elsewhere)
            and not any(i > number and self.written[i] & self.read[number] for i in elsewhere)
        )
