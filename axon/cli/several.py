"""``axon train`` on tables with several targets, or with quantiles of one."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from axon.backend import Array
from axon.cli import verdict
from axon.cli.tables import TableRun, parted
from axon.names import readable

if TYPE_CHECKING:
    from axon.tabular import Table
    from axon.tabular.several import Targets
    from axon.tabular.tasks import Question


def run_of(settings: Mapping[str, Any], command: click.Command) -> TableRun:
    """The run that the options ask for."""
    several = isinstance(settings["target"], tuple)
    if several and settings["quantiles"]:
        raise click.UsageError("--quantiles are of one --target.")
    if several:
        return SeveralTargets(settings, command)
    made = QuantileRun if settings["quantiles"] else TableRun
    return made(settings, command)


def asked_of_several(
    data: str,
    target: Sequence[str],
    task: str,
    gaps: Sequence[str] | None = None,
    encoding: str | None = None,
) -> "Targets":
    """Read a table, and part it from its targets; errors name the file."""
    from axon.tabular.several import several

    found: list[Targets] = []

    def part(table: "Table") -> "Question":
        found.append(several(table, target, task))
        return _as_one(found[0])

    parted(data, gaps, encoding, part, " and ".join(map(repr, target)))
    return found[0]


def _as_one(t: "Targets") -> "Question":
    """Several targets as what a run asks for."""
    from axon.tabular.tasks import Question

    return Question(t.table, " and ".join(t.columns), t.y, t.task, t.known)


def _refuse(settings: Mapping[str, Any], why: str, *names: str) -> None:
    """Refuse options that cannot be had here."""
    for name in names:
        if settings[name] not in (None, "none"):
            raise click.UsageError(f"--{name.replace('_', '-')} {why}")


class QuantileRun(TableRun):
    """A run that predicts quantiles of numbers."""

    def check(self) -> None:
        """Find out before training what cannot be had."""
        verdict.demand_metric(self.settings["metric"], "regression", self.settings["quantiles"])
        _refuse(self.settings, "is for classes: quantiles are of numbers.", "class_weight")
        super().check()

    def asked(self) -> "Question":
        """As in ``TableRun``."""
        found = self._question()
        if found.task != "regression":
            raise click.UsageError(
                f"--quantiles are of numbers, and {found.target!r} holds classes. If these are "
                "numbers: --task regression."
            )
        return found

    def _told(self) -> dict[str, Any]:
        return {"quantiles": self.settings["quantiles"]}

    def verdicts_of(self, found: "Question", y: Array, answers: Array) -> list[verdict.Verdict]:
        """As in ``TableRun``."""
        self.below = (y[:, None] < answers).mean(axis=0).tolist()
        s = self.settings
        return verdict.of_quantiles(s["quantiles"], y, answers, s["metric"])

    def _baseline(self, found: "Question", y: Array, model: Any) -> str:
        wanted = self.settings["quantiles"]
        pairs = zip(wanted, np.quantile(y, wanted).tolist(), strict=True)
        return "always " + ", ".join(f"{readable(value)} ({q:g})" for q, value in pairs)

    def _more(self) -> list[tuple[str, str]]:
        pairs = zip(self.settings["quantiles"], self.below, strict=True)
        return [("Rows below", ", ".join(f"{share:.1%} ({q:g})" for q, share in pairs))]


class SeveralTargets(TableRun):
    """A run with several targets: all numbers, or each a yes or no."""

    targets: "Targets"
    untold: list[str]

    def check(self) -> None:
        """Find out before training what cannot be had."""
        why = "is for one --target: of several, each is a yes or no for itself, or a number."
        _refuse(self.settings, why, "class_weight")
        super().check()

    def asked(self) -> "Question":
        """As in ``TableRun``."""
        s = self.settings
        told = s["data"], s["target"], s["task"], s["gaps"], s["encoding"]
        self.targets = t = asked_of_several(*told)
        verdict.demand_metric(s["metric"], t.task)
        return _as_one(t)

    def _target(self, found: "Question") -> str:
        y = found.y
        if found.task == "regression":
            ends = zip(y.min(axis=0).tolist(), y.max(axis=0).tolist(), strict=True)
            said = [f"numbers from {readable(low)} to {readable(high)}" for low, high in ends]
        else:
            said = [f"{share:.1%} of rows" for share in y.mean(axis=0).tolist()]
        return "; ".join(f"{n}: {s}" for n, s in zip(self.targets.names, said, strict=True))

    def verdicts_of(self, found: "Question", y: Array, answers: Array) -> list[verdict.Verdict]:
        """As in ``TableRun``."""
        told = y, answers, self.settings["metric"]
        each = verdict.of_targets(self.targets.names, found.task, *told)
        pairs = zip(self.targets.names, each, strict=True)
        self.untold = [name for name, (first, *_) in pairs if not first.better]
        return [v for one in each for v in one]

    def _targets(self, found: "Question") -> list[str]:
        return self.targets.columns

    def _named(self, found: "Question") -> str:
        return " and ".join(f"a {name!r}" for name in self.targets.columns)

    def _untold(self, found: "Question") -> list[str]:
        return self.untold

    def _baseline(self, found: "Question", y: Array, model: Any) -> str:
        return "the mean" if found.task == "regression" else "always what is more frequent"

    def notes(self, found: "Question") -> dict[str, Any]:
        """As in ``TableRun``."""
        t = self.targets
        names = {"targets": t.columns, "outputs": t.names}
        return super().notes(found) | names | ({"values": t.values} if t.values else {})

    def _name(self, model: Any, found: "Question") -> None:
        model.target_name_ = None  # there are several, which the notes tell
