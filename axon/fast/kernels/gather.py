"""The samples of a batch, picked from the data by their numbers, converted on the way."""

from typing import Any

import numpy as np

from axon.fast.kernels.arguments import ARRAYS, FAR, Address, Integers
from axon.fast.kernels.declare import declare, kernel
from axon.fast.kernels.intrinsics import fetch

AHEAD = 2  # rows: where they lie in memory cannot be foreseen by the processor


def gather(
    out_of: Any, data_of: Any, data_size: int, convert: Any,
    rows: int, n: int, out: Address, data: Address, order: Integers,
) -> None:  # fmt: skip
    """Row i of out is row order[i] of the data, n numbers of ``data_size`` bytes."""
    y, x, size = out_of(out, FAR), data_of(data, FAR), n * data_size
    for i in range(rows):
        start = order[i] * n
        if i + AHEAD < rows:
            ahead = data + order[i + AHEAD] * size
            for line in range(0, size, 64):
                fetch(ahead + line)
        for j in range(n):
            y[i * n + j] = convert(x[start + j])


for _out, _convert, _sources in (
    ("f4", np.float32, ("f4", "f8", "u1")),
    ("i8", np.int64, ("i8", "i4", "u1")),
):
    for _source in _sources:
        _array, _ = ARRAYS[_out]
        declare(f"gather_{_source}_{_out}", gather, _array, *ARRAYS[_source], _convert)


@kernel
def nothing(n: int, out: Address, data: Address, order: Address) -> None:
    """The batch is there already; in the place of ``gather``, with its arguments."""
