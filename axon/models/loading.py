"""Reading a model file: sizes and shapes are checked before memory is taken, and no code is run."""

import os
from collections.abc import Callable, Mapping
from typing import IO, Any

import numpy as np

from axon import constraints, initializers, layers, regularizers
from axon.backend import Array
from axon.core import Tensor
from axon.described import Described
from axon.layers.module import Module
from axon.models.model import Model
from axon.models.saving import FORMAT, named_weights
from axon.models.sequential import Sequential
from axon.names import suggestion
from axon.version import __version__

HEADER_ROOM = 4096  # bytes: more than the header of an .npy file takes
JSON_LIMIT = 16 * 2**20  # bytes


class ModelFileError(ValueError):
    """A file is not a model that can be loaded; the message says why."""


def load(
    path: "str | os.PathLike[str]", custom_objects: Mapping[str, Callable[..., Any]] | None = None
) -> Model:
    """Read a model that ``save`` wrote.

    Args:
        path: the file.
        custom_objects: name -> layer class or function, for what is not part of AXON.

    Raises:
        OSError: the file cannot be read.
        ModelFileError: it is not a model, is damaged, or needs ``custom_objects``.
    """
    import struct  # imported where used: most programs that import axon never load
    import zipfile
    import zlib

    damage = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, KeyError, RuntimeError)
    with open(path, "rb"):  # if this fails the file is not to blame; from here on it is
        pass
    try:
        with zipfile.ZipFile(path) as archive:
            described = _read_json(path, archive)
            model = _make(path, described, custom_objects or {})
            for name, tensor in named_weights(model).items():
                tensor.assign(_read_array(path, archive, name, tensor))
    except ModelFileError:
        raise
    except (*damage, ValueError, OSError) as error:
        raise ModelFileError(f"{path} is not a whole AXON model file: {error}.") from None
    return model


def _read_json(path: object, archive: Any) -> dict[str, Any]:
    import json

    info = archive.getinfo("model.json")
    _check_member(path, info, JSON_LIMIT)
    try:
        described = json.loads(archive.read(info))
    except ValueError as error:
        raise ModelFileError(f"{path}: model.json is damaged: {error}.") from None
    if not isinstance(described, dict) or not isinstance(described.get("format"), int):
        raise ModelFileError(f"{path}: model.json does not describe an AXON model.")
    if described["format"] > FORMAT:
        raise ModelFileError(
            f"{path} has format {described['format']}, written by AXON {described.get('axon')}; "
            f"this is AXON {__version__}, which reads up to format {FORMAT}. Upgrade it."
        )
    return described


def _check_member(path: object, info: Any, limit: int) -> None:
    """Refuse what would take more memory than it may, or is packed in a way that we do not use."""
    if info.file_size > limit:
        raise ModelFileError(f"{path}: {info.filename} claims {info.file_size:,} bytes: too large.")
    if info.compress_type not in (0, 8) or info.flag_bits & 1:  # stored or deflated; not encrypted
        raise ModelFileError(
            f"{path}: {info.filename} is compressed or encrypted in a foreign way."
        )


def _make(path: object, described: dict[str, Any], custom: Mapping[str, Any]) -> Model:
    try:
        model = remake(described, custom)
        shape = described["input_shape"]
        several = bool(shape) and isinstance(shape[0], list)
        model.build(*map(tuple, shape if several else [shape]))
    except (ValueError, TypeError, LookupError, AttributeError, MemoryError) as error:
        raise ModelFileError(
            f"{path} describes a model that cannot be made: {error} What is not part of "
            "AXON must be passed as custom_objects={name: object}."
        ) from None
    if not isinstance(model, Model):
        raise ModelFileError(f"{path}: {described['class']!r} is not a Model.")
    model.metadata = dict(described.get("metadata", {}))
    return model


def remake(described: dict[str, Any], custom: Mapping[str, Any] | None = None) -> Any:
    """Make again what ``describe`` described; the weights of a layer begin anew.

    >>> remake({"class": "Dropout", "config": {"rate": 0.5}})
    Dropout(rate=0.5)
    """
    return _made(described, {**known(), **(custom or {})}, custom or {})


def known() -> dict[str, Any]:
    """The classes that a file may name: layers, and what they may be given as arguments."""
    return {
        name: thing
        for module in (layers, initializers, regularizers, constraints)
        for name, thing in vars(module).items()
        if isinstance(thing, type) and issubclass(thing, Described)
    }


def _made(described: dict[str, Any], classes: Mapping[str, Any], custom: Mapping[str, Any]) -> Any:
    """Make an object from its class and arguments, which may be described themselves."""
    kind = described["class"]
    if kind == "Sequential":
        inner: list[Module] = []
        for d in described["layers"]:
            inner.append(inner[d["again"]] if "again" in d else _made(d, classes, custom))
        model = Sequential(name=described["name"])
        for layer in inner:
            model.append(layer)
        return model
    if kind not in classes:
        hint = suggestion(kind, list(classes))
        raise ValueError(
            f"unknown layer class {kind!r}.{hint} Pass custom_objects={{{kind!r}: ...}}."
        )
    config = described["config"]
    return classes[kind](
        **{k: v if k == "name" else _value(v, classes, custom) for k, v in config.items()}
    )


def _value(value: Any, classes: Mapping[str, Any], custom: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        return custom.get(value, value)
    if isinstance(value, list):
        return [_value(v, classes, custom) for v in value]
    described = isinstance(value, dict) and "class" in value
    return _made(value, classes, custom) if described else value


def _read_array(path: object, archive: Any, name: str, parameter: Tensor) -> Array:
    """One parameter's values, if shape and type are those expected; sizes are checked first."""
    info = archive.getinfo(f"weights/{name}.npy")
    _check_member(path, info, parameter.data.nbytes + HEADER_ROOM)
    with archive.open(info) as member:
        shape, dtype = _header(path, info.filename, member)
        if shape != parameter.shape or dtype != parameter.dtype:
            raise ModelFileError(
                f"{path}: {info.filename} has shape {shape} and dtype {dtype}, expected "
                f"{parameter.shape} and {parameter.dtype}."
            )
        data = member.read()
    if len(data) != parameter.data.nbytes:
        raise ModelFileError(f"{path}: {info.filename} is truncated.")
    return np.frombuffer(data, dtype).reshape(shape)


def _header(path: object, name: str, member: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    try:
        version = np.lib.format.read_magic(member)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else None
        if read is None:
            raise ValueError(f"version {version} of the .npy format")
        shape, fortran, dtype = read(member, max_header_size=HEADER_ROOM)
        if fortran:
            raise ValueError("column-major order")
        return shape, dtype
    except ValueError as error:
        raise ModelFileError(f"{path}: {name} cannot be read: {error}.") from None
