"""Mistakes: the samples that a classifier got wrong."""

from collections.abc import Sequence

import numpy as np

from axon.backend import Array
from axon.containers import plain
from axon.core import TensorLike
from axon.metrics.scores import probabilities
from axon.plot.figure import Figure, Look, clipped, labels_of, names_of, paper
from axon.plot.pictures import shown

ROW = 5  # images side by side


def mistakes(
    x: TensorLike,
    y_true: TensorLike,
    probabilities: TensorLike,
    class_names: Sequence[str] | None = None,
    limit: int = 25,
) -> Figure:
    r"""Draw the samples that a classifier got wrong, most confident mistakes first.

    Args:
        x: (n, height, width) or (n, height, width, channels) images, or rows of features (n, k).
        y_true: labels (n,), or one-hot rows (n, classes).
        probabilities: (n, classes) predictions; (n,) or (n, 1) of class 1, if there are two.
        class_names: names for the labels.
        limit: how many to show at most.

    Returns:
        A matplotlib Figure: a grid of images; for features, a list of the mistakes.

    Raises:
        ValueError: the arguments differ in length, or a class has no name.
        ImportError: matplotlib is missing.

    >>> figure = mistakes(np.zeros((2, 4, 4)), [0, 1], [[0.9, 0.1], [0.8, 0.2]], ["cat", "dog"])
    >>> figure.axes[0].get_title()
    'dog\nread as cat, 80%'
    """
    x, p = plain(x), _both_classes(probabilities)
    y = labels_of("mistakes", y_true)
    if not len(x) == len(y) == len(p):
        raise ValueError(
            f"mistakes: x, y_true and probabilities differ in length: {len(x)}, {len(y)}, {len(p)}."
        )
    names = names_of("mistakes", class_names, max(p.shape[1], int(y.max(initial=0)) + 1))
    guesses, confidence = p.argmax(axis=-1), p.max(axis=-1)
    wrong = np.flatnonzero(guesses != y)
    head = f"{len(wrong):,} mistake{'s' * (len(wrong) != 1)} in {len(y):,} samples"
    wrong = wrong[np.argsort(-confidence[wrong], kind="stable")][:limit]
    said = [(names[y[i]], names[guesses[i]], f"{confidence[i]:.0%}") for i in wrong]
    return _images(x[wrong], said, head) if x.ndim > 2 else _list(wrong, said, head)


def _both_classes(given: TensorLike) -> Array:
    """As (n, classes), also where only the probability of class 1 is given."""
    p = plain(given)
    if p.ndim not in (1, 2):
        raise ValueError(f"mistakes: expected probabilities (n, classes), got shape {p.shape}.")
    return probabilities(p)


def _images(x: Array, said: list[tuple[str, str, str]], head: str) -> Figure:
    columns = max(1, min(ROW, len(x)))
    rows = max(1, -(-len(x) // columns))
    figure = paper(max(1.75 * columns, 3.2), 2.1 * rows + 0.4)
    panels = figure.subplots(rows, columns, squeeze=False).flat
    for axes in panels:
        axes.axis("off")
    for axes, image, (truth, guess, share) in zip(figure.axes, x, said, strict=False):
        axes.imshow(**shown(image))
        title = f"{clipped(truth, 24)}\nread as {clipped(guess, 11)}, {share}"
        axes.set_title(title, fontsize=8)
    figure.suptitle(head, fontsize=11)
    return figure


def _list(rows: Array, said: list[tuple[str, str, str]], head: str) -> Figure:
    """One line per mistake, where a sample is not an image."""
    lines = [
        f"row {row}: {clipped(t, 24)}, read as {clipped(g, 24)} {share}"
        for row, (t, g, share) in zip(rows, said, strict=True)
    ]
    figure = paper(5, 0.135 * len(lines) + 0.6)
    figure.suptitle(head, fontsize=11)
    axes = figure.subplots()
    axes.axis("off")
    style: Look = {"va": "top", "family": "monospace", "fontsize": 8, "transform": axes.transAxes}
    axes.text(0, 1, "\n".join(lines), **style)
    return figure
