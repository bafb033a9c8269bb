"""Floor 0: BLAS, which NumPy multiplies matrices with, on one thread while AXON has its own.

A BLAS with several threads cuts long sums as it likes, so that its results depend on their number.
"""

import os
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

FOLDERS = ("../numpy.libs", ".dylibs")  # where wheels of NumPy carry theirs, next to the package
NAMES = [
    f"{before}openblas_%s_num_threads{after}"
    for before in ("scipy_", "")
    for after in ("64_", "", "_64_", "64")
]


class Control(NamedTuple):
    """The number of threads of a BLAS: how to ask for it, how to set it."""

    get: Callable[[], int]
    set: Callable[[int], Any]


def find() -> list[Control]:
    """NumPy's BLAS; none if it lets nobody set its threads.

    It is looked for where NumPy's wheels carry it; elsewhere (MKL, BLIS, a system's own) by the
    package threadpoolctl, where that is installed.
    """
    return _carried() or _loaded()


def _carried() -> list[Control]:
    library = carried()
    return [Control(*found) for found in _functions(library)][:1] if library else []


def carried() -> Any:
    """The library that came with NumPy, as ctypes opens it; None if there is none that is known."""
    import ctypes

    package = os.path.dirname(np.__file__)
    for folder in (os.path.join(package, name) for name in FOLDERS):
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            if "openblas" in name:
                try:
                    return ctypes.CDLL(os.path.join(folder, name))
                except OSError:
                    continue
    return None


def _functions(library: Any) -> list[tuple[Any, Any]]:
    """Its pairs of functions, by whichever name they have."""
    pairs = []
    for name in NAMES:
        get, put = (getattr(library, name % what, None) for what in ("get", "set"))
        if get is not None and put is not None:
            pairs.append((get, put))
    return pairs


def _loaded() -> list[Control]:
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return []
    libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    return [Control(lib.get_num_threads, lib.set_num_threads) for lib in libraries]


class OneThread:
    """While a ``with`` block lasts, in any thread, BLAS runs on one thread; then as it did before.

    >>> with one_blas_thread:
    ...     with one_blas_thread:
    ...         y = np.ones((2, 2)) @ np.ones((2, 2))
    """

    def __init__(self) -> None:
        self.controls: list[Control] | None = None  # looked for when first needed
        self.fresh()

    def fresh(self) -> None:
        """Nobody is inside; also in a forked process, where other threads do not go on."""
        self.lock, self.inside = threading.Lock(), 0
        self.before: list[int] = []

    def __enter__(self) -> None:
        with self.lock:
            self.inside += 1
            if self.inside == 1:
                if self.controls is None:
                    self.controls = find()
                self.before = [control.get() for control in self.controls]
                for control in self.controls:
                    control.set(1)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        with self.lock:
            self.inside -= 1
            if not self.inside:
                for control, number in zip(self.controls or (), self.before, strict=True):
                    control.set(number)


one_blas_thread = OneThread()


def _unlock() -> None:
    """In a forked process: only the thread that forked is still inside, if it was."""
    one_blas_thread.lock = threading.Lock()


if "register_at_fork" in dir(os):  # not on Windows
    os.register_at_fork(after_in_child=_unlock)
