"""Get a dataset's files: from this machine, or from a mirror; they are verified every time."""

import os
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import IO, TYPE_CHECKING

from axon.backend import Array
from axon.datasets.dataset import DataFile, Dataset
from axon.datasets.errors import DatasetUnavailable
from axon.datasets.split import Split
from axon.names import install

if TYPE_CHECKING:
    from pathlib import Path

CHUNK_BYTES = 1 << 16


def load_dataset(dataset: Dataset) -> Split:
    """Load the four files of a dataset: ``(x_train, y_train), (x_test, y_test)``.

    Each file is looked for in ``$AXON_DATA_DIR/<name>/``, in the user's cache, and then on the
    mirrors. A bad copy is never used: the search goes on, and a warning names it in the end.

    Raises:
        DatasetUnavailable: no good copy of a file was found; the message lists every place.
        ImportError: a download is needed, and pooch or tqdm is not installed.
    """
    notes: list[str] = []
    arrays = []
    for file in dataset.files:
        search = FileSearch(dataset, file)
        found = filter(None, (_look(search, place) for place in places(dataset)))
        where, array = next(found, None) or _download(search)
        notes += [f"{dataset.title}: passed over {fault}; used {where}" for fault in search.faults]
        arrays.append(array)
    if notes:
        warnings.warn("\n".join(notes), stacklevel=3)  # at the line that called load_data
    x_train, y_train, x_test, y_test = arrays
    return (x_train, y_train), (x_test, y_test)


class FileSearch:
    """A notebook of the search for one file, from which the closing error or warning is written.

    Args:
        dataset: whose file it is.
        file: the file that is wanted.

    >>> from axon.datasets import mnist
    >>> search = FileSearch(mnist.DATASET, mnist.DATASET.files[0])
    >>> search.fault("/data/mnist/train-images-idx3-ubyte.gz", "Permission denied")
    >>> search.faults
    ['/data/mnist/train-images-idx3-ubyte.gz: Permission denied']
    """

    def __init__(self, dataset: Dataset, file: DataFile) -> None:
        self.dataset, self.file = dataset, file
        self.lines: list[str] = []  # every place, in order
        self.faults: list[str] = []  # those where something was, but nothing good

    def absent(self, place: "Path") -> None:
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
            f"{self.dataset.title}: no good copy of {self.file.gz_name}: {reason}.\n"
            f"Looked in:{tried}\n"
            f"To mend it: {self.by_hand()}; or {other_way}."
        )

    def unwritable(self, path: object, error: OSError) -> DatasetUnavailable:
        """Build the error about a cache that takes no file."""
        return self.unavailable(
            f"it could be downloaded, but {path} cannot be written ({error.strerror or error})",
            other_way="set AXON_CACHE_DIR to a folder that can be written",
        )

    def by_hand(self) -> str:
        """Say how to provide the files without a download."""
        names = ", ".join(file.gz_name for file in self.dataset.files)
        folder = os.path.join("DIR", self.dataset.name)
        return f"put {names} into a folder {folder} and set AXON_DATA_DIR=DIR"


# ------------------------------------------------------------------------------------ places


def places(dataset: Dataset) -> "Iterator[Path]":
    """Yield the folders a dataset may lie in: below ``AXON_DATA_DIR``, then the user's cache."""
    from pathlib import Path

    if data_dir := os.environ.get("AXON_DATA_DIR"):
        yield Path(os.path.expanduser(data_dir)).absolute() / dataset.name
    yield cache_folder(dataset)


def cache_folder(dataset: Dataset) -> "Path":
    """Return ``$AXON_CACHE_DIR/<name>`` or ``$XDG_CACHE_HOME/axon/<name>``, on every system.

    Without either it is ``~/.cache/axon/<name>``. A relative ``XDG_CACHE_HOME`` is ignored, as the
    XDG base directory specification demands.

    Raises:
        DatasetUnavailable: neither is there, and no home directory either.
    """
    from pathlib import Path

    if told := os.environ.get("AXON_CACHE_DIR"):
        return Path(os.path.expanduser(told)).absolute() / dataset.name
    root = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not root.is_absolute():
        root = Path(os.path.expanduser("~")) / ".cache"
    if not root.is_absolute():
        raise DatasetUnavailable(
            "no cache folder: this user has no home directory and XDG_CACHE_HOME is not set to "
            "an absolute path; set AXON_CACHE_DIR, or AXON_DATA_DIR to a folder with the data"
        )
    return root / "axon" / dataset.name


def _look(search: FileSearch, place: "Path") -> tuple[str, Array] | None:
    """Where a good copy lies in a folder, and its array; bad ones are noted."""
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


def _note_uncompressed(search: FileSearch, place: "Path") -> None:
    """Say why an uncompressed copy is no use where only the .gz has a published checksum."""
    for name in search.file.raw_names if search.file.of_gz else ():
        if (place / name).is_file():
            search.fault(
                place / name,
                f"is uncompressed, but {search.dataset.title} has published checksums of its .gz "
                f"files only; put {search.file.gz_name} there instead",
            )


# ------------------------------------------------------------------------------------ download


