"""How a kernel is declared, and compiled when it is first needed."""

import gc
import sys
from collections.abc import Callable, Iterable, Sequence
from time import perf_counter
from typing import Any

from numba.core.ccallback import CFunc
from numba.core.errors import NumbaWarning
from numba.core.sigutils import normalize_signature

from axon.clock import compiling
from axon.fast import processes
from axon.fast.kernels.arguments import CompiledKernel
from axon.fast.kernels.cache import kept, told, works
from axon.fast.processes.edition import EDITION
from axon.locks import Lock, fork_with

KERNELS: dict[str, CompiledKernel] = {}
SLOW = 1.0  # seconds: when compiling has taken longer, it is announced
ANNOUNCED = "axon: compiling kernels for this processor, once"
FAST_MATH = {"reassoc", "contract", "nsz"}  # sums in any order, fused multiply-add; NaN stays NaN
OPTIONS = {"error_model": "numpy", "fastmath": FAST_MATH}
SIGNATURE = "void(intp)"
_compiled: dict[str, Any] = {}
_compiling = Lock()  # one that is compiled twice would be given up once, and its code with it


class _Clock:
    spent, announced = 0.0, False


def of_this_edition(function: Callable[..., Any]) -> Callable[..., Any]:
    """Name a function so that no other edition's machine code is taken for its own.

    Numba keeps machine code by the name of a function and the age of its file, and would not see
    that what it calls in another file has changed.
    """
    function.__qualname__ = f"{function.__name__}_{EDITION}"
    return function


def entry(kernel: CompiledKernel) -> Callable[..., None]:
    """What is compiled of a kernel: the function of one address that reads its arguments."""
    return of_this_edition(kernel.entry())


def kernel(function: Callable[..., None]) -> Callable[..., None]:
    """Declare a kernel; nothing is compiled yet."""
    declare(function.__name__, function)
    return function


def declare(name: str, function: Callable[..., None], *given: Any) -> None:
    """Declare a kernel of another name, whose first arguments are given."""
    KERNELS[name] = CompiledKernel(name, function, given)


def prepare(names: Iterable[str]) -> None:
    """Compile all kernels that a program needs, and show on a terminal how far that is.

    As soon as one is not found where earlier processes have kept it, the others are compiled by
    several processes; so are all, if another process has begun already.
    """
    missing = [name for name in dict.fromkeys(names) if name not in _compiled]
    if helpers := processes.begun():
        return _compiling.run(_compile_all, missing, helpers)
    for number, name in enumerate(missing):
        address(name)
        if not _compiled[name].cache_hits:
            return _compiling.run(_compile_all, missing[number + 1 :])


def _compile_all(names: Sequence[str], helpers: processes.Helpers | None = None) -> None:
    """Compile many kernels, with the help of other processes if they are allowed and pay."""
    ordered = sorted(names, key=_length, reverse=True)
    if helpers or (len(ordered) >= processes.PAYS and works() and processes.can_help()):
        with helpers or processes.Helpers(told()) as helpers:
            helpers.tell(ordered, last=True)
            _compile_each(ordered, helpers.take)
    _compile_each(ordered)


def _length(name: str) -> int:
    """How much there is to compile, about."""
    return len(KERNELS[name].function.__code__.co_code)


def _compile_each(names: Sequence[str], mine: Callable[[str], bool] = lambda name: True) -> None:
    """Compile those that are left to this process."""
    drawn = ""
    for number, name in enumerate(names):
        if not mine(name):
            continue
        if _Clock.announced and sys.stderr is not None and sys.stderr.isatty():
            drawn = f"{ANNOUNCED}: {number + 1} of {len(names)}"
            print(f"\r{drawn}", end="", file=sys.stderr, flush=True)
        address(name)
    if drawn:
        print("\r" + " " * len(drawn), end="\r", file=sys.stderr, flush=True)


def address(name: str) -> int:
    """Where the machine code of a kernel begins; compiled now if it has not been."""
    if name not in _compiled:
        _compiling.run(_demand, name)
    return int(_compiled[name].address)


def _demand(name: str) -> None:
    """Compile a kernel, unless another thread was faster."""
    if name in _compiled:
        return
    began, collects = perf_counter(), gc.isenabled()
    gc.disable()  # what Numba makes is no garbage before it is done: a sixth of the time
    try:
        _compiled[name] = compiling.run(_compile, KERNELS[name])
    finally:
        if collects:
            gc.enable()
    _Clock.spent += perf_counter() - began
    if _Clock.spent > SLOW and not _Clock.announced:
        _Clock.announced = True
        _say(f"{ANNOUNCED}.")


def _compile(kernel: CompiledKernel) -> Any:
    """The machine code: kept for later processes, where there is a place to keep it."""
    from warnings import catch_warnings, simplefilter

    function = entry(kernel)

    def compiled(cache: Any) -> CFunc:
        code = CFunc(function, normalize_signature(SIGNATURE), {}, OPTIONS)
        code._cache = cache
        code.compile()
        return code

    with catch_warnings():
        simplefilter("ignore", NumbaWarning)
        return kept(function, compiled)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _locks() -> list[Any]:
    """Those of the compiler, which has no thought for forks."""
    from llvmlite.binding import ffi
    from numba.core.compiler_lock import global_compiler_lock

    try:
        return [global_compiler_lock._lock, ffi.lib._lock._lock]
    except AttributeError:  # another version keeps them elsewhere
        return []


fork_with(_locks)
