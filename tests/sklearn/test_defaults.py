"""Defaults that know better than an MLP's: targets in a unit of their own, and when to stop."""

import pickle
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")

from sklearn.metrics import log_loss, r2_score

from axon.layers import Dense, Normalization
from axon.models import Sequential
from axon.sklearn import AxonClassifier, AxonRegressor
from axon.sklearn.unit import unit_of

# some fits are to be short
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
RNG = np.random.default_rng(0)
X = RNG.standard_normal((400, 5))
NUMBER = X[:, 0] + np.abs(X[:, 1]) + 0.1 * RNG.standard_normal(400)
RARE = (RNG.random(400) < 0.02 + 0.1 * (X[:, 0] > 0)).astype(int)


def far(y: Any) -> Any:
    return 5000 + 300 * y


def test_targets_are_learned_in_any_unit() -> None:
    plain, scaled = (
        AxonRegressor(scale_targets=s, random_state=0, max_iter=60, n_iter_no_change=np.inf).fit(
            X, far(NUMBER)
        )
        for s in (False, True)
    )
    assert plain.score(X, far(NUMBER)) < 0 < 0.8 < scaled.score(X, far(NUMBER))
    assert scaled.loss_curve_[-1] < 1
    made = scaled.model_.predict(X.astype(np.float32)).ravel()  # the network is in y's unit, too
    np.testing.assert_allclose(made, scaled.predict(X), rtol=1e-5)


def test_a_unit_changes_nothing_but_the_unit() -> None:
    """By powers of 2 nothing is rounded: the same bits come out, times 1024."""
    options: Any = {"random_state": 0, "max_iter": 20, "n_iter_no_change": np.inf}
    small = AxonRegressor(**options).fit(X, NUMBER)
    large = AxonRegressor(**options).fit(X, 1024 * NUMBER)
    np.testing.assert_allclose(large.predict(X), 1024 * small.predict(X), rtol=1e-6)
    np.testing.assert_allclose(large.loss_curve_, small.loss_curve_, rtol=1e-6)


def test_each_of_several_targets_has_its_unit() -> None:
    both = np.stack([1e6 * NUMBER, 1e-3 * X[:, 1] ** 2 - 7], axis=1)
    model = AxonRegressor(random_state=0, max_iter=150, learning_rate_init=0.01).fit(X, both)
    assert min(r2_score(both, model.predict(X), multioutput="raw_values")) > 0.8
    assert isinstance(model.model_.layers[-1], Normalization)


def test_metrics_and_scores_are_in_the_unit_of_the_targets() -> None:
    model = AxonRegressor(metrics=["mae"], early_stopping=True, random_state=0, max_iter=40).fit(
        X, far(NUMBER)
    )
    error = np.abs(model.predict(X) - far(NUMBER)).mean()
    (told,) = (v for k, v in model.history_.history.items() if k in ("mae", "mean_absolute_error"))
    assert 0.3 < told[-1] / error < 3
    assert 0.3 < model.best_validation_score_ <= 1


@pytest.mark.parametrize(
    "options",
    [
        {"scale_targets": False},
        {"loss": "huber"},
        {"loss": "poisson"},
        {"network": Sequential([Dense(8, activation="tanh"), Dense(1)])},
    ],
)
def test_where_the_unit_matters_it_stays(options: Any) -> None:
    model = AxonRegressor(max_iter=2, n_iter_no_change=np.inf, **options).fit(X, np.abs(NUMBER))
    assert isinstance(model.model_.layers[-1], Dense)


def test_constant_targets_and_those_far_away() -> None:
    model = AxonRegressor(max_iter=3, n_iter_no_change=np.inf).fit(X, np.full(400, 12345.0))
    np.testing.assert_allclose(model.predict(X), 12345, atol=3)
    y = 1.7e9 + 3600 * NUMBER  # seconds since 1970: float32 knows them to two minutes
    model = AxonRegressor(random_state=0, max_iter=100, learning_rate_init=0.01).fit(X, y)
    assert r2_score(y, model.predict(X)) > 0.8


