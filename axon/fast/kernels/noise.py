"""Random numbers as a pure function of a key and a position (axon/ops/random.py)."""

from typing import Any

import numpy as np
from numba import njit

from axon.fast.kernels.declare import kernel
from axon.fast.kernels.functions import cos_of_turns, log1p
from axon.fast.kernels.intrinsics import floats, unsigned, words

U = np.uint32
SEED_A, SEED_B, COUNT_A, COUNT_B = U(0x9E3779B1), U(0x85EBCA77), U(0xC2B2AE3D), U(0x27D4EB2F)
FIRST, SECOND, S16, S15, S8, ODD = U(0x7FEB352D), U(0x846CA68B), U(16), U(15), U(8), U(1)
UNIT, ZERO, MINUS_TWO = np.float32(2.0**-24), np.float32(0), np.float32(-2)


@njit(forceinline=True)
def mix(x: int) -> int:
    """Let every bit depend on every other."""
    x = U(x ^ U(x >> S16))
    x = U(x * FIRST)
    x = U(x ^ U(x >> S15))
    x = U(x * SECOND)
    return U(x ^ U(x >> S16))


@njit(forceinline=True)
def fraction(a: int, b: int, i: int) -> float:
    """The upper 24 bits of the hash of a position, as a number in [0, 1)."""
    return np.float32(np.int32(mix(U(U(a * U(i)) + b)) >> S8)) * UNIT


@njit(inline="always")
def factors(key: int) -> Any:
    """What a key chooses: positions i are hashed as a i + b."""
    k = unsigned(key, 2)
    a = mix(U(U(SEED_A * k[0]) + U(COUNT_A * k[1])))
    return U(a | ODD), mix(U(U(SEED_B * k[0]) + U(COUNT_B * k[1])))


@kernel
def keep_mask(address: int) -> None:
    """0 or ``value``. Words: first row, numbers per row, out, key, threshold, bits of value."""
    w = words(address, 8)
    n, start = w[0] * w[3], U(w[2] * w[3])
    a, b = factors(w[5])
    out, threshold, value = floats(w[4], n), U(w[6]), floats(address + 56, 1)[0]
    for i in range(np.uint32(n)):
        out[i] = value if mix(U(U(a * U(start + U(i))) + b)) >= threshold else ZERO


@kernel
def uniform(address: int) -> None:
    """Numbers in [0, 1). Words: first row, numbers per row, out, key."""
    w = words(address, 6)
    n, start = w[0] * w[3], U(w[2] * w[3])
    a, b = factors(w[5])
    out = floats(w[4], n)
    for i in range(np.uint32(n)):
        out[i] = fraction(a, b, U(start + U(i)))


@kernel
def normal(address: int) -> None:
    """sqrt(-2 log(1 - u)) cos(2 pi v). Words: first row, numbers per row, out, key, numbers."""
    w = words(address, 7)
    n, start, half = w[0] * w[3], U(w[2] * w[3]), U(w[6])
    a, b = factors(w[5])
    out = floats(w[4], n)
    for i in range(np.uint32(n)):
        at = U(start + U(i))
        u, v = fraction(a, b, at), fraction(a, b, U(at + half))
        out[i] = np.sqrt(MINUS_TWO * log1p(-u)) * cos_of_turns(v)
