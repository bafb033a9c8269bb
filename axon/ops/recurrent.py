"""Recurrence: a cell applied to one time step after another, as a single instruction.

Everything that a recurrence learns from lies in one matrix, so that one pass back through time
gives all gradients. Its rows, each as wide as the gates of the cell:

    time * n    what the inputs contribute, x W + b, step after step
    units       the recurrent weights R
    1           the bias of the product with h, if the cell has one
    n           the states at the start, h or h and c; the rest of the row is not used
"""

from math import prod
from typing import Any

import numpy as np

from axon.backend import Array, DType, Shape, promote
from axon.bounds import Bounds
from axon.core import Tensor, grad, primitive
from axon.modes import modes
from axon.ops.cells import CELLS, Cell
from axon.ops.compare import where
from axon.ops.join import stack
from axon.ops.reduce import broadcast_to, sum_to
from axon.pieces import multiply

Spec = tuple[Shape, DType]

# ------------------------------------------------------------------------------------ the matrix


def recurrent_input_shape(x: Array, w: Array, b: Array, *rows: Array) -> Spec:
    """As many rows as x and ``rows`` have together, as wide as w."""
    if x.ndim != 2 or w.ndim != 2 or x.shape[1] != w.shape[0] or b.shape != w.shape[1:]:
        raise ValueError("Expected (time * n, features), (features, width) and (width,).")
    if any(r.ndim != 2 or r.shape[1] > w.shape[1] for r in rows):
        raise ValueError("The other rows must not be wider than the weights.")
    dtype = x.dtype
    for other in (w, b, *rows):
        dtype = promote(dtype, other.dtype)
    return (len(x) + sum(map(len, rows)), w.shape[1]), dtype


def recurrent_input_multiply_adds(x: Shape, w: Shape, *_: Shape) -> int:
    """Those of x W."""
    return prod(x) * w[1]


@primitive(result=recurrent_input_shape, multiply_adds=recurrent_input_multiply_adds)
def recurrent_input(out: Array, x: Array, w: Array, b: Array, *rows: Array, xp: Any) -> None:
    """x W + b, and below it further rows, those that are narrower filled up with zeros.

    >>> recurrent_input(np.ones((1, 2)), np.ones((2, 2)), np.array([0.0, 1.0]), np.ones((1, 1)))
    array([[2., 3.],
           [1., 0.]])
    """
    z = out[: len(x)]
    multiply(z, x, w, xp)
    xp.add(z, b, out=z)
    start = len(x)
    for row in rows:
        place, start = out[start : start + len(row)], start + len(row)
        xp.copyto(place[:, : row.shape[1]], row)
        place[:, row.shape[1] :].fill(0)


def _part(
    number: int, g: Tensor, y: Tensor, x: Tensor, w: Tensor, b: Tensor, *rows: Tensor
) -> Tensor:
    """The gradient of one input: that of a product and a sum, or the rows that came from it."""
    if number > 2:
        start, row = len(x) + sum(len(r) for r in rows[: number - 3]), rows[number - 3]
        return g[start : start + len(row), : row.shape[1]]
    dz = g[: len(x)]
    return dz @ w.T if number == 0 else x.T @ dz if number == 1 else sum_to(dz, shape=b.shape)


recurrent_input.gradient(each=_part)


class Parts:
    """Views of the parts of such a matrix, an array or a Tensor."""

    def __init__(self, matrix: Any, cell: Cell, time: int) -> None:
        height, width = matrix.shape
        self.units = width // cell.gates
        self.n = (height - self.units - cell.biased) // (time + 1)
        first, last = time * self.n, height - self.n
        self.z = matrix[:first]  # (time * n, width)
        self.r = matrix[first : first + self.units]
        self.b = matrix[last - 1] if cell.biased else None
        self.start = matrix[last:, : cell.states * self.units]


# ------------------------------------------------------------------------------------ forward


def recurrence_shape(p: Array, mask: Array, *, cell: str, time: int) -> Spec:
    """Gates and states of each step, and a last place for the states at the end."""
    equations = CELLS[cell]
    parts = Parts(p, equations, time)
    if p.shape != (
        time * parts.n + parts.units + equations.biased + parts.n,
        equations.gates * parts.units,
    ):
        raise ValueError(f"There are no {time} steps of a {cell!r} in a matrix of {p.shape}.")
    if mask.shape not in ((parts.n, 0), (parts.n, time)):
        raise ValueError(f"The mask must have the shape {(parts.n, time)}.")
    return (equations.saved + equations.states, time + 1, parts.n, parts.units), p.dtype


