"""``axon tune`` of tables as they come: trials, a test by rows that none of them saw, the best."""

import math
import time
from collections.abc import Mapping
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from axon import clock
from axon.backend import Array
from axon.cli import searching
from axon.cli.data import fingerprint, split
from axon.cli.output import note, plural, print_pairs
from axon.cli.several import run_of
from axon.cli.tables import TableRun, in_numbers
from axon.cli.train import train
from axon.cli.tuning import Tuning

if TYPE_CHECKING:
    from axon.tabular.learner import EpochCallback
    from axon.tabular.tasks import Question

LEAST = 50  # rows, of which a fifth is a test
COMMON = (  # settings that all trials of a study have
    *("target", "task", "drop", "categorical", "numeric", "gaps", "encoding", "quantiles"),
    *("effort", "folds", "members", "epochs", "patience", "class_weight", "seed"),
)


class TableTuning(Tuning):
    """A search for the settings of networks that learn a table.

    Args:
        settings: of a ``TableRun``.
        given: options that the user gave: they stay.
        best: the file of the best settings.
        prune: end trials that are worse than others.
    """

    def __init__(
        self, settings: Mapping[str, Any], given: set[str], best: Path, prune: bool
    ) -> None:
        super().__init__(best, prune)
        self.run = run_of(
            {**settings, "effort": settings["effort"] or "good", "time_limit": None}, train
        )
        self.run.check()
        self.found = self.run.asked()
        self.seed, self.name = self.run.settings["seed"], Path(settings["data"]).name.split(".")[0]
        useless = {"bin_scale"} if settings["bins"] == 0 else set()
        self.names = {*searching.OF_TABLES} - given - useless
        self.given = sorted(given & {*searching.OF_TABLES})
        self.learned, self.kept_back = self._parts()
        self.run.say_found(self.found)

    def _parts(self) -> "tuple[Question, Question | None]":
        """Rows that trials learn from, and rows that none of them sees, but for a test of its own.

        Raises:
            UsageError: there are too few.
        """
        found = self.found
        rows = np.arange(len(found.y))
        if len(rows) < LEAST:
            raise click.UsageError(
                f"{len(rows)} rows are too few to tell settings apart: give at least {LEAST}."
            )
        if self.run.settings["test"]:
            return found, None
        classes = found.task == "classification"
        y = np.unique(found.y, return_inverse=True)[1] if classes else rows.astype(np.float64)
        (learn, _), (test, _) = split(rows, y.astype(np.int64) if classes else y, self.seed)
        return self._taken(np.sort(learn)), self._taken(np.sort(test))

    def _taken(self, rows: Array) -> "Question":
        found = self.found
        return found._replace(table=found.table.taken(rows), y=found.y[rows])

    # -------------------------------------------------------------------- trials

    def about(self) -> dict[str, object]:
        """As in ``Tuning``."""
        s = self.run.settings
        told = {name: s[name] for name in (*COMMON, *self.given)}
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in told.items()}
        tested = fingerprint(str(s["test"])) if s["test"] else None
        about = {"learner": "a table as it comes", "data": fingerprint(s["data"]), "test": tested}
        return {**about, **plain, "searched": sorted(self.names)}

    def usual(self) -> dict[str, object]:
        """As in ``Tuning``."""
        from axon.tabular.choices import choose

        found = self.learned
        classes = 0 if found.task == "regression" else 2
        chosen = choose(self.run.settings["effort"], len(found.y), classes)
        plan, (width, *_) = chosen.plan, chosen.widths
        usual: dict[str, Any] = {"depth": len(chosen.widths), "width": width, "bins": chosen.bins}
        usual |= {"learning_rate": plan.rate, "weight_decay": plan.decay, "dropout": plan.dropout}
        return usual | {"batch_size": plan.batch, "bin_scale": chosen.bin_scale}

    def _settled(self, params: Mapping[str, Any]) -> TableRun:
        """A run with the settings of a trial."""
        fixed = searching.optuna().trial.FixedTrial(params)
        return self._with(searching.suggested_of_table(fixed, self.names))

    def _with(self, found: Mapping[str, Any]) -> TableRun:
        run = copy(self.run)
        run.settings, run.written = {**self.run.settings, **found}, []
        return run

    def tried(self, trial: Any) -> float:
        """As in ``Tuning``."""
        run = self._with(searching.suggested_of_table(trial, self.names))
        model = run.learned(self.learned, self._pruning(trial), verbose=0)
        losses = [loss for loss in model.fitted_.losses if math.isfinite(loss)]
        if not losses:
            raise searching.optuna().TrialPruned("the loss is no number any more")
        return float(min(losses))

    def _pruning(self, trial: Any) -> "EpochCallback":
        """Who tells Optuna the loss of held-out rows, and ends a trial that is too bad."""

        def told(epoch: int, loss: float) -> bool:
            if self.prune and math.isfinite(loss):
                trial.report(loss, epoch)
                if trial.should_prune():
                    raise searching.optuna().TrialPruned
            return False

        return told

    # -------------------------------------------------------------------- the end

    def write(self, best: searching.EndedTrial) -> None:
        """As in ``Tuning``."""
        self._settled(best.params).write_settings(self.found, self.best)

    def finish(self, best: searching.EndedTrial) -> None:
        """As in ``Tuning``."""
        run = self._settled(best.params)
        self._test(run)
        run.written.append(self.best)
        note(f"Training with the settings of trial {best.number + 1}, the best, on all rows:")
        run.began, run.computing = time.monotonic(), clock.seconds()
        run.finish(self.found)

    def _test(self, run: TableRun) -> None:
        """How good the best settings are for rows that no trial saw, beside the usual ones."""
        usual = {k: None for k in searching.OF_TABLES if k in self.names}
        runs = [self._with(usual), run]
        found = [one.verdicts_of(self.found, *self._answered(one)) for one in runs]
        rows = len(self.kept_back.y) if self.kept_back else 0
        said = f"{plural(rows, 'row')} that no trial saw" if rows else f"{run.settings['test']}"
        note(f"Tested once, on {said}:")
        print_pairs(
            [
                (b.title, f"{b.shown(b.value)} (as usual: {u.shown(u.value)})")
                for u, b in zip(*found, strict=True)
            ],
            ["bold green"],
        )
        usually, best = found[0][0], found[1][0]
        up = (best.value > best.baseline) == best.better  # more of it is better
        if best.value == usually.value or (best.value > usually.value) != up:
            note("On these rows that is no better than what `axon train` does as usual.")

    def _answered(self, run: TableRun) -> tuple[Array, Array]:
        """Targets of the test, and answers of what has learned the rows of the trials."""
        model: Any = run.learned(self.learned, verbose=0)
        model.metadata_ = run.notes(self.found)
        test = self.kept_back
        if test is None:
            return run.judged(model, self.found)
        values = model.columns_.values(test.table)
        answers = (
            model.predict(values) if test.task == "regression" else model.predict_proba(values)
        )
        return in_numbers(model, test), answers
