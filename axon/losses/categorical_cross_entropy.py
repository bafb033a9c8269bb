"""Categorical cross-entropy: one class out of several; and where most samples are easy."""

from collections.abc import Sequence
from typing import Unpack

import numpy as np

from axon.activations import log_softmax, softmax
from axon.backend import Array, ArrayLike, Shape
from axon.checks import between, demand, is_integer, is_number
from axon.core import Tensor
from axon.losses.base import LossOptions, numbers, over_features, same_shape
from axon.losses.cross_entropy import (
    CrossEntropy,
    demand_fitting,
    factors,
    focus,
    log_probability,
    logits_of,
    smoothed,
)
from axon.losses.expected import SUM
from axon.ops import exp


class _Categorical(CrossEntropy):
    """Outputs, or their logits, are the probabilities of classes of which one is true."""

    probabilities, logits = "rows that add up to 1", "logits of classes"
    together = True


class CategoricalCrossEntropy(_Categorical):
    """L = -sum_j y_j log p_j, averaged over samples.

    Where predictions come out of softmax, their logarithms are computed from its logits.

    Args:
        from_logits: the predictions are logits, not probabilities.
        label_smoothing: s from 0 to 1: targets become (1 - s) y + s / classes, less sure.
        ignore_index: a label that is none, such as -100: samples, steps or pixels that bear it
            count neither in the loss, which is a mean over the others, nor in a model's metrics.
        weight: how much each class counts, (classes,). Of labels the loss is then the weighted
            mean, over the sum of the weights as PyTorch's; of one-hot rows over their number.
        options: ``reduction`` and ``name``, see ``Loss``.

    ``y_true`` is one-hot (n, ..., classes) or whole-number labels, (n, ...) or (n, ..., 1);
    ``y_pred`` is (n, ..., classes).

    >>> loss = CategoricalCrossEntropy()
    >>> loss.loss([0, 1], [[0.5, 0.5], [0.25, 0.75]])  # (log 2 - log 0.75) / 2
    0.4904146...
    >>> loss.gradient([0, 1], np.array([[0.5, 0.5], [0.25, 0.75]])).round(4) + 0.0
    array([[-1.    ,  0.    ],
           [ 0.    , -0.6667]])
    """

    name = "categorical_cross_entropy"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        *,
        ignore_index: int | None = None,
        weight: Sequence[float] | None = None,
        **options: Unpack[LossOptions],
    ) -> None:
        super().__init__(from_logits, label_smoothing, **options)
        fits = ignore_index is None or is_integer(ignore_index)
        demand(fits, self.name, "ignore_index", "a whole number, or None", ignore_index)
        self.ignore_index = self.ignored = None if ignore_index is None else int(ignore_index)
        self.weight = class_factors(self.name, weight)

    @property
    def additive(self) -> bool:
        """Not with weights of classes, of which those in a batch are added up."""
        return super().additive and self.weight is None

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """-sum_j y_j log p_j of each sample; further axes between are averaged."""
        y = smoothed(one_hot(y_true, y_pred), self.label_smoothing, y_pred.shape[-1])
        y = y if self.weight is None else y * np.asarray(self.weight)
        logarithms = log_probabilities(y_pred, self.from_logits)
        return over_features(-(y * logarithms).sum(axis=-1))

    def counted(self, y_true: Tensor, losses: Tensor) -> Tensor | None:
        """The weight of each label's class."""
        return weights_of(self.weight, y_true)

    def targets(self, y_true: ArrayLike, output_shape: Shape) -> Array:
        """Labels as whole numbers, one-hot rows as floats."""
        demand_fitting(self.name, "weight", self.weight, output_shape)
        return classes_of(self.name, y_true, output_shape, self.ignore_index)


def class_factors(owner: str, weight: object) -> list[float] | None:
    """What each class counts: a list of numbers of 0 or more; None stays None."""
    found = factors(owner, "weight", weight)
    demand(not isinstance(found, float), owner, "weight", "one number for each class", weight)
    return found if isinstance(found, list) else None


