"""Embeddings for whole bags of ids, and those that also lead back from vectors to ids."""

from typing import Unpack

import numpy as np

from axon import initializers
from axon.activations import tanh
from axon.backend import Array, DType, Shape, as_array
from axon.checks import boolean, one_of, positive
from axon.core import Tensor, TensorLike
from axon.layers import masks
from axon.layers.embedding import Embedding
from axon.layers.options import LayerOptions, TypeName
from axon.ops.compare import where
from axon.ops.elementwise import maximum
from axon.ops.gathering import segment_max, segment_sum
from axon.ops.index import lookup
from axon.ops.ordering import searchsorted
from axon.parameter import Parameter

MODES = ("mean", "sum", "max")


class EmbeddingBag(Embedding):
    """The mean, sum or largest numbers of the vectors of several ids: (n, ids) -> (n, output_dim).

    Args:
        input_dim: size of the vocabulary; ids are 0 to input_dim - 1.
        output_dim: size of a vector.
        mode: "mean", "sum" or "max".
        padding_idx: an id that does not count, which fills bags up to one length; None: all count.
        embeddings_initializer: how the vectors begin.
        options: name, dtype, trainable, embeddings_regularizer, embeddings_constraint.

    With a mask (n, ids) only real ids count. A bag of none is 0. Called as ``layer(ids,
    per_sample_weights=w)`` a sum counts each vector as often as w (n, ids) says. Parameter:
    ``embeddings`` (input_dim, output_dim). Bags of different lengths in a row go with where each
    begins, as in PyTorch: ``layer(ids, offsets=[0, 2])``.

    >>> layer = EmbeddingBag(3, 1, "sum", padding_idx=0, embeddings_initializer="ones")
    >>> layer([[1, 2, 0], [1, 0, 0]]).ravel()
    array([2., 1.], dtype=float32)
    """

    on_mask = masks.USED

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        mode: str = "mean",
        padding_idx: int | None = None,
        embeddings_initializer: initializers.InitializerLike = "random_normal",
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(input_dim, output_dim, embeddings_initializer, **options)
        one_of("EmbeddingBag", "mode", mode, MODES)
        self.mode = mode
        self.padding_idx = padding_idx

    def accept(self, shape: Shape, *more: Shape) -> None:
        """A bag of ids for each sample; or all ids in a row, with ``offsets``."""
        super().accept(shape)
        if len(shape) not in (1, 2):
            raise self.misfit("(n, ids), or (ids,) with offsets=", shape)

    def build(self, *input_shapes: Shape) -> Shape:
        """Create the vectors; how many bags there are in a row of ids, only offsets tell."""
        if input_shapes != ((),):
            made: Shape = super().build(*input_shapes)
            return made
        if self.output_shape is None:
            self.create(())
            self.input_shape, self.output_shape = (), (self.output_dim,)
        return (self.output_dim,)

    def call(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        *,
        per_sample_weights: TensorLike | None = None,
        offsets: TensorLike | None = None,
        include_last_offset: bool = False,
    ) -> Tensor:
        """Look the ids up, and join the vectors of each bag.

        Args:
            x: ids (n, ids); or of all bags in a row, (ids,).
            mask: which ids are real.
            per_sample_weights: how often each vector counts in a sum, of the shape of x.
            offsets: where each bag begins in the row, rising from 0: (n,). Two that are equal make
                an empty bag.
            include_last_offset: whether the last offset is where the last bag ends.
        """
        assert self.embeddings is not None
        if x.ndim == 1 or offsets is not None:
            if mask is not None:
                raise ValueError(f"layer {self.name!r}: bags in a row take no mask.")
            return self._in_a_row(x, offsets, include_last_offset, per_sample_weights)
        seen, real = lookup(self.embeddings, x), self._real(x, mask)
        if per_sample_weights is not None:
            seen = seen * self._weights(per_sample_weights).reshape(*x.shape, 1)
        if self.mode == "max":
            return self._largest(seen, real)
        total = (seen if real is None else seen * real).sum(1)
        if self.mode == "sum":
            return total
        return total / (max(x.shape[1], 1) if real is None else maximum(real.sum(1), 1.0))

    def _in_a_row(
        self, x: Tensor, offsets: TensorLike | None, ended: bool, weights: TensorLike | None
    ) -> Tensor:
        """Join the vectors of bags of any length."""
        starts = None if offsets is None else self._starts(x, offsets, ended)
        if starts is None or x.ndim != 1:
            raise ValueError(
                f"layer {self.name!r}: ids in a row (ids,) go with offsets=, where each bag begins"
                f"; bags of one length are (n, ids) without. Got ids of shape {x.shape} and "
                f"offsets={offsets!r:.60}."
            )
        assert self.embeddings is not None
        places = Tensor(np.arange(len(x)))
        bag = searchsorted(starts, places, side="right") - 1
        if self.padding_idx is not None:
            bag = where(x == self.padding_idx, -1, bag)
        seen = lookup(self.embeddings, x)
        if weights is not None:
            seen = seen * self._weights(weights).reshape(len(x), 1)
        return self._joined(seen, bag, len(starts))

    def _joined(self, seen: Tensor, bag: Tensor, number: int) -> Tensor:
        """Sum, mean or maximum of the vectors of each bag; of none, 0."""
        ones = Tensor(np.ones((len(seen), 1), self.dtype))
        count = segment_sum(ones, bag, number)
        if self.mode == "max":
            return where(count > 0.0, segment_max(seen, bag, number), 0.0)
        total = segment_sum(seen, bag, number)
        return total if self.mode == "sum" else total / maximum(count, 1.0)

    def _starts(self, x: Tensor, offsets: TensorLike, ended: bool) -> Tensor:
        """Where bags begin: rising numbers from 0 to as many as there are ids."""
        given = offsets if isinstance(offsets, Tensor) else Tensor(np.asarray(offsets))
        values = given.data
        fits = values.ndim == 1 and values.dtype.kind in "iu" and len(values) > ended
        if fits:
            rising = values[0] == 0 and (np.diff(values) >= 0).all() and values[-1] <= len(x)
            fits = bool(rising) and (not ended or values[-1] == len(x))
        if not fits:
            raise ValueError(
                f"layer {self.name!r}: offsets must be whole numbers that rise from 0 to at most "
                f"{len(x)}, how many ids there are (and to it with include_last_offset), got "
                f"{values!r:.80}."
            )
        return given[:-1] if ended else given

    def _weights(self, given: TensorLike) -> Tensor:
        if self.mode != "sum":
            raise ValueError(
                f"layer {self.name!r}: per_sample_weights are for mode='sum', got {self.mode!r}"
            )
        return given if isinstance(given, Tensor) else Tensor(as_array(given, self.dtype))

    def _real(self, x: Tensor, mask: Tensor | None) -> Tensor | None:
        """1 where an id counts, else 0, (n, ids, 1); None if all do."""
        real = None if mask is None else masks.demand_steps(self.name, mask, x)
        if self.padding_idx is not None:
            counts = x != self.padding_idx
            real = counts if real is None else real * counts
        return None if real is None else real.astype(self.dtype).reshape(*x.shape, 1)

    def _largest(self, seen: Tensor, real: Tensor | None) -> Tensor:
        if real is None:
            return seen.max(1)
        lowest = float(np.finfo(self.dtype).min)
        return where(real.max(1) > 0.0, where(real > 0.0, seen, lowest).max(1), 0.0)

    def compute_mask(self, x: Tensor | Array, mask: masks.Mask = None) -> masks.Mask:
        """Nothing is left to be told apart."""


