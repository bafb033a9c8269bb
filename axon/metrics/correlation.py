"""Whether numbers go up and down together, and how much of a spread is explained."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from axon.backend import Array
from axon.core import Tensor, TensorLike
from axon.losses.base import over_features, same_shape
from axon.metrics.base import MeanMetric, Metric, spread_over, weights, zero
from axon.metrics.regression import R2Score, columns
from axon.ops import add_in_place, broadcast_to, sqrt, square


class _OfRows(MeanMetric):
    """A mean over samples, or steps, of what the numbers of each have in common."""

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The score of each row."""
        same_shape(self.name, y_true.data, y_pred.shape)
        if y_pred.ndim < 2 or y_pred.shape[-1] < 2:
            raise ValueError(
                f"{self.name}: it compares the numbers of one sample, (n, size), but predictions "
                f"have shape {y_pred.shape}. For one number per sample use SpearmanCorrelation or "
                "R2Score."
            )
        y, p = y_true.astype(np.float64), y_pred.astype(np.float64)
        away = [t - t.mean(axis=-1, keepdims=True) for t in (y, p)]
        apart = square(y.mean(axis=-1) - p.mean(axis=-1))
        both, *own = (m.mean(axis=-1) for m in (away[0] * away[1], *map(square, away)))
        return over_features(self._score(both, own[0], own[1], apart))

    @abstractmethod
    def _score(self, both: Tensor, y: Tensor, p: Tensor, apart: Tensor) -> Tensor:
        """Of the covariance, both variances, and the squared distance of the means."""


class PearsonCorrelation(_OfRows):
    """The mean over samples of the correlation of a sample's targets and predictions (n, size).

    As in Keras it is one of each row, not of all samples; NaN where a row's numbers are all equal.

    >>> score = PearsonCorrelation()
    >>> score.update([[0.0, 1.0, 0.5]], [[0.1, 0.9, 0.5]])
    >>> round(score.result(), 6)
    1.0
    """

    name = "pearson_correlation"

    def _score(self, both: Tensor, y: Tensor, p: Tensor, apart: Tensor) -> Tensor:
        """cov / (dev dev)."""
        return both / (sqrt(y) * sqrt(p))


class ConcordanceCorrelation(_OfRows):
    """The mean over samples of 2 cov / (var + var + (mean - mean)^2), of each row (n, size).

    Less than the correlation where predictions are shifted or stretched. Lin, "A Concordance
    Correlation Coefficient to Evaluate Reproducibility" (1989).

    >>> score = ConcordanceCorrelation()
    >>> score.update([[0.0, 1.0, 2.0]], [[1.0, 2.0, 3.0]])
    >>> round(score.result(), 4)
    0.5714
    """

    name = "concordance_correlation"

    def _score(self, both: Tensor, y: Tensor, p: Tensor, apart: Tensor) -> Tensor:
        """2 cov / (var + var + (mean - mean)^2)."""
        return 2.0 * both / (y + p + apart + 1e-7)


class SpearmanCorrelation(Metric):
    """The correlation of ranks: whether larger targets are predicted larger, by whatever amount.

    Over all samples; each output for itself, then averaged. Equal numbers share a rank. All
    numbers are kept. NaN where all are equal. A sample of weight 0 is left out; others count alike.

    >>> score = SpearmanCorrelation()
    >>> score.update([1.0, 2.0, 3.0], [10.0, 20.0, 15.0])
    >>> score.result()
    0.5
    """

    name = "spearman_correlation"
    recorded: ClassVar[bool] = False

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)
        self._seen: list[tuple[Array, Array]] = []

    def update(
        self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None
    ) -> None:
        """Keep a batch of arrays or Tensors."""
        y, p = self.accepted(y_true, y_pred)
        same_shape(self.name, y.data, p.shape)
        w = weights(self.name, sample_weight, p)
        chosen = slice(None) if w is None else w.data > 0
        outputs = p.shape[-1] if p.ndim > 1 else 1
        rows = (t.data[chosen].reshape(-1, outputs).astype(np.float64) for t in (y, p))
        self._seen.append((next(rows), next(rows)))

    def result(self) -> float:
        """The mean of the correlations of the outputs."""
        if not sum(len(y) for y, _ in self._seen):
            return float("nan")
        y, p = (np.concatenate(parts) for parts in zip(*self._seen, strict=True))
        pairs = zip(y.T, p.T, strict=True)
        return float(np.mean([_correlation(_ranks(a), _ranks(b)) for a, b in pairs]))

    def reset(self) -> None:
        """Forget everything."""
        self._seen = []


def _ranks(x: Array) -> Array:
    """Places in order, equal numbers sharing the mean of theirs; NaN if there is one among them."""
    if np.isnan(x).any():
        return np.full(len(x), np.nan)
    _, places, counts = np.unique(x, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2.0)[places.reshape(-1)])


def _correlation(a: Array, b: Array) -> float:
    a, b = a - a.mean(), b - b.mean()
    below = np.sqrt((a * a).sum() * (b * b).sum())
    return float((a * b).sum() / below) if below else float("nan")


class ExplainedVariance(R2Score):
    """1 - Var(y - p) / Var(y): as R2Score, but an error that is the same everywhere is forgiven.

    >>> score = ExplainedVariance()
    >>> score.update([1.0, 2.0, 3.0], [2.0, 3.0, 4.0])
    >>> score.result()
    1.0
    """

    name = "explained_variance"

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self._lean = zero()

    def _add_batch(self, y_true: Tensor, y_pred: Tensor, w: Tensor | None) -> None:
        """Add up the errors, too, with their signs."""
        super()._add_batch(y_true, y_pred, w)
        if y_pred.size:
            each = broadcast_to(spread_over(self.name, w, y_pred), shape=y_pred.shape)
            lean = (columns(y_pred) - columns(y_true)) * columns(each)
            add_in_place(self._lean, lean.sum(axis=0))

    def merge(self, states: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
        """The sums of all."""
        return {**super().merge(states), "lean": np.sum([s["lean"] for s in states], axis=0)}

    def unexplained(self, known: Array) -> Array:
        """The sum of squared distances of the errors from their mean."""
        lean, count = self._lean.data[known], self._count.data[known]
        return np.maximum(super().unexplained(known) - lean**2 / count, 0.0)
