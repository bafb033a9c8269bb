"""TabularClassifier and TabularRegressor: what they learn, and what they refuse."""

import pickle
import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn, the extra 'tabular'")

from axon.tabular import TabularClassifier, TabularRegressor
from axon.threads import set_threads


def rows(n=240, seed=0):
    rng = np.random.default_rng(seed)
    size, kind = rng.standard_normal(n), rng.choice(["oak", "fir", "elm"], n)
    number = 2 * np.abs(size) + np.where(kind == "oak", 1.5, 0) + 0.1 * rng.standard_normal(n)
    size[rng.random(n) < 0.05] = np.nan
    return {"size": size, "kind": kind.tolist()}, number


def some(table, at):
    return {name: np.asarray(column, object)[at].tolist() for name, column in table.items()}


TABLE, NUMBER = rows()
CLASS = np.where(NUMBER > np.median(NUMBER), "tall", "short")
NEW, NEW_NUMBER = rows(100, 1)


def test_numbers_are_learned_from_a_table_with_words_and_gaps():
    model = TabularRegressor(random_state=0).fit(TABLE, NUMBER)
    assert model.score(NEW, NEW_NUMBER) > 0.8  # gaps hide the rest
    assert model.out_of_fold_.shape == NUMBER.shape
    spread = np.mean((model.out_of_fold_ - NUMBER) ** 2)
    assert spread < 0.3 * NUMBER.var()
    assert spread > np.mean((model.predict(TABLE) - NUMBER) ** 2)


@pytest.mark.parametrize("effort", ["fast", "good", "best"])
def test_classes_are_told_apart(effort):
    model = TabularClassifier(effort, random_state=0).fit(TABLE, CLASS)
    p = model.predict_proba(NEW)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)
    expected = np.where(NEW_NUMBER > np.median(NUMBER), "tall", "short")
    assert model.score(NEW, expected) > 0.85
    assert model.classes_.tolist() == ["short", "tall"]
    seen = np.isnan(model.out_of_fold_).any(axis=1).mean()
    assert seen > 0.8 if effort == "fast" else seen == 0


def test_the_same_seed_gives_the_same_bits_on_any_number_of_threads():
    found = []
    for threads in (1, 2):
        set_threads(threads)
        found.append(TabularRegressor("fast", random_state=3).fit(TABLE, NUMBER).predict(NEW))
    set_threads(1)
    other = TabularRegressor("fast", random_state=4).fit(TABLE, NUMBER).predict(NEW)
    assert np.array_equal(*found)
    assert not np.array_equal(found[0], other)


def test_a_row_is_predicted_alike_alone():
    model = TabularRegressor("fast", random_state=0).fit(TABLE, NUMBER)
    alone = np.concatenate([model.predict(some(NEW, [i])) for i in range(20)])
    np.testing.assert_allclose(model.predict(NEW)[:20], alone, rtol=1e-5)


def test_the_target_may_be_a_column():
    table = {**TABLE, "tall": CLASS.tolist()}
    by_name = TabularClassifier("fast", random_state=0).fit(table, "tall")
    apart = TabularClassifier("fast", random_state=0).fit(TABLE, CLASS)
    assert np.array_equal(by_name.predict_proba(NEW), apart.predict_proba(NEW))


def test_rows_without_weight_do_not_count():
    keep = np.arange(240) < 120
    wrong = np.where(keep, NUMBER, -5)
    weighed = TabularRegressor("fast", random_state=0).fit(TABLE, wrong, keep.astype(float))
    assert weighed.predict(NEW).min() > -1.5
    assert TabularRegressor("fast", random_state=0).fit(TABLE, wrong).predict(NEW).min() < -1.5


def test_rare_classes_count_as_much_when_balanced():
    rare = np.where(NUMBER > np.quantile(NUMBER, 0.9), 1, 0)
    plain, even = (
        TabularClassifier("fast", random_state=0, class_weight=w).fit(TABLE, rare)
        for w in (None, "balanced")
    )
    assert even.predict_proba(NEW)[:, 1].mean() > 1.3 * plain.predict_proba(NEW)[:, 1].mean()


