"""The contract that every metric keeps. A metric without samples below fails."""

import math
import tracemalloc
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axon import Tensor, metrics
from axon.layers import Dense
from axon.losses import BinaryCrossEntropy, CategoricalCrossEntropy, MeanSquaredError
from axon.metrics import (
    AUC,
    METRICS,
    Accuracy,
    BinaryAccuracy,
    ConfusionMatrix,
    F1Score,
    Mean,
    MeanAbsoluteError,
    MeanMetric,
    Precision,
    R2Score,
    Recall,
    RootMeanSquaredError,
    TopKCategoricalAccuracy,
)
from axon.models import Sequential
from axon.program import Step
from tests.samples.metrics import MORE

ROWS = np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3], [0.3, 0.3, 0.4], [0.2, 0.6, 0.2]])
LABELS = np.array([1, 0, 2, 2])
YES, P = np.array([[1.0], [0.0], [1.0], [0.0]]), np.array([[0.9], [0.6], [0.2], [0.1]])
WEIGHTS = np.array([1.0, 0.5, 0.0, 3.0])

# name -> (how to make it, targets, predictions, the score of each sample)
MEANS = {
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
    "binary accuracy of logits": (partial(BinaryAccuracy, 0.0), YES, P - 0.15, [1, 0, 1, 1]),
    "top 2": (partial(TopKCategoricalAccuracy, 2), LABELS, ROWS, [1, 1, 1, 0]),
    "top 2 of one-hot rows": (
        partial(TopKCategoricalAccuracy, 2),
        *(np.eye(3)[LABELS], ROWS, [1, 1, 1, 0]),
    ),
    "top 2 of sequences": (
        partial(TopKCategoricalAccuracy, 2),
        *(np.array([[2, 1], [1, 0]]), np.stack([ROWS[:2], ROWS[2:]]), [0.5, 0.5]),
    ),
    "top 1": (partial(TopKCategoricalAccuracy, 1), LABELS, ROWS, [1, 1, 1, 0]),
    "mae": (MeanAbsoluteError, np.zeros((4, 3)), ROWS - 0.5, np.abs(ROWS - 0.5).mean(axis=1)),
    "mae of one number each": (MeanAbsoluteError, YES[:, 0], P[:, 0], [0.1, 0.6, 0.8, 0.1]),
    "mse": (metrics.MeanSquaredError, YES, P, [0.01, 0.36, 0.64, 0.01]),
}


def confusion(y, p, w):
    table = np.zeros((3, 3))
    np.add.at(table, (y, p.argmax(-1)), w)
    return table


# name -> (how to make it, targets, predictions, the result, the result with WEIGHTS)
OTHERS = {
    "precision": (Precision, YES, P, 1 / 2, 1 / 1.5),
    "precision over 0.15": (partial(Precision, 0.15), YES, P, 2 / 3, 1 / 1.5),
    "precision of class 2": (partial(Precision, class_id=2, top_k=1), LABELS, ROWS, 1.0, 0.0),
    "macro precision": (partial(Precision, average="macro"), LABELS, ROWS, 2.5 / 3, 1.25 / 3),
    "recall": (Recall, YES, P, 1 / 2, 1.0),
    "recall of class 2": (partial(Recall, class_id=2, top_k=1), LABELS, ROWS, 1 / 2, 0.0),
    "weighted recall": (
        partial(Recall, average="weighted"),
        *(np.eye(3)[LABELS], ROWS, 3 / 4, 1.5 / 4.5),
    ),
    "f1": (F1Score, YES[:, 0], P[:, 0], 1 / 2, 2 / 2.5),
    "micro f1": (partial(F1Score, "micro"), LABELS, ROWS, 3 / 4, 1.5 / 4.5),
    "f1 of several labels": (
        partial(F1Score, "macro", 0.5),
        *(YES.reshape(2, 2), P.reshape(2, 2), 1 / 3, 0.4),
    ),
    "auc": (AUC, YES, P, 3 / 4, 1.0),
    "average precision": (partial(AUC, "PR"), YES, P, (1 + 2 / 3) / 2, 1.0),
    "rmse": (RootMeanSquaredError, YES, P, 0.255**0.5, (0.22 / 4.5) ** 0.5),
    "r2": (R2Score, YES, P, 1 - 1.02 / 1, 1 - 0.22 / (1 - 1 / 4.5)),
    "confusion": (
        partial(ConfusionMatrix, 3),
        *(LABELS, ROWS, confusion(LABELS, ROWS, 1), confusion(LABELS, ROWS, WEIGHTS)),
    ),
}
SAMPLES = {name: sample[:3] for name, sample in {**MEANS, **OTHERS}.items()}
every_mean = pytest.mark.parametrize(("make", "y", "p", "scores"), MEANS.values(), ids=MEANS)
every_other = pytest.mark.parametrize(
    ("make", "y", "p", "result", "weighted"), OTHERS.values(), ids=OTHERS
)
every_metric = pytest.mark.parametrize(("make", "y", "p"), SAMPLES.values(), ids=SAMPLES)
recorded = {name: s for name, s in SAMPLES.items() if s[0]().recorded}
every_recorded = pytest.mark.parametrize(("make", "y", "p"), recorded.values(), ids=recorded)


