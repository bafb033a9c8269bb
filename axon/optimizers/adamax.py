"""Adamax: Adam with the largest gradient in the place of the mean square."""

from collections.abc import Callable
from typing import Any, Unpack

from axon.backend import Array, DType, like_first
from axon.checks import fraction, positive
from axon.core import Tensor, primitive
from axon.optimizers.base import ByPrimitive
from axon.optimizers.options import Options
from axon.pieces import by_rows


@primitive(kind="writes", writes=3, workspace=like_first(1), rows=by_rows, flops=9)
def adamax_update(
    w: Array,
    m: Array,
    u: Array,
    g: Array,
    rate: Array,
    *,
    xp: Any,
    workspace: list[Array],
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> None:
    """m <- b1 m + g; u <- max(b2 u, |g|); w <- w - rate m / (u + epsilon)."""
    (t,) = workspace
    xp.multiply(m, beta_1, out=m)
    xp.add(m, g, out=m)
    xp.multiply(u, beta_2, out=u)
    xp.absolute(g, out=t)
    xp.maximum(u, t, out=u)
    xp.add(u, epsilon, out=t)
    xp.divide(m, t, out=t)
    xp.multiply(t, rate, out=t)
    xp.subtract(w, t, out=w)


class Adamax(ByPrimitive):
    """Adamax (Kingma and Ba, 2015, section 7.1).

    m <- b1 m + (1 - b1) g; u <- max(b2 u, |g|); w <- w - rate / (1 - b1^t) * m / (u + epsilon).

    Args:
        learning_rate: the size of a step; a number or a schedule.
        beta_1: how slowly the mean of the gradients forgets, in [0, 1).
        beta_2: how slowly the largest one is forgotten, in [0, 1).
        epsilon: keeps the division finite; larger than 0.
        options: weight decay, clipping and more, see ``Optimizer``.

    >>> Adamax()
    Adamax(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-07)
    """

    updates = (adamax_update,)
    state_names = ("m", "u")

    def __init__(
        self,
        learning_rate: float | Callable[[int], float] = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.beta_1 = fraction("Adamax", "beta_1", beta_1)
        self.beta_2 = fraction("Adamax", "beta_2", beta_2)
        self.epsilon = positive("Adamax", "epsilon", epsilon)

    def per_step(self, dtype: DType) -> tuple[Tensor, ...]:
        """The rate with the factors of m, which is kept as a plain sum: m = b1 m + g."""
        slow = (1.0 - self.beta_1) / (1.0 - self.beta_1**self.iterations)
        return ((self._rate * slow).astype(dtype),)
