"""TabularClassifier and TabularRegressor: a table as it comes, and what is to be predicted."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from axon.backend import Array
from axon.tabular.choices import choose, strata
from axon.tabular.columns import Columns
from axon.tabular.encoding import targets_scaled
from axon.tabular.fitted import Fitted, learn, out_of_fold
from axon.tabular.objectives import Amounts, Classes, Goal, Quantiles, YesOrNo
from axon.tabular.table import Table, read


class TabularEstimator(BaseEstimator):  # type: ignore[misc]
    """What both do: read the table, find its columns, learn."""

    columns_: Columns
    fitted_: Fitted

    def __init__(
        self,
        effort: str = "good",
        random_state: int | np.random.RandomState | None = None,
        *,
        categorical: Sequence[str] = (),
        numeric: Sequence[str] = (),
        dates: Sequence[str] = (),
        text: Sequence[str] = (),
        drop: Sequence[str] = (),
    ) -> None:
        self.effort, self.random_state = effort, random_state
        self.categorical, self.numeric, self.dates = categorical, numeric, dates
        self.text, self.drop = text, drop

    @abstractmethod
    def _targets(self, y: Array) -> tuple[Array, Array, Goal]:
        """Targets as the objective wants them, what to stratify by, and the objective."""

    def _factors(self, y: Array) -> Array:
        """How much each row counts for what it is."""
        return np.ones(len(y))

    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        """Learn to predict y from a table.

        Args:
            X: a frame of pandas or polars, a path, a list of dicts, an array: what ``read`` takes.
            y: a target for each row; or the name of a column of X.
            sample_weight: (n,) how much each row counts.

        Raises:
            ValueError: rows and targets do not fit, or nothing can be learned from them.
        """
        table, y = _parted(read(X), y)
        told = {k: getattr(self, k) for k in ("categorical", "numeric", "dates", "text", "drop")}
        _demand_targets(type(self).__name__, table, y)
        self.columns_ = Columns.find(table, **told)
        self.feature_names_in_ = np.array(table.names, object)
        self.n_features_in_ = len(table.names)
        targets, parts, objective = self._targets(y)
        counts = _weights(type(self).__name__, sample_weight, len(y)) * self._factors(y)
        classes = objective.outputs(targets) if objective.probabilities else 0
        choices = choose(self.effort, len(y), classes)
        rng = _generator(self.random_state)
        values = self.columns_.values(table)
        self.fitted_, held = learn(values, targets, parts, objective, choices, rng, counts)
        self._apart = out_of_fold(self.fitted_, values, held)
        return self

    def _answers(self, X: Any) -> Array:
        """What the members say together of rows."""
        check_is_fitted(self, "fitted_")
        return self.fitted_.answers(self.columns_.values(read(X)))


class TabularClassifier(ClassifierMixin, TabularEstimator):  # type: ignore[misc]
    """Tells classes apart, from a table as it comes; probabilities are calibrated.

    Several small networks learn side by side, each without some of the rows; these say when to
    stop, and how sure the mean prediction may be.

    Args:
        effort: "fast", one network; "good", eight; "best", five folds of eight, which takes about
            five times as long and leaves predictions of all rows in ``out_of_fold_``.
        random_state: a whole number for the same bits each time, on any number of threads.
        class_weight: "balanced" lets all classes count the same; None counts rows.
        categorical, numeric, dates, text, drop: names of columns that are such, or are left out.

    Attributes:
        classes_: in order; of several labels, a list of [0, 1] for each.
        columns_: what was found in the table; ``columns_.said`` in sentences.

    >>> rows = [{"size": i / 3, "kind": "ab"[i % 2]} for i in range(40)]
    >>> model = TabularClassifier("fast", random_state=0).fit(rows, ["no"] * 20 + ["yes"] * 20)
    >>> model.predict(rows[:1] + rows[-1:]).tolist()
    ['no', 'yes']
    """

    classes_: Any

    def __init__(
        self,
        effort: str = "good",
        random_state: int | np.random.RandomState | None = None,
        *,
        class_weight: str | None = None,
        categorical: Sequence[str] = (),
        numeric: Sequence[str] = (),
        dates: Sequence[str] = (),
        text: Sequence[str] = (),
        drop: Sequence[str] = (),
    ) -> None:
        told = {"categorical": categorical, "numeric": numeric, "dates": dates}
        super().__init__(effort, random_state, text=text, drop=drop, **told)
        self.class_weight = class_weight

    def _targets(self, y: Array) -> tuple[Array, Array, Goal]:
        if y.ndim == 2 and y.shape[1] > 1:
            return self._labels(y)
        self.classes_, codes = np.unique(y.reshape(len(y)), return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"{type(self).__name__}: y holds one class, {self.classes_.tolist()[0]!r}, in all "
                f"of its {len(y)} rows. Give rows of another class, too."
            )
        onehot = np.eye(len(self.classes_), dtype=np.float32)[codes]
        return onehot, codes, Classes()

    def _labels(self, y: Array) -> tuple[Array, Array, Goal]:
        if not np.isin(y, (0, 1)).all():
            raise ValueError(
                f"{type(self).__name__}: several labels are 0 or 1 each, (n, labels); got "
                f"{sorted(set(y.ravel().tolist()))[:5]}. Several targets of classes: fit one each."
            )
        self.classes_ = [np.array([0, 1])] * y.shape[1]
        return y.astype(np.float32), y[:, 0].astype(np.int64), YesOrNo()

    def _factors(self, y: Array) -> Array:
        if self.class_weight is None or (y.ndim == 2 and y.shape[1] > 1):
            return np.ones(len(y))
        if self.class_weight != "balanced":
            raise ValueError(
                f"{type(self).__name__}: class_weight is 'balanced' or None, got "
                f"{self.class_weight!r}."
            )
        _, codes, counts = np.unique(y.reshape(len(y)), return_inverse=True, return_counts=True)
        return len(y) / (len(counts) * counts[codes])

    def predict_proba(self, X: Any) -> Array:
        """How likely each class is, (n, classes); each label, (n, labels)."""
        return self._answers(X)

    def predict(self, X: Any) -> Array:
        """The likeliest class (n,); of several labels, 0 or 1 for each (n, labels)."""
        p = self.predict_proba(X)
        if isinstance(self.classes_, list):
            return (p > 0.5).astype(np.int64)
        return self.classes_[p.argmax(axis=1)]

    @property
    def out_of_fold_(self) -> Array:
        """Probabilities of the rows learned from, by members that never saw them; else NaN."""
        check_is_fitted(self, "fitted_")
        return self._apart


class TabularRegressor(RegressorMixin, TabularEstimator):  # type: ignore[misc]
    """Predicts numbers from a table as it comes.

    Args:
        effort, random_state, categorical, numeric, dates, text, drop: as for TabularClassifier.
        quantiles: of the target, such as (0.1, 0.5, 0.9), to be predicted instead of its mean.

    >>> rows = [{"size": i / 10, "kind": "ab"[i % 2]} for i in range(60)]
    >>> model = TabularRegressor("fast", random_state=0).fit(rows, [i / 20 for i in range(60)])
    >>> abs(model.predict(rows[30:31]) - 1.5).item() < 0.3
    True
    """

    def __init__(
        self,
        effort: str = "good",
        random_state: int | np.random.RandomState | None = None,
        *,
        quantiles: Sequence[float] | None = None,
        categorical: Sequence[str] = (),
        numeric: Sequence[str] = (),
        dates: Sequence[str] = (),
        text: Sequence[str] = (),
        drop: Sequence[str] = (),
    ) -> None:
        told = {"categorical": categorical, "numeric": numeric, "dates": dates}
        super().__init__(effort, random_state, text=text, drop=drop, **told)
        self.quantiles = quantiles

    def _targets(self, y: Array) -> tuple[Array, Array, Goal]:
        numbers = y.astype(np.float64)
        self._flat = numbers.ndim == 1
        columns = numbers.reshape(len(y), -1)
        scaled, self._mean, self._spread = targets_scaled(columns)
        if self.quantiles is None:
            return scaled.astype(np.float32), strata(columns), Amounts()
        _demand_quantiles(self.quantiles, columns)
        return scaled.astype(np.float32), strata(columns), Quantiles(self.quantiles)

    def predict(self, X: Any) -> Array:
        """The targets of rows: (n,), or (n, targets); with ``quantiles`` (n, quantiles)."""
        return self._unscaled(self._answers(X))

    def _unscaled(self, scaled: Array) -> Array:
        numbers = scaled * self._spread + self._mean
        return numbers[:, 0] if self._flat and self.quantiles is None else numbers

    @property
    def out_of_fold_(self) -> Array:
        """Predictions of the rows learned from, by members that never saw them; else NaN."""
        check_is_fitted(self, "fitted_")
        return self._unscaled(self._apart)


# ------------------------------------------------------------------------------------ checks


def _parted(table: Table, y: Any) -> tuple[Table, Array]:
    """The table without its target, and the target: a column of it, or given beside it."""
    if not isinstance(y, str):
        return table, np.asarray(y)
    if y not in table.names:
        raise ValueError(f"y: there is no column {y!r}. There are: {table.names}.")
    return table.without(y), table.column(y)


def _demand_targets(owner: str, table: Table, y: Array) -> None:
    if y.ndim not in (1, 2) or len(y) != table.rows:
        raise ValueError(
            f"{owner}: expected a target for each of the {table.rows} rows, got y of shape "
            f"{y.shape}."
        )
    if table.rows < 2:
        raise ValueError(f"{owner}: there is only 1 sample (row); at least 2 are needed.")
    gaps = [v is None or v != v for v in y.ravel().tolist()]
    if any(gaps):
        row = gaps.index(True) // (y.shape[1] if y.ndim == 2 else 1)
        raise ValueError(
            f"{owner}: y has {sum(gaps)} gaps (NaN, None), the first in row {row + 1}. Leave rows "
            "out whose target is not known."
        )
    if y.dtype.kind == "f" and np.isinf(y).any():
        raise ValueError(f"{owner}: y is infinite in row {int(np.isinf(y).argmax()) + 1}.")


def _demand_quantiles(quantiles: Sequence[float], y: Array) -> None:
    fits = len(quantiles) > 0 and all(0 < q < 1 for q in quantiles)
    if not fits or list(quantiles) != sorted(quantiles) or y.shape[1] > 1:
        raise ValueError(
            "TabularRegressor: quantiles are numbers between 0 and 1, in order, of one target; got "
            f"{quantiles!r} for {y.shape[1]} targets."
        )


def _weights(owner: str, given: ArrayLike | None, rows: int) -> Array:
    """How much each row counts."""
    if given is None:
        return np.ones(rows)
    weights = np.asarray(given, np.float64)
    if weights.shape != (rows,) or not (weights >= 0).all() or not 0 < weights.sum() < np.inf:
        raise ValueError(
            f"{owner}: sample_weight is a number >= 0 for each of the {rows} rows, not all 0; got "
            f"shape {weights.shape}, {weights.min(initial=0)} to {weights.max(initial=0)}."
        )
    return weights


def _generator(random_state: int | np.random.RandomState | None) -> np.random.Generator:
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31))
    return np.random.default_rng(random_state)
