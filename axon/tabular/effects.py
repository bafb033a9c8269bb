"""What a model predicts, on average, if one column of all rows had a certain value.

Friedman, "Greedy Function Approximation: A Gradient Boosting Machine" (2001). Rows that cannot be,
since columns depend on each other, are among those averaged over.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from axon.backend import Array
from axon.html.chart import ChartLine, lines
from axon.html.marks import dots
from axon.names import readable, suggestion
from axon.plot.figure import FAINT, MARKERS, SERIES, Axes, Figure, clipped, paper, plain_frame
from axon.tabular.column import DAY, FIRST, GAP, Column
from axon.tabular.column_sums import ColumnSums
from axon.tabular.columns import Columns, Values
from axon.tabular.fitted import Fitted
from axon.tabular.table import read

OWNER = "partial_dependence"
EDGES = (0.01, 0.99)  # quantiles of numbers and dates between which values are tried
NAMED = 20  # values of a category, at most


@dataclass(frozen=True)
class PartialDependence:
    """Mean predictions for values of one column.

    Attributes:
        column: its name.
        role: "number", "date", "category" or "ordered".
        values: (points,) numbers, datetime64, or text.
        predictions: (points,) or (points, outputs): the mean over rows.
        shares: (points,) of the rows that are nearest to each value, or have it.
        outputs: names of the outputs.
    """

    column: str
    role: str
    values: Array
    predictions: Array
    shares: Array
    outputs: list[str]

    def _repr_html_(self) -> str:
        """What a notebook shows: the chart."""
        from axon.html.parts import framed

        return framed("Partial dependence", effect_chart(self), note=self.column)

    def plot(self) -> Figure:
        """A line over numbers and dates, with ticks below where rows are; a dot for each category.

        Of two classes the second one is drawn; of several outputs the first eight.

        Raises:
            ImportError: matplotlib is missing.
        """
        lines = self.predictions.reshape(len(self.values), -1)
        both = lines.shape[1] == 2 and np.allclose(lines.sum(axis=1), 1)
        shown = [1] if both else list(range(lines.shape[1]))[: len(SERIES)]
        figure = paper(4.6, 3.2)
        axes = figure.subplots()
        draw = _dots if self.role in ("category", "ordered") else _line
        for k, o in enumerate(shown):
            draw(axes, self, lines[:, o], k)
        axes.set_title(clipped(self.column, 40), fontsize=11)
        axes.set_ylabel(clipped(self.outputs[shown[0]] if len(shown) == 1 else "", 30), color=FAINT)
        if len(shown) > 1:
            axes.legend(fontsize=8, framealpha=0.8)
        return figure


def _line(axes: Axes, found: PartialDependence, y: Array, k: int) -> None:
    label = clipped(found.outputs[k], 30)
    axes.plot(found.values, y, color=SERIES[k], linewidth=1.6, label=label)
    bottom = axes.get_xaxis_transform()
    axes.plot(found.values, 0 * y, "|", color=FAINT, markersize=8, transform=bottom)
    if found.role == "date":
        axes.tick_params(axis="x", rotation=30)
    plain_frame(axes, "")


def _dots(axes: Axes, found: PartialDependence, y: Array, k: int) -> None:
    places, names = range(len(y)), [clipped(v, 18) for v in found.values.tolist()]
    label = clipped(found.outputs[k], 30)
    axes.plot(places, y, MARKERS[k], color=SERIES[k], markersize=6, linestyle="", label=label)
    upright = sum(map(len, names)) > 40
    axes.set_xticks(places, names, rotation=90 if upright else 0, fontsize=8)
    plain_frame(axes, "")


# ------------------------------------------------------------------------------------ as HTML


def effect_charts(found: Sequence[PartialDependence]) -> list[str]:
    """A chart for each column, all over the same range, so that what does more is seen to."""
    ends = [
        (float(e.predictions[..., -1].min()), float(e.predictions[..., -1].max()))
        if _alone(e)
        else (float(e.predictions.min()), float(e.predictions.max()))
        for e in found
    ]
    low, high = min(a for a, _ in ends), max(b for _, b in ends)
    spare = 0.05 * (high - low) or 0.5
    return [effect_chart(effect, (low - spare, high + spare)) for effect in found]


def _alone(found: PartialDependence) -> bool:
    """Whether one output tells all: of two classes the second one."""
    made = found.predictions.reshape(len(found.values), -1)
    return made.shape[1] == 2 and bool(np.allclose(made.sum(axis=1), 1))


def effect_chart(found: PartialDependence, span: tuple[float, float] | None = None) -> str:
    """Mean predictions over the values of a column: a line, or a dot for each category.

    Of two classes the second one is drawn; of several outputs the first eight.

    Args:
        found: what ``partial_dependence`` gave.
        span: between which predictions it is drawn.
    """
    made = found.predictions.reshape(len(found.values), -1)
    kept = [1] if _alone(found) else list(range(made.shape[1]))[: len(SERIES)]
    names = [str(found.outputs[o]) for o in kept]
    about = f"mean prediction over {found.column}"
    shares = [f"{share:.0%} of rows" for share in found.shares.tolist()]
    if found.role in ("category", "ordered"):
        series = [
            ChartLine(name, made[:, o].tolist(), [], i)
            for i, (name, o) in enumerate(zip(names, kept, strict=True))
        ]
        words = [str(v) for v in found.values.tolist()]
        return dots(
            words, series, about, found.column, x_name="mean prediction", x_range=span, more=shares
        )
    dates = found.values.dtype.kind == "M"
    x = found.values.astype("datetime64[s]").astype(float) if dates else found.values
    drawn = [
        ChartLine(name, x.tolist(), made[:, o].tolist(), i)
        for i, (name, o) in enumerate(zip(names, kept, strict=True))
    ]
    say = _day if dates else readable
    options: dict[str, Any] = {"y_name": "mean prediction", "y_range": span, "say_x": say}
    return lines(drawn, about, found.column, **options, points=True)


def _day(seconds: float) -> str:
    return str(np.datetime64(round(seconds), "s").astype("datetime64[D]"))


# ------------------------------------------------------------------------------------ numbers


class Tried(NamedTuple):
    """Values of a column that rows are given in turn.

    Attributes:
        shown: (points,) numbers, datetime64, or text.
        entries: (points, numbers or codes of the column).
        shares: (points,) of the rows.
    """

    shown: Array
    entries: Array
    shares: Array


def dependence(
    fitted: Fitted, columns: Columns, values: Values, column: Column, points: int
) -> tuple[Tried, Array]:
    """The values of a column that were tried, and the mean answers (points, outputs).

    Args:
        fitted: the model.
        columns: of its table.
        values: rows to average over.
        column: one of the columns.
        points: how many values of a number or a date, at most.
    """
    j = [c.name for c in columns.used].index(column.name)
    numbers, codes = (np.flatnonzero(part == j) for part in columns.owners())
    tried = _tried(column, values, numbers, codes, points)
    sums = ColumnSums(fitted, columns)
    entries = sums.entries(values)
    others = sums.total(entries) - sums.part(entries, j)
    given = values.taken(np.zeros(len(tried.shown), np.intp))
    if len(codes):
        given.codes[:, codes] = tried.entries
    else:
        given.numbers[:, numbers] = tried.entries
    steps = sums.part(sums.entries(given), j)
    return tried, np.array([sums.answers(others + step).mean(axis=0) for step in steps])


def demand_column(columns: Columns, name: str) -> Column:
    """The column of this name, if it can be varied.

    Raises:
        ValueError: there is no such column, it was left out, or it is free text.
    """
    by_name = {c.name: c for c in columns.columns}
    if name not in by_name:
        hint = suggestion(str(name), list(by_name))
        raise ValueError(f"{OWNER}: there is no column {name!r}.{hint} There are: {[*by_name]}.")
    column = by_name[name]
    if column.role == "left out":
        raise ValueError(f"{OWNER}: column {name!r} was left out: {column.why}.")
    if column.role == "text":
        raise ValueError(
            f"{OWNER}: column {name!r} is free text, which has no values to go through. Choose a "
            "number, a date or a category."
        )
    return column


def _tried(column: Column, values: Values, numbers: Array, codes: Array, points: int) -> Tried:
    if column.role == "category":
        return _of_category(column, values.codes[:, codes[0]])
    found = values.numbers[:, numbers[0]]
    real = found[~np.isnan(found)]
    if not len(real):
        raise ValueError(f"{OWNER}: column {column.name!r} is all gaps in these rows.")
    ordered = column.role == "ordered"
    ends = np.unique(real) if ordered else _quantiles(real, points)
    middles = (ends[1:] + ends[:-1]) / 2
    shares = np.bincount(np.searchsorted(middles, real), minlength=len(ends)) / len(found)
    if ordered:
        return Tried(np.array(column.values, object)[ends.astype(int)], ends[:, None], shares)
    if column.role == "number":
        return Tried(ends, ends[:, None], shares)
    seconds = np.round(column.since + ends * DAY).astype(np.int64)
    moments = seconds.astype("datetime64[s]")
    alone = Columns([column]).values(read({column.name: moments}))
    return Tried(moments, alone.numbers, shares)


def _quantiles(real: Array, points: int) -> Array:
    """Values at even ranks, without the outermost; all of them if they are few."""
    distinct = np.unique(real)
    if len(distinct) <= points:
        return distinct
    return np.unique(np.quantile(real, np.linspace(*EDGES, points), method="nearest"))


def _of_category(column: Column, codes: Array) -> Tried:
    """The most frequent values, in the column's order; a gap last."""
    found, counts = np.unique(codes, return_counts=True)
    kept = np.sort(np.argsort(-counts, kind="stable")[:NAMED])
    kept = np.concatenate([kept[found[kept] >= FIRST], kept[found[kept] == GAP]])
    names = [column.values[c - FIRST] if c >= FIRST else "(gap)" for c in found[kept].tolist()]
    shown = np.array(names, object)
    return Tried(shown, found[kept][:, None], counts[kept] / len(codes))
