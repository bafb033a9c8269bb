"""Random numbers as a pure function of a key: the same key, the same bits, on any device.

A layer that draws keeps a key (seed, count) as a tensor and counts it up in place at every step, so
a replayed program draws anew each time, and a key that was saved goes on where it stopped.
"""

from functools import lru_cache
from math import pi, prod
from typing import Any

import numpy as np

from axon.backend import Array, DType, Shape, constant
from axon.bounds import Bounds
from axon.core import primitive

WORDS = 2**32  # as many values has a random word
_BITS: DType = np.dtype(np.uint32)
_PAIR: Shape = (2,)
_SEED = np.array([0x9E3779B1, 0x85EBCA77], _BITS)  # odd, and far apart: so are the places
_COUNT = np.array([0xC2B2AE3D, 0x27D4EB2F], _BITS)  # that two keys choose


def uniform_shape(key: Array, *, shape: Shape, dtype: DType, **_: object) -> tuple[Shape, DType]:
    """The shape and type asked for; also the place where a wrong key is found."""
    if key.shape != (2,) or key.dtype != _BITS:
        raise ValueError(f"expected a key of shape (2,) and dtype uint32, got {key.dtype}.")
    return shape, dtype


def uniform_workspace(key: Array, *, shape: Shape, **_: object) -> list[tuple[Shape, DType]]:
    """Workspace: a hash for each element, and for the key; each with room to compute it."""
    flat: Shape = (prod(shape),)
    return [(flat, _BITS)] * 2 + [(_PAIR, _BITS)] * 2


def normal_workspace(key: Array, *, shape: Shape, dtype: DType) -> list[tuple[Shape, DType]]:
    """Workspace: hashes for twice as many numbers, and the second half of these."""
    half: Shape = (prod(shape),)
    flat: Shape = (2 * half[0],)
    return [(flat, _BITS)] * 2 + [(_PAIR, _BITS)] * 2 + [(half, dtype)]


@primitive(result=uniform_shape, workspace=uniform_workspace, drawn=True)
def uniform(
    out: Array, key: Array, *, xp: Any, workspace: list[Array], shape: Shape, dtype: DType
) -> None:
    """Numbers in [0, 1), 24 random bits each, told by the key (seed, count) and their position.

    Each is a hash of its position i: x = a i + b, where the key chooses a and b, then two rounds of
    xor-shift and multiply (C. Wellons, Prospecting for Hash Functions, 2018: "lowbias32").

    >>> key = np.array([7, 0], np.uint32)
    >>> uniform(key, shape=(3,), dtype=np.dtype("f4")).round(2)
    array([0.13, 0.82, 0.46], dtype=float32)
    """
    fill_hashes(key, workspace, xp)
    _as_fractions(out.reshape(-1), workspace[0], xp)  # fresh memory, so this is a view


@primitive(result=uniform_shape, workspace=normal_workspace, drawn=True)
def normal(
    out: Array, key: Array, *, xp: Any, workspace: list[Array], shape: Shape, dtype: DType
) -> None:
    """Numbers with mean 0 and deviation 1: sqrt(-2 log(1 - u)) cos(2 pi v) (Box and Muller, 1958).

    >>> key = np.array([7, 0], np.uint32)
    >>> normal(key, shape=(2,), dtype=np.dtype("f4")).shape
    (2,)
    """
    flat, (*hashed, angle) = out.reshape(-1), workspace
    fill_hashes(key, hashed, xp)
    x, n = hashed[0], flat.size
    _as_fractions(flat, x[:n], xp)
    _as_fractions(angle, x[n:], xp)
    xp.multiply(angle, 2 * pi, out=angle)
    xp.cos(angle, out=angle)
    xp.negative(flat, out=flat)
    xp.log1p(flat, out=flat)
    xp.multiply(flat, -2, out=flat)
    xp.sqrt(flat, out=flat)
    xp.multiply(flat, angle, out=flat)


def keep_mask_workspace(key: Array, *, shape: Shape, **meta: Any) -> list[tuple[Shape, DType]]:
    """Workspace: a hash for each element, and its truth."""
    return [*uniform_workspace(key, shape=shape, **meta), ((prod(shape),), np.dtype(np.bool_))]


