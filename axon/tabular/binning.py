"""Binning: the spread of a column of numbers, ends of bins, and where numbers lie between them."""

import numpy as np

from axon.backend import Array
from axon.names import install

NORMAL = 1.349  # quartiles of a normal distribution are so many standard deviations apart
OFTEN_EQUAL = 2.0  # where most numbers are equal, the others lie about here
FEWEST = 4  # numbers that bins are made of
LEAF = 8  # a tree's leaves hold at least rows / (bins * LEAF)
LOOKED_AT = 20000  # rows a tree is grown on


def scale_and_edges(
    column: Array, bins: int, y: Array | None, kept: int = 0
) -> tuple[float, float, Array]:
    """The center of a column, 1 / its spread, and ends of its bins; NaN are left aside.

    Of up to ``kept`` different numbers each one ends a bin, however many bins that makes.
    """
    there = ~np.isnan(column)
    real = np.sort(column[there])
    if not len(real):
        return 0.0, 0.0, np.empty(0)
    center, factor = _scale(real)
    distinct, counts = np.unique(real, return_counts=True)
    if bins < 2 or len(real) < FEWEST or len(distinct) <= 2:
        return center, factor, np.empty(0)
    if y is not None:
        return center, factor, _apart(_tree_edges(column[there], y[there], bins))
    return center, factor, _apart(_quantile_edges(real, distinct, counts, bins, kept))


def _scale(real: Array) -> tuple[float, float]:
    """The median, and 1 / (quartiles' distance as a standard deviation).

    Where the quartiles are equal (a column that is mostly 0), the median distance of the numbers
    that differ becomes 2, however long their tail is.
    """
    low, center, high = np.quantile(real / 2, (0.25, 0.5, 0.75)) * 2  # halves do not overflow
    spread = high / 2 / NORMAL - low / 2 / NORMAL
    noise = 4 * np.finfo(np.float64).eps * abs(center)
    if spread <= noise:
        far = np.abs(real / 2 - center / 2)
        far = far[far > noise]
        # a quantile, since np.median adds two numbers, which may overflow
        spread = float(np.quantile(far, 0.5)) / OFTEN_EQUAL if len(far) else 0.0
    spread *= 2
    return float(center), float(1 / spread) if spread > 1 / np.finfo(np.float64).max else 0.0


def _quantile_edges(real: Array, distinct: Array, counts: Array, bins: int, kept: int) -> Array:
    """Ends of bins of about as many rows each; a number that often occurs takes up one of them."""
    if len(distinct) <= max(bins + 1, kept):
        return distinct
    most = _share(counts, bins)
    if counts.max() <= most:
        return np.quantile(real / 2, np.linspace(0, 1, bins + 1)) * 2
    capped = np.cumsum(np.minimum(counts, most))
    wanted = np.linspace(0, capped[-1], bins + 1)
    return distinct[np.minimum(np.searchsorted(capped, wanted), len(distinct) - 1)]


def _share(counts: Array, bins: int) -> float:
    """Rows of a bin, if numbers that occur in more rows than that have one bin each.

    >>> _share(np.array([900, 50, 1, 1, 1, 1]), 4)
    2.0
    """
    left = int(counts.sum())
    for taken, count in enumerate(np.sort(counts)[::-1][: bins - 1].tolist()):
        if count <= left / (bins - taken):
            return left / (bins - taken)
        left -= count
    return float(left)


def _tree_edges(column: Array, y: Array, bins: int) -> Array:
    """The ends, and where a tree that sees only this column splits it."""
    try:
        from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
    except ImportError as error:
        raise ImportError("bins by trees need scikit-learn: " + install("tabular")) from error
    grows = DecisionTreeClassifier if y.dtype.kind in "iub" else DecisionTreeRegressor
    rows = np.linspace(0, len(y) - 1, min(len(y), LOOKED_AT)).astype(np.int64)
    largest = np.abs(column).max() or 1.0  # a tree computes in float32
    least = max(1, len(rows) // (bins * LEAF))
    tree = grows(max_leaf_nodes=bins, min_samples_leaf=least, random_state=0)
    tree.fit((column[rows] / largest)[:, None], y[rows])
    splits = tree.tree_.threshold[tree.tree_.feature >= 0] * largest
    low, high = column.min(), column.max()
    return np.array([low, *np.sort(splits[(splits > low) & (splits < high)]), high])


def _apart(edges: Array) -> Array:
    """Edges in order, each once, and further apart than the smallest of numbers."""
    edges = np.unique(edges)
    return edges[np.concatenate([[True], np.diff(edges / 2) > 0])]


def positions(column: Array, edges: Array) -> Array:
    """Piecewise linear: in each bin how far a number has come, from 0 to 1.

    >>> positions(np.array([0.5, 3.0]), np.array([0.0, 1.0, 2.0, 4.0]))
    array([[0.5, 0. , 0. ],
           [1. , 1. , 0.5]])
    """
    half, ends = column / 2, edges / 2  # the distance of two halves does not overflow
    with np.errstate(over="ignore"):
        return np.clip((half[:, None] - ends[:-1]) / np.diff(ends), 0, 1)


def located(column: Array, edges: Array) -> tuple[Array, Array]:
    """The bin in which each number lies, and how far it has come there, from 0 to 1.

    >>> located(np.array([0.5, 3.0]), np.array([0.0, 1.0, 2.0, 4.0]))
    (array([0, 2]), array([0.5, 0.5]))
    """
    half, ends = column / 2, edges / 2
    bins = np.searchsorted(edges[1:-1], column, side="right")
    with np.errstate(over="ignore"):
        return bins, np.clip((half - ends[bins]) / np.diff(ends)[bins], 0, 1)
