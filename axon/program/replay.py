"""Replay: a flat list of kernel calls with bound arrays. No tape, no graph, nothing allocated."""

from collections.abc import Callable, Sequence
from typing import Any

from axon.backend import Array
from axon.blas import one_blas_thread
from axon.core import Tensor
from axon.locks import Lock, hold
from axon.modes import as_before, changes
from axon.program import engine
from axon.program.bind import Bound
from axon.program.cache import LINE, Key, Shelf, Spec
from axon.program.compare import Imprint, demand_same, imprints
from axon.program.cost import nanoseconds
from axon.program.plan import Plan
from axon.program.show import Line, describe, report
from axon.program.simplify import simplify
from axon.program.trace import trace

UNKNOWN = 10_000  # runs that are taken to be ahead where nobody knows how many there will be


class OwnLock:
    """A lock of one's own, for what shares its memory with nobody."""

    def __init__(self) -> None:
        self.locks = (Lock(),)

    def __call__(self) -> tuple[Lock, ...]:
        """The locks that are needed: this one."""
        return self.locks


class Program:
    """One recorded step: what it does, where its results live, and the calls that do it again.

    A program is bound to arrays, not to names: parameters and inputs change only in place.
    """

    def __init__(
        self,
        name: str,
        plan: Plan,
        inputs: dict[str, Array],
        outputs: Sequence[Tensor],
        labels: dict[int, str],
        reason: str,
    ) -> None:
        self.name, self.inputs, self._reason = name, inputs, reason
        self.outputs = [plan.array(t) for t in outputs]
        bound = Bound(plan)
        self.calls, self._single = bound.calls, bound.lines
        self.lines: list[Line] = describe(plan, labels)
        self.buffers = [b.nbytes for b in plan.buffers] + [bound.workspace_bytes] * (
            bound.workspace_bytes > 0
        )
        self.bytes_before, self.bytes_after = plan.bytes_before, sum(self.buffers)
        made = {id(i.out) for i in plan.instructions if i.kind != "writes"}
        used = [*(t for i in plan.instructions for t in i.inputs), *outputs, *plan.moved.values()]
        outer = {id(t): t for t in used if id(t) not in made}
        self._bound = [(t, t.data) for t in outer.values()]
        self.first: list[Imprint] | None = None  # what to compare the second batch with
        self.kernels = engine.setting()
        self.work = sum(map(nanoseconds, plan.instructions))
        self.machine: engine.Machine | None = None  # what does it instead, if it is used
        self.tried = False  # whether it has been asked for
        self.may = True  # whether it may be asked for
        self.used = 0  # when it was used last
        self._resting: engine.Machine | None = None  # while there is too little to do for it
        self.locks: Callable[[], tuple[Lock, ...]] = OwnLock()  # of those who share its memory

    def run(self) -> list[Array]:
        """Do it again on what the input arrays hold now; the outputs live in reused memory.

        Threads take turns, also with whoever else works in this memory, such as ``fit``.
        """
        return hold(self.locks(), self.replay)

    def replay(self) -> list[Array]:
        """What ``run`` does, for those who hold the locks."""
        if self.machine is not None:
            self.machine.run()
            return self.machine.outputs
        for call in self.calls:
            call()
        return self.outputs

    def single_calls(self) -> list[Callable[[], Any]]:
        """One call for each line, in order, for whoever wants to see them one by one."""
        return self._single

    @property
    def stale(self) -> bool:
        """Whether something that it is bound to has moved, or other kernels were chosen."""
        for tensor, array in self._bound:  # in each step, so a plain loop
            if tensor.data is not array:
                return True
        return self.kernels != engine.setting()

    def suits(self, ahead: int) -> bool:
        """Let the kernels do it that so many runs are worth; False if these have to be made."""
        wanted = self.may and engine.wanted(self.work * ahead)
        if wanted != (self.machine is not None) and self.tried:
            self.machine, self._resting = self._resting, self.machine
        return self.tried or not wanted

    @property
    def bytes(self) -> int:
        """What it takes, roughly: buffers, tables, and what Python needs for each line."""
        machines = (m for m in (self.machine, self._resting) if m is not None)
        return sum(self.buffers) + sum(m.bytes for m in machines) + LINE * len(self.lines)

    def why(self) -> str:
        """Say why this program was recorded although others may have been before it."""
        return self._reason

    def __len__(self) -> int:
        return len(self.lines)

    def __str__(self) -> str:
        text = report(self.name, self.inputs, self.lines, self.buffers, self.bytes_before)
        return text if self.machine is None else f"{text}\n{self.machine}"

    def __repr__(self) -> str:
        return f"<axon program {self.name}: {len(self.lines)} instructions>"


