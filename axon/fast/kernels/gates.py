"""One step of a recurrent cell for one sample, forward and backward.

It is done for several units at once. The places of a sample lie ``apart`` bytes from each other:
gates first, then h, then c (see axon/ops/recurrent.py); those after the step lie ``later``.
"""

from typing import Any

import numpy as np
from numba import njit

from axon.fast.kernels.vectors import by_vectors, fill, load, multiply_add, store, where_greater

F = np.float32
ZERO, HALF, ONE, END, MINUS_END = F(0), F(0.5), F(1), F(8), F(-8)
# tanh(x) = x P(x^2) / Q(x^2) up to 8, where it is 1 to all digits: fitted so that the largest
# relative error, 2e-8, is as small as it can be
P0, P1, P2 = F(0.999999981), F(0.129792534), F(0.00298589379)
P3, P4, P5 = F(9.87894397e-06), F(-1.47050449e-08), F(2.35106465e-11)
Q1, Q2, Q3 = F(0.463125695), F(0.0240280559), F(0.000237207592)


@njit(inline="always")
def tanh(x: Any, like: Any) -> Any:
    """The hyperbolic tangent by one division, to 3e-7."""
    end, minus = fill(END, like), fill(MINUS_END, like)
    y = where_greater(x, end, end, x)
    y = where_greater(minus, y, minus, y)
    z = y * y
    p = multiply_add(z, fill(P5, like), fill(P4, like))
    p = multiply_add(z, p, fill(P3, like))
    p = multiply_add(z, p, fill(P2, like))
    p = multiply_add(z, p, fill(P1, like))
    p = multiply_add(z, p, fill(P0, like))
    q = multiply_add(z, fill(Q3, like), fill(Q2, like))
    q = multiply_add(z, q, fill(Q1, like))
    q = multiply_add(z, q, fill(ONE, like))
    return y * p / q


@njit(inline="always")
def sigmoid(x: Any, like: Any) -> Any:
    """(1 + tanh(x / 2)) / 2."""
    half = fill(HALF, like)
    return multiply_add(tanh(x * half, like), half, half)


# ------------------------------------------------------------------------------------ forward


@njit(inline="always")
def _lstm(like: Any, at: int, arguments: Any) -> None:
    m, z, y, apart, later, line = arguments
    m, z, y = m + at, z + at, y + at
    i = sigmoid(load(m, like) + load(z, like), like)
    k = sigmoid(load(m + line, like) + load(z + line, like), like)
    g = tanh(load(m + 2 * line, like) + load(z + 2 * line, like), like)
    o = sigmoid(load(m + 3 * line, like) + load(z + 3 * line, like), like)
    c = k * load(y + 5 * apart, like) + i * g
    store(y, i)
    store(y + apart, k)
    store(y + 2 * apart, g)
    store(y + 3 * apart, o)
    store(y + 4 * apart + later, o * tanh(c, like))
    store(y + 5 * apart + later, c)


@njit(inline="always")
def lstm_step(m: int, z: int, y: int, apart: int, later: int, units: int) -> None:
    """Gates i, k, g, o of z + m; c' = k c + i g and h' = o tanh(c')."""
    by_vectors(_lstm, units, (m, z, y, apart, later, 4 * units))


@njit(inline="always")
def _gru(like: Any, at: int, arguments: Any) -> None:
    m, z, b, y, apart, later, line = arguments
    m, z, b, y = m + at, z + at, b + at, y + at
    u = sigmoid(load(m, like) + load(b, like) + load(z, like), like)
    v = sigmoid(load(m + line, like) + load(b + line, like) + load(z + line, like), like)
    inner = load(m + 2 * line, like) + load(b + 2 * line, like)
    g = tanh(multiply_add(v, inner, load(z + 2 * line, like)), like)
    store(y, u)
    store(y + apart, v)
    store(y + 2 * apart, g)
    store(y + 3 * apart, inner)
    store(y + 4 * apart + later, multiply_add(load(y + 4 * apart, like) - g, u, g))


@njit(inline="always")
def gru_step(m: int, z: int, b: int, y: int, apart: int, later: int, units: int) -> None:
    """u, v, g, and what v is multiplied with; h' = u h + (1 - u) g."""
    by_vectors(_gru, units, (m, z, b, y, apart, later, 4 * units))


@njit(inline="always")
def _simple(like: Any, at: int, arguments: Any) -> None:
    m, z, h = arguments
    store(h + at, tanh(load(m + at, like) + load(z + at, like), like))


@njit(inline="always")
def simple_step(m: int, z: int, h: int, units: int) -> None:
    """h' = tanh(z + m)."""
    by_vectors(_simple, units, (m, z, h))


# ------------------------------------------------------------------------------------ backward


