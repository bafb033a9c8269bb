"""Runs side by side: what they scored, how they learned, and which settings differ."""

import os
import re
from collections.abc import Mapping, Sequence
from itertools import count
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from axon.callbacks import History
from axon.files.atomic import atomic
from axon.html import parts
from axon.names import direction, duration, printable, readable
from axon.plot.inline import overlaid
from axon.plot.runs import RunSeries, Series, from_json, read
from axon.report import page as html

if TYPE_CHECKING:
    from axon.files.archive import Archive

EXPECTED = (
    "a report (run.html), the folder of a backup, a History as JSON or CSV, or a saved model "
    "(.axon)"
)
BACKUP, SETTINGS = "run.backup", "run.toml"  # what the folder of a run holds
OUTPUTS = {
    "save",
    "report",
    "plot",
    "backup",
    "backup_every",
    "verbose",
}  # settings that change no run
ABSENT = "–"
MOST = 12  # runs

RunLike = Any  # a path, a History, or what ``read_run`` gave


class RunRecord(NamedTuple):
    """What is known of one run.

    Attributes:
        name: what it is called.
        settings: by name.
        results: numbers on test data, by name.
        series: loss and metrics over the epochs.
        seconds: of each epoch.
        parameters: how many numbers were learned; None if it is not known.
    """

    name: str
    settings: dict[str, str]
    results: dict[str, float]
    series: RunSeries
    seconds: list[float]
    parameters: int | None = None


def read_run(source: RunLike, name: str | None = None) -> RunRecord:
    """Read what a run left behind.

    Args:
        source: the path of a report that ``model.report`` or ``axon train --report`` wrote, of the
            folder of a backup, of a History as JSON or CSV, or of a saved model; or a History.
        name: what to call it; the name of the file by default.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is nothing of these, or damaged.

    >>> from axon.callbacks import History
    >>> history = History()
    >>> history.on_epoch_begin(0)
    >>> history.on_epoch_end(0, {"loss": 0.5})
    >>> read_run(history, "mine").series
    {'loss': Series(epochs=[0], values=[0.5])}
    """
    if isinstance(source, RunRecord):
        return source if name is None else source._replace(name=name)
    if not isinstance(source, str | os.PathLike):
        params = {k: _text(v) for k, v in source.params.items()}
        return RunRecord(name or "run", params, {}, read(source), list(source.seconds))
    path = Path(source)
    called = name or path.stem or str(path)
    if path.is_dir():
        return _of_folder(path, name or path.name)
    readers = {".html": _of_page, ".json": _of_json, ".csv": _of_csv, ".axon": _of_model}
    if path.suffix.lower() not in readers:
        if not path.exists():
            raise FileNotFoundError(f"compare_runs: there is no file or folder {str(path)!r}.")
        raise ValueError(f"compare_runs: {path}: expected {EXPECTED}.")
    return readers[path.suffix.lower()](path, called)


def _text(value: object) -> str:
    return readable(value, 6) if isinstance(value, float) else str(value)


def _of_page(path: Path, name: str) -> RunRecord:
    import json

    text = path.read_text(encoding="utf-8", errors="replace")
    found = re.search(f'<script type="application/json" id="{html.RUN}">(.*?)</script>', text)
    if found is None:
        raise ValueError(
            f"compare_runs: {path} keeps no numbers of a run: expected a report that model.report "
            "or `axon train --report` wrote. Write it anew with this version of AXON."
        )
    try:
        kept = json.loads(found[1])
        numbers = {k: [float(v) for v in values] for k, values in kept["history"].items()}
        series = {k: Series(list(kept["measured"][k]), v) for k, v in numbers.items()}
        settings = {k: _text(v) for k, v in kept["settings"].items() if k not in OUTPUTS}
        results = {k: float(v) for k, v in kept["results"].items()}
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"compare_runs: {path} is damaged: {error!r}.") from None
    seconds = list(kept.get("seconds", []))
    return RunRecord(name, settings, results, series, seconds, kept.get("parameters"))


def _of_json(path: Path, name: str) -> RunRecord:
    columns, params = from_json(path)
    seconds = [s for s in columns.get("seconds", []) if s is not None]
    settings = {k: _text(v) for k, v in params.items()}
    return RunRecord(name, settings, {}, read(str(path)), seconds)


