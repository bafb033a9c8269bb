"""The INPUTs of ``predict``: tables, arrays and images, as the model needs them."""

import sys
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np

from axon import datasets
from axon.backend import Array
from axon.cli.data import TABLES, packed_hint
from axon.datasets.image_folder import SUFFIXES
from axon.datasets.sheet import Sheet
from axon.files import archive, npz
from axon.layers.open_sizes import is_open
from axon.models import Model
from axon.serve.pictures import Pictures

ARRAYS = (".npy", ".npz")
PIECE = 256  # images that are in memory at a time


class FileSamples(NamedTuple):
    """Some samples, and where each of them comes from."""

    x: Array
    files: Sequence[str]  # one for each sample
    rows: Sequence[int]  # their numbers in the file
    ids: Sequence[str] | None = None  # what a column of it calls them
    called: str = "sample"  # the name of that column


# ------------------------------------------------------------------------------------ reading


def files_in(inputs: Sequence[str]) -> list[str]:
    """The files, with those in folders; images only there."""
    found: list[str] = []
    for name in inputs:
        path = Path(name)
        if name == "-" or not path.is_dir():
            found.append(name)
            continue
        inside = sorted(p for p in path.rglob("*") if _is_image(str(p)) and p.is_file())
        if not inside:
            raise ValueError(f"{name}: no images in this folder; known: {', '.join(SUFFIXES)}.")
        found += map(str, inside)
    return found


def _is_image(path: str) -> bool:
    return Path(path).suffix.lower() in SUFFIXES and not Path(path).name.startswith(".")


def format_of(path: str) -> str:
    """What a file is by its name: "table", "array" or "image"."""
    suffix = Path(path).suffix.lower()
    if path == "-" or suffix in TABLES:
        return "table"
    if suffix in ARRAYS:
        return "array"
    if suffix in SUFFIXES:
        return "image"
    known = ", ".join((*TABLES, *ARRAYS, *SUFFIXES))
    hint = packed_hint(path)
    raise click.UsageError(f"cannot read {path}: expected a {known} file.{hint}")


def parts(
    files: Sequence[str], network: Model, pictures: Pictures, id_column: str | None = None
) -> Iterator[FileSamples]:
    """Read the files, some images or a whole table at a time."""
    waiting: list[str] = []
    for number, path in enumerate(files):
        form = format_of(path)
        if form == "image":
            waiting.append(path)
            if len(waiting) == PIECE or number + 1 == len(files):
                yield _images(waiting, pictures)
                waiting = []
            continue
        if waiting:
            yield _images(waiting, pictures)
            waiting = []
        if form == "table":
            yield _rows(path, network, id_column)
            continue
        x = read_array(path)
        yield FileSamples(x, [path] * len(x), range(len(x)))


def _rows(path: str, network: Model, id_column: str | None) -> FileSamples:
    """A table's rows, and what they are called."""
    source: Any = StandardInput() if path == "-" else path
    ids = None if id_column is None else _ids(source, id_column)
    x = _table(path, source, network)
    return FileSamples(x, [path] * len(x), range(len(x)), ids, id_column or "sample")


def _ids(source: Any, column: str) -> list[str]:
    """A column of words."""
    sheet = Sheet(source)
    place = sheet.positions([column])[0]
    found = [cells[place] for _, cells in sheet.rows()]
    if not isinstance(source, str):
        source.seek(0)
    return found


def _images(paths: Sequence[str], pictures: Pictures) -> FileSamples:
    x = np.stack([pictures.read(path) for path in paths])
    return FileSamples(x, list(paths), [0] * len(paths))


class StandardInput(BytesIO):
    """All of standard input, to be read as often as needed."""

    name = "standard input"

    def __init__(self) -> None:
        if sys.stdin is None:
            raise ValueError("there is no standard input to read: it is closed.")
        super().__init__(sys.stdin.buffer.read())


def _table(path: str, source: Any, network: Model) -> Array:
    """Columns by name if the network knows names, else as many as it has inputs."""
    names, shape = network.metadata.get("feature_names"), network.input_shape
    if names:
        return datasets.read_features(source, names)
    demand_rows(shape)
    sheet, size = Sheet(source), int(np.prod(shape))
    if len(sheet.names) != size:
        raise click.UsageError(
            f"{sheet.path}: the model was not trained on named columns, so the file must have as "
            f"many as it has inputs, {size}; found {len(sheet.names)}. Or use an .npy or .npz file."
        )
    numbered = [f"column {i + 1}" for i in range(size)]
    columns = numbered if sheet.header_is_numbers() else sheet.names
    if path == "-":
        source.seek(0)
    return datasets.read_features(source, columns).reshape(-1, *shape)


def demand_rows(shape: object) -> None:
    """Raise UsageError if a row of a table cannot say how long a sample is."""
    if is_open(shape):
        raise click.UsageError(
            f"the model takes samples of any length, {shape}, and the rows of a table do not say "
            "how long. Use an .npy or .npz file."
        )


def read_array(path: str) -> Array:
    """The samples (n, ...) of an .npy or .npz file."""
    if Path(path).suffix.lower() == ".npz":
        return _from_npz(path)
    try:
        with open(path, "rb") as stream:
            found = np.lib.format.read_array(stream, allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # NumPy raises many kinds on a damaged file
        raise ValueError(f"{path}: not a whole .npy file of numbers: {error}") from None
    return _samples(path, "array", found)


def _from_npz(path: str) -> Array:
    with archive.opened(path) as opened:
        names = npz.specs_in(opened)
        for key in ("x", "x_test"):
            if key in names:
                return _samples(path, key, npz.read(opened, key))
    found = ", ".join(names) or "none"
    raise ValueError(f"{path}: expected an array called x or x_test, found {found}.")


def _samples(path: str, key: str, x: Array) -> Array:
    if x.ndim < 2 or x.dtype.kind not in "biuf" or not len(x):
        raise ValueError(
            f"{path}: expected {key} (n, ...) of numbers with at least one sample, found {x.dtype} "
            f"{x.shape}."
        )
    return x
