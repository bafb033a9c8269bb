"""Filters: what the weights of a layer look for."""

from math import prod

import numpy as np

from axon.backend import Array
from axon.layers.model_like import ModelLike
from axon.layers.module import Module
from axon.plot.figure import FAINT, Axes, Figure, ScalarMappable, clipped, paper
from axon.plot.pictures import signed, spread

ROW = 8  # pictures side by side


def filters(
    model: ModelLike, limit: int = 32, shape: tuple[int, ...] | None = None, channels: int = 8
) -> Figure:
    """Draw the weights of a layer as pictures: the first one of a model that has any.

    Weights of a Dense on images are drawn in the shape of the images, a picture for each neuron;
    kernels of convolutions as they are, of several channels a picture for each, side by side. Blue
    is more than 0, red less; all pictures share one scale. Filters of three channels are drawn in
    colour, each stretched for itself.

    Args:
        model: a model, or a layer.
        limit: how many filters to draw at most, the first ones.
        shape: (height, width) or (height, width, channels) of the images that a Dense reads; by
            default the input shape of the model, or a square of 8×8 or more, if that fits.
        channels: how many channels of each filter to draw at most, if they are not colours.

    Returns:
        A matplotlib Figure.

    Raises:
        ValueError: no layer has weights yet, or the shape has another number of pixels.
        ImportError: matplotlib is missing.

    >>> from axon.layers import Conv2D
    >>> figure = filters(axon.Sequential([axon.layers.Input((8, 8, 1)), Conv2D(6, 3)]))
    >>> len(figure.axes), figure.get_suptitle()
    (7, 'conv2d: 6 filters of 3×3')
    """
    layer, weights, units = *_first(model), "filters"
    lost = "" if np.isfinite(weights).all() else " (not all are finite)"
    weights = np.nan_to_num(weights, posinf=0.0, neginf=0.0)
    if weights.ndim == 2:
        weights = weights.reshape(*_seen_as(weights.shape[0], shape, model), -1)  # (H, W, C, n)
        units = "neurons"
    pictures = _pictures(weights, layer)
    chosen = pictures[:limit]
    several = f"{len(chosen)} of {len(pictures)}" if len(chosen) < len(pictures) else len(pictures)
    high, wide = pictures.shape[1:3]
    size = f"{high}×{wide}" if high > 1 else f"{wide} input{'s' * (wide > 1)}"
    head = f"{clipped(layer.name, 30)}: {several} {units} of {size}{lost}"
    if pictures.shape[3] == 1 or pictures.shape[3] == 3:
        return _grid(chosen, head, units)
    return _rows(chosen[:, :, :, :channels], pictures.shape[3], head)


def _first(model: ModelLike) -> tuple[Module, Array]:
    """The first layer with weights of two axes or more, and the weights."""
    for module in model.modules():
        for path, parameter in module.named_parameters().items():
            if "/" not in path and len(parameter.shape) >= 2:
                return module, np.asarray(parameter.data, np.float32)
    raise ValueError(
        f"filters: {model.name!r} has no layer with weights, or its sizes are not known yet. Fit "
        "it, or call model.build(shape) with the shape of one sample."
    )


def _seen_as(inputs: int, shape: tuple[int, ...] | None, model: ModelLike) -> tuple[int, ...]:
    """The shape (height, width, channels) of what a Dense reads; 1 x inputs if it is no image."""
    if shape is not None:
        if len(shape) not in (2, 3) or prod(shape) != inputs:
            raise ValueError(f"filters: the neurons read {inputs} numbers, which are not {shape}.")
        return (*shape, 1)[:3]
    known = model.input_shape
    several = not isinstance(known, tuple) or not all(isinstance(n, int) for n in known)
    if not several and len(known) in (2, 3) and prod(known) == inputs:
        return (*known, 1)[:3]
    side = round(inputs**0.5)
    return (side, side, 1) if side >= 8 and side * side == inputs else (1, inputs, 1)


def _pictures(weights: Array, layer: Module) -> Array:
    """As (filters, height, width, channels)."""
    layer_type = type(layer).__name__
    if weights.ndim == 3:  # a series: (steps, channels, filters), drawn as channels x steps
        return weights.transpose(2, 1, 0)[..., None]
    if layer_type.endswith("Transpose"):  # (KH, KW, filters, channels)
        weights = weights.swapaxes(2, 3)
    if layer_type.startswith(("Depthwise", "Separable")):  # each channel for itself
        weights = weights.reshape(*weights.shape[:2], 1, -1)
    return weights.transpose(3, 0, 1, 2)


# ------------------------------------------------------------------------------------ on paper


def _grid(pictures: Array, head: str, units: str) -> Figure:
    """A picture for each filter; those of three channels in colour."""
    colour = pictures.shape[3] == 3
    if pictures.shape[1] == 1 and not colour:
        return _matrix(pictures[:, 0, :, 0], head, units)
    columns = min(ROW, len(pictures))
    rows = -(-len(pictures) // columns)
    figure = paper(max(0.95 * columns + (0 if colour else 0.8), 3.4), 1.05 * rows + 0.5)
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    most = float(np.abs(pictures).max(initial=0))
    for number, axes in enumerate(panels):
        axes.axis("off")
        if number < len(pictures):
            picture = pictures[number]
            axes.imshow(**({"X": spread(picture)} if colour else signed(picture[..., 0], most)))
            axes.set_title(str(number), fontsize=7, color=FAINT, pad=2)
    if not colour:
        _scale(figure, panels, panels[0].images[0])
    figure.suptitle(head, fontsize=11)
    return figure


def _matrix(weights: Array, head: str, units: str) -> Figure:
    """What reads no images: a row for each, a column for each input."""
    figure = paper(min(0.25 * weights.shape[1] + 2.4, 9), min(0.22 * len(weights) + 1.3, 9))
    axes = figure.subplots()
    axes.imshow(**signed(weights, float(np.abs(weights).max(initial=0))), aspect="auto")
    axes.set_xlabel("input", color=FAINT)
    axes.set_ylabel(units.removesuffix("s"), color=FAINT)
    axes.locator_params(integer=True)
    _scale(figure, [axes], axes.images[0])
    figure.suptitle(head, fontsize=11)
    return figure


def _rows(pictures: Array, channels: int, head: str) -> Figure:
    """A row for each filter, a column for each of its channels."""
    rows, columns = len(pictures), pictures.shape[3]
    figure = paper(max(0.6 * columns + 1.4, 3.4), 0.6 * rows + 0.8)
    panels = figure.subplots(rows, columns, squeeze=False)
    most = float(np.abs(pictures).max(initial=0))
    for (i, j), axes in np.ndenumerate(panels):
        axes.imshow(**signed(pictures[i, :, :, j], most))
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        if j == 0:
            axes.set_ylabel(str(i), fontsize=7, color=FAINT, rotation=0, ha="right", va="center")
        if i == 0:
            axes.set_title(str(j), fontsize=7, color=FAINT, pad=2)
    _scale(figure, list(panels.flat), panels[0, 0].images[0])
    several = f"{columns} of {channels}" if columns < channels else str(channels)
    figure.suptitle(f"{head}, {several} channels", fontsize=11)
    return figure


def _scale(figure: Figure, panels: list[Axes], image: ScalarMappable) -> None:
    bar = figure.colorbar(image, ax=panels, fraction=0.05, pad=0.02, aspect=25)
    bar.ax.tick_params(labelsize=7)
    bar.outline.set_visible(False)
