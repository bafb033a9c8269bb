"""TabularClassifier and TabularRegressor: a table as it comes, and what is to be predicted."""

import os
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Self
from warnings import warn

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import d2_pinball_score
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted

from axon.backend import Array
from axon.tabular.choices import choose, strata
from axon.tabular.columns import Columns, Values
from axon.tabular.encoding import targets_scaled
from axon.tabular.fitted import Fitted, learn, out_of_fold
from axon.tabular.insight import Insight
from axon.tabular.intervals import demand_coverage, intervals
from axon.tabular.objectives import Amounts, Classes, Goal, Quantiles, YesOrNo
from axon.tabular.saving import save
from axon.tabular.state import ESTIMATORS
from axon.tabular.table import Table, read
from axon.tabular.targets import (
    FEW,
    amounts,
    arranged,
    class_factors,
    demand_classes,
    demand_quantiles,
    demand_targets,
    never_seen,
    parted,
    weights_of,
)
from axon.tabular.watching import EpochWatch

TOLD = ("categorical", "numeric", "dates", "text", "drop")  # what users say of columns


class TabularEstimator(Insight):
    """What both do: read the table, find its columns, learn."""

    target_name_: str | None
    metadata_: dict[str, Any]

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
        folds: int | None = None,
        time_limit: float | None = None,
        verbose: int | str = 0,
    ) -> None:
        self.effort, self.random_state = effort, random_state
        self.categorical, self.numeric, self.dates = categorical, numeric, dates
        self.text, self.drop = text, drop
        self.folds, self.time_limit, self.verbose = folds, time_limit, verbose

    @abstractmethod
    def _codes(self, y: Array) -> Array:
        """Targets in numbers: the place of each row's class, 0 and 1 for labels, or amounts."""

    @abstractmethod
    def _targets(self, codes: Array) -> tuple[Array, Array, Goal]:
        """Targets as the objective wants them, what to stratify by, and the objective."""

    def _factors(self, codes: Array, weights: Array) -> Array:
        """How much each row counts for what it is."""
        return np.ones(len(codes))

    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        """Learn to predict y from a table.

        Args:
            X: a frame of pandas or polars, a path, a list of dicts, an array: what ``read`` takes.
            y: a target for each row; or the name of a column of X.
            sample_weight: (n,) how much each row counts.

        Raises:
            ValueError: rows and targets do not fit, or nothing can be learned from them.
        """
        owner = type(self).__name__
        self.target_name_, self.metadata_ = y if isinstance(y, str) else None, {}
        table, y = parted(owner, read(X), y)
        demand_targets(owner, table, y)
        weights = weights_of(owner, sample_weight, len(y))
        counted = np.flatnonzero(weights)  # rows that weigh nothing are as good as none
        self.__dict__.pop("fitted_", None)  # not fitted any more, until it is again
        self._learn(table, counted, self._codes(y[counted]), weights[counted])
        return self

    def _learn(self, table: Table, counted: Array, codes: Array, weights: Array) -> None:
        """Learn the targets of those rows that count."""
        all_count = len(counted) == table.rows
        rows = table if all_count else table.taken(counted)
        columns = Columns.find(rows, **{name: getattr(self, name) for name in TOLD})
        values = learned = columns.values(rows)
        counts = weights * self._factors(codes, weights)
        order, weights = arranged(values, codes, weights)
        few = len(order) <= FEW
        fitted, held = self._trained(
            values.taken(order) if few else values, codes[order] if few else codes, weights
        )
        if few or not all_count:
            held = never_seen(held, counted[order], table.rows)
            values = columns.values(table)
        self._apart = out_of_fold(fitted, values, held)
        self.take_names(table.names, table.named)
        self.columns_, self.fitted_ = columns, fitted
        self._gather(rows, learned, codes, counts, held[counted], self._apart[counted])

    def _trained(self, values: Values, codes: Array, weights: Array) -> tuple[Fitted, Array]:
        """What was learned of these targets, and which member never saw which row."""
        targets, parts, objective = self._targets(codes)
        counts = weights * self._factors(codes, weights)
        classes = objective.outputs(targets) if objective.probabilities else 0
        _demand_limits(type(self).__name__, self.folds, self.time_limit, len(codes))
        choices = choose(self.effort, len(codes), classes).with_folds(self.folds)
        rng = _generator(self.random_state)
        watch = EpochWatch(choices.plan.epochs, self.time_limit, self.verbose)
        try:
            return learn(values, targets, parts, objective, choices, rng, counts, watch)
        finally:
            watch.close()

    def _outputs_or(self, usual: list[str]) -> list[str]:
        """What the outputs are called in the notes, if they are; else what is usual."""
        told = [str(name) for name in vars(self).get("metadata_", {}).get("outputs", ())]
        return told if len(told) == len(usual) else usual

    def take_names(self, names: list[str], named: bool) -> None:
        """Take note of the columns that it learns from, by name if they had names."""
        self.n_features_in_ = len(names)
        self.__dict__.pop("feature_names_in_", None)
        if named:
            self.feature_names_in_ = np.array(names, object)

    def save(self, path: "str | os.PathLike[str]") -> None:
        """Write all of it to one file, ``*.axon``, which ``axon.tabular.load`` reads.

        Args:
            path: the file; it is written whole, or not at all.

        Raises:
            NotFittedError: it has not learned anything yet.
            TypeError, ValueError: something in it, or the name of the file, does not suit.
            OSError: the file cannot be written; a file that was there is kept.
        """
        save(self, path)

    def to_onnx(self, path: "str | os.PathLike[str] | None" = None) -> Any:
        """Write encodings and network as an ONNX file: see ``axon.tabular.exporting.to_onnx``.

        Args:
            path: of the file, such as "net.onnx"; None writes none.

        Returns:
            The onnx.ModelProto: an input for each column, numbers in float64 with NaN for a gap,
            text with "" for one; "label" and "probabilities", or "variable".

        Raises:
            NotFittedError: it has not learned anything yet.
            ValueError: its classes are neither numbers nor text.
            ImportError: the extra ``onnx`` is missing.
        """
        from axon.tabular.exporting import to_onnx

        return to_onnx(self, path)

    def onnx_inputs(self, X: Any) -> dict[str, Array]:
        """What ONNX Runtime is given for rows: an array (n, 1) for each input of ``to_onnx``.

        Args:
            X: rows, as ``predict`` takes them.
        """
        from axon.tabular.exporting import feeds

        return feeds(self, X)

    def _answers(self, X: Any) -> Array:
        """What the members say together of rows."""
        check_is_fitted(self, "fitted_")
        values = X if isinstance(X, Values) else self.columns_.values(self._read(X))
        return self.fitted_.answers(values)

    def _fitting(self, table: Table) -> Table:
        """The table; an array, which has no names, must have as many columns as it learned from."""
        if table.named:
            return table
        if len(table.names) != self.n_features_in_:
            raise ValueError(
                f"X has {len(table.names)} features, but {type(self).__name__} is expecting "
                f"{self.n_features_in_} features as input."
            )
        if "feature_names_in_" not in vars(self):
            return table
        warn(
            f"X does not have valid feature names, but {type(self).__name__} was fitted with "
            "feature names: its columns are taken in the order in which it learned from them.",
            stacklevel=4,
        )
        return table._replace(names=self.feature_names_in_.tolist())

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.string = True
        tags.target_tags.multi_output = True
        return tags


