"""What ``axon evaluate`` says of a table estimator, of several targets and quantiles, too.

Figures are kept by name, for JSON, and printed for people.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from axon.backend import Array
from axon.cli import estimators, verdict
from axon.cli.output import note, print_pairs, print_table
from axon.metrics import scores
from axon.names import readable
from axon.serve.meaning import Meaning

if TYPE_CHECKING:
    from axon.tabular.table import Table

Figures = dict[str, Any]  # what is said of the results, by name


def answered(
    model: Any, data: str, target: str | tuple[str, ...] | None, held_out: bool
) -> tuple["Table", Array, Array]:
    """Rows of a file, their targets, and what the model answers, or answered out of fold."""
    from axon.cli.data import fingerprint

    estimators.demand_rows(data)
    table, y = estimators.asked_of(model, data, target)
    if held_out:
        estimators.demand_learned(model, data)
        answers = model.out_of_fold_.reshape(len(y), -1)
        seen = ~np.isnan(answers).any(axis=1)
        return table, y[seen], answers[seen]
    answers = estimators.answers(model, table, data)
    if fingerprint(data) and fingerprint(data) == model.metadata_.get("sha256"):
        note(f"The model learned from {data}: --held-out judges answers of networks that had not.")
    return table, y, answers


def report(model: Any, page: Path, table: "Table", y: Array, title: str) -> None:
    """Write a report of what the model makes of rows whose targets are known."""
    words = y.ndim == 1 and "classes_" in vars(model)
    model.report(page, table, model.classes_[y] if words else y, title)


def of_targets(meaning: Meaning, y: Array, answers: Array, labels: bool) -> Figures:
    """Figures for each of several targets."""
    of = _of_label if labels else _of_numbers
    names = [_plain(name) for name in meaning.columns]
    return {"targets": {n: of(y[:, i], answers[:, i]) for i, n in enumerate(names)}}


def _plain(column: str) -> str:
    """The name of a target, of that of its output."""
    return column.removeprefix("prediction of ").removeprefix("probability of ")


def _of_numbers(y: Array, p: Array) -> Figures:
    found = scores.errors(y[:, None], p[:, None])._asdict()
    return {k: None if v != v else v for k, v in found.items()}  # JSON has no NaN


def _of_label(y: Array, p: Array) -> Figures:
    both = np.stack([1 - p, p], axis=1)
    names = "accuracy", "log_loss", "auc"
    found = {name: verdict.CLASSES[name].measure(y, both) for name in names}
    guess = p > 0.5
    right, called, there = int((guess & (y > 0)).sum()), int(guess.sum()), int(y.sum())
    rates = scores.class_scores(*(np.array([count]) for count in (right, called, there)))[0]
    auc = None if np.isnan(found["auc"]) else found["auc"]
    return found | {"auc": auc} | rates._asdict()


def of_quantiles(model: Any, y: Array, answers: Array) -> Figures:
    """The pinball loss, and the share of rows below each quantile."""
    shares = (y[:, None] < answers).mean(axis=0).tolist()
    told = zip(model.quantiles, shares, strict=True)
    return {
        "pinball_loss": verdict.pinball(model.quantiles, y, answers),
        "rows_below": {f"{q:g}": share for q, share in told},
    }


def print_targets(results: Figures, said: str) -> None:
    """Several targets, a line for each."""
    targets = results["targets"]
    print_pairs([("Data", said)])
    names = [n for n in next(iter(targets.values())) if n != "samples"]
    head = ["target", *(SHORT.get(n, n.replace("_", " ")) for n in names)]
    rows = [[name, *(_cell(f[n], n) for n in names)] for name, f in targets.items()]
    print_table(head, rows)


SHORT = {
    "mean_absolute_error": "mean error",
    "root_mean_squared_error": "RMS error",
    "r2": "R²",
    "auc": "AUC",
}


def _cell(value: float | None, name: str) -> str:
    if value is None:
        return "-"
    return f"{value:.2%}" if name == "accuracy" else readable(value)


def print_quantiles(results: Figures, said: str) -> None:
    """The loss, and what is promised beside what is held."""
    rows = [("Pinball loss", readable(results["pinball_loss"])), ("Data", said)]
    print_pairs(rows, ["bold green"])
    shares = results["rows_below"].items()
    print_table(["quantile", "rows below"], [[q, f"{share:.1%}"] for q, share in shares])
