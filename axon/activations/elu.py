"""Exponential linear unit: like ReLU, but below 0 it bends softly towards -alpha."""

from typing import Any

from axon.backend import Array, constant, floating, like_result
from axon.bounds import rising
from axon.core import Tensor, TensorLike, primitive


def bent(out: Array, y: Array, above: float, at_zero: float, part: Array, xp: Any) -> None:
    """Fill out with ``above`` where y > 0, else with y + ``at_zero``; ``part`` is workspace."""
    xp.less_equal(y, 0, out=part)
    xp.minimum(y, constant(0, out.dtype, xp), out=out)
    xp.add(out, constant(at_zero, out.dtype, xp), out=out)
    xp.multiply(out, part, out=out)
    xp.subtract(constant(1, out.dtype, xp), part, out=part)
    xp.multiply(part, constant(above, out.dtype, xp), out=part)
    xp.add(out, part, out=out)


@primitive(
    result=floating, workspace=like_result(1), over=(0,), bounds=rising(lambda x: max(x, -1.0))
)
def elu(out: Array, x: Array, *, xp: Any, workspace: list[Array], alpha: float = 1.0) -> None:
    """x above 0, alpha (e^x - 1) up to there; ``alpha`` is not negative.

    Clevert, Unterthiner and Hochreiter, "Fast and Accurate Deep Network Learning by Exponential
    Linear Units" (2015).

    >>> elu(np.array([-1.0, 0.0, 2.0])).round(4)
    array([-0.6321,  0.    ,  2.    ])
    """
    if alpha < 0:
        raise ValueError(
            f"elu: alpha must be 0 or more, got {alpha}. Far below 0, elu(x, alpha=1.0) tends to "
            "-alpha."
        )
    zero = constant(0, out.dtype, xp)
    xp.maximum(x, zero, out=workspace[0])
    xp.minimum(x, zero, out=out)
    xp.expm1(out, out=out)
    xp.multiply(out, constant(alpha, out.dtype, xp), out=out)
    xp.add(out, workspace[0], out=out)


@primitive(result=floating, workspace=like_result(1), over=(1,))
def elu_gradient(
    out: Array, g: Array, y: Array, *, xp: Any, workspace: list[Array], alpha: float = 1.0
) -> None:
    """g where y = elu(x) is positive, else g (y + alpha), which is g alpha e^x."""
    bent(out, y, 1, alpha, workspace[0], xp)
    xp.multiply(out, g, out=out)


elu.gradient(lambda g, y, x, **alpha: elu_gradient(g, y, **alpha))
elu_gradient.gradient(
    lambda gg, z, g, y, **alpha: elu_gradient(gg, y, **alpha),
    lambda gg, z, g, y, **alpha: gg * g * (y <= 0.0),
)


def elu_derivative(y: TensorLike, *, alpha: float = 1.0) -> Tensor | Array:
    """Return the derivative in terms of the *output* y = elu(x): 1 above 0, else y + alpha.

    >>> elu_derivative(elu(np.array([-1.0, 2.0]))).round(4)
    array([0.3679, 1.    ])
    """
    return elu_gradient(1.0, y, alpha=alpha)
