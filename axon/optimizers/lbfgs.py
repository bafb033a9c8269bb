"""L-BFGS: steps that know how the slope bends, for whole data sets in one batch."""

from collections.abc import Callable
from typing import ClassVar, Unpack

from axon.backend import DType
from axon.checks import integer, number
from axon.core import Tensor
from axon.ops import absolute, minimum, where
from axon.optimizers.base import Optimizer
from axon.optimizers.options import Options


class LBFGS(Optimizer):
    """Limited-memory BFGS (Liu and Nocedal, 1989), without a line search.

    w <- w - rate H g, with H the inverse of the second derivative as the latest steps s and changes
    y of the gradient tell it (the two-loop recursion). The first step is min(1, 1 / |g|_1) rate g.
    Pairs with y . s of at most ``curvature`` are left out.

    Of a loss that is the same function in each step: give ``fit`` all samples as one batch, and no
    Dropout. As ``torch.optim.LBFGS(max_iter=1)``; a step in the wrong place is not taken back, so
    that ``clipnorm`` or a smaller rate may be needed.

    Args:
        learning_rate: the size of a step; a number or a schedule.
        history_size: how many pairs are kept, each of the memory of two copies of the weights.
        curvature: see above.
        options: weight decay, clipping and more, see ``Optimizer``.

    >>> LBFGS(0.5).history_size
    10
    """

    stands_alone: ClassVar[bool] = True
    full_batches: ClassVar[bool] = True

    def __init__(
        self,
        learning_rate: float | Callable[[int], float] = 1.0,
        history_size: int = 10,
        curvature: float = 1e-10,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.history_size = integer("LBFGS", "history_size", history_size)
        self.curvature = number("LBFGS", "curvature", curvature, 0)
        pairs = [f"{name}{i}" for i in range(self.history_size) for name in ("s", "y")]
        self.state_names = ("gradient", "step", *pairs)

    def per_step(self, dtype: DType) -> tuple[Tensor, ...]:
        """The rate, and whether this is the first step."""
        return self._rate.astype(dtype), (self.iterations == 1.0).astype(dtype)

    def rule(self, values: Tensor, gradients: Tensor, *rest: Tensor) -> None:
        """See above."""
        before, step, *pairs, rate, first = rest
        s, y = pairs[0::2], pairs[1::2]
        self._remember(s, y, step, gradients - before)
        size = minimum(1.0 / where(first > 0.0, absolute(gradients).sum(), 1.0), 1.0) * rate
        step.assign(-(where(first > 0.0, size, rate) * self._towards(s, y, gradients)))
        before.assign(gradients)
        values.assign(values + step)

    def _remember(self, s: list[Tensor], y: list[Tensor], step: Tensor, change: Tensor) -> None:
        """Let the newest pair be the first one and the others move on, if it tells anything."""
        telling = (change * step).sum() > self.curvature
        for kept, newest in ((s, step), (y, change)):
            for place in range(len(kept) - 1, 0, -1):
                kept[place].assign(where(telling, kept[place - 1], kept[place]))
            kept[0].assign(where(telling, newest, kept[0]))

    def _towards(self, s: list[Tensor], y: list[Tensor], g: Tensor) -> Tensor:
        """H g, by the two-loop recursion, newest pairs first; pairs of zeros change nothing."""
        bends = [(a * b).sum() for a, b in zip(s, y, strict=True)]
        inverse = [where(b > 0.0, 1.0 / where(b > 0.0, b, 1.0), 0.0) for b in bends]
        q, shares = g, []
        for a, b, rho in zip(s, y, inverse, strict=True):
            share = rho * (a * q).sum()
            q = q - share * b
            shares.append(share)
        square = (y[0] * y[0]).sum()
        q = q * where(square > 0.0, bends[0] / where(square > 0.0, square, 1.0), 1.0)
        for a, b, rho, share in reversed([*zip(s, y, inverse, shares, strict=True)]):
            q = q + a * (share - rho * (b * q).sum())
        return q
