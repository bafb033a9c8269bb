"""A model as a picture: a box for each layer, and arrows where tensors flow (extra "plot")."""

import os
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from axon.activations import name_of
from axon.backend import Shape
from axon.core import Tensor
from axon.inspect.call_graph import ModuleCall, Structure
from axon.inspect.diagram_layout import Edge, Layout, layout
from axon.layers.base import Layer
from axon.layers.model_like import ModelLike
from axon.layers.module import Module
from axon.modes import modes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CHAPTERS = {  # file of a layer -> colour of its box
    "dense": "#cfe2f3",
    "convolution": "#fce5cd",
    "separable": "#fce5cd",
    "transposed": "#fce5cd",
    "pooling": "#d9ead3",
    "preprocessing": "#ead1dc",
    "reshaping": "#eeeeee",
    "recurrent": "#d9d2e9",
    "attention": "#d9d2e9",
    "normalization": "#fff2cc",
    "sequential": "#d0e0e3",
    "model": "#d0e0e3",
}
OTHER, END, PLAIN, INK = "#f3f3f3", "#ffffff", "#fff2cc", "#333333"
CHARACTER = 0.085  # inches, of the title
GREY = "#777777"
PITCH, HEIGHT, SMALL, MARGIN = 0.95, 0.66, 0.3, 0.25  # inches: rows, boxes, operations, paper


Look = dict[str, Any]  # keyword arguments of what matplotlib draws


class Box(NamedTuple):
    """What is written in a box. One without a note is an operation between layers."""

    title: str
    note: str
    shape: Shape
    colour: str

    @property
    def size(self) -> str:
        """The shape of what comes out, of one sample."""
        return "×".join(map(str, self.shape)) or "1"

    @property
    def width(self) -> float:
        """Inches that the text needs."""
        if not self.note:
            return 0.3 + (len(self.title) + len(self.size) + 3) * CHARACTER * 0.85
        longest = max(len(self.title) * 1.1, len(self.note) * 0.85, len(self.size) * 0.85)
        return 0.3 + longest * CHARACTER

    @property
    def height(self) -> float:
        """Inches."""
        return HEIGHT if self.note else SMALL


class Drawing:
    """The boxes of a model, and which feeds which.

    >>> from axon.layers import Dense
    >>> from axon.models import Sequential
    >>> drawing = Drawing(Sequential([Dense(4, 3, "relu"), Dense(3, 2)]))
    >>> [box.title for box in drawing.boxes], drawing.edges
    (['Input', 'Dense', 'Dense', 'Output'], [(0, 1), (1, 2), (2, 3)])
    """

    def __init__(self, model: ModelLike, expand_nested: bool = False) -> None:
        modules = _leaves(model) if expand_nested else model.layers
        self.structure = structure = Structure(model, modules)
        self.boxes: list[Box] = []
        self.edges: list[Edge] = []
        self._source: dict[int, int] = {}  # id of a tensor -> number of the box it comes from
        for tensor, name in zip(structure.inputs, model.input_names, strict=True):
            self._add(Box("Input", name, tensor.shape[1:], END), [], [tensor])
        self._add_all([call for call in structure.calls if call.depth == 0])
        for output in structure.outputs:
            self._add(Box("Output", f"of {model.name}", output.shape[1:], END), [output])

    @property
    def widths(self) -> list[float]:
        """Of the boxes, in inches; those of layers are all alike."""
        widest = max((box.width for box in self.boxes if box.note), default=0.0)
        return [widest if box.note else box.width for box in self.boxes]

    def _add_all(self, calls: list[ModuleCall]) -> None:
        """In the order of time: calls of layers, and what is computed between them."""
        waiting = sorted(calls, key=lambda call: call.start)
        number, count = 0, len(self.structure.instructions)
        while waiting or number < count:
            if waiting and waiting[0].start <= number:
                call = waiting.pop(0)
                self._add(_box(call.module, call.output), call.inputs, call.outputs)
                number = max(number, call.stop)
            else:
                self._between(number)
                number += 1

    def _between(self, number: int) -> None:
        """An operation outside all layers: a small box, unless it only shows the same numbers."""
        primitive, inputs, out, *_ = self.structure.instructions[number]
        known = [t for t in inputs if id(t) in self._source]
        if primitive.kind == "fills" and known and not primitive.facts.hands_on:
            self._add(Box(primitive.name, "", out.shape[1:], PLAIN), known, [out])
        elif known:
            self._source.setdefault(id(out), self._source[id(known[0])])

    def _add(self, box: Box, inputs: list[Tensor], outputs: Sequence[Tensor] = ()) -> None:
        self.boxes.append(box)
        number = len(self.boxes) - 1
        sources = [self._source[id(t)] for t in inputs if id(t) in self._source]
        self.edges += [(source, number) for source in dict.fromkeys(sources)]
        for output in outputs:
            self._source[id(output)] = number


def _leaves(model: ModelLike | Module) -> list[Module]:
    """The layers of a model, those of models inside it in their place."""
    found: list[Module] = []
    for _, child in model.children():
        found += [child] if isinstance(child, Layer) else _leaves(child)
    return found