def recurrence_workspace(p: Array, mask: Array, *, cell: str, time: int) -> list[Spec]:
    """Workspace: the gates of one step, and where there is padding."""
    parts = Parts(p, CELLS[cell], time)
    return [((parts.n, p.shape[1]), p.dtype), ((mask.shape[1], parts.n, 1), np.dtype(bool))]


def recurrence_multiply_adds(p: Shape, mask: Shape, out: Shape, **_: object) -> int:
    """Those of the states (steps, n, units) with R; out is (kept, time + 1, n, units)."""
    return (out[1] - 1) * prod(out[2:]) * p[1]


@primitive(
    result=recurrence_shape,
    workspace=recurrence_workspace,
    floats=True,
    bounds=lambda *_: Bounds(-1.0, 1.0, True, "a recurrent layer"),
    multiply_adds=recurrence_multiply_adds,
)
def recurrence(
    out: Array, p: Array, mask: Array, *, xp: Any, workspace: list[Array], cell: str, time: int
) -> None:
    """Apply a cell to each time step; at t stand its gates and the states before it.

    Args (see the head of this file):
        p: the matrix.
        mask: (n, time), 0 where a step is padding and keeps the states; (n, 0) if none is.
        cell: "simple_rnn", "lstm" or "gru".
        time: the number of steps.

    Returns:
        (saved + states, time + 1, n, units): gates, then h, then c if there is one. The gates are 0
        in padding, and at the end.
    """
    equations, (inner, padding) = CELLS[cell], workspace
    parts, saved, states = Parts(p, equations, time), out[: equations.saved], out[equations.saved :]
    z = parts.z.reshape(time, parts.n, p.shape[1])
    for state, start in zip(states, _split(parts.start, equations.states), strict=True):
        xp.copyto(state[0], start)
    xp.equal(mask.T[..., None], 0, out=padding)
    for t in range(time):
        before, after = states[:, t], states[:, t + 1]
        step = saved[:, t], before, after
        equations.forward((z[t], parts.r, parts.b), step, inner, xp)
        for pad in padding[t : t + 1]:  # none at all without a mask
            xp.copyto(saved[:, t], 0, where=pad)
            for new, old in zip(after, before, strict=True):  # NumPy would copy all, to be safe:
                xp.copyto(new, old, where=pad)  # it cannot tell that several lie apart
    saved[:, time].fill(0)


def _split(states: Any, count: int) -> list[Any]:
    """The states (n, units) that lie beside one another."""
    units = states.shape[1] // count
    return [states[:, i * units : (i + 1) * units] for i in range(count)]


# ------------------------------------------------------------------------------------ backward


def recurrence_backward_workspace(
    dp: Array, g: Array, y: Array, p: Array, mask: Array, *, cell: str, time: int
) -> list[Spec]:
    """Workspace: three arrays, gradients of the states, twice, and of the product with h; R^T."""
    equations, parts = CELLS[cell], Parts(p, CELLS[cell], time)
    states = (equations.states, parts.n, parts.units)
    product = (len(parts.z) if equations.biased else 0, p.shape[1])
    _, padding = recurrence_workspace(p, mask, cell=cell, time=time)
    shapes = ((3, parts.n, parts.units), states, states, product, parts.r.shape[::-1])
    return [padding, *((shape, p.dtype) for shape in shapes)]


def recurrence_backward_multiply_adds(
    dp: Shape, g: Shape, y: Shape, p: Shape, *_: Shape, **__: object
) -> int:
    """Twice those of the way there: for dh, and for dR."""
    return 2 * recurrence_multiply_adds(p, (), y)


