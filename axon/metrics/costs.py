"""Losses as metrics: means over samples, in float64, of what they cost."""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import numpy as np

from axon import losses
from axon.backend import Array, Shape
from axon.core import Tensor, TensorLike
from axon.losses import Loss
from axon.metrics.base import Accumulator, MeanMetric, added, as_tensor, spread_over, zero
from axon.modes import no_grad
from axon.ops import add_in_place


class _Cost(MeanMetric):
    """The mean of what a loss says that each sample costs."""

    made: ClassVar[Callable[..., Loss]]
    sign: ClassVar[float] = 1.0

    def __init__(self, name: str | None = None, **options: object) -> None:
        super().__init__(name)
        self._loss = type(self).made(**options)

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """What each sample costs."""
        y = y_true if y_true.dtype.kind in "iu" else y_true.astype(np.float64)
        costs = self._loss.per_sample(y, y_pred.astype(np.float64))
        return costs if self.sign == 1.0 else costs * self.sign

    def accept(self, y_true: Array, output_shape: Shape, loss: Loss | None = None) -> None:
        """What the loss takes."""
        self._loss.targets(y_true, output_shape)


class BinaryCrossEntropy(_Cost):
    """The mean of -y log p - (1 - y) log(1 - p).

    >>> error = BinaryCrossEntropy()
    >>> error.update([1.0, 0.0], [0.5, 0.5])
    >>> error.result()
    0.6931471...
    """

    name = "binary_crossentropy"
    made = losses.BinaryCrossEntropy

    def __init__(
        self, name: str | None = None, *, from_logits: bool = False, label_smoothing: float = 0.0
    ) -> None:
        super().__init__(name, from_logits=from_logits, label_smoothing=label_smoothing)


class CategoricalCrossEntropy(_Cost):
    """The mean of -log p of the right class; targets are labels or one-hot rows.

    >>> error = CategoricalCrossEntropy()
    >>> error.update([1], [[0.5, 0.5]])
    >>> error.result()
    0.6931471...
    """

    name = "categorical_crossentropy"
    made = losses.CategoricalCrossEntropy

    def __init__(
        self, name: str | None = None, *, from_logits: bool = False, label_smoothing: float = 0.0
    ) -> None:
        super().__init__(name, from_logits=from_logits, label_smoothing=label_smoothing)


class BinaryFocalCrossEntropy(_Cost):
    """The mean of -(1 - p_t)^gamma log p_t, with p_t the probability given to what is true.

    >>> error = BinaryFocalCrossEntropy()
    >>> error.update([1.0, 0.0], [0.5, 0.5])
    >>> error.result()
    0.1732867...
    """

    name = "binary_focal_crossentropy"
    made = losses.BinaryFocalCrossEntropy

    def __init__(
        self,
        name: str | None = None,
        *,
        gamma: float = 2.0,
        alpha: float = 0.25,
        apply_class_balancing: bool = False,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
    ) -> None:
        balance = {"alpha": alpha, "apply_class_balancing": apply_class_balancing}
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing}
        super().__init__(name, gamma=gamma, **balance, **options)


class CategoricalFocalCrossEntropy(_Cost):
    """The mean of -alpha (1 - p)^gamma log p of the right class.

    >>> error = CategoricalFocalCrossEntropy()
    >>> error.update([[0.0, 1.0]], [[0.5, 0.5]])
    >>> error.result()
    0.0433216...
    """

    name = "categorical_focal_crossentropy"
    made = losses.CategoricalFocalCrossEntropy

    def __init__(
        self,
        name: str | None = None,
        *,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
    ) -> None:
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing}
        super().__init__(name, alpha=alpha, gamma=gamma, **options)


class KLDivergence(_Cost):
    """The mean of sum_j y_j log(y_j / p_j).

    >>> error = KLDivergence()
    >>> error.update([[0.0, 1.0]], [[0.5, 0.5]])
    >>> error.result()
    0.6931471...
    """

    name = "kl_divergence"
    made = losses.KLDivergence


