"""Importances of columns, and intervals of numbers, by held-out rows."""

import pickle

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss

from axon.tabular import TabularClassifier, TabularRegressor, from_state, read, to_state
from axon.tabular.intervals import quantile
from axon.tabular.table import Table

# What is odd about new rows is warned of: test_estimators.py looks at that.
pytestmark = pytest.mark.filterwarnings("ignore:Tabular:UserWarning")

RANDOM = np.random.default_rng(0)


def table_of(n: int) -> Table:
    """A column that counts much, one that counts little, a date, noise; and two left out."""
    return read(
        {
            "noise": RANDOM.normal(size=n),
            "much": RANDOM.choice(["a", "b", "c"], n),
            "constant": np.ones(n),
            "seen": np.datetime64("2024-01-01") + RANDOM.integers(0, 700, n),
            "little": RANDOM.normal(size=n),
            "id": [f"row{i}" for i in range(n)],
        }
    )


def amounts_of(table: Table) -> np.ndarray:
    much = np.array([{"a": 0.0, "b": 4.0, "c": 9.0}[v] for v in table.column("much")])
    days = (table.column("seen") - np.datetime64("2024-01-01")).astype("m8[D]").astype(float)
    return much + table.column("little") + 3 * (days > 350) + RANDOM.normal(0, 0.3, table.rows)


TABLE = table_of(400)
Y = amounts_of(TABLE)
ORDER = ["noise", "little", "seen", "much"]  # by how much they count
SEVERAL = {
    "two classes": (TabularClassifier("fast", 0), np.where(Y > 5, "yes", "no")),
    "many classes": (TabularClassifier("fast", 0), np.digitize(Y, [2, 5, 9])),
    "labels": (TabularClassifier("fast", 0), np.stack([Y > 5, Y > 9], axis=1).astype(int)),
    "targets": (TabularRegressor("fast", 0), np.stack([Y, Y**2], axis=1)),
    "a target": (TabularRegressor("good", 0), Y),
    "quantiles": (TabularRegressor("fast", 0, quantiles=(0.1, 0.5, 0.9)), Y),
}


@pytest.mark.parametrize("case", SEVERAL)
def test_columns_that_count_are_important(case: str) -> None:
    model, y = SEVERAL[case]
    model.fit(TABLE, y)
    for found in (model.feature_importances_, model.importances("gradient")):
        assert found.shape == (6,)
        assert found[2] == found[5] == 0  # left out
        by_name = dict(zip(TABLE.names, found, strict=True))
        assert max(by_name, key=by_name.get) == "much"
        assert abs(by_name["noise"]) < 0.2 * by_name["much"]
        assert by_name["seen"] > by_name["noise"]
    again = from_state(*to_state(model))
    assert again._evidence.held is None
    np.testing.assert_array_equal(again.feature_importances_, model.feature_importances_)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.importances("gradient"), model.importances("gradient"))
    with pytest.raises(ValueError, match=r"a model from a file keeps no rows. Give rows"):
        again.importances("gradient")
    given = again.importances("permutation", TABLE, y)
    assert given.argmax() == 1


def test_permutation_is_the_growth_of_the_loss_with_a_column_shuffled() -> None:
    """The same by hand: rows of a table, one column of which is moved, and scikit-learn's loss."""
    model, y = SEVERAL["two classes"]
    model.fit(TABLE, y)
    new = table_of(300)
    truth = np.where(amounts_of(new) > 5, "yes", "no")
    found = model.importances(X=new, y=truth)
    before = log_loss(truth, model.predict_proba(new))
    for name in ("much", "seen", "little"):
        at, grown = new.names.index(name), []
        for seed in range(20):
            columns = list(new.columns)
            columns[at] = columns[at][np.random.default_rng(seed).permutation(300)]
            p = model.predict_proba(new._replace(columns=columns))
            grown.append(log_loss(truth, p) - before)
        spread = np.std(grown) * (1 / 5 + 1 / 20) ** 0.5
        assert found[at] == pytest.approx(np.mean(grown), abs=4 * spread + 1e-3)


