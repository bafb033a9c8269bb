"""Charts that are SVG: sharp at every size, in the colours of the page, with values on hover.

Each has marks (``class="h"``) that say what they are of when a pointer is over them; a page with a
script may walk through them by keys. Without styles all is drawn but for what hovers.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import isfinite
from typing import NamedTuple, TypeVar

from axon.html.parts import escape
from axon.html.scale import Saying, Scale, finite, plainly
from axon.names import readable

WIDTH, HEIGHT = 360, 225
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 20, 36
ABOVE = 36  # the top, if the name of y stands there
COLOURS = 8
STOPS = 60  # places along a line that say their values, at most
POINTS = 240  # of a line that are drawn, at most
LONGEST = 62  # characters that are said at once


class ChartLine(NamedTuple):
    """A line of a chart: its name, its points, its colour by number, and whether it is dashed."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    colour: int = 0
    dashed: bool = False


class Frame:
    """What charts stand in: axes, what is written beside them, and what is said on hover.

    Args:
        x, y: scales.
        x_name, y_name: what is measured.
    """

    def __init__(self, x: Scale, y: Scale, x_name: str = "", y_name: str = "") -> None:
        self.x, self.y, self.parts = x, y, [""]
        self.bottom, self.right = max(y.start, y.end), max(x.start, x.end)
        self.left, self.top = min(x.start, x.end), min(y.start, y.end)
        self.height = self.bottom + BOTTOM
        lines = "".join(f"M{self.left:.1f} {place:.1f}H{self.right:.1f}" for place, _ in y.labels)
        self.add(f'<path class="grid" d="{lines}M{self.left:.1f} {self.bottom:.1f}H{self.right}"/>')
        for place, said in y.labels:
            self.text(self.left - 5, place + 4, said, "end", "tick")
        for place, said in _apart(x.labels):
            self.text(place, self.bottom + 14, said, "middle", "tick")
        if x_name:
            middle = (self.left + self.right) / 2
            self.text(middle, self.bottom + 29, cut(x_name, 44), "middle", "tick")
        if y_name:
            self.text(self.left - 5, self.top - 8, cut(y_name, 24), "start", "tick")

    def add(self, *parts: str) -> None:
        """Draw something."""
        self.parts += parts

    def text(self, x: float, y: float, text: str, anchor: str, style: str = "") -> None:
        """Write something."""
        self.add(_text(x, y, text, anchor, style))

    def path(self, line: ChartLine) -> None:
        """Draw a line, in pieces where it has no value."""
        pieces: list[list[str]] = [[]]
        for a, b in some(list(zip(line.x, line.y, strict=True)), POINTS):
            if not (isfinite(a) and isfinite(b)):
                pieces.append([])
            else:
                pieces[-1].append(f"{self.x(a):.1f} {self.y(b):.1f}")
        d = "".join(
            f"M{piece[0]}{''.join(f'L{p}' for p in piece[1:] or piece)}"
            for piece in pieces
            if piece
        )
        dashed = " dashed" if line.dashed else ""
        self.add(f'<path class="line{dashed}" d="{d}" {stroke(line.colour)}/>')

    def hover(self, mark: str, said: str, *more: str) -> None:
        """A mark that says something at the top when it is looked at."""
        text = _text(self.right, 11, cut(said, LONGEST), "end")
        self.add(
            f'<g class="h">{mark}<g class="say" visibility="hidden">{"".join(more)}{text}</g></g>'
        )

    def done(self, description: str, title: str = "", legend: Sequence[ChartLine] = ()) -> str:
        """The chart, with its title and what its lines are above it."""
        named = "".join(
            f"<i>{_swatch(line)} {escape(line.name)}</i>" for line in legend if line.name
        )
        head = f"<b>{escape(title)}</b>" if title else ""
        caption = f"<figcaption>{head}{named}</figcaption>" if head or named else ""
        return (
            f'<figure class="chart">{caption}<svg viewBox="0 0 {WIDTH} {self.height:.0f}" '
            f'role="img" aria-label="{escape(description)}">{"".join(self.parts)}</svg></figure>'
        )


def _text(x: float, y: float, text: str, anchor: str, style: str = "") -> str:
    named = f' class="{style}"' if style else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{named}>{escape(text)}</text>'


def stroke(colour: int) -> str:
    """The colour of a line, by number."""
    return f'style="stroke: var(--c{colour % COLOURS})"'


def fill(colour: int) -> str:
    """The colour of an area, by number."""
    return f'style="fill: var(--c{colour % COLOURS})"'


def _swatch(line: ChartLine) -> str:
    """A short piece of a line, for the legend."""
    dashed = " dashed" if line.dashed else ""
    return (
        '<svg viewBox="0 0 18 8" style="display: inline-block; width: 1.3em; height: .6em">'
        f'<path class="line{dashed}" d="M1 4H17" {stroke(line.colour)}/></svg>'
    )


def box(x: float, y: float, width: float, height: float) -> str:
    """Where a rectangle lies."""
    wide, high = max(width, 0.1), max(height, 0.0)
    return f'x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}"'


