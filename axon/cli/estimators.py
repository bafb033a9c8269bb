"""Files of table estimators in commands: opened, given raw rows, and what their answers mean."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from axon.backend import Array
from axon.cli.data import is_table
from axon.cli.inputs import ARRAYS, FileSamples, StandardInput, read_array
from axon.cli.output import note
from axon.serve.tables import given

if TYPE_CHECKING:
    from axon.tabular import Table


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


def rows_in(model: Any, path: str) -> "Table":
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
    model: Any, files: Sequence[str], id_column: str | None = None
) -> Iterator[tuple[FileSamples, Array]]:
    """Each file's rows with what the model says of them."""
    for path in files:
        table = rows_in(model, path)
        named = id_column or _usual_id(model, table)
        ids = None if named is None else _ids(table, named, path)
        found = answers(model, table, path)
        where = [path] * table.rows, range(table.rows), ids, named or "sample"
        yield FileSamples(np.empty((table.rows, 0)), *where), found


def _usual_id(model: Any, table: "Table") -> str | None:
    """The column that numbered the rows to learn from, if these have it, too."""
    ids = [c.name for c in model.columns_.columns if c.is_id and not c.gaps]
    return next((name for name in ids if name in table.names), None)


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


def asked_of(model: Any, path: str, target: str | None) -> tuple["Table", Array]:
    """Rows of a file whose target is known: places of classes (n,), or amounts (n, 1)."""
    from axon.tabular.tasks import question

    _demand_one_target(model)
    table = rows_in(model, path)
    name = target or model.target_name_
    if name is None:
        raise click.UsageError("the model does not say which column is its target: --target NAME.")
    classes = getattr(model, "classes_", None)
    task = "regression" if classes is None else "classification"
    try:
        found = question(table, name, task, strict=False)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if gone := len(found.known) - len(found.y):
        note(f"{gone:,} of {len(found.known):,} rows have no {name!r}: they are left out.")
    if classes is None:
        return found.table, found.y[:, None]
    return found.table, _places(path, name, found.y, [str(c) for c in classes.tolist()])


def _places(path: str, name: str, words: Array, known: list[str]) -> Array:
    """The number of each row's class."""
    places = {word: i for i, word in enumerate(known)}
    strange = [w for w in dict.fromkeys(words.tolist()) if w not in places]
    if strange:
        raise ValueError(
            f"{path}: {name!r} holds {strange[0]!r}, which is no class of the model: "
            f"{', '.join(known[:20])}."
        )
    return np.array([places[w] for w in words.tolist()], np.int64)


def _demand_one_target(model: Any) -> None:
    several = isinstance(getattr(model, "classes_", None), list)
    if several or getattr(model, "quantiles", None) is not None or model.fitted_.net.outputs < 1:
        raise click.UsageError(
            "evaluate judges one target of classes or numbers; this model has several labels, or "
            "quantiles. In Python: model.score(x, y)."
        )


def demand_learned(model: Any, path: str) -> None:
    """Demand that a file is the one the model learned from, for out-of-fold answers."""
    from axon.cli.data import fingerprint

    if fingerprint(path) != model.metadata_.get("sha256"):
        raise click.UsageError(
            f"--held-out: {path} is not the file that the model learned from, or was changed. "
            "Without --held-out all of it is a test."
        )
