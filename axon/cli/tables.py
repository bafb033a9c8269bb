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
from axon.callbacks.backup import UNITS
from axon.cli import verdict
from axon.cli.ahead import compile_for
from axon.cli.data import fingerprint, is_table
from axon.cli.output import command_line, console, note, plural, print_pairs
from axon.files.atomic import check_writable
from axon.models.saving import other_format
from axon.names import printable, readable
from axon.ranks import world

if TYPE_CHECKING:
    from axon.tabular import Columns, Table
    from axon.tabular.class_learner import ClassLearner
    from axon.tabular.number_learner import NumberLearner
    from axon.tabular.tasks import Question

ONLY_TABLES = (
    *("drop", "categorical", "numeric", "gaps", "effort", "time_limit", "metric", "folds"),
    *("quantiles", "encoding"),
)
ONLY_NETWORKS = (
    *("epochs", "batch_size", "learning_rate", "optimizer", "hidden", "kind", "classes"),
    *("image_size", "kernels", "device", "precision", "shards", "plot", "backup", "backup_every"),
    *("validation", "patience", "dropout", "weight_decay", "schedule", "augment"),
    *("config", "dump_config"),
)
SHOWN = 30  # columns that are listed before training
LONGEST = 60  # characters of a column's values, where no line is broken


