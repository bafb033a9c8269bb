"""How the settings of optimizers and schedules are checked."""

import math
from typing import Any

import numpy as np


def number(owner: str, argument: str, value: Any, hint: str = "") -> float:
    """Check that a setting is a finite number of at least 0."""
    if not _is_number(value) or not 0 <= value < math.inf:
        raise ValueError(
            f"{owner}: {argument} must be a number of at least 0, got {value!r}.{hint}"
        )
    return float(value)


def positive(owner: str, argument: str, value: Any, hint: str = "") -> float:
    """Check that a setting is a finite number larger than 0."""
    if not _is_number(value) or not 0 < value < math.inf:
        raise ValueError(
            f"{owner}: {argument} must be a number larger than 0, got {value!r}.{hint}"
        )
    return float(value)


def fraction(owner: str, argument: str, value: Any) -> float:
    """Check that a decay rate lies in [0, 1)."""
    if not _is_number(value) or not 0 <= value < 1:
        raise ValueError(f"{owner}: {argument} must be at least 0 and less than 1, got {value!r}.")
    return float(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)
