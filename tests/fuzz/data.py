"""Random arrays: every kind and size of number, byte order, and way of lying in memory."""

from random import Random
from typing import Any

import numpy as np

KINDS = ["f4"] * 6 + ["f8"] * 2 + ["f2", "g", "?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"]
WHOLE = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"]
ORDERS = "=<>"
LAYOUTS = [
    "plain",
    "plain",
    "fortran",
    "backwards",
    "last axis backwards",
    "every second",
    "every second of the last axis",
    "unaligned",
    "transposed",
    "of one value",
    "read-only",
    "list",
]
SPECIAL = {
    "nan": [np.nan],
    "infinite": [np.inf, -np.inf],
    "tiny": [1e-45, -1e-45, 1e-39, 1e-30, -0.0, 0.0],
    "huge": [3e38, -3e38, 1e30],
}


def dtype(draw: Random, kinds: list[str] = KINDS) -> str:
    """A type, in either byte order."""
    kind = draw.choice(kinds)
    return kind if kind in ("?", "i1", "u1") else draw.choice(ORDERS) + kind


def values(rng: np.random.Generator, shape: tuple[int, ...], kind: str) -> np.ndarray:
    """Numbers that fit into a type: bell-shaped, or small whole ones."""
    name = np.dtype(kind).kind
    if name == "f":
        return rng.normal(size=shape).astype(kind)
    low, high = {"b": (0, 2), "u": (0, 6), "i": (-4, 5)}[name]
    return rng.integers(low, high, shape).astype(kind)


def laid(array: np.ndarray, layout: str) -> Any:
    """The same numbers, lying otherwise in memory; "of one value" repeats the first sample."""
    return _LAYOUTS[layout](array)


def _backwards(a: np.ndarray) -> np.ndarray:
    return a[::-1].copy()[::-1]


def _last_backwards(a: np.ndarray) -> np.ndarray:
    return a[..., ::-1].copy()[..., ::-1]


def _second(a: np.ndarray) -> np.ndarray:
    wide = np.empty((2 * len(a), *a.shape[1:]), a.dtype)
    wide[::2] = a
    return wide[::2]


def _second_of_last(a: np.ndarray) -> np.ndarray:
    wide = np.empty((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)
    wide[..., ::2] = a
    return wide[..., ::2]


def _unaligned(a: np.ndarray) -> np.ndarray:
    memory = np.empty(a.nbytes + 1, np.uint8)
    found = memory[1:].view(a.dtype) if a.size else a[:0]
    found = found.reshape(a.shape)
    found[...] = a
    return found


def _one_value(a: np.ndarray) -> np.ndarray:
    return np.broadcast_to(a[:1], a.shape) if len(a) else a


def _read_only(a: np.ndarray) -> np.ndarray:
    copy = a.copy()
    copy.flags.writeable = False
    return copy


_LAYOUTS = {
    "plain": lambda a: a,
    "fortran": np.asfortranarray,
    "backwards": _backwards,
    "last axis backwards": _last_backwards,
    "every second": _second,
    "every second of the last axis": _second_of_last,
    "unaligned": _unaligned,
    "transposed": lambda a: a.T.copy().T,
    "of one value": _one_value,
    "read-only": _read_only,
    "list": lambda a: a.tolist(),
}


def sprinkled(rng: np.random.Generator, array: np.ndarray, special: str) -> np.ndarray:
    """Some of the floats become NaN, infinite, tiny or huge."""
    if array.dtype.kind == "f" and array.size and special:
        places = rng.integers(0, array.size, max(1, array.size // 20))
        with np.errstate(all="ignore"):
            array.flat[places] = rng.choice(SPECIAL[special], len(places))
    return array