def hit(x: float, y: float, width: float, height: float) -> str:
    """An area that is looked at although nothing is drawn there."""
    return f'<rect class="hit" {box(x, y, width, height)} fill="transparent"/>'


def cut(text: str, width: int) -> str:
    """A text with an ellipsis where it is too long."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


T = TypeVar("T")


def some(items: Sequence[T], most: int) -> list[T]:
    """So many of them at most, evenly; the first and the last are among them."""
    if len(items) <= most:
        return list(items)
    return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]


def _apart(labels: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """Labels that do not touch each other: every second or third, if there is no room."""
    for step in (1, 2, 3, 4, 6, 10):
        kept = labels[::step]
        if all(b[0] - a[0] > 3.1 * (len(a[1]) + len(b[1])) + 6 for a, b in pairwise(kept)):
            return kept
    return labels[:1]


# ------------------------------------------------------------------------------------ lines


def lines(
    series: Sequence[ChartLine],
    description: str,
    title: str = "",
    *,
    x_name: str = "",
    y_name: str = "",
    head: str = "",
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    log: bool = False,
    say_x: Saying = plainly,
    say_y: Saying = readable,
    points: bool = False,
    diagonal: bool = False,
    mark: tuple[float, float, str] | None = None,
    legend: bool = False,
) -> str:
    """Lines over a common x, which say all values at one x on hover.

    Args:
        series: the lines; what is not finite is left out.
        description: what it shows, for those who do not see it.
        title: above it.
        x_name: what is measured along it.
        y_name: what is measured upwards.
        head: what stands before an x that is said.
        x_range: the ends of its axis, instead of those of the values.
        y_range: likewise.
        log: a logarithmic y, if all values are above 0.
        say_x: how its numbers are written.
        say_y: likewise.
        points: draw a dot at each point.
        diagonal: draw the line y = x, dashed.
        mark: x, y and a text: a ring around a point.
        legend: say what a line is, even if it is the only one.

    >>> "training 0.5" in lines([ChartLine("training", [1, 2], [0.9, 0.5])], "the loss")
    True
    """
    xs = Scale([v for s in series for v in s.x], LEFT, WIDTH - RIGHT, say=say_x, given=x_range)
    values = [v for s in series for v in s.y]
    top = ABOVE if y_name else TOP
    ys = Scale(values, HEIGHT - BOTTOM, top, log, 0.0 if y_range else 0.06, given=y_range)
    frame = Frame(xs, ys, x_name, y_name)
    if diagonal:
        low, high = max(xs.low, ys.low), min(xs.high, ys.high)
        frame.add(
            f'<path class="guide" d="M{xs(low):.1f} {ys(low):.1f}L{xs(high):.1f} {ys(high):.1f}"/>'
        )
    for line in series:
        frame.path(line)
        if points:
            frame.add(*(_dot(frame, a, b, line.colour, 2.4) for a, b in _seen(line)))
    if mark:
        frame.add(
            f'<circle class="mark" cx="{xs(mark[0]):.1f}" cy="{ys(mark[1]):.1f}" r="6" '
            f"{stroke(series[-1].colour)}/>"
        )
    _stops(frame, series, head, say_x, say_y, mark)
    return frame.done(description, title, series if legend or len(series) > 1 else ())


def _seen(line: ChartLine) -> list[tuple[float, float]]:
    return [(a, b) for a, b in zip(line.x, line.y, strict=True) if isfinite(a) and isfinite(b)]


def _dot(frame: Frame, x: float, y: float, colour: int, r: float) -> str:
    return f'<circle cx="{frame.x(x):.1f}" cy="{frame.y(y):.1f}" r="{r}" {fill(colour)}/>'


def _stops(
    frame: Frame,
    series: Sequence[ChartLine],
    head: str,
    say_x: Saying,
    say_y: Saying,
    mark: tuple[float, float, str] | None,
) -> None:
    """A band for each x, or for some of them, which says the values there."""
    at = some(sorted({x for line in series for x in finite(line.x)}), STOPS)
    places = [frame.x(x) for x in at]
    known = [dict(_seen(line)) for line in series]
    if not at:
        return
    ends = [frame.left, *((a + b) / 2 for a, b in pairwise(places)), frame.right]
    for x, place, start, end in zip(at, places, ends[:-1], ends[1:], strict=True):
        found = [
            (line, values[x]) for line, values in zip(series, known, strict=True) if x in values
        ]
        parts = [f"{line.name} {say_y(y)}".strip() for line, y in found]
        said = " · ".join([f"{head} {say_x(x)}".strip(), *parts])
        if mark and x == mark[0]:
            said = f"{said} ({mark[2]})"
        area = hit(start, frame.top, end - start, frame.bottom - frame.top)
        d = f"M{place:.1f} {frame.top}V{frame.bottom}"
        rule = f'<path class="grid" d="{d}" style="opacity: .5"/>'
        frame.hover(area, said, rule, *(_dot(frame, x, y, line.colour, 3.2) for line, y in found))
