"""The cells of recurrent networks: one step forward, one step backward, and the textbook of both.

``textbook`` is the definition, in AXON's operations. ``forward`` and ``backward`` are the same
equations as kernels. Of these, h and c are the states before the step and h', c' those after it; z
is what the inputs contribute, x W + b, and R are the recurrent weights. ``saved`` is what of a step
the way back needs, and a leading d means the gradient.

Whatever has the width of the units lies in one piece, for NumPy is several times faster then; what
enters a product with R, all gates side by side, does not.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from axon.backend import Array, constant
from axon.core import PRIMITIVES, Tensor
from axon.ops.join import concatenate

Function = Callable[[Any], Any]
Arrays = Any  # a list of arrays (n, units), or one array of them
Given = tuple[Array, Array, Array | None]  # z, R, and the bias of the product with h
Kept = Sequence[Tensor] | None  # for each gate (n, units): 0 where h is left out
Moment = tuple[Arrays, Arrays, Arrays]  # what is saved, the states before, the states after


def tanh(x: Tensor) -> Tensor:
    """The primitive of that name: the activations lie above."""
    return PRIMITIVES["tanh"](x)


def sigmoid(x: Tensor) -> Tensor:
    """The primitive of that name: the activations lie above."""
    return PRIMITIVES["sigmoid"](x)


class Cell(NamedTuple):
    """One kind of recurrent network; sizes are counted in units.

    Attributes:
        gates: columns of z, W and R.
        saved: how many arrays backward needs of a step.
        states: h, or h and c.
        biased: whether the product with h has a bias of its own.
        forward: kernel(given, step, m): fills saved and the states after; m is workspace for the
            product with h.
        backward: kernel(into, ds, dsaved, step, back, workspace): fills dz, the gradient of z, and
            dm, that of the product with h, the two of ``into``; turns ds from after the step to
            before it. ``back`` is R^T; dsaved is None if nothing but the states is read.
        textbook: (z, r, b, *states, f, s, kept) -> what is saved, the states after.
    """

    gates: int
    saved: int
    states: int
    biased: bool
    forward: Callable[..., None]
    backward: Callable[..., None]
    textbook: Callable[..., tuple[list[Tensor], list[Tensor]]]


def parts(x: Any, count: int) -> list[Any]:
    """Split the columns of x into blocks of equal width.

    >>> import numpy as np
    >>> [p.tolist() for p in parts(np.array([[1, 2, 3, 4]]), 2)]
    [[[1, 2]], [[3, 4]]]
    """
    width = x.shape[1] // count
    return [x[:, i * width : (i + 1) * width] for i in range(count)]


def _sigmoid(y: Array, x: Array, xp: Any) -> None:
    """(1 + tanh(x / 2)) / 2: fewer passes than by e^x, and close enough to 0 for a gate."""
    half = constant(0.5, y.dtype, xp)
    xp.multiply(x, half, out=y)
    xp.tanh(y, out=y)
    xp.multiply(y, half, out=y)
    xp.add(y, half, out=y)


def _more(d: Array, dsaved: Arrays, number: int, xp: Any) -> None:
    """Add what reaches a gate from elsewhere, if anything does."""
    if dsaved is not None:
        xp.add(d, dsaved[number], out=d)


def _through_sigmoid(dx: Array, dy: Array, y: Array, workspace: Array, xp: Any) -> None:
    """dx = dy (y - y^2)."""
    xp.multiply(y, y, out=workspace)
    xp.subtract(y, workspace, out=workspace)
    xp.multiply(dy, workspace, out=dx)


def _through_tanh(dx: Array, dy: Array, y: Array, workspace: Array, xp: Any) -> None:
    """dx = dy (1 - y^2)."""
    xp.multiply(y, y, out=workspace)
    xp.multiply(dy, workspace, out=workspace)
    xp.subtract(dy, workspace, out=dx)


def product(h: Tensor, r: Tensor, kept: Kept = None) -> Tensor:
    """h R; where some of h is left out, so it is for each gate by itself: (h m_i) R_i."""
    if kept is None:
        return h @ r
    pairs = zip(kept, parts(r, len(kept)), strict=True)
    return concatenate([(h * m) @ r_i for m, r_i in pairs])


# ------------------------------------------------------------------------------------ simple


def _simple(
    z: Tensor,
    r: Tensor,
    b: Tensor | None,
    h: Tensor,
    f: Function = tanh,
    s: Function = sigmoid,
    kept: Kept = None,
) -> tuple[list[Tensor], list[Tensor]]:
    """h' = f(z + h R)."""
    return [], [f(z + product(h, r, kept))]


