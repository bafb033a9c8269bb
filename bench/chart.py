"""results.json as a picture: training speed relative to PyTorch's, one panel for each workload."""

from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from bench.peers import CONTESTANTS
from bench.report import mismatch
from bench.work import WORKLOADS

TITLES = {
    "mlp-32": ("MLP 784-128-64-10", "batch 32, SGD"),
    "mlp-128": ("MLP 784-128-64-10", "batch 128, Adam"),
    "mlp-1024": ("MLP 784-128-64-10", "batch 1024, Adam"),
    "cnn": ("Two convolutions", "batch 128, Adam"),
    "cnn-norm": ("Convolutions, normalized", "dropout, batch 128, Adam"),
    "lstm": ("LSTM, 28 steps", "batch 128, Adam"),
    "attention": ("Attention, 49 patches", "batch 128, Adam"),
    "table": ("Small MLP 10-32-16-1", "batch 32, Adam"),
}
COLORS = {"axon": "#f2a65a", "axon-fast": "#d1495b"}
INK, PALE, OTHERS, LINE = "#22303c", "#66727e", "#b8c4ce", "#22303c"
BASE, COLUMNS = "torch", 4


def draw(results: dict[str, Any], path: Path) -> None:
    """Write the picture, if matplotlib is there and PyTorch was measured."""
    panels = {key: relative(found) for key, found in results["workloads"].items()}
    panels = {key: bars for key, bars in panels.items() if bars}
    if not panels or find_spec("matplotlib") is None:
        return
    from matplotlib.figure import Figure

    names = [name for name in CONTESTANTS if any(name in bars for bars in panels.values())]
    rows = -(-len(panels) // COLUMNS)
    columns = min(len(panels), COLUMNS)
    height = rows * (0.27 * len(names) + 0.75) + 1.0
    figure = Figure(figsize=(2.2 + 2.5 * columns, height), facecolor="white")
    grid = {"left": 2.05 / (2.2 + 2.5 * columns), "right": 0.985, "wspace": 0.12, "hspace": 0.34}
    margins = {"bottom": 0.42 / height, "top": 1 - 1.2 / height}
    axes = figure.subplots(rows, columns, squeeze=False, gridspec_kw=grid | margins)
    for number, panel in enumerate(axes.flat):
        if number < len(panels):
            key = list(panels)[number]
            fill(panel, panels[key], names, TITLES[key], labelled=number % columns == 0)
        else:
            panel.set_axis_off()
    words(figure, results, height)
    figure.savefig(path, dpi=150)


def relative(found: dict[str, Any]) -> dict[str, float]:
    """Speeds in units of PyTorch's, medians of the rounds' ratios; of those that did the work."""
    ready = {name: r for name, r in found.items() if r.get("train")}
    done = {name: r["train"] for name, r in ready.items() if not mismatch(found, name)}
    if BASE not in done:
        return {}
    return {
        name: median(b / s for b, s in zip(done[BASE], seconds, strict=False))
        for name, seconds in done.items()
    }


def fill(axes: Any, bars: dict[str, float], names: list[str], title: Any, labelled: bool) -> None:
    """One panel: a bar for each contestant, its number beside it."""
    widest = max(bars.values())
    for place, name in enumerate(names):
        ours = name in COLORS
        style = {"color": INK if ours else PALE, "weight": "bold" if ours else "normal"}
        if name not in bars:
            axes.text(0.02 * widest, place, "–", va="center", size=8, color=PALE)
            continue
        axes.barh(place, bars[name], height=0.72, color=COLORS.get(name, OTHERS), zorder=2)
        text = f"{bars[name]:.2f}" if bars[name] < 10 else f"{bars[name]:.0f}"
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.2}  # hides the line behind it
        beside = bars[name] + 0.03 * widest
        axes.text(beside, place, text, va="center", size=8, zorder=4, bbox=box, **style)
    axes.axvline(1, color=LINE, linewidth=0.8, linestyle=(0, (3, 3)), zorder=3)
    axes.set_xlim(0, widest * 1.2)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_title(title[0], loc="left", size=9.5, weight="bold", color=INK, pad=15)
    axes.text(0, 1.025, title[1], transform=axes.transAxes, size=8, color=PALE)
    axes.set_xticks([])
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    labels = [CONTESTANTS[name].name for name in names] if labelled else []
    axes.set_yticks(range(len(labels)), labels, size=8.5, color=INK)
    for label, name in zip(axes.get_yticklabels(), names, strict=False):
        label.set_weight("bold" if name in COLORS else "normal")


def words(figure: Any, results: dict[str, Any], height: float) -> None:
    """What the picture shows, and where it was measured."""
    left = 0.012
    title = "Training speed, PyTorch eager = 1; longer is faster"
    figure.text(left, 1 - 0.33 / height, title, size=14, weight="bold", color=INK)
    versions = results["versions"]
    shown = {"torch": "PyTorch", "keras": "Keras", "jax": "JAX", "scikit-learn": "scikit-learn"}
    known = ", ".join(f"{t} {versions[n].split('+')[0]}" for n, t in shown.items() if n in versions)
    rounds, cores = results["rounds"], results["cores"]
    where = f"{results['cpu']}, {cores} cores; medians of {rounds} rounds; {known}"
    figure.text(left, 1 - 0.58 / height, where, size=8.5, color=PALE)
    note = "Same data, weights, batches, arithmetic for all. –: missing, failed, or another loss."
    figure.text(left, 0.14 / height, note, size=8, color=PALE)


assert set(TITLES) == set(WORKLOADS)
