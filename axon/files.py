"""Floor 0: files that are written whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO


@contextmanager
def atomic(path: "str | os.PathLike[str]") -> Iterator[IO[bytes]]:
    """Write beside ``path`` first and rename at the end: the old file stays until the new is whole.

    >>> with atomic("x.txt") as stream:  # doctest: +SKIP
    ...     stream.write(b"...")
    """
    import tempfile

    folder, name = os.path.split(os.fspath(path))
    handle, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=folder or ".")
    try:
        with os.fdopen(handle, "w+b") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
