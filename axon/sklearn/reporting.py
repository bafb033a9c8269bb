"""A fitted estimator as one HTML page: how good it is, which rows were wrong, how it learned."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse

from axon.backend import Array
from axon.html.parts import facts
from axon.losses import BinaryCrossEntropy, CategoricalCrossEntropy, Loss, MeanSquaredError
from axon.names import readable
from axon.report import page as html
from axon.report import sections
from axon.report.page import Section
from axon.report.results import ReportedModel, Results


class Judged(NamedTuple):
    """Rows that were given for a report, and what is made of them.

    Attributes:
        outputs: probabilities (n, classes), of labels (n, labels), or numbers (n, outputs).
        targets: (n,) places of classes, or (n, outputs).
        task: "classes", "labels" or "numbers".
        names: of the classes, labels or outputs.
        x: (n, features).
        features: their names, or nothing.
        labels: (n,) what the rows are called; None: numbers from 1.
        score: what ``score`` says.
    """

    outputs: Array
    targets: Array
    task: str
    names: list[str]
    x: Array
    features: list[str]
    labels: list[object] | None
    score: float


LOSSES: dict[str, type[Loss]] = {  # by which results are told apart
    "classes": CategoricalCrossEntropy,
    "labels": BinaryCrossEntropy,
    "numbers": MeanSquaredError,
}


def page(
    name: str,
    model: ReportedModel,
    settings: Mapping[str, Any],
    judged: Judged | None,
    title: str | None,
) -> str:
    """The page.

    Args:
        name: of the estimator's class.
        model: its network.
        settings: of the estimator, those that were given.
        judged: rows with targets, if there are some.
        title: the heading; the name by default.
    """
    shown, said = _head(model, judged)
    made = [
        *(_results(judged) if judged is not None else []),
        sections.curves(model.history),
        sections.network(model),
        html.section("Settings", facts(dict(settings))),
        sections.versions(),
    ]
    run = sections.run_of(model, model.history, _scores(judged), settings, title or name)
    head = html.figures(shown, said)
    return html.page(title or name, head, [part for part in made if part is not None], run)


def _scores(judged: Judged | None) -> dict[str, float]:
    if judged is None:
        return {}
    return {"R2" if judged.task == "numbers" else "accuracy": judged.score}


def _head(model: ReportedModel, judged: Judged | None) -> tuple[dict[str, str], str]:
    """The numbers that count, and what they are measured on."""
    found = _scores(judged)
    shown = {k: readable(v) if k == "R2" else f"{v:.2%}" for k, v in found.items()}
    shown["parameters"] = f"{model.count_params():,}"
    if model.history is not None:
        shown["epochs"] = str(len(model.history.epoch))
    if judged is None:
        return shown, "No rows were given: nothing was measured for this report."
    return shown, f"Measured on {len(judged.targets):,} rows that were given for this report."


def _results(judged: Judged) -> list[Section | None]:
    everything = np.ones(len(judged.targets), bool)
    loss = LOSSES[judged.task]()
    found = Results(judged.outputs, judged.targets, loss, everything, judged.names)
    return list(sections.results(found, judged.x, judged.features, judged.labels))


def labels_of(X: object) -> list[object] | None:
    """What the rows of a frame of pandas are called: its index; None for all else."""
    from sys import modules

    pandas = modules.get("pandas")
    return list(X.index) if pandas and isinstance(X, pandas.DataFrame) else None


def numbers_of(x: Any) -> Array:
    """Rows as a report shows them; of sparse ones nothing but how many there are."""
    return np.empty((x.shape[0], 0)) if issparse(x) else np.asarray(x)
