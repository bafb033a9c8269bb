"""scikit-learn's own estimator checks, none expected to fail; and what else it expects of all."""

import copy
import os
import pickle
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6", reason="needs scikit-learn, extra 'tabular'")

import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from axon.tabular import TabularClassifier, TabularRegressor, from_state, to_state
from axon.threads import set_threads

ESTIMATORS = [TabularClassifier("fast"), TabularRegressor("fast")]
RNG = np.random.default_rng(0)
X = RNG.standard_normal((150, 4))
NUMBER = X[:, 0] * 2 + np.abs(X[:, 1])
CLASS = np.where(NUMBER > np.median(NUMBER), "tall", "short")


@pytest.mark.slow
@parametrize_with_checks(ESTIMATORS)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_the_checks_that_need_a_variable_of_scipys():
    """They are skipped above: the variable has to be set before SciPy is imported."""
    code = (
        "from functools import partial\n"
        "from sklearn.utils import estimator_checks as checks\n"
        "from axon.tabular import TabularClassifier, TabularRegressor\n"
        "options = {'array_namespace': 'numpy', 'expect_only_array_outputs': False}\n"
        "check = getattr(checks, 'check_array_api_input', None)\n"
        "if 'expect_only_array_outputs' in getattr(check, '__code__', partial).co_varnames:\n"
        "    for estimator in (TabularClassifier('fast'), TabularRegressor('fast')):\n"
        "        check(type(estimator).__name__, estimator, **options)\n"
        "print('done')\n"
    )
    variables = {**os.environ, "SCIPY_ARRAY_API": "1", "AXON_KERNELS": "numpy"}
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=variables)
    assert done.stdout == "done\n", done.stderr


# ------------------------------------------------------------------------------------ weights


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=str)
def test_few_rows_weigh_as_much_as_if_they_were_repeated(estimator):
    weights = np.arange(20) % 3
    y = CLASS if isinstance(estimator, TabularClassifier) else NUMBER
    shuffled = np.random.default_rng(1).permutation(20)
    weighed = clone(estimator).set_params(random_state=0)
    weighed.fit(X[shuffled], y[shuffled], weights[shuffled])
    repeated = clone(weighed).fit(X[:20].repeat(weights, axis=0), y[:20].repeat(weights))
    assert np.array_equal(weighed.predict(X), repeated.predict(X))
    other = clone(weighed).fit(X[:20], y[:20], weights + 1.5)
    assert not np.array_equal(other.fitted_.losses, repeated.fitted_.losses)


def test_rows_that_weigh_nothing_say_nothing_of_columns_and_classes():
    x = X.copy()
    x[:50, 0] = np.nan
    x[50:, 3] = 7.0
    y = np.where(np.arange(150) < 50, "never", CLASS)
    weights = np.where(np.arange(150) < 50, 0.0, 1.0)
    weighed = TabularClassifier("fast", 0).fit(x, y, weights)
    left_out = TabularClassifier("fast", 0).fit(x[50:], y[50:])
    assert weighed.classes_.tolist() == ["short", "tall"]
    assert np.array_equal(weighed.predict_proba(x), left_out.predict_proba(x))
    assert np.isfinite(weighed.out_of_fold_[:50]).all()
    ours, theirs = weighed.out_of_fold_[50:], left_out.out_of_fold_
    np.testing.assert_array_equal(ours, theirs)


def test_a_dict_says_what_classes_count():
    by_chance = np.random.default_rng(1).permutation(CLASS)
    p = [
        TabularClassifier("fast", 0, class_weight=w).fit(X, by_chance).predict_proba(X)[:, 0].mean()
        for w in ({"short": 20}, {"tall": 20.0})
    ]
    assert p[0] > 0.7 > 0.3 > p[1]
    with pytest.raises(ValueError, match="names 'large', which is no class of y: 'short', 'tall'"):
        TabularClassifier("fast", class_weight={"large": 2}).fit(X, CLASS)
    with pytest.raises(ValueError, match="to a number above 0"):
        TabularClassifier("fast", class_weight={"tall": 0}).fit(X, CLASS)
    labels = np.stack([X[:, 0] > 0, X[:, 1] > 0], axis=1).astype(int)
    with pytest.raises(ValueError, match="class_weight is for classes, not for several labels"):
        TabularClassifier("fast", class_weight="balanced").fit(X, labels)


