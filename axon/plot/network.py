"""The network: circles and lines for small ones, boxes and arrows for the others."""

from collections.abc import Sequence

import numpy as np

from axon.backend import Array
from axon.layers.dense import Dense
from axon.layers.model_like import ModelLike
from axon.layers.module import Module
from axon.layers.neuron import Neuron
from axon.plot.figure import FAINT, INK, SERIES, Axes, Figure, Look, clipped, names_of, paper

CIRCLES = 12  # neurons of a layer that are drawn; of more, the first and the last ones
STYLES = ("auto", "circles", "boxes")
PLUS, MINUS = SERIES[0], SERIES[1]
PASSING = ("Flatten", "Dropout", "Activation", "Input", "Softmax", "ReLU", "GaussianNoise")


def network(
    model: ModelLike | Module | Neuron,
    style: str = "auto",
    input_names: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
) -> Figure:
    """Draw a network: neurons as circles and weights as lines, or layers as boxes.

    A blue line is a weight above 0, an orange one below; the larger, the thicker. The ring of a
    circle shows its bias in the same way. Of wide layers the first and the last neurons are drawn.

    Args:
        model: a model that is built already, a Dense layer or a Neuron.
        style: "circles", for what is made of Dense layers; "boxes", what ``model.plot`` draws; or
            "auto": circles if no layer is wider than 32.
        input_names: what the inputs are called.
        class_names: what the outputs are called.

    Returns:
        A matplotlib Figure.

    Raises:
        ValueError: another style, circles for something else than Dense layers, or boxes for
            something else than a model.
        RuntimeError: the sizes of the model are not known yet.
        ImportError: matplotlib is missing.

    >>> figure = network(axon.layers.base.Neuron(3, "sigmoid"))
    >>> len(figure.axes[0].patches), len(figure.axes[0].collections[0].get_segments())
    (4, 3)
    """
    if style not in STYLES:
        known = ", ".join(map(repr, STYLES))
        raise ValueError(f"network: style must be one of {known}, got {style!r}.")
    layers = _dense(model)
    small = layers is not None and max(max(w.shape) for _, w, _ in layers) <= 32
    boxes = getattr(model, "plot", None)  # a layer or a Neuron has no boxes
    if boxes is not None and (style == "boxes" or (style == "auto" and not small)):
        return boxes()
    if layers is None or style == "boxes":
        hint = " Use style='boxes'." if boxes is not None else " Put it into a model."
        raise ValueError(
            f"network: {style if style != 'auto' else 'circles'} cannot be drawn of {model!r}: "
            f"circles are for Dense layers that follow one another, boxes for models.{hint}"
        )
    return _circles(layers, input_names, class_names)


Weights = tuple[str, Array, Array]  # what a layer is called, (inputs, neurons), (neurons,)


def _dense(drawn: ModelLike | Module | Neuron) -> list[Weights] | None:
    """The weights of each Dense; None if there is anything else."""
    if isinstance(drawn, Neuron):
        return [("neuron", drawn.weights[:, None], np.reshape(drawn.bias, (1,)))]
    layers = getattr(drawn, "layers", None)
    found = [m for m in layers or [drawn] if type(m).__name__ not in PASSING]
    dense = [layer for layer in found if type(layer) is Dense]
    if not found or len(dense) < len(found):
        return None
    if layers is not None and type(drawn).__name__ != "Sequential":
        return None
    return [_of(layer, drawn.name) for layer in dense]


def _of(layer: Dense, owner: str) -> Weights:
    if layer.weights is None:
        raise RuntimeError(
            f"network: the sizes of {owner!r} are not known yet. Fit it, or call "
            "model.build(shape) with the shape of one sample."
        )
    w = np.nan_to_num(layer.weights.data)
    b = np.zeros(w.shape[1]) if layer.bias is None else np.nan_to_num(layer.bias.data)
    return layer.name, w, b


# ------------------------------------------------------------------------------------ on paper