def _of_csv(path: Path, name: str) -> RunRecord:
    return RunRecord(name, {}, {}, read(str(path)), [])


def _of_folder(path: Path, name: str) -> RunRecord:
    """The folder of a backup: settings and result in TOML, the history in the backup itself."""
    import tomllib

    from axon.files import archive

    settings: dict[str, Any] = {}
    if (path / SETTINGS).is_file():
        try:
            settings = tomllib.loads((path / SETTINGS).read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"compare_runs: {path / SETTINGS}: not TOML: {error}") from None
    if not settings and not (path / BACKUP).is_file():
        raise ValueError(f"compare_runs: {path} is no folder of a backup: expected {EXPECTED}.")
    series: RunSeries = {}
    seconds: list[float] = []
    if (path / BACKUP).is_file():
        kept = archive.read(path / BACKUP)["run"]["callbacks"].get("History", {})
        for key, values in kept.get("history", {}).items():
            series[key] = Series(list(kept["measured"][key]), list(values))
        seconds = list(kept.get("seconds", []))
    results = {k: float(v) for k, v in settings.pop("result", {}).items()}
    settings.pop("made_with", None)
    shown = {k: _text(v) for k, v in settings.items() if k not in OUTPUTS}
    return RunRecord(name, shown, results, series, seconds)


def _of_model(path: Path, name: str) -> RunRecord:
    """A saved model: a network, or a table estimator."""
    from axon.files import archive

    with archive.opened(path) as found:
        read_it = _of_network if "model.json" in found else _of_estimator
        try:
            return read_it(found, name)
        except (LookupError, TypeError, AttributeError) as error:
            raise ValueError(f"compare_runs: {path} is damaged: {error!r}.") from None
        except ValueError as error:
            raise ValueError(f"compare_runs: {error}") from None


def _of_network(found: "Archive", name: str) -> RunRecord:
    """How it was compiled, how it learned, and the numbers among its metadata."""
    kept = found.tree("model")
    compiled, about = kept.get("compile") or {}, dict(kept.get("metadata") or {})
    settings = {"layers": " - ".join(str(layer.get("class")) for layer in kept.get("layers", []))}
    for key in ("loss", "optimizer"):
        told = compiled.get(key)
        if isinstance(told, Mapping) and "class" in told:
            settings[key] = _called(told)
    numbers = {k: v for k, v in about.items() if isinstance(v, float) and k.startswith("test_")}
    settings |= {k: _text(about[k]) for k in ("data", "task", "target", "seed") if about.get(k)}
    there = "history.json" in found
    history = History.from_tree(found.tree("history")) if there else History()
    settings |= {k: _text(v) for k, v in history.params.items() if v is not None}
    return RunRecord(name, settings, numbers, read(history), [])


def _of_estimator(found: "Archive", name: str) -> RunRecord:
    """Settings of a table estimator, its scores, and the loss of rows that were held out."""
    kept = found.tree("table", found.size)
    said = {k: v for k, v in kept["settings"].items() if v not in (None, (), [])}
    settings = {k: _text(v) for k, v in said.items() if k not in OUTPUTS}
    losses = [float(v) for v in kept["losses"]]
    scores = {k: float(own) for k, (own, _) in kept["evidence"]["scores"].items()}
    learned = [a for k, a in kept["arrays"].items() if k.startswith("network/")]
    series = {"val_loss": Series(list(range(len(losses))), losses)}
    return RunRecord(name, settings, scores, series, [], sum(a.size for a in learned))


def _called(told: Mapping[str, Any]) -> str:
    """What JSON says of an object, as Python writes it."""
    given = ", ".join(f"{k}={_text(v)}" for k, v in told.get("config", {}).items())
    return f"{told['class']}({given})"


# ------------------------------------------------------------------------------------ side by side