# ------------------------------------------------------------------------------------ names


def test_an_array_is_taken_in_the_order_of_the_names():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=["x1", "x0", "x2", "x3"])
    model = TabularRegressor("fast", 0).fit(frame, NUMBER)
    assert model.feature_names_in_.tolist() == ["x1", "x0", "x2", "x3"]
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        found = model.predict(X)
    assert np.array_equal(found, model.predict(frame))
    assert np.array_equal(found, model.predict(frame[["x3", "x2", "x1", "x0"]]))
    with pytest.raises(ValueError, match="X has 3 features, but TabularRegressor is expecting 4"):
        model.predict(X[:, :3])


def test_names_are_told_only_if_there_were_some():
    model = TabularRegressor("fast", 0).fit({"a": X[:, 0].tolist(), "b": X[:, 1].tolist()}, NUMBER)
    assert from_state(*to_state(model)).feature_names_in_.tolist() == ["a", "b"]
    model.fit(X, NUMBER)
    assert not hasattr(model, "feature_names_in_")
    again = from_state(*to_state(model))
    assert not hasattr(again, "feature_names_in_")
    assert again.n_features_in_ == 4
    with pytest.raises(ValueError, match="X has 2 features, but"):
        again.predict(X[:, :2])


# ------------------------------------------------------------------------------------ targets

