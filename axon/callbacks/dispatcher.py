"""Callbacks: several of them, told as if they were one."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import wraps
from typing import Any

from axon.callbacks.base import HOOKS, Callback, LambdaCallback, Params, State, check
from axon.modes import modes

Hook = Callable[..., None]
ALIASES = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}


def _telling(hook: str, whatever: bool = False) -> Callable[..., None]:
    """A method that tells all who listen to a hook; if asked, whatever one of them raises."""

    def tell(self: "Callbacks", *details: object) -> None:
        for listener in self._listeners[hook]:
            listener(*details)

    def tell_all(self: "Callbacks", *details: object) -> None:
        with ExitStack() as calls:
            for listener in reversed(self._listeners[hook]):
                calls.callback(listener, *details)

    return wraps(getattr(Callback, hook))(tell_all if whatever else tell)


class Callbacks:
    """Tells each callback what happens, in the order in which they were given.

    Only callbacks that override a hook are called. ``on_train_end`` and ``on_exception`` reach all
    of them even if one raises.

    Args:
        callbacks: whom to tell.
        model: what is trained.
        params: the settings of the run: epochs, steps, batch_size...
    """

    def __init__(self, callbacks: Sequence[Callback], model: Any, params: Params) -> None:
        self.callbacks = check(callbacks)
        for callback in self.callbacks:
            callback.set_model(model)
            callback.set_params(params)
        self._listeners = {hook: self._find(hook) for hook in HOOKS}

    def _find(self, hook: str) -> list[Hook]:
        names = [hook, ALIASES[hook]] if hook in ALIASES else [hook]
        pairs = ((c, getattr(c, name), name) for c in self.callbacks for name in names)
        told = [(c, found) for c, found, name in pairs if _overridden(found, name)]
        return [_unheard if c.writes and not modes.leads else found for c, found in told]

    def listens(self, hook: str) -> bool:
        """Whether anybody wants to be told: if not, nothing has to be measured for it."""
        return bool(self._listeners[hook])

    def listeners(self, hook: str) -> list[Hook]:
        """Whom to tell, in order."""
        return self._listeners[hook]

    def together(self, hook: str) -> bool:
        """Whether all who listen to a hook may be told of some batches at once."""
        names = {hook, ALIASES.get(hook, hook)}
        each = [c for c in self.callbacks if not c.together]
        return not any(_overridden(getattr(c, name), name) for c in each for name in names)

    def demand_possible(self, measured: Sequence[str]) -> None:
        """Let each say what can be known to go wrong before training begins."""
        others = any(_may_add(callback) for callback in self.callbacks)
        for callback in self.callbacks:
            callback.demand_possible(None if others else measured)

    # -------------------------------------------------------------------- hooks, as in Callback

    on_train_begin, on_train_end = _telling("on_train_begin"), _telling("on_train_end", True)
    on_epoch_begin, on_epoch_end = _telling("on_epoch_begin"), _telling("on_epoch_end")
    on_train_batch_begin = on_batch_begin = _telling("on_train_batch_begin")
    on_train_batch_end = on_batch_end = _telling("on_train_batch_end")
    on_test_begin, on_test_end = _telling("on_test_begin"), _telling("on_test_end")
    on_test_batch_begin = _telling("on_test_batch_begin")
    on_test_batch_end = _telling("on_test_batch_end")
    on_predict_begin, on_predict_end = _telling("on_predict_begin"), _telling("on_predict_end")
    on_predict_batch_begin = _telling("on_predict_batch_begin")
    on_predict_batch_end = _telling("on_predict_batch_end")
    on_exception = _telling("on_exception", whatever=True)

    # -------------------------------------------------------------------- resuming

    def state_dict(self) -> dict[str, State]:
        """The state of each callback that has one, by its class: ``EarlyStopping``..."""
        states = {name: callback.state_dict() for name, callback in self.named().items()}
        return {name: state for name, state in states.items() if state}

    def load_state_dict(self, states: dict[str, State], again: bool = False) -> None:
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
            class_name = type(callback).__name__
            number = sum(type(c).__name__ == class_name for c in named.values())
            named[f"{class_name}_{number}" if number else class_name] = callback
        return named


def _unheard(*details: object) -> None:
    """Stands for a hook of who only writes, in a process that does not: there are as many hooks."""


def _overridden(method: Hook, hook: str) -> bool:
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