class TabularClassifier(ClassifierMixin, TabularEstimator):  # type: ignore[misc]
    """Tells classes apart, from a table as it comes; probabilities are calibrated.

    Several small networks learn side by side, each without some of the rows; these say when to
    stop, and how sure the mean prediction may be.

    Args:
        effort: "fast", one network; "good", eight; "best", five folds of eight, which takes about
            five times as long and leaves predictions of all rows in ``out_of_fold_``.
        random_state: a whole number for the same bits each time, on any number of threads.
        class_weight: "balanced" lets all classes count the same; a dict says what a row of each
            class counts; None counts rows.
        categorical, numeric, dates, text, drop: names of columns that are such, or are left out.
        folds: parts of the rows, each held out by other networks, so that ``out_of_fold_`` has
            predictions of all rows; None: what the effort has.
        time_limit: seconds, after which no other epoch begins; the bits depend on the machine then.
        verbose: 0 nothing; 1 a bar in a terminal; 2 a line for each epoch.

    Attributes:
        classes_: in order; of several labels, a list of [0, 1] for each.
        columns_: what was found in the table; ``columns_.said`` in sentences.
        target_name_: the column that is predicted, if it was named.
        metadata_: a dict of notes, for what should travel in the file.

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
        class_weight: dict[Any, float] | str | None = None,
        categorical: Sequence[str] = (),
        numeric: Sequence[str] = (),
        dates: Sequence[str] = (),
        text: Sequence[str] = (),
        drop: Sequence[str] = (),
        folds: int | None = None,
        time_limit: float | None = None,
        verbose: int | str = 0,
    ) -> None:
        columns: Any = {"categorical": categorical, "numeric": numeric, "dates": dates}
        super().__init__(effort, random_state, text=text, drop=drop, **columns)
        self.folds, self.time_limit, self.verbose = folds, time_limit, verbose
        self.class_weight = class_weight

    def _codes(self, y: Array) -> Array:
        owner = type(self).__name__
        if y.ndim == 2:
            return self._labels(y)
        demand_classes(owner, y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        return codes.astype(np.int64)

    def _labels(self, y: Array) -> Array:
        if not np.isin(y, (0, 1)).all():
            raise ValueError(
                f"{type(self).__name__}: several labels are 0 or 1 each, (n, labels); got "
                f"{sorted(set(y.ravel().tolist()))[:5]}. Several targets of classes: fit one each."
            )
        self.classes_ = [np.array([0, 1])] * y.shape[1]
        return y.astype(np.int64)

    def _targets(self, codes: Array) -> tuple[Array, Array, Goal]:
        if codes.ndim == 2:
            return codes.astype(np.float32), codes[:, 0], YesOrNo()
        found = np.unique(codes)
        if len(found) < 2:
            raise ValueError(
                f"{type(self).__name__}: y holds one class, {self.classes_[found].tolist()[0]!r}, "
                f"in all of its {len(codes)} rows. Give rows of another class, too."
            )
        onehot = np.eye(len(self.classes_), dtype=np.float32)[codes]
        return onehot, codes, Classes()

    def _factors(self, codes: Array, weights: Array) -> Array:
        if codes.ndim == 2:
            if self.class_weight is not None:
                raise ValueError(
                    f"{type(self).__name__}: class_weight is for classes, not for several labels; "
                    f"got {self.class_weight!r}."
                )
            return np.ones(len(codes))
        owner = type(self).__name__
        return class_factors(owner, self.class_weight, self.classes_, codes, weights)

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def predict_proba(self, X: Any) -> Array:
        """How likely each class is, (n, classes); each label, (n, labels)."""
        return self._answers(X)

    def predict(self, X: Any) -> Array:
        """The likeliest class (n,); of several labels, 0 or 1 for each (n, labels)."""
        p = self.predict_proba(X)
        if isinstance(self.classes_, list):
            return (p > 0.5).astype(np.int64)
        return self.classes_[p.argmax(axis=1)]

    def _coded(self, y: Array) -> Array:
        if isinstance(self.classes_, list):
            return self._labels(y)
        strange = np.setdiff1d(y, self.classes_)
        if len(strange):
            raise ValueError(
                f"{type(self).__name__}: y holds {strange.tolist()[0]!r}, which is none of the "
                f"classes it learned: {self.classes_.tolist()[:20]}."
            )
        return np.searchsorted(self.classes_, y)

    @property
    def _outputs(self) -> list[str]:
        if isinstance(self.classes_, list):
            return self._outputs_or([f"label {i}" for i in range(len(self.classes_))])
        return [str(c) for c in self.classes_.tolist()]

    @property
    def _units(self) -> tuple[Array, Array]:
        return np.ones(1), np.zeros(1)

    @property
    def _single(self) -> bool:
        return False

    @property
    def out_of_fold_(self) -> Array:
        """Probabilities of the rows learned from, by members that never saw them; else NaN."""
        check_is_fitted(self, "fitted_")
        return self._apart


class TabularRegressor(RegressorMixin, TabularEstimator):  # type: ignore[misc]
    """Predicts numbers from a table as it comes.

    Args:
        effort, random_state, categorical, numeric, dates, text, drop: as for TabularClassifier.
        folds, time_limit, verbose: likewise.
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
        folds: int | None = None,
        time_limit: float | None = None,
        verbose: int | str = 0,
    ) -> None:
        columns: Any = {"categorical": categorical, "numeric": numeric, "dates": dates}
        super().__init__(effort, random_state, text=text, drop=drop, **columns)
        self.folds, self.time_limit, self.verbose = folds, time_limit, verbose
        self.quantiles = quantiles

    def _codes(self, y: Array) -> Array:
        return amounts(type(self).__name__, y)

    def _targets(self, codes: Array) -> tuple[Array, Array, Goal]:
        self._flat = codes.ndim == 1
        columns = codes.reshape(len(codes), -1)
        scaled, self._mean, self._spread = targets_scaled(columns)
        if self.quantiles is None:
            return scaled.astype(np.float32), strata(columns), Amounts()
        demand_quantiles(self.quantiles, columns)
        return scaled.astype(np.float32), strata(columns), Quantiles(self.quantiles)

    def predict(self, X: Any) -> Array:
        """The targets of rows: (n,), or (n, targets); with ``quantiles`` (n, quantiles)."""
        return self._unscaled(self._answers(X))

    def score(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> float:
        """R2; of quantiles, which share of a constant quantile's pinball loss is gone, on average.

        Args:
            X: rows.
            y: their targets.
            sample_weight: (n,) how much each row counts.
        """
        if self.quantiles is None:
            return float(super().score(X, y, sample_weight))
        pairs = zip(self.quantiles, self.predict(X).T, strict=True)
        found = [d2_pinball_score(y, p, sample_weight=sample_weight, alpha=q) for q, p in pairs]
        return float(np.mean(found))

    def _unscaled(self, scaled: Array) -> Array:
        numbers = scaled * self._spread + self._mean
        return numbers[:, 0] if self._flat and self.quantiles is None else numbers

    def predict_interval(self, X: Any, coverage: float = 0.9) -> Array:
        """Where the target of each row lies, with a probability: (n, 2), or (n, targets, 2).

        Of rows like those learned from, a share ``coverage`` lies in its interval: conformal, by
        the errors of at most 1,000 held-out rows, in units of how far the networks disagree about
        a row. With ``quantiles`` those nearest to the ends are moved until they hold the share.

        Args:
            X: rows, as ``fit`` takes a table.
            coverage: the share, of each target for itself.

        Raises:
            NotFittedError: it has not learned yet.
            ValueError: coverage is no share, or too few rows were held out for it.

        >>> x = np.random.default_rng(0).normal(size=(200, 2))
        >>> low, high = TabularRegressor(random_state=0).fit(x, x[:, 0]).predict_interval(x[:1])[0]
        >>> bool(low < x[0, 0] < high)
        True
        """
        values = self._values(X)
        demand_coverage(coverage)
        found = intervals(self.fitted_, values, self._calibrated(), coverage)
        found = found * self._spread[:, None] + self._mean[:, None]  # (n, targets, 2)
        return found[:, 0] if self._flat else found

    def _coded(self, y: Array) -> Array:
        return amounts(type(self).__name__, y)

    @property
    def _outputs(self) -> list[str]:
        if self.quantiles is not None:
            return [f"{q:.4g} quantile" for q in self.quantiles]
        count = len(self._mean)
        if count == 1:
            return ["prediction"]
        return self._outputs_or([f"target {i}" for i in range(count)])

    @property
    def _units(self) -> tuple[Array, Array]:
        return self._spread, self._mean

    @property
    def _single(self) -> bool:
        return self._flat and self.quantiles is None

    @property
    def out_of_fold_(self) -> Array:
        """Predictions of the rows learned from, by members that never saw them; else NaN."""
        check_is_fitted(self, "fitted_")
        return self._unscaled(self._apart)


ESTIMATORS.update({e.__name__: e for e in (TabularClassifier, TabularRegressor)})


def _demand_limits(owner: str, folds: int | None, time_limit: float | None, rows: int) -> None:
    if folds is not None and not (isinstance(folds, int | np.integer) and 2 <= folds <= rows):
        raise ValueError(
            f"{owner}: folds is a whole number from 2 to the number of rows, {rows}, or None; got "
            f"{folds!r}."
        )
    if time_limit is not None and not 0 < time_limit < np.inf:
        raise ValueError(
            f"{owner}: time_limit is a number of seconds above 0, or None; got {time_limit!r}."
        )


def _generator(random_state: int | np.random.RandomState | None) -> np.random.Generator:
    """Where all chance comes from: a whole number stands for itself, as NumPy has it."""
    if isinstance(random_state, int | np.integer):
        return np.random.default_rng(random_state)
    return np.random.default_rng(check_random_state(random_state).randint(2**31 - 1))
