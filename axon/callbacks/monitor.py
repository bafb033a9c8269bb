"""Which of the logged numbers is watched, and when it is better than before."""

from collections.abc import Sequence

from axon.callbacks.base import Logs, Params
from axon.checks import finite, one_of
from axon.names import direction, suggestion


class Monitor:
    """One number of the logs, watched from epoch to epoch.

    Args:
        owner: which callback watches it, for errors.
        name: such as ``val_loss``.
        mode: "min", "max", or "auto" to tell from the name.
        min_delta: what does not change by more counts as no improvement.

    Raises:
        ValueError: another mode, or "auto" for a name that does not tell.

    >>> monitor = Monitor("EarlyStopping", "val_accuracy", "auto", min_delta=0.1)
    >>> monitor.mode, monitor.better(0.55, 0.5), monitor.better(0.65, 0.5)
    ('max', False, True)
    """

    def __init__(self, owner: str, name: str, mode: str = "auto", min_delta: float = 0.0) -> None:
        if not isinstance(name, str):
            raise TypeError(f"{owner}: monitor must be a name such as 'val_loss', got {name!r}.")
        self.owner, self.name = owner, name
        self.min_delta = abs(finite(owner, "min_delta", min_delta))
        one_of(owner, "mode", mode, ("auto", "min", "max"))
        self.mode = self._direction() if mode == "auto" else mode

    def _direction(self) -> str:
        if told := direction(self.name):
            return told
        raise ValueError(
            f"{self.owner}: the name {self.name!r} does not tell whether less or more of it is "
            "better. Pass mode='min' or mode='max'."
        )

    def better(self, value: float, best: float | None) -> bool:
        """Whether a value improves on the best so far (None: on nothing); NaN never does."""
        if best is None:
            return value == value
        if self.mode == "min":
            return value < best - self.min_delta
        return value > best + self.min_delta

    def value(self, epoch: int, logs: Logs, params: Params) -> float | None:
        """The watched number; None in epochs without validation, if it is one of validation.

        Raises:
            ValueError: it is not in the logs.
        """
        if self.name in logs:
            return logs[self.name]
        if self.name.startswith("val_") and (epoch + 1) % params.get("validation_freq", 1):
            return None
        raise self._missing(list(logs))

    def demand(self, measured: Sequence[str] | None) -> None:
        """Raise ValueError, before training begins, if the number will not be in the logs.

        Args:
            measured: what they will hold; None if that is not known.
        """
        if measured is not None and self.name not in measured:
            raise self._missing(measured)

    def _missing(self, known: Sequence[str]) -> ValueError:
        validated = any(name.startswith("val_") for name in known)
        if self.name.startswith("val_") and not validated:
            return ValueError(
                f"{self.owner}: there is no {self.name!r} to monitor, because there are no "
                "validation data. Pass validation_data or validation_split to fit, or monitor "
                f"{self.name[4:]!r}."
            )
        return ValueError(
            f"{self.owner}: there is no {self.name!r} to monitor."
            f"{suggestion(self.name, list(known))} Known: {', '.join(known)}."
        )
