"""Stochastic gradient descent, with and without momentum."""

from collections.abc import Callable
from typing import Any, Unpack

from axon.backend import Array, like_first
from axon.core import primitive
from axon.optimizers.base import ByPrimitive
from axon.optimizers.options import Options
from axon.pieces import by_rows
from axon.program.changing import Rate


@primitive(kind="writes", writes=1, workspace=like_first(1), rows=by_rows, flops=2)
def sgd_update(w: Array, g: Array, rate: Array, *, xp: Any, workspace: list[Array]) -> None:
    """w <- w - rate g."""
    (step,) = workspace
    xp.multiply(g, rate, out=step)
    xp.subtract(w, step, out=w)


@primitive(kind="writes", writes=2, workspace=like_first(1), rows=by_rows, flops=4)
def momentum_update(
    w: Array,
    v: Array,
    g: Array,
    rate: Array,
    *,
    xp: Any,
    workspace: list[Array],
    momentum: float,
    nesterov: bool,
) -> None:
    """v <- momentum v + g; w <- w - rate v, or with nesterov w <- w - rate (g + momentum v)."""
    _by_momentum(w, v, g, rate, momentum, workspace[0], nesterov, xp)


@primitive(kind="writes", writes=2, workspace=like_first(1), rows=by_rows, flops=4)
def changing_momentum_update(
    w: Array,
    v: Array,
    g: Array,
    rate: Array,
    momentum: Array,
    *,
    xp: Any,
    workspace: list[Array],
    nesterov: bool,
) -> None:
    """As momentum_update; the momentum may be another one in each step."""
    _by_momentum(w, v, g, rate, momentum, workspace[0], nesterov, xp)


def _by_momentum(
    w: Array,
    v: Array,
    g: Array,
    rate: Array,
    momentum: float | Array,
    step: Array,
    nesterov: bool,
    xp: Any,
) -> None:
    xp.multiply(v, momentum, out=v)
    xp.add(v, g, out=v)
    if nesterov:
        xp.multiply(v, momentum, out=step)
        xp.add(step, g, out=step)
        xp.multiply(step, rate, out=step)
    else:
        xp.multiply(v, rate, out=step)
    xp.subtract(w, step, out=w)


class SGD(ByPrimitive):
    """Stochastic gradient descent: a step down the slope.

    w <- w - rate g; with momentum v <- momentum v + g and w <- w - rate v.

    Args:
        learning_rate: the size of a step; a number or a schedule.
        momentum: how much of the last step is kept, in [0, 1); a number or a schedule.
        nesterov: look ahead along the momentum (Nesterov 1983; Sutskever et al. 2013).
        options: weight decay, clipping and more, see ``Optimizer``.

    >>> SGD(learning_rate=0.1, momentum=0.9)
    SGD(learning_rate=0.1, momentum=0.9, nesterov=False)
    """

    _updates = (sgd_update, momentum_update, changing_momentum_update)

    def __init__(
        self,
        learning_rate: float | Callable[[int], float] = 0.01,
        momentum: Rate = 0.0,
        nesterov: bool = False,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.momentum, self.nesterov = (
            self._changes_by_schedule("momentum", momentum),
            bool(nesterov),
        )
        if self.nesterov and not self.momentum:
            raise ValueError("SGD: nesterov=True needs a momentum larger than 0, for example 0.9.")
        if self.momentum:
            self.state_names = ("velocity",)
