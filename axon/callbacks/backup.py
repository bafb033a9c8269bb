"""BackupAndRestore: a run that was broken off, however, goes on from its backup."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Protocol, TypeVar

import numpy as np

from axon.callbacks.base import Callback, State
from axon.callbacks.dispatcher import Callbacks
from axon.callbacks.output import say
from axon.checks import integer
from axon.files.atomic import DamagedFile, check_writable
from axon.modes import modes
from axon.program.lowerings import in_full
from axon.version import __version__

T = TypeVar("T")
FORMAT = 1
FILE, LOCK = "run.backup", "run.lock"
UNITS = {"s": 1, "min": 60, "h": 3600}
PARTS: dict[str, type] = {
    **dict.fromkeys(("epoch", "batch"), int),
    **dict.fromkeys(("begun", "stop_training", "warned"), bool),
    **dict.fromkeys(("trainable", "learns", "metrics"), list),
    **dict.fromkeys(("weights", "optimizer", "callbacks", "source", "validation", "random"), dict),
}
SHOWN = 5  # differences, before the rest is only counted
NO_LIMIT = 2**62


class Run(Protocol):
    """What is kept: a call of ``fit``, which says where it stands, and goes on from there."""

    epoch: int
    batch: int
    epochs: range
    callbacks: Callbacks

    @property
    def identity(self) -> dict[str, str]:
        """What must be the same for a state to fit."""

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do."""

    def state(self, begun: bool = True) -> State:
        """All that the rest of the run depends on."""

    def restore(self, state: State) -> None:
        """Go on from there."""

    def shared(self, value: T) -> T:
        """What the process that leads has, of those that learn together."""


class NoBackup:
    """What stands in the place of a BackupAndRestore if nobody keeps backups: it does nothing."""

    keeps = False
    batches_left = NO_LIMIT

    def guarding(self, run: Run) -> AbstractContextManager[None]:
        """Nobody else is kept out."""
        del run
        return nullcontext()

    def demand_storable(self, run: Run) -> None:
        """Nothing is stored."""

    def after_batches(self, run: Run, count: int) -> None:
        """Nothing is saved."""

    def after_epoch(self, run: Run) -> None:
        """Nothing is saved."""


