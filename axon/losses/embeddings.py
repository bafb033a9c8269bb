"""Embeddings: vectors that are to lie close together, or far apart, and numbers to be ranked.

Where a sample is a pair or three of a kind, its predictions lie along axis 1: (n, 2, size) or
(n, 3, size), what ``ops.stack([model(a), model(b)], axis=1)`` makes.
"""

from typing import Unpack

import numpy as np

from axon.activations import relu, softplus
from axon.backend import Array, ArrayLike, Shape
from axon.checks import boolean, demand, is_number, number, positive
from axon.core import Tensor
from axon.losses.base import Loss, LossOptions, numbers
from axon.losses.cosine_similarity import direction
from axon.losses.ctc import FAR, log_sum
from axon.losses.hinge import sides
from axon.ops import absolute, maximum, minimum, sqrt, square, where


class _OfSeveral(Loss):
    """A sample is several things, along axis 1 of the predictions; its target is a side."""

    together = True
    several = 2
    of_vectors = True

    def targets(self, y_true: ArrayLike, output_shape: Shape) -> Array:
        """-1 and 1, or 0 and 1, (n,) or (n, 1)."""
        given = numbers(self.name, y_true)
        self._demand_several(output_shape)
        if given.shape == (output_shape[0], 1):
            given = given[:, 0]
        if given.shape != output_shape[:1]:
            raise ValueError(
                f"{self.name}: y must have shape ({output_shape[0]},), one target for each pair, "
                f"got {given.shape}."
            )
        return sides(self.name, given.astype(np.float64))

    def _demand_several(self, output_shape: Shape) -> None:
        wanted = 3 if self.of_vectors else 2
        if len(output_shape) != wanted or output_shape[1] != self.several:
            size = ", size" if self.of_vectors else ""
            raise ValueError(
                f"{self.name}: a sample is {self.several} of a kind: expected predictions of shape "
                f"(n, {self.several}{size}), got {output_shape}. Make them with "
                "ops.stack([model(a), model(b)], axis=1), or a layer that does so."
            )


class CosineEmbedding(_OfSeveral):
    """L = 1 - cos(a, b) where y is 1, max(cos(a, b) - margin, 0) where it is -1; mean over pairs.

    Args:
        margin: how similar may be what does not belong together, from -1 to 1.
        options: ``reduction`` and ``name``, see ``Loss``.

    ``y_true`` is (n,), -1 and 1, or 0 and 1; ``y_pred`` is (n, 2, size).

    >>> CosineEmbedding().loss([1, -1], [[[1.0, 0.0], [0.0, 2.0]], [[1.0, 0.0], [3.0, 0.0]]])
    1.0
    """

    name = "cosine_embedding"

    def __init__(self, margin: float = 0.0, **options: Unpack[LossOptions]) -> None:
        super().__init__(**options)
        fits = is_number(margin) and -1 <= margin <= 1
        demand(fits, self.name, "margin", "between -1 and 1", margin)
        self.margin = float(margin)

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """What each pair costs."""
        towards = direction(y_pred)
        cosine = (towards[:, 0] * towards[:, 1]).sum(axis=-1)
        return where(y_true > 0, 1.0 - cosine, relu(cosine - self.margin))


class MarginRanking(_OfSeveral):
    """L = max(margin - y (a - b), 0), averaged over pairs: a before b where y is 1.

    Args:
        margin: by how much the one should win.
        options: ``reduction`` and ``name``, see ``Loss``.

    ``y_true`` is (n,), -1 and 1, or 0 and 1; ``y_pred`` is (n, 2), two scores.

    >>> MarginRanking(0.5).loss([1, -1], [[1.0, 0.75], [1.0, 2.0]])  # (0.25 + 0) / 2
    0.125
    """

    name = "margin_ranking"
    of_vectors = False

    def __init__(self, margin: float = 0.0, **options: Unpack[LossOptions]) -> None:
        super().__init__(**options)
        self.margin = number(self.name, "margin", margin)

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """What each pair costs."""
        ahead = y_pred[:, 0] - y_pred[:, 1]
        return relu(self.margin - where(y_true > 0, ahead, -ahead))


