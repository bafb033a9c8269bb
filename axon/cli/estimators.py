"""Files of table estimators in commands: opened, given raw rows, and what their answers mean."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from axon.backend import Array
from axon.cli.data import is_table
from axon.cli.inputs import ARRAYS, FileSamples, StandardInput, read_array
from axon.cli.output import note, plural
from axon.serve.tables import given

if TYPE_CHECKING:
    from axon.tabular import Table
    from axon.tabular.learner import TableLearner

ASKED = "as was asked for"  # why a column was left out: the user said so


def demand_rows(path: str) -> None:
    """Refuse what holds no rows of a table, by its name."""
    if path == "-" or is_table(path) or Path(path).suffix.lower() in ARRAYS:
        return
    if Path(path).is_dir():
        raise click.UsageError(f"{path} is a folder; the model takes tables: CSV, TSV or Parquet.")
    raise click.UsageError(
        f"cannot read {path}: the model takes tables: .csv, .tsv (also .gz, .bz2, .xz), .parquet, "
        "or - for standard input; or arrays: .npy, .npz."
    )


def rows_in(model: "TableLearner", path: str) -> "Table":
    """The rows of a file, read as those that the model learned from; without the target."""
    if path != "-" and Path(path).suffix.lower() in ARRAYS:
        x = read_array(path)
        from axon.tabular import read

        return read(x.reshape(len(x), -1))
    table: Table = model.columns_.read(StandardInput() if path == "-" else path)
    if not table.rows:
        raise ValueError(f"{path}: no rows below the line of names.")
    return table


def answers(model: Any, table: "Table", path: str) -> Array:
    """Probabilities (n, classes), or numbers (n, outputs); what is odd about the rows is said."""
    said = list(table.said)
    try:
        values = model.columns_.values(given(model, table), said)
    except ValueError as error:
        raise ValueError(f"{path}: {str(error).removeprefix('table: ')}") from None
    for sentence in said:
        note(sentence)
    if "classes_" in vars(model):
        found: Array = model.predict_proba(values)
        return found
    numbers: Array = model.predict(values)
    return numbers.reshape(len(numbers), -1)


def predicted(
    model: "TableLearner", files: Sequence[str], id_column: str | None = None
) -> Iterator[tuple[FileSamples, Array]]:
    """Each file's rows with what the model says of them."""
    for path in files:
        table = rows_in(model, path)
        named = id_column or _usual_id(model, table)
        ids = None if named is None else _ids(table, named, path)
        found = answers(model, table, path)
        where = [path] * table.rows, range(table.rows), ids, named or "sample"
        yield FileSamples(np.empty((table.rows, 0)), *where), found


def _usual_id(model: "TableLearner", table: "Table") -> str | None:
    """The column that numbered the rows to learn from, if these have it, too.

    So does one that the user left out, if it is called like an id and no value stands twice in it.
    """
    from axon.tabular.finding import ID_NAME

    left_out = [c for c in model.columns_.columns if c.role == "left out" and c.name in table.names]
    found = [c.name for c in left_out if c.is_id and not c.gaps]
    asked = [c.name for c in left_out if c.why == ASKED and ID_NAME.search(c.name)]
    different = (name for name in asked if _all_differ(table.column(name)))
    return next(iter(found), None) or next(different, None)


def _all_differ(cells: Array) -> bool:
    return len(set(cells.tolist()) - {None}) == len(cells)


def _ids(table: "Table", column: str, path: str) -> list[str]:
    """A column as words; whole numbers without a point."""
    from axon.tabular.tasks import demand_column

    try:
        demand_column(table.names, column)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    cells = table.column(column).tolist()
    return [
        "" if c is None or c != c else f"{c:.15g}" if isinstance(c, float) else str(c)
        for c in cells
    ]


def asked_of(
    model: "TableLearner", path: str, target: str | tuple[str, ...] | None = None
) -> tuple["Table", Array]:
    """Rows of a file whose targets are known, and these, as ``beside`` sets answers beside them.

    Args:
        model: the estimator.
        path: of the file.
        target: the column that is predicted, or several; None: as the model knows.

    Returns:
        The rows; and places of classes (n,), or amounts (n,), or several targets (n, targets).
    """
    table = rows_in(model, path)
    names = _targets(model, target)
    try:
        found = _several(model, table, names) if len(names) > 1 else _one(model, table, names[0])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    rest, y, known = found
    if gone := len(known) - len(y):
        lack = f"have no {names[0]!r}" if len(names) < 2 else "lack one of the targets"
        note(f"{gone:,} of {len(known):,} rows {lack}: they are left out.")
    return rest, y


Known = tuple["Table", Array, Array]  # rows, targets, and where in the file these are known


def _targets(model: "TableLearner", target: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """The columns that are predicted."""
    told = model.target_name_ or tuple(model.metadata_.get("targets", ()))
    names = target or told
    names = (names,) if isinstance(names, str) else tuple(names)
    count = outputs_of(model)
    if not names:
        ways = " ".join(["--target NAME"] * min(count, 3)) + " ..." * (count > 3)
        raise click.UsageError(f"the model does not say which column is its target: {ways}.")
    if len(names) != count:
        known = f": {', '.join(model.metadata_['targets'])}" if "targets" in model.metadata_ else ""
        raise click.UsageError(
            f"the model predicts {plural(count, 'target')}{known}; --target names {len(names)}."
        )
    return names


def outputs_of(model: Any) -> int:
    """How many targets a model predicts."""
    several = isinstance(getattr(model, "classes_", None), list) or (
        "classes_" not in vars(model) and model.quantiles is None
    )
    return int(model.fitted_.net.outputs) if several else 1


def _one(model: "TableLearner", table: "Table", name: str) -> Known:
    from axon.tabular.tasks import question

    classes = getattr(model, "classes_", None)
    task = "regression" if classes is None else "classification"
    found = question(table, name, task, strict=False)
    y = found.y if classes is None else _places(name, found.y, [str(c) for c in classes.tolist()])
    return found.table, y, found.known


def _several(model: "TableLearner", table: "Table", names: tuple[str, ...]) -> Known:
    from axon.tabular.several import several

    labels = "classes_" in vars(model)
    values = model.metadata_.get("values", [["0", "1"]] * len(names)) if labels else []
    found = several(table, names, "classification" if labels else "regression", values)
    return found.table, found.y, found.known


def beside(y: Array, found: Array, model: Any) -> Array:
    """Answers (n, outputs), of a single number (n,), as targets of it are."""
    single = "classes_" not in vars(model) and model.quantiles is None and y.ndim == 1
    return found[:, 0] if single else found


def _places(name: str, words: Array, known: list[str]) -> Array:
    """The number of each row's class."""
    places = {word: i for i, word in enumerate(known)}
    strange = [w for w in dict.fromkeys(words.tolist()) if w not in places]
    if strange:
        raise ValueError(
            f"{name!r} holds {strange[0]!r}, which is no class of the model: "
            f"{', '.join(known[:20])}."
        )
    return np.array([places[w] for w in words.tolist()], np.int64)


def demand_learned(model: "TableLearner", path: str) -> None:
    """Demand that a file is the one the model learned from, for out-of-fold answers."""
    from axon.cli.data import fingerprint

    if fingerprint(path) != model.metadata_.get("sha256"):
        raise click.UsageError(
            f"--held-out: {path} is not the file that the model learned from, or was changed. "
            "Without --held-out all of it is a test."
        )
