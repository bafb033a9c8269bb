"""Curves: what a training run, or several of them, measured over the epochs."""

import os
from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from math import isfinite
from typing import Any

from axon.names import direction, readable, suggestion
from axon.plot.figure import FAINT, INK, SERIES, Axes, Figure, Look, clipped, paper
from axon.plot.runs import RunSeries, Series, read

COLUMNS = 3  # panels side by side
FEW = 30  # epochs that are marked one by one


def curves(
    history: Any,
    metrics: Sequence[str] | None = None,
    log: bool | Sequence[str] = False,
    best: bool = True,
) -> Figure:
    """Draw the loss and each metric over the epochs, training and validation together.

    Args:
        history: what ``fit`` returned; a dict such as {"loss": [0.5, 0.4]}; the path of a CSV or
            JSON file of one; or, to compare runs, a dict name -> one of these.
        metrics: which to draw, without ``val_``; all of them by default.
        log: a logarithmic scale for the loss and for all else of which less is better; or the names
            of those that shall have one.
        best: mark the best epoch of each curve: of validation, or of training if there is none.

    Returns:
        A matplotlib Figure; save it with ``figure.savefig("curves.png")``.

    Raises:
        ValueError: no epoch has been trained, or a metric was not measured.
        ImportError: matplotlib is missing.

    >>> figure = curves({"loss": [0.9, 0.5, 0.4], "val_loss": [0.8, 0.6, 0.7]})
    >>> [line.get_label() for line in figure.axes[0].lines]
    ['training', 'validation', 'best: 0.6 in epoch 2']
    """
    runs = _runs(history)
    names = _chosen(list(dict.fromkeys(_bare(n) for run in runs.values() for n in run)), metrics)
    columns = min(COLUMNS, len(names))
    rows = -(-len(names) // columns)
    figure = paper(4.2 * columns + 0.4, 3.4 * rows)
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes, name in zip(panels, names, strict=False):
        _panel(axes, name, runs, best)
        if name in log if not isinstance(log, bool) else log and direction(name) != "max":
            axes.set_yscale("log", nonpositive="mask")
    for axes in panels[len(names) :]:
        axes.remove()
    if "" not in runs:
        _legend(figure, runs)
    return figure


def _runs(history: Any) -> dict[str, RunSeries]:
    """By name; a single run is called ""."""
    several = isinstance(history, Mapping) and any(map(_is_run, history.values()))
    runs = {str(k): read(v) for k, v in history.items()} if several else {"": read(history)}
    if not any(series.values for run in runs.values() for series in run.values()):
        raise ValueError("curves: the history is empty. Train at least one epoch first.")
    return runs


def _is_run(value: Any) -> bool:
    return isinstance(value, str | os.PathLike | Mapping) or not isinstance(value, Iterable)


def _bare(name: str) -> str:
    return name.removeprefix("val_")


def _chosen(known: list[str], metrics: Sequence[str] | None) -> list[str]:
    for name in metrics or ():
        if name not in known:
            hint = suggestion(name, known)
            raise ValueError(f"curves: {name!r} was not measured.{hint} Known: {', '.join(known)}.")
    return list(metrics or known)


# ------------------------------------------------------------------------------------ on paper


def _panel(axes: Axes, name: str, runs: dict[str, RunSeries], best: bool) -> None:
    """One metric of all runs."""
    marks = []
    for (label, run), colour in zip(runs.items(), cycle(SERIES), strict=False):
        both = {key: run[key] for key in (name, f"val_{name}") if key in run}
        for key, series in both.items():
            _line(axes, series, _look(key, label, colour, alone=len(both) == 1))
        if best and (found := _best(name, both)):
            marks.append((*found, colour if label else INK))
    for epoch, value, colour in marks:
        text = f"best: {readable(value)} in epoch {epoch + 1}"
        look: Look = {"marker": "o", "markersize": 9, "markerfacecolor": "none", "linestyle": ""}
        axes.plot([epoch + 1], [value], color=colour, label=text, **look)
    _finish(axes, name)


def _look(key: str, run: str, colour: str, alone: bool) -> Look:
    """Of a single run the two curves differ in colour, of several runs the runs do."""
    validation = key.startswith("val_")
    if not run:
        return {"color": SERIES[validation], "label": "validation" if validation else "training"}
    return {"color": colour, "linestyle": "-" if validation or alone else ":"}


def _legend(figure: Figure, runs: dict[str, RunSeries]) -> None:
    """Below all panels, what they share: the colours of runs, and how training is drawn."""
    from matplotlib.lines import Line2D

    rows = [
        Line2D([], [], color=colour, label=clipped(name, 40))
        for name, colour in zip(runs, cycle(SERIES), strict=False)
    ]
    if any(name.startswith("val_") for run in runs.values() for name in run):
        rows.append(Line2D([], [], color=FAINT, label="validation"))
        rows.append(Line2D([], [], color=FAINT, linestyle=":", label="training"))
    figure.legend(handles=rows, loc="outside lower center", ncols=3, fontsize=8, frameon=False)


def _line(axes: Axes, series: Series, look: Look) -> None:
    epochs = [epoch + 1 for epoch in series.epochs]
    marker = "o" if len(epochs) <= FEW else ""
    axes.plot(epochs, series.values, marker=marker, markersize=3, linewidth=1.4, **look)
    lost = [e for e, v in zip(epochs, series.values, strict=True) if not isfinite(v)]
    if lost:
        axes.plot([], [], " ", label=f"not finite in {len(lost)} epochs, first in {lost[0]}")


def _best(name: str, both: dict[str, Series]) -> tuple[int, float] | None:
    """The best epoch and its value, if the name tells what is better."""
    told = direction(name)
    if not both or told is None:
        return None
    series = list(both.values())[-1]
    pairs = [(e, v) for e, v in zip(*series, strict=True) if isfinite(v)]
    if not pairs:
        return None
    return min(pairs, key=lambda pair: pair[1] if told == "min" else -pair[1])


def _finish(axes: Axes, name: str) -> None:
    axes.set_title(clipped(name, 40), fontsize=11)
    axes.set_xlabel("epoch", color=FAINT)
    axes.locator_params(axis="x", integer=True)
    first, last = axes.get_xlim()
    if last - first < 1:  # a single epoch
        middle = round((first + last) / 2)
        axes.set_xlim(middle - 1, middle + 1)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8, framealpha=0.8)
