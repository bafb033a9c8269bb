"""Draw the pictures of the gallery: ``python docs/_site/gallery_pictures.py [NAME ...]``.

Each example is run as it is, and drawn from what its ``main`` had in its hands when it returned.
Needs the extras `plot` and `images`, and a copy of MNIST.
"""

import importlib.util
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("agg")
import matplotlib.pyplot as plt
import numpy as np
from gallery import EXAMPLES
from matplotlib.figure import Figure
from PIL import Image

from axon import plot

ROOT = Path(__file__).parents[2]
OUT = ROOT / "docs" / "gallery" / "pictures"
SIZE = (4.8, 3.0)  # inches, at 100 pixels
BLUE, ORANGE = "#2f6fd6", "#d9731a"


def chart(ylabel: str = "", xlabel: str = "") -> tuple[Figure, Any]:
    """An empty chart."""
    figure, axes = plt.subplots(figsize=SIZE, layout="constrained")
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def rows(*lines: np.ndarray, names: tuple[str, ...] = ()) -> Figure:
    """Images (n, height, width) in rows, one below another."""
    figure, grid = plt.subplots(len(lines), len(lines[0]), figsize=SIZE, layout="constrained")
    for j, (line, axes_of_line) in enumerate(zip(lines, np.atleast_2d(grid), strict=True)):
        for image, axes in zip(line, axes_of_line, strict=True):
            axes.imshow(np.squeeze(image), cmap="gray_r")
            axes.set(xticks=[], yticks=[])
        if names:
            axes_of_line[0].set_ylabel(names[j])
    return figure


def sure(p: np.ndarray, truth: np.ndarray, names: tuple[str, str]) -> Figure:
    """How sure a network of one output is, for samples of either class."""
    figure, axes = chart("samples of the test set", "probability")
    parts = [np.ravel(p)[np.ravel(truth) == label] for label in (0, 1)]
    axes.hist(parts, bins=20, stacked=True, color=[BLUE, ORANGE], label=names)
    axes.legend(frameon=False)
    return figure


def history(model: Any, *names: str) -> Figure:
    """Curves over epochs."""
    figure, axes = chart(xlabel="epoch")
    for name, colour in zip(names, (BLUE, ORANGE), strict=False):
        values = model.history.history[name]
        axes.plot(range(1, len(values) + 1), values, color=colour, label=name.replace("_", " "))
    axes.legend(frameon=False)
    return figure


def against(truth: np.ndarray, found: np.ndarray, what: str) -> Figure:
    """What was predicted over what is so."""
    figure, axes = chart(f"{what}, predicted", f"{what}, measured")
    ends = [truth.min(), truth.max()]
    axes.plot(ends, ends, color="#999", linewidth=1)
    axes.scatter(truth, found, s=12, color=BLUE)
    return figure


def mistakes(at: dict[str, Any]) -> Figure:
    """The surest mistakes on the test set."""
    x, y, model = at["x_test"], at["y_test"], at["model"]
    p = model.predict(x)
    wrong = np.flatnonzero(p.argmax(axis=1) != y)
    worst = wrong[np.argsort(-p[wrong].max(axis=1))][:10]
    figure, grid = plt.subplots(2, 5, figsize=SIZE, layout="constrained")
    for i, axes in zip(worst, grid.flat, strict=True):
        axes.imshow(np.squeeze(x[i]), cmap="gray_r")
        axes.set(xticks=[], yticks=[])
        axes.set_title(f"{p[i].argmax()}, not {y[i]}", fontsize=9)
    return figure


def drawn_digits(at: dict[str, Any]) -> Figure:
    """Digits that nobody has written."""
    points = np.random.default_rng(2).normal(size=(32, at["size"]))
    digits = at["decoder"].predict(points).reshape(4, 8, 8, 8)
    return rows(*digits)


def discs(at: dict[str, Any]) -> Figure:
    """Images, and which pixels were found to belong to discs."""
    x = at["x_test"][:6]
    return rows(x, at["model"].predict(x), names=("seen", "found"))


