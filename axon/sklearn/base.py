"""What both estimators do: check, learn, go on learning, compute, be copied and pickled."""

import os
from abc import ABCMeta, abstractmethod
from copy import copy
from inspect import signature
from typing import TYPE_CHECKING, Any, Self
from warnings import warn

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, is_classifier, is_regressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split
from sklearn.utils import Tags
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from axon.backend import Array
from axon.callbacks import check as check_callbacks
from axon.containers import demand_unmasked
from axon.files.atomic import atomic, check_writable
from axon.losses import Loss
from axon.models import Model
from axon.optimizers import Optimizer
from axon.sklearn import settings
from axon.sklearn.lbfgs import Descent, minimized
from axon.sklearn.network import NAMES, dense_layers, kernels, network_of, outputs
from axon.sklearn.objective import Objective
from axon.sklearn.pickling import (
    Packed,
    packed_network,
    packed_optimizer,
    unpacked_network,
    unpacked_optimizer,
)
from axon.sklearn.random_state import Streams
from axon.sklearn.rows import Rows, SparseBatches, in_order, scaled, weighed
from axon.sklearn.settings import (
    MAX_ROWS,
    Function,
    MatrixLike,
    Parameters,
    fingerprint,
    optimizer_of,
    rows_per_batch,
)
from axon.sklearn.stopping import HeldRows, Watch
from axon.sklearn.unit import TargetUnit
from axon.sklearn.workers import modest

if TYPE_CHECKING:
    from axon.sklearn.reporting import Judged


