"""The safetensors format: 8 bytes of length, a header in JSON, and the arrays' bytes.

Nothing in such a file is run, and no memory is taken before the sizes in the header have been
found to fit each other and the file.
"""

import os
from collections.abc import Mapping
from math import prod
from typing import IO, Any, NamedTuple

import numpy as np

from axon.backend import Array, ArraySpec, DType, Shape
from axon.files.atomic import DamagedFile, atomic

DTYPES: dict[str, DType] = {  # little-endian, as the files are
    **{f"F{8 * size}": np.dtype(f"<f{size}") for size in (8, 4, 2)},
    **{f"{k}{8 * size}": np.dtype(f"<{k.lower()}{size}") for k in "IU" for size in (8, 4)},
    **{f"{k}{8 * size}": np.dtype(f"<{k.lower()}{size}") for k in "IU" for size in (2, 1)},
    "BOOL": np.dtype(np.bool_),
}
BFLOAT16 = np.dtype([("bfloat16", "<u2")])  # the upper half of a float32; NumPy has no such type
NAMES = {**{dtype: name for name, dtype in DTYPES.items()}, BFLOAT16: "BF16"}
SIZES = {"BF16": 2, **{name: dtype.itemsize for name, dtype in DTYPES.items()}}  # bytes per number
MAX_HEADER_BYTES = 100_000_000  # as of every reader of the format
MAX_AXES = 64  # as many as NumPy's arrays can have
PIECE_BYTES = 2**20  # read at a time


class Extent(NamedTuple):
    """What a header says of one array: where it lies among the bytes that follow."""

    dtype: str
    shape: Shape
    start: int
    stop: int

    @property
    def size(self) -> int:
        """How many bytes it takes."""
        return self.stop - self.start

    @property
    def spec(self) -> ArraySpec:
        """The shape and the type of the array that is read."""
        dtype = DTYPES["F32" if self.dtype == "BF16" else self.dtype]
        return ArraySpec(self.shape, dtype.newbyteorder("="))


class Header(NamedTuple):
    """What lies in a file, in the order of its bytes, and what was noted beside it."""

    extents: dict[str, Extent]
    metadata: dict[str, str]

    @property
    def specs(self) -> dict[str, ArraySpec]:
        """The shape and the type of each array that is read."""
        return {name: extent.spec for name, extent in self.extents.items()}


# ------------------------------------------------------------------------------------ reading


