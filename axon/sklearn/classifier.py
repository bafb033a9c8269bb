"""AxonClassifier: a network that tells classes apart, as a scikit-learn estimator."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from sklearn.base import ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted

from axon import activations, losses
from axon.backend import Array
from axon.callbacks import Callback
from axon.layers.module import Module
from axon.losses import (
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    CategoricalFocalCrossEntropy,
    Hinge,
    Loss,
    SquaredHinge,
)
from axon.metrics import Metric
from axon.optimizers import Optimizer
from axon.sklearn.base import AxonEstimator
from axon.sklearn.settings import Function, MatrixLike, RandomState, Rate
from axon.sklearn.several import (
    ColumnClasses,
    ColumnsCrossEntropy,
    columns_of,
    decoded,
    encoded,
    listed,
)
from axon.sklearn.unit import TargetUnit


class AxonClassifier(ClassifierMixin, AxonEstimator):  # type: ignore[misc]
    """A neural network that tells classes apart, with MLPClassifier's parameters and more.

    y holds classes of any kind, (n,); 0 and 1 for each of several labels, (n, labels); or several
    classes, (n, columns), one of its own set in each column. Then ``classes_`` and what
    ``predict_proba`` gives are lists, one array for each column, as of a RandomForestClassifier;
    ``score`` is the share of rows whose classes are all right, and ``n_outputs_`` counts columns.

    Names and defaults are MLPClassifier's, but for ``early_stopping``; X is numbers of about the
    size of 1. For a table as it comes, with words, gaps and dates, and for better probabilities
    without any setting, use ``axon.tabular.TabularClassifier``.

    Args:
        hidden_layer_sizes: neurons in each hidden layer.
        activation: of the hidden layers: any of AXON's, by name or as a function; "identity" and
            "logistic" are "linear" and "sigmoid".
        optimizer: any of AXON's, by name, or an Optimizer, of which each fit makes a new one.
        solver: MLP's name for it; give one of the two. "lbfgs" is SciPy's L-BFGS-B, as in MLP: all
            rows in each step, ``max_iter`` steps, until no slope is larger than ``tol``; no rows
            are held out, and no callbacks told.
        loss: "log_loss" is the cross-entropy, summed over labels;
            or any of AXON's, by name, or a Loss.
        alpha: strength of the L2 penalty: alpha / 2 sum(W^2), divided by the rows of a batch.
        batch_size: rows in each step; "auto" is 200, or all if they are fewer.
        learning_rate: "constant"; "invscaling", learning_rate_init / (rows seen + 1)^power_t;
            "adaptive", a fifth whenever nothing improves; or a schedule. For any optimizer.
        learning_rate_init: the learning rate at the beginning, of an optimizer given by name.
        power_t: see ``learning_rate``.
        max_iter: epochs at most.
        shuffle: draw a new order of the rows for each epoch.
        random_state: a whole number for the same bits each time, a RandomState, or None. What
            ``axon.set_random_seed`` set is neither used nor changed.
        tol: a change of less is no improvement.
        verbose: True prints a line per epoch.
        warm_start: a further fit goes on from the weights, and from the state of the optimizer if
            its settings are the same.
        momentum: of "sgd", at least 0 and less than 1.
        nesterovs_momentum: of "sgd": look ahead along the momentum.
        early_stopping: True: hold out rows, score them after each epoch, stop when the score does
            not rise any more, and keep the best weights. False: the loss decides, as it does by
            default for an MLPClassifier, which grows ever surer of what is not so. "auto" holds out
            rows where there are more than 200, and judges them by the loss, unless ``scoring``
            says by what, or n_iter_no_change is infinite; ``partial_fit`` holds out none.
        validation_fraction: share of the rows that are held out.
        scoring: what they are scored by: None for accuracy (with "auto" the loss), a scorer's
            name, a function (estimator, X, y), or "loss".
        beta_1: of "adam", "adamw", "adamax" and "nadam": how slowly the mean forgets.
        beta_2: of these: how slowly the mean of the squares forgets.
        epsilon: of these: keeps the division finite.
        n_iter_no_change: epochs without improvement to wait for; np.inf trains for max_iter.
        dropout: share that is left out behind each hidden layer; one number, or one for each.
        batch_norm: put BatchNormalization before each hidden activation.
        network: a Sequential (or Model), copied for each fit, which begins with its weights if it
            has any; or a function that returns one, of (n_features, n_outputs) or of nothing. Takes
            the place of hidden_layer_sizes, activation, dropout, batch_norm and dtype.
        class_weight: a dict from class to weight, or "balanced": each class counts the same.
        metrics: names or Metrics to watch, for ``history_``.
        callbacks: AXON's or your own, used as they are, and told after every epoch.
        dtype: what is computed in, "float32" or "float64".

    Attributes: ``classes_``, ``model_`` the network, ``history_``, ``n_iter_``, ``loss_``,
    ``best_loss_``, ``loss_curve_``, ``validation_scores_``, ``best_validation_score_``, ``t_``,
    ``coefs_``, ``intercepts_``, ``n_layers_``, ``n_outputs_``, ``out_activation_``,
    ``n_features_in_``, ``feature_names_in_``.

    >>> from sklearn.datasets import load_iris
    >>> x, y = load_iris(return_X_y=True)
    >>> model = AxonClassifier((20,), learning_rate_init=0.03, random_state=0, tol=1e-3)
    >>> model.fit(x, y).score(x, y) > 0.95
    True
    >>> model.predict_proba(x[:1]).shape, model.n_iter_ == len(model.loss_curve_)
    ((1, 3), True)
    """

    _several = False  # labels of 0 and 1
    _columns: ColumnClasses | None = None  # of y with a class in each; older pickles have none

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: str | Function = "relu",
        *,
        optimizer: str | Optimizer = "adam",
        solver: str | None = None,
        loss: str | Loss = "log_loss",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: Rate = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: RandomState = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool | str = "auto",
        validation_fraction: float = 0.1,
        scoring: str | Function | None = None,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        dropout: float | Sequence[float] = 0.0,
        batch_norm: bool = False,
        network: Module | Function | None = None,
        class_weight: dict[Any, float] | str | None = None,
        metrics: Sequence[str | Metric] = (),
        callbacks: Sequence[Callback] = (),
        dtype: str = "float32",
    ) -> None:
        self._keep(locals())

    def partial_fit(
        self,
        X: MatrixLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Learn from some more rows: one pass over them, in batches, from where it stands.

        Args:
            X: rows (n, features), dense or sparse.
            y: their classes (n,) or (n, columns), or 0 and 1 for each label (n, labels).
            classes: all classes that will ever come; needed in the first call. A list of arrays
                where y has a class in each column.
            sample_weight: (n,) how much each row counts.

        Returns:
            The estimator.

        Raises:
            ValueError: ``classes`` is missing or another than before, or y holds other ones.
        """
        anew = not self.__sklearn_is_fitted__()
        known = self.classes_ if not anew else None
        given = known if classes is None else listed(classes) or np.unique(np.asarray(classes))
        if given is None:
            raise ValueError(
                "AxonClassifier: classes must be passed on the first call to partial_fit: these "
                "rows may not show all of them. Pass classes=np.unique(y) of all y."
            )
        if known is not None and not _alike(known, given):
            raise ValueError(
                "AxonClassifier: classes is not the same as on the last call to partial_fit: "
                f"before {known}, now {given}. Leave it out, or begin anew with fit."
            )
        if isinstance(self.class_weight, str):
            raise ValueError(
                "AxonClassifier: class_weight='balanced' is not supported for partial_fit: how "
                "many rows each class has is known only in the end. Pass a dict: dict(zip(classes, "
                "compute_class_weight('balanced', classes=classes, y=y))) of all y."
            )
        return self._partial_fit(X, y, sample_weight, anew, given)

    # -------------------------------------------------------------------- targets

    def _encoded(self, y: Any, anew: bool, classes: Any) -> Array:
        """The number of each row's class (n,) or (n, columns); or 0 and 1 (n, labels)."""
        target_type = type_of_target(y, input_name="y")
        known = None if anew else self._columns
        if known is not None or isinstance(classes, list) or target_type == SEVERAL:
            return self._encoded_columns(y, anew, known or classes)
        if target_type not in ("binary", "multiclass", "multilabel-indicator"):
            raise ValueError(_unfit(target_type))
        several = target_type == "multilabel-indicator"
        codes = np.asarray(y.toarray() if issparse(y) else y)
        found = np.arange(codes.shape[1]) if several else np.unique(codes)
        if anew:
            self.classes_ = found if classes is None or several else classes
            self._several, self._columns = several, None
        self._demand_known(found, several, warm=not anew and classes is None)
        return codes if several else np.searchsorted(self.classes_, codes)

    def _encoded_columns(self, y: Any, anew: bool, classes: ColumnClasses | None) -> Array:
        """The number of the class in each column (n, columns)."""
        if not anew and self._columns is None:
            raise ValueError(
                f"AxonClassifier: y held one set of classes, now it has shape {y.shape}, with a "
                "class in each column. Begin anew: warm_start=False and fit."
            )
        y = np.asarray(y)
        known = [np.unique(column) for column in y.T] if classes is None else classes
        codes = encoded(y, known)
        self._several, self._columns = False, known
        self.classes_ = known
        return codes

    def _make(self, codes: Array, weights: Array | None, anew: bool) -> None:
        super()._make(codes, weights, anew)
        if self._columns is not None:
            self.n_outputs_ = len(self._columns)

    def _demand_known(self, found: Array, several: bool, warm: bool) -> None:
        if several != self._several:
            forms = ("one class for each row", "0 and 1 for each label")
            raise ValueError(
                f"AxonClassifier: y held {forms[self._several]}, now it holds {forms[several]}. "
                "Begin anew: warm_start=False and fit."
            )
        if warm and not np.array_equal(found, self.classes_):
            raise ValueError(
                "AxonClassifier: warm_start can only be used where y has the same classes as in "
                f"the previous call to fit. Previously got {self.classes_}, y has {found}."
            )
        if len(strange := np.setdiff1d(found, self.classes_)):
            raise ValueError(
                f"AxonClassifier: y has classes not in classes_, {self.classes_}: {strange}. Pass "
                "all classes to the first partial_fit, or begin anew with fit."
            )

    def widths(self, n_outputs: int) -> tuple[int, ...]:
        """Two classes may have one output or two."""
        return (1, 2) if n_outputs == 1 and not self._several else (n_outputs,)

    def _shape(self, codes: Array) -> tuple[int, str]:
        """One output for each label, or each class; one for two classes."""
        if self._columns is not None:
            return sum(map(len, self._columns)), "linear"
        classes = len(self.classes_)
        width = 1 if classes <= 2 and not self._several else classes
        last = "sigmoid" if self._several or width == 1 else "softmax"
        logits = getattr(self._loss(width)[0], "from_logits", False)
        return width, "linear" if logits else last

    def _loss(self, width: int) -> tuple[Loss, float]:
        """Cross-entropy, summed over labels or columns; or any other loss as it is."""
        if self._columns is not None:
            if self.loss != "log_loss":
                raise ValueError(
                    f"AxonClassifier: loss={self.loss!r}: where y has a class in each column, only "
                    "'log_loss' is known. Take it, or MultiOutputClassifier(AxonClassifier(...))."
                )
            return ColumnsCrossEntropy([len(c) for c in self._columns]), 1.0
        if self.loss == "log_loss" and width > 1 and not self._several:
            return CategoricalCrossEntropy(), 1.0
        if self.loss == "log_loss":
            return BinaryCrossEntropy(), float(width)
        inner = losses.get(self.loss)
        if isinstance(inner, Hinge | SquaredHinge):
            raise ValueError(
                f"AxonClassifier: loss {inner.name!r} wants outputs of either sign, but a "
                "classifier returns probabilities. Use 'log_loss', or AxonRegressor for targets of "
                "-1 and 1."
            )
        return inner, 1.0

    def _unit(self, codes: Array, weights: Array | None) -> TargetUnit | None:
        """Classes are no amounts."""
        return None

    def _targets(self, codes: Array) -> Array:
        """Whole numbers for a loss that takes them, otherwise 0 and 1 for each output."""
        width = self._width
        if self._columns is not None:
            return codes
        if self._several:
            return codes.astype(np.float32)
        if width == 1:
            return (codes == 1).astype(np.float32).reshape(-1, 1)
        if isinstance(self._objective.inner, BY_NUMBER):
            return codes
        return (codes[:, None] == np.arange(width)).astype(np.float32)

    def _factors(self, codes: Array, weights: Array | None) -> Array | None:
        """The weight of each row's class; "balanced" gives all classes the same total."""
        if self.class_weight is None:
            return None
        if self._columns is not None:
            return compute_sample_weight(self.class_weight, decoded(codes, self._columns))
        if self._several:
            return compute_sample_weight(self.class_weight, codes)
        if self.class_weight != "balanced":
            return self._table()[codes]
        totals = np.bincount(codes, weights, minlength=len(self.classes_))
        shares = totals.sum() / np.count_nonzero(totals)
        return (shares / np.where(totals, totals, 1))[codes]

    def _table(self) -> Array:
        given = self.class_weight
        if not isinstance(given, dict) or not all(
            isinstance(w, int | float | np.number) and 0 <= w < np.inf for w in given.values()
        ):
            raise ValueError(
                "AxonClassifier: class_weight must be None, 'balanced', or a dict from class to a "
                f"weight of at least 0, such as {{'rare': 5.0}}, got {given!r}."
            )
        known = self.classes_.tolist()
        if strange := [label for label in given if label not in known]:
            raise ValueError(
                f"AxonClassifier: class_weight names {strange[0]!r}, which is no class of y: "
                f"{', '.join(map(repr, known))}."
            )
        return np.array([given.get(label, 1.0) for label in known], np.float64)

    # -------------------------------------------------------------------- predictions

    def _told(self, X: MatrixLike) -> tuple[Array, str, list[str]]:
        if self._columns is not None:
            raise ValueError(
                "AxonClassifier: a report is about one set of classes, but y has a class in each "
                "column. Leave X and y out; what else there is to tell stays."
            )
        names = [str(c) for c in self.classes_.tolist()]
        return self.predict_proba(X), "labels" if self._several else "classes", names

    def predict(self, X: MatrixLike) -> Array:
        """The most probable class of each row (n,), or column; or 0 and 1 (n, labels)."""
        p: Any = self.predict_proba(X)
        if self._columns is not None:
            return decoded(np.stack([one.argmax(axis=1) for one in p], axis=1), self._columns)
        if self._several:
            return (p > 0.5).astype(np.int64)
        return self.classes_[p.argmax(axis=1)]

    def score(self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """The share of rows that are right, of several labels or classes all of them."""
        if not isinstance(self._columns, list):
            return float(super().score(X, y, sample_weight))
        right = (np.asarray(y) == self.predict(X)).all(axis=1)
        weights = None if sample_weight is None else np.asarray(sample_weight)
        return float(np.average(right, weights=weights))

    def predict_proba(self, X: MatrixLike) -> Any:
        """The probability of each class (n, classes), in the order of ``classes_``, or label.

        Where y has a class in each column, a list of such, one for each.
        """
        p = self._outputs(X)
        if self._columns is not None:
            return [activations.softmax(part) for part in columns_of(p, self._columns)]
        if self._from_logits:
            alone = self._several or p.shape[1] == 1
            p = activations.sigmoid(p) if alone else activations.softmax(p)
        if p.shape[1] > 1 or self._several:
            return p
        return self._pair(1 - p, p, 1.0)

    def decision_function(self, X: MatrixLike) -> Any:
        """The logits: (n,) for two classes, of the second one; (n, classes) or (n, labels).

        They rank rows whose probabilities are so near 0 or 1 that they are rounded to it.
        """
        z = self._logits(X)
        if self._columns is not None:
            return columns_of(z, self._columns)
        if self._several or len(self.classes_) > 2:
            return z
        return z[:, 0] if z.shape[1] == 1 else z[:, 1] - z[:, 0]

    def predict_log_proba(self, X: MatrixLike) -> Any:
        """The logarithm of ``predict_proba``, from the logits: it is finite."""
        z = self._logits(X)
        if self._columns is not None:
            return [activations.log_softmax(part) for part in columns_of(z, self._columns)]
        if self._several or z.shape[1] == 1:
            yes, no = (-np.logaddexp(0, s * z) for s in (-1, 1))
            return yes if self._several else self._pair(no, yes, 0.0)
        return activations.log_softmax(z)

    def _logits(self, X: MatrixLike) -> Array:
        check_is_fitted(self)
        return self._outputs(X, logits=not self._from_logits)

    def _pair(self, no: Array, yes: Array, certain: float) -> Array:
        """Two columns for two classes; a single class is certain."""
        if len(self.classes_) == 1:
            return np.full_like(yes, certain)
        return np.concatenate([no, yes], axis=1)

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


SEVERAL = "multiclass-multioutput"  # what scikit-learn calls a class in each column
BY_NUMBER = CategoricalCrossEntropy, CategoricalFocalCrossEntropy  # they take labels (n,)


def _alike(known: Any, given: Any) -> bool:
    """Whether these are the same classes, perhaps of each of several columns."""
    if isinstance(known, list) and isinstance(given, list) and len(known) == len(given):
        return all(map(np.array_equal, known, given))
    return not isinstance(known, list) and bool(np.array_equal(known, given))


def _unfit(target_type: str) -> str:
    if target_type.startswith("continuous"):
        return (
            "AxonClassifier: Unknown label type: continuous. y must hold classes, got numbers that "
            "are not whole. For these use AxonRegressor; or cut them into classes with np.digitize."
        )
    return (
        f"AxonClassifier: Unknown label type: {target_type}. Expected y of shape (n,), one class "
        "for each row; (n, labels) of 0 and 1; or (n, columns) with a class in each column."
    )
