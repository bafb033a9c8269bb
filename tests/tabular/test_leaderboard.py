"""The leaderboard: the same folds for all, honest scores, and who fails or comes too late."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import KFold, cross_validate

from axon.tabular import contestants, leaderboard
from axon.tabular.contestants import CONTESTANTS, Contestant, Trial

RANDOM = np.random.default_rng(0)
SIZES = RANDOM.normal(size=120)
ROWS = [
    {
        "size": None if i % 9 == 4 else s,
        "colour": None if i % 11 == 3 else c,
        "seen": f"2024-0{m}-05",
    }
    for i, (s, c, m) in enumerate(
        zip(
            SIZES,
            RANDOM.choice(["red", "green", "blue"], 120),
            RANDOM.integers(1, 9, 120),
            strict=True,
        )
    )
]
RED = np.array([r["colour"] == "red" for r in ROWS])
AMOUNTS = np.array([(r["size"] or 0) for r in ROWS]) * 3 + 5 * RED
QUICK = ["AXON fast", "linear", "RandomForest", "LightGBM", "XGBoost", "constant"]
OTHERS = {
    "two classes": (np.where(AMOUNTS > 2, "much", "little"), "log-loss"),
    "a class of two rows": (np.where(np.arange(120) < 2, 2, AMOUNTS > 2), "log-loss"),
    "labels": (np.stack([AMOUNTS > 2, RED], axis=1).astype(int), "log-loss"),
    "targets": (np.stack([AMOUNTS, -AMOUNTS], axis=1), "RMSE"),
    "a target": (AMOUNTS, "RMSE"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_all_learn_more_than_a_constant_answer(case: str) -> None:
    y, loss = OTHERS[case]
    names = [name for name in QUICK if CONTESTANTS[name].there]
    board = leaderboard(ROWS, y, contestants=names, folds=2)
    found = {row["contestant"]: row for row in board.rows}
    assert found.keys() == set(names)
    assert board.said == []
    losses = [row[loss] for row in board.rows]
    assert losses == sorted(losses)
    if case != "a class of two rows":
        assert found["constant"] is board.rows[-1]
        assert losses[0] < 0.7 * losses[-1]


def test_all_that_are_installed_take_part() -> None:
    rows = ROWS[:40]
    board = leaderboard(rows, AMOUNTS[:40] > 2, folds=2)
    assert {row["contestant"] for row in board.rows} == {
        n for n, c in CONTESTANTS.items() if c.there
    }
    assert {"AXON fast", "AXON good", "AXON best"} <= {row["contestant"] for row in board.rows}
    assert str(board).splitlines()[0] == "40 rows, 3 columns, 2 folds"
    assert str(board).splitlines()[1].split() == [
        "contestant",
        "log-loss",
        "+-",
        "accuracy",
        "seconds",
    ]


def test_scores_are_those_of_the_same_folds_by_scikit_learn() -> None:
    x = RANDOM.normal(size=(90, 3))
    y = x[:, 0] + 0.1 * x[:, 1]
    board = leaderboard(x, y, contestants=["HistGradientBoosting", "constant"], folds=3)
    folds = KFold(3, shuffle=True, random_state=0)
    scoring = ("neg_root_mean_squared_error", "r2")
    model = HistGradientBoostingRegressor(random_state=0)
    by_hand = cross_validate(model, x, y, cv=folds, scoring=scoring)
    errors = -by_hand[f"test_{scoring[0]}"]
    found = next(r for r in board.rows if r["contestant"] == "HistGradientBoosting")
    assert found["RMSE"] == pytest.approx(errors.mean())
    assert found["deviation"] == pytest.approx(errors.std())
    assert found["R2"] == pytest.approx(by_hand["test_r2"].mean())
    constant = [np.sqrt(np.mean((y[b] - y[a].mean()) ** 2)) for a, b in folds.split(x)]
    found = next(r for r in board.rows if r["contestant"] == "constant")
    assert found["RMSE"] == pytest.approx(np.mean(constant))


def test_categories_come_to_others_as_categories_with_gaps_and_unknown_values() -> None:
    x = {"a": [1.0, None, 3.0, 4.0], "c": ["u", "v", None, "u"]}
    test = {"a": [2.0, 5.0], "c": ["w", None]}
    split = Trial(x, np.arange(4.0), test, np.arange(2.0), 0)
    first, second, categories = contestants.marked(split)
    np.testing.assert_array_equal(first, [[1, 0], [np.nan, 1], [3, np.nan], [4, 0]])
    np.testing.assert_array_equal(second, [[2, np.nan], [5, np.nan]])
    assert categories == [1]


def test_a_target_may_be_a_column_and_rows_without_it_are_left_out() -> None:
    rows = [
        {**r, "price": None if i < 3 else a}
        for i, (r, a) in enumerate(zip(ROWS, AMOUNTS, strict=True))
    ]
    said: list[str] = []
    board = leaderboard(rows, "price", contestants=["linear"], folds=2, said=said.append)
    assert board.title == "117 rows, 3 columns, 2 folds"
    assert list(board.rows[0])[1:3] == ["RMSE", "R2"]
    assert [line.split(":")[0] for line in said] == ["fold 1 of 2", "fold 2 of 2"]
    classes = leaderboard(rows, RED * 2, contestants=["constant"], folds=2, task="regression")
    assert "RMSE" in classes.rows[0]


def test_who_fails_is_said_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(split: Trial) -> np.ndarray:
        raise RuntimeError("out of luck")

    monkeypatch.setitem(contestants.CONTESTANTS, "unlucky", Contestant("axon", fails))
    board = leaderboard(ROWS, AMOUNTS, contestants=["unlucky", "constant"], folds=2)
    assert [row["contestant"] for row in board.rows] == ["constant"]
    assert board.said == ["unlucky failed: RuntimeError: out of luck"]
    assert str(board).endswith("unlucky failed: RuntimeError: out of luck")


def test_who_would_start_too_late_is_left_out_and_said() -> None:
    board = leaderboard(ROWS, AMOUNTS, contestants=["constant", "linear"], folds=5, time_limit=0.0)
    assert board.rows == []
    assert board.said == [
        "The time was over in fold 1 of 5.",
        "constant is left out: there was no time for it.",
        "linear is left out: there was no time for it.",
    ]
    assert "no time" in str(board)


def test_only_folds_that_all_have_done_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, *[1.0] * 3, 99.0])  # the beginning, two of fold 1, one of fold 2, the end
    monkeypatch.setattr("axon.tabular.board.monotonic", lambda: next(now))
    board = leaderboard(ROWS, AMOUNTS, contestants=["constant", "linear"], folds=3, time_limit=9)
    assert [row["folds"] for row in board.rows] == [1, 1]
    assert board.said == ["The time was over in fold 2 of 3."]


def test_a_leaderboard_becomes_a_frame() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    board = leaderboard(ROWS, AMOUNTS, contestants=["constant"], folds=2)
    assert board.to_pandas().equals(pandas.DataFrame(board.rows))


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"contestants": ["linaer"]}, "no contestant 'linaer'. Did you mean 'linear'"),
        ({"task": "regresion"}, "task is one of classification, regression, got 'regresion'. Did"),
        ({"folds": 1}, "folds is a whole number from 2 to the number of rows, 120; got 1"),
        ({"drop": ["colours"]}, "no column 'colours'"),
    ],
)
def test_what_cannot_be_compared_is_said(told: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        leaderboard(ROWS, AMOUNTS, **{"contestants": ["constant"], **told})


def test_a_contestant_that_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(contestants.CONTESTANTS, "other", Contestant("nosuchthing", print))
    with pytest.raises(ImportError, match="other needs nosuchthing, which is not installed"):
        leaderboard(ROWS, AMOUNTS, contestants=["other"])
