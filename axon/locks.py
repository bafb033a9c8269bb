"""Floor 0: turns. What one thread at a time may have, whoever interrupts it, forks, or fails.

A Ctrl-C arrives between any two operations of Python, also between taking a lock and the ``try``
that would give it back; and a fork copies locks that threads hold which do not go on in the child.
"""

import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any
from weakref import WeakSet

PATIENCE = 5.0  # seconds that a fork waits for others to finish what they are changing

_all: "WeakSet[Turn]" = WeakSet()
_insides: "WeakSet[Inside]" = WeakSet()
_others: list[Callable[[], Iterable[Any]]] = []  # give locks that a fork takes, too
_taken: dict[int, list[Any]] = {}  # thread -> the locks that its fork has taken


class Turn:
    """Threads take turns; one that has its turn may take it again inside.

    A copy or a pickle is a turn of its own, and so is the one that a forked process goes on with.

    >>> turn = Turn()
    >>> turn.run(turn.run, max, 1, 2)
    2
    """

    def __init__(self) -> None:
        self.changing = False  # something is half changed: a fork waits for the other half
        self.fresh()
        _all.add(self)

    def fresh(self) -> None:
        """Nobody has it."""
        self.lock: Any = threading.RLock()

    def run(self, function: Callable[..., Any], *given: Any) -> Any:
        """Call a function when it is this thread's turn."""
        mine = self.lock._is_owned()
        try:
            with self.lock:
                return function(*given)
        except BaseException:
            if not mine:
                self.give_back()
            raise

    def give_back(self) -> None:
        """End the turn, however often this thread has taken it; nothing if it has not."""
        while self.lock._is_owned():
            self.lock.release()

    def __reduce__(self) -> Any:
        return Turn, ()


def turns_of(parts: Iterable[Any]) -> tuple[Turn, ...]:
    """The turns that whoever uses all these objects needs, always in the same order.

    Objects that are met here for the first time share one.

    >>> from types import SimpleNamespace as Thing
    >>> a, b, c = Thing(), Thing(), Thing()
    >>> len(turns_of([a, b])), len(turns_of([b, c])), turns_of([a]) == turns_of([b])
    (1, 2, True)
    """
    own = Turn()
    found = {id(t): t for t in (vars(part).setdefault("_turn", own) for part in parts)}
    return tuple(found[i] for i in sorted(found))


def hold(turns: tuple[Turn, ...], function: Callable[..., Any], *given: Any) -> Any:
    """Call a function when it is this thread's turn everywhere."""
    if len(turns) == 1:
        return turns[0].run(function, *given)
    return turns[0].run(hold, turns[1:], function, *given)


def change(turns: tuple[Turn, ...], function: Callable[..., Any], *given: Any) -> Any:
    """As ``hold``, for what changes things: a fork waits until that is done."""
    return hold(turns, _change, turns[0], function, *given)


def _change(turn: Turn, function: Callable[..., Any], *given: Any) -> Any:
    before, turn.changing = turn.changing, True
    try:
        return function(*given)
    finally:
        turn.changing = before


class Seat:
    """What one thread at a time has, while others do without: nobody waits for it.

    >>> seat, me, you = Seat(), object(), object()
    >>> seat.take(me), seat.take(you), seat.leave(me), seat.take(you)
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


class Inside(ABC):
    """What holds while somebody is inside, in any thread; and no longer, whatever interrupts them.

    ``run`` is for whoever cannot be sure to stay uninterrupted; a ``with`` block for the rest.
    """

    def __init__(self) -> None:
        self.turn = Turn()
        self._inside: dict[int, int] = {}  # threads -> ``with`` blocks that are open there
        _insides.add(self)

    @abstractmethod
    def begin(self) -> None:
        """Somebody comes in; others may be there. Can be broken off, and done once more."""

    @abstractmethod
    def end(self) -> None:
        """The last one leaves. Can be broken off, and done once more."""

    def run(self, function: Callable[..., Any], *given: Any) -> Any:
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
        with self.turn.lock:
            self._inside.setdefault(me, 0)
            self.begin()

    def _leave(self, me: int) -> None:
        with self.turn.lock:
            if me in self._inside and len(self._inside) == 1:
                self.end()
            self._inside.pop(me, None)

    def _interrupted(self, me: int) -> None:
        """Leave once more: an interrupt may have come in the midst of it."""
        self._leave(me)
        self.turn.give_back()

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
    doors = [inside.turn for inside in list(_insides)]  # behind them BLAS takes a lock of its own
    turns = [turn for turn in list(_all) if turn.changing]
    for lock in [*(turn.lock for turn in (*turns, *doors)), *_locks()]:
        if lock.acquire(timeout=max(until - monotonic(), 0.0)):
            mine.append(lock)


def _after() -> list[Any]:
    mine = _taken.pop(threading.get_ident(), [])
    for lock in mine:
        lock.release()
    return mine


def _after_in_child() -> None:
    """Whoever had a turn, or a lock that the fork did not get, does not exist here."""
    mine = set(map(id, _after()))
    _taken.clear()
    for lock in _locks():
        if id(lock) not in mine:
            lock._at_fork_reinit()
    for turn in list(_all):
        turn.changing = False
        turn.fresh()
    for inside in list(_insides):
        inside.alone()


if "register_at_fork" in dir(os):  # not on Windows
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after_in_child)
