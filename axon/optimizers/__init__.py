"""Optimizers, by increasing complexity."""

from axon.names import resolve
from axon.optimizers.adam import Adam
from axon.optimizers.base import Optimizer
from axon.optimizers.sgd import SGD

OPTIMIZERS: dict[str, type[Optimizer]] = {"sgd": SGD, "adam": Adam}


def get(optimizer: str | Optimizer) -> Optimizer:
    """Return an optimizer by its name, with its usual settings; an Optimizer is returned as it is.

    Raises:
        ValueError: no such name; the nearest one is suggested.

    >>> get("sgd")
    SGD(learning_rate=0.01, momentum=0.0, nesterov=False)
    """
    if isinstance(optimizer, str):
        return resolve("optimizer", optimizer, OPTIMIZERS)()  # type: ignore[call-arg]
    if isinstance(optimizer, type) and issubclass(optimizer, Optimizer):
        return optimizer()  # type: ignore[call-arg]
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"optimizer: expected a name or an Optimizer, got {optimizer!r}. "
            f"Known: {', '.join(OPTIMIZERS)}."
        )
    return optimizer