def test_a_unit_is_that_of_the_rows_that_count() -> None:
    y = np.array([[1.0], [2.0], [9.0]])
    repeated = unit_of(y.repeat([2, 3, 0], axis=0), None)
    weighed = unit_of(y[::-1], np.array([0.0, 3.0, 2.0]))
    assert repeated.center == weighed.center != unit_of(y, None).center
    assert repeated.spread == weighed.spread == 0.5
    assert np.isfinite(unit_of(np.array([[1e300], [-1e300]]), None).spread).all()


def test_going_on_keeps_the_unit() -> None:
    model = AxonRegressor(random_state=0, warm_start=True, max_iter=30).fit(X, far(NUMBER))
    before = model.score(X, far(NUMBER))
    unit = model.model_.layers[-1].mean
    assert model.fit(X[:50], far(NUMBER[:50])).model_.layers[-1].mean == unit
    copy = pickle.loads(pickle.dumps(model.fit(X, far(NUMBER))))
    assert np.array_equal(copy.predict(X), model.predict(X))
    again = copy.fit(X, far(NUMBER))
    assert np.array_equal(again.predict(X), model.fit(X, far(NUMBER)).predict(X))
    assert again.score(X, far(NUMBER)) > before


def test_pickles_of_older_versions_predict_the_same_bits_and_go_on() -> None:
    model = AxonRegressor(scale_targets=False, warm_start=True, random_state=0, max_iter=5)
    state = pickle.loads(pickle.dumps(model.fit(X, NUMBER).__getstate__()))
    for name in ("scale_targets", "_spread"):  # what they do not say
        del state[name]
    older = AxonRegressor.__new__(AxonRegressor)
    older.__setstate__(state)
    assert np.array_equal(older.predict(X), model.predict(X))
    assert np.array_equal(older.fit(X, NUMBER).predict(X), model.fit(X, NUMBER).predict(X))


# ------------------------------------------------------------------------------------ stopping


def test_rare_classes_are_not_learned_by_heart() -> None:
    new = np.random.default_rng(1)
    x = new.standard_normal((2000, 5))
    y = (new.random(2000) < 0.02 + 0.1 * (x[:, 0] > 0)).astype(int)
    plain, watched = (
        AxonClassifier(random_state=0, learning_rate_init=0.01, early_stopping=e).fit(X, RARE)
        for e in (False, "auto")
    )
    constant = log_loss(y, np.full(2000, RARE.mean()))
    assert log_loss(y, plain.predict_proba(x)) > 1.2 * constant
    assert log_loss(y, watched.predict_proba(x)) < 1.1 * constant
    assert watched.n_iter_ < plain.n_iter_
    assert watched.best_validation_score_ == max(watched.validation_scores_) < 0  # minus a loss
    assert watched.best_loss_ == min(watched.loss_curve_)
    assert AxonClassifier().early_stopping == "auto"


def test_few_rows_and_parts_hold_out_none() -> None:
    for model in (
        AxonClassifier(max_iter=2, n_iter_no_change=np.inf).fit(X, RARE),
        AxonClassifier().partial_fit(X, RARE, classes=[0, 1]),
        AxonClassifier(max_iter=2, tol=1).fit(X[:200], RARE[:200]),
        AxonRegressor(max_iter=2, tol=1, early_stopping="auto").fit(X, NUMBER),
    ):
        assert model.validation_scores_ is None
    model.set_params(early_stopping="sometimes")
    with pytest.raises(ValueError, match='early_stopping must be True, False, or "auto"'):
        model.fit(X, NUMBER)


def test_the_only_row_of_a_class_is_learned_from(monkeypatch: Any) -> None:
    y = RARE.copy()
    y[7] = 2
    learned, rows = [], AxonClassifier._rows

    def seen(self: Any, x: Any, codes: Any, weights: Any) -> Any:
        learned.append(codes)
        return rows(self, x, codes, weights)

    monkeypatch.setattr(AxonClassifier, "_rows", seen)
    for seed in range(4):
        model = AxonClassifier(random_state=seed, max_iter=2, tol=1).fit(X, y)
        assert len(learned[-1]) == 360
        assert 2 in learned[-1]
    with pytest.raises(ValueError, match="least populated"):
        model.set_params(early_stopping=True).fit(X, y)


def test_a_score_that_is_asked_for_counts() -> None:
    model = AxonClassifier(scoring="accuracy", random_state=0, max_iter=20).fit(X, RARE)
    assert 0 < model.best_validation_score_ <= 1
