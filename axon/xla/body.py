"""A program's instructions as one function of values: what XLA compiles.

Memory becomes values that are replaced: each piece of what lies outside, and each result. A view is
computed from what it shows whenever somebody reads it; who writes to a view replaces what it shows.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import NamedTuple

import numpy as np
from jax import Array as Traced
from jax import numpy as jnp

from axon.core import Tensor
from axon.ops import matmul
from axon.program.plan import Plan
from axon.program.trace import Instruction
from axon.xla.numbers import Numbers
from axon.xla.outer import Outer
from axon.xla.primitives import is_ours, perform
from axon.xla.rules import FAULTS


class StepInputs(NamedTuple):
    """What a step starts from."""

    memory: dict[int, Traced]  # number of a piece -> its values
    batch: Sequence[Traced]
    numbers: Sequence[Traced]  # that NumPy hands to it


class StepResults(NamedTuple):
    """What a step ends with."""

    memory: dict[int, Traced]
    outputs: list[Traced]
    taken: list[Traced]  # numbers for NumPy
    faults: list[tuple[Traced, Traced]]  # of what may fail: does it, and what is wrong


class FlatParts(NamedTuple):
    """A flat result that was made piece by piece, each in the shape of its memory."""

    ends: list[tuple[int, int]]
    values: list[Traced]

    def flat(self) -> Traced:
        """All of it."""
        return jnp.concatenate([v.reshape(-1) for v in self.values])


class StepBody:
    """A step as a function; ``time`` is called after each instruction, if it is given."""

    def __init__(
        self,
        plan: Plan,
        outputs: Sequence[Tensor],
        outer: Outer,
        numbers: Numbers,
    ) -> None:
        self.plan, self.outputs, self.outer, self.numbers = plan, outputs, outer, numbers
        self.with_numpy = numbers.split.before | numbers.split.after
        self.taken = {(number, id(t)): t for number, t in numbers.taken}
        self.can_fail = [
            i for n, i in enumerate(plan.instructions) if _may_fail(i) and n not in self.with_numpy
        ]

    def __call__(
        self, given: StepInputs, time: Callable[[int, list[Traced]], None] | None = None
    ) -> StepResults:
        """Do all instructions, in order."""
        run = _Run(self, given)
        for number, instruction in enumerate(self.plan.instructions):
            run.take(number, instruction)
            if number in self.with_numpy or instruction.kind == "views":
                continue
            try:
                run.do(number, instruction)
            except Exception as error:
                error.add_note(_told(number, instruction))
                raise
            if time is not None:
                time(number, run.latest)
        run.number = len(self.plan.instructions)
        outputs = [run.read(t) for t in self.outputs]
        return StepResults(run.memory, outputs, run.taken, run.faults)


class _Run:
    """One tracing of a step: what every piece, and every result, is at this moment."""

    def __init__(self, body: StepBody, given: StepInputs) -> None:
        self.plan, self.outer = body.plan, body.outer
        self.columns, self.wanted = body.numbers.reads, body.taken
        self.memory, self.numbers = given.memory, given.numbers
        self.values: dict[int, Traced | FlatParts] = {}
        for root, number in self.outer.given.items():
            self.values[root] = given.batch[number]
        self.latest: list[Traced] = []
        self.taken: list[Traced] = []
        self.faults: list[tuple[Traced, Traced]] = []
        self.number = 0

    def take(self, number: int, instruction: Instruction) -> None:
        """Note what NumPy wants to know of this instruction's inputs."""
        self.number = number
        for t in instruction.inputs:
            if (number, id(t)) in self.wanted:
                self.taken.append(self.read(t))

    # -------------------------------------------------------------------- instructions

    def do(self, number: int, instruction: Instruction) -> None:
        """Do an instruction, whole or piece by piece."""
        ends = self.outer.parted(instruction)
        if ends:
            self._in_parts(instruction, ends)
            return
        values = [self.read(t) for t in instruction.inputs]
        if _may_fail(instruction):
            self.faults.append(FAULTS[instruction.primitive.name](*values))
        if self._turned(instruction):
            self.latest = [_turned_product(instruction, *values)]
        else:
            self.latest = list(perform(instruction.primitive, values, instruction.meta))
        if instruction.kind == "fills":
            self._put(instruction, _checked(self.latest[0], instruction.out))
            return
        for t, value in zip(instruction.changed, self.latest, strict=True):
            self.write(t, _checked(value, t))

    def _turned(self, instruction: Instruction) -> bool:
        """Whether it is a product of batches of matrices, of which the first are turned round."""
        view = self.outer.views.get(id(instruction.inputs[0])) if instruction.inputs else None
        if instruction.primitive is not matmul or view is None or "axes" not in view.meta:
            return False
        n, m = (t.ndim for t in instruction.inputs)
        return n == m > 2 and tuple(view.meta["axes"]) == (*range(n - 2), n - 1, n - 2)

    def _put(self, instruction: Instruction, value: Traced | FlatParts) -> None:
        """Keep a result, also where it belongs."""
        out = instruction.out
        self.values[id(out)] = value
        if id(out) in self.plan.moved:
            self._store(self.plan.moved[id(out)], value)

    def _in_parts(self, instruction: Instruction, ends: list[tuple[int, int]]) -> None:
        n = ends[-1][1]
        inputs = [self._parts(t, ends) if t.size == n else self.read(t) for t in instruction.inputs]
        made: list[list[Traced]] = []
        for k in range(len(ends)):
            given = _part_of(inputs, k)
            made.append(list(perform(instruction.primitive, given, instruction.meta)))
        self.latest = [value for values in made for value in values]
        columns = [list(column) for column in zip(*made, strict=True)]
        if instruction.kind == "fills":
            self._put(instruction, FlatParts(ends, columns[0]))
            return
        for t, values in zip(instruction.changed, columns, strict=True):
            if self.outer.inner(t):
                self.values[id(t)] = FlatParts(ends, values)
            else:
                self._store(t, FlatParts(ends, values))

    def _parts(self, tensor: Tensor, ends: list[tuple[int, int]]) -> list[Traced]:
        """A flat tensor cut at these ends."""
        if self.outer.inner(tensor):
            value = self.values.get(id(tensor))
            if isinstance(value, FlatParts) and value.ends == ends:
                return value.values
        else:
            pieces = self.outer.numbers(tensor)
            if len(pieces) == len(ends):
                return [self.memory[p] for p in pieces]
        flat = self.read(tensor).reshape(-1)
        return [flat[a:b] for a, b in ends]

    # -------------------------------------------------------------------- memory

    def read(self, tensor: Tensor) -> Traced:
        """What a tensor is now."""
        if (self.number, id(tensor)) in self.columns:
            return self.numbers[self.columns[self.number, id(tensor)]]
        if id(tensor) in self.outer.views and not self._is_stretch(tensor):
            view = self.outer.views[id(tensor)]
            values = [self.read(t) for t in view.inputs]
            return perform(view.primitive, values, view.meta)[0]
        if self.outer.inner(tensor):
            value = self.values[id(tensor)]
            return value.flat() if isinstance(value, FlatParts) else value
        if not tensor.size:
            return jnp.zeros(tensor.shape, tensor.dtype)
        values = [self.memory[p] for p in self.outer.numbers(tensor)]
        if len(values) > 1:
            values = [jnp.concatenate([v.reshape(-1) for v in values])]
        return values[0].reshape(tensor.shape)

    def _is_stretch(self, tensor: Tensor) -> bool:
        """Whether a view of memory outside is found there by its address."""
        return not self.outer.inner(tensor) and bool(tensor.data.flags.c_contiguous)

    def write(self, tensor: Tensor, value: Traced) -> None:
        """Replace what a tensor is."""
        if id(tensor) in self.outer.views and not self._is_stretch(tensor):
            view = self.outer.views[id(tensor)]
            (source,) = view.inputs
            self.write(source, _replaced(view, self.read(source), value))
        elif self.outer.inner(tensor):
            self.values[id(tensor)] = value
        else:
            self._store(tensor, value)

    def _store(self, tensor: Tensor, value: Traced | FlatParts) -> None:
        """Put values into the pieces of memory that a contiguous tensor outside consists of."""
        pieces = self.outer.numbers(tensor)
        if isinstance(value, FlatParts):
            if len(pieces) == len(value.values):
                for p, part in zip(pieces, value.values, strict=True):
                    self.memory[p] = part.reshape(self.outer.shapes[p])
                return
            value = value.flat()
        flat, start = value.reshape(-1), 0
        for p in pieces:
            shape = self.outer.shapes[p]
            self.memory[p] = flat[start : start + prod(shape)].reshape(shape)
            start += prod(shape)


