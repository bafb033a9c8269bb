"""Callbacks, which are told what happens during training and may act on it."""

from typing import TYPE_CHECKING, Any

from axon.callbacks.backup import BackupAndRestore, backup_of, backup_position, with_backup
from axon.callbacks.base import HOOKS, Callback, LambdaCallback, Logs, State, check
from axon.callbacks.checkpoint import ModelCheckpoint
from axon.callbacks.csv_logger import CSVLogger
from axon.callbacks.dispatcher import Callbacks
from axon.callbacks.early_stopping import EarlyStopping, TerminateOnNaN
from axon.callbacks.history import Best, History
from axon.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
from axon.callbacks.output import say
from axon.callbacks.progress import LinePrinter, LossPrinter, ProgressBar, fitted, measured, printer
from axon.callbacks.pruning import OptunaPruning
from axon.callbacks.tensorboard import TensorBoard
from axon.names import load, missing

if TYPE_CHECKING:
    from axon.callbacks.averages import SwapEMAWeights
    from axon.callbacks.live_chart import LiveChart
    from axon.callbacks.rate_finder import LearningRateFinder
    from axon.callbacks.remote import RemoteMonitor

HOMES = {  # loaded when asked for
    "SwapEMAWeights": "averages",
    "LearningRateFinder": "rate_finder",
    "RemoteMonitor": "remote",
    "LiveChart": "live_chart",
}

_ELSEWHERE = {
    "CallbackList": "a list of callbacks",
    "OrbaxCheckpoint": "ModelCheckpoint(max_to_keep=...), or BackupAndRestore",
    "ProgbarLogger": "fit(verbose=1)",
}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise missing(__name__, name, {**globals(), **HOMES}, _ELSEWHERE)
    return globals().setdefault(name, load(__name__, HOMES, name))


def __dir__() -> list[str]:
    return sorted({*globals(), *HOMES})
