"""Locks. What one thread at a time may have, whoever interrupts it, forks, or fails.

A Ctrl-C arrives between any two operations of Python, also between taking a lock and the ``try``
that would give it back; and a fork copies locks that threads hold which do not go on in the child.
"""

import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any, Protocol, TypeVar
from weakref import WeakSet

T = TypeVar("T")
PATIENCE = 5.0  # seconds that a fork waits for others to finish what they are changing

_all: "WeakSet[Lock]" = WeakSet()
_regions: "WeakSet[Region]" = WeakSet()
_others: list[Callable[[], Iterable[Any]]] = []  # give locks that a fork takes, too
_taken: dict[int, list[Any]] = {}  # thread -> the locks that its fork has taken


class _RLock(Protocol):
    """What threading.RLock makes, as far as it is needed: it says whether this thread has it."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool: ...

    def release(self) -> None: ...

    def _is_owned(self) -> bool: ...

    def __enter__(self) -> bool: ...

    def __exit__(self, *error: object) -> None: ...


class Lock:
    """What one thread at a time holds; it may take it again inside.

    A copy or a pickle is a lock of its own, and so is the one that a forked process goes on with.

    >>> lock = Lock()
    >>> lock.run(lock.run, max, 1, 2)
    2
    """

    def __init__(self) -> None:
        self.changing = False  # something is half changed: a fork waits for the other half
        self.renew()
        _all.add(self)

    def renew(self) -> None:
        """Nobody holds it."""
        self.rlock: _RLock = threading.RLock()  # type: ignore[assignment]

    def run(self, function: Callable[..., T], *given: object) -> T:
        """Call a function while this thread holds it."""
        return hold((self,), function, *given)

    def release_all(self) -> None:
        """Release it, however often this thread has taken it; nothing if it has not."""
        _release([self.rlock])

    def __reduce__(self) -> tuple[type["Lock"], tuple[()]]:
        return Lock, ()


def locks_of(parts: Iterable[object]) -> tuple[Lock, ...]:
    """The locks that whoever uses all these objects needs, always in the same order.

    Objects that are met here for the first time share one.

    >>> from types import SimpleNamespace as Thing
    >>> a, b, c = Thing(), Thing(), Thing()
    >>> len(locks_of([a, b])), len(locks_of([b, c])), locks_of([a]) == locks_of([b])
    (1, 2, True)
    """
    own = Lock()
    found = {id(t): t for t in (vars(part).setdefault("_lock", own) for part in parts)}
    return tuple(found[i] for i in sorted(found))


def hold(locks: tuple[Lock, ...], function: Callable[..., T], *given: object) -> T:
    """Call a function while this thread holds all of these locks."""
    missing = []
    for lock in locks:  # plain loops: each call would be a frame more in every step
        if not lock.rlock._is_owned():
            missing.append(lock.rlock)
    try:
        for rlock in missing:
            rlock.acquire()
        found = function(*given)
        for rlock in missing:
            rlock.release()
        return found
    except BaseException:
        _release(missing)
        raise
    finally:  # once more: an interrupt may have come in the midst of it
        for rlock in missing:
            while rlock._is_owned():
                rlock.release()


def _release(rlocks: Iterable["_RLock"]) -> None:
    for rlock in rlocks:
        while rlock._is_owned():
            rlock.release()


def change(locks: tuple[Lock, ...], function: Callable[..., T], *given: object) -> T:
    """As ``hold``, for what changes things: a fork waits until that is done."""
    return hold(locks, _change, locks[0], function, *given)


def _change(lock: Lock, function: Callable[..., T], *given: object) -> T:
    before, lock.changing = lock.changing, True
    try:
        return function(*given)
    finally:
        lock.changing = before


class Claim:
    """What one thread at a time has, while others do without: nobody waits for it.

    >>> claim, me, you = Claim(), object(), object()
    >>> claim.take(me), claim.take(you), claim.leave(me), claim.take(you)
    (True, False, None, True)
    """

    def __init__(self) -> None:
        self._by: dict[str, object] = {}

    def take(self, who: object) -> bool:
        """Whether it is had now; ``who`` is an object of the caller's own, made before."""
        return self._by.setdefault("who", who) is who  # one step, which nothing divides

    def taken(self, who: object) -> bool:
        """Whether this one has it."""
        return self._by.get("who") is who

    def leave(self, who: object) -> None:
        """Give it back; nothing if somebody else has it."""
        if self.taken(who):
            del self._by["who"]


