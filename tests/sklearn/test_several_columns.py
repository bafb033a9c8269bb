"""y with a class in each column, as forests take it."""

import pickle

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.multioutput import MultiOutputClassifier

from axon.sklearn import AxonClassifier

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 3))
KIND = np.array(list("abc"))[np.digitize(X[:, 0] + RNG.normal(size=120), [-0.5, 0.5])]
SIDE = np.where(X[:, 1] + RNG.normal(size=120) > 0, "u", "v")
Y = np.stack([KIND, SIDE], axis=1)
SHORT = {
    "max_iter": 20,
    "n_iter_no_change": np.inf,
    "learning_rate_init": 0.03,
    "random_state": 0,
}
LINEAR = {"hidden_layer_sizes": (), "solver": "lbfgs", "tol": 1e-6, "dtype": "float64"}


def test_each_column_is_learned_as_logistic_regression_learns_it():
    model = AxonClassifier(alpha=1.0, max_iter=500, **LINEAR).fit(X, Y)
    alone = MultiOutputClassifier(LogisticRegression(tol=1e-8)).fit(X, Y)
    three, two = alone.predict_proba(X)
    mine, other = model.predict_proba(X)
    np.testing.assert_allclose(mine, three, atol=1e-4)
    assert other.shape == two.shape  # two logits are kept small, where scikit-learn has one
    np.testing.assert_array_equal(model.predict(X)[:, 0], alone.predict(X)[:, 0])


@pytest.mark.parametrize("options", [{}, {"early_stopping": True}, {"class_weight": "balanced"}])
def test_shapes_are_those_of_a_forest(options):
    model = AxonClassifier((8,), **SHORT, **options)
    forest = RandomForestClassifier(2, random_state=0).fit(X, Y)
    model.fit(X, Y)
    assert model.n_outputs_ == forest.n_outputs_ == 2
    for one, other in zip(model.classes_, forest.classes_, strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(model.predict_proba(X), forest.predict_proba(X), strict=True):
        assert one.shape == other.shape
    for one, other in zip(model.predict_log_proba(X), model.predict_proba(X), strict=True):
        np.testing.assert_allclose(np.exp(one), other, rtol=1e-4)
    assert model.predict(X).dtype == forest.predict(X).dtype
    assert model.score(X, Y) == (model.predict(X) == Y).all(axis=1).mean() > 0.3
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_pieces_and_folds():
    model = AxonClassifier((8,), learning_rate_init=0.05, random_state=0)
    for _ in range(20):
        model.partial_fit(X[:60], Y[:60], classes=[["a", "b", "c"], ["u", "v"]])
        model.partial_fit(X[60:], Y[60:])
    assert model.score(X, Y) > 0.4
    scores = cross_val_score(AxonClassifier((8,), **SHORT), X, Y, cv=2)
    assert scores.shape == (2,)
    for call, told in {
        lambda: model.partial_fit(X, np.full_like(Y, "z")): r"column 0 of y has classes not in",
        lambda: model.partial_fit(X, Y[:, 0]): r"y has shape \(120,\), but held 2 columns",
        lambda: model.partial_fit(X, Y, [["a"], ["u"]]): "not the same as on the last call",
        lambda: AxonClassifier(loss="mse").fit(X, Y): "loss='mse'.*MultiOutputClassifier",
        lambda: model.report("never.html", X, Y): "one set of classes.*Leave X and y out",
    }.items():
        with pytest.raises(ValueError, match=told):
            call()
