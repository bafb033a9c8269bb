"""Layers of several members side by side: as many networks as there are members, in one program.

Between them data have the members as the second axis, (n, members, features). Inside, members come
first: the products of a batch of matrices read and write one piece of memory for each member, and
the transposes between two layers cancel, as they are views.
"""

from typing import Any, Unpack

import numpy as np

from axon import activations, initializers
from axon.backend import Array, DType, Shape
from axon.checks import integer
from axon.core import Tensor
from axon.layers import masks
from axon.layers.base import Layer
from axon.layers.normalization import BatchNormalization, LayerNormalization
from axon.layers.options import LayerOptions
from axon.ops.index import lookup
from axon.ops.standardize import standardize
from axon.parameter import Parameter

SWAPPED = (1, 0, 2)  # (n, members, features) <-> (members, n, features)


class _Packed(Layer):
    """What packed layers share: the number of members, and how their parameters begin."""

    def __init__(self, members: int, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.members = _members(self, members, dict(options))

    def of_each(
        self,
        name: str,
        initializer: "initializers.InitializerLike",
        shape: Shape,
        axis: int = 0,
    ) -> Parameter:
        """Make a parameter of all members: each one's begins as that of a single layer would.

        Args:
            name: what it is called.
            initializer: how each begins.
            shape: what each member has.
            axis: where the axis of the members lies in the parameter.
        """
        chosen = initializers.get(initializer)
        if isinstance(chosen, initializers._Random) and chosen.seed is not None:
            raise ValueError(
                f"layer {self.name!r}: the initializer of {name!r} has a seed, so all members "
                "would begin, and learn, alike. Leave its seed out; axon.set_random_seed "
                "makes runs repeat."
            )

        def begin(complete: Shape, dtype: DType) -> Array:
            return np.stack([np.asarray(chosen(shape, dtype)) for _ in range(self.members)], axis)

        return self.parameter(name, begin, (*shape[:axis], self.members, *shape[axis:]))


class PackedDense(_Packed):
    """``members`` Dense layers side by side: y_m = f(x_m W_m + b_m).

    Args:
        members: how many layers.
        num_neurons: how many neurons each of them has.
        activation: a function or its name.
        use_bias: False leaves b out.
        kernel_initializer: how each W begins; a name or a function (shape, dtype) -> array.
        bias_initializer: how each b begins.
        options: name, dtype, trainable, kernel_regularizer and bias_regularizer.

    Shapes: (n, features), which all members read, or (n, members, features), each its own ->
    (n, members, num_neurons). Parameters: ``weights`` (members, features, num_neurons) and ``bias``
    (members, num_neurons).

    >>> layer = PackedDense(8, 3, "relu")
    >>> layer.forward(np.ones((2, 5))).shape
    (2, 8, 3)
    """

    on_mask = masks.REFUSED  # the second axis is members, not time

    def __init__(
        self,
        members: int,
        num_neurons: int,
        activation: "str | activations.Activation | None" = None,
        *,
        use_bias: bool = True,
        kernel_initializer: initializers.InitializerLike = "glorot_uniform",
        bias_initializer: initializers.InitializerLike = "zeros",
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(members, **options)
        self.num_neurons = integer("PackedDense", "num_neurons", num_neurons)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.weights: Parameter | None = None
        self.bias: Parameter | None = None

    def accept(self, shape: Shape, *more: Shape) -> None:
        """All members read the same features, or each its own."""
        features = self.input_shape[-1] if self.input_shape else None
        fits = len(shape) == 2 or (len(shape) == 3 and shape[1] == self.members)
        if not fits or features not in (None, shape[-1]):
            size = features or "features"
            raise self.misfit(f"(n, {size}) or (n, {self.members}, {size})", shape)

    def create(self, *input_shapes: Shape) -> None:
        """Create the weights of each member and, unless left out, the biases."""
        shape = (input_shapes[0][-1], self.num_neurons)
        self.weights = self.of_each("weights", self.kernel_initializer, shape)
        if self.use_bias:
            self.bias = self.of_each("bias", self.bias_initializer, shape[1:])

    def call(self, x: Tensor) -> Tensor:
        """Compute f(x W + b) of each member."""
        z = (x.transpose(SWAPPED) if x.ndim == 3 else x) @ self.weights  # (members, n, neurons)
        if self.bias is not None:
            z = z + self.bias.reshape(self.members, 1, self.num_neurons)
        y: Tensor = self.activation(z).transpose(SWAPPED)
        return y

    def __repr__(self) -> str:
        name = activations.name_of(self.activation)
        return f"PackedDense({self.members}, {self.num_neurons}, {name})"


class PackedEmbedding(_Packed):
    """``members`` embeddings side by side: the same ids, but vectors of each member's own.

    Args:
        members: how many.
        input_dim: size of the vocabulary; ids are 0 to input_dim - 1.
        output_dim: size of a vector.
        embeddings_initializer: how the vectors begin; a name or a function (shape, dtype) -> array.
        options: name, dtype, trainable, embeddings_regularizer.

    Shapes: ids (n, ...) -> (n, members, ..., output_dim). Parameter: ``embeddings`` (input_dim,
    members, output_dim): what an id means to all members is one row, so it is looked up once.

    Raises:
        IndexError: an id is outside the vocabulary.

    >>> PackedEmbedding(8, 1000, 4).forward([[4, 10], [1, 0]]).shape
    (2, 8, 2, 4)
    """

    on_mask = masks.REFUSED

    def __init__(
        self,
        members: int,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: initializers.InitializerLike = "random_uniform",
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(members, **options)
        self.input_dim = integer("PackedEmbedding", "input_dim", input_dim)
        self.output_dim = integer("PackedEmbedding", "output_dim", output_dim)
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings: Parameter | None = None

    @property
    def input_dtype(self) -> DType:
        """Whole numbers."""
        return np.dtype(np.int64)

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Ids may have any shape."""
        if not shape:
            raise self.misfit("(n,) or (n, columns)", shape, " Use [id] for a single one.")

    def create(self, *input_shapes: Shape) -> None:
        """Create the vectors of each member."""
        shape = (self.input_dim, self.output_dim)
        self.embeddings = self.of_each("embeddings", self.embeddings_initializer, shape, axis=1)

    def call(self, x: Tensor) -> Tensor:
        """Look the ids up, one row for all members."""
        assert self.embeddings is not None
        k, v, d = self.members, self.input_dim, self.output_dim
        found = lookup(self.embeddings.reshape(v, k * d), x).reshape(*x.shape, k, d)
        y: Tensor = found.transpose(0, x.ndim, *range(1, x.ndim), x.ndim + 1)
        return y


class PackedLayerNormalization(LayerNormalization):
    """``members`` LayerNormalizations side by side, each with gamma and beta of its own.

    Args:
        members: how many.
        given: the arguments of LayerNormalization, by name.

    Shapes: (n, members, ..., channels), unchanged. Parameters: ``gamma``, ``beta`` (members
    channels,).

    >>> x = np.array([[[1.0, 3.0], [5.0, 9.0]]])
    >>> PackedLayerNormalization(2, epsilon=1e-9)(x)
    array([[[-1.,  1.],
            [-1.,  1.]]], dtype=float32)
    """

    on_mask = masks.REFUSED  # the second axis is members, not time

    def __init__(self, members: int, **given: Any) -> None:
        super().__init__(**given)
        self.members = _members(self, members, given)

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Each member has numbers of its own."""
        _demand_members(self, self.members, shape)

    def create(self, *input_shapes: Shape) -> None:
        """Create gamma and beta of all members, one behind another."""
        super().create((self.members * input_shapes[0][-1],))

    def call(self, x: Tensor) -> Tensor:
        """Normalize each member's numbers, scale and shift them."""
        return _apart(self.scaled(_side_by_side(standardize(x, epsilon=self.epsilon))), x.shape)


class PackedBatchNormalization(BatchNormalization):
    """``members`` BatchNormalizations side by side: what is normalized is a channel of a member.

    Args:
        members: how many.
        given: the arguments of BatchNormalization, by name.

    Shapes: (n, members, ..., channels), unchanged. Parameters and buffers are those of
    BatchNormalization, (members channels,).

    Raises:
        ValueError: while training, a batch with a single sample.

    >>> PackedBatchNormalization(2, epsilon=1e-9)([[[1.0], [5.0]], [[3.0], [7.0]]], training=True)
    array([[[-1.],
            [-1.]],
    <BLANKLINE>
           [[ 1.],
            [ 1.]]], dtype=float32)
    """

    on_mask = masks.REFUSED

    def __init__(self, members: int, **given: Any) -> None:
        super().__init__(**given)
        self.members = _members(self, members, given)

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Each member has numbers of its own."""
        _demand_members(self, self.members, shape)

    def create(self, *input_shapes: Shape) -> None:
        """Create what all members have, one behind another."""
        super().create((self.members * input_shapes[0][-1],))

    @property
    def least_batch(self) -> int:
        """Two samples, if one brings a single value for each channel."""
        alone = self.trainable and self.input_shape is not None and len(self.input_shape) == 2
        return 2 if alone else 1

    def call(self, x: Tensor) -> Tensor:  # type: ignore[override]  # a mask is refused
        """Normalize all channels of all members."""
        return _apart(super().call(_side_by_side(x)), x.shape)


def _members(layer: Layer, members: int, given: dict[str, Any]) -> int:
    owner = type(layer).__name__
    if wrong := [word for word in given if word.endswith("_constraint") and given[word]]:
        raise ValueError(
            f"{owner}: {wrong[0]} would see the numbers of all members as one array. Leave it "
            "out, or train the members as models of their own."
        )
    return integer(owner, "members", members)


def _demand_members(layer: Layer, members: int, shape: Shape) -> None:
    channels = layer.input_shape[-1] if layer.input_shape else None
    if len(shape) < 3 or shape[1] != members or channels not in (None, shape[-1]):
        raise layer.misfit(f"(n, {members}, ..., {channels or 'channels'})", shape)


def _side_by_side(x: Tensor) -> Tensor:
    """(n, members, ..., channels) -> (n, ..., members channels)."""
    places = range(2, x.ndim - 1)
    turned = x.transpose(0, *places, 1, x.ndim - 1)
    flat: Tensor = turned.reshape(len(x), *x.shape[2:-1], x.shape[1] * x.shape[-1])
    return flat


def _apart(flat: Tensor, shape: Shape) -> Tensor:
    """The way back to this shape."""
    n, members, *places, channels = shape
    last = len(shape) - 1
    turned = flat.reshape(n, *places, members, channels)
    y: Tensor = turned.transpose(0, last - 1, *range(1, last - 1), last)
    return y
