"""Evidence: what is kept of the rows learned from, to say later how good predictions are, and why.

Held-out rows, at most ``KEPT``, stay in memory; files and states have numbers made of them alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from axon.backend import Array
from axon.tabular.columns import Columns, Values
from axon.tabular.intervals import Calibration
from axon.tabular.objectives import Classes, Goal, Quantiles
from axon.tabular.table import Table

KEPT = 1000  # held-out rows that stay in memory
BACKGROUND = 64  # rows that stand for all others
CELLS = 500_000  # numbers in the background, or cells kept, of a table of very many columns
Scores = dict[str, tuple[float, float]]  # name -> the model's, and that of a constant answer


class Held(NamedTuple):
    """Rows that some members never saw.

    Attributes:
        values: of the rows.
        y: targets (n, outputs), as the objective wants them.
        counts: (n,) how much each row counts.
        hidden: (n, members) 1 for those members that never saw a row.
        answers: (n, outputs) of these members.
        labels: (n,) what the rows are called: their numbers, or what a frame's index says.
        table: the rows as they came; None where that would be too much.
    """

    values: Values
    y: Array
    counts: Array
    hidden: Array
    answers: Array
    labels: Array
    table: Table | None


@dataclass
class Evidence:
    """What is known of a fitted model beyond its predictions.

    Attributes:
        scores: of held-out rows, by name, beside those of a constant answer.
        rows: how many rows these scores are of.
        background: a few rows, each column of them shuffled for itself: none is a row of the table.
        importances: (used columns,) once they were asked for.
        calibration: of intervals, once they were asked for.
        held: the rows themselves; None in a model that comes from a file.
    """

    scores: Scores
    rows: int
    background: Values
    importances: Array | None = None
    calibration: Calibration | None = None
    held: Held | None = None


def gather(
    columns: Columns,
    values: Values,
    codes: Array,
    counts: Array,
    hidden: Array,
    answers: Array,
    objective: Goal,
    spread: Array,
    mean: Array,
    table: Table,
) -> Evidence:
    """Keep what is needed of the rows learned from.

    Args:
        columns: of the table.
        values: of all rows that count.
        codes: targets in numbers: the places of classes (n,), labels, or amounts.
        counts: (n,) how much each row counts.
        hidden: (n, members), True for rows that a member never saw.
        answers: (n, outputs) of the members that never saw a row; NaN where all did.
        objective: what was learned.
        spread: of the target, where numbers are predicted.
        mean: the same.
        table: all rows that count, as they came.
    """
    y = wanted(objective, codes, answers.shape[1], spread, mean)
    rng = np.random.default_rng(0)  # not the model's: what is learned may not depend on it
    rows = np.flatnonzero(hidden.any(axis=1))
    few = rng.permutation(rows)[:KEPT]
    kept = values.taken(few)
    shares = hidden[few].astype(np.float32)
    cells = table.taken(few) if len(few) * len(table.names) <= CELLS else None
    labels = table.row_labels()[few]
    return Evidence(
        scores(objective, y[rows], answers[rows], counts[rows], spread),
        len(rows),
        background(columns, values, rng),
        held=Held(kept, y[few], counts[few], shares, answers[few], labels, cells),
    )


def wanted(objective: Goal, codes: Array, outputs: int, spread: Array, mean: Array) -> Array:
    """Targets (n, outputs) as the objective wants them, of targets in numbers."""
    if isinstance(objective, Classes):
        return np.eye(outputs, dtype=np.float32)[codes]
    made: Array = (codes.reshape(len(codes), -1) - mean) / spread
    return made


def background(columns: Columns, values: Values, rng: np.random.Generator) -> Values:
    """A few rows that stand for all: from each column values at even ranks, in an order of its own.

    Args:
        columns: of the table.
        values: of its rows.
        rng: where the orders come from.
    """
    numbers, codes = columns.owners()
    wide = max(1, len(numbers) + len(codes))
    rows = len(values.numbers)
    count = min(rows, BACKGROUND, max(8, CELLS // wide))
    ranks = ((np.arange(count) + 0.5) * rows / count).astype(np.intp)
    made = (np.empty((count, len(numbers))), np.empty((count, len(codes)), np.int32))
    for i in range(len(columns.used)):
        of, place = (0, numbers == i) if (numbers == i).any() else (1, codes == i)
        found = (values.numbers, values.codes)[of][:, place]
        order = np.argsort(found[:, 0], kind="stable")
        made[of][:, place] = found[rng.permutation(order[ranks])]
    return values._replace(numbers=made[0], codes=made[1])


# ------------------------------------------------------------------------------------ scores


def scores(objective: Goal, y: Array, p: Array, counts: Array, spread: Array) -> Scores:
    """How good answers are, and how good one constant answer for all rows is.

    Classes and labels: log-loss and accuracy; numbers: the root of the mean squared error, in the
    target's units, and R2, of several targets their means; quantiles: the pinball loss.

    Args:
        objective: what they are answers to.
        y: targets (n, outputs), as the objective wants them.
        p: answers (n, outputs).
        counts: (n,) how much each row counts.
        spread: what a unit is of the target's, where numbers are predicted.
    """
    if not len(y):
        return {}
    constant = np.broadcast_to(_constant(objective, y, counts), p.shape)
    both = (p, constant)
    measure = _of_classes if objective.probabilities else _of_numbers
    if isinstance(objective, Quantiles):
        measure = _of_quantiles
    found = [measure(objective, y, answers, counts, spread) for answers in both]
    return {name: (found[0][name], found[1][name]) for name in found[0]}


Measure = Callable[[Goal, Array, Array, Array, Array], dict[str, float]]


def _constant(objective: Goal, y: Array, counts: Array) -> Array:
    """The best answer that is the same for all rows."""
    if isinstance(objective, Quantiles):
        order = np.argsort(y[:, 0], kind="stable")
        share = np.cumsum(counts[order]) / counts.sum()
        at = np.searchsorted(share, objective.quantiles)
        return y[order[np.minimum(at, len(y) - 1)], 0]
    return np.average(y, axis=0, weights=counts)


def _of_classes(
    objective: Goal, y: Array, p: Array, counts: Array, spread: Array
) -> dict[str, float]:
    one = isinstance(objective, Classes)
    right = (p.argmax(1) == y.argmax(1)) if one else ((p > 0.5) == (y > 0.5)).mean(axis=1)
    loss = objective.losses(p, y) / (1 if one else y.shape[1])
    return {
        "log-loss": float(np.average(loss, weights=counts)),
        "accuracy": float(np.average(right, weights=counts)),
    }


def _of_numbers(
    objective: Goal, y: Array, p: Array, counts: Array, spread: Array
) -> dict[str, float]:
    mean = np.average(y, axis=0, weights=counts)
    squares = np.average((y - p) ** 2, axis=0, weights=counts)  # (targets,)
    varying = np.average((y - mean) ** 2, axis=0, weights=counts)
    share = squares / np.where(varying > 0, varying, 1.0)
    return {"RMSE": float((np.sqrt(squares) * spread).mean()), "R2": float(1 - share.mean())}


def _of_quantiles(
    objective: Goal, y: Array, p: Array, counts: Array, spread: Array
) -> dict[str, float]:
    loss = np.average(objective.losses(p, y), weights=counts) / p.shape[1]
    return {"pinball loss": float(loss * spread.mean())}


def better(name: str) -> str:
    """Whether more of a score is better, or less: "max" or "min".

    >>> better("accuracy"), better("RMSE")
    ('max', 'min')
    """
    return "max" if name in ("accuracy", "R2") else "min"


# ------------------------------------------------------------------------------------ files


def to_parts(evidence: Evidence) -> tuple[dict[str, object], dict[str, Array]]:
    """All but the rows themselves: what JSON can hold, and arrays by name."""
    arrays = {
        "numbers": evidence.background.numbers,
        "codes": evidence.background.codes,
    }
    if evidence.importances is not None:
        arrays["importances"] = evidence.importances
    if evidence.calibration is not None:
        told = evidence.calibration._asdict()
        arrays.update({f"calibration/{name}": array for name, array in told.items()})
    scored = {name: list(pair) for name, pair in evidence.scores.items()}
    return {"scores": scored, "rows": evidence.rows}, arrays


def from_parts(config: dict[str, object], arrays: dict[str, Array], columns: Columns) -> Evidence:
    """The evidence that ``to_parts`` described; rows are not among it."""
    given, names = config["scores"], [f"calibration/{n}" for n in Calibration._fields]
    assert isinstance(given, dict)
    return Evidence(
        {name: (float(own), float(constant)) for name, (own, constant) in given.items()},
        int(str(config["rows"])),
        columns.named(arrays["numbers"], arrays["codes"]),
        arrays.get("importances"),
        Calibration(*(arrays[n] for n in names)) if names[0] in arrays else None,
    )
