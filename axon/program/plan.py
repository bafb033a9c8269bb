"""Plan: drop what nobody reads, find how long each result lives, and let results share buffers.

Three passes over the list of instructions, each a plain loop; nothing is reordered.
"""

from bisect import bisect_left
from collections.abc import Sequence
from math import prod
from operator import itemgetter

import numpy as np

from axon.backend import Array, aligned_bytes, carve, xp
from axon.core import Tensor
from axon.pieces import Cut, cut_of
from axon.program.trace import Instruction

RUN = 16  # instructions that are cut alike, and may be chained


Specs = list[tuple[tuple[int, ...], np.dtype]]


class Plan:
    """Where every result of a trace will live.

    Attributes:
        instructions: those that are needed, in the order in which they were recorded.
        buffer: id of a result -> number of its buffer. Views share their root's; a result that is
            written straight to where it belongs (a gradient) has none, and is in ``moved``.
        workspaces: for each instruction, the numbers of the buffers that are its workspace.
        cuts: for each instruction, how it can be cut, or None.
        runs: for each, the number of its run, or -1. In a run, pieces may go through one
            instruction after another: no memory is used again before it ends.
        buffers: the memory itself.
        bytes_before: what the results would take one by one.
        wide: whether compiled kernels may do what NumPy's do in other programs (Step.often).
    """

    wide = False

    def __init__(self, instructions: Sequence[Instruction], outputs: Sequence[Tensor]) -> None:
        self.made = {id(i.out) for i in instructions if i.kind != "writes"}
        self.roots = _roots(instructions)
        self.moved: dict[int, Tensor] = {}
        self.buffer: dict[int, int] = {}
        self.workspaces: list[list[int]] = []
        live = self._without_dead(instructions, outputs)
        self.sizes = {id(i.out): i.out.data.nbytes for i in live if i.kind == "fills"}
        self.bytes_before = sum(i.out.data.nbytes for i in live if i.kind == "fills")
        self.instructions = self._without_copies(live, outputs)
        self.cuts = [_cut(instruction) for instruction in self.instructions]
        self.runs = _runs(self.instructions, self.cuts)
        self.buffers = [aligned_bytes(size) for size in self._share_buffers(outputs)]
        self.arrays = self._bind()

    @property
    def bytes_after(self) -> int:
        """What the buffers take."""
        return sum(b.nbytes for b in self.buffers)

    def root(self, tensor: Tensor) -> int:
        """The id of the tensor whose memory this one is a view of, or its own."""
        return self.roots.get(id(tensor), id(tensor))

    def array(self, tensor: Tensor) -> Array:
        """The array that a tensor of the trace is bound to."""
        return self.arrays.get(id(tensor), tensor.data)

    def workspace(self, number: int) -> list[Array]:
        """The workspace of one instruction done in one piece: fresh memory if it is to be cut."""
        cut, wanted = self.cuts[number], _workspace(self.instructions[number])
        if cut is not None and cut.pieces > 1:
            return [xp.empty(*spec) for spec in wanted]
        places = zip(self.workspaces[number], wanted, strict=True)
        return [carve(self.buffers[b], 0, shape, dtype) for b, (shape, dtype) in places]

    def sums(self, number: int) -> Array | None:
        """Where the pieces of one instruction put the summands of its result, if they do."""
        specs = _summands(self.instructions[number], self.cuts[number])
        return carve(self.buffers[self.workspaces[number][0]], 0, *specs[0]) if specs else None

    # -------------------------------------------------------------------- pass 1: dead results

    def _without_dead(
        self, instructions: Sequence[Instruction], outputs: Sequence[Tensor]
    ) -> list[Instruction]:
        """Keep what leads to an output, or to a change of memory that outlives the step."""
        wanted = {i for t in outputs for i in (id(t), self.root(t))}
        live = []
        for instruction in reversed(instructions):
            if instruction.kind == "writes":
                roots = [self.root(t) for t in instruction.changed]
                needed = any(r not in self.made or r in wanted for r in roots)
            else:
                needed = id(instruction.out) in wanted
            if needed:
                live.append(instruction)
                wanted.update(i for t in instruction.inputs for i in (id(t), self.root(t)))
        return live[::-1]

    # -------------------------------------------------------------------- pass 2: copies

    def _without_copies(
        self, live: list[Instruction], outputs: Sequence[Tensor]
    ) -> list[Instruction]:
        """A result that is only made to be assigned is written to its destination at once."""
        made_at = {id(ins.out): i for i, ins in enumerate(live) if ins.kind == "fills"}
        last = self._last_uses(live, outputs)
        touched = self._outer_memory(live)
        kept = []
        for i, instruction in enumerate(live):
            if instruction.primitive.name == "assign":
                target, value = instruction.inputs
                start = made_at.get(id(value), i)
                free = start < i and self._fits(target, value) and last.get(id(value)) == i
                if free and not touched.between(target.data, start, i):
                    self.moved[id(value)] = target
                    continue
            kept.append(instruction)
        return kept

    def _fits(self, target: Tensor, value: Tensor) -> bool:
        """Whether ``value`` could lie in the memory of ``target``, and that outlives the step."""
        same = target.shape == value.shape and target.dtype == value.dtype
        return same and self.root(target) not in self.made and target.data.flags.c_contiguous

    def _outer_memory(self, live: Sequence[Instruction]) -> "_Touched":
        """Which instruction reads or writes which memory that outlives the step."""
        touched = _Touched()
        for i, instruction in enumerate(live):
            for tensor in instruction.inputs:
                if self.root(tensor) not in self.made:
                    touched.add(tensor.data, i)
        return touched

    # -------------------------------------------------------------------- pass 3: shared buffers

    def _last_uses(self, live: Sequence[Instruction], outputs: Sequence[Tensor]) -> dict[int, int]:
        """For each root, the number of the last instruction that reads or writes it."""
        last: dict[int, int] = {}
        for i, instruction in enumerate(live):
            for tensor in (*instruction.inputs, instruction.out):
                last[self.root(tensor)] = i
        last.update((self.root(tensor), len(live)) for tensor in outputs)
        return last

    def _share_buffers(self, outputs: Sequence[Tensor]) -> list[int]:
        """Hand out buffers; one is free again when nothing in it will be read. Returns sizes."""
        last = self._last_uses(self.instructions, outputs)
        pool = Pool()
        for i, instruction in enumerate(self.instructions):
            pool.enter(self.runs[i])
            work = [pool.take(prod(shape) * dtype.itemsize) for shape, dtype in self._wanted(i)]
            self.workspaces.append(work)
            over = None
            if instruction.kind == "fills" and id(instruction.out) not in self.moved:
                over = self._dying(instruction, i, last)
                size = instruction.out.data.nbytes
                place = pool.take_alike(size) if over is None else self.buffer[over]
                self.buffer[id(instruction.out)] = place
            ended = dict.fromkeys(self.root(t) for t in (*instruction.inputs, instruction.out))
            if over is not None:
                del ended[over]  # its buffer lives on as that of the result
            pool.give(work)
            for root in ended:
                if root in self.buffer and last[root] == i:
                    pool.give([self.buffer[root]], self.sizes[root])
        return pool.sizes

    def _wanted(self, number: int) -> Specs:
        """Workspace of an instruction; if it is cut, each thread has its own (bind.py)."""
        instruction, cut = self.instructions[number], self.cuts[number]
        if cut is None or cut.pieces < 2:
            return _workspace(instruction)
        return _summands(instruction, cut)

    def _dying(self, instruction: Instruction, number: int, last: dict[int, int]) -> int | None:
        """The id of an input that is read here for the last time and may be written over."""
        out, inputs, over = instruction.out, instruction.inputs, instruction.primitive.over
        for t in (inputs[k] for k in over if k < len(inputs)):
            root = self.root(t)
            alike = t.shape == out.shape and t.dtype == out.dtype and self._is_all(t)
            elsewhere = (x for k, x in enumerate(inputs) if not (x is t and k in over))
            alone = all(self.root(x) != root for x in elsewhere)
            if alike and alone and last[root] == number:
                return root
        return None

    def _is_all(self, tensor: Tensor) -> bool:
        """Whether a tensor is all that lives in its buffer, perhaps in another shape."""
        full = self.sizes.get(self.root(tensor)) == tensor.data.nbytes
        return full and self.root(tensor) in self.buffer and tensor.data.flags.c_contiguous

    def _bind(self) -> dict[int, Array]:
        """Lay an array over the memory of every result."""
        arrays: dict[int, Array] = {}
        for primitive, inputs, out, meta, *_ in self.instructions:
            if primitive.kind == "views":
                base = arrays.get(id(inputs[0]), inputs[0].data)
                arrays[id(out)] = primitive.kernel(base, xp=xp, **meta)
            elif id(out) in self.moved:
                arrays[id(out)] = self.moved[id(out)].data
            elif id(out) in self.buffer:
                memory = self.buffers[self.buffer[id(out)]]
                arrays[id(out)] = carve(memory, 0, out.shape, out.dtype)
        return arrays


