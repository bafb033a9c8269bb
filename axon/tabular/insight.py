"""What a fitted table estimator tells beside its predictions: which columns count, and why."""

import os
from abc import abstractmethod
from inspect import currentframe, signature
from typing import TYPE_CHECKING, Any
from warnings import warn

import numpy as np

from axon.backend import Array
from axon.files.atomic import atomic, check_writable
from axon.names import suggestion
from axon.tabular.columns import Columns, Values
from axon.tabular.effects import PartialDependence, demand_column, dependence
from axon.tabular.evidence import Evidence, Held, Scores, gather, scores, wanted
from axon.tabular.explaining import Explanation, Reasons
from axon.tabular.fitted import Fitted, demand_fitted
from axon.tabular.importances import METHODS, gradient, permutation
from axon.tabular.intervals import Calibration, calibration
from axon.tabular.objectives import Classes
from axon.tabular.table import Table
from axon.tabular.targets import demand_targets, parted

if TYPE_CHECKING:
    from axon.tabular.reporting import Subject


PACKAGE = "axon.tabular"


class Insight:
    """What both estimators tell of themselves, once they have learned."""

    columns_: Columns
    fitted_: Fitted
    target_name_: str | None
    metadata_: dict[str, Any]
    _evidence: Evidence
    _warned: set[str]  # what odd rows were like

    # -------------------------------------------------------------------- what an estimator says

    @property
    @abstractmethod
    def _owner(self) -> str:
        """What users know it as: in messages and files."""

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

    @abstractmethod
    def _coded(self, y: Array) -> Array:
        """Targets in numbers, as they were learned: places of classes, labels, or amounts."""

    def settings(self) -> dict[str, object]:
        """What it was told when it was made, by the name of the argument."""
        told = list(signature(type(self).__init__).parameters)[1:]
        return {name: vars(self)[name] for name in sorted(told)}

    def _read(self, X: Any) -> Table:
        """A table as it comes, such as those it learned from."""
        demand_fitted(self)
        return self._fitting(self.columns_.read(X))

    def _gather(
        self,
        table: Table,
        values: Values,
        codes: Array,
        counts: Array,
        held: Array,
        answers: Array,
    ) -> None:
        """Keep what is told later of the rows that count."""
        self._evidence = gather(
            *(self.columns_, values, codes, counts, held, answers),
            *(self.fitted_.objective, *self._units, table),
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
        demand_fitted(self)
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
        values = self._in_numbers(table)
        compared = self._evidence.background
        if background is not None:
            compared = self._in_numbers(self._read(background))
        _demand_rows(self._owner, values, compared)
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

    # -------------------------------------------------------------------- importances

    @property
    def feature_importances_(self) -> Array:
        """How much the loss of held-out rows grows when a column is shuffled: (columns,).

        In the table's order; 0 for columns that were left out, and below 0 where shuffling did no
        harm. See ``importances``.
        """
        demand_fitted(self)
        if self._evidence.importances is None:
            found = permutation(self.fitted_, self.columns_, self._held())
            self._evidence.importances = found
        return self._placed(self._evidence.importances[None])[0]

    def importances(self, method: str = "permutation", X: Any = None, y: Any = None) -> Array:
        """How important each column is for the model: (columns,), 0 for those left out.

        Args:
            method: "permutation": how much the loss grows when the values of a column change
                places, log-loss for classes and labels, for numbers the squared error as a share
                of the target's variance, for quantiles the pinball loss; "gradient": how far
                logits, or numbers in the target's units, move when a column goes from its mean to
                the row's value, to first order.
            X: rows to measure it on; None: those that were held out, each predicted by members
                that never saw it.
            y: their targets, or the name of a column of X; gradients need none.

        Raises:
            NotFittedError: it has not learned yet.
            ValueError: the method is unknown; X comes without y; there are no held-out rows, as in
                a model from a file.

        >>> from axon.tabular import TabularRegressor
        >>> rows = [{"size": i / 10, "kind": "ab"[i % 2]} for i in range(60)]
        >>> model = TabularRegressor("fast", random_state=0).fit(rows, [i / 20 for i in range(60)])
        >>> model.importances("gradient").argmax(), model.feature_importances_.argmax()
        (np.int64(0), np.int64(0))
        """
        demand_fitted(self)
        if method not in METHODS:
            hint = suggestion(str(method), list(METHODS))
            raise ValueError(f"importances: method is one of {METHODS}, got {method!r}.{hint}")
        if X is None and method == "permutation":
            return self.feature_importances_
        if method == "gradient":
            values = self._held().values if X is None else self._values(X)
            found = gradient(self.fitted_, self.columns_, values, self._units[0])
        else:
            found = permutation(self.fitted_, self.columns_, self._as_held(X, y))
        return self._placed(found[None])[0]

    # -------------------------------------------------------------------- pictures

    def partial_dependence(self, column: str, X: Any = None, points: int = 30) -> PartialDependence:
        """What is predicted on average if all rows had the same value in a column, over values.

        Args:
            column: its name: a number, a date, or a category.
            X: rows to average over; None: held-out rows, or the background in a model from a file.
            points: values of a number or a date that are tried, at most.

        Returns:
            Values, mean predictions and a ``plot``.

        Raises:
            NotFittedError: it has not learned yet.
            ValueError: there is no such column, it was left out, or is free text.

        >>> from axon.tabular import TabularRegressor
        >>> rows = [{"size": i / 10, "kind": "ab"[i % 2]} for i in range(60)]
        >>> model = TabularRegressor("fast", random_state=0).fit(rows, [i / 20 for i in range(60)])
        >>> found = model.partial_dependence("kind")
        >>> found.values.tolist(), found.predictions.shape
        (['a', 'b'], (2,))
        """
        demand_fitted(self)
        chosen = demand_column(self.columns_, column)
        if not isinstance(points, int | np.integer) or points < 2:
            raise ValueError(f"partial_dependence: points is a number from 2 on, got {points!r}.")
        if X is None:
            held = self._evidence.held
            there = held is not None and len(held.y)
            values = held.values if held is not None and there else self._evidence.background
        else:
            values = self._values(X)
        tried, answers = dependence(self.fitted_, self.columns_, values, chosen, points)
        spread, mean = self._units
        predicted = answers * spread + mean
        shaped = predicted[:, 0] if self._single else predicted
        return PartialDependence(
            column, chosen.role, tried.shown, shaped, tried.shares, self._outputs
        )

    def report(
        self,
        path: "str | os.PathLike[str]",
        X: Any = None,
        y: Any = None,
        title: str | None = None,
    ) -> None:
        """Write a report as one HTML file, readable without a network.

        What was found in the table, column by column, scores beside those of a constant answer,
        and training; for classes a confusion matrix, ROC and precision-recall curves, calibration
        and what other thresholds would do; for numbers R2, true and predicted values, residuals,
        and how many lie in their intervals; the mistakes, or largest errors, with their rows;
        importances, and what the most important columns do.

        Args:
            path: the file, by convention ``*.html``; written whole or not at all.
            X: rows that were not learned from; None: the held-out rows that are kept in memory,
                each predicted by members that never saw it. A model from a file keeps none: what
                needs them is left out then.
            y: their targets, or the name of a column of X.
            title: the heading.

        Raises:
            NotFittedError: it has not learned yet.
            OSError: the file cannot be written; found out before anything is computed.
            ValueError: X comes without y, or they do not fit.
        """
        demand_fitted(self)
        from axon.tabular import reporting  # with what it draws: loaded when a report is written

        check_writable(path)
        text = reporting.page(self._subject(X, y), title)
        with atomic(path) as stream:
            stream.write(text.encode())

    def _subject(self, X: Any, y: Any) -> "Subject":
        """What a report tells."""
        from axon.tabular.reporting import EFFECTS, Subject

        known, held = self.evidence(), self._evidence.held
        found = known.scores
        rows = (
            f"Measured on held-out data: {known.rows:,} rows, each by networks that did not see it."
        )
        if X is not None or y is not None:
            if X is None:
                raise ValueError(f"{self._owner}: y comes without X. Give its rows, too.")
            held = self._as_held(X, y)
            found = scores(
                *(self.fitted_.objective, held.y, held.answers, held.counts), self._units[0]
            )
            rows = f"Measured on test data: {len(held.y):,} rows that were given for this report."
        elif held is None or not len(held.y):
            held, rows = None, f"{rows} They are not in the file: what needs them is left out."
        by = np.zeros(len(self.columns_.columns))
        if known.importances is not None:
            by = self.feature_importances_
        roles = [c.role for c in self.columns_.columns]
        names = [
            self.columns_.columns[i].name
            for i in np.argsort(-by, kind="stable").tolist()
            if roles[i] not in ("left out", "text")
        ]
        return Subject(
            *(self._owner, self.fitted_, self.columns_, self.settings(), found, rows),
            *(held, self._outputs, *self._units),
            by if by.any() else None,
            known.calibration,
            [self.partial_dependence(name) for name in names[:EFFECTS]],
            X is not None,
            self._evidence.background,
        )

    # -------------------------------------------------------------------- rows

    def _in_numbers(self, table: Table) -> Values:
        """A table in numbers; what is odd about its rows is warned of, once for each oddity.

        Values that were never seen, columns that are ignored: what ``axon predict`` tells.
        """
        said = list(table.said)
        targets = {self.target_name_, *self.metadata_.get("targets", ())}
        values = self.columns_.values(table.without(*targets - self._names()), said)
        warned = self.__dict__.setdefault("_warned", set())  # old pickles have none
        for sentence in said:
            about = sentence.partition(":")[0]  # other values of the same column are no news
            if sentence not in self.columns_.said and about not in warned:
                warned.add(about)
                warn(f"{self._owner}: {sentence}", stacklevel=_beyond())
        return values

    def _names(self) -> set[str | None]:
        return {c.name for c in self.columns_.columns}

    def _values(self, X: Any) -> Values:
        """Rows in numbers."""
        values = self._in_numbers(self._read(X))
        _demand_rows(self._owner, values)
        return values

    def _held(self) -> Held:
        """The held-out rows, if they are known."""
        held = self._evidence.held
        if held is None or not len(held.y):
            why = "a model from a file keeps no rows"
            if held is not None:
                why = "all members saw all rows"
            raise ValueError(
                f"{self._owner}: there are no held-out rows: {why}. Give rows and targets: X, y."
            )
        return held

    def _as_held(self, X: Any, y: Any) -> Held:
        """Other rows with their targets, which all members may predict."""
        owner, objective = self._owner, self.fitted_.objective
        if y is None:
            raise ValueError(f"{owner}: X comes without y. Give the targets of its rows, too.")
        table, targets = parted(owner, self._read(X), y)
        demand_targets(owner, table, targets)
        values, ones = self._in_numbers(table), np.ones(table.rows)
        members, outputs = self.fitted_.net.members, self.fitted_.net.outputs
        wants = wanted(objective, self._coded(targets), outputs, *self._units)
        hidden = np.ones((table.rows, members), np.float32)
        answers, labels = self.fitted_.answers(values), table.row_labels()
        return Held(values, wants, ones, hidden, answers, labels, table)

    def _calibrated(self) -> Calibration:
        """What intervals are made by."""
        if self._evidence.calibration is None:
            held = self._held()
            errors = held.y - held.answers
            made = calibration(self.fitted_, held.values, errors, held.counts)
            self._evidence.calibration = made
        return self._evidence.calibration

    def evidence(self) -> Evidence:
        """All that is known, also what needs held-out rows, for a file that has none."""
        held = self._evidence.held
        if held is not None and len(held.y):
            _ = self.feature_importances_
            if not self.fitted_.objective.probabilities:
                self._calibrated()
        return self._evidence


def _beyond() -> int:
    """The ``stacklevel`` of a warning, that shows the line of the user's code that called."""
    level, frame = 1, currentframe()
    while frame is not None and str(frame.f_globals.get("__name__", "")).startswith(PACKAGE):
        level, frame = level + 1, frame.f_back
    return level - 1


def _demand_rows(owner: str, *tables: Values) -> None:
    for values in tables:
        if not len(values.numbers):
            raise ValueError(f"{owner}: expected at least one row, got a table without.")