def _simple_forward(given: Given, step: Moment, m: Array, xp: Any) -> None:
    (z, r, _), (_, (h,), (h_new,)) = given, step
    xp.matmul(h, r, out=h_new)
    xp.add(h_new, z, out=h_new)
    xp.tanh(h_new, out=h_new)


def _simple_backward(
    into: Arrays,
    ds: Arrays,
    dsaved: Arrays,
    step: Moment,
    back: Array,
    workspace: Arrays,
    xp: Any,
) -> None:
    (dz, _), (dh,), (_, _, (h_new,)) = into, ds, step
    _through_tanh(dz, dh, h_new, workspace[0], xp)
    xp.matmul(dz, back, out=dh)


# ------------------------------------------------------------------------------------ LSTM


def _lstm(
    z: Tensor,
    r: Tensor,
    b: Tensor | None,
    h: Tensor,
    c: Tensor,
    f: Function = tanh,
    s: Function = sigmoid,
    kept: Kept = None,
) -> tuple[list[Tensor], list[Tensor]]:
    """i, k, o = s(z + h R), g = f(z + h R); c' = k c + i g and h' = o f(c').

    Columns: input gate i, forget gate k (keep), candidate g, output gate o.
    """
    i, k, g, o = parts(z + product(h, r, kept), 4)
    i, k, g, o = s(i), s(k), f(g), s(o)
    c_new = k * c + i * g
    return [i, k, g, o], [o * f(c_new), c_new]


def _lstm_forward(given: Given, step: Moment, m: Array, xp: Any) -> None:
    (z, r, _), ((i, k, g, o), (h, c), (h_new, c_new)) = given, step
    xp.matmul(h, r, out=m)
    xp.add(m, z, out=m)
    m_i, m_k, m_g, m_o = parts(m, 4)
    for gate, m_gate in ((i, m_i), (k, m_k), (o, m_o)):
        _sigmoid(gate, m_gate, xp)
    xp.tanh(m_g, out=g)
    xp.multiply(i, g, out=h_new)
    xp.multiply(k, c, out=c_new)
    xp.add(c_new, h_new, out=c_new)
    xp.tanh(c_new, out=h_new)
    xp.multiply(h_new, o, out=h_new)


def _lstm_backward(
    into: Arrays,
    ds: Arrays,
    dsaved: Arrays,
    step: Moment,
    back: Array,
    workspace: Arrays,
    xp: Any,
) -> None:
    (dz, _), (dh, dc), ((i, k, g, o), (_, c), (_, c_new)) = into, ds, step
    (di, dk, dg, do), (tanh_c, d, free) = parts(dz, 4), workspace
    xp.tanh(c_new, out=tanh_c)
    xp.multiply(dh, tanh_c, out=d)
    _more(d, dsaved, 3, xp)
    _through_sigmoid(do, d, o, free, xp)
    xp.multiply(dh, o, out=d)
    _through_tanh(d, d, tanh_c, free, xp)
    xp.add(dc, d, out=dc)
    for number, (dx, through, other, y) in enumerate(
        ((di, _through_sigmoid, g, i), (dk, _through_sigmoid, c, k), (dg, _through_tanh, i, g))
    ):
        xp.multiply(dc, other, out=d)
        _more(d, dsaved, number, xp)
        through(dx, d, y, free, xp)
    xp.multiply(dc, k, out=dc)
    xp.matmul(dz, back, out=dh)


# ------------------------------------------------------------------------------------ GRU


