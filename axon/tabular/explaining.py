"""Why a row is predicted as it is: how much each of its columns adds to the prediction.

Shapley values against background rows (Shapley, 1953; Lundberg & Lee, "A Unified Approach to
Interpreting Model Predictions", 2017): columns of a background row are replaced by the row's own,
one after the other, and each is credited with how far the prediction moves; in all orders where
columns are few, else in one random order, or its reverse, for each background row (Castro et al.,
2009). The first layer adds up over columns, so that a step costs one addition there.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import factorial

import numpy as np

from axon.backend import Array
from axon.blas import one_blas_thread
from axon.names import readable
from axon.tabular.column_sums import BLOCK, ColumnSums
from axon.tabular.columns import Columns, Values
from axon.tabular.fitted import Fitted

ALL_ORDERS = 5  # columns, up to which all orders count
TOP, FIRST_ROWS = 5, 10  # what is shown of an explanation


@dataclass(frozen=True)
class Explanation:
    """Contributions of columns to predictions: their sum and the base are the prediction.

    Attributes:
        columns: names, in the table's order; those that were left out contribute 0.
        outputs: what predictions are of: the names of classes or targets; one of a number.
        contributions: (n, columns), or (n, columns, outputs): in the prediction's units.
        base: the mean prediction of the background; of several outputs (outputs,).
        predictions: (n,) or (n, outputs).
        cells: of each column, the values (n,) that were explained.
        likeliest: whether the class that is likeliest is what is shown first.

    >>> print(Explanation(["size"], ["price"], np.array([[2.0]]), 1.0, np.array([3.0]), [[7]]))
    row 1: 3, on average 1
      size  7  +2
    """

    columns: list[str]
    outputs: list[str]
    contributions: Array
    base: float | Array
    predictions: Array
    cells: Sequence[Sequence[object] | Array]
    likeliest: bool = False

    def table(self, top: int = TOP, rows: int = FIRST_ROWS) -> str:
        """The rows, and of each the columns that contribute most, with their values.

        Args:
            top: how many columns.
            rows: how many rows.
        """
        lines = [
            line for i in range(min(rows, len(self.predictions))) for line in self._row(i, top)
        ]
        more = len(self.predictions) - rows
        return "\n".join([*lines, f"and {more:,} rows more"] if more > 0 else lines)

    def __str__(self) -> str:
        return self.table()

    def rows(self) -> list[dict[str, str | int | float]]:
        """A dict for each row, output and column: what contributes how much, most first."""
        return [
            {
                "row": i + 1,
                "output": self.outputs[o],
                "prediction": float(self._predicted[i, o]),
                "base": float(self._bases[o]),
                "column": self.columns[j],
                "value": shown(self.cells[j][i]),
                "contribution": float(self._parts[i, j, o]),
            }
            for i in range(len(self.predictions))
            for o in range(len(self.outputs))
            for j in self._order(i, [o])
        ]

    @property
    def _parts(self) -> Array:
        return self.contributions.reshape(*self.contributions.shape[:2], -1)

    @property
    def _predicted(self) -> Array:
        return self.predictions.reshape(len(self.predictions), -1)

    @property
    def _bases(self) -> Array:
        return np.reshape(self.base, -1)

    def _order(self, i: int, outputs: list[int]) -> list[int]:
        """The columns of a row that contribute anything, most first."""
        size = np.abs(self._parts[i][:, outputs]).sum(axis=1)
        return [j for j in np.argsort(-size, kind="stable").tolist() if size[j] > 0]

    def _cells(self, i: int, chosen: list[int], top: int) -> list[tuple[str, str, Array]]:
        """The columns that contribute most to a row, their cells, and how much; then the others."""
        order = self._order(i, chosen)
        cells = [
            (self.columns[j], shown(self.cells[j][i]) or "(empty)", self._parts[i, j])
            for j in order[:top]
        ]
        rest = order[top:]
        if rest:
            cells.append(
                (f"{len(rest)} other{'s' * (len(rest) > 1)}", "", self._parts[i, rest].sum(axis=0))
            )
        return cells

    def _row(self, i: int, top: int) -> Iterator[str]:
        p = self._predicted[i]
        chosen = [int(p.argmax())] if self.likeliest else list(range(len(p)))
        named = len(self.outputs) > 1
        yield f"row {i + 1}: " + "; ".join(
            (f"{self.outputs[o]} " if named else "")
            + f"{readable(p[o])}, on average {readable(self._bases[o])}"
            for o in chosen
        )
        cells = self._cells(i, chosen, top)
        wide, high = (max(len(c[k]) for c in cells) if cells else 0 for k in (0, 1))
        for name, value, parts in cells:
            signed = "  ".join(f"{_signed(parts[o]):10}" for o in chosen)
            yield f"  {name:{wide}}  {value:{high}}  {signed}".rstrip()


def _signed(value: float) -> str:
    return ("+" if value >= 0 else "") + readable(value, 3)


def shown(value: object) -> str:
    """A cell as text, short.

    >>> shown(0.25), shown(np.datetime64("2024-03-01T00:00:00")), shown(None), shown("x" * 40)
    ('0.25', '2024-03-01', '', 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxx…')
    """
    if value is None or value != value:
        return ""
    if isinstance(value, float | np.floating):
        return f"{value:.6g}"
    text = " ".join(str(value).removesuffix("T00:00:00").split())
    return text if len(text) <= 30 else f"{text[:29]}…"


# ------------------------------------------------------------------------------------ the values


class Reasons:
    """Contributions of the used columns to a model's answers.

    Args:
        fitted: the model.
        columns: of its table.
        background: rows from which others differ.
        rng: which orders are tried.

    Attributes:
        base: (outputs,) the mean answer for the background.
    """

    def __init__(
        self, fitted: Fitted, columns: Columns, background: Values, rng: np.random.Generator
    ) -> None:
        self.sums = ColumnSums(fitted, columns)
        self.rows = self.sums.entries(background)
        count = len(self.sums.parts)
        orders = AllOrders if count <= ALL_ORDERS else SomeOrders
        self.orders: Orders = orders(count, len(self.rows), rng)
        self.started = self.sums.total(self.rows)
        self.empty = self.sums.answers(self.started)
        self.base = self.empty.mean(axis=0)

    def of(self, values: Values, answers: Array) -> Array:
        """Contributions (n, used, outputs) of the columns of rows.

        Args:
            values: the rows.
            answers: (n, outputs) the model's, to which contributions and ``base`` add up.
        """
        made = np.empty((len(answers), len(self.sums.parts), answers.shape[1]))
        with one_blas_thread:
            for i, row in enumerate(self.sums.entries(values)):
                made[i] = self._row(row, answers[i])
        return made

    def _row(self, row: Array, answer: Array) -> Array:
        """Contributions (used, outputs) of the columns of one row."""
        found = np.zeros((len(self.sums.parts), len(answer)))
        some = max(1, BLOCK // max(self.orders.mixtures, 1))
        for start in range(0, len(self.rows), some):
            part = slice(start, start + some)
            steps = self.sums.each(row - self.rows[part])
            sums = self.started[part][:, None] + self.orders.mixed(steps, part)
            inner = self.sums.answers(sums.reshape(-1, sums.shape[-1]))
            inner = inner.reshape(len(steps), -1, len(answer))
            full = np.broadcast_to(answer, (len(steps), 1, len(answer)))
            path = np.concatenate([self.empty[part][:, None], inner, full], axis=1)
            found += self.orders.credit(path, part)
        return found / len(self.rows)


class Orders(ABC):
    """In which orders the columns of a background row become those of the row that is explained.

    Attributes:
        mixtures: how many rows between the two are looked at, for each background row.
    """

    mixtures: int

    @abstractmethod
    def __init__(self, columns: int, rows: int, rng: np.random.Generator) -> None:
        """For so many columns and background rows."""

    @abstractmethod
    def mixed(self, steps: Array, part: slice) -> Array:
        """The steps (n, columns, width) of the mixtures' columns added up: (n, mixtures, width)."""

    @abstractmethod
    def credit(self, path: Array, part: slice) -> Array:
        """Contributions (columns, outputs), summed over background rows.

        Args:
            path: answers (n, 1 + mixtures + 1, outputs), from the background row to the other.
            part: which background rows these are.
        """


class AllOrders(Orders):
    """Every order: each set S of columns once, by the weight |S|! (c - |S| - 1)! / c!."""

    def __init__(self, columns: int, rows: int, rng: np.random.Generator) -> None:
        self.sets = np.arange(2**columns)[:, None] >> np.arange(columns) & 1  # (2^c, c)
        self.mixtures = len(self.sets) - 2
        size = self.sets.sum(axis=1)
        to = [factorial(k) * factorial(columns - k - 1) for k in range(columns)]
        joined = np.array([0, *to])[size]  # of a set that a column has just joined
        before = np.array([*to, 0])[size]
        weights = np.where(self.sets.T == 1, joined, -before)
        self.weights = weights / factorial(columns)  # (c, 2^c)

    def mixed(self, steps: Array, part: slice) -> Array:
        """As in ``Orders``."""
        return self.sets[1:-1].astype(np.float32) @ steps

    def credit(self, path: Array, part: slice) -> Array:
        """As in ``Orders``."""
        return self.weights @ path.sum(axis=0)


class SomeOrders(Orders):
    """One order for each background row; every other one is the reverse of that before it."""

    def __init__(self, columns: int, rows: int, rng: np.random.Generator) -> None:
        self.mixtures = columns - 1
        made = [rng.permutation(columns) for _ in range(0, rows, 2)]
        self.orders = np.array([o for order in made for o in (order, order[::-1])])[:rows]

    def mixed(self, steps: Array, part: slice) -> Array:
        """As in ``Orders``."""
        sorted_ = np.take_along_axis(steps, self.orders[part][:, :-1, None], axis=1)
        return sorted_.cumsum(axis=1)

    def credit(self, path: Array, part: slice) -> Array:
        """As in ``Orders``."""
        moves, made = np.diff(path, axis=1), np.zeros((path.shape[1] - 1, path.shape[2]))
        np.add.at(made, self.orders[part], moves)
        return made
