"""The sections of a report, each a string of HTML or None if there is nothing to show."""

import os
import platform
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from axon.backend import Array
from axon.callbacks import History
from axon.callbacks.history import values_table
from axon.html import parts
from axon.inspect.profile import Profile
from axon.inspect.summary import Summary
from axon.names import direction, readable
from axon.plot.figure import need_matplotlib
from axon.plot.inline import curve_charts
from axon.plot.runs import read
from axon.program.lowerings import in_full
from axon.report import classes
from axon.report import page as html
from axon.report.numbers import of_numbers
from axon.report.page import Section
from axon.report.results import ReportedModel, Results, Samples
from axon.threads import get_threads
from axon.version import __version__

SHOWN, FEATURES = 24, 12  # mistakes, and numbers of each that are shown


def headline(
    model: ReportedModel,
    history: History | None,
    measured: Mapping[str, float | Array] | None,
    found: Sequence[Results],
    x: Samples | None,
) -> str:
    """The numbers that count, large, and what they are measured on."""
    shown: dict[str, str] = {}
    values = measured if measured is not None else _last(history)
    shown |= {name.removeprefix("val_"): _number(name, v) for name, v in values.items()}
    shown["parameters"] = f"{model.count_params():,}"
    if history is not None and history.seconds:
        shown["time"] = f"{sum(history.seconds):,.1f} s"
        shown["epochs"] = str(len(history.epoch))
    beside = dict(pair for results in found for pair in _baselines(results, values))
    if measured is not None:
        said = f"Measured on test data: {_size(x)} that the model did not learn from."
    elif any(name.startswith("val_") for name in values):
        said = "Measured on validation data at the end of training."
    else:
        said = "Measured on the training data, in the last epoch."
    return html.figures(shown, said if values else "Nothing was measured.", beside)


def _first(x: Samples | None) -> Array:
    """The samples, or those of the first input."""
    if isinstance(x, Mapping):
        x = next(iter(x.values()), ())
    return np.asarray(x[0] if isinstance(x, tuple) else x)


def count_of(x: Samples) -> int:
    """How many samples there are."""
    return len(_first(x))


def _size(x: Samples | None) -> str:
    """How many rows there are.

    >>> _size(np.zeros((1200, 3))), _size((np.zeros((2, 3)),))
    ('1,200 rows', '2 rows')
    """
    first = _first(x)
    thing = "image" if first.ndim == 4 and _images(first, len(first)) is not None else "row"
    return f"{len(first):,} {thing}{'s' * (len(first) != 1)}"


