"""Rows with mean 0 and deviation 1: what layer, group and RMS normalization have in common.

A row lies along the last axis. A few rows are worked on at a time, so that they stay in the
processor's cache.
"""

from collections.abc import Iterator
from typing import Any

from axon.backend import Array, DType, Shape, ones
from axon.bounds import anything
from axon.core import Tensor, primitive
from axon.pieces import each_row

BLOCK = 2**16  # numbers in a block of rows

Specs = list[tuple[Shape, DType]]


def standardize_shape(x: Array, *, epsilon: float, centered: bool = True) -> tuple[Shape, DType]:
    """The shape of x, which must have rows."""
    if x.ndim < 2:
        raise ValueError("Expected rows along the last axis: (n, ..., features).")
    return x.shape, x.dtype


def row_scale_shape(x: Array, *, epsilon: float, centered: bool = True) -> tuple[Shape, DType]:
    """One number for each row."""
    shape, dtype = standardize_shape(x, epsilon=epsilon)
    return (*shape[:-1], 1), dtype


def standardize_gradient_shape(
    g: Array, y: Array, s: Array, *, centered: bool = True
) -> tuple[Shape, DType]:
    """The shape of the first two; the third has one number for each row."""
    if g.shape != y.shape or s.shape != (*y.shape[:-1], 1):
        raise ValueError("Expected two of one shape, and one number for each row.")
    return g.shape, g.dtype


def _step(shape: Shape) -> int:
    """How many places along the first axis make a block."""
    size = 1
    for n in shape[1:]:
        size *= n
    return max(1, BLOCK // max(size, 1))


def _spans(shape: Shape) -> Iterator[slice]:
    step = _step(shape)
    for start in range(0, shape[0], step):
        yield slice(start, start + step)


def standardize_workspace(x: Array, *_: Array, **__: object) -> Specs:
    """Workspace: a number for each row of a block."""
    return [((min(_step(x.shape), len(x)), *x.shape[1:-1], 1), x.dtype)]


def row_scale_workspace(x: Array, **_: object) -> Specs:
    """Workspace: a number for each row of a block, and the block."""
    part = min(_step(x.shape), len(x)), *x.shape[1:]
    return [*standardize_workspace(x), (part, x.dtype)]


def _mean(out: Array, x: Array, xp: Any) -> None:
    """The mean of each row: a product with ones, which is faster than a sum of short rows."""
    xp.vecdot(x, ones(x.shape[-1], x.dtype, xp), out=out[..., 0])
    xp.multiply(out, 1 / max(x.shape[-1], 1), out=out)


def _mean_product(out: Array, x: Array, y: Array, xp: Any) -> None:
    """The mean of x y, row by row."""
    xp.vecdot(x, y, out=out[..., 0])
    xp.multiply(out, 1 / max(x.shape[-1], 1), out=out)


def _rescale(s: Array, d: Array, epsilon: float, xp: Any) -> None:
    """s <- 1 / sqrt(mean(d^2) + epsilon), row by row."""
    _mean_product(s, d, d, xp)
    xp.add(s, epsilon, out=s)
    xp.sqrt(s, out=s)
    xp.reciprocal(s, out=s)


def _centered(d: Array, x: Array, s: Array, centered: bool, xp: Any) -> None:
    """d <- x, minus the mean of its row if asked for."""
    if not centered:
        xp.copyto(d, x)
        return
    _mean(s, x, xp)
    xp.subtract(x, s, out=d)


@primitive(
    result=standardize_shape,
    workspace=standardize_workspace,
    floats=True,
    rows=each_row(3),
    flops=5,
    places=True,
    bounds=anything("a normalization"),
)
def standardize(
    out: Array, x: Array, *, xp: Any, workspace: list[Array], epsilon: float, centered: bool = True
) -> None:
    """(x - mean) / sqrt(variance + epsilon), row by row.

    With ``centered=False`` the mean counts as 0: x / sqrt(mean(x^2) + epsilon).

    >>> standardize([[1.0, 3.0], [5.0, 5.0]], epsilon=1e-9)
    array([[-1.,  1.],
           [ 0.,  0.]])
    """
    for span in _spans(x.shape):
        y = out[span]
        s = workspace[0][: len(y)]
        _centered(y, x[span], s, centered, xp)
        _rescale(s, y, epsilon, xp)
        xp.multiply(y, s, out=y)


@primitive(
    result=row_scale_shape,
    workspace=row_scale_workspace,
    floats=True,
    rows=each_row(3),
    flops=4,
    bounds=anything("a normalization"),
)
def row_scale(
    out: Array, x: Array, *, xp: Any, workspace: list[Array], epsilon: float, centered: bool = True
) -> None:
    """1 / sqrt(variance + epsilon) of each row: the factor that ``standardize`` applies.

    >>> row_scale([[1.0, 3.0], [2.0, 6.0]], epsilon=1e-9)
    array([[1. ],
           [0.5]])
    """
    for span in _spans(x.shape):
        s = out[span]
        d = workspace[1][: len(s)]
        _centered(d, x[span], s, centered, xp)
        _rescale(s, d, epsilon, xp)


@primitive(
    result=standardize_gradient_shape,
    workspace=standardize_workspace,
    floats=True,
    rows=each_row(3),
    flops=7,
)
def standardize_gradient(
    out: Array,
    g: Array,
    y: Array,
    s: Array,
    *,
    xp: Any,
    workspace: list[Array],
    centered: bool = True,
) -> None:
    """s (g - mean(g) - y mean(g y)), row by row, where y = standardize(x) and s its factor.

    With ``centered=False`` there is no mean(g).
    """
    for span in _spans(g.shape):
        d, slope = out[span], g[span]
        m = workspace[0][: len(d)]
        _mean_product(m, slope, y[span], xp)
        xp.multiply(y[span], m, out=d)
        xp.subtract(slope, d, out=d)
        if centered:
            _mean(m, slope, xp)
            xp.subtract(d, m, out=d)
        xp.multiply(d, s[span], out=d)


def _standardize_gradient(
    g: Tensor, y: Tensor, x: Tensor, *, epsilon: float, centered: bool = True
) -> Tensor:
    s = row_scale(x, epsilon=epsilon, centered=centered)
    return standardize_gradient(g, y, s, centered=centered)


def _row_scale_gradient(
    g: Tensor, s: Tensor, x: Tensor, *, epsilon: float, centered: bool = True
) -> Tensor:
    """ds/dx = -s^2 y / features."""
    share = -1 / max(x.shape[-1], 1)
    return standardize(x, epsilon=epsilon, centered=centered) * (g * s * s * share)


def _gradient_y(h: Tensor, z: Tensor, g: Tensor, y: Tensor, s: Tensor, **_: object) -> Tensor:
    """Of -s y mean(g y)."""
    moved = h * s
    along = (g * y).sum(-1, keepdims=True) * moved + (moved * y).sum(-1, keepdims=True) * g
    return along * (-1 / max(y.shape[-1], 1))


standardize.gradient(_standardize_gradient)
row_scale.gradient(_row_scale_gradient)
standardize_gradient.gradient(
    lambda h, z, g, y, s, centered=True: standardize_gradient(h, y, s, centered=centered),
    _gradient_y,
    lambda h, z, g, y, s, centered=True: (h * z).sum(-1, keepdims=True) / s,
)
