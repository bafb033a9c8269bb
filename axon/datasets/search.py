"""The search for one file: the places to look in, and what was found in each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from axon.datasets.errors import DatasetUnavailable
from axon.datasets.source import DataFile, Source

if TYPE_CHECKING:
    from pathlib import Path


class Search:
    """A notebook of the search for one file, from which the closing error or warning is written.

    Args:
        source: the dataset.
        file: the file of it that is wanted.

    Example:
        >>> from axon.datasets import mnist
        >>> search = Search(mnist.SOURCE, mnist.SOURCE.files[0])
        >>> search.fault("/data/mnist/train-images-idx3-ubyte.gz", "Permission denied")
        >>> search.faults
        ['/data/mnist/train-images-idx3-ubyte.gz: Permission denied']
    """

    def __init__(self, source: Source, file: DataFile) -> None:
        self.source = source
        self.file = file
        self.lines: list[str] = []  # every place, in order
        self.faults: list[str] = []  # those where something was, but nothing good

    def absent(self, place: Path) -> None:
        """Note that nothing was found in a place."""
        why = f"no {self.file.gz_name} there" if os.path.isdir(place) else "no such folder"
        self.lines.append(f"{place}: {why}")

    def fault(self, where: object, why: object) -> None:
        """Note that a file or an answer was found, but was no good."""
        self.lines.append(f"{where}: {why}")
        self.faults.append(self.lines[-1])

    def unavailable(self, reason: str, *, other_way: str) -> DatasetUnavailable:
        """Build the error that lists every place with what was wrong with it."""
        tried = "".join(f"\n  {line}" for line in self.lines)
        return DatasetUnavailable(
            f"{self.source.title}: no good copy of {self.file.gz_name}: {reason}.\n"
            f"Looked in:{tried}\n"
            f"To mend it: {self.by_hand()}; or {other_way}."
        )

    def by_hand(self) -> str:
        """Say how to provide the files without a download."""
        names = ", ".join(file.gz_name for file in self.source.files)
        folder = os.path.join("DIR", self.source.name)
        return f"put {names} into a folder {folder} and set AXON_DATA_DIR=DIR"


def places(source: Source) -> Iterator[Path]:
    """Yield the folders a dataset may lie in: below `AXON_DATA_DIR`, then the user's cache."""
    from pathlib import Path

    if data_dir := os.environ.get("AXON_DATA_DIR"):
        yield Path(os.path.expanduser(data_dir)).absolute() / source.name
    yield cache_folder(source)


def cache_folder(source: Source) -> Path:
    """Return `$XDG_CACHE_HOME/axon/<name>`, or `~/.cache/axon/<name>`, on every system.

    A relative `XDG_CACHE_HOME` is ignored, as the XDG base directory specification demands.

    Raises:
        DatasetUnavailable: there is no `XDG_CACHE_HOME`, and no home directory either.
    """
    from pathlib import Path

    root = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not root.is_absolute():
        root = Path(os.path.expanduser("~")) / ".cache"
    if not root.is_absolute():
        raise DatasetUnavailable(
            "no cache folder: this user has no home directory and XDG_CACHE_HOME is not set to "
            "an absolute path; set XDG_CACHE_HOME, or AXON_DATA_DIR to a folder with the data"
        )
    return root / "axon" / source.name
