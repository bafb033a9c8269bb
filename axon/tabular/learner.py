"""What the table estimators do, without scikit-learn: it takes two seconds to import.

Commands use learners as they are; ``estimators.py`` makes scikit-learn's estimators of them.
"""

import os
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Self
from warnings import warn

import numpy as np
from numpy.typing import ArrayLike

from axon.backend import Array
from axon.tabular.choices import choose
from axon.tabular.columns import Columns, Values
from axon.tabular.fitted import Fitted, demand_fitted, learn, out_of_fold
from axon.tabular.insight import Insight
from axon.tabular.objectives import Goal
from axon.tabular.saving import save
from axon.tabular.table import Table, read
from axon.tabular.targets import FEW, arranged, demand_targets, never_seen, parted, weights_of
from axon.tabular.tuning import TUNED, tuned
from axon.tabular.watching import EpochWatch

TOLD = ("categorical", "numeric", "dates", "text", "drop")  # what users say of columns
COMMON = ("effort", "random_state", *TOLD, "folds", "time_limit", "verbose", *TUNED)
EpochCallback = Callable[[int, float], bool | None]  # of an epoch and its loss; True ends it


class TableLearner(Insight):
    """What both do: read the table, find its columns, learn."""

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
        members: int | None = None,
        hidden_layer_sizes: int | Sequence[int] | None = None,
        bins: int | None = None,
        bin_scale: float | None = None,
        learning_rate_init: float | None = None,
        weight_decay: float | None = None,
        dropout: float | None = None,
        batch_size: int | None = None,
        max_iter: int | None = None,
        n_iter_no_change: int | None = None,
    ) -> None:
        self.effort, self.random_state = effort, random_state
        self.categorical, self.numeric, self.dates = categorical, numeric, dates
        self.text, self.drop = text, drop
        self.folds, self.time_limit, self.verbose = folds, time_limit, verbose
        self.members, self.hidden_layer_sizes = members, hidden_layer_sizes
        self.bins, self.bin_scale = bins, bin_scale
        self.learning_rate_init, self.weight_decay = learning_rate_init, weight_decay
        self.dropout, self.batch_size = dropout, batch_size
        self.max_iter, self.n_iter_no_change = max_iter, n_iter_no_change

    @abstractmethod
    def _codes(self, y: Array) -> Array:
        """Targets in numbers: the place of each row's class, 0 and 1 for labels, or amounts."""

    @abstractmethod
    def _targets(self, codes: Array) -> tuple[Array, Array, Goal]:
        """Targets as the objective wants them, what to stratify by, and the objective."""

    @abstractmethod
    def predict(self, X: Any) -> Array:
        """What is likeliest for each row."""

    def _factors(self, codes: Array, weights: Array) -> Array:
        """How much each row counts for what it is."""
        return np.ones(len(codes))

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: ArrayLike | None = None,
        *,
        callback: EpochCallback | None = None,
    ) -> Self:
        """Learn to predict y from a table.

        Args:
            X: a frame of pandas or polars, a path, a list of dicts, an array: what ``read`` takes.
            y: a target for each row; or the name of a column of X.
            sample_weight: (n,) how much each row counts.
            callback: is called after each epoch, with its number from 0 on and the loss of held-out
                rows; True ends the training, whose best epoch so far counts. What it raises, such
                as ``optuna.TrialPruned``, leaves ``fit``.

        Raises:
            ValueError: rows and targets do not fit, or nothing can be learned from them.
        """
        owner = self._owner
        self.target_name_, self.metadata_ = y if isinstance(y, str) else None, {}
        table, y = parted(owner, read(X), y)
        demand_targets(owner, table, y)
        weights = weights_of(owner, sample_weight, len(y))
        counted = np.flatnonzero(weights)  # rows that weigh nothing are as good as none
        self.__dict__.pop("fitted_", None)  # not fitted any more, until it is again
        self._learn(table, counted, self._codes(y[counted]), weights[counted], callback)
        return self

    def _learn(
        self,
        table: Table,
        counted: Array,
        codes: Array,
        weights: Array,
        callback: EpochCallback | None = None,
    ) -> None:
        """Learn the targets of those rows that count."""
        all_count = len(counted) == table.rows
        rows = table if all_count else table.taken(counted)
        columns = Columns.find(rows, **{name: getattr(self, name) for name in TOLD})
        values = learned = columns.values(rows)
        counts = weights * self._factors(codes, weights)
        order, weights = arranged(values, codes, weights)
        few = len(order) <= FEW
        given = values.taken(order) if few else values, codes[order] if few else codes
        fitted, held = self._trained(*given, weights, callback)
        if few or not all_count:
            held = never_seen(held, counted[order], table.rows)
            values = columns.values(table)
        self._apart = out_of_fold(fitted, values, held)
        self.take_names(table.names, table.named)
        self.columns_, self.fitted_, self._warned = columns, fitted, set()
        self._gather(rows, learned, codes, counts, held[counted], self._apart[counted])

    def _trained(
        self, values: Values, codes: Array, weights: Array, callback: EpochCallback | None = None
    ) -> tuple[Fitted, Array]:
        """What was learned of these targets, and which member never saw which row."""
        targets, parts, objective = self._targets(codes)
        counts = weights * self._factors(codes, weights)
        classes = objective.outputs(targets) if objective.probabilities else 0
        _demand_limits(self._owner, self.folds, self.time_limit, len(codes))
        told = {name: getattr(self, name) for name in TUNED}
        chosen = tuned(self._owner, choose(self.effort, len(codes), classes), told)
        choices = chosen.with_folds(self.folds)
        rng = _generator(self.random_state)
        watch = EpochWatch(choices.plan.epochs, self.time_limit, self.verbose, callback)
        try:
            return learn(values, targets, parts, objective, choices, rng, counts, watch)
        finally:
            watch.close()

    def _outputs_or(self, usual: list[str]) -> list[str]:
        """What the outputs are called in the notes, if they are; else what is usual."""
        told = [str(name) for name in vars(self).get("metadata_", {}).get("outputs", ())]
        return told if len(told) == len(usual) else usual

    @property
    def n_iter_(self) -> int:
        """How many epochs were learned."""
        demand_fitted(self)
        return len(self.fitted_.losses)

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
        demand_fitted(self)
        values = X if isinstance(X, Values) else self._in_numbers(self._read(X))
        return self.fitted_.answers(values)

    def _fitting(self, table: Table) -> Table:
        """The table; an array, which has no names, must have as many columns as it learned from."""
        if table.named:
            return table
        if len(table.names) != self.n_features_in_:
            raise ValueError(
                f"X has {len(table.names)} features, but {self._owner} is expecting "
                f"{self.n_features_in_} features as input."
            )
        if "feature_names_in_" not in vars(self):
            return table
        warn(
            f"X does not have valid feature names, but {self._owner} was fitted with "
            "feature names: its columns are taken in the order in which it learned from them.",
            stacklevel=4,
        )
        return table._replace(names=self.feature_names_in_.tolist())


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
    from sklearn.utils import check_random_state

    return np.random.default_rng(check_random_state(random_state).randint(2**31 - 1))


for _name in TUNED:  # of estimators that were pickled before there were these
    setattr(TableLearner, _name, None)
