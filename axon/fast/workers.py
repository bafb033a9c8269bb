"""The threads that run compiled programs together."""

import ctypes
import os
import threading
from typing import Any

import numpy as np

from axon.backend import aligned_bytes
from axon.fast.loops import AWAKE, BEGUN, YIELD, assist, lead
from axon.locks import Claim, Lock
from axon.threads import get_threads

MAX_THREADS = 64


class Workers:
    """Threads that sleep until a program runs, then take tasks of it.

    Args:
        helpers: how many threads, besides the one that runs the program.
    """

    def __init__(self, helpers: int) -> None:
        self.size = helpers + 1
        self.claim = Claim()
        self._memory = aligned_bytes((AWAKE + 128) * 8).view(np.int64)
        self._memory.fill(0)
        self._memory[YIELD] = _address_of_yield()
        self.state = self._memory.ctypes.data
        self._wake = [threading.Semaphore(0) for _ in range(helpers)]
        for number in range(helpers):
            name = f"axon-{number + 1}"
            threading.Thread(target=self._help, args=(number,), name=name, daemon=True).start()

    def _help(self, number: int) -> None:
        while True:
            self._wake[number].acquire()
            if self.size == 1:
                return
            assist(self.state, number + 1)

    def run(self, head: int, start: int, stop: int, first_step: int, steps: int) -> None:
        """Run steps of a program; whoever finds them busy does so alone."""
        who = object()
        try:
            if self.size > 1 and self.claim.take(who):
                self._memory[BEGUN] += 1
                self._wake_all()
                lead(self.state, head, start, stop, first_step, steps, False)
            else:
                lead(self.state, head, start, stop, first_step, steps, True)
            self.claim.leave(who)
        except BaseException:
            self.claim.leave(who)
            raise

    def _wake_all(self) -> None:
        for number, wake in enumerate(self._wake):
            if not self._memory[AWAKE + number + 1]:
                self._memory[AWAKE + number + 1] = 1
                wake.release()

    def dismiss(self) -> None:
        """End the threads."""
        self.size = 1
        for wake in self._wake:
            wake.release()


def _address_of_yield() -> int:
    """Where the system's sched_yield is; 0 if there is none."""
    if os.name != "posix":
        return 0
    function: Any = ctypes.CDLL(None).sched_yield
    return ctypes.cast(function, ctypes.c_void_p).value or 0


_crews: dict[int, Workers] = {}
_making = Lock()


def workers(parallel: bool) -> Workers:
    """The threads for a program: the caller alone, if it is not worth more."""
    size = min(get_threads(), MAX_THREADS) if parallel else 1
    found = _crews.get(size)
    return _making.run(_make, size) if found is None else found


def _make(size: int) -> Workers:
    """One crew besides the caller alone: threads that look for work in vain are in the way."""
    if size not in _crews:
        for other in [n for n in _crews if n > 1]:
            _crews.pop(other).dismiss()
        _crews[size] = Workers(size - 1)
    return _crews[size]


def _forget() -> None:
    """In a forked process, where the threads do not go on."""
    _crews.clear()


if "register_at_fork" in dir(os):  # not on Windows
    os.register_at_fork(after_in_child=_forget)
