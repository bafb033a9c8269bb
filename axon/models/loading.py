"""Reading a model file: sizes and shapes are checked before memory is taken, and no code is run."""

import os
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from math import prod
from typing import Any

import numpy as np

from axon import constraints, initializers, layers, losses, metrics, optimizers, regularizers
from axon.backend import Array, ArraySpec, DType, Shape
from axon.config import Described
from axon.files.archive import Archive, opened
from axon.files.atomic import DamagedFile
from axon.layers.module import Module
from axon.layers.state import Fit, freeze
from axon.models import weights
from axon.models.model import Model
from axon.models.saving import FORMAT
from axon.models.sequential import Sequential
from axon.modes import Mode
from axon.names import Name, printable, suggestion
from axon.optimizers import schedules
from axon.version import __version__

JSON_LIMIT = 16 * 2**20  # bytes
ROOM = 2**30  # bytes that a single array may take while one sample is passed through the layers
WEIGHTS = " Weights alone are read by model.load_weights(path), into a model that you have built."
OTHERS = {  # what a name may mean that is not a model of ours
    ".onnx": " A model in ONNX is read by axon.onnx.load(path).",
    **dict.fromkeys((".safetensors", ".npz", ".h5", ".keras"), WEIGHTS),
    **dict.fromkeys((".pt", ".pth", ".pkl"), f" By its name it {weights.NO_PICKLE}{WEIGHTS}"),
}


class ModelFileError(DamagedFile):
    """A file is not a model that can be loaded; the message says why."""


def load(
    path: "str | os.PathLike[str]",
    custom_objects: Mapping[str, Callable[..., Any]] | None = None,
    compile: bool = True,
) -> Model:
    """Read a model that ``save`` wrote, to predict with it or to train it further.

    Args:
        path: the file.
        custom_objects: name -> class or function, for what is not part of AXON.
        compile: join it again with its loss, metrics and optimizer, if they were saved; False
            leaves that out, and needs no ``custom_objects`` for them.

    Raises:
        OSError: the file cannot be read.
        ModelFileError: it is not a model, is damaged, or needs ``custom_objects``.
    """
    try:
        with opened(path) as archive:
            described = _described(archive)
            model = _model(archive, described, custom_objects or {})
            if compile and described.get("compile"):
                _compile(archive, model, described["compile"], custom_objects or {})
            return model
    except ModelFileError:
        raise
    except DamagedFile as error:
        suffix = os.path.splitext(os.fspath(path))[1].lower()
        raise ModelFileError(f"{error}{OTHERS.get(suffix, '')}") from None


def _described(archive: Archive) -> dict[str, Any]:
    """What the file says of the model, if this version can read it."""
    described = archive.tree("model", JSON_LIMIT)
    if not isinstance(described, dict) or type(described.get("format")) is not int:
        raise ModelFileError(f"{archive.where}: model.json does not describe an AXON model.")
    if described["format"] > FORMAT:
        raise ModelFileError(
            f"{archive.where} has format {described['format']}, written by AXON "
            f"{described.get('axon')}; this is AXON {__version__}, which reads up to format "
            f"{FORMAT}. Upgrade it."
        )
    if "names" in described:
        return described
    return {**_all_names(described), "metadata": described.get("metadata", {})}


# ------------------------------------------------------------------------------------ layers


class Room:
    """The memory that a model may take while it is made: what the file has values for.

    Args:
        kinds: the arrays in the file.
    """

    def __init__(self, kinds: Mapping[str, ArraySpec]) -> None:
        self.left = 2**20 + 2 * sum(_nbytes(*kind) for kind in kinds.values())

    def values(self, shape: Shape, dtype: DType) -> Array:
        """The values of a new parameter: zeros, until those of the file are put in."""
        self.left -= _nbytes(shape, dtype)
        if self.left < 0:
            raise ValueError(f"the file holds no values for parameters of shape {shape}.")
        return np.zeros(shape, dtype)

    def empty(self, shape: Shape, dtype: DType) -> Array:
        """Memory for what one sample becomes on its way through the layers."""
        if _nbytes(shape, dtype) > ROOM:
            raise ValueError(
                f"a single sample becomes an array of shape {shape}. If you trust the file, allow "
                "it: axon.models.loading.ROOM = 2**34."
            )
        return np.empty(shape, dtype)


def _nbytes(shape: Shape, dtype: DType) -> int:
    return prod(map(int, shape)) * np.dtype(dtype).itemsize


def _model(archive: Archive, described: dict[str, Any], custom: Mapping[str, Any]) -> Model:
    """Make the model anew, and put the weights in."""
    source = weights.in_archive(archive)
    room = Room(source.kinds)
    with Mode("values", room.values), Mode("empty", room.empty):
        model = _made_whole(archive.where, described, custom)
    fit = Fit(model, source.kinds, archive.where, exact=True)
    try:
        fit.demand(strict=True)
        if "frozen" in described:
            freeze(model, described["frozen"])
    except (ValueError, TypeError, LookupError) as error:
        raise ModelFileError(f"{archive.where}: what it holds does not fit: {error}") from None
    fit.load(source.read(fit.sources))
    return model


