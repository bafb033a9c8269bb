"""The same numbers as scikit-learn, where it is installed."""

import warnings
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axon.metrics import (
    AUC,
    Accuracy,
    BinaryAccuracy,
    ConfusionMatrix,
    F1Score,
    MeanAbsoluteError,
    MeanSquaredError,
    Precision,
    R2Score,
    Recall,
    RootMeanSquaredError,
    TopKCategoricalAccuracy,
)

sk = pytest.importorskip("sklearn.metrics")

CLASSES = 4
RATIOS = [
    (Precision, sk.precision_score),
    (Recall, sk.recall_score),
    (F1Score, sk.f1_score),
]
each_ratio = pytest.mark.parametrize(("make", "theirs"), RATIOS)
draws = settings(max_examples=30, deadline=None, derandomize=True)
seeds = st.integers(0, 10**6)


def measured(metric, y, p, w, cuts):
    """The result after batches that end at the cuts; some may be empty."""
    for a, b in zip([0, *cuts], [*cuts, len(y)], strict=True):
        metric.update(y[a:b], p[a:b], None if w is None else w[a:b])
    return metric.result()


def drawn(seed, least=1):
    """A generator, a number of samples, weights (some 0, or None), where batches end."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(least, 30))
    w = rng.integers(0, 4, n) / 2 if rng.random() < 0.7 else None
    if w is not None and np.count_nonzero(w) < least:
        w = None
    return rng, n, w, sorted(rng.integers(0, n + 1, rng.integers(0, 4)))


def oracle(function, y, p, w, **options):
    """What scikit-learn says of the samples that weigh anything."""
    some = slice(None) if w is None else w > 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one class only, nothing positive
        return function(
            *(y[some], p[some]), sample_weight=None if w is None else w[some], **options
        )


def close(ours, theirs):
    return np.allclose(ours, theirs, rtol=1e-10, atol=1e-14, equal_nan=True)


@draws
@given(seeds)
def test_accuracies(seed):
    rng, n, w, cuts = drawn(seed)
    y, p = rng.integers(0, CLASSES, n), rng.random((n, CLASSES)).astype("f4")
    assert close(measured(Accuracy(), y, p, w, cuts), oracle(sk.accuracy_score, y, p.argmax(1), w))
    top = partial(sk.top_k_accuracy_score, k=2, labels=range(CLASSES))
    found = measured(TopKCategoricalAccuracy(2), np.eye(CLASSES)[y], p, w, cuts)
    assert close(found, oracle(top, y, p, w))
    yes, q = y % 2, p[:, 0]
    found = measured(BinaryAccuracy(0.3), yes, q, w, cuts)
    assert close(found, oracle(sk.accuracy_score, yes, q > 0.3, w))


@draws
@given(seeds)
def test_confusion(seed):
    rng, n, w, cuts = drawn(seed)
    y, p = rng.integers(0, CLASSES, n), rng.random((n, CLASSES)).astype("f4")
    for targets in (y, np.eye(CLASSES)[y]):
        found = measured(ConfusionMatrix(CLASSES), targets, p, w, cuts)
        assert close(found, oracle(sk.confusion_matrix, y, p.argmax(1), w, labels=range(CLASSES)))


@each_ratio
@draws
@given(seeds)
def test_yes_or_no(make, theirs, seed):
    rng, n, w, cuts = drawn(seed)
    y, p = rng.integers(0, 2, n), rng.random(n).astype("f4")
    assert close(measured(make(), y, p, w, cuts), oracle(theirs, y, p > 0.5, w, zero_division=0))


@each_ratio
@pytest.mark.parametrize("average", ["macro", "micro", "weighted", 0, 2])
@draws
@given(seeds)
def test_several_classes(make, theirs, average, seed):
    rng, n, w, cuts = drawn(seed)
    y = rng.choice(rng.integers(0, CLASSES, 3), n)  # not every class occurs
    p = rng.random((n, CLASSES)).astype("f4")
    p[:, 1] = 0
    how = {"average": average} if isinstance(average, str) else {"class_id": average}
    if "class_id" in how and make is not F1Score:
        how["top_k"] = 1  # otherwise, as in Keras, all above 0.5 is called positive
    options = {**how, "labels": None} if isinstance(average, str) else {"average": None}
    if "class_id" in how:
        options["labels"] = [average]
    expected = oracle(theirs, y, p.argmax(1), w, zero_division=0, **options)
    for targets in (y, np.eye(CLASSES)[y]):
        assert close(measured(make(**how), targets, p, w, cuts), expected)


@each_ratio
@pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
@draws
@given(seeds)
def test_several_labels_per_sample(make, theirs, average, seed):
    rng, n, w, cuts = drawn(seed)
    y, p = rng.integers(0, 2, (n, CLASSES)), rng.random((n, CLASSES)).astype("f4")
    y[:, 1] = 0
    cut = {"threshold" if make is F1Score else "thresholds": 0.4}
    found = measured(make(average=average, **cut), y, p, w, cuts)
    assert close(found, oracle(theirs, y, p > np.float32(0.4), w, average=average, zero_division=0))


@pytest.mark.parametrize("curve", ["ROC", "PR"])
@pytest.mark.parametrize("levels", [3, 1000], ids=["ties", "few ties"])
@draws
@given(seeds)
def test_areas(curve, levels, seed):
    theirs = sk.roc_auc_score if curve == "ROC" else sk.average_precision_score
    rng, n, w, cuts = drawn(seed)
    y, p = rng.integers(0, 2, n), (rng.integers(0, levels, n) / levels).astype("f4")
    assert close(measured(AUC(curve), y, p, w, cuts), oracle(theirs, y, p, w))


@pytest.mark.parametrize("curve", ["ROC", "PR"])
@draws
@given(seeds)
def test_areas_of_several_classes(curve, seed):
    theirs = sk.roc_auc_score if curve == "ROC" else sk.average_precision_score
    rng, n, w, cuts = drawn(seed, least=8)
    y, p = rng.integers(0, CLASSES, n), rng.random((n, CLASSES))
    hot = np.eye(CLASSES)[y]
    columns = [oracle(theirs, hot[:, i], p[:, i], w) for i in range(CLASSES)]
    for targets in (y, hot):
        assert close(measured(AUC(curve), targets, p, w, cuts), np.mean(columns))


def test_one_against_the_rest():
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, CLASSES, 60), rng.random((60, CLASSES))
    p /= p.sum(axis=1, keepdims=True)
    assert close(
        measured(AUC(), y, p, None, []), sk.roc_auc_score(y, p, multi_class="ovr", average="macro")
    )


@pytest.mark.parametrize("outputs", [None, 1, 3])
@draws
@given(seeds)
def test_errors(outputs, seed):
    rng, n, w, cuts = drawn(seed, least=2)
    shape = (n,) if outputs is None else (n, outputs)
    y, p = rng.normal(5, 1, shape).astype("f4"), rng.normal(5, 1, shape).astype("f4")
    for metric, theirs in (
        (MeanSquaredError(), sk.mean_squared_error),
        (MeanAbsoluteError(), sk.mean_absolute_error),
        (R2Score(), sk.r2_score),
    ):
        exact = oracle(theirs, y.astype("f8"), p.astype("f8"), w)
        assert close(measured(metric, y, p, w, cuts), exact)
    root = measured(RootMeanSquaredError(), y, p, w, cuts)
    mean = oracle(sk.mean_squared_error, y.astype("f8"), p.astype("f8"), w)
    assert close(root, mean**0.5)


@draws
@given(seeds)
def test_equal_targets(seed):
    rng, n, w, cuts = drawn(seed, least=2)
    y = np.column_stack([np.full(n, 0.3), np.full(n, 0.7), rng.normal(size=n)])
    p = np.column_stack([np.full(n, 0.3), rng.normal(size=n), rng.normal(size=n)])
    expected = (1 + 0 + oracle(sk.r2_score, y[:, 2], p[:, 2], w)) / 3
    assert close(measured(R2Score(), y, p, w, cuts), expected)
