"""The loop over steps that is compiled, and what it is to a loop that memory is in pieces."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import prod
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array as Traced
from jax import lax
from jax import numpy as jnp

from axon.backend import Array
from axon.parameter import Buffer, Parameter
from axon.xla.batches import Batches
from axon.xla.body import StepBody, StepInputs, StepResults
from axon.xla.outer import Outer, Stretch
from axon.xla.rules.values import SEVERAL

PRECISIONS = {"float32": "float32", "tf32": "tensorfloat32", "bfloat16": "bfloat16"}
Fault = tuple[Traced, Traced]  # the number of an instruction that fails, and what is wrong


class PieceRoles(NamedTuple):
    """What the pieces of memory are to the loop.

    Attributes:
        carried: numbers of those that it changes.
        read: numbers of those that it only reads.
        fixed: single numbers that are part of what is compiled: number of the piece -> value.
        begins: numbers of those that are read before they are changed, if ever.
    """

    carried: list[int]
    read: list[int]
    fixed: dict[int, Array]
    begins: list[int]


class LoopResults(NamedTuple):
    """What comes of some steps.

    Attributes:
        carried: the memory that was changed.
        outputs: of the last step.
        taken: columns of numbers for NumPy, a row for each step.
        fault: -1 and 0 if nothing has failed.
    """

    carried: list[Traced]
    outputs: list[Traced]
    taken: list[Traced]
    fault: Fault


@contextmanager
def settings(precision: str, devices: int) -> Iterator[None]:
    """What JAX, and rules, are to keep to while a program is traced: types of 64 bits, and more."""
    before = SEVERAL.set(devices > 1)
    try:
        with jax.enable_x64(True), jax.default_matmul_precision(PRECISIONS[precision]):
            yield
    finally:
        SEVERAL.reset(before)


class Loop:
    """Some steps as one function.

    Args:
        body: a step.
        batches: how it comes to its batch.
        ahead: how many steps there may be.
        roles: of the pieces.
    """

    def __init__(self, body: StepBody, batches: Batches, ahead: int, roles: PieceRoles) -> None:
        self.body, self.batches, self.ahead, self.roles = body, batches, ahead, roles
        self.bundle()

    def __call__(
        self,
        carried: list[Traced],
        read: list[Traced],
        batches: list[Traced],
        packs: list[Traced],
        steps: Traced,
    ) -> LoopResults:
        """So many steps: what is traced once, and compiled."""
        begin, outside = self.unbundled(self.carried, carried), self.outside(read)
        order = list(begin)

        def step(k: Traced, carried: list[Traced]) -> StepResults:
            batch = self.batches.batch(batches, k)
            numbers = self.body.numbers.unpacked(packs, k)
            memory = {**outside, **dict(zip(order, carried, strict=True))}
            return self.body(StepInputs(memory, batch, numbers))

        def once(state: tuple[Traced, LoopResults]) -> tuple[Traced, LoopResults]:
            k, before = state
            made = step(k, before.carried)
            carried, taken = [made.memory[n] for n in order], _laid(k, made.taken, before.taken)
            return k + 1, LoopResults(carried, made.outputs, taken, _first(made.faults))

        def goes_on(state: tuple[Traced, LoopResults]) -> Traced:
            return (state[0] < steps) & (state[1].fault[0] < 0)

        space = self._space(step, list(begin.values()))
        return self._bundled(lax.while_loop(goes_on, once, (jnp.int32(0), space))[1], order)

    def bundle(self) -> tuple[list[Stretch], list[Stretch]]:
        """Where the memory lies that is changed, and what is only read, as it comes and goes."""
        outer, alone = self.body.outer, self.batches.sharding.devices.size == 1
        self.carried, self.read = (  # several devices would share out what is joined
            outer.bundles(part) if alone else [[n] for n in part]
            for part in (self.roles.carried, self.roles.read)
        )
        return [outer.bundle(b) for b in self.carried], [outer.bundle(b) for b in self.read]

    def unbundled(
        self, bundles: Sequence[Sequence[int]], values: Sequence[Traced]
    ) -> dict[int, Traced]:
        """Pieces by number, in the shapes that instructions see."""
        memory, shapes = {}, self.body.outer.shapes
        for numbers, flat in zip(bundles, values, strict=True):
            start = 0
            for n in numbers:
                stop = start + prod(shapes[n])
                memory[n] = flat[start:stop].reshape(shapes[n])
                start = stop
        return memory

    def outside(self, read: Sequence[Traced]) -> dict[int, Traced]:
        """The pieces that no step changes."""
        memory = self.unbundled(self.read, read)
        memory.update((n, jnp.asarray(value)) for n, value in self.roles.fixed.items())
        return memory

    def _bundled(self, end: LoopResults, order: list[int]) -> LoopResults:
        memory = {n: v.reshape(-1) for n, v in zip(order, end.carried, strict=True)}
        rows = [[memory[n] for n in numbers] for numbers in self.carried]
        joined = [jnp.concatenate(row) if len(row) > 1 else row[0] for row in rows]
        return end._replace(carried=joined)

    def _space(
        self, step: Callable[[Traced, list[Traced]], StepResults], carried: list[Traced]
    ) -> LoopResults:
        """Space for what comes of steps."""
        made = jax.eval_shape(lambda: step(jnp.int32(0), carried)[1:3])
        outputs = [jnp.zeros(s.shape, s.dtype) for s in made[0]]
        taken = [jnp.zeros((self.ahead, *s.shape), s.dtype) for s in made[1]]
        return LoopResults(carried, outputs, taken, _first([]))


def _laid(k: Traced, values: Sequence[Traced], columns: Sequence[Traced]) -> list[Traced]:
    """The columns, with these values in a row."""
    put = lax.dynamic_update_index_in_dim
    return [put(c, v, k, 0) for c, v in zip(columns, values, strict=True)]


def _first(faults: Sequence[tuple[Traced, Traced]]) -> Fault:
    """The first instruction that fails, and what is wrong."""
    which, what = jnp.int32(-1), jnp.int64(0)
    for n, (wrong, number) in reversed(list(enumerate(faults))):
        which = jnp.where(wrong, jnp.int32(n), which)
        what = jnp.where(wrong, number.astype(jnp.int64), what)
    return which, what


# ------------------------------------------------------------------------------------ roles


def roles_of(body: StepBody, arrays: Sequence[Array], inputs: Sequence[Array]) -> PieceRoles:
    """Find out what a step reads and writes, by tracing it once.

    Args:
        body: the step.
        arrays: those of the pieces.
        inputs: those that hold a batch.
    """
    watched: list[_Watched] = []

    def step(memory: dict[int, Traced], batch: list[Traced], numbers: list[Traced]) -> None:
        watched.append(_Watched(memory))
        body(StepInputs(watched[0], batch, numbers))

    numbers = [jax.ShapeDtypeStruct(c.shape[1:], c.dtype) for c in body.numbers.handed]
    jax.eval_shape(step, dict(enumerate(map(spec, arrays))), list(map(spec, inputs)), numbers)
    begins, carried = list(watched[0].read), list(watched[0].written)
    kept, read = _kept(body.outer), [n for n in begins if n not in carried]
    fixed = {n: arrays[n].copy() for n in read if arrays[n].size == 1 and n not in kept}
    return PieceRoles(carried, [n for n in read if n not in fixed], fixed, begins)


def spec(array: Array | np.generic) -> jax.ShapeDtypeStruct:
    """Shape and type, as JAX has them."""
    return jax.ShapeDtypeStruct(array.shape, array.dtype)


def _kept(outer: Outer) -> set[int]:
    """The pieces of parameters and buffers, which change between programs."""
    tensors = (t for i in outer.plan.instructions for t in i.inputs)
    ours = (t for t in tensors if isinstance(t, Parameter | Buffer) and not outer.inner(t))
    return {n for t in ours if t.data.flags.c_contiguous for n in outer.numbers(t, True)}


class _Watched(dict[int, Any]):
    """Memory that notes what is read before it is written, and what is written.

    In the order of the program: hosts that compute together compile the same, though their memory
    lies at other addresses.
    """

    def __init__(self, values: dict[int, Any]) -> None:
        super().__init__(values)
        self.read: dict[int, None] = {}
        self.written: dict[int, None] = {}

    def __getitem__(self, number: int) -> Any:
        if number not in self.written:
            self.read[number] = None
        return super().__getitem__(number)

    def __setitem__(self, number: int, value: Any) -> None:
        self.written[number] = None
        super().__setitem__(number, value)
