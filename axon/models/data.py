"""Data on its way into a program: checked once, then gathered batch by batch without allocating."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from axon.backend import FLOAT, Array, DType, Shape, as_array
from axon.random import stream


def samples(argument: str, data: Any, dtype: DType = FLOAT) -> Array:
    """Check features: numbers, at least one sample, all finite. The caller's array is not changed.

    Args:
        argument: what errors call the data.
        data: anything that NumPy makes an array of.
        dtype: what the model computes in; the numbers must be finite in it.

    Raises:
        TypeError: text or objects.
        ValueError: no samples, NaN or infinity.

    >>> samples("x", [[1, 2], [3, 4]]).shape
    (2, 2)
    """
    try:
        array = as_array(data)
    except TypeError as error:
        raise TypeError(f"{argument}: {error}") from None
    except ValueError as error:  # rows of different lengths
        raise ValueError(f"{argument}: the rows do not form an array: {error}") from None
    if not array.ndim or not array.size:
        raise ValueError(
            f"{argument}: expected at least one sample, shape (n, ...), got shape {array.shape}."
        )
    demand_finite(argument, array, dtype)
    return np.ascontiguousarray(array)


def demand_finite(argument: str, array: Array, dtype: DType) -> None:
    """Demand that all numbers are finite, and stay so in the type that the model computes in."""
    if array.dtype.kind != "f" or not array.size:
        return
    largest, limit = max(float(array.max()), -float(array.min())), float(np.finfo(dtype).max)
    if not np.isfinite(largest):
        raise _not_finite(argument, array)
    if largest > limit:
        raise ValueError(
            f"{argument}: the size of the largest number is {largest:.3g}, but the model computes "
            f"in {dtype}, which ends at {limit:.3g}. Scale the data, for example with "
            "axon.layers.Normalization, or make the layers with dtype='float64'."
        )


def _not_finite(argument: str, array: Array) -> ValueError:
    row = next(i for i, sample in enumerate(array) if not np.isfinite(sample).all())
    bad = array[row][~np.isfinite(array[row])]
    return ValueError(
        f"{argument}: sample {row} holds {bad.flat[0]}; NaN and infinity would spoil the whole "
        f"model. Remove such rows or fill the gaps, for example with np.nan_to_num."
    )


def same_length(**columns: Array | None) -> int:
    """Demand that all have as many samples as the first."""
    lengths = {name: len(c) for name, c in columns.items() if c is not None}
    if len(dict.fromkeys(lengths.values())) > 1:
        listed = ", ".join(f"{name} has {n}" for name, n in lengths.items())
        raise ValueError(f"Different numbers of samples: {listed}. Each sample needs one of each.")
    return next(iter(lengths.values()))


def checked_share(share: Any) -> float:
    """Check a validation_split; 0 means none."""
    number = isinstance(share, int | float | np.number) and not isinstance(share, bool)
    if not number or not 0 <= share < 1:
        raise ValueError(
            f"fit: validation_split must lie between 0 and 1, such as 0.2, got {share!r}."
        )
    return float(share)


def split(columns: list[Array], share: float) -> tuple[list[Array], list[Array]]:
    """Keep the last samples for validation, as Keras does, before anything is shuffled."""
    n = len(columns[0])
    first = n - round(n * share)
    if first in (0, n):
        raise ValueError(
            f"fit: validation_split={share} of {n} samples leaves none for "
            f"{'training' if first == 0 else 'validation'}. Choose another share or "
            "validation_data."
        )
    return [c[:first] for c in columns], [c[first:] for c in columns]


LABEL = np.dtype(np.int64)  # what whole-number targets are converted to, batch by batch


class Batches:
    """Columns of samples (x, y, weights), handed out by batches, in a fresh order each epoch."""

    def __init__(self, columns: list[Array], batch_size: int, order: Array | None = None) -> None:
        self.columns, self.batch_size = columns, batch_size
        self.size = len(columns[0])
        self.order = order  # in which samples are taken, shuffled in place; None leaves them as is
        self._staging: dict[tuple[int, int], Array] = {}
        self._specs: dict[tuple[int, DType], tuple[tuple[Shape, DType], ...]] = {}

    def __len__(self) -> int:
        return -(-self.size // self.batch_size)

    def bounds(self) -> Iterator[tuple[int, int]]:
        """First and last-but-one sample of each batch; the last batch may be short."""
        for start in range(0, self.size, self.batch_size):
            yield start, min(start + self.batch_size, self.size)

    def shuffle(self) -> None:
        """Draw a new order, in place."""
        if self.order is not None:
            stream("shuffle").shuffle(self.order)

    def specs(self, rows: int, dtype: DType) -> tuple[tuple[Shape, DType], ...]:
        """Shape and type of each column of a batch; the first, the samples, are to have dtype."""
        if (rows, dtype) not in self._specs:
            types = (column.dtype for column in self.columns[1:])
            dtypes = [dtype, *(LABEL if t.kind in "iu" else t for t in types)]
            shapes = [(rows, *column.shape[1:]) for column in self.columns]
            self._specs[rows, dtype] = tuple(zip(shapes, dtypes, strict=True))
        return self._specs[rows, dtype]

    def fill(self, start: int, stop: int, slots: list[Array]) -> None:
        """Copy a batch into arrays that are there, converting types on the way."""
        for number, (column, slot) in enumerate(zip(self.columns, slots, strict=True)):
            if self.order is None:
                np.copyto(slot, column[start:stop], casting="unsafe")
            elif column.dtype == slot.dtype:
                np.take(column, self.order[start:stop], axis=0, out=slot, mode="clip")
            else:
                staged = self._stage(number, stop - start, column)
                np.take(column, self.order[start:stop], axis=0, out=staged, mode="clip")
                np.copyto(slot, staged, casting="unsafe")

    def _stage(self, number: int, rows: int, column: Array) -> Array:
        """Where rows wait for conversion: gathered in their own type, made once per batch size."""
        key = (number, rows)
        if key not in self._staging:
            self._staging[key] = np.empty((rows, *column.shape[1:]), column.dtype)
        return self._staging[key]
