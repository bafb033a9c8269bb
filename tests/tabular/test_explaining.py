"""Why a row is predicted as it is: contributions of columns, against Shapley values by the book."""

from itertools import permutations
from math import factorial

import numpy as np
import pytest
from sklearn import metrics
from sklearn.exceptions import NotFittedError

from axon.tabular import (
    Columns,
    Encoder,
    TabularClassifier,
    TabularRegressor,
    explaining,
    from_state,
    read,
    to_state,
)
from axon.tabular.table import Table

# What is odd about new rows is warned of: test_estimators.py looks at that.
pytestmark = pytest.mark.filterwarnings("ignore:Tabular:UserWarning")


def mixed_table(n: int, seed: int = 0) -> Table:
    """A table of every sort of column, with gaps, one constant and one copied column."""
    random = np.random.default_rng(seed)
    size, words = random.normal(size=n), [f"w{i}" for i in range(70)]
    size[:3] = np.nan
    days = np.datetime64("2024-01-01") + random.integers(0, 700, n)
    return read(
        {
            "size": size,
            "kind": random.choice(["a", "b", None], n),
            "constant": np.ones(n),
            "seen": days,
            "large": random.choice(words, n),
            "colour": random.choice(["red", "green", "blue"], n),
            "copy": size.copy(),
            "weight": random.exponential(size=n),
        }
    )


def test_every_input_of_the_network_has_a_column_that_it_comes_from() -> None:
    table = mixed_table(200)
    columns = Columns.find(table)
    values = columns.values(table)
    encoder = Encoder.fit(values, bins=8)
    own = np.concatenate(columns.owners())[encoder.sources()]  # used column of each input
    assert len(own) == encoder.width
    assert [c.name for c in columns.used] == ["size", "kind", "seen", "large", "colour", "weight"]
    plain, order = encoder.transform(values), np.random.default_rng(1).permutation(200)
    for i, column in enumerate(columns.used):
        at = table.names.index(column.name)
        moved = table._replace(columns=[*table.columns])
        moved.columns[at] = table.columns[at][order]
        changed = encoder.transform(columns.values(moved))
        differs = (changed.x != plain.x).any(axis=0)
        assert differs.any()
        assert (own[differs] == i).all()


def rows_of(table: Table, *names: str) -> list[dict[str, object]]:
    """Some columns of a table as a list of dicts."""
    columns = [table.column(name).tolist() for name in names]
    return [dict(zip(names, cells, strict=True)) for cells in zip(*columns, strict=True)]


def target_of(rows: list[dict[str, object]]) -> np.ndarray:
    """A number that depends on pairs of columns, too."""
    sizes = np.array([float(r["weight"] or 0) for r in rows])
    red = np.array([r["colour"] == "red" for r in rows])
    letter = np.array([int(str(r["large"])[1:]) for r in rows]) / 20
    return 100 + 10 * (sizes * (1 + 2 * red) + letter * red)


def by_the_book(predict, row: dict[str, object], background: list[dict[str, object]]) -> np.ndarray:
    """Shapley values from their definition: all orders, rows mixed as dicts."""
    names, total = list(row), 0.0
    for order in permutations(range(len(names))):
        mixed = [dict(z) for z in background]
        before, moves = predict(mixed).mean(axis=0), [None] * len(names)
        for j in order:
            for z in mixed:
                z[names[j]] = row[names[j]]
            after = predict(mixed).mean(axis=0)
            moves[j], before = after - before, after
        total = total + np.array(moves)
    return total / factorial(len(names))


NAMES = ("weight", "colour", "large", "seen")
TABLE = mixed_table(160)
ROWS = rows_of(TABLE, *NAMES)
Y = target_of(ROWS)


@pytest.fixture(scope="module")
def regressor() -> TabularRegressor:
    return TabularRegressor(random_state=0).fit(ROWS, Y)


