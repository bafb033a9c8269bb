"""Layers that even out how often each colour comes in an image, or in parts of it."""

from collections.abc import Sequence
from typing import Unpack

import numpy as np

from axon.backend import Array, DType, Shape
from axon.checks import finite, integer, integers
from axon.core import Tensor
from axon.layers import masks
from axon.layers.colors import BYTES, range_of
from axon.layers.options import LayerOptions
from axon.layers.windows import Windowed
from axon.ops.compare import where
from axon.ops.cumulative import cumsum
from axon.ops.elementwise import maximum, minimum
from axon.ops.index import take, take_gradient
from axon.ops.pad import pad
from axon.ops.rounding import rint

LEVELS = 256  # of a byte


class _Histogram(Windowed):
    """What both share: colours as bytes, and how often each comes.

    Results are constant between colours, so their slope is 0; while training, the gradient passes
    as it comes, for what is learned before.

    Args:
        value_range: between which numbers colours lie.
        options: name, dtype.
    """

    on_mask = masks.REFUSED
    axes = 2

    def __init__(
        self, value_range: Sequence[float] = BYTES, **options: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**options)
        self.value_range = range_of(type(self).__name__, value_range)

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Images must have pixels."""
        super().accept(shape)
        if 0 in shape[1:3]:
            raise self.misfit("images with pixels", shape)

    def _bytes(self, x: Tensor) -> Tensor:
        low, high = self.value_range
        return (x - low) * (255 / (high - low)) if (low, high) != BYTES else x

    def _colours(self, y: Tensor, x: Tensor) -> Tensor:
        """Bytes as colours again; x is what came in."""
        low, high = self.value_range
        y = y * ((high - low) / 255) + low if (low, high) != BYTES else y
        return y + (x - x.detach() if self.training else x * 0.0)


def counted_through(x: Tensor) -> Tensor:
    """0, 1, 2 and so on, one for each row of x (n, ...), as whole numbers (n, 1)."""
    rows = x.reshape(len(x), x.size // max(len(x), 1))[:, :1].astype(np.float64)
    return (cumsum(rows * 0.0 + 1.0, axis=0) - 1.0).astype(np.int64)


def counts(levels: Tensor, number: int, dtype: DType) -> tuple[Tensor, Tensor]:
    """How often each level comes in each row (rows, pixels): (rows, number); and flat places."""
    rows, places = len(levels), levels + counted_through(levels) * number
    flat = places.reshape(places.size)
    ones = flat.astype(dtype) * 0.0 + 1.0
    found = take_gradient(ones, flat, shape=(rows * number,))
    return found.reshape(rows, number), places


class Equalization(_Histogram):
    """Spread the colours of each channel of each image so that all come about equally often.

    y = 255 (c(x) - c0) / (pixels - c0), rounded, where c(x) counts pixels that are no brighter, and
    c0 those that are darkest.

    Args:
        value_range: between which numbers colours lie.
        bins: how many levels are told apart.
        options: name, dtype.

    >>> Equalization()(np.array([[[[10.0], [20.0], [20.0], [30.0]]]])).ravel()
    array([  0., 170., 170., 255.], dtype=float32)
    """

    on_mask = masks.REFUSED

    def __init__(
        self,
        value_range: Sequence[float] = BYTES,
        bins: int = LEVELS,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(value_range, **options)
        self.bins = integer("Equalization", "bins", bins)

    def call(self, x: Tensor) -> Tensor:
        """Count, add up, and look up; an image of one level stays as it is."""
        N, H, W, C = x.shape
        rows = self._bytes(x).detach().transpose(0, 3, 1, 2).reshape(N * C, H * W)
        scaled = rows * ((self.bins - 1) / 255)
        levels = maximum(minimum(scaled, self.bins - 1.0), 0.0).astype(np.int64)
        found, places = counts(levels, self.bins, x.dtype)
        total = cumsum(found, axis=1)  # of integers: exact up to 2^24 pixels
        least = where(total > 0.0, total, float(H * W)).min(axis=1, keepdims=True)
        rest = float(H * W) - least
        table = rint((total - least) * 255.0 / maximum(rest, 1.0))
        table = minimum(maximum(table, 0.0), 255.0)
        seen = where(rest > 0.0, take(table.reshape(table.size), places), rows)
        return self._colours(seen.reshape(N, C, H, W).transpose(0, 2, 3, 1), x)


class ContrastLimitedAdaptiveHistogramEqualization(_Histogram):
    """Spread colours in each part of an image, where few stand out not too far (Zuiderveld, 1994).

    The image falls into tiles. Each has a histogram, of which what is above a limit is given to all
    levels alike. Pixels between the middles of tiles are a mean of what these would make of them.

    Args:
        value_range: between which numbers colours lie.
        clip_limit: the limit, in means of a histogram; 0 for none.
        tile_grid_size: how many tiles along height and width.
        options: name, dtype.

    >>> layer = ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(1, 1), clip_limit=0)
    >>> layer(np.array([[[[10.0], [20.0], [20.0], [30.0]]]])).ravel()
    array([ 63.75, 191.25, 191.25, 255.  ], dtype=float32)
    """

    on_mask = masks.REFUSED

    def __init__(
        self,
        value_range: Sequence[float] = BYTES,
        clip_limit: float = 4.0,
        tile_grid_size: Sequence[int] = (8, 8),
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(value_range, **options)
        owner = "ContrastLimitedAdaptiveHistogramEqualization"
        self.clip_limit = finite(owner, "clip_limit", clip_limit, least=0)
        self.tile_grid_size = integers(owner, "tile_grid_size", tuple(tile_grid_size), 2)

    def call(self, x: Tensor) -> Tensor:
        """Make a table for each tile, and look pixels up in the four that are near."""
        N, H, W, C = x.shape
        (rows, columns), given = self.tile_grid_size, self._bytes(x).detach()
        high, wide = -(-H // rows), -(-W // columns)
        given = _mirrored(given, 1, high * rows - H)
        given = _mirrored(given, 2, wide * columns - W)
        levels = maximum(minimum(given, 255.0), 0.0).astype(np.int64)
        tiles = levels.reshape(N, rows, high, columns, wide, C).transpose(0, 1, 3, 5, 2, 4)
        tables = self._tables(tiles.reshape(N * rows * columns * C, high * wide), x.dtype)
        near = [_neighbours(size, n) for size, n in ((high, rows), (wide, columns))]
        y = _interpolated(tables.reshape(-1), levels, near, (rows, columns))
        return self._colours(y[:, :H, :W], x)

    def _tables(self, levels: Tensor, dtype: DType) -> Tensor:
        """What each tile makes of each level: (tiles, 256)."""
        pixels = levels.shape[1]
        found, _ = counts(levels, LEVELS, dtype)
        if self.clip_limit > 0:
            kept = minimum(found, self.clip_limit * pixels / LEVELS)
            found = kept + (found - kept).sum(axis=1, keepdims=True) / float(LEVELS)
        total = cumsum(found, axis=1)
        least = total.min(axis=1, keepdims=True)
        rest = float(pixels) - least
        table = (total - least) * 255.0 / where(rest == 0.0, 1.0, rest)
        return minimum(maximum(table, 0.0), 255.0)


def _mirrored(x: Tensor, axis: int, more: int) -> Tensor:
    """More rows behind, as in a mirror, also further than one image reaches."""
    while more > 0:
        step = min(more, x.shape[axis])
        ends = [(0, 0)] * x.ndim
        ends[axis] = (0, step)
        x, more = pad(x, tuple(ends), "symmetric"), more - step
    return x


Near = tuple[Array, Array, Array]  # two tiles for each pixel, the second's share


def _neighbours(size: int, number: int) -> Near:
    """The tiles before and behind each pixel along an axis, and how near the second is."""
    at = (np.arange(size * number) - size / 2) / size
    first = np.floor(at)
    before, behind = (np.clip(first + k, 0, number - 1).astype(np.int64) for k in (0, 1))
    return before, behind, at - first


def _interpolated(tables: Tensor, levels: Tensor, near: list[Near], tiles: Shape) -> Tensor:
    """What the four tables around each pixel make of it, each with its share."""
    N, H, W, C = levels.shape
    (top, bottom, v), (left, right, u) = near
    sample = counted_through(levels).reshape(N, 1, 1, 1) * (tiles[0] * tiles[1] * C * LEVELS)
    own = levels + np.arange(C, dtype=np.int64) * LEVELS + sample
    total: Tensor | None = None
    for row, a in ((top, 1 - v), (bottom, v)):
        for column, b in ((left, 1 - u), (right, u)):
            tile = row.reshape(H, 1, 1) * tiles[1] + column.reshape(W, 1)
            seen = take(tables, own + tile * (C * LEVELS))
            share = (a.reshape(H, 1, 1) * b.reshape(W, 1)).astype(tables.dtype)
            total = seen * share if total is None else total + seen * share
    assert total is not None
    return total
