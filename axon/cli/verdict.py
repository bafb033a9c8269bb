"""How good answers are, beside an answer that looks at no column: what a closing report says."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import click
import numpy as np

from axon.backend import Array
from axon.metrics.scores import class_scores, ranking
from axon.names import readable


class Verdict(NamedTuple):
    """What a metric says.

    Attributes:
        title: of the metric, for people.
        value: of the answers.
        baseline: of always the same answer.
        shown: how to write a value.
        better: whether the answers are better than that.
    """

    title: str
    value: float
    baseline: float
    shown: Callable[[float], str]
    better: bool

    @property
    def pair(self) -> tuple[str, str]:
        """A line of a report."""
        return self.title, f"{self.shown(self.value)} (baseline: {self.shown(self.baseline)})"


class Yardstick(NamedTuple):
    """A metric of targets and answers; ``up``: more is better."""

    title: str
    measure: Callable[[Array, Array], float]
    up: bool = True
    shown: Callable[[float], str] = readable


def percent(value: float) -> str:
    """A share as people write it."""
    return f"{value:.2%}"


def _chosen(p: Array) -> Array:
    return p.argmax(axis=1)


def _log_loss(y: Array, p: Array) -> float:
    return float(-np.log(np.maximum(p[np.arange(len(y)), y], 1e-7)).mean())


def _f1(y: Array, p: Array) -> float:
    """The mean over classes that occur, or are said to."""
    guess, k = _chosen(p), p.shape[1]
    hits, called, actual = (np.bincount(c, minlength=k) for c in (y[y == guess], guess, y))
    found = [s.f1 for s in class_scores(hits, called, actual) if s.f1 is not None]
    return float(np.mean(found))


def _auc(y: Array, p: Array) -> float:
    """The mean over classes of one against all others; 0.5 by chance."""
    columns = [1] if p.shape[1] == 2 else range(p.shape[1])
    found = [r.area for c in columns if (r := ranking(y == c, p[:, c]))]
    return float(np.mean(found)) if found else np.nan


def _r2(y: Array, p: Array) -> float:
    return float(1 - ((y - p) ** 2).sum() / ((y - y.mean()) ** 2).sum())


CLASSES: dict[str, Yardstick] = {
    "accuracy": Yardstick("Accuracy", lambda y, p: float((_chosen(p) == y).mean()), True, percent),
    "log_loss": Yardstick("Log loss", _log_loss, False),
    "auc": Yardstick("AUC", _auc),
    "balanced_accuracy": Yardstick(
        "Balanced accuracy", lambda y, p: recall(y, _chosen(p)), True, percent
    ),
    "f1": Yardstick("F1", _f1),
}
NUMBERS: dict[str, Yardstick] = {
    "rmse": Yardstick("RMS error", lambda y, p: float(np.sqrt(np.mean((y - p) ** 2))), False),
    "mae": Yardstick("Mean error", lambda y, p: float(np.abs(y - p).mean()), False),
    "r2": Yardstick("R²", _r2),
}
PINBALL, MEDIAN = "pinball", 0.5
METRICS = (*CLASSES, *NUMBERS, PINBALL)
UNEVEN = 0.75  # rows of one class, from which on accuracy alone says little
USUAL = {"classification": ("accuracy", "log_loss", "auc"), "regression": tuple(NUMBERS)}


def demand_metric(metric: str | None, task: str, quantiles: Sequence[float] = ()) -> None:
    """Refuse a metric of another task."""
    known = list(NUMBERS if task == "regression" else CLASSES)
    what = "numbers" if task == "regression" else "classes"
    if quantiles:
        known, what = [PINBALL, *(["mae"] if MEDIAN in quantiles else [])], "quantiles"
    if metric is not None and metric not in known:
        raise click.UsageError(
            f"--metric {metric} does not judge {what}, which are predicted here. "
            f"{'Those that do' if len(known) > 1 else 'The one that does'}: {', '.join(known)}."
        )


def verdicts(task: str, y: Array, answers: Array, metric: str | None = None) -> list[Verdict]:
    """What the usual metrics say; the chosen one comes first.

    Args:
        task: "classification" or "regression".
        y: places of classes (n,), or amounts.
        answers: probabilities (n, classes), or amounts.
        metric: the name of one.
    """
    known = CLASSES if task == "classification" else NUMBERS
    uneven = task == "classification" and np.bincount(y).max() >= UNEVEN * len(y)
    more = ["balanced_accuracy"] if uneven else []
    names = dict.fromkeys([*([metric] if metric else []), *USUAL[task], *more])
    same = constant(task, y, answers)
    made = []
    for name in names:
        m = known[name]
        value, baseline = m.measure(y, answers), m.measure(y, same)
        made.append(Verdict(m.title, value, baseline, m.shown, (value > baseline) == m.up))
    return made


def of_targets(
    names: Sequence[str], task: str, y: Array, answers: Array, metric: str | None = None
) -> list[list[Verdict]]:
    """What two metrics, and the chosen one, say of each of several targets.

    Args:
        names: of the targets.
        task: "labels" or "regression".
        y: (n, targets) labels of 0 and 1, or amounts.
        answers: (n, targets) probabilities of 1, or amounts.
        metric: the name of one that comes first.
    """
    known = NUMBERS if task == "regression" else CLASSES
    first = [known[metric].title] if metric else []
    titles = [*first, *(known[m].title for m in ("rmse", "r2", "accuracy", "auc") if m in known)]
    made = []
    for i, name in enumerate(names):
        own, p = y[:, i], answers[:, i]
        if task == "labels":
            p = np.stack([1 - p, p], axis=1)
        of = "regression" if task == "regression" else "classification"
        found = [v for v in verdicts(of, own, p, metric) if v.title in titles]
        made.append([v._replace(title=f"{v.title}, {name}") for v in found])
    return made


def of_quantiles(
    quantiles: Sequence[float], y: Array, answers: Array, metric: str | None = None
) -> list[Verdict]:
    """What the pinball loss says, on average over quantiles; see Koenker and Bassett (1978).

    Args:
        quantiles: which are predicted.
        y: amounts (n,).
        answers: (n, quantiles).
        metric: "mae", the mean error of the median, comes first then.
    """
    value = pinball(quantiles, y, answers)
    baseline = pinball(quantiles, y, np.quantile(y, quantiles)[None])
    made = [Verdict("Pinball loss", value, baseline, readable, value < baseline)]
    if metric == "mae":
        median = answers[:, list(quantiles).index(MEDIAN)]
        error, constant = (float(np.abs(y - p).mean()) for p in (median, np.median(y)))
        told = "Mean error of the median", error, constant, readable, error < constant
        made.insert(0, Verdict(*told))
    return made


def pinball(quantiles: Sequence[float], y: Array, answers: Array) -> float:
    """The pinball loss of quantiles (n, quantiles) of amounts (n,): q above, 1 - q below.

    >>> pinball([0.5], np.array([1.0, 3.0]), np.array([[2.0], [2.0]]))
    0.5
    """
    q, error = np.asarray(quantiles), y[:, None] - answers
    return float(np.maximum(error * q, error * (q - 1)).mean())


def constant(task: str, y: Array, answers: Array) -> Array:
    """How frequent the classes are, or the mean, for every row."""
    if task == "regression":
        return np.full(len(y), y.mean())
    shares = np.bincount(y, minlength=answers.shape[1]) / len(y)
    return np.tile(shares, (len(y), 1))


class Baseline(NamedTuple):
    """The best answer that looks at no column.

    Attributes:
        answer: the place of the most frequent class; or the middle of the numbers.
        score: its accuracy; or its mean error.
    """

    answer: float
    score: float


def always_the_same(learned: Array, y: Array) -> Baseline:
    """What is always said, going by rows that were learned from, and how good that is for others.

    Args:
        learned: places of classes (n,), or numbers (n, k).
        y: likewise, of the others.

    >>> always_the_same(np.array([0, 1, 1]), np.array([0, 1, 1, 1]))
    Baseline(answer=1.0, score=0.75)
    """
    if learned.ndim == 1:
        most = int(np.bincount(learned).argmax())
        return Baseline(float(most), float(np.mean(y == most)))
    middle = np.median(learned, axis=0)
    return Baseline(float(middle[0]), float(np.abs(y - middle).mean()))


def recall(y: Array, guess: Array) -> float:
    """The mean over classes of the share that is found: balanced accuracy.

    >>> recall(np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0]))
    0.5
    """
    return float(np.mean([(guess[y == c] == c).mean() for c in np.unique(y)]))


def baseline_name(task: str, y: Array, classes: Sequence[Any]) -> str:
    """What the constant answer is, in words."""
    if task == "regression":
        return f"always {readable(float(y.mean()))}, the mean"
    most = int(np.bincount(y).argmax())
    return f"always {classes[most]!r}, the most frequent class"