def weights_of(weight: list[float] | None, y_true: Tensor) -> Tensor | None:
    """The weights of labels' classes, of labels that are none 0; None of one-hot rows."""
    if weight is None or y_true.dtype.kind == "f":
        return None
    hot = y_true[..., None] == Tensor(np.arange(len(weight)))
    return (hot * np.asarray(weight)).sum(axis=-1)


class CategoricalFocalCrossEntropy(_Categorical):
    """L = -sum_j alpha (1 - p_j)^gamma y_j log p_j, averaged over samples.

    What is predicted well hardly counts. Where predictions come out of softmax, their logarithms
    are computed from its logits. Lin et al., "Focal Loss for Dense Object Detection" (2017).

    Args:
        alpha: how much a class counts, from 0 to 1: one number, or one for each class.
        gamma: how little the easy ones count; 0 is alpha times CategoricalCrossEntropy.
        from_logits: the predictions are logits, not probabilities.
        label_smoothing: s from 0 to 1: targets become (1 - s) y + s / classes, less sure.
        options: ``reduction`` and ``name``, see ``Loss``.

    ``y_true`` is one-hot (n, classes) or whole-number labels (n,); ``y_pred`` is (n, classes).

    >>> CategoricalFocalCrossEntropy().loss([0, 1], [[0.5, 0.5], [0.5, 0.5]])  # log 2 / 16
    0.0433216...
    """

    name = "categorical_focal_cross_entropy"

    def __init__(
        self,
        *,
        alpha: float | Sequence[float] = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        **options: Unpack[LossOptions],
    ) -> None:
        given = np.asarray(alpha, float)
        for one in given.ravel():
            between(self.name, "alpha", float(one), 0, 1)
        self.alpha = given.tolist()
        self.gamma = between(self.name, "gamma", gamma, 0, np.inf)
        super().__init__(from_logits, label_smoothing, **options)

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The loss of each sample; further axes between are averaged."""
        y = smoothed(one_hot(y_true, y_pred), self.label_smoothing, y_pred.shape[-1])
        logarithms = log_probabilities(y_pred, self.from_logits)
        losses = focus(1.0 - exp(logarithms), self.gamma) * y * logarithms
        return over_features(-(losses * np.asarray(self.alpha)).sum(axis=-1))

    def targets(self, y_true: ArrayLike, output_shape: Shape) -> Array:
        """Labels as whole numbers, one-hot rows as floats."""
        given = classes_of(self.name, y_true, output_shape)
        demand_fitting(self.name, "alpha", self.alpha, output_shape)
        return given


class CategoricalGeneralizedCrossEntropy(_Categorical):
    """L = (1 - p_y^q) / q, averaged over samples: labels may be wrong.

    It lies between cross-entropy, q near 0, and the mean absolute error, q near 1, which sets
    little store by what seems to be a mistake. Zhang and Sabuncu, "Generalized Cross Entropy Loss
    for Training Deep Neural Networks with Noisy Labels" (2018).

    Args:
        q: larger than 0 and less than 1.
        options: ``reduction`` and ``name``, see ``Loss``.

    ``y_true`` is one-hot (n, ..., classes) or whole-number labels; ``y_pred`` probabilities.

    >>> CategoricalGeneralizedCrossEntropy().loss([0, 1], [[0.25, 0.75], [0.0, 1.0]])
    0.5
    """

    name = "categorical_generalized_cross_entropy"

    def __init__(self, q: float = 0.5, **options: Unpack[LossOptions]) -> None:
        demand(is_number(q) and 0 < q < 1, self.name, "q", "larger than 0 and less than 1", q)
        self.q = float(q)
        super().__init__(**options)

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The loss of each sample; further axes between are averaged."""
        p = (y_pred * one_hot(y_true, y_pred)).sum(axis=-1)
        return over_features((1.0 - exp(log_probability(p) * self.q)) * (1.0 / self.q))

    def targets(self, y_true: ArrayLike, output_shape: Shape) -> Array:
        """Labels as whole numbers, one-hot rows as floats."""
        return classes_of(self.name, y_true, output_shape)


def log_probabilities(y_pred: Tensor, from_logits: bool = False) -> Tensor:
    """The logarithms of predictions, from the logits if they are known."""
    logits = y_pred if from_logits else logits_of(y_pred, softmax)
    return log_probability(y_pred) if logits is None else log_softmax(logits)


