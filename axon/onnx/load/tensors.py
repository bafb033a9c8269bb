"""Numbers as ONNX files hold them; sizes are checked before memory is taken."""

import os
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from axon.backend import Array, DType
from axon.files.safetensors import from_bfloat16
from axon.names import printable

FIELDS = {  # number of a type in a file -> its name here, and the field that may hold its values
    1: ("float32", "float_data"),
    2: ("uint8", "int32_data"),
    3: ("int8", "int32_data"),
    4: ("uint16", "int32_data"),
    5: ("int16", "int32_data"),
    6: ("int32", "int32_data"),
    7: ("int64", "int64_data"),
    9: ("bool", "int32_data"),
    10: ("float16", "int32_data"),
    11: ("float64", "double_data"),
    12: ("uint32", "uint64_data"),
    13: ("uint64", "uint64_data"),
    16: ("bfloat16", "int32_data"),
}
SHORT = {"float16": "float32", "bfloat16": "float32"}  # half precision is computed in single
MAX_BYTES = 2**31  # more does not fit into such a file, nor into one beside it
Proto = Any  # classes of the package onnx have no types
EXTERNAL, TEXT = 1, 8  # a data_location, in a file beside; a data_type


class OnnxFileError(ValueError):
    """A file is not a network that can be loaded; the message says why, names in it escaped."""

    def __init__(self, message: str = "") -> None:
        super().__init__(printable(message, keep="\n"))


def type_name(number: int, what: str) -> str:
    """The type that a number of a file means, half precision as single.

    Raises:
        OnnxFileError: text, or a type that does not exist.

    >>> type_name(7, "shape"), type_name(10, "weights")
    ('int64', 'float32')
    """
    if number not in FIELDS:
        said = "text" if number == 8 else f"numbers of type {number}"
        raise OnnxFileError(f"{what} holds {said}, which AXON cannot compute with.")
    name = FIELDS[number][0]
    return SHORT.get(name, name)


class FileTensor:
    """A TensorProto: its numbers are decoded when they are asked for.

    Args:
        proto: what the file says.
        folder: where files beside may lie; None if there are none.
    """

    def __init__(self, proto: Proto, folder: str | None) -> None:
        self.proto, self.folder = proto, folder
        self.called = f"tensor {proto.name!r}" if proto.name else "a tensor without a name"

    def texts(self) -> list[str]:
        """Its texts; numbers as such."""
        if self.proto.data_type == TEXT:
            return [text.decode("utf-8", "replace") for text in self.proto.string_data]
        return [f"{number}" for number in self.array().ravel().tolist()]

    def array(self) -> Array:
        """Its numbers.

        Raises:
            OnnxFileError: its size, its type or its place cannot be.
        """
        proto, shape = self.proto, tuple(int(n) for n in self.proto.dims)
        if len(shape) > 32 or min(shape, default=0) < 0 or prod(shape) > MAX_BYTES:
            raise OnnxFileError(f"{self.called} claims the shape {shape}.")
        type_name(proto.data_type, self.called)
        name, field = FIELDS[proto.data_type]
        stored = np.dtype("<u2") if name in SHORT else np.dtype(name).newbyteorder("<")
        wanted = prod(shape) * stored.itemsize
        if proto.data_location == EXTERNAL:
            flat = np.frombuffer(self._external(wanted), stored)
        elif proto.HasField("raw_data"):
            if len(proto.raw_data) != wanted:
                raise OnnxFileError(
                    f"{self.called} of shape {shape} and type {name} takes {wanted} bytes, the "
                    f"file has {len(proto.raw_data)}."
                )
            flat = np.frombuffer(proto.raw_data, stored)
        else:
            flat = _listed(getattr(proto, field), prod(shape), stored, self.called)
        return _single(flat, name).reshape(shape)

    def _external(self, wanted: int) -> bytes:
        """The bytes that lie in a file beside; it must not lie anywhere else."""
        what, told = self.called, {entry.key: entry.value for entry in self.proto.external_data}
        path = _beside(told.get("location", ""), self.folder, what)
        offset, length = (_count(told, key, what) for key in ("offset", "length"))
        if length not in (None, wanted):
            raise OnnxFileError(f"{what} takes {wanted} bytes, but {length} are announced.")
        try:
            size = os.path.getsize(path)
            if (offset or 0) + wanted > size:
                raise OnnxFileError(f"{what}: {path} ends before it: {size} bytes.")
            with open(path, "rb") as stream:
                stream.seek(offset or 0)
                return stream.read(wanted)
        except OSError as error:
            raise OnnxFileError(f"{what} lies in {path}, which cannot be read: {error}.") from None


def _listed(values: Sequence[float], count: int, stored: DType, what: str) -> Array:
    if len(values) != count:
        raise OnnxFileError(f"{what} needs {count} numbers, the file has {len(values)}.")
    wide = np.array(values, np.float64 if stored.kind == "f" else None)
    return wide.astype(stored) if wide.size else np.zeros(0, stored)


def _single(flat: Array, name: str) -> Array:
    """Numbers in this machine's order; of half precision in single."""
    if name == "bfloat16":
        return from_bfloat16(flat)
    if name == "float16":
        return flat.astype(np.uint16).view(np.float16).astype(np.float32)
    return flat.astype(np.dtype(name))


def _count(told: dict[str, str], key: str, what: str) -> int | None:
    text = told.get(key)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise OnnxFileError(f"{what}: {key}={text!r} is not a number of bytes.")
    return int(text)


def _beside(location: str, folder: str | None, what: str) -> str:
    """A path inside the folder of the network, links followed."""
    if folder is None or not location or "\0" in location:
        raise OnnxFileError(f"{what} lies in another file, {location!r}, which cannot be there.")
    root = os.path.realpath(folder)
    path = os.path.realpath(os.path.join(root, location))
    if os.path.isabs(location) or os.path.commonpath([root, path]) != root:
        raise OnnxFileError(
            f"{what} lies in {location!r}, outside the folder of the network. Put both into one "
            "folder: nothing else is read."
        )
    if not os.path.isfile(path):
        raise OnnxFileError(f"{what} lies in {location!r}, and there is no such file in {folder}.")
    return path