@primitive(
    result=uniform_shape,
    workspace=keep_mask_workspace,
    drawn=True,
    bounds=lambda asked, *_: Bounds(0.0, 1 / (1 - asked.meta["rate"]), True, "dropout"),
)
def keep_mask(
    out: Array,
    key: Array,
    *,
    xp: Any,
    workspace: list[Array],
    shape: Shape,
    dtype: DType,
    rate: float,
) -> None:
    """0 with probability ``rate``, else 1 / (1 - rate), so that the mean is 1.

    The 32 random bits of each element are compared with rate 2^32: no fraction is computed.

    >>> key = np.array([7, 0], np.uint32)
    >>> keep_mask(key, shape=(4,), dtype=np.dtype("f4"), rate=0.5)
    array([0., 2., 0., 2.], dtype=float32)
    """
    threshold = constant(threshold_of(rate), _BITS, xp)
    _fill_mask(out, key, threshold, 1 / (1 - rate), workspace, xp)


def threshold_of(rate: float) -> int:
    """As many of the 2^32 random words leave a number out.

    >>> threshold_of(0.25) / 2**32
    0.25
    """
    return min(round(rate * WORDS), WORDS - 1)


def dropout_mask_shape(
    key: Array, threshold: Array, value: Array, *, shape: Shape
) -> tuple[Shape, DType]:
    """The shape asked for, in the type of the value; also where wrong numbers are found."""
    if (threshold.shape, value.shape) != ((), ()):
        raise ValueError("expected single numbers for threshold and value.")
    return uniform_shape(key, shape=shape, dtype=value.dtype)


def dropout_mask_workspace(
    key: Array, threshold: Array, value: Array, *, shape: Shape
) -> list[tuple[Shape, DType]]:
    """Workspace: that of keep_mask, and the threshold as a word."""
    return [*keep_mask_workspace(key, shape=shape), ((1,), _BITS)]


@primitive(
    result=dropout_mask_shape,
    workspace=dropout_mask_workspace,
    drawn=True,
    bounds=lambda asked, key, threshold, value: Bounds(0.0, value.bounds.high, True, "dropout"),
)
def dropout_mask(
    out: Array,
    key: Array,
    threshold: Array,
    value: Array,
    *,
    xp: Any,
    workspace: list[Array],
    shape: Shape,
) -> None:
    """0 where 32 random bits are below the threshold, else ``value``.

    So it is ``keep_mask`` of a rate that can change: threshold = rate 2^32, value = 1 / (1 - rate).

    >>> key = np.array([7, 0], np.uint32)
    >>> numbers = np.array(threshold_of(0.5)), np.array(2, np.float32)
    >>> dropout_mask(key, *numbers, shape=(4,))
    array([0., 2., 0., 2.], dtype=float32)
    """
    *more, word = workspace
    xp.copyto(word, threshold, casting="unsafe")
    _fill_mask(out, key, word, value, more, xp)


def _fill_mask(
    out: Array, key: Array, threshold: Array, value: float | Array, workspace: list[Array], xp: Any
) -> None:
    """0 where a random word is below the threshold, a word, else the value."""
    *words, kept = workspace
    fill_hashes(key, words, xp)
    xp.greater_equal(words[0], threshold, out=kept)
    flat = out.reshape(-1)  # fresh memory, so this is a view
    xp.copyto(flat, kept)
    xp.multiply(flat, value, out=flat)


def fill_hashes(key: Array, workspace: list[Array], xp: Any) -> None:
    """Fill work[0] with 32 random bits an element."""
    x, shifted, place, small = workspace
    xp.multiply(_SEED, key[:1], out=place)
    xp.multiply(_COUNT, key[1:], out=small)
    xp.add(place, small, out=place)
    _mix(place, small, xp)
    xp.bitwise_or(place[:1], 1, out=place[:1])  # an odd factor loses no bits
    xp.multiply(_positions(x.size, xp), place[:1], out=x)
    xp.add(x, place[1:], out=x)
    _mix(x, shifted, xp)


def _mix(x: Array, shifted: Array, xp: Any) -> None:
    """Let every bit depend on every other."""
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B), (16, 1)):
        xp.right_shift(x, shift, out=shifted)
        xp.bitwise_xor(x, shifted, out=x)
        if factor > 1:
            xp.multiply(x, factor, out=x)


def _as_fractions(out: Array, bits: Array, xp: Any) -> None:
    """The upper 24 bits as a number in [0, 1): more than that float32 does not hold."""
    xp.right_shift(bits, 8, out=bits)
    xp.copyto(out, bits, casting="unsafe")
    xp.multiply(out, 2.0**-24, out=out)


@lru_cache(maxsize=16)
def _positions(size: int, xp: Any) -> Array:
    """Return 0, 1, 2 and so on, made once for each size: few are kept, since they may be large."""
    array: Array = xp.arange(size, dtype=_BITS)
    return array


uniform.gradient(None)
normal.gradient(None)
keep_mask.gradient(None)
dropout_mask.gradient(None, None, lambda g, y, key, threshold, value, **_: (g * y / value).sum())
