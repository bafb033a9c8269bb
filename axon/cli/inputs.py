"""The INPUTs of ``predict``: tables, arrays and images, as the model needs them."""

import sys
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np

from axon import datasets, layers
from axon.backend import Array
from axon.cli.data import TABLES, packed_hint
from axon.datasets.image_folder import SUFFIXES, read_image
from axon.datasets.sheet import Sheet
from axon.files import archive, npz
from axon.models import Model

ARRAYS = (".npy", ".npz")
PIECE = 256  # images that are in memory at a time


class FileSamples(NamedTuple):
    """Some samples, and where each of them comes from."""

    x: Array
    files: Sequence[str]  # one for each sample
    rows: Sequence[int]  # their numbers in the file


class Pictures(NamedTuple):
    """How images become what a network was trained on.

    Args:
        shape: of a sample: (height, width), the same with channels, or a square's pixels in a row.
        black: the value of black.
        white: the value of white.
        invert: swap black and white.
        background: how bright margins were in training, from 0 to 1, if that is known.
    """

    shape: tuple[int, ...]
    black: float
    white: float
    invert: bool = False
    background: float | None = None

    @classmethod
    def of(cls, network: Model, invert: bool, white: float | None) -> "Pictures":
        """What is known of the images that a network was trained on."""
        black, found = _range(network)
        known = network.metadata.get("background")
        return cls(network.input_shape, black, found if white is None else white, invert, known)

    @property
    def size(self) -> tuple[int, int, int]:
        """Height, width and channels that the network takes."""
        shape = self.shape
        if len(shape) == 1:
            for channels in (1, 3, 4):
                side = round((shape[0] / channels) ** 0.5)
                if side * side * channels == shape[0]:
                    return side, side, channels
        if len(shape) == 2:
            return (*shape, 1)
        if len(shape) == 3 and shape[2] in (1, 3, 4):
            return shape
        raise ValueError(
            f"the model takes samples of shape {shape}, which are no images: expected (height, "
            "width), or the same and 1, 3 or 4 channels."
        )

    def read(self, path: str) -> Array:
        """One image, resized and in the network's colours and range."""
        height, width, channels = self.size
        mode = {1: "grayscale", 3: "rgb", 4: "rgba"}[channels]
        pixels = read_image(path, (height, width), mode).astype(np.float32) / 255
        if self.invert:
            pixels[..., :3] = 1 - pixels[..., :3]  # not how opaque it is
        return (self.black + pixels * (self.white - self.black)).reshape(self.shape)

    def unlike(self, x: Array) -> bool:
        """Whether an image's margin is bright where the network knows dark ones, or vice versa."""
        if self.background is None:
            return False
        pixels = x.reshape(self.size)
        margin = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
        mean = float(margin.ravel().mean())
        bright = (mean - self.black) / max(self.white - self.black, 1e-9)
        return abs(bright - self.background) > 0.5


def _range(network: Model) -> tuple[float, float]:
    """The values of black and white: as in training, or what a Rescaling takes to 1, or 0 to 1."""
    if known := network.metadata.get("input_range"):
        return float(known[0]), float(known[1])
    for layer in network.layers:
        if isinstance(layer, layers.Rescaling) and layer.scale:
            return 0.0, (1 - layer.offset) / layer.scale
        if not isinstance(layer, layers.Input | layers.Reshape | layers.Flatten):
            break
    return 0.0, 1.0


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


def parts(files: Sequence[str], network: Model, pictures: Pictures) -> Iterator[FileSamples]:
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
        x = _table(path, network) if form == "table" else read_array(path)
        yield FileSamples(x, [path] * len(x), range(len(x)))


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


def _table(path: str, network: Model) -> Array:
    """Columns by name if the network knows names, else as many as it has inputs."""
    source: Any = StandardInput() if path == "-" else path
    names, shape = network.metadata.get("feature_names"), network.input_shape
    if names:
        return datasets.read_features(source, names)
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
