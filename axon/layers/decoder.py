"""A block of a transformer that reads what another one has made of a sequence."""

from functools import partial
from typing import Any, Unpack

from axon.activations import Activation
from axon.backend import Shape
from axon.core import Tensor
from axon.layers import masks
from axon.layers.attention import MultiHeadAttention, TransformerBlock
from axon.layers.noise import Dropout
from axon.layers.normalization import LayerNormalization
from axon.layers.options import LayerOptions
from axon.program.changing import Rate


class TransformerDecoderBlock(TransformerBlock):
    """A TransformerBlock that also looks at a second sequence, between its two parts.

    x = x + attention(norm(x)), x = x + cross_attention(norm(x), memory), x = x + network(norm(x)).

    Args:
        num_heads: heads of both attentions.
        intermediate_dim: size between the two layers of the network.
        key_dim: size of a query and a key in each head; None is features / num_heads.
        dropout: share that is left out at random while training.
        activation: of the network, a function or its name.
        normalize_first: normalize what enters the parts; False normalizes x after each addition.
        causal: let a step see only those before it.
        epsilon: added to the variance by the normalizations.
        options: name, dtype, trainable.

    Inputs are a list, [x, memory]: (n, time, features) and (n, other time, other features); the
    result is (n, time, features). (Vaswani and others, 2017.) Its weights are those of PyTorch's
    TransformerDecoderLayer.

    >>> import numpy as np
    >>> TransformerDecoderBlock(2, 16)([np.ones((3, 5, 8)), np.ones((3, 7, 8))]).shape
    (3, 5, 8)
    """

    on_mask = masks.USED

    def __init__(
        self,
        num_heads: int,
        intermediate_dim: int,
        key_dim: int | None = None,
        dropout: Rate = 0.0,
        activation: str | Activation | None = "relu",
        normalize_first: bool = True,
        causal: bool = True,
        epsilon: float = 1e-3,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(
            num_heads,
            intermediate_dim,
            key_dim,
            dropout,
            activation,
            normalize_first,
            causal,
            epsilon,
            **options,
        )
        alike: dict[str, Any] = {"dtype": self.dtype, "trainable": self._trainable}
        self.cross_norm = LayerNormalization(epsilon=epsilon, **alike)
        self.cross_attention = MultiHeadAttention(num_heads, key_dim, dropout=dropout, **alike)
        if dropout:
            self.cross_dropping = Dropout(dropout, dtype=self.dtype)

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Two sequences."""
        super().accept(shape)
        if len(more) != 1 or len(more[0]) != 3:
            got = f"{1 + len(more)} inputs" if len(more) != 1 else f"a second of shape {more[0]}"
            raise ValueError(
                f"layer {self.name!r} ({self!r}): expected [x, memory], two sequences (n, time, "
                f"features), got {got}."
            )

    def create(self, *input_shapes: Shape) -> None:
        """Build the parts."""
        super().create(input_shapes[0])
        self.cross_norm.build(input_shapes[0])
        self.cross_attention.build(*input_shapes)

    def call(  # type: ignore[override]  # of two inputs
        self, *inputs: Tensor, mask: Tensor | None = None
    ) -> Tensor:
        """Attend to both, then compute for each step; padding is not looked at."""
        x, memory = inputs
        attend = partial(self.attention.forward, mask=mask, use_causal_mask=self.causal)
        look = partial(self._look, memory=memory)
        x = self._around(attend, self.attention_norm, "attention_dropping", x)
        x = self._around(look, self.cross_norm, "cross_dropping", x)
        return self._around(self._network, self.network_norm, "network_dropping", x)

    def _look(self, x: Tensor, memory: Tensor) -> Tensor:
        seen: Tensor = self.cross_attention.forward(x, memory, mask=memory.mask)
        return seen
