"""Floor 6: pictures of a training run, as matplotlib figures (extra ``axon-nn[plot]``)."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from axon.backend import Array
from axon.callbacks import History
from axon.models.drawing import need_matplotlib


def _figure(width: float, height: float) -> Any:
    """A figure that belongs to no window, so that nothing pops up and nothing has to be closed."""
    return need_matplotlib()(figsize=(width, height), layout="constrained")


def curves(history: History) -> Any:
    """Draw the loss and each metric over the epochs, training and validation together.

    Args:
        history: what ``fit`` returned.

    Returns:
        A matplotlib Figure; save it with ``figure.savefig("curves.png")``.

    Raises:
        ValueError: no epoch has been trained.
        ImportError: matplotlib is missing.
    """
    names = [name for name in history.history if not name.startswith("val_")]
    if not names:
        raise ValueError("curves: the history is empty. Train at least one epoch first.")
    figure = _figure(5 * len(names), 3.6)
    epochs = [epoch + 1 for epoch in history.epoch]
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        for label, key in (("training", name), ("validation", f"val_{name}")):
            if key in history.history:
                axes.plot(epochs, history.history[key], marker="o", markersize=3, label=label)
        axes.set(title=name, xlabel="epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend()
    return figure


def mistakes(
    x: Array,
    y_true: Array,
    probabilities: Array,
    class_names: Sequence[str] | None = None,
    limit: int = 25,
) -> Any:
    """Draw the samples that a classifier got wrong, most confident mistakes first.

    Args:
        x: (n, height, width) or (n, height, width, channels) images, or rows of features (n, k).
        y_true: (n,) labels.
        probabilities: (n, classes) predictions.
        class_names: names for the labels.
        limit: how many to show at most.

    Returns:
        A matplotlib Figure: a grid of images; for features, a table of the mistakes.
    """
    guesses, confidence = probabilities.argmax(axis=-1), probabilities.max(axis=-1)
    wrong = np.flatnonzero(guesses != y_true)
    wrong = wrong[np.argsort(-confidence[wrong], kind="stable")][:limit]
    names = class_names or [str(i) for i in range(probabilities.shape[-1])]
    titles = [f"{names[y_true[i]]}, read as {names[guesses[i]]} {confidence[i]:.0%}" for i in wrong]
    total = int((guesses != y_true).sum())
    head = f"{total} mistakes in {len(y_true):,} test samples"
    return _images(x[wrong], titles, head) if x.ndim > 2 else _list(wrong, titles, head)


def _images(x: Array, titles: list[str], head: str) -> Any:
    columns = max(1, min(5, len(x)))
    rows = max(1, -(-len(x) // columns))
    figure = _figure(2.1 * columns, 2.2 * rows + 0.5)
    for axes in figure.subplots(rows, columns, squeeze=False).flat:
        axes.axis("off")
    for axes, image, title in zip(figure.axes, x, titles, strict=False):
        axes.imshow(image, cmap="gray_r")
        axes.set_title(title, fontsize=8)
    figure.suptitle(head)
    return figure


def _list(rows: Array, titles: list[str], head: str) -> Any:
    """One line per mistake, where a sample is not an image."""
    figure = _figure(5, 0.25 * len(titles) + 1)
    lines = [f"test row {row}: {title}" for row, title in zip(rows, titles, strict=True)]
    figure.text(0.05, 0.9, "\n".join([head, "", *lines]), va="top", family="monospace", fontsize=8)
    return figure


def save(figure: Any, path: "str | os.PathLike[str]") -> None:
    """Write a figure as PNG, at a resolution for screens."""
    figure.savefig(path, dpi=130, format="png")