def load(path: "str | os.PathLike[str]") -> dict[str, Array]:
    """Read all arrays of a file by name; BF16 becomes float32, whose upper half it is.

    Raises:
        OSError: the file cannot be read.
        DamagedFile: it is not a whole safetensors file.

    >>> save("/tmp/x.safetensors", {"w": np.ones(2)})  # doctest: +SKIP
    >>> load("/tmp/x.safetensors")  # doctest: +SKIP
    {'w': array([1., 1.])}
    """
    with open(path, "rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        return read(stream, read_header(stream, size, str(path)), str(path))


def read_header(stream: IO[bytes], size: int, where: str) -> Header:
    """Read and check what comes before the arrays.

    Args:
        stream: at the beginning of the format's bytes.
        size: how many there are.
        where: what errors call the file.

    Raises:
        DamagedFile: the parts do not fit each other, or the size.
    """
    length = int.from_bytes(stream.read(8), "little")
    if size < 8 or length > min(size - 8, MAX_HEADER_BYTES):
        raise DamagedFile(
            f"{where} is not a whole safetensors file, or none at all: its header would take "
            f"{length:,} bytes, but there are {max(size - 8, 0):,}, and {MAX_HEADER_BYTES:,} are "
            "the most."
        )
    items = _parsed(bytes_of(stream, length, f"{where}: its header").tobytes(), where)
    metadata = items.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise DamagedFile(f"{where}: __metadata__ must hold texts.")
    extents = {name: _extent(name, item, where) for name, item in items.items()}
    extents = dict(sorted(extents.items(), key=lambda item: item[1][2:]))
    _demand_gapless(extents, size - 8 - length, where)
    return Header(extents, metadata)


def _parsed(text: bytes, where: str) -> dict[str, Any]:
    import json  # imported where used: most programs that import axon never read a file

    try:
        items = json.loads(text.decode(), object_pairs_hook=distinct)
    except (ValueError, RecursionError) as error:
        raise DamagedFile(f"{where} is not a safetensors file: its header: {error}.") from None
    if not isinstance(items, dict):
        raise DamagedFile(f"{where} is not a safetensors file: its header lists no arrays.")
    return items


def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, in which no name may stand twice: readers would disagree on its meaning.

    >>> distinct([("a", 1), ("a", 2)])
    Traceback (most recent call last):
    ValueError: the name 'a' stands twice
    """
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the name {name!r} stands twice")
        found[name] = value
    return found


def _extent(name: str, item: object, where: str) -> Extent:
    """Check one line of the header on its own."""
    if not isinstance(item, dict) or set(item) != {"dtype", "shape", "data_offsets"}:
        raise DamagedFile(f"{where}: {name!r} needs dtype, shape and data_offsets, and only these.")
    dtype, shape, offsets = item["dtype"], item["shape"], item["data_offsets"]
    several = _integers(shape, MAX_AXES) and _integers(offsets, 2)
    if not several or len(offsets) != 2 or prod(n or 1 for n in shape) >> 60:
        raise DamagedFile(f"{where}: {name!r} has shape {shape!r:.99}, offsets {offsets!r:.99}.")
    if not isinstance(dtype, str) or dtype not in SIZES:
        raise DamagedFile(
            f"{where}: {name!r} has dtype {dtype!r:.99}. Those that can be read: "
            f"{', '.join(SIZES)}."
        )
    extent = Extent(dtype, tuple(shape), *offsets)
    takes = prod(shape) * SIZES[dtype]
    if takes != extent.size:
        raise DamagedFile(
            f"{where}: {name!r}, {dtype} of shape {extent.shape}, takes {takes:,} bytes, but its "
            f"offsets {offsets} leave it {extent.size:,}."
        )
    return extent


def _integers(values: object, most: int) -> bool:
    if not isinstance(values, list) or len(values) > most:
        return False
    return all(type(v) is int and 0 <= v < 2**63 for v in values)


def _demand_gapless(extents: Mapping[str, Extent], size: int, where: str) -> None:
    """One array begins where the one before it ends; the last ends where the file does."""
    end = 0
    for name, extent in extents.items():
        if extent.start != end:
            raise DamagedFile(
                f"{where}: {name!r} begins at byte {extent.start:,} instead of {end:,}: arrays "
                "must neither overlap nor leave holes."
            )
        end = extent.stop
    if end != size:
        raise DamagedFile(
            f"{where} is cut off or too long: its arrays take {end:,} bytes, there are {size:,}."
        )


def read(stream: IO[bytes], header: Header, where: str) -> dict[str, Array]:
    """Read the arrays that follow a header, one after another."""
    return {name: _array(stream, name, e, where) for name, e in header.extents.items()}


def bytes_of(stream: IO[bytes], size: int, where: str) -> Array:
    """Read exactly so many bytes, piece by piece.

    Raises:
        DamagedFile: there are not so many.
    """
    raw = np.empty(size, np.uint8)
    view, done = memoryview(raw.data), 0
    while done < size:
        got = stream.readinto(view[done : done + PIECE_BYTES])  # type: ignore[attr-defined]
        if not got:
            raise DamagedFile(f"{where} is cut off.")
        done += got
    return raw


def _array(stream: IO[bytes], name: str, extent: Extent, where: str) -> Array:
    raw = bytes_of(stream, extent.size, f"{where}: {name!r}")
    if extent.dtype == "BF16":
        return from_bfloat16(raw.view("<u2")).reshape(extent.shape)
    if extent.dtype == "BOOL" and (raw > 1).any():
        raise DamagedFile(f"{where}: {name!r} holds bytes that are neither true nor false.")
    return (
        raw.view(DTYPES[extent.dtype]).astype(extent.spec.dtype, copy=False).reshape(extent.shape)
    )


def from_bfloat16(bits: Array) -> Array:
    """Numbers of 16 bits as float32, whose upper half they are.

    >>> from_bfloat16(np.array([0x3F80, 0xC000], np.uint16))
    array([ 1., -2.], dtype=float32)
    """
    return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)


def to_bfloat16(array: Array) -> Array:
    """Numbers as ``BFLOAT16``, rounded to the nearest, and to the even one of two as near.

    >>> to_bfloat16(np.array([1.0, -2.0, 1.003])).view("u2").tolist() == [0x3F80, 0xC000, 0x3F80]
    True
    """
    with np.errstate(over="ignore"):
        bits = np.ascontiguousarray(array, np.float32).view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
    rounded = np.where(np.isnan(array), bits >> np.uint32(16) | np.uint32(64), rounded)
    return rounded.astype("<u2").reshape(array.shape).view(BFLOAT16)


# ------------------------------------------------------------------------------------ writing


def save(
    path: "str | os.PathLike[str]",
    arrays: Mapping[str, Array],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write arrays by name to one file, whole or not at all.

    Raises:
        TypeError: an array has a type that the format does not know.
        OSError: the file cannot be written; a file that was there is kept.
    """
    header = header_of(arrays, metadata)
    with atomic(path) as stream:
        write(stream, arrays, header)


def header_of(arrays: Mapping[str, Array], metadata: Mapping[str, str] | None = None) -> bytes:
    """The bytes that come before arrays: the length of the header, and the header.

    >>> header_of({"b": np.zeros(2, "float32")})[8:]
    b'{"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}} '
    """
    import json

    listed: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for name, array in ordered(arrays).items():
        start, end = end, end + array.nbytes
        dtype = _name_of_dtype(name, array)
        listed[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [start, end]}
    text = json.dumps(listed, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the arrays begin at a multiple of 8
    if len(text) > MAX_HEADER_BYTES:
        raise ValueError(f"{len(arrays):,} arrays are too many for one file.")
    return len(text).to_bytes(8, "little") + text


def ordered(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Arrays of wide numbers first, so that each begins at a multiple of its numbers' size."""
    return dict(sorted(arrays.items(), key=lambda item: -item[1].dtype.itemsize))


def _name_of_dtype(name: str, array: Array) -> str:
    dtype = array.dtype.newbyteorder("<")
    if dtype not in NAMES or name == "__metadata__":
        raise TypeError(
            f"{name!r}, dtype {array.dtype}, cannot be written: expected one of "
            f"{', '.join(d.name for d in DTYPES.values())}, and another name than '__metadata__'."
        )
    return NAMES[dtype]


def write(stream: IO[bytes], arrays: Mapping[str, Array], header: bytes) -> None:
    """Write the header that ``header_of`` made of the arrays, and the arrays."""
    stream.write(header)
    for array in ordered(arrays).values():
        flat = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(-1)
        stream.write(flat.view(np.uint8).data)
