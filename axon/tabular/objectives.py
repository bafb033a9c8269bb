"""What an ensemble learns: classes, several yes-or-no answers, numbers, quantiles."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from axon.activations import log_softmax
from axon.backend import Array
from axon.core import Tensor
from axon.losses.cross_entropy import sigmoid_cross_entropy
from axon.ops import maximum

RARE = 1e-3  # added to how frequent a class is, before the logarithm
TINY = 1e-7  # the least that a probability counts as where its logarithm is taken


class Goal(ABC):
    """A loss for members (n, members, outputs), and how the mean prediction is made and judged."""

    activation = "selu"
    probabilities = True

    def outputs(self, y: Array) -> int:
        """What a member gives for a row, for targets y."""
        return y.shape[1]

    def beginning(self, y: Array) -> Array:
        """What members say before they have learned anything: (outputs,)."""
        return np.zeros(self.outputs(y))

    def loss(self, z: Tensor, y: Tensor, weights: Tensor) -> Tensor:
        """The sum over members of each one's mean over its rows."""
        return (self.each(z, y) * weights).sum() * (1.0 / len(z))

    @abstractmethod
    def each(self, z: Tensor, y: Tensor) -> Tensor:
        """The loss (n, members) of each row for each member."""

    @abstractmethod
    def answers(self, z: Array) -> Array:
        """What a member's outputs mean, (..., outputs): probabilities, numbers."""

    @abstractmethod
    def losses(self, p: Array, y: Array) -> Array:
        """The loss (n,) of answers (n, outputs)."""

    def mean(self, z: Array, chosen: Array | None = None) -> Array:
        """The mean answer (n, outputs) of the members, or of the ``chosen`` (n, members)."""
        p = self.answers(z.astype(np.float64))
        if chosen is None:
            return p.mean(axis=1)
        return np.einsum("nko,nk->no", p, chosen) / chosen.sum(axis=1, keepdims=True)

    def score(self, p: Array, y: Array, counts: Array) -> float:
        """The mean loss of answers."""
        return float(np.average(self.losses(p, y), weights=counts))


class Classes(Goal):
    """One class of several: cross-entropy; targets are one-hot (n, classes)."""

    def beginning(self, y: Array) -> Array:
        """How frequent the classes are."""
        return np.log(y.mean(axis=0) + RARE)

    def each(self, z: Tensor, y: Tensor) -> Tensor:
        """-log p of the true class."""
        return -self._logarithms(z, y)

    def loss(self, z: Tensor, y: Tensor, weights: Tensor) -> Tensor:
        """The same as of other goals; only a factor is negated, for which there is a kernel."""
        return (self._logarithms(z, y) * weights).sum() * (-1.0 / len(z))

    def _logarithms(self, z: Tensor, y: Tensor) -> Tensor:
        """log p of the true class, (n, members)."""
        n, _, c = z.shape
        return (log_softmax(z) * y.reshape(n, 1, c)).sum(axis=-1)

    def answers(self, z: Array) -> Array:
        """Probabilities."""
        e = np.exp(z - z.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)

    def losses(self, p: Array, y: Array) -> Array:
        """-log p of the true class."""
        return -np.log(np.maximum((p * y).sum(axis=-1), TINY))


class YesOrNo(Goal):
    """Several yes-or-no answers: targets are 0 and 1 (n, labels)."""

    def each(self, z: Tensor, y: Tensor) -> Tensor:
        """Binary cross-entropy, over the labels."""
        n, _, c = z.shape
        return sigmoid_cross_entropy(z, y.reshape(n, 1, c) + 0.0 * z.detach()).sum(axis=-1)

    def answers(self, z: Array) -> Array:
        """Probabilities."""
        return 0.5 + 0.5 * np.tanh(0.5 * z)

    def losses(self, p: Array, y: Array) -> Array:
        """Binary cross-entropy, over the labels."""
        right = np.maximum(np.where(y > 0.5, p, 1 - p), TINY)
        return -np.log(right).sum(axis=-1)


class Amounts(Goal):
    """Amounts (n, targets), of mean 0 and spread 1: squared errors."""

    activation, probabilities = "mish", False

    def each(self, z: Tensor, y: Tensor) -> Tensor:
        """The squared error, over the targets."""
        n, _, t = z.shape
        error = z - y.reshape(n, 1, t)
        return (error * error).sum(axis=-1)

    def answers(self, z: Array) -> Array:
        """The outputs as they are."""
        return z

    def losses(self, p: Array, y: Array) -> Array:
        """The squared error, over the targets."""
        return ((p - y) ** 2).sum(axis=-1)


class Quantiles(Goal):
    """Quantiles of one number (n, 1): pinball losses, an output for each."""

    activation, probabilities = "mish", False

    def __init__(self, quantiles: Sequence[float]) -> None:
        self.quantiles = np.array(quantiles, np.float32)

    def outputs(self, y: Array) -> int:
        """One for each quantile."""
        return len(self.quantiles)

    def each(self, z: Tensor, y: Tensor) -> Tensor:
        """q above, 1 - q below."""
        error = y.reshape(len(z), 1, 1) - z
        q = self.quantiles.reshape(1, 1, -1)
        return maximum(error * q, error * (q - 1.0)).sum(axis=-1)

    def answers(self, z: Array) -> Array:
        """The outputs in order: a higher quantile is never lower."""
        return np.sort(z, axis=-1)

    def losses(self, p: Array, y: Array) -> Array:
        """q above, 1 - q below."""
        error = y - p
        return np.maximum(error * self.quantiles, error * (self.quantiles - 1)).sum(axis=-1)
