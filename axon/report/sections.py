"""The sections of a report, each a string of HTML or None if there is nothing to show."""

import os
import platform
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from axon import plot
from axon.backend import Array
from axon.callbacks import History
from axon.html import parts
from axon.inspect.profile import Profile
from axon.inspect.summary import Summary
from axon.names import readable
from axon.plot.figure import SERIES, paper
from axon.plot.runs import read, table
from axon.program.lowerings import in_full
from axon.report import page as html
from axon.report.results import ReportedModel, Results, Samples
from axon.threads import get_threads
from axon.version import __version__

SHOWN, DRAWN, OUTPUTS = 24, 5000, 4  # mistakes, points of a scatter plot, outputs that are drawn


def headline(model: ReportedModel, history: History | None, found: Results | None) -> str:
    """The numbers that count, large."""
    shown: dict[str, str] = {}
    measured = found.measured if found else _last(history)
    shown |= {name.removeprefix("val_"): _number(name, v) for name, v in measured.items()}
    shown["parameters"] = f"{model.count_params():,}"
    if history is not None and history.seconds:
        shown["time"] = f"{sum(history.seconds):,.1f} s"
        shown["epochs"] = str(len(history.epoch))
    cells = "".join(
        f"<div><b>{parts.escape(v)}</b><span>{parts.escape(k)}</span></div>"
        for k, v in shown.items()
    )
    of = "on the data of this report" if found else "at the end of training"
    return f'<p class="note">Measured {of}.</p><div class="figures">{cells}</div>'


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


def curves(history: History | None) -> str | None:
    """A picture for each of loss and metrics, and all their values."""
    if history is None or not history.epoch:
        return None
    names = [name for name in history.history if not name.startswith("val_")]
    pictures = [html.figure(plot.curves(history, [n]), f"{n} over the epochs") for n in names]
    columns = table(read(history), history.epoch)
    rows = [
        [epoch + 1, *("" if v is None else readable(v, 5) for v in values)]
        for epoch, *values in zip(*columns.values(), strict=True)
    ]
    inside = f'<div class="pictures">{"".join(pictures)}</div>'
    return html.section(
        "Training", inside, parts.details("All values", parts.table(list(columns), rows))
    )


# ------------------------------------------------------------------------------------ results


def results(found: Results) -> list[str]:
    """What the model makes of the data."""
    if found.task == "numbers":
        return [scatter(found.truth, found.guesses, found.names)] if found.guesses.ndim <= 2 else []
    what = "class" if found.task == "classes" else "label"
    rows = [[name, *map(_share, score)] for name, score in found.per_class().items()]
    heads = [what, "precision", "recall", "F1", "samples"]
    made = [html.section("Class by class", parts.table(heads, rows))]
    if found.task == "classes":
        drawn = plot.confusion_matrix(
            found.truth[found.counts], found.guesses[found.counts], class_names=found.names
        )
        inside = f'<div class="picture">{html.figure(drawn, "confusion matrix")}</div>'
        made = [html.section("Confusion matrix", inside), *made, *_mistakes(found)]
    return made


def _share(value: float | None) -> str:
    """A share, a count, or nothing that there could be a share of."""
    if value is None:
        return "–"
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def _mistakes(found: Results) -> Iterable[str]:
    """The samples that were taken for another class, as images or by number."""
    wrong, total = found.wrong, int(found.counts.sum())
    if not len(wrong):
        return [html.section("Mistakes", note=f"None in {total:,} samples.")]
    note = f"{len(wrong):,} of {total:,} samples"
    note += f"; the {SHOWN} most confident ones:" if len(wrong) > SHOWN else ":"
    captions = {int(i): _caption(found, int(i)) for i in wrong[:SHOWN]}
    images = _images(found.x, total)
    if images is None:
        rows = [[i, *caption] for i, caption in captions.items()]
        listed = parts.table(["sample", "true", "taken for", "by"], rows)
        return [html.section("Mistakes", listed, note=note)]
    cells = [
        f"<figure>{html.thumbnail(images[i], f'sample {i}')}<figcaption>"
        f"{parts.escape(f'{true}, taken for {guess} {by}')}</figcaption></figure>"
        for i, (true, guess, by) in captions.items()
    ]
    return [html.section("Mistakes", f'<div class="grid">{"".join(cells)}</div>', note=note)]


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


def scatter(truth: Array, guesses: Array, names: Sequence[str]) -> str:
    """True and predicted values (n, ...); on the line they agree."""
    truth, guesses = (v.reshape(len(v), -1) for v in (truth, guesses))
    pick = np.linspace(0, len(truth) - 1, min(len(truth), DRAWN)).astype(int)
    pictures = []
    for name, true, guess in zip(names, truth[pick].T, guesses[pick].T, strict=False):
        axes = (drawn := paper(4.4, 4)).add_subplot()
        axes.scatter(true, guess, s=9, alpha=0.5, color=SERIES[0])
        ends = [min(true.min(), guess.min()), max(true.max(), guess.max())]
        axes.plot(ends, ends, color="0.4", linewidth=1)
        axes.set(xlabel="true", ylabel="predicted", title=f"output {name}")
        pictures.append(html.figure(drawn, f"true and predicted values of output {name}"))
    several = "pictures" if len(pictures) > 1 else "picture"
    inside = f'<div class="{several}">{"".join(pictures[:OUTPUTS])}</div>'
    return html.section("True and predicted values", inside)


# ------------------------------------------------------------------------------------ the model


def network(model: ReportedModel) -> str:
    """The layers, as a picture and as a table."""
    summary = Summary(model, expand_nested=True)
    drawn = html.figure(model.plot(), "layers of the model, and what flows between them")
    totals = "; ".join(summary.totals)
    inside = parts.details("Drawing", f'<div class="picture">{drawn}</div>')
    return html.section("Network", parts.table(summary.columns, summary.rows), inside, note=totals)


def program(model: ReportedModel, profile: Profile | None) -> str | None:
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


def settings(model: ReportedModel, history: History | None, more: Mapping[str, object]) -> str:
    """How it was trained."""
    params = dict(history.params) if history is not None else {}
    known = {
        "loss": model.loss,
        "optimizer": model.optimizer,
        **{k.replace("_", " "): v for k, v in params.items() if v is not None},
        **{k.replace("_", " "): v for k, v in more.items()},
    }
    return html.section("Settings", parts.facts(known))


def versions() -> str:
    """What it ran on."""
    known = {
        "AXON": __version__,
        "NumPy": np.__version__,
        "Python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "kernels": f"{in_full()}, threads: {get_threads()}",
    }
    return html.section("Versions", parts.facts(known))
