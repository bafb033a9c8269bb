"""Margins between classes, or between a number and 0: smooth ones, and those of several classes."""

from collections.abc import Sequence
from typing import Unpack

import numpy as np

from axon.activations import relu, softplus
from axon.backend import Array, ArrayLike, Shape
from axon.checks import demand, number
from axon.core import Tensor
from axon.losses.base import Loss, LossOptions, numbers_of_shape, over_features
from axon.losses.categorical_cross_entropy import class_factors, classes_of, one_hot
from axon.losses.cross_entropy import demand_fitting
from axon.losses.hinge import MarginLoss, signs
from axon.ops import max, square, where


class SoftMargin(MarginLoss):
    """L = log(1 + e^(-y y_pred)), averaged over outputs and samples: a hinge without a corner.

    That is binary cross-entropy of logits, for targets -1 and 1, or 0 and 1.

    ``y_true`` and ``y_pred`` have the same shape, (n,) or (n, outputs).

    >>> SoftMargin().loss([1, -1], [0.0, 0.0])  # log 2
    0.6931471...
    """

    name = "soft_margin"

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """What each sample lacks to the margin, averaged over its outputs."""
        return over_features(softplus(-signs(y_true, y_pred) * y_pred))


class HingeEmbedding(MarginLoss):
    """L = y_pred where y is 1, max(margin - y_pred, 0) where it is -1, averaged over all.

    Predictions are distances: of what belongs together they are to be small, of what does not at
    least ``margin``.

    Args:
        margin: how far apart is far enough.
        options: ``reduction`` and ``name``, see ``Loss``.

    ``y_true`` and ``y_pred`` have the same shape; targets are -1 and 1, or 0 and 1.

    >>> HingeEmbedding().loss([1, -1], [0.5, 0.25])  # (0.5 + 0.75) / 2
    0.625
    """

    name = "hinge_embedding"
    expects = "numbers"

    def __init__(self, margin: float = 1.0, **options: Unpack[LossOptions]) -> None:
        super().__init__(**options)
        self.margin = number(self.name, "margin", margin)

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """What the distances of each sample cost, averaged over its outputs."""
        return over_features(where(y_true > 0, y_pred, relu(self.margin - y_pred)))


class _OfClasses(Loss):
    """Scores of classes, any numbers, that compete; targets are labels or one-hot rows."""

    together = True

    def targets(self, y_true: ArrayLike, output_shape: Shape) -> Array:
        """Labels as whole numbers, one-hot rows as floats."""
        return classes_of(self.name, y_true, output_shape)


class CategoricalHinge(_OfClasses):
    """L = max(1 + s_other - s_y, 0), s_other the best score of another class; mean over samples.

    As in Keras, the best of others is at least 0.

    ``y_true`` is one-hot (n, ..., classes) or whole-number labels; ``y_pred`` are scores.

    >>> CategoricalHinge().loss([0], [[0.5, 0.25]])  # 1 + 0.25 - 0.5
    0.75
    """

    name = "categorical_hinge"

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """What the right class of each sample lacks; further axes between are averaged."""
        y = one_hot(y_true, y_pred)
        best = max((1.0 - y) * y_pred, axis=-1)
        return over_features(relu(best - (y * y_pred).sum(axis=-1) + 1.0))


class MultiMargin(_OfClasses):
    """L = sum_(j not y) max(margin - s_y + s_j, 0)^p w_y / classes, averaged over samples.

    Crammer and Singer's support vector machine of several classes (2001).

    Args:
        p: 1 or 2.
        margin: by how much the right class should win.
        weight: how much each class counts, (classes,).
        options: ``reduction`` and ``name``, see ``Loss``.

    ``y_true`` is one-hot (n, ..., classes) or whole-number labels; ``y_pred`` are scores.

    >>> MultiMargin().loss([0], [[0.5, 0.25, -1.0]])  # (1 - 0.5 + 0.25) / 3
    0.25
    """

    name = "multi_margin"

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        *,
        weight: Sequence[float] | None = None,
        **options: Unpack[LossOptions],
    ) -> None:
        super().__init__(**options)
        demand(p in (1, 2), self.name, "p", "1 or 2", p)
        self.p, self.margin = int(p), number(self.name, "margin", margin)
        self.weight = class_factors(self.name, weight)

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """What the right class of each sample lacks; further axes between are averaged."""
        y = one_hot(y_true, y_pred)
        right = (y * y_pred).sum(axis=-1, keepdims=True)
        lacking = relu(self.margin + (y_pred - right)) * (1.0 - y)
        costs = (lacking if self.p == 1 else square(lacking)).sum(axis=-1) / float(y_pred.shape[-1])
        if self.weight is not None:
            costs = costs * (y * np.asarray(self.weight)).sum(axis=-1)
        return over_features(costs)

    def targets(self, y_true: ArrayLike, output_shape: Shape) -> Array:
        """Labels as whole numbers, one-hot rows as floats."""
        demand_fitting(self.name, "weight", self.weight, output_shape)
        return super().targets(y_true, output_shape)


class MultiLabelMargin(Loss):
    """L = sum_(i yes, j no) max(1 - s_i + s_j, 0) / classes, averaged over samples.

    All that is true should score higher, by 1, than all that is not. Targets are rows of 0 and 1;
    PyTorch's are lists of labels that end with -1.

    ``y_true`` and ``y_pred`` have the same shape, (n, ..., classes).

    >>> MultiLabelMargin().loss([[1, 0, 1]], [[1.0, 0.5, 0.0]])  # (0.5 + 1.5) / 3
    0.6666666...
    """

    name = "multi_label_margin"
    together = True

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The sum over pairs of what is true and what is not; axes between are averaged."""
        pairs = y_true[..., :, None] * (1.0 - y_true)[..., None, :]
        lacking = relu(1.0 - y_pred[..., :, None] + y_pred[..., None, :])
        return over_features((pairs * lacking).sum(axis=(-2, -1)) / float(y_pred.shape[-1]))

    def targets(self, y_true: ArrayLike, output_shape: Shape) -> Array:
        """0 and 1, of exactly the shape of the output."""
        given = numbers_of_shape(self.name, y_true, output_shape)
        wrong = (given != 0) & (given != 1)
        if wrong.any():
            raise ValueError(
                f"{self.name}: targets must be rows of 0 and 1, got {given[wrong][0]:.6g}. Lists "
                "of labels become rows by setting row[labels] = 1."
            )
        return given
