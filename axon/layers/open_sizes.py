"""Sizes that are left open: ``Input((None, 8))`` is for sequences of any length.

A layer that meets an open size is tried with two: what comes out differently is open, too.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import TypeVar

from axon.backend import Shape
from axon.modes import Mode

T = TypeVar("T")
TRIED = ((32, 48), (8, 12), (2, 3), (128, 192), (512, 768))  # pairs: some layers need long inputs


class Open(int):
    """A size that is open: None where it is read, and a number where something is tried.

    >>> Open(32), Open(32) == None, Open(32) == 32, Open(32) * 2
    (None, True, False, 64)
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return other is None or isinstance(other, Open)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(None)

    def __repr__(self) -> str:
        return "None"

    __str__ = __repr__


OPEN = Open(TRIED[0][0])


def is_open(shape: object) -> bool:
    """Whether a shape, or one of several, leaves a size open.

    >>> is_open((OPEN, 8)), is_open({"a": (3,)}), is_open(None)
    (True, False, False)
    """
    if isinstance(shape, dict):
        return any(map(is_open, shape.values()))
    if isinstance(shape, tuple | list):
        return any(map(is_open, shape))
    return isinstance(shape, Open)


def fits(shape: Shape, known: Shape) -> bool:
    """Whether a shape is the known one, whatever stands where that is open.

    >>> fits((5, 8), (OPEN, 8)), fits((5, 9), (OPEN, 8)), fits((5,), (OPEN, 8))
    (True, False, False)
    """
    if shape == known:
        return True  # as nearly always
    pairs = zip(shape, known, strict=False)
    return len(shape) == len(known) and all(isinstance(k, Open) or n == k for n, k in pairs)


def sized(shape: Shape, size: int) -> Shape:
    """The shape with a size in place of those that are open.

    >>> sized((OPEN, 8), 5)
    (5, 8)
    """
    return tuple(size if isinstance(n, Open) else n for n in shape)


def shown(shape: T) -> T:
    """A shape, or several, as JSON and users have them: None where it is open.

    >>> shown(((OPEN, 8), (3,)))
    ((None, 8), (3,))
    """
    if isinstance(shape, dict):
        return {name: shown(inner) for name, inner in shape.items()}  # type: ignore[return-value]
    if isinstance(shape, tuple | list):
        return type(shape)(map(shown, shape))
    return None if isinstance(shape, Open) else shape  # type: ignore[return-value]


def joined(a: T, b: T) -> T:
    """Two shapes, or several of each, as one that is open where they differ.

    >>> joined((32, 8), (48, 8)), joined({"y": (3,)}, {"y": (3,)})
    ((None, 8), {'y': (3,)})
    """
    if isinstance(a, dict):
        return {name: joined(a[name], b[name]) for name in a}  # type: ignore
    if isinstance(a, tuple | list):
        return type(a)(joined(*pair) for pair in zip(a, b, strict=True))  # type: ignore
    return a if a == b else OPEN  # type: ignore[return-value]


def growth(known: Sequence[Shape], shapes: Sequence[Shape]) -> float:
    """How many times as many numbers come in as were tried.

    >>> growth([(OPEN, 8)], [(320, 8)])
    10.0
    """
    pairs = zip(known, shapes, strict=False)
    ratios = [prod(shape) / max(prod(k), 1) for k, shape in pairs if is_open(k)]
    return max(ratios, default=1.0)


def tried(
    function: Callable[[int], T],
    back: Callable[[], None],
    hint: str,
    join: Callable[[T, T], T] = joined,
) -> T:
    """What a function gives for open sizes: it is called with two, and shapes are joined.

    Args:
        function: of a size; gives shapes.
        back: undoes what it has built.
        hint: what an error says besides.
        join: makes one of what it gives for each.

    Raises:
        ValueError, TypeError, IndexError: no pair of sizes will do; the first error is told.
    """
    errors: list[Exception] = []
    for first, second in TRIED:
        try:
            made = function(first)
            with Mode("opening", True):
                return join(made, function(second))
        except (ValueError, TypeError, IndexError) as error:
            errors.append(error)
            back()
    raise type(errors[0])(f"{errors[0]} {hint}") from errors[0]


def needs_size(shapes: Sequence[Shape]) -> str:
    """What an error says of a layer that needs a size that is open."""
    told = ", ".join(str((None, *shape)) for shape in shapes)
    axes = [str(i) for shape in shapes for i, n in enumerate(shape, 1) if isinstance(n, Open)]
    return (
        f"Its input, of shape {told}, leaves the size along axis {' and '.join(axes)} open (None), "
        f"so that {TRIED[0][0]} and {TRIED[0][1]} were tried. Say the size in Input; or make one "
        "size of any before this layer, such as by GlobalAveragePooling1D, GlobalMaxPooling2D, or "
        "an LSTM that returns its last step."
    )