def test_held_out_rows_are_predicted_by_members_that_never_saw_them() -> None:
    """Of pure noise the loss can't grow, unless rows were learned by heart."""
    x, y = RANDOM.normal(size=(150, 4)), RANDOM.normal(size=150)
    model = TabularRegressor("good", 0).fit(x, y)
    assert (abs(model.feature_importances_) < 0.15).all()


def test_gradients_are_slopes() -> None:
    """Of a function that is nearly linear: the slope times the mean distance from the mean."""
    x = RANDOM.uniform(-1, 1, size=(600, 3))
    model = TabularRegressor("good", 0).fit(x, 5 * x[:, 0] + 2 * x[:, 1])
    found = model.importances("gradient", X=x)
    expected = np.array([5, 2, 0]) * abs(x - x.mean(axis=0)).mean()
    np.testing.assert_allclose(found, expected, rtol=0.25, atol=0.25)


def test_importances_say_what_they_need() -> None:
    model, y = SEVERAL["two classes"]
    with pytest.raises(NotFittedError):
        TabularClassifier().feature_importances_  # noqa: B018
    model.fit(TABLE, y)
    with pytest.raises(ValueError, match=r"method is one of .*got 'gradients'. Did you mean"):
        model.importances("gradients")
    with pytest.raises(ValueError, match="X comes without y"):
        model.importances(X=TABLE)
    with pytest.raises(ValueError, match="y holds 'perhaps', which is none of the classes"):
        model.importances(X=TABLE, y=np.where(Y > 5, "yes", "perhaps"))


# ------------------------------------------------------------------------------------ intervals


@pytest.mark.parametrize("coverage", [0.5, 0.9])
@pytest.mark.parametrize("case", ["a target", "targets", "quantiles"])
def test_intervals_hold_the_share_that_they_promise(case: str, coverage: float) -> None:
    model, y = SEVERAL[case]
    if not hasattr(model, "fitted_"):
        model.fit(TABLE, y)
    new = table_of(500)
    truth = amounts_of(new)
    truth = np.stack([truth, truth**2], axis=1) if case == "targets" else truth
    found = model.predict_interval(new, coverage)
    assert found.shape == (*truth.shape, 2)
    held = (found[..., 0] <= truth) & (truth <= found[..., 1])
    assert held.mean(axis=0) == pytest.approx(coverage, abs=0.12)
    again = from_state(*to_state(model))
    np.testing.assert_array_equal(again.predict_interval(new, coverage), found)


def test_intervals_are_longer_where_rows_are_unlike_those_learned_from() -> None:
    x = RANDOM.uniform(-1, 1, size=(300, 1))
    model = TabularRegressor("good", 0).fit(x, np.sin(3 * x[:, 0]) + RANDOM.normal(0, 0.1, 300))
    ends = model.predict_interval([[0.0], [4.0]])
    long = ends[:, 1] - ends[:, 0]
    assert long[1] > 1.5 * long[0]


def test_the_margin_counts_the_new_row_and_weights() -> None:
    errors = np.arange(1.0, 10.0)[:, None]  # of nine rows: 0.9 (9 + 1) = 9 of them
    assert quantile(errors, np.ones(9), 0.9) == [9.0]
    assert quantile(errors, np.ones(9), 0.89) == [9.0]
    assert quantile(errors, np.ones(9), 0.8) == [8.0]
    with pytest.raises(
        ValueError, match=r"coverage=0.91 needs more rows .* the 9 there are, which"
    ):
        quantile(errors, np.ones(9), 0.91)
    weights = np.array([8.0, *[1.0] * 8])  # the first row counts as eight
    assert quantile(errors, weights, 0.5) == [2.0]


def test_intervals_say_what_they_need() -> None:
    with pytest.raises(NotFittedError):
        TabularRegressor().predict_interval(TABLE)
    model, y = SEVERAL["a target"]
    model.fit(TABLE, y)
    with pytest.raises(ValueError, match="coverage is a share between 0 and 1, got 90"):
        model.predict_interval(TABLE, 90)
    with pytest.raises(ValueError, match=r"coverage=0.999 needs more rows"):
        model.predict_interval(TABLE, 0.999)