def kind(make):
    """The class that a partial makes an object of."""
    return make.func if isinstance(make, partial) else make


def same(a, b, rel=1e-12):
    return np.allclose(a, b, rtol=rel, atol=1e-15, equal_nan=True)


def measured(metric, *batches):
    for batch in batches:
        metric.update(*batch)
    return metric.result()


def test_every_metric_has_a_sample():
    known = {kind(make) for make in METRICS.values()} - MORE | {ConfusionMatrix}
    assert known == {kind(make) for make, *_ in SAMPLES.values()}


@every_mean
def test_a_mean_is_that_of_the_scores(make, y, p, scores):
    result = measured(make(), (y, p))
    assert type(result) is float
    assert same(result, np.mean(scores))
    w = WEIGHTS[: len(y)]
    assert same(measured(make(), (y, p, w)), np.average(scores, weights=w))


@every_other
def test_the_result(make, y, p, result, weighted):
    found = measured(make(), (y, p))
    assert type(found) is (float if make().scalar else np.ndarray)
    assert same(found, result)
    assert same(measured(make(), (y, p, WEIGHTS[: len(y)])), weighted)


@every_metric
def test_tensors_lists_and_arrays_are_taken(make, y, p):
    expected, w = measured(make(), (y, p, WEIGHTS[: len(y)])), WEIGHTS[: len(y)]
    for batch in (
        *((Tensor(y), Tensor(p), w), (y.tolist(), p.tolist(), w.tolist()), (Tensor(y), p, w)),
        (y, Tensor(p, requires_grad=True), Tensor(w)),
    ):
        assert same(measured(make(), batch), expected)


@every_metric
def test_reset_forgets(make, y, p):
    metric = make()
    expected = measured(metric, (y, p))
    metric.update(y[::-1], p, WEIGHTS[: len(y)])
    metric.reset()
    assert same(metric.result(), make().result())
    assert np.array_equal(measured(metric, (y, p)), expected)


@every_metric
def test_before_the_first_sample(make, y, p):
    nothing = make().result()
    zero = kind(make) in (Precision, Recall, F1Score, ConfusionMatrix)
    assert np.all(np.equal(nothing, 0)) if zero else math.isnan(nothing)
    assert same(measured(make(), (y[:0], p[:0])), nothing)
    assert same(measured(make(), (y, p, np.zeros(len(y)))), nothing)


@every_metric
def test_what_weighs_nothing_is_not_there(make, y, p):
    w = WEIGHTS[: len(y)].copy()
    w[-1] = 0
    some = w > 0
    assert same(measured(make(), (y, p, w)), measured(make(), (y[some], p[some], w[some])))


@every_metric
@settings(max_examples=10, deadline=None, derandomize=True)
@given(data=st.data())
def test_batches_in_any_split_add_up(make, y, p, data):
    n = data.draw(st.integers(1, 12))
    chosen = data.draw(st.lists(st.integers(0, len(y) - 1), min_size=n, max_size=n))
    w = np.array(data.draw(st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.0]), min_size=n, max_size=n)))
    cuts = [0, *sorted(data.draw(st.lists(st.integers(0, n), max_size=4))), n]
    y, p = y[chosen], p[chosen].astype("f4")
    batches = [(y[a:b], p[a:b], w[a:b]) for a, b in pairwise(cuts)]
    assert same(measured(make(), *batches), measured(make(), (y, p, w)))


