"""RNN, LSTM and GRU as files describe them, with AXON's recurrence inside."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from axon import activations, ops
from axon.core import Tensor
from axon.onnx.run.operators.activation import hard_sigmoid
from axon.onnx.run.operators.table import operator
from axon.onnx.run.operators.values import STEP, same_tensor, spend
from axon.ops.cells import CELLS, gru_before
from axon.ops.recurrent import unrolled

A = dict[str, Any]
Function = Callable[[Any], Any]

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "relu": activations.relu,
    "tanh": activations.tanh,
    "sigmoid": activations.sigmoid,
    "softsign": activations.softsign,
    "softplus": activations.softplus,
    "leakyrelu": lambda x, alpha=0.01: activations.leaky_relu(x, negative_slope=alpha),
    "elu": lambda x, alpha=1.0: activations.elu(x, alpha=alpha),
    "hardsigmoid": hard_sigmoid,
    "scaledtanh": lambda x, alpha=1.0, beta=1.0: activations.tanh(x * beta) * alpha,
    "affine": lambda x, alpha=1.0, beta=0.0: x * alpha + beta,
}
TAKES: dict[str, tuple[str, ...]] = {
    "alpha": ("leakyrelu", "elu", "hardsigmoid", "scaledtanh", "affine")
}
TAKES["beta"] = TAKES["alpha"][2:]
NEEDS = {"scaledtanh": ("alpha", "beta"), "affine": ("alpha",)}  # the standard names no usual ones
USUAL = {"RNN": ["Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"]}
CELL = {"RNN": "simple_rnn", "LSTM": "lstm", "GRU": "gru"}
BLOCKS = {"RNN": [0], "LSTM": [0, 2, 3, 1], "GRU": [0, 1, 2]}  # AXON's gates among the file's


def functions(kind: str, a: A) -> list[list[Function]]:
    """The activations of each direction.

    Raises:
        ValueError: an unknown one.

    >>> [f.__name__ for f in functions("GRU", {})[0]]
    ['sigmoid', 'tanh']
    """
    both = a.get("direction") == "bidirectional"
    names = a.get("activations") or USUAL[kind] * (2 if both else 1)
    rest = {key: list(a.get(f"activation_{key}") or []) for key in TAKES}
    found: list[Function] = []
    for name in names:
        low = str(name).lower()
        if low not in FUNCTIONS:
            raise ValueError(f"activation {name!r} is not supported.")
        options = {k: rest[k].pop(0) for k, takers in TAKES.items() if low in takers and rest[k]}
        for key in NEEDS.get(low, ()):
            if key not in options:
                raise ValueError(f"activation {name!r} without its activation_{key} is not known.")
        found.append(partial(FUNCTIONS[low], **options) if options else FUNCTIONS[low])
    count = len(USUAL[kind])
    if len(found) != count * (2 if both else 1):
        raise ValueError(f"activations {names} are not {count} for each direction.")
    return [found[i : i + count] for i in range(0, len(found), count)]


def recurrent(kind: str, a: A, x: Any, w: Any, r: Any, *more: Any) -> Tensor:
    """What is used of Y, Y_h and Y_c: one of them, or the states of which all are made.

    Args:
        kind: "RNN", "LSTM" or "GRU".
        a: the attributes.
        x: (time, n, features); with ``layout=1`` (n, time, features).
        w: (directions, gates * units, features).
        r: (directions, gates * units, units).
        more: bias (directions, 2 * gates * units), lengths (n,), first h and c (directions, n,
            units); each may be left out.
    """
    bias, lengths, *first = [*more, None, None, None, None][:4]
    x, w, r = same_tensor(x), same_tensor(w), same_tensor(r)
    if a.get("layout"):
        x = x.transpose(1, 0, 2)
        first = [f if f is None else same_tensor(f).transpose(1, 0, 2) for f in first]
    real = _real(lengths, x.shape[0], x.shape[1])
    a["real"], used = real, a["node"].used
    spend("work", x.shape[0] * (STEP + x.shape[1] * (w.size + r.size)))
    made = []
    for d, (chosen, back) in enumerate(zip(functions(kind, a), _backwards(a), strict=True)):
        start = _rows(first, d, x, r)
        sequence = x[::-1] if back else x
        mask = real[:, ::-1] if back and real is not None else real
        weights = (w[d], r[d], None if bias is None else same_tensor(bias)[d])
        made.append(_direction(kind, chosen, a, sequence, mask, *weights, start))
    if len(used) == 1:
        return _in_layout(a, _result(kind, a, made, used[0]), used[0])
    if len(made) == 1:
        return made[0]
    results = [_result(kind, a, made, number) for number in used]
    return ops.concatenate([_rows_of(y) for y in results], axis=0)  # (all rows, n, units)


def _direction(
    kind: str,
    chosen: list[Function],
    a: A,
    x: Tensor,
    mask: Any,
    w: Tensor,
    r: Tensor,
    bias: Any,
    start: list[Tensor],
) -> Tensor:
    """Gates and states (gates + states, time + 1, n, units), in the order of reading."""
    time, n, features = x.shape
    units = r.shape[1]
    mask = Tensor(np.zeros((n, 0), bool)) if mask is None else mask
    gates = CELLS[CELL[kind]].gates
    if a.get("hidden_size", units) != units:
        raise ValueError(f"hidden_size={a['hidden_size']} does not fit weights of {units} units.")
    if w.shape != (gates * units, features) or r.shape != (gates * units, units):
        raise ValueError(f"weights {w.shape} and {r.shape} do not fit {features} features.")
    w, r = (_reordered(p, kind, units).transpose(1, 0) for p in (w, r))
    b, product_bias = _biases(kind, a, bias, units, x.dtype)
    rows = x.reshape(time * n, features)
    below = [product_bias.reshape(1, gates * units)] if CELLS[CELL[kind]].biased else []
    start_rows = start[0] if len(start) == 1 else ops.concatenate(start)
    p = ops.recurrent_input(rows, w, b, r, *below, start_rows)
    run = _cell(kind, chosen, a)
    made: Tensor = run(p, mask, cell=CELL[kind], time=time)
    return made


def _backwards(a: A) -> list[bool]:
    ways = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}
    return ways[a.get("direction", "forward")]


def _cell(kind: str, chosen: list[Function], a: A) -> Any:
    """The compiled recurrence for the usual activations, else one of single operations."""
    usual = [FUNCTIONS[name.lower()] for name in USUAL[kind]]
    before = kind == "GRU" and not a.get("linear_before_reset")
    if chosen == usual and not before:
        return ops.recurrence
    if kind == "LSTM" and chosen[1] is not chosen[2]:
        raise ValueError("an LSTM whose two state activations differ is not supported.")
    if kind == "RNN":
        return partial(unrolled, textbook=partial(CELLS["simple_rnn"].textbook, f=chosen[0]))
    textbook = gru_before if before else CELLS[CELL[kind]].textbook
    return partial(unrolled, textbook=partial(textbook, f=chosen[1], s=chosen[0]))


def _reordered(p: Tensor, kind: str, units: int) -> Tensor:
    """The gates, one behind another, in AXON's order."""
    blocks = BLOCKS[kind]
    if blocks == sorted(blocks):
        return p
    return ops.concatenate([p[i * units : (i + 1) * units] for i in blocks], axis=0)


