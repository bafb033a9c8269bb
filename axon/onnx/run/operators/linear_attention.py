"""Attention without a softmax, whose memory of all steps before is one matrix; and its convolution.

Both go on from a state, and give it back: so a network is run step by step.
"""

from typing import Literal

import numpy as np

from axon import activations, ops
from axon.core import Tensor
from axon.onnx.run.operators.budget import STEP, allowed, spend
from axon.onnx.run.operators.table import of_microsoft as _of
from axon.onnx.run.operators.table import operator
from axon.onnx.run.operators.windows import Spacing, conv

Smooth = Literal["none", "silu", "swish"]
Rule = Literal["linear", "gated", "delta", "gated_delta"]


def _by_heads(x: Tensor, heads: int, what: str) -> Tensor:
    """(n, time, heads * width) -> (n, time, heads, width)."""
    if x.ndim != 3 or heads < 1 or x.shape[2] % heads:
        raise ValueError(f"{what} of shape {x.shape} are not (n, time, {heads} * width).")
    return x.reshape(*x.shape[:2], heads, x.shape[2] // heads)


@operator("LinearAttention", *_of("LinearAttention"))
def linear_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    past: Tensor | None = None,
    decay: Tensor | None = None,
    beta: Tensor | None = None,
    /,
    *,
    chunk_size: int = 64,
    kv_num_heads: int,
    q_num_heads: int,
    scale: float = 0.0,
    update_rule: Rule = "gated_delta",
) -> list[Tensor | None]:
    """S' = S + k v and y = scale q S' of each step; and the last S (n, heads, width, width of v).

    ``gated``: S is first multiplied by e^decay. ``delta``: beta (v - k S) is learned instead of v.
    """
    gated, delta = "gated" in update_rule, "delta" in update_rule
    if (gated and decay is None) or (delta and beta is None):
        raise ValueError(f"update_rule={update_rule!r} needs decay (if gated) and beta (if delta).")
    if kv_num_heads < 1 or q_num_heads % kv_num_heads:
        raise ValueError(f"{kv_num_heads} heads of keys do not fit {q_num_heads} of queries.")
    queries = _by_heads(q, q_num_heads, "queries")
    keys, values = _by_heads(k, kv_num_heads, "keys"), _by_heads(v, kv_num_heads, "values")
    (n, time, heads, width), wide = keys.shape, values.shape[3]
    queries = queries.reshape(n, time, heads, q_num_heads // heads, width)
    queries = queries * (scale or width**-0.5)
    shape = allowed((n, heads, width, wide))
    state = Tensor(np.zeros(shape, q.dtype)) if past is None else past
    fade = ops.exp(_by_heads(decay, heads, "decays")) if gated and decay is not None else None
    spend("work", time * (STEP + 4 * state.size))
    made = []
    for t in range(time):
        if fade is not None:
            state = state * fade[:, t, :, :, None]
        key, value = (
            keys[:, t, :, :, None],
            values[:, t, :, None],
        )  # (..., width, 1), (..., 1, wide)
        if delta and beta is not None:
            known = (state * key).sum(2, keepdims=True)
            value = (value - known) * beta[:, t, :, None, None]
        state = state + key * value
        made.append(ops.matmul(queries[:, t], state))
    return [ops.stack(made, axis=1).reshape(n, time, q_num_heads * wide), state]


@operator("CausalConvWithState")
def causal_conv(
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    past: Tensor | None = None,
    /,
    *,
    activation: Smooth = "none",
) -> list[Tensor | None]:
    """Each channel of (n, channels, time) by a kernel of its own over steps of now and before.

    What it needs of these for the next steps, (n, channels, size - 1), is the second result.
    """
    return _causal(x, w, b, past, activation, 1)


@operator(*_of("CausalConvWithState"))
def spaced_causal_conv(
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    past: Tensor | None = None,
    /,
    *,
    activation: Smooth = "none",
    channels_last: Literal[0] = 0,
    dilation: int = 1,
    ndim: Literal[1] = 1,
    state_window: Literal[0] = 0,
) -> list[Tensor | None]:
    """The same, with steps ``dilation`` apart."""
    return _causal(x, w, b, past, activation, dilation)


def _causal(
    x: Tensor, w: Tensor, b: Tensor | None, past: Tensor | None, activation: str, dilation: int
) -> list[Tensor | None]:
    (n, channels, time), reach = x.shape, (w.shape[-1] - 1) * dilation
    before = Tensor(np.zeros(allowed((n, channels, reach)), x.dtype)) if past is None else past
    steps = ops.concatenate([before, x], axis=2)
    last, kernel = steps.transpose(0, 2, 1), w.transpose(2, 1, 0)
    spacing = Spacing(dilations=[dilation])
    y = conv(last, kernel, b, group=channels, kernel_shape=None, spacing=spacing)
    y = y.transpose(0, 2, 1)
    return [y if activation == "none" else activations.swish(y), steps[:, :, time:]]
