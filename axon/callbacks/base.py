"""Callback, which is told what happens during training and may act on it; one of functions."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

from axon.names import suggestion

Logs = dict[str, float]
State = dict[str, Any]  # numbers, texts, None, arrays, and lists and dicts of them
Params = dict[str, Any]  # of a run: epochs, steps, batch_size, validation_freq


class Callback:
    """Override the hooks that you need; ``self.model`` is the model, ``self.params`` the run.

    Set ``self.model.stop_training = True`` to end training. ``logs`` hold the means by name: of
    the epoch so far after a batch, of the whole epoch, with the ``val_`` ones, after an epoch.
    Hooks that are not overridden cost nothing.

    Attributes:
        state_names: the attributes that ``state_dict`` keeps, so that a run can be resumed.
        writes: all it does is to write or print. Of ranks that learn together (``fit(shards=8)``)
            only the first one tells it anything; all others are told on all of them.
        together: its hooks after batches look at their number and the logs alone, so that they may
            be called for some batches at once, when the last of these is done.

    >>> class Stop(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         self.model.stop_training = logs["loss"] < 0.1
    """

    state_names: ClassVar[tuple[str, ...]] = ()
    writes: ClassVar[bool] = False
    together: ClassVar[bool] = False

    model: Any = None
    params: Params
    _loaded = False

    def set_model(self, model: Any) -> None:
        """Take note of the model, before training begins."""
        self.model = model

    def set_params(self, params: Params) -> None:
        """Take note of the settings of the run: ``epochs``, ``steps`` (None if not known)..."""
        self.params = params

    def demand_possible(self, measured: Sequence[str] | None) -> None:
        """Raise an error for what can be known to go wrong before training begins.

        Args:
            measured: what the logs of an epoch will hold, such as ``loss`` and ``val_loss``; None
                if it is not known, because another callback may add to them.
        """

    # -------------------------------------------------------------------- training

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Training starts."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Training is over, whatever ended it."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """An epoch (counted from 0) starts."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """An epoch is done; logs hold its loss, its metrics and the ``val_`` ones."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """A batch (counted from 0) of training starts."""

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """A batch (counted from 0) is done; logs hold the means of the epoch so far."""

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Another name of ``on_train_batch_begin``."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Another name of ``on_train_batch_end``."""

    def on_exception(self, exception: BaseException) -> None:
        """Training broke off, also by Ctrl-C; the exception goes on after this."""

    # -------------------------------------------------------------------- testing, predicting

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """A validation, or ``evaluate``, starts."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """A validation, or ``evaluate``, is done."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """A batch of a validation starts."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """A batch of a validation is done."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """``predict`` starts."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """``predict`` is done."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """A batch of ``predict`` starts."""

    def on_predict_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """A batch of ``predict`` is done; logs hold its ``outputs``, an array."""

    # -------------------------------------------------------------------- resuming

    def state_dict(self) -> State:
        """What the callback would have to know to go on: a copy of numbers, lists and arrays."""
        from copy import deepcopy  # imported where used: most runs are never resumed

        return {name: deepcopy(getattr(self, name)) for name in self.state_names}

    def load_state_dict(self, state: State) -> None:
        """Go on from what ``state_dict`` returned: the next run does not start anew.

        Raises:
            ValueError: the state is not one of such a callback.
        """
        from copy import deepcopy

        if sorted(state) != sorted(self.state_names):
            raise ValueError(
                f"{type(self).__name__}: the state must hold {', '.join(self.state_names) or '-'}, "
                f"got {', '.join(state) or '-'}. Was it saved by another callback?"
            )
        for name in self.state_names:
            setattr(self, name, deepcopy(state[name]))
        self._loaded = True

    def starts_anew(self) -> bool:
        """Whether a run begins from nothing: True, but once False after a state was loaded."""
        loaded, self._loaded = self._loaded, False
        return not loaded


HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))


class LambdaCallback(Callback):
    """A callback made of functions, without a class.

    Args:
        hooks: the name of a hook and the function to call, with the arguments of that hook.

    Raises:
        TypeError: there is no such hook, or what should be called is no function.

    >>> printing = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))
    >>> printing.on_epoch_end(0, {"loss": 0.5})
    0 0.5
    """

    def __init__(self, **hooks: Callable[..., object] | None) -> None:
        for name, function in hooks.items():
            if name not in HOOKS:
                raise TypeError(
                    f"LambdaCallback: there is no hook {name!r}.{suggestion(name, list(HOOKS))} "
                    f"Known: {', '.join(HOOKS)}."
                )
            if function is None:
                continue
            if not callable(function):
                raise TypeError(f"LambdaCallback: {name} must be a function, got {function!r}.")
            setattr(self, name, function)


def check(callbacks: object) -> list[Callback]:
    """Demand that all are callbacks, before training starts.

    >>> check([Callback()])  # doctest: +ELLIPSIS
    [<axon.callbacks.base.Callback object at ...>]
    """
    given: list[Any] = list(callbacks) if isinstance(callbacks, Iterable) else [callbacks]
    for callback in given:
        if not isinstance(callback, Callback):
            raise TypeError(
                f"callbacks: expected Callback objects, got {callback!r}. Derive your class from "
                "axon.callbacks.Callback and pass an instance of it."
            )
    return given
