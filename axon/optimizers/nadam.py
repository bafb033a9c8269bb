"""Nadam: Adam that looks ahead along its momentum."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Unpack

from axon.backend import Array, DType, like_first
from axon.checks import fraction, number, positive
from axon.core import Tensor, primitive
from axon.ops import sqrt
from axon.optimizers.base import ByPrimitive
from axon.optimizers.options import Options
from axon.pieces import by_rows


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
    xp.multiply(m, beta_1, out=m)
    xp.add(m, g, out=m)
    xp.multiply(v, beta_2, out=v)
    xp.multiply(g, g, out=t)
    xp.add(v, t, out=v)
    xp.sqrt(v, out=t)
    xp.add(t, epsilon, out=t)
    xp.divide(m, t, out=s)
    xp.multiply(s, slow, out=s)
    xp.subtract(w, s, out=w)
    xp.divide(g, t, out=s)
    xp.multiply(s, fast, out=s)
    xp.subtract(w, s, out=w)


class Nadam(ByPrimitive):
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

    updates = (nadam_update,)
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
        super().__init__(learning_rate, **options)
        self.beta_1 = fraction("Nadam", "beta_1", beta_1)
        self.beta_2 = fraction("Nadam", "beta_2", beta_2)
        self.epsilon = positive("Nadam", "epsilon", epsilon)
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
