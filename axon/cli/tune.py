"""``axon tune``."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from axon.callbacks import OptunaPruning
from axon.cli import searching
from axon.cli.data import fingerprint
from axon.cli.numbers import Count
from axon.cli.options import Seconds, demand_one_target
from axon.cli.output import note
from axon.cli.run import TrainingRun
from axon.cli.tables import ONLY_TABLES, given_options, of_tables, taken_as_it_comes
from axon.cli.train import train
from axon.cli.tuning import Tuning
from axon.files.atomic import atomic, check_writable

SHARED = (  # options of ``train`` that mean the same here
    *("data", "target", "task", "classes", "image_size", "test", "kind", "optimizer", "epochs"),
    *("batch_size", "learning_rate", "hidden", "validation", "patience", "dropout"),
    *("weight_decay", "schedule", "augment", "class_weight", "seed", "kernels", "save", "report"),
    *(name for name in ONLY_TABLES if name != "time_limit"),
)


@click.command(short_help="Search for the best settings.", context_settings={"show_default": True})
@click.option(
    "--trials", type=Count(), default="50", help="Number of trials, all machines together."
)
@click.option("--time-limit", type=Seconds(), help="Start no trial after 60s, 10min, 1h.")
@click.option(
    "--storage",
    help="Where trials are kept: a file, or a database such as sqlite:///x.db.  "
    "[default: DATA.tune]",
)
@click.option(
    "--best",
    type=click.Path(path_type=Path, dir_okay=False),
    default="best.toml",
    help="Where the best settings are written.",
)
@click.option(
    "--prune/--no-prune", default=True, help="End trials early that are worse than others."
)
@click.pass_context
def tune(
    ctx: click.Context,
    /,
    trials: int,
    time_limit: float | None,
    storage: str | None,
    best: Path,
    prune: bool,
    **settings: Any,
) -> None:
    """Search for settings with which networks learn DATA best, and train them with these.

    Widths and number of hidden layers, learning rate, weight decay, dropout and batch size are
    tried, of a network also the schedule, of a table as it comes how numbers are encoded; what you
    give is kept as it is. Trials are judged by rows of their own (--validation; of a table by those
    that each network does not learn from), never by the test set, which is looked at once.

    Trials are written down as they end: the same command goes on after Ctrl-C, a crash or a power
    cut, and several machines share a study by the same --storage. `axon train --config best.toml`
    repeats the best run bit for bit.
    """
    if best.suffix.lower() != ".toml":
        raise click.UsageError(f"--best: expected the name of a .toml file, got {str(best)!r}.")
    check_writable(best)
    given = given_options(ctx)
    search = _search(settings, given, best, prune)
    search.study_in(storage or f"{search.name}.tune")
    search.go_on(trials, time_limit)
    search.end()


def _search(settings: Mapping[str, Any], given: set[str], best: Path, prune: bool) -> Tuning:
    """The search that suits the data: of a table as it comes, or of a network."""
    wanted = {**train.make_context("train", []).params, **settings}
    if taken_as_it_comes(settings["data"], given - {"time_limit"}):
        from axon.cli.tune_tables import TableTuning

        return TableTuning(of_tables(wanted, given), given, best, prune)
    demand_one_target(settings)
    return NetworkTuning(wanted, given, best, prune)


class NetworkTuning(Tuning):
    """A search for the settings of a network that is described.

    Args:
        settings: options of ``train``.
        given: the searched ones that the user gave: they stay.
        best: the file of the best settings.
        prune: end trials that are worse than others.
    """

    def __init__(
        self, settings: Mapping[str, Any], given: set[str], best: Path, prune: bool
    ) -> None:
        super().__init__(best, prune)
        self.wanted = dict(settings)
        self.run = self._run({})
        self.run.check()
        self.run.load()
        if self.run.task.validation is None:
            raise click.UsageError(
                f"{len(self.run.task.train[0])} rows are too few to tell settings apart: give more "
                "of them, or --validation 0.3."
            )
        self.rows, self.name = len(self.run.task.train[0]), self.run.task.name
        self.seed = self.run.settings["seed"]
        self.given = given & {*searching.SEARCHED}
        names = {*searching.SEARCHED} - given
        self.names = names - ({"hidden"} if self.run.settings["kind"] != "mlp" else set())

    def _run(self, found: Mapping[str, Any]) -> TrainingRun:
        return TrainingRun(train, {**self.wanted, **found}, fall_back=False)

    def about(self) -> dict[str, object]:
        """As in ``Tuning``."""
        s = self.run.settings
        kept = ("target", "task", "kind", "epochs", "validation", "seed", "class_weight", "augment")
        about = {name: s[name] for name in (*kept, *sorted(self.given))}
        sha256 = fingerprint(self.run.task.data)
        return about | {"data": sha256 or self.run.task.data, "searched": sorted(self.names)}

    def usual(self) -> dict[str, object]:
        """As in ``Tuning``."""
        s = self.run.settings
        usual = {"learning_rate": s["learning_rate"], "dropout": s["dropout"] or 0.0}
        usual |= {"depth": 2, "width": 128, "narrowing": True, "schedule": "constant"}
        sizes = searching.batches(self.rows)
        usual["batch_size"] = s["batch_size"] if s["batch_size"] in sizes else sizes[-1]
        usual["weight_decay"] = searching.DECAYS[0]
        return usual

    def tried(self, trial: Any) -> float:
        """As in ``Tuning``."""
        run = self._settled(searching.suggested(trial, self.names, self.rows))
        watching = [OptunaPruning(trial, "val_loss")] if self.prune else []
        _, history = run.learn(watching, verbose=0)
        losses = [v for v in history.history["val_loss"] if math.isfinite(v)]
        if not losses or not math.isfinite(history.history["loss"][-1]):
            raise searching.optuna().TrialPruned("the loss is no number any more")
        return float(min(losses))

    def _settled(self, found: Mapping[str, Any]) -> TrainingRun:
        """A run with the settings of a trial, on the same rows."""
        run = self._run({**self.run.settings, **found})
        run.task = self.run.task
        return run

    def _best_run(self, best: searching.EndedTrial) -> TrainingRun:
        fixed = searching.optuna().trial.FixedTrial(best.params)
        return self._settled(searching.suggested(fixed, self.names, self.rows))

    def write(self, best: searching.EndedTrial) -> None:
        """As in ``Tuning``."""
        with atomic(self.best) as stream:
            stream.write(self._best_run(best).text().encode())

    def finish(self, best: searching.EndedTrial) -> None:
        """As in ``Tuning``."""
        run = self._best_run(best)
        run.written.append(self.best)
        note(f"Training with the settings of trial {best.number + 1}, the best:")
        run.train()


tune.params = [*(p for p in train.params if p.name in SHARED), *tune.params]
