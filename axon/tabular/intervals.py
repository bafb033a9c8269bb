"""Intervals that hold a share of the targets, by the errors of held-out rows.

Conformal prediction: of new rows like those learned from, the error is below a quantile of the
errors of rows that were not learned from, as often as that quantile says, whatever the model (Lei
et al., "Distribution-Free Predictive Inference for Regression", 2018). Errors are measured in units
of how far members disagree about a row, so that intervals are short where they agree. Predicted
quantiles are moved out, or in, together (Romano et al., "Conformalized Quantile Regression", 2019).
"""

from typing import NamedTuple

import numpy as np

from axon.backend import Array
from axon.tabular.columns import Values
from axon.tabular.fitted import BLOCK, Fitted, columns_of, outputs
from axon.tabular.objectives import Quantiles

OWNER = "TabularRegressor.predict_interval"


class Calibration(NamedTuple):
    """What intervals are made by, of rows that were not learned from.

    Attributes:
        errors: (m, outputs) targets minus answers, as the objective scales them.
        counts: (m,) how much each row counts.
        scales: (m, outputs) units of the errors.
        least: (outputs,) what is added to how far members disagree.
    """

    errors: Array
    counts: Array
    scales: Array
    least: Array


def calibration(fitted: Fitted, values: Values, errors: Array, counts: Array) -> Calibration:
    """Measure errors in units of the members' disagreement, plus its median."""
    spreads = disagreement(fitted, values)
    least = np.median(spreads, axis=0) if len(spreads) else np.ones(errors.shape[1])
    least = np.where(least > 0, least, 1.0)  # one member, or all agree
    return Calibration(errors, counts, spreads + least, least)


def disagreement(fitted: Fitted, values: Values) -> Array:
    """How far members are apart (n, outputs): a deviation; 0 of quantiles, which say it already."""
    made = np.zeros((len(values.numbers), fitted.net.outputs))
    if isinstance(fitted.objective, Quantiles):
        return made
    for start in range(0, len(made), BLOCK):
        part = slice(start, start + BLOCK)
        z = outputs(fitted.net, columns_of(fitted.encoder.transform(values.taken(part))))
        made[part] = z.astype(np.float64).std(axis=1)
    return made


def intervals(
    fitted: Fitted,
    values: Values,
    known: Calibration,
    coverage: float,
    answers: Array | None = None,
) -> Array:
    """Where targets lie (n, targets, 2), as the objective scales them.

    Args:
        fitted: the model.
        values: rows.
        known: of rows that were not learned from.
        coverage: the share of targets that intervals hold.
        answers: (n, outputs) for the rows, if they are known: of members that never saw them, say.

    Raises:
        ValueError: coverage is no share, or there are too few rows for it.
    """
    demand_coverage(coverage)
    answers = fitted.answers(values) if answers is None else answers
    scales = disagreement(fitted, values) + known.least
    low, high = _ends(fitted, coverage)
    beyond = np.maximum(-known.errors[:, low], known.errors[:, high]) / known.scales[:, low]
    margin = quantile(beyond, known.counts, coverage) * scales[:, low]
    ends = np.stack([answers[:, low] - margin, answers[:, high] + margin], axis=2)
    middle = ends.mean(axis=2, keepdims=True)  # quantiles may be drawn in so far that ends cross
    crossed = ends[..., :1] > ends[..., 1:]
    return np.where(crossed, middle, ends)


def _ends(fitted: Fitted, coverage: float) -> tuple[Array, Array]:
    """Which outputs intervals begin and end at: (targets,) each."""
    goal = fitted.objective
    if not isinstance(goal, Quantiles):
        return np.arange(fitted.net.outputs), np.arange(fitted.net.outputs)
    low, high = (
        np.abs(goal.quantiles - end).argmin(keepdims=True)
        for end in (0.5 - coverage / 2, 0.5 + coverage / 2)
    )
    return low, high


def quantile(beyond: Array, counts: Array, coverage: float) -> Array:
    """The smallest of the numbers (m, targets) that enough others are not above: (targets,).

    Enough is a share ``coverage`` of them and of one more, the new row.

    Raises:
        ValueError: there are too few of them.

    >>> quantile(np.array([[1.0], [0.5], [2.0], [0.1]]), np.ones(4), 0.8).tolist()
    [2.0]
    """
    rows = len(counts)
    order = np.argsort(beyond, axis=0, kind="stable")
    needed = coverage * (counts.sum() + counts.mean()) if rows else np.inf
    below = (np.cumsum(counts[order], axis=0) < needed * (1 - 1e-12)).sum(axis=0)
    if not rows or below.max() >= rows:
        raise ValueError(
            f"{OWNER}: coverage={coverage:.6g} needs more rows that were not learned from than "
            f"the {rows} there are, which can promise {np.floor(1000 * rows / (rows + 1)) / 1000}."
            " Ask for less, or learn from more rows."
        )
    at = np.take_along_axis(order, below[None], axis=0)
    made: Array = np.take_along_axis(beyond, at, axis=0)[0]
    return made


def demand_coverage(coverage: float) -> None:
    """Demand a share above 0 and below 1.

    Raises:
        ValueError: it is none.
    """
    if not 0 < coverage < 1:
        raise ValueError(f"{OWNER}: coverage is a share between 0 and 1, got {coverage!r}.")
