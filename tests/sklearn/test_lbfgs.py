"""``solver="lbfgs"``: the minimum that closed forms and scikit-learn's own models find."""

import pickle
import warnings

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from axon import Sequential
from axon.layers import Dense
from axon.sklearn import AxonClassifier, AxonRegressor

EXACT = {"solver": "lbfgs", "dtype": "float64", "tol": 1e-9, "max_iter": 2000, "random_state": 0}


def scaled(load):
    x, y = load(return_X_y=True)
    return StandardScaler().fit_transform(x), y


def line(outputs, last="linear"):
    return Sequential([Dense(outputs, last, dtype="float64")])


@pytest.mark.parametrize("weighed", [False, True])
def test_a_line_is_that_of_ridge(weighed):
    x, y = scaled(load_diabetes)
    y = (y - y.mean()) / y.std()
    weights = np.random.default_rng(0).uniform(0.5, 2, len(y)) if weighed else None
    ours = AxonRegressor(network=line(1), alpha=3.0, **EXACT).fit(x, y, weights)
    theirs = Ridge(alpha=3.0).fit(x, y, weights)
    np.testing.assert_allclose(ours.coefs_[0][:, 0], theirs.coef_, atol=2e-4)
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x), atol=2e-4)


@pytest.mark.parametrize("balance", [None, "balanced"])
def test_classes_are_those_of_logistic_regression(balance):
    x, y = scaled(load_iris)
    options = {**EXACT, "class_weight": balance, "alpha": 0.5}
    ours = AxonClassifier(network=line(3, "softmax"), **options).fit(x[10:], y[10:])
    theirs = LogisticRegression(C=2.0, class_weight=balance, tol=1e-9, max_iter=2000)
    theirs.fit(x[10:], y[10:])
    np.testing.assert_allclose(ours.predict_proba(x), theirs.predict_proba(x), atol=2e-4)


def test_a_network_is_as_good_as_mlps():
    x, y = scaled(load_breast_cancer)
    options = {"solver": "lbfgs", "alpha": 1.0, "random_state": 0, "max_iter": 300}
    ours = AxonClassifier((8,), activation="tanh", **options).fit(x, y)
    theirs = MLPClassifier((8,), activation="tanh", **options).fit(x, y)
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=0.05)
    assert ours.loss_curve_ == ours.history_.history["loss"] == sorted(ours.loss_curve_)[::-1]
    assert ours.n_iter_ == len(ours.loss_curve_) < 300
    again = pickle.loads(pickle.dumps(ours))
    assert (again.predict_proba(x) == ours.predict_proba(x)).all()


def test_sparse_rows_are_rows():
    x, y = scaled(load_iris)
    x[x < 0] = 0
    options = {"solver": "lbfgs", "random_state": 0, "tol": 1e-3}
    one, other = (AxonClassifier((5,), **options).fit(rows, y) for rows in (csr_matrix(x), x))
    assert (one.predict_proba(x) == other.predict_proba(x)).all()


def test_steps_are_counted_and_go_on(capsys):
    x, y = scaled(load_iris)
    model = AxonClassifier((5,), solver="lbfgs", max_iter=5, random_state=0, verbose=True)
    with pytest.warns(ConvergenceWarning, match=r"maximum iterations \(5\) reached, and lbfgs"):
        model.fit(x, y)
    assert capsys.readouterr().out.count("Iteration ") == model.n_iter_ == 5
    first = model.loss_
    model.set_params(warm_start=True, n_iter_no_change=np.inf)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(x, y)
    assert model.loss_ < first
    assert len(model.loss_curve_) == 10


def test_what_it_cannot_do_is_said():
    x, y = scaled(load_iris)
    with pytest.raises(ValueError, match="partial_fit does not support solver='lbfgs'"):
        AxonClassifier(solver="lbfgs").partial_fit(x, y, classes=[0, 1, 2])
    huge = np.where(np.arange(len(y))[:, None] % 2, 1e30, -1e30)
    with pytest.raises(ValueError, match="the loss became"):
        AxonRegressor(solver="lbfgs", max_iter=3, random_state=0).fit(huge, y * 1.0)