@primitive(
    kind="writes",
    writes=1,
    workspace=recurrence_backward_workspace,
    overwrites=True,
    multiply_adds=recurrence_backward_multiply_adds,
)
def recurrence_backward(
    dp: Array,
    g: Array,
    y: Array,
    p: Array,
    mask: Array,
    *,
    xp: Any,
    workspace: list[Array],
    cell: str,
    time: int,
) -> None:
    """Fill dp with the gradient of the matrix, given g, that of y: one pass back through time.

    g may also be the gradient of h alone, (time + 1, n, units). The gradient of the recurrent
    weights is a single product, over all steps.
    """
    equations, (padding, inner, ds, held, dm, back) = CELLS[cell], workspace
    parts, into = Parts(p, equations, time), Parts(dp, equations, time)
    saved, states = y[: equations.saved], y[equations.saved :]
    dsaved, dstates = (
        (None, g[None]) if g.ndim == 3 else (g[: equations.saved], g[equations.saved :])
    )
    dz = into.z.reshape(time, parts.n, p.shape[1])
    product = dm.reshape(dz.shape) if equations.biased else dz
    xp.equal(mask.T[..., None], 0, out=padding)
    xp.copyto(back, parts.r.T)  # once, or each step's product would read it across
    ds.fill(0)
    xp.copyto(ds[: len(dstates)], dstates[:, time])
    for t in reversed(range(time)):
        if len(padding):
            xp.copyto(held, ds)
        more = None if dsaved is None else dsaved[:, t]
        step = saved[:, t], states[:, t], states[:, t + 1]
        equations.backward((dz[t], product[t]), ds, more, step, back, inner, xp)
        for pad in padding[t : t + 1]:
            xp.copyto(dz[t], 0, where=pad)
            xp.copyto(product[t], 0, where=pad)
            xp.copyto(ds, held, where=pad)
        for d, other in zip(ds, dstates[:, t], strict=False):
            xp.add(d, other, out=d)
    _gather(into, ds, product, states[0, :time], xp)
    dp[len(dp) - parts.n :, equations.states * parts.units :].fill(0)


def _gather(into: Parts, ds: Array, product: Array, h: Array, xp: Any) -> None:
    """What does not belong to one step: the recurrent weights, their bias, the start."""
    flat = product.reshape(into.z.shape)  # (time * n, width)
    multiply(into.r, h.reshape(len(flat), into.units).T, flat, xp)
    if into.b is not None:
        xp.add.reduce(flat, axis=0, out=into.b)
    for place, d in zip(_split(into.start, len(ds)), ds, strict=True):
        xp.copyto(place, d)


# ------------------------------------------------------------------------------------ the textbook


def unrolled(p: Tensor, mask: Tensor, *, cell: str, time: int, textbook: Any = None) -> Tensor:
    """The same as ``recurrence`` in AXON's own operations: slower, but with any cell.

    Args (see ``recurrence``):
        textbook: a variant of the cell, such as one with other activations.
    """
    equations = CELLS[cell]
    step, parts = textbook or equations.textbook, Parts(p, equations, time)
    states, rows = _split(parts.start, equations.states), []
    zero = Tensor(np.zeros((), p.dtype))
    real = mask != 0
    for t, z in enumerate(steps_of(parts.z, time)):
        saved, after = step(z, parts.r, parts.b, *states)
        if mask.shape[1]:
            now = real[:, t : t + 1]
            saved = [where(now, x, zero) for x in saved]
            after = [where(now, new, old) for new, old in zip(after, states, strict=True)]
        rows.append(stack([*saved, *states]))
        states = after
    nothing = [broadcast_to(zero, shape=(parts.n, parts.units))] * equations.saved
    return stack([*rows, stack([*nothing, *states])], axis=1)


def steps_of(z: Tensor, time: int) -> list[Tensor]:
    """Cut z into steps, by halves: each element takes part in log2(time) cuts, not in ``time``."""
    if time == 1:
        return [z]
    half, n = time // 2, len(z) // time
    return steps_of(z[: half * n], half) + steps_of(z[half * n :], time - half)


def _pull(g: Tensor, y: Tensor, p: Tensor, mask: Tensor, *, cell: str, time: int) -> Tensor:
    """One pass back through time; by the textbook if it is to be differentiated again."""
    if modes.grad:
        leaf = p[...]
        return grad(unrolled(leaf, mask, cell=cell, time=time), leaf, gradient=g, create_graph=True)
    place = broadcast_to(Tensor(np.zeros((), p.dtype)), shape=p.shape)
    return recurrence_backward(place, g, y, p, mask, cell=cell, time=time)


recurrence.gradient(_pull, None)
recurrence_backward.gradient(None, None, None, None, None)
