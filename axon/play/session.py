"""Session: one tab of the browser, with a network of its own and a thread that trains it."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from queue import Empty, SimpleQueue
from secrets import token_hex
from time import monotonic, sleep

import numpy as np

from axon.backend import Array
from axon.play.choices import Chosen, Json
from axon.play.learner import Learner
from axon.play.lesson import Lesson, as_digit, make
from axon.play.pictures import ALIVE, message, opening, picture

RATE = 30  # pictures in a second
BUSY = 0.75  # the share of the time between two pictures in which is learned, at most
SIDE = 32  # pixels along each side of a drawing
MOST = 8  # sessions at a time
WAITING = 200  # commands that are not done yet
SPEEDS = ("instructions", "slow", "steps", "epochs", "fast")
EVERY = {"instructions": 5, "slow": 6}  # pictures between two steps, or instructions

Command = Callable[[], None]


class Session:
    """A network that learns in a thread, commands that it obeys, and pictures of it.

    Args:
        settings: what to begin with.
        table: the user's own points, if there are any.
        file: where they were read.

    Attributes:
        name: nobody else knows it.
        running: whether it learns by itself.
    """

    def __init__(self, settings: Chosen, table: Lesson | None = None, file: str = "") -> None:
        self.name, self.table, self.file = token_hex(8), table, file
        self.running, self.speed, self.closed = False, "epochs", False
        self.drawn: Array = np.zeros(64, np.float32)
        self.settings = settings
        self._commands: SimpleQueue[Command] = SimpleQueue()
        self._ready = threading.Condition()
        self._waiting: dict[str, bytes] = {}  # what was not taken yet, by type
        self._tick = 0
        self._at: int | None = None
        self.learner = Learner(settings, make(settings, table))
        self.thread = threading.Thread(target=self._live, name=f"play-{self.name}", daemon=True)
        self.thread.start()

    # -------------------------------------------------------------------- asked by others

    def order(self, given: Mapping[str, Json]) -> None:
        """Obey a command of the page, soon: it is looked at at once, and done by the thread.

        Raises:
            ValueError: there is no such command, or it cannot be done; the message says why.
        """
        name = given.get("do")
        if not isinstance(name, str) or name not in COMMANDS:
            known = ", ".join(COMMANDS)
            raise ValueError(f"do: expected one of {known}, got {str(name)[:60]!r}.")
        if self._commands.qsize() >= WAITING:
            raise ValueError(f"{WAITING} commands are waiting already. Send them more slowly.")
        self._commands.put(COMMANDS[name](self, given))

    def take(self, patience: float = 1.0) -> bytes:
        """What is new, as soon as there is something; a sign of life after so many seconds."""
        with self._ready:
            if not self._waiting and not self.closed:
                self._ready.wait(patience)
            found = b"".join(self._waiting.pop(t) for t in ORDER if t in self._waiting)
        return found or ALIVE

    def close(self, patience: float = 5.0) -> None:
        """End the thread, and wait for it."""
        self.closed = True
        self._commands.put(lambda: None)
        with self._ready:
            self._ready.notify_all()
        if self.thread is not threading.current_thread():
            self.thread.join(patience)

    # -------------------------------------------------------------------- the thread

    def _live(self) -> None:
        changed, due = True, monotonic()
        self._commands.put(self._introduce)
        while not self.closed:
            try:
                changed = self._obey(wait=not (self.running or changed)) or changed
                if self.running:
                    changed = self._advance(due + BUSY / RATE) or changed
                if changed:
                    self._tell("picture", picture(self.learner, self.drawn, self._at))
                changed = False
            except Exception as error:
                self._trouble(f"{type(error).__name__}: {error}")
                changed = False
            due = self._pause(due)

    def _pause(self, due: float) -> float:
        """Wait until the next picture is due; if it is late, the one after it is not early."""
        now = monotonic()
        due = max(due + 1 / RATE, now)
        if due > now:
            sleep(due - now)
        return due

    def _obey(self, wait: bool) -> bool:
        """Do what was ordered; whether there was anything."""
        done = False
        while True:
            try:
                command = self._commands.get(timeout=1.0 if wait and not done else 0.0)
            except (Empty, ValueError):
                return done
            command()
            done = True

    def _advance(self, until: float) -> bool:
        """Learn as fast as was chosen; whether there is anything to be seen."""
        self._tick += 1
        if self._tick % EVERY.get(self.speed, 1):
            return False
        if self.speed == "instructions":
            self._at = self.learner.instruction()
            return True
        self._at = None
        if self.speed in ("slow", "steps"):
            self.learner.steps(1)
            return self._demand_finite()
        most = max(1, len(self.learner.lesson.x_train) // self.learner.size)
        count = 0
        while monotonic() < until and (self.speed == "fast" or count < most):
            self.learner.steps(1)
            count += 1
        return self._demand_finite()

    def _demand_finite(self) -> bool:
        """Stop where the weights are no numbers any longer."""
        if not all(np.isfinite(p.data).all() for p in self.learner.model.parameters()):
            self._trouble(
                "The weights are no longer finite: the steps were too large. Choose a smaller "
                "learning rate, and press Reset."
            )
        return True

    def _trouble(self, words: str) -> None:
        self.running = False
        self._tell("trouble", message({"type": "trouble", "message": words}, {}))

    def _tell(self, message_type: str, packed: bytes) -> None:
        with self._ready:
            self._waiting[message_type] = packed
            self._ready.notify_all()

    def _anew(self, settings: Chosen) -> None:
        """Begin again, with these settings."""
        self.learner = Learner(settings, make(settings, self.table))
        self.settings, self._at = settings, None
        with self._ready:
            self._waiting.clear()  # of the network that was
        self._introduce()

    def _introduce(self) -> None:
        self._tell("lesson", opening(self.learner, self.name, self.file))

    def _change(self, settings: Chosen) -> None:
        if replace(settings, learning_rate=self.settings.learning_rate) == self.settings:
            self.settings = settings
            self.learner.set_learning_rate(settings.learning_rate)
        else:
            self._anew(settings)


ORDER = ("lesson", "picture", "trouble")


# ------------------------------------------------------------------------------------ commands


def _start(session: Session, given: Mapping[str, Json]) -> Command:
    speed = given.get("speed", session.speed)
    if speed not in SPEEDS:
        raise ValueError(f"speed: expected one of {', '.join(SPEEDS)}, got {str(speed)[:60]!r}.")

    def do() -> None:
        session.speed, session.running = str(speed), True

    return do


def _pause(session: Session, given: Mapping[str, Json]) -> Command:
    def do() -> None:
        session.running = False

    return do


def _step(session: Session, given: Mapping[str, Json]) -> Command:
    def do() -> None:
        session.running, session._at = False, None
        session.learner.steps(1 if session.learner.at is None else 0)
        session._demand_finite()

    return do


def _instruction(session: Session, given: Mapping[str, Json]) -> Command:
    def do() -> None:
        session.running = False
        session._at = session.learner.instruction()

    return do


def _reset(session: Session, given: Mapping[str, Json]) -> Command:
    return lambda: session._anew(session.settings)


def _settings(session: Session, given: Mapping[str, Json]) -> Command:
    settings = Chosen.of(given.get("settings"), session.table is not None)
    return lambda: session._change(settings)


def _weight(session: Session, given: Mapping[str, Json]) -> Command:
    layer, row, column = (given.get(name) for name in ("layer", "row", "column"))
    value = given.get("value")
    if not all(type(n) is int for n in (layer, row, column)) or type(value) not in (int, float):
        raise ValueError(
            "weight: expected whole numbers for layer, row and column, and a number for value."
        )
    place = int(str(layer)), int(str(row)), int(str(column))
    number = float(str(value))
    session.learner.demand_weight(*place, number)
    return lambda: session.learner.set_weight(*place, number)


def _draw(session: Session, given: Mapping[str, Json]) -> Command:
    pixels = given.get("pixels")
    if not isinstance(pixels, str) or len(pixels) != SIDE * SIDE or set(pixels) - {"0", "1"}:
        raise ValueError(f"pixels: expected {SIDE * SIDE} characters, each of them 0 or 1.")
    drawn = as_digit(np.array(list(pixels)).reshape(SIDE, SIDE) == "1")

    def do() -> None:
        session.drawn = drawn

    return do


COMMANDS: Mapping[str, Callable[[Session, Mapping[str, Json]], Command]] = {
    "start": _start,
    "pause": _pause,
    "step": _step,
    "instruction": _instruction,
    "reset": _reset,
    "settings": _settings,
    "weight": _weight,
    "draw": _draw,
}


# ------------------------------------------------------------------------------------ all of them


class TooMany(Exception):
    """There are as many sessions as may be."""


class Sessions:
    """The sessions that are open, by name.

    Args:
        table: the user's own points, if there are any.
        file: where they were read.
        most: how many there may be.
    """

    def __init__(self, table: Lesson | None = None, file: str = "", most: int = MOST) -> None:
        self.table, self.file, self.most = table, file, most
        self._lock = threading.Lock()
        self._open: dict[str, Session] = {}
        self._coming = 0

    def __len__(self) -> int:
        return len(self._open)

    def open(self, settings: Chosen) -> Session:
        """Open one more.

        Raises:
            TooMany: there are too many.
        """
        with self._lock:
            if len(self._open) + self._coming >= self.most:
                raise TooMany(
                    f"{self.most} tabs are open already, and each trains a network. Close one."
                )
            self._coming += 1
        try:
            session = Session(settings, self.table, self.file)
            self._open[session.name] = session
            return session
        finally:
            with self._lock:
                self._coming -= 1

    def named(self, name: Json) -> Session | None:
        """The session of this name, if it is open."""
        return self._open.get(name) if isinstance(name, str) else None

    def close(self, session: Session) -> None:
        """End one."""
        self._open.pop(session.name, None)
        session.close()

    def close_all(self) -> None:
        """End all of them."""
        for session in list(self._open.values()):
            self.close(session)
