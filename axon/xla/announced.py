"""Say that XLA compiles, while somebody waits for it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer
from time import perf_counter

import jax

SLOW = 1.0  # seconds: when compiling has taken longer, it is announced
ANNOUNCED = "axon: compiling for this device, once for each size of a batch."


class _Waited:
    spent, told = 0.0, False


@contextmanager
def announced() -> Iterator[None]:
    """Meanwhile something is compiled: it is said, once, when all of it has taken too long."""
    began = perf_counter()
    timer = Timer(max(0.0, SLOW - _Waited.spent), _tell)  # XLA lets other threads run meanwhile
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        _Waited.spent += perf_counter() - began


def _tell() -> None:
    if not _Waited.told and jax.process_index() == 0:  # one of all hosts is enough
        _Waited.told = True
        print(ANNOUNCED, file=sys.stderr, flush=True)