def _made_whole(where: str, described: dict[str, Any], custom: Mapping[str, Any]) -> Model:
    try:
        model = remake(described, custom)
        shape = described["input_shape"]
        several = bool(shape) and isinstance(shape[0], list)
        model.build(*map(tuple, shape if several else [shape]))
        model.metadata = dict(described.get("metadata", {}))
    except Exception as error:  # whatever a constructor may say of what a file demands
        raise ModelFileError(
            f"{where} describes a model that cannot be made: {_said(error)} What is not part of "
            "AXON must be passed as custom_objects={name: object}."
        ) from error
    if not isinstance(model, Model):
        raise ModelFileError(f"{where}: {described['class']!r} is not a Model.")
    demand_printable(where, [model.name, *(module.name for module in model.modules())])
    return model


def demand_printable(where: str, names: Sequence[str]) -> None:
    """Raise ModelFileError if a name is more than visible characters: it could act on terminals."""
    for name in names:
        if printable(name) != name:
            raise ModelFileError(f"{where}: the name {name!r} holds what no terminal should see.")


def _said(error: Exception) -> str:
    return f"{error}" if isinstance(error, ValueError | TypeError) else f"{error!r}."


def remake(described: dict[str, Any], custom: Mapping[str, Any] | None = None) -> Any:
    """Make again what ``describe`` described; the weights of a layer begin anew.

    >>> remake({"class": "Dropout", "config": {"rate": 0.5}})
    Dropout(rate=0.5)
    """
    return _made(described, {**known(), **(custom or {})}, custom or {})


def known() -> dict[str, Any]:
    """The classes that a file may name: layers, and what they may be given as arguments."""
    return classes_in(layers, initializers, regularizers, constraints)


def classes_in(*modules: Any) -> dict[str, Any]:
    """The classes that a file may name, and that remember their arguments.

    >>> "MaxNorm" in classes_in(constraints)
    True
    """
    return {
        name: thing
        for module in modules
        for name, thing in vars(module).items()
        if isinstance(thing, type) and issubclass(thing, Described) and thing is not Described
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
    if kind == "GraphModel" and kind not in classes:
        room = import_module("axon.onnx.run.model")  # above: what came from ONNX files lives there
        classes = {**classes, kind: room.GraphModel}
    if kind not in classes:
        hint = suggestion(kind, list(classes))
        raise ValueError(f"unknown class {kind!r}.{hint} Pass custom_objects={{{kind!r}: ...}}.")
    if not isinstance(classes[kind], type):
        raise ValueError(
            f"{kind!r} is not a class: a file may name functions as arguments, but not call them."
        )
    config = described["config"]
    return classes[kind](
        **{k: v if k == "name" else _value(v, classes, custom) for k, v in config.items()}
    )


def _value(value: Any, classes: Mapping[str, Any], custom: Mapping[str, Any]) -> Any:
    if isinstance(value, Name):
        return custom.get(value, str(value))
    if isinstance(value, list):
        return [_value(v, classes, custom) for v in value]
    if not isinstance(value, dict):
        return value
    if "class" in value and ("config" in value or "layers" in value):
        return _made(value, classes, custom)
    return {key: _value(v, classes, custom) for key, v in value.items()}


def _all_names(value: Any) -> Any:
    """Take each text for a name, as in files that did not yet mark them."""
    if isinstance(value, str):
        return Name(value)
    if isinstance(value, list):
        return [_all_names(v) for v in value]
    if isinstance(value, dict):
        return {key: v if key == "name" else _all_names(v) for key, v in value.items()}
    return value


# ------------------------------------------------------------------------------------ training


def _compile(
    archive: Archive, model: Model, settings: dict[str, Any], custom: Mapping[str, Any]
) -> None:
    """Join the model again with its loss, metrics and optimizer, and put the state in."""
    try:
        watched = [_part(metric, custom, metrics) for metric in settings["metrics"]]
        demand_printable(archive.where, [metric.name for metric in watched])
        model.compile(
            loss=_part(settings["loss"], custom, losses),
            optimizer=_part(settings["optimizer"], custom, optimizers, schedules),
            metrics=watched,
            eager=bool(settings["eager"]),
        )
        if "optimizer.json" in archive:
            model.optimizer.load_state_dict(archive.tree("optimizer", JSON_LIMIT))
    except DamagedFile:
        raise
    except Exception as error:
        raise ModelFileError(
            f"{archive.where}: loss, metrics or optimizer cannot be made again: {_said(error)} "
            "What is not part of AXON must be passed as custom_objects={name: object}; "
            "compile=False leaves them out."
        ) from error


def _part(described: dict[str, Any], custom: Mapping[str, Any], *modules: Any) -> Any:
    """Make a loss, a metric or an optimizer; functions in it are looked up by name."""
    config = described["config"]
    for argument in ("function", "learning_rate"):
        name = config.get(argument)
        if isinstance(name, str) and name not in custom:
            raise ValueError(f"unknown function {name!r}. Pass custom_objects={{{name!r}: ...}}.")
    return _made(described, {**classes_in(*modules), **custom}, custom)
