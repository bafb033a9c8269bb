"""Charts of single marks: points, columns, rows and the cells of a matrix."""

from collections.abc import Sequence

from axon.html.chart import (
    ABOVE,
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    ChartLine,
    Frame,
    box,
    cut,
    fill,
    hit,
    some,
)
from axon.html.parts import escape
from axon.html.scale import Scale, finite, plainly
from axon.names import readable

MOST = 400  # points that are drawn
NAMED, WRITTEN = 40, 14  # classes up to which a matrix names each, and writes numbers into cells


def points(
    x: Sequence[float],
    y: Sequence[float],
    said: Sequence[str],
    description: str,
    title: str = "",
    *,
    x_name: str = "",
    y_name: str = "",
    guide: str = "",
) -> str:
    """Points, each of which says something on hover; of very many, some.

    Args:
        x: where they are,
        y: and how high.
        said: what each says.
        description: what it shows.
        title: above it.
        x_name: what is measured along it.
        y_name: what is measured upwards.
        guide: "diagonal", the line y = x; "zero", the line y = 0.

    >>> points([0, 1], [0, 2], ["a", "b"], "two points").count("<circle")
    2
    """
    both = [*finite(x), *finite(y)] if guide == "diagonal" else []
    top = ABOVE if y_name else TOP
    xs = Scale(both or x, LEFT, WIDTH - RIGHT, pad=0.03)
    ys = Scale(both or [*y, 0.0] if guide == "zero" else both or y, HEIGHT - BOTTOM, top, pad=0.04)
    frame = Frame(xs, ys, x_name, y_name)
    ends = (xs.low, xs.high)
    if guide:
        a, b = (ys(v if guide == "diagonal" else 0.0) for v in ends)
        frame.add(f'<path class="guide" d="M{xs(ends[0]):.1f} {a:.1f}L{xs(ends[1]):.1f} {b:.1f}"/>')
    for a, b, text in some(list(zip(x, y, said, strict=True)), MOST):
        if not finite([a, b]) == [a, b]:
            continue
        at = f'cx="{xs(a):.1f}" cy="{ys(b):.1f}" r="3"'
        frame.hover(f'<circle class="seen" {at} fill-opacity=".55" {fill(0)}/>', text)
    return frame.done(description, title)


def columns(
    edges: Sequence[float],
    counts: Sequence[int],
    description: str,
    title: str = "",
    *,
    x_name: str = "",
    zero: bool = False,
) -> str:
    """How often values lie between edges.

    Args:
        edges: one more than there are counts, in order.
        counts: how many values lie between two edges.
        description: what it shows.
        title: above it.
        x_name: what is counted.
        zero: draw a line at 0.

    >>> "0 to 1: 3" in columns([0, 1, 2], [3, 4], "values")
    True
    """
    xs = Scale(edges, LEFT, WIDTH - RIGHT)
    ys = Scale([0, *counts], HEIGHT - BOTTOM, TOP, say=lambda v: plainly(v) if v == int(v) else "")
    frame = Frame(xs, ys, x_name)
    for start, end, count in zip(edges[:-1], edges[1:], counts, strict=True):
        a, b = xs(start), xs(end)
        seen = box(a + 0.5, ys(count), b - a - 1, ys(0) - ys(count))
        bar = f'<rect class="seen" {seen} {fill(0)}/>' + hit(a, TOP, b - a, ys(0) - TOP)
        frame.hover(bar, f"{readable(start, 3)} to {readable(end, 3)}: {count:,}")
    if zero and xs.low < 0 < xs.high:
        frame.add(f'<path class="guide" d="M{xs(0):.1f} {TOP}V{ys(0):.1f}"/>')
    return frame.done(description, title)


def dots(
    names: Sequence[str],
    series: Sequence[ChartLine],
    description: str,
    title: str = "",
    *,
    x_name: str = "",
    x_range: tuple[float, float] | None = None,
    more: Sequence[str] = (),
) -> str:
    """A row for each name, and in it a dot for each series, at its x.

    Args:
        names: of the rows.
        series: of each the x of all rows; y is not looked at.
        description: what it shows.
        title: above it.
        x_name: what is measured.
        x_range: the ends of the axis, instead of those of the values.
        more: what else each row says.

    >>> dots(["a", "b"], [ChartLine("", [1, 2], [])], "two").count("<circle")
    2
    """
    step = 18
    left = 12 + 6.2 * min(max(map(len, names), default=1), 20)
    xs = Scale([v for s in series for v in s.x], left, WIDTH - RIGHT, pad=0.06, given=x_range)
    ys = Scale(
        [0, len(names)], TOP, TOP + step * len(names), say=lambda v: "", given=(0, len(names))
    )
    frame = Frame(xs, ys, x_name)
    for i, name in enumerate(names):
        y = ys(i + 0.5)
        frame.text(left - 6, y + 4, cut(name, 20), "end")
        marks = "".join(
            f'<circle class="seen" cx="{xs(s.x[i]):.1f}" cy="{y:.1f}" r="4.5" {fill(s.colour)}/>'
            for s in series
        )
        values = " · ".join(f"{s.name} {readable(s.x[i])}".strip() for s in series)
        said = f"{cut(name, 24)}: {values}{f' ({more[i]})' if more else ''}"
        frame.hover(hit(0, y - step / 2, WIDTH, step) + marks, said)
    return frame.done(description, title, series if len(series) > 1 else ())


