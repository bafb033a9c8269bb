"""Metrics beside the usual ones, as scikit-learn has them, in batches and at once, weighted.

What Keras has, tests/contracts/test_same_names.py compares with Keras.
"""

from functools import partial

import numpy as np
import pytest

from axon import losses, metrics

sk = pytest.importorskip("sklearn.metrics")

rng = np.random.default_rng(3)
N = 50
YES, CHANCE = rng.integers(0, 2, N), rng.random(N).round(2)
LABELS, SHARES = rng.integers(0, 4, N), rng.dirichlet(np.ones(4), N)
NUMBERS, GUESSES = rng.normal(size=(N, 3)), rng.normal(size=(N, 3)).round(1)
W = rng.random(N) * (rng.random(N) > 0.2)
GUESS = SHARES.argmax(1)


def kappa(weights):
    return lambda y, p, w: sk.cohen_kappa_score(y, p, weights=weights, sample_weight=w)


def explained(y, p, w):
    return sk.explained_variance_score(y, p, sample_weight=w)


def weighted(function, **options):
    return lambda y, p, w: function(y, p, sample_weight=w, **options)


# name -> (ours, targets, predictions, scikit-learn's, what it is given as predictions)
CASES = {
    "balanced": (
        *(metrics.BalancedAccuracy, YES, CHANCE),
        *(weighted(sk.balanced_accuracy_score), CHANCE > 0.5),
    ),
    "balanced over 0.3": (
        *(partial(metrics.BalancedAccuracy, threshold=0.3), YES, CHANCE),
        *(weighted(sk.balanced_accuracy_score), CHANCE > 0.3),
    ),
    "balanced of classes": (
        *(metrics.BalancedAccuracy, LABELS, SHARES),
        *(weighted(sk.balanced_accuracy_score), GUESS),
    ),
    "mcc": (
        *(metrics.MatthewsCorrelation, YES, CHANCE),
        *(weighted(sk.matthews_corrcoef), CHANCE > 0.5),
    ),
    "mcc of classes": (
        *(metrics.MatthewsCorrelation, np.eye(4)[LABELS], SHARES),
        *(lambda y, p, w: sk.matthews_corrcoef(LABELS, p, sample_weight=w), GUESS),
    ),
    **{
        f"kappa {how}": (partial(metrics.CohenKappa, how), LABELS, SHARES, kappa(how), GUESS)
        for how in (None, "linear", "quadratic")
    },
    "explained variance": (metrics.ExplainedVariance, NUMBERS, GUESSES, explained, GUESSES),
    "explained variance of one": (
        *(metrics.ExplainedVariance, NUMBERS[:, 0] + 1e6, GUESSES[:, 0] + 1e6, explained),
        GUESSES[:, 0] + 1e6,
    ),
    "f2": (
        *(partial(metrics.FBetaScore, beta=2.0), YES, CHANCE),
        *(weighted(sk.fbeta_score, beta=2.0), CHANCE > 0.5),
    ),
    "mape": (
        *(metrics.MeanAbsolutePercentageError, NUMBERS, GUESSES),
        *(lambda y, p, w: 100 * sk.mean_absolute_percentage_error(y, p, sample_weight=w), GUESSES),
    ),
    "msle": (
        *(metrics.MeanSquaredLogarithmicError, abs(NUMBERS), abs(GUESSES) + 0.1),
        *(weighted(sk.mean_squared_log_error), abs(GUESSES) + 0.1),
    ),
    "log loss": (
        *(metrics.CategoricalCrossEntropy, LABELS, SHARES),
        *(weighted(sk.log_loss), SHARES),
    ),
    "mean iou": (
        *(partial(metrics.MeanIoU, 4, sparse_y_pred=False), LABELS, SHARES),
        *(weighted(sk.jaccard_score, average="macro"), GUESS),
    ),
}
every_case = pytest.mark.parametrize(
    ("make", "y", "p", "theirs", "given"), CASES.values(), ids=CASES
)


