"""Profile: where the time of a program goes, instruction by instruction, and what it could be."""

import os
import sys
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple

from axon.inspect.roofline import Roofline, roofline
from axon.inspect.timing import PHASES, Timing, ratio
from axon.program.replay import Program
from axon.program.show import Line

OTHER, OPTIMIZER = "(loss, metrics, other)", "(optimizer)"  # what no layer did
CLEAR, BEATEN = 1e-5, 1.1  # seconds that tell something, and how far beyond a limit is beyond it

WIDTH, NARROWEST = 120, 90
SMALL = 1024  # bytes: less than a microsecond's work
BAR = 8  # characters of the longest bar
EIGHTHS = " ▏▎▍▌▋▊▉█"
ABSENT = "·"
SLOWEST = 40  # instructions that a notebook shows
HEADS = ("result", "time", "share", "GFLOP/s", "GB/s", "of limit")
WIDTHS = (18, 10, 7, 9, 8, 9)  # of the columns behind the instruction and, after share, the bar


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
        program.seconds = list(seconds)  # which a notebook shows beside the instructions
        self.lines = [
            self._timing(line, spent, ratio(spent, total))
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
        return ratio(sum(line.least for line in self.lines), self.replay)

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
        return LayerTiming(name, forward, backward, update, spent, ratio(spent, self.seconds))

    def top(self, count: int = 10) -> list[Timing]:
        """The instructions that took longest, longest first.

        Sort ``lines`` for another order: ``sorted(profile.lines, key=lambda t: t.limit)``.
        """
        return sorted(self.lines, key=lambda line: -line.seconds)[:count]

    def __str__(self) -> str:
        return text(self)

    def _repr_html_(self) -> str:
        """What a notebook shows: the time of each layer, and below it of each instruction."""
        return profile_html(self)

    def __repr__(self) -> str:
        return f"<axon profile of {self.title}: {self.replay * 1e3:.3f} ms>"

    def print(self, print_fn: Callable[[str], object] | None = None) -> None:
        """Print the program with what each instruction cost, and the sums."""
        (print_fn or print)(text(self, _width()))

    def to_chrome_trace(self, path: "str | os.PathLike[str]") -> None:
        """Write a timeline, whole or not at all, for https://ui.perfetto.dev or chrome://tracing.

        Raises:
            OSError: the file cannot be written; a file that was there is kept.
        """
        from axon.inspect import chrome_trace  # only who asks for a timeline pays for it

        chrome_trace.write(self.title, list(self.phases), self.lines, path)


def _limits(lines: Sequence[Line], seconds: Sequence[float]) -> Roofline:
    """The limits of this machine, measured anew if they are beaten: it was busy at that time."""
    machine = roofline()
    timed = ((line, t) for line, t in zip(lines, seconds, strict=True) if t > CLEAR)
    if any(machine.seconds(*i.cost, i.dtype.itemsize) > BEATEN * t for i, t in timed):
        return roofline(again=True)
    return machine


def _width() -> int:
    """How many characters a line on the terminal has."""
    if not sys.stdout.isatty():
        return WIDTH
    from shutil import get_terminal_size  # only who looks at a table pays for it

    return get_terminal_size().columns


def _owner(line: Timing) -> str:
    return line.layer or (OPTIMIZER if line.phase == "update" else OTHER)


def _sum(lines: Sequence[Timing], phase: str) -> float:
    return sum(t.seconds for t in lines if t.phase == phase)


# ------------------------------------------------------------------------------------ on paper


def text(profile: Profile, width: int = WIDTH) -> str:
    """The whole profile in rows no longer than ``width``, which is 90 at least."""
    width = max(width, NARROWEST)
    unit = Unit(profile.replay)
    parts = [_head(profile), _instructions(profile, unit, width)]
    if len(profile.layers) > 1 or len(profile.phases) > 1:
        parts.append(_layers(profile, unit, width))
    return "\n\n".join([*parts, _remainder(profile, unit), str(profile.machine)])


class Unit:
    """What times are written in, the same all over a table: µs, or ms for long programs.

    >>> Unit(0.001).text(71.23e-6), Unit(0.5).text(0.0123)
    ('71.2', '12.300')
    """

    def __init__(self, longest: float) -> None:
        self.name, self.scale, self.digits = ("µs", 1e6, 1) if longest < 0.1 else ("ms", 1e3, 3)

    def text(self, seconds: float) -> str:
        """A time without the unit."""
        return f"{seconds * self.scale:,.{self.digits}f}"


def _head(profile: Profile) -> str:
    lines, seconds = profile.lines, profile.replay
    views = sum(line.kind == "views" for line in lines)
    rate = profile.flops / seconds / 1e9 if seconds else 0.0
    return (
        f"{profile.title}\n{len(lines) - views} instructions and {views} views, "
        f"{seconds * 1e3:,.3f} ms, {profile.flops / 1e6:,.1f} MFLOP, {rate:,.1f} GFLOP/s"
    )


def _instructions(profile: Profile, unit: Unit, width: int) -> str:
    space = width - sum(WIDTHS) - BAR - 1
    heads = [HEADS[0], f"time, {unit.name}", *HEADS[2:]]
    rows = [_row(f"{'':6}instruction", heads, "", space)]
    longest = max((line.share for line in profile.lines), default=0.0)
    for phase, seconds in profile.phases.items():
        share = seconds / profile.seconds if profile.seconds else 0.0
        cells = ["", unit.text(seconds), f"{share:.1%}", "", "", ""]
        rows += ["─" * width, _row(phase, cells, "", space)]
        rows += [_line(t, unit, longest, space) for t in profile.lines if t.phase == phase]
    return "\n".join([*rows, "─" * width])


def _line(t: Timing, unit: Unit, longest: float, space: int) -> str:
    name = f"{t.result:>5} {t.call}"
    type_name = "" if t.dtype.name == "float32" else f" {t.dtype.name}"
    size = ("×".join(map(str, t.shape)) or "number") + type_name
    if t.kind == "views":
        return _row(name, [size, "view", *[ABSENT] * 4], "", space)
    rates = [_shown(t.gflops, ",.1f"), _shown(t.bandwidth, ",.1f"), _shown(t.limit, ".0%")]
    cells = [size, unit.text(t.seconds), f"{t.share:.1%}", *rates]
    return _row(name, cells, bar(t.share, longest), space)


def _shown(number: float, how: str) -> str:
    """A number, or a dot if it would be written as 0."""
    written = format(number, how)
    return written if written.strip("0.%") else ABSENT


def _row(name: str, cells: Sequence[str], drawn: str, space: int) -> str:
    result, *numbers = cells
    time, share, *rates = (f"{c:>{w}}" for c, w in zip(numbers, WIDTHS[1:], strict=True))
    row = f"{_cut(name, space):<{space}}{_cut(result, WIDTHS[0]):<{WIDTHS[0]}}{time}{share}"
    return f"{row} {drawn:<{BAR}}{''.join(rates)}".rstrip()


def _cut(cell: str, space: int) -> str:
    """What is too long ends in an ellipsis; a space follows in any case."""
    return cell if len(cell) < space else f"{cell[: space - 2]}…"


def bar(share: float, longest: float) -> str:
    """A bar of block characters, as long as its share of the longest one.

    >>> bar(0.5, 0.5), bar(0.2, 0.5), bar(0.0, 0.5)
    ('████████', '███▎', '')
    """
    eighths = round(8 * BAR * share / longest) if longest > 0 else 0
    return ("█" * (eighths // 8) + EIGHTHS[eighths % 8]).rstrip()


def _layers(profile: Profile, unit: Unit, width: int) -> str:
    """The time of each layer in each phase."""
    phases = list(profile.phases)
    rows = [["layer", *phases, f"sum, {unit.name}", "share"]]
    for layer in profile.layers:
        spent = [getattr(layer, phase) for phase in phases]
        cells = [unit.text(s) if s else ABSENT for s in spent]
        rows.append([layer.layer, *cells, unit.text(layer.seconds), f"{layer.share:.1%}"])
    sums = [unit.text(s) for s in profile.phases.values()]
    rows.append(["sum", *sums, unit.text(profile.seconds), f"{float(profile.seconds > 0):.1%}"])
    first = min(max(len(row[0]) for row in rows) + 2, width - 12 * (len(phases) + 2))
    written = [
        f"{_cut(name, first):<{first}}" + "".join(f"{c:>12}" for c in cells)
        for name, *cells in rows
    ]
    rule = "─" * max(map(len, written))
    return "\n".join([written[0], rule, *written[1:-1], rule, written[-1]])


def _remainder(profile: Profile, unit: Unit) -> str:
    """The whole replay, and what no instruction accounts for."""
    small = [t for t in profile.lines if t.kind != "views" and t.nbytes < SMALL]
    calling = f"{len(small)} of them, whose cost is to be called"
    rows = [
        ("the instructions, one by one", profile.seconds, ""),
        ("  of these, on less than 1 KB", sum(t.seconds for t in small), calling),
        ("Python's loop over them", profile.python, ""),
        (f"{'lost' if profile.together > 0 else 'saved'} together", abs(profile.together), ""),
        ("the whole replay", profile.replay, f"{profile.limit:.0%} of the machine's limit"),
    ]
    if profile.feeding is not None:
        rows.append(("copying a batch to it", profile.feeding, "before each replay"))
    return "\n".join(
        f"{what:<30}{unit.text(seconds):>10} {unit.name}{f'   {note}' if note else ''}"
        for what, seconds, note in rows
    )


# ------------------------------------------------------------------------------------ in notebooks


def profile_html(profile: Profile) -> str:
    """The time of each layer by phase, and the slowest instructions.

    Args:
        profile: of a program.
    """
    from axon.html.parts import Share, details, framed, table

    phases = list(profile.phases)
    rows = [
        [part.layer, *(_micro(getattr(part, phase)) for phase in phases), Share(part.share)]
        for part in profile.layers
    ]
    layers = table(["layer, µs", *phases, "share"], rows)
    slowest = [
        [t.result, t.call, t.layer, _micro(t.seconds), Share(t.share), f"{t.limit:.0%}"]
        for t in profile.top(SLOWEST)
        if t.seconds
    ]
    heads = ["", "instruction", "layer", "µs", "share", "of limit"]
    note = f"{profile.replay * 1e3:,.3f} ms, {profile.limit:.0%} of what this machine could do"
    return framed(
        profile.title,
        layers,
        details(f"The {len(slowest)} slowest instructions", table(heads, slowest, text=3)),
        details("The program", profile.program._repr_html_()),
        note=note,
    )


def _micro(seconds: float) -> str:
    return f"{seconds * 1e6:,.1f}" if seconds else "·"
