"""Read training and test arrays from a .npz file."""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from axon.datasets.errors import DatasetUnavailable
from axon.datasets.split import Pair, Split, split_data

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROOM = 2**28  # bytes that arrays may take in any case, and
MOST_TIMES = 100  # otherwise so many times what the file takes
SPLIT_KEYS = ("x_train", "y_train", "x_test", "y_test")
Arrays = dict[str, np.ndarray[Any, Any]]


def load_npz(path: str | os.PathLike[str], test_split: float = 0.2, seed: int = 0) -> Split:
    """Read `(x_train, y_train), (x_test, y_test)` from a .npz file, as `np.savez` writes it.

    The file holds `x_train`, `y_train`, `x_test` and `y_test` (Keras's names), or `x` and `y`,
    which are split as `split_data` does. Other arrays in it are left alone, and nothing in it is
    ever unpickled.

    Args:
        path: the file.
        test_split: the share of the rows that go to the test part, for `x` and `y`.
        seed: an integer >= 0, for `x` and `y`.

    Returns:
        Samples (n, ...) of any numeric type, with their labels (n,), integers.

    Raises:
        DatasetUnavailable: the file cannot be read.
        ValueError: it is no .npz file, or its arrays are missing or do not fit.

    Example:
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
    """Read what a model can be tested on: `x_test` and `y_test`, or all of `x` and `y`.

    Raises:
        DatasetUnavailable: the file cannot be read.
        ValueError: it is no .npz file, or its arrays are missing or do not fit.

    Example:
        >>> from axon.datasets import digits
        >>> x, y = load_test(digits.DATA)
        >>> x.shape, y.shape
        ((1797, 8, 8), (1797,))
    """
    path = os.fspath(path)
    arrays = _read_arrays(path)
    whole = "x" in arrays
    return _check_pair(path, arrays, "x" if whole else "x_test", "y" if whole else "y_test")


def _read_arrays(path: str) -> Arrays:
    """Read the four arrays, or the two."""
    try:
        with open(path, "rb") as stream:
            _check_magic(path, stream.read(6))
            stream.seek(0)
            return _load(path, stream)
    except OSError as error:
        raise DatasetUnavailable(
            f"{path}: cannot be read ({error.strerror or error}); expected a .npz file"
        ) from error


def _check_magic(path: str, magic: bytes) -> None:
    """Refuse what is no zip archive before NumPy tries to unpickle it."""
    if not magic.startswith(b"PK"):
        what = "a .npy file with a single array" if magic == b"\x93NUMPY" else "another format"
        raise ValueError(f"{path}: not a .npz file but {what}; write one with np.savez")


def _load(path: str, stream: IO[bytes]) -> Arrays:
    try:
        archive = np.load(stream, allow_pickle=False)
    except Exception as error:  # NumPy and zipfile raise many kinds on a damaged archive
        raise ValueError(f"{path}: damaged ({error}); expected a .npz file") from error
    with archive:
        keys = _choose_keys(path, archive.files)
        _demand_small(path, archive, stream)
        return {key: _load_array(path, archive, key) for key in keys}


def _demand_small(path: str, archive: Any, stream: IO[bytes]) -> None:
    """Refuse a zip bomb: a small file that would take a lot of memory."""
    claimed, size = sum(info.file_size for info in archive.zip.infolist()), stream.seek(0, 2)
    if claimed > max(ROOM, MOST_TIMES * size):
        raise ValueError(
            f"{path}: its {size:,} bytes would take {claimed:,} in memory; if that is meant, write "
            "it with np.savez instead of np.savez_compressed"
        )


def _choose_keys(path: str, found: list[str]) -> tuple[str, ...]:
    for keys in (SPLIT_KEYS, ("x", "y")):
        if all(key in found for key in keys):
            return keys
    wanted = ("x", "y") if "x" in found or "y" in found else SPLIT_KEYS
    missing = ", ".join(key for key in wanted if key not in found)
    raise ValueError(
        f"{path}: expected the arrays {', '.join(SPLIT_KEYS)}, or x, y; missing {missing}; "
        f"found {', '.join(found) or 'none'}"
    )


def _load_array(path: str, archive: Any, key: str) -> NDArray[Any]:
    try:
        array = archive[key]
    except Exception as error:  # a pickled object, a damaged or an encrypted member, no memory
        raise ValueError(
            f"{path}: array {key!r} cannot be read ({error}); expected plain numbers"
        ) from error
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{path}: {key!r} is not an array; write it with np.savez")
    return array


def _check_pair(path: str, arrays: Arrays, x_key: str, y_key: str) -> Pair:
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


def _describe(array: NDArray[Any]) -> str:
    finite = array.dtype.kind not in "f" or bool(np.isfinite(array).all())
    return f"{array.dtype} {array.shape}{'' if finite else ' with NaN or infinity'}"
