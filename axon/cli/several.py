"""``axon train`` on tables with several targets, or with quantiles of one."""

from collections.abc import Mapping
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


def run_of(settings: Mapping[str, Any]) -> TableRun:
    """The run that the options ask for."""
    several = isinstance(settings["target"], tuple)
    if several and settings["quantiles"]:
        raise click.UsageError("--quantiles are of one --target.")
    if several:
        return SeveralTargets(settings)
    return QuantileRun(settings) if settings["quantiles"] else TableRun(settings)


def _refuse(settings: Mapping[str, Any], why: str, *names: str) -> None:
    """Refuse options that cannot be had here."""
    for name in names:
        if settings[name] not in (None, "none"):
            raise click.UsageError(f"--{name.replace('_', '-')} {why}")


class QuantileRun(TableRun):
    """A run that predicts quantiles of numbers."""

    def check(self) -> None:
        """Find out before training what cannot be had."""
        _refuse(self.settings, "does not judge quantiles.", "metric", "test")
        _refuse(self.settings, "is for classes: quantiles are of numbers.", "class_weight")
        super().check()

    def _asked(self) -> "Question":
        found = super()._asked()
        if found.task != "regression":
            raise click.UsageError(
                f"--quantiles are of numbers, and {found.target!r} holds classes. If these are "
                "numbers: --task regression."
            )
        return found

    def _told(self) -> dict[str, Any]:
        return {"quantiles": self.settings["quantiles"]}

    def _verdicts(self, found: "Question", y: Array, answers: Array) -> list[verdict.Verdict]:
        self.below = (y[:, None] < answers).mean(axis=0).tolist()
        return verdict.of_quantiles(self.settings["quantiles"], y, answers)

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

    def check(self) -> None:
        """Find out before training what cannot be had."""
        _refuse(self.settings, "is for one --target.", "metric", "test", "class_weight")
        super().check()

    def _asked(self) -> "Question":
        s = self.settings
        return parted(s["data"], s["gaps"], s["encoding"], self._parted)

    def _parted(self, table: "Table") -> "Question":
        from axon.tabular.several import several
        from axon.tabular.tasks import Question

        self.targets = t = several(table, self.settings["target"], self.settings["task"])
        return Question(t.table, " and ".join(t.columns), t.y, t.task, t.known)

    def _target(self, found: "Question") -> str:
        y = found.y
        if found.task == "regression":
            ends = zip(y.min(axis=0).tolist(), y.max(axis=0).tolist(), strict=True)
            said = [f"numbers from {readable(low)} to {readable(high)}" for low, high in ends]
        else:
            said = [f"{share:.1%} of rows" for share in y.mean(axis=0).tolist()]
        return "; ".join(f"{n}: {s}" for n, s in zip(self.targets.names, said, strict=True))

    def _verdicts(self, found: "Question", y: Array, answers: Array) -> list[verdict.Verdict]:
        return verdict.of_targets(self.targets.names, found.task, y, answers)

    def _baseline(self, found: "Question", y: Array, model: Any) -> str:
        return "the mean" if found.task == "regression" else "always what is more frequent"

    def _notes(self, found: "Question") -> dict[str, Any]:
        names = {"targets": self.targets.columns, "outputs": self.targets.names}
        return super()._notes(found) | names

    def _name(self, model: Any, found: "Question") -> None:
        model.target_name_ = None  # there are several, which the notes tell
