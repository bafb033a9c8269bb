"""Embeddings: a learned vector for each id, and for each place in a sequence."""

from typing import Any, Unpack

import numpy as np

from axon import initializers
from axon.backend import Array, ArrayLike, DType, Shape, as_array
from axon.checks import integer, one_of
from axon.core import Tensor
from axon.layers import masks
from axon.layers.base import Layer
from axon.layers.options import LayerOptions
from axon.layers.past import Past
from axon.modes import modes
from axon.ops.compare import both
from axon.ops.index import lookup
from axon.parameter import Parameter


class Embedding(Layer):
    """Turn ids into vectors, which are learned: (n, time) -> (n, time, output_dim).

    Args:
        input_dim: size of the vocabulary; ids are 0 to input_dim - 1.
        output_dim: size of a vector.
        embeddings_initializer: how the vectors begin; a name or a function (shape, dtype) -> array.
        mask_zero: id 0 is padding: the layers behind this one skip it, as do loss and metrics.
        weights: vectors to begin with (input_dim, output_dim), learned elsewhere.
        options: name, dtype, trainable, embeddings_regularizer, embeddings_constraint.

    Inputs are whole numbers of any shape (n, ...); of floats, which often come from files, the
    fraction is cut off. Parameter: ``embeddings`` (input_dim, output_dim).

    Raises:
        IndexError: an id is outside the vocabulary; at every step, before anything is learned.

    >>> layer = Embedding(1000, 8)
    >>> layer.forward([[4, 10, 2], [1, 0, 0]]).shape
    (2, 3, 8)
    """

    on_mask = masks.EACH
    mask_axes = 1

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: initializers.InitializerLike = "random_uniform",
        *,
        mask_zero: bool = False,
        weights: ArrayLike | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        self.input_dim = integer("Embedding", "input_dim", input_dim)
        self.output_dim = integer("Embedding", "output_dim", output_dim)
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.mask_zero = bool(mask_zero)
        self.embeddings: Parameter | None = None
        if weights is not None:
            self._begin(as_array(weights[0] if isinstance(weights, list) else weights, self.dtype))

    def _begin(self, vectors: Array) -> None:
        shape = (self.input_dim, self.output_dim)
        if vectors.shape != shape:
            raise ValueError(
                f"Embedding: weights must have the shape {shape}, got {vectors.shape}."
            )
        self.embeddings = self.parameter("embeddings", lambda *_: vectors, shape)

    @classmethod
    def from_pretrained(
        cls, embeddings: ArrayLike, freeze: bool = True, **options: Any
    ) -> "Embedding":
        """Make an Embedding of vectors (ids, output_dim) that were learned elsewhere.

        Args:
            embeddings: the vectors.
            freeze: leave them as they are in training.
            options: those of ``Embedding``.

        >>> Embedding.from_pretrained(np.eye(3))([[2, 0]])
        array([[[0., 0., 1.],
                [1., 0., 0.]]], dtype=float32)
        """
        vectors = as_array(embeddings)
        if vectors.ndim != 2:
            raise ValueError(f"Embedding: expected vectors (ids, numbers), got {vectors.shape}.")
        return cls(*vectors.shape, weights=vectors, trainable=not freeze, **options)

    @property
    def input_dtype(self) -> DType:
        """Whole numbers."""
        return np.dtype(np.int64)

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Ids may have any shape."""
        if not shape:
            raise self.misfit("(n,) or (n, time)", shape, " Use [id] for a single one.")

    def create(self, *input_shapes: Shape) -> None:
        """Create the vectors."""
        if self.embeddings is None:
            shape = (self.input_dim, self.output_dim)
            self.embeddings = self.parameter("embeddings", self.embeddings_initializer, shape)

    def config(self) -> dict[str, Any]:
        """The arguments that make this layer again; vectors lie beside, as parameters do."""
        return {**super().config(), "weights": None}

    def call(self, x: Tensor) -> Tensor:
        """Look the ids up."""
        assert self.embeddings is not None
        return lookup(self.embeddings, x)

    def compute_mask(self, x: Tensor | Array, mask: masks.Mask = None) -> masks.Mask:
        """Where the id is not 0, if 0 is padding."""
        if not self.mask_zero:
            return mask
        given = (x if isinstance(x, Tensor) else as_array(x, self.input_dtype)) != 0
        return given if mask is None else both(masks.as_mask(mask), masks.as_mask(given))


class PositionalEmbedding(Layer):
    """Add to each step of a sequence a vector that stands for its place in it.

    Args:
        sequence_length: steps of the longest sequence; None to learn it from the first data.
            Shorter ones use the first vectors.
        kind: "learned", or "sinusoidal": waves whose lengths grow from 2 pi to 10,000 times that,
            so that any distance between places is a rotation (Vaswani and others, 2017).
        embeddings_initializer: how learned vectors begin.
        options: name, dtype, trainable, embeddings_regularizer, embeddings_constraint.

    Shapes: (n, time, features) -> the same. Parameter, if learned: ``embeddings`` (sequence_length,
    features).

    >>> layer = PositionalEmbedding(kind="sinusoidal")
    >>> layer.forward(np.zeros((1, 2, 4))).round(2)
    array([[[0.  , 0.  , 1.  , 1.  ],
            [0.84, 0.01, 0.54, 1.  ]]], dtype=float32)
    """

    on_mask = masks.STEPS

    def __init__(
        self,
        sequence_length: int | None = None,
        kind: str = "learned",
        embeddings_initializer: initializers.InitializerLike = "glorot_uniform",
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        if sequence_length is not None:
            integer("PositionalEmbedding", "sequence_length", sequence_length)
        one_of("PositionalEmbedding", "kind", kind, ("learned", "sinusoidal"))
        self.sequence_length, self.kind = sequence_length, kind
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings: Parameter | None = None

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Sequences may be shorter than the longest, but not longer."""
        features = self.input_shape[-1] if self.input_shape else None
        if len(shape) != 3 or features not in (None, shape[2]):
            raise self.misfit(f"(n, time, {features or 'features'})", shape)
        longest = self.sequence_length
        if longest is not None and shape[1] > longest and self.kind == "learned":
            hint = f" It has learned {longest} places: make it with sequence_length={shape[1]}."
            raise self.misfit(f"(n, at most {longest}, {shape[2]})", shape, hint)

    def create(self, *input_shapes: Shape) -> None:
        """Create a vector for each place."""
        time, features = input_shapes[0]
        if self.sequence_length is None:
            self.sequence_length = time
        if self.kind == "learned":
            shape = (self.sequence_length, features)
            self.embeddings = self.parameter("embeddings", self.embeddings_initializer, shape)

    def call(self, x: Tensor) -> Tensor:
        """Add them; padding is treated like any step."""
        _, time, features = x.shape
        if modes.past is not None:
            return x + self._after(modes.past, time, features)
        if self.embeddings is None:
            return x + Tensor(waves(time, features).astype(x.dtype))
        return x + self.embeddings[:time]

    def _after(self, past: Past, time: int, features: int) -> Tensor:
        """The vectors of the places that come after those read before: (time, features)."""
        if self.embeddings is None:
            table = Tensor(waves(past.length, features).astype(self.dtype))
            return lookup(table, past.places(time))
        if past.length > len(self.embeddings):
            raise ValueError(
                f"layer {self.name!r}: it has learned {len(self.embeddings)} places, but there "
                f"would be {past.length} steps. Generate less, or make it with a larger "
                "sequence_length."
            )
        return lookup(self.embeddings, past.places(time))


def waves(time: int, features: int) -> Array:
    """Sines, then cosines, of the place t: sin(t / 10000^(2 i / features)).

    >>> waves(2, 2).round(2)
    array([[0.  , 1.  ],
           [0.84, 0.54]])
    """
    half = -(-features // 2)
    lengths = 10_000.0 ** (np.arange(half) * 2 / features)
    angles = np.arange(time)[:, None] / lengths
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)[:, :features]
