"""The decision boundary: what a model answers everywhere on a plane."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from axon.backend import Array, as_array
from axon.containers import plain
from axon.core import TensorLike
from axon.layers.model_like import CompiledModel
from axon.plot.figure import (
    INK,
    MARKERS,
    SERIES,
    Axes,
    Figure,
    Look,
    clipped,
    labels_of,
    names_of,
    paper,
)

Place = tuple[Axes, Array, Array, Array]  # the numbers along both axes, and all answers
ModelOrFunction = CompiledModel | Callable[[Array], TensorLike]
FAINTEST, STRONGEST = 0.12, 0.5  # how much colour an area has, from the least sure to the surest


def decision_boundary(
    model: ModelOrFunction,
    x: TensorLike,
    y: TensorLike,
    class_names: Sequence[str] | None = None,
    task: str = "auto",
    resolution: int = 200,
) -> Figure:
    """Draw what a model answers everywhere on a plane, and the samples on it.

    Areas have the colour of the class that the model chooses, the stronger the surer it is; a line
    is where it changes its mind. Classes have markers of their own, too. For regression, colours
    are values, and a sample that is well fitted has the colour of its surroundings.

    Args:
        model: a model, a layer or a Neuron of two inputs; or a function (n, 2) -> predictions.
        x: (n, 2) samples.
        y: labels (n,), 0 and 1 or -1 and 1 for two classes; one-hot rows; or values.
        class_names: names for the labels.
        task: "classification", "regression", or "auto": regression if there is one output and y
            holds fractions or more than 20 different numbers.
        resolution: points along each axis.

    Returns:
        A matplotlib Figure.

    Raises:
        ValueError: the samples do not have two features, x and y differ in length, or the model
            answers NaN.
        ImportError: matplotlib is missing.

    A single output is read as a probability of class 1 if it lies between 0 and 1 everywhere, and
    as a score otherwise: class 1 above 0.

    >>> figure = decision_boundary(lambda x: x[:, 0] > x[:, 1], [[0, 1], [1, 0]], [0, 1])
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['0', '1']
    """
    x, y = as_array(x, np.dtype(np.float64)), plain(y)
    if x.ndim != 2 or x.shape[1] != 2 or not len(x):
        raise ValueError(
            f"decision_boundary: expected samples of two features, (n, 2), got shape {x.shape}. "
            "Choose two columns, or project them, with PCA for instance."
        )
    if len(x) != len(y):
        raise ValueError(f"decision_boundary: got {len(x)} samples in x, but {len(y)} in y.")
    if task not in ("auto", "classification", "regression"):
        raise ValueError(
            "decision_boundary: task must be 'auto', 'classification' or 'regression', got "
            f"{task!r}."
        )
    across, down = _axes_of(x, resolution)
    grid = np.stack(np.meshgrid(across, down), axis=-1).reshape(-1, 2)
    answers = _answers(model, grid)
    regression = _is_regression(answers, y) if task == "auto" else task == "regression"
    figure = paper(5.4, 4.4)
    axes = figure.subplots()
    place = (axes, across, down, answers)
    if regression:
        _values(place, x, y.reshape(len(y), -1)[:, 0].astype(float))
    else:
        _classes(place, x, y, class_names)
    axes.set(xlim=(across[0], across[-1]), ylim=(down[0], down[-1]))
    return figure


def _axes_of(x: Array, resolution: int) -> tuple[Array, Array]:
    """Numbers along both axes, a little beyond the samples."""
    low, high = x.min(axis=0), x.max(axis=0)
    margin = np.where(high > low, 0.1 * (high - low), 1.0)
    across, down = np.linspace(low - margin, high + margin, resolution).T
    return across, down


def _answers(model: ModelOrFunction, grid: Array) -> Array:
    """Predictions (n, outputs)."""
    known: Any = model
    predict = getattr(known, "predict", known)
    out = np.asarray(predict(grid), np.float64)
    if len(out) != len(grid):
        raise ValueError(f"decision_boundary: {len(grid)} points went in, {len(out)} came out.")
    if not np.isfinite(out).all():
        raise ValueError(
            "decision_boundary: the model answers NaN or infinity, so there is nothing to draw. "
            'fit(..., debug="nan") finds where that comes from.'
        )
    return out.reshape(len(grid), -1)


def _is_regression(answers: Array, y: Array) -> bool:
    if answers.shape[1] > 1 or y.dtype.kind not in "iufb" or (y.ndim == 2 and y.shape[1] > 1):
        return False
    return bool((y != np.rint(y)).any()) or np.unique(y).size > 20


# ------------------------------------------------------------------------------------ classes


def _picture(place: Place, image: Array, **look: Any) -> Any:
    """An image with a pixel for each point."""
    axes, across, down, _ = place
    extent = (across[0], across[-1], down[0], down[-1])
    return axes.imshow(image, extent=extent, origin="lower", aspect="auto", **look)


def _classes(place: Place, x: Array, y: Array, class_names: Sequence[str] | None) -> None:
    axes, across, down, answers = place
    scores = _scores(answers)
    labels = labels_of("decision_boundary", y)
    known = np.unique(labels)
    if labels.dtype.kind not in "iu" or known.min() < 0:  # texts, or -1 and 1
        class_names = list(map(str, known)) if class_names is None else class_names
        labels = np.searchsorted(known, labels)
    count = max(scores.shape[1], int(labels.max()) + 1)
    names = names_of("decision_boundary", class_names, count)
    colours = _colours(count)
    chosen = scores.argmax(axis=1)
    size = (len(down), len(across))
    area = _area(scores, chosen, colours).reshape(*size, 4)
    _picture(place, area, interpolation="nearest")
    for c in range(scores.shape[1]):
        lead = _lead(scores, c).reshape(size)
        if lead.min() < 0 < lead.max():
            axes.contour(across, down, lead, levels=[0.0], colors=INK, linewidths=0.9)
    for c in np.unique(labels):
        look: Look = {"marker": MARKERS[c % len(MARKERS)], "color": colours[c], "zorder": 3}
        look |= {"edgecolors": "white" if count <= len(SERIES) else INK, "linewidths": 0.6}
        first, second = x[labels == c].T
        axes.scatter(first, second, s=22, label=names[c], **look)
    if len(np.unique(labels)) <= 12:
        _legend(axes)


def _legend(axes: Axes) -> None:
    handles, names = axes.get_legend_handles_labels()
    axes.legend(handles, [clipped(n, 24) for n in names], fontsize=8, framealpha=0.85)


def _scores(answers: Array) -> Array:
    """A column for each class; a single output is about class 1."""
    if answers.shape[1] > 1:
        return answers
    if answers.min() >= 0 and answers.max() <= 1:  # probabilities
        return np.concatenate([1 - answers, answers], axis=1)
    return np.concatenate([-answers, answers], axis=1)


def _lead(scores: Array, c: int) -> Array:
    """How far a class lies before the best of the others."""
    others = np.delete(scores, c, axis=1)
    return scores[:, c] - others.max(axis=1)


def _area(scores: Array, chosen: Array, colours: Array) -> Array:
    """Colours (n, 4) of the classes that are chosen, the stronger the larger their lead."""
    ordered = np.sort(scores, axis=1)
    lead = ordered[:, -1] - ordered[:, -2]
    most = float(np.quantile(lead, 0.98)) or 1.0
    strength = FAINTEST + (STRONGEST - FAINTEST) * np.clip(lead / most, 0, 1)
    return np.concatenate([colours[chosen], strength[:, None]], axis=1)


def _colours(count: int) -> Array:
    """Rows (red, green, blue)."""
    from matplotlib import colormaps
    from matplotlib.colors import to_rgb

    if count <= len(SERIES):
        return np.array([to_rgb(c) for c in SERIES[:count]])
    return np.array(colormaps["turbo"](np.linspace(0.04, 0.96, count)))[:, :3]


# ------------------------------------------------------------------------------------ values


def _values(place: Place, x: Array, y: Array) -> None:
    axes, across, down, answers = place
    surface = answers[:, 0].reshape(len(down), len(across))
    low, high = min(surface.min(), y.min()), max(surface.max(), y.max())
    limits: Look = {"vmin": low, "vmax": high if high > low else low + 1, "cmap": "viridis"}
    image = _picture(place, surface, **limits)
    if surface.max() > surface.min():
        axes.contour(across, down, surface, levels=8, colors="white", linewidths=0.4, alpha=0.6)
    first, second = x.T
    axes.scatter(first, second, c=y, s=24, edgecolors="white", linewidths=0.7, zorder=3, **limits)
    bar = axes.figure.colorbar(image, ax=axes, pad=0.02)
    bar.outline.set_visible(False)