class BackupAndRestore(Callback):
    """Keep a backup of the run, and go on from it if there is one when training begins.

    The backup holds weights, optimizer, the state of every callback, the place within the epoch,
    the order of its samples, what its metrics have seen, and all random numbers to come. So a run
    that was killed, and is started again by the same program, ends with the same bits. Each backup
    replaces the one before it in one step: a kill at any moment leaves one or the other whole.

    Args:
        backup_dir: a folder for this run alone; it is created. One process at a time may use it.
        save_freq: when to save: "epoch", after each; a number of batches; or a time, such as "30s",
            "10min" or "1h". Whatever is chosen, the bits are the same.
        delete_checkpoint: remove the backup when training has come to its end. False keeps it:
            whoever calls ``fit`` again gets what it led to, or goes on with more epochs.
        verbose: 1 prints where a run goes on.

    Raises:
        OSError: the folder cannot be written, before training begins; or another process is
            training in it.
        TypeError: the state of a callback cannot be stored, before training begins.
        ValueError: the backup is that of another run; what differs is listed.
        axon.files.DamagedFile: the backup cannot be read.

    What ``fit(resume=folder)`` does is ``BackupAndRestore(folder, delete_checkpoint=False)``.

    >>> BackupAndRestore("run", save_freq="10min").save_freq
    '10min'
    """

    keeps = True

    def __init__(
        self,
        backup_dir: "str | os.PathLike[str]",
        save_freq: int | str = "epoch",
        *,
        delete_checkpoint: bool = True,
        verbose: int = 0,
    ) -> None:
        self.backup_dir = os.fspath(backup_dir)
        self.save_freq, self.delete_checkpoint = save_freq, bool(delete_checkpoint)
        self.verbose = verbose
        self._batches, self._seconds = _frequency(save_freq)
        self._since, self._saved = 0, 0.0  # batches since the latest backup; when it was made

    @property
    def path(self) -> str:
        """The file that holds the backup."""
        return os.path.join(self.backup_dir, FILE)

    # -------------------------------------------------------------------- what a run asks for

    @contextmanager
    def guarding(self, run: Run) -> Iterator[None]:
        """Begin or go on, and keep others out of the folder until the run ends."""
        if not modes.leads:
            self._begin(run)
            yield
            return
        self._make_folder()
        with _alone(os.path.join(self.backup_dir, LOCK)):
            self._begin(run)
            yield
            if self.delete_checkpoint:
                self._delete()

    @property
    def batches_left(self) -> int:
        """How many batches there may be before the next backup."""
        return self._batches - self._since

    def after_batches(self, run: Run, count: int) -> None:
        """Save, if it is time to."""
        self._since += count
        if self._since >= self._batches or (self._seconds < np.inf and run.shared(self._late())):
            self.save(run)

    def _late(self) -> bool:
        return time.monotonic() - self._saved >= self._seconds

    def after_epoch(self, run: Run) -> None:
        """Save, if it is epochs that count, or where training ends."""
        ends = run.finished and not self.delete_checkpoint
        if self.save_freq == "epoch" or ends:
            self.save(run)

    def save(self, run: Run, begun: bool = True) -> None:
        """Write where a run stands.

        Raises:
            OSError: it cannot be written; the backup that was there is kept.
        """
        from axon.files import archive

        state = run.state(begun)  # where several processes learn together, all of them give theirs
        if modes.leads:
            whose = {"format": FORMAT, "made_by": run.identity, "made_with": _with()}
            archive.write(self.path, {**whose, "run": state})
        self._since, self._saved = 0, time.monotonic()

    # -------------------------------------------------------------------- how a run begins

    def demand_storable(self, run: Run, begun: bool = True) -> None:
        """Find out before time is spent on training whether all callbacks can be stored.

        Raises:
            TypeError: the state of one is not made of numbers, texts and arrays.
            AttributeError: one has no such attribute, although training has begun.
        """
        from axon.files.archive import flattened

        for name, callback in run.callbacks.named().items():
            try:
                flattened(callback.state_dict())
            except AttributeError:  # its on_train_begin has still to make it
                if begun:
                    raise
            except TypeError as error:
                raise TypeError(
                    f"BackupAndRestore: the state of the callback {name} cannot be stored: {error} "
                    "state_dict may return numbers, texts, None, arrays, and lists and dicts of "
                    "them."
                ) from None

    def _make_folder(self) -> None:
        try:
            os.makedirs(self.backup_dir, exist_ok=True)
        except OSError as error:
            raise type(error)(
                f"BackupAndRestore: cannot create the folder {self.backup_dir}: {error.strerror}."
            ) from None
        check_writable(self.path)

    def _begin(self, run: Run) -> None:
        self.demand_storable(run, begun=False)
        found = _read(self.path) if modes.leads and os.path.exists(self.path) else None
        backup = run.shared(found)
        if backup is None:
            self.save(run, begun=False)  # so that the first minutes are safe, and the disk large
            return
        _demand_same(self.path, backup["made_by"], run.identity)
        _demand_epochs(self.path, backup["run"], run)
        _warn_of(backup["made_with"])
        try:
            run.restore(backup["run"])
        except LookupError as error:
            raise DamagedFile(f"{self.path}: {error} is missing. {_anew(self.path)}") from error
        self._since, self._saved = 0, time.monotonic()
        if self.verbose:
            say(f"Resuming from {self.path}: {_place(run.epoch, run.batch)}.")

    def _delete(self) -> None:
        for name in (FILE, LOCK):
            with suppress(FileNotFoundError):
                os.unlink(os.path.join(self.backup_dir, name))
        with suppress(OSError):  # somebody keeps other files there
            os.rmdir(self.backup_dir)


def backup_of(callbacks: Callbacks) -> BackupAndRestore | NoBackup:
    """Which of them keeps backups: when all were told, wherever it stands among them."""
    return next((c for c in callbacks.callbacks if isinstance(c, BackupAndRestore)), NoBackup())


def with_backup(callbacks: Sequence[Callback], resume: object, verbose: object) -> list[Callback]:
    """Callbacks, and one more if ``fit(resume=folder)`` asks for it.

    Raises:
        TypeError: it is not a path.
        ValueError: several of them keep backups.

    >>> with_backup([], "run", 0)[0].backup_dir
    'run'
    """
    if resume is not None and not isinstance(resume, str | os.PathLike):
        raise TypeError(f"fit: resume must be the path of a folder, got {resume!r}.")
    kept = {"delete_checkpoint": False, "verbose": bool(verbose)}
    asked = [] if resume is None else [BackupAndRestore(resume, "epoch", **kept)]
    everyone = [*callbacks, *asked]
    folders = [repr(c.backup_dir) for c in everyone if isinstance(c, BackupAndRestore)]
    if len(folders) > 1:
        raise ValueError(
            f"fit: a run has one folder for backups, got {', '.join(folders)}. resume=folder "
            "stands for a BackupAndRestore: pass one of the two."
        )
    return everyone


def backup_position(backup_dir: "str | os.PathLike[str]") -> tuple[int, int] | None:
    """Where the run in a folder stands: epochs done, and batches of the next; None without one.

    Raises:
        axon.files.DamagedFile: the backup cannot be read.

    >>> backup_position("no/such/folder") is None
    True
    """
    path = os.path.join(backup_dir, FILE)
    if not os.path.exists(path):
        return None
    run = _read(path)["run"]
    return run["epoch"], run["batch"]


# ------------------------------------------------------------------------------------ parts


