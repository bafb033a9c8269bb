"""Bind: kernels are joined with their arrays; large work is cut, and what belongs together joined.

Where pieces of one instruction need nothing of another's other pieces, a thread goes on with its
own piece: the same images through convolution, bias, activation and pooling, in its core's cache.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from axon.backend import Array, aligned_bytes, xp
from axon.pieces import Cut, Pieces, ends
from axon.program.plan import Plan
from axon.threads import get_threads, share

BoundCall = Callable[[], Any]
Spans = list[tuple[int, int]]  # where memory begins and ends, for each piece


class Bound:
    """The calls that do a plan again, and the memory in which threads do their pieces.

    Attributes:
        calls: in order; each an instruction, or a chain of several.
        lines: one call for each instruction of the plan, views too, for who wants to time them.
        workspace_bytes: what each thread needs.
    """

    def __init__(self, plan: Plan) -> None:
        self.workspace_bytes = 0
        self.calls: list[BoundCall] = []
        self.lines: list[BoundCall] = []
        self._memory: dict[int, Array] = {}
        self._chain: Chain | None = None
        for number in range(len(plan.instructions)):
            self._add(plan, number)
        self._close()
        for call in self.calls:
            if isinstance(call, Chain):  # now, so that a replay takes no memory
                for thread in range(min(get_threads(), call.pieces)):
                    call.lane(thread)

    def memory(self, thread: int) -> Array:
        """What a thread has for itself, also one that comes later, when more are set."""
        if thread not in self._memory:
            self._memory[thread] = aligned_bytes(self.workspace_bytes)
        return self._memory[thread]

    def _add(self, plan: Plan, number: int) -> None:
        primitive, inputs, out, meta, *_ = plan.instructions[number]
        if primitive.kind == "views":
            self.lines.append(nothing)
            return
        arrays = [plan.array(t) for t in inputs]
        if primitive.kind == "fills":
            arrays.insert(0, plan.array(out))
        if self._cut(plan, number, arrays):
            return
        self._close()
        if primitive.workspace:
            meta = {**meta, "workspace": plan.workspace(number)}
        call = partial(primitive.kernel, *arrays, xp=xp, **meta)
        self.calls.append(call)
        self.lines.append(call)

    def _cut(self, plan: Plan, number: int, arrays: list[Array]) -> bool:
        """Bind an instruction in pieces, if it is worth it, or a chain goes through it."""
        cut, chain = plan.cuts[number], self._chain
        if cut is None or plan.runs[number] < 0:
            return False
        primitive, _, _, meta, *_ = plan.instructions[number]
        if chain is not None and chain.run == plan.runs[number]:
            places = chain.places(cut, primitive.eagerly is not None)
            if places:
                work = Pieces(primitive, arrays, meta, cut, places, plan.sums(number))
                if chain.takes(work):
                    self._enter(chain, work)
                    return True
        if cut.pieces < 2:
            return False
        self._close()
        work = Pieces(primitive, arrays, meta, cut, ends(cut.rows, cut.pieces), plan.sums(number))
        self._chain = Chain(self, plan.runs[number])
        self._enter(self._chain, work)
        return True

    def _enter(self, chain: "Chain", work: Pieces) -> None:
        chain.add(work)
        self.workspace_bytes = max(self.workspace_bytes, work.workspace_bytes())
        alone = Chain(self, chain.run)
        alone.add(work)
        self.lines.append(alone)

    def _close(self) -> None:
        if self._chain is not None:
            self.calls.append(self._chain)
            self._chain = None


class Chain:
    """One instruction after another, in pieces: each piece goes through all of them.

    All belong to one run of the plan: where summands lie, which are added up at the end of the
    chain, nothing else lies until the run ends.
    """

    def __init__(self, bound: Bound, run: int) -> None:
        self.bound, self.run = bound, run
        self.works: list[Pieces] = []
        self._lanes: dict[int, list[BoundCall]] = {}
        self._read: list[Spans] = []
        self._written: list[Spans] = []

    def __call__(self) -> None:
        """Do all of it."""
        share(self.pieces, self.lane)
        for work in self.works:
            work.finish()

    @property
    def pieces(self) -> int:
        """How many."""
        return len(self.works[0].spans)

    def lane(self, thread: int) -> list[BoundCall]:
        """The pieces as a thread does them, with workspace of its own."""
        if thread not in self._lanes:
            memory = self.bound.memory(thread)
            self._lanes[thread] = [self._piece(number, memory) for number in range(self.pieces)]
        return self._lanes[thread]

    def _piece(self, number: int, memory: Array) -> BoundCall:
        calls: list[BoundCall] = []
        for work in self.works:
            arrays, meta = work.placed(number, memory)
            calls.append(partial(work.primitive.kernel, *arrays, xp=xp, **meta))
        return calls[0] if len(calls) == 1 else partial(_in_order, calls)

    # -------------------------------------------------------------------- what belongs together

    def places(self, cut: Cut, rounds: bool) -> list[int]:
        """Where work would be cut so that its pieces fit those of the chain; empty if it cannot.

        Work that rounds otherwise in other pieces must be cut as it is when it is alone.
        """
        first = self.works[0]
        stops = [stop for _, stop in first.spans]
        if any(stop * cut.rows % first.cut.rows for stop in stops):
            return []
        fitting = [stop * cut.rows // first.cut.rows for stop in stops]
        if rounds and fitting != ends(cut.rows, cut.pieces):
            return []
        return fitting

    def add(self, work: Pieces) -> None:
        """Let all pieces go through this work, too."""
        self.works.append(work)
        read, written = _memory_of(work)
        self._read += read
        self._written += written

    def takes(self, work: Pieces) -> bool:
        """Whether no piece of this work meets, in memory, another piece of the works before."""
        read, written = _memory_of(work)
        pairs = ((written, self._read + self._written), (read, self._written))
        return not any(_cross(a, b) for new, old in pairs for a in new for b in old)


def _memory_of(work: Pieces) -> tuple[list[Spans], list[Spans]]:
    """What the pieces of some work read, and what they write."""
    changed = max(work.primitive.writes, 1)
    read: list[Spans] = []
    written: list[Spans] = []
    for number, (array, along) in enumerate(zip(work.arrays, work.cut.along, strict=True)):
        if not array.size:
            continue
        all_of_it = _span(array)
        spans = [_span(array[a:b]) if along else all_of_it for a, b in work.spans]
        (written if number < changed else read).append(spans)
    return read, written


def _span(array: Array) -> tuple[int, int]:
    if not array.size:
        return 0, 0
    start, stop = np.lib.array_utils.byte_bounds(array)
    return int(start), int(stop)


def _cross(a: Spans, b: Spans) -> bool:
    """Whether a piece of the one meets another piece of the other."""
    if _end(a) <= min(b)[0] or _end(b) <= min(a)[0]:
        return False
    return any(
        x[0] < y[1] and y[0] < x[1] for i, x in enumerate(a) for j, y in enumerate(b) if i != j
    )


def _end(spans: Spans) -> int:
    return max(stop for _, stop in spans)


def _in_order(calls: Sequence[BoundCall]) -> None:
    for call in calls:
        call()


def nothing() -> None:
    """A view: the array was made when the program was bound. What a clock costs, it tells, too."""
