"""Attention: every step of a sequence looks at all others, and takes what concerns it.

And TransformerBlock: attention, then a small network for each step, both around a shortcut.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Unpack

from axon import activations
from axon.backend import Shape
from axon.checks import demand, integer
from axon.core import Tensor
from axon.layers import masks
from axon.layers.base import Layer
from axon.layers.dense import Dense
from axon.layers.heads import GroupedOptions, HeadOptions, Heads
from axon.layers.noise import Dropout
from axon.layers.normalization import LayerNormalization
from axon.layers.options import LayerOptions
from axon.program.changing import Rate


class MultiHeadAttention(Heads):
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
        sliding_window: look only at steps that are less than so many away; with a causal mask, as
            in Mistral.
        rotary: turn queries and keys by angles that grow with their places (``RotaryEmbedding``);
            a number is the ``max_wavelength``, True means 10,000.
        seed: a whole number, for the same choice of what dropout leaves out each time.
        options: name, dtype, trainable, kernel_regularizer, bias_constraint and the like.

    Parameters: ``query_weights`` (features, num_heads * key_dim), ``query_bias``, and so on for
    ``key``, ``value`` and ``output``.

    >>> layer = MultiHeadAttention(2, key_dim=4)
    >>> layer.forward(np.ones((3, 5, 8))).shape
    (3, 5, 8)
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int | None = None,
        value_dim: int | None = None,
        dropout: Rate = 0.0,
        use_bias: bool = True,
        *,
        output_dim: int | None = None,
        **options: Unpack[HeadOptions],
    ) -> None:
        given = key_dim, value_dim, dropout, use_bias
        super().__init__(*given, output_dim=output_dim, **options)
        self.num_heads = integer("MultiHeadAttention", "num_heads", num_heads)

    @property
    def heads(self) -> int:
        """How many heads ask."""
        return self.num_heads

    @property
    def shared_heads(self) -> int:
        """As many."""
        return self.num_heads


class GroupQueryAttention(Heads):
    """Attention whose heads share keys and values, some of them each: less to compute and to keep.

    It is ``MultiHeadAttention`` where there are as many heads for keys and values as for queries,
    and multi-query attention where there is one (Ainslie and others, 2023).

    Args:
        head_dim: size of a query, a key and a value in each head.
        num_query_heads: how many heads ask.
        num_key_value_heads: how many heads are asked; the number of the others is a multiple.
        dropout: share of the attention that is left out at random while training; or a schedule.
        use_bias: False leaves the b's out.
        sliding_window: look only at steps that are less than so many away.
        options: those of ``MultiHeadAttention``, such as rotary.

    Parameters: ``query_weights`` (features, num_query_heads * head_dim), ``key_weights`` (features,
    num_key_value_heads * head_dim), and so on.

    >>> layer = GroupQueryAttention(4, 6, 2)
    >>> layer.forward(np.ones((3, 5, 8)), use_causal_mask=True).shape
    (3, 5, 8)
    """

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: Rate = 0.0,
        use_bias: bool = True,
        sliding_window: int | None = None,
        **options: Unpack[GroupedOptions],
    ) -> None:
        owner, size = "GroupQueryAttention", head_dim
        super().__init__(size, size, dropout, use_bias, sliding_window=sliding_window, **options)
        self.head_dim = integer(owner, "head_dim", head_dim)
        self.num_query_heads = integer(owner, "num_query_heads", num_query_heads)
        self.num_key_value_heads = integer(owner, "num_key_value_heads", num_key_value_heads)
        demand(
            num_query_heads % num_key_value_heads == 0,
            *(owner, "num_query_heads", "a multiple of num_key_value_heads", num_query_heads),
            f" num_key_value_heads is {num_key_value_heads}.",
        )

    @property
    def heads(self) -> int:
        """How many heads ask."""
        return self.num_query_heads

    @property
    def shared_heads(self) -> int:
        """How many heads are asked."""
        return self.num_key_value_heads


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
        num_key_value_heads: heads of keys and values, if the others share them
            (``GroupQueryAttention``).
        sliding_window: look only at steps that are less than so many away.
        rotary: turn queries and keys by angles that grow with their places.
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
        *,
        num_key_value_heads: int | None = None,
        sliding_window: int | None = None,
        rotary: "bool | float" = False,
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
        self.num_heads, self.key_dim = num_heads, key_dim
        self.num_key_value_heads, self.sliding_window = num_key_value_heads, sliding_window
        self.rotary = rotary
        sees: dict[str, Any] = {"sliding_window": sliding_window, "rotary": rotary}
        self.attention = self._attention(dropout, {**sees, **alike})
        self.network_norm = LayerNormalization(epsilon=epsilon, **alike)
        if dropout:
            self.attention_dropping = Dropout(dropout, dtype=self.dtype)
            self.network_dropping = Dropout(dropout, dtype=self.dtype)

    def _attention(self, dropout: Rate, options: dict[str, Any]) -> Heads:
        if self.num_key_value_heads is None:
            return MultiHeadAttention(self.num_heads, self.key_dim, dropout=dropout, **options)
        size = self.key_dim
        owner, hint = "TransformerBlock", " They are shared where num_key_value_heads is given."
        demand(size is not None, owner, "key_dim", "given for heads that are shared", size, hint)
        assert size is not None
        shared = self.num_key_value_heads
        return GroupQueryAttention(size, self.num_heads, shared, dropout, **options)

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
