"""Single numbers in float64 stay with NumPy: rates and counts before steps, sums after them.

So they have the same bits whatever device does the rest, and a device needs no float64 for them.
What depends on no batch is computed for some steps ahead; what only adds up is handed down.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from axon.backend import Array, xp
from axon.core import Tensor
from axon.program.plan import Plan
from axon.program.trace import Instruction
from axon.xla.outer import Outer, Span, span_of

FLOAT = np.dtype(np.float64)


class HostSplit:
    """Which instructions stay with NumPy.

    Attributes:
        before: numbers of instructions that depend on no batch.
        after: numbers of instructions on whose results nothing on the device depends.
    """

    def __init__(self, plan: Plan, outer: Outer, outputs: Sequence[Tensor]) -> None:
        self.plan, self.outer = plan, outer
        self.made: set[int] = set()  # ids of results that NumPy makes before
        self.elsewhere: set[Span] = set()  # memory that others change
        self.before = self._before()
        self.after = self._after(outputs)

    def known(self, tensor: Tensor) -> bool:
        """Whether NumPy has a tensor before the step: one of its own, or a number in float64."""
        if self.outer.inner(tensor):
            return self.plan.root(tensor) in self.made
        return self._number(tensor) and span_of(tensor.data) not in self.elsewhere

    def _number(self, tensor: Tensor) -> bool:
        """Whether a tensor is a single number in float64, outside in memory of its own."""
        if tensor.size != 1 or tensor.dtype != FLOAT:
            return False
        return self.outer.inner(tensor) or self.outer.alone(tensor.data)

    def _before(self) -> set[int]:
        while True:
            found: set[int] = set()
            self.made = set()
            size = len(self.elsewhere)
            for number, instruction in enumerate(self.plan.instructions):
                if self._can_come_before(instruction):
                    found.add(number)
                    self.made.add(self.plan.root(instruction.out))
                elif instruction.kind != "views":
                    self.elsewhere.update(self._changed(instruction))
            if size == len(self.elsewhere):
                return found

    def _can_come_before(self, instruction: Instruction) -> bool:
        live = [self.known(t) for t in instruction.inputs]
        constant = (t.size == 1 and not self.outer.inner(t) for t in instruction.inputs)
        if not any(live) or not all(a or b for a, b in zip(live, constant, strict=True)):
            return False
        if instruction.kind == "writes":
            return all(self.known(t) for t in instruction.changed)
        return instruction.out.size == 1 and all(map(self._of_numbers, self._changed(instruction)))

    def _of_numbers(self, span: Span) -> bool:
        return span.stop - span.start == FLOAT.itemsize and span not in self.elsewhere

    def _changed(self, instruction: Instruction) -> list[Span]:
        """The outer memory that an instruction changes."""
        moved = self.plan.moved.get(id(instruction.out))
        outside = [t for t in instruction.changed if not self.outer.inner(t)]
        shown = [self.outer.shown(t) for t in (*outside, *([moved] if moved is not None else []))]
        return [span_of(t.data) for t in shown]

    def _after(self, outputs: Sequence[Tensor]) -> set[int]:
        """Start with all that might be, and give up what something else needs."""
        found = {n for n, i in enumerate(self.plan.instructions) if self._can_come_after(n, i)}
        while True:
            wanted = {self.plan.root(t) for t in outputs}
            read: set[Span] = set()
            changed: set[Span] = set()
            for number, instruction in enumerate(self.plan.instructions):
                if number not in found:
                    wanted.update(self.plan.root(t) for t in instruction.inputs)
                    read.update(self._touched(instruction))
                    changed.update(self._changed(instruction))
            left = {
                n for n in found if not self._is_needed(self.plan.instructions[n], wanted, read)
            }
            left = {n for n in left if not changed & set(self._touched(self.plan.instructions[n]))}
            if left == found:
                return found
            found = left

    def _can_come_after(self, number: int, instruction: Instruction) -> bool:
        if number in self.before or not all(t.size == 1 for t in instruction.inputs):
            return False
        if instruction.kind == "writes":
            return all(self._number(t) and not self.outer.inner(t) for t in instruction.changed)
        return self._number(instruction.out) and instruction.kind == "fills"

    def _is_needed(self, instruction: Instruction, wanted: set[int], read: set[Span]) -> bool:
        made = instruction.kind != "writes" and self.plan.root(instruction.out) in wanted
        return made or bool(read & set(self._changed(instruction)))

    def _touched(self, instruction: Instruction) -> list[Span]:
        outside = [t for t in instruction.inputs if not self.outer.inner(t) and t.size]
        return [span_of(self.outer.shown(t).data) for t in outside] + self._changed(instruction)


class Numbers:
    """What NumPy does for a program, bound to its arrays.

    Attributes:
        handed: what the device is handed for each step, a column for each.
        taken: what it hands back, likewise.
        changed: the arrays that are changed.
    """

    def __init__(self, plan: Plan, outer: Outer, split: HostSplit, ahead: int) -> None:
        self.plan, self.outer, self.split, self.ahead = plan, outer, split, ahead
        self.arrays: dict[int, Array] = {}
        self._late: dict[int, Array] = {}
        self.handed: list[Array] = []
        self.taken: list[tuple[int, Tensor]] = []
        self.changed: dict[Span, Array] = {}
        self._places: dict[tuple[int, int], int] = {}  # (address, changes so far) -> column
        self._counts: dict[int, int] = {}
        self._before: list[tuple[Callable[[], Any] | None, Array, Array]] = []
        self._after: list[Callable[[], Any]] = []
        self._feeds: list[tuple[Array, int]] = []
        self._own: list[tuple[Array, int]] = []
        self.reads: dict[tuple[int, int], int] = {}  # (instruction, tensor) -> column
        self._walk()
        self._pack()

    def unpacked(self, packs: Sequence[Any], k: Any) -> list[Any]:
        """What one step is handed, while the loop is traced."""
        types = list(self._types)
        rows = {dtype: pack[k] for dtype, pack in zip(types, packs, strict=True)}
        return [
            rows[c.dtype][n].reshape(c.shape[1:])
            for c, n in zip(self.handed, self._at, strict=True)
        ]

    def _pack(self) -> None:
        """Let the columns of a type lie side by side: that is one array for the device."""
        self._types: dict[Any, int] = {}
        self._at = []
        for column in self.handed:
            self._at.append(self._types.get(column.dtype, 0))
            self._types[column.dtype] = self._at[-1] + 1
        self.packs = [np.zeros((self.ahead, n), dtype) for dtype, n in self._types.items()]
        packs = dict(zip(self._types, self.packs, strict=True))
        own = {}
        for number, (column, at) in enumerate(zip(self.handed, self._at, strict=True)):
            part = packs[column.dtype][:, at].reshape(column.shape[0], *column.shape[1:])
            view = (
                np.lib.stride_tricks.as_strided(
                    part, column.shape, (packs[column.dtype].strides[0], *(0,) * (column.ndim - 1))
                )
                if column.ndim > 1
                else packs[column.dtype][:, at]
            )
            own[id(column)] = self.handed[number] = view
        self._before = [(call, own.get(id(c), c), a) for call, c, a in self._before]

    def run_before(self, steps: int) -> None:
        """Compute what so many steps are handed."""
        for k in range(steps):
            for call, column, array in self._before:
                if call is not None:
                    call()
                else:
                    column[k] = array

    def run_after(self, columns: Sequence[Array], steps: int) -> None:
        """Go on with what so many steps have handed back."""
        for k in range(steps):
            for array, number in self._feeds:
                array[...] = columns[number][k]
            for array, number in self._own:
                array[...] = self.handed[number][k]
            for call in self._after:
                call()

    # -------------------------------------------------------------------- how it is bound

    def _walk(self) -> None:
        for number, instruction in enumerate(self.plan.instructions):
            if number in self.split.before:
                self._bind_before(instruction)
            elif number in self.split.after:
                self._bind_after(number, instruction)
            elif instruction.kind != "views":
                for t in instruction.inputs:
                    if self.split.known(t):
                        self.reads[number, id(t)] = self._column(t)
            elif self.split.known(instruction.inputs[0]):
                self.reads[number, id(instruction.inputs[0])] = self._column(instruction.inputs[0])

    def _bind_before(self, instruction: Instruction) -> None:
        call = self._bound(instruction, self.arrays)
        if call is not None:
            self._before.append((call, _NOTHING, _NOTHING))
        for array in self._changes(instruction):
            at = span_of(array).start
            self._counts[at] = self._counts.get(at, 0) + 1

    def _bind_after(self, number: int, instruction: Instruction) -> None:
        for t in instruction.inputs:
            if id(t) in self._late or (self.split.known(t) and not self.outer.inner(t)):
                continue
            if self.split.known(t):
                self._late[id(t)] = np.empty(t.shape, t.dtype)
                self._own.append((self._late[id(t)], self._column(t)))
            elif self.outer.inner(t) or t.dtype != FLOAT:
                self._late[id(t)] = np.empty(t.shape, t.dtype)
                self._feeds.append((self._late[id(t)], len(self.taken)))
                self.taken.append((number, t))
        call = self._bound(instruction, self._late)
        if call is not None:
            self._after.append(call)

    def _bound(self, instruction: Instruction, place: dict[int, Array]) -> Callable[[], Any] | None:
        """A kernel with its arrays; None of a view, which is made now."""
        p, inputs, out, meta, *_ = instruction
        arrays = [place.get(id(t), t.data) for t in inputs]
        if p.kind == "views":
            place[id(out)] = p.kernel(*arrays, xp=xp, **meta)
            return None
        options = dict(meta)
        if p.workspace:
            options["workspace"] = [xp.empty(*spec) for spec in p.workspace(*arrays, **meta)]
        if p.kind == "fills":
            moved = self.plan.moved.get(id(out))
            place[id(out)] = xp.empty(out.shape, out.dtype) if moved is None else moved.data
            arrays.insert(0, place[id(out)])
        for array in self._changes(instruction):
            self.changed[span_of(array)] = array
        return partial(p.kernel, *arrays, xp=xp, **options)

    def _changes(self, instruction: Instruction) -> Iterator[Array]:
        """The arrays outside that an instruction changes."""
        if id(instruction.out) in self.plan.moved:
            yield self.plan.moved[id(instruction.out)].data
        yield from (t.data for t in instruction.changed if not self.outer.inner(t))

    def _column(self, tensor: Tensor) -> int:
        """The column of what a number is now, in the order of the program."""
        array = self.arrays.get(id(tensor), tensor.data)
        at = span_of(array).start
        place = (at, self._counts.get(at, 0))
        if place not in self._places:
            self._places[place] = len(self.handed)
            self.handed.append(np.zeros((self.ahead, *tensor.shape), tensor.dtype))
            self._before.append((None, self.handed[-1], array))
        return self._places[place]


_NOTHING = np.empty(0)
