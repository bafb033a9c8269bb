"""Any tree of values in one file: a zip of JSON and of safetensors. Never pickle.

tree.json             dicts, lists, texts, numbers; {"$array": NAME} in the place of an array, and
                      {"$name": NAME} in that of a function or class, which is no text
tree.safetensors      the arrays by name
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import isfinite
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from axon.backend import Array
from axon.files import safetensors
from axon.files.atomic import DamagedFile, atomic
from axon.files.formats import ZIP
from axon.names import Name

if TYPE_CHECKING:
    from zipfile import ZipInfo

MAX_JSON_BYTES = 64 * 2**20
Json = Any  # dicts, lists, texts, numbers, True, False and None
Tree = Any  # the same, with arrays in it, too
STORED, DEFLATED = 0, 8  # how members of a zip are packed


def write(path: "str | os.PathLike[str]", tree: Mapping[str, Tree]) -> None:
    """Write a tree to one file, whole or not at all.

    Args:
        path: the file.
        tree: dicts, lists, texts, numbers of any size (infinite ones and NaN, too), True, False,
            None and NumPy arrays of numbers. Tuples come back as lists, and NumPy's single numbers
            as Python's.

    Raises:
        TypeError: there is something else in it; the message says where.
        OSError: the file cannot be written; a file that was there is kept.

    >>> write("x.axon", {"step": 3, "mean": np.zeros(2)})  # doctest: +SKIP
    """
    document, arrays = flattened(tree)
    pack(path, {"tree": document}, {"tree": arrays})


def read(path: "str | os.PathLike[str]") -> Tree:
    """Read what ``write`` wrote. No code is run, and sizes are checked before memory is taken.

    Raises:
        OSError: the file cannot be read.
        DamagedFile: it is not a whole archive.

    >>> read("x.axon")  # doctest: +SKIP
    {'step': 3, 'mean': array([0., 0.])}
    """
    with opened(path) as archive:
        return archive.tree("tree")


# ------------------------------------------------------------------------------------ trees


def flattened(tree: Tree) -> tuple[Json, dict[str, Array]]:
    """Split a tree into what JSON can hold, and its arrays by the path where they stood.

    Raises:
        TypeError: there is something in it that is neither.

    >>> flattened({"a": [1, np.zeros(2)]})
    ({'a': [1, {'$array': 'a/1'}]}, {'a/1': array([0., 0.])})
    """
    arrays: dict[str, Array] = {}
    try:
        return _flat(tree, "", arrays), arrays
    except RecursionError:
        raise TypeError("a tree that is written must not contain itself.") from None


def _flat(value: Tree, path: str, arrays: dict[str, Array]) -> Json:
    """One value; whatever JSON has no word for becomes a dict with one key that begins with $."""
    if isinstance(value, np.ndarray):
        name = path or "array"
        while name in arrays or name == "__metadata__":
            name += "'"
        arrays[name] = np.asarray(value)
        return {"$array": name}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Mapping):
        return _flat_dict(value, path, arrays)
    if isinstance(value, list | tuple):
        return [_flat(v, f"{path}/{i}" if path else str(i), arrays) for i, v in enumerate(value)]
    if isinstance(value, float) and not isfinite(value):
        return {"$float": repr(float(value))}
    if isinstance(value, Name):
        return {"$name": str(value)}
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"{path or 'the tree'} holds {value!r:.99}, a {type(value).__name__}.")


def _flat_dict(value: Mapping[Tree, Tree], path: str, arrays: dict[str, Array]) -> Json:
    inside = [(k, _flat(v, f"{path}/{k}" if path else str(k), arrays)) for k, v in value.items()]
    if all(isinstance(k, str) and not k.startswith("$") for k, _ in inside):
        return dict(inside)
    return {"$pairs": [[_flat(k, f"{path}: a key", {}), v] for k, v in inside]}


def restored(document: Json, arrays: Mapping[str, Array], where: str) -> Tree:
    """Put together again what ``flattened`` took apart.

    Raises:
        DamagedFile: the two do not belong together.

    >>> restored({"a": [1, {"$array": "a/1"}]}, {"a/1": np.zeros(2)}, "x.axon")
    {'a': [1, array([0., 0.])]}
    """
    try:
        return _together(document, arrays)
    except RecursionError:
        raise DamagedFile(f"{where}: its JSON lies too deep inside itself.") from None
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedFile(f"{where}: its JSON and its arrays do not fit: {error}.") from None


def _together(value: Json, arrays: Mapping[str, Array]) -> Tree:
    if isinstance(value, list):
        return [_together(v, arrays) for v in value]
    if not isinstance(value, dict):
        return value
    match list(value.items()):
        case [("$array", name)]:
            return arrays[name]
        case [("$float", ("inf" | "-inf" | "nan") as text)]:
            return float(text)
        case [("$name", str() as name)]:
            return Name(name)
        case [("$pairs", pairs)]:
            return {_together(k, arrays): _together(v, arrays) for k, v in pairs}
    return {k: _together(v, arrays) for k, v in value.items()}


# ------------------------------------------------------------------------------------ zips


def pack(
    path: "str | os.PathLike[str]",
    documents: Mapping[str, Json],
    arrays: Mapping[str, Mapping[str, Array]],
) -> None:
    """Write a zip of documents, NAME.json, and of arrays by name, NAME.safetensors.

    Nothing is compressed: numbers hardly shrink, and what is read never grows. The same content
    makes the same bytes.

    Raises:
        TypeError: one of them has no place in such a file; nothing has been written then.
        OSError: the file cannot be written; a file that was there is kept.
    """
    import json  # imported where used: most programs that import axon never save
    import zipfile

    texts = {name: json.dumps(d, indent=1, allow_nan=False) for name, d in documents.items()}
    headers = {name: safetensors.header_of(a) for name, a in arrays.items()}
    with atomic(path) as stream, zipfile.ZipFile(stream, "w") as packed:
        for name, text in texts.items():
            packed.writestr(_member(f"{name}.json"), text)
        for name, header in headers.items():
            with packed.open(_member(f"{name}.safetensors"), "w", force_zip64=True) as member:
                safetensors.write(member, arrays[name], header)


def _member(name: str) -> "ZipInfo":
    import zipfile

    info = zipfile.ZipInfo(name)  # of 1980, like all of them
    info.external_attr = 0o644 << 16
    return info


@contextmanager
def opened(path: "str | os.PathLike[str]") -> "Iterator[Archive]":
    """Open what ``pack`` wrote.

    Raises:
        OSError: the file cannot be read.
        DamagedFile: it is not a zip, or only a part of one.
    """
    with open(path, "rb") as stream:
        yield Archive(stream, str(path))


@contextmanager
def damage_in(where: str) -> Iterator[None]:
    """Let whatever reading a zip may raise say that the file is damaged."""
    import struct
    import zipfile
    import zlib

    errors = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, LookupError, RuntimeError)
    try:
        yield
    except DamagedFile:
        raise
    except (*errors, ValueError, OverflowError, OSError) as error:
        said = str(error)[:300].strip("'\".") or type(error).__name__
        raise DamagedFile(f"{where} is damaged, or no AXON file: {said}.") from None


class Archive:
    """A zip that is open for reading.

    Args:
        stream: its bytes.
        where: what errors call it.
    """

    def __init__(self, stream: IO[bytes], where: str) -> None:
        import zipfile

        self.where, self.size = where, stream.seek(0, os.SEEK_END)
        stream.seek(0)
        if stream.read(len(ZIP)) == ZIP and not zipfile.is_zipfile(stream):
            raise DamagedFile(
                f"{where} is damaged, or no AXON file: a zip whose end is missing, cut off."
            )
        with damage_in(where):
            self.zip = zipfile.ZipFile(stream)
            names = self.zip.namelist()
        if len(set(names)) < len(names):
            raise DamagedFile(f"{where}: a name stands twice in the zip.")

    def __contains__(self, member: str) -> bool:
        """Whether there is such a member, such as ``tree.json``."""
        return member in self.zip.NameToInfo

    def member(self, name: str, limit: int, packings: tuple[int, ...] = (STORED,)) -> "ZipInfo":
        """What the zip says of a member, if it is no larger than it may be.

        Raises:
            DamagedFile: there is none, it is larger, or packed in a way that AXON does not use.
        """
        if name not in self:
            raise DamagedFile(f"{self.where} is not a whole AXON file: it has no {name}.")
        info = self.zip.getinfo(name)
        for claimed, most in ((info.file_size, limit), (info.compress_size, self.size)):
            if claimed > most:
                raise DamagedFile(
                    f"{self.where}: {name} claims {claimed:,} bytes: too large, at most {most:,} "
                    "are expected."
                )
        stored = info.compress_type != STORED or info.compress_size == info.file_size
        if info.compress_type not in packings or info.flag_bits & 1 or not stored:
            raise DamagedFile(
                f"{self.where}: {name} is compressed or encrypted in a foreign way. What was "
                "unpacked is packed again by zip -0."
            )
        return info

    def document(self, name: str, limit: int = MAX_JSON_BYTES) -> Json:
        """Read what lies in NAME.json."""
        import json

        info = self.member(f"{name}.json", limit, (STORED, DEFLATED))
        with damage_in(self.where), self.zip.open(info) as stream:
            text = safetensors.bytes_of(stream, info.file_size, f"{self.where}: {name}.json")
        try:
            return json.loads(text.tobytes(), object_pairs_hook=safetensors.distinct)
        except (ValueError, RecursionError) as error:
            raise DamagedFile(f"{self.where}: {name}.json is damaged: {error}.") from None

    def header(self, name: str) -> safetensors.Header:
        """Read which arrays lie in NAME.safetensors, but not yet their numbers."""
        with self._tensors(name) as (stream, size, where):
            return safetensors.read_header(stream, size, where)

    def arrays(self, name: str) -> dict[str, Array]:
        """Read the arrays of NAME.safetensors."""
        with self._tensors(name) as (stream, size, where):
            header = safetensors.read_header(stream, size, where)
            return safetensors.read(stream, header, where)

    @contextmanager
    def _tensors(self, name: str) -> Iterator[tuple[IO[bytes], int, str]]:
        info = self.member(f"{name}.safetensors", self.size)
        with damage_in(self.where), self.zip.open(info) as stream:
            yield stream, info.file_size, f"{self.where}: {name}.safetensors"

    def tree(self, name: str, limit: int = MAX_JSON_BYTES) -> Tree:
        """Read NAME.json and NAME.safetensors, if there is one, and put them together."""
        document = self.document(name, limit)
        arrays = self.arrays(name) if f"{name}.safetensors" in self else {}
        return restored(document, arrays, self.where)
