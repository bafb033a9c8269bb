"""What a file may ask for while it is tried out: memory, work, and turns of its loops.

A file of a few bytes can describe a network of any size. So whatever computes for it first says
what it is about to make, and is stopped before memory is taken or time is spent.
"""

from collections.abc import Iterable
from math import inf, prod
from threading import local

from axon.backend import Shape

MAX_SIZE = 2**26  # numbers that one result may hold, of a file without weights
MAX_WORK = 2**31  # multiplications that a file without weights may ask for
MAX_REUSE = 2**20  # how often each number of a file may be multiplied: by a kernel, at each pixel
MAX_TURNS = 3 * 2**14  # nodes that all turns of all loops together may run
STEP = 2**10  # multiplications in the time that a turn of a loop in Python takes
TOO_MUCH = {
    "results": "results together hold more numbers",
    "work": "nodes together take more time",
    "turns": "loops together have more turns",
}


class TooMuchError(ValueError):
    """More is asked for than there is."""


class _Left(local):
    size: float = inf  # numbers in one result
    results: float = inf  # numbers in all results together that are still to come
    work: float = inf  # multiplications, likewise
    turns: float = inf


_left = _Left()


class Budget:
    """While a ``with`` block lasts, what is computed is bounded: each result, and all together.

    Outside such a block nothing is: once a network is known, data come in batches of any size.

    Args:
        results: how many numbers all results together may hold.
        numbers: how many the file brings, from which follows how much work it may ask for.
        size: how many numbers one result may hold.
    """

    def __init__(self, results: float, numbers: float = 0, size: float = MAX_SIZE) -> None:
        self.now = {"size": size, "results": results, "turns": MAX_TURNS}
        self.now["work"] = MAX_WORK + MAX_REUSE * numbers

    def __enter__(self) -> None:
        self.before = {key: getattr(_left, key) for key in self.now}
        vars(_left).update(self.now)

    def __exit__(self, *_: object) -> None:
        vars(_left).update(self.before)


def spend(what: str, amount: float) -> None:
    """Take "results", "work" or "turns" out of the budget.

    Raises:
        TooMuchError: there is not so much left.
    """
    left = getattr(_left, what) - amount
    if left < 0:
        raise TooMuchError(f"all {TOO_MUCH[what]} than a file of this size may ask for.")
    setattr(_left, what, left)


def allowed(shape: Iterable[int], most: float | None = None) -> Shape:
    """Check that an array of this shape may be made.

    Raises:
        TooMuchError: a size is negative, or there would be too many numbers.
    """
    sizes = tuple(int(n) for n in shape)
    most = min(_left.size, _left.results) if most is None else most
    if min(sizes, default=0) < 0 or len(sizes) > 32 or prod(sizes) > most:
        raise TooMuchError(f"a result of shape {sizes} cannot be made.")
    return sizes
