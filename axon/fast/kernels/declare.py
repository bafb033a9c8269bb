"""Floor 3: how a kernel is declared, and compiled when it is first needed."""

import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

from numba import cfunc
from numba.core.errors import NumbaWarning

KERNELS: dict[str, Callable[[int], None]] = {}
SLOW = 1.0  # seconds: when compiling has taken longer, it is announced
FAST_MATH = {"reassoc", "contract", "nsz"}  # sums in any order, fused multiply-add; NaN stays NaN
SIGNATURE = "void(intp)"
_compiled: dict[str, Any] = {}


class _Clock:
    spent, announced = 0.0, False


def kernel(function: Callable[[int], None]) -> Callable[[int], None]:
    """Declare a kernel; nothing is compiled yet."""
    KERNELS[function.__name__] = function
    return function


def address(name: str) -> int:
    """Where the machine code of a kernel begins; compiled now if it has not been."""
    if name not in _compiled:
        began = perf_counter()
        _compiled[name] = _compile(KERNELS[name])
        _Clock.spent += perf_counter() - began
        if _Clock.spent > SLOW and not _Clock.announced:
            _Clock.announced = True
            print("axon: compiling kernels for this processor, once.", file=sys.stderr, flush=True)
    return int(_compiled[name].address)


def _compile(function: Callable[[int], None]) -> Any:
    """The machine code: kept for later processes, where there is a place to keep it."""
    from warnings import catch_warnings, simplefilter

    options: dict[str, Any] = {"error_model": "numpy", "fastmath": FAST_MATH}
    with catch_warnings():
        simplefilter("ignore", NumbaWarning)
        try:
            return cfunc(SIGNATURE, cache=True, **options)(function)
        except Exception:  # no place to keep it, or a spoilt file there: numba says it in many ways
            return cfunc(SIGNATURE, **options)(function)
