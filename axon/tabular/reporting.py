"""A table estimator as one HTML page: what was found in the table, how good it is, and why."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from axon.backend import Array
from axon.html import parts
from axon.metrics.scores import class_scores, confusion
from axon.names import readable
from axon.plot.inline import curve_charts
from axon.plot.runs import Series
from axon.report import classes, sections
from axon.report import page as html
from axon.report.numbers import of_numbers
from axon.report.page import Section
from axon.tabular.columns import Columns, Values
from axon.tabular.effects import PartialDependence, effect_charts
from axon.tabular.evidence import Held, Scores
from axon.tabular.fitted import Fitted
from axon.tabular.inline import cut
from axon.tabular.intervals import Calibration, intervals
from axon.tabular.objectives import Classes, Quantiles
from axon.tabular.showing import cells_of, distribution
from axon.tabular.table import Table

COVERAGES = (0.5, 0.8, 0.9, 0.95)
SHOWN = 30  # importances
WIDE = 60  # characters of a column's values
EFFECTS = 6  # columns whose partial dependence is drawn
MISTAKES, BESIDE = 20, 8  # rows that were wrong, and columns of them that are shown


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
        background: rows that stand for the table.
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
    background: Values


def page(subject: Subject, title: str | None) -> str:
    """The page."""
    made = [
        *(_results(subject, subject.held) if subject.held is not None else []),
        _mistakes(subject, subject.held) if subject.held is not None else None,
        _importances(subject),
        _effects(subject),
        _columns(subject),
        _training(subject.fitted),
        html.section("Settings", parts.facts(_chosen(subject))),
        sections.versions(),
    ]
    named = title or subject.name
    return html.page(
        named, _head(subject), [p for p in made if p is not None], _run(subject, named)
    )


def _chosen(subject: Subject) -> dict[str, object]:
    """Settings that say something."""
    silent: tuple[object, ...] = (None, (), [])
    return {k: v for k, v in subject.settings.items() if v not in silent and k != "verbose"}


def _run(subject: Subject, title: str) -> dict[str, object]:
    """What ``compare_runs`` reads of a report."""
    losses = list(subject.fitted.losses)
    return {
        "title": title,
        "settings": {k: str(v) for k, v in _chosen(subject).items()},
        "results": {name: own for name, (own, _) in subject.scores.items()},
        "parameters": sum(p.size for p in subject.fitted.net.parameters()),
        "epoch": list(range(len(losses))),
        "measured": {"val_loss": list(range(len(losses)))},
        "history": {"val_loss": losses},
    }


def _head(subject: Subject) -> str:
    """The scores, large, each beside that of a constant answer."""
    shown = {name: _score(name, own) for name, (own, _) in subject.scores.items()}
    beside = {
        name: f"{_constant(subject)}: {_score(name, constant)}"
        for name, (_, constant) in subject.scores.items()
    }
    shown["networks"] = str(subject.fitted.net.members)
    shown["parameters"] = f"{sum(p.size for p in subject.fitted.net.parameters()):,}"
    return html.figures(shown, subject.rows, beside)


def _constant(subject: Subject) -> str:
    """What the constant answer is."""
    goal = subject.fitted.objective
    if goal.probabilities:
        return "always the same answer"
    return "always the same quantiles" if isinstance(goal, Quantiles) else "always the mean"


def _score(name: str, value: float) -> str:
    return f"{value:.1%}" if name == "accuracy" else readable(value)


def _columns(subject: Subject) -> Section:
    """What was found in the table."""
    columns, used = subject.columns.columns, subject.columns.used
    held = subject.held
    values = held.values if held is not None and len(held.y) else subject.background
    total = len(values.numbers)
    rows = []
    for c in columns:
        drawn = "" if c.role == "left out" else distribution(subject.columns, used.index(c), values)
        listed = _short(c.why or c.span or ", ".join(c.values[:6]))
        rows.append([c.name, c.role, listed, parts.Html(drawn), f"{c.gaps:,}", f"{c.distinct:,}"])
    said = "".join(f"<li>{parts.escape(s)}</li>" for s in subject.columns.said)
    heads = ["column", "kind", "values", "distribution", "gaps", "different"]
    note = (
        f"{len(used)} of {len(columns)} columns are used. Distributions are of {total:,} rows, of "
        "numbers without the outermost hundredth."
    )
    sentences = f"<ul>{said}</ul>" if said else ""
    return html.section("Columns", parts.table(heads, rows, text=3), sentences, note=note)


def _short(text: str) -> str:
    return text if len(text) <= WIDE else f"{text[: WIDE - 1]}…"


def _training(fitted: Fitted) -> Section:
    """How the loss of held-out rows fell."""
    losses = list(fitted.losses)
    drawn = curve_charts({"val_loss": Series(list(range(len(losses))), losses)})
    note = f"{len(losses)} epochs; the weights of epoch {fitted.best + 1} were kept."
    if fitted.objective.probabilities:
        note += f" Logits are divided by {fitted.temperature:.3g}, so that probabilities are right."
    return html.section("Training", html.charts(*drawn), note=note)


# ------------------------------------------------------------------------------------ results


def _results(subject: Subject, held: Held) -> Iterator[Section | None]:
    """What is right, and what is not, by the type of targets."""
    goal = subject.fitted.objective
    if isinstance(goal, Classes):
        truth, names = held.y.argmax(axis=1), [str(name) for name in subject.outputs]
        guesses = held.answers.argmax(axis=1)
        yield classes.confused(truth, guesses, names)
        matrix = confusion(truth, guesses, len(names))
        found = class_scores(matrix.diagonal(), matrix.sum(axis=0), matrix.sum(axis=1))
        yield classes.class_by_class(dict(zip(names, found, strict=True)), "class")
        yield from classes.of_classes(truth, held.answers, names)
    elif goal.probabilities:
        yield _labels(subject, held)
        yield classes.calibration(held.answers.ravel(), held.y.ravel(), "all labels")
    elif isinstance(goal, Quantiles):
        yield _quantiles(subject, held, goal.quantiles)
        yield _coverage(subject, held)
    else:
        y, p = (v * subject.spread + subject.mean for v in (held.y, held.answers))
        yield from of_numbers(y, p, subject.outputs)
        yield _coverage(subject, held)


def _mistakes(subject: Subject, held: Held) -> Section | None:
    """The rows that were wrong, with what stands in their most important columns."""
    goal = subject.fitted.objective
    if isinstance(goal, Classes):
        return _wrong(subject, held)
    return None if goal.probabilities or isinstance(goal, Quantiles) else _far(subject, held)


def _wrong(subject: Subject, held: Held) -> Section:
    truth, guesses = held.y.argmax(axis=1), held.answers.argmax(axis=1)
    wrong = np.flatnonzero(truth != guesses)
    if not len(wrong):
        return html.section("Mistakes", note=f"None in {len(truth):,} rows.")
    order = wrong[np.argsort(-held.answers[wrong].max(axis=1), kind="stable")][:MISTAKES]
    names = [str(name) for name in subject.outputs]
    said = [
        [names[truth[i]], names[guesses[i]], f"{held.answers[i].max():.1%}"] for i in order.tolist()
    ]
    note = f"{len(wrong):,} of {len(truth):,} rows"
    note += f"; the {len(order)} most confident ones" if len(order) < len(wrong) else ""
    heads = ["true", "predicted", "probability"]
    return html.section("Mistakes", _listed(subject, held, order, heads, said), note=f"{note}.")


def _far(subject: Subject, held: Held) -> Section:
    off = held.answers - held.y  # in units of the spread
    order = np.argsort(-abs(off).max(axis=1), kind="stable")[:MISTAKES]
    several = len(subject.outputs) > 1
    said = []
    for i in order.tolist():
        k = int(abs(off[i]).argmax())
        y, p = (float((v * subject.spread + subject.mean)[k]) for v in (held.y[i], held.answers[i]))
        said.append([*([subject.outputs[k]] * several), *map(readable, (y, p, p - y))])
    heads = [*(["output"] * several), "true", "predicted", "off by"]
    note = f"The {len(order)} rows that are farthest off, of {len(off):,}."
    return html.section("Largest errors", _listed(subject, held, order, heads, said), note=note)


def _listed(
    subject: Subject, held: Held, order: Array, heads: list[str], said: list[list[str]]
) -> str:
    """A table of rows: what was said of each, and its cells, the most important columns first."""
    used, by = subject.columns.used, subject.importances
    if by is None:
        rank = list(range(len(used)))
    else:
        own = by[[c.role != "left out" for c in subject.columns.columns]]
        rank = np.argsort(-own, kind="stable").tolist()
    if held.table is None:  # of free text nothing is kept but numbers
        rank = [j for j in rank if used[j].role != "text"]
    shown = rank[:BESIDE]
    ids = [] if held.table is None else _ids(subject, held.table)
    names = [*ids, *(used[j].name for j in shown)]
    cells = [] if held.table is None else [held.table.cells(name, order) for name in ids]
    cells += [cells_of(subject.columns, j, held.values, order, held.table) for j in shown]
    labels = [cut(str(label)) for label in held.labels[order].tolist()]
    rows = [list(row) for row in zip(labels, *zip(*said, strict=True), *cells, strict=True)]
    return parts.table(["row", *heads, *names], rows)


def _ids(subject: Subject, table: Table) -> list[str]:
    """Columns that were left out since they are ids: by these, rows are found again."""
    return [c.name for c in subject.columns.columns if c.is_id and c.name in table.names]


def _labels(subject: Subject, held: Held) -> Section:
    right = (held.answers > 0.5) == (held.y > 0.5)
    rows = [
        [name, parts.Share(r.mean()), parts.Share(y.mean()), parts.Share((p > 0.5).mean())]
        for name, r, y, p in zip(subject.outputs, right.T, held.y.T, held.answers.T, strict=True)
    ]
    return html.section("Labels", parts.table(["label", "right", "are 1", "called 1"], rows))


def _quantiles(subject: Subject, held: Held, promised: Array) -> Section:
    below = (held.y <= held.answers).mean(axis=0)
    rows = [
        [name, f"{q:.1%}", parts.Share(share)]
        for name, q, share in zip(subject.outputs, promised.tolist(), below.tolist(), strict=True)
    ]
    return html.section("Quantiles", parts.table(["quantile", "promised below", "below"], rows))


def _coverage(subject: Subject, held: Held) -> Section | None:
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


def _importances(subject: Subject) -> Section | None:
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


def _effects(subject: Subject) -> Section | None:
    if not subject.effects:
        return None
    inside = html.charts(*effect_charts(subject.effects))
    note = "The mean prediction if a column had this value in all rows (partial dependence)."
    return html.section("What each column does", inside, note=note)