def _circles(
    layers: list[Weights], input_names: Sequence[str] | None, class_names: Sequence[str] | None
) -> Figure:
    from matplotlib.collections import LineCollection

    sizes = [layers[0][1].shape[0], *(w.shape[1] for _, w, _ in layers)]
    columns = [_chosen(n) for n in sizes]
    tallest = max(len(c) + (len(c) < n) for c, n in zip(columns, sizes, strict=True))
    figure = paper(1.9 * len(sizes) + 1.0, max(0.42 * tallest + 1.0, 2.0))
    axes = figure.subplots()
    places = [_places(c, n) for c, n in zip(columns, sizes, strict=True)]
    for x, (_, w, _) in enumerate(layers):
        pairs = [(i, j) for i in columns[x] for j in columns[x + 1]]
        lines = [[(x, places[x][i]), (x + 1, places[x + 1][j])] for i, j in pairs]
        values = np.array([w[i, j] for i, j in pairs])
        axes.add_collection(LineCollection(lines, **_look(values, float(np.abs(w).max()))))
    _neurons(axes, layers, columns, places)
    _words(axes, layers, sizes, places, input_names, class_names)
    return figure


def _chosen(count: int) -> list[int]:
    """The neurons that are drawn."""
    if count <= CIRCLES:
        return list(range(count))
    half = (CIRCLES - 1) // 2
    return [*range(half + 1), *range(count - half, count)]


def _places(chosen: list[int], count: int) -> dict[int, float]:
    """How high each neuron stands; a row stays free where some are left out."""
    gap = len(chosen) < count
    rows = {n: i + (gap and n != i) for i, n in enumerate(chosen)}
    middle = (len(chosen) - 1 + gap) / 2
    return {n: middle - row for n, row in rows.items()}


def _look(values: Array, most: float) -> Look:
    """Colours and widths of lines for weights."""
    share = np.abs(values) / (most or 1.0)
    colours = [PLUS if v >= 0 else MINUS for v in values]
    return {"colors": colours, "linewidths": 0.3 + 2.2 * share, "alpha": 0.25 + 0.65 * share}


def _neurons(
    axes: Axes, layers: list[Weights], columns: list[list[int]], places: list[dict[int, float]]
) -> None:
    from matplotlib.patches import Ellipse

    height = 0.62
    span = max(max(p.values()) - min(p.values()) for p in places) + 2.4
    width = height * (len(columns) + 0.2) / span * _ratio(axes)
    biases = np.concatenate([b for _, _, b in layers])
    most = float(np.abs(biases).max(initial=0)) or 1.0
    for x, column in enumerate(columns):
        for n in column:
            value = layers[x - 1][2][n] if x else 0.0
            edge = INK if value == 0 else PLUS if value > 0 else MINUS
            line = 0.8 + 2.2 * abs(value) / most
            style = {"facecolor": "white", "edgecolor": edge, "linewidth": line, "zorder": 3}
            axes.add_patch(Ellipse((x, places[x][n]), width, height, **style))
        if max(column) >= len(column):  # some are left out
            free = next(places[x][n] - 1 for n in column if n + 1 not in column)
            axes.text(x, free, "⋮", ha="center", va="center", fontsize=12, color=INK, zorder=4)
    axes.set(xlim=(-0.6, len(columns) - 0.4), ylim=(-span / 2, span / 2))
    axes.axis("off")


def _ratio(axes: Axes) -> float:
    """Height of the paper by its width: so that circles are round."""
    box = axes.figure.bbox
    return float(box.height / box.width)


def _words(
    axes: Axes,
    layers: list[Weights],
    sizes: list[int],
    places: list[dict[int, float]],
    input_names: Sequence[str] | None,
    class_names: Sequence[str] | None,
) -> None:
    top = axes.get_ylim()[1]
    heads = ["input", *(name for name, _, _ in layers)]
    for x, (head, size) in enumerate(zip(heads, sizes, strict=True)):
        text = f"{clipped(head, 16)} · {size}"
        axes.text(x, top, text, ha="center", va="top", fontsize=8, color=FAINT)
    for names, x, side in ((input_names, 0, -1), (class_names, len(sizes) - 1, 1)):
        if names is not None:
            called = names_of("network", names, sizes[x])
            for n, y in places[x].items():
                style: Look = {"ha": "right" if side < 0 else "left", "va": "center", "fontsize": 8}
                axes.text(x + 0.18 * side, y, clipped(called[n], 20), color=INK, **style)
