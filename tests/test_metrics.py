"""The contract that every metric keeps. A metric without samples below fails."""

import math

import numpy as np
import pytest

from axon import Tensor, metrics
from axon.layers import Dense
from axon.losses import BinaryCrossEntropy, CategoricalCrossEntropy, MeanSquaredError
from axon.metrics import (
    METRICS,
    Accuracy,
    BinaryAccuracy,
    Mean,
    MeanAbsoluteError,
    MeanSquaredErrorMetric,
    Metric,
)
from axon.models import Sequential
from axon.program import Step

ROWS = np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3], [0.3, 0.3, 0.4], [0.2, 0.6, 0.2]])
LABELS = np.array([1, 0, 2, 2])
YES, P = np.array([[1.0], [0.0], [1.0], [0.0]]), np.array([[0.9], [0.6], [0.2], [0.1]])
WEIGHTS = np.array([1.0, 0.5, 0.0, 3.0])

# name -> (how to make it, targets, predictions, the score of each sample)
SAMPLES = {
    "accuracy of labels": (Accuracy, LABELS, ROWS, [1, 1, 1, 0]),
    "accuracy of one-hot rows": (Accuracy, np.eye(3)[LABELS], ROWS, [1, 1, 1, 0]),
    "accuracy of labels in floats": (Accuracy, LABELS * 1.0, ROWS, [1, 1, 1, 0]),
    "accuracy of yes or no": (Accuracy, YES, P, [1, 0, 0, 1]),
    "accuracy of one number each": (Accuracy, YES[:, 0], P[:, 0], [1, 0, 0, 1]),
    "accuracy of sequences": (
        Accuracy,
        *(np.array([[1, 0], [0, 2]]), np.stack([ROWS[:2], ROWS[2:]]), [1, 0]),
    ),
    "binary accuracy": (BinaryAccuracy, YES, P, [1, 0, 0, 1]),
    "binary accuracy of several": (BinaryAccuracy, YES.reshape(2, 2), P.reshape(2, 2), [0.5, 0.5]),
    "mae": (MeanAbsoluteError, np.zeros((4, 3)), ROWS - 0.5, np.abs(ROWS - 0.5).mean(axis=1)),
    "mae of one number each": (MeanAbsoluteError, YES[:, 0], P[:, 0], [0.1, 0.6, 0.8, 0.1]),
    "mse": (MeanSquaredErrorMetric, YES, P, [0.01, 0.36, 0.64, 0.01]),
}
every_metric = pytest.mark.parametrize(("make", "y", "p", "scores"), SAMPLES.values(), ids=SAMPLES)


def test_every_metric_has_a_sample():
    assert set(METRICS.values()) == {make for make, *_ in SAMPLES.values()}


@every_metric
def test_the_result_is_the_mean_score(make, y, p, scores):
    metric = make()
    metric.update(y, p)
    assert type(metric.result()) is float
    assert metric.result() == pytest.approx(np.mean(scores), rel=1e-12)


@every_metric
def test_tensors_lists_and_arrays_are_taken(make, y, p, scores):
    for given in ((Tensor(y), Tensor(p)), (y.tolist(), p.tolist()), (Tensor(y), p)):
        metric = make()
        metric.update(*given)
        assert metric.result() == pytest.approx(np.mean(scores), rel=1e-12)


@every_metric
def test_batches_add_up_and_reset_forgets(make, y, p, scores):
    metric = make()
    metric.update(y, p)
    metric.reset()
    assert math.isnan(metric.result())
    for i in range(len(y)):
        metric.update(y[i : i + 1], p[i : i + 1])
        assert metric.result() == pytest.approx(np.mean(scores[: i + 1]), rel=1e-12)


@every_metric
def test_weights_count_samples(make, y, p, scores):
    w = WEIGHTS[: len(y)]
    expected = np.average(scores, weights=w)
    for weights in (w, w.tolist(), Tensor(w)):
        metric = make()
        metric.update(y, p, weights)
        assert metric.result() == pytest.approx(expected, rel=1e-12)
    for wrong in (w[:1], w[:, None], np.ones(7)):
        with pytest.raises(ValueError, match=f"{metric.name}, sample_weight: y has shape"):
            make().update(y, p, wrong)


@every_metric
def test_weights_of_nothing_but_0_give_no_number(make, y, p, scores):
    metric = make()
    metric.update(y, p, np.zeros(len(y)))
    assert math.isnan(metric.result())


@every_metric
def test_inputs_are_never_modified(make, y, p, scores):
    y, p, w = y.copy(), p.copy(), WEIGHTS[: len(y)].copy()
    before = [a.copy() for a in (y, p, w)]
    for array in (y, p, w):
        array.flags.writeable = False
    make().update(y, p, w)
    assert all(np.array_equal(a, b) for a, b in zip((y, p, w), before, strict=True))