@every_case
@pytest.mark.parametrize("w", [None, W], ids=["plain", "weighted"])
def test_numbers_are_those_of_scikit_learn_in_batches_and_at_once(make, y, p, theirs, given, w):
    expected = theirs(y, given, w)
    at_once, parts = make(), make()
    at_once.update(y, p, w)
    for cut in (slice(0, 7), slice(7, 8), slice(8, N)):
        parts.update(y[cut], p[cut], None if w is None else w[cut])
    assert at_once.result() == pytest.approx(expected, rel=1e-7)
    assert parts.result() == pytest.approx(expected, rel=1e-7)
    again = make()
    again.load_state_dict(parts.state_dict())
    assert again.result() == parts.result()
    halves = [make(), make()]
    for half, cut in zip(halves, (slice(0, 20), slice(20, N)), strict=True):
        half.update(y[cut], p[cut], None if w is None else w[cut])
    merged = parts.merge([half.state_dict() for half in halves])
    assert merged is not None
    again.load_state_dict(merged)
    assert again.result() == pytest.approx(expected, rel=1e-7)
    parts.reset()
    parts.update(y, p, w)
    assert parts.result() == pytest.approx(expected, rel=1e-7)


def test_ranks_are_those_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    score = metrics.SpearmanCorrelation()
    for cut in (slice(0, 20), slice(20, N)):
        score.update(NUMBERS[cut], GUESSES[cut])
    wanted = [stats.spearmanr(NUMBERS[:, i], GUESSES[:, i]).statistic for i in range(3)]
    assert score.result() == pytest.approx(np.mean(wanted))
    chosen = metrics.SpearmanCorrelation()
    chosen.update(NUMBERS[:, 0], GUESSES[:, 0], W)
    kept = stats.spearmanr(NUMBERS[W > 0, 0], GUESSES[W > 0, 0]).statistic
    assert chosen.result() == pytest.approx(kept)
    assert np.isnan(metrics.SpearmanCorrelation().result())


@pytest.mark.parametrize("w", [None, W], ids=["plain", "weighted"])
def test_counts_at_thresholds(w):
    matrix = sk.confusion_matrix(YES, CHANCE > 0.37, sample_weight=w)
    names = ("TrueNegatives", "FalsePositives", "FalseNegatives", "TruePositives")
    for name, wanted in zip(names, matrix.ravel(), strict=True):
        count = getattr(metrics, name)(0.37)
        count.update(YES[:9], CHANCE[:9], None if w is None else w[:9])
        count.update(YES[9:], CHANCE[9:], None if w is None else w[9:])
        assert count.result() == pytest.approx(wanted)
        several = getattr(metrics, name)([0.1, 0.37, 0.9])
        several.update(YES, CHANCE, w)
        assert several.result()[1] == pytest.approx(wanted)
        assert not several.scalar


def test_steps_that_are_padded_do_not_count():
    y, p = rng.integers(0, 3, (4, 5)), rng.dirichlet(np.ones(3), (4, 5))
    real = np.arange(5) < np.array([5, 2, 3, 1])[:, None]
    for make in (
        *(metrics.BalancedAccuracy, metrics.MatthewsCorrelation, metrics.CohenKappa),
        *(partial(metrics.MeanIoU, 3, sparse_y_pred=False), metrics.CategoricalCrossEntropy),
        *(partial(metrics.RecallAtPrecision, 0.3, class_id=1), metrics.CategoricalHinge),
    ):
        padded, kept = make(), make()
        padded.update(y, p, real * 1.0)
        kept.update(y[real], p[real])
        assert padded.result() == pytest.approx(kept.result())


def test_names_beside_losses_of_logits():
    found = metrics.get("binary_crossentropy", losses.BinaryCrossEntropy(from_logits=True))
    found.update([1.0], [0.0])
    assert found.result() == pytest.approx(np.log(2))
    assert metrics.get("fbeta_score", losses.BinaryCrossEntropy(True)).config()["threshold"] == 0


@pytest.mark.parametrize(
    ("make", "y", "p", "words"),
    [
        (lambda: metrics.MeanIoU(3), [0, 1], np.eye(3)[:2], "use sparse_y_pred=False"),
        (lambda: metrics.MeanIoU(3), [0, 1], [0, 7], r"1 labels or predictions are not of the cl"),
        (lambda: metrics.PearsonCorrelation(), [1.0], [1.0], "numbers of one sample"),
        (lambda: metrics.TruePositives([0.5, 0.1]), [1], [1.0], "several that increase"),
        (lambda: metrics.RecallAtPrecision(2), [1], [1.0], "precision must lie between 0 and 1"),
        (lambda: metrics.RecallAtPrecision(0.5, class_id=3), [1], np.eye(2)[:1], "class_id=3"),
        (lambda: metrics.CohenKappa("cubic"), [1], [1.0], "weights must be"),
        (lambda: metrics.IoU(3, [3]), [1], [1.0], "numbers of classes, from 0 to 2"),
        (lambda: metrics.BalancedAccuracy(), [3], [0.2], "targets must be 0 and 1"),
    ],
)
def test_what_does_not_fit_is_named(make, y, p, words):
    def measured():
        metric = make()
        metric.update(y, p)
        return metric.result()

    with pytest.raises(ValueError, match=words):
        measured()


