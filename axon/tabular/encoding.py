"""Encoding: a table's values as a network likes them: numbers of about the size of 1, and ids.

Numbers are scaled by quartiles and softly clipped, and, where rows are many enough, also written as
positions between quantiles (Gorishniy et al., "On Embeddings for Numerical Features", 2022).
Small categories become a column for each value, large ones an id, for an embedding.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from axon.backend import Array
from axon.tabular.columns import FIRST, GAP, Values

CLIP = 3.0  # from about here on numbers are drawn in
FEW_VALUES = 8  # a category of more has ids
LARGEST = 5.0


class Encoded(NamedTuple):
    """What a network is given.

    Attributes:
        x: (rows, inputs) float32.
        ids: (rows, q) int32, of large categories, all in one range.
    """

    x: Array
    ids: Array

    def __getitem__(self, rows: Any) -> "Encoded":  # type: ignore[override]
        return Encoded(self.x[rows], self.ids[rows])

    def inputs(self) -> Any:
        """As a model takes them: ids only if there are some."""
        return (self.x, self.ids) if self.ids.shape[1] else self.x


@dataclass
class Encoder:
    """How values are encoded; made by ``fit``.

    Attributes:
        center, factor: (p,) for the scaling of numbers: (x - center) * factor.
        gaps: numbers of the columns that have an indicator of gaps.
        edges: ends of bins, for each column; none where it is only scaled.
        sizes: of all categories.
        large: which categories have ids.
        gap_codes: which categories have gaps.
        frequencies: of each large category, by code.
    """

    center: Array
    factor: Array
    gaps: Array
    edges: list[Array]
    sizes: tuple[int, ...]
    large: list[int]
    frequencies: list[Array]

    @classmethod
    def fit(cls, values: Values, bins: int = 0) -> "Encoder":
        """Find out how to encode.

        Args:
            values: the rows to learn from.
            bins: how many there may be for a number; 0 for none.
        """
        numbers = values.numbers
        center, factor = _scales(numbers)
        gaps = np.flatnonzero(np.isnan(numbers).any(axis=0))
        edges = [_edges(column, bins) for column in numbers.T]
        large = [i for i, size in enumerate(values.sizes) if size - FIRST > FEW_VALUES]
        frequencies = [_frequencies(values.codes[:, i], values.sizes[i]) for i in large]
        return cls(center, factor, gaps, edges, values.sizes, large, frequencies)

    @property
    def width(self) -> int:
        """Inputs of a network."""
        places = sum(max(len(e) - 1, 0) for e in self.edges)
        small = sum(size - 1 for i, size in enumerate(self.sizes) if i not in self.large)
        return len(self.center) + len(self.gaps) + places + small + len(self.large)

    @property
    def ids(self) -> int:
        """How many ids there are."""
        return sum(self.sizes[i] for i in self.large)

    def transform(self, values: Values) -> Encoded:
        """Encode rows."""
        numbers, rows = values.numbers, len(values.numbers)
        x = np.empty((rows, self.width), np.float32)
        filled = np.where(np.isnan(numbers), self.center, numbers)
        z = (filled - self.center) * self.factor
        at = len(self.center)
        x[:, :at] = z / np.sqrt(1 + np.square(z / CLIP))
        at = _put(x, at, np.isnan(numbers[:, self.gaps]))
        for column, edges in zip(filled.T, self.edges, strict=True):
            if len(edges):
                at = _put(x, at, _positions(column, edges))
        for i, size in enumerate(self.sizes):
            if i not in self.large:  # a gap has a column of its own, a value never seen has none
                codes = np.maximum(values.codes[:, i] - 1, -1)
                codes = np.where(values.codes[:, i] == GAP, 0, np.where(codes == 0, -1, codes))
                at = _put(x, at, codes[:, None] == np.arange(size - 1))
        for i, known in zip(self.large, self.frequencies, strict=True):
            at = _put(x, at, known[values.codes[:, i]][:, None])
        starts = np.cumsum([0, *(self.sizes[i] for i in self.large)])[:-1]
        ids = values.codes[:, self.large] + starts.astype(np.int32)
        return Encoded(x, ids.astype(np.int32))

    # -------------------------------------------------------------------- files

    def to_arrays(self) -> dict[str, Array]:
        """All of it, in arrays by name."""
        named = {"center": self.center, "factor": self.factor, "gaps": self.gaps}
        named.update({f"edges.{i}": e for i, e in enumerate(self.edges)})
        named.update({f"frequencies.{i}": f for i, f in enumerate(self.frequencies)})
        return {
            **named,
            "sizes": np.array(self.sizes, np.int64),
            "large": np.array(self.large, np.int64),
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, Array]) -> "Encoder":
        """The encoder that ``to_arrays`` described."""
        large = arrays["large"].tolist()
        return cls(
            arrays["center"],
            arrays["factor"],
            arrays["gaps"],
            [arrays[f"edges.{i}"] for i in range(len(arrays["center"]))],
            tuple(arrays["sizes"].tolist()),
            large,
            [arrays[f"frequencies.{i}"] for i in range(len(large))],
        )


def _put(x: Array, at: int, part: Array) -> int:
    x[:, at : at + part.shape[1]] = part
    return at + part.shape[1]


def _scales(numbers: Array) -> tuple[Array, Array]:
    """The median of each column, and 1 / its spread: quartiles, where they differ."""
    center, factor = np.zeros(numbers.shape[1]), np.ones(numbers.shape[1])
    for i, column in enumerate(numbers.T):
        real = column[~np.isnan(column)]
        low, center[i], high = np.quantile(real, (0.25, 0.5, 0.75))
        spread = (high - low) / 1.349  # of a normal distribution, its standard deviation
        if spread <= 0:
            spread = real.std() or 1.0
        factor[i] = 1 / spread
    return center, factor


def _edges(column: Array, bins: int) -> Array:
    """Ends of bins that hold about as many rows each; none if values are too few for it."""
    real = column[~np.isnan(column)]
    if bins < 2 or len(real) < 4:
        return np.empty(0)
    distinct = np.unique(real)
    if len(distinct) <= 2:
        return np.empty(0)
    if len(distinct) <= bins + 1:
        return distinct
    return np.unique(np.quantile(real, np.linspace(0, 1, bins + 1)))


def _positions(column: Array, edges: Array) -> Array:
    """Piecewise linear: in each bin how far a number has come, from 0 to 1.

    >>> _positions(np.array([0.5, 3.0]), np.array([0.0, 1.0, 2.0, 4.0]))
    array([[0.5, 0. , 0. ],
           [1. , 1. , 0.5]])
    """
    return np.clip((column[:, None] - edges[:-1]) / np.diff(edges), 0, 1)


def _frequencies(codes: Array, size: int) -> Array:
    """How frequent each code is, as a logarithm of the size of 1."""
    counts = np.bincount(codes, minlength=size)
    share = np.log1p(counts) - np.log1p(len(codes) / size)
    return np.clip(share, -LARGEST, LARGEST).astype(np.float32)


def targets_scaled(y: Array) -> tuple[Array, Array, Array]:
    """Numbers to be predicted, (rows, outputs), with mean 0 and deviation 1; and these two."""
    mean, deviation = y.mean(axis=0), y.std(axis=0)
    deviation = np.where(deviation > 0, deviation, 1.0)
    return (y - mean) / deviation, mean, deviation
