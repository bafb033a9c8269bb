"""Read training and test arrays from a .npz file."""

import os
from collections.abc import Mapping
from typing import IO

import numpy as np

from axon.backend import Array
from axon.datasets.errors import DatasetUnavailable
from axon.datasets.split import Pair, Split, split_data
from axon.files import formats, npz
from axon.files.archive import Archive
from axon.files.atomic import DamagedFile

SPLIT_KEYS = ("x_train", "y_train", "x_test", "y_test")


def load_npz(path: str | os.PathLike[str], test_split: float = 0.2, seed: int = 0) -> Split:
    """Read ``(x_train, y_train), (x_test, y_test)`` from a .npz file, as ``np.savez`` writes it.

    The file holds ``x_train``, ``y_train``, ``x_test`` and ``y_test`` (Keras's names), or ``x`` and
    ``y``, which are split as ``split_data`` does. Other arrays in it are left alone, and nothing in
    it is ever unpickled.

    Args:
        path: the file.
        test_split: the share of the rows that go to the test part, for ``x`` and ``y``.
        seed: an integer >= 0, for ``x`` and ``y``.

    Returns:
        Samples (n, ...) of any numeric type, with their labels (n,), integers.

    Raises:
        DatasetUnavailable: the file cannot be read.
        ValueError: it is no .npz file, or its arrays are missing or do not fit.

    >>> from axon.datasets import digits
    >>> (x_train, y_train), (x_test, y_test) = load_npz(digits.DATA)
    >>> x_train.shape, x_test.shape
    ((1438, 8, 8), (359, 8, 8))
    """
    path = os.fspath(path)
    arrays = _read_arrays(path)
    if "x" in arrays:
        x, y = _check_pair(path, arrays, "x", "y")
        return split_data(x, y, test_split, seed)
    train = _check_pair(path, arrays, "x_train", "y_train")
    test = _check_pair(path, arrays, "x_test", "y_test")
    if train[0].shape[1:] != test[0].shape[1:]:
        raise ValueError(
            f"{path}: expected samples of one shape, found x_train {train[0].shape} and "
            f"x_test {test[0].shape}"
        )
    return train, test


def load_test(path: str | os.PathLike[str]) -> Pair:
    """Read what a model can be tested on: ``x_test`` and ``y_test``, or all of ``x`` and ``y``.

    Raises:
        DatasetUnavailable: the file cannot be read.
        ValueError: it is no .npz file, or its arrays are missing or do not fit.

    >>> from axon.datasets import digits
    >>> x, y = load_test(digits.DATA)
    >>> x.shape, y.shape
    ((1797, 8, 8), (1797,))
    """
    path = os.fspath(path)
    arrays = _read_arrays(path)
    keys = ("x", "y") if "x" in arrays else SPLIT_KEYS[2:]
    return _check_pair(path, arrays, *keys)


def load_train(path: str | os.PathLike[str]) -> Pair:
    """Read what can be learned from: ``x_train`` and ``y_train``, or all of ``x`` and ``y``.

    Raises:
        DatasetUnavailable: the file cannot be read.
        ValueError: it is no .npz file, or its arrays are missing or do not fit.

    >>> from axon.datasets import digits
    >>> load_train(digits.DATA)[0].shape
    (1797, 8, 8)
    """
    path = os.fspath(path)
    arrays = _read_arrays(path)
    keys = ("x", "y") if "x" in arrays else SPLIT_KEYS[:2]
    return _check_pair(path, arrays, *keys)


def _read_arrays(path: str) -> dict[str, Array]:
    """Read the four arrays, or the two; others are left alone."""
    try:
        with open(path, "rb") as stream:
            archive = _opened(path, stream)
            npz.names_in(archive)  # no zip bomb
            return {key: _read(archive, key) for key in _chosen_keys(archive)}
    except OSError as error:
        raise DatasetUnavailable(
            f"{path}: cannot be read ({error.strerror or error}); expected a .npz file"
        ) from error


def _opened(path: str, stream: IO[bytes]) -> Archive:
    found = formats.by_bytes(stream.read(9))
    if found is not formats.AXON:
        what = "a .npy file with a single array" if found is formats.NPY else "another format"
        raise ValueError(f"{path}: not a .npz file but {what}; write one with np.savez")
    try:
        return Archive(stream, path)
    except DamagedFile as error:
        raise ValueError(f"{path}: damaged ({error}); expected a .npz file") from error


def _chosen_keys(archive: Archive) -> tuple[str, ...]:
    found = [name.removesuffix(".npy") for name in archive.zip.namelist()]
    for keys in (SPLIT_KEYS, ("x", "y")):
        if all(key in found for key in keys):
            return keys
    wanted = ("x", "y") if "x" in found or "y" in found else SPLIT_KEYS
    missing = ", ".join(key for key in wanted if key not in found)
    raise ValueError(
        f"{archive.where}: expected the arrays {', '.join(SPLIT_KEYS)}, or x, y; missing "
        f"{missing}; found {', '.join(found) or 'none'}"
    )


def _read(archive: Archive, key: str) -> Array:
    if f"{key}.npy" not in archive:
        raise ValueError(f"{archive.where}: {key!r} is not an array; write it with np.savez")
    try:
        return npz.read(archive, key)
    except DamagedFile as error:
        raise ValueError(f"array {key!r} cannot be read: {error} Expected plain numbers") from error


def _check_pair(path: str, arrays: Mapping[str, Array], x_key: str, y_key: str) -> Pair:
    x, y = arrays[x_key], arrays[y_key]
    if x.ndim < 2 or x.dtype.kind not in "biuf" or not np.isfinite(x).all():
        raise ValueError(
            f"{path}: expected {x_key} (n, ...) of finite numbers, found {_describe(x)}"
        )
    if y.shape[1:] == (1,):
        y = y[:, 0]
    if y.ndim != 1 or y.dtype.kind not in "biu":
        raise ValueError(
            f"{path}: expected {y_key} (n,) of integer labels, found {_describe(y)}; of one-hot "
            "rows take argmax(axis=1)"
        )
    if len(x) != len(y) or not len(x):
        raise ValueError(
            f"{path}: expected as many labels as samples, and at least one, found {x_key} "
            f"{x.shape} and {y_key} {y.shape}"
        )
    return x, y


def _describe(array: Array) -> str:
    finite = array.dtype.kind not in "f" or bool(np.isfinite(array).all())
    return f"{array.dtype} {array.shape}{'' if finite else ' with NaN or infinity'}"