class _Touched:
    """Uses of memory: for each block of it, who used which bytes, in order of the instructions."""

    def __init__(self) -> None:
        self.uses: dict[int, list[tuple[int, Array]]] = {}

    def add(self, array: Array, number: int) -> None:
        """Instruction ``number`` uses this array."""
        self.uses.setdefault(_owner(array), []).append((number, array))

    def between(self, array: Array, start: int, stop: int) -> bool:
        """Whether one of the instructions from ``start`` up to ``stop`` uses this memory."""
        uses = self.uses.get(_owner(array), [])
        first, last = (bisect_left(uses, n, key=itemgetter(0)) for n in (start, stop))
        return any(np.may_share_memory(array, used) for _, used in uses[first:last])


def _owner(array: object) -> int:
    """The id of the array whose memory this one is a view of; 0 if it is not NumPy's own memory."""
    while isinstance(array, np.ndarray | memoryview):
        below = array.base if isinstance(array, np.ndarray) else array.obj
        if below is None:
            return id(array)
        array = below
    return 0


class Pool:
    """Buffers by number, with their sizes in bytes; sizes may still grow while we plan."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.free: list[int] = []
        self.run, self._waiting = -1, list[tuple[int, int]]()

    def enter(self, run: int) -> None:
        """Begin an instruction. In a run, what is given back waits until it ends."""
        if run != self.run:
            self.free += [number for number, _ in self._waiting]
            self.run, self._waiting = run, []

    def give(self, numbers: list[int], held: int = 0) -> None:
        """Take back buffers, the first ``held`` bytes of which were a result."""
        if self.run < 0:
            self.free += numbers
        else:
            self._waiting += [(number, held) for number in numbers]

    def take_alike(self, size: int) -> int:
        """A buffer for a result. One that held as much waits for nothing: its pieces lie alike."""
        for place in self._waiting:
            if place[1] == size:
                self._waiting.remove(place)
                return place[0]
        return self.take(size)

    def take(self, size: int) -> int:
        """The smallest free buffer that is large enough; else the largest free one, enlarged."""
        if not self.free:
            self.sizes.append(size)
            return len(self.sizes) - 1
        fitting = [b for b in self.free if self.sizes[b] >= size]
        best = min(fitting or self.free, key=lambda b: abs(self.sizes[b] - size))
        self.free.remove(best)
        self.sizes[best] = max(self.sizes[best], size)
        return best


def _roots(instructions: Sequence[Instruction]) -> dict[int, int]:
    """Map every view to the tensor whose memory it shows."""
    roots: dict[int, int] = {}
    for instruction in instructions:
        if instruction.kind == "views":
            source = id(instruction.inputs[0])
            roots[id(instruction.out)] = roots.get(source, source)
    return roots


def _cut(instruction: Instruction) -> Cut | None:
    primitive, inputs, out, meta, *_ = instruction
    if primitive.kind == "views":
        return None
    arrays = [t.data for t in inputs]
    given = [out.data, *arrays] if primitive.kind == "fills" else arrays
    return cut_of(primitive, given, meta)


def _runs(instructions: Sequence[Instruction], cuts: Sequence[Cut | None]) -> list[int]:
    """Number the runs: each begins with something to cut, and goes on while that is possible."""
    runs: list[int] = []
    run, left = -1, 0  # the number of the latest run, and how much more it may take
    for instruction, cut in zip(instructions, cuts, strict=True):
        if instruction.kind != "views":
            left = max(left - 1, 0) if cut is not None else 0
            if cut is not None and cut.pieces > 1 and not left:
                run, left = run + 1, RUN
        runs.append(run if left else -1)
    return runs


def _summands(instruction: Instruction, cut: Cut | None) -> Specs:
    if cut is None or not cut.sums or cut.pieces < 2:
        return []
    return [((cut.pieces, *instruction.out.shape), instruction.out.dtype)]


def _workspace(instruction: Instruction) -> Specs:
    rule = instruction.primitive.workspace
    return list(rule(*[t.data for t in instruction.inputs], **instruction.meta)) if rule else []
