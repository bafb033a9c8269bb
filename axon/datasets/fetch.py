"""Find a dataset's files, on this machine or on a mirror, and verify them every time."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from axon.datasets.download import download
from axon.datasets.search import Search, places
from axon.datasets.source import DataFile, Source
from axon.datasets.split import Split

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def load_source(source: Source) -> Split:
    """Load the four files of a dataset: `(x_train, y_train), (x_test, y_test)`.

    Each file is looked for in `$AXON_DATA_DIR/<name>/`, in the user's cache, and then on the
    mirrors. A bad copy is never used: the search goes on, and a warning names it in the end.

    Raises:
        DatasetUnavailable: no good copy of a file was found; the message lists every place.
        ImportError: a download is needed, and pooch or tqdm is not installed.
    """
    notes: list[str] = []
    arrays = []
    for file in source.files:
        arrays.append(_find(source, file, notes))
    if notes:
        warnings.warn("\n".join(notes), stacklevel=3)  # at the line that called load_data
    x_train, y_train, x_test, y_test = arrays
    return (x_train, y_train), (x_test, y_test)


def _find(source: Source, file: DataFile, notes: list[str]) -> NDArray[np.uint8]:
    search = Search(source, file)
    where, array = _find_here(search) or download(search)
    notes += [f"{source.title}: passed over {fault}; used {where}" for fault in search.faults]
    return array


def _find_here(search: Search) -> tuple[str, NDArray[np.uint8]] | None:
    for place in places(search.source):
        if found := _look(search, place):
            return found
    return None


def _look(search: Search, place: Path) -> tuple[str, NDArray[np.uint8]] | None:
    """Return the first good copy in a folder; note the bad ones."""
    bad = len(search.faults)
    for name in search.file.names:
        path = place / name
        try:
            return str(path), search.file.read(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            search.fault(path, f"cannot be read ({error.strerror or error})")
        except ValueError as error:
            search.fault(path, error)
    _note_uncompressed(search, place)
    if len(search.faults) == bad:
        search.absent(place)
    return None


def _note_uncompressed(search: Search, place: Path) -> None:
    """Say why an uncompressed copy is no use where only the .gz has a published checksum."""
    for name in search.file.raw_names if search.file.of_gz else ():
        if (place / name).is_file():
            search.fault(
                place / name,
                f"is uncompressed, but {search.source.title} has published checksums of its .gz "
                f"files only; put {search.file.gz_name} there instead",
            )
