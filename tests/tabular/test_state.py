"""A fitted estimator goes through JSON and arrays, and predicts the same bits."""

import json
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn, the extra 'tabular'")

from axon.tabular import TabularClassifier, TabularRegressor, from_state, to_state

RNG = np.random.default_rng(0)
TABLE = {
    "size": RNG.standard_normal(120),
    "town": [f"t{i}" for i in RNG.integers(70, size=120)],
    "day": [f"2024-0{1 + i % 9}-11" for i in range(120)],
}
NUMBER = TABLE["size"] * 3 + 7
CASES = {
    "words": (TabularClassifier("fast", 0), np.where(NUMBER > 7, "tall", "short")),
    "objects": (TabularClassifier("fast", 0), np.where(NUMBER > 7, "tall", "short").astype(object)),
    "labels": (
        TabularClassifier("fast", 0),
        np.stack([NUMBER > 7, NUMBER > 8], axis=1).astype(int),
    ),
    "numbers": (TabularRegressor("fast", 0, drop=("day",)), NUMBER),
    "targets": (TabularRegressor("good", 0), np.stack([NUMBER, -NUMBER], axis=1)),
    "quantiles": (TabularRegressor("fast", 0, quantiles=(0.2, 0.8)), NUMBER),
}


@pytest.mark.parametrize("case", CASES)
def test_a_state_gives_the_same_bits(case):
    model, y = CASES[case]
    model.fit(TABLE, y)
    config, arrays = to_state(model)
    again = from_state(json.loads(json.dumps(config)), arrays)
    assert np.array_equal(again.predict(TABLE), model.predict(TABLE))
    assert again.predict(TABLE).dtype == model.predict(TABLE).dtype
    assert np.array_equal(again.out_of_fold_, model.out_of_fold_, equal_nan=True)
    assert again.get_params()["effort"] == model.effort


def test_a_state_of_something_else_is_refused():
    with pytest.raises(ValueError, match="one of TabularClassifier, TabularRegressor, got 'Dog'"):
        from_state({"estimator": "Dog"}, {})


def test_an_array_of_another_shape_is_refused():
    config, arrays = to_state(TabularRegressor("fast", 0).fit(TABLE, NUMBER))
    arrays["network/scale"] = arrays["network/scale"][1:]
    with pytest.raises(ValueError, match=r"'scale' has shape .*, expected"):
        from_state(config, arrays)


WITHOUT = """
import sys
sys.modules["sklearn"] = None
import axon.tabular
axon.tabular.read({"size": [1, 2]}), axon.tabular.Columns, axon.tabular.Ensemble
for ask in (lambda: axon.tabular.TabularRegressor, lambda: axon.tabular.leaderboard):
    try:
        ask()
    except ImportError as error:
        print(error)
"""


def test_estimators_alone_need_scikit_learn():
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True)
    assert not done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert "TabularClassifier and TabularRegressor need scikit-learn" in line
        assert "pip install scikit-learn (the extra 'tabular')" in line
