"""A search for settings: trials one after the other, in a study that others may share."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

import click

from axon.cli import searching
from axon.cli.output import console, note
from axon.names import printable, readable


class Tuning(ABC):
    """A search: what is tried, and what was best.

    Args:
        best: the file of the best settings.
        prune: end trials that are worse than others.

    Attributes:
        name: of the data, for a file of trials.
        seed: of what is tried first.
    """

    name: str
    seed: int

    def __init__(self, best: Path, prune: bool) -> None:
        self.best, self.prune = best, prune

    @abstractmethod
    def about(self) -> dict[str, object]:
        """What trials have in common, as JSON has it."""

    @abstractmethod
    def usual(self) -> dict[str, object]:
        """What ``train`` takes where nobody says otherwise: it is tried first."""

    @abstractmethod
    def tried(self, trial: Any) -> float:
        """The lowest loss of rows that were not learned from."""

    @abstractmethod
    def write(self, best: searching.EndedTrial) -> None:
        """Write the settings of a trial."""

    @abstractmethod
    def finish(self, best: searching.EndedTrial) -> None:
        """Train with the settings of a trial, and report."""

    def study_in(self, storage: str) -> None:
        """Open the study."""
        self.study = searching.opened(storage, self.seed, note)
        searching.demand_same(self.study, self.about(), storage)
        if not self.study.get_trials(deepcopy=False):
            self.study.enqueue_trial(self.usual(), skip_if_exists=True)

    def go_on(self, trials: int, time_limit: float | None) -> None:
        """Try, until there are enough trials or time is over."""
        self.trials = trials
        if len(list(searching.finished(self.study))) >= trials:
            note(f"{trials} trials are there already: --trials {2 * trials} tries more.")
            return
        try:
            self.study.optimize(self._begun, timeout=time_limit, callbacks=[self._told])
        except KeyboardInterrupt as stop:
            searching.release_dead(self.study)
            if searching.best_of(self.study) is not None:
                stop.add_note(f"The best settings so far are in {self.best}.")
            stop.add_note("The same command goes on.")
            raise

    def _begun(self, trial: Any) -> float:
        searching.begun(trial)
        return self.tried(trial)

    def _told(self, study: Any, trial: searching.EndedTrial) -> None:
        """A line for a trial; the best settings are written as soon as they are known."""
        done, best = list(searching.finished(study)), searching.best_of(study)
        if best is not None and best.number == trial.number:
            self.write(best)
        text = f"pruned after epoch {len(trial.intermediate_values)}"
        if trial.state.name == "COMPLETE":
            text = f"loss {readable(trial.value)}"
        top = "" if best is None else f"best {readable(best.value)}"
        spent = trial.duration.total_seconds() if trial.duration else 0.0
        line = f"Trial {len(done)}/{self.trials}  {text:22}  {top:11} {spent:6.1f} s"
        shown = [f"{name}={_short(value)}" for name, value in trial.params.items()]
        click.echo("\n".join(fitted(line, shown, console().width - 1)))
        if len(done) >= self.trials:
            study.stop()

    def end(self) -> None:
        """Train with the best settings, and report."""
        best = searching.best_of(self.study)
        if best is None:
            raise click.ClickException(
                "no trial ended with a loss that is a number. More --trials or --time-limit, or "
                "other settings, may help."
            )
        self.write(best)
        self.finish(best)


def fitted(line: str, shown: Sequence[str], width: int) -> list[str]:
    """A line and settings behind it, or below it where the terminal is too narrow."""
    line, rest = printable(line), printable("  ".join(shown))
    if len(line) + 2 + len(rest) <= width:
        return [f"{line}  {rest}"]
    lines = wrap(rest, width, initial_indent="    ", subsequent_indent="    ")
    return [*([line] if len(line) <= width else wrap(" ".join(line.split()), width)), *lines]


def _short(value: object) -> str:
    return readable(value, 3) if isinstance(value, float) else str(value)
