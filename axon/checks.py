"""What arguments may be. One wording for each kind of mistake, with what arrived.

    ValueError: Conv2D: filters must be a whole number of at least 1, got 0.

Each check takes who asks, the argument's name and its value, and returns the value in its own type.
"""

from collections.abc import Sequence
from math import inf
from typing import TypeGuard

import numpy as np

LONGEST = 200  # characters of a value in a message
Integers = int | Sequence[int]  # one for all axes, or one for each


def demand(
    fits: object, owner: str, name: str, expected: str, value: object, hint: str = ""
) -> None:
    """Raise ValueError unless an argument fits.

    Args:
        fits: whether it does.
        owner: who asks.
        name: of the argument.
        expected: what it must be, in words.
        value: what arrived.
        hint: a sentence more, which begins with a space.

    >>> demand(5 < 3, "Huber", "delta", "smaller than 3", 5, " Outliers hide beyond it.")
    Traceback (most recent call last):
    ValueError: Huber: delta must be smaller than 3, got 5. Outliers hide beyond it.
    """
    if not fits:
        raise ValueError(f"{owner}: {name} must be {expected}, got {_told(value)}.{hint}")


def _told(value: object) -> str:
    """What arrived; of what is long, such as a list of weights, the beginning."""
    text = repr(value)
    if len(text) <= LONGEST:
        return text
    return f"{' '.join(text[:LONGEST].split())}... ({type(value).__name__})"


def is_integer(value: object) -> TypeGuard[int]:
    """Whether this is a whole number, one of NumPy's too; a truth value is none.

    >>> is_integer(3), is_integer(np.int8(3)), is_integer(True), is_integer(3.0)
    (True, True, False, False)
    """
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def is_number(value: object) -> TypeGuard[float]:
    """Whether this is one real number, one of NumPy's too; a truth value is none.

    >>> is_number(3), is_number(np.float32(0.5)), is_number(True), is_number("3")
    (True, True, False, False)
    """
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def integer(owner: str, name: str, value: object, least: int = 1) -> int:
    """A whole number of at least ``least``.

    >>> integer("Conv2D", "filters", 2.5)
    Traceback (most recent call last):
    ValueError: Conv2D: filters must be a whole number of at least 1, got 2.5.
    """
    if not is_integer(value) or value < least:
        demand(False, owner, name, f"a whole number of at least {least}", value)
    return int(value)  # type: ignore[call-overload]


def integers(owner: str, name: str, value: object, count: int, least: int = 1) -> tuple[int, ...]:
    """So many whole numbers, one for each axis of a window, say; a single one counts for all.

    >>> integers("Conv2D", "strides", 2, 2), integers("Conv2D", "kernel_size", (3, 5), 2)
    ((2, 2), (3, 5))
    """
    if not isinstance(value, tuple | list):
        return (integer(owner, name, value, least),) * count
    demand(len(value) == count, owner, name, f"one whole number or {count} of them", value)
    return tuple(integer(owner, name, one, least) for one in value)


def number(
    owner: str,
    name: str,
    value: object,
    least: float = -inf,
    *,
    called: str = "a number",
    hint: str = "",
) -> float:
    """A finite number of at least ``least``.

    >>> number("L2", "l2", -0.5, 0)
    Traceback (most recent call last):
    ValueError: L2: l2 must be a number of at least 0, got -0.5.
    """
    if not is_number(value) or not least <= value < inf or value == -inf:
        bound = "" if least == -inf else f" of at least {least:g}"
        demand(False, owner, name, f"{called}{bound}", value, hint)
    return float(value)  # type: ignore[arg-type]


def finite(owner: str, name: str, value: object, least: float = -inf) -> float:
    """As ``number``; the error names infinity, which is one, too, but not meant."""
    return number(owner, name, value, least, called="a finite number")


def one_number(owner: str, name: str, value: object) -> float:
    """As ``finite``, where other libraries take several: a threshold."""
    return number(owner, name, value, called="one finite number")


def positive(owner: str, name: str, value: object, hint: str = "") -> float:
    """A finite number larger than 0.

    >>> positive("Adam", "epsilon", 0)
    Traceback (most recent call last):
    ValueError: Adam: epsilon must be a number larger than 0, got 0.
    """
    fits = is_number(value) and 0 < value < inf
    demand(fits, owner, name, "a number larger than 0", value, hint)
    return float(value)  # type: ignore[arg-type]


def fraction(owner: str, name: str, value: object, hint: str = "") -> float:
    """A number in [0, 1): what a moving average keeps, what dropout leaves out.

    >>> fraction("SGD", "momentum", 1)
    Traceback (most recent call last):
    ValueError: SGD: momentum must be at least 0 and less than 1, got 1.
    """
    fits = is_number(value) and 0 <= value < 1
    demand(fits, owner, name, "at least 0 and less than 1", value, hint)
    return float(value)  # type: ignore[arg-type]


def between(owner: str, name: str, value: float, low: float, high: float) -> float:
    """A number from ``low`` to ``high``, both included.

    >>> between("huber", "alpha", 2.0, 0, 1)
    Traceback (most recent call last):
    ValueError: huber: alpha must lie between 0 and 1, got 2.0.
    """
    if not isinstance(value, int | float | np.number) or not low <= value <= high:
        span = f"be {low} or more" if high == inf else f"lie between {low} and {high}"
        raise ValueError(f"{owner}: {name} must {span}, got {value!r}.")
    return float(value)


def boolean(owner: str, name: str, value: object, hint: str = "") -> bool:
    """True or False: not a number that was meant for another argument.

    >>> boolean("hinge", "from_logits", 0.1)
    Traceback (most recent call last):
    TypeError: hinge: from_logits must be True or False, got 0.1.
    """
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{owner}: {name} must be True or False, got {value!r}.{hint}")
    return bool(value)


def one_of(owner: str, name: str, value: object, known: Sequence[str | None]) -> None:
    """One of a few words.

    >>> one_of("EarlyStopping", "mode", "up", ("auto", "min", "max"))
    Traceback (most recent call last):
    ValueError: EarlyStopping: mode must be 'auto', 'min' or 'max', got 'up'.
    """
    *before, last = map(repr, known)
    fits = isinstance(value, str | None) and value in known
    demand(fits, owner, name, f"{', '.join(before)} or {last}", value)


def texts(owner: str, name: str, value: object) -> tuple[str, ...]:
    """A list of texts, none of them empty.

    >>> texts("Adam", "exclude_from_weight_decay", "bias")
    Traceback (most recent call last):
    ValueError: Adam: exclude_from_weight_decay must be a list of names, such as ['bias'], got ...
    """
    fits = isinstance(value, list | tuple) and all(isinstance(one, str) and one for one in value)
    demand(fits, owner, name, "a list of names, such as ['bias']", value)
    return tuple(value)  # type: ignore[arg-type]