def test_several_labels_and_several_targets():
    labels = np.stack([CLASS == "tall", np.array(TABLE["kind"]) == "fir"], axis=1).astype(int)
    model = TabularClassifier("fast", random_state=0).fit(TABLE, labels)
    assert model.predict(NEW).shape == model.predict_proba(NEW).shape == (100, 2)
    assert (model.predict(NEW)[:, 1] == (np.array(NEW["kind"]) == "fir")).mean() > 0.9
    two = np.stack([NUMBER, -10 * NUMBER], axis=1)
    found = TabularRegressor("fast", random_state=0).fit(TABLE, two).predict(NEW)
    assert np.corrcoef(found[:, 1], NEW_NUMBER)[0, 1] < -0.85


def test_quantiles_cover_their_share():
    model = TabularRegressor(random_state=0, quantiles=(0.1, 0.5, 0.9)).fit(TABLE, NUMBER)
    low, _, high = model.predict(NEW).T
    assert (low <= high).all()
    assert 0.6 < np.mean((low <= NEW_NUMBER) & (NEW_NUMBER <= high)) < 0.97


def test_a_copy_by_pickle_predicts_the_same():
    model = TabularClassifier("fast", random_state=0).fit(TABLE, CLASS)
    copy = pickle.loads(pickle.dumps(model))
    assert np.array_equal(copy.predict_proba(NEW), model.predict_proba(NEW))


def test_many_values_are_embedded():
    rng = np.random.default_rng(0)
    code = rng.integers(70, size=1800)
    worth = rng.standard_normal(70)
    table = {"town": [f"t{c}" for c in code]}
    model = TabularRegressor("good", random_state=0).fit(table, worth[code])
    assert model.fitted_.net.sizes == (72,)
    assert model.score(table, worth[code]) > 0.95
    with pytest.warns(UserWarning, match="never seen: 'nowhere'"):
        assert np.isfinite(model.predict({"town": ["t1", "nowhere", "t2"]})).all()


REFUSED = {
    "one class": (TabularClassifier, ["a"] * 240, {}, "holds one class, 'a', in all of its 240"),
    "gaps": (TabularRegressor, [np.nan, *NUMBER[1:]], {}, "1 gaps .NaN, None., the first in row 1"),
    "too few": (TabularRegressor, NUMBER[:5], {}, "a target for each of the 240 rows"),
    "infinite": (TabularRegressor, [*NUMBER[1:], np.inf], {}, "infinite in row 240"),
    "column": (TabularRegressor, "price", {}, "there is no column 'price'"),
    "effort": (TabularRegressor, NUMBER, {"effort": "god"}, "one of fast, good, best, got 'god'"),
    "quantiles": (TabularRegressor, NUMBER, {"quantiles": (0.9, 0.1)}, "numbers between 0 and 1"),
    "weights": (
        TabularClassifier,
        CLASS,
        {"class_weight": "even"},
        "'balanced', None, or a dict",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_learned_is_refused(case):
    kind, y, options, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        kind(**options).fit(TABLE, y)


def test_weights_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="a number >= 0 for each of the 240 rows"):
        TabularRegressor().fit(TABLE, NUMBER, -np.ones(240))


@pytest.mark.parametrize("kind", [TabularClassifier, TabularRegressor])
def test_who_has_not_learned_says_so(kind: type) -> None:
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError, match=r"Call 'fit'"):
        kind().predict([[1.0]])


# ------------------------------------------------------------------------------------ odd rows


def test_what_is_odd_about_new_rows_is_a_warning_once():
    rows = [{"size": i / 9, "kind": "ab"[i % 2], "y": i} for i in range(40)]
    model = TabularRegressor("fast", 0, hidden_layer_sizes=4, max_iter=1).fit(rows, "y")
    odd = [{"kind": "c", "size": 1, "colour": "red"}]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.predict(odd)
        model.predict([{**odd[0], "kind": "d"}])
        model.explain(odd)
        model.predict(rows)  # the target is no odd column
    said = [str(w.message) for w in caught]
    assert said == [
        "TabularRegressor: Columns that it did not learn from are ignored: colour.",
        "TabularRegressor: Column 'kind' holds values that were never seen: 'c'.",
    ]
    assert {w.filename for w in caught} == {__file__}
    with pytest.warns(UserWarning, match="Column 'kind' has gaps, where none were before"):
        model.predict([{"kind": None, "size": 1}])
    with pytest.warns(UserWarning, match="never seen: 'c'"):  # a new fit tells it again
        pickle.loads(pickle.dumps(model.fit(rows, "y"))).predict([{"kind": "c", "size": 1}])