class RunComparison:
    """Two or more runs side by side: ``print`` it, let a notebook show it, or ``to_html``.

    Attributes:
        runs: what is known of each.
        results: name -> of each run a number, or None: results on test data, then the last and the
            best values of what was measured over the epochs.
        differing: settings that are not the same in all runs that have some, of each as text.
        same: those that are.
    """

    def __init__(self, runs: Sequence[RunRecord]) -> None:
        self.runs = list(runs)
        self.results = _results(self.runs)
        names = dict.fromkeys(k for run in self.runs for k in run.settings)
        told = {k: [run.settings.get(k, ABSENT) for run in self.runs] for k in names}
        known = [i for i, run in enumerate(self.runs) if run.settings]
        self.differing = {k: v for k, v in told.items() if len({v[i] for i in known}) > 1}
        self.same = {k: v[0] for k, v in told.items() if len(set(v)) == 1}

    def best(self, name: str) -> int | None:
        """Which run is best at a result; None if that is not known, or all are the same."""
        told, values = direction(name.rpartition(" ")[2]), self.results[name]
        known = [v for v in values if v is not None and isfinite(v)]
        if told is None or len(set(known)) < 2:
            return None
        return values.index(min(known) if told == "min" else max(known))

    def table(self) -> tuple[list[str], list[list[str]]]:
        """The heads and the rows of the table, all of them text; ``*`` marks the best."""
        rows = []
        for name, values in self.results.items():
            best = self.best(name)
            cells = [_number(name, v) for v in values]
            rows.append([name, *(c + ("*" if i == best else " ") for i, c in enumerate(cells))])
        rows += [[k.replace("_", " "), *(f"{v} " for v in told)] for k, told in self._short()]
        return ["", *(f"{run.name} " for run in self.runs)], rows

    def _short(self) -> list[tuple[str, list[str]]]:
        """Settings that differ; of long ones only the part in which they do."""
        return [(k, _without_common(values)) for k, values in self.differing.items()]

    def __str__(self) -> str:
        heads, rows = self.table()
        cells = [[printable(c) for c in row] for row in [heads, *rows]]
        wide = [max(len(row[i]) for row in cells) for i in range(len(heads))]
        lines = []
        for first, *others in cells:
            right = [c.rjust(w) for c, w in zip(others, wide[1:], strict=True)]
            lines.append("  ".join([first.ljust(wide[0]), *right]).rstrip())
        same = ", ".join(f"{k.replace('_', ' ')} {v}" for k, v in self.same.items())
        return "\n".join([*lines, *([printable(f"The same in all: {same}")] if same else [])])

    def _repr_html_(self) -> str:
        """What a notebook shows: the table and the curves."""
        charts = f'<div class="charts">{"".join(self._charts())}</div>'
        return parts.framed("Runs", self._tables(), charts, note=f"{len(self.runs)} side by side")

    def _tables(self) -> str:
        rows = [
            [name, *(self._cell(name, i, v) for i, v in enumerate(values))]
            for name, values in self.results.items()
        ]
        return parts.table(["", *(run.name for run in self.runs)], rows)

    def _cell(self, name: str, place: int, value: float | None) -> str:
        text = parts.escape(_number(name, value))
        return parts.Html(f"<b>{text}</b>" if place == self.best(name) else text)

    def _charts(self) -> list[str]:
        names = dict.fromkeys(name for run in self.runs for name in run.series)
        charts = []
        for name in names:
            places = [i for i, run in enumerate(self.runs) if name in run.series]
            shown = {self.runs[i].name: self.runs[i].series[name] for i in places}
            charts.append(overlaid(name, shown, places))
        return charts

    def to_html(self, path: "str | os.PathLike[str]", title: str = "Runs side by side") -> None:
        """Write one HTML file that needs nothing else: results, curves, and settings.

        Raises:
            OSError: the file cannot be written.
        """
        heads = ["", *(run.name for run in self.runs)]
        differ = [[k.replace("_", " "), *values] for k, values in self.differing.items()]
        same = {k.replace("_", " "): v for k, v in self.same.items()}
        charts = self._charts()
        note = "The best of each row is bold, if it is known whether higher or lower is better."
        made = [
            html.section("Results", self._tables(), note=note),
            html.section("Curves", html.charts(*charts)) if charts else None,
            html.section("Settings that differ", parts.table(heads, differ, text=len(heads)))
            if differ
            else None,
            html.section("The same in all", parts.facts(same)) if same else None,
        ]
        head = f'<p class="note">{parts.escape(", ".join(run.name for run in self.runs))}</p>'
        text = html.page(title, head, [part for part in made if part is not None])
        with atomic(path) as stream:
            stream.write(text.encode())


