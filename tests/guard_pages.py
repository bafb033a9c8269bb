"""Guard pages: every array lies against memory that cannot be touched, so that a step too far is
a crash. Only for processes that tests start: what crashes cannot go on.

NumPy is given an allocator of its own: each array has pages to itself, between two that are
forbidden, and lies at the end or at the beginning of them, by turns. What is fresh is filled with
ones (NaN, -1), so that whoever reads what nobody wrote is seen, too; what was freed can never be
touched again.
"""

import ctypes
import mmap
from typing import Any

import numpy as np
from numba import cfunc, njit, types

from axon.fast.atoms import words

PAGE = mmap.PAGESIZE
HERE = 2 * PAGE  # where the data begin: a page for the size comes first, then a forbidden one
END, START, MIXED = range(3)  # where in its pages an array lies
ROOM = 8  # bytes: what other memory than NumPy's own arrays is rounded up to

word, int32 = types.intp, types.int32
_map = types.ExternalFunction("mmap", word(word, word, int32, int32, int32, word))
_protect = types.ExternalFunction("mprotect", int32(word, word, int32))
_fill = types.ExternalFunction("memset", word(word, int32, word))
_copy = types.ExternalFunction("memcpy", word(word, word, word))
READ_WRITE, NONE = 3, 0
FRESH = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
GONE = FRESH | 0x10 | 0x4000  # MAP_FIXED, MAP_NORESERVE


@njit
def taken(context: int, size: int, fill: int) -> int:
    """Pages for so many bytes, and where in them these lie."""
    settings = words(context, 2)
    pages = (max(size, 1) + PAGE - 1) // PAGE * PAGE
    base = _map(0, pages + 3 * PAGE, READ_WRITE, FRESH, -1, 0)
    if base == -1:
        return 0
    _protect(base + PAGE, PAGE, NONE)
    _protect(base + HERE + pages, PAGE, NONE)
    words(base, 2)[0] = size
    words(base, 2)[1] = pages
    settings[1] = settings[1] * 6364136223846793005 + 1442695040888963407
    place = settings[0] if settings[0] != MIXED else (settings[1] >> 40) & 1
    start = base + HERE + (pages - max(size, 1) if place == END else 0)
    if fill:
        _fill(start, fill, size)
    return start


@njit
def given_back(start: int) -> None:
    """Nobody may touch them again."""
    base = start // PAGE * PAGE - HERE
    _map(base, words(base, 2)[1] + 3 * PAGE, NONE, GONE, -1, 0)


@cfunc(types.intp(types.intp, types.uintp), cache=True)
def malloc(context: int, size: int) -> int:
    """Fresh memory."""
    return taken(context, size, 255)


@cfunc(types.intp(types.intp, types.uintp, types.uintp), cache=True)
def calloc(context: int, count: int, size: int) -> int:
    """Zeros."""
    return taken(context, count * size, 0)


@cfunc(types.intp(types.intp, types.intp, types.uintp), cache=True)
def realloc(context: int, start: int, size: int) -> int:
    """More or less memory, elsewhere."""
    fresh = taken(context, size, 255)
    if start != 0:
        before = words(start // PAGE * PAGE - HERE, 2)[0]
        _copy(fresh, start, min(before, size))
        given_back(start)
    return fresh


@cfunc(types.void(types.intp, types.intp, types.uintp), cache=True)
def free(context: int, start: int, size: int) -> None:
    """What is freed cannot be touched."""
    if start != 0:
        given_back(start)


class _Allocator(ctypes.Structure):
    _fields_ = (("context", ctypes.c_void_p), *((n, ctypes.c_void_p) for n in "mcrf"))


class _Handler(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        ("allocator", _Allocator),
    )


SETTINGS = np.zeros(2, np.int64)  # where arrays lie, and a random number
_functions = [f.address for f in (malloc, calloc, realloc, free)]
_handler = _Handler(b"guard_pages", 1, _Allocator(SETTINGS.ctypes.data, *_functions))
SET_HANDLER = 304  # its place in NumPy's table of functions


def _set_handler(capsule: Any) -> Any:
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    table = get(np._core._multiarray_umath._ARRAY_API, None)
    entry = ctypes.cast(table, ctypes.POINTER(ctypes.c_void_p))[SET_HANDLER]
    return ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(entry)(capsule)


def guard(seed: int = 0, place: int = MIXED) -> None:
    """From now on, in this thread and those that copy its context, arrays are guarded."""
    SETTINGS[:] = place, seed
    new = ctypes.pythonapi.PyCapsule_New
    new.restype = ctypes.py_object
    new.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    _set_handler(new(ctypes.addressof(_handler), b"mem_handler", None))
    _guard_axon()


# ------------------------------------------------------------------------------------ AXON's own


def tight_bytes(size: int) -> np.ndarray:
    """Memory for programs: not on a cache line, but against the forbidden page."""
    return np.empty(-(-size // ROOM) * ROOM, np.uint8)[:size]


def _guard_axon() -> None:
    import sys

    _guard_scratch()  # first: it imports what needs memory
    from axon.backend import aligned_bytes

    for module in [m for name, m in sys.modules.items() if name.startswith("axon")]:
        if vars(module).get("aligned_bytes") is aligned_bytes:
            module.aligned_bytes = tight_bytes  # type: ignore[attr-defined]


def _guard_scratch() -> None:
    """Each buffer in the scratch of a thread has pages to itself, too."""
    from axon.fast import machine, memory

    plain_finish, plain_demand = machine.Machine._finish, machine.Machine._demand_scratch

    def finish(self: Any) -> None:
        self.forbidden = vars(self._memory).get("forbidden", [])
        plain_finish(self)

    def demand_scratch(self: Any, threads: int) -> None:
        before = self._threads
        plain_demand(self, threads)
        if self._threads > before and self.forbidden:
            start = self._scratch.ctypes.data
            assert start % PAGE == self._scratch_size % PAGE == 0
            for thread in range(self._threads):
                for place in self.forbidden:
                    forbid(start + thread * self._scratch_size + place)

    memory.Memory.place_strip = place_strip  # type: ignore[method-assign]
    machine.Machine._finish = finish  # type: ignore[method-assign]
    machine.Machine._demand_scratch = demand_scratch  # type: ignore[method-assign]


def forbid(page: int) -> None:
    """Nobody may touch this page."""
    assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(page), PAGE, NONE) == 0


def place_strip(self: Any, placed: Any, rows: int, pieces: int) -> None:
    """As ``Memory.place_strip``, but no strip uses the memory of another, and pages lie between."""
    from axon.fast import machine, memory

    pool, numbers, words = memory.Pool(), dict[int, int](), machine.ROOM * 8
    self._walk(placed, pool, numbers.__setitem__, rows)
    forbidden = vars(self).setdefault("forbidden", [])
    places = []
    here = (self.local_bytes + words) // PAGE * PAGE or PAGE
    for number, size in enumerate(pool.sizes):
        forbidden.append(here)
        pages = -(-max(size, 1) // PAGE) * PAGE
        mixed = int(SETTINGS[0]) == MIXED
        at_end = (number + int(SETTINGS[1] >> 40)) % 2 == 0 if mixed else SETTINGS[0] == END
        slack = pages - -(-size // ROOM) * ROOM if at_end else 0
        places.append(here + PAGE + slack)
        here += PAGE + pages
    if pool.sizes:
        forbidden.append(here)
        self.local_bytes = max(self.local_bytes, here + PAGE - words)
    for thing, number in numbers.items():
        self.places[thing] = places[number] - words, True
    for p in placed:
        if p.work:
            self.place_scratch(p.work, rows, pieces, local=False)