@njit(inline="always")
def _lstm_back(like: Any, at: int, arguments: Any) -> None:
    dz, dh, dc, y, apart, later, line = arguments
    dz, dh, dc, y = dz + at, dh + at, dc + at, y + at
    one = fill(ONE, like)
    i, k = load(y, like), load(y + apart, like)
    g, o = load(y + 2 * apart, like), load(y + 3 * apart, like)
    t, h = tanh(load(y + 5 * apart + later, like), like), load(dh, like)
    d = multiply_add(h * o, one - t * t, load(dc, like))
    store(dz, d * g * (i - i * i))
    store(dz + line, d * load(y + 5 * apart, like) * (k - k * k))
    store(dz + 2 * line, d * i * (one - g * g))
    store(dz + 3 * line, h * t * (o - o * o))
    store(dc, d * k)


@njit(inline="always")
def lstm_back(dz: int, dh: int, dc: int, y: int, apart: int, later: int, units: int) -> None:
    """dz of all gates; dc from after the step to before it."""
    by_vectors(_lstm_back, units, (dz, dh, dc, y, apart, later, 4 * units))


@njit(inline="always")
def _gru_back(like: Any, at: int, arguments: Any) -> None:
    dz, dm, dh, past, y, apart, line = arguments
    dz, dm, dh, past, y = dz + at, dm + at, dh + at, past + at, y + at
    u, v, g = load(y, like), load(y + apart, like), load(y + 2 * apart, like)
    h, d = load(y + 4 * apart, like), load(dh, like)
    du = d * (h - g) * (u - u * u)
    dg = (d - d * u) * (fill(ONE, like) - g * g)
    dv = dg * load(y + 3 * apart, like) * (v - v * v)
    store(past, d * u)
    store(dz, du)
    store(dz + line, dv)
    store(dz + 2 * line, dg)
    store(dm, du)
    store(dm + line, dv)
    store(dm + 2 * line, dg * v)


@njit(inline="always")
def gru_back(dz: int, dm: int, dh: int, past: int, y: int, apart: int, units: int) -> None:
    """dz and dm of all gates; past is what reaches h without passing R."""
    by_vectors(_gru_back, units, (dz, dm, dh, past, y, apart, 4 * units))


@njit(inline="always")
def _simple_back(like: Any, at: int, arguments: Any) -> None:
    dz, dh, h = arguments
    new = load(h + at, like)
    store(dz + at, load(dh + at, like) * (fill(ONE, like) - new * new))


@njit(inline="always")
def simple_back(dz: int, dh: int, h: int, units: int) -> None:
    """dz = dh (1 - h'^2)."""
    by_vectors(_simple_back, units, (dz, dh, h))


# ------------------------------------------------------------------------------------ what is read


@njit(inline="always")
def _add(like: Any, to: int, d: Any) -> None:
    store(to, load(to, like) + d)


@njit(inline="always")
def _lstm_more(like: Any, at: int, arguments: Any) -> None:
    dz, g, y, apart, line = arguments
    dz, g, y = dz + at, g + at, y + at
    i, k = load(y, like), load(y + apart, like)
    c, o = load(y + 2 * apart, like), load(y + 3 * apart, like)
    store(dz, multiply_add(load(g, like), i - i * i, load(dz, like)))
    dk, dc, do = dz + line, dz + 2 * line, dz + 3 * line
    store(dk, multiply_add(load(g + apart, like), k - k * k, load(dk, like)))
    store(dc, multiply_add(load(g + 2 * apart, like), fill(ONE, like) - c * c, load(dc, like)))
    store(do, multiply_add(load(g + 3 * apart, like), o - o * o, load(do, like)))


@njit(inline="always")
def lstm_more(dz: int, g: int, y: int, apart: int, units: int) -> None:
    """Add to dz what reaches the gates from elsewhere, g."""
    by_vectors(_lstm_more, units, (dz, g, y, apart, 4 * units))


@njit(inline="always")
def _gru_more(like: Any, at: int, arguments: Any) -> None:
    dz, dm, g, y, apart, line = arguments
    dz, dm, g, y = dz + at, dm + at, g + at, y + at
    u, v, new = load(y, like), load(y + apart, like), load(y + 2 * apart, like)
    du = load(g, like) * (u - u * u)
    dg = load(g + 2 * apart, like) * (fill(ONE, like) - new * new)
    reset = multiply_add(dg, load(y + 3 * apart, like), load(g + apart, like))
    dv, inner = reset * (v - v * v), multiply_add(dg, v, load(g + 3 * apart, like))
    _add(like, dz, du)
    _add(like, dz + line, dv)
    _add(like, dz + 2 * line, dg)
    _add(like, dm, du)
    _add(like, dm + line, dv)
    _add(like, dm + 2 * line, inner)


@njit(inline="always")
def gru_more(dz: int, dm: int, g: int, y: int, apart: int, units: int) -> None:
    """Add to dz and dm what reaches the gates, and the product with h, from elsewhere, g."""
    by_vectors(_gru_more, units, (dz, dm, g, y, apart, 4 * units))
