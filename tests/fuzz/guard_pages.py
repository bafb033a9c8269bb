"""Guard pages: every array lies against memory that cannot be touched, so that a step too far is
a crash. Only for processes that tests start: what crashes cannot go on.

NumPy is given an allocator of its own: each array has pages to itself, between two that are
forbidden, and lies at the end or at the beginning of them. What is fresh is filled with
ones (NaN, -1), so that whoever reads what nobody wrote is seen, too; what was freed can never be
touched again.
"""

import ctypes
import mmap
from typing import Any

import numpy as np
from numba import cfunc, njit, types

from axon.fast.kernels.intrinsics import words

PAGE = mmap.PAGESIZE
END, START, MIXED = range(3)  # where in its pages an array lies
ROOM = 8  # bytes: what other memory than NumPy's own arrays is rounded up to
ARENA = 1 << 42  # bytes of addresses, all forbidden at first, and used once only
PLACE, RANDOM, NEXT, BASE, SIZES = range(5)  # words of the settings

word, int32 = types.intp, types.int32
_map = types.ExternalFunction("mmap", word(word, word, int32, int32, int32, word))
_protect = types.ExternalFunction("mprotect", int32(word, word, int32))
_fill = types.ExternalFunction("memset", word(word, int32, word))
_copy = types.ExternalFunction("memcpy", word(word, word, word))
READ_WRITE, NONE, FIXED, UNRESERVED = 3, 0, 0x10, 0x4000
FRESH = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | UNRESERVED


@njit
def taken(context: int, size: int, fill: int) -> int:
    """Pages for so many bytes, and where in them these lie."""
    settings = words(context, 5)
    if settings[BASE] == 0:
        settings[BASE] = _map(0, ARENA, NONE, FRESH, -1, 0)
        settings[SIZES] = _map(0, ARENA // PAGE * 8, READ_WRITE, FRESH, -1, 0)
    pages = (max(size, 1) + PAGE - 1) // PAGE
    first = settings[NEXT] + 1  # a forbidden page before it, and one behind
    settings[NEXT] += pages + 1
    words(settings[SIZES] + first * 8, 1)[0] = size
    begin = settings[BASE] + first * PAGE
    if _protect(begin, pages * PAGE, READ_WRITE) != 0:
        return 0
    settings[RANDOM] = settings[RANDOM] * 6364136223846793005 + 1442695040888963407
    place = settings[PLACE] if settings[PLACE] != MIXED else (settings[RANDOM] >> 40) & 1
    start = begin + (pages * PAGE - max(size, 1) if place == END else 0)
    if fill:
        _fill(start, fill, size)
    return start


@njit
def size_of(context: int, start: int) -> int:
    """How many bytes were asked for."""
    settings = words(context, 5)
    return int(words(settings[SIZES] + (start - settings[BASE]) // PAGE * 8, 1)[0])


@njit
def given_back(context: int, start: int) -> None:
    """Nobody may touch them again."""
    begin = start // PAGE * PAGE
    pages = (max(size_of(context, start), 1) + PAGE - 1) // PAGE
    _map(begin, pages * PAGE, NONE, FRESH | FIXED, -1, 0)


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
        _copy(fresh, start, min(size_of(context, start), size))
        given_back(context, start)
    return fresh


@cfunc(types.void(types.intp, types.intp, types.uintp), cache=True)
def free(context: int, start: int, size: int) -> None:
    """What is freed cannot be touched."""
    if start != 0:
        given_back(context, start)


class _Allocator(ctypes.Structure):
    _fields_ = (("context", ctypes.c_void_p), *((n, ctypes.c_void_p) for n in "mcrf"))


class _Handler(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        ("allocator", _Allocator),
    )


SETTINGS = np.zeros(5, np.int64)
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
    SETTINGS[:2] = place, seed
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

    _guard_workspace()  # first: it imports what needs memory
    from axon.backend import aligned_bytes

    for module in [m for name, m in sys.modules.items() if name.startswith("axon")]:
        if vars(module).get("aligned_bytes") is aligned_bytes:
            module.aligned_bytes = tight_bytes  # type: ignore[attr-defined]


def _guard_workspace() -> None:
    """Each buffer in the workspace of a thread has pages to itself, too."""
    from axon.fast import builder, machine, memory

    plain_machine = builder.Builder.machine
    plain_demand = machine.Machine._demand_workspace

    def machine_of(self: Any) -> Any:
        made = plain_machine(self)
        made.forbidden = vars(self.memory).get("forbidden", [])
        return made

    def demand_workspace(self: Any, threads: int) -> None:
        before = self._threads
        plain_demand(self, threads)
        if self._threads > before and self.forbidden:
            start = self._workspace.ctypes.data
            assert start % PAGE == self._workspace_bytes % PAGE == 0
            for thread in range(self._threads):
                for place in self.forbidden:
                    forbid(start + thread * self._workspace_bytes + place)

    memory.MachineMemory.place_strip = place_strip  # type: ignore[method-assign]
    builder.Builder.machine = machine_of  # type: ignore[method-assign]
    machine.Machine._demand_workspace = demand_workspace  # type: ignore[method-assign]


def forbid(page: int) -> None:
    """Nobody may touch this page."""
    assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(page), PAGE, NONE) == 0


def place_strip(self: Any, placed: Any, rows: int, pieces: int) -> None:
    """As ``Memory.place_strip``, but no strip uses the memory of another, and pages lie between."""
    from axon.fast import loops, memory

    pool, numbers, words = memory.Pool(), dict[int, int](), loops.MAX_WORDS * 8
    self._walk(placed, pool, numbers.__setitem__, rows)
    forbidden = vars(self).setdefault("forbidden", [])
    places = []
    here = (self.local_bytes + words) // PAGE * PAGE or PAGE
    for number, size in enumerate(pool.sizes):
        forbidden.append(here)
        pages = -(-max(size, 1) // PAGE) * PAGE
        mixed = int(SETTINGS[PLACE]) == MIXED
        at_end = (
            (number + int(SETTINGS[RANDOM] >> 40)) % 2 == 0 if mixed else SETTINGS[PLACE] == END
        )
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
            self.place_workspace(p.work, rows, pieces, local=False)
