"""TransformerBlock: attention, then a small network for each step, both around a shortcut."""

from collections.abc import Callable
from functools import partial
from typing import Any, Unpack

from axon import activations
from axon.backend import Shape
from axon.checks import integer
from axon.core import Tensor
from axon.layers import masks
from axon.layers.attention import MultiHeadAttention
from axon.layers.base import Layer
from axon.layers.dense import Dense
from axon.layers.noise import Dropout
from axon.layers.normalization import LayerNormalization
from axon.layers.options import LayerOptions


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
        dropout: float = 0.0,
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
