"""When an estimator has learned enough: neither loss nor score on rows held out still improve."""

from math import inf, isfinite
from typing import Any, NamedTuple

from scipy.sparse import issparse

from axon.backend import Array
from axon.callbacks import Callback, Logs
from axon.sklearn.rows import Rows, SparseBatches
from axon.sklearn.settings import MAX_ROWS, Sparse

SLOWEST = 1e-6  # the learning rate at which "adaptive" gives up, as in scikit-learn


class HeldRows(NamedTuple):
    """Rows that are kept for validation, with their targets as the user gave them."""

    x: Array | Sparse
    y: Any
    targets: Array
    weights: Array | None

    def data(self) -> Any:
        """What ``Model.fit`` takes as validation_data."""
        rows = Rows(self.x, self.targets, self.weights, 0.0)
        if issparse(self.x):
            return SparseBatches(rows, MAX_ROWS, shuffle=False, steps=-(-rows.n // MAX_ROWS))
        return rows.batch()


class Watch(Callback):
    """Keeps the curves of an estimator, and ends its training by the rules of scikit-learn.

    Training ends when the loss has not fallen by ``tol`` for more than ``n_iter_no_change`` epochs
    in a row; with rows held out, when their score has not risen so. With
    ``learning_rate="adaptive"`` the rate is divided by 5 instead, until it is tiny.

    Args:
        estimator: whose attributes are kept up to date.
        rows: how many an epoch learns from.
        held_out: what to score on, or None.
        rate: the learning rate at the beginning.
    """

    def __init__(self, estimator: Any, rows: int, held_out: HeldRows | None, rate: float) -> None:
        self.estimator, self.rows, self.held_out, self.rate = estimator, rows, held_out, rate
        self.best, self.waited, self.converged = inf, 0, False
        self.best_weights: list[Array] | None = None
        if held_out is not None:
            self.judge, self.scorer = estimator.judge()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """An estimator raises an error where a model would warn of a loss that is not finite."""
        self.model.trainer.warned = True

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Add to the curves, and see whether it still improves."""
        assert logs is not None
        estimator, loss = self.estimator, float(logs["loss"])
        self._demand_finite(loss, epoch)
        estimator.n_iter_, estimator.t_ = epoch + 1, estimator.t_ + self.rows
        estimator.loss_ = loss
        estimator.loss_curve_.append(loss)
        if estimator.best_loss_ is not None:
            estimator.best_loss_ = min(estimator.best_loss_, loss)
        if self.held_out is None:
            self._count(loss)
        else:
            self._count(-self._score(self.held_out, logs))
        self._follow_rate()

    def _demand_finite(self, loss: float, epoch: int) -> None:
        if not isfinite(loss):
            raise ValueError(
                f"{type(self.estimator).__name__}: the loss became {loss} in epoch {epoch + 1}. "
                "Scale the data, for example with StandardScaler in a pipeline, or lower "
                f"learning_rate_init, now {self.rate:g}."
            )

    def _score(self, held_out: HeldRows, logs: Logs) -> float:
        """The score of the rows held out; the best weights are kept."""
        estimator = self.estimator
        if estimator.scored_by == "loss":
            score = -logs["val_loss"]
        else:
            weighs = {} if held_out.weights is None else {"sample_weight": held_out.weights}
            score = float(self.scorer(self.judge, held_out.x, held_out.y, **weighs))
        logs["val_score"] = score  # for callbacks that come after this one
        self.model.history.history.setdefault("val_score", []).append(score)
        estimator.validation_scores_.append(score)
        if self.best_weights is None or score > estimator.best_validation_score_:
            estimator.best_validation_score_ = score
            self.best_weights = self.model.get_weights()
        return score

    def _count(self, cost: float) -> None:
        """Whether a number that should fall still does."""
        self.waited = 0 if cost <= self.best - self.estimator.tol else self.waited + 1
        self.best = min(self.best, cost)
        if self.waited <= self.estimator.n_iter_no_change:
            return
        optimizer = self.model.optimizer
        if self.estimator.learning_rate == "adaptive" and optimizer.learning_rate > SLOWEST:
            optimizer.learning_rate /= 5
            self.waited = 0
        else:
            self.converged = self.model.stop_training = True

    def _follow_rate(self) -> None:
        if self.estimator.learning_rate == "invscaling":
            divisor = (self.estimator.t_ + 1) ** self.estimator.power_t
            self.model.optimizer.learning_rate = self.rate / divisor

    @property
    def exhausted(self) -> str | None:
        """What to warn of if all epochs were used up before it converged; None if they were not."""
        estimator, most = self.estimator, self.estimator.max_iter
        if self.converged or estimator.n_iter_ < most or estimator.n_iter_no_change == inf:
            return None
        return (
            f"{type(estimator).__name__}: maximum iterations ({most}) reached, and training has "
            "not converged yet. Increase max_iter or learning_rate_init; n_iter_no_change=np.inf "
            "trains for max_iter epochs without this warning."
        )

    def restore(self) -> None:
        """Put back the weights of the best score, once training is over."""
        if self.best_weights is not None:
            self.estimator.model_.set_weights(self.best_weights)
