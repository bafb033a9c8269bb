"""Random numbers as a pure function of a key and a position (axon/ops/random.py)."""

from typing import Any

import numpy as np
from numba import njit

from axon.fast.kernels.arguments import Address, Float, Floats, Integers, Real
from axon.fast.kernels.declare import kernel
from axon.fast.kernels.functions import cos_of_turns, log1p
from axon.fast.kernels.intrinsics import unsigned

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


@njit(inline="always")
def start_of(row: int, n: int, key: int) -> Any:
    """The position of the first number of a row, and what the key chooses."""
    a, b = factors(key)
    return U(row * n), a, b


@njit(forceinline=True)
def mask(rows: int, row: int, n: int, out: Any, key: int, threshold: int, value: float) -> None:
    """0 where a hash is below the threshold, else ``value``."""
    start, a, b = start_of(row, n, key)
    for i in range(np.uint32(rows * n)):
        at = U(start + U(i))
        out[i] = value if mix(U(U(a * at) + b)) >= threshold else ZERO


@kernel
def keep_mask(
    rows: int, row: int, n: int, out: Floats, key: Address, threshold: int, value: Real
) -> None:
    """0 or ``value``: n numbers for each row, from number ``row`` on."""
    mask(rows, row, n, out, key, U(threshold), value)


@kernel
def dropout_mask(
    rows: int, row: int, n: int, out: Floats, key: Address, threshold: Integers, value: Float
) -> None:
    """As keep_mask, whose numbers lie in memory."""
    mask(rows, row, n, out, key, U(threshold[0]), value)


@kernel
def uniform(rows: int, row: int, n: int, out: Floats, key: Address) -> None:
    """Numbers in [0, 1)."""
    start, a, b = start_of(row, n, key)
    for i in range(np.uint32(rows * n)):
        out[i] = fraction(a, b, U(start + U(i)))


@kernel
def normal(rows: int, row: int, n: int, out: Floats, key: Address, size: int) -> None:
    """sqrt(-2 log(1 - u)) cos(2 pi v); v is ``size`` numbers behind u."""
    start, a, b = start_of(row, n, key)
    for i in range(np.uint32(rows * n)):
        at = U(start + U(i))
        u, v = fraction(a, b, at), fraction(a, b, U(at + U(size)))
        out[i] = np.sqrt(MINUS_TWO * log1p(-u)) * cos_of_turns(v)
