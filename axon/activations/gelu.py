"""GELU: each number times the probability that a bell-shaped one is smaller."""

from math import inf, pi, sqrt
from typing import Any

from axon.activations.sigmoid import sigmoid
from axon.backend import Array, constant, floating
from axon.bounds import between
from axon.core import Tensor, TensorLike, primitive
from axon.ops import absolute, exp, minimum, square
from axon.ops.error_function import FAR, erf_workspace, in_blocks, tail
from axon.pieces import each_row

SLOPE = 2.0 * sqrt(2.0 / pi)  # the tanh form is x sigmoid(SLOPE x + CUBE x^3)
heavy = each_row(6)
CUBE = SLOPE * 0.044715


def _below(q: Array, e: Array, a: Array, xp: Any) -> None:
    """Fill q with P(-a), for a >= 0, and e with e^(-a^2 / 2); a stops where both are 0."""
    root = sqrt(2.0)
    xp.clip(a, 0, FAR * root, out=a)  # minimum takes longer
    tail(q, e, a, xp, unit=root)
    xp.multiply(q, constant(0.5, a.dtype, xp), out=q)


def _rise(q: Array, e: Array, a: Array, xp: Any) -> None:
    """Fill e with a P'(a), after ``_below``."""
    xp.multiply(e, a, out=e)
    xp.multiply(e, constant(1 / sqrt(2 * pi), a.dtype, xp), out=e)


def _below_by_tanh(q: Array, e: Array, a: Array, xp: Any) -> None:
    """Fill q with sigmoid(-z), where z = SLOPE a + CUBE a^3; a stops where that is 0."""
    xp.clip(a, 0, FAR, out=a)
    xp.multiply(a, a, out=q)
    xp.multiply(q, constant(-CUBE, a.dtype, xp), out=q)
    xp.subtract(q, constant(SLOPE, a.dtype, xp), out=q)
    xp.multiply(q, a, out=q)
    xp.exp(q, out=q)
    xp.add(q, constant(1, a.dtype, xp), out=e)
    xp.divide(q, e, out=q)


def _rise_by_tanh(q: Array, e: Array, a: Array, xp: Any) -> None:
    """Fill e with a dz/da q (1 - q), after ``_below_by_tanh``; a is used up."""
    xp.multiply(a, a, out=e)
    xp.multiply(e, constant(3 * CUBE, a.dtype, xp), out=e)
    xp.add(e, constant(SLOPE, a.dtype, xp), out=e)
    xp.multiply(e, a, out=e)
    xp.multiply(e, q, out=e)
    xp.subtract(constant(1, a.dtype, xp), q, out=a)
    xp.multiply(e, a, out=e)


@primitive(
    result=floating, rows=heavy, workspace=erf_workspace, over=(0,), bounds=between(-0.17, inf)
)
def gelu(
    out: Array, x: Array, *, xp: Any, workspace: list[Array], approximate: bool = False
) -> None:
    """x P(x), where P(x) = (1 + erf(x / sqrt(2))) / 2.

    Computed as max(x, 0) - |x| P(-|x|): nothing cancels, both tails are accurate.

    ``approximate=True`` is x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2, which is at most
    0.0005 away. Hendrycks and Gimpel, "Gaussian Error Linear Units" (2016).

    >>> gelu(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.1587,  0.    ,  0.8413])
    >>> gelu(np.array([-1.0, 0.0, 1.0]), approximate=True).round(4)
    array([-0.1588,  0.    ,  0.8412])
    """
    below = _below_by_tanh if approximate else _below
    xp.copyto(out, x)
    for y, a, e, q in in_blocks(out, workspace):
        xp.absolute(y, out=a)
        below(q, e, a, xp)
        xp.multiply(q, a, out=q)
        xp.clip(y, 0, inf, out=y)
        xp.subtract(y, q, out=y)


@primitive(result=floating, rows=heavy, workspace=erf_workspace, over=(1,))
def gelu_gradient(
    out: Array, g: Array, x: Array, *, xp: Any, workspace: list[Array], approximate: bool = False
) -> None:
    """g (P(x) + x P'(x)): with u = P(-|x|) - |x| P'(x), that is g u below 0 and g (1 - u) above."""
    forms = (_below_by_tanh, _rise_by_tanh) if approximate else (_below, _rise)
    xp.copyto(out, x)
    for y, a, e, q in in_blocks(out, workspace):
        zero, one, minus_two = (constant(c, y.dtype, xp) for c in (0, 1, -2))
        xp.absolute(y, out=a)
        for form in forms:
            form(q, e, a, xp)
        xp.subtract(q, e, out=q)
        xp.greater(y, zero, out=y)
        xp.multiply(y, minus_two, out=a)
        xp.add(a, one, out=a)  # 1 below, -1 above
        xp.multiply(q, a, out=q)
        xp.add(y, q, out=y)
    xp.multiply(out, g, out=out)


def _bend(x: Tensor, approximate: bool = False) -> Tensor:
    """The second derivative, 2 P' + x P'': even, and 0 in both tails."""
    if approximate:
        a = minimum(absolute(x), FAR)
        aa = square(a)
        q, rise = sigmoid(-a * (SLOPE + CUBE * aa)), SLOPE + 3.0 * CUBE * aa
        turn = a * square(rise) * (1.0 - 2.0 * q)
        return q * (1.0 - q) * (2.0 * SLOPE + 12.0 * CUBE * aa - turn)
    xx = square(minimum(absolute(x), FAR * sqrt(2.0)))
    return exp(-0.5 * xx) * (2.0 - xx) * (1 / sqrt(2.0 * pi))


gelu.gradient(lambda g, y, x, **form: gelu_gradient(g, x, **form))
gelu_gradient.gradient(
    lambda gg, z, g, x, **form: gelu_gradient(gg, x, **form),
    lambda gg, z, g, x, **form: gg * g * _bend(x, **form),
)


def gelu_derivative(x: TensorLike, *, approximate: bool = False) -> Tensor | Array:
    """Return the derivative in terms of the *input* x: the output does not tell it.

    gelu falls and rises again, so that two inputs share an output.

    >>> gelu_derivative(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.0833,  0.5   ,  1.0833])
    """
    return gelu_gradient(1.0, x, approximate=approximate)
