"""A scheduled program as tables of words, and the memory that it works in."""

from collections.abc import Callable, Sequence
from functools import partial
from math import ceil, log
from time import perf_counter
from typing import Any

import numpy as np

from axon.backend import ALIGNMENT, Array, aligned_bytes, xp
from axon.core import Tensor
from axon.fast.fusion import fused
from axon.fast.kernels import KERNELS, address, prepare
from axon.fast.kernels.lookup import FAULT, demand_no_fault
from axon.fast.loops import CLOCK, ROOM, SCRATCH, lead, now
from axon.fast.memory import Memory, address_of
from axon.fast.rules.calls import NOTE, At, Call, Word, Work, Workspace
from axon.fast.schedule import NotWorthIt, Placed, Schedule
from axon.fast.workers import team
from axon.program.plan import Plan

PIECE = 15_000.0  # nanoseconds: work that takes four times as long is cut in two
MOST = 16  # pieces of one work
CACHE = 2**20  # bytes of scratch that a piece of a batch may take, to stay in the core's cache
TOGETHER = 15_000.0  # nanoseconds: a level that takes less is done by one thread
SLICE = 0.05  # seconds: after that, Python may look around (a key pressed, say)


class Machine:
    """A compiled program: tables, memory, and the way to run them."""

    def __init__(self, plan: Plan, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        plan = fused(plan, outputs)
        self.plan, self.schedule = plan, Schedule(plan, inputs, outputs)
        self.missing = [plan.instructions[p.number] for p in self.schedule.placed if not p.work]
        if len(self.missing) * 4 > len(plan.instructions):
            raise NotWorthIt("most of it is left to NumPy")
        self.lines: list[list[int]] = [[] for _ in plan.instructions]  # the entries of each
        self.entries: list[list[int]] = []
        self.arguments: list[list[int]] = []
        self.tasks: list[list[int]] = []
        self.levels: list[list[int]] = []
        self.segments: list[tuple[int, int] | Callable[[], Any]] = []
        self._left: dict[int, int] = {}  # id of a call of NumPy's kernel -> its instruction
        self.feeds: list[int] = []  # entries that fetch a batch, one for each input
        self._inputs, self._slots = list(inputs), [t.data for t in inputs]
        self._kept: list[Any] = []  # memory that the tables know by its address alone
        self._fed: tuple[Any, ...] = ()  # whose addresses the tables hold while steps fetch
        self._fault, self._notes = np.zeros(FAULT, np.int64), False  # is there who would note one?
        self._memory = Memory(self.schedule, plan)
        works = [p.work for p in self.schedule.placed if p.work]
        prepare(call.kernel for work in works for call in work.calls)
        self._memory.places[id(NOTE)] = address_of(self._fault), False
        self._build()
        self.outputs = [self._memory.array(t) for t in outputs]
        self._kept += [*self._memory.kept, *self._memory.arrays.values()]
        self.bytes = self._memory.bytes
        self.names = [i.primitive.name for i in self.missing]
        self._pace = SLICE  # seconds that a step took
        self._finish()
        del self.plan, self.schedule, self._memory, self._inputs, self.missing  # the first batch

    def __str__(self) -> str:
        left = f"; NumPy does {', '.join(sorted(set(self.names)))}" if self.names else ""
        return (
            f"replayed by compiled kernels instead: {len(self.levels)} levels, "
            f"{self.bytes:,} bytes and {self._scratch_size:,} for each thread{left}"
        )

    def step(self) -> None:
        """Do one step on what the inputs hold."""
        if self._fed:  # an interrupt, or a fork, has left it so
            self.starve()
        self.run()

    def run(self, first: int = 0, steps: int = 1) -> None:
        """Do some steps; more than one only if NumPy has no part in them.

        Raises:
            IndexError: there is no row of a number; what follows, in the order of the program, has
                not been done then.
        """
        crew = team(self.parallel)
        self._demand_scratch(crew.size)
        if self._notes:
            self._fault[0] = 0
        for segment in self.segments:
            if isinstance(segment, tuple):
                crew.run(self._where, *segment, first, steps)
                if self._notes and self._fault[0]:
                    demand_no_fault(self._fault)
            else:
                segment()

    def several(self, columns: Sequence[Array], order: Array, start: int, steps: int) -> int:
        """Do some steps, each of which fetches its batch; 0 if the kernels cannot do all of it."""
        kernels = [_fetching(c, slot) for c, slot in zip(columns, self._slots, strict=True)]
        if not self.whole or not self.feeds or order.dtype != np.int64 or None in kernels:
            return 0
        steps = min(steps, max(1, int(SLICE / self._pace)))
        began = perf_counter()
        try:
            self._feed(kernels, columns, order, start)
            self.run(0, steps)
        finally:
            self.starve()
        self._pace = (perf_counter() - began) / steps
        return steps

    def _feed(
        self, kernels: Sequence[str | None], columns: Sequence[Array], order: Array, start: int
    ) -> None:
        """Let each step fetch its batch by itself.

        Args:
            kernels: which fetch from each of the columns.
            columns: one array of samples for each input.
            order: which samples, in turn.
            start: where in ``order`` the first batch begins.
        """
        self._fed = (*columns, order)  # before their addresses
        for entry, column, name in zip(self.feeds, columns, kernels, strict=True):
            _, first, _ = self.entries[entry]
            data, numbers = map(KERNELS["nothing"].position, ("data", "order"))
            self._tables[3][first + data, 0] = address_of(column)
            self._tables[3][first + numbers, 0] = address_of(order) + 8 * start
            self._tables[2][entry, 0] = address(str(name))

    def starve(self) -> None:
        """Take the inputs as they are again."""
        for entry in self.feeds:
            self._tables[2][entry, 0] = address("nothing")
        self._fed = ()

    def timed(self) -> list[float]:
        """Do a step on one thread; the seconds that each instruction of the plan took."""
        clock = np.zeros(max(len(self.entries), 1), np.int64)
        self._demand_scratch(1)
        self.starve()
        self._fault[0] = 0
        self._clock = clock  # before its address
        self._head[CLOCK] = address_of(clock)
        try:
            return self._timed(clock)
        finally:
            self._head[CLOCK] = 0

    def _timed(self, clock: Array) -> list[float]:
        lines = [0.0] * len(self.lines)
        ticks, seconds = 0, 1e-12
        for segment in self.segments:
            first, began = now(), perf_counter()
            if isinstance(segment, tuple):
                lead(0, self._where, *segment, 0, 1, True)
                seconds += perf_counter() - began
                ticks += now() - first
            else:
                segment()
                lines[self._left[id(segment)]] = perf_counter() - began
        for number, entries in enumerate(self.lines):
            lines[number] += sum(int(clock[e]) for e in entries) * seconds / max(ticks, 1)
        return lines

    @property
    def whole(self) -> bool:
        """Whether compiled kernels do it all."""
        return len(self.segments) == 1

    # -------------------------------------------------------------------- tables

    def _build(self) -> None:
        after: list[tuple[int, Work]] = []
        begin = 0
        for level in range(self.schedule.levels):
            here = [p for p in self.schedule.placed if p.level == level]
            calls = [self._external(p.number) for p in here if p.work is None]
            if calls:
                self._segment(begin, level)
                self.segments += calls
                begin = level
            first = len(self.tasks)
            cost = sum(work.cost for _, work in after)
            cost += sum(p.work.cost for p in here if p.work)
            waiting = self._strip([p for p in here if p.work and p.work.batched])
            self._tiny([p for p in here if p.tiny])
            for number, work in after:
                self._whole(number, work)
            for p in here:
                if p.work and not p.work.batched and not p.tiny:
                    self._whole(p.number, p.work)
            alone = len(self.tasks) - first <= 1 or cost < TOGETHER
            self.levels.append([first, len(self.tasks), int(alone)])
            after = waiting
        self._segment(begin, len(self.levels))
        self.parallel = any(not alone for _, _, alone in self.levels)

    def _segment(self, begin: int, end: int) -> None:
        if end > begin:
            self.segments.append((begin, end))

    def _strip(self, placed: list[Placed]) -> list[tuple[int, Work]]:
        """The work on samples: each piece of the batch goes through all of it. Returns the rest."""
        if not placed:
            return []
        batch = self.schedule.batch
        works = [p.work for p in placed if p.work]
        by_row = self._memory.by_row(placed)
        rows = _rows(batch, sum(w.cost for w in works))
        pieces = ceil(batch / rows)
        at_once = min(rows, max(1, CACHE // max(by_row, 1)))
        at_once = ceil(rows / ceil(rows / at_once))
        self._memory.place_strip(placed, at_once, pieces)
        first = len(self.entries)
        if placed[0].level == 1:
            self._fetch()
        after = []
        for p, work in zip(placed, works, strict=True):
            self._enter(work.calls, p.number)
            after += [(p.number, work.after(pieces))] if work.after else []
        self._cut(first, batch, rows, at_once)
        return after

    def _fetch(self) -> None:
        """A place for the fetching of a batch: it does nothing unless ``feed`` is called."""
        batch = self.schedule.batch
        for t in self._inputs:
            out, order = At(t, t.data.nbytes // batch), Word(0, 8, by_step=8 * batch)
            self.feeds.append(len(self.entries))
            n = t.size // batch
            self._enter([Call("nothing", n=n, out=out, data=Word(0), order=order)])

    def _tiny(self, placed: Sequence[Placed]) -> None:
        first = len(self.entries)
        for p in placed:
            self._enter(p.work.calls if p.work else (), p.number)
        if placed:
            self._cut(first, 1, 1)

    def _whole(self, number: int, work: Work) -> None:
        rows = _rows(work.rows, work.cost)
        self._memory.place_scratch(work, rows, ceil(work.rows / rows))
        first = len(self.entries)
        self._enter(work.calls, number)
        self._cut(first, work.rows, rows)

    def _cut(self, first: int, rows: int, each: int, at_once: int = 0) -> None:
        """A task for each piece, which is done so many rows at once."""
        for piece, start in enumerate(range(0, rows, each)):
            stop = min(start + each, rows)
            self.tasks.append([first, len(self.entries), start, stop, at_once or each, piece])

    def _enter(self, calls: Sequence[Call], line: int | None = None) -> None:
        for call in calls:
            if len(call.arguments) + 2 > ROOM:
                raise NotWorthIt(f"{call.kernel} takes {len(call.arguments)} arguments")
            if line is not None:
                self.lines[line].append(len(self.entries))
            begin = len(self.arguments)
            self.arguments += [self._words(a) for a in call.arguments]
            self.entries.append([address(call.kernel), begin, len(self.arguments)])

    def _words(self, a: At | Word) -> list[int]:
        if isinstance(a, At):
            self._kept += [] if isinstance(a.tensor, Workspace) else [self.schedule.outer(a.tensor)]
            self._notes = self._notes or a.tensor is NOTE
            place, local = self._memory.place(a.tensor)
            by_row = 0 if local else a.by_row
            return [place + a.offset, by_row, a.by_piece, 0, int(local)]
        return [a.value, a.by_row, a.by_piece, a.by_step, 0]

    def _external(self, number: int) -> Callable[[], Any]:
        """What NumPy does."""
        primitive, inputs, out, meta, *_ = self.plan.instructions[number]
        arrays = [self._memory.array(t) for t in inputs]
        if primitive.workspace:
            meta = {**meta, "workspace": self.plan.workspace(number)}
        if primitive.kind == "fills":
            arrays.insert(0, self._memory.array(out))
        call = partial(primitive.kernel, *arrays, xp=xp, **meta)
        self._left[id(call)] = number
        return call

    # -------------------------------------------------------------------- running

    def _finish(self) -> None:
        self._tables = [
            np.array(table or [[0]], np.int64)
            for table in (self.levels, self.tasks, self.entries, self.arguments)
        ]
        size = ROOM * 8 + self._memory.local_bytes
        self._scratch_size = -(-size // ALIGNMENT) * ALIGNMENT
        self._scratch = aligned_bytes(0)
        self._threads = 0
        fault = address_of(self._fault) if self._notes else 0
        self._head = np.array([*map(address_of, self._tables), 0, 0, 0, fault], np.int64)
        self._where = address_of(self._head)

    def _demand_scratch(self, threads: int) -> None:
        if threads > self._threads:  # and noted last: an interrupt has it done once more
            self._scratch = aligned_bytes(threads * self._scratch_size)
            self._head[SCRATCH:CLOCK] = address_of(self._scratch), self._scratch_size
            self._threads = threads


def _fetching(column: Array, slot: Array) -> str | None:
    """The kernel that picks samples of a column and converts them to the type of the input."""
    name = f"gather_{column.dtype.str[1:]}_{slot.dtype.str[1:]}"
    lies = column.flags.c_contiguous and column.flags.aligned
    fits = lies and column.shape[1:] == slot.shape[1:]
    ours = column.dtype.isnative and slot.dtype.isnative  # the name does not tell the byte order
    return name if fits and ours and name in KERNELS else None


def _rows(rows: int, cost: float) -> int:
    """How many rows a piece has: four times the work makes twice the pieces, each twice as long."""
    pieces = 2 ** int(log(max(cost / PIECE, 1.0), 4))
    return max(1, ceil(rows / min(pieces, MOST)))