def _without_common(values: Sequence[str]) -> list[str]:
    """Long texts without the words in which they all agree."""
    if max(map(len, values)) <= 24:
        return list(values)
    words = [re.split(r"(?<=[,(])\s*|\s+", value) for value in values]
    common = set(words[0]).intersection(*words[1:])
    kept = [" ".join(w for w in own if w not in common).strip(" ,()") for own in words]
    return [k if len(k) <= 40 else f"{k[:39]}…" for k in (k or ABSENT for k in kept)]


def _number(name: str, value: float | None) -> str:
    if value is None:
        return ABSENT
    if name == "time":
        return duration(value)
    if name in ("epochs", "parameters") or name.endswith("best epoch"):
        return f"{value:,.0f}"
    return f"{value:.2%}" if name.endswith("accuracy") else readable(value)


def _results(runs: Sequence[RunRecord]) -> dict[str, list[float | None]]:
    """Numbers by name, of each run one, or None where it has none."""
    found: dict[str, list[float | None]] = {}
    tests = [{k.removeprefix("test_"): v for k, v in run.results.items()} for run in runs]
    for name in dict.fromkeys(k for own in tests for k in own):
        found[f"test {name}"] = [own.get(name) for own in tests]
    for name in dict.fromkeys(k for run in runs for k in run.series):
        series = [run.series.get(name) for run in runs]
        found[f"last {name}"] = [s.values[-1] if s and s.values else None for s in series]
        if direction(name):
            found[f"best {name}"] = [_best(name, s) for s in series]
    counts = [max((len(s.epochs) for s in run.series.values()), default=0) for run in runs]
    beside: dict[str, list[float | None]] = {
        "epochs": [n or None for n in counts],
        "time": [sum(run.seconds) if run.seconds else None for run in runs],
        "parameters": [run.parameters for run in runs],
    }
    return found | {k: v for k, v in beside.items() if any(n is not None for n in v)}


def _best(name: str, series: Series | None) -> float | None:
    good = [v for v in series.values if isfinite(v)] if series else []
    if not good:
        return None
    return min(good) if direction(name) == "min" else max(good)


def compare_runs(
    *runs: RunLike,
    names: Sequence[str] | None = None,
    html: "str | os.PathLike[str] | None" = None,
) -> RunComparison:
    """Set runs side by side: results, curves, settings that differ.

    Args:
        runs: two or more of what ``read_run`` takes: paths of reports, of folders of backups, of
            Histories as JSON or CSV, of saved models; or Histories.
        names: what to call them; the names of the files by default.
        html: also write a page there.

    Returns:
        The comparison: print it, or let a notebook show it.

    Raises:
        ValueError: there are fewer than two runs, or more than 12; other numbers of names.
        FileNotFoundError: there is no such file.

    >>> from axon.callbacks import History
    >>> a, b = History(), History()
    >>> for history, loss in ((a, 0.5), (b, 0.4)):
    ...     history.on_epoch_begin(0)
    ...     history.on_epoch_end(0, {"loss": loss})
    >>> compare_runs(a, b, names=["wide", "deep"]).results["last loss"]
    [0.5, 0.4]
    """
    if not 2 <= len(runs) <= MOST:
        raise ValueError(f"compare_runs: expected 2 to {MOST} runs, got {len(runs)}.")
    if names is not None and len(names) != len(runs):
        raise ValueError(f"compare_runs: got {len(names)} names for {len(runs)} runs.")
    found = [read_run(run, names[i] if names else None) for i, run in enumerate(runs)]
    made = RunComparison(_apart(found, runs))
    if html is not None:
        made.to_html(html)
    return made


def _apart(found: Sequence[RunRecord], given: Sequence[RunLike]) -> list[RunRecord]:
    """The runs, each with a name of its own: paths, or numbers, where names are the same."""
    taken: set[str] = set()
    made = []
    names = [run.name for run in found]
    for run, source in zip(found, given, strict=True):
        name = run.name
        if names.count(name) > 1 and isinstance(source, str | os.PathLike):
            name = os.fspath(source)
        tried = (f"{name} ({i})" if i > 1 else name for i in count(1))
        chosen = next(n for n in tried if n not in taken)
        taken.add(chosen)
        made.append(run._replace(name=chosen))
    return made
