"""How a primitive is tested: a Case, and the ways to make one."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

Arrays = tuple[Any, ...]
Sample = tuple[Arrays, dict[str, Any]]  # inputs and metadata


class Case(NamedTuple):
    """How one primitive is tested.

    Attributes:
        reference: the same computed otherwise, of the inputs and the metadata. For a primitive that
            writes, the new values of the inputs that it changes, as a tuple.
        samples: inputs small enough for differences, where the function is smooth.
        large: inputs of about 256 x 512 numbers, for measuring memory.
        nan_shows: whether a NaN in this input must show in the result; all of them by default.
        strided: whether inputs may lie in memory in any order.
    """

    reference: Callable[..., Any]
    samples: list[Sample]
    large: Sample
    nan_shows: Sequence[int] | None = None
    strided: bool = True


_random = np.random.default_rng(42)

# ------------------------------------------------------------------------------------ numbers


def normal(*shape: int) -> np.ndarray:
    """Bell-shaped, but none nearer to 0 than 0.05, where |x| and the like have a kink."""
    x = _random.normal(size=shape)
    return np.asarray(x + np.copysign(0.05, x))


def positive(*shape: int) -> np.ndarray:
    """Between 0.3 and 2."""
    return np.asarray(_random.uniform(0.3, 2.0, shape))


def probability(*shape: int) -> np.ndarray:
    """Between 0.1 and 0.9."""
    return np.asarray(_random.uniform(0.1, 0.9, shape))


def distribution(*shape: int) -> np.ndarray:
    """Positive, adding up to 1 along the last axis."""
    p = positive(*shape)
    return p / p.sum(axis=-1, keepdims=True)


def truth(*shape: int) -> np.ndarray:
    """False or True."""
    return np.asarray(_random.random(shape) < 0.5)


def below(n: int, *shape: int) -> np.ndarray:
    """Whole numbers from -n to n - 1: indices of n rows."""
    return np.asarray(_random.integers(-n, n, shape))


def digits(*shape: int) -> np.ndarray:
    """Small whole numbers as floats, so that some are equal."""
    return np.asarray(_random.integers(-2, 3, shape).astype(float))


# ------------------------------------------------------------------------------------ families

SHAPES = [(2, 3), (1, 5), (7,), (1,), (), (0, 3), (3, 1, 5)]
PAIRS = [
    ((2, 3), (2, 3)),
    ((1, 4), (1, 4)),
    ((5, 1), (1, 7)),
    ((3,), (2, 1, 3)),
    ((), (3,)),
    ((1, 1), ()),
    ((), ()),
    ((0, 3), (3,)),
    ((1, 3), (0, 3)),
]
LARGE = (256, 512)


def unary(reference: Callable[..., Any], make: Callable[..., Any] = normal, **rest: Any) -> Case:
    """One input of any shape, element by element."""
    return Case(reference, [((make(*s),), {}) for s in SHAPES], ((make(*LARGE),), {}), **rest)


def binary(
    reference: Callable[..., Any],
    make: Callable[..., Any] = normal,
    make_y: Callable[..., Any] | None = None,
    **rest: Any,
) -> Case:
    """Two inputs that broadcast."""
    other = make_y or make
    samples = [((make(*a), other(*b)), {}) for a, b in PAIRS]
    return Case(reference, samples, ((make(*LARGE), other(*LARGE)), {}), **rest)


def reduction(
    reference: Callable[..., Any], empty: bool = True, one_axis: bool = False, **rest: Any
) -> Case:
    """One input, ``axis`` and ``keepdims``."""
    samples: list[Sample] = [
        ((normal(2, 3),), {"axis": 0}),
        ((normal(1, 5),), {"axis": -1}),
        ((normal(3, 4, 5),), {"axis": 1}),
        ((normal(7),), {"axis": 0}),
        ((normal(3, 1),), {"axis": -1}),
    ]
    if not one_axis:
        samples += [
            ((normal(2, 3),), {}),
            ((normal(),), {}),
            ((normal(3, 4, 5),), {"axis": (0, -1)}),
            ((normal(3, 4, 5),), {"axis": (2, 0), "keepdims": True}),
            ((normal(3, 5),), {"keepdims": True}),
            ((normal(2, 3),), {"axis": ()}),
        ]
    if empty:
        samples += [((normal(0, 3),), {"axis": 0}), ((normal(0, 3),), {"axis": 1})]
    return Case(reference, samples, ((normal(*LARGE),), {"axis": 0}), **rest)
