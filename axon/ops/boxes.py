"""Random rectangles on images."""

from math import log
from typing import Any

import numpy as np

from axon.backend import Array, DType, Shape, counted
from axon.core import primitive
from axon.ops.warp import INDEX

LONGEST = 3.0  # how much longer one side may be than the other

Pair = tuple[int, int]


def random_boxes_shape(
    shares: Array, *, size: Pair, scale: tuple[float, float], share: float
) -> tuple[Shape, DType]:
    """A truth value for each pixel."""
    if shares.ndim != 2 or shares.shape[1] != 5:
        raise ValueError("Expected (n, 5): whether, how large, how high, where down and right.")
    return (len(shares), *size, 1), np.dtype(np.bool_)


def random_boxes_workspace(shares: Array, *, size: Pair, **_: object) -> list[tuple[Shape, DType]]:
    """Workspace: numbers for each image; truth values for its rows and columns."""
    n, truth = len(shares), np.dtype(np.bool_)
    rows = [((n, length), truth) for length in size for _ in (0, 1)]
    return [((5, n), np.dtype(np.float64)), ((3, n), np.dtype(np.float64)), *rows]


@primitive(result=random_boxes_shape, workspace=random_boxes_workspace)
def random_boxes(
    out: Array,
    shares: Array,
    *,
    xp: Any,
    workspace: list[Array],
    size: Pair,
    scale: tuple[float, float],
    share: float,
) -> None:
    """True inside one rectangle on each image, of which a ``share`` have one; told by (n, 5).

    Its area is a share of the image's, within ``scale``; log(height / width), relative to the
    image's, within log 3 of 0; sides are whole, and no longer than the image's.

    >>> whole = random_boxes([[0.0, 0.5, 0.5, 0.0, 0.9]], size=(4, 4), scale=(0.25, 0.25), share=1)
    >>> whole[0, :, :, 0].astype(int)
    array([[0, 0, 1, 1],
           [0, 0, 1, 1],
           [0, 0, 0, 0],
           [0, 0, 0, 0]])
    """
    (chosen, area, ratio, down, right), (high, wide, end), *lines = workspace
    xp.copyto(workspace[0], shares.T)
    xp.multiply(area, scale[1] - scale[0], out=area)
    xp.add(area, scale[0], out=area)
    xp.subtract(ratio, 0.5, out=ratio)
    xp.multiply(ratio, 2 * log(LONGEST), out=ratio)
    xp.exp(ratio, out=ratio)
    xp.multiply(area, ratio, out=high)
    xp.divide(area, ratio, out=wide)
    xp.less(chosen, share, out=lines[0][:, 0])  # all or nothing, by the height
    for axis, (extent, start) in enumerate(((high, down), (wide, right))):
        xp.sqrt(extent, out=extent)
        xp.multiply(extent, size[axis], out=extent)
        xp.rint(extent, out=extent)
        xp.minimum(extent, size[axis], out=extent)
        if axis == 0:
            xp.multiply(extent, lines[0][:, 0], out=extent)
        _line(lines[2 * axis], lines[2 * axis + 1], extent, start, end, size[axis], xp)
    xp.logical_and(lines[0][:, :, None, None], lines[2][:, None, :, None], out=out)


def _line(
    inside: Array, before_end: Array, extent: Array, start: Array, end: Array, size: int, xp: Any
) -> None:
    """Which of so many places lie in the extent; a share says where it starts."""
    xp.subtract(size + 1, extent, out=end)
    xp.multiply(start, end, out=start)
    xp.floor(start, out=start)
    xp.add(start, extent, out=end)
    places = counted(size, INDEX, xp)
    xp.greater_equal(places, start[:, None], out=inside)
    xp.less(places, end[:, None], out=before_end)
    xp.logical_and(inside, before_end, out=inside)


random_boxes.gradient(None)
