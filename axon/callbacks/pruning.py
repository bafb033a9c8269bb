"""OptunaPruning: a trial of a search that is worse than others ends before its last epoch."""

from collections.abc import Sequence
from copy import copy
from typing import TYPE_CHECKING, Any, ClassVar

from axon.callbacks.base import Callback, Logs
from axon.callbacks.monitor import Monitor
from axon.checks import integer
from axon.names import direction, need

if TYPE_CHECKING:
    from optuna.trial import BaseTrial


class OptunaPruning(Callback):
    """Tell Optuna a number after each epoch, and end the trial if its pruner says so.

    ``optuna.TrialPruned`` leaves ``fit`` then, and Optuna takes note of it: catch nothing. The
    model keeps what it has learned. A run that is resumed from a backup tells its trial the epochs
    before, too. A copy, such as scikit-learn's ``clone`` makes, tells the same trial; it can be
    pickled where the study lies in a file or a database.

    Args:
        trial: what Optuna hands to the objective.
        monitor: the number to tell, such as "val_loss", in epochs in which it is measured.
        interval: tell and ask after every so many epochs.

    Raises:
        ImportError: Optuna is missing.
        TypeError: trial is none of Optuna's.
        ValueError: the study has several objectives, for which Optuna prunes nothing; or it wants
            less of a number of which more is better, or the reverse; or the number will not be
            there, before training begins, or, where callbacks of your own may add to the logs, at
            the end of the first epoch.

    >>> def objective(trial):
    ...     model = axon.Sequential([axon.layers.Dense(trial.suggest_int("width", 4, 64), "relu")])
    ...     model.compile("mse", "adam")
    ...     pruning = OptunaPruning(trial, "val_loss")
    ...     model.fit(x, y, epochs=20, validation_split=0.2, callbacks=[pruning])
    ...     return model.history.best("val_loss").value
    """

    state_names: ClassVar[tuple[str, ...]] = ("epochs", "values")

    def __init__(self, trial: "BaseTrial", monitor: str = "val_loss", interval: int = 1) -> None:
        trials = need("optuna.trial", "OptunaPruning needs", "tune")
        if not isinstance(trial, trials.BaseTrial):
            raise TypeError(
                "OptunaPruning: trial must be what Optuna hands to the objective, an optuna.Trial, "
                f"got {trial!r}."
            )
        self.trial, self.monitor = trial, monitor
        self.interval = integer("OptunaPruning", "interval", interval)
        mode = _mode(trial, monitor) if isinstance(trial, trials.Trial) else "min"
        self._monitor = Monitor("OptunaPruning", monitor, mode)
        self._forget()

    def _forget(self) -> None:
        self.epochs: list[int] = []
        self.values: list[float] = []

    def demand_possible(self, measured: Sequence[str] | None) -> None:
        """Raise ValueError if there will be nothing to tell."""
        self._monitor.demand(measured)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Start anew; or, if a state was loaded, tell the trial what it does not know yet."""
        if self.starts_anew():
            self._forget()
            return
        known = _known(self.trial)
        for epoch, value in zip(self.epochs, self.values, strict=True):
            if epoch not in known:
                self.trial.report(value, epoch)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Tell, and ask.

        Raises:
            optuna.TrialPruned: the pruner ends the trial.
        """
        value = self._monitor.value(epoch, logs or {}, self.params)
        if value is None or (epoch + 1) % self.interval:
            return
        self.epochs.append(epoch)
        self.values.append(float(value))
        self.trial.report(self.values[-1], epoch)
        if self.trial.should_prune():
            from optuna import TrialPruned

            raise TrialPruned(
                f"Epoch {epoch + 1}: trial {self.trial.number} was pruned at a {self.monitor} of "
                f"{value:.6g}."
            )

    def __getstate__(self) -> dict[str, Any]:
        from optuna.storages import InMemoryStorage
        from optuna.trial import Trial

        trial: Any = self.trial
        if isinstance(trial, Trial) and isinstance(trial.storage, InMemoryStorage):
            raise TypeError(
                "OptunaPruning: the study is in the memory of this process, so another one cannot "
                "tell it anything. Make it in a file: optuna.create_study(storage=JournalStorage("
                "JournalFileBackend('study.log')))."
            )
        return vars(self)

    def __copy__(self) -> "OptunaPruning":
        made = object.__new__(type(self))
        vars(made).update(vars(self), epochs=[*self.epochs], values=[*self.values])
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> "OptunaPruning":
        return copy(self)  # a copy of the trial would tell a study that nobody looks at


def _mode(trial: Any, monitor: str) -> str:
    """What the study of a trial wants of its only objective: "min" or "max".

    Raises:
        ValueError: it has several; or the name of the number tells of the opposite.
    """
    wanted = [each.name.lower()[:3] for each in trial.study.directions]
    if len(wanted) > 1:
        raise ValueError(
            f"OptunaPruning: the study has {len(wanted)} objectives, and Optuna prunes only where "
            "there is one. Leave the callback out."
        )
    named = direction(monitor) if isinstance(monitor, str) else None
    if named not in (None, wanted[0]):
        words = {"min": ("minimizes", "more", "maximize"), "max": ("maximizes", "less", "minimize")}
        does, better, other = words[wanted[0]]
        raise ValueError(
            f"OptunaPruning: the study {does}, but {better} of {monitor!r} is better, so the best "
            f"trials would be pruned. Monitor what the objective returns, or make the study with "
            f"direction='{other}'."
        )
    return wanted[0]


def _known(trial: Any) -> set[int]:
    """The epochs that a trial was told of, also by a process that is gone."""
    from optuna.trial import Trial

    if not isinstance(trial, Trial):
        return set()
    return set(trial.study.get_trials(deepcopy=False)[trial.number].intermediate_values)
