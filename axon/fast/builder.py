"""How a plan becomes the tables of words that the loops run (loops.py), and memory for them."""

from collections.abc import Sequence
from functools import partial
from math import ceil, log

from axon.backend import xp
from axon.core import Tensor
from axon.fast.fusion import fused
from axon.fast.kernels import address, prepare
from axon.fast.loops import MAX_WORDS
from axon.fast.machine import Left, Machine, Tables
from axon.fast.memory import MachineMemory, address_of
from axon.fast.rules.calls import NOTE, At, Call, Word, Work, Workspace
from axon.fast.schedule import Placed, Schedule
from axon.program.lowerings import DeviceOptions, NotWorthIt
from axon.program.plan import Plan

PIECE = 15_000.0  # nanoseconds: work that takes four times as long is cut in two
MOST = 16  # pieces of one work
CACHE = 2**20  # bytes of workspace that a piece of a batch may take, to stay in the core's cache
TOGETHER = 15_000.0  # nanoseconds: a level that takes less is done by one thread


def demand(options: DeviceOptions) -> str:
    """Demand nothing: what can be imported works, on this machine's cores."""
    return ""


def lower(plan: Plan, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Machine:
    """The machine that runs a plan by compiled kernels.

    Raises:
        NotWorthIt: most of it has no such kernels.
    """
    return Builder(plan, inputs, outputs).machine()


class Builder:
    """A machine while it is built."""

    def __init__(self, plan: Plan, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        self.plan = plan = fused(plan, outputs)
        self.inputs, self.outputs = inputs, outputs
        self.schedule = Schedule(plan, inputs, outputs)
        self.placed = self.schedule.placed
        missing = [plan.instructions[p.number] for p in self.placed if not p.work]
        if len(missing) * 4 > len(plan.instructions):
            raise NotWorthIt("most of it is left to NumPy")
        self.tables = Tables([[] for _ in plan.instructions], [t.data for t in inputs])
        self.tables.names = [i.primitive.name for i in missing]
        self.memory = MachineMemory(self.schedule, plan)
        works = [p.work for p in self.placed if p.work]
        prepare(call.kernel for work in works for call in work.calls)
        self.memory.places[id(NOTE)] = address_of(self.tables.fault), False
        self._build()

    def machine(self) -> Machine:
        """What was built, ready to run."""
        tables, memory = self.tables, self.memory
        tables.outputs = [memory.array(t) for t in self.outputs]
        tables.kept += [*memory.kept, *memory.arrays.values()]
        tables.nbytes, tables.local_bytes = memory.bytes, memory.local_bytes
        return Machine(tables)

    def _build(self) -> None:
        tables, after = self.tables, list[tuple[int, Work]]()
        start = 0  # the level at which a segment begins
        for level in range(self.schedule.levels):
            here = [p for p in self.placed if p.level == level]
            left = [self._left(p.number) for p in here if p.work is None]
            if left:
                tables.segments += [(start, level)] if level > start else []
                tables.segments += left
                start = level
            task = len(tables.tasks)
            cost = sum(work.cost for _, work in after)
            cost += sum(p.work.cost for p in here if p.work)
            waiting = self._strip([p for p in here if p.work and p.work.batched])
            self._tiny([p for p in here if p.tiny])
            for number, work in after:
                self._in_pieces(number, work)
            for p in here:
                if p.work and not p.work.batched and not p.tiny:
                    self._in_pieces(p.number, p.work)
            alone = len(tables.tasks) - task <= 1 or cost < TOGETHER
            tables.levels.append([task, len(tables.tasks), int(alone)])
            after = waiting
        stop = len(tables.levels)
        tables.segments += [(start, stop)] if stop > start else []

    def _strip(self, placed: list[Placed]) -> list[tuple[int, Work]]:
        """The work on samples: each piece of the batch goes through all of it. Returns the rest."""
        if not placed:
            return []
        batch = self.schedule.batch
        works = [p.work for p in placed if p.work]
        by_row = self.memory.by_row(placed)
        rows = _rows(batch, sum(w.cost for w in works))
        pieces = ceil(batch / rows)
        at_once = min(rows, max(1, CACHE // max(by_row, 1)))
        at_once = ceil(rows / ceil(rows / at_once))
        self.memory.place_strip(placed, at_once, pieces)
        start = len(self.tables.entries)
        if placed[0].level == 1:
            self._fetch()
        after = []
        for p, work in zip(placed, works, strict=True):
            self._enter(work.calls, p.number)
            after += [(p.number, work.after(pieces))] if work.after else []
        self._cut(start, batch, rows, at_once)
        return after

    def _fetch(self) -> None:
        """A place for the fetching of a batch: it does nothing unless ``feed`` is called."""
        batch = self.schedule.batch
        for t in self.inputs:
            out, order = At(t, t.data.nbytes // batch), Word(0, 8, by_step=8 * batch)
            self.tables.feeds.append(len(self.tables.entries))
            n = t.size // batch
            self._enter([Call("nothing", n=n, out=out, data=Word(0), order=order)])

    def _tiny(self, placed: Sequence[Placed]) -> None:
        start = len(self.tables.entries)
        for p in placed:
            if p.work:
                self.memory.place_workspace(p.work, 1, 1)
                self._enter(p.work.calls, p.number)
        if placed:
            self._cut(start, 1, 1)

    def _in_pieces(self, number: int, work: Work) -> None:
        rows = _rows(work.rows, work.cost)
        self.memory.place_workspace(work, rows, ceil(work.rows / rows))
        start = len(self.tables.entries)
        self._enter(work.calls, number)
        self._cut(start, work.rows, rows)

    def _cut(self, start: int, rows: int, each: int, at_once: int = 0) -> None:
        """A task for each piece of what was entered, which is done so many rows at once."""
        entries = [start, len(self.tables.entries)]
        for piece, row in enumerate(range(0, rows, each)):
            task = [*entries, row, min(row + each, rows), at_once or each, piece]
            self.tables.tasks.append(task)

    def _enter(self, calls: Sequence[Call], line: int | None = None) -> None:
        for call in calls:
            if len(call.arguments) + 2 > MAX_WORDS:
                raise NotWorthIt(f"{call.kernel} takes {len(call.arguments)} arguments")
            if line is not None:
                self.tables.lines[line].append(len(self.tables.entries))
            start = len(self.tables.arguments)
            self.tables.arguments += [self._words(a) for a in call.arguments]
            self.tables.entries.append([address(call.kernel), start, len(self.tables.arguments)])

    def _words(self, a: At | Word) -> list[int]:
        if isinstance(a, At):
            if not isinstance(a.tensor, Workspace):
                self.tables.kept.append(self.schedule.outer(a.tensor))
            self.tables.notes |= a.tensor is NOTE
            place, local = self.memory.place(a.tensor)
            by_row = 0 if local else a.by_row
            return [place + a.offset, by_row, a.by_piece, 0, int(local)]
        return [a.value, a.by_row, a.by_piece, a.by_step, 0]

    def _left(self, number: int) -> Left:
        """What NumPy does."""
        primitive, inputs, out, meta, *_ = self.plan.instructions[number]
        arrays = [self.memory.array(t) for t in inputs]
        if primitive.workspace:
            meta = {**meta, "workspace": self.plan.workspace(number)}
        if primitive.kind == "fills":
            arrays.insert(0, self.memory.array(out))
        return Left(number, partial(primitive.kernel, *arrays, xp=xp, **meta))


def _rows(rows: int, cost: float) -> int:
    """How many rows a piece has: four times the work makes twice the pieces, each twice as long."""
    pieces = 2 ** int(log(max(cost / PIECE, 1.0), 4))
    return max(1, ceil(rows / min(pieces, MOST)))
