"""Muon: for matrices, steps that are as long in every direction; Adam for all else."""

from collections.abc import Callable, Sequence
from math import prod, sqrt
from typing import Any

from axon.backend import Array, DType, Shape, tiny
from axon.checks import fraction, integer, positive
from axon.core import Tensor, primitive
from axon.optimizers.adam import Adam
from axon.optimizers.group import Group
from axon.parameter import Parameter
from axon.program.changing import Rate

A, B, C = 3.4445, -4.7750, 2.0315  # of x -> A x + B x^3 + C x^5, which drives all of (0, 1] near 1


def _muon_update_workspace(w: Array, *rest: Array, **_: object) -> list[tuple[Shape, DType]]:
    """Two arrays like w, lying down; two square ones; two numbers."""
    short, long = sorted(w.shape)
    shapes: list[Shape] = [(short, long), (short, long), (short, short), (short, short), (), ()]
    return [(shape, w.dtype) for shape in shapes]


def _muon_update_multiply_adds(*shapes: Shape, steps: int, **_: object) -> int:
    """In each step x x^T, its square, and the product with x."""
    short, long = sorted(shapes[0])
    return steps * (2 * short * short * long + short**3)


@primitive(
    kind="writes",
    writes=2,
    workspace=_muon_update_workspace,
    multiply_adds=_muon_update_multiply_adds,
)
def muon_update(
    w: Array,
    m: Array,
    g: Array,
    rate: Array,
    *,
    xp: Any,
    workspace: list[Array],
    momentum: float,
    nesterov: bool,
    steps: int,
) -> None:
    """m <- momentum m + g; w <- w - rate orthogonal(m), or with nesterov of g + momentum m."""
    _by_momentum(w, m, g, rate, momentum, workspace, nesterov, steps, xp)


@primitive(
    kind="writes",
    writes=2,
    workspace=_muon_update_workspace,
    multiply_adds=_muon_update_multiply_adds,
)
def changing_muon_update(
    w: Array,
    m: Array,
    g: Array,
    rate: Array,
    momentum: Array,
    *,
    xp: Any,
    workspace: list[Array],
    nesterov: bool,
    steps: int,
) -> None:
    """As muon_update; the momentum may be another one in each step."""
    _by_momentum(w, m, g, rate, momentum, workspace, nesterov, steps, xp)


def _by_momentum(
    w: Array,
    m: Array,
    g: Array,
    rate: Array,
    momentum: float | Array,
    workspace: list[Array],
    nesterov: bool,
    steps: int,
    xp: Any,
) -> None:
    x, y, square, fourth, largest, size = workspace
    step = x if w.shape == x.shape else x.T  # so that x has no more rows than columns
    xp.multiply(m, momentum, out=m)
    xp.add(m, g, out=m)
    if nesterov:
        xp.multiply(m, momentum, out=step)
        xp.add(step, g, out=step)
    else:
        xp.copyto(step, m)
    _to_length_one(x, y, largest, size, xp)
    for _ in range(steps):
        xp.matmul(x, x.T, out=square)
        xp.matmul(square, square, out=fourth)
        xp.multiply(fourth, C, out=fourth)
        xp.multiply(square, B, out=square)
        xp.add(square, fourth, out=square)
        xp.matmul(square, x, out=y)
        xp.multiply(x, A, out=x)
        xp.add(x, y, out=x)
    xp.multiply(x, rate, out=x)
    xp.subtract(w, step, out=w)


def _to_length_one(x: Array, y: Array, largest: Array, size: Array, xp: Any) -> None:
    """x <- x / |x|; zeros stay. Divided by its largest number first, so that squares fit."""
    xp.absolute(x, out=y)
    xp.maximum.reduce(y, axis=None, out=largest, initial=0)
    xp.maximum(largest, tiny(x.dtype), out=largest)
    xp.divide(x, largest, out=x)
    xp.multiply(x, x, out=y)
    xp.add.reduce(y, axis=None, out=size)
    xp.sqrt(size, out=size)
    xp.maximum(size, 1, out=size)  # it is at least 1, or x was smaller than normal numbers are
    xp.divide(x, size, out=x)


