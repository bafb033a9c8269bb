"""GroupQueryAttention of com.microsoft: fewer heads of keys, a cache with places for all to come.

And the rotary embedding that goes with it.
"""

from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np

from axon import activations, ops
from axon.core import Tensor
from axon.onnx.run.operators.attention import heads_of, joined, shared, shares_of, where_seen
from axon.onnx.run.operators.budget import allowed
from axon.onnx.run.operators.reductions import standard_rows
from axon.onnx.run.operators.table import of_microsoft as _of
from axon.onnx.run.operators.table import operator

MaybeTensor = Tensor | None
Stored = Literal["NONE", "PER_TENSOR", "PER_CHANNEL"]


class PackedCache(NamedTuple):
    """How keys or values of before lie: as numbers, or in a few bits with a scale.

    Attributes:
        bits: 0 for numbers, or 8, or 4 of which a byte holds two.
        scale: of all, or of each number of each head (heads, 1, width).
    """

    bits: int
    scale: Tensor | None = None

    def read(self, x: Tensor) -> Tensor:
        """What is stored as numbers."""
        if self.scale is None:
            return x
        if self.bits == 4:
            low, high = ops.bitwise_and(x, np.uint8(15)), ops.right_shift(x, np.uint8(4))
            x = ops.stack([low, high], axis=-1).reshape(*x.shape[:-1], 2 * x.shape[-1])
            return (x.astype(self.scale.dtype) - 8.0) * self.scale
        return x.astype(self.scale.dtype) * self.scale

    def stored(self, x: Tensor) -> Tensor:
        """Numbers as they are stored."""
        if self.scale is None:
            return x
        most = 2.0 ** (self.bits - 1)
        near = ops.rint(x / self.scale).clip(-most, most - 1)
        if self.bits == 8:
            return near.astype(np.int8)
        bytes_ = (near + 8.0).astype(np.uint8)
        return bytes_[..., 0::2] + ops.left_shift(bytes_[..., 1::2], np.uint8(4))