def test_scores_that_are_thresholds_or_nan_are_not_above():
    p = np.array([0.1, 0.3, np.nan], "f4")
    for threshold, there in ((0.1, 1.0), (0.3, 0.0)):
        count = metrics.TruePositives(threshold)
        count.update([1, 1, 1], p)
        assert count.result() == there
    score = metrics.SpearmanCorrelation()
    score.update([1, 2, 3], p)
    assert np.isnan(score.result())


def test_scores_of_classes_have_an_axis_for_them():
    for metric in (metrics.CategoricalHinge(), metrics.CategoricalCrossEntropy()):
        with pytest.raises(ValueError, match=r"expected a score for each class.*got \(2,\)"):
            metric.update([0, 1], [0.25, 0.75])


def test_focal_entropies_and_huber_are_means_of_the_losses_and_sums_are_sums():
    chances = SHARES / SHARES.sum(1, keepdims=True)
    for metric, loss, y, p in (
        *(
            (metrics.get(name, losses.get("mse")), losses.get(name), y, p)
            for name, y, p in (
                ("binary_focal_crossentropy", YES, CHANCE),
                ("categorical_focal_crossentropy", LABELS, chances),
                ("huber", NUMBERS, GUESSES),
            )
        ),
        (metrics.Huber(delta=0.3), losses.Huber(0.3), NUMBERS, GUESSES),
        (
            *(
                metrics.BinaryFocalCrossEntropy(gamma=1.0),
                losses.BinaryFocalCrossEntropy(gamma=1.0),
            ),
            *(YES, CHANCE),
        ),
    ):
        metric.update(y[:9], p[:9], W[:9])
        metric.update(y[9:], p[9:], W[9:])
        each = [loss.loss(y[i : i + 1], p[i : i + 1]) for i in range(N)]
        assert metric.result() == pytest.approx(np.average(each, weights=W), rel=1e-6)
    total, other = metrics.Sum(), metrics.Sum()
    total.add(NUMBERS, W)
    other.add(NUMBERS)
    assert total.result() == pytest.approx((NUMBERS * W[:, None]).sum())
    merged = total.merge([total.state_dict(), other.state_dict()])
    total.load_state_dict(merged)
    assert total.result() == pytest.approx((NUMBERS * (1 + W[:, None])).sum())
    with pytest.raises(NotImplementedError, match=r"by add\(values"):
        total.update(YES, CHANCE)


def test_a_name_that_says_too_little_is_answered_by_what_to_write():
    with pytest.raises(ValueError, match=r"more than its name: pass axon.metrics.MeanIoU.num_cla"):
        metrics.get("MeanIoU", losses.get("mse"))
    with pytest.raises(ValueError, match=r"axon.metrics.RecallAtPrecision.precision=...."):
        metrics.get("recall_at_precision", losses.get("mse"))
    assert metrics.get("F1Score", losses.get("mse")).name == "f1_score"


def test_scores_at_several_thresholds():
    precision, recall = metrics.Precision([0.9, 0.3]), metrics.Recall([0.9, 0.3])
    for score, theirs in ((precision, sk.precision_score), (recall, sk.recall_score)):
        assert not score.scalar
        assert (score.result() == 0).all()
        score.update(YES[:9], CHANCE[:9], W[:9])
        score.update(YES[9:], CHANCE[9:], W[9:])
        wanted = [theirs(YES, CHANCE > cut, sample_weight=W, zero_division=0) for cut in (0.9, 0.3)]
        assert score.result() == pytest.approx(wanted)
    with pytest.raises(ValueError, match="average must be None beside several thresholds"):
        metrics.Precision([0.1, 0.2], average="macro")
