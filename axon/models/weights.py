"""Weights alone, as ``.safetensors`` or ``.npz``; and weights that other libraries wrote."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from axon.backend import Array, ArraySpec
from axon.files import npz, safetensors
from axon.files.archive import Archive
from axon.files.atomic import DamagedFile, atomic, check_writable
from axon.layers.state import Fit, Loaded, named
from axon.locks import hold
from axon.version import __version__

FOREIGN = (".h5", ".hdf5", ".keras", ".pt", ".pth", ".pkl")  # endings of what AXON does not write
NO_WEIGHTS = {
    ".axon": "model.save(path)",
    ".onnx": "axon.onnx.export(model, path)",
    **dict.fromkeys(FOREIGN, "its own library, from a .safetensors file"),
}
HDF5 = b"\x89HDF\r\n\x1a\n"
ZIP, PICKLES = b"PK", (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
NO_PICKLE = (
    "is a pickle, which could run any code when it is read. Where it was written, write it again "
    "as safetensors: from safetensors.torch import save_file; save_file(model.state_dict(), "
    "'weights.safetensors')."
)


class Source(NamedTuple):
    """Weights in a file: what is known of them at once, how they are read, and who wrote them."""

    kinds: Mapping[str, ArraySpec]
    read: Callable[[Iterable[str]], dict[str, Array]]
    foreign: bool = False


def save_weights(model: Any, path: "str | os.PathLike[str]") -> None:
    """Write all parameters and buffers by name to one file, whole or not at all.

    Args:
        model: this one.
        path: ``*.safetensors``; or ``*.npz``, which any other name means, too.

    Raises:
        RuntimeError: there are none yet.
        ValueError: the name ends like that of another format.
        OSError: the file cannot be written; a file that was there is kept.
    """
    demand_name_of_weights(path)
    check_writable(path)
    hold(model._all_locks(), _write, model, path)


def _write(model: Any, path: "str | os.PathLike[str]") -> None:
    """Write them in one state; nobody trains the model meanwhile."""
    import numpy as np

    arrays: dict[str, Any] = {paths[0]: t.data for paths, t in _tensors(model, "save").items()}
    if os.fspath(path).lower().endswith(".safetensors"):
        return safetensors.save(path, arrays, {"format": "np", "axon": __version__})
    with atomic(path) as stream:
        np.savez(stream, **arrays)


def demand_name_of_weights(path: "str | os.PathLike[str]") -> None:
    """Raise ValueError if a file of this name would hold something else than weights."""
    ending = os.path.splitext(os.fspath(path))[1].lower()
    if ending in NO_WEIGHTS:
        raise ValueError(
            f"save_weights: {path} would not be what its name says. Weights alone are written as "
            f".safetensors or .npz; for {ending}: {NO_WEIGHTS[ending]}."
        )


def _tensors(model: Any, verb: str) -> dict[tuple[str, ...], Any]:
    found: dict[tuple[str, ...], Any] = named(model)
    if not found:
        raise RuntimeError(
            f"{verb}_weights: model {model.name!r} has no parameters yet. Call "
            "model.build(input_shape), or pass a batch through it, first."
        )
    return found


def load_weights(
    model: Any,
    path: "str | os.PathLike[str]",
    strict: bool = True,
    name_map: Any = None,
    source: str | None = None,
) -> Loaded:
    """Read weights from a file into a model of the same layers; its kind is seen from its bytes.

    Args:
        model: this one.
        path: what ``save_weights`` or ``save`` wrote; or a state_dict of PyTorch as safetensors; or
            Keras's ``.weights.h5`` or ``.keras`` (extra "hdf5").
        strict: everything must fit; otherwise what fits is loaded, and the rest is listed.
        name_map: for files from elsewhere: which of their layers belong to which of ours, where
            the order does not tell.
        source: "torch" or "keras", if the names do not tell.

    Returns:
        What was left out: ``missing_keys``, ``unexpected_keys``, ``mismatched_keys``.

    Raises:
        OSError: the file cannot be read.
        DamagedFile: a ValueError: it is not a whole file of weights.
        ValueError: other names or shapes; the first are shown side by side, and nothing has been
            changed.
        RuntimeError: the model has no parameters yet.
    """
    _tensors(model, "load")
    with opened(path) as found:
        fit = Fit(model, found.kinds, str(path))
        if name_map is None and source is None and (fit.sources or not found.foreign):
            fit.demand(strict)
            return fit.load(found.read(fit.sources))
        arrays = found.read(found.kinds)
    from axon.convert.translation import translated

    state, unexpected = translated(model, arrays, name_map, source, strict)
    loaded: Loaded = model.load_state_dict(state, strict)
    return loaded if strict else loaded._replace(unexpected_keys=unexpected)


@contextmanager
def opened(path: "str | os.PathLike[str]") -> Iterator[Source]:
    """Open a file of weights of any kind.

    Raises:
        OSError: it cannot be read.
        DamagedFile: it is none, or damaged.
    """
    with open(path, "rb") as stream:
        magic = stream.read(9)
        stream.seek(0)
        if magic[:8] == HDF5:
            yield _keras(path)
        elif magic[:2] == ZIP:
            yield _zipped(Archive(stream, str(path)), path)
        elif magic[:2] in PICKLES and magic[8:] != b"{":  # where JSON begins in safetensors
            raise DamagedFile(f"{path} {NO_PICKLE}")
        else:
            size = os.fstat(stream.fileno()).st_size
            header = safetensors.read_header(stream, size, str(path))
            read = lambda _: safetensors.read(stream, header, str(path))  # noqa: E731
            yield Source(_kinds(header), read, foreign="axon" not in header.metadata)


def _zipped(archive: Archive, path: "str | os.PathLike[str]") -> Source:
    """What lies in a zip: a model of ours, arrays as .npy, or what others put into one."""
    if "model.weights.h5" in archive:
        return _keras(path)
    if any(name.endswith("data.pkl") for name in archive.zip.namelist()):
        raise DamagedFile(f"{path} {NO_PICKLE}")
    return in_archive(archive)


def in_archive(archive: Archive) -> Source:
    """The weights in a model file, of any of its formats, or in an ``.npz`` file."""
    if "weights.safetensors" in archive:
        return Source(_kinds(archive.header("weights")), lambda _: archive.arrays("weights"))
    folder = "weights/" if "model.json" in archive else ""  # as format 1 had it
    kinds = npz.kinds_in(archive, folder)
    return Source(kinds, lambda names: {name: npz.read(archive, name, folder) for name in names})


def _kinds(header: safetensors.Header) -> dict[str, ArraySpec]:
    return {name: ArraySpec(entry.shape, entry.numpy) for name, entry in header.entries.items()}


def _keras(path: "str | os.PathLike[str]") -> Source:
    from axon.convert.hdf5 import read_keras

    arrays = read_keras(path)
    kinds = {name: ArraySpec(array.shape, array.dtype) for name, array in arrays.items()}
    return Source(kinds, lambda _: arrays, foreign=True)
