"""The LSTM in 8 bits, of com.microsoft: bytes of weights, and of what meets them at each step."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from axon import ops
from axon.core import Tensor
from axon.onnx.run.operators.budget import STEP, spend
from axon.onnx.run.operators.operand import as_tensor
from axon.onnx.run.operators.quantized import Number, dynamic, integer_product
from axon.onnx.run.operators.recurrence import (
    LSTM,
    Function,
    Given,
    RecurrenceOptions,
    first_state,
    functions,
    real_steps,
    result_of,
)
from axon.onnx.run.operators.table import Context, operator


class Bytes(NamedTuple):
    """A matrix of bytes (rows, gates * units), and its scale and zero, or those of its columns."""

    matrix: Number
    scale: Number
    zero: Number

    def times(self, x: Tensor) -> Tensor:
        """x, made bytes by its own smallest and largest number, times what the matrix is for."""
        numbers, scale, zero = dynamic(x)
        exact = integer_product(numbers, zero, self.matrix, self.zero)
        return exact.astype(np.float32) * (scale * self.scale)


@operator("com.microsoft.DynamicQuantizeLSTM")
def dynamic_quantize_lstm(
    x: Tensor,
    w: Number,
    r: Number,
    b: Tensor | None = None,
    lengths: Given = None,
    h: Given = None,
    c: Given = None,
    p: Tensor | None = None,
    w_scale: Given = None,
    w_zero: Given = None,
    r_scale: Given = None,
    r_zero: Given = None,
    /,
    *,
    input_forget: Literal[0] = 0,
    options: RecurrenceOptions,
    context: Context,
) -> list[Tensor | None]:
    """An LSTM whose weights (directions, features, gates * units) are bytes."""
    if p is not None or w_scale is None or w_zero is None or r_scale is None or r_zero is None:
        raise ValueError("expected scales and zeros of both weights, and no peepholes (input P).")
    if options.layout:
        raise ValueError("layout=1 is not supported.")
    time, n, features = x.shape
    units = r.shape[1]
    if w.shape[1:] != (features, 4 * units) or r.shape[2] != 4 * units:
        raise ValueError(f"weights {w.shape} and {r.shape} do not fit {features} features.")
    spend("work", time * (STEP + n * (w.size + r.size)))
    if real_steps(lengths, time, n) is not None:
        raise ValueError("sequences of several lengths (sequence_lens) are not supported.")
    made = []
    pairs = zip(functions(LSTM, options), options.backwards, strict=True)
    for d, (chosen, back) in enumerate(pairs):
        inner = Bytes(w[d], w_scale[d], w_zero[d]), Bytes(r[d], r_scale[d], r_zero[d])
        start = [first_state(f, d, n, units, x.dtype) for f in (h, c)]
        bias = None if b is None else as_tensor(b)[d]
        made.append(_direction(x[::-1] if back else x, inner, bias, start, chosen))
    return [
        result_of(LSTM, options, made, None, i) if i in context.used else None for i in range(3)
    ]


def _direction(
    x: Tensor,
    weights: tuple[Bytes, Bytes],
    bias: Tensor | None,
    start: Sequence[Tensor],
    chosen: Sequence[Function],
) -> Tensor:
    """Rows as a recurrence has them: (gates + states, time + 1, n, units), the gates left 0."""
    (w, r), (h, c) = weights, start
    z, width = w.times(x), 4 * h.shape[1]
    if bias is not None:
        z = z + (bias[:width] + bias[width:])
    states = [(h, c)]
    for t in range(x.shape[0]):
        h, c = _step(z[t] + r.times(h), c, chosen)
        states.append((h, c))
    kept = [ops.stack(list(one)) for one in zip(*states, strict=True)]
    nothing = Tensor(np.zeros(kept[0].shape, x.dtype))
    return ops.stack([nothing] * LSTM.cell.saved + kept)


def _step(z: Tensor, c: Tensor, chosen: Sequence[Function]) -> tuple[Tensor, Tensor]:
    """c' = f c + i g and h' = o tanh(c'), of the gates i, o, f, g as files order them."""
    gate, inner, outer = chosen
    units = c.shape[1]
    i, o, f, g = (z[:, k * units : (k + 1) * units] for k in range(4))
    after = gate(f) * c + gate(i) * inner(g)
    return gate(o) * outer(after), after
