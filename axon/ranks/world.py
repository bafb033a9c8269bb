"""World: all ranks of a job, and what they tell each other. Nobody waits for ever.

Every communication has a deadline, and looks meanwhile for news of ranks that have stopped. A rank
that fails tells the others; one that ends says so. Then all raise an error that names it.
"""

import atexit
import faulthandler
import math
import os
import pickle
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from axon.checks import is_integer
from axon.locks import Lock
from axon.modes import Mode
from axon.ranks.start import communicator, watched
from axon.threads import cores, leave_cores

if TYPE_CHECKING:
    from types import TracebackType

    from mpi4py.MPI import Intracomm, Request

VARIABLE = "AXON_RANKS_TIMEOUT"
TIMEOUT = 600.0  # seconds
SPIN = 2e-3  # seconds in which a rank that waits does nothing else
PAUSE = 1e-2  # seconds: the longest pause between two looks
LATE = 0.2  # seconds that what a rank sent before it ended may still be under way
GRACE = 5.0  # seconds that the others have for an end of their own, when one has failed
APART = 1.0  # seconds after which a message of something else means that ranks are out of step
TAGS = 15_000  # MPI allows 32,767; there are two kinds of each
HEAD = 100  # bytes before those of values: how many there are, and what they are

Requests = list[tuple[int, "Request"]]  # with whom
T = TypeVar("T")


class RankError(RuntimeError):
    """Another rank stopped, or did not answer in time; the message names it.

    Attributes:
        interrupted: it was stopped by Ctrl-C.
        lost: it cannot be reached any more; the job will be ended.
    """

    __module__ = "axon.ranks"  # as whoever reads a traceback would import it

    def __init__(self, message: str, interrupted: bool = False, lost: bool = False) -> None:
        super().__init__(message)
        self.interrupted, self.lost = interrupted, lost


class _RankSettings:
    timeout: float | None = None  # None: nobody has asked yet


_settings = _RankSettings()


def set_timeout(seconds: float) -> None:
    """Let ranks wait so long for each other, in every communication; 600 seconds by default.

    Raises:
        ValueError: not a number above 0.

    >>> before = get_timeout()
    >>> set_timeout(60)
    >>> get_timeout()
    60.0
    >>> set_timeout(before)
    """
    _settings.timeout = _checked("set_timeout", seconds)


def get_timeout() -> float:
    """Seconds that a rank waits: as set, else the variable AXON_RANKS_TIMEOUT, else 600."""
    if _settings.timeout is None:
        _settings.timeout = _checked(VARIABLE, os.environ.get(VARIABLE) or TIMEOUT)
    return _settings.timeout


def _checked(owner: str, seconds: object) -> float:
    try:
        number = float(seconds)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = 0.0
    if not 0 < number < 1e6:
        raise ValueError(f"{owner}: expected seconds, such as 600, got {seconds!r}.")
    return number


# ------------------------------------------------------------------------------------ the ranks


