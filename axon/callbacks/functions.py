"""LambdaCallback: hooks made of functions."""

from collections.abc import Callable
from typing import Any

from axon.callbacks.base import HOOKS, Callback
from axon.names import suggestion


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

    def __init__(self, **hooks: Callable[..., Any] | None) -> None:
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
