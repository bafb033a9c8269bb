"""Rows of a table by number, and gradients put back there."""

import numpy as np
from numba import njit

from axon.backend import Array
from axon.fast.kernels.declare import kernel
from axon.fast.kernels.intrinsics import bytes_, floats, ints, words

FAULT = 3  # words: whether a number was wrong (1 an id, 2 an index), which, of how many


def demand_no_fault(fault: Array) -> None:
    """Raise IndexError if a kernel met a number of a row that is not there."""
    kind, wrong, size = map(int, fault)
    if kind == 1:
        raise IndexError(
            f"id {wrong} is outside the vocabulary, whose {size} ids are 0 to {size - 1}. Give the "
            "Embedding a larger input_dim, or map rare ids to one."
        )
    if kind == 2:
        raise IndexError(f"index {wrong} is out of range for {size} rows.")


@njit(inline="always")
def number_at(kind: int, place: int, i: int) -> int:
    """A whole number of 8, 4 or 1 bytes."""
    if kind == 8:
        return words(place, i + 1)[i]
    if kind == 4:
        return np.int64(ints(place, i + 1)[i])
    return np.int64(bytes_(place, i + 1)[i])


@kernel
def lookup(address: int) -> None:
    """Rows of a table; zeros where there is none, which is noted.

    Words: numbers per row, width, rows of the table, bytes of a number, 1 or 2 (then negative
    numbers count from the end), out, table, numbers, note.
    """
    w = words(address, 11)
    count, n, size, kind, sort = w[0] * w[2], w[3], w[4], w[5], w[6]
    for i in range(count):
        k = number_at(kind, w[9], i)
        at = k + size if sort == 2 and k < 0 else k
        out = floats(w[7] + 4 * i * n, n)
        if at < 0 or at >= size:
            note = words(w[10], 3)
            note[0], note[1], note[2] = sort, k, size
            for j in range(n):
                out[j] = 0
        else:
            row = floats(w[8] + 4 * at * n, n)
            for j in range(n):
                out[j] = row[j]


@kernel
def take_gradient(address: int) -> None:
    """Add each row to the one that it was taken from, in order; some columns of all.

    Words: columns per row, width, rows of out, count, bytes of a number, out, g, numbers; numbers
    in a line, and the steps of g from line to line and from number to number.
    """
    w = words(address, 13)
    n, width, size, count = w[0] * w[2], w[3], w[4], w[5]
    for i in range(size):
        out = floats(w[7] + 4 * i * width, n)
        for j in range(n):
            out[j] = 0
    for i in range(count):
        k = number_at(w[6], w[9], i)
        at = k + size if k < 0 else k
        if 0 <= at < size:
            line = w[8] + 4 * (i // w[10] * w[11] + i % w[10] * w[12])
            out, g = floats(w[7] + 4 * at * width, n), floats(line, n)
            for j in range(n):
                out[j] += g[j]
