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
from axon.cli.output import console, note
from axon.cli.run import TrainingRun
from axon.cli.tables import Seconds, cut, given_options
from axon.cli.train import train
from axon.files.atomic import atomic, check_writable
from axon.names import printable, readable

SHARED = (  # options of ``train`` that mean the same here
    *("data", "target", "task", "classes", "image_size", "test", "kind", "optimizer", "epochs"),
    *("batch_size", "learning_rate", "hidden", "validation", "patience", "dropout"),
    *("weight_decay", "schedule", "augment", "class_weight", "seed", "kernels", "save", "report"),
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
    """Search for settings with which a network learns DATA best, and train it with them.

    Widths and number of hidden layers, learning rate, weight decay, dropout, batch size and
    schedule are tried; what you give is kept as it is. Trials are judged by rows of their own
    (--validation), never by the test set, which is looked at once, at the end.

    Trials are written down as they end: the same command goes on after Ctrl-C, a crash or a power
    cut, and several machines share a study by the same --storage. `axon train --config best.toml`
    repeats the best run bit for bit.
    """
    if best.suffix.lower() != ".toml":
        raise click.UsageError(f"--best: expected the name of a .toml file, got {str(best)!r}.")
    check_writable(best)
    given = given_options(ctx) & {*searching.SEARCHED}
    search = Tuning(settings, given, best, prune)
    search.study_in(storage or f"{search.run.task.name}.tune")
    search.go_on(trials, time_limit)
    search.end()


class Tuning:
    """A search: the data, what is tried, and what was best.

    Args:
        settings: options of ``train``.
        given: the searched ones that the user gave: they stay.
        best: the file of the best settings.
        prune: end trials that are worse than others.
    """

    def __init__(self, settings: Mapping[str, Any], given: set[str], best: Path, prune: bool):
        usual = train.make_context("train", []).params
        self.wanted = {**usual, **settings}
        self.run = self._run({})
        self.run.check()
        self.run.load()
        self.best, self.prune = best, prune
        if self.run.task.validation is None:
            raise click.UsageError(
                f"{len(self.run.task.train[0])} rows are too few to tell settings apart: give more "
                "of them, or --validation 0.3."
            )
        self.given, self.rows = given, len(self.run.task.train[0])
        names = {*searching.SEARCHED} - given
        self.names = names - ({"hidden"} if self.run.settings["kind"] != "mlp" else set())

    def _run(self, found: Mapping[str, Any]) -> TrainingRun:
        return TrainingRun(train, {**self.wanted, **found}, fall_back=False)

    def study_in(self, storage: str) -> None:
        """Open the study."""
        s = self.run.settings
        self.storage, self.study = storage, searching.opened(storage, s["seed"], note)
        kept = ("target", "task", "kind", "epochs", "validation", "seed", "class_weight", "augment")
        about = {name: s[name] for name in (*kept, *sorted(self.given))}
        sha256 = fingerprint(self.run.task.data)
        about |= {"data": sha256 or self.run.task.data, "searched": sorted(self.names)}
        searching.demand_same(self.study, about, storage)
        if not self.study.get_trials(deepcopy=False):
            self.study.enqueue_trial(self._usual())

    def _usual(self) -> dict[str, Any]:
        """What ``train`` takes where nobody says otherwise: it is tried first."""
        s = self.run.settings
        usual = {"learning_rate": s["learning_rate"], "dropout": s["dropout"] or 0.0}
        usual |= {"depth": 2, "width": 128, "narrowing": True, "schedule": "constant"}
        sizes = searching.batches(self.rows)
        usual["batch_size"] = s["batch_size"] if s["batch_size"] in sizes else sizes[-1]
        usual["weight_decay"] = searching.DECAYS[0]
        return usual

    # -------------------------------------------------------------------- trials

    def go_on(self, trials: int, time_limit: float | None) -> None:
        """Try, until there are enough trials or time is over."""
        self.trials = trials
        if len(list(searching.finished(self.study))) >= trials:
            note(f"{trials} trials are there already: --trials {2 * trials} tries more.")
            return
        try:
            self.study.optimize(
                self._tried,
                timeout=time_limit,
                callbacks=[self._told],
            )
        except KeyboardInterrupt as stop:
            searching.release_dead(self.study)
            if searching.best_of(self.study) is not None:
                stop.add_note(f"The best settings so far are in {self.best}.")
            stop.add_note("The same command goes on.")
            raise

    def _tried(self, trial: Any) -> float:
        """The lowest loss of rows that were not learned from."""
        searching.begun(trial)
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

    def _told(self, study: Any, trial: Any) -> None:
        """A line for a trial; the best settings are written as soon as they are known."""
        done, best = list(searching.finished(study)), searching.best_of(study)
        if best is not None and best.number == trial.number:
            self._write(self._best_run(best))
        text = f"pruned after epoch {len(trial.intermediate_values)}"
        if trial.state.name == "COMPLETE":
            text = f"loss {readable(trial.value)}"
        top = "" if best is None else f"best {readable(best.value)}"
        spent = trial.duration.total_seconds() if trial.duration else 0.0
        line = f"Trial {len(done)}/{self.trials}  {text:22}  {top:11} {spent:6.1f} s  "
        shown = "  ".join(f"{k}={_short(v)}" for k, v in trial.params.items())
        click.echo(cut(printable(line + shown), console().width - 1))
        if len(done) >= self.trials:
            study.stop()

    def _best_run(self, best: Any) -> TrainingRun:
        fixed = searching.optuna().trial.FixedTrial(best.params)
        return self._settled(searching.suggested(fixed, self.names, self.rows))

    def _write(self, run: TrainingRun) -> None:
        with atomic(self.best) as stream:
            stream.write(run.text().encode())

    # -------------------------------------------------------------------- the end

    def end(self) -> None:
        """Train with the best settings, and report."""
        best = searching.best_of(self.study)
        if best is None:
            raise click.ClickException(
                "no trial ended with a loss that is a number. More --trials or --time-limit, or "
                "another --optimizer, may help."
            )
        run = self._best_run(best)
        self._write(run)
        run.written.append(self.best)
        note(f"Training with the settings of trial {best.number + 1}, the best:")
        run.train()


def _short(value: object) -> str:
    return readable(value, 3) if isinstance(value, float) else str(value)


tune.params = [*(p for p in train.params if p.name in SHARED), *tune.params]
