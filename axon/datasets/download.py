"""Download one file: from the first mirror that serves a good copy, into the user's cache."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from axon.datasets.errors import DatasetUnavailable
from axon.datasets.search import Search, cache_folder

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CHUNK = 1 << 16  # bytes


def download(search: Search) -> tuple[str, NDArray[np.uint8]]:
    """Download the file a search is for; return its address and its array.

    The bytes go to a temporary file beside the final name, are verified there, and only then
    renamed over it in one step: a process that dies in the middle, or two that download at once,
    leave no bad file, and a bad file in the cache stays until a good one is in hand.

    Raises:
        DatasetUnavailable: offline, an unwritable cache, or no mirror served a good copy.
        ImportError: pooch or tqdm is not installed.
    """
    if is_offline():
        raise search.unavailable(
            "AXON_OFFLINE is set, so nothing was downloaded",
            other_way="unset AXON_OFFLINE to download them",
        )
    pooch, tqdm = _import_downloader(search)
    folder = _make_folder(search)
    for mirror in search.source.mirrors:
        url = mirror + search.file.gz_name
        part = folder / f".{search.file.gz_name}.{os.getpid()}.{os.urandom(4).hex()}.part"
        try:
            _save(search, url, part, pooch, tqdm)
            array = search.file.read(part)
            _keep(search, part, folder / search.file.gz_name)
            return url, array
        except DatasetUnavailable:
            raise
        except (OSError, ValueError) as error:
            search.fault(url, error)
        finally:
            _remove(part)
    raise search.unavailable(
        "it is not on this machine, and no mirror served it",
        other_way="check the connection and try again",
    )


def is_offline() -> bool:
    """Whether `AXON_OFFLINE` forbids the network: 1, true, yes or on."""
    return os.environ.get("AXON_OFFLINE", "").strip().lower() in ("1", "true", "yes", "on")


def _import_downloader(search: Search) -> tuple[Any, Any]:
    from importlib import import_module

    try:
        return import_module("pooch"), import_module("tqdm")
    except ImportError as error:
        seen = "".join(f"\n  {line}" for line in search.lines)
        raise ImportError(
            f"{search.source.title}: {search.file.gz_name} is not on this machine, and to download "
            f"it takes pooch and tqdm ({error}).\nLooked in:{seen}\n"
            f'To mend it: pip install "axon-nn[data]"; or {search.by_hand()}.'
        ) from error


def _make_folder(search: Search) -> Path:
    folder = cache_folder(search.source)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(search, folder, error) from error
    return folder


def _unwritable(search: Search, path: object, error: OSError) -> DatasetUnavailable:
    return search.unavailable(
        f"it could be downloaded, but {path} cannot be written ({error.strerror or error})",
        other_way="set XDG_CACHE_HOME to a folder that can be written",
    )


def _save(search: Search, url: str, part: Path, pooch: Any, tqdm: Any) -> None:
    """Save what `url` answers as `part`, with a progress bar; `ValueError` says what failed."""
    try:
        stream = open(part, "xb", buffering=0)  # so that `write` notices a full disk, not `close`
    except OSError as error:
        raise _unwritable(search, part, error) from error
    # pooch puts in the length that the server states; the bar must not begin with none.
    # The delay keeps it away until data arrive: a mirror that is out of reach shows none.
    bar = tqdm.tqdm(
        desc=search.file.gz_name, total=search.file.size, unit="B", unit_scale=True, delay=0.01
    )
    # A file served with "Content-Encoding: gzip" would be unpacked on the way: ask for none.
    headers = {"Accept-Encoding": "identity"}
    with stream, bar:
        get = pooch.HTTPDownloader(progressbar=bar, chunk_size=CHUNK, headers=headers)
        try:
            get(url, _LimitedFile(search, stream), None)
        except (DatasetUnavailable, ValueError):
            raise
        except Exception as error:  # whatever the network and its libraries may raise
            raise ValueError(_in_words(error)) from error


REASONS = {  # in the name of an error of the network's libraries -> what it means
    "NameResolution": "the server's name cannot be resolved: is there a network?",
    "gaierror": "the server's name cannot be resolved: is there a network?",
    "Proxy": "the proxy cannot be reached",
    "SSL": "its certificate is not trusted",
    "Certificate": "its certificate is not trusted",
    "Refused": "the connection was refused",
    "Timeout": "no answer in time",
    "ChunkedEncoding": "the connection broke off",
    "IncompleteRead": "the connection broke off",
    "ConnectionReset": "the connection broke off",
    "Connection": "no connection",
}


def _in_words(error: Exception) -> str:
    """What went wrong with the network, without the inner life of its libraries."""
    kind = type(error).__name__
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None:
        return f"the server answered {status}"
    names = " ".join(type(e).__name__ for e in _causes(error))
    for part, words in REASONS.items():
        if part in names:
            return f"{words} ({kind})"
    return f"{kind}: {str(error)[:100]}"


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

    def __init__(self, search: Search, stream: IO[bytes]) -> None:
        self.search = search
        self.stream = stream
        self.left = search.file.limit

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
            raise _unwritable(self.search, self.stream.name, error) from error

    def flush(self) -> None:
        """Do nothing: the stream has no buffer."""


def _keep(search: Search, part: Path, path: Path) -> None:
    """Rename the verified `part`, in one step, to the name under which it will be found."""
    try:
        os.replace(part, path)
    except OSError as error:
        # Windows refuses while another process reads `path`; then that one has put it there.
        try:
            search.file.read(path)
        except (OSError, ValueError):
            raise _unwritable(search, path, error) from error


def _remove(part: Path) -> None:
    try:
        part.unlink(missing_ok=True)
    except OSError:
        pass  # an error about a temporary file must not hide the one that matters
