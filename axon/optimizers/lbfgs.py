"""L-BFGS: steps that know how the slope bends, for whole data sets in one batch."""

from collections.abc import Callable, Iterator
from typing import ClassVar, Unpack

import numpy as np

from axon.backend import Array, DType
from axon.checks import demand, integer, number, one_of
from axon.core import Tensor
from axon.ops import absolute, minimum, where
from axon.optimizers.base import Optimizer
from axon.optimizers.group import runs
from axon.optimizers.line_search import LinePoint, strong_wolfe
from axon.optimizers.options import DEFAULTS, Options


class LBFGS(Optimizer):
    """Limited-memory BFGS (Liu and Nocedal, 1989), with or without a line search.

    w <- w - rate H g, with H the inverse of the second derivative as the latest steps s and changes
    y of the gradient tell it (the two-loop recursion). The first step is min(1, 1 / |g|_1) rate g.
    Pairs with y . s of at most ``curvature`` are left out.

    Of a loss that is the same function in each step: give ``fit`` all samples as one batch, and no
    Dropout. As ``torch.optim.LBFGS(max_iter=1)``. Without a line search a step in the wrong place
    is not taken back, so that ``clipnorm`` or a smaller rate may be needed. With
    ``line_search_fn="strong_wolfe"`` each step looks along its direction for a place where the loss
    has fallen and is flatter (axon/optimizers/line_search.py): it computes loss and gradient up to
    25 times, and no rate has to be found. By hand, give ``step`` a function that computes them:
    ``optimizer.step(closure)``.

    Args:
        learning_rate: the size of a step, or of the first one that is tried; or a schedule.
        history_size: how many pairs are kept, each of the memory of two copies of the weights.
        curvature: see above.
        line_search_fn: None, or "strong_wolfe".
        tolerance_grad: with a line search: no step where no slope is larger.
        tolerance_change: nor where the loss would fall by less than about this.
        options: weight decay, clipping and more, see ``Optimizer``; none of them with a line
            search, which follows one function down.

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
        line_search_fn: str | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        if line_search_fn is not None:
            one_of("LBFGS", "line_search_fn", line_search_fn, ("strong_wolfe",))
            unusual = [name for name, value in options.items() if value != DEFAULTS[name]]
            fits = not unusual
            expected = "to be left out with a line search, which follows one function down"
            demand(fits, "LBFGS", unusual[0] if unusual else "", expected, options)
        self.line_search_fn, self.searches = line_search_fn, line_search_fn is not None
        self.tolerance_grad = number("LBFGS", "tolerance_grad", tolerance_grad, 0)
        self.tolerance_change = number("LBFGS", "tolerance_change", tolerance_change, 0)
        self.history_size = integer("LBFGS", "history_size", history_size)
        self.curvature = number("LBFGS", "curvature", curvature, 0)
        pairs = [f"{name}{i}" for i in range(self.history_size) for name in ("s", "y")]
        slope = ("slope",) if self.searches else ()  # where weights are tried
        self.state_names = ("gradient", "step", *pairs, *slope)

    def per_step(self, dtype: DType) -> tuple[Tensor, ...]:
        """The rate, and whether this is the first step."""
        return self._rate.astype(dtype), (self.iterations == 1.0).astype(dtype)

    def rule(self, values: Tensor, gradients: Tensor, *rest: Tensor) -> None:
        """See above; where a line search follows, the gradient is only kept for it."""
        if self.searches:
            return rest[-3].assign(gradients)
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

    # -------------------------------------------------------------------- with a line search

    def keep_slopes(self) -> None:
        """Take note of the gradients where weights are tried."""
        for group in self.groups:
            for start, stop in runs(group.with_gradients()):
                group.kept("slope", start, stop).assign(group.gradients(start, stop))

    def search(self, look: Callable[[], float], loss: float) -> None:
        """Go to a better place along the direction in which the slopes that are kept point."""
        g = self._flat("slope")
        if np.abs(g).max(initial=0.0) <= self.tolerance_grad:
            return
        if self.iterations.data > 1.0:
            self._learn(g)
        d = -self._bent(g)
        self._put("gradient", g)
        self._put("step", np.zeros_like(d))
        slope = float(g @ d)
        if slope > -self.tolerance_change:
            return
        w = self._flat(None)

        def at(t: float) -> LinePoint:
            self._put(None, w + t * d)
            seen = look()
            found = self._flat("slope")
            return LinePoint(t, seen, found, float(found @ d))

        first = min(1.0, 1.0 / float(np.abs(g).sum())) if self.iterations.data == 1.0 else 1.0
        size = float(np.abs(d).max())
        t = first * self.learning_rate
        best = strong_wolfe(at, LinePoint(0.0, loss, g, slope), t, size, self.tolerance_change)
        self._put(None, w + best.t * d)
        self._put("step", best.t * d)

    def _learn(self, g: Array) -> None:
        """Let the latest step, and the change of the gradient, be the newest pair."""
        step, change = self._flat("step"), g - self._flat("gradient")
        if step @ change <= self.curvature:
            return
        for name, newest in (("s", step), ("y", change)):
            for place in range(self.history_size - 1, 0, -1):
                for group in self.groups:
                    kept = group.state
                    kept[f"{name}{place}"].data[...] = kept[f"{name}{place - 1}"].data
            self._put(f"{name}0", newest)

    def _bent(self, g: Array) -> Array:
        """H g, by the two-loop recursion, newest pairs first."""
        pairs = [(self._flat(f"s{i}"), self._flat(f"y{i}")) for i in range(self.history_size)]
        pairs = [(s, y) for s, y in pairs if s @ y > 0.0]
        q, shares = g, []
        for s, y in pairs:
            shares.append((s @ q) / (s @ y))
            q = q - shares[-1] * y
        if pairs:
            s, y = pairs[0]
            q = q * ((s @ y) / (y @ y))
        for (s, y), share in reversed([*zip(pairs, shares, strict=True)]):
            q = q + s * (share - (y @ q) / (s @ y))
        return q

    def _flat(self, name: str | None) -> Array:
        """The weights, or a state, in float64, one behind another."""
        return np.concatenate([part.astype(np.float64) for part in self._places(name)])

    def _put(self, name: str | None, flat: Array) -> None:
        """Set the weights, or a state."""
        start = 0
        for part in self._places(name):
            part[...] = flat[start : start + part.size]
            start += part.size

    def _places(self, name: str | None) -> Iterator[Array]:
        """The memory of the weights, or of a state, as far as it is learned."""
        for group in self.groups:
            learned = [p for p in group.parameters if p.requires_grad]
            for start, stop in runs(learned):
                where = group.values(start, stop) if name is None else group.kept(name, start, stop)
                yield where.data