def slope(at: dict[str, Any]) -> Figure:
    """Two clouds, and what the critic says of places."""
    figure, axes = chart()
    a, b = at["a"][:400], at["b"][:400]
    u, v = np.meshgrid(np.linspace(-3, 6, 60), np.linspace(-3, 7, 60))
    height = at["critic"].predict(np.stack([u, v], axis=-1).reshape(-1, 2)).reshape(60, 60)
    axes.contourf(u, v, height, 14, cmap="RdBu_r", alpha=0.75)
    axes.scatter(*a.T, s=4, color=BLUE)
    axes.scatter(*b.T, s=4, color=ORANGE)
    return figure


def two_bars(at: dict[str, Any]) -> Figure:
    """Accuracy by transfer and without."""
    figure, axes = chart("test accuracy")
    axes.bar(["by transfer", "without"], [at["transferred"], at["alone"]], color=[BLUE, ORANGE])
    axes.set_ylim(0, 1)
    return figure


def pairs(at: dict[str, Any]) -> Figure:
    """Pairs of digits, and how likely they are the same."""
    left, right = (part[:6] for part in at["test_pictures"])
    p = at["model"].predict((left, right))[:, 0]
    figure = rows(left, right)
    for axes, value in zip(figure.axes[:6], p, strict=True):
        axes.set_title(f"{value:.0%}", fontsize=10)
    return figure


def by_hand(at: dict[str, Any]) -> Figure:
    """The network whose gradients are written out."""
    import axon
    from axon.layers import Dense

    axon.set_random_seed(0)
    return plot.network(axon.Sequential([Dense(4, 5, "tanh"), Dense(5, 1, "sigmoid")]))


CANCER = ("benign", "malignant")
PICTURES: dict[str, tuple[dict[str, Any], Callable[[dict[str, Any]], Figure]]] = {
    "breast_cancer_classification/one_neuron.py": (
        {},
        lambda at: sure(at["neuron"].forward(at["x_test"]), at["y_test"], CANCER),
    ),
    "breast_cancer_classification/sequential.py": (
        {},
        lambda at: sure(at["model"].predict(at["x_test"]), at["y_test"], CANCER),
    ),
    "by_hand/backprop.py": ({"steps": 2}, by_hand),
    "regression/tumour_size.py": (
        {},
        lambda at: against(at["y_test"], at["model"].predict(at["x_test"]), "worst radius"),
    ),
    "mnist/adam.py": ({}, mistakes),
    "mnist/one_epoch.py": ({}, mistakes),
    "branching/residual.py": ({}, lambda at: history(at["model"], "loss", "accuracy")),
    "branching/two_inputs.py": ({}, pairs),
    "unet.py": ({}, discs),
    "transfer.py": ({}, two_bars),
    "multi_output.py": (
        {},
        lambda at: against(at["ink_test"], at["model"].predict(at["x_test"])["ink"], "ink"),
    ),
    "vae.py": ({}, drawn_digits),
    "gradient_penalty.py": ({}, slope),
}


def locals_of_main(path: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Run an example, and return what its ``main`` had when it ended."""
    spec = importlib.util.spec_from_file_location("example", ROOT / "examples" / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: dict[str, Any] = {}

    def watch(frame: Any, event: str, _: object) -> None:
        if event == "return" and frame.f_code is module.main.__code__:
            found.update(frame.f_locals)

    sys.setprofile(watch)
    try:
        module.main(**arguments)
    finally:
        sys.setprofile(None)
    return found


def main(*names: str) -> None:
    """Draw the pictures of these examples, or of all."""
    OUT.mkdir(parents=True, exist_ok=True)
    for example in EXAMPLES:
        if example.path in PICTURES and (not names or example.page in names):
            arguments, draw = PICTURES[example.path]
            figure = draw(locals_of_main(example.path, arguments))
            figure.set_size_inches(*SIZE)
            picture = BytesIO()
            figure.savefig(picture, dpi=150, facecolor="white")
            Image.open(picture).convert("RGB").save(OUT / f"{example.page}.webp", quality=80)
            print(example.page)


if __name__ == "__main__":
    main(*sys.argv[1:])
