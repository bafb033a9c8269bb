"""Attention without projections: Luong's, by products, and Bahdanau's, by sums."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Unpack

from axon.activations import tanh
from axon.backend import Shape
from axon.checks import one_of
from axon.core import Tensor
from axon.layers import masks
from axon.layers.base import Layer, LayerResult
from axon.layers.heads import shares_of
from axon.layers.noise import Dropout
from axon.layers.options import LayerOptions
from axon.layers.past import band
from axon.parameter import Parameter
from axon.program.changing import Rate


class _Queries(Layer):
    """What both share: queries, values and keys in a list, masks, what comes out."""

    on_mask = masks.USED

    def __init__(self, dropout: Rate, seed: int | None, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.dropout, self.seed = dropout, seed
        if dropout:
            self.dropping = Dropout(dropout, seed=seed, dtype=self.dtype)

    @abstractmethod
    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        """How much each query resembles each key: (n, q, k)."""

    def accept(self, shape: Shape, *more: Shape) -> None:
        """[query, value] or [query, value, key], each (n, time, features)."""
        shapes = (shape, *more)
        wanted = "[query (n, q, features), value (n, k, ...)], and perhaps key (n, k, features)"
        rest = " and ".join(map(str, more))
        hint = f" The others have shapes {rest}." if more else " Call it with a list of them."
        three = all(len(given) == 3 for given in shapes) and len(shapes) in (2, 3)
        if not three or len({given[0] for given in shapes}) > 1:
            raise self.misfit(wanted, shape, hint)
        if shapes[-1][2] != shape[2] or shapes[-1][1] != shapes[1][1]:
            raise self.misfit(wanted, shape, f"{hint} Query and key are compared.")

    def call(
        self,
        *inputs: Tensor,
        mask: Tensor | None = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> LayerResult:
        """Attend.

        Args:
            inputs: [query, value] or [query, value, key]: (n, q, features), (n, k, size), (n, k,
                features).
            mask: (n, k), False where a step of the values is padding, which nobody looks at. Given
                as a list, the first is that of the queries: what those say that are padding is 0.
            return_attention_scores: how much each query looks at each value comes out, too, (n, q,
                k).
            use_causal_mask: let step i look only at the steps up to i.
        """
        query, value, *rest = inputs
        allowed = [] if mask is None else [mask[:, None]]
        if use_causal_mask:
            allowed.append(Tensor(band(query.shape[1], value.shape[1], True, None)))
        shares = shares_of(self.scores(query, rest[0] if rest else value), allowed)
        shares = self.dropping.forward(shares) if self.dropout else shares
        y = shares @ value
        if query.mask is not None:
            y = masks.without_padding(y, query.mask)
        return (y, shares) if return_attention_scores else y

    def incoming(self, *inputs: Tensor) -> Tensor | None:
        """That of the values."""
        return inputs[1].mask

    def outgoing(self, inputs: Sequence[Tensor], mask: Tensor | None) -> Tensor | None:
        """That of the query."""
        return inputs[0].mask


class Attention(_Queries):
    """Mix the values, those more whose key resembles the query: softmax(q k^T) v.

    (Luong and others, 2015.)

    Args:
        use_scale: learn a number that the scores are multiplied with.
        score_mode: "dot" for q k^T, "concat" for the sum of w tanh(s (q + k)) over the features.
        dropout: share of the attention that is left out at random while training; or a schedule.
        seed: a whole number, for the same choice each time.
        options: name, dtype, trainable.

    Inputs are a list, [query, value] or [query, value, key]: (n, q, features), (n, k, size), (n, k,
    features) -> (n, q, size). Parameters, if asked for: ``scale`` () and ``concat_score_weight``
    ().

    >>> import numpy as np
    >>> Attention()([np.ones((2, 3, 4)), np.ones((2, 5, 4))]).shape
    (2, 3, 4)
    """

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: Rate = 0.0,
        seed: int | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(dropout, seed, **options)
        one_of("Attention", "score_mode", score_mode, ("dot", "concat"))
        self.use_scale, self.score_mode = bool(use_scale), score_mode
        self.scale: Parameter | None = None
        self.concat_score_weight: Parameter | None = None

    def create(self, *input_shapes: Shape) -> None:
        """Create the numbers that are learned."""
        if self.use_scale:
            self.scale = self.parameter("scale", "ones", ())
        if self.score_mode == "concat":
            self.concat_score_weight = self.parameter("concat_score_weight", "ones", ())

    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        """How much each query resembles each key: (n, q, k)."""
        if self.concat_score_weight is None:
            found: Tensor = query @ key.transpose(0, 2, 1)
            return found if self.scale is None else found * self.scale
        both = query[:, :, None] + key[:, None]  # (n, q, k, features)
        both = both if self.scale is None else both * self.scale
        summed: Tensor = tanh(both).sum(axis=-1) * self.concat_score_weight
        return summed


class AdditiveAttention(_Queries):
    """Mix the values by how much key and query say together: softmax(sum of s tanh(q + k)) v.

    (Bahdanau and others, 2014.)

    Args:
        use_scale: learn s, a number for each feature; otherwise it is 1.
        dropout: share of the attention that is left out at random while training; or a schedule.
        seed: a whole number, for the same choice each time.
        options: name, dtype, trainable.

    Inputs are those of ``Attention``. Parameter: ``scale`` (features,).

    >>> import numpy as np
    >>> AdditiveAttention()([np.ones((2, 3, 4)), np.ones((2, 5, 4))]).shape
    (2, 3, 4)
    """

    def __init__(
        self,
        use_scale: bool = True,
        dropout: Rate = 0.0,
        seed: int | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(dropout, seed, **options)
        self.use_scale = bool(use_scale)
        self.scale: Parameter | None = None

    def create(self, *input_shapes: Shape) -> None:
        """Create s."""
        if self.use_scale:
            self.scale = self.parameter("scale", "glorot_uniform", input_shapes[0][-1:])

    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        """How much each query and key say together: (n, q, k)."""
        both = tanh(query[:, :, None] + key[:, None])  # (n, q, k, features)
        found: Tensor = (both if self.scale is None else both * self.scale).sum(axis=-1)
        return found