REFUSED = {
    "none": (TabularClassifier, None, "requires y to be passed"),
    "fractions": (TabularClassifier, NUMBER, "Unknown label type: continuous"),
    "words": (TabularRegressor, CLASS, "must hold numbers, got .*TabularClassifier"),
    "moments": (TabularRegressor, np.full(150, "2024-01-01", "M8[D]"), "must hold numbers"),
    "complex": (TabularRegressor, NUMBER + 1j, "must hold numbers"),
    "no targets": (TabularRegressor, np.empty((150, 0)), r"got y of shape \(150, 0\)"),
    "infinite": (TabularRegressor, np.where(np.eye(150, 2), np.inf, 1.0), "infinite in row 1"),
    "gap": (TabularClassifier, [None, *CLASS[1:]], "1 gaps .NaN, None., the first in row 1"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_targets_that_cannot_be_are_refused(case):
    kind, y, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        kind("fast").fit(X, y)


def test_targets_of_pandas_may_hold_its_own_gaps():
    pandas = pytest.importorskip("pandas")
    y = pandas.Series(CLASS).astype("string")
    model = TabularClassifier("fast", 0).fit(X, y)
    assert np.array_equal(model.predict(X), TabularClassifier("fast", 0).fit(X, CLASS).predict(X))
    y[3] = pandas.NA
    with pytest.raises(ValueError, match=r"1 gaps .NaN, None., the first in row 4"):
        model.fit(X, y)


def test_after_a_fit_that_failed_nothing_is_predicted():
    model = TabularClassifier("fast", 0).fit(X, CLASS)
    with pytest.raises(ValueError, match="one class"):
        model.fit(X, ["tall"] * 150)
    with pytest.raises(NotFittedError):
        model.predict(X)


def test_a_column_of_targets_is_taken_with_a_warning():
    with pytest.warns(DataConversionWarning, match="A column-vector y was passed"):
        model = TabularRegressor("fast", 0).fit(X, NUMBER[:, None])
    assert model.predict(X).shape == (150,)


def test_quantiles_are_scored_by_what_they_explain():
    model = TabularRegressor("fast", 0, quantiles=(0.25, 0.75)).fit(X, NUMBER)
    assert 0.5 < model.score(X, NUMBER) < 1
    assert cross_val_score(model, X, NUMBER, cv=2).shape == (2,)
    constant = np.tile(np.quantile(NUMBER, (0.25, 0.75)), (150, 1))
    model.predict = lambda X: constant
    assert abs(model.score(X, NUMBER)) < 1e-3


# ------------------------------------------------------------------------------------ company


def test_pipelines_searches_and_calibration():
    pipeline = make_pipeline(StandardScaler(), TabularClassifier("fast", 0))
    assert cross_val_score(pipeline, X, CLASS, cv=2).mean() > 0.8
    search = GridSearchCV(TabularClassifier(random_state=0), {"effort": ["fast", "good"]}, cv=2)
    assert search.fit(X, CLASS).best_score_ > 0.8
    calibrated = CalibratedClassifierCV(TabularClassifier("fast", 0), cv=2).fit(X, CLASS)
    assert calibrated.score(X, CLASS) > 0.8
    found = permutation_importance(search.best_estimator_, X, CLASS, n_repeats=2, random_state=0)
    assert found.importances_mean.argmax() == 0


def test_frames_of_transformers_are_taken():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd")).assign(kind=CLASS)
    parts = [("scale", StandardScaler(), list("abcd"))]
    columns = ColumnTransformer(parts, remainder="passthrough").set_output(transform="pandas")
    pipeline = make_pipeline(columns, TabularRegressor("fast", 0)).fit(frame, NUMBER)
    assert pipeline[-1].feature_names_in_.tolist()[-1] == "remainder__kind"
    assert pipeline.score(frame, NUMBER) > 0.8


def test_weights_are_routed():
    weights = np.where(np.arange(150) < 100, 1.0, 0.0)
    with sklearn.config_context(enable_metadata_routing=True):
        model = TabularRegressor("fast", 0).set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=True)
        found = cross_validate(
            make_pipeline(StandardScaler().set_fit_request(sample_weight=False), model),
            X,
            NUMBER,
            params={"sample_weight": weights},
            cv=2,
            return_estimator=True,
        )
    learned = found["estimator"][0][-1]
    x = StandardScaler().fit(X[75:]).transform(X)
    weighed = TabularRegressor("fast", 0).fit(x[75:], NUMBER[75:], weights[75:])
    assert np.array_equal(learned.predict(x), weighed.predict(x))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_predict_the_same_and_learn_the_same(copied):
    model = TabularClassifier("fast", 0).fit(X, CLASS)
    twin = copied(model)
    before = twin.predict_proba(X)
    model.fit(X[:100], CLASS[:100])
    assert np.array_equal(twin.predict_proba(X), before)
    assert not np.array_equal(model.predict_proba(X), before)
    assert np.array_equal(twin.fit(X, CLASS).predict_proba(X), before)
    assert clone(twin).get_params() == twin.get_params()


def fitted_to(seed):
    return TabularClassifier("fast", seed).fit(X, CLASS).predict_proba(X)


def test_fits_in_threads_and_processes_give_the_same_bits():
    expected = [fitted_to(seed) for seed in range(3)]
    with ThreadPoolExecutor(3) as threads:
        assert np.array_equal(list(threads.map(fitted_to, range(3))), expected)
    model = TabularClassifier("fast", 0)
    scores = [cross_val_score(model, X, CLASS, cv=2)]
    for way in ("threading", "multiprocessing"):
        with joblib.parallel_backend(way, n_jobs=2):
            scores.append(cross_val_score(model, X, CLASS, cv=2))
    assert np.array_equal(scores[0], scores[1])
    assert np.array_equal(scores[0], scores[2])


@pytest.mark.skipif("fork" not in dir(os), reason="processes are not forked here")
def test_a_forked_process_gives_the_same_bits():
    from multiprocessing import get_context

    expected = fitted_to(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads
        with get_context("fork").Pool(1) as pool:
            found = pool.apply_async(fitted_to, (1,)).get(timeout=60)
    assert np.array_equal(found, expected)


def test_any_number_of_threads_gives_the_same_bits():
    found = []
    for threads in (1, 2, 4):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # that there are fewer cores
            set_threads(threads)
        model = TabularClassifier("good", 0).fit(X, CLASS)
        found.append(np.concatenate([model.predict_proba(X), model.out_of_fold_]))
    set_threads(1)
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])