def _may_fail(instruction: Instruction) -> bool:
    """Whether it is one of AXON's that take an index, which may be too large."""
    return instruction.primitive.name in FAULTS and is_ours(instruction.primitive)


def _turned_product(instruction: Instruction, a: Traced, b: Traced) -> Traced:
    """A product as that of the matrices turned round, in the other order, turned round.

    XLA's fast library on CPUs takes no matrices on the left that are turned round in memory.
    """
    turned = [v.swapaxes(-1, -2) for v in (b, a)]
    return perform(instruction.primitive, turned, instruction.meta)[0].swapaxes(-1, -2)


def _part_of(inputs: Sequence[list[Traced] | Traced], number: int) -> list[Traced]:
    """A part of each input that has parts, all in one shape: that of the memory, with most axes."""
    parts = [v[number] for v in inputs if isinstance(v, list)]
    shape = max((part.shape for part in parts), key=len)
    return [v[number].reshape(shape) if isinstance(v, list) else v for v in inputs]


def _checked(value: Traced, like: Tensor) -> Traced:
    """A result in the type that was planned for it."""
    if value.shape != like.shape:
        raise ValueError(f"a result of shape {value.shape}, expected {like.shape}.")
    return value if value.dtype == like.dtype else value.astype(like.dtype)


def _replaced(view: Instruction, source: Traced, value: Traced) -> Traced:
    """What a view shows, with other values in the places that are seen."""
    numbers = np.arange(source.size).reshape(source.shape)
    seen = view.primitive.kernel(numbers, xp=np, **view.meta)
    flat = source.reshape(-1).at[seen.reshape(-1)].set(value.reshape(-1))
    return flat.reshape(source.shape)


def _told(number: int, instruction: Instruction) -> str:
    shapes = ", ".join(f"{t.dtype}{list(t.shape)}" for t in instruction.inputs)
    return f"while compiling instruction %{number}, {instruction.primitive.name}({shapes})"
