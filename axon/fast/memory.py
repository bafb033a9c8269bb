"""Where the results of a compiled program live."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from axon.backend import ALIGNMENT, Array, aligned_bytes, carve
from axon.core import Tensor
from axon.fast.rules.calls import At, Work, Workspace
from axon.fast.schedule import Placed, Schedule
from axon.program.plan import Plan, Pool


class MachineMemory:
    """Where results live: in memory of their own, or in the workspace of whoever has a piece."""

    def __init__(self, schedule: Schedule, plan: Plan) -> None:
        self.schedule, self.plan = schedule, plan
        self.local_bytes = 0
        self.places: dict[int, tuple[int, bool]] = {}
        self.arrays: dict[int, Array] = {}
        self.kept: list[Any] = []
        self._share()

    def place(self, thing: Tensor | Workspace) -> tuple[int, bool]:
        """Where a tensor or a workspace lies, and whether that is counted from a thread's own."""
        if isinstance(thing, Workspace):
            return self.places[id(thing)]
        owner = self.schedule.owner(thing)
        start = address_of(thing.data) - address_of(owner.data)
        if id(owner) in self.places:
            place, local = self.places[id(owner)]
            return place + start, local
        return address_of(self.plan.moved.get(id(owner), owner).data) + start, False

    def array(self, tensor: Tensor) -> Array:
        """A tensor's place as an array."""
        owner = self.schedule.owner(tensor)
        base = self.arrays.get(id(owner), self.plan.moved.get(id(owner), owner).data)
        if owner is tensor:
            return base
        data = tensor.data
        offset = address_of(data) - address_of(owner.data)
        flat = base.reshape(-1).view(np.uint8)
        return np.ndarray(data.shape, data.dtype, flat, offset, data.strides)

    def _share(self) -> None:
        """Results that outlive their level take turns in buffers."""
        s, pool = self.schedule, Pool()
        made = [s.owner(i.out) for i in self.plan.instructions if i.kind == "fills"]
        full = [t for t in made if not s.local(t) and id(t) not in self.plan.moved]
        full.sort(key=lambda t: s.born.get(id(t), s.made[id(t)][0]))
        taken: list[tuple[int, int]] = []
        number: dict[int, int] = {}
        for t in full:
            level = s.born.get(id(t), s.made[id(t)][0])
            free = [(end, b) for end, b in taken if end < level]
            taken = [pair for pair in taken if pair not in free]
            pool.free += [b for _, b in free]
            number[id(t)] = pool.take(t.data.nbytes)
            taken.append((max(level, s.last.get(id(t), level)), number[id(t)]))
        buffers = [aligned_bytes(size) for size in pool.sizes]
        for t in full:
            array = carve(buffers[number[id(t)]], 0, t.shape, t.dtype)
            self.arrays[id(t)] = array
            self.places[id(t)] = address_of(array), False
        self.bytes = sum(pool.sizes)

    def by_row(self, placed: Sequence[Placed]) -> int:
        """How many bytes of workspace one more row of a strip takes."""
        sizes = []
        for rows in (1, 2):
            pool = Pool()
            self._walk(placed, pool, lambda thing, number: None, rows)
            sizes.append(sum(pool.sizes))
        return sizes[1] - sizes[0]

    def place_strip(self, placed: Sequence[Placed], rows: int, pieces: int) -> None:
        """Give the results of a strip that nobody else reads their places in the workspace."""
        pool = Pool()
        numbers: dict[int, int] = {}
        self._walk(placed, pool, numbers.__setitem__, rows)
        ends = np.cumsum([0, *(-(-size // ALIGNMENT) * ALIGNMENT for size in pool.sizes)])
        for thing, number in numbers.items():
            self.places[thing] = int(ends[number]), True
        self.local_bytes = max(self.local_bytes, int(ends[-1]))
        for p in placed:
            if p.work:
                self.place_workspace(p.work, rows, pieces, local=False)

    def place_workspace(self, work: Work, rows: int, pieces: int, local: bool = True) -> None:
        """Give the workspaces of some work their places."""
        for workspace in _workspaces(work):
            if id(workspace) in self.places:
                continue  # what pieces have left, to be added up
            size = workspace.by_piece * pieces or (workspace.by_row * work.rows if local else 0)
            if size:
                memory = aligned_bytes(size)
                self.kept.append(memory)
                self.places[id(workspace)] = address_of(memory), False
            elif local:
                raise NotImplementedError("workspace by threads belongs to work on samples")

    def _walk(self, placed: Sequence[Placed], pool: Pool, note: Any, rows: int) -> None:
        """Hand out buffers for what lives in the strip only, in the order of its work."""
        s, batch = self.schedule, max(self.schedule.batch, 1)
        last: dict[int, int] = {}
        outs = [self.plan.instructions[p.number] for p in placed]
        for i, instruction in enumerate(outs):
            for t in (*instruction.inputs, instruction.out):
                last[id(s.owner(t))] = i
        mine: dict[int, int] = {}
        for i, (p, instruction) in enumerate(zip(placed, outs, strict=True)):
            ended = []
            for workspace in _workspaces(p.work):
                if workspace.by_row or workspace.by_thread:
                    number = pool.take(workspace.by_row * rows + workspace.by_thread)
                    note(id(workspace), number)
                    ended.append(number)
            out = instruction.out
            if instruction.kind == "fills" and id(out) in s.made and s.local(out):
                mine[id(out)] = pool.take(out.data.nbytes // batch * rows)
                note(id(out), mine[id(out)])
            owners = dict.fromkeys(id(s.owner(t)) for t in (*instruction.inputs, out))
            pool.free += ended + [mine[o] for o in owners if o in mine and last[o] == i]


def _workspaces(work: Work | None) -> list[Workspace]:
    arguments = (a for call in work.calls for a in call.arguments) if work else ()
    found = (a.tensor for a in arguments if isinstance(a, At) and isinstance(a.tensor, Workspace))
    return list({id(s): s for s in found}.values())


def address_of(array: Array) -> int:
    """Where an array begins."""
    return int(array.ctypes.data)
