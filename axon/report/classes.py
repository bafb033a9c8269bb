"""Sections about classes: how well they are told apart, and how sure one may be of it."""

import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from axon.backend import Array
from axon.html.chart import ChartLine, lines
from axon.html.marks import WRITTEN, matrix
from axon.html.parts import Html, Share, details, escape, table
from axon.metrics.scores import ClassScore, Ranking, confusion, ranking
from axon.report.page import Section, charts, section

GROUPS, FEWEST = 10, 20  # of a calibration curve: groups, and rows in one
WORST = 8  # classes whose curves are drawn
PAIRS = 12  # pairs of classes that are listed as confused
MANY = 30  # classes up to which their figures are shown at once
STEPS = 101  # thresholds that may be chosen
UNIT = (0.0, 1.0)


def baseline(truth: Array, names: Sequence[str]) -> tuple[float, str]:
    """How often the most frequent class would be right, and what it is called.

    >>> baseline(np.array([0, 1, 1, 1]), ["no", "yes"])
    (0.75, 'yes')
    """
    counts = np.bincount(truth, minlength=len(names))
    return float(counts.max() / max(len(truth), 1)), names[int(counts.argmax())]


def confused(truth: Array, guesses: Array, names: Sequence[str], prefix: str = "") -> Section:
    """The confusion matrix; of many classes, also those that are confused most."""
    counts = confusion(truth, guesses, len(names))
    right = float(np.trace(counts) / max(counts.sum(), 1))
    about = f"confusion matrix: {right:.1%} of {len(truth):,} right"
    parts = [charts(matrix(counts.tolist(), names, about))]
    if len(names) > WRITTEN:
        wrong = counts - np.diag(np.diag(counts))
        order = np.argsort(-wrong, axis=None, kind="stable")[:PAIRS]
        rows = [
            [names[i], names[j], f"{wrong[i, j]:,}", Share(wrong[i, j] / counts[i].sum())]
            for i, j in (divmod(int(place), len(names)) for place in order)
            if wrong[i, j]
        ]
        heads = ["true class", "taken for", "times", "of the class"]
        parts.append(f"<h3>Confused most often</h3>{table(heads, rows, text=2)}")
    note = f"{right:.1%} of {len(truth):,} are right. Rows are true classes, columns predictions."
    return section(f"{prefix}Confusion matrix", *parts, note=note)


def class_by_class(scores: dict[str, ClassScore], what: str, prefix: str = "") -> Section:
    """Precision, recall and F1 of each; of very many, the worst ones first and folded."""
    rows = [[name, *map(_figure, score)] for name, score in scores.items()]
    heads = [what, "precision", "recall", "F1", "rows"]
    listed = table(heads, rows)
    if len(rows) > MANY:
        worst = sorted(scores.items(), key=lambda pair: pair[1].f1 or 0.0)[:PAIRS]
        first = table(heads, [[name, *map(_figure, score)] for name, score in worst])
        listed = f"<h3>The worst</h3>{first}" + details(f"All {len(rows)}", listed)
    note = (
        "Precision: the share of predictions of a class that are right. Recall: the share of its "
        "rows that are found. F1 is high only if both are."
    )
    heading = "Class by class" if what == "class" else "Label by label"
    return section(f"{prefix}{heading}", listed, note=note)


def _figure(value: float | None) -> str:
    """A share, a count, or nothing that there could be a share of."""
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


# ------------------------------------------------------------------------------------ rankings


def ranked(truth: Array, p: Array, names: Sequence[str], prefix: str = "") -> Section | None:
    """ROC and precision-recall curves: one for two classes, else those of the worst classes.

    Args:
        truth: (n,) classes.
        p: (n, classes) probabilities.
        names: of the classes.
        prefix: before the heading.
    """
    chosen = [1] if len(names) == 2 else range(len(names))
    all_of = {names[c]: ranking(truth == c, p[:, c]) for c in chosen}
    found = {name: r for name, r in all_of.items() if r is not None}
    if not found:
        return None
    worst = sorted(found, key=lambda name: found[name].area)[:WORST]
    shown = {name: r for name, r in found.items() if name in worst}
    several = len(names) > 2
    roc, precise = [], []
    for i, (name, r) in enumerate(shown.items()):
        roc.append(_line(name if several else "", "found", r.area, r.roc, i))
        precise.append(_line(name if several else "", "right", r.precision, r.recalled, i))
    head, beside = "others taken", "share of the others taken for it"
    drawn = charts(
        _unit(roc, "ROC curve", head, beside, "share found", True),
        _unit(
            precise,
            "Precision and recall",
            "found",
            "share found (recall)",
            "share right (precision)",
            False,
        ),
    )
    return section(f"{prefix}ROC and precision-recall", drawn, note=_told(shown, names, len(found)))