class Region(ABC):
    """What holds while somebody is inside, in any thread; and no longer, whatever interrupts them.

    ``run`` is for whoever cannot be sure to stay uninterrupted; a ``with`` block for the rest.
    """

    def __init__(self) -> None:
        self.lock = Lock()
        self._inside: dict[int, int] = {}  # threads -> ``with`` blocks that are open there
        _regions.add(self)

    @abstractmethod
    def begin(self) -> None:
        """Somebody comes in; others may be there. Can be broken off, and done once more."""

    @abstractmethod
    def end(self) -> None:
        """The last one leaves. Can be broken off, and done once more."""

    @property
    def entered(self) -> bool:
        """Whether this thread is inside."""
        return threading.get_ident() in self._inside

    def run(self, function: Callable[..., T], *given: object) -> T:
        """Call a function inside, and be outside afterwards, whatever interrupts it, and where."""
        me = threading.get_ident()
        if me in self._inside:
            return function(*given)
        try:
            try:
                self._enter(me)
                return function(*given)
            finally:
                self._leave(me)
        except BaseException:
            self._interrupted(me)
            raise

    def __enter__(self) -> None:
        me = threading.get_ident()
        depth = self._inside.get(me, 0)
        try:
            self._enter(me)
            self._inside[me] = depth + 1
        except BaseException:
            if not depth:
                self._interrupted(me)
            raise

    def __exit__(self, *_: object) -> None:
        me = threading.get_ident()
        depth = self._inside.get(me, 1) - 1
        if depth:
            self._inside[me] = depth
        else:
            self._leave(me)

    def _enter(self, me: int) -> None:
        with self.lock.rlock:
            self._inside.setdefault(me, 0)
            self.begin()

    def _leave(self, me: int) -> None:
        with self.lock.rlock:
            if me in self._inside and len(self._inside) == 1:
                self.end()
            self._inside.pop(me, None)

    def _interrupted(self, me: int) -> None:
        """Leave once more: an interrupt may have come in the midst of it."""
        self._leave(me)
        self.lock.release_all()

    def alone(self) -> None:
        """In a forked process: only the thread that forked is still inside, if it was."""
        me = threading.get_ident()
        inside, depth = me in self._inside, self._inside.get(me, 0)
        self._inside = {me: depth}
        if not inside:
            self._leave(me)


# ------------------------------------------------------------------------------------ forks


def fork_with(locks: Callable[[], Iterable[Any]]) -> None:
    """Let a fork take these locks first, so that what they guard is whole in the child.

    Args:
        locks: gives them when a fork comes.
    """
    _others.append(locks)


def _locks() -> list[Any]:
    return [lock for locks in _others for lock in locks()]


def _before() -> None:
    until = monotonic() + PATIENCE
    mine = _taken[threading.get_ident()] = []
    regions = [region.lock for region in list(_regions)]  # inside, BLAS takes a lock of its own
    locks = [lock for lock in list(_all) if lock.changing]
    for lock in [*(lock.rlock for lock in (*locks, *regions)), *_locks()]:
        if lock.acquire(timeout=max(until - monotonic(), 0.0)):
            mine.append(lock)


def _after() -> list[Any]:
    mine = _taken.pop(threading.get_ident(), [])
    for lock in mine:
        lock.release()
    return mine


def _after_in_child() -> None:
    """Whoever held a lock that the fork did not get does not exist here."""
    mine = set(map(id, _after()))
    _taken.clear()
    for lock in _locks():
        if id(lock) not in mine:
            lock._at_fork_reinit()
    for held in list(_all):
        held.changing = False
        held.renew()
    for region in list(_regions):
        region.alone()


if "register_at_fork" in dir(os):  # not on Windows
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after_in_child)
