"""``axon explain``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from axon.cli import estimators
from axon.cli.models import ModelFile
from axon.cli.output import json_line, note
from axon.files.atomic import atomic, check_writable
from axon.names import guarded, printable
from axon.serve.loading import is_estimator, open_estimator
from axon.serve.tables import given

ROWS = 20  # that are explained, where nobody says how many


@click.command(short_help="Explain the predictions for rows of a table.")
@click.argument("model", type=ModelFile())
@click.argument("rows", type=click.Path())
@click.option(
    "--top",
    type=click.IntRange(1),
    default=5,
    show_default=True,
    help="Number of columns shown per row.",
)
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=ROWS,
    show_default=True,
    help="Number of rows, from the first.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "csv", "jsonl"]),
    default="text",
    show_default=True,
    help="What to print; csv and jsonl have all columns.",
)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to a file.")
def explain(model: str, rows: str, top: int, limit: int, form: str, output: Path | None) -> None:
    """Say what each column adds to the prediction of each row of ROWS.

    MODEL is a file that `axon train TABLE --save` wrote; ROWS is a table as `axon predict` takes
    it, with or without the target. Contributions are Shapley values: they start from the mean
    prediction, and together they add up to the prediction of the row.
    """
    if output:
        check_writable(output)
    estimators.demand_rows(rows)
    if not is_estimator(model):
        raise click.ClickException(
            f"{model} holds no model that learned a table as it comes. Only those can be "
            "explained: axon train TABLE --save net.axon, without options of networks."
        )
    estimator = open_estimator(model)
    table = given(estimator, estimators.rows_in(estimator, rows))
    if table.rows > limit:
        note(f"The first {limit} of {table.rows:,} rows are explained: --limit.")
        table = table.taken(np.arange(limit))
    found = estimator.explain(table)
    _write(found.table(top, limit) if form == "text" else _lines(found.rows(), form), output)


def _lines(rows: Sequence[dict[str, Any]], form: str) -> str:
    if form == "jsonl":
        return "\n".join(map(json_line, rows))
    import csv
    from io import StringIO

    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0])
    writer.writerows([guarded(v) if isinstance(v, str) else v for v in r.values()] for r in rows)
    return text.getvalue().rstrip("\n")


def _write(text: str, output: Path | None) -> None:
    if output is None:
        click.echo(printable(text, keep="\n"))
        return
    with atomic(output) as stream:
        stream.write(f"{text}\n".encode())
