"""Attention: every step of a sequence looks at all others, and takes what concerns it.

And TransformerBlock: attention, then a small network for each step, both around a shortcut.
"""

from collections.abc import Callable, Sequence
from functools import partial
from math import prod, sqrt
from typing import Any, Unpack

import numpy as np

from axon import activations, initializers
from axon.activations import softmax
from axon.backend import Shape, as_array
from axon.checks import integer
from axon.core import Tensor, TensorLike
from axon.layers import masks
from axon.layers.base import Layer
from axon.layers.dense import Dense
from axon.layers.noise import Dropout
from axon.layers.normalization import LayerNormalization
from axon.layers.options import LayerOptions
from axon.ops.compare import where
from axon.parameter import Parameter
from axon.program.changing import Rate


class MultiHeadAttention(Layer):
    """Several heads, each of which mixes the values, those more whose key resembles its query.

        Q, K, V = query W_q + b_q, key W_k + b_k, value W_v + b_v, cut into heads
        head = softmax(Q K^T / sqrt(key_dim)) V
        y = heads beside one another, W_o + b_o

    (Vaswani and others, 2017: Attention Is All You Need.)

    Args:
        num_heads: how many heads.
        key_dim: size of a query and a key in each head; None is features / num_heads.
        value_dim: size of a value in each head; None is ``key_dim``.
        dropout: share of the attention that is left out at random while training; or a schedule.
        use_bias: False leaves the b's out.
        output_dim: size of y; None is that of the query.
        kernel_initializer: how the W's begin.
        bias_initializer: how the b's begin.
        options: name, dtype, trainable, kernel_regularizer, bias_constraint and the like.

    Parameters: ``query_weights`` (features, num_heads * key_dim), ``query_bias``, and so on for
    ``key``, ``value`` and ``output``.

    >>> layer = MultiHeadAttention(2, key_dim=4)
    >>> layer.forward(np.ones((3, 5, 8))).shape
    (3, 5, 8)
    """

    on_mask = masks.USED

    def __init__(
        self,
        num_heads: int,
        key_dim: int | None = None,
        value_dim: int | None = None,
        dropout: Rate = 0.0,
        use_bias: bool = True,
        *,
        output_dim: int | None = None,
        kernel_initializer: initializers.InitializerLike = "glorot_uniform",
        bias_initializer: initializers.InitializerLike = "zeros",
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        self.num_heads = integer("MultiHeadAttention", "num_heads", num_heads)
        sizes = {"key_dim": key_dim, "value_dim": value_dim, "output_dim": output_dim}
        for argument, size in sizes.items():
            if size is not None:
                integer("MultiHeadAttention", argument, size)
        self.key_dim, self.value_dim, self.output_dim = key_dim, value_dim, output_dim
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.dropout = dropout
        if dropout:
            self.dropping = Dropout(dropout, dtype=self.dtype)
        self._features: tuple[int, ...] = ()  # of query, value and key

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Query (n, q, features), value and key (n, k, features)."""
        shapes = (shape, *more)
        if len(shapes) > 3:
            raise TypeError(f"layer {self.name!r}: takes query, value and key, got {len(shapes)}.")
        for known, given in zip(self._features or (None,) * 3, _three(shapes), strict=True):
            if len(given) != 3 or not given[1] or known not in (None, given[2]):
                raise self.misfit(f"(n, time, {known or 'features'})", given)
        if len({given[0] for given in shapes}) > 1 or len({given[1] for given in more}) > 1:
            raise self.misfit("(n, q, ...), (n, k, ...), (n, k, ...)", shape, f" Then {more}.")

    def create(self, *input_shapes: Shape) -> None:
        """Create W and b for query, key, value and output."""
        query, value, key = (shape[-1] for shape in _three(input_shapes))
        if self.key_dim is None:
            if query % self.num_heads:
                raise ValueError(
                    f"layer {self.name!r}: {query} features cannot be shared out among "
                    f"{self.num_heads} heads. Give key_dim, or another num_heads."
                )
            self.key_dim = query // self.num_heads
        self.value_dim = self.value_dim or self.key_dim
        keys, values = self.num_heads * self.key_dim, self.num_heads * self.value_dim
        self._features = query, value, key
        self._project("query", query, keys)
        self._project("key", key, keys)
        self._project("value", value, values)
        self._project("output", values, self.output_dim or query)

    def _project(self, name: str, size: int, width: int) -> None:
        """Create one W and its b."""
        shapes: dict[str, tuple[Any, Shape]] = {"weights": (self.kernel_initializer, (size, width))}
        if self.use_bias:
            shapes["bias"] = self.bias_initializer, (width,)
        for part, (initializer, shape) in shapes.items():
            made = self.parameter(part, initializer, shape)  # by this name its rules are found
            made.name = f"{name}_{part}"
            setattr(self, made.name, made)

    def call(
        self,
        query: Tensor,
        value: Tensor | None = None,
        key: Tensor | None = None,
        *,
        attention_mask: Tensor | None = None,
        mask: Tensor | None = None,
        use_causal_mask: bool = False,
    ) -> Tensor:
        """Attend. With the query alone, the sequence attends to itself.

        Args:
            query: (n, q, features).
            value: (n, k, features); the query by default.
            key: (n, k, features); the value by default.
            attention_mask: who may look at what, truth values (q, k), (n, q, k) or
                (n, num_heads, q, k). A query that may look at nothing looks at all alike: its row
                is the mean of the values.
            mask: (n, k), False where a step of the values is padding, which nobody looks at.
            use_causal_mask: let step i look only at the steps up to i.
        """
        value = query if value is None else value
        key = value if key is None else key
        n, k, _ = value.shape
        shape = n, self.num_heads, query.shape[1], k
        masks = self._masks(shape, attention_mask, mask, use_causal_mask)
        v = self._heads("value", value)
        y = self._attention(query, key, masks) @ v  # (n, heads, q, value_dim)
        rows = y.transpose(0, 2, 1, 3).reshape(n, shape[2], -1)
        return self._linear("output", rows)

    def incoming(self, *inputs: Tensor) -> Tensor | None:
        """That of the values."""
        return inputs[1 if len(inputs) > 1 else 0].mask

    def outgoing(self, inputs: Sequence[Tensor], mask: Tensor | None) -> Tensor | None:
        """That of the query."""
        return inputs[0].mask if len(inputs) > 1 else mask

    def _attention(self, query: Tensor, key: Tensor, masks: list[Tensor]) -> Tensor:
        """How much each query looks at each key: (n, heads, q, k), rows that add up to 1."""
        q = self._heads("query", query, 1 / sqrt(self.key_dim or 1))
        scores = q @ self._heads("key", key).transpose(0, 1, 3, 2)
        if masks:
            allowed = masks[0]
            for other in masks[1:]:
                allowed = allowed * other
            low = float(np.finfo(scores.dtype).min) / 2  # less a score, it does not overflow
            scores = where(allowed, scores, low)
        shares: Tensor = softmax(scores)
        return self.dropping(shares) if self.dropout else shares

    def _linear(self, name: str, x: Tensor, scale: float = 1.0) -> Tensor:
        """(x W + b) scale."""
        weights: Parameter = getattr(self, f"{name}_weights")
        y: Tensor = x.reshape(prod(x.shape[:2]), x.shape[2]) @ weights
        if self.use_bias:
            y = y + getattr(self, f"{name}_bias")
        if scale != 1:
            y = y * scale
        return y.reshape(*x.shape[:2], weights.shape[1])

    def _heads(self, name: str, x: Tensor, scale: float = 1.0) -> Tensor:
        """Project and cut into heads: (n, time, features) -> (n, heads, time, size), a view."""
        y = self._linear(name, x, scale)
        return y.reshape(*y.shape[:2], self.num_heads, -1).transpose(0, 2, 1, 3)

    def _masks(
        self, shape: Shape, attention_mask: TensorLike | None, mask: Tensor | None, causal: bool
    ) -> list[Tensor]:
        """What forbids something, as truth values that broadcast to (n, heads, q, k)."""
        n, _, q, k = shape
        masks = []
        if attention_mask is not None:
            allowed = self._truth("attention_mask", attention_mask, (shape, (n, q, k), (q, k)))
            masks.append(allowed if allowed.ndim != 3 else allowed[:, None])
        if mask is not None:
            masks.append(self._truth("mask", mask, ((n, k),))[:, None, None])
        if causal:
            masks.append(Tensor(np.tri(q, k, dtype=bool)))
        return masks

    def _truth(self, argument: str, given: TensorLike, shapes: tuple[Shape, ...]) -> Tensor:
        mask = given if isinstance(given, Tensor) else Tensor(as_array(given))
        fits = any(len(shape) == mask.ndim and _broadcasts(mask.shape, shape) for shape in shapes)
        if not fits:
            raise ValueError(
                f"layer {self.name!r}: {argument} must have the shape "
                f"{' or '.join(map(str, shapes))}, got {mask.shape}."
            )
        return mask if mask.dtype == np.bool_ else mask != 0


def _broadcasts(small: Shape, large: Shape) -> bool:
    return all(a in (1, b) for a, b in zip(small, large, strict=True))


def _three(shapes: tuple[Shape, ...]) -> tuple[Shape, Shape, Shape]:
    """The shapes of query, value and key, as far as they were given."""
    query, value, key = (*shapes, *shapes[-1:] * 2)[:3]
    return query, value, key


class TransformerBlock(Layer):
    """x = x + attention(norm(x)), then x = x + W_2 f(W_1 norm(x) + b_1) + b_2.

    Args:
        num_heads: heads of the attention.
        intermediate_dim: size between W_1 and W_2, often four times that of x.
        key_dim: size of a query and a key in each head; None is features / num_heads.
        dropout: share that is left out at random while training: of the attention, and of what is
            added to x.
        activation: f, a function or its name.
        normalize_first: normalize what enters the two parts (trains well without a warm-up); False
            normalizes x after each addition, as first published.
        causal: let a step see only those before it, as for predicting the next one.
        epsilon: added to the variance by both normalizations.
        options: name, dtype, trainable.

    Shapes: (n, time, features) -> the same. (Vaswani and others, 2017; Xiong and others, 2020, for
    where to normalize.)

    >>> import numpy as np
    >>> TransformerBlock(2, 32).forward(np.ones((3, 5, 8))).shape
    (3, 5, 8)
    """

    on_mask = masks.USED

    def __init__(
        self,
        num_heads: int,
        intermediate_dim: int,
        key_dim: int | None = None,
        dropout: Rate = 0.0,
        activation: "str | activations.Activation | None" = "relu",
        normalize_first: bool = True,
        causal: bool = False,
        epsilon: float = 1e-3,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        self.intermediate_dim = integer("TransformerBlock", "intermediate_dim", intermediate_dim)
        self.activation = activations.get(activation)
        self.normalize_first, self.causal = bool(normalize_first), bool(causal)
        self.dropout = dropout
        alike: dict[str, Any] = {"dtype": self.dtype, "trainable": self._trainable}
        self.epsilon = epsilon
        self.attention_norm = LayerNormalization(epsilon=epsilon, **alike)
        self.attention = MultiHeadAttention(num_heads, key_dim, dropout=dropout, **alike)
        self.network_norm = LayerNormalization(epsilon=epsilon, **alike)
        if dropout:
            self.attention_dropping = Dropout(dropout, dtype=self.dtype)
            self.network_dropping = Dropout(dropout, dtype=self.dtype)

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Sequences may have any length but 0."""
        features = self.input_shape[-1] if self.input_shape else None
        if len(shape) != 3 or not shape[1] or features not in (None, shape[2]):
            raise self.misfit(f"(n, time, {features or 'features'})", shape)

    def create(self, *input_shapes: Shape) -> None:
        """Make the network for each step, now that its size is known, and build the parts."""
        features = input_shapes[0][-1]
        alike: dict[str, Any] = {"dtype": self.dtype, "trainable": self._trainable}
        self.network = [
            Dense(features, self.intermediate_dim, self.activation, **alike),
            Dense(self.intermediate_dim, features, **alike),
        ]
        for part in (self.attention_norm, self.attention, self.network_norm):
            part.build(*input_shapes)

    def call(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Attend, then compute for each step; padding is not looked at."""
        attend = partial(self.attention.forward, mask=mask, use_causal_mask=self.causal)
        x = self._around(attend, self.attention_norm, "attention_dropping", x)
        return self._around(self._network, self.network_norm, "network_dropping", x)

    def _around(
        self, part: Callable[[Tensor], Tensor], norm: LayerNormalization, dropping: str, x: Tensor
    ) -> Tensor:
        """x and what a part adds to it, normalized before or after."""
        more = part(norm.forward(x) if self.normalize_first else x)
        if self.dropout:
            more = getattr(self, dropping).forward(more)
        y: Tensor = x + more
        return y if self.normalize_first else norm.forward(y)

    def _network(self, x: Tensor) -> Tensor:
        n, time, features = x.shape
        rows = x.reshape(n * time, features)  # the steps are but more samples
        for dense in self.network:
            rows = dense.forward(rows)
        return rows.reshape(n, time, features)
