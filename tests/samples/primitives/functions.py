"""Samples of elementary functions, of rounding and bits, of sums up to here and of ranks.

They come behind those that were there before, and draw from a generator of their own.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.samples.primitives.case import LARGE, Case

SHAPES = [(2, 3), (), (0, 3), (3, 1, 5)]
PAIRS = [((2, 3), (2, 3)), ((5, 1), (1, 7)), ((), (3,)), ((0, 3), (3,))]
_random = np.random.default_rng(7)


def within(low: float, high: float) -> Callable[..., np.ndarray]:
    """Numbers between two, none of them within 0.02 of a whole one."""

    def make(*shape: int) -> np.ndarray:
        x = _random.uniform(low, high, shape)
        return np.asarray(np.where(abs(x - np.rint(x)) < 0.02, x + 0.05, x))

    return make


def whole(low: int, high: int) -> Callable[..., np.ndarray]:
    return lambda *shape: np.asarray(_random.integers(low, high, shape))


def each(reference: Callable[..., Any], make: Callable[..., np.ndarray]) -> Case:
    samples = [((make(*shape),), {}) for shape in SHAPES]
    return Case(reference, samples, ((make(*LARGE),), {}))


def pairs(
    reference: Callable[..., Any], make: Callable[..., Any], other: Callable[..., Any]
) -> Case:
    samples = [((make(*a), other(*b)), {}) for a, b in PAIRS]
    return Case(reference, samples, ((make(*LARGE), other(*LARGE)), {}))


def _bits(function: Callable[[int, int], int]) -> Callable[..., Any]:
    return lambda x, y: np.frompyfunc(function, 2, 1)(x, y).astype(np.int64)


def _up_to_here(x: Any, axis: int) -> Any:
    rows = np.moveaxis(x, axis, -1)
    sums = [rows[..., : i + 1].sum(-1) for i in range(rows.shape[-1])]
    return np.moveaxis(np.stack(sums, -1), -1, axis) if sums else x


def _rank(x: Any, axis: int = -1) -> Any:
    return (
        np.lexsort((np.moveaxis(x, axis, -1),), axis=-1)
        if x.ndim == 1
        else np.moveaxis(
            np.apply_along_axis(lambda row: np.lexsort((row,)), -1, np.moveaxis(x, axis, -1)),
            -1,
            axis,
        )
    )


def _largest(x: Any, ids: Any, segments: int) -> Any:
    least = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    rows = [x[ids == i].max(0, initial=least) for i in range(segments)]
    return np.array(rows).astype(x.dtype).reshape(segments, *x.shape[1:])


signed, inside, above = within(-1.9, 1.9), within(-0.9, 0.9), within(1.1, 3.0)
SAMPLES: dict[str, Case] = {
    # axon/ops/functions.py
    "expm1": each(lambda x: 2 * np.exp(x / 2) * np.sinh(x / 2), signed),
    "log1p": each(lambda x: np.log(1 + x), inside),
    "tan": each(lambda x: np.sin(x) / np.cos(x), inside),
    "arcsin": each(lambda x: np.angle(np.sqrt(1 - x * x) + 1j * x), inside),
    "arccos": each(lambda x: np.angle(x + 1j * np.sqrt(1 - x * x)), inside),
    "arctan": each(lambda x: np.angle(1 + 1j * x), signed),
    "arctan2": pairs(lambda y, x: np.angle(x + 1j * y), signed, within(0.1, 2.0)),
    "sinh": each(lambda x: (np.exp(x) - np.exp(-x)) / 2, signed),
    "cosh": each(lambda x: (np.exp(x) + np.exp(-x)) / 2, signed),
    "arcsinh": each(lambda x: np.log(x + np.sqrt(x * x + 1)), signed),
    "arccosh": each(lambda x: np.log(x + np.sqrt(x * x - 1)), above),
    "arctanh": each(lambda x: np.log((1 + x) / (1 - x)) / 2, inside),
    # axon/ops/rounding.py
    "floor": each(lambda x: x - x % 1, signed),
    "ceil": each(lambda x: x + -x % 1, signed),
    "rint": each(lambda x: (2 * x + 1) // 2, inside),
    "mod": pairs(lambda x, y: x - y * (x // y), signed, within(0.3, 0.7)),
    "floor_divide": pairs(
        lambda x, y: ((x - x % y) / y).round().astype(x.dtype), signed, within(0.3, 0.7)
    ),
    "bitwise_and": pairs(_bits(int.__and__), whole(-9, 9), whole(-9, 9)),
    "bitwise_or": pairs(_bits(int.__or__), whole(-9, 9), whole(-9, 9)),
    "bitwise_xor": pairs(_bits(int.__xor__), whole(-9, 9), whole(-9, 9)),
    "left_shift": pairs(_bits(int.__lshift__), whole(-9, 9), whole(0, 9)),
    "right_shift": pairs(_bits(int.__rshift__), whole(-99, 99), whole(0, 9)),
    # axon/ops/cumulative.py
    "cumsum": Case(
        _up_to_here,
        [
            ((signed(2, 3),), {"axis": 0}),
            ((signed(3, 4, 5),), {"axis": -2}),
            ((signed(7),), {"axis": -1}),
            ((signed(3, 0),), {"axis": 0}),
        ],
        ((signed(*LARGE),), {"axis": 0}),
    ),
    # axon/ops/ordering.py
    "argsort": Case(
        _rank,
        [
            ((signed(2, 3),), {"axis": 0}),
            ((signed(3, 4, 5),), {"axis": -2}),
            ((signed(7),), {}),
            ((signed(2, 0),), {}),
        ],
        ((signed(*LARGE),), {"axis": -1}),
        nan_shows=[],
    ),
    # axon/ops/gathering.py
    "segment_max": Case(
        _largest,
        [
            ((signed(5, 2), np.array([0, 2, 0, 1, 2])), {"segments": 3}),
            ((signed(4), np.array([1, 1, 1, 0], np.int8)), {"segments": 2}),
            ((signed(3, 2, 2), np.array([1, 0, 1])), {"segments": 2}),
        ],
        ((signed(*LARGE), whole(0, 8)(LARGE[0])), {"segments": 8}),
        nan_shows=[],  # it does, but NumPy's maximum.at warns of it
    ),
}
