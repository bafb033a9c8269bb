"""Samples of the primitives in axon/ops/join.py and axon/ops/random.py."""

from typing import Any

import numpy as np

from tests.samples.primitives.case import LARGE, Case, normal

WORD = 2**32


def _mix(x: int) -> int:
    """Wellons' lowbias32, in whole numbers of any size."""
    x ^= x >> 16
    x = x * 0x7FEB352D % WORD
    x ^= x >> 15
    x = x * 0x846CA68B % WORD
    return x ^ x >> 16


def _fractions(key: Any, count: int) -> np.ndarray:
    seed, step = map(int, key)
    a = _mix((seed * 0x9E3779B1 + step * 0xC2B2AE3D) % WORD) | 1
    b = _mix((seed * 0x85EBCA77 + step * 0x27D4EB2F) % WORD)
    return np.array([(_mix((a * i + b) % WORD) >> 8) / 2**24 for i in range(count)])


def _uniform(key: Any, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    return _fractions(key, int(np.prod(shape))).reshape(shape).astype(dtype)


def _normal(key: Any, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    u, v = np.split(_fractions(key, 2 * int(np.prod(shape))), 2)
    return (np.sqrt(-2 * np.log(1 - u)) * np.cos(2 * np.pi * v)).reshape(shape).astype(dtype)


def _keys() -> list[Any]:
    def key(*words: int) -> Any:
        return (np.array(words, np.uint32),)

    asked = {"dtype": np.dtype(np.float64)}
    return [
        (key(0, 0), {"shape": (2, 3), **asked}),
        (key(7, 1), {"shape": (1, 5), **asked}),
        (key(WORD - 1, WORD - 1), {"shape": (), **asked}),
        (key(3, 4), {"shape": (0, 3), **asked}),
        (key(5, 6), {"shape": (2, 1, 4), **asked}),
    ]


_LARGE_DRAW = (
    (np.array([1, 2], np.uint32),),
    {"shape": LARGE, "dtype": np.dtype(np.float32)},
)

SAMPLES: dict[str, Case] = {
    "concatenate": Case(
        lambda *xs, axis=-1: np.concatenate(xs, axis),
        [
            ((normal(2, 3), normal(2, 1)), {}),
            ((normal(2, 3), normal(4, 3)), {"axis": 0}),
            ((normal(1, 2, 3), normal(1, 2, 3)), {"axis": 1}),
            ((normal(0, 3), normal(2, 3)), {"axis": -2}),
            ((normal(3), normal(0)), {"axis": 0}),
        ],
        ((normal(*LARGE), normal(*LARGE)), {"axis": 0}),
    ),
    "uniform": Case(_uniform, _keys(), _LARGE_DRAW, strided=False),
    "normal": Case(_normal, _keys(), _LARGE_DRAW, strided=False),
}
