"""A program on a device: one compiled loop over steps, its state, and the batches it goes over.

Every step, whoever asks for it, is a round of the same compiled loop, which goes round as often as
it is told: so bits do not depend on how steps are grouped. A program on a device owns the truth
while steps run; ``flush`` lets NumPy's arrays hold the values.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from time import perf_counter
from typing import Any

import jax
import numpy as np
from jax import Array as Traced

from axon.backend import Array
from axon.core import Tensor
from axon.program.changing import Coming
from axon.program.lowerings import DeviceOptions
from axon.program.plan import Plan
from axon.program.trace import Instruction
from axon.xla.announced import announced
from axon.xla.batches import Batches
from axon.xla.body import StepBody, StepInputs
from axon.xla.devices import chosen, demand_own_process
from axon.xla.loop import Loop, LoopResults, roles_of, settings
from axon.xla.numbers import HostSplit, Numbers, Told
from axon.xla.outer import Outer
from axon.xla.primitives import noting
from axon.xla.residence import away, look, piece
from axon.xla.sharding import Sharding

MOST = 1024  # steps in one go
MAX_BATCH_BYTES = 2**25  # bytes of batches in one go, and of those for the next
SECONDS = 0.2  # that one go may take: nothing interrupts it
IN_TURN = 0.5  # seconds of goes one behind another, whose batches are picked meanwhile
LONGEST = 2.0  # seconds that Python may be kept waiting for values, if that is worth it
SHARE = 0.05  # of the time, at most, that values take to come back to Python


class XlaMachine:
    """Runs a program by XLA.

    Args:
        plan: what it does.
        inputs: the tensors that hold a batch.
        outputs: the tensors that hold the results.
        options: where, and how exactly.

    Attributes:
        outputs: the arrays that hold the results of the latest step.
        bytes: what it takes on the device, about, besides results.
        patience: seconds of steps for which it pays to bring values back.
    """

    patience = 0.0

    def __init__(
        self,
        plan: Plan,
        inputs: Sequence[Tensor],
        outputs: Sequence[Tensor],
        options: DeviceOptions,
    ) -> None:
        self.plan, self.precision = plan, options.precision
        self.inputs = [t.data for t in inputs]
        self.outputs = [np.empty(t.shape, t.dtype) for t in outputs]
        self.sharding = Sharding(chosen(options.device))
        self.ahead = self._ahead()
        outer = Outer(plan, inputs, outputs)
        split = HostSplit(plan, outer, inputs, outputs)
        self.numbers = Numbers(plan, outputs, outer, split, self.ahead)
        self.body = StepBody(plan, outputs, outer, self.numbers)
        self.batches = Batches(self.inputs, self.ahead, self.sharding)
        self._arrays = [place.array for place in outer.places]
        self.bytes = sum(a.nbytes for a in self._arrays) + self.batches.nbytes
        self._most, self._lasts, self._begins = 1, 0.0, True
        self._errors: list[BaseException] = []  # of kernels on the host
        self._since: object = None  # when data were looked at: see there
        with settings(self.precision, self.sharding.devices.size):
            roles = roles_of(self.body, self._arrays, self.inputs)
        self._loop = Loop(self.body, self.batches, self.ahead, roles)
        self._compile()

    def __str__(self) -> str:
        devices, roles = self.sharding.devices, self._loop.roles
        where = f"{devices.size} x " * (devices.size > 1) + devices[0].device_kind
        return (
            f"replayed by XLA on {where} instead: {len(roles.carried)} pieces of memory change, "
            f"{len(roles.read)} are read, {len(self.numbers.handed)} numbers come from NumPy and "
            f"{len(self.numbers.taken)} go there; up to {self.ahead} steps in one go"
        )

    # -------------------------------------------------------------------- steps

    def run(self) -> None:
        """Do one step on what the inputs hold.

        Raises:
            IndexError: there is no row of a number; then the step has not been done.
            MemoryError: the device has too little.
        """
        with jax.enable_x64(True):
            self._begin()
            self.batches.one(self.inputs)
            self._go(1)

    def several(
        self,
        columns: Sequence[Array],
        order: Array,
        start: int,
        steps: int,
        coming: Coming | None = None,
    ) -> int:
        """Do some steps, each on its own rows of the columns; how many were done.

        Args:
            columns: one array of samples for each input.
            order: which samples, in turn.
            start: where in ``order`` the first batch begins.
            steps: how many at most; fewer, if they take long.
            coming: numbers that change between them.
        """
        if not self.batches.suit(columns):
            return 0
        with jax.enable_x64(True):
            began, anew = perf_counter(), self._since is not away.since
            self._begin()
            go = min(steps, self._most)
            self.batches.pick(columns, order, start, go, anew)
            self._since = away.since
            if anew:
                self.patience = self._worth(perf_counter() - began)
            return self._in_turn(columns, order, start, go, steps, coming)

    def _in_turn(
        self,
        columns: Sequence[Array],
        order: Array,
        start: int,
        go: int,
        steps: int,
        coming: Coming | None,
    ) -> int:
        """Do go after go, for some time; the next batches are picked while the device works."""
        rows, done, until = len(self.inputs[0]), 0, perf_counter() + IN_TURN
        while True:
            more = min(self._most, steps - done - go)
            if self.sharding.several_hosts or perf_counter() + self._lasts > until:
                more = 0
            values = coming.values(done, go) if coming else None
            if values is not None and len(values) < go:
                go, more = len(values), 0
            if not go:
                return done
            at = start + (done + go) * rows
            pick = partial(self.batches.pick, columns, order, at, more, False) if more else None
            self._go(go, pick, (coming, values) if coming and values else None)
            done, go = done + go, more
            if not go:
                return done

    def flush(self) -> None:
        """Let NumPy's arrays hold all that was computed."""
        began, fresh = perf_counter(), bool(away.pieces)
        away.flush()
        if fresh:
            self.patience = max(self.patience, self._worth(perf_counter() - began))

    def _worth(self, seconds: float) -> float:
        """How long steps should last for something that takes so long."""
        return min(seconds / SHARE, LONGEST)

    def _begin(self) -> None:
        """Have on the device what Python sees."""
        demand_own_process()
        away.begin((*self._carried, *self._read))
        if self._begins:  # and not before: a step that was recorded has not been taken back yet
            state = [self._arrays[n] for n in self._loop.roles.begins]
            self.sharding.demand_same("what it begins with", state, self._text)
            self._begins = False
        fixed = self._loop.roles.fixed
        changed = [n for n, v in fixed.items() if self._arrays[n].tobytes() != v.tobytes()]
        if changed:  # by Python, which nobody expected: from now on it is asked for
            for number in changed:
                del fixed[number]
            self._loop.roles.read.extend(changed)
            self._compile()

    def _go(
        self,
        steps: int,
        meanwhile: Callable[[], None] | None = None,
        changing: Told | None = None,
    ) -> None:
        """Do some steps on batches that are there: all of them, or none.

        Args:
            steps: how many.
            meanwhile: what to do while the device works.
            changing: numbers that change between them, and what they are in each.
        """
        began = perf_counter()
        try:
            away.remember(self.numbers.changed)
            self.numbers.run_before(steps, changing)
            results = self._steps(steps, meanwhile)
            self.numbers.run_after([look(v) for v in results.taken], steps)
            for array, value in zip(self.outputs, results.outputs, strict=True):
                array[...] = look(value)
            away.keep(self._carried, results.carried)
        except BaseException:
            away.lose(self._carried)
            raise
        self._lasts = perf_counter() - began
        self._most = self._afterwards(steps, self._lasts)

    def _steps(self, steps: int, meanwhile: Callable[[], None] | None) -> LoopResults:
        """Let the device do them, and wait for it."""
        carried = [away.value(p, self._put) for p in self._carried]
        read = [away.value(p, self._put) for p in self._read]
        packs, count = self._counted(steps)
        try:
            results: LoopResults = self._compiled(carried, read, self.batches.values, packs, count)
            if meanwhile is not None:
                meanwhile()
            wrong, number = (int(look(v)) for v in results.fault)
        except jax.errors.JaxRuntimeError as error:
            raise self._in_words(error) from error
        if self._errors:  # a kernel on the host has raised it
            first = self._errors[0]
            self._errors.clear()
            raise first
        if wrong >= 0:
            _complain(self.body.can_fail[wrong], number)
        return results

    def _counted(self, steps: int) -> tuple[list[Any], Any]:
        """The numbers that NumPy hands over, and how many steps: as they are, if that is possible.

        Nobody changes them before the steps are done.
        """
        packs, count = self.numbers.packs, np.full((), steps, np.int32)
        if not self.sharding.several_hosts:
            return packs, count
        return list(map(self._put, packs)), self._put(count)

    def _afterwards(self, steps: int, seconds: float) -> int:
        """How many steps the next go may take, after so many took so long."""
        if self.sharding.several_hosts:  # clocks differ, and all have to go round as often
            return min(self.ahead, max(self._most, 2 * steps))
        if seconds > SECONDS:
            return max(1, steps // 2)
        return min(self.ahead, max(self._most, 2 * steps)) if seconds < SECONDS / 2 else self._most

    def _put(self, array: Array) -> Traced:
        return self.sharding.put(array, self.sharding.state)

    # -------------------------------------------------------------------- one by one

    def timed(self) -> list[float]:
        """Do a step, and each of its instructions alone; the seconds that each of these takes."""
        seconds = [0.0] * len(self.plan.instructions)
        with settings(self.precision, self.sharding.devices.size):
            self._begin()
            self.batches.one(self.inputs)
            for _ in range(2):  # the first time compiles
                self._time(seconds)
            self._go(1)
        return seconds

    def _time(self, seconds: list[float]) -> None:
        began = perf_counter()

        def note(number: int, values: Sequence[Traced]) -> None:
            nonlocal began
            jax.block_until_ready(values)
            seconds[number] = perf_counter() - began
            began = perf_counter()

        carried, read = (
            [away.value(p, self._put) for p in part] for part in (self._carried, self._read)
        )
        memory = self._loop.unbundled(self._loop.carried, carried) | self._loop.outside(read)
        numbers = [self._put(column[0]) for column in self.numbers.handed]
        self.body(StepInputs(memory, [self._put(a) for a in self.inputs], numbers), note)

    # -------------------------------------------------------------------- compiling

    def _ahead(self) -> int:
        """How many steps may be done in one go: one, if nothing is changed by a step."""
        if not self.plan.moved and all(i.kind != "writes" for i in self.plan.instructions):
            return 1
        nbytes = sum(array.nbytes for array in self.inputs)
        return max(1, min(MOST, MAX_BATCH_BYTES // max(nbytes, 1)))

    def _compile(self) -> None:
        self._carried, self._read = (
            [piece(place, self.sharding.state) for place in places]
            for places in self._loop.bundle()
        )
        noting.errors = self._errors
        with announced(), settings(self.precision, self.sharding.devices.size):
            jitted = jax.jit(self._loop, donate_argnums=0, out_shardings=self.sharding.state)
            lowered = jitted.lower(*self._given())
            self._text = lowered.as_text() if self.sharding.several_hosts else ""
            try:
                self._compiled = lowered.compile()
            except jax.errors.JaxRuntimeError as error:
                raise self._in_words(error) from error

    def _given(self) -> Iterator[Any]:
        """What the loop is given, in shapes and types."""
        for part in (self._carried, self._read):
            yield [self._spec(p.array.reshape(-1)) for p in part]
        yield self.batches.specs
        yield [self._spec(pack) for pack in self.numbers.packs]
        yield self._spec(np.zeros((), np.int32))

    def _spec(self, array: Array) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(array.shape, array.dtype, sharding=self.sharding.state)

    def _in_words(self, error: Exception) -> BaseException:
        """What XLA means."""
        if "RESOURCE_EXHAUSTED" not in str(error):
            return error
        device = self.sharding.devices[0]
        told = device.memory_stats() or {}
        has = f", of {told['bytes_limit']:,} that it has" if "bytes_limit" in told else ""
        return MemoryError(
            f"{device.device_kind} has too little memory: the program needs about {self.bytes:,} "
            f"bytes, and more for what it computes{has}. Take a smaller batch_size, or a smaller "
            f"network; or set_kernels('numpy'). XLA says: {str(error).splitlines()[0]}"
        )


def _complain(instruction: Instruction, number: int) -> None:
    """Let NumPy's kernel say what is wrong with this number."""
    table, indices = (t.data for t in instruction.inputs)
    nothing = np.broadcast_to(np.zeros((), table.dtype), table.shape)
    instruction.primitive.run([nothing, np.array([number], indices.dtype)], instruction.meta)
    raise IndexError(f"{instruction.primitive.name}: {number} is out of range.")
