"""Images looked at between their pixels, at places that are computed: none lies on a straight map.

``warp`` is faster where each image has one map of six numbers.
"""

import numpy as np

from axon.core import Tensor
from axon.ops.compare import where
from axon.ops.elementwise import absolute, maximum, minimum
from axon.ops.index import take
from axon.ops.rounding import floor, rint

FAR = 2.0**20  # pixels: no place lies farther away
FILL_MODES = ("constant", "nearest", "reflect", "wrap")
Tap = tuple[Tensor, Tensor | None]  # whole places, and the share that they have


def seen_at(
    x: Tensor,
    down: Tensor,
    right: Tensor,
    *,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    smooth: bool = True,
) -> Tensor:
    """Images (N, OH, OW, C) of which each pixel looks at a place of x.

    Args:
        x: (N, H, W, C).
        down: places along the height, in pixels, (N, OH, OW); no gradient goes to them.
        right: places along the width.
        fill_mode: what lies beyond the edge: "constant", the ``fill_value``; the "nearest" pixel;
            "reflect" (b a | a b); or "wrap" (a b | a b).
        fill_value: the constant.
        smooth: draw straight lines between pixels (bilinear); else take the nearest one.

    >>> x = Tensor(np.arange(4.0).reshape(1, 1, 4, 1))
    >>> down, right = Tensor(np.zeros((1, 1, 2))), Tensor(np.array([[[0.5, 9.0]]]))
    >>> seen_at(x, down, right, fill_mode="nearest").numpy().ravel()
    array([0.5, 3. ])
    """
    N, H, W, C = x.shape
    pixels = x.reshape(N * H * W, C)
    first = np.arange(N, dtype=np.int64).reshape(N, 1, 1) * (H * W)
    total: Tensor | None = None
    for i, a in _taps(down, smooth):
        for j, b in _taps(right, smooth):
            rows, columns = (_inside(p, n, fill_mode) for p, n in ((i, H), (j, W)))
            index = rows.astype(np.int64) * W + columns.astype(np.int64) + first
            seen = take(pixels, index)
            if fill_mode == "constant":
                beyond = absolute(rows - i) + absolute(columns - j) > 0.0
                seen = where(beyond.reshape(*beyond.shape, 1), fill_value, seen)
            if a is not None and b is not None:
                share = a * b
                seen = seen * share.reshape(*share.shape, 1)
            total = seen if total is None else total + seen
    assert total is not None
    return total


def _taps(place: Tensor, smooth: bool) -> list[Tap]:
    """The pixels along an axis that a place looks at."""
    place = where(absolute(place) < FAR, place, FAR)  # also what is no number
    if not smooth:
        return [(rint(place), None)]
    low = floor(place)
    part = place - low
    return [(low, 1.0 - part), (low + 1.0, part)]


def _inside(place: Tensor, size: int, fill_mode: str) -> Tensor:
    """Whole places beyond the edges brought back."""
    if fill_mode == "reflect":
        place = place - floor(place / (2.0 * size)) * (2.0 * size)
        place = minimum(place, 2.0 * size - 1.0 - place)
    elif fill_mode == "wrap":
        place = place - floor(place / float(size)) * float(size)
    return maximum(minimum(place, size - 1.0), 0.0)