class Poisson(_Cost):
    """The mean of y_pred - y log y_pred.

    >>> error = Poisson()
    >>> error.update([[2.0]], [[1.0]])
    >>> error.result()
    1.0
    """

    name = "poisson"
    made = losses.Poisson


class LogCoshError(_Cost):
    """The mean of log cosh(y_pred - y_true).

    >>> error = LogCoshError()
    >>> error.update([[1.0]], [[2.0]])
    >>> error.result()
    0.4337808...
    """

    name = "log_cosh"
    made = losses.LogCosh


class Huber(_Cost):
    """The mean of e^2 / 2 where |e| <= delta, else of delta (|e| - delta / 2).

    >>> error = Huber()
    >>> error.update([[1.0], [2.0]], [[2.0], [5.0]])
    >>> error.result()
    1.5
    """

    name = "huber"
    made = losses.Huber

    def __init__(self, name: str | None = None, *, delta: float = 1.0) -> None:
        super().__init__(name, delta=delta)


class Hinge(_Cost):
    """The mean of max(1 - y y_pred, 0); targets are -1 and 1, or 0 and 1.

    >>> error = Hinge()
    >>> error.update([1, -1], [0.5, -2.0])
    >>> error.result()
    0.25
    """

    name = "hinge"
    made = losses.Hinge


class SquaredHinge(_Cost):
    """The mean of max(1 - y y_pred, 0)^2; targets are -1 and 1, or 0 and 1.

    >>> error = SquaredHinge()
    >>> error.update([1, -1], [0.5, -2.0])
    >>> error.result()
    0.125
    """

    name = "squared_hinge"
    made = losses.SquaredHinge


class CategoricalHinge(_Cost):
    """The mean of max(1 + best other score - right score, 0).

    >>> error = CategoricalHinge()
    >>> error.update([0], [[0.5, 0.25]])
    >>> error.result()
    0.75
    """

    name = "categorical_hinge"
    made = losses.CategoricalHinge


class CosineSimilarity(_Cost):
    """The mean of cosines between targets and predictions (n, size), from -1 to 1: 1 is best.

    >>> similarity = CosineSimilarity()
    >>> similarity.update([[0.0, 2.0]], [[0.0, 5.0]])
    >>> similarity.result()
    1.0
    """

    name = "cosine_similarity"
    made = losses.CosineSimilarity
    sign = -1.0


class MeanAbsolutePercentageError(_Cost):
    """The mean of 100 |y_pred - y_true| / |y_true|.

    >>> error = MeanAbsolutePercentageError()
    >>> error.update([1.0, 2.0], [1.5, 2.0])
    >>> error.result()
    25.0
    """

    name = "mean_absolute_percentage_error"
    made = losses.MeanAbsolutePercentageError


class MeanSquaredLogarithmicError(_Cost):
    """The mean of (log(1 + y_pred) - log(1 + y_true))^2.

    >>> error = MeanSquaredLogarithmicError()
    >>> error.update([1.0], [3.0])
    >>> error.result()
    0.480453...
    """

    name = "mean_squared_logarithmic_error"
    made = losses.MeanSquaredLogarithmicError


class Sum(Accumulator):
    """The sum of values that are handed in, in float64; no part of ``compile``.

    >>> total = Sum()
    >>> total.add([1.0, 3.0, 5.0], [1.0, 1.0, 0.5])
    >>> total.result()
    6.5
    """

    name = "sum"

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)
        self._total = zero()

    def add(self, values: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Add values of any shape, each times its weight."""
        with no_grad():
            scores = as_tensor(values).astype(np.float64)
            if sample_weight is not None:
                w = as_tensor(sample_weight).astype(np.float64)
                scores = scores * spread_over(self.name, w, scores)
            add_in_place(self._total, scores.sum())

    def merge(self, states: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
        """The sums together."""
        return added(states)

    def update(
        self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None
    ) -> None:
        """Not used: values come in through ``add``.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            f"{self.name}: a sum is of values that you hand in, by add(values). For a score of "
            "each sample, compile(metrics=[function]) takes a function of (y_true, y_pred)."
        )

    def result(self) -> float:
        """The sum so far."""
        return float(self._total.data)
