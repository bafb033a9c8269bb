"""Floor 0: what is true of a primitive besides what its kernel does.

Whoever plans, measures, converts or checks a network asks here, and keeps no list of names.
"""

from collections.abc import Callable
from typing import NamedTuple

from axon.bounds import Rule as BoundsRule


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
    can_fail: bool = False
    drawn: bool = False
