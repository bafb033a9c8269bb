"""The area under a curve over all thresholds: how well scores rank the positive samples first."""

from typing import Any, ClassVar

import numpy as np

from axon.backend import Array, as_array
from axon.core import Tensor
from axon.losses.base import same_shape
from axon.metrics.base import Metric, as_tensor, weights


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
        if not isinstance(curve, str) or curve.upper() not in AREAS:
            raise ValueError(f"AUC: curve must be 'ROC' or 'PR', got {curve!r}.")
        self.curve = curve.upper()
        super().__init__(name or ("auc" if self.curve == "ROC" else "pr_auc"))
        self._seen: list[tuple[Array, Array, Array]] = []  # targets, scores (n, outputs); weights

    def update(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Keep a batch of arrays or Tensors."""
        truth, scores = _values(y_true), _values(y_pred)
        given = weights(self.name, sample_weight, as_tensor(y_pred))
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

    def _columns(self, truth: Array, scores: Array) -> tuple[Array, Array]:
        """Targets as truth values and scores, both (samples, outputs)."""
        outputs = scores.shape[-1] if scores.ndim > 1 else 1
        if outputs > 1 and truth.ndim < scores.ndim:
            same_shape(self.name, truth, scores.shape[:-1])
            truth = truth[..., None] == np.arange(outputs)
            if outputs == 2:
                truth, scores, outputs = truth[..., 1:], scores[..., 1:], 1
        else:
            same_shape(self.name, truth, scores.shape)
            truth = truth > 0.5
        return truth.reshape(-1, outputs), scores.reshape(-1, outputs)

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


def _values(given: Any) -> Array:
    return given.data if isinstance(given, Tensor) else as_array(given)
