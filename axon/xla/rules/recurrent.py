"""Recurrences as loops on the device; the products of all steps at once are single ones."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from jax import lax
from jax import numpy as jnp

from axon.ops.cells import CELLS, parts
from axon.ops.recurrent import Parts
from axon.xla.rules.values import Rule, Traced, together

Values = Sequence[Traced]


def recurrent_input(x: Traced, w: Traced, b: Traced, *rows: Traced) -> Traced:
    """X W + b, and below it further rows, filled up with zeros."""
    x, w, b, *others = together(x, w, b, *rows)
    wide = [jnp.pad(r, ((0, 0), (0, w.shape[1] - r.shape[1]))) for r in others]
    return jnp.concatenate([x @ w + b, *wide])


def _sigmoid(x: Traced) -> Traced:
    """As in the cells: (1 + tanh(x / 2)) / 2."""
    return 0.5 * jnp.tanh(0.5 * x) + 0.5


def _real(mask: Traced) -> Traced | None:
    """(time, n, 1), where steps are no padding; None if none is."""
    return (mask.T != 0)[..., None] if mask.shape[1] else None


def recurrence(p: Traced, mask: Traced, *, cell: str, time: int) -> Traced:
    """The textbook's cell, over and over: (saved + states, time + 1, n, units)."""
    equations = CELLS[cell]
    matrix = Parts(p, equations, time)
    z, real = matrix.z.reshape(time, matrix.n, p.shape[1]), _real(mask)

    def step(states: list[Traced], given: Any) -> tuple[list[Traced], list[Traced]]:
        now, here = given
        textbook: Any = equations.textbook  # it takes whatever adds and multiplies
        saved, after = textbook(now, matrix.r, matrix.b, *states, jnp.tanh, _sigmoid)
        if here is not None:
            saved = [jnp.where(here, x, 0) for x in saved]
            after = [jnp.where(here, new, old) for new, old in zip(after, states, strict=True)]
        return after, [*saved, *states]

    start = parts(matrix.start, equations.states)
    last, rows = lax.scan(step, start, (z, real))
    nothing = [jnp.zeros_like(start[0])] * equations.saved
    ends = zip(rows, [*nothing, *last], strict=True)
    return jnp.stack([jnp.concatenate([row, end[None]]) for row, end in ends])


# ------------------------------------------------------------------------------------ back


class Behind(NamedTuple):
    """One step, seen from behind: as in ``axon.ops.cells``."""

    saved: Values
    before: Values  # states
    after: Values
    more: Values  # what reaches the gates from elsewhere, if anything does


def _through_sigmoid(d: Traced, y: Traced) -> Traced:
    return d * (y - y * y)


def _through_tanh(d: Traced, y: Traced) -> Traced:
    return d * (1 - y * y)


def _and(d: Traced, behind: Behind, number: int) -> Traced:
    return d + behind.more[number] if behind.more else d


Slopes = tuple[
    Traced, Traced, Values
]  # of z, of the product with h, and of the states but through it


def _simple(ds: Values, m: Behind) -> Slopes:
    dz = _through_tanh(ds[0], m.after[0])
    return dz, dz, [jnp.zeros_like(ds[0])]


def _lstm(ds: Values, m: Behind) -> Slopes:
    (dh, dc), (i, k, g, o), c = ds, m.saved, m.before[1]
    y = jnp.tanh(m.after[1])
    dc = dc + _through_tanh(dh * o, y)
    gates = [
        _through_sigmoid(_and(dc * g, m, 0), i),
        _through_sigmoid(_and(dc * c, m, 1), k),
        _through_tanh(_and(dc * i, m, 2), g),
        _through_sigmoid(_and(dh * y, m, 3), o),
    ]
    dz = jnp.concatenate(gates, axis=1)
    return dz, dz, [jnp.zeros_like(dh), dc * k]


def _gru(ds: Values, m: Behind) -> Slopes:
    (dh,), (u, v, g, product), h = ds, m.saved, m.before[0]
    du = _through_sigmoid(_and(dh * (h - g), m, 0), u)
    dg = _through_tanh(_and(dh - dh * u, m, 2), g)
    dm = _and(dg * v, m, 3)
    dv = _through_sigmoid(_and(dg * product, m, 1), v)
    return jnp.concatenate([du, dv, dg], 1), jnp.concatenate([du, dv, dm], 1), [dh * u]


BACK: dict[str, Callable[[Values, Behind], Slopes]] = {
    "simple_rnn": _simple,
    "lstm": _lstm,
    "gru": _gru,
}


def recurrence_backward(
    dp: Traced, g: Traced, y: Traced, p: Traced, mask: Traced, *, cell: str, time: int
) -> tuple[Traced]:
    """One pass back through time, and a single product for the recurrent weights."""
    equations = CELLS[cell]
    matrix, real, kept = Parts(p, equations, time), _real(mask), equations.saved
    through_h, back = g.ndim == 3, matrix.r.T
    dstates = [g] if through_h else list(g[kept:])
    dsaved = [] if through_h else [d[:time] for d in g[:kept]]

    def step(ds: list[Traced], given: Any) -> tuple[list[Traced], tuple[Traced, Traced]]:
        behind, arriving, here = given
        dz, dm, others = BACK[cell](ds, behind)
        others = [others[0] + dm @ back, *others[1:]]
        if here is not None:
            dz, dm = jnp.where(here, dz, 0), jnp.where(here, dm, 0)
            others = [jnp.where(here, new, old) for new, old in zip(others, ds, strict=True)]
        others[: len(arriving)] = [d + a for d, a in zip(others, arriving, strict=False)]
        return others, (dz, dm) if equations.biased else (dz, dz[:0])

    states = list(y[kept:])
    moments = Behind(
        [s[:time] for s in y[:kept]], [s[:time] for s in states], [s[1:] for s in states], dsaved
    )
    start = [jnp.zeros_like(s[0]) for s in states]
    start[: len(dstates)] = [d[time] for d in dstates]
    given = (moments, [d[:time] for d in dstates], real)
    ds, (dz, dm) = lax.scan(step, start, given, reverse=True)
    flat = (dm if equations.biased else dz).reshape(matrix.z.shape)
    h = states[0][:time].reshape(len(flat), matrix.units)
    rows = [dz.reshape(matrix.z.shape), h.T @ flat]
    rows += [flat.sum(0)[None]] if equations.biased else []
    unused = jnp.zeros((matrix.n, p.shape[1] - equations.states * matrix.units), p.dtype)
    return (jnp.concatenate([*rows, jnp.concatenate([*ds, unused], axis=1)]).astype(dp.dtype),)


RULES: dict[str, Rule] = {
    "recurrent_input": recurrent_input,
    "recurrence": recurrence,
    "recurrence_backward": recurrence_backward,
}
