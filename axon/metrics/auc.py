"""The area under a curve over all thresholds: how well scores rank the positive samples first."""

from typing import ClassVar

import numpy as np

from axon.backend import Array, Shape
from axon.checks import demand
from axon.core import TensorLike
from axon.losses.base import Loss, same_shape
from axon.losses.bounds import of_array
from axon.losses.expected import NEAR
from axon.metrics.base import Metric, weights
from axon.metrics.targets import demand_classes, demand_yes_or_no


class AUC(Metric):
    """The area under the ROC or the precision-recall curve, exact: all scores are kept.

    Args:
        curve: "ROC": true against false positive rate, the probability that a positive sample is
            ranked before a negative one, ties counting half. "PR": average precision,
            sum_i (R_i - R_(i-1)) P_i over all thresholds: no interpolation, which is too kind.
        name: what logs call it; "auc" or "pr_auc".

    Targets have the predictions' shape, and several outputs are scored each for itself and
    averaged. Labels (n,) are taken for outputs (n, classes): of two classes the score of class 1
    counts, of more each class against the rest. Further axes in front count as samples.

    Where all targets of an output are equal there is no ROC curve, and the result is NaN; average
    precision without a positive target is 0. Before the first sample, the result is NaN.

    >>> auc = AUC()
    >>> auc.update([1, 0, 1, 0], [0.9, 0.6, 0.6, 0.1])
    >>> auc.result()
    0.875
    """

    recorded: ClassVar[bool] = False

    def __init__(self, curve: str = "ROC", name: str | None = None) -> None:
        fits = isinstance(curve, str) and curve.upper() in AREAS
        demand(fits, "AUC", "curve", "'ROC' or 'PR'", curve)
        self.curve = curve.upper()
        super().__init__(name or ("auc" if self.curve == "ROC" else "pr_auc"))
        self._seen: list[tuple[Array, Array, Array]] = []  # targets, scores (n, outputs); weights

    def update(
        self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None
    ) -> None:
        """Keep a batch of arrays or Tensors."""
        true, predicted = self.accepted(y_true, y_pred)
        truth, scores = true.data, predicted.data
        given = weights(self.name, sample_weight, predicted)
        w = np.ones(len(scores)) if given is None else given.data.reshape(-1)
        truth, scores = self._columns(truth, scores)
        if len(w) > len(scores):
            raise ValueError(
                f"{self.name}: sample_weight has a weight for each of several outputs; give one "
                "for each sample or step."
            )
        w = np.repeat(w, len(scores) // max(len(w), 1))
        counts = w > 0
        self._seen.append((truth[counts], scores[counts], w[counts]))  # copies

    def accept(self, y_true: Array, output_shape: Shape, loss: Loss | None = None) -> None:
        """Labels for several outputs, or 0 and 1 for each of them."""
        if loss is not None and loss.together and loss.yes_from == 0 and output_shape[-1] > 1:
            raise ValueError(
                f"{self.name}: logits of classes that compete say nothing across samples. End the "
                f"model with activation='softmax', instead of {loss!r}."
            )
        if output_shape[1:] and y_true.ndim < len(output_shape) and output_shape[-1] > 1:
            demand_classes(self.name, y_true, output_shape)
        else:
            demand_yes_or_no(self.name, y_true, output_shape, loss, sides=True)

    def _columns(self, truth: Array, scores: Array) -> tuple[Array, Array]:
        """Targets as truth values and scores, both (samples, outputs)."""
        outputs = scores.shape[-1] if scores.ndim > 1 else 1
        if outputs > 1 and truth.ndim < scores.ndim:
            same_shape(self.name, truth, scores.shape[:-1])
            self._demand_chances(scores)
            truth = truth[..., None] == np.arange(outputs)
            if outputs == 2:
                truth, scores, outputs = truth[..., 1:], scores[..., 1:], 1
        else:
            same_shape(self.name, truth, scores.shape)
            truth = truth > 0.5
        return truth.reshape(-1, outputs), scores.reshape(-1, outputs)

    def _demand_chances(self, scores: Array) -> None:
        """Scores of a class are compared across samples, which logits of softmax do not allow."""
        low, high = of_array(scores)
        if low < -NEAR or high > 1 + NEAR:
            raise ValueError(
                f"{self.name}: for labels of several classes, scores must be probabilities, which "
                f"can be compared across samples, got numbers from {low:.4g} to {high:.4g}. End "
                "the model with activation='softmax'; or score each output for itself, by targets "
                "of its shape."
            )

    def result(self) -> float:
        """The area under the curve of all that was seen."""
        if not sum(len(w) for _, _, w in self._seen):
            return float("nan")
        truth, scores, w = (np.concatenate(parts) for parts in zip(*self._seen, strict=True))
        self._seen = [(truth, scores, w)]
        area = AREAS[self.curve]
        pairs = zip(truth.T, scores.T, strict=True)
        return float(np.mean([area(*_rates(t, s, w)) for t, s in pairs]))

    def reset(self) -> None:
        """Forget everything."""
        self._seen = []


def _rates(truth: Array, scores: Array, w: Array) -> tuple[Array, Array]:
    """Weight of true and of false positives when the threshold passes each distinct score."""
    if np.isnan(scores).any():
        return np.full(1, np.nan), np.full(1, np.nan)
    order = np.argsort(scores, kind="stable")[::-1]
    truth, scores, w = truth[order], scores[order], w[order]
    ends = np.append(np.flatnonzero(scores[1:] != scores[:-1]), len(scores) - 1)
    hits, alarms = np.where(truth, w, 0.0), np.where(truth, 0.0, w)
    return np.cumsum(hits)[ends], np.cumsum(alarms)[ends]


def _roc(hits: Array, alarms: Array) -> float:
    """The area by trapezoids."""
    if not hits[-1] or not alarms[-1]:
        return float("nan")
    heights, widths = np.append(0.0, hits), np.diff(alarms, prepend=0.0)
    area = (widths * (heights[1:] + heights[:-1])).sum() / 2
    return float(area / hits[-1] / alarms[-1])


def _average_precision(hits: Array, alarms: Array) -> float:
    """The area by steps."""
    if not hits[-1]:
        return 0.0
    steps = np.diff(hits, prepend=0.0)
    return float((steps * (hits / (hits + alarms))).sum() / hits[-1])


AREAS = {"ROC": _roc, "PR": _average_precision}
