"""BLAS, which NumPy multiplies matrices with, on one thread while AXON has its own.

A BLAS with several threads cuts long sums as it likes, so that its results depend on their number.
"""

import os
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from axon.locks import Region

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


@cache
def sgemm_address() -> int:
    """The address of ``cblas_sgemm`` with 64-bit sizes; 0 if NumPy brought no such library."""
    import ctypes

    function = getattr(carried(), "scipy_cblas_sgemm64_", None)
    return (ctypes.cast(function, ctypes.c_void_p).value or 0) if function else 0


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


class OneThread(Region):
    """While somebody is inside, in any thread, BLAS runs on one thread; then as it did before.

    >>> one_blas_thread.run(np.dot, 2.0, 3.0)
    np.float64(6.0)
    >>> with one_blas_thread:
    ...     with one_blas_thread:
    ...         y = np.ones((2, 2)) @ np.ones((2, 2))
    """

    def __init__(self) -> None:
        super().__init__()
        self.controls: list[Control] | None = None  # looked for when first needed
        self.before: list[int] = []  # how many there were, while it is one

    def begin(self) -> None:
        """Note how many threads there are; let there be one."""
        if self.controls is None:
            self.controls = find()
        numbers = [control.get() for control in self.controls]
        self.before = self.before or numbers
        for control, number in zip(self.controls, numbers, strict=True):
            if number != 1:
                control.set(1)

    def end(self) -> None:
        """Let there be as many as before."""
        for control, number in zip(self.controls or (), self.before, strict=False):
            control.set(number)
        self.before = []


one_blas_thread = OneThread()
