"""Which columns a model needs: by shuffling one at a time, or by gradients.

Permutation (Breiman, "Random Forests", 2001; Fisher et al., 2019): how much the loss of held-out
rows grows when the values of a column change places. Gradients: how far the outputs move, to first
order, when a column goes from its mean to the row's value; targets are not needed.
"""

import numpy as np

from axon.backend import Array
from axon.tabular.column_sums import ColumnSums
from axon.tabular.columns import Columns, Values
from axon.tabular.evidence import Held
from axon.tabular.fitted import Fitted
from axon.tabular.objectives import Classes

REPEATS = 5  # how often each column is shuffled
MOST, FEWEST = 400_000, 100  # rows that are predicted in all, about; rows for a column, at least
GRADIENT_ROWS = 256
METHODS = ("permutation", "gradient")


def permutation(fitted: Fitted, columns: Columns, held: Held) -> Array:
    """The growth of the loss (used columns,): nats of classes, of numbers a share of the variance.

    Args:
        fitted: the model.
        columns: of its table.
        held: rows with their targets, and who may predict them.
    """
    rng, sums = np.random.default_rng(0), ColumnSums(fitted, columns)
    count = len(columns.used)
    n = min(len(held.y), max(FEWEST, MOST // count))
    y, counts, hidden = held.y[:n], held.counts[:n], held.hidden[:n]
    entries = sums.entries(held.values.taken(slice(n)))
    total = sums.total(entries)
    before = fitted.objective.score(sums.answers(total, hidden), y, counts)
    repeats = min(REPEATS, max(1, MOST // (n * count)))
    made = np.zeros(count)
    for j in range(count):
        part = sums.part(entries, j)
        for _ in range(repeats):
            moved = total + (part[rng.permutation(n)] - part)
            made[j] += fitted.objective.score(sums.answers(moved, hidden), y, counts) - before
    return made / repeats


def gradient(fitted: Fitted, columns: Columns, values: Values, spread: Array) -> Array:
    """How far outputs move (used columns,): logits of classes; numbers in the target's units.

    Args:
        fitted: the model.
        columns: of its table.
        values: rows.
        spread: of the target, where numbers are predicted.
    """
    sums = ColumnSums(fitted, columns)
    entries = sums.entries(values.taken(slice(GRADIENT_ROWS)))
    moves = sums.slopes(entries) * (entries - entries.mean(axis=0))[:, None]  # (n, outputs, e)
    made = np.stack([moves[:, :, part].sum(axis=2) for part in sums.parts], axis=1)
    if isinstance(fitted.objective, Classes):  # the same for all logits is nothing
        made = made - made.mean(axis=2, keepdims=True)
    found: Array = (np.abs(made).mean(axis=0) * spread).mean(axis=1)
    return found
