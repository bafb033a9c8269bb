"""Connectionist temporal classification: labels in their order, at times that nobody wrote down."""

from typing import Unpack

import numpy as np

from axon.activations import log_softmax
from axon.backend import Array, ArrayLike, Shape
from axon.checks import boolean, integer
from axon.core import Tensor
from axon.losses.base import Loss, LossOptions, numbers
from axon.ops import concatenate, exp, log, max, stack, where

FAR = -1e30  # in the place of -infinity, whose gradient would be NaN


class CTC(Loss):
    """L = -log of the probability of all ways to say the labels in the steps; mean over samples.

    At each step the model names a label or the blank; a way says the labels if it does so once
    repeated names are said once and the blanks are left out. Graves et al., "Connectionist
    Temporal Classification" (2006), by the forward recursion, in logarithms.

    Args:
        blank: the class that says nothing; rows of ``y_true`` are filled up with it.
        zero_infinity: a sample that has too few real steps for its labels costs 0 instead of 1e30.
        options: ``reduction`` and ``name``, see ``Loss``.

    ``y_true`` is (n, labels), whole numbers, each row filled up with ``blank``; ``y_pred`` is
    (n, steps, classes), logits. Padded steps, by the mask of ``y_pred``, are left out.

    Raises:
        ValueError: a label is none of the classes, or there are more than fit into the steps.

    >>> CTC().loss([[1]], [[[0.0, 0.0], [0.0, 0.0]]])  # three of four ways: 1 1, 1 -, - 1
    0.2876820...
    """

    name = "ctc"
    together = True

    def __init__(
        self, *, blank: int = 0, zero_infinity: bool = False, **options: Unpack[LossOptions]
    ) -> None:
        super().__init__(**options)
        self.blank = integer(self.name, "blank", blank, least=0)
        self.zero_infinity = boolean(self.name, "zero_infinity", zero_infinity)

    def real(self, y_true: Tensor, y_pred: Tensor) -> Tensor | None:
        """None: the mask says how many steps each sample has, and all samples count."""
        return None

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """-log of the probability of the labels of each sample."""
        states = self._states(y_true)  # (n, S), S = 2 labels + 1: - a - b - c -
        said = self._said(log_softmax(y_pred), states)  # (n, steps, S)
        place = np.arange(states.shape[1])
        leap, mask = self._leaps(states), y_pred.mask
        if mask is None:
            ways = where(Tensor(place < 2), said[:, 0], FAR)
        else:  # the first step may be padding: before it nothing was said
            start = np.where(place < 1, 0.0, FAR).astype(said.dtype)
            ways = Tensor(np.tile(start, (len(states), 1)))
        for step in range(int(mask is None), y_pred.shape[1]):
            longer = self._longer(ways, leap) + said[:, step]
            ways = longer if mask is None else where(mask[:, step, None], longer, ways)
        end = 2 * (y_true != self.blank).sum(axis=-1, keepdims=True)  # (n, 1)
        last = (Tensor(place) == end) + (Tensor(place) == end - 1)
        losses = -log_sum(where(last > 0, ways, FAR))
        return where(losses < -FAR / 2, losses, 0.0) if self.zero_infinity else losses

    def _states(self, y_true: Tensor) -> Tensor:
        """Labels with a blank before, between and after them: (n, labels) -> (n, S)."""
        n, count = y_true.shape
        blanks = Tensor(np.full((n, count), self.blank, y_true.dtype))
        pairs = stack([y_true, blanks], axis=-1).reshape(n, 2 * count)
        return concatenate([Tensor(np.full((n, 1), self.blank, y_true.dtype)), pairs], axis=1)

    def _said(self, logarithms: Tensor, states: Tensor) -> Tensor:
        """How probable each state's name is at each step: (n, steps, classes) -> (n, steps, S)."""
        classes = Tensor(np.arange(logarithms.shape[-1]))
        hot = (classes[:, None] == states[:, None, :]).astype(logarithms.dtype)  # (n, classes, S)
        return logarithms @ hot

    def _leaps(self, states: Tensor) -> Tensor:
        """0 where a way may leap over the blank before: to another label than the one before."""
        before = concatenate([Tensor(np.full((len(states), 2), -1)), states[:, :-2]], axis=1)
        return where((states != self.blank) * (states != before), 0.0, FAR)

    def _longer(self, ways: Tensor, leap: Tensor) -> Tensor:
        """From each state, ways that stay there, that come from the one before, or leap."""
        n, count = ways.shape
        ahead = concatenate([Tensor(np.full((n, 2), FAR, ways.dtype)), ways], axis=1)
        by = [ways, ahead[:, 1 : count + 1], ahead[:, :count] + leap.astype(ways.dtype)]
        return log_sum(stack(by, axis=-1))

    def targets(self, y_true: ArrayLike, output_shape: Shape) -> Array:
        """Rows of labels, filled up with blanks."""
        given = numbers(self.name, y_true)
        if len(output_shape) != 3 or given.ndim != 2 or len(given) != output_shape[0]:
            raise ValueError(
                f"{self.name}: expected labels (n, labels) and logits (n, steps, classes), got "
                f"{given.shape} and {output_shape}. Fill rows up with {self.blank}."
            )
        wrong = (given < 0) | (given >= output_shape[2]) | (given != np.floor(given))
        if wrong.any():
            raise ValueError(
                f"{self.name}: label {given[wrong][0]:g} of sample {np.argwhere(wrong)[0][0]} is "
                f"none of the classes 0 to {output_shape[2] - 1}. Fill rows up with {self.blank}."
            )
        self._demand_time(given, output_shape[1])
        return given.astype(np.int64)

    def _demand_time(self, labels: Array, steps: int) -> None:
        """Raise ValueError if labels do not fit into the steps; between equal ones is a blank."""
        named = labels != self.blank
        again = (labels[:, 1:] == labels[:, :-1]) & named[:, 1:]
        needed = named.sum(axis=1) + again.sum(axis=1)
        gaps = named[:, 1:] & ~named[:, :-1]
        if gaps.any():
            row = int(np.argwhere(gaps)[0][0])
            raise ValueError(
                f"{self.name}: {self.blank}, the blank, stands between the labels of sample {row}, "
                "but it only fills rows up. Number the classes from 1."
            )
        if (needed > steps).any():
            row = int(np.argmax(needed > steps))
            raise ValueError(
                f"{self.name}: the labels of sample {row} need {needed[row]} steps, but there are "
                f"{steps}. Give longer inputs, or let the model keep more steps."
            )


def log_sum(x: Tensor) -> Tensor:
    """log sum e^x along the last axis; never less than the largest."""
    most = max(x.detach(), axis=-1, keepdims=True)
    return log(exp(x - most).sum(axis=-1)) + most[..., 0]
