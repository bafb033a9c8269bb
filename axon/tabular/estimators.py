"""TabularClassifier and TabularRegressor: scikit-learn's estimators, for a table as it comes."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from axon.names import install
from axon.tabular.class_learner import ClassLearner
from axon.tabular.number_learner import NumberLearner

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
except ImportError as error:
    raise ImportError(
        "TabularClassifier and TabularRegressor need scikit-learn, which is not installed. Run: "
        + install("tabular")
    ) from error
from sklearn.metrics import d2_pinball_score
from sklearn.utils import Tags


class TabularEstimator(BaseEstimator):  # type: ignore[misc]
    """What scikit-learn wants to know of both."""

    @property
    def _owner(self) -> str:
        return type(self).__name__

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.string = True
        tags.target_tags.multi_output = True
        return tags


class TabularClassifier(ClassifierMixin, TabularEstimator, ClassLearner):  # type: ignore[misc]
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
        members: networks that learn side by side. From here on None is what suits the table, by
            its rows and its target.
        hidden_layer_sizes: neurons of each hidden layer of a network, such as (64, 64).
        bins: into how many pieces the span of a number is cut (piecewise linear encoding), beside
            the scaled number itself; 0: none.
        bin_scale: how large these inputs are at first, beside 1 for the others; the less, the
            smoother is what is learned.
        learning_rate_init: how far the weights of a neuron with one input move in a step; those of
            one with n inputs move 1 / sqrt(n) of it.
        weight_decay: what each step takes away of the weights, times their rate.
        dropout: share of the neurons left out by chance in each step.
        batch_size: rows in a step.
        max_iter: epochs, at most; the learning rate comes to 0 in the last one.
        n_iter_no_change: epochs without a better one, after which it ends.

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

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class TabularRegressor(RegressorMixin, TabularEstimator, NumberLearner):  # type: ignore[misc]
    """Predicts numbers from a table as it comes.

    Args:
        effort, random_state, categorical, numeric, dates, text, drop: as for TabularClassifier.
        folds, time_limit, verbose, members, hidden_layer_sizes, bins, bin_scale: likewise.
        learning_rate_init, weight_decay, dropout, batch_size, max_iter, n_iter_no_change: likewise.
        quantiles: of the target, such as (0.1, 0.5, 0.9), to be predicted instead of its mean.

    >>> rows = [{"size": i / 10, "kind": "ab"[i % 2]} for i in range(60)]
    >>> model = TabularRegressor("fast", random_state=0).fit(rows, [i / 20 for i in range(60)])
    >>> abs(model.predict(rows[30:31]) - 1.5).item() < 0.3
    True
    """

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


ESTIMATORS: dict[str, type[TabularClassifier | TabularRegressor]] = {
    e.__name__: e for e in (TabularClassifier, TabularRegressor)
}
