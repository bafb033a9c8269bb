"""What is to be predicted, and how much each row counts: parted from the table and checked."""

from collections.abc import Sequence
from typing import Any
from warnings import warn

import numpy as np
from numpy.typing import ArrayLike

from axon.backend import Array
from axon.tabular import reading
from axon.tabular.cells import is_gap, plain_text
from axon.tabular.column import FEW_ROWS
from axon.tabular.columns import Values
from axon.tabular.table import Table
from axon.tabular.tasks import LARGEST, demand_column

FEW = 64  # up to so many rows their order is no matter, and a weight of 2 is the row twice


def parted(owner: str, table: Table, y: Any) -> tuple[Table, Array]:
    """The table without its target, and the target: a column of it, or given beside it.

    Args:
        owner: whose error it would be.
        table: the rows.
        y: the name of a column; or (n,), (n, 1) or (n, targets).

    Raises:
        ValueError: there is no such column; no target; no column that is left.
    """
    if y is None:
        raise ValueError(
            f"{owner}: requires y to be passed, but the target y is None. Give a target for each "
            "row, or the name of a column."
        )
    if isinstance(y, str):
        try:
            demand_column(table.names, y)
        except ValueError as error:
            raise ValueError(f"y: {error}") from None
        table, y = table.without(y), table.column(y)
    if not table.names:
        raise ValueError(
            f"{owner}: 0 feature(s) (shape=({len(y)}, 0)) while a minimum of 1 is required: the "
            "table has no column to learn from."
        )
    return table, _flat(np.asarray(y))


def _flat(y: Array) -> Array:
    """Targets, those of one column as (n,)."""
    if y.ndim != 2 or y.shape[1] != 1:
        return y
    from sklearn.exceptions import DataConversionWarning  # it takes long to import

    warn(
        "A column-vector y was passed when a 1d array was expected. Change the shape of y to "
        "(n_samples,), for example using ravel().",
        DataConversionWarning,
        stacklevel=4,
    )
    return y[:, 0]


def demand_targets(owner: str, table: Table, y: Array) -> None:
    """Demand a target for each row, none of them a gap or infinite.

    Raises:
        ValueError: there are more or fewer, or one is missing.
    """
    if y.ndim not in (1, 2) or len(y) != table.rows or 0 in y.shape[1:]:
        raise ValueError(
            f"{owner}: expected a target for each of the {table.rows} rows, got y of shape "
            f"{y.shape}."
        )
    if table.rows < 2:
        raise ValueError(f"{owner}: n_samples={table.rows}: at least 2 rows are needed.")
    gaps = [is_gap(v) for v in y.ravel().tolist()] if y.dtype.kind in "fOmM" else []
    if any(gaps):
        row = gaps.index(True) // (y.shape[1] if y.ndim == 2 else 1)
        raise ValueError(
            f"{owner}: y has {sum(gaps)} gaps (NaN, None), the first in row {row + 1}. Leave rows "
            "out whose target is not known."
        )
    if y.dtype.kind == "f" and np.isinf(y).any():
        row = int(np.argwhere(np.isinf(y))[0, 0])
        raise ValueError(f"{owner}: y is infinite in row {row + 1}.")


def amounts(owner: str, y: Array) -> Array:
    """Targets that are to be numbers, in float64.

    >>> amounts("TabularRegressor", np.array(["1", "2.5"], object))
    array([1. , 2.5])
    """
    try:
        if y.dtype.kind in "cmM":
            raise TypeError("no real number")
        plain = y.astype(np.float64)
    except (TypeError, ValueError) as error:
        words = [plain_text(value) for value in y.ravel().tolist()]
        style = None if y.dtype.kind in "cmM" else reading.number_style(dict.fromkeys(words))
        if style is None:
            strange = np.isnan(reading.numbers(words, reading.best_style(words)))
            row = int(strange.argmax()) // (y.shape[1] if y.ndim == 2 else 1)
            raise ValueError(
                f"{owner}: y must hold numbers, got {words[int(strange.argmax())]!r} in row "
                f"{row + 1}. Mend it, or leave the row out; classes are for TabularClassifier."
            ) from error
    else:
        return _demand_squares(owner, plain)
    found = reading.numbers(words, style)
    warn(f"{owner}: of y, {words[0]!r} is read as {float(found[0])!r}.", stacklevel=4)
    return _demand_squares(owner, found.reshape(y.shape))


def _demand_squares(owner: str, found: Array) -> Array:
    """Refuse targets whose squares are infinite, or nearly."""
    if (np.abs(found) >= LARGEST).any():
        raise ValueError(
            f"{owner}: y holds numbers as large as {np.abs(found).max():.2g}, which cannot be "
            "predicted. Divide them by a power of ten, or leave these rows out."
        )
    return found


