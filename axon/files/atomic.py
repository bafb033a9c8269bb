"""Files that are written whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from typing import IO

from axon.modes import modes
from axon.names import printable


class DamagedFile(ValueError):
    """A file is not what it claims to be: cut off, changed, of another format; the message says.

    What the file says of itself is escaped in the message.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(printable(message, keep="\n"))


@contextmanager
def atomic(path: "str | os.PathLike[str]") -> Iterator[IO[bytes]]:
    """Write beside ``path`` first and rename at the end: the old file stays until the new is whole.

    A kill or a power cut at any moment leaves one or the other; so do two processes that write the
    same path at once. What a killed process left beside it is removed by the next one. Permissions
    of a file that was there are kept, and where a link points to is written. Of ranks that learn
    together (``fit(shards=8)``) the first one writes, the others nothing.

    Raises:
        OSError: the file cannot be written, or the disk is full; the file that was there is kept.

    >>> with atomic("x.txt") as stream:  # doctest: +SKIP
    ...     stream.write(b"...")
    """
    if not modes.leads:  # another process writes the same
        yield BytesIO()
        return
    goal = os.path.realpath(path)
    _demand_replaceable(path, goal)
    temporary = ""
    try:
        _remove_leftovers(goal)
        temporary, handle = _create_beside(goal)
        with os.fdopen(handle, "w+b") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
            _keep_permissions(goal, temporary)
            os.replace(temporary, goal)  # while it is locked: nobody takes it for a leftover
        _keep_rename(goal)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and _ours(error, goal):
            raise _explained(path, error) from None
        raise


def _demand_replaceable(path: "str | os.PathLike[str]", goal: str) -> None:
    """Refuse what a file of ours must not take the place of."""
    if os.path.isdir(goal):
        raise IsADirectoryError(f"cannot write {path}: it is a folder.")
    if os.path.exists(goal) and not os.path.isfile(goal):
        raise FileExistsError(f"cannot write {path}: it is a device or a pipe, not a file.")
    if os.path.isfile(goal) and not os.access(goal, os.W_OK):
        raise PermissionError(f"cannot write {path}: it is read-only.")


def _beginning(goal: str) -> str:
    """What the names of temporary files beside ``goal`` begin with; short enough for any disk."""
    return f".{os.path.basename(goal)[:40]}."


def _create_beside(goal: str) -> tuple[str, int]:
    """Create and lock a new file in the same folder: its name and its handle."""
    while True:
        name = f"{_beginning(goal)}{os.urandom(6).hex()}.tmp"
        temporary = os.path.join(os.path.dirname(goal), name)
        handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY, 0o666)
        _lock(handle)
        if os.name != "posix" or os.fstat(handle).st_nlink:
            return temporary, handle
        os.close(handle)  # taken for a leftover before it was locked


_BINARY = getattr(os, "O_BINARY", 0)  # Windows alone has, and needs, it


def _lock(handle: int, wait: bool = True) -> bool:
    """Hold a file until it is closed, whatever ends the process; whether that is so now."""
    try:
        import fcntl
    except ImportError:  # Windows: leftovers stay
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:  # held by another, or a disk that knows no locks
        return False
    return True


def _remove_leftovers(goal: str) -> None:
    """Remove temporary files whose writers are dead: nobody locks them any more."""
    folder, begins = os.path.dirname(goal), _beginning(goal)
    with suppress(OSError):  # another process was faster, or the folder cannot be listed
        for name in os.listdir(folder):
            if name.startswith(begins) and name.endswith(".tmp"):
                _remove_unlocked(os.path.join(folder, name))


def _remove_unlocked(path: str) -> None:
    handle = os.open(path, os.O_RDWR)
    try:
        if _lock(handle, wait=False):
            os.unlink(path)
    finally:
        os.close(handle)


def _keep_permissions(goal: str, temporary: str) -> None:
    with suppress(OSError):  # there is no such file, or its owner is another
        os.chmod(temporary, os.stat(goal).st_mode & 0o777)


def _keep_rename(goal: str) -> None:
    """Let a rename survive a power cut, too."""
    if os.name == "posix":
        with suppress(OSError):  # some disks cannot
            handle = os.open(os.path.dirname(goal), os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def _ours(error: OSError, goal: str) -> bool:
    """Whether the error is that of the file being written, and not of another one."""
    name = error.filename
    return name is None or os.path.basename(str(name)).startswith(_beginning(goal))


def _explained(path: "str | os.PathLike[str]", error: OSError) -> OSError:
    """The same error, with the user's path in it instead of the temporary one."""
    kept = " The file that was there is kept." if os.path.exists(path) else ""
    return OSError(error.errno, f"cannot write {path}: {error.strerror or error}.{kept}")


def check_writable(path: "str | os.PathLike[str]") -> None:
    """Raise OSError now if a file could not be written later.

    >>> check_writable("no/such/folder/net.axon")
    Traceback (most recent call last):
    FileNotFoundError: cannot write no/such/folder/net.axon: there is no folder 'no/such/folder'.
    """
    if not modes.leads:
        return
    goal = os.path.realpath(path)
    folder = os.path.dirname(os.fspath(path)) or "."
    if not os.path.isdir(os.path.dirname(goal)):
        raise FileNotFoundError(f"cannot write {path}: there is no folder {folder!r}.")
    _demand_replaceable(path, goal)
    try:
        probe, handle = _create_beside(goal)
    except OSError as error:
        raise PermissionError(f"cannot write {path}: {error.strerror}.") from None
    os.close(handle)
    os.unlink(probe)
