"""Adam: a step size of its own for every parameter."""

from typing import Any

from axon.backend import Array
from axon.core import Tensor, primitive
from axon.ops import sqrt
from axon.optimizers.base import Optimizer, fraction, positive
from axon.optimizers.sgd import like_first


@primitive(kind="writes", writes=3, workspace=like_first)
def adam_update(
    w: Array,
    m: Array,
    v: Array,
    g: Array,
    rate: Array,
    epsilon: Array,
    *,
    xp: Any,
    work: list[Array],
    beta_1: float,
    beta_2: float,
) -> None:
    """m <- b1 m + g; v <- b2 v + g^2; w <- w - rate m / (sqrt(v) + epsilon)."""
    (t,) = work
    xp.multiply(m, beta_1, out=m)
    xp.add(m, g, out=m)
    xp.multiply(v, beta_2, out=v)
    xp.multiply(g, g, out=t)
    xp.add(v, t, out=v)
    xp.sqrt(v, out=t)
    xp.add(t, epsilon, out=t)
    xp.divide(m, t, out=t)
    xp.multiply(t, rate, out=t)
    xp.subtract(w, t, out=w)


adam_update.gradient(None, None, None, None, None, None)


class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015, algorithm 1), with bias correction.

    w <- w - rate m' / (sqrt(v') + epsilon), where m' = m / (1 - b1^t) and v' = v / (1 - b2^t).

    Args:
        learning_rate: the size of a step.
        beta_1: how slowly the mean of the gradients forgets, in [0, 1).
        beta_2: how slowly the mean of their squares forgets, in [0, 1).
        epsilon: keeps the division finite; larger than 0.

    >>> Adam()
    Adam(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-07)
    """

    state_names = ("m", "v")

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
    ) -> None:
        super().__init__(learning_rate)
        self.beta_1 = fraction("Adam", "beta_1", beta_1)
        self.beta_2 = fraction("Adam", "beta_2", beta_2)
        self.epsilon = positive("Adam", "epsilon", epsilon)

    def per_step(self, dtype: Any) -> tuple[Tensor, ...]:
        """Rate and epsilon with all that is the same for every parameter, in float64 to the end.

        The moments are kept as plain sums, m = b1 m + g. Their factors 1 - b1 and 1 - b2 stand
        here, beside the bias corrections, which saves two passes over memory.
        """
        slow = (1.0 - self.beta_1) / (1.0 - self.beta_1**self.iterations)
        root = sqrt((1.0 - self.beta_2**self.iterations) / (1.0 - self.beta_2))
        rate = self._rate * slow * root
        return rate.astype(dtype), (root * self.epsilon).astype(dtype)

    def rule(self, values: Tensor, gradients: Tensor, *rest: Any) -> None:
        """Apply the primitive."""
        m, v, rate, epsilon = rest
        betas = {"beta_1": self.beta_1, "beta_2": self.beta_2}
        adam_update(values, m, v, gradients, rate, epsilon, **betas)

    def config(self) -> dict[str, Any]:
        """The arguments that make this optimizer again, as JSON can hold them."""
        betas = {"beta_1": self.beta_1, "beta_2": self.beta_2}
        return {**super().config(), **betas, "epsilon": self.epsilon}
