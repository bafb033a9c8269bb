"""A trained network as one file: a zip of JSON and of .npy arrays. Never pickle: no code is run.

model.json            format, class, layers with their arguments, input shape, metadata
weights/PATH.npy      one array per parameter, such as weights/dense_1/bias.npy
"""

import os
from typing import Any

import numpy as np

from axon.core import Tensor
from axon.files import atomic
from axon.version import __version__

FORMAT = 1


def save(model: Any, path: "str | os.PathLike[str]") -> None:
    """Write a model to one file, by convention ``*.axon``, whole or not at all.

    Layers, weights and ``model.metadata`` are kept; loss, optimizer and its state are not. Of a
    Model subclass its name and its arguments are kept: who loads it passes ``custom_objects``.

    Raises:
        TypeError: an argument of a layer or model cannot be written down as JSON.
        RuntimeError: its sizes are not known yet.
        OSError: the file cannot be written; a file that was there is kept.
    """
    import json  # imported where used: most programs that import axon never save
    import zipfile

    described = {"format": FORMAT, "axon": __version__, **model.describe()}
    if model.input_shape is None:
        raise RuntimeError(f"save: model {model.name!r} is not built. Fit it, or build(shape).")
    described |= {"input_shape": model.input_shape, "metadata": model.metadata}
    try:
        text = json.dumps(described, indent=1)  # before the file is touched: it may fail
    except TypeError as error:
        raise TypeError(
            f"save: metadata and arguments of layers must suit JSON: {error}."
        ) from None
    check_writable(path)
    with atomic(path) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.json", text)
        for name, tensor in named_weights(model).items():
            with archive.open(f"weights/{name}.npy", "w") as member:
                np.lib.format.write_array(member, tensor.data, allow_pickle=False)


def named_weights(model: Any) -> dict[str, Tensor]:
    """Parameters and buffers by path."""
    return {**model.named_parameters(), **model.named_buffers()}


def save_weights(model: Any, path: "str | os.PathLike[str]") -> None:
    """Write parameters and buffers to an ``.npz`` file, whole or not at all."""
    check_writable(path)
    arrays: dict[str, Any] = {name: t.data for name, t in named_weights(model).items()}
    with atomic(path) as stream:
        np.savez(stream, **arrays)


def load_weights(model: Any, path: "str | os.PathLike[str]") -> None:
    """Read them again; what does not fit is listed, and nothing is changed then."""
    import zipfile

    wanted = named_weights(model)
    if not wanted:
        raise RuntimeError(
            f"load_weights: model {model.name!r} has no parameters yet. Call "
            "model.build(input_shape), or pass a batch through it, first."
        )
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as archive:
            found = {name: archive[name] for name in archive.files}
    except (zipfile.BadZipFile, ValueError, EOFError) as error:
        raise ValueError(f"{path} is not a whole .npz file of weights: {error}.") from None
    problems = [f"{name} is missing" for name in wanted if name not in found]
    problems += [f"{name} is unexpected" for name in found if name not in wanted]
    problems += [
        f"{name} has shape {found[name].shape} instead of {tensor.shape}"
        for name, tensor in wanted.items()
        if name in found and found[name].shape != tensor.shape
    ]
    if problems:
        more = f" and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise ValueError(f"{path} does not fit {model.name!r}: {'; '.join(problems[:5])}{more}.")
    for name, tensor in wanted.items():
        tensor.assign(found[name])


def check_writable(path: "str | os.PathLike[str]") -> None:
    """Raise OSError now if a file could not be written later.

    >>> check_writable("no/such/folder/net.axon")
    Traceback (most recent call last):
    FileNotFoundError: cannot write no/such/folder/net.axon: there is no folder 'no/such/folder'.
    """
    import tempfile

    folder = os.path.dirname(os.fspath(path)) or "."
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"cannot write {path}: there is no folder {folder!r}.")
    if os.path.isdir(path):
        raise IsADirectoryError(f"cannot write {path}: it is a folder.")
    try:
        handle, probe = tempfile.mkstemp(prefix=".axon.", dir=folder)
    except OSError as error:
        raise PermissionError(f"cannot write {path}: {error.strerror}.") from None
    os.close(handle)
    os.unlink(probe)