class ReversibleEmbedding(Embedding):
    """Vectors of ids, and back: ``layer(x, reverse=True)`` gives each id a score (Press, 2016).

    Backwards it is x E, with the transposed vectors of the way there, or with weights of its own.

    Args:
        input_dim: size of the vocabulary; ids are 0 to input_dim - 1.
        output_dim: size of a vector.
        tie_weights: use the same vectors on the way back.
        embeddings_initializer: how the vectors begin.
        embeddings_regularizer: what the size of the vectors costs.
        embeddings_constraint: what is applied to the vectors after each update.
        mask_zero: id 0 is padding.
        reverse_dtype: what the way back is computed in; the layer's type unless told otherwise.
        logit_soft_cap: scores y become cap tanh(y / cap), so that none is larger than it.
        options: name, dtype, trainable.

    Shapes: (n, ...) ids -> (n, ..., output_dim); reversed, (n, ..., output_dim) -> (n, ...,
    input_dim). Parameters: ``embeddings`` (input_dim, output_dim); if not tied,
    ``reverse_embeddings`` (output_dim, input_dim).

    Raises:
        TypeError: ids that are no whole numbers, without ``reverse=True``.

    >>> layer = ReversibleEmbedding(10, 4)
    >>> x = layer([[1, 2, 3]])
    >>> x.shape, layer(x, reverse=True).shape
    ((1, 3, 4), (1, 3, 10))
    """

    on_mask = masks.EACH

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        tie_weights: bool = True,
        embeddings_initializer: initializers.InitializerLike = "uniform",
        *,
        mask_zero: bool = False,
        reverse_dtype: TypeName = None,
        logit_soft_cap: float | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        owner = "ReversibleEmbedding"
        super().__init__(
            input_dim, output_dim, embeddings_initializer, mask_zero=mask_zero, **options
        )
        self.tie_weights = boolean(owner, "tie_weights", tie_weights)
        self.reverse_dtype = None if reverse_dtype is None else np.dtype(reverse_dtype)
        capped = logit_soft_cap is not None
        self.logit_soft_cap = positive(owner, "logit_soft_cap", logit_soft_cap) if capped else None
        self.reverse_embeddings: Parameter | None = None

    def taking(self, x: TensorLike) -> DType:
        """Whole numbers are ids, all else are vectors."""
        given = x if isinstance(x, Tensor) else as_array(x)
        return self.dtype if given.dtype.kind == "f" else self.input_dtype

    def create(self, *input_shapes: Shape) -> None:
        """Create the vectors, and weights for the way back, unless they are the same."""
        super().create(*input_shapes)
        if not self.tie_weights:
            shape = (self.output_dim, self.input_dim)
            self.reverse_embeddings = self.parameter(
                "reverse_embeddings", self.embeddings_initializer, shape
            )

    def call(self, x: Tensor, *, reverse: bool = False) -> Tensor:
        """Look the ids up; or score each id."""
        if reverse:
            return self._scores(x)
        if x.dtype.kind == "f":
            raise TypeError(
                f"layer {self.name!r}: ids must be whole numbers, got {x.dtype}. Use "
                "x.astype(int); or call the layer with reverse=True on vectors."
            )
        return super().call(x)

    def _scores(self, x: Tensor) -> Tensor:
        assert self.embeddings is not None
        if x.dtype.kind != "f" or x.shape[-1] != self.output_dim:
            hint = " With reverse=True it takes vectors."
            raise self.misfit(f"(n, ..., {self.output_dim}) of floats", x.shape, hint)
        own = self.reverse_embeddings
        kernel: Tensor = self.embeddings.transpose(1, 0) if own is None else own
        if self.reverse_dtype is not None:
            x, kernel = x.astype(self.reverse_dtype), kernel.astype(self.reverse_dtype)
        y = x @ kernel
        cap = self.logit_soft_cap
        return y if cap is None else tanh(y / cap) * cap

    def compute_mask(self, x: Tensor | Array, mask: masks.Mask = None) -> masks.Mask:
        """Where the id is not 0, if 0 is padding; of vectors, what was so before."""
        return mask if x.dtype.kind == "f" else super().compute_mask(x, mask)
