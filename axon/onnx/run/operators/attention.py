"""Attention: as the standard has it, and as ONNX Runtime's own operators do.

Queries, keys and values are (n, heads, time, width); keys of before stand in front.
"""

from itertools import pairwise
from typing import Literal

import numpy as np

from axon import activations, ops
from axon.backend import Array
from axon.core import Tensor
from axon.onnx.run.operators.budget import allowed, spend
from axon.onnx.run.operators.matrices import product
from axon.onnx.run.operators.operand import as_tensor
from axon.onnx.run.operators.table import of_microsoft as _of
from axon.onnx.run.operators.table import operator

MaybeTensor = Tensor | None
MINUS = -np.inf


def _heads(x: Tensor, heads: int) -> Tensor:
    """(n, time, heads * width) -> (n, heads, time, width)."""
    n, time, width = x.shape
    return x.reshape(n, time, heads, width // heads).transpose(0, 2, 1, 3)


def _joined(y: Tensor) -> Tensor:
    """(n, heads, time, width) -> (n, time, heads * width)."""
    y = y.transpose(0, 2, 1, 3)
    return y.reshape(*y.shape[:2], y.shape[2] * y.shape[3])


def _behind(past: MaybeTensor, x: Tensor) -> Tensor:
    """Keys or values behind those of before."""
    return x if past is None else ops.concatenate([past, x], axis=2)


def _shared(x: Tensor, heads: int) -> Tensor:
    """Each head of keys or values for several heads of queries."""
    own = x.shape[1]
    if own == heads:
        return x
    if own < 1 or heads % own:
        raise ValueError(f"{own} heads of keys do not fit {heads} of queries.")
    allowed((x.shape[0], heads, *x.shape[2:]))
    return ops.take(x, np.repeat(np.arange(own), heads // own), 1)


# --------------------------------------------------------------------- the standard's


@operator("Attention")
def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None = None,
    past_key: Tensor | None = None,
    past_value: Tensor | None = None,
    nonpad: Tensor | None = None,
    /,
    *,
    is_causal: int = 0,
    kv_num_heads: int = 0,
    left_window_size: int = -1,
    q_num_heads: int = 0,
    qk_matmul_output_mode: int = 0,
    right_window_size: int = -1,
    scale: float = 0.0,
    softcap: float = 0.0,
    softmax_precision: int = 1,
) -> list[Tensor | None]:
    """softmax(q k' scale + mask) v; keys and values for later; and what the softmax is made of.

    All is computed in the type of the inputs, whatever ``softmax_precision`` says.
    """
    flat = q.ndim == 3
    if flat:
        q, k, v = _heads(q, q_num_heads), _heads(k, kv_num_heads), _heads(v, kv_num_heads)
    k, v = _behind(past_key, k), _behind(past_value, v)
    heads, queries, keys = q.shape[1], q.shape[2], k.shape[2]
    allowed((q.shape[0], heads, queries, keys))
    spend("work", q.size * keys)
    root = (scale or q.shape[-1] ** -0.5) ** 0.5
    scores = ops.matmul(q * root, _shared(k, heads).transpose(0, 1, 3, 2) * root)
    if softcap > 0:
        scores = activations.tanh(scores * (1 / softcap)) * softcap
    before = 0 if past_key is None else past_key.shape[2]
    offset = before if nonpad is None else nonpad.reshape(-1, 1, 1, 1).astype(np.int64) - queries
    right = 0 if is_causal else right_window_size
    bias = _bias(mask, scores, _seen(queries, keys, offset, (left_window_size, right), nonpad))
    total = scores if bias is None else scores + bias
    shares = _softmax(total, bias)
    y = ops.matmul(shares, _shared(v, heads))
    shown = {2: total, 3: shares}.get(qk_matmul_output_mode, scores)
    return [_joined(y) if flat else y, k, v, shown]


def _seen(
    queries: int,
    keys: int,
    offset: int | Tensor,
    window: tuple[int, int],
    nonpad: MaybeTensor,
) -> Array | Tensor | None:
    """Which keys each query may see; None if all."""
    left, right = window
    apart = np.arange(queries)[:, None] - np.arange(keys)[None]  # + offset: query minus key
    found: Array | Tensor | None = None
    if left >= 0:
        found = _at_most(apart, offset, left)
    if right >= 0:
        early = _at_most(-apart, -offset, right)
        found = early if found is None else _both(found, early)
    if nonpad is not None:
        real = ops.less(Tensor(np.arange(keys)), nonpad.reshape(-1, 1, 1, 1).astype(np.int64))
        found = real if found is None else _both(found, real)
    return found


def _at_most(apart: Array, offset: int | Tensor, most: int) -> Array | Tensor:
    if isinstance(offset, int):
        made: Array = apart + offset <= most
        return made
    return ops.less_equal(offset + apart, Tensor(np.array(most)))


def _both(a: Array | Tensor, b: Array | Tensor) -> Array | Tensor:
    return ops.logical_and(as_tensor(a), as_tensor(b))


def _bias(mask: MaybeTensor, scores: Tensor, seen: Array | Tensor | None) -> MaybeTensor:
    """What is added to the scores: 0 or minus infinity, or the numbers of the mask."""
    bias = mask
    if mask is not None:
        missing = scores.shape[-1] - mask.shape[-1]
        if missing > 0:  # keys beyond the mask are not seen
            wide = Tensor(np.zeros((*mask.shape[:-1], missing), mask.dtype))
            away = wide if mask.dtype.kind == "b" else wide + MINUS
            bias = mask = ops.concatenate([mask, away], axis=-1)
        if mask.dtype.kind == "b":
            bias = _where(mask, scores)
    if seen is None:
        return bias
    made = _where(as_tensor(seen), scores)
    return made if bias is None else bias + made


def _where(seen: Tensor, scores: Tensor) -> Tensor:
    return ops.where(seen, 0.0, MINUS).astype(scores.dtype)


def _softmax(total: Tensor, bias: MaybeTensor) -> Tensor:
    """Softmax along the last axis; a query that sees no key has shares of 0."""
    if bias is None:
        return activations.softmax(total)
    blind = ops.equal(bias.max(-1, keepdims=True), Tensor(np.array(MINUS, bias.dtype)))
    return ops.where(blind, 0.0, activations.softmax(ops.where(blind, 0.0, total)))


# --------------------------------------------------------------------- Microsoft's


def _masked(scores: Tensor, mask: MaybeTensor, fill: float) -> Tensor:
    """Keys that are no padding: (n,) counts, (n, keys), (n, queries, keys) or (n, 1, a, b)."""
    if mask is None:
        return scores
    keys = scores.shape[-1]
    if mask.ndim == 1:
        if mask.shape[0] != scores.shape[0]:
            raise ValueError(f"a mask of shape {mask.shape} is not supported.")
        real_keys = ops.less(Tensor(np.arange(keys)[None]), mask.reshape(-1, 1).astype(np.int64))
    elif mask.ndim in (2, 3):
        real_keys = ops.not_equal(mask, Tensor(np.zeros((), mask.dtype)))
    else:
        raise ValueError(f"a mask of {mask.ndim} axes is not supported.")
    shape = real_keys.shape
    wide = real_keys.reshape(shape[0], 1, *((1,) * (3 - len(shape))), *shape[1:])
    return scores + ops.where(wide, 0.0, fill).astype(scores.dtype)


def _attended(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: MaybeTensor,
    bias: MaybeTensor,
    causal: int,
    scale: float | None,
    fill: float,
) -> Tensor:
    """softmax(q k' scale + bias) v, joined: (n, time, heads * width)."""
    factor = q.shape[-1] ** -0.5 if not scale else scale
    scores = ops.matmul(q, k.transpose(0, 1, 3, 2)) * factor
    scores = scores if bias is None else scores + bias
    scores = _masked(scores, mask, fill)
    if causal:
        queries, keys = scores.shape[-2:]
        later = Tensor(~np.tri(queries, keys, keys - queries, dtype=bool))
        scores = scores + later.astype(scores.dtype) * fill
    return _joined(ops.matmul(activations.softmax(scores), v))


@operator(*_of("Attention"))
def packed_attention(
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    mask: Tensor | None = None,
    past: Tensor | None = None,
    bias: Tensor | None = None,
    /,
    *,
    num_heads: int,
    unidirectional: int = 0,
    mask_filter_value: float = -10000.0,
    scale: float = 0.0,
    qkv_hidden_sizes: list[int] | None = None,
    do_rotary: Literal[0] = 0,
    past_present_share_buffer: Literal[0] = 0,
    rotary_embedding_dim: Literal[0] = 0,
) -> list[Tensor | None]:
    """Queries, keys and values by one product, then attention; and keys and values for later."""
    made = product(x, w)
    made = made if b is None else made + b
    third = made.shape[-1] // 3
    sizes = qkv_hidden_sizes or [third] * 3
    ends = np.cumsum([0, *sizes]).tolist()
    q, k, v = (_heads(made[..., a:b], num_heads) for a, b in pairwise(ends))
    if past is not None:
        k, v = _behind(past[0], k), _behind(past[1], v)
    y = _attended(q, k, v, mask, bias, unidirectional, scale, mask_filter_value)
    return [y, ops.stack([k, v])]


@operator(*_of("MultiHeadAttention"))
def multi_head_attention(
    q: Tensor,
    k: Tensor | None = None,
    v: Tensor | None = None,
    b: Tensor | None = None,
    mask: Tensor | None = None,
    bias: Tensor | None = None,
    past_key: Tensor | None = None,
    past_value: Tensor | None = None,
    /,
    *,
    num_heads: int,
    mask_filter_value: float = -10000.0,
    scale: float = 0.0,
    unidirectional: int = 0,
) -> list[Tensor | None]:
    """Attention of projected queries, keys and values; and keys and values for later."""
    if k is None or v is None:
        raise ValueError("packed queries, keys and values are not supported.")
    width = q.shape[-1]
    if b is not None:
        q, v = q + b[:width], v + b[2 * width :] if v.ndim == 3 else v
        k = k + b[width : 2 * width] if k.ndim == 3 else k
    query = _heads(q, num_heads)
    key, value = (_heads(x, num_heads) if x.ndim == 3 else x for x in (k, v))
    key, value = _behind(past_key, key), _behind(past_value, value)
    y = _attended(query, key, value, mask, bias, unidirectional, scale, mask_filter_value)
    return [y, key, value]


# ------------------------------------------------------------------------------------ grouped


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
    *,
    causal: Literal[1] = 1,
    do_rotary: int = 0,
    k_quant_type: Literal["NONE"] = "NONE",
    kv_cache_bit_width: Literal[0] = 0,
    kv_num_heads: int,
    local_window_size: int = -1,
    num_heads: int,
    qk_output: Literal[0] = 0,
    rotary_interleaved: int = 0,
    scale: float = 0.0,
    sliding_window_cache: Literal[0] = 0,
    smooth_softmax: Literal[0, -1] = 0,
    softcap: float = 0.0,
    v_quant_type: Literal["NONE"] = "NONE",
) -> list[Tensor | None]:
    """Causal attention whose keys and values have fewer heads, and stand behind those of before.

    Args (n samples, t new steps):
        q: (n, t, heads * width); or with keys and values behind them, if ``k`` is left out.
        last: (n,), the place of each sample's last step.
        total: how many steps there are, with those of before.
        cos, sin: (places, width / 2), by which queries and keys are turned.
        places: (n, t), those of the new steps.
    """
    if last is None:
        raise ValueError("the places of the last steps are missing.")
    if k is None or v is None:
        width = q.shape[-1] // (num_heads + 2 * kv_num_heads)
        ends = np.cumsum([0, num_heads * width, kv_num_heads * width, kv_num_heads * width])
        q, k, v = (q[..., a:b] for a, b in pairwise(ends.tolist()))
    queries, keys, values = _heads(q, num_heads), _heads(k, kv_num_heads), _heads(v, kv_num_heads)
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
    keys, values = (
        _placed(past, x, before, total) for past, x in ((past_key, keys), (past_value, values))
    )
    apart = before.reshape(n, 1, 1, 1) + np.arange(new)[:, None] - np.arange(keys.shape[2])
    seen = ops.greater_equal(apart, Tensor(np.array(0)))
    if local_window_size >= 0:
        seen = ops.logical_and(seen, ops.less(apart, Tensor(np.array(local_window_size))))
    scores = ops.matmul(queries, _shared(keys, num_heads).transpose(0, 1, 3, 2))
    scores = scores * (scale or queries.shape[-1] ** -0.5)
    if softcap > 0:
        scores = activations.tanh(scores * (1 / softcap)) * softcap
    added = _where(seen, scores)
    if bias is not None:
        added = added + bias[..., : added.shape[-1]]
    shares = _softmax(scores + added, added)
    return [_joined(ops.matmul(shares, _shared(values, num_heads))), keys, values]


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
    return ops.where(real.reshape(n, 1, full, 1), made, 0.0)  # as ONNX Runtime has it


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
    heads = x if x.ndim == 4 else _heads(x, num_heads or x.shape[2] // (2 * cos.shape[1]))
    at = places.reshape(-1, 1) + np.arange(time) if places.size == 1 else places
    at = ops.broadcast_to(at, shape=(n, time)) if at.shape != (n, time) else at
    made = _turned(heads, ops.take(cos, at)[:, None], ops.take(sin, at)[:, None], interleaved)
    return _joined(made) if x.ndim == 3 else made