class TripletMargin(_OfSeveral):
    """L = max(|a - p| - |a - n| + margin, 0): an anchor, what is like it, and what is not.

    Averaged over samples. |x| is the p-norm of x + eps. Schroff, Kalenichenko and Philbin,
    "FaceNet" (2015).

    Args:
        margin: by how much further away should lie what is not like the anchor.
        p: of the norm; larger than 0.
        eps: is added to each difference, so that the norm has a gradient at 0.
        swap: take |p - n| where that is smaller than |a - n| (Balntas et al., 2016).
        options: ``reduction`` and ``name``, see ``Loss``.

    ``y_pred`` is (n, 3, size): anchor, positive, negative. ``y_true`` is not looked at: any
    numbers, (n, ...), such as ``np.zeros(n)``.

    >>> round(TripletMargin(eps=1e-12).loss([0], [[[0.0, 0.0], [0.0, 1.0], [0.0, 1.5]]]), 6)
    0.5
    """

    name = "triplet_margin"
    several = 3

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        **options: Unpack[LossOptions],
    ) -> None:
        super().__init__(**options)
        self.margin, self.p = (
            number(self.name, "margin", margin),
            positive(self.name, "p", p),
        )
        self.eps, self.swap = (
            positive(self.name, "eps", eps),
            boolean(self.name, "swap", swap),
        )

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """What each three cost."""
        anchor, positive, negative = (y_pred[:, i] for i in range(3))
        far = self._distance(anchor, negative)
        if self.swap:
            far = minimum(far, self._distance(positive, negative))
        return relu(self._distance(anchor, positive) - far + self.margin)

    def _distance(self, a: Tensor, b: Tensor) -> Tensor:
        e = a - b + self.eps
        if self.p == 2.0:
            return sqrt(square(e).sum(axis=-1))
        return (absolute(e) ** self.p).sum(axis=-1) ** (1.0 / self.p)

    def targets(self, y_true: ArrayLike, output_shape: Shape) -> Array:
        """Any numbers, one or more for each sample."""
        given = numbers(self.name, y_true)
        self._demand_several(output_shape)
        if given.shape[:1] != output_shape[:1]:
            raise ValueError(
                f"{self.name}: y has shape {given.shape}, but there are {output_shape[0]} samples. "
                f"It is not looked at: give np.zeros({output_shape[0]})."
            )
        return given.astype(np.float32) if given.dtype.kind == "b" else given


class Circle(Loss):
    """Of all pairs in a batch, those of one class are to be close and others far apart.

    L_i = softplus(logsumexp_p(gamma (d + margin)(d - margin)) + logsumexp_n(gamma (1 + margin -
    d)(1 - margin - d))), with cosine distances d = 1 - x_i . x_j, from 0 on, to all p of the same
    class and all n of others. The mean is over what costs something. Sun et al., "Circle Loss: A
    Unified Perspective of Pair Similarity Optimization" (2020).

    Args:
        gamma: how sharply the worst pairs count.
        margin: how much is forgiven.
        remove_diagonal: leave out that each sample is like itself.
        options: ``reduction`` and ``name``, see ``Loss``.

    ``y_true`` are labels (n,) or (n, 1); ``y_pred`` is (n, size), vectors of length 1: end the
    model with UnitNormalization.

    >>> Circle(gamma=1).loss([0, 0, 1], [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    1.4703841...
    """

    name = "circle"
    together, across = True, True

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        **options: Unpack[LossOptions],
    ) -> None:
        super().__init__(**options)
        self.gamma, self.margin = (
            positive(self.name, "gamma", gamma),
            number(self.name, "margin", margin),
        )
        self.remove_diagonal = boolean(self.name, "remove_diagonal", remove_diagonal)

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """What the pairs of each sample cost."""
        d = maximum(1.0 - y_pred @ y_pred.T, 0.0)
        same = (y_true[:, None] == y_true[None, :]).astype(d.dtype)
        others = 1.0 - same
        if self.remove_diagonal:
            same = same * Tensor(1.0 - np.eye(len(y_pred)))
        near = self.gamma * (d + self.margin) * (d - self.margin)
        far = self.gamma * maximum(1.0 + self.margin - d, 0.0) * (1.0 - self.margin - d)
        return softplus(_log_sum(near, same) + _log_sum(far, others))

    def counted(self, y_true: Tensor, losses: Tensor) -> Tensor | None:
        """What costs nothing does not count."""
        return (losses > 0.0).astype(losses.dtype)

    def targets(self, y_true: ArrayLike, output_shape: Shape) -> Array:
        """Labels, (n,)."""
        given = numbers(self.name, y_true)
        if given.shape == (output_shape[0], 1):
            given = given[:, 0]
        if given.shape != output_shape[:1] or len(output_shape) != 2:
            raise ValueError(
                f"{self.name}: expected labels (n,) and predictions (n, size), got {given.shape} "
                f"and {output_shape}."
            )
        return given.astype(np.int64)


def _log_sum(x: Tensor, chosen: Tensor) -> Tensor:
    """log sum e^x along the last axis, of what is chosen; far below 0 if there is nothing."""
    return log_sum(where(chosen > 0.0, x, FAR))
