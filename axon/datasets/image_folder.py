"""Images in folders, one folder for each class."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from axon.backend import Array
from axon.names import install

if TYPE_CHECKING:
    from pathlib import Path


SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
MODES = {"rgb": ("RGB", 3), "grayscale": ("L", 1), "rgba": ("RGBA", 4)}


class _NoBytes(ValueError):
    """The numbers of an image are none that bytes could stand for."""


class SizesDiffer(ValueError):
    """Images have several sizes, and nobody said which one they shall have."""


class ImageFolder(NamedTuple):
    """Images and their labels.

    Attributes:
        x: images (n, height, width, channels), uint8.
        y: labels (n,), whole numbers: places in ``class_names``.
        class_names: the names of the folders, sorted.
        paths: the file of each image.
    """

    x: Array
    y: Array
    class_names: tuple[str, ...]
    paths: tuple[str, ...]


def image_folder(
    directory: str | os.PathLike[str],
    image_size: tuple[int, int] | None = None,
    color_mode: str = "rgb",
    class_names: Sequence[str] | None = None,
) -> ImageFolder:
    """Read ``directory/class/image.png`` and so on; needs Pillow (the extra ``images``).

    Args:
        directory: holds one folder for each class; files beside them are left alone. Hidden files,
            and files that are no images by their suffix, are left alone, too.
        image_size: (height, width) that all are resized to (bilinear); None: all have one size.
        color_mode: "rgb", "grayscale" or "rgba": 3, 1 or 4 channels.
        class_names: which folders to read, in this order; all, sorted, by default.

    Returns:
        The images as they are, bytes: put ``Rescaling(1 / 255)`` first in the model. Split them
        with ``datasets.split_data``.

    Raises:
        ImportError: Pillow is not installed.
        FileNotFoundError: no such directory, or a class has no folder.
        ValueError: no images, or none in one of the folders; a damaged one, or one whose numbers
            are no bytes (it is named); or different sizes without ``image_size``.

    >>> data = image_folder("pets", image_size=(64, 64))  # doctest: +SKIP
    >>> data.x.shape, data.class_names  # doctest: +SKIP
    ((200, 64, 64, 3), ('cat', 'dog'))
    """
    from pathlib import Path  # imported where used: it takes longer to load than the rest

    mode, channels = _mode(color_mode)
    open_image = _pillow()
    root = Path(directory)
    names = _classes(root, class_names)
    found = {name: _images(root / name) for name in names}
    _demand_images(root, found)
    files = [(path, label) for label, name in enumerate(names) for path in found[name]]
    size = image_size or _read(open_image, files[0][0], mode, None).shape[:2]
    x = np.empty((len(files), *size, channels), np.uint8)
    for place, (path, _) in zip(x, files, strict=True):
        image = _read(open_image, path, mode, image_size)
        if image.shape[:2] != tuple(size):
            raise SizesDiffer(
                f"{path}: expected {size[0]} x {size[1]} pixels as in {files[0][0]}, found "
                f"{image.shape[0]} x {image.shape[1]}. Pass image_size=(height, width) to resize."
            )
        place[...] = image.reshape(place.shape)
    y = np.array([label for _, label in files], np.int64)
    return ImageFolder(x, y, names, tuple(str(path) for path, _ in files))


def _demand_images(root: "Path", found: "dict[str, list[Path]]") -> None:
    """Raise unless each class has images."""
    full = [name for name, paths in found.items() if paths]
    if not full:
        raise ValueError(
            f"{root}: no images. Expected files such as {root / next(iter(found)) / 'one.png'}; "
            f"known suffixes: {', '.join(SUFFIXES)}."
        )
    for name in (name for name in found if name not in full):
        raise ValueError(
            f"{root / name}: no images lie in this folder, so it is no class. Remove it; or "
            f"name the folders to read: class_names={full!r}."
        )


def _mode(color_mode: str) -> tuple[str, int]:
    if color_mode not in MODES:
        raise ValueError(f"color_mode: expected {', '.join(MODES)}, got {color_mode!r}.")
    return MODES[color_mode]


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError:
        raise ImportError(
            "Reading images needs Pillow, which is not installed. "
            f"Install it with: {install('images')}"
        ) from None
    return Image.open


def _classes(root: "Path", wanted: Sequence[str] | None) -> tuple[str, ...]:
    """The folders to read."""
    if not root.is_dir():
        raise FileNotFoundError(f"image_folder: there is no directory {str(root)!r}.")
    found = sorted(p.name for p in root.iterdir() if p.is_dir() and not _is_none(p.name))
    missing = [name for name in wanted or () if name not in found]
    if missing:
        raise FileNotFoundError(
            f"{root}: there is no folder for class {missing[0]!r}; found: {', '.join(found)}."
        )
    if not found:
        raise ValueError(f"{root}: expected one folder of images for each class, found none.")
    return tuple(found if wanted is None else wanted)


def _is_none(folder: str) -> bool:
    """Whether a folder is none of the user's: hidden, or what macOS puts into zip files."""
    return folder.startswith(".") or folder == "__MACOSX"