def test_contributions_are_shapley_values_by_the_book(regressor: TabularRegressor) -> None:
    background = ROWS[20:27]
    found = regressor.explain(ROWS[:2], background)
    for i in (0, 1):
        expected = by_the_book(regressor.predict, ROWS[i], background)
        assert abs(expected).max() > 3  # there is something to see
        np.testing.assert_allclose(found.contributions[i], expected, atol=2e-4)
    assert found.base == pytest.approx(regressor.predict(background).mean(), abs=1e-4)


def test_contributions_of_classes_are_shapley_values_by_the_book() -> None:
    y = np.digitize(Y, [102, 110])
    model = TabularClassifier("fast", random_state=1).fit(ROWS, y)
    found = model.explain(ROWS[5:6], ROWS[:5])
    expected = by_the_book(model.predict_proba, ROWS[5], ROWS[:5])  # (columns, classes)
    np.testing.assert_allclose(found.contributions[0], expected, atol=2e-6)
    assert found.contributions.shape == (1, 4, 3)
    np.testing.assert_allclose(found.contributions.sum(axis=2), 0, atol=1e-6)


def test_orders_by_chance_come_near_to_all_orders(
    regressor: TabularRegressor, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = regressor.explain(ROWS[:20]).contributions
    monkeypatch.setattr(explaining, "ALL_ORDERS", 0)
    chance = regressor.explain(ROWS[:20])
    assert abs(chance.contributions - exact).mean() < 0.1 * abs(exact).mean()
    assert not np.array_equal(chance.contributions, exact)
    np.testing.assert_allclose(
        chance.base + chance.contributions.sum(axis=1), regressor.predict(ROWS[:20]), rtol=1e-9
    )
    again = regressor.explain(ROWS[:20]).contributions
    assert np.array_equal(chance.contributions, again)
    other = regressor.explain(ROWS[:20], random_state=1).contributions
    assert not np.array_equal(chance.contributions, other)


LABELS = np.stack([Y > 105, Y > 115], axis=1).astype(int)
SEVERAL = {
    "two classes": (TabularClassifier("fast", 0), np.where(Y > 105, "much", "little")),
    "many classes": (TabularClassifier("good", 0), np.digitize(Y, [101, 105, 110, 120])),
    "labels": (TabularClassifier("fast", 0), LABELS),
    "one target": (TabularRegressor("fast", 0), Y),
    "targets": (TabularRegressor("good", 0), np.stack([Y, -Y], axis=1)),
    "quantiles": (TabularRegressor("fast", 0, quantiles=(0.1, 0.9)), Y),
}


@pytest.mark.parametrize("case", SEVERAL)
def test_base_and_contributions_sum_to_the_prediction(case: str) -> None:
    model, y = SEVERAL[case]
    model.fit(TABLE, y)
    part = TABLE._replace(columns=[c[:6] for c in TABLE.columns])
    for fitted in (model, from_state(*to_state(model))):
        found = fitted.explain(part)
        predicted = getattr(fitted, "predict_proba", fitted.predict)(part)
        np.testing.assert_array_equal(found.predictions, predicted)
        assert found.contributions.shape == (6, 8, *predicted.shape[1:])
        total = found.base + found.contributions.sum(axis=1)
        np.testing.assert_allclose(total, predicted, 1e-9, 1e-12)
        assert not found.contributions[:, [2, 6]].any()  # left out
        assert found.columns == TABLE.names
        assert len(found.outputs) == (1 if predicted.ndim == 1 else predicted.shape[1])


def test_an_explanation_prints_the_columns_that_count_most(regressor: TabularRegressor) -> None:
    found = regressor.explain(ROWS[:12])
    lines = found.table(top=2, rows=3).splitlines()
    assert lines[0] == f"row 1: {found.predictions[0]:.4g}, on average {found.base:.4g}"
    most = int(abs(found.contributions[0]).argmax())
    assert lines[1].split()[0] == found.columns[most]
    assert lines[1].split()[-1] == f"{found.contributions[0, most]:+.3g}"
    assert lines[3].split()[:2] == ["2", "others"]
    assert lines[-1] == "and 9 rows more"
    rows = found.rows()
    assert rows[0]["column"] == found.columns[most]
    assert sum(r["contribution"] for r in rows if r["row"] == 2) == pytest.approx(
        found.predictions[1] - found.base
    )


def test_an_explanation_of_classes_is_of_the_likeliest() -> None:
    model, y = SEVERAL["two classes"]
    found = model.fit(TABLE, y).explain(TABLE._replace(columns=[c[:1] for c in TABLE.columns]))
    name = model.classes_[found.predictions[0].argmax()]
    assert str(found).startswith(f"row 1: {name} {found.predictions.max():.4g}, on average ")


def test_what_cannot_be_explained_is_said(regressor: TabularRegressor) -> None:
    with pytest.raises(NotFittedError):
        TabularRegressor().explain(ROWS)
    with pytest.raises(NotFittedError):
        TabularRegressor().scores_  # noqa: B018
    with pytest.raises(ValueError, match="missing columns"):
        regressor.explain([{"weight": 1.0}])
    empty = TABLE._replace(columns=[c[:0] for c in TABLE.columns])
    with pytest.raises(ValueError, match="expected at least one row"):
        regressor.explain(empty)


def test_an_array_is_explained_by_the_place_of_its_columns() -> None:
    x = np.random.default_rng(0).normal(size=(80, 3))
    found = TabularRegressor("fast", 0).fit(x, x[:, 1]).explain(x[:20])
    assert abs(found.contributions).mean(axis=0).argmax() == 1
    assert found.columns == ["x0", "x1", "x2"]


# ------------------------------------------------------------------------------------ scores


def test_scores_are_those_of_scikit_learn_on_held_out_rows() -> None:
    weights = np.random.default_rng(0).integers(0, 3, len(Y))
    counted = weights > 0
    by = {"sample_weight": weights[counted]}
    model = TabularRegressor(random_state=0).fit(TABLE, Y, weights)
    y, p = Y[counted], model.out_of_fold_[counted]
    mean = np.full(len(y), np.average(y, **{"weights": weights[counted]}))
    expected = [metrics.root_mean_squared_error(y, q, **by) for q in (p, mean)]
    assert model.scores_["RMSE"] == pytest.approx(expected)
    assert model.scores_["R2"] == pytest.approx((metrics.r2_score(y, p, **by), 0))
    classes = np.digitize(Y, [101, 110])
    model = TabularClassifier(random_state=0).fit(TABLE, classes, weights)
    y, p = classes[counted], model.out_of_fold_[counted]
    shares = np.bincount(y, weights[counted]) / weights.sum()
    expected = [metrics.log_loss(y, q, **by) for q in (p, np.tile(shares, (len(y), 1)))]
    assert model.scores_["log-loss"] == pytest.approx(expected)
    expected = [metrics.accuracy_score(y, q, **by) for q in (p.argmax(1), 0 * y + shares.argmax())]
    assert model.scores_["accuracy"] == pytest.approx(expected)


def test_scores_of_quantiles_are_beside_those_of_constant_quantiles() -> None:
    model = TabularRegressor(random_state=0, quantiles=(0.2, 0.9)).fit(TABLE, Y)
    constant = [np.full(len(Y), np.quantile(Y, q, method="inverted_cdf")) for q in (0.2, 0.9)]
    for answers, found in zip(
        (model.out_of_fold_.T, constant), model.scores_["pinball loss"], strict=True
    ):
        losses = [
            metrics.mean_pinball_loss(Y, a, alpha=q)
            for a, q in zip(answers, (0.2, 0.9), strict=True)
        ]
        assert found == pytest.approx(np.mean(losses))


def test_rows_that_all_members_saw_give_no_scores() -> None:
    rows = [{"a": 1.0}, {"a": 2.0}]
    assert TabularRegressor(random_state=0).fit(rows, [1.0, 2.0], [2, 2]).scores_ == {}
