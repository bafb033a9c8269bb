"""Precision, recall and F1: what became of the samples that are, or are called, positive."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np

from axon.backend import Array, Shape
from axon.checks import demand, integer, one_number, one_of, positive
from axon.core import Tensor
from axon.losses.base import Loss, same_shape
from axon.metrics.accuracy import compete, labels
from axon.metrics.base import Accumulator, added, spread_over, zero
from axon.metrics.targets import demand_classes, demand_cut, demand_yes_or_no
from axon.ops import add_in_place, argmax, maximum, where

AVERAGES = ("macro", "micro", "weighted", None)


class Positives(Accumulator):
    """Counts what is positive, what is called so, and where both agree; leaves make a ratio of it.

    Where outputs (n, ..., classes) compete, the largest is the guess: with ``average`` or ``top_k``
    but without a threshold. Otherwise each output is yes or no for itself, and those above the
    threshold are called positive. Without ``average`` and ``class_id`` all count together.
    """

    def __init__(
        self,
        threshold: float | Sequence[float] | None,
        class_id: int | None,
        average: str | None,
        name: str | None,
        argument: str,
        top_k: int | None = None,
    ) -> None:
        super().__init__(name)
        owner = type(self).__name__
        one_of(self.name, "average", average, AVERAGES)
        if average is not None and class_id is not None:
            raise ValueError(f"{self.name}: give class_id or average, not both.")
        self.top_k = None if top_k is None else integer(owner, "top_k", top_k)
        self._cut: float | None = None
        self._cuts: Array | None = None  # if there are several
        if isinstance(threshold, list | tuple) and argument == "thresholds":
            self._cuts = np.array([one_number(self.name, argument, x) for x in threshold])
            demand(len(threshold) > 0, owner, argument, "a number or several", threshold)
            demand(average is None, owner, "average", "None beside several thresholds", average)
        elif threshold is not None:
            self._cut = one_number(self.name, argument, threshold)
        self._argument = argument
        self.class_id = None if class_id is None else integer(owner, "class_id", class_id, least=0)
        self.average = average
        self._hits, self._called, self._actual = zero(), zero(), zero()

    @abstractmethod
    def ratio(self, hits: Array, called: Array, actual: Array) -> tuple[Array, Array]:
        """Numerator and denominator of the score, each per class."""

    def _add_batch(self, y_true: Tensor, y_pred: Tensor, w: Tensor | None) -> None:
        """Count what is positive, what is called so, and where both agree."""
        yes, called = self._marks(y_true, y_pred)
        spread = None if w is None else spread_over(self.name, w, yes)
        classwise = self.average in ("macro", "weighted") or self._cuts is not None
        axes = tuple(range(yes.ndim - classwise))
        self.resize(yes.shape[-1:] if classwise else (), *self.tensors().values())
        both = yes * called
        for sums, marks in ((self._hits, both), (self._called, called), (self._actual, yes)):
            counted = marks if spread is None else marks * spread
            add_in_place(sums, counted.sum(axis=axes))

    def merge(self, states: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
        """The counts together."""
        return added(states)

    def accept(self, y_true: Array, output_shape: Shape, loss: Loss | None = None) -> None:
        """Labels or one-hot rows where outputs compete, else 0 and 1 for each output."""
        labels = y_true.shape == output_shape[:-1]
        if not labels:
            self._demand_average(output_shape)
        compete = self._of_classes()
        if compete and not (output_shape[1:] and output_shape[-1] > 1):
            return  # ``update`` says that they are for several outputs
        cut = 0.5 if self._cut is None and not compete and self._cuts is None else self._cut
        use = f"{type(self).__name__}({self._argument}=0.0)"
        demand_cut(self.name, cut, loss, use if self.class_id is None else f"{use} or top_k=1")
        if compete and (labels or self._single()):
            demand_classes(self.name, y_true, output_shape)
        elif y_true.shape == output_shape:
            demand_yes_or_no(self.name, y_true, output_shape, loss, sides=self._cut == 0)

    def _demand_average(self, output_shape: Shape) -> None:
        """Raise ValueError if scores of several outputs cannot be counted together."""

    def _of_classes(self) -> bool:
        """Whether classes are told apart, instead of all outputs counting together."""
        return self.class_id is not None or self.average is not None or self.top_k is not None

    def _single(self) -> bool:
        """Whether a row is of one class: the largest output is the guess."""
        return self._cut is None and self._cuts is None and self.top_k in (None, 1)

    def _marks(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        """What is positive and what is called so, as truth values of one shape."""
        if not self._of_classes():
            self._demand_yes_or_no(y_true, y_pred)
            return self._called_at(y_true > 0.5, y_pred, None)
        self._demand_classes(y_pred)
        columns = Tensor(np.arange(y_pred.shape[-1]))
        if y_true.ndim < y_pred.ndim or self._single():
            yes = labels(self.name, y_true, y_pred)[..., None] == columns
        else:
            same_shape(self.name, y_true.data, y_pred.shape)
            yes = y_true > 0.5
        best = self._best(y_pred, columns)
        if self.class_id is not None:
            yes, y_pred = yes[..., self.class_id], y_pred[..., self.class_id]
            best = None if best is None else best[..., self.class_id]
        return self._called_at(yes, y_pred, best)

    def _best(self, y_pred: Tensor, columns: Tensor) -> Tensor | None:
        """Which outputs are among the ``top_k`` largest; None if that does not matter."""
        if self._single():
            return argmax(y_pred)[..., None] == columns
        if self.top_k is None:
            return None
        if self.top_k > len(columns):
            raise ValueError(f"{self.name}: top_k={self.top_k} of {len(columns)} outputs.")
        best = argmax(y_pred)[..., None] == columns
        for _ in range(self.top_k - 1):  # without sorting, which would allocate in each step
            left = where(best, -np.inf, y_pred)
            best = maximum(best, argmax(left)[..., None] == columns)
        return best

    def _called_at(self, yes: Tensor, y_pred: Tensor, best: Tensor | None) -> tuple[Tensor, Tensor]:
        """What is positive and what is called so; of several thresholds, one on a last axis."""
        if self._cuts is not None:
            yes = yes[..., None] * Tensor(np.ones(len(self._cuts), bool))
            best = None if best is None else best[..., None]
            called = y_pred[..., None] > Tensor(self._cuts.astype(y_pred.dtype))
        elif self._cut is None and best is not None:
            return yes, best
        else:
            called = y_pred > (0.5 if self._cut is None else self._cut)
        return yes, called if best is None else called * best

    def _demand_yes_or_no(self, y_true: Tensor, y_pred: Tensor) -> None:
        if compete(y_pred) and y_true.shape == y_pred.shape[:-1]:
            raise ValueError(
                f"{self.name}: y holds labels, shape {y_true.shape}, for outputs of shape "
                f"{y_pred.shape}. For several classes choose average='macro', 'micro' or "
                "'weighted', or the class that counts, class_id=1."
            )
        same_shape(self.name, y_true.data, y_pred.shape)

    def _demand_classes(self, y_pred: Tensor) -> None:
        if not compete(y_pred):
            raise ValueError(
                f"{self.name}: average and class_id are for several outputs, but the predictions "
                f"have shape {y_pred.shape}. Leave them out."
            )
        if self.class_id is not None and self.class_id >= y_pred.shape[-1]:
            raise ValueError(
                f"{self.name}: class_id={self.class_id}, but the model has {y_pred.shape[-1]} "
                f"outputs: classes go from 0 to {y_pred.shape[-1] - 1}."
            )

    @property
    def scalar(self) -> bool:  # type: ignore[override]
        """Whether there is a single score, not one for each of several thresholds."""
        return self._cuts is None

    def result(self) -> float | Array:
        """The score so far; 0 where nothing could be scored, also before the first sample."""
        actual = self._actual.data
        above, below = self.ratio(self._hits.data, self._called.data, actual)
        scores = above / np.where(below == 0, 1, below)
        if self._cuts is not None:
            return np.asarray(np.broadcast_to(scores, self._cuts.shape)).copy()
        if self.average == "weighted":
            return float((scores * actual).sum() / (actual.sum() or 1))
        if self.average == "macro" and self._cut is None:
            occurring = self._called.data + actual > 0
            return float(scores[occurring].mean()) if occurring.any() else 0.0
        return float(np.mean(scores))


class _Share(Positives):
    """Precision and Recall, which take the same arguments."""

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        *,
        average: str | None = None,
    ) -> None:
        alone = class_id is not None and thresholds is None and top_k is None
        cut = 0.5 if alone else thresholds
        super().__init__(cut, class_id, average, name, "thresholds", top_k)
        self.thresholds = thresholds


class Precision(_Share):
    """Of what is called positive, the share that is: TP / (TP + FP).

    Args:
        thresholds: outputs above it are called positive; 0.5 unless outputs compete. Several give
            an array of as many scores.
        top_k: of several outputs only so many, the largest, are called positive.
        class_id: of several classes, the one that counts as positive.
        name: what logs call it.
        average: of several classes, "macro": the mean over those that occur in targets or
            predictions; "weighted": by how often each occurs; "micro": all counted together. The
            largest output is the guess; give ``thresholds``, too, for several labels per sample.

    With ``class_id`` or ``average`` targets are labels or one-hot rows. Nothing called positive: 0.

    >>> precision = Precision()
    >>> precision.update([1, 0, 1, 1], [0.9, 0.8, 0.7, 0.1])
    >>> precision.result()
    0.6666...
    """

    name = "precision"

    def ratio(self, hits: Array, called: Array, actual: Array) -> tuple[Array, Array]:
        """TP and TP + FP."""
        return hits, called


class Recall(_Share):
    """Of what is positive, the share that is called so: TP / (TP + FN).

    The arguments are those of ``Precision``.
    Nothing positive: 0.

    >>> recall = Recall(class_id=1)
    >>> recall.update([1, 1, 0], [[0.2, 0.8], [0.6, 0.4], [0.1, 0.9]])
    >>> recall.result()
    0.5
    """

    name = "recall"

    def ratio(self, hits: Array, called: Array, actual: Array) -> tuple[Array, Array]:
        """TP and TP + FN."""
        return hits, actual


class F1Score(Positives):
    """The harmonic mean of precision and recall: 2 TP / (2 TP + FP + FN).

    Args:
        average: of several classes, "macro", "micro" or "weighted", as for ``Precision``.
        threshold: outputs above it are called positive; 0.5 unless outputs compete.
        name: what logs call it.
        class_id: of several classes, the one that counts as positive; the largest output is the
            guess, unless there is a threshold.

    For several outputs choose ``average`` or ``class_id``. (Keras's F1Score without ``average`` is
    an array of one score for each class.)

    >>> f1 = F1Score(average="macro")
    >>> f1.update([0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])
    >>> f1.result()
    0.6666...
    """

    name = "f1_score"

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = None,
        *,
        class_id: int | None = None,
    ) -> None:
        super().__init__(threshold, class_id, average, name, "threshold")

    def _demand_average(self, output_shape: Shape) -> None:
        """One number for several classes has to say how."""
        if output_shape[1:] and output_shape[-1] > 1 and not self._of_classes():
            raise ValueError(
                f"{self.name}: {output_shape[-1]} outputs have as many scores. Choose "
                "average='macro', 'micro' or 'weighted', or a class, class_id=1; for several "
                "labels per sample F1Score('micro', threshold=0.5) counts all outputs together."
            )

    def ratio(self, hits: Array, called: Array, actual: Array) -> tuple[Array, Array]:
        """2 TP and 2 TP + FP + FN."""
        return 2 * hits, called + actual


class FBetaScore(F1Score):
    """(1 + b^2) P R / (b^2 P + R), of precision P and recall R, which counts b times as much.

    Args:
        average: of several classes, "macro", "micro" or "weighted", as for ``Precision``.
        beta: b, larger than 0; 1 is ``F1Score``.
        threshold: outputs above it are called positive; 0.5 unless outputs compete.
        name: what logs call it.
        class_id: of several classes, the one that counts as positive.

    >>> score = FBetaScore(beta=2.0)
    >>> score.update([1, 0, 1, 1], [0.9, 0.8, 0.7, 0.1])
    >>> score.result()
    0.6666...
    """

    name = "fbeta_score"

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = None,
        *,
        class_id: int | None = None,
    ) -> None:
        super().__init__(average, threshold, name, class_id=class_id)
        self.beta = positive("FBetaScore", "beta", beta)

    def ratio(self, hits: Array, called: Array, actual: Array) -> tuple[Array, Array]:
        """(1 + b^2) TP and (1 + b^2) TP + b^2 FN + FP."""
        square = self.beta**2
        return (1 + square) * hits, called + square * actual
