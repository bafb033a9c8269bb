"""Steps in units of the weights that they change: of each parameter by itself."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from math import prod
from typing import Unpack

from axon.backend import DType, Shape
from axon.checks import fraction, number, positive
from axon.core import Tensor
from axon.ops import maximum, minimum, sqrt, square, where
from axon.optimizers.base import Optimizer
from axon.optimizers.group import Group
from axon.optimizers.options import Options
from axon.parameter import Parameter


class _OneByOne(Optimizer):
    """Updates one parameter after another, since its size plays a part."""

    def change(self, group: Group, parameters: Sequence[Parameter]) -> None:
        """Apply the rule to each parameter of its own."""
        scalars = self.per_step(group.dtype)
        for p in parameters:
            start, stop = p.start, p.start + p.size
            flat = (group.values(start, stop), group.gradients(start, stop))
            state = (group.kept(name, start, stop) for name in self.state_names)
            self.rule_of(p.shape, *flat, *state, *scalars)

    def rule(self, values: Tensor, gradients: Tensor, *rest: Tensor) -> None:
        """As a vector: parameters have shapes in ``rule_of``."""
        self.rule_of(values.shape, values, gradients, *rest)

    @abstractmethod
    def rule_of(self, shape: Shape, w: Tensor, g: Tensor, *rest: Tensor) -> None:
        """Update a parameter of this shape, which is flat here."""


class Lamb(_OneByOne):
    """LAMB (You et al., "Large Batch Optimization for Deep Learning", 2020).

    r = m' / (sqrt(v') + epsilon), with Adam's m' and v'; w <- w - rate |w| / |r| r, of each
    parameter by itself: every layer moves by the same share of its length, however large batches.

    Args:
        learning_rate: the size of a step; a number or a schedule.
        beta_1: how slowly the mean of the gradients forgets, in [0, 1).
        beta_2: how slowly the mean of their squares forgets, in [0, 1).
        epsilon: keeps the division finite; larger than 0.
        options: weight decay, clipping and more, see ``Optimizer``.

    >>> Lamb()
    Lamb(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-07)
    """

    state_names = ("m", "v")

    def __init__(
        self,
        learning_rate: float | Callable[[int], float] = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.beta_1 = fraction("Lamb", "beta_1", beta_1)
        self.beta_2 = fraction("Lamb", "beta_2", beta_2)
        self.epsilon = positive("Lamb", "epsilon", epsilon)

    def per_step(self, dtype: DType) -> tuple[Tensor, ...]:
        """The rate, and what corrects the means for their beginning with 0."""
        t = self.iterations
        corrections = (1.0 / (1.0 - self.beta_1**t), 1.0 / (1.0 - self.beta_2**t))
        return tuple(x.astype(dtype) for x in (self._rate, *corrections))

    def rule_of(self, shape: Shape, w: Tensor, g: Tensor, *rest: Tensor) -> None:
        """See above."""
        m, v, rate, slow, fast = rest
        m.assign(m * self.beta_1 + g * (1.0 - self.beta_1))
        v.assign(v * self.beta_2 + square(g) * (1.0 - self.beta_2))
        r = m * slow / (sqrt(v * fast) + self.epsilon)
        long, far = sqrt(square(w).sum()), sqrt(square(r).sum())
        share = where((long > 0.0) * (far > 0.0), long / where(far > 0.0, far, 1.0), 1.0)
        w.assign(w - rate * share * r)


class Adafactor(_OneByOne):
    """Adafactor (Shazeer and Stern, 2018): squares of gradients by row and column.

    The mean square of a matrix's gradient is taken for r c^T / mean(r), of the means r of its rows
    and c of its columns (of the last two axes), which forget by 1 - t^decay. w <- w - alpha u /
    max(1, rms(u) / clip_threshold), u = g / sqrt(v), alpha = max(epsilon_2, rms(w)) min(rate, 1 /
    sqrt(t)). Here r and c have the memory of Adam's m and v.

    Args:
        learning_rate: the largest size of a step, in units of the weights; a number or a schedule.
        beta_2_decay: how fast means forget less and less; at most 0.
        epsilon_1: is added to squares; larger than 0.
        epsilon_2: the least that weights count in the size of a step.
        clip_threshold: how large u may be, by its root mean square.
        relative_step: as in Keras of no effect: rates are at most 1 / sqrt(t) in any case.
        options: weight decay, clipping and more, see ``Optimizer``.

    >>> Adafactor().clip_threshold
    1.0
    """

    state_names = ("r", "c")

    def __init__(
        self,
        learning_rate: float | Callable[[int], float] = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.beta_2_decay = number("Adafactor", "beta_2_decay", beta_2_decay)
        self.epsilon_1 = positive("Adafactor", "epsilon_1", epsilon_1)
        self.epsilon_2 = positive("Adafactor", "epsilon_2", epsilon_2)
        self.clip_threshold = positive("Adafactor", "clip_threshold", clip_threshold)
        self.relative_step = bool(relative_step)

    def per_step(self, dtype: DType) -> tuple[Tensor, ...]:
        """The rate, and the share of the old in the means."""
        rate = minimum(self._rate, self.iterations**-0.5)
        old = 1.0 - self.iterations**self.beta_2_decay
        return rate.astype(dtype), old.astype(dtype)

    def rule_of(self, shape: Shape, w: Tensor, g: Tensor, *rest: Tensor) -> None:
        """See above."""
        rows, columns, rate, old = rest
        squares = square(g) + self.epsilon_1
        if len(shape) < 2:
            rows.assign(rows * old + squares * (1.0 - old))
            v = rows
        else:
            v = self._product(shape, squares.reshape(shape), rows, columns, old).reshape(-1)
        u = g / sqrt(v)
        alpha = maximum(_rms(w), self.epsilon_2) * rate
        w.assign(w - alpha * (u / maximum(_rms(u) / self.clip_threshold, 1.0)))

    def _product(
        self, shape: Shape, squares: Tensor, rows: Tensor, columns: Tensor, old: Tensor
    ) -> Tensor:
        """What is taken for the mean squares; the means of rows and columns follow."""
        r = rows[: prod(shape[:-1])].reshape(shape[:-1])
        c = columns[: prod(shape[:-2]) * shape[-1]].reshape((*shape[:-2], shape[-1]))
        r.assign(r * old + squares.mean(axis=-1) * (1.0 - old))
        c.assign(c * old + squares.mean(axis=-2) * (1.0 - old))
        return (r / r.mean(axis=-1, keepdims=True))[..., None] * c[..., None, :]


def _rms(x: Tensor) -> Tensor:
    return sqrt(square(x).mean())