@every_metric
@pytest.mark.parametrize("weighted", [False, True])
def test_a_replay_counts_as_eager_does(make, y, p, scores, weighted):
    columns = [y, p, *([WEIGHTS[: len(y)]] if weighted else [])]
    replayed, eager = make(), make()

    def update(*columns):
        replayed.update(*columns)
        return []

    step = Step("metric", update, ["y", "p", "w"])
    slots = step.inputs(*[(c.shape, c.dtype) for c in columns])
    for turn in range(3):
        for slot, column in zip(slots, columns, strict=True):
            slot[...] = np.roll(column, turn, axis=0)
        step.run(slots)
        eager.update(*slots)
        assert replayed.result() == eager.result()
    assert len(step.programs) == 1


@every_metric
def test_the_words_for_a_metric(make, y, p, scores):
    assert repr(make()) == f"{make.__name__}()"
    assert make().name in METRICS


@pytest.mark.parametrize("metric", dict.fromkeys(METRICS.values()))
def test_shapes_that_would_broadcast_are_refused(metric):
    for y, p in ((np.ones(4), np.ones((4, 1))), (np.ones((4, 1)), np.ones(4))):
        with pytest.raises(ValueError, match=f"{metric().name}: y has shape .* the predictions"):
            metric().update(y, p)


def test_labels_of_another_number_are_refused():
    for y in ([1], np.eye(3)[:1], np.ones((4, 2))):
        with pytest.raises(ValueError, match="accuracy: y has shape"):
            Accuracy().update(y, ROWS)


def test_labels_are_no_targets_for_an_error():
    """(3,) labels and (3, 3) outputs would broadcast without a word."""
    model = Sequential([Dense(2, 3, "softmax")])
    model.compile("categorical_crossentropy", metrics=["mae"])
    before = [p.numpy().copy() for p in model.parameters()]
    with pytest.raises(ValueError, match=r"mae: y has shape \(3,\), but the predictions have"):
        model.fit(np.ones((3, 2)), [0, 1, 2], verbose=0)
    after = [p.numpy() for p in model.parameters()]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


# ------------------------------------------------------------------------------------ names


@pytest.mark.parametrize("name", METRICS)
def test_every_name_finds_its_metric(name):
    assert type(metrics.get(name, MeanSquaredError())) is METRICS[name]
    assert type(metrics.get(name.upper(), CategoricalCrossEntropy())) is METRICS[name]


@pytest.mark.parametrize("name", ["accuracy", "acc", "Accuracy"])
def test_accuracy_suits_the_loss(name):
    assert type(metrics.get(name, BinaryCrossEntropy())) is BinaryAccuracy
    assert type(metrics.get(name, CategoricalCrossEntropy())) is Accuracy


def test_a_metric_is_returned_as_it_is():
    given = Accuracy()
    assert metrics.get(given, MeanSquaredError()) is given


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(ValueError, match=r"unknown metric 'acuracy'\. Did you mean 'accuracy'"):
        metrics.get("acuracy", MeanSquaredError())
    with pytest.raises(TypeError, match=r"metric: expected a name or a Metric, got 3\. Known: acc"):
        metrics.get(3, MeanSquaredError())


def test_a_mean_is_handed_its_values():
    mean = Mean("loss")
    mean.add_mean(Tensor(1.5), 2)
    mean.add(Tensor([6.0]))
    assert mean.result() == 3
    with pytest.raises(NotImplementedError, match=r"loss: use add_mean\(mean, count\)"):
        mean.update([1.0], [1.0])


def test_a_metric_of_your_own_is_recorded():
    class Confidence(Metric):
        name = "confidence"

        def per_sample(self, y_true, y_pred):
            return y_pred.max(axis=-1)

    x, y = np.random.default_rng(0).normal(size=(20, 4)), np.arange(20) % 3
    model = Sequential([Dense(4, 3, "softmax")])
    model.compile("categorical_crossentropy", "sgd", metrics=["accuracy", Confidence()])
    history = model.fit(x, y, epochs=3, batch_size=8, verbose=0).history
    assert list(history) == ["loss", "accuracy", "confidence"]
    _, accuracy, confidence = model.evaluate(x, y)
    p = model.predict(x)
    assert confidence == pytest.approx(p.max(axis=1).mean())
    assert accuracy == pytest.approx((p.argmax(axis=1) == y).mean())


def test_a_single_metric_needs_no_list():
    model = Sequential([Dense(4, 3, "softmax")])
    for given in ("accuracy", Accuracy()):
        model.compile("categorical_crossentropy", metrics=given)
        assert [m.name for m in model.trainer.metrics] == ["accuracy"]