def matrix(
    counts: Sequence[Sequence[int]], names: Sequence[str], description: str, title: str = ""
) -> str:
    """A confusion matrix: a row for each true class, a column for what it was taken for.

    What is right is blue, mistakes are orange, each scaled for itself; 0 is left empty.

    >>> "cat, taken for dog: 2" in matrix([[3, 2], [0, 4]], ["cat", "dog"], "confusion")
    True
    """
    n = len(names)
    below = 14 + 6.2 * min(max(map(len, names)), 14)
    left = below if n <= NAMED else 30.0
    side = min((WIDTH - RIGHT - left) / n, 44)
    top = TOP + 14.0
    nowhere = Scale([0, 1], 0, 0, say=lambda v: "")
    frame = Frame(nowhere, nowhere)
    frame.parts, frame.right = [], left + side * n
    frame.height = top + side * n + (below if n <= NAMED else 20)
    frame.add(f'<rect class="grid" {box(left, top, side * n, side * n)}/>')
    frame.text(left, top - 5, "row: the true class; column: taken for", "start", "tick")
    _sides(frame, names, (left, top, side))
    most = [
        max([counts[i][j] for i in range(n) for j in range(n) if (i == j) == right] + [1])
        for right in (True, False)
    ]
    for i, row in enumerate(counts):
        for j, count in enumerate(row):
            if count:
                at = (left + side * j, top + side * i, side)
                _cell(frame, at, count, most[i != j], names, (i, j))
    return frame.done(description, title)


def _sides(frame: Frame, names: Sequence[str], at: tuple[float, float, float]) -> None:
    """The names of the classes on the left and below; of very many every tenth number."""
    n, (left, top, side) = len(names), at
    size = min(11.0, 0.72 * side) if n <= NAMED else 9.0
    style = f'text-anchor="end" style="font-size: {size:.1f}px"'
    for i in range(0, n, 1 if n <= NAMED else 10):
        name = escape(cut(names[i], 14)) if n <= NAMED else str(i)
        middle = side * (i + 0.5)
        place = f"{left + middle + size / 3:.1f} {top + side * n + 4:.1f}"
        frame.add(
            f'<text x="{left - 4:.1f}" y="{top + middle + size / 3:.1f}" {style}>{name}</text>',
            f'<text {style} transform="translate({place}) rotate(-90)">{name}</text>',
        )


def _cell(
    frame: Frame,
    at: tuple[float, float, float],
    count: int,
    most: int,
    names: Sequence[str],
    place: tuple[int, int],
) -> None:
    x, y, side = at
    i, j = place
    gap = 0.5 if side > 5 else 0.0
    seen = box(x + gap, y + gap, side - 2 * gap, side - 2 * gap)
    style = "cell" if i == j else "wrong"
    mark = f'<rect class="seen {style}" {seen} fill-opacity="{0.16 + 0.64 * count / most:.2f}"/>'
    if len(names) <= WRITTEN:
        size = min(11.0, 1.5 * side / max(len(f"{count:,}"), 2))
        mark += (
            f'<text x="{x + side / 2:.1f}" y="{y + side / 2 + size / 3:.1f}" text-anchor="middle" '
            f'style="font-size: {size:.1f}px; pointer-events: none">{count:,}</text>'
        )
    what = f"{cut(names[i], 20)}, taken for {cut(names[j], 20)}" if i != j else cut(names[i], 40)
    frame.hover(mark, f"{what}: {count:,}{' right' if i == j else ''}")


def spark(counts: Sequence[int], said: Sequence[str]) -> str:
    """A distribution as small as a word, for the cell of a table.

    >>> spark([1, 2], ["a: 1", "b: 2"]).count("<rect")
    2
    """
    most, wide = max(counts, default=1) or 1, 100 / max(len(counts), 1)
    bars = "".join(
        f'<rect x="{i * wide:.1f}" y="{24 - 23 * c / most:.1f}" width="{max(wide - 1, 0.6):.1f}" '
        f'height="{23 * c / most:.1f}"><title>{escape(text)}</title></rect>'
        for i, (c, text) in enumerate(zip(counts, said, strict=True))
    )
    about = 'viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true"'
    return f'<svg class="spark" {about}>{bars}</svg>'
