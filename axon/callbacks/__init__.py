"""Callbacks, which are told what happens during training and may act on it."""

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
