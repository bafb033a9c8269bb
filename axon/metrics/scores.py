"""What outputs say, and how right that is: counted on arrays, once a model has predicted.

The metrics are summed up inside the recorded step. Reports, plots and the command line show more
than one number can tell, and count it here.
"""

from typing import NamedTuple

import numpy as np

from axon.activations import sigmoid, softmax
from axon.backend import Array


def probabilities(outputs: Array, from_logits: bool = False) -> Array:
    """The probability of each class (n, classes).

    Args:
        outputs: (n, classes); or (n,) or (n, 1) for the second of two classes.
        from_logits: they are not probabilities yet.

    >>> probabilities(np.array([0.25, 1.0]))
    array([[0.75, 0.25],
           [0.  , 1.  ]])
    """
    rows = outputs.reshape(len(outputs), -1)
    if rows.shape[1] == 1:
        yes = sigmoid(rows) if from_logits else rows
        return np.concatenate([1 - yes, yes], axis=1)
    return softmax(rows) if from_logits else rows


def which_count(outputs: Array, targets: Array, mask: Array | None, ignored: float | None) -> Array:
    """Which rows of outputs (rows, features) count: neither padding nor labels to be ignored.

    Args:
        outputs: (n, features), or (n, steps, features), of which each step is a row.
        targets: of the same shape, or labels.
        mask: (n,) or (n, steps): what is real.
        ignored: the label that the loss ignores.

    >>> labels, mask = np.array([[0, -1, 1]]), np.array([[True, True, False]])
    >>> which_count(np.zeros((1, 3, 2)), labels, mask, ignored=-1)
    array([ True, False, False])
    """
    rows = outputs.shape[:-1] if outputs.ndim > 1 else outputs.shape
    counts = np.ones(rows if mask is None or mask.ndim <= len(rows) else mask.shape, bool)
    if mask is not None:
        counts &= mask.reshape(*mask.shape, *(1,) * (counts.ndim - mask.ndim))
    if ignored is not None:
        counts &= targets != ignored
    return counts.reshape(-1)


class ClassScore(NamedTuple):
    """How well one class, or label, is found; None where there is nothing to have a share of."""

    precision: float | None
    recall: float | None
    f1: float | None
    samples: int


def class_scores(hits: Array, called: Array, actual: Array) -> list[ClassScore]:
    """Precision, recall and F1 of each class, from counts (classes,).

    Args:
        hits: samples of the class that were called so.
        called: samples that were called so.
        actual: samples of the class.

    >>> class_scores(np.array([1, 0]), np.array([2, 0]), np.array([1, 1]))[0]
    ClassScore(precision=0.5, recall=1.0, f1=0.6666666666666666, samples=1)
    """
    return [
        ClassScore(_share(h, c), _share(h, a), _share(2 * h, c + a), a)
        for h, c, a in zip(hits.tolist(), called.tolist(), actual.tolist(), strict=True)
    ]


def _share(part: int, total: int) -> float | None:
    return part / total if total else None


def confusion(truth: Array, guesses: Array, classes: int) -> Array:
    """How often each class (a row) was taken for each class (a column), from labels (n,).

    >>> confusion(np.array([0, 1, 1]), np.array([0, 0, 1]), 2)
    array([[1, 0],
           [1, 1]])
    """
    cells = np.bincount(truth * classes + guesses, minlength=classes * classes)
    return cells.reshape(classes, classes)


class Ranking(NamedTuple):
    """How a class is told from the others, if rows are called so from the likeliest one on.

    Attributes:
        found: (k,) rows of the class among the first ones, for each different score; 0 first.
        others: (k,) other rows among them.
    """

    found: Array
    others: Array

    @property
    def share(self) -> float:
        """The share of rows that are of the class."""
        return float(self.found[-1] / (self.found[-1] + self.others[-1]))

    @property
    def roc(self) -> tuple[Array, Array]:
        """The share of others taken for the class, and the share of the class found, (k,) each."""
        return self.others / self.others[-1], self.found / self.found[-1]

    @property
    def area(self) -> float:
        """The area below the ROC curve: how often a row of the class has the larger score."""
        wrong, found = self.roc
        return float(np.trapezoid(found, wrong))

    @property
    def recalled(self) -> tuple[Array, Array]:
        """The share of the class found, and the share of those called so that are of it."""
        called = self.found + self.others
        precision = self.found / np.maximum(called, 1)
        precision[0] = precision[1]  # of none called so there is no share
        return self.found / self.found[-1], precision

    @property
    def precision(self) -> float:
        """Average precision: that of each step, weighted by how much of the class it finds."""
        recall, precision = self.recalled
        return float((np.diff(recall) * precision[1:]).sum())


def ranking(positive: Array, score: Array) -> Ranking | None:
    """Count as rows are called so from the largest score on; equal scores go together.

    Args:
        positive: (n,) True for rows of the class.
        score: (n,) larger is likelier.

    Returns:
        The counts; None if all rows, or none, are of the class.

    >>> ranking(np.array([False, True]), np.array([0.2, 0.7])).roc
    (array([0., 0., 1.]), array([0., 1., 1.]))
    """
    order = np.argsort(-score, kind="stable")
    hits, values = np.cumsum(positive[order]), score[order]
    ends = np.append(np.flatnonzero(np.diff(values)), len(values) - 1)
    if not len(values) or not 0 < hits[-1] < len(values):
        return None
    found = hits[ends]
    return Ranking(np.append(0, found), np.append(0, ends + 1 - found))


class Errors(NamedTuple):
    """How far predicted numbers are from the truth."""

    mean_absolute_error: float
    root_mean_squared_error: float
    r2: float  # NaN if the truth is the same everywhere


def errors(truth: Array, outputs: Array) -> Errors:
    """The errors of numbers (n, k), in double precision.

    >>> errors(np.array([[0.0], [2.0]]), np.array([[1.0], [2.0]])).r2
    0.5
    """
    error = outputs.astype(np.float64) - truth
    spread = float(((truth - truth.mean(axis=0)) ** 2).sum())
    r2 = 1 - float((error**2).sum()) / spread if spread else float("nan")
    return Errors(float(abs(error).mean()), float((error**2).mean() ** 0.5), r2)