def _baselines(results: Results, measured: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """What the best constant answer scores, beside what was measured."""
    end = f"{results.output}_" if results.output else ""
    if results.task == "classes":
        share, name = classes.baseline(results.truth[results.counts], results.names)
        if f"{end}accuracy" in measured:
            yield f"{end}accuracy", f"always {name!r}: {share:.2%}"
    elif results.task == "numbers" and results.truth.size:
        y = results.truth.reshape(len(results.truth), -1).astype(np.float64)
        off = y - y.mean(axis=0)
        constant = {
            **dict.fromkeys(("mse", "mean_squared_error"), float((off**2).mean())),
            **dict.fromkeys(("rmse", "root_mean_squared_error"), float((off**2).mean() ** 0.5)),
            **dict.fromkeys(("mae", "mean_absolute_error"), float(abs(off).mean())),
        }
        for name, value in constant.items():
            if f"{end}{name}" in measured:
                yield f"{end}{name}", f"always the mean: {readable(value)}"


def _last(history: History | None) -> dict[str, float]:
    """What the last epoch ended with: of validation if there was one."""
    if history is None:
        return {}
    held_out = {k: v for k, v in history.history.items() if k.startswith("val_")}
    return {k: v[-1] for k, v in (held_out or history.history).items() if v}


def _number(name: str, value: float | Array) -> str:
    if isinstance(value, np.ndarray) and value.ndim:
        return f"array {value.shape}"
    value = float(value)
    return f"{value:.2%}" if name.endswith("accuracy") else readable(value)


# ------------------------------------------------------------------------------------ the run


def curves(history: History | None) -> Section | None:
    """A picture for each of loss and metrics, and all their values."""
    if history is None or not history.epoch:
        return None
    drawn = html.charts(*curve_charts(read(history)))
    note = _best(history)
    return html.section(
        "Training", drawn, parts.details("All values", values_table(history)), note=note
    )


def _best(history: History) -> str:
    """Which epoch was the best one, and whether the loss of validation grew afterwards."""
    name = "val_loss" if "val_loss" in history.history else "loss"
    values = history.history.get(name, [])
    if not np.isfinite(values).any() or direction(name) != "min" or len(values) < 2:
        return ""
    best = history.best(name)
    said = f"{name} is lowest in epoch {best.epoch + 1}: {readable(best.value)}."
    if name == "val_loss" and values[-1] > 1.1 * best.value > 0:
        said += " It grew afterwards: the model began to learn its training data by heart."
    return said


# ------------------------------------------------------------------------------------ results


def results(
    found: Results, x: Samples, features: Sequence[str], labels: Sequence[object] | None = None
) -> Iterator[Section | None]:
    """What the model makes of the data, for one output.

    Args:
        found: predictions, with targets.
        x: the samples.
        features: names of their numbers, or nothing.
        labels: what the rows are called; their numbers from 1 by default.
    """
    called = [str(v) for v in (range(1, len(found.counts) + 1) if labels is None else labels)]
    prefix = f"{found.output}: " if found.output else ""
    if found.task == "numbers":
        if found.guesses.ndim <= 2:
            yield from of_numbers(found.truth, found.guesses, found.names, prefix)
            yield _largest(found, x, features, called, prefix)
        return
    if found.task == "labels":
        yield classes.class_by_class(found.per_class(), "label", prefix)
        return
    assert found.probabilities is not None
    counts = found.counts
    truth, guesses, p = (v[counts] for v in (found.truth, found.guesses, found.probabilities))
    yield classes.confused(truth, guesses, found.names, prefix)
    yield classes.class_by_class(found.per_class(), "class", prefix)
    yield from classes.of_classes(truth, p, found.names, prefix)
    yield _mistakes(found, x, features, called, prefix)


def _mistakes(
    found: Results, x: Samples, features: Sequence[str], called: Sequence[str], prefix: str
) -> Section:
    """The samples that were taken for another class: images, or rows with their numbers."""
    heading = f"{prefix}Mistakes"
    wrong, total = found.wrong, int(found.counts.sum())
    if not len(wrong):
        return html.section(heading, note=f"None in {total:,} rows.")
    note = f"{len(wrong):,} of {total:,} rows"
    note += f"; the {SHOWN} most confident ones:" if len(wrong) > SHOWN else ":"
    captions = {int(i): _caption(found, int(i)) for i in wrong[:SHOWN]}
    images = _images(x, total)
    if images is None:
        heads, cells = rows_of(x, len(found.counts), features)
        rows = [[_of(called, i), *caption, *cells(i)] for i, caption in captions.items()]
        listed = parts.table(["row", "true", "predicted", "probability", *heads], rows, text=3)
        return html.section(heading, listed, note=note)
    drawn = "".join(
        f"<figure>{html.thumbnail(images[i], f'sample {i}')}<figcaption>"
        f"{parts.escape(f'{true}, taken for {guess} {by}')}</figcaption></figure>"
        for i, (true, guess, by) in captions.items()
    )
    return html.section(heading, f'<div class="grid">{drawn}</div>', note=note)


def _largest(
    found: Results, x: Samples, features: Sequence[str], called: Sequence[str], prefix: str
) -> Section | None:
    """The rows whose numbers are farthest from what was predicted."""
    y, p = (v.reshape(len(v), -1) for v in (found.truth, found.guesses))
    off = p.astype(np.float64) - y
    spread = y.std(axis=0)
    far = np.nan_to_num(abs(off) / np.where(spread > 0, spread, 1.0)).max(axis=1)
    heads, cells = rows_of(x, len(y), features)
    rows = [
        [_of(called, i), found.names[k], *map(readable, (y[i, k], p[i, k], off[i, k])), *cells(i)]
        for i in np.argsort(-far, kind="stable")[:SHOWN].tolist()
        for k in [int(abs(off[i]).argmax())]
    ]
    heads = ["row", "output", "true", "predicted", "off by", *heads]
    listed = parts.table(heads, rows, text=2)
    note = f"The {len(rows)} rows that are farthest off, with their values."
    return html.section(f"{prefix}Largest errors", listed, note=note)


def _of(called: Sequence[str], row: int) -> str:
    """What a row is called; of sequences, whose rows are steps, its number."""
    return called[row] if row < len(called) else str(row + 1)


def rows_of(x: Samples, count: int, features: Sequence[str]) -> tuple[list[str], "RowCells"]:
    """The numbers of rows that are no images: their names, and those of one row."""
    if not isinstance(x, tuple | list | dict):
        numbers = np.asarray(x)
        if numbers.ndim == 2 and len(numbers) == count:
            width = min(numbers.shape[1], FEATURES)
            named = list(features) if len(features) == numbers.shape[1] else []
            names = (named or [f"x{i}" for i in range(width)])[:width]
            return names, RowCells(numbers[:, :width])
    return [], RowCells(np.empty((count, 0)))


class RowCells:
    """The numbers of one row, as text."""

    def __init__(self, numbers: Array) -> None:
        self.numbers = numbers

    def __call__(self, row: int) -> list[str]:
        """Those of this row."""
        return [readable(float(v)) for v in self.numbers[row]]


def _caption(found: Results, i: int) -> tuple[str, str, str]:
    assert found.probabilities is not None
    share = float(found.probabilities[i].max())
    return found.names[int(found.truth[i])], found.names[int(found.guesses[i])], f"{share:.1%}"


def _images(x: Samples, count: int) -> Array | None:
    """The samples as images, if they are: (n, height, width) or with 1 or 3 channels."""
    if isinstance(x, tuple | list | dict):
        return None
    x = np.asarray(x)
    if len(x) != count or x.ndim not in (3, 4) or (x.ndim == 4 and x.shape[-1] not in (1, 3)):
        return None
    if x.ndim == 4 and x.shape[-1] == 3:
        low, high = float(x.min()), float(x.max())
        return np.asarray((x - low) / (high - low or 1.0))
    return x.reshape(x.shape[:3])


# ------------------------------------------------------------------------------------ the model


def network(model: ReportedModel) -> Section:
    """The layers, as a picture and as a table."""
    summary = Summary(model, expand_nested=True)
    totals = "; ".join(summary.totals)
    listed = parts.table(summary.columns, summary.rows, text=2)
    return html.section("Network", listed, _drawing(model), note=totals)


def _drawing(model: ReportedModel) -> str:
    """The layers as a picture, where matplotlib is installed."""
    try:
        need_matplotlib()
    except ImportError:
        return ""
    drawn = html.figure(model.plot(), "layers of the model, and what flows between them")
    return parts.details("Drawing", f'<div class="picture">{drawn}</div>')


def program(model: ReportedModel, profile: Profile | None) -> Section | None:
    """What a step does, and where its time goes if that was measured."""
    if profile is None:
        try:
            text = str(model.program)
        except RuntimeError:  # nothing was recorded
            return None
        return html.section("Program", parts.details("Every instruction", parts.preformatted(text)))
    phases = list(profile.phases)
    rows = [
        [part.layer, *(_micro(getattr(part, phase)) for phase in phases), parts.Share(part.share)]
        for part in profile.layers
    ]
    layers = parts.table(["layer, µs", *phases, "share"], rows)
    note = (
        f"{profile.title}: {profile.replay * 1e3:,.3f} ms, {profile.limit:.0%} of what this "
        "machine could do at best."
    )
    everything = parts.details("Every instruction", parts.preformatted(str(profile)))
    return html.section("Where the time goes", layers, everything, note=note)


def _micro(seconds: float) -> str:
    return f"{seconds * 1e6:,.1f}" if seconds else "·"


def settings(model: ReportedModel, history: History | None, more: Mapping[str, object]) -> Section:
    """How it was trained."""
    known = {k.replace("_", " "): v for k, v in settings_of(model, history, more).items()}
    return html.section("Settings", parts.facts(known))


def settings_of(
    model: ReportedModel, history: History | None, more: Mapping[str, object]
) -> dict[str, object]:
    """How it was trained, by name."""
    params = dict(history.params) if history is not None else {}
    kept = {k: v for k, v in params.items() if v is not None}
    return {"loss": model.loss, "optimizer": model.optimizer, **kept, **more}


def run_of(
    model: ReportedModel,
    history: History | None,
    measured: Mapping[str, float | Array] | None,
    more: Mapping[str, object],
    title: str,
) -> dict[str, object]:
    """What ``compare_runs`` reads of a report."""
    settings = settings_of(model, history, more)
    layers = " - ".join(row[0].partition(" (")[2].rstrip(")") for row in Summary(model).rows)
    return {
        "title": title,
        "settings": {**{k: _simple(v) for k, v in settings.items()}, "layers": layers},
        "results": {k: v for k, v in (measured or {}).items() if not np.ndim(v)},
        "parameters": model.count_params(),
        "seconds": list(history.seconds) if history is not None else [],
        "epoch": list(history.epoch) if history is not None else [],
        "measured": dict(history.measured) if history is not None else {},
        "history": dict(history.history) if history is not None else {},
    }


def _simple(value: object) -> object:
    return value if isinstance(value, int | float | str | bool | None) else str(value)


def versions() -> Section:
    """What it ran on."""
    known = {
        "AXON": __version__,
        "NumPy": np.__version__,
        "Python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "kernels": f"{in_full()}, threads: {get_threads()}",
    }
    return html.section("Versions", parts.facts(known))
