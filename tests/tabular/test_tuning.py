"""What users say of the networks that learn a table: it is done, and the rest stays as it was."""

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn, the extra 'tabular'")

from sklearn.base import clone

from axon import tabular
from axon.tabular import TabularClassifier, TabularRegressor
from axon.tabular.choices import choose
from axon.tabular.tuning import CHECKS, TUNED, tuned

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 3))
Y = X[:, 0] + X[:, 1] ** 2
GROUPS = np.where(Y > 1, "high", "low")


def plan_of(model):
    """What a model would be made and trained by."""
    told = {name: getattr(model, name) for name in TUNED}
    return tuned("", choose(model.effort, len(X), 2), told)


def test_saying_what_is_chosen_anyway_changes_no_bit():
    chosen = choose("good", len(X), 0)
    plan = chosen.plan
    said = {
        "members": chosen.members,
        "hidden_layer_sizes": list(chosen.widths),
        "bins": chosen.bins,
        "bin_scale": chosen.bin_scale,
        "learning_rate_init": plan.rate,
        "weight_decay": plan.decay,
        "dropout": plan.dropout,
        "batch_size": plan.batch,
        "max_iter": 3,
        "n_iter_no_change": plan.patience,
    }
    assert set(said) == set(TUNED)
    first = TabularRegressor(random_state=0, max_iter=3).fit(X, Y)
    second = TabularRegressor(random_state=0, **said).fit(X, Y)
    assert np.array_equal(first.predict(X), second.predict(X))
    assert choose("good", len(X), 0) == tuned("", chosen, {**said, "max_iter": plan.epochs})


def test_what_is_said_is_done(tmp_path):
    said = {"members": 3, "hidden_layer_sizes": np.array([16, 8]), "bins": 5, "batch_size": 16}
    made = TabularClassifier("best", 0, max_iter=2, **said).fit(X, GROUPS)
    net = made.fitted_.net
    assert (net.members, net.widths, len(made.fitted_.losses)) == (3, (16, 8), 2)
    assert set(net.bins) == {5}
    assert not np.isnan(made.out_of_fold_).any()  # each row is held out by one of the three
    made.save(tmp_path / "n.axon")
    again = tabular.load(tmp_path / "n.axon")
    assert np.array_equal(again.predict_proba(X), made.predict_proba(X))
    assert (again.hidden_layer_sizes, again.bins, again.dropout) == ([16, 8], 5, None)
    assert clone(made).get_params()["members"] == 3
    plain = TabularClassifier("fast", 0, bins=0, hidden_layer_sizes=8, max_iter=1).fit(X, GROUPS)
    assert (plain.fitted_.net.widths, plain.fitted_.net.bins) == ((8,), ())


def test_each_argument_counts():
    """Another value of any of them is another model."""
    usual = {"effort": "fast", "random_state": 0, "hidden_layer_sizes": (8,), "max_iter": 3}
    first = TabularRegressor(**usual).fit(X, Y).predict(X)
    others = {
        "members": 2,
        "hidden_layer_sizes": 9,
        "bins": 4,
        "bin_scale": 0.1,
        "learning_rate_init": 0.01,
        "weight_decay": 2.0,
        "dropout": 0.5,
        "batch_size": 60,
        "max_iter": 2,
    }
    for name, value in others.items():
        found = TabularRegressor(**{**usual, name: value}).fit(X, Y).predict(X)
        assert not np.array_equal(found, first), name
    long = TabularRegressor("fast", 0, hidden_layer_sizes=4, max_iter=40, n_iter_no_change=1)
    assert len(long.fit(X, Y).fitted_.losses) < 40


def test_folds_fit_members():
    assert plan_of(TabularClassifier(members=1))[:2] == (1, 0)
    assert plan_of(TabularClassifier(members=3))[:2] == (3, 3)
    assert plan_of(TabularClassifier("best", members=7))[:2] == (7, 5)
    assert not plan_of(TabularClassifier(members=4)).mixed  # of each group one: all have bins
    assert plan_of(TabularClassifier(members=6)).mixed
    model = TabularClassifier(members=3, folds=2, hidden_layer_sizes=4, max_iter=1).fit(X, GROUPS)
    assert model.fitted_.net.members == 4


@pytest.mark.parametrize("name", TUNED)
def test_what_makes_no_sense_is_named(name):
    for value in ("x", -1, float("nan"), [0], 1.5 if name != "bin_scale" else 0):
        if name in ("learning_rate_init", "weight_decay") and value == 1.5:
            continue
        with pytest.raises(ValueError, match=f"TabularRegressor: {name} must be "):
            TabularRegressor("fast", **{name: value}).fit(X, Y)
    assert name in CHECKS


def test_a_callback_is_told_of_epochs_and_ends_them():
    told = []

    def three(epoch, loss):
        told.append((epoch, loss))
        return epoch == 2

    model = TabularRegressor("fast", 0, hidden_layer_sizes=4).fit(X, Y, callback=three)
    assert [loss for _, loss in told] == model.fitted_.losses
    assert model.n_iter_ == 3
    assert [epoch for epoch, _ in told] == [0, 1, 2]

    class Enough(Exception):
        pass

    def never(epoch, loss):
        raise Enough

    with pytest.raises(Enough):
        model.fit(X, Y, callback=never)
    assert "fitted_" not in vars(model)
    assert model.fit(X, Y, callback=lambda epoch, loss: True).fitted_.best == 0


def test_estimators_pickled_before_there_were_these_have_them():
    older = TabularRegressor(effort="fast")
    for name in TUNED:
        del vars(older)[name]
    assert older.get_params() == TabularRegressor(effort="fast").get_params()
