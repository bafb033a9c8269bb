"""``axon evaluate``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from axon import datasets
from axon.backend import Array
from axon.cli import judged, verdict
from axon.cli.data import BUILT_IN, TABLES, Wanted, fingerprint, load
from axon.cli.inputs import demand_rows
from axon.cli.judged import Figures
from axon.cli.models import ModelFile
from axon.cli.options import demand_one_target, one_or_several
from axon.cli.output import console, json_line, note, plural, print_pairs, print_table
from axon.cli.train import complete_data
from axon.datasets.npz import load_test
from axon.files.atomic import check_writable
from axon.metrics import scores
from axon.models import Model
from axon.names import readable
from axon.serve.loading import is_estimator, open_estimator, open_model
from axon.serve.meaning import Meaning
from axon.serve.pictures import Pictures
from axon.serve.tables import meaning_of

MATRIX = 30  # classes, at most, in a confusion matrix
COUNTED = ("accuracy", "mae", "rmse", "r2_score")  # metrics that are counted here in any case
CONFUSED = 5  # pairs of classes that are listed without one
Predicted = str | tuple[str, ...] | None  # a column, or several, or as in training


@click.command(short_help="Test a model: loss, metrics, each class.")
@click.argument("model", type=ModelFile())
@click.argument("data", shell_complete=complete_data)
@click.option(
    "--target",
    multiple=True,
    callback=one_or_several,
    help="For a table: the column to predict; several times: all.  [default: as in training]",
)
@click.option("--held-out", is_flag=True, help="Only what `train` kept of a file for testing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--report",
    "page",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write charts and mistakes as a page, such as test.html.",
)
def evaluate(
    model: str, data: str, target: Predicted, held_out: bool, as_json: bool, page: Path | None
) -> None:
    """Test MODEL on DATA, from which it learns nothing: loss, metrics, and a table of classes.

    DATA is what `train` takes: of mnist and its like, the test set; of an NPZ file, x_test
    and y_test, or x and y; of a CSV file or a folder of images, all of it, with the columns and
    classes that the model was trained on. --held-out uses only the fifth that was not trained on;
    for a model trained on a raw table, it scores each row by networks that did not see it.
    """
    if page:
        check_writable(page)
    if is_estimator(model):
        _evaluate_estimator(model, data, target, held_out, as_json, page)
        return
    demand_one_target({"target": target})
    network = open_model(model)
    x, y = _data(network, data, target if isinstance(target, str) else None, held_out)
    if not held_out and data not in BUILT_IN:
        _tell_of_rows_that_were_seen(network, data, page)
    meaning = Meaning.of(network, note)
    results = {**_figures(network, meaning, x, y), **_loss(network, x, y)}
    if page:
        told: Any = network  # the protocol that reports ask for is narrower than a Model
        told.report(page, x=x, y=y, class_names=meaning.classes or None, title=f"{model}: {data}")
    _say(model, data, results, meaning, len(x), as_json, page)


def _tell_of_rows_that_were_seen(network: Model, data: str, page: Path | None) -> None:
    if not fingerprint(data) or fingerprint(data) != network.metadata.get("sha256"):
        return
    if page:
        raise click.UsageError(
            f"--report: a page tells of rows that are new to the model, and it was trained on "
            f"four fifths of {data}. Add --held-out for the rest."
        )
    note(f"The model was trained on four fifths of {data}: --held-out tests it on the rest.")


def _say(
    model: str,
    data: str,
    results: Figures,
    meaning: Meaning,
    samples: int,
    as_json: bool,
    page: Path | None,
) -> None:
    if as_json:
        click.echo(json_line({"model": model, "data": data, "samples": samples, **results}))
        return
    said = f"{data}: {plural(samples, 'sample')}"
    if "targets" in results:
        judged.print_targets(results, said)
    elif "rows_below" in results:
        judged.print_quantiles(results, said)
    else:
        _print(results, meaning, said)
    if page:
        print_pairs([("Written", str(page))])


def _evaluate_estimator(
    model: str, data: str, target: Predicted, held_out: bool, as_json: bool, page: Path | None
) -> None:
    """Judge the answers of a table estimator, or those that it gave out of fold."""
    estimator: Any = open_estimator(model)
    if page and held_out:
        raise click.UsageError(
            "--report: of a model trained on a raw table, pages tell of rows that are new to it. "
            "For --held-out ones, train with `axon train --report PAGE.html`."
        )
    table, y, answers = judged.answered(estimator, data, target, held_out)
    meaning = meaning_of(estimator)
    if y.ndim > 1:
        results = judged.of_targets(meaning, y, answers, "classes_" in vars(estimator))
    elif meaning.classes:
        results = _classes(meaning, answers, y)
        results["log_loss"] = verdict.CLASSES["log_loss"].measure(y, answers)
    elif estimator.quantiles is not None:
        results = judged.of_quantiles(estimator, y, answers)
    else:
        results = _numbers(answers, y[:, None])
    if page:
        judged.report(estimator, page, table, y, f"{model}: {data}")
    _say(model, data, results, meaning, len(y), as_json, page)


# ------------------------------------------------------------------------------------ data


def _data(network: Model, data: str, target: str | None, held_out: bool) -> tuple[Array, Array]:
    """Samples, and classes (n,) or numbers (n, k)."""
    about, path = network.metadata, Path(data)
    target = target or about.get("target") or None
    task = about.get("task", "auto")
    if data in BUILT_IN or held_out:
        size = Pictures.of(network, False, None).size[:2] if path.is_dir() else None
        classes = about.get("class_names") if path.suffix.lower() in TABLES else None
        seed = about.get("seed", 0)
        test = Path(about["test"]) if about.get("test") else None
        wanted = Wanted(target, task, size, seed, False, classes or None, test)
        return load(data, wanted).test
    if path.suffix.lower() in TABLES:
        return _table(network, path, target, task)
    if path.suffix.lower() == ".npz":
        return load_test(path)
    return _folder(network, path) if path.is_dir() else load(data, Wanted()).test


def _table(network: Model, path: Path, target: str | None, task: str) -> tuple[Array, Array]:
    about = network.metadata
    features, classes = about.get("feature_names") or None, about.get("class_names") or None
    table = datasets.load_csv(path, target, features=features, classes=classes, task=task)
    shape = network.input_shape
    demand_rows(shape)
    x = table.x if table.x.shape[1:] == shape else table.x.reshape(len(table.x), *shape)
    return x, table.y if table.class_names else table.y[:, None]


def _folder(network: Model, path: Path) -> tuple[Array, Array]:
    """Images of the classes that the model knows, or of some of them."""
    pictures = Pictures.of(network, False, None)
    found = datasets.image_folder(path, pictures.size[:2])
    known = list(network.metadata.get("class_names") or found.class_names)
    if strange := [name for name in found.class_names if name not in known]:
        raise ValueError(f"{path}: the model knows no class {strange[0]!r}: {', '.join(known)}.")
    places = np.array([known.index(name) for name in found.class_names])
    return np.stack([pictures.read(p) for p in found.paths]), places[found.y]


# ------------------------------------------------------------------------------------ results


def _figures(network: Model, meaning: Meaning, x: Array, y: Array) -> Figures:
    """What is counted here, of the samples that count."""
    outputs, ignored = network.predict(x), network.loss.ignored if network.compiled else None
    counts = scores.which_count(outputs, y, network.compute_mask(x), ignored)
    if len(counts) == len(y):
        outputs, y = outputs[counts], y[counts]
    return _classes(meaning, outputs, y) if meaning.classes else _numbers(outputs, y)


def _loss(network: Model, x: Array, y: Array) -> Figures:
    """Loss and metrics that the model was compiled with, but for what is counted here."""
    found = network.evaluate(x, y, return_dict=True) if network.compiled else {}
    return {name: value for name, value in found.items() if name not in COUNTED}


def _numbers(outputs: Array, y: Array) -> Figures:
    """Errors of a network that predicts numbers (n, k)."""
    if outputs.shape != y.shape:
        raise ValueError(
            f"the model predicts {outputs.shape[1:]} numbers, the data hold {y.shape}."
        )
    return scores.errors(y, outputs)._asdict()


def _classes(meaning: Meaning, outputs: Array, y: Array) -> Figures:
    """Accuracy, figures for each class, and the confusion matrix: row = true class."""
    k = len(meaning.classes)
    if y.max() >= k or y.min() < 0:
        raise ValueError(
            f"the model knows {plural(k, 'class')}, but the data hold class {y.max()}."
        )
    guess = meaning.probabilities(outputs).argmax(axis=1)
    matrix = scores.confusion(y, guess, k)
    found = scores.class_scores(matrix.diagonal(), matrix.sum(axis=0), matrix.sum(axis=1))
    return {
        "accuracy": float((guess == y).mean()),
        "classes": {n: f._asdict() for n, f in zip(meaning.classes, found, strict=True)},
        "confusion_matrix": matrix.tolist(),
    }


# ------------------------------------------------------------------------------------ printing


def _print(results: Figures, meaning: Meaning, said: str) -> None:
    classes, matrix = results.pop("classes", None), results.pop("confusion_matrix", None)
    accuracy = results.pop("accuracy", None)
    rows = [("Accuracy", f"{accuracy:.2%}")] if accuracy is not None else []
    rows += [(_title(name), readable(value)) for name, value in results.items()]
    print_pairs([*rows, ("Data", said)], ["bold green"])
    if classes:
        head = ["class", "precision", "recall", "f1", "samples"]
        print_table(head, [[name, *map(_cell, row.values())] for name, row in classes.items()])
        _print_confusion(meaning.classes, np.array(matrix))


def _title(name: str) -> str:
    short = {
        "mean_absolute_error": "Mean error",
        "root_mean_squared_error": "RMS error",
        "r2": "R²",
    }
    return short.get(name, name.replace("_", " ").capitalize())


def _cell(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"


def _print_confusion(names: Sequence[str], matrix: Array) -> None:
    """The matrix if it is not too wide, else what is confused most."""
    short = [name if len(name) <= 10 else f"{name[:9]}…" for name in names]
    widths = [
        max(len(s), len(f"{n:,}")) + 2 for s, n in zip(short, matrix.max(axis=0), strict=True)
    ]
    if len(names) <= MATRIX and sum(widths) + max(map(len, short)) < console().width:
        rows = [[s, *(f"{n:,}" for n in row)] for s, row in zip(short, matrix, strict=True)]
        print_table(["", *short], rows, title="Confusion: a row for each true class")
        return
    wrong = matrix - np.diag(matrix.diagonal())
    places = np.argsort(-wrong.ravel(), kind="stable")[:CONFUSED]
    pairs = [divmod(int(p), len(names)) for p in places if wrong.ravel()[p]]
    rows = [[names[true], names[guess], f"{wrong[true, guess]:,}"] for true, guess in pairs]
    if rows:
        print_table(["true class", "taken for", "times"], rows, left=2)
