"""Step: a function of Tensors, recorded once per signature and replayed on batch after batch."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from axon._moved import pickled
from axon.backend import Array
from axon.blas import one_blas_thread
from axon.core import Tensor
from axon.locks import Lock
from axon.modes import SwitchesKept, changes
from axon.program import lowerings
from axon.program.cache import AT_ONCE, Cache, Key, Spec
from axon.program.changing import Coming
from axon.program.compare import demand_same, imprints
from axon.program.plan import Plan
from axon.program.replay import OwnLock, Program
from axon.program.simplify import simplify
from axon.program.trace import trace

UNKNOWN = 10_000  # runs that are taken to be ahead where nobody knows how many there will be,
OFTEN = 1_000_000  # and of a network that was loaded to predict with; of which so many
SHAPES = 4  # shapes are compiled: words or lines of a page may be of a hundred lengths


class Feed(Protocol):
    """Where the batches of a step lie, one behind another; it lays them into the step's inputs."""

    @property
    def columns(self) -> Sequence[Array]:
        """The samples: an array for each input."""

    @property
    def numbers(self) -> Array:
        """Which samples are taken, in order."""

    def fill(self, start: int, stop: int, inputs: list[Array]) -> None:
        """Copy a batch into arrays that are there: the samples from ``start`` up to ``stop``."""


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
        done: on how many batches the latest ``run`` was.
        often: it is the step of a network that was loaded to predict with, so that many runs are
            taken to be ahead, and kernels may be used that others, whose bits stay, do not have.

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
        self.cache = Cache()
        self.latest: Program | None = None
        self.ahead = UNKNOWN
        self.done, self.often = 0, False
        self._last: Last | None = None  # one attribute: an interrupt finds all of it, or nothing

    def inputs(self, *specs: Spec) -> list[Array]:
        """The arrays to fill before ``run``: the same ones each time for the same signature."""
        return self.cache.inputs(specs)

    @property
    def programs(self) -> dict[Key, Program]:
        """The programs that are kept, by signature."""
        return self.cache.programs

    @property
    def slots(self) -> dict[tuple[Spec, ...], list[Array]]:
        """The inputs that they are bound to."""
        return self.cache.slots

    def expect(self, runs: int | None) -> None:
        """Say how many runs the present call makes, all in all; None if that is not known.

        So the kernels depend on the call alone, and not on what was run before it.
        """
        runs = OFTEN if self.often else runs or UNKNOWN
        if self.ahead != runs:
            self._last, self.ahead = None, runs  # what ran last is looked at again

    def run(
        self,
        inputs: list[Array],
        variant: tuple[Any, ...] = (),
        feed: Feed | None = None,
        start: int = 0,
        count: int = 1,
        stay: bool = False,
        coming: Coming | None = None,
    ) -> list[Array]:
        """Run on filled inputs, or on batches of a feed; ``done`` says on how many.

        What comes back, the results of the last of them, may be overwritten by the next run.

        Args:
            inputs: what ``inputs`` gave.
            variant: what else the step depends on; another program is recorded for each value.
            feed: where batches lie, if the inputs are not filled.
            start: the first sample of the next batch in it.
            count: how many of the coming batches, which are as large, may be done in one go.
            stay: what it changes may stay on a device until ``flush`` is called.
            coming: numbers that change between them, such as a learning rate.
        """
        if not one_blas_thread.entered:
            given = (inputs, variant, feed, start, count, stay, coming)
            return one_blas_thread.run(self.run, *given)
        if not stay:
            try:
                return self.run(inputs, variant, feed, start, count, True, coming)
            finally:
                self.flush()
        program = self._same(inputs, variant)
        if feed is not None:
            if program is not None and program.machine is not None and count > 1:
                batches = (feed.columns, feed.numbers, start, count)
                self.done = program.machine.several(*batches, coming)
                if self.done:
                    return program.machine.outputs
            feed.fill(start, start + len(inputs[0]), inputs)
        self.done = 1
        if program is not None:
            return program.replay()
        with SwitchesKept():
            if not self.eager:
                return self._seldom(inputs, variant)
            self._heed()
            return [t.data for t in self.function(*map(Tensor, inputs))]

    @property
    def patience(self) -> float:
        """Seconds that steps should last before ``flush`` is called, so that it costs little."""
        return 0.0 if self.latest is None else self.latest.patience

    def flush(self) -> None:
        """Let all arrays hold what was computed, wherever that was."""
        if self.latest is not None:
            self.latest.flush()

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
        self.cache.clear()

    def _seldom(self, arrays: list[Array], variant: tuple[Any, ...]) -> list[Array]:
        """Run what did not run last."""
        self._heed()
        key = (*((a.shape, a.dtype) for a in arrays), variant)
        moved = key in self.programs
        program = self.cache.use(key)
        if program is None or program.machine is None or program.first is not None:
            self.flush()  # NumPy goes on
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
        """If some setting was changed somewhere, and is one of ours, forget what was recorded."""
        if self._count == changes.count:
            return
        count, settings = changes.count, self.settings()
        if settings != self._settings:
            self.cache.clear()
        self._settings, self._count = settings, count

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
        fast = lowerings.setting() != "numpy"
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
        return {**vars(self), "cache": Cache(), "latest": None, "_last": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update({"done": 0, "often": False, **pickled(state), "cache": Cache()})

    def _anew(self, key: Key, arrays: list[Array], again: str) -> list[Array]:
        """A run without a program: recorded, or done eagerly if that would not pay.

        The bits are the same, unless compiled kernels do it: they do the first shapes always, and
        later ones never.
        """
        kept, first = self.cache.welcomes(key), self.cache.is_first(key[:-1])
        if kept or (first and lowerings.setting() != "numpy"):
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
        plan.wide = self.often
        program = Program(self.name, plan, named, outputs, {**self.labels(), **labels}, reason)
        program.locks = self.locks
        program.may = self.cache.is_first(key[:-1], SHAPES if self.often else AT_ONCE)
        if program.may and lowerings.wanted(program.work * self.ahead):
            program.machine, program.tried = lowerings.compiled(plan, inputs, outputs), True
        if self.careful:
            program.first = imprints(instructions, inputs)
        if kept:
            self.cache.put(key, program, arrays)
        self._settings, self._count = self.settings(), changes.count  # parts may have been made
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
