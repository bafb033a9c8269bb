"""What is true of a primitive besides what its kernel does.

Whoever plans, measures, converts or checks a network asks here, and keeps no list of names.
"""

from collections.abc import Callable
from inspect import CO_VARARGS
from types import FunctionType
from typing import Any, NamedTuple

from axon.bounds import Rule as BoundsRule

Meta = dict[str, Any]  # keyword arguments of a primitive, which are no arrays
ANY_NUMBER = 10**9  # of inputs
Kernel = Callable[..., Any]  # of the result, if it fills one, the inputs, ``xp`` and metadata


class Facts(NamedTuple):
    """Declared with a primitive, each by keyword; left out, it is what is true of most.

    Attributes:
        alone: each number of the result is made of those at its own place in the inputs; true of
            whatever broadcasts its inputs (``elementwise``, ``floating``) unless it says otherwise.
        places: the result's numbers stand where those stood that they are made of, although others
            may count, too; true of whatever is ``alone``.
        hands_on: the result holds the numbers of its first input and no others; true of views.
        bounds: between which numbers the result lies (a rule of ``axon.bounds``).
        flops: operations on each number of the input or result that has the most; None: one for
            each number of the result.
        multiply_adds: of products of matrices inside, by the shapes of the inputs and the result,
            and the metadata; they count instead of ``flops``.
        overwrites: what it changes first, it does not read.
        chooses: of the first input it reads as much as it hands out.
        reads: how many numbers it reads, by the shapes of the inputs and the result, and the
            metadata, where these decide and not how many numbers the inputs hold.
        can_fail: the kernel looks at values, and raises an error for some.
        drawn: the result is random and depends on nothing but a key.
    """

    alone: bool = False
    places: bool = False
    hands_on: bool = False
    bounds: BoundsRule | None = None
    flops: int | None = None
    multiply_adds: Callable[..., int] | None = None
    overwrites: bool = False
    chooses: bool = False
    reads: Callable[..., int] | None = None
    can_fail: bool = False
    drawn: bool = False


def declared(kind: str, broadcasts: bool, facts: dict[str, Any]) -> Facts:
    """What was declared, and of the rest what is true of this kind of primitive.

    >>> declared("fills", True, {"flops": 3}).alone
    True
    """
    alone = facts.get("alone", kind == "fills" and broadcasts)
    return Facts(**{"alone": alone, "places": alone, "hands_on": kind == "views", **facts})


def no_rules(kind: str, kernel: Callable[..., object]) -> tuple[None, ...] | None:
    """The rules of what changes its inputs in place, none for each; others declare theirs."""
    code = kernel.__code__ if isinstance(kernel, FunctionType) else None
    return (None,) * code.co_argcount if code and kind == "writes" else None


def behind(kernel: Callable[..., object], kind: str) -> tuple[int, tuple[str, ...]]:
    """How many inputs it has, and the names of the metadata that may stand behind them, in order.

    >>> behind(lambda out, x, *, xp, axis=None, keepdims=False: None, "fills")
    (1, ('axis', 'keepdims'))
    """
    code = kernel.__code__ if isinstance(kernel, FunctionType) else None
    if code is None or code.co_flags & CO_VARARGS:
        return ANY_NUMBER, ()
    named = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    meta = tuple(name for name in named if name not in ("xp", "workspace"))
    return code.co_argcount - (kind == "fills"), meta


def named(
    function: str, takes: tuple[int, tuple[str, ...]], given: tuple[Any, ...], meta: Meta
) -> tuple[tuple[Any, ...], Meta]:
    """Inputs and metadata of a call in which some metadata stand behind the inputs.

    Raises:
        TypeError: there are more than can have a name, or one is named, too.
    """
    count, names = takes
    more = dict(zip(names, given[count:], strict=False))
    if len(given) > count + len(names) or more.keys() & meta.keys():
        wanted = ", ".join((*(f"input {i + 1}" for i in range(count)), *names))
        raise TypeError(f"{function}: expected at most ({wanted}), got {len(given)} arguments.")
    return given[:count], {**more, **meta}


def demand_names_of_today(kernel: Callable[..., object], declared: dict[str, object]) -> None:
    """Raise TypeError, with the new name, for what was called otherwise once."""
    code = kernel.__code__ if isinstance(kernel, FunctionType) else None
    if code and "work" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
        raise TypeError(
            f"primitive {code.co_name!r}: temporary memory is handed to a kernel as `workspace`, "
            "no longer as `work`: rename that argument."
        )
    if "rounds" in declared:
        raise TypeError(
            "primitive: in place of rounds=True write eagerly=in_pieces, with in_pieces from "
            "axon.pieces."
        )