def _frequency(save_freq: object) -> tuple[int, float]:
    """Batches and seconds between two backups.

    >>> _frequency(100), _frequency("2min"), _frequency("0.5h")[1]
    ((100, inf), (4611686018427387904, 120.0), 1800.0)
    """
    if save_freq == "epoch":
        return NO_LIMIT, np.inf
    if not isinstance(save_freq, str):
        name = 'save_freq, if not "epoch" or a time,'
        return integer("BackupAndRestore", name, save_freq), np.inf
    digits = save_freq.rstrip("abcdefghijklmnopqrstuvwxyz ")
    unit = save_freq[len(digits) :].strip()
    try:
        seconds = float(digits) * UNITS[unit]
        if not 0 < seconds < np.inf:
            raise ValueError
    except (ValueError, KeyError):
        raise ValueError(
            'BackupAndRestore: save_freq must be "epoch", a number of batches or a time such as '
            f'"30s", "10min" or "1h", got {save_freq!r}.'
        ) from None
    return NO_LIMIT, seconds


@contextmanager
def _alone(path: str) -> Iterator[None]:
    """Hold a lock that the system opens again when the process ends, however it ends."""
    with open(path, "ab") as file:
        try:
            import fcntl

            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:  # Windows has no such locks
            pass
        except (BlockingIOError, PermissionError):
            raise BlockingIOError(
                f"BackupAndRestore: another process is training in {os.path.dirname(path)}. Wait "
                "for it, end it, or choose another folder."
            ) from None
        except OSError:  # nor have some network disks
            pass
        yield


def _with() -> dict[str, str]:
    """What else decides about the last bits."""
    from platform import machine

    versions = {"axon": __version__, "numpy": np.__version__}
    return {**versions, "kernels": in_full(), "machine": machine()}


def _warn_of(then: Mapping[str, str]) -> None:
    now = _with()
    others = [f"{k} {then.get(k)} then, {now[k]} now" for k in now if then.get(k) != now[k]]
    if others:
        from warnings import warn

        warn(
            f"BackupAndRestore: the run goes on, but not with the same bits: {', '.join(others)}.",
            RuntimeWarning,
            stacklevel=2,
        )


def _read(path: str) -> State:
    """The backup, if it is one.

    Raises:
        DamagedFile: it is not.
    """
    from axon.files import archive

    try:
        backup = archive.read(path)
    except DamagedFile as error:
        raise DamagedFile(f"{error} {_anew(path)}") from None
    if not isinstance(backup, dict) or not {"format", "run"} <= set(backup):
        raise DamagedFile(f"{path} is not the backup of a run. {_anew(path)}")
    if backup["format"] != FORMAT:
        raise DamagedFile(
            f"{path} has format {backup['format']!r:.99}, but this is AXON {__version__}, which "
            f"reads format {FORMAT}. Go on with the version that wrote it. {_anew(path)}"
        )
    _demand_parts(path, backup, dict.fromkeys(("made_by", "made_with", "run"), dict))
    _demand_parts(path, backup["run"], PARTS)
    return backup


def _demand_parts(path: str, tree: State, parts: Mapping[str, type]) -> None:
    for name, expected in parts.items():
        if not isinstance(tree.get(name), expected):
            raise DamagedFile(
                f"{path} is not the backup of a run: {name!r} is {tree.get(name)!r:.99}. "
                f"{_anew(path)}"
            )


def _anew(path: str) -> str:
    return f"To begin anew, delete {path}."


def _demand_same(path: str, then: Mapping[str, str], now: Mapping[str, str]) -> None:
    names = dict.fromkeys((*now, *then))
    differ = [name for name in names if then.get(name) != now.get(name)]
    if not differ:
        return
    lines = [f"  {n}: {then.get(n, 'none')} then, {now.get(n, 'none')} now" for n in differ]
    more = f"\n  and {len(differ) - SHOWN} more" if len(differ) > SHOWN else ""
    raise ValueError(
        f"{path} is the backup of another run, so it cannot be resumed:\n"
        + "\n".join(lines[:SHOWN])
        + f"{more}\nCall fit as that run did; or choose another folder, or delete the file, to "
        "begin anew."
    )


def _demand_epochs(path: str, then: State, run: Run) -> None:
    """More epochs than were planned are welcome, fewer than are done are not."""
    last, (epoch, batch) = run.epochs.stop, (then["epoch"], then["batch"])
    if epoch + (batch > 0) > last:
        raise ValueError(
            f"{path}: the run is further than epochs={last}: {_place(epoch, batch)}. "
            "Ask for more epochs; or choose another folder, or delete the file, to begin anew."
        )


def _place(epoch: int, batch: int) -> str:
    """Where a run stands, for people.

    >>> _place(3, 0), _place(0, 20)
    ('3 epochs done', '0 epochs and 20 batches done')
    """
    return f"{epoch} epochs{f' and {batch} batches' if batch else ''} done"
