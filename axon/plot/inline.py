"""Curves of a run, or of several, as SVG: for reports and notebooks, without matplotlib."""

from collections.abc import Mapping, Sequence
from math import isfinite

from axon.html.chart import ChartLine, lines
from axon.names import direction, readable
from axon.plot.runs import RunSeries, Series

FEW = 30  # epochs that are marked one by one


def curve_charts(
    run: RunSeries, x_range: tuple[float, float] | None = None, best: bool = True
) -> list[str]:
    """A chart for the loss and each metric over the epochs, training and validation together.

    Args:
        run: what was measured.
        x_range: the first and the last epoch, counted from 1, if others may still come.
        best: mark the best epoch.

    >>> charts = curve_charts({"loss": Series([0, 1], [0.9, 0.5]), "val_loss": Series([1], [0.7])})
    >>> len(charts), "validation 0.7" in charts[0]
    (1, True)
    """
    names = dict.fromkeys(name.removeprefix("val_") for name in run)
    return [_chart(name, run, x_range, best) for name in names]


def _chart(name: str, run: RunSeries, x_range: tuple[float, float] | None, best: bool) -> str:
    both = {"training": name, "validation": f"val_{name}"}
    kept = {said: run[key] for said, key in both.items() if key in run}
    drawn = [
        ChartLine(said, [e + 1 for e in series.epochs], series.values, said == "validation")
        for said, series in kept.items()
    ]
    return lines(
        drawn,
        f"{name} over the epochs: {', '.join(map(_ending, drawn))}",
        name,
        x_name="epoch",
        head="epoch",
        x_range=x_range,
        say_x=_integer,
        points=max((len(line.x) for line in drawn), default=0) <= FEW,
        mark=_best(name, drawn[-1]) if best else None,
    )


def _ending(line: ChartLine) -> str:
    return f"{line.name} ends at {readable(line.y[-1])}" if line.y else f"{line.name} is empty"


def _integer(epoch: float) -> str:
    return f"{epoch:,.0f}" if epoch == int(epoch) else ""


def _best(name: str, line: ChartLine) -> tuple[float, float, str] | None:
    """The best epoch, if the name tells what is better."""
    told = direction(name)
    pairs = [(e, v) for e, v in zip(line.x, line.y, strict=True) if isfinite(v)]
    if told is None or len(pairs) < 2:
        return None
    found = min(pairs, key=lambda pair: pair[1] if told == "min" else -pair[1])
    return (*found, "best")


def overlaid(name: str, runs: Mapping[str, Series], places: Sequence[int]) -> str:
    """One measured number of several runs in one chart.

    Args:
        name: what was measured.
        runs: by name, those that measured it.
        places: of each run among all of them: its colour.

    >>> shown = overlaid("loss", {"a": Series([0, 1], [0.9, 0.5])}, [0])
    >>> "a 0.5" in shown, " a</i></figcaption>" in shown  # also where it is the only run
    (True, True)
    """
    drawn = [
        ChartLine(label, [e + 1 for e in s.epochs], s.values, place)
        for place, (label, s) in zip(places, runs.items(), strict=True)
    ]
    about = f"{name} over the epochs of {len(runs)} runs: {', '.join(map(_ending, drawn))}"
    few = max((len(line.x) for line in drawn), default=0) <= FEW
    along = "epoch"
    return lines(
        *(drawn, about, name), x_name=along, head=along, say_x=_integer, points=few, legend=True
    )