def _biases(kind: str, a: A, bias: Any, units: int, dtype: Any) -> tuple[Tensor, Tensor]:
    """That of the inputs, and that of the product with h."""
    width = CELLS[CELL[kind]].gates * units
    if bias is None:
        return Tensor(np.zeros(width, dtype)), Tensor(np.zeros(width, dtype))
    if bias.shape != (2 * width,):
        raise ValueError(f"a bias of {bias.shape} is not (2 * gates * units,) = {(2 * width,)}.")
    b, product_bias = bias[:width], bias[width:]
    if kind == "GRU" and a.get("linear_before_reset"):
        return b, product_bias
    both = b + product_bias
    return _reordered(both, kind, units), Tensor(np.zeros(width, dtype))


def _rows(first: list[Any], d: int, x: Tensor, r: Tensor) -> list[Tensor]:
    """The states at the start (n, units); those for one sample count for all."""
    n, units = x.shape[1], r.shape[2]
    count = 2 if r.shape[1] == 4 * units else 1
    return [_state(f, d, n, units, x.dtype) for f in first[:count]]


def _state(given: Any, d: int, n: int, units: int, dtype: Any) -> Tensor:
    if given is None:
        return Tensor(np.zeros((n, units), dtype))
    known = isinstance(given, np.ndarray)
    row = same_tensor(given)[d]
    alike = row.shape[0] == 1 or (known and bool((given == given[:, :1]).all()))
    if row.shape[0] != n and alike:  # the file was made for another number of samples
        return ops.broadcast_to(row[:1], shape=(n, units))
    if row.shape != (n, units):
        raise ValueError(f"a state of shape {row.shape} is not (n, units) = {(n, units)}.")
    return row


