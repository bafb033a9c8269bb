"""Table: a profile as text, a line for each instruction, then sums by layer and what remains."""

from collections.abc import Iterable, Sequence
from typing import Any

WIDTH, NARROWEST = 120, 90
SMALL = 1024  # bytes: less than a microsecond's work
BAR = 8  # characters of the longest bar
EIGHTHS = " ▏▎▍▌▋▊▉█"
ABSENT = "·"
HEADS = ("result", "time", "share", "GFLOP/s", "GB/s", "of limit")
WIDTHS = (18, 10, 7, 9, 8, 9)  # of the columns behind the instruction and, after share, the bar


def text(profile: Any, width: int = WIDTH) -> str:
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


def _head(profile: Any) -> str:
    lines, seconds = profile.lines, profile.replay
    views = sum(line.kind == "views" for line in lines)
    rate = profile.flops / seconds / 1e9 if seconds else 0.0
    return (
        f"{profile.title}\n{len(lines) - views} instructions and {views} views, "
        f"{seconds * 1e3:,.3f} ms, {profile.flops / 1e6:,.1f} MFLOP, {rate:,.1f} GFLOP/s"
    )


# ------------------------------------------------------------------------------------ instructions


def _instructions(profile: Any, unit: Unit, width: int) -> str:
    room = width - sum(WIDTHS) - BAR - 1
    heads = [HEADS[0], f"time, {unit.name}", *HEADS[2:]]
    rows = [_row(f"{'':6}instruction", heads, "", room)]
    longest = max((line.share for line in profile.lines), default=0.0)
    for phase, seconds in profile.phases.items():
        share = seconds / profile.seconds if profile.seconds else 0.0
        cells = ["", unit.text(seconds), f"{share:.1%}", "", "", ""]
        rows += ["─" * width, _row(phase, cells, "", room)]
        rows += [_line(t, unit, longest, room) for t in profile.lines if t.phase == phase]
    return "\n".join([*rows, "─" * width])


def _line(t: Any, unit: Unit, longest: float, room: int) -> str:
    name = f"{t.result:>5} {t.call}"
    kind = "" if t.dtype.name == "float32" else f" {t.dtype.name}"
    size = ("×".join(map(str, t.shape)) or "number") + kind
    if t.kind == "views":
        return _row(name, [size, "view", *[ABSENT] * 4], "", room)
    rates = [_shown(t.gflops, ",.1f"), _shown(t.bandwidth, ",.1f"), _shown(t.limit, ".0%")]
    cells = [size, unit.text(t.seconds), f"{t.share:.1%}", *rates]
    return _row(name, cells, bar(t.share, longest), room)


def _shown(number: float, how: str) -> str:
    """A number, or a dot if it would be written as 0."""
    written = format(number, how)
    return written if written.strip("0.%") else ABSENT


def _row(name: str, cells: Sequence[str], drawn: str, room: int) -> str:
    result, *numbers = cells
    time, share, *rates = (f"{c:>{w}}" for c, w in zip(numbers, WIDTHS[1:], strict=True))
    row = f"{_cut(name, room):<{room}}{_cut(result, WIDTHS[0]):<{WIDTHS[0]}}{time}{share}"
    return f"{row} {drawn:<{BAR}}{''.join(rates)}".rstrip()


def _cut(cell: str, room: int) -> str:
    """What is too long ends in an ellipsis; a space follows in any case."""
    return cell if len(cell) < room else f"{cell[: room - 2]}…"


def bar(share: float, longest: float) -> str:
    """A bar of block characters, as long as its share of the longest one.

    >>> bar(0.5, 0.5), bar(0.2, 0.5), bar(0.0, 0.5)
    ('████████', '███▎', '')
    """
    eighths = round(8 * BAR * share / longest) if longest > 0 else 0
    return ("█" * (eighths // 8) + EIGHTHS[eighths % 8]).rstrip()


# ------------------------------------------------------------------------------------ sums


def _layers(profile: Any, unit: Unit, width: int) -> str:
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


def _remainder(profile: Any, unit: Unit) -> str:
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
    return _notes(rows, unit)


def _notes(rows: Iterable[tuple[str, float, str]], unit: Unit) -> str:
    return "\n".join(
        f"{what:<30}{unit.text(seconds):>10} {unit.name}{f'   {note}' if note else ''}"
        for what, seconds, note in rows
    )
