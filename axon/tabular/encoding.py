"""Encoding: a table's values as a network likes them: numbers of about the size of 1, and ids.

Numbers are scaled by quartiles and softly clipped, and, where rows are many enough, also written as
positions between quantiles (Gorishniy et al., "On Embeddings for Numerical Features", 2022).
Small categories become a column for each value, large ones an id, for an embedding.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from axon.backend import Array
from axon.tabular import binning
from axon.tabular.column import FIRST, GAP, MANY_VALUES, UNSEEN
from axon.tabular.columns import Values

CLIP = 3.0  # from about here on numbers are drawn in
LARGEST = 5.0
FURTHEST = 1e6  # a scaled number is as good as this far out: its square stays finite in float32
BATCH = 16384  # rows that are encoded at once


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


class Compact(NamedTuple):
    """The same as ``Encoded`` with two numbers instead of a row of bins for each binned column.

    In a row of bins all before one are 1, and all behind it 0: that one, and what it holds, tell
    all of it.

    Attributes:
        x: (rows, inputs without bins) float32.
        bins: (rows, binned columns) int32: places among all bins, those of all columns in a row.
        fractions: (rows, binned columns) float32: what is there, from 0 to 1.
        ids: (rows, q) int32.
    """

    x: Array
    bins: Array
    fractions: Array
    ids: Array

    def __getitem__(self, rows: Any) -> "Compact":  # type: ignore[override]
        return Compact(*(part[rows] for part in self))


@dataclass
class Encoder:
    """How values are encoded; made by ``fit``.

    Inputs of a network come in this order: scaled numbers, gaps of numbers, bins, small categories,
    how frequent the value of each large category is.

    Attributes:
        center, factor: (p,) for the scaling of numbers: (x - center) * factor.
        gaps: numbers of the columns that have an indicator of gaps.
        edges: ends of bins, for each column; none where it is only scaled.
        sizes: of all categories.
        large: which categories have ids.
        gap_codes: which categories had gaps: others take a gap for a value never seen.
        frequencies: of each large category, by code.
    """

    center: Array
    factor: Array
    gaps: Array
    edges: list[Array]
    sizes: tuple[int, ...]
    large: list[int]
    gap_codes: list[int]
    frequencies: list[Array]

    @classmethod
    def fit(cls, values: Values, bins: int = 0, y: Array | None = None, kept: int = 0) -> "Encoder":
        """Find out how to encode.

        Args:
            values: the rows to learn from.
            bins: how many there may be for a number; 0 for none.
            y: (rows,) classes as integers, or (rows, ...) numbers: bins end where a small decision
                tree would split, instead of at quantiles.
            kept: a number with up to so many different values has a bin between any two of them.

        Raises:
            ValueError: there are no rows; a number is infinite; bins are no number of bins.
            ImportError: ``y`` is given and scikit-learn is missing.
        """
        numbers, codes = values.numbers, values.codes
        _demand_usable(numbers, bins, y)
        found = [binning.scale_and_edges(column, bins, y, kept) for column in numbers.T]
        large = [i for i, size in enumerate(values.sizes) if size - FIRST > MANY_VALUES]
        return cls(
            np.array([center for center, _, _ in found], np.float64),
            np.array([factor for _, factor, _ in found], np.float64),
            np.flatnonzero(np.isnan(numbers).any(axis=0)),
            [edges for _, _, edges in found],
            tuple(values.sizes),
            large,
            np.flatnonzero((codes == GAP).any(axis=0)).tolist(),
            [_frequencies(codes[:, i], values.sizes[i]) for i in large],
        )

    @property
    def bins(self) -> tuple[int, ...]:
        """How many bins each column has that has some."""
        return tuple(len(edges) - 1 for edges in self.edges if len(edges))

    @property
    def places(self) -> int:
        """How many bins all columns have together."""
        return sum(self.bins)

    @property
    def width(self) -> int:
        """Inputs of a network."""
        small = sum(self._columns_of(i) for i in range(len(self.sizes)))
        return len(self.center) + len(self.gaps) + self.places + small + len(self.large)

    @property
    def ids(self) -> int:
        """How many ids there are."""
        return sum(self.sizes[i] for i in self.large)

    def sources(self) -> Array:
        """Where each input of a network comes from: (width,), a number i, or p + i, a category."""
        p = len(self.center)
        bins = [i for i, edges in enumerate(self.edges) for _ in edges[1:]]
        small = [p + i for i in range(len(self.sizes)) for _ in range(self._columns_of(i))]
        large = [p + i for i in self.large]
        return np.array([*range(p), *self.gaps.tolist(), *bins, *small, *large], np.intp)

    def _columns_of(self, category: int) -> int:
        """A column for each value (two share one), and one for gaps, if there were any."""
        if category in self.large:
            return 0
        known = self.sizes[category] - FIRST
        return (1 if known == 2 else known) + (category in self.gap_codes)

    def transform(self, values: Values, said: list[str] | None = None) -> Encoded:
        """Encode rows.

        Args:
            values: of the same columns as those it was fitted on.
            said: is given a sentence for columns with gaps that had none before.

        Raises:
            ValueError: columns are not those it was fitted on; a number is infinite.
        """
        self._demand_fitting(values)
        self._tell_new_gaps(values, said)
        rows = len(values.numbers)
        x = np.empty((rows, self.width), np.float32)
        for i in range(0, rows, BATCH):
            part, numbers = x[i : i + BATCH], self._filled(values.numbers[i : i + BATCH])
            at = self._put_numbers(part, values.numbers[i : i + BATCH], numbers)
            for column, edges in zip(numbers.T, self.edges, strict=True):
                if len(edges):
                    at = _put(part, at, binning.positions(column, edges))
            self._put_categories(part, at, values.codes[i : i + BATCH])
        return Encoded(x, self._ids(values.codes))

    def compact(self, values: Values, said: list[str] | None = None) -> Compact:
        """Encode rows, with two numbers for all bins of a column: see ``transform``."""
        self._demand_fitting(values)
        self._tell_new_gaps(values, said)
        rows, binned = len(values.numbers), sum(len(edges) > 0 for edges in self.edges)
        x = np.empty((rows, self.width - self.places), np.float32)
        bins, fractions = np.empty((rows, binned), np.int32), np.empty((rows, binned), np.float32)
        for i in range(0, rows, BATCH):
            part, numbers = slice(i, i + BATCH), self._filled(values.numbers[i : i + BATCH])
            at = self._put_numbers(x[part], values.numbers[part], numbers)
            self._put_categories(x[part], at, values.codes[part])
            self._locate(numbers, bins[part], fractions[part])
        return Compact(x, bins, fractions, self._ids(values.codes))

    def spread(self, compact: Compact) -> Encoded:
        """The same numbers as ``transform`` gives, of rows (a batch, say) in the short form."""
        x = np.empty((len(compact.x), self.width), np.float32)
        at = len(self.center) + len(self.gaps)
        x[:, :at] = compact.x[:, :at]
        x[:, at + self.places :] = compact.x[:, at:]
        start = 0
        for k, count in enumerate(self.bins):
            here = compact.bins[:, k : k + 1] - start
            steps = np.arange(count)
            row = np.where(steps == here, compact.fractions[:, k : k + 1], steps < here)
            at = _put(x, at, row)
            start += count
        return Encoded(x, compact.ids)

    # -------------------------------------------------------------------- parts

    def _filled(self, numbers: Array) -> Array:
        return np.where(np.isnan(numbers), self.center, numbers)

    def _locate(self, numbers: Array, bins: Array, fractions: Array) -> None:
        start, k = 0, 0
        for column, edges in zip(numbers.T, self.edges, strict=True):
            if len(edges):
                places, fractions[:, k] = binning.located(column, edges)
                bins[:, k] = start + places
                start, k = start + len(edges) - 1, k + 1

    def _put_numbers(self, x: Array, numbers: Array, filled: Array) -> int:
        with np.errstate(over="ignore"):  # a number beyond all others may be: it is drawn in
            z = np.clip((filled - self.center) * self.factor, -FURTHEST, FURTHEST)
        at = _put(x, 0, z / np.sqrt(1 + np.square(z / CLIP)))
        return _put(x, at, np.isnan(numbers[:, self.gaps]))

    def _put_categories(self, x: Array, at: int, codes: Array) -> None:
        for i, size in enumerate(self.sizes):
            if i in self.large:
                continue
            column = codes[:, i, None]
            if i in self.gap_codes:
                at = _put(x, at, column == GAP)
            if size - FIRST == 2:  # -1 and 1; a gap, and a value never seen, lie between them
                at = _put(x, at, np.where(column >= FIRST, 2.0 * (column - FIRST) - 1, 0.0))
            else:
                at = _put(x, at, column == np.arange(FIRST, size))
        for i, known in zip(self.large, self.frequencies, strict=True):
            at = _put(x, at, known[codes[:, i]][:, None])

    def _ids(self, codes: Array) -> Array:
        starts = np.cumsum([0, *(self.sizes[i] for i in self.large)])[:-1]
        ids = codes[:, self.large].copy()
        for k, i in enumerate(self.large):
            if i not in self.gap_codes:  # nothing was learned for gaps: a value never seen
                ids[ids[:, k] == GAP, k] = UNSEEN
        return (ids + starts).astype(np.int32)

    def _demand_fitting(self, values: Values) -> None:
        found = (values.numbers.shape[1], tuple(values.sizes))
        if found != (len(self.center), tuple(self.sizes)):
            raise ValueError(
                f"encoder: it was fitted on {len(self.center)} numbers and categories of sizes "
                f"{list(self.sizes)}, got {found[0]} and {list(found[1])}. Make the values with "
                "the same Columns."
            )
        _demand_finite(values.numbers)

    def _tell_new_gaps(self, values: Values, said: list[str] | None) -> None:
        if said is None:
            return
        new = np.setdiff1d(np.flatnonzero(np.isnan(values.numbers).any(axis=0)), self.gaps)
        names = [values.number_names[i] for i in new.tolist()]
        if names:
            said.append(f"Gaps in {names[:10]}, where none were before, are filled with medians.")

    # -------------------------------------------------------------------- files

    def to_arrays(self) -> dict[str, Array]:
        """All of it, in arrays by name."""
        return {
            "center": self.center,
            "factor": self.factor,
            "gaps": np.asarray(self.gaps, np.int64),
            "edges": np.concatenate([np.empty(0), *self.edges]),
            "edge_counts": np.array([len(e) for e in self.edges], np.int64),
            "sizes": np.array(self.sizes, np.int64),
            "large": np.array(self.large, np.int64),
            "gap_codes": np.array(self.gap_codes, np.int64),
            "frequencies": np.concatenate([np.empty(0, np.float32), *self.frequencies]),
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, Array]) -> "Encoder":
        """The encoder that ``to_arrays`` described.

        Raises:
            ValueError: arrays are missing, or do not fit each other.
        """
        missing = [name for name in ARRAYS if name not in arrays]
        if missing:
            raise ValueError(f"encoder: the file lacks {missing}; it needs {list(ARRAYS)}.")
        _demand_matching(arrays)
        sizes, large = arrays["sizes"].tolist(), arrays["large"].tolist()
        return cls(
            arrays["center"],
            arrays["factor"],
            arrays["gaps"],
            _cut(arrays["edges"], arrays["edge_counts"]),
            tuple(sizes),
            large,
            arrays["gap_codes"].tolist(),
            _cut(arrays["frequencies"], np.array([sizes[i] for i in large], np.int64)),
        )


ARRAYS = (
    *("center", "factor", "gaps", "edges", "edge_counts", "sizes"),
    *("large", "gap_codes", "frequencies"),
)


def _cut(joined: Array, counts: Array) -> list[Array]:
    """One array for each count."""
    return np.split(joined, np.cumsum(counts)[:-1]) if len(counts) else []


def _demand_matching(arrays: dict[str, Array]) -> None:
    columns, categories = len(arrays["center"]), len(arrays["sizes"])
    limits = (("gaps", columns), ("large", categories), ("gap_codes", categories))
    if not (all(_within(arrays[name], n) for name, n in limits) and _fits(arrays, columns)):
        raise ValueError(
            f"encoder: the file's arrays do not fit each other ({columns} numbers, {categories} "
            "categories). It was damaged, or written by hand: train the model once more."
        )


def _within(places: Array, limit: int) -> bool:
    return bool(((places >= 0) & (places < limit)).all())


def _fits(arrays: dict[str, Array], columns: int) -> bool:
    """Whether lengths agree, numbers are finite and edges in order."""
    counts, edges = arrays["edge_counts"], arrays["edges"]
    return bool(
        len(arrays["factor"]) == len(counts) == columns
        and (counts >= 0).all()
        and counts.sum() == len(edges)
        and len(arrays["frequencies"]) == arrays["sizes"][arrays["large"]].sum()
        and all(np.isfinite(arrays[name]).all() for name in ("center", "factor", "edges"))
        and all((np.diff(part) > 0).all() for part in _cut(edges, counts))
    )


def _demand_usable(numbers: Array, bins: int, y: Array | None) -> None:
    if not len(numbers):
        raise ValueError("encoder: there are no rows to learn from.")
    if bins < 0 or bins != int(bins):
        raise ValueError(f"encoder: bins must be 0 or a number of bins such as 16, got {bins!r}.")
    if y is not None and len(y) != len(numbers):
        raise ValueError(f"encoder: {len(numbers)} rows need as many targets, got {len(y)}.")
    _demand_finite(numbers)


def _demand_finite(numbers: Array) -> None:
    if np.isinf(numbers).any():
        row, column = np.argwhere(np.isinf(numbers))[0].tolist()
        raise ValueError(
            f"encoder: number {column} of row {row + 1} is infinite; give a finite one, or NaN."
        )


def _put(x: Array, at: int, part: Array) -> int:
    x[:, at : at + part.shape[1]] = part
    return at + part.shape[1]


def _frequencies(codes: Array, size: int) -> Array:
    """How frequent each code is, as a logarithm of the size of 1."""
    counts = np.bincount(codes, minlength=size)
    counts[UNSEEN] = min(counts[UNSEEN], 1)  # values of a single row
    share = np.log1p(counts) - np.log1p(len(codes) / size)
    return np.clip(share, -LARGEST, LARGEST).astype(np.float32)


def targets_scaled(y: Array) -> tuple[Array, Array, Array]:
    """Numbers to be predicted, (rows, outputs), with mean 0 and deviation 1; and these two."""
    mean, deviation = y.mean(axis=0), y.std(axis=0)
    deviation = np.where(deviation > 0, deviation, 1.0)
    return (y - mean) / deviation, mean, deviation
