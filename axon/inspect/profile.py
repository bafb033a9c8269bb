"""Profile: where the time of a program goes, instruction by instruction, and what it could be."""

import os
import sys
from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import pairwise
from time import perf_counter
from typing import Any, NamedTuple

from axon.backend import DType, Shape
from axon.inspect import table, timeline
from axon.inspect.roofline import Roofline, roofline
from axon.program.replay import Program
from axon.program.show import Line

PHASES = ("forward", "backward", "update")
OTHER, OPTIMIZER = "(loss, metrics, other)", "(optimizer)"  # what no layer did
PATIENCE = 1.0  # seconds of measuring, unless told otherwise,
LEAST, MOST = 5, 200  # and so many repeats at least and at most
CLEAR, BEATEN = 1e-5, 1.1  # seconds that tell something, and how far beyond a limit is beyond it


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
        return _ratio(self.flops, self.seconds) / 1e9

    @property
    def bandwidth(self) -> float:
        """GB/s."""
        return _ratio(self.nbytes, self.seconds) / 1e9

    @property
    def limit(self) -> float:
        """The share of the machine's limit that was reached: 1 is as fast as it can be."""
        return _ratio(self.least, self.seconds)


class Measured(NamedTuple):
    """Seconds of each line of a program, of a whole replay, and of Python's loop in it."""

    lines: list[float]
    replay: float
    python: float


class LayerTiming(NamedTuple):
    """What a layer cost: the seconds of each phase and of all, and the share of the program."""

    layer: str
    forward: float
    backward: float
    update: float
    seconds: float
    share: float


class Profile:
    """Where the time of a program goes: ``print()`` it, or read ``lines``.

    Args:
        program: what was measured.
        seconds: of each instruction.
        replay: of the whole program, replayed without looking at the clock in between.
        python: of Python's loop over so many calls, if they did nothing; 0 if not known.
        machine: the limits to compare with; measured if not given.
        title: what the first line says was measured.
        feeding: seconds that it takes to copy a batch to where the program reads it, if known.

    Attributes:
        lines: a Timing for each instruction, in the order of the program.

    >>> from axon import Tensor, ops
    >>> from axon.program import Step
    >>> step = Step("double", lambda x: [x + x], ["x"])
    >>> (x,) = step.inputs(((1000,), np.dtype("f4")))
    >>> x[:] = 1
    >>> _ = step.run([x])
    >>> profile = Profile(step.latest, seconds=[2e-6], replay=2.5e-6)
    >>> add = profile.lines[0]
    >>> add.name, add.flops, add.nbytes, round(add.bandwidth, 1), add.share
    ('add', 1000, 8000, 4.0, 1.0)
    """

    def __init__(
        self,
        program: Program,
        seconds: Sequence[float],
        replay: float,
        python: float = 0.0,
        machine: Roofline | None = None,
        title: str = "",
        feeding: float | None = None,
    ) -> None:
        self.machine = _limits(program.lines, seconds) if machine is None else machine
        self.program = program
        self.title, self.feeding = title or program.name, feeding
        self.replay, self.python = replay, python
        total = sum(seconds)
        self.lines = [
            self._timing(line, spent, _ratio(spent, total))
            for line, spent in zip(program.lines, seconds, strict=True)
        ]

    def _timing(self, line: Line, seconds: float, share: float) -> Timing:
        flops, nbytes = line.cost
        least = self.machine.seconds(flops, nbytes, line.dtype.itemsize)
        what = (line.result, line.call, line.name, line.kind, line.shape, line.dtype, line.given)
        return Timing(*what, line.scope, line.phase, seconds, share, flops, nbytes, least)

    @property
    def seconds(self) -> float:
        """The sum of all instructions, each timed by itself."""
        return sum(line.seconds for line in self.lines)

    @property
    def together(self) -> float:
        """Seconds that the whole replay takes more than its instructions and Python's loop.

        Below 0 where instructions are faster together than one by one.
        """
        return self.replay - self.seconds - self.python

    @property
    def flops(self) -> int:
        """Floating-point operations of one replay."""
        return sum(line.flops for line in self.lines)

    @property
    def limit(self) -> float:
        """The share of the machine's limit that the whole replay reached."""
        return _ratio(sum(line.least for line in self.lines), self.replay)

    @cached_property
    def phases(self) -> dict[str, float]:
        """Seconds of the forward pass, the backward pass and the update, as far as there are any.

        Together they are ``seconds``.
        """
        sums = {phase: _sum(self.lines, phase) for phase in PHASES}
        there = {line.phase for line in self.lines}
        return {phase: spent for phase, spent in sums.items() if phase in there}

    @cached_property
    def layers(self) -> list[LayerTiming]:
        """What each layer cost, in the order of the forward pass; at the end what no layer did."""
        names = dict.fromkeys(_owner(line) for line in self.lines)
        last = [name for name in (OTHER, OPTIMIZER) if name in names]
        return [self._layer(name) for name in [*(n for n in names if n not in last), *last]]

    def _layer(self, name: str) -> LayerTiming:
        own = [line for line in self.lines if _owner(line) == name]
        forward, backward, update = (_sum(own, phase) for phase in PHASES)
        spent = forward + backward + update
        return LayerTiming(name, forward, backward, update, spent, _ratio(spent, self.seconds))

    def top(self, count: int = 10) -> list[Timing]:
        """The instructions that took longest, longest first.

        Sort ``lines`` for another order: ``sorted(profile.lines, key=lambda t: t.limit)``.
        """
        return sorted(self.lines, key=lambda line: -line.seconds)[:count]

    def __str__(self) -> str:
        return table.text(self)

    def __repr__(self) -> str:
        return f"<axon profile of {self.title}: {self.replay * 1e3:.3f} ms>"

    def print(self, print_fn: Callable[[str], Any] | None = None) -> None:
        """Print the program with what each instruction cost, and the sums."""
        (print_fn or print)(table.text(self, _room()))

    def to_chrome_trace(self, path: "str | os.PathLike[str]") -> None:
        """Write a timeline, whole or not at all, for https://ui.perfetto.dev or chrome://tracing.

        Raises:
            OSError: the file cannot be written; a file that was there is kept.
        """
        timeline.write(self, path)