class Muon(Adam):
    """Muon (Jordan et al., 2024): momentum made orthogonal, for the matrices of hidden layers.

    m <- momentum m + g; w <- w - rate s orthogonal(m). Orthogonal means U V^T of the singular value
    decomposition U S V^T, roughly: five Newton-Schulz iterations x <- A x + B (x x^T) x + C (x
    x^T)^2 x bring all singular values near 1. The factor s = rms_rate * sqrt(max(rows, columns))
    makes steps as large as Adam's (Liu et al., 2025). Kernels of convolutions (..., inputs,
    outputs) count as matrices (... * inputs, outputs). Everything else is updated as AdamW does.

    Args:
        learning_rate: the size of a step; a number or a schedule.
        momentum: how much of the last step is kept, in [0, 1); a number or a schedule.
        nesterov: look ahead along the momentum.
        ns_steps: how many iterations.
        rms_rate: see above; None for the first paper's s = sqrt(max(1, columns / rows)).
        weight_decay: how fast weights shrink, in units of the learning rate.
        adam_beta_1: ``beta_1`` of Adam.
        adam_beta_2: ``beta_2`` of Adam.
        epsilon: ``epsilon`` of Adam.
        adam_lr_ratio: Adam's learning rate, in units of this one.
        exclude_embeddings: leave parameters to Adam whose name contains "embedding".
        exclude_output: leave the last matrix to Adam, if there are several: the output layer's.
        options: clipping and more, see ``Optimizer``.

    >>> Muon(0.02).momentum
    0.95
    """

    def __init__(
        self,
        learning_rate: float | Callable[[int], float] = 0.001,
        *,
        momentum: Rate = 0.95,
        nesterov: bool = True,
        ns_steps: int = 5,
        rms_rate: float | None = 0.2,
        weight_decay: Rate | None = 0.004,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        epsilon: float = 1e-7,
        adam_lr_ratio: float = 1.0,
        exclude_embeddings: bool = True,
        exclude_output: bool = True,
        **options: Any,
    ) -> None:
        self.adam_beta_1 = fraction("Muon", "adam_beta_1", adam_beta_1)
        self.adam_beta_2 = fraction("Muon", "adam_beta_2", adam_beta_2)
        options["weight_decay"] = weight_decay
        super().__init__(learning_rate, adam_beta_1, adam_beta_2, epsilon, **options)
        self.momentum, self.nesterov = (
            self._changes_by_schedule("momentum", momentum),
            bool(nesterov),
        )
        self.ns_steps = integer("Muon", "ns_steps", ns_steps)
        self.rms_rate = None if rms_rate is None else positive("Muon", "rms_rate", rms_rate)
        self.adam_lr_ratio = positive("Muon", "adam_lr_ratio", adam_lr_ratio)
        self.exclude_embeddings, self.exclude_output = (
            bool(exclude_embeddings),
            bool(exclude_output),
        )

    def change(self, group: Group, parameters: Sequence[Parameter]) -> None:
        """Matrices one by one, the others as Adam does."""
        matrices = {id(p) for p in self.matrices()}
        rate = self._rate.astype(group.memory.values.dtype)
        super().change(group, [p for p in parameters if id(p) not in matrices])
        for p in (p for p in parameters if id(p) in matrices):
            start, stop = p.start, p.start + p.size
            shape = (prod(p.shape[:-1]), p.shape[-1])
            flat = group.values(start, stop), group.kept("m", start, stop)
            w, m, g = (t.reshape(shape) for t in (*flat, group.gradients(start, stop)))
            pace = rate * self._factor(*shape)
            options: dict[str, Any] = {"nesterov": self.nesterov, "steps": self.ns_steps}
            told = self._told.get("momentum")
            if told is None:
                muon_update(w, m, g, pace, momentum=self.momentum, **options)
            else:
                changing_muon_update(w, m, g, pace, told.astype(w.dtype), **options)

    def matrices(self) -> list[Parameter]:
        """The parameters that are not left to Adam."""
        found = [p for p in self.parameters if p.ndim > 1 and min(p.shape) > 0]
        if self.exclude_output and len(found) > 1:
            found.pop()
        return [p for p in found if not (self.exclude_embeddings and "embedding" in p.name)]

    def _factor(self, rows: int, columns: int) -> float:
        if self.rms_rate is None:
            return sqrt(max(1.0, columns / rows))
        return self.rms_rate * sqrt(max(rows, columns))

    def per_step(self, dtype: DType) -> tuple[Tensor, ...]:
        """Adam's rate and epsilon."""
        rate, epsilon = super().per_step(dtype)
        return rate * self.adam_lr_ratio, epsilon
