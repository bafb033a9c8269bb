"""What ``tune`` searches, and the study that remembers it; Optuna chooses what to try next."""

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import click

from axon.cli.learning import SCHEDULES
from axon.names import need

RATES, DECAYS, DROPOUTS, WIDTHS, DEPTH = (1e-4, 3e-2), (1e-6, 0.3), (0.0, 0.5), (8, 512), 4
BATCHES = (16, 32, 64, 128, 256)
SEARCHED = ("hidden", "learning_rate", "weight_decay", "dropout", "batch_size", "schedule")
OF_TABLES = (
    "hidden",
    "learning_rate",
    "weight_decay",
    "dropout",
    "batch_size",
    "bins",
    "bin_scale",
)
TABLE_RATES, TABLE_DECAYS, TABLE_DROPOUTS = (0.01, 0.4), (0.0, 2.0), (0.0, 0.5)
TABLE_WIDTHS, TABLE_DEPTH, BIN_SCALES = (16, 256), 3, (0.05, 1.0)
TABLE_BATCHES, BINS = (32, 64, 128, 256, 512), (0, 8, 16, 24, 48)
FIRST, WARM = 5, 2  # trials, and epochs, before one may be ended as worse than others
BEGINNING = timedelta(minutes=1)  # in which a trial says who works on it
GROWS = 4  # least batches in an epoch
Found = dict[str, Any]  # settings, by the names of options


class EndedTrial(Protocol):
    """A trial that Optuna has taken note of."""

    number: int
    value: float
    params: dict[str, Any]
    state: Any
    duration: timedelta | None
    intermediate_values: dict[int, float]


def optuna() -> Any:
    """Optuna, without its own lines.

    Raises:
        ImportError: it is missing.
    """
    found = need("optuna", "axon tune needs", "tune")
    found.logging.set_verbosity(found.logging.ERROR)
    return found


# ------------------------------------------------------------------------------------ settings


def suggested(trial: Any, names: set[str], rows: int) -> Found:
    """Settings for a trial.

    Args:
        trial: Optuna's, which chooses.
        names: of the options that are searched.
        rows: to learn from.
    """
    made: Found = {}
    if "hidden" in names:
        depth = trial.suggest_int("depth", 0, DEPTH)
        width = trial.suggest_int("width", *WIDTHS, log=True) if depth else 0
        narrowing = trial.suggest_categorical("narrowing", [False, True]) if depth > 1 else False
        made["hidden"] = hidden_layers(depth, width, narrowing)
    if "learning_rate" in names:
        made["learning_rate"] = trial.suggest_float("learning_rate", *RATES, log=True)
    if "weight_decay" in names:
        made["weight_decay"] = trial.suggest_float("weight_decay", *DECAYS, log=True)
    if "dropout" in names:
        made["dropout"] = trial.suggest_float("dropout", *DROPOUTS, step=0.05)
    if "batch_size" in names:
        made["batch_size"] = trial.suggest_categorical("batch_size", batches(rows))
    if "schedule" in names:
        made["schedule"] = trial.suggest_categorical("schedule", list(SCHEDULES))
    return made


def suggested_of_table(trial: Any, names: set[str]) -> Found:
    """Settings for a trial of networks that learn a table as it comes.

    Args:
        trial: Optuna's, which chooses.
        names: of the options that are searched.
    """
    made: Found = {}
    if "hidden" in names:
        depth = trial.suggest_int("depth", 1, TABLE_DEPTH)
        made["hidden"] = [trial.suggest_int("width", *TABLE_WIDTHS, log=True)] * depth
    if "learning_rate" in names:
        made["learning_rate"] = trial.suggest_float("learning_rate", *TABLE_RATES, log=True)
    if "weight_decay" in names:
        made["weight_decay"] = trial.suggest_float("weight_decay", *TABLE_DECAYS, step=0.1)
    if "dropout" in names:
        made["dropout"] = trial.suggest_float("dropout", *TABLE_DROPOUTS, step=0.05)
    if "batch_size" in names:
        made["batch_size"] = trial.suggest_categorical("batch_size", list(TABLE_BATCHES))
    if "bins" in names:
        made["bins"] = trial.suggest_categorical("bins", list(BINS))
    if "bin_scale" in names and made.get("bins") != 0:
        made["bin_scale"] = trial.suggest_float("bin_scale", *BIN_SCALES, log=True)
    return made