@every_metric
def test_weights_must_be_one_per_sample(make, y, p):
    w = WEIGHTS[: len(y)]
    for wrong in (w[:1], w[:, None], np.ones(7)):
        words = rf"{make().name}: sample_weight must have shape \({len(y)},\), one weight per"
        with pytest.raises(ValueError, match=words):
            make().update(y, p, wrong)


@every_metric
def test_inputs_are_never_modified(make, y, p):
    y, p, w = y.copy(), p.copy(), WEIGHTS[: len(y)].copy()
    before = [a.copy() for a in (y, p, w)]
    for array in (y, p, w):
        array.flags.writeable = False
    measured(make(), (y, p, w))
    assert all(np.array_equal(a, b) for a, b in zip((y, p, w), before, strict=True))


def recording(metric, y, p, w=None):
    """A step that updates a metric, and its inputs, filled."""
    columns = [y, p, *([] if w is None else [w])]

    def update(*columns):
        metric.update(*columns)
        return []

    step = Step("metric", update, ["y", "p", "w"], eager=False)
    slots = step.inputs(*[(c.shape, c.dtype) for c in columns])
    return step, slots, columns


@every_recorded
@pytest.mark.parametrize("weighted", [False, True])
def test_a_replay_counts_as_eager_does(make, y, p, weighted):
    replayed, eager = make(), make()
    w = WEIGHTS[: len(y)].astype("f4") if weighted else None
    step, slots, columns = recording(replayed, y, p.astype("f4"), w)
    for turn in range(4):
        if turn == 2:  # a new epoch
            replayed.reset()
            eager.reset()
        for slot, column in zip(slots, columns, strict=True):
            slot[...] = np.roll(column, turn, axis=0)
        step.run(slots)
        eager.update(*slots)
        assert np.array_equal(replayed.result(), eager.result(), equal_nan=True)
    assert len(step.programs) == 1


