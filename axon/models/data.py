"""Data on its way into a program: checked once, then gathered batch by batch without allocating."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from math import isfinite
from typing import Any

import numpy as np

from axon.backend import FLOAT, Array, DType, Shape, as_array, demand_fitting
from axon.checks import is_number
from axon.containers import Ragged, has
from axon.pieces import BYTE, in_parts
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
    except Ragged as error:
        raise ValueError(f"{argument}: the rows do not form an array: {error}") from None
    except ValueError as error:
        raise ValueError(f"{argument}: {error}") from None
    if not array.ndim or not array.size:
        hint = " There are samples, but without a single number." if any(array.shape[:1]) else ""
        raise ValueError(
            f"{argument}: expected at least one sample, shape (n, ...), got shape "
            f"{array.shape}.{hint}"
        )
    table = type(data) is not np.ndarray and array.ndim == 2 and has(data, "columns")
    columns = list(data.columns) if table else []
    demand_finite(argument, array, dtype, columns)
    return in_order(array)


def in_order(array: Array) -> Array:
    """The array as kernels read it: row after row, each number where one may lie; else a copy."""
    if array.flags.c_contiguous and array.flags.aligned:
        return array
    return np.require(array, requirements=["C", "A"])


@cache
def _largest(dtype: DType) -> Any:
    """Where numbers of a type end."""
    return np.finfo(dtype).max


def demand_finite(argument: str, array: Array, dtype: DType, columns: Sequence[Any] = ()) -> None:
    """Demand that all numbers are finite, and stay so in the type that the model computes in.

    Args:
        argument: what errors call the data.
        array: the data.
        dtype: that type.
        columns: the names of its columns, if they have any.
    """
    if array.dtype.kind != "f" or not array.size:
        return
    largest, limit = max(array.max(), -array.min()), _largest(dtype)
    if not isfinite(largest) and not np.isfinite(largest):  # math's is quick, but ends at float64
        raise _not_finite(argument, array, columns)
    if largest > limit:
        raise ValueError(
            f"{argument}: the size of the largest number is {largest:.3g}, but the model computes "
            f"in {dtype}, which ends at {limit:.3g}. Scale the data, for example with "
            "axon.layers.Normalization, or make the layers with dtype='float64'."
        )


def demand_whole(argument: str, array: Array) -> None:
    """Demand that floats are whole numbers, where a layer reads them as such."""
    if array.dtype.kind == "f" and (broken := array != np.floor(array)).any():
        raise ValueError(
            f"{argument}: the first layer takes whole numbers, such as the ids of words, but "
            f"sample {np.argwhere(broken)[0][0]} holds {array[broken][0]}. Number the words first."
        )


def demand_fits(argument: str, array: Array, dtype: DType) -> None:
    """Demand that whole numbers stay what they are in the type that they are converted to."""
    if dtype.kind not in "iu":
        return
    try:
        demand_fitting(array, dtype)
    except ValueError as error:
        raise ValueError(f"{argument}: {error}") from None


def _not_finite(argument: str, array: Array, columns: Sequence[Any] = ()) -> ValueError:
    row = next(i for i, sample in enumerate(array) if not np.isfinite(sample).all())
    wrong = ~np.isfinite(array[row])
    where = f" in column {columns[int(np.flatnonzero(wrong)[0])]!r}" if len(columns) else ""
    return ValueError(
        f"{argument}: sample {row} holds {array[row][wrong].flat[0]}{where}; NaN and infinity "
        "would spoil the whole model. Remove such rows or fill the gaps, for example with "
        "np.nan_to_num."
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
    if not is_number(share) or not 0 <= share < 1:
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
    """Columns of samples (x, y, weights), handed out by batches, in a fresh order each epoch.

    Args:
        columns: arrays of one length.
        entry: what the first of them, the inputs, are converted to.
        batch_size: samples in each batch; the last one may be shorter.
        order: in which samples are taken, shuffled in place; None leaves them as they are.
        steps: batches in an epoch, if not all.
    """

    def __init__(
        self,
        columns: list[Array],
        entry: Sequence[DType],
        batch_size: int,
        order: Array | None = None,
        steps: int | None = None,
    ) -> None:
        self.columns, self.entry = columns, tuple(entry)
        self.batch_size, self.order = batch_size, order
        self.size = len(columns[0])
        self.steps = -(-self.size // batch_size) if steps is None else steps
        if self.steps * batch_size >= self.size + batch_size:
            raise ValueError(
                f"{steps} steps of {batch_size} samples need {self.steps * batch_size}, but there "
                f"are {self.size}. Ask for {-(-self.size // batch_size)} steps at most."
            )
        self.back: Callable[[], None] | None = None  # undoes what was built for these samples
        self._numbers: Array | None = None
        self._staging: dict[tuple[int, int], Array] = {}
        self._specs: dict[int, tuple[tuple[Shape, DType], ...]] = {}

    def __len__(self) -> int:
        return self.steps

    @property
    def smallest(self) -> int:
        """The number of samples in the last batch."""
        return min(self.steps * self.batch_size, self.size) - (self.steps - 1) * self.batch_size

    def pieces(self, done: int = 0) -> "Iterator[tuple[Batches, int, int]]":
        """Each batch of an epoch: whose it is, its first and its last-but-one sample.

        Args:
            done: so many batches of the epoch under way were seen already, in the present order.
        """
        if self.order is not None and not done:
            stream("shuffle").shuffle(self.order)
        size = self.batch_size
        for start in range(done * size, self.steps * size, size):
            yield self, start, min(start + size, self.size)

    def state_dict(self) -> dict[str, Any]:
        """The order of the samples, in the shortest numbers that can count them."""
        short = np.min_scalar_type(max(self.size - 1, 0))
        return {} if self.order is None else {"order": self.order.astype(short)}

    def load_state_dict(self, state: dict[str, Any], done: int) -> None:
        """Go on with an order that was kept; batches are found by their numbers."""
        del done
        if self.order is not None:
            self.order[...] = state["order"]

    @property
    def numbers(self) -> Array:
        """Which samples are taken, in turn."""
        if self.order is not None:
            return self.order
        if self._numbers is None:
            self._numbers = np.arange(self.size)
        return self._numbers

    def alike(self, start: int, stop: int) -> int:
        """How many batches, this one included, are as large."""
        rest = min(self.size, self.steps * self.batch_size) - start
        return rest // (stop - start)

    def specs(self, rows: int) -> tuple[tuple[Shape, DType], ...]:
        """Shape and type of each column of a batch."""
        if rows not in self._specs:
            types = (column.dtype for column in self.columns[len(self.entry) :])
            wanted = [*self.entry, *(LABEL if t.kind in "iu" else t for t in types)]
            shapes = [(rows, *column.shape[1:]) for column in self.columns]
            self._specs[rows] = tuple(zip(shapes, wanted, strict=True))
        return self._specs[rows]

    def fill(self, start: int, stop: int, slots: list[Array]) -> None:
        """Copy a batch into arrays that are there, converting types on the way."""
        for number, (column, slot) in enumerate(zip(self.columns, slots, strict=True)):
            rows = column[start:stop] if self.order is None else self.order[start:stop]
            if self.order is None:
                copy = partial(_copy, rows, slot)
            elif column.dtype == slot.dtype:
                copy = partial(_gather, column, rows, slot, slot)
            else:
                copy = partial(_gather, column, rows, self._stage(number, len(rows), column), slot)
            in_parts(copy, stop - start, 2 * BYTE * slot.nbytes)

    def _stage(self, number: int, rows: int, column: Array) -> Array:
        """Where rows wait for conversion: gathered in their own type, made once per batch size."""
        key = (number, rows)
        if key not in self._staging:
            self._staging[key] = np.empty((rows, *column.shape[1:]), column.dtype)
        return self._staging[key]


def _copy(rows: Array, slot: Array, first: int, last: int) -> None:
    np.copyto(slot[first:last], rows[first:last], casting="unsafe")


def _gather(column: Array, order: Array, staged: Array, slot: Array, first: int, last: int) -> None:
    """Some of the rows: ``staged`` is where they wait for conversion, or the slot itself."""
    np.take(column, order[first:last], axis=0, out=staged[first:last], mode="clip")
    if staged is not slot:
        np.copyto(slot[first:last], staged[first:last], casting="unsafe")
