"""Lion: steps of one size, in the direction of a sign."""

from collections.abc import Callable
from typing import Any, Unpack

from axon.backend import Array, like_first
from axon.checks import fraction
from axon.core import primitive
from axon.optimizers.base import ByPrimitive
from axon.optimizers.options import Options
from axon.pieces import by_rows


@primitive(kind="writes", writes=2, workspace=like_first(2), rows=by_rows, flops=9)
def lion_update(
    w: Array,
    m: Array,
    g: Array,
    rate: Array,
    *,
    xp: Any,
    workspace: list[Array],
    beta_1: float,
    beta_2: float,
) -> None:
    """w <- w - rate sign(b1 m + (1 - b1) g); m <- b2 m + (1 - b2) g."""
    t, s = workspace
    xp.multiply(m, beta_1, out=t)
    xp.multiply(g, 1.0 - beta_1, out=s)
    xp.add(t, s, out=t)
    xp.sign(t, out=t)
    xp.multiply(t, rate, out=t)
    xp.subtract(w, t, out=w)
    xp.multiply(m, beta_2, out=m)
    xp.multiply(g, 1.0 - beta_2, out=s)
    xp.add(m, s, out=m)


class Lion(ByPrimitive):
    """Lion (Chen et al., 2023): only the sign of the momentum counts.

    w <- w - rate sign(b1 m + (1 - b1) g); m <- b2 m + (1 - b2) g. Its learning rate is best 3 to 10
    times smaller than Adam's, and its weight decay as many times larger.

    Args:
        learning_rate: the size of a step; a number or a schedule.
        beta_1: the share of the momentum in a step, in [0, 1).
        beta_2: how slowly the momentum forgets, in [0, 1).
        options: weight decay, clipping and more, see ``Optimizer``.

    >>> Lion()
    Lion(learning_rate=0.001, beta_1=0.9, beta_2=0.99)
    """

    _updates = (lion_update,)
    state_names = ("m",)

    def __init__(
        self,
        learning_rate: float | Callable[[int], float] = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.beta_1 = fraction("Lion", "beta_1", beta_1)
        self.beta_2 = fraction("Lion", "beta_2", beta_2)
