"""IDX, the file format of MNIST: a magic number, the sizes, then the numbers."""

import math

import numpy as np

from axon.backend import Array, DType

# The third byte of the magic number names the type of the numbers.
IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MAX_DIMENSIONS = 32  # what every supported NumPy can hold


def parse_idx(data: bytes) -> Array:
    """Read an IDX file's bytes, all of them and no more, as an array.

    The file is ``00 00 type ndim``, then ``ndim`` sizes as big-endian uint32, then the numbers:
    4 + 4 ndim + itemsize * prod(shape) bytes exactly.

    Args:
        data: the whole content of a decompressed IDX file.

    Returns:
        A new array of the shape the file states, in the machine's byte order.

    Raises:
        ValueError: the magic number, the type, the sizes or the length is not as it should be.

    Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database", section "The IDX file format".

    >>> parse_idx(bytes([0, 0, 0x08, 2, 0, 0, 0, 1, 0, 0, 0, 3, 7, 8, 9]))
    array([[7, 8, 9]], dtype=uint8)
    """
    dtype, shape = _parse_header(data)
    start = 4 + 4 * len(shape)
    expected = start + dtype.itemsize * math.prod(shape)
    if len(data) != expected:
        raise ValueError(
            f"not a whole IDX file: its header states shape {shape} of {dtype.name}, that is "
            f"{expected} bytes in all, but there are {len(data)}"
        )
    numbers = np.frombuffer(data, dtype=dtype, offset=start).reshape(shape)
    return numbers.astype(dtype.newbyteorder("="))


def _parse_header(data: bytes) -> tuple[DType, tuple[int, ...]]:
    if len(data) < 4 or data[:2] != b"\0\0":
        raise ValueError(f"not an IDX file: expected it to begin with 00 00, found {_show(data)}")
    code, ndim = data[2], data[3]
    if code not in IDX_TYPES:
        known = ", ".join(f"0x{known:02x}" for known in IDX_TYPES)
        raise ValueError(f"not an IDX file: expected a type of {known}, found 0x{code:02x}")
    if not 1 <= ndim <= MAX_DIMENSIONS:
        raise ValueError(f"not an IDX file: expected 1 to {MAX_DIMENSIONS} axes, found {ndim}")
    return np.dtype(IDX_TYPES[code]), _parse_shape(data, ndim)


def _parse_shape(data: bytes, ndim: int) -> tuple[int, ...]:
    if len(data) < 4 + 4 * ndim:
        raise ValueError(
            f"not a whole IDX file: expected {ndim} sizes in {4 * ndim} bytes after the magic "
            f"number, found {len(data) - 4} bytes"
        )
    shape = tuple(int(size) for size in np.frombuffer(data, dtype=">u4", count=ndim, offset=4))
    if 0 in shape:
        raise ValueError(f"an IDX file without numbers: its header states shape {shape}")
    return shape


def _show(data: bytes) -> str:
    return data[:4].hex(" ") or "an empty file"
