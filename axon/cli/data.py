"""What there is to learn from: the data that DATA names, and what is known about them."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np

from axon import datasets
from axon.backend import Array
from axon.cli.output import note
from axon.datasets.fetch import places
from axon.datasets.image_folder import SizesDiffer
from axon.datasets.npz import load_test, load_train
from axon.names import suggestion

BUILT_IN = ("mnist", "fashion_mnist", "digits", "breast_cancer")
TABLES = (".csv", ".tsv")
SHEETS, PACKED, PARQUET = TABLES, (".gz", ".bz2", ".xz"), (".parquet", ".pq")
COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".zip")
PHOTO = (64, 64)  # height and width of images that have several
SPARSE = 100  # classes that may be without samples in any case
TASKS = ("auto", "classification", "regression")


Pair = tuple[Array, Array]  # samples and targets


class Task(NamedTuple):
    """Data to learn from, and what is known about them.

    Args:
        title: what reports call them.
        name: a short name, for files and for the model.
        data: what has to be given as DATA to get them.
        train: samples (n, ...) and their classes (n,) or, for regression, numbers (n, k).
        test: likewise; nothing is learned from them.
        validation: likewise; they say when to stop, if there are any.
        class_names: none for regression.
        feature_names: of the columns of a table.
        target: the column of a table that is predicted.
        of_folder: they are images of a folder, photos perhaps.
    """

    title: str
    name: str
    data: str
    train: Pair
    test: Pair
    class_names: Sequence[str] = ()
    feature_names: Sequence[str] = ()
    target: str = ""
    validation: Pair | None = None
    of_folder: bool = False

    @property
    def are_images(self) -> bool:
        """Whether samples have a height and a width."""
        return self.train[0].ndim > 2


class Wanted(NamedTuple):
    """How files are to be read: options of the commands that load data."""

    target: str | None = None
    task: str = "auto"
    image_size: tuple[int, int] | None = None
    seed: int = 0
    fall_back: bool = True  # to the built-in digits, where MNIST cannot be had
    classes: Sequence[str] | None = None
    test: Path | None = None  # what to test on; none: a fifth of the data


def load(data: str, wanted: Wanted) -> Task:
    """Find the data; where MNIST cannot be had, say so and take the built-in digits."""
    if data in BUILT_IN and wanted.test:
        raise click.UsageError(f"--test is for data of your own: {data} has a test set.")
    if data in BUILT_IN:
        return _mnist(data, wanted) if data == "mnist" else _built_in(data)
    path = Path(data)
    if path.suffix.lower() in TABLES:
        return _table(path, wanted)
    if path.suffix.lower() == ".npz":
        return _arrays(path, wanted)
    if path.is_dir():
        return _folder(path, wanted)
    hint = suggestion(data, list(BUILT_IN)) + packed_hint(data)
    there = " is of a kind that cannot be read" if path.exists() else " is neither known nor there"
    raise click.UsageError(
        f"{data!r}{there}.{hint} Known: {', '.join(BUILT_IN)}, a .csv or .npz file, or a folder "
        "with one folder of images for each class."
    )


def is_table(data: str) -> bool:
    """Whether a file is a table by its name.

    >>> is_table("a.csv.gz"), is_table("a.parquet"), is_table("a.npz")
    (True, True, False)
    """
    path = Path(data.lower())
    if path.suffix in PACKED:
        return Path(path.stem).suffix in SHEETS
    return path.suffix in (*SHEETS, *PARQUET)


def packed_hint(path: str) -> str:
    """What to do with a file that has been compressed; nothing for others.

    >>> packed_hint("data.csv.gz"), packed_hint("data.csv")
    (' It is compressed: unpack it first.', '')
    """
    return " It is compressed: unpack it first." if path.lower().endswith(COMPRESSED) else ""


def _mnist(data: str, wanted: Wanted) -> Task:
    try:
        return Task("MNIST", data, data, *datasets.mnist.load_data(), digit_names())
    except (datasets.DatasetUnavailable, ImportError) as error:
        if not wanted.fall_back:
            raise
        folders = [place for place in places(datasets.mnist.DATASET) if place.is_dir()]
        if any(any(folder.iterdir()) for folder in folders):
            note(str(error))  # a copy, but a bad one
        note("MNIST cannot be had (no good copy, no download): training on the built-in digits.")
        return _built_in("digits")


def _built_in(data: str) -> Task:
    if data == "fashion_mnist":
        names = datasets.fashion_mnist.CLASS_NAMES
        return Task("Fashion-MNIST", data, data, *datasets.fashion_mnist.load_data(), names)
    if data == "digits":
        title = "the built-in digits (8 x 8 images, UCI)"
        return Task(title, data, data, *datasets.digits.load_data(), digit_names())
    module = datasets.breast_cancer
    title, about = "Breast Cancer Wisconsin (UCI)", (module.CLASS_NAMES, module.FEATURE_NAMES)
    return Task(title, data, data, *module.load_data(), *about)


def digit_names() -> list[str]:
    """0 to 9 as text."""
    return [str(i) for i in range(10)]


def _table(path: Path, wanted: Wanted) -> Task:
    classes = wanted.classes or None
    table = datasets.load_csv(path, wanted.target, classes=classes, task=wanted.task)
    if not table.class_names and np.abs(table.y).max() > np.finfo(np.float32).max:
        raise ValueError(
            f"{path}, column {table.target_name!r}: numbers as large as "
            f"{np.abs(table.y).max():.2g} cannot be predicted: networks compute in float32, which "
            "ends at 3.4e+38. Divide them by a power of ten."
        )
    title = f"{path} ({'labels' if table.class_names else 'to predict'}: {table.target_name})"
    if wanted.test:
        train, test = _as_columns(table), _as_columns(_table_to_test(wanted.test, table))
    else:
        train, test = split(table.x, table.y, wanted.seed)
    names, features = table.class_names, table.feature_names
    return Task(title, path.stem, str(path), train, test, names, features, table.target_name)


def _as_columns(table: datasets.Table) -> Pair:
    """Samples and their classes (n,), or numbers (n, 1)."""
    return table.x, table.y if table.class_names else table.y[:, None]


def _table_to_test(path: Path, table: datasets.Table) -> datasets.Table:
    """Another file with the same columns and classes."""
    classes, features = table.class_names or None, table.feature_names
    task = "classification" if classes else "regression"
    return datasets.load_csv(path, table.target_name, features=features, classes=classes, task=task)


def split(x: Array, y: Array, seed: int, share: float = 0.2) -> tuple[Pair, Pair]:
    """A fifth for testing: class by class, or, of numbers to predict, any rows."""
    if y.dtype.kind in "iu" and y.ndim == 1:
        return datasets.split_data(x, y, share, seed)
    rows = np.arange(len(x))
    (train, _), (test, _) = datasets.split_data(rows, np.zeros(len(x), np.int64), share, seed)
    y = y.reshape(len(y), -1)
    return (x[train], y[train]), (x[test], y[test])


def _arrays(path: Path, wanted: Wanted) -> Task:
    if wanted.task == "regression":
        raise click.UsageError("--task regression is for CSV files; in Python, fit takes any y.")
    train, test = datasets.load_npz(path, seed=wanted.seed)
    if wanted.test:
        train, test = load_train(path), load_test(wanted.test)
        _demand_shape(wanted.test, train, test)
    names = _numbered(path, np.concatenate([train[1], test[1]]))
    return Task(str(path), path.stem, str(path), train, test, names)


def _numbered(path: Path, y: Array) -> list[str]:
    """The names of classes that are known by their numbers alone: 0, 1, 2 and so on."""
    found, size = np.unique(y), int(y.max()) + 1
    if len(found) < 2:
        raise ValueError(f"{path}: expected at least two classes in y, found only {found[0]}.")
    if found[0] < 0 or size > max(SPARSE, 10 * len(found)):
        raise ValueError(
            f"{path}: expected classes numbered from 0 in y, found {len(found)} from {found[0]} to "
            f"{found[-1]}. Number them anew: _, y = np.unique(y, return_inverse=True)."
        )
    return [str(i) for i in range(size)]


def _folder(path: Path, wanted: Wanted) -> Task:
    try:
        images = datasets.image_folder(path, wanted.image_size)
    except SizesDiffer:
        shown = "x".join(map(str, PHOTO))
        note(f"Images of several sizes: all become {shown} pixels. Another size: --image-size 96.")
        images = datasets.image_folder(path, PHOTO)
    if len(images.class_names) < 2:
        raise ValueError(
            f"{path}: expected at least two folders of images, one for each class, found only "
            f"{images.class_names[0]!r}"
        )
    if wanted.test:
        train = images.x, images.y
        test = _folder_to_test(wanted.test, images)
    else:
        train, test = datasets.split_data(images.x, images.y, seed=wanted.seed)
    name = path.resolve().name
    return Task(
        f"{path} (images)", name, str(path), train, test, images.class_names, of_folder=True
    )


def _folder_to_test(path: Path, images: datasets.ImageFolder) -> Pair:
    """Images of some of the classes of others, as large as they are."""
    found = datasets.image_folder(path, images.x.shape[1:3])
    known = list(images.class_names)
    if strange := [name for name in found.class_names if name not in known]:
        raise ValueError(f"--test {path}: DATA has no class {strange[0]!r}: {', '.join(known)}.")
    places = np.array([known.index(name) for name in found.class_names])
    return found.x, places[found.y]


def _demand_shape(path: Path, train: Pair, test: Pair) -> None:
    shape = train[0].shape[1:]
    if test[0].shape[1:] != shape:
        raise ValueError(
            f"--test {path}: expected samples of shape {shape}, as DATA holds, found "
            f"{test[0].shape[1:]}."
        )


def fingerprint(data: str) -> str:
    """The SHA-256 of a file, by which a changed one is told; nothing for what cannot change.

    >>> fingerprint("mnist")
    ''
    """
    import hashlib

    if data in BUILT_IN or not os.path.isfile(data):
        return ""
    with open(data, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
