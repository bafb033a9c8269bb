"""Attention: as the standard has it, and as ONNX Runtime's own operators do.

Queries, keys and values are (n, heads, time, width); keys of before stand in front.
"""

from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np

from axon import activations, ops
from axon.backend import Array
from axon.core import Tensor
from axon.onnx.run.operators.budget import allowed, spend
from axon.onnx.run.operators.matrices import product
from axon.onnx.run.operators.operand import as_tensor
from axon.onnx.run.operators.quantized import integer_product
from axon.onnx.run.operators.table import of_microsoft as _of
from axon.onnx.run.operators.table import operator

MaybeTensor = Tensor | None
MINUS = -np.inf


def heads_of(x: Tensor, heads: int) -> Tensor:
    """(n, time, heads * width) -> (n, heads, time, width)."""
    n, time, width = x.shape
    return x.reshape(n, time, heads, width // heads).transpose(0, 2, 1, 3)


def joined(y: Tensor) -> Tensor:
    """(n, heads, time, width) -> (n, time, heads * width)."""
    y = y.transpose(0, 2, 1, 3)
    return y.reshape(*y.shape[:2], y.shape[2] * y.shape[3])


def _behind(past: MaybeTensor, x: Tensor) -> Tensor:
    """Keys or values behind those of before."""
    return x if past is None else ops.concatenate([past, x], axis=2)


def shared(x: Tensor, heads: int) -> Tensor:
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
        q, k, v = heads_of(q, q_num_heads), heads_of(k, kv_num_heads), heads_of(v, kv_num_heads)
    k, v = _behind(past_key, k), _behind(past_value, v)
    heads, queries, keys = q.shape[1], q.shape[2], k.shape[2]
    allowed((q.shape[0], heads, queries, keys))
    spend("work", q.size * keys)
    root = (scale or q.shape[-1] ** -0.5) ** 0.5
    scores = ops.matmul(q * root, shared(k, heads).transpose(0, 1, 3, 2) * root)
    if softcap > 0:
        scores = activations.tanh(scores * (1 / softcap)) * softcap
    before = 0 if past_key is None else past_key.shape[2]
    offset = before if nonpad is None else nonpad.reshape(-1, 1, 1, 1).astype(np.int64) - queries
    right = 0 if is_causal else right_window_size
    bias = _bias(mask, scores, _seen(queries, keys, offset, (left_window_size, right), nonpad))
    total = scores if bias is None else scores + bias
    shares = shares_of(total, bias)
    y = ops.matmul(shares, shared(v, heads))
    shown = {2: total, 3: shares}.get(qk_matmul_output_mode, scores)
    return [joined(y) if flat else y, k, v, shown]


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
            bias = where_seen(mask, scores)
    if seen is None:
        return bias
    made = where_seen(as_tensor(seen), scores)
    return made if bias is None else bias + made


def where_seen(seen: Tensor, scores: Tensor) -> Tensor:
    """0 for keys that are seen, minus infinity for others, in the type of the scores."""
    return ops.where(seen, 0.0, MINUS).astype(scores.dtype)


def shares_of(total: Tensor, bias: MaybeTensor) -> Tensor:
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
    return joined(ops.matmul(activations.softmax(scores), v))


class PackedOptions(NamedTuple):
    """The attributes of attention whose queries, keys and values come out of one product."""

    num_heads: int = 0
    unidirectional: int = 0
    mask_filter_value: float = -10000.0
    scale: float = 0.0
    qkv_hidden_sizes: list[int] | None = None
    do_rotary: Literal[0] = 0
    past_present_share_buffer: Literal[0] = 0
    rotary_embedding_dim: Literal[0] = 0


def _packed(
    made: Tensor,
    mask: MaybeTensor,
    past: MaybeTensor,
    bias: MaybeTensor,
    options: PackedOptions,
) -> list[Tensor | None]:
    third, heads = made.shape[-1] // 3, options.num_heads
    sizes = options.qkv_hidden_sizes or [third] * 3
    ends = np.cumsum([0, *sizes]).tolist()
    q, k, v = (heads_of(made[..., a:b], heads) for a, b in pairwise(ends))
    if past is not None:
        k, v = _behind(past[0], k), _behind(past[1], v)
    told = options.unidirectional, options.scale, options.mask_filter_value
    later = ops.stack([k, v]) if k.shape == v.shape else None
    return [_attended(q, k, v, mask, bias, *told), later]


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
    options: PackedOptions,
) -> list[Tensor | None]:
    """Queries, keys and values by one product, then attention; and keys and values for later."""
    made = product(x, w)
    return _packed(made if b is None else made + b, mask, past, bias, options)


@operator(*_of("QAttention"))
def quantized_attention(
    x: Array | Tensor,
    w: Array | Tensor,
    b: Tensor | None,
    x_scale: Tensor,
    w_scale: Tensor,
    mask: Tensor | None = None,
    x_zero: Array | Tensor | None = None,
    w_zero: Array | Tensor | None = None,
    past: Tensor | None = None,
    /,
    *,
    options: PackedOptions,
) -> list[Tensor | None]:
    """The same, of bytes and their scales."""
    made = integer_product(x, x_zero, w, w_zero).astype(np.float32) * (x_scale * w_scale)
    return _packed(made if b is None else made + b, mask, past, None, options)


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
    query = heads_of(q, num_heads)
    key, value = (heads_of(x, num_heads) if x.ndim == 3 else x for x in (k, v))
    key, value = _behind(past_key, key), _behind(past_value, value)
    y = _attended(query, key, value, mask, bias, unidirectional, scale, mask_filter_value)
    return [y, key, value]
