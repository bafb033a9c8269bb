"""``axon train`` on tables as they come: text, gaps, dates; what is asked, found and reported."""

import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from axon import clock
from axon.backend import Array
from axon.cli import config, verdict
from axon.cli.ahead import compile_for
from axon.cli.data import fingerprint, is_table
from axon.cli.output import as_argument, command_line, note, plural, print_pairs
from axon.cli.overview import print_columns
from axon.cli.run import made_with, tell_changes
from axon.files.atomic import atomic, check_writable
from axon.models.saving import other_format
from axon.names import readable
from axon.ranks import world

if TYPE_CHECKING:
    from axon.tabular import Columns, Table
    from axon.tabular.class_learner import ClassLearner
    from axon.tabular.learner import EpochCallback, TableLearner
    from axon.tabular.number_learner import NumberLearner
    from axon.tabular.tasks import Question

ONLY_TABLES = (
    *("drop", "categorical", "numeric", "gaps", "effort", "time_limit", "metric", "folds"),
    *("quantiles", "encoding", "members", "bins", "bin_scale"),
)
ONLY_NETWORKS = (
    *("optimizer", "kind", "classes", "validation", "schedule", "augment"),
    *("image_size", "kernels", "device", "precision", "shards", "plot", "backup", "backup_every"),
)
NETWORKS = {  # options of any network -> arguments of table estimators; alone they describe one
    "hidden": "hidden_layer_sizes",
    "epochs": "max_iter",
    "patience": "n_iter_no_change",
    "batch_size": "batch_size",
    "learning_rate": "learning_rate_init",
    "dropout": "dropout",
    "weight_decay": "weight_decay",
}
FILES = ("config", "dump_config")
COMPARED = ("target", "task", "drop", "categorical", "numeric", "gaps", "encoding", "quantiles")
SHOWN = 30  # columns that are listed before training


def taken_as_it_comes(data: str, given: Collection[str], effort: str | None = None) -> bool:
    """Whether a table is learned as it comes, and not by a network that is described.

    With an option of tables, ``--hidden`` and the like are of the networks that learn it.

    Args:
        data: what is learned from.
        given: options that the user gave, by the name of their parameter.
        effort: how much is going to be computed.

    Raises:
        UsageError: options of both ways are given, or of tables for what is none.
    """
    tables, networks = _spelled(ONLY_TABLES, given), _spelled(ONLY_NETWORKS, given)
    either = [name for name in (*NETWORKS, *FILES) if name in given]
    if tables and not is_table(data):
        raise click.UsageError(f"{tables[0]} is for tables: a CSV, TSV or Parquet file.")
    if tables and networks:
        raise click.UsageError(
            f"{tables[0]} is for tables as they come, {networks[0]} for a network that you "
            "describe, and that reads numbers alone: give one of them."
        )
    if networks or not is_table(data) or world().size > 1 or (either and not tables):
        return False
    compile_for(data, effort)
    return True


def _spelled(names: Sequence[str], given: Collection[str]) -> list[str]:
    """Those of the options that were given, as users write them."""
    spelled = {"kind": "model"}
    return [f"--{spelled.get(n, n).replace('_', '-')}" for n in names if n in given]


