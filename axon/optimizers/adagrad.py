"""Adagrad: steps that become smaller where gradients have been large."""

from collections.abc import Callable
from typing import Any, Unpack

from axon.backend import Array, like_first
from axon.checks import number, positive
from axon.core import primitive
from axon.optimizers.base import ByPrimitive
from axon.optimizers.options import Options
from axon.pieces import by_rows


@primitive(kind="writes", writes=2, workspace=like_first(1), rows=by_rows, flops=6)
def adagrad_update(
    w: Array,
    total: Array,
    g: Array,
    rate: Array,
    *,
    xp: Any,
    workspace: list[Array],
    epsilon: float,
) -> None:
    """total <- total + g^2; w <- w - rate g / sqrt(total + epsilon)."""
    (t,) = workspace
    xp.multiply(g, g, out=t)
    xp.add(total, t, out=total)
    xp.add(total, epsilon, out=t)
    xp.sqrt(t, out=t)
    xp.divide(g, t, out=t)
    xp.multiply(t, rate, out=t)
    xp.subtract(w, t, out=w)


class Adagrad(ByPrimitive):
    """Adagrad (Duchi, Hazan and Singer, 2011).

    s <- s + g^2; w <- w - rate g / sqrt(s + epsilon).

    Args:
        learning_rate: the size of a step; a number or a schedule.
        initial_accumulator_value: what s begins with; at least 0.
        epsilon: keeps the division finite; larger than 0.
        options: weight decay, clipping and more, see ``Optimizer``.

    >>> Adagrad(0.01)
    Adagrad(learning_rate=0.01, initial_accumulator_value=0.1, epsilon=1e-07)
    """

    _updates = (adagrad_update,)
    state_names = ("accumulator",)

    def __init__(
        self,
        learning_rate: float | Callable[[int], float] = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        begin = number("Adagrad", "initial_accumulator_value", initial_accumulator_value, 0)
        self.initial_accumulator_value = begin
        self.state_begins = {"accumulator": begin}
        self.epsilon = positive("Adagrad", "epsilon", epsilon)