def _images(folder: "Path") -> "list[Path]":
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    )


def read_image(
    path: str | os.PathLike[str],
    image_size: tuple[int, int] | None = None,
    color_mode: str = "rgb",
) -> Array:
    """Read one image (height, width, channels) of bytes; needs Pillow (the extra ``images``).

    It is turned as its camera says, and resized (bilinear) to ``image_size`` if that is given.

    Raises:
        ImportError: Pillow is not installed.
        ValueError: it is not a whole image, or its numbers are none that bytes could stand for.

    >>> read_image("cat.jpg", (64, 64), "grayscale").shape  # doctest: +SKIP
    (64, 64, 1)
    """
    mode, channels = _mode(color_mode)
    image = _read(_pillow(), path, mode, image_size)
    return image.reshape(*image.shape[:2], channels)


def _read(
    open_image: Any, path: str | os.PathLike[str], mode: str, size: tuple[int, int] | None
) -> Array:
    """One image (height, width[, channels]), turned as its camera says."""
    from PIL import Image, ImageOps

    try:
        with open_image(path) as opened:
            turned = ImageOps.exif_transpose(opened)
            turned.format = opened.format  # a turned one has none
            image = _flat(turned, mode).convert(mode)
            if size is not None:
                image = image.resize((size[1], size[0]), 2)  # 2: bilinear
            return np.asarray(image)
    except _NoBytes as error:
        raise ValueError(f"{path}: {error}.") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path}: not a whole image: {error}.") from None


def _flat(image: Any, mode: str) -> Any:
    """What is transparent lies on white, and what has more than 8 bits is brought to 8."""
    from PIL import Image

    if image.mode.startswith(("I", "F")):
        return Image.fromarray(_of_bytes(np.asarray(image), image.mode, image.format))
    if mode == "RGBA" or not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)


def _of_bytes(values: Array, mode: str, file_format: str | None) -> Array:
    """Long numbers as bytes: 16 bits end at 65,535; of 32 bits and floats the range is unknown.

    Raises:
        _NoBytes: numbers whose range is unknown are not just those of bytes.
    """
    if mode.startswith("I;16") or file_format == "PNG":  # whose 16 bits older Pillows call "I"
        if 1 < values.max() <= 255:
            raise _NoBytes(
                "its pixels have 16 bits, where white is 65,535, but none of them is above "
                f"{values.max()}: as bytes they would all be 0, black. If white is 255, save them "
                "as bytes"
            )
        return (values >> 8).clip(0, 255).astype(np.uint8)
    if mode.startswith("I") and values.min() >= 0 and values.max() <= 255:
        return values.astype(np.uint8)
    raise _NoBytes(
        f"its pixels are {'floats' if mode == 'F' else 'numbers of 32 bits'}, from "
        f"{values.min():.6g} to {values.max():.6g}, and what is white is not known. Scale them to "
        "bytes, 0 to 255, and save them as such"
    )