class TableRun:
    """One run on a table as it comes.

    Args:
        settings: the value of each option, by the name of its parameter.
        command: ``train``, whose options the settings are.
    """

    def __init__(self, settings: Mapping[str, Any], command: click.Command) -> None:
        self.settings, self.command = settings, command
        self.began, self.computing = time.monotonic(), clock.seconds()
        self.written: list[Path] = []

    def check(self) -> None:
        """Find out before training what cannot be written."""
        save, report = self.settings["save"], self.settings["report"]
        if self.settings["hidden"] == []:
            raise click.UsageError("--hidden: of a table, at least one hidden layer: 64,64.")
        if save and other_format(save):
            raise click.UsageError(
                f"--save writes AXON's own format, and {save} would be another one by its name. "
                "Call it *.axon."
            )
        for path in (save, report):
            if path:
                check_writable(path)
        if self.settings["test"]:
            with open(self.settings["test"], "rb"):
                pass

    def drawings(self) -> list[Path]:
        """Pictures that the run makes: none."""
        return []

    def run(self, before: Mapping[str, object] | None = None, dump: Path | None = None) -> None:
        """Read, say what was found, train, write, and report.

        Args:
            before: what a file says the run before was made with.
            dump: where the settings are written; "-" prints them, and that is all.
        """
        self.check()
        found = self.asked()
        if dump == Path("-"):
            click.echo(self.text(found), nl=False)
            return
        tell_changes(str(self.settings["data"]), before or {})
        self.say_found(found)
        if dump is not None:
            self.write_settings(found, dump)
        self.finish(found)

    def finish(self, found: "Question") -> None:
        """Train, write, and report."""
        model = self.learned(found)
        model.metadata_ = self.notes(found)
        y, answers = self.judged(model, found)
        self.verdicts = self.verdicts_of(found, y, answers)
        model.metadata_["scores"] = {v.title: v.pair[1] for v in self.verdicts}
        self._write(model, found)
        self._report(model, found, y)

    def columns_told(self) -> dict[str, list[str]]:
        """What is said of columns."""
        return {name: self.settings[name] or [] for name in ("drop", "categorical", "numeric")}

    def text(self, found: "Question") -> str:
        """The settings as TOML, settled: a file of them repeats the run."""
        s = {k: str(v) if isinstance(v, Path) else v for k, v in self.settings.items()}
        task = "regression" if found.task == "regression" else "classification"
        s |= {"task": task, "effort": s["effort"] or "good", "target": s["target"] or found.target}
        return config.text(self.command, s, {"made_with": made_with(s["data"])})

    def write_settings(self, found: "Question", path: Path) -> None:
        """Write the settings."""
        with atomic(path) as stream:
            stream.write(self.text(found).encode())
        self.written.append(path)

    def asked(self) -> "Question":
        """The table, and what is asked of it."""
        found = self._question()
        verdict.demand_metric(self.settings["metric"], found.task)
        return found

    def _question(self) -> "Question":
        s = self.settings
        return asked(s["data"], s["target"], s["task"], s["gaps"], s["encoding"])

    def verdicts_of(self, found: "Question", y: Array, answers: Array) -> list[verdict.Verdict]:
        """How good the answers are."""
        return verdict.verdicts(found.task, y, answers, self.settings["metric"])

    def _told(self) -> dict[str, Any]:
        """What else the estimator is told."""
        return {}

    def _target(self, found: "Question") -> str:
        """What is predicted, in words."""
        return _target(found)

    def _baseline(self, found: "Question", y: Array, model: "TableLearner") -> str:
        """The answer that looks at no column, in words."""
        return verdict.baseline_name(found.task, y, getattr(model, "classes_", ()))

    def learned(
        self,
        found: "Question",
        callback: "EpochCallback | None" = None,
        verbose: int | str = "auto",
    ) -> "ClassLearner | NumberLearner":
        """An estimator that has learned, as the settings have it.

        Args:
            found: the rows and their targets.
            callback: of ``fit``.
            verbose: what is shown of the epochs.
        """
        from axon.tabular.class_learner import ClassLearner
        from axon.tabular.number_learner import NumberLearner

        s = self.settings
        limit = s["time_limit"]
        if limit is not None:  # what reading took counts, too
            limit = max(limit - (time.monotonic() - self.began), 1e-3)
        make = NumberLearner if found.task == "regression" else ClassLearner
        given: Any = {"folds": s["folds"], "time_limit": limit, "verbose": verbose}
        given |= self.columns_told() | self._told() | of_networks(s)
        if s["class_weight"] == "balanced":
            _demand_classes(found.task)
            given["class_weight"] = "balanced"
        model = make(s["effort"] or "good", s["seed"], **given)
        model.fit(found.table, found.y, callback=callback)
        self._name(model, found)
        model.time_limit, model.verbose = s["time_limit"], 0
        return model

    def _name(self, model: "TableLearner", found: "Question") -> None:
        """Let the model know its target."""
        model.target_name_ = found.target

    def _more(self) -> list[tuple[str, str]]:
        """Lines of the report that only some runs have."""
        return []

    def judged(self, model: "TableLearner", found: "Question") -> tuple[Array, Array]:
        """Targets and answers of rows not learned from: of a file of their own, if there is one."""
        test = self.settings["test"]
        if test is None:
            return out_of_fold(model, found)
        from axon.cli.estimators import answers, asked_of, beside

        table, y = asked_of(model, str(test))
        return y, beside(y, answers(model, table, str(test)), model)

    # -------------------------------------------------------------------- what is said

    def _targets(self, found: "Question") -> list[str]:
        """The columns that are predicted."""
        return [found.target]

    def _named(self, found: "Question") -> str:
        """What a row must have to be learned from."""
        return f"a {found.target!r}"

    def say_found(self, found: "Question") -> None:
        """Show the table: its target, its columns, and what is odd about them."""
        s = self.settings
        columns = _columns(s["data"], found.table, self.columns_told(), self._targets(found))
        rows, width = plural(len(found.known), "row"), len(columns.columns) + 1
        print_pairs(
            [("Table", f"{s['data']}: {rows}, {width} columns"), ("Target", self._target(found))]
        )
        if s["target"] is None:
            note(f"No --target is given: {found.target!r} is predicted.")
        if gone := int((~found.known).sum()):
            note(f"{plural(gone, 'row')} without {self._named(found)} cannot be learned from.")
        print_columns(columns.to_config()["columns"], SHOWN)
        click.echo("")
        for sentence in columns.said:
            if " is left out: " not in sentence:  # the overview says so
                note(sentence)

    def notes(self, found: "Question") -> dict[str, Any]:
        """What travels with the model."""
        data = self.settings["data"]
        return {
            "data": data,
            "task": found.task,
            "target": found.target,
            "rows": found.table.rows,
            "seed": self.settings["seed"],
            "sha256": fingerprint(data),
        }

    def _write(self, model: "TableLearner", found: "Question") -> None:
        s = self.settings
        if s["save"]:
            model.save(s["save"])
            self.written.append(s["save"])
        if s["report"]:
            model.report(s["report"], title=f"{s['data']}: {found.target}")
            self.written.append(s["report"])

    def _report(self, model: "TableLearner", found: "Question", y: Array) -> None:
        """The closing report: how well, beside what, on what, and what to do next."""
        used, epochs = len(model.columns_.used), plural(len(model.fitted_.losses), "epoch")
        spent = self._spent()
        ended = "" if not self._timed_out() else ": the time was over"
        rows = [
            *(v.pair for v in self.verdicts),
            *self._more(),
            ("Baseline", self._baseline(found, y, model)),
            ("Judged on", self._said_of_rows(len(y))),
            ("Learned from", f"{plural(used, 'column')} of {plural(found.table.rows, 'row')}"),
            ("Time", f"{spent}, {epochs}{ended}"),
            *(("Written", str(path)) for path in self.written),
            *self._next(found),
        ]
        print_pairs(rows, ["bold green"])
        if untold := self._untold(found):
            note(
                "That is no better than the baseline: these columns hardly tell "
                f"{' and '.join(map(repr, untold))}."
            )

    def _untold(self, found: "Question") -> list[str]:
        """Targets of which the first metric says that a constant answer is as good."""
        return [] if self.verdicts[0].better else [found.target]

    def _said_of_rows(self, count: int) -> str:
        if self.settings["test"] is None:
            return f"{plural(count, 'row')}, by networks that had not seen them"
        return f"{plural(count, 'row')} of {self.settings['test']}"

    def _spent(self) -> str:
        spent = time.monotonic() - self.began
        compiling = spent - (clock.seconds() - self.computing)
        beside = f" ({compiling:.0f} s to compile kernels, once)" if compiling > 1 else ""
        return f"{spent:.1f} s{beside}"

    def _timed_out(self) -> bool:
        limit = self.settings["time_limit"]
        return limit is not None and time.monotonic() - self.began >= limit

    def _next(self, found: "Question") -> list[tuple[str, str]]:
        """Commands that can follow."""
        s = self.settings
        data = as_argument(str(s["data"]))
        if not s["save"]:
            again = ["axon", "train", data, *self._options(s)]
            return [("Keep it", command_line(*again, "--save", "net.axon"))]
        save, compared = as_argument(str(s["save"])), {k: v for k, v in s.items() if k in COMPARED}
        compared["target"] = s["target"] or found.target
        return [
            ("Next", command_line("axon", "predict", save, "NEW.csv")),
            ("", command_line("axon", "explain", save, data)),
            ("", command_line("axon", "compare", data, *self._options(compared))),
        ]

    def _options(self, settings: Mapping[str, Any]) -> list[str]:
        """Options as the user would write them, but for those that are as usual."""
        usual = {p.name: p.default for p in self.command.params} | dict.fromkeys(
            ("target", *NETWORKS)
        )
        said = {k: v for k, v in settings.items() if k != "data" and v not in (None, [], ())}
        given = [(k, v) for k, v in said.items() if v != usual[k]]
        words = []
        for name, value in given:
            for one in value if name == "target" and isinstance(value, tuple) else [value]:
                words += [f"--{name.replace('_', '-')}", _as_word(one)]
        return words


