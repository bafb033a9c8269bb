"""Which work can be done side by side, and in how many pieces.

Each instruction becomes work at a *level*: the first at which all that it reads is there. Work on
the samples of a batch that follows work on the same samples stays at its level: a piece of the
batch goes through all of it while it is in the core's cache. What sums over samples waits for the
next level. Pieces depend on shapes alone, so any number of threads gives the same bits.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from axon.backend import Array
from axon.core import Tensor
from axon.fast.rules.calls import RULES, At, Site, Work, Workspace
from axon.program.plan import Plan
from axon.program.trace import Instruction

TINY = 2_000.0  # nanoseconds: work that is not worth a task of its own


class Placed(NamedTuple):
    """The work of an instruction, and its level; None if NumPy does it."""

    number: int
    level: int
    work: Work | None

    @property
    def tiny(self) -> bool:
        """Whether it is done in one go with others of its kind."""
        w = self.work
        return w is not None and not w.batched and w.rows == 1 and w.cost <= TINY


class Use(NamedTuple):
    """A use of memory that outlives the step."""

    array: Array
    level: int
    writes: bool
    tiny: bool


class Schedule:
    """The work of a program by level.

    Attributes:
        placed: all work, in the order of the program.
        batch: how many samples a batch has; 0 if the inputs do not agree.
        owners: id of a result or an input -> the tensor whose memory it shows.
        made: id of an owner -> (level, whether it was made by rows of the batch).
        born: id of an owner that is changed in place -> the level at which it was made first.
        last: id of an owner -> the last level at which it is read.
        complete: ids of owners that somebody reads otherwise than row by row at their level.
    """

    def __init__(self, plan: Plan, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        self.plan = plan
        self.batch = _batch(inputs, plan.wide)
        made = [i.out for i in plan.instructions if i.kind == "fills"]
        self.owners = {id(t): t for t in (*made, *inputs)}
        for i in plan.instructions:
            if i.kind == "views" and plan.root(i.out) in self.owners:
                self.owners[id(i.out)] = self.owners[plan.root(i.out)]
        self.made: dict[int, tuple[int, bool]] = {
            id(t): (1, self.batch > 0 and t.shape[:1] == (self.batch,)) for t in inputs
        }
        self.born: dict[int, int] = {}
        self.last: dict[int, int] = {}
        self.complete = {id(t) for t in inputs} | set(plan.moved) | {plan.root(t) for t in outputs}
        self.placed: list[Placed] = []
        self._serial: set[int] = set()
        self._checked = -1  # the level after which it is known that nothing has failed so far
        self._uses: list[Use] = []
        self._site = Site(self.batch, self._batched, plan.wide)
        for number, instruction in enumerate(plan.instructions):
            if instruction.kind != "views":
                self._place(number, instruction)
        self.levels = max((self._end(p) for p in self.placed), default=-1) + 1
        self.last.update((plan.root(t), self.levels) for t in outputs)

    def owner(self, tensor: Tensor) -> Tensor:
        """The tensor whose memory this one shows: itself, if it lies outside."""
        return self.owners.get(id(tensor), tensor)

    def outer(self, tensor: Tensor) -> Array | None:
        """The array of a tensor from outside the step."""
        return None if id(tensor) in self.owners else tensor.data

    def local(self, owner: Tensor) -> bool:
        """Whether a result is only read at its own level, row by row of the batch."""
        return self.made[id(owner)][1] and id(owner) not in self.complete

    def _batched(self, tensor: Tensor) -> bool:
        return self.made.get(id(self.owner(tensor)), (0, False))[1]

    def _end(self, placed: Placed) -> int:
        return placed.level + (placed.work is not None and placed.work.after is not None)

    # -------------------------------------------------------------------- one instruction

    def _place(self, number: int, instruction: Instruction) -> None:
        rule = RULES.get(instruction.primitive.name)
        work = rule(self._site, instruction) if rule else None
        placed = Placed(number, 0, work)
        together = self._together(work)
        level = int(work is not None and work.batched)  # numbers that all samples need come first
        for t in instruction.inputs:
            owner = id(self.owner(t))
            if owner in self.made:
                at = self.made[owner][0]
                same = owner in together or (placed.tiny and owner in self._serial)
                level = max(level, at if same else at + 1)
                if owner not in together:
                    self.complete.add(owner)
        for owner in (id(self.owner(t)) for t in instruction.changed):
            if owner in self.made:
                level = max(level, self.last.get(owner, -1) + 1)
        level = self._after_others(placed, instruction, level)
        placed = placed._replace(level=level)
        self.placed.append(placed)
        self._note(placed, instruction)

    def _together(self, work: Work | None) -> set[int]:
        """The batched results that this work reads by rows of the batch, and not otherwise."""
        if work is None or not work.batched:
            return set()
        right: set[int] = set()
        wrong: set[int] = set()
        for a in (a for call in work.calls for a in call.arguments if isinstance(a, At)):
            if isinstance(a.tensor, Workspace):
                continue
            owner = self.owner(a.tensor)
            by_row = a.by_row * self.batch == owner.data.nbytes and self._batched(owner)
            (right if by_row else wrong).add(id(owner))
        return right - wrong

    def _after_others(self, placed: Placed, instruction: Instruction, level: int) -> int:
        """Not before those who write what it uses, or use what it writes, or may fail."""
        if any(id(t) not in self.owners for t in instruction.changed):
            level = max(level, self._checked + 1)
        for array, writes in self._outer(instruction):
            for use in self._uses:
                if (writes or use.writes) and np.may_share_memory(use.array, array):
                    same = placed.tiny and use.tiny
                    level = max(level, use.level if same else use.level + 1)
        return level

    def _outer(self, instruction: Instruction) -> Iterator[tuple[Array, bool]]:
        """Memory outside the step that an instruction uses, and whether it writes there."""
        for k, t in enumerate(instruction.inputs):
            if id(t) not in self.owners:
                yield t.data, k < instruction.primitive.writes
        target = self.plan.moved.get(id(instruction.out))
        if target is not None:
            yield target.data, True

    def _note(self, placed: Placed, instruction: Instruction) -> None:
        """Remember what was read and written, and when."""
        level, work = placed.level, placed.work
        end = self._end(placed)
        if instruction.primitive.facts.can_fail:  # then what follows must not be done
            self._checked = max(self._checked, end)
        for array, writes in self._outer(instruction):
            self._uses.append(Use(array, end if writes else level, writes, placed.tiny))
        if instruction.kind == "fills":
            batched = work is not None and work.batched and work.after is None
            self.made[id(instruction.out)] = (end, batched)
            if placed.tiny:
                self._serial.add(id(instruction.out))
        for owner in (id(self.owner(t)) for t in instruction.changed):
            if owner in self.made:
                self.born.setdefault(owner, self.made[owner][0])
                self.made[owner] = end, False
                self.last[owner] = max(self.last.get(owner, 0), end)
                self.complete.add(owner)
                self._serial.discard(owner)
        for t in instruction.inputs:
            owner = id(self.owner(t))
            if owner in self.made:
                self.last[owner] = max(self.last.get(owner, 0), end)  # ``after`` may read it, too
                if self.made[owner][0] != level:
                    self.complete.add(owner)


def _batch(inputs: Sequence[Tensor], wide: bool) -> int:
    """How many samples there are: those of all inputs; else, if that may be, of the largest."""
    sizes = {t.shape[0] if t.ndim else 0 for t in inputs}
    if len(sizes) == 1:
        return sizes.pop()
    with_axes = [t for t in inputs if t.ndim]
    if not wide or not with_axes:
        return 0
    return max(with_axes, key=lambda t: t.size).shape[0]
