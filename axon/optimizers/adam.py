"""Adam: a step size of its own for every parameter; and what was made of it.

AdamW, with weight decay; Adamax, with the largest gradient in the place of the mean square; and
Nadam, which looks ahead along its momentum.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Unpack

import numpy as np

from axon.backend import Array, DType, like_first
from axon.checks import fraction, number, positive
from axon.core import Tensor, primitive
from axon.ops import sqrt
from axon.optimizers.base import ByPrimitive
from axon.optimizers.options import Options
from axon.pieces import by_rows
from axon.program.changing import Rate


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
    root = math.sqrt((1.0 - beta_2**t) / (1.0 - beta_2))
    out[0], out[1] = rate.item() * slow * root, root * epsilon


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


@primitive(kind="writes", writes=3, workspace=like_first(2), rows=by_rows, flops=10)
def nadam_update(
    w: Array,
    m: Array,
    v: Array,
    g: Array,
    slow: Array,
    fast: Array,
    epsilon: Array,
    *,
    xp: Any,
    workspace: list[Array],
    beta_1: float,
    beta_2: float,
) -> None:
    """m and v as in adam_update; w <- w - (slow m + fast g) / (sqrt(v) + epsilon)."""
    t, s = workspace
    _gather(m, v, g, t, beta_1, beta_2, xp)
    xp.sqrt(v, out=t)
    xp.add(t, epsilon, out=t)
    xp.divide(m, t, out=s)
    xp.multiply(s, slow, out=s)
    xp.subtract(w, s, out=w)
    xp.divide(g, t, out=s)
    xp.multiply(s, fast, out=s)
    xp.subtract(w, s, out=w)


class _Moments(ByPrimitive):
    """What all of them share: m follows the gradients, another state their size."""

    def __init__(
        self,
        learning_rate: float | Callable[[int], float] = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        owner = type(self).__name__
        self.beta_1 = fraction(owner, "beta_1", beta_1)
        self.beta_2 = fraction(owner, "beta_2", beta_2)
        self.epsilon = positive(owner, "epsilon", epsilon)


class Adam(_Moments):
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

    _updates = (adam_update, amsgrad_update)
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
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **options)
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
        weight_decay: how fast weights shrink, in units of the learning rate; or a schedule.

    The other arguments are those of Adam.

    >>> AdamW(0.01).weight_decay
    0.004
    """

    def __init__(
        self,
        learning_rate: float | Callable[[int], float] = 0.001,
        weight_decay: Rate | None = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Any,
    ) -> None:
        options["weight_decay"] = weight_decay
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, **options)


class Adamax(_Moments):
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

    _updates = (adamax_update,)
    state_names = ("m", "u")

    def per_step(self, dtype: DType) -> tuple[Tensor, ...]:
        """The rate with the factors of m, which is kept as a plain sum: m = b1 m + g."""
        slow = (1.0 - self.beta_1) / (1.0 - self.beta_1**self.iterations)
        return ((self._rate * slow).astype(dtype),)


class Nadam(_Moments):
    """Adam with Nesterov's momentum (Dozat, 2016).

    w <- w - rate (u_next m / (1 - P u_next) + (1 - u) g / (1 - P)) / (sqrt(v') + epsilon), where
    m, v and v' are Adam's, u = b1 (1 - 0.5 * 0.96^(t momentum_decay)), u_next is the u of t + 1,
    and P is the product of all u so far.

    Args:
        learning_rate: the size of a step; a number or a schedule.
        beta_1: how slowly the mean of the gradients forgets, in [0, 1).
        beta_2: how slowly the mean of their squares forgets, in [0, 1).
        epsilon: keeps the division finite; larger than 0.
        momentum_decay: how soon u comes near b1; the paper's is 0.004.
        options: weight decay, clipping and more, see ``Optimizer``.

    >>> Nadam()
    Nadam(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-07, momentum_decay=1.0)
    """

    _updates = (nadam_update,)
    state_names = ("m", "v")
    number_begins: ClassVar[Mapping[str, float]] = {"product": 1.0}

    def __init__(
        self,
        learning_rate: float | Callable[[int], float] = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        *,
        momentum_decay: float = 1.0,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **options)
        self.momentum_decay = number("Nadam", "momentum_decay", momentum_decay, 0)

    def _momentum(self, t: Tensor) -> Tensor:
        """The u of update t."""
        return self.beta_1 * (1.0 - 0.5 * 0.96 ** (t * self.momentum_decay))

    def count(self) -> None:
        """P <- P u."""
        product = self.numbers["product"]
        product.assign(product * self._momentum(self.iterations))

    def per_step(self, dtype: DType) -> tuple[Tensor, ...]:
        """The factors of m and g, and epsilon; m and v are kept as plain sums, as in Adam."""
        t, product = self.iterations, self.numbers["product"]
        u, u_next = self._momentum(t), self._momentum(t + 1.0)
        root = sqrt((1.0 - self.beta_2**t) / (1.0 - self.beta_2))
        slow = self._rate * root * (1.0 - self.beta_1) * u_next / (1.0 - product * u_next)
        fast = self._rate * root * (1.0 - u) / (1.0 - product)
        return slow.astype(dtype), fast.astype(dtype), (root * self.epsilon).astype(dtype)