# ------------------------------------------------------------------------------------ parts


def of_tables(settings: Mapping[str, Any], given: Collection[str]) -> dict[str, Any]:
    """The settings of a run on a table: what is of networks that are described is not among them.

    Args:
        settings: the value of each option of ``train``.
        given: options that the user gave.
    """
    none = {name: None for name in NETWORKS if name not in given}
    return {k: v for k, v in {**settings, **none}.items() if k not in ONLY_NETWORKS}


def _as_word(value: object) -> str:
    """The value of an option as a word of a command."""
    if not isinstance(value, list):
        return str(value)
    return ",".join(f'"{one}"' if "," in str(one) else str(one) for one in value)


def of_networks(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What the options say of the networks, as arguments of the estimators."""
    own = {name: name for name in ("members", "bins", "bin_scale")}
    return {argument: settings[option] for option, argument in (NETWORKS | own).items()}


def asked(
    data: str,
    target: str | None,
    task: str,
    gaps: Sequence[str] | None = None,
    encoding: str | None = None,
) -> "Question":
    """Read a table, and part it from its target; errors name the file."""
    from axon.tabular.tasks import question

    return parted(data, gaps, encoding, lambda table: question(table, target, task))


def parted(
    data: str,
    gaps: Sequence[str] | None,
    encoding: str | None,
    part: Callable[["Table"], "Question"],
    named: str | None = None,
) -> "Question":
    """Read a table, and part it from its target with ``part``; errors name the file."""
    from axon.tabular import read
    from axon.tabular.reading import GAPS

    table = read(data, gaps=GAPS if gaps is None else gaps, encoding=encoding)
    try:
        if not table.rows:
            raise ValueError("no rows below the line of names.")
        found = part(table)
        if not found.table.names:
            raise ValueError(
                f"there is no column besides {named or repr(found.target)}: nothing is left to "
                "learn from."
            )
        return found
    except ValueError as error:
        raise ValueError(f"{data}: {error}") from None


def _columns(
    data: str, table: "Table", told: Mapping[str, Sequence[str]], targets: Sequence[str]
) -> "Columns":
    from axon.tabular import Columns
    from axon.tabular.tasks import demand_column

    for option, names in told.items():
        for name in names:
            if name in targets:
                raise click.UsageError(f"--{option}: {name!r} is what is predicted (--target).")
            try:
                demand_column(table.names, name)
            except ValueError as error:
                raise click.UsageError(f"--{option}: {error}") from None
    try:
        return Columns.find(table, **told)
    except ValueError as error:
        raise ValueError(f"{data}: {_as_options(str(error))}") from None


def _as_options(message: str) -> str:
    """An error of Python's arguments, with the options of the command in their place.

    >>> _as_options("table: 'a' is no number; say numeric=['a b'], or gaps=[...] when reading")
    "'a' is no number; say --numeric 'a b', or --gaps A,B"
    """
    message = message.removeprefix("table: ").replace("gaps=[...] when reading", "--gaps A,B")
    named = re.sub(r"\b(numeric|categorical|drop)=\['([^' ]*)'\]", r"--\1 \2", message)
    return re.sub(r"\b(numeric|categorical|drop)=\[('[^']*')\]", r"--\1 \2", named)


def _demand_classes(task: str) -> None:
    if task != "classification":
        raise click.UsageError("--class-weight is for classes, and numbers are predicted here.")


def out_of_fold(model: Any, found: "Question") -> tuple[Array, Array]:
    """Targets and answers of the rows that some networks had not seen."""
    p = model.out_of_fold_
    seen = ~np.isnan(p.reshape(len(p), -1)).any(axis=1)
    return in_numbers(model, found)[seen], p[seen]


def in_numbers(model: Any, found: "Question") -> Array:
    """Targets in numbers: of classes their places."""
    if found.task != "classification":
        return found.y
    places: Array = np.searchsorted(model.classes_, found.y)
    return places


def _target(found: "Question") -> str:
    """What is predicted, in words."""
    y = found.y
    if found.task == "regression":
        low, high, mean = map(readable, (y.min(), y.max(), y.mean()))
        return f"{found.target}, numbers from {low} to {high}, mean {mean}"
    names, counts = np.unique(y.astype(str), return_counts=True)
    order = np.argsort(-counts, kind="stable")
    shares = [f"{names[i]} {counts[i] / len(y):.1%}" for i in order[:5].tolist()]
    more = f", and {len(names) - 5} more" if len(names) > 5 else ""
    return f"{found.target}, one of {len(names)} classes: {', '.join(shares)}{more}"


def given_options(ctx: click.Context) -> set[str]:
    """The options that the command line or a file gave, by the name of their parameter."""
    from click.core import ParameterSource

    usual = (ParameterSource.DEFAULT,)
    return {name for name in ctx.params if ctx.get_parameter_source(name) not in usual}
