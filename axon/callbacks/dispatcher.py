"""Callbacks: several of them, told as if they were one."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from axon.callbacks.backup import BackupAndRestore
from axon.callbacks.base import HOOKS, Callback, Logs, check
from axon.callbacks.functions import LambdaCallback

ALIASES = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}


class Callbacks:
    """Tells each callback what happens, in the order in which they were given.

    Only callbacks that override a hook are called. ``on_train_end`` and ``on_exception`` reach all
    of them even if one raises.

    Args:
        callbacks: whom to tell.
        model: what is trained.
        params: the settings of the run: epochs, steps, batch_size...
    """

    def __init__(self, callbacks: Sequence[Callback], model: Any, params: dict[str, Any]) -> None:
        self.callbacks = check(callbacks)
        for callback in self.callbacks:
            callback.set_model(model)
            callback.set_params(params)
        self._listeners = {hook: self._find(hook) for hook in HOOKS}

    def _find(self, hook: str) -> list[Callable[..., Any]]:
        names = [hook, ALIASES[hook]] if hook in ALIASES else [hook]
        pairs = ((getattr(c, name), name) for c in self.callbacks for name in names)
        return [found for found, name in pairs if _overridden(found, name)]

    @property
    def backup(self) -> BackupAndRestore | None:
        """Which of them keeps backups: when all were told, wherever it stands among them."""
        return next((c for c in self.callbacks if isinstance(c, BackupAndRestore)), None)

    def listens(self, hook: str) -> bool:
        """Whether anybody wants to be told: if not, nothing has to be measured for it."""
        return bool(self._listeners[hook])

    def _tell(self, hook: str, *details: Any) -> None:
        for listener in self._listeners[hook]:
            listener(*details)

    def _tell_all(self, hook: str, *details: Any) -> None:
        with ExitStack() as calls:  # goes on to the next, whatever one of them raises
            for listener in reversed(self._listeners[hook]):
                calls.callback(listener, *details)

    def demand_possible(self, measured: Sequence[str]) -> None:
        """Let each say what can be known to go wrong before training begins."""
        others = any(_may_add(callback) for callback in self.callbacks)
        for callback in self.callbacks:
            callback.demand_possible(None if others else measured)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Training starts."""
        self._tell("on_train_begin", logs)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Training is over, whatever ended it."""
        self._tell_all("on_train_end", logs)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """An epoch starts."""
        self._tell("on_epoch_begin", epoch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """An epoch is done."""
        self._tell("on_epoch_end", epoch, logs)

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """A batch of training starts."""
        self._tell("on_train_batch_begin", batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """A batch of training is done."""
        self._tell("on_train_batch_end", batch, logs)

    on_batch_begin, on_batch_end = on_train_batch_begin, on_train_batch_end

    def on_exception(self, exception: BaseException) -> None:
        """Training broke off."""
        self._tell_all("on_exception", exception)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """A validation starts."""
        self._tell("on_test_begin", logs)

    def on_test_end(self, logs: Logs | None = None) -> None:
        """A validation is done."""
        self._tell("on_test_end", logs)

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """A batch of a validation starts."""
        self._tell("on_test_batch_begin", batch, logs)

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """A batch of a validation is done."""
        self._tell("on_test_batch_end", batch, logs)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """``predict`` starts."""
        self._tell("on_predict_begin", logs)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """``predict`` is done."""
        self._tell("on_predict_end", logs)

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """A batch of ``predict`` starts."""
        self._tell("on_predict_batch_begin", batch, logs)

    def on_predict_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """A batch of ``predict`` is done."""
        self._tell("on_predict_batch_end", batch, logs)

    # -------------------------------------------------------------------- resuming

    def state_dict(self) -> dict[str, dict[str, Any]]:
        """The state of each callback that has one, by its class: ``EarlyStopping``..."""
        states = {name: callback.state_dict() for name, callback in self.named().items()}
        return {name: state for name, state in states.items() if state}

    def load_state_dict(self, states: dict[str, dict[str, Any]], again: bool = False) -> None:
        """Hand each callback its state; those that had none then start anew.

        Args:
            states: what ``state_dict`` gave.
            again: they have begun the run meanwhile, and are not to take it for that of the next.
        """
        for name, callback in self.named().items():
            if name in states:
                callback.load_state_dict(states[name])
            if again:
                callback.starts_anew()

    def named(self) -> dict[str, Callback]:
        """By class; a second one of a class is called ``EarlyStopping_1``."""
        named: dict[str, Callback] = {}
        for callback in self.callbacks:
            kind = type(callback).__name__
            number = sum(type(c).__name__ == kind for c in named.values())
            named[f"{kind}_{number}" if number else kind] = callback
        return named


def _overridden(method: Any, hook: str) -> bool:
    """Whether it is another function than the one of the base class, which does nothing."""
    return getattr(method, "__func__", method) is not getattr(Callback, hook)


def _may_add(callback: Callback) -> bool:
    """Whether it sees logs before others do, and may write something of its own into them."""
    if (
        type(callback).__module__.startswith("axon.callbacks")
        and type(callback) is not LambdaCallback
    ):
        return False
    hooks = ("on_test_end", "on_epoch_end")
    return any(_overridden(getattr(callback, hook), hook) for hook in hooks)
