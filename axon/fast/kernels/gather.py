"""The samples of a batch, picked from the data by their numbers, converted on the way."""

from typing import Any

import numpy as np
from numba import carray, njit, types

from axon.fast.kernels.declare import kernel
from axon.fast.kernels.intrinsics import bytes_, doubles, fetch, floats, pointer, words


@njit(inline="always")
def picked(address: int, out: Any, data: Any, convert: Any) -> None:
    """Row i of out is row order[i] of the data. Words: numbers in a row, out, data, order."""
    w = words(address, 6)
    rows, n = w[0], w[2]
    order = words(w[5], rows)
    size = n * data.itemsize
    for i in range(rows):
        start = order[i] * n
        if i + AHEAD < rows:
            ahead = w[4] + order[i + AHEAD] * size
            for line in range(0, size, 64):
                fetch(ahead + line)
        for j in range(n):
            out[i * n + j] = convert(data[start + j])


FAR = 1 << 40
AHEAD = 2  # rows: where they lie in memory cannot be foreseen by the processor


@kernel
def nothing(address: int) -> None:
    """The batch is there already."""


@kernel
def gather_f4_f4(address: int) -> None:
    """Floats as they are."""
    w = words(address, 6)
    picked(address, floats(w[3], FAR), floats(w[4], FAR), np.float32)


@kernel
def gather_f8_f4(address: int) -> None:
    """Long floats to floats."""
    w = words(address, 6)
    picked(address, floats(w[3], FAR), doubles(w[4], FAR), np.float32)


@kernel
def gather_u1_f4(address: int) -> None:
    """Bytes to floats."""
    w = words(address, 6)
    picked(address, floats(w[3], FAR), bytes_(w[4], FAR), np.float32)


@kernel
def gather_i8_i8(address: int) -> None:
    """Whole numbers as they are."""
    w = words(address, 6)
    picked(address, words(w[3], FAR), words(w[4], FAR), np.int64)


@kernel
def gather_i4_i8(address: int) -> None:
    """Short whole numbers to long ones."""
    w = words(address, 6)
    picked(address, words(w[3], FAR), carray(pointer(w[4]), (FAR,), types.int32), np.int64)


@kernel
def gather_u1_i8(address: int) -> None:
    """Bytes to whole numbers."""
    w = words(address, 6)
    picked(address, words(w[3], FAR), bytes_(w[4], FAR), np.int64)
