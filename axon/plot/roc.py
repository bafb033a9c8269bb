"""The ROC curve: how many of a class are found, by how many others are taken for it."""

from collections.abc import Sequence
from itertools import cycle

import numpy as np

from axon.backend import Array, as_array
from axon.core import TensorLike
from axon.metrics.scores import ranking
from axon.plot.figure import FAINT, SERIES, Figure, clipped, labels_of, names_of, paper, plain_frame

DRAWN = 8  # classes at most: those that are told apart worst


def roc_curve(
    y_true: TensorLike, probabilities: TensorLike, class_names: Sequence[str] | None = None
) -> Figure:
    """Draw the ROC curve of a classifier: one for two classes, else one for each class.

    It shows, for each threshold, the share of a class that is found against the share of the other
    samples that are taken for it. The area below is the chance that a sample of the class is given
    a larger probability than another one. Of more than 8 classes, the 8 worst are drawn.

    Args:
        y_true: labels (n,), or one-hot rows (n, classes).
        probabilities: (n, classes); (n,) or (n, 1) of class 1, if there are two.
        class_names: names for the labels.

    Returns:
        A matplotlib Figure.

    Raises:
        ValueError: the lengths differ, a probability is NaN, or no class has samples inside and
            outside of it.
        ImportError: matplotlib is missing.

    Fawcett, "An introduction to ROC analysis" (2006).

    >>> figure = roc_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    >>> figure.axes[0].lines[1].get_label()
    'area 0.750'
    """
    p, truth = as_array(probabilities, np.dtype(np.float64)), labels_of("roc_curve", y_true)
    p = p.reshape(len(p), -1)
    if len(p) != len(truth):
        raise ValueError(f"roc_curve: got {len(truth)} labels, but {len(p)} rows of probabilities.")
    if not np.isfinite(p).all():
        raise ValueError("roc_curve: the probabilities hold NaN or infinity, which have no order.")
    two = p.shape[1] <= 2
    chosen = [1] if two else range(p.shape[1])
    names = names_of("roc_curve", class_names, max(p.shape[1], 2))
    ranked = {names[c]: ranking(truth == c, p[:, min(c, p.shape[1] - 1)]) for c in chosen}
    found = {name: kept for name, kept in ranked.items() if kept is not None}
    areas = {name: kept.area for name, kept in found.items()}
    if not areas:
        raise ValueError("roc_curve: expected samples of at least two classes, got one class.")
    worst = set(sorted(areas, key=lambda name: areas[name])[:DRAWN])
    kept = {name: (of.roc, of.area) for name, of in found.items() if name in worst}
    return _drawn(kept, two)


def _drawn(curves: dict[str, tuple[tuple[Array, Array], float]], two: bool) -> Figure:
    figure = paper(4.4, 4.2)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8, linestyle=":")
    for (name, ((wrong, found), area)), colour in zip(curves.items(), cycle(SERIES), strict=False):
        label = f"area {area:.3f}" if two else f"{clipped(name, 18)}, area {area:.3f}"
        axes.plot(wrong, found, color=colour, linewidth=1.5, label=label)
    plain_frame(axes, "share of the others taken for it")
    axes.set_ylabel("share of the class found", color=FAINT)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    axes.legend(fontsize=8, loc="lower right")
    return figure