def hidden_layers(depth: int, width: int, narrowing: bool) -> list[int]:
    """Neurons in each hidden layer.

    >>> hidden_layers(3, 64, True), hidden_layers(2, 10, False), hidden_layers(0, 0, False)
    ([64, 32, 16], [10, 10], [])
    """
    return [max(width >> i if narrowing else width, 4) for i in range(depth)]


def batches(rows: int) -> list[int]:
    """Sizes of batches that leave some steps in an epoch.

    >>> batches(300), batches(20)
    ([16, 32, 64], [16])
    """
    return [size for size in BATCHES if size * GROWS <= rows] or [BATCHES[0]]


# ------------------------------------------------------------------------------------ the study


def opened(storage: str, seed: int, said: Callable[[str], None]) -> Any:
    """The study in a file or a database, made if it is not there.

    Args:
        storage: a path of a journal, or an address such as sqlite:///x.db.
        seed: of what is tried first.
        said: is told how many trials it has already.

    Raises:
        UsageError: it cannot be opened.
    """
    library = optuna()
    try:
        place = _place(library, storage)
        study = library.create_study(
            study_name="axon tune",
            storage=place,
            sampler=library.samplers.TPESampler(n_startup_trials=FIRST * 2, seed=seed),
            pruner=library.pruners.MedianPruner(FIRST, WARM),
            load_if_exists=True,
        )
        known = study.get_trials(deepcopy=False)
    except Exception as error:  # of whatever database, or a file that is no journal
        why = f"--storage {storage}: cannot be used: {error}. Give it another place."
        raise click.UsageError(why) from None
    if known:
        said(f"Going on with the study in {storage}: {len(known)} trials are known.")
    release_dead(study)
    return study


def _place(library: Any, storage: str) -> Any:
    """Where trials are kept: a database, or a journal file that several machines can share."""
    if "://" in storage:
        return library.storages.RDBStorage(storage)
    Path(storage).parent.mkdir(parents=True, exist_ok=True)
    journal = library.storages.journal
    return library.storages.JournalStorage(journal.JournalFileBackend(storage))


def demand_same(study: Any, about: Mapping[str, Any], storage: str) -> None:
    """Refuse to mix trials on other data, or with other options.

    Raises:
        UsageError: the study is of something else.
    """
    before = study.user_attrs.get("about")
    if before is None:
        study.set_user_attr("about", dict(about))
        return
    study.sampler.reseed_rng()  # another process tries what the seed says
    other = [name for name in about if before.get(name) != about[name]]
    if other:
        name = other[0]
        raise click.UsageError(
            f"the study in {storage} was made with {name} = {before.get(name)!r}, and now it is "
            f"{about[name]!r}: their trials cannot be compared. Give --storage another name."
        )


def release_dead(study: Any) -> None:
    """Trials of processes of this machine that are gone, or of this one, are tried once more."""
    library = optuna()
    running = library.trial.TrialState.RUNNING
    for trial in study.get_trials(deepcopy=False, states=(running,)):
        host, _, pid = str(trial.user_attrs.get("process", "")).rpartition(":")
        ours = host == socket.gethostname() and pid.isdecimal() and not _alive(int(pid))
        if ours or (not host and datetime.now() - trial.datetime_start > BEGINNING):
            study.tell(trial.number, state=library.trial.TrialState.FAIL)
            study.enqueue_trial(trial.params)


def _alive(pid: int) -> bool:
    if pid == os.getpid():
        return False  # it is not at work on a trial now
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def begun(trial: Any) -> None:
    """Write down who works on a trial."""
    trial.set_user_attr("process", f"{socket.gethostname()}:{os.getpid()}")


def finished(study: Any) -> Iterator[EndedTrial]:
    """Trials that have ended well, or were pruned."""
    states = optuna().trial.TrialState
    yield from study.get_trials(deepcopy=False, states=(states.COMPLETE, states.PRUNED))


def best_of(study: Any) -> EndedTrial | None:
    """The best trial; None while there is none."""
    complete = [t for t in finished(study) if t.state.name == "COMPLETE"]
    return min(complete, key=lambda t: t.value, default=None)
