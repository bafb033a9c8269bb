"""AxonRegressor: a network that predicts numbers, as a scikit-learn estimator."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin
from sklearn.utils import Tags

from axon import losses
from axon.backend import Array
from axon.callbacks import Callback
from axon.layers.module import Module
from axon.losses import Loss, MeanAbsoluteError, MeanSquaredError, Poisson
from axon.metrics import Metric
from axon.optimizers import Optimizer
from axon.sklearn.base import AxonEstimator
from axon.sklearn.settings import Function, MatrixLike, RandomState, Rate
from axon.sklearn.unit import TargetUnit, unit_of


class AxonRegressor(RegressorMixin, AxonEstimator):  # type: ignore[misc]
    """A neural network that predicts numbers, with MLPRegressor's parameters and more.

    y holds numbers, (n,) or (n, outputs).

    Names and defaults are MLPRegressor's, but for ``scale_targets``; X is numbers of about the size
    of 1. For a table as it comes, with words, gaps and dates, and for better predictions without
    any setting, use ``axon.tabular.TabularRegressor``.

    Args:
        hidden_layer_sizes: neurons in each hidden layer.
        activation: of the hidden layers: any of AXON's, by name or as a function; "identity" and
            "logistic" are "linear" and "sigmoid".
        optimizer: any of AXON's, by name, or an Optimizer, of which each fit makes a new one.
        solver: MLP's name for it; give one of the two. "lbfgs" is SciPy's L-BFGS-B, as in MLP: all
            rows in each step, ``max_iter`` steps, until no slope is larger than ``tol``; no rows
            are held out, and no callbacks told.
        loss: "squared_error" is half of it, "poisson" for rates, summed over outputs;
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
        early_stopping: hold out rows, score them after each epoch, stop when the score does not
            rise any more, and keep the best weights. Otherwise ("auto", too) the loss decides.
        validation_fraction: share of the rows that are held out.
        scoring: what they are scored by: None for R^2, a scorer's name, a function
            (estimator, X, y), or "loss".
        beta_1: of "adam", "adamw", "adamax" and "nadam": how slowly the mean forgets.
        beta_2: of these: how slowly the mean of the squares forgets.
        epsilon: of these: keeps the division finite.
        n_iter_no_change: epochs without improvement to wait for; np.inf trains for max_iter.
        dropout: share that is left out behind each hidden layer; one number, or one for each.
        batch_norm: put BatchNormalization before each hidden activation.
        network: a Sequential (or Model), copied for each fit, which begins with its weights if it
            has any; or a function that returns one, of (n_features, n_outputs) or of nothing. Takes
            the place of hidden_layer_sizes, activation, dropout, batch_norm and dtype.
        metrics: names or Metrics to watch, for ``history_``.
        callbacks: AXON's or your own, used as they are, and told after every epoch.
        dtype: what is computed in, "float32" or "float64".
        scale_targets: learn (y - center) / spread, whatever the unit of y; the last layer of the
            network, a Normalization that is not learned, turns it back, so that ``predict`` and
            ``model_`` are in y's unit, while ``loss_``, its curves and ``tol`` are in that of the
            spread, and ``coefs_`` end before it. Only for squared and absolute errors, whose best
            prediction does not depend on the unit, and without ``network``. The first rows of
            ``partial_fit`` decide. False for an MLPRegressor's way.

    Attributes: ``model_`` the network, ``history_``, ``n_iter_``, ``loss_``,
    ``best_loss_``, ``loss_curve_``, ``validation_scores_``, ``best_validation_score_``, ``t_``,
    ``coefs_``, ``intercepts_``, ``n_layers_``, ``n_outputs_``, ``out_activation_``,
    ``n_features_in_``, ``feature_names_in_``.

    >>> x = np.linspace(-1, 1, 50).reshape(-1, 1)
    >>> model = AxonRegressor((30,), "tanh", learning_rate_init=0.03, n_iter_no_change=np.inf)
    >>> model.fit(x, np.sin(3 * x[:, 0])).score(x, np.sin(3 * x[:, 0])) > 0.9
    True
    """

    scale_targets: bool = True  # pickles of older versions do not say

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: str | Function = "relu",
        *,
        optimizer: str | Optimizer = "adam",
        solver: str | None = None,
        loss: str | Loss = "squared_error",
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
        early_stopping: bool | str = False,
        validation_fraction: float = 0.1,
        scoring: str | Function | None = None,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        dropout: float | Sequence[float] = 0.0,
        batch_norm: bool = False,
        network: Module | Function | None = None,
        metrics: Sequence[str | Metric] = (),
        callbacks: Sequence[Callback] = (),
        dtype: str = "float32",
        scale_targets: bool = True,
    ) -> None:
        self._keep(locals())

    def partial_fit(
        self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Learn from some more rows: one pass over them, in batches, from where it stands.

        Args:
            X: rows (n, features), dense or sparse.
            y: their targets (n,) or (n, outputs).
            sample_weight: (n,) how much each row counts.

        Returns:
            The estimator.
        """
        return self._partial_fit(X, y, sample_weight, not self.__sklearn_is_fitted__(), None)

    def _encoded(self, y: Any, anew: bool, classes: Any) -> Array:
        """Numbers (n, outputs)."""
        codes = np.asarray(y).reshape(len(y), -1)
        if anew:
            self._flat = y.ndim == 1
        elif codes.shape[1] != self.n_outputs_ or self._flat != (y.ndim == 1):
            raise ValueError(
                f"AxonRegressor: y has shape {y.shape}, but the network learned from "
                f"{'(n,)' if self._flat else f'(n, {self.n_outputs_})'}. Begin anew: "
                "warm_start=False and fit."
            )
        return codes

    def _shape(self, codes: Array) -> tuple[int, str]:
        """As many outputs as targets; above 0 where they are rates."""
        inner, _ = self._loss(codes.shape[1])
        return codes.shape[1], "softplus" if isinstance(inner, Poisson) else "linear"

    def _loss(self, width: int) -> tuple[Loss, float]:
        """Half the squared error, or the Poisson loss, summed over outputs; or any other loss."""
        if self.loss == "squared_error":
            return MeanSquaredError(), width / 2
        inner = losses.get(self.loss)
        return inner, float(width) if self.loss == "poisson" else 1.0

    def _unit(self, codes: Array, weights: Array | None) -> TargetUnit | None:
        """Those of the targets, where the loss means the same in any unit."""
        inner, _ = self._loss(codes.shape[1])
        alike = isinstance(inner, MeanSquaredError | MeanAbsoluteError)
        given = self.network is not None
        return None if given or not (alike and self.scale_targets) else unit_of(codes, weights)

    def _targets(self, codes: Array) -> Array:
        """The numbers themselves."""
        return codes

    def _factors(self, codes: Array, weights: Array | None) -> Array | None:
        """There are no classes."""
        return None

    def _told(self, X: MatrixLike) -> tuple[Array, str, list[str]]:
        made = self._outputs(X).astype(np.float64)
        several = made.shape[1] > 1
        return made, "numbers", [f"target {i}" for i in range(made.shape[1])] if several else []

    def predict(self, X: MatrixLike) -> Array:
        """What the network expects for each row, in float64: (n,) or (n, outputs), as y was."""
        made = self._outputs(X).astype(np.float64)
        return made.ravel() if self._flat else made

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