@every_recorded
def test_a_replay_allocates_nothing(make, y, p):
    times = 20_000
    y, p = np.repeat(y, times, axis=0), np.repeat(p, times, axis=0)
    step, slots, columns = recording(make(), y, p, np.repeat(WEIGHTS[: len(y) // times], times))
    for slot, column in zip(slots, columns, strict=True):
        slot[...] = column
    step.run(slots)
    step.run(slots)
    tracemalloc.start()
    step.run(slots)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 150_000  # NumPy's own buffers for mixed types; a row of weights takes 320 kB


@every_recorded
def test_accumulators_are_float64_and_have_names(make, y, p):
    metric = make()
    metric.update(y.astype("f4"), p.astype("f4"))
    tensors = metric.tensors()
    assert tensors
    assert all(t.dtype == np.float64 for t in tensors.values())
    assert not any(name.startswith("_") for name in tensors)
    if isinstance(metric, MeanMetric):
        assert list(tensors) == ["total", "count"]


@every_metric
def test_the_words_for_a_metric(make, y, p):
    metric = make(name="mine")
    assert metric.name == metric.config()["name"] == "mine"
    assert make().name in {**METRICS, "confusion_matrix": None}
    again = kind(make)(**metric.config())
    assert again.config() == metric.config()
    assert repr(metric).startswith(f"{kind(make).__name__}(")
    assert same(measured(again, (y, p)), measured(metric, (y, p)))


@every_metric
def test_shapes_that_would_broadcast_are_refused(make, y, p):
    wrong = [(np.ones(4), np.ones((4, 1))), (np.ones((4, 1)), np.ones(4)), (np.ones(3), np.ones(4))]
    for y_wrong, p_wrong in wrong:
        with pytest.raises(ValueError, match=f"{make().name}:"):
            make().update(y_wrong, p_wrong)


def test_labels_of_another_number_are_refused():
    for make in (Accuracy, AUC, partial(ConfusionMatrix, 3), partial(F1Score, "macro")):
        for y in ([1], np.eye(3)[:1], np.ones((4, 2))):
            with pytest.raises(ValueError, match=f"{make().name}: y has shape"):
                make().update(y, ROWS)


# ------------------------------------------------------------------------------------ each


def test_sums_of_short_floats_stay_exact():
    """In float32, 1 added to 2^24 is lost, and the square of 1e30 is infinite."""
    p = np.full(1000, 0.1, "f4")
    y = np.zeros(1000, "f4")
    mae = MeanAbsoluteError()
    for _ in range(20):
        mae.update(y, p)
    assert same(mae.result(), float(np.float32(0.1)), 1e-15)
    assert same(measured(RootMeanSquaredError(), (y, p * 1e31)), float(p[0] * 1e31), 1e-7)
    mean = Mean()
    mean.add(Tensor(np.ones(1, "f4")), Tensor(np.full(1, 2.0**24)))
    mean.add(Tensor(np.zeros(1, "f4")), Tensor(np.ones(1)))
    assert float(mean.tensors()["count"].data) == 2**24 + 1


def test_short_weights_and_scores_are_added_up_in_float64():
    large = np.array([2.0**24, 1.0, 1.0], "f4")
    mean, mae = Mean(), MeanAbsoluteError()
    mean.add(Tensor(large))
    mae.update(np.zeros(3), np.ones(3), large)
    assert float(mean.tensors()["total"].data) == 2**24 + 2
    mean.reset()
    mean.add_mean(Tensor(np.full((), 0.1, "f4")), 3)
    assert float(mean.tensors()["total"].data) == float(np.float32(0.1)) * 3
    assert float(mae.tensors()["count"].data) == 2**24 + 2


def test_the_threshold_itself_means_no():
    assert measured(BinaryAccuracy(0.3), ([1.0, 1.0], [0.3, 0.4])) == 0.5
    assert measured(Accuracy(), ([1.0, 1.0], [0.5, 0.6])) == 0.5
    assert measured(ConfusionMatrix(2), ([1.0], [0.5])).tolist() == [[0, 0], [1, 0]]


def test_smoothed_targets_are_read_as_yes_or_no():
    y, p = np.array([0.9, 0.1, 0.9, 0.1]), np.array([0.9, 0.8, 0.7, 0.6])
    for make, value in (
        *((BinaryAccuracy, 1 / 2), (Accuracy, 1 / 2), (Precision, 1 / 2), (Recall, 1.0)),
        *((AUC, 3 / 4), (partial(ConfusionMatrix, 2), [[0, 2], [0, 2]])),
    ):
        assert same(measured(make(), (y, p)), value)


def test_per_sample_must_score_samples():
    class Wrong(MeanMetric):
        name = "wrong"

        def per_sample(self, y_true, y_pred):
            return y_pred

    words = r"wrong: per_sample must return one score per sample, shape \(4,\), got shape \(4, 3\)"
    with pytest.raises(ValueError, match=words):
        Wrong().update(LABELS, ROWS)


def test_ties_among_the_outputs():
    """The first of equal outputs is the larger one, so that no constant model is always right."""
    equal = np.full((4, 4), 0.25)
    y = np.arange(4)
    for k, right in ((1, 1 / 4), (2, 2 / 4), (3, 3 / 4), (4, 1.0)):
        assert measured(TopKCategoricalAccuracy(k), (y, equal)) == right
    assert measured(Accuracy(), (y, equal)) == 1 / 4


def test_top_1_is_accuracy_and_all_guesses_are_right():
    rng = np.random.default_rng(0)
    p, y = rng.integers(0, 4, (200, 6)) / 4, rng.integers(0, 6, 200)
    assert measured(TopKCategoricalAccuracy(1), (y, p)) == measured(Accuracy(), (y, p))
    assert measured(TopKCategoricalAccuracy(6), (y, p)) == 1


def test_nan_and_infinity_among_the_outputs():
    p = np.array([[np.nan] * 3, [0.1, np.inf, 0.2], [np.nan, 0.1, 0.2], [-np.inf, 0.0, 0.1]])
    for y, right in (([0, 1, 0, 0], [0, 1, 0, 0]), ([2, 2, 2, 1], [0, 1, 1, 1])):
        assert measured(TopKCategoricalAccuracy(2), (y, p)) == np.mean(right)
    assert math.isnan(measured(AUC(), ([0, 1], [0.1, np.nan])))
    assert measured(AUC(), ([0, 1], [-np.inf, np.inf])) == 1


@pytest.mark.parametrize("p", [ROWS, P, P[:, 0]])
def test_more_guesses_than_classes_are_refused(p):
    with pytest.raises(
        ValueError, match=r"top_k_categorical_accuracy: k=5 guesses among \d outputs"
    ):
        TopKCategoricalAccuracy().update(LABELS, p)
    with pytest.raises(ValueError, match=r"k=1 guesses among 1 outputs are always right\. Choose"):
        TopKCategoricalAccuracy(1).update(YES, P)


@pytest.mark.parametrize("k", [0, -1, 1.5, "2", None, True])
def test_k_is_a_whole_number(k):
    with pytest.raises(ValueError, match="TopKCategoricalAccuracy: k must be a whole number"):
        TopKCategoricalAccuracy(k)


@pytest.mark.parametrize("value", [[0.5, 0.7], "half", True, float("nan"), float("inf")])
def test_a_threshold_is_one_number(value):
    makes = (partial(F1Score, None), BinaryAccuracy)
    for make in makes if isinstance(value, list) else (Precision, Recall, *makes):
        with pytest.raises(ValueError, match=f"{make().name}: threshold.* must be one finite numb"):
            make(value)
    with pytest.raises(ValueError, match="confusion_matrix: threshold must be one finite number"):
        ConfusionMatrix(2, value)


@pytest.mark.parametrize("make", [Precision, Recall, F1Score])
class TestPositives:
    def test_an_unknown_average(self, make):
        with pytest.raises(ValueError, match="average must be 'macro', 'micro', 'weighted' or No"):
            make(average="mean")

    def test_a_class_and_an_average(self, make):
        with pytest.raises(ValueError, match="give class_id or average, not both"):
            make(average="macro", class_id=1)

    @pytest.mark.parametrize("class_id", [-1, 1.0, "1", True])
    def test_a_class_is_a_number(self, make, class_id):
        with pytest.raises(ValueError, match=f"{make.__name__}: class_id must be a whole number"):
            make(class_id=class_id)

    def test_a_class_that_is_not_there(self, make):
        with pytest.raises(ValueError, match="class_id=3, but the model has 3 outputs: classes go"):
            make(class_id=3).update(LABELS, ROWS)

    def test_labels_need_a_choice(self, make):
        with pytest.raises(ValueError, match=r"y holds labels, shape \(4,\), .* choose average"):
            make().update(LABELS, ROWS)

    def test_an_average_needs_several_outputs(self, make):
        for options in ({"average": "macro"}, {"class_id": 0}):
            with pytest.raises(ValueError, match=r"are for several outputs.*shape \(4, 1\). Leave"):
                make(**options).update(YES, P)

    def test_nothing_positive(self, make):
        assert measured(make(), (np.zeros(3), np.zeros(3))) == 0
        assert measured(make(), (np.ones(3), np.zeros(3))) == 0
        assert measured(make(), (np.zeros(3), np.ones(3))) == 0
        assert measured(make(), (np.ones(3), np.ones(3))) == 1

    def test_a_threshold_is_exclusive(self, make):
        assert measured(make(), ([1, 1], [0.5, 0.5])) == 0

    def test_other_outputs_after_reset_only(self, make):
        metric = make(average="macro")
        metric.update(LABELS, ROWS)
        with pytest.raises(ValueError, match=r"one sample had shape \(3,\) in the first .* \(2,\)"):
            metric.update([0, 1], [[0.1, 0.9], [0.2, 0.8]])
        metric.reset()
        metric.update([0, 1], [[0.9, 0.1], [0.2, 0.8]])
        assert metric.result() == 1


def test_a_program_follows_accumulators_that_move():
    metric = F1Score("macro")
    step, slots, _ = recording(metric, LABELS, ROWS)
    slots[0][...], slots[1][...] = LABELS, ROWS
    step.run(slots)
    metric.reset()
    metric.update([0, 1], [[0.9, 0.1], [0.2, 0.8]])
    metric.reset()
    step.run(slots)
    assert same(metric.result(), measured(F1Score("macro"), (LABELS, ROWS)))


def test_r2_of_equal_targets():
    y, w = np.full(7, 0.1), np.linspace(0.1, 2, 7)
    for a in (1, 3, 7):
        assert measured(R2Score(), (y[:a], y[:a]), (y[a:], y[a:])) == (1.0)
        assert measured(R2Score(), (y[:a], y[:a] + 1, w[:a]), (y[a:], y[a:], w[a:])) == 0.0


def test_r2_of_equal_targets_after_one_that_weighs_nothing():
    y, w = np.array([5.0, *[0.1] * 4]), np.array([0.0, *np.linspace(0.1, 2, 4)])
    assert measured(R2Score(), (y, y + 1, w)) == 0.0


def test_r2_far_from_zero():
    """Sums of squares of the targets themselves would lose every digit."""
    rng = np.random.default_rng(0)
    y = 1e9 + rng.normal(size=300)
    p = y + 0.1 * rng.normal(size=300)
    expected = 1 - ((y - p) ** 2).sum() / ((y - y.mean()) ** 2).sum()
    assert same(measured(R2Score(), (y[:100], p[:100]), (y[100:], p[100:])), expected, 1e-9)


def test_r2_of_a_single_sample():
    assert math.isnan(measured(R2Score(), ([1.0], [1.0])))
    assert math.isnan(measured(R2Score(), ([1.0, 2.0], [1.0, 2.0], [0.0, 3.0])))
    assert measured(R2Score(), ([9.0], [1.0], [0.0]), ([1.0, 2.0], [1.0, 2.0])) == 1


def test_r2_averages_the_outputs():
    y = np.array([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])
    assert measured(R2Score(), (y, np.array([[1.0, 5.0], [2.0, 5.0], [4.0, 5.0]]))) == 0.75


@pytest.mark.parametrize("curve", ["roc", "ROC", "pr"])
def test_the_names_of_the_curves(curve):
    assert AUC(curve).curve == curve.upper()
    assert AUC(curve).name == ("auc" if curve.lower() == "roc" else "pr_auc")


@pytest.mark.parametrize("curve", ["lift", None, 1])
def test_an_unknown_curve(curve):
    with pytest.raises(ValueError, match="AUC: curve must be 'ROC' or 'PR', got"):
        AUC(curve)


def test_targets_all_of_one_kind():
    for y in (np.zeros(3), np.ones(3)):
        assert math.isnan(measured(AUC(), (y, [0.1, 0.2, 0.3])))
        assert measured(AUC("PR"), (y, [0.1, 0.2, 0.3])) == y[0]


def test_scores_are_copied_and_weights_of_sequences_repeated():
    y, p = np.array([[1, 0], [0, 1]]), np.array([[[0.9], [0.5]], [[0.3], [0.4]]])
    auc = AUC()
    assert not auc.recorded
    assert auc.tensors() == {}
    auc.update(y[..., None], p, [1.0, 3.0])
    p[:] = 0.5
    # positives 0.9 (1), 0.4 (3); negatives 0.5 (1), 0.3 (3)
    assert auc.result() == 13 / 16
    assert auc.result() == 13 / 16


def test_two_classes_by_labels_are_yes_and_no():
    p = np.array([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.8, 0.2]])
    y = np.array([0, 1, 0, 1])
    for curve in ("ROC", "PR"):
        assert measured(AUC(curve), (y, p)) == measured(AUC(curve), (y, p[:, 1]))


def test_a_confusion_matrix_of_other_classes():
    matrix = ConfusionMatrix(2)
    words = (
        r"confusion_matrix: made for num_classes=2, but .* tell 3 classes .* ConfusionMatrix\(3\)"
    )
    with pytest.raises(ValueError, match=words):
        matrix.update(LABELS, ROWS)
    for wrong in (1, 0, 2.0, None):
        with pytest.raises(ValueError, match="ConfusionMatrix: num_classes must be a whole number"):
            ConfusionMatrix(wrong)


def test_labels_that_name_no_class():
    for label in (3, -1):
        matrix = ConfusionMatrix(3)
        matrix.update([0, label, 2, 2], ROWS, [1.0, 0.0, 1.0, 1.0])  # padding, that weighs nothing
        assert matrix.result().sum() == 3
        matrix.update([0, label, 2, 2], ROWS)
        with pytest.raises(
            ValueError, match="confusion_matrix: 1 labels are not of the classes 0 "
        ):
            matrix.result()


def test_a_confusion_matrix_of_yes_and_no():
    matrix = ConfusionMatrix(2, threshold=0.15)
    matrix.update(YES, P)
    assert matrix.result().tolist() == [[1, 1], [0, 2]]
    matrix.result()[...] = 7
    assert matrix.result().sum() == 4
    assert not matrix.scalar


# ------------------------------------------------------------------------------------ names


@pytest.mark.parametrize("name", METRICS)
def test_every_name_finds_its_metric(name):
    for found in (
        metrics.get(name, MeanSquaredError()),
        metrics.get(name.upper(), CategoricalCrossEntropy()),
    ):
        assert type(found) is kind(METRICS[name])
    assert metrics.get("roc_auc", MeanSquaredError()).curve == "ROC"
    assert metrics.get("pr_auc", MeanSquaredError()).curve == "PR"


@pytest.mark.parametrize("name", ["accuracy", "acc", "Accuracy"])
def test_accuracy_suits_the_loss(name):
    binary = metrics.get(name, BinaryCrossEntropy())
    assert type(binary) is BinaryAccuracy
    assert (binary.name, binary.threshold) == ("accuracy", 0.5)
    assert metrics.get(name, BinaryCrossEntropy(from_logits=True)).threshold == 0
    assert type(metrics.get(name, CategoricalCrossEntropy(from_logits=True))) is Accuracy
    several = metrics.get("precision", CategoricalCrossEntropy(from_logits=True))
    assert several.config()["thresholds"] is None


@pytest.mark.parametrize("name", ["precision", "recall", "f1", "binary_accuracy"])
def test_logits_mean_yes_above_0(name):
    y, z = np.array([1.0, 0.0, 1.0]), np.array([0.2, -0.3, 0.4])
    assert measured(metrics.get(name, BinaryCrossEntropy(from_logits=True)), (y, z)) == 1
    assert measured(metrics.get(name, BinaryCrossEntropy()), (y, z)) < 1


def test_a_metric_is_returned_as_it_is():
    given = Accuracy()
    assert metrics.get(given, MeanSquaredError()) is given
    assert type(metrics.get(R2Score, MeanSquaredError())) is R2Score


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(ValueError, match=r"unknown metric 'acuracy'\. Did you mean 'accuracy'"):
        metrics.get("acuracy", MeanSquaredError())
    for wrong in (3, int, None):
        with pytest.raises(
            TypeError, match=r"metric: expected a name or a Metric, got .* Known: a"
        ):
            metrics.get(wrong, MeanSquaredError())


def test_a_mean_is_handed_its_values():
    mean = Mean("loss")
    mean.add_mean(Tensor(1.5), 2)
    mean.add(Tensor([6.0]))
    assert mean.result() == 3
    with pytest.raises(NotImplementedError, match=r"loss: use add_mean\(mean, count\)"):
        mean.update([1.0], [1.0])


# ------------------------------------------------------------------------------------ in fit


def test_a_metric_of_your_own_is_recorded():
    class Confidence(MeanMetric):
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


@pytest.mark.parametrize("eager", [False, True])
def test_every_metric_at_once(eager):
    """Recorded ones in the step, others after it; what the epoch says is what the data say."""
    rng = np.random.default_rng(0)
    x, y, w = rng.normal(size=(50, 4)), rng.integers(0, 3, 50), rng.integers(0, 3, 50) / 2.0
    watched = [Accuracy(), TopKCategoricalAccuracy(2), F1Score("macro"), AUC(), ConfusionMatrix(3)]
    model = Sequential([Dense(4, 3, "softmax")])
    model.compile("categorical_crossentropy", "sgd", metrics=watched, eager=eager)
    model.fit(x, y, batch_size=16, epochs=2, verbose=0)
    logs = model.evaluate(x, y, batch_size=16, sample_weight=w, return_dict=True)
    p = model.predict(x)
    assert list(logs) == ["loss", *(m.name for m in watched[:-1])]
    for metric in watched:
        found = metric.result()
        assert np.allclose(found, measured(type(metric)(**metric.config()), (y, p, w)), rtol=1e-9)
        assert not metric.scalar or found == logs[metric.name]


def test_a_single_metric_needs_no_list():
    model = Sequential([Dense(4, 3, "softmax")])
    for watched in ("accuracy", Accuracy()):
        model.compile("categorical_crossentropy", metrics=watched)
        assert [m.name for m in model.trainer.metrics] == ["accuracy"]


def test_labels_are_no_targets_for_an_error():
    """(3,) labels and (3, 3) outputs would broadcast without a word."""
    model = Sequential([Dense(2, 3, "softmax")])
    model.compile("categorical_crossentropy", metrics=["mae"])
    before = [p.numpy().copy() for p in model.parameters()]
    with pytest.raises(ValueError, match=r"mae: y has shape \(3,\), but the predictions have"):
        model.fit(np.ones((3, 2)), [0, 1, 2], verbose=0)
    after = [p.numpy() for p in model.parameters()]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
