"""The confusion matrix: which class is taken for which."""

from collections.abc import Sequence

import numpy as np

from axon.backend import Array
from axon.core import TensorLike
from axon.metrics.scores import confusion
from axon.plot.figure import FAINT, INK, Axes, Figure, Look, clipped, labels_of, names_of, paper

WRITTEN = 26  # classes up to which the numbers are written into the cells
NAMED = 40  # and up to which every class is named at the side
WAYS = ("true", "pred", "all")


def confusion_matrix(
    y_true: TensorLike,
    y_pred: TensorLike,
    class_names: Sequence[str] | None = None,
    normalize: str | bool | None = None,
) -> Figure:
    """Draw how often each class (a row) was taken for each class (a column).

    What is right is blue, mistakes are orange; both are scaled for themselves, so that few mistakes
    among many samples are seen, too.

    Args:
        y_true: labels (n,), or one-hot rows (n, classes).
        y_pred: labels (n,), or probabilities (n, classes); (n, 1) of class 1, if there are two.
        class_names: names for the labels 0, 1, 2...
        normalize: "true", or True: shares of each row; "pred": of each column; "all": of all.

    Returns:
        A matplotlib Figure.

    Raises:
        ValueError: there are no samples, the lengths differ, or a class has no name.
        ImportError: matplotlib is missing.

    >>> figure = confusion_matrix([0, 0, 1], [0, 1, 1], ["cat", "dog"])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['1', '1', '0', '1']
    """
    if normalize is True:
        normalize = "true"
    if normalize and normalize not in WAYS:
        raise ValueError(
            f"confusion_matrix: normalize must be one of {', '.join(map(repr, WAYS))} or None, got "
            f"{normalize!r}."
        )
    truth, guess = (labels_of("confusion_matrix", y) for y in (y_true, y_pred))
    if len(truth) != len(guess) or not len(truth):
        raise ValueError(
            "confusion_matrix: expected as many y_pred as y_true, at least one, got "
            f"{len(guess)} and {len(truth)}."
        )
    truth, guess, names = _numbered(truth, guess, class_names)
    return _drawn(confusion(truth, guess, len(names)), names, normalize or None)


def _numbered(
    truth: Array, guess: Array, class_names: Sequence[str] | None
) -> tuple[Array, Array, list[str]]:
    """Labels as numbers from 0, and what they are called."""
    if truth.dtype.kind in "iu" and guess.dtype.kind in "iu" and min(truth.min(), guess.min()) >= 0:
        if class_names is not None or max(truth.max(), guess.max()) < 1000:
            count = max(int(truth.max()), int(guess.max())) + 1
            count = max(count, 0 if class_names is None else len(class_names))
            return truth, guess, names_of("confusion_matrix", class_names, count)
    known, numbers = np.unique(np.concatenate([truth, guess]), return_inverse=True)
    given = known.tolist() if class_names is None else class_names
    names = names_of("confusion_matrix", given, len(known))
    truth, guess = np.split(numbers.reshape(-1), [len(truth)])
    return truth, guess, names


def _shares(counts: Array, way: str) -> Array:
    total = counts.sum(axis={"true": 1, "pred": 0, "all": None}[way], keepdims=True)
    return counts / np.maximum(total, 1)


# ------------------------------------------------------------------------------------ on paper


def _drawn(counts: Array, names: list[str], way: str | None) -> Figure:
    n = len(names)
    side = min(max(0.42 * n, 2.6), 8.0)
    figure = paper(side + 1.4, side + 1.4)
    axes = figure.subplots()
    values = counts if way is None else _shares(counts, way)
    right = np.eye(n, dtype=bool)
    for part, colours in ((right, "Blues"), (~right, "Oranges")):
        most = float(values[part].max(initial=0)) or 1.0
        seen = np.where(part & (values > 0), values, np.nan)  # nothing is white
        limits: Look = {"vmin": -0.15 * most, "vmax": 1.15 * most}
        axes.imshow(seen, cmap=colours, interpolation="nearest", **limits)
    if n <= WRITTEN:
        _write(axes, values, way, 8.0 if n <= 12 else 6.0)
    _name(axes, names)
    share = np.trace(counts) / counts.sum()
    axes.set_title(f"{share:.1%} of {counts.sum():,} right", fontsize=11)
    return figure


def _write(axes: Axes, values: Array, way: str | None, size: float) -> None:
    right = float(np.diag(values).max(initial=0)) or 1.0
    wrong = float((values * ~np.eye(len(values), dtype=bool)).max(initial=0)) or 1.0
    for (i, j), value in np.ndenumerate(values):
        text = f"{value:,}" if way is None else f"{value:.0%}" if value else "0"
        dark = value / (right if i == j else wrong) > 0.6
        colour = "white" if dark else INK if value else "#BBBBBB"
        axes.text(j, i, text, ha="center", va="center", fontsize=size, color=colour)


def _name(axes: Axes, names: list[str]) -> None:
    """Each class at the sides, or every tenth of many."""
    step = 1 if len(names) <= NAMED else 10
    places, short = range(0, len(names), step), [clipped(name, 18) for name in names[::step]]
    upright = max(map(len, short)) > 3
    size = 9 if len(names) <= 12 else 7
    axes.set_xticks(places, short, rotation=90 if upright else 0, fontsize=size)
    axes.set_yticks(places, short, fontsize=size)
    axes.set_xlabel("taken for", color=FAINT)
    axes.set_ylabel("is", color=FAINT)
    axes.tick_params(length=0 if step == 1 else 2)
    axes.spines[:].set_color("#DDDDDD")
