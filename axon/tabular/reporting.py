"""A table estimator as one HTML page: what was found in the table, how good it is, and why."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from axon import plot
from axon.backend import Array
from axon.html import parts
from axon.names import readable
from axon.plot.figure import FAINT, MARKERS, SERIES, Figure, paper, plain_frame
from axon.report import page as html
from axon.report import sections
from axon.tabular.columns import Columns
from axon.tabular.effects import PartialDependence
from axon.tabular.evidence import Held, Scores
from axon.tabular.fitted import Fitted
from axon.tabular.intervals import Calibration, intervals
from axon.tabular.objectives import Classes, Quantiles

BINS, FEWEST = 10, 20  # of a reliability diagram: groups, and rows in one
COVERAGES = (0.5, 0.8, 0.9, 0.95)
SHOWN = 30  # importances
WIDE = 60  # characters of a column's values
EFFECTS = 6  # columns whose partial dependence is drawn


class Subject(NamedTuple):
    """What a report is of.

    Attributes:
        name: of the estimator's class.
        fitted: what was learned.
        columns: of the table.
        settings: of the estimator.
        scores: by name, the model's and a constant answer's.
        rows: what they are scores of, in words.
        held: rows with targets and answers; None if there are none.
        outputs: names of the outputs.
        spread: of the target.
        mean: of the target.
        importances: (columns,) or None.
        calibration: of intervals, or None.
        effects: partial dependences, most important columns first.
        given: whether the rows are others than those learned from.
    """

    name: str
    fitted: Fitted
    columns: Columns
    settings: Mapping[str, object]
    scores: Scores
    rows: str
    held: Held | None
    outputs: list[str]
    spread: Array
    mean: Array
    importances: Array | None
    calibration: Calibration | None
    effects: list[PartialDependence]
    given: bool


def page(subject: Subject, title: str | None) -> str:
    """The page."""
    made = [
        _table(subject),
        _training(subject.fitted),
        *(_results(subject, subject.held) if subject.held is not None else []),
        _importances(subject),
        _effects(subject),
        html.section("Settings", parts.facts(subject.settings)),
        sections.versions(),
    ]
    return html.page(title or subject.name, _head(subject), [p for p in made if p is not None])


def _head(subject: Subject) -> str:
    """The scores, large, each beside that of a constant answer."""
    shown = {
        f"{name} (constant answer: {_score(name, constant)})": _score(name, own)
        for name, (own, constant) in subject.scores.items()
    }
    shown["members"] = str(subject.fitted.net.members)
    shown["parameters"] = f"{sum(p.size for p in subject.fitted.net.parameters()):,}"
    cells = "".join(
        f"<div><b>{parts.escape(v)}</b><span>{parts.escape(k)}</span></div>"
        for k, v in shown.items()
    )
    note = f'<p class="note">{parts.escape(subject.rows)}</p>'
    return f'{note}<div class="figures">{cells}</div>'


def _score(name: str, value: float) -> str:
    return f"{value:.1%}" if name == "accuracy" else readable(value)


def _table(subject: Subject) -> str:
    """What was found in the table."""
    columns = subject.columns.columns
    rows = [
        [c.name, c.role, c.gaps, c.distinct, _short(c.why or c.span or ", ".join(c.values[:6]))]
        for c in columns
    ]
    used = len(subject.columns.used)
    said = "".join(f"<li>{parts.escape(s)}</li>" for s in subject.columns.said)
    listed = parts.table(["column", "type", "gaps", "different", "values"], rows)
    note = f"{used} of {len(columns)} columns are used."
    return html.section("Table", listed, f"<ul>{said}</ul>" if said else "", note=note)


def _short(text: str) -> str:
    return text if len(text) <= WIDE else f"{text[: WIDE - 1]}…"


def _training(fitted: Fitted) -> str:
    """How the loss of held-out rows fell."""
    drawn = plot.curves({"val_loss": fitted.losses})
    inside = f'<div class="picture">{html.figure(drawn, "loss of held-out rows by epoch")}</div>'
    note = f"{len(fitted.losses)} epochs; the weights of epoch {fitted.best + 1} were kept."
    if fitted.objective.probabilities:
        note += f" Logits are divided by {fitted.temperature:.3g}, so that probabilities are right."
    return html.section("Training", inside, note=note)


# ------------------------------------------------------------------------------------ results


def _results(subject: Subject, held: Held) -> list[str | None]:
    """What is right, and what is not, by the type of targets."""
    goal = subject.fitted.objective
    if isinstance(goal, Classes):
        return [_reliability(subject, held), _confusion(subject, held)]
    if goal.probabilities:
        return [_reliability(subject, held), _labels(subject, held)]
    if isinstance(goal, Quantiles):
        return [_quantiles(subject, held, goal.quantiles), _coverage(subject, held)]
    truth, guesses = (v * subject.spread + subject.mean for v in (held.y, held.answers))
    return [sections.scatter(truth, guesses, subject.outputs), _coverage(subject, held)]


def _confusion(subject: Subject, held: Held) -> str:
    truth, guesses = held.y.argmax(axis=1), held.answers.argmax(axis=1)
    drawn = plot.confusion_matrix(truth, guesses, class_names=subject.outputs)
    inside = f'<div class="picture">{html.figure(drawn, "confusion matrix")}</div>'
    return html.section("Confusion matrix", inside)


def _labels(subject: Subject, held: Held) -> str:
    right = (held.answers > 0.5) == (held.y > 0.5)
    rows = [
        [name, parts.Share(r.mean()), parts.Share(y.mean()), parts.Share((p > 0.5).mean())]
        for name, r, y, p in zip(subject.outputs, right.T, held.y.T, held.answers.T, strict=True)
    ]
    return html.section("Labels", parts.table(["label", "right", "are 1", "called 1"], rows))


def _quantiles(subject: Subject, held: Held, promised: Array) -> str:
    below = (held.y <= held.answers).mean(axis=0)
    rows = [
        [name, f"{q:.1%}", parts.Share(share)]
        for name, q, share in zip(subject.outputs, promised.tolist(), below.tolist(), strict=True)
    ]
    return html.section("Quantiles", parts.table(["quantile", "promised below", "below"], rows))


def _reliability(subject: Subject, held: Held) -> str:
    """How often what was said to be so likely was so."""
    one = isinstance(subject.fitted.objective, Classes)
    if one and held.y.shape[1] > 2:
        said = held.answers.max(axis=1)
        true = (held.answers.argmax(axis=1) == held.y.argmax(axis=1)).astype(float)
        what = "the likeliest class"
    elif one:
        said, true, what = held.answers[:, 1], held.y[:, 1], subject.outputs[1]
    else:
        said, true, what = held.answers.ravel(), held.y.ravel(), "all labels"
    drawn = reliability(said, true)
    inside = f'<div class="picture">{html.figure(drawn, "reliability diagram")}</div>'
    note = f"Of {what}: on the line, what is called so likely is so as often."
    return html.section("Reliability", inside, note=note)


def reliability(said: Array, true: Array) -> Figure:
    """Draw how often something was so, over how likely it was called, in groups of equal size.

    Args:
        said: (n,) probabilities.
        true: (n,) 1 where it was so.

    >>> figure = reliability(np.linspace(0, 1, 200), np.arange(200) > 100)
    >>> len(figure.axes[0].lines[1].get_xdata())
    10
    """
    groups = int(np.clip(len(said) // FEWEST, 1, BINS))
    cuts = np.array_split(np.argsort(said, kind="stable"), groups)
    x, y = ([float(v[part].mean()) for part in cuts] for v in (said, true))
    figure = paper(4.2, 3.8)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1)
    axes.plot(x, y, marker=MARKERS[0], color=SERIES[0], linewidth=1.4)
    error = [1.64 * (b * (1 - b) / len(part)) ** 0.5 for b, part in zip(y, cuts, strict=True)]
    axes.errorbar(x, y, yerr=error, fmt="none", ecolor=SERIES[0], alpha=0.4)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.set_ylabel("how often it was so", color=FAINT)
    plain_frame(axes, "how likely it was called")
    return figure


def _coverage(subject: Subject, held: Held) -> str | None:
    """Whether intervals hold what they promise."""
    if subject.calibration is None:
        return None
    rows: list[Sequence[object]] = []
    for promised in COVERAGES:
        try:
            inside, wide = coverage(subject, held, subject.calibration, promised)
        except ValueError:  # too few rows for so much
            continue
        rows += [
            [f"{promised:.0%}", name, parts.Share(share), readable(width)]
            for name, share, width in zip(_ends(subject), inside, wide, strict=True)
        ]
    how = "" if subject.given else " Half of the rows told how long they must be, for the others."
    note = f"How many targets lie in their intervals.{how}"
    heads = ["promised", "target", "held", "mean length"]
    return html.section("Intervals", parts.table(heads, rows), note=note)


def _ends(subject: Subject) -> list[str]:
    """What the intervals are of."""
    one = isinstance(subject.fitted.objective, Quantiles)
    return ["prediction"] if one else subject.outputs


def coverage(
    subject: Subject, held: Held, known: Calibration, promised: float
) -> tuple[list[float], list[float]]:
    """The share of targets (targets,) that lie in their intervals, and how long these are."""
    halves = np.arange(len(held.y)) % 2
    inside, wide = [], []
    for half in (0, 1):
        here = halves == half
        there = known if subject.given else _taken(known, np.flatnonzero(halves != half))
        rows = held.values.taken(np.flatnonzero(here))
        ends = intervals(subject.fitted, rows, there, promised, held.answers[here])
        y = held.y[here][:, : ends.shape[1]]
        inside.append((ends[..., 0] <= y) & (y <= ends[..., 1]))
        wide.append((ends[..., 1] - ends[..., 0]) * subject.spread)
    return np.concatenate(inside).mean(axis=0).tolist(), np.concatenate(wide).mean(axis=0).tolist()


def _taken(known: Calibration, rows: Array) -> Calibration:
    return known._replace(
        errors=known.errors[rows], counts=known.counts[rows], scales=known.scales[rows]
    )


# ------------------------------------------------------------------------------------ columns


def _importances(subject: Subject) -> str | None:
    if subject.importances is None:
        return None
    order = np.argsort(-subject.importances, kind="stable")[:SHOWN]
    most = max(float(subject.importances.max()), 1e-12)
    names = [c.name for c in subject.columns.columns]
    roles = [c.role for c in subject.columns.columns]
    rows = [
        [names[i], f"{v:.4g}", parts.Share(min(max(v / most, 0.0), 1.0))]
        for i, v in zip(order.tolist(), subject.importances[order].tolist(), strict=True)
        if roles[i] != "left out"
    ]
    note = "How much the loss of held-out rows grows when the values of a column change places."
    heads = ["column", "growth", "beside the largest"]
    return html.section("Importance of columns", parts.table(heads, rows), note=note)


def _effects(subject: Subject) -> str | None:
    if not subject.effects:
        return None
    pictures = [html.figure(e.plot(), f"predictions over {e.column}") for e in subject.effects]
    inside = f'<div class="pictures">{"".join(pictures)}</div>'
    note = "The mean prediction if a column had this value in all rows (partial dependence)."
    return html.section("What columns do", inside, note=note)
