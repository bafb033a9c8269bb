"""What turns raw values, such as words, into numbers: by NumPy, once, where data come in."""

from abc import abstractmethod
from collections.abc import Hashable, Iterable, Iterator, Sequence
from hashlib import blake2b
from math import prod
from typing import Any

import numpy as np

from axon.backend import Array, ArrayLike, DType, Shape
from axon.checks import one_of
from axon.core import Tensor
from axon.layers import masks
from axon.layers.base import Layer
from axon.modes import modes

MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")
IDS = np.dtype(np.int64)


class Preparation(Layer):
    """A layer whose input may be anything, and whose output is made before anything is recorded.

    Arrays are raw values, which ``prepare`` turns into numbers. A Tensor holds what is prepared
    already, and passes: so a model that begins with such a layer prepares its data once, as they
    come in, and its recorded program begins behind it.
    """

    prepares = True
    on_mask = masks.EACH
    output_mode: str = "int"
    columns = 1  # how many raw inputs are turned into numbers together

    @property
    def raw(self) -> object:
        """A value that can be prepared."""
        return ""

    @abstractmethod
    def prepare(self, x: object) -> Array:
        """Turn raw values into numbers."""

    def prepared(self, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """Raw values as numbers."""
        return (self.prepare(*inputs),)

    @property
    def input_dtype(self) -> DType:
        """What is prepared: ids, or numbers that the layer behind computes with."""
        return IDS if self.output_mode == "int" else self.dtype

    def accept(self, shape: Shape, *more: Shape) -> None:
        """What is prepared fits."""

    def call(self, x: Tensor, *more: Tensor) -> Tensor:
        """Pass on what is prepared; of several inputs, it lies in the place of each."""
        if modes.unprepared:
            raise TypeError(
                f"layer {self.name!r}: it prepares raw values where data come in, and cannot in "
                f"the forward of model {modes.unprepared!r}, which gets them as they are. Put it "
                "before the model, Sequential([layer, model]); or write Model(inputs, outputs)."
            )
        return x

    def _entering(self, *inputs: object) -> list[Array]:
        return [self.prepare(*inputs)]

    def _forward_arrays(self, arrays: list[Array], options: dict[str, Any]) -> Array:
        return arrays[0]


# ------------------------------------------------------------------------------------ raw values


def cells(owner: str, x: object) -> Array:
    """Raw values as an array of text, or of whole numbers.

    Args:
        owner: who asks.
        x: an array, a list, a column of a table; of text, bytes (UTF-8) or whole numbers.

    Raises:
        TypeError: something else is among them; the first is named.

    >>> cells("StringLookup", ["a", b"b"])
    array(['a', 'b'], dtype=object)
    """
    array = np.asarray(x)
    if array.dtype.kind in "iub":
        return array
    if array.size and array.dtype.kind == "f" and (array == np.floor(array)).all():
        return array.astype(IDS)
    made = np.array([_cell(owner, v) for v in array.ravel().tolist()], object)
    integers = bool(made.size) and not any(isinstance(v, str) for v in made.tolist())
    return (made.astype(IDS) if integers else made).reshape(array.shape)


def _cell(owner: str, value: object) -> str | int:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, int | np.integer):
        return int(value)
    what = "a gap" if value is None or value != value else f"{value!r}, {type(value).__name__}"
    raise TypeError(
        f"{owner}: expected text or whole numbers, got {what}. Fill gaps first, with '' for "
        "example, and turn other values into text: [str(v) for v in values]."
    )


def hashed(value: Hashable, bins: int, salt: str) -> int:
    """A place from 0 to bins - 1 that depends on nothing but the value and the salt.

    >>> hashed("a", 100, ""), hashed("a", 100, "other")
    (28, 89)
    """
    digest = blake2b(str(value).encode(errors="surrogatepass"), digest_size=8, key=salt.encode())
    return int.from_bytes(digest.digest(), "little") % bins


# ------------------------------------------------------------------------------------ vectors


def check_mode(owner: str, mode: str, among: Sequence[str] = MODES) -> str:
    """The output mode, if there is such a one."""
    one_of(owner, "output_mode", mode, among)
    return mode


def encoded(
    ids: Array, mode: str, depth: int, dtype: DType, weights: ArrayLike | None = None
) -> Array:
    """Ids as they are, or as vectors of ``depth`` numbers.

    Args:
        ids: (n,) or (n, k), from 0 to depth - 1; -1 counts for nothing.
        mode: "int"; "one_hot": a vector for each id; "multi_hot", "count", "tf_idf": one for each
            row, which tells which ids are in it, how often, and how often times their weights.
        depth: how long vectors are.
        dtype: of vectors.
        weights: of each id (depth,), for "tf_idf".

    >>> encoded(np.array([[0, 2, 2]]), "count", 3, np.dtype("float32"))
    array([[1., 0., 2.]], dtype=float32)
    """
    if mode == "int":
        return ids
    if mode == "one_hot":
        ids = ids[..., 0] if ids.ndim > 1 and ids.shape[-1] == 1 else ids
        return (ids[..., None] == np.arange(depth)).astype(dtype)
    counts = _counts(ids[:, None] if ids.ndim == 1 else ids, depth)
    if mode == "multi_hot":
        return (counts > 0).astype(dtype)
    return (counts if mode == "count" else counts * np.asarray(weights)).astype(dtype)


def _counts(ids: Array, depth: int) -> Array:
    """How often each id stands in each row."""
    rows = ids.reshape(prod(ids.shape[:-1]), ids.shape[-1])  # there may be no words at all
    places = (np.arange(len(rows))[:, None] * depth + rows)[rows >= 0]
    counts = np.bincount(places, minlength=len(rows) * depth)
    return counts.reshape(*ids.shape[:-1], depth)


def rows_in(data: object) -> Iterable[Any]:
    """Data for ``adapt``: one piece, or the batches of an iterator one by one."""
    return data if isinstance(data, Iterator) else (data,)
