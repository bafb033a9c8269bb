"""How far numbers are from their targets."""

from collections.abc import Mapping, Sequence
from math import sqrt

import numpy as np

from axon.backend import Array
from axon.core import Tensor
from axon.losses.base import over_features, same_shape
from axon.metrics.base import Accumulator, MeanMetric, spread_over, zero
from axon.ops import absolute, add_in_place, argmax, broadcast_to, square, where


class MeanAbsoluteError(MeanMetric):
    """The mean of |y_pred - y_true|.

    >>> error = MeanAbsoluteError()
    >>> error.update([1.0, 2.0], [1.5, 4.0])
    >>> error.result()
    1.25
    """

    name = "mae"

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The absolute error of each sample, averaged over its outputs."""
        return over_features(absolute(_errors(self.name, y_true, y_pred)))


class MeanSquaredError(MeanMetric):
    """The mean of (y_pred - y_true)^2.

    >>> error = MeanSquaredError()
    >>> error.update([1.0, 2.0], [1.5, 4.0])
    >>> error.result()
    2.125
    """

    name = "mse"

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The squared error of each sample, averaged over its outputs."""
        return over_features(square(_errors(self.name, y_true, y_pred)))


class RootMeanSquaredError(MeanSquaredError):
    """The square root of the mean of (y_pred - y_true)^2, over all batches together.

    >>> error = RootMeanSquaredError()
    >>> error.update([1.0, 2.0], [4.0, 6.0])
    >>> error.result()
    3.5355...
    """

    name = "rmse"

    def result(self) -> float:
        """The error so far; NaN before the first sample that weighs anything."""
        return sqrt(super().result())


class R2Score(Accumulator):
    """The share of the targets' variance that is explained: 1 - sum (y - p)^2 / sum (y - mean)^2.

    1 is perfect, 0 is as good as always predicting the mean. Each output is scored for itself,
    then they are averaged. Where the targets are all equal, an output scores 1 if it is perfect,
    else 0. An output with fewer than two samples that weigh anything, such as a time step that is
    padding in most, is left out; if all are, the result is NaN.

    >>> score = R2Score()
    >>> score.update([1.0, 2.0, 3.0], [1.0, 2.0, 4.0])
    >>> score.result()
    0.5
    """

    name = "r2_score"

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__(name)
        self._samples, self._count = zero(), zero()
        self._origin, self._sums, self._squares, self._errors = zero(), zero(), zero(), zero()

    def _add_batch(self, y_true: Tensor, y_pred: Tensor, w: Tensor | None) -> None:
        """Add up distances from the first target: equal targets give 0, far ones do not cancel."""
        same_shape(self.name, y_true.data, y_pred.shape)
        if not y_pred.size:
            return
        y, p = columns(y_true), columns(y_pred)
        self.resize(y.shape[1:], *self.tensors().values())
        each = spread_over(self.name, w, y_pred)
        w = columns(broadcast_to(each, shape=y_pred.shape))
        counts = w > 0.0  # (n, outputs)
        rows = Tensor(np.arange(len(y))[:, None])
        first = where(rows == argmax(counts, axis=0), y, 0.0).sum(axis=0)  # (outputs,)
        self._origin.assign(where(self._samples == 0.0, first, self._origin))
        away = y - self._origin
        add_in_place(self._samples, counts.sum(axis=0))
        add_in_place(self._count, w.sum(axis=0))
        add_in_place(self._sums, (away * w).sum(axis=0))
        add_in_place(self._squares, (square(away) * w).sum(axis=0))
        add_in_place(self._errors, (square(p - y) * w).sum(axis=0))

    def merge(self, states: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
        """All distances from the first origin that there is: sum (y - o) = sum (y - p) + n (p - o).

        Squares likewise: sum (y - o)^2 = sum (y - p)^2 + 2 (p - o) sum (y - p) + n (p - o)^2.
        """
        merged = {name: np.zeros(np.shape(states[-1][name])) for name in states[-1]}
        for state in states:
            fresh = merged["samples"] == 0
            merged["origin"] = np.where(fresh, state["origin"], merged["origin"])
            apart = np.where(state["samples"] == 0, 0.0, state["origin"] - merged["origin"])
            n, sums = state["count"], state["sums"]
            moved = {"sums": apart * n, "squares": 2 * apart * sums + apart**2 * n}
            for name in ("samples", "count", "errors", *moved):
                merged[name] = merged[name] + state[name] + moved.get(name, 0.0)
        return merged

    def unexplained(self, known: Array) -> Array:
        """The sum of squared errors of the outputs that are scored."""
        return np.asarray(self._errors.data[known])

    def result(self) -> float:
        """The score so far."""
        known = self._samples.data >= 2
        if not known.any():
            return float("nan")
        wrong = self.unexplained(known)
        squares, sums, count = (t.data[known] for t in (self._squares, self._sums, self._count))
        spread = squares - sums**2 / count
        equal = spread == 0
        scores = np.where(equal, wrong == 0, 1 - wrong / np.where(equal, 1, spread))
        return float(scores.mean())


def _errors(name: str, y_true: Tensor, y_pred: Tensor) -> Tensor:
    """y_pred - y_true in float64, where squares of large numbers do not overflow."""
    same_shape(name, y_true.data, y_pred.shape)
    return y_pred.astype(np.float64) - y_true.astype(np.float64)


def columns(t: Tensor) -> Tensor:
    """(n, ...) -> (n, outputs) in float64.

    >>> columns(Tensor([1, 2])).shape
    (2, 1)
    """
    return t.astype(np.float64).reshape(len(t), -1)
