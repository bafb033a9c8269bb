"""Weights alone, as ``.safetensors`` or ``.npz``; and weights that other libraries wrote."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from axon.backend import Array, ArraySpec
from axon.checks import one_of
from axon.files import formats, npz, safetensors
from axon.files.archive import Archive
from axon.files.atomic import DamagedFile, atomic, check_writable
from axon.layers.module import Module
from axon.layers.state import Loaded, StateFit, named
from axon.locks import hold
from axon.models.network import Network
from axon.version import __version__

Path = str | os.PathLike[str]

OF_KERAS = ".weights.h5"
NO_PICKLE = (
    "is a pickle, which could run any code when it is read. Where it was written, write it again "
    "as safetensors: from safetensors.torch import save_file; save_file(model.state_dict(), "
    "'weights.safetensors')."
)

# ------------------------------------------------------------------------------------ saving


def save_weights(
    model: Network,
    path: Path,
    style: str | None = None,
    like: Any = None,
    name_map: Any = None,
    dtype: str | None = None,
) -> None:
    """Write all parameters and buffers by name to one file, whole or not at all.

    Of ranks that learned together (``fit(shards=8)``), only the first one does.

    Args:
        model: this one.
        path: ``*.safetensors``; or ``*.npz``, which any other name means, too; or
            ``*.weights.h5``, a file of Keras (extra "hdf5").
        style: "torch" or "keras": names and layouts of that library. None: AXON's own, or Keras's
            for ``*.weights.h5``.
        like: a module of PyTorch, or its ``state_dict()``, that is to take the weights: its names
            are used. By default layers are called as they are here.
        dtype: "float16" or "bfloat16" writes numbers of 16 bits, half the size: 3 and 2 digits are
            left, and float16 ends at 65,504. Loading makes of them what the model computes with.
            None: as they are.
        name_map: with ``style``: which of our layers are which there, where ``like`` does not tell.

    Raises:
        RuntimeError: there are none yet.
        ValueError: the name ends like that of another format; or the weights do not fit ``like``.
        OSError: the file cannot be written; a file that was there is kept.
    """
    of_keras = os.fspath(path).endswith(OF_KERAS)
    style = "keras" if of_keras and style is None else style
    if not (of_keras and style == "keras"):
        demand_name_of_weights(path)
    if style is None and (like is not None or name_map is not None):
        raise ValueError("save_weights: like and name_map belong to another style: style='torch'.")
    _demand_dtype(path, dtype)
    check_writable(path)
    _demand_weights(model, "save")
    hold(model._all_locks(), _write, model, path, style, like, name_map, dtype)


def _demand_dtype(path: Path, dtype: str | None) -> None:
    one_of("save_weights", "dtype", dtype, (None, "float16", "bfloat16"))
    if dtype == "bfloat16" and formats.by_name(path) is not formats.SAFETENSORS:
        raise ValueError(
            f"save_weights: bfloat16 can be written as .safetensors alone, got {path}. Every "
            'format has dtype="float16".'
        )


def _shortened(arrays: Mapping[str, Array], dtype: str | None) -> dict[str, Array]:
    """Floats with 16 bits each, if such are wanted; integers, such as random keys, as they are."""
    made = dict(arrays)
    for name, array in arrays.items():
        if dtype is None or array.dtype.kind != "f":
            continue
        made[name] = _short(name, array) if dtype == "float16" else safetensors.to_bfloat16(array)
    return made


def _short(name: str, array: Array) -> Array:
    with np.errstate(over="ignore"):
        made = array.astype(np.float16)
    if not np.array_equal(np.isfinite(made), np.isfinite(array)):
        raise ValueError(
            f"save_weights: {name!r} holds {np.abs(array).max():.3g}, and float16 ends at 65,504. "
            'dtype="bfloat16" reaches as far as float32.'
        )
    return made


def _write(
    model: Network, path: Path, style: str | None, like: Any, name_map: Any, dtype: str | None
) -> None:
    """Write them in one state; nobody trains the model meanwhile."""
    if style is not None:
        return _write_foreign(model, path, style, like, name_map, dtype)
    arrays: dict[str, Any] = _shortened(arrays_of(model), dtype)
    if formats.by_name(path) is formats.SAFETENSORS:
        return safetensors.save(path, arrays, {"format": "np", "axon": __version__})
    with atomic(path) as stream:
        np.savez(stream, **arrays)


def _write_foreign(
    model: Network, path: Path, style: str, like: Any, name_map: Any, dtype: str | None
) -> None:
    """Write them as another library has them."""
    from axon.convert.hdf5 import write_keras
    from axon.convert.outgoing import foreign_weights

    made = foreign_weights(model, style, like, name_map)
    arrays: dict[str, Any] = _shortened(made, dtype)
    if os.fspath(path).endswith(OF_KERAS):
        import io

        written = io.BytesIO()  # whole before the file is begun: HDF5 writes here and there
        write_keras(written, arrays)
        with atomic(path) as stream:
            stream.write(written.getbuffer())
    elif formats.by_name(path) is formats.SAFETENSORS:
        known = {"torch": "pt", "pytorch": "pt"}
        safetensors.save(path, arrays, {"format": known.get(style, "np")})
    else:
        with atomic(path) as stream:
            np.savez(stream, **arrays)


def arrays_of(module: Module) -> dict[str, Array]:
    """The arrays of parameters and buffers themselves, each once, by its first path."""
    return {paths[0]: tensor.data for paths, tensor in named(module).items()}


def demand_name_of_weights(path: Path) -> None:
    """Raise ValueError if a file of this name would hold something else than weights."""
    format = formats.by_name(path)
    if format in (formats.AXON, formats.ONNX, formats.HDF5, formats.PICKLE):
        ending = os.path.splitext(os.fspath(path))[1].lower()
        instead = format.written_by or "its own library, from a .safetensors file"
        raise ValueError(
            f"save_weights: {path} would not be what its name says. Weights alone are written as "
            f".safetensors or .npz; for {ending}: {instead}."
        )


def _demand_weights(model: Module, verb: str) -> None:
    if not named(model):
        raise RuntimeError(
            f"{verb}_weights: model {model.name!r} has no parameters yet. Call "
            "model.build(input_shape), or pass a batch through it, first."
        )


# ------------------------------------------------------------------------------------ loading


class WeightsFile(NamedTuple):
    """Weights in a file: what is known of them at once, how they are read, and who wrote them."""

    specs: Mapping[str, ArraySpec]
    read: Callable[[Iterable[str]], Mapping[str, Array]]
    foreign: bool = False


def load_weights(
    model: Network,
    path: Any,
    strict: bool = True,
    name_map: Any = None,
    source: str | None = None,
) -> Loaded:
    """Read weights from a file into a model of the same layers; its format is seen from its bytes.

    Args:
        model: this one.
        path: what ``save_weights`` or ``save`` wrote; or a state_dict of PyTorch as safetensors; or
            Keras's ``.weights.h5`` or ``.keras`` (extra "hdf5"). Instead of a path: a module of
            PyTorch, its ``state_dict()``, or another dict of arrays by name.
        strict: everything must fit; otherwise what fits is loaded, and the rest is listed.
        name_map: for files from elsewhere: which of their layers belong to which of ours, where
            the order does not tell.
        source: "torch" or "keras", if the names do not tell.

    Returns:
        What was left out: ``missing_keys``, ``unexpected_keys``, ``mismatched_keys``; and, of
        weights from elsewhere, ``reordered``: what lies otherwise there.

    Raises:
        OSError: the file cannot be read.
        DamagedFile: a ValueError: it is not a whole file of weights.
        ValueError: other names or shapes; the first are shown side by side, and nothing has been
            changed.
        RuntimeError: the model has no parameters yet.
    """
    _demand_weights(model, "load")
    if not isinstance(path, str | os.PathLike):
        from axon.convert.outgoing import arrays_of as given_by

        return _translated(model, given_by(path), name_map, source, strict)
    with opened(path) as found:
        fit = StateFit(model, found.specs, str(path))
        if name_map is None and source is None and (fit.sources or not found.foreign):
            fit.demand(strict)
            return fit.load(found.read(fit.sources))
        arrays = found.read(found.specs)
    return _translated(model, arrays, name_map, source, strict)


def _translated(
    model: Network, arrays: Mapping[str, Array], name_map: Any, source: str | None, strict: bool
) -> Loaded:
    """Put weights from elsewhere into a model."""
    from axon.convert.translation import LoadedFromElsewhere, translated

    state, unexpected, reordered = translated(model, arrays, name_map, source, strict)
    loaded = model.load_state_dict(state, strict)
    left = unexpected if not strict else loaded.unexpected_keys
    return LoadedFromElsewhere.of(loaded._replace(unexpected_keys=left), reordered)


@contextmanager
def opened(path: Path) -> Iterator[WeightsFile]:
    """Open a file of weights of any format.

    Raises:
        OSError: it cannot be read.
        DamagedFile: it is none, or damaged.
    """
    where = str(path)
    with open(path, "rb") as stream:
        format = formats.by_bytes(stream.read(9))
        stream.seek(0)
        if format is formats.HDF5:
            yield _keras(path)
        elif format is formats.AXON:
            yield _zipped(Archive(stream, where), path)
        elif format is formats.PICKLE:
            raise DamagedFile(f"{path} {NO_PICKLE}")
        else:
            header = safetensors.read_header(stream, os.fstat(stream.fileno()).st_size, where)
            read = lambda _: safetensors.read(stream, header, where)  # noqa: E731
            yield WeightsFile(header.specs, read, foreign="axon" not in header.metadata)


def _zipped(archive: Archive, path: Path) -> WeightsFile:
    """What lies in a zip: a model of ours, arrays as .npy, or what others put into one."""
    if "model.weights.h5" in archive:
        return _keras(path)
    if any(name.endswith("data.pkl") for name in archive.zip.namelist()):
        raise DamagedFile(f"{path} {NO_PICKLE}")
    return in_archive(archive)


def in_archive(archive: Archive) -> WeightsFile:
    """The weights in a model file, of any of its formats, or in an ``.npz`` file."""
    if "weights.safetensors" in archive:
        return WeightsFile(archive.header("weights").specs, lambda _: archive.arrays("weights"))
    folder = "weights/" if "model.json" in archive else ""  # as format 1 had it
    return WeightsFile(
        npz.specs_in(archive, folder),
        lambda names: {name: npz.read(archive, name, folder) for name in names},
    )


def _keras(path: Path) -> WeightsFile:
    from axon.convert.hdf5 import read_keras

    arrays = read_keras(path)
    specs = {name: ArraySpec(array.shape, array.dtype) for name, array in arrays.items()}
    return WeightsFile(specs, lambda _: arrays, foreign=True)