class ColumnNames(click.ParamType):  # type: ignore[type-arg]  # older ones take none
    """``id,name``, with double quotes around a name that holds a comma."""

    name = "columns"

    def convert(
        self, value: str | list[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> list[str]:
        """Return the names."""
        import csv

        names = next(csv.reader([value]), []) if isinstance(value, str) else value
        return [name.strip() for name in names if name.strip()]


class Seconds(click.ParamType):  # type: ignore[type-arg]  # older ones take none
    """``90``, ``90s``, ``10min`` or ``1h``."""

    name = "time"

    def convert(
        self, value: str | float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return seconds."""
        text = str(value).strip().lower()
        digits = text.rstrip("abcdefghijklmnopqrstuvwxyz ")
        try:
            seconds = float(digits) * UNITS[text[len(digits) :].strip() or "s"]
        except (ValueError, KeyError):
            seconds = 0
        if not 0 < seconds < float("inf"):
            self.fail(f"expected a time such as 60s, 10min or 1h, got {value!r}.", param, ctx)
        return seconds


class Shares(click.ParamType):  # type: ignore[type-arg]  # older ones take none
    """``0.1,0.5,0.9``: numbers between 0 and 1, in order."""

    name = "shares"

    def convert(
        self, value: str | Sequence[float], param: click.Parameter | None, ctx: click.Context | None
    ) -> list[float]:
        """Return the numbers."""
        parts = value.split(",") if isinstance(value, str) else value
        try:
            shares = [float(part) for part in parts]
        except ValueError:
            shares = []
        if not shares or not all(0 < q < 1 for q in shares) or shares != sorted(set(shares)):
            expected = "expected numbers between 0 and 1, in order, such as 0.1,0.5,0.9"
            self.fail(f"{expected}; got {value!r}.", param, ctx)
        return shares


def taken_as_it_comes(data: str, given: Collection[str]) -> bool:
    """Whether a table is learned as it comes, and not by a network that is described.

    Args:
        data: what is learned from.
        given: options that the user gave, by the name of their parameter.

    Raises:
        UsageError: options of both ways are given, or of tables for what is none.
    """
    tables = [f"--{n.replace('_', '-')}" for n in ONLY_TABLES if n in given]
    spelled = {"kind": "model"}
    networks = [f"--{spelled.get(n, n).replace('_', '-')}" for n in ONLY_NETWORKS if n in given]
    if tables and not is_table(data):
        raise click.UsageError(f"{tables[0]} is for tables: a CSV, TSV or Parquet file.")
    if tables and networks:
        raise click.UsageError(
            f"{tables[0]} is for tables as they come, {networks[0]} for a network that you "
            "describe, and that reads numbers alone: give one of them."
        )
    if networks or not is_table(data) or world().size > 1:
        return False
    compile_for(data)
    return True


class TableRun:
    """One run on a table as it comes.

    Args:
        settings: the value of each option, by the name of its parameter.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings
        self.began, self.computing = time.monotonic(), clock.seconds()
        self.written: list[Path] = []

    def check(self) -> None:
        """Find out before training what cannot be written."""
        save, report = self.settings["save"], self.settings["report"]
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

    def run(self) -> None:
        """Read, say what was found, train, write, and report."""
        self.check()
        s = self.settings
        found = self._asked()
        told = {name: s[name] or [] for name in ("drop", "categorical", "numeric")}
        columns = _columns(s["data"], found.table, told)
        self._say_found(found, columns)
        model = self._learned(found, told)
        y, answers = self._judged(model, found)
        self.verdicts = self._verdicts(found, y, answers)
        model.metadata_ = self._notes(found)
        self._write(model, found)
        self._report(model, found, y)

    def _asked(self) -> "Question":
        """The table, and what is asked of it."""
        s = self.settings
        found = asked(s["data"], s["target"], s["task"], s["gaps"], s["encoding"])
        verdict.demand_metric(s["metric"], found.task)
        return found

    def _verdicts(self, found: "Question", y: Array, answers: Array) -> list[verdict.Verdict]:
        """How good the answers are."""
        return verdict.verdicts(found.task, y, answers, self.settings["metric"])

    def _told(self) -> dict[str, Any]:
        """What else the estimator is told."""
        return {}

    def _target(self, found: "Question") -> str:
        """What is predicted, in words."""
        return _target(found)

    def _baseline(self, found: "Question", y: Array, model: Any) -> str:
        """The answer that looks at no column, in words."""
        return verdict.baseline_name(found.task, y, getattr(model, "classes_", ()))

    def _learned(
        self, found: "Question", told: Mapping[str, Sequence[str]]
    ) -> "ClassLearner | NumberLearner":
        from axon.tabular.class_learner import ClassLearner
        from axon.tabular.number_learner import NumberLearner

        s = self.settings
        limit = s["time_limit"]
        if limit is not None:  # what reading took counts, too
            limit = max(limit - (time.monotonic() - self.began), 1e-3)
        make = NumberLearner if found.task == "regression" else ClassLearner
        given: Any = {"folds": s["folds"], "time_limit": limit, "verbose": "auto", **told}
        given |= self._told()
        if s["class_weight"] == "balanced":
            _demand_classes(found.task)
            given["class_weight"] = "balanced"
        model = make(s["effort"] or "good", s["seed"], **given)
        model.fit(found.table, found.y)
        self._name(model, found)
        model.time_limit, model.verbose = s["time_limit"], 0
        return model

    def _name(self, model: Any, found: "Question") -> None:
        """Let the model know its target."""
        model.target_name_ = found.target

    def _more(self) -> list[tuple[str, str]]:
        """Lines of the report that only some runs have."""
        return []

    def _judged(self, model: Any, found: "Question") -> tuple[Array, Array]:
        """Targets and answers of rows not learned from: of a file of their own, if there is one."""
        test = self.settings["test"]
        if test is None:
            return judged(model, found)
        from axon.cli.estimators import answers, asked_of

        table, y = asked_of(model, str(test), found.target)
        given = answers(model, table, str(test))
        return (y, given) if found.task == "classification" else (y[:, 0], given[:, 0])

    # -------------------------------------------------------------------- what is said

    def _say_found(self, found: "Question", columns: "Columns") -> None:
        s = self.settings
        rows, width = plural(len(found.known), "row"), len(columns.columns) + 1
        print_pairs(
            [("Table", f"{s['data']}: {rows}, {width} columns"), ("Target", self._target(found))]
        )
        if s["target"] is None:
            note(f"No --target is given: {found.target!r} is predicted.")
        if gone := int((~found.known).sum()):
            note(f"{plural(gone, 'row')} without a {found.target!r} cannot be learned from.")
        print_columns(columns.to_config()["columns"], SHOWN)
        click.echo("")
        for sentence in columns.said:
            if " is left out: " not in sentence:  # the overview says so
                note(sentence)

    def _notes(self, found: "Question") -> dict[str, Any]:
        """What travels with the model."""
        data = self.settings["data"]
        return {
            "data": data,
            "task": found.task,
            "target": found.target,
            "rows": found.table.rows,
            "seed": self.settings["seed"],
            "sha256": fingerprint(data),
            "scores": {v.title: v.pair[1] for v in self.verdicts},
        }

    def _write(self, model: Any, found: "Question") -> None:
        s = self.settings
        if s["save"]:
            model.save(s["save"])
            self.written.append(s["save"])
        if s["report"]:
            model.report(s["report"], title=f"{s['data']}: {found.target}")
            self.written.append(s["report"])

    def _report(self, model: Any, found: "Question", y: Array) -> None:
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
        if not self.verdicts[0].better:
            note(
                f"That is no better than the baseline: these columns hardly tell {found.target!r}."
            )

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
        data, several = s["data"], s["target"] if isinstance(s["target"], tuple) else ()
        options = [part for name in several or (found.target,) for part in ("--target", name)]
        options += ["--quantiles", ",".join(map(str, s["quantiles"]))] if s["quantiles"] else []
        options += ["--encoding", s["encoding"]] if s["encoding"] else []
        options += ["--task", s["task"]] if s["task"] != "auto" else []
        if not s["save"]:
            return [
                ("Keep it", command_line("axon", "train", data, *options, "--save", "net.axon"))
            ]
        save = str(s["save"])
        compared = (
            []
            if several or s["quantiles"] or s["encoding"]
            else [("", command_line("axon", "compare", data, *options))]
        )
        return [
            ("Next", command_line("axon", "predict", save, "NEW.csv")),
            ("", command_line("axon", "explain", save, data)),
            *compared,
        ]


# ------------------------------------------------------------------------------------ parts


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
                f"{found.target!r} is the only column: there is nothing to learn from."
            )
        return found
    except ValueError as error:
        raise ValueError(f"{data}: {error}") from None


def _columns(data: str, table: "Table", told: Mapping[str, Sequence[str]]) -> "Columns":
    from axon.tabular import Columns
    from axon.tabular.tasks import demand_column

    for option, names in told.items():
        for name in names:
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


def judged(model: Any, found: "Question") -> tuple[Array, Array]:
    """Targets and answers of the rows that some networks had not seen."""
    p = model.out_of_fold_
    seen = ~np.isnan(p.reshape(len(p), -1)).any(axis=1)
    y = found.y
    if found.task == "classification":
        y = np.searchsorted(model.classes_, y)
    return y[seen], p[seen]


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


def print_columns(columns: Sequence[Mapping[str, Any]], most: int | None = None) -> None:
    """Print a line for each column: its name, what it is, gaps, different values, examples.

    Args:
        columns: as ``Columns.to_config`` describes them.
        most: lines, at most.
    """
    width = console().width - 1
    rows = [("column", "kind", "gaps", "different", "values")]
    rows += [
        (c["name"], c["role"], f"{c['gaps']:,}", f"{c['distinct']:,}", values_of(c))
        for c in columns[:most]
    ]
    shown = [tuple(map(printable, row)) for row in rows]
    first = max(8, min(max(len(row[0]) for row in shown), width // 3))
    second, third, fourth = (max(len(row[i]) for row in shown) for i in (1, 2, 3))
    click.echo("")
    for name, role, gaps, different, values in shown:
        head = (
            f"{cut(name, first):{first}}  {role:{second}}  {gaps:>{third}}  {different:>{fourth}}"
        )
        space = min(LONGEST, width - len(head) - 2)
        click.echo(f"{head}  {cut(values, space)}".rstrip() if space > 8 else cut(head, width))
    if most is not None and len(columns) > most:
        click.echo(f"... and {len(columns) - most} more")


def values_of(column: Mapping[str, Any]) -> str:
    """Why a column was left out, its span, or some of its values."""
    values = column["values"]
    listed = ", ".join(values[:6]) + ", ..." * (len(values) > 6)
    return str(column["why"] or column["span"] or listed)


def cut(text: str, width: int) -> str:
    """A text with an ellipsis where it is too long.

    >>> cut("passenger", 6), cut("name", 6)
    ('passe…', 'name')
    """
    return text if len(text) <= width else f"{text[: max(width - 1, 1)]}…"


def given_options(ctx: click.Context) -> set[str]:
    """The options that the command line or a file gave, by the name of their parameter."""
    from click.core import ParameterSource

    usual = (ParameterSource.DEFAULT,)
    return {name for name in ctx.params if ctx.get_parameter_source(name) not in usual}
