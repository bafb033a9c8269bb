"""The product of rows of bins with weights, where a row of bins is told by a place and a fraction.

A number that is written as its position between edges (a piecewise-linear encoding: Gorishniy et
al., "On Embeddings for Numerical Features", 2022) is a row of bins: 1 before a place, a fraction at
it, 0 behind. Of two numbers such a row can be made again, so nobody need keep it, nor multiply it:

    x W = sum over columns of  W[0] + ... + W[place - 1] + fraction W[place]

with the weights W of a column's own bins: two sums to look up instead of a product for each bin.
NumPy multiplies faster than it looks up, so its kernel spreads the rows out.
"""

from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np

from axon.backend import Array, DType, Shape, counted, promote
from axon.bounds import product_of_weights
from axon.core import Tensor, primitive
from axon.ops.compare import equal
from axon.ops.elementwise import maximum, minimum
from axon.ops.index import INDEX, lookup
from axon.ops.matmul import readable
from axon.pieces import NARROW, Cut, cost, in_pieces

Sizes = tuple[int, ...]
Specs = list[tuple[Shape, DType]]


class BinLayout(NamedTuple):
    """Which bins are whose.

    Attributes:
        owners: of each bin, its column.
        places: of each bin, its place there.
        starts: of each column, its first bin.
        last: of each column, the place of its last bin.
    """

    owners: Array
    places: Array
    starts: Array
    last: Array


@lru_cache(maxsize=64)
def layout_of(sizes: Sizes) -> BinLayout:
    """The layout of columns of these sizes, made once.

    >>> layout_of((2, 1)).owners.tolist()
    [0, 0, 1]
    """
    counts = np.array(sizes, INDEX)
    starts = np.cumsum(counts) - counts
    owners = np.repeat(np.arange(len(sizes)), counts)
    places = np.arange(len(owners)) - starts[owners]
    return BinLayout(owners.astype(INDEX), places, starts, counts - 1)


def _demand_columns(bins: Array, fractions: Array, sizes: Sizes) -> None:
    """Demand as many columns as sizes, and a fraction for each bin."""
    if bins.dtype.kind not in "iu":
        raise TypeError(f"expected whole numbers as places of bins, got dtype {bins.dtype}.")
    if not bins.ndim or bins.shape[-1] != len(sizes) or not all(size > 0 for size in sizes):
        raise ValueError(
            "The last axis of the bins has a place for each column, and sizes say how many bins "
            f"that column has, at least 1; got sizes={sizes}."
        )
    if fractions.shape != bins.shape:
        raise ValueError("There is a fraction for each place.")


def piecewise_shape(
    bins: Array, fractions: Array, weights: Array, *, sizes: Sizes
) -> tuple[Shape, DType]:
    """As many rows as places are given for, as many columns as the weights have."""
    _demand_columns(bins, fractions, sizes)
    if weights.ndim != 2 or len(weights) != sum(sizes):
        raise ValueError(f"The weights are a matrix with a row for each of {sum(sizes)} bins.")
    return bins.shape[:-1] + weights.shape[1:], promote(fractions.dtype, weights.dtype)


def _spread_workspace(bins: Array, dtype: DType, sizes: Sizes) -> Specs:
    """Workspace for rows that are spread out: last of all, these."""
    small, wide = (prod(bins.shape[:-1]), len(sizes)), (prod(bins.shape[:-1]), sum(sizes))
    return [
        *((small, INDEX), (small, INDEX), (wide, INDEX)),
        *((small, np.dtype(bool)), (small, dtype), (wide, dtype)),
    ]


SPREAD = 6  # arrays of workspace


def _spread(bins: Array, fractions: Array, sizes: Sizes, xp: Any, workspace: list[Array]) -> Array:
    """Rows with all of their bins."""
    place, at, wide, beyond, share, x = workspace[:SPREAD]
    layout = BinLayout(*(xp.asarray(a) for a in layout_of(tuple(sizes))))
    xp.copyto(place.reshape(bins.shape), bins, casting="unsafe")
    xp.take(place, layout.owners, axis=1, out=wide, mode="clip")
    xp.less(layout.places, wide, out=x)
    xp.clip(place, 0, layout.last, out=at)
    xp.not_equal(place, at, out=beyond)
    xp.copyto(share.reshape(bins.shape), fractions)
    xp.copyto(share, 0, where=beyond)
    xp.copyto(place, counted(len(place), INDEX, xp)[:, None])
    xp.multiply(place, x.shape[1], out=place)
    xp.add(at, layout.starts, out=at)
    xp.add(at, place, out=at)
    xp.add.at(x.reshape(-1), at.reshape(-1), share.reshape(-1))
    return x


def piecewise_workspace(bins: Array, fractions: Array, weights: Array, *, sizes: Sizes) -> Specs:
    """Workspace: the rows, what it takes to spread them, and weights that BLAS can read."""
    dtype = promote(fractions.dtype, weights.dtype)
    copies = [] if readable(weights, dtype) else [(weights.shape, dtype)]
    return _spread_workspace(bins, dtype, sizes) + copies


