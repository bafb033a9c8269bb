"""``axon compare``."""

import click

from axon.cli.output import note
from axon.cli.tables import ColumnNames, Seconds, asked, is_table
from axon.names import printable


@click.command(short_help="Compare AXON with other libraries on a table.")
@click.argument("data", type=click.Path())
@click.option("--target", help="The column to predict.")
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
    target: str | None,
    task: str,
    contestants: list[str] | None,
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

    found = asked(data, target, task)
    if target is None:
        note(f"No --target is given: {found.target!r} is predicted.")
    board = leaderboard(
        *(found.table, found.y),
        folds=folds,
        task=found.task,
        contestants=contestants,
        time_limit=time_limit,
        random_state=seed,
        said=note,
        **{name: names or () for name, names in columns.items()},
    )
    click.echo(printable(str(board), keep="\n"))
