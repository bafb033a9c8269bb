"""What a fitted table estimator tells beside its predictions: which columns count, and why."""

from abc import abstractmethod
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from axon.backend import Array
from axon.tabular.columns import Columns, Values
from axon.tabular.evidence import Evidence, Scores, gather
from axon.tabular.explaining import Explanation, Reasons
from axon.tabular.fitted import Fitted
from axon.tabular.objectives import Classes
from axon.tabular.table import Table


class Insight(BaseEstimator):  # type: ignore[misc]
    """What both estimators tell of themselves, once they have learned."""

    columns_: Columns
    fitted_: Fitted
    _evidence: Evidence

    # -------------------------------------------------------------------- what an estimator says

    @property
    @abstractmethod
    def _outputs(self) -> list[str]:
        """What each output is of."""

    @property
    @abstractmethod
    def _units(self) -> tuple[Array, Array]:
        """Spread and mean of the target: answers times the one plus the other are predictions."""

    @property
    @abstractmethod
    def _single(self) -> bool:
        """Whether a prediction is one number, without an axis of its own."""

    @abstractmethod
    def _fitting(self, table: Table) -> Table:
        """The table, its columns named as those it learned from."""

    def _read(self, X: Any) -> Table:
        """A table as it comes, such as those it learned from."""
        check_is_fitted(self, "fitted_")
        return self._fitting(self.columns_.read(X))

    def _gather(
        self, values: Values, codes: Array, counts: Array, held: Array, answers: Array
    ) -> None:
        """Keep what is told later of the rows that count."""
        self._evidence = gather(
            *(self.columns_, values, codes, counts, held, answers),
            *(self.fitted_.objective, *self._units),
        )

    def _placed(self, parts: Array) -> Array:
        """Numbers (n, used columns, ...) as numbers (n, columns, ...): 0 for those left out."""
        made = np.zeros((len(parts), len(self.columns_.columns), *parts.shape[2:]))
        used = [c.role != "left out" for c in self.columns_.columns]
        made[:, used] = parts
        return made

    # -------------------------------------------------------------------- scores and reasons

    @property
    def scores_(self) -> Scores:
        """How good predictions of held-out rows are, by name; and how good a constant one is.

        Of classes and labels "log-loss" and "accuracy", of numbers "RMSE" and "R2", of quantiles
        "pinball loss"; each row is predicted by members that never saw it.
        """
        check_is_fitted(self, "fitted_")
        return self._evidence.scores

    def explain(self, X: Any, background: Any = None, random_state: int = 0) -> Explanation:
        """Why rows are predicted as they are: what each column adds to the prediction.

        Shapley values: how far the prediction moves from that of a background row when the row's
        own columns take their places, one after the other, on average over orders and background
        rows. The base is the mean prediction of the background; it and the contributions sum to
        the prediction. With up to five columns all orders count; with more, contributions are
        estimates, of one order for each background row.

        Args:
            X: rows, as ``fit`` takes a table.
            background: rows to compare with, by default 64 that stand for the table: their columns
                have its values, each in an order of its own.
            random_state: which orders are tried.

        Raises:
            NotFittedError: it has not learned yet.
            ValueError: rows do not have the columns that it learned from, or there are none.

        >>> from axon.tabular import TabularRegressor
        >>> rows = [{"size": i / 10, "kind": "ab"[i % 2]} for i in range(60)]
        >>> model = TabularRegressor("fast", random_state=0).fit(rows, [i / 20 for i in range(60)])
        >>> why = model.explain(rows[-1:])
        >>> bool(why.contributions[0, 0] > 0.8)
        True
        >>> bool(np.allclose(why.base + why.contributions.sum(axis=1), why.predictions))
        True
        """
        table = self._read(X)
        values = self.columns_.values(table)
        compared = self._evidence.background
        if background is not None:
            compared = self.columns_.values(self._read(background))
        _demand_rows(type(self).__name__, values, compared)
        answers = self.fitted_.answers(values)
        rng = np.random.default_rng(random_state)
        reasons = Reasons(self.fitted_, self.columns_, compared, rng)
        spread, mean = self._units
        parts = self._placed(reasons.of(values, answers) * spread)
        base, predicted = reasons.base * spread + mean, answers * spread + mean
        names = [c.name for c in self.columns_.columns]
        nothing = [None] * table.rows
        cells = [table.column(n) if n in table.names else nothing for n in names]
        first = isinstance(self.fitted_.objective, Classes)
        if self._single:
            parts, base, predicted = parts[..., 0], float(base[0]), predicted[:, 0]
        return Explanation(names, self._outputs, parts, base, predicted, cells, first)


def _demand_rows(owner: str, *tables: Values) -> None:
    for values in tables:
        if not len(values.numbers):
            raise ValueError(f"{owner}.explain: expected at least one row, got a table without.")
