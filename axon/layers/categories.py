"""Categories and ranges of numbers, as vectors or ids."""

from typing import Any, Unpack

import numpy as np

from axon.backend import Array, ArrayLike, DType, Shape, as_array
from axon.checks import demand, integer
from axon.core import Tensor
from axon.layers import masks
from axon.layers.base import Layer
from axon.layers.options import LayerOptions
from axon.layers.preparation import IDS, Preparation, cells, check_mode, encoded, hashed
from axon.ops.index import lookup


class Hashing(Preparation):
    """Give each word or whole number one of ``num_bins`` ids, by a hash: no vocabulary is needed.

    Args:
        num_bins: how many ids there are; different values may share one.
        mask_value: the value that takes id 0, alone; None: there is none.
        salt: another one gives other ids, for a second layer that errs elsewhere.
        output_mode: "int", "one_hot", "multi_hot" or "count", as in StringLookup.
        options: name, dtype (of vectors).

    Ids depend on nothing but the value, the salt and ``num_bins`` (BLAKE2b of its text), so they
    are the same on all machines; they differ from those of Keras, which hashes in another way.

    >>> Hashing(num_bins=100)(["a", "b", "a"])
    array([28, 68, 28])
    """

    def __init__(
        self,
        num_bins: int,
        mask_value: str | int | None = None,
        salt: int | str | None = None,
        output_mode: str = "int",
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        self.num_bins = integer("Hashing", "num_bins", num_bins, 1 + (mask_value is not None))
        self.mask_value, self.salt = mask_value, salt
        known = ("int", "one_hot", "multi_hot", "count")
        self.output_mode = check_mode("Hashing", output_mode, known)

    def prepare(self, x: object) -> Array:
        """The ids of words or whole numbers, or vectors of them."""
        values = cells("Hashing", x)
        found = {value: self._place(value) for value in set(values.ravel().tolist())}
        flat = np.fromiter((found[v] for v in values.ravel().tolist()), IDS, values.size)
        return encoded(flat.reshape(values.shape), self.output_mode, self.num_bins, self.dtype)

    def _place(self, value: str | int) -> int:
        salt = "" if self.salt is None else str(self.salt)
        if self.mask_value is None:
            return hashed(value, self.num_bins, salt)
        return 0 if value == self.mask_value else 1 + hashed(value, self.num_bins - 1, salt)


class HashedCrossing(Preparation):
    """Give each pair of values of two features one of ``num_bins`` ids, by a hash.

    Args:
        num_bins: how many ids there are.
        output_mode: "int" or "one_hot".
        options: name, dtype (of vectors).

    It is called with the two features, arrays of words or whole numbers of one shape, one by one
    or in a list; or with two Inputs, which no other layer reads.

    >>> HashedCrossing(5)(["red", "blue"], [1, 1]).shape
    (2,)
    """

    columns = 2

    def __init__(
        self, num_bins: int, output_mode: str = "int", **options: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**options)
        self.num_bins = integer("HashedCrossing", "num_bins", num_bins)
        self.output_mode = check_mode("HashedCrossing", output_mode, ("int", "one_hot"))

    def prepare(self, x: object, *more: object) -> Array:
        """The ids of pairs, or vectors of them."""
        given = [*x] if isinstance(x, list | tuple) and len(x) == 2 and not more else []
        together = bool(given) and not any(isinstance(column, str | bytes) for column in given)
        columns = [cells("HashedCrossing", c) for c in (given if together else (x, *more))]
        shapes = [column.shape for column in columns]
        if len(columns) != 2 or shapes[0] != shapes[1]:
            raise ValueError(
                f"layer {self.name!r}: expected two features of one shape, layer(first, second), "
                f"got {len(columns)} of shapes {shapes}."
            )
        pairs = zip(*(column.ravel().tolist() for column in columns), strict=True)
        made = [hashed("_X_".join(map(str, pair)), self.num_bins, "") for pair in pairs]
        ids = np.array(made, IDS).reshape(shapes[0])
        return encoded(ids, self.output_mode, self.num_bins, self.dtype)


class CategoryEncoding(Layer):
    """Turn ids into vectors: of each (one-hot), or of all in a row (multi-hot, counts).

    Args:
        num_tokens: ids go from 0 to num_tokens - 1.
        output_mode: "multi_hot": (n, k) -> (n, num_tokens), 1 for each id in the row; "count": how
            often; "one_hot": (n, ...) -> (n, ..., num_tokens), (n, 1) like (n,).
        options: name, dtype.

    ``layer(ids, count_weights)`` counts each id by its weight (n, k).

    Raises:
        IndexError: an id is outside.

    >>> CategoryEncoding(num_tokens=3, output_mode="count")([[0, 2, 2], [1, 1, 1]])
    array([[1., 0., 2.],
           [0., 3., 0.]], dtype=float32)
    """

    on_mask = masks.REFUSED

    def __init__(
        self,
        num_tokens: int | None = None,
        output_mode: str = "multi_hot",
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        self.num_tokens = integer("CategoryEncoding", "num_tokens", num_tokens)
        known = ("one_hot", "multi_hot", "count")
        self.output_mode = check_mode("CategoryEncoding", output_mode, known)
        self._each = Tensor(np.eye(self.num_tokens, dtype=self.dtype))

    @property
    def input_dtype(self) -> DType:
        """Whole numbers."""
        return IDS

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Ids (n,) or (n, k); more axes for "one_hot" only."""
        if not 1 <= len(shape) <= (9 if self.output_mode == "one_hot" else 2):
            raise self.misfit("(n,) or (n, k)", shape)

    def taking(self, x: object) -> DType:
        """Ids are whole numbers; weights beside them are not."""
        given = x.dtype if isinstance(x, Tensor) else np.asarray(x).dtype
        return self.dtype if given.kind == "f" else IDS

    def call(self, x: Tensor, count_weights: Tensor | None = None) -> Tensor:
        """Look vectors up, and join those of a row."""
        single = x.ndim == 1 or x.shape[-1] == 1
        each = lookup(self._each, x.astype(IDS))
        if self.output_mode == "one_hot":
            return each.reshape(*x.shape[:-1], self.num_tokens) if single and x.ndim > 1 else each
        each = each.reshape(len(x), -1, self.num_tokens)
        if self.output_mode == "multi_hot":
            return each.max(axis=1)
        if count_weights is not None:
            each = each * count_weights.reshape(len(x), -1, 1).astype(self.dtype)
        return each.sum(axis=1)


class Discretization(Layer):
    """Turn numbers into the ids of the ranges in which they lie: (n, ...) -> the same, int64.

    Args:
        bin_boundaries: where ranges end, ascending: [0, 1] makes three, of which the second has
            0 <= x < 1; None: ``adapt`` finds them.
        num_bins: how many ranges ``adapt`` makes, with about the same number of values in each.
        output_mode: "int", or vectors: "one_hot", "multi_hot", "count", as in CategoryEncoding.
        options: name, dtype.

    >>> Discretization([0.0, 1.0])([[-2.0, 0.5], [1.0, 7.0]])
    array([[0, 1],
           [2, 2]])
    """

    on_mask = masks.REFUSED

    def __init__(
        self,
        bin_boundaries: ArrayLike | None = None,
        num_bins: int | None = None,
        *,
        output_mode: str = "int",
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        known = ("int", "one_hot", "multi_hot", "count")
        self.output_mode = check_mode("Discretization", output_mode, known)
        if (bin_boundaries is None) == (num_bins is None):
            raise ValueError(
                "Discretization: pass either bin_boundaries, or num_bins and then call adapt(data)."
            )
        self.num_bins = (
            num_bins if num_bins is None else integer("Discretization", "num_bins", num_bins, 2)
        )
        self.bin_boundaries: list[float] | None = None
        self._ends = Tensor(np.zeros(0))
        if bin_boundaries is not None:
            self._set(as_array(bin_boundaries, np.dtype("f8")))

    def _set(self, boundaries: Array) -> None:
        rises = boundaries.ndim == 1 and boundaries.size and (np.diff(boundaries) > 0).all()
        demand(
            rises and np.isfinite(boundaries).all(),
            "Discretization",
            "bin_boundaries",
            "finite numbers, each greater than the one before",
            boundaries.tolist(),
        )
        vars(self).update(bin_boundaries=boundaries.tolist(), _ends=Tensor(boundaries))

    def adapt(self, data: ArrayLike) -> None:
        """Take boundaries from data of any shape: quantiles of all numbers in it."""
        if self.num_bins is None:
            raise ValueError(f"layer {self.name!r}: bin_boundaries are given; nothing is adapted.")
        x = as_array(data, np.dtype("f8"))
        fits = x.size and np.isfinite(x).all()
        demand(fits, "Discretization", "data", "finite numbers", "others, or none")
        found = np.quantile(x, np.arange(1, self.num_bins) / self.num_bins)
        self._set(np.unique(found))

    @property
    def input_dtype(self) -> DType:
        """Float64: numbers near a boundary stay on their side."""
        return np.dtype(np.float64)

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Numbers of any shape."""
        if self.bin_boundaries is None:
            raise RuntimeError(f"layer {self.name!r}: call adapt(data) before use.")

    def call(self, x: Tensor) -> Tensor:
        """Count the boundaries that are not above each number."""
        ids = (x.reshape(*x.shape, 1) >= self._ends).sum(axis=-1)
        if self.output_mode == "int":
            return ids
        count = len(self.bin_boundaries or ()) + 1
        encoding = CategoryEncoding(count, self.output_mode, dtype=self.dtype)
        return encoding.call(ids)

    def config(self) -> dict[str, Any]:
        """The arguments that make this layer again: the boundaries, where they are known."""
        known = self.bin_boundaries is not None
        return {**super().config(), **({"num_bins": None} if known else {})}