def one_hot(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Labels as rows with a single 1: (n,) -> (n, classes); rows are returned as they are."""
    if y_true.ndim == y_pred.ndim:
        return y_true
    columns = Tensor(np.arange(y_pred.shape[-1]))
    return (y_true[..., None] == columns).astype(y_pred.dtype)


def classes_of(
    name: str, y_true: ArrayLike, output_shape: Shape, ignored: int | None = None
) -> Array:
    """Labels (n,) or (n, 1) as whole numbers (n,), one-hot rows as floats.

    Args:
        name: the loss, for errors.
        y_true: the targets.
        output_shape: that of the predictions, (n, ..., classes).
        ignored: a label that is none; then there are no one-hot rows.

    Raises:
        ValueError: they do not fit the outputs, or are not labels or rows that add up to 1.
    """
    given = numbers(name, y_true)
    if len(output_shape) < 2:
        raise ValueError(
            f"{name}: expected a score for each class, predictions of shape (n, ..., classes), got "
            f"{output_shape}. For a single output there is BinaryCrossEntropy, or Hinge; a loss is "
            "called as loss(y_true, y_pred)."
        )
    if given.ndim + 1 == len(output_shape) and given.shape == output_shape[:-1]:
        return _labels(name, given, output_shape[-1], ignored)
    classes, width = output_shape[-1], given.shape[-1] if given.ndim else 0
    if width == 1 != classes and given.shape[:-1] == output_shape[:-1]:
        return _labels(
            name, given[..., 0], classes, ignored
        )  # a column of labels, as tables hold them
    if given.ndim == len(output_shape) and width != classes:
        raise ValueError(
            f"{name}: y is one-hot for {width} classes, but the model has {classes} "
            f"outputs. Expected y of shape {output_shape}, got {given.shape}."
        )
    rows = same_shape(name, given, output_shape)
    if ignored is not None:
        raise ValueError(
            f"{name}: ignore_index={ignored} is for whole-number labels, shape "
            f"{output_shape[:-1]}, but y has shape {given.shape}. Use y.argmax(axis=-1), or "
            "sample_weight for one-hot rows."
        )
    return distributions(name, rows)


def _labels(name: str, labels: Array, classes: int, ignored: int | None) -> Array:
    if labels.dtype.kind not in "iub" and not (labels == np.floor(labels)).all():
        raise ValueError(
            f"{name}: labels must be whole numbers, got {labels[labels % 1 != 0][0]!r}."
        )
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        wrong = (labels < 0) | (labels >= classes)
        wrong &= True if ignored is None else labels != ignored
        _demand_known(name, labels, wrong, classes)
    return labels if labels.dtype.kind in "iu" else labels.astype(np.int64)


def _demand_known(name: str, labels: Array, wrong: Array, classes: int) -> None:
    """Raise ValueError if labels are wrong, and say which."""
    if wrong.any():
        row = int(np.argwhere(wrong)[0][0])
        if classes == 1:
            raise ValueError(
                f"{name}: a model with a single output cannot tell classes apart. Use "
                "BinaryCrossEntropy with sigmoid, or softmax with an output for each class."
            )
        raise ValueError(
            f"{name}: label {labels[wrong][0]} of sample {row} is out of range: the model "
            f"has {classes} outputs, so labels go from 0 to {classes - 1}. Number the classes "
            "with np.unique(y, return_inverse=True), or give the model more outputs."
        )


def distributions(name: str, rows: Array) -> Array:
    """Rows of numbers from 0 on that add up to 1, as floats."""
    sums = rows.sum(axis=-1, dtype=np.float64)
    wrong = (np.abs(sums - 1) > SUM) | (rows < 0).any(axis=-1)
    if wrong.any():
        row = int(np.argwhere(wrong)[0][0])
        raise ValueError(
            f"{name}: each row of y must be one-hot, or probabilities that add up to 1; "
            f"row {row} adds up to {sums[wrong][0]:.4g}."
        )
    return rows if rows.dtype.kind == "f" else rows.astype(np.float32)
