"""Reading a model file: sizes and shapes are checked before memory is taken, and no code is run."""

import os
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from math import prod
from types import ModuleType
from typing import Any

import numpy as np

from axon import (
    activations,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
)
from axon.backend import Array, ArraySpec, DType, Shape
from axon.callbacks import History
from axon.config import Configurable
from axon.files import formats
from axon.files.archive import Archive, Json, Tree, opened
from axon.files.atomic import DamagedFile
from axon.layers.module import Module
from axon.layers.state import StateFit, freeze
from axon.models import weights
from axon.models.functional import Functional
from axon.models.model import Model
from axon.models.saving import FORMAT
from axon.models.sequential import Sequential
from axon.modes import Mode
from axon.names import Name, install, printable, suggestion
from axon.optimizers import schedules
from axon.optimizers.options import CHANGING
from axon.version import __version__

ByName = Mapping[str, Callable[..., Any]]  # classes, and functions, by name
Description = dict[str, Any]  # what ``describe`` gives: a class and its arguments

MAX_JSON_BYTES = 16 * 2**20
MAX_SAMPLE_BYTES = 2**30  # of any array while one sample is passed through the layers
CLASSES_ABOVE = {"GraphModel": "axon.onnx.run.model"}  # classes of rooms above this, and where
WEIGHTS = " Weights alone are read by model.load_weights(path), into a model that you have built."
OTHERS = {  # what a name may mean that is not a model of ours
    formats.ONNX: " A model in ONNX is read by axon.onnx.load(path).",
    **dict.fromkeys((formats.SAFETENSORS, formats.NPZ, formats.HDF5), WEIGHTS),
    formats.PICKLE: f" By its name it {weights.NO_PICKLE}{WEIGHTS}",
}


class ModelFileError(DamagedFile):
    """A file is not a model that can be loaded; the message says why."""