def _unit(series: list[ChartLine], title: str, head: str, x: str, y: str, diagonal: bool) -> str:
    about = f"{title}: {', '.join(line.name for line in series)}"
    return lines(
        series,
        about,
        title,
        x_name=x,
        y_name=y,
        head=head,
        x_range=UNIT,
        y_range=UNIT,
        say_y=_fraction,
        diagonal=diagonal,
    )


def _fraction(value: float) -> str:
    return f"{value:.3f}"


def _line(name: str, share: str, area: float, points: tuple[Array, Array], place: int) -> ChartLine:
    """A curve, called by its class and area if there are several, else by the share it shows."""
    x, y = (v.tolist() for v in points)
    return ChartLine(f"{name[:18]} (area {area:.3f})" if name else share, x, y, place)


def _told(shown: dict[str, Ranking], names: Sequence[str], count: int) -> str:
    first = next(iter(shown.values()))
    if len(names) == 2:
        return (
            f"For the class {names[1]!r}. The area under the ROC curve, {first.area:.3f}, is the "
            f"chance that a row of the class gets a higher probability than another row. "
            f"Average precision is {first.precision:.3f}; a random order has {first.share:.3f}."
        )
    of = f"The {len(shown)} classes that are told apart worst" if count > WORST else "Each class"
    return f"{of} against all others, with the area below its curve."


# ------------------------------------------------------------------------------------ calibration


