"""Data on their way into a model are checked: numbers, all finite, as many of each."""

from collections.abc import Sequence
from functools import cache
from math import isfinite
from typing import Any

import numpy as np

from axon.backend import FLOAT, Array, DType, as_array, demand_fitting
from axon.checks import is_number
from axon.containers import Ragged, has

Data = Any  # what a user hands over, in one of the forms that forms.py tells apart


def samples(argument: str, data: Data, dtype: DType = FLOAT) -> Array:
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
def _largest(dtype: DType) -> np.floating[Any]:
    """Where numbers of a type end."""
    return np.finfo(dtype).max


def demand_finite(
    argument: str, array: Array, dtype: DType, columns: Sequence[object] = ()
) -> None:
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


def demand_integers(argument: str, array: Array) -> None:
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


def _not_finite(argument: str, array: Array, columns: Sequence[object] = ()) -> ValueError:
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


def checked_share(share: object) -> float:
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
