"""Attention of several heads: projections, scores, masks, and what each head says."""

from abc import abstractmethod
from collections.abc import Sequence
from math import prod, sqrt
from typing import Any, Unpack

import numpy as np

from axon import initializers
from axon.activations import softmax
from axon.backend import Shape, as_array
from axon.checks import demand, integer, positive
from axon.core import Tensor, TensorLike
from axon.layers import masks
from axon.layers.base import Layer, LayerResult
from axon.layers.noise import Dropout
from axon.layers.options import LayerOptions
from axon.layers.past import Past, band
from axon.layers.rotary import turned
from axon.modes import modes
from axon.ops.compare import where
from axon.parameter import Parameter
from axon.program.changing import Rate

WAVELENGTH = 10_000.0


class GroupedOptions(LayerOptions, total=False):
    """Keyword arguments of GroupQueryAttention, described by ``Heads``."""

    kernel_initializer: initializers.InitializerLike
    bias_initializer: initializers.InitializerLike
    rotary: "bool | float"
    seed: int | None


class HeadOptions(GroupedOptions, total=False):
    """Keyword arguments of MultiHeadAttention, described by ``Heads``."""

    sliding_window: int | None


class Heads(Layer):
    """Several heads, each of which mixes the values, those more whose key resembles its query.

    Args:
        key_dim: size of a query and a key in each head; None is features / num_heads.
        value_dim: size of a value in each head; None is ``key_dim``.
        dropout: share of the attention that is left out at random while training; or a schedule.
        use_bias: False leaves the b's out.
        output_dim: size of y; None is that of the query.
        kernel_initializer: how the W's begin.
        bias_initializer: how the b's begin.
        sliding_window: look only at steps that are less than so many away.
        rotary: turn queries and keys by angles that grow with their places (``RotaryEmbedding``);
            a number is the ``max_wavelength``, True means 10,000.
        seed: a whole number, for the same choice of what dropout leaves out each time.
        options: name, dtype, trainable, kernel_regularizer, bias_constraint and the like.
    """

    on_mask = masks.USED
    sliding_window: int | None = None
    rotary: "bool | float" = False

    def __init__(
        self,
        key_dim: int | None,
        value_dim: int | None,
        dropout: Rate,
        use_bias: bool,
        *,
        output_dim: int | None = None,
        kernel_initializer: initializers.InitializerLike = "glorot_uniform",
        bias_initializer: initializers.InitializerLike = "zeros",
        sliding_window: int | None = None,
        rotary: "bool | float" = False,
        seed: int | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        sizes = {"key_dim": key_dim, "value_dim": value_dim, "output_dim": output_dim}
        for argument, size in {**sizes, "sliding_window": sliding_window}.items():
            if size is not None:
                integer(type(self).__name__, argument, size)
        self.key_dim, self.value_dim, self.output_dim = key_dim, value_dim, output_dim
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.sliding_window, self.rotary, self.seed = sliding_window, rotary, seed
        if rotary:
            self._wavelength = (
                WAVELENGTH if rotary is True else positive(type(self).__name__, "rotary", rotary)
            )
        self.dropout = dropout
        if dropout:
            self.dropping = Dropout(dropout, seed=seed, dtype=self.dtype)
        self._features: tuple[int, ...] = ()  # of query, value and key

    @property
    @abstractmethod
    def heads(self) -> int:
        """How many heads ask."""

    @property
    @abstractmethod
    def shared_heads(self) -> int:
        """How many heads are asked; each is shared by as many that ask."""

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Query (n, q, features), value and key (n, k, features)."""
        shapes = (shape, *more)
        if len(shapes) > 3:
            raise TypeError(f"layer {self.name!r}: takes query, value and key, got {len(shapes)}.")
        for known, given in zip(self._features or (None,) * 3, _three(shapes), strict=True):
            if len(given) != 3 or not given[1] or known not in (None, given[2]):
                raise self.misfit(f"(n, time, {known or 'features'})", given)
        if len({given[0] for given in shapes}) > 1 or len({given[1] for given in more}) > 1:
            rest = " and ".join(map(str, more))
            wanted = "(n, q, ...), (n, k, ...), (n, k, ...)"
            raise self.misfit(wanted, shape, f" The others have shapes {rest}.")

    def create(self, *input_shapes: Shape) -> None:
        """Create W and b for query, key, value and output."""
        query, value, key = (shape[-1] for shape in _three(input_shapes))
        if self.key_dim is None:
            if query % self.heads:
                raise ValueError(
                    f"layer {self.name!r}: {query} features cannot be shared out among "
                    f"{self.heads} heads. Give key_dim, or another num_heads."
                )
            self.key_dim = query // self.heads
        self.value_dim = self.value_dim or self.key_dim
        turns = not self.rotary or self.key_dim % 2 == 0
        demand(turns, f"layer {self.name!r}", "key_dim", "even where rotary=True", self.key_dim)
        self._features = query, value, key
        self._project("query", query, self.heads * self.key_dim)
        self._project("key", key, self.shared_heads * self.key_dim)
        self._project("value", value, self.shared_heads * self.value_dim)
        self._project("output", self.heads * self.value_dim, self.output_dim or query)

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
        query_mask: TensorLike | None = None,
        value_mask: TensorLike | None = None,
        key_mask: TensorLike | None = None,
        attention_mask: TensorLike | None = None,
        return_attention_scores: bool = False,
        mask: Tensor | None = None,
        use_causal_mask: bool = False,
    ) -> LayerResult:
        """Attend. With the query alone, the sequence attends to itself.

        Args:
            query: (n, q, features).
            value: (n, k, features); the query by default.
            key: (n, k, features); the value by default.
            query_mask: (n, q), False for a step that looks at all alike.
            value_mask: (n, k), False for a step that nobody looks at.
            key_mask: (n, k), likewise.
            attention_mask: who may look at what, truth values (q, k), (n, q, k) or
                (n, num_heads, q, k). A query that may look at nothing looks at all alike: its row
                is the mean of the values.
            return_attention_scores: how much each query looks at each value comes out, too,
                (n, num_heads, q, k).
            mask: as ``value_mask``; the mask that lies at the values is given here.
            use_causal_mask: let step i look only at the steps up to i.
        """
        value = query if value is None else value
        key = value if key is None else key
        n, k, _ = value.shape
        shape = n, self.heads, query.shape[1], k
        given = {"query_mask": query_mask, "key_mask": key_mask, "value_mask": value_mask}
        allowed = self._masks(shape, attention_mask, {**given, "mask": mask})
        q = self._heads("query", query, self.heads, 1 / sqrt(self.key_dim or 1))
        keys = self._heads("key", key, self.shared_heads)
        v = self._heads("value", value, self.shared_heads)
        if self.rotary:
            q, keys = (turned(x, self._wavelength) for x in (q, keys))
        if modes.past is not None:
            self._demand_next(modes.past, allowed, use_causal_mask, value is query)
            keys, v = modes.past.extended(self, keys, v)
            allowed = [modes.past.visible(query.shape[1], self.sliding_window)]
        elif use_causal_mask or self.sliding_window is not None:
            seen = band(shape[2], k, use_causal_mask, self.sliding_window)
            allowed.append(Tensor(seen))
        scores = self._scores(q, keys, allowed)
        y = self._linear("output", self._mixed(scores, v))
        return (y, scores) if return_attention_scores else y

    def _demand_next(self, past: Past, allowed: Sequence[Tensor], causal: bool, own: bool) -> None:
        """Refuse what depends on more than the steps before."""
        if not (causal and own) or allowed:
            past.refuse(self, "what it looks at is more than the steps before (use_causal_mask)")

    def incoming(self, *inputs: Tensor) -> Tensor | None:
        """That of the values."""
        return inputs[1 if len(inputs) > 1 else 0].mask

    def outgoing(self, inputs: Sequence[Tensor], mask: Tensor | None) -> Tensor | None:
        """That of the query."""
        return inputs[0].mask if len(inputs) > 1 else mask

    def _scores(self, q: Tensor, k: Tensor, allowed: Sequence[Tensor]) -> Tensor:
        """How much each query looks at each key: (n, heads, q, k), rows that add up to 1."""
        n, heads, time, _ = q.shape
        scores = self._together(q) @ k.transpose(0, 1, 3, 2)
        if heads != self.shared_heads:
            scores = scores.reshape(n, heads, time, k.shape[2])
        return shares_of(scores, allowed)

    def _mixed(self, shares: Tensor, v: Tensor) -> Tensor:
        """What the heads say, beside one another: (n, q, heads * value_dim)."""
        n, heads, time, _ = shares.shape
        y = self._together(self.dropping(shares) if self.dropout else shares) @ v
        if heads != self.shared_heads:
            y = y.reshape(n, heads, time, v.shape[3])
        rows: Tensor = y.transpose(0, 2, 1, 3).reshape(n, time, heads * v.shape[3])
        return rows

    def _together(self, x: Tensor) -> Tensor:
        """Heads that ask the same one behind another: (n, heads, q, ...) -> (n, shared, m, ...)."""
        if self.heads == self.shared_heads:
            return x
        many = self.heads // self.shared_heads * x.shape[2]
        return x.reshape(len(x), self.shared_heads, many, x.shape[3])

    def _linear(self, name: str, x: Tensor, scale: float = 1.0) -> Tensor:
        """(x W + b) scale."""
        weights: Parameter = getattr(self, f"{name}_weights")
        y: Tensor = x.reshape(prod(x.shape[:2]), x.shape[2]) @ weights
        if self.use_bias:
            y = y + getattr(self, f"{name}_bias")
        if scale != 1:
            y = y * scale
        return y.reshape(*x.shape[:2], weights.shape[1])

    def _heads(self, name: str, x: Tensor, count: int, scale: float = 1.0) -> Tensor:
        """Project and cut into heads: (n, time, features) -> (n, heads, time, size), a view."""
        y = self._linear(name, x, scale)
        return y.reshape(*y.shape[:2], count, y.shape[2] // count).transpose(0, 2, 1, 3)

    def _masks(
        self,
        shape: Shape,
        attention_mask: TensorLike | None,
        given: dict[str, TensorLike | None],
    ) -> list[Tensor]:
        """What forbids something, as truth values that broadcast to (n, heads, q, k)."""
        n, _, q, k = shape
        found = []
        if attention_mask is not None:
            allowed = self._truth("attention_mask", attention_mask, (shape, (n, q, k), (q, k)))
            found.append(allowed if allowed.ndim != 3 else allowed[:, None])
        for argument, steps in given.items():
            if steps is None:
                continue
            of_queries = argument == "query_mask"
            real = self._truth(argument, steps, ((n, q if of_queries else k),))
            found.append(real[:, None, :, None] if of_queries else real[:, None, None])
        return found

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


def shares_of(scores: Tensor, allowed: Sequence[Tensor]) -> Tensor:
    """Scores (..., q, k) as shares that add up to 1, those of what may not be looked at being 0."""
    if allowed:
        seen = allowed[0]
        for other in allowed[1:]:
            seen = seen * other
        low = float(np.finfo(scores.dtype).min) / 2  # less a score, it does not overflow
        scores = where(seen, scores, low)
    shares: Tensor = softmax(scores)
    return shares
