"""Where machine code is kept for later processes.

``AXON_CACHE_DIR`` says where. Code lies there by the name of its kernel and the edition of these
files, for each processor that has compiled it, wherever the package itself is installed: so the
folder can be made once, shipped inside an image, and used where nothing may be written. Without
the variable Numba keeps it next to the package, or in a folder of the user's.
"""

import os
import sys
from atexit import register
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

from numba.core.caching import CompileResultCacheImpl, FunctionCache, NullCache, _CacheLocator

from axon.fast.processes import edition
from axon.fast.processes.edition import FOLDER, VARIABLE


class _Kept:
    folder: Path | None = None  # instead of the variable's
    works = True  # until there turns out to be no place to keep anything
    said = False


def place() -> Path | None:
    """The folder that keeps kernels; None where Numba chooses it."""
    if _Kept.folder is not None:
        return _Kept.folder
    return edition.place()


class Locator(_CacheLocator):
    """One folder for all files, whose age does not count: names say what is in them."""

    def __init__(self, folder: Path, line: int) -> None:
        self.folder, self.line = folder, line

    def ensure_cache_path(self) -> None:
        """Make the folder; whether it can be written shows when something is."""
        self.folder.mkdir(parents=True, exist_ok=True)

    def get_cache_path(self) -> str:
        """Where files are."""
        return str(self.folder)

    def get_source_stamp(self) -> str:
        """Nothing: a kernel's name ends with the edition of all these files."""
        return ""

    def get_disambiguator(self) -> str:
        """What tells kernels of one name apart."""
        return str(self.line)

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> "Locator | None":
        """The folder, if there is one."""
        folder = place()
        return None if folder is None else cls(folder, py_func.__code__.co_firstlineno)


class _Files(CompileResultCacheImpl):
    _locator_classes = (Locator,)


class _Folder(FunctionCache):
    """Machine code in a folder that may be one in which nothing can be written."""

    _impl_class = _Files

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What is kept; nothing where that is spoilt: then it is written anew."""
        try:
            return super().load_overload(sig, target_context)
        except OSError:
            raise
        except Exception:
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep it, if that can be done."""
        try:
            super().save_overload(sig, data)
        except OSError as error:
            _tell(error)
            _Kept.works = False


def kept(function: Callable[..., Any], compiled: Callable[[Any], Any]) -> Any:
    """What ``compiled(cache)`` gives: kept for later processes if that can be done.

    Where the usual places cannot be written, a temporary folder serves this process and those that
    it begins.
    """
    try:
        return compiled(_cache(function))
    except Exception as error:  # no place to keep it, or a spoilt file: numba says it in many ways
        if isinstance(error, OSError | RuntimeError) and _Kept.works:
            _look_elsewhere(error)
            with suppress(OSError, RuntimeError):
                return compiled(_cache(function))
            _Kept.works = False
        return compiled(NullCache())  # raises whatever has nothing to do with keeping it


def works() -> bool:
    """Whether other processes find what this one compiles."""
    return _Kept.works


def told() -> dict[str, str]:
    """What a process has to know to find what this one keeps."""
    folder = place()
    return {} if folder is None else {VARIABLE: str(folder.parent)}


def _cache(function: Callable[..., Any]) -> Any:
    return FunctionCache(function) if place() is None else _Folder(function)


def _look_elsewhere(error: Exception) -> None:
    """Keep code for as long as this process lasts."""
    _tell(error)
    with suppress(OSError):
        made = Path(mkdtemp(prefix="axon-"))
        register(_remove, made, os.getpid())
        _Kept.folder = made / FOLDER


def _remove(folder: Path, process: int) -> None:
    """Take a temporary folder away, unless this is a fork of the process that made it."""
    if os.getpid() == process:
        rmtree(folder, ignore_errors=True)


def _tell(error: Exception) -> None:
    """Say once that nothing is kept."""
    if not _Kept.said:
        _Kept.said = True
        print(
            f"axon: compiled kernels cannot be kept ({type(error).__name__}: {error}), so each "
            f"process compiles them. Set {VARIABLE} to a folder that can be written.",
            file=sys.stderr,
            flush=True,
        )
