"""Timing: how long each instruction of a program takes, measured while it is replayed."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from time import perf_counter
from typing import NamedTuple, TypeVar

from axon.backend import DType, Shape
from axon.program.bind import nothing
from axon.program.replay import Program

T = TypeVar("T")
PHASES = ("forward", "backward", "update")
PATIENCE = 1.0  # seconds of measuring, unless told otherwise,
LEAST, MOST = 5, 200  # and so many repeats at least and at most


class Timing(NamedTuple):
    """One instruction of a program, and what it cost.

    Attributes:
        result: what the printed program calls its result, such as "%3".
        call: the operation and its arguments, as the printed program shows them.
        name: the primitive.
        kind: "fills", "writes", or "views", which do no work.
        shape: of the result.
        dtype: of the result.
        given: the shapes of the inputs.
        layer: the path of the layer; "" for the loss, metrics and the optimizer.
        phase: "forward", "backward" or "update".
        seconds: how long it took.
        share: of the time of all instructions.
        flops: how many floating-point operations it needs at least.
        nbytes: how many bytes it reads and writes at least.
        least: the seconds in which this machine could do it, if it did nothing else.
    """

    result: str
    call: str
    name: str
    kind: str
    shape: Shape
    dtype: DType
    given: tuple[Shape, ...]
    layer: str
    phase: str
    seconds: float
    share: float
    flops: int
    nbytes: int
    least: float

    @property
    def gflops(self) -> float:
        """10^9 floating-point operations a second."""
        return ratio(self.flops, self.seconds) / 1e9

    @property
    def bandwidth(self) -> float:
        """GB/s."""
        return ratio(self.nbytes, self.seconds) / 1e9

    @property
    def limit(self) -> float:
        """The share of the machine's limit that was reached: 1 is as fast as it can be."""
        return ratio(self.least, self.seconds)


def ratio(part: float, total: float) -> float:
    """A part of the whole, or 0 of nothing."""
    return part / total if total > 0 else 0.0


class Measured(NamedTuple):
    """Seconds of each line of a program, of a whole replay, and of Python's loop in it."""

    lines: list[float]
    replay: float
    python: float


def timed(program: Program) -> list[float]:
    """Replay a program once and return the seconds that each of its lines took.

    The time that looking at the clock takes is contained: ``measured`` removes it.
    """
    if program.machine is not None:
        return program.machine.timed()
    return _laps(program.single_calls())


def measured(program: Program, repeats: int | None = None) -> Measured:
    """Replay a program, in turn with and without a look at the clock between instructions.

    Of the replays the faster half counts: in the others something else used the machine.

    Args:
        program: recorded; what it changes in place is changed by each replay.
        repeats: how many replays of each sort; as many as a second has room for by default.

    Returns:
        The seconds of each line, without those of the clock; nothing for views, which do nothing.
    """
    program.run()  # what was cold is warm
    first = _seconds(program.run)
    repeats = repeats or min(max(int(PATIENCE / 2 / max(first, 1e-9)), LEAST), MOST)
    pairs = [(timed(program), _seconds(program.run)) for _ in range(repeats)]
    each = _faster_half([laps for laps, _ in pairs], key=sum)
    total = _faster_half([seconds for _, seconds in pairs], key=float)
    tick = 0.0 if program.machine else sorted(_laps([nothing] * 1001))[500]
    means = [max(0.0, sum(laps) / len(laps) - tick) for laps in zip(*each, strict=True)]
    works = [line.kind != "views" for line in program.lines]
    lines = [mean if work else 0.0 for mean, work in zip(means, works, strict=True)]
    calls = 1 if program.machine else len(program.calls)
    return Measured(lines, sum(total) / len(total), _loop(calls))


def _loop(count: int) -> float:
    """Seconds of a loop over calls that do nothing."""
    calls = [nothing] * count

    def run() -> None:
        for call in calls:
            call()

    return sorted(_seconds(run) for _ in range(101))[50]


def _laps(calls: Sequence[Callable[[], object]]) -> list[float]:
    clock = perf_counter
    stamps = [clock()]
    note = stamps.append
    for call in calls:
        call()
        note(clock())
    return [after - before for before, after in pairwise(stamps)]


def _seconds(call: Callable[[], object]) -> float:
    start = perf_counter()
    call()
    return perf_counter() - start


def _faster_half(runs: list[T], key: Callable[[T], float]) -> list[T]:
    return sorted(runs, key=key)[: -(-len(runs) // 2)]
