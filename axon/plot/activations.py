"""Activations: what each layer makes of one sample."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from axon.backend import Array
from axon.core import TensorLike
from axon.layers.model_like import ModelLike, calls_go_to
from axon.layers.module import Module
from axon.modes import Mode, TrainingMode, no_grad
from axon.plot.figure import FAINT, SERIES, Figure, Look, SubFigure, clipped, names_of, paper
from axon.plot.pictures import shown

BARS = 40  # numbers up to which each has a bar
ACROSS = 8  # feature maps side by side


class Output(NamedTuple):
    """What came out of a layer, of one sample."""

    name: str
    layer_type: str
    values: Array


def activations(
    model: ModelLike, sample: TensorLike, class_names: Sequence[str] | None = None, limit: int = 16
) -> Figure:
    """Draw what each layer makes of one sample: feature maps as pictures, numbers as bars.

    Layers that only pass on the same numbers, such as Flatten or Dropout, are left out.

    Args:
        model: built already.
        sample: one sample, without or with a batch axis of length 1; a tuple for several inputs.
        class_names: what the numbers of the last layer stand for.
        limit: how many feature maps of a layer to draw at most, the first ones.

    Returns:
        A matplotlib Figure: a row for the sample and one for each layer.

    Raises:
        RuntimeError: the sizes of the model are not known yet.
        ValueError: the sample has another shape.
        ImportError: matplotlib is missing.

    >>> from axon.layers import Dense
    >>> figure = activations(axon.Sequential([Dense(4, 3, "relu"), Dense(3, 2)]), np.ones(4))
    >>> [part.get_suptitle() for part in figure.subfigs]
    ['sample · 4', 'dense (Dense) · 3', 'dense_1 (Dense) · 2']
    """
    inputs = _inputs(model, sample)
    names = model.input_names if len(inputs) > 1 else ["sample"]
    rows = [Output(name, "", x[0]) for name, x in zip(names, inputs, strict=True)]
    outputs = _new(rows, outputs_of(model, inputs))
    return _drawn([*rows, *outputs], len(rows), class_names, limit)


def _inputs(model: ModelLike, sample: TensorLike) -> list[Array]:
    """The inputs with a batch axis, as the model wants them."""
    if model.input_shape is None:
        raise RuntimeError(
            f"model {model.name!r} is not built: its sizes are not known yet. Fit it, or call "
            "model.build(shape) with the shape of one sample."
        )
    several = model.width > 1
    shapes = model.input_shape if several else (model.input_shape,)
    samples: Sequence[Any] = sample if several else (sample,)  # type: ignore[assignment]
    if len(samples) != len(shapes):
        raise ValueError(f"activations: expected {len(shapes)} inputs, got {len(samples)}.")
    return [_one(np.asarray(x), shape, model) for x, shape in zip(samples, shapes, strict=True)]


def _one(x: Array, shape: tuple[int, ...], model: ModelLike) -> Array:
    if x.ndim == len(shape) + 1 and len(x) == 1:
        x = x[0]
    if x.ndim != len(shape):
        raise ValueError(
            f"activations: expected one sample of shape {shape}, got {x.shape}. Choose one: x[0]."
        )
    return x[None].astype(model.input_dtype)


def outputs_of(model: ModelLike, inputs: Sequence[Array]) -> list[Output]:
    """Run the model, and give what came out of each of its layers, in the order of time."""
    found: list[Output] = []

    def told(layer: Module, forward: Callable[..., Any], *inputs: Any, **options: Any) -> Any:
        out = forward(*inputs, **options)
        values = np.array(getattr(out, "data", out) if not isinstance(out, np.ndarray) else out)
        found.append(Output(layer.name, type(layer).__name__, values[0]))
        return out

    with calls_go_to(told, model.layers), Mode("recorder", None), no_grad(), TrainingMode(False):
        model.forward(*inputs)
    return found


def _new(before: list[Output], outputs: list[Output]) -> list[Output]:
    """Those that do not hold the same numbers as what came before."""
    last, kept = before[-1].values, []
    for output in outputs:
        same = output.values.size == last.size and np.array_equal(
            output.values.ravel(), last.ravel()
        )
        if not same:
            kept.append(output)
        last = output.values
    return kept


# ------------------------------------------------------------------------------------ on paper


def _drawn(
    rows: list[Output], inputs: int, class_names: Sequence[str] | None, limit: int
) -> Figure:
    heights = [_height(row.values, limit) for row in rows]
    figure = paper(7.0, sum(heights))
    parts = figure.subfigures(len(rows), 1, height_ratios=heights, squeeze=False)[:, 0]
    for number, (part, row) in enumerate(zip(parts, rows, strict=True)):
        layer_type = f" ({row.layer_type})" if row.layer_type else ""
        size = "×".join(map(str, row.values.shape)) or "1"
        several = row.values.ndim == 3 and row.values.shape[2] > limit and number >= inputs
        some = f", the first {limit}" if several else ""
        head = f"{clipped(row.name, 30)}{layer_type} · {size}{some}"
        part.suptitle(head, fontsize=9, x=0.02, ha="left")
        if number < inputs and (row.values.ndim == 3 or _is_square(row.values)):
            _maps(part, [row.values], {})
        elif row.values.ndim == 3:
            _maps(part, list(row.values.transpose(2, 0, 1)[:limit]), {"cmap": "viridis"})
        else:
            _numbers(part, row.values, class_names if number == len(rows) - 1 else None)
    return figure


def _is_square(values: Array) -> bool:
    """Whether a sample of two axes looks like an image, more than like a series."""
    return (
        values.ndim == 2 and min(values.shape) >= 6 and max(values.shape) <= 2 * min(values.shape)
    )


def _height(values: Array, limit: int) -> float:
    if values.ndim != 3:
        return 1.5 if _is_square(values) else 1.35
    maps = min(values.shape[2], limit)
    return 0.4 + 0.85 * -(-maps // ACROSS) if maps > 3 else 1.5


def _maps(part: SubFigure, maps: list[Array], look: Look) -> None:
    """Pictures side by side; all of a layer share one scale."""
    rows = -(-len(maps) // ACROSS)
    panels = list(part.subplots(rows, ACROSS, squeeze=False).flat)
    if look:
        values = np.stack(maps)
        finite = values[np.isfinite(values)]
        low, high = float(finite.min(initial=np.inf)), float(finite.max(initial=-np.inf))
        look = {**look, "vmin": low, "vmax": high} if high > low else look
    for axes in panels:
        axes.axis("off")
    for axes, picture in zip(panels, maps, strict=False):
        axes.imshow(**{**shown(picture), **look})


def _numbers(part: SubFigure, values: Array, class_names: Sequence[str] | None) -> None:
    """Bars for few numbers, a strip for many, a picture for a series (time, features)."""
    axes = part.subplots()
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)
    if values.ndim != 1 or values.size > BARS:
        flat = values.reshape(-1, values.shape[-1]) if values.ndim > 1 else values[None]
        image = axes.imshow(flat.T if values.ndim > 1 else flat, aspect="auto", cmap="viridis")
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
        part.colorbar(image, ax=axes, pad=0.01).ax.tick_params(labelsize=7)
        return
    axes.bar(range(values.size), values, color=SERIES[0])
    axes.axhline(0, color=FAINT, linewidth=0.6)
    axes.set_xlim(-0.7, max(values.size, 8) - 0.3)  # a single number is no wall
    names = names_of("activations", class_names, values.size) if class_names is not None else None
    short = [clipped(n, 12) for n in names] if names else list(map(str, range(values.size)))
    rotation = 90 if max(map(len, short)) * values.size > 90 else 0
    axes.set_xticks(range(values.size), short, rotation=rotation, fontsize=7)
