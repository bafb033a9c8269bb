"""Threads. Large work is cut into pieces, and a few threads take one after another.

How work is cut depends on shapes only, and each piece computes the same whoever takes it: so the
number of threads changes how long a step takes, and not one bit of what comes out.
"""

import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

from axon.blas import one_blas_thread
from axon.locks import Claim

Calls = Sequence[Callable[[], Any]]
VARIABLE = "AXON_NUM_THREADS"


def set_threads(number: int | str) -> None:
    """Let training, evaluation and prediction run on so many threads; results do not change.

    Args:
        number: 1 or more, or "auto": as many as there are cores that this process may use.

    Raises:
        TypeError, ValueError: anything else.

    >>> before = get_threads()
    >>> set_threads(1)
    >>> get_threads()
    1
    >>> set_threads(before)
    """
    _settings.number = _checked("set_threads", number)
    _settings.by_itself = isinstance(number, str)


def get_threads() -> int:
    """How many threads are used: as set, else the variable AXON_NUM_THREADS, else all cores."""
    if _settings.number is None:
        given = os.environ.get(VARIABLE, "auto").strip() or "auto"
        integer = given.removeprefix("-").isdecimal()
        number = _checked(VARIABLE, int(given) if integer else given)
        _settings.number, _settings.by_itself = number, given.lower() == "auto"
    return _settings.number


def leave_cores(number: int) -> None:
    """Let "auto" be so many threads: other processes of the same job have the other cores."""
    _settings.cores = number
    if _settings.by_itself:
        _settings.number = None  # as many as "auto" is now, when somebody asks again


class InOrder:
    """While a ``with`` block lasts, pieces of work come one after another, in their order."""

    def __enter__(self) -> None:
        self.before, _settings.number = _settings.number, 1

    def __exit__(self, *_: object) -> None:
        _settings.number = self.before


class _ThreadSettings:
    number: int | None = None  # None: nobody has asked yet
    by_itself = True  # nobody chose a number
    cores: int | None = None  # how many "auto" is; None: all


_settings = _ThreadSettings()


def _checked(owner: str, number: object) -> int:
    """A number of threads; or an error that says where it was given."""
    if isinstance(number, str) and number.lower() == "auto":
        return _settings.cores or cores()
    if isinstance(number, bool) or not isinstance(number, int | str):
        raise TypeError(
            f"{owner}: the number of threads must be a whole number or 'auto', got {number!r}."
        )
    if isinstance(number, str) or number < 1:
        raise ValueError(
            f"{owner}: the number of threads must be 1 or more, or 'auto' for one on each core, "
            f"got {number!r}."
        )
    if number > cores():
        _warn(owner, number)
    return number


def _warn(owner: str, number: int) -> None:
    from warnings import warn

    warn(
        f"{owner}: {number} threads on {cores()} cores take turns, which is slower than 'auto'.",
        RuntimeWarning,
        stacklevel=4,
    )


def cores() -> int:
    """How many cores this process may use: those that exist, less those that are denied to it."""
    if "sched_getaffinity" in dir(os):  # Linux
        known = len(os.sched_getaffinity(0))
    else:
        known = os.cpu_count() or 1
    return max(1, min(known, _share_of_container() or known))


