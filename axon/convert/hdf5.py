"""Reading Keras's weights: ``.weights.h5``, ``.keras``, and the older ``.h5`` (extra "hdf5").

HDF5 can do much that a file of weights has no need of: links to other files, arrays whose bytes lie
elsewhere, compression, types of any kind. All that is refused before anything is read, and so are
arrays that take more bytes than the file has.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

import numpy as np

from axon.backend import Array
from axon.files.atomic import DamagedFile
from axon.files.formats import HDF5, by_bytes
from axon.files.safetensors import from_bfloat16
from axon.names import need

MEMBER = "model.weights.h5"  # of a .keras file, which is a zip
DEPTH, MOST = 64, 200_000  # groups inside one another, and objects in all
SIMPLE = ("f2", "f4", "f8", *(f"{letter}{size}" for letter in "iu" for size in (1, 2, 4, 8)))
BFLOAT16 = "V2"  # how h5py sees the type, which NumPy does not have


def read_keras(path: "str | os.PathLike[str]") -> dict[str, Array]:
    """Read all arrays of a file of weights that Keras wrote, by their path in it.

    Args:
        path: ``.weights.h5`` or ``.keras`` of Keras 3, or ``.h5`` of Keras 2; what it is, is seen
            from its bytes.

    Raises:
        OSError: the file cannot be read.
        DamagedFile: it is no such file, it is damaged, or it holds what weights have no need of:
            links, compressed arrays, arrays of objects.
        ImportError: h5py is missing.

    >>> read_keras("net.weights.h5")["layers/dense/vars/0"].shape  # doctest: +SKIP
    (784, 128)
    """
    h5py = need("h5py", "Keras's files need", "hdf5")
    with open(path, "rb") as stream, damage(path):
        if stream.read(4) == b"PK\x03\x04":
            return _read_zipped(h5py, stream, path)
        return _read(h5py, stream, path)


def _read_zipped(h5py: Any, stream: IO[bytes], path: object) -> dict[str, Array]:
    import io
    import zipfile

    size = stream.seek(0, os.SEEK_END)
    with zipfile.ZipFile(stream) as archive:
        if MEMBER not in archive.namelist():
            raise DamagedFile(f"{path} is a zip without {MEMBER}: not a model of Keras.")
        info = archive.getinfo(MEMBER)
        plain = info.compress_type == zipfile.ZIP_STORED and info.compress_size == info.file_size
        if not plain or info.file_size > size or info.flag_bits & 1:
            raise DamagedFile(
                f"{path}: {MEMBER} is compressed or encrypted, which Keras does not do, or larger "
                "than the file. Unzip it, and read it alone."
            )
        return _read(h5py, io.BytesIO(archive.read(info)), path)


@contextmanager
def damage(path: object) -> Iterator[None]:
    """Let whatever reading may raise say that the file is damaged."""
    import struct
    import zipfile

    damaged = (zipfile.BadZipFile, struct.error, EOFError, LookupError, RuntimeError, TypeError)
    try:
        yield
    except DamagedFile:
        raise
    except (*damaged, ValueError, ArithmeticError, MemoryError, OSError) as error:
        said = str(error).strip("'\". ") or type(error).__name__
        raise DamagedFile(f"{path} is damaged, or no file of Keras: {said:.200}.") from None


def _read(h5py: Any, stream: IO[bytes], path: object) -> dict[str, Array]:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    if by_bytes(stream.read(9)) is not HDF5:
        raise DamagedFile(f"{path} is neither HDF5 nor a .keras file.")
    stream.seek(0)
    arrays: dict[str, Array] = {}
    with h5py.File(stream, "r") as file:  # of a stream: HDF5 cannot open another file beside it
        for name, dataset in _datasets(h5py, file, path):
            size -= _bytes_of(h5py, dataset, f"{path}: {name!r}", size)
            arrays[name] = _numbers(dataset)
    return arrays


def _datasets(h5py: Any, file: Any, path: object) -> Iterator[tuple[str, Any]]:
    """Every array by its path; each object is reached once, and by no other than a plain link."""
    seen: set[Any] = set()
    waiting = [("", file, 0)]
    while waiting:
        where, item, depth = waiting.pop()
        address = h5py.h5o.get_info(item.id).addr
        if address in seen or depth > DEPTH or len(seen) > MOST:
            raise DamagedFile(f"{path}: {where!r} is linked twice, or too deep, or there is more.")
        seen.add(address)
        if isinstance(item, h5py.Dataset):
            yield where, item
        elif isinstance(item, h5py.Group):
            inside = [(f"{where}/{name}".lstrip("/"), name) for name in item]
            for inner, name in inside:
                if not isinstance(item.get(name, getlink=True), h5py.HardLink):
                    raise DamagedFile(f"{path}: {inner!r} is a link to elsewhere: not followed.")
            waiting += [(inner, item[name], depth + 1) for inner, name in reversed(inside)]
        else:
            raise DamagedFile(f"{path}: {where!r} is neither a group nor an array.")


def _bytes_of(h5py: Any, dataset: Any, where: str, left: int) -> int:
    """How many bytes an array takes, if it is a plain one and the file may hold as many."""
    dtype = dataset.dtype
    if dtype.str[1:] not in (*SIMPLE, BFLOAT16):
        raise DamagedFile(f"{where} holds {dtype}, not numbers.")
    made = dataset.id.get_create_plist()
    plain = made.get_layout() in (h5py.h5d.COMPACT, h5py.h5d.CONTIGUOUS)
    if not plain or made.get_nfilters() or made.get_external_count() or dataset.is_virtual:
        raise DamagedFile(
            f"{where} is compressed, in pieces, or lies in another file, which Keras does not do. "
            "h5repack -f NONE -l CONTI IN OUT writes a plain file."
        )
    if dataset.shape is None:
        raise DamagedFile(f"{where} is empty.")
    takes, stored = dataset.size * dtype.itemsize, dataset.id.get_storage_size()
    if takes != stored or takes > left:
        raise DamagedFile(
            f"{where} claims {takes:,} bytes, but {stored:,} are stored, and {left:,} are left in "
            "the file."
        )
    return int(takes)


def _numbers(dataset: Any) -> Array:
    if dataset.dtype.str[1:] == BFLOAT16:
        return from_bfloat16(np.asarray(dataset[()]).view("<u2")).reshape(dataset.shape)
    values: Array = np.asarray(dataset[()])
    return values.astype(values.dtype.newbyteorder("="), copy=False)


# ------------------------------------------------------------------------------------ writing


def write_keras(stream: IO[bytes], arrays: Mapping[str, Array]) -> None:
    """Write arrays by their path as a ``.weights.h5`` file of Keras 3.

    Args:
        stream: open for writing and reading.
        arrays: by names such as ``layers/dense/vars/0``.

    Raises:
        ImportError: h5py is missing.
    """
    h5py = need("h5py", "Keras's files need", "hdf5")
    with h5py.File(stream, "w") as file:
        file.create_group("vars")
        for name, array in arrays.items():
            file.create_dataset(name, data=array)
