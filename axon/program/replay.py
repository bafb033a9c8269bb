"""Replay: a flat list of kernel calls with bound arrays. No tape, no graph, nothing allocated."""

from collections.abc import Callable, Sequence
from typing import Any

from axon._moved import renamed
from axon.backend import Array
from axon.core import Tensor
from axon.locks import Lock, hold
from axon.program import lowerings
from axon.program.bind import Bound
from axon.program.cache import LINE
from axon.program.compare import Imprint
from axon.program.cost import nanoseconds
from axon.program.plan import Plan
from axon.program.show import Line, describe, report


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
        self.results = [plan.array(i.out) for i in plan.instructions]  # where each line leaves it
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
        self.kernels = lowerings.setting(), lowerings.options()
        self.work = sum(map(nanoseconds, plan.instructions))
        self.machine: lowerings.LoweredPlan | None = None  # what does it instead, if it is used
        self.tried = False  # whether it has been asked for
        self.may = True  # whether it may be asked for
        self.used = 0  # when it was used last
        self.seconds: Sequence[float] = ()  # of each line, once it was profiled
        self._resting: lowerings.LoweredPlan | None = None  # while there is too little to do for it
        self.locks: Callable[[], tuple[Lock, ...]] = OwnLock()  # of those who share its memory

    def run(self) -> list[Array]:
        """Do it again on what the input arrays hold now; the outputs live in reused memory.

        Threads take turns, also with whoever else works in this memory, such as ``fit``.
        """
        return hold(self.locks(), self._flushed)

    def _flushed(self) -> list[Array]:
        try:
            return self.replay()
        finally:
            self.flush()

    @property
    def patience(self) -> float:
        """Seconds of steps that a ``flush`` is worth."""
        return 0.0 if self.machine is None else self.machine.patience

    def flush(self) -> None:
        """Let all arrays hold what was computed, wherever that was."""
        if self.machine is not None:
            self.machine.flush()

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
        return self.kernels != (lowerings.setting(), lowerings.options())

    def suits(self, ahead: int) -> bool:
        """Let the kernels do it that so many runs are worth; False if these have to be made."""
        wanted = self.may and lowerings.wanted(self.work * ahead)
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

    def _repr_html_(self) -> str:
        """What a notebook shows: the instructions in tables that unfold, with their buffers."""
        from axon.program.inline import program_html

        sizes = (self.buffers, self.bytes_before)
        return program_html(self.name, self.inputs, self.lines, self.seconds, *sizes)

    def __repr__(self) -> str:
        return f"<axon program {self.name}: {len(self.lines)} instructions>"


def __getattr__(name: str) -> object:
    return renamed(__name__, name)
