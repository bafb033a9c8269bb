"""A compiled program: tables of words, the memory that it works in, and the way to run it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from axon.backend import ALIGNMENT, Array, aligned_bytes
from axon.fast.kernels import KERNELS, address
from axon.fast.kernels.lookup import FAULT, demand_no_fault
from axon.fast.loops import CLOCK, MAX_WORDS, WORKSPACE, lead, now
from axon.fast.memory import address_of
from axon.fast.workers import workers
from axon.program.changing import Coming

SLICE = 0.05  # seconds: after that, Python may look around (a key pressed, say)


class Left(NamedTuple):
    """What is left to NumPy: an instruction, and its kernel with all that it works on."""

    line: int
    call: Callable[[], Any]


@dataclass
class Tables:
    """All that a machine needs.

    Attributes:
        lines: for each instruction of the plan, the numbers of its entries.
        inputs: the arrays that hold a batch.
        outputs: the arrays that hold the results.
        levels, tasks, entries, arguments: the words that the loops read (loops.py).
        segments: levels from one up to another, and what NumPy does between them.
        feeds: the entries that fetch a batch, one for each input.
        names: the primitives that are left to NumPy.
        fault: where kernels note what they cannot do.
        notes: whether there is a kernel that would.
        kept: memory that the tables know by its address alone.
        nbytes: what results take.
        local_bytes: what each thread's workspace takes.
    """

    lines: list[list[int]]
    inputs: list[Array]
    outputs: list[Array] = field(default_factory=list)
    levels: list[list[int]] = field(default_factory=list)
    tasks: list[list[int]] = field(default_factory=list)
    entries: list[list[int]] = field(default_factory=list)
    arguments: list[list[int]] = field(default_factory=list)
    segments: list[tuple[int, int] | Left] = field(default_factory=list)
    feeds: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    fault: Array = field(default_factory=lambda: np.zeros(FAULT, np.int64))
    notes: bool = False
    kept: list[Any] = field(default_factory=list)
    nbytes: int = 0
    local_bytes: int = 0


class Machine:
    """Runs a compiled program.

    Attributes:
        outputs: the arrays that hold the results of the latest step.
        bytes: what it takes.
    """

    patience = 0.0  # whatever a step changes is in memory when it is done

    def __init__(self, tables: Tables) -> None:
        self.outputs, self.bytes, self.names = tables.outputs, tables.nbytes, tables.names
        self.levels, self.tasks, self._entries, self._arguments = (
            np.array(table or [[0]], np.int64)
            for table in (tables.levels, tables.tasks, tables.entries, tables.arguments)
        )
        self._segments, self._lines = tables.segments, tables.lines
        self._inputs, self._feeds = tables.inputs, tables.feeds
        self._fault, self._notes, self._kept = tables.fault, tables.notes, tables.kept
        self._parallel = any(not alone for _, _, alone in tables.levels)
        self._fed: tuple[Array, ...] = ()  # whose addresses the tables hold while steps fetch
        self._seconds = SLICE  # that a step took
        size = MAX_WORDS * 8 + tables.local_bytes
        self._workspace_bytes = -(-size // ALIGNMENT) * ALIGNMENT
        self._workspace, self._threads = aligned_bytes(0), 0
        arrays = (self.levels, self.tasks, self._entries, self._arguments)
        fault = address_of(self._fault) if self._notes else 0
        self._head = np.array([*map(address_of, arrays), 0, 0, 0, fault], np.int64)
        self._where = address_of(self._head)

    def __str__(self) -> str:
        left = f"; NumPy does {', '.join(sorted(set(self.names)))}" if self.names else ""
        return (
            f"replayed by compiled kernels instead: {len(self.levels)} levels, "
            f"{self.bytes:,} bytes and {self._workspace_bytes:,} for each thread{left}"
        )

    def run(self) -> None:
        """Do one step on what the inputs hold.

        Raises:
            IndexError: there is no row of a number; what follows, in the order of the program, has
                not been done then.
        """
        if self._fed:  # an interrupt, or a fork, has left it so
            self._starve()
        self._run(1)

    def flush(self) -> None:
        """Wait until all is done that was begun: it is, as soon as a step returns."""

    def several(
        self,
        columns: Sequence[Array],
        order: Array,
        start: int,
        steps: int,
        coming: Coming | None = None,
    ) -> int:
        """Do some steps, each of which fetches its batch; 0 if the kernels cannot do all of it.

        Args:
            columns: one array of samples for each input.
            order: which samples, in turn.
            start: where in ``order`` the first batch begins.
            steps: how many at most; fewer, if they take long.
            coming: numbers that change between them.
        """
        kernels = [_fetching(c, slot) for c, slot in zip(columns, self._inputs, strict=True)]
        if not self.complete or not self._feeds or order.dtype != np.int64 or None in kernels:
            return 0
        steps = min(steps, max(1, int(SLICE / self._seconds)))
        began = perf_counter()
        try:
            self._feed(kernels, columns, order, start)
            steps = self._changing(steps, coming) if coming else self._run(steps)
        finally:
            self._starve()
        self._seconds = (perf_counter() - began) / steps
        return steps

    @property
    def complete(self) -> bool:
        """Whether compiled kernels do it all."""
        return len(self._segments) == 1

    def timed(self) -> list[float]:
        """Do a step on one thread; the seconds that each instruction of the plan took."""
        clock = np.zeros(len(self._entries), np.int64)
        self._demand_workspace(1)
        self._starve()
        self._fault[0] = 0
        self._head[CLOCK] = address_of(clock)
        try:
            return self._timed(clock)
        finally:
            self._head[CLOCK] = 0

    def _timed(self, clock: Array) -> list[float]:
        lines = [0.0] * len(self._lines)
        ticks, seconds = 0, 1e-12
        for segment in self._segments:
            tick, began = now(), perf_counter()
            if isinstance(segment, Left):
                segment.call()
                lines[segment.line] = perf_counter() - began
            else:
                lead(0, self._where, *segment, 0, 1, True)
                seconds += perf_counter() - began
                ticks += now() - tick
        for number, entries in enumerate(self._lines):
            lines[number] += sum(int(clock[e]) for e in entries) * seconds / max(ticks, 1)
        return lines

    def _changing(self, steps: int, coming: Coming) -> int:
        """Do steps between which numbers change; how many, if these cannot be told further on."""
        for step in range(steps):
            if step and not coming.set(step):
                return step
            self._run(1, step)
        return steps

    def _run(self, steps: int, first: int = 0) -> int:
        """Do some steps; more than one only if NumPy has no part in them."""
        crew = workers(self._parallel)
        self._demand_workspace(crew.size)
        if self._notes:
            self._fault[0] = 0
        for segment in self._segments:
            if isinstance(segment, Left):
                segment.call()
            else:
                crew.run(self._where, *segment, first, steps)
                if self._notes and self._fault[0]:
                    demand_no_fault(self._fault)
        return steps

    def _feed(
        self, kernels: Sequence[str | None], columns: Sequence[Array], order: Array, start: int
    ) -> None:
        """Let each step fetch its batch by itself."""
        self._fed = (*columns, order)  # before their addresses
        data, numbers = map(KERNELS["nothing"].position, ("data", "order"))
        for entry, column, name in zip(self._feeds, columns, kernels, strict=True):
            argument = self._entries[entry, 1]
            self._arguments[argument + data, 0] = address_of(column)
            self._arguments[argument + numbers, 0] = address_of(order) + 8 * start
            self._entries[entry, 0] = address(str(name))

    def _starve(self) -> None:
        """Take the inputs as they are again."""
        for entry in self._feeds:
            self._entries[entry, 0] = address("nothing")
        self._fed = ()

    def _demand_workspace(self, threads: int) -> None:
        if threads > self._threads:  # and noted last: an interrupt has it done once more
            self._workspace = aligned_bytes(threads * self._workspace_bytes)
            self._head[WORKSPACE:CLOCK] = address_of(self._workspace), self._workspace_bytes
            self._threads = threads


def _fetching(column: Array, slot: Array) -> str | None:
    """The kernel that picks samples of a column and converts them to the type of the input."""
    name = f"gather_{column.dtype.str[1:]}_{slot.dtype.str[1:]}"
    lies = column.flags.c_contiguous and column.flags.aligned
    fits = lies and column.shape[1:] == slot.shape[1:]
    ours = column.dtype.isnative and slot.dtype.isnative  # the name does not tell the byte order
    return name if fits and ours and name in KERNELS else None