def piecewise_multiply_adds(*shapes: Shape, sizes: Sizes) -> int:
    """As many as the product of the rows spread out."""
    return prod(shapes[0][:-1]) * sum(sizes) * shapes[-1][-1]


def piecewise_rows(
    out: Array, bins: Array, fractions: Array, weights: Array, *, sizes: Sizes
) -> Cut | None:
    """Pieces are some of the rows."""
    if bins.ndim < 2:
        return None
    work = piecewise_multiply_adds(bins.shape, out.shape, sizes=sizes)
    least = NARROW if bins.ndim == 2 else 1
    return Cut(len(out), (True, True, True, False), cost(work, out.nbytes), least=least)


@primitive(
    result=piecewise_shape,
    workspace=piecewise_workspace,
    rows=piecewise_rows,
    eagerly=in_pieces,
    bounds=product_of_weights,
    multiply_adds=piecewise_multiply_adds,
)
def piecewise_matmul(
    out: Array,
    bins: Array,
    fractions: Array,
    weights: Array,
    *,
    xp: Any,
    workspace: list[Array],
    sizes: Sizes,
) -> None:
    """x W, where the rows x have for each column 1 in the bins before a place and a fraction there.

    ``bins``, (..., c), are places, each counted from the first bin of its column: before that, a
    column is all 0; behind its last bin, all 1. ``fractions``, (..., c), are what is there, most
    often from 0 to 1. ``weights`` are (bins of all columns, outputs), ``sizes`` say how many bins
    each of the c columns has; the result is (..., outputs).

    >>> weights = np.array([[1.0], [10.0], [100.0], [1000.0]])
    >>> piecewise_matmul([[1, 0]], [[0.5, 0.25]], weights, sizes=(3, 1)).tolist()
    [[256.0]]
    """
    x = _spread(bins, fractions, sizes, xp, workspace)
    for copy in workspace[SPREAD:]:
        xp.copyto(copy, weights)
        weights = copy
    xp.matmul(x, weights, out=out.reshape(len(x), weights.shape[1]))


def piecewise_gradient_shape(
    bins: Array, fractions: Array, g: Array, *, sizes: Sizes
) -> tuple[Shape, DType]:
    """Like the weights."""
    _demand_columns(bins, fractions, sizes)
    if not g.ndim or g.shape[:-1] != bins.shape[:-1]:
        raise ValueError("There is a gradient for each row.")
    return (sum(sizes), g.shape[-1]), promote(fractions.dtype, g.dtype)


def piecewise_gradient_workspace(bins: Array, fractions: Array, g: Array, *, sizes: Sizes) -> Specs:
    """Workspace: the rows, what it takes to spread them, and a gradient in one piece."""
    dtype = promote(fractions.dtype, g.dtype)
    copies = [] if g.flags.c_contiguous and g.dtype == dtype else [(g.shape, dtype)]
    return _spread_workspace(bins, dtype, sizes) + copies


@primitive(
    result=piecewise_gradient_shape,
    workspace=piecewise_gradient_workspace,
    bounds=product_of_weights,
    multiply_adds=piecewise_multiply_adds,
)
def piecewise_matmul_gradient(
    out: Array,
    bins: Array,
    fractions: Array,
    g: Array,
    *,
    xp: Any,
    workspace: list[Array],
    sizes: Sizes,
) -> None:
    """x^T g for the rows x of ``piecewise_matmul``: the gradient of its weights."""
    x = _spread(bins, fractions, sizes, xp, workspace)
    for copy in workspace[SPREAD:]:
        xp.copyto(copy, g)
        g = copy
    xp.matmul(x.T, g.reshape(len(x), g.shape[-1]), out=out)


def _along(bins: Tensor, weights: Tensor, g: Tensor, sizes: Sizes) -> Tensor:
    """W[place] . g for each place; 0 beyond the bins: the gradient of fractions."""
    layout = layout_of(tuple(sizes))
    place = bins.astype(INDEX)
    at = minimum(maximum(place, 0), layout.last)
    slopes = (lookup(weights, at + layout.starts) * g[..., None, :]).sum(axis=-1)
    return slopes * equal(place, at)


piecewise_matmul.gradient(
    None,
    lambda g, y, bins, fractions, weights, sizes: _along(bins, weights, g, sizes),
    lambda g, y, bins, fractions, weights, sizes: piecewise_matmul_gradient(
        bins, fractions, g, sizes=sizes
    ),
)
piecewise_matmul_gradient.gradient(
    None,
    lambda gy, y, bins, fractions, g, sizes: _along(bins, gy, g, sizes),
    lambda gy, y, bins, fractions, g, sizes: piecewise_matmul(bins, fractions, gy, sizes=sizes),
)
