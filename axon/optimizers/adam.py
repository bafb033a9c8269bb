"""Adam: a step size of its own for every parameter; and AdamW, with weight decay."""

from collections.abc import Callable
from math import sqrt
from typing import Any, Unpack

import numpy as np

from axon.backend import Array, DType, like_first
from axon.checks import fraction, positive
from axon.core import Tensor, primitive
from axon.optimizers.base import ByPrimitive
from axon.optimizers.options import Options
from axon.pieces import by_rows


@primitive(kind="writes", writes=3, workspace=like_first(1), rows=by_rows, flops=10)
def adam_update(
    w: Array,
    m: Array,
    v: Array,
    g: Array,
    rate: Array,
    epsilon: Array,
    *,
    xp: Any,
    workspace: list[Array],
    beta_1: float,
    beta_2: float,
) -> None:
    """m <- b1 m + g; v <- b2 v + g^2; w <- w - rate m / (sqrt(v) + epsilon)."""
    (t,) = workspace
    _gather(m, v, g, t, beta_1, beta_2, xp)
    _step(w, m, v, rate, epsilon, t, xp)


@primitive(kind="writes", writes=4, workspace=like_first(1), rows=by_rows, flops=11)
def amsgrad_update(
    w: Array,
    m: Array,
    v: Array,
    largest: Array,
    g: Array,
    rate: Array,
    epsilon: Array,
    *,
    xp: Any,
    workspace: list[Array],
    beta_1: float,
    beta_2: float,
) -> None:
    """As adam_update, but divides by the square root of the largest v so far."""
    (t,) = workspace
    _gather(m, v, g, t, beta_1, beta_2, xp)
    xp.maximum(largest, v, out=largest)
    _step(w, m, largest, rate, epsilon, t, xp)


def _gather(m: Array, v: Array, g: Array, t: Array, beta_1: float, beta_2: float, xp: Any) -> None:
    """m <- b1 m + g; v <- b2 v + g^2; t is workspace."""
    xp.multiply(m, beta_1, out=m)
    xp.add(m, g, out=m)
    xp.multiply(v, beta_2, out=v)
    xp.multiply(g, g, out=t)
    xp.add(v, t, out=v)


def _step(w: Array, m: Array, v: Array, rate: Array, epsilon: Array, t: Array, xp: Any) -> None:
    """w <- w - rate m / (sqrt(v) + epsilon)."""
    xp.sqrt(v, out=t)
    xp.add(t, epsilon, out=t)
    xp.divide(m, t, out=t)
    xp.multiply(t, rate, out=t)
    xp.subtract(w, t, out=w)


@primitive(kind="writes", writes=1)
def adam_scalars(
    out: Array,
    rate: Array,
    iterations: Array,
    *,
    xp: Any,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> None:
    """Fill out (2,) with rate and epsilon, times all that is the same for every parameter.

    The moments are kept as plain sums, m = b1 m + g. Their factors 1 - b1 and 1 - b2 stand here,
    beside the bias corrections, which saves two passes over memory. Python computes in float64.
    """
    t = iterations.item()
    slow = (1.0 - beta_1) / (1.0 - beta_1**t)
    root = sqrt((1.0 - beta_2**t) / (1.0 - beta_2))
    out[0], out[1] = rate.item() * slow * root, root * epsilon


class Adam(ByPrimitive):
    """Adam (Kingma and Ba, 2015, algorithm 1), with bias correction.

    w <- w - rate m' / (sqrt(v') + epsilon), where m' = m / (1 - b1^t) and v' = v / (1 - b2^t).

    Args:
        learning_rate: the size of a step; a number or a schedule.
        beta_1: how slowly the mean of the gradients forgets, in [0, 1).
        beta_2: how slowly the mean of their squares forgets, in [0, 1).
        epsilon: keeps the division finite; larger than 0.
        amsgrad: divide by the largest v so far (Reddi et al., 2018).
        options: weight decay, clipping and more, see ``Optimizer``.

    >>> Adam()
    Adam(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-07, amsgrad=False)
    """

    updates = (adam_update, amsgrad_update)
    state_names: tuple[str, ...] = ("m", "v")

    def __init__(
        self,
        learning_rate: float | Callable[[int], float] = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        owner = type(self).__name__
        self.beta_1 = fraction(owner, "beta_1", beta_1)
        self.beta_2 = fraction(owner, "beta_2", beta_2)
        self.epsilon = positive(owner, "epsilon", epsilon)
        self.amsgrad = bool(amsgrad)
        self._scalars: dict[DType, Tensor] = {}  # rate and epsilon of the step at hand, by type
        if self.amsgrad:
            self.state_names = ("m", "v", "largest_v")

    def per_step(self, dtype: DType) -> tuple[Tensor, ...]:
        """Rate and epsilon, with all that is the same for every parameter."""
        scalars = self._scalars.setdefault(np.dtype(dtype), Tensor(np.zeros(2, dtype)))
        options = {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
        adam_scalars(scalars, self._rate, self.iterations, **options)
        return scalars[0], scalars[1]


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019).

    w <- w - rate weight_decay w, then as Adam.

    Args:
        learning_rate: the size of a step; a number or a schedule.
        weight_decay: how fast weights shrink, in units of the learning rate.
        beta_1: how slowly the mean of the gradients forgets, in [0, 1).
        beta_2: how slowly the mean of their squares forgets, in [0, 1).
        epsilon: keeps the division finite; larger than 0.
        amsgrad: divide by the largest v so far.
        options: clipping and more, see ``Optimizer``.

    >>> AdamW(0.01).weight_decay
    0.004
    """

    def __init__(
        self,
        learning_rate: float | Callable[[int], float] = 0.001,
        weight_decay: float | None = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Any,
    ) -> None:
        options["weight_decay"] = weight_decay
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, **options)