def groups(said: Array, true: Array) -> list[tuple[float, float, int]]:
    """How often something was so, over how likely it was called, in groups of equal size.

    Args:
        said: (n,) probabilities.
        true: (n,) 1 where it was so.

    Returns:
        For each group: the mean probability, the share of those that were so, and its size.

    >>> groups(np.repeat([0.25, 0.75], 20), np.arange(40) >= 20)
    [(0.25, 0.0, 20), (0.75, 1.0, 20)]
    """
    count = int(np.clip(len(said) // FEWEST, 1, GROUPS))
    cuts = np.array_split(np.argsort(said, kind="stable"), count)
    return [(float(said[rows].mean()), float(true[rows].mean()), len(rows)) for rows in cuts]


def calibration(said: Array, true: Array, what: str, prefix: str = "") -> Section | None:
    """Whether probabilities are right: what is called so likely is so as often."""
    if not len(said):
        return None
    found = groups(said, true)
    x, y, sizes = zip(*found, strict=True)
    off = sum(abs(a - b) * n for a, b, n in found) / sum(sizes)
    # so far may be off by chance, nine times in ten, if probabilities are right
    chance = sum(1.64 * (a * (1 - a) / n) ** 0.5 * n for a, _, n in found) / sum(sizes)
    note = (
        f"Of {what}, in {len(found)} groups of about {sizes[0]:,} rows. On the dashed line, events "
        f"happen as often as predicted. The average gap is {off:.1%}; up to {chance:.1%} may be "
        "chance."
    )
    return section(f"{prefix}Calibration", charts(_reliability(x, y)), note=note)


def _reliability(x: Sequence[float], y: Sequence[float]) -> str:
    return lines(
        [ChartLine("was so", x, y)],
        "calibration: how often it was so, over how likely it was called",
        x_name="how likely it was called",
        y_name="how often it was so",
        head="called",
        x_range=UNIT,
        y_range=UNIT,
        say_x=_percent,
        say_y=_percent,
        points=True,
        diagonal=True,
    )


def _percent(value: float) -> str:
    cents = 100 * value
    return f"{value:.0%}" if abs(cents - round(cents)) < 0.05 else f"{value:.1%}"


# ------------------------------------------------------------------------------------ threshold


class Thresholds(NamedTuple):
    """What becomes of rows at each threshold ``at``, (steps,) each.

    Attributes:
        at: the thresholds.
        called: how many rows are called so.
        found: how many of them are so.
        total: how many rows are so at all.
        rows: how many there are.
    """

    at: Array
    called: Array
    found: Array
    total: int
    rows: int

    @classmethod
    def of(cls, positive: Array, p: Array) -> "Thresholds":
        """Count, of rows that are so (n,) and their probabilities (n,)."""
        at = np.arange(STEPS) / (STEPS - 1)
        order = np.sort(p), np.sort(p[positive])
        called, found = (len(v) - np.searchsorted(v, at, side="left") for v in order)
        return cls(at, called, found, int(positive.sum()), len(p))

    @property
    def precision(self) -> Array:
        """The share of rows called so that are so; NaN of none."""
        return np.where(self.called > 0, self.found / np.maximum(self.called, 1), np.nan)

    @property
    def recall(self) -> Array:
        """The share of rows that are so that are found."""
        return self.found / self.total

    @property
    def f1(self) -> Array:
        """The harmonic mean of both."""
        return 2 * self.found / np.maximum(self.called + self.total, 1)


def threshold(positive: Array, p: Array, name: str, prefix: str = "") -> Section | None:
    """What becomes of the rows if others than those above 0.5 are called so.

    Args:
        positive: (n,) True where the class is meant.
        p: (n,) its probability.
        name: what it is called.
        prefix: before the heading.
    """
    if not 0 < positive.sum() < len(p):
        return None
    counted = Thresholds.of(positive, p)
    best = int(counted.f1.argmax())
    note = (
        f"A row counts as {name!r} from a probability of 0.5 on. A lower threshold finds more of "
        f"them, with more false alarms. F1 is best at {counted.at[best]:.2f}; choose a threshold "
        "on other rows than those it is reported on."
    )
    drawn = charts(_trade_off(counted, best, name))
    listed = _thresholds(counted, best, name)
    return section(f"{prefix}Threshold", _chooser(counted, name), drawn, listed, note=note)


def _trade_off(counted: Thresholds, best: int, name: str) -> str:
    curves = {"precision": counted.precision, "recall": counted.recall, "F1": counted.f1}
    at = counted.at.tolist()
    series = [ChartLine(n, at, y.tolist(), i, i == 2) for i, (n, y) in enumerate(curves.items())]
    return lines(
        series,
        f"precision, recall and F1 over the threshold; F1 is best at {at[best]:.2f}",
        x_name=f"called {name[:24]} from this probability on",
        head="from",
        x_range=UNIT,
        y_range=UNIT,
        say_y=_fraction,
        mark=(at[best], float(counted.f1[best]), "best F1"),
    )


def _thresholds(counted: Thresholds, best: int, name: str) -> str:
    """A row for every tenth threshold, and for that of the best F1."""
    shares = [counted.precision, counted.recall, counted.f1]
    rows = []
    for i in sorted({*range(10, 100, 10), best}):
        called, found = int(counted.called[i]), int(counted.found[i])
        counts = (called, found, called - found, counted.total - found)
        told = [None if np.isnan(v[i]) else float(v[i]) for v in shares]
        rows.append([f"{counted.at[i]:.2f}", *map(_figure, counts), *map(_figure, told)])
    heads = ["threshold", f"called {name[:24]}", "found", "false alarms", "missed"]
    return table([*heads, "precision", "recall", "F1"], rows, text=0)


def _chooser(counted: Thresholds, name: str) -> str:
    """A slider, which appears where scripts run."""
    counts = {"found": counted.found.tolist(), "called": counted.called.tolist()}
    sizes = {"positives": counted.total, "rows": counted.rows, "name": name[:40]}
    kept = json.dumps({**counts, **sizes})
    slider = f'<input type="range" min="0" max="{STEPS - 1}" value="{STEPS // 2}"/>'
    return Html(
        f'<div class="chooser" hidden data-counts="{escape(kept)}"><label>Threshold{slider}</label>'
        "<output></output></div>"
    )


def of_classes(
    truth: Array, p: Array, names: Sequence[str], prefix: str = ""
) -> Iterator[Section | None]:
    """All that is told of one class out of several.

    Args:
        truth: (n,) classes.
        p: (n, classes) probabilities.
        names: of the classes.
        prefix: before the headings.
    """
    yield ranked(truth, p, names, prefix)
    if len(names) == 2:
        yield threshold(truth == 1, p[:, 1], names[1], prefix)
        yield calibration(p[:, 1], (truth == 1).astype(float), f"the class {names[1]!r}", prefix)
    else:
        right = (p.argmax(axis=1) == truth).astype(float)
        yield calibration(p.max(axis=1), right, "the likeliest class of each row", prefix)