def _gru(
    z: Tensor,
    r: Tensor,
    b: Tensor | None,
    h: Tensor,
    f: Function = tanh,
    s: Function = sigmoid,
    kept: Kept = None,
) -> tuple[list[Tensor], list[Tensor]]:
    """u, v = s(z + m) and g = f(z + v m), where m = h R + b; h' = u h + (1 - u) g.

    Columns: update gate u, reset gate v, candidate g.
    """
    m = product(h, r, kept) + b
    z_u, z_v, z_g = parts(z, 3)
    m_u, m_v, m_g = parts(m, 3)
    u, v = s(z_u + m_u), s(z_v + m_v)
    g = f(z_g + v * m_g)
    return [u, v, g, m_g], [g + u * (h - g)]


def _gru_forward(given: Given, step: Moment, m: Array, xp: Any) -> None:
    (z, r, b), ((u, v, g, m_candidate), (h,), (h_new,)) = given, step
    xp.matmul(h, r, out=m)
    xp.add(m, b, out=m)
    (m_u, m_v, m_g), (z_u, z_v, z_g) = parts(m, 3), parts(z, 3)
    for gate, m_gate, z_gate in ((u, m_u, z_u), (v, m_v, z_v)):
        xp.add(m_gate, z_gate, out=gate)
        _sigmoid(gate, gate, xp)
    xp.copyto(m_candidate, m_g)
    xp.multiply(v, m_candidate, out=g)
    xp.add(g, z_g, out=g)
    xp.tanh(g, out=g)
    xp.subtract(h, g, out=h_new)
    xp.multiply(h_new, u, out=h_new)
    xp.add(h_new, g, out=h_new)


def _gru_backward(
    into: Arrays,
    ds: Arrays,
    dsaved: Arrays,
    step: Moment,
    back: Array,
    workspace: Arrays,
    xp: Any,
) -> None:
    (dz, dm), (dh,), ((u, v, g, m), (h,), _) = into, ds, step
    (du, dv, dg), (dm_u, dm_v, dm_g) = parts(dz, 3), parts(dm, 3)
    d, past, free = workspace
    xp.subtract(h, g, out=d)
    xp.multiply(d, dh, out=d)
    _more(d, dsaved, 0, xp)
    _through_sigmoid(du, d, u, free, xp)
    xp.multiply(dh, u, out=past)  # what reaches h without passing R
    xp.subtract(dh, past, out=d)
    _more(d, dsaved, 2, xp)
    _through_tanh(d, d, g, free, xp)
    xp.copyto(dg, d)
    xp.multiply(d, v, out=dm_g)
    _more(dm_g, dsaved, 3, xp)
    xp.multiply(d, m, out=d)
    _more(d, dsaved, 1, xp)
    _through_sigmoid(dv, d, v, free, xp)
    xp.copyto(dm_u, du)
    xp.copyto(dm_v, dv)
    xp.matmul(dm, back, out=dh)
    xp.add(dh, past, out=dh)


def gru_before(
    z: Tensor,
    r: Tensor,
    b: Tensor | None,
    h: Tensor,
    f: Function = tanh,
    s: Function = sigmoid,
    kept: Kept = None,
) -> tuple[list[Tensor], list[Tensor]]:
    """The GRU as first published, which resets h before the product: g = f(z + (v h) R)."""
    z_u, z_v, z_g = parts(z, 3)
    r_u, r_v, r_g = parts(r, 3)
    h_u, h_v, h_g = (h, h, h) if kept is None else [h * m for m in kept]
    u, v = s(z_u + h_u @ r_u), s(z_v + h_v @ r_v)
    g = f(z_g + (v * h_g) @ r_g)
    return [u, v, g, g], [g + u * (h - g)]


CELLS: dict[str, Cell] = {
    "simple_rnn": Cell(1, 0, 1, False, _simple_forward, _simple_backward, _simple),
    "lstm": Cell(4, 4, 2, False, _lstm_forward, _lstm_backward, _lstm),
    "gru": Cell(3, 4, 1, True, _gru_forward, _gru_backward, _gru),
}
