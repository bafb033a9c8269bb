"""Sequences of different lengths as one array."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from axon.backend import Array, DTypeLike
from axon.checks import integer, one_of


def pad_sequences(
    sequences: Sequence[Sequence[Any]],
    maxlen: int | None = None,
    dtype: DTypeLike = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: float = 0.0,
) -> Array:
    """Make sequences equally long: shorter ones are filled up, longer ones cut.

    Args:
        sequences: lists of numbers, or arrays (time, ...) whose other axes agree.
        maxlen: how long; None: as the longest one.
        dtype: of the array.
        padding: where shorter ones are filled up: "pre", before, or "post", behind.
        truncating: where longer ones are cut: "pre" or "post".
        value: what they are filled up with.

    Returns:
        (n, maxlen, ...).

    Raises:
        TypeError: one is no sequence.
        ValueError: their other axes differ.

    >>> pad_sequences([[1, 2, 3], [4]], padding="post")
    array([[1, 2, 3],
           [4, 0, 0]], dtype=int32)
    """
    for name, end in (("padding", padding), ("truncating", truncating)):
        one_of("pad_sequences", name, end, ("pre", "post"))
    arrays = [_as_sequence(i, given) for i, given in enumerate(sequences)]
    longest = max(map(len, arrays), default=0)
    length = longest if maxlen is None else integer("pad_sequences", "maxlen", maxlen)
    inner = next((a.shape[1:] for a in arrays if len(a)), ())
    made = np.full((len(arrays), length, *inner), value, dtype)
    for i, array in enumerate(arrays):
        if len(array) and array.shape[1:] != inner:
            raise ValueError(
                f"pad_sequences: the steps of sequence {i} have shape {array.shape[1:]}, those "
                f"before it {inner}."
            )
        kept = array[max(len(array) - length, 0) :] if truncating == "pre" else array[:length]
        if len(kept):
            place = slice(length - len(kept), None) if padding == "pre" else slice(len(kept))
            made[i, place] = kept
    return made


def _as_sequence(number: int, given: Any) -> Array:
    array = np.asarray(given)
    if not array.ndim or array.dtype.kind in "OUS":
        raise TypeError(
            f"pad_sequences: expected sequences of numbers, but number {number} is {given!r:.60}."
        )
    return array
