"""Cache: which programs a step keeps: those that come back, as far as memory goes."""

import os
from functools import cache
from typing import Any

import numpy as np

from axon.backend import Array, DType, Shape, xp

Spec = tuple[Shape, DType]
Variant = tuple[Any, ...]  # what else a step depends on, besides its inputs
Key = tuple[Any, ...]  # shape and type of each input, then the variant
AT_ONCE = 64  # shapes that are recorded when they are first seen
SIGHTS = 10_000  # of later shapes, of which it is known when they were seen
MEMORY = 1024  # MiB that the programs of a step may take
VARIABLE = "AXON_PROGRAM_MEMORY"
LINE = 6_000  # bytes that Python's objects take for each line of a program


class Cache:
    """The programs of a step by signature, those used last at the end.

    The first shapes are recorded at once. Later ones may never come back, so they are computed
    eagerly, and recorded when they do. Where memory is full, the program that has rested longest
    goes, if it has rested longer than the newcomer was away: taken in turn, all shapes would
    chase each other away otherwise.

    Attributes:
        programs: by signature.
        slots: the inputs that they are bound to, by shape and type.
        first: the first shapes, of which compiled kernels do some. Which these are decides about
            bits, so a run that is resumed has to know them.
    """

    def __init__(self) -> None:
        self.programs: dict[Key, Any] = {}
        self.slots: dict[tuple[Spec, ...], list[Array]] = {}
        self.first: dict[tuple[Spec, ...], None] = {}
        self._fresh: tuple[tuple[Spec, ...], list[Array]] = ((), [])
        self._seen: dict[Key, int] = {}
        self._now = 0

    def inputs(self, specs: tuple[Spec, ...]) -> list[Array]:
        """The arrays to fill: those that programs are bound to, or the latest, or fresh ones."""
        if specs in self.slots:
            return self.slots[specs]
        if self._fresh[0] != specs:
            self._fresh = specs, [xp.empty(shape, dtype) for shape, dtype in specs]
        return self._fresh[1]

    def use(self, key: Key) -> Any:
        """The program of this signature, or None."""
        self._now += 1
        program = self.programs.pop(key, None)
        if program is not None and not program.stale:
            self.programs[key] = program
            program.used = self._now
            return program
        return None

    def is_first(self, specs: tuple[Spec, ...], most: int = AT_ONCE) -> bool:
        """Whether these shapes are among the first, or among so many of them."""
        if specs not in self.first and len(self.first) < AT_ONCE:
            self.first[specs] = None
        return specs in (self.first if most >= AT_ONCE else list(self.first)[:most])

    def welcomes(self, key: Key) -> bool:
        """Whether a program of this signature would be kept."""
        before = self._seen.pop(key, 0)
        self._seen[key] = self._now
        if len(self._seen) > SIGHTS:
            del self._seen[next(iter(self._seen))]
        count = len(self.programs)
        if not count or self.bytes * (count + 1) <= memory() * count:  # as large as the others
            return self.is_first(key[:-1]) or before > 0
        return next(iter(self.programs.values())).used < before

    def put(self, key: Key, program: Any, inputs: list[Array]) -> None:
        """Keep a program; others may have to go."""
        program.used = self._now
        self.slots.setdefault(key[:-1], inputs)  # first: an interrupt leaves none without inputs
        self.programs[key] = program
        while self.bytes > memory() and len(self.programs) > 1:
            oldest = next(iter(self.programs))
            del self.programs[oldest]
            if all(other[:-1] != oldest[:-1] for other in self.programs):
                self.slots.pop(oldest[:-1], None)

    def clear(self) -> None:
        """Forget all programs."""
        self.programs.clear()
        self.slots.clear()

    @property
    def bytes(self) -> int:
        """What the programs and their inputs take."""
        inputs = sum(array.nbytes for arrays in self.slots.values() for array in arrays)
        return inputs + sum(program.bytes for program in self.programs.values())

    # -------------------------------------------------------------------- resuming

    def state_dict(self) -> list[Any]:
        """The first shapes, in words that a file can hold."""
        return [[[list(shape), dtype.str] for shape, dtype in specs] for specs in self.first]

    def load_state_dict(self, state: list[Any]) -> None:
        """Take that back: what is not among them was recorded for others, and is forgotten."""
        listed = (((tuple(shape), np.dtype(name)) for shape, name in specs) for specs in state)
        first = dict.fromkeys(map(tuple, listed))
        if list(first) != list(self.first):
            self.first = first
            self.clear()


@cache
def memory() -> int:
    """How many bytes the programs of a step may take: as AXON_PROGRAM_MEMORY says, in MiB."""
    given = os.environ.get(VARIABLE, "") or str(MEMORY)
    if not given.isdecimal():
        raise ValueError(f"{VARIABLE}: expected a whole number of MiB, such as 512, got {given!r}.")
    return int(given) * 2**20
