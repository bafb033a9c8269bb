"""Random numbers of an estimator's own: ``random_state`` decides, and the global seed stays."""

import os
import threading
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from axon import random

_lock = threading.RLock()  # AXON's streams belong to the process: fits in threads take turns


def _renew_lock() -> None:
    """In a forked process: whoever held the lock does not exist there."""
    global _lock
    _lock = threading.RLock()


if "register_at_fork" in dir(os):  # not on Windows
    os.register_at_fork(after_in_child=_renew_lock)


class Streams:
    """The random streams of one estimator; inside ``with`` all of AXON draws from them.

    They go on where they were in the next ``with``, also in a copy or after pickling.

    Args:
        random_state: None (NumPy's global generator chooses), a whole number or a RandomState.

    >>> streams = Streams(0)
    >>> with streams:
    ...     first = random.stream("init").random()
    >>> with Streams(0):
    ...     random.stream("init").random() == first
    True
    """

    def __init__(self, random_state: Any) -> None:
        self.seed = int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
        self.state: dict[str, Any] = {"seed": self.seed, "streams": {}}
        self._before: list[dict[str, Any]] = []  # one for each ``with`` that is open

    def __enter__(self) -> "Streams":
        _lock.acquire()
        self._before.append(random.get_state())
        random.set_state(self.state)
        return self

    def __exit__(self, *_: object) -> None:
        self.state = random.get_state()
        random.set_state(self._before.pop())
        _lock.release()
