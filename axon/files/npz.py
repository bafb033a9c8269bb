"""Arrays in a zip of ``.npy`` files, as ``numpy.savez`` writes it, read with suspicion."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from typing import IO

import numpy as np

from axon.backend import Array, ArraySpec, DType, Shape
from axon.files.archive import DEFLATED, STORED, Archive, damage_in
from axon.files.atomic import DamagedFile
from axon.files.safetensors import MAX_AXES, bytes_of

MAX_HEADER_BYTES = 4096  # more than the header of an .npy file takes
MAX_BYTES = 2**28  # what all arrays together may take in any case, and
MAX_GROWTH = 100  # otherwise so many times what the file takes


def names_in(archive: Archive, folder: str = "") -> list[str]:
    """The names of the arrays in a folder of the zip; nothing is read yet.

    Raises:
        DamagedFile: all together they are a zip bomb.
    """
    members = [n for n in archive.zip.namelist() if n.startswith(folder) and n.endswith(".npy")]
    claimed = sum(archive.zip.getinfo(name).file_size for name in members)
    if claimed > max(MAX_BYTES, MAX_GROWTH * archive.size):
        raise DamagedFile(
            f"{archive.where} takes {archive.size:,} bytes and claims {claimed:,}: too large "
            "to be unpacked in memory; if that is meant, write it with np.savez instead of "
            "np.savez_compressed."
        )
    return [name[len(folder) : -len(".npy")] for name in members]


def specs_in(archive: Archive, folder: str = "") -> dict[str, ArraySpec]:
    """Name -> shape and type of each array in a folder of the zip; none of them is read yet.

    Raises:
        DamagedFile: an array is damaged or holds objects, or all together are a zip bomb.
    """
    specs = {}
    for name in names_in(archive, folder):
        with _opened(archive, f"{folder}{name}.npy") as (_, shape, dtype, _):
            specs[name] = ArraySpec(shape, dtype.newbyteorder("="))
    return specs


def read(archive: Archive, name: str, folder: str = "") -> Array:
    """Read one array.

    Raises:
        DamagedFile: it is damaged, or holds objects.
    """
    with _opened(archive, f"{folder}{name}.npy") as (stream, shape, dtype, by_columns):
        size = prod(shape) * dtype.itemsize
        raw = bytes_of(stream, size, f"{archive.where}: {folder}{name}.npy")
        found = raw.view(dtype).astype(dtype.newbyteorder("="), copy=False)
        return found.reshape(shape[::-1]).T if by_columns else found.reshape(shape)


@contextmanager
def _opened(archive: Archive, member: str) -> Iterator[tuple[IO[bytes], Shape, DType, bool]]:
    """One member behind its header: the stream, shape, type, and whether columns come first."""
    where = f"{archive.where}: {member}"
    info = archive.member(member, archive.zip.getinfo(member).file_size, (STORED, DEFLATED))
    with damage_in(where), archive.zip.open(info) as stream:
        shape, by_columns, dtype = _header(stream, where)
        if prod(shape) * dtype.itemsize != info.file_size - stream.tell():
            raise DamagedFile(f"{where} is truncated, or longer than its shape {shape} says.")
        yield stream, shape, dtype, by_columns


HEADER_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def _header(stream: IO[bytes], where: str) -> tuple[Shape, bool, DType]:
    try:
        version = np.lib.format.read_magic(stream)
        shape, by_columns, dtype = HEADER_READERS[version](stream, max_header_size=MAX_HEADER_BYTES)
        _demand_numbers(shape, dtype)
    except Exception as error:  # the header is a Python literal: its parsers raise all sorts
        raise DamagedFile(f"{where} cannot be read: {error}.") from None
    return shape, by_columns, dtype


def _demand_numbers(shape: Shape, dtype: DType) -> None:
    if dtype.kind not in "fiubc":
        raise ValueError(f"it holds no numbers, but has dtype {dtype}")
    if len(shape) > MAX_AXES or any(n < 0 for n in shape) or prod(n or 1 for n in shape) >> 60:
        raise ValueError(f"no array has the shape {shape}")