def _download(search: FileSearch) -> tuple[str, Array]:
    """Download the file into the cache; return its address and its array.

    The bytes go to a temporary file beside the final name, are verified there, and only then
    renamed over it in one step: a process that dies in the middle, or two that download at once,
    leave no bad file, and a bad file in the cache stays until a good one is in hand.

    Raises:
        DatasetUnavailable: offline, an unwritable cache, or no mirror served a good copy.
        ImportError: pooch or tqdm is not installed.
    """
    if os.environ.get("AXON_OFFLINE", "").strip().lower() in ("1", "true", "yes", "on"):
        raise search.unavailable(
            "AXON_OFFLINE is set, so nothing was downloaded",
            other_way="unset AXON_OFFLINE to download them",
        )
    pooch, tqdm = _import_downloader(search)
    folder = _make_folder(search)
    for mirror in search.dataset.mirrors:
        url = mirror + search.file.gz_name
        try:
            return url, _download_from(url, search, folder, pooch, tqdm)
        except DatasetUnavailable:
            raise
        except (OSError, ValueError) as error:
            search.fault(url, error)
    raise search.unavailable(
        "it is not on this machine, and no mirror served it",
        other_way="check the connection and try again",
    )


def _download_from(
    url: str, search: FileSearch, folder: "Path", pooch: ModuleType, tqdm: ModuleType
) -> Array:
    part = folder / f".{search.file.gz_name}.{os.getpid()}.{os.urandom(4).hex()}.part"
    try:
        _save(search, url, part, pooch, tqdm)
        array = search.file.read(part)
        _keep(search, part, folder / search.file.gz_name)
        return array
    finally:
        try:
            part.unlink(missing_ok=True)
        except OSError:
            pass  # an error about a temporary file must not hide the one that matters


def _import_downloader(search: FileSearch) -> tuple[ModuleType, ModuleType]:
    from importlib import import_module

    try:
        return import_module("pooch"), import_module("tqdm")
    except ImportError as error:
        seen = "".join(f"\n  {line}" for line in search.lines)
        raise ImportError(
            f"{search.dataset.title}: {search.file.gz_name} is not on this machine, and to "
            f"download it takes pooch and tqdm ({error}).\nLooked in:{seen}\n"
            f"To mend it: {install('data')}; or {search.by_hand()}."
        ) from error


def _make_folder(search: FileSearch) -> "Path":
    folder = cache_folder(search.dataset)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise search.unwritable(folder, error) from error
    return folder


def _save(search: FileSearch, url: str, part: "Path", pooch: ModuleType, tqdm: ModuleType) -> None:
    """Save what ``url`` answers, with a progress bar; ``ValueError`` says what failed."""
    try:
        stream = open(part, "xb", buffering=0)  # so that `write` notices a full disk, not `close`
    except OSError as error:
        raise search.unwritable(part, error) from error
    # pooch puts in the length that the server states; the bar must not begin with none.
    # The delay keeps it away until data arrive: a mirror that is out of reach shows none.
    bar = tqdm.tqdm(
        desc=search.file.gz_name, total=search.file.size, unit="B", unit_scale=True, delay=0.01
    )
    # A file served with "Content-Encoding: gzip" would be unpacked on the way: ask for none.
    headers = {"Accept-Encoding": "identity"}
    with stream, bar:
        get = pooch.HTTPDownloader(progressbar=bar, chunk_size=CHUNK_BYTES, headers=headers)
        try:
            get(url, _LimitedFile(search, stream), None)
        except (DatasetUnavailable, ValueError):
            raise
        except Exception as error:  # whatever the network and its libraries may raise
            raise ValueError(_in_words(error)) from error


REASONS = {  # in the name of an error of the network's libraries -> what it means
    **dict.fromkeys(
        ("NameResolution", "gaierror"),
        "the server's name cannot be resolved: is there a network?",
    ),
    "Proxy": "the proxy cannot be reached",
    **dict.fromkeys(("SSL", "Certificate"), "its certificate is not trusted"),
    "Refused": "the connection was refused",
    "Timeout": "no answer in time",
    **dict.fromkeys(
        ("ChunkedEncoding", "IncompleteRead", "ConnectionReset"), "the connection broke off"
    ),
    "Connection": "no connection",
}


def _in_words(error: Exception) -> str:
    """What went wrong with the network, without the inner life of its libraries."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None:
        return f"the server answered {status}"
    names = " ".join(type(e).__name__ for e in _causes(error))
    for part, words in REASONS.items():
        if part in names:
            return f"{words} ({type(error).__name__})"
    return f"{type(error).__name__}: {str(error)[:100]}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error, and those that it wraps: by ``raise``, as an argument, or as a ``reason``."""
    waiting, seen = [error], set[int]()
    while waiting:
        found = waiting.pop()
        if id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        inner = (found.__cause__, found.__context__, getattr(found, "reason", None), *found.args)
        waiting += [e for e in inner if isinstance(e, BaseException)]


class _LimitedFile:
    """A file to write to that refuses an answer without end, and knows a full disk."""

    def __init__(self, search: FileSearch, stream: IO[bytes]) -> None:
        self.search, self.stream, self.left = search, stream, search.file.limit

    def write(self, chunk: bytes) -> None:
        self.left -= len(chunk)
        if self.left < 0:
            raise ValueError(
                f"expected at most {self.search.file.limit} bytes, and the answer is longer"
            )
        try:
            rest = memoryview(chunk)
            while rest:
                rest = rest[self.stream.write(rest) :]
        except OSError as error:
            raise self.search.unwritable(self.stream.name, error) from error

    def flush(self) -> None:
        """Do nothing: the stream has no buffer."""


def _keep(search: FileSearch, part: "Path", path: "Path") -> None:
    """Rename the verified ``part``, in one step, to the name under which it will be found."""
    try:
        os.replace(part, path)
    except OSError as error:
        # Windows refuses while another process reads `path`; then that one has put it there.
        try:
            search.file.read(path)
        except (OSError, ValueError):
            raise search.unwritable(path, error) from error