def _cache(packing: str, bits: int, scale: MaybeTensor, heads: int) -> PackedCache:
    if packing == "NONE":
        return PackedCache(0)
    if scale is None or bits not in (4, 8):
        raise ValueError(f"a cache {packing} needs a scale, and 4 or 8 bits, got {bits}.")
    wide = packing == "PER_CHANNEL"
    return PackedCache(
        bits, scale.reshape(heads, 1, scale.size // heads) if wide else scale.reshape(())
    )


class NormalOptions(NamedTuple):
    """How queries and keys are divided by their lengths, if they are."""

    k_norm_epsilon: float = 0.0
    q_norm_epsilon: float = 0.0
    qk_norm_epsilon: float = 1e-6

    def applied(self, x: Tensor, weight: MaybeTensor, own: float) -> Tensor:
        """Rows divided by their length, times a weight."""
        if weight is None:
            return x
        return standard_rows(x, own or self.qk_norm_epsilon, False) * weight


@operator(*_of("GroupQueryAttention"))
def group_query_attention(
    q: Tensor,
    k: Tensor | None = None,
    v: Tensor | None = None,
    past_key: Tensor | None = None,
    past_value: Tensor | None = None,
    last: Tensor | None = None,
    total: int = 0,
    /,
    cos: Tensor | None = None,
    sin: Tensor | None = None,
    places: Tensor | None = None,
    bias: Tensor | None = None,
    sink: Tensor | None = None,
    k_scale: Tensor | None = None,
    v_scale: Tensor | None = None,
    q_norm: Tensor | None = None,
    k_norm: Tensor | None = None,
    *,
    causal: int = 1,
    do_rotary: int = 0,
    k_quant_type: Stored = "NONE",
    kv_cache_bit_width: int = 0,
    kv_num_heads: int,
    local_window_size: int = -1,
    norm: NormalOptions,
    num_heads: int,
    qk_output: Literal[0] = 0,
    rotary_interleaved: int = 0,
    scale: float = 0.0,
    sliding_window_cache: Literal[0] = 0,
    smooth_softmax: int = 0,
    softcap: float = 0.0,
    v_quant_type: Stored = "NONE",
) -> list[Tensor | None]:
    """Attention whose keys and values have fewer heads, and stand behind those of before.

    Args (n samples, t new steps):
        q: (n, t, heads * width); or with keys and values behind them, if ``k`` is left out.
        last: (n,), the place of each sample's last step.
        total: how many steps there are, with those of before.
        cos, sin: (places, width / 2), by which queries and keys are turned.
        places: (n, t), those of the new steps.
        sink: (heads,), the score of a key that has no value.
        k_scale, v_scale: of caches in a few bits.
        q_norm, k_norm: (width,), weights of queries and keys that are divided by their length.
    """
    if last is None:
        raise ValueError("the places of the last steps are missing.")
    if k is None or v is None:
        width = q.shape[-1] // (num_heads + 2 * kv_num_heads)
        ends = np.cumsum([0, num_heads * width, kv_num_heads * width, kv_num_heads * width])
        q, k, v = (q[..., a:b] for a, b in pairwise(ends.tolist()))
    queries, keys, values = (
        heads_of(q, num_heads),
        heads_of(k, kv_num_heads),
        heads_of(v, kv_num_heads),
    )
    queries = norm.applied(queries, q_norm, norm.q_norm_epsilon)
    keys = norm.applied(keys, k_norm, norm.k_norm_epsilon)
    n, _, new, _ = queries.shape
    if new == total:
        before = Tensor(np.zeros((n, 1), np.int64))
    else:
        before = last.reshape(n, 1).astype(np.int64) + (1 - new)
    if do_rotary:
        if cos is None or sin is None:
            raise ValueError("do_rotary needs the tables of cosines and sines.")
        at = before + np.arange(new) if places is None else places
        tables = ops.take(cos, at)[:, None], ops.take(sin, at)[:, None]
        queries, keys = (_turned(x, *tables, rotary_interleaved) for x in (queries, keys))
    of_keys = _cache(k_quant_type, kv_cache_bit_width, k_scale, kv_num_heads)
    of_values = _cache(v_quant_type, kv_cache_bit_width, v_scale, kv_num_heads)
    keys = _placed(past_key, of_keys.stored(keys), before, total)
    values = _placed(past_value, of_values.stored(values), before, total)
    scores = ops.matmul(queries, shared(of_keys.read(keys), num_heads).transpose(0, 1, 3, 2))
    scores = scores * (scale or queries.shape[-1] ** -0.5)
    if softcap > 0:
        scores = activations.tanh(scores * (1 / softcap)) * softcap
    added = where_seen(_seen_keys(before, new, keys.shape[2], causal, local_window_size), scores)
    if bias is not None:
        added = added + bias[..., : added.shape[-1]]
    if smooth_softmax > 0 and sink is None:
        sink = Tensor(np.zeros(num_heads, scores.dtype))
    shares = shares_of(scores + added, added) if sink is None else _sunk(scores + added, sink)
    y = ops.matmul(shares, shared(of_values.read(values), num_heads))
    return [joined(y), keys, values]


def _seen_keys(before: Tensor, new: int, keys: int, causal: int, window: int) -> Tensor:
    """Which keys each query may see: none behind itself, and no more than a window before it."""
    place = before.reshape(len(before), 1, 1, 1) + np.arange(new)[:, None]
    last = place if causal else before.reshape(len(before), 1, 1, 1) + (new - 1)
    seen = ops.greater_equal(last - np.arange(keys), Tensor(np.array(0)))
    if window < 0:
        return seen
    return ops.logical_and(seen, ops.less(place - np.arange(keys), Tensor(np.array(window))))


def _sunk(total: Tensor, sink: Tensor) -> Tensor:
    """Softmax along the last axis, with a score more, whose share nobody gets."""
    column = ops.broadcast_to(sink.reshape(-1, 1, 1), shape=(*total.shape[:3], 1))
    return activations.softmax(ops.concatenate([total, column.astype(total.dtype)], axis=-1))[
        ..., :-1
    ]


def _placed(past: MaybeTensor, x: Tensor, before: Tensor, total: int) -> Tensor:
    """New steps of each sample behind as many as it had before, in memory for all that may come.

    What lies behind the last is 0.
    """
    if past is None or past.shape[2] == 0:
        return x
    n, heads, new, width = x.shape
    places, full = past.shape[2], max(past.shape[2], total)
    place = Tensor(np.arange(full)[None]) - before  # (n, full), from the first new step
    real = ops.less(place, Tensor(np.array(new)))
    fresh = ops.logical_and(ops.greater_equal(place, Tensor(np.array(0))), real)
    old = Tensor(np.minimum(np.arange(full), places - 1)[None])
    chosen = ops.where(fresh, place + places, old).reshape(n, 1, full, 1)
    wide = ops.broadcast_to(chosen, shape=allowed((n, heads, full, width)))
    made = ops.take_along_axis(ops.concatenate([past, x], axis=2), wide, 2)
    nothing = Tensor(np.zeros((), made.dtype))  # as ONNX Runtime has it
    return ops.where(real.reshape(n, 1, full, 1), made, nothing)


def _turned(x: Tensor, cos: Tensor, sin: Tensor, interleaved: int) -> Tensor:
    """Pairs of numbers turned by the angle of their place: halves, or neighbours."""
    width = 2 * cos.shape[-1]
    turned, rest = x[..., :width], x[..., width:]
    halves = (slice(0, None, 2), slice(1, None, 2)) if interleaved else ()
    a, b = (turned[..., h] for h in halves or (slice(0, width // 2), slice(width // 2, None)))
    c, d = a * cos - b * sin, b * cos + a * sin
    if interleaved:
        made = ops.stack([c, d], axis=-1).reshape(turned.shape)
    else:
        made = ops.concatenate([c, d], axis=-1)
    return ops.concatenate([made, rest], axis=-1) if rest.shape[-1] else made


@operator(*_of("RotaryEmbedding"))
def rotary_embedding(
    x: Tensor,
    places: Tensor,
    cos: Tensor,
    sin: Tensor,
    /,
    *,
    interleaved: int = 0,
    is_packed_batching: Literal[0] = 0,
    num_heads: int = 0,
    rotary_embedding_dim: int = 0,
    scale: float = 1.0,
) -> Tensor:
    """Each head of (n, time, heads * width) or (n, heads, time, width) turned by its place."""
    n, time = (x.shape[0], x.shape[1] if x.ndim == 3 else x.shape[2])
    heads = x if x.ndim == 4 else heads_of(x, num_heads or x.shape[2] // (2 * cos.shape[1]))
    at = places.reshape(-1, 1) + np.arange(time) if places.size == 1 else places
    at = ops.broadcast_to(at, shape=(n, time)) if at.shape != (n, time) else at
    made = _turned(heads, ops.take(cos, at)[:, None], ops.take(sin, at)[:, None], interleaved)
    return joined(made) if x.ndim == 3 else made
