"""Rows of a table by number, and gradients put back there."""

import numpy as np
from numba import njit

from axon.backend import Array
from axon.fast.kernels.arguments import Address, Integers
from axon.fast.kernels.declare import kernel
from axon.fast.kernels.intrinsics import bytes_, floats, ints, words

FAULT = 3  # words: whether a number was wrong (1 an id, 2 an index), which, of how many


def demand_no_fault(fault: Array) -> None:
    """Raise IndexError if a kernel met a number of a row that is not there."""
    sort, wrong, size = map(int, fault)
    if sort == 1:
        raise IndexError(
            f"id {wrong} is outside the vocabulary, whose {size} ids are 0 to {size - 1}. Give the "
            "Embedding a larger input_dim, or map rare ids to one."
        )
    if sort == 2:
        raise IndexError(f"index {wrong} is out of range for {size} rows.")


@njit(inline="always")
def number_at(size: int, place: int, i: int) -> int:
    """An integer of 8, 4 or 1 bytes."""
    if size == 8:
        return words(place, i + 1)[i]
    if size == 4:
        return np.int64(ints(place, i + 1)[i])
    return np.int64(bytes_(place, i + 1)[i])


@kernel
def lookup(
    rows: int, n: int, width: int, size: int, bytes_of_number: int, sort: int,
    out: Address, table: Address, numbers: Address, note: Integers,
) -> None:  # fmt: skip
    """n rows of a table of ``size`` rows for each row; zeros where there is none, which is noted.

    ``sort`` is what the numbers are, 1 (ids) or 2 (indices: the negative ones count from the end).
    """
    for i in range(rows * n):
        k = number_at(bytes_of_number, numbers, i)
        at = k + size if sort == 2 and k < 0 else k
        y = floats(out + 4 * i * width, width)
        if at < 0 or at >= size:
            note[0], note[1], note[2] = sort, k, size
            for j in range(width):
                y[j] = 0
        else:
            row = floats(table + 4 * at * width, width)
            for j in range(width):
                y[j] = row[j]


@kernel
def take_gradient(
    rows: int, n: int, width: int, size: int, count: int, bytes_of_number: int, in_line: int,
    by_line: int, by_number: int, out: Address, g: Address, numbers: Address,
) -> None:  # fmt: skip
    """Add each row of g to that of out that it was taken from, in order; n columns of each row.

    There are ``in_line`` numbers in a line; by them and by lines g has steps of its own.
    """
    columns = rows * n
    for i in range(size):
        y = floats(out + 4 * i * width, columns)
        for j in range(columns):
            y[j] = 0
    for i in range(count):
        k = number_at(bytes_of_number, numbers, i)
        at = k + size if k < 0 else k
        if 0 <= at < size:
            line = g + 4 * (i // in_line * by_line + i % in_line * by_number)
            y, a = floats(out + 4 * at * width, columns), floats(line, columns)
            for j in range(columns):
                y[j] += a[j]