def _share_of_container(path: str = "/sys/fs/cgroup/cpu.max") -> int | None:
    """The cores that a container may keep busy, rounded up; None if it may use all."""
    try:
        with open(path, encoding="ascii") as file:
            quota, period = file.read().split()
        return -(-int(quota) // int(period))
    except (OSError, ValueError):  # no container, or no limit: "max 100000"
        return None


# ------------------------------------------------------------------------------------ sharing


def share(count: int, lanes: Callable[[int], Calls]) -> None:
    """Do ``count`` pieces of work, each once, on as many threads as are set and free.

    BLAS is on one thread meanwhile, also outside of a step: threads of its own would fight with
    these, and cut the sums of a piece elsewhere.

    Args:
        count: how many pieces.
        lanes: number of a thread -> the pieces, as that thread does them: in memory of its own.
            The caller is thread 0.

    Raises:
        whatever the first of the pieces that failed has raised, when none is at work any more.

    >>> done = [0] * 4
    >>> def put(i):
    ...     done[i] = i * i
    >>> share(4, lambda thread: [lambda i=i: put(i) for i in range(4)])
    >>> done
    [0, 1, 4, 9]
    """
    one_blas_thread.run(_share, count, lanes, min(get_threads(), count) - 1)


def _share(count: int, lanes: Callable[[int], Calls], helpers: int) -> None:
    if helpers < 1:
        _alone(lanes)
        return
    pool, job = _pool, _Job(count, lanes)
    try:
        shared = pool.share(job, helpers)
    except BaseException:
        pool.leave(job)  # once more: an interrupt may have come in the midst of it
        raise
    if not shared:
        _alone(lanes)


def _alone(lanes: Callable[[int], Calls]) -> None:
    for piece in lanes(0):
        piece()


class _Job:
    """Pieces, taken one by one: a thread on a slow core takes fewer."""

    def __init__(self, count: int, lanes: Callable[[int], Calls]) -> None:
        from contextvars import copy_context

        self.lanes = lanes
        self.waiting = list(range(count - 1, -1, -1))  # pop() is one step that nothing divides
        self.errors: list[tuple[int, BaseException]] = []
        self.context = copy_context()  # np.errstate of the caller

    def work(self, thread: int) -> None:
        """Take pieces until none is left; what one raises is kept for the caller."""
        pieces: Calls = ()
        while self.waiting:
            try:
                number = self.waiting.pop()
            except IndexError:  # another thread was faster
                return
            try:
                pieces = pieces or self.lanes(thread)
                pieces[number]()
            except BaseException as error:
                self.errors.append((number, error))
                if not isinstance(error, Exception):  # KeyboardInterrupt: stop soon
                    self.waiting.clear()


class _Helper:
    """A thread that sleeps until there is a job."""

    def __init__(self, pool: "_Pool", thread: int) -> None:
        self.pool, self.thread = pool, thread
        self.wake, self.at_work = threading.Lock(), threading.Lock()
        self.wake.acquire()
        threading.Thread(target=self._live, name=f"axon-{thread}", daemon=True).start()

    def _live(self) -> None:
        while True:
            self.wake.acquire()
            with self.at_work:
                job = self.pool.job
                if job is not None:
                    job.context.copy().run(job.work, self.thread)
                job = None  # a sleeping thread keeps nothing alive

    def call(self) -> None:
        """Wake it, unless it is about to wake anyway."""
        if self.wake.locked():
            self.wake.release()


class _Pool:
    """The helpers; one caller at a time has them, others do their work themselves."""

    def __init__(self) -> None:
        self.claim = Claim()
        self.helpers: list[_Helper] = []
        self.job: _Job | None = None

    def share(self, job: _Job, helpers: int) -> bool:
        """Do a job with some helpers, until none of them is at work on it; False if others do."""
        interrupted: BaseException | None = None
        try:
            if not self.claim.take(job):
                return False
            while len(self.helpers) < helpers:
                self.helpers.append(_Helper(self, len(self.helpers) + 1))
            self.job = job
            for helper in self.helpers[:helpers]:
                helper.call()
            job.work(0)
        finally:
            interrupted = self.leave(job)
        if job.errors or interrupted:
            raise interrupted or min(job.errors, key=_number)[1]
        return True

    def leave(self, job: _Job) -> BaseException | None:
        """Let others have the helpers, when none is at work on this job any more."""
        interrupted = None
        if self.claim.taken(job):
            job.waiting.clear()
            self.job = None  # who wakes from now on finds nothing to do
            interrupted = self._wait()
            self.claim.leave(job)
        return interrupted

    def _wait(self) -> BaseException | None:
        """Until no helper is at work; an interrupt has to wait, too, and is returned."""
        interrupt = None
        for helper in self.helpers:
            resting = False
            while not resting:
                try:
                    with helper.at_work:
                        resting = True
                except KeyboardInterrupt as error:
                    interrupt = error
        return interrupt


def _number(failed: tuple[int, BaseException]) -> int:
    return failed[0]


_pool = _Pool()


def _forget() -> None:
    """In a forked process: its helpers do not exist there."""
    global _pool
    _pool = _Pool()


if "register_at_fork" in dir(os):  # not on Windows
    os.register_at_fork(after_in_child=_forget)

__all__ = ["cores", "get_threads", "leave_cores", "one_blas_thread", "set_threads", "share"]
