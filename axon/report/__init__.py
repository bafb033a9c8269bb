"""A training run as one HTML file that needs nothing else."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from axon.callbacks import History
from axon.core import TensorLike
from axon.files.atomic import atomic, check_writable
from axon.names import load, missing

if TYPE_CHECKING:  # what a report is made of is loaded when one is written
    from axon.report.results import ReportedModel, Samples
    from axon.report.runs import RunComparison, RunRecord, compare_runs, read_run

__all__ = ["RunComparison", "RunRecord", "compare_runs", "read_run", "write"]

HOMES = dict.fromkeys(("RunComparison", "RunRecord", "compare_runs", "read_run"), "runs")


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise missing(__name__, name, {**globals(), **HOMES}, {})
    return globals().setdefault(name, load(__name__, HOMES, name))


def write(
    model: "ReportedModel",
    path: "str | os.PathLike[str]",
    history: History | None = None,
    x: "Samples | None" = None,
    y: TensorLike | None = None,
    class_names: Sequence[str] | None = None,
    settings: Mapping[str, object] | None = None,
    title: str | None = None,
    profile: bool = True,
    feature_names: Sequence[str] | None = None,
    row_names: Sequence[object] | None = None,
) -> None:
    """Write a report of the model and its training: one HTML file, readable without a network.

    Curves, settings, layers, the recorded program and versions; with data also what the model makes
    of them: loss and metrics beside a constant answer, a confusion matrix, figures for each class,
    ROC and precision-recall curves, calibration, what another threshold would do, and the mistakes
    with their rows; for numbers R2, true and predicted values, residuals and the largest errors;
    and where the time of a step goes. Of several outputs, all of that for each.

    Charts say their values under a pointer, or by arrow keys. The page is right on a phone, in dark
    mode and on paper; ``axon compare-runs`` reads it. Only the drawing of the layers needs
    matplotlib, and is left out without it.

    Args:
        model: trained, or at least compiled and built.
        path: the file, by convention ``*.html``; written whole or not at all.
        history: the History of the training; ``model.history`` by default.
        x: samples (n, ...) that were not learned from, as ``evaluate`` takes them.
        y: their targets.
        class_names: what the classes are called; ``model.metadata["class_names"]`` by default.
        settings: name -> value: what else should be known of the run.
        title: the heading; the model's name by default.
        profile: measure the program, which takes a few seconds, if there are x and y.
        feature_names: what the numbers of a sample are called, such as ``frame.columns``;
            ``model.metadata["feature_names"]`` by default.
        row_names: what the samples are called where mistakes are listed, such as ``frame.index``;
            their numbers from 1 by default.

    Raises:
        OSError: the file cannot be written; found out before anything is computed.
        RuntimeError: the model is not compiled, or its sizes are not known yet.
        TypeError, ValueError: x or y does not fit.

    >>> from axon.layers import Dense
    >>> model = axon.Sequential([Dense(8, "relu"), Dense(3, "softmax")])
    >>> model.compile("categorical_cross_entropy", "adam", metrics=["accuracy"])
    >>> x, y = np.eye(3, dtype="f4"), np.arange(3)
    >>> history = model.fit(x, y, epochs=2, verbose=0)
    >>> model.report("run.html", x=x, y=y, class_names=["red", "green", "blue"])  # doctest: +SKIP
    """
    from axon.report import sections
    from axon.report.page import page
    from axon.report.results import results_of

    check_writable(path)
    eager = model.trainer.train.eager  # RuntimeError that says how to compile
    if model.input_shape is None:
        raise RuntimeError(
            f"report: model {model.name!r} is not built: its sizes are not known yet. Fit it, or "
            "call model.build(shape) with the shape of one sample."
        )
    if (x is None) != (y is None):
        raise TypeError("report: x and y belong together: pass both, or none.")
    if row_names is not None and x is not None and len(row_names) != sections.count_of(x):
        raise ValueError(
            f"report: got {len(row_names)} row_names for {sections.count_of(x)} samples."
        )
    history = model.history if history is None else history
    names, features = (class_names or model.metadata.get("class_names"), model.metadata)
    found, measured, timed = [], None, None
    if x is not None and y is not None:
        measured = model.evaluate(x, y, return_dict=True)
        found = results_of(model, x, y, names)
        batch_size = int(history.params.get("batch_size", 32)) if history is not None else 32
        timed = model.profile(x, y, batch_size) if profile and not eager else None
    named = list(features.get("feature_names") or () if feature_names is None else feature_names)
    told = [s for r in found if x is not None for s in sections.results(r, x, named, row_names)]
    made = [
        sections.curves(history),
        *told,
        sections.network(model),
        sections.program(model, timed),
        sections.settings(model, history, settings or {}),
        sections.versions(),
    ]
    head = sections.headline(model, history, measured, found, x)
    run = sections.run_of(model, history, measured, settings or {}, title or model.name)
    text = page(title or model.name, head, [part for part in made if part is not None], run)
    with atomic(path) as stream:
        stream.write(text.encode())