def demand_classes(owner: str, y: Array) -> None:
    """Demand targets that can be classes: no numbers with a fraction, and one occurs again.

    Raises:
        ValueError: they cannot.
    """
    if y.dtype.kind in "OU" and len(y) >= FEW_ROWS and len(set(y.tolist())) == len(y):
        raise ValueError(
            f"{owner}: each of the {len(y)} rows has another y, such as {y.tolist()[0]!r}: no "
            "class returns, so that none can be learned. Is it the right column?"
        )
    if y.dtype.kind == "f" and (y % 1).any():
        example = y[y % 1 != 0][0]
        raise ValueError(
            f"{owner}: Unknown label type: continuous: y holds numbers with a fraction, such as "
            f"{example:.6g}. TabularRegressor predicts numbers; if they are classes all the same, "
            "give y.astype(str)."
        )


def demand_quantiles(quantiles: Sequence[float], y: Array, owner: str = "TabularRegressor") -> None:
    """Demand quantiles in order, of one target.

    Raises:
        ValueError: they are not.
    """
    fits = len(quantiles) > 0 and all(0 < q < 1 for q in quantiles)
    if not fits or list(quantiles) != sorted(quantiles) or y.shape[1] > 1:
        raise ValueError(
            f"{owner}: quantiles are numbers between 0 and 1, in order, of one target; got "
            f"{quantiles!r} for {y.shape[1]} targets."
        )


# ------------------------------------------------------------------------------------ weights


def weights_of(owner: str, given: ArrayLike | None, rows: int) -> Array:
    """How much each row counts.

    Raises:
        ValueError: weights are of another number, negative, infinite, or all 0.
    """
    if given is None:
        return np.ones(rows)
    weights = np.asarray(given, np.float64)
    if weights.shape != (rows,) or not (weights >= 0).all() or not 0 < weights.sum() < np.inf:
        raise ValueError(
            f"{owner}: sample_weight is a number >= 0 for each of the {rows} rows, not all of them "
            f"zero; got shape {weights.shape}, {weights.min(initial=0)} to "
            f"{weights.max(initial=0)}."
        )
    return weights


def class_factors(owner: str, chosen: Any, classes: Array, codes: Array, weights: Array) -> Array:
    """How much each row counts for its class.

    Args:
        owner: whose error it would be.
        chosen: None; "balanced": all classes count the same; or a dict from class to factor.
        classes: all of them, in order.
        codes: (n,) the place of each row's class among them.
        weights: (n,) of the rows.

    Raises:
        ValueError: it is none of these.

    >>> codes = np.array([0, 0, 0, 1])
    >>> class_factors("", "balanced", np.array(["a", "b"]), codes, np.ones(4)).round(2).tolist()
    [0.67, 0.67, 0.67, 2.0]
    """
    if chosen is None:
        return np.ones(len(codes))
    if isinstance(chosen, str) and chosen == "balanced":
        totals = np.bincount(codes, weights, minlength=len(classes))
        return (totals.sum() / (len(classes) * totals))[codes]
    known = classes.tolist()
    if not isinstance(chosen, dict) or not all(_above_zero(v) for v in chosen.values()):
        raise ValueError(
            f"{owner}: class_weight is 'balanced', None, or a dict from class to a number above 0, "
            f"such as {{{known[-1]!r}: 5.0}}; got {chosen!r}."
        )
    strange = [name for name in chosen if name not in known]
    if strange:
        raise ValueError(
            f"{owner}: class_weight names {strange[0]!r}, which is no class of y: "
            f"{', '.join(map(repr, known[:20]))}."
        )
    return np.array([chosen.get(name, 1.0) for name in known], np.float64)[codes]


def _above_zero(value: object) -> bool:
    return isinstance(value, int | float | np.number) and bool(0 < value < np.inf)


# ------------------------------------------------------------------------------------ order


def arranged(values: Values, y: Array, weights: Array) -> tuple[Array, Array]:
    """Which rows are learned from, in which order, and how much each counts.

    Few rows come in an order of their own, so that the given one is no matter, and each as often
    as it weighs, where weights are whole: to repeat rows is the same, to the last bit.

    Args:
        values: of the table.
        y: (n,) or (n, targets), numbers or ranks.
        weights: (n,) above 0.

    >>> nothing = np.empty((3, 0), np.int32)
    >>> numbers = Values(np.array([[3.0], [1.0], [2.0]]), nothing, ("a",), (), ())
    >>> arranged(numbers, np.zeros(3), np.array([1.0, 2.0, 1.0]))
    (array([1, 1, 2, 0]), array([1., 1., 1., 1.]))
    """
    order = np.arange(len(y))
    if weights.sum() <= FEW and not (weights % 1).any():
        order, weights = np.repeat(order, weights.astype(np.int64)), np.ones(len(y))
    if len(order) <= FEW:
        keys = np.column_stack([values.numbers, values.codes, y, weights])
        order = order[np.lexsort(keys[order].T)]
    return order, weights[order]


def never_seen(held: Array, order: Array, rows: int) -> Array:
    """Which of the given rows (rows, members) a member never saw in any of its copies.

    Args:
        held: (arranged, members), True where a member may not see a row.
        order: (arranged,) which given row each of these is.
        rows: how many were given.
    """
    seen = np.zeros((rows, held.shape[1]), bool)
    np.logical_or.at(seen, order, ~held)
    return ~seen
