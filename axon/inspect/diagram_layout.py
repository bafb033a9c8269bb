"""Where the boxes of a drawing stand: in rows from top to bottom, so that few arrows cross."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

Edge = tuple[int, int]


class Layout(NamedTuple):
    """Places of boxes, and the ways of arrows.

    Attributes:
        places: (x, row) of the middle of each box.
        routes: for each edge the points (x, row) that it passes, its two ends included.
        rows: how many there are.
    """

    places: list[tuple[float, int]]
    routes: list[list[tuple[float, int]]]
    rows: int


def layout(widths: Sequence[float], edges: Sequence[Edge], gap: float = 0.3) -> Layout:
    """Find places for boxes of these widths, so that every edge goes down.

    Sugiyama, Tagawa and Toda, "Methods for Visual Understanding of Hierarchical System Structures"
    (1981): rows by the longest way from above; an edge that passes rows is given a narrow place in
    each; rows are ordered by where their neighbours stand, and drawn to below them.

    Args:
        widths: of the boxes; an edge leads from a box to one with a higher number.
        edges: (from, to).
        gap: the room between two boxes.

    >>> layout([1.0, 1.0, 1.0], [(0, 1), (1, 2), (0, 2)]).rows
    3
    """
    rows = _rows(len(widths), edges)
    sizes, level = list(widths), list(rows)
    chains = []
    for a, b in edges:
        chain = [a]
        for row in range(rows[a] + 1, rows[b]):
            chain.append(len(sizes))
            sizes.append(0.12)
            level.append(row)
        chains.append([*chain, b])
    steps = [pair for chain in chains for pair in pairwise(chain)]
    order = _ordered(level, steps)
    x = _drawn(order, sizes, steps, gap)
    places = [(x[i], rows[i]) for i in range(len(widths))]
    routes = [[(x[i], level[i]) for i in chain] for chain in chains]
    return Layout(places, routes, max(rows, default=-1) + 1)


def _rows(count: int, edges: Sequence[Edge]) -> list[int]:
    """The longest way from above; what reads nothing stands just above its first reader."""
    rows = [0] * count
    for a, b in sorted(edges, key=lambda edge: edge[1]):
        rows[b] = max(rows[b], rows[a] + 1)
    fed = {b for _, b in edges}
    for i in range(count):
        readers = [rows[b] for a, b in edges if a == i]
        if i not in fed and readers:
            rows[i] = min(readers) - 1
    return rows


def _ordered(level: Sequence[int], steps: Sequence[Edge]) -> list[list[int]]:
    """The members of each row, left to right: sorted by the mean of their neighbours' numbers."""
    order: list[list[int]] = [[] for _ in range(max(level, default=-1) + 1)]
    for i, row in enumerate(level):
        order[row].append(i)
    up, down = _neighbours(len(level), steps)
    best = [list(row) for row in order]
    for sweep in range(8):
        near, rows = (up, order) if sweep % 2 == 0 else (down, order[::-1])
        for line in rows:
            place = {i: n for row in order for n, i in enumerate(row)}
            line.sort(key=lambda i: _mean([place[j] for j in near[i]], place[i]))
        if _crossings(order, steps) < _crossings(best, steps):
            best = [list(row) for row in order]
    return best


def _crossings(order: Sequence[Sequence[int]], steps: Sequence[Edge]) -> int:
    """How often two arrows between the same two rows cross."""
    place = {i: (row, n) for row, line in enumerate(order) for n, i in enumerate(line)}
    lines = [(*place[a], place[b][1]) for a, b in steps]
    return sum(
        row == other and (top - top2) * (end - end2) < 0
        for n, (row, top, end) in enumerate(lines)
        for other, top2, end2 in lines[:n]
    )


def _drawn(
    order: Sequence[Sequence[int]], sizes: Sequence[float], steps: Sequence[Edge], gap: float
) -> list[float]:
    """Where everything stands in its row: as near to its neighbours as its row allows."""
    x = [0.0] * len(sizes)
    for row in order:
        _spread(row, [0.0] * len(row), sizes, gap, x)
    up, down = _neighbours(len(sizes), steps)
    for sweep in range(12):
        near, rows = (up, order) if sweep % 2 == 0 else (down, list(order)[::-1])
        for row in rows:
            _spread(row, [_mean([x[j] for j in near[i]], x[i]) for i in row], sizes, gap, x)
    return x


def _spread(
    row: Sequence[int], wanted: Sequence[float], sizes: Sequence[float], gap: float, x: list[float]
) -> None:
    """Put a row down, each where it wants to be, those that would overlap side by side."""
    blocks: list[tuple[float, list[float], list[int]]] = []  # start, wanted starts, members
    for i, middle in zip(row, wanted, strict=True):
        start, members, starts = middle - sizes[i] / 2, [i], [middle - sizes[i] / 2]
        while blocks and blocks[-1][0] + _length(blocks[-1][2], sizes, gap) > start + 1e-9:
            _, before, others = blocks.pop()
            shift = _length(others, sizes, gap)
            starts = [*before, *(s - shift for s in starts)]
            members = [*others, *members]
            start = sum(starts) / len(starts)
        blocks.append((start, starts, members))
    for start, _, members in blocks:
        for i in members:
            x[i] = start + sizes[i] / 2
            start += sizes[i] + gap


def _length(members: Sequence[int], sizes: Sequence[float], gap: float) -> float:
    return sum(sizes[i] + gap for i in members)


def _neighbours(count: int, steps: Sequence[Edge]) -> tuple[list[list[int]], list[list[int]]]:
    up: list[list[int]] = [[] for _ in range(count)]
    down: list[list[int]] = [[] for _ in range(count)]
    for a, b in steps:
        up[b].append(a)
        down[a].append(b)
    return up, down


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
