"""What users say of how long to learn, over how many folds, and what they see meanwhile."""

import re

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn, the extra 'tabular'")

from axon.tabular import TabularClassifier, TabularRegressor, watching
from axon.tabular.watching import EpochWatch

RNG = np.random.default_rng(0)
X = {"size": RNG.standard_normal(120)}
Y = X["size"] * 3 + RNG.standard_normal(120)


def test_time_that_is_over_ends_learning_after_an_epoch():
    model = TabularRegressor("fast", 0, time_limit=1e-6).fit(X, Y)
    assert len(model.fitted_.losses) == 1
    assert np.isfinite(model.predict(X)).all()
    long = TabularRegressor("fast", 0, time_limit=3600).fit(X, Y)
    plain = TabularRegressor("fast", 0).fit(X, Y)
    assert len(long.fitted_.losses) > 1
    assert np.array_equal(long.predict(X), plain.predict(X))


def test_a_limit_is_the_end_of_the_epoch_in_which_it_comes(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(watching.time, "monotonic", lambda: now[0])
    watch = EpochWatch(10, 5)
    assert not watch(0, 0.5)
    now[0] = 104.9
    assert not watch(1, 0.5)
    now[0] = 105.0
    assert watch(2, 0.5)


@pytest.mark.parametrize(("effort", "folds", "members"), [("fast", 3, 3), ("good", 3, 9)])
def test_folds_give_predictions_of_all_rows(effort, folds, members):
    model = TabularRegressor(effort, 0, folds=folds, time_limit=1e-6).fit(X, Y)
    assert model.fitted_.net.members == members
    assert np.isfinite(model.out_of_fold_).all()
    assert not np.array_equal(model.out_of_fold_, model.predict(X))


@pytest.mark.parametrize("folds", [1, 0, 2.5, 121, "3"])
def test_folds_that_cannot_be_are_refused(folds):
    with pytest.raises(ValueError, match="TabularRegressor: folds is a whole number from 2 to the"):
        TabularRegressor("fast", folds=folds).fit(X, Y)


@pytest.mark.parametrize("limit", [0, -1, float("inf"), float("nan")])
def test_limits_that_cannot_be_are_refused(limit):
    with pytest.raises(ValueError, match="TabularClassifier: time_limit is a number of seconds ab"):
        TabularClassifier("fast", time_limit=limit).fit(X, Y > 0)


def test_what_is_shown(capsys):
    model = TabularRegressor("fast", 0, verbose=2).fit(X, Y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(model.fitted_.losses)
    assert re.fullmatch(r"Epoch 1/\d+ - \d+\.\ds - val_loss: \d\.\d{4}", lines[0])
    assert lines[1].startswith("Epoch 2/")
    TabularRegressor("fast", 0, time_limit=1e-6).fit(X, Y)
    assert capsys.readouterr().out == ""


def test_in_a_terminal_a_bar_moves_and_goes(monkeypatch, capsys):
    monkeypatch.setattr(watching, "printer", lambda verbose: [watching.ProgressBar()])
    TabularRegressor("fast", 0, verbose=1, time_limit=1e-6).fit(X, Y)
    first, *_, last = capsys.readouterr().out.split("\r")[1:]
    assert re.fullmatch(r"Epoch 1/\d+ .* left \d+\w+/step - val_loss: \d\.\d{4}", first.rstrip())
    assert last.strip() == ""