def _limits(lines: Sequence[Line], seconds: Sequence[float]) -> Roofline:
    """The limits of this machine, measured anew if they are beaten: it was busy at that time."""
    machine = roofline()
    timed = ((line, t) for line, t in zip(lines, seconds, strict=True) if t > CLEAR)
    if any(machine.seconds(*i.cost, i.dtype.itemsize) > BEATEN * t for i, t in timed):
        return roofline(again=True)
    return machine


def _room() -> int:
    """How many characters a line on the terminal has."""
    if not sys.stdout.isatty():
        return table.WIDTH
    from shutil import get_terminal_size  # only who looks at a table pays for it

    return get_terminal_size().columns


def _owner(line: Timing) -> str:
    return line.layer or (OPTIMIZER if line.phase == "update" else OTHER)


def _sum(lines: Sequence[Timing], phase: str) -> float:
    return sum(t.seconds for t in lines if t.phase == phase)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0


# ------------------------------------------------------------------------------------ the clock


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
    whole = _faster_half([seconds for _, seconds in pairs], key=float)
    tick = 0.0 if program.machine else sorted(_laps([_nothing] * 1001))[500]
    means = [max(0.0, sum(laps) / len(laps) - tick) for laps in zip(*each, strict=True)]
    works = [line.kind != "views" for line in program.lines]
    lines = [mean if work else 0.0 for mean, work in zip(means, works, strict=True)]
    calls = 1 if program.machine else len(program.calls)
    return Measured(lines, sum(whole) / len(whole), _loop(calls))


def _loop(count: int) -> float:
    """Seconds of a loop over calls that do nothing."""
    calls = [_nothing] * count

    def run() -> None:
        for call in calls:
            call()

    return sorted(_seconds(run) for _ in range(101))[50]


def _laps(calls: Sequence[Callable[[], Any]]) -> list[float]:
    clock = perf_counter
    stamps = [clock()]
    note = stamps.append
    for call in calls:
        call()
        note(clock())
    return [after - before for before, after in pairwise(stamps)]


def _seconds(call: Callable[[], Any]) -> float:
    start = perf_counter()
    call()
    return perf_counter() - start


def _faster_half(runs: list[Any], key: Callable[[Any], float]) -> list[Any]:
    return sorted(runs, key=key)[: -(-len(runs) // 2)]


def _nothing() -> None:
    """What the clock itself costs is measured on this."""
