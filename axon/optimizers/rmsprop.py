"""RMSprop: gradients divided by their recent size."""

from collections.abc import Callable
from typing import Any, Unpack

from axon.backend import Array, like_first
from axon.checks import fraction, positive
from axon.core import primitive
from axon.optimizers.base import ByPrimitive
from axon.optimizers.options import Options
from axon.pieces import by_rows
from axon.program.changing import Rate


@primitive(kind="writes", writes=2, workspace=like_first(1), rows=by_rows, flops=9)
def rmsprop_update(
    w: Array,
    v: Array,
    g: Array,
    rate: Array,
    *,
    xp: Any,
    workspace: list[Array],
    rho: float,
    epsilon: float,
) -> None:
    """v <- rho v + (1 - rho) g^2; w <- w - rate g / sqrt(v + epsilon)."""
    (t,) = workspace
    xp.multiply(g, g, out=t)
    xp.multiply(t, 1.0 - rho, out=t)
    xp.multiply(v, rho, out=v)
    xp.add(v, t, out=v)
    xp.add(v, epsilon, out=t)
    xp.sqrt(t, out=t)
    xp.divide(g, t, out=t)
    xp.multiply(t, rate, out=t)
    xp.subtract(w, t, out=w)


@primitive(kind="writes", writes=4, workspace=like_first(1), rows=by_rows)
def rmsprop_momentum_update(
    w: Array,
    v: Array,
    mean: Array,
    velocity: Array,
    g: Array,
    rate: Array,
    *,
    xp: Any,
    workspace: list[Array],
    rho: float,
    momentum: float,
    epsilon: float,
    centered: bool,
) -> None:
    """As rmsprop_update, but with momentum, and with v - mean^2 in the place of v if centered."""
    arrays = (w, v, mean, velocity, g, rate, momentum, workspace[0])
    _by_momentum(*arrays, rho, epsilon, centered, xp)


@primitive(kind="writes", writes=4, workspace=like_first(1), rows=by_rows)
def changing_rmsprop_update(
    w: Array,
    v: Array,
    mean: Array,
    velocity: Array,
    g: Array,
    rate: Array,
    momentum: Array,
    *,
    xp: Any,
    workspace: list[Array],
    rho: float,
    epsilon: float,
    centered: bool,
) -> None:
    """As rmsprop_momentum_update; the momentum may be another one in each step."""
    arrays = (w, v, mean, velocity, g, rate, momentum, workspace[0])
    _by_momentum(*arrays, rho, epsilon, centered, xp)


def _by_momentum(
    w: Array,
    v: Array,
    mean: Array,
    velocity: Array,
    g: Array,
    rate: Array,
    momentum: float | Array,
    t: Array,
    rho: float,
    epsilon: float,
    centered: bool,
    xp: Any,
) -> None:
    xp.multiply(g, g, out=t)
    xp.multiply(t, 1.0 - rho, out=t)
    xp.multiply(v, rho, out=v)
    xp.add(v, t, out=v)
    if centered:
        xp.multiply(g, 1.0 - rho, out=t)
        xp.multiply(mean, rho, out=mean)
        xp.add(mean, t, out=mean)
        xp.multiply(mean, mean, out=t)
        xp.subtract(v, t, out=t)
        xp.maximum(t, 0, out=t)  # a variance: what lies below is rounding
        xp.add(t, epsilon, out=t)
    else:
        xp.add(v, epsilon, out=t)
    xp.sqrt(t, out=t)
    xp.divide(g, t, out=t)
    xp.multiply(t, rate, out=t)
    xp.multiply(velocity, momentum, out=velocity)
    xp.add(velocity, t, out=velocity)
    xp.subtract(w, velocity, out=w)


class RMSprop(ByPrimitive):
    """RMSprop (Tieleman and Hinton, 2012, lecture 6.5; centered: Graves, 2013).

    v <- rho v + (1 - rho) g^2; w <- w - rate g / sqrt(v + epsilon).

    Args:
        learning_rate: the size of a step; a number or a schedule.
        rho: how slowly the mean of the squares forgets, in [0, 1).
        momentum: how much of the last step is kept, in [0, 1); a number or a schedule.
        epsilon: keeps the division finite; larger than 0.
        centered: divide by the deviation of the gradients, v less the square of their mean.
        options: weight decay, clipping and more, see ``Optimizer``.

    >>> RMSprop(0.01, centered=True)
    RMSprop(learning_rate=0.01, rho=0.9, momentum=0.0, epsilon=1e-07, centered=True)
    """

    _updates = (rmsprop_update, rmsprop_momentum_update, changing_rmsprop_update)
    state_names: tuple[str, ...] = ("v",)

    def __init__(
        self,
        learning_rate: float | Callable[[int], float] = 0.001,
        rho: float = 0.9,
        momentum: Rate = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.rho = fraction("RMSprop", "rho", rho)
        self.momentum = self._changes_by_schedule("momentum", momentum)
        self.epsilon = positive("RMSprop", "epsilon", epsilon)
        self.centered = bool(centered)
        if self.momentum or self.centered:
            self.state_names = ("v", "mean", "velocity")
