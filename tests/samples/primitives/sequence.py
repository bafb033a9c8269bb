"""Samples of the primitives for sequences: lookups and recurrences."""

from typing import Any

import numpy as np

from tests.samples.primitives.case import Case, normal

Array = Any


def ids(rows: int, *shape: int) -> Array:
    """Row numbers."""
    return np.random.default_rng(rows).integers(0, rows, shape)


# ------------------------------------------------------------------------------------ recurrences


def _sigmoid(x: Array) -> Array:
    return 0.5 + 0.5 * np.tanh(x / 2)


def _simple(z: Array, r: Array, b: Array, s: list[Array]) -> tuple[list[Array], list[Array]]:
    return [], [np.tanh(z + np.einsum("nu,uw->nw", s[0], r))]


def _lstm(z: Array, r: Array, b: Array, s: list[Array]) -> tuple[list[Array], list[Array]]:
    i, k, g, o = np.split(z + np.einsum("nu,uw->nw", s[0], r), 4, axis=1)
    gates = [_sigmoid(i), _sigmoid(k), np.tanh(g), _sigmoid(o)]
    c = gates[1] * s[1] + gates[0] * gates[2]
    return gates, [gates[3] * np.tanh(c), c]


def _gru(z: Array, r: Array, b: Array, s: list[Array]) -> tuple[list[Array], list[Array]]:
    product = np.split(np.einsum("nu,uw->nw", s[0], r) + b, 3, axis=1)
    z = np.split(z, 3, axis=1)
    u, v = _sigmoid(z[0] + product[0]), _sigmoid(z[1] + product[1])
    g = np.tanh(z[2] + v * product[2])
    return [u, v, g, product[2]], [u * s[0] + (1 - u) * g]


# cell -> (step, gates, arrays saved, states, whether it has a bias of its own)
STEPS = {
    "simple_rnn": (_simple, 1, 0, 1, 0),
    "lstm": (_lstm, 4, 4, 2, 0),
    "gru": (_gru, 3, 4, 1, 1),
}


def recurred(p: Array, mask: Array, cell: str, time: int) -> Array:
    """The textbook, step by step, of a matrix as axon.ops.recurrent describes it."""
    step, gates, saved, count, biased = STEPS[cell]
    units = p.shape[1] // gates
    n = (len(p) - units - biased) // (time + 1)
    cuts = np.cumsum([*[n] * time, units, biased])
    *z, r, b, start = np.split(p, cuts)
    states = np.split(start[:, : count * units], count, axis=1)
    out = np.zeros((saved + count, time + 1, n, units), p.dtype)
    for t in range(time):
        out[saved:, t] = states
        kept, after = step(z[t], r, b, states)
        real = mask[:, t, None] != 0 if mask.shape[1] else np.ones((n, 1), bool)
        for i, gate in enumerate(kept):
            out[i, t] = gate * real
        states = [np.where(real, a, s) for a, s in zip(after, states, strict=True)]
    out[saved:, time] = states
    return out


def recurred_back(
    dp: Array, g: Array, y: Array, p: Array, mask: Array, cell: str, time: int
) -> tuple[Array]:
    """The gradient by complex steps: p + ih in every direction, no rule of calculus at work."""
    step = 1e-30 if p.dtype == np.float64 else 1e-20
    out = np.empty(p.shape, p.dtype)
    for place in np.ndindex(*p.shape):
        q = p.astype(complex)
        q[place] += step * 1j
        y = recurred(q, mask, cell, time).imag
        out[place] = ((y[STEPS[cell][2]] if g.ndim == 3 else y) * g).sum() / step
    return (out,)


def matrix(cell: str, time: int, n: int, units: int) -> Array:
    """Numbers of about 1 in the right shape."""
    _, gates, _, _, biased = STEPS[cell]
    return normal(time * n + units + biased + n, gates * units)


def masks(n: int, time: int, kind: str) -> Array:
    """None at all, all true, all false but the first, or some; the first step always is real."""
    if kind == "none":
        return np.zeros((n, 0), bool)
    some = np.random.default_rng(time).random((n, time)) < 0.6
    mask = {"all": some | True, "first": some & False, "some": some}[kind]
    mask[:1, :1] = True
    return mask


SIZES = [
    ("simple_rnn", 3, 2, 3, "none"),
    ("simple_rnn", 3, 2, 2, "some"),
    ("simple_rnn", 1, 1, 1, "first"),
    ("lstm", 3, 2, 3, "none"),
    ("lstm", 4, 3, 1, "some"),
    ("lstm", 1, 1, 2, "none"),
    ("lstm", 2, 2, 2, "all"),
    ("lstm", 3, 2, 1, "first"),
    ("lstm", 2, 0, 2, "none"),
    ("gru", 3, 2, 3, "none"),
    ("gru", 4, 3, 1, "some"),
    ("gru", 1, 1, 2, "first"),
    ("gru", 2, 0, 1, "none"),
]


def sequences(sizes: Any) -> list[Any]:
    """Inputs of a recurrence."""
    return [
        ((matrix(cell, time, n, units), masks(n, time, kind)), {"cell": cell, "time": time})
        for cell, time, n, units, kind in sizes
    ]


def backwards(sizes: Any) -> list[Any]:
    """Inputs of the way back, whose outcome does not depend on what dp holds before."""
    samples = []
    for (p, mask), meta in sequences(sizes):
        y = recurred(p, mask, **meta)
        for g in (normal(*y.shape), normal(*y.shape[1:])):  # the gradient of all, or of h alone
            samples.append(((normal(*p.shape), g, y, p, mask), meta))
    return samples


def _stacked(x: Array, w: Array, b: Array, *rows: Array) -> Array:
    wide = [np.pad(r, ((0, 0), (0, w.shape[1] - r.shape[1]))) for r in rows]
    return np.concatenate([np.einsum("nf,fw->nw", x, w) + b, *wide])


_STACKS = [
    (normal(4, 3), normal(3, 2), normal(2)),
    (normal(4, 3), normal(3, 2), normal(2), normal(5, 2), normal(1, 1)),
    (normal(1, 1), normal(1, 1), normal(1), normal(1, 1)),
    (normal(0, 3), normal(3, 4), normal(4), normal(2, 4), normal(0, 3)),
]
_TABLES = [
    (normal(4, 3), ids(4, 6)),
    (normal(4), ids(4, 2, 3)),
    (normal(1, 2, 3), ids(1, 5)),
    (normal(3, 2), ids(3, 0)),
    (normal(300, 2), np.array([[255, 0], [1, 1]], np.uint8)),
]
_LARGE = [("lstm", 8, 64, 64, "some")]

SAMPLES: dict[str, Case] = {
    # axon/ops/index.py
    "lookup": Case(
        lambda table, i: np.array([table[k] for k in i.ravel()]).reshape(i.shape + table.shape[1:]),
        [(rows, {}) for rows in _TABLES],
        ((normal(256, 512), ids(256, 300)), {}),
        nan_shows=[],
    ),
    # axon/ops/recurrent.py
    "recurrent_input": Case(
        _stacked,
        [(parts, {}) for parts in _STACKS],
        ((normal(256, 64), normal(64, 512), normal(512), normal(128, 256)), {}),
        nan_shows=[0, 3],
    ),
    "recurrence": Case(recurred, sequences(SIZES), sequences(_LARGE)[0]),
    "recurrence_backward": Case(
        recurred_back, backwards(SIZES), backwards(_LARGE)[0], nan_shows=[1, 2], strided=False
    ),
}