def load(
    path: "str | os.PathLike[str]",
    custom_objects: ByName | None = None,
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
            description = _description(archive)
            model = _model(archive, description, custom_objects or {})
            if compile and description.get("compile"):
                _compile(archive, model, description["compile"], custom_objects or {})
            model.history = _history(archive, model)
            return model
    except ModelFileError:
        raise
    except DamagedFile as error:
        other = formats.by_name(path)
        raise ModelFileError(f"{error}{OTHERS.get(other, '') if other else ''}") from None


def _description(archive: Archive) -> Description:
    """What the file says of the model, if this version can read it."""
    if "table.json" in archive and "model.json" not in archive:
        raise ModelFileError(
            f"{archive.where} holds a table estimator, not a network: axon.tabular.load(path) "
            f"reads it ({install('tabular')})."
        )
    description: Any = archive.tree("model", MAX_JSON_BYTES)
    if not isinstance(description, dict) or type(description.get("format")) is not int:
        raise ModelFileError(f"{archive.where}: model.json does not describe an AXON model.")
    if description["format"] > FORMAT:
        raise ModelFileError(
            f"{archive.where} has format {description['format']}, written by AXON "
            f"{description.get('axon')}; this is AXON {__version__}, which reads up to format "
            f"{FORMAT}. Upgrade it."
        )
    if "names" in description:
        return description
    return {**_all_names(description), "metadata": description.get("metadata", {})}


# ------------------------------------------------------------------------------------ layers


class MemoryLimit:
    """The memory that a model may take while it is made: what the file has values for.

    Args:
        specs: the arrays in the file.
    """

    def __init__(self, specs: Mapping[str, ArraySpec]) -> None:
        self.left = 2**20 + 2 * sum(_nbytes(*spec) for spec in specs.values())

    def values(self, shape: Shape, dtype: DType) -> Array:
        """The values of a new parameter: zeros, until those of the file are put in."""
        self.left -= _nbytes(shape, dtype)
        if self.left < 0:
            raise ValueError(f"the file holds no values for parameters of shape {shape}.")
        return np.zeros(shape, dtype)

    def empty(self, shape: Shape, dtype: DType) -> Array:
        """Memory for what one sample becomes on its way through the layers."""
        if _nbytes(shape, dtype) > MAX_SAMPLE_BYTES:
            raise ValueError(
                f"a single sample becomes an array of shape {shape}. If you trust the file, allow "
                "it: axon.models.loading.MAX_SAMPLE_BYTES = 2**34."
            )
        return np.empty(shape, dtype)


def _nbytes(shape: Shape, dtype: DType) -> int:
    return prod(map(int, shape)) * np.dtype(dtype).itemsize


def _model(archive: Archive, description: Description, custom: ByName) -> Model:
    """Make the model anew, and put the weights in."""
    source = weights.in_archive(archive)
    limit = MemoryLimit(source.specs)
    with Mode("values", limit.values), Mode("empty", limit.empty):
        model = _checked(archive.where, description, custom)
    fit = StateFit(model, source.specs, archive.where, exact=True)
    try:
        fit.demand(strict=True)
        if "frozen" in description:
            freeze(model, description["frozen"])
    except (ValueError, TypeError, LookupError) as error:
        raise ModelFileError(f"{archive.where}: what it holds does not fit: {error}") from None
    fit.load(source.read(fit.sources))
    return model


def _checked(where: str, description: Description, custom: ByName) -> Model:
    """Make it, or say why the file does not describe a model."""
    try:
        model = rebuild(description, custom)
    except Exception as error:  # whatever a constructor may say of what a file demands
        raise ModelFileError(
            f"{where} describes a model that cannot be made: {_said(error)} What is not part of "
            "AXON must be passed as custom_objects={name: object}."
        ) from error
    if not isinstance(model, Model):
        raise ModelFileError(f"{where}: {description['class']!r} is not a Model.")
    demand_printable(where, [model.name, *(module.name for module in model.modules())])
    return model


def rebuild(description: Description, custom: ByName) -> Any:
    """Make and build again what ``saving.describe`` described; its weights begin anew."""
    model = remake(description, custom)
    shape = description["input_shape"]
    several = bool(shape) and isinstance(shape[0], list | tuple)
    told = [*map(tuple, shape if several else [shape])]
    shapes = [layers.Input(one) if None in one else one for one in told]
    for count in (len(shapes), *description.get("input_counts", ())):  # fewer build other layers
        model.build(*shapes[:count])
    model.metadata = dict(description.get("metadata", {}))
    return model


def demand_printable(where: str, names: Sequence[str]) -> None:
    """Raise ModelFileError if a name is more than visible characters: it could act on terminals."""
    for name in names:
        if printable(name) != name:
            raise ModelFileError(f"{where}: the name {name!r} holds what no terminal should see.")


def _said(error: Exception) -> str:
    return f"{error}" if isinstance(error, ValueError | TypeError) else f"{error!r}."


def remake(description: Description, custom: ByName | None = None) -> Any:
    """Make again what ``describe`` described; the weights of a layer begin anew.

    >>> remake({"class": "Dropout", "config": {"rate": 0.5}})
    Dropout(rate=0.5)
    """
    return _made(description, {**known(), **(custom or {})}, custom or {})


def known() -> ByName:
    """The classes that a file may name: layers, and what they may be given as arguments."""
    return classes_in(initializers, regularizers, constraints, schedules, layers)


def classes_in(*modules: ModuleType) -> ByName:
    """The classes that a file may name, and that remember their arguments.

    >>> "MaxNorm" in classes_in(constraints)
    True
    """
    return {
        name: thing
        for module in modules
        for name in dir(module)
        if isinstance(thing := getattr(module, name), type)
        and issubclass(thing, Configurable)
        and thing is not Configurable
    }


def _made(description: Description, classes: ByName, custom: ByName) -> Any:
    """Make an object from its class and arguments, which may be described themselves."""
    if description["class"] == "Sequential":
        return _sequential(description, classes, custom)
    if description["class"] == "Functional":
        return Functional.made_again(description, lambda inner: _made(inner, classes, custom))
    name, make = description["class"], _class(description["class"], classes)
    config = description["config"]
    if name not in custom and "name" not in config and name in vars(initializers):
        make = vars(initializers)[name]  # not the layer of the same name: each of these has one
    return make(**{k: v if k == "name" else _value(v, classes, custom) for k, v in config.items()})


def _sequential(description: Description, classes: ByName, custom: ByName) -> Sequential:
    """A Sequential, in which a layer may stand several times."""
    inner: list[Module] = []
    for d in description["layers"]:
        inner.append(inner[d["again"]] if "again" in d else _made(d, classes, custom))
    model = Sequential(name=description["name"])
    for layer in inner:
        model.append(layer)
    return model


def _class(name: str, classes: ByName) -> Callable[..., Any]:
    if name in CLASSES_ABOVE and name not in classes:
        return getattr(import_module(CLASSES_ABOVE[name]), name)
    if name not in classes:
        hint = suggestion(name, list(classes))
        raise ValueError(f"unknown class {name!r}.{hint} Pass custom_objects={{{name!r}: ...}}.")
    if not isinstance(classes[name], type):
        raise ValueError(
            f"{name!r} is not a class: a file may name functions as arguments, but not call them."
        )
    return classes[name]


def _value(value: Tree, classes: ByName, custom: ByName) -> Any:
    if isinstance(value, Name):
        _demand_whose(value, custom)
        return custom.get(value, str(value))
    if isinstance(value, list):
        return [_value(v, classes, custom) for v in value]
    if not isinstance(value, dict):
        return value
    if "class" in value and ("config" in value or "layers" in value):
        return _made(value, classes, custom)
    return {key: _value(v, classes, custom) for key, v in value.items()}


class AnyName(Name):
    """A text of a file that did not mark names: it may be one of AXON's."""


def _demand_whose(name: Name, custom: ByName) -> None:
    """Raise ValueError for a function of one's own that bears the name of an AXON activation.

    NumPy's, such as ``np.tanh``, are the same functions.
    """
    taken = name in activations.ACTIVATIONS or name in activations.COMBINED
    if taken and name not in custom and not isinstance(name, AnyName) and name not in vars(np):
        raise ValueError(
            f"the function {str(name)!r} is one of your own, not AXON's activation of that name. "
            f"Pass custom_objects={{{str(name)!r}: your function}}, or "
            f"{{{str(name)!r}: axon.activations.{name}}} if AXON's will do."
        )


def _all_names(value: Json) -> Json:
    """Take each text for a name, as in files that did not yet mark them."""
    if isinstance(value, str):
        return AnyName(value)
    if isinstance(value, list):
        return [_all_names(v) for v in value]
    if isinstance(value, dict):
        return {key: v if key == "name" else _all_names(v) for key, v in value.items()}
    return value


# ------------------------------------------------------------------------------------ training


def _history(archive: Archive, model: Model) -> History | None:
    """How it was trained, if the file says so; seconds are not in it."""
    if "history.json" not in archive:
        return None
    try:
        found = History.from_tree(archive.tree("history", MAX_JSON_BYTES))
    except DamagedFile:
        raise
    except ValueError as error:
        raise ModelFileError(f"{archive.where}: history.json: {error}.") from None
    demand_printable(archive.where, list(found.history))
    found.set_model(model)
    return found


def _compile(archive: Archive, model: Model, given: Description, custom: ByName) -> None:
    """Join the model again with its loss, metrics and optimizer, and put the state in."""
    try:
        of_all = given["metrics"] if "losses" in given else {"": given["metrics"]}
        found = {n: [_part(m, custom, metrics) for m in of] for n, of in of_all.items()}
        demand_printable(archive.where, [*found, *(m.name for of in found.values() for m in of)])
        told = given["losses"] if "losses" in given else {"": given["loss"]}
        costs = {name: _part(loss, custom, losses) for name, loss in told.items()}
        watched: Any = found if "losses" in given else found[""]
        model.compile(
            loss=costs if "losses" in given else costs[""],
            optimizer=_part(given["optimizer"], custom, optimizers, schedules),
            metrics=watched,
            eager=bool(given["eager"]),
            loss_weights=given.get("loss_weights"),
        )
        if "optimizer.json" in archive:
            model.optimizer.load_state_dict(archive.tree("optimizer", MAX_JSON_BYTES))
    except DamagedFile:
        raise
    except Exception as error:
        raise ModelFileError(
            f"{archive.where}: loss, metrics or optimizer cannot be made again: {_said(error)} "
            "What is not part of AXON must be passed as custom_objects={name: object}; "
            "compile=False leaves them out."
        ) from error


def _part(description: Description, custom: ByName, *modules: ModuleType) -> Any:
    """Make a loss, a metric or an optimizer; functions in it are looked up by name."""
    config = description["config"]
    for argument in ("function", "learning_rate", *CHANGING):
        name = config.get(argument)
        if isinstance(name, str) and name not in custom:
            raise ValueError(f"unknown function {name!r}. Pass custom_objects={{{name!r}: ...}}.")
    return _made(description, {**classes_in(*modules), **custom}, custom)
