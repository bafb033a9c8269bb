"""Figures of matplotlib that belong to no window, and the colours on them."""

import os
from collections.abc import Sequence
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from axon.backend import Array
from axon.containers import plain
from axon.core import TensorLike
from axon.modes import modes
from axon.names import need, printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure, SubFigure
else:  # only who draws imports matplotlib
    Axes = Figure = ScalarMappable = SubFigure = object

# Okabe and Ito, "Color Universal Design" (2008): told apart by people of every kind of sight.
SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C8C8C")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")  # shapes say the same as colours
SIGNED = "RdBu"  # red, white, blue: below, at and above zero
DPI, LONGEST = 130, 20_000  # dots per inch, and of a side
INK, FAINT = "#333333", "#777777"
Look = dict[str, Any]  # keyword arguments of what matplotlib draws


def need_matplotlib() -> "type[Figure]":
    """Return matplotlib's Figure class, or raise ImportError that says what to install."""
    figure: type[Figure] = need("matplotlib.figure", "plots need", "plot").Figure
    return figure


def paper(width: float, height: float) -> Figure:
    """A figure that belongs to no window, so that nothing pops up and nothing has to be closed."""
    return seen_by_notebooks(need_matplotlib()(figsize=(width, height), layout="constrained"))


def seen_by_notebooks(figure: Figure) -> Figure:
    """The figure, of which a notebook that has not been told of matplotlib shows more than a name.

    IPython asks for this method; matplotlib tells it of figures only when ``pyplot`` is imported.
    """
    vars(figure)["_repr_png_"] = partial(_png, figure)
    return figure


def _png(figure: Figure) -> bytes:
    """As ``save`` writes it; a figure of hundreds of layers coarser, since pixels have a limit."""
    dots = min(DPI, LONGEST / max(figure.get_size_inches()))
    figure.savefig(stream := BytesIO(), dpi=dots, format="png")
    return stream.getvalue()


def plain_frame(axes: Axes, xlabel: str) -> None:
    """A faint grid, and no lines above and on the right."""
    axes.set_xlabel(xlabel, color=FAINT)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def save(figure: Figure, path: "str | os.PathLike[str]") -> None:
    """Write a figure as PNG, at a resolution for screens."""
    if modes.leads:  # of ranks that learn together, only the first one
        figure.savefig(path, dpi=DPI, format="png")


def clipped(text: object, space: int) -> str:
    r"""The text as a figure shows it, with an ellipsis if it is longer than ``space`` characters.

    Dollars are escaped: between two of them matplotlib reads formulas, and stops at wrong ones.

    >>> clipped("a name that is long", 8), clipped("$5", 8)
    ('a name …', '\\$5')
    """
    full = printable(" ".join(str(text).split()))
    short = full if len(full) <= space else f"{full[: space - 1]}…"
    return short.replace("$", r"\$")


def names_of(owner: str, class_names: Sequence[str] | None, count: int) -> list[str]:
    """What the classes are called: their numbers, unless there is a name for each.

    Raises:
        ValueError: there are fewer names than classes.

    >>> names_of("mistakes", None, 3)
    ['0', '1', '2']
    """
    if class_names is None:
        return [str(i) for i in range(count)]
    if len(class_names) < count:
        raise ValueError(
            f"{owner}: expected a name for each of {count} classes, got {len(class_names)} "
            "class_names."
        )
    return [str(name) for name in class_names]


def labels_of(owner: str, y: TensorLike) -> Array:
    """Turn labels (n,), one-hot rows or probabilities (n, classes) into the labels (n,).

    A single column (n, 1) of fractions is the probability of class 1.

    Raises:
        ValueError: another number of axes.

    >>> labels_of("mistakes", [[0.1, 0.9], [0.8, 0.2]])
    array([1, 0])
    """
    y = plain(y)
    if y.ndim == 2 and y.shape[1] > 1:
        return y.argmax(axis=1)
    if y.ndim not in (1, 2):
        raise ValueError(
            f"{owner}: expected labels (n,) or rows (n, classes), got shape {y.shape}."
        )
    y = y.reshape(len(y))
    if y.dtype.kind == "f":
        return (y > 0.5).astype(int) if (y != np.rint(y)).any() else y.astype(int)
    return y.astype(int) if y.dtype.kind == "b" else y