class AxonEstimator(BaseEstimator, Parameters, metaclass=ABCMeta):  # type: ignore[misc]
    """The base of AxonClassifier and AxonRegressor."""

    model_: Model  # the network
    history_: Any
    loss_curve_: list[float]
    _optimizer: Optimizer
    _settled: str  # the settings that the optimizer was made with
    _compiled_for: Any  # loss, alpha and metrics that the network was compiled with
    _spread: Array | None = None  # of the targets; pickles of older versions have none

    def _keep(self, given: dict[str, Any]) -> None:
        """Keep the arguments of a constructor as they are, each under its name."""
        for name, value in given.items():
            if name not in ("self", "__class__"):
                setattr(self, name, value)

    # -------------------------------------------------------------------- what leaves declare

    @abstractmethod
    def _encoded(self, y: Any, anew: bool, classes: Any) -> Array:
        """Targets as numbers; takes note of the classes, or demands that they are known."""

    @abstractmethod
    def _shape(self, codes: Array) -> tuple[int, str]:
        """How many outputs these targets need, and the activation behind the last layer."""

    @abstractmethod
    def _unit(self, codes: Array, weights: Array | None) -> TargetUnit | None:
        """Where targets lie and how far they spread, if the network learns them so; or None."""

    @abstractmethod
    def _targets(self, codes: Array) -> Array:
        """Targets as the loss wants them."""

    @abstractmethod
    def _loss(self, width: int) -> tuple[Loss, float]:
        """The loss, and what it is multiplied by, for so many outputs."""

    @abstractmethod
    def _factors(self, codes: Array, weights: Array | None) -> Array | None:
        """What the weight of each row is multiplied by for its class."""

    @abstractmethod
    def _told(self, X: MatrixLike) -> tuple[Array, str, list[str]]:
        """What a report tells of rows: outputs (n, ...), the task, names of the outputs."""

    def widths(self, n_outputs: int) -> tuple[int, ...]:
        """How many outputs a network may have for these targets."""
        return (n_outputs,)

    # -------------------------------------------------------------------- learning

    def fit(self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Learn from rows X (n, features), dense or sparse, with targets y.

        Args:
            X: numbers, finite.
            y: the targets: (n,), or (n, outputs).
            sample_weight: (n,) how much each row counts; 2 is as good as the row twice.

        Returns:
            The estimator.

        Raises:
            ValueError, TypeError: a parameter, X or y is not what it may be.
        """
        anew = not (self.warm_start and self.__sklearn_is_fitted__())
        X, y, codes, weights = self._prepared(X, y, sample_weight, anew, None)
        self._start_curves(self._holds_out(codes, weights), anew)
        modest()
        with self._streams:
            self._make(codes, weights, anew)
            self._compile()
            held_out = None
            if self.validation_scores_ is not None:
                X, codes, weights, held_out = self._split(X, y, codes, weights)
            watch = self._learn(self._rows(X, codes, weights), held_out, self.max_iter)
        if watch.exhausted:
            warn(watch.exhausted, ConvergenceWarning, stacklevel=2)
        return self

    def _partial_fit(
        self,
        X: MatrixLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        anew: bool,
        classes: Any = None,
    ) -> Self:
        """One pass over some rows; what was learned so far is kept."""
        if settings.all_at_once(self):
            raise ValueError(
                f"{type(self).__name__}: partial_fit does not support solver='lbfgs', which needs "
                "all rows at once. Take solver='adam', or fit."
            )
        if self.early_stopping is True:
            raise ValueError(
                f"{type(self).__name__}: partial_fit does not support early_stopping=True: it sees "
                "only some rows at a time, so there are none to hold out."
            )
        X, y, codes, weights = self._prepared(X, y, sample_weight, anew, classes)
        self._start_curves(False, anew)
        modest()
        with self._streams:
            self._make(codes, weights, anew)
            self._compile(reuse=True)
            self._learn(self._rows(X, codes, weights), None, epochs=1)
        return self

    def _prepared(
        self, X: Any, y: Any, sample_weight: Any, anew: bool, classes: Any
    ) -> tuple[Any, Any, Array, Array | None]:
        """Check everything; only then begin anew. Also returns the targets as numbers."""
        settings.check(self)
        check_callbacks(self.callbacks)
        if anew:
            self.__dict__.pop("history_", None)  # not fitted any more, until it is again
        demand_unmasked(X, y, sample_weight)
        wants = {"accept_sparse": "csr", "multi_output": True, "dtype": "numeric"}
        X, y = validate_data(self, X, y, y_numeric=is_regressor(self), reset=anew, **wants)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        weights = sample_weight
        if weights is not None:
            weights = _check_sample_weight(weights, X, dtype=np.float64, ensure_non_negative=True)
        codes = self._encoded(y, anew, classes)
        if anew:
            self._streams = Streams(self.random_state)
            self.t_, self.loss_curve_ = 0, []
        return X, y, codes, weights

    def _holds_out(self, codes: Array, weights: Array | None) -> bool:
        """Whether rows are held out: "auto" does so for classes of more rows than a batch has."""
        if settings.all_at_once(self):
            return False
        if self.early_stopping != "auto":
            return bool(self.early_stopping)
        rows = len(codes) if weights is None else np.count_nonzero(weights)
        return bool(is_classifier(self) and rows > MAX_ROWS) and self.n_iter_no_change != np.inf

    def _start_curves(self, watched: bool, anew: bool) -> None:
        """Begin curves anew, also where rows are held out now and were not before."""
        if not anew and watched == (self.validation_scores_ is not None):
            return
        self.best_loss_ = None if watched and self.early_stopping is True else np.inf
        self.validation_scores_: list[float] | None = [] if watched else None
        self.best_validation_score_ = -np.inf if watched else None

    def _make(self, codes: Array, weights: Array | None, anew: bool) -> None:
        """Make network and optimizer, unless they go on; the latter if it is to be the same."""
        wanted = optimizer_of(self)
        settled = fingerprint(wanted)
        n_outputs, last = self._shape(codes)
        if anew:
            unit = self._unit(codes, weights)
            self._spread = None if unit is None else unit.spread
            ending = [] if unit is None else [unit.layer(self.dtype)]
            self.model_ = network_of(
                self, self.n_features_in_, self.widths(n_outputs), last, ending
            )
            self.n_outputs_ = n_outputs
            self.out_activation_ = NAMES.get(last, last) if self.network is None else None
        if anew or settled != self._settled:
            self._optimizer, self._settled = wanted, settled
            self._rate, self._compiled_for = wanted.learning_rate, None

    def _compile(self, reuse: bool = False) -> None:
        """Join network, loss and optimizer; the programs recorded so far may be used again."""
        chosen = (self.loss, self.alpha, self.metrics)
        if reuse and self._compiled_for == chosen:
            return
        inner, scale = self._loss(self._width)
        self._from_logits = bool(getattr(inner, "from_logits", False))
        found = kernels(self.model_)
        self._objective = Objective(inner, scale, found, self.alpha, self._spread)
        self.model_.compile(self._objective, self._optimizer, list(self.metrics))
        self._compiled_for = chosen

    def _split(
        self, X: Any, y: Any, codes: Array, weights: Array | None
    ) -> tuple[Any, Array, Array | None, HeldRows]:
        """Hold out some rows, of each class as large a share, unless rows have several labels."""
        numbers = np.arange(len(codes)) if weights is None else np.flatnonzero(weights)
        alone, options = numbers[:0], self._share()
        if is_classifier(self) and codes.ndim == 1:
            if self.early_stopping == "auto":
                single = np.bincount(codes[numbers])[codes[numbers]] == 1
                numbers, alone = numbers[~single], numbers[single]  # the only rows of their classes
            options["stratify"] = codes[numbers]
        learn, test = train_test_split(numbers, **options)
        learn = np.concatenate([learn, alone])
        if len(test) < 2:
            raise ValueError(
                f"{type(self).__name__}: the validation set is too small: {len(test)} of "
                f"{len(numbers)} rows. Increase validation_fraction, or give more rows."
            )
        part = [None, None] if weights is None else [weights[learn], weights[test]]
        held_out = HeldRows(X[test], y[test], self._targets(codes[test]), part[1])
        return X[learn], codes[learn], part[0], held_out

    def _share(self) -> dict[str, Any]:
        """How many rows are held out, and which."""
        return {"test_size": self.validation_fraction, "random_state": self._streams.seed}

    def _rows(self, X: Any, codes: Array, weights: Array | None) -> Rows:
        """Rows as training takes them: weighed, and in order if they make a single batch."""
        most = rows_per_batch(self)
        rows = weighed(X, codes, weights, most)
        rows = scaled(rows, self._factors(rows.y, rows.weights))
        if rows.n <= most:
            rows = in_order(rows, self.model_.parameters()[0].dtype)
        return rows._replace(y=self._targets(rows.y))

    def _learn(self, rows: Rows, held_out: HeldRows | None, epochs: int) -> Watch | Descent:
        """Train for some epochs at most."""
        self.n_iter_ = 0
        self._objective.weigh(rows.n, rows.total)
        if settings.all_at_once(self):
            return self._minimize(rows)
        watch = Watch(self, rows.n, held_out, self._rate)
        callbacks = [watch, *check_callbacks(self.callbacks)]
        source = feed(rows, rows_per_batch(self), self.shuffle, self.model_)
        options: dict[str, Any] = {"verbose": 2 if self.verbose else 0, "callbacks": callbacks}
        if held_out is not None:
            options["validation_data"] = held_out.data()
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # the watch sees what comes of it
                self.model_.fit(**source, epochs=epochs, **options)
        except KeyboardInterrupt:
            warn("Training interrupted by user.", stacklevel=3)
        finally:
            for callback in callbacks:
                callback.model = None  # parameters of the estimator do not keep what it learned
        self.history_ = self.model_.history
        watch.restore()
        return watch

    def _minimize(self, rows: Rows) -> Descent:
        """Let SciPy look for the weights, and keep the curves as ``Watch`` does."""

        def told(number: int, loss: float) -> None:
            self.n_iter_, self.t_, self.loss_ = number + 1, self.t_ + rows.n, loss
            self.loss_curve_.append(loss)
            self.best_loss_ = min(self.best_loss_ or np.inf, loss)
            if self.verbose:
                print(f"Iteration {number + 1} - Loss: {loss:.6f}")

        found = minimized(self, self.model_, self._objective, rows, told)
        found.history.model = self.model_
        self.history_ = self.model_.history = found.history
        return found

    @property
    def scored_by(self) -> str | Function | None:
        """What the rows held out are scored by."""
        return "loss" if self.early_stopping == "auto" and self.scoring is None else self.scoring

    def judge(self) -> tuple[Any, Any]:
        """Who is asked for predictions while training goes on, and the scorer who asks."""
        judge = object.__new__(type(self))  # a copy, which shares the network
        judge.__dict__.update(vars(self), history_=None)  # it counts as fitted
        judge.__dict__.pop("feature_names_in_", None)  # the rows held out have lost their names
        named = None if self.scored_by == "loss" else self.scoring
        return judge, check_scoring(judge, scoring=named)

    # -------------------------------------------------------------------- what was learned

    def _outputs(self, X: MatrixLike, logits: bool = False) -> Array:
        """What the network returns for rows X (n, features), or what its last operation gets."""
        check_is_fitted(self)
        demand_unmasked(X)
        x = validate_data(self, X, accept_sparse="csr", dtype="numeric", reset=False)
        modest()
        return outputs(self.model_, x, logits)

    @property
    def _width(self) -> int:
        """The number of outputs of the network."""
        return (self.model_.output_shape or (0,))[-1]

    @property
    def coefs_(self) -> list[Array]:
        """The weights of the Dense layers, (inputs, neurons) each: the network's own memory."""
        layers = dense_layers(self.model_)
        return [layer.weights.data for layer in layers if layer.weights is not None]

    @property
    def intercepts_(self) -> list[Array]:
        """The biases of the Dense layers, (neurons,) each, where they have one."""
        layers = dense_layers(self.model_)
        return [layer.bias.data for layer in layers if layer.bias is not None]

    @property
    def n_layers_(self) -> int:
        """The number of layers of neurons, the inputs included."""
        return len(dense_layers(self.model_)) + 1

    def __sklearn_is_fitted__(self) -> bool:
        return "history_" in vars(self)

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def report(
        self,
        path: "str | os.PathLike[str]",
        X: MatrixLike | None = None,
        y: ArrayLike | None = None,
        title: str | None = None,
    ) -> None:
        """Write a report as one HTML file, readable without a network.

        Curves, layers and settings; with rows also a confusion matrix, ROC and precision-recall
        curves and calibration, or R2, true and predicted values and residuals; and the mistakes, or
        the largest errors, with their rows: of a frame of pandas by its index and its columns.

        Args:
            path: the file, by convention ``*.html``; written whole or not at all.
            X: rows that were not learned from (n, features); None leaves out what needs them.
            y: their targets.
            title: the heading.

        Raises:
            NotFittedError: it has not learned yet.
            OSError: the file cannot be written; found out before anything is computed.
            TypeError, ValueError: one of X and y is missing, or they do not fit.
        """
        check_is_fitted(self)
        from axon.sklearn import reporting  # with what it draws: loaded when a report is written

        if (X is None) != (y is None):
            raise TypeError(f"{type(self).__name__}: X and y belong together: give both, or none.")
        check_writable(path)
        defaults = {n: p.default for n, p in signature(type(self)).parameters.items()}
        given = {k: v for k, v in self.get_params(deep=False).items() if v != defaults[k]}
        judged = None if X is None else self._judged(X, y)
        network: Any = self.model_  # of one output, and so of one loss
        text = reporting.page(type(self).__name__, network, given, judged, title)
        with atomic(path) as stream:
            stream.write(text.encode())

    def _judged(self, X: MatrixLike, y: Any) -> "Judged":
        """Rows with targets, and what is made of them."""
        from axon.sklearn.reporting import Judged, labels_of, numbers_of

        x = validate_data(self, X, accept_sparse="csr", dtype="numeric", reset=False)
        codes = self._encoded(column_or_1d(y) if np.ndim(y) == 1 else np.asarray(y), False, None)
        if len(codes) != x.shape[0]:
            raise ValueError(f"report: got {len(codes)} targets for {x.shape[0]} rows.")
        outputs, task, names = self._told(X)
        named = [str(n) for n in vars(self).get("feature_names_in_", ())]
        score = float(self.score(X, y))
        return Judged(outputs, codes, task, names, numbers_of(x), named, labels_of(X), score)

    # -------------------------------------------------------------------- copies and pickles

    def __getstate__(self) -> Packed:
        """Copy or pickle what was learned: descriptions and arrays, and no recorded program."""
        state = dict(super().__getstate__())
        if "model_" not in state:
            return state
        state["model_"] = packed_network(self.model_)
        state["_optimizer"] = packed_optimizer(self._optimizer)
        state["_compiled_for"] = None
        state.pop("_objective", None)
        if "history_" in state:
            state["history_"] = history = copy(self.history_)
            history.model = None
        return state

    def __setstate__(self, state: Packed) -> None:
        """Make network and optimizer again."""
        super().__setstate__(state)
        if "model_" not in state:
            return
        self.model_ = unpacked_network(state["model_"])
        self._optimizer = unpacked_optimizer(state["_optimizer"], self.model_)
        if "history_" in state:
            self.history_ = copy(state["history_"])
            self.history_.model = self.model_
            self.model_.history = self.history_


def feed(rows: Rows, most: int, shuffle: bool, model: Model) -> dict[str, Any]:
    """The arguments by which ``Model.fit`` takes these rows.

    Where a layer needs two rows at least, a rest of one is left out of the epoch: another one each
    time, if rows are shuffled.
    """
    n, size = rows.n, min(most, rows.n)
    steps = -(-n // size)
    if model.least_batch > 1 and n % size == 1 % size:
        steps -= 1
    if not steps:
        raise ValueError(
            f"n_samples=1: one row is too few for {model!r}: a layer compares the rows of a batch, "
            "so it needs at least two."
        )
    if issparse(rows.x):
        return {"x": SparseBatches(rows, size, shuffle, steps)}
    given = {"x": rows.x, "y": rows.y, "sample_weight": rows.weights, "batch_size": size}
    return {**given, "shuffle": shuffle and n > size, "steps_per_epoch": steps}