class World:
    """All ranks. Each must call the same methods in the same order.

    Attributes:
        rank: which of them this process is.
        size: how many there are.
        hosts: on which host each is.
        tag: what messages of the present time carry: those of a fit that failed stay behind.
    """

    def __init__(self, comm: "Intracomm | None" = None) -> None:
        self.rank, self.size, self.hosts, self.tag = 0, 1, ["this host"], 1
        self._stopped: dict[int, tuple[int, str]] = {}  # who failed: with which tag, and why
        self._ended: dict[int, tuple[float, str]] = {}  # who is at its end: heard when, and why
        self._reason = ""  # why this rank ends, if something failed
        self._broken = ""  # why nobody can be reached any more
        self._inside: dict[str, list[int]] = {}  # the thread that is in ``together``
        self._process = os.getpid()
        self._kept: list[Request] = []  # of messages that nobody may ever take
        self._comm: Intracomm
        self._news: Intracomm | None = None  # where ranks tell that they stop
        if comm is not None:
            self._join(comm)

    def _join(self, comm: "Intracomm") -> None:
        """Find the others; messages get ways of their own, which a user's do not cross."""
        from mpi4py import MPI

        self.rank, self.size = comm.Get_rank(), comm.Get_size()
        self.hosts = ["host unknown"] * self.size
        self._comm, self._news = comm, None
        self._any, self._all_done = MPI.ANY_SOURCE, MPI.Request.Testall
        self._any_tag, self._status = MPI.ANY_TAG, MPI.Status
        self._error = MPI.Exception
        self._watch_ends()
        self.hosts = self.gather(MPI.Get_processor_name(), "the start")
        with watched(get_timeout()):
            self._comm, self._news = comm.Dup(), comm.Dup()
        self._share_cores()

    def _share_cores(self) -> None:
        """Ranks of one host share its cores, unless the launcher gave each its own."""
        allowed = sorted(os.sched_getaffinity(0)) if "sched_getaffinity" in dir(os) else None
        mine, found = self.hosts[self.rank], self.gather(allowed, "the start")
        near = [cpus for host, cpus in zip(self.hosts, found, strict=True) if host == mine]
        there = len({cpu for cpus in near for cpu in cpus or ()}) or cores()
        leave_cores(max(1, min(cores(), there // len(near))))

    def name(self, rank: int) -> str:
        """How a rank is called in messages."""
        return f"rank {rank} ({self.hosts[rank]})"

    @property
    def others(self) -> list[int]:
        """All ranks but this one, beginning with the next: not all call the same one first."""
        return [(self.rank + i) % self.size for i in range(1, self.size)]

    # -------------------------------------------------------------------- what they tell

    def gather(self, value: T, what: str = "values") -> list[T]:
        """Every rank's value, in order, on all; small ones, nested if you like, arrays too.

        Args:
            value: anything that pickle takes.
            what: is said if a rank does not answer.

        >>> World().gather({"loss": 0.5})
        [{'loss': 0.5}]
        """
        told = self._exchange(pickle.dumps(value), self.others, self.others, what)
        return [pickle.loads(told[r]) if r in told else value for r in range(self.size)]

    def share(self, value: T, what: str = "a value") -> T:
        """The first rank's value, on all.

        >>> World().share(0.5)
        0.5
        """
        if self.rank == 0:
            self._exchange(pickle.dumps(value), self.others, [], what)
            return value
        shared: T = pickle.loads(self._exchange(b"", [], [0], what)[0])
        return shared

    def barrier(self, what: str = "a barrier") -> None:
        """Wait until every rank is here."""
        self.gather(None, what)

    def _exchange(self, data: bytes, to: list[int], of: list[int], what: str) -> dict[int, Any]:
        """Send bytes to some ranks, and receive those of others: first how many, then they."""
        head = np.frombuffer(f"{len(data):<20}{what:<80.80}".encode()[:HEAD], np.uint8)
        heads = {r: np.empty_like(head) for r in of}
        self.wait(self.receive(heads) + self.send(dict.fromkeys(to, head)), what)
        for r, of_rank in heads.items():
            if (of_rank[20:] != head[20:]).any():
                raise self._out_of_step(r, what, bytes(of_rank[20:]).decode(errors="replace"))
        told = {r: np.empty(int(bytes(of_rank[:20])), np.uint8) for r, of_rank in heads.items()}
        sent = dict.fromkeys(to, np.frombuffer(data, np.uint8))
        self.wait(self.receive(told) + self.send(sent), what)
        return told

    def send(self, arrays: dict[int, Any], sums: bool = False) -> Requests:
        """Begin to send an array to each of these ranks; C-contiguous, and kept until then."""
        tag = self._tag(sums)
        return [(r, self._comm.Isend(_bytes(a), r, tag)) for r, a in arrays.items()]

    def receive(self, arrays: dict[int, Any], sums: bool = False) -> Requests:
        """Begin to receive, into these arrays, what each of these ranks sends."""
        tag = self._tag(sums)
        return [(r, self._comm.Irecv(_bytes(a), r, tag)) for r, a in arrays.items()]

    def _tag(self, sums: bool) -> int:
        """What a message carries: one of values is never taken for a part of a sum."""
        if self._process != os.getpid():
            raise RuntimeError(
                f"ranks: this process was forked from {self.name(self.rank)}, and MPI's ways to "
                "the others are its parent's. Let multiprocessing spawn its processes; or, to "
                "train in this one alone, leave shards out."
            )
        return 2 * self.tag + sums

    # -------------------------------------------------------------------- waiting

    def wait(self, asked: Requests, what: str, sums: bool = False) -> None:
        """Wait until messages have come and gone.

        Raises:
            RankError: a rank stopped, or ended, or did not answer in time.
            RuntimeError: a rank sent something else.
        """
        if not asked:
            return
        requests = [request for _, request in asked]
        start = time.perf_counter()
        try:
            if self._broken:
                raise self._lost(self._broken)
            while not self._all_done(requests):
                waited = time.perf_counter() - start
                if waited > SPIN:
                    self._look(asked, what, waited)
                    if waited > APART:
                        self._demand_in_step(asked, what, sums)
                    time.sleep(min(waited / 20, PAUSE))
        except BaseException as error:
            self._leave(asked)
            if isinstance(error, RankError) or not isinstance(error, self._error):
                raise
            raise self._lost(f"{what}: the connection failed. {error}") from error

    def _look(self, asked: Requests, what: str, waited: float) -> None:
        """Whether it makes sense to go on waiting."""
        self._hear()
        for rank, (tag, why) in self._stopped.items():
            if tag == self.tag and _waiting(asked):  # what it sent before that counts
                stopped = f"{self.name(rank)} stopped: {why}"
                raise RankError(stopped, interrupted=why.startswith(KeyboardInterrupt.__name__))
        if waited > get_timeout():
            names = ", ".join(self.name(r) for r in _waiting(asked))
            raise self._lost(
                f"{names} did not answer within {get_timeout():g} seconds, in: {what}. A process "
                "may hang, or a connection be cut. If it only needs longer, "
                f"axon.ranks.set_timeout(seconds) or {VARIABLE} gives it more time."
            )
        late = [r for r, (heard, _) in self._ended.items() if time.perf_counter() > heard + LATE]
        for rank in set(late) & set(_waiting(asked)) if late else ():
            why = self._ended[rank][1] or "it came to the end of its program."
            raise RankError(f"{self.name(rank)} has ended, and others wait, in: {what}. {why}")

    def _demand_in_step(self, asked: Requests, what: str, sums: bool) -> None:
        """No rank that is waited for may have sent what belongs to something else, or later."""
        for rank in _waiting(asked):
            if self._comm.iprobe(rank, 2 * self.tag + (not sums)):
                raise self._out_of_step(rank, what, "something else" if sums else "a sum")
            found = self._status()  # of its first message, which may be one of a fit that failed
            if self._comm.iprobe(rank, self._any_tag, found) and found.Get_tag() // 2 > self.tag:
                raise self._out_of_step(rank, what, "something later")

    def _out_of_step(self, rank: int, what: str, other: str) -> RuntimeError:
        return RuntimeError(
            f"ranks are out of step: {self.name(self.rank)} is in: {what}; {self.name(rank)} is "
            f"in: {other.strip()}. All ranks have to do the same in the same order: fit with the "
            "same arguments, as many batches from what yields them, axon.ranks.barrier() as often."
        )

    def _hear(self) -> None:
        """Take note of who has stopped or ended."""
        while self._news is not None and self._news.iprobe(self._any):
            rank, tag, why = self._news.recv(source=self._any)
            if tag:
                self._stopped[rank] = tag, why
            else:
                self._ended[rank] = time.perf_counter(), why

    def _lost(self, why: str) -> RankError:
        """The error after which nobody can be reached; the job will be ended."""
        self._broken = why
        return RankError(why, lost=True)

    def _leave(self, asked: Requests) -> None:
        """What was asked for is not wanted any more: nothing may arrive in that memory later."""
        for _, request in asked:
            with suppress(self._error):
                request.Cancel()
        self._kept += [request for _, request in asked]

    # -------------------------------------------------------------------- one of them fails

    @contextmanager
    def together(self, what: str) -> Iterator[None]:
        """What all ranks do together: if one fails, the others are told, and all of them fail.

        Inside, ``modes.leads`` says whether this process writes and prints: the first one does. In
        the end all wait for each other.

        Raises:
            RankError: another rank has failed, with its error's text.
            RuntimeError: another thread is in here, or ranks do not do the same.
        """
        if self.size == 1 or self._is_inside(what):
            yield
            return
        self._turn()
        try:
            with Mode("leads", self.rank == 0):
                yield
            self.barrier(f"the end of {what}")
        except BaseException as error:
            if self._broken or not isinstance(error, RankError):
                self._tell(self.tag, told(error))
            raise
        finally:
            self._turn()
            self._inside.clear()

    def _is_inside(self, what: str) -> bool:
        """Whether this thread does something together already; no other thread may."""
        me = [threading.get_ident()]
        first = self._inside.setdefault("thread", me)
        if first != me:
            raise RuntimeError(
                f"{what}: another thread of {self.name(self.rank)} is learning with the other "
                "ranks. They do one thing at a time: one thread after the other, in the same order."
            )
        return first is not me

    def _turn(self) -> None:
        self.tag = self.tag % TAGS + 1

    def _tell(self, tag: int, why: str) -> None:
        """Tell all others that this rank has stopped; nobody waits for their answers."""
        if self._news is None or self._process != os.getpid():
            return
        with suppress(self._error):
            for rank in self.others:
                self._kept.append(self._news.isend((self.rank, tag, why), rank, 1))

    def _watch_ends(self) -> None:
        """Say farewell when this process ends, whatever the reason."""
        before, process = sys.excepthook, os.getpid()

        def hook(
            of: type[BaseException], error: BaseException, trace: "TracebackType | None"
        ) -> None:
            self._reason = told(error)
            before(of, error, trace)

        sys.excepthook = hook
        atexit.register(lambda: self._end() if os.getpid() == process else None)

    def _end(self) -> None:
        """Tell the others; after a failure, end the job if they do not end by themselves."""
        from mpi4py import MPI

        if MPI.Is_finalized():
            return
        sys.stdout.flush()
        self._tell(0, self._reason)
        unheard = self._news is None  # it has failed before there was a way to say so
        if unheard or self._broken or not self._all_end(GRACE if self._reason else math.inf):
            self.abort()

    def _all_end(self, seconds: float) -> bool:
        """Wait until the others come to their ends, too, as MPI would do; whether they do."""
        until = time.perf_counter() + seconds
        while len(self._ended) < self.size - 1 and time.perf_counter() < until:
            self._hear()
            time.sleep(PAUSE / 10)
        return len(self._ended) == self.size - 1

    def abort(self) -> None:
        """End all ranks at once, and this one even if MPI cannot."""
        sys.stderr.flush()
        with open(os.devnull, "w") as nowhere:
            faulthandler.dump_traceback_later(GRACE, exit=True, file=nowhere)
            self._comm.Abort(1)

    # -------------------------------------------------------------------- shards

    def own(self, shards: int) -> range:
        """Which shards of a batch this rank computes: neighbours, and a branch of the tree.

        Raises:
            TypeError, ValueError: so many shards cannot be shared out among these ranks.

        >>> World().own(8)
        range(0, 8)
        """
        fitting = possible(shards)
        if self.size not in fitting:
            numbers = " or ".join(map(str, fitting))
            raise ValueError(
                f"{shards} shards cannot be shared out among {self.size} ranks. Start {numbers} "
                "ranks, or choose a power of two of shards, such as 8: each smaller one divides it."
            )
        each = shards // self.size
        return range(self.rank * each, (self.rank + 1) * each)


def possible(shards: int) -> list[int]:
    """How many ranks so many shards can be shared out among: each has a branch of the tree.

    >>> possible(8), possible(12)
    ([1, 2, 4, 8], [1, 3, 6, 12])
    """
    if not is_integer(shards) or shards < 1:
        wrong = ValueError if is_integer(shards) else TypeError
        raise wrong(f"shards: expected a whole number of at least 1, such as 8, got {shards!r}.")
    powers = [2**i for i in range(shards.bit_length()) if shards % 2**i == 0]
    return sorted({1, *(shards // power for power in powers)})


def told(error: BaseException) -> str:
    """An error in a line, for other ranks."""
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _bytes(array: Any) -> Any:
    return array.reshape(-1).view(np.uint8)


def _waiting(asked: Sequence[tuple[int, "Request"]]) -> list[int]:
    """The ranks that have not done their part."""
    return sorted({rank for rank, request in asked if not request.Test()})


# ------------------------------------------------------------------------------------ made once

_lock = Lock()
_made: list[World] = []


def world() -> World:
    """The ranks of this job; a world of one where no launcher of MPI started this process.

    Raises:
        ImportError, RuntimeError: this process was started as one of many, and cannot find them.
        RankError: they do not answer.
    """
    return _made[0] if _made else _lock.run(_make)


def _make() -> World:
    if not _made:
        _made.append(World(communicator(get_timeout())))
    return _made[0]
