"""``axon compare``."""

from typing import Any

import click

from axon.cli.options import ColumnNames, Seconds, Shares, one_or_several
from axon.cli.output import note
from axon.cli.several import asked_of_several
from axon.cli.tables import asked, is_table
from axon.names import printable

CLASSES = "classification"


@click.command(short_help="Compare AXON with other libraries on a table.")
@click.argument("data", type=click.Path())
@click.option(
    "--target",
    multiple=True,
    callback=one_or_several,
    help="The column to predict; several times: all of them.",
)
@click.option(
    "--task",
    type=click.Choice(["auto", "classification", "regression"]),
    default="auto",
    show_default=True,
    help="Predict classes, or numbers.",
)
@click.option("--contestants", type=ColumnNames(), help='Only these: "AXON good,LightGBM".')
@click.option("--drop", type=ColumnNames(), help="Columns to leave out: id,name.")
@click.option("--categorical", type=ColumnNames(), help="Columns of categories.")
@click.option("--numeric", type=ColumnNames(), help="Columns of numbers; words count as missing.")
@click.option("--gaps", type=ColumnNames(), help="Words that mean missing: NA,-999.")
@click.option("--encoding", help="Encoding of the file: latin-1, cp1251.")
@click.option("--quantiles", type=Shares(), help="Quantiles of numbers: 0.1,0.5,0.9.")
@click.option(
    "--folds", type=click.IntRange(2), default=5, show_default=True, help="Number of folds."
)
@click.option("--time-limit", type=Seconds(), help="Start no learner after 60s, 10min, 1h.")
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Seed of all random numbers.",
)
def compare(
    data: str,
    target: str | tuple[str, ...] | None,
    task: str,
    contestants: list[str] | None,
    gaps: list[str] | None,
    encoding: str | None,
    quantiles: list[float] | None,
    folds: int,
    time_limit: float | None,
    seed: int,
    **columns: list[str] | None,
) -> None:
    """Compare AXON with other libraries on the table DATA, whoever wins.

    All are trained on the same rows and scored on the others, fold by fold, with their defaults:
    scikit-learn's linear model, random forest and gradient boosting, LightGBM, XGBoost and CatBoost
    where they are installed, and a constant answer.
    """
    if not is_table(data):
        raise click.UsageError(f"{data}: expected a table: a CSV, TSV or Parquet file.")
    from axon.tabular import leaderboard

    table, y, task = _asked(data, target, task, (gaps, encoding))
    if quantiles and (isinstance(target, tuple) or task != "regression"):
        raise click.UsageError("--quantiles are of one --target of numbers.")
    board = leaderboard(
        *(table, y),
        folds=folds,
        task=task,
        contestants=contestants,
        time_limit=time_limit,
        random_state=seed,
        said=note,
        quantiles=quantiles,
        **{name: names or () for name, names in columns.items()},
    )
    click.echo(printable(str(board), keep="\n"))


def _asked(
    data: str,
    target: str | tuple[str, ...] | None,
    task: str,
    told: tuple[list[str] | None, str | None],
) -> tuple[Any, Any, str]:
    """Rows, their targets, and what is asked of them."""
    if isinstance(target, tuple):
        found = asked_of_several(data, target, task, *told)
        return found.table, found.y, "regression" if found.task == "regression" else CLASSES
    one = asked(data, target, task, *told)
    if target is None:
        note(f"No --target is given: {one.target!r} is predicted.")
    return one.table, one.y, one.task
