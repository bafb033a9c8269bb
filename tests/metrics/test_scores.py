"""What is counted once a model has predicted: one place for reports, plots and commands."""

import numpy as np
import pytest

from axon import metrics
from axon.metrics import scores

rng = np.random.default_rng(0)


def test_scores_by_class_are_those_of_the_metrics():
    truth, guesses = rng.integers(0, 4, 50), rng.integers(0, 4, 50)
    matrix = scores.confusion(truth, guesses, 4)
    kept = metrics.ConfusionMatrix(4)
    kept.update(truth, np.eye(4)[guesses])
    assert np.array_equal(matrix, kept.result())
    found = scores.class_scores(matrix.diagonal(), matrix.sum(axis=0), matrix.sum(axis=1))
    for name, metric_class in (("precision", metrics.Precision), ("recall", metrics.Recall)):
        for c, score in enumerate(found):
            metric = metric_class(class_id=c, top_k=1)
            metric.update(truth, np.eye(4)[guesses])
            assert getattr(score, name) == pytest.approx(float(metric.result()))
    macro = metrics.F1Score(average="macro")
    macro.update(truth, np.eye(4)[guesses])
    assert np.mean([score.f1 for score in found]) == pytest.approx(float(macro.result()))
    assert [score.samples for score in found] == np.bincount(truth).tolist()


def test_of_nothing_there_is_no_share():
    absent, missed = scores.class_scores(np.array([0, 0]), np.array([0, 0]), np.array([0, 3]))
    assert absent == (None, None, None, 0)
    assert missed == (None, 0.0, 0.0, 3)


def test_probabilities():
    z = rng.normal(size=(5, 3))
    e = np.exp(z)
    assert np.allclose(scores.probabilities(z, True), e / e.sum(axis=1, keepdims=True))
    assert scores.probabilities(z) is not None
    for one in (z[:, 0], z[:, :1]):
        both = scores.probabilities(one, True)
        assert np.allclose(both[:, 1], 1 / (1 + np.exp(-z[:, 0])))
        assert np.allclose(both.sum(axis=1), 1)


def test_padding_and_ignored_labels_do_not_count():
    outputs, labels = np.zeros((2, 3, 4)), np.array([[0, 1, -1], [2, 3, 0]])
    mask = np.array([[True, True, True], [True, False, False]])
    assert scores.which_count(outputs, labels, None, None).all()
    assert scores.which_count(outputs, labels, mask, -1).tolist() == [1, 1, 0, 1, 0, 0]
    samples = scores.which_count(outputs[:, 0], labels[:, 0], np.array([True, False]), None)
    assert samples.tolist() == [True, False]
    steps = scores.which_count(outputs, labels, np.array([True, False]), None)
    assert steps.tolist() == [1, 1, 1, 0, 0, 0]  # of samples that are padding all steps are


def test_errors_are_those_of_the_metrics():
    truth, outputs = rng.normal(size=(20, 1)), rng.normal(size=(20, 1)).astype("f4")
    found = scores.errors(truth, outputs)
    named = {
        "mean_absolute_error": metrics.MeanAbsoluteError,
        "root_mean_squared_error": metrics.RootMeanSquaredError,
        "r2": metrics.R2Score,
    }
    for name, metric_class in named.items():
        metric = metric_class()
        metric.update(truth, outputs)
        assert getattr(found, name) == pytest.approx(float(metric.result()), rel=1e-5)
    assert np.isnan(scores.errors(np.ones((3, 1)), np.zeros((3, 1))).r2)
