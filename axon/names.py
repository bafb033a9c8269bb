"""Floor 0: text becomes the thing that it names, or an error that lists the known names."""

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")


def suggestion(name: str, known: list[str]) -> str:
    """Return ``" Did you mean 'relu'?"`` for a near miss, else an empty string.

    >>> suggestion("rellu", ["relu", "tanh"])
    " Did you mean 'relu'?"
    """
    from difflib import get_close_matches  # only an error pays for it

    near = get_close_matches(name.lower(), known, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def resolve(what: str, name: str, table: Mapping[str, T]) -> T:
    """Look ``name`` up in ``table``, without regard to case.

    Raises:
        ValueError: no such name; the nearest one and all the known ones are named.

    >>> resolve("activation", "ReLU", {"relu": 1, "tanh": 2})
    1
    >>> resolve("activation", "rellu", {"relu": 1, "tanh": 2})
    Traceback (most recent call last):
    ValueError: unknown activation 'rellu'. Did you mean 'relu'? Known: relu, tanh.
    """
    try:
        return table[name.lower()]
    except KeyError:
        known = ", ".join(sorted(table))
        hint = suggestion(name, list(table))
        raise ValueError(f"unknown {what} {name!r}.{hint} Known: {known}.") from None