Last = tuple[Program, list[Array], tuple[Any, ...]]  # that ran, its inputs, and the variant


class Step:
    """A function of Tensors, run eagerly or recorded once per signature and replayed from then on.

    Args:
        name: what it is called in reports, such as ``train``.
        function: takes Tensors, returns a list of Tensors; must do all its work through primitives.
        names: what its arguments are called.
        labels: gives names to the tensors that live outside (parameters, optimizer state).
        eager: never record.
        careful: record the second batch of a signature, too, and compare it with the first: what
            a replay would freeze, such as NumPy's random numbers, is an error then.
        state: gives the tensors that it changes in place. Where compiled kernels replay a program
            they do its first steps, too, so that the bits do not tell when it was recorded.
        settings: what else a recording depends on, asked for whenever some setting was changed;
            if the answer is another one, everything is recorded anew.
        locks: gives the locks of those who share its memory. Whoever runs it holds them while they
            fill the inputs, run, and read the outputs.

    Attributes:
        ahead: how many runs are expected (``expect``), by which kernels are chosen.

    >>> from axon import ops
    >>> step = Step("double", lambda x: [x + x], ["x"])
    >>> (x,) = step.inputs(((2,), np.dtype("f4")))
    >>> x[:] = 1, 2
    >>> step.run([x])  # recorded
    [array([2., 4.], dtype=float32)]
    >>> x[:] = 3, 4
    >>> step.run([x])  # replayed
    [array([6., 8.], dtype=float32)]
    """

    def __init__(
        self,
        name: str,
        function: Callable[..., Sequence[Tensor]],
        names: Sequence[str],
        labels: Callable[[], dict[int, str]] = dict,
        eager: bool = False,
        careful: bool = False,
        state: Callable[[], Sequence[Tensor]] = list,
        settings: Callable[[], tuple[int, ...]] = tuple,
        locks: Callable[[], tuple[Lock, ...]] | None = None,
    ) -> None:
        self.name, self.function, self.names = name, function, names
        self.labels, self.eager, self.careful, self.state = labels, eager, careful, state
        self.settings, self._count = settings, -1
        self._settings: tuple[int, ...] = ()
        self.locks = locks or OwnLock()
        self.shelf = Shelf()
        self.latest: Program | None = None
        self.ahead = UNKNOWN
        self._last: Last | None = None  # one attribute: an interrupt finds all of it, or nothing

    def inputs(self, *specs: Spec) -> list[Array]:
        """The arrays to fill before ``run``: the same ones each time for the same signature."""
        return self.shelf.inputs(specs)

    @property
    def programs(self) -> dict[Key, Program]:
        """The programs that are kept, by signature."""
        return self.shelf.programs

    @property
    def slots(self) -> dict[tuple[Spec, ...], list[Array]]:
        """The inputs that they are bound to."""
        return self.shelf.slots

    def expect(self, runs: int | None) -> None:
        """Say how many runs the present call makes, all in all; None if that is not known.

        So the kernels depend on the call alone, and not on what was run before it.
        """
        if self.ahead != (runs or UNKNOWN):
            self._last, self.ahead = None, runs or UNKNOWN  # what ran last is looked at again

    def run(self, arrays: list[Array], variant: tuple[Any, ...] = ()) -> list[Array]:
        """Run on filled inputs. What comes back may be overwritten by the next run: copy it.

        Args:
            arrays: what ``inputs`` gave.
            variant: what else the step depends on; another program is recorded for each value.
        """
        found: list[Array] = one_blas_thread.run(self._run, arrays, variant)
        return found

    def several(
        self,
        arrays: list[Array],
        variant: tuple[Any, ...],
        columns: Sequence[Array],
        order: Array,
        start: int,
        steps: int,
    ) -> int:
        """Do some of the coming steps in one go, if compiled kernels do all of what ran last.

        Args:
            arrays: what ``inputs`` gave; each step fetches its own batch into them.
            variant: as for ``run``.
            columns: one array of samples for each input.
            order: the numbers of the samples, in turn.
            start: where in ``order`` the next batch begins.
            steps: how many to do at most; fewer, if they take long.

        Returns:
            how many were done; 0 if it cannot be done like this.
        """
        program = self._same(arrays, variant)
        machine = None if program is None else program.machine
        if machine is None:
            return 0
        done: int = one_blas_thread.run(machine.several, columns, order, start, steps)
        return done

    @property
    def heeds_all(self) -> bool:
        """Whether no setting was changed anywhere since the latest run."""
        return self._count == changes.count

    @property
    def compiled(self) -> bool:
        """Whether compiled kernels did what ran last."""
        return self.latest is not None and self.latest.machine is not None

    def _same(self, arrays: list[Array], variant: tuple[Any, ...]) -> Program | None:
        """What ran last, if it is wanted again: as nearly always, the same batch size."""
        if self._last is None or self._count != changes.count:
            return None
        latest, last_arrays, last_variant = self._last
        same = latest is self.latest and arrays is last_arrays and variant == last_variant
        return latest if same and not latest.stale else None

    def forget(self) -> None:
        """Give up all that was recorded."""
        self._last = self.latest = None
        self.shelf.clear()

    def _run(self, arrays: list[Array], variant: tuple[Any, ...]) -> list[Array]:
        latest = self._same(arrays, variant)
        if latest is not None:
            return latest.replay()
        return as_before(self._seldom, arrays, variant)

    def _seldom(self, arrays: list[Array], variant: tuple[Any, ...]) -> list[Array]:
        """Run what did not run last."""
        if self._count != changes.count:
            self._heed()
        if self.eager:
            return [t.data for t in self.function(*map(Tensor, arrays))]
        key = (*((a.shape, a.dtype) for a in arrays), variant)
        moved = key in self.programs
        program = self.shelf.use(key)
        if program is None:
            return self._anew(key, arrays, "parameters moved to other memory" * moved)
        if not program.suits(self.ahead):
            return self._record(key, arrays, "so many runs are ahead that compiled kernels pay")
        if any(a is not b for a, b in zip(arrays, program.inputs.values(), strict=False)):
            raise ValueError(
                f"step {self.name!r} was recorded on other arrays of the same shapes. Fill the "
                "arrays that step.inputs(...) returns, and pass those."
            )
        if program.first is not None:
            return self._confirm(program, arrays, variant)
        self._note(program, arrays, variant)
        return program.replay()

    def _heed(self) -> None:
        """Some setting was changed somewhere: if it is one of ours, forget what was recorded."""
        count, settings = changes.count, self.settings()
        if settings != self._settings:
            self.shelf.clear()
        self._settings, self._count = settings, count

    def _heed_parts(self) -> None:
        """Parts may have been made while recording: watch them, too."""
        self._settings, self._count = self.settings(), changes.count

    def _confirm(
        self, program: Program, arrays: list[Array], variant: tuple[Any, ...]
    ) -> list[Array]:
        """The second run of a signature: eager again, to see whether it can be replayed at all."""
        inputs, before = [Tensor(a) for a in arrays], self._before()
        instructions, outputs = trace(self.function, inputs)
        demand_same(self.name, program.first or [], imprints(instructions, inputs))
        program.first = None
        self._note(program, arrays, variant)
        return self._by_machine(program, before) or [t.data for t in outputs]

    def _before(self) -> list[tuple[Tensor, Array, Array]]:
        """What the step is about to change, if compiled kernels may have to do it once more."""
        fast = engine.setting() != "numpy"
        return [(t, t.data, t.data.copy()) for t in self.state() if fast]

    def _by_machine(
        self, program: Program, before: list[tuple[Tensor, Array, Array]]
    ) -> list[Array]:
        """Take back what was done eagerly and let compiled kernels do it, if there are any."""
        if program.machine is None:
            return []
        for tensor, array, values in before:  # the first batch may give a metric its shape
            tensor.data[...] = values if tensor.data is array else 0
        return program.replay()

    def _note(self, program: Program, arrays: list[Array], variant: tuple[Any, ...]) -> None:
        """Remember what ran last."""
        self.latest, self._last = program, (program, arrays, variant)

    def __getstate__(self) -> dict[str, Any]:
        """Copy or pickle the step; its programs are bound to the memory of this one."""
        return {**vars(self), "shelf": Shelf(), "latest": None, "_last": None}

    def _anew(self, key: Key, arrays: list[Array], again: str) -> list[Array]:
        """A run without a program: recorded, or done eagerly if that would not pay.

        The bits are the same, unless compiled kernels do it: they do the first shapes always, and
        later ones never.
        """
        kept, first = self.shelf.welcomes(key), self.shelf.is_first(key[:-1])
        if kept or (first and engine.setting() != "numpy"):
            return self._record(key, arrays, again, kept)
        return [t.data for t in self.function(*map(Tensor, arrays))]

    def _record(self, key: Key, arrays: list[Array], again: str, kept: bool = True) -> list[Array]:
        """The first run of a signature: eager, and written down."""
        inputs, before = [Tensor(a) for a in arrays], self._before()
        named = dict(zip(self.names, arrays, strict=False))
        instructions, outputs = trace(self.function, inputs)
        labels = {id(t): name for t, name in zip(inputs, self.names, strict=False)}
        reason = self._why(key, again)
        plan = Plan(simplify(instructions), outputs)
        program = Program(self.name, plan, named, outputs, {**self.labels(), **labels}, reason)
        program.locks = self.locks
        program.may = self.shelf.is_first(key[:-1])
        if program.may and engine.wanted(program.work * self.ahead):
            program.machine, program.tried = engine.compiled(plan, inputs, outputs), True
        if self.careful:
            program.first = imprints(instructions, inputs)
        if kept:
            self.shelf.put(key, program, arrays)
        self._heed_parts()
        self._note(program, [] if self.careful or not kept else arrays, key[-1])
        return self._by_machine(program, before) or [t.data for t in outputs]

    def _why(self, key: tuple[Any, ...], again: str) -> str:
        if again:
            return f"{self.name} was recorded again because {again}."
        if not self.programs:
            return f"{self.name} was recorded because it ran for the first time."
        *specs, variant = key
        *specs_before, variant_before = list(self.programs)[-1]
        changes = [
            f"{name} has shape {new[0]} and dtype {new[1]}, before it had {old[0]} and {old[1]}"
            for name, new, old in zip(self.names, specs, specs_before, strict=False)
            if new != old
        ]
        if len(specs) != len(specs_before):
            changes.append(f"there are {len(specs)} inputs, before there were {len(specs_before)}")
        if variant != variant_before:
            changes.append(f"{variant} replaces {variant_before}")
        return f"{self.name} was recorded again because {'; '.join(changes) or 'inputs changed'}."