def _box(module: Module, output: Tensor) -> Box:
    chapters = [c.__module__.rpartition(".")[2] for c in type(module).__mro__]
    colour = next((CHAPTERS[chapter] for chapter in chapters if chapter in CHAPTERS), OTHER)
    return Box(type(module).__name__, _note(module), output.shape[1:], colour)


def _note(module: Module) -> str:
    """The name, and the activation if there is one."""
    activation = vars(module).get("activation")
    said = f", {name_of(activation)}" if callable(activation) else ""
    return module.name + (said if said != ", linear" else "")


# ------------------------------------------------------------------------------------ on paper


def plot(
    model: ModelLike,
    path: "str | os.PathLike[str] | None" = None,
    show_shapes: bool = True,
    expand_nested: bool = False,
) -> "Figure":
    """Draw a model from top to bottom, as it runs: branches and shortcuts are found by running it.

    Args:
        model: built already.
        path: a PNG, SVG or PDF file to write.
        show_shapes: write the shape of what comes out of each box, for one sample.
        expand_nested: draw the layers of models inside it, instead of a box for each model.

    Returns:
        A matplotlib Figure.

    Raises:
        RuntimeError: the sizes of the model are not known yet.
        ImportError: matplotlib is missing.
        ValueError: a file name with another ending.
    """
    from axon.plot.figure import need_matplotlib, seen_by_notebooks

    figure_class = need_matplotlib()
    form = None if path is None else _format(path)
    drawing = Drawing(model, expand_nested)
    plan = layout(drawing.widths, drawing.edges)
    figure, axes = _paper(figure_class, drawing, plan)
    for edge, route in zip(drawing.edges, plan.routes, strict=True):
        _arrow(axes, drawing.boxes, edge, route)
    for box, place, width in zip(drawing.boxes, plan.places, drawing.widths, strict=True):
        _draw(axes, box, place, width, show_shapes)
    if path is not None and modes.leads:
        figure.savefig(path, dpi=150, format=form)
    return seen_by_notebooks(figure)


def _format(path: "str | os.PathLike[str]") -> str:
    form = os.path.splitext(path)[1].lower().lstrip(".")
    if form not in ("png", "svg", "pdf"):
        raise ValueError(f"plot: {os.fspath(path)!r} must end in .png, .svg or .pdf.")
    return form


def _paper(figure_class: "type[Figure]", drawing: Drawing, plan: Layout) -> "tuple[Figure, Axes]":
    """A figure just large enough, whose axes count inches; rows go down."""
    boxes = [(x, width / 2) for (x, _), width in zip(plan.places, drawing.widths, strict=True)]
    reach = [*boxes, *((x, 0.0) for route in plan.routes for x, _ in route)]
    left = min(x - half for x, half in reach) - MARGIN
    right = max(x + half for x, half in reach) + MARGIN
    top, bottom = -HEIGHT / 2 - MARGIN, (plan.rows - 1) * PITCH + HEIGHT / 2 + MARGIN
    figure = figure_class(figsize=(right - left, bottom - top), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(left, right), ylim=(bottom, top))
    axes.axis("off")
    return figure, axes


def _draw(axes: "Axes", box: Box, place: tuple[float, int], width: float, shapes: bool) -> None:
    from matplotlib.patches import FancyBboxPatch

    x, y = place[0], place[1] * PITCH
    corner = (x - width / 2, y - box.height / 2)
    style = f"round,pad=0,rounding_size={0.08 if box.note else box.height / 2}"
    look: Look = {"boxstyle": style, "facecolor": box.colour, "edgecolor": INK, "linewidth": 0.9}
    axes.add_patch(FancyBboxPatch(corner, width, box.height, **look))
    lines = [(box.title, 9.5, "bold", INK), (box.note, 7.5, "normal", INK)] if box.note else []
    if not box.note:
        axes.text(x, y, f"{box.title} ({box.size})" if shapes else box.title, **_text(8, INK))
    elif shapes:
        lines.append((box.size, 7.5, "normal", GREY))
    for number, (text, size, weight, colour) in enumerate(lines):
        height = y + 0.195 * (number - (len(lines) - 1) / 2)
        axes.text(x, height, text, weight=weight, **_text(size, colour))


def _text(size: float, colour: str) -> Look:
    return {"fontsize": size, "color": colour, "ha": "center", "va": "center"}


def _arrow(axes: "Axes", boxes: list[Box], edge: Edge, route: list[tuple[float, int]]) -> None:
    """A smooth line through the points of a route; it leaves and arrives straight."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    points = [(x, row * PITCH) for x, row in route]
    points[0] = (points[0][0], points[0][1] + boxes[edge[0]].height / 2)
    points[-1] = (points[-1][0], points[-1][1] - boxes[edge[1]].height / 2)
    way, codes = [points[0]], [Path.MOVETO]
    for (x0, y0), (x1, y1) in pairwise(points):
        half = (y1 - y0) / 2
        way += [(x0, y0 + half), (x1, y1 - half), (x1, y1)]
        codes += [Path.CURVE4] * 3
    arrow = FancyArrowPatch(
        path=Path(way, codes), arrowstyle="-|>", mutation_scale=9, color=INK, lw=0.9, zorder=0
    )
    axes.add_patch(arrow)
