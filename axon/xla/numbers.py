"""Single numbers in float64 stay with NumPy: rates and counts before steps, sums after them.

So they have the same bits whatever device does the rest, and a device needs no float64 for them.
What depends on no batch is computed for some steps ahead; what only adds up is handed down.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import prod
from typing import Any

import numpy as np

from axon.backend import Array, xp
from axon.core import Tensor
from axon.program.changing import Coming
from axon.program.plan import Plan
from axon.program.trace import Instruction
from axon.symbols.host import FEW, parted
from axon.xla.outer import Outer, Span, span_of

FLOAT = np.dtype(np.float64)
Told = tuple[Coming, Sequence[Sequence[float]]]  # what changes, and what it is in each step


class HostSplit:
    """Which instructions stay with NumPy, and which tensors it has.

    Attributes:
        before: numbers of instructions that depend on no batch.
        after: numbers of instructions that read what a step gave.
    """

    def __init__(
        self, plan: Plan, outer: Outer, inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> None:
        self.plan, self.outer = plan, outer
        parts = parted(plan, inputs, outputs)
        self.before, self.after = set(parts.before), set(parts.after)
        self.made = {plan.root(plan.instructions[n].out) for n in self.before}
        self._first = {span_of(a) for n in self.before for a in self.changes(plan.instructions[n])}
        on_device = [plan.instructions[n] for n in parts.device]
        self._on_device = {span_of(a) for i in on_device for a in self.changes(i)}
        self._late = {span_of(a) for n in self.after for a in self.changes(plan.instructions[n])}

    def known(self, tensor: Tensor) -> bool:
        """Whether NumPy has a tensor before the step: its own result, or a number in float64."""
        if self.outer.inner(tensor):
            return self.plan.root(tensor) in self.made
        if any(_meet(span, tensor.data) for span in self._first):
            return True
        return self.kept(tensor) and span_of(tensor.data) not in self._late

    def kept(self, tensor: Tensor) -> bool:
        """Whether a tensor outside is a number in float64 that no device changes."""
        few = tensor.dtype == FLOAT and 0 < tensor.size <= FEW
        if not few or not tensor.data.flags.c_contiguous or not self.outer.alone(tensor.data):
            return False
        return span_of(tensor.data) not in self._on_device

    def changes(self, instruction: Instruction) -> Iterator[Array]:
        """The arrays outside that an instruction changes, the stretches that they lie in."""
        if id(instruction.out) in self.plan.moved:
            yield self.plan.moved[id(instruction.out)].data
        if instruction.kind == "writes":
            outside = (t for t in instruction.changed if not self.outer.inner(t))
            yield from (self.outer.shown(t).data for t in outside)


class Numbers:
    """What NumPy does for a program, bound to its arrays.

    Attributes:
        handed: what the device is handed for each step, a column for each.
        taken: what it hands back, likewise.
        changed: the arrays that are changed.
    """

    def __init__(
        self, plan: Plan, outputs: Sequence[Tensor], outer: Outer, split: HostSplit, ahead: int
    ) -> None:
        self.plan, self.outer, self.split, self.ahead = plan, outer, split, ahead
        self.arrays: dict[int, Array] = {}
        self._late: dict[int, Array] = {}
        self.handed: list[Array] = []
        self.taken: list[tuple[int, Tensor]] = []
        self.changed: dict[Span, Array] = {}
        self._places: dict[tuple[Span, int], int] = {}  # (where, changes so far) -> column
        self._counts: dict[Span, int] = {}
        self._before: list[tuple[Callable[[], Any] | None, Array, Array]] = []
        self._after: list[Callable[[], Any]] = []
        self._feeds: list[tuple[Array, int]] = []
        self._own: list[tuple[Array, int]] = []
        self.reads: dict[tuple[int, int], int] = {}  # (instruction, tensor) -> column
        self._walk(outputs)
        self._pack()

    def unpacked(self, packs: Sequence[Any], k: Any) -> list[Any]:
        """What one step is handed, while the loop is traced."""
        types = list(self._types)
        rows = {dtype: pack[k] for dtype, pack in zip(types, packs, strict=True)}
        return [
            rows[c.dtype][n : n + _size(c)].reshape(c.shape[1:])
            for c, n in zip(self.handed, self._at, strict=True)
        ]

    def _pack(self) -> None:
        """Let the columns of a type lie side by side: that is one array for the device."""
        self._types: dict[Any, int] = {}
        self._at = []
        for column in self.handed:
            self._at.append(self._types.get(column.dtype, 0))
            self._types[column.dtype] = self._at[-1] + _size(column)
        self.packs = [np.zeros((self.ahead, n), dtype) for dtype, n in self._types.items()]
        packs = dict(zip(self._types, self.packs, strict=True))
        own = {}
        for number, (column, at) in enumerate(zip(self.handed, self._at, strict=True)):
            part = packs[column.dtype][:, at : at + _size(column)]
            own[id(column)] = self.handed[number] = part.reshape(column.shape)  # no copy
        self._before = [(call, own.get(id(c), c), a) for call, c, a in self._before]

    def run_before(self, steps: int, changing: Told | None = None) -> None:
        """Compute what so many steps are handed, where some numbers are told for each."""
        for k in range(steps):
            if changing is not None:
                changing[0].put(changing[1][k])
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

    def _walk(self, outputs: Sequence[Tensor]) -> None:
        for number, instruction in enumerate(self.plan.instructions):
            if number in self.split.before:
                self._bind_before(instruction)
            elif number in self.split.after:
                self._bind_after(number, instruction)
            elif instruction.kind != "views":
                self._note(number, instruction.inputs)
        self._note(len(self.plan.instructions), outputs)

    def _note(self, number: int, tensors: Sequence[Tensor]) -> None:
        """What an instruction on the device reads of NumPy's numbers, also through views."""
        for t in tensors:
            if self.split.known(t):
                self.reads[number, id(t)] = self._column(t)
            elif id(t) in self.outer.views:
                self._note(number, self.outer.views[id(t)].inputs)

    def _bind_before(self, instruction: Instruction) -> None:
        call = self._bound(instruction, self.arrays)
        if call is not None:
            self._before.append((call, _NOTHING, _NOTHING))
        for array in self.split.changes(instruction):
            span = span_of(array)
            self._counts[span] = self._counts.get(span, 0) + 1

    def _bind_after(self, number: int, instruction: Instruction) -> None:
        for t in instruction.inputs:
            if id(t) in self._late or (self.split.known(t) and not self.outer.inner(t)):
                continue
            if self.split.known(t):
                self._late[id(t)] = np.empty(t.shape, t.dtype)
                self._own.append((self._late[id(t)], self._column(t)))
            elif self.outer.inner(t) or not self.split.kept(t):
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
        for array in self.split.changes(instruction):
            self.changed[span_of(array)] = array
        return partial(p.kernel, *arrays, xp=xp, **options)

    def _column(self, tensor: Tensor) -> int:
        """The column of what a number is now, in the order of the program."""
        array = self.arrays.get(id(tensor), tensor.data)
        changes = sum(n for span, n in self._counts.items() if _meet(span, array))
        place = (span_of(array), changes)
        if place not in self._places:
            self._places[place] = len(self.handed)
            self.handed.append(np.zeros((self.ahead, *tensor.shape), tensor.dtype))
            self._before.append((None, self.handed[-1], array))
        return self._places[place]


def _meet(span: Span, array: Array) -> bool:
    other = span_of(array)
    return span.start < other.stop and other.start < span.stop


_NOTHING = np.empty(0)


def _size(column: Array) -> int:
    """How many numbers one step is handed."""
    return prod(column.shape[1:])