def _real(lengths: Any, time: int, n: int) -> Any:
    """Truth values (n, time) of the steps that are no padding; None if all are real."""
    if lengths is None or (isinstance(lengths, np.ndarray) and bool((lengths == time).all())):
        return None
    counts = same_tensor(lengths).reshape(-1, 1)
    if counts.shape[0] != n:
        raise ValueError(f"{counts.shape[0]} lengths for {n} samples.")
    return ops.less(Tensor(np.arange(time, dtype=counts.dtype)[None]), counts)


# ------------------------------------------------------------------------------------ results


def _result(kind: str, a: A, made: list[Tensor], number: int) -> Tensor:
    """Y (time, directions, n, units), or the state at the end (directions, n, units)."""
    states = [y[CELLS[CELL[kind]].saved + (number == 2)] for y in made]  # (time + 1, n, units)
    if number > 0:
        last = [h[-1] for h in states]
        return last[0][None] if len(last) == 1 else ops.stack(last)
    pairs = zip(states, _backwards(a), strict=True)
    steps = [h[1:][::-1] if back else h[1:] for h, back in pairs]  # (time, n, units)
    if a["real"] is not None:
        keep = a["real"].transpose(1, 0)[..., None].astype(states[0].dtype)
        steps = [h * keep for h in steps]
    return steps[0][:, None] if len(steps) == 1 else ops.stack(steps, axis=1)


def _in_layout(a: A, y: Tensor, number: int) -> Tensor:
    """With ``layout=1`` the samples come first."""
    if not a.get("layout"):
        return y
    return y.transpose(1, 0, 2) if number else y.transpose(2, 0, 1, 3)


def _rows_of(y: Tensor) -> Tensor:
    return y.reshape(-1, *y.shape[-2:])


def _pick(kind: str, a: A, packed: Tensor, number: int) -> Tensor:
    """One of the results, from what ``recurrent`` gave."""
    used = a["node"].used
    if len(used) == 1 or number not in used:
        return packed
    if packed.ndim == 4:  # one direction: all its states
        return _in_layout(a, _result(kind, a, [packed], number), number)
    rows = [2 if i else len(packed) - 2 * (len(used) - (0 in used)) for i in used]
    start = sum(rows[: used.index(number)])
    y = packed[start : start + rows[used.index(number)]]
    shape = y.shape if number else (len(y) // 2, 2, *y.shape[1:])
    return _in_layout(a, y.reshape(shape), number)


for _kind in CELL:
    _run = partial(recurrent, _kind)
    _run.__module__, _run.__doc__ = __name__, recurrent.__doc__
    operator(_kind, pick=partial(_pick, _kind))(_run)
